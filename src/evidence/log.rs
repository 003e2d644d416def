//! What the bus publishes of its journal: checkpoints, proofs against them, and the cosignatures of
//! witnesses. A handle for the services; the [`Follower`](super::Follower) writes behind it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::{KeyKind, MAX_NOTE_BYTES, Note, NoteError, Signature, Signer, VerifierKey};
use super::proof::RecordProof;
use super::stamps::Stamps;
use super::store::{TileError, Tiles, replace};
use super::tree::{
    Hash, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency, verify_inclusion,
};
use crate::domain::Sequence;
use crate::journal::{JournalReader, RecordHash, Seq};

/// Checkpoints that a witness may still cosign, the newest of them last.
const RECENT: usize = 64;

/// A checkpoint with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note, signed by the bus and perhaps by witnesses.
    pub note: Note,
}

/// Why the log is not carried on.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A tile.
    #[error("the tree of the log cannot be kept: {0}")]
    Tile(#[from] TileError),
    /// A checkpoint that cannot be read or written.
    #[error("{}: {source}; checkpoints must be readable and writable", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The last checkpoint is not one of this log.
    #[error(
        "{}: {why}; it is the last checkpoint that this bus signed. Restore it with log.key from \
         their backup, and keep evidence.origin as it was", .path.display()
    )]
    Signed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: CheckpointError,
    },
    /// The journal has fewer records than were signed, or others.
    #[error(
        "the journal does not contain what was signed: {what}. It was rewritten, or an older one \
         was restored. No checkpoint is signed any more; put the journal back that the checkpoint \
         of {size} records was signed over"
    )]
    Contradicted {
        /// What is missing or different.
        what: String,
        /// How many records the last checkpoint has.
        size: u64,
    },
    /// The journal cannot be read.
    #[error("the journal cannot be followed: {0}")]
    Journal(#[from] crate::journal::JournalError),
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// No checkpoint covers the record yet.
    #[error("no checkpoint covers it yet")]
    Pending,
    /// Nothing is signed any more, since the journal contradicts what was.
    #[error("the journal contradicts what was signed")]
    Contradicted,
    /// A tree larger than the newest checkpoint's, or a smaller newer one.
    #[error("no checkpoint has so many records")]
    Outside,
    /// A cosignature that is none of a configured witness over a recent checkpoint.
    #[error("it is no cosignature of a configured witness over this checkpoint")]
    Cosignature,
    /// The checkpoint is not one of the last ones.
    #[error("it is not one of the last checkpoints; cosign the newest")]
    NotRecent,
}

/// The log of a bus.
pub struct Log {
    reader: Arc<dyn JournalReader>,
    dir: PathBuf,
    signed_file: PathBuf,
    signer: Signer,
    witnesses: Vec<VerifierKey>,
    stamps: Stamps,
    state: RwLock<State>,
    /// A proof did not lead to its root: the tiles are to be made anew.
    damaged: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// The newest is last. Invariant: each is the beginning of the next.
    recent: VecDeque<Published>,
    /// The largest that a witness has cosigned.
    cosigned: Option<Published>,
    contradicted: bool,
}

/// How many records the last checkpoint in a data directory is over, by its text alone: without the
/// key it is the word of whoever can write there. None where nothing was signed.
///
/// # Errors
/// [`LogError::Io`], [`LogError::Signed`].
pub fn signed_records(data_dir: &Path) -> Result<Option<u64>, LogError> {
    let path = data_dir.join("log.signed");
    let bytes = match read_bounded(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LogError::Io { path, source }),
    };
    let read = Note::parse_up_to(&bytes, MAX_NOTE_BYTES).map_err(CheckpointError::Note);
    let read = read.and_then(|note| Checkpoint::parse(note.text()));
    read.map(|checkpoint| Some(checkpoint.size)).map_err(|why| LogError::Signed { path, why })
}

impl Log {
    /// The log below a data directory: tiles and checkpoints in `log/`, and the last checkpoint
    /// that was signed in `log.signed`, which belongs to the journal's backup.
    #[must_use]
    pub fn new(
        data_dir: &Path,
        reader: Arc<dyn JournalReader>,
        signer: Signer,
        witnesses: Vec<VerifierKey>,
    ) -> Self {
        Self {
            reader,
            dir: data_dir.join("log"),
            signed_file: data_dir.join("log.signed"),
            signer,
            witnesses,
            stamps: Stamps::open(data_dir),
            state: RwLock::default(),
            damaged: AtomicBool::new(false),
        }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.signer.verifier().name()
    }

