//! Whether the entries of an index fit together.
//!
//! When a process died with the index open, nobody noted what its files should be. sled checks each
//! of its own pieces, but where one is unreadable it may leave it out and open as if nothing were
//! missing: of a flipped bit in a store of five megabytes, three entries were lost in silence. So
//! the entries are held against each other. Every record up to the last one applied left its mark
//! in exactly one place that can be counted (an enrolment, the act of a hop, the receipt of a
//! hop), every act but the first has a request, and the queues follow from the cases. An entry that is lost, or
//! is older than the rest, breaks one of the three.
//!
//! It is one pass in constant memory: two sets that must be equal are compared by the sums of
//! their members' hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};

use crate::domain::case::{Case, HopRun};
use crate::domain::confidential::{Papers, SlotNumber};
use crate::domain::ids::Sequence;
use crate::domain::ladder::NO_CASE;
use crate::domain::quota::{Quota, QuotaKey};
use crate::records::decode_case;

use super::fold::queued;
use super::values::Brought;
use super::{Applied, Damage, NoteKind, QueueKey, QueueOp, keys, values};

/// What has been seen of an index so far.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The first entry there is, which all others are read against.
    applied: Option<Applied>,
    entries: u64,
    /// Records that left their mark: enrolments and notes, and acts and receipts by the cases.
    records: u64,
    /// The requests and queues that the cases ask for.
    asked_for: Tally,
    /// Those that are there.
    there: Tally,
    /// The places that the cases hold and have taken.
    held: BTreeMap<QuotaKey, Quota>,
    /// The ledger as it is there.
    ledger: BTreeMap<QuotaKey, Quota>,
    /// The limits that were set last.
    limits: BTreeMap<QuotaKey, u32>,
    /// The last slot of the vault that the cases name, and the one that is noted.
    last_slot: Option<SlotNumber>,
    noted_slot: Option<SlotNumber>,
    /// What the notices brought, less what has left since.
    brought: Notices,
    /// What is there of them.
    kept: Notices,
}

/// Entries that notices and outages make, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notices {
    said: u64,
    inboxes: u64,
    taken: u64,
    outgoing: i64,
    outages: u64,
}

/// A set, by the number and the sum of the hashes of its members.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    members: u64,
    hashes: u64,
}

impl Tally {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        hasher.write(value);
        self.members += 1;
        self.hashes = self.hashes.wrapping_add(hasher.finish());
    }
}

