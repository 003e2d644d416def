//! What may be found of a signature.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::parts::{any_time, one_of};
use crate::domain::signature::{
    DigestAlgorithm, Doubt, KeyRole, ProvenBy, RevocationEvidence, RevocationSource,
    SignatureScheme, SignatureVerdict,
};
use crate::records::signature::MAX_CHAIN;

fn any_evidence() -> impl Strategy<Value = RevocationEvidence> {
    let when = (any_time(), option::of(any_time()));
    (one_of(RevocationSource::ALL), any::<[u8; 32]>(), when).prop_map(
        |(source, sha256, (this_update, next_update))| RevocationEvidence {
            source,
            sha256,
            this_update,
            next_update,
        },
    )
}

pub(super) fn any_signature() -> impl Strategy<Value = SignatureVerdict> {
    let found = (option::of(one_of(Doubt::ALL)), one_of(ProvenBy::ALL));
    let bin = option::of(Just("990140000007").prop_map(|bin| bin.parse().unwrap()));
    let who = (vec(one_of(KeyRole::ALL), 0..=KeyRole::ALL.len()), bin);
    let hashes = (any::<[u8; 32]>(), any::<[u8; 32]>(), vec(any::<[u8; 32]>(), 0..=MAX_CHAIN));
    let how = (one_of(DigestAlgorithm::ALL), one_of(SignatureScheme::ALL));
    let when = (any_time(), any_time(), vec(any_evidence(), 0..4));
    (found, who, hashes, how, when).prop_map(|(found, who, hashes, how, when)| {
        let (document, certificate, chain) = hashes;
        let (signed_at, checked_at, revocation) = when;
        SignatureVerdict {
            doubt: found.0,
            proven_by: found.1,
            document,
            certificate,
            roles: who.0,
            organisation: who.1,
            signed_at,
            digest: how.0,
            scheme: how.1,
            checked_at,
            chain,
            revocation,
        }
    })
}
