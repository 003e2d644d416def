//! Bringing the index up to the journal: all of it when the index is fresh, else what was appended
//! since it was last applied.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::ids::{CaseId, Sequence};
use crate::journal::{JournalError, JournalReader, Record, RecordHash, Seq};
use crate::records::{RecordError, decode_event};

use super::{Applied, Change, FoldError, Index, IndexError, case_of, fold};

/// How many records are applied in one batch, and how often progress is told.
pub const BATCH_RECORDS: usize = 1024;

/// Why the index could not be brought up to the journal. The records before the failing batch
/// stay applied.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index cannot be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A record that this release cannot read.
    #[error("record {sequence} cannot be read: {source}")]
    Record {
        /// The record.
        sequence: Sequence,
        /// Why.
        source: RecordError,
    },
    /// A record that does not follow from the ones before it.
    #[error("the journal contradicts itself: {0}")]
    Fold(#[from] FoldError),
    /// A record that is not chained to the last one applied: the index belongs to another journal.
    #[error(
        "record {sequence} does not follow the record that the index holds last; index and \
         journal do not belong together; remove the index, and it is rebuilt"
    )]
    Diverged {
        /// The record.
        sequence: Sequence,
    },
    /// The journal ends before the record it was to be applied up to.
    #[error("the journal was to be applied up to record {upto}, but ends before it")]
    Short {
        /// The record.
        upto: Sequence,
    },
}

/// Applies the journal's records after the last one applied, up to and including `upto`, and tells
/// after every batch how many of them are done and how many there are. Returns the last record
/// applied, none if there is none.
///
/// # Errors
/// [`RebuildError`].
pub fn rebuild(
    index: &Index,
    reader: &dyn JournalReader,
    upto: Sequence,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Applied>, RebuildError> {
    let before = index.applied();
    let from = Seq(before.map_or(0, |applied| applied.sequence.0) + 1);
    let total = (upto.0 + 1).saturating_sub(from.0);
    if total == 0 {
        return Ok(before);
    }
    let mut replay = Replay { index, last: before, cases: HashMap::new(), changes: Vec::new() };
    let mut outcome = Ok(());
    reader.scan(from, &mut |record| {
        let sequence = record.seq.0;
        outcome = replay.take(&record);
        if outcome.is_ok() && (replay.changes.len() == BATCH_RECORDS || sequence == upto.0) {
            outcome = replay.apply();
            progress(sequence + 1 - from.0, total);
        }
        if outcome.is_err() || sequence >= upto.0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    outcome?;
    if index.applied().is_none_or(|applied| applied.sequence != upto) {
        return Err(RebuildError::Short { upto });
    }
    Ok(index.applied())
}

/// A batch in the making.
struct Replay<'a> {
    index: &'a Index,
    /// The last record folded.
    last: Option<Applied>,
    /// The cases that the batch has changed, which the index does not hold yet.
    cases: HashMap<CaseId, Arc<Case>>,
    changes: Vec<Change>,
}

impl Replay<'_> {
    fn take(&mut self, record: &Record) -> Result<(), RebuildError> {
        let sequence = Sequence(record.seq.0);
        let hash = self.last.map_or(RecordHash::GENESIS.0, |last| last.hash);
        if record.previous.0 != hash {
            return Err(RebuildError::Diverged { sequence });
        }
        let unreadable = |source| RebuildError::Record { sequence, source };
        let event = decode_event(&record.payload).map_err(unreadable)?;
        let at = Timestamp::from_millisecond(record.time_ms)
            .map_err(|_| unreadable(RecordError::Number { field: "time" }))?;
        let before = match case_of(&event) {
            None => None,
            Some(id) => match self.cases.get(&id) {
                Some(case) => Some(Arc::clone(case)),
                None => self.index.case(id)?.map(Arc::new),
            },
        };
        let applied = Applied { sequence, hash: record.hash.0 };
        let change = fold(before.as_deref(), &event, applied, at)?;
        if let Some(case) = &change.case {
            self.cases.insert(case.id, Arc::clone(case));
        }
        self.last = Some(applied);
        self.changes.push(change);
        Ok(())
    }

    fn apply(&mut self) -> Result<(), RebuildError> {
        self.index.apply(&self.changes)?;
        self.changes.clear();
        self.cases.clear();
        Ok(())
    }
}
