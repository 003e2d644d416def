//! The journal: the append-only, hash-chained sequence of records that is the
//! bus's only truth. Everything else on disk is derived from it and may be
//! thrown away.
//!
//! A record is opaque bytes with a sequence number and a time. The journal
//! does not know what a record means, never reads a clock and never decides
//! anything; it promises that what it has accepted is on stable storage, in
//! order, unchanged, and that it says so loudly when that is not true.
//!
//! [`Journal`] and [`JournalReader`] state the contract, `contract` is the
//! suite every implementation passes, [`FileJournal`] keeps segment files and
//! [`MemoryJournal`] keeps nothing beyond its process.

mod directory;
mod error;
mod file;
mod frame;
mod memory;
mod read;
mod recover;
mod segment;
mod storage;
mod verify;

#[cfg(test)]
pub mod contract;
#[cfg(test)]
mod damage_tests;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

pub use error::{Damage, Fault, JournalError};
pub use file::{FileJournal, FileOptions, Opening};
pub use frame::{FORMAT_VERSION, hashed_bytes, read_hashed, record_hash};
pub use memory::{FailedGroup, MemoryJournal, MemoryStore};
pub use recover::Progress;
pub(crate) use storage::Storage;
pub use verify::{VerifyReport, verify, verify_to_read};

/// A record's place in the journal. The first record is number 1 and there
/// are no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The place of the first record.
    pub const FIRST: Self = Self(1);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 by which a record is known and to which the next one is
/// chained; [`record_hash`] says over what. Displayed in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// What the first record is chained to.
    pub const GENESIS: Self = Self([0; 32]);
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHash({self})")
    }
}

/// What the caller wants recorded.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it happened, in Unix milliseconds, by the caller's clock.
    pub time_ms: i64,
    /// The bytes to keep. The journal does not look into them.
    pub payload: &'a [u8],
}

/// Where an entry now stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// Its hash, which a receipt may quote.
    pub hash: RecordHash,
}

/// The end of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The place the next record will take.
    pub next_seq: Seq,
    /// The hash of the last record, [`RecordHash::GENESIS`] in an empty journal.
    pub last_hash: RecordHash,
    /// The time of the last record in Unix milliseconds, `None` in an empty
    /// journal. No later record may be earlier.
    pub last_time_ms: Option<i64>,
}

impl Tail {
    /// The tail of a journal without records.
    pub const EMPTY: Self =
        Self { next_seq: Seq::FIRST, last_hash: RecordHash::GENESIS, last_time_ms: None };
}

/// A record read back, its checksum, hash and place verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub seq: Seq,
    /// When it happened, in Unix milliseconds.
    pub time_ms: i64,
    /// The hash of the record before it.
    pub previous: RecordHash,
    /// Its own hash, over `previous`, `seq`, `time_ms` and `payload`.
    pub hash: RecordHash,
    /// The bytes that were recorded.
    pub payload: Vec<u8>,
}

/// The one writer of a journal.
///
/// # The durability contract
///
/// 1. When [`append`](Self::append) returns `Ok`, every record of the group is
///    on stable storage. No setting weakens this, and an answer may leave the
///    bus only after it.
/// 2. A group is atomic. After a crash at any instant either all its records
///    are found or none, and records of an earlier group are always found.
/// 3. A group that was being appended when the process died may be found on
///    reopening although nobody was told. Callers resolve such an unknown
///    outcome by the permanent ids inside the payloads.
/// 4. After [`JournalError::Failed`] nothing is known about the group, and no
///    later append succeeds: a sync that failed once may claim success the
///    next time without having written the lost pages, so the process must
///    exit and read back what is really there.
/// 5. Every other error of `append` means that nothing was written, and the
///    same journal may be used again.
/// 6. Records are never changed or removed; each is chained to the one before
///    by its hash.
pub trait Journal: Send {
    /// Appends the entries in order as one group and returns their places,
    /// once all of them are on stable storage. An empty group does nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::TimeBackwards`], [`JournalError::RecordTooLarge`] and
    /// [`JournalError::GroupTooLarge`] are the caller's fault;
    /// [`JournalError::DiskFull`] may be tried again once there is space;
    /// [`JournalError::Failed`] ends the process. [`JournalError::fault`]
    /// tells them apart.
    fn append(&mut self, group: &[Entry<'_>]) -> Result<Vec<Appended>, JournalError>;

    /// The end of the journal as of the last successful append.
    fn tail(&self) -> Tail;

    /// A reader that may be used from any thread while this writer appends.
    /// It stays valid when the writer is gone.
    fn reader(&self) -> Arc<dyn JournalReader>;
}

/// Reads a journal, also while it is being appended to. Only records whose
/// sync has returned are visible.
pub trait JournalReader: Send + Sync {
    /// The record at this place, or `None` where there is none (yet).
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] if what is stored there is not what was
    /// appended, [`JournalError::Io`] if it cannot be read.
    fn read(&self, seq: Seq) -> Result<Option<Record>, JournalError>;

    /// Visits the records from `from` on, in order, until the visitor breaks
    /// or the last record that was durable when the scan began.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read); records before the bad place have been
    /// visited by then.
    fn scan(
        &self,
        from: Seq,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError>;
}

/// Refuses a group whose times run backwards or whose records are too large,
/// before anything is written. Every implementation asks this first.
fn check_group(
    group: &[Entry<'_>],
    last_time_ms: Option<i64>,
    max_record_bytes: u32,
) -> Result<(), JournalError> {
    let mut last = last_time_ms;
    for (index, entry) in group.iter().enumerate() {
        if let Some(last_time_ms) = last
            && entry.time_ms < last_time_ms
        {
            return Err(JournalError::TimeBackwards {
                index,
                time_ms: entry.time_ms,
                last_time_ms,
            });
        }
        if entry.payload.len() > max_record_bytes as usize {
            return Err(JournalError::RecordTooLarge {
                index,
                bytes: entry.payload.len(),
                max_bytes: max_record_bytes,
            });
        }
        last = Some(entry.time_ms);
    }
    Ok(())
}
