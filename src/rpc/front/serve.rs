//! The server: listener, layers and services put together.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::watch;
use tonic::transport::server::Router;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::{FrontOptions, Http2Options, ListenOptions, Listener, layers};
use crate::engine::vitals::Health;
use crate::rpc::proto::FILE_DESCRIPTOR_SET;
use crate::rpc::services::{Bus, routes};

/// The service of `grpc.health.v1` that tells whether the bus takes new traffic. The empty name
/// tells whether it does its work; both answer by the progress of commits, not by the open port.
pub const READINESS: &str = "kopir.ready";

/// Everything that bounds the front.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// The parties' shares.
    pub front: FrontOptions,
    /// The listener.
    pub listen: ListenOptions,
    /// Each connection.
    pub http2: Http2Options,
}

/// Why the server ended or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The contract's own description is unusable: a broken build.
    #[error("the contract cannot be described: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves the bus on a listener until `stopping` turns true and open calls have ended.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    bus: Arc<Bus>,
    listener: Listener,
    options: ServeOptions,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let ServeOptions { front, http2, .. } = options;
    let rosters = Arc::clone(bus.rosters());
    let max_message_bytes = front.max_message_bytes;
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let health = bus.health();
    let now = health.borrow().clone();
    report(&reporter, &now).await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let services = routes(bus, max_message_bytes)
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        // What grpcurl and older tools still ask for.
        .add_service(reflection().build_v1alpha()?);
    let router: Router<_> = tonic::transport::Server::builder()
        .max_concurrent_streams(http2.max_concurrent_streams)
        .http2_max_header_list_size(http2.max_header_list_bytes)
        .initial_stream_window_size(http2.stream_window_bytes)
        .initial_connection_window_size(http2.connection_window_bytes)
        .http2_keepalive_interval(Some(http2.keepalive_interval))
        .http2_keepalive_timeout(Some(http2.keepalive_timeout))
        .http2_max_pending_accept_reset_streams(Some(http2.max_pending_reset_streams))
        .layer(layers(front, &rosters).into_inner())
        .add_routes(services);
    let reporting = keep_reporting(reporter, health, stopping.clone());
    let asked_to_stop = async move {
        // An error means that nobody can ask any more, which is a stop as well.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let serving = router.serve_with_incoming_shutdown(listener.into_stream(), asked_to_stop);
    tokio::select! {
        served = serving => Ok(served?),
        never = reporting => match never {},
    }
}

/// Lets the health service know of every change, and that a bus which stops serves no more.
async fn keep_reporting(
    mut reporter: HealthReporter,
    mut health: watch::Receiver<Health>,
    mut stopping: watch::Receiver<bool>,
) -> Infallible {
    loop {
        tokio::select! {
            // An error means that nobody judges any more, so what was said last stands.
            Ok(()) = health.changed() => {}
            Ok(()) = stopping.changed() => {}
            else => break,
        }
        if *stopping.borrow_and_update() {
            break;
        }
        let now = health.borrow_and_update().clone();
        report(&reporter, &now).await;
    }
    for service in ["", READINESS] {
        reporter.set_service_status(service, ServingStatus::NotServing).await;
        // Whoever watches is told that last and let go; an open call would hold up the stop.
        reporter.clear_service_status(service).await;
    }
    std::future::pending().await
}

async fn report(reporter: &HealthReporter, health: &Health) {
    let answers = [("", health.is_serving()), (READINESS, health.is_ready())];
    for (service, serves) in answers {
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status(service, status).await;
    }
}
