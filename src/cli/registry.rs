//! `kopir registry`: the party registry, checked and as it was.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::bus::BusArgs;
use super::output::{Failure, print, print_json, table};
use super::words;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{ListRegistryChangesRequest, RegistryChange};
use crate::trust::registry;

/// Registries asked for at once.
const PAGE: i32 = 500;

/// The party registry.
#[derive(Debug, Subcommand)]
pub(super) enum RegistryCommand {
    /// Check a registry file as a bus would, before it is put in place
    ///
    /// What depends on the cases of a bus, such as whether a party still owes an act, is judged when
    /// the bus reads the file.
    ///
    /// Example:
    ///
    ///   kopir registry check deploy/parties.toml
    #[command(verbatim_doc_comment)]
    Check(CheckArgs),
    /// List the registries that have been in force, the newest first
    ///
    /// Each is a record of the journal: the SHA-256 of its file, and the parties that it added,
    /// changed and removed. The caller must be the operator or the migration body.
    ///
    /// Example:
    ///
    ///   kopir registry history --certs certs
    ///   kopir registry history --json | jq '.[0]'
    #[command(verbatim_doc_comment)]
    History(HistoryArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The registry
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    bus: BusArgs,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &RegistryCommand) -> Result<(), Failure> {
    match command {
        RegistryCommand::Check(CheckArgs { file }) => {
            let (parties, hashes) = registry::read_hashed(file).map_err(Failure::usage)?;
            let count = parties.iter().count();
            print(format_args!("sound: {count} parties, SHA-256 {}\n", hex(&hashes.content)))
        }
        RegistryCommand::History(HistoryArgs { bus, json }) => {
            let changes = bus.call(async |channel| {
                let mut client = OperationsServiceClient::new(channel);
                let mut all = Vec::new();
                let mut asked =
                    ListRegistryChangesRequest { page_size: PAGE, ..Default::default() };
                loop {
                    let page = client.list_registry_changes(asked.clone()).await?.into_inner();
                    all.extend(page.changes);
                    if page.next_page_token.is_empty() {
                        return Ok(all);
                    }
                    asked.page_token = page.next_page_token;
                }
            })?;
            if *json {
                return print_json(&changes.iter().map(as_json).collect::<Vec<_>>());
            }
            print(format_args!("{}\n", as_table(&changes)))
        }
    }
}

fn as_table(changes: &[RegistryChange]) -> String {
    let mut shown = table(&["record", "time", "parties", "added", "changed", "removed", "SHA-256"]);
    for change in changes {
        let hash = hex(&change.registry_hash);
        shown.add_row([
            change.sequence.to_string(),
            words::time(change.time),
            change.party_count.to_string(),
            some(&change.added_party_ids),
            some(&change.changed_party_ids),
            some(&change.removed_party_ids),
            hash.chars().take(16).collect(),
        ]);
    }
    shown.to_string()
}

/// A few names, or how many there are.
fn some(ids: &[String]) -> String {
    if ids.len() > 8 { format!("{} parties", ids.len()) } else { ids.join(", ") }
}

fn as_json(change: &RegistryChange) -> Value {
    json!({
        "sequence": change.sequence,
        "time": words::time(change.time),
        "registry_sha256": hex(&change.registry_hash),
        "party_count": change.party_count,
        "added": change.added_party_ids,
        "changed": change.changed_party_ids,
        "removed": change.removed_party_ids,
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
