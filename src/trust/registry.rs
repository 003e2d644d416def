//! The party registry: one TOML file, read whole and proven before use.
//!
//! Whoever writes the file is a person in a hurry, so each refusal names the
//! file, the party, the key and what to write instead. Nothing is skipped or
//! guessed: a registry with one fault is no registry, because a party left out
//! by mistake would be one whose terms nobody watches.

mod contact;
mod reception;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::domain::party::{
    IdentityUri, Names, Parties, PartiesError, Party, PartyError, PartyId, bundled_zone,
};
use crate::domain::region::RegionError;

use contact::ContactEntry;
pub use contact::{ContactBook, contacts};
use reception::ReceptionEntry;
pub use reception::receptions;

/// The largest registry file, in bytes. A full country fits in a tenth.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The `version` of the file this program reads.
pub const FORMAT_VERSION: i64 = 1;

/// Why the registry is refused. Every variant is the fault of whoever wrote
/// the file, except `Read`; none passes by trying again.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The file could not be read.
    #[error("{}: cannot read the party registry: {why}; check the path and its permissions", file.display())]
    Read {
        /// The registry.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("{}: a party registry has at most {MAX_FILE_BYTES} bytes; is this the right file?", file.display())]
    TooLarge {
        /// The registry.
        file: PathBuf,
    },
    /// The file is not TOML, or has unknown, missing or mistyped keys.
    #[error("{}:{line}: {why}; see deploy/parties.toml for the keys of a party", file.display())]
    Syntax {
        /// The registry.
        file: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What the parser found, with the key.
        why: String,
    },
    /// The file is of no or another version.
    #[error("{}: key version: this program reads version {FORMAT_VERSION}; begin the file with `version = {FORMAT_VERSION}`", file.display())]
    Version {
        /// The registry.
        file: PathBuf,
        /// The version it has, if any.
        found: Option<i64>,
    },
    /// A value of a party is not what its key asks for.
    #[error("{}: party {party}, key {key}: {why}", file.display())]
    Value {
        /// The registry.
        file: PathBuf,
        /// The party's id as written, or its place if that is the fault.
        party: String,
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        why: PartyError,
    },
    /// The region of a party is none.
    #[error("{}: party {party}, key region: {why}", file.display())]
    Region {
        /// The registry.
        file: PathBuf,
        /// The party's id as written.
        party: String,
        /// What is wrong and what would be right.
        why: RegionError,
    },
    /// The reception hours of a party cannot be.
    #[error("{}: reception of {party}, key {key}: {why}", file.display())]
    Reception {
        /// The registry.
        file: PathBuf,
        /// The party as written.
        party: String,
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The contact of a party cannot be.
    #[error("{}: contact of {party}, key {key}: {why}", file.display())]
    Contact {
        /// The registry.
        file: PathBuf,
        /// The party as written.
        party: String,
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The parties are well formed and do not fit together.
    #[error("{}: {why}", file.display())]
    Parties {
        /// The registry.
        file: PathBuf,
        /// What is wrong, with whom, and what would be right.
        why: PartiesError,
    },
}

/// Reads the registry file.
///
/// # Errors
/// [`RegistryError`], with the first fault found.
pub fn read(file: &Path) -> Result<Parties, RegistryError> {
    parse(file, &read_text(file)?)
}

/// What a registry's file is told by, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryHashes {
    /// The SHA-256 of the file.
    pub content: [u8; 32],
    /// The SHA-256 of what stands beside the parties: contacts and reception hours.
    pub beside: [u8; 32],
}

/// Reads the registry file, with its hashes.
///
/// # Errors
/// [`RegistryError`], with the first fault found.
pub fn read_hashed(file: &Path) -> Result<(Parties, RegistryHashes), RegistryError> {
    let text = read_text(file)?;
    let parties = parse(file, &text)?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|why| syntax_error(file, &text, &why))?;
    let beside = ["contact", "reception"].map(|key| table.get(key));
    let sha256 = |bytes: &[u8]| {
        let mut hash = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        hash.copy_from_slice(digest.as_ref());
        hash
    };
    let content = sha256(text.as_bytes());
    // A table is sorted by key, so that the order in the file does not matter.
    let beside = sha256(format!("{beside:?}").as_bytes());
    Ok((parties, RegistryHashes { content, beside }))
}

