//! Delivery: how fast a backlog leaves, and how long an act is on its way at half load.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;

use super::acts::{rate, share};
use super::bus::Bus;
use super::latency::{Latency, Times};
use super::load::Applications;
use super::site::{MIGRATION_BODY, MISSION, Site};
use super::work::{self, BULK, Supply};
use super::{BenchError, Options, Progress};
use crate::rpc::client::BusChannel;
use crate::rpc::proto::mission::v1::SubmitApplicationsRequest;
use crate::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;

/// In flight while acts flow as fast as they are delivered.
const FLOW_IN_FLIGHT: usize = 512;
/// How finely the paced sender spreads its acts.
const TICK: Duration = Duration::from_millis(1);
/// Room for what is due to be sent while the connection is slow to take it.
const PACED_BACKLOG: usize = 8_192;
/// The least that is sent when time is short.
const LEAST_ACTS: f64 = 1_000.0;

/// What was measured of delivery.
#[derive(Debug, Clone)]
pub struct DeliveryRun {
    /// Deliveries that were waiting.
    pub backlog: u64,
    /// Until the last of them was confirmed as acknowledged.
    pub drained_in: Duration,
    /// Processor time of the bus meanwhile.
    pub server_cpu: Duration,
    /// Acts a second with each delivered and acknowledged at once, as fast as it goes.
    pub flow_per_second: f64,
    /// The same at half of that rate.
    pub paced: PacedRun,
}

/// Acts sent at a fixed rate, delivered and acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct PacedRun {
    /// The rate, in acts a second.
    pub per_second: f64,
    /// How many.
    pub acts: u64,
    /// From when an act was due to be sent, whether or not it could be, to its receipt.
    pub receipt: Latency,
    /// From the same instant to its arrival at the receiver.
    pub delivery: Latency,
}

impl DeliveryRun {
    /// Deliveries a second, acknowledged and confirmed.
    #[must_use]
    pub fn drained_per_second(&self) -> f64 {
        rate(self.backlog, self.drained_in)
    }

    /// Processor time of the bus for each delivery of the backlog.
    #[must_use]
    pub fn server_cpu_per_delivery(&self) -> Duration {
        share(self.server_cpu, self.backlog)
    }
}

pub(super) async fn run(
    options: &Options,
    progress: Progress<'_>,
) -> Result<DeliveryRun, BenchError> {
    let site = Site::make(options)?;
    let (bus, _) = Bus::start(&site).await?;
    let backlog = options.acts;
    progress(&format!("delivery, {backlog} queued"));
    let begun = Instant::now();
    work::fill(&bus, &Applications::new(options.now, 0), backlog).await?;
    let filled_in = begun.elapsed();
    bus.catch_up().await?;

    let before = bus.usage()?.cpu;
    let receiver = bus.connect(MIGRATION_BODY).await?;
    let begun = Instant::now();
    work::drain(receiver, backlog, |_| {}).await?;
    let drained_in = begun.elapsed();
    let server_cpu = bus.usage()?.cpu.saturating_sub(before);
    bus.catch_up().await?;

    progress("delivery, as fast as it flows");
    // Each act is filed and drained once, so both together take the time of both.
    let (one, both) = (backlog.max(1) as f64, (filled_in + drained_in).as_secs_f64());
    let count = bounded(options, one / both);
    let flow_per_second = flow(&bus, &Applications::new(options.now, 1 << 40), count).await?;
    bus.catch_up().await?;

    let half = flow_per_second / 2.0;
    progress(&format!("delivery, {half:.0} a second"));
    let all = Applications::new(options.now, 2 << 40);
    let paced = paced(&bus, all, half, bounded(options, half)).await?;
    bus.stop().await?;
    Ok(DeliveryRun { backlog, drained_in, server_cpu, flow_per_second, paced })
}

/// As many as the time allows at a rate, but not more than asked for.
fn bounded(options: &Options, per_second: f64) -> u64 {
    let in_time = (per_second * options.longest.as_secs_f64()).max(LEAST_ACTS);
    // Rounded down; a float of this size is a whole number of acts.
    (in_time as u64).min(options.acts)
}

async fn flow(bus: &Bus<'_>, all: &Applications, count: u64) -> Result<f64, BenchError> {
    let receiver = bus.connect(MIGRATION_BODY).await?;
    let sender = bus.connections(MISSION, 1).await?;
    let supply = Supply::new(0, count, Duration::from_secs(600));
    let begun = Instant::now();
    let (_, times) = tokio::try_join!(
        work::drain(receiver, count, |_| {}),
        work::bulk(&sender, FLOW_IN_FLIGHT, all, &supply),
    )?;
    Ok(rate(times.count(), begun.elapsed()))
}

/// When each act of a paced run is due to be sent.
#[derive(Debug, Clone, Copy)]
struct Pace {
    begun: Instant,
    per_second: f64,
}

impl Pace {
    fn due(self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.per_second)
    }

    /// How long ago an act was due. The waiting of what should have been sent counts too, so a
    /// bus that stalls does not look better for it.
    fn since(self, number: u64) -> Duration {
        self.begun.elapsed().saturating_sub(self.due(number))
    }
}

async fn paced(
    bus: &Bus<'_>,
    all: Applications,
    per_second: f64,
    acts: u64,
) -> Result<PacedRun, BenchError> {
    let receiver = bus.connect(MIGRATION_BODY).await?;
    let sender = bus.connect(MISSION).await?;
    let pace = Pace { begun: Instant::now(), per_second };
    let (send, requests) = mpsc::channel(PACED_BACKLOG);
    let mut deliveries = Times::new()?;
    let arrivals = work::drain(receiver, acts, |delivery| {
        let number = delivery.application.as_ref().and_then(Applications::number_of);
        if let Some(number) = number {
            deliveries.take(pace.since(number));
        }
    });
    let (_, receipts, ()) = tokio::try_join!(
        arrivals,
        receipts(sender, requests, pace, acts),
        put_in_time(send, &all, pace, acts),
    )?;
    let delivery = deliveries.latency();
    Ok(PacedRun { per_second, acts, receipt: receipts.latency(), delivery })
}

/// Puts each act on the stream when it is due.
async fn put_in_time(
    send: mpsc::Sender<SubmitApplicationsRequest>,
    all: &Applications,
    pace: Pace,
    acts: u64,
) -> Result<(), BenchError> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    while number < acts {
        ticks.tick().await;
        while number < acts && pace.due(number) <= pace.begun.elapsed() {
            let request = work::request(all, number);
            let sent = send.send(request).await;
            sent.map_err(|_| BenchError::Incomplete { what: BULK })?;
            number += 1;
        }
    }
    Ok(())
}

async fn receipts(
    channel: BusChannel,
    requests: mpsc::Receiver<SubmitApplicationsRequest>,
    pace: Pace,
    acts: u64,
) -> Result<Times, BenchError> {
    let mut mission = ForeignMissionServiceClient::new(channel);
    let answers = mission.submit_applications(ReceiverStream::new(requests)).await;
    let mut answers = answers.map_err(BenchError::call(BULK))?.into_inner();
    let mut times = Times::new()?;
    while times.count() < acts {
        let answer = answers.message().await.map_err(BenchError::call(BULK))?;
        let answer = answer.ok_or(BenchError::Incomplete { what: BULK })?;
        times.take(pace.since(work::accepted(answer.request_id, answer.result)?));
    }
    Ok(times)
}
