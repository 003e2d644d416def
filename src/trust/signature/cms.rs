//! A CMS SignedData, taken apart (RFC 5652 §5): detached, as documents are signed, or around its
//! content, as a time-stamp token is (RFC 3161 §2.4.2).
//!
//! The parts are slices of what was received and never encoded anew: what was signed and what is
//! hashed are the sender's own bytes. That is why this reads DER itself, on the `der` crate: a
//! library of types would give back certificates that it has written again. The order of reading
//! is that of the structure, and whatever is not exactly it is refused.

use der::asn1::ObjectIdentifier;
use der::{Decode, ErrorKind, Header, Reader, SliceReader, Tag};

use crate::domain::signature::Flaw;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

const ID_RI_OCSP_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.16.2");

/// Answers of responders that are looked at in one signature.
const MAX_ANSWERS: usize = 4;
/// Values within values; sound signatures have some fifteen.
const MAX_DEPTH: usize = 48;
/// Certificates of one signature.
const MAX_CERTIFICATES: usize = 16;

/// A signature by one signer.
#[derive(Debug)]
pub(super) struct SignedData<'a> {
    /// What is signed, where it is within; empty otherwise.
    pub(super) content: &'a [u8],
    /// The certificates that came with it, in DER.
    pub(super) certificates: Vec<&'a [u8]>,
    /// The answers of responders that came with it (RFC 5940), in DER, which nobody has judged.
    pub(super) answers: Vec<&'a [u8]>,
    /// The one that signed.
    pub(super) signer: SignerInfo<'a>,
}

/// What one signer states and signed.
#[derive(Debug)]
pub(super) struct SignerInfo<'a> {
    /// By what its certificate is found.
    pub(super) sid: SignerId<'a>,
    /// How the document was digested.
    pub(super) digest: Algorithm<'a>,
    /// The signed attributes as they are signed: the SET OF, without the tag of their place.
    pub(super) attributes: &'a [u8],
    /// How they were signed.
    pub(super) algorithm: Algorithm<'a>,
    /// The signature.
    pub(super) signature: &'a [u8],
}

/// How a signer names its certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SignerId<'a> {
    /// The issuer's name in DER, and the bytes of the serial number.
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    /// The subject key identifier.
    SubjectKey(&'a [u8]),
}

/// An algorithm with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::trust) struct Algorithm<'a> {
    /// Which.
    pub(in crate::trust) oid: ObjectIdentifier,
    /// Its parameters in DER; none where they are absent or NULL.
    pub(in crate::trust) parameters: Option<&'a [u8]>,
}

/// One value of DER: its tag, what it holds, and the whole of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::trust) struct Tlv<'a> {
    pub(in crate::trust) tag: Tag,
    pub(in crate::trust) value: &'a [u8],
    pub(in crate::trust) whole: &'a [u8],
}

/// Reads a signature over a document that is not within it.
///
/// # Errors
/// A [`Flaw`] of its form.
pub(super) fn parse(bytes: &[u8]) -> Result<SignedData<'_>, Flaw> {
    read(bytes, None)
}

/// Reads a signature with its content of this type.
///
/// # Errors
/// A [`Flaw`] of its form.
pub(super) fn parse_with_content(
    bytes: &[u8],
    content_type: ObjectIdentifier,
) -> Result<SignedData<'_>, Flaw> {
    read(bytes, Some(content_type))
}

/// Reads a signature, around content of the type that is given or, without one, detached.
fn read(bytes: &[u8], within: Option<ObjectIdentifier>) -> Result<SignedData<'_>, Flaw> {
    check_der(bytes, 0)?;
    let mut outer = Values::of(bytes);
    let mut info = outer.sequence()?;
    outer.finish()?;
    if info.oid()? != ID_SIGNED_DATA {
        return Err(Flaw::Malformed);
    }
    let mut content = info.explicit(0)?;
    info.finish()?;
    let mut data = content.sequence()?;
    content.finish()?;
    signed_data(&mut data, within)
}

