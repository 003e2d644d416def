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
use crate::trust::crl::{Crls, Revocation, Standing, Unknown};
use crate::trust::identity::{self, IdentityError, Usage};

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

/// What is asked of a client's certificate, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRules {
    /// What one may do whose revocation cannot be told.
    pub revocation: Revocation,
    /// The extended key usages that each must have.
    pub usages: Vec<Usage>,
}

/// Accepts the certificates of clients.
#[derive(Debug)]
pub(in crate::trust) struct ClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    rules: ClientRules,
    crls: Crls,
}

impl ClientVerifier {
    /// A verifier by these authorities, rules and lists.
    pub(in crate::trust) fn new(
        roots: Arc<RootCertStore>,
        rules: ClientRules,
        crls: Crls,
    ) -> Result<Self, TlsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider().into());
        let builder = match rules.revocation {
            Revocation::Off => builder,
            // The library finds what a list revokes, by its signature and along the chain. What no
            // list tells is judged here, since the library knows yes and no only.
            Revocation::Soft | Revocation::Strict { .. } => {
                builder.with_crls(crls.ders()).allow_unknown_revocation_status()
            }
        };
        Ok(Self { inner: builder.build().map_err(setup)?, rules, crls })
    }

    /// Where the certificate of a peer stands, once the library has accepted it: the worst of the
    /// chain that it showed.
    pub(in crate::trust) fn standing(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Standing, IdentityError> {
        let mut worst = Standing::Good;
        for certificate in [end_entity].into_iter().chain(intermediates) {
            let parsed = identity::parse(certificate)?;
            // An authority that came along needs nobody's list.
            if parsed.subject().as_raw() == parsed.issuer().as_raw() {
                continue;
            }
            let standing = self.crls.standing(&parsed, self.rules.revocation, now);
            if severity(&standing) > severity(&worst) {
                worst = standing;
            }
        }
        Ok(worst)
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), ClientRefusal> {
        let parsed = identity::parse(end_entity)?;
        check_key(&parsed)?;
        identity::check_usages(&parsed, &self.rules.usages)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        match self.standing(end_entity, intermediates, now)? {
            Standing::Good | Standing::Undetermined(_) => Ok(()),
            Standing::Revoked => Err(ClientRefusal::Revoked),
            Standing::Lapsed(why) => Err(ClientRefusal::Undetermined(why)),
        }
    }
}

fn severity(standing: &Standing) -> u8 {
    match standing {
        Standing::Good => 0,
        Standing::Undetermined(_) => 1,
        Standing::Lapsed(_) => 2,
        Standing::Revoked => 3,
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
