//! The story of a tour as it stands on the screen, and what in it is not as it should be.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Cell;
use jiff::Timestamp;

use super::people::Family;
use super::play::day_in_words;
use super::quota::SetQuota;
use super::script::{Chapter, Script, Step};
use crate::demo::papers;
use crate::demo::tally::term_words;
use crate::demo::tell::{act_words, number, table, wrap};
use crate::domain::party::{Parties, Party, PartyId};
use crate::journal::VerifyReport;
use crate::rpc::client::CallError;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::inbox::v1 as inbox;
use crate::rpc::proto::procedures::v1::Hop;
use crate::rpc::proto::quotas::v1::Quota;
use crate::rpc::proto::types::v1::{Clock, ClockChange, ClockNotice, Receipt, TermSource};

/// Columns before the text of a line that belongs to an act.
const INDENT: usize = 20;
/// The widest line, in columns.
const WIDTH: usize = 100;

/// A tour's story.
pub(super) struct Tale {
    heading: String,
    about: String,
    parties: Parties,
    law: BTreeMap<String, Hop>,
    lines: Vec<String>,
    chapters: usize,
    cases: usize,
    acts: usize,
    receipts: usize,
    notices: usize,
    refusals: usize,
    parties_heard: BTreeSet<String>,
    journal: String,
    /// What is not as it should be.
    pub(super) differences: Vec<String>,
}

impl Tale {
    /// The story of a script.
    pub(super) fn of(script: &Script, parties: &Parties, law: BTreeMap<String, Hop>) -> Self {
        Self {
            heading: format!("{}, edition of {}", script.procedure, script.edition),
            about: script.about.clone(),
            parties: parties.clone(),
            law,
            lines: Vec::new(),
            chapters: 0,
            cases: 0,
            acts: 0,
            receipts: 0,
            notices: 0,
            refusals: 0,
            parties_heard: BTreeSet::new(),
            journal: String::new(),
            differences: Vec::new(),
        }
    }

    /// Something is not as it should be.
    pub(super) fn differ(&mut self, what: String) {
        self.lines.push(wrap(&format!("NOT AS IT SHOULD BE: {what}")));
        self.differences.push(what);
    }

    /// The quotas that were set.
    pub(super) fn quotas(&mut self, set: &[SetQuota]) {
        for SetQuota { what, persons, stands_in } in set {
            let from = stands_in.map_or_else(String::new, |year| {
                format!(" (the sample has no figure for the year; that of {year} stands in)")
            });
            let line =
                format!("The authorised body sets the quota {what}: {persons} persons{from}.");
            self.lines.push(wrap(&line));
        }
    }

    /// The quotas at the end.
    pub(super) fn quotas_left(&mut self, quotas: &[Quota]) {
        for quota in quotas {
            let Quota { region, year, set_count, reserved_count, taken_count, free_count, .. } =
                quota;
            self.lines.push(wrap(&format!(
                "Quota {region} {year} at the end: {set_count} set, {reserved_count} reserved, \
                 {taken_count} taken, {free_count} free."
            )));
            if *set_count != reserved_count + taken_count + free_count {
                self.differ(format!("the quota of {region} {year} does not add up"));
            }
        }
    }

