//! `kopir inbox endpoint`: where a party of a running bus has its deliveries brought to.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::bus::BusArgs;
use super::super::output::{Failure, note, print, print_json};
use super::super::words;
use crate::domain::EndpointUrl;
use crate::domain::party::PartyId;
use crate::rpc::client::CallError;
use crate::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use crate::rpc::proto::inbox::v1::{
    Endpoint, EndpointFailure, EndpointState, GetEndpointRequest, RegisterEndpointRequest,
    UnregisterEndpointRequest,
};

/// Have a party's deliveries brought to a server of its own
///
/// The bus calls kopir.agency.v1.AgencyService there, over mutual TLS. The server's certificate
/// must carry the identity of the party, or of one that acts for it; the name of the host is not
/// looked at. Streams and polling go on beside it.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum EndpointCommand {
    /// Register the server, in place of the one before
    ///
    /// Example:
    ///
    ///   kopir inbox endpoint set https://agency.example.kz:8443 --as akimat-kz-55 --certs certs
    #[command(verbatim_doc_comment)]
    Set(SetArgs),
    /// Show the server and how deliveries to it fare
    ///
    /// Example:
    ///
    ///   kopir inbox endpoint show akimat-kz-55 --certs certs
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
    /// Take the server back; what is on its way to it is free for delivery at once
    ///
    /// Example:
    ///
    ///   kopir inbox endpoint remove --as akimat-kz-55 --certs certs
    #[command(verbatim_doc_comment)]
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Where the bus is to call: https, a host and a port
    url: EndpointUrl,
    /// The party whose deliveries go there; left out, the caller
    #[arg(long = "party", value_name = "PARTY")]
    whose: Option<PartyId>,
    /// To repeat an act whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The party; left out, the caller
    #[arg(value_name = "PARTY")]
    whose: Option<PartyId>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The party whose deliveries go there; left out, the caller
    #[arg(long = "party", value_name = "PARTY")]
    whose: Option<PartyId>,
    /// To repeat an act whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
}

pub(super) fn run(command: &EndpointCommand) -> Result<(), Failure> {
    match command {
        EndpointCommand::Set(args) => set(args),
        EndpointCommand::Show(args) => show(args),
        EndpointCommand::Remove(args) => remove(args),
    }
}

fn set(args: &SetArgs) -> Result<(), Failure> {
    let request = RegisterEndpointRequest {
        request_id: request_id(args.request_id),
        url: args.url.to_string(),
        party_id: named(args.whose.as_ref()),
    };
    args.bus.call(async |channel| {
        InboxServiceClient::new(channel).register_endpoint(request).await?;
        Ok::<_, CallError>(())
    })?;
    print(format_args!("deliveries go to {}\n", args.url))
}

fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    let request = UnregisterEndpointRequest {
        request_id: request_id(args.request_id),
        party_id: named(args.whose.as_ref()),
    };
    args.bus.call(async |channel| {
        InboxServiceClient::new(channel).unregister_endpoint(request).await?;
        Ok::<_, CallError>(())
    })?;
    print("deliveries go to no endpoint any more\n")
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let request = GetEndpointRequest { party_id: named(args.whose.as_ref()) };
    let endpoint = args.bus.call(async |channel| {
        let answer = InboxServiceClient::new(channel).get_endpoint(request).await?;
        Ok::<_, CallError>(answer.into_inner().endpoint)
    })?;
    if args.json {
        return print_json(&endpoint.as_ref().map_or(Value::Null, endpoint_json));
    }
    match endpoint {
        None => print("no endpoint is registered\n"),
        Some(endpoint) => print(told(&endpoint)),
    }
}

fn request_id(given: Option<Uuid>) -> String {
    let id = given.unwrap_or_else(Uuid::new_v4).to_string();
    note(format_args!("request id {id}; repeat with --request-id if no answer comes"));
    id
}

fn named(party: Option<&PartyId>) -> String {
    party.map(ToString::to_string).unwrap_or_default()
}

