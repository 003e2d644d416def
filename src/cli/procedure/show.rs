//! A procedure on a page: every hop with its term and citation, the grounds, the hours, the clocks
//! of the service.

use serde::Serialize;

use super::super::law::{self, TermView};
use super::super::output::table;
use super::Summary;
use crate::domain::hours::{Hours, Purpose};
use crate::domain::procedure::{
    Hop, Kind, ListedGround, OpenedBy, Procedure, ServiceTerm, Trigger,
};
use crate::domain::term::CountMode;

#[derive(Serialize)]
pub(super) struct Details<'p> {
    #[serde(flatten)]
    summary: Summary<'p>,
    /// The outcome that a positive decision has.
    grants: Option<&'static str>,
    /// The paragraph by which a person is granted it only once.
    once: Option<&'p str>,
    /// What a refusal may rest on.
    grounds: Vec<GroundView<'p>>,
    /// What a refusal to accept an application may rest on.
    acceptance_grounds: Vec<GroundView<'p>>,
    counting: CountingView,
    consent_validity_days: Option<u16>,
    service: Vec<ServiceView<'p>>,
    hours: Vec<HoursView<'p>>,
    hops: Vec<HopView<'p>>,
}

#[derive(Serialize)]
struct GroundView<'p> {
    ground: &'static str,
    code: &'p str,
    words: &'p str,
    citation: &'p str,
}

#[derive(Serialize)]
struct CountingView {
    strict_from: bool,
    roll_over: bool,
}

#[derive(Serialize)]
struct ServiceView<'p> {
    starts_with: &'p str,
    term: TermView,
    informative: bool,
    citation: &'p str,
}

#[derive(Serialize)]
struct HoursView<'p> {
    role: &'static str,
    purpose: &'static str,
    days: String,
    open: String,
    citation: &'p str,
}

#[derive(Serialize)]
struct HopView<'p> {
    hop: &'p str,
    /// `hop` where the reference numbers it, else `step`.
    kind: &'static str,
    from: Vec<&'static str>,
    to: Vec<&'static str>,
    /// Every receiver gets it, not the first that the case has.
    broadcast: bool,
    act: &'static str,
    term: TermView,
    source: &'static str,
    citation: &'p str,
    /// The ambiguities on whose readings it rests.
    readings: &'p [String],
    /// The law's own words of the term; empty where it has none.
    words: &'p str,
    note: &'p str,
    opened_by: Vec<OpenedByView<'p>>,
    /// Only in cases that these took in; empty for all.
    channels: Vec<&'static str>,
    /// Only in cases on these bases; empty for all.
    bases: Vec<&'static str>,
    /// The condition of what is possible and never owed.
    branch: Option<&'p str>,
    /// What ends undone when it is done.
    closes: Vec<&'p str>,
    ends: bool,
    recorded_with: Option<&'p str>,
    recorded_by: Option<&'static str>,
    carried_by_bus: bool,
}

#[derive(Serialize)]
struct OpenedByView<'p> {
    hop: &'p str,
    event: &'static str,
    when: Vec<&'static str>,
    with: Vec<&'p str>,
}

impl<'p> Details<'p> {
    pub(super) fn new(found: &'p Procedure) -> Self {
        let counting = found.counting();
        Self {
            summary: Summary::new(found),
            grants: found.grants().map(|outcome| outcome.name()),
            once: found.once(),
            grounds: found.grounds().iter().map(GroundView::new).collect(),
            acceptance_grounds: found.acceptance_grounds().iter().map(GroundView::new).collect(),
            counting: CountingView {
                strict_from: counting.strict_from,
                roll_over: counting.roll_over,
            },
            consent_validity_days: found.consent_validity().map(|days| days.0),
            service: found.service().iter().map(ServiceView::new).collect(),
            hours: found.hours().iter().map(HoursView::new).collect(),
            hops: found.hops().iter().map(HopView::new).collect(),
        }
    }
}

impl<'p> GroundView<'p> {
    fn new(listed: &'p ListedGround) -> Self {
        let ListedGround { ground, code, words, citation } = listed;
        Self { ground: ground.name(), code, words, citation }
    }
}

impl<'p> ServiceView<'p> {
    fn new(service: &'p ServiceTerm) -> Self {
        let ServiceTerm { starts_with, term, informative, citation } = service;
        Self {
            starts_with: starts_with.as_str(),
            term: TermView::new(*term, CountMode::From),
            informative: *informative,
            citation,
        }
    }
}

impl<'p> HoursView<'p> {
    fn new(hours: &'p Hours) -> Self {
        let Hours { role, purpose, days: _, open: _, citation } = hours;
        let purpose = match purpose {
            Purpose::All => "all",
            Purpose::Applications => "applications",
            Purpose::Results => "results",
        };
        let (days, open) = (hours.days_in_words(), hours.open_in_words());
        Self { role: role.as_str(), purpose, days, open, citation }
    }
}

impl<'p> HopView<'p> {
    fn new(found: &'p Hop) -> Self {
        let Hop {
            id,
            kind,
            from,
            to,
            act,
            term,
            count,
            source,
            citation,
            wording,
            readings,
            opened_by,
            channels,
            bases,
            branch,
            closes,
            ends,
            broadcast,
            recorded_with,
            recorded_by,
            carried_by_bus,
            note,
        } = found;
        Self {
            hop: id.as_str(),
            kind: match kind {
                Kind::Hop => "hop",
                Kind::Step => "step",
            },
            from: from.iter().map(|actor| actor.name()).collect(),
            to: to.iter().map(|actor| actor.name()).collect(),
            broadcast: *broadcast,
            act: act.name(),
            term: TermView::new(*term, *count),
            source: law::source(*source),
            citation,
            readings,
            words: wording,
            note,
            opened_by: opened_by.iter().map(OpenedByView::new).collect(),
            channels: channels.iter().map(|role| role.as_str()).collect(),
            bases: bases.iter().map(|basis| basis.name()).collect(),
            branch: branch.as_deref(),
            closes: closes.iter().map(|hop| hop.as_str()).collect(),
            ends: *ends,
            recorded_with: recorded_with.as_ref().map(|hop| hop.as_str()),
            recorded_by: recorded_by.map(|actor| actor.name()),
            carried_by_bus: *carried_by_bus,
        }
    }

