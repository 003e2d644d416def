//! Delivery: each party's inbox leaves earliest due first, to whichever of its streams has room.
//!
//! The queues live in the index. Of each party's only a window is in memory: the earliest
//! deliveries that nobody holds, and those on lease. So a backlog of any length costs a bounded
//! amount, and a party that is slow or gone costs the others nothing. This module knows nothing of
//! gRPC and journals nothing: a lease is forgotten with the process, and the delivery goes out
//! again under the same id.

mod failing;
mod inbox;
mod outlook;
pub mod push;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, Sequence};
use crate::engine::QueueObserver;
use crate::index::{Index, IndexError, QueueKey, QueueOp};
use crate::mutation::{Mutation, on};
use inbox::{Holder, Inbox};
use outlook::{Presence, StreamLease};
use push::PushHealth;

pub use outlook::Outlook;

/// Bounds of delivery, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct DispatchOptions {
    /// Deliveries of one party kept ready in memory; the rest stay in the index.
    pub max_ready_per_party: usize,
    /// Deliveries of one party that may be on lease at once, over all its streams.
    pub max_leased_per_party: usize,
    /// How long a stream may not move before what it holds is free again. Its connection may still
    /// answer while nobody reads the stream.
    pub max_stream_silence: Duration,
    /// How often a delivery may be handed out without being taken before it is suspected.
    pub max_failed_attempts: u32,
}

/// A delivery handed to a receiver's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// The case.
    pub case: CaseId,
    /// The act delivered, which names the delivery.
    pub sequence: Sequence,
    /// Its place in the due order, in Unix milliseconds.
    pub order_ms: i64,
    /// How many times it has been handed out, this one included, as far as is remembered.
    pub attempt: u32,
}

/// A delivery that its receiver fails to take again and again while it takes others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untaken {
    /// The receiver.
    pub party: PartyNumber,
    /// The case.
    pub case: CaseId,
    /// The act.
    pub sequence: Sequence,
}

/// The handle of delivery.
#[derive(Clone)]
pub struct Dispatch {
    shared: Arc<Shared>,
}

struct Shared {
    index: Index,
    options: DispatchOptions,
    inboxes: Mutex<HashMap<PartyNumber, Arc<Mailbox>>>,
    streams: AtomicU64,
    /// Wakes whoever keeps the endpoints' workers.
    endpoints_changed: Notify,
}

struct Mailbox {
    inbox: Mutex<Inbox>,
    /// Wakes the streams that wait for a delivery or for room.
    changed: Notify,
    /// How the party's endpoint fares; none while it has none.
    health: Mutex<Option<PushHealth>>,
}

impl Mailbox {
    fn health(&self) -> MutexGuard<'_, Option<PushHealth>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch {
    /// Delivery from the queues of `index`.
    pub fn new(index: Index, options: DispatchOptions) -> Self {
        let (inboxes, streams) = (Mutex::default(), AtomicU64::new(0));
        let endpoints_changed = Notify::new();
        Self { shared: Arc::new(Shared { index, options, inboxes, streams, endpoints_changed }) }
    }

    /// Opens a party's inbox as a stream with room for `window` unacknowledged deliveries.
    pub fn open(&self, party: PartyNumber, window: usize) -> InboxStream {
        let opened = self.open_unseen(party, window);
        opened.touch();
        opened
    }

    /// The same for a worker of the bus's own, which says nothing of whether the party is there and
    /// keeps what it holds however long it does not move.
    fn open_unseen(&self, party: PartyNumber, window: usize) -> InboxStream {
        let stream = Holder::Stream(self.shared.streams.fetch_add(1, Ordering::Relaxed));
        let mailbox = self.mailbox(party);
        InboxStream { dispatch: self.clone(), mailbox, party, stream, window }
    }

