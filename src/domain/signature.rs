//! What the bus knows of the electronic signature (ЭЦП) on the document of an act.
//!
//! The edge verifies a signature before the act is decided and brings what it found as a value: the
//! core never sees a certificate. Nothing here names a person. The signer's certificate, which does,
//! stays within the signature and so within the act's body.

use jiff::Timestamp;

use super::party::Bin;

named! {
    /// In what capacity a person signs for an organisation, by the extended key usages of the
    /// National Certification Authority (НУЦ РК).
    KeyRole, "a role of a signer", {
        /// The head of the organisation (1.2.398.3.3.4.1.2.1).
        Head = 1 "head",
        /// Whoever may sign for it (1.2.398.3.3.4.1.2.2).
        Signatory = 2 "signatory",
        /// An employee (1.2.398.3.3.4.1.2.5).
        Employee = 3 "employee",
    }
}

named! {
    /// How the document was digested.
    DigestAlgorithm, "a digest algorithm", {
        /// SHA-256 (FIPS 180-4).
        Sha256 = 1 "sha-256",
        /// SHA-384.
        Sha384 = 2 "sha-384",
        /// SHA-512.
        Sha512 = 3 "sha-512",
        /// GOST R 34.11-2015 with 256 bits, which is Streebog (RFC 6986).
        Gost256 = 4 "gost-256",
        /// GOST R 34.11-2015 with 512 bits.
        Gost512 = 5 "gost-512",
    }
}

named! {
    /// How the digest was signed.
    SignatureScheme, "a signature scheme", {
        /// RSASSA-PKCS1-v1_5 with a key of 2048 bits or more.
        RsaPkcs1 = 1 "rsa-pkcs1",
        /// RSASSA-PSS with such a key, its salt as long as the digest.
        RsaPss = 2 "rsa-pss",
        /// ECDSA on P-256.
        EcdsaP256 = 3 "ecdsa-p256",
        /// ECDSA on P-384.
        EcdsaP384 = 4 "ecdsa-p384",
        /// GOST R 34.10-2015 with 256 bits (1.2.398.3.10.1.1.2.3.1).
        Gost256 = 5 "gost-256",
        /// GOST R 34.10-2015 with 512 bits (1.2.398.3.10.1.1.2.3.2).
        Gost512 = 6 "gost-512",
    }
}

named! {
    /// Who proved the signature.
    ProvenBy, "a prover of signatures", {
        /// Nobody: it could not be proven.
        Nobody = 1 "nobody",
        /// The bus itself.
        Bus = 2 "bus",
        /// The verifier beside it, for signature, chain and revocation; document, digest and time
        /// were bound by the bus.
        Sidecar = 3 "sidecar",
    }
}

named! {
    /// Where it was asked whether the certificates are revoked.
    RevocationSource, "a source of revocations", {
        /// A certificate revocation list (RFC 5280 §5).
        Crl = 1 "crl",
        /// The answer of the verifier beside the bus.
        Sidecar = 2 "sidecar",
        /// The answer of a responder (OCSP, RFC 6960).
        Ocsp = 3 "ocsp",
    }
}

named! {
    /// Why a signature could be neither proven nor refuted.
    Doubt, "a doubt about a signature", {
        /// The configuration names no authorities.
        NoAuthorities = 1 "no-authorities",
        /// No revocation list is at hand for a certificate of the chain.
        RevocationUnknown = 2 "revocation-unknown",
        /// The newest revocation list at hand has run out.
        RevocationStale = 3 "revocation-stale",
        /// A certificate was revoked after the time that the signature states for itself, and no
        /// time-stamp proves that time (ETSI EN 319 102-1, REVOKED_NO_POE).
        RevokedSince = 4 "revoked-since-signing",
        /// A certificate ended after that time, before the signature reached the bus
        /// (OUT_OF_BOUNDS_NO_POE).
        ExpiredSince = 5 "expired-since-signing",
        /// It is a GOST signature, and no verifier is configured.
        NoVerifier = 6 "gost-without-verifier",
        /// The verifier could not be reached, or did not answer in time.
        VerifierSilent = 7 "verifier-silent",
        /// The verifier answered with something that is no verdict.
        VerifierUnreadable = 8 "verifier-unreadable",
        /// The verifier answered for another certificate than the signer's.
        VerifierContradicts = 9 "verifier-contradicts",
        /// The evidence could not be written to the disk.
        EvidenceNotKept = 10 "evidence-not-kept",
    }
}

