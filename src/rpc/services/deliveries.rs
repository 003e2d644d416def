//! Deliveries as they leave: the case, the record of the act, and the papers that go with it.

use super::Bus;
use crate::dispatch::Leased;
use crate::domain::case::CopyRun;
use crate::domain::party::PartyNumber;
use crate::domain::{HopRun, Sequence};
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::show::delivery::{enclose, envelope, papers};
use crate::rpc::status::Refusal;

impl Bus {
    /// The message of a leased delivery; none if it has been acknowledged since it was leased.
    pub(super) fn delivery(
        &self,
        party: PartyNumber,
        leased: Leased,
    ) -> Result<Option<Delivery>, Refusal> {
        let Leased { case, sequence, order_ms: _, attempt } = leased;
        let id = DeliveryId { sequence, case };
        let missing = Refusal::Fault("a queue names a case that the index does not have");
        let case = self.engine.index().case(case)?.ok_or(missing)?;
        let missing = Refusal::Fault("a queue names a delivery that its case does not have");
        let Some(run) = case.carrying(sequence, party) else {
            let was_there = case.hops.iter().any(|run| of_delivery(run, sequence));
            return if was_there { Ok(None) } else { Err(missing) };
        };
        let recorded = self.engine.recorded(sequence)?;
        let mut delivery = envelope(self.view(), &case, run, &recorded, (id, attempt))?;
        let is_stage = |copy: &CopyRun| copy.delivery == sequence && copy.to == party && copy.stage;
        if case.copies.iter().any(is_stage) {
            // The monitoring system gets the stage of the service and nobody's papers.
            delivery.dispatch = None;
            return Ok(Some(delivery));
        }
        for paper in papers(&case, run) {
            // The act on its way brings its own paper most often, and is read already.
            if paper == sequence {
                enclose(&mut delivery, &recorded)?;
            } else {
                enclose(&mut delivery, &self.engine.recorded(paper)?)?;
            }
        }
        Ok(Some(delivery))
    }
}

fn of_delivery(run: &HopRun, delivery: Sequence) -> bool {
    run.acted().is_some_and(|acted| acted.sequence == delivery)
}
