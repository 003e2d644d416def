//! A case: the fold of its events.

use jiff::Timestamp;

use super::act::{Act, Actor, Outcome};
use super::event::{ActRecorded, Decision, DeliveryAcknowledged, HopOpened, ServiceClock};
use super::ids::{CaseId, HopId, ProcedureKey, Sequence};
use super::party::{PartyNumber, Role};
use super::region::Region;
use super::term::{Due, Source};

/// One application with its family. Holds no personal data: those stay in the journal's bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The case's id.
    pub id: CaseId,
    /// Procedure and edition, fixed at registration.
    pub procedure: ProcedureKey,
    /// The intended region of residence.
    pub region: Region,
    /// Applicant and family, in persons.
    pub persons: u16,
    /// The parties of the case. Invariant: every holder and receiver of a hop is one of them.
    pub participants: Vec<(Role, PartyNumber)>,
    /// The decision before entry, once there is one.
    pub consent: Option<Decision>,
    /// The persons who have arrived, once that is registered.
    pub arrived_persons: Option<u16>,
    /// The decision after arrival, once there is one.
    pub inclusion: Option<Decision>,
    /// The clocks of the whole service, before entry and after arrival.
    pub service: Vec<ServiceClock>,
    /// The hops in the order of their opening. Invariant: a hop occurs once.
    pub hops: Vec<HopRun>,
    /// When the last event was accepted.
    pub updated_at: Timestamp,
}

/// One hop of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopRun {
    /// The hop.
    pub hop: HopId,
    /// The act that discharges it.
    pub act: Act,
    /// Who must act by law.
    pub from: Actor,
    /// The party whose system records the act.
    pub holder: PartyNumber,
    /// The record that opened it; with the hop it names the obligation.
    pub opened_by: Sequence,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant, or none when the text states no term.
    pub due: Option<Due>,
    /// Whether that term is the law's or assumed.
    pub source: Source,
    /// Where it stands.
    pub state: HopState,
}

/// Where a hop stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopState {
    /// The holder has not acted.
    Open,
    /// The holder has acted; the act is on its way to the receiver.
    Carried {
        /// The act.
        acted: Moment,
        /// The receiver.
        to: PartyNumber,
        /// Its place in the receiver's due order.
        order: Timestamp,
    },
    /// Nothing is outstanding.
    Done {
        /// The act.
        acted: Moment,
        /// The receiver's acknowledgement; none when the receiver is the applicant.
        received: Option<Receipt>,
    },
}

/// An event's place in the journal, and the instant that counts for it: its acceptance, or for a
/// handover the instant of the handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its place.
    pub sequence: Sequence,
    /// The instant.
    pub at: Timestamp,
}

/// A receiver's acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Who received.
    pub by: PartyNumber,
    /// When the bus accepted the acknowledgement.
    pub moment: Moment,
}

/// Where a case stands, derived from its open hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseStatus {
    /// A party must act, or an act is on its way.
    InProgress,
    /// Only the applicant can go on.
    AwaitingApplicant,
    /// Nothing is open any more.
    Closed,
}

impl HopRun {
    /// The act, once there is one.
    pub fn acted(&self) -> Option<Moment> {
        match &self.state {
            HopState::Open => None,
            HopState::Carried { acted, .. } | HopState::Done { acted, .. } => Some(*acted),
        }
    }

    /// The acknowledgement, once there is one.
    pub fn received(&self) -> Option<Receipt> {
        match &self.state {
            HopState::Open | HopState::Carried { .. } => None,
            HopState::Done { received, .. } => *received,
        }
    }

    /// True once the act came at or after the due instant, or has not come by `now`.
    pub fn is_late(&self, now: Timestamp) -> bool {
        let until = self.acted().map_or(now, |acted| acted.at);
        self.due.as_ref().is_some_and(|due| until >= due.instant)
    }

    /// Whether the hop is an obligation of its holder: open, and not the applicant's to take.
    pub fn is_obligation(&self) -> bool {
        self.state == HopState::Open && self.from != Actor::Applicant
    }
}

