//! `kopir witness`: watches a bus from outside, and cosigns what it sees continue.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use tokio::runtime::Runtime;

use super::bus::BusArgs;
use super::evidence::read_key;
use super::output::{Exit, Failure, note, print};
use crate::engine::Clock;
use crate::evidence::key;
use crate::evidence::note::KeyKind;
use crate::evidence::tree::Hash;
use crate::evidence::witness::{Seen, Witness, WitnessError};
use crate::rpc::client::{BusChannel, CallError};
use crate::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use crate::rpc::proto::evidence::v1::{
    AddCosignatureRequest, GetCheckpointRequest, GetConsistencyProofRequest,
};

/// Watch a bus, and cosign its checkpoints
///
/// Run by the authorised body on a machine that the operator of the bus does not control. Whoever
/// rewrites the journal, or shows two histories, would need its key as well.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum WitnessCommand {
    /// Make the key of a witness, and print its public half
    ///
    /// The operator puts what is printed into evidence.witnesses of the bus's configuration; whoever
    /// checks evidence names it with --witness. With a key that is there, it is printed again.
    ///
    /// Example:
    ///
    ///   kopir witness key --key witness.key --witness-name witness.example.kz
    #[command(verbatim_doc_comment)]
    Key(KeyArgs),
    /// Poll a bus, and cosign each checkpoint that continues the one before
    ///
    /// The state file holds the last checkpoint and never goes back. On a history that was forked or
    /// rewritten nothing is cosigned, both checkpoints are kept beside the state as proof, and the
    /// command ends with 3.
    ///
    /// Example:
    ///
    ///   kopir witness run --key witness.key --witness-name witness.example.kz --state witness.state \
    ///     --log bus.key.txt --as migration-committee
    #[command(verbatim_doc_comment)]
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// File of the key, of mode 600
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name that it signs under
    #[arg(long, value_name = "NAME")]
    witness_name: String,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// File of the key, as `kopir witness key` made it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name that it signs under
    #[arg(long, value_name = "NAME")]
    witness_name: String,
    /// File with the last checkpoint that was cosigned; made at the first one
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// Public key of the bus, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    log: String,
    /// How often to look
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval_seconds: u64,
    /// Look once and end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    bus: BusArgs,
}

pub(super) fn run(command: &WitnessCommand) -> Result<(), Failure> {
    match command {
        WitnessCommand::Key(args) => make_key(args),
        WitnessCommand::Run(args) => watch(args),
    }
}

fn make_key(args: &KeyArgs) -> Result<(), Failure> {
    let signer = key::open_or_make(&args.key, &args.witness_name, KeyKind::Witness);
    let signer = signer.map_err(Failure::failed)?;
    print(format_args!("{}\n", signer.verifier()))
}

fn watch(args: &RunArgs) -> Result<(), Failure> {
    let log = read_key("--log", &args.log, KeyKind::Log)?;
    let signer =
        key::open(&args.key, &args.witness_name, KeyKind::Witness).map_err(Failure::failed)?;
    let mut witness = Witness::open(log, signer, &args.state).map_err(failed)?;
    let runtime = Runtime::new().map_err(Failure::failed)?;
    loop {
        match args.bus.call(async |channel| look(channel, &mut witness).await) {
            Ok(looked) => looked.map_err(failed)?,
            Err(unreached) if args.once => return Err(unreached),
            Err(unreached) => {
                unreached.tell();
            }
        }
        if args.once {
            return Ok(());
        }
        runtime.block_on(tokio::time::sleep(Duration::from_secs(args.interval_seconds)));
    }
}

/// Looks at the newest checkpoint once. The outer error is the bus's, the inner the witness's.
async fn look(
    channel: BusChannel,
    witness: &mut Witness,
) -> Result<Result<(), WitnessError>, CallError> {
    let mut client = EvidenceServiceClient::new(channel);
    let shown = client.get_checkpoint(GetCheckpointRequest {}).await?.into_inner().checkpoint;
    let (seen, published) = match witness.look(shown.as_bytes()) {
        Ok(seen) => seen,
        Err(refused) => return Ok(Err(refused)),
    };
    let size = published.checkpoint.size;
    let proof = match seen {
        Seen::First => {
            note(format_args!("the first checkpoint, of {size} records, is believed as it is"));
            Vec::new()
        }
        // It was cosigned, unless the answer was lost; a repeat does no harm.
        Seen::Same if witness.verifier().verify(&published.note).is_ok() => return Ok(Ok(())),
        Seen::Same => Vec::new(),
        Seen::Larger { from } => {
            let asked = GetConsistencyProofRequest { old_tree_size: from, new_tree_size: size };
            let hashes = client.get_consistency_proof(asked).await?.into_inner().hashes;
            // What is no hash makes a proof that does not hold.
            hashes.iter().map(|bytes| Hash(bytes[..].try_into().unwrap_or([0; 32]))).collect()
        }
    };
    let now = u64::try_from(Clock::System.now().as_second()).unwrap_or_default();
    let signature = match witness.cosign(published, &proof, now) {
        Ok(signature) => signature,
        Err(refused) => return Ok(Err(refused)),
    };
    let asked = AddCosignatureRequest { tree_size: size, cosignature: signature.to_string() };
    client.add_cosignature(asked).await?;
    note(format_args!("cosigned: {size} records"));
    Ok(Ok(()))
}

fn failed(error: WitnessError) -> Failure {
    let exit = match error {
        WitnessError::Checkpoint(_) | WitnessError::Conflict { .. } => Exit::Damage,
        WitnessError::State { .. } | WitnessError::Damaged { .. } => Exit::Failed,
    };
    Failure::new(exit, anyhow!(error))
}
