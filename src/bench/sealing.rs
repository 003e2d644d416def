//! What encryption, hashing and signing take of an act: the parts in this process and on one core,
//! by the code that the bus runs, beside what the bus takes of the processor for the whole of an act.
//!
//! Every act opens a case, which is the dearest: its key is made and wrapped for it. Processor time
//! is compared with processor time, so what waits for the disk counts on neither side. The time of
//! TLS is in the whole and not in the parts.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use jiff::Timestamp;

use super::acts::{self, Form, share};
use super::evidence;
use super::ladder::EngineFault;
use super::process::thread_cpu;
use super::site::Site;
use super::{BenchError, Options, Progress};
use crate::config::Config;
use crate::domain::event::ActRecorded;
use crate::domain::party::PartyNumber;
use crate::domain::{Act, Body, BodyKind, CaseId, Event, RequestId};
use crate::evidence::Follower;
use crate::journal::{Entry, FileJournal, Journal as _, RecordHash, Seq, record_hash};
use crate::records::encode_event;
use crate::vault::{FileVault, Vault as _, seal_event};

/// Bytes of a document, as the acts of the whole have.
const DOCUMENT_BYTES: usize = 1_024;
/// Acts in flight while the whole is measured.
const IN_FLIGHT: usize = 64;
/// Records of a group, after each of which the log takes in what is new. A busy bus takes in more
/// at once and signs less often.
const GROUP: usize = 512;

/// What encryption, hashing and signing take.
#[derive(Debug, Clone, Copy)]
pub struct SealingRun {
    /// Acts of which the parts were measured.
    pub acts: u64,
    /// The key of a case made and wrapped, its document sealed and committed to, the fingerprint of
    /// the request made and keyed.
    pub sealed_in: Duration,
    /// The hashes of the chain.
    pub chained_in: Duration,
    /// The records read back, the tree over them, its checkpoints signed.
    pub followed_in: Duration,
    /// Processor time of the bus for one act, all in all.
    pub act: Duration,
}

impl SealingRun {
    /// Processor time of the parts for one act.
    #[must_use]
    pub fn each(&self) -> Duration {
        share(self.sealed_in + self.chained_in + self.followed_in, self.acts)
    }

    /// Which part of an act they are; 1 is all of it.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.each().as_secs_f64() / self.act.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

pub(super) async fn run(
    options: &Options,
    progress: Progress<'_>,
) -> Result<SealingRun, BenchError> {
    progress(&format!("sealing, acts as a whole, bulk, {IN_FLIGHT} in flight"));
    let whole = acts::load(options, Form::Bulk, IN_FLIGHT).await?;
    let site = Site::make(options)?;
    let config = Config::read(&site.configure(([127, 0, 0, 1], 0).into())?);
    let config = config.map_err(BenchError::Config)?;
    let count = options.acts.next_multiple_of(GROUP as u64);
    let vault = FileVault::open(&config.vault, None).map_err(EngineFault::from)?;
    let (mut journal, _) =
        FileJournal::open(&config.journal_dir(), config.journal, None, &mut |_| {})
            .map_err(EngineFault::from)?;
    let log = Arc::new(evidence::log(&config, &journal)?);
    let mut follower = Follower::new(log);
    let (mut sealed_in, mut chained_in, mut followed_in) =
        <(Duration, Duration, Duration)>::default();
    let mut last = RecordHash::GENESIS;
    progress(&format!("sealing, the parts of {count} acts"));
    for from in (0..count).step_by(GROUP) {
        let mut events: Vec<_> = (from..from + GROUP as u64).map(act).collect::<Result<_, _>>()?;
        sealed_in += cpu(|| events.iter_mut().try_for_each(|event| seal(&vault, event)))?;
        let mut payloads = Vec::with_capacity(GROUP);
        for event in &events {
            let mut payload = Vec::new();
            encode_event(event, &mut payload).map_err(EngineFault::from)?;
            payloads.push(payload);
        }
        chained_in += cpu(|| {
            for (seq, payload) in (from..).zip(&payloads) {
                last = record_hash(last, Seq(seq), 0, payload);
            }
            black_box(last);
            Ok(())
        })?;
        let entries: Vec<_> =
            payloads.iter().map(|payload| Entry { time_ms: 0, payload }).collect();
        journal.append(&entries).map_err(EngineFault::from)?;
        followed_in += cpu(|| evidence::turn(&mut follower))?;
    }
    let act = whole.server_cpu_per_act();
    Ok(SealingRun { acts: count, sealed_in, chained_in, followed_in, act })
}

/// An act as the core decides it, of a case of its own.
fn act(number: u64) -> Result<Event, BenchError> {
    let mut id = [7; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    let hop = "K21B-01".parse().map_err(|_| EngineFault::NoHop)?;
    Ok(Event::Act(Box::new(ActRecorded {
        case: CaseId(id),
        author: PartyNumber(1),
        request: RequestId(id),
        fingerprint: [0; 32],
        hop,
        act: Act::SubmitApplication,
        discharged_at: Timestamp::UNIX_EPOCH,
        decision: None,
        arrived_persons: None,
        hearing_at: None,
        opening: None,
        service: None,
        opened: Vec::new(),
        also: Vec::new(),
        closed: Vec::new(),
        deliveries: Vec::new(),
        holding: None,
        signature: None,
        body: Body::new(BodyKind::Application, [b'S'; DOCUMENT_BYTES]),
    })))
}

/// What is done to an act before it is written: a fingerprint of what was asked, and the seal.
fn seal(vault: &FileVault, event: &mut Event) -> Result<(), BenchError> {
    if let Event::Act(act) = event {
        let asked = digest::digest(&digest::SHA256, act.body.content.bytes().unwrap_or_default());
        act.fingerprint.copy_from_slice(asked.as_ref());
        let slot = vault.assign(act.case).map_err(EngineFault::from)?;
        black_box(seal_event(vault, event, slot).map_err(EngineFault::from)?);
    }
    Ok(())
}

/// Processor time of this thread for some work.
fn cpu(work: impl FnOnce() -> Result<(), BenchError>) -> Result<Duration, BenchError> {
    let before = thread_cpu();
    work()?;
    Ok(thread_cpu().saturating_sub(before))
}
