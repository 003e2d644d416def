//! `kopir journal`: the check that what is stored is what was accepted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{Exit, Failure, print, print_json};
use super::vault;
use crate::config::journal_dir;
use crate::engine::slots::{NamedSlots, SlotFault};
use crate::engine::timestamp;
use crate::evidence::signed_records;
use crate::journal::{JournalError, JournalReader, VerifyReport, verify_to_read};
use crate::vault::{Inspected, inspect};

/// Keys that do not fit the journal, told one by one.
const MAX_FAULTS: usize = 20;

/// The journal, the only truth of a bus.
#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Check every record of a journal: frame, checksum, hash and chain
    ///
    /// Where the vault lies beside the journal, its slots are checked too: that each is what was
    /// written there, that every key is there by which something in the journal is sealed, unless a
    /// record erased its case, and that it is gone if one did. Whether a key opens what is sealed with
    /// it cannot be told without the master key, and is not looked at.
    ///
    /// Nothing is changed, and a bus may be running on the journal. Damage ends with exit code 3
    /// and names file, byte and record. An unfinished group at the very end is what a crash leaves,
    /// was never acknowledged, and is cut off when the bus starts; it is damage where the last
    /// checkpoint of the bus, beside the journal in log.signed, is over more records than are whole.
    ///
    /// Example:
    ///
    ///   kopir journal verify data/journal
    #[command(verbatim_doc_comment)]
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The journal's directory, or the data directory that has it
    dir: PathBuf,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Verify(VerifyArgs { dir, json }) => {
            let inside = journal_dir(dir);
            let dir = if inside.is_dir() { &inside } else { dir };
            if !dir.is_dir() {
                return Err(absent(dir));
            }
            // Before the journal, to which a running bus goes on adding: what is destroyed or signed
            // by then has its records there.
            let signed = signed_beside(dir)?;
            let vault = inspected(dir)?;
            match verify_to_read(dir) {
                Ok((report, _)) if report.records < signed => {
                    Err(shorter(dir, &report, signed, *json)?)
                }
                Ok((report, reader)) => {
                    let vault = vault.map(|found| fits(dir, found, &*reader)).transpose()?;
                    whole(dir, &report, vault, *json)
                }
                Err(why) => Err(refused(why, *json)?),
            }
        }
    }
}

#[derive(Serialize)]
struct WholeView {
    status: &'static str,
    segments: usize,
    records: u64,
    bytes: u64,
    first_time: Option<String>,
    last_time: Option<String>,
    last_hash: String,
    torn_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<VaultView>,
}

