//! What every journal must do, whatever it keeps its records in. An
//! implementation describes its medium and gets one test for each clause.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{
    Appended, Entry, Fault, Journal, JournalError, JournalReader, Record, RecordHash, Seq, Tail,
    record_hash,
};

/// What outlives a writer, and what can go wrong with it.
pub trait Medium {
    /// The record limit of the journals that [`open`](Self::open) opens.
    const MAX_RECORD_BYTES: u32 = 512;

    /// Opens the journal as a restarted process would.
    fn open(&self) -> Result<Box<dyn Journal>, JournalError>;
    /// Makes the sync of the next group fail.
    fn fail_next_sync(&self);
    /// Fills the disk, so that a group with a record of the greatest size
    /// finds no room, or frees it.
    fn set_full(&self, full: bool);
}

/// Writes one test for each clause of the contract against the given medium.
macro_rules! contract_tests {
    ($medium:expr) => {
        mod contract {
            use super::*;
            use crate::journal::contract as clause;

            #[test]
            fn records_are_numbered_from_one_and_chained() {
                clause::records_are_numbered_and_chained(&$medium);
            }
            #[test]
            fn everything_is_found_after_reopening() {
                clause::everything_is_found_after_reopening(&$medium);
            }
            #[test]
            fn second_writer_is_refused() {
                clause::second_writer_is_refused(&$medium);
            }
            #[test]
            fn broken_groups_are_refused_whole() {
                clause::broken_groups_are_refused_whole(&$medium);
            }
            #[test]
            fn full_disk_writes_nothing_and_may_be_tried_again() {
                clause::full_disk_writes_nothing(&$medium);
            }
            #[test]
            fn failed_sync_stops_the_writer_for_ever() {
                clause::failed_sync_stops_the_writer(&$medium);
            }
            #[test]
            fn scan_starts_and_stops_where_it_is_told() {
                clause::scan_starts_and_stops(&$medium);
            }
            #[test]
            fn reader_in_another_thread_sees_a_growing_whole_chain() {
                clause::reader_sees_a_growing_chain(&$medium);
            }
        }
    };
}
pub(super) use contract_tests;

/// All records a reader sees.
pub fn all(reader: &dyn JournalReader) -> Vec<Record> {
    let mut records = Vec::new();
    let scanned = reader.scan(Seq::FIRST, &mut |record| {
        records.push(record);
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    records
}

/// Checks numbers, chain and times of records from the first on, with the
/// published definition of the hash alone.
pub fn assert_whole(records: &[Record]) {
    let mut previous = RecordHash::GENESIS;
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record.seq, Seq(at as u64 + 1));
        assert_eq!(record.previous, previous);
        let hash = record_hash(previous, record.seq, record.time_ms, &record.payload);
        assert_eq!(record.hash, hash);
        previous = hash;
    }
    assert!(records.is_sorted_by_key(|record| record.time_ms));
}

fn entry(time_ms: i64, payload: &[u8]) -> Entry<'_> {
    Entry { time_ms, payload }
}

pub(super) fn records_are_numbered_and_chained(medium: &impl Medium) {
    let mut journal = medium.open().unwrap();
    assert_eq!(journal.tail(), Tail::EMPTY);
    assert_eq!(journal.append(&[]).unwrap(), []);
    assert_eq!(journal.tail(), Tail::EMPTY);

    let first = journal.append(&[entry(-5, b"a"), entry(-5, b""), entry(7, b"ccccccccc")]).unwrap();
    let second = journal.append(&[entry(7, b"dd")]).unwrap();
    let appended: Vec<Appended> = first.into_iter().chain(second).collect();

    let reader = journal.reader();
    let records = all(reader.as_ref());
    assert_whole(&records);
    let payloads: Vec<_> = records.iter().map(|record| &record.payload[..]).collect();
    assert_eq!(payloads, [&b"a"[..], b"", b"ccccccccc", b"dd"]);
    for (record, appended) in records.iter().zip(&appended) {
        assert_eq!((record.seq, record.hash), (appended.seq, appended.hash));
        assert_eq!(reader.read(record.seq).unwrap().as_ref(), Some(record));
    }
    assert_eq!(appended.len(), 4);
    let tail = Tail { next_seq: Seq(5), last_hash: appended[3].hash, last_time_ms: Some(7) };
    assert_eq!(journal.tail(), tail);
    assert_eq!(reader.read(Seq(0)).unwrap(), None);
    assert_eq!(reader.read(Seq(5)).unwrap(), None);
}

pub(super) fn everything_is_found_after_reopening(medium: &impl Medium) {
    let mut expected = Vec::new();
    let mut tail = Tail::EMPTY;
    for round in 0..4_u8 {
        let mut journal = medium.open().unwrap();
        assert_eq!(journal.tail(), tail);
        assert_eq!(all(journal.reader().as_ref()), expected);
        for size in [0, 1, 40, 300] {
            let payload = vec![round; size];
            let time = i64::from(round);
            journal.append(&[entry(time, &payload), entry(time, b"second")]).unwrap();
        }
        expected = all(journal.reader().as_ref());
        assert_eq!(expected.len(), 8 * (usize::from(round) + 1));
        tail = journal.tail();
    }
    assert_whole(&expected);
}

