//! The newest revocation list that was accepted of each authority, kept over a restart.
//!
//! Whoever can put an older list in place, and have the bus restarted, would otherwise bring back
//! what was revoked since. The file says of each list no more than what makes another one older:
//!
//! ```text
//! kopir revocation-lists 1
//! list 5e884898… number 05 issued 2025-03-01T00:00:00Z
//! check 1c291ca3
//! ```
//!
//! The name of a list is the SHA-256 of its issuer and, where it has one, its issuing distribution
//! point. The file is replaced by a rename after its sync, so that a reader finds either or.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;

use super::CrlError;

const FIRST_LINE: &str = "kopir revocation-lists 1";
/// Larger than the file of any number of lists that are read.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// What makes one list of an authority older than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number (RFC 5280 §5.2.3), big-endian without leading zeros; empty where it has none.
    pub number: Vec<u8>,
    /// When it was issued.
    pub issued: Timestamp,
}

impl Mark {
    /// Whether a list was issued before another one: by its number where both have one, and by the
    /// time of its issue.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        let by_number = |of: &Self| (of.number.len(), of.number.clone());
        let numbered = !self.number.is_empty() && !other.number.is_empty();
        (numbered && by_number(self) < by_number(other)) || self.issued < other.issued
    }
}

/// Which list of all: whose, and for which part of its certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope([u8; 32]);

impl Scope {
    /// The scope of an issuer's name and of an issuing distribution point, both in DER.
    #[must_use]
    pub fn of(issuer: &[u8], point: Option<&[u8]>) -> Self {
        let mut hashed = Context::new(&SHA256);
        hashed.update(issuer);
        hashed.update(point.unwrap_or_default());
        let mut scope = [0; 32];
        scope.copy_from_slice(hashed.finish().as_ref());
        Self(scope)
    }
}

/// The marks of the lists that were accepted last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastLists {
    marks: BTreeMap<Scope, Mark>,
}

impl LastLists {
    /// Reads the file; nothing was accepted where there is none.
    ///
    /// # Errors
    /// [`CrlError::Last`] for a file that cannot be read as one: to go on without it would be to
    /// take any list.
    pub fn read(file: &Path) -> Result<Self, CrlError> {
        let unread = |why: String| CrlError::Last { file: file.to_owned(), why };
        let found = match fs::metadata(file) {
            Ok(found) => found,
            // A data directory that is none is told of where it is opened.
            Err(why)
                if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]
                    .contains(&why.kind()) =>
            {
                return Ok(Self::default());
            }
            Err(why) => return Err(unread(why.to_string())),
        };
        if found.len() > MAX_FILE_BYTES {
            return Err(unread(format!("it has more than {MAX_FILE_BYTES} bytes")));
        }
        let text = fs::read_to_string(file).map_err(|why| unread(why.to_string()))?;
        Self::parse(&text).ok_or_else(|| unread("it is damaged, or of a later version".to_owned()))
    }

    /// Replaces the file. When this returns it is on stable storage.
    ///
    /// # Errors
    /// Whatever the system says; the file before stands then.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let new = file.with_extension("new");
        let mut open = File::create(&new)?;
        open.write_all(self.print().as_bytes())?;
        open.sync_all()?;
        fs::rename(&new, file)?;
        match file.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }

    /// The mark of the last list of a scope, if one was accepted.
    #[must_use]
    pub fn get(&self, scope: Scope) -> Option<&Mark> {
        self.marks.get(&scope)
    }

    /// Notes that a list was accepted; an older one changes nothing.
    pub fn note(&mut self, scope: Scope, mark: Mark) {
        if self.marks.get(&scope).is_none_or(|last| !mark.is_older_than(last)) {
            self.marks.insert(scope, mark);
        }
    }

    fn print(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        for (Scope(scope), Mark { number, issued }) in &self.marks {
            let number = if number.is_empty() { "-".to_owned() } else { hex(number) };
            text += &format!("list {} number {number} issued {issued}\n", hex(scope));
        }
        let check = crc32fast::hash(text.as_bytes());
        format!("{text}check {check:08x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let (content, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let check = u32::from_str_radix(check.strip_prefix("check ")?, 16).ok()?;
        if crc32fast::hash(format!("{content}\n").as_bytes()) != check {
            return None;
        }
        let mut lines = content.lines();
        (lines.next()? == FIRST_LINE).then_some(())?;
        let marks = lines.map(|line| {
            let rest = line.strip_prefix("list ")?;
            let (scope, rest) = rest.split_once(" number ")?;
            let (number, issued) = rest.split_once(" issued ")?;
            let number = if number == "-" { Vec::new() } else { bytes(number)? };
            let issued = issued.parse().ok()?;
            Some((Scope(bytes(scope)?.try_into().ok()?), Mark { number, issued }))
        });
        Some(Self { marks: marks.collect::<Option<_>>()? })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: &[u8], issued: &str) -> Mark {
        Mark { number: number.to_vec(), issued: issued.parse().unwrap() }
    }

    /// The file of version 1, as an earlier release wrote it.
    const GOLDEN: &str = include_str!("../../../tests/data/crl/v1-last.txt");

    fn golden() -> LastLists {
        let mut lists = LastLists::default();
        lists.note(Scope::of(b"an issuer", None), mark(&[1, 0], "2025-03-01T00:00:00Z"));
        lists.note(Scope::of(b"an issuer", Some(b"a part")), mark(&[5], "2025-03-02T00:00:00Z"));
        lists.note(Scope::of(b"another", None), mark(&[], "2025-03-03T06:07:08Z"));
        lists
    }

    #[test]
    fn the_file_is_the_golden_one_and_reads_back() {
        assert_eq!(golden().print(), GOLDEN);
        assert_eq!(LastLists::parse(GOLDEN), Some(golden()));
    }

    #[test]
    fn it_is_kept_over_a_restart_and_an_older_list_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("last");
        assert_eq!(LastLists::read(&file).unwrap(), LastLists::default());
        let mut lists = golden();
        lists.write(&file).unwrap();
        assert_eq!(LastLists::read(&file).unwrap(), lists);
        let scope = Scope::of(b"an issuer", None);
        lists.note(scope, mark(&[255], "2025-03-09T00:00:00Z"));
        assert_eq!(lists, golden(), "255 comes before 256");
        lists.note(scope, mark(&[1, 1], "2025-03-09T00:00:00Z"));
        lists.write(&file).unwrap();
        assert_ne!(LastLists::read(&file).unwrap(), golden());
    }

    #[test]
    fn a_changed_byte_is_found_and_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("last");
        for at in 0..GOLDEN.len() {
            let mut spoilt = GOLDEN.as_bytes().to_vec();
            spoilt[at] ^= 1;
            fs::write(&file, &spoilt).unwrap();
            let refusal = LastLists::read(&file).unwrap_err();
            assert!(refusal.to_string().contains("last"), "byte {at}: {refusal}");
        }
        for end in 0..GOLDEN.len() {
            fs::write(&file, &GOLDEN[..end]).unwrap();
            assert!(LastLists::read(&file).is_err(), "cut at {end}");
        }
    }
}
