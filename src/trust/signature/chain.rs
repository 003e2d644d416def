//! From the signer's certificate to an authority, and whether any of them was revoked.
//!
//! The path is built and judged by rustls-webpki (RFC 5280 §6) as of the time that the signature
//! states. That time is the signer's own word. So what has happened between it and now, the end or
//! the revocation of a certificate, leaves the signature undetermined rather than valid: nothing
//! proves that it was there before (ETSI EN 319 102-1 §5.2.6).

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
    VerifiedPath,
};

use super::algorithm::{of_authorities, sha256};
use super::authorities::{Authorities, Crl, Crls};
use super::certificate::{self, SignerCertificate};
use crate::domain::signature::{Doubt, Flaw, RevocationEvidence, RevocationSource};

/// A path, proven.
pub(super) struct Path {
    /// Why it is not certain.
    pub(super) doubt: Option<Doubt>,
    /// The certificates above the signer's in DER, the authority's last.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The revocation lists that were asked.
    pub(super) lists: Vec<Crl>,
}

impl Path {
    /// The certificates by their hashes.
    pub(super) fn hashes(&self) -> Vec<[u8; 32]> {
        self.certificates.iter().map(|der| sha256(der)).collect()
    }

    /// What was asked about revocation.
    pub(super) fn evidence(&self) -> Vec<RevocationEvidence> {
        let evidence = |list: &Crl| RevocationEvidence {
            source: RevocationSource::Crl,
            sha256: list.sha256,
            this_update: list.this_update,
            next_update: Some(list.next_update),
        };
        self.lists.iter().map(evidence).collect()
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
    let entity = EndEntityCert::try_from(&signer.der).map_err(|_| Flaw::Chain)?;
    let anchors = authorities.anchors();
    let known = authorities.intermediates().iter().map(|each| each.as_ref());
    let given: Vec<_> = beside.iter().map(AsRef::as_ref).chain(known).map(der).collect();
    let found = path(&entity, &anchors, &given, signed_at, AnyPurpose, None);
    let found = found.map_err(|error| flaw(&error))?;
    let within: Vec<_> = found.intermediate_certificates().map(|each| each.der()).collect();
    let anchor = found.anchor();
    let is_it = |each: &&TrustAnchor<'_>| {
        each.subject == anchor.subject
            && each.subject_public_key_info == anchor.subject_public_key_info
    };
    let place = anchors.iter().position(|each| is_it(&each));
    let root = place.and_then(|place| authorities.roots().get(place)).ok_or(Flaw::Chain)?;
    let mut certificates: Vec<_> = within.iter().map(|each| each.to_vec()).collect();
    certificates.push(root.to_vec());
    // The same path again, with what is known of revocation.
    let issuers = std::iter::once(entity.issuer())
        .chain(found.intermediate_certificates().map(|each| each.issuer()));
    let lists: Vec<Crl> = crls.of(issuers);
    let refs: Vec<_> = lists.iter().map(|each| &*each.list).collect();
    let only = std::slice::from_ref(anchor);
    let asked = RevocationOptionsBuilder::new(&refs).ok().map(|options| {
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Ignore)
            .build()
    });
    let serials = std::iter::once((entity.issuer(), entity.serial()))
        .chain(found.intermediate_certificates().map(|each| (each.issuer(), each.serial())));
    let revocation = match asked {
        None => Some(Doubt::RevocationUnknown),
        Some(asked) => match path(&entity, only, &within, signed_at, AnyPurpose, Some(asked)) {
            Ok(_) => {
                lists.iter().any(|list| list.next_update <= now).then_some(Doubt::RevocationStale)
            }
            Err(Error::CertRevoked) => Some(revoked(serials, &lists, signed_at)?),
            // A list that is missing, or that its authority did not sign, proves nothing.
            Err(_) => Some(Doubt::RevocationUnknown),
        },
    };
    let ends = within.iter().filter_map(|each| certificate::ends(each));
    let has_ended = ends.chain([signer.not_after]).any(|end| end < now);
    let ended = has_ended.then_some(Doubt::ExpiredSince);
    let since = revocation.filter(|doubt| *doubt == Doubt::RevokedSince);
    Ok(Path { doubt: since.or(ended).or(revocation), certificates, lists })
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
    path(&entity, &anchors, &given, at, purpose, None).map_err(|error| flaw(&error))?;
    Ok(())
}

fn path<'p>(
    entity: &'p EndEntityCert<'p>,
    anchors: &'p [TrustAnchor<'_>],
    given: &'p [CertificateDer<'p>],
    at: Timestamp,
    purpose: impl ExtendedKeyUsageValidator,
    revocation: Option<RevocationOptions<'_>>,
) -> Result<VerifiedPath<'p>, Error> {
    let algorithms = of_authorities();
    entity.verify_for_usage(&algorithms, anchors, given, unix(at), purpose, revocation, None)
}

/// When a certificate of the path was revoked: before it signed, which is final, or since.
fn revoked<'c>(
    serials: impl Iterator<Item = (&'c [u8], &'c [u8])>,
    lists: &[Crl],
    signed_at: Timestamp,
) -> Result<Doubt, Flaw> {
    for (issuer, serial) in serials {
        for list in lists.iter().filter(|list| list.list.issuer() == issuer) {
            let Ok(Some(entry)) = list.list.find_serial(serial) else { continue };
            // A key that was lost before it was revoked was no longer its holder's (§5.3.2).
            let from = entry.invalidity_date.unwrap_or(entry.revocation_date);
            if from.min(entry.revocation_date) <= unix(signed_at) {
                return Err(Flaw::Revoked);
            }
        }
    }
    Ok(Doubt::RevokedSince)
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
