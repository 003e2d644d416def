//! What a journal in files does about every kind of damage: refuse it with its
//! place, or, where it can only be the remains of a crash, cut it off. And the
//! golden files, which every release must read and this one must write.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::contract::{all, assert_whole};
use super::storage::faults::FaultyStorage;
use super::{
    Damage, Entry, FORMAT_VERSION, Fault, FileJournal, FileOptions, Journal, JournalError, Opening,
    RecordHash, Seq, verify,
};

const OPTIONS: FileOptions =
    FileOptions { segment_bytes: 640, max_record_bytes: 64, reserve_bytes: 0 };

/// These tests damage files themselves, thousands of times, and lose no power
/// meanwhile: they go without the syncs.
fn open_with(
    dir: &Path,
    options: FileOptions,
    known: Option<(Seq, RecordHash)>,
) -> Result<(FileJournal, Opening), JournalError> {
    let storage = Box::new(FaultyStorage::without_syncs());
    FileJournal::open_on(storage, dir, options, known, &mut |_| {})
}

fn open(dir: &Path) -> Result<(FileJournal, Opening), JournalError> {
    open_with(dir, OPTIONS, None)
}

fn refusal(dir: &Path) -> JournalError {
    open(dir).map(|_| ()).unwrap_err()
}

fn append(journal: &mut FileJournal, time_ms: i64, payloads: &[&[u8]]) {
    let entries: Vec<_> = payloads.iter().map(|payload| Entry { time_ms, payload }).collect();
    journal.append(&entries).unwrap();
}

/// The path and bytes of each segment, in order.
fn segments(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == "kjl")).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

/// Writes a file without emptying it first, which ext4 answers with a flush
/// that these tests would wait for thousands of times.
fn overwrite(path: &Path, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Three segments: records 1-3, 4-6 and 7-9, of which 8 and 9 are the last
/// group, in bytes 192 to 408 of the last segment.
struct Sample {
    dir: TempDir,
    segments: Vec<(PathBuf, Vec<u8>)>,
}

const LAST_GROUP: std::ops::Range<usize> = 192..408;

impl Sample {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        append(&mut journal, 1, &[b"one", b"two"]);
        append(&mut journal, 2, &[b"three"]);
        append(&mut journal, 3, &[&[4; 64], &[5; 64], &[6; 64]]);
        append(&mut journal, 3, &[b"seven"]);
        append(&mut journal, 4, &[b"", b"nine"]);
        drop(journal);
        let segments = segments(dir.path());
        assert_eq!(segments.len(), 3);
        assert_eq!(verify(dir.path()).unwrap().records, 9);
        Self { dir, segments }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes one segment with other bytes.
    fn replace(&self, at: usize, bytes: &[u8]) {
        overwrite(&self.segments[at].0, bytes);
    }

    fn restore(&self) {
        for (path, bytes) in &self.segments {
            overwrite(path, bytes);
        }
    }

    /// Opening and verifying refuse the same way, naming this segment, and
    /// change nothing.
    fn assert_refused(&self, at: usize) -> JournalError {
        let before = segments(self.path());
        let error = refusal(self.path());
        assert_eq!(error.fault(), Fault::Operator);
        let path = self.segments[at].0.display().to_string();
        assert!(error.to_string().contains(&path), "{error}");
        let verified = verify(self.path()).unwrap_err();
        assert_eq!(verified.to_string(), error.to_string());
        assert_eq!(segments(self.path()), before);
        error
    }

    fn damage(&self, at: usize) -> (u64, Seq, Damage) {
        let error = self.assert_refused(at);
        let JournalError::Damaged { offset, seq, what, .. } = error else {
            panic!("{error}");
        };
        (offset, seq, what)
    }
}

#[test]
fn every_flipped_bit_is_refused_or_cut_with_the_last_group() {
    let sample = Sample::new();
    let whole = all(open(sample.path()).unwrap().0.reader().as_ref());
    let mut cuts = 0;
    for (at, (_, bytes)) in sample.segments.iter().enumerate() {
        for byte in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << (byte % 8);
            sample.replace(at, &flipped);
            if at < 2 || byte < LAST_GROUP.start {
                sample.assert_refused(at);
            } else {
                let report = verify(sample.path()).unwrap();
                assert!(report.torn_bytes > 0);
                let (journal, opening) = open(sample.path()).unwrap();
                assert!(opening.cut_bytes > 0, "byte {byte} was accepted");
                let kept = if LAST_GROUP.contains(&byte) { 7 } else { 9 };
                assert_eq!(all(journal.reader().as_ref()), whole[..kept]);
                assert_eq!(report.records, kept as u64);
                cuts += 1;
            }
            sample.restore();
        }
    }
    assert_eq!(cuts, 640 - LAST_GROUP.start);
}

