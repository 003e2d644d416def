//! One party's window on its queue.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::Leased;
use crate::domain::{CaseId, Sequence};
use crate::index::QueueKey;

/// Who holds a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Holder {
    /// An open stream, until it closes.
    Stream(u64),
    /// A client without a stream, until this instant.
    Until(Instant),
}

/// How far the ready set reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Horizon {
    /// Nothing has been read from the queue yet.
    Unread,
    /// Every free delivery up to and including this one is ready; later ones are in the queue.
    Upto(QueueKey),
    /// Every free delivery is ready.
    All,
}

/// The window.
///
/// Invariant: a delivery of the queue is in exactly one of three places: ready, on lease, or beyond
/// the horizon.
pub(super) struct Inbox {
    ready: BTreeMap<QueueKey, Ready>,
    horizon: Horizon,
    leases: HashMap<Sequence, Lease>,
    /// How many leases each holder has, without the settled ones.
    held: HashMap<Holder, usize>,
    /// When each stream that holds something was last seen to move.
    seen: HashMap<Holder, Instant>,
    /// The timed leases, in the order in which they run out.
    timed: BTreeSet<(Instant, Sequence)>,
    max_ready: usize,
    /// Whether a client without a stream has called since that was asked last.
    called: bool,
    /// Acknowledgements since the start.
    settled: u64,
}

#[derive(Clone, Copy)]
struct Ready {
    case: CaseId,
    /// How many times it was handed out before.
    attempts: u32,
}

struct Lease {
    key: QueueKey,
    delivery: Ready,
    /// None once its acknowledgement is durable; it stays until the index has dropped it too, so
    /// that a queue read in between does not bring it back.
    holder: Option<Holder>,
}

impl Inbox {
    pub(super) fn new(max_ready: usize) -> Self {
        Self {
            ready: BTreeMap::new(),
            horizon: Horizon::Unread,
            leases: HashMap::new(),
            held: HashMap::new(),
            seen: HashMap::new(),
            timed: BTreeSet::new(),
            max_ready: max_ready.max(1),
            called: false,
            settled: 0,
        }
    }

    /// A delivery entered the queue.
    pub(super) fn add(&mut self, key: QueueKey, case: CaseId) {
        self.make_ready(key, Ready { case, attempts: 0 });
    }

    /// A delivery left the queue.
    pub(super) fn remove(&mut self, key: QueueKey) {
        self.ready.remove(&key);
        if let Some(lease) = self.leases.remove(&key.sequence)
            && let Some(holder) = lease.holder
        {
            self.let_go(holder, key.sequence);
        }
    }

