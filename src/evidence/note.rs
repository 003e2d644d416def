//! Signed notes (c2sp.org/signed-note) and timestamped cosignatures of checkpoints
//! (c2sp.org/tlog-cosignature), both with Ed25519 (RFC 8032).
//!
//! A note is a text and lines of signatures behind it. What the text says is believed only after a
//! signature of a known key was verified, so [`Note::parse`] hands out the text, and
//! [`VerifierKey::verify`] says by whom it stands.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tree::sha256;

/// The largest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;
/// The most signatures that a note may have.
pub const MAX_SIGNATURES: usize = 100;
/// Bytes of the secret from which a signing key is made.
pub const SEED_BYTES: usize = 32;
/// The longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 200;

const DASH: &str = "\u{2014} ";

/// What a key signs, by the type byte of its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Notes: the key of a log.
    Log,
    /// Checkpoints with the time: the key of a witness.
    Witness,
}

impl KeyKind {
    fn tag(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Witness => 0x04,
        }
    }
}

/// Why a text is not a note, a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than is read.
    #[error("it has more bytes than such a note has")]
    TooLarge,
    /// Not the form of a note.
    #[error("it is no signed note: a text, an empty line, and lines of signatures")]
    Form,
    /// A line of a signature that is none.
    #[error("signature line {0} is not one")]
    SignatureLine(usize),
    /// More signatures than a note may have.
    #[error("it has more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// No signature of the key.
    #[error("it bears no signature of this key")]
    Unsigned,
    /// A signature of the key that does not verify.
    #[error("its signature is not one of this key over this text")]
    Signature,
    /// Not the form of a verifier key.
    #[error("it is no verifier key; one looks like example.kz/bus+1a2b3c4d+AQ…")]
    Key,
    /// A name that cannot be that of a key.
    #[error(
        "the name of a key has 1 to {MAX_NAME_BYTES} bytes, without spaces, control characters and +"
    )]
    Name,
}

/// A text with the lines of its signatures. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One line of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// A text that is yet to be signed. It ends with a line break.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError`] about its form; signatures are not verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        Self::parse_up_to(bytes, MAX_NOTE_BYTES)
    }

    /// The same for a note whose text may be longer.
    pub(super) fn parse_up_to(bytes: &[u8], max_bytes: usize) -> Result<Self, NoteError> {
        if bytes.len() > max_bytes {
            return Err(NoteError::TooLarge);
        }
        let all = std::str::from_utf8(bytes).map_err(|_| NoteError::Form)?;
        if all.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Form);
        }
        let (text, lines) = all.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        if text.is_empty() || lines.is_empty() {
            return Err(NoteError::Form);
        }
        let mut signatures = Vec::new();
        for (at, line) in lines.split('\n').enumerate() {
            if at == MAX_SIGNATURES {
                return Err(NoteError::TooMany);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::SignatureLine(at + 1))?);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// What is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature in the place of an earlier one of the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|each| !each.is_of(&signature.name, signature.key_id));
        self.signatures.push(signature);
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// Reads a line without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, code) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(code).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
        if !is_name(name) || bytes.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }

    fn is_of(&self, name: &str, key_id: [u8; 4]) -> bool {
        self.name == name && self.key_id == key_id
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = STANDARD.encode([&self.key_id[..], &self.bytes].concat());
        write!(f, "{DASH}{} {code}", self.name)
    }
}

/// The public half of a key, with the name that it signs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    key_id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Self {
        let hash = sha256(&[name.as_bytes(), b"\n", &[kind.tag()], &public]).0;
        let key_id = [hash[0], hash[1], hash[2], hash[3]];
        Self { name: name.to_owned(), kind, key_id, public }
    }

    /// The name that it signs under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Verifies every signature of this key on a note, of which there is at least one. For that of
    /// a witness the time that it states, in Unix seconds.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`], [`NoteError::Signature`].
    pub fn verify(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let mut stated = Err(NoteError::Unsigned);
        for signature in note.signatures.iter().filter(|each| each.is_of(&self.name, self.key_id)) {
            stated = Ok(self.verify_one(&note.text, signature)?);
        }
        stated
    }

    /// Verifies one signature over a text.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_one(&self, text: &str, signature: &Signature) -> Result<Option<u64>, NoteError> {
        if !signature.is_of(&self.name, self.key_id) {
            return Err(NoteError::Unsigned);
        }
        let public = UnparsedPublicKey::new(&ED25519, self.public);
        match self.kind {
            KeyKind::Log => {
                let verified = public.verify(text.as_bytes(), &signature.bytes);
                verified.map(|()| None).map_err(|_| NoteError::Signature)
            }
            KeyKind::Witness => {
                let parts = signature.bytes.split_first_chunk::<8>().ok_or(NoteError::Signature)?;
                let (time, bytes) = (u64::from_be_bytes(*parts.0), parts.1);
                if i64::try_from(time).is_err() {
                    return Err(NoteError::Signature);
                }
                let verified = public.verify(cosigned(time, text).as_bytes(), bytes);
                verified.map(|()| Some(time)).map_err(|_| NoteError::Signature)
            }
        }
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, code) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(id), Some(code)) = (name, id, code) else {
            return Err(NoteError::Key);
        };
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let bytes = STANDARD.decode(code).map_err(|_| NoteError::Key)?;
        let (tag, public) = bytes.split_first().ok_or(NoteError::Key)?;
        let kind = [KeyKind::Log, KeyKind::Witness].into_iter().find(|kind| kind.tag() == *tag);
        let public = public.try_into().map_err(|_| NoteError::Key)?;
        let key = Self::new(name, kind.ok_or(NoteError::Key)?, public);
        if id != hex(&key.key_id) {
            return Err(NoteError::Key);
        }
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = STANDARD.encode([&[self.kind.tag()][..], &self.public].concat());
        write!(f, "{}+{}+{code}", self.name, hex(&self.key_id))
    }
}

