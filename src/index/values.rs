//! The values of the index that are not cases; [`keys`](super::keys) lists them all.

use jiff::Timestamp;

use crate::domain::case::Moment;
use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::party::PartyId;
use crate::domain::quota::Quota;

use super::{Applied, ClockMark, NoteKind};

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

/// A record with its time.
pub(super) fn write_moment(moment: Moment) -> Vec<u8> {
    let Moment { sequence: Sequence(sequence), at } = moment;
    [sequence.to_le_bytes(), at.as_millisecond().to_le_bytes()].concat()
}

pub(super) fn read_moment(value: &[u8]) -> Option<Moment> {
    let (sequence, at) = value.split_first_chunk()?;
    let at = Timestamp::from_millisecond(i64::from_le_bytes(at.try_into().ok()?)).ok()?;
    Some(Moment { sequence: Sequence(u64::from_le_bytes(*sequence)), at })
}

/// The length of a clock's mark before its hop.
const MARK_BYTES: usize = 17;

/// A delivery's value: the case, and the mark of its clock where it has one.
pub(super) fn write_delivery(case: CaseId, mark: Option<ClockMark>) -> Vec<u8> {
    let mut value = case.0.to_vec();
    if let Some(mark) = mark {
        value.extend(write_mark(&mark));
        value.extend(mark.hop.as_str().as_bytes());
    }
    value
}

pub(super) fn read_delivery(value: &[u8]) -> Option<(CaseId, Option<ClockMark>)> {
    let (case, rest) = value.split_first_chunk()?;
    if rest.is_empty() {
        return Some((CaseId(*case), None));
    }
    let (mark, hop) = rest.split_at_checked(MARK_BYTES)?;
    Some((CaseId(*case), Some(read_mark(mark, read_hop(hop)?)?)))
}

/// An obligation's value: the case, a flag and the mark of its clock where it has one, the hop.
pub(super) fn write_obligation(case: CaseId, hop: HopId, mark: Option<ClockMark>) -> Vec<u8> {
    let mut value = case.0.to_vec();
    value.push(u8::from(mark.is_some()));
    if let Some(mark) = mark {
        value.extend(write_mark(&mark));
    }
    value.extend(hop.as_str().as_bytes());
    value
}

pub(super) fn read_obligation(value: &[u8]) -> Option<(CaseId, HopId, Option<ClockMark>)> {
    let (case, rest) = value.split_first_chunk()?;
    let (flag, rest) = rest.split_first()?;
    let (mark, hop) = match flag {
        0 => (None, rest),
        1 => rest.split_at_checked(MARK_BYTES).map(|(mark, hop)| (Some(mark), hop))?,
        _ => return None,
    };
    let hop = read_hop(hop)?;
    let mark = match mark {
        Some(mark) => Some(read_mark(mark, hop)?),
        None => None,
    };
    Some((CaseId(*case), hop, mark))
}

fn write_mark(mark: &ClockMark) -> [u8; MARK_BYTES] {
    let ClockMark { place, hop: _, opened_ms, due_ms } = *mark;
    let mut bytes = [place; MARK_BYTES];
    bytes[1..9].copy_from_slice(&opened_ms.to_le_bytes());
    bytes[9..].copy_from_slice(&due_ms.to_le_bytes());
    bytes
}

fn read_mark(bytes: &[u8], hop: HopId) -> Option<ClockMark> {
    let (&place, rest) = bytes.split_first()?;
    let (opened, due) = read_span(rest)?;
    Some(ClockMark { place, hop, opened_ms: opened, due_ms: due })
}

fn read_hop(text: &[u8]) -> Option<HopId> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An outage's value: from when and until when.
pub(super) fn write_span(from_ms: i64, until_ms: i64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&from_ms.to_le_bytes());
    bytes[8..].copy_from_slice(&until_ms.to_le_bytes());
    bytes
}

pub(super) fn read_span(value: &[u8]) -> Option<(i64, i64)> {
    let (from, until) = value.split_first_chunk()?;
    Some((i64::from_le_bytes(*from), i64::from_le_bytes(until.try_into().ok()?)))
}

/// A notice in an inbox: its place in the queue, and the record by which it was acknowledged.
pub(super) fn write_notice(order_ms: i64, taken: Option<Sequence>) -> [u8; 16] {
    write_span(order_ms, taken.map_or(0, |taken| taken.0.cast_signed()))
}

pub(super) fn read_notice(value: &[u8]) -> Option<(i64, Option<Sequence>)> {
    let (order_ms, taken) = read_span(value)?;
    Some((order_ms, (taken != 0).then_some(Sequence(taken.cast_unsigned()))))
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

/// How many entries the record of a notice made, by which they are audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Brought {
    pub(super) said: u32,
    pub(super) inboxes: u32,
    pub(super) outgoing: u32,
}

/// A note's value: the kind of the record, and of a notice what it brought.
pub(super) fn write_note(kind: NoteKind, brought: Brought) -> Vec<u8> {
    let mut value = vec![kind.tag()];
    if brought != Brought::default() {
        for number in [brought.said, brought.inboxes, brought.outgoing] {
            value.extend(number.to_le_bytes());
        }
    }
    value
}

pub(super) fn read_note(value: &[u8]) -> Option<(NoteKind, Brought)> {
    let (&tag, rest) = value.split_first()?;
    let kind = NoteKind::from_tag(tag)?;
    if rest.is_empty() {
        return Some((kind, Brought::default()));
    }
    let (said, rest) = rest.split_first_chunk()?;
    let (inboxes, rest) = rest.split_first_chunk()?;
    let outgoing = rest.try_into().ok()?;
    let [said, inboxes, outgoing] = [*said, *inboxes, outgoing].map(u32::from_le_bytes);
    Some((kind, Brought { said, inboxes, outgoing }))
}

/// An endpoint's value: whether one is registered since the record of the key.
pub(super) fn read_registered(value: &[u8]) -> Option<bool> {
    match value {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// An enrolment's value: the party.
pub(super) fn read_enrolment(value: &[u8]) -> Option<PartyId> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
