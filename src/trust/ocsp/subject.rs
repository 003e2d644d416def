//! The certificates that are asked about, and how a question is written.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::url::ResponderUrl;
use crate::trust::proof::{SignedParts, element};

/// Access method of a responder (RFC 5280 §4.2.2.1).
const ID_AD_OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// SHA-1 with NULL, as every responder knows it (RFC 5019 §2.1.1). It only names the issuer; what
/// proves an answer is the issuer's signature.
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
/// Certificates from a signer up to an authority.
const MAX_DEPTH: usize = 6;
/// Responders of one certificate that are tried.
const MAX_URLS: usize = 2;

/// A certificate that is asked about, by the authority that issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The issuer's name in DER.
    pub issuer: Vec<u8>,
    /// The issuer's key, a SubjectPublicKeyInfo in DER.
    pub issuer_key: Vec<u8>,
    /// The bytes of the serial number.
    pub serial: Vec<u8>,
    /// When the certificate ends, after which nobody asks.
    pub until: Timestamp,
    /// Whom the certificate names to be asked.
    pub urls: Vec<ResponderUrl>,
}

/// What tells subjects apart: a SHA-256 over issuer, its key, and serial number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The certificates of a chain that are asked about: the first one, whose signature the caller has
/// judged, and those between it and an authority. None where they lead to no authority, or the first
/// is one: nobody is called at an address that no authority vouches for.
#[must_use]
pub fn subjects(
    first: &CertificateDer<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
) -> Vec<Subject> {
    let parse = |der: &'_ CertificateDer<'_>| X509Certificate::from_der(der).is_ok();
    let beside: Vec<_> = beside.iter().filter(|der| parse(der)).take(4 * MAX_DEPTH).collect();
    let mut found = Vec::new();
    if climb(first, &beside, authorities, &mut found, MAX_DEPTH) { found } else { Vec::new() }
}

/// Finds the way up from a certificate, by the signatures.
fn climb(
    from: &CertificateDer<'_>,
    beside: &[&CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    found: &mut Vec<Subject>,
    depth: usize,
) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(from) else { return false };
    if authorities.contains(from) {
        return true;
    }
    let Some(parts) = SignedParts::of(from).filter(|_| depth > 0) else { return false };
    for (issuer, is_authority) in
        authorities.iter().map(|each| (each, true)).chain(beside.iter().map(|each| (*each, false)))
    {
        let Ok((_, above)) = X509Certificate::from_der(issuer) else { continue };
        let named = above.subject().as_raw() == parsed.issuer().as_raw();
        if issuer == from || !named || !parts.is_by(above.public_key().raw) {
            continue;
        }
        let Some(subject) = Subject::of(&parsed, &above) else { continue };
        found.push(subject);
        if is_authority || climb(issuer, beside, authorities, found, depth - 1) {
            return true;
        }
        found.pop();
    }
    false
}

impl Subject {
    /// A certificate with the one of its issuer.
    #[must_use]
    pub fn of(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Option<Self> {
        Some(Self {
            issuer: certificate.issuer().as_raw().to_vec(),
            issuer_key: issuer.public_key().raw.to_vec(),
            serial: certificate.raw_serial().to_vec(),
            until: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
            urls: urls(certificate),
        })
    }

    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> Key {
        let mut hashed = Context::new(&SHA256);
        for part in [&self.issuer, &self.issuer_key, &self.serial] {
            hashed.update(&part.len().to_be_bytes());
            hashed.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(hashed.finish().as_ref());
        Key(key)
    }

    /// The question, an OCSPRequest in DER (RFC 6960 §4.1.1), without a nonce: answers are made in
    /// advance by many responders, and their age is judged by their time.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let of = |bytes: &[u8]| tlv(0x04, digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
        let key = key_bytes(&self.issuer_key).unwrap_or_default();
        let id = [SHA1.to_vec(), of(&self.issuer), of(key), tlv(0x02, &self.serial)].concat();
        // Request, the list of them, the TBSRequest, the OCSPRequest.
        (0..5).fold(id, |within, _| tlv(0x30, &within))
    }
}

/// The bytes of a public key, as its hash is made of (RFC 6960 §4.1.1).
pub(super) fn key_bytes(key_info: &[u8]) -> Option<&[u8]> {
    let (_, inside, _) = element(key_info)?;
    let (_, _, rest) = element(inside)?;
    let (_, key, _) = element(rest)?;
    key.strip_prefix(&[0])
}

fn urls(certificate: &X509Certificate<'_>) -> Vec<ResponderUrl> {
    let mut found = Vec::new();
    for extension in certificate.iter_extensions() {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            continue;
        };
        let responders = access
            .accessdescs
            .iter()
            .filter(|each| each.access_method.to_id_string() == ID_AD_OCSP);
        for each in responders {
            if let GeneralName::URI(uri) = &each.access_location
                && let Ok(url) = uri.parse()
                && found.len() < MAX_URLS
            {
                found.push(url);
            }
        }
    }
    found
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(one) => out.extend([0x81, one]),
        Err(_) => {
            // A serial number and two hashes are far below 64 KiB.
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            out.extend([0x82, length[0], length[1]]);
        }
    }
    out.extend_from_slice(value);
    out
}
