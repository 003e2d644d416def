//! The journal in segment files.
//!
//! A group is framed into one buffer, written with one call and synced with
//! one `fdatasync`. It never spans two segments, and the blocks of a segment
//! are allocated when the segment is created: a full disk is met between
//! groups, when nothing has been written yet, and never inside one.
//!
//! Sectors are assumed to be written whole or not at all. Nothing else is
//! assumed about the order in which a disk writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::{lock, prepare_directory, unwritable_directory};
use super::frame::{Draft, FRAME_BYTES, HEADER_BYTES, SegmentHeader, frame_bytes};
use super::read::{Catalog, FileReader, INDEX_STEP, SegmentIndex};
use super::recover::{Progress, ScannedSegment, SegmentEnd, scan_directory, tail_of};
use super::segment;
use super::storage::{OsStorage, Storage};
use super::{
    Appended, Entry, Journal, JournalError, JournalReader, RecordHash, Seq, Tail, check_group,
};
use crate::mutation::{Mutation, on};

/// Readers keep offsets in units of eight bytes in a `u32`.
const MAX_SEGMENT_BYTES: u64 = u32::MAX as u64 * 8;
/// The buffer is kept between groups up to this size; a rare huge group does
/// not hold its memory for ever.
const KEPT_BUFFER_BYTES: usize = 4 * 1024 * 1024;
const REPAIR_STEP_BYTES: u64 = 1024 * 1024;

/// How a journal in files is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Size of a segment file, allocated at once. Only a group that would not
    /// fit into an empty segment makes a larger one. May change between runs.
    pub segment_bytes: u64,
    /// The largest payload that is accepted. Larger ones already stored, under
    /// another setting, stay readable.
    pub max_record_bytes: u32,
    /// Free space that must be left when a segment has been created, so that
    /// the rest of the machine and the derived files can go on.
    pub reserve_bytes: u64,
}

impl Default for FileOptions {
    /// Segments of 64 MiB, records up to 1 MiB, a reserve of 64 MiB.
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            max_record_bytes: 1024 * 1024,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What was found on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Segment files, the one to be written included.
    pub segments: usize,
    /// Records, all verified.
    pub records: u64,
    /// Bytes of an unacknowledged group that a crash had left unfinished and
    /// that were cut off.
    pub cut_bytes: u64,
    /// The end of the journal.
    pub tail: Tail,
}

/// The writer of a journal in segment files. It holds a lock on the directory
/// for as long as it lives.
pub struct FileJournal {
    dir: PathBuf,
    options: FileOptions,
    storage: Box<dyn Storage>,
    /// Released when dropped, or when the process ends in whatever way.
    _lock: File,
    segment: OpenSegment,
    tail: Tail,
    catalog: Arc<Catalog>,
    /// The frames of a group; empty between appends.
    buffer: Vec<u8>,
    /// Set once, never cleared: see the durability contract.
    failure: Option<Failure>,
}

/// The segment being written. Every byte behind `end` is zero.
struct OpenSegment {
    file: File,
    path: PathBuf,
    first: Seq,
    mark: u32,
    file_bytes: u64,
    end: u64,
}

struct Failure {
    operation: &'static str,
    path: PathBuf,
    reason: String,
}

impl Failure {
    fn error(&self) -> JournalError {
        JournalError::Failed {
            operation: self.operation,
            path: self.path.clone(),
            reason: self.reason.clone(),
        }
    }
}

impl FileJournal {
    /// Opens the journal in `dir`, creating both if there is none, verifies
    /// every record, cuts off what a crash left unfinished, and makes sure
    /// that everything it reports is on stable storage.
    ///
    /// `known_durable` is the last record that the caller has seen durable in
    /// an earlier run, if it remembers one. `progress` is called after each
    /// segment, from this thread.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Shorter`] and
    /// [`JournalError::Diverged`] leave all files as they are.
    /// [`JournalError::Locked`], [`JournalError::NotADirectory`],
    /// [`JournalError::Unwritable`], [`JournalError::UnknownVersion`],
    /// [`JournalError::StrangeFile`], [`JournalError::SegmentSize`] and
    /// [`JournalError::DiskFull`] say what to put right.
    pub fn open(
        dir: &Path,
        options: FileOptions,
        known_durable: Option<(Seq, RecordHash)>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Opening), JournalError> {
        Self::open_on(Box::new(OsStorage), dir, options, known_durable, progress)
    }

