//! Which algorithms there are, and what they compute.

use aws_lc_rs::digest;
use der::asn1::ObjectIdentifier;
use rustls::pki_types::SignatureVerificationAlgorithm;
use streebog::{Digest as _, Streebog256, Streebog512};
use webpki::aws_lc_rs as known;

use super::cms::{Algorithm, Values};
use crate::domain::signature::{DigestAlgorithm, Flaw, SignatureScheme};

type Known = &'static dyn SignatureVerificationAlgorithm;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// The digests that are taken. GOST R 34.11-2015 has the identifiers of Kazakhstan.
const DIGESTS: [(ObjectIdentifier, DigestAlgorithm); 5] = [
    (oid("2.16.840.1.101.3.4.2.1"), DigestAlgorithm::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), DigestAlgorithm::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), DigestAlgorithm::Sha512),
    (oid("1.2.398.3.10.1.3.2"), DigestAlgorithm::Gost256),
    (oid("1.2.398.3.10.1.3.3"), DigestAlgorithm::Gost512),
];

/// Digests for which another document can be made, or nearly: MD5, SHA-1, GOST R 34.11-94 in the
/// forms of Russia and of Kazakhstan.
const WEAK_DIGESTS: [ObjectIdentifier; 4] = [
    oid("1.2.840.113549.2.5"),
    oid("1.3.14.3.2.26"),
    oid("1.2.643.2.2.9"),
    oid("1.2.398.3.10.1.3.1"),
];

/// Signature algorithms that name such a digest: RSA with MD5 and SHA-1, ECDSA with SHA-1.
const WEAK_SIGNATURES: [ObjectIdentifier; 3] =
    [oid("1.2.840.113549.1.1.4"), oid("1.2.840.113549.1.1.5"), oid("1.2.840.10045.4.1")];

/// RSA without a digest of its own: that of the signer's digest algorithm holds (RFC 3370 §3.2).
const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");

/// The signature algorithms that name their digest.
const NAMED: [(ObjectIdentifier, DigestAlgorithm, Family); 8] = [
    (oid("1.2.840.113549.1.1.11"), DigestAlgorithm::Sha256, Family::Rsa),
    (oid("1.2.840.113549.1.1.12"), DigestAlgorithm::Sha384, Family::Rsa),
    (oid("1.2.840.113549.1.1.13"), DigestAlgorithm::Sha512, Family::Rsa),
    (oid("1.2.840.10045.4.3.2"), DigestAlgorithm::Sha256, Family::Ecdsa),
    (oid("1.2.840.10045.4.3.3"), DigestAlgorithm::Sha384, Family::Ecdsa),
    (oid("1.2.840.10045.4.3.4"), DigestAlgorithm::Sha512, Family::Ecdsa),
    (oid("1.2.398.3.10.1.1.2.3.1"), DigestAlgorithm::Gost256, Family::Gost),
    (oid("1.2.398.3.10.1.1.2.3.2"), DigestAlgorithm::Gost512, Family::Gost),
];

/// Algorithms of one kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    RsaPss,
    Ecdsa,
    Gost,
}

/// How a document was signed.
pub(super) struct Method {
    /// How it was digested.
    pub(super) digest: DigestAlgorithm,
    /// By what the signature can be proven.
    pub(super) proof: Proof,
}

/// By what a signature can be proven.
pub(super) enum Proof {
    /// By one of these, as the key is.
    Here(Vec<(SignatureScheme, Known)>),
    /// By a verifier for GOST R 34.10-2015.
    Elsewhere(SignatureScheme),
}

impl Method {
    /// The method with those of its schemes alone that are taken; all are where none is named.
    ///
    /// # Errors
    /// [`Flaw::Algorithm`] if none is left.
    pub(super) fn among(self, schemes: &[SignatureScheme]) -> Result<Self, Flaw> {
        let taken = |scheme: &SignatureScheme| schemes.is_empty() || schemes.contains(scheme);
        let Self { digest, proof } = self;
        let proof = match proof {
            Proof::Here(mut candidates) => {
                candidates.retain(|(scheme, _)| taken(scheme));
                (!candidates.is_empty()).then_some(Proof::Here(candidates))
            }
            Proof::Elsewhere(scheme) => taken(&scheme).then_some(Proof::Elsewhere(scheme)),
        };
        proof.map(|proof| Self { digest, proof }).ok_or(Flaw::Algorithm)
    }
}

