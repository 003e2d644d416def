//! The inbox of a party, and what it owes.

use std::sync::Arc;

use jiff::SignedDuration;
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::inbox_stream::{self, Deliveries};
use super::{Bus, Service};
use crate::domain::Sequence;
use crate::index::ObligationKey;
use crate::rpc::Caller;
use crate::rpc::parse::endpoint;
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::query::{self, Fetch, PartyPage};
use crate::rpc::proto::inbox::v1::inbox_service_server::InboxService;
use crate::rpc::proto::inbox::v1::{
    AcknowledgeDeliveryRequest, AcknowledgeDeliveryResponse, Delivery, FetchDeliveriesRequest,
    FetchDeliveriesResponse, GetEndpointRequest, GetEndpointResponse, ListObligationsRequest,
    ListObligationsResponse, OpenInboxRequest, RegisterEndpointRequest, RegisterEndpointResponse,
    RejectDeliveryRequest, RejectDeliveryResponse, UnregisterEndpointRequest,
    UnregisterEndpointResponse,
};
use crate::rpc::show::case::obligation;
use crate::rpc::show::time;
use crate::rpc::status::Refusal;

/// Bytes of one answer with deliveries, below the 4 MiB that clients take unless told otherwise.
const MAX_FETCHED_BYTES: usize = 3 << 20;

/// Bytes that one delivery can have: three papers, each of a message of at most 256 KiB, and the
/// rest of it.
const MAX_DELIVERY_BYTES: usize = 1 << 20;

#[tonic::async_trait]
impl InboxService for Service {
    type OpenInboxStream = Deliveries;

    async fn open_inbox(
        &self,
        request: Request<Streaming<OpenInboxRequest>>,
    ) -> Result<Response<Deliveries>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        let inbound = bus.until_stop(request);
        Ok(Response::new(inbox_stream::deliveries(bus, caller, inbound)))
    }

    async fn fetch_deliveries(
        &self,
        request: Request<FetchDeliveriesRequest>,
    ) -> Result<Response<FetchDeliveriesResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let fetch = query::fetch(request.get_ref(), &caller, bus.engine.roster());
        // A poll that follows a sender's receipt must not miss its delivery.
        bus.engine.caught_up().await;
        let fetched = fetch.and_then(|fetch| bus.fetch(fetch));
        fetched.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn acknowledge_delivery(
        &self,
        request: Request<AcknowledgeDeliveryRequest>,
    ) -> Result<Response<AcknowledgeDeliveryResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let id = query::acknowledged(request.get_ref()).map_err(refuse)?;
        tracing::Span::current().record("case_id", tracing::field::display(id.case));
        let confirmation = Some(bus.acknowledge(&caller, id).await.map_err(refuse)?);
        Ok(Response::new(AcknowledgeDeliveryResponse { confirmation }))
    }

    async fn reject_delivery(
        &self,
        request: Request<RejectDeliveryRequest>,
    ) -> Result<Response<RejectDeliveryResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let RejectDeliveryRequest { rejection } = request.into_inner();
        let rejection = rejection.unwrap_or_default();
        let confirmation = Some(bus.reject(&caller, &rejection).await.map_err(refuse)?);
        Ok(Response::new(RejectDeliveryResponse { confirmation }))
    }

    async fn list_obligations(
        &self,
        request: Request<ListObligationsRequest>,
    ) -> Result<Response<ListObligationsResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        let listed = bus.obligations(request.get_ref(), &caller);
        listed.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn register_endpoint(
        &self,
        request: Request<RegisterEndpointRequest>,
    ) -> Result<Response<RegisterEndpointResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let (asked, roster) = (bus.asked(&caller), bus.engine.roster());
        let asked = endpoint::register(request.get_ref(), asked, roster).map_err(refuse)?;
        let receipt = Some(bus.set_endpoint(asked).await.map_err(refuse)?);
        Ok(Response::new(RegisterEndpointResponse { receipt }))
    }

    async fn unregister_endpoint(
        &self,
        request: Request<UnregisterEndpointRequest>,
    ) -> Result<Response<UnregisterEndpointResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let (asked, roster) = (bus.asked(&caller), bus.engine.roster());
        let asked = endpoint::unregister(request.get_ref(), asked, roster).map_err(refuse)?;
        let receipt = Some(bus.set_endpoint(asked).await.map_err(refuse)?);
        Ok(Response::new(UnregisterEndpointResponse { receipt }))
    }

    async fn get_endpoint(
        &self,
        request: Request<GetEndpointRequest>,
    ) -> Result<Response<GetEndpointResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let party = endpoint::of(request.get_ref(), &caller, bus.engine.roster());
        bus.engine.caught_up().await;
        let found = party.and_then(|party| bus.endpoint(party));
        let endpoint = found.map_err(|refusal| bus.refuse(&refusal))?;
        Ok(Response::new(GetEndpointResponse { endpoint }))
    }
}