fn told(endpoint: &Endpoint) -> String {
    let state = match endpoint.state() {
        EndpointState::Unspecified => "unknown",
        EndpointState::Closed => "deliveries go out as they come",
        EndpointState::Open => "nothing goes out until the next attempt",
        EndpointState::HalfOpen => "one delivery is on its way to see whether it is back",
    };
    let mut told = format!(
        "{} at {}\nregistered {} by {}\n{state}\n",
        endpoint.party_id,
        endpoint.url,
        words::time(endpoint.registered_time),
        endpoint.registered_by_party_id,
    );
    if endpoint.consecutive_failure_count > 0 {
        let (count, since) = (endpoint.consecutive_failure_count, endpoint.failing_since_time);
        told += &format!("failed attempts in a row: {count}, since {}\n", words::time(since));
    }
    if let Some((_, why)) = failure(endpoint.last_failure()) {
        told += &format!("last failure: {}, {why}\n", words::time(endpoint.last_failure_time));
    }
    if endpoint.next_attempt_time.is_some() {
        told += &format!("next attempt: {}\n", words::time(endpoint.next_attempt_time));
    }
    told
}

/// The name of a failure and what it means; none without one.
fn failure(failure: EndpointFailure) -> Option<(&'static str, &'static str)> {
    Some(match failure {
        EndpointFailure::Unspecified => return None,
        EndpointFailure::NoConnection => ("no-connection", "no connection was made"),
        EndpointFailure::HandshakeFailed => ("handshake-failed", "the TLS handshake failed"),
        EndpointFailure::CertificateRefused => {
            ("certificate-refused", "the bus refused its certificate")
        }
        EndpointFailure::TimedOut => ("timed-out", "no answer came in time"),
        EndpointFailure::ConnectionBroken => ("connection-broken", "the connection broke"),
        EndpointFailure::AskedForTime => ("asked-for-time", "it asked for time"),
        EndpointFailure::ErrorStatus => ("error-status", "it answered with an error"),
        EndpointFailure::BadAnswer => ("bad-answer", "its answer was none to the delivery"),
    })
}

fn endpoint_json(endpoint: &Endpoint) -> Value {
    let state = match endpoint.state() {
        EndpointState::Unspecified => "unknown",
        EndpointState::Closed => "closed",
        EndpointState::Open => "open",
        EndpointState::HalfOpen => "half-open",
    };
    json!({
        "party": endpoint.party_id,
        "url": endpoint.url,
        "registered": words::time(endpoint.registered_time),
        "registered_by": endpoint.registered_by_party_id,
        "state": state,
        "consecutive_failures": endpoint.consecutive_failure_count,
        "failing_since": words::time(endpoint.failing_since_time),
        "last_failure": failure(endpoint.last_failure()).map(|(name, _)| name),
        "last_failure_time": words::time(endpoint.last_failure_time),
        "next_attempt": words::time(endpoint.next_attempt_time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_fares_well_is_told_without_its_failures() {
        let endpoint = Endpoint {
            party_id: "akimat-kz-55".into(),
            url: "https://agency.sample.invalid:8443".into(),
            state: EndpointState::Closed.into(),
            ..Endpoint::default()
        };
        let well = told(&endpoint);
        assert!(well.contains("deliveries go out as they come") && !well.contains("fail"));
        assert_eq!(endpoint_json(&endpoint)["last_failure"], Value::Null);
        let failing = Endpoint {
            state: EndpointState::Open.into(),
            consecutive_failure_count: 7,
            last_failure: EndpointFailure::CertificateRefused.into(),
            ..endpoint
        };
        assert!(told(&failing).contains("failed attempts in a row: 7"));
        assert!(told(&failing).contains("the bus refused its certificate\n"));
        assert_eq!(endpoint_json(&failing)["state"], "open");
        assert_eq!(endpoint_json(&failing)["last_failure"], "certificate-refused");
    }
}
