//! How much waits for each party, counted as it comes and goes: nobody has to read a queue to know
//! its length.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::party::PartyNumber;
use crate::index::{Counts, QueueOp};

/// The counts. What the writer has decided is counted at once, so that an answer finds its own act
/// in them.
#[derive(Debug, Default)]
pub struct QueueCounts {
    counts: Mutex<BTreeMap<PartyNumber, Counts>>,
}

impl QueueCounts {
    /// What waits for a party.
    pub fn of(&self, party: PartyNumber) -> Counts {
        self.lock().get(&party).copied().unwrap_or_default()
    }

    /// What waits for every party that anything ever waited for in this process.
    pub fn all(&self) -> BTreeMap<PartyNumber, Counts> {
        self.lock().clone()
    }

    /// Begins with what the index has.
    pub(super) fn begin(&self, counts: BTreeMap<PartyNumber, Counts>) {
        *self.lock() = counts;
    }

    /// Whether so many deliveries wait for any party.
    pub(super) fn any_with(&self, deliveries: u64) -> bool {
        self.lock().values().any(|counts| counts.deliveries >= deliveries)
    }

    /// Takes in what a record changes.
    pub(super) fn take(&self, queue: &[QueueOp]) {
        self.count(queue, 1);
    }

    /// Takes it back: the record was not written.
    pub(super) fn take_back(&self, queue: &[QueueOp]) {
        self.count(queue, -1);
    }

    fn count(&self, queue: &[QueueOp], sign: i64) {
        let mut counts = self.lock();
        for op in queue {
            let (party, deliveries, held, obligations) = match op {
                QueueOp::AddDelivery { to, .. } => (*to, sign, 0, 0),
                QueueOp::RemoveDelivery { to, .. } => (*to, -sign, 0, 0),
                QueueOp::AddHeld { to, .. } => (*to, 0, sign, 0),
                QueueOp::RemoveHeld { to, .. } => (*to, 0, -sign, 0),
                QueueOp::AddObligation { holder, .. } => (*holder, 0, 0, sign),
                QueueOp::RemoveObligation { holder, .. } => (*holder, 0, 0, -sign),
                QueueOp::AddStanding { .. }
                | QueueOp::RemoveStanding { .. }
                | QueueOp::AddExpiry { .. }
                | QueueOp::RemoveExpiry { .. }
                | QueueOp::AddSaid(_)
                | QueueOp::Swept(_)
                | QueueOp::AddNotice { .. }
                | QueueOp::TakeNotice { .. }
                | QueueOp::AddOutgoing { .. }
                | QueueOp::RemoveOutgoing { .. }
                | QueueOp::AddOutage { .. }
                | QueueOp::SetEndpoint { .. }
                | QueueOp::AddRead { .. } => continue,
            };
            let of = counts.entry(party).or_default();
            of.deliveries = of.deliveries.saturating_add_signed(deliveries);
            of.held = of.held.saturating_add_signed(held);
            of.obligations = of.obligations.saturating_add_signed(obligations);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PartyNumber, Counts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