impl Doubt {
    /// What it is, for people, with the remedy.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoAuthorities => {
                "no certification authorities are configured; the operator sets signatures.anchors_file"
            }
            Self::RevocationUnknown => {
                "no revocation list is at hand for a certificate of the chain; repeat later, or have the operator fetch it"
            }
            Self::RevocationStale => {
                "the newest revocation list at hand has run out; repeat later, or have the operator fetch the next"
            }
            Self::RevokedSince => {
                "a certificate was revoked after the stated signing time; sign again with a certificate in force"
            }
            Self::ExpiredSince => {
                "a certificate ended between the stated signing time and now; sign again with a certificate in force"
            }
            Self::NoVerifier => {
                "GOST signatures need a verifier, and none is configured; sign with RSA or ECDSA, or have the operator set one up"
            }
            Self::VerifierSilent => {
                "the verifier of GOST signatures did not answer in time; repeat later"
            }
            Self::VerifierUnreadable => {
                "the verifier of GOST signatures gave no readable verdict; repeat later, or tell the operator"
            }
            Self::VerifierContradicts => {
                "the verifier of GOST signatures answered for another certificate; tell the operator"
            }
            Self::EvidenceNotKept => {
                "the evidence of the verdict could not be kept; repeat later, or tell the operator"
            }
        }
    }
}

named! {
    /// Why a signature is none. Each is final: the same bytes never become valid.
    Flaw, "a flaw of a signature", {
        /// The document or the signature is larger than is taken.
        TooLarge = 1 "too-large",
        /// Somewhere in it a length is indefinite, which BER allows and DER does not.
        IndefiniteLength = 2 "indefinite-length",
        /// The bytes are no CMS SignedData in DER.
        Malformed = 3 "malformed",
        /// The document is within the signature.
        NotDetached = 4 "not-detached",
        /// Nobody signed.
        NoSigner = 5 "no-signer",
        /// More than one signed.
        SeveralSigners = 6 "several-signers",
        /// The signer's certificate is not in it.
        NoCertificate = 7 "no-certificate",
        /// There are no signed attributes, or one of content type and digest is missing.
        AttributeMissing = 8 "attribute-missing",
        /// A signed attribute stands twice, or has several values.
        AttributeRepeated = 9 "attribute-repeated",
        /// The signed content type is not that of the document.
        ContentTypeDiffers = 10 "content-type-differs",
        /// The signature states no time.
        NoSigningTime = 11 "no-signing-time",
        /// SHA-1, or another digest that is no longer taken.
        WeakDigest = 12 "weak-digest",
        /// An algorithm that this bus does not know, or that is not configured.
        Algorithm = 13 "algorithm",
        /// An RSA key of less than 2048 bits.
        WeakKey = 14 "weak-key",
        /// It is a signature over another document.
        OtherDocument = 15 "other-document",
        /// The signer's key did not make it.
        Forged = 16 "forged",
        /// The time it states lies ahead.
        InTheFuture = 17 "signed-in-the-future",
        /// The time it states lies before the step in the case was open.
        BeforeTheTerm = 18 "signed-before-the-term",
        /// No configured authority stands behind the signer's certificate.
        UnknownAuthority = 19 "unknown-authority",
        /// A certificate of the chain breaks the rules of RFC 5280.
        Chain = 20 "chain",
        /// The certificate was not in force yet when it signed.
        NotYetValid = 21 "not-yet-valid-at-signing",
        /// The certificate had ended when it signed.
        Expired = 22 "expired-at-signing",
        /// The certificate was revoked when it signed.
        Revoked = 23 "revoked-at-signing",
        /// The certificate is not for signing documents (key usage contentCommitment).
        NotForSigning = 24 "not-for-signing",
        /// The signer has none of the roles that the act asks for.
        WrongRole = 25 "wrong-role",
        /// The signer's organisation is not the party that acts.
        OtherOrganisation = 26 "other-organisation",
        /// The verifier of GOST signatures finds it invalid.
        RefusedByVerifier = 27 "refused-by-verifier",
    }
}

