//! A chapter on its own: an akimat goes silent, and nothing of it passes unnoticed.
//!
//! A commission decides on a family's application while the akimat's system is away. Two terms run
//! from then on: the akimat has to take the decision in, and to send it on. The chapter moves the
//! clock hour by hour past both, lets the akimat come back and do late what it owed, and then tells
//! what the bus has on record of it: who was told what and when, and where the time went.

mod play;
mod tell;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;

use self::play::Played;
use super::DemoError;
use super::stage::Stage;
use super::timeline::party;
use crate::domain::party::Parties;
use crate::journal::VerifyReport;
use crate::rpc::proto::types::v1::{Rung, RungNotice};

/// The chapter to be played.
#[derive(Debug, Clone)]
pub struct Silence {
    /// Where certificates, configuration and the bus's data go; it is made, and left in place.
    pub directory: PathBuf,
}

/// What the chapter found.
#[derive(Debug)]
pub struct SilenceReport {
    /// The story, in plain English, for the standard output.
    pub text: String,
    /// What the bus has on record of the two terms, in the order in which it was said.
    pub said: Vec<Told>,
    /// What is not as it should be, in words. Empty means success.
    pub differences: Vec<String>,
}

/// A rung as the bus has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The hop.
    pub hop: String,
    /// The name of the rung in the contract.
    pub rung: &'static str,
    /// When it was said, where the silent party sits.
    pub at: DateTime,
    /// Working days overdue or late.
    pub days: i32,
    /// Who was told.
    pub to: Vec<String>,
}

/// What must be said of each term, and when, where the akimat sits: worked out by hand from the
/// paragraphs and the calendar of April 2023, which has no holiday in it.
const EXPECTED: [(&str, &[(Rung, &str)]); 2] = [
    (
        play::DECIDED,
        &[
            // Ten working days from the 5th: the fifth is the 12th, the last the 19th.
            (Rung::Half, "2023-04-12T09:00"),
            // The system is away since 14:00 on the 10th; half-way to the end of the 19th.
            (Rung::Infeasible, "2023-04-15T07:00"),
            (Rung::DayBefore, "2023-04-18T09:00"),
            (Rung::DueMorning, "2023-04-19T09:00"),
            (Rung::Due, "2023-04-20T00:00"),
            (Rung::Overdue, "2023-04-20T09:00"),
            (Rung::Overdue, "2023-04-21T09:00"),
            (Rung::LateDischarge, "2023-04-21T11:00"),
        ],
    ),
    (
        play::OWED,
        &[
            // Three working days from the 10th: too few for a half before the day before.
            (Rung::DayBefore, "2023-04-12T09:00"),
            (Rung::DueMorning, "2023-04-13T09:00"),
            (Rung::Due, "2023-04-14T00:00"),
            (Rung::Overdue, "2023-04-14T09:00"),
            (Rung::Overdue, "2023-04-17T09:00"),
            (Rung::Overdue, "2023-04-18T09:00"),
            (Rung::Overdue, "2023-04-19T09:00"),
            (Rung::Overdue, "2023-04-20T09:00"),
            (Rung::Overdue, "2023-04-21T09:00"),
            (Rung::LateDischarge, "2023-04-21T11:30"),
        ],
    ),
];

/// All that the story is made of.
struct Findings {
    parties: Parties,
    played: Played,
    journal: VerifyReport,
}

impl Silence {
    /// Plays the chapter on a bus of its own.
    ///
    /// # Errors
    /// [`DemoError`] if it could not be played to the end; what was played and is wrong is a
    /// difference of the report.
    pub async fn run(self) -> Result<SilenceReport, DemoError> {
        let stage = Stage::sample(&self.directory, play::start()?).await?;
        let parties = stage.parties().clone();
        let played = play::play(&stage).await?;
        let journal = stage.close().await?;
        Ok(Findings { parties, played, journal }.report())
    }
}

impl Findings {
    fn report(&self) -> SilenceReport {
        let differences = self.differences();
        let mut said: Vec<_> = self.rungs().map(|rung| (rung.sequence, self.told(rung))).collect();
        said.sort_by_key(|(sequence, _)| *sequence);
        let said = said.into_iter().map(|(_, told)| told).collect();
        SilenceReport { text: tell::story(self, &differences), said, differences }
    }

    /// What was said of the two terms.
    fn rungs(&self) -> impl Iterator<Item = &RungNotice> {
        self.played.case.hops.iter().flat_map(|hop| &hop.rungs)
    }

    fn told(&self, rung: &RungNotice) -> Told {
        Told {
            hop: rung.hop.clone(),
            rung: rung.rung().as_str_name(),
            at: self.local(rung.said_time.as_ref()),
            days: rung.working_days,
            to: rung.told_party_ids.clone(),
        }
    }

    /// A time where the silent party sits.
    fn local(&self, at: Option<&prost_types::Timestamp>) -> DateTime {
        let zone = party(&self.parties, play::SILENT).map(|party| party.zone.clone());
        let at = at.and_then(super::papers::instant).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC)).datetime()
    }

    /// What is not as it should be.
    fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for (hop, expected) in EXPECTED {
            let found: Vec<_> = self
                .rungs()
                .filter(|rung| rung.hop == hop)
                .map(|rung| format!("{} {}", rung.rung().as_str_name(), self.said_at(rung)))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(rung, at)| format!("{} {at}", rung.as_str_name())).collect();
            if found != expected {
                differences.push(format!("said of {hop}: {found:?}, expected {expected:?}"));
            }
        }
        let others = self.rungs().filter(|rung| !EXPECTED.iter().any(|(hop, _)| rung.hop == *hop));
        differences.extend(others.map(|rung| format!("something was said of {}", rung.hop)));
        differences.extend(self.rungs().filter_map(uneven));
        differences.extend(self.unheard());
        if self.journal.torn_bytes > 0 {
            differences.push(format!("the journal has {} torn bytes", self.journal.torn_bytes));
        }
        differences
    }

    fn said_at(&self, rung: &RungNotice) -> String {
        self.local(rung.said_time.as_ref()).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What a party was told by the record and did not find in its inbox, or the other way round.
    fn unheard(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for (party, heard) in &self.played.heard {
            let is_told = |rung: &&RungNotice| rung.told_party_ids.iter().any(|told| told == party);
            let told = self.rungs().filter(is_told).count();
            if told != heard.said_count() {
                let heard = heard.said_count();
                differences.push(format!("{party} was told {told} times and heard {heard}"));
            }
        }
        differences
    }
}

/// An attribution that does not add up to the time it is of.
fn uneven(rung: &RungNotice) -> Option<String> {
    let attribution = rung.attribution.as_ref()?;
    let ms = |at: Option<&prost_types::Timestamp>| {
        at.and_then(super::papers::instant).map_or(0, Timestamp::as_millisecond)
    };
    let until = match rung.rung() {
        Rung::LateDischarge => rung.said_time.as_ref(),
        Rung::Unspecified
        | Rung::Opening
        | Rung::Half
        | Rung::DayBefore
        | Rung::DueMorning
        | Rung::Due
        | Rung::Overdue
        | Rung::Infeasible
        | Rung::Held => rung.due_time.as_ref(),
    };
    let whole = ms(until) - ms(rung.opened_time.as_ref());
    let parts =
        attribution.with_party_ms + attribution.in_bus_ms + attribution.awaiting_receiver_ms;
    (parts != whole).then(|| format!("the time of {}: {parts} ms, expected {whole}", rung.hop))
}
