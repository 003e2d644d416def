//! The register of forms: every appendix that an edition has or refers to, the message of the
//! contracts that carries it, and whether the form is in the sources at all. A test outside holds the
//! named messages against the contracts; here they are names.

use serde::Deserialize;

use super::register::{self, Fault, RegisterError};
use crate::domain::{Edition, ProcedureKey};

const FILE: &str = "forms.toml";
const TEXT: &str = include_str!("forms.toml");

/// One form of one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Our name of it; no two forms share one.
    pub id: String,
    /// What it is, in English.
    pub title: String,
    /// What it is for.
    pub kind: FormKind,
    /// The wording of the law that has it.
    pub edition: Edition,
    /// Its number in the act; none where the act gives the paper no form.
    pub appendix: Option<String>,
    /// The procedures that use it, all of its edition. Never empty.
    pub procedures: Vec<ProcedureKey>,
    /// Whether the sources have it.
    pub standing: Standing,
    /// What carries it; none for a standard, whose content is in the procedure files.
    pub message: Option<FormMessage>,
    /// Where it stands, or where it is asked for.
    pub citation: String,
    /// What else is to be known; may be empty.
    pub note: String,
}

/// The message that carries a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormMessage {
    /// Its name with the package, for example `kopir.forms.v1.KandasApplication`.
    pub name: String,
    /// The lines of the form as fields; a dot leads into the message of a field. Never empty.
    pub fields: Vec<String>,
}

/// What a form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormKind {
    /// What the applicant fills in.
    Application,
    /// The standard of the service: terms, hours, documents, grounds.
    Standard,
    /// Why the papers were not taken.
    RefusalReceipt,
    /// That the papers were taken, or registered.
    Acceptance,
    /// What was decided.
    Decision,
    /// A decision to refuse, where it has a form of its own.
    Refusal,
}

impl FormKind {
    /// The name in the register and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Standard => "standard",
            Self::RefusalReceipt => "refusal-receipt",
            Self::Acceptance => "acceptance",
            Self::Decision => "decision",
            Self::Refusal => "refusal",
        }
    }
}

/// Whether the sources have a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// They have it.
    InSources,
    /// The act refers to it and the sources do not have it: its message has fields of ours.
    NotInSources,
    /// The act asks for the paper and gives it no form.
    NoForm,
}

impl Standing {
    /// The name in the register and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InSources => "in-sources",
            Self::NotInSources => "not-in-sources",
            Self::NoForm => "no-form",
        }
    }
}

/// The register, edition by edition in the order of the acts.
///
/// # Errors
/// A [`RegisterError`] if the carried file is damaged.
pub fn load() -> Result<Vec<Form>, RegisterError> {
    parse(TEXT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "version")]
    _version: u32,
    form: Vec<RawForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForm {
    id: String,
    title: String,
    kind: FormKind,
    edition: String,
    appendix: Option<String>,
    procedures: Vec<String>,
    standing: Standing,
    message: Option<String>,
    #[serde(default)]
    fields: Vec<String>,
    citation: String,
    #[serde(default)]
    note: String,
}

fn parse(text: &str) -> Result<Vec<Form>, RegisterError> {
    let raw: RawFile = register::read(FILE, text)?;
    let mut forms: Vec<Form> = Vec::with_capacity(raw.form.len());
    for raw in raw.form {
        let id = raw.id.clone();
        let form = form(raw).map_err(|fault| fault.of(FILE, &id))?;
        if forms.iter().any(|other| other.id == form.id) {
            return Err(Fault::Twice.of(FILE, id));
        }
        forms.push(form);
    }
    Ok(forms)
}

fn form(raw: RawForm) -> Result<Form, Fault> {
    let edition: Edition = raw.edition.parse()?;
    let procedures = raw.procedures.iter().map(|key| register::procedure(key));
    let procedures = procedures.collect::<Result<Vec<_>, _>>()?;
    if procedures.is_empty() || procedures.iter().any(|key| key.edition != edition) {
        return Err(Fault::Rule("a form belongs to procedures of its own edition; name them"));
    }
    if (raw.standing == Standing::NoForm) == raw.appendix.is_some() {
        return Err(Fault::Rule("a form has an appendix, and a paper without a form has none"));
    }
    Ok(Form {
        id: register::told("id", raw.id)?,
        title: register::told("title", raw.title)?,
        kind: raw.kind,
        edition,
        appendix: raw.appendix.map(|text| register::told("appendix", text)).transpose()?,
        procedures,
        standing: raw.standing,
        message: message(raw.kind, raw.message, raw.fields)?,
        citation: register::told("citation", raw.citation)?,
        note: raw.note,
    })
}

fn message(
    kind: FormKind,
    name: Option<String>,
    fields: Vec<String>,
) -> Result<Option<FormMessage>, Fault> {
    match (kind == FormKind::Standard, name) {
        (true, None) if fields.is_empty() => Ok(None),
        (true, _) => Err(Fault::Rule("a standard has no message; it is data of the procedures")),
        (false, None) => Err(Fault::Rule("a form has a message that carries it; name it")),
        (false, Some(_)) if fields.is_empty() => {
            Err(Fault::Rule("a form has lines; list the fields that carry them"))
        }
        (false, Some(name)) => Ok(Some(FormMessage {
            name: register::told("message", name)?,
            fields: register::all_told("fields", fields)?,
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_appendix_of_the_editions_is_there() {
        let forms = load().unwrap();
        let appendices: BTreeSet<_> = forms
            .iter()
            .filter_map(|form| Some(format!("{} {}", form.edition, form.appendix.as_ref()?)))
            .collect();
        let expected = [("2021 A1", 1..=5), ("2021 A2", 1..=5), ("2024", 1..=10), ("2025", 1..=4)]
            .into_iter()
            .flat_map(|(act, numbers)| numbers.map(move |n: u8| format!("{act} App. {n}")))
            .chain(["2025 App. 6".to_owned()])
            .collect();
        assert_eq!(appendices, expected);
    }

    #[test]
    fn the_register_says_what_is_not_in_the_sources() {
        let forms = load().unwrap();
        let missing: Vec<_> =
            forms.iter().filter(|form| form.standing == Standing::NotInSources).collect();
        let missing: Vec<_> =
            missing.iter().map(|form| (form.edition.as_str(), form.appendix.as_deref())).collect();
        let expected = ["App. 1", "App. 3", "App. 4", "App. 6"].map(|one| ("2025", Some(one)));
        assert_eq!(missing, expected);
        let receipts = forms.iter().filter(|form| form.id.starts_with("state-corporation-receipt"));
        assert!(receipts.clone().count() == 2);
        assert!(receipts.clone().all(|form| form.standing == Standing::NoForm));
    }

    #[test]
    fn a_form_with_a_fault_is_refused() {
        for (from, to, message) in [
            ("id = \"standard-2024\"", "id = \"kandas-application-2024\"", "is there twice"),
            ("kind = \"refusal\"", "kind = \"denial\"", "unknown variant `denial`"),
            ("[\"kandas/2021\"]", "[\"kandas/2024\"]", "procedures of its own edition"),
            ("appendix = \"A1 App. 1\"\n", "", "a form has an appendix"),
            ("kind = \"standard\"", "kind = \"decision\"", "has a message that carries it"),
            ("kind = \"application\"", "kind = \"standard\"", "a standard has no message"),
            ("fields = [\"provider_name\", ", "fields = [\"\", ", "fields must have a text"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
