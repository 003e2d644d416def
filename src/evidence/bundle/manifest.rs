//! The manifest of a bundle: what belongs to it, in a note that the bus signs.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::domain::CaseId;
use crate::evidence::checkpoint::decimal;
use crate::evidence::note::hex;
use crate::evidence::tree::sha256;

/// The version of the bundles that this release writes and reads.
pub const BUNDLE_VERSION: u32 = 1;

/// The first line. No log has it for its origin, whose name has no spaces, so that a manifest never
/// passes for a checkpoint.
const HEAD: &str = "kopir evidence bundle";

/// What belongs to a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The log whose bus made it.
    pub origin: String,
    /// The case.
    pub case: CaseId,
    /// When it was made, by the clock of the bus.
    pub made_at: Timestamp,
    /// The release of the bus.
    pub release: String,
    /// The files in their order, without the manifest.
    pub files: Vec<FileMark>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMark {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

impl FileMark {
    /// The mark of a content under a name.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        let sha256 = hex(&sha256(&[content]).0);
        Self { name: name.to_owned(), size: content.len() as u64, sha256 }
    }
}

/// Why a text is no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A line that is not what stands there.
    #[error("line {0} is not what a manifest has there")]
    Line(usize),
    /// A version that this release does not read.
    #[error("it is of version {0}; this release reads version {BUNDLE_VERSION}, take a newer one")]
    Version(u64),
}

impl Manifest {
    /// The text that the bus signs.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { origin, case, made_at, release, files } = self;
        let mut text = format!(
            "{HEAD}\nversion {BUNDLE_VERSION}\norigin {origin}\ncase {case}\nmade {made_at}\nrelease {release}\n"
        );
        for FileMark { name, size, sha256 } in files {
            // Writing into a string does not fail.
            let _ = writeln!(text, "file {sha256} {size} {name}");
        }
        text
    }

    /// Reads the text. Lines of other kinds than these are refused: what a manifest may hold is
    /// said by its version.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let mut lines = text.split_terminator('\n').zip(1..);
        let mut next = |key: &str| -> Result<(&str, usize), ManifestError> {
            let (line, number) = lines.next().ok_or(ManifestError::Line(0))?;
            let value = line.strip_prefix(key).ok_or(ManifestError::Line(number))?;
            Ok((value, number))
        };
        if !next(HEAD)?.0.is_empty() {
            return Err(ManifestError::Line(1));
        }
        let version = decimal(next("version ")?.0).ok_or(ManifestError::Line(2))?;
        if version != u64::from(BUNDLE_VERSION) {
            return Err(ManifestError::Version(version));
        }
        let origin = next("origin ")?.0.to_owned();
        let case = next("case ")?.0.parse().map_err(|_| ManifestError::Line(4))?;
        let made_at = next("made ")?.0.parse().map_err(|_| ManifestError::Line(5))?;
        let release = next("release ")?.0.to_owned();
        let file = |(line, number): (&str, usize)| -> Result<FileMark, ManifestError> {
            let wrong = ManifestError::Line(number);
            let mut parts = line.strip_prefix("file ").ok_or(wrong)?.splitn(3, ' ');
            let mut part = || parts.next().ok_or(wrong);
            let (sha256, size, name) = (part()?.to_owned(), part()?, part()?.to_owned());
            Ok(FileMark { name, size: decimal(size).ok_or(wrong)?, sha256 })
        };
        let files = lines.map(file).collect::<Result<_, _>>()?;
        Ok(Self { origin, case, made_at, release, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_names_the_line_at_fault() {
        let manifest = Manifest {
            origin: "bus.example".into(),
            case: CaseId([7; 16]),
            made_at: "2025-03-01T10:00:00Z".parse().unwrap(),
            release: "0.1.0".into(),
            files: vec![FileMark::of("records/1", b"abc"), FileMark::of("empty", b"")],
        };
        let text = manifest.text();
        assert_eq!(Manifest::parse(&text), Ok(manifest));
        let with = |from: &str, to: &str| Manifest::parse(&text.replacen(from, to, 1));
        assert_eq!(with("bundle", "bundles"), Err(ManifestError::Line(1)));
        assert_eq!(with("version 1", "version 2"), Err(ManifestError::Version(2)));
        assert_eq!(with("made 2", "made x2"), Err(ManifestError::Line(5)));
        assert_eq!(with(" 3 ", " 03 "), Err(ManifestError::Line(7)));
        assert_eq!(Manifest::parse(""), Err(ManifestError::Line(0)));
        assert!(text.contains(
            "file ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 records/1\n"
        ));
    }
}
