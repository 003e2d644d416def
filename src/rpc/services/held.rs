//! Rejections, and what is done about the deliveries that are held.

use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::inbox_list::{key, place};
use super::{Bus, Service};
use crate::domain::held::DeliveryHeld;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, Event, ReadContent, ResolveHeld, Sequence};
use crate::engine::HeldTaken;
use crate::index::{QueueKey, QueuedDelivery};
use crate::rpc::Caller;
use crate::rpc::access::{LIST_HELD, Relation, Sees};
use crate::rpc::parse::held::{self, HeldPage};
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::reading::StatedPurpose;
use crate::rpc::proto::inbox::v1::held_service_server::HeldService;
use crate::rpc::proto::inbox::v1::{
    DeliveryRejection, HeldDelivery, ListHeldRequest, ListHeldResponse, RedirectDeliveryRequest,
    RedirectDeliveryResponse, RejectionConfirmation, ReleaseDeliveryRequest,
    ReleaseDeliveryResponse, WithdrawDeliveryRequest, WithdrawDeliveryResponse,
};
use crate::rpc::proto::types::v1::Receipt;
use crate::rpc::show;
use crate::rpc::status::Refusal;

#[tonic::async_trait]
impl HeldService for Service {
    async fn list_held(
        &self,
        request: Request<ListHeldRequest>,
    ) -> Result<Response<ListHeldResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        // A page reads back the record of each of its deliveries.
        let listed = tokio::task::spawn_blocking(move || {
            let listed = bus.list_held(request.get_ref(), &caller)?;
            Ok((listed, caller))
        });
        let listed = listed.await.unwrap_or(Err(Refusal::Fault("listing what is held panicked")));
        let refuse = |refusal: Refusal| self.0.refuse(&refusal);
        let (Listed { answer, read, purpose }, caller) = listed.map_err(refuse)?;
        if let Some(purpose) = purpose {
            let recorded =
                self.0.record_reads(&caller, read, ReadContent::HeldWords, &purpose).await;
            recorded.map_err(refuse)?;
        }
        Ok(Response::new(answer))
    }

    async fn release_delivery(
        &self,
        request: Request<ReleaseDeliveryRequest>,
    ) -> Result<Response<ReleaseDeliveryResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let asked = held::release(request.get_ref(), bus.asked(&caller), bus.roster());
        let receipt = Some(bus.resolve_held(asked).await?);
        Ok(Response::new(ReleaseDeliveryResponse { receipt }))
    }

    async fn redirect_delivery(
        &self,
        request: Request<RedirectDeliveryRequest>,
    ) -> Result<Response<RedirectDeliveryResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let asked = held::redirect(request.get_ref(), bus.asked(&caller), bus.roster());
        let receipt = Some(bus.resolve_held(asked).await?);
        Ok(Response::new(RedirectDeliveryResponse { receipt }))
    }

    async fn withdraw_delivery(
        &self,
        request: Request<WithdrawDeliveryRequest>,
    ) -> Result<Response<WithdrawDeliveryResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let asked = held::withdraw(request.get_ref(), bus.asked(&caller), bus.roster());
        let receipt = Some(bus.resolve_held(asked).await?);
        Ok(Response::new(WithdrawDeliveryResponse { receipt }))
    }
}

impl Bus {
    /// Makes a rejection durable. The delivery leaves its lease with the queue, when the index has
    /// the rejection, and not before: released at once, it must not be taken for one that is over.
    pub(super) async fn reject(
        &self,
        caller: &Caller,
        message: &DeliveryRejection,
    ) -> Result<RejectionConfirmation, Refusal> {
        self.reject_for(caller.party, message).await
    }

    /// The same for a party whose endpoint has answered.
    pub(in crate::rpc) async fn reject_for(
        &self,
        party: PartyNumber,
        message: &DeliveryRejection,
    ) -> Result<RejectionConfirmation, Refusal> {
        let asked = held::rejection(message, party)?;
        let taken = self.engine.reject(asked).await.map_err(Refusal::Order)?;
        let held = self.held_by(taken.sequence)?;
        Ok(show::held::confirmation(self.view(), &taken, &held))
    }

