//! Personal data as records carry them: plain while they are decided on, sealed in the journal, and
//! gone once the case's key was destroyed.
//!
//! The domain neither seals nor opens. It only carries what whoever holds the keys has made, and
//! never shows it: what is printed of any of this is its size.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::case::Moment;

/// The place of a case's key in the vault, counted from 1. It is never given to another case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotNumber(pub u64);

impl fmt::Display for SlotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes of a nonce of AES-256-GCM (NIST SP 800-38D, 5.2.1.1: 96 bits).
pub const NONCE_BYTES: usize = 12;

/// Personal data of a case.
#[derive(Clone, PartialEq, Eq)]
pub enum Confidential {
    /// As they were received; so they were recorded too before records were sealed.
    Plain(Arc<[u8]>),
    /// Sealed with the key of the case.
    Sealed(Sealed),
    /// The key of the case was destroyed, and nobody can open them any more.
    Erased {
        /// When.
        at: Timestamp,
    },
}

/// Something that the key of its case alone opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where the key is.
    pub slot: SlotNumber,
    /// The nonce, used once with this key.
    pub nonce: [u8; NONCE_BYTES],
    /// A SHA-256 over a salt and the content, by which whoever is given both can tell that this is
    /// what was recorded. Without the key there is no salt, and nothing can be tried against it.
    pub commitment: [u8; 32],
    /// The ciphertext with its tag.
    pub bytes: Arc<[u8]>,
}

impl Confidential {
    /// Plain bytes.
    pub fn plain(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Plain(bytes.into())
    }

    /// The bytes, where they are plain.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(bytes) => Some(bytes),
            Self::Sealed(_) | Self::Erased { .. } => None,
        }
    }

    /// The text, where it is plain and one.
    pub fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// What is sealed.
    pub fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Plain(_) | Self::Erased { .. } => None,
        }
    }
}

impl fmt::Debug for Confidential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Sealed(sealed) => sealed.fmt(f),
            Self::Erased { at } => write!(f, "erased {at}"),
        }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes sealed under key {}", self.bytes.len(), self.slot)
    }
}

/// How the personal data of a case are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Papers {
    /// All of them are sealed with this key.
    Sealed(SlotNumber),
    /// Some were recorded before records were sealed, so that no key erases them; what came since
    /// is sealed with this one.
    Plain(Option<SlotNumber>),
    /// The key was destroyed.
    Erased {
        /// Where it was.
        slot: SlotNumber,
        /// The record that says so, and when.
        erased: Moment,
    },
}

impl Papers {
    /// How a case begins whose first act carries this.
    pub const fn begin(content: &Confidential) -> Self {
        match content {
            Confidential::Sealed(sealed) => Self::Sealed(sealed.slot),
            Confidential::Plain(_) | Confidential::Erased { .. } => Self::Plain(None),
        }
    }

    /// How it goes on with what a further record carries.
    #[must_use]
    pub const fn and(self, content: &Confidential) -> Self {
        match (self, content) {
            (Self::Sealed(slot), Confidential::Plain(_)) => Self::Plain(Some(slot)),
            (Self::Plain(_), Confidential::Sealed(sealed)) => Self::Plain(Some(sealed.slot)),
            (Self::Sealed(_), Confidential::Sealed(_) | Confidential::Erased { .. })
            | (Self::Plain(_), Confidential::Plain(_) | Confidential::Erased { .. })
            | (Self::Erased { .. }, _) => self,
        }
    }

    /// Where the key of the case is, or was.
    pub const fn slot(self) -> Option<SlotNumber> {
        match self {
            Self::Sealed(slot) | Self::Erased { slot, .. } => Some(slot),
            Self::Plain(slot) => slot,
        }
    }

    /// When the key was destroyed.
    pub const fn erased(self) -> Option<Moment> {
        match self {
            Self::Erased { erased, .. } => Some(erased),
            Self::Sealed(_) | Self::Plain(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(slot: u64) -> Confidential {
        let bytes = Arc::from(*b"SAMPLE CIPHERTEXT");
        Confidential::Sealed(Sealed {
            slot: SlotNumber(slot),
            nonce: [1; NONCE_BYTES],
            commitment: [2; 32],
            bytes,
        })
    }

    #[test]
    fn nothing_of_the_content_is_ever_shown() {
        let plain = Confidential::plain(*b"SAMPLE SURNAME");
        let erased = Confidential::Erased { at: Timestamp::UNIX_EPOCH };
        assert_eq!(format!("{plain:?}"), "14 bytes");
        assert_eq!(format!("{:?}", sealed(7)), "17 bytes sealed under key 7");
        assert_eq!(format!("{erased:?}"), "erased 1970-01-01T00:00:00Z");
        assert_eq!(
            (plain.text(), sealed(7).text(), erased.text()),
            (Some("SAMPLE SURNAME"), None, None)
        );
    }

    #[test]
    fn a_case_is_sealed_only_while_all_of_it_is() {
        let plain = Confidential::plain(*b"x");
        let (one, two) = (Papers::begin(&sealed(3)), Papers::begin(&plain));
        assert_eq!((one, two), (Papers::Sealed(SlotNumber(3)), Papers::Plain(None)));
        assert_eq!(one.and(&sealed(3)), one);
        assert_eq!(one.and(&plain), Papers::Plain(Some(SlotNumber(3))));
        assert_eq!(two.and(&sealed(4)), Papers::Plain(Some(SlotNumber(4))));
        let erased = Moment { sequence: crate::domain::Sequence(9), at: Timestamp::UNIX_EPOCH };
        let gone = Papers::Erased { slot: SlotNumber(3), erased };
        assert_eq!((gone.and(&plain), gone.erased(), one.erased()), (gone, Some(erased), None));
    }
}
