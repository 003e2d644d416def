//! What a time-stamp authority is asked (RFC 3161 §2.4.1).

use der::asn1::ObjectIdentifier;

use super::super::tlv;
use super::{SHA_256, sha256};

/// A question: for a token over the SHA-256 of some bytes, with the authority's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    imprint: [u8; 32],
    policy: Option<ObjectIdentifier>,
    nonce: Nonce,
}

/// A random number by which the answer to this very question is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// A nonce of 64 bits.
    #[must_use]
    pub fn new(random: u64) -> Self {
        let bytes = random.to_be_bytes();
        let mut integer: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        // An INTEGER whose first bit is set would be negative.
        if integer.first().is_none_or(|first| *first >= 0x80) {
            integer.insert(0, 0);
        }
        Self(integer)
    }

    /// The bytes of its INTEGER.
    pub(super) fn as_integer(&self) -> &[u8] {
        &self.0
    }
}

impl Question {
    /// Asks for these bytes, under one policy of the authority or whichever it has.
    #[must_use]
    pub fn new(content: &[u8], policy: Option<ObjectIdentifier>, nonce: Nonce) -> Self {
        Self { imprint: sha256(content), policy, nonce }
    }

    /// The policy that is asked for.
    #[must_use]
    pub fn policy(&self) -> Option<ObjectIdentifier> {
        self.policy
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The TimeStampReq in DER.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let oid = |oid: &ObjectIdentifier| tlv(0x06, oid.as_bytes());
        let sequence = |parts: &[Vec<u8>]| tlv(0x30, &parts.concat());
        let null = vec![0x05, 0x00];
        let imprint = sequence(&[sequence(&[oid(&SHA_256), null]), tlv(0x04, &self.imprint)]);
        sequence(&[
            tlv(0x02, &[1]),
            imprint,
            self.policy.iter().flat_map(oid).collect(),
            tlv(0x02, &self.nonce.0),
            // The certificate is to be in the token.
            vec![0x01, 0x01, 0xff],
        ])
    }
}