#[test]
fn flipped_bit_in_an_acknowledged_last_group_is_noticed_by_who_remembers_it() {
    let sample = Sample::new();
    let hash = verify(sample.path()).unwrap().last_hash;
    for byte in LAST_GROUP {
        let mut flipped = sample.segments[2].1.clone();
        flipped[byte] ^= 0x80;
        sample.replace(2, &flipped);
        let known = Some((Seq(9), hash));
        let error = open_with(sample.path(), OPTIONS, known);
        let error = error.map(|_| ()).unwrap_err();
        assert!(
            matches!(error, JournalError::Shorter { next_seq: Seq(8), known: Seq(9), .. }),
            "{error}"
        );
        assert_eq!(fs::read(&sample.segments[2].0).unwrap(), flipped);
    }
}

#[test]
fn segment_of_any_other_length_is_refused() {
    let sample = Sample::new();
    for (at, (_, bytes)) in sample.segments.iter().enumerate() {
        for length in 0..bytes.len() {
            sample.replace(at, &bytes[..length]);
            sample.assert_refused(at);
        }
        let mut longer = bytes.clone();
        longer.push(0);
        sample.replace(at, &longer);
        let (_, _, what) = sample.damage(at);
        let lengths = Damage::Length { expected_bytes: 640, found_bytes: 641 };
        assert_eq!(what, lengths);
        sample.restore();
    }
}

#[test]
fn crash_after_any_number_of_bytes_of_a_group_cuts_the_group() {
    let sample = Sample::new();
    let before = all(open(sample.path()).unwrap().0.reader().as_ref());
    let bytes = &sample.segments[2].1;
    for written in LAST_GROUP {
        let mut torn = bytes.clone();
        torn[written..].fill(0);
        sample.replace(2, &torn);
        let (mut journal, opening) = open(sample.path()).unwrap();
        // A frame may end in zeros, which are there whether written or not.
        let kept = if torn == *bytes { 9 } else { 7 };
        assert_eq!(all(journal.reader().as_ref()), before[..kept]);
        let left = torn[LAST_GROUP.start..].iter().any(|byte| *byte != 0);
        assert_eq!(opening.cut_bytes > 0, kept == 7 && left);
        assert!(opening.cut_bytes <= LAST_GROUP.len() as u64);
        append(&mut journal, 9, &[b"after the crash"]);
        drop(journal);
        let (_, opening) = open(sample.path()).unwrap();
        assert_eq!((opening.records, opening.cut_bytes), (kept as u64 + 1, 0));
    }
}

#[test]
fn group_whose_later_frame_alone_reached_the_disk_is_cut() {
    let sample = Sample::new();
    let mut torn = sample.segments[2].1.clone();
    torn[LAST_GROUP.start..LAST_GROUP.start + 104].fill(0);
    sample.replace(2, &torn);
    let (_, opening) = open(sample.path()).unwrap();
    assert_eq!(opening.tail.next_seq, Seq(8));
    assert!(opening.cut_bytes > 104);
    let cut = fs::read(&sample.segments[2].0).unwrap();
    assert!(cut[LAST_GROUP.start..].iter().all(|byte| *byte == 0));
    assert_eq!(open(sample.path()).unwrap().1.cut_bytes, 0);
}

