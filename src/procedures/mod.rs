//! The law as data: one file per procedure and edition, the calendar of working days, the quotas, and
//! the registers of interpretations, forms and labels. This module turns the files into checked types
//! and knows nothing of cases.

pub mod ambiguities;
pub mod calendar;
pub mod forms;
pub mod labels;
pub mod people;
pub mod quotas;

mod file;
mod register;

use crate::domain::act::UnknownName;
use crate::domain::ids::IdError;
use crate::domain::procedure::ProcedureError;
use crate::domain::{ProcedureKey, Procedures};

pub use self::file::parse;
pub use self::register::RegisterError;

/// The files that ship with the bus, by name.
const FILES: &[(&str, &str)] = &[
    ("appeal-2021.toml", include_str!("appeal-2021.toml")),
    ("appeal-2024.toml", include_str!("appeal-2024.toml")),
    ("astana-migration-2024.toml", include_str!("astana-migration-2024.toml")),
    ("change-notice-2024.toml", include_str!("change-notice-2024.toml")),
    ("in-migrant-2021.toml", include_str!("in-migrant-2021.toml")),
    ("in-migrant-2024.toml", include_str!("in-migrant-2024.toml")),
    ("in-migrant-self-arrived-2021.toml", include_str!("in-migrant-self-arrived-2021.toml")),
    ("kandas-2021.toml", include_str!("kandas-2021.toml")),
    ("kandas-2024.toml", include_str!("kandas-2024.toml")),
    ("kandas-mission-2021.toml", include_str!("kandas-mission-2021.toml")),
    ("kandas-status-2025.toml", include_str!("kandas-status-2025.toml")),
    ("kandas-status-extension-2025.toml", include_str!("kandas-status-extension-2025.toml")),
    ("kandas-status-mission-2025.toml", include_str!("kandas-status-mission-2025.toml")),
    ("one-application-2021.toml", include_str!("one-application-2021.toml")),
];

/// A procedure file that cannot be loaded. Each names the file; the source says what and where.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not TOML, an unknown key, or a missing one.
    #[error("{file}: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// A format version of another build.
    #[error("{file}: format version {found} is not supported; this build reads version 2")]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: u32,
    },
    /// An id that does not follow its rule.
    #[error("{file}: {source}")]
    Id {
        /// The file.
        file: String,
        /// Which and why.
        source: IdError,
    },
    /// A name that is none of its list.
    #[error("{file}: {source}")]
    Name {
        /// The file.
        file: String,
        /// Which and what was expected.
        source: UnknownName,
    },
    /// A term that cannot be read.
    #[error(
        "{file}: '{text}' is not a term; write \"N working days\", \"N calendar days\", \
         \"N calendar days before the end of the service\", \"same day\", \"same working day\", \
         \"month end\" or \"none\""
    )]
    Term {
        /// The file.
        file: String,
        /// What it says.
        text: String,
    },
    /// Hours that cannot be read.
    #[error(
        "{file}: '{text}' are no hours; write days such as \"mon-fri\" and spans such as \
         \"09:00-13:00,14:30-17:30\", or \"around-the-clock\""
    )]
    Hours {
        /// The file.
        file: String,
        /// What it says.
        text: String,
    },
    /// Hops that do not hold together.
    #[error("{file}: {source}")]
    Procedure {
        /// The file.
        file: String,
        /// Which and why.
        source: ProcedureError,
    },
    /// Two files for one procedure and edition.
    #[error("{file}: procedure {key} is there twice")]
    Duplicate {
        /// The second file.
        file: String,
        /// The procedure.
        key: ProcedureKey,
    },
}

/// Every procedure that ships with the bus.
///
/// # Errors
/// A [`FileError`] if a file is not a procedure.
pub fn load() -> Result<Procedures, FileError> {
    load_all(FILES)
}