    /// As [`Self::open`], on another storage than the machine's, which may fail at will.
    pub(crate) fn open_on(
        storage: Box<dyn Storage>,
        dir: &Path,
        options: FileOptions,
        known_durable: Option<(Seq, RecordHash)>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Opening), JournalError> {
        options.check()?;
        prepare_directory(storage.as_ref(), dir)?;
        let lock = lock(dir)?;
        segment::remove_unfinished(dir)?;
        let scanned = scan_directory(dir, progress)?;
        let tail = tail_of(&scanned);
        let last = scanned.last().map(ScannedSegment::end);
        let indexes = scanned.into_iter().map(|segment| segment.index).collect();
        let catalog = Arc::new(Catalog::new(indexes, tail.next_seq));
        // Asked before anything is changed: missing records are evidence.
        check_known(dir, &catalog, tail, known_durable)?;
        let segment = match &last {
            Some(last) => settle(storage.as_ref(), dir, last)?,
            None => {
                let segment = create(storage.as_ref(), dir, options, tail, 0)
                    .map_err(unwritable_directory)?;
                catalog.add_segment(segment.index());
                segment
            }
        };
        let opening = Opening {
            segments: catalog.segments(),
            records: tail.next_seq.0 - Seq::FIRST.0,
            cut_bytes: last.map_or(0, |last| last.torn_bytes),
            tail,
        };
        let journal = Self {
            dir: dir.to_owned(),
            options,
            storage,
            _lock: lock,
            segment,
            tail,
            catalog,
            buffer: Vec::new(),
            failure: None,
        };
        Ok((journal, opening))
    }

    /// Goes on in a new segment that has room for a group of this size.
    fn roll(&mut self, group_bytes: u64) -> Result<(), JournalError> {
        let storage = self.storage.as_ref();
        let created = create(storage, &self.dir, self.options, self.tail, group_bytes);
        // Only a lack of space is known to have left everything as it was.
        if let Err(JournalError::Io { operation, path, source }) = created {
            return Err(self.fail(operation, path, &source));
        }
        self.segment = created?;
        self.catalog.add_segment(self.segment.index());
        Ok(())
    }

