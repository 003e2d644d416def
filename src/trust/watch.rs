//! Whether files have changed: by their stamps at every look, and by their content where a stamp is
//! another.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

/// The most that is read of a file to tell whether it changed; none that is watched may be larger.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The files of one kind, as they were when they were read last.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// None while there is no such file.
    stamp: Option<Stamp>,
    content: Option<[u8; 32]>,
    /// A stamp that was seen once: whoever writes the file may not be done.
    unsettled: Option<Option<Stamp>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    bytes: u64,
    inode: u64,
}

impl FileWatch {
    /// Watches files that are about to be read.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let watched = files.into_iter().map(|path| {
            let (stamp, content) = (stamp(&path), content(&path));
            Watched { path, stamp, content, unsettled: None }
        });
        Self { files: watched.collect() }
    }

    /// Whether any of them has other content than before. A change counts when the file has stood
    /// still from one look to the next; `at_once` takes it as it is.
    pub fn changed(&mut self, at_once: bool) -> bool {
        // Each is looked at, so that two that change together are one change.
        let changed = self.files.iter_mut().filter_map(|file| file.changed(at_once).then_some(()));
        changed.count() > 0
    }
}

impl Watched {
    fn changed(&mut self, at_once: bool) -> bool {
        let found = stamp(&self.path);
        if !at_once {
            if found == self.stamp {
                self.unsettled = None;
                return false;
            }
            if self.unsettled != Some(found) {
                self.unsettled = Some(found);
                return false;
            }
        }
        (self.stamp, self.unsettled) = (found, None);
        let content = content(&self.path);
        let changed = content != self.content;
        self.content = content;
        changed
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |found: Metadata| Stamp {
        modified: (found.mtime(), found.mtime_nsec()),
        bytes: found.size(),
        inode: found.ino(),
    };
    std::fs::metadata(path).ok().map(of)
}

fn content(path: &Path) -> Option<[u8; 32]> {
    let mut hashed = Context::new(&SHA256);
    let mut file = File::open(path).ok()?.take(MAX_BYTES);
    let mut part = vec![0; 64 * 1024];
    loop {
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(read) => hashed.update(part.get(..read)?),
            Err(_) => return None,
        }
    }
    hashed.finish().as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_counts_when_the_file_stands_still() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        fs::write(&one, "a").unwrap();
        let mut watch = FileWatch::new(vec![one.clone(), two.clone()]);
        assert!(!watch.changed(false) && !watch.changed(true));

        fs::write(&one, "half").unwrap();
        assert!(!watch.changed(false));
        fs::write(&one, "whole of it").unwrap();
        assert!(!watch.changed(false), "it was still being written");
        assert!(watch.changed(false));
        assert!(!watch.changed(false));

        // Made, replaced by a rename, and gone are changes too.
        fs::write(&two, "b").unwrap();
        assert!(watch.changed(true) && !watch.changed(true));
        let other = dir.path().join("other");
        fs::write(&other, "c").unwrap();
        fs::rename(&other, &two).unwrap();
        assert!(!watch.changed(false) && watch.changed(false));
        fs::remove_file(&two).unwrap();
        assert!(!watch.changed(false) && watch.changed(false));
    }

    #[test]
    fn the_same_content_written_again_is_no_change() {
        let dir = tempfile::tempdir().unwrap();
        let one = dir.path().join("one");
        fs::write(&one, "a").unwrap();
        let mut watch = FileWatch::new(vec![one.clone()]);
        let again = dir.path().join("again");
        fs::write(&again, "a").unwrap();
        fs::rename(&again, &one).unwrap();
        assert!(!watch.changed(false) && !watch.changed(false) && !watch.changed(true));
    }
}
