//! The roster: the registry's parties with the numbers under which the journal enrolled them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::event::PartyEnrolled;
use super::party::{Parties, Party, PartyId, PartyNumber};

/// Parties by number. A party keeps its number for ever, also when it leaves the registry, because
/// records name it by the number.
#[derive(Debug, Clone)]
pub struct Roster {
    parties: Parties,
    ids: BTreeMap<PartyNumber, PartyId>,
    numbers: BTreeMap<PartyId, PartyNumber>,
}

impl Roster {
    /// The roster of a registry after the enrolments of the journal, in their order.
    pub fn new(parties: Parties, enrolled: impl IntoIterator<Item = PartyEnrolled>) -> Self {
        let mut roster = Self { parties, ids: BTreeMap::new(), numbers: BTreeMap::new() };
        for enrolment in enrolled {
            roster.enrol(enrolment);
        }
        roster
    }

    /// Takes an enrolment in.
    pub fn enrol(&mut self, enrolment: PartyEnrolled) {
        self.ids.insert(enrolment.number, enrolment.party.clone());
        self.numbers.insert(enrolment.party, enrolment.number);
    }

    /// The enrolments that the registry still needs, in the order of the registry.
    pub fn missing(&self) -> Vec<PartyEnrolled> {
        let next = self.ids.keys().next_back().map_or(1, |last| last.0 + 1);
        let unknown = self.parties.iter().filter(|party| !self.numbers.contains_key(&party.id));
        let enrol = |(number, party): (u32, &Party)| PartyEnrolled {
            number: PartyNumber(number),
            party: party.id.clone(),
        };
        (next..).zip(unknown).map(enrol).collect()
    }

    /// The registry.
    pub fn parties(&self) -> &Parties {
        &self.parties
    }

    /// A party's number; none for one that was never enrolled.
    pub fn number(&self, id: &PartyId) -> Option<PartyNumber> {
        self.numbers.get(id).copied()
    }

    /// A party's id, also of one that has left the registry.
    pub fn id(&self, number: PartyNumber) -> Option<&PartyId> {
        self.ids.get(&number)
    }

    /// A party of the registry by its number.
    pub fn party(&self, number: PartyNumber) -> Option<&Party> {
        self.parties.get(self.id(number)?)
    }

    /// The zone in which a party's days end; the authorised body's for one that left the registry.
    pub fn zone(&self, number: PartyNumber) -> &TimeZone {
        let gone = self.parties.migration_body();
        &self.party(number).unwrap_or(gone).zone
    }

    /// Whether the system of `actor` may act for `subject`.
    pub fn may_act_for(&self, actor: PartyNumber, subject: PartyNumber) -> bool {
        match (self.id(actor), self.id(subject)) {
            (Some(actor), Some(subject)) => self.parties.may_act_for(actor, subject),
            _ => false,
        }
    }

    /// Every enrolled party, by number.
    pub fn enrolled(&self) -> impl Iterator<Item = (PartyNumber, &PartyId)> {
        self.ids.iter().map(|(number, id)| (*number, id))
    }
}