    /// A chapter begins.
    pub(super) fn chapter<'f>(
        &mut self,
        chapter: &Chapter,
        people: impl Iterator<Item = &'f Family>,
    ) {
        self.chapters += 1;
        let people: Vec<_> = people.map(Family::title).collect();
        self.lines.push(String::new());
        self.lines.push(wrap(&format!("{}. {}", self.chapters, chapter.title)));
        if chapter.persons > 0 {
            let whole = format!("{}; persons each: {}.", people.join(", "), chapter.persons);
            self.lines.push(wrap(&whole));
        }
    }

    /// An act was taken.
    pub(super) fn act(&mut self, step: &Step, author: &Party, now: Timestamp, of: &[Receipt]) {
        self.acts += of.len();
        self.parties_heard.insert(author.id.to_string());
        let hops: BTreeSet<_> = of.iter().map(|receipt| receipt.hop.as_str()).collect();
        let hops = hops.into_iter().collect::<Vec<_>>().join(", ");
        let many = if of.len() > 1 { format!(", {} cases", of.len()) } else { String::new() };
        let said = step.outcome.as_ref().map_or_else(String::new, |outcome| format!(": {outcome}"));
        let grounds = match step.grounds.as_slice() {
            [] => String::new(),
            grounds => format!(" ({})", grounds.join(", ")),
        };
        let what = step.call.replace('-', " ");
        let head = head(author, now);
        let text = format!("{} {what}{said}{grounds}{many} [{hops}]", author.id);
        self.lines.push(hang(&head, &text));
        for receipt in of.iter().take(1) {
            self.clocks(&receipt.clocks);
        }
    }

    /// An act was refused, as it should be.
    pub(super) fn refused(&mut self, step: &Step, author: &Party, now: Timestamp, why: &CallError) {
        self.refusals += 1;
        let head = head(author, now);
        let what = step.call.replace('-', " ");
        self.lines.push(hang(&head, &format!("{} {what}", author.id)));
        let why = why.to_string();
        let why = why.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        self.lines.push(hang("", &format!("the bus refuses: {why}")));
    }

    /// A party has acknowledged a delivery.
    pub(super) fn received(
        &mut self,
        party: &PartyId,
        delivery: &inbox::Delivery,
        confirmation: &inbox::DeliveryConfirmation,
    ) {
        self.receipts += 1;
        self.parties_heard.insert(party.to_string());
        self.lines.push(hang("", &format!("{party} receives {}", delivery.hop)));
        self.clocks(&confirmation.clocks);
    }

    /// Notices of running terms that came beside the acts.
    pub(super) fn notices(&mut self, count: usize) {
        self.notices += count;
    }

    /// A case of the chapter is at its end: its table, and what is wrong with it.
    pub(super) fn ended(&mut self, chapter: &Chapter, family: &Family, case: &cases::Case) {
        self.cases += 1;
        let summary = case.summary.clone().unwrap_or_default();
        let mut rows = table(&["Hop", "Act", "Party", "Due", "Done", "Margin"]);
        for column in rows.column_iter_mut() {
            column.set_padding((0, 1));
        }
        for hop in &case.hops {
            rows.add_row(self.row(hop));
        }
        self.lines.push(String::new());
        self.lines.push(rows.lines().map(|line| line.trim_end().to_owned() + "\n").collect());
        let closed = summary.state() == cases::CaseState::Closed;
        let outcome = word(summary.last_outcome().as_str_name(), "OUTCOME_");
        let state = if closed { "closed" } else { "open" };
        let result = if outcome == "unspecified" { "nothing to decide" } else { &outcome };
        self.lines.push(wrap(&format!(
            "The case of {} is {state}; its result: {result}.",
            family.title()
        )));
        for hop in case.hops.iter().filter(|hop| hop.late) {
            let hop = hop.clock.clone().unwrap_or_default().hop;
            self.differ(format!("{}: {hop} missed its term", chapter.title));
        }
        if !closed {
            let open = case.hops.iter().filter(|hop| hop.acted_time.is_none());
            let open: Vec<_> =
                open.filter_map(|hop| hop.clock.as_ref()).map(|clock| clock.hop.clone()).collect();
            self.differ(format!("{}: left open: {}", chapter.title, open.join(", ")));
        }
        let expected = chapter.result.as_deref().unwrap_or("unspecified");
        if outcome != expected {
            self.differ(format!("{}: result {outcome}, expected {expected}", chapter.title));
        }
    }

    /// What the contact centre reads of the case.
    pub(super) fn status(&mut self, status: &cases::CaseStatus) {
        let state = word(status.state().as_str_name(), "CASE_STATE_");
        let outcome = word(status.last_outcome().as_str_name(), "OUTCOME_");
        self.lines.push(wrap(&format!(
            "The contact centre 1414 would tell the caller: {state}, last outcome {outcome}."
        )));
        if status.state() != cases::CaseState::Closed {
            self.differ(format!("the contact centre reads {}", status.state().as_str_name()));
        }
    }

    /// The journal that is left.
    pub(super) fn journal(&mut self, journal: &VerifyReport) {
        self.journal = format!("Journal whole: {} records.", journal.records);
        if journal.torn_bytes > 0 {
            self.differ(format!("the journal has {} torn bytes", journal.torn_bytes));
        }
    }

    /// All of it.
    pub(super) fn whole(&self) -> String {
        let mut lines = vec![self.heading.clone(), wrap(&self.about)];
        lines.extend(self.lines.iter().cloned());
        lines.push(String::new());
        lines.push(wrap(&self.figures()));
        lines.push(String::new());
        lines.join("\n") + "\n"
    }

    /// All of it in a line or two.
    pub(super) fn brief(&self) -> String {
        let state =
            if self.differences.is_empty() { "as it should be" } else { "NOT as it should be" };
        format!("{}\n", wrap(&format!("{}: {state}. {}", self.heading, self.figures())))
    }

    fn figures(&self) -> String {
        let Self { chapters, cases, acts, receipts, notices, refusals, journal, .. } = self;
        let parties = self.parties_heard.len();
        let counted = [
            count(*chapters, "chapter"),
            count(*cases, "case"),
            count(*acts, "act") + " of " + &count(parties, "party"),
            count(*receipts, "receipt"),
            count(*notices, "notice"),
            count(*refusals, "act") + " refused as due",
        ];
        format!("{}. {journal}", counted.join(", "))
    }

    /// Which clocks opened and which ended. What may come and need not is told apart.
    fn clocks(&mut self, notices: &[ClockNotice]) {
        let (mut told, mut plain, mut possible) = (Vec::new(), Vec::new(), Vec::new());
        for notice in notices {
            let Some(clock) = &notice.clock else { continue };
            let law = self.law.get(&clock.hop);
            let act = law.map_or("", |hop| act_words(hop.act()));
            let named = format!("{} {act}", clock.hop);
            let is_branch = law.is_some_and(|hop| !hop.branch.is_empty());
            let due = day_in_words(clock.due_date.as_ref());
            match (notice.change(), due) {
                (ClockChange::Opened, None) if is_branch => possible.push(named),
                (ClockChange::Opened, Some(due)) if is_branch => {
                    possible.push(format!("{named} until {due}"));
                }
                (ClockChange::Opened, None) => plain.push(named),
                (ClockChange::Opened, Some(due)) => {
                    let (holder, basis) = (&clock.holder_party_id, basis(clock));
                    told.push(format!("opens {named}, {holder}: due {due} ({basis})"));
                }
                (ClockChange::Closed, Some(due)) => {
                    let late = if notice.late { "late" } else { "in time" };
                    told.push(format!("ends {}, due {due}, {late}", clock.hop));
                }
                (ClockChange::Closed, None) | (ClockChange::Unspecified, _) => {}
            }
        }
        for (what, named) in [("opens without a term", plain), ("may follow", possible)] {
            if !named.is_empty() {
                told.push(format!("{what}: {}", named.join(", ")));
            }
        }
        self.lines.extend(told.iter().map(|line| hang("", line)));
    }

    fn row(&self, hop: &cases::CaseHop) -> Vec<Cell> {
        let clock = hop.clock.clone().unwrap_or_default();
        let zone = self.parties.iter().find(|party| party.id.as_str() == clock.holder_party_id);
        let zone = zone.map(|party| party.zone.clone());
        let done = hop.acted_time.as_ref().and_then(papers::instant);
        let done = done.zip(zone).map(|(at, zone)| zone.to_datetime(at).date());
        let due = clock.due_date.as_ref().and_then(papers::day);
        let margin = match (due, done) {
            (Some(_), Some(_)) if hop.late => "late".to_owned(),
            (Some(due), Some(done)) => {
                format!("{} d", due.since(done).map_or(0, |span| span.get_days()))
            }
            (_, None) => "-".to_owned(),
            (None, Some(_)) => "-".to_owned(),
        };
        let is_branch = self.law.get(&clock.hop).is_some_and(|law| !law.branch.is_empty());
        let undone = if is_branch { "not taken" } else { "ended" };
        let shown = |day: Option<jiff::civil::Date>, none: &str| {
            day.map_or_else(|| none.to_owned(), |day| day.strftime("%a %-d %b %Y").to_string())
        };
        vec![
            Cell::new(&clock.hop),
            Cell::new(act_words(hop.act())),
            Cell::new(&clock.holder_party_id),
            Cell::new(shown(due, "-")),
            Cell::new(shown(done, undone)),
            number(margin),
        ]
    }
}

