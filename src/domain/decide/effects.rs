//! What an act or a receipt brings about: hops that open, are discharged with it or end, the
//! deliveries, the service clock.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Context;
use super::seats::Seats;
use crate::domain::act::{Actor, Basis, Outcome};
use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::command::Submission;
use crate::domain::event::{Delivery, DeliveryKind, HopOpened, ServiceClock};
use crate::domain::ids::{HopId, Sequence};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::procedure::{Hop, OpenedBy, Procedure, Trigger};
use crate::domain::region::Region;
use crate::domain::rejection::Rejection;
use crate::domain::term::{self, CountMode, Due, Term};

/// Everything an act brings about in its case.
pub(super) struct Effects {
    pub(super) opened: Vec<HopOpened>,
    pub(super) also: Vec<HopId>,
    pub(super) closed: Vec<HopId>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) service: Option<ServiceClock>,
}

/// Where the case stands when something happens in it.
pub(super) struct Step<'a> {
    procedure: &'a Procedure,
    seats: Seats,
    region: Region,
    basis: Basis,
    /// The party that acts or receives.
    by: PartyNumber,
    /// The instant the law counts from.
    counts_from: Timestamp,
    /// The last outcome, this act's included.
    pub(super) outcome: Option<Outcome>,
    open: Vec<(HopId, PartyNumber)>,
    /// What is open, with the record that opened it.
    opened_by: Vec<(HopId, Sequence)>,
    /// What is done: the hop, the record that opened it and the record that did it.
    done: Vec<(HopId, Sequence, Sequence)>,
    service_due: Option<Date>,
}

impl<'a> Step<'a> {
    pub(super) fn of_intake(
        procedure: &'a Procedure,
        seats: &Seats,
        submission: &Submission,
        counts_from: Timestamp,
    ) -> Self {
        Self {
            procedure,
            by: seats.get(Actor::Channel).unwrap_or(PartyNumber(0)),
            seats: seats.clone(),
            region: submission.region,
            basis: submission.basis,
            counts_from,
            outcome: None,
            open: Vec::new(),
            opened_by: Vec::new(),
            done: Vec::new(),
            service_due: None,
        }
    }

    pub(super) fn of_case(
        case: &Case,
        procedure: &'a Procedure,
        by: PartyNumber,
        counts_from: Timestamp,
    ) -> Self {
        let open = || case.hops.iter().filter(|run| run.state == HopState::Open);
        let done = |run: &HopRun| Some((run.hop, run.opened_by, run.acted()?.sequence));
        Self {
            procedure,
            seats: Seats::of_case(&case.participants, case.channel),
            region: case.region,
            basis: case.basis,
            by,
            counts_from,
            outcome: case.last_outcome,
            open: open().map(|run| (run.hop, run.holder)).collect(),
            opened_by: open().map(|run| (run.hop, run.opened_by)).collect(),
            done: case.hops.iter().filter_map(done).collect(),
            service_due: case.service.last().map(|clock| clock.due.date),
        }
    }

    /// What the act of `hop` brings about, with the entry beside it at an intake.
    pub(super) fn effects(
        mut self,
        hop: &Hop,
        beside: Option<HopId>,
        due: Option<&Due>,
        context: Context<'_>,
    ) -> Result<Effects, Rejection> {
        let mut discharged: Vec<HopId> = beside.into_iter().chain([hop.id]).collect();
        let service = self.service_clock(&discharged, context)?;
        if let Some(clock) = &service {
            self.service_due = Some(clock.due.date);
        }
        self.does(&discharged);
        let with_it = |each: &&Hop| self.open.iter().any(|(open, _)| *open == each.id);
        let joint: Vec<HopId> =
            self.procedure.recorded_with(hop.id).filter(with_it).map(|each| each.id).collect();
        discharged.extend(&joint);
        self.does(&joint);
        let mut also = joint;
        let mut opened: Vec<HopOpened> = Vec::new();
        let mut moved: Vec<HopId> = Vec::new();
        let mut at = 0;
        while let Some(from) = discharged.get(at).copied() {
            at += 1;
            let openings: Vec<_> = self.openings(from, Trigger::Acted).collect();
            for (next, _) in openings {
                let is_there = next.id == hop.id
                    || beside == Some(next.id)
                    || opened.iter().any(|each| each.hop == next.id);
                if is_there {
                    continue;
                }
                let run = self.open_hop(next, self.counts_from, context)?;
                let closes = discharged.iter().filter_map(|id| self.procedure.hop(*id));
                let reopens = closes.into_iter().any(|each| each.closes.contains(&next.id));
                match self.open.iter().find(|(open, _)| *open == next.id) {
                    Some(_) if reopens => moved.push(next.id),
                    // A branch goes with the papers: it is open to the party that has them now.
                    Some((_, holder)) if run.branch && *holder != run.holder => moved.push(next.id),
                    Some(_) => continue,
                    None => {}
                }
                if next.recorded_with == Some(hop.id) {
                    also.push(next.id);
                    discharged.push(next.id);
                    self.does(&[next.id]);
                }
                opened.push(run);
            }
        }
        let closed = self.closed(&discharged, &moved);
        opened.retain(|run| also.contains(&run.hop) || !self.ends(&discharged));
        let deliveries = self.deliveries(hop, due, &also, &opened, context);
        Ok(Effects { opened, also, closed, deliveries, service })
    }

