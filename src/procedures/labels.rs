//! What a citizen reads for the names that the bus uses, in Kazakh, Russian and English. The lists
//! themselves are elsewhere: each of them asks here with [`Labels::missing`] whether it is complete.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::register::{self, RawNames, RegisterError};
use crate::domain::party::Names;

const FILE: &str = "labels.toml";
const TEXT: &str = include_str!("labels.toml");

/// A kind of name; each is a section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    /// What was done.
    Act,
    /// What was decided or recommended.
    Outcome,
    /// Why a service, or the acceptance of papers, was refused.
    Ground,
    /// A party to the bus.
    Role,
    /// An end of a hop that is no role.
    Actor,
    /// On what a case rests.
    Basis,
    /// Where a case stands.
    Status,
    /// Whose quota it is.
    Category,
    /// What a relative is to the applicant.
    Kinship,
}

impl LabelKind {
    /// Every kind, in the order of the file.
    pub const ALL: [Self; 9] = [
        Self::Act,
        Self::Outcome,
        Self::Ground,
        Self::Role,
        Self::Actor,
        Self::Basis,
        Self::Status,
        Self::Category,
        Self::Kinship,
    ];

    /// The section's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Outcome => "outcome",
            Self::Ground => "ground",
            Self::Role => "role",
            Self::Actor => "actor",
            Self::Basis => "basis",
            Self::Status => "status",
            Self::Category => "category",
            Self::Kinship => "kinship",
        }
    }
}

/// The labels of every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// By kind and name; a name that is not there has no label.
    names: BTreeMap<LabelKind, BTreeMap<String, Names>>,
}

impl Labels {
    /// The labels that ship with the bus.
    ///
    /// # Errors
    /// A [`RegisterError`] if the carried file is damaged.
    pub fn load() -> Result<Self, RegisterError> {
        parse(TEXT)
    }

    /// What people read for a name; none for a name that has no label.
    #[must_use]
    pub fn get(&self, kind: LabelKind, name: &str) -> Option<&Names> {
        self.names.get(&kind)?.get(name)
    }

    /// The names of a kind, in alphabetical order.
    pub fn names(&self, kind: LabelKind) -> impl Iterator<Item = &str> {
        self.names.get(&kind).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Those of the names that have no label. A list is complete when this is empty.
    pub fn missing<'n>(
        &self,
        kind: LabelKind,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Vec<&'n str> {
        names.into_iter().filter(|name| self.get(kind, name).is_none()).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "version")]
    _version: u32,
    act: RawSection,
    outcome: RawSection,
    ground: RawSection,
    role: RawSection,
    actor: RawSection,
    basis: RawSection,
    status: RawSection,
    category: RawSection,
    kinship: RawSection,
}

type RawSection = BTreeMap<String, RawNames>;

fn parse(text: &str) -> Result<Labels, RegisterError> {
    let raw: RawFile = register::read(FILE, text)?;
    let sections = [
        (LabelKind::Act, raw.act),
        (LabelKind::Outcome, raw.outcome),
        (LabelKind::Ground, raw.ground),
        (LabelKind::Role, raw.role),
        (LabelKind::Actor, raw.actor),
        (LabelKind::Basis, raw.basis),
        (LabelKind::Status, raw.status),
        (LabelKind::Category, raw.category),
        (LabelKind::Kinship, raw.kinship),
    ];
    let mut names = BTreeMap::new();
    for (kind, section) in sections {
        names.insert(kind, labels(kind, section)?);
    }
    Ok(Labels { names })
}

fn labels(kind: LabelKind, section: RawSection) -> Result<BTreeMap<String, Names>, RegisterError> {
    let label = |(name, raw): (String, RawNames)| {
        let entry = || format!("{}.{name}", kind.name());
        let names = raw.checked().map_err(|fault| fault.of(FILE, entry()))?;
        Ok((name, names))
    };
    section.into_iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outcome;
    use crate::domain::act::{Act, Ground};
    use crate::domain::party::Role;

    const NOTHING: [&str; 0] = [];

    #[test]
    fn every_name_of_the_domain_has_its_label() {
        let labels = Labels::load().unwrap();
        let acts = Act::ALL.iter().map(|act| act.name());
        assert_eq!(labels.missing(LabelKind::Act, acts), NOTHING);
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.name());
        assert_eq!(labels.missing(LabelKind::Outcome, outcomes), NOTHING);
        let grounds = Ground::ALL.iter().map(|ground| ground.name());
        assert_eq!(labels.missing(LabelKind::Ground, grounds), NOTHING);
        let roles = [
            Role::ForeignMission,
            Role::MigrationBody,
            Role::Akimat,
            Role::Commission,
            Role::Operator,
        ];
        let roles = roles.iter().map(|role| role.as_str());
        assert_eq!(labels.missing(LabelKind::Role, roles), NOTHING);
    }

    #[test]
    fn each_kind_is_as_long_as_its_list() {
        let labels = Labels::load().unwrap();
        let counts = LabelKind::ALL.map(|kind| (kind.name(), labels.names(kind).count()));
        let expected = [
            ("act", 44),
            ("outcome", 8),
            ("ground", 10),
            ("role", 24),
            ("actor", 4),
            ("basis", 10),
            ("status", 26),
            ("category", 2),
            ("kinship", 4),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_citizen_can_tell_two_names_of_a_kind_apart() {
        let labels = Labels::load().unwrap();
        for kind in LabelKind::ALL {
            for language in [0, 1, 2] {
                let text = |names: &Names| [&names.kk, &names.ru, &names.en][language].clone();
                let mut texts: Vec<_> = labels.names[&kind].values().map(text).collect();
                let all = texts.len();
                texts.sort_unstable();
                texts.dedup();
                assert_eq!(texts.len(), all, "{}", kind.name());
            }
        }
    }

    #[test]
    fn kazakh_and_russian_are_written_in_their_letters() {
        let labels = Labels::load().unwrap();
        for names in labels.names.values().flat_map(BTreeMap::values) {
            let cyrillic = |text: &str| text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
            assert!(cyrillic(&names.kk) && cyrillic(&names.ru), "{names:?}");
            // Letters that Kazakh has and Russian has not.
            assert!(!names.ru.chars().any(|c| "ӘәҒғҚқҢңӨөҰұҮүҺһІі".contains(c)), "{names:?}");
            assert!(!cyrillic(&names.en), "{names:?}");
        }
    }

    #[test]
    fn a_label_with_a_language_missing_is_refused() {
        for (from, to, message) in [
            ("en = \"Hearing\"", "en = \"\"", "labels.toml, act.record-hearing: en must have"),
            ("kk = \"Тыңдау\", ", "", "missing field `kk`"),
            ("[basis]", "[ground_of_case]", "unknown field `ground_of_case`"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
