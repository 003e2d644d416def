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
/// Signatures that are looked at to find the way up.
const MAX_CHECKS: usize = 16;
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
/// judged, and those between it and an authority. Empty where the first is an authority, and none
/// where they lead to none: nobody is called at an address that no authority vouches for.
///
/// Whoever wants to connect chooses what it shows. So what the search costs is bounded: by a
/// number of signatures, and by going through each certificate once.
#[must_use]
pub fn subjects(
    first: &CertificateDer<'_>,
    beside: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now: Timestamp,
) -> Option<Vec<Subject>> {
    if authorities.contains(first) {
        return Some(Vec::new());
    }
    let authorities = authorities.iter().filter_map(|der| Certificate::read(der)).collect();
    let beside = beside.iter().take(4 * MAX_DEPTH).filter_map(|der| Certificate::read(der));
    let beside = beside.filter(|each| each.may_issue(now)).collect();
    let mut climb = Climb { authorities, beside, found: Vec::new(), checks: MAX_CHECKS };
    climb.from(&Certificate::read(first)?).then_some(climb.found)
}

struct Certificate<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    fn read(der: &'a CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some(Self { der, parsed })
    }

    /// Whether it is one of an authority, in force (RFC 5280 §4.2.1.9 and §4.2.1.3). Of those that
    /// are configured nothing is asked, as for any trust anchor (§6.1.1).
    fn may_issue(&self, now: Timestamp) -> bool {
        let Ok(usage) = self.parsed.key_usage() else { return false };
        let validity = self.parsed.validity();
        let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        self.parsed.is_ca()
            && usage.is_none_or(|usage| usage.value.key_cert_sign())
            && (from..=to).contains(&now.as_second())
    }
}

/// The search for the way up, by the signatures.
struct Climb<'a> {
    authorities: Vec<Certificate<'a>>,
    /// Those that no path has gone through so far.
    beside: Vec<Certificate<'a>>,
    found: Vec<Subject>,
    /// Signatures that may still be looked at.
    checks: usize,
}

impl<'a> Climb<'a> {
    fn from(&mut self, below: &Certificate<'a>) -> bool {
        if self.found.len() == MAX_DEPTH {
            return false;
        }
        let (authorities, checks) = (&self.authorities, &mut self.checks);
        let authority = authorities.iter().find(|above| issued(above, below, checks));
        if let Some(subject) = authority.and_then(|above| subject(below, above)) {
            self.found.push(subject);
            return true;
        }
        while let Some(place) = {
            let (beside, checks) = (&self.beside, &mut self.checks);
            beside.iter().position(|above| issued(above, below, checks))
        } {
            // One that leads nowhere from here leads nowhere from elsewhere.
            let above = self.beside.swap_remove(place);
            let Some(subject) = subject(below, &above) else { continue };
            self.found.push(subject);
            if self.from(&above) {
                return true;
            }
            self.found.pop();
        }
        false
    }
}

fn subject(of: &Certificate<'_>, issuer: &Certificate<'_>) -> Option<Subject> {
    Subject::of(&of.parsed, &issuer.parsed)
}

/// Whether one certificate issued the other. None did once no signature may be looked at any more.
fn issued(above: &Certificate<'_>, below: &Certificate<'_>, checks: &mut usize) -> bool {
    let named = above.parsed.subject().as_raw() == below.parsed.issuer().as_raw();
    if above.der == below.der || !named || *checks == 0 {
        return false;
    }
    *checks -= 1;
    let key = above.parsed.public_key().raw;
    SignedParts::of(below.der).is_some_and(|parts| parts.is_by(key))
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