    /// Leases up to `max` deliveries for a time, to a client without a stream.
    ///
    /// # Errors
    /// [`IndexError`] if the queue cannot be read.
    pub fn fetch(
        &self,
        party: PartyNumber,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Leased>, IndexError> {
        let mailbox = self.mailbox(party);
        let holder = Holder::Until(Instant::now() + lease);
        mailbox.lock().call();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(leased) = self.take(&mailbox, party, holder)?
        {
            taken.push(leased);
        }
        Ok(taken)
    }

    /// Ends the lease of a delivery whose acknowledgement is durable, as the record `taken`. That
    /// its receiver takes deliveries is counted when the queue has dropped it, whether or not this
    /// is called.
    pub fn settled(&self, party: PartyNumber, delivery: Sequence, taken: Sequence) {
        let mailbox = self.mailbox(party);
        mailbox.lock().settle(delivery, taken);
        mailbox.changed.notify_waiters();
    }

    /// Frees the leases that have run out, and those of streams that nobody reads. Called every second or so.
    pub fn expire(&self, now: Instant) {
        let mailboxes: Vec<_> = self.inboxes().values().cloned().collect();
        for mailbox in mailboxes {
            if mailbox.lock().expire(now, self.shared.options.max_stream_silence) {
                mailbox.changed.notify_waiters();
            }
        }
    }

    /// How a party's systems are seen, since this was asked last.
    fn presence(&self, party: PartyNumber) -> Presence {
        let mailbox = self.mailbox(party);
        let mut inbox = mailbox.lock();
        let is_there = inbox.was_there(Instant::now(), self.shared.options.max_stream_silence);
        let settled = inbox.taken_count();
        drop(inbox);
        // An endpoint is there until it fails.
        let push = *mailbox.health();
        let failing = push.filter(|health| health.consecutive_failures > 0);
        let is_there = is_there || push.is_some() && failing.is_none();
        let next = failing.and_then(|health| health.next_attempt_at);
        Presence { is_there, settled, next_attempt_ms: next.map(|at| at.as_millisecond()) }
    }

    /// What the streams of a party have.
    fn stream_leases(&self, party: PartyNumber) -> Vec<StreamLease> {
        self.mailbox(party).lock().stream_leases().collect()
    }

    /// The deliveries that are to be held. They are handed out to nobody until they have left the
    /// queue or are [pardoned](Self::pardon). Asked for every second or so.
    pub fn untaken(&self) -> Vec<Untaken> {
        let mut untaken = Vec::new();
        let mailboxes: Vec<_> =
            self.inboxes().iter().map(|(party, mailbox)| (*party, Arc::clone(mailbox))).collect();
        for (party, mailbox) in mailboxes {
            let inbox = mailbox.lock();
            let of_party = inbox.condemned();
            untaken.extend(of_party.map(|(sequence, case)| Untaken { party, case, sequence }));
        }
        untaken
    }

    /// A delivery cannot be held: it is a notice, or is about to leave its queue. It is handed out
    /// when there is nothing else, and asked for no more.
    pub fn pardon(&self, untaken: Untaken) {
        let mailbox = self.mailbox(untaken.party);
        mailbox.lock().pardon(untaken.sequence);
        mailbox.changed.notify_waiters();
    }

    /// How many deliveries of a party are on lease.
    pub fn leased_count(&self, party: PartyNumber) -> usize {
        self.mailbox(party).lock().leased()
    }

    /// How many deliveries of a party are in memory: ready, set aside or on lease. Bounded, however
    /// long the queue is.
    pub fn in_memory_count(&self, party: PartyNumber) -> usize {
        self.mailbox(party).lock().len()
    }

    /// Whether a delivery of a party is on lease.
    pub fn is_leased(&self, party: PartyNumber, delivery: Sequence) -> bool {
        self.mailbox(party).lock().is_leased(delivery)
    }

    /// How a party's endpoint fares; none while it has none, or before it was first looked at.
    pub fn push_health(&self, party: PartyNumber) -> Option<PushHealth> {
        *self.mailbox(party).health()
    }

    fn inboxes(&self) -> MutexGuard<'_, HashMap<PartyNumber, Arc<Mailbox>>> {
        self.shared.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mailbox(&self, party: PartyNumber) -> Arc<Mailbox> {
        if let Some(mailbox) = self.inboxes().get(&party) {
            return Arc::clone(mailbox);
        }
        // Asked for while nobody waits for the mailboxes: the index may be writing.
        let indexed = self.shared.index.applied().map_or(Sequence(0), |applied| applied.sequence);
        let DispatchOptions { max_ready_per_party, max_failed_attempts, .. } = self.shared.options;
        let inbox = Inbox::new(max_ready_per_party, max_failed_attempts, indexed);
        let (inbox, changed, health) = (Mutex::new(inbox), Notify::new(), Mutex::default());
        let new = || Arc::new(Mailbox { inbox, changed, health });
        Arc::clone(self.inboxes().entry(party).or_insert_with(new))
    }

    /// Takes the earliest delivery that nobody holds.
    fn take(
        &self,
        mailbox: &Mailbox,
        party: PartyNumber,
        holder: Holder,
    ) -> Result<Option<Leased>, IndexError> {
        let inbox = self.refilled(mailbox, party, 0)?;
        Ok(inbox.and_then(|mut inbox| inbox.take(holder)))
    }

    /// A mailbox with more deliveries ready than are passed over, as far as there are any; none
    /// while too many are on lease.
    fn refilled<'m>(
        &self,
        mailbox: &'m Mailbox,
        party: PartyNumber,
        passed_over: usize,
    ) -> Result<Option<MutexGuard<'m, Inbox>>, IndexError> {
        let mut inbox = mailbox.lock();
        if inbox.leased() >= self.shared.options.max_leased_per_party {
            return Ok(None);
        }
        // More than one page where all of a page is on lease.
        while let Some(after) = inbox.wants_more(passed_over) {
            let limit = self.shared.options.max_ready_per_party;
            let queued = self.shared.index.deliveries(party, after, limit)?;
            let all = queued.len() < limit;
            inbox.refill(queued.into_iter().map(|queued| (queued.key, queued.case)), all);
        }
        Ok(Some(inbox))
    }
}

