//! A witness: it sees every checkpoint continue the one before, says so with its own key, and keeps
//! what it saw. It never goes back: a tree that is smaller than the last, or another one, is refused
//! and kept as proof.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::log::{Published, replace_durably};
use super::note::{MAX_NOTE_BYTES, Note, Signature, Signer, VerifierKey};
use super::tree::{Hash, ProofError, verify_consistency};

/// What a checkpoint is to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The first of this log: there is nothing to hold it against.
    First,
    /// The last one again.
    Same,
    /// A larger tree. A proof from that many records on must show that it continues the last.
    Larger {
        /// Records of the last tree.
        from: u64,
    },
}

/// Why a witness does not cosign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The checkpoint is not one of the log.
    #[error("the bus showed something that is not a checkpoint of this log: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A tree that does not continue the last one.
    #[error(
        "the history was forked or rewritten: {what}. Nothing is cosigned. Both checkpoints are \
         signed by the bus; they are kept as proof in {}", .kept.display()
    )]
    Conflict {
        /// How the two do not go together.
        what: String,
        /// The file with both of them.
        kept: PathBuf,
    },
    /// The state cannot be read or written.
    #[error("{}: {source}; the last checkpoint must be kept, or the witness would not notice", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The state is not a checkpoint of the log.
    #[error("{}: {why}; restore the state of this witness, or name the file of another log", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: CheckpointError,
    },
}

/// A witness of one log.
#[derive(Debug)]
pub struct Witness {
    log: VerifierKey,
    signer: Signer,
    state: PathBuf,
    last: Option<Published>,
}

impl Witness {
    /// A witness with the state of its file, which need not be there.
    ///
    /// # Errors
    /// [`WitnessError::State`], [`WitnessError::Damaged`].
    pub fn open(log: VerifierKey, signer: Signer, state: &Path) -> Result<Self, WitnessError> {
        let path = || state.to_owned();
        let last = match fs::read(state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(WitnessError::State { path: path(), source }),
            Ok(bytes) => {
                let read = open(&bytes, &log);
                Some(read.map_err(|why| WitnessError::Damaged { path: path(), why })?)
            }
        };
        Ok(Self { log, signer, state: path(), last })
    }

    /// Its own key.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Looks at what the bus shows as its newest checkpoint.
    ///
    /// # Errors
    /// [`WitnessError::Checkpoint`]; [`WitnessError::Conflict`] for a smaller tree, or another one
    /// of the same size.
    pub fn look(&self, shown: &[u8]) -> Result<(Seen, Published), WitnessError> {
        let shown = open(shown, &self.log)?;
        let Some(last) = &self.last else { return Ok((Seen::First, shown)) };
        let (old, new) = (&last.checkpoint, &shown.checkpoint);
        if new.size < old.size {
            let what = format!("the tree has {} records, and had {}", new.size, old.size);
            return Err(self.conflict(&what, &shown, &[]));
        }
        if new.size > old.size {
            return Ok((Seen::Larger { from: old.size }, shown));
        }
        if new.root != old.root {
            let what = format!("two trees of {} records have different roots", new.size);
            return Err(self.conflict(&what, &shown, &[]));
        }
        Ok((Seen::Same, shown))
    }

    /// Cosigns a checkpoint that [`Self::look`] returned, with the proof that it asked for. The
    /// state is on the disk before the signature is handed out.
    ///
    /// # Errors
    /// [`WitnessError::Conflict`] where the proof does not hold, [`WitnessError::State`].
    pub fn cosign(
        &mut self,
        shown: Published,
        proof: &[Hash],
        unix_seconds: u64,
    ) -> Result<Signature, WitnessError> {
        if let Err(why) = self.continues(&shown.checkpoint, proof) {
            let size = shown.checkpoint.size;
            let what = format!("the tree of {size} records does not continue the last one: {why}");
            return Err(self.conflict(&what, &shown, proof));
        }
        let signature = self.signer.sign(shown.note.text(), unix_seconds);
        let kept = replace_durably(&self.state, shown.note.to_string().as_bytes());
        kept.map_err(|source| WitnessError::State { path: self.state.clone(), source })?;
        self.last = Some(shown);
        Ok(signature)
    }

    fn continues(&self, new: &Checkpoint, proof: &[Hash]) -> Result<(), ProofError> {
        let Some(Published { checkpoint: old, .. }) = &self.last else { return Ok(()) };
        verify_consistency((old.size, old.root), (new.size, new.root), proof)
    }

    /// Keeps both checkpoints, and the proof that does not hold.
    fn conflict(&self, what: &str, shown: &Published, proof: &[Hash]) -> WitnessError {
        let mut text = format!("{what}\n\nThe last checkpoint that was cosigned:\n\n");
        let last = self.last.as_ref().map(|last| last.note.to_string()).unwrap_or_default();
        // Writing into a string does not fail.
        let _ = write!(text, "{last}\nThe checkpoint that was shown now:\n\n{}", shown.note);
        if !proof.is_empty() {
            let _ = write!(text, "\nThe proof that was given with it:\n\n{proof:?}\n");
        }
        let mut kept = self.state.clone().into_os_string();
        kept.push(format!(".conflict-{}", shown.checkpoint.size));
        let kept = PathBuf::from(kept);
        match replace_durably(&kept, text.as_bytes()) {
            Ok(()) => WitnessError::Conflict { what: what.to_owned(), kept },
            Err(source) => WitnessError::State { path: kept, source },
        }
    }
}

