//! The values of the index that are not cases; [`keys`](super::keys) lists them all.

use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::party::PartyId;

use super::Applied;

/// The value that says up to which record the index is applied.
pub(super) fn write_applied(applied: Applied) -> Vec<u8> {
    let Applied { sequence: Sequence(sequence), hash } = applied;
    [&sequence.to_le_bytes()[..], &hash].concat()
}

pub(super) fn read_applied(value: &[u8]) -> Option<Applied> {
    let (sequence, hash) = value.split_first_chunk()?;
    let hash = hash.try_into().ok()?;
    Some(Applied { sequence: Sequence(u64::from_le_bytes(*sequence)), hash })
}

/// An obligation's value: the case and the hop.
pub(super) fn write_obligation(case: CaseId, hop: HopId) -> Vec<u8> {
    [&case.0[..], hop.as_str().as_bytes()].concat()
}

pub(super) fn read_obligation(value: &[u8]) -> Option<(CaseId, HopId)> {
    let (case, hop) = value.split_first_chunk()?;
    let hop = std::str::from_utf8(hop).ok()?.parse().ok()?;
    Some((CaseId(*case), hop))
}

/// An enrolment's value: the party.
pub(super) fn read_enrolment(value: &[u8]) -> Option<PartyId> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
