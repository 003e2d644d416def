//! From what the bus knows to the messages that tell it.
//!
//! Everything here is a function of values: cases, records, the law. Nothing is looked up while a
//! message is built, so that a receipt shown years later is the one that was first given.

pub mod case;
pub mod clock;
pub mod delivery;
pub mod law;
pub mod receipt;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;

use super::proto::google::r#type::Date as DateMessage;
use super::proto::types::v1 as types;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::procedure::Hop;
use crate::domain::{Act, Actor, HopId, ProcedureKey, Roster};
use crate::engine::Law;
use law::Wording;

/// What every answer is told from: who is who, the law, and its rules in words.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The parties.
    pub roster: &'a Roster,
    /// Procedures and calendar.
    pub law: &'a Law,
    /// The rules of counting in words.
    pub wording: &'a Wording,
}

impl<'a> View<'a> {
    /// A party's name. One that no record enrolled has none, and no record names such a one.
    pub fn party_id(self, party: PartyNumber) -> String {
        self.roster.id(party).map(|id| id.as_str().to_owned()).unwrap_or_default()
    }

    /// A hop of a procedure.
    pub fn hop(self, procedure: &ProcedureKey, hop: HopId) -> Option<&'a Hop> {
        self.law.procedures.get(procedure)?.hop(hop)
    }
}

/// An instant.
pub fn time(at: Timestamp) -> prost_types::Timestamp {
    // jiff counts nanoseconds away from zero, protobuf always forwards.
    let nanos = at.as_nanosecond().rem_euclid(1_000_000_000);
    let seconds = at.as_nanosecond().div_euclid(1_000_000_000);
    prost_types::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or_default(),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// A day.
pub fn date(day: Date) -> DateMessage {
    DateMessage {
        year: i32::from(day.year()),
        month: i32::from(day.month()),
        day: i32::from(day.day()),
    }
}

/// A digest.
pub fn digest(hash: &[u8; 32]) -> Bytes {
    Bytes::copy_from_slice(hash)
}

/// An act. The applicant's step that the mission's act records beside its own has a name of its
/// own in the contract, because no party sends it.
pub fn act(act: Act, from: Actor) -> types::Act {
    match act {
        Act::SubmitApplication if from == Actor::Applicant => types::Act::FileApplication,
        Act::SubmitApplication => types::Act::SubmitApplication,
        Act::ForwardApplication => types::Act::ForwardApplication,
        Act::ReferToCommission => types::Act::ReferToCommission,
        Act::RecordConsentDecision => types::Act::RecordConsentDecision,
        Act::SendConsentDecision => types::Act::SendConsentDecision,
        Act::ForwardDecision => types::Act::ForwardDecision,
        Act::HandOverDecision => types::Act::HandOverDecision,
        Act::RegisterArrival => types::Act::RegisterArrival,
        Act::RecordInclusionDecision => types::Act::RecordInclusionDecision,
        Act::HandOverInclusionDecision => types::Act::HandOverInclusionDecision,
    }
}

/// Who acts or receives.
pub fn actor(actor: Actor) -> types::PartyRole {
    match actor {
        Actor::Applicant => types::PartyRole::Applicant,
        Actor::Role(of) => role(of),
    }
}

/// A role.
pub fn role(role: Role) -> types::PartyRole {
    match role {
        Role::ForeignMission => types::PartyRole::ForeignMission,
        Role::MigrationBody => types::PartyRole::MigrationBody,
        Role::Akimat => types::PartyRole::Akimat,
        Role::Commission => types::PartyRole::Commission,
        Role::Operator => types::PartyRole::Operator,
    }
}
