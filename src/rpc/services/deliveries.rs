//! Deliveries as they leave: the case, the record of the act, and the papers that go with it.

use jiff::Timestamp;

use super::Bus;
use crate::dispatch::Leased;
use crate::domain::case::CopyRun;
use crate::domain::ladder::{Fired, NO_CASE};
use crate::domain::party::PartyNumber;
use crate::domain::{Case, Event, HopRun, Sequence};
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::proto::types::v1::SignatureVerdict;
use crate::rpc::show::delivery::{enclose, envelope, papers};
use crate::rpc::show::{self, notice};
use crate::rpc::status::Refusal;
use crate::trust::signature::policy::SIGNABLE;

/// Rungs shown of one hop; a term that nobody meets has one more each working day.
const MAX_RUNGS_SHOWN: usize = 64;

impl Bus {
    /// The message of a leased delivery; none if it has been acknowledged or held since it was
    /// leased.
    pub(in crate::rpc) fn delivery(
        &self,
        party: PartyNumber,
        leased: Leased,
    ) -> Result<Option<Delivery>, Refusal> {
        let Leased { case, sequence, order_ms: _, attempt } = leased;
        let id = DeliveryId { sequence, case };
        if case == NO_CASE {
            return self.notice(party, id, attempt).map(Some);
        }
        let missing = Refusal::Fault("a queue names a case that the index does not have");
        let case = self.engine.index().case(case)?.ok_or(missing)?;
        let missing = Refusal::Fault("a queue names a delivery that its case does not have");
        let Some(run) = case.carrying(sequence, party) else {
            let was_there = case.hops.iter().any(|run| of_delivery(run, sequence));
            return if was_there { Ok(None) } else { Err(missing) };
        };
        if case.held(sequence, party).is_some() {
            return Ok(None);
        }
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
                enclose(&mut delivery, paper, &recorded)?;
            } else {
                enclose(&mut delivery, paper, &self.engine.recorded(paper)?)?;
            }
        }
        Ok(Some(delivery))
    }
}

impl Bus {
    /// A notice, with what of it concerns the party.
    fn notice(
        &self,
        party: PartyNumber,
        id: DeliveryId,
        attempt: u32,
    ) -> Result<Delivery, Refusal> {
        let recorded = self.engine.recorded(id.sequence)?;
        let Event::Notice(said) = &recorded.event else {
            return Err(Refusal::Fault("a queue names a notice that is none"));
        };
        let citation = |fired: &Fired| {
            let case = self.engine.index().case(fired.case)?;
            let case = case.ok_or(Refusal::Fault("a notice names a case that is not there"))?;
            let law = self.view().hop(&case.procedure, fired.hop);
            Ok(law.map(|hop| hop.citation.clone()).unwrap_or_default())
        };
        notice::delivery(self.view(), party, (said, &recorded), (id, attempt), citation)
    }

    /// What was found of the signature on the document that a hop's act brought.
    fn signature_of(&self, run: &HopRun) -> Result<Option<SignatureVerdict>, Refusal> {
        let acted = run.acted().filter(|_| SIGNABLE.contains(&run.act));
        let Some(acted) = acted else { return Ok(None) };
        let recorded = self.engine.recorded(acted.sequence)?;
        let Event::Act(event) = &recorded.event else {
            return Err(Refusal::Fault("a hop names a record that is no act"));
        };
        let found = event.signature.as_ref();
        Ok(found.map(|found| show::signature::verdict(acted.sequence, found)))
    }

    /// A case with what was said of its terms and found of its signatures.
    pub(super) fn case_shown(&self, case: &Case, now: Timestamp) -> Result<cases::Case, Refusal> {
        let mut shown = show::case::case(self.view(), case, now);
        for (hop, run) in shown.hops.iter_mut().zip(&case.hops) {
            hop.signature = self.signature_of(run)?;
        }
        let mut said = self.engine.index().said(case.id)?;
        said.sort_by_key(|said| said.notice);
        for (place, hop) in shown.hops.iter_mut().enumerate() {
            let of_hop: Vec<_> =
                said.iter().filter(|said| usize::from(said.place) == place).collect();
            for said in of_hop.iter().skip(of_hop.len().saturating_sub(MAX_RUNGS_SHOWN)) {
                let recorded = self.engine.recorded(said.notice)?;
                let Event::Notice(record) = &recorded.event else {
                    return Err(Refusal::Fault("a case names a notice that is none"));
                };
                let is_it = |fired: &&Fired| {
                    (fired.case, fired.place, fired.rung) == (case.id, said.place, said.rung)
                };
                let fired = record.fired.iter().filter(is_it);
                let of = (&**record, &recorded);
                hop.rungs.extend(
                    fired.map(|fired| notice::of_case(self.view(), case, said.notice, of, fired)),
                );
            }
        }
        Ok(shown)
    }
}

fn of_delivery(run: &HopRun, delivery: Sequence) -> bool {
    run.acted().is_some_and(|acted| acted.sequence == delivery)
}
