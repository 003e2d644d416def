//! `kopir case`: the cases of a running bus, without personal data.

mod erase;
mod reads;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::bus::BusArgs;
use super::output::{Failure, print, print_json, table};
use super::words;
use crate::domain::CaseId;
use crate::domain::ids::IdError;
use crate::rpc::client::CallError;
use crate::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use crate::rpc::proto::cases::v1::{
    Case, CaseHop, CaseParty, CaseSummary, GetCaseRequest, ListCasesRequest, ServiceClock,
};
use crate::rpc::proto::types::v1::{HeldMark, RungNotice};

/// Cases asked for at once.
const PAGE_CASES: i32 = 500;
/// Reads shown with a case.
const MAX_READS_SHOWN: usize = 20;

/// The cases of a running bus
#[derive(Debug, Subcommand)]
pub(super) enum CaseCommand {
    /// List the cases that the caller may see
    ///
    /// Example:
    ///
    ///   kopir case list --certs certs --as operator --region KZ-55
    #[command(verbatim_doc_comment)]
    List(ListArgs),
    /// Show a case, hop by hop
    ///
    /// Below the hops stands what was said of their terms: the rungs of the ladder as they were said,
    /// to whom, and with a breach and a late discharge who held the hop for how long: the party that
    /// had to act, the bus, or the receiver's system. The operator and the migration body see at the end
    /// who has read personal data of the case.
    ///
    /// Example:
    ///
    ///   kopir case show 0193a0de-77aa-8bbb-8ccc-0123456789ab --certs certs
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
    /// Erase the personal data of a case: destroy its key
    ///
    /// For the operator. What the journal holds of the case cannot be opened any more by anybody; the
    /// case stays with its acts, terms and numbers, and so does the chain. It cannot be undone.
    /// Refused while a party has to act in the case, or an act is on its way. Backups of the vault
    /// have the key until they are destroyed.
    ///
    /// Example:
    ///
    ///   kopir case erase 0193a0de-77aa-8bbb-8ccc-0123456789ab --reason lawful-request \
    ///     --reference "No. 17 of 2026-03-20" --certs certs
    #[command(verbatim_doc_comment)]
    Erase(erase::EraseArgs),
    /// List who has read personal data of a case, when and what for
    ///
    /// For the operator and the migration body. Deliveries to their receivers are ordinary and stand
    /// in `kopir case show`; here is what somebody read beside them.
    ///
    /// Example:
    ///
    ///   kopir case reads 0193a0de-77aa-8bbb-8ccc-0123456789ab --as migration-committee
    #[command(verbatim_doc_comment)]
    Reads(reads::ReadsArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    bus: BusArgs,
    /// Only cases of this region, an ISO 3166-2 code
    #[arg(long, value_name = "CODE", default_value = "")]
    region: String,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The case's id
    case: String,
    #[command(flatten)]
    bus: BusArgs,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &CaseCommand) -> Result<(), Failure> {
    match command {
        CaseCommand::List(args) => list(args),
        CaseCommand::Show(args) => show(args),
        CaseCommand::Erase(args) => erase::run(args),
        CaseCommand::Reads(args) => reads::run(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let cases = args.bus.call(async |channel| {
        let mut client = CaseServiceClient::new(channel);
        let mut cases: Vec<CaseSummary> = Vec::new();
        let mut page_token = String::new();
        loop {
            let region = args.region.clone();
            let request = ListCasesRequest { page_size: PAGE_CASES, page_token, region, state: 0 };
            let page = client.list_cases(request).await?.into_inner();
            cases.extend(page.cases);
            page_token = page.next_page_token;
            if page_token.is_empty() || cases.len() >= args.limit {
                cases.truncate(args.limit);
                return Ok::<_, CallError>(cases);
            }
        }
    })?;
    if args.json {
        return print_json(&cases.iter().map(summary_json).collect::<Vec<_>>());
    }
    let mut shown =
        table(&["case", "region", "persons", "state", "consent", "inclusion", "next due"]);
    for case in &cases {
        let persons = case.person_count.to_string();
        let (state, consent) = (words::state(case.state()), words::outcome(case.consent_outcome()));
        let inclusion = words::outcome(case.inclusion_outcome());
        let due = words::time(case.next_due_time);
        shown.add_row([&case.case_id, &case.region, &persons, &state, &consent, &inclusion, &due]);
    }
    print(format_args!("{shown}\n{} cases\n", cases.len()))
}

/// The id of a case, in the form in which the bus writes it.
fn id_of(case: &str) -> Result<String, Failure> {
    let id: Result<CaseId, IdError> = case.parse();
    Ok(id.map_err(|why| Failure::usage(anyhow!("the case id is {why}")))?.to_string())
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let case_id = id_of(&args.case)?;
    let (case, reads) = args.bus.call(async |channel| {
        let mut client = CaseServiceClient::new(channel.clone());
        let answer = client.get_case(GetCaseRequest { case_id: case_id.clone() }).await?;
        let reads = reads::if_allowed(channel, &case_id, MAX_READS_SHOWN).await?;
        Ok::<_, CallError>((answer.into_inner().case.unwrap_or_default(), reads))
    })?;
    let summary = case.summary.clone().unwrap_or_default();
    if args.json {
        let hops: Vec<_> = case.hops.iter().map(hop_json).collect();
        return print_json(&json!({
            "case": summary_json(&summary), "parties": parties_json(&case), "hops": hops,
            "service": case.service_clocks.iter().map(service_json).collect::<Vec<_>>(),
            "reads": reads.as_ref().map(reads::json_of),
        }));
    }
    let mut shown =
        table(&["hop", "act", "party", "opened", "due", "acted", "received", "late", "citation"]);
    for hop in &case.hops {
        let clock = hop.clock.clone().unwrap_or_default();
        let due = words::due(clock.due_date, clock.source());
        shown.add_row([
            clock.hop.as_str(),
            &words::act(hop.act()),
            &clock.holder_party_id,
            &words::time(clock.opened_time),
            &due,
            &words::time(hop.acted_time),
            &received(hop),
            standing(hop),
            &clock.citation,
        ]);
    }
    let service: String = case.service_clocks.iter().map(service_line).collect();
    let said = said_table(&case.hops);
    let read = reads.as_ref().map(read_table).unwrap_or_default();
    let erased = match summary.erased_time {
        Some(_) => format!(" · erased {}", words::time(summary.erased_time)),
        None => String::new(),
    };
    print(format_args!(
        "case {} · {}/{} · {} · {} persons · {}{erased}\n{shown}\n{service}{said}{read}",
        summary.case_id,
        summary.procedure,
        summary.edition,
        summary.region,
        summary.person_count,
        words::state(summary.state()),
    ))
}

/// Who has read personal data of the case; nothing where nobody has.
fn read_table(reads: &reads::Reads) -> String {
    if reads.newest.is_empty() {
        return String::new();
    }
    let more = if reads.more { ", the newest; `kopir case reads` shows all" } else { "" };
    format!("\nread of its personal data{more}:\n{}", reads::shown(reads))
}

/// What was said of the terms, in the order in which it was; nothing where nothing was.
fn said_table(hops: &[CaseHop]) -> String {
    let mut said: Vec<_> = hops.iter().flat_map(|hop| &hop.rungs).collect();
    if said.is_empty() {
        return String::new();
    }
    // One record may say something of several hops; these stay in the order of the hops.
    said.sort_by_key(|rung| rung.sequence);
    let mut shown = table(&["said", "hop", "duty-holder", "what", "held by", "told"]);
    for rung in said {
        shown.add_row([
            words::time(rung.said_time),
            rung.hop.clone(),
            rung.duty_party_id.clone(),
            words::rung(rung),
            words::held_by(rung.attribution.as_ref()),
            rung.told_party_ids.join(", "),
        ]);
    }
    format!("\nsaid of its terms:\n{shown}\n")
}

/// When the act of a hop was received, or why it is not.
fn received(hop: &CaseHop) -> String {
    let held = hop.held.first().map(|mark| {
        let reason = words::held_reason(mark.reason());
        format!("held with {}: {reason}", mark.party_id)
    });
    match (held, hop.withdrawn_time) {
        (Some(held), _) => held,
        (None, Some(_)) => format!("withdrawn {}", words::time(hop.withdrawn_time)),
        (None, None) => words::time(hop.received_time),
    }
}

/// How a hop stands, in one word.
fn standing(hop: &CaseHop) -> &'static str {
    match (hop.ended_time, hop.late, hop.branch && hop.acted_time.is_none()) {
        (Some(_), _, _) => "ended undone",
        (None, true, _) => "late",
        (None, false, true) => "possible",
        (None, false, false) => "",
    }
}

fn service_line(clock: &ServiceClock) -> String {
    let weight = if clock.informative { "informs only" } else { "binds" };
    let late = if clock.late { ", late" } else { "" };
    format!("service due {} ({weight}{late})\n", words::date(clock.due_date))
}

fn service_json(clock: &ServiceClock) -> Value {
    json!({
        "opened": words::time(clock.opened_time),
        "due_date": words::date(clock.due_date),
        "due": words::time(clock.due_time),
        "informative": clock.informative,
        "late": clock.late,
    })
}

fn summary_json(case: &CaseSummary) -> Value {
    json!({
        "case": case.case_id,
        "procedure": case.procedure,
        "edition": case.edition,
        "region": case.region,
        "state": words::state(case.state()),
        "consent": words::outcome(case.consent_outcome()),
        "inclusion": words::outcome(case.inclusion_outcome()),
        "persons": case.person_count,
        "consented_persons": case.consented_person_count,
        "included_persons": case.included_person_count,
        "created": words::time(case.create_time),
        "updated": words::time(case.update_time),
        "next_due": words::time(case.next_due_time),
        "erased": words::time(case.erased_time),
    })
}

fn parties_json(case: &Case) -> Value {
    let part = |party: &CaseParty| (words::role(party.role()), json!(party.party_id));
    Value::Object(case.parties.iter().map(part).collect())
}

fn held_json(mark: &HeldMark) -> Value {
    json!({
        "delivery": mark.delivery_id,
        "with": mark.party_id,
        "reason": words::held_reason(mark.reason()),
        "since": words::time(mark.held_time),
    })
}

fn hop_json(hop: &CaseHop) -> Value {
    let clock = hop.clock.clone().unwrap_or_default();
    json!({
        "hop": clock.hop,
        "act": words::act(hop.act()),
        "holder": clock.holder_party_id,
        "receiver": hop.receiver_party_id,
        "opened": words::time(clock.opened_time),
        "due_date": words::date(clock.due_date),
        "due": words::time(clock.due_time),
        "source": words::source(clock.source()),
        "citation": clock.citation,
        "acted": words::time(hop.acted_time),
        "received": words::time(hop.received_time),
        "late": hop.late,
        "branch": hop.branch,
        "ended": words::time(hop.ended_time),
        "withdrawn": words::time(hop.withdrawn_time),
        "held": hop.held.iter().map(held_json).collect::<Vec<_>>(),
        "used_days": hop.used_days,
        "sequence": hop.sequence,
        "rungs": hop.rungs.iter().map(rung_json).collect::<Vec<_>>(),
    })
}

fn rung_json(rung: &RungNotice) -> Value {
    let attribution = rung.attribution.as_ref().map(|held| {
        json!({
            "with_party_ms": held.with_party_ms,
            "in_bus_ms": held.in_bus_ms,
            "awaiting_receiver_ms": held.awaiting_receiver_ms,
        })
    });
    json!({
        "rung": words::rung_name(rung.rung()),
        "words": words::rung(rung),
        "working_days": rung.working_days,
        "duty_party": rung.duty_party_id,
        "carried": rung.carried,
        "said": words::time(rung.said_time),
        "planned": words::time(rung.planned_time),
        "delayed_by_outage": rung.delayed_by_outage,
        "told": rung.told_party_ids,
        "attribution": attribution,
        "sequence": rung.sequence,
    })
}
