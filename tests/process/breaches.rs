//! The breaches in a journal against what the parties were told: a term that had run out when it
//! was closed has exactly one, recorded first; one that was closed in time has none; and nothing is
//! said of a term before its time. Worked out from the receipts alone, without the ladder's code.

use std::collections::{HashMap, HashSet};

use kopir::domain::ladder::{Notice, Rung};
use kopir::rpc::proto::types::v1::ClockNotice;

use super::ledger::{Confirmed, Receipted};

/// Case and hop.
type Term = (String, String);

/// When records were made, and what was said of terms.
#[derive(Default)]
pub struct Said {
    /// The time of each record, in Unix milliseconds, by its place from 1.
    times_ms: Vec<i64>,
    /// The place of the breach of each term, and the due instant it names.
    breaches: HashMap<Term, (u64, i64)>,
    /// Every rung of every clock: case, place of the hop, rung, due instant, days overdue.
    rungs: HashSet<(String, u8, Rung, i64, u16)>,
}

impl Said {
    /// Notes the time of the next record.
    pub fn record(&mut self, time_ms: i64) {
        self.times_ms.push(time_ms);
    }

    /// Notes what the record says, which was noted last.
    pub fn notice(&mut self, notice: &Notice) {
        let sequence = self.times_ms.len() as u64;
        let time_ms = self.time_ms(sequence);
        assert!(notice.planned_at.as_millisecond() <= time_ms, "notice {sequence} is early");
        for fired in &notice.fired {
            let (case, due_ms) = (fired.case.to_string(), fired.due_at.as_millisecond());
            let rung = (case.clone(), fired.place, fired.rung, due_ms, fired.days);
            assert!(self.rungs.insert(rung), "notice {sequence} says again: {fired:?}");
            let is_late = due_ms <= time_ms;
            match fired.rung {
                Rung::Due => {
                    assert!(is_late, "breach {sequence} is early: {fired:?}");
                    let term = (case, fired.hop.to_string());
                    let before = self.breaches.insert(term, (sequence, due_ms));
                    assert!(before.is_none(), "breach {sequence} is the second: {fired:?}");
                }
                Rung::Overdue | Rung::LateDischarge => {
                    assert!(is_late, "notice {sequence} is early: {fired:?}");
                    let term = (case, fired.hop.to_string());
                    assert!(self.breaches.contains_key(&term), "{sequence}: no breach: {fired:?}");
                }
                Rung::Half | Rung::DayBefore | Rung::DueMorning => {
                    let planned_ms = notice.planned_at.as_millisecond();
                    assert!(planned_ms < due_ms, "notice {sequence} warns of the past: {fired:?}");
                }
                Rung::Opening | Rung::Infeasible | Rung::Held => {}
            }
        }
    }

    fn time_ms(&self, sequence: u64) -> i64 {
        self.times_ms[usize::try_from(sequence).expect("a place in memory") - 1]
    }

    /// How many terms have a breach.
    pub fn breaches(&self) -> usize {
        self.breaches.len()
    }

    /// Holds the breaches against the terms of which the parties were told. Those that are open
    /// run until the last record.
    pub fn agree(
        &self,
        receipts: &HashMap<String, Receipted>,
        confirmations: &HashMap<(String, String), Confirmed>,
    ) {
        let mut due_ms = HashMap::new();
        let mut closed: HashMap<Term, u64> = HashMap::new();
        let told = receipts.values().map(|entry| {
            let receipt = &entry.receipt;
            (&receipt.case_id, &receipt.hop, receipt.sequence, &receipt.clocks)
        });
        let taken = confirmations.values().map(|entry| {
            let confirmation = &entry.confirmation;
            (&confirmation.case_id, &entry.hop, confirmation.sequence, &confirmation.clocks)
        });
        for (case, hop, sequence, clocks) in told.chain(taken) {
            // The act closes its hop, unless a receipt of it is still to come.
            let end = closed.entry((case.clone(), hop.clone())).or_default();
            *end = sequence.max(*end);
            due_ms.extend(clocks.iter().filter_map(|clock| term(case, clock)));
        }
        for (term, due_ms) in &due_ms {
            let end = closed.get(term).copied().unwrap_or(self.times_ms.len() as u64);
            let breach = self.breaches.get(term);
            if self.time_ms(end) < *due_ms {
                assert_eq!(breach, None, "{term:?} had not run out at record {end}");
                continue;
            }
            let Some((sequence, said_ms)) = breach else {
                panic!("{term:?} ran out at {due_ms}, before record {end}, in silence")
            };
            assert_eq!(said_ms, due_ms, "{term:?}: the breach names the due instant");
            assert!(*sequence <= end, "{term:?}: {sequence} comes after {end}, which closed it");
        }
        let untold: Vec<_> =
            self.breaches.iter().filter(|(term, _)| !due_ms.contains_key(term)).collect();
        assert!(untold.is_empty(), "breaches of terms that nobody was told of: {untold:?}");
    }
}

/// A term that began to run, or one of an act that is on its way to its receiver, and when it is
/// due.
fn term(case: &str, told: &ClockNotice) -> Option<(Term, i64)> {
    let clock = told.clock.as_ref().expect("complete");
    let due = clock.due_time?;
    let due_ms = due.seconds * 1000 + i64::from(due.nanos) / 1_000_000;
    Some(((case.to_owned(), clock.hop.clone()), due_ms))
}
