//! The registry over time: what one file has changed against the one before, and whether it may.
//!
//! Cases name their parties by number for ever, so some of what a file can say is no change but
//! another body under an old name. That is judged here, without knowing where files come from.

use std::collections::BTreeMap;

use super::event::{ListedParty, ListingChange};
use super::party::{PartyId, PartyNumber, Role};
use super::region::Region;

/// What the history of the registry keeps of a party: no names, no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub role: Role,
    /// Where it acts, for a role that belongs to a region.
    pub region: Option<Region>,
    /// The first bytes of the SHA-256 of everything that the registry says of it.
    pub facts: [u8; 8],
}

/// The parties that a registry lists, by number.
pub type Listing = BTreeMap<PartyNumber, Listed>;

/// What waits for a party, or for its acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Burden {
    /// Hops that it has to discharge.
    pub obligations: u64,
    /// Acts on their way to it, held ones among them.
    pub deliveries: u64,
}

/// Why a registry may not take the place of the one in force. All are for whoever wrote the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryRefusal {
    /// A party's role is another.
    #[error(
        "party {party}: role {before} becomes {after}; its cases know it as what it was, so \
         register the other body under an id of its own"
    )]
    RoleChanged {
        /// Which.
        party: PartyId,
        /// What it is.
        before: Role,
        /// What the file says.
        after: Role,
    },
    /// A party's region is another.
    #[error(
        "party {party}: its region becomes another; its cases know it where it was, so register \
         the body of the other region under an id of its own"
    )]
    RegionChanged {
        /// Which.
        party: PartyId,
    },
    /// A party with something open is no longer listed.
    #[error(
        "party {party} is left out with {} obligations open and {} deliveries waiting; keep it \
         with `identities = []` to shut its systems out, and take it out when it owes nothing",
        burden.obligations, burden.deliveries
    )]
    Burdened {
        /// Which.
        party: PartyId,
        /// What is open.
        burden: Burden,
    },
}

/// What `after` changes against `before`: every party of either, in the order of their numbers.
pub fn compare(before: &Listing, after: &Listing) -> Vec<ListedParty> {
    let entry = |party, change, listed| ListedParty { party, change, listed };
    let mut entries: Vec<ListedParty> = after
        .iter()
        .map(|(party, listed)| match before.get(party) {
            None => entry(*party, ListingChange::Added, *listed),
            Some(earlier) if earlier != listed => entry(*party, ListingChange::Changed, *listed),
            Some(_) => entry(*party, ListingChange::Kept, *listed),
        })
        .collect();
    let gone = before.iter().filter(|(party, _)| !after.contains_key(party));
    entries.extend(gone.map(|(party, listed)| entry(*party, ListingChange::Removed, *listed)));
    entries.sort_by_key(|entry| entry.party);
    entries
}

/// Whether a registry may take the place of another while cases run.
///
/// # Errors
/// The first [`RegistryRefusal`], by party number.
pub fn judge(
    before: &Listing,
    entries: &[ListedParty],
    id: impl Fn(PartyNumber) -> Option<PartyId>,
    burden: impl Fn(PartyNumber) -> Burden,
) -> Result<(), RegistryRefusal> {
    for ListedParty { party, change, listed } in entries {
        let (Some(earlier), Some(id)) = (before.get(party), id(*party)) else { continue };
        match change {
            ListingChange::Removed => {
                let burden = burden(*party);
                if burden != Burden::default() {
                    return Err(RegistryRefusal::Burdened { party: id, burden });
                }
            }
            ListingChange::Changed => check_same_body(id, *earlier, *listed)?,
            ListingChange::Added | ListingChange::Kept => {}
        }
    }
    Ok(())
}

fn check_same_body(party: PartyId, before: Listed, after: Listed) -> Result<(), RegistryRefusal> {
    if before.role != after.role {
        let (before, after) = (before.role, after.role);
        return Err(RegistryRefusal::RoleChanged { party, before, after });
    }
    if before.region != after.region {
        return Err(RegistryRefusal::RegionChanged { party });
    }
    Ok(())
}

/// The parties that are listed after a record of the history.
pub fn listing(entries: &[ListedParty]) -> Listing {
    let listed = entries.iter().filter(|entry| entry.change != ListingChange::Removed);
    listed.map(|entry| (entry.party, entry.listed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(role: Role, region: Option<&str>, facts: u8) -> Listed {
        let region = region.map(|code| code.parse().unwrap());
        Listed { role, region, facts: [facts; 8] }
    }

    fn before() -> Listing {
        Listing::from([
            (PartyNumber(1), listed(Role::MigrationBody, None, 1)),
            (PartyNumber(2), listed(Role::Akimat, Some("KZ-55"), 2)),
            (PartyNumber(3), listed(Role::ForeignMission, None, 3)),
        ])
    }

    fn id(number: PartyNumber) -> Option<PartyId> {
        format!("party-{number}").parse().ok()
    }

    fn verdict(after: &Listing, owes: u64) -> Result<(), RegistryRefusal> {
        let entries = compare(&before(), after);
        judge(&before(), &entries, id, |_| Burden { obligations: owes, deliveries: 0 })
    }

    #[test]
    fn each_party_is_kept_added_changed_or_removed() {
        let mut after = before();
        after.remove(&PartyNumber(3));
        after.insert(PartyNumber(2), listed(Role::Akimat, Some("KZ-55"), 9));
        after.insert(PartyNumber(4), listed(Role::Operator, None, 4));
        let entries = compare(&before(), &after);
        let changes: Vec<_> = entries.iter().map(|entry| (entry.party.0, entry.change)).collect();
        use ListingChange::{Added, Changed, Kept, Removed};
        assert_eq!(changes, [(1, Kept), (2, Changed), (3, Removed), (4, Added)]);
        assert_eq!(listing(&entries), after);
    }

    #[test]
    fn another_body_under_an_old_name_is_refused() {
        let mut after = before();
        after.insert(PartyNumber(3), listed(Role::Operator, None, 3));
        assert!(matches!(verdict(&after, 0), Err(RegistryRefusal::RoleChanged { .. })));
        let mut after = before();
        after.insert(PartyNumber(2), listed(Role::Akimat, Some("KZ-11"), 2));
        let refusal = verdict(&after, 0).unwrap_err();
        assert_eq!(refusal, RegistryRefusal::RegionChanged { party: "party-2".parse().unwrap() });
    }

    #[test]
    fn a_party_leaves_only_when_nothing_of_it_is_open() {
        let mut after = before();
        after.remove(&PartyNumber(2));
        let refusal = verdict(&after, 1).unwrap_err();
        assert!(refusal.to_string().contains("1 obligations open"), "{refusal}");
        assert_eq!(verdict(&after, 0), Ok(()));
        // What else changes may, whatever is open.
        let mut after = before();
        after.insert(PartyNumber(2), listed(Role::Akimat, Some("KZ-55"), 9));
        assert_eq!(verdict(&after, 1), Ok(()));
    }
}
