//! `kopir procedure`: the law as this build applies it, to be read beside the law itself.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::law::{self, TermView};
use super::output::{Failure, print, print_json, table};
use super::register::{self, AmbiguitiesArgs, FormsArgs};
use crate::domain::party::Names;
use crate::domain::procedure::{Hop, OpenedBy, Procedure, ServiceTerm, Trigger};
use crate::domain::term::CountMode;

/// The procedures of law that the bus carries.
#[derive(Debug, Subcommand)]
pub(super) enum ProcedureCommand {
    /// List the procedures with their editions
    ///
    /// Example:
    ///
    ///   kopir procedure list
    #[command(verbatim_doc_comment)]
    List(ListArgs),
    /// Show the hops of a procedure with their terms and citations
    ///
    /// A hop is one legal step: who must act, who receives, within which term, by which paragraph.
    /// A term is statutory, or assumed where the text has none and the bus sets itself a target.
    ///
    /// Examples:
    ///
    ///   kopir procedure show kandas-mission --edition 2021
    ///   kopir procedure show kandas-mission --json | jq '.hops[] | {hop, term, citation}'
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
    /// Show where the texts are unclear and the reading that the bus takes
    ///
    /// A reading is the bus's own and not law. A switch is the key that takes another one.
    ///
    /// Examples:
    ///
    ///   kopir procedure ambiguities
    ///   kopir procedure ambiguities A-10
    ///   kopir procedure ambiguities --json | jq '.[] | select(.hops | index("K24-16"))'
    #[command(verbatim_doc_comment)]
    Ambiguities(AmbiguitiesArgs),
    /// Show the forms of each edition, with the messages that carry them
    ///
    /// Forms to which an act refers and which the sources do not have are marked.
    ///
    /// Examples:
    ///
    ///   kopir procedure forms
    ///   kopir procedure forms --json | jq '.[] | select(.standing == "not-in-sources")'
    #[command(verbatim_doc_comment)]
    Forms(FormsArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The procedure, as `kopir procedure list` names it
    procedure: String,
    /// The wording of the law; may be left out while there is only one
    #[arg(long)]
    edition: Option<String>,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &ProcedureCommand) -> Result<(), Failure> {
    match command {
        ProcedureCommand::List(ListArgs { json }) => {
            let procedures = law::load()?;
            let views: Vec<_> = procedures.values().map(Summary::new).collect();
            if *json { print_json(&views) } else { print(list(&views)) }
        }
        ProcedureCommand::Show(ShowArgs { procedure, edition, json }) => {
            let procedures = law::load()?;
            let found = law::find(&procedures, procedure, edition.as_deref())?;
            if *json { print_json(&Details::new(found)) } else { print(show(found)) }
        }
        ProcedureCommand::Ambiguities(args) => register::ambiguities(args),
        ProcedureCommand::Forms(args) => register::forms(args),
    }
}

#[derive(Serialize)]
struct Summary<'p> {
    procedure: &'p str,
    edition: &'p str,
    names: NamesView<'p>,
    basis: &'p str,
    hop_count: usize,
}

#[derive(Serialize)]
struct NamesView<'p> {
    kk: &'p str,
    ru: &'p str,
    en: &'p str,
}

#[derive(Serialize)]
struct Details<'p> {
    procedure: &'p str,
    edition: &'p str,
    names: NamesView<'p>,
    basis: &'p str,
    /// What a refusal may rest on.
    grounds: Vec<String>,
    counting: CountingView,
    consent_validity_days: Option<u16>,
    service: Vec<ServiceView<'p>>,
    hops: Vec<HopView<'p>>,
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
struct HopView<'p> {
    hop: &'p str,
    from: String,
    to: String,
    act: &'static str,
    term: TermView,
    source: &'static str,
    citation: &'p str,
    /// The law's own words of the term; empty where it has none.
    words: &'p str,
    note: &'p str,
    opened_by: Vec<OpenedByView<'p>>,
    recorded_with: Option<&'p str>,
}

#[derive(Serialize)]
struct OpenedByView<'p> {
    hop: &'p str,
    event: &'static str,
    when: Vec<&'static str>,
    with: Vec<&'p str>,
}

