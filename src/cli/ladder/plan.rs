//! `kopir ladder plan`: the rungs of a term with their instants, if nobody did anything.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::Inputs;
use crate::cli::deadline::{HOME_ZONE, opened};
use crate::cli::output::{Failure, print, print_json, table};
use crate::domain::calendar::Calendar;
use crate::domain::ladder::{Clock, NO_CASE, Plan, Planned, Rung};
use crate::domain::party::{IdentityUri, Names, Parties, Party, PartyId, PartyNumber, Role};
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::roster::Roster;
use crate::domain::term::{Term, bundled_zone, due};
use crate::procedures::calendar::kazakhstan;

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    /// The hop, as `kopir procedure show` names it
    #[arg(long)]
    hop: String,
    /// When the event that opens the hop happened: an instant by RFC 3339, or a date
    ///
    /// A date stands for its noon in the zone.
    #[arg(long, value_name = "INSTANT|DATE")]
    opened: String,
    /// The party that must act, as the registry of the configuration names it
    #[arg(long, requires = "config", conflicts_with = "zone")]
    party: Option<PartyId>,
    /// The time zone of the party that must act [default: Asia/Almaty]
    #[arg(long)]
    zone: Option<String>,
    /// The configuration, for its rungs, its reading of the law, and its registry
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How many days overdue to plan
    #[arg(long, value_name = "DAYS", default_value_t = 3)]
    overdue: u16,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PlanView<'a> {
    procedure: String,
    hop: &'a str,
    party: Option<&'a str>,
    zone: &'a str,
    opened: String,
    due_date: String,
    due_time: String,
    estimated: bool,
    rungs: Vec<RungView>,
}

#[derive(Serialize)]
struct RungView {
    /// With the offset of the zone (RFC 3339).
    at: String,
    rung: &'static str,
    /// Working days overdue.
    working_days: u16,
    told: Vec<&'static str>,
    #[serde(skip)]
    instant: Timestamp,
}

pub(in crate::cli) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let inputs = Inputs::read(args.config.as_ref())?;
    let (procedure, hop) = inputs.hop(&args.hop)?;
    let (roster, duty) = roster(&inputs, args)?;
    let zone = roster.zone(duty);
    let from = opened("--opened", &args.opened, zone)?;
    let calendar = kazakhstan().map_err(Failure::failed)?;
    if let Term::BeforeServiceEnd(_) = hop.term {
        return Err(Failure::usage(anyhow!(
            "{} is due before the end of the service, which no single day tells; \
             `kopir deadline` counts it with --service-from",
            hop.id
        )));
    }
    let due = due(hop.term, hop.count, procedure.counting(), from, zone, &calendar, None);
    let due = due.map_err(Failure::usage)?;
    let due = due.ok_or_else(|| Failure::usage(anyhow!("{} has no term", hop.id)))?;
    let clock = Clock {
        case: NO_CASE,
        place: 0,
        hop: hop.id,
        opened_at: from,
        due_at: due.instant,
        duty,
        carried: false,
    };
    let plan = Plan { ladder: &inputs.ladder, calendar: &calendar, roster: &roster };
    let rungs = rungs(plan, &clock, hop, args.overdue);
    let view = PlanView {
        procedure: procedure.key().to_string(),
        hop: hop.id.as_str(),
        party: args.party.as_ref().map(PartyId::as_str),
        zone: zone.iana_name().unwrap_or_default(),
        opened: local(from, zone),
        due_date: due.date.to_string(),
        due_time: local(due.instant, zone),
        estimated: due.estimated,
        rungs,
    };
    if args.json {
        return print_json(&view);
    }
    print(text(&view, procedure, hop, &calendar, zone))
}

/// What is said until so many days overdue.
fn rungs(plan: Plan<'_>, clock: &Clock, hop: &Hop, overdue: u16) -> Vec<RungView> {
    let zone = plan.roster.zone(clock.duty);
    let view = |Planned { at, rung, days }| RungView {
        at: local(at, zone),
        rung: rung.name(),
        working_days: days,
        told: super::names(rung, hop.source),
        instant: at,
    };
    let mut views = Vec::new();
    if plan.ladder.rungs(hop.id).has(Rung::Opening) {
        views.push(view(Planned { at: clock.opened_at, rung: Rung::Opening, days: 0 }));
    }
    let mut after = clock.opened_at;
    while let Some(planned) = plan.next(clock, after).filter(|planned| planned.days <= overdue) {
        after = planned.at;
        views.push(view(planned));
    }
    views
}

fn text(
    view: &PlanView<'_>,
    procedure: &Procedure,
    hop: &Hop,
    calendar: &Calendar,
    zone: &TimeZone,
) -> String {
    let estimated =
        if view.estimated { ", resting on a day that is only estimated so far" } else { "" };
    let mut shown = table(&["when", "rung", "told"]);
    for rung in &view.rungs {
        let at = when(zone.to_datetime(rung.instant));
        let name = match rung.working_days {
            0 => rung.rung.to_owned(),
            days => format!("{} {days}", rung.rung),
        };
        shown.add_row([at, name, rung.told.join(", ")]);
    }
    format!(
        "{}\n  opened     {}\n  due        {} at 24:00 in {}{estimated}\n  calendar   {}\n\n{shown}\n",
        super::of_hop(procedure, hop),
        view.opened,
        view.due_date,
        view.zone,
        calendar.version(),
    )
}

/// A time for people; a midnight is the end of the day before.
fn when(at: DateTime) -> String {
    let eve = at.date().yesterday().ok().filter(|_| at.time() == Time::midnight());
    match eve {
        Some(eve) => eve.strftime("%a %Y-%m-%d 24:00").to_string(),
        None => at.strftime("%a %Y-%m-%d %H:%M").to_string(),
    }
}

/// Who sits where: the registry of the configuration, or one nameless party in the zone given.
fn roster(inputs: &Inputs, args: &PlanArgs) -> Result<(Roster, PartyNumber), Failure> {
    let zone = args.zone.as_deref().unwrap_or(HOME_ZONE);
    let zone = || bundled_zone(zone).map_err(|why| Failure::usage(anyhow!("--zone: {why}")));
    let (parties, id) = match (&inputs.parties, &args.party) {
        (Some(parties), Some(id)) if parties.get(id).is_some() => (parties.clone(), id.clone()),
        (_, Some(id)) => {
            let why = anyhow!("--party: the registry of the configuration has no party {id}");
            return Err(Failure::usage(why));
        }
        (_, None) => {
            let party = anybody(zone()?)?;
            let id = party.id.clone();
            (Parties::new(vec![party]).map_err(Failure::failed)?, id)
        }
    };
    let mut roster = Roster::new(parties, []);
    roster.missing().into_iter().for_each(|enrolment| roster.enrol(enrolment));
    let number = roster.number(&id);
    Ok((roster, number.ok_or_else(|| Failure::failed(anyhow!("{id} has no number")))?))
}

fn anybody(zone: TimeZone) -> Result<Party, Failure> {
    let id: PartyId = "duty-holder".parse().map_err(Failure::failed)?;
    let name = || id.to_string();
    Ok(Party {
        names: Names { kk: name(), ru: name(), en: name() },
        role: Role::MigrationBody,
        region: None,
        zone,
        supervisor: None,
        acts_for: Vec::new(),
        identities: vec![IdentityUri::of(&id)],
        certificates: Vec::new(),
        bins: Vec::new(),
        id,
    })
}

/// An instant with the offset of the zone, as RFC 3339 writes it.
fn local(instant: Timestamp, zone: &TimeZone) -> String {
    instant.display_with_offset(zone.to_offset(instant)).to_string()
}
