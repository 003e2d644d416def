//! `kopir procedure`: the law as this build applies it, to be read beside the law itself.

use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use self::diagram::Notation;
use self::show::Details;
use super::law;
use super::output::{Failure, print, print_json, table};
use super::register::{self, AmbiguitiesArgs, FormsArgs};

use crate::domain::party::{Names, Role};
use crate::domain::procedure::{Kind, Procedure};
use crate::domain::region::Region;

mod diagram;
mod show;

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
    /// A step is what the text names, or a reading needs, without a hop of its own. The readings,
    /// A-01 and on, are those of `kopir procedure ambiguities`.
    ///
    /// With --diagram the flow is drawn instead: which act or receipt opens what. Branches, which
    /// are possible and never owed, are dashed; round boxes end the case.
    ///
    /// Examples:
    ///
    ///   kopir procedure show kandas --edition 2024
    ///   kopir procedure show kandas-mission --json | jq '.hops[] | {hop, term, citation}'
    ///   kopir procedure show kandas --edition 2024 --diagram --channel migration-portal
    ///   kopir procedure show appeal --edition 2021 --diagram dot | dot -Tsvg -o appeal.svg
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
    /// The wording of the law; may be left out where there is only one
    #[arg(long)]
    edition: Option<String>,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Draw the flow, for Mermaid or for Graphviz
    #[arg(
        long,
        value_name = "NOTATION",
        num_args = 0..=1,
        default_missing_value = "mermaid",
        conflicts_with = "json"
    )]
    diagram: Option<NotationArg>,
    /// Draw only what belongs to cases that a party of this role took in
    #[arg(long, value_name = "ROLE", requires = "diagram")]
    channel: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NotationArg {
    Mermaid,
    Dot,
}

pub(super) fn run(command: &ProcedureCommand) -> Result<(), Failure> {
    match command {
        ProcedureCommand::List(ListArgs { json }) => {
            let procedures = law::load()?;
            let views: Vec<_> = procedures.values().map(Summary::new).collect();
            if *json { print_json(&views) } else { print(list(&views)) }
        }
        ProcedureCommand::Show(args) => {
            let procedures = law::load()?;
            let found = law::find(&procedures, &args.procedure, args.edition.as_deref())?;
            match args.diagram {
                Some(notation) => print(draw(found, notation, args.channel.as_deref())?),
                None if args.json => print_json(&Details::new(found)),
                None => print(show::show(found)),
            }
        }
        ProcedureCommand::Ambiguities(args) => register::ambiguities(args),
        ProcedureCommand::Forms(args) => register::forms(args),
    }
}

fn draw(
    procedure: &Procedure,
    notation: NotationArg,
    channel: Option<&str>,
) -> Result<String, Failure> {
    let notation = match notation {
        NotationArg::Mermaid => Notation::Mermaid,
        NotationArg::Dot => Notation::Dot,
    };
    let channels = diagram::channels(procedure);
    let only = channel.map(|name| {
        channels.iter().copied().find(|role| role.as_str() == name).ok_or_else(|| {
            let names: Vec<_> = channels.iter().map(|role: &Role| role.as_str()).collect();
            let key = procedure.key();
            Failure::usage(anyhow!(
                "--channel: {name:?} takes in no case of {key}; these do: {}",
                names.join(", ")
            ))
        })
    });
    Ok(diagram::draw(procedure, only.transpose()?, notation))
}

/// What stands before the hops of a procedure, in a list and in its own page.
#[derive(Serialize)]
struct Summary<'p> {
    procedure: &'p str,
    edition: &'p str,
    names: NamesView<'p>,
    basis: &'p str,
    /// Whose quota its decisions hold and take; none where it has none.
    category: Option<&'static str>,
    /// The one region whose own rules these are.
    region: Option<&'static str>,
    /// The hops of the reference.
    hop_count: usize,
    /// What the texts or readings need beside them.
    step_count: usize,
}

#[derive(Serialize)]
struct NamesView<'p> {
    kk: &'p str,
    ru: &'p str,
    en: &'p str,
}

impl<'p> Summary<'p> {
    fn new(procedure: &'p Procedure) -> Self {
        let key = procedure.key();
        let Names { kk, ru, en } = procedure.names();
        let hops = procedure.hops().iter().filter(|hop| hop.kind == Kind::Hop).count();
        Self {
            procedure: key.procedure.as_str(),
            edition: key.edition.as_str(),
            names: NamesView { kk, ru, en },
            basis: procedure.basis(),
            category: procedure.category().map(|category| category.name()),
            region: procedure.region().map(Region::code),
            hop_count: hops,
            step_count: procedure.hops().len() - hops,
        }
    }
}

fn list(procedures: &[Summary<'_>]) -> String {
    let head = ["procedure", "edition", "hops", "steps", "quota", "name", "basis"];
    let mut table = table(&head);
    for Summary { procedure, edition, names, basis, category, region: _, hop_count, step_count } in
        procedures
    {
        let (hops, steps) = (hop_count.to_string(), step_count.to_string());
        let quota = category.unwrap_or_default();
        table.add_row([procedure, edition, hops.as_str(), &steps, quota, names.en, basis]);
    }
    table.trim_fmt() + "\n"
}