/// What digest and signature algorithm of a signer come to.
///
/// # Errors
/// [`Flaw::WeakDigest`], or [`Flaw::Algorithm`] for what is unknown, or does not fit together.
pub(super) fn method(digest: Algorithm<'_>, signature: Algorithm<'_>) -> Result<Method, Flaw> {
    if WEAK_DIGESTS.contains(&digest.oid) || WEAK_SIGNATURES.contains(&signature.oid) {
        return Err(Flaw::WeakDigest);
    }
    let found = digest_of(digest).ok_or(Flaw::Algorithm)?;
    let family = family(found, digest, signature)?;
    let proof = match family {
        Family::Rsa => Proof::Here(vec![(SignatureScheme::RsaPkcs1, rsa(found)?)]),
        Family::RsaPss => Proof::Here(vec![(SignatureScheme::RsaPss, rsa_pss(found)?)]),
        Family::Ecdsa => Proof::Here(ecdsa(found)?),
        Family::Gost if found == DigestAlgorithm::Gost256 => {
            Proof::Elsewhere(SignatureScheme::Gost256)
        }
        Family::Gost => Proof::Elsewhere(SignatureScheme::Gost512),
    };
    Ok(Method { digest: found, proof })
}

/// A digest that is taken; none for any other.
pub(super) fn digest_of(given: Algorithm<'_>) -> Option<DigestAlgorithm> {
    let mut known = DIGESTS.iter().filter(|_| given.parameters.is_none());
    known.find(|(oid, _)| *oid == given.oid).map(|(_, digest)| *digest)
}

fn family(
    found: DigestAlgorithm,
    digest: Algorithm<'_>,
    signature: Algorithm<'_>,
) -> Result<Family, Flaw> {
    let Algorithm { oid, parameters } = signature;
    if oid == RSA_PSS {
        check_pss(parameters.ok_or(Flaw::Algorithm)?, digest, length(found))?;
        return Ok(Family::RsaPss);
    }
    if parameters.is_some() {
        return Err(Flaw::Algorithm);
    }
    if oid == RSA {
        return Ok(Family::Rsa);
    }
    let named = NAMED.iter().find(|(each, ..)| *each == oid);
    let fits = named.filter(|(_, digest, _)| *digest == found);
    fits.map(|(.., family)| *family).ok_or(Flaw::Algorithm)
}

/// The parameters of PSS must name the digest of the signer three times over: as hash, in the mask
/// and by the length of the salt (RFC 4056 §3). What is left out means SHA-1.
fn check_pss(parameters: &[u8], digest: Algorithm<'_>, salt: usize) -> Result<(), Flaw> {
    let mut outer = Values::of(parameters);
    let mut from = outer.sequence()?;
    outer.finish()?;
    let mut hash = from.explicit(0).map_err(|_| Flaw::WeakDigest)?;
    let named = hash.algorithm()?;
    hash.finish()?;
    let mut mask = from.explicit(1).map_err(|_| Flaw::WeakDigest)?;
    let generator = mask.algorithm()?;
    mask.finish()?;
    let within = Values::of(generator.parameters.ok_or(Flaw::Algorithm)?).algorithm()?;
    let mut length = from.explicit(2).map_err(|_| Flaw::Algorithm)?;
    let length_fits = usize::from(length.small().map_err(|_| Flaw::Algorithm)?) == salt;
    length.finish()?;
    // The trailer has one value, which is its default and so is not written in DER.
    from.finish().map_err(|_| Flaw::Algorithm)?;
    if WEAK_DIGESTS.contains(&named.oid) || WEAK_DIGESTS.contains(&within.oid) {
        return Err(Flaw::WeakDigest);
    }
    let fits = named == digest && within == digest && generator.oid == MGF1 && length_fits;
    if fits { Ok(()) } else { Err(Flaw::Algorithm) }
}