    /// Frames the group into the buffer; returns the places of its records
    /// and the offsets that readers are to know.
    fn frame(&mut self, group: &[Entry<'_>]) -> (Vec<Appended>, Vec<u32>) {
        self.buffer.clear();
        let mut appended = Vec::with_capacity(group.len());
        let mut offsets = Vec::new();
        let first = self.tail.next_seq;
        let (mut seq, mut previous) = (first, self.tail.last_hash);
        for (index, entry) in group.iter().enumerate() {
            if (seq.0 - self.segment.first.0).is_multiple_of(INDEX_STEP) {
                let offset = self.segment.end + self.buffer.len() as u64;
                offsets.push((offset / 8) as u32);
            }
            let hash = Draft {
                mark: self.segment.mark,
                group: first,
                remaining: (group.len() - index - 1) as u32,
                previous,
                seq,
                time_ms: entry.time_ms,
                payload: entry.payload,
            }
            .push(&mut self.buffer);
            appended.push(Appended { seq, hash });
            previous = hash;
            seq = seq.next();
        }
        (appended, offsets)
    }

    /// Stops the journal for ever.
    fn fail(&mut self, operation: &'static str, path: PathBuf, error: &io::Error) -> JournalError {
        let failure = Failure { operation, path, reason: error.to_string() };
        self.failure.insert(failure).error()
    }
}

impl Journal for FileJournal {
    fn append(&mut self, group: &[Entry<'_>]) -> Result<Vec<Appended>, JournalError> {
        if let Some(failure) = &self.failure {
            return Err(failure.error());
        }
        let Some(last) = group.last() else {
            return Ok(Vec::new());
        };
        check_group(group, self.tail.last_time_ms, self.options.max_record_bytes)?;
        let group_bytes = group_bytes(group)?;
        if group_bytes > self.segment.file_bytes - self.segment.end {
            self.roll(group_bytes)?;
        }

        let (appended, offsets) = self.frame(group);
        let segment = &self.segment;
        let written = self.storage.write_at(&segment.file, &self.buffer, segment.end);
        if let Err(error) = written {
            let path = segment.path.clone();
            return Err(self.fail("writing", path, &error));
        }
        let synced = match on(Mutation::AnswerBeforeSync) {
            true => Ok(()),
            false => self.storage.sync_data(&segment.file),
        };
        if let Err(error) = synced {
            let path = segment.path.clone();
            return Err(self.fail("syncing", path, &error));
        }

        self.segment.end += group_bytes;
        if let Some(appended) = appended.last() {
            self.tail = Tail {
                next_seq: appended.seq.next(),
                last_hash: appended.hash,
                last_time_ms: Some(last.time_ms),
            };
        }
        self.catalog.publish(self.tail.next_seq, self.segment.end, &offsets);
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        Ok(appended)
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(FileReader { catalog: Arc::clone(&self.catalog) })
    }
}

impl FileOptions {
    fn check(self) -> Result<(), JournalError> {
        let min_bytes = (HEADER_BYTES + frame_bytes(self.max_record_bytes as usize)) as u64;
        if (min_bytes..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Ok(());
        }
        Err(JournalError::SegmentSize {
            segment_bytes: self.segment_bytes,
            min_bytes,
            max_bytes: MAX_SEGMENT_BYTES,
        })
    }
}

impl OpenSegment {
    /// What readers know of it before it has records.
    fn index(&self) -> SegmentIndex {
        SegmentIndex {
            path: self.path.as_path().into(),
            first: self.first,
            mark: self.mark,
            end: self.end,
            offsets: Vec::new(),
        }
    }
}

fn group_bytes(group: &[Entry<'_>]) -> Result<u64, JournalError> {
    let frames = group.iter().map(|entry| frame_bytes(entry.payload.len()) as u64);
    let bytes = frames.sum();
    if bytes > MAX_SEGMENT_BYTES - HEADER_BYTES as u64 {
        return Err(JournalError::GroupTooLarge { records: group.len(), bytes });
    }
    // A group within this limit has fewer records than a u32 counts.
    const { assert!(MAX_SEGMENT_BYTES / (FRAME_BYTES as u64) < u32::MAX as u64) };
    Ok(bytes)
}

/// Creates the segment that follows `tail`.
fn create(
    storage: &dyn Storage,
    dir: &Path,
    options: FileOptions,
    tail: Tail,
    group_bytes: u64,
) -> Result<OpenSegment, JournalError> {
    let header = SegmentHeader {
        file_bytes: options.segment_bytes.max(HEADER_BYTES as u64 + group_bytes),
        first: tail.next_seq,
        previous: tail.last_hash,
        previous_time_ms: tail.last_time_ms,
    };
    let (file, path) = segment::create(storage, dir, &header, options.reserve_bytes)?;
    Ok(OpenSegment {
        file,
        path,
        first: header.first,
        mark: header.mark(),
        file_bytes: header.file_bytes,
        end: HEADER_BYTES as u64,
    })
}

/// Compares what was found with what the caller knows to have been durable.
fn check_known(
    dir: &Path,
    catalog: &Arc<Catalog>,
    tail: Tail,
    known: Option<(Seq, RecordHash)>,
) -> Result<(), JournalError> {
    let Some((seq, known)) = known else {
        return Ok(());
    };
    let reader = FileReader { catalog: Arc::clone(catalog) };
    let Some(record) = reader.read(seq)? else {
        return Err(JournalError::Shorter {
            path: dir.to_owned(),
            next_seq: tail.next_seq,
            known: seq,
        });
    };
    if record.hash == known {
        return Ok(());
    }
    Err(JournalError::Diverged { path: dir.to_owned(), seq, found: record.hash, known })
}

/// Brings the end of the journal to stable storage before anyone relies on it.
///
/// The last whole group may never have been synced: its writer may have died
/// between the write and the sync, or because the sync failed. In the second
/// case the system may believe the pages clean although the disk never got
/// them, so the group is written once more, byte for byte, and then synced.
/// The torn bytes behind it become zeros, so that they never pass for a part
/// of the group that will take their place.
fn settle(
    storage: &dyn Storage,
    dir: &Path,
    last: &SegmentEnd,
) -> Result<OpenSegment, JournalError> {
    let path = last.path.to_path_buf();
    let opened = OpenOptions::new().read(true).write(true).open(&path);
    let file = opened.map_err(|source| JournalError::Unwritable { path: path.clone(), source })?;
    let end = last.whole.end;
    let mut buffer = Vec::new();
    let mut rewrite = || {
        for at in (last.whole.last_group..end).step_by(REPAIR_STEP_BYTES as usize) {
            buffer.resize(REPAIR_STEP_BYTES.min(end - at) as usize, 0);
            file.read_exact_at(&mut buffer, at)?;
            storage.write_at(&file, &buffer, at)?;
        }
        let torn_end = end + last.torn_bytes;
        for at in (end..torn_end).step_by(REPAIR_STEP_BYTES as usize) {
            buffer.clear();
            buffer.resize(REPAIR_STEP_BYTES.min(torn_end - at) as usize, 0);
            storage.write_at(&file, &buffer, at)?;
        }
        storage.sync_data(&file)
    };
    let failed = |operation, path: &Path, error: io::Error| JournalError::Failed {
        operation,
        path: path.to_owned(),
        reason: error.to_string(),
    };
    rewrite().map_err(|error| failed("settling", &path, error))?;
    storage.sync_directory(dir).map_err(|error| failed("syncing", dir, error))?;
    Ok(OpenSegment {
        file,
        path,
        first: last.header.first,
        mark: last.header.mark(),
        file_bytes: last.header.file_bytes,
        end,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::super::contract::{Medium, all, assert_whole, contract_tests};
    use super::super::storage::faults::FaultyStorage;
    use super::super::{Fault, verify};
    use super::*;

    /// Segments so small that every test crosses several.
    const SMALL: FileOptions = FileOptions {
        segment_bytes: 720,
        max_record_bytes: Directory::MAX_RECORD_BYTES,
        reserve_bytes: 0,
    };

    struct Directory {
        dir: TempDir,
        storage: FaultyStorage,
    }

    impl Directory {
        fn new() -> Self {
            Self { dir: TempDir::new().unwrap(), storage: FaultyStorage::default() }
        }

        fn open_with(&self, options: FileOptions) -> Result<(FileJournal, Opening), JournalError> {
            let storage = Box::new(self.storage.clone());
            FileJournal::open_on(storage, self.dir.path(), options, None, &mut |_| {})
        }
    }

    impl Medium for Directory {
        fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
            Ok(Box::new(self.open_with(SMALL)?.0))
        }
        fn fail_next_sync(&self) {
            self.storage.fail_next_sync();
        }
        fn set_full(&self, full: bool) {
            self.storage.set_full(full);
        }
    }

    contract_tests!(Directory::new());

    fn open(dir: &Path, options: FileOptions) -> Result<(FileJournal, Opening), JournalError> {
        FileJournal::open(dir, options, None, &mut |_| {})
    }

    fn entry(payload: &[u8]) -> Entry<'_> {
        Entry { time_ms: 0, payload }
    }

    #[test]
    fn group_costs_one_write_and_one_sync() {
        let medium = Directory::new();
        let (mut journal, _) = medium.open_with(FileOptions::default()).unwrap();
        let before = medium.storage.calls();
        let payload = [1; 1024];
        journal.append(&[entry(&payload); 200]).unwrap();
        assert_eq!(medium.storage.calls(), (before.0 + 1, before.1 + 1));
    }

    #[test]
    fn group_larger_than_a_segment_gets_a_larger_one() {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        let payload = [7; 500];
        // Once into an empty segment, which is replaced, and once behind records.
        for _ in 0..2 {
            journal.append(&[entry(&payload); 10]).unwrap();
            journal.append(&[entry(b"small")]).unwrap();
        }
        assert_eq!(all(journal.reader().as_ref()).len(), 22);
        drop(journal);
        let (journal, opening) = open(dir.path(), SMALL).unwrap();
        assert_eq!((opening.records, opening.cut_bytes), (22, 0));
        assert_whole(&all(journal.reader().as_ref()));
    }

    #[test]
    fn reserve_is_not_touched() {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        journal.append(&[entry(b"fits")]).unwrap();
        drop(journal);

        let greedy = FileOptions { reserve_bytes: u64::MAX / 2, ..SMALL };
        let (mut journal, _) = open(dir.path(), greedy).unwrap();
        journal.append(&[entry(b"fits as well")]).unwrap();
        let full = journal.append(&[entry(&[0; 512])]).unwrap_err();
        let JournalError::DiskFull { needed_bytes, .. } = full else {
            panic!("{full}");
        };
        assert_eq!(needed_bytes, u64::MAX / 2 + 720);
        journal.append(&[entry(b"still fits")]).unwrap();
        assert_eq!(journal.tail().next_seq, Seq(4));

        let fresh = TempDir::new().unwrap();
        let full = open(fresh.path(), greedy).map(|_| ()).unwrap_err();
        assert_eq!(full.fault(), Fault::Space);
    }

    #[test]
    fn blocks_that_are_not_to_be_had_leave_no_file_behind() {
        let medium = Directory::new();
        let (mut journal, _) = medium.open_with(SMALL).unwrap();
        journal.append(&[entry(&[1; 300])]).unwrap();
        medium.storage.set_allocation_fails(true);
        let full = journal.append(&[entry(&[2; 300])]).unwrap_err();
        assert_eq!(full.fault(), Fault::Space);
        let names = fs::read_dir(medium.dir.path()).unwrap().count();
        assert_eq!(names, 2, "the segment and the lock");
        medium.storage.set_allocation_fails(false);
        journal.append(&[entry(&[2; 300])]).unwrap();
        assert_eq!(journal.tail().next_seq, Seq(3));
    }

    #[test]
    fn write_broken_off_in_the_middle_is_cut_on_reopening() {
        let medium = Directory::new();
        let (mut journal, _) = medium.open_with(SMALL).unwrap();
        journal.append(&[entry(b"acknowledged")]).unwrap();
        let tail = journal.tail();
        medium.storage.fail_next_write();
        let failed = journal.append(&[entry(b"one"), entry(b"two")]).unwrap_err();
        assert_eq!(failed.fault(), Fault::Fatal);
        let failed = journal.append(&[entry(b"later")]).unwrap_err();
        assert_eq!(failed.fault(), Fault::Fatal);
        drop(journal);

        let (mut journal, opening) = medium.open_with(SMALL).unwrap();
        assert!(opening.cut_bytes > 0);
        assert_eq!(opening.tail, tail);
        journal.append(&[entry(b"next")]).unwrap();
        drop(journal);
        let (_, opening) = medium.open_with(SMALL).unwrap();
        assert_eq!((opening.records, opening.cut_bytes), (2, 0));
    }

    #[test]
    fn acknowledged_record_that_is_gone_or_different_is_noticed() {
        let dir = TempDir::new().unwrap();
        let known = |known| {
            let opened = FileJournal::open(dir.path(), SMALL, known, &mut |_| {});
            opened.map(|(_, opening)| opening.records)
        };
        let stranger = RecordHash([1; 32]);
        let empty = known(Some((Seq(1), stranger))).unwrap_err();
        assert!(matches!(empty, JournalError::Shorter { .. }), "{empty}");

        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        let mut places = Vec::new();
        for _ in 0..20 {
            places.extend(journal.append(&[entry(b"acknowledged")]).unwrap());
        }
        drop(journal);
        for place in &places {
            assert_eq!(known(Some((place.seq, place.hash))).unwrap(), 20);
        }
        let diverged = known(Some((Seq(13), stranger))).unwrap_err();
        assert!(matches!(diverged, JournalError::Diverged { seq: Seq(13), .. }));
        let shorter = known(Some((Seq(21), stranger))).unwrap_err();
        assert!(matches!(shorter, JournalError::Shorter { next_seq: Seq(21), known: Seq(21), .. }));
        assert_eq!(known(None).unwrap(), 20);
    }

    #[test]
    fn places_that_cannot_hold_a_journal_are_named() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"not a directory").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = open(&path, SMALL).map(|_| ()).unwrap_err();
            assert!(
                matches!(&error, JournalError::NotADirectory { path: named } if *named == path)
            );
        }
        let error = verify(&file).unwrap_err();
        assert!(matches!(error, JournalError::NotADirectory { .. }));
        let error = verify(&dir.path().join("missing")).unwrap_err();
        assert!(matches!(error, JournalError::Io { .. }), "{error}");

