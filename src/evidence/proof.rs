//! The proof that a record stands in the journal, as a text that needs nothing beside it
//! (c2sp.org/tlog-proof).
//!
//! The record's hash stands in its `extra` line. It is no part of what is proven until it was held
//! against a receipt or a record.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, decimal, hash};
use super::note::{Note, NoteError, VerifierKey};
use super::tree::{Hash, MAX_PROOF_HASHES, ProofError, leaf_hash, verify_inclusion};
use crate::journal::{RecordHash, Seq};

const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// The largest proof that is read, in bytes.
pub const MAX_PROOF_BYTES: usize = 128 * 1024;

/// That a record stands at its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordProof {
    /// The hash of the record, as its receipt has it.
    pub record: RecordHash,
    /// Its place in the journal.
    pub sequence: Seq,
    /// The hashes from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint of a tree that has it, with the cosignatures of witnesses.
    pub checkpoint: Note,
}

/// What a proof shows once it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The tree that the record is in.
    pub checkpoint: Checkpoint,
    /// The witnesses that saw this tree, with the time of each in Unix seconds.
    pub witnesses: Vec<(String, u64)>,
}

/// Why a proof is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordProofError {
    /// The text is none of a proof.
    #[error("line {0} is not what a proof has there")]
    Line(usize),
    /// More than is read.
    #[error("it has more than {MAX_PROOF_BYTES} bytes")]
    TooLarge,
    /// The checkpoint in it.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The hashes.
    #[error("the proof of inclusion: {0}")]
    Inclusion(#[from] ProofError),
    /// A witness's cosignature.
    #[error("the cosignature of a witness: {0}")]
    Witness(NoteError),
}

impl RecordProof {
    /// The text of the proof.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { record, sequence, hashes, checkpoint } = self;
        let (record, index) = (STANDARD.encode(record.0), sequence.0.saturating_sub(1));
        let mut text = format!("{HEAD}\nextra {record}\nindex {index}\n");
        for hash in hashes {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{}", STANDARD.encode(hash.0));
        }
        text + "\n" + &checkpoint.to_string()
    }

    /// Reads the text of a proof. Nothing of it is verified.
    ///
    /// # Errors
    /// [`RecordProofError::Line`], [`RecordProofError::TooLarge`], [`RecordProofError::Checkpoint`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(RecordProofError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RecordProofError::Line(1))?;
        let mut rest = text;
        let mut line = |number| -> Result<&str, RecordProofError> {
            let (line, after) = rest.split_once('\n').ok_or(RecordProofError::Line(number))?;
            rest = after;
            Ok(line)
        };
        if line(1)? != HEAD {
            return Err(RecordProofError::Line(1));
        }
        let record = line(2)?.strip_prefix("extra ").and_then(hash);
        let record = RecordHash(record.ok_or(RecordProofError::Line(2))?.0);
        let index = line(3)?.strip_prefix("index ").and_then(decimal);
        let sequence = index.and_then(|index| index.checked_add(1)).map(Seq);
        let sequence = sequence.ok_or(RecordProofError::Line(3))?;
        let mut hashes = Vec::new();
        for number in 4.. {
            match line(number)? {
                "" => break,
                _ if hashes.len() == MAX_PROOF_HASHES => {
                    return Err(RecordProofError::Line(number));
                }
                text => hashes.push(hash(text).ok_or(RecordProofError::Line(number))?),
            }
        }
        let checkpoint = Note::parse(rest.as_bytes()).map_err(CheckpointError::Note)?;
        Ok(Self { record, sequence, hashes, checkpoint })
    }

    /// Verifies that the record with this hash stands at this place in the log of the key, and that
    /// each of the witnesses saw that tree.
    ///
    /// # Errors
    /// [`RecordProofError`].
    pub fn verify(
        &self,
        log: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<Proven, RecordProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        let (leaf, index) = (leaf_hash(&self.record.0), self.sequence.0.wrapping_sub(1));
        verify_inclusion(leaf, index, checkpoint.size, checkpoint.root, &self.hashes)?;
        let mut seen = Vec::new();
        for witness in witnesses {
            let time = witness.verify(&self.checkpoint).map_err(RecordProofError::Witness)?;
            seen.push((witness.name().to_owned(), time.unwrap_or_default()));
        }
        Ok(Proven { checkpoint, witnesses: seen })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::note::{KeyKind, Signer};
    use crate::evidence::tree::node_hash;

    fn keys() -> (Signer, Signer) {
        let log = Signer::new("bus.example", KeyKind::Log, &[1; 32]).unwrap();
        (log, Signer::new("witness.example", KeyKind::Witness, &[2; 32]).unwrap())
    }

    /// The second of three records.
    fn proof() -> RecordProof {
        let [first, second, third] = [[1; 32], [2; 32], [3; 32]];
        let (left, right) = (leaf_hash(&first), leaf_hash(&third));
        let root = node_hash(node_hash(left, leaf_hash(&second)), right);
        let checkpoint = Checkpoint { origin: "bus.example".into(), size: 3, root };
        let mut note = Note::new(checkpoint.text());
        let (log, witness) = keys();
        note.add(log.sign(note.text(), 0));
        note.add(witness.sign(note.text(), 1_700_000_000));
        let (record, sequence) = (RecordHash(second), Seq(2));
        RecordProof { record, sequence, hashes: vec![left, right], checkpoint: note }
    }

    #[test]
    fn a_proof_reads_back_and_verifies() {
        let (log, witness) = keys();
        let read = RecordProof::parse(proof().text().as_bytes()).unwrap();
        assert_eq!(read, proof());
        let proven = read.verify(log.verifier(), &[witness.verifier().clone()]).unwrap();
        assert_eq!(proven.checkpoint.size, 3);
        assert_eq!(proven.witnesses, [("witness.example".to_owned(), 1_700_000_000)]);
    }

    #[test]
    fn a_text_that_is_no_proof_names_its_line() {
        let text = proof().text();
        let line = |from: &str, to: &str| RecordProof::parse(text.replacen(from, to, 1).as_bytes());
        assert_eq!(line("@v1", "@v2"), Err(RecordProofError::Line(1)));
        assert_eq!(line("extra", "more"), Err(RecordProofError::Line(2)));
        assert_eq!(line("index 1", "index 01"), Err(RecordProofError::Line(3)));
        assert_eq!(line("index 1\n", "index 1\nAAAA\n"), Err(RecordProofError::Line(4)));
        let many = format!("index 1\n{}", format!("{}\n", STANDARD.encode([7; 32])).repeat(65));
        assert_eq!(line("index 1\n", &many), Err(RecordProofError::Line(68)));
        let max = format!("index {}", u64::MAX);
        assert_eq!(line("index 1", &max), Err(RecordProofError::Line(3)));
        let huge = vec![b'a'; MAX_PROOF_BYTES + 1];
        assert_eq!(RecordProof::parse(&huge), Err(RecordProofError::TooLarge));
        assert_eq!(RecordProof::parse(b""), Err(RecordProofError::Line(1)));
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_proof_is_noticed(at in any::<usize>(), bit in 0..8_u32) {
            let (log, witness) = keys();
            let mut bytes = proof().text().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            let read = RecordProof::parse(&bytes);
            let witnesses = [witness.verifier().clone()];
            prop_assert!(read.and_then(|proof| proof.verify(log.verifier(), &witnesses)).is_err());
        }
    }
}