/// What the vault holds, without a master key.
#[derive(Serialize)]
struct VaultView {
    keys: u64,
    erased: u64,
    master_keys: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct DamageView {
    status: &'static str,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    seq: u64,
    what: String,
}

fn whole(
    dir: &Path,
    report: &VerifyReport,
    vault: Option<VaultView>,
    json: bool,
) -> Result<(), Failure> {
    if report.segments == 0 {
        // A monitor that looks at the wrong directory must not be told that all is well.
        return Err(absent(dir));
    }
    let view = WholeView {
        status: "whole",
        segments: report.segments,
        records: report.records,
        bytes: report.bytes,
        first_time: report.first_time_ms.map(|ms| timestamp(ms).to_string()),
        last_time: report.last_time_ms.map(|ms| timestamp(ms).to_string()),
        last_hash: report.last_hash.to_string(),
        torn_bytes: report.torn_bytes,
        vault,
    };
    if json {
        return print_json(&view);
    }
    let WholeView { segments, records, bytes, last_hash, torn_bytes, .. } = &view;
    let mut text = format!("whole: {records} records, {bytes} bytes in {segments} segments\n");
    if let (Some(first), Some(last)) = (&view.first_time, &view.last_time) {
        text += &format!("from {first} to {last}\n");
    }
    text += &format!("last hash {last_hash}\n");
    if *torn_bytes > 0 {
        text += &format!(
            "{torn_bytes} bytes of an unfinished group at the end; it was never acknowledged\n"
        );
    }
    if let Some(VaultView { keys, erased, master_keys }) = &view.vault {
        let masters: Vec<_> = master_keys.keys().map(String::as_str).collect();
        text += &format!("vault: {keys} keys, {erased} erased, under master key ");
        text += &format!("{}\n", masters.join(" and "));
    }
    print(text)
}

/// The vault in the data directory of a journal, if there is one.
fn inspected(journal: &Path) -> Result<Option<Inspected>, Failure> {
    inspect(&vault_dir(journal)).map_err(|why| Failure::new(vault::exit_of(&why), why))
}

/// What the vault holds, if it is whole and what the journal says of it.
fn fits(
    journal: &Path,
    before: Inspected,
    reader: &dyn JournalReader,
) -> Result<VaultView, Failure> {
    let dir = vault_dir(journal);
    if let Some(first) = before.damaged.first() {
        let why = anyhow!(
            "the journal is whole, and the vault {} is not: key {first} and {} others are damaged; \
             restore the vault from its backup",
            dir.display(),
            before.damaged.len() - 1,
        );
        return Err(Failure::new(Exit::Damage, why));
    }
    let named = NamedSlots::of(reader).map_err(Failure::failed)?;
    let mut faults = named.against(&before, &inspected(journal)?.unwrap_or_default());
    if faults.iter().any(|fault| matches!(fault, SlotFault::Live { .. })) {
        // A running bus destroys a key a moment after the record that says so.
        faults = named.against(&before, &inspected(journal)?.unwrap_or_default());
    }
    if !faults.is_empty() {
        let shown: Vec<_> =
            faults.iter().take(MAX_FAULTS).map(|fault| format!("  {fault}")).collect();
        let why = anyhow!(
            "the journal is whole, and the vault {} does not fit it, in {} keys:\n{}",
            dir.display(),
            faults.len(),
            shown.join("\n")
        );
        return Err(Failure::new(Exit::Damage, why));
    }
    let Inspected { live, erased, masters, .. } = before;
    Ok(VaultView { keys: live, erased, master_keys: masters })
}

fn vault_dir(journal: &Path) -> PathBuf {
    // The empty path stands above a relative one, and is the working directory.
    journal.parent().unwrap_or(Path::new("")).join("vault")
}

/// Over how many records the bus has signed its last checkpoint, where it lies beside the journal.
fn signed_beside(journal: &Path) -> Result<u64, Failure> {
    let dir = journal.parent().unwrap_or(Path::new(""));
    let signed = signed_records(dir).map_err(|why| Failure::new(Exit::Damage, why))?;
    Ok(signed.unwrap_or_default())
}

/// Records are missing that the bus has signed.
fn shorter(dir: &Path, report: &VerifyReport, signed: u64, json: bool) -> Result<Failure, Failure> {
    let VerifyReport { records, torn_bytes, .. } = *report;
    let seq = records + 1;
    let what = format!(
        "the bus has signed {signed} records and {records} of them are whole; {torn_bytes} bytes of \
         something else follow"
    );
    if json {
        let file = dir.display().to_string();
        let what = what.clone();
        print_json(&DamageView { status: "damaged", file, offset: None, seq, what })?;
    }
    Ok(Failure::new(
        Exit::Damage,
        anyhow!(
            "{}: damaged at record {seq}: {what}; restore the journal from its backup",
            dir.display()
        ),
    ))
}

/// Shows damage as data too, then tells it.
fn refused(why: JournalError, json: bool) -> Result<Failure, Failure> {
    if let JournalError::Damaged { path, offset, seq, what } = &why {
        let view = DamageView {
            status: "damaged",
            file: path.display().to_string(),
            offset: Some(*offset),
            seq: seq.0,
            what: what.to_string(),
        };
        if json {
            print_json(&view)?;
        } else {
            print(format_args!("damaged: {} byte {offset} record {seq}\n", view.file))?;
        }
    }
    Ok(failure(why))
}

fn absent(dir: &Path) -> Failure {
    Failure::usage(anyhow!(
        "{} holds no journal; name the journal's directory, or the data directory that has it",
        dir.display()
    ))
}

/// What a refusal of the journal means for the command that met it.
pub(super) fn failure(why: JournalError) -> Failure {
    let exit = match &why {
        JournalError::Damaged { .. }
        | JournalError::Shorter { .. }
        | JournalError::Diverged { .. } => Exit::Damage,
        JournalError::NotADirectory { .. } => Exit::Usage,
        JournalError::TimeBackwards { .. }
        | JournalError::RecordTooLarge { .. }
        | JournalError::GroupTooLarge { .. }
        | JournalError::DiskFull { .. }
        | JournalError::Failed { .. }
        | JournalError::Locked { .. }
        | JournalError::Unwritable { .. }
        | JournalError::Io { .. }
        | JournalError::SegmentSize { .. }
        | JournalError::StrangeFile { .. }
        | JournalError::UnknownVersion { .. } => Exit::Failed,
    };
    Failure::new(exit, why)
}
