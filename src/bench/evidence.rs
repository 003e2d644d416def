//! Evidence, in this process and on one core: the tree made over a journal on the disk, a receipt
//! proven, and its proof verified from its text, the signatures of bus and witness among it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ladder::EngineFault;
use super::site::Site;
use super::{BenchError, Options, Progress};
use crate::config::Config;
use crate::domain::Sequence;
use crate::evidence::note::{KeyKind, NoteError, Signer};
use crate::evidence::proof::{RecordProof, RecordProofError};
use crate::evidence::{Follower, Log, LogError, ProofRefused};
use crate::journal::{Entry, FileJournal, Journal as _, Seq};

/// Bytes of a record: an act of the bench.
const RECORD_BYTES: usize = 1_280;
/// Records written by one group.
const GROUP: usize = 512;
/// Proofs made and verified.
const PROOFS: u32 = 1_000;

const BUS: &str = "bench.invalid/bus";
const WITNESS: &str = "bench.invalid/witness";

/// What proving took.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceRun {
    /// Records of the journal.
    pub records: u64,
    /// Reading them back, and the tree over them.
    pub followed_in: Duration,
    /// One proof, from the tiles.
    pub proven_in: Duration,
    /// One proof verified, with its two signatures.
    pub verified_in: Duration,
}

/// Why the evidence of the bench could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFault {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A proof was refused.
    #[error(transparent)]
    Refused(#[from] ProofRefused),
    /// A proof does not hold.
    #[error(transparent)]
    Proof(#[from] RecordProofError),
}

pub(super) fn run(options: &Options, progress: Progress<'_>) -> Result<EvidenceRun, BenchError> {
    let records = options.acts.next_multiple_of(GROUP as u64);
    let site = Site::make(options)?;
    let config = Config::read(&site.configure(([127, 0, 0, 1], 0).into())?);
    let config = config.map_err(BenchError::Config)?;
    progress(&format!("evidence, {records} records"));
    let mut journal = FileJournal::open(&config.journal_dir(), config.journal, None, &mut |_| {})
        .map_err(EngineFault::from)?
        .0;
    let payload = vec![7; RECORD_BYTES];
    let group = [Entry { time_ms: 0, payload: &payload }; GROUP];
    for _ in 0..records / GROUP as u64 {
        journal.append(&group).map_err(EngineFault::from)?;
    }
    let fault = |why: EvidenceFault| BenchError::Evidence(why);
    let (signer, witness) = (bus_key()?, key(WITNESS, KeyKind::Witness, [2; 32])?);
    let (bus, seen) = (signer.verifier().clone(), vec![witness.verifier().clone()]);
    let log = Arc::new(Log::new(&config.data_dir, journal.reader(), signer, seen.clone()));
    progress("evidence, the tree over them");
    let mut follower = Follower::new(Arc::clone(&log));
    let begun = Instant::now();
    turn(&mut follower)?;
    let followed_in = begun.elapsed();
    let newest = log.newest().map_err(|why| fault(why.into()))?;
    let signature = witness.sign(newest.note.text(), 1);
    let by = log.cosign(newest.checkpoint.size, &signature).map_err(|why| fault(why.into()))?;
    progress("evidence, receipts proven and verified");
    let mut proofs = Vec::new();
    let begun = Instant::now();
    for number in 0..u64::from(PROOFS) {
        let seq = 1 + number * (records / u64::from(PROOFS).min(records)) % records;
        let record = journal.reader().read(Seq(seq)).map_err(EngineFault::from)?;
        let hash = record.map_or([0; 32], |record| record.hash.0);
        let proof = log.prove(Sequence(seq), hash, &by).map_err(|why| fault(why.into()))?;
        proofs.push(proof.text());
    }
    let proven_in = begun.elapsed() / PROOFS;
    let begun = Instant::now();
    for text in &proofs {
        let proof = RecordProof::parse(text.as_bytes());
        let proven = proof.and_then(|proof| proof.verify(&bus, &seen));
        black_box(proven.map_err(|why| fault(why.into()))?);
    }
    Ok(EvidenceRun { records, followed_in, proven_in, verified_in: begun.elapsed() / PROOFS })
}

/// The log of a journal, signed by a key of the bench's own.
pub(super) fn log(config: &Config, journal: &FileJournal) -> Result<Log, BenchError> {
    Ok(Log::new(&config.data_dir, journal.reader(), bus_key()?, Vec::new()))
}

/// Lets a log take in what is new in its journal.
pub(super) fn turn(follower: &mut Follower) -> Result<(), BenchError> {
    follower.turn(&|| false).map_err(|why| BenchError::Evidence(why.into()))
}

fn bus_key() -> Result<Signer, BenchError> {
    key(BUS, KeyKind::Log, [1; 32])
}

fn key(name: &str, kind: KeyKind, seed: [u8; 32]) -> Result<Signer, BenchError> {
    Signer::new(name, kind, &seed).map_err(|why| BenchError::Evidence(why.into()))
}
