//! What a responder answered, taken apart and proven (RFC 6960 §3.2 and §4.2).
//!
//! The parts are slices of what was received and never encoded anew.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use der::asn1::{GeneralizedTime, ObjectIdentifier};
use der::{Decode, Tag};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::subject::{Subject, key_bytes};
use crate::domain::signature::Flaw;
use crate::trust::proof::SignedParts;
use crate::trust::signature::cms::{Tlv, Values, check_der, implicit, place};

/// The largest answer, in bytes: one with the certificates of its responder has some three thousand.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Certificates that come with an answer.
const MAX_CERTIFICATES: usize = 8;
/// Answers about single certificates within one.
const MAX_SINGLE: usize = 64;
/// How far ahead of the bus's clock a responder's may run.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(300);
/// For how long an answer counts that does not say when the next one comes: its responder always has
/// newer ones (§4.2.2.1), so it is of this moment.
const WITHOUT_NEXT: SignedDuration = SignedDuration::from_mins(10);

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// Says of a responder's certificate that nobody need ask about it (§4.2.2.2.1).
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

/// What was answered of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is not revoked.
    Good,
    /// It is.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
    /// The responder does not know it, which says nothing.
    Unknown,
}

/// A proven answer about one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The OCSPResponse in DER, as it came.
    pub der: Arc<[u8]>,
    /// What it says.
    pub status: Status,
    /// When that was known to be so.
    pub this_update: Timestamp,
    /// When the responder signed it.
    pub produced: Timestamp,
    /// When the next answer is to come, if it says so.
    pub next_update: Option<Timestamp>,
    /// The serial number of the responder's certificate, where it is not the authority itself and
    /// the authority does not say that nobody need ask about it.
    pub responder: Option<Vec<u8>>,
}

/// Why an answer counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerFault {
    /// It is larger than any.
    #[error("the answer has more than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    /// It is none, or of a kind that is not read.
    #[error("the answer is no OCSPResponse in DER (RFC 6960 §4.2.1)")]
    Malformed,
    /// The responder gives no answer: it asks to try later, or refuses.
    #[error("the responder gives no answer: {}", words(*.0))]
    NoAnswer(u8),
    /// It is about another certificate.
    #[error("the answer is about another certificate")]
    OtherCertificate,
    /// Neither the authority nor one that it appointed has signed it.
    #[error(
        "the answer is not signed by the certificate's authority, nor by a responder that it appointed (id-kp-OCSPSigning)"
    )]
    Unsigned,
    /// It is from the future.
    #[error("the answer is of a time that lies ahead; compare the clocks")]
    Ahead,
    /// Its time is over.
    #[error("the answer is out of date")]
    Stale,
}

fn words(status: u8) -> &'static str {
    match status {
        1 => "malformedRequest",
        2 => "internalError",
        3 => "tryLater",
        5 => "sigRequired",
        6 => "unauthorized",
        _ => "an unknown status",
    }
}

impl From<Flaw> for AnswerFault {
    /// The reader of DER is that of signatures, whose words are for signatures.
    fn from(_: Flaw) -> Self {
        Self::Malformed
    }
}

impl Answer {
    /// Reads and proves an answer about a certificate. One whose time is over is read too; see
    /// [`Answer::is_current`].
    ///
    /// # Errors
    /// [`AnswerFault`].
    pub fn read(der: &[u8], subject: &Subject, now: Timestamp) -> Result<Self, AnswerFault> {
        if der.len() > MAX_ANSWER_BYTES {
            return Err(AnswerFault::TooLarge);
        }
        check_der(der, 0)?;
        let basic = basic(der)?;
        check_der(basic, 0)?;
        let mut outer = Values::of(basic);
        let mut parts = outer.sequence()?;
        outer.finish()?;
        let data = parts.tagged(Tag::Sequence)?;
        parts.algorithm()?;
        parts.tagged(Tag::BitString)?;
        let certificates = match parts.optional(implicit(0))? {
            Some(given) => certificates(given)?,
            None => Vec::new(),
        };
        parts.finish()?;
        let Data { responder, produced, single } = response_data(data.value, subject)?;
        let Single { status, this_update, next_update } = single;
        let lies_ahead = |at: Timestamp| at.duration_since(now) > CLOCK_SKEW;
        if lies_ahead(produced) || lies_ahead(this_update) {
            return Err(AnswerFault::Ahead);
        }
        if next_update.is_some_and(|next| next < this_update) {
            return Err(AnswerFault::Malformed);
        }
        // A revocation outlives the certificate of whoever told it, as it outlives its own time.
        let judged_at = match status {
            Status::Revoked { .. } => [produced, produced],
            Status::Good | Status::Unknown => [produced, now],
        };
        let responder = prove(basic, &responder, &certificates, subject, judged_at)?;
        Ok(Self { der: der.into(), status, this_update, produced, next_update, responder })
    }

