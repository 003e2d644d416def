//! The ladder's turns: no record is taken at an instant before every rung planned until then has
//! been said and is durable.
//!
//! The writer sweeps before anything else in each of its turns, and takes a turn twice a second.
//! At the start it does so before new traffic, so that what fell due while the bus was away is
//! said first, in due order, with the outage that made it late.

use jiff::Timestamp;

use super::answer::Reply;
use super::group::{Group, Taken};
use super::stalls::MIN_OUTAGE_MS;
use super::timetable::Slot;
use super::writer::Writer;
use super::{EngineError, Warning, timestamp};
use crate::domain::ladder::{
    self, BusOutage, Clause, Clock, Fired, MAX_FIRED, Notice, Outage, Plan, Planned, Rung,
};
use crate::domain::party::PartyNumber;
use crate::domain::{Case, CaseId, Event, HopRun, Sequence};
use crate::index::{ClockMark, IndexError, Said};
use crate::journal::JournalError;
use crate::mutation::{Mutation, on};

/// Slots taken from the timetable at once; those of one instant are sorted by party.
const MAX_SWEPT: usize = 8_192;
/// By how much a bus with a fault on purpose is too early.
const AN_HOUR_MS: i64 = 3_600_000;

/// How far the ladder had come when the bus went down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resumed {
    /// Rungs planned before this instant have been said, those of the instant perhaps in part.
    swept_ms: i64,
    /// The time of the journal's last record.
    last_ms: i64,
}

impl Writer {
    /// What precedes new traffic: an amendment that was not finished, the outage, and the rungs
    /// that fell due meanwhile.
    pub(super) fn prepare(&mut self, group: &mut Group) -> Result<(), JournalError> {
        let is_settled = self.settle(group)?.is_ok();
        if !self.backlog.wait_until_empty() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let last_ms = self.ended_ms.unwrap_or(now_ms);
        let swept = self.overlay.index().swept();
        let swept_ms = swept.map(|swept| swept.unwrap_or(last_ms));
        if let Err(error) = swept_ms.and_then(|swept_ms| self.resume(swept_ms, last_ms)) {
            tracing::error!(%error, "the running terms cannot be read");
            self.fail();
            return Ok(());
        }
        self.stalls.turn(self.clock.boot_ms(), now_ms);
        let away_ms =
            self.last_alive_ms.map(|alive_ms| alive_ms.max(self.ended_ms.unwrap_or(alive_ms)));
        if !is_settled {
            // A later turn does all of this, once there is room for it.
            self.unrecorded_outage_ms = away_ms;
            return Ok(());
        }
        if let Some(from_ms) = away_ms {
            self.note_outage(from_ms, now_ms, group);
        }
        let before = self.journal.tail().next_seq.0;
        // The outage is a record of its own, also where nothing fell due in it.
        let is_said = self.sweep(now_ms, group)?.is_ok() && self.commit(now_ms, group)?.is_ok();
        let records = self.journal.tail().next_seq.0 - before;
        if records > 0 {
            tracing::info!(records, "what fell due while the bus was away has been said");
        }
        if is_said {
            self.caught_up();
        }
        Ok(())
    }