fn load_all(files: &[(&str, &str)]) -> Result<Procedures, FileError> {
    let mut procedures = Procedures::new();
    for (file, text) in files {
        let procedure = parse(file, text)?;
        let key = procedure.key().clone();
        if procedures.insert(key.clone(), procedure).is_some() {
            return Err(FileError::Duplicate { file: (*file).to_owned(), key });
        }
    }
    Ok(procedures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::term::Term;

    const K21B: &str = include_str!("kandas-mission-2021.toml");

    #[test]
    fn every_file_that_ships_loads() {
        assert_eq!(load().unwrap().len(), FILES.len());
    }

    #[test]
    fn k21b_has_its_twelve_hops_with_terms_and_paragraphs() {
        let expected = include_str!("../../tests/data/k21b-hops.csv");
        let procedure = parse("k21b", K21B).unwrap();
        let shown = procedure.hops().iter().map(|hop| {
            let (n, unit) = match hop.term {
                Term::None => (String::new(), "none"),
                Term::WorkingDays(n) => (n.0.to_string(), "working-days"),
                Term::CalendarDays(n) => (n.0.to_string(), "calendar-days"),
                Term::SameDay
                | Term::SameWorkingDay
                | Term::MonthEnd
                | Term::BeforeServiceEnd(_) => panic!("{hop:?}"),
            };
            format!(
                "{},{},{},{n},{unit},{:?},{:?},{}\n",
                hop.id, hop.from[0], hop.to[0], hop.count, hop.source, hop.citation
            )
        });
        assert_eq!(shown.collect::<String>(), expected);
    }

    #[test]
    fn one_procedure_and_edition_in_two_files_is_refused() {
        let files = [("one.toml", K21B), ("other.toml", K21B)];
        let refusal = load_all(&files).unwrap_err().to_string();
        assert_eq!(refusal, "other.toml: procedure kandas-mission/2021 is there twice");
    }

    /// A mistake in a file: what stands there, what is written in its stead, what is told.
    const MISTAKES: &[(&str, &str, &str)] = &[
        ("from = \"akimat\"", "from = \"ministry\"", "'ministry' is not an actor or role"),
        ("version = 2", "version = 1", "format version 1 is not supported"),
        ("basis =", "bases =", "unknown field `bases`"),
        ("\"5 working days\"", "\"five days\"", "'five days' is not a term"),
        ("id = \"K21B-12\"", "id = \"K21B-11\"", "hop K21B-11 is there twice"),
        ("{ hop = \"K21B-11\", event", "{ hop = \"K21B-99\", event", "K21B-99, which is not a hop"),
        (
            "{ hop = \"K21B-08\", event = \"acted\"",
            "{ hop = \"K21B-08\", event = \"received\"",
            "whose receiver has no inbox",
        ),
        ("{ hop = \"K21B-02\", event", "{ hop = \"K21B-03\", event", "hop K21B-03 is never opened"),
        ("citation = \"002-EN A1 ¶17\"", "citation = \"\"", "hop K21B-07 has no citation"),
        (
            "informative = true\ncitation = \"002-EN A1 App. 2\"",
            "informative = true\ncitation = \"\"",
            "the term of a service has no citation",
        ),
        (
            "\ncitation = \"002-EN A1 ¶15\"",
            "\ncitation = \"\"",
            "a ground of refusal has no citation",
        ),
        ("words = \"no later than three working days\"", "", "hop K21B-06 has no original words"),
        ("count = \"from\"", "count = \"on\"", "hop K21B-03 cannot count its term this way"),
        ("\"5 working days\"", "\"5\"", "'5' is not a term"),
        ("\"5 working days\"", "\"5 days\"", "'5 days' is not a term"),
        ("id = \"K21B-12\"", "id = \"K21B-13\"", "hop K21B-11 is followed by a gap"),
        (
            "opened_by = { hop = \"K21B-02\", event = \"received\" }",
            "opened_by = [{ hop = \"K21B-02\", event = \"received\" }, \
             { hop = \"K21B-06\", event = \"received\" }]",
            "hop K21B-03 leads back to itself and nothing on the way is a branch",
        ),
        ("act = \"refer-to-commission\"", "act = \"refer\"", "'refer' is not an act"),
        ("\"mon-fri\"", "\"weekdays\"", "'weekdays 09:00-13:00,14:30-17:00' are no hours"),
        ("\"mon-fri\"", "\"fri-mon\"", "'fri-mon 09:00-13:00,14:30-17:00' are no hours"),
        ("09:00-13:00,14:30-17:00", "from 9 to 5", "'mon-fri from 9 to 5' are no hours"),
        ("09:00-13:00,14:30-17:00", "17:00-09:00", "'mon-fri 17:00-09:00' are no hours"),
        ("ground = \"unreliable-data\"", "ground = \"bad\"", "'bad' is not a ground of refusal"),
        (
            "starts_with = \"K21B-01\"",
            "starts_with = \"K21B-00\"",
            "a service term starts with K21B-00, which is not a hop",
        ),
        ("from = \"akimat\"", "from = [\"akimat\", \"applicnt\"]", "'applicnt' is not an actor"),
        ("from = \"akimat\"", "from = []", "hop K21B-04 has no party to the bus"),
    ];

    #[test]
    fn a_file_that_does_not_hold_together_is_refused_with_the_reason() {
        for (from, to, message) in MISTAKES {
            let text = K21B.replacen(from, to, 1);
            assert_ne!(text, K21B, "{from}");
            let error = parse("k21b", &text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
