//! Checking a journal from outside, without a writer and without a trace.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::read::{Catalog, FileReader};
use super::recover::{scan_directory, tail_of};
use super::segment::io_error;
use super::{JournalError, JournalReader, RecordHash, Seq};

/// What [`verify`] found in a journal without damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segment files.
    pub segments: usize,
    /// Records, all of them whole and chained.
    pub records: u64,
    /// Bytes of headers and records, without unused room.
    pub bytes: u64,
    /// Time of the first record, Unix milliseconds.
    pub first_time_ms: Option<i64>,
    /// Time of the last record, Unix milliseconds.
    pub last_time_ms: Option<i64>,
    /// Hash of the last record, which vouches for all before it.
    pub last_hash: RecordHash,
    /// Bytes of an unfinished group behind the last record: what a crash left,
    /// or what a running writer is about to finish.
    pub torn_bytes: u64,
}

/// Checks every record of the journal in `dir` without changing anything. The
/// journal may be in use; what is appended meanwhile may or may not be seen.
///
/// # Errors
///
/// [`JournalError::Damaged`] with the place, [`JournalError::UnknownVersion`],
/// [`JournalError::StrangeFile`], or why `dir` cannot be read.
pub fn verify(dir: &Path) -> Result<VerifyReport, JournalError> {
    verify_to_read(dir).map(|(report, _)| report)
}

/// The same, with a reader of the records that were there then.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_to_read(dir: &Path) -> Result<(VerifyReport, Arc<dyn JournalReader>), JournalError> {
    let meta = fs::metadata(dir).map_err(|source| io_error("reading", dir, source))?;
    if !meta.is_dir() {
        return Err(JournalError::NotADirectory { path: dir.to_owned() });
    }
    let segments = scan_directory(dir, &mut |_| {})?;
    let tail = tail_of(&segments);
    let report = VerifyReport {
        segments: segments.len(),
        records: tail.next_seq.0 - Seq::FIRST.0,
        bytes: segments.iter().map(|segment| segment.whole.end).sum(),
        first_time_ms: segments.first().and_then(|segment| segment.first_time_ms),
        last_time_ms: tail.last_time_ms,
        last_hash: tail.last_hash,
        torn_bytes: segments.last().map_or(0, |segment| segment.torn_bytes),
    };
    let indexes = segments.into_iter().map(|segment| segment.index).collect();
    let catalog = Arc::new(Catalog::new(indexes, tail.next_seq));
    Ok((report, Arc::new(FileReader { catalog })))
}
