//! Receipts of acts and confirmations of acknowledgements.

use jiff::Timestamp;

use super::{View, clock, digest, time};
use crate::domain::{ActRecorded, Case, DeliveryAcknowledged, HopRun, RequestId, Sequence};
use crate::engine::{Accepted, Confirmed};
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::inbox::v1::DeliveryConfirmation;
use crate::rpc::proto::types::v1 as types;

/// The receipt of an act. Told from the record alone and from what a case never changes, so that a
/// repeat brings the same one.
pub fn receipt(view: View<'_>, accepted: &Accepted) -> types::Receipt {
    let Accepted { sequence, at, hash, event, case, repeated: _ } = accepted;
    let ActRecorded {
        case: case_id,
        author: _,
        request,
        fingerprint,
        hop,
        act: _,
        discharged_at,
        decision: _,
        opening: _,
        service: _,
        opened,
        also,
        closed: _,
        deliveries: _,
        hearing_at: _,
        holding: _,
        signature: _,
        arrived_persons: _,
        body: _,
    } = &**event;
    let procedure = &case.procedure;
    // By its record, since a hop that is opened again has several runs.
    let by_it = |run: &&HopRun| run.acted().is_some_and(|acted| acted.sequence == *sequence);
    let own =
        case.hops.iter().filter(by_it).filter(|run| run.hop == *hop || also.contains(&run.hop));
    let closed = own.map(|run| clock::closed(view, procedure, run.into(), *discharged_at));
    let new = opened.iter().filter(|opened| !also.contains(&opened.hop));
    let opened = new.map(|opened| clock::opened(view, procedure, opened));
    types::Receipt {
        case_id: case_id.to_string(),
        request_id: request.to_string(),
        sequence: sequence.0,
        accepted_time: Some(time(*at)),
        record_hash: digest(hash),
        hop: hop.as_str().to_owned(),
        content_sha256: digest(fingerprint),
        clocks: closed.chain(opened).collect(),
    }
}

/// The receipt of an act outside all cases: its id, its place in the journal with the time and the
/// hash of its record, and the hash of its content. It names no case, no hop and no clock.
pub fn of_order(
    request: RequestId,
    (sequence, at, hash): (Sequence, Timestamp, [u8; 32]),
    content: [u8; 32],
) -> types::Receipt {
    types::Receipt {
        case_id: String::new(),
        request_id: request.to_string(),
        sequence: sequence.0,
        accepted_time: Some(time(at)),
        record_hash: digest(&hash),
        hop: String::new(),
        content_sha256: digest(&content),
        clocks: Vec::new(),
    }
}

/// The confirmation of an acknowledgement.
pub fn confirmation(view: View<'_>, confirmed: &Confirmed) -> DeliveryConfirmation {
    let Confirmed { sequence, at, hash, event, case } = confirmed;
    let DeliveryAcknowledged { case: case_id, delivery, by: _, opened } = event;
    let Case { procedure, .. } = &**case;
    let opened = opened.iter().map(|opened| clock::opened(view, procedure, opened));
    DeliveryConfirmation {
        delivery_id: DeliveryId { sequence: *delivery, case: *case_id }.to_string(),
        case_id: case_id.to_string(),
        received_time: Some(time(*at)),
        sequence: sequence.0,
        record_hash: digest(hash),
        clocks: opened.collect(),
    }
}
