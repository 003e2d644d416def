//! TLS for both sides of the bus: 1.3 only, certificates on both ends.
//!
//! One place decides what a connection to the bus may look like, so that no
//! service, tool or test can make a weaker one. The key exchange prefers the
//! hybrid X25519MLKEM768: what families confide today must stay closed to
//! whoever records the traffic and waits for a quantum computer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, ServerConfig};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::crl::CrlError;
use super::identity;
use super::live::{Loader, TrustFiles, TrustRules};
use super::pem::{self, PemError};
use super::standing::Revocations;

mod bus;
mod client;
mod endpoint;
mod failure;
mod outgoing;
mod staple;

pub use bus::NotTheBus;
pub use client::ClientRefusal;
pub(super) use client::ClientVerifier;
pub use endpoint::{EndpointCertificateError, EndpointTls};
pub use failure::{HandshakeFailure, HandshakeFault, Side};
pub use outgoing::{Outgoing, OutgoingError};

/// gRPC runs over HTTP/2 and nothing else is spoken here.
const ALPN: &[u8] = b"h2";

/// How long before the bus's certificate ends its operator is told, in days.
pub const EXPIRY_NOTICE_DAYS: i64 = 30;

/// The files one side of a connection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// This side's certificate, followed by any between it and the authority.
    pub certificate: PathBuf,
    /// The private key to it; only its owner may be able to use the file.
    pub key: PathBuf,
    /// The authorities whose certificates are accepted from the other side.
    pub ca: PathBuf,
}

/// The bus's side, ready to accept connections.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// What the acceptor uses.
    pub config: Arc<ServerConfig>,
    /// What the operator should be told; none of it prevents the start.
    pub warnings: Vec<CertificateWarning>,
}

/// A certificate that clients refuse, or soon will. It is no reason not to
/// start: the bus must still watch its terms, and parties that cannot connect
/// are better served by a bus that says why in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateWarning {
    /// Its time has not come.
    NotYetValid {
        /// The certificate.
        file: PathBuf,
        /// When it begins to hold.
        from: Timestamp,
    },
    /// Its time is over.
    Expired {
        /// The certificate.
        file: PathBuf,
        /// When it ceased to hold.
        at: Timestamp,
    },
    /// It does not say that it is the bus's.
    Unnamed {
        /// The certificate.
        file: PathBuf,
    },
    /// It ends within [`EXPIRY_NOTICE_DAYS`].
    ExpiresSoon {
        /// The certificate.
        file: PathBuf,
        /// When it ceases to hold.
        at: Timestamp,
    },
}

/// Why no connection can be set up from these files. All are faults of the
/// installation; none passes by trying again.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is missing, damaged, or open to others.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A section says it is a certificate and is not.
    #[error("{}: certificate {number} of the file is not a sound X.509 certificate; have it issued anew", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
    },
    /// The key is of a kind that cannot sign here, or damaged.
    #[error("{}: is not a private key TLS can sign with; use ECDSA P-256, Ed25519 or RSA", file.display())]
    Key {
        /// The file.
        file: PathBuf,
    },
    /// Key and certificate do not belong together.
    #[error("{}: is not the key of {}; put the matching pair in place", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A revocation list cannot be used.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// The TLS library refused what this module always asks of it.
    #[error("TLS cannot be set up: {why}")]
    Setup {
        /// What the library said.
        why: String,
    },
}

/// The cryptography of every connection: AWS-LC with the hybrid group first,
/// then X25519 and P-256 for peers that lack it.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    }
}

/// The bus's side: presents its certificate and demands one of each client,
/// signed by an authority of `files.ca`. `now` only serves the warnings.
///
/// Sessions are never resumed. A resumed session skips the client's
/// certificate, so one that has expired or lost its trust meanwhile would
/// still open the door; and as gRPC keeps its connections, a full handshake on
/// each costs nothing that can be noticed. Early data, which an eavesdropper
/// could replay, goes with it.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn server_config(files: &TlsFiles, now: Timestamp) -> Result<ServerTls, TlsError> {
    let files = TrustFiles { tls: files.clone(), crls: Vec::new(), last_lists: None };
    let trust = Loader::open(files, TrustRules::default())?.trust(now)?;
    Ok(ServerTls { config: Arc::clone(trust.server()), warnings: trust.warnings })
}