    async fn resolve_held(&self, asked: Result<ResolveHeld, Refusal>) -> Result<Receipt, Status> {
        let refuse = |refusal: Refusal| self.refuse(&refusal);
        let asked = asked.map_err(refuse)?;
        let span = tracing::Span::current();
        span.record("request_id", tracing::field::display(asked.request));
        span.record("case_id", tracing::field::display(asked.case));
        let (request, content, case) = (asked.request, asked.fingerprint, asked.case);
        let taken = self.engine.resolve_held(asked).await;
        let taken = taken.map_err(|error| refuse(Refusal::Order(error)))?;
        let HeldTaken { sequence, at, hash, case: _ } = taken;
        let receipt = show::receipt::of_order(request, (sequence, at, hash), content);
        Ok(Receipt { case_id: case.to_string(), ..receipt })
    }

    /// A page of what is held. It reads the index, and of the journal the records that hold it.
    fn list_held(&self, request: &ListHeldRequest, caller: &Caller) -> Result<Listed, Refusal> {
        let HeldPage { party, page_items, page_token, purpose } =
            held::list(request, caller, self.engine.roster())?;
        let filter: &[u8] = if party.is_some() { b"party" } else { b"" };
        let of = party.unwrap_or(caller.party);
        let listing = Listing { name: "held", party: of, filter };
        let after = listing.place(page_token)?.map(|place| party_and_key(&place)).transpose()?;
        let index = self.engine.index();
        let page = match party {
            Some(party) => {
                let held = index.held(party, after.map(|(_, key)| key), page_items)?;
                held.into_iter().map(|one| (party, one)).collect()
            }
            None => index.held_with_all(after, page_items)?,
        };
        let next_page_token = match page.last() {
            Some((party, last)) if page.len() == page_items => {
                listing.token(&[&party.0.to_be_bytes()[..], &place(last.key)].concat())
            }
            Some(_) | None => String::new(),
        };
        let mut deliveries = Vec::with_capacity(page.len());
        let mut read = BTreeSet::new();
        for (party, one) in page {
            // The words of a receiver may say more of a person than they should.
            let relation = self.relation_to(caller, party);
            let sees = caller.access.sees(LIST_HELD, ReadContent::HeldWords, relation);
            let tells = match sees {
                Sees::Own => true,
                Sees::ForPurpose => purpose.is_some(),
                Sees::Nothing => false,
            };
            let Some(shown) = self.held_delivery(party, one, tells)? else { continue };
            if sees == Sees::ForPurpose && !shown.detail.is_empty() {
                read.insert(one.case);
            }
            deliveries.push(shown);
        }
        Ok(Listed { answer: ListHeldResponse { deliveries, next_page_token }, read, purpose })
    }

    /// How a caller stands to a party.
    fn relation_to(&self, caller: &Caller, party: PartyNumber) -> Relation {
        if caller.party == party {
            Relation::Own
        } else if self.roster().may_act_for(caller.party, party) {
            Relation::ActsFor
        } else {
            Relation::Stranger
        }
    }

    /// A held delivery; none when it was resolved since its page was read.
    fn held_delivery(
        &self,
        party: PartyNumber,
        one: QueuedDelivery,
        tells_detail: bool,
    ) -> Result<Option<HeldDelivery>, Refusal> {
        let QueuedDelivery { key: QueueKey { sequence, .. }, case, mark: _ } = one;
        let Some(case) = self.engine.index().case(case)? else { return Ok(None) };
        let (Some(held), Some(run)) = (case.held(sequence, party), case.carrying(sequence, party))
        else {
            return Ok(None);
        };
        let event = self.held_by(held.since.sequence)?;
        let how = (self.engine.clock().now(), tells_detail);
        Ok(Some(show::held::delivery(self.view(), &case, run, (sequence, held), &event, how)))
    }

    /// The record that holds a delivery.
    fn held_by(&self, sequence: Sequence) -> Result<DeliveryHeld, Refusal> {
        let Event::DeliveryHeld(held) = self.engine.recorded(sequence)?.event else {
            return Err(Refusal::Fault("a held delivery names a record that did not hold it"));
        };
        Ok(held)
    }
}

/// A page, and what of it has to be recorded before it is answered.
struct Listed {
    answer: ListHeldResponse,
    /// The cases of which somebody else's words are told.
    read: BTreeSet<CaseId>,
    purpose: Option<StatedPurpose>,
}

fn party_and_key(place: &[u8]) -> Result<(PartyNumber, QueueKey), Refusal> {
    let (party, rest) = place.split_first_chunk().ok_or(Refusal::PageTokenInvalid)?;
    Ok((PartyNumber(u32::from_be_bytes(*party)), key(rest)?))
}
