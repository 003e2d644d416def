//! The ladder as it must be spoken: which rung of which clock comes next and when, worked out from
//! the records by arithmetic of its own.

mod clocks;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::days::Days;
use crate::domain::ladder::{Attribution, Fired, Notice, Rung};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::term::Source;
use crate::domain::{CaseId, Event, HopId, Resolution};

/// A party as the ladder knows it.
pub(in crate::simulate) struct Resident {
    pub(in crate::simulate) role: Role,
    pub(in crate::simulate) zone: TimeZone,
}

/// A clock by its case, its hop, and a number that no other clock has.
type Key = (CaseId, HopId, u64);

/// What is to be said next: when, what, and of the how manieth day overdue.
type Next = (i64, Rung, u16);

/// A time away that must be recorded.
const MIN_OUTAGE_MS: i64 = 5_000;
/// How old the last sign of life of a bus is.
const SIGN_OF_LIFE_MS: i64 = 2_000;
/// How many of them the power may take with it.
const LOST_SIGNS_MS: i64 = 45_000;

/// How late a bus that is up may be, in milliseconds: it looks twice a second.
const PATIENCE_MS: i64 = 2_000;

/// The clocks that run, and what was said of them.
#[derive(Default)]
pub(super) struct Ladders {
    residents: BTreeMap<PartyNumber, Resident>,
    days: Option<Days>,
    clocks: BTreeMap<Key, Clock>,
    /// What is to be said, in the order of its time.
    planned: BTreeSet<(i64, Key)>,
    /// What the record before must be followed by at once.
    at_once: Vec<AtOnce>,
    /// The hops of each case in the order of their openings.
    runs: BTreeMap<CaseId, Vec<Run>>,
    /// What was warned of.
    warned: BTreeSet<(CaseId, HopId, Timestamp, PartyNumber)>,
    /// The recorded outages: the record, from, until.
    outages: Vec<(u64, i64, i64)>,
    /// A time away, from and until, that could not be recorded because the disk was full.
    unrecorded: Option<(i64, i64)>,
    numbers: u64,
}

/// A hop of a case, as far as it is needed to tell who sent what.
#[derive(Debug)]
struct Run {
    hop: HopId,
    holder: PartyNumber,
    is_open: bool,
    acted: Option<u64>,
    sent_to: Option<PartyNumber>,
    received: Option<u64>,
}

#[derive(Debug, Clone)]
struct Clock {
    opened_ms: i64,
    due_ms: i64,
    source: Source,
    /// The party that has to act by law, or did.
    holder: PartyNumber,
    /// The party whose term it is now.
    duty: PartyNumber,
    /// The record that opened it.
    opened_by: u64,
    /// The act on its way, and when that counts as done.
    carried: Option<(u64, i64)>,
    next: Next,
}

/// Something to be said in the same moment as the record that made it so.
#[derive(Debug)]
struct AtOnce {
    key: Key,
    rung: Rung,
    clock: Clock,
}

impl Ladders {
    pub(super) fn new(residents: BTreeMap<PartyNumber, Resident>) -> Self {
        Self { residents, days: Some(Days::new()), ..Self::default() }
    }

    /// What is wrong about a record's place among what had to be said. A time away that found no
    /// room is recorded before anything else is.
    pub(super) fn recorded(&mut self, sequence: u64, at_ms: i64, event: &Event) -> Option<String> {
        let found = self.placed(sequence, at_ms, event);
        let away = self.unrecorded.take_if(|_| !matches!(event, Event::PartyEnrolled(_)));
        found.or_else(|| away.and_then(|(from_ms, until_ms)| self.was_away(from_ms, until_ms)))
    }

    fn placed(&mut self, sequence: u64, at_ms: i64, event: &Event) -> Option<String> {
        match event {
            // Notes of the start, which precede what it catches up with.
            Event::PartyEnrolled(_) => None,
            Event::BusOutage(outage) => {
                let (from, until) = (outage.from.as_millisecond(), outage.until.as_millisecond());
                self.outages.push((sequence, from, until));
                None
            }
            Event::Notice(notice) => self.notice(sequence, at_ms, notice),
            Event::Act(act) => {
                let found = self.silent(sequence, at_ms);
                self.act(sequence, at_ms, act);
                found
            }
            Event::Acknowledged(receipt) => {
                let found = self.silent(sequence, at_ms);
                self.receipt(sequence, at_ms, receipt);
                found
            }
            Event::DeliveryHeld(held) => {
                let found = self.silent(sequence, at_ms);
                self.held(held);
                found
            }
            Event::HeldResolved(resolved) => {
                let found = self.silent(sequence, at_ms);
                if resolved.resolution == Resolution::Withdrawn {
                    self.arrived(resolved.case, resolved.delivery, resolved.party, at_ms);
                }
                found
            }
            Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => self.silent(sequence, at_ms),
        }
    }

