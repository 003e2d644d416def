//! The reception hours of single offices, where they are not those of the edition: a mission in a
//! hot country, or one whose host country has holidays of its own.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;

use super::{RegistryError, RegistryFile, read_text, syntax_error};
use crate::domain::hours::{Hours, Purpose, Reception, spans, weekdays};
use crate::domain::party::{Parties, PartyId};

/// The most days off one office may list.
const MAX_DAYS_OFF: usize = 400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceptionEntry {
    party: String,
    purpose: Option<String>,
    days: Option<String>,
    open: Option<String>,
    #[serde(default)]
    days_off: Vec<String>,
}

/// The receptions that a registry file lists, by party; the file is read and checked as for the
/// parties.
///
/// # Errors
/// [`RegistryError`], with the first fault found.
pub fn receptions(
    file: &Path,
    parties: &Parties,
) -> Result<BTreeMap<PartyId, Reception>, RegistryError> {
    parse(file, &read_text(file)?, parties)
}

pub(super) fn parse(
    file: &Path,
    text: &str,
    parties: &Parties,
) -> Result<BTreeMap<PartyId, Reception>, RegistryError> {
    let syntax = |why: toml::de::Error| syntax_error(file, text, &why);
    let RegistryFile { reception, .. } = toml::from_str(text).map_err(syntax)?;
    let mut receptions: BTreeMap<PartyId, Reception> = BTreeMap::new();
    for entry in reception {
        let ReceptionEntry { party, purpose, days, open, days_off } = entry;
        let refused = |key, why: &str| RegistryError::Reception {
            file: file.to_owned(),
            party: party.clone(),
            key,
            why: why.to_owned(),
        };
        let id: Option<PartyId> = party.parse().ok();
        let found = id.as_ref().and_then(|id| parties.get(id));
        let found = found.ok_or_else(|| refused("party", "names no party of this registry"))?;
        let reception = receptions
            .entry(found.id.clone())
            .or_insert_with(|| Reception { hours: Vec::new(), days_off: Default::default() });
        if days.is_some() || open.is_some() {
            let purpose = match purpose.as_deref() {
                None | Some("all") => Purpose::All,
                Some("applications") => Purpose::Applications,
                Some("results") => Purpose::Results,
                Some(_) => {
                    return Err(refused("purpose", "is all, applications or results"));
                }
            };
            let days = weekdays(days.as_deref().unwrap_or_default());
            let days = days.ok_or_else(|| refused("days", "write days such as \"mon-fri\""))?;
            let open = spans(open.as_deref().unwrap_or_default());
            let wanted = "write spans such as \"09:00-13:00,14:30-17:30\", or \"around-the-clock\"";
            let open = open.ok_or_else(|| refused("open", wanted))?;
            let (role, citation) = (found.role, String::new());
            reception.hours.push(Hours { role, purpose, days, open, citation });
        }
        for day in days_off {
            let day: Date = day.parse().map_err(|_| refused("days_off", "write YYYY-MM-DD"))?;
            reception.days_off.insert(day);
        }
        if reception.days_off.len() > MAX_DAYS_OFF {
            return Err(refused("days_off", "lists more than 400 days; is this the right file?"));
        }
    }
    Ok(receptions)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const REGISTRY: &str = include_str!("../../../deploy/parties.toml");

    fn read(extra: &str) -> Result<BTreeMap<PartyId, Reception>, RegistryError> {
        let text = format!("{REGISTRY}\n{extra}");
        let file = Path::new("parties.toml");
        let parties = super::super::parse(file, &text)?;
        parse(file, &text, &parties)
    }

    #[test]
    fn a_mission_has_hours_and_days_off_of_its_own() {
        let receptions = read(
            "[[reception]]\nparty = \"mission-uz\"\ndays = \"mon-thu\"\nopen = \"08:00-11:00\"\n\
             days_off = [\"2026-03-24\"]",
        )
        .unwrap();
        let reception = &receptions[&"mission-uz".parse().unwrap()];
        let calendar = crate::procedures::calendar::kazakhstan().unwrap();
        let next = |at: &str| {
            let at = at.parse().unwrap();
            reception.next(Purpose::Applications, at, &calendar).unwrap().unwrap()
        };
        // The 21st to the 23rd are Nauryz, the 24th is the host country's.
        let opening = next("2026-03-19T12:00");
        assert_eq!(opening.date, date(2026, 3, 26));
        assert_eq!(opening.from, jiff::civil::time(8, 0, 0, 0));
        assert_eq!(next("2026-04-06T09:30").from, jiff::civil::time(9, 30, 0, 0));
    }

    #[test]
    fn a_reception_that_cannot_be_is_refused_with_the_key() {
        for (extra, told) in [
            ("party = \"nobody\"", "key party: names no party"),
            ("party = \"mission-uz\"\ndays = \"someday\"", "key days: write days"),
            ("party = \"mission-uz\"\ndays = \"mon\"\nopen = \"9\"", "key open: write spans"),
            ("party = \"mission-uz\"\ndays_off = [\"24.03.2026\"]", "key days_off: write YYYY"),
            ("party = \"mission-uz\"\npurpose = \"tea\"\ndays = \"mon\"", "key purpose: is all"),
        ] {
            let error = read(&format!("[[reception]]\n{extra}")).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
