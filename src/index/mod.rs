//! The index: everything the bus looks up, kept in sled, and the only place that knows sled.
//!
//! Nothing here is the truth. Every entry follows from the journal, and an index that is missing,
//! of another format or in any way doubtful is thrown away and [rebuilt](rebuild()). It therefore
//! never has to be repaired, backed up or trusted beyond what [`Index::open`] has checked.
//!
//! One tree holds all entries, so the cases, the queues and the mark of how far the journal has
//! been applied change in one atomic batch. This module does not decide anything and reads no
//! clock; [`fold()`] says what a record changes, [`Index::apply`] writes it.

mod fold;
mod home;
mod keys;
mod rebuild;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::domain::case::Case;
use crate::domain::event::PartyEnrolled;
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};
use crate::domain::party::PartyNumber;
use crate::records::{RecordError, decode_case, encode_case};

use home::{Home, State};
use store::storage;

pub use fold::{Change, FoldError, QueueOp, case_of, fold, queued};
pub use home::FORMAT_VERSION;
pub use rebuild::{BATCH_RECORDS, RebuildError, rebuild};

/// The largest value written, in bytes. sled puts much larger ones into files that it does not
/// sync; a case cannot come near this.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// How the index is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOptions {
    /// The memory that sled may use for pages, in bytes.
    pub cache_bytes: u64,
}

impl Default for IndexOptions {
    /// 32 MiB; sled's own default is a gibibyte.
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024 }
    }
}

/// Up to which record of the journal the index is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The record.
    pub sequence: Sequence,
    /// Its hash, by which the index and the journal are known to belong together.
    pub hash: [u8; 32],
}

/// An index, open.
#[derive(Debug)]
pub struct Opened {
    /// The index.
    pub index: Index,
    /// How far the journal has been applied; none when nothing has been.
    pub applied: Option<Applied>,
    /// Why the index begins anew, for the log; none when it is the one that was left.
    pub fresh: Option<WhyFresh>,
}

/// Why an index begins anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyFresh {
    /// There was none, or nothing had been applied to it.
    #[error("there was no index yet")]
    Missing,
    /// It was written by a release with another format.
    #[error("the index had format {found}, this release writes {FORMAT_VERSION}")]
    OtherFormat {
        /// The format it had.
        found: u32,
    },
    /// It was in use when the machine stopped, and may lack what had not reached the disk.
    #[error("the index was in use when the machine went down")]
    PowerLoss,
    /// It cannot be read, or is not what it was.
    #[error("the index was damaged: {0}")]
    Damaged(Damage),
}

/// In which way an index is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file that says how it was left.
    #[error("how it was left cannot be read")]
    State,
    /// A file changed, came or went while the index was closed.
    #[error("{file} is not as it was when the index was closed")]
    Changed {
        /// The file, below the index's data.
        file: String,
    },
    /// The process died while the index was being opened.
    #[error("the process died while opening it")]
    DiedOpening,
    /// Something unreadable was met while the index was in use.
    #[error("unreadable entries were met while it was in use")]
    FoundInUse,
    /// sled cannot open or read it.
    #[error("the store does not open: {reason}")]
    Unopenable {
        /// What sled said.
        reason: String,
    },
    /// An entry is none that an index has.
    #[error("an entry is unreadable")]
    Entry,
    /// It is not empty, but does not say how far the journal was applied.
    #[error("it does not say up to which record it was applied")]
    Applied,
}

/// Why the index refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The path is no directory.
    #[error("{} is not a directory; name one in which the index may keep its files", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The directory holds files, but no index. Nothing in it was touched.
    #[error(
        "{} holds other files and no index of this program; nothing in it was touched; name an \
         empty or missing directory", path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// Another process, or another handle of this one, has the index open.
    #[error(
        "the index {} is in use by another process; stop that one, or give this one a directory \
         of its own", path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory or a file in it cannot be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// sled failed. Repeating is useless in this process; on the next opening the index is
    /// inspected and, if need be, begins anew.
    #[error("the index failed to {operation}: {source}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// What sled said.
        source: Box<sled::Error>,
    },
    /// A case that cannot be written: a broken invariant.
    #[error("case {case} cannot be kept in the index: {source}")]
    Unwritable {
        /// The case.
        case: CaseId,
        /// Why.
        source: RecordError,
    },
    /// A value over the limit of 16 KiB: a broken invariant.
    #[error("case {case} takes {bytes} bytes, over the index's limit of {MAX_VALUE_BYTES}")]
    TooLarge {
        /// The case.
        case: CaseId,
        /// Its record's size.
        bytes: usize,
    },
    /// An entry that cannot be read. The index begins anew when it is opened next.
    #[error("{entry} in the index is unreadable; restart, and the index is rebuilt")]
    Unreadable {
        /// What kind of entry.
        entry: &'static str,
    },
    /// Changes that do not follow the last record applied: a broken invariant. Nothing was
    /// applied.
    #[error("record {found} was to be applied where record {expected} is next")]
    OutOfOrder {
        /// The record that is next.
        expected: Sequence,
        /// The record that was given.
        found: Sequence,
    },
    /// The index has been closed.
    #[error("the index is closed")]
    Closed,
}

