//! When the rungs of a clock are due.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

use super::clock::{Outage, attribution, facts};
use super::{Channel, Clock, Fired, Impediment, Ladder, Rung, audience};
use crate::domain::calendar::{Calendar, WorkingDays};
use crate::domain::case::Case;
use crate::domain::party::PartyNumber;
use crate::domain::roster::Roster;

/// Days that are searched for the next working day where the calendar does not say.
const MAX_DAYS_SEARCHED: u32 = 366;

/// A rung and its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When it is due.
    pub at: Timestamp,
    /// The rung.
    pub rung: Rung,
    /// Working days overdue; zero for every other rung.
    pub days: u16,
}

/// What the rungs are planned by.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The rungs, and when a working day's notices go out.
    pub ladder: &'a Ladder,
    /// The working days.
    pub calendar: &'a Calendar,
    /// The zones of the parties.
    pub roster: &'a Roster,
}

impl Plan<'_> {
    /// The first rung of a clock after an instant; what lies before it is over. None once there is
    /// no more to say.
    ///
    /// Beyond the end of the calendar every day from Monday to Friday is taken for a working day:
    /// an overdue term must not fall silent because nobody brought the calendar up to date.
    pub fn next(&self, clock: &Clock, after: Timestamp) -> Option<Planned> {
        let rungs = self.ladder.rungs(clock.hop);
        let due_date = self.last_day(clock);
        let planned = |rung, at: Option<Timestamp>| {
            at.filter(|at| *at > after && rungs.has(rung)).map(|at| Planned { at, rung, days: 0 })
        };
        let morning = |date: Option<Date>| date.and_then(|date| self.morning(clock.duty, date));
        if clock.due_at > after {
            let before_due = |at: &Timestamp| *at < clock.due_at;
            let eve = self.working_day_before(due_date);
            let half = self.half(clock, due_date).filter(|half| eve.is_none_or(|eve| *half < eve));
            let warnings = [
                (Rung::Half, morning(half)),
                (Rung::DayBefore, morning(eve)),
                (Rung::DueMorning, morning(Some(due_date))),
            ];
            let warnings =
                warnings.into_iter().map(|(rung, at)| planned(rung, at.filter(before_due)));
            let closed = self.closed(clock, due_date).filter(|at| *at > after).map(|at| Planned {
                at,
                rung: Rung::Infeasible,
                days: 0,
            });
            let due = planned(Rung::Due, Some(clock.due_at));
            // Of two at the same instant the graver is said, and it is said once.
            let all = [closed].into_iter().chain(warnings).chain([due]);
            return all.flatten().min_by_key(|planned| planned.at);
        }
        if rungs.has(Rung::Overdue) { self.overdue(clock, due_date, after) } else { None }
    }

    /// Why a term that begins now cannot hold: the office is closed on every day that is left.
    pub fn impediment(&self, clock: &Clock, now: Timestamp) -> Option<Impediment> {
        let today = self.date(clock.duty, now);
        let due_date = self.last_day(clock);
        let last = self.last_day_open(clock.duty, due_date)?;
        (clock.due_at > now && last < today).then_some(Impediment::OfficeClosed)
    }

    /// What is said of a clock, and to whom; none where the case has no such clock any more.
    pub fn fired(
        &self,
        case: &Case,
        clock: &Clock,
        planned: Planned,
        outages: &[Outage],
    ) -> Option<Fired> {
        let (act, source) = facts(case, clock)?;
        let run = case.hops.get(usize::from(clock.place))?;
        let Planned { at, rung, days } = planned;
        let attribution = match rung {
            Rung::Due => Some(attribution(run, clock.due_at, outages)),
            Rung::LateDischarge => Some(attribution(run, at, outages)),
            Rung::Opening
            | Rung::Half
            | Rung::DayBefore
            | Rung::DueMorning
            | Rung::Overdue
            | Rung::Infeasible
            | Rung::Held => None,
        };
        let closed = (rung == Rung::Infeasible).then_some(Impediment::OfficeClosed);
        Some(Fired {
            case: case.id,
            place: clock.place,
            hop: clock.hop,
            act,
            rung,
            days,
            impediment: closed,
            opened_at: clock.opened_at,
            due_at: clock.due_at,
            source,
            carried: clock.carried,
            duty: clock.duty,
            attribution,
            clause: None,
            to: audience(case, clock, rung, source, self.roster),
        })
    }

    /// By which ways beside the inbox rungs are told, and to whom; each way of a party once.
    pub fn channels(&self, fired: &[Fired]) -> Vec<(PartyNumber, Channel)> {
        if self.ladder.channels.is_empty() {
            return Vec::new();
        }
        let mut channels = Vec::new();
        for each in fired {
            for party in &each.to {
                let Some(id) = self.roster.id(*party) else { continue };
                let ways = self.ladder.channels(id, each.rung).map(|channel| (*party, channel));
                channels.extend(ways);
            }
        }
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// Working days by which something done at an instant was late; zero where it was in time.
    pub(super) fn days_late(&self, clock: &Clock, done_at: Timestamp) -> u16 {
        let day = self.date(clock.duty, done_at);
        self.working_days_between(self.last_day(clock), day)
    }

    /// The last day on whose morning the duty-holder has time left. A term that was counted where
    /// another party sits may end here in the night after it.
    fn last_day(&self, clock: &Clock) -> Date {
        let last = Timestamp::from_millisecond(clock.due_at.as_millisecond() - 1);
        let last = self.date(clock.duty, last.unwrap_or(clock.due_at));
        let is_over = self.morning(clock.duty, last).is_some_and(|at| at >= clock.due_at);
        if is_over { last.yesterday().unwrap_or(last) } else { last }
    }

    /// The middle working day of the term, the earlier of two.
    fn half(&self, clock: &Clock, due_date: Date) -> Option<Date> {
        let opened = self.date(clock.duty, clock.opened_at);
        let half = self.working_days_between(opened, due_date).div_ceil(2);
        if half == 0 {
            return None;
        }
        let counted = self.calendar.add_working_days(opened, WorkingDays(half)).ok();
        counted.or_else(|| {
            let days = opened.tomorrow().ok()?.series(1.day()).take_while(|day| *day <= due_date);
            days.filter(|day| self.is_working(*day)).nth(usize::from(half) - 1)
        })
    }

    /// The morning of the last day on which the office is open, where it is closed on the last
    /// working days of the term.
    fn closed(&self, clock: &Clock, due_date: Date) -> Option<Timestamp> {
        let last = self.last_day_open(clock.duty, due_date)?;
        self.morning(clock.duty, last)
    }

    /// The last working day on which a party's office is open, up to and with a day; none where
    /// that is simply the last working day.
    fn last_day_open(&self, party: PartyNumber, until: Date) -> Option<Date> {
        let off = self.ladder.days_off.get(self.roster.id(party)?)?;
        let last = self.on_or_before(until)?;
        let mut open = last;
        while off.contains(&open) {
            open = self.working_day_before(open)?;
        }
        (open < last).then_some(open)
    }

    fn overdue(&self, clock: &Clock, due_date: Date, after: Timestamp) -> Option<Planned> {
        let today = self.date(clock.duty, after);
        let mut day =
            if today > due_date { self.on_or_after(today)? } else { self.after(due_date)? };
        loop {
            let at = self.morning(clock.duty, day)?;
            if at > after && at >= clock.due_at {
                let days = self.working_days_between(due_date, day);
                return Some(Planned { at, rung: Rung::Overdue, days });
            }
            day = self.after(day)?;
        }
    }

    fn date(&self, party: PartyNumber, at: Timestamp) -> Date {
        self.roster.zone(party).to_datetime(at).date()
    }

    fn morning(&self, party: PartyNumber, date: Date) -> Option<Timestamp> {
        let at = DateTime::from_parts(date, self.ladder.morning);
        self.roster.zone(party).to_timestamp(at).ok()
    }

    fn is_working(&self, date: Date) -> bool {
        let weekday = date.weekday();
        let usual = weekday != Weekday::Saturday && weekday != Weekday::Sunday;
        self.calendar.is_working(date).unwrap_or(usual)
    }

    fn after(&self, date: Date) -> Option<Date> {
        self.on_or_after(date.tomorrow().ok()?)
    }

    fn on_or_after(&self, date: Date) -> Option<Date> {
        let mut days = date.series(1.day()).take(MAX_DAYS_SEARCHED as usize);
        days.find(|day| self.is_working(*day))
    }

    fn on_or_before(&self, date: Date) -> Option<Date> {
        let mut days = date.series(-1.day()).take(MAX_DAYS_SEARCHED as usize);
        days.find(|day| self.is_working(*day))
    }

    fn working_day_before(&self, date: Date) -> Option<Date> {
        self.on_or_before(date.yesterday().ok()?)
    }

    fn working_days_between(&self, after: Date, through: Date) -> u16 {
        let counted = self.calendar.working_days_between(after, through);
        let by_week = || {
            let days = after.series(1.day()).skip(1).take_while(|day| *day <= through);
            u16::try_from(days.filter(|day| self.is_working(*day)).count()).unwrap_or(u16::MAX)
        };
        counted.map_or_else(|_| by_week(), |days| days.0)
    }
}
