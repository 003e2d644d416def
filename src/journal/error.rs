//! What can go wrong in the journal, named by cause, with the place and the
//! remedy, since whoever reads it at night has nothing else to go by.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{RecordHash, Seq};

/// Why the journal refused or failed.
#[derive(Debug, Error)]
pub enum JournalError {
    /// An entry is earlier than the one before it: the caller's clock source
    /// is broken. Nothing was written.
    #[error(
        "entry {index} of the group has time {time_ms} ms, \
         before the {last_time_ms} ms of the record in front of it"
    )]
    TimeBackwards {
        /// Position in the group, from 0.
        index: usize,
        /// The entry's time, Unix milliseconds.
        time_ms: i64,
        /// The time it may not precede, Unix milliseconds.
        last_time_ms: i64,
    },
    /// An entry is over the configured limit. Nothing was written.
    #[error("entry {index} of the group has {bytes} bytes, over the limit of {max_bytes}")]
    RecordTooLarge {
        /// Position in the group, from 0.
        index: usize,
        /// Size of its payload.
        bytes: usize,
        /// The configured limit.
        max_bytes: u32,
    },
    /// The group is larger than one segment can ever be. Nothing was written.
    #[error("a group of {records} records and {bytes} bytes does not fit into one segment")]
    GroupTooLarge {
        /// Number of entries.
        records: usize,
        /// Bytes it would take, framed.
        bytes: u64,
    },
    /// There is no room for the next segment. Nothing was written; the append
    /// may be repeated when there is space.
    #[error(
        "the disk under {} is full: {needed_bytes} bytes are needed \
         (next segment and reserve), {available_bytes} are free; \
         free some space or enlarge the volume, then try again", path.display()
    )]
    DiskFull {
        /// The journal's directory.
        path: PathBuf,
        /// Size of the next segment and of the reserve that must stay free.
        needed_bytes: u64,
        /// What the file system offered.
        available_bytes: u64,
    },
    /// A write or a sync failed, now or earlier. Whether the group is stored
    /// is unknown; the process must exit and reopen the journal.
    #[error(
        "the journal stopped: {operation} {} failed ({reason}); \
         the process must exit, and after a restart the journal tells what is stored; \
         check the disk and the kernel log first", path.display()
    )]
    Failed {
        /// What was being done.
        operation: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// Another process holds the journal.
    #[error(
        "the journal {} is in use by another process; \
         stop that one, or give this one a directory of its own", path.display()
    )]
    Locked {
        /// The journal's directory.
        path: PathBuf,
    },
    /// The configured path is there, but is no directory.
    #[error("{} is not a directory; name one in which the journal may keep its files", path.display())]
    NotADirectory {
        /// The configured path.
        path: PathBuf,
    },
    /// The directory or a file in it cannot be created or written.
    #[error(
        "cannot write {}: {source}; give the account of the service the right to write there, \
         or name another directory", path.display()
    )]
    Unwritable {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Something cannot be read or listed.
    #[error("{operation} {} failed: {source}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The configured segment size cannot work.
    #[error(
        "segments of {segment_bytes} bytes are not possible: with the configured record limit \
         they need at least {min_bytes} and may have at most {max_bytes}"
    )]
    SegmentSize {
        /// The configured size.
        segment_bytes: u64,
        /// The least that holds one record of the greatest size.
        min_bytes: u64,
        /// The most that the offset tables can address.
        max_bytes: u64,
    },
    /// A file has a segment's extension, but no segment's name.
    #[error(
        "{} is not named as the journal names its segments; \
         move it out of the directory, or give it back its name", path.display()
    )]
    StrangeFile {
        /// The file.
        path: PathBuf,
    },
    /// A segment was written by another release, in another format.
    #[error(
        "{} has journal format {found}, this release reads format {supported}; \
         run the release that wrote it", path.display()
    )]
    UnknownVersion {
        /// The segment.
        path: PathBuf,
        /// The format it declares.
        found: u16,
        /// The format this release knows.
        supported: u16,
    },
    /// What is stored is not what was appended. Nothing was changed.
    #[error(
        "the journal is damaged in {} at byte {offset}, record {seq}: {what}; \
         nothing was changed; restore the file from a copy", path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it, in bytes from its beginning.
        offset: u64,
        /// The record that should be there.
        seq: Seq,
        /// What is wrong with it.
        what: Damage,
    },
    /// Records that were acknowledged are no longer there. Nothing was changed.
    #[error(
        "the journal {} ends before record {next_seq}, but record {known} had been acknowledged; \
         nothing was changed; restore the journal from a copy, or check that the right \
         volume is mounted", path.display()
    )]
    Shorter {
        /// The journal's directory.
        path: PathBuf,
        /// The first record that is not there.
        next_seq: Seq,
        /// The last record known to have been durable.
        known: Seq,
    },
    /// An acknowledged record is there with other content: this is another
    /// journal. Nothing was changed.
    #[error(
        "record {seq} of the journal {} has hash {found}, but {known} had been acknowledged; \
         nothing was changed; journal and index do not belong together", path.display()
    )]
    Diverged {
        /// The journal's directory.
        path: PathBuf,
        /// The record.
        seq: Seq,
        /// Its hash as stored.
        found: RecordHash,
        /// Its hash as it had been acknowledged.
        known: RecordHash,
    },
}

