//! The container of a bundle: a ZIP archive (APPNOTE 6.3.10) of stored entries, with nothing in it
//! that is not said twice or fixed, so that any program opens it, and every byte that is changed
//! can be named.
//!
//! The general reader of ZIP files looks at the directory at the end and believes it; what stands
//! between may be anything. This one reads from the beginning, takes only what the writer writes,
//! and says of each other byte where it stands.

use std::ops::Range;

/// The largest bundle that is read or written, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024 * 1024;
/// The most files in a bundle.
pub const MAX_FILES: usize = 60_000;
/// The longest name of a file, in bytes.
pub const MAX_NAME_BYTES: usize = 100;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL_BYTES: usize = 30;
/// Where the checksum of a file stands in its header, and in its entry of the directory.
const LOCAL_CRC: Range<usize> = 14..18;
const CENTRAL_CRC: Range<usize> = 16..20;
/// Version needed to extract 1.0, no flags, stored, 1980-01-01 00:00: the fields from byte 4 to 13
/// of a local header.
const FIXED: [u8; 10] = [10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];

/// A bundle that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// More than one bundle holds.
    #[error("a bundle has at most {MAX_FILES} files and {MAX_BUNDLE_BYTES} bytes")]
    TooLarge,
    /// A name that the container does not take.
    #[error(
        "a file's name has 1 to {MAX_NAME_BYTES} small letters, digits, hyphens, points and slashes"
    )]
    Name,
}

/// A file as it stands in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Where its content stands.
    pub content: Range<usize>,
}

/// Bytes of a container that are not what they must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, from the beginning of the container.
    pub bytes: Range<usize>,
    /// What stands there.
    pub what: String,
    /// The file of which nothing but the checksum is wrong: where its content was changed, that is
    /// the fault and not this.
    pub checksum_of: Option<String>,
}

/// A container for these files.
///
/// # Errors
/// [`ContainerError`].
pub fn write(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ContainerError> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    if files.len() > MAX_FILES {
        return Err(ContainerError::TooLarge);
    }
    for (name, content) in files {
        if !is_name(name) {
            return Err(ContainerError::Name);
        }
        directory.extend(central(name, content, out.len()));
        out.extend(local(name, content));
        out.extend_from_slice(content);
        if out.len() + directory.len() > MAX_BUNDLE_BYTES {
            return Err(ContainerError::TooLarge);
        }
    }
    let end = end(files.len(), directory.len(), out.len());
    out.extend(directory);
    out.extend(end);
    Ok(out)
}

/// The files of a container as far as it can be read, and everything in it that is not as the
/// writer would have written it.
#[must_use]
pub fn read(bytes: &[u8]) -> (Vec<Stored>, Vec<Fault>) {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    if bytes.len() > MAX_BUNDLE_BYTES {
        let what = format!("a bundle has at most {MAX_BUNDLE_BYTES} bytes");
        let fault = Fault { bytes: MAX_BUNDLE_BYTES..bytes.len(), what, checksum_of: None };
        return (files, vec![fault]);
    }
    let mut at = 0;
    let mut directory = Vec::new();
    while !bytes[at..].starts_with(&CENTRAL) {
        let Some(file) = stored(bytes, at).filter(|_| files.len() < MAX_FILES) else {
            let what = match files.last() {
                Some(Stored { name, .. }) => format!("the header of the file after {name}"),
                None => "the header of the first file".to_owned(),
            };
            let place = at..bytes.len().min(at + LOCAL_BYTES);
            faults.push(Fault { bytes: place, what, checksum_of: None });
            return (files, faults);
        };
        let content = &bytes[file.content.clone()];
        let expected = local(&file.name, content);
        let found = &bytes[at..file.content.start];
        let what = format!("the header of {}", file.name);
        faults.extend(differences(found, &expected, at, what, (LOCAL_CRC, &file.name)));
        directory.push((central(&file.name, content, at), file.name.clone()));
        at = file.content.end;
        files.push(file);
    }
    let (offset, mut directory_bytes) = (at, 0);
    for (expected, name) in directory {
        let found = &bytes[at..bytes.len().min(at + expected.len())];
        let what = format!("the entry of {name} in the directory at the end");
        faults.extend(differences(found, &expected, at, what, (CENTRAL_CRC, &name)));
        directory_bytes += expected.len();
        at = bytes.len().min(at + expected.len());
    }
    let end = end(files.len(), directory_bytes, offset);
    let what = "the end of the directory".to_owned();
    faults.extend(differences(&bytes[at..], &end, at, what, (0..0, "")));
    (files, faults)
}

