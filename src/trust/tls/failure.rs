//! Why a handshake failed, in words a log can carry.
//!
//! TLS failures reach the caller as an I/O error around a library error around
//! a certificate error, or as the alert the other side sent. A duty officer
//! needs one line that says who refused whom and for what; metrics need a
//! closed set of labels. Nothing of the certificate's content is in either.

use std::fmt;
use std::io;

use super::ClientRefusal;
use crate::trust::identity::IdentityError;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// A failed handshake, classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandshakeFailure {
    /// What was wrong.
    pub fault: HandshakeFault,
    /// Who found it.
    pub found_by: Side,
}

/// Who refused the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// This program refused the peer.
    Us,
    /// The peer refused this program, and said so in an alert.
    Peer,
}

/// What was wrong with the side that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandshakeFault {
    /// It showed no certificate.
    NoCertificate,
    /// No authority that the other side trusts signed its certificate.
    UnknownAuthority,
    /// Its certificate is past its time.
    Expired,
    /// Its certificate's time has not come.
    NotYetValid,
    /// Its certificate was revoked.
    Revoked,
    /// Its certificate is made for something else, such as for servers only.
    WrongPurpose,
    /// Its certificate is for another host name.
    WrongName,
    /// Its key is too short.
    WeakKey,
    /// Whether its certificate is revoked cannot be told.
    RevocationUnknown,
    /// Its certificate is faulty in some other way.
    BadCertificate,
    /// It does not offer TLS 1.3.
    NoCommonVersion,
    /// It offers TLS 1.3 with no group, cipher or signature accepted here.
    NoCommonParameters,
    /// It offers application protocols, and HTTP/2 is not among them.
    NoCommonProtocol,
    /// What it sent is not TLS, or damaged.
    NotTls,
    /// It closed the connection before the end.
    Closed,
    /// It was silent for too long.
    TimedOut,
    /// Anything else: the library's own text says what.
    Other,
}

impl HandshakeFailure {
    /// Classifies what an acceptor or connector returned, or what the first
    /// read after a TLS 1.3 handshake did: a client learns only there that its
    /// certificate was refused.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(inner) => Self::of_tls(inner),
            None => Self { fault: of_transport(error.kind()), found_by: Side::Us },
        }
    }

    /// Classifies an error of the TLS library.
    #[must_use]
    pub fn of_tls(error: &Error) -> Self {
        if let Error::AlertReceived(alert) = error {
            return Self { fault: of_alert(*alert), found_by: Side::Peer };
        }
        Self { fault: of_library(error), found_by: Side::Us }
    }
}

impl HandshakeFault {
    /// A stable label for metrics and searching logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownAuthority => "unknown-authority",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Revoked => "revoked",
            Self::WrongPurpose => "wrong-purpose",
            Self::WrongName => "wrong-name",
            Self::WeakKey => "weak-key",
            Self::RevocationUnknown => "revocation-unknown",
            Self::BadCertificate => "bad-certificate",
            Self::NoCommonVersion => "no-common-version",
            Self::NoCommonParameters => "no-common-parameters",
            Self::NoCommonProtocol => "no-common-protocol",
            Self::NotTls => "not-tls",
            Self::Closed => "closed",
            Self::TimedOut => "timed-out",
            Self::Other => "other",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate was shown",
            Self::UnknownAuthority => "the certificate is signed by no trusted authority",
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::Revoked => "the certificate was revoked",
            Self::WrongPurpose => "the certificate is not made for this use",
            Self::WrongName => "the certificate is for another host name",
            Self::WeakKey => "the certificate's key is too short",
            Self::RevocationUnknown => "whether the certificate is revoked cannot be told",
            Self::BadCertificate => "the certificate is faulty",
            Self::NoCommonVersion => "TLS 1.3 was not offered",
            Self::NoCommonParameters => "no key exchange, cipher or signature in common",
            Self::NoCommonProtocol => "HTTP/2 was not offered",
            Self::NotTls => "what arrived is not TLS",
            Self::Closed => "the connection was closed before the handshake ended",
            Self::TimedOut => "the handshake took too long",
            Self::Other => "the handshake failed",
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = match self.found_by {
            Side::Us => "peer refused",
            Side::Peer => "refused by peer",
        };
        write!(f, "{refused}: {}", self.fault.words())
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open and holds many errors that are no peer's doing"
)]
fn of_library(error: &Error) -> HandshakeFault {
    match error {
        Error::NoCertificatesPresented => HandshakeFault::NoCertificate,
        Error::InvalidCertificate(why) => of_certificate(why),
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => HandshakeFault::NoCommonVersion,
        Error::PeerIncompatible(_) => HandshakeFault::NoCommonParameters,
        Error::NoApplicationProtocol => HandshakeFault::NoCommonProtocol,
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => HandshakeFault::NotTls,
        _ => HandshakeFault::Other,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open; any other fault of a certificate is told as one"
)]
fn of_certificate(why: &CertificateError) -> HandshakeFault {
    if let Some(refusal) = ClientRefusal::of(why) {
        return match refusal {
            ClientRefusal::WeakKey { .. } => HandshakeFault::WeakKey,
            ClientRefusal::Unfit(IdentityError::Usage { .. }) => HandshakeFault::WrongPurpose,
            ClientRefusal::Unfit(_) => HandshakeFault::BadCertificate,
            ClientRefusal::Undetermined(_) => HandshakeFault::RevocationUnknown,
            ClientRefusal::Revoked => HandshakeFault::Revoked,
        };
    }
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            HandshakeFault::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            HandshakeFault::NotYetValid
        }
        CertificateError::Revoked => HandshakeFault::Revoked,
        // A foreign authority of the same name is found by its signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            HandshakeFault::UnknownAuthority
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            HandshakeFault::WrongName
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            HandshakeFault::WrongPurpose
        }
        _ => HandshakeFault::BadCertificate,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open and most alerts mean a fault of the peer's program"
)]
fn of_alert(alert: AlertDescription) -> HandshakeFault {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            HandshakeFault::NoCertificate
        }
        AlertDescription::UnknownCA => HandshakeFault::UnknownAuthority,
        AlertDescription::CertificateExpired => HandshakeFault::Expired,
        AlertDescription::CertificateRevoked => HandshakeFault::Revoked,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => HandshakeFault::BadCertificate,
        AlertDescription::ProtocolVersion => HandshakeFault::NoCommonVersion,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            HandshakeFault::NoCommonParameters
        }
        AlertDescription::NoApplicationProtocol => HandshakeFault::NoCommonProtocol,
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => HandshakeFault::Closed,
        _ => HandshakeFault::Other,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the standard library's enum is open and few of its kinds concern a peer"
)]
fn of_transport(kind: io::ErrorKind) -> HandshakeFault {
    match kind {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => HandshakeFault::Closed,
        io::ErrorKind::TimedOut => HandshakeFault::TimedOut,
        _ => HandshakeFault::Other,
    }
}
