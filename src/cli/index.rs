//! `kopir index`: the index made anew from the journal.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::journal;
use super::output::{Failure, print};
use crate::config::{index_dir, journal_dir};
use crate::domain::Sequence;
use crate::index::{self, Index, IndexError, IndexOptions, RebuildError};
use crate::journal::{FileJournal, FileOptions, Journal, RecordHash, Seq};

/// What file systems put into the root of a volume; it is theirs.
const LOST_AND_FOUND: &str = "lost+found";

/// The index, which follows from the journal.
#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Remove the index and build it anew from the journal
    ///
    /// A bus does so by itself when its index is missing or damaged; this does it beforehand, or
    /// where an index is suspected to be wrong. It is refused while a bus runs on the directory.
    /// The journal is verified first. An index that knows of records which the journal lacks is
    /// left alone with exit code 3: it is the evidence that acts are missing.
    ///
    /// Example:
    ///
    ///   kopir index rebuild data
    #[command(verbatim_doc_comment)]
    Rebuild(RebuildArgs),
}

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// The data directory, with the journal in journal/ and the index in index/
    dir: PathBuf,
}

pub(super) fn run(command: &IndexCommand) -> Result<(), Failure> {
    match command {
        IndexCommand::Rebuild(RebuildArgs { dir }) => rebuild(dir),
    }
}

fn rebuild(dir: &Path) -> Result<(), Failure> {
    let (journal_dir, index_dir) = (journal_dir(dir), index_dir(dir));
    if !journal_dir.is_dir() {
        return Err(Failure::usage(anyhow!(
            "{} has no journal in it; name the data directory of a bus",
            dir.display()
        )));
    }
    let options = IndexOptions::default();
    // Opened although it goes: only an index of ours is ever removed, none that is in use, and
    // none that knows more than the journal.
    let old = Index::open(&index_dir, &options).map_err(refused)?;
    let known = old.applied.map(|applied| (Seq(applied.sequence.0), RecordHash(applied.hash)));
    let (journal, opening) = open_journal(&journal_dir, known)?;
    old.index.close().map_err(refused)?;
    // The handle holds the lock on the directory.
    drop(old);
    empty(&index_dir)
        .with_context(|| format!("cannot remove the index {}", index_dir.display()))
        .map_err(Failure::failed)?;
    let new = Index::open(&index_dir, &options).map_err(refused)?.index;
    replay(&new, &journal)?;
    new.close().map_err(refused)?;
    print(format_args!("{}: rebuilt from {} records\n", index_dir.display(), opening.records))
}

/// Opens the journal as a bus does, which locks it and verifies every record.
fn open_journal(
    dir: &Path,
    known: Option<(Seq, RecordHash)>,
) -> Result<(FileJournal, crate::journal::Opening), Failure> {
    let bar = bar("verifying segments");
    let opened = FileJournal::open(dir, FileOptions::default(), known, &mut |progress| {
        bar.set_length(progress.segments as u64);
        bar.set_position(progress.segments_done as u64);
    });
    bar.finish_and_clear();
    opened.map_err(journal::failure)
}

fn replay(index: &Index, journal: &FileJournal) -> Result<(), Failure> {
    let last = Sequence(journal.tail().next_seq.0 - 1);
    let bar = bar("indexing records");
    let done = index::rebuild(index, &*journal.reader(), last, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    match done {
        Ok(_) => Ok(()),
        Err(RebuildError::Journal(why)) => Err(journal::failure(why)),
        Err(why) => Err(Failure::failed(why)),
    }
}

/// Removes what is in the directory and leaves the directory, which may be a volume. What tells
/// that it is an index goes last, so that an interruption leaves an index that begins anew.
fn empty(dir: &Path) -> io::Result<()> {
    let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    let entries: Vec<_> =
        entries.iter().filter(|entry| entry.file_name() != OsStr::new(LOST_AND_FOUND)).collect();
    for entry in &entries {
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    for entry in entries {
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn refused(why: IndexError) -> Failure {
    match why {
        IndexError::NotADirectory { .. } | IndexError::Foreign { .. } => Failure::usage(why),
        IndexError::Locked { .. }
        | IndexError::Io { .. }
        | IndexError::Storage { .. }
        | IndexError::Unwritable { .. }
        | IndexError::TooLarge { .. }
        | IndexError::Unreadable { .. }
        | IndexError::OutOfOrder { .. }
        | IndexError::Panicked
        | IndexError::Closed => Failure::failed(why),
    }
}

/// A bar on standard error; where that is no terminal, nothing is drawn.
fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