    /// The hops that an event of these hops opens.
    pub(super) fn opened(
        &self,
        hops: &[HopId],
        trigger: Trigger,
        context: Context<'_>,
    ) -> Result<Vec<HopOpened>, Rejection> {
        let mut opened: Vec<HopOpened> = Vec::new();
        for hop in hops {
            for (next, _) in self.openings(*hop, trigger) {
                let is_open = self.open.iter().any(|(open, _)| *open == next.id);
                if !is_open && !opened.iter().any(|each| each.hop == next.id) {
                    opened.push(self.open_hop(next, self.counts_from, context)?);
                }
            }
        }
        Ok(opened)
    }

    fn openings(
        &self,
        hop: HopId,
        trigger: Trigger,
    ) -> impl Iterator<Item = (&'a Hop, &'a OpenedBy)> {
        let procedure = self.procedure;
        procedure.opened_by(hop, trigger).filter(move |(next, by)| {
            let outcome = by.outcomes.is_empty()
                || self.outcome.is_some_and(|outcome| by.outcomes.contains(&outcome));
            let is_done = |hop: &HopId| self.done.iter().any(|(done, _, _)| done == hop);
            let joined = by.with.iter().all(is_done);
            outcome
                && joined
                && !((next.branch.is_some() || trigger == Trigger::Received)
                    && self.is_over(next, by))
                && !next.carried_by_bus
                && next.applies_to(self.seats.channel(), self.basis)
        })
    }

    /// What the act of now does; it comes after every record there is.
    fn does(&mut self, hops: &[HopId]) {
        let now = Sequence(u64::MAX);
        for hop in hops {
            let opened = self.opened_by.iter().rfind(|(open, _)| open == hop);
            let opened = opened.map_or(now, |(_, opened)| *opened);
            self.done.push((*hop, opened, now));
        }
    }

    /// Whether a branch, or what a receipt opens, was closed for good before the event that would open it came: a receipt
    /// may come after the decision. What closed it before the opening hop itself was opened does
    /// not count, for then it is another round: a list that drops the comments of the intake leaves
    /// room for the hearing on the commission's refusal. Nor does what closes and opens it again
    /// at once.
    fn is_over(&self, next: &Hop, by: &OpenedBy) -> bool {
        let opener = self.done.iter().rfind(|(hop, _, _)| *hop == by.hop);
        let since = opener.map_or(Sequence(0), |(_, opened, _)| *opened);
        let mut done = self.done.iter().filter(|(hop, _, _)| *hop != by.hop);
        let closes = |(hop, _, acted): &(HopId, Sequence, Sequence)| {
            let hop = self.procedure.hop(*hop);
            hop.is_some_and(|hop| hop.ends || *acted > since && hop.closes.contains(&next.id))
        };
        done.any(closes)
    }

    /// The hop with its clock, opened at the instant the law counts from.
    pub(super) fn open_hop(
        &self,
        hop: &Hop,
        opened_at: Timestamp,
        context: Context<'_>,
    ) -> Result<HopOpened, Rejection> {
        let missing = || {
            let actor = hop.recorders().first().copied();
            let role = actor.and_then(Actor::role).unwrap_or(Role::Akimat);
            let procedure = self.procedure.key().clone();
            Rejection::PartyMissing { procedure, role, region: self.region }
        };
        let (from, holder) = self.seats.recorder(hop, self.by).ok_or_else(missing)?;
        let zone = context.roster.zone(holder);
        let due = term::due(
            hop.term,
            hop.count,
            self.procedure.counting(),
            opened_at,
            zone,
            context.calendar,
            self.service_due,
        )?;
        let from = if hop.is_applicants() { Actor::Applicant } else { from };
        Ok(HopOpened {
            hop: hop.id,
            act: hop.act,
            from,
            holder,
            opened_at,
            due,
            source: hop.source,
            branch: hop.branch.is_some(),
        })
    }

