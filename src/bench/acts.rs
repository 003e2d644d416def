//! Durable acts a second, and how long each waits for its receipt.

use std::time::{Duration, Instant};

use super::bus::Bus;
use super::latency::Latency;
use super::load::Applications;
use super::process::{Usage, own_usage};
use super::site::{MISSION, Site};
use super::work::{self, Supply};
use super::{BenchError, LOADS, Options, Progress};

/// Acts sent before the clock starts: connections open their windows, both sides their memory.
const WARM_UP_ACTS: u64 = 500;
const WARM_UP_LONGEST: Duration = Duration::from_secs(2);

/// How acts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A call each (`SubmitApplication`).
    Unary,
    /// On a stream (`SubmitApplications`).
    Bulk,
}

impl Form {
    /// Its name in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::Bulk => "bulk",
        }
    }
}

/// Acts of one form at one load.
#[derive(Debug, Clone)]
pub struct ActsRun {
    /// How they were sent.
    pub form: Form,
    /// How many waited for their receipt at any time.
    pub in_flight: usize,
    /// Over how many connections.
    pub connections: usize,
    /// How many were receipted.
    pub acts: u64,
    /// From the first request to the last receipt.
    pub elapsed: Duration,
    /// From each request to its receipt, as the client sees it.
    pub latency: Latency,
    /// Processor time of the bus. What its index had still to do is not in it; see `lag_records`.
    pub server_cpu: Duration,
    /// Processor time of the client.
    pub client_cpu: Duration,
    /// Resident memory of the bus after the last receipt, in bytes.
    pub resident_bytes: u64,
    /// Records that the index was behind after the last receipt.
    pub lag_records: u64,
    /// How long after that the index had everything.
    pub catch_up: Duration,
}

impl ActsRun {
    /// Receipts a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        rate(self.acts, self.elapsed)
    }

    /// Processor time of the bus for each act.
    #[must_use]
    pub fn server_cpu_per_act(&self) -> Duration {
        share(self.server_cpu, self.acts)
    }

    /// Processor time of the client for each act.
    #[must_use]
    pub fn client_cpu_per_act(&self) -> Duration {
        share(self.client_cpu, self.acts)
    }
}

/// How many a second.
pub(super) fn rate(count: u64, elapsed: Duration) -> f64 {
    // Counts of a bench are far below what a float holds exactly.
    count as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// What one of `count` took of a whole.
pub(super) fn share(whole: Duration, count: u64) -> Duration {
    whole.div_f64(count.max(1) as f64)
}

/// Measures a form at every load, each on a bus of its own.
pub(super) async fn run(
    options: &Options,
    form: Form,
    progress: Progress<'_>,
) -> Result<Vec<ActsRun>, BenchError> {
    let mut runs = Vec::with_capacity(LOADS.len());
    for in_flight in LOADS {
        progress(&format!("{}, {in_flight} in flight", form.as_str()));
        runs.push(load(options, form, in_flight).await?);
    }
    Ok(runs)
}

/// Measures a form at one load.
pub(super) async fn load(
    options: &Options,
    form: Form,
    in_flight: usize,
) -> Result<ActsRun, BenchError> {
    let site = Site::make(options)?;
    let (bus, _) = Bus::start(&site).await?;
    let all = Applications::new(options.now, 0);
    let connections = options.connections.clamp(1, in_flight);
    let channels = bus.connections(MISSION, connections).await?;
    let send = async |from, count, longest| {
        let supply = Supply::new(from, count, longest);
        match form {
            Form::Unary => work::unary(&channels, in_flight, &all, &supply).await,
            Form::Bulk => work::bulk(&channels, in_flight, &all, &supply).await,
        }
    };
    send(0, WARM_UP_ACTS, WARM_UP_LONGEST).await?;
    bus.catch_up().await?;

    let (server, client) = (bus.usage()?, own_usage()?);
    let begun = Instant::now();
    let times = send(WARM_UP_ACTS, options.acts, options.longest).await?;
    let elapsed = begun.elapsed();
    let client_cpu = own_usage()?.cpu.saturating_sub(client.cpu);
    // Before the bus is asked how far it is, which costs it a count of its queues.
    let Usage { cpu, resident_bytes, peak_bytes: _ } = bus.usage()?;
    let server_cpu = cpu.saturating_sub(server.cpu);
    let lag_records = bus.lag_records().await?;
    let catch_up = bus.catch_up().await?;
    bus.stop().await?;
    Ok(ActsRun {
        form,
        in_flight,
        connections,
        acts: times.count(),
        elapsed,
        latency: times.latency(),
        server_cpu,
        client_cpu,
        resident_bytes,
        lag_records,
        catch_up,
    })
}
