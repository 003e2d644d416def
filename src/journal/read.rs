//! Reading records by number while the journal grows.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::segment::{Window, io_error};
use super::{Damage, JournalError, JournalReader, Record, RecordHash, Seq};

/// One offset is remembered for this many records. Reading one record walks
/// over half as many on average; ten million records cost 2.5 MB of memory.
pub(super) const INDEX_STEP: u64 = 16;

/// A single record is mostly small, and so is the walk to it.
const READ_WINDOW_BYTES: usize = 16 * 1024;
const SCAN_WINDOW_BYTES: usize = 256 * 1024;

/// Where the durable records of one segment are.
pub(super) struct SegmentIndex {
    pub(super) path: Arc<Path>,
    pub(super) first: Seq,
    /// What its frames carry.
    pub(super) mark: u32,
    /// The offset behind its last durable record.
    pub(super) end: u64,
    /// Offsets of the records `first`, `first + INDEX_STEP` …, in units of
    /// eight bytes, to which frames are aligned.
    pub(super) offsets: Vec<u32>,
}

/// What the writer publishes to readers, after each sync.
pub(super) struct Catalog {
    state: RwLock<State>,
}

struct State {
    /// In order; the last is the one being written.
    segments: Vec<SegmentIndex>,
    next: Seq,
}

/// Where to look for a record.
struct Place {
    path: Arc<Path>,
    mark: u32,
    end: u64,
    /// The record at `offset`, at or before the one looked for.
    seq: Seq,
    offset: u64,
    /// The first record that is not in this segment.
    beyond: Seq,
}

impl Catalog {
    pub(super) fn new(segments: Vec<SegmentIndex>, next: Seq) -> Self {
        Self { state: RwLock::new(State { segments, next }) }
    }

    /// Adds a segment without records, the next to be written.
    pub(super) fn add_segment(&self, segment: SegmentIndex) {
        let mut state = self.write();
        // A group too large for an empty segment has it replaced by a larger one.
        if let Some(last) = state.segments.last()
            && last.first == segment.first
        {
            state.segments.pop();
        }
        state.segments.push(segment);
    }

    /// Makes records visible that have become durable in the last segment.
    pub(super) fn publish(&self, next: Seq, end: u64, offsets: &[u32]) {
        let mut state = self.write();
        state.next = next;
        if let Some(segment) = state.segments.last_mut() {
            segment.end = end;
            segment.offsets.extend_from_slice(offsets);
        }
    }

    /// Number of segments.
    pub(super) fn segments(&self) -> usize {
        self.read().segments.len()
    }

    fn next(&self) -> Seq {
        self.read().next
    }

    fn locate(&self, seq: Seq) -> Option<Place> {
        let state = self.read();
        if seq < Seq::FIRST || seq >= state.next {
            return None;
        }
        let behind = state.segments.partition_point(|known| known.first <= seq);
        let segment = state.segments.get(behind.checked_sub(1)?)?;
        let step = (seq.0 - segment.first.0) / INDEX_STEP;
        Some(Place {
            path: Arc::clone(&segment.path),
            mark: segment.mark,
            end: segment.end,
            seq: Seq(segment.first.0 + step * INDEX_STEP),
            offset: u64::from(*segment.offsets.get(step as usize)?) * 8,
            beyond: state.segments.get(behind).map_or(state.next, |next| next.first),
        })
    }

    // Each change under the lock is complete in itself, so a thread that
    // panicked while holding it has left nothing half done.
    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a [`Catalog`] has published. Files are opened for each call:
/// that costs microseconds, and a long journal does not use up descriptors.
pub(super) struct FileReader {
    pub(super) catalog: Arc<Catalog>,
}

impl JournalReader for FileReader {
    fn read(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        let Some(place) = self.catalog.locate(seq) else {
            return Ok(None);
        };
        let file = open(&place)?;
        let mut walk = Walk::new(&file, &place, READ_WINDOW_BYTES);
        walk.skip_to(seq)?;
        walk.record().map(Some)
    }

    fn scan(
        &self,
        from: Seq,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let stop = self.catalog.next();
        let mut seq = from.max(Seq::FIRST);
        let mut previous: Option<RecordHash> = None;
        while seq < stop {
            let Some(place) = self.catalog.locate(seq) else {
                break;
            };
            let file = open(&place)?;
            let mut walk = Walk::new(&file, &place, SCAN_WINDOW_BYTES);
            walk.skip_to(seq)?;
            while seq < place.beyond.min(stop) {
                let record = walk.record()?;
                if previous.is_some_and(|hash| hash != record.previous) {
                    return Err(walk.damaged_at(seq, Damage::Chain));
                }
                previous = Some(record.hash);
                seq = seq.next();
                if visit(record).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn open(place: &Place) -> Result<File, JournalError> {
    File::open(&place.path).map_err(|source| io_error("reading", &place.path, source))
}

/// Walks over the durable frames of one segment.
struct Walk<'a> {
    place: &'a Place,
    window: Window<'a>,
    seq: Seq,
    offset: u64,
}

impl<'a> Walk<'a> {
    fn new(file: &'a File, place: &'a Place, step_bytes: usize) -> Self {
        Self {
            place,
            window: Window::new(file, place.end, step_bytes),
            seq: place.seq,
            offset: place.offset,
        }
    }

    /// Steps over frames by their lengths alone. A wrong length leads to
    /// something that is not the frame looked for, and that is checked.
    fn skip_to(&mut self, seq: Seq) -> Result<(), JournalError> {
        while self.seq < seq {
            let head = self.window.head(self.offset);
            let head = head.map_err(|source| self.unreadable(source))?;
            match head.filter(|head| head.seq == self.seq) {
                Some(head) => self.offset += head.frame_bytes() as u64,
                None => return Err(self.damaged_at(self.seq, Damage::Frame)),
            }
            self.seq = self.seq.next();
        }
        Ok(())
    }

    /// The record here, and on to the next.
    fn record(&mut self) -> Result<Record, JournalError> {
        let outcome = match self.window.frame(self.offset, self.place.mark) {
            Err(source) => return Err(self.unreadable(source)),
            Ok(None) => Err(Damage::Frame),
            Ok(Some((head, _))) if head.seq != self.seq => {
                Err(Damage::Sequence { found: head.seq })
            }
            Ok(Some((head, frame))) => {
                head.record(frame).map(|record| (record, head.frame_bytes() as u64))
            }
        };
        let (record, bytes) = outcome.map_err(|what| self.damaged_at(self.seq, what))?;
        self.offset += bytes;
        self.seq = self.seq.next();
        Ok(record)
    }

    /// A durable record that cannot be reached is damage where the file is
    /// too short, and a fault of the machine otherwise.
    fn unreadable(&self, source: std::io::Error) -> JournalError {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            return self.damaged_at(self.seq, Damage::Frame);
        }
        io_error("reading", &self.place.path, source)
    }

    fn damaged_at(&self, seq: Seq, what: Damage) -> JournalError {
        JournalError::Damaged {
            path: self.place.path.to_path_buf(),
            offset: self.offset,
            seq,
            what,
        }
    }
}
