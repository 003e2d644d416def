//! A disk that forgets: files and names in memory, each with what is on the platter and what has
//! only been said to it. A power cut takes what was not synced, as a real one may: nothing of it,
//! all of it, what came first, or any of it in sectors, whatever the order in which it was written.
//!
//! Only what POSIX promises survives for certain: `fsync` and `fdatasync` keep a file's bytes and
//! length, and a name is kept by an `fsync` of its directory and by nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};

use crate::process::seed::Seed;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;
/// The number of the directory in which all begins.
pub const ROOT: u64 = 1;

/// Files and directories by number.
pub struct Disk {
    nodes: HashMap<u64, Node>,
    next: u64,
}

/// A file or a directory.
pub enum Node {
    File(File),
    Dir(Dir),
}

/// A file.
#[derive(Default)]
pub struct File {
    /// Its permission bits; kept at once, since nothing of the bus rests on when.
    pub mode: u16,
    /// What a reader sees.
    pub bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

/// A directory.
#[derive(Default)]
pub struct Dir {
    /// Its permission bits.
    pub mode: u16,
    /// What a reader sees.
    pub names: BTreeMap<OsString, u64>,
    durable: BTreeMap<OsString, u64>,
    unsynced: Vec<Renaming>,
}

/// A change of a file that a power cut may forget.
enum Change {
    /// Bytes at an offset.
    Bytes { at: usize, bytes: Vec<u8> },
    /// A new length.
    Length(usize),
}

/// A change of a directory that a power cut may forget, whole or not at all.
struct Renaming {
    /// A name that goes.
    from: Option<OsString>,
    /// A name that comes.
    to: Option<OsString>,
    /// Whose names they are.
    node: u64,
}

/// Why something cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Missing,
    Exists,
    NotADirectory,
    IsADirectory,
    NotEmpty,
}

/// What a power cut took away.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Sectors and lengths of files that were not synced and are gone.
    pub pieces: usize,
    /// Those that were not synced and are there all the same.
    pub survived: usize,
    /// Names made, moved or removed without a sync of their directory, and as before.
    pub names: usize,
}

impl Disk {
    /// A disk with an empty directory on it.
    pub fn new() -> Self {
        let root = Dir { mode: 0o755, ..Dir::default() };
        Self { nodes: HashMap::from([(ROOT, Node::Dir(root))]), next: ROOT + 1 }
    }

    pub fn node(&self, node: u64) -> Result<&Node, Refusal> {
        self.nodes.get(&node).ok_or(Refusal::Missing)
    }

