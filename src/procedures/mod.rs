//! The law as data: one file per procedure and edition, and the calendar of working days. This
//! module turns the files into checked [`Procedure`]s and knows nothing of cases.

pub mod calendar;

use serde::Deserialize;

use crate::domain::act::{Actor, Ground, UnknownName};
use crate::domain::ids::IdError;
use crate::domain::party::Names;
use crate::domain::procedure::{
    Draft, Hop, OpenedBy, Procedure, ProcedureError, ServiceTerm, Trigger,
};
use crate::domain::term::{CalendarDays, CountMode, Counting, Source, Term, WorkingDays};
use crate::domain::{HopId, Outcome, ProcedureKey, Procedures};

/// The only format version of procedure files there is so far.
const FORMAT_VERSION: u32 = 1;

/// The files that ship with the bus, by name.
const FILES: &[(&str, &str)] =
    &[("kandas-mission-2021.toml", include_str!("kandas-mission-2021.toml"))];

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
    #[error("{file}: format version {found} is not supported; this build reads version 1")]
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
         \"same day\", \"month end\" or \"none\""
    )]
    Term {
        /// The file.
        file: String,
        /// What it says.
        text: String,
    },
    /// A count mode that cannot belong to the term.
    #[error("{file}: hop {hop} cannot count its term this way")]
    Count {
        /// The file.
        file: String,
        /// The hop.
        hop: HopId,
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
    let mut procedures = Procedures::new();
    for (file, text) in FILES {
        let procedure = parse(file, text)?;
        let key = procedure.key().clone();
        if procedures.insert(key.clone(), procedure).is_some() {
            return Err(FileError::Duplicate { file: (*file).to_owned(), key });
        }
    }
    Ok(procedures)
}

/// Reads one procedure file; `file` is its name in errors.
///
/// # Errors
/// A [`FileError`] that names the file, the place and what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Procedure, FileError> {
    let syntax = |source| FileError::Syntax { file: file.to_owned(), source: Box::new(source) };
    let raw: RawFile = toml::from_str(text).map_err(syntax)?;
    let file = file.to_owned();
    if raw.version != FORMAT_VERSION {
        return Err(FileError::Version { file, found: raw.version });
    }
    let draft = draft(raw).map_err(|problem| problem.of(&file))?;
    if let Some(hop) = draft.hops.iter().find(|hop| !hop.term.accepts(hop.count)) {
        return Err(FileError::Count { file, hop: hop.id });
    }
    Procedure::new(draft).map_err(|source| FileError::Procedure { file, source })
}

/// What is wrong inside a file, before the file's name is added.
enum Problem {
    Id(IdError),
    Name(UnknownName),
    Term(String),
}

impl Problem {
    fn of(self, file: &str) -> FileError {
        let file = file.to_owned();
        match self {
            Self::Id(source) => FileError::Id { file, source },
            Self::Name(source) => FileError::Name { file, source },
            Self::Term(text) => FileError::Term { file, text },
        }
    }
}

impl From<IdError> for Problem {
    fn from(source: IdError) -> Self {
        Self::Id(source)
    }
}