impl Case {
    /// The case that a first act opens. Total for every act that [`decide`](super::decide()) made
    /// with an opening; none for one without.
    pub fn open(event: &ActRecorded, sequence: Sequence, at: Timestamp) -> Option<Self> {
        let opening = event.opening.as_ref()?;
        let mut case = Self {
            id: event.case,
            procedure: opening.procedure.clone(),
            region: opening.region,
            persons: opening.persons,
            participants: opening.participants.clone(),
            consent: None,
            arrived_persons: None,
            inclusion: None,
            service: Vec::new(),
            hops: Vec::new(),
            updated_at: at,
        };
        if let Some(hop) = opening.recorded_with {
            let filed = Moment { sequence, at: opening.filed_at };
            case.hops.push(HopRun {
                hop,
                act: event.act,
                from: Actor::Applicant,
                holder: event.author,
                opened_by: sequence,
                opened_at: opening.filed_at,
                due: None,
                source: Source::Statutory,
                state: HopState::Done { acted: filed, received: None },
            });
        }
        case.push_opened(std::slice::from_ref(&opening.clock), sequence);
        case.apply_act(event, sequence, at);
        Some(case)
    }

    /// Folds an act in.
    pub fn apply_act(&mut self, event: &ActRecorded, sequence: Sequence, at: Timestamp) {
        let acted = Moment { sequence, at: event.discharged_at };
        let open = |run: &&mut HopRun| run.hop == event.hop && run.state == HopState::Open;
        if let Some(run) = self.hops.iter_mut().find(open) {
            run.state = match event.delivery {
                Some(delivery) => {
                    HopState::Carried { acted, to: delivery.to, order: delivery.order }
                }
                None => HopState::Done { acted, received: None },
            };
        }
        if event.act == Act::RecordConsentDecision {
            self.consent.clone_from(&event.decision);
        }
        self.arrived_persons = event.arrived_persons.or(self.arrived_persons);
        if event.act == Act::RecordInclusionDecision {
            self.inclusion.clone_from(&event.decision);
        }
        self.service.extend(event.service.clone());
        self.push_opened(&event.opened, sequence);
        self.updated_at = at;
    }

    /// Folds an acknowledgement in.
    pub fn apply_acknowledged(
        &mut self,
        event: &DeliveryAcknowledged,
        sequence: Sequence,
        at: Timestamp,
    ) {
        let received = Receipt { by: event.by, moment: Moment { sequence, at } };
        if let Some(run) = self.carried_mut(event.delivery)
            && let Some(acted) = run.acted()
        {
            run.state = HopState::Done { acted, received: Some(received) };
        }
        self.push_opened(&event.opened, sequence);
        self.updated_at = at;
    }

    /// The hop whose act is the delivery `sequence`.
    pub fn delivered(&self, delivery: Sequence) -> Option<&HopRun> {
        self.hops.iter().find(|run| match &run.state {
            HopState::Open => false,
            HopState::Carried { acted, .. } => acted.sequence == delivery,
            HopState::Done { acted, received } => acted.sequence == delivery && received.is_some(),
        })
    }

    /// The record that opened the case.
    pub fn opened_by(&self) -> Option<Sequence> {
        self.hops.first().map(|run| run.opened_by)
    }

    /// The last decision's outcome, once there is one.
    pub fn outcome(&self) -> Option<Outcome> {
        self.inclusion.as_ref().or(self.consent.as_ref()).map(|decision| decision.outcome)
    }

    /// Where the case stands.
    pub fn status(&self) -> CaseStatus {
        let mut open = self.hops.iter().filter(|run| !matches!(run.state, HopState::Done { .. }));
        let waits_for_applicant =
            |run: &HopRun| run.from == Actor::Applicant && run.state == HopState::Open;
        match open.next() {
            None => CaseStatus::Closed,
            Some(run) if waits_for_applicant(run) && open.all(waits_for_applicant) => {
                CaseStatus::AwaitingApplicant
            }
            Some(_) => CaseStatus::InProgress,
        }
    }

    /// The act of the last hop that the given act discharged, if there is one; it names the
    /// document that act brought into the case.
    pub fn last(&self, act: Act) -> Option<Moment> {
        self.hops.iter().rev().filter(|run| run.act == act).find_map(HopRun::acted)
    }

    fn carried_mut(&mut self, delivery: Sequence) -> Option<&mut HopRun> {
        self.hops.iter_mut().find(|run| {
            matches!(&run.state, HopState::Carried { acted, .. } if acted.sequence == delivery)
        })
    }

    fn push_opened(&mut self, opened: &[HopOpened], sequence: Sequence) {
        self.hops.extend(opened.iter().map(|opened| HopRun {
            hop: opened.hop,
            act: opened.act,
            from: opened.from,
            holder: opened.holder,
            opened_by: sequence,
            opened_at: opened.opened_at,
            due: opened.due.clone(),
            source: opened.source,
            state: HopState::Open,
        }));
    }
}
