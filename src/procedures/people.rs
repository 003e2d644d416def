//! What the forms ask about people beyond their names: employment categories, and who may stand on
//! an application as family.

use serde::Deserialize;

use super::register::{self, Fault, RegisterError};
use crate::domain::ProcedureKey;
use crate::domain::party::Names;

const FILE: &str = "people.toml";
const TEXT: &str = include_str!("people.toml");

/// What the forms ask about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The categories of 002-KK App. 6, in the order of their numbers, from 1 without gaps.
    pub employment_categories: Vec<EmploymentCategory>,
    /// One rule per form. Invariant: no procedure has two.
    pub family_rules: Vec<FamilyRule>,
}

/// How an in-migrant earns a living (002-KK App. 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmploymentCategory {
    /// Its number on the form.
    pub number: u8,
    /// Its name in data files and contracts.
    pub id: String,
    /// What people read; the Kazakh is the form's.
    pub names: Names,
}

/// Who may be named as family on a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyRule {
    /// The procedures whose application has this rule. Never empty.
    pub procedures: Vec<ProcedureKey>,
    /// Which relatives.
    pub relatives: Relatives,
    /// Whether citizens of Kazakhstan may be among them.
    pub citizens: Citizens,
    /// The form.
    pub citation: String,
    /// What else the form says.
    pub note: String,
}

/// The relatives that a form allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relatives {
    /// A closed list of degrees. Never empty, each at most once.
    Listed(Vec<Kinship>),
    /// Whatever degree the applicant writes.
    Any,
}

/// A degree of kinship that a form lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kinship {
    /// Wife or husband.
    Spouse,
    /// Mother or father of the applicant.
    Parent,
    /// Child, adopted children included.
    Child,
    /// Brother or sister, full or half.
    Sibling,
}

impl Kinship {
    /// Every degree, in the order of the forms.
    pub const ALL: [Self; 4] = [Self::Spouse, Self::Parent, Self::Child, Self::Sibling];

    /// The name in data files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spouse => "spouse",
            Self::Parent => "parent",
            Self::Child => "child",
            Self::Sibling => "sibling",
        }
    }
}

/// Whether a form names relatives who are citizens of Kazakhstan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Citizens {
    /// The form names only those who are not citizens.
    LeftOut,
    /// The form does not ask.
    Named,
}

impl People {
    /// What ships with the bus.
    ///
    /// # Errors
    /// A [`RegisterError`] if the carried file is damaged.
    pub fn load() -> Result<Self, RegisterError> {
        parse(TEXT)
    }

    /// Who may be named on the application of this procedure; none where its form is not in the
    /// sources or has no family.
    #[must_use]
    pub fn family_rule(&self, procedure: &ProcedureKey) -> Option<&FamilyRule> {
        self.family_rules.iter().find(|rule| rule.procedures.contains(procedure))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "version")]
    _version: u32,
    employment_category: Vec<RawCategory>,
    family_rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCategory {
    number: u8,
    id: String,
    kk: String,
    ru: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    procedures: Vec<String>,
    relatives: Option<Vec<Kinship>>,
    citizens: Citizens,
    citation: String,
    note: String,
}

fn parse(text: &str) -> Result<People, RegisterError> {
    let raw: RawFile = register::read(FILE, text)?;
    let mut employment_categories: Vec<EmploymentCategory> = Vec::new();
    for (raw, number) in raw.employment_category.into_iter().zip(1..) {
        let entry = format!("employment category {}", raw.number);
        let found = category(raw, number).map_err(|fault| fault.of(FILE, &entry))?;
        if employment_categories.iter().any(|other| other.id == found.id) {
            return Err(Fault::Twice.of(FILE, entry));
        }
        employment_categories.push(found);
    }
    let mut family_rules: Vec<FamilyRule> = Vec::new();
    for raw in raw.family_rule {
        let entry = format!("family rule of {}", raw.citation);
        let found = rule(raw).map_err(|fault| fault.of(FILE, &entry))?;
        let taken = |key| family_rules.iter().any(|other| other.procedures.contains(key));
        if found.procedures.iter().any(taken) {
            return Err(Fault::Twice.of(FILE, entry));
        }
        family_rules.push(found);
    }
    Ok(People { employment_categories, family_rules })
}

