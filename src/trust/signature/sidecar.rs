//! A verifier beside the bus, for signatures that the bus cannot prove: GOST R 34.10-2015.
//!
//! What it is asked is bound before: the document by its digest, the digest and the signing time by
//! the signed attributes, the certificate by the signer's name of it. It is trusted for three
//! things alone: that the key made the signature, that an authority stands behind the certificate,
//! and whether that is revoked. It judges as of its own present time, which is why the bus compares
//! the validity with the signing time itself.
//!
//! [`NcaNode`] speaks to NCANode's REST interface (`POST /cms/verify`).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Document;
use super::algorithm::sha256;
use super::exchange::{ExchangeFault, Server};
use crate::domain::contact::WebhookUrl;
use crate::domain::signature::{
    Doubt, Flaw, ProvenBy, RevocationEvidence, RevocationSource, SignatureVerdict,
};
use crate::trust::tls::Outgoing;

/// The most bytes of an answer; with the certificates of one signer it has ten thousand.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What a verifier answered, or why it did not.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answer, VerifierFault>> + Send + 'a>>;

/// A verifier beside the bus.
pub trait Verifier: Send + Sync + std::fmt::Debug {
    /// Has it judge a signature, with the certificate's revocation or without.
    fn ask<'a>(&'a self, document: &'a Document, with_revocation: bool) -> Asking<'a>;
}

/// What a verifier answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Signature, chain, validity and, where asked, revocation are sound.
    pub valid: bool,
    /// The certificates of the signers.
    pub certificates: Vec<AnsweredCertificate>,
    /// SHA-256 of the answer.
    pub sha256: [u8; 32],
}

/// A signer's certificate, as a verifier names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCertificate {
    /// Its serial number, without zeros before it.
    pub serial: Vec<u8>,
    /// Its authority's signature on it.
    pub signature: Vec<u8>,
    /// What was found of its revocation, by each source.
    pub revocations: Vec<AnsweredRevocation>,
}

/// What a verifier found of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredRevocation {
    /// Whether it is revoked.
    pub revoked: bool,
    /// Since when, if it is said.
    pub at: Option<Timestamp>,
}

/// Why a verifier gave no answer. Neither says anything of the signature.
#[derive(Debug, thiserror::Error)]
pub enum VerifierFault {
    /// It could not be reached, or not in time.
    #[error("the verifier did not answer: {0}")]
    Silent(String),
    /// It answered with something else.
    #[error("the verifier's answer is no verdict: {0}")]
    Unreadable(String),
}

impl VerifierFault {
    /// The doubt that it leaves.
    #[must_use]
    pub fn doubt(&self) -> Doubt {
        match self {
            Self::Silent(_) => Doubt::VerifierSilent,
            Self::Unreadable(_) => Doubt::VerifierUnreadable,
        }
    }
}

/// What an answer is held against.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// What the signature states, proven by nobody so far.
    pub(super) verdict: SignatureVerdict,
    /// The signer's certificate: its serial number and its authority's signature.
    pub(super) serial: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// Until when it holds.
    pub(super) not_after: Timestamp,
}

/// Asks a verifier, and holds what it says against what is known.
///
/// # Errors
/// The [`Flaw`] that it found.
pub(super) async fn prove(
    verifier: &dyn Verifier,
    document: &Document,
    expected: Expected,
) -> Result<SignatureVerdict, Flaw> {
    let answer = match verifier.ask(document, true).await {
        Ok(answer) => answer,
        Err(fault) => return Ok(doubtful(expected, &fault)),
    };
    if let Some(doubt) = contradiction(&expected, &answer) {
        return Ok(SignatureVerdict { doubt: Some(doubt), ..expected.verdict });
    }
    let revocations = answer.certificates.iter().flat_map(|each| &each.revocations);
    let revocations: Vec<_> = revocations.copied().collect();
    if revocations.iter().any(|each| each.revoked) {
        return revoked(expected, &answer, &revocations);
    }
    if expected.not_after < expected.verdict.checked_at {
        // It judges as of now, and now the certificate has ended: its verdict is about that.
        return Ok(proven(expected.verdict, &answer, Some(Doubt::ExpiredSince)));
    }
    if answer.valid {
        let doubt = revocations.is_empty().then_some(Doubt::RevocationUnknown);
        return Ok(proven(expected.verdict, &answer, doubt));
    }
    // It does not tell a false signature from a source of revocations that it could not reach. So
    // it is asked again without: what is then valid was only not known to be in force.
    match verifier.ask(document, false).await {
        Ok(plain) => match contradiction(&expected, &plain) {
            Some(doubt) => Ok(SignatureVerdict { doubt: Some(doubt), ..expected.verdict }),
            None if plain.valid => {
                Ok(proven(expected.verdict, &plain, Some(Doubt::RevocationUnknown)))
            }
            None => Err(Flaw::RefusedByVerifier),
        },
        Err(fault) => Ok(doubtful(expected, &fault)),
    }
}

fn doubtful(expected: Expected, fault: &VerifierFault) -> SignatureVerdict {
    tracing::warn!(%fault, "a GOST signature stays undetermined");
    SignatureVerdict { doubt: Some(fault.doubt()), ..expected.verdict }
}

