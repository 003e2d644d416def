//! `kopir inbox`: what waits for a party of a running bus, what it owes, and where it has its
//! deliveries brought to.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::bus::BusArgs;
use super::output::{Failure, note, print, print_json, table};
use super::words;
use crate::domain::party::PartyId;
use crate::rpc::client::{BusChannel, CallError};
use crate::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use crate::rpc::proto::inbox::v1::{ListObligationsRequest, Obligation};
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{ListInboxRequest, QueuedDelivery};
use crate::rpc::proto::types::v1::RungNotice;

mod endpoint;

/// Items asked for at once.
const PAGE_ITEMS: usize = 500;

/// See what waits in a party's inbox and what it owes, earliest due first
///
/// Deliveries wait until the party's system acknowledges them; obligations are the steps whose
/// clock runs for the party. Notices of running terms wait among the deliveries and are shown apart.
/// None of it shows personal data or papers, and looking changes nothing.
/// The caller is the party, one that may act for it, the operator or the migration body.
///
/// Example:
///
///   kopir inbox migration-committee --certs certs
///   kopir inbox akimat-kz-55 --limit 20 --json
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(super) struct InboxArgs {
    #[command(subcommand)]
    command: Option<InboxCommand>,
    /// The party whose inbox it is, as the registry names it
    #[arg(value_name = "PARTY", required = true)]
    whose: Option<PartyId>,
    #[command(flatten)]
    bus: BusArgs,
    /// At most so many deliveries, and so many obligations
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON document instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum InboxCommand {
    #[command(subcommand)]
    Endpoint(endpoint::EndpointCommand),
}

/// The first items of a listing.
struct First<T> {
    items: Vec<T>,
    /// There are more than were asked for.
    more: bool,
}

pub(super) fn run(args: &InboxArgs) -> Result<(), Failure> {
    match (&args.command, &args.whose) {
        (Some(InboxCommand::Endpoint(command)), _) => endpoint::run(command),
        (None, Some(whose)) => show(args, whose),
        (None, None) => Err(Failure::usage(anyhow!("name the party whose inbox is to be shown"))),
    }
}

fn show(args: &InboxArgs, whose: &PartyId) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (deliveries, obligations) = args.bus.call(async |channel| {
        let deliveries = deliveries(channel.clone(), whose, limit).await?;
        Ok((deliveries, obligations(channel, whose, limit).await?))
    })?;
    if args.json {
        return print_json(&json!({
            "party": whose.as_str(),
            "deliveries": deliveries.items.iter().map(delivery_json).collect::<Vec<_>>(),
            "more_deliveries": deliveries.more,
            "obligations": obligations.items.iter().map(obligation_json).collect::<Vec<_>>(),
            "more_obligations": obligations.more,
        }));
    }
    print(format_args!(
        "deliveries waiting for {whose}: {}\n{}{}\nobligations open: {}\n{}",
        deliveries.count(),
        delivery_table(&deliveries.items),
        notice_table(&deliveries.items),
        obligations.count(),
        obligation_table(&obligations.items),
    ))?;
    if deliveries.more || obligations.more {
        note("there are more than are shown; raise --limit to see them");
    }
    Ok(())
}

async fn deliveries(
    channel: BusChannel,
    party: &PartyId,
    limit: usize,
) -> Result<First<QueuedDelivery>, CallError> {
    let mut client = OperationsServiceClient::new(channel);
    let mut first = First::new();
    let mut page_token = String::new();
    loop {
        let party_id = party.to_string();
        let request = ListInboxRequest { party_id, page_size: page_size(limit), page_token };
        let page = client.list_inbox(request).await?.into_inner();
        page_token = page.next_page_token;
        if first.is_enough(page.deliveries, limit) || page_token.is_empty() {
            return Ok(first);
        }
    }
}

async fn obligations(
    channel: BusChannel,
    party: &PartyId,
    limit: usize,
) -> Result<First<Obligation>, CallError> {
    let mut client = InboxServiceClient::new(channel);
    let mut first = First::new();
    let mut page_token = String::new();
    loop {
        let party_id = party.to_string();
        let request = ListObligationsRequest { party_id, page_size: page_size(limit), page_token };
        let page = client.list_obligations(request).await?.into_inner();
        page_token = page.next_page_token;
        if first.is_enough(page.obligations, limit) || page_token.is_empty() {
            return Ok(first);
        }
    }
}

/// One item over the limit is asked for too: it tells that there are more.
fn page_size(limit: usize) -> i32 {
    i32::try_from(limit.saturating_add(1).min(PAGE_ITEMS)).unwrap_or(i32::MAX)
}

impl<T> First<T> {
    fn new() -> Self {
        Self { items: Vec::new(), more: false }
    }

    /// Takes a page in; true once nothing beyond it is needed.
    fn is_enough(&mut self, page: Vec<T>, limit: usize) -> bool {
        self.items.extend(page);
        self.more = self.items.len() > limit;
        self.items.truncate(limit);
        self.more
    }

    fn count(&self) -> String {
        let count = self.items.len();
        if self.more { format!("the first {count}") } else { count.to_string() }
    }
}

fn delivery_table(deliveries: &[QueuedDelivery]) -> String {
    let acts: Vec<_> = deliveries.iter().filter(|one| one.notice.is_none()).collect();
    if acts.is_empty() {
        return String::new();
    }
    let mut shown = table(&["delivery", "case", "hop", "from", "sent", "due", "leased"]);
    for one in acts {
        let (sent, due) = (words::time(one.sent_time), words::due(one.due_date, one.source()));
        let (delivery, from) = (&one.delivery_id[..], &one.sender_party_id[..]);
        shown.add_row([delivery, &one.case_id, &one.hop, from, &sent, &due, leased(one)]);
    }
    format!("{shown}\n")
}

