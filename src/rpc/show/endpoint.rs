//! A party's endpoint and how it fares.

use jiff::Timestamp;

use super::time;
use crate::dispatch::push::{BreakerState, PushFault, PushHealth};
use crate::domain::{EndpointSet, EndpointUrl, Roster};
use crate::rpc::proto::inbox::v1::{Endpoint, EndpointFailure, EndpointState};

/// The endpoint that a record registered at `at`. Before its health is known it is one that nothing
/// has gone wrong with.
pub fn endpoint(
    roster: &Roster,
    (set, url, at): (&EndpointSet, &EndpointUrl, Timestamp),
    health: Option<PushHealth>,
) -> Endpoint {
    let EndpointSet { party, url: _, author, request: _, fingerprint: _ } = set;
    let name = |party| roster.id(party).map(ToString::to_string).unwrap_or_default();
    let unknown = PushHealth {
        state: BreakerState::Closed,
        consecutive_failures: 0,
        since: None,
        last_failure: None,
        next_attempt_at: None,
    };
    let PushHealth { state, consecutive_failures, since, last_failure, next_attempt_at } =
        health.unwrap_or(unknown);
    let state = match state {
        BreakerState::Closed => EndpointState::Closed,
        BreakerState::Open => EndpointState::Open,
        BreakerState::HalfOpen => EndpointState::HalfOpen,
    };
    Endpoint {
        party_id: name(*party),
        url: url.to_string(),
        registered_time: Some(time(at)),
        registered_by_party_id: name(*author),
        state: state.into(),
        consecutive_failure_count: consecutive_failures,
        failing_since_time: since.map(time),
        next_attempt_time: next_attempt_at.map(time),
        last_failure: last_failure.map(|(fault, _)| failure(fault).into()).unwrap_or_default(),
        last_failure_time: last_failure.map(|(_, at)| time(at)),
    }
}

fn failure(fault: PushFault) -> EndpointFailure {
    match fault {
        PushFault::NoConnection => EndpointFailure::NoConnection,
        PushFault::Handshake => EndpointFailure::HandshakeFailed,
        PushFault::Certificate => EndpointFailure::CertificateRefused,
        PushFault::TimedOut => EndpointFailure::TimedOut,
        PushFault::Broken => EndpointFailure::ConnectionBroken,
        PushFault::Busy => EndpointFailure::AskedForTime,
        PushFault::ErrorStatus => EndpointFailure::ErrorStatus,
        PushFault::OtherAnswer => EndpointFailure::BadAnswer,
    }
}
