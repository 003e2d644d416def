//! Time-stamps (RFC 3161, RFC 5816): a third party's word, with its own clock and key, that some
//! bytes were there at a time.
//!
//! [`Question`] is what a time-stamp authority is asked, [`Service`] asks it, and [`verify`] judges
//! the token that it gives. What must hold: the token is a CMS SignedData around a TSTInfo
//! (`info`); it stamps the SHA-256 of the very bytes; it repeats the nonce and the policy that
//! were asked for; the attributes name the certificate that signed (ESSCertIDv2); that certificate
//! is for time stamping alone, and a configured authority stood behind it at the time that the token
//! states. Whether it was revoked is not asked.

mod info;
mod request;
mod response;
mod service;

use der::asn1::ObjectIdentifier;
use der::{Tag, TagNumber};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use webpki::KeyUsage;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::algorithm::{self, sha256};
use super::attributes::{self, TokenAttributes};
use super::authorities::Authorities;
use super::certificate::{self, SignerCertificate};
use super::cms::{self, SignedData, SignerId, Tlv, Values};
use super::{as_signed, chain, made_by};
use crate::domain::signature::Flaw;
use info::Info;

pub use request::{Nonce, Question};
pub use response::{Rejection, token};
pub use service::Service;

/// The largest answer of an authority, in bytes; with a chain of certificates one has some five
/// thousand.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The content of a token: id-ct-TSTInfo (RFC 3161 §2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The time that it states, by the clock of its authority.
    pub at: Timestamp,
    /// Under which of its policies.
    pub policy: ObjectIdentifier,
    /// Its serial number, the bytes of an INTEGER.
    pub serial: Vec<u8>,
}

/// Why there is no time-stamp. Each may pass by asking again, once whoever is at fault has mended
/// it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampFault {
    /// The authority could not be reached, or not in time.
    #[error(
        "the time-stamp authority did not answer: {0}; is its address right, and open from here?"
    )]
    Silent(String),
    /// The answer is longer than any is, or was cut short.
    #[error(
        "the answer was cut short, or has more than {MAX_ANSWER_BYTES} bytes; is that a time-stamp authority?"
    )]
    Length,
    /// The web server refused.
    #[error("the time-stamp authority answered with the HTTP status {0}; is its address right?")]
    Status(u16),
    /// The bytes are no answer.
    #[error(
        "the answer is no time-stamp response in DER (RFC 3161 §2.4.2); is that a time-stamp authority?"
    )]
    Unreadable,
    /// The authority gives no token.
    #[error("the time-stamp authority refused: {0}")]
    Rejected(Rejection),
    /// The token's content is none of a time-stamp.
    #[error(
        "the token's content is no TSTInfo in DER (RFC 3161 §2.4.2), or has critical extensions"
    )]
    Content,
    /// The token is for other bytes.
    #[error("the token stamps other bytes than those that were sent")]
    OtherImprint,
    /// The token answers another question.
    #[error("the token does not repeat the nonce that was sent: it answers another question")]
    OtherNonce,
    /// The token is under another policy.
    #[error(
        "the token is under the policy {0}, which was not asked for; see evidence.timestamp.policy"
    )]
    OtherPolicy(ObjectIdentifier),
    /// The signature of the token is not sound.
    #[error("the token's signature is not sound: {0}")]
    Signature(Flaw),
    /// The token does not name its certificate by SHA-256 or stronger.
    #[error("the token does not say by an ESSCertIDv2 (RFC 5816) which certificate signed it")]
    Unnamed,
    /// The token names another certificate.
    #[error("the token names another certificate than the one that signed it (ESSCertIDv2)")]
    OtherCertificate,
    /// The certificate is for something else.
    #[error(
        "the certificate that signed is not for time stamping alone (RFC 3161 §2.3: a critical extended key usage, id-kp-timeStamping and no other)"
    )]
    WrongPurpose,
}

impl From<Flaw> for StampFault {
    fn from(flaw: Flaw) -> Self {
        Self::Signature(flaw)
    }
}

/// What a token says of these bytes. Who says it, is not judged.
///
/// # Errors
/// [`StampFault`] for bytes that are no token, or one of other bytes.
pub fn read(token: &[u8], content: &[u8]) -> Result<Stamp, StampFault> {
    let data = cms::parse_with_content(token, TST_INFO)?;
    let info = Info::parse(data.content)?;
    check_imprint(&info, content)?;
    Ok(stamp(&info))
}