impl<'p> Summary<'p> {
    fn new(procedure: &'p Procedure) -> Self {
        let key = procedure.key();
        Self {
            procedure: key.procedure.as_str(),
            edition: key.edition.as_str(),
            names: NamesView::new(procedure.names()),
            basis: procedure.basis(),
            hop_count: procedure.hops().len(),
        }
    }
}

impl<'p> NamesView<'p> {
    fn new(Names { kk, ru, en }: &'p Names) -> Self {
        Self { kk, ru, en }
    }
}

impl<'p> Details<'p> {
    fn new(found: &'p Procedure) -> Self {
        let Summary { procedure, edition, names, basis, hop_count: _ } = Summary::new(found);
        let counting = found.counting();
        Self {
            procedure,
            edition,
            names,
            basis,
            grounds: found.grounds().iter().map(|listed| listed.ground.to_string()).collect(),
            counting: CountingView {
                strict_from: counting.strict_from,
                roll_over: counting.roll_over,
            },
            consent_validity_days: found.consent_validity().map(|days| days.0),
            service: found.service().iter().map(ServiceView::new).collect(),
            hops: found.hops().iter().map(HopView::new).collect(),
        }
    }
}

impl<'p> ServiceView<'p> {
    fn new(service: &'p ServiceTerm) -> Self {
        let ServiceTerm { starts_with, term, informative, citation } = service;
        Self {
            starts_with: starts_with.as_str(),
            // A service is counted as every term without words of its own: the day of the intake
            // does not count.
            term: TermView::new(*term, CountMode::NotStated),
            informative: *informative,
            citation,
        }
    }
}

impl<'p> HopView<'p> {
    fn new(found: &'p Hop) -> Self {
        let Hop {
            id,
            from,
            to,
            act,
            term,
            count,
            source,
            citation,
            wording,
            opened_by,
            recorded_with,
            note,
            ..
        } = found;
        Self {
            hop: id.as_str(),
            from: law::actors(from),
            to: law::actors(to),
            act: act.name(),
            term: TermView::new(*term, *count),
            source: law::source(*source),
            citation,
            words: wording,
            note,
            opened_by: opened_by.iter().map(OpenedByView::new).collect(),
            recorded_with: recorded_with.as_ref().map(|hop| hop.as_str()),
        }
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

fn list(procedures: &[Summary<'_>]) -> String {
    let mut table = table(&["procedure", "edition", "hops", "name", "basis"]);
    for Summary { procedure, edition, names, basis, hop_count } in procedures {
        let hops = hop_count.to_string();
        table.add_row([procedure, edition, hops.as_str(), names.en, basis]);
    }
    table.trim_fmt() + "\n"
}

fn show(procedure: &Procedure) -> String {
    let mut table = table(&["hop", "from", "to", "act", "term", "counted", "source", "citation"]);
    let mut readings = String::new();
    for hop in procedure.hops() {
        let view = HopView::new(hop);
        let term = law::words(hop.term);
        let counted = view.term.count();
        let cells =
            [view.hop, &view.from, &view.to, view.act, &term, counted, view.source, view.citation];
        table.add_row(cells);
        readings.push_str(&reading(&view));
    }
    let mut text = format!(
        "{}: {}\n{}\n\n{}\n\n{readings}",
        procedure.key(),
        procedure.names().en,
        procedure.basis(),
        table.trim_fmt()
    );
    for service in procedure.service() {
        let ServiceTerm { starts_with, term, informative, citation } = service;
        let weight = if *informative { "informs only" } else { "binds" };
        let term = law::words(*term);
        text += &format!("service from {starts_with}: {term}, {weight} ({citation})\n");
    }
    text
}

/// What opens a hop, the law's words and the reading taken, a line each.
fn reading(view: &HopView<'_>) -> String {
    let mut lines = vec![format!("{}  begins a case", view.hop)];
    if !view.opened_by.is_empty() {
        let openings: Vec<_> = view.opened_by.iter().map(opening).collect();
        lines = vec![format!("{}  opened when {}", view.hop, openings.join(", or when "))];
    }
    if let Some(other) = view.recorded_with {
        lines.push(format!("recorded by the act of {other}"));
    }
    if !view.words.is_empty() {
        lines.push(format!("\"{}\"", view.words));
    }
    if !view.note.is_empty() {
        lines.push(view.note.to_owned());
    }
    lines.join("\n         ") + "\n"
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