    pub fn file(&self, node: u64) -> Result<&File, Refusal> {
        match self.node(node)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(Refusal::IsADirectory),
        }
    }

    pub fn dir(&self, node: u64) -> Result<&Dir, Refusal> {
        match self.node(node)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Refusal::NotADirectory),
        }
    }

    fn file_mut(&mut self, node: u64) -> Result<&mut File, Refusal> {
        match self.nodes.get_mut(&node).ok_or(Refusal::Missing)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(Refusal::IsADirectory),
        }
    }

    fn dir_mut(&mut self, node: u64) -> Result<&mut Dir, Refusal> {
        match self.nodes.get_mut(&node).ok_or(Refusal::Missing)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Refusal::NotADirectory),
        }
    }

    /// The node of a name.
    pub fn lookup(&self, dir: u64, name: &OsStr) -> Result<u64, Refusal> {
        self.dir(dir)?.names.get(name).copied().ok_or(Refusal::Missing)
    }

    /// A new, empty file.
    pub fn create(&mut self, dir: u64, name: &OsStr, mode: u16) -> Result<u64, Refusal> {
        self.add(dir, name, Node::File(File { mode, ..File::default() }))
    }

    /// A new, empty directory.
    pub fn create_dir(&mut self, dir: u64, name: &OsStr, mode: u16) -> Result<u64, Refusal> {
        self.add(dir, name, Node::Dir(Dir { mode, ..Dir::default() }))
    }

    fn add(&mut self, dir: u64, name: &OsStr, made: Node) -> Result<u64, Refusal> {
        let node = self.next;
        let home = self.dir_mut(dir)?;
        if home.names.contains_key(name) {
            return Err(Refusal::Exists);
        }
        home.change(Renaming { from: None, to: Some(name.to_owned()), node });
        self.nodes.insert(node, made);
        self.next += 1;
        Ok(node)
    }

    /// Removes the name of a file or of an empty directory.
    pub fn remove(&mut self, dir: u64, name: &OsStr) -> Result<(), Refusal> {
        let node = self.lookup(dir, name)?;
        if matches!(self.node(node)?, Node::Dir(dir) if !dir.names.is_empty()) {
            return Err(Refusal::NotEmpty);
        }
        self.dir_mut(dir)?.change(Renaming { from: Some(name.to_owned()), to: None, node });
        Ok(())
    }

    /// Gives a file another name in the same directory, over whatever had that name.
    pub fn rename(&mut self, dir: u64, from: &OsStr, to: &OsStr) -> Result<(), Refusal> {
        let node = self.lookup(dir, from)?;
        let (from, to) = (Some(from.to_owned()), Some(to.to_owned()));
        self.dir_mut(dir)?.change(Renaming { from, to, node });
        Ok(())
    }

    pub fn set_mode(&mut self, node: u64, mode: u16) -> Result<(), Refusal> {
        match self.nodes.get_mut(&node).ok_or(Refusal::Missing)? {
            Node::File(file) => file.mode = mode,
            Node::Dir(dir) => dir.mode = mode,
        }
        Ok(())
    }

    pub fn write(&mut self, node: u64, at: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let file = self.file_mut(node)?;
        let change = Change::Bytes { at, bytes: bytes.to_vec() };
        change.apply(&mut file.bytes);
        file.unsynced.push(change);
        Ok(())
    }

    pub fn set_length(&mut self, node: u64, bytes: usize) -> Result<(), Refusal> {
        let file = self.file_mut(node)?;
        let change = Change::Length(bytes);
        change.apply(&mut file.bytes);
        file.unsynced.push(change);
        Ok(())
    }

    /// What was said of a file is on the platter.
    pub fn sync_file(&mut self, node: u64) -> Result<(), Refusal> {
        let file = self.file_mut(node)?;
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.durable);
        }
        Ok(())
    }

    /// What was said of the names in a directory is on the platter.
    pub fn sync_dir(&mut self, node: u64) -> Result<(), Refusal> {
        let dir = self.dir_mut(node)?;
        dir.durable = dir.names.clone();
        dir.unsynced.clear();
        Ok(())
    }

    /// The power goes, and comes back: what is left is all that there ever was. Without a seed
    /// nothing is left but what was synced.
    pub fn lose_power(&mut self, mut seed: Option<&mut Seed>) -> Forgotten {
        let mut forgotten = Forgotten::default();
        // In the order of the numbers, so that a seed means the same fates again.
        let mut numbers: Vec<_> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            match self.nodes.get_mut(&number) {
                Some(Node::File(file)) => file.lose_power(seed.as_deref_mut(), &mut forgotten),
                Some(Node::Dir(dir)) => dir.lose_power(seed.as_deref_mut(), &mut forgotten),
                None => {}
            }
        }
        self.drop_nameless();
        forgotten
    }

    /// Forgets what no name leads to, and names that lead nowhere.
    fn drop_nameless(&mut self) {
        let (mut found, mut ahead) = (HashSet::from([ROOT]), vec![ROOT]);
        while let Some(number) = ahead.pop() {
            if let Some(Node::Dir(dir)) = self.nodes.get(&number) {
                ahead.extend(dir.names.values().filter(|node| found.insert(**node)));
            }
        }
        self.nodes.retain(|number, _| found.contains(number));
    }
}

impl File {
    fn lose_power(&mut self, seed: Option<&mut Seed>, forgotten: &mut Forgotten) {
        let pieces: Vec<_> = self.unsynced.drain(..).flat_map(Change::into_pieces).collect();
        let kept = survivors(pieces.len(), seed);
        for (piece, kept) in pieces.into_iter().zip(kept) {
            if kept {
                piece.apply(&mut self.durable);
                forgotten.survived += 1;
            } else {
                forgotten.pieces += 1;
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

impl Dir {
    fn change(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.unsynced.push(renaming);
    }

    fn lose_power(&mut self, seed: Option<&mut Seed>, forgotten: &mut Forgotten) {
        let kept = survivors(self.unsynced.len(), seed);
        for (renaming, kept) in self.unsynced.drain(..).zip(kept) {
            if kept {
                renaming.apply(&mut self.durable);
            } else {
                forgotten.names += 1;
            }
        }
        self.names.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Length(bytes) => file.resize(*bytes, 0),
        }
    }

    /// The parts that reach the platter, or do not, each by itself.
    fn into_pieces(self) -> Vec<Self> {
        let (mut at, bytes) = match self {
            Self::Length(_) => return vec![self],
            Self::Bytes { at, bytes } => (at, bytes),
        };
        let (mut rest, mut pieces) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            pieces.push(Self::Bytes { at, bytes: piece.to_vec() });
            at += piece.len();
            rest = after;
        }
        pieces
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<OsString, u64>) {
        if let Some(from) = &self.from
            && names.get(from) == Some(&self.node)
        {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.node);
        }
    }
}

/// Which of so many changes survive: none, all, the earliest, or each by itself.
fn survivors(changes: usize, seed: Option<&mut Seed>) -> Vec<bool> {
    let Some(seed) = seed else { return vec![false; changes] };
    let first = usize::try_from(seed.below(changes as u64 + 1)).expect("a count");
    match seed.below(4) {
        0 => vec![false; changes],
        1 => vec![true; changes],
        2 => (0..changes).map(|place| place < first).collect(),
        _ => (0..changes).map(|_| seed.once_in(2)).collect(),
    }
}
