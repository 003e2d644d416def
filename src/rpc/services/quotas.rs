//! The ledger of quotas: set by the authorised body, read by everybody.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Bus, Service};
use crate::domain::{Category, Event, QuotaKey, Rejection, SetQuota};
use crate::engine::QuotaTaken;
use crate::rpc::Caller;
use crate::rpc::parse::order;
use crate::rpc::parse::page::Listing;
use crate::rpc::proto::quotas::v1::quota_service_server::QuotaService;
use crate::rpc::proto::quotas::v1::{
    GetQuotaRequest, GetQuotaResponse, ListQuotasRequest, ListQuotasResponse, Quota,
    SetQuotaRequest, SetQuotaResponse,
};
use crate::rpc::show;
use crate::rpc::status::Refusal;

#[tonic::async_trait]
impl QuotaService for Service {
    async fn set_quota(
        &self,
        request: Request<SetQuotaRequest>,
    ) -> Result<Response<SetQuotaResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let asked = order::set_quota(request.get_ref(), bus.asked(&caller)).map_err(refuse)?;
        tracing::Span::current().record("request_id", tracing::field::display(asked.request));
        bus.set_quota(asked).await.map(Response::new).map_err(refuse)
    }

    async fn get_quota(
        &self,
        request: Request<GetQuotaRequest>,
    ) -> Result<Response<GetQuotaResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let key = order::quota(request.get_ref()).map_err(refuse)?;
        bus.engine.caught_up().await;
        let quota = bus.quota(key).map_err(refuse)?;
        Ok(Response::new(GetQuotaResponse { quota: Some(quota) }))
    }

    async fn list_quotas(
        &self,
        request: Request<ListQuotasRequest>,
    ) -> Result<Response<ListQuotasResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        // A page reads back the record of each of its quotas.
        let listed =
            tokio::task::spawn_blocking(move || bus.quotas(request.get_ref(), &caller)).await;
        let listed = listed.unwrap_or(Err(Refusal::Fault("listing quotas panicked")));
        listed.map(Response::new).map_err(|refusal| self.0.refuse(&refusal))
    }
}

impl Bus {
    async fn set_quota(&self, asked: SetQuota) -> Result<SetQuotaResponse, Refusal> {
        let (request, content) = (asked.request, asked.fingerprint);
        let taken = self.engine.set_quota(asked).await.map_err(Refusal::Order)?;
        let QuotaTaken { sequence, at, hash, key, quota } = taken;
        // A repeat may come after the quota was set anew, whose basis then stands.
        self.engine.caught_up().await;
        let quota = self.shown(key, quota)?;
        let receipt = show::receipt::of_order(request, (sequence, at, hash), content);
        Ok(SetQuotaResponse { receipt: Some(receipt), quota: Some(quota) })
    }

    fn quota(&self, key: QuotaKey) -> Result<Quota, Refusal> {
        let quota = self.engine.index().quota(key)?;
        if quota.limit.is_none() {
            return Err(Refusal::Order(Rejection::QuotaNotSet(key).into()));
        }
        self.shown(key, quota)
    }

    fn quotas(
        &self,
        request: &ListQuotasRequest,
        caller: &Caller,
    ) -> Result<ListQuotasResponse, Refusal> {
        let asked = order::quotas(request)?;
        let order::Quotas { year, category, region, page_items, page_token } = asked;
        let [high, low] = year.unwrap_or_default().to_be_bytes();
        let filter =
            [high, low, category.map_or(0, Category::tag), region.map_or(0, |of| of.number())];
        let listing = Listing { name: "quotas", party: caller.party, filter: &filter };
        let after = listing.place(page_token)?;
        let mut quotas = self.engine.index().quotas()?;
        quotas.retain(|(key, quota)| {
            quota.limit.is_some()
                && year.is_none_or(|year| key.year == year)
                && category.is_none_or(|category| key.category == category)
                && region.is_none_or(|region| key.region == region)
                && after.as_ref().is_none_or(|after| place(*key)[..] > after[..])
        });
        quotas.sort_by_key(|(key, _)| place(*key));
        let next_page_token = match quotas.get(page_items.saturating_sub(1)) {
            Some((last, _)) if quotas.len() > page_items => listing.token(&place(*last)),
            Some(_) | None => String::new(),
        };
        quotas.truncate(page_items);
        let shown = quotas.into_iter().map(|(key, quota)| self.shown(key, quota));
        Ok(ListQuotasResponse { quotas: shown.collect::<Result<_, _>>()?, next_page_token })
    }

    /// A quota with the act that set it last.
    fn shown(&self, key: QuotaKey, quota: crate::domain::Quota) -> Result<Quota, Refusal> {
        let Some(set) = self.engine.index().quota_set(key)? else {
            return Ok(show::quota::quota(key, quota, None));
        };
        let recorded = self.engine.recorded(set)?;
        let Event::QuotaSet(set) = recorded.event else {
            return Err(Refusal::Fault("a quota names a record that did not set it"));
        };
        Ok(show::quota::quota(key, quota, Some((&set, recorded.at))))
    }
}

/// A quota's place in the listing, in bytes that order as the listing does: later years first, then
/// by category and region.
fn place(key: QuotaKey) -> [u8; 4] {
    let QuotaKey { region, year, category } = key;
    let [high, low] = (u16::MAX - year.cast_unsigned()).to_be_bytes();
    [high, low, category.tag(), region.number()]
}
