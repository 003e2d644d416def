//! What a signer's certificate says: in what role, for which organisation, from when to when.
//!
//! It says whose it is, too. That is not read: the bus keeps the certificate within the signature
//! and nowhere else.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::algorithm::sha256;
use super::cms::SignerId;
use crate::domain::party::Bin;
use crate::domain::signature::{Flaw, KeyRole};

/// The extended key usages of НУЦ РК for those who sign for an organisation, as they are written.
const ROLES: [(&str, KeyRole); 3] = [
    ("1.2.398.3.3.4.1.2.1", KeyRole::Head),
    ("1.2.398.3.3.4.1.2.2", KeyRole::Signatory),
    ("1.2.398.3.3.4.1.2.5", KeyRole::Employee),
];

/// The shortest RSA key that is taken, in bits.
const MIN_RSA_BITS: usize = 2048;

/// A signer's certificate.
#[derive(Debug)]
pub(super) struct SignerCertificate<'a> {
    pub(super) der: CertificateDer<'a>,
    pub(super) sha256: [u8; 32],
    pub(super) roles: Vec<KeyRole>,
    pub(super) organisation: Option<Bin>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The bytes of its serial number.
    pub(super) serial: Vec<u8>,
    /// Its authority's signature on it, which is its own alone.
    pub(super) signature: Vec<u8>,
    /// It is for signing documents (RFC 5280 §4.2.1.3, contentCommitment), and no authority's.
    pub(super) may_sign: bool,
}

/// Finds the signer's certificate among those that came with the signature.
///
/// # Errors
/// [`Flaw::NoCertificate`], [`Flaw::WeakKey`], or [`Flaw::Chain`] for one that cannot be read.
pub(super) fn find<'a>(
    certificates: &[&'a [u8]],
    sid: &SignerId<'_>,
) -> Result<SignerCertificate<'a>, Flaw> {
    for der in certificates {
        let Ok(([], parsed)) = X509Certificate::from_der(der) else { continue };
        if is_named(&parsed, sid) {
            return read(der, &parsed);
        }
    }
    Err(Flaw::NoCertificate)
}

/// Until when a certificate holds; none for bytes that are none.
pub(super) fn ends(der: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    time(parsed.validity().not_after.timestamp()).ok()
}

/// Whether a certificate is the one that is named so.
pub(super) fn is_by(der: &[u8], sid: &SignerId<'_>) -> Result<bool, Flaw> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Flaw::Chain)?;
    Ok(is_named(&parsed, sid))
}

fn is_named(parsed: &X509Certificate<'_>, sid: &SignerId<'_>) -> bool {
    match sid {
        SignerId::IssuerAndSerial { issuer, serial } => {
            parsed.issuer().as_raw() == *issuer && parsed.raw_serial() == *serial
        }
        SignerId::SubjectKey(wanted) => {
            let mut extensions = parsed.iter_extensions().map(|each| each.parsed_extension());
            extensions.any(|each| {
                use x509_parser::extensions::ParsedExtension;
                matches!(each, ParsedExtension::SubjectKeyIdentifier(id) if id.0 == *wanted)
            })
        }
    }
}

fn read<'a>(der: &'a [u8], parsed: &X509Certificate<'_>) -> Result<SignerCertificate<'a>, Flaw> {
    // An error is an extension that cannot be read, or stands twice.
    let usage = parsed.key_usage().map_err(|_| Flaw::Chain)?;
    let is_authority = parsed.basic_constraints().map_err(|_| Flaw::Chain)?;
    let is_authority = is_authority.is_some_and(|constraints| constraints.value.ca);
    let purposes = parsed.extended_key_usage().map_err(|_| Flaw::Chain)?;
    let purposes: Vec<_> = purposes.iter().flat_map(|each| &each.value.other).collect();
    if let Ok(PublicKey::RSA(key)) = parsed.public_key().parsed()
        && key.key_size() < MIN_RSA_BITS
    {
        return Err(Flaw::WeakKey);
    }
    let validity = parsed.validity();
    Ok(SignerCertificate {
        der: CertificateDer::from(der),
        sha256: sha256(der),
        roles: roles(&purposes),
        organisation: organisation(parsed),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
        serial: parsed.raw_serial().to_vec(),
        signature: parsed.signature_value.data.to_vec(),
        may_sign: !is_authority && usage.is_some_and(|usage| usage.value.non_repudiation()),
    })
}

fn roles(purposes: &[&Oid<'_>]) -> Vec<KeyRole> {
    let is_among = |text: &str| purposes.iter().any(|oid| oid.to_id_string() == text);
    ROLES.into_iter().filter(|(oid, _)| is_among(oid)).map(|(_, role)| role).collect()
}

/// The BIN of the subject's organisational unit (`OU=BIN…`); none where it has none, or several.
fn organisation(parsed: &X509Certificate<'_>) -> Option<Bin> {
    let units = parsed.subject().iter_organizational_unit();
    let bins = units.filter_map(|unit| unit.as_str().ok()?.strip_prefix("BIN")?.parse().ok());
    let bins: Vec<Bin> = bins.collect();
    match &bins[..] {
        [bin] => Some(*bin),
        _ => None,
    }
}

fn time(seconds: i64) -> Result<Timestamp, Flaw> {
    Timestamp::from_second(seconds).map_err(|_| Flaw::Chain)
}
