//! The follower: folds what the writer has made durable into the index, off the path of the
//! answers, and tells the queues' observer once the index has it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use super::{QueueObserver, Watermarks};
use crate::index::{Change, Index, IndexError, QueueOp};
use crate::mutation::{Mutation, on};

/// Changes folded in one batch of the index.
const MAX_BATCH_RECORDS: usize = 1024;

/// The changes between writer and follower, bounded in records.
pub(super) struct Backlog {
    state: Mutex<State>,
    grew: Condvar,
    shrank: Condvar,
    max_records: usize,
    /// Folds where the writer would wait for a thread, if both are driven by one thread.
    inline: OnceLock<Follower>,
}

#[derive(Default)]
struct State {
    groups: VecDeque<Vec<Change>>,
    /// Records pushed and not yet in the index, including those being folded.
    records: usize,
    /// No more will come.
    closed: bool,
    /// Nobody folds any more.
    abandoned: bool,
}

impl State {
    fn batch(&mut self) -> Option<Vec<Change>> {
        let mut batch = self.groups.pop_front()?;
        while batch.len() < MAX_BATCH_RECORDS
            && let Some(group) = self.groups.pop_front()
        {
            batch.extend(group);
        }
        Some(batch)
    }
}

impl Backlog {
    pub(super) fn new(max_records: usize) -> Self {
        Self {
            state: Mutex::default(),
            grew: Condvar::new(),
            shrank: Condvar::new(),
            max_records,
            inline: OnceLock::new(),
        }
    }

    /// Adds a group; waits while the index lags too far behind. False when nobody folds any more.
    pub(super) fn push(&self, group: Vec<Change>) -> bool {
        let mut state = self.lock();
        while state.records >= self.max_records && !state.abandoned {
            state = self.wait_for_fold(state);
        }
        if state.abandoned {
            return false;
        }
        state.records += group.len();
        state.groups.push_back(group);
        drop(state);
        self.grew.notify_one();
        true
    }

    /// Says that no more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.grew.notify_one();
    }

    /// Waits until the index has everything; false when it never will, since nobody folds any more.
    pub(super) fn wait_until_empty(&self) -> bool {
        let mut state = self.lock();
        while state.records > 0 && !state.abandoned {
            state = self.wait_for_fold(state);
        }
        state.records == 0
    }

    /// Leaves the folding to whoever drives the writer too.
    pub(super) fn fold_inline(&self, follower: Follower) {
        // There is one follower, so that the place is free.
        let _ = self.inline.set(follower);
    }

    /// Folds one batch of what waits, where no thread does it; false when nothing waits.
    pub(super) fn step(&self) -> bool {
        let batch = self.lock().batch();
        match (batch, self.inline.get()) {
            (Some(batch), Some(follower)) => {
                follower.fold_or_abandon(&batch, self);
                true
            }
            (_, _) => false,
        }
    }

    fn wait_for_fold<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if self.inline.get().is_none() {
            return self.shrank.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.step();
        self.lock()
    }

    /// Takes what is there, up to a batch; none when nothing will come any more.
    fn take(&self) -> Option<Vec<Change>> {
        let mut state = self.lock();
        while state.groups.is_empty() && !state.closed {
            state = self.grew.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.batch()
    }

    fn folded(&self, records: usize) {
        self.lock().records -= records;
        self.shrank.notify_one();
    }

    fn abandon(&self) {
        self.lock().abandoned = true;
        self.shrank.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything the follower thread owns.
pub(super) struct Follower {
    pub(super) index: Index,
    pub(super) marks: Arc<Watermarks>,
    pub(super) indexed: watch::Sender<u64>,
    pub(super) observer: Arc<dyn QueueObserver>,
}

impl Follower {
    /// Runs until the writer has stopped and everything is folded, or the index has failed. What
    /// is not folded then is folded at the next start.
    pub(super) fn run(self, backlog: &Backlog) {
        let _guard = Abandon { backlog, marks: &self.marks };
        while let Some(batch) = backlog.take() {
            if !self.fold_or_abandon(&batch, backlog) {
                return;
            }
        }
        if let Err(error) = self.index.close() {
            tracing::warn!(%error, "the index was not closed cleanly; it will be checked at the start");
        }
    }

    /// False when the index has failed.
    fn fold_or_abandon(&self, batch: &[Change], backlog: &Backlog) -> bool {
        if let Err(error) = self.fold(batch) {
            tracing::error!(%error, "the index failed; restart the bus, it will be rebuilt");
            self.marks.failed.store(true, Ordering::Release);
            backlog.abandon();
            return false;
        }
        backlog.folded(batch.len());
        true
    }

    fn fold(&self, batch: &[Change]) -> Result<(), IndexError> {
        let batch = match on(Mutation::LoseRequest) {
            true => Cow::Owned(batch.iter().cloned().map(without_request).collect()),
            false => Cow::Borrowed(batch),
        };
        self.index.apply(&batch)?;
        let operations: Vec<QueueOp> =
            batch.iter().flat_map(|change| change.queue.iter().cloned()).collect();
        self.observer.queues_changed(&operations);
        if let Some(last) = batch.last() {
            let sequence = last.applied.sequence.0;
            self.marks.indexed.store(sequence, Ordering::Release);
            self.indexed.send_replace(sequence);
        }
        Ok(())
    }
}

fn without_request(change: Change) -> Change {
    Change { request: None, ..change }
}

/// Ends the engine when the follower panics: the writer would wait for it for ever.
struct Abandon<'a> {
    backlog: &'a Backlog,
    marks: &'a Watermarks,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.marks.failed.store(true, Ordering::Release);
            self.backlog.abandon();
        }
    }
}
