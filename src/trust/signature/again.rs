//! A verdict found again: by whoever holds the document, its signature and what the verdict rests
//! on, years later and without the bus.
//!
//! It judges as of the time at which the bus did, with the lists and authorities that the record
//! names by their hashes, so that nothing which came later counts for or against it.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::authorities::{Authorities, Crl, Crls};
use super::evidence::Kind;
use super::{Signed, Wanted, sha256, verify};
use crate::domain::signature::{Doubt, Flaw, ProvenBy, SignatureVerdict};

/// How much of a verdict was found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// All of it: signature, chain and revocation.
    Verdict,
    /// That the certificate's key made the signature over the document. Whose certificate it is
    /// rests on nothing that was kept.
    Signature,
    /// That the signature names the document and states what was recorded of it. It is a GOST
    /// signature, which needs a verifier.
    Statement,
}

/// Why a verdict is not found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAgain {
    /// Another document.
    #[error("the document is not the one that the record names by its hash")]
    Document,
    /// The signature is none.
    #[error("the signature is none: {}: {}", .0.name(), .0.words())]
    Flaw(Flaw),
    /// Evidence is missing, or is not what the record names.
    #[error("what the verdict rests on is not there, or not what the record names by its hash")]
    Evidence(Kind, [u8; 32]),
    /// The verdict is another one.
    #[error("the signature leads to another verdict than the one that was recorded")]
    Verdict,
}

/// Evidence of a kind by its hash; none where it is not at hand.
pub type Kept<'a> = &'a dyn Fn(Kind, &[u8; 32]) -> Option<Vec<u8>>;

/// Finds a recorded verdict again. The role and the organisation that the act asked for were the
/// bus's to judge, and are not looked at.
///
/// # Errors
/// [`NotAgain`].
pub fn again(
    signed: Signed<'_>,
    recorded: &SignatureVerdict,
    kept: Kept<'_>,
) -> Result<Again, NotAgain> {
    if sha256(signed.content) != recorded.document {
        return Err(NotAgain::Document);
    }
    let is_kept = recorded.doubt != Some(Doubt::EvidenceNotKept) && !recorded.chain.is_empty();
    let by_bus = match recorded.proven_by {
        ProvenBy::Bus => true,
        ProvenBy::Nobody | ProvenBy::Sidecar => false,
    };
    let (authorities, lists) = match by_bus && is_kept {
        true => (authorities(recorded, kept)?, lists(recorded, kept)?),
        false => Default::default(),
    };
    let judged = verify(signed, &Wanted::default(), &authorities, &lists, recorded.checked_at);
    let found = judged.map_err(NotAgain::Flaw)?.verdict;
    let (again, is_it) = match (by_bus, is_kept) {
        (true, true) => (Again::Verdict, in_order(&found) == in_order(recorded)),
        (true, false) => (Again::Signature, states(&found) == states(recorded)),
        (false, _) => (Again::Statement, states(&found) == states(recorded)),
    };
    if is_it { Ok(again) } else { Err(NotAgain::Verdict) }
}

/// What signature and certificate state themselves.
fn states(found: &SignatureVerdict) -> SignatureVerdict {
    SignatureVerdict {
        doubt: None,
        proven_by: ProvenBy::Nobody,
        chain: Vec::new(),
        revocation: Vec::new(),
        ..found.clone()
    }
}

fn authorities(recorded: &SignatureVerdict, kept: Kept<'_>) -> Result<Authorities, NotAgain> {
    let mut chain = recorded
        .chain
        .iter()
        .map(|hash| named(Kind::Certificate, hash, kept).map(CertificateDer::from))
        .collect::<Result<Vec<_>, _>>()?;
    let root = chain.pop();
    Ok(Authorities::new(root.into_iter().collect(), chain))
}

fn lists(recorded: &SignatureVerdict, kept: Kept<'_>) -> Result<Crls, NotAgain> {
    let (mut lists, mut answers) = (Vec::new(), Vec::<Arc<[u8]>>::new());
    for of in &recorded.revocation {
        let Some(kind) = Kind::of(of.source) else { continue };
        let der = named(kind, &of.sha256, kept)?;
        match kind {
            Kind::Answer => answers.push(der.into()),
            Kind::List | Kind::Certificate => {
                let list = Crl::parse(&der).ok_or(NotAgain::Evidence(kind, of.sha256))?;
                lists.push(list);
            }
        }
    }
    Ok(Crls::new(lists).with_answers(answers).and_nothing_else())
}

/// A verdict with what was asked in one order, which another build may have asked in another.
fn in_order(found: &SignatureVerdict) -> SignatureVerdict {
    let mut found = found.clone();
    found.revocation.sort_by_key(|of| of.sha256);
    found
}

/// Evidence that is what its name says.
fn named(kind: Kind, hash: &[u8; 32], kept: Kept<'_>) -> Result<Vec<u8>, NotAgain> {
    let bytes = kept(kind, hash).filter(|bytes| sha256(bytes) == *hash);
    bytes.ok_or(NotAgain::Evidence(kind, *hash))
}