fn signed_data<'a>(
    from: &mut Values<'a>,
    within: Option<ObjectIdentifier>,
) -> Result<SignedData<'a>, Flaw> {
    let version = from.small()?;
    let mut digests = Values::of(from.tagged(Tag::Set)?.value);
    let content = content(&mut from.sequence()?, within)?;
    let certificates = match from.optional(implicit(0))? {
        Some(set) => certificates(set.value)?,
        None => Vec::new(),
    };
    // Revocation lists of the sender's choice prove nothing; the bus asks its own. An answer of a
    // responder is about this one certificate and of its time.
    let others = match from.optional(implicit(1))? {
        Some(set) => others(set.value)?,
        None => Others::default(),
    };
    let mut signers = Values::of(from.tagged(Tag::Set)?.value);
    from.finish()?;
    let signer = signers.next()?.ok_or(Flaw::NoSigner)?;
    if signers.next()?.is_some() {
        return Err(Flaw::SeveralSigners);
    }
    let signer = signer_info(signer)?;
    // One signer has one digest, and the version follows from how it is named, and from revocation
    // data of a kind that came later (§5.1).
    let listed = digests.algorithm()?;
    digests.finish()?;
    let expected = match (&signer.sid, within) {
        _ if others.are_there => 5,
        (SignerId::IssuerAndSerial { .. }, None) => 1,
        (SignerId::SubjectKey(_), None) | (_, Some(_)) => 3,
    };
    if listed != signer.digest || version != expected {
        return Err(Flaw::Malformed);
    }
    Ok(SignedData { content, certificates, answers: others.answers, signer })
}

/// The content within, of the type that is asked for; nothing where the signature is detached.
fn content<'a>(from: &mut Values<'a>, within: Option<ObjectIdentifier>) -> Result<&'a [u8], Flaw> {
    let content_type = from.oid()?;
    let found = from.next()?;
    if within.is_none() && found.is_some() {
        return Err(Flaw::NotDetached);
    }
    if content_type != within.unwrap_or(ID_DATA) {
        return Err(Flaw::ContentTypeDiffers);
    }
    let Some(found) = found else {
        return if within.is_none() { Ok(&[]) } else { Err(Flaw::Malformed) };
    };
    from.finish()?;
    if found.tag != implicit(0) {
        return Err(Flaw::Malformed);
    }
    let mut around = Values::of(found.value);
    let content = around.tagged(Tag::OctetString)?.value;
    around.finish()?;
    Ok(content)
}

fn certificates(set: &[u8]) -> Result<Vec<&[u8]>, Flaw> {
    let mut from = Values::of(set);
    let mut found = Vec::new();
    while let Some(each) = from.next()? {
        // Attribute certificates and the obsolete forms have tags of their own.
        if each.tag != Tag::Sequence || found.len() == MAX_CERTIFICATES {
            return Err(Flaw::Malformed);
        }
        found.push(each.whole);
    }
    Ok(found)
}

/// The revocation data that are no lists.
#[derive(Default)]
struct Others<'a> {
    are_there: bool,
    /// The OCSPResponses among them: OtherRevocationInfoFormat with id-ri-ocsp-response (RFC 5940
    /// §2.1).
    answers: Vec<&'a [u8]>,
}

fn others(set: &[u8]) -> Result<Others<'_>, Flaw> {
    let mut from = Values::of(set);
    let mut found = Others::default();
    while let Some(each) = from.next()? {
        if each.tag != implicit(1) {
            continue;
        }
        found.are_there = true;
        let mut other = Values::of(each.value);
        let is_answer = other.oid()? == ID_RI_OCSP_RESPONSE;
        let answer = other.next()?.ok_or(Flaw::Malformed)?;
        other.finish()?;
        if is_answer && found.answers.len() < MAX_ANSWERS {
            found.answers.push(answer.whole);
        }
    }
    Ok(found)
}

