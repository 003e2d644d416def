//! A national outage: every party is unreachable for a day while deliveries pile up, then all of
//! them are back at once; some never come back, some are slow.
//!
//! The real delivery over a real index, on a simulated clock, is held against the earliest-due-first
//! schedule of each party, worked out here from the same arrivals and the same capacities, apart
//! from the code of the bus and from the other parties. It must be the same schedule, delivery by
//! delivery and tick by tick: then the order is that of the due instants, nothing is late that need
//! not be, and nobody waits because of another. A certificate shows that the worst delay of each
//! party could not have been less in any order.
//!
//! `KOPIR_OUTAGES` says how many seeds are run (3), `KOPIR_SEED` which is the first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use kopir::dispatch::{Dispatch, DispatchOptions, InboxStream, Leased};
use kopir::domain::party::PartyNumber;
use kopir::domain::{CaseId, Sequence};
use kopir::engine::QueueObserver as _;
use kopir::index::{Applied, Change, Index, IndexOptions, QueueKey, QueueOp};

const PARTIES: usize = 40;
/// Deliveries of one run.
const DELIVERIES: usize = 45_000;

const TICK: Duration = Duration::from_secs(300);
const TICK_MS: i64 = 300_000;
const DAY: u64 = 24 * 12;
/// Everybody is unreachable from here for a day.
const OUTAGE: std::ops::Range<u64> = DAY / 2..DAY / 2 + DAY;
/// Acts arrive until here, as many in the outage as otherwise.
const LAST_ARRIVAL: u64 = 2 * DAY;
const END: u64 = 4 * DAY;

/// Half of the parties have terms that begin at an hour more than the outage, so that all can be met
/// by who is fast enough; those of the others begin at half a day. Both reach to three days more.
const LONG_TERM_MS: i64 = (DAY + 12) as i64 * TICK_MS;
const SHORT_TERM_MS: i64 = (DAY / 2) as i64 * TICK_MS;
const TERM_SPAN_MS: u64 = 3 * DAY * TICK_MS as u64;
/// Due instants are those of whole quarters of an hour, so that many are the same.
const DUE_STEP_MS: i64 = 900_000;

/// Deliveries of a party that are kept in memory, and that may be on lease.
const MAX_READY: usize = 48;
const MAX_LEASED: usize = 64;
/// A stream that has not moved for so long loses what it holds.
const SILENCE: Duration = Duration::from_secs(3 * 300);

/// What becomes of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It takes what there is, up to its capacity.
    Live,
    /// As live, but it takes less than arrives.
    Slow,
    /// It never connects.
    Absent,
    /// It connects, fills its window, and neither reads nor acknowledges.
    Hung,
}

/// A party's system.
#[derive(Debug, Clone, Copy)]
struct Party {
    kind: Kind,
    /// Deliveries it takes in a tick.
    per_tick: usize,
    /// Whether it acknowledges a tick later, with the delivery on lease meanwhile.
    acknowledges_later: bool,
}

impl Party {
    /// How many deliveries it takes in a tick for good. What a late acknowledger took just before
    /// the outage is lost with its stream, and comes again.
    fn capacity(&self, tick: u64) -> usize {
        let is_cut = OUTAGE.contains(&tick);
        let is_lost = self.acknowledges_later && tick + 1 == OUTAGE.start;
        match self.kind {
            Kind::Live | Kind::Slow if !is_cut && !is_lost => self.per_tick,
            Kind::Live | Kind::Slow | Kind::Absent | Kind::Hung => 0,
        }
    }

    fn is_dead(&self) -> bool {
        match self.kind {
            Kind::Absent | Kind::Hung => true,
            Kind::Live | Kind::Slow => false,
        }
    }
}

/// An act for a party; its number is its place in the journal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrival {
    number: u64,
    tick: u64,
    due_ms: i64,
}

/// What a party took: when, and which.
type Schedule = Vec<(u64, Arrival)>;

