//! Why an index begins anew, and what can go wrong with it, each with what helps.

use std::io;
use std::path::PathBuf;

use crate::domain::ids::{CaseId, Sequence};
use crate::records::RecordError;

use super::FORMAT_VERSION;
use super::batch::MAX_VALUE_BYTES;

/// Why an index begins anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyFresh {
    /// There was none, or nothing had been applied to it.
    #[error("there was no index, or nothing had been applied to it")]
    Missing,
    /// It was written by a release with another format.
    #[error("the index had format {found}, this release writes {FORMAT_VERSION}")]
    OtherFormat {
        /// The format it had.
        found: u32,
    },
    /// It was in use when the machine stopped, and may lack what had not reached the disk.
    #[error("the index was in use when the machine went down")]
    PowerLoss,
    /// It cannot be read, or is not what it was.
    #[error("the index was damaged: {0}")]
    Damaged(Damage),
}

/// In which way an index is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file that says how it was left.
    #[error("how it was left cannot be read")]
    State,
    /// A file changed, came or went while the index was closed.
    #[error("{file} is not as it was when the index was closed")]
    Changed {
        /// The file, below the index's data.
        file: String,
    },
    /// The process died while the index was being opened.
    #[error("the process died while opening it")]
    DiedOpening,
    /// Something unreadable was met while the index was in use.
    #[error("unreadable entries were met while it was in use")]
    FoundInUse,
    /// sled cannot open or read it.
    #[error("the store does not open: {reason}")]
    Unopenable {
        /// What sled said.
        reason: String,
    },
    /// An entry is none that an index has.
    #[error("an entry is unreadable")]
    Entry,
    /// Entries are missing, or older than others.
    #[error("its entries do not fit together")]
    Incomplete,
    /// It is not empty, but does not say how far the journal was applied.
    #[error("it does not say up to which record it was applied")]
    Applied,
}

/// Why the index refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The path is no directory.
    #[error("{} is not a directory; name one in which the index may keep its files", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The directory holds files, but no index. Nothing in it was touched.
    #[error(
        "{} holds other files and no index of this program; nothing in it was touched; name an \
         empty or missing directory", path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// Another process, or another handle of this one, has the index open.
    #[error(
        "the index {} is in use by another process; stop that one, or give this one a directory \
         of its own", path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory or a file in it cannot be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// sled failed. Repeating is useless in this process; on the next opening the index is
    /// inspected and, if need be, begins anew.
    #[error("the index failed to {operation}: {source}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// What sled said.
        source: Box<sled::Error>,
    },
    /// A case that cannot be written: a broken invariant.
    #[error("case {case} cannot be kept in the index: {source}")]
    Unwritable {
        /// The case.
        case: CaseId,
        /// Why.
        source: RecordError,
    },
    /// A value over the limit of 16 KiB: a broken invariant.
    #[error("case {case} takes {bytes} bytes, over the index's limit of {MAX_VALUE_BYTES}")]
    TooLarge {
        /// The case.
        case: CaseId,
        /// Its record's size.
        bytes: usize,
    },
    /// An entry that cannot be read. The index begins anew when it is opened next.
    #[error("{entry} in the index is unreadable; restart, and the index is rebuilt")]
    Unreadable {
        /// What kind of entry.
        entry: &'static str,
    },
    /// Changes that do not follow the last record applied: a broken invariant. Nothing was
    /// applied.
    #[error("record {found} was to be applied where record {expected} is next")]
    OutOfOrder {
        /// The record that is next.
        expected: Sequence,
        /// The record that was given.
        found: Sequence,
    },
    /// sled panicked. The index begins anew when it is opened next.
    #[error("the store panicked; restart, and the index is rebuilt")]
    Panicked,
    /// The index has been closed.
    #[error("the index is closed")]
    Closed,
}

impl IndexError {
    /// Whether the operating system has refused.
    pub(super) fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Storage { source, .. } if matches!(**source, sled::Error::Io(_)))
    }

    /// Whether it shows that what is stored cannot be relied on.
    pub(super) fn shows_damage(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Panicked => true,
            // An operating system that fails says nothing about what is stored.
            Self::Storage { .. } => !self.is_of_the_disk(),
            Self::NotADirectory { .. }
            | Self::Foreign { .. }
            | Self::Locked { .. }
            | Self::Io { .. }
            | Self::Unwritable { .. }
            | Self::TooLarge { .. }
            | Self::OutOfOrder { .. }
            | Self::Closed => false,
        }
    }
}
