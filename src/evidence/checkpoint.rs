//! Checkpoints (c2sp.org/tlog-checkpoint): what a log says of its tree, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{Note, NoteError, VerifierKey};
use super::tree::Hash;

/// A tree, as its log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is none of a checkpoint.
    #[error("its text is not a checkpoint: origin, number of records, root")]
    Form,
    /// The key is of another log.
    #[error("it is a checkpoint of another log than the key's")]
    Origin,
}

impl Checkpoint {
    /// The text of the note. No line is added to the three, as the specification recommends.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", STANDARD.encode(root.0))
    }

    /// Reads the text of a note. Lines of an extension are refused: this log has none.
    ///
    /// # Errors
    /// [`CheckpointError::Form`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else { return Err(CheckpointError::Form) };
        let size = decimal(size).filter(|_| !origin.is_empty()).ok_or(CheckpointError::Form)?;
        let root = hash(root).ok_or(CheckpointError::Form)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Reads a note that the log signed.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, CheckpointError> {
        log.verify(note)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != log.name() {
            return Err(CheckpointError::Origin);
        }
        Ok(checkpoint)
    }
}

/// A number in its shortest form.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base 64.
pub(super) fn hash(text: &str) -> Option<Hash> {
    Some(Hash(STANDARD.decode(text).ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::note::{KeyKind, Signer};

    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification_reads_back() {
        let checkpoint = Checkpoint::parse(TEXT).unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.text(), TEXT);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("o\n1\n{root}"),
            format!("o\n1\n{root}\nmore\n"),
            "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n".into(),
            "o\n1\nAAAA\n".into(),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(CheckpointError::Form), "{text:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_log_is_refused_though_the_key_signed_it() {
        let signer = Signer::new("one.example", KeyKind::Log, &[1; 32]).unwrap();
        let mut note = Note::new(TEXT.into());
        note.add(signer.sign(TEXT, 0));
        let opened = Checkpoint::open(&note, signer.verifier());
        assert_eq!(opened, Err(CheckpointError::Origin));
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_checkpoint_is_noticed(at in any::<usize>(), bit in 0..8_u32) {
            let signer = Signer::new("example.com/behind-the-sofa", KeyKind::Log, &[1; 32]).unwrap();
            let mut note = Note::new(TEXT.into());
            note.add(signer.sign(TEXT, 0));
            let mut bytes = note.to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            let read = Note::parse(&bytes).map_err(CheckpointError::from);
            prop_assert!(read.and_then(|note| Checkpoint::open(&note, signer.verifier())).is_err());
        }
    }
}
