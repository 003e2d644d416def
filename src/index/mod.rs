//! The index: everything the bus looks up, kept in sled, and the only place that knows sled.
//!
//! Nothing here is the truth. Every entry follows from the journal, and an index that is missing,
//! of another format or in any way doubtful is thrown away and [rebuilt](rebuild()). It therefore
//! never has to be repaired, backed up or trusted beyond what [`Index::open`] has checked.
//!
//! One tree holds all entries, so the cases, the queues and the mark of how far the journal has
//! been applied change in one atomic batch. This module does not decide anything and reads no
//! clock; [`fold()`] says what a record changes, [`Index::apply`] writes it.

mod audit;
mod batch;
mod change;
mod error;
mod fold;
mod home;
mod journaled;
mod keys;
mod notices;
mod quotas;
mod reads;
mod rebuild;
mod slots;
mod store;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::domain::case::Case;
use crate::domain::event::PartyEnrolled;
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};
use crate::domain::ladder::Channel;
use crate::domain::party::PartyNumber;
use crate::records::decode_case;

use home::{Home, State};
use store::storage;

pub use change::{Change, ClockMark, NoteKind, QueueOp, QuotaOp, Said};
pub use error::{Damage, IndexError, WhyFresh};
pub use fold::{FoldError, case_of, fold, queued};
pub use home::{FORMAT_VERSION, boot_id};
pub use rebuild::{BATCH_RECORDS, RebuildError, rebuild};

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
    /// The case; [`NO_CASE`](crate::domain::ladder::NO_CASE) for a notice.
    pub case: CaseId,
    /// The clock that runs until it has arrived, where there is one.
    pub mark: Option<ClockMark>,
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
    /// Its clock, where it has a term.
    pub mark: Option<ClockMark>,
}

/// A notice that is to be sent beside the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outgoing {
    /// The record.
    pub notice: Sequence,
    /// To whom.
    pub party: PartyNumber,
    /// By which way.
    pub channel: Channel,
}

/// A notice in a party's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxNotice {
    /// Its place in the queue, Unix milliseconds.
    pub order_ms: i64,
    /// The record of its acknowledgement, once there is one.
    pub taken: Option<Sequence>,
}

