//! The endpoint of a party: registered, taken back, asked for.

use super::Asked;
use super::fault::{Faults, Path};
use super::order::fingerprint;
use super::query::{acted_for, registered};
use super::rule;
use crate::domain::party::PartyNumber;
use crate::domain::{EndpointUrl, Roster, SetEndpoint};
use crate::rpc::Caller;
use crate::rpc::access::{GET_ENDPOINT, Relation};
use crate::rpc::proto::inbox::v1::{
    GetEndpointRequest, RegisterEndpointRequest, UnregisterEndpointRequest,
};
use crate::rpc::status::Refusal;

/// Reads an endpoint to be registered.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found, or [`Refusal::PartyNotAllowed`] for another's
/// inbox.
pub fn register(
    request: &RegisterEndpointRequest,
    asked: Asked<'_>,
    roster: &Roster,
) -> Result<SetEndpoint, Refusal> {
    let RegisterEndpointRequest { request_id, url, party_id } = request;
    let party = acted_for(party_id, asked.caller, roster)?;
    let mut faults = Faults::new();
    let request = rule::request_id(&mut faults, &Path::Root.field("request_id"), request_id);
    let url = url.parse::<EndpointUrl>().map_err(|fault| {
        faults.field(&Path::Root.field("url"), format_args!("{fault}"));
    });
    let (request, url) = faults.judge(request.zip(url.ok()))?;
    let content = [&party.0.to_be_bytes()[..], url.as_str().as_bytes()];
    Ok(SetEndpoint {
        author: asked.caller.party,
        request,
        fingerprint: fingerprint(b"kopir endpoint v1\0", &content),
        party,
        url: Some(url),
    })
}

/// Reads an endpoint to be taken back.
///
/// # Errors
/// As for [`register`].
pub fn unregister(
    request: &UnregisterEndpointRequest,
    asked: Asked<'_>,
    roster: &Roster,
) -> Result<SetEndpoint, Refusal> {
    let UnregisterEndpointRequest { request_id, party_id } = request;
    let party = acted_for(party_id, asked.caller, roster)?;
    let mut faults = Faults::new();
    let request = rule::request_id(&mut faults, &Path::Root.field("request_id"), request_id);
    let request = faults.judge(request)?;
    let fingerprint = fingerprint(b"kopir endpoint v1\0", &[&party.0.to_be_bytes()]);
    Ok(SetEndpoint { author: asked.caller.party, request, fingerprint, party, url: None })
}

/// Whose endpoint is asked for.
///
/// # Errors
/// [`Refusal::Invalid`], or [`Refusal::PartyNotAllowed`] for a party that is not the caller's to
/// look at.
pub fn of(
    request: &GetEndpointRequest,
    caller: &Caller,
    roster: &Roster,
) -> Result<PartyNumber, Refusal> {
    let GetEndpointRequest { party_id } = request;
    if !caller.access.reaches(GET_ENDPOINT, Relation::Stranger) || party_id.is_empty() {
        return acted_for(party_id, caller, roster);
    }
    let mut faults = Faults::new();
    let party = registered(&mut faults, party_id, roster);
    Ok(faults.judge(party)?)
}
