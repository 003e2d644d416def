//! The pilot of 2023, played again at its true size on a real bus.
//!
//! The letter of 3 May 2023 reports how many families applied through the missions and how many of
//! them were approved. This module makes up that many families, starts a bus on loopback with
//! mutual TLS and its real storage, lets one system per party carry every application through
//! K21B-01 to K21B-12 over simulated months, and then counts what the bus says of it. Nothing in
//! the report is taken from the generator: if the bus lost or doubled anything, the totals differ
//! and the demonstration fails.

mod agent;
mod chance;
mod counts;
mod error;
mod family;
mod folder;
mod heard;
mod inbox;
mod law;
mod line;
mod office;
mod papers;
mod replay;
mod request;
mod silence;
mod stage;
mod tally;
mod tell;
mod timeline;
mod tour;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use self::counts::Done;
use self::law::Law;
use self::line::Line;
use self::replay::{Played, Replay};
use self::stage::Stage;
use self::tally::Tally;
use crate::journal::VerifyReport;

pub use self::error::DemoError;
pub use self::family::Pilot;
pub use self::silence::{Silence, SilenceReport, Told};
pub use self::tally::{Count, Totals};
pub use self::tour::{Tour, TourReport};

/// A demonstration to be run.
#[derive(Debug, Clone)]
pub struct Demo {
    /// What all chance begins with: the same seed, the same history.
    pub seed: u64,
    /// How many families and persons.
    pub pilot: Pilot,
    /// Where certificates, configuration and the bus's data go; it is made, and left in place.
    pub directory: PathBuf,
}

/// What a demonstration found.
#[derive(Debug)]
pub struct Report {
    /// The whole report, in plain English, for the standard output.
    pub text: String,
    /// What the bus counted at the end.
    pub totals: Totals,
    /// What is not as it should be, in words. Empty means success.
    pub differences: Vec<String>,
}

/// All that a report is made of.
struct Findings {
    demo: Demo,
    law: Arc<Law>,
    tally: Tally,
    played: Played,
    parties: crate::domain::party::Parties,
    journal: VerifyReport,
    replay_time: Duration,
    whole_time: Duration,
}

impl Demo {
    /// Plays the pilot. `progress` is told of every act accepted.
    ///
    /// # Errors
    /// [`DemoError`] if it could not be played to the end; what was played and is wrong is a
    /// difference of the report.
    pub async fn run(self, progress: &ProgressBar) -> Result<Report, DemoError> {
        let began = Instant::now();
        progress.set_length(u64::try_from(self.pilot.acts()).unwrap_or(0));
        let stage = Stage::build(&self.directory).await?;
        let operator = Line::connect(&stage, stage.party("operator")?).await?;
        let law = Arc::new(Law::ask(&operator).await?);
        let parties = stage.parties().clone();
        let replay = Replay::prepare(&stage, &law, (self.seed, self.pilot)).await?;
        let replay_began = Instant::now();
        let played = replay.play(progress).await?;
        let replay_time = replay_began.elapsed();
        let tally = tally::tally(&operator, &law).await?;
        drop(operator);
        let journal = stage.close().await?;
        progress.finish_and_clear();
        let whole_time = began.elapsed();
        let findings =
            Findings { demo: self, law, tally, played, parties, journal, replay_time, whole_time };
        findings.report()
    }
}

impl Findings {
    fn report(&self) -> Result<Report, DemoError> {
        let found = Found {
            at_letter: self.played.at_letter,
            totals: self.tally.totals,
            open_hops: self.tally.hops.iter().map(|hop| hop.open).sum(),
            acts: self.tally.acts,
            late: self.tally.hops.iter().map(|hop| hop.late).sum(),
            breaches: self.played.heard.breaches(self.tally.late()),
            notices: self.played.heard.notices + self.played.heard.records(),
            done: self.played.done,
            parties: self.parties.iter().count(),
            records: self.journal.records,
            torn_bytes: self.journal.torn_bytes,
        };
        let differences = found.differences(self.demo.pilot);
        let text = tell::report(self, &differences)?;
        Ok(Report { text, totals: self.tally.totals, differences })
    }
}