pub(super) fn second_writer_is_refused(medium: &impl Medium) {
    let first = medium.open().unwrap();
    let second = medium.open().map(|_| ()).unwrap_err();
    assert!(matches!(second, JournalError::Locked { .. }), "{second}");
    drop(first);
    medium.open().unwrap();
}

pub(super) fn broken_groups_are_refused_whole<M: Medium>(medium: &M) {
    let mut journal = medium.open().unwrap();
    journal.append(&[entry(10, b"kept")]).unwrap();
    let tail = journal.tail();

    let early = journal.append(&[entry(9, b"early")]).unwrap_err();
    assert!(matches!(
        early,
        JournalError::TimeBackwards { index: 0, time_ms: 9, last_time_ms: 10 }
    ));
    let within = [entry(12, b"good"), entry(11, b"early")];
    let within = journal.append(&within).unwrap_err();
    assert!(matches!(within, JournalError::TimeBackwards { index: 1, .. }));
    let large = vec![0; M::MAX_RECORD_BYTES as usize + 1];
    let large = journal.append(&[entry(12, b"good"), entry(12, &large)]).unwrap_err();
    assert!(matches!(large, JournalError::RecordTooLarge { index: 1, .. }));
    for error in [early, within, large] {
        assert_eq!(error.fault(), Fault::Caller);
    }

    assert_eq!(journal.tail(), tail);
    assert_eq!(all(journal.reader().as_ref()).len(), 1);
    let largest = vec![1; M::MAX_RECORD_BYTES as usize];
    let appended = journal.append(&[entry(10, &largest)]).unwrap();
    assert_eq!(appended[0].seq, Seq(2));
}

pub(super) fn full_disk_writes_nothing<M: Medium>(medium: &M) {
    let mut journal = medium.open().unwrap();
    journal.append(&[entry(1, b"before")]).unwrap();
    let tail = journal.tail();
    medium.set_full(true);
    let largest = vec![2; M::MAX_RECORD_BYTES as usize];
    let group = [entry(2, &largest), entry(2, b"with it")];
    for _ in 0..2 {
        let full = journal.append(&group).unwrap_err();
        assert!(matches!(full, JournalError::DiskFull { .. }), "{full}");
        assert_eq!(full.fault(), Fault::Space);
        assert_eq!(journal.tail(), tail);
        assert_eq!(all(journal.reader().as_ref()).len(), 1);
    }
    medium.set_full(false);
    let appended = journal.append(&group).unwrap();
    assert_eq!(appended[1].seq, Seq(3));
    drop(journal);
    let records = all(medium.open().unwrap().reader().as_ref());
    assert_eq!(records.len(), 3);
    assert_whole(&records);
}

pub(super) fn failed_sync_stops_the_writer(medium: &impl Medium) {
    let mut journal = medium.open().unwrap();
    journal.append(&[entry(1, b"durable")]).unwrap();
    let (tail, reader) = (journal.tail(), journal.reader());
    medium.fail_next_sync();
    for payload in [b"one", b"two"] {
        let failed = journal.append(&[entry(2, payload)]).unwrap_err();
        assert!(matches!(failed, JournalError::Failed { .. }), "{failed}");
        assert_eq!(failed.fault(), Fault::Fatal);
    }
    assert_eq!(journal.tail(), tail);
    assert_eq!(reader.read(Seq(2)).unwrap(), None);
    assert_eq!(all(reader.as_ref()).len(), 1);
    drop(journal);

    // The group whose sync failed may be there, the one after it may not.
    let mut journal = medium.open().unwrap();
    let records = all(journal.reader().as_ref());
    assert_whole(&records);
    assert_eq!(records[0].payload, b"durable");
    assert!(records[1..].iter().all(|record| record.payload == b"one"));
    journal.append(&[entry(2, b"again")]).unwrap();
}

pub(super) fn scan_starts_and_stops(medium: &impl Medium) {
    let mut journal = medium.open().unwrap();
    for number in 1..=100_u8 {
        journal.append(&[entry(0, &[number; 30])]).unwrap();
    }
    let reader = journal.reader();
    for from in [0, 1, 2, 16, 17, 50, 99, 100, 101, 5000] {
        let mut seen = Vec::new();
        let scanned = reader.scan(Seq(from), &mut |record| {
            seen.push(record.seq.0);
            ControlFlow::Continue(())
        });
        scanned.unwrap();
        assert!(seen.iter().copied().eq(from.max(1)..=100), "from {from}");
    }
    let mut seen = 0;
    let scanned = reader.scan(Seq(40), &mut |record| {
        seen += 1;
        // A visitor may use the journal while it is being visited.
        let again = reader.read(record.seq).unwrap();
        assert_eq!(again, Some(record));
        if seen == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    scanned.unwrap();
    assert_eq!(seen, 20);
}

pub(super) fn reader_sees_a_growing_chain(medium: &impl Medium) {
    let mut journal = medium.open().unwrap();
    let reader = journal.reader();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = 0;
            loop {
                let last_round = done.load(Ordering::SeqCst);
                let records = all(reader.as_ref());
                assert_whole(&records);
                assert!(records.len() >= seen);
                // Groups of three become visible whole.
                assert_eq!(records.len() % 3, 0);
                seen = records.len();
                if last_round {
                    break seen;
                }
            }
        });
        for time in 0..60 {
            let one = entry(time, b"one of three");
            journal.append(&[one, one, one]).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        assert_eq!(watch.join().unwrap(), 180);
    });
}
