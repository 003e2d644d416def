//! A national outage: everything waits, nobody takes it; then all parties are back at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::acts::{rate, share};
use super::bus::{Bus, Dial};
use super::load::Applications;
use super::site::{self, MIGRATION_BODY, REGIONS, Site};
use super::work::{self, Told};
use super::{BenchError, Options, Progress};
use crate::rpc::proto::inbox::v1::Delivery;

/// How long a new bus is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);
/// How often whoever waits is told how far it is.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// When it begins: 2026-09-09, a Wednesday morning. Half of everything is filed then, half a day later; and for
/// a day nobody takes any of it.
const BEGINS: Timestamp = Timestamp::constant(1_788_926_400, 0);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What was measured of an outage.
#[derive(Debug, Clone)]
pub struct OutageRun {
    /// Parties that were silent: an akimat of each region, with equal shares of half of what was
    /// queued, and the authorised body with the other half.
    pub parties: usize,
    /// Deliveries that waited for them.
    pub deliveries: u64,
    /// Until all of it waited. Half of it was taken and forwarded by the body first, so that it
    /// waits for the akimats.
    pub filled_in: Duration,
    /// Until the rungs of the day of silence were said, in one step of the clock.
    pub silent_in: Duration,
    /// Notices that waited for the parties then.
    pub notices: u64,
    /// The first half of each queue, in the process that filled it.
    pub first: Drain,
    /// A start between the halves, with the second one queued: to its first answer.
    pub restarted_in: Duration,
    /// The second half, in the process that was started with it.
    pub second: Drain,
    /// What the queues still held when every party had taken its share; notices, if anything.
    pub left: u64,
    /// Resident memory of a new bus after five seconds, in bytes.
    pub idle_bytes: u64,
    /// The most resident memory while the queues were filled, in bytes.
    pub filling_bytes: u64,
}

/// What was measured of one half of the queues.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Deliveries, over all parties.
    pub deliveries: u64,
    /// Notices of the ladder that came between them.
    pub notices: u64,
    /// Rungs that they told, to each party its own.
    pub rungs: u64,
    /// Breaches among them.
    pub breaches: u64,
    /// From nobody being there until the last delivery was confirmed as acknowledged.
    pub took: Duration,
    /// Processor time of the bus meanwhile.
    pub server_cpu: Duration,
    /// Deliveries that came after one due later, or after one that was due then and sent later.
    pub out_of_order: u64,
    /// How long the first and the last of the akimats, which have equal shares, took.
    pub equals_took: [Duration; 2],
    /// The longest that a party waited for its first delivery, connecting included.
    pub longest_first: Duration,
    /// The longest that a party waited between two deliveries.
    pub longest_gap: Duration,
    /// The most resident memory of the bus meanwhile, in bytes.
    pub peak_bytes: u64,
}

impl Drain {
    /// Deliveries a second, acknowledged and confirmed.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        rate(self.deliveries, self.took)
    }

    /// Processor time of the bus for each.
    #[must_use]
    pub fn server_cpu_each(&self) -> Duration {
        share(self.server_cpu, self.deliveries)
    }

    /// The time of the slowest of those with equal shares, by that of the fastest.
    #[must_use]
    pub fn slowest_to_fastest(&self) -> f64 {
        let [fastest, slowest] = self.equals_took.map(|took| took.as_secs_f64());
        slowest / fastest.max(f64::MIN_POSITIVE)
    }
}

impl OutageRun {
    /// Both halves, without the restart between them.
    #[must_use]
    pub fn drained_in(&self) -> Duration {
        self.first.took + self.second.took
    }

    /// Deliveries a second over both halves.
    #[must_use]
    pub fn drained_per_second(&self) -> f64 {
        rate(self.first.deliveries + self.second.deliveries, self.drained_in())
    }

    /// What a queued delivery added to the most memory that the bus had, in bytes.
    #[must_use]
    pub fn bytes_per_delivery(&self) -> f64 {
        let peaks = [self.filling_bytes, self.first.peak_bytes, self.second.peak_bytes];
        let peak = peaks.into_iter().max().unwrap_or_default();
        peak.saturating_sub(self.idle_bytes) as f64 / self.deliveries.max(1) as f64
    }
}

