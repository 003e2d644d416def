//! `kopir evidence`: what can be proven of the journal, and whether it is.

mod bundle;
mod compare;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::bus::BusArgs;
use super::output::{Exit, Failure, note, print};
use super::words;
use crate::config::Config;
use crate::evidence::key;
use crate::evidence::note::{KeyKind, VerifierKey};
use crate::evidence::proof::{MAX_PROOF_BYTES, Proven, RecordProof};
use crate::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use crate::rpc::proto::evidence::v1::{GetCheckpointRequest, GetReceiptProofRequest};

/// Prove what stands in the journal, and check it without trusting the bus
///
/// Every record of the journal is a leaf of a Merkle tree that the bus signs every few seconds and
/// that witnesses watch. A receipt is proven by a small file, a case by a bundle; both are checked
/// offline with the public key of the bus alone.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum EvidenceCommand {
    /// Print the public key by which the bus's checkpoints are verified
    ///
    /// To be published by another way than the bus: whoever checks evidence needs it.
    ///
    /// Example:
    ///
    ///   kopir evidence key --config deploy/kopir.toml
    #[command(verbatim_doc_comment)]
    Key(KeyArgs),
    /// Print the newest checkpoint of a running bus
    ///
    /// With --stamped the newest that a time-stamp authority has stamped, and its token, which
    /// openssl ts -verify -token_in takes.
    ///
    /// Examples:
    ///
    ///   kopir evidence checkpoint --as akimat-kz-55 > checkpoint-today
    ///   kopir evidence checkpoint --stamped --token today.tst > checkpoint-today
    #[command(verbatim_doc_comment)]
    Checkpoint(CheckpointArgs),
    /// Fetch the proof that the record of a receipt stands in the journal
    ///
    /// SEQUENCE is the receipt's. Keep the file beside the receipt.
    ///
    /// Example:
    ///
    ///   kopir evidence receipt 1204 --as mission-uz --out 1204.tlog-proof
    #[command(verbatim_doc_comment)]
    Receipt(ReceiptArgs),
    /// Check such a proof, offline, against the receipt
    ///
    /// Exits with 3 if it does not hold.
    ///
    /// Example:
    ///
    ///   kopir evidence verify-receipt 1204.tlog-proof --key bus.key.txt \
    ///     --sequence 1204 --hash 8a0f…
    #[command(verbatim_doc_comment)]
    VerifyReceipt(VerifyReceiptArgs),
    /// Export everything that the journal has of a case, as one file
    ///
    /// The records are as they were journaled, so that papers that are personal are sealed in them.
    /// For the operator and the migration body. With --with-papers, for the migration body and the
    /// akimat that take part in the case, those papers are opened that the party has sent or
    /// received, with what proves that they are the ones which were accepted, and their signatures.
    ///
    /// Examples:
    ///
    ///   kopir evidence export 4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1 --out case.zip
    ///   kopir evidence export 4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1 --with-papers \
    ///     --as akimat-kz-55 --out case-with-papers.zip
    #[command(verbatim_doc_comment)]
    Export(bundle::ExportArgs),
    /// Check such a file, offline, and say what is proven and what is not
    ///
    /// Exits with 3 if anything in it is not as it must be, and names the file, the record and the
    /// bytes.
    ///
    /// Example:
    ///
    ///   kopir evidence verify case.zip --key bus.key.txt --witness witness.key.txt
    #[command(verbatim_doc_comment)]
    Verify(bundle::VerifyArgs),
    /// Compare two checkpoints that were shown to two parties
    ///
    /// Two of the same size must be the same. For two sizes the bus is asked, with --ask, to prove
    /// that one history continues the other. Exits with 3 if the history was forked.
    ///
    /// Example:
    ///
    ///   kopir evidence compare ours theirs --key bus.key.txt --ask --as akimat-kz-55
    #[command(verbatim_doc_comment)]
    Compare(compare::CompareArgs),
}

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The configuration of the bus
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CheckpointArgs {
    /// The largest one that a witness has cosigned, instead of the newest
    #[arg(long, conflicts_with = "stamped")]
    cosigned: bool,
    /// The newest one that a time-stamp authority has stamped
    #[arg(long)]
    stamped: bool,
    /// Where to write the time-stamp token (RFC 3161) in DER; a file that is there is never written
    /// over
    #[arg(long, value_name = "FILE", requires = "stamped")]
    token: Option<PathBuf>,
    #[command(flatten)]
    bus: BusArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    /// Place of the record in the journal, as the receipt tells it
    #[arg(value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    sequence: u64,
    /// Where to write the proof; left out, it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    bus: BusArgs,
}

/// The keys by which evidence is checked.
#[derive(Debug, Args)]
struct KeyringArgs {
    /// Public key of the bus, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    key: String,
    /// Public key of a witness that must have cosigned, or a file that holds it; may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    witness: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyReceiptArgs {
    /// The proof
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    #[command(flatten)]
    keys: KeyringArgs,
    /// The receipt's sequence, which the proof must be about
    #[arg(long, value_name = "N")]
    sequence: Option<u64>,
    /// The receipt's record hash in hexadecimal digits, which the proof must be about
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    hash: Option<String>,
}

pub(super) fn run(command: &EvidenceCommand) -> Result<(), Failure> {
    match command {
        EvidenceCommand::Key(args) => print_key(args),
        EvidenceCommand::Checkpoint(args) => checkpoint(args),
        EvidenceCommand::Receipt(args) => receipt(args),
        EvidenceCommand::VerifyReceipt(args) => verify_receipt(args),
        EvidenceCommand::Export(args) => bundle::export(args),
        EvidenceCommand::Verify(args) => bundle::verify(args),
        EvidenceCommand::Compare(args) => compare::run(args),
    }
}