/// Judges a token over these bytes, by these authorities.
///
/// # Errors
/// [`StampFault`].
pub fn verify(
    token: &[u8],
    content: &[u8],
    authorities: &Authorities,
) -> Result<Stamp, StampFault> {
    let SignedData { content: signed, certificates, signer: info, .. } =
        cms::parse_with_content(token, TST_INFO)?;
    let stated = Info::parse(signed)?;
    check_imprint(&stated, content)?;
    let attributes = attributes::of_token(info.attributes, TST_INFO)?;
    let method = algorithm::method(info.digest, info.algorithm)?;
    if algorithm::digest(method.digest, signed) != attributes.digest {
        return Err(Flaw::OtherDocument.into());
    }
    let signer = certificate::find(&certificates, &info.sid)?;
    check_named(&attributes, &signer)?;
    check_purpose(&signer.der)?;
    made_by(&signer.der, &method, &as_signed(info.attributes), info.signature)?;
    if stated.at < signer.not_before {
        return Err(Flaw::NotYetValid.into());
    }
    if stated.at > signer.not_after {
        return Err(Flaw::Expired.into());
    }
    let beside: Vec<_> = certificates.into_iter().map(CertificateDer::from).collect();
    // An authority above may be for this purpose among others, or say nothing of it.
    let purpose = KeyUsage::required_if_present(TIME_STAMPING);
    chain::stands(&signer.der, &beside, authorities, stated.at, purpose)?;
    Ok(stamp(&stated))
}

/// Judges the answer to a question: its token, which is returned, answers this one.
///
/// # Errors
/// [`StampFault`].
pub fn verify_answer<'a>(
    answer: &'a [u8],
    question: &Question,
    content: &[u8],
    authorities: &Authorities,
) -> Result<(Stamp, &'a [u8]), StampFault> {
    let token = token(answer)?;
    let stated = Info::parse(cms::parse_with_content(token, TST_INFO)?.content)?;
    check_imprint(&stated, content)?;
    if stated.nonce != Some(question.nonce().as_integer()) {
        return Err(StampFault::OtherNonce);
    }
    if question.policy().is_some_and(|asked| asked != stated.policy) {
        return Err(StampFault::OtherPolicy(stated.policy));
    }
    Ok((verify(token, content, authorities)?, token))
}

fn stamp(info: &Info<'_>) -> Stamp {
    Stamp { at: info.at, policy: info.policy, serial: info.serial.to_vec() }
}

fn check_imprint(info: &Info<'_>, content: &[u8]) -> Result<(), StampFault> {
    let is_same = info.imprint_by == SHA_256 && info.imprint == sha256(content);
    if is_same { Ok(()) } else { Err(StampFault::OtherImprint) }
}

/// Whether the attributes name the certificate that signed, so that no other one of the same key
/// can be put in its place (RFC 5035 §5.4): its certificate is the first that they list.
fn check_named(
    attributes: &TokenAttributes<'_>,
    signer: &SignerCertificate<'_>,
) -> Result<(), StampFault> {
    let named = attributes.signing_certificate.ok_or(StampFault::Unnamed)?;
    let mut from = Values::of(named.whole);
    let mut first = from.sequence()?.sequence()?.sequence()?;
    let mut next = first.next()?.ok_or(Flaw::Malformed)?;
    // SHA-256 is the default, and so is not written in DER.
    let mut digest = crate::domain::signature::DigestAlgorithm::Sha256;
    if next.tag == Tag::Sequence {
        let by = Values::of(next.whole).algorithm()?;
        digest = algorithm::digest_of(by).ok_or(StampFault::Unnamed)?;
        next = first.next()?.ok_or(Flaw::Malformed)?;
    }
    let is_it = next.tag == Tag::OctetString
        && algorithm::digest(digest, signer.der.as_ref()) == next.value;
    let by_name = first.next()?.map(|named| is_issued_as(named, signer)).transpose()?;
    if is_it && by_name.unwrap_or(true) { Ok(()) } else { Err(StampFault::OtherCertificate) }
}

/// Whether an IssuerSerial (RFC 5035 §4) is a certificate's.
fn is_issued_as(named: Tlv<'_>, signer: &SignerCertificate<'_>) -> Result<bool, Flaw> {
    let mut from = Values::of(named.value);
    let names = from.tagged(Tag::Sequence)?.value;
    let serial = from.tagged(Tag::Integer)?.value;
    from.finish()?;
    let directory_name = Tag::ContextSpecific { constructed: true, number: TagNumber(4) };
    let mut names = Values::of(names);
    let issuer = names.tagged(directory_name)?.value;
    names.finish()?;
    let by = SignerId::IssuerAndSerial { issuer, serial };
    certificate::is_by(&signer.der, &by)
}

/// Whether a certificate is for time stamping and nothing else (RFC 3161 §2.3).
fn check_purpose(der: &CertificateDer<'_>) -> Result<(), StampFault> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Flaw::Chain)?;
    let purposes = parsed.extended_key_usage().map_err(|_| Flaw::Chain)?;
    let purposes = purposes.ok_or(StampFault::WrongPurpose)?;
    let usage = parsed.key_usage().map_err(|_| Flaw::Chain)?;
    let may_sign =
        usage.is_none_or(|usage| usage.value.digital_signature() || usage.value.non_repudiation());
    let value = purposes.value;
    let others = value.any
        || value.server_auth
        || value.client_auth
        || value.code_signing
        || value.email_protection
        || value.ocsp_signing
        || !value.other.is_empty();
    let alone = purposes.critical && value.time_stamping && !others;
    if alone && may_sign { Ok(()) } else { Err(StampFault::WrongPurpose) }
}
