//! Electronic signatures (ЭЦП) on the documents of acts: detached CMS over exact bytes (RFC 5652).
//!
//! [`verify`] is pure: bytes, authorities, revocation lists and a time go in, a verdict or a
//! [`Flaw`] comes out. [`desk`] is what the bus runs on: the policy of each act, the room for
//! verifications, the [`sidecar`] for GOST, and the [`evidence`] that is kept. [`mod@again`] finds a
//! verdict again from that.
//!
//! What must hold, in the order in which it is looked at: the form (`cms`), the signed attributes
//! (`attributes`), the digest over the document (`algorithm`), the signer's certificate and role
//! (`certificate`), the signature itself, the time, and the path to an authority with its
//! revocations (`chain`).

pub mod again;
mod algorithm;
mod attributes;
pub mod authorities;
mod certificate;
mod chain;
pub(in crate::trust) mod cms;
pub mod desk;
pub mod evidence;
mod exchange;
pub mod policy;
pub mod sidecar;
pub mod timestamp;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use algorithm::{Method, Proof};
use attributes::Attributes;
use authorities::{Authorities, Crls};
use certificate::SignerCertificate;

use crate::domain::signature::{Doubt, Flaw, KeyRole, ProvenBy, SignatureScheme, SignatureVerdict};

use crate::trust::ocsp::Subject;

pub use algorithm::sha256;

/// The largest document, in bytes.
pub const MAX_CONTENT_BYTES: usize = 128 * 1024;
/// The largest signature, in bytes; with a chain of certificates and a time-stamp it has ten
/// thousand.
pub const MAX_SIGNATURE_BYTES: usize = 64 * 1024;

/// How far ahead of the bus's clock the signer's may run: that of any other stated time.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(300);

/// A document with its signature.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The exact bytes of the document.
    pub content: &'a [u8],
    /// The detached CMS in DER.
    pub signature: &'a [u8],
}

/// The same, held on its own.
#[derive(Clone)]
pub struct Document {
    content: Bytes,
    signature: Bytes,
}

impl Document {
    /// The bytes of both.
    #[must_use]
    pub fn signed(&self) -> Signed<'_> {
        Signed { content: &self.content, signature: &self.signature }
    }
}

/// Tells sizes only: what is in it is personal data.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} + {} bytes)", self.content.len(), self.signature.len())
    }
}

/// Who may have signed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The signer has one of these roles; anybody may sign where there are none.
    pub roles: Vec<KeyRole>,
    /// The schemes that are taken; all where there are none.
    pub schemes: Vec<SignatureScheme>,
}

/// A verdict with the evidence on which it rests.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The verdict.
    pub verdict: SignatureVerdict,
    /// The certificates above the signer's in DER, the authority's last.
    pub certificates: Vec<Vec<u8>>,
    /// The revocation lists that were asked, in DER, by their SHA-256.
    pub lists: Vec<([u8; 32], Arc<[u8]>)>,
    /// The answers of responders (OCSP), in DER.
    pub answers: Vec<Arc<[u8]>>,
}

impl Judged {
    fn without_evidence(verdict: SignatureVerdict) -> Self {
        let (certificates, lists, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self { verdict, certificates, lists, answers }
    }
}

/// Verifies a signature. A GOST signature, which needs a verifier beside the bus, stays
/// undetermined here.
///
/// # Errors
/// The [`Flaw`] for which it is none.
pub fn verify(
    signed: Signed<'_>,
    wanted: &Wanted,
    authorities: &Authorities,
    crls: &Crls,
    now: Timestamp,
) -> Result<Judged, Flaw> {
    let found = read(signed, wanted, now)?;
    match found.needs_verifier() {
        None => found.prove(authorities, crls),
        Some(scheme) => {
            found.check_validity()?;
            Ok(found.unproven(scheme, Doubt::NoVerifier))
        }
    }
}

/// A signature that is sound in form, over this document, by a certificate that may sign it. Whether
/// its key made it, and who stands behind the key, is not known yet.
struct Read<'a> {
    method: Method,
    attributes: Attributes<'a>,
    /// The attributes as they are signed.
    message: Vec<u8>,
    signature: &'a [u8],
    signer: SignerCertificate<'a>,
    /// The other certificates that came with it.
    beside: Vec<CertificateDer<'a>>,
    /// Answers of responders that came with it.
    answers: Vec<&'a [u8]>,
    document: [u8; 32],
    now: Timestamp,
}