#[tokio::test(start_paused = true)]
async fn after_a_days_outage_each_party_has_its_optimal_schedule() {
    let runs: u64 = environment("KOPIR_OUTAGES").unwrap_or(3);
    let first: u64 = environment("KOPIR_SEED").unwrap_or(1);
    for seed in first..first + runs {
        let mut chance = Chance(seed);
        let parties: Vec<_> = (0..PARTIES).map(|at| party(at, &mut chance)).collect();
        let arrivals = arrivals(&mut chance);
        let taken = Country::new(&parties).live_through(&parties, &arrivals).await;
        let mut sums = Sums::default();
        for (at, party) in parties.iter().enumerate() {
            let own: Vec<_> =
                arrivals.iter().filter(|(to, _)| *to == at).map(|(_, arrival)| *arrival).collect();
            check(seed, at, party, &own, &taken[at], &mut sums);
        }
        println!("outage: KOPIR_SEED={seed} {sums:?}");
        assert!(sums.late > 0, "seed {seed}: nothing was late, so nothing was shown");
        let gained = sums.worst_delays_by_arrival_hours > sums.worst_delays_hours;
        assert!(sums.in_time_by_order_alone > 0, "seed {seed}: nobody was in time by the order");
        assert!(gained, "seed {seed}: the order made no difference");
    }
}

/// What a run came to.
#[derive(Debug, Default)]
struct Sums {
    delivered: usize,
    late: usize,
    /// The worst delay of each party, added up.
    worst_delays_hours: i64,
    /// The same, had each party's left in the order of their arrival.
    worst_delays_by_arrival_hours: i64,
    /// Parties with nothing late, and how many of them would have had, in order of arrival.
    in_time: usize,
    in_time_by_order_alone: usize,
}

fn check(seed: u64, at: usize, party: &Party, own: &[Arrival], taken: &Schedule, sums: &mut Sums) {
    let what = format!("seed {seed}, party {at}, {party:?}");
    let optimal = schedule(own, party, |arrival| (arrival.due_ms, arrival.number));
    if let Some(place) =
        (0..optimal.len().max(taken.len())).find(|n| optimal.get(*n) != taken.get(*n))
    {
        let (due, got) = (optimal.get(place), taken.get(place));
        panic!("{what}: delivery {place} must be {due:?} and is {got:?}");
    }
    match party.kind {
        Kind::Live => assert_eq!(taken.len(), own.len(), "{what}: its backlog is not drained"),
        Kind::Slow => assert!(!taken.is_empty(), "{what}: starved"),
        Kind::Absent | Kind::Hung => assert!(taken.is_empty(), "{what}"),
    }
    assert_worst_delay_is_the_least_possible(taken, party, &what);
    let by_arrival = schedule(own, party, |arrival| (0, arrival.number));
    let (worst, worst_by_arrival) = (worst_delay_ms(taken), worst_delay_ms(&by_arrival));
    assert!(worst <= worst_by_arrival, "{what}: the order of arrival does better");
    sums.delivered += taken.len();
    sums.late += late(taken);
    sums.worst_delays_hours += worst / 3_600_000;
    sums.worst_delays_by_arrival_hours += worst_by_arrival / 3_600_000;
    let is_in_time = !party.is_dead() && late(taken) == 0;
    sums.in_time += usize::from(is_in_time);
    sums.in_time_by_order_alone += usize::from(is_in_time && late(&by_arrival) > 0);
}

/// What a party takes when the least by `rank` of what has arrived always goes first.
fn schedule(own: &[Arrival], party: &Party, rank: fn(&Arrival) -> (i64, u64)) -> Schedule {
    let mut waiting = BinaryHeap::new();
    let mut arriving = own.iter().enumerate().peekable();
    let mut taken = Schedule::new();
    for tick in 0..END {
        while let Some((place, arrival)) = arriving.next_if(|(_, arrival)| arrival.tick <= tick) {
            waiting.push(Reverse((rank(arrival), place)));
        }
        for _ in 0..party.capacity(tick) {
            let Some(Reverse((_, place))) = waiting.pop() else { break };
            taken.push((tick, own[place]));
        }
    }
    taken
}

fn delay_ms((tick, arrival): &(u64, Arrival)) -> i64 {
    *tick as i64 * TICK_MS - arrival.due_ms
}

fn late(taken: &Schedule) -> usize {
    taken.iter().filter(|one| delay_ms(one) > 0).count()
}

fn worst_delay_ms(taken: &Schedule) -> i64 {
    taken.iter().map(delay_ms).max().unwrap_or_default().max(0)
}