impl QueueObserver for Dispatch {
    fn queues_changed(&self, operations: &[QueueOp]) {
        let mut touched: HashMap<PartyNumber, Arc<Mailbox>> = HashMap::new();
        let is_of_endpoint = |operation: &QueueOp| matches!(operation, QueueOp::SetEndpoint { .. });
        if operations.iter().any(is_of_endpoint) {
            self.shared.endpoints_changed.notify_waiters();
        }
        for (at, operation) in operations.iter().enumerate() {
            let (party, change) = match operation {
                QueueOp::AddDelivery { to, key, case, mark: _ } => (*to, Change::In(*key, *case)),
                QueueOp::RemoveDelivery { to, key, taken: None }
                    if comes_back(*to, *key, &operations[at + 1..]) =>
                {
                    continue;
                }
                QueueOp::RemoveDelivery { to, key, taken } => (*to, Change::Out(*key, *taken)),
                // Its receiver has taken it after all.
                QueueOp::RemoveHeld { to, key, taken: Some(taken) } => {
                    (*to, Change::Out(*key, Some(*taken)))
                }
                QueueOp::AddHeld { .. }
                | QueueOp::RemoveHeld { taken: None, .. }
                | QueueOp::AddObligation { .. }
                | QueueOp::RemoveObligation { .. }
                | QueueOp::AddStanding { .. }
                | QueueOp::RemoveStanding { .. }
                | QueueOp::AddExpiry { .. }
                | QueueOp::RemoveExpiry { .. }
                | QueueOp::AddSaid(_)
                | QueueOp::Swept(_)
                | QueueOp::AddNotice { .. }
                | QueueOp::TakeNotice { .. }
                | QueueOp::AddOutgoing { .. }
                | QueueOp::RemoveOutgoing { .. }
                | QueueOp::AddOutage { .. }
                | QueueOp::SetEndpoint { .. }
                | QueueOp::AddRead { .. } => continue,
            };
            let mailbox = touched.entry(party).or_insert_with(|| self.mailbox(party));
            match change {
                Change::In(key, case) => mailbox.lock().add(key, case),
                Change::Out(key, taken) => mailbox.lock().remove(key, taken),
            }
        }
        for mailbox in touched.values() {
            mailbox.changed.notify_waiters();
        }
    }
}