impl Bus {
    /// Says that a delivery cannot be built, which somebody has to look into. Not of a bus that
    /// has failed: its log has the cause, and a line for each delivery would bury it.
    pub(super) fn skipped(&self, delivery: Sequence, error: &Refusal) {
        if self.engine.is_alive() {
            tracing::error!(%delivery, %error, "a delivery cannot be built; it stays on lease and is tried again when that ends");
        }
    }

    /// Leases deliveries as long as they surely fit into one answer.
    fn fetch(&self, fetch: Fetch) -> Result<FetchDeliveriesResponse, Refusal> {
        let Fetch { party, max, lease } = fetch;
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut bytes = 0;
        while deliveries.len() < max && bytes + MAX_DELIVERY_BYTES <= MAX_FETCHED_BYTES {
            let fitting = (MAX_FETCHED_BYTES - bytes) / MAX_DELIVERY_BYTES;
            let next = fitting.min(max - deliveries.len());
            let leased = self.dispatch.fetch(party, next, lease)?;
            let last = leased.len() < next;
            for leased in leased {
                match self.delivery(party, leased) {
                    Ok(Some(delivery)) => {
                        bytes += delivery.encoded_len();
                        deliveries.push(delivery);
                    }
                    // It is leaving the queue, and its lease ends with that.
                    Ok(None) => {}
                    // One that cannot be read back must not keep the others from leaving. It stays
                    // on lease, and is tried again when that runs out.
                    Err(error) => self.skipped(leased.sequence, &error),
                }
            }
            if last {
                break;
            }
        }
        let lease = SignedDuration::try_from(lease).unwrap_or_default();
        let until = self.engine.clock().now().saturating_add(lease).ok();
        let lease_expire_time = until.filter(|_| !deliveries.is_empty()).map(time);
        Ok(FetchDeliveriesResponse { deliveries, lease_expire_time })
    }

    fn obligations(
        &self,
        request: &ListObligationsRequest,
        caller: &Caller,
    ) -> Result<ListObligationsResponse, Refusal> {
        let asked = query::obligations(request, caller, self.engine.roster())?;
        let PartyPage { party, page_items, page_token } = asked;
        let listing = Listing { name: "obligations", party, filter: &[] };
        let after = listing.place(page_token)?.map(|place| key(&place)).transpose()?;
        let index = self.engine.index();
        let owed = index.obligations(party, after, page_items)?;
        let next_page_token = match owed.last() {
            Some(last) if owed.len() == page_items => listing.token(&place(last.key)),
            Some(_) | None => String::new(),
        };
        let (view, now) = (self.view(), self.engine.clock().now());
        let mut obligations = Vec::with_capacity(owed.len());
        for one in owed {
            // What was done since the page was read is owed no more.
            if let Some(case) = index.case(one.case)?
                && let Some(run) = case.hops.iter().find(|run| run.hop == one.hop)
                && run.is_obligation()
            {
                obligations.push(obligation(view, &case, run, now));
            }
        }
        Ok(ListObligationsResponse { obligations, next_page_token })
    }
}

/// An obligation's place in the bytes of a page token.
fn place(key: ObligationKey) -> [u8; 17] {
    let ObligationKey { due_ms, opened_by, ordinal } = key;
    let mut place = [ordinal; 17];
    place[..8].copy_from_slice(&due_ms.to_be_bytes());
    place[8..16].copy_from_slice(&opened_by.0.to_be_bytes());
    place
}

fn key(place: &[u8]) -> Result<ObligationKey, Refusal> {
    let read = || {
        let (due_ms, rest) = place.split_first_chunk()?;
        let (opened_by, rest) = rest.split_first_chunk()?;
        let &[ordinal] = rest else { return None };
        let opened_by = Sequence(u64::from_be_bytes(*opened_by));
        Some(ObligationKey { due_ms: i64::from_be_bytes(*due_ms), opened_by, ordinal })
    };
    read().ok_or(Refusal::PageTokenInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_obligation_reads_back() {
        for due_ms in [i64::MIN, -1, 0, 1_700_000_000_123, ObligationKey::NO_TERM_MS] {
            let one = ObligationKey { due_ms, opened_by: Sequence(u64::MAX - 1), ordinal: 3 };
            assert_eq!(key(&place(one)).unwrap(), one);
        }
        for wrong in [&[][..], &[0; 16], &[0; 18]] {
            assert!(matches!(key(wrong), Err(Refusal::PageTokenInvalid)));
        }
    }
}
