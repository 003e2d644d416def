//! A journal that lives as long as its process: the same contract without
//! files, for tests of whatever stands on the journal. A [`MemoryStore`] plays
//! the disk: it outlives the writer, as a disk outlives a process, and can be
//! told to fill up or to fail a sync.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Appended, Entry, Journal, JournalError, JournalReader, Record, RecordHash, Seq, Tail,
    check_group, record_hash,
};

/// What becomes of the group whose sync fails. After a real failure either may
/// be found, and nobody can say which before reopening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedGroup {
    /// It is not found on reopening.
    Lost,
    /// It is found on reopening.
    Kept,
}

/// The disk of a [`MemoryJournal`]. Clones are handles to the same disk.
#[derive(Clone, Default)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    records: Vec<Record>,
    /// Records readers may see: all but a group kept by a failed sync.
    visible: usize,
    fail_next_sync: Option<FailedGroup>,
    full: bool,
    open: bool,
}

/// The writer of a journal in memory.
pub struct MemoryJournal {
    store: MemoryStore,
    max_record_bytes: u32,
    tail: Tail,
    failed: bool,
}

impl MemoryStore {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the journal on this disk, as a restarted process would.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] while another writer lives.
    pub fn open(&self, max_record_bytes: u32) -> Result<MemoryJournal, JournalError> {
        let mut disk = self.disk();
        if disk.open {
            return Err(JournalError::Locked { path: PATH.into() });
        }
        disk.open = true;
        disk.visible = disk.records.len();
        let tail = disk.records.last().map_or(Tail::EMPTY, |last| Tail {
            next_seq: last.seq.next(),
            last_hash: last.hash,
            last_time_ms: Some(last.time_ms),
        });
        drop(disk);
        Ok(MemoryJournal { store: self.clone(), max_record_bytes, tail, failed: false })
    }

    /// Makes the sync of the next group fail.
    pub fn fail_next_sync(&self, group: FailedGroup) {
        self.disk().fail_next_sync = Some(group);
    }

    /// Fills the disk, or frees it.
    pub fn set_full(&self, full: bool) {
        self.disk().full = full;
    }

    // Each change under the lock is complete in itself, so a thread that
    // panicked while holding it has left nothing half done.
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands where a file would be named.
const PATH: &str = "(memory)";

impl MemoryJournal {
    fn failure() -> JournalError {
        JournalError::Failed {
            operation: "syncing",
            path: PATH.into(),
            reason: "the disk was told to fail".to_owned(),
        }
    }

    fn records_of(&self, group: &[Entry<'_>]) -> Vec<Record> {
        let (mut seq, mut previous): (Seq, RecordHash) = (self.tail.next_seq, self.tail.last_hash);
        let chain = group.iter().map(|entry| {
            let record = Record {
                seq,
                time_ms: entry.time_ms,
                previous,
                hash: record_hash(previous, seq, entry.time_ms, entry.payload),
                payload: entry.payload.to_vec(),
            };
            (seq, previous) = (seq.next(), record.hash);
            record
        });
        chain.collect()
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, group: &[Entry<'_>]) -> Result<Vec<Appended>, JournalError> {
        if self.failed {
            return Err(Self::failure());
        }
        check_group(group, self.tail.last_time_ms, self.max_record_bytes)?;
        let records = self.records_of(group);
        let Some(last) = records.last() else {
            return Ok(Vec::new());
        };
        let tail = Tail {
            next_seq: last.seq.next(),
            last_hash: last.hash,
            last_time_ms: Some(last.time_ms),
        };
        let mut disk = self.store.disk();
        if disk.full {
            return Err(JournalError::DiskFull {
                path: PATH.into(),
                needed_bytes: records.iter().map(|record| record.payload.len() as u64).sum(),
                available_bytes: 0,
            });
        }
        if let Some(outcome) = disk.fail_next_sync.take() {
            if outcome == FailedGroup::Kept {
                disk.records.extend(records);
            }
            drop(disk);
            self.failed = true;
            return Err(Self::failure());
        }
        let appended = records.iter().map(|record| Appended { seq: record.seq, hash: record.hash });
        let appended = appended.collect();
        disk.records.extend(records);
        disk.visible = disk.records.len();
        drop(disk);
        self.tail = tail;
        Ok(appended)
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(MemoryReader { store: self.store.clone() })
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        self.store.disk().open = false;
    }
}

struct MemoryReader {
    store: MemoryStore,
}

impl MemoryReader {
    fn visible(&self) -> u64 {
        self.store.disk().visible as u64
    }
}

impl JournalReader for MemoryReader {
    fn read(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        let disk = self.store.disk();
        let visible = &disk.records[..disk.visible];
        let at = seq.0.checked_sub(Seq::FIRST.0);
        Ok(at.and_then(|at| visible.get(usize::try_from(at).ok()?)).cloned())
    }

    fn scan(
        &self,
        from: Seq,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        // One record at a time, so that the visitor may use the journal.
        for seq in from.max(Seq::FIRST).0..=self.visible() {
            if let Some(record) = self.read(Seq(seq))?
                && visit(record).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Medium, contract_tests};
    use super::*;

    impl Medium for MemoryStore {
        fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
            Ok(Box::new(self.open(Self::MAX_RECORD_BYTES)?))
        }
        fn fail_next_sync(&self) {
            self.fail_next_sync(FailedGroup::Lost);
        }
        fn set_full(&self, full: bool) {
            self.set_full(full);
        }
    }

    contract_tests!(MemoryStore::new());

    #[test]
    fn group_kept_by_a_failed_sync_is_found_only_on_reopening() {
        let store = MemoryStore::new();
        let mut journal = store.open(64).unwrap();
        let reader = journal.reader();
        store.fail_next_sync(FailedGroup::Kept);
        let entry = Entry { time_ms: 1, payload: b"in doubt" };
        journal.append(&[entry]).unwrap_err();
        assert_eq!(reader.read(Seq(1)).unwrap(), None);
        drop(journal);
        let journal = store.open(64).unwrap();
        assert_eq!(journal.tail().next_seq, Seq(2));
        assert_eq!(reader.read(Seq(1)).unwrap().unwrap().payload, b"in doubt");
    }
}
