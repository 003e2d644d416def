//! Reading a whole journal to find out whether it is what was appended, and
//! where it ends.
//!
//! Whether bad bytes are the remains of a crash or damage is decided here. A
//! group is written only after the one before it was synced, and a segment is
//! created only when the last group of the one before was. So bytes that make
//! no sense can be an interrupted write only at the very end: in the last
//! segment, with no whole frame of a later group behind them (frames of the
//! same group may well be there, since a disk writes blocks in any order).
//! Such a group was never acknowledged, for its sync never returned, and it is
//! cut off whole: keeping a part of it would break the atomicity of a group.
//! Everything else is damage, and the journal is left exactly as it is.
//!
//! One thing cannot be told apart from a crash: damage inside the very last
//! group of an otherwise idle journal. The caller who remembers the last
//! record it has seen durable gives it to `FileJournal::open` and is told.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::frame::{FrameHead, HEADER_BYTES, SegmentHeader};
use super::read::{INDEX_STEP, SegmentIndex};
use super::segment::{self, Window, io_error};
use super::{Damage, JournalError, Seq, Tail};

/// Large enough that the calls to the system do not show, small enough for a
/// cache and for one window on each core.
const WINDOW_BYTES: usize = 256 * 1024;

/// How far the check of a journal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Segments checked.
    pub segments_done: usize,
    /// Segments in the journal.
    pub segments: usize,
    /// Records found in the segments checked.
    pub records: u64,
    /// Bytes of the segments checked, unused room included.
    pub bytes_done: u64,
}

/// A segment that was read from end to end.
pub(super) struct ScannedSegment {
    pub(super) header: SegmentHeader,
    pub(super) index: SegmentIndex,
    pub(super) first_time_ms: Option<i64>,
    pub(super) whole: Whole,
    /// Bytes behind the last whole group up to the last one that is not zero.
    pub(super) torn_bytes: u64,
}

/// Where a segment ends, apart from its index.
pub(super) struct SegmentEnd {
    pub(super) path: Arc<Path>,
    pub(super) header: SegmentHeader,
    pub(super) whole: Whole,
    pub(super) torn_bytes: u64,
}

impl ScannedSegment {
    pub(super) fn end(&self) -> SegmentEnd {
        SegmentEnd {
            path: Arc::clone(&self.index.path),
            header: self.header,
            whole: self.whole,
            torn_bytes: self.torn_bytes,
        }
    }
}

/// The whole groups of a segment.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) tail: Tail,
    /// Where the last whole group begins and ends.
    pub(super) last_group: u64,
    pub(super) end: u64,
}

/// The end of the journal that these segments are.
pub(super) fn tail_of(segments: &[ScannedSegment]) -> Tail {
    segments.last().map_or(Tail::EMPTY, |segment| segment.whole.tail)
}

