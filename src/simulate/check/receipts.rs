//! Receipts: what was answered is in the journal as it was answered, one act for one request.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::chain::Raw;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseErased, Event, RequestId, Sequence};
use crate::simulate::talk::Proof;

/// What a receipt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    Request(PartyNumber, RequestId),
    Delivery(PartyNumber, Sequence),
}

/// What was answered, and what was recorded.
#[derive(Default)]
pub(super) struct Receipts {
    answered: BTreeMap<For, Proof>,
    recorded: BTreeMap<For, Proof>,
    /// Two records for one request.
    doubled: Option<String>,
}

impl Receipts {
    pub(super) fn recorded(&mut self, sequence: u64, at_ms: i64, hash: [u8; 32], event: &Event) {
        let what = match event {
            Event::Act(act) => For::Request(act.author, act.request),
            Event::Acknowledged(receipt) => For::Delivery(receipt.by, receipt.delivery),
            Event::NoticeAcknowledged(receipt) => For::Delivery(receipt.by, receipt.notice),
            Event::QuotaSet(set) => For::Request(set.author, set.request),
            Event::CalendarAmended(amended) => For::Request(amended.author, amended.request),
            Event::EndpointSet(set) => For::Request(set.author, set.request),
            Event::HeldResolved(resolved) => For::Request(resolved.author, resolved.request),
            Event::CaseErased(CaseErased { order: Some(order), .. }) => {
                For::Request(order.author, order.request)
            }
            Event::PartyEnrolled(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::DeliveryHeld(_)
            | Event::HoldingExpired(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::Notice(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::RegistryChanged(_) => return,
        };
        let proof = Proof { sequence, at_ms, hash };
        if let Some(before) = self.recorded.insert(what, proof) {
            let words = format!("{what:?} is in records {} and {sequence}", before.sequence);
            self.doubled.get_or_insert(words);
        }
    }

    pub(super) fn accepted(
        &mut self,
        author: PartyNumber,
        request: RequestId,
        proof: Proof,
    ) -> Option<String> {
        self.answer(For::Request(author, request), proof)
    }

    /// What was recorded is not refused when it is asked for again.
    pub(super) fn rejected(
        &self,
        author: PartyNumber,
        request: RequestId,
        words: &str,
    ) -> Option<String> {
        let what = For::Request(author, request);
        let proof = self.recorded.get(&what)?;
        Some(format!("{what:?} is record {} and was refused: {words}", proof.sequence))
    }

    pub(super) fn confirmed(
        &mut self,
        by: PartyNumber,
        delivery: Sequence,
        proof: Proof,
    ) -> Option<String> {
        self.answer(For::Delivery(by, delivery), proof)
    }

    fn answer(&mut self, what: For, proof: Proof) -> Option<String> {
        match self.answered.entry(what) {
            Entry::Vacant(place) => {
                place.insert(proof);
                None
            }
            Entry::Occupied(before) if *before.get() == proof => None,
            Entry::Occupied(before) => Some(format!(
                "{what:?} was answered with record {} first and with record {} later",
                before.get().sequence,
                proof.sequence
            )),
        }
    }

    /// Holds every answer against the journal's bytes.
    pub(super) fn at_the_end(&self, records: &[Raw]) -> Option<String> {
        if let Some(words) = &self.doubled {
            return Some(words.clone());
        }
        for (what, proof) in &self.answered {
            let place = usize::try_from(proof.sequence).ok().and_then(|at| at.checked_sub(1));
            let raw = place.and_then(|at| records.get(at));
            let is_there =
                raw.is_some_and(|raw| raw.hash == proof.hash && raw.at_ms == proof.at_ms);
            if !is_there {
                let words = "was answered, and its record is not in the journal";
                return Some(format!("{what:?} {words} (record {})", proof.sequence));
            }
            if self.recorded.get(what) != Some(proof) {
                return Some(format!("{what:?} was answered with another request's record"));
            }
        }
        None
    }
}
