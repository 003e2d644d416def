//! The bus's certificate as it is shown: with the current answer of its authority's responder, where
//! there is one (RFC 8446 §4.4.2.1), so that a client need ask nobody.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::trust::standing::Revocations;

/// Shows the bus's certificate.
pub(super) struct Shown {
    certified: Arc<CertifiedKey>,
    revocations: Revocations,
}

impl Shown {
    pub(super) fn new(certified: CertifiedKey, revocations: Revocations) -> Self {
        Self { certified: Arc::new(certified), revocations }
    }

    fn now(&self) -> Arc<CertifiedKey> {
        if !self.revocations.can_ask() {
            return Arc::clone(&self.certified);
        }
        let seconds = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let CertifiedKey { cert, key, .. } = &*self.certified;
        let ocsp = self.revocations.current(cert, now);
        Arc::new(CertifiedKey { cert: cert.clone(), key: Arc::clone(key), ocsp })
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl fmt::Debug for Shown {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}