/// The certificate. From some tick on, up to the worst delivery, everything the party could take
/// went to deliveries due no later than it which had not arrived before. They are more than it could
/// take until then, so in whatever order, one of them would have been as late.
fn assert_worst_delay_is_the_least_possible(taken: &Schedule, party: &Party, what: &str) {
    let Some((last, worst)) = taken.iter().enumerate().max_by_key(|(_, one)| delay_ms(one)) else {
        return;
    };
    let until = worst.0;
    let is_pressing = |one: &&(u64, Arrival)| one.1.due_ms <= worst.1.due_ms;
    let pressing_at = |tick| taken.iter().filter(|one| one.0 == tick).filter(is_pressing).count();
    let mut from = until;
    while from > 0 && pressing_at(from - 1) == party.capacity(from - 1) {
        from -= 1;
    }
    let pressing: Vec<_> =
        taken[..=last].iter().filter(|one| one.0 >= from).filter(is_pressing).collect();
    assert!(pressing.iter().all(|one| one.1.tick >= from), "{what}: {worst:?} could come sooner");
    let room: usize = (from..until).map(|tick| party.capacity(tick)).sum();
    assert!(pressing.len() > room, "{what}: {worst:?} is late without need");
}

/// The bus's part: delivery on an index, and the receivers' streams.
struct Country {
    _dir: TempDir,
    index: Index,
    dispatch: Dispatch,
    records: u64,
    streams: Vec<Option<InboxStream>>,
    /// What is on lease and will be acknowledged in the next tick.
    unacknowledged: Vec<Vec<Leased>>,
    /// What the acknowledgements of this tick take out of the queues.
    leaving: Vec<QueueOp>,
}

impl Country {
    fn new(parties: &[Party]) -> Self {
        let dir = TempDir::new().unwrap();
        let index = Index::open(dir.path(), &IndexOptions::default()).unwrap().index;
        let options = DispatchOptions {
            max_ready_per_party: MAX_READY,
            max_leased_per_party: MAX_LEASED,
            max_stream_silence: SILENCE,
            max_failed_attempts: 20,
        };
        let dispatch = Dispatch::new(index.clone(), options);
        Self {
            _dir: dir,
            index,
            dispatch,
            records: 0,
            streams: parties.iter().map(|_| None).collect(),
            unacknowledged: vec![Vec::new(); parties.len()],
            leaving: Vec::new(),
        }
    }

    /// What each party took.
    async fn live_through(
        mut self,
        parties: &[Party],
        arrivals: &[(usize, Arrival)],
    ) -> Vec<Schedule> {
        let mut taken = vec![Schedule::new(); parties.len()];
        let mut arriving = arrivals.iter().peekable();
        for tick in 0..END {
            let mut entering = Vec::new();
            while let Some((to, arrival)) = arriving.next_if(|(_, arrival)| arrival.tick == tick) {
                entering.push(entry(*to, arrival));
            }
            self.record(entering);
            for (at, party) in parties.iter().enumerate() {
                self.connect(at, party, tick);
                self.acknowledge_late(at);
                for leased in self.take(at, party) {
                    if !(party.acknowledges_later && tick + 1 == OUTAGE.start) {
                        let (_, arrival) = arrivals[leased.sequence.0 as usize - 1];
                        taken[at].push((tick, arrival));
                    }
                }
                let kept = self.dispatch.in_memory_count(number(at));
                assert!(kept <= MAX_READY + MAX_LEASED, "{kept} in memory");
            }
            // The index learns of the acknowledgements last, as behind a busy journal.
            let leaving = std::mem::take(&mut self.leaving);
            self.record(leaving);
            self.dispatch.expire(Instant::now());
            tokio::time::advance(TICK).await;
        }
        taken
    }

    /// Every operation is a record of its own, all of them in one batch of the index.
    fn record(&mut self, operations: Vec<QueueOp>) {
        if operations.is_empty() {
            return;
        }
        let change = |operation: &QueueOp| {
            self.records += 1;
            let applied = Applied { sequence: Sequence(self.records), hash: [0; 32] };
            let (queue, quota) = (vec![*operation], Vec::new());
            Change { applied, request: None, case: None, queue, enrolment: None, quota, note: None }
        };
        let changes: Vec<_> = operations.iter().map(change).collect();
        self.index.apply(&changes).unwrap();
        self.dispatch.queues_changed(&operations);
    }