    /// Until when it counts.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        let undated = || self.this_update.checked_add(WITHOUT_NEXT).unwrap_or(Timestamp::MAX);
        self.next_update.unwrap_or_else(undated)
    }

    /// Whether it counts.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        now <= self.until()
    }

    /// Whether it says anything of the certificate, and counts.
    #[must_use]
    pub fn tells(&self, now: Timestamp) -> bool {
        self.status != Status::Unknown && self.is_current(now)
    }

    /// Whether it says that the certificate is revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        matches!(self.status, Status::Revoked { .. })
    }

    /// Whether it takes the place of one that is known. A responder that does not know the
    /// certificate takes back neither a revocation nor what still counts; and of two answers of one
    /// time the revocation stands.
    #[must_use]
    pub fn replaces(&self, known: &Self, now: Timestamp) -> bool {
        let later = (known.this_update, known.produced) <= (self.this_update, self.produced);
        match (known.status, self.status) {
            (Status::Revoked { .. }, Status::Unknown) => false,
            (Status::Good, Status::Unknown) => later && !known.is_current(now),
            (Status::Revoked { .. }, Status::Good) => known.this_update < self.this_update,
            (Status::Good, Status::Revoked { .. }) => known.this_update <= self.this_update,
            (Status::Unknown, Status::Good | Status::Unknown | Status::Revoked { .. }) => true,
            (Status::Good, Status::Good) | (Status::Revoked { .. }, Status::Revoked { .. }) => {
                later
            }
        }
    }

    /// When it is time to ask anew: after half of its time, and at the latest after `most`.
    #[must_use]
    pub fn renewed_at(&self, now: Timestamp, most: Duration) -> Timestamp {
        let left = self.until().duration_since(now).max(SignedDuration::ZERO) / 2;
        let most = SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX);
        now.checked_add(left.min(most).max(SignedDuration::from_secs(1))).unwrap_or(Timestamp::MAX)
    }
}

/// The BasicOCSPResponse within an OCSPResponse.
fn basic(der: &[u8]) -> Result<&[u8], AnswerFault> {
    let mut outer = Values::of(der);
    let mut response = outer.sequence()?;
    outer.finish()?;
    let [status] = response.tagged(Tag::Enumerated)?.value else {
        return Err(AnswerFault::Malformed);
    };
    if *status != 0 {
        return Err(AnswerFault::NoAnswer(*status));
    }
    let mut bytes = response.explicit(0)?;
    response.finish()?;
    let mut within = bytes.sequence()?;
    bytes.finish()?;
    if within.oid()? != BASIC {
        return Err(AnswerFault::Malformed);
    }
    let basic = within.tagged(Tag::OctetString)?.value;
    within.finish()?;
    Ok(basic)
}

fn certificates(given: Tlv<'_>) -> Result<Vec<&[u8]>, AnswerFault> {
    let mut within = Values::of(given.value);
    let mut list = within.sequence()?;
    within.finish()?;
    let mut found = Vec::new();
    while let Some(each) = list.next()? {
        if each.tag != Tag::Sequence || found.len() == MAX_CERTIFICATES {
            return Err(AnswerFault::Malformed);
        }
        found.push(each.whole);
    }
    Ok(found)
}

/// How a responder names itself.
enum ResponderId<'a> {
    Name(&'a [u8]),
    /// The SHA-1 of its key.
    Key(&'a [u8]),
}

struct Data<'a> {
    responder: ResponderId<'a>,
    produced: Timestamp,
    single: Single,
}

struct Single {
    status: Status,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

fn response_data<'a>(data: &'a [u8], subject: &Subject) -> Result<Data<'a>, AnswerFault> {
    let mut from = Values::of(data);
    // A version that is the default is left out in DER, and there is no other.
    if from.optional(implicit(0))?.is_some() {
        return Err(AnswerFault::Malformed);
    }
    let named = from.next()?.ok_or(AnswerFault::Malformed)?;
    let mut within = Values::of(named.value);
    let responder = if named.tag == implicit(1) {
        ResponderId::Name(within.tagged(Tag::Sequence)?.whole)
    } else if named.tag == implicit(2) {
        ResponderId::Key(within.tagged(Tag::OctetString)?.value)
    } else {
        return Err(AnswerFault::Malformed);
    };
    within.finish()?;
    let produced = time(from.next()?)?;
    let mut singles = from.sequence()?;
    extensions(&mut from, 1)?;
    from.finish()?;
    let (mut found, mut count) = (None, 0);
    while let Some(each) = singles.next()? {
        count += 1;
        if each.tag != Tag::Sequence || count > MAX_SINGLE {
            return Err(AnswerFault::Malformed);
        }
        let mut each = Values::of(each.value);
        if is_about(&mut each, subject)? && found.replace(single(&mut each)?).is_some() {
            return Err(AnswerFault::Malformed);
        }
    }
    Ok(Data { responder, produced, single: found.ok_or(AnswerFault::OtherCertificate)? })
}