fn rsa(digest: DigestAlgorithm) -> Result<Known, Flaw> {
    match digest {
        DigestAlgorithm::Sha256 => Ok(known::RSA_PKCS1_2048_8192_SHA256),
        DigestAlgorithm::Sha384 => Ok(known::RSA_PKCS1_2048_8192_SHA384),
        DigestAlgorithm::Sha512 => Ok(known::RSA_PKCS1_2048_8192_SHA512),
        DigestAlgorithm::Gost256 | DigestAlgorithm::Gost512 => Err(Flaw::Algorithm),
    }
}

fn rsa_pss(digest: DigestAlgorithm) -> Result<Known, Flaw> {
    match digest {
        DigestAlgorithm::Sha256 => Ok(known::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
        DigestAlgorithm::Sha384 => Ok(known::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
        DigestAlgorithm::Sha512 => Ok(known::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
        DigestAlgorithm::Gost256 | DigestAlgorithm::Gost512 => Err(Flaw::Algorithm),
    }
}

fn ecdsa(digest: DigestAlgorithm) -> Result<Vec<(SignatureScheme, Known)>, Flaw> {
    let (p256, p384) = match digest {
        DigestAlgorithm::Sha256 => (known::ECDSA_P256_SHA256, known::ECDSA_P384_SHA256),
        DigestAlgorithm::Sha384 => (known::ECDSA_P256_SHA384, known::ECDSA_P384_SHA384),
        DigestAlgorithm::Sha512 => (known::ECDSA_P256_SHA512, known::ECDSA_P384_SHA512),
        DigestAlgorithm::Gost256 | DigestAlgorithm::Gost512 => return Err(Flaw::Algorithm),
    };
    Ok(vec![(SignatureScheme::EcdsaP256, p256), (SignatureScheme::EcdsaP384, p384)])
}

/// By what certificates and revocation lists may be signed.
pub(super) fn of_authorities() -> [Known; 12] {
    [
        known::RSA_PKCS1_2048_8192_SHA256,
        known::RSA_PKCS1_2048_8192_SHA384,
        known::RSA_PKCS1_2048_8192_SHA512,
        known::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        known::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        known::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        known::ECDSA_P256_SHA256,
        known::ECDSA_P256_SHA384,
        known::ECDSA_P256_SHA512,
        known::ECDSA_P384_SHA256,
        known::ECDSA_P384_SHA384,
        known::ECDSA_P384_SHA512,
    ]
}

/// The digest of a document.
pub(super) fn digest(algorithm: DigestAlgorithm, content: &[u8]) -> Vec<u8> {
    let of = |algorithm| digest::digest(algorithm, content).as_ref().to_vec();
    match algorithm {
        DigestAlgorithm::Sha256 => of(&digest::SHA256),
        DigestAlgorithm::Sha384 => of(&digest::SHA384),
        DigestAlgorithm::Sha512 => of(&digest::SHA512),
        DigestAlgorithm::Gost256 => Streebog256::digest(content).to_vec(),
        DigestAlgorithm::Gost512 => Streebog512::digest(content).to_vec(),
    }
}

/// The length of a digest in bytes.
fn length(algorithm: DigestAlgorithm) -> usize {
    match algorithm {
        DigestAlgorithm::Sha256 | DigestAlgorithm::Gost256 => 32,
        DigestAlgorithm::Sha384 => 48,
        DigestAlgorithm::Sha512 | DigestAlgorithm::Gost512 => 64,
    }
}

/// SHA-256, by which evidence is named.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first example of RFC 6986 §10.1.
    #[test]
    fn gost_digests_are_those_of_the_standard() {
        let message: Vec<u8> = (0..63).map(|at| b'0' + (at % 10) as u8).collect();
        let mut expected = "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa\
                            00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48";
        assert_eq!(hex(&digest(DigestAlgorithm::Gost512, &message)), expected);
        expected = "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500";
        assert_eq!(hex(&digest(DigestAlgorithm::Gost256, &message)), expected);
    }

    #[test]
    fn digests_are_as_long_as_they_say() {
        for algorithm in DigestAlgorithm::ALL {
            assert_eq!(digest(*algorithm, b"document").len(), length(*algorithm));
        }
    }
}
