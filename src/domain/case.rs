//! A case: the fold of its events.

mod held;
mod run;

use jiff::Timestamp;

use super::act::{Act, Actor, Basis, Outcome};
use super::confidential::Papers;
use super::erasure::CaseErased;
use super::event::{
    ActRecorded, ClocksMoved, Decision, Delivery, DeliveryAcknowledged, DeliveryKind, HopOpened,
    ServiceClock,
};
use super::ids::{CaseId, HopId, ProcedureKey, Sequence};
use super::party::{PartyNumber, Role};
use super::quota::{Holding, IdentityHash, Standing};
use super::region::Region;
use super::term::Source;

pub use run::{CopyRun, HopRun, HopState, Moment, Receipt};

/// The most runs of hops that a case holds.
pub const MAX_RUNS: usize = 128;

/// One application with its family. Holds no personal data: those stay in the journal's bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The case's id.
    pub id: CaseId,
    /// Procedure and edition, fixed at registration.
    pub procedure: ProcedureKey,
    /// The region of residence or reception.
    pub region: Region,
    /// The region of departure, where the procedure has one.
    pub departure: Option<Region>,
    /// The role of the party that took the application in.
    pub channel: Role,
    /// On what basis it was opened.
    pub basis: Basis,
    /// Applicant and family, in persons; zero where nobody applies.
    pub persons: u16,
    /// The applicant by a keyed hash.
    pub applicant: Option<IdentityHash>,
    /// The case that this one is about.
    pub concerns: Option<CaseId>,
    /// The parties of the case by their places. Invariant: every holder of an open hop, and every
    /// receiver of one on its way, is one of them.
    pub participants: Vec<(Actor, PartyNumber)>,
    /// The decision before entry, once there is one.
    pub consent: Option<Decision>,
    /// The persons who have arrived, once that is registered.
    pub arrived_persons: Option<u16>,
    /// The decision of the service, or the answer to the complaint, once there is one.
    pub decision: Option<Decision>,
    /// What was decided, recommended or answered last; it says which branch is taken.
    pub last_outcome: Option<Outcome>,
    /// When the hearing is to be, once it is set.
    pub hearing_at: Option<Timestamp>,
    /// Its places in the quota. Invariant: the ledger is the sum of these over all cases.
    pub holding: Option<Holding>,
    /// The clocks of the whole service, before entry and after arrival.
    pub service: Vec<ServiceClock>,
    /// The hops in the order of their opening. Invariant: a hop is open at most once; one that is
    /// opened again has a run for each time.
    pub hops: Vec<HopRun>,
    /// Deliveries beside those of the hops, in the order of the acts.
    pub copies: Vec<CopyRun>,
    /// How its personal data are kept.
    pub papers: Papers,
    /// When the last event was accepted.
    pub updated_at: Timestamp,
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