        let below = dir.path().join("new/journal");
        open(&below, SMALL).unwrap();
        fs::write(below.join("7.kjl"), b"?").unwrap();
        let error = open(&below, SMALL).map(|_| ()).unwrap_err();
        assert!(matches!(error, JournalError::StrangeFile { .. }), "{error}");
    }

    #[test]
    fn unwritable_directory_is_named_with_its_remedy() {
        // /proc refuses files to everyone, the superuser of a build machine included.
        let proc = Path::new("/proc/self");
        let error = open(proc, SMALL).map(|_| ()).unwrap_err();
        assert!(matches!(error, JournalError::Unwritable { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("/proc/self") && text.contains("right to write"));
    }

    #[test]
    fn each_level_of_a_new_directory_is_synced() {
        let medium = Directory::new();
        let open = |dir: &Path| {
            let before = medium.storage.directory_syncs();
            let storage = Box::new(medium.storage.clone());
            FileJournal::open_on(storage, dir, SMALL, None, &mut |_| {}).unwrap();
            medium.storage.directory_syncs() - before
        };
        let dir = medium.dir.path().join("a/b/c");
        assert_eq!(open(&dir), 5, "the one that was there, three levels and the first segment");
        assert_eq!(open(&dir), 2, "its name and the names in it");
        // Somebody else has just made the one above, and has not synced it.
        fs::create_dir(medium.dir.path().join("other")).unwrap();
        assert_eq!(open(&medium.dir.path().join("other/journal")), 3);
    }

    #[test]
    fn last_group_is_written_and_synced_again_before_it_is_relied_on() {
        let medium = Directory::new();
        let (mut journal, _) = medium.open_with(SMALL).unwrap();
        journal.append(&[entry(b"earlier")]).unwrap();
        medium.storage.fail_next_sync();
        journal.append(&[entry(b"in"), entry(b"doubt")]).unwrap_err();
        drop(journal);

        medium.storage.fail_next_sync();
        let failed = medium.open_with(SMALL).map(|_| ()).unwrap_err();
        assert_eq!(failed.fault(), Fault::Fatal);
        let before = medium.storage.calls();
        let (_, opening) = medium.open_with(SMALL).unwrap();
        assert_eq!((opening.records, opening.cut_bytes), (3, 0));
        assert_eq!(medium.storage.calls(), (before.0 + 1, before.1 + 1));
    }

    #[test]
    fn segments_that_cannot_hold_a_record_are_refused() {
        let dir = TempDir::new().unwrap();
        for segment_bytes in [0, 695, u64::MAX] {
            let options = FileOptions { segment_bytes, ..SMALL };
            let error = open(dir.path(), options).map(|_| ()).unwrap_err();
            assert!(matches!(error, JournalError::SegmentSize { .. }), "{error}");
        }
    }

    #[test]
    fn interrupted_creation_of_a_segment_is_forgotten() {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        journal.append(&[entry(b"kept")]).unwrap();
        drop(journal);
        let unfinished = dir.path().join("00000000000000000002.kjl.new");
        fs::write(&unfinished, [0; 40]).unwrap();
        assert_eq!(verify(dir.path()).unwrap().records, 1);
        let (_, opening) = open(dir.path(), SMALL).unwrap();
        assert_eq!((opening.records, opening.segments), (1, 1));
        assert!(!unfinished.exists());
    }

    #[test]
    fn progress_reaches_every_segment() {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        for _ in 0..6 {
            journal.append(&[entry(&[3; 400])]).unwrap();
        }
        drop(journal);
        let mut seen = Vec::new();
        let progress = &mut |progress: Progress| seen.push(progress);
        let (_, opening) = FileJournal::open(dir.path(), SMALL, None, progress).unwrap();
        assert_eq!((opening.segments, seen.len()), (6, 6));
        let last = Progress { segments_done: 6, segments: 6, records: 6, bytes_done: 6 * 720 };
        assert_eq!(seen.last(), Some(&last));
    }

    #[test]
    fn verify_follows_a_journal_in_use() {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path(), SMALL).unwrap();
        assert_eq!(verify(dir.path()).unwrap().records, 0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for time_ms in 0..200 {
                    let payload = [5; 90];
                    let one = Entry { time_ms, payload: &payload };
                    journal.append(&[one; 4]).unwrap();
                }
                journal.tail()
            });
            let mut records = 0;
            while !writer.is_finished() {
                let report = verify(dir.path()).unwrap();
                assert!(report.records >= records && report.records.is_multiple_of(4));
                records = report.records;
            }
            let tail = writer.join().unwrap();
            let report = verify(dir.path()).unwrap();
            assert_eq!((report.records, report.torn_bytes), (800, 0));
            assert_eq!(report.last_hash, tail.last_hash);
            assert_eq!((report.first_time_ms, report.last_time_ms), (Some(0), Some(199)));
        });
    }

    fn groups() -> impl Strategy<Value = Vec<Vec<(u8, Vec<u8>)>>> {
        let record = (0..3_u8, prop::collection::vec(any::<u8>(), 0..200));
        let group = prop::collection::vec(record, 1..6);
        prop::collection::vec(group, 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 24,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_groups_with_any_reopenings_are_read_back(
            groups in groups(),
            reopen_each in 1..5_usize,
            segment_bytes in 696..4096_u64,
        ) {
            let dir = TempDir::new().unwrap();
            let options = FileOptions { segment_bytes, ..SMALL };
            let mut journal = open(dir.path(), options).unwrap().0;
            let mut expected: Vec<(i64, Vec<u8>)> = Vec::new();
            let mut time_ms = 1_700_000_000_000;
            for (at, group) in groups.into_iter().enumerate() {
                if at % reopen_each == 0 {
                    drop(journal);
                    journal = open(dir.path(), options).unwrap().0;
                }
                let from = expected.len();
                for (later_ms, payload) in group {
                    time_ms += i64::from(later_ms);
                    expected.push((time_ms, payload));
                }
                let entries: Vec<_> = expected[from..]
                    .iter()
                    .map(|(time_ms, payload)| Entry { time_ms: *time_ms, payload })
                    .collect();
                journal.append(&entries).unwrap();
            }
            let reader = journal.reader();
            let records = all(reader.as_ref());
            assert_whole(&records);
            let found: Vec<_> = records.iter().map(|r| (r.time_ms, r.payload.clone())).collect();
            prop_assert_eq!(found, expected);
            for record in &records {
                let read = reader.read(record.seq).unwrap();
                prop_assert_eq!(read.as_ref(), Some(record));
                let mut first = None;
                reader.scan(record.seq, &mut |seen| {
                    first = Some(seen);
                    ControlFlow::Break(())
                }).unwrap();
                prop_assert_eq!(first.as_ref(), Some(record));
            }
            let report = verify(dir.path()).unwrap();
            prop_assert_eq!(report.last_hash, journal.tail().last_hash);
            prop_assert_eq!(report.records, records.len() as u64);
        }
    }
}
