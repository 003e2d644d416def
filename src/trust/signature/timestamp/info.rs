//! The content of a token: TSTInfo (RFC 3161 §2.4.2).

use der::asn1::ObjectIdentifier;
use der::{Tag, TagNumber};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::super::cms::{Tlv, Values};
use super::StampFault;
use crate::domain::signature::Flaw;

/// What a token states.
#[derive(Debug)]
pub(super) struct Info<'a> {
    pub(super) policy: ObjectIdentifier,
    /// How the bytes were digested, and to what.
    pub(super) imprint_by: ObjectIdentifier,
    pub(super) imprint: &'a [u8],
    /// The bytes of an INTEGER.
    pub(super) serial: &'a [u8],
    pub(super) at: Timestamp,
    /// The bytes of an INTEGER.
    pub(super) nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    /// Reads it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, StampFault> {
        read(bytes).map_err(|_| StampFault::Content)
    }
}

fn read(bytes: &[u8]) -> Result<Info<'_>, Flaw> {
    let mut outer = Values::of(bytes);
    let mut from = outer.sequence()?;
    outer.finish()?;
    if from.small()? != 1 {
        return Err(Flaw::Malformed);
    }
    let policy = from.oid()?;
    let mut imprint = from.sequence()?;
    let imprint_by = imprint.algorithm()?;
    let digest = imprint.tagged(Tag::OctetString)?.value;
    imprint.finish()?;
    let serial = from.tagged(Tag::Integer)?.value;
    let at = time(from.tagged(Tag::GeneralizedTime)?.value).ok_or(Flaw::Malformed)?;
    // How exact the time is, and whether the authority's tokens are in order of time.
    from.optional(Tag::Sequence)?;
    from.optional(Tag::Boolean)?;
    let nonce = from.optional(Tag::Integer)?.map(|nonce| nonce.value);
    // Its own name for itself, which its certificate has too.
    from.optional(place(0))?;
    if let Some(extensions) = from.optional(place(1))? {
        check_extensions(extensions)?;
    }
    from.finish()?;
    let imprint_by = imprint_by.oid;
    Ok(Info { policy, imprint_by, imprint: digest, serial, at, nonce })
}

/// No extension is known here, so none may be critical.
fn check_extensions(extensions: Tlv<'_>) -> Result<(), Flaw> {
    let mut from = Values::of(extensions.value);
    while let Some(extension) = from.next()? {
        let mut within = Values::of(extension.value);
        within.oid()?;
        if within.optional(Tag::Boolean)?.is_some() {
            return Err(Flaw::Malformed);
        }
        within.tagged(Tag::OctetString)?;
        within.finish()?;
    }
    Ok(())
}

fn place(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// A GeneralizedTime in UTC, with a fraction of a second that does not end with a zero, or none.
fn time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        None => (text, ""),
        Some((_, fraction)) if fraction.is_empty() || fraction.ends_with('0') => return None,
        Some((whole, fraction)) => (whole, fraction),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || fraction.len() > 9 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to)?.parse::<i8>().ok();
    let year: i16 = whole.get(..4)?.parse().ok()?;
    let nanoseconds: i32 = format!("{fraction:0<9}").parse().ok()?;
    let at = DateTime::new(
        year,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        nanoseconds,
    );
    Offset::UTC.to_timestamp(at.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_der() {
        let read = |text: &str| time(text.as_bytes()).map(|at| at.to_string());
        assert_eq!(read("20260302060000Z").as_deref(), Some("2026-03-02T06:00:00Z"));
        assert_eq!(read("20260302060000.25Z").as_deref(), Some("2026-03-02T06:00:00.25Z"));
        for text in [
            "20260302060000",
            "20260302060000.Z",
            "20260302060000.50Z",
            "20260302060000+0600",
            "260302060000Z",
            "20260230060000Z",
            "20260302 60000Z",
            "2026030206000éZ",
            "20260302060000.0123456789Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
