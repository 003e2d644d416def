//! The ladder as it must be spoken: which rung of which clock comes next and when, worked out from
//! the records by arithmetic of its own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::days::{Days, day_of, morning};
use crate::domain::ladder::{Attribution, Fired, Notice, Rung};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::term::Source;
use crate::domain::{
    ActRecorded, Actor, CaseId, DeliveryAcknowledged, DeliveryKind, Event, HopId, HopOpened,
};

/// A party as the ladder knows it.
pub(in crate::simulate) struct Resident {
    pub(in crate::simulate) role: Role,
    pub(in crate::simulate) zone: TimeZone,
}

/// A clock by its case, its hop, and a number that no other clock has.
type Key = (CaseId, HopId, u64);

/// What is to be said next: when, what, and of the how manieth day overdue.
type Next = (i64, Rung, u16);

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
    /// Whose act or sending a record of a case is.
    doers: BTreeMap<(CaseId, u64), PartyNumber>,
    /// The recorded outages: the record, from, until.
    outages: Vec<(u64, i64, i64)>,
    numbers: u64,
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

    /// What is wrong about a record's place among what had to be said.
    pub(super) fn recorded(&mut self, sequence: u64, at_ms: i64, event: &Event) -> Option<String> {
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
            Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::EndpointSet(_) => self.silent(sequence, at_ms),
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
        if matches!(rung, Rung::Infeasible | Rung::Held | Rung::Opening) {
            return None;
        }
        let found = self.clocks.iter().find(|(key, clock)| is_of(fired, key, clock));
        let Some((key, clock)) = found.map(|(key, clock)| (*key, clock.clone())) else {
            return Some(format!("{what} is said of a clock that does not run"));
        };
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
            None => self.doers.get(&(fired.case, clock.opened_by)).copied(),
        };
        let statutory = clock.source == Source::Statutory;
        let mut told = BTreeSet::from([clock.duty]);
        if fired.rung != Rung::Half {
            told.extend(above);
        }
        if matches!(fired.rung, Rung::Due | Rung::Overdue | Rung::LateDischarge) {
            told.extend(sender);
        }
        if matches!(fired.rung, Rung::Due | Rung::LateDischarge) && statutory {
            told.extend(quality);
        }
        told
    }

    fn act(&mut self, sequence: u64, at_ms: i64, act: &ActRecorded) {
        self.doers.insert((act.case, sequence), act.author);
        let mut done = vec![act.hop];
        if let Some(opening) = &act.opening {
            // Opened and done by the same act: no term ran in between.
            let clock = self.clock_of(&opening.clock, sequence);
            self.carry(act, act.hop, clock, sequence, at_ms, false);
            done.clear();
        }
        for hop in done {
            self.discharge(act, hop, sequence, at_ms);
        }
        for hop in &act.closed {
            if let Some(key) = self.open_clock(act.case, *hop) {
                self.end(key, at_ms, true);
            }
        }
        self.open(act.case, &act.opened, sequence, at_ms);
        for hop in &act.also {
            self.discharge(act, *hop, sequence, at_ms);
        }
    }

    fn discharge(&mut self, act: &ActRecorded, hop: HopId, sequence: u64, at_ms: i64) {
        let Some(key) = self.open_clock(act.case, hop) else { return };
        if let Some(holder) = self.clocks.get(&key).map(|clock| clock.holder) {
            self.doers.insert((act.case, sequence), holder);
        }
        let Some(clock) = self.end(key, at_ms, true) else { return };
        self.carry(act, hop, Some(clock), sequence, at_ms, true);
    }

    /// An act is on its way to the receiver of a hop, and with it the hop's clock.
    fn carry(
        &mut self,
        act: &ActRecorded,
        hop: HopId,
        clock: Option<Clock>,
        sequence: u64,
        at_ms: i64,
        ran_before: bool,
    ) {
        let Some(clock) = clock else { return };
        let of_hop = act.deliveries.iter().find(|it| it.kind == DeliveryKind::Hop && it.hop == hop);
        let Some(delivery) = of_hop else { return };
        let acted = (sequence, act.discharged_at.as_millisecond());
        let is_same = |other: &Clock| other.carried == Some(acted) && other.duty == delivery.to;
        if self.clocks.values().any(is_same) {
            return;
        }
        let clock = Clock { duty: delivery.to, carried: Some(acted), ..clock };
        self.begin((act.case, hop), clock, at_ms, ran_before);
    }

    fn receipt(&mut self, sequence: u64, at_ms: i64, receipt: &DeliveryAcknowledged) {
        let DeliveryAcknowledged { case, delivery, by, opened } = receipt;
        let is_it = |(key, clock): &(&Key, &Clock)| {
            let of_act = clock.carried.is_some_and(|(act, _)| act == delivery.0);
            key.0 == *case && of_act && clock.duty == *by
        };
        let ended: Vec<Key> = self.clocks.iter().filter(is_it).map(|(key, _)| *key).collect();
        for key in ended {
            let in_time = self.clocks.get(&key).is_some_and(|clock| {
                clock.carried.is_some_and(|(_, acted_ms)| acted_ms < clock.due_ms)
            });
            self.end(key, at_ms, in_time);
        }
        if let Some(doer) = self.doers.get(&(*case, delivery.0)).copied() {
            self.doers.insert((*case, sequence), doer);
        }
        self.open(*case, opened, sequence, at_ms);
    }

    fn open(&mut self, case: CaseId, opened: &[HopOpened], sequence: u64, at_ms: i64) {
        for opened in opened {
            if let Some(clock) = self.clock_of(opened, sequence) {
                self.begin((case, opened.hop), clock, at_ms, false);
            }
        }
    }

    /// The clock of a hop that was opened, where it has one.
    fn clock_of(&self, opened: &HopOpened, opened_by: u64) -> Option<Clock> {
        let HopOpened { from, holder, opened_at, due, source, branch, .. } = opened;
        let due = due.as_ref().filter(|_| !branch && *from != Actor::Applicant)?;
        Some(Clock {
            opened_ms: opened_at.as_millisecond(),
            due_ms: due.instant.as_millisecond(),
            source: *source,
            holder: *holder,
            duty: *holder,
            opened_by,
            carried: None,
            next: (0, Rung::Due, 0),
        })
    }

    fn open_clock(&self, case: CaseId, hop: HopId) -> Option<Key> {
        let first = (case, hop, 0);
        let mut of_hop = self.clocks.range(first..);
        let is_it = |(key, _): &(&Key, &Clock)| (key.0, key.1) == (case, hop);
        let of_hop = of_hop.by_ref().take_while(is_it);
        of_hop.filter(|(_, clock)| clock.carried.is_none()).map(|(key, _)| *key).next()
    }

    fn begin(&mut self, (case, hop): (CaseId, HopId), clock: Clock, at_ms: i64, ran_before: bool) {
        self.numbers += 1;
        let key = (case, hop, self.numbers);
        if clock.due_ms <= at_ms && !ran_before {
            self.at_once.push(AtOnce { key, rung: Rung::Due, clock: clock.clone() });
        }
        self.plan(key, clock, at_ms);
    }

    fn plan(&mut self, key: Key, clock: Clock, after_ms: i64) {
        if let Some(before) = self.clocks.get(&key) {
            self.planned.remove(&(before.next.0, key));
        }
        let next = self.next(&clock, after_ms);
        self.planned.insert((next.0, key));
        self.clocks.insert(key, Clock { next, ..clock });
    }

    /// A clock comes to its end; told at once if its term had run out.
    fn end(&mut self, key: Key, at_ms: i64, told: bool) -> Option<Clock> {
        let clock = self.clocks.remove(&key)?;
        self.planned.remove(&(clock.next.0, key));
        if told && clock.due_ms <= at_ms {
            self.at_once.push(AtOnce { key, rung: Rung::LateDischarge, clock: clock.clone() });
        }
        Some(clock)
    }

    /// The first rung after an instant.
    fn next(&self, clock: &Clock, after_ms: i64) -> Next {
        let (Some(days), Some(resident)) = (&self.days, self.residents.get(&clock.duty)) else {
            return (i64::MAX, Rung::Due, 0);
        };
        let zone = &resident.zone;
        let mut last = day_of(zone, clock.due_ms - 1);
        if morning(zone, last) >= clock.due_ms {
            // Counted where the clocks are behind: here it ends in the night after its last day.
            last = last.yesterday().unwrap_or(last);
        }
        if clock.due_ms > after_ms {
            let eve = days.before(last);
            let mut planned = vec![
                (morning(zone, eve), Rung::DayBefore, 0),
                (morning(zone, last), Rung::DueMorning, 0),
            ];
            let opened = day_of(zone, clock.opened_ms);
            let half = days.between(opened, last).div_ceil(2);
            let middle = (0..half).fold(opened, |day, _| days.next(day));
            if half > 0 && middle < eve {
                planned.push((morning(zone, middle), Rung::Half, 0));
            }
            planned.retain(|(at_ms, _, _)| *at_ms < clock.due_ms);
            planned.push((clock.due_ms, Rung::Due, 0));
            planned.retain(|(at_ms, _, _)| *at_ms > after_ms);
            return planned.into_iter().min().unwrap_or((clock.due_ms, Rung::Due, 0));
        }
        let mut day = last;
        loop {
            day = days.next(day);
            let at_ms = morning(zone, day);
            if at_ms > after_ms && at_ms >= clock.due_ms {
                return (at_ms, Rung::Overdue, days.between(last, day));
            }
        }
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