/// A delivery's place in its receiver's queue: by due instant, then by journal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// The place in due order, Unix milliseconds.
    pub order_ms: i64,
    /// The act, which names the delivery too.
    pub sequence: Sequence,
}

/// An act on its way to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedDelivery {
    /// Its place.
    pub key: QueueKey,
    /// The case.
    pub case: CaseId,
}

/// An obligation's place in its holder's queue: by due instant, those without a term last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObligationKey {
    /// The due instant, Unix milliseconds, or [`Self::NO_TERM_MS`].
    pub due_ms: i64,
    /// The record that opened the hop.
    pub opened_by: Sequence,
    /// How many hops of the case the same record opened before this one.
    pub ordinal: u8,
}

impl ObligationKey {
    /// Stands for a hop whose text states no term.
    pub const NO_TERM_MS: i64 = i64::MAX;
}

/// A hop that its holder has to discharge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obligation {
    /// Its place.
    pub key: ObligationKey,
    /// The case.
    pub case: CaseId,
    /// The hop.
    pub hop: HopId,
}

/// What a party has in its queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Acts on their way to it.
    pub deliveries: u64,
    /// Hops it has to discharge.
    pub obligations: u64,
}

/// A handle to the index. Clones are cheap, name the same index, and may be used from any thread.
///
/// One reader's page may see a batch that another page does not: only single reads and single
/// batches are atomic.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    home: Home,
    /// None once the index is closed.
    db: RwLock<Option<sled::Db>>,
    /// The last record of the last batch. Held while a batch is written, so batches never mix.
    applied: Mutex<Option<Applied>>,
    /// Something unreadable was met.
    damaged: AtomicBool,
}

impl Index {
    /// Opens the index of a directory, which is created if it is missing.
    ///
    /// An index that was closed is checked by the checksums of its files; one whose process died
    /// is read through once. Whatever cannot be trusted is removed and begins anew. It is then up
    /// to the caller to [`rebuild`](rebuild()), as it is to apply what the journal holds beyond
    /// [`Opened::applied`].
    ///
    /// # Errors
    /// [`IndexError::NotADirectory`], [`IndexError::Foreign`], [`IndexError::Locked`],
    /// [`IndexError::Io`] and, where even an empty store does not open, [`IndexError::Storage`].
    pub fn open(dir: &Path, options: &IndexOptions) -> Result<Opened, IndexError> {
        Self::open_in_boot(dir, options, home::boot_id())
    }

    fn open_in_boot(
        dir: &Path,
        options: &IndexOptions,
        boot: Option<String>,
    ) -> Result<Opened, IndexError> {
        let (home, verdict) = Home::enter(dir, boot.as_deref())?;
        let store::Store { db, applied, fresh } = store::open(&home, verdict, options)?;
        home.write_state(&State::Open { boot })?;
        let inner = Inner {
            home,
            db: RwLock::new(Some(db)),
            applied: Mutex::new(applied),
            damaged: AtomicBool::new(false),
        };
        Ok(Opened { index: Self { inner: Arc::new(inner) }, applied, fresh })
    }

