//! The chapter for people: what was said of each term, to whom, and who held it for how long.

use jiff::civil::{DateTime, Time};

use super::play::{self, COMMISSION, COMMITTEE, MISSION, QUALITY, SILENT};
use super::{EXPECTED, Findings};
use crate::demo::papers;
use crate::demo::tally::term_words;
use crate::demo::tell::{act_words, wrap};
use crate::demo::timeline::party;
use crate::rpc::proto::cases::v1::CaseHop;
use crate::rpc::proto::types::v1::{Rung, RungNotice, TermSource};

/// Columns of the time, and of what is said.
const WHEN: usize = 18;
const WHAT: usize = 38;
/// The length of a bar that stands for the whole time.
const BAR: usize = 34;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The parties of the chapter, each with what the story calls it.
const CALLED: [(&str, &str); 5] = [
    (SILENT, "akimat"),
    (COMMISSION, "commission"),
    (COMMITTEE, "committee"),
    (MISSION, "mission"),
    (QUALITY, "quality body"),
];

/// The whole story.
pub(super) fn story(findings: &Findings, differences: &[String]) -> String {
    let mut lines = vec![heading(findings)];
    for (hop, _) in EXPECTED {
        lines.push(String::new());
        lines.extend(findings.of(hop).map(|hop| term(findings, hop)));
    }
    lines.extend([String::new(), heard(findings), String::new(), verdict(differences)]);
    let lines = lines.iter().flat_map(|text| text.split('\n'));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

impl Findings {
    fn of(&self, hop: &str) -> Option<&CaseHop> {
        let is_it = |each: &&CaseHop| each.clock.as_ref().is_some_and(|clock| clock.hop == hop);
        self.played.case.hops.iter().find(is_it)
    }
}

fn heading(findings: &Findings) -> String {
    let name = |id: &str| party(&findings.parties, id).map_or("", |party| party.names.en.as_str());
    let told = [
        "An akimat goes silent.".to_owned(),
        format!(
            "At {} a commission decides on the application of a family, all of it made up. Since {} \
             the system of its akimat has been away: it takes nothing and sends nothing until {}, \
             and two terms run out meanwhile. What follows is what the bus has on record of them; \
             times are the akimat's.",
            day_and_time(play::DECISION),
            play::GONE.strftime("%H:%M"),
            day_and_time(play::BACK),
        ),
        format!(
            "The akimat is the {}; it is supervised by the committee, the {}.",
            name(SILENT),
            name(COMMITTEE),
        ),
    ];
    told.map(|line| wrap(&line)).join("\n")
}

/// A term with its ladder.
fn term(findings: &Findings, hop: &CaseHop) -> String {
    let clock = hop.clock.clone().unwrap_or_default();
    let holder = called(&clock.holder_party_id);
    let owed = if clock.hop == play::DECIDED {
        format!("the {holder} has decided, the akimat has to take the decision in")
    } else {
        format!("the {holder} has to act")
    };
    let due = clock.due_date.as_ref().and_then(papers::day);
    let due = due.map_or_else(String::new, |due| due.strftime("%a %-d %b %Y").to_string());
    let assumed = if clock.source() == TermSource::Assumed { ", assumed" } else { "" };
    let head = format!(
        "{} {}: {owed} by the end of {due} ({}{assumed}, {})",
        clock.hop,
        act_words(hop.act()),
        term_words(clock.term.as_ref()),
        clock.citation,
    );
    let mut lines = vec![wrap(&head)];
    for rung in &hop.rungs {
        lines.push(line(findings, rung));
        lines.extend(held(rung, hop));
    }
    lines.join("\n")
}

/// A rung in a line.
fn line(findings: &Findings, rung: &RungNotice) -> String {
    let at = end_of_day(findings.local(rung.said_time.as_ref()), rung.rung());
    let to: Vec<_> = rung.told_party_ids.iter().map(|id| called(id)).collect();
    format!("{at:WHEN$}{:WHAT$}{}", what(rung), to.join(", "))
}

/// What a rung says.
fn what(rung: &RungNotice) -> String {
    let days = rung.working_days;
    let working = if days == 1 { "working day" } else { "working days" };
    match rung.rung() {
        Rung::Half => "the middle day of the term".to_owned(),
        Rung::DayBefore => "due on the next working day".to_owned(),
        Rung::DueMorning => "due today".to_owned(),
        Rung::Due => "BREACH: the term has run out".to_owned(),
        Rung::Overdue => format!("overdue by {days} {working}"),
        Rung::Infeasible => "WARNING: will not arrive, system away".to_owned(),
        Rung::LateDischarge if rung.carried => format!("taken in, {days} {working} late"),
        Rung::LateDischarge => format!("sent, {days} {working} late"),
        Rung::Opening => "the term has begun".to_owned(),
        Rung::Held => "the delivery is held".to_owned(),
        Rung::Unspecified => "something without a name".to_owned(),
    }
}

/// Who held a hop for how long, in bars, where the record tells it.
fn held(rung: &RungNotice, hop: &CaseHop) -> Vec<String> {
    let Some(attribution) = &rung.attribution else { return Vec::new() };
    let holder = hop.clock.as_ref().map_or("", |clock| &clock.holder_party_id);
    let receiver = called(&hop.receiver_party_id);
    let parts = [
        (format!("{}, to act", called(holder)), attribution.with_party_ms),
        ("in the bus".to_owned(), attribution.in_bus_ms),
        (format!("system of the {receiver}"), attribution.awaiting_receiver_ms),
    ];
    let whole: i64 = parts.iter().map(|(_, ms)| ms).sum();
    let bar = |(who, ms): (String, i64)| {
        let length = bar_length(ms, whole);
        let bar = "█".repeat(length);
        format!("{:WHEN$}  {who:26}{:>9}  {bar}", "", span(ms))
    };
    parts.map(bar).to_vec()
}

fn bar_length(ms: i64, whole: i64) -> usize {
    let room = i64::try_from(BAR).unwrap_or(0);
    let length = ms.saturating_mul(room).checked_div(whole.max(1)).unwrap_or(0);
    // What was there at all is seen.
    usize::try_from(length.max(i64::from(ms > 0))).unwrap_or(0)
}

fn span(ms: i64) -> String {
    let hours = ms / HOUR_MS;
    match (hours / 24, hours % 24) {
        (0, 0) => "-".to_owned(),
        (0, hours) => format!("{hours} h"),
        (days, hours) => format!("{days} d {hours:>2} h"),
    }
}

/// What was found in the inboxes.
fn heard(findings: &Findings) -> String {
    let counts = findings.played.heard.iter().filter(|(_, heard)| heard.notices > 0);
    let counts: Vec<_> =
        counts.map(|(id, heard)| format!("{} {}", called(id), heard.notices)).collect();
    wrap(&format!(
        "Notices taken from the inboxes: {}. Of the akimat's, {} had waited for its system to come \
         back, beside the decision. The decision never left its inbox before it was taken. \
         Journal whole: {} records.",
        counts.join(", "),
        findings.played.waited,
        findings.journal.records,
    ))
}

fn verdict(differences: &[String]) -> String {
    if differences.is_empty() {
        return "Nothing passed in silence: every rung was said at its time, once, to each whom it \
                concerns."
            .to_owned();
    }
    let list = differences.iter().map(|difference| format!("\n  {difference}"));
    format!("This is not as it should be:{}", list.collect::<String>())
}

fn called(id: &str) -> &str {
    CALLED.iter().find(|(party, _)| *party == id).map_or(id, |(_, called)| called)
}

fn day_and_time(at: DateTime) -> String {
    at.strftime("%H:%M on %A, %-d %B %Y").to_string()
}

/// A time in a column; the end of a term as the law speaks of it, at 24:00 of its last day.
fn end_of_day(at: DateTime, rung: Rung) -> String {
    let eve = at.date().yesterday().ok().filter(|_| rung == Rung::Due);
    match eve.filter(|_| at.time() == Time::midnight()) {
        Some(eve) => eve.strftime("%a %e %b 24:00").to_string(),
        None => at.strftime("%a %e %b %H:%M").to_string(),
    }
}