fn print_key(args: &KeyArgs) -> Result<(), Failure> {
    let config = Config::read(&args.config).map_err(Failure::usage)?;
    let signer = key::open(&config.log_key(), &config.evidence.origin, KeyKind::Log)
        .context("the key of the log; the bus makes it at its first start")
        .map_err(|why| Failure::failed(anyhow!("{why:#}")))?;
    print(format_args!("{}\n", signer.verifier()))
}

fn checkpoint(args: &CheckpointArgs) -> Result<(), Failure> {
    let answer = args.bus.call(async |channel| {
        let asked = GetCheckpointRequest {};
        Ok(EvidenceServiceClient::new(channel).get_checkpoint(asked).await?.into_inner())
    })?;
    if answer.time_stamp_time.is_some() {
        note(format_args!("last time-stamp: {}", words::time(answer.time_stamp_time)));
    }
    let none = |why: &'static str| Err(Failure::new(Exit::Refused, anyhow!(why)));
    if args.stamped {
        if answer.stamped_checkpoint.is_empty() {
            return none("no time-stamp authority has stamped a checkpoint yet");
        }
        if let Some(path) = &args.token {
            write_new(path, &answer.time_stamp_token)?;
        }
        return print(answer.stamped_checkpoint);
    }
    match (args.cosigned, answer.cosigned_checkpoint.is_empty()) {
        (false, _) => print(answer.checkpoint),
        (true, false) => print(answer.cosigned_checkpoint),
        (true, true) => none("no witness has cosigned a checkpoint yet"),
    }
}

fn receipt(args: &ReceiptArgs) -> Result<(), Failure> {
    let ReceiptArgs { sequence, out, bus } = args;
    let answer = bus.call(async |channel| {
        let asked = GetReceiptProofRequest { sequence: *sequence };
        Ok(EvidenceServiceClient::new(channel).get_receipt_proof(asked).await?.into_inner())
    })?;
    match out {
        None => print(answer.proof),
        Some(path) => write_new(path, answer.proof.as_bytes()),
    }
}

fn verify_receipt(args: &VerifyReceiptArgs) -> Result<(), Failure> {
    let (log, witnesses) = args.keys.read()?;
    let bytes = read_up_to(&args.proof, MAX_PROOF_BYTES)?;
    let told =
        |why: anyhow::Error| Failure::new(Exit::Damage, anyhow!("{}: {why}", args.proof.display()));
    let proof = RecordProof::parse(&bytes).map_err(|why| told(why.into()))?;
    let proven = proof.verify(&log, &witnesses).map_err(|why| told(why.into()))?;
    let (record, sequence) = (proof.record.to_string(), proof.sequence.0);
    if args.sequence.is_some_and(|asked| asked != sequence) {
        return Err(told(anyhow!("it is about record {sequence}, not about that of the receipt")));
    }
    if args.hash.as_ref().is_some_and(|asked| *asked != record) {
        return Err(told(anyhow!(
            "it is about a record with the hash {record}, not the receipt's"
        )));
    }
    let Proven { checkpoint, witnesses } = proven;
    print(format_args!(
        "proven: the record with the hash {record} stands at place {sequence} of the journal of {}, \
         as signed when it had {} records\n",
        checkpoint.origin, checkpoint.size
    ))?;
    for (name, seconds) in &witnesses {
        print(format_args!("proven: the witness {name} saw that journal at {}\n", at(*seconds)))?;
    }
    let others = proof.checkpoint.signatures().len().saturating_sub(1 + witnesses.len());
    if others > 0 {
        note(format_args!(
            "not checked: {others} more signatures on the checkpoint; name their keys with --witness"
        ));
    }
    if args.hash.is_none() {
        note("not proven: that this is the record of your receipt; name its hash with --hash");
    }
    if witnesses.is_empty() {
        note(
            "not proven: that everybody was shown the same journal; name a witness with --witness",
        );
    }
    Ok(())
}

/// A SHA-256 as receipts are shown with it.
fn sha256(text: &str) -> Result<String, &'static str> {
    let is_one = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_lowercase()).ok_or("is no SHA-256 of 64 hexadecimal digits")
}

impl KeyringArgs {
    fn read(&self) -> Result<(VerifierKey, Vec<VerifierKey>), Failure> {
        let log = read_key("--key", &self.key, KeyKind::Log)?;
        let witnesses =
            self.witness.iter().map(|text| read_key("--witness", text, KeyKind::Witness));
        Ok((log, witnesses.collect::<Result<_, _>>()?))
    }
}

/// A public key, as it is written or from the file of that name.
pub(super) fn read_key(option: &str, text: &str, kind: KeyKind) -> Result<VerifierKey, Failure> {
    let content = match fs::metadata(text) {
        Ok(found) if found.is_file() => {
            let bytes = read_up_to(Path::new(text), 4096)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Ok(_) | Err(_) => text.to_owned(),
    };
    let key: Result<VerifierKey, _> = content.parse();
    let key = key.map_err(|why| Failure::usage(anyhow!("{option} {text}: {why}")))?;
    if key.kind() != kind {
        let what = match kind {
            KeyKind::Log => "a witness's, where the bus's is wanted",
            KeyKind::Witness => "the bus's, where a witness's is wanted",
        };
        return Err(Failure::usage(anyhow!("{option} {text}: is {what}")));
    }
    Ok(key)
}

/// A file, at most so many bytes of it and one more, by which it is known to be too large.
fn read_up_to(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|why| Failure::failed(anyhow!("{}: {why}", path.display())))?;
    Ok(bytes)
}

/// Writes a file that is not there: evidence is never written over.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|why: io::Error| Failure::failed(anyhow!("{}: {why}", path.display())))
}

fn at(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}
