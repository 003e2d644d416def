//! The index's directory: whose it is, who may use it, and whether what sled keeps in it can be
//! trusted.
//!
//! ```text
//! KOPIR-INDEX    says that the directory is an index, of which format, and how it was left
//! data/          sled's files
//! ```
//!
//! Nothing but `data` and `KOPIR-INDEX` is ever removed, and only where `KOPIR-INDEX` is there, so
//! a mistyped path costs nobody their files.
//!
//! sled's own flush leaves pages to the kernel without waiting for the disk. That survives the
//! death of the process but not of the machine, and a store that lost some of its pages may open
//! and answer wrongly. The state therefore names the boot of the kernel in which the index was in
//! use: after another boot it is trusted only if it had been closed, which syncs every file and
//! notes its length and checksum.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::{Damage, IndexError, WhyFresh};

/// The format of the keys and values, and of this directory. Another one is rebuilt.
pub const FORMAT_VERSION: u32 = 5;

const STATE_FILE: &str = "KOPIR-INDEX";
const NEW_STATE_FILE: &str = "KOPIR-INDEX.new";
const DATA: &str = "data";
const FIRST_WORDS: &str = "kopir index ";
/// What file systems put into the root of a volume.
const LOST_AND_FOUND: &str = "lost+found";
/// The largest state file that is read; sled keeps a handful of files, a line each.
const MAX_STATE_BYTES: u64 = 64 * 1024;
const COPY_BYTES: usize = 256 * 1024;

/// How the index was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It was being opened. If that is found, opening it has killed the process.
    Opening,
    /// It was in use, in this boot of the kernel.
    Open {
        /// The kernel's id of the boot; none where the kernel gives no such id.
        boot: Option<String>,
    },
    /// It was closed with these files on the disk.
    Closed {
        /// Every file under `data`, by name.
        files: Vec<FileSum>,
    },
    /// Something unreadable was met while it was in use.
    Damaged,
}

/// A file as it was when the index was closed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileSum {
    name: String,
    bytes: u64,
    crc: u32,
}

/// What is to be done with what the directory holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as it was when it was closed.
    Sound,
    /// The process died in this boot of the kernel; sled recovers, and every entry is looked at.
    Suspect,
    /// It must be thrown away.
    Fresh(WhyFresh),
}

/// The directory, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    _lock: File,
}

impl Home {
    /// Locks the directory, creating it where it is missing, and judges what it holds.
    pub(super) fn enter(dir: &Path, boot: Option<&str>) -> Result<(Self, Verdict), IndexError> {
        if dir.exists() && !dir.is_dir() {
            return Err(IndexError::NotADirectory { path: dir.to_owned() });
        }
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let lock = File::open(dir).map_err(io_error("open", dir))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => IndexError::Locked { path: dir.to_owned() },
            TryLockError::Error(source) => io_error("lock", dir)(source),
        })?;
        let home = Self { dir: dir.to_owned(), _lock: lock };
        let verdict = home.judge(boot)?;
        Ok((home, verdict))
    }

    /// Where sled keeps its files.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.join(DATA)
    }

    /// Removes everything that sled keeps. The state stays, so that the directory remains ours.
    pub(super) fn wipe(&self) -> Result<(), IndexError> {
        let data = self.data();
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &data)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the snapshot that sled was writing when the process died, because sled takes it
    /// for a whole one and cannot open.
    pub(super) fn remove_unfinished_snapshots(&self) -> Result<(), IndexError> {
        let data = self.data();
        let left = if data.is_dir() { entries(&data)? } else { Vec::new() };
        for path in left {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Replaces the state, on the disk when this returns.
    pub(super) fn write_state(&self, state: &State) -> Result<(), IndexError> {
        let (path, new) = (self.dir.join(STATE_FILE), self.dir.join(NEW_STATE_FILE));
        let mut file = File::create(&new).map_err(io_error("create", &new))?;
        file.write_all(print(state).as_bytes()).map_err(io_error("write", &new))?;
        file.sync_all().map_err(io_error("sync", &new))?;
        fs::rename(&new, &path).map_err(io_error("rename", &new))?;
        sync(&self.dir)
    }

    /// Syncs every file of the closed store and notes what it is.
    pub(super) fn sync_files(&self) -> Result<State, IndexError> {
        let data = self.data();
        for path in files(&data)? {
            sync(&path)?;
            if let Some(parent) = path.parent() {
                sync(parent)?;
            }
        }
        sync(&data)?;
        Ok(State::Closed { files: self.sums()? })
    }

    fn judge(&self, boot: Option<&str>) -> Result<Verdict, IndexError> {
        let fresh = |why| Ok(Verdict::Fresh(why));
        let Some(text) = self.read_state()? else {
            return fresh(WhyFresh::Missing);
        };
        let foreign = || IndexError::Foreign { path: self.dir.clone() };
        let first = text.lines().next().and_then(|line| line.strip_prefix(FIRST_WORDS));
        let version = first.and_then(|version| version.parse::<u32>().ok());
        let version = match version {
            Some(version) => version,
            // The first line itself is damaged: only what else lies here can tell whose it is.
            None if self.holds_an_index_only()? => return fresh(WhyFresh::Damaged(Damage::State)),
            None => return Err(foreign()),
        };
        if version != FORMAT_VERSION {
            return fresh(WhyFresh::OtherFormat { found: version });
        }
        match parse(&text) {
            None => fresh(WhyFresh::Damaged(Damage::State)),
            Some(State::Damaged) => fresh(WhyFresh::Damaged(Damage::FoundInUse)),
            Some(State::Opening) => fresh(WhyFresh::Damaged(Damage::DiedOpening)),
            Some(State::Open { boot: found }) => match (found, boot) {
                (Some(found), Some(boot)) if found == boot => Ok(Verdict::Suspect),
                _ => fresh(WhyFresh::PowerLoss),
            },
            Some(State::Closed { files }) => match self.first_changed(&files)? {
                None => Ok(Verdict::Sound),
                Some(file) => fresh(WhyFresh::Damaged(Damage::Changed { file })),
            },
        }
    }

    /// The state's text; none in a directory that is empty or was abandoned before its first
    /// state was whole.
    fn read_state(&self) -> Result<Option<String>, IndexError> {
        let path = self.dir.join(STATE_FILE);
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                let mut file = file.take(MAX_STATE_BYTES);
                file.read_to_end(&mut text).map_err(io_error("read", &path))?;
                Ok(Some(String::from_utf8_lossy(&text).into_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.holds_an_index_only()? {
                    return Ok(None);
                }
                Err(IndexError::Foreign { path: self.dir.clone() })
            }
            Err(error) => Err(io_error("open", &path)(error)),
        }
    }

    /// Whether there is nothing here but what an index leaves, by name.
    fn holds_an_index_only(&self) -> Result<bool, IndexError> {
        let here = [STATE_FILE, NEW_STATE_FILE, DATA, LOST_AND_FOUND];
        let known = |path: &PathBuf| here.iter().any(|name| path.ends_with(name));
        let data = self.data();
        let stored = if data.is_dir() { entries(&data)? } else { Vec::new() };
        let of_sled = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            ["conf", "db", "blobs"].contains(&&*name) || name.starts_with("snap.")
        };
        Ok(entries(&self.dir)?.iter().all(known) && stored.iter().all(of_sled))
    }

    /// The first file that is not what it was, or is there or missing against the list.
    fn first_changed(&self, noted: &[FileSum]) -> Result<Option<String>, IndexError> {
        let found = if self.data().is_dir() { self.sums()? } else { Vec::new() };
        let of_noted = noted.iter().find(|file| !found.contains(file));
        let of_found = found.iter().find(|file| !noted.contains(file));
        Ok(of_noted.or(of_found).map(|file| file.name.clone()))
    }

    fn sums(&self) -> Result<Vec<FileSum>, IndexError> {
        let data = self.data();
        let mut sums = Vec::new();
        for path in files(&data)? {
            let name = path.strip_prefix(&data).unwrap_or(&path).to_string_lossy().into_owned();
            let (bytes, crc) = sum(&path).map_err(io_error("read", &path))?;
            sums.push(FileSum { name, bytes, crc });
        }
        sums.sort();
        Ok(sums)
    }
}

