//! Counting the open clocks of a case again, after the calendar was amended.

use jiff::civil::Date;

use super::{Context, procedure_of};
use crate::domain::case::{Case, HopState};
use crate::domain::event::{ClockMoved, ClocksMoved};
use crate::domain::ids::Sequence;
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
    for (clock, service) in case.service.iter().zip(procedure.service()) {
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

/// The clock before and after, when it ends on another day or its end has become certain or
/// uncertain; a mere new version of the calendar moves nothing.
fn difference(old: &Due, new: Option<Due>) -> Option<(Due, Due)> {
    let new = new?;
    let same = new.instant == old.instant && new.estimated == old.estimated;
    (!same).then(|| (old.clone(), new))
}