/// What is compared with what it should be.
#[derive(Clone)]
struct Found {
    at_letter: Totals,
    totals: Totals,
    open_hops: usize,
    acts: usize,
    /// Acts that missed their terms, and those of them that somebody was told of.
    late: usize,
    breaches: usize,
    /// Records of notices and of their acknowledgements.
    notices: usize,
    done: Done,
    parties: usize,
    records: u64,
    torn_bytes: u64,
}

impl Found {
    /// What is not as it should be.
    fn differences(&self, pilot: Pilot) -> Vec<String> {
        let mut differences = Vec::new();
        let mut expect = |what: &str, found: &dyn ToString, expected: &dyn ToString| {
            let (found, expected) = (found.to_string(), expected.to_string());
            if found != expected {
                differences.push(format!("{what}: {found}, expected {expected}"));
            }
        };
        let expected = Totals::expected(pilot);
        let (totals, at_letter) = (self.totals, self.at_letter);
        for (what, found, expected) in [
            ("applied by the day of the letter", at_letter.submitted, expected.submitted),
            ("approved by the day of the letter", at_letter.approved, expected.approved),
            ("applied", totals.submitted, expected.submitted),
            ("approved", totals.approved, expected.approved),
            ("refused", totals.refused, expected.refused),
            ("included", totals.included, expected.included),
        ] {
            expect(what, &found, &expected);
        }
        expect("cases closed", &totals.closed, &expected.closed);
        expect("hops left open", &self.open_hops, &0);
        let Done { acts, receipts, .. } = self.done;
        expect("acts with a receipt", &acts, &pilot.acts());
        expect("acts in the cases", &self.acts, &acts);
        expect("late acts told of", &self.breaches, &self.late);
        // Beside acts, notices and acknowledgements, the journal has the enrolment of each party and
        // the registry.
        let records = 1 + self.parties + acts + receipts + self.notices;
        expect("records in the journal", &self.records, &records);
        expect("torn bytes in the journal", &self.torn_bytes, &0);
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Found {
        let expected = Totals::expected(Pilot::YEAR_2023);
        let done = Done { acts: 2103, receipts: 1644, ..Done::default() };
        Found {
            at_letter: expected,
            totals: expected,
            open_hops: 0,
            acts: 2103,
            late: 61,
            breaches: 61,
            notices: 5000,
            done,
            parties: 27,
            records: 1 + 27 + 2103 + 1644 + 5000,
            torn_bytes: 0,
        }
    }

    #[test]
    fn a_pilot_as_it_was_has_no_differences() {
        assert_eq!(whole().differences(Pilot::YEAR_2023), Vec::<String>::new());
    }

    #[test]
    fn every_figure_that_differs_is_named() {
        type Spoil = fn(&mut Found);
        let spoil: [(Spoil, &str); 9] = [
            (|found| found.at_letter.approved.families -= 1, "approved by the day of the letter"),
            (|found| found.totals.submitted.persons += 1, "applied"),
            (|found| found.totals.included.persons -= 1, "included"),
            (|found| found.totals.closed -= 1, "cases closed"),
            (|found| found.open_hops += 1, "hops left open"),
            (|found| found.acts += 1, "acts in the cases"),
            (|found| found.breaches -= 1, "late acts told of"),
            (|found| found.records -= 1, "records in the journal"),
            (|found| found.torn_bytes += 1, "torn bytes in the journal"),
        ];
        for (spoil, named) in spoil {
            let mut found = whole();
            spoil(&mut found);
            let differences = found.differences(Pilot::YEAR_2023);
            assert_eq!(differences.len(), 1, "{differences:?}");
            assert!(differences[0].starts_with(&format!("{named}: ")), "{differences:?}");
        }
    }
}