/// Reads the CertID, and whether it is that of the subject.
fn is_about(from: &mut Values<'_>, subject: &Subject) -> Result<bool, AnswerFault> {
    let mut id = from.sequence()?;
    let algorithm = id.algorithm()?;
    let (name, key) = (id.tagged(Tag::OctetString)?.value, id.tagged(Tag::OctetString)?.value);
    let serial = id.tagged(Tag::Integer)?.value;
    id.finish()?;
    let of = match algorithm.oid {
        SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
        SHA_256 => &SHA256,
        _ => return Ok(false),
    };
    let issuer_key = key_bytes(&subject.issuer_key).ok_or(AnswerFault::Malformed)?;
    Ok(serial == subject.serial
        && name == digest(of, &subject.issuer).as_ref()
        && key == digest(of, issuer_key).as_ref())
}

fn single(from: &mut Values<'_>) -> Result<Single, AnswerFault> {
    let told = from.next()?.ok_or(AnswerFault::Malformed)?;
    let status = if told.tag == place(0, false) && told.value.is_empty() {
        Status::Good
    } else if told.tag == implicit(1) {
        let mut info = Values::of(told.value);
        let at = time(info.next()?)?;
        // The reason changes nothing: a certificate on hold may not act either.
        info.optional(implicit(0))?;
        info.finish()?;
        Status::Revoked { at }
    } else if told.tag == place(2, false) && told.value.is_empty() {
        Status::Unknown
    } else {
        return Err(AnswerFault::Malformed);
    };
    let this_update = time(from.next()?)?;
    let next_update = match from.optional(implicit(0))? {
        Some(given) => {
            let mut within = Values::of(given.value);
            let next = time(within.next()?)?;
            within.finish()?;
            Some(next)
        }
        None => None,
    };
    extensions(from, 1)?;
    from.finish()?;
    Ok(Single { status, this_update, next_update })
}

/// Passes over extensions, of which none may be critical: none that changes an answer is known here.
fn extensions(from: &mut Values<'_>, number: u32) -> Result<(), AnswerFault> {
    let Some(given) = from.optional(implicit(number))? else { return Ok(()) };
    let mut within = Values::of(given.value);
    let mut list = within.sequence()?;
    within.finish()?;
    while let Some(each) = list.next()? {
        let mut extension = Values::of(each.value);
        extension.oid()?;
        if extension.optional(Tag::Boolean)?.is_some() {
            return Err(AnswerFault::Malformed);
        }
        extension.tagged(Tag::OctetString)?;
        extension.finish()?;
    }
    Ok(())
}

fn time(value: Option<Tlv<'_>>) -> Result<Timestamp, AnswerFault> {
    let whole = value.ok_or(AnswerFault::Malformed)?.whole;
    let time = GeneralizedTime::from_der(whole).map_err(|_| AnswerFault::Malformed)?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs());
    let seconds = seconds.map_err(|_| AnswerFault::Malformed)?;
    Timestamp::from_second(seconds).map_err(|_| AnswerFault::Malformed)
}

/// Who signed: the authority that issued the certificate, or one whom it appointed for answers. The
/// serial number of the latter's certificate where somebody must ask about it.
fn prove(
    basic: &[u8],
    named: &ResponderId<'_>,
    certificates: &[&[u8]],
    subject: &Subject,
    at: [Timestamp; 2],
) -> Result<Option<Vec<u8>>, AnswerFault> {
    let parts = SignedParts::of(basic).ok_or(AnswerFault::Malformed)?;
    if is_named(named, &subject.issuer, &subject.issuer_key) && parts.is_by(&subject.issuer_key) {
        return Ok(None);
    }
    for der in certificates {
        let Ok(([], parsed)) = X509Certificate::from_der(der) else { continue };
        let key = parsed.public_key().raw;
        if is_named(named, parsed.subject().as_raw(), key)
            && is_appointed(der, &parsed, subject, at)
            && parts.is_by(key)
        {
            let mut extensions = parsed.extensions().iter();
            let unchecked = extensions.any(|each| each.oid.to_id_string() == NO_CHECK);
            return Ok((!unchecked).then(|| parsed.raw_serial().to_vec()));
        }
    }
    Err(AnswerFault::Unsigned)
}

fn is_named(named: &ResponderId<'_>, name: &[u8], key_info: &[u8]) -> bool {
    match named {
        ResponderId::Name(given) => *given == name,
        ResponderId::Key(given) => key_bytes(key_info)
            .is_some_and(|key| digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == *given),
    }
}

/// Whether the authority of the subject issued this certificate for answers (§4.2.2.2), in force
/// at these times.
fn is_appointed(
    der: &[u8],
    parsed: &X509Certificate<'_>,
    subject: &Subject,
    at: [Timestamp; 2],
) -> bool {
    let Ok(Some(purposes)) = parsed.extended_key_usage() else { return false };
    let Ok(usage) = parsed.key_usage() else { return false };
    let validity = parsed.validity();
    let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    purposes.value.ocsp_signing
        && usage.is_none_or(|usage| usage.value.digital_signature())
        && at.iter().all(|at| (from..=to).contains(&at.as_second()))
        && parsed.issuer().as_raw() == subject.issuer
        && SignedParts::of(der).is_some_and(|parts| parts.is_by(&subject.issuer_key))
}