pub(super) async fn run(
    options: &Options,
    progress: Progress<'_>,
) -> Result<OutageRun, BenchError> {
    let site = Site::sandbox(options, BEGINS)?;
    let (bus, _) = Bus::start(&site).await?;
    tokio::time::sleep(SETTLE).await;
    let idle_bytes = bus.usage()?.resident_bytes;

    // Two halves of each queue, and as much for the akimats as for the body.
    let each = (options.hops / (4 * REGIONS.len() as u64)).max(1);
    let for_body = each * REGIONS.len() as u64;
    let mut parties: Vec<_> =
        REGIONS.iter().map(|region| Party::new(site::akimat(region), each)).collect();
    parties.push(Party::new(MIGRATION_BODY.to_owned(), for_body));
    let deliveries = 4 * for_body;

    let begun = Instant::now();
    fill(&bus, 2 * for_body, progress).await?;
    let filled_in = begun.elapsed();
    let filling_bytes = bus.usage()?.peak_bytes;

    progress("outage, a day passes");
    let (queued, begun) = (bus.queued().await?, Instant::now());
    bus.set_time(BEGINS + DAY + DAY).await?;
    bus.catch_up().await?;
    let silent_in = begun.elapsed();
    let notices = bus.queued().await?.saturating_sub(queued);

    let first = drain(&bus, &mut parties, progress).await?;
    bus.stop().await?;
    progress("outage, the bus is started again");
    let (bus, restarted_in) = Bus::start(&site).await?;
    let second = drain(&bus, &mut parties, progress).await?;
    let left = bus.queued().await?;
    bus.stop().await?;
    Ok(OutageRun {
        parties: parties.len(),
        deliveries,
        filled_in,
        silent_in,
        notices,
        first,
        restarted_in,
        second,
        left,
        idle_bytes,
        filling_bytes,
    })
}

/// So many applications wait for the akimats of their regions, and as many for the body.
async fn fill(bus: &Bus<'_>, half: u64, progress: Progress<'_>) -> Result<(), BenchError> {
    let batch = |number: u64, now| Applications::new(now, number << 40);
    progress(&format!("outage, {half} filed, to be forwarded to {} akimats", REGIONS.len()));
    work::fill(bus, &batch(0, BEGINS), half).await?;
    bus.catch_up().await?;
    progress("outage, the body takes them");
    let mut cases = Vec::new();
    let body = bus.connect(MIGRATION_BODY).await?;
    work::drain(body.clone(), half, |delivery| {
        // Sixteen bytes a case: there may be a million.
        cases.extend(uuid::Uuid::parse_str(&delivery.case_id));
    })
    .await?;
    if cases.len() as u64 != half {
        return Err(BenchError::Incomplete { what: work::INBOX });
    }
    let forwarded = Cell::new(0);
    let tell = || progress(&format!("outage, {} of {half} forwarded", forwarded.get()));
    watched(work::forward(&body, cases, &forwarded), tell).await?;
    bus.set_time(BEGINS + DAY).await?;
    progress(&format!("outage, {half} filed, for the body itself"));
    work::fill(bus, &batch(1, BEGINS + DAY), half).await?;
    bus.catch_up().await?;
    Ok(())
}

/// A party that is silent and comes back.
#[derive(Debug)]
struct Party {
    name: String,
    /// What it takes each time it is back.
    share: u64,
    /// Due and sending instant of what it took last.
    last: Option<Place>,
}

type Instants = Option<(i64, i32)>;
type Place = (Instants, Instants);

impl Party {
    fn new(name: String, share: u64) -> Self {
        Self { name, share, last: None }
    }
}

/// What one party saw of its queue.
#[derive(Debug, Default)]
struct Seen {
    last: Option<Place>,
    told: Told,
    out_of_order: u64,
    first: Option<Duration>,
    longest_gap: Duration,
    took: Duration,
}

