//! The front: the TLS listener and the layers before the services.
//!
//! A connection is nobody's until its certificate has named a party; a call reaches a service only
//! with a known caller, an allowed method, and room within the caller's share.

mod admit;
mod authorise;
mod deadline;
mod explain;
mod guests;
mod identify;
mod listen;
mod serve;
mod trace;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tower::layer::util::{Identity, Stack};

pub use listen::{ListenError, ListenOptions, Listener, Peer};
pub use serve::{READINESS, ServeError, ServeOptions, serve};

use crate::engine::Rosters;
use admit::AdmitLayer;
use authorise::AuthoriseLayer;
use deadline::DeadlineLayer;
use explain::ExplainLayer;
use identify::IdentifyLayer;
use trace::TraceLayer;

/// Bounds on what a party may ask, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct FrontOptions {
    /// Calls of one party that may be answered at once, open streams not counted.
    pub max_concurrent_calls_per_party: usize,
    /// Calls of one party a second, over all its connections; the items of a bulk stream are
    /// bounded by its window instead.
    pub max_calls_per_second_per_party: NonZeroU32,
    /// The largest message taken, in bytes; told to whoever sends a larger one.
    pub max_message_bytes: usize,
    /// How long a caller over its share is told to wait.
    pub retry_after: Duration,
    /// The longest a call may take to be answered; a shorter deadline of the caller stands. What a
    /// stream may take is bounded by its own idle time.
    pub request_timeout: Duration,
}

/// Bounds of one HTTP/2 connection, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Http2Options {
    /// Calls at once on one connection.
    pub max_concurrent_streams: u32,
    /// Request headers together, in bytes.
    pub max_header_list_bytes: u32,
    /// What a peer may send on one stream before it is read, in bytes.
    pub stream_window_bytes: u32,
    /// What a peer may send on all streams together before it is read, in bytes.
    pub connection_window_bytes: u32,
    /// How often a silent connection is asked whether it still lives.
    pub keepalive_interval: Duration,
    /// How long the answer may take.
    pub keepalive_timeout: Duration,
    /// Streams that a peer may open and reset before the bus has looked at them.
    pub max_pending_reset_streams: usize,
}

/// The layers, outermost first.
pub type Layers = Stack<
    AdmitLayer,
    Stack<
        AuthoriseLayer,
        Stack<
            IdentifyLayer,
            Stack<DeadlineLayer, Stack<ExplainLayer, Stack<TraceLayer, Identity>>>,
        >,
    >,
>;

/// Puts the layers in their order.
pub fn layers(options: FrontOptions, rosters: &Rosters) -> tower::ServiceBuilder<Layers> {
    tower::ServiceBuilder::new()
        // Outermost, so that a refusal by any layer below is traced too.
        .layer(TraceLayer)
        // Above everything that decodes, to give the library's own errors a reason of ours.
        .layer(ExplainLayer { rosters: Arc::clone(rosters) })
        // Above everything that can take long; the library's own timeout stands outside of all
        // layers and could not be explained.
        .layer(DeadlineLayer { limit: options.request_timeout })
        // Before anything that depends on who asks.
        .layer(IdentifyLayer)
        // Before the share is touched, so that a forbidden call costs nothing.
        .layer(AuthoriseLayer)
        // Last: only an allowed call uses up its caller's share.
        .layer(AdmitLayer::new(options))
}