/// A key that signs. Its secret is in no output.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

impl Signer {
    /// A key from its secret, under a name.
    ///
    /// # Errors
    /// [`NoteError::Name`], and [`NoteError::Key`] where the library has something against it.
    pub fn new(name: &str, kind: KeyKind, seed: &[u8; SEED_BYTES]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { verifier: VerifierKey::new(name, kind, public), pair })
    }

    /// Its public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature over a text: with a log's key over the text alone; with a witness's, over the
    /// text and the time, in Unix seconds.
    #[must_use]
    pub fn sign(&self, text: &str, time: u64) -> Signature {
        let signed = |message: &str| self.pair.sign(message.as_bytes()).as_ref().to_vec();
        let bytes = match self.verifier.kind {
            KeyKind::Log => signed(text),
            KeyKind::Witness => [&time.to_be_bytes()[..], &signed(&cosigned(time, text))].concat(),
        };
        let VerifierKey { name, key_id, .. } = &self.verifier;
        Signature { name: name.clone(), key_id: *key_id, bytes }
    }
}

/// Whether a key may have this name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let wrong = |each: char| each.is_whitespace() || each.is_control() || each == '+';
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(wrong)
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    fn note(bytes: &[u8]) -> Note {
        Note::parse(bytes).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        let key: VerifierKey = SPEC_KEY.parse().unwrap();
        assert_eq!(key.to_string(), SPEC_KEY);
        let note = note(SPEC_NOTE.as_bytes());
        assert_eq!(note.text(), "This is an example message.\n");
        assert_eq!(note.to_string(), SPEC_NOTE);
        assert_eq!(key.verify(&note), Ok(None));
    }

    /// The example of Go's package golang.org/x/mod/sumdb/note, whose text has two paragraphs.
    #[test]
    fn the_example_of_another_implementation_verifies() {
        let key: VerifierKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert_eq!(key.verify(&note(text.as_bytes())), Ok(None));
    }

    #[test]
    fn a_note_that_is_none_is_refused() {
        let long = format!("a\n\n{}", "\u{2014} k AAAAAAA=\n".repeat(MAX_SIGNATURES + 1));
        for (text, why) in [
            ("", NoteError::Form),
            ("text\n", NoteError::Form),
            ("text\n\n", NoteError::Form),
            ("text\n\n\u{2014} k AAAAAAA=", NoteError::Form),
            ("te\txt\n\n\u{2014} k AAAAAAA=\n", NoteError::Form),
            ("text\n\n- k AAAAAAA=\n", NoteError::SignatureLine(1)),
            ("text\n\n\u{2014} k AAAAAAA=\n\u{2014} k  AAAAAAA=\n", NoteError::SignatureLine(2)),
            ("text\n\n\u{2014} k+ AAAAAAA=\n", NoteError::SignatureLine(1)),
            ("text\n\n\u{2014} k AAAA\n", NoteError::SignatureLine(1)),
            (&long, NoteError::TooMany),
        ] {
            assert_eq!(Note::parse(text.as_bytes()), Err(why), "{text:?}");
        }
        let huge = vec![b'a'; MAX_NOTE_BYTES + 1];
        assert_eq!(Note::parse(&huge), Err(NoteError::TooLarge));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for text in [
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=",
            "example.com/foo+530d903a",
            "",
        ] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_cosignature_binds_its_time_and_is_told_from_the_log_s_signature() {
        let witness = Signer::new("witness.example", KeyKind::Witness, &[5; 32]).unwrap();
        let log = Signer::new("log.example", KeyKind::Log, &[6; 32]).unwrap();
        let mut note = Note::new("log.example\n7\nAAAA\n".into());
        note.add(log.sign(note.text(), 0));
        note.add(witness.sign(note.text(), 1_679_315_147));
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(log.verifier().verify(&read), Ok(None));
        assert_eq!(witness.verifier().verify(&read), Ok(Some(1_679_315_147)));
        let other = Signer::new("witness.example", KeyKind::Witness, &[7; 32]).unwrap();
        assert_eq!(other.verifier().verify(&read), Err(NoteError::Unsigned));
        let mut moved = read.clone();
        moved.signatures[1].bytes[7] ^= 1;
        assert_eq!(witness.verifier().verify(&moved), Err(NoteError::Signature));
        assert_eq!(log.verifier().verify(&moved), Ok(None));
        assert!(!format!("{witness:?}").contains("0505"));
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_note_is_noticed(at in 0..SPEC_NOTE.len(), bit in 0..8_u32) {
            let mut bytes = SPEC_NOTE.as_bytes().to_vec();
            bytes[at] ^= 1_u8 << bit;
            let key: VerifierKey = SPEC_KEY.parse().unwrap();
            prop_assert!(Note::parse(&bytes).and_then(|note| key.verify(&note)).is_err());
        }

        #[test]
        fn what_is_written_reads_back(text in "[^\\x00-\\x1f]{1,40}(\n[^\\x00-\\x1f]{0,20}){0,3}") {
            let signer = Signer::new("a.example/log", KeyKind::Log, &[1; 32]).unwrap();
            let mut note = Note::new(format!("{text}\n"));
            note.add(signer.sign(note.text(), 0));
            let read = Note::parse(note.to_string().as_bytes()).unwrap();
            prop_assert_eq!(signer.verifier().verify(&read), Ok(None));
            prop_assert_eq!(read, note);
        }
    }
}
