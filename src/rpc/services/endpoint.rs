//! Where a party has its deliveries brought to.

use super::Bus;
use crate::domain::party::PartyNumber;
use crate::domain::{Event, Sequence, SetEndpoint};
use crate::engine::EndpointTaken;
use crate::rpc::proto::inbox::v1::Endpoint;
use crate::rpc::proto::types::v1::Receipt;
use crate::rpc::show;
use crate::rpc::status::Refusal;

impl Bus {
    /// Makes an endpoint's registration, or the end of it, durable. Delivery heeds it as soon as
    /// the index has it.
    pub(super) async fn set_endpoint(&self, asked: SetEndpoint) -> Result<Receipt, Refusal> {
        let (request, content) = (asked.request, asked.fingerprint);
        tracing::Span::current().record("request_id", tracing::field::display(request));
        let taken = self.engine.set_endpoint(asked).await.map_err(Refusal::Order)?;
        let EndpointTaken { sequence, at, hash } = taken;
        Ok(show::receipt::of_order(request, (sequence, at, hash), content))
    }

    /// The endpoint of a party, if it has one.
    pub(super) fn endpoint(&self, party: PartyNumber) -> Result<Option<Endpoint>, Refusal> {
        let Some(registered) = self.engine.index().endpoint(party)? else { return Ok(None) };
        let (set, at) = self.endpoint_set(registered)?;
        let Some(url) = &set.url else { return Ok(None) };
        let health = self.dispatch.push_health(party);
        let roster = self.engine.roster();
        Ok(Some(show::endpoint::endpoint(roster, (&set, url, at), health)))
    }

    /// What a record registered, and when.
    pub(in crate::rpc) fn endpoint_set(
        &self,
        registered: Sequence,
    ) -> Result<(crate::domain::EndpointSet, jiff::Timestamp), Refusal> {
        let recorded = self.engine.recorded(registered)?;
        let Event::EndpointSet(set) = recorded.event else {
            return Err(Refusal::Fault("an endpoint names a record that did not set it"));
        };
        Ok((set, recorded.at))
    }
}
