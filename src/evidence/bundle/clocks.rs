//! The terms of a case as a table, computed from its records alone: by the bus when it makes a
//! bundle, and again by whoever checks one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::event::Event;
use crate::domain::party::PartyNumber;
use crate::domain::term::Source;
use crate::domain::{CaseId, Sequence};
use crate::index::{Applied, case_of, fold};
use crate::journal::{Record, Seq};
use crate::records::decode_event;
use jiff::Timestamp;

const HEAD: &str =
    "hop,act,holder,begun,due,due_day,term,done,done_by_record,received,received_by,state";

/// The case that records lead to, and what each of them says.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) case: Case,
    pub(super) events: Vec<(Seq, Event)>,
    /// The parties by the numbers that records name them by.
    pub(super) parties: BTreeMap<PartyNumber, String>,
}

/// An erasure, in words.
pub(super) struct Erased {
    pub(super) record: Seq,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) reason: &'static str,
    pub(super) reference: String,
}

/// Why records do not make a case.
#[derive(Debug, thiserror::Error)]
#[error("record {sequence}: {why}")]
pub struct Untold {
    /// The record.
    pub sequence: Seq,
    /// What is wrong with it.
    pub why: String,
}

impl Told {
    /// Folds the records of a case, which are in the order of the journal.
    pub(super) fn of(case: CaseId, records: &[Record]) -> Result<Self, Untold> {
        let mut state: Option<Case> = None;
        let (mut events, mut parties) = (Vec::new(), BTreeMap::new());
        for record in records {
            let untold = |why: String| Untold { sequence: record.seq, why };
            let event = decode_event(&record.payload).map_err(|error| untold(error.to_string()))?;
            if let Event::PartyEnrolled(enrolled) = &event {
                parties.insert(enrolled.number, enrolled.party.to_string());
            }
            if case_of(&event) == Some(case) {
                let applied = Applied { sequence: Sequence(record.seq.0), hash: record.hash.0 };
                let at = Timestamp::from_millisecond(record.time_ms);
                let at = at.map_err(|error| untold(error.to_string()))?;
                let change = fold(state.as_ref(), &event, applied, at);
                let change = change.map_err(|error| untold(error.to_string()))?;
                state = change.case.map(|after| Case::clone(&after)).or(state);
            }
            events.push((record.seq, event));
        }
        let last = records.last().map_or(Seq::FIRST, |record| record.seq);
        let none = || Untold { sequence: last, why: "no record opens the case".into() };
        Ok(Self { case: state.ok_or_else(none)?, events, parties })
    }

    /// A party by its name, or its number where no record enrols it.
    pub(super) fn party(&self, number: PartyNumber) -> String {
        self.parties.get(&number).cloned().unwrap_or_else(|| format!("party {}", number.0))
    }

    /// The erasures of the case's personal data; there is one at most.
    pub(super) fn erasures(&self) -> impl Iterator<Item = Erased> {
        let erased = self.case.papers.erased();
        self.events.iter().filter_map(move |(sequence, event)| match event {
            Event::CaseErased(of) => {
                let by = match &of.order {
                    Some(order) => format!("on the order of {}", self.party(order.author)),
                    None => "by the rule of the bus's configuration".to_owned(),
                };
                let (reason, reference) = (of.reason.name(), of.reference.clone());
                Some(Erased { record: *sequence, at: erased?.at, by, reason, reference })
            }
            Event::PartyEnrolled(_)
            | Event::Act(_)
            | Event::Acknowledged(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::Notice(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::EndpointSet(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => None,
        })
    }

    /// The table, each line a term.
    pub(super) fn csv(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for run in &self.case.hops {
            // Writing into a string does not fail; no field has a comma in it.
            let _ = writeln!(text, "{}", self.row(run).join(","));
        }
        text
    }

    /// The cells of one term.
    pub(super) fn row(&self, run: &HopRun) -> [String; 12] {
        let state = match &run.state {
            HopState::Open => "open",
            HopState::Carried { .. } => "on its way",
            HopState::Done { .. } => "done",
            HopState::Withdrawn { .. } => "withdrawn",
            HopState::Ended { .. } => "ended undone",
        };
        let source = match (&run.due, run.source) {
            (None, _) => "none",
            (Some(_), Source::Statutory) => "of the law",
            (Some(_), Source::Assumed) => "assumed",
        };
        let (due, acted, received) = (run.due.as_ref(), run.acted(), run.received());
        [
            run.hop.to_string(),
            run.act.name().to_owned(),
            self.party(run.holder),
            run.opened_at.to_string(),
            due.map(|due| due.instant.to_string()).unwrap_or_default(),
            due.map(|due| due.date.to_string()).unwrap_or_default(),
            source.to_owned(),
            acted.map(|acted| acted.at.to_string()).unwrap_or_default(),
            acted.map(|acted| acted.sequence.to_string()).unwrap_or_default(),
            received.map(|received| received.moment.at.to_string()).unwrap_or_default(),
            received.map(|received| self.party(received.by)).unwrap_or_default(),
            state.to_owned(),
        ]
    }
}
