//! From the signer's certificate to an authority, and whether any of them was revoked.
//!
//! The path is built and judged by rustls-webpki (RFC 5280 §6) as of the time that the signature
//! states. That time is the signer's own word. So what has happened between it and now, the end or
//! the revocation of a certificate, leaves the signature undetermined rather than valid: nothing
//! proves that it was there before (ETSI EN 319 102-1 §5.2.6).
//!
//! The revocations are looked at here and not by the library, which would hash each list anew for
//! each signature, and knows no answers of responders.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::algorithm::{of_authorities, sha256};
use super::authorities::{Authorities, Crl, Crls};
use super::certificate::{self, SignerCertificate};
use crate::domain::signature::{Doubt, Flaw, RevocationEvidence, RevocationSource};
use crate::trust::ocsp::Subject;
use crate::trust::ocsp::answer::{Answer, Status};

/// Lists that are asked about one certificate.
const MAX_LISTS: usize = 8;

/// A path, proven.
pub(super) struct Path {
    /// Why it is not certain.
    pub(super) doubt: Option<Doubt>,
    /// The certificates above the signer's in DER, the authority's last.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The revocation lists on which it rests.
    pub(super) lists: Vec<Crl>,
    /// The answers of responders on which it rests.
    pub(super) answers: Vec<Answer>,
}

impl Path {
    /// The certificates by their hashes.
    pub(super) fn hashes(&self) -> Vec<[u8; 32]> {
        self.certificates.iter().map(|der| sha256(der)).collect()
    }

    /// What was asked about revocation.
    pub(super) fn evidence(&self) -> Vec<RevocationEvidence> {
        let list = |list: &Crl| RevocationEvidence {
            source: RevocationSource::Crl,
            sha256: list.sha256,
            this_update: list.mark.issued,
            next_update: Some(list.next_update),
        };
        let answer = |answer: &Answer| RevocationEvidence {
            source: RevocationSource::Ocsp,
            sha256: sha256(&answer.der),
            this_update: answer.this_update,
            next_update: answer.next_update,
        };
        self.lists.iter().map(list).chain(self.answers.iter().map(answer)).collect()
    }
}

/// Builds and judges the path of a signer's certificate.
///
/// # Errors
/// A [`Flaw`] of the path as of `signed_at`.
pub(super) fn judge(
    signer: &SignerCertificate<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &Authorities,
    crls: &Crls,
    (signed_at, now): (Timestamp, Timestamp),
) -> Result<Path, Flaw> {
    let above = build(signer, beside, authorities, signed_at)?;
    let certificates: Vec<_> = std::iter::once(signer.der.to_vec()).chain(above).collect();
    let mut revocations = Revocations::new(crls, (signed_at, now));
    for pair in certificates.windows(2) {
        let [certificate, issuer] = pair else { continue };
        revocations.judge(&parse(certificate)?, &parse(issuer)?)?;
    }
    let Revocations { doubt: revocation, lists, answers, .. } = revocations;
    let between = certificates.get(1..certificates.len() - 1).unwrap_or_default();
    let ends = between.iter().filter_map(|each| certificate::ends(each));
    let has_ended = ends.chain([signer.not_after]).any(|end| end < now);
    let ended = has_ended.then_some(Doubt::ExpiredSince);
    let since = revocation.filter(|doubt| *doubt == Doubt::RevokedSince);
    let certificates = certificates.into_iter().skip(1).collect();
    Ok(Path { doubt: since.or(ended).or(revocation), certificates, lists, answers })
}

/// The certificates of the path that responders are asked about. None where there is no path.
pub(super) fn subjects(
    signer: &SignerCertificate<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &Authorities,
    signed_at: Timestamp,
) -> Vec<Subject> {
    let Ok(above) = build(signer, beside, authorities, signed_at) else { return Vec::new() };
    let certificates: Vec<_> = std::iter::once(signer.der.to_vec()).chain(above).collect();
    let subject = |pair: &[Vec<u8>]| {
        let [certificate, issuer] = pair else { return None };
        Subject::of(&parse(certificate).ok()?, &parse(issuer).ok()?)
    };
    certificates.windows(2).filter_map(subject).collect()
}

/// The certificates above the signer's, the authority's last.
fn build(
    signer: &SignerCertificate<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &Authorities,
    signed_at: Timestamp,
) -> Result<Vec<Vec<u8>>, Flaw> {
    let entity = EndEntityCert::try_from(&signer.der).map_err(|_| Flaw::Chain)?;
    let anchors = authorities.anchors();
    let known = authorities.intermediates().iter().map(|each| each.as_ref());
    let given: Vec<_> = beside.iter().map(AsRef::as_ref).chain(known).map(der).collect();
    let found = path(&entity, &anchors, &given, signed_at, AnyPurpose);
    let found = found.map_err(|error| flaw(&error))?;
    let anchor = found.anchor();
    let is_it = |each: &&TrustAnchor<'_>| {
        each.subject == anchor.subject
            && each.subject_public_key_info == anchor.subject_public_key_info
    };
    let place = anchors.iter().position(|each| is_it(&each));
    let root = place.and_then(|place| authorities.roots().get(place)).ok_or(Flaw::Chain)?;
    let within = found.intermediate_certificates().map(|each| each.der().to_vec());
    Ok(within.chain([root.to_vec()]).collect())
}

/// What is found of the revocations of a path, one certificate after the other.
struct Revocations<'a> {
    at_hand: &'a Crls,
    signed_at: Timestamp,
    now: Timestamp,
    /// The gravest so far.
    doubt: Option<Doubt>,
    lists: Vec<Crl>,
    answers: Vec<Answer>,
}

