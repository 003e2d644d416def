//! Office hours: when a party's people open the mail and when they act. The standard of the service
//! gives the hours (002-EN A1 App. 2); days off are those of Kazakhstan for every party, since the
//! law says nothing of host countries' holidays.

use std::sync::Arc;

use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::DemoError;
use super::chance::Chance;
use crate::domain::calendar::{Calendar, WorkingDays};
use crate::domain::party::{Party, PartyId, Role};

/// Work begins when the morning's mail has been taken in.
const FIRST_SITTING: Time = time(10, 0, 0, 0);
const LUNCH: (Time, Time) = (time(13, 0, 0, 0), time(14, 30, 0, 0));
const SITTING_MINUTES: i64 = 15;
/// The mail is taken in at one of these minutes after nine. None is a quarter of an hour, and the
/// zones of all parties differ by whole hours, so mail and acts never share an instant: what a
/// morning's mail holds does not depend on who was a millisecond faster.
const MAIL_MINUTES: [i8; 4] = [10, 20, 35, 50];

/// A party's people, their hours and their calendar.
#[derive(Debug, Clone)]
pub(super) struct Office {
    /// Whose office it is.
    pub(super) party: PartyId,
    /// Where the clock on its wall stands.
    pub(super) zone: TimeZone,
    closes: Time,
    mail: Time,
    calendar: Arc<Calendar>,
}

/// When an act is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The last day of the term, or the last day that will do where there is no term.
    pub(super) last: Date,
    /// Working days by which the act will miss that day; 0 is in time.
    pub(super) late_days: u16,
}

impl Office {
    /// The office of `party`.
    pub(super) fn new(party: &Party, calendar: &Arc<Calendar>) -> Self {
        let closes =
            if party.role == Role::ForeignMission { time(17, 0, 0, 0) } else { time(17, 30, 0, 0) };
        // An office keeps its habit whatever the seed.
        let habit = Chance::about(0, party.id.as_str()).below(MAIL_MINUTES.len());
        Self {
            party: party.id.clone(),
            zone: party.zone.clone(),
            closes,
            mail: time(9, MAIL_MINUTES[habit], 0, 0),
            calendar: Arc::clone(calendar),
        }
    }

    /// The civil day at this office.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The next opening of the mail after `now`.
    pub(super) fn next_mail(&self, now: Timestamp) -> Result<Timestamp, DemoError> {
        let mut day = self.calendar.next_working_day_on_or_after(self.day(now))?;
        loop {
            let at = self.instant(day, self.mail)?;
            if at > now {
                return Ok(at);
            }
            day = self.calendar.add_working_days(day, WorkingDays(1))?;
        }
    }

    /// An instant after `now` at which to act: on a random working day until the last one wished,
    /// or so many working days after it as the wish is late. Where no such instant is left, the
    /// next one there is.
    pub(super) fn act_time(
        &self,
        now: Timestamp,
        wish: Wish,
        chance: &mut Chance,
    ) -> Result<Timestamp, DemoError> {
        let today = self.day(now);
        let mut days = Vec::new();
        if wish.late_days > 0 {
            days.push(self.calendar.add_working_days(wish.last, WorkingDays(wish.late_days))?);
        } else {
            let mut day = self.calendar.next_working_day_on_or_after(today)?;
            while day <= wish.last {
                days.push(day);
                day = self.calendar.add_working_days(day, WorkingDays(1))?;
            }
        }
        chance.shuffle(&mut days);
        for day in days {
            let at = self.sitting(day, chance)?;
            if at > now {
                return Ok(at);
            }
        }
        self.sitting(self.calendar.add_working_days(today, WorkingDays(1))?, chance)
    }

    /// A random quarter of an hour of a day at which the office works.
    pub(super) fn sitting(&self, day: Date, chance: &mut Chance) -> Result<Timestamp, DemoError> {
        let sittings: Vec<_> = FIRST_SITTING
            .series(SITTING_MINUTES.minutes())
            .take_while(|at| *at < self.closes)
            .filter(|at| *at < LUNCH.0 || *at >= LUNCH.1)
            .collect();
        let drawn = sittings.get(chance.below(sittings.len())).copied();
        self.instant(day, drawn.unwrap_or(FIRST_SITTING))
    }

    /// A random working day of a span, which must have one.
    pub(super) fn working_day(
        &self,
        first: Date,
        last: Date,
        chance: &mut Chance,
    ) -> Result<Date, DemoError> {
        let first = self.calendar.next_working_day_on_or_after(first)?;
        let more = self.calendar.working_days_between(first, last)?;
        let after = u16::try_from(chance.below(usize::from(more.0) + 1)).unwrap_or(0);
        Ok(self.calendar.add_working_days(first, WorkingDays(after))?)
    }

    fn instant(&self, day: Date, at: Time) -> Result<Timestamp, DemoError> {
        Ok(self.zone.to_timestamp(day.to_datetime(at))?)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::demo::stage;
    use crate::procedures::calendar;

    fn offices() -> Vec<Office> {
        let calendar = Arc::new(calendar::kazakhstan().unwrap());
        let parties = stage::sample_parties().unwrap();
        parties.iter().map(|party| Office::new(party, &calendar)).collect()
    }

    /// 2023-03-17 was a Friday; Monday the 20th worked, the 21st to the 23rd were Nauryz.
    fn friday(office: &Office) -> Timestamp {
        office.instant(date(2023, 3, 17), time(9, 55, 0, 0)).unwrap()
    }

    #[test]
    fn acts_fall_into_office_hours_of_working_days_within_the_term() {
        for office in offices() {
            let now = friday(&office);
            for draw in 0..200 {
                let chance = &mut Chance::about(draw, office.party.as_str());
                let wish = Wish { last: date(2023, 3, 27), late_days: 0 };
                let at = office.zone.to_datetime(office.act_time(now, wish, chance).unwrap());
                let worked = [17, 20, 24, 27].map(|day| date(2023, 3, day));
                assert!(worked.contains(&at.date()), "{} acts on {at}", office.party);
                assert!(at.time() >= FIRST_SITTING && at.time() < office.closes, "{at}");
                assert!(at.time() < LUNCH.0 || at.time() >= LUNCH.1, "{at} is lunch");
            }
        }
    }

    #[test]
    fn a_late_act_misses_its_last_day_by_working_days() {
        for office in offices() {
            let wish = Wish { last: date(2023, 3, 20), late_days: 1 };
            let chance = &mut Chance::about(1, "late");
            let at = office.act_time(friday(&office), wish, chance).unwrap();
            assert_eq!(office.day(at), date(2023, 3, 24), "Nauryz is no working day");
        }
    }

    #[test]
    fn a_term_without_a_working_day_left_is_met_on_the_next_one() {
        let office = &offices()[0];
        let saturday = office.instant(date(2023, 3, 18), time(12, 0, 0, 0)).unwrap();
        let wish = Wish { last: date(2023, 3, 19), late_days: 0 };
        let at = office.act_time(saturday, wish, &mut Chance::about(1, "weekend")).unwrap();
        assert_eq!(office.day(at), date(2023, 3, 20));
    }

    #[test]
    fn mail_is_taken_in_each_working_morning_and_never_while_others_act() {
        for office in offices() {
            let first = office.next_mail(friday(&office)).unwrap();
            assert_eq!(office.day(first), date(2023, 3, 20));
            let second = office.next_mail(first).unwrap();
            assert_eq!(office.day(second), date(2023, 3, 24));
            assert_ne!(first.as_second() % (SITTING_MINUTES * 60), 0, "{}", office.party);
        }
    }
}