    /// What precedes whatever is asked in a turn: what an amendment has left to count, the time in
    /// which the bus stood still, and every rung planned until now. The reason when that cannot be
    /// made durable, so that nothing that comes after it may be taken.
    pub(super) fn come_up_to(
        &mut self,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Taken, JournalError> {
        let stood = self.stalls.turn(self.clock.boot_ms(), now_ms);
        let stood = stood.filter(|_| !self.clock.is_sandbox());
        if let Err(reason) = self.settle(group)? {
            let stood_ms = stood.map(|stood| stood.from.as_millisecond());
            self.unrecorded_outage_ms = self.unrecorded_outage_ms.or(stood_ms);
            return Ok(Err(reason));
        }
        if let Some(from_ms) = self.unrecorded_outage_ms.take() {
            self.note_outage(from_ms, now_ms, group);
        } else if let Some(BusOutage { from, until }) = stood {
            self.note_outage(from.as_millisecond(), until.as_millisecond(), group);
        }
        let swept = self.sweep(now_ms, group)?;
        if swept.is_ok() {
            self.caught_up();
        }
        Ok(swept)
    }

    /// Everything that fell due while the bus was away is said. Where the disk was full at the
    /// start, that is so after a later turn.
    fn caught_up(&mut self) {
        if self.resumed.take().is_some() {
            self.vitals.set_caught_up();
        }
    }

    /// Makes the timetable from the queues of the index, which must have everything.
    fn resume(&mut self, swept_ms: i64, last_ms: i64) -> Result<(), IndexError> {
        let index = self.overlay.index().clone();
        self.outages = index.outages()?;
        if let Some(Outage { from, until, .. }) = self.outages.last().copied() {
            self.vitals.note_outage(BusOutage { from, until });
        }
        self.resumed = Some(Resumed { swept_ms, last_ms });
        let mut slots = Vec::new();
        let mut overdue = Vec::new();
        let calendar = self.law.calendar();
        let plan = self.plan(&calendar);
        index.clocks(&mut |duty, case, mark, carried| {
            let clock = clock_of(duty, case, mark, carried);
            if mark.due_ms < swept_ms {
                overdue.push(clock);
            }
            slots.extend(next_slot(plan, &clock, timestamp(swept_ms.saturating_sub(1))));
        })?;
        for clock in overdue {
            // A term that ran out in a build that kept no ladder, or whose record was cut off.
            let due_ms = clock.due_at.as_millisecond();
            let is_due = |said: &Said| said.place == clock.place && said.rung == Rung::Due;
            if !index.said(clock.case)?.iter().any(|said| is_due(said) && said.due_ms == due_ms) {
                let (case, place) = (clock.case, clock.place);
                slots.push(Slot { at_ms: due_ms, case, place });
            }
        }
        self.timetable.begin(slots);
        Ok(())
    }

    /// Makes the timetable anew after the calendar was amended: rungs that now lie behind are over.
    pub(super) fn replan(&mut self, now_ms: i64) -> Result<(), IndexError> {
        let index = self.overlay.index().clone();
        let mut slots = Vec::new();
        let calendar = self.law.calendar();
        let plan = self.plan(&calendar);
        index.clocks(&mut |duty, case, mark, carried| {
            let clock = clock_of(duty, case, mark, carried);
            slots.extend(next_slot(plan, &clock, timestamp(now_ms)));
        })?;
        self.timetable.begin(slots);
        Ok(())
    }

    /// Says every rung planned until now, and makes that durable; the reason when it could not be.
    fn sweep(&mut self, now_ms: i64, group: &mut Group) -> Result<Taken, JournalError> {
        let mut said = false;
        let until_ms = if on(Mutation::SayEarly) { now_ms + AN_HOUR_MS } else { now_ms };
        while self.timetable.first_ms().is_some_and(|at_ms| at_ms <= until_ms) {
            let slots = self.timetable.take_first(MAX_SWEPT);
            let planned_at = slots.first().map_or(now_ms, |slot| slot.at_ms);
            match self.fire(&slots) {
                Ok(fired) => self.tell(planned_at, fired, now_ms, group),
                Err(error) => {
                    tracing::error!(%error, "a running term cannot be read");
                    self.timetable.undo();
                    self.fail();
                    return Ok(Err(EngineError::Fault("a running term cannot be read")));
                }
            }
            said = true;
            if group.is_full()
                && let Err(reason) = self.commit(now_ms, group)?
            {
                return Ok(Err(reason));
            }
        }
        if said { self.commit(now_ms, group) } else { Ok(Ok(())) }
    }

    fn note_outage(&mut self, from_ms: i64, until_ms: i64, group: &mut Group) {
        if until_ms.saturating_sub(from_ms) < MIN_OUTAGE_MS {
            return;
        }
        let (from, until) = (timestamp(from_ms), timestamp(until_ms));
        tracing::warn!(%from, %until, "the bus was away");
        self.vitals.note_outage(BusOutage { from, until });
        let sequence = self.next_sequence(group);
        if on(Mutation::HideOutage) {
            return self.outages.push(Outage { sequence, from, until });
        }
        self.take(Event::BusOutage(BusOutage { from, until }), until_ms, group, Reply::Nobody);
        self.outages.push(Outage { sequence, from, until });
    }

    /// What the rungs of these slots say now, those that still stand; the clocks' next ones are put
    /// into the timetable.
    fn fire(&mut self, slots: &[Slot]) -> Result<Vec<Fired>, IndexError> {
        let cases: Vec<_> = slots.iter().map(|slot| slot.case).collect();
        let cases = self.overlay.cases(&cases)?;
        let mut fired = Vec::with_capacity(slots.len());
        for (slot, case) in slots.iter().zip(cases) {
            if let Some(case) = case {
                fired.extend(self.fire_of(*slot, &case)?);
            }
        }
        Ok(fired)
    }

    fn fire_of(&mut self, slot: Slot, case: &Case) -> Result<Option<Fired>, IndexError> {
        let Slot { at_ms, case: _, place } = slot;
        let Some(clock) = ladder::clocks(case).find(|clock| clock.place == place) else {
            return Ok(None);
        };
        let calendar = self.law.calendar();
        let plan = self.plan(&calendar);
        let just_before = timestamp(at_ms.saturating_sub(1));
        let Some(planned) = plan.next(&clock, just_before) else { return Ok(None) };
        // A slot is a hint: the clock may have moved since.
        let stands = planned.at.as_millisecond() == at_ms;
        let behind = self.resumed.map_or(i64::MIN, |resumed| resumed.swept_ms - 1);
        let after = if stands { planned.at.max(timestamp(behind)) } else { just_before };
        let next = next_slot(plan, &clock, after);
        let skipped = on(Mutation::SkipRung) && case.id.0[15].is_multiple_of(4);
        let is_over = self.is_over(case, &clock, planned)? || self.was_warned(&clock, planned)?;
        let said = (stands && !skipped && !is_over)
            .then(|| plan.fired(case, &clock, planned, &self.outages))
            .flatten()
            .map(|said| self.with_clause(said, case));
        if let Some(next) = next {
            self.timetable.insert(next);
        }
        Ok(said)
    }

    /// Whether a rung was said before the bus went down, or lay behind when its clock began.
    fn is_over(&self, case: &Case, clock: &Clock, planned: Planned) -> Result<bool, IndexError> {
        let resumed = self.resumed.filter(|_| !on(Mutation::SayTwice));
        let Some(Resumed { swept_ms, last_ms }) = resumed else { return Ok(false) };
        let at_ms = planned.at.as_millisecond();
        if at_ms > last_ms {
            return Ok(false);
        }
        if at_ms <= swept_ms {
            let due_ms = clock.due_at.as_millisecond();
            let said = self.overlay.index().said(clock.case)?;
            let is_it = |said: &Said| {
                let of_clock = said.place == clock.place && said.due_ms == due_ms;
                let who = said.rung == Rung::Due || said.duty == clock.duty;
                of_clock && who && said.rung == planned.rung && said.days == planned.days
            };
            if said.iter().any(is_it) {
                return Ok(true);
            }
        }
        // No record is accepted before every rung planned until then is said: what was planned up
        // to the case's last one was, or lay behind when its clock began, or came to this party.
        Ok(planned.rung != Rung::Due && planned.at <= case.updated_at)
    }

    /// Whether a rung would say once more that a term will not hold: a receiver that was away has
    /// been warned of before its office closes.
    fn was_warned(&self, clock: &Clock, planned: Planned) -> Result<bool, IndexError> {
        // The index must have everything; where it never will, it is said rather than not.
        if planned.rung != Rung::Infeasible || !self.backlog.wait_until_empty() {
            return Ok(false);
        }
        self.is_known_infeasible(clock)
    }

    /// Whether it was said that a clock's term will not hold, as far as the index has got.
    fn is_known_infeasible(&self, clock: &Clock) -> Result<bool, IndexError> {
        let due_ms = clock.due_at.as_millisecond();
        let is_it = |said: &Said| {
            let of_clock = said.place == clock.place && said.due_ms == due_ms;
            // A party to which it was redirected has not been warned.
            said.rung == Rung::Infeasible && of_clock && said.duty == clock.duty
        };
        Ok(self.overlay.index().said(clock.case)?.iter().any(is_it))
    }

    /// Records rungs of one instant, those of a party together.
    fn tell(&mut self, planned_ms: i64, mut fired: Vec<Fired>, now_ms: i64, group: &mut Group) {
        fired.sort_by(|one, other| (one.duty, &one.to).cmp(&(other.duty, &other.to)));
        let planned_at = timestamp(planned_ms);
        let outage = self
            .outages
            .iter()
            .rev()
            .find(|outage| outage.from < planned_at && planned_at <= outage.until);
        let outage = outage.map(|outage| outage.sequence);
        let mut fired = fired.into_iter().peekable();
        while fired.peek().is_some() {
            let fired: Vec<_> = fired.by_ref().take(MAX_FIRED).collect();
            let calendar = self.law.calendar();
            let channels = self.plan(&calendar).channels(&fired);
            for each in fired.iter().filter(|each| each.rung == Rung::Due) {
                let (case, hop) = (each.case, each.hop);
                let holder = self.roster.id(each.duty).map(|id| id.as_str());
                tracing::warn!(%case, %hop, holder, due = %each.due_at, "a term has run out");
            }
            let notice = Notice { planned_at, outage, fired, channels };
            if self.note(Event::Notice(Box::new(notice)), now_ms, group).is_err() {
                // What cannot be said must not pass in silence; the next start says it.
                self.fail();
            }
        }
    }

    /// What a change of a case means for its ladder: clocks that began and ended, terms that had
    /// run out before, and what can be told at once. In the same group as the change.
    pub(super) fn follow(
        &mut self,
        before: Option<&Case>,
        after: &Case,
        now_ms: i64,
        group: &mut Group,
    ) {
        let now = timestamp(now_ms);
        let old: Vec<_> = before.into_iter().flat_map(ladder::clocks).collect();
        let new: Vec<_> = ladder::clocks(after).collect();
        let calendar = self.law.calendar();
        let plan = self.plan(&calendar);
        let gone = old.iter().filter(|clock| !new.contains(clock));
        let gone: Vec<_> = gone.filter_map(|clock| next_slot(plan, clock, now)).collect();
        let mut come = Vec::new();
        let mut fired = Vec::new();
        let say = |clock: &Clock, rung, at, days| {
            let said = plan.fired(after, clock, Planned { at, rung, days }, &self.outages);
            said.map(|said| self.with_clause(said, after))
        };
        for clock in new.iter().filter(|clock| !old.contains(clock)) {
            let was_said =
                old.iter().any(|other| other.place == clock.place && other.due_at == clock.due_at);
            if clock.due_at <= now && !was_said {
                fired.extend(say(clock, Rung::Due, clock.due_at, 0));
            }
            if self.ladder.rungs(clock.hop).has(Rung::Opening) && !was_said {
                fired.extend(say(clock, Rung::Opening, now, 0));
            }
            if plan.impediment(clock, now).is_some() {
                fired.extend(say(clock, Rung::Infeasible, now, 0));
            }
            come.extend(next_slot(plan, clock, now));
        }
        let newly_held = new.iter().filter(|clock| is_newly_held(before, after, clock));
        fired.extend(newly_held.filter_map(|clock| say(clock, Rung::Held, now, 0)));
        if let Some(before) = before {
            let late = ladder::late_discharges(before, after, now, plan);
            for late in late {
                fired.extend(say(&late.clock, Rung::LateDischarge, late.done_at, late.days));
            }
        }
        gone.into_iter().for_each(|slot| self.timetable.remove(slot));
        come.into_iter().for_each(|slot| self.timetable.insert(slot));
        if !fired.is_empty() {
            self.tell(now_ms, fired, now_ms, group);
        }
    }

    /// Warns of terms that will not hold, each once for its due instant.
    pub(super) fn warn(&mut self, warnings: &[Warning], now_ms: i64, group: &mut Group) {
        // Whether it was said before is looked up in the index, which must have everything.
        if !self.backlog.wait_until_empty() {
            return;
        }
        let mut fired: Vec<Fired> = Vec::new();
        for warning in warnings {
            match self.warned(warning, now_ms) {
                Ok(each) => {
                    let is_new = |each: &Fired| {
                        !fired.iter().any(|one| (one.case, one.place) == (each.case, each.place))
                    };
                    let each = each.filter(is_new);
                    fired.extend(each);
                }
                Err(error) => tracing::warn!(%error, "a running term cannot be read"),
            }
        }
        if !fired.is_empty() {
            self.tell(now_ms, fired, now_ms, group);
        }
    }

    fn warned(&self, warning: &Warning, now_ms: i64) -> Result<Option<Fired>, IndexError> {
        let Warning { party, case, delivery, impediment } = *warning;
        let Some(case) = self.overlay.case(case)? else { return Ok(None) };
        let is_it = |clock: &Clock| {
            let run = case.hops.get(usize::from(clock.place));
            let acted = run.and_then(|run| run.acted());
            clock.duty == party && acted.is_some_and(|acted| acted.sequence == delivery)
        };
        let now = timestamp(now_ms);
        let Some(clock) = ladder::clocks(&case).find(|clock| clock.carried && is_it(clock)) else {
            return Ok(None);
        };
        if clock.due_at <= now || self.is_known_infeasible(&clock)? {
            return Ok(None);
        }
        let calendar = self.law.calendar();
        let planned = Planned { at: now, rung: Rung::Infeasible, days: 0 };
        let fired = self.plan(&calendar).fired(&case, &clock, planned, &self.outages);
        Ok(fired.map(|fired| Fired { impediment: Some(impediment), ..fired }))
    }

    /// A breach with the rule that it is of.
    fn with_clause(&self, fired: Fired, case: &Case) -> Fired {
        let hop = self.law.procedures.get(&case.procedure).and_then(|law| law.hop(fired.hop));
        let clause = hop.filter(|_| fired.rung == Rung::Due).map(|hop| Clause {
            procedure: case.procedure.clone(),
            citation: hop.citation.clone(),
        });
        Fired { clause, ..fired }
    }

    /// The place that the next record of the group will have.
    pub(super) fn next_sequence(&self, group: &Group) -> Sequence {
        Sequence(self.journal.tail().next_seq.0 + group.len() as u64)
    }

    pub(super) fn plan<'a>(&'a self, calendar: &'a crate::domain::calendar::Calendar) -> Plan<'a> {
        Plan { ladder: &self.ladder, calendar, roster: &self.roster }
    }
}

/// Whether what a clock waits for has just been put aside.
fn is_newly_held(before: Option<&Case>, after: &Case, clock: &Clock) -> bool {
    let held = |case: &Case| {
        let run = case.hops.get(usize::from(clock.place));
        run.and_then(HopRun::held).is_some()
    };
    held(after) && !before.is_some_and(held)
}

fn next_slot(plan: Plan<'_>, clock: &Clock, after: Timestamp) -> Option<Slot> {
    let at_ms = plan.next(clock, after)?.at.as_millisecond();
    Some(Slot { at_ms, case: clock.case, place: clock.place })
}

fn clock_of(duty: PartyNumber, case: CaseId, mark: ClockMark, carried: bool) -> Clock {
    let ClockMark { place, hop, opened_ms, due_ms } = mark;
    let (opened_at, due_at) = (timestamp(opened_ms), timestamp(due_ms));
    Clock { case, place, hop, opened_at, due_at, duty, carried }
}