/// When an act was done, where its author sits.
fn head(author: &Party, now: Timestamp) -> String {
    now.to_zoned(author.zone.clone()).strftime("%a %e %b %y %H:%M").to_string()
}

fn count(number: usize, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {what}s"),
    }
}

/// The end of a report.
pub(super) fn verdict(differences: &[String], tours: usize) -> String {
    if differences.is_empty() {
        return wrap(&format!(
            "{}: every case is closed, nothing is left open, each journal is whole.",
            count(tours, "tour")
        )) + "\n";
    }
    let list = differences.iter().map(|difference| format!("\n  {difference}"));
    format!("This is not as it should be:{}\n", list.collect::<String>())
}

/// The term of a clock, where it comes from, and whether it may prove wrong.
fn basis(clock: &Clock) -> String {
    let assumed = if clock.source() == TermSource::Assumed { ", assumed" } else { "" };
    let estimated = if clock.estimated { ", estimated" } else { "" };
    format!("{}, {}{assumed}{estimated}", term_words(clock.term.as_ref()), clock.citation)
}

fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', "-")
}

/// A line with its head to the left; what does not fit goes on below the text.
fn hang(head: &str, text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let room = WIDTH - INDENT;
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    let heads = std::iter::once(head).chain(std::iter::repeat(""));
    let told = heads.zip(lines).map(|(head, line)| format!("{head:INDENT$}{line}"));
    told.collect::<Vec<_>>().join("\n")
}
