//! The history of the party registry.

use crate::domain::registry::Listed;
use crate::domain::{ListedParty, ListingChange, RegistryChanged};

use super::RecordError;
use super::fields::{read_party, read_region, role_of_tag, role_tag, write_party};
use super::wire::{Reader, Writer};

/// The most parties of one record: those that a registry may hold, and as many that left.
pub(super) const MAX_LISTED: usize = 8192;

pub(super) fn write_changed(
    out: &mut Writer<'_>,
    changed: &RegistryChanged,
) -> Result<(), RecordError> {
    let RegistryChanged { content, parties } = changed;
    out.bytes(content);
    out.count("parties", parties.len(), MAX_LISTED)?;
    for ListedParty { party, change, listed } in parties {
        let Listed { role, region, facts } = listed;
        write_party(out, *party);
        out.byte(change.tag());
        out.byte(role_tag(*role));
        out.flag(region.is_some());
        if let Some(region) = region {
            out.byte(region.number());
        }
        out.bytes(facts);
    }
    Ok(())
}

pub(super) fn read_changed(from: &mut Reader<'_>) -> Result<RegistryChanged, RecordError> {
    let content = from.array("content")?;
    let parties = from.list("parties", MAX_LISTED, |from| {
        Ok(ListedParty {
            party: read_party(from, "parties.party")?,
            change: from.tag("parties.change", ListingChange::from_tag)?,
            listed: Listed {
                role: from.tag("parties.role", role_of_tag)?,
                region: from.option("parties.region", read_region)?,
                facts: from.array("parties.facts")?,
            },
        })
    })?;
    Ok(RegistryChanged { content, parties })
}