impl Audit {
    /// Takes an entry in.
    pub(super) fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), Damage> {
        self.entries += 1;
        self.read(key, value).ok_or(Damage::Entry)
    }

    /// Says up to which record the index is applied, if all of its entries fit together; none for
    /// an empty one.
    pub(super) fn finish(self) -> Result<Option<Applied>, Damage> {
        let Self { applied, entries, records, asked_for, there, held, mut ledger, limits, .. } =
            self;
        let is_told = self.brought == self.kept && self.last_slot == self.noted_slot;
        let Some(applied) = applied else {
            return if entries == 0 { Ok(None) } else { Err(Damage::Applied) };
        };
        let limit = |(key, quota): (&QuotaKey, &Quota)| quota.limit.map(|limit| (*key, limit));
        let kept_limits: BTreeMap<QuotaKey, u32> = ledger.iter().filter_map(limit).collect();
        // A quota without a limit and without places may or may not have an entry.
        ledger.retain(|_, quota| quota.used() > 0);
        let places = |quota: &Quota| (quota.reserved, quota.taken);
        let there_places = ledger.iter().map(|(key, quota)| (*key, places(quota)));
        let used = held.iter().filter(|(_, quota)| quota.used() > 0);
        let held_places = used.map(|(key, quota)| (*key, places(quota)));
        let is_ledger_whole = kept_limits == limits && held_places.eq(there_places);
        if records != applied.sequence.0 || asked_for != there || !is_ledger_whole || !is_told {
            return Err(Damage::Incomplete);
        }
        Ok(Some(applied))
    }

    fn read(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match *key.first()? {
            keys::META if key == keys::APPLIED => self.applied = Some(values::read_applied(value)?),
            keys::META if key == keys::SWEPT => drop(<[u8; 8]>::try_from(value).ok()?),
            keys::META if key == keys::SLOTS => {
                let slot = u64::from_le_bytes(value.try_into().ok()?);
                self.noted_slot = Some(SlotNumber(slot));
            }
            keys::ERASED => {
                keys::parse_erased(key)?;
                values::read_moment(value)?;
                self.there.add(key, value);
            }
            keys::CASE => {
                let case = decode_case(value).ok().filter(|case| key == keys::case(case.id))?;
                self.case(&case);
            }
            keys::REQUEST if key.len() == keys::REQUEST_BYTES => {
                self.there.add(&[keys::REQUEST], value);
            }
            keys::DELIVERY | keys::HELD | keys::OBLIGATION => {
                check_queued(key, value)?;
                self.there.add(key, value);
            }
            keys::ENROLMENT => {
                keys::parse_enrolment(key)?;
                values::read_enrolment(value)?;
                self.records += 1;
            }
            keys::QUOTA => {
                self.ledger.insert(keys::parse_quota(key)?, values::read_quota(value)?);
            }
            keys::QUOTA_SET => {
                let (_, limit) = values::read_quota_set(value)?;
                self.limits.insert(keys::parse_quota_set(key)?, limit);
            }
            keys::NOTE => {
                let sequence = keys::parse_note(key)?;
                self.records += 1;
                let (kind, brought) = values::read_note(value)?;
                self.note(kind, brought, sequence);
            }
            keys::SAID | keys::OUTGOING | keys::OUTAGE | keys::NOTICE => {
                self.of_ladder(key, value)?;
            }
            keys::STANDING => {
                keys::parse_standing(key)?;
                self.there.add(key, value);
            }
            keys::EXPIRY => {
                keys::parse_expiry(key)?;
                self.there.add(key, value);
            }
            keys::ENDPOINT => {
                let (_, sequence) = keys::parse_endpoint(key)?;
                values::read_registered(value)?;
                self.there.add(&[keys::ENDPOINT], &sequence.0.to_le_bytes());
            }
            keys::READ => {
                let (_, sequence) = keys::parse_read(key)?;
                self.there.add(&[keys::READ], &sequence.0.to_le_bytes());
            }
            _ => return None,
        }
        Some(())
    }

    /// What the index knows of notices and of the times in which the bus was away.
    fn of_ladder(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match *key.first()? {
            keys::SAID => {
                let said = keys::parse_said(key)?;
                // One of a notice that was being applied is written before the rest of it.
                let is_applied = self.applied.is_some_and(|last| said.notice <= last.sequence);
                self.kept.said += u64::from(is_applied);
            }
            keys::OUTGOING => {
                keys::parse_outgoing(key)?;
                self.kept.outgoing += 1;
            }
            keys::OUTAGE => {
                keys::parse_outage(key)?;
                values::read_span(value)?;
                self.kept.outages += 1;
            }
            keys::NOTICE => {
                let (notice, party) = keys::parse_notice(key)?;
                let (order_ms, taken) = values::read_notice(value)?;
                self.kept.inboxes += 1;
                match taken {
                    Some(_) => self.kept.taken += 1,
                    None => {
                        let key = keys::delivery(party, QueueKey { order_ms, sequence: notice });
                        self.asked_for.add(&key, &values::write_delivery(NO_CASE, None));
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn note(&mut self, kind: NoteKind, brought: Brought, sequence: Sequence) {
        match kind {
            NoteKind::QuotaSet
            | NoteKind::CalendarAmended
            | NoteKind::HeldResolved
            | NoteKind::CaseErased => {
                self.asked_for.add(&[keys::REQUEST], &sequence.0.to_le_bytes());
            }
            NoteKind::Notice => {
                self.brought.said += u64::from(brought.said);
                self.brought.inboxes += u64::from(brought.inboxes);
                self.brought.outgoing += i64::from(brought.outgoing);
            }
            NoteKind::NoticeAcknowledged => self.brought.taken += 1,
            NoteKind::NoticeSent => self.brought.outgoing -= 1,
            NoteKind::BusOutage => self.brought.outages += 1,
            NoteKind::EndpointSet => {
                self.asked_for.add(&[keys::REQUEST], &sequence.0.to_le_bytes());
                self.asked_for.add(&[keys::ENDPOINT], &sequence.0.to_le_bytes());
            }
            NoteKind::DataRead => {
                self.asked_for.add(&[keys::READ], &sequence.0.to_le_bytes());
            }
            NoteKind::HoldingExpired
            | NoteKind::CaseErasedByRule
            | NoteKind::ClocksMoved
            | NoteKind::CalendarSettled
            | NoteKind::DeliveryHeld
            | NoteKind::RegistryChanged => {}
        }
    }

    fn case(&mut self, case: &Case) {
        // The first act may have discharged two hops at once.
        let acts: BTreeSet<Sequence> =
            case.hops.iter().filter_map(HopRun::acted).map(|acted| acted.sequence).collect();
        // One acknowledgement may be of several hops and copies.
        let of_hops = case.hops.iter().filter_map(HopRun::received).map(|receipt| receipt.moment);
        let of_copies = case.copies.iter().filter_map(|copy| copy.received);
        let receipts: BTreeSet<Sequence> =
            of_hops.chain(of_copies).map(|moment| moment.sequence).collect();
        self.records += (acts.len() + receipts.len()) as u64;
        if let Some(holding) = case.holding {
            let quota = self.held.entry(holding.key).or_default();
            *quota = quota.after(holding.made().change, u32::from(holding.persons));
        }
        self.last_slot = self.last_slot.max(case.papers.slot());
        if let Papers::Erased { slot, erased } = case.papers {
            self.asked_for.add(&keys::erased(slot), &values::write_moment(erased));
        }
        // The first act opened the case, whose id stands for its request.
        for act in acts.into_iter().skip(1) {
            self.asked_for.add(&[keys::REQUEST], &act.0.to_le_bytes());
        }
        for op in queued(case) {
            match op {
                QueueOp::AddDelivery { to, key, case, mark } => {
                    let value = values::write_delivery(case, mark);
                    self.asked_for.add(&keys::delivery(to, key), &value);
                }
                QueueOp::AddHeld { to, key, case, mark } => {
                    let value = values::write_delivery(case, mark);
                    self.asked_for.add(&keys::held(to, key), &value);
                }
                QueueOp::AddObligation { holder, key, case, hop, mark } => {
                    let value = values::write_obligation(case, hop, mark);
                    self.asked_for.add(&keys::obligation(holder, key), &value);
                }
                QueueOp::AddStanding { person, standing, case } => {
                    self.asked_for.add(&keys::standing(person, standing, case), &[]);
                }
                QueueOp::AddExpiry { until, case } => {
                    self.asked_for.add(&keys::expiry(until, case), &[]);
                }
                QueueOp::RemoveDelivery { .. }
                | QueueOp::RemoveHeld { .. }
                | QueueOp::RemoveObligation { .. }
                | QueueOp::RemoveStanding { .. }
                | QueueOp::RemoveExpiry { .. }
                | QueueOp::AddSaid(_)
                | QueueOp::Swept(_)
                | QueueOp::AddNotice { .. }
                | QueueOp::TakeNotice { .. }
                | QueueOp::AddOutgoing { .. }
                | QueueOp::RemoveOutgoing { .. }
                | QueueOp::AddOutage { .. }
                | QueueOp::SetEndpoint { .. }
                | QueueOp::AddRead { .. } => {}
            }
        }
    }
}

/// Whether an entry of a queue can be read.
fn check_queued(key: &[u8], value: &[u8]) -> Option<()> {
    match *key.first()? {
        keys::DELIVERY => drop((keys::parse_delivery(key)?, values::read_delivery(value)?)),
        keys::HELD => drop((keys::parse_held(key)?, values::read_delivery(value)?)),
        _ => drop((keys::parse_obligation(key)?, values::read_obligation(value)?)),
    }
    Some(())
}