/// What happens to a queue.
enum Change {
    In(QueueKey, CaseId),
    Out(QueueKey, Option<Sequence>),
}

/// Whether a delivery that leaves its queue is in it again at once, at the same place: its clock was
/// counted anew, which is nothing to whoever holds it.
fn comes_back(party: PartyNumber, place: QueueKey, later: &[QueueOp]) -> bool {
    let next = later.iter().find_map(|operation| match operation {
        QueueOp::AddDelivery { to, key, .. } => ((*to, *key) == (party, place)).then_some(true),
        QueueOp::AddHeld { to, key, .. } => ((*to, *key) == (party, place)).then_some(false),
        QueueOp::RemoveDelivery { .. }
        | QueueOp::RemoveHeld { .. }
        | QueueOp::AddObligation { .. }
        | QueueOp::RemoveObligation { .. }
        | QueueOp::AddStanding { .. }
        | QueueOp::RemoveStanding { .. }
        | QueueOp::AddExpiry { .. }
        | QueueOp::RemoveExpiry { .. }
        | QueueOp::AddSaid(_)
        | QueueOp::Swept(_)
        | QueueOp::AddNotice { .. }
        | QueueOp::TakeNotice { .. }
        | QueueOp::AddOutgoing { .. }
        | QueueOp::RemoveOutgoing { .. }
        | QueueOp::AddOutage { .. }
        | QueueOp::SetEndpoint { .. }
        | QueueOp::AddRead { .. } => None,
    });
    next == Some(true)
}

/// One open inbox. Dropping it frees what it holds at once.
pub struct InboxStream {
    dispatch: Dispatch,
    mailbox: Arc<Mailbox>,
    party: PartyNumber,
    stream: Holder,
    window: usize,
}

impl InboxStream {
    /// Whose inbox it is.
    pub fn party(&self) -> PartyNumber {
        self.party
    }

    /// The next delivery, earliest due first; waits for one, and for room in the window. May be
    /// dropped while waiting without losing a delivery.
    ///
    /// # Errors
    /// [`IndexError`] if the queue cannot be read.
    pub async fn next(&self) -> Result<Leased, IndexError> {
        loop {
            let mut changed = std::pin::pin!(self.mailbox.changed.notified());
            // Enabled before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            if self.in_flight() < self.window
                && let Some(leased) = self.dispatch.take(&self.mailbox, self.party, self.stream)?
            {
                return Ok(leased);
            }
            changed.await;
        }
    }

    /// Says that the stream moves. Whoever serves it calls this again and again, also while there
    /// is nothing to do; the server stops calling it when nobody reads the stream.
    pub fn touch(&self) {
        self.mailbox.lock().touch(self.stream, Instant::now());
    }

    /// Leases the earliest delivery, from a place in the due order on if one is given, that may go;
    /// of those in the window about `passed_over` may not.
    fn take_where(
        &self,
        passed_over: usize,
        from_ms: Option<i64>,
        may_go: impl Fn(QueueKey) -> bool,
    ) -> Result<Option<Leased>, IndexError> {
        let inbox = self.dispatch.refilled(&self.mailbox, self.party, passed_over)?;
        let from_ms = from_ms.unwrap_or(i64::MIN);
        Ok(inbox.and_then(|mut inbox| inbox.take_where(self.stream, from_ms, may_go)))
    }

    /// Frees one delivery that this stream holds. That it was not taken may be laid to it.
    fn give_back(&self, delivery: Sequence, is_to_blame: bool) {
        self.mailbox.lock().give_back(self.stream, delivery, is_to_blame);
        self.mailbox.changed.notify_waiters();
    }

    /// How many deliveries this stream holds unacknowledged.
    pub fn in_flight(&self) -> usize {
        self.mailbox.lock().held_by(self.stream)
    }
}

impl Drop for InboxStream {
    fn drop(&mut self) {
        self.mailbox.lock().release(self.stream);
        if !on(Mutation::ForgetWakeUp) {
            self.mailbox.changed.notify_waiters();
        }
    }
}

/// The place of a delivery in its queue; re-exported for those who show it.
pub type Place = QueueKey;

#[cfg(test)]
mod tests;
