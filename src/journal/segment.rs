//! Segment files: their names, their creation, and reading them through a
//! window.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::frame::{FrameHead, HEADER_BYTES, HeaderFault, SegmentHeader, is_intact};
use super::storage::{Storage, is_full};
use super::{Damage, FORMAT_VERSION, JournalError, Seq};

const EXTENSION: &str = ".kjl";
/// A segment under construction. It gets its real name only when it is whole
/// and synced, so a file with a segment's name always has a durable header.
const UNFINISHED: &str = ".kjl.new";

/// The path of the segment that begins with this record. The number has
/// twenty digits, so that names sort like numbers.
pub(super) fn path_of(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:020}{EXTENSION}", first.0))
}

/// The segments in `dir` by their first record.
pub(super) fn list(dir: &Path) -> Result<Vec<(Seq, PathBuf)>, JournalError> {
    let mut segments = Vec::new();
    for (name, path) in names(dir)? {
        if let Some(stem) = name.strip_suffix(EXTENSION) {
            let first = stem.parse().map(Seq).ok();
            match first.filter(|first| path_of(dir, *first) == path) {
                Some(first) => segments.push((first, path)),
                None => return Err(JournalError::StrangeFile { path }),
            }
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Removes segments whose creation was interrupted: they hold no records.
pub(super) fn remove_unfinished(dir: &Path) -> Result<(), JournalError> {
    for (name, path) in names(dir)? {
        if name.ends_with(UNFINISHED)
            && let Err(source) = fs::remove_file(&path)
        {
            return Err(JournalError::Unwritable { path, source });
        }
    }
    Ok(())
}

fn names(dir: &Path) -> Result<Vec<(String, PathBuf)>, JournalError> {
    let collect = || {
        let mut found = Vec::new();
        for item in fs::read_dir(dir)? {
            let path = item?.path();
            // Names that are not UTF-8 are not ours.
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                found.push((name.to_owned(), path));
            }
        }
        Ok(found)
    };
    collect().map_err(|source| io_error("listing", dir, source))
}

/// Creates a segment: blocks, header, content and name all on stable storage
/// when this returns. On [`JournalError::DiskFull`] the journal is unchanged;
/// any other failure comes with the operation that failed.
pub(super) fn create(
    storage: &dyn Storage,
    dir: &Path,
    header: &SegmentHeader,
    reserve_bytes: u64,
) -> Result<(File, PathBuf), JournalError> {
    let needed_bytes = header.file_bytes.saturating_add(reserve_bytes);
    let available = |storage: &dyn Storage| {
        let found = storage.available_bytes(dir);
        found.map_err(|source| io_error("asking for the free space of", dir, source))
    };
    let full = |available_bytes| JournalError::DiskFull {
        path: dir.to_owned(),
        needed_bytes,
        available_bytes,
    };
    let available_bytes = available(storage)?;
    if available_bytes < needed_bytes {
        return Err(full(available_bytes));
    }

    let path = path_of(dir, header.first);
    let unfinished = dir.join(format!("{:020}{UNFINISHED}", header.first.0));
    let build = || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        storage.allocate(&file, header.file_bytes)?;
        storage.write_at(&file, &header.encode(), 0)?;
        storage.sync_all(&file)?;
        Ok(file)
    };
    let file = build().map_err(|source: io::Error| {
        // What is left of it is also removed on the next open; space comes first.
        let _ = fs::remove_file(&unfinished);
        if is_full(&source) {
            full(available_bytes)
        } else {
            io_error("creating", &unfinished, source)
        }
    })?;
    fs::rename(&unfinished, &path).map_err(|source| io_error("naming", &path, source))?;
    storage.sync_directory(dir).map_err(|source| io_error("syncing", dir, source))?;
    Ok((file, path))
}

/// Opens a segment for reading and checks its header against the file's name
/// and length. Returns the header and the mark of its frames.
pub(super) fn open(path: &Path, first: Seq) -> Result<(File, SegmentHeader, u32), JournalError> {
    let damaged =
        |what| JournalError::Damaged { path: path.to_owned(), offset: 0, seq: first, what };
    let io = |source| io_error("reading", path, source);
    let file = File::open(path).map_err(io)?;
    let found_bytes = file.metadata().map_err(io)?.len();
    if found_bytes < HEADER_BYTES as u64 {
        return Err(damaged(Damage::Header));
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    let (header, mark) = match SegmentHeader::decode(&bytes) {
        Ok(decoded) => decoded,
        Err(HeaderFault::Unreadable) => return Err(damaged(Damage::Header)),
        Err(HeaderFault::Version(found)) => {
            return Err(JournalError::UnknownVersion {
                path: path.to_owned(),
                found,
                supported: FORMAT_VERSION,
            });
        }
    };
    if header.first != first {
        return Err(damaged(Damage::Name { found: header.first }));
    }
    if header.file_bytes != found_bytes {
        return Err(damaged(Damage::Length { expected_bytes: header.file_bytes, found_bytes }));
    }
    Ok((file, header, mark))
}

/// Reads a file in large steps and hands out pieces of it, so that walking
/// over small frames does not cost a call to the system for each.
pub(super) struct Window<'f> {
    file: &'f File,
    /// Nothing at or after this offset is handed out.
    limit: u64,
    step_bytes: usize,
    start: u64,
    filled: usize,
    buffer: Vec<u8>,
}

impl<'f> Window<'f> {
    pub(super) fn new(file: &'f File, limit: u64, step_bytes: usize) -> Self {
        Self { file, limit, step_bytes, start: 0, filled: 0, buffer: Vec::new() }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// The bytes at `offset`, or `None` if they would reach over the limit.
    pub(super) fn get(&mut self, offset: u64, bytes: usize) -> io::Result<Option<&[u8]>> {
        let left = self.limit.saturating_sub(offset);
        if bytes as u64 > left {
            return Ok(None);
        }
        let filled_to = self.start + self.filled as u64;
        if offset < self.start || offset + bytes as u64 > filled_to {
            let wanted = (self.step_bytes.max(bytes) as u64).min(left) as usize;
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            self.filled = 0;
            self.file.read_exact_at(&mut self.buffer[..wanted], offset)?;
            self.start = offset;
            self.filled = wanted;
        }
        let from = (offset - self.start) as usize;
        Ok(Some(&self.buffer[from..from + bytes]))
    }

    /// Forgets what was read, so that the next piece is what the file holds now.
    pub(super) fn forget(&mut self) {
        self.filled = 0;
    }

    /// The fixed fields of the frame at `offset`, if there is room for one.
    pub(super) fn head(&mut self, offset: u64) -> io::Result<Option<FrameHead>> {
        let bytes = self.get(offset, super::frame::FRAME_BYTES)?;
        Ok(bytes.map(FrameHead::parse))
    }

    /// The frame at `offset` if it is one of the segment with this mark and
    /// has its checksum.
    pub(super) fn frame(
        &mut self,
        offset: u64,
        mark: u32,
    ) -> io::Result<Option<(FrameHead, &[u8])>> {
        let Some(head) = self.head(offset)?.filter(|head| head.mark == mark) else {
            return Ok(None);
        };
        let frame = self.get(offset, head.frame_bytes())?;
        Ok(frame.filter(|frame| is_intact(frame)).map(|frame| (head, frame)))
    }
}

pub(super) fn io_error(operation: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { operation, path: path.to_owned(), source }
}