    /// How far the journal has been applied.
    pub fn applied(&self) -> Option<Applied> {
        *self.inner.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A case by its id.
    ///
    /// # Errors
    /// [`IndexError::Storage`], [`IndexError::Unreadable`], [`IndexError::Closed`]; so for every
    /// query.
    pub fn case(&self, id: CaseId) -> Result<Option<Case>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::case(id)).map_err(storage("read a case"))?;
            value.map(|value| decode_case(&value).map_err(|_| unreadable("a case"))).transpose()
        })
    }

    /// The record of a party's request, if it was accepted.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn request(
        &self,
        party: PartyNumber,
        request: RequestId,
    ) -> Result<Option<Sequence>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::request(party, request)).map_err(storage("read a request"))?;
            let sequence = |value: sled::IVec| {
                let bytes = value.as_ref().try_into().map_err(|_| unreadable("a request"))?;
                Ok(Sequence(u64::from_le_bytes(bytes)))
            };
            value.map(sequence).transpose()
        })
    }

    /// The acts on their way to a party, in due order, from the first beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn deliveries(
        &self,
        party: PartyNumber,
        after: Option<QueueKey>,
        limit: usize,
    ) -> Result<Vec<QueuedDelivery>, IndexError> {
        let after = after.map(|key| keys::delivery(party, key));
        let range = keys::of_party(keys::DELIVERY, party, after.as_ref().map(|key| &key[..]));
        self.page(range, limit, "a delivery", |key, value| {
            let (_, key) = keys::parse_delivery(key)?;
            Some(QueuedDelivery { key, case: CaseId(value.try_into().ok()?) })
        })
    }

    /// What a party has to do, in due order, from the first beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn obligations(
        &self,
        party: PartyNumber,
        after: Option<ObligationKey>,
        limit: usize,
    ) -> Result<Vec<Obligation>, IndexError> {
        let after = after.map(|key| keys::obligation(party, key));
        let range = keys::of_party(keys::OBLIGATION, party, after.as_ref().map(|key| &key[..]));
        self.page(range, limit, "an obligation", |key, value| {
            let (_, key) = keys::parse_obligation(key)?;
            let (case, hop) = store::read_obligation(value)?;
            Some(Obligation { key, case: CaseId(case), hop })
        })
    }

    /// The cases in the order of their ids, from the first beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn cases(&self, after: Option<CaseId>, limit: usize) -> Result<Vec<Case>, IndexError> {
        let range = keys::all_of(keys::CASE, after.map(keys::case).as_ref().map(|key| &key[..]));
        self.page(range, limit, "a case", |_, value| decode_case(value).ok())
    }

    /// The parties that were enrolled, by number.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn enrolments(&self) -> Result<Vec<PartyEnrolled>, IndexError> {
        let range = keys::all_of(keys::ENROLMENT, None);
        self.page(range, usize::MAX, "an enrolment", |key, value| {
            let number = keys::parse_enrolment(key)?;
            Some(PartyEnrolled { number, party: store::read_enrolment(value)? })
        })
    }

    /// What every party has in its queues. It reads all of both queues, so it is for a start and
    /// for the operator, not for every answer.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn counts(&self) -> Result<BTreeMap<PartyNumber, Counts>, IndexError> {
        let mut counts: BTreeMap<PartyNumber, Counts> = BTreeMap::new();
        self.with(|db| {
            for entry in db.range(keys::all_of(keys::DELIVERY, None)).keys() {
                let key = entry.map_err(storage("count deliveries"))?;
                let (party, _) = keys::parse_delivery(&key).ok_or(unreadable("a delivery"))?;
                counts.entry(party).or_default().deliveries += 1;
            }
            for entry in db.range(keys::all_of(keys::OBLIGATION, None)).keys() {
                let key = entry.map_err(storage("count obligations"))?;
                let (party, _) = keys::parse_obligation(&key).ok_or(unreadable("an obligation"))?;
                counts.entry(party).or_default().obligations += 1;
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// Applies the changes of consecutive records as one atomic batch. Where several of them write
    /// the same key only the last is written, so a case is written once however often it changed.
    ///
    /// The batch survives the death of the process only once it was handed to the kernel, within
    /// half a second or by [`flush`](Self::flush); until then the journal replays it.
    ///
    /// # Errors
    /// [`IndexError::OutOfOrder`], [`IndexError::Unwritable`], [`IndexError::TooLarge`],
    /// [`IndexError::Closed`]: nothing was applied. [`IndexError::Storage`]: it is not known.
    pub fn apply(&self, changes: &[Change]) -> Result<(), IndexError> {
        let mut applied = self.inner.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = check_order(*applied, changes)? else {
            return Ok(());
        };
        let mut batch = sled::Batch::default();
        write_cases(&mut batch, changes)?;
        for change in changes {
            write_entries(&mut batch, change);
        }
        batch.insert(keys::APPLIED, store::write_applied(last));
        self.with(|db| db.apply_batch(batch).map_err(storage("apply changes")))?;
        *applied = Some(last);
        Ok(())
    }

    /// Hands everything applied so far to the kernel, so that it survives the process.
    ///
    /// # Errors
    /// [`IndexError::Storage`], [`IndexError::Closed`].
    pub fn flush(&self) -> Result<(), IndexError> {
        self.with(|db| db.flush().map(drop).map_err(storage("flush")))
    }

    /// Closes the index for every clone of the handle: writes everything to the disk, and notes
    /// that it did, so that the next opening need not doubt it. Closing again does nothing.
    ///
    /// # Errors
    /// [`IndexError::Storage`], [`IndexError::Io`]; the index is closed, but not noted as such.
    pub fn close(&self) -> Result<(), IndexError> {
        let mut slot = self.inner.db.write().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = slot.take() else { return Ok(()) };
        let flushed = db.flush();
        store::release(&self.inner.home, db);
        flushed.map_err(storage("flush"))?;
        if self.inner.damaged.load(Ordering::Acquire) {
            return Ok(());
        }
        let closed = self.inner.home.sync_files()?;
        self.inner.home.write_state(&closed)
    }

    fn page<T>(
        &self,
        range: keys::Range,
        limit: usize,
        what: &'static str,
        read: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, IndexError> {
        self.with(|db| {
            let entries = db.range(range).take(limit);
            let item = |entry: Result<(sled::IVec, sled::IVec), sled::Error>| {
                let (key, value) = entry.map_err(storage("read a page"))?;
                read(&key, &value).ok_or(unreadable(what))
            };
            entries.map(item).collect()
        })
    }

    /// Runs one operation on the store. Where it shows damage, that is noted at once, because the
    /// process may not get to close the index.
    fn with<T>(
        &self,
        operation: impl FnOnce(&sled::Db) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let slot = self.inner.db.read().unwrap_or_else(PoisonError::into_inner);
        let result = operation(slot.as_ref().ok_or(IndexError::Closed)?);
        if result.as_ref().is_err_and(shows_damage)
            && !self.inner.damaged.swap(true, Ordering::AcqRel)
        {
            // Without the note the next opening still reads the whole index through.
            let _noted = self.inner.home.write_state(&State::Damaged);
        }
        result
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("home", &self.inner.home)
            .field("applied", &self.applied().map(|applied| applied.sequence))
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Lets go of the store without noting that it was closed; the next opening inspects it.
    fn drop(&mut self) {
        let slot = self.db.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = slot.take() {
            store::release(&self.home, db);
        }
    }
}

fn shows_damage(error: &IndexError) -> bool {
    match error {
        IndexError::Unreadable { .. } => true,
        // An operating system that fails says nothing about what is stored.
        IndexError::Storage { source, .. } => !matches!(**source, sled::Error::Io(_)),
        IndexError::NotADirectory { .. }
        | IndexError::Foreign { .. }
        | IndexError::Locked { .. }
        | IndexError::Io { .. }
        | IndexError::Unwritable { .. }
        | IndexError::TooLarge { .. }
        | IndexError::OutOfOrder { .. }
        | IndexError::Closed => false,
    }
}

fn unreadable(entry: &'static str) -> IndexError {
    IndexError::Unreadable { entry }
}

/// The last record of consecutive changes that follow the one applied before; none when there are
/// no changes.
fn check_order(
    applied: Option<Applied>,
    changes: &[Change],
) -> Result<Option<Applied>, IndexError> {
    let mut last = applied;
    for change in changes {
        let expected = Sequence(last.map_or(0, |last| last.sequence.0) + 1);
        let found = change.applied.sequence;
        if found != expected {
            return Err(IndexError::OutOfOrder { expected, found });
        }
        last = Some(change.applied);
    }
    Ok(if changes.is_empty() { None } else { last })
}

/// Writes the last state of every case that changed.
fn write_cases(batch: &mut sled::Batch, changes: &[Change]) -> Result<(), IndexError> {
    let mut written = HashSet::new();
    let mut record = Vec::new();
    for case in changes.iter().rev().filter_map(|change| change.case.as_ref()) {
        if !written.insert(case.id) {
            continue;
        }
        record.clear();
        encode_case(case, &mut record)
            .map_err(|source| IndexError::Unwritable { case: case.id, source })?;
        if record.len() > MAX_VALUE_BYTES {
            return Err(IndexError::TooLarge { case: case.id, bytes: record.len() });
        }
        batch.insert(&keys::case(case.id), &record[..]);
    }
    Ok(())
}

/// Writes everything of a change but its case. A batch keeps the last write of a key, so what one
/// change adds and a later one removes costs one removal.
fn write_entries(batch: &mut sled::Batch, change: &Change) {
    let Change { applied, request, case: _, queue, enrolment } = change;
    if let Some((party, request)) = request {
        let sequence = applied.sequence.0.to_le_bytes();
        batch.insert(&keys::request(*party, *request), &sequence);
    }
    if let Some(PartyEnrolled { number, party }) = enrolment {
        batch.insert(&keys::enrolment(*number), party.as_str());
    }
    for op in queue {
        match *op {
            QueueOp::AddDelivery { to, key, case } => {
                batch.insert(&keys::delivery(to, key), &case.0);
            }
            QueueOp::RemoveDelivery { to, key } => batch.remove(&keys::delivery(to, key)),
            QueueOp::AddObligation { holder, key, case, hop } => {
                let value = [&case.0[..], hop.as_str().as_bytes()].concat();
                batch.insert(&keys::obligation(holder, key), value);
            }
            QueueOp::RemoveObligation { holder, key } => {
                batch.remove(&keys::obligation(holder, key));
            }
        }
    }
}
