//! What is played: one file for each procedure and edition, in which a lawyer can read who does
//! what, and what is to come of it.

use std::fmt::Display;
use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use serde::{Deserialize, Deserializer};

use crate::demo::DemoError;
use crate::domain::party::PartyId;

/// Every script, in the order of the law.
const SCRIPTS: [(&str, &str); 14] = [
    ("kandas-2021", include_str!("scripts/kandas-2021.toml")),
    ("kandas-mission-2021", include_str!("scripts/kandas-mission-2021.toml")),
    ("in-migrant-2021", include_str!("scripts/in-migrant-2021.toml")),
    ("in-migrant-self-arrived-2021", include_str!("scripts/in-migrant-self-arrived-2021.toml")),
    ("one-application-2021", include_str!("scripts/one-application-2021.toml")),
    ("appeal-2021", include_str!("scripts/appeal-2021.toml")),
    ("kandas-2024", include_str!("scripts/kandas-2024.toml")),
    ("in-migrant-2024", include_str!("scripts/in-migrant-2024.toml")),
    ("appeal-2024", include_str!("scripts/appeal-2024.toml")),
    ("change-notice-2024", include_str!("scripts/change-notice-2024.toml")),
    ("astana-migration-2024", include_str!("scripts/astana-migration-2024.toml")),
    ("kandas-status-2025", include_str!("scripts/kandas-status-2025.toml")),
    ("kandas-status-mission-2025", include_str!("scripts/kandas-status-mission-2025.toml")),
    ("kandas-status-extension-2025", include_str!("scripts/kandas-status-extension-2025.toml")),
];

/// A procedure played from its first act to its last.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// The procedure.
    pub(super) procedure: String,
    /// Its edition.
    pub(super) edition: String,
    /// What it is about, in a sentence or two.
    pub(super) about: String,
    /// When the sandbox clock starts, in Almaty.
    #[serde(deserialize_with = "parsed")]
    pub(super) start: DateTime,
    /// The region of reception.
    #[serde(default = "pavlodar")]
    pub(super) region: String,
    /// The quotas that are set first.
    #[serde(default)]
    pub(super) quotas: Vec<QuotaRow>,
    /// The cases, one after another.
    #[serde(rename = "chapter")]
    pub(super) chapters: Vec<Chapter>,
}

/// A quota to set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaRow {
    /// The region.
    pub(super) region: String,
    /// The year.
    pub(super) year: u16,
    /// `kandas` or `in-migrant`.
    pub(super) category: String,
    /// The year whose sample figure stands in, where the sample has none for the year itself.
    pub(super) sample_year: Option<u16>,
}

/// One case, or several that go together in lists.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chapter {
    /// What happens, in a line.
    pub(super) title: String,
    /// Families by number; the same number is the same people in every chapter.
    #[serde(default = "first_family")]
    pub(super) families: Vec<usize>,
    /// Persons of each family, the applicant counted.
    #[serde(default = "four")]
    pub(super) persons: usize,
    /// The region, where it is not the script's.
    pub(super) region: Option<String>,
    /// The region that in-migrants leave.
    pub(super) departure: Option<String>,
    /// On what basis the case is opened, as the law's data name it.
    #[serde(default)]
    pub(super) basis: String,
    /// What every case of the chapter ends with, as the law's data name outcomes.
    pub(super) result: Option<String>,
    /// The acts in their order.
    pub(super) steps: Vec<Step>,
}

/// One act, of every family of the chapter in turn, or of all at once where it is a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The party that acts.
    #[serde(deserialize_with = "parsed")]
    pub(super) by: PartyId,
    /// The method of its service, in small letters.
    pub(super) call: String,
    /// Working days that pass before it.
    #[serde(default)]
    pub(super) wait: u16,
    /// Calendar days that pass before it, where an applicant takes time.
    #[serde(default)]
    pub(super) days: u16,
    /// The time of day, in Almaty; else a quarter of an hour after the act before, or ten o'clock
    /// of another day.
    #[serde(default, deserialize_with = "parsed_some")]
    pub(super) at: Option<Time>,
    /// The families whose cases it concerns; none means all of the chapter.
    #[serde(default)]
    pub(super) of: Vec<usize>,
    /// What is decided, recommended or answered.
    pub(super) outcome: Option<String>,
    /// The grounds of a refusal.
    #[serde(default)]
    pub(super) grounds: Vec<String>,
    /// Working days to a hearing, or to the new day of a complaint.
    pub(super) ahead: Option<u16>,
    /// The applicant missed the hearing.
    #[serde(default)]
    pub(super) missed: bool,
    /// Months of an extension.
    #[serde(default)]
    pub(super) months: i32,
    /// The service of a composite application.
    #[serde(default)]
    pub(super) service: String,
    /// The role complained of.
    #[serde(default)]
    pub(super) against: String,
    /// The reason with which the bus is to refuse the act.
    pub(super) refused: Option<String>,
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn parsed_some<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    parsed(from).map(Some)
}

fn pavlodar() -> String {
    "KZ-55".to_owned()
}

fn first_family() -> Vec<usize> {
    vec![1]
}

const fn four() -> usize {
    4
}

/// The scripts of a procedure, of every edition or of one; of all procedures for `all`.
///
/// # Errors
/// [`DemoError::NoTour`] if there is none, [`DemoError::Script`] for a file that does not read.
pub(super) fn find(procedure: &str, edition: Option<&str>) -> Result<Vec<Script>, DemoError> {
    let mut found = Vec::new();
    for (name, text) in SCRIPTS {
        let script: Script =
            toml::from_str(text).map_err(|why| DemoError::Script { name, why: Box::new(why) })?;
        let is_asked = procedure == "all" || script.procedure == procedure;
        if is_asked && edition.is_none_or(|edition| script.edition == edition) {
            found.push(script);
        }
    }
    if found.is_empty() {
        let asked = match edition {
            Some(edition) => format!("{procedure}, edition {edition}"),
            None => procedure.to_owned(),
        };
        return Err(DemoError::NoTour { asked, known: SCRIPTS.map(|(name, _)| name).join(", ") });
    }
    Ok(found)
}
