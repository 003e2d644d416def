//! The register of interpretations: where the texts are silent or contradict each other, and the
//! reading that the bus takes. It is data, so that no interpretation hides in code.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::register::{self, Fault, RegisterError};
use crate::domain::act::UnknownName;
use crate::domain::{HopId, ProcedureKey};

const FILE: &str = "ambiguities.toml";
const TEXT: &str = include_str!("ambiguities.toml");

/// The name of an ambiguity, `A-01` to `A-45`, as notes and procedure files refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmbiguityId {
    /// Invariant: from 1 to [`AmbiguityId::COUNT`].
    number: u8,
}

impl AmbiguityId {
    /// How many there are.
    pub const COUNT: u8 = 45;

    /// Every one, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::COUNT).map(|number| Self { number })
    }
}

impl FromStr for AmbiguityId {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::all().find(|id| id.to_string() == text);
        let kind = "an ambiguity; the register has A-01 to A-45";
        found.ok_or_else(|| UnknownName { text: text.chars().take(40).collect(), kind })
    }
}

impl fmt::Display for AmbiguityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("A-{:02}", self.number))
    }
}

/// One place where the texts need a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguity {
    /// Its name.
    pub id: AmbiguityId,
    /// What it is about, in a few words.
    pub title: String,
    /// What the texts say and what they leave open.
    pub finding: String,
    /// Where they say it. Never empty.
    pub texts: Vec<String>,
    /// What the bus does. It is ours and not law.
    pub reading: String,
    /// The keys that take another reading; empty where there is nothing to choose.
    pub switches: Vec<Switch>,
    /// The procedures that the reading touches; empty when it touches none.
    pub procedures: Vec<ProcedureKey>,
    /// The hops that it touches; empty when it is about the whole of them.
    pub hops: Vec<HopId>,
}

/// A key that takes another reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The file that has it.
    pub home: SwitchHome,
    /// The key with its section, for example `counting.strict_from`.
    pub key: String,
}

/// Which file a switch stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchHome {
    /// The configuration of a bus: one setting for all that it carries.
    Configuration,
    /// The file of a procedure and edition: a setting of that wording alone.
    ProcedureFile,
}

impl SwitchHome {
    /// The name in the register and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::ProcedureFile => "procedure-file",
        }
    }
}

