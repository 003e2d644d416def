//! The changes of several records as one batch of sled, which takes effect whole or not at all; and
//! what was said by them, which is written before it.

use std::collections::{BTreeMap, HashSet};

use crate::domain::confidential::{Papers, SlotNumber};
use crate::domain::event::PartyEnrolled;
use crate::domain::ids::Sequence;
use crate::domain::quota::{Quota, QuotaKey};
use crate::records::encode_case;

use super::values::Brought;
use super::{Applied, Change, IndexError, Outgoing, QueueOp, QuotaOp, keys, values};

/// The largest value written, in bytes. sled puts much larger ones into files that it does not
/// sync; a case cannot come near this.
pub(super) const MAX_VALUE_BYTES: usize = 16 * 1024;

/// The batch of consecutive changes that follow the record applied before, with the last record of
/// them; none when there are no changes.
///
/// `quota` tells where a quota stands before the batch, `swept` how far the ladder had come.
pub(super) fn of(
    applied: Option<Applied>,
    changes: &[Change],
    quota: impl Fn(QuotaKey) -> Result<Quota, IndexError>,
    swept: impl Fn() -> Result<Option<i64>, IndexError>,
    last_slot: impl Fn() -> Result<Option<SlotNumber>, IndexError>,
) -> Result<Option<(Applied, sled::Batch)>, IndexError> {
    let Some(last) = check_order(applied, changes)? else {
        return Ok(None);
    };
    let mut batch = sled::Batch::default();
    write_cases(&mut batch, changes)?;
    write_quotas(&mut batch, changes, quota)?;
    write_swept(&mut batch, changes, swept)?;
    write_slots(&mut batch, changes, last_slot)?;
    for change in changes {
        write_entries(&mut batch, change);
    }
    batch.insert(keys::APPLIED, values::write_applied(last));
    Ok(Some((last, batch)))
}

/// The keys of what was said, in order: neighbours lie on one page of the store.
pub(super) fn said(changes: &[Change]) -> Vec<Vec<u8>> {
    let ops = changes.iter().flat_map(|change| &change.queue);
    let mut keys: Vec<_> = ops
        .filter_map(
            |op| if let QueueOp::AddSaid(said) = op { Some(keys::said(said)) } else { None },
        )
        .collect();
    keys.sort_unstable();
    keys
}

/// The last record of consecutive changes that follow the one applied before; none when there are
/// no changes.
fn check_order(
    applied: Option<Applied>,
    changes: &[Change],
) -> Result<Option<Applied>, IndexError> {
    let mut last = applied;
    for change in changes {
        let expected = Sequence(last.map_or(0, |last| last.sequence.0) + 1);
        let found = change.applied.sequence;
        if found != expected {
            return Err(IndexError::OutOfOrder { expected, found });
        }
        last = Some(change.applied);
    }
    Ok(if changes.is_empty() { None } else { last })
}

/// Writes the last state of every case that changed.
fn write_cases(batch: &mut sled::Batch, changes: &[Change]) -> Result<(), IndexError> {
    let mut written = HashSet::new();
    let mut record = Vec::new();
    for case in changes.iter().rev().filter_map(|change| change.case.as_ref()) {
        if !written.insert(case.id) {
            continue;
        }
        record.clear();
        encode_case(case, &mut record)
            .map_err(|source| IndexError::Unwritable { case: case.id, source })?;
        if record.len() > MAX_VALUE_BYTES {
            return Err(IndexError::TooLarge { case: case.id, bytes: record.len() });
        }
        batch.insert(&keys::case(case.id), &record[..]);
        if let Papers::Erased { slot, erased } = case.papers {
            batch.insert(&keys::erased(slot), values::write_moment(erased));
        }
    }
    Ok(())
}

/// Writes every quota that changed, as it is after the last change.
fn write_quotas(
    batch: &mut sled::Batch,
    changes: &[Change],
    before: impl Fn(QuotaKey) -> Result<Quota, IndexError>,
) -> Result<(), IndexError> {
    let mut quotas: BTreeMap<QuotaKey, Quota> = BTreeMap::new();
    for op in changes.iter().flat_map(|change| &change.quota) {
        let quota = match quotas.get(&op.key()) {
            Some(quota) => *quota,
            None => before(op.key())?,
        };
        quotas.insert(op.key(), op.of(quota));
    }
    for (key, quota) in quotas {
        batch.insert(&keys::quota(key), values::write_quota(quota));
    }
    Ok(())
}

/// Writes how far the ladder has come. What is said after its time, of an upgrade or a lost tail,
/// does not take the ladder back.
fn write_swept(
    batch: &mut sled::Batch,
    changes: &[Change],
    before: impl Fn() -> Result<Option<i64>, IndexError>,
) -> Result<(), IndexError> {
    let swept = |op: &QueueOp| if let QueueOp::Swept(at_ms) = op { Some(*at_ms) } else { None };
    if let Some(last) = changes.iter().flat_map(|change| &change.queue).filter_map(swept).max() {
        let furthest = before()?.map_or(last, |before| before.max(last));
        batch.insert(keys::SWEPT, &furthest.to_le_bytes());
    }
    Ok(())
}

