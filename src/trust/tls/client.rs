//! Which client certificates the bus accepts: signed by an authority, in their time, for clients,
//! with a key that holds, and not revoked as far as can be told.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use thiserror::Error as ThisError;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::{TlsError, provider, setup};
use crate::trust::crl::{Standing, Unknown};
use crate::trust::identity::{self, IdentityError, Usage};
use crate::trust::standing::Revocations;

/// The least bits of an RSA key (NIST SP 800-131A rev. 2, table 2).
const MIN_RSA_BITS: usize = 2048;

/// Why a client's certificate is refused beyond what the library finds. Told in the log; the peer
/// hears the alert `certificate_unknown` and no more.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum ClientRefusal {
    /// Its key is too short.
    #[error("its RSA key has {bits} bits, and fewer than {MIN_RSA_BITS} are refused")]
    WeakKey {
        /// How many it has.
        bits: usize,
    },
    /// It lacks an extended key usage, or cannot be read.
    #[error(transparent)]
    Unfit(#[from] IdentityError),
    /// Whether it is revoked cannot be told, and the configuration keeps it out then.
    #[error("whether it is revoked cannot be told: {0}")]
    Undetermined(Unknown),
    /// It was revoked.
    #[error("it was revoked")]
    Revoked,
}

impl ClientRefusal {
    pub(super) fn of(error: &CertificateError) -> Option<&Self> {
        let CertificateError::Other(OtherError(why)) = error else { return None };
        why.downcast_ref()
    }

    fn into_error(self) -> Error {
        if self == Self::Revoked {
            return Error::InvalidCertificate(CertificateError::Revoked);
        }
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }
}

/// Accepts the certificates of clients.
#[derive(Debug)]
pub(in crate::trust) struct ClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    /// The extended key usages that each must have.
    usages: Vec<Usage>,
    revocations: Revocations,
}

impl ClientVerifier {
    /// A verifier by these authorities and usages, and what is known of revocations.
    pub(in crate::trust) fn new(
        roots: Arc<RootCertStore>,
        usages: Vec<Usage>,
        revocations: Revocations,
    ) -> Result<Self, TlsError> {
        // The lists are not given to the library: it would hash the whole of one at each handshake,
        // which was proven when it was read, and knows yes and no only.
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider().into());
        Ok(Self { inner: builder.build().map_err(setup)?, usages, revocations })
    }

    /// Where the certificate of a peer stands, once the library has accepted it: the worst of the
    /// chain that it showed. One whose standing cannot be told, and that the configuration keeps out
    /// then, is an error.
    pub(in crate::trust) fn standing(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Standing, Error> {
        let found = self.revocations.standing(end_entity, intermediates, now);
        match found.map_err(|why| ClientRefusal::from(why).into_error())? {
            standing @ (Standing::Good | Standing::Undetermined(_)) => Ok(standing),
            Standing::Revoked => Err(ClientRefusal::Revoked.into_error()),
            Standing::Lapsed(why) => Err(ClientRefusal::Undetermined(why).into_error()),
        }
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), ClientRefusal> {
        let parsed = identity::parse(end_entity)?;
        check_key(&parsed)?;
        identity::check_usages(&parsed, &self.usages)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        match self.revocations.standing(end_entity, intermediates, now)? {
            Standing::Good | Standing::Undetermined(_) => Ok(()),
            Standing::Revoked => Err(ClientRefusal::Revoked),
            // Nothing waits within a handshake. What a responder may still tell is judged after it.
            Standing::Lapsed(_) if self.revocations.can_ask() => Ok(()),
            Standing::Lapsed(why) => Err(ClientRefusal::Undetermined(why)),
        }
    }
}

fn check_key(certificate: &X509Certificate<'_>) -> Result<(), ClientRefusal> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < MIN_RSA_BITS => {
            Err(ClientRefusal::WeakKey { bits: key.key_size() })
        }
        Ok(_) => Ok(()),
        Err(_) => Err(IdentityError::Unreadable.into()),
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        self.check(end_entity, intermediates, now).map_err(ClientRefusal::into_error)?;
        Ok(verified)
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
