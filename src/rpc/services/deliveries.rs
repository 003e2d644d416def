//! Deliveries as they leave: the case, the record of the act, and the papers that go with it.

use super::Bus;
use crate::dispatch::Leased;
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::show::delivery::{carried, enclose, envelope};
use crate::rpc::status::Refusal;

impl Bus {
    /// The message of a leased delivery; none if it has been acknowledged since it was leased.
    pub(super) fn delivery(&self, leased: Leased) -> Result<Option<Delivery>, Refusal> {
        let Leased { case, sequence, order_ms: _, attempt } = leased;
        let id = DeliveryId { sequence, case };
        let missing = Refusal::Fault("a queue names a case that the index does not have");
        let case = self.engine.index().case(case)?.ok_or(missing)?;
        let missing = Refusal::Fault("a queue names a delivery that its case does not have");
        let run = case.delivered(sequence).ok_or(missing)?;
        if run.received().is_some() {
            return Ok(None);
        }
        let recorded = self.engine.recorded(sequence)?;
        let mut delivery = envelope(self.view(), &case, run, &recorded, (id, attempt))?;
        for act in carried(&case, run) {
            let missing = Refusal::Fault("a delivery needs a paper that its case does not have");
            let brought = case.last(*act).ok_or(missing)?;
            // The act on its way brings its own paper most often, and is read already.
            if brought.sequence == sequence {
                enclose(&mut delivery, &recorded)?;
            } else {
                enclose(&mut delivery, &self.engine.recorded(brought.sequence)?)?;
            }
        }
        Ok(Some(delivery))
    }
}