/// The file whose header stands at a place, if one can be read there at all.
fn stored(bytes: &[u8], at: usize) -> Option<Stored> {
    let header = bytes.get(at..at + LOCAL_BYTES)?;
    if header[..4] != LOCAL {
        return None;
    }
    let number = |from: usize| -> Option<usize> {
        let (four, _) = header.get(from..)?.split_first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*four)).ok()
    };
    let name_bytes = usize::from(u16::from_le_bytes([header[26], header[27]]));
    let start = at + LOCAL_BYTES;
    let name = std::str::from_utf8(bytes.get(start..start.checked_add(name_bytes)?)?).ok()?;
    let from = start + name_bytes;
    let until = from.checked_add(number(22)?)?;
    let fits = until <= bytes.len() && is_name(name);
    fits.then(|| Stored { name: name.to_owned(), content: from..until })
}

/// Where two pieces differ, as one span; a piece that is too short or too long differs at its end.
fn differences(
    found: &[u8],
    expected: &[u8],
    at: usize,
    what: String,
    (checksum, file): (Range<usize>, &str),
) -> Option<Fault> {
    if found == expected {
        return None;
    }
    let differs = |place: &usize| found.get(*place) != expected.get(*place);
    let longest = found.len().max(expected.len());
    let first = (0..longest).find(differs)?;
    let last = (0..longest).rev().find(differs)?;
    let checksum_of = (checksum.contains(&first) && checksum.contains(&last)).then(|| file.into());
    Some(Fault { bytes: at + first..at + last + 1, what, checksum_of })
}

fn local(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(LOCAL_BYTES + name.len());
    header.extend(LOCAL);
    header.extend(FIXED);
    header.extend(sizes(content));
    header.extend(short(name.len()));
    header.extend([0; 2]);
    header.extend(name.bytes());
    header
}

fn central(name: &str, content: &[u8], offset: usize) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(CENTRAL);
    header.extend([10, 0]);
    header.extend(FIXED);
    header.extend(sizes(content));
    header.extend(short(name.len()));
    header.extend([0; 12]);
    header.extend(long(offset));
    header.extend(name.bytes());
    header
}

fn end(files: usize, directory_bytes: usize, offset: usize) -> Vec<u8> {
    let mut record = b"PK\x05\x06\0\0\0\0".to_vec();
    record.extend(short(files));
    record.extend(short(files));
    record.extend(long(directory_bytes));
    record.extend(long(offset));
    record.extend([0; 2]);
    record
}

/// The checksum of a stored file, and its size twice.
fn sizes(content: &[u8]) -> Vec<u8> {
    let size = long(content.len());
    [crc32fast::hash(content).to_le_bytes(), size, size].concat()
}

// The limits above fit both widths, so that nothing is cut.
fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn long(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'/');
    let parts = || name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits) && parts()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files() -> Vec<(String, Vec<u8>)> {
        vec![
            ("manifest".into(), b"one\n".to_vec()),
            ("records/000000000001".into(), vec![0, 255, b'P', b'K', 3, 4]),
            ("empty".into(), vec![]),
        ]
    }

    #[test]
    fn what_is_written_reads_back_and_other_programs_know_it() {
        let bytes = write(&files()).unwrap();
        let (read, faults) = read(&bytes);
        assert_eq!(faults, []);
        let content: Vec<_> = read
            .iter()
            .map(|file| (file.name.clone(), bytes[file.content.clone()].to_vec()))
            .collect();
        assert_eq!(content, files());
        assert_eq!(&bytes[bytes.len() - 22..bytes.len() - 18], b"PK\x05\x06");
    }

    #[test]
    fn names_that_leave_the_directory_and_too_many_files_are_refused() {
        for name in ["", "../a", "/a", "a//b", ".a", "a b", "A", "a\\b", &"a".repeat(101)] {
            assert_eq!(write(&[(name.to_owned(), vec![])]), Err(ContainerError::Name), "{name}");
        }
        let many = vec![("a".to_owned(), vec![]); MAX_FILES + 1];
        assert_eq!(write(&many), Err(ContainerError::TooLarge));
    }

    #[test]
    fn a_container_cut_short_or_drawn_out_is_noticed() {
        let bytes = write(&files()).unwrap();
        for length in 0..bytes.len() {
            assert_ne!(read(&bytes[..length]).1, [], "cut to {length}");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert_eq!(read(&longer).1[0].bytes, bytes.len()..bytes.len() + 1);
    }

    #[test]
    fn every_byte_outside_the_contents_is_named_by_its_place() {
        let bytes = write(&files()).unwrap();
        let (stored, _) = read(&bytes);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let (_, faults) = read(&changed);
            let fault = faults.first().unwrap_or_else(|| panic!("byte {at} was not noticed"));
            let in_content = stored.iter().any(|file| file.content.contains(&at));
            // Of two names the manifest knows which is right, and of two sizes as well.
            let in_header = stored.iter().any(|file| {
                let name = file.content.start - file.name.len();
                (name - 12..file.content.start).contains(&at)
            });
            // A content is held by the checksum before it; its place is told by the manifest.
            assert!(in_content || in_header || fault.bytes.contains(&at), "{at} {fault:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (files, faults) = read(&bytes);
            prop_assert!(files.is_empty() || files.len() < 10);
            prop_assert!(!faults.is_empty() || write(&[]).unwrap() == bytes || !files.is_empty());
        }
    }
}