impl From<UnknownName> for Problem {
    fn from(source: UnknownName) -> Self {
        Self::Name(source)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: u32,
    procedure: String,
    edition: String,
    basis: String,
    grounds: Vec<String>,
    consent_validity_days: Option<u16>,
    names: RawNames,
    counting: RawCounting,
    #[serde(default)]
    service: Vec<RawService>,
    hop: Vec<RawHop>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNames {
    kk: String,
    ru: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounting {
    strict_from: bool,
    roll_over: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    starts_with: String,
    term: String,
    informative: bool,
    citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHop {
    id: String,
    from: String,
    to: String,
    act: String,
    term: String,
    count: RawCount,
    source: RawSource,
    citation: String,
    #[serde(default)]
    words: String,
    opened_by: Option<RawOpenedBy>,
    recorded_with: Option<String>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawCount {
    From,
    After,
    On,
    Moment,
    Before,
    NotStated,
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawSource {
    Statutory,
    Assumed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpenedBy {
    hop: String,
    event: RawTrigger,
    when: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawTrigger {
    Acted,
    Received,
}

fn draft(raw: RawFile) -> Result<Draft, Problem> {
    let key = ProcedureKey { procedure: raw.procedure.parse()?, edition: raw.edition.parse()? };
    let grounds = raw.grounds.iter().map(|text| text.parse::<Ground>());
    Ok(Draft {
        key,
        names: Names { kk: raw.names.kk, ru: raw.names.ru, en: raw.names.en },
        basis: raw.basis,
        hops: raw.hop.into_iter().map(hop).collect::<Result<_, _>>()?,
        service: raw.service.into_iter().map(service).collect::<Result<_, _>>()?,
        grounds: grounds.collect::<Result<_, _>>()?,
        counting: Counting {
            strict_from: raw.counting.strict_from,
            roll_over: raw.counting.roll_over,
        },
        consent_validity: raw.consent_validity_days.map(CalendarDays),
    })
}

fn service(raw: RawService) -> Result<ServiceTerm, Problem> {
    Ok(ServiceTerm {
        starts_with: raw.starts_with.parse()?,
        term: term(&raw.term)?,
        informative: raw.informative,
        citation: raw.citation,
    })
}

fn hop(raw: RawHop) -> Result<Hop, Problem> {
    Ok(Hop {
        id: raw.id.parse()?,
        from: raw.from.parse::<Actor>()?,
        to: raw.to.parse::<Actor>()?,
        act: raw.act.parse()?,
        term: term(&raw.term)?,
        count: count(raw.count),
        source: match raw.source {
            RawSource::Statutory => Source::Statutory,
            RawSource::Assumed => Source::Assumed,
        },
        citation: raw.citation,
        wording: raw.words,
        opened_by: raw.opened_by.map(opened_by).transpose()?,
        recorded_with: raw.recorded_with.map(|text| text.parse::<HopId>()).transpose()?,
        note: raw.note,
    })
}

fn opened_by(raw: RawOpenedBy) -> Result<OpenedBy, Problem> {
    Ok(OpenedBy {
        hop: raw.hop.parse()?,
        trigger: match raw.event {
            RawTrigger::Acted => Trigger::Acted,
            RawTrigger::Received => Trigger::Received,
        },
        outcome: raw.when.map(|text| text.parse::<Outcome>()).transpose()?,
    })
}

fn count(raw: RawCount) -> CountMode {
    match raw {
        RawCount::From => CountMode::From,
        RawCount::After => CountMode::After,
        RawCount::On => CountMode::On,
        RawCount::Moment => CountMode::Moment,
        RawCount::Before => CountMode::Before,
        RawCount::NotStated => CountMode::NotStated,
        RawCount::None => CountMode::None,
    }
}

fn term(text: &str) -> Result<Term, Problem> {
    let days = |unit: &str| text.strip_suffix(unit).and_then(|number| number.parse::<u16>().ok());
    let before = text.strip_suffix(" calendar day before the end of the service");
    match text {
        "none" => Ok(Term::None),
        "same day" => Ok(Term::SameDay),
        "month end" => Ok(Term::MonthEnd),
        _ => before
            .and_then(|number| number.parse().ok())
            .map(|n| Term::BeforeServiceEnd(CalendarDays(n)))
            .or(days(" working days").map(|n| Term::WorkingDays(WorkingDays(n))))
            .or(days(" working day").map(|n| Term::WorkingDays(WorkingDays(n))))
            .or(days(" calendar days").map(|n| Term::CalendarDays(CalendarDays(n))))
            .ok_or_else(|| Problem::Term(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                Term::SameDay | Term::MonthEnd | Term::BeforeServiceEnd(_) => panic!("{hop:?}"),
            };
            format!(
                "{},{},{},{n},{unit},{:?},{:?},{}\n",
                hop.id, hop.from, hop.to, hop.count, hop.source, hop.citation
            )
        });
        assert_eq!(shown.collect::<String>(), expected);
    }

    #[test]
    fn a_file_that_does_not_hold_together_is_refused_with_the_reason() {
        let cases = [
            ("from = \"akimat\"", "from = \"ministry\"", "'ministry' is not a role"),
            ("version = 1", "version = 2", "format version 2 is not supported"),
            ("basis =", "bases =", "unknown field `bases`"),
            ("\"5 working days\"", "\"five days\"", "'five days' is not a term"),
            ("id = \"K21B-12\"", "id = \"K21B-11\"", "hop K21B-11 is there twice"),
            (
                "{ hop = \"K21B-11\", event",
                "{ hop = \"K21B-99\", event",
                "K21B-99, which is not a hop",
            ),
            (
                "{ hop = \"K21B-08\", event = \"acted\"",
                "{ hop = \"K21B-08\", event = \"received\"",
                "whose receiver has no inbox",
            ),
            (
                "{ hop = \"K21B-02\", event",
                "{ hop = \"K21B-03\", event",
                "hop K21B-03 is never opened",
            ),
            (
                "citation = \"002-EN A1 ¶17\"",
                "citation = \"\"",
                "hop K21B-07 has a term but no citation",
            ),
            (
                "words = \"no later than three working days\"",
                "",
                "K21B-06 has a term but no original words",
            ),
            ("count = \"from\"", "count = \"on\"", "hop K21B-03 cannot count its term this way"),
        ];
        for (from, to, message) in cases {
            let text = K21B.replacen(from, to, 1);
            assert_ne!(text, K21B, "{from}");
            let error = parse("k21b", &text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