    /// From where the queue must be read before the next delivery can be taken, if it must.
    #[expect(
        clippy::option_option,
        reason = "whether to read, and from which place if not the first"
    )]
    pub(super) fn wants_more(&self) -> Option<Option<QueueKey>> {
        match self.horizon {
            _ if !self.ready.is_empty() => None,
            Horizon::All => None,
            Horizon::Unread => Some(None),
            Horizon::Upto(key) => Some(Some(key)),
        }
    }

    /// Takes in what was read; `all` when the queue had no more.
    pub(super) fn refill(&mut self, queued: impl Iterator<Item = (QueueKey, CaseId)>, all: bool) {
        let mut last = None;
        for (key, case) in queued {
            last = Some(key);
            if !self.leases.contains_key(&key.sequence) {
                self.ready.entry(key).or_insert(Ready { case, attempts: 0 });
            }
        }
        self.horizon = match last {
            _ if all => Horizon::All,
            Some(key) => Horizon::Upto(key),
            None => Horizon::All,
        };
    }

    /// Leases the earliest ready delivery.
    pub(super) fn take(&mut self, holder: Holder) -> Option<Leased> {
        let (key, mut delivery) = self.ready.pop_first()?;
        delivery.attempts = delivery.attempts.saturating_add(1);
        let QueueKey { order_ms, sequence } = key;
        self.leases.insert(sequence, Lease { key, delivery, holder: Some(holder) });
        *self.held.entry(holder).or_default() += 1;
        if let Holder::Until(until) = holder {
            self.timed.insert((until, sequence));
        }
        let Ready { case, attempts: attempt } = delivery;
        Some(Leased { case, sequence, order_ms, attempt })
    }

    /// The acknowledgement of a delivery is durable; it may also have been ready again.
    pub(super) fn settle(&mut self, delivery: Sequence) {
        self.settled += 1;
        if let Some(lease) = self.leases.get_mut(&delivery) {
            if let Some(holder) = lease.holder.take() {
                self.let_go(holder, delivery);
            }
            return;
        }
        let ready = self.ready.iter().find(|(key, _)| key.sequence == delivery);
        if let Some((key, ready)) = ready.map(|(key, ready)| (*key, *ready)) {
            self.ready.remove(&key);
            self.leases.insert(delivery, Lease { key, delivery: ready, holder: None });
        }
    }

    /// Frees what a holder has.
    pub(super) fn release(&mut self, holder: Holder) {
        let held: Vec<_> = self
            .leases
            .iter()
            .filter(|(_, lease)| lease.holder == Some(holder))
            .map(|(sequence, _)| *sequence)
            .collect();
        for sequence in held {
            self.free(sequence);
        }
        self.seen.remove(&holder);
    }

    /// A stream moves: whoever reads it is there.
    pub(super) fn touch(&mut self, holder: Holder, now: Instant) {
        self.seen.insert(holder, now);
    }

    /// A client without a stream asks for deliveries.
    pub(super) fn call(&mut self) {
        self.called = true;
    }

    /// Whether a system of the party is there: it has a stream that moves, or has called since this
    /// was asked last.
    pub(super) fn was_there(&mut self, now: Instant, silence: Duration) -> bool {
        let moves = self.seen.values().any(|seen| *seen + silence > now);
        std::mem::take(&mut self.called) || moves
    }

    /// Acknowledgements since the start.
    pub(super) fn settled_count(&self) -> u64 {
        self.settled
    }

    /// Frees the leases that have run out, and those of streams that have not moved for `silence`;
    /// true when there were any.
    pub(super) fn expire(&mut self, now: Instant, silence: Duration) -> bool {
        let still = |(holder, seen): (&Holder, &Instant)| {
            let gone = *seen + silence <= now && self.held_by(*holder) > 0;
            gone.then_some(*holder)
        };
        let still: Vec<_> = self.seen.iter().filter_map(still).collect();
        let mut any = !still.is_empty();
        for holder in still {
            self.release(holder);
        }
        while let Some((until, sequence)) = self.timed.first().copied()
            && until <= now
        {
            self.free(sequence);
            any = true;
        }
        any
    }

    /// Deliveries on lease, without those already settled.
    pub(super) fn leased(&self) -> usize {
        self.held.values().sum()
    }

    /// Whether somebody holds a delivery that is not settled.
    pub(super) fn is_leased(&self, delivery: Sequence) -> bool {
        self.leases.get(&delivery).is_some_and(|lease| lease.holder.is_some())
    }

    pub(super) fn held_by(&self, holder: Holder) -> usize {
        self.held.get(&holder).copied().unwrap_or_default()
    }

    fn free(&mut self, sequence: Sequence) {
        let Some(lease) = self.leases.remove(&sequence) else { return };
        if let Some(holder) = lease.holder {
            self.let_go(holder, sequence);
        }
        self.make_ready(lease.key, lease.delivery);
    }

    fn let_go(&mut self, holder: Holder, sequence: Sequence) {
        if let Holder::Until(until) = holder {
            self.timed.remove(&(until, sequence));
        }
        if let Some(count) = self.held.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&holder);
            }
        }
    }

    /// Puts a free delivery where it belongs: into the ready set, or beyond the horizon.
    fn make_ready(&mut self, key: QueueKey, delivery: Ready) {
        let beyond = match self.horizon {
            Horizon::Unread => true,
            Horizon::Upto(horizon) => key > horizon,
            Horizon::All => false,
        };
        if beyond || self.leases.contains_key(&key.sequence) {
            return;
        }
        self.ready.entry(key).or_insert(delivery);
        if self.ready.len() > self.max_ready {
            self.ready.pop_last();
            let last = self.ready.last_key_value().map(|(key, _)| *key);
            self.horizon = last.map_or(Horizon::Unread, Horizon::Upto);
        }
    }
}
