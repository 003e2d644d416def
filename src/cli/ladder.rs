//! `kopir ladder`: what is said of a running term, to whom and when, without a bus.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::law::{self, TermView};
use super::output::{Failure, print, print_json, table};
use crate::config::{Config, LadderInputs};
use crate::domain::Procedures;
use crate::domain::ladder::{Ladder, Rung, Told, told};
use crate::domain::party::Parties;
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::term::Source;

mod plan;

/// What is said of a running term, to whom, and when
///
/// Every hop with a term has a ladder while it runs: first while a party has to act, then, once
/// it has acted, while the receiver's system has not taken the act in. Each rung is a record in the
/// journal and a notice in the inbox of everyone it is told to.
#[derive(Debug, Subcommand)]
pub(super) enum LadderCommand {
    /// Show the rungs as configured, when each is due and who is told
    ///
    /// The duty-holder is the party that must act, or take in what was sent to it. Its supervisor
    /// stands in the registry; without one it is the authorised body. The sender is the party whose
    /// act or receipt the term runs on. The quality body is told where the term is the law's own.
    ///
    /// With --config the rungs are those of that configuration (keys of [ladder]); without it they
    /// are the usual ones.
    ///
    /// Examples:
    ///
    ///   kopir ladder show
    ///   kopir ladder show --hop K21B-03 --config deploy/kopir.toml
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
    /// Plan the rungs of a term: what would be said if nobody did anything
    ///
    /// Counts the due day of the hop as `kopir deadline` does, and lists every rung from then until
    /// some days overdue, with the instant where the duty-holder sits. Nothing is asked of a bus, and
    /// the same question has the same answer everywhere: the instants follow from the day on which
    /// the term opened, the calendar, the zone and the configured rungs alone.
    ///
    /// With --config, zone and days off of the party come from its registry, and the rungs and the
    /// reading of the law from the configuration; without it the rungs are the usual ones, in
    /// the zone given.
    ///
    /// Examples:
    ///
    ///   kopir ladder plan --hop K21B-03 --opened 2026-03-02T10:00+05:00
    ///   kopir ladder plan --hop K21B-08 --opened 2026-03-02 --zone Asia/Tashkent --json
    ///   kopir ladder plan --hop K21B-04 --opened 2026-03-02 \
    ///       --config deploy/kopir.toml --party akimat-kz-55
    #[command(verbatim_doc_comment)]
    Plan(plan::PlanArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Only the rungs of this hop, as `kopir procedure show` names it
    #[arg(long)]
    hop: Option<String>,
    /// The configuration; without it the usual rungs are shown
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &LadderCommand) -> Result<(), Failure> {
    match command {
        LadderCommand::Show(args) => show(args),
        LadderCommand::Plan(args) => plan::run(args),
    }
}

/// What is planned by: the parties only where a configuration names them.
struct Inputs {
    parties: Option<Parties>,
    procedures: Procedures,
    ladder: Ladder,
}

impl Inputs {
    fn read(config: Option<&PathBuf>) -> Result<Self, Failure> {
        let Some(file) = config else {
            let (procedures, ladder) = (law::load()?, Ladder::default());
            return Ok(Self { parties: None, procedures, ladder });
        };
        let config = Config::read(file).map_err(Failure::usage)?;
        let LadderInputs { parties, procedures, ladder } =
            config.open_ladder().map_err(Failure::usage)?;
        Ok(Self { parties: Some(parties), procedures, ladder })
    }

