//! What the registers of this module share: TOML files of entries that are about the law beside its
//! hops. Each is read whole and refused at its first fault, with the file, the entry and the remedy.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::ProcedureKey;
use crate::domain::act::UnknownName;
use crate::domain::ids::IdError;
use crate::domain::party::Names;

/// The only format version of the registers there is so far.
const FORMAT_VERSION: u32 = 1;

/// A register that cannot be loaded. The registers are part of the binary and a test loads each, so
/// an error means a damaged build.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Not TOML, an unknown key, or a missing one.
    #[error("{file}: {source}")]
    Syntax {
        /// The file.
        file: &'static str,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// A format version of another build.
    #[error("{file}: format version {found} is not supported; this build reads version 1")]
    Version {
        /// The file.
        file: &'static str,
        /// What it says.
        found: u32,
    },
    /// An id that does not follow its rule.
    #[error("{file}, {entry}: {source}")]
    Id {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
        /// Which and why.
        source: IdError,
    },
    /// A name that is none of its list.
    #[error("{file}, {entry}: {source}")]
    Name {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
        /// Which and what was expected.
        source: UnknownName,
    },
    /// An entry that is there twice.
    #[error("{file}, {entry}: the entry is there twice; keep one")]
    Twice {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
    },
    /// An entry that must be there and is not.
    #[error("{file}, {entry}: the entry is missing; the register has no gaps")]
    Missing {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
    },
    /// A text that is empty or is padded with spaces.
    #[error("{file}, {entry}: {key} must have a text without outer spaces")]
    Blank {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
        /// The key.
        key: &'static str,
    },
    /// Two keys of an entry that exclude each other, or one that needs the other.
    #[error("{file}, {entry}: {rule}")]
    Rule {
        /// The file.
        file: &'static str,
        /// The entry.
        entry: String,
        /// The rule with its remedy.
        rule: &'static str,
    },
}

/// What is wrong with an entry, before the file's name and the entry's are added.
#[derive(Debug)]
pub(super) enum Fault {
    Id(IdError),
    Name(UnknownName),
    Twice,
    Missing,
    Blank(&'static str),
    Rule(&'static str),
}

impl Fault {
    pub(super) fn of(self, file: &'static str, entry: impl Into<String>) -> RegisterError {
        let entry = entry.into();
        match self {
            Self::Id(source) => RegisterError::Id { file, entry, source },
            Self::Name(source) => RegisterError::Name { file, entry, source },
            Self::Twice => RegisterError::Twice { file, entry },
            Self::Missing => RegisterError::Missing { file, entry },
            Self::Blank(key) => RegisterError::Blank { file, entry, key },
            Self::Rule(rule) => RegisterError::Rule { file, entry, rule },
        }
    }
}

impl From<IdError> for Fault {
    fn from(source: IdError) -> Self {
        Self::Id(source)
    }
}

impl From<UnknownName> for Fault {
    fn from(source: UnknownName) -> Self {
        Self::Name(source)
    }
}

/// The version alone, read first: a file of another version has other keys.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Reads a register's text.
pub(super) fn read<T: DeserializeOwned>(
    file: &'static str,
    text: &str,
) -> Result<T, RegisterError> {
    let syntax = |source| RegisterError::Syntax { file, source: Box::new(source) };
    let Head { version } = toml::from_str(text).map_err(syntax)?;
    if version != FORMAT_VERSION {
        return Err(RegisterError::Version { file, found: version });
    }
    toml::from_str(text).map_err(syntax)
}

/// A text that says something.
pub(super) fn told(key: &'static str, text: String) -> Result<String, Fault> {
    if text.is_empty() || text.trim() != text { Err(Fault::Blank(key)) } else { Ok(text) }
}

/// A list of texts that each say something.
pub(super) fn all_told(key: &'static str, texts: Vec<String>) -> Result<Vec<String>, Fault> {
    texts.into_iter().map(|text| told(key, text)).collect()
}

/// A name in three languages as a register writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNames {
    kk: String,
    ru: String,
    en: String,
}

impl RawNames {
    pub(super) fn checked(self) -> Result<Names, Fault> {
        Ok(Names { kk: told("kk", self.kk)?, ru: told("ru", self.ru)?, en: told("en", self.en)? })
    }
}

/// A procedure and its edition as the registers write them: `kandas/2024`.
pub(super) fn procedure(text: &str) -> Result<ProcedureKey, Fault> {
    let rule = Fault::Rule("a procedure is written with its edition, such as kandas/2024");
    let (procedure, edition) = text.split_once('/').ok_or(rule)?;
    Ok(ProcedureKey { procedure: procedure.parse()?, edition: edition.parse()? })
}