fn category(raw: RawCategory, number: u8) -> Result<EmploymentCategory, Fault> {
    if raw.number != number {
        return Err(Fault::Rule("categories stand in the order of the form, from 1 without gaps"));
    }
    Ok(EmploymentCategory {
        number,
        id: register::told("id", raw.id)?,
        names: Names {
            kk: register::told("kk", raw.kk)?,
            ru: register::told("ru", raw.ru)?,
            en: register::told("en", raw.en)?,
        },
    })
}

fn rule(raw: RawRule) -> Result<FamilyRule, Fault> {
    let relatives = match raw.relatives {
        None => Relatives::Any,
        Some(listed) => {
            let once = listed.iter().enumerate().all(|(at, degree)| !listed[..at].contains(degree));
            if listed.is_empty() || !once {
                return Err(Fault::Rule("list at least one degree of kinship, each once"));
            }
            Relatives::Listed(listed)
        }
    };
    if raw.procedures.is_empty() {
        return Err(Fault::Blank("procedures"));
    }
    let procedures = raw.procedures.iter().map(|key| register::procedure(key));
    Ok(FamilyRule {
        procedures: procedures.collect::<Result<_, _>>()?,
        relatives,
        citizens: raw.citizens,
        citation: register::told("citation", raw.citation)?,
        note: register::told("note", raw.note)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedures::labels::{LabelKind, Labels};

    #[test]
    fn the_nine_categories_stand_in_the_order_of_the_form() {
        let people = People::load().unwrap();
        let ids: Vec<_> = people.employment_categories.iter().map(|one| one.id.as_str()).collect();
        let expected = [
            "employee",
            "entrepreneur",
            "private-practice",
            "civil-contract",
            "founder",
            "independent",
            "service",
            "farm",
            "unemployed",
        ];
        assert_eq!(ids, expected);
        assert_eq!(people.employment_categories[8].names.kk, "жұмыссыз");
    }

    #[test]
    fn kandas_forms_list_relatives_and_in_migrant_forms_do_not() {
        let people = People::load().unwrap();
        let rule = |key: &str| people.family_rule(&register::procedure(key).unwrap());
        for key in ["kandas/2021", "kandas-mission/2021", "kandas/2024"] {
            let found = rule(key).unwrap();
            assert_eq!(found.relatives, Relatives::Listed(Kinship::ALL.to_vec()), "{key}");
            assert_eq!(found.citizens, Citizens::LeftOut, "{key}");
        }
        for key in ["in-migrant/2021", "in-migrant-self-arrived/2021", "in-migrant/2024"] {
            let found = rule(key).unwrap();
            assert_eq!(found.relatives, Relatives::Any, "{key}");
            assert_eq!(found.citizens, Citizens::Named, "{key}");
        }
        assert_eq!(rule("kandas-status/2025"), None, "its form is not in the sources");
    }

    #[test]
    fn every_degree_of_kinship_has_its_label() {
        let labels = Labels::load().unwrap();
        let missing = labels.missing(LabelKind::Kinship, Kinship::ALL.map(Kinship::name));
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_rule_with_a_fault_is_refused() {
        for (from, to, message) in [
            ("number = 4", "number = 5", "employment category 5: categories stand in the order"),
            (
                "id = \"farm\"",
                "id = \"founder\"",
                "employment category 8: the entry is there twice",
            ),
            ("\"child\", \"sibling\"", "\"child\", \"child\"", "each once"),
            ("\"sibling\"]", "\"cousin\"]", "unknown variant `cousin`"),
            ("[\"kandas/2024\"]", "[\"kandas/2021\"]", "App. 1: the entry is there twice"),
            ("[\"kandas/2024\"]", "[]", "procedures must have a text"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
