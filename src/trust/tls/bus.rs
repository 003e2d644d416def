//! Whether the server that a party has reached is the bus.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use thiserror::Error as ThisError;

use crate::trust::identity::{BUS_IDENTITY, is_bus};

/// A trusted certificate that is a party's, where the bus's was expected: whoever holds it could
/// otherwise stand between a party and the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("the certificate names a party, not the bus ({BUS_IDENTITY})")]
pub struct NotTheBus;

/// The library's judgement of a server, and that it is the bus.
#[derive(Debug)]
pub(super) struct BusVerifier {
    inner: Arc<WebPkiServerVerifier>,
}

impl BusVerifier {
    pub(super) fn new(inner: Arc<WebPkiServerVerifier>) -> Self {
        Self { inner }
    }
}

impl ServerCertVerifier for BusVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        match is_bus(end_entity) {
            Ok(Some(true)) => Ok(verified),
            Ok(None) => {
                tracing::warn!(
                    "the bus's certificate lacks the SAN URI {BUS_IDENTITY}; ask its operator to \
                     have it issued with one"
                );
                Ok(verified)
            }
            Ok(Some(false)) => {
                let why = CertificateError::Other(OtherError(Arc::new(NotTheBus)));
                Err(Error::InvalidCertificate(why))
            }
            Err(_) => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
