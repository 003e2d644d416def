//! The order within a case: an act needs an opening that stood and was not used, a receipt a
//! delivery that is on its way. Kept by the names in the records alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::party::PartyNumber;
use crate::domain::{
    ActRecorded, CaseId, DeliveryAcknowledged, DeliveryHeld, Event, HeldResolved, HopId, HopOpened,
    Resolution,
};

/// What stands open, by the records.
#[derive(Default)]
pub(super) struct Cases(BTreeMap<CaseId, Course>);

#[derive(Default)]
struct Course {
    /// Openings that stand, each as often as it was opened.
    open: BTreeMap<HopId, u32>,
    /// Deliveries on their way, by act and receiver.
    on_the_way: BTreeSet<(u64, PartyNumber)>,
    /// Those of them that are held.
    held: BTreeSet<(u64, PartyNumber)>,
}

impl Cases {
    /// What is out of order about a record.
    pub(super) fn recorded(&mut self, sequence: u64, event: &Event) -> Option<String> {
        match event {
            Event::Act(act) => self.act(sequence, act),
            Event::Acknowledged(receipt) => self.receipt(sequence, receipt),
            Event::DeliveryHeld(held) => self.held(sequence, held),
            Event::HeldResolved(resolved) => self.resolved(sequence, resolved),
            Event::PartyEnrolled(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::Notice(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => None,
        }
    }

    fn act(&mut self, sequence: u64, act: &ActRecorded) -> Option<String> {
        let is_known = self.0.contains_key(&act.case);
        if act.opening.is_some() == is_known {
            let what = if is_known { "opens it again" } else { "does not open it" };
            return Some(format!("case {}: record {sequence} {what}", act.case));
        }
        let course = self.0.entry(act.case).or_default();
        let mut wrong = None;
        if act.opening.is_none() && !course.take(act.hop) {
            wrong = Some(format!("discharges hop {}, which is not open", act.hop));
        }
        // What opens and is done by one act leaves no opening behind.
        course.open(&act.opened);
        for hop in &act.also {
            if !course.take(*hop) {
                wrong = Some(format!("discharges hop {hop} too, which is not open"));
            }
        }
        for hop in &act.closed {
            if !course.take(*hop) {
                wrong = Some(format!("closes hop {hop}, which is not open"));
            }
        }
        course.on_the_way.extend(act.deliveries.iter().map(|delivery| (sequence, delivery.to)));
        wrong.map(|wrong| format!("case {}: record {sequence} {wrong}", act.case))
    }

    fn receipt(&mut self, sequence: u64, receipt: &DeliveryAcknowledged) -> Option<String> {
        let course = self.0.get_mut(&receipt.case)?;
        course.open(&receipt.opened);
        let place = (receipt.delivery.0, receipt.by);
        let was_there = course.on_the_way.remove(&place);
        course.held.remove(&place);
        (!was_there).then(|| {
            let DeliveryAcknowledged { case, delivery, by, .. } = receipt;
            format!(
                "case {case}: record {sequence} acknowledges {delivery} by {by}, which is not on \
                 its way"
            )
        })
    }
}

impl Cases {
    /// What is held is on its way, and held once at a time.
    fn held(&mut self, sequence: u64, held: &DeliveryHeld) -> Option<String> {
        let DeliveryHeld { case, delivery, party, .. } = held;
        let place = (delivery.0, *party);
        let course = self.0.get_mut(case)?;
        let is_there = course.on_the_way.contains(&place) && course.held.insert(place);
        (!is_there).then(|| {
            format!(
                "case {case}: record {sequence} holds {delivery} for {party}, which is not on its \
                 way, or held already"
            )
        })
    }

    /// What is resolved was held; what is taken back is not on its way any more.
    fn resolved(&mut self, sequence: u64, resolved: &HeldResolved) -> Option<String> {
        let HeldResolved { case, delivery, party, resolution, .. } = resolved;
        let place = (delivery.0, *party);
        let course = self.0.get_mut(case)?;
        if *resolution == Resolution::Withdrawn {
            course.on_the_way.remove(&place);
        }
        (!course.held.remove(&place)).then(|| {
            format!(
                "case {case}: record {sequence} resolves {delivery} for {party}, which is not held"
            )
        })
    }
}

impl Course {
    fn open(&mut self, opened: &[HopOpened]) {
        for hop in opened {
            *self.open.entry(hop.hop).or_default() += 1;
        }
    }

    fn take(&mut self, hop: HopId) -> bool {
        match self.open.get_mut(&hop).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                true
            }
            None => false,
        }
    }
}