/// The kernel's id of its current boot.
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

fn print(state: &State) -> String {
    let mut text = format!("{FIRST_WORDS}{FORMAT_VERSION}\n");
    match state {
        State::Opening => text.push_str("state opening\n"),
        State::Open { boot: Some(boot) } => text.extend(["state open\nboot ", boot, "\n"]),
        State::Open { boot: None } => text.push_str("state open\n"),
        State::Damaged => text.push_str("state damaged\n"),
        State::Closed { files } => {
            text.push_str("state closed\n");
            for FileSum { name, bytes, crc } in files {
                text.extend([&format!("file {bytes} {crc:08x} "), name.as_str(), "\n"]);
            }
        }
    }
    let check = crc32fast::hash(text.as_bytes());
    text.extend([format!("check {check:08x}\n")]);
    text
}

fn parse(text: &str) -> Option<State> {
    let (content, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let check = u32::from_str_radix(check.strip_prefix("check ")?, 16).ok()?;
    if crc32fast::hash(format!("{content}\n").as_bytes()) != check {
        return None;
    }
    let mut lines = content.lines().skip(1);
    match lines.next()? {
        "state opening" => Some(State::Opening),
        "state damaged" => Some(State::Damaged),
        "state open" => {
            let boot = lines.next().and_then(|line| line.strip_prefix("boot ")).map(str::to_owned);
            Some(State::Open { boot })
        }
        "state closed" => {
            let files = lines.map(parse_sum).collect::<Option<_>>()?;
            Some(State::Closed { files })
        }
        _ => None,
    }
}

fn parse_sum(line: &str) -> Option<FileSum> {
    let mut parts = line.strip_prefix("file ")?.splitn(3, ' ');
    let bytes = parts.next()?.parse().ok()?;
    let crc = u32::from_str_radix(parts.next()?, 16).ok()?;
    Some(FileSum { name: parts.next()?.to_owned(), bytes, crc })
}

/// The length of a file and the CRC-32 of its content.
fn sum(path: &Path) -> io::Result<(u64, u32)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Every file under a directory.
fn files(dir: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for path in entries(&dir)? {
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let list = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    list().map_err(io_error("list", dir))
}

fn sync(path: &Path) -> Result<(), IndexError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_error("sync", path))
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
    let path = path.to_owned();
    move |source| IndexError::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let file = |name: &str| FileSum { name: name.into(), bytes: 7, crc: 0xab };
        for state in [
            State::Opening,
            State::Damaged,
            State::Open { boot: None },
            State::Open { boot: Some("6e0b0f0e-sample".into()) },
            State::Closed { files: vec![] },
            State::Closed { files: vec![file("db"), file("blobs/a name")] },
        ] {
            assert_eq!(parse(&print(&state)), Some(state));
        }
    }

    #[test]
    fn a_state_with_one_changed_byte_is_not_read() {
        let whole = print(&State::Open { boot: Some("6e0b0f0e-sample".into()) });
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(parse(&text), None, "{text}");
        }
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
    }
}