impl Flaw {
    /// What it is, for people, with the remedy.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooLarge => "the document or its signature is too large; shorten it",
            Self::IndefiniteLength => {
                "the signature is encoded with indefinite lengths (BER); have it written in DER"
            }
            Self::Malformed => {
                "the signature is no CMS SignedData in DER (RFC 5652); export it anew"
            }
            Self::NotDetached => "the document is within the signature; make it a detached one",
            Self::NoSigner => "nobody signed; sign the document",
            Self::SeveralSigners => "several signed; send the one signature that counts",
            Self::NoCertificate => {
                "the signer's certificate is not in the signature; include it when signing"
            }
            Self::AttributeMissing => {
                "the signature lacks the signed attributes contentType and messageDigest (RFC 5652 §11); sign with attributes"
            }
            Self::AttributeRepeated => {
                "a signed attribute stands twice or has several values (RFC 5652 §11); sign anew"
            }
            Self::ContentTypeDiffers => {
                "the content type in the signature is not id-data; sign the bytes of the document themselves"
            }
            Self::NoSigningTime => {
                "the signature states no signing time (RFC 5652 §11.3); sign with that attribute"
            }
            Self::WeakDigest => "the digest is SHA-1 or weaker; sign with SHA-256 or stronger",
            Self::Algorithm => {
                "the algorithm is not one that the bus is configured to take; see the documentation of SignedDocument"
            }
            Self::WeakKey => "the RSA key has less than 2048 bits; sign with a longer one",
            Self::OtherDocument => {
                "it is a signature over other bytes; send the exact document that was signed"
            }
            Self::Forged => "the signature does not fit the signer's certificate; sign anew",
            Self::InTheFuture => "the signing time lies ahead; check the signer's clock",
            Self::BeforeTheTerm => {
                "it was signed before this step of the case was open; sign the document of this step"
            }
            Self::UnknownAuthority => {
                "no configured authority stands behind the signer's certificate; use one of the National Certification Authority"
            }
            Self::Chain => {
                "a certificate between the signer and the authority breaks the rules of RFC 5280; have it issued anew"
            }
            Self::NotYetValid => {
                "the certificate was not in force yet at the signing time; sign anew"
            }
            Self::Expired => "the certificate had ended when it signed; sign with one in force",
            Self::Revoked => "the certificate was revoked when it signed; use one in force",
            Self::NotForSigning => {
                "the certificate is not for signing documents; use the signing key, not the one for logging in"
            }
            Self::WrongRole => {
                "the signer's certificate does not name a role that this act asks for; have it signed by who may"
            }
            Self::OtherOrganisation => {
                "the signer's certificate belongs to another organisation than the party that acts"
            }
            Self::RefusedByVerifier => {
                "the verifier of GOST signatures finds the signature, or its authority, not valid; sign anew"
            }
        }
    }
}

/// What was found of a signature. Which of its facts are proven depends on who proved it: in a
/// verdict with a doubt, those are what signature and certificate state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureVerdict {
    /// Why it is undetermined; none when it is valid.
    pub doubt: Option<Doubt>,
    /// Who proved it.
    pub proven_by: ProvenBy,
    /// SHA-256 of the document's exact bytes.
    pub document: [u8; 32],
    /// SHA-256 of the signer's certificate in DER. The certificate itself is in the signature.
    pub certificate: [u8; 32],
    /// The signer's roles, in the order of the list.
    pub roles: Vec<KeyRole>,
    /// The organisation for which the certificate was issued, if it names one.
    pub organisation: Option<Bin>,
    /// When it was signed, as the signature states.
    pub signed_at: Timestamp,
    /// How the document was digested.
    pub digest: DigestAlgorithm,
    /// How the digest was signed.
    pub scheme: SignatureScheme,
    /// When the bus judged it, by its own clock.
    pub checked_at: Timestamp,
    /// The certificates above the signer's by SHA-256, the authority's last. The bus keeps them.
    pub chain: Vec<[u8; 32]>,
    /// What was asked about revocation.
    pub revocation: Vec<RevocationEvidence>,
}

/// What was asked about revocation, and how fresh it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationEvidence {
    /// Of what kind.
    pub source: RevocationSource,
    /// SHA-256 of its bytes. The bus keeps a list and the answer of a responder; an answer of a
    /// verifier, which names the signer, it does not.
    pub sha256: [u8; 32],
    /// When it was issued.
    pub this_update: Timestamp,
    /// Until when the next is issued, if it says so.
    pub next_update: Option<Timestamp>,
}

/// What the edge found of the signature that goes with an act.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Signature {
    /// None is there, or none is looked at.
    #[default]
    Absent,
    /// It was judged, and policy admits what was found.
    Judged(Box<SignatureVerdict>),
    /// Policy does not admit the act so.
    Refused(SignatureRefusal),
}

/// Why policy does not admit an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefusal {
    /// The act needs a signed document and has none.
    #[error("the act needs a signed document; send it in signed_document")]
    Required,
    /// The signature is none.
    #[error("{}: {}", .0.name(), .0.words())]
    Invalid(Flaw),
    /// It could not be determined, and policy does not take that for this act.
    #[error("{}: {}", .0.name(), .0.words())]
    Undetermined(Doubt),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_and_doubt_has_a_name_and_a_number_of_its_own_and_words() {
        for flaw in Flaw::ALL {
            assert_eq!(Flaw::from_tag(flaw.tag()), Some(*flaw));
            assert_eq!(flaw.name().parse(), Ok(*flaw));
            assert!(flaw.words().len() > 20);
        }
        for doubt in Doubt::ALL {
            assert_eq!(Doubt::from_tag(doubt.tag()), Some(*doubt));
            assert_eq!(doubt.name().parse(), Ok(*doubt));
        }
    }
}