    fn ends(&self, discharged: &[HopId]) -> bool {
        discharged.iter().any(|id| self.procedure.hop(*id).is_some_and(|hop| hop.ends))
    }

    fn closed(&self, discharged: &[HopId], moved: &[HopId]) -> Vec<HopId> {
        let named = |id: &HopId| {
            let mut acts = discharged.iter().filter_map(|id| self.procedure.hop(*id));
            acts.any(|hop| hop.closes.contains(id))
        };
        let ends = self.ends(discharged);
        let open = self.open.iter().map(|(hop, _)| *hop);
        open.filter(|hop| !discharged.contains(hop))
            .filter(|hop| ends || moved.contains(hop) || named(hop))
            .collect()
    }

    fn deliveries(
        &self,
        main: &Hop,
        due: Option<&Due>,
        also: &[HopId],
        opened: &[HopOpened],
        context: Context<'_>,
    ) -> Vec<Delivery> {
        let order = due.map_or(context.now, |due| due.instant);
        let mut deliveries: Vec<Delivery> = Vec::new();
        let joint = also.iter().filter_map(|id| self.procedure.hop(*id));
        for hop in std::iter::once(main).chain(joint) {
            if hop.broadcast {
                for to in self.audience(hop, context) {
                    add(
                        &mut deliveries,
                        Delivery { hop: hop.id, to, order, kind: DeliveryKind::Copy },
                    );
                }
            } else if let Some(to) = self.seats.receiver(hop, self.by) {
                deliveries.push(Delivery { hop: hop.id, to, order, kind: DeliveryKind::Hop });
            }
        }
        // Nobody is obliged without the papers.
        let obliged = opened
            .iter()
            .filter(|run| !run.branch && run.from != Actor::Applicant && !also.contains(&run.hop));
        for run in obliged.filter(|run| run.holder != self.by) {
            let order = run.due.as_ref().map_or(order, |due| due.instant);
            let to = run.holder;
            add(&mut deliveries, Delivery { hop: main.id, to, order, kind: DeliveryKind::Copy });
        }
        for hop in self.procedure.hops().iter().filter(|hop| hop.carried_by_bus) {
            if let Some(to) = self.seats.receiver(hop, self.by) {
                let (order, kind) = (context.now, DeliveryKind::Stage);
                add(&mut deliveries, Delivery { hop: hop.id, to, order, kind });
            }
        }
        deliveries
    }

    /// Every party of a broadcast's receiving roles: of the procedure's region where it has one.
    fn audience(&self, hop: &Hop, context: Context<'_>) -> Vec<PartyNumber> {
        let only = self.procedure.region();
        let within = |region: Option<_>| only.is_none() || region.is_none() || region == only;
        let roles: Vec<Role> = hop.to.iter().filter_map(|actor| actor.role()).collect();
        let parties = context.roster.parties().iter();
        parties
            .filter(|party| roles.contains(&party.role) && within(party.region))
            .filter_map(|party| context.roster.number(&party.id))
            .filter(|party| *party != self.by)
            .collect()
    }

    fn service_clock(
        &self,
        discharged: &[HopId],
        context: Context<'_>,
    ) -> Result<Option<ServiceClock>, Rejection> {
        let services = self.procedure.service();
        let Some(service) = services.iter().find(|each| discharged.contains(&each.starts_with))
        else {
            return Ok(None);
        };
        let zone = context.roster.zone(self.seats.provider());
        let count = match service.term {
            Term::None => CountMode::None,
            Term::WorkingDays(_)
            | Term::CalendarDays(_)
            | Term::SameDay
            | Term::SameWorkingDay
            | Term::MonthEnd
            | Term::BeforeServiceEnd(_) => CountMode::From,
        };
        let counting = self.procedure.counting();
        let opened_at = self.counts_from;
        let due = term::due(service.term, count, counting, opened_at, zone, context.calendar, None);
        let due = match due {
            Ok(due) => due,
            // A clock that cannot bind refuses nothing, not even at the end of the calendar.
            Err(_) if service.informative => None,
            Err(error) => return Err(error.into()),
        };
        Ok(due.map(|due| ServiceClock { opened_at, due, informative: service.informative }))
    }
}

/// A party gets an act once, however many of its hops it carries.
fn add(deliveries: &mut Vec<Delivery>, delivery: Delivery) {
    if !deliveries.iter().any(|each| each.to == delivery.to) {
        deliveries.push(delivery);
    }
}