impl Case {
    /// The case that a first act opens. Total for every act that [`decide`](super::decide()) made
    /// with an opening; none for one without.
    pub fn open(event: &ActRecorded, sequence: Sequence, at: Timestamp) -> Option<Self> {
        let opening = event.opening.as_ref()?;
        let mut case = Self {
            id: event.case,
            procedure: opening.procedure.clone(),
            region: opening.region,
            departure: opening.departure,
            channel: opening.channel,
            basis: opening.basis,
            persons: opening.persons,
            applicant: opening.applicant,
            concerns: opening.concerns,
            participants: opening.participants.clone(),
            consent: None,
            arrived_persons: None,
            decision: None,
            last_outcome: None,
            hearing_at: None,
            holding: None,
            service: Vec::new(),
            hops: Vec::new(),
            copies: Vec::new(),
            papers: Papers::begin(&event.body.content),
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
                branch: false,
                state: HopState::Done { acted: filed, received: None },
            });
        }
        case.push_opened(std::slice::from_ref(&opening.clock), sequence);
        case.apply_act(event, sequence, at);
        Some(case)
    }

    /// Folds an act in.
    pub fn apply_act(&mut self, event: &ActRecorded, sequence: Sequence, at: Timestamp) {
        self.discharge(event.hop, event, sequence);
        // What ends comes before what opens: a hearing that moves ends and is opened again.
        for hop in &event.closed {
            if let Some(run) = self.open_run_mut(*hop) {
                run.state = HopState::Ended { ended: Moment { sequence, at } };
            }
        }
        self.push_opened(&event.opened, sequence);
        for hop in &event.also {
            self.discharge(*hop, event, sequence);
        }
        self.apply_decision(event);
        self.arrived_persons = event.arrived_persons.or(self.arrived_persons);
        self.hearing_at = event.hearing_at.or(self.hearing_at);
        if let Some(change) = event.holding {
            self.holding = change.after;
        }
        self.service.extend(event.service.clone());
        self.papers = self.papers.and(&event.body.content);
        let copies = event.deliveries.iter().filter(|each| each.kind != DeliveryKind::Hop);
        self.copies.extend(copies.map(|copy| CopyRun {
            delivery: sequence,
            hop: copy.hop,
            to: copy.to,
            order: copy.order,
            stage: copy.kind == DeliveryKind::Stage,
            held: None,
            received: None,
        }));
        self.updated_at = at;
    }

    fn discharge(&mut self, hop: HopId, event: &ActRecorded, sequence: Sequence) {
        let acted = Moment { sequence, at: event.discharged_at };
        let carries = |each: &&Delivery| each.kind == DeliveryKind::Hop && each.hop == hop;
        let delivery = event.deliveries.iter().find(carries);
        if let Some(run) = self.open_run_mut(hop) {
            run.state = match delivery {
                Some(delivery) => {
                    let Delivery { to, order, .. } = *delivery;
                    HopState::Carried { acted, to, order, held: None }
                }
                None => HopState::Done { acted, received: None },
            };
        }
    }

    fn apply_decision(&mut self, event: &ActRecorded) {
        let Some(decision) = &event.decision else {
            return;
        };
        self.last_outcome = Some(decision.outcome);
        if event.act == Act::RecordConsentDecision {
            self.consent = Some(decision.clone());
        } else if event.act != Act::RecordRecommendation {
            self.decision = Some(decision.clone());
        }
    }

    /// Folds the expiry of its places in the quota in.
    pub fn apply_expiry(&mut self, at: Timestamp) {
        self.holding = None;
        self.updated_at = at;
    }

    /// Folds the erasure of its personal data in.
    pub fn apply_erased(&mut self, event: &CaseErased, sequence: Sequence, at: Timestamp) {
        self.papers = Papers::Erased { slot: event.slot, erased: Moment { sequence, at } };
        self.updated_at = at;
    }

    /// Folds clocks that were counted again in.
    pub fn apply_moved(&mut self, event: &ClocksMoved, at: Timestamp) {
        for moved in &event.moved {
            let Some(hop) = moved.hop else {
                let of_service = |clock: &&mut ServiceClock| clock.opened_at == moved.opened_at;
                if let Some(clock) = self.service.iter_mut().find(of_service) {
                    clock.due = moved.new.clone();
                }
                continue;
            };
            if let Some(run) = self.open_run_mut(hop) {
                run.due = Some(moved.new.clone());
            }
        }
        self.updated_at = at;
    }

    /// Folds an acknowledgement in.
    pub fn apply_acknowledged(
        &mut self,
        event: &DeliveryAcknowledged,
        sequence: Sequence,
        at: Timestamp,
    ) {
        let moment = Moment { sequence, at };
        for run in &mut self.hops {
            if run.is_carried_to(event.delivery, event.by)
                && let Some(acted) = run.acted()
            {
                let received = Some(Receipt { by: event.by, moment });
                run.state = HopState::Done { acted, received };
            }
        }
        for copy in &mut self.copies {
            if copy.is_on_its_way(event.delivery, event.by) {
                copy.received = Some(moment);
                copy.held = None;
            }
        }
        self.push_opened(&event.opened, sequence);
        self.updated_at = at;
    }

    /// Who is sent the delivery `delivery` and has not acknowledged it.
    pub fn awaited(&self, delivery: Sequence) -> impl Iterator<Item = PartyNumber> {
        let runs = self.hops.iter().filter_map(move |run| match &run.state {
            HopState::Carried { acted, to, .. } if acted.sequence == delivery => Some(*to),
            HopState::Carried { .. }
            | HopState::Open
            | HopState::Done { .. }
            | HopState::Withdrawn { .. }
            | HopState::Ended { .. } => None,
        });
        let open = move |copy: &&CopyRun| copy.delivery == delivery && copy.received.is_none();
        runs.chain(self.copies.iter().filter(open).map(|copy| copy.to))
    }

    /// The acknowledgements of the delivery `delivery`.
    pub fn receipts(&self, delivery: Sequence) -> impl Iterator<Item = Receipt> {
        let of_it =
            move |run: &&HopRun| run.acted().is_some_and(|acted| acted.sequence == delivery);
        let copies = self.copies.iter().filter(move |copy| copy.delivery == delivery);
        let copies =
            copies.filter_map(|copy| Some(Receipt { by: copy.to, moment: copy.received? }));
        self.hops.iter().filter(of_it).filter_map(HopRun::received).chain(copies)
    }

    /// The hop whose act a party is sent and has not acknowledged: the one whose receiver it is,
    /// else the one of which it gets a copy. A copy of what the bus itself carries is of the act's
    /// own hop, which is not the applicant's where the act discharged that one too.
    pub fn carrying(&self, delivery: Sequence, to: PartyNumber) -> Option<&HopRun> {
        let carried = self.hops.iter().find(|run| run.is_carried_to(delivery, to));
        if carried.is_some() {
            return carried;
        }
        let waits =
            |copy: &&CopyRun| copy.delivery == delivery && copy.to == to && copy.received.is_none();
        let copy = self.copies.iter().find(waits)?;
        let of_act = |run: &&HopRun| run.acted().is_some_and(|acted| acted.sequence == delivery);
        let of_act = || self.hops.iter().filter(of_act);
        let named = of_act().find(|run| run.hop == copy.hop);
        let partys = || of_act().find(|run| run.from != Actor::Applicant);
        named.or_else(partys).or_else(|| of_act().next())
    }

    /// The party that stands in a place of the case.
    pub fn participant(&self, actor: Actor) -> Option<PartyNumber> {
        self.participants.iter().find(|(each, _)| *each == actor).map(|(_, number)| *number)
    }

    /// What the applicant has by this case and may have only once.
    pub fn standing(&self) -> Option<(IdentityHash, Standing)> {
        let person = self.applicant?;
        let outcome = self.decision.as_ref()?.outcome;
        if outcome == Outcome::Extension {
            return Some((person, Standing::StatusExtended));
        }
        let holding = self.holding.filter(|holding| holding.taken)?;
        Some((person, holding.key.category.standing()))
    }

    /// The record that opened the case.
    pub fn opened_by(&self) -> Option<Sequence> {
        self.hops.first().map(|run| run.opened_by)
    }

    /// The last decision's outcome, once there is one.
    pub fn outcome(&self) -> Option<Outcome> {
        self.decision.as_ref().or(self.consent.as_ref()).map(|decision| decision.outcome)
    }

    /// Where the case stands.
    pub fn status(&self) -> CaseStatus {
        let mut open = self.hops.iter().filter(|run| !run.is_settled());
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

    fn open_run_mut(&mut self, hop: HopId) -> Option<&mut HopRun> {
        self.hops.iter_mut().find(|run| run.hop == hop && run.state == HopState::Open)
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
            branch: opened.branch,
            state: HopState::Open,
        }));
    }
}
