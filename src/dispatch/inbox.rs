//! One party's window on its queue.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Leased;
use super::failing::{Failing, Verdict};
use super::outlook::StreamLease;
use crate::domain::{CaseId, Sequence};
use crate::index::QueueKey;
use crate::mutation::{Mutation, on};

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
/// Invariant: a delivery of the queue is in exactly one of five places: ready, set aside because it
/// failed too often, on lease, settled, or beyond the horizon.
pub(super) struct Inbox {
    ready: BTreeMap<QueueKey, Ready>,
    /// Handed out when nothing is ready, or not at all once they are to be held.
    aside: BTreeMap<QueueKey, Aside>,
    failing: Failing,
    horizon: Horizon,
    leases: HashMap<Sequence, Lease>,
    /// Acknowledged durably, and in the queue until the index has that too.
    settled: HashSet<Sequence>,
    /// How many leases each holder has.
    held: HashMap<Holder, usize>,
    /// How many each stream has taken.
    taken_by: HashMap<Holder, u64>,
    /// When each stream that holds something was last seen to move.
    seen: HashMap<Holder, Instant>,
    /// The timed leases, in the order in which they run out.
    timed: BTreeSet<(Instant, Sequence)>,
    max_ready: usize,
    /// Whether a client without a stream has called since that was asked last.
    called: bool,
    /// Deliveries taken since the start.
    taken_count: u64,
    /// The record of the last taking: what was taken until then has left the queue.
    last_taken: Sequence,
}

#[derive(Clone, Copy)]
struct Ready {
    case: CaseId,
    /// How many times it was handed out before.
    attempts: u32,
}

struct Aside {
    delivery: Ready,
    /// It is to be held; somebody is to see to that.
    is_condemned: bool,
}

struct Lease {
    key: QueueKey,
    delivery: Ready,
    holder: Holder,
}

impl Inbox {
    /// The queue has everything up to the record `indexed`.
    pub(super) fn new(max_ready: usize, max_failures: u32, indexed: Sequence) -> Self {
        Self {
            ready: BTreeMap::new(),
            aside: BTreeMap::new(),
            failing: Failing::new(max_failures),
            horizon: Horizon::Unread,
            leases: HashMap::new(),
            settled: HashSet::new(),
            held: HashMap::new(),
            taken_by: HashMap::new(),
            seen: HashMap::new(),
            timed: BTreeSet::new(),
            max_ready: max_ready.max(1),
            called: false,
            taken_count: 0,
            last_taken: indexed,
        }
    }

    /// A delivery entered the queue.
    pub(super) fn add(&mut self, key: QueueKey, case: CaseId) {
        self.make_ready(key, Ready { case, attempts: 0 });
    }

    /// A delivery left the queue. If its receiver took it, by the record `taken`, what was set aside
    /// gets another try.
    pub(super) fn remove(&mut self, key: QueueKey, taken: Option<Sequence>) {
        self.ready.remove(&key);
        self.aside.remove(&key);
        let lease = self.end_lease(key.sequence);
        self.note_taken(lease.filter(|_| taken.is_some()));
        let Some(record) = taken else { return self.failing.forget(key.sequence) };
        self.settled.remove(&key.sequence);
        self.last_taken = self.last_taken.max(record);
        self.taken_count += 1;
        if self.failing.taken(key.sequence) {
            self.readmit();
        }
    }