/// Whether an answer is about another signature.
fn contradiction(expected: &Expected, answer: &Answer) -> Option<Doubt> {
    match &answer.certificates[..] {
        [one] if one.serial == expected.serial && one.signature == expected.signature => None,
        [_] => Some(Doubt::VerifierContradicts),
        _ => Some(Doubt::VerifierUnreadable),
    }
}

fn revoked(
    expected: Expected,
    answer: &Answer,
    revocations: &[AnsweredRevocation],
) -> Result<SignatureVerdict, Flaw> {
    let signed_at = expected.verdict.signed_at;
    let before =
        |each: &AnsweredRevocation| each.revoked && each.at.is_some_and(|at| at <= signed_at);
    if revocations.iter().any(before) {
        return Err(Flaw::Revoked);
    }
    Ok(proven(expected.verdict, answer, Some(Doubt::RevokedSince)))
}

fn proven(verdict: SignatureVerdict, answer: &Answer, doubt: Option<Doubt>) -> SignatureVerdict {
    let evidence = RevocationEvidence {
        source: RevocationSource::Sidecar,
        sha256: answer.sha256,
        this_update: verdict.checked_at,
        next_update: None,
    };
    let proven_by = ProvenBy::Sidecar;
    SignatureVerdict { doubt, proven_by, revocation: vec![evidence], ..verdict }
}

/// NCANode, the open signature server of Kazakhstan, by its REST interface of version 3.
#[derive(Debug, Clone)]
pub struct NcaNode {
    url: WebhookUrl,
    authorities: Option<Outgoing>,
    timeout: Duration,
}

impl NcaNode {
    /// A server at this address: `https` with the authorities that prove it, or this machine.
    #[must_use]
    pub fn new(mut url: WebhookUrl, authorities: Option<Outgoing>, timeout: Duration) -> Self {
        url.path = format!("{}/cms/verify", url.path.trim_end_matches('/'));
        Self { url, authorities, timeout }
    }

    async fn verify(&self, document: &Document, revocation: bool) -> Result<Answer, VerifierFault> {
        let asked = VerifyRequest {
            cms: STANDARD.encode(&document.signature),
            data: STANDARD.encode(&document.content),
            revocation_check: if revocation { &["OCSP"] } else { &[] },
        };
        let unwritable = |why: serde_json::Error| VerifierFault::Silent(why.to_string());
        let body = serde_json::to_vec(&asked).map_err(unwritable)?;
        let server = Server {
            url: &self.url,
            authorities: self.authorities.as_ref(),
            timeout: self.timeout,
            max_answer_bytes: MAX_ANSWER_BYTES,
        };
        let answered = server.post("application/json", body).await;
        let (status, body) = answered.map_err(|fault| match fault {
            ExchangeFault::Silent(why) => VerifierFault::Silent(why),
            ExchangeFault::Length => VerifierFault::Unreadable("cut short, or too long".to_owned()),
        })?;
        // What is in the body of a refusal may name the signer, so it is not told.
        if status != StatusCode::OK {
            return Err(VerifierFault::Unreadable(format!("status {}", status.as_u16())));
        }
        read(&body).ok_or_else(|| VerifierFault::Unreadable("not its JSON".to_owned()))
    }
}

impl Verifier for NcaNode {
    fn ask<'a>(&'a self, document: &'a Document, with_revocation: bool) -> Asking<'a> {
        Box::pin(self.verify(document, with_revocation))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyRequest {
    cms: String,
    data: String,
    revocation_check: &'static [&'static str],
}

#[derive(Deserialize)]
struct VerifyResponse {
    valid: bool,
    signers: Vec<ResponseSigner>,
}

#[derive(Deserialize)]
struct ResponseSigner {
    certificates: Vec<ResponseCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseCertificate {
    serial_number: String,
    signature: String,
    #[serde(default)]
    revocations: Option<Vec<ResponseRevocation>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseRevocation {
    revoked: bool,
    #[serde(default)]
    revocation_time: Option<String>,
}

/// An answer; none for what is none.
fn read(body: &[u8]) -> Option<Answer> {
    let VerifyResponse { valid, signers } = serde_json::from_slice(body).ok()?;
    let certificates = signers.into_iter().flat_map(|signer| signer.certificates).map(|each| {
        let revocations = each.revocations.unwrap_or_default().into_iter().map(|found| {
            let at = found.revocation_time.map(|text| text.parse().ok());
            // A time that is there and cannot be read makes the answer none.
            Some(AnsweredRevocation {
                revoked: found.revoked,
                at: at.map_or(Some(None), |at| at.map(Some))?,
            })
        });
        Some(AnsweredCertificate {
            serial: from_hex(&each.serial_number)?,
            signature: STANDARD.decode(each.signature).ok()?,
            revocations: revocations.collect::<Option<_>>()?,
        })
    });
    Some(Answer { valid, certificates: certificates.collect::<Option<_>>()?, sha256: sha256(body) })
}

/// The bytes of a number in hexadecimal digits, without zeros before it.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|of| u8::try_from(of).ok())).collect();
    let digits = digits.filter(|digits| !digits.is_empty())?;
    // Read from the end, since the first byte may have one digit.
    let mut bytes: Vec<u8> =
        digits.rchunks(2).map(|two| two.iter().fold(0, |sum, d| sum << 4 | d)).collect();
    bytes.reverse();
    Some(without_zeros(&bytes))
}

/// A number without zeros before it.
pub(super) fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}