#[test]
fn group_missing_before_a_later_group_is_damage() {
    let sample = Sample::new();
    let mut holed = sample.segments[2].1.clone();
    holed[80..LAST_GROUP.start].fill(0);
    sample.replace(2, &holed);
    let before_later = Damage::BeforeLater { later: Seq(8) };
    assert_eq!(sample.damage(2), (80, Seq(7), before_later));
}

#[test]
fn records_zeroed_in_a_sealed_segment_are_damage() {
    let sample = Sample::new();
    let mut holed = sample.segments[1].1.clone();
    holed[80 + 168..].fill(0);
    sample.replace(1, &holed);
    assert_eq!(sample.damage(1), (248, Seq(5), Damage::Group));

    sample.restore();
    let mut holed = sample.segments[0].1.clone();
    holed[80 + 224..].fill(0);
    sample.replace(0, &holed);
    // Whole groups alone are left, so the segment behind is what does not fit.
    assert_eq!(sample.damage(1), (0, Seq(3), Damage::Missing));
}

#[test]
fn missing_segment_is_named_by_the_one_behind_it() {
    for (gone, first_missing) in [(0, 1), (1, 4)] {
        let sample = Sample::new();
        fs::remove_file(&sample.segments[gone].0).unwrap();
        let missing = (0, Seq(first_missing), Damage::Missing);
        assert_eq!(sample.damage(gone + 1), missing);
    }
}

#[test]
fn segment_under_another_name_is_refused() {
    let sample = Sample::new();
    fs::copy(&sample.segments[0].0, &sample.segments[1].0).unwrap();
    let (_, seq, what) = sample.damage(1);
    assert_eq!((seq, what), (Seq(4), Damage::Name { found: Seq(1) }));
}

#[test]
fn segment_of_another_journal_is_refused() {
    let sample = Sample::new();
    let other = TempDir::new().unwrap();
    let (mut journal, _) = open(other.path()).unwrap();
    append(&mut journal, 1, &[b"one", b"two"]);
    append(&mut journal, 2, &[b"other"]);
    append(&mut journal, 3, &[&[4; 64], &[5; 64]]);
    drop(journal);
    sample.replace(1, &segments(other.path())[1].1);
    assert_eq!(sample.damage(1), (0, Seq(4), Damage::Chain));
}

#[test]
fn other_format_is_refused_by_name_and_number() {
    let sample = Sample::new();
    let mut newer = sample.segments[1].1.clone();
    newer[8..10].copy_from_slice(&(FORMAT_VERSION + 6).to_le_bytes());
    sample.replace(1, &newer);
    let error = sample.assert_refused(1);
    assert!(matches!(error, JournalError::UnknownVersion { found: 7, supported: 1, .. }));
}

#[test]
fn payload_that_looks_like_a_later_frame_does_not_turn_a_crash_into_damage() {
    let options = FileOptions { segment_bytes: 4096, max_record_bytes: 1024, reserve_bytes: 0 };
    let open = |dir: &Path| open_with(dir, options, None).unwrap();
    let other = Sample::new();
    // Frames of records 7 to 9 of another journal, carried by record 2 here.
    let carried = &other.segments[2].1[80..LAST_GROUP.end];
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path());
    append(&mut journal, 1, &[b"first"]);
    append(&mut journal, 1, &[carried]);
    drop(journal);
    let (path, mut bytes) = segments(dir.path()).remove(0);
    bytes[80 + 112 + 4] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(open(dir.path()).1.records, 1);
}