    /// What should have been said before a record of this time.
    fn silent(&self, sequence: u64, at_ms: i64) -> Option<String> {
        if let Some(AtOnce { key, rung, .. }) = self.at_once.first() {
            let (case, hop, _) = key;
            return Some(format!(
                "record {sequence} comes before {rung} of {hop} in case {case}, which was to be \
                 said at once"
            ));
        }
        let (planned_ms, key) = self.planned.first().filter(|(ms, _)| *ms <= at_ms)?;
        let words = format!("record {sequence}, {} ms later, comes before it", at_ms - planned_ms);
        Some(format!("{} {words}", self.unsaid(*planned_ms, key)))
    }

    /// The bus is back. Where it has room, it has recorded that it was away; where it has none, that
    /// is what it records first, unless it dies before.
    pub(super) fn is_back(&mut self, away: Option<(i64, i64)>, has_room: bool) -> Option<String> {
        self.unrecorded = away.filter(|_| !has_room);
        let (from_ms, until_ms) = away.filter(|_| has_room)?;
        self.was_away(from_ms, until_ms)
    }

    /// The bus was away from one time to another: that must be recorded, and nothing beyond it.
    fn was_away(&self, from_ms: i64, until_ms: i64) -> Option<String> {
        let away_ms = until_ms - from_ms;
        let overlap = |(_, start, end): &(u64, i64, i64)| {
            ((*end).min(until_ms) - (*start).max(from_ms)).max(0)
        };
        let told_ms: i64 = self.outages.iter().map(overlap).sum();
        let first = self.outages.iter().find(|outage| overlap(outage) > 0);
        let early_ms = first.map_or(0, |(_, start, _)| from_ms - start);
        let is_told = told_ms + SIGN_OF_LIFE_MS >= away_ms && early_ms <= LOST_SIGNS_MS;
        (away_ms >= MIN_OUTAGE_MS + SIGN_OF_LIFE_MS && !is_told).then(|| {
            format!(
                "the bus was away for {away_ms} ms until {until_ms}; {told_ms} ms of that are \
                 recorded, and {early_ms} ms before it"
            )
        })
    }

    /// What a bus that is up should have said by now.
    pub(super) fn silent_at(&self, now_ms: i64) -> Option<String> {
        let (planned_ms, key) = self.planned.first()?;
        let late_ms = now_ms.saturating_sub(*planned_ms);
        let unsaid = self.unsaid(*planned_ms, key);
        (late_ms > PATIENCE_MS).then(|| format!("{unsaid} it was not said for {late_ms} ms"))
    }

    fn unsaid(&self, planned_ms: i64, key: &Key) -> String {
        let (case, hop, _) = key;
        let rung = self.clocks.get(key).map_or("a rung", |clock| clock.next.1.name());
        format!("{rung} of {hop} in case {case} was planned for {planned_ms};")
    }

    fn notice(&mut self, sequence: u64, at_ms: i64, notice: &Notice) -> Option<String> {
        let planned_ms = notice.planned_at.as_millisecond();
        if planned_ms > at_ms {
            let early_ms = planned_ms - at_ms;
            return Some(format!("notice {sequence} comes {early_ms} ms before its time"));
        }
        let is_said_first = |(ms, _): &&(i64, Key)| *ms < planned_ms;
        if self.at_once.is_empty()
            && let Some((earlier_ms, key)) = self.planned.first().filter(is_said_first)
        {
            let unsaid = self.unsaid(*earlier_ms, key);
            return Some(format!("{unsaid} notice {sequence} of a later rung comes before it"));
        }
        let during =
            |(_, from, until): &&(u64, i64, i64)| *from < planned_ms && planned_ms <= *until;
        let outage = self.outages.iter().rev().find(during).map(|(record, _, _)| *record);
        if notice.outage.map(|record| record.0) != outage {
            let found = notice.outage;
            return Some(format!("notice {sequence} names outage {found:?}, it is {outage:?}"));
        }
        let found = notice.fired.iter().find_map(|fired| self.fired(planned_ms, fired));
        found.map(|words| format!("notice {sequence}: {words}"))
    }

