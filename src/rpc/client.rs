//! A client's connection to the bus, for the command line, the demo, the bench and the tests. It is
//! what a party's own system would do: mutual TLS, one HTTP/2 connection, generated stubs on it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long connecting may take, handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes on their way that one stream may have; the default of 64 KiB holds a bulk stream back.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name is not one that a certificate could carry.
    #[error("'{0}' is not a host name or an address")]
    Name(String),
    /// Nobody answers, or the handshake failed.
    #[error("cannot connect to {address}: {source}; is the bus running, and is your certificate known to it?")]
    Unreachable {
        /// The address.
        address: SocketAddr,
        /// What happened.
        source: tonic::transport::Error,
    },
}

/// Connects to the bus at `address`, whose certificate must be for `name`.
///
/// # Errors
/// [`ConnectError`]; a refusal of the client's certificate shows only with the first call.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    tls: Arc<ClientConfig>,
) -> Result<Channel, ConnectError> {
    let server = ServerName::try_from(name.to_owned());
    let server = server.map_err(|_| ConnectError::Name(name.to_owned()))?;
    let connector = tower::service_fn(move |_: Uri| {
        let (tls, server) = (TlsConnector::from(Arc::clone(&tls)), server.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(TokioIo::new(tls.connect(server, stream).await?))
        }
    });
    // The authority is only a header here; the address above is what is connected to.
    Endpoint::from_static("https://kopir.invalid")
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .connect_with_connector(connector)
        .await
        .map_err(|source| ConnectError::Unreachable { address, source })
}
