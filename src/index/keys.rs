//! The keys of the index, all in one tree so that one batch over them is atomic.
//!
//! ```text
//! [0] "applied"                                        sequence u64 LE, hash 32
//! [1] case 16                                          the case's record
//! [2] party u32, request 16                            sequence u64 LE
//! [3] party u32, order i64, sequence u64               case 16, the mark of its clock
//! [4] party u32, due i64, opened by u64, ordinal u8    case 16, the mark of its clock, hop as text
//! [5] party u32                                        party id as text
//! [6] region u8, year i16, category u8                 limit, held and taken places
//! [7] sequence u64                                     the kind of a record that is of no case's acts, of a notice what it put into [11], [12] and [16]
//! [8] applicant 16, standing u8, case 16               nothing
//! [9] last day i32, case 16                            nothing
//! [10] region u8, year i16, category u8                sequence u64 LE of the record that set it last, limit
//! [11] case 16, place u8, due i64, party u32, rung u8, days u16, notice u64   nothing
//! [12] notice u64, party u32, channel u8               nothing
//! [13] record u64                                      from i64 LE, until i64 LE
//! [14] party u32, order i64, sequence u64              case 16, of a held delivery
//! [15] party u32, sequence u64                         whether an endpoint is registered since this record
//! [16] notice u64, party u32                           order i64 LE, sequence u64 LE of the acknowledgement or zero
//! [18] case 16, record u64                             nothing, of a read of personal data
//! [20] slot u64                                        sequence u64 LE of the record that erased its case, i64 LE of its time
//! [0] "swept"                                          i64 LE
//! [0] "slots"                                          u64 LE, the last slot of the vault that a record names
//! ```
//!
//! Numbers within keys are big-endian, times with their sign turned, so that the order of the
//! bytes is the order of the values. No key of a queue is longer than the 22 bytes that sled keeps
//! inside a node without an allocation of its own.
//!
//! One record may open several hops due at the same instant for one party. The ordinal keeps their
//! keys apart: it counts the hops of the case that the same record opened before this one. Hops
//! are never taken out of a case, so the ordinal can be told again when the obligation ends.

use std::ops::Bound;

use crate::domain::confidential::SlotNumber;
use crate::domain::ids::{CaseId, RequestId, Sequence};
use crate::domain::ladder::{Channel, Rung};
use crate::domain::party::PartyNumber;
use crate::domain::quota::{Category, IdentityHash, QuotaKey, Standing};
use crate::domain::region::Region;
use jiff::civil::Date;

use super::{ObligationKey, Outgoing, QueueKey, Said};

pub(super) const APPLIED: &[u8] = b"\x00applied";
pub(super) const SWEPT: &[u8] = b"\x00swept";
pub(super) const SLOTS: &[u8] = b"\x00slots";
pub(super) const META: u8 = 0;
pub(super) const CASE: u8 = 1;
pub(super) const REQUEST: u8 = 2;
pub(super) const DELIVERY: u8 = 3;
pub(super) const OBLIGATION: u8 = 4;
pub(super) const ENROLMENT: u8 = 5;
pub(super) const QUOTA: u8 = 6;
pub(super) const NOTE: u8 = 7;
pub(super) const STANDING: u8 = 8;
pub(super) const EXPIRY: u8 = 9;
pub(super) const QUOTA_SET: u8 = 10;
pub(super) const SAID: u8 = 11;
pub(super) const OUTGOING: u8 = 12;
pub(super) const OUTAGE: u8 = 13;
pub(super) const HELD: u8 = 14;
pub(super) const ENDPOINT: u8 = 15;
pub(super) const NOTICE: u8 = 16;
pub(super) const READ: u8 = 18;
pub(super) const ERASED: u8 = 20;

/// The length of a request's key.
pub(super) const REQUEST_BYTES: usize = 21;

/// The bits of a signed number that order as the number does.
const SIGN: u64 = 1 << 63;

