//! For how long the personal data of a closed case are kept, where a rule says so. The law states one
//! such term, of the State Corporation's own system (004 App. 2 row 5); whatever else stands in a
//! rule is its operator's.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::act::Actor;
use super::case::{Case, CaseStatus};
use super::confidential::Papers;
use super::ids::{CaseId, ProcedureId};
use super::party::Role;

/// The rules, and what none of them touches. Without rules nothing is erased by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// The rules.
    pub rules: Vec<RetentionRule>,
    /// Cases that are kept whatever a rule says: somebody who may has asked for them.
    pub keep: BTreeSet<CaseId>,
}

/// For how long some closed cases are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// Of this procedure only.
    pub procedure: Option<ProcedureId>,
    /// Only those in which a party of this role has a part: the copies that the bus has for it.
    pub role: Option<Role>,
    /// For how long after the last day on which something happened in them.
    pub period: Period,
    /// The citation, or that it is assumed.
    pub source: String,
}

/// A time on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Calendar years; a term that would end on 29 February ends the day before where there is none.
    Years(u16),
    /// Calendar days.
    Days(u32),
}

impl Retention {
    /// By which rule a case is to be erased on a day, in the zone in which days are counted: every
    /// rule that concerns it has run out, and this is the one that kept it longest. None for a case
    /// that is not closed, whose papers are not there, or of which nothing is said.
    pub fn due(&self, case: &Case, today: Date, zone: &TimeZone) -> Option<&RetentionRule> {
        if self.keep.contains(&case.id) || !matches!(case.papers, Papers::Sealed(_)) {
            return None;
        }
        let closed = closed_at(case)?.to_zoned(zone.clone()).date();
        let ends = |rule: &&RetentionRule| rule.period.after(closed);
        let rules = self.rules.iter().filter(|rule| rule.concerns(case));
        let longest = rules.max_by_key(ends)?;
        (ends(&longest) < today).then_some(longest)
    }
}

/// When a case was closed, or something happened in it last since then; none while it is not: a
/// party has to act, an act is on its way or held, or the applicant may still come.
pub fn closed_at(case: &Case) -> Option<Timestamp> {
    let waits = case.copies.iter().any(|copy| copy.received.is_none());
    (case.status() == CaseStatus::Closed && !waits).then_some(case.updated_at)
}

impl RetentionRule {
    fn concerns(&self, case: &Case) -> bool {
        let of_procedure =
            self.procedure.as_ref().is_none_or(|procedure| *procedure == case.procedure.procedure);
        let has_part = |role: Role| {
            case.channel == role
                || case.participants.iter().any(|(actor, _)| *actor == Actor::Role(role))
        };
        of_procedure && self.role.is_none_or(has_part)
    }
}

impl Period {
    /// The last day of it, counted from a day that is not counted itself.
    fn after(self, day: Date) -> Date {
        let span = match self {
            Self::Years(years) => Span::new().try_years(years),
            Self::Days(days) => Span::new().try_days(days),
        };
        // Beyond the calendar nothing ends.
        span.and_then(|span| day.checked_add(span)).unwrap_or(Date::MAX)
    }
}

