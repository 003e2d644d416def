//! The gRPC front: contracts in, contracts out.
//!
//! [`parse`] turns messages into commands and refuses what breaks a rule, [`services`] hand them to
//! the engine and to delivery, [`show`] turns what came of it into messages, and [`status`] turns
//! every way it can fail into the error that the contract promises. Nothing here decides about a
//! case or knows how the index or the journal store it.

pub mod access;
pub mod client;
mod fields;
pub mod front;
pub mod parse;
pub mod proto;
pub mod push;
pub mod reason;
pub mod services;
pub mod show;
pub mod status;
#[cfg(test)]
mod tests;
pub mod withdrawn;

pub use services::{Bus, BusError, BusParts, StreamOptions};

use crate::domain::party::{CertificateHash, Parties, Party, PartyId, PartyNumber, Role};
use access::Access;

/// Who calls: put into a request's extensions by the layer that reads the peer's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The party's number in journal and queues.
    pub party: PartyNumber,
    /// Its id, for logs and for the ids of the cases it opens.
    pub id: PartyId,
    /// What it is.
    pub role: Role,
    /// In which roles its system may call: its own, and those of the parties it acts for.
    pub access: Access,
    /// The certificate that its system has shown.
    pub certificate: CertificateHash,
}

impl Caller {
    /// The caller that a certificate's party is, with the number under which it was enrolled.
    pub fn new(
        party: &Party,
        number: PartyNumber,
        parties: &Parties,
        certificate: CertificateHash,
    ) -> Self {
        let others = party.acts_for.iter().filter_map(|id| parties.get(id));
        let roles = others.map(|other| other.role);
        let access = roles.fold(Access::of(party.role), Access::and);
        Self { party: number, id: party.id.clone(), role: party.role, access, certificate }
    }
}