pub(super) fn case(CaseId(id): CaseId) -> [u8; 17] {
    let mut key = [CASE; 17];
    key[1..].copy_from_slice(&id);
    key
}

pub(super) fn request(party: PartyNumber, RequestId(id): RequestId) -> [u8; REQUEST_BYTES] {
    let mut key = [REQUEST; REQUEST_BYTES];
    key[1..5].copy_from_slice(&party.0.to_be_bytes());
    key[5..].copy_from_slice(&id);
    key
}

pub(super) fn delivery(party: PartyNumber, key: QueueKey) -> [u8; 21] {
    let QueueKey { order_ms, sequence } = key;
    let mut key = [DELIVERY; 21];
    key[1..5].copy_from_slice(&party.0.to_be_bytes());
    key[5..13].copy_from_slice(&ordered(order_ms));
    key[13..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

/// The key of a held delivery: its place in the queue it left.
pub(super) fn held(party: PartyNumber, key: QueueKey) -> [u8; 21] {
    let mut key = delivery(party, key);
    key[0] = HELD;
    key
}

pub(super) fn obligation(party: PartyNumber, key: ObligationKey) -> [u8; 22] {
    let ObligationKey { due_ms, opened_by, ordinal } = key;
    let mut key = [OBLIGATION; 22];
    key[1..5].copy_from_slice(&party.0.to_be_bytes());
    key[5..13].copy_from_slice(&ordered(due_ms));
    key[13..21].copy_from_slice(&opened_by.0.to_be_bytes());
    key[21] = ordinal;
    key
}

pub(super) fn enrolment(party: PartyNumber) -> [u8; 5] {
    let mut key = [ENROLMENT; 5];
    key[1..].copy_from_slice(&party.0.to_be_bytes());
    key
}

pub(super) fn quota(key: QuotaKey) -> [u8; 5] {
    let QuotaKey { region, year, category } = key;
    let [high, low] = (year.cast_unsigned() ^ 0x8000).to_be_bytes();
    [QUOTA, region.number(), high, low, category.tag()]
}

/// The key of the record that set a quota last.
pub(super) fn quota_set(key: QuotaKey) -> [u8; 5] {
    let mut key = quota(key);
    key[0] = QUOTA_SET;
    key
}

pub(super) fn note(sequence: Sequence) -> [u8; 9] {
    let mut key = [NOTE; 9];
    key[1..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

pub(super) fn standings(person: IdentityHash, standing: Standing) -> [u8; 18] {
    let mut key = [STANDING; 18];
    key[1..17].copy_from_slice(&person.0);
    key[17] = standing.tag();
    key
}

pub(super) fn standing(person: IdentityHash, standing: Standing, case: CaseId) -> [u8; 34] {
    let mut key = [0; 34];
    key[..18].copy_from_slice(&standings(person, standing));
    key[18..].copy_from_slice(&case.0);
    key
}

pub(super) fn expiry(until: Date, case: CaseId) -> [u8; 21] {
    let mut key = [EXPIRY; 21];
    key[1..5].copy_from_slice(&days(until));
    key[5..].copy_from_slice(&case.0);
    key
}

pub(super) fn endpoint(party: PartyNumber, sequence: Sequence) -> [u8; 13] {
    let mut key = [ENDPOINT; 13];
    key[1..5].copy_from_slice(&party.0.to_be_bytes());
    key[5..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

/// The key of a read of a case's personal data.
pub(super) fn read(CaseId(case): CaseId, sequence: Sequence) -> [u8; 25] {
    let mut key = [READ; 25];
    key[1..17].copy_from_slice(&case);
    key[17..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

pub(super) fn parse_read(key: &[u8]) -> Option<(CaseId, Sequence)> {
    let (&READ, rest) = key.split_first()? else { return None };
    let (case, rest) = rest.split_first_chunk()?;
    let sequence = rest.try_into().ok()?;
    Some((CaseId(*case), Sequence(u64::from_be_bytes(sequence))))
}

/// The keys of the reads of a case before a record.
pub(super) fn reads_before(case: CaseId, before: Option<Sequence>) -> Range {
    let first = read(case, Sequence(0)).to_vec();
    let end = match before {
        Some(before) => Bound::Excluded(read(case, before).to_vec()),
        None => Bound::Included(read(case, Sequence(u64::MAX)).to_vec()),
    };
    (Bound::Included(first), end)
}

/// The key of a slot whose case was erased.
pub(super) fn erased(SlotNumber(slot): SlotNumber) -> [u8; 9] {
    let mut key = [ERASED; 9];
    key[1..].copy_from_slice(&slot.to_be_bytes());
    key
}

pub(super) fn parse_erased(key: &[u8]) -> Option<SlotNumber> {
    let (&ERASED, rest) = key.split_first()? else { return None };
    rest.try_into().ok().map(|slot| SlotNumber(u64::from_be_bytes(slot)))
}

/// The days since year zero, in the order of the days.
fn days(date: Date) -> [u8; 4] {
    let year = i32::from(date.year()) * 512;
    let day = i32::from(date.day_of_year());
    ((year + day).cast_unsigned() ^ 1 << 31).to_be_bytes()
}

/// The keys of places that are held until a day before this one.
pub(super) fn expired_before(today: Date) -> Range {
    let end = [&[EXPIRY][..], &days(today)].concat();
    (Bound::Included(vec![EXPIRY]), Bound::Excluded(end))
}

/// The keys of what was said in a case.
pub(super) fn said_in(CaseId(case): CaseId) -> [u8; 17] {
    let mut key = [SAID; 17];
    key[1..].copy_from_slice(&case);
    key
}

pub(super) fn said(said: &Said) -> Vec<u8> {
    let Said { case, place, rung, days, duty, due_ms, notice } = *said;
    let mut key = Vec::with_capacity(41);
    key.extend(said_in(case));
    key.push(place);
    key.extend(ordered(due_ms));
    key.extend(duty.0.to_be_bytes());
    key.push(rung.tag());
    key.extend(days.to_be_bytes());
    key.extend(notice.0.to_be_bytes());
    key
}

pub(super) fn parse_said(key: &[u8]) -> Option<Said> {
    let (&SAID, rest) = key.split_first()? else { return None };
    let (case, rest) = rest.split_first_chunk()?;
    let (&place, rest) = rest.split_first()?;
    let (due, rest) = rest.split_first_chunk()?;
    let (duty, rest) = rest.split_first_chunk()?;
    let (&rung, rest) = rest.split_first()?;
    let (days, rest) = rest.split_first_chunk()?;
    let notice = rest.try_into().ok()?;
    Some(Said {
        case: CaseId(*case),
        place,
        rung: Rung::from_tag(rung)?,
        days: u16::from_be_bytes(*days),
        duty: PartyNumber(u32::from_be_bytes(*duty)),
        due_ms: unordered(*due),
        notice: Sequence(u64::from_be_bytes(notice)),
    })
}

pub(super) fn notice(notice: Sequence, party: PartyNumber) -> [u8; 13] {
    let mut key = [NOTICE; 13];
    key[1..9].copy_from_slice(&notice.0.to_be_bytes());
    key[9..].copy_from_slice(&party.0.to_be_bytes());
    key
}

pub(super) fn parse_notice(key: &[u8]) -> Option<(Sequence, PartyNumber)> {
    let (&NOTICE, rest) = key.split_first()? else { return None };
    let (notice, rest) = rest.split_first_chunk()?;
    let party = rest.try_into().ok()?;
    Some((Sequence(u64::from_be_bytes(*notice)), PartyNumber(u32::from_be_bytes(party))))
}

pub(super) fn outgoing(outgoing: Outgoing) -> [u8; 14] {
    let Outgoing { notice: Sequence(sequence), party, channel } = outgoing;
    let mut key = [OUTGOING; 14];
    key[..13].copy_from_slice(&notice(Sequence(sequence), party));
    key[0] = OUTGOING;
    key[13] = channel.tag();
    key
}

pub(super) fn parse_outgoing(key: &[u8]) -> Option<Outgoing> {
    let (&OUTGOING, rest) = key.split_first()? else { return None };
    let (notice, rest) = rest.split_first_chunk()?;
    let (party, rest) = rest.split_first_chunk()?;
    let &[channel] = rest else { return None };
    Some(Outgoing {
        notice: Sequence(u64::from_be_bytes(*notice)),
        party: PartyNumber(u32::from_be_bytes(*party)),
        channel: Channel::from_tag(channel)?,
    })
}

pub(super) fn outage(sequence: Sequence) -> [u8; 9] {
    let mut key = note(sequence);
    key[0] = OUTAGE;
    key
}

pub(super) fn parse_outage(key: &[u8]) -> Option<Sequence> {
    let (&OUTAGE, rest) = key.split_first()? else { return None };
    rest.try_into().ok().map(|bytes| Sequence(u64::from_be_bytes(bytes)))
}

pub(super) fn parse_quota(key: &[u8]) -> Option<QuotaKey> {
    let &[QUOTA, region, high, low, category] = key else { return None };
    let year = (u16::from_be_bytes([high, low]) ^ 0x8000).cast_signed();
    let region = Region::from_number(region)?;
    Some(QuotaKey { region, year, category: Category::from_tag(category)? })
}

pub(super) fn parse_quota_set(key: &[u8]) -> Option<QuotaKey> {
    let (&QUOTA_SET, rest) = key.split_first()? else { return None };
    parse_quota(&[&[QUOTA], rest].concat())
}

pub(super) fn parse_note(key: &[u8]) -> Option<Sequence> {
    let (&NOTE, rest) = key.split_first()? else { return None };
    rest.try_into().ok().map(|bytes| Sequence(u64::from_be_bytes(bytes)))
}

pub(super) fn parse_standing(key: &[u8]) -> Option<CaseId> {
    let (&STANDING, rest) = key.split_first()? else { return None };
    let (_person, rest) = rest.split_at_checked(16)?;
    let (&standing, case) = rest.split_first()?;
    Standing::from_tag(standing)?;
    case.try_into().ok().map(CaseId)
}

pub(super) fn parse_expiry(key: &[u8]) -> Option<CaseId> {
    let (&EXPIRY, rest) = key.split_first()? else { return None };
    let (_day, case) = rest.split_at_checked(4)?;
    case.try_into().ok().map(CaseId)
}

pub(super) fn parse_endpoint(key: &[u8]) -> Option<(PartyNumber, Sequence)> {
    let (&ENDPOINT, rest) = key.split_first()? else { return None };
    let (party, rest) = rest.split_first_chunk()?;
    let sequence = Sequence(u64::from_be_bytes(rest.try_into().ok()?));
    Some((PartyNumber(u32::from_be_bytes(*party)), sequence))
}

/// A range of keys.
pub(super) type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The keys of one kind; with `after`, those beyond that key.
pub(super) fn all_of(kind: u8, after: Option<&[u8]>) -> Range {
    let from = match after {
        Some(key) => Bound::Excluded(key.to_vec()),
        None => Bound::Included(vec![kind]),
    };
    (from, Bound::Excluded(vec![kind + 1]))
}

/// The keys of one kind and party; with `after`, those beyond that key.
pub(super) fn of_party(kind: u8, party: PartyNumber, after: Option<&[u8]>) -> Range {
    let first = |party: u32| [&[kind][..], &party.to_be_bytes()].concat();
    let from = match after {
        Some(key) => Bound::Excluded(key.to_vec()),
        None => Bound::Included(first(party.0)),
    };
    let next = party.0.checked_add(1);
    (from, Bound::Excluded(next.map_or_else(|| vec![kind + 1], first)))
}

pub(super) fn parse_delivery(key: &[u8]) -> Option<(PartyNumber, QueueKey)> {
    let (&DELIVERY, rest) = key.split_first()? else { return None };
    parse_place(rest)
}

pub(super) fn parse_held(key: &[u8]) -> Option<(PartyNumber, QueueKey)> {
    let (&HELD, rest) = key.split_first()? else { return None };
    parse_place(rest)
}

fn parse_place(rest: &[u8]) -> Option<(PartyNumber, QueueKey)> {
    let (party, rest) = rest.split_first_chunk()?;
    let (order, rest) = rest.split_first_chunk()?;
    let sequence = rest.try_into().ok()?;
    let key =
        QueueKey { order_ms: unordered(*order), sequence: Sequence(u64::from_be_bytes(sequence)) };
    Some((PartyNumber(u32::from_be_bytes(*party)), key))
}

pub(super) fn parse_obligation(key: &[u8]) -> Option<(PartyNumber, ObligationKey)> {
    let (&OBLIGATION, rest) = key.split_first()? else { return None };
    let (party, rest) = rest.split_first_chunk()?;
    let (due, rest) = rest.split_first_chunk()?;
    let (opened_by, rest) = rest.split_first_chunk()?;
    let &[ordinal] = rest else { return None };
    let key = ObligationKey {
        due_ms: unordered(*due),
        opened_by: Sequence(u64::from_be_bytes(*opened_by)),
        ordinal,
    };
    Some((PartyNumber(u32::from_be_bytes(*party)), key))
}

pub(super) fn parse_enrolment(key: &[u8]) -> Option<PartyNumber> {
    let (&ENROLMENT, rest) = key.split_first()? else { return None };
    rest.try_into().ok().map(|number| PartyNumber(u32::from_be_bytes(number)))
}

fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ SIGN).to_be_bytes()
}

fn unordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ SIGN).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_order_as_their_values_do(one: (u32, i64, u64, u8), other: (u32, i64, u64, u8)) {
            let values = |(party, ms, sequence, ordinal)| {
                let party = PartyNumber(party);
                let delivery = QueueKey { order_ms: ms, sequence: Sequence(sequence) };
                let obligation =
                    ObligationKey { due_ms: ms, opened_by: Sequence(sequence), ordinal };
                (party, delivery, obligation)
            };
            let (one, other) = (values(one), values(other));
            prop_assert_eq!(
                delivery(one.0, one.1).cmp(&delivery(other.0, other.1)),
                (one.0, one.1).cmp(&(other.0, other.1))
            );
            prop_assert_eq!(
                obligation(one.0, one.2).cmp(&obligation(other.0, other.2)),
                (one.0, one.2).cmp(&(other.0, other.2))
            );
            prop_assert_eq!(parse_delivery(&delivery(one.0, one.1)), Some((one.0, one.1)));
            prop_assert_eq!(parse_obligation(&obligation(one.0, one.2)), Some((one.0, one.2)));
            prop_assert_eq!(parse_enrolment(&enrolment(one.0)), Some(one.0));
        }

        #[test]
        fn a_party_has_exactly_its_own_keys(party: u32, ms: i64, sequence: u64, of: u32) {
            use std::ops::RangeBounds;
            let key = QueueKey { order_ms: ms, sequence: Sequence(sequence) };
            for other in [of, party, party.wrapping_add(1), u32::MAX] {
                let range = of_party(DELIVERY, PartyNumber(party), None);
                let held = range.contains(&delivery(PartyNumber(other), key).to_vec());
                prop_assert_eq!(held, other == party);
            }
        }
    }

    #[test]
    fn keys_of_another_kind_or_length_are_not_read() {
        let key = delivery(PartyNumber(7), QueueKey { order_ms: 1, sequence: Sequence(2) });
        assert_eq!(parse_obligation(&key), None);
        assert_eq!(parse_delivery(&key[..20]), None);
        assert_eq!(parse_delivery(&[&key[..], &[0]].concat()), None);
        assert_eq!(parse_enrolment(&[ENROLMENT, 0, 0, 1]), None);
    }
}
