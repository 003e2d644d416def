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
/// id-aa-signingCertificateV2 (RFC 5035 §3).
const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

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

/// What a time-stamp authority signed beside the content of its token (RFC 5816 §2.2).
#[derive(Debug)]
pub(super) struct TokenAttributes<'a> {
    /// The digest of the content.
    pub(super) digest: &'a [u8],
    /// The certificate that it says it signed with, where it says so by a digest other than SHA-1.
    pub(super) signing_certificate: Option<Tlv<'a>>,
}

/// Reads the attributes within their SET. Others than the three are signed too and not looked at.
pub(super) fn read(set: &[u8]) -> Result<Attributes<'_>, Flaw> {
    let [content_type, digest, signing_time] =
        find(set, [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME])?;
    let digest = bound(content_type, digest, ID_DATA)?;
    let signed_at = time(signing_time.ok_or(Flaw::NoSigningTime)?)?;
    Ok(Attributes { digest, signed_at })
}

/// Reads the attributes of a token with content of this type.
pub(super) fn of_token(set: &[u8], of_type: ObjectIdentifier) -> Result<TokenAttributes<'_>, Flaw> {
    let [content_type, digest, signing_certificate] =
        find(set, [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE])?;
    Ok(TokenAttributes { digest: bound(content_type, digest, of_type)?, signing_certificate })
}

/// The values of those attributes that are asked for.
fn find<const N: usize>(
    set: &[u8],
    asked: [ObjectIdentifier; N],
) -> Result<[Option<Tlv<'_>>; N], Flaw> {
    let mut found = [None; N];
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
        let mut slots = asked.iter().zip(&mut found);
        let Some((_, slot)) = slots.find(|(asked, _)| **asked == oid) else { continue };
        if slot.is_some() {
            return Err(Flaw::AttributeRepeated);
        }
        *slot = Some(single(values)?);
    }
    Ok(found)
}

/// The digest of the content, which must be of this type.
fn bound<'a>(
    content_type: Option<Tlv<'a>>,
    digest: Option<Tlv<'a>>,
    of_type: ObjectIdentifier,
) -> Result<&'a [u8], Flaw> {
    let content_type = content_type.ok_or(Flaw::AttributeMissing)?;
    if Values::of(content_type.whole).oid()? != of_type {
        return Err(Flaw::ContentTypeDiffers);
    }
    let digest = digest.ok_or(Flaw::AttributeMissing)?;
    if digest.tag != Tag::OctetString {
        return Err(Flaw::Malformed);
    }
    Ok(digest.value)
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
