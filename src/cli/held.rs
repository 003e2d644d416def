//! `kopir held`: the deliveries of a running bus that are held, and what is done about them.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bus::BusArgs;
use super::output::{Failure, note, print, print_json, table};
use super::purpose::PurposeArgs;
use super::words;
use crate::domain::held::MAX_NOTE_CHARS;
use crate::domain::party::PartyId;
use crate::rpc::client::{BusChannel, CallError};
use crate::rpc::proto::inbox::v1::held_service_client::HeldServiceClient;
use crate::rpc::proto::inbox::v1::{
    HeldDelivery, ListHeldRequest, RedirectDeliveryRequest, ReleaseDeliveryRequest,
    WithdrawDeliveryRequest,
};
use crate::rpc::proto::types::v1::{ReadPurpose, Receipt};

/// Deliveries asked for at once.
const PAGE_ITEMS: usize = 500;

/// See what is held, and release, redirect or withdraw it
///
/// A delivery is held when its receiver rejects it, or fails to take it again and again while it
/// takes others. It is out of the inbox then, and waits here until somebody resolves it; its term
/// runs on, and passes if nobody does. The receiver may also acknowledge it after all.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum HeldCommand {
    /// List what is held, with the reason
    ///
    /// The operator and the migration body see everything, any other party what is held with it.
    /// What its receiver said of it is shown to the receiver, and to the migration body when it says
    /// what for: `kopir case reads` shows later who read it. To the operator it is not shown.
    ///
    /// Example:
    ///
    ///   kopir held list --certs certs
    ///   kopir held list --as migration-committee --purpose delivery
    ///   kopir held list --party akimat-kz-55 --as migration-committee --json
    #[command(verbatim_doc_comment)]
    List(ListArgs),
    /// Put a delivery back into its receiver's inbox, in its due order
    ///
    /// For the receiver, once its system can take it; for the sender and the migration body, when
    /// it was rejected without cause. If it is rejected again, it is held again.
    ///
    /// Example:
    ///
    ///   kopir held release 42-4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1 --as akimat-kz-55
    #[command(verbatim_doc_comment)]
    Release(ReleaseArgs),
    /// Send a delivery to another party of the receiver's role
    ///
    /// For the migration body alone. The other party takes the receiver's places in the case: what
    /// the receiver has open in it, what else is on its way to it, and every later hop. Due times
    /// stay as they are.
    ///
    /// Example:
    ///
    ///   kopir held redirect 42-4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1 --to akimat-kz-59 \
    ///     --note "the family moves to KZ-59" --as migration-committee
    #[command(verbatim_doc_comment)]
    Redirect(RedirectArgs),
    /// Take a delivery back, so that it is not delivered at all
    ///
    /// For the sender and the migration body, and only where nobody has to act on it: where its
    /// receipt would open no hop, and its act opened none for the receiver.
    ///
    /// Example:
    ///
    ///   kopir held withdraw 42-4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1 \
    ///     --note "published by mistake" --as akimat-kz-71
    #[command(verbatim_doc_comment)]
    Withdraw(WithdrawArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only what is held with this party
    #[arg(long = "party", value_name = "PARTY")]
    whose: Option<PartyId>,
    #[command(flatten)]
    purpose: PurposeArgs,
    #[command(flatten)]
    bus: BusArgs,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// What the three acts have in common.
#[derive(Debug, Args)]
struct ActArgs {
    /// The delivery, as `kopir held list` names it
    #[arg(value_name = "DELIVERY")]
    delivery: String,
    /// The receiver with which it is held, where it is held with several
    #[arg(long, value_name = "PARTY")]
    with: Option<PartyId>,
    /// To repeat an act whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write the receipt as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
}

#[derive(Debug, Args)]
pub(super) struct RedirectArgs {
    #[command(flatten)]
    act: ActArgs,
    /// The party to which it goes instead
    #[arg(long, value_name = "PARTY")]
    to: PartyId,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    note: String,
}

#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    note: String,
}

