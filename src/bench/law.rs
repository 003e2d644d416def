//! The law itself, in this process and on one core: what it costs to load it, as every start does,
//! and to count a due instant, as every act does, and an amended calendar for every open term.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Span;
use jiff::tz::TimeZone;

use super::{BenchError, Progress};
use crate::domain::Procedures;
use crate::domain::calendar::Calendar;
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::term::{Term, bundled_zone, due};
use crate::procedures;

/// Rounds, of which the median is told: the first pays for cold caches.
const ROUNDS: usize = 11;
/// Days of the calendar before the first event, for terms that count back, and after the last one,
/// for terms to end in.
const SPARE_DAYS: i32 = 400;
const ZONE: &str = "Asia/Almaty";

/// What loading and counting took.
#[derive(Debug, Clone, Copy)]
pub struct LawRun {
    /// Procedures of this build.
    pub procedures: usize,
    /// Reading and checking all of them.
    pub procedures_loaded_in: Duration,
    /// Listed days of the calendar.
    pub listed_days: usize,
    /// Reading and ranking the calendar.
    pub calendar_loaded_in: Duration,
    /// Due instants counted in one round: each hop with a term, from each of some thousand days.
    pub dues: u64,
    /// Counting them.
    pub counted_in: Duration,
}

impl LawRun {
    /// One due instant, in nanoseconds.
    #[must_use]
    pub fn ns_per_due(&self) -> f64 {
        self.counted_in.as_secs_f64() * 1e9 / self.dues.max(1) as f64
    }
}

pub(super) fn run(progress: Progress<'_>) -> Result<LawRun, BenchError> {
    progress("law: procedures and calendar loaded, due instants counted");
    let procedures = procedures::load()?;
    let calendar = procedures::calendar::kazakhstan()?;
    let zone = bundled_zone(ZONE)?;
    let mut dues = 0;
    let counted_in = median(|| {
        dues = count(&procedures, &calendar, &zone)?;
        Ok(())
    })?;
    Ok(LawRun {
        procedures: procedures.len(),
        procedures_loaded_in: median(|| {
            black_box(procedures::load()?);
            Ok(())
        })?,
        listed_days: calendar.listed().len(),
        calendar_loaded_in: median(|| {
            black_box(procedures::calendar::kazakhstan()?);
            Ok(())
        })?,
        dues,
        counted_in,
    })
}

/// Counts each hop that has a term from each day of the calendar but those at its edges.
fn count(procedures: &Procedures, calendar: &Calendar, zone: &TimeZone) -> Result<u64, BenchError> {
    let with_term: Vec<(&Procedure, &Hop)> = procedures
        .values()
        .flat_map(|procedure| procedure.hops().iter().map(move |hop| (procedure, hop)))
        .filter(|(_, hop)| hop.term != Term::None)
        .collect();
    let last = calendar.last().saturating_sub(Span::new().days(SPARE_DAYS));
    let mut dues = 0;
    let mut date = calendar.first().saturating_add(Span::new().days(SPARE_DAYS));
    // Noon, in the zone of the authorised body.
    let mut opened = zone.to_timestamp(date.at(12, 0, 0, 0)).unwrap_or_default();
    while date < last {
        for (procedure, hop) in &with_term {
            let counting = procedure.counting();
            black_box(due(hop.term, hop.count, counting, opened, zone, calendar, Some(date))?);
            dues += 1;
        }
        date = date.saturating_add(Span::new().days(1));
        opened = opened.saturating_add(jiff::SignedDuration::from_hours(24)).unwrap_or(opened);
    }
    Ok(dues)
}

fn median(mut step: impl FnMut() -> Result<(), BenchError>) -> Result<Duration, BenchError> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        step()?;
        rounds.push(begun.elapsed());
    }
    rounds.sort_unstable();
    Ok(rounds.get(ROUNDS / 2).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hop_with_a_term_is_counted_from_each_day() {
        let run = run(&|_| {}).unwrap();
        assert!(run.procedures > 0 && run.listed_days > 300);
        // Fifteen years but the spare days, and at least nine hops with a term.
        assert!(run.dues > 4_600 * 9, "{run:?}");
        assert!(run.ns_per_due() > 0.0);
    }
}