/// What a party has in its queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Acts on their way to it.
    pub deliveries: u64,
    /// Acts on their way to it that are held.
    pub held: u64,
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
    /// Something unreadable was met, or the store hangs.
    damaged: AtomicBool,
    /// The disk refused what was asked of it last.
    refused: AtomicBool,
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

    /// As [`Self::open`], in a boot of the kernel that the caller names; none where it has no name.
    pub(crate) fn open_in_boot(
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
            refused: AtomicBool::new(false),
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

    /// The record of a party's request, if it was accepted as a later act of a case. The request
    /// that opened a case is known by the case, whose id is derived from it.
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
        self.page(range, limit, "a delivery", read_delivery)
    }

    /// The acts on their way to a party up to a place in the due order, the last of them first.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn deliveries_upto(
        &self,
        party: PartyNumber,
        place: QueueKey,
        limit: usize,
    ) -> Result<Vec<QueuedDelivery>, IndexError> {
        let (from, _) = keys::of_party(keys::DELIVERY, party, None);
        let range = (from, Bound::Included(keys::delivery(party, place).to_vec()));
        self.with(|db| {
            let entries = db.range(range).rev().take(limit);
            let item = |entry: Result<(sled::IVec, sled::IVec), sled::Error>| {
                let (key, value) = entry.map_err(storage("read a page"))?;
                read_delivery(&key, &value).ok_or(unreadable("a delivery"))
            };
            entries.map(item).collect()
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
            let (case, hop, mark) = values::read_obligation(value)?;
            Some(Obligation { key, case, hop, mark })
        })
    }

    /// What is held with a party, earliest due first, from the first beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn held(
        &self,
        party: PartyNumber,
        after: Option<QueueKey>,
        limit: usize,
    ) -> Result<Vec<QueuedDelivery>, IndexError> {
        let after = after.map(|after| keys::held(party, after));
        let range = keys::of_party(keys::HELD, party, after.as_ref().map(|key| &key[..]));
        let held = self.page(range, limit, "a held delivery", read_held)?;
        Ok(held.into_iter().map(|(_, delivery)| delivery).collect())
    }

    /// What is held with anyone, party by party in the order of their numbers, from the first
    /// beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn held_with_all(
        &self,
        after: Option<(PartyNumber, QueueKey)>,
        limit: usize,
    ) -> Result<Vec<(PartyNumber, QueuedDelivery)>, IndexError> {
        let after = after.map(|(party, key)| keys::held(party, key));
        let range = keys::all_of(keys::HELD, after.as_ref().map(|key| &key[..]));
        self.page(range, limit, "a held delivery", read_held)
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
            Some(PartyEnrolled { number, party: values::read_enrolment(value)? })
        })
    }

    /// The record that registered a party's endpoint; none while it has none.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn endpoint(&self, party: PartyNumber) -> Result<Option<Sequence>, IndexError> {
        let range = keys::of_party(keys::ENDPOINT, party, None);
        self.with(|db| {
            let Some(entry) = db.range(range).next_back() else { return Ok(None) };
            let (key, value) = entry.map_err(storage("read an endpoint"))?;
            let (_, sequence) = keys::parse_endpoint(&key).ok_or(unreadable("an endpoint"))?;
            let registered = values::read_registered(&value).ok_or(unreadable("an endpoint"))?;
            Ok(registered.then_some(sequence))
        })
    }

    /// Every party that has an endpoint, with the record that registered it.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn endpoints(&self) -> Result<BTreeMap<PartyNumber, Sequence>, IndexError> {
        let range = keys::all_of(keys::ENDPOINT, None);
        let set = self.page(range, usize::MAX, "an endpoint", |key, value| {
            Some((keys::parse_endpoint(key)?, values::read_registered(value)?))
        })?;
        let mut endpoints = BTreeMap::new();
        // In the order of the journal within a party, so that the last one stands.
        for ((party, sequence), registered) in set {
            if registered {
                endpoints.insert(party, sequence);
            } else {
                endpoints.remove(&party);
            }
        }
        Ok(endpoints)
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
            for entry in db.range(keys::all_of(keys::HELD, None)).keys() {
                let key = entry.map_err(storage("count held deliveries"))?;
                let (party, _) = keys::parse_held(&key).ok_or(unreadable("a held delivery"))?;
                counts.entry(party).or_default().held += 1;
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
    /// What was said goes before the batch: there may be a thousand entries to a record, and nobody
    /// reads while sled takes a batch in. An entry is never taken back, so one that is there before
    /// its record is applied is written over by the replay of that record.
    ///
    /// The batch survives the death of the process only once it was handed to the kernel, within
    /// half a second or by [`flush`](Self::flush); until then the journal replays it.
    ///
    /// # Errors
    /// [`IndexError::OutOfOrder`], [`IndexError::Unwritable`], [`IndexError::TooLarge`],
    /// [`IndexError::Closed`]: nothing was applied. [`IndexError::Storage`]: it is not known.
    pub fn apply(&self, changes: &[Change]) -> Result<(), IndexError> {
        let mut applied = self.inner.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((last, batch)) = batch::of(
            *applied,
            changes,
            |key| self.quota(key),
            || self.swept(),
            || self.last_slot(),
        )?
        else {
            return Ok(());
        };
        let said = batch::said(changes);
        self.with(|db| {
            for key in said {
                db.insert(key, &[]).map_err(storage("apply what was said"))?;
            }
            db.apply_batch(batch).map_err(storage("apply changes"))
        })?;
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

    /// Everything that is there, by key, to be held against another index.
    pub(crate) fn entries(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, IndexError> {
        self.with(|db| {
            let entry = |entry: Result<(sled::IVec, sled::IVec), sled::Error>| {
                let (key, value) = entry.map_err(storage("read everything"))?;
                Ok((key.to_vec(), value.to_vec()))
            };
            db.iter().map(entry).collect()
        })
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
        let db = slot.as_ref().ok_or(IndexError::Closed)?;
        // Nothing of ours is half done by then: an operation reads, or writes what the replay
        // of the same records writes again.
        let operated = catch_unwind(AssertUnwindSafe(|| operation(db)));
        let result = operated.unwrap_or(Err(IndexError::Panicked));
        if result.as_ref().is_err_and(IndexError::shows_damage) {
            self.doubt();
        }
        let is_refused = result.as_ref().is_err_and(IndexError::is_of_the_disk);
        if self.is_refused() != is_refused {
            self.inner.refused.store(is_refused, Ordering::Release);
        }
        result
    }

    /// Has the next opening begin anew. It waits for nothing that the store does, so it may be said
    /// of one that hangs.
    pub fn doubt(&self) {
        if !self.inner.damaged.swap(true, Ordering::AcqRel) {
            // Without the note the next opening still reads the whole index through.
            let _noted = self.inner.home.write_state(&State::Damaged);
        }
    }

    /// Whether the disk has refused what was asked of it last.
    pub fn is_refused(&self) -> bool {
        self.inner.refused.load(Ordering::Acquire)
    }

    /// Whether the next opening begins anew, because something unreadable was met.
    pub fn is_doubted(&self) -> bool {
        self.inner.damaged.load(Ordering::Acquire)
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

fn read_delivery(key: &[u8], value: &[u8]) -> Option<QueuedDelivery> {
    let (_, key) = keys::parse_delivery(key)?;
    let (case, mark) = values::read_delivery(value)?;
    Some(QueuedDelivery { key, case, mark })
}

fn read_held(key: &[u8], value: &[u8]) -> Option<(PartyNumber, QueuedDelivery)> {
    let (party, key) = keys::parse_held(key)?;
    let (case, mark) = values::read_delivery(value)?;
    Some((party, QueuedDelivery { key, case, mark }))
}

fn unreadable(entry: &'static str) -> IndexError {
    IndexError::Unreadable { entry }
}
