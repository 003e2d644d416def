//! The signed attributes (RFC 5652 §11): what kind of content, which digest, when.

use der::asn1::{GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode, Tag};
use jiff::Timestamp;

use super::cms::{Tlv, Values};
use crate::domain::signature::Flaw;

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// Attributes of one signer.
const MAX_ATTRIBUTES: usize = 64;

/// What the signer signed beside the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes<'a> {
    /// The digest of the document.
    pub(super) digest: &'a [u8],
    /// When it was signed.
    pub(super) signed_at: Timestamp,
}

/// Reads the attributes within their SET. Others than the three are signed too and not looked at.
pub(super) fn read(set: &[u8]) -> Result<Attributes<'_>, Flaw> {
    let (mut content_type, mut digest, mut signing_time) = (None, None, None);
    let mut from = Values::of(set);
    let mut count = 0;
    while let Some(each) = from.next()? {
        count += 1;
        if each.tag != Tag::Sequence || count > MAX_ATTRIBUTES {
            return Err(Flaw::Malformed);
        }
        let mut attribute = Values::of(each.value);
        let oid = attribute.oid()?;
        let values = attribute.tagged(Tag::Set)?.value;
        attribute.finish()?;
        let slot = match oid {
            CONTENT_TYPE => &mut content_type,
            MESSAGE_DIGEST => &mut digest,
            SIGNING_TIME => &mut signing_time,
            _ => continue,
        };
        if slot.is_some() {
            return Err(Flaw::AttributeRepeated);
        }
        *slot = Some(single(values)?);
    }
    let content_type = content_type.ok_or(Flaw::AttributeMissing)?;
    if Values::of(content_type.whole).oid()? != ID_DATA {
        return Err(Flaw::ContentTypeDiffers);
    }
    let digest = digest.ok_or(Flaw::AttributeMissing)?;
    if digest.tag != Tag::OctetString {
        return Err(Flaw::Malformed);
    }
    let signed_at = time(signing_time.ok_or(Flaw::NoSigningTime)?)?;
    Ok(Attributes { digest: digest.value, signed_at })
}

/// The one value of an attribute.
fn single(values: &[u8]) -> Result<Tlv<'_>, Flaw> {
    let mut from = Values::of(values);
    let value = from.next()?.ok_or(Flaw::Malformed)?;
    from.finish().map_err(|_| Flaw::AttributeRepeated)?;
    Ok(value)
}

/// A time in one of the two forms that §11.3 allows, in whole seconds and UTC.
fn time(value: Tlv<'_>) -> Result<Timestamp, Flaw> {
    let since_epoch = if value.tag == Tag::UtcTime {
        UtcTime::from_der(value.whole).map(|time| time.to_unix_duration())
    } else {
        GeneralizedTime::from_der(value.whole).map(|time| time.to_unix_duration())
    };
    let seconds = since_epoch.map_err(|_| Flaw::Malformed)?.as_secs();
    let seconds = i64::try_from(seconds).map_err(|_| Flaw::Malformed)?;
    Timestamp::from_second(seconds).map_err(|_| Flaw::Malformed)
}