/// The notices among the deliveries, a row for each rung that the bus shows of them.
fn notice_table(deliveries: &[QueuedDelivery]) -> String {
    let notices: Vec<_> =
        deliveries.iter().filter_map(|one| Some((one, one.notice.as_ref()?))).collect();
    if notices.is_empty() {
        return String::new();
    }
    let mut shown = table(&["notice", "said", "case", "hop", "duty-holder", "what", "leased"]);
    for (one, notice) in &notices {
        let said = words::time(one.sent_time);
        for rung in &notice.rungs {
            let (what, duty) = (words::rung(rung), &rung.duty_party_id[..]);
            let row = [&one.delivery_id[..], &said, &rung.case_id, &rung.hop, duty, &what];
            shown.add_row(row.into_iter().chain([leased(one)]));
        }
        let count = usize::try_from(one.rung_count).unwrap_or(0);
        if let Some(more @ 1..) = count.checked_sub(notice.rungs.len()) {
            let more = format!("and {more} more");
            shown.add_row([&one.delivery_id[..], &said, "", "", "", &more, leased(one)]);
        }
    }
    format!("notices among them: {}\n{shown}\n", notices.len())
}

fn leased(one: &QueuedDelivery) -> &'static str {
    if one.leased { "leased" } else { "" }
}

fn obligation_table(obligations: &[Obligation]) -> String {
    if obligations.is_empty() {
        return String::new();
    }
    let mut shown = table(&["case", "hop", "act", "due", "late"]);
    for one in obligations {
        let clock = one.clock.clone().unwrap_or_default();
        let (act, due) = (words::act(one.act()), words::due(clock.due_date, clock.source()));
        let late = if one.late { "late" } else { "" };
        shown.add_row([&one.case_id[..], &clock.hop, &act, &due, late]);
    }
    format!("{shown}\n")
}

fn delivery_json(one: &QueuedDelivery) -> Value {
    json!({
        "delivery": one.delivery_id,
        "case": one.case_id,
        "region": one.region,
        "hop": one.hop,
        "act": words::act(one.act()),
        "from": one.sender_party_id,
        "sent": words::time(one.sent_time),
        "due_date": words::date(one.due_date),
        "due": words::time(one.due_time),
        "source": words::source(one.source()),
        "citation": one.citation,
        "leased": one.leased,
        "says": one.notice.as_ref().map(|notice| notice.rungs.iter().map(said_json).collect::<Vec<_>>()),
        "rungs": one.rung_count,
    })
}

fn said_json(rung: &RungNotice) -> Value {
    json!({
        "case": rung.case_id,
        "hop": rung.hop,
        "rung": words::rung_name(rung.rung()),
        "words": words::rung(rung),
        "duty_party": rung.duty_party_id,
    })
}

fn obligation_json(one: &Obligation) -> Value {
    let clock = one.clock.clone().unwrap_or_default();
    json!({
        "case": one.case_id,
        "region": one.region,
        "hop": clock.hop,
        "act": words::act(one.act()),
        "opened": words::time(clock.opened_time),
        "due_date": words::date(clock.due_date),
        "due": words::time(clock.due_time),
        "source": words::source(clock.source()),
        "citation": clock.citation,
        "late": one.late,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_beyond_the_limit_is_told_and_not_shown() {
        let mut first = First::new();
        assert!(!first.is_enough(vec![1, 2], 3));
        assert!(!first.is_enough(vec![3], 3));
        assert_eq!((first.count().as_str(), first.more), ("3", false));
        assert!(first.is_enough(vec![4, 5], 3));
        assert_eq!((first.count().as_str(), first.items), ("the first 3", vec![1, 2, 3]));
    }

    #[test]
    fn one_more_than_the_limit_is_asked_for_within_a_page() {
        for (limit, asked) in [(1, 2), (499, 500), (500, 500), (usize::MAX, 500)] {
            assert_eq!(page_size(limit), asked);
        }
    }

    #[test]
    fn notices_are_shown_apart_with_what_is_not_shown_counted() {
        use crate::rpc::proto::types::v1::{DeadlineNotice, Rung};
        let rung =
            RungNotice { rung: Rung::Half.into(), hop: "K21B-03".into(), ..Default::default() };
        let notice = QueuedDelivery {
            delivery_id: "7-notice".to_owned(),
            notice: Some(DeadlineNotice { rungs: vec![rung.clone(), rung] }),
            rung_count: 5,
            ..QueuedDelivery::default()
        };
        let act = QueuedDelivery { delivery_id: "8-case".to_owned(), ..QueuedDelivery::default() };
        let both = [notice, act];
        let (acts, notices) = (delivery_table(&both), notice_table(&both));
        assert!(acts.contains("8-case") && !acts.contains("notice"), "{acts}");
        assert!(notices.starts_with("notices among them: 1\n"), "{notices}");
        assert_eq!(notices.matches("the middle day of the term").count(), 2);
        assert!(notices.contains("and 3 more"), "{notices}");
        assert_eq!(notice_table(&both[1..]), "");
    }

    #[test]
    fn an_assumed_term_is_told_from_one_of_the_law() {
        use crate::rpc::proto::google::r#type::Date;
        use crate::rpc::proto::types::v1::{Clock, TermSource};
        let due = |source: TermSource| {
            let clock = Clock {
                due_date: Some(Date { year: 2021, month: 9, day: 13 }),
                source: source.into(),
                ..Clock::default()
            };
            let owed = Obligation { clock: Some(clock), ..Obligation::default() };
            obligation_table(&[owed])
        };
        assert!(due(TermSource::Assumed).contains("2021-09-13 (assumed)"));
        assert!(!due(TermSource::Statutory).contains("assumed"));
        assert_eq!(obligation_table(&[]), "");
    }
}