/// Writes which slot of the vault is the last that the cases name.
fn write_slots(
    batch: &mut sled::Batch,
    changes: &[Change],
    before: impl Fn() -> Result<Option<SlotNumber>, IndexError>,
) -> Result<(), IndexError> {
    let cases = changes.iter().filter_map(|change| change.case.as_ref());
    let last = cases.filter_map(|case| case.papers.slot()).max();
    if let Some(last) = last
        && before()?.is_none_or(|before| before < last)
    {
        batch.insert(keys::SLOTS, &last.0.to_le_bytes());
    }
    Ok(())
}

/// Writes everything of a change but its case, its quotas, the ladder's mark and what was said. A
/// batch keeps the last write of a key, so what one change adds and a later one removes costs one
/// removal.
fn write_entries(batch: &mut sled::Batch, change: &Change) {
    let Change { applied, request, case: _, queue, enrolment, quota, note } = change;
    for op in quota {
        if let QuotaOp::Limit(key, limit) = op {
            let set = values::write_quota_set(applied.sequence, *limit);
            batch.insert(&keys::quota_set(*key), set);
        }
    }
    if let Some(note) = note {
        batch.insert(&keys::note(applied.sequence), values::write_note(*note, brought(queue)));
    }
    if let Some((party, request)) = request {
        let sequence = applied.sequence.0.to_le_bytes();
        batch.insert(&keys::request(*party, *request), &sequence);
    }
    if let Some(PartyEnrolled { number, party }) = enrolment {
        batch.insert(&keys::enrolment(*number), party.as_str());
    }
    for op in queue {
        write_queue(batch, op);
    }
}

/// What a notice brings, counted.
fn brought(queue: &[QueueOp]) -> Brought {
    let mut brought = Brought::default();
    for op in queue {
        brought.said += u32::from(matches!(op, QueueOp::AddSaid(_)));
        brought.inboxes += u32::from(matches!(op, QueueOp::AddNotice { .. }));
        brought.outgoing += u32::from(matches!(op, QueueOp::AddOutgoing { .. }));
    }
    brought
}

fn write_queue(batch: &mut sled::Batch, op: &QueueOp) {
    match *op {
        QueueOp::AddDelivery { to, key, case, mark } => {
            batch.insert(&keys::delivery(to, key), values::write_delivery(case, mark));
        }
        QueueOp::RemoveDelivery { to, key, taken: _ } => batch.remove(&keys::delivery(to, key)),
        QueueOp::AddHeld { to, key, case, mark } => {
            batch.insert(&keys::held(to, key), values::write_delivery(case, mark));
        }
        QueueOp::RemoveHeld { to, key, taken: _ } => batch.remove(&keys::held(to, key)),
        QueueOp::AddObligation { holder, key, case, hop, mark } => {
            let value = values::write_obligation(case, hop, mark);
            batch.insert(&keys::obligation(holder, key), value);
        }
        QueueOp::RemoveObligation { holder, key } => {
            batch.remove(&keys::obligation(holder, key));
        }
        QueueOp::AddStanding { person, standing, case } => {
            batch.insert(&keys::standing(person, standing, case)[..], &[]);
        }
        QueueOp::RemoveStanding { person, standing, case } => {
            batch.remove(&keys::standing(person, standing, case)[..]);
        }
        QueueOp::AddExpiry { until, case } => batch.insert(&keys::expiry(until, case), &[]),
        QueueOp::RemoveExpiry { until, case } => batch.remove(&keys::expiry(until, case)),
        // Written before the batch, and once for it.
        QueueOp::AddSaid(_) | QueueOp::Swept(_) => {}
        QueueOp::AddNotice { notice, party, order_ms } => {
            batch.insert(&keys::notice(notice, party), &values::write_notice(order_ms, None));
        }
        QueueOp::TakeNotice { notice, party, order_ms, by } => {
            let value = values::write_notice(order_ms, Some(by));
            batch.insert(&keys::notice(notice, party), &value);
        }
        QueueOp::AddOutgoing { notice, party, channel } => {
            batch.insert(&keys::outgoing(Outgoing { notice, party, channel }), &[]);
        }
        QueueOp::RemoveOutgoing { notice, party, channel } => {
            batch.remove(&keys::outgoing(Outgoing { notice, party, channel }));
        }
        QueueOp::AddOutage { sequence, from_ms, until_ms } => {
            batch.insert(&keys::outage(sequence), &values::write_span(from_ms, until_ms));
        }
        QueueOp::SetEndpoint { party, sequence, registered } => {
            batch.insert(&keys::endpoint(party, sequence), &[u8::from(registered)]);
        }
        QueueOp::AddRead { case, sequence } => batch.insert(&keys::read(case, sequence)[..], &[]),
    }
}