    /// From where the queue must be read before the next delivery can be taken, if it must: where
    /// no more are ready than are passed over.
    #[expect(
        clippy::option_option,
        reason = "whether to read, and from which place if not the first"
    )]
    pub(super) fn wants_more(&self, passed_over: usize) -> Option<Option<QueueKey>> {
        match self.horizon {
            _ if self.ready.len() > passed_over => None,
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
            if self.is_free(key) {
                self.ready.entry(key).or_insert(Ready { case, attempts: 0 });
            }
        }
        self.horizon = match last {
            _ if all => Horizon::All,
            Some(key) => Horizon::Upto(key),
            None => Horizon::All,
        };
    }

    /// Leases the earliest ready delivery; when there is none, the earliest that was set aside.
    pub(super) fn take(&mut self, holder: Holder) -> Option<Leased> {
        self.take_where(holder, i64::MIN, |_| true)
    }

    /// The same, from a place in the due order on, of those that may go.
    pub(super) fn take_where(
        &mut self,
        holder: Holder,
        from_ms: i64,
        may_go: impl Fn(QueueKey) -> bool,
    ) -> Option<Leased> {
        let key = self.first_from(from_ms, may_go)?;
        let set_aside = |inbox: &mut Self| inbox.aside.remove(&key).map(|aside| aside.delivery);
        let mut delivery = self.ready.remove(&key).or_else(|| set_aside(self))?;
        delivery.attempts = delivery.attempts.saturating_add(1);
        let QueueKey { order_ms, sequence } = key;
        self.leases.insert(sequence, Lease { key, delivery, holder });
        *self.held.entry(holder).or_default() += 1;
        if let Holder::Until(until) = holder {
            self.timed.insert((until, sequence));
        }
        let Ready { case, attempts: attempt } = delivery;
        Some(Leased { case, sequence, order_ms, attempt })
    }

    /// The delivery that would be leased next.
    pub(super) fn first_from(
        &self,
        from_ms: i64,
        may_go: impl Fn(QueueKey) -> bool,
    ) -> Option<QueueKey> {
        let from = QueueKey { order_ms: from_ms, sequence: Sequence(0) };
        let mut ready = self.ready.range(from..).map(|(key, _)| *key);
        let mut aside = self.aside.range(from..).filter(|(_, aside)| !aside.is_condemned);
        let set_aside = || aside.find(|(key, _)| may_go(**key)).map(|(key, _)| *key);
        if on(Mutation::LatestFirst) {
            return ready.rfind(|key| may_go(*key));
        }
        ready.find(|key| may_go(*key)).or_else(set_aside)
    }

    /// Whether a delivery is in the queue, as far as the window reaches.
    pub(super) fn has(&self, key: QueueKey) -> bool {
        let is_free = self.ready.contains_key(&key) || self.aside.contains_key(&key);
        is_free || self.is_leased(key.sequence)
    }

    /// Whether a delivery may be leased: it is in the window, nobody has it, and it is not about to
    /// be held.
    pub(super) fn may_be_leased(&self, key: QueueKey) -> bool {
        let aside = self.aside.get(&key);
        self.ready.contains_key(&key) || aside.is_some_and(|aside| !aside.is_condemned)
    }

    /// Frees one delivery that a holder has. That it was not taken may be laid to the delivery.
    pub(super) fn give_back(&mut self, holder: Holder, delivery: Sequence, is_to_blame: bool) {
        let lease = self.leases.get(&delivery).filter(|lease| lease.holder == holder);
        let Some(&Lease { key, delivery: free, .. }) = lease else { return };
        if is_to_blame {
            return self.fail(&[key]);
        }
        self.end_lease(delivery);
        self.make_ready(key, free);
    }

    /// Frees what a holder has, none of which is to blame.
    pub(super) fn give_all_back(&mut self, holder: Holder) {
        let held = self.leases.iter().filter(|(_, lease)| lease.holder == holder);
        for delivery in held.map(|(delivery, _)| *delivery).collect::<Vec<_>>() {
            self.give_back(holder, delivery, false);
        }
    }

    /// The acknowledgement of a delivery is durable, as the record `taken`: whoever has it, it goes
    /// out no more. It is remembered until it has left the queue, which may be before this is said.
    pub(super) fn settle(&mut self, delivery: Sequence, taken: Sequence) {
        if taken <= self.last_taken {
            return;
        }
        self.settled.insert(delivery);
        let lease = self.end_lease(delivery);
        if lease.is_none() {
            let mut free = self.ready.keys().chain(self.aside.keys());
            if let Some(key) = free.find(|key| key.sequence == delivery).copied() {
                self.ready.remove(&key);
                self.aside.remove(&key);
            }
        }
        self.note_taken(lease);
    }

    /// Frees what a holder has, which it failed to take.
    pub(super) fn release(&mut self, holder: Holder) {
        let held = self.leases.iter().filter(|(_, lease)| lease.holder == holder);
        let mut held: Vec<_> = held.map(|(_, lease)| lease.key).collect();
        held.sort_unstable();
        self.fail(&held);
        self.seen.remove(&holder);
        self.taken_by.remove(&holder);
    }

    /// What is to be held, because the party fails to take it and takes others.
    pub(super) fn condemned(&self) -> impl Iterator<Item = (Sequence, CaseId)> {
        let condemned = self.aside.iter().filter(|(_, aside)| aside.is_condemned);
        condemned.map(|(key, aside)| (key.sequence, aside.delivery.case))
    }

    /// A delivery cannot be held after all: the others go before it.
    pub(super) fn pardon(&mut self, delivery: Sequence) {
        let aside = self.aside.iter_mut().find(|(key, _)| key.sequence == delivery);
        if let Some((_, aside)) = aside {
            aside.is_condemned = false;
            self.failing.pardon(delivery);
        }
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

    /// Deliveries taken since the start.
    pub(super) fn taken_count(&self) -> u64 {
        self.taken_count
    }

    /// What the streams have.
    pub(super) fn stream_leases(&self) -> impl Iterator<Item = StreamLease> {
        self.leases.iter().filter_map(|(delivery, lease)| match lease.holder {
            Holder::Stream(stream) => {
                let taken = self.taken_by.get(&lease.holder).copied().unwrap_or_default();
                Some(StreamLease { delivery: *delivery, stream, taken })
            }
            Holder::Until(_) => None,
        })
    }

    /// Frees the leases that have run out, and those of streams that have not moved for `silence`;
    /// true when there were any.
    pub(super) fn expire(&mut self, now: Instant, silence: Duration) -> bool {
        let still = |(holder, seen): (&Holder, &Instant)| {
            let gone = *seen + silence <= now && self.held_by(*holder) > 0;
            gone.then_some(*holder)
        };
        let mut still: Vec<_> = self.seen.iter().filter_map(still).collect();
        // In one order, so that the same history has the same end.
        still.sort_unstable();
        let mut any = !still.is_empty();
        for holder in still {
            self.release(holder);
        }
        while let Some((until, _)) = self.timed.first().copied()
            && until <= now
        {
            // What was leased together was worked on together.
            let together = (until, Sequence(0))..=(until, Sequence(u64::MAX));
            let leases = self.timed.range(together).filter_map(|(_, of)| self.leases.get(of));
            let mut held: Vec<_> = leases.map(|lease| lease.key).collect();
            held.sort_unstable();
            self.fail(&held);
            any = true;
        }
        any
    }

    /// Deliveries on lease.
    pub(super) fn leased(&self) -> usize {
        self.leases.len()
    }

    /// Deliveries kept here, with those that are settled and have not left the queue yet.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.aside.len() + self.leases.len() + self.settled.len()
    }

    /// Whether somebody holds a delivery that is not settled.
    pub(super) fn is_leased(&self, delivery: Sequence) -> bool {
        self.leases.contains_key(&delivery)
    }

    pub(super) fn held_by(&self, holder: Holder) -> usize {
        self.held.get(&holder).copied().unwrap_or_default()
    }

    /// Frees what somebody failed to take, earliest due first. The first of it is to blame.
    fn fail(&mut self, held: &[QueueKey]) {
        for (place, key) in held.iter().enumerate() {
            let Some(lease) = self.end_lease(key.sequence) else { continue };
            let verdict =
                if place == 0 { self.failing.failed(key.sequence) } else { Verdict::Again };
            let delivery = lease.delivery;
            match verdict {
                Verdict::Again if on(Mutation::DropLease) => {}
                Verdict::Again => self.make_ready(*key, delivery),
                Verdict::Aside | Verdict::Held => {
                    let is_condemned = verdict == Verdict::Held;
                    self.aside.insert(*key, Aside { delivery, is_condemned });
                }
                Verdict::NothingTaken => {
                    self.make_ready(*key, delivery);
                    self.readmit();
                }
            }
        }
    }

    /// Puts what was set aside back to its place, but for what is to be held.
    fn readmit(&mut self) {
        let aside = std::mem::take(&mut self.aside);
        for (key, aside) in aside {
            if aside.is_condemned {
                self.aside.insert(key, aside);
            } else {
                self.make_ready(key, aside.delivery);
            }
        }
    }

    /// What was on lease has been taken.
    fn note_taken(&mut self, lease: Option<Lease>) {
        let holder = lease.map(|lease| lease.holder);
        if let Some(stream @ Holder::Stream(_)) = holder {
            *self.taken_by.entry(stream).or_default() += 1;
        }
    }

    fn end_lease(&mut self, delivery: Sequence) -> Option<Lease> {
        let lease = self.leases.remove(&delivery)?;
        if let Holder::Until(until) = lease.holder {
            self.timed.remove(&(until, delivery));
        }
        if let Some(count) = self.held.get_mut(&lease.holder) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&lease.holder);
            }
        }
        Some(lease)
    }

    /// Whether a delivery of the queue is neither with somebody, nor set aside, nor settled.
    fn is_free(&self, key: QueueKey) -> bool {
        let is_known =
            self.leases.contains_key(&key.sequence) || self.settled.contains(&key.sequence);
        !is_known && !self.aside.contains_key(&key)
    }

    /// Puts a free delivery where it belongs: into the ready set, or beyond the horizon.
    fn make_ready(&mut self, key: QueueKey, delivery: Ready) {
        let beyond = match self.horizon {
            Horizon::Unread => true,
            Horizon::Upto(horizon) => key > horizon,
            Horizon::All => false,
        };
        if beyond || !self.is_free(key) {
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
