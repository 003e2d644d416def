//! `kopir hours`: when a counter or channel receives people.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use jiff::civil::DateTime;
use serde::Serialize;

use super::law;
use super::output::{Failure, print, print_json};
use crate::domain::calendar::Calendar;
use crate::domain::hours::{Hours, Opening, Purpose, Reception};
use crate::domain::party::{PartyId, Role};
use crate::domain::procedure::Procedure;
use crate::procedures::calendar::kazakhstan;
use crate::trust::registry;

/// Show when a counter or channel receives people, by edition and office
///
/// The hours are those of the edition for the role. An office of the party registry may have hours
/// and days off of its own, such as a mission in a hot country or with the holidays of its host.
/// With --at the answer is the span in which it is open then, or the next one.
///
/// Examples:
///
///   kopir hours kandas --edition 2024
///   kopir hours kandas --edition 2024 --role foreign-mission --for results --at 2026-05-06T10:00
///   kopir hours kandas-mission --registry deploy/parties.toml --party mission-uz \
///       --at 2026-03-20T17:30 --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct HoursArgs {
    /// The procedure, as `kopir procedure list` names it
    procedure: String,
    /// The wording of the law; may be left out while there is only one
    #[arg(long)]
    edition: Option<String>,
    /// The role whose hours to show
    #[arg(long, conflicts_with = "party")]
    role: Option<String>,
    /// The office whose hours to show
    #[arg(long, requires = "registry")]
    party: Option<String>,
    /// The party registry, for the hours that an office has of its own
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// What the visit is for
    #[arg(long = "for", value_enum, default_value_t = Visit::Applications)]
    visit: Visit,
    /// A local time, for example 2026-05-06T10:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Visit {
    Applications,
    Results,
}

#[derive(Serialize)]
struct HoursView {
    role: &'static str,
    purpose: &'static str,
    days: String,
    open: String,
    citation: String,
}

#[derive(Serialize)]
struct OpeningView {
    date: String,
    from: String,
    to: Option<String>,
    open_now: bool,
}

#[derive(Serialize)]
struct Answer {
    hours: Vec<HoursView>,
    days_off: Vec<String>,
    next: Option<OpeningView>,
}

pub(super) fn run(args: &HoursArgs) -> Result<(), Failure> {
    let procedures = law::load()?;
    let procedure = law::find(&procedures, &args.procedure, args.edition.as_deref())?;
    let reception = reception(args, procedure)?;
    let at = args.at.as_deref().map(local_time).transpose()?;
    let calendar = kazakhstan().map_err(Failure::failed)?;
    let next = at.map(|at| next(&reception, args.visit, at, &calendar)).transpose()?.flatten();
    let answer = Answer {
        hours: reception.hours.iter().map(HoursView::new).collect(),
        days_off: reception.days_off.iter().map(ToString::to_string).collect(),
        next,
    };
    if args.json { print_json(&answer) } else { print(text(&answer, at)) }
}

/// The hours asked for: the office's own where it has any, else those of the edition.
fn reception(args: &HoursArgs, procedure: &Procedure) -> Result<Reception, Failure> {
    let of_edition = |role: Option<Role>| -> Vec<Hours> {
        let fits = |hours: &&Hours| role.is_none_or(|role| hours.role == role);
        procedure.hours().iter().filter(fits).cloned().collect()
    };
    let (Some(file), Some(party)) = (&args.registry, &args.party) else {
        let role = args.role.as_deref().map(str::parse::<Role>).transpose();
        let role = role.map_err(|why| Failure::usage(anyhow!("--role: {why}")))?;
        return Ok(Reception { hours: of_edition(role), days_off: Default::default() });
    };
    let id: PartyId = party.parse().map_err(|why| Failure::usage(anyhow!("--party: {why}")))?;
    let parties = registry::read(file).map_err(Failure::usage)?;
    let office = parties.get(&id);
    let office =
        office.ok_or_else(|| Failure::usage(anyhow!("--party: {id} is not in the registry")))?;
    let mut own = registry::receptions(file, &parties).map_err(Failure::usage)?;
    let mut reception = own
        .remove(&id)
        .unwrap_or_else(|| Reception { hours: Vec::new(), days_off: Default::default() });
    if reception.hours.is_empty() {
        reception.hours = of_edition(Some(office.role));
    }
    Ok(reception)
}

fn local_time(text: &str) -> Result<DateTime, Failure> {
    let wanted = "give a local time such as 2026-05-06T10:00";
    text.parse().map_err(|_| Failure::usage(anyhow!("--at: '{text}' is no time; {wanted}")))
}

fn next(
    reception: &Reception,
    visit: Visit,
    at: DateTime,
    calendar: &Calendar,
) -> Result<Option<OpeningView>, Failure> {
    let purpose = match visit {
        Visit::Applications => Purpose::Applications,
        Visit::Results => Purpose::Results,
    };
    let found = reception.next(purpose, at, calendar);
    let found = found.map_err(|why| Failure::usage(anyhow!("--at: {why}")))?;
    Ok(found.map(|Opening { date, from, to }| OpeningView {
        date: date.to_string(),
        from: from.strftime("%H:%M").to_string(),
        to: to.map(|to| to.strftime("%H:%M").to_string()),
        open_now: date == at.date() && from <= at.time(),
    }))
}

impl HoursView {
    fn new(hours: &Hours) -> Self {
        let purpose = match hours.purpose {
            Purpose::All => "all",
            Purpose::Applications => "applications",
            Purpose::Results => "results",
        };
        Self {
            role: hours.role.as_str(),
            purpose,
            days: hours.days_in_words(),
            open: hours.open_in_words(),
            citation: hours.citation.clone(),
        }
    }
}

fn text(answer: &Answer, at: Option<DateTime>) -> String {
    let Answer { hours, days_off, next } = answer;
    let mut lines = Vec::new();
    for HoursView { role, purpose, days, open, citation } in hours {
        let of = if citation.is_empty() { "the office's own" } else { citation };
        lines.push(format!("{role:<22} {purpose:<13} {days:<18} {open}  ({of})"));
    }
    if hours.is_empty() {
        lines.push("the edition states no hours here".to_owned());
    }
    if !days_off.is_empty() {
        lines.push(format!("closed besides the holidays of Kazakhstan: {}", days_off.join(", ")));
    }
    match (next, at) {
        (Some(OpeningView { date, from, to, open_now }), Some(_)) => {
            let until = to.as_ref().map_or_else(|| "always".to_owned(), |to| format!("until {to}"));
            let when = if *open_now { "open now" } else { "opens next" };
            lines.push(format!("{when}: {date} from {from} {until}"));
        }
        (None, Some(at)) => lines.push(format!("no opening within two months after {at}")),
        (_, None) => {}
    }
    lines.join("\n") + "\n"
}
