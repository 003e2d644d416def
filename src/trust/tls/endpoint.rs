//! The bus as the client of a party's endpoint.
//!
//! A party's server is known as a party's client is: by the identity in its certificate, never by
//! the name of its host. Whoever controls a name or an address gains nothing by it, and a
//! registered url that was mistyped leads to a refused handshake, not to papers in wrong hands.

use std::fmt;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use thiserror::Error as ThisError;

use super::{ALPN, Own, TlsError, TlsFiles, authorities, own_refused, provider, setup};
use crate::domain::Roster;
use crate::domain::party::{PartyId, PartyNumber};
use crate::trust::crl::{Standing, Unknown};
use crate::trust::identity::{IdentityError, Profile};
use crate::trust::standing::Revocations;

/// Why the certificate of an endpoint is not the party's, though a trusted authority signed it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum EndpointCertificateError {
    /// It names no party.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It names another party, which may not act for the one whose deliveries are to go there.
    #[error("the certificate is that of {found}, which may not act for {wanted}")]
    OtherParty {
        /// The party that it names.
        found: PartyId,
        /// The party whose deliveries are to go there.
        wanted: PartyId,
    },
    /// It was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// Whether it was cannot be told, and the configuration keeps it out then.
    #[error("whether the certificate is revoked cannot be told: {0}")]
    Undetermined(Unknown),
    /// The endpoint's own party is not in the registry any more.
    #[error("the party is no longer in the registry")]
    Gone,
}

impl EndpointCertificateError {
    /// The refusal of a certificate behind a failed connection, if that is why it failed.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref())?;
        let Error::InvalidCertificate(CertificateError::Other(OtherError(why))) = inner else {
            return None;
        };
        why.downcast_ref().cloned()
    }

    fn into_tls(self) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }

    /// As a connection tells it that was made and is refused.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self.into_tls())
    }
}

/// What the bus connects to endpoints with: its own certificate, and the authority of the parties.
pub struct EndpointTls {
    files: TlsFiles,
    own: Own,
    roots: Arc<RootCertStore>,
    revocations: Revocations,
    profile: Profile,
    provider: Arc<CryptoProvider>,
}

impl EndpointTls {
    /// Reads the bus's files; no revocation lists are kept.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let (own, roots) = (Own::read(files)?, authorities(files)?);
        Ok(Self::new(files.clone(), own, roots, Revocations::default(), Profile::default()))
    }

    /// The bus's side with what was read.
    pub(in crate::trust) fn new(
        files: TlsFiles,
        own: Own,
        roots: Arc<RootCertStore>,
        revocations: Revocations,
        profile: Profile,
    ) -> Self {
        Self { files, own, roots, revocations, profile, provider: Arc::new(provider()) }
    }

    /// The bus's side of a connection to the endpoint of `party`.
    ///
    /// # Errors
    /// [`TlsError`] for a certificate or key that cannot be used.
    pub fn config(
        &self,
        roster: &Arc<Roster>,
        party: PartyNumber,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let verifier = EndpointVerifier {
            roster: Arc::clone(roster),
            party,
            roots: Arc::clone(&self.roots),
            revocations: self.revocations.clone(),
            profile: self.profile.clone(),
            provider: Arc::clone(&self.provider),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(self.own.chain.clone(), self.own.key.clone_key())
            .map_err(|why| own_refused(&self.files, &why))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

impl EndpointTls {
    /// Has responders asked about the certificate of an endpoint, after the handshake, and judges
    /// whether it is not revoked, as the configuration has it for those of which that cannot be told.
    ///
    /// # Errors
    /// Why the endpoint is not called.
    pub async fn check(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<(), EndpointCertificateError> {
        let (end_entity, intermediates) = chain.split_first().ok_or(IdentityError::Absent)?;
        self.revocations.ask(end_entity, intermediates, now).await;
        match self.revocations.standing(end_entity, intermediates, now)? {
            Standing::Good => Ok(()),
            Standing::Undetermined(why) => {
                tracing::warn!(%why, "whether an endpoint's certificate is revoked cannot be told");
                Ok(())
            }
            Standing::Revoked => Err(EndpointCertificateError::Revoked),
            Standing::Lapsed(why) => Err(EndpointCertificateError::Undetermined(why)),
        }
    }
}

impl EndpointVerifier {
    /// What is known of it at once; the rest is judged after the handshake.
    fn check_standing(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), EndpointCertificateError> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        match self.revocations.standing(end_entity, intermediates, now)? {
            Standing::Good | Standing::Undetermined(_) => Ok(()),
            Standing::Revoked => Err(EndpointCertificateError::Revoked),
            Standing::Lapsed(_) if self.revocations.can_ask() => Ok(()),
            Standing::Lapsed(why) => Err(EndpointCertificateError::Undetermined(why)),
        }
    }
}

impl fmt::Debug for EndpointTls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointTls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Accepts a server whose certificate an authority of the parties signed for servers, and which is
/// that of the party or of one that may act for it.
#[derive(Debug)]
struct EndpointVerifier {
    roster: Arc<Roster>,
    party: PartyNumber,
    roots: Arc<RootCertStore>,
    revocations: Revocations,
    profile: Profile,
    provider: Arc<CryptoProvider>,
}

impl EndpointVerifier {
    fn check_party(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Result<(), EndpointCertificateError> {
        let found = self.profile.party_of(certificate, self.roster.parties())?;
        let wanted = self.roster.party(self.party).ok_or(EndpointCertificateError::Gone)?;
        if found.id == wanted.id || self.roster.parties().may_act_for(&found.id, &wanted.id) {
            return Ok(());
        }
        let (found, wanted) = (found.id.clone(), wanted.id.clone());
        Err(EndpointCertificateError::OtherParty { found, wanted })
    }
}

impl ServerCertVerifier for EndpointVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        self.check_party(end_entity)
            .and_then(|()| self.check_standing(end_entity, intermediates, now))
            .map(|()| ServerCertVerified::assertion())
            .map_err(EndpointCertificateError::into_tls)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
