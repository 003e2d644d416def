//! A change of the party registry.

use crate::domain::event::{Event, ListedParty, ListingChange, RegistryChanged};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::registry::Listed;

/// A registry with one party kept, one changed, one added and one that left.
pub fn registry_changed() -> Event {
    let entry = |party, change, role, region: Option<&str>| ListedParty {
        party: PartyNumber(party),
        change,
        listed: Listed {
            role,
            region: region.map(|code| code.parse().unwrap()),
            facts: [party as u8; 8],
        },
    };
    Event::RegistryChanged(Box::new(RegistryChanged {
        content: [0xc7; 32],
        parties: vec![
            entry(1, ListingChange::Kept, Role::MigrationBody, None),
            entry(2, ListingChange::Changed, Role::Akimat, Some("KZ-55")),
            entry(7, ListingChange::Removed, Role::ForeignMission, None),
            entry(300, ListingChange::Added, Role::Commission, Some("KZ-11")),
        ],
    }))
}