/// The register, in the order of its ids: each of them once.
///
/// # Errors
/// A [`RegisterError`] if the carried file is damaged.
pub fn load() -> Result<Vec<Ambiguity>, RegisterError> {
    parse(TEXT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "version")]
    _version: u32,
    ambiguity: Vec<RawAmbiguity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAmbiguity {
    id: String,
    title: String,
    finding: String,
    texts: Vec<String>,
    reading: String,
    #[serde(default)]
    switch: Vec<RawSwitch>,
    procedures: Vec<String>,
    #[serde(default)]
    hops: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSwitch {
    r#in: SwitchHome,
    key: String,
}

fn parse(text: &str) -> Result<Vec<Ambiguity>, RegisterError> {
    let raw: RawFile = register::read(FILE, text)?;
    let mut register: Vec<Ambiguity> = Vec::with_capacity(raw.ambiguity.len());
    for raw in raw.ambiguity {
        let id = raw.id.clone();
        let ambiguity = ambiguity(raw).map_err(|fault| fault.of(FILE, &id))?;
        if register.iter().any(|other| other.id == ambiguity.id) {
            return Err(Fault::Twice.of(FILE, id));
        }
        register.push(ambiguity);
    }
    register.sort_by_key(|ambiguity| ambiguity.id);
    let missing = AmbiguityId::all().find(|id| register.iter().all(|known| known.id != *id));
    match missing {
        Some(id) => Err(Fault::Missing.of(FILE, id.to_string())),
        None => Ok(register),
    }
}

fn ambiguity(raw: RawAmbiguity) -> Result<Ambiguity, Fault> {
    if raw.texts.is_empty() {
        return Err(Fault::Blank("texts"));
    }
    let hops = raw.hops.iter().map(|hop| hop.parse::<HopId>());
    let hops = hops.collect::<Result<Vec<_>, _>>()?;
    if raw.procedures.is_empty() && !hops.is_empty() {
        return Err(Fault::Rule("hops are those of procedures; name the procedures too"));
    }
    let switch = |raw: RawSwitch| {
        Ok::<_, Fault>(Switch { home: raw.r#in, key: register::told("switch", raw.key)? })
    };
    Ok(Ambiguity {
        id: raw.id.parse()?,
        title: register::told("title", raw.title)?,
        finding: register::told("finding", raw.finding)?,
        texts: register::all_told("texts", raw.texts)?,
        reading: register::told("reading", raw.reading)?,
        switches: raw.switch.into_iter().map(switch).collect::<Result<_, _>>()?,
        procedures: raw
            .procedures
            .iter()
            .map(|key| register::procedure(key))
            .collect::<Result<_, _>>()?,
        hops,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_register_has_each_ambiguity_once_and_in_order() {
        let register = load().unwrap();
        let ids: Vec<_> = register.iter().map(|ambiguity| ambiguity.id.to_string()).collect();
        assert_eq!(ids.len(), 45);
        assert_eq!((ids[0].as_str(), ids[44].as_str()), ("A-01", "A-45"));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn what_the_register_touches_is_there() {
        let procedures = crate::procedures::load().unwrap();
        for ambiguity in load().unwrap() {
            for hop in &ambiguity.hops {
                // A hop of a procedure that this build does not carry cannot be looked up.
                let loaded: Vec<_> =
                    ambiguity.procedures.iter().map(|key| procedures.get(key)).collect();
                if loaded.iter().all(Option::is_some) {
                    let known = loaded.iter().flatten().any(|found| found.hop(*hop).is_some());
                    assert!(known, "{}: no hop {hop}", ambiguity.id);
                }
            }
        }
    }

    #[test]
    fn every_reading_of_a_procedure_file_is_in_the_register_with_its_procedure() {
        let register = load().unwrap();
        for (file, text) in crate::procedures::FILES {
            let read: toml::Table = toml::from_str(text).unwrap();
            let key = file.trim_end_matches(".toml").rsplit_once('-').unwrap();
            let key = register::procedure(&format!("{}/{}", key.0, key.1)).unwrap();
            let rows = ["hop", "step"].iter().filter_map(|kind| read.get(*kind)?.as_array());
            let rows = rows.flatten().filter_map(toml::Value::as_table);
            let readings = rows.filter_map(|row| row.get("reading")?.as_array()).flatten();
            for reading in readings.map(|reading| reading.as_str().unwrap()) {
                let known = register.iter().find(|entry| entry.id.to_string() == reading);
                let known = known.unwrap_or_else(|| panic!("{file}: {reading} is no ambiguity"));
                assert!(known.procedures.contains(&key), "{reading} does not name {key}");
            }
        }
    }

    #[test]
    fn switches_are_keys_that_files_have() {
        let keys: BTreeSet<_> = load()
            .unwrap()
            .into_iter()
            .flat_map(|ambiguity| ambiguity.switches)
            .map(|switch| format!("{} {}", switch.home.name(), switch.key))
            .collect();
        let expected = [
            "configuration procedures.consent_validity_days",
            "configuration procedures.publication_dates",
            "configuration procedures.roll_over",
            "configuration procedures.strict_from",
            "configuration quota.when_unset",
            "procedure-file counting.roll_over",
            "procedure-file counting.strict_from",
            "procedure-file ground",
            "procedure-file hop.from",
            "procedure-file hop.term",
            "procedure-file hours",
            "procedure-file service.informative",
            "procedure-file service.starts_with",
        ];
        assert_eq!(keys, expected.map(str::to_owned).into());
    }

    #[test]
    fn a_register_with_a_fault_is_refused_with_the_entry() {
        let cases = [
            ("version = 1", "version = 7", "format version 7 is not supported"),
            ("id = \"A-07\"", "id = \"A-46\"", "A-46: 'A-46' is not an ambiguity"),
            ("id = \"A-07\"", "id = \"A-7\"", "'A-7' is not an ambiguity"),
            ("id = \"A-07\"", "id = \"A-08\"", "A-08: the entry is there twice"),
            ("title = \"When a day ends\"", "title = \" \"", "A-35: title must have a text"),
            ("texts = [\"003 ¶5\"]", "texts = []", "A-22: texts must have a text"),
            ("\"K21B-02\"", "\"K21B_02\"", "A-02: 'K21B_02' is not a hop id"),
            ("\"kandas/2021\"", "\"kandas\"", "written with its edition"),
            ("key = \"hours\"", "name = \"hours\"", "unknown field `name`"),
        ];
        for (from, to, message) in cases {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let start = TEXT.find("[[ambiguity]]\nid = \"A-30\"").unwrap();
        let end = TEXT.find("[[ambiguity]]\nid = \"A-31\"").unwrap();
        let error = parse(&format!("{}{}", &TEXT[..start], &TEXT[end..])).unwrap_err().to_string();
        assert_eq!(error, "ambiguities.toml, A-30: the entry is missing; the register has no gaps");
    }
}
