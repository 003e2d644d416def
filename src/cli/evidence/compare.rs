//! Two checkpoints that were shown to two parties.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::super::bus::BusArgs;
use super::super::output::{Exit, Failure, print};
use super::{read_key, read_up_to};
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::note::{KeyKind, MAX_NOTE_BYTES};
use crate::evidence::tree::{Hash, verify_consistency};
use crate::evidence::witness::{Compared, compare};
use crate::rpc::client::CallError;
use crate::rpc::proto::evidence::v1::GetConsistencyProofRequest;
use crate::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;

#[derive(Debug, Args)]
pub(in crate::cli) struct CompareArgs {
    /// A checkpoint
    #[arg(value_name = "FILE")]
    one: PathBuf,
    /// Another one
    #[arg(value_name = "FILE")]
    other: PathBuf,
    /// Public key of the bus, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    key: String,
    /// Ask the bus for the proof, where the checkpoints are of different sizes
    #[arg(long)]
    ask: bool,
    #[command(flatten)]
    bus: BusArgs,
}

pub(super) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let log = read_key("--key", &args.key, KeyKind::Log)?;
    let one = read_up_to(&args.one, MAX_NOTE_BYTES)?;
    let other = read_up_to(&args.other, MAX_NOTE_BYTES)?;
    let compared = compare(&one, &other, &log).map_err(|(which, why)| {
        let file = if which == 1 { &args.one } else { &args.other };
        Failure::new(Exit::Damage, anyhow!("{}: {why}", file.display()))
    })?;
    match compared {
        Compared::Same => print("one history: both are the same tree\n"),
        Compared::Forked { size } => {
            Err(forked(&format!("the bus signed two different trees of {size} records")))
        }
        Compared::Sizes { old, new } if args.ask => ask(&args.bus, &old, &new),
        Compared::Sizes { old, new } => Err(Failure::usage(anyhow!(
            "one has {} records and the other {}; only a proof of the bus tells whether one \
             history continues the other, so add --ask and say as whom to call",
            old.size,
            new.size
        ))),
    }
}

/// Has the bus prove that the larger tree continues the smaller.
fn ask(bus: &BusArgs, old: &Checkpoint, new: &Checkpoint) -> Result<(), Failure> {
    let asked = GetConsistencyProofRequest { old_tree_size: old.size, new_tree_size: new.size };
    let answer = bus.call(async |channel| {
        let mut client = EvidenceServiceClient::new(channel);
        match client.get_consistency_proof(asked).await.map_err(CallError::from) {
            Ok(answer) => Ok(Some(answer.into_inner())),
            // It denies to have had a tree that it signed.
            Err(error) if error.reason() == "FIELD_INVALID" => Ok(None),
            Err(error) => Err(error),
        }
    })?;
    let Some(answer) = answer else {
        let what = "the bus denies that its journal ever had as many records as it signed";
        return Err(forked(what));
    };
    let hash = |bytes: &[u8]| Some(Hash(bytes.try_into().ok()?));
    let hashes: Option<Vec<Hash>> = answer.hashes.iter().map(|bytes| hash(bytes)).collect();
    let hashes = hashes.ok_or_else(|| forked("what the bus gives is no proof"))?;
    verify_consistency((old.size, old.root), (new.size, new.root), &hashes).map_err(|why| {
        let (old, new) = (old.size, new.size);
        forked(&format!("the tree of {new} records does not continue that of {old}: {why}"))
    })?;
    let (old, new) = (old.size, new.size);
    print(format_args!("one history: the tree of {new} records continues that of {old}\n"))
}

fn forked(what: &str) -> Failure {
    let why = anyhow!("FORKED: {what}. Keep both files: each bears the signature of the bus");
    Failure::new(Exit::Damage, why)
}
