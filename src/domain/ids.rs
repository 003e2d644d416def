//! Identifiers, each its own type, so that one can never be passed for another.

use std::fmt;
use std::str::FromStr;

/// An identifier that does not follow its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a UUID in its usual hyphenated or plain form.
    #[error("not a UUID (expected 32 hexadecimal digits, hyphens allowed)")]
    NotUuid,
    /// The nil UUID, which a sender that forgot to mint an id would send every time.
    #[error("the nil UUID is not an id; mint a random UUID once for each act")]
    Nil,
    /// Not a name of this kind.
    #[error("'{text}' is not a {kind}: use 1 to {limit} letters, digits and hyphens")]
    Name {
        /// What was given.
        text: String,
        /// What was expected, in words.
        kind: &'static str,
        /// The longest name allowed, in bytes.
        limit: usize,
    },
}

/// A UUID's sixteen bytes (RFC 9562), read and shown in the hyphenated form.
fn parse_uuid(text: &str) -> Result<[u8; 16], IdError> {
    let mut bytes = [0_u8; 16];
    let mut digits = 0;
    for character in text.chars().filter(|character| *character != '-') {
        let value = character.to_digit(16).ok_or(IdError::NotUuid)?;
        let slot = bytes.get_mut(digits / 2).ok_or(IdError::NotUuid)?;
        *slot = *slot << 4 | u8::try_from(value).map_err(|_| IdError::NotUuid)?;
        digits += 1;
    }
    match (digits, bytes == [0; 16]) {
        (32, false) => Ok(bytes),
        (32, true) => Err(IdError::Nil),
        _ => Err(IdError::NotUuid),
    }
}

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_uuid(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, f)
            }
        }
    };
}

uuid_id! {
    /// A case: one application with its family, from intake to the last handover.
    ///
    /// Derived from the sender and the request that opened it (UUID version 8), so that a sender
    /// that lost its receipt, and a journal that is replayed, arrive at the same id.
    CaseId
}

uuid_id! {
    /// The id a sender mints once for one act and repeats until it holds the receipt.
    RequestId
}

/// The place of an act in the journal, counted from 1: the order in which the bus accepted acts.
/// It names the act's delivery too, which therefore keeps its id however often it is redelivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The longest hop id in bytes; the longest of the reference has eight.
const HOP_ID_BYTES: usize = 12;

/// A hop's id as in the reference of the law, for example `K21B-03`. Small enough to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HopId {
    /// ASCII letters, digits and hyphens, padded with zeros.
    bytes: [u8; HOP_ID_BYTES],
}

impl HopId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(HOP_ID_BYTES);
        // The constructor admits ASCII only, so the fallback cannot be reached.
        std::str::from_utf8(&self.bytes[..end]).unwrap_or_default()
    }
}

impl FromStr for HopId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        check_name(text, "hop id", HOP_ID_BYTES)?;
        let mut bytes = [0; HOP_ID_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes })
    }
}

impl fmt::Display for HopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for HopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn check_name(text: &str, kind: &'static str, limit: usize) -> Result<(), IdError> {
    let fits = (1..=limit).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(());
    }
    let text = text.chars().take(limit).filter(|c| !c.is_control()).collect();
    Err(IdError::Name { text, kind, limit })
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check_name(text, $kind, $limit)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_id! {
    /// A procedure, for example `kandas-mission`.
    ProcedureId, "procedure id", 40
}

name_id! {
    /// A wording of the law, named by its year, for example `2021`.
    Edition, "edition", 16
}

/// One service in one wording of the law. A case keeps the key it was registered under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcedureKey {
    /// The service.
    pub procedure: ProcedureId,
    /// The wording.
    pub edition: Edition,
}

impl fmt::Display for ProcedureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.procedure, self.edition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_back_as_it_was_written() {
        let text = "0193a0de-77aa-7bbb-8ccc-0123456789ab";
        assert_eq!(text.parse::<CaseId>().unwrap().to_string(), text);
        let plain = text.replace('-', "");
        assert_eq!(plain.parse::<CaseId>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "0193",
            "0193a0de-77aa-7bbb-8ccc-0123456789abc",
            "zz93a0de77aa7bbb8ccc0123456789ab",
        ] {
            assert_eq!(text.parse::<RequestId>(), Err(IdError::NotUuid), "{text}");
        }
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(nil.parse::<RequestId>(), Err(IdError::Nil));
    }

    #[test]
    fn a_hop_id_holds_its_text() {
        assert_eq!("M21S-06".parse::<HopId>().unwrap().as_str(), "M21S-06");
        assert!("K21B-03-AND-MORE".parse::<HopId>().is_err());
        assert!("K21B 03".parse::<HopId>().is_err());
        assert!("".parse::<HopId>().is_err());
    }
}
