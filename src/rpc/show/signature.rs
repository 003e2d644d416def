//! What was found of a signature.

use bytes::Bytes;

use super::{digest, in_contract, time};
use crate::domain::Sequence;
use crate::domain::signature::{
    Doubt, KeyRole, ProvenBy, RevocationEvidence, RevocationSource, SignatureVerdict,
};
use crate::rpc::proto::types::v1 as types;

/// A verdict, with the act whose document was signed.
pub fn verdict(sequence: Sequence, found: &SignatureVerdict) -> types::SignatureVerdict {
    let SignatureVerdict {
        doubt,
        proven_by,
        document,
        certificate,
        roles,
        organisation,
        signed_at,
        digest: digested,
        scheme,
        checked_at,
        chain,
        revocation,
    } = found;
    let standing = match doubt {
        None => types::SignatureStanding::Valid,
        Some(_) => types::SignatureStanding::Undetermined,
    };
    types::SignatureVerdict {
        sequence: sequence.0,
        standing: standing.into(),
        doubt: doubt.map(self::doubt).unwrap_or_default().into(),
        proven_by: prover(*proven_by).into(),
        document_sha256: digest(document),
        certificate_sha256: digest(certificate),
        roles: roles.iter().map(|each| role(*each).into()).collect(),
        organisation_bin: organisation.map(|bin| bin.to_string()).unwrap_or_default(),
        signed_time: Some(time(*signed_at)),
        digest_algorithm: digested.name().to_owned(),
        signature_algorithm: scheme.name().to_owned(),
        checked_time: Some(time(*checked_at)),
        chain_sha256: chain.iter().map(|hash| Bytes::copy_from_slice(hash)).collect(),
        revocation: revocation.iter().map(evidence).collect(),
    }
}

fn evidence(of: &RevocationEvidence) -> types::RevocationEvidence {
    let RevocationEvidence { source, sha256, this_update, next_update } = of;
    types::RevocationEvidence {
        source: self::source(*source).into(),
        sha256: digest(sha256),
        this_update_time: Some(time(*this_update)),
        next_update_time: next_update.map(time),
    }
}

fn doubt(doubt: Doubt) -> types::SignatureDoubt {
    let name = in_contract("SIGNATURE_DOUBT", doubt.name());
    types::SignatureDoubt::from_str_name(&name).unwrap_or_default()
}

fn prover(prover: ProvenBy) -> types::SignatureProver {
    let name = in_contract("SIGNATURE_PROVER", prover.name());
    types::SignatureProver::from_str_name(&name).unwrap_or_default()
}

fn role(role: KeyRole) -> types::SignerRole {
    let name = in_contract("SIGNER_ROLE", role.name());
    types::SignerRole::from_str_name(&name).unwrap_or_default()
}

fn source(source: RevocationSource) -> types::RevocationSource {
    let name = in_contract("REVOCATION_SOURCE", source.name());
    types::RevocationSource::from_str_name(&name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_core_is_a_name_of_the_contract() {
        for each in Doubt::ALL {
            assert_ne!(doubt(*each), types::SignatureDoubt::Unspecified, "{each}");
        }
        for each in ProvenBy::ALL {
            assert_ne!(prover(*each), types::SignatureProver::Unspecified, "{each}");
        }
        for each in KeyRole::ALL {
            assert_ne!(role(*each), types::SignerRole::Unspecified, "{each}");
        }
        for each in RevocationSource::ALL {
            assert_ne!(source(*each), types::RevocationSource::Unspecified, "{each}");
        }
    }
}