#[test]
fn damage_under_a_running_journal_is_noticed_on_reading() {
    let sample = Sample::new();
    let (journal, _) = open(sample.path()).unwrap();
    let reader = journal.reader();
    let whole = all(reader.as_ref());
    for (at, (_, bytes)) in sample.segments.iter().enumerate() {
        for byte in (80..bytes.len()).filter(|byte| at < 2 || *byte < LAST_GROUP.end) {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 0x10;
            sample.replace(at, &flipped);
            let mut refused = 0;
            for record in &whole {
                match reader.read(record.seq) {
                    Ok(read) => assert_eq!(read.as_ref(), Some(record)),
                    Err(JournalError::Damaged { .. }) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            // Bytes behind the last frame of a segment belong to no record.
            let used = [416, 584, LAST_GROUP.end][at];
            assert_eq!(refused > 0, byte < used, "segment {at}, byte {byte}");
        }
        sample.replace(at, &bytes[..100]);
        reader.read(whole[[0, 3, 6][at]].seq).unwrap_err();
        sample.restore();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A disk writes the sectors of an interrupted write in any order.
    #[test]
    fn group_is_whole_or_gone_whichever_sectors_reached_the_disk(
        before in prop::collection::vec(0..700_usize, 0..4),
        group in prop::collection::vec(0..700_usize, 1..8),
        reached in prop::collection::vec(prop::bool::weighted(0.8), 32),
    ) {
        let options = FileOptions {
            segment_bytes: 16 * 1024,
            max_record_bytes: 700,
            reserve_bytes: 0,
        };
        let open = |dir: &Path| open_with(dir, options, None).unwrap();
        let payload = [0xa5; 700];
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(dir.path());
        for size in &before {
            append(&mut journal, 1, &[&payload[..*size]]);
        }
        let tail = journal.tail();
        let (path, mut image) = segments(dir.path()).remove(0);
        let payloads: Vec<_> = group.iter().map(|size| &payload[..*size]).collect();
        append(&mut journal, 2, &payloads);
        let whole_tail = journal.tail();
        drop(journal);

        let after = fs::read(&path).unwrap();
        for (at, sector) in image.chunks_mut(512).enumerate() {
            if reached[at] {
                sector.copy_from_slice(&after[at * 512..at * 512 + sector.len()]);
            }
        }
        fs::write(&path, &image).unwrap();
        let (mut journal, opening) = open(dir.path());
        let expected = if image == after { whole_tail } else { tail };
        prop_assert_eq!(opening.tail, expected);
        append(&mut journal, 3, &[b"next"]);
        assert_whole(&all(journal.reader().as_ref()));
    }
}

/// Two segments in format version 1. They never change; a new format gets
/// files of its own.
const GOLDEN: [(&str, &[u8]); 2] = [
    (
        "00000000000000000001.kjl",
        include_bytes!("../../tests/data/journal/v1/00000000000000000001.kjl"),
    ),
    (
        "00000000000000000004.kjl",
        include_bytes!("../../tests/data/journal/v1/00000000000000000004.kjl"),
    ),
];
const GOLDEN_RECORDS: [&[(i64, &[u8])]; 3] = [
    &[(1_630_886_400_000, b"submitted"), (1_630_886_400_000, b"")],
    &[(1_630_886_400_250, &[0xff; 64])],
    &[(1_631_491_200_000, b"recommended"), (1_631_491_200_001, "көпір".as_bytes())],
];
const GOLDEN_HASH: &str = "1cf76f3cf4b5688d867bf18cb14ae45fc3d3913aa00bbf182134bda08473f53d";

#[test]
fn golden_segments_are_written_byte_for_byte() {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = open(dir.path()).unwrap();
    for group in GOLDEN_RECORDS {
        let entries: Vec<_> =
            group.iter().map(|(time_ms, payload)| Entry { time_ms: *time_ms, payload }).collect();
        journal.append(&entries).unwrap();
    }
    let written = segments(dir.path());
    assert_eq!(written.len(), GOLDEN.len());
    for ((path, bytes), (name, golden)) in written.iter().zip(GOLDEN) {
        assert_eq!(path.file_name().unwrap(), name);
        assert_eq!(bytes, golden, "{name}");
    }
}

#[test]
fn golden_segments_are_read_back() {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in GOLDEN {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let (journal, opening) = open(dir.path()).unwrap();
    assert_eq!((opening.records, opening.cut_bytes), (5, 0));
    let records = all(journal.reader().as_ref());
    assert_whole(&records);
    let found: Vec<_> =
        records.iter().map(|record| (record.time_ms, &record.payload[..])).collect();
    assert_eq!(found, GOLDEN_RECORDS.concat());
    assert_eq!(opening.tail.last_hash.to_string(), GOLDEN_HASH);
    assert_eq!(records[0].previous, RecordHash::GENESIS);
}