fn read_text(file: &Path) -> Result<String, RegistryError> {
    let refused = |why| RegistryError::Read { file: file.to_owned(), why };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(refused)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(RegistryError::TooLarge { file: file.to_owned() });
    }
    String::from_utf8(bytes)
        .map_err(|_| refused(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")))
}

/// Reads a registry from its text; `file` is only named in errors.
///
/// # Errors
/// [`RegistryError`], with the first fault found.
pub fn parse(file: &Path, text: &str) -> Result<Parties, RegistryError> {
    let parties = parse_parties(file, text)?;
    reception::parse(file, text, &parties)?;
    contact::parse(file, text, &parties)?;
    Ok(parties)
}

fn parse_parties(file: &Path, text: &str) -> Result<Parties, RegistryError> {
    let syntax = |why: &toml::de::Error| syntax_error(file, text, why);
    // The version is read before the rest, so that a later format is told to
    // be later, not full of unknown keys.
    let Versioned { version } = toml::from_str(text).map_err(|why| syntax(&why))?;
    if version != Some(FORMAT_VERSION) {
        return Err(RegistryError::Version { file: file.to_owned(), found: version });
    }
    let RegistryFile { _version: _, party, reception: _, contact: _ } =
        toml::from_str(text).map_err(|why| syntax(&why))?;
    let members = party
        .into_iter()
        .enumerate()
        .map(|(at, entry)| entry.into_party(file, at))
        .collect::<Result<Vec<_>, _>>()?;
    Parties::new(members).map_err(|why| RegistryError::Parties { file: file.to_owned(), why })
}

#[derive(Deserialize)]
struct Versioned {
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryFile {
    /// Judged before, and named here so that it is not an unknown key.
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    party: Vec<Entry>,
    #[serde(default)]
    reception: Vec<ReceptionEntry>,
    #[serde(default)]
    contact: Vec<ContactEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    role: String,
    region: Option<String>,
    names: EntryNames,
    zone: String,
    supervisor: Option<String>,
    #[serde(default)]
    acts_for: Vec<String>,
    /// Left out, the party has the identity made of its id; an empty list
    /// says that it has no system of its own.
    identities: Option<Vec<String>>,
    #[serde(default)]
    certificates: Vec<String>,
    /// One number, or several for a body that was reorganised.
    #[serde(default)]
    bin: OneOrMore,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(list) => list,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryNames {
    kk: String,
    ru: String,
    en: String,
}

impl Entry {
    fn into_party(self, file: &Path, at: usize) -> Result<Party, RegistryError> {
        let Self {
            id,
            role,
            region,
            names: EntryNames { kk, ru, en },
            zone,
            supervisor,
            acts_for,
            identities,
            certificates,
            bin,
        } = self;
        let id: PartyId = id.parse().map_err(|why| RegistryError::Value {
            file: file.to_owned(),
            party: format!("number {} of the file", at + 1),
            key: "id",
            why,
        })?;
        let party = id.to_string();
        let value = |key| {
            let party = party.clone();
            move |why| RegistryError::Value { file: file.to_owned(), party, key, why }
        };
        let region = region.map(|code| code.parse()).transpose();
        let identities = match identities {
            None => vec![IdentityUri::of(&id)],
            Some(listed) => parse_all(&listed).map_err(value("identities"))?,
        };
        Ok(Party {
            role: role.parse().map_err(value("role"))?,
            region: region.map_err(|why| RegistryError::Region {
                file: file.to_owned(),
                party: party.clone(),
                why,
            })?,
            names: Names { kk, ru, en },
            zone: bundled_zone(&zone).map_err(value("zone"))?,
            supervisor: supervisor
                .map(|text| text.parse())
                .transpose()
                .map_err(value("supervisor"))?,
            acts_for: parse_all(&acts_for).map_err(value("acts_for"))?,
            identities,
            certificates: parse_all(&certificates).map_err(value("certificates"))?,
            bins: parse_all(&bin.into_list()).map_err(value("bin"))?,
            id,
        })
    }
}

fn parse_all<T: std::str::FromStr<Err = PartyError>>(
    texts: &[String],
) -> Result<Vec<T>, PartyError> {
    texts.iter().map(|text| text.parse()).collect()
}

fn syntax_error(file: &Path, text: &str, why: &toml::de::Error) -> RegistryError {
    let start = why.span().map_or(0, |span| span.start);
    let before = text.as_bytes().iter().take(start);
    RegistryError::Syntax {
        file: file.to_owned(),
        line: 1 + before.filter(|&&byte| byte == b'\n').count(),
        why: why.message().replace('\n', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample an installation starts from must itself be sound.
    const SAMPLE: &str = include_str!("../../deploy/parties.toml");

    const SMALL: &str = r#"
version = 1

[[party]]
id = "committee"
role = "migration-body"
zone = "Asia/Almaty"
names = { kk = "Комитет", ru = "Комитет", en = "Committee" }

[[party]]
id = "akimat-kz-55"
role = "akimat"
region = "KZ-55"
zone = "Asia/Almaty"
names = { kk = "Әкімдік", ru = "Акимат", en = "Akimat" }
supervisor = "committee"
acts_for = ["commission-kz-55"]
identities = ["urn:kopir:party:akimat-kz-55", "urn:kopir:party:pavlodar-two"]

[[party]]
id = "commission-kz-55"
role = "commission"
region = "KZ-55"
zone = "Asia/Almaty"
names = { kk = "Комиссия", ru = "Комиссия", en = "Commission" }
supervisor = "akimat-kz-55"
identities = []
"#;

    fn read_text(text: &str) -> Result<Parties, RegistryError> {
        parse(Path::new("etc/parties.toml"), text)
    }

    fn id(text: &str) -> PartyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_becomes_its_parties() {
        let parties = read_text(SMALL).unwrap();
        let akimat = parties.get(&id("akimat-kz-55")).unwrap();
        assert_eq!(akimat.region.unwrap().code(), "KZ-55");
        assert_eq!(akimat.zone.iana_name(), Some("Asia/Almaty"));
        assert_eq!(akimat.names.kk, "Әкімдік");
        assert_eq!(akimat.supervisor, Some(id("committee")));
        let second = "urn:kopir:party:pavlodar-two".parse().unwrap();
        assert_eq!(parties.by_identity(&second), Some(akimat));
        // Left out and emptied are different things.
        let own = IdentityUri::of(&id("committee"));
        assert_eq!(parties.by_identity(&own).unwrap().id, id("committee"));
        let none = IdentityUri::of(&id("commission-kz-55"));
        assert_eq!(parties.by_identity(&none), None);
        assert!(parties.may_act_for(&id("akimat-kz-55"), &id("commission-kz-55")));
    }

    #[test]
    fn the_sample_registry_serves_every_region_it_names() {
        let parties = parse(Path::new("deploy/parties.toml"), SAMPLE).unwrap();
        let mut served = 0;
        for akimat in parties.with_role(crate::domain::party::Role::Akimat) {
            let region = akimat.region.unwrap();
            let commission = parties.commission_of(region).unwrap();
            let suffix = region.code().to_lowercase();
            assert_eq!(akimat.id, id(&format!("akimat-{suffix}")));
            assert_eq!(commission.id, id(&format!("commission-{suffix}")));
            assert_eq!(commission.supervisor.as_ref(), Some(&akimat.id));
            assert_eq!(akimat.supervisor.as_ref(), Some(&parties.migration_body().id));
            // The body is named after its region, in the case its language asks.
            assert!(akimat.names.kk.starts_with(region.name_kk()), "{region}");
            assert!(akimat.names.en.ends_with(region.name_en()), "{region}");
            assert!(commission.names.kk.starts_with(region.name_kk()), "{region}");
            assert!(commission.names.en.contains(region.name_en()), "{region}");
            served += 1;
        }
        assert_eq!(served, 10);
        for (mission, zone) in [
            ("mission-uz", "Asia/Tashkent"),
            ("mission-cn", "Asia/Shanghai"),
            ("mission-tm", "Asia/Ashgabat"),
            ("mission-mn", "Asia/Ulaanbaatar"),
            ("mission-ru", "Europe/Moscow"),
        ] {
            let found = parties.get(&id(mission)).unwrap();
            assert_eq!(found.zone.iana_name(), Some(zone));
        }
    }

    /// Each mistake, by what replaces what in the small file, and what the
    /// refusal must say besides the file's name.
    const MISTAKES: &[(&str, &str, &[&str])] = &[
        ("version = 1", "", &["key version", "version = 1"]),
        ("version = 1", "version = 2\nnew_key = 3", &["key version"]),
        ("version = 1", "version = \"1\"", &["toml:2:", "expected i64"]),
        ("version = 1", "version = 1\nparties = 3", &["toml:3:", "parties"]),
        ("version = 1", "version = ", &["toml:2:"]),
        ("role = \"akimat\"\n", "", &["missing field `role`"]),
        (
            "role = \"akimat\"",
            "role = \"mayor\"",
            &["party akimat-kz-55, key ", "role: ", "commission"],
        ),
        (
            "region = \"KZ-55\"",
            "region = \"Pavlodar\"",
            &["party akimat-kz-55, key ", "region: ", "KZ-55"],
        ),
        (
            "region = \"KZ-55\"",
            "region = \"KZ-56\"",
            &["party akimat-kz-55, key ", "region: ", "KZ-56"],
        ),
        ("region = \"KZ-55\"\n", "", &["akimat-kz-55", "must have a region"]),
        ("region = \"KZ-55\"", "regoin = \"KZ-55\"", &["toml:13:", "regoin"]),
        ("id = \"akimat-kz-55\"", "id = \"Akimat\"", &["number 2", "key id", "'A'"]),
        ("id = \"akimat-kz-55\"", "id = \"committee\"", &["committee is listed twice"]),
        ("role = \"migration-body\"", "role = \"operator\"", &["migration-body", "exactly one"]),
        (
            "role = \"migration-body\"\nzone = \"Asia/Almaty\"",
            "role = \"migration-body\"\nzone = \"Asia/Alma-Ata\"",
            &["party committee, key zone", "Asia/Alma-Ata"],
        ),
        ("zone = \"Asia/Almaty\"\n", "", &["missing field `zone`"]),
        ("ru = \"Акимат\", ", "", &["missing field `ru`"]),
        ("ru = \"Акимат\", ", "ru = \"\", ", &["akimat-kz-55", "name in ru"]),
        (
            "supervisor = \"committee\"",
            "supervisor = \"The Committee\"",
            &["party akimat-kz-55, key ", "supervisor: "],
        ),
        (
            "supervisor = \"committee\"",
            "supervisor = \"ministry\"",
            &["supervisor ministry of akimat-kz-55"],
        ),
        (
            "supervisor = \"committee\"",
            "supervisor = \"commission-kz-55\"",
            &["circle", "akimat-kz-55 → commission-kz-55 → akimat-kz-55"],
        ),
        (
            "[\"commission-kz-55\"]",
            "[\"commission 55\"]",
            &["party akimat-kz-55, key ", "acts_for: "],
        ),
        ("[\"commission-kz-55\"]", "[\"commission-kz-11\"]", &["akimat-kz-55", "commission-kz-11"]),
        ("[\"commission-kz-55\"]", "[\"committee\"]", &["akimat-kz-55 may not act for committee"]),
        ("[\"commission-kz-55\"]", "\"commission-kz-55\"", &["toml:17:", "sequence"]),
        (
            "urn:kopir:party:pavlodar-two",
            "pavlodar-two",
            &["party akimat-kz-55, key ", "identities: ", "urn:kopir:party:"],
        ),
        (
            "urn:kopir:party:pavlodar-two",
            "urn:kopir:party:committee",
            &["urn:kopir:party:committee"],
        ),
        (
            "identities = []",
            "bin = \"990140000008\"",
            &["party commission-kz-55, key ", "bin: ", "last digit"],
        ),
        ("identities = []", "bin = [\"99\"]", &["party commission-kz-55, key ", "12 digits"]),
        (
            "identities = []",
            "certificates = [\"12:34\"]",
            &["party commission-kz-55, key ", "certificates: ", "fingerprint"],
        ),
        (
            "identities = []",
            "bin = [\"990140000007\", \"990140000007\"]",
            &["BIN 990140000007", "commission-kz-55"],
        ),
    ];

    #[test]
    fn each_mistake_is_refused_by_name() {
        for (found, replacement, expected) in MISTAKES {
            assert!(SMALL.contains(found), "{found:?} is not in the file");
            let error = read_text(&SMALL.replacen(found, replacement, 1)).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("etc/parties.toml"), "{message}");
            assert!(!message.contains('\n'), "{message}");
            for part in *expected {
                assert!(message.contains(part), "{replacement:?}: {message:?} lacks {part:?}");
            }
        }
    }

    #[test]
    fn a_second_akimat_of_a_region_is_refused() {
        let second = SMALL.replace(
            "id = \"commission-kz-55\"\nrole = \"commission\"",
            "id = \"commission-kz-55\"\nrole = \"akimat\"",
        );
        let error = read_text(&second).unwrap_err();
        assert!(matches!(
            error,
            RegistryError::Parties { why: PartiesError::RegionTaken { .. }, .. }
        ));
    }

    #[test]
    fn files_missing_oversized_or_not_text_are_refused_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.toml");
        let error = read(&missing).unwrap_err();
        assert!(matches!(&error, RegistryError::Read { why, .. }
            if why.kind() == io::ErrorKind::NotFound));
        assert!(error.to_string().contains("none.toml"));

        let large = dir.path().join("large.toml");
        std::fs::write(&large, vec![b'#'; MAX_FILE_BYTES as usize + 1]).unwrap();
        assert!(matches!(read(&large), Err(RegistryError::TooLarge { .. })));

        let binary = dir.path().join("binary.toml");
        std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
        assert!(read(&binary).unwrap_err().to_string().contains("UTF-8"));

        let good = dir.path().join("good.toml");
        std::fs::write(&good, SMALL).unwrap();
        assert_eq!(read(&good).unwrap(), read_text(SMALL).unwrap());
    }
}