    /// The hop of this id, whichever procedure has it. It must be one whose term can be missed.
    fn hop(&self, id: &str) -> Result<(&Procedure, &Hop), Failure> {
        let all = self.procedures.values();
        let mut hops =
            all.flat_map(|procedure| procedure.hops().iter().map(move |hop| (procedure, hop)));
        let (procedure, hop) = hops.find(|(_, hop)| hop.id.as_str() == id).ok_or_else(|| {
            Failure::usage(anyhow!(
                "no procedure has a hop {id:?}; `kopir procedure show` lists those of each, such as \
                 K21B-03"
            ))
        })?;
        match hop.no_ladder() {
            None => Ok((procedure, hop)),
            Some(why) => Err(Failure::usage(anyhow!("{id} {why}, so it has no ladder"))),
        }
    }
}

#[derive(Serialize)]
struct RungView {
    rung: &'static str,
    when: String,
    told: Vec<&'static str>,
    /// Planned by the calendar, or said when it happens.
    planned: bool,
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let inputs = Inputs::read(args.config.as_ref())?;
    let hop = args.hop.as_deref().map(|id| inputs.hop(id)).transpose()?;
    let source = hop.map_or(Source::Statutory, |(_, hop)| hop.source);
    let ladder = &inputs.ladder;
    let rungs = hop.map_or(ladder.usual, |(_, hop)| ladder.rungs(hop.id));
    let views: Vec<_> = Rung::ALL
        .iter()
        .filter(|rung| !is_planned(**rung) || rungs.with(Rung::Due).has(**rung))
        .map(|rung| view(*rung, source, ladder))
        .collect();
    if args.json {
        return print_json(&views);
    }
    let head = match hop {
        Some((procedure, hop)) => of_hop(procedure, hop),
        None => {
            "the rungs of every hop with a term that the configuration does not name".to_owned()
        }
    };
    let mut shown = table(&["rung", "when", "told"]);
    for each in &views {
        shown.add_row([each.rung, &each.when, &each.told.join(", ")]);
    }
    let own = ladder.of_hops.keys().map(|id| id.as_str());
    let own = match (hop, own.collect::<Vec<_>>()) {
        (None, own) if !own.is_empty() => {
            format!("\nwith rungs of their own: {}\n", own.join(", "))
        }
        (None | Some(_), _) => String::new(),
    };
    print(format_args!("{head}\n\n{shown}\n{own}"))
}

fn of_hop(procedure: &Procedure, hop: &Hop) -> String {
    format!(
        "{} {}: {}, {} to {}; {}, {}, {}",
        procedure.key(),
        hop.id,
        hop.act,
        law::actors(&hop.from),
        law::actors(&hop.to),
        TermView::new(hop.term, hop.count).words(),
        law::source(hop.source),
        hop.citation,
    )
}

fn view(rung: Rung, source: Source, ladder: &Ladder) -> RungView {
    let planned = is_planned(rung);
    RungView { rung: rung.name(), when: when(rung, ladder), told: names(rung, source), planned }
}

/// Whether the calendar tells when a rung is due; the others are said when they happen.
fn is_planned(rung: Rung) -> bool {
    match rung {
        Rung::Opening
        | Rung::Half
        | Rung::DayBefore
        | Rung::DueMorning
        | Rung::Due
        | Rung::Overdue => true,
        Rung::Infeasible | Rung::LateDischarge | Rung::Held => false,
    }
}

fn when(rung: Rung, ladder: &Ladder) -> String {
    let morning = ladder.morning.strftime("%H:%M");
    match rung {
        Rung::Opening => "at once when the term begins".to_owned(),
        Rung::Half => {
            format!("{morning} of the middle working day of the term")
        }
        Rung::DayBefore => format!("{morning} of the last working day before the due day"),
        Rung::DueMorning => format!("{morning} of the due day"),
        Rung::Due => "the end of the due day, 24:00: the breach".to_owned(),
        Rung::Overdue => format!("{morning} of each working day after it"),
        Rung::Infeasible => "as soon as it shows that the term will not hold".to_owned(),
        Rung::LateDischarge => "when it is done after the due day".to_owned(),
        Rung::Held => "when its receiver rejects it, or keeps failing to take it".to_owned(),
    }
}

/// Who is told.
fn names(rung: Rung, source: Source) -> Vec<&'static str> {
    let Told { above, sender, quality } = told(rung, source);
    let beside = [(above, "supervisor"), (sender, "sender"), (quality, "quality body")];
    let beside = beside.into_iter().filter(|(is_told, _)| *is_told).map(|(_, name)| name);
    ["duty-holder"].into_iter().chain(beside).collect()
}
