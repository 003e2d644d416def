//! What was found of a signature. Its certificate and its document stand in the body alone.

use crate::domain::signature::{
    DigestAlgorithm, Doubt, KeyRole, ProvenBy, RevocationEvidence, RevocationSource,
    SignatureScheme, SignatureVerdict,
};

use super::RecordError;
use super::fields::read_or_none;
use super::wire::{Reader, Writer};

/// Certificates above a signer's.
pub(super) const MAX_CHAIN: usize = 16;
/// Sources asked about revocation.
pub(super) const MAX_SOURCES: usize = 64;

pub(super) fn write_verdict(
    out: &mut Writer<'_>,
    verdict: Option<&SignatureVerdict>,
) -> Result<(), RecordError> {
    out.flag(verdict.is_some());
    let Some(verdict) = verdict else { return Ok(()) };
    let SignatureVerdict {
        doubt,
        proven_by,
        document,
        certificate,
        roles,
        organisation,
        signed_at,
        digest,
        scheme,
        checked_at,
        chain,
        revocation,
    } = verdict;
    out.byte(doubt.map_or(0, Doubt::tag));
    out.byte(proven_by.tag());
    out.bytes(document);
    out.bytes(certificate);
    out.count("signature.roles", roles.len(), KeyRole::ALL.len())?;
    roles.iter().for_each(|role| out.byte(role.tag()));
    out.flag(organisation.is_some());
    if let Some(bin) = organisation {
        out.text("signature.organisation", &bin.to_string())?;
    }
    out.time("signature.signed_at", *signed_at)?;
    out.byte(digest.tag());
    out.byte(scheme.tag());
    out.time("signature.checked_at", *checked_at)?;
    out.count("signature.chain", chain.len(), MAX_CHAIN)?;
    chain.iter().for_each(|hash| out.bytes(hash));
    out.count("signature.revocation", revocation.len(), MAX_SOURCES)?;
    revocation.iter().try_for_each(|evidence| write_evidence(out, evidence))
}

fn write_evidence(out: &mut Writer<'_>, evidence: &RevocationEvidence) -> Result<(), RecordError> {
    let RevocationEvidence { source, sha256, this_update, next_update } = evidence;
    out.byte(source.tag());
    out.bytes(sha256);
    out.time("signature.this_update", *this_update)?;
    out.flag(next_update.is_some());
    match next_update {
        Some(next_update) => out.time("signature.next_update", *next_update),
        None => Ok(()),
    }
}

pub(super) fn read_verdict(
    from: &mut Reader<'_>,
) -> Result<Option<Box<SignatureVerdict>>, RecordError> {
    from.option("signature", |from| {
        Ok(Box::new(SignatureVerdict {
            doubt: read_or_none(from, "signature.doubt", Doubt::from_tag)?,
            proven_by: from.tag("signature.proven_by", ProvenBy::from_tag)?,
            document: from.array("signature.document")?,
            certificate: from.array("signature.certificate")?,
            roles: from.list("signature.roles", KeyRole::ALL.len(), |from| {
                from.tag("signature.role", KeyRole::from_tag)
            })?,
            organisation: from
                .option("signature.organisation", |from| from.text("signature.organisation"))?,
            signed_at: from.time("signature.signed_at")?,
            digest: from.tag("signature.digest", DigestAlgorithm::from_tag)?,
            scheme: from.tag("signature.scheme", SignatureScheme::from_tag)?,
            checked_at: from.time("signature.checked_at")?,
            chain: from.list("signature.chain", MAX_CHAIN, |from| from.array("signature.chain"))?,
            revocation: from.list("signature.revocation", MAX_SOURCES, read_evidence)?,
        }))
    })
}

fn read_evidence(from: &mut Reader<'_>) -> Result<RevocationEvidence, RecordError> {
    Ok(RevocationEvidence {
        source: from.tag("signature.source", RevocationSource::from_tag)?,
        sha256: from.array("signature.evidence")?,
        this_update: from.time("signature.this_update")?,
        next_update: from
            .option("signature.next_update", |from| from.time("signature.next_update"))?,
    })
}
