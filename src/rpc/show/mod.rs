//! From what the bus knows to the messages that tell it.
//!
//! Everything here is a function of values: cases, records, the law. Nothing is looked up while a
//! message is built, so that a receipt shown years later is the one that was first given.

pub mod case;
pub mod clock;
pub mod delivery;
pub mod endpoint;
pub mod held;
pub mod law;
pub mod notice;
pub mod paper;
pub mod quota;
pub mod reading;
pub mod receipt;
pub mod signature;
pub mod trust;
pub mod vitals;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;

use super::proto::google::r#type::Date as DateMessage;
use super::proto::types::v1 as types;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::procedure::Hop;
use crate::domain::{Act, Actor, Category, Ground, HopId, Outcome, ProcedureKey, Roster};
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
    if act == Act::SubmitApplication && from == Actor::Applicant {
        return types::Act::FileApplication;
    }
    types::Act::from_str_name(&in_contract("ACT", act.name())).unwrap_or_default()
}

/// Who acts or receives.
pub fn actor(actor: Actor) -> types::PartyRole {
    types::PartyRole::from_str_name(&in_contract("PARTY_ROLE", actor.name())).unwrap_or_default()
}

/// A role.
pub fn role(role: Role) -> types::PartyRole {
    actor(Actor::Role(role))
}

/// What was decided, recommended or answered.
pub fn outcome(outcome: Outcome) -> types::Outcome {
    types::Outcome::from_str_name(&in_contract("OUTCOME", outcome.name())).unwrap_or_default()
}

/// A ground of refusal.
pub fn ground(ground: Ground) -> types::RefusalGround {
    let name = in_contract("REFUSAL_GROUND", ground.name());
    types::RefusalGround::from_str_name(&name).unwrap_or_default()
}

/// A category of quotas.
pub fn category(category: Category) -> types::QuotaCategory {
    let name = in_contract("QUOTA_CATEGORY", category.name());
    types::QuotaCategory::from_str_name(&name).unwrap_or_default()
}

/// The core and the contract call the same thing by the same name, each in its own spelling; a
/// test holds every name of the one against the other.
fn in_contract(kind: &str, name: &str) -> String {
    format!("{kind}_{}", name.replace('-', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_core_is_a_name_of_the_contract() {
        for each in Act::ALL {
            assert_ne!(act(*each, Actor::Internal), types::Act::Unspecified, "{each}");
        }
        for each in Role::ALL {
            assert_ne!(role(each), types::PartyRole::Unspecified, "{each}");
        }
        for each in [Actor::Applicant, Actor::Internal, Actor::Channel, Actor::DepartureAkimat] {
            assert_ne!(actor(each), types::PartyRole::Unspecified, "{each}");
        }
        for each in Outcome::ALL {
            assert_ne!(outcome(*each), types::Outcome::Unspecified, "{each}");
        }
        for each in Ground::ALL {
            assert_ne!(ground(*each), types::RefusalGround::Unspecified, "{each}");
        }
        for each in Category::ALL {
            assert_ne!(category(*each), types::QuotaCategory::Unspecified, "{each}");
        }
    }
}