    fn fired(&mut self, planned_ms: i64, fired: &Fired) -> Option<String> {
        let Fired { case, hop, rung, days, duty, .. } = fired;
        let what = format!("{rung} of {hop} in case {case} for {duty}");
        let is_it =
            |at_once: &AtOnce| at_once.rung == *rung && is_of(fired, &at_once.key, &at_once.clock);
        if let Some(at) = self.at_once.iter().position(is_it) {
            let AtOnce { clock, .. } = self.at_once.remove(at);
            return self.content(fired, &clock).map(|words| format!("{what} {words}"));
        }
        if *rung == Rung::Infeasible && !self.warned.insert((*case, *hop, fired.due_at, *duty)) {
            return Some(format!("{what} is said again"));
        }
        let found = self.clocks.iter().find(|(key, clock)| is_of(fired, key, clock));
        let Some((key, clock)) = found.map(|(key, clock)| (*key, clock.clone())) else {
            return Some(format!("{what} is said of a clock that does not run"));
        };
        if *rung == Rung::Infeasible {
            return self.content(fired, &clock).map(|words| format!("{what} {words}"));
        }
        let (next_ms, next, next_days) = clock.next;
        if (next_ms, next, next_days) != (planned_ms, *rung, *days) {
            return Some(format!(
                "{what} (day {days}) is said as planned for {planned_ms}; to be said is {next} \
                 (day {next_days}) at {next_ms}"
            ));
        }
        self.plan(key, clock.clone(), planned_ms);
        self.content(fired, &clock).map(|words| format!("{what} {words}"))
    }

    /// What is wrong about what a rung says, and to whom.
    fn content(&self, fired: &Fired, clock: &Clock) -> Option<String> {
        let expected = self.audience(fired, clock);
        let told: BTreeSet<_> = fired.to.iter().copied().collect();
        if told != expected || told.len() != fired.to.len() {
            return Some(format!("is told to {told:?} instead of {expected:?}"));
        }
        if fired.rung != Rung::Due {
            return None;
        }
        let Some(stated) = fired.attribution else {
            return Some("has no attribution".to_owned());
        };
        let Attribution { with_party_ms, in_bus_ms, awaiting_ms } = stated;
        let opened_ms = clock.opened_ms.min(clock.due_ms);
        let whole = u64::try_from(clock.due_ms - opened_ms).unwrap_or(0);
        if with_party_ms + in_bus_ms + awaiting_ms != whole {
            return Some(format!("has an attribution that is not the whole: {stated:?}"));
        }
        let acted_ms = clock.carried.map_or(clock.due_ms, |(_, acted_ms)| acted_ms);
        let acted_ms = acted_ms.clamp(opened_ms, clock.due_ms);
        let with_party = self.outside(opened_ms, acted_ms);
        let awaiting = self.outside(acted_ms, clock.due_ms);
        ((with_party, awaiting) != (with_party_ms, awaiting_ms)).then(|| {
            format!("has the attribution {stated:?}, it is {with_party} and {awaiting} ms")
        })
    }

    /// The milliseconds of a span in which the bus was there.
    fn outside(&self, from_ms: i64, until_ms: i64) -> u64 {
        let mut left = until_ms - from_ms;
        for (_, start, end) in &self.outages {
            left -= ((*end).min(until_ms) - (*start).max(from_ms)).max(0);
        }
        u64::try_from(left).unwrap_or(0)
    }

    fn audience(&self, fired: &Fired, clock: &Clock) -> BTreeSet<PartyNumber> {
        let with_role = |role| {
            let found = self.residents.iter().find(|(_, resident)| resident.role == role);
            found.map(|(number, _)| *number)
        };
        let (body, quality) = (with_role(Role::MigrationBody), with_role(Role::QualityBody));
        let above = if Some(clock.duty) == body { quality } else { body };
        let sender = match clock.carried {
            Some(_) => Some(clock.holder),
            None => self.doer(fired.case, clock.opened_by),
        };
        let statutory = clock.source == Source::Statutory;
        let mut told = BTreeSet::from([clock.duty]);
        if fired.rung != Rung::Half {
            told.extend(above);
        }
        if !matches!(fired.rung, Rung::Half | Rung::DayBefore | Rung::DueMorning) {
            told.extend(sender);
        }
        if matches!(fired.rung, Rung::Due | Rung::LateDischarge) && statutory {
            told.extend(quality);
        }
        told
    }
}

/// Whether a rung is of this clock.
fn is_of(fired: &Fired, key: &Key, clock: &Clock) -> bool {
    (fired.case, fired.hop) == (key.0, key.1)
        && fired.opened_at.as_millisecond() == clock.opened_ms
        && fired.due_at.as_millisecond() == clock.due_ms
        && fired.duty == clock.duty
        && fired.carried == clock.carried.is_some()
}
