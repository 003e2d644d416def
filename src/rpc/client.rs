//! A client's connection to the bus, for the command line, the demo, the bench and the tests. It is
//! what a party's own system would do: mutual TLS, one HTTP/2 connection, generated stubs on it.

use std::fmt;
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
use tonic_types::StatusExt as _;

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
    #[error(
        "cannot connect to {address}: {source}; is the bus running, and is your certificate known to it?"
    )]
    Unreachable {
        /// The address.
        address: SocketAddr,
        /// What happened.
        source: tonic::transport::Error,
    },
}

/// A connection, on which the generated clients are built. Cloning it shares the connection.
pub type BusChannel = Channel;

/// A refusal by the bus, in words: the reason, the message, and what each detail asks for.
#[derive(Debug, Clone)]
pub struct CallError(Box<tonic::Status>);

impl CallError {
    /// The stable reason, empty when the answer did not come from the bus itself.
    pub fn reason(&self) -> String {
        self.0.get_details_error_info().map(|info| info.reason).unwrap_or_default()
    }

    /// The status with its details.
    pub fn status(&self) -> &tonic::Status {
        &self.0
    }
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        Self(Box::new(status))
    }
}

impl std::error::Error for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        match reason.as_str() {
            "" => write!(f, "{:?}: {}", self.0.code(), self.0.message())?,
            reason => write!(f, "{reason}: {}", self.0.message())?,
        }
        let details = self.0.get_error_details();
        for violation in details.bad_request().iter().flat_map(|bad| &bad.field_violations) {
            write!(f, "\n  {}: {}", violation.field, violation.description)?;
        }
        for open in details.precondition_failure().iter().flat_map(|failed| &failed.violations) {
            write!(f, "\n  {}: {}", open.subject, open.description)?;
        }
        if let Some(wait) = details.retry_info().and_then(|info| info.retry_delay) {
            write!(f, "\n  repeat after {:.1} s", wait.as_secs_f64())?;
        }
        Ok(())
    }
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