impl fmt::Display for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { procedure, role, period, source } = self;
        match procedure {
            Some(procedure) => write!(f, "{procedure}")?,
            None => f.write_str("any procedure")?,
        }
        if let Some(role) = role {
            write!(f, ", {role}")?;
        }
        match period {
            Period::Years(years) => write!(f, ": {years} years after closing; {source}"),
            Period::Days(days) => write!(f, ": {days} days after closing; {source}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::case::Moment;
    use crate::domain::confidential::SlotNumber;
    use crate::domain::decide::tests::case_of_sample;
    use crate::domain::ids::Sequence;
    use crate::domain::party::PartyNumber;
    use crate::domain::term::Source;
    use crate::domain::{Act, HopRun, HopState};

    fn rule(period: Period) -> RetentionRule {
        RetentionRule { procedure: None, role: None, period, source: "assumed".to_owned() }
    }

    /// A case that closed at 23:30 of 28 February 2025 in Almaty.
    fn closed() -> Case {
        let mut case = case_of_sample();
        let at = "2025-02-28T23:30:00+05:00".parse().unwrap();
        let moment = Moment { sequence: Sequence(9), at };
        case.copies.iter_mut().for_each(|copy| copy.received = Some(moment));
        case.papers = Papers::Sealed(SlotNumber(5));
        case.updated_at = at;
        case
    }

    fn open_hop(from: Actor) -> HopRun {
        HopRun {
            hop: "K21B-10".parse().unwrap(),
            act: Act::ReferToCommission,
            from,
            holder: PartyNumber(1),
            opened_by: Sequence(8),
            opened_at: Timestamp::UNIX_EPOCH,
            due: None,
            source: Source::Statutory,
            branch: false,
            state: HopState::Open,
        }
    }

    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(5))
    }

    #[test]
    fn a_case_is_due_on_the_day_after_the_last_of_its_period_and_not_before() {
        let case = closed();
        for (period, last) in [
            (Period::Years(1), date(2026, 2, 28)),
            (Period::Years(3), date(2028, 2, 28)),
            (Period::Days(1), date(2025, 3, 1)),
            (Period::Days(365), date(2026, 2, 28)),
        ] {
            let rules = Retention { rules: vec![rule(period)], ..Retention::default() };
            assert_eq!(rules.due(&case, last, &zone()), None, "{period:?}");
            let next = last.tomorrow().unwrap();
            assert_eq!(rules.due(&case, next, &zone()), Some(&rules.rules[0]), "{period:?}");
            // Midnight is that of the zone.
            assert_eq!(rules.due(&case, next, &TimeZone::fixed(jiff::tz::offset(6))), None);
        }
        let beyond = Retention { rules: vec![rule(Period::Years(9_999))], ..Retention::default() };
        assert_eq!(beyond.due(&case, date(9999, 12, 31), &zone()), None);
    }

    #[test]
    fn a_leap_day_ends_the_day_before_where_there_is_none() {
        assert_eq!(Period::Years(1).after(date(2024, 2, 29)), date(2025, 2, 28));
        assert_eq!(Period::Years(4).after(date(2024, 2, 29)), date(2028, 2, 29));
    }

    #[test]
    fn of_several_rules_the_longest_keeps_a_case() {
        let case = closed();
        let rules = vec![rule(Period::Days(10)), rule(Period::Years(1)), rule(Period::Days(20))];
        let rules = Retention { rules, ..Retention::default() };
        assert_eq!(rules.due(&case, date(2025, 12, 1), &zone()), None);
        assert_eq!(rules.due(&case, date(2026, 3, 1), &zone()), Some(&rules.rules[1]));
    }

    #[test]
    fn what_is_open_kept_erased_or_of_no_rule_is_not_due() {
        let (case, today) = (closed(), date(2040, 1, 1));
        let rules = Retention { rules: vec![rule(Period::Days(1))], ..Retention::default() };
        assert!(rules.due(&case, today, &zone()).is_some());
        let mut waits = case.clone();
        waits.copies[0].received = None;
        let mut open = case.clone();
        open.hops.push(open_hop(Actor::Role(Role::Akimat)));
        let mut awaits = case.clone();
        awaits.hops.push(open_hop(Actor::Applicant));
        let mut possible = case.clone();
        possible.hops.push(HopRun { branch: true, ..open_hop(Actor::Role(Role::Akimat)) });
        assert!(rules.due(&possible, today, &zone()).is_some(), "a branch is never owed");
        let mut plain = case.clone();
        plain.papers = Papers::Plain(Some(SlotNumber(5)));
        let mut erased = case.clone();
        let moment = Moment { sequence: Sequence(9), at: case.updated_at };
        erased.papers = Papers::Erased { slot: SlotNumber(5), erased: moment };
        for other in [waits, open, awaits, plain, erased] {
            assert_eq!(rules.due(&other, today, &zone()), None, "{other:?}");
        }
        let kept = Retention { keep: BTreeSet::from([case.id]), ..rules.clone() };
        assert_eq!(kept.due(&case, today, &zone()), None);
        assert_eq!(Retention::default().due(&case, today, &zone()), None);
        let of = |procedure: Option<&str>, role| {
            let procedure = procedure.map(|name| name.parse().unwrap());
            let rules = vec![RetentionRule { procedure, role, ..rule(Period::Days(1)) }];
            Retention { rules, ..Retention::default() }.due(&case, today, &zone()).is_some()
        };
        let own = case.procedure.procedure.as_str();
        assert!(of(Some(own), None) && of(None, Some(case.channel)));
        assert!(!of(Some("appeal"), None) && !of(Some(own), Some(Role::RuralAkimat)));
    }
}
