//! The bench: what the bus does on this machine, measured from outside as a party would see it.
//!
//! The bus runs as a process of its own, the very binary that is being run, with real storage,
//! real certificates and its real limits, except that no party is held to a rate. So what the
//! server uses is told apart from what its clients use on the same cores. A figure is only printed
//! for work that was answered: one refusal ends the bench.

mod acts;
mod bus;
mod delivery;
mod error;
mod evidence;
mod ladder;
mod latency;
mod law;
mod load;
mod outage;
mod process;
mod sealing;
mod site;
mod standing;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

pub use acts::{ActsRun, Form};
pub use delivery::{DeliveryRun, PacedRun};
pub use error::BenchError;
pub use evidence::{EvidenceFault, EvidenceRun};
pub use ladder::LadderRun;
pub use latency::Latency;
pub use law::LawRun;
pub use outage::{Drain, OutageRun};
pub use process::Usage;
pub use sealing::SealingRun;
pub use standing::{MemoryRun, RestartRun, Start};

/// Acts in flight at which acts are measured: a clerk, an office, a national backlog.
pub const LOADS: [usize; 3] = [1, 64, 512];

/// One part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Acts, a call each.
    Unary,
    /// Acts on a bulk stream.
    Bulk,
    /// A backlog delivered and acknowledged, and the way of an act at half load.
    Delivery,
    /// Starting with many open hops.
    Restart,
    /// Resident memory, idle and for each queued delivery.
    Memory,
    /// Loading the procedures and counting due instants, without a bus.
    Law,
    /// Ticks over many running terms, and what has fallen due said at once, without a bus.
    Ladder,
    /// Everything waits and nobody takes it, then all parties are back at once.
    Outage,
    /// The tree over a journal, receipts proven and verified, without a bus.
    Evidence,
    /// What encryption, hashing and signing take of an act.
    Sealing,
}

impl Part {
    /// Every part, in the order in which they run.
    pub const ALL: [Self; 10] = [
        Self::Law,
        Self::Evidence,
        Self::Sealing,
        Self::Memory,
        Self::Unary,
        Self::Bulk,
        Self::Delivery,
        Self::Restart,
        Self::Ladder,
        Self::Outage,
    ];
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bus's binary, started as `BINARY serve --config FILE`.
    pub binary: PathBuf,
    /// Where the bus keeps its files while it is measured: a directory on the disk in question.
    pub dir: PathBuf,
    /// The parts, each run once.
    pub parts: Vec<Part>,
    /// The most acts of one measurement.
    pub acts: u64,
    /// The longest that acts are sent in one measurement.
    pub longest: Duration,
    /// Deliveries queued, hops open or terms running, for the parts in which much waits.
    pub hops: u64,
    /// Connections over which one party's acts are spread; for the bulk form, streams.
    pub connections: usize,
    /// The present time: certificates hold from then on, applications were filed before.
    pub now: Timestamp,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// Acts, a run for each form and load.
    pub acts: Vec<ActsRun>,
    /// Delivery, if asked for.
    pub delivery: Option<DeliveryRun>,
    /// Restart, if asked for.
    pub restart: Option<RestartRun>,
    /// Memory, if asked for.
    pub memory: Option<MemoryRun>,
    /// The law, if asked for.
    pub law: Option<LawRun>,
    /// The ladder, if asked for.
    pub ladder: Option<LadderRun>,
    /// The outage, if asked for.
    pub outage: Option<OutageRun>,
    /// Evidence, if asked for.
    pub evidence: Option<EvidenceRun>,
    /// Sealing, if asked for.
    pub sealing: Option<SealingRun>,
}

/// Told before each step, in words for the person who waits.
pub type Progress<'p> = &'p dyn Fn(&str);

/// Runs the parts one after the other. Every bus is ended and its files are removed, also when
/// this fails or is dropped.
///
/// # Errors
/// [`BenchError`], with the first thing that went wrong.
pub async fn run(options: &Options, progress: Progress<'_>) -> Result<Report, BenchError> {
    let mut report = Report::default();
    for part in Part::ALL.into_iter().filter(|part| options.parts.contains(part)) {
        match part {
            Part::Unary => report.acts.extend(acts::run(options, Form::Unary, progress).await?),
            Part::Bulk => report.acts.extend(acts::run(options, Form::Bulk, progress).await?),
            Part::Delivery => report.delivery = Some(delivery::run(options, progress).await?),
            Part::Restart => report.restart = Some(standing::restart(options, progress).await?),
            Part::Memory => report.memory = Some(standing::memory(options, progress).await?),
            Part::Law => report.law = Some(law::run(progress)?),
            Part::Evidence => report.evidence = Some(evidence::run(options, progress)?),
            Part::Sealing => report.sealing = Some(sealing::run(options, progress).await?),
            Part::Outage => report.outage = Some(outage::run(options, progress).await?),
            Part::Ladder => report.ladder = Some(ladder::run(options, progress).await?),
        }
    }
    Ok(report)
}