fn signer_info(whole: Tlv<'_>) -> Result<SignerInfo<'_>, Flaw> {
    if whole.tag != Tag::Sequence {
        return Err(Flaw::Malformed);
    }
    let mut from = Values::of(whole.value);
    let version = from.small()?;
    let named = from.next()?.ok_or(Flaw::Malformed)?;
    let sid = match (named.tag, version) {
        (Tag::Sequence, 1) => {
            let mut by = Values::of(named.value);
            let issuer = by.tagged(Tag::Sequence)?.whole;
            let serial = by.tagged(Tag::Integer)?.value;
            by.finish()?;
            SignerId::IssuerAndSerial { issuer, serial }
        }
        (tag, 3) if tag == place(0, false) => SignerId::SubjectKey(named.value),
        _ => return Err(Flaw::Malformed),
    };
    let digest = from.algorithm()?;
    let attributes = from.optional(implicit(0))?.ok_or(Flaw::AttributeMissing)?.value;
    let algorithm = from.algorithm()?;
    let signature = from.tagged(Tag::OctetString)?.value;
    // What is not signed, such as a time-stamp on the signature, is not looked at.
    from.optional(implicit(1))?;
    from.finish()?;
    Ok(SignerInfo { sid, digest, attributes, algorithm, signature })
}

pub(in crate::trust) fn implicit(number: u32) -> Tag {
    place(number, true)
}

pub(in crate::trust) fn place(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific { constructed, number: der::TagNumber(number) }
}

/// Walks through every value within the bytes: each length must be definite and in its shortest
/// form, each value within what holds it.
pub(in crate::trust) fn check_der(bytes: &[u8], depth: usize) -> Result<(), Flaw> {
    if depth > MAX_DEPTH {
        return Err(Flaw::Malformed);
    }
    let mut from = Values::of(bytes);
    while let Some(each) = from.next()? {
        if each.tag.is_constructed() {
            check_der(each.value, depth + 1)?;
        }
    }
    Ok(())
}

/// Values of DER, one after the other.
#[derive(Debug, Clone)]
pub(in crate::trust) struct Values<'a> {
    left: &'a [u8],
}

impl<'a> Values<'a> {
    pub(in crate::trust) fn of(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// The next value; none at the end.
    pub(in crate::trust) fn next(&mut self) -> Result<Option<Tlv<'a>>, Flaw> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let mut reader = SliceReader::new(self.left).map_err(flaw)?;
        let header = Header::decode(&mut reader).map_err(flaw)?;
        let value = reader.read_slice(header.length()).map_err(flaw)?;
        let end = usize::try_from(reader.position()).map_err(flaw)?;
        let (whole, left) = self.left.split_at_checked(end).ok_or(Flaw::Malformed)?;
        self.left = left;
        Ok(Some(Tlv { tag: header.tag(), value, whole }))
    }

    pub(in crate::trust) fn tagged(&mut self, tag: Tag) -> Result<Tlv<'a>, Flaw> {
        let next = self.next()?.filter(|next| next.tag == tag);
        next.ok_or(Flaw::Malformed)
    }

    /// The next value if it has this tag; none, and nothing is read, otherwise.
    pub(in crate::trust) fn optional(&mut self, tag: Tag) -> Result<Option<Tlv<'a>>, Flaw> {
        let before = self.clone();
        let next = self.next()?.filter(|next| next.tag == tag);
        if next.is_none() {
            *self = before;
        }
        Ok(next)
    }

    pub(in crate::trust) fn sequence(&mut self) -> Result<Self, Flaw> {
        Ok(Self::of(self.tagged(Tag::Sequence)?.value))
    }

    /// What stands behind an explicit tag.
    pub(in crate::trust) fn explicit(&mut self, number: u32) -> Result<Self, Flaw> {
        Ok(Self::of(self.tagged(implicit(number))?.value))
    }

    pub(in crate::trust) fn oid(&mut self) -> Result<ObjectIdentifier, Flaw> {
        let value = self.tagged(Tag::ObjectIdentifier)?.value;
        ObjectIdentifier::from_bytes(value).map_err(|_| Flaw::Malformed)
    }

    /// A number of one byte.
    pub(in crate::trust) fn small(&mut self) -> Result<u8, Flaw> {
        match self.tagged(Tag::Integer)?.value {
            [number] if *number < 0x80 => Ok(*number),
            _ => Err(Flaw::Malformed),
        }
    }

    pub(in crate::trust) fn algorithm(&mut self) -> Result<Algorithm<'a>, Flaw> {
        let mut from = self.sequence()?;
        let oid = from.oid()?;
        let parameters = from.next()?;
        from.finish()?;
        match parameters {
            None => Ok(Algorithm { oid, parameters: None }),
            Some(Tlv { tag: Tag::Null, value: [], .. }) => Ok(Algorithm { oid, parameters: None }),
            Some(Tlv { tag: Tag::Null, .. }) => Err(Flaw::Malformed),
            Some(given) => Ok(Algorithm { oid, parameters: Some(given.whole) }),
        }
    }

    pub(in crate::trust) fn finish(&self) -> Result<(), Flaw> {
        if self.left.is_empty() { Ok(()) } else { Err(Flaw::Malformed) }
    }
}

fn flaw(error: der::Error) -> Flaw {
    if error.kind() == ErrorKind::IndefiniteLength {
        Flaw::IndefiniteLength
    } else {
        Flaw::Malformed
    }
}