impl<'a> Revocations<'a> {
    fn new(at_hand: &'a Crls, (signed_at, now): (Timestamp, Timestamp)) -> Self {
        Self { at_hand, signed_at, now, doubt: None, lists: Vec::new(), answers: Vec::new() }
    }

    /// Looks at all that its authority has said of a certificate. A revocation by anything stands;
    /// it is good if anything in its time says so.
    fn judge(
        &mut self,
        certificate: &X509Certificate<'_>,
        issuer: &X509Certificate<'_>,
    ) -> Result<(), Flaw> {
        let mut found = Some(Doubt::RevocationUnknown);
        let mut note = |current| {
            if current {
                found = None;
            } else if found.is_some() {
                found = Some(Doubt::RevocationStale);
            }
        };
        let usage = issuer.key_usage().map_err(|_| Flaw::Chain)?;
        let may_list = usage.is_none_or(|usage| usage.value.crl_sign());
        let concerns = |list: &Crl| {
            list.coverage.includes(certificate)
                || matches!(list.list.find_serial(certificate.raw_serial()), Ok(Some(_)))
        };
        let lists = self
            .at_hand
            .of(certificate.issuer().as_raw())
            .filter(|list| may_list && concerns(list) && list.is_by(issuer.public_key().raw));
        let mut revoked = Vec::new();
        for list in lists.take(MAX_LISTS) {
            note(self.now < list.next_update);
            // A key that was lost before it was revoked was no longer its holder's (§5.3.2).
            if let Ok(Some(entry)) = list.list.find_serial(certificate.raw_serial()) {
                let from = entry.invalidity_date.unwrap_or(entry.revocation_date);
                revoked.push(from.min(entry.revocation_date) <= unix(self.signed_at));
            }
            self.lists.push(list.clone());
        }
        if let Some(answer) = self.answer(certificate, issuer) {
            match answer.status {
                Status::Good => note(answer.is_current(self.now)),
                Status::Revoked { at } => revoked.push(at <= self.signed_at),
                Status::Unknown => {}
            }
            self.answers.push(answer);
        }
        if revoked.contains(&true) {
            return Err(Flaw::Revoked);
        }
        if !revoked.is_empty() {
            found = Some(Doubt::RevokedSince);
        }
        self.doubt = graver(self.doubt, found);
        Ok(())
    }

    /// The newest answer about a certificate.
    fn answer(
        &self,
        certificate: &X509Certificate<'_>,
        issuer: &X509Certificate<'_>,
    ) -> Option<Answer> {
        let subject = Subject::of(certificate, issuer)?;
        let sound = self.at_hand.answers().iter().filter_map(|der| {
            let answer = Answer::read(der, &subject, self.now).ok()?;
            let responder = answer.responder.as_deref();
            (!responder.is_some_and(|serial| self.is_listed(&subject, serial))).then_some(answer)
        });
        sound.max_by_key(|answer| answer.this_update)
    }

    /// Whether a list of an issuer names a serial number: that of a responder's certificate.
    fn is_listed(&self, subject: &Subject, serial: &[u8]) -> bool {
        let mut lists = self.at_hand.of(&subject.issuer);
        lists.any(|list| {
            matches!(list.list.find_serial(serial), Ok(Some(_))) && list.is_by(&subject.issuer_key)
        })
    }
}

/// The graver of two doubts about revocation.
fn graver(one: Option<Doubt>, other: Option<Doubt>) -> Option<Doubt> {
    let order = [Doubt::RevokedSince, Doubt::RevocationUnknown, Doubt::RevocationStale];
    order.into_iter().find(|doubt| one == Some(*doubt) || other == Some(*doubt))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Flaw> {
    X509Certificate::from_der(der).map(|(_, parsed)| parsed).map_err(|_| Flaw::Chain)
}

/// Whether an authority stood behind a certificate at a time, for this purpose. Revocations are not
/// asked.
///
/// # Errors
/// A [`Flaw`] of the path.
pub(super) fn stands(
    certificate: &CertificateDer<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &Authorities,
    at: Timestamp,
    purpose: impl ExtendedKeyUsageValidator,
) -> Result<(), Flaw> {
    let entity = EndEntityCert::try_from(certificate).map_err(|_| Flaw::Chain)?;
    let anchors = authorities.anchors();
    let known = authorities.intermediates().iter().map(|each| each.as_ref());
    let given: Vec<_> = beside.iter().map(AsRef::as_ref).chain(known).map(der).collect();
    path(&entity, &anchors, &given, at, purpose).map_err(|error| flaw(&error))?;
    Ok(())
}

fn path<'p>(
    entity: &'p EndEntityCert<'p>,
    anchors: &'p [TrustAnchor<'_>],
    given: &'p [CertificateDer<'p>],
    at: Timestamp,
    purpose: impl ExtendedKeyUsageValidator,
) -> Result<VerifiedPath<'p>, Error> {
    let algorithms = of_authorities();
    entity.verify_for_usage(&algorithms, anchors, given, unix(at), purpose, None, None)
}

/// What a certificate of the chain may be used for is judged of the signer's alone, by its role.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

fn flaw(error: &Error) -> Flaw {
    if let Error::CertExpired { .. } = error {
        Flaw::Expired
    } else if let Error::CertNotValidYet { .. } = error {
        Flaw::NotYetValid
    } else if [Error::UnknownIssuer, Error::InvalidSignatureForPublicKey].contains(error) {
        // Whoever only has the name of a known authority is none.
        Flaw::UnknownAuthority
    } else {
        Flaw::Chain
    }
}

fn der(bytes: &[u8]) -> CertificateDer<'_> {
    CertificateDer::from(bytes)
}

fn unix(at: Timestamp) -> UnixTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}
