//! `kopir case reads`: who has read personal data of a case, when and what for.

use clap::Args;
use serde_json::{Value, json};

use super::id_of;
use crate::cli::bus::BusArgs;
use crate::cli::output::{Failure, note, print, print_json, table};
use crate::cli::words;
use crate::rpc::client::{BusChannel, CallError};
use crate::rpc::proto::cases::v1::ListDataReadsRequest;
use crate::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use crate::rpc::proto::types::v1::DataRead;

/// Reads asked for at once.
const PAGE_ITEMS: usize = 500;
/// What refuses whoever may not know who has read.
const NOT_FOR_THE_ROLE: &str = "ROLE_NOT_ALLOWED";

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadsArgs {
    /// The case's id
    case: String,
    #[command(flatten)]
    bus: BusArgs,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// The newest reads of a case, and whether there are more.
pub(super) struct Reads {
    pub(super) newest: Vec<DataRead>,
    pub(super) more: bool,
}

pub(super) fn run(args: &ReadsArgs) -> Result<(), Failure> {
    let ReadsArgs { case, bus, limit, json } = args;
    let (case_id, limit) = (id_of(case)?, usize::try_from(*limit).unwrap_or(usize::MAX));
    let reads = bus.call(async |channel| newest(channel, &case_id, limit).await)?;
    if *json {
        return print_json(&json!({ "reads": json_of(&reads), "more": reads.more }));
    }
    let first = if reads.more { "the newest " } else { "" };
    print(format_args!("read: {first}{}\n{}", reads.newest.len(), shown(&reads)))?;
    if reads.more {
        note("there is more than is shown; raise --limit to see it");
    }
    Ok(())
}

/// The same for a caller who may not know; none then.
pub(super) async fn if_allowed(
    channel: BusChannel,
    case_id: &str,
    limit: usize,
) -> Result<Option<Reads>, CallError> {
    match newest(channel, case_id, limit).await {
        Err(refused) if refused.reason() == NOT_FOR_THE_ROLE => Ok(None),
        answered => answered.map(Some),
    }
}

async fn newest(channel: BusChannel, case_id: &str, limit: usize) -> Result<Reads, CallError> {
    let mut client = CaseServiceClient::new(channel);
    let (mut newest, mut page_token) = (Vec::new(), String::new());
    loop {
        let page_size = limit.saturating_add(1).min(PAGE_ITEMS);
        let page_size = i32::try_from(page_size).unwrap_or(i32::MAX);
        let case_id = case_id.to_owned();
        let request = ListDataReadsRequest { case_id, page_size, page_token };
        let page = client.list_data_reads(request).await?.into_inner();
        newest.extend(page.reads);
        page_token = page.next_page_token;
        if newest.len() > limit || page_token.is_empty() {
            let more = newest.len() > limit;
            newest.truncate(limit);
            return Ok(Reads { newest, more });
        }
    }
}

/// A table; nothing where nobody has read.
pub(super) fn shown(reads: &Reads) -> String {
    if reads.newest.is_empty() {
        return String::new();
    }
    let mut shown = table(&["read", "by", "what", "for", "reference", "certificate", "record"]);
    for read in &reads.newest {
        let purpose = read.purpose.clone().unwrap_or_default();
        shown.add_row([
            &words::time(read.time),
            &read.reader_party_id,
            &words::read_content(read.content()),
            &words::read_purpose(purpose.kind()),
            &purpose.reference,
            &hex(&read.certificate_hash)[..16.min(2 * read.certificate_hash.len())],
            &read.sequence.to_string(),
        ]);
    }
    format!("{shown}\n")
}

pub(super) fn json_of(reads: &Reads) -> Vec<Value> {
    let json_of = |read: &DataRead| {
        let purpose = read.purpose.clone().unwrap_or_default();
        json!({
            "sequence": read.sequence,
            "time": words::time(read.time),
            "record_hash": hex(&read.record_hash),
            "reader": read.reader_party_id,
            "certificate": hex(&read.certificate_hash),
            "content": words::read_content(read.content()),
            "purpose": words::read_purpose(purpose.kind()),
            "reference": purpose.reference,
        })
    };
    reads.newest.iter().map(json_of).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