    /// The key by which its checkpoints are verified.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Its checkpoints that a time-stamp authority has stamped.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// Signs a text in the name of the log; never one that reads as a checkpoint.
    #[must_use]
    pub(super) fn sign_note(&self, text: String) -> Note {
        let mut note = Note::new(text);
        note.add(self.signer.sign(note.text(), 0));
        note
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// [`ProofRefused::Pending`], [`ProofRefused::Contradicted`].
    pub fn newest(&self) -> Result<Published, ProofRefused> {
        let state = self.read();
        if state.contradicted {
            return Err(ProofRefused::Contradicted);
        }
        state.recent.back().cloned().ok_or(ProofRefused::Pending)
    }

    /// The largest checkpoint that a witness has cosigned.
    #[must_use]
    pub fn cosigned(&self) -> Option<Published> {
        self.read().cosigned.clone()
    }

    /// The checkpoint by which a record is proven: the cosigned one if it covers the record, and
    /// otherwise the newest.
    ///
    /// # Errors
    /// [`ProofRefused::Pending`], [`ProofRefused::Contradicted`].
    pub fn covering(&self, sequence: Sequence) -> Result<Published, ProofRefused> {
        let newest = self.newest()?;
        let covers = |each: &Published| sequence.0 <= each.checkpoint.size;
        let cosigned = self.cosigned().filter(covers);
        cosigned.or(Some(newest).filter(covers)).ok_or(ProofRefused::Pending)
    }

    /// The proof that a record stands in the journal.
    ///
    /// # Errors
    /// [`ProofRefused::Pending`], also while damaged tiles are made anew;
    /// [`ProofRefused::Contradicted`].
    pub fn prove(
        &self,
        sequence: Sequence,
        record: [u8; 32],
        by: &Published,
    ) -> Result<RecordProof, ProofRefused> {
        let (sequence, record) = (Seq(sequence.0), RecordHash(record));
        let Checkpoint { size, root, .. } = by.checkpoint;
        let index = sequence.0.checked_sub(1).filter(|index| *index < size);
        let index = index.ok_or(ProofRefused::Pending)?;
        let hashes =
            inclusion_proof(&self.tiles()?, index, size).map_err(|error| self.doubt(&error))?;
        verify_inclusion(leaf_hash(&record.0), index, size, root, &hashes)
            .map_err(|error| self.doubt(&error))?;
        Ok(RecordProof { record, sequence, hashes, checkpoint: by.note.clone() })
    }

    /// The proof that a tree of `old` records is the beginning of one of `size`.
    ///
    /// # Errors
    /// [`ProofRefused::Outside`], [`ProofRefused::Pending`], [`ProofRefused::Contradicted`].
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, ProofRefused> {
        let newest = self.newest()?.checkpoint;
        if old > size || size > newest.size {
            return Err(ProofRefused::Outside);
        }
        let tiles = self.tiles()?;
        let read = || -> Result<_, TileError> {
            let roots = (root(&tiles, old)?, root(&tiles, size)?);
            Ok((roots, consistency_proof(&tiles, old, size)?))
        };
        let ((old_root, new_root), hashes) = read().map_err(|error| self.doubt(&error))?;
        verify_consistency((old, old_root), (size, new_root), &hashes)
            .map_err(|error| self.doubt(&error))?;
        if size == newest.size && new_root != newest.root {
            return Err(self.doubt(&"its root is another one"));
        }
        Ok(hashes)
    }

    /// Adds the cosignature of a configured witness to one of the last checkpoints.
    ///
    /// # Errors
    /// [`ProofRefused::NotRecent`], [`ProofRefused::Cosignature`].
    pub fn cosign(&self, size: u64, signature: &Signature) -> Result<Published, ProofRefused> {
        let mut state = self.write();
        let same = |each: &&mut Published| each.checkpoint.size == size;
        let found = state.recent.iter_mut().find(same).ok_or(ProofRefused::NotRecent)?;
        let text = found.note.text();
        let of_witness = |key: &&VerifierKey| key.verify_one(text, signature).is_ok();
        self.witnesses.iter().find(of_witness).ok_or(ProofRefused::Cosignature)?;
        found.note.add(signature.clone());
        let published = found.clone();
        let newer = state.cosigned.as_ref().is_none_or(|known| known.checkpoint.size <= size);
        if newer {
            state.cosigned = Some(published.clone());
        }
        drop(state);
        if newer {
            let path = self.dir.join("cosigned");
            // A cosignature that is lost comes again with the next checkpoint.
            if let Err(error) = replace(&path, published.note.to_string().as_bytes()) {
                tracing::warn!(path = %path.display(), %error, "a cosigned checkpoint is not kept");
            }
        }
        Ok(published)
    }

    pub(super) fn reader(&self) -> &dyn JournalReader {
        &*self.reader
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the tiles are to be made anew, told once.
    pub(super) fn take_damaged(&self) -> bool {
        self.damaged.swap(false, Ordering::AcqRel)
    }

    /// The last checkpoint that was signed, whether or not it was published.
    pub(super) fn last_signed(&self) -> Result<Option<Published>, LogError> {
        let path = || self.signed_file.clone();
        let bytes = match read_bounded(&self.signed_file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LogError::Io { path: path(), source }),
        };
        let opened = self.open(&bytes).map_err(|why| LogError::Signed { path: path(), why })?;
        Ok(Some(opened))
    }

    /// The largest checkpoint that a witness had cosigned before the start. None where it was lost
    /// or damaged: it comes again with the next checkpoint.
    pub(super) fn kept_cosigned(&self) -> Option<Published> {
        let bytes = read_bounded(&self.dir.join("cosigned")).ok()?;
        let published = self.open(&bytes).ok()?;
        let is_of_witness = self.witnesses.iter().any(|key| key.verify(&published.note).is_ok());
        is_of_witness.then_some(published)
    }

    /// Takes up what a witness had cosigned before the start, where the tiles of the last checkpoint
    /// lead to it. Whether they do; the tiles may be damaged.
    pub(super) fn takes_up_cosigned(&self, newest: u64) -> bool {
        let Some(published) = self.kept_cosigned() else { return true };
        let Checkpoint { size, root: expected, .. } = published.checkpoint;
        let tiles = Tiles { dir: &self.dir, size: newest };
        let is_there = size <= newest && root(&tiles, size).is_ok_and(|root| root == expected);
        if is_there {
            self.write().cosigned = Some(published);
        }
        is_there
    }

    /// Signs a tree, keeps that durably, and only then lets anybody have it.
    pub(super) fn publish(&self, size: u64, root: Hash) -> Result<(), LogError> {
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size, root };
        let note = self.sign_note(checkpoint.text());
        let text = note.to_string();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LogError::Io { path, source }
        };
        replace_durably(&self.signed_file, text.as_bytes()).map_err(failed(&self.signed_file))?;
        let path = self.dir.join("checkpoint");
        replace(&path, text.as_bytes()).map_err(failed(&path))?;
        self.show(Published { checkpoint, note });
        Ok(())
    }

    /// Lets everybody have a checkpoint.
    pub(super) fn show(&self, published: Published) {
        let mut state = self.write();
        if state.recent.back().is_some_and(|last| last.checkpoint == published.checkpoint) {
            return;
        }
        state.recent.push_back(published);
        while state.recent.len() > RECENT {
            state.recent.pop_front();
        }
    }

    /// Nothing is handed out any more.
    pub(super) fn contradict(&self) {
        self.write().contradicted = true;
    }

    fn open(&self, bytes: &[u8]) -> Result<Published, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::open(&note, self.verifier())?;
        Ok(Published { checkpoint, note })
    }

    /// The tiles, at the size up to which they are written.
    fn tiles(&self) -> Result<Tiles<'_>, ProofRefused> {
        Ok(Tiles { dir: &self.dir, size: self.newest()?.checkpoint.size })
    }

    /// Has the tiles made anew.
    fn doubt(&self, why: &dyn std::fmt::Display) -> ProofRefused {
        tracing::error!(%why, "the tiles of the log are damaged; they are made anew");
        self.damaged.store(true, Ordering::Release);
        ProofRefused::Pending
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the keys of witnesses.
///
/// # Errors
/// [`NoteError`] for a text that is no key, or one of another kind.
pub fn witness_key(text: &str) -> Result<VerifierKey, NoteError> {
    let key: VerifierKey = text.parse()?;
    match key.kind() {
        KeyKind::Witness => Ok(key),
        KeyKind::Log => Err(NoteError::Key),
    }
}

/// The bytes of a file, if they are no more than a note may have.
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    if length > MAX_NOTE_BYTES as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// As [`replace`], and on the disk with its name when it returns.
pub(super) fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, bytes)?;
    File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) => File::open(dir)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
