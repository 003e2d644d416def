//! A group: what the writer has decided in a turn, made durable by one write and one sync, and then
//! answered; or refused as a whole.

use std::sync::atomic::Ordering;

use super::EngineError;
use super::answer::{Answer, Later};
use super::writer::Writer;
use crate::domain::Sequence;
use crate::index::Change;
use crate::journal::{Entry, Fault, JournalError};

/// Encoded bytes after which a group is closed; far below any segment, far above what a sync costs.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// Whether what precedes an answer was taken; the reason when it was refused.
pub(super) type Taken = Result<(), EngineError>;

/// A record of the group, with whom to answer once it is durable.
struct Decided {
    change: Change,
    /// Where its encoding ends in the group's bytes.
    end: usize,
    answer: Answer,
}

/// One turn's work.
#[derive(Default)]
pub(super) struct Group {
    /// The encoded records, one after the other.
    pub(super) bytes: Vec<u8>,
    decided: Vec<Decided>,
    pub(super) later: Vec<Later>,
}

impl Group {
    /// Whether it is large enough to be written.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= MAX_GROUP_BYTES
    }

    /// The records in it.
    pub(super) fn len(&self) -> usize {
        self.decided.len()
    }

    /// Adds a record whose encoding is the last of the bytes.
    pub(super) fn push(&mut self, change: Change, answer: Answer) {
        self.decided.push(Decided { change, end: self.bytes.len(), answer });
    }
}

impl Writer {
    /// Appends the group, then answers everyone in it. Gives the reason when it was refused. An
    /// error ends the writer, unanswered.
    pub(super) fn commit(&mut self, now_ms: i64, group: &mut Group) -> Result<Taken, JournalError> {
        let mut start = 0;
        let entries: Vec<_> = group
            .decided
            .iter()
            .map(|decided| {
                let payload = &group.bytes[start..decided.end];
                start = decided.end;
                Entry { time_ms: now_ms, payload }
            })
            .collect();
        let appended = match self.append(&entries, now_ms) {
            Ok(appended) => appended,
            Err(error @ JournalError::Failed { .. }) => return Err(error),
            // Without an index that has everything accepted, nothing more can be decided.
            Err(error) => {
                let told = why(&error);
                tracing::error!(%error, acts = group.len(), "a group was not accepted");
                return if self.refuse(group, &told) { Ok(Err(told)) } else { Err(error) };
            }
        };
        drop(entries);
        self.timetable.keep();
        group.bytes.clear();
        let mut changes = Vec::with_capacity(appended.len());
        let mut answers = Vec::with_capacity(appended.len());
        for (decided, appended) in group.decided.drain(..).zip(appended) {
            let Decided { mut change, answer, .. } = decided;
            change.applied.hash = appended.hash.0;
            answers.push((answer, change.applied));
            changes.push(change);
        }
        if let Some((_, last)) = answers.last() {
            self.marks.durable.store(last.sequence.0, Ordering::Release);
        }
        // Answered before the backlog, which may make the writer wait for the index.
        for (answer, applied) in answers {
            answer.give(applied, now_ms);
        }
        for later in group.later.drain(..) {
            self.answer_later(later);
        }
        if !changes.is_empty() && !self.backlog.push(changes) {
            // What was answered is durable; the next start folds it.
            self.fail();
        }
        Ok(Ok(()))
    }

    /// The same where nothing rests on whether the group was taken: everyone in it was told.
    pub(super) fn flush(&mut self, now_ms: i64, group: &mut Group) -> Result<(), JournalError> {
        let (Ok(()) | Err(_)) = self.commit(now_ms, group)?;
        Ok(())
    }

    /// Ends the engine for good, after what it is doing.
    pub(super) fn fail(&self) {
        self.marks.failed.store(true, Ordering::Release);
    }

    /// Nothing of the group was written: everyone is told so, but for those whose act was durable
    /// before, and the overlay goes back to what the index has. False when the index lacks what
    /// was accepted and never gets it, so that nothing may be decided any more.
    fn refuse(&mut self, group: &mut Group, told: &EngineError) -> bool {
        group.bytes.clear();
        self.timetable.undo();
        let next = Sequence(self.journal.tail().next_seq.0);
        // An outage that was not recorded lasts until it can be.
        let lost = self.outages.iter().find(|outage| outage.sequence >= next);
        let lost_ms = lost.map(|outage| outage.from.as_millisecond());
        self.unrecorded_outage_ms = lost_ms.or(self.unrecorded_outage_ms);
        self.outages.retain(|outage| outage.sequence < next);
        for decided in group.decided.drain(..) {
            self.vitals.queues.take_back(&decided.change.queue);
            decided.answer.refuse(told);
        }
        let whole = self.backlog.wait_until_empty();
        if whole {
            self.overlay.clear();
        }
        for later in group.later.drain(..) {
            match later.repeats() {
                Some(sequence) if whole && sequence < next => self.answer_later(later),
                Some(_) | None => later.refuse(told),
            }
        }
        whole
    }
}

/// What is told of a group that the journal refused.
fn why(error: &JournalError) -> EngineError {
    match error.fault() {
        Fault::Space => EngineError::DiskFull,
        Fault::Caller | Fault::Operator | Fault::Fatal => {
            EngineError::Fault("the journal refused the group")
        }
    }
}
