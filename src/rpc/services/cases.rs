//! Reading cases.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Bus, Service};
use crate::domain::{Case, CaseId};
use crate::rpc::Caller;
use crate::rpc::access::{GET_CASE, GET_CASE_STATUS, LIST_CASES};
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::query::{self, Cases};
use crate::rpc::proto::cases::v1::case_service_server::CaseService;
use crate::rpc::proto::cases::v1::{
    CaseSummary, GetCaseRequest, GetCaseResponse, GetCaseStatusRequest, GetCaseStatusResponse,
    ListCasesRequest, ListCasesResponse, ListDataReadsRequest, ListDataReadsResponse,
};
use crate::rpc::show::{self, View};
use crate::rpc::status::Refusal;

/// Cases looked through for one page. A filter that few cases pass then gives short pages instead
/// of long waits.
const MAX_LOOKED_THROUGH: usize = 10_000;

/// Cases read from the index at once.
const READ_AT_ONCE: usize = 256;

#[tonic::async_trait]
impl CaseService for Service {
    async fn get_case(
        &self,
        request: Request<GetCaseRequest>,
    ) -> Result<Response<GetCaseResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let id = query::case(request.get_ref()).map_err(refuse)?;
        tracing::Span::current().record("case_id", tracing::field::display(id));
        bus.engine.caught_up().await;
        bus.case(id, &caller).map(Response::new).map_err(refuse)
    }

    async fn get_case_status(
        &self,
        request: Request<GetCaseStatusRequest>,
    ) -> Result<Response<GetCaseStatusResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let id = query::case_status(request.get_ref()).map_err(refuse)?;
        tracing::Span::current().record("case_id", tracing::field::display(id));
        bus.engine.caught_up().await;
        bus.case_status(id, &caller).map(Response::new).map_err(refuse)
    }

    async fn list_data_reads(
        &self,
        request: Request<ListDataReadsRequest>,
    ) -> Result<Response<ListDataReadsResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        // A page reads back the record of each of its reads.
        let listed =
            tokio::task::spawn_blocking(move || bus.data_reads(request.get_ref(), &caller)).await;
        let listed = listed.unwrap_or(Err(Refusal::Fault("listing reads panicked")));
        listed.map(Response::new).map_err(|refusal| self.0.refuse(&refusal))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        // A page may look through thousands of cases, which would hold up the calls beside it.
        let listed =
            tokio::task::spawn_blocking(move || bus.cases(request.get_ref(), &caller)).await;
        let listed = listed.unwrap_or(Err(Refusal::Fault("listing cases panicked")));
        listed.map(Response::new).map_err(|refusal| self.0.refuse(&refusal))
    }
}

impl Bus {
    fn case(&self, id: CaseId, caller: &Caller) -> Result<GetCaseResponse, Refusal> {
        let (view, now) = (self.view(), self.engine.clock().now());
        let case = self.engine.index().case(id)?;
        let case = case.filter(|case| is_visible(view, case, caller, GET_CASE));
        let case = case.ok_or(Refusal::CaseNotVisible)?;
        Ok(GetCaseResponse { case: Some(self.case_shown(&case, now)?) })
    }

    fn case_status(&self, id: CaseId, caller: &Caller) -> Result<GetCaseStatusResponse, Refusal> {
        let (view, now) = (self.view(), self.engine.clock().now());
        let case = self.engine.index().case(id)?;
        let case = case.filter(|case| is_visible(view, case, caller, GET_CASE_STATUS));
        let case = case.ok_or(Refusal::CaseNotVisible)?;
        Ok(GetCaseStatusResponse { status: Some(show::case::status(&case, now, &self.labels)) })
    }

    fn cases(
        &self,
        request: &ListCasesRequest,
        caller: &Caller,
    ) -> Result<ListCasesResponse, Refusal> {
        let Cases { state, region, page_items, page_token } = query::cases(request)?;
        let filter = [state.map_or(0, |state| state as u8), region.map_or(0, |of| of.number())];
        let listing = Listing { name: "cases", party: caller.party, filter: &filter };
        let mut after = listing.place(page_token)?.map(|place| case_id(&place)).transpose()?;
        let (view, index) = (self.view(), self.engine.index());
        let mut cases: Vec<CaseSummary> = Vec::new();
        let mut looked_through = 0;
        while cases.len() < page_items && looked_through < MAX_LOOKED_THROUGH {
            let read = index.cases(after, READ_AT_ONCE)?;
            let last = read.len() < READ_AT_ONCE;
            for case in read {
                if cases.len() == page_items {
                    // The rest of what was read is the next page's.
                    return Ok(page(&listing, cases, after));
                }
                (after, looked_through) = (Some(case.id), looked_through + 1);
                let wanted = region.is_none_or(|region| case.region == region)
                    && is_visible(view, &case, caller, LIST_CASES)
                    && state.is_none_or(|state| show::case::state(&case) == state);
                if wanted {
                    cases.push(show::case::summary(&case));
                }
            }
            if last {
                return Ok(page(&listing, cases, None));
            }
        }
        Ok(page(&listing, cases, after))
    }
}

/// Whether the access table shows the case to the caller by this method.
pub(super) fn is_visible(view: View<'_>, case: &Case, caller: &Caller, method: &str) -> bool {
    caller.access.reaches(method, show::case::relation(view, case, caller.party))
}

fn page(
    listing: &Listing<'_>,
    cases: Vec<CaseSummary>,
    after: Option<CaseId>,
) -> ListCasesResponse {
    let next_page_token = after.map(|last| listing.token(&last.0)).unwrap_or_default();
    ListCasesResponse { cases, next_page_token }
}

fn case_id(place: &[u8]) -> Result<CaseId, Refusal> {
    place.try_into().map(CaseId).map_err(|_| Refusal::PageTokenInvalid)
}