/// Reads a signature and binds it to its document.
///
/// # Errors
/// A [`Flaw`].
fn read<'a>(signed: Signed<'a>, wanted: &Wanted, now: Timestamp) -> Result<Read<'a>, Flaw> {
    let Signed { content, signature } = signed;
    if content.len() > MAX_CONTENT_BYTES || signature.len() > MAX_SIGNATURE_BYTES {
        return Err(Flaw::TooLarge);
    }
    let cms::SignedData { certificates, answers, signer: info, .. } = cms::parse(signature)?;
    let attributes = attributes::read(info.attributes)?;
    let method = algorithm::method(info.digest, info.algorithm)?.among(&wanted.schemes)?;
    if algorithm::digest(method.digest, content) != attributes.digest {
        return Err(Flaw::OtherDocument);
    }
    let signer = certificate::find(&certificates, &info.sid)?;
    if !signer.may_sign {
        return Err(Flaw::NotForSigning);
    }
    let has = |role: &KeyRole| signer.roles.contains(role);
    if !wanted.roles.is_empty() && !wanted.roles.iter().any(has) {
        return Err(Flaw::WrongRole);
    }
    if attributes.signed_at.duration_since(now) > CLOCK_SKEW {
        return Err(Flaw::InTheFuture);
    }
    let beside = certificates.into_iter().filter(|each| *each != signer.der.as_ref());
    Ok(Read {
        method,
        attributes,
        message: as_signed(info.attributes),
        signature: info.signature,
        beside: beside.map(CertificateDer::from).collect(),
        answers,
        signer,
        document: sha256(content),
        now,
    })
}

/// The attributes under the tag of a SET, under which they are signed (RFC 5652 §5.4).
fn as_signed(attributes: &[u8]) -> Vec<u8> {
    tlv(0x31, attributes)
}

/// A value of DER under a tag of one byte.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    let length = value.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match &length[..] {
        [] => message.push(0),
        [short] if *short < 0x80 => message.push(*short),
        // A length has at most eight bytes.
        long => {
            message.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            message.extend_from_slice(long);
        }
    }
    message.extend_from_slice(value);
    message
}

/// Whether the key of a certificate made a signature, and by which scheme.
fn made_by(
    certificate: &CertificateDer<'_>,
    method: &Method,
    message: &[u8],
    signature: &[u8],
) -> Result<SignatureScheme, Flaw> {
    let entity = EndEntityCert::try_from(certificate).map_err(|_| Flaw::Chain)?;
    let Proof::Here(candidates) = &method.proof else {
        return Err(Flaw::Algorithm);
    };
    let made = candidates
        .iter()
        .find(|(_, algorithm)| entity.verify_signature(*algorithm, message, signature).is_ok());
    made.map(|(scheme, _)| *scheme).ok_or(Flaw::Forged)
}

impl Read<'_> {
    /// The scheme, if only a verifier beside the bus can prove it.
    fn needs_verifier(&self) -> Option<SignatureScheme> {
        match self.method.proof {
            Proof::Here(_) => None,
            Proof::Elsewhere(scheme) => Some(scheme),
        }
    }

    /// Proves the signature, and the path of its certificate.
    fn prove(&self, authorities: &Authorities, crls: &Crls) -> Result<Judged, Flaw> {
        let scheme = self.check_signature()?;
        self.check_validity()?;
        let proven = |doubt| self.verdict(scheme, doubt, ProvenBy::Bus);
        if authorities.is_empty() {
            let verdict = proven(Some(Doubt::NoAuthorities));
            return Ok(Judged::without_evidence(verdict));
        }
        let times = (self.attributes.signed_at, self.now);
        let embedded = self.answers.iter().map(|der| Arc::from(*der));
        let crls = crls.with_embedded(embedded);
        let path = chain::judge(&self.signer, &self.beside, authorities, &crls, times)?;
        let verdict = SignatureVerdict {
            chain: path.hashes(),
            revocation: path.evidence(),
            ..proven(path.doubt)
        };
        let lists = path.lists.iter().map(|list| (list.sha256, Arc::clone(&list.der))).collect();
        let answers = path.answers.into_iter().map(|answer| answer.der).collect();
        Ok(Judged { verdict, certificates: path.certificates, lists, answers })
    }

    /// The certificates that responders are asked about.
    fn subjects(&self, authorities: &Authorities) -> Vec<Subject> {
        chain::subjects(&self.signer, &self.beside, authorities, self.attributes.signed_at)
    }

    /// Whether the certificate's key made the signature.
    fn check_signature(&self) -> Result<SignatureScheme, Flaw> {
        made_by(&self.signer.der, &self.method, &self.message, self.signature)
    }

    /// Whether the certificate was in force when it signed.
    fn check_validity(&self) -> Result<(), Flaw> {
        let at = self.attributes.signed_at;
        if at < self.signer.not_before {
            return Err(Flaw::NotYetValid);
        }
        if at > self.signer.not_after { Err(Flaw::Expired) } else { Ok(()) }
    }

    /// What the signature states, proven by nobody.
    fn unproven(&self, scheme: SignatureScheme, doubt: Doubt) -> Judged {
        let verdict = self.verdict(scheme, Some(doubt), ProvenBy::Nobody);
        Judged::without_evidence(verdict)
    }

    fn verdict(
        &self,
        scheme: SignatureScheme,
        doubt: Option<Doubt>,
        proven_by: ProvenBy,
    ) -> SignatureVerdict {
        SignatureVerdict {
            doubt,
            proven_by,
            document: self.document,
            certificate: self.signer.sha256,
            roles: self.signer.roles.clone(),
            organisation: self.signer.organisation,
            signed_at: self.attributes.signed_at,
            digest: self.method.digest,
            scheme,
            checked_at: self.now,
            chain: Vec::new(),
            revocation: Vec::new(),
        }
    }
}
