//! Clocks: the running term of a hop, with everything needed to recount it by hand.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::law::{source, term};
use super::{View, date, time};
use crate::domain::calendar::Calendar;
use crate::domain::party::PartyNumber;
use crate::domain::term::{Due, Source, Term};
use crate::domain::{HopId, HopOpened, HopRun, ProcedureKey};
use crate::rpc::proto::types::v1 as types;

/// What a clock is told from, whether a case or an event has it.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    hop: HopId,
    holder: PartyNumber,
    opened_at: Timestamp,
    due: Option<&'a Due>,
    source: Source,
}

impl<'a> From<&'a HopRun> for Running<'a> {
    fn from(run: &'a HopRun) -> Self {
        let HopRun { hop, holder, opened_at, due, source, .. } = run;
        Self {
            hop: *hop,
            holder: *holder,
            opened_at: *opened_at,
            due: due.as_ref(),
            source: *source,
        }
    }
}

impl<'a> From<&'a HopOpened> for Running<'a> {
    fn from(opened: &'a HopOpened) -> Self {
        let HopOpened { hop, act: _, from: _, holder, opened_at, due, source, branch: _ } = opened;
        Self {
            hop: *hop,
            holder: *holder,
            opened_at: *opened_at,
            due: due.as_ref(),
            source: *source,
        }
    }
}

/// A clock.
pub fn clock(view: View<'_>, procedure: &ProcedureKey, running: Running<'_>) -> types::Clock {
    let Running { hop, holder, opened_at, due, source: origin } = running;
    let law = view.hop(procedure, hop);
    types::Clock {
        hop: hop.as_str().to_owned(),
        holder_party_id: view.party_id(holder),
        opened_time: Some(time(opened_at)),
        due_time: due.map(|due| time(due.instant)),
        due_date: due.map(|due| date(due.date)),
        term: law.map(|law| term(law.term, law.count)),
        rule: view.wording.rule(procedure, hop, view.roster.zone(holder)).to_owned(),
        source: source(origin).into(),
        citation: law.map(|law| law.citation.clone()).unwrap_or_default(),
        calendar_version: due.map(|due| due.calendar.as_str().to_owned()).unwrap_or_default(),
        estimated: due.is_some_and(|due| due.estimated),
    }
}

/// The notice that a clock began to run.
pub fn opened(view: View<'_>, procedure: &ProcedureKey, opened: &HopOpened) -> types::ClockNotice {
    types::ClockNotice {
        change: types::ClockChange::Opened.into(),
        clock: Some(clock(view, procedure, opened.into())),
        closed_time: None,
        late: false,
    }
}

/// The notice that the act which a clock waited for was done.
pub fn closed(
    view: View<'_>,
    procedure: &ProcedureKey,
    running: Running<'_>,
    acted_at: Timestamp,
) -> types::ClockNotice {
    types::ClockNotice {
        change: types::ClockChange::Closed.into(),
        late: running.due.is_some_and(|due| acted_at >= due.instant),
        clock: Some(clock(view, procedure, running)),
        closed_time: Some(time(acted_at)),
    }
}

/// Days of a term used from its event up to and with the day of `until`, in the unit of the term;
/// none for a hop without a term. The day of the event is not counted (002-EN A1 ¶9).
pub fn used_days(
    term: Term,
    opened_at: Timestamp,
    until: Timestamp,
    zone: &TimeZone,
    calendar: &Calendar,
) -> Option<i32> {
    let (event, until) = (zone.to_datetime(opened_at).date(), zone.to_datetime(until).date());
    match term {
        Term::None => None,
        Term::WorkingDays(_) => {
            let used = calendar.working_days_between(event, until).ok()?;
            Some(i32::from(used.0))
        }
        Term::CalendarDays(_)
        | Term::SameDay
        | Term::SameWorkingDay
        | Term::MonthEnd
        | Term::BeforeServiceEnd(_) => {
            let span = event.until(until).ok()?;
            Some(span.get_days().max(0))
        }
    }
}
