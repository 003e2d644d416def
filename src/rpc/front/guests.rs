//! The connections that stand, judged again whenever whom the bus believes has changed.
//!
//! A handshake judges a certificate once, and gRPC keeps its connections for weeks. So what a
//! handshake judged is judged again, by the same functions, when the registry, the authorities or
//! the revocation lists are others, and when a certificate's time runs out. Whoever would not be
//! let in today is told so on every stream, and the connection is closed; others notice nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use crate::domain::party::PartyId;
use crate::engine::{Clock, Rosters};
use crate::rpc::Caller;
use crate::rpc::withdrawn::{Seat, Withdrawn};
use crate::trust::crl::Standing;
use crate::trust::identity::{self, IdentityError};
use crate::trust::live::{LiveTrust, Trust};

/// How often it is looked whether a certificate's time has run out.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(2);

/// Whom a connection stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identified {
    /// The caller.
    pub(super) caller: Caller,
    /// For whom it may act.
    acts_for: Vec<PartyId>,
}

struct Guest {
    remote: SocketAddr,
    chain: Vec<CertificateDer<'static>>,
    /// When the first of the chain ends.
    until: Timestamp,
    identified: Result<Identified, IdentityError>,
    seat: watch::Sender<Option<Withdrawn>>,
}

/// Those that are connected.
pub(super) struct Guests {
    trust: Arc<LiveTrust>,
    rosters: Rosters,
    open: Mutex<HashMap<u64, Arc<Guest>>>,
    next: AtomicU64,
}

/// A place among them, until it is dropped.
pub(super) struct Place {
    guests: Arc<Guests>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.lock().remove(&self.number);
    }
}

impl Guests {
    pub(super) fn new(trust: Arc<LiveTrust>, rosters: Rosters) -> Arc<Self> {
        Arc::new(Self { trust, rosters, open: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// What is in force for a handshake that begins now, and its version.
    pub(super) fn trust(&self) -> (Arc<Trust>, u64) {
        let version = *self.trust.version().borrow();
        (self.trust.current(), version)
    }

    /// Seats a connection whose handshake was judged by a version of what is in force. Whatever
    /// changed during the handshake is made up for here.
    pub(super) fn seat(
        self: &Arc<Self>,
        remote: SocketAddr,
        chain: Vec<CertificateDer<'static>>,
        (trust, version): (Arc<Trust>, u64),
    ) -> (Result<Identified, IdentityError>, Seat, Place) {
        let identified = self.identify(&trust, &chain);
        let (sender, seat) = Seat::new();
        let until = Trust::until(&chain);
        let guest = Guest { remote, chain, until, identified: identified.clone(), seat: sender };
        let guest = Arc::new(guest);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&guest));
        // Seated first and looked at then, so that a change falls either here or to the task.
        if *self.trust.version().borrow() != version {
            self.judge(&guest, &self.trust.current(), Clock::System.now());
        }
        (identified, seat, Place { guests: Arc::clone(self), number })
    }

    /// Judges all that stand when they must be, for as long as it runs.
    pub(super) async fn watch(&self) {
        let mut version = self.trust.version();
        loop {
            let changed = tokio::select! {
                changed = version.changed() => changed.is_ok(),
                () = tokio::time::sleep(EXPIRY_INTERVAL) => false,
            };
            let (now, trust) = (Clock::System.now(), self.trust.current());
            let guests: Vec<_> = self.lock().values().cloned().collect();
            for guest in guests {
                if changed || guest.until < now {
                    self.judge(&guest, &trust, now);
                }
                // A signature takes a tenth of a millisecond; others have their turn between.
                tokio::task::yield_now().await;
            }
        }
    }

    fn judge(&self, guest: &Guest, trust: &Trust, now: Timestamp) {
        if guest.seat.borrow().is_some() {
            return;
        }
        let party = guest.identified.as_ref().map_or("none", |one| one.caller.id.as_str());
        let why = match trust.judge(&guest.chain, now) {
            Err(failure) => Withdrawn::Certificate(failure),
            Ok(standing) => {
                tell(guest.remote, party, &standing);
                match (self.identify(trust, &guest.chain), &guest.identified) {
                    (found, before) if found == *before => return,
                    (Err(error), _) => Withdrawn::Party(error),
                    (Ok(_), _) => Withdrawn::Rights,
                }
            }
        };
        tracing::warn!(remote = %guest.remote, party, %why, "a connection is ended");
        guest.seat.send_replace(Some(why));
    }

    fn identify(
        &self,
        trust: &Trust,
        chain: &[CertificateDer<'_>],
    ) -> Result<Identified, IdentityError> {
        let roster = self.rosters.last();
        let certificate = chain.first().ok_or(IdentityError::Absent)?;
        let party = trust.profile.party_of(certificate, roster.parties())?;
        // Every party of the registry is enrolled before it is in force.
        let number = roster.number(&party.id).ok_or(IdentityError::Absent)?;
        let caller = Caller::new(party, number, roster.parties(), identity::hash(certificate));
        Ok(Identified { caller, acts_for: party.acts_for.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Guest>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says of a certificate that was let in what cannot be told of it.
pub(super) fn tell(remote: SocketAddr, party: &str, standing: &Standing) {
    if let Standing::Undetermined(why) = standing {
        tracing::warn!(%remote, party, %why, "whether a certificate is revoked cannot be told");
    }
}