/// Reads all segments, several at a time since each can be checked on its own
/// from the hash in its header, and then checks how they join.
pub(super) fn scan_directory(
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<ScannedSegment>, JournalError> {
    let files = segment::list(dir)?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let mut found: Vec<Option<Result<ScannedSegment, JournalError>>> =
        files.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (sender, results) = mpsc::sync_channel(threads);
        for _ in 0..threads.min(files.len()) {
            let (sender, next, files) = (sender.clone(), &next, &files);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((first, path)) = files.get(at) else {
                        break;
                    };
                    let scanned = scan_segment(path, *first, at + 1 == files.len());
                    if sender.send((at, scanned)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut done =
            Progress { segments_done: 0, segments: files.len(), records: 0, bytes_done: 0 };
        for (at, scanned) in results {
            if let Ok(segment) = &scanned {
                done.segments_done += 1;
                done.records += segment.whole.tail.next_seq.0 - segment.header.first.0;
                done.bytes_done += segment.header.file_bytes;
                progress(done);
            }
            found[at] = Some(scanned);
        }
    });
    // The first bad place in the order of the journal is the one to report.
    let segments = found.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
    check_joints(&segments)?;
    Ok(segments)
}

/// Checks that each segment continues the one before it.
fn check_joints(segments: &[ScannedSegment]) -> Result<(), JournalError> {
    let mut tail = Tail::EMPTY;
    for segment in segments {
        let header = &segment.header;
        let what = if header.first > tail.next_seq {
            Some(Damage::Missing)
        } else if header.first < tail.next_seq {
            Some(Damage::Sequence { found: header.first })
        } else if header.previous != tail.last_hash {
            Some(Damage::Chain)
        } else if header.previous_time_ms != tail.last_time_ms {
            Some(Damage::Time)
        } else {
            None
        };
        if let Some(what) = what {
            return Err(JournalError::Damaged {
                path: segment.index.path.to_path_buf(),
                offset: 0,
                seq: tail.next_seq,
                what,
            });
        }
        tail = segment.whole.tail;
    }
    Ok(())
}

fn scan_segment(path: &Path, first: Seq, is_last: bool) -> Result<ScannedSegment, JournalError> {
    let (file, header, mark) = segment::open(path, first)?;
    let tail = Tail {
        next_seq: header.first,
        last_hash: header.previous,
        last_time_ms: header.previous_time_ms,
    };
    let begin = HEADER_BYTES as u64;
    let mut scanner = Scanner {
        path,
        window: Window::new(&file, header.file_bytes, WINDOW_BYTES),
        mark,
        first,
        is_last,
        at: begin,
        tail,
        group: None,
        whole: Whole { tail, last_group: begin, end: begin },
        first_time_ms: None,
        offsets: Vec::new(),
    };
    let used_end = scanner.run()?;
    let whole = scanner.whole;
    let mut offsets = scanner.offsets;
    // Offsets of records that are cut off with their group.
    let records = whole.tail.next_seq.0 - header.first.0;
    offsets.truncate(records.div_ceil(INDEX_STEP) as usize);
    Ok(ScannedSegment {
        header,
        first_time_ms: scanner.first_time_ms.filter(|_| records > 0),
        whole,
        torn_bytes: used_end - whole.end,
        index: SegmentIndex {
            path: PathBuf::from(path).into(),
            first: header.first,
            mark,
            end: whole.end,
            offsets,
        },
    })
}

/// A group of which some records have been read and some are to come.
#[derive(Clone, Copy)]
struct OpenGroup {
    group: Seq,
    at: u64,
    remaining: u32,
}

struct Scanner<'a> {
    path: &'a Path,
    window: Window<'a>,
    mark: u32,
    first: Seq,
    is_last: bool,
    /// Where the next frame should be, and what it should continue.
    at: u64,
    tail: Tail,
    group: Option<OpenGroup>,
    whole: Whole,
    first_time_ms: Option<i64>,
    offsets: Vec<u32>,
}