/// Whether two checkpoints of one log, shown to two parties, are of one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The same tree.
    Same,
    /// Of different sizes: a proof from the smaller to the larger decides.
    Sizes {
        /// The smaller.
        old: Checkpoint,
        /// The larger.
        new: Checkpoint,
    },
    /// Different trees of the same size: the history was forked.
    Forked {
        /// How many records both have.
        size: u64,
    },
}

/// Compares two checkpoints, both signed by the log.
///
/// # Errors
/// [`CheckpointError`] with the number of the one at fault, 1 or 2.
pub fn compare(
    one: &[u8],
    other: &[u8],
    log: &VerifierKey,
) -> Result<Compared, (u8, CheckpointError)> {
    let one = open(one, log).map_err(|why| (1, why))?.checkpoint;
    let other = open(other, log).map_err(|why| (2, why))?.checkpoint;
    let (old, new) = if one.size <= other.size { (one, other) } else { (other, one) };
    Ok(match (old.size == new.size, old.root == new.root) {
        (true, true) => Compared::Same,
        (true, false) => Compared::Forked { size: old.size },
        (false, _) => Compared::Sizes { old, new },
    })
}

fn open(bytes: &[u8], log: &VerifierKey) -> Result<Published, CheckpointError> {
    let note = Note::parse_up_to(bytes, MAX_NOTE_BYTES)?;
    let checkpoint = Checkpoint::open(&note, log)?;
    Ok(Published { checkpoint, note })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::note::KeyKind;
    use crate::evidence::tree::{leaf_hash, node_hash};

    fn log() -> Signer {
        Signer::new("bus.example", KeyKind::Log, &[1; 32]).unwrap()
    }

    fn shown(size: u64, root: Hash) -> Vec<u8> {
        let checkpoint = Checkpoint { origin: "bus.example".into(), size, root };
        let mut note = Note::new(checkpoint.text());
        note.add(log().sign(note.text(), 0));
        note.to_string().into_bytes()
    }

    fn witness(state: &Path) -> Witness {
        let signer = Signer::new("witness.example", KeyKind::Witness, &[2; 32]).unwrap();
        Witness::open(log().verifier().clone(), signer, state).unwrap()
    }

    #[test]
    fn a_witness_cosigns_what_continues_and_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (first, second) = (leaf_hash(b"1"), leaf_hash(b"2"));
        let both = node_hash(first, second);

        let mut one = witness(&state);
        let (seen, published) = one.look(&shown(1, first)).unwrap();
        assert_eq!(seen, Seen::First);
        let signature = one.cosign(published.clone(), &[], 100).unwrap();
        let verified = one.verifier().verify_one(published.note.text(), &signature);
        assert_eq!(verified, Ok(Some(100)));

        let mut again = witness(&state);
        assert_eq!(again.look(&shown(1, first)).unwrap().0, Seen::Same);
        let (seen, published) = again.look(&shown(2, both)).unwrap();
        assert_eq!(seen, Seen::Larger { from: 1 });
        again.cosign(published, &[second], 101).unwrap();

        let again = witness(&state);
        let shrunk = again.look(&shown(1, first)).unwrap_err();
        assert!(shrunk.to_string().contains("has 1 records, and had 2"), "{shrunk}");
        let forked = again.look(&shown(2, first)).unwrap_err();
        let WitnessError::Conflict { kept, .. } = &forked else { panic!("{forked}") };
        let proof = fs::read_to_string(kept).unwrap();
        for note in [shown(2, both), shown(2, first)] {
            assert!(proof.contains(std::str::from_utf8(&note).unwrap()), "both are kept");
        }
    }

    #[test]
    fn a_larger_tree_that_does_not_continue_the_last_is_a_fork() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (first, second) = (leaf_hash(b"1"), leaf_hash(b"2"));
        let mut one = witness(&state);
        let (_, published) = one.look(&shown(1, first)).unwrap();
        one.cosign(published, &[], 100).unwrap();
        let rewritten = node_hash(leaf_hash(b"other"), second);
        let (_, published) = one.look(&shown(2, rewritten)).unwrap();
        let refused = one.cosign(published, &[second], 101).unwrap_err();
        assert!(matches!(refused, WitnessError::Conflict { .. }), "{refused}");
        assert_eq!(fs::read(&state).unwrap(), shown(1, first), "the state stays");
        let other = Signer::new("bus.example", KeyKind::Log, &[9; 32]).unwrap();
        let stranger = Witness::open(other.verifier().clone(), other, &state).unwrap_err();
        assert!(matches!(stranger, WitnessError::Damaged { .. }), "{stranger}");
    }

    #[test]
    fn two_checkpoints_are_compared() {
        let (one, other) = (leaf_hash(b"1"), leaf_hash(b"2"));
        let log = log().verifier().clone();
        let against = |a: &[u8], b: &[u8]| compare(a, b, &log).unwrap();
        assert_eq!(against(&shown(1, one), &shown(1, one)), Compared::Same);
        assert_eq!(against(&shown(1, one), &shown(1, other)), Compared::Forked { size: 1 });
        let Compared::Sizes { old, new } = against(&shown(5, one), &shown(2, other)) else {
            panic!("of different sizes");
        };
        assert_eq!((old.size, new.size), (2, 5));
        assert_eq!(compare(&shown(1, one), b"x", &log).unwrap_err().0, 2);
    }
}