/// The bus's side, with who presents it and who judges the clients.
pub(super) fn server_side(
    files: &TlsFiles,
    own: &Own,
    verifier: Arc<dyn ClientCertVerifier>,
    revocations: Revocations,
) -> Result<ServerConfig, TlsError> {
    let Own { chain, key } = own.clone();
    let provider = Arc::new(provider());
    let certified = CertifiedKey::from_der(chain, key, &provider);
    let shown = staple::Shown::new(certified.map_err(|why| own_refused(files, &why))?, revocations);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(setup)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// A client's side: presents a party's certificate, and accepts a server only
/// if an authority of `files.ca` signed it for the name it is called by, and it
/// is the bus's: a certificate without a name of the bus, as those have that
/// were issued before it had one, is taken with a warning.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let own = Own::read(files)?;
    let provider = Arc::new(provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(authorities(files)?, provider.clone())
            .build()
            .map_err(setup)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(bus::BusVerifier::new(verifier)))
        .with_client_auth_cert(own.chain, own.key)
        .map_err(|why| own_refused(files, &why))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// What this side presents.
pub(super) struct Own {
    /// The end certificate first.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Own {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Own {
    /// The certificates, the end certificate first.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self {
            chain: pem::certificates(&files.certificate)?,
            key: pem::private_key(&files.key)?,
        })
    }
}

fn authorities(files: &TlsFiles) -> Result<Arc<RootCertStore>, TlsError> {
    authorities_of(files).map(|(_, store)| store)
}

/// The authorities of a file, as they are and as the library takes them.
pub(super) fn authorities_of(
    files: &TlsFiles,
) -> Result<(Vec<CertificateDer<'static>>, Arc<RootCertStore>), TlsError> {
    let mut store = RootCertStore::empty();
    let found = pem::certificates(&files.ca)?;
    for (at, certificate) in found.iter().enumerate() {
        store
            .add(certificate.clone())
            .map_err(|_| TlsError::Certificate { file: files.ca.clone(), number: at + 1 })?;
    }
    Ok((found, Arc::new(store)))
}

/// What the operator should be told of the bus's certificate, and when it ceases to hold.
pub(super) fn warnings(
    files: &TlsFiles,
    own: &Own,
    now: Timestamp,
) -> Result<(Vec<CertificateWarning>, Timestamp), TlsError> {
    let mut found = Vec::new();
    let mut until = Timestamp::MAX;
    for (at, certificate) in own.chain.iter().enumerate() {
        let unsound = || TlsError::Certificate { file: files.certificate.clone(), number: at + 1 };
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| unsound())?;
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| unsound());
        let from = time(parsed.validity().not_before.timestamp())?;
        let at = time(parsed.validity().not_after.timestamp())?;
        until = until.min(at);
        let file = files.certificate.clone();
        if now < from {
            found.push(CertificateWarning::NotYetValid { file, from });
        } else if at < now {
            found.push(CertificateWarning::Expired { file, at });
        } else if at.duration_since(now) <= SignedDuration::from_hours(24 * EXPIRY_NOTICE_DAYS) {
            found.push(CertificateWarning::ExpiresSoon { file, at });
        }
    }
    let is_bus = own.chain.first().map(|certificate| identity::is_bus(certificate));
    if !matches!(is_bus, Some(Ok(Some(true)))) {
        found.push(CertificateWarning::Unnamed { file: files.certificate.clone() });
    }
    Ok((found, until))
}

fn own_refused(files: &TlsFiles, why: &rustls::Error) -> TlsError {
    if *why == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        TlsError::KeyMismatch { certificate: files.certificate.clone(), key: files.key.clone() }
    } else if matches!(why, rustls::Error::InvalidCertificate(_)) {
        TlsError::Certificate { file: files.certificate.clone(), number: 1 }
    } else {
        TlsError::Key { file: files.key.clone() }
    }
}

fn setup(why: impl fmt::Display) -> TlsError {
    TlsError::Setup { why: why.to_string() }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetValid { file, from } => write!(
                f,
                "{}: the certificate holds only from {from}; until then clients refuse it",
                file.display()
            ),
            Self::Unnamed { file } => write!(
                f,
                "{}: the certificate lacks the SAN URI {}, by which parties tell the bus from other \
                 holders of certificates; have it issued with one",
                file.display(),
                identity::BUS_IDENTITY
            ),
            Self::Expired { file, at } => write!(
                f,
                "{}: the certificate expired at {at}; clients refuse it, replace it",
                file.display()
            ),
            Self::ExpiresSoon { file, at } => {
                write!(f, "{}: the certificate expires at {at}; replace it before", file.display())
            }
        }
    }
}

#[cfg(test)]
mod tests;
