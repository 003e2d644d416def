//! The history of the party registry, as the journal has it.

use super::Bus;
use crate::domain::{Event, ListedParty, ListingChange, Sequence};
use crate::index::NoteKind;
use crate::rpc::Caller;
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::query;
use crate::rpc::proto::operations::v1::{
    ListRegistryChangesRequest, ListRegistryChangesResponse, RegistryChange,
};
use crate::rpc::show::{digest, time};
use crate::rpc::status::Refusal;

impl Bus {
    /// A page of the registries that have been in force.
    pub(super) fn registry_changes(
        &self,
        request: &ListRegistryChangesRequest,
        caller: &Caller,
    ) -> Result<ListRegistryChangesResponse, Refusal> {
        let (page_items, page_token) = query::registry_changes(request)?;
        let listing = Listing { name: "registry", party: caller.party, filter: &[] };
        let before = listing.place(page_token)?.map(|place| sequence(&place)).transpose()?;
        let found = self.engine.index().notes(NoteKind::RegistryChanged, before, page_items)?;
        let next_page_token = match found.last() {
            Some(last) if found.len() == page_items => listing.token(&last.0.to_be_bytes()),
            Some(_) | None => String::new(),
        };
        let changes = found.into_iter().map(|at| self.registry_change(at));
        let changes = changes.collect::<Result<_, _>>()?;
        Ok(ListRegistryChangesResponse { changes, next_page_token })
    }

    fn registry_change(&self, at: Sequence) -> Result<RegistryChange, Refusal> {
        let recorded = self.engine.recorded(at)?;
        let Event::RegistryChanged(changed) = recorded.event else {
            return Err(Refusal::Fault("the history of the registry names another record"));
        };
        let roster = self.roster();
        let ids = |change| {
            let of = changed.parties.iter().filter(|party| party.change == change);
            of.filter_map(|party| roster.id(party.party)).map(ToString::to_string).collect()
        };
        let is_listed = |party: &&ListedParty| party.change != ListingChange::Removed;
        let count = changed.parties.iter().filter(is_listed).count();
        Ok(RegistryChange {
            sequence: at.0,
            time: Some(time(recorded.at)),
            registry_hash: digest(&changed.content),
            party_count: i32::try_from(count).unwrap_or(i32::MAX),
            added_party_ids: ids(ListingChange::Added),
            changed_party_ids: ids(ListingChange::Changed),
            removed_party_ids: ids(ListingChange::Removed),
        })
    }
}

fn sequence(place: &[u8]) -> Result<Sequence, Refusal> {
    let place = place.try_into().map_err(|_| Refusal::PageTokenInvalid)?;
    Ok(Sequence(u64::from_be_bytes(place)))
}