    /// Opens and loses the party's stream.
    fn connect(&mut self, at: usize, party: &Party, tick: u64) {
        if OUTAGE.contains(&tick) {
            self.streams[at] = None;
            self.unacknowledged[at].clear();
        } else if self.streams[at].is_none() && party.kind != Kind::Absent {
            self.streams[at] = Some(self.dispatch.open(number(at), MAX_LEASED / 2));
        } else if let Some(stream) = &self.streams[at]
            && party.kind != Kind::Hung
        {
            stream.touch();
        }
    }

    fn take(&mut self, at: usize, party: &Party) -> Vec<Leased> {
        let Some(stream) = &self.streams[at] else { return Vec::new() };
        if party.kind == Kind::Hung {
            while now(stream).is_some() {}
            return Vec::new();
        }
        let mut taken = Vec::new();
        while taken.len() < party.per_tick
            && let Some(leased) = now(stream)
        {
            taken.push(leased);
            if party.acknowledges_later {
                self.unacknowledged[at].push(leased);
            } else {
                let record = Sequence(self.records + self.leaving.len() as u64 + 1);
                self.dispatch.settled(number(at), leased.sequence, record);
                self.leaving.push(exit(at, leased, record));
            }
        }
        taken
    }

    fn acknowledge_late(&mut self, at: usize) {
        if self.streams[at].is_none() {
            return;
        }
        for leased in self.unacknowledged[at].drain(..) {
            let record = Sequence(self.records + self.leaving.len() as u64 + 1);
            self.dispatch.settled(number(at), leased.sequence, record);
            self.leaving.push(exit(at, leased, record));
        }
    }
}

/// What a stream gives without waiting.
fn now(stream: &InboxStream) -> Option<Leased> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(stream.next()).poll(&mut context) {
        Poll::Ready(leased) => Some(leased.unwrap()),
        Poll::Pending => None,
    }
}

/// An arrival enters its queue. Arrivals are numbered apart from the records here, so that the order
/// of ties does not rest on how acknowledgements lie between them.
fn entry(to: usize, arrival: &Arrival) -> QueueOp {
    let key = QueueKey { order_ms: arrival.due_ms, sequence: Sequence(arrival.number) };
    let case = CaseId(u128::from(arrival.number).to_be_bytes());
    QueueOp::AddDelivery { to: number(to), key, case, mark: None }
}

fn exit(at: usize, leased: Leased, record: Sequence) -> QueueOp {
    let key = QueueKey { order_ms: leased.order_ms, sequence: leased.sequence };
    QueueOp::RemoveDelivery { to: number(at), key, taken: Some(record) }
}

fn number(at: usize) -> PartyNumber {
    PartyNumber(at as u32 + 1)
}

/// Of forty parties, eight are dead and six slow. The others take somewhat to much more than
/// arrives, so that some are late and some are not.
fn party(at: usize, chance: &mut Chance) -> Party {
    let arriving = DELIVERIES as u64 / PARTIES as u64 / LAST_ARRIVAL + 1;
    let (kind, per_tick) = match at % 20 {
        0 | 7 => (Kind::Absent, 0),
        3 | 11 => (Kind::Hung, 0),
        5 | 13 | 17 => (Kind::Slow, 1),
        _ => (Kind::Live, arriving + 1 + chance.below(5)),
    };
    let acknowledges_later = chance.below(2) == 0;
    Party { kind, per_tick: per_tick as usize, acknowledges_later }
}

/// Everything that arrives, in journal order, with its receiver.
fn arrivals(chance: &mut Chance) -> Vec<(usize, Arrival)> {
    let mut ticks: Vec<_> = (0..DELIVERIES).map(|_| chance.below(LAST_ARRIVAL)).collect();
    ticks.sort_unstable();
    let arrival = |(tick, number): (u64, u64)| {
        let to = chance.below(PARTIES as u64) as usize;
        let shortest_ms = if to.is_multiple_of(2) { SHORT_TERM_MS } else { LONG_TERM_MS };
        let term_ms = shortest_ms + chance.below(TERM_SPAN_MS) as i64;
        let due_ms = (tick as i64 * TICK_MS + term_ms) / DUE_STEP_MS * DUE_STEP_MS;
        (to, Arrival { number, tick, due_ms })
    };
    ticks.into_iter().zip(1..).map(arrival).collect()
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[expect(clippy::disallowed_methods, reason = "the size of a run is the caller's to choose")]
fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number: {text}")))
}