/// All parties are back at once, each on a connection of its own, and take their shares.
async fn drain(
    bus: &Bus<'_>,
    parties: &mut [Party],
    progress: Progress<'_>,
) -> Result<Drain, BenchError> {
    let deliveries: u64 = parties.iter().map(|party| party.share).sum();
    progress(&format!("outage, everybody is back, {deliveries} to be taken"));
    bus.forget_peak()?;
    let before = bus.usage()?.cpu;
    let (taken, told) = watch::channel(0_u64);
    let begun = Instant::now();
    let mut receivers: JoinSet<Result<_, BenchError>> = JoinSet::new();
    for (at, party) in parties.iter().enumerate() {
        let (dial, last, taken) = (bus.dial(&party.name)?, party.last, taken.clone());
        let share = party.share;
        receivers.spawn(async move { Ok((at, take(dial, share, last, begun, &taken).await?)) });
    }
    let all = async {
        let mut seen = Vec::with_capacity(parties.len());
        while let Some(done) = receivers.join_next().await {
            seen.push(done??);
        }
        Ok::<_, BenchError>(seen)
    };
    let tell = || progress(&format!("outage, {} of {deliveries} taken", *told.borrow()));
    let mut seen = watched(all, tell).await?;
    let took = begun.elapsed();
    let usage = bus.usage()?;
    seen.sort_unstable_by_key(|(at, _)| *at);
    for (party, (_, seen)) in parties.iter_mut().zip(&seen) {
        party.last = seen.last;
    }
    let seen: Vec<_> = seen.into_iter().map(|(_, seen)| seen).collect();
    bus.catch_up().await?;
    let server_cpu = usage.cpu.saturating_sub(before);
    Ok(summed(&seen, Drain { deliveries, took, server_cpu, ..nothing(usage.peak_bytes) }))
}

fn nothing(peak_bytes: u64) -> Drain {
    let zero = Duration::ZERO;
    Drain {
        deliveries: 0,
        notices: 0,
        rungs: 0,
        breaches: 0,
        took: zero,
        server_cpu: zero,
        out_of_order: 0,
        equals_took: [zero; 2],
        longest_first: zero,
        longest_gap: zero,
        peak_bytes,
    }
}

/// One party takes its share.
async fn take(
    dial: Dial,
    share: u64,
    last: Option<Place>,
    begun: Instant,
    taken: &watch::Sender<u64>,
) -> Result<Seen, BenchError> {
    let channel = dial.await?;
    let mut seen = Seen { last, ..Seen::default() };
    let mut before = begun;
    seen.told = work::drain(channel, share, |delivery| {
        let (now, place) = (Instant::now(), place(delivery));
        let gap = now - before;
        match seen.first {
            None => seen.first = Some(gap),
            Some(_) => seen.longest_gap = seen.longest_gap.max(gap),
        }
        before = now;
        if seen.last.is_some_and(|last| place < last) {
            seen.out_of_order += 1;
        }
        seen.last = Some(place);
        taken.send_modify(|taken| *taken += 1);
    })
    .await?;
    seen.took = begun.elapsed();
    Ok(seen)
}

fn place(delivery: &Delivery) -> Place {
    let instant = |time: prost_types::Timestamp| (time.seconds, time.nanos);
    (delivery.due_time.map(instant), delivery.sent_time.map(instant))
}

/// What all parties saw; the akimats come first.
fn summed(seen: &[Seen], whole: Drain) -> Drain {
    let equals = || seen.iter().take(REGIONS.len()).map(|seen| seen.took);
    let longest = |of: fn(&Seen) -> Duration| seen.iter().map(of).max().unwrap_or_default();
    Drain {
        notices: seen.iter().map(|seen| seen.told.notices).sum(),
        rungs: seen.iter().map(|seen| seen.told.rungs).sum(),
        breaches: seen.iter().map(|seen| seen.told.breaches).sum(),
        out_of_order: seen.iter().map(|seen| seen.out_of_order).sum(),
        equals_took: [equals().min().unwrap_or_default(), equals().max().unwrap_or_default()],
        longest_first: longest(|seen| seen.first.unwrap_or(seen.took)),
        longest_gap: longest(|seen| seen.longest_gap),
        ..whole
    }
}

/// Does something and tells every few seconds how far it is.
async fn watched<T>(work: impl Future<Output = T>, tell: impl Fn()) -> T {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(TELL_INTERVAL);
    ticks.tick().await;
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => tell(),
        }
    }
}
