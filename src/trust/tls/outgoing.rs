//! TLS towards servers that are no parties to the bus: its mail server, and the web servers that
//! parties name for their notifications.
//!
//! They have public certificates or those of a house authority, and none of the bus's. TLS 1.2 is
//! taken too, since neither side of such a connection is ours to upgrade.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{pem, provider};
use crate::trust::pem::PemError;

/// Connects to servers whose certificate one of these authorities signed.
#[derive(Clone)]
pub struct Outgoing {
    authorities: Arc<Vec<CertificateDer<'static>>>,
    config: Arc<ClientConfig>,
}

/// Why no such connection can be made. All are faults of the installation.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The file of authorities is missing, damaged, or of something else.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A section of the file says it is a certificate and is not.
    #[error("{}: certificate {number} of the file is not a sound X.509 certificate; have it issued anew", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
    },
    /// The machine knows no authority.
    #[error(
        "this machine has no certificates of authorities; install its package ca-certificates, or name a file of them"
    )]
    NoAuthorities,
    /// The TLS library refused what this module always asks of it.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl Outgoing {
    /// Trusts the authorities of a PEM file and no others, or, without one, those of the machine.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub fn new(file: Option<&Path>) -> Result<Self, OutgoingError> {
        let mut store = RootCertStore::empty();
        let mut authorities = Vec::new();
        match file {
            Some(file) => {
                for (at, authority) in pem::certificates(file)?.into_iter().enumerate() {
                    let unsound =
                        |_| OutgoingError::Certificate { file: file.to_owned(), number: at + 1 };
                    store.add(authority.clone()).map_err(unsound)?;
                    authorities.push(authority);
                }
            }
            // What the machine has beside sound certificates is not ours to refuse.
            None => {
                let found = rustls_native_certs::load_native_certs().certs;
                let sound = found.into_iter().filter(|found| store.add(found.clone()).is_ok());
                authorities.extend(sound);
            }
        }
        if authorities.is_empty() {
            return Err(OutgoingError::NoAuthorities);
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|why| OutgoingError::Setup(why.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { authorities: Arc::new(authorities), config: Arc::new(config) })
    }

    /// The certificates of the authorities in DER, for a library that sets TLS up itself.
    pub fn authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.authorities.iter().map(|authority| authority.as_ref())
    }

    /// Protects a connection to a web server, which must prove to be `host`.
    ///
    /// # Errors
    /// Whatever ended the handshake.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("authorities", &self.authorities.len()).finish()
    }
}