    /// `hop` or `step`, and whether it is a branch.
    fn kind(&self) -> String {
        let branch = if self.branch.is_some() { ", branch" } else { "" };
        format!("{}{branch}", self.kind)
    }

    fn receivers(&self) -> String {
        self.to.join(if self.broadcast { " and " } else { " or " })
    }
}

impl<'p> OpenedByView<'p> {
    fn new(OpenedBy { hop, trigger, outcomes, with }: &'p OpenedBy) -> Self {
        let event = match trigger {
            Trigger::Acted => "acted",
            Trigger::Received => "received",
        };
        let when = outcomes.iter().map(|outcome| outcome.name()).collect();
        let with = with.iter().map(|hop| hop.as_str()).collect();
        Self { hop: hop.as_str(), event, when, with }
    }
}

/// The page for people.
pub(super) fn show(procedure: &Procedure) -> String {
    let page = Details::new(procedure);
    let mut text =
        format!("{}: {}\n{}\n", procedure.key(), procedure.names().en, procedure.basis());
    if let Some(category) = page.summary.category {
        text += &format!("quota: {category}\n");
    }
    if let Some(once) = page.once {
        text += &format!("granted to a person only once ({once})\n");
    }
    text += &format!("\n{}\n\n", hop_table(&page.hops));
    text.extend(page.hops.iter().map(account));
    text + &clocks(&page) + &grounds(&page) + &reception(&page.hours)
}

fn hop_table(hops: &[HopView<'_>]) -> String {
    let head =
        ["hop", "kind", "from", "to", "act", "term", "counted", "source", "citation", "readings"];
    let mut table = table(&head);
    for hop in hops {
        table.add_row([
            hop.hop,
            &hop.kind(),
            &hop.from.join(" or "),
            &hop.receivers(),
            hop.act,
            &hop.term.words(),
            hop.term.count(),
            hop.source,
            hop.citation,
            &hop.readings.join(" "),
        ]);
    }
    table.trim_fmt()
}

/// What opens a hop, what holds of it, the law's words and the reading taken, a line each.
fn account(view: &HopView<'_>) -> String {
    let mut lines = Vec::new();
    if view.carried_by_bus {
        lines.push("carried by the bus at each act of the case".to_owned());
    } else if view.opened_by.is_empty() {
        lines.push("begins a case".to_owned());
    } else {
        let openings: Vec<_> = view.opened_by.iter().map(opening).collect();
        lines.push(format!("opened when {}", openings.join(", or when ")));
    }
    let mut say = |told: Option<String>| lines.extend(told);
    say(view.branch.map(|condition| format!("branch, never owed: {condition}")));
    say(listed("only in cases taken in by", &view.channels));
    say(listed("only on the basis", &view.bases));
    say(view.recorded_with.map(|other| format!("recorded by the act of {other}")));
    say(view.recorded_by.map(|actor| format!("recorded by the system of the {actor}")));
    say((!view.closes.is_empty()).then(|| format!("closes {}", view.closes.join(", "))));
    say(view.ends.then(|| "ends the case".to_owned()));
    say((!view.words.is_empty()).then(|| format!("\"{}\"", view.words)));
    say((!view.note.is_empty()).then(|| view.note.to_owned()));
    format!("{:<7}  {}\n", view.hop, lines.join("\n         "))
}

fn listed(words: &str, names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{words} {}", names.join(" or ")))
}

fn opening(view: &OpenedByView<'_>) -> String {
    let OpenedByView { hop, event, when, with } = view;
    let event = if *event == "acted" { "done" } else { event };
    let mut text = format!("{hop} is {event}");
    if !when.is_empty() {
        text += &format!(", if the outcome is {}", when.join(" or "));
    }
    if !with.is_empty() {
        text += &format!(", and {} is done", with.join(" and "));
    }
    text
}

fn clocks(page: &Details<'_>) -> String {
    let mut text = String::new();
    for ServiceView { starts_with, term, informative, citation } in &page.service {
        let weight = if *informative { "informs only" } else { "binds" };
        let term = term.words();
        text += &format!("service from {starts_with}: {term}, {weight} ({citation})\n");
    }
    if let Some(days) = page.consent_validity_days {
        text += &format!("a consent stays valid for {days} calendar days\n");
    }
    section(text)
}

fn grounds(page: &Details<'_>) -> String {
    let mut text = String::new();
    let lists = [("refusal", &page.grounds), ("refusal to accept", &page.acceptance_grounds)];
    for (of, listed) in lists {
        for GroundView { ground, code, words, citation } in listed {
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            text += &format!("ground of {of} {code}, {ground}{words} ({citation})\n");
        }
    }
    section(text)
}

fn reception(hours: &[HoursView<'_>]) -> String {
    let line = |HoursView { role, purpose, days, open, citation }: &HoursView<'_>| {
        let purpose = if *purpose == "all" { String::new() } else { format!(", {purpose}") };
        format!("hours of {role}{purpose}: {days} {open} ({citation})\n")
    };
    section(hours.iter().map(line).collect())
}

/// A part of the page, parted from the one before by an empty line; nothing of nothing.
fn section(text: String) -> String {
    if text.is_empty() { text } else { format!("\n{text}") }
}