impl Scanner<'_> {
    /// Walks to the end; returns the offset behind the last byte in use.
    fn run(&mut self) -> Result<u64, JournalError> {
        loop {
            while self.step()? {}
            if let Some(used_end) = self.end()? {
                return Ok(used_end);
            }
        }
    }

    /// Takes the next frame; `false` where there is no readable one.
    fn step(&mut self) -> Result<bool, JournalError> {
        let frame = match self.window.frame(self.at, self.mark) {
            Ok(frame) => frame.map(|(head, bytes)| (head, head.matches_hash(bytes))),
            Err(source) => return Err(io_error("reading", self.path, source)),
        };
        let Some((head, matches_hash)) = frame else {
            return Ok(false);
        };
        if let Some(what) = self.contradiction(&head, matches_hash) {
            return Err(self.damaged(what));
        }
        let group_at = self.group.map_or(self.at, |group| group.at);
        if (head.seq.0 - self.first.0).is_multiple_of(INDEX_STEP) {
            self.offsets.push((self.at / 8) as u32);
        }
        self.first_time_ms.get_or_insert(head.time_ms);
        self.at += head.frame_bytes() as u64;
        self.tail = Tail {
            next_seq: head.seq.next(),
            last_hash: head.hash,
            last_time_ms: Some(head.time_ms),
        };
        if head.remaining == 0 {
            self.group = None;
            self.whole = Whole { tail: self.tail, last_group: group_at, end: self.at };
        } else {
            self.group =
                Some(OpenGroup { group: head.group, at: group_at, remaining: head.remaining });
        }
        Ok(true)
    }

    /// What an intact frame says that cannot be so at this place.
    fn contradiction(&self, head: &FrameHead, matches_hash: bool) -> Option<Damage> {
        let continues_group = match self.group {
            None => head.group == head.seq,
            Some(open) => head.group == open.group && head.remaining == open.remaining - 1,
        };
        if head.seq != self.tail.next_seq {
            Some(Damage::Sequence { found: head.seq })
        } else if head.previous != self.tail.last_hash {
            Some(Damage::Chain)
        } else if !matches_hash {
            Some(Damage::Hash)
        } else if Some(head.time_ms) < self.tail.last_time_ms {
            Some(Damage::Time)
        } else if !continues_group {
            Some(Damage::Group)
        } else {
            None
        }
    }

    /// Decides what it means that no readable frame stands here: the end of
    /// the segment, a torn group, or damage. `None` if the frame has become
    /// readable meanwhile, for a running writer may just have written it.
    fn end(&mut self) -> Result<Option<u64>, JournalError> {
        let read = |source| io_error("reading", self.path, source);
        let used_end = used_end(&mut self.window, self.at).map_err(read)?;
        if !self.is_last {
            return if used_end > self.at {
                Err(self.damaged(Damage::Frame))
            } else if self.group.is_some() {
                Err(self.damaged(Damage::Group))
            } else {
                Ok(Some(used_end))
            };
        }
        let torn_group = self.group.map_or(self.tail.next_seq, |open| open.group);
        let later =
            frame_of_later_group(&mut self.window, self.at, used_end, self.mark, torn_group);
        let Some(later) = later.map_err(read)? else {
            return Ok(Some(used_end));
        };
        // The later group was written after this one was synced, so by now
        // this one must be readable, unless it is damaged.
        self.window.forget();
        let again = self.window.frame(self.at, self.mark).map_err(read)?;
        if again.is_some() {
            return Ok(None);
        }
        Err(self.damaged(Damage::BeforeLater { later }))
    }

    fn damaged(&self, what: Damage) -> JournalError {
        JournalError::Damaged {
            path: self.path.to_owned(),
            offset: self.at,
            seq: self.tail.next_seq,
            what,
        }
    }
}

/// The offset behind the last byte that is not zero, at least `from`.
fn used_end(window: &mut Window<'_>, from: u64) -> io::Result<u64> {
    let mut end = from;
    let mut at = from;
    while at < window.limit() {
        let bytes = (window.limit() - at).min(WINDOW_BYTES as u64);
        let Some(piece) = window.get(at, bytes as usize)? else {
            break;
        };
        // The common case is all zeros, and a fold over it is fast.
        if piece.iter().fold(0, |all, byte| all | byte) != 0
            && let Some(last) = piece.iter().rposition(|byte| *byte != 0)
        {
            end = at + last as u64 + 1;
        }
        at += bytes;
    }
    Ok(end)
}

/// The record of an intact frame in `from..to` of a group after `torn_group`.
/// Frames begin at multiples of eight. Earlier groups do not count: they can
/// only be copies inside a payload.
fn frame_of_later_group(
    window: &mut Window<'_>,
    from: u64,
    to: u64,
    mark: u32,
    torn_group: Seq,
) -> io::Result<Option<Seq>> {
    for at in (from..to).step_by(8) {
        if let Some((head, _)) = window.frame(at, mark)?
            && head.group > torn_group
        {
            return Ok(Some(head.seq));
        }
    }
    Ok(None)
}
