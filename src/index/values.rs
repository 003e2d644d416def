//! The values of the index that are not cases; [`keys`](super::keys) lists them all.

use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::party::PartyId;
use crate::domain::quota::Quota;

use super::{Applied, NoteKind};

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

/// A quota's value: a flag for the limit, the limit, the places held and taken.
pub(super) fn write_quota(quota: Quota) -> Vec<u8> {
    let Quota { limit, reserved, taken } = quota;
    let mut value = vec![u8::from(limit.is_some())];
    for number in [limit.unwrap_or_default(), reserved, taken] {
        value.extend(number.to_le_bytes());
    }
    value
}

pub(super) fn read_quota(value: &[u8]) -> Option<Quota> {
    let (flag, rest) = value.split_first()?;
    let (limit, rest) = rest.split_first_chunk()?;
    let (reserved, rest) = rest.split_first_chunk()?;
    let taken = rest.try_into().ok()?;
    let limit = match flag {
        0 => None,
        1 => Some(u32::from_le_bytes(*limit)),
        _ => return None,
    };
    let (reserved, taken) = (u32::from_le_bytes(*reserved), u32::from_le_bytes(taken));
    Some(Quota { limit, reserved, taken })
}

/// The value of a quota's last setting: the record and the limit, by which the ledger is audited.
pub(super) fn write_quota_set(sequence: Sequence, limit: u32) -> Vec<u8> {
    [&sequence.0.to_le_bytes()[..], &limit.to_le_bytes()].concat()
}

pub(super) fn read_quota_set(value: &[u8]) -> Option<(Sequence, u32)> {
    let (sequence, limit) = value.split_first_chunk()?;
    let limit = limit.try_into().ok()?;
    Some((Sequence(u64::from_le_bytes(*sequence)), u32::from_le_bytes(limit)))
}

/// A note's value: the kind of the record.
pub(super) fn read_note(value: &[u8]) -> Option<NoteKind> {
    let &[tag] = value else { return None };
    NoteKind::from_tag(tag)
}

/// An enrolment's value: the party.
pub(super) fn read_enrolment(value: &[u8]) -> Option<PartyId> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
