//! Connections whose party lost its place while they were open.

use std::fmt;
use std::future::Future;

use tokio::sync::watch;

use crate::trust::identity::IdentityError;
use crate::trust::tls::HandshakeFailure;

/// Why a connection that was accepted stands no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// A handshake with the same certificate would be refused now: it was revoked, has expired, or
    /// its authority is trusted no more.
    Certificate(HandshakeFailure),
    /// The registry gives what the certificate names to nobody now.
    Party(IdentityError),
    /// The certificate stands for somebody, and for what it did not stand for before: what the
    /// caller may do is another.
    Rights,
}

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(failure) => {
                write!(f, "the certificate is accepted no more: {failure}")
            }
            Self::Party(error) => write!(f, "the certificate stands for nobody any more: {error}"),
            Self::Rights => f.write_str("the registry has changed what the caller may do"),
        }
    }
}

/// Tells when, and why, the connection of a call stands no more.
#[derive(Debug, Clone)]
pub struct Seat(watch::Receiver<Option<Withdrawn>>);

impl Seat {
    /// A seat with the sender that withdraws it.
    pub fn new() -> (watch::Sender<Option<Withdrawn>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Why it was withdrawn, if it was.
    pub fn withdrawn(&self) -> Option<Withdrawn> {
        self.0.borrow().clone()
    }

    /// Waits until it is. Never ends where nobody can withdraw it any more.
    pub fn until_withdrawn(self) -> impl Future<Output = Withdrawn> + Send + 'static {
        let Self(mut receiver) = self;
        async move {
            match receiver.wait_for(Option::is_some).await {
                Ok(why) if let Some(why) = why.clone() => return why,
                Ok(_) | Err(_) => {}
            }
            std::future::pending().await
        }
    }
}
