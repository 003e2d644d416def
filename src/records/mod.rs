//! The bytes of the journal's events and of the index's cases.
//!
//! What stands in the journal is read for as long as a receipt may be questioned, so its encoding
//! belongs to this module alone: it is written out field by field, carries its own version, and is
//! held to files of golden bytes. The domain may rearrange its types as it likes; a field it gains
//! breaks this module's build, because every function destructures its value whole.
//!
//! An event has exactly one encoding in each version of its record: what [`decode_event`] accepts
//! in the version of this release, [`encode_event`] writes again byte for byte. Anything else is
//! refused, because bytes that mean the same but differ would break the hash chain's promise that
//! a record cannot be restated. Records of earlier versions are read and never written.
//!
//! Times are kept in whole milliseconds. A finer one is refused rather than cut, since a state
//! folded from the event in memory would then differ from the one folded from its record; whoever
//! takes in a time passes it through [`to_whole_ms`] first.

mod case;
mod endpoint;
mod erasure;
mod event;
mod fields;
mod held;
mod notice;
mod pieces;
mod reading;
mod registry;
#[cfg(test)]
pub mod samples;
mod signature;
mod wire;

use jiff::Timestamp;

pub use case::{decode_case, encode_case};
pub use event::{decode_event, encode_event, names_its_cases};
pub use fields::{MAX_GROUNDS, MAX_HOPS, MAX_OPENED, MAX_PARTICIPANTS, MAX_SERVICE_CLOCKS};

/// Why bytes are not a record, or a value cannot become one.
///
/// When reading it means damage or a newer release, when writing a broken invariant; repeating
/// helps in neither case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end within a field.
    #[error("the record ends within {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{bytes} bytes follow the end of the record")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The first byte names no kind of event.
    #[error("there is no kind {0} of event; was this written by a newer release?")]
    UnknownKind(u8),
    /// A version that this release does not read.
    #[error("this release does not read version {found} of {kind}; was it written by a newer one?")]
    UnknownVersion {
        /// The kind of record.
        kind: &'static str,
        /// The version it has.
        found: u8,
    },
    /// Personal data that are sealed in a way this release cannot open.
    #[error(
        "this release cannot open what is sealed by method {0}; was it written by a newer one?"
    )]
    UnknownSealing(u8),
    /// Personal data that were erased cannot be recorded again.
    #[error("{field} was erased and cannot be recorded")]
    Erased {
        /// The field.
        field: &'static str,
    },
    /// A number that stands for none of a closed list's values.
    #[error("{tag} is no value of {field}")]
    UnknownTag {
        /// The field.
        field: &'static str,
        /// The number.
        tag: u8,
    },
    /// A number or date that the field cannot hold, or one written longer than it need be.
    #[error("the number in {field} is out of its range or not in its shortest form")]
    Number {
        /// The field.
        field: &'static str,
    },
    /// A text that breaks the rule of its field.
    #[error("the text in {field} breaks the field's rule")]
    Text {
        /// The field.
        field: &'static str,
    },
    /// More items than a record may hold.
    #[error("{found} items in {field} are more than the {limit} allowed")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: usize,
    },
    /// A time finer than a millisecond, which the record would cut.
    #[error("the time in {field} is finer than a millisecond; cut it where it comes in")]
    FinerThanMs {
        /// The field.
        field: &'static str,
    },
}

/// Cuts a time to the whole milliseconds that records keep, towards the Unix epoch.
#[must_use]
pub fn to_whole_ms(at: Timestamp) -> Timestamp {
    // Only the last second of the year 9999 has milliseconds that do not read back; a time in it
    // stays as it is and is refused when it is recorded.
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_to_the_millisecond_towards_the_epoch() {
        let at = |nanos| Timestamp::from_nanosecond(nanos).unwrap();
        assert_eq!(to_whole_ms(at(1_999_999)), at(1_000_000));
        assert_eq!(to_whole_ms(at(-1_999_999)), at(-1_000_000));
        assert_eq!(to_whole_ms(at(7_000_000)), at(7_000_000));
    }
}