pub(super) fn run(command: &HeldCommand) -> Result<(), Failure> {
    match command {
        HeldCommand::List(args) => list(args),
        HeldCommand::Release(args) => release(args),
        HeldCommand::Redirect(args) => redirect(args),
        HeldCommand::Withdraw(args) => withdraw(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let purpose = args.purpose.stated()?;
    let (held, more) = args
        .bus
        .call(async |channel| held(channel, args.whose.as_ref(), limit, purpose.clone()).await)?;
    if args.json {
        let deliveries: Vec<_> = held.iter().map(json_of).collect();
        return print_json(&json!({ "held": deliveries, "more": more }));
    }
    let first = if more { "the first " } else { "" };
    print(format_args!("held: {first}{}\n{}", held.len(), held_table(&held)))?;
    if more {
        note("there is more than is shown; raise --limit to see it");
    }
    Ok(())
}

/// The first deliveries that are held, and whether there are more.
async fn held(
    channel: BusChannel,
    party: Option<&PartyId>,
    limit: usize,
    purpose: Option<ReadPurpose>,
) -> Result<(Vec<HeldDelivery>, bool), CallError> {
    let mut client = HeldServiceClient::new(channel);
    let mut held = Vec::new();
    let mut page_token = String::new();
    loop {
        let page_size = limit.saturating_add(1).min(PAGE_ITEMS);
        let request = ListHeldRequest {
            page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
            page_token,
            party_id: party.map(ToString::to_string).unwrap_or_default(),
            purpose: purpose.clone(),
        };
        let page = client.list_held(request).await?.into_inner();
        held.extend(page.deliveries);
        page_token = page.next_page_token;
        if held.len() > limit || page_token.is_empty() {
            let more = held.len() > limit;
            held.truncate(limit);
            return Ok((held, more));
        }
    }
}

fn release(args: &ReleaseArgs) -> Result<(), Failure> {
    let ReleaseArgs { act, note } = args;
    let note = checked(note)?;
    act.send(async |channel, request_id, delivery_id, party_id| {
        let request = ReleaseDeliveryRequest { request_id, delivery_id, party_id, note };
        let answer = HeldServiceClient::new(channel).release_delivery(request).await?;
        Ok(answer.into_inner().receipt)
    })
}

fn redirect(args: &RedirectArgs) -> Result<(), Failure> {
    let RedirectArgs { act, to, note } = args;
    let (to_party_id, note) = (to.to_string(), checked(note)?);
    act.send(async |channel, request_id, delivery_id, party_id| {
        let request =
            RedirectDeliveryRequest { request_id, delivery_id, party_id, to_party_id, note };
        let answer = HeldServiceClient::new(channel).redirect_delivery(request).await?;
        Ok(answer.into_inner().receipt)
    })
}

fn withdraw(args: &WithdrawArgs) -> Result<(), Failure> {
    let WithdrawArgs { act, note } = args;
    let note = checked(note)?;
    act.send(async |channel, request_id, delivery_id, party_id| {
        let request = WithdrawDeliveryRequest { request_id, delivery_id, party_id, note };
        let answer = HeldServiceClient::new(channel).withdraw_delivery(request).await?;
        Ok(answer.into_inner().receipt)
    })
}

impl ActArgs {
    /// Sends an act under an id that can be used again, and shows its receipt.
    fn send(
        &self,
        act: impl AsyncFnOnce(BusChannel, String, String, String) -> Result<Option<Receipt>, CallError>,
    ) -> Result<(), Failure> {
        let Self { delivery, with, request_id, bus, json } = self;
        let id = request_id.unwrap_or_else(Uuid::new_v4);
        note(format_args!("request id {id}; repeat with --request-id if no answer comes"));
        let party = with.as_ref().map(ToString::to_string).unwrap_or_default();
        let (id, delivery) = (id.to_string(), delivery.clone());
        let receipt = bus.call(async |channel| act(channel, id, delivery, party).await)?;
        let Receipt { case_id, request_id, sequence, accepted_time, .. } =
            receipt.unwrap_or_default();
        let accepted = words::time(accepted_time);
        if *json {
            return print_json(&json!({
                "case": case_id,
                "request": request_id,
                "sequence": sequence,
                "accepted": accepted,
            }));
        }
        print(format_args!("accepted as record {sequence} of case {case_id}, {accepted}\n"))
    }
}

fn checked(note: &str) -> Result<String, Failure> {
    if note.chars().count() <= MAX_NOTE_CHARS {
        return Ok(note.to_owned());
    }
    Err(Failure::usage(anyhow!("--note: say it in at most {MAX_NOTE_CHARS} characters")))
}

fn held_table(held: &[HeldDelivery]) -> String {
    if held.is_empty() {
        return String::new();
    }
    let mut shown =
        table(&["delivery", "with", "reason", "since", "hop", "from", "due", "late", "detail"]);
    for one in held {
        let mark = one.mark.clone().unwrap_or_default();
        let (reason, since) = (words::held_reason(mark.reason()), words::time(mark.held_time));
        let due = words::due(one.due_date, one.source());
        let late = if one.late { "late" } else { "" };
        shown.add_row([
            &mark.delivery_id,
            &mark.party_id,
            &reason,
            &since,
            &one.hop,
            &one.sender_party_id,
            &due,
            late,
            detail(one),
        ]);
    }
    format!("{shown}\n")
}

/// What the receiver said, or that it is not told.
fn detail(one: &HeldDelivery) -> &str {
    if one.has_detail && one.detail.is_empty() { "(not shown)" } else { &one.detail }
}

fn json_of(one: &HeldDelivery) -> Value {
    let mark = one.mark.clone().unwrap_or_default();
    json!({
        "delivery": mark.delivery_id,
        "with": mark.party_id,
        "reason": words::held_reason(mark.reason()),
        "since": words::time(mark.held_time),
        "detail": one.detail,
        "has_detail": one.has_detail,
        "rejected_by": one.by_party_id,
        "case": one.case_id,
        "region": one.region,
        "hop": one.hop,
        "act": words::act(one.act()),
        "from": one.sender_party_id,
        "sent": words::time(one.sent_time),
        "due_date": words::date(one.due_date),
        "due": words::time(one.due_time),
        "source": words::source(one.source()),
        "late": one.late,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::proto::types::v1::{HeldMark, HeldReason};

    #[test]
    fn a_reason_is_told_by_its_name_and_an_empty_list_has_no_head() {
        let mark = HeldMark { reason: HeldReason::CannotParse.into(), ..HeldMark::default() };
        let held = HeldDelivery { mark: Some(mark), late: true, ..HeldDelivery::default() };
        let shown = held_table(&[held]);
        assert!(shown.contains("cannot-parse") && shown.contains("late"), "{shown}");
        assert_eq!(held_table(&[]), "");
    }

    #[test]
    fn a_note_that_the_bus_would_refuse_is_refused_here() {
        assert!(checked(&"ә".repeat(MAX_NOTE_CHARS)).is_ok());
        assert!(checked(&"ә".repeat(MAX_NOTE_CHARS + 1)).is_err());
    }
}
