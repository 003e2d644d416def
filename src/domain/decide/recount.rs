//! Counting the open clocks of a case again, after the calendar was amended.

use jiff::civil::Date;

use super::{Context, procedure_of};
use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::event::{ClockMoved, ClocksMoved, ServiceClock};
use crate::domain::ids::Sequence;
use crate::domain::procedure::{Procedure, ServiceTerm};
use crate::domain::term::{self, CountMode, Due};

/// The clocks of a case that end otherwise on the context's calendar; none when all of them stand.
/// A clock that is closed is never moved: what was in time stays in time, what was late stays
/// late. A clock that the amended calendar cannot count stays as it was.
pub fn recount(case: &Case, amendment: Sequence, context: Context<'_>) -> Option<ClocksMoved> {
    let procedure = procedure_of(case, context).ok()?;
    let is_open = |state: &HopState| *state == HopState::Open;
    if !case.hops.iter().any(|run| is_open(&run.state)) {
        return None;
    }
    let counting = procedure.counting();
    let mut moved = Vec::new();
    let mut service_due: Option<Date> = None;
    let provider = super::seats::Seats::of_case(&case.participants, case.channel).provider();
    for (clock, service) in services(case, procedure) {
        let zone = context.roster.zone(provider);
        let opened_at = clock.opened_at;
        let new = term::due(
            service.term,
            CountMode::From,
            counting,
            opened_at,
            zone,
            context.calendar,
            None,
        );
        let new = new.ok().flatten();
        service_due = new.as_ref().or(Some(&clock.due)).map(|due| due.date);
        moved.extend(difference(&clock.due, new).map(|(old, new)| ClockMoved {
            hop: None,
            opened_at,
            old,
            new,
        }));
    }
    for run in case.hops.iter().filter(|run| is_open(&run.state)) {
        let (Some(hop), Some(old)) = (procedure.hop(run.hop), &run.due) else {
            continue;
        };
        let (zone, calendar) = (context.roster.zone(run.holder), context.calendar);
        let opened_at = run.opened_at;
        let new = term::due(hop.term, hop.count, counting, opened_at, zone, calendar, service_due);
        moved.extend(difference(old, new.ok().flatten()).map(|(old, new)| ClockMoved {
            hop: Some(run.hop),
            opened_at,
            old,
            new,
        }));
    }
    (!moved.is_empty()).then_some(ClocksMoved { case: case.id, amendment, moved })
}

/// The clocks of the service with the terms by which they were counted. A clock started with the
/// act of a hop, and the clocks are in the order of those acts; one that only informs may not have
/// been counted at all, at the end of the calendar.
fn services<'a>(
    case: &'a Case,
    procedure: &'a Procedure,
) -> impl Iterator<Item = (&'a ServiceClock, &'a ServiceTerm)> {
    let term_of = |run: &HopRun| {
        let acted = run.acted()?.sequence;
        let term = procedure.service().iter().find(|each| each.starts_with == run.hop)?;
        Some((acted, term))
    };
    let mut started: Vec<_> = case.hops.iter().filter_map(term_of).collect();
    started.sort_by_key(|(acted, _)| *acted);
    started.dedup_by_key(|(acted, _)| *acted);
    let mut started = started.into_iter();
    case.service.iter().filter_map(move |clock| {
        let (_, term) = started.find(|(_, term)| term.informative == clock.informative)?;
        Some((clock, term))
    })
}

/// The clock before and after, when it ends on another day or its end has become certain or
/// uncertain; a mere new version of the calendar moves nothing.
fn difference(old: &Due, new: Option<Due>) -> Option<(Due, Due)> {
    let new = new?;
    let same = new.instant == old.instant && new.estimated == old.estimated;
    (!same).then(|| (old.clone(), new))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::tests::{case_of_sample, context_of, editions_of, roster};
    use super::*;
    use crate::domain::act::{Act, Actor};
    use crate::domain::calendar::{CalendarBuilder, CalendarVersion};
    use crate::domain::case::Moment;
    use crate::domain::party::{PartyNumber, Role};
    use crate::domain::procedure::Draft;
    use crate::domain::procedure::tests::{draft, sound};
    use crate::domain::term::{Source, Term, WorkingDays};

    /// A text that gives two beginnings of the service different terms, the later hop's first.
    fn of_two_terms() -> Procedure {
        let service = |hop: &str, days| ServiceTerm {
            starts_with: hop.parse().unwrap(),
            term: Term::WorkingDays(WorkingDays(days)),
            informative: false,
            citation: "a sample ¶1".to_owned(),
        };
        let service = vec![service("SAMPLE-03", 20), service("SAMPLE-01", 5)];
        Procedure::new(Draft { service, ..draft("1", sound()) }).unwrap()
    }

    #[test]
    fn a_clock_of_the_service_is_counted_again_by_the_term_that_started_it() {
        let version = CalendarVersion::parse("test-1").unwrap();
        let calendar = CalendarBuilder::new(version, date(2026, 1, 1), date(2026, 12, 31));
        let (calendar, roster, procedure) = (calendar.unwrap().build(), roster(), of_two_terms());
        let opened_at = "2026-03-02T05:00:00Z".parse().unwrap();
        let run = |hop: &str, act, state| HopRun {
            hop: hop.parse().unwrap(),
            act,
            from: Actor::Role(Role::Akimat),
            holder: PartyNumber(2),
            opened_by: Sequence(5),
            opened_at,
            due: None,
            source: Source::Statutory,
            branch: false,
            state,
        };
        let acted = Moment { sequence: Sequence(5), at: opened_at };
        let mut case = case_of_sample();
        case.hops = vec![
            run("SAMPLE-01", Act::SubmitApplication, HopState::Done { acted, received: None }),
            run("SAMPLE-02", Act::ReferToCommission, HopState::Open),
        ];
        let due = term::due(
            Term::WorkingDays(WorkingDays(5)),
            CountMode::From,
            procedure.counting(),
            opened_at,
            roster.zone(PartyNumber(2)),
            &calendar,
            None,
        );
        let due = due.unwrap().unwrap();
        case.service = vec![ServiceClock { opened_at, due, informative: false }];
        let procedures = editions_of(procedure);
        let context = context_of(&calendar, &roster, &procedures);
        assert_eq!(recount(&case, Sequence(9), context), None);
    }
}
