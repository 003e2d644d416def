//! Finding procedures and hops by what the caller wrote, and the words that stand for terms in
//! the answers. Whoever names something that is not there is told what is.

use std::fmt::Display;

use anyhow::anyhow;
use serde::Serialize;

use super::output::Failure;
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::term::{CountMode, Source, Term};
use crate::domain::{Actor, Procedures};
use crate::procedures;

/// The procedures of this build.
pub(super) fn load() -> Result<Procedures, Failure> {
    procedures::load().map_err(Failure::failed)
}

/// The procedure of this name, in this edition or in its only one.
pub(super) fn find<'p>(
    procedures: &'p Procedures,
    name: &str,
    edition: Option<&str>,
) -> Result<&'p Procedure, Failure> {
    let named = || procedures.iter().filter(|(key, _)| key.procedure.as_str() == name);
    let editions = || list(named().map(|(key, _)| &key.edition));
    let mut found = named()
        .filter(|(key, _)| edition.is_none_or(|edition| key.edition.as_str() == edition))
        .map(|(_, procedure)| procedure);
    match (found.next(), found.next()) {
        (Some(procedure), None) => Ok(procedure),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow!(
            "{name} has several editions; choose one with --edition: {}",
            editions()
        ))),
        (None, _) if named().next().is_some() => Err(Failure::usage(anyhow!(
            "{name} has no edition {:?}; it has {}",
            edition.unwrap_or_default(),
            editions()
        ))),
        (None, _) => Err(Failure::usage(anyhow!(
            "there is no procedure {name:?}; there is {}",
            list(procedures.keys().map(|key| &key.procedure))
        ))),
    }
}

/// The hop of this id.
pub(super) fn find_hop<'p>(procedure: &'p Procedure, id: &str) -> Result<&'p Hop, Failure> {
    procedure.hops().iter().find(|hop| hop.id.as_str() == id).ok_or_else(|| {
        let hops = list(procedure.hops().iter().map(|hop| hop.id));
        Failure::usage(anyhow!("{} has no hop {id:?}; it has {hops}", procedure.key()))
    })
}

/// A term as data.
#[derive(Debug, Serialize)]
pub(super) struct TermView {
    /// How many of the unit; none for units that count nothing.
    n: Option<u16>,
    unit: &'static str,
    count: &'static str,
    #[serde(skip)]
    term: Term,
}

impl TermView {
    pub(super) fn new(term: Term, count: CountMode) -> Self {
        let (n, unit) = match term {
            Term::None => (None, "none"),
            Term::WorkingDays(n) => (Some(n.0), "working-days"),
            Term::CalendarDays(n) => (Some(n.0), "calendar-days"),
            Term::SameDay => (None, "same-day"),
            Term::SameWorkingDay => (None, "same-working-day"),
            Term::MonthEnd => (None, "month-end"),
            Term::BeforeServiceEnd(n) => (Some(n.0), "before-service-end"),
        };
        let count = match count {
            CountMode::From => "from",
            CountMode::After => "after",
            CountMode::On => "on",
            CountMode::Moment => "moment",
            CountMode::Before => "before",
            CountMode::NotStated => "not-stated",
            CountMode::None => "none",
        };
        Self { n, unit, count, term }
    }

    /// The term for people.
    pub(super) fn words(&self) -> String {
        words(self.term)
    }

    /// How the text of the law counts.
    pub(super) fn count(&self) -> &'static str {
        self.count
    }
}

/// A term for people.
pub(super) fn words(term: Term) -> String {
    match term {
        Term::None => "none".into(),
        Term::WorkingDays(n) => n.to_string(),
        Term::CalendarDays(n) => n.to_string(),
        Term::SameDay => "the same day".into(),
        Term::SameWorkingDay => "the same working day".into(),
        Term::MonthEnd => "end of next month".into(),
        Term::BeforeServiceEnd(n) => format!("{n} before the service is due"),
    }
}

/// Senders or receivers for people.
pub(super) fn actors(actors: &[Actor]) -> String {
    let names: Vec<_> = actors.iter().map(|actor| actor.name()).collect();
    names.join(" or ")
}

/// Where a term comes from.
pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Statutory => "statutory",
        Source::Assumed => "assumed",
    }
}

/// Items for people, each once where they follow each other.
pub(super) fn list<T: Display>(items: impl Iterator<Item = T>) -> String {
    let mut items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.dedup();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::WorkingDays;
    use crate::domain::term::CalendarDays;

    #[test]
    fn every_unit_and_count_has_its_name() {
        let shown = [
            (Term::None, CountMode::None),
            (Term::WorkingDays(WorkingDays(5)), CountMode::From),
            (Term::CalendarDays(CalendarDays(30)), CountMode::Moment),
            (Term::WorkingDays(WorkingDays(3)), CountMode::NotStated),
            (Term::WorkingDays(WorkingDays(10)), CountMode::After),
            (Term::SameDay, CountMode::On),
            (Term::MonthEnd, CountMode::None),
            (Term::BeforeServiceEnd(CalendarDays(1)), CountMode::Before),
        ]
        .map(|(term, count)| {
            let TermView { n, unit, count, .. } = TermView::new(term, count);
            (words(term), n, unit, count)
        });
        let expected = [
            ("none", None, "none", "none"),
            ("5 working days", Some(5), "working-days", "from"),
            ("30 calendar days", Some(30), "calendar-days", "moment"),
            ("3 working days", Some(3), "working-days", "not-stated"),
            ("10 working days", Some(10), "working-days", "after"),
            ("the same day", None, "same-day", "on"),
            ("end of next month", None, "month-end", "none"),
            ("1 calendar day before the service is due", Some(1), "before-service-end", "before"),
        ]
        .map(|(words, n, unit, count)| (words.to_owned(), n, unit, count));
        assert_eq!(shown, expected);
    }
}
