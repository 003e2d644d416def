//! The front: the TLS listener and the layers before the services.
//!
//! A connection is nobody's until its certificate has named a party; a call reaches a service only
//! with a known caller, an allowed method, and room within the caller's share.

mod admit;
mod authorise;
mod explain;
mod identify;
mod listen;
mod trace;

use std::time::Duration;

use tower::layer::util::{Identity, Stack};

pub use listen::{ListenError, ListenOptions, Listener, Peer};

use admit::AdmitLayer;
use authorise::AuthoriseLayer;
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
    pub max_calls_per_second_per_party: u32,
    /// The largest message taken, in bytes; told to whoever sends a larger one.
    pub max_message_bytes: usize,
    /// How long a caller over its share is told to wait.
    pub retry_after: Duration,
}

/// The layers, outermost first.
pub type Layers = Stack<
    AdmitLayer,
    Stack<AuthoriseLayer, Stack<IdentifyLayer, Stack<ExplainLayer, Stack<TraceLayer, Identity>>>>,
>;

/// Puts the layers in their order.
pub fn layers(options: FrontOptions) -> tower::ServiceBuilder<Layers> {
    tower::ServiceBuilder::new()
        // Outermost, so that a refusal by any layer below is traced too.
        .layer(TraceLayer)
        // Above everything that decodes, to give the library's own errors a reason of ours.
        .layer(ExplainLayer::new(options.max_message_bytes))
        // Before anything that depends on who asks.
        .layer(IdentifyLayer)
        // Before the share is touched, so that a forbidden call costs nothing.
        .layer(AuthoriseLayer)
        // Last: only an allowed call uses up its caller's share.
        .layer(AdmitLayer::new(options))
}