/// In which way a segment is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The file was cut short or grew.
    #[error("the file has {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// What its header declares.
        expected_bytes: u64,
        /// What it has.
        found_bytes: u64,
    },
    /// The header is not that of a segment, or its checksum is wrong.
    #[error("the header is unreadable")]
    Header,
    /// The header belongs to another file name.
    #[error("the header says that the segment begins with record {found}")]
    Name {
        /// The first record by the header.
        found: Seq,
    },
    /// Segments between the last whole record and this file are missing.
    #[error("records before this file are missing")]
    Missing,
    /// A frame's checksum is wrong, or bytes stand where no record should be.
    #[error("the frame is unreadable")]
    Frame,
    /// A frame is unreadable although a later group, written only after this
    /// one was synced, is there.
    #[error("the frame is unreadable, though the later record {later} is there")]
    BeforeLater {
        /// The later record.
        later: Seq,
    },
    /// Another record stands here.
    #[error("record {found} stands here")]
    Sequence {
        /// The record that stands here.
        found: Seq,
    },
    /// The record is not chained to the one before it.
    #[error("the record is not chained to the one before it")]
    Chain,
    /// The content does not have the hash that was recorded with it.
    #[error("the content does not match its hash")]
    Hash,
    /// The record is earlier than the one before it.
    #[error("the record is earlier than the one before it")]
    Time,
    /// The record does not continue or end its group as it should.
    #[error("the group is not whole")]
    Group,
}

/// Whose fault an error is, and so what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller broke the contract; nothing was written, repeating is useless.
    Caller,
    /// There was no space; nothing was written, repeating later helps.
    Space,
    /// Someone must look: a path, a permission, a damaged or foreign file.
    Operator,
    /// The writer is dead; the process must exit.
    Fatal,
}

impl JournalError {
    /// Whose fault this is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::TimeBackwards { .. }
            | Self::RecordTooLarge { .. }
            | Self::GroupTooLarge { .. } => Fault::Caller,
            Self::DiskFull { .. } => Fault::Space,
            Self::Failed { .. } => Fault::Fatal,
            Self::Locked { .. }
            | Self::NotADirectory { .. }
            | Self::Unwritable { .. }
            | Self::Io { .. }
            | Self::SegmentSize { .. }
            | Self::StrangeFile { .. }
            | Self::UnknownVersion { .. }
            | Self::Damaged { .. }
            | Self::Shorter { .. }
            | Self::Diverged { .. } => Fault::Operator,
        }
    }
}
