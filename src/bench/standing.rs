//! What stands still: memory without work, and starting with much of it open.

use std::time::Duration;

use super::bus::Bus;
use super::load::Applications;
use super::site::{MIGRATION_BODY, Site};
use super::work;
use super::{BenchError, Options, Progress};

/// How long a bus is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);

/// Resident memory.
#[derive(Debug, Clone, Copy)]
pub struct MemoryRun {
    /// Of a new bus, five seconds after its start, in bytes.
    pub idle_bytes: u64,
    /// Deliveries then queued for one party.
    pub deliveries: u64,
    /// Of the same process five seconds after, with what the queueing itself left behind.
    pub filled_bytes: u64,
    /// Of a bus started on these files, after five seconds.
    pub restarted_bytes: u64,
}

impl MemoryRun {
    /// What a queued delivery adds to a bus that was started with it, in bytes.
    #[must_use]
    pub fn bytes_per_delivery(&self) -> f64 {
        self.restarted_bytes.saturating_sub(self.idle_bytes) as f64 / self.deliveries.max(1) as f64
    }

    /// What a queued delivery adds to the bus that took it, in bytes.
    #[must_use]
    pub fn bytes_per_delivery_taken(&self) -> f64 {
        self.filled_bytes.saturating_sub(self.idle_bytes) as f64 / self.deliveries.max(1) as f64
    }
}

/// One start of the bus.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// From the start of the process to its first answer.
    pub took: Duration,
    /// Resident memory at that moment, in bytes.
    pub resident_bytes: u64,
}

/// Starting with open hops. The files are those the bus has just written, so the system still
/// has most of them in memory; a start after the machine's own adds the reading.
#[derive(Debug, Clone, Copy)]
pub struct RestartRun {
    /// Open hops of one party, as the bus counts them after its start.
    pub open_hops: u64,
    /// With its index as it left it.
    pub with_index: Start,
    /// With the index removed, so that it is rebuilt from the journal.
    pub rebuilt: Start,
}

pub(super) async fn memory(
    options: &Options,
    progress: Progress<'_>,
) -> Result<MemoryRun, BenchError> {
    progress("memory, idle");
    let site = Site::make(options)?;
    let (bus, _) = Bus::start(&site).await?;
    let idle_bytes = settled(&bus).await?;
    progress(&format!("memory, {} queued", options.hops));
    work::fill(&bus, &Applications::new(options.now, 0), options.hops).await?;
    bus.catch_up().await?;
    let filled_bytes = settled(&bus).await?;
    bus.stop().await?;
    let (bus, _) = Bus::start(&site).await?;
    let restarted_bytes = settled(&bus).await?;
    bus.stop().await?;
    Ok(MemoryRun { idle_bytes, deliveries: options.hops, filled_bytes, restarted_bytes })
}

pub(super) async fn restart(
    options: &Options,
    progress: Progress<'_>,
) -> Result<RestartRun, BenchError> {
    let site = Site::make(options)?;
    let (bus, _) = Bus::start(&site).await?;
    progress(&format!("restart, {} hops to be opened", options.hops));
    work::fill(&bus, &Applications::new(options.now, 0), options.hops).await?;
    // Acknowledging opens the hop that the receiver then owes.
    work::drain(bus.connect(MIGRATION_BODY).await?, options.hops, |_| {}).await?;
    bus.catch_up().await?;
    bus.stop().await?;
    progress("restart, with the index");
    let (bus, with_index) = start(&site).await?;
    let open_hops = bus.open_hops().await?;
    bus.stop().await?;
    site.remove_index()?;
    progress("restart, without the index");
    let (bus, rebuilt) = start(&site).await?;
    bus.stop().await?;
    Ok(RestartRun { open_hops, with_index, rebuilt })
}

async fn start(site: &Site) -> Result<(Bus<'_>, Start), BenchError> {
    let (bus, took) = Bus::start(site).await?;
    let resident_bytes = bus.usage()?.resident_bytes;
    Ok((bus, Start { took, resident_bytes }))
}

async fn settled(bus: &Bus<'_>) -> Result<u64, BenchError> {
    tokio::time::sleep(SETTLE).await;
    Ok(bus.usage()?.resident_bytes)
}
