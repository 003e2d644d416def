//! The tree on the disk, in tiles below a directory. All of it follows from the journal and may be
//! removed; what cannot be read, or does not lead to the root that was signed, is made anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::tile::{TILE_HASHES, TILE_LEVELS, Tile, at, over, place};
use super::tree::{Hash, Nodes, empty_root, node_hash};

const HASH_BYTES: usize = 32;

/// A tile that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct TileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A tree that grows. In memory it has the unfinished tiles, at most eight of 256 hashes.
#[derive(Debug)]
pub struct Tree {
    dir: PathBuf,
    size: u64,
    /// The hashes of the last tile of each level, fewer than 256.
    edge: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree without leaves; what is in the directory is removed.
    ///
    /// # Errors
    /// [`TileError`].
    pub fn begin(dir: &Path) -> Result<Self, TileError> {
        let tiles = dir.join("tile");
        match fs::remove_dir_all(&tiles) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(TileError { path: tiles, source });
            }
            Ok(()) | Err(_) => {}
        }
        Ok(Self { dir: dir.to_owned(), size: 0, edge: Vec::new() })
    }

    /// The tree that was left in the directory at this size; none where its tiles are missing,
    /// unreadable or of another tree.
    #[must_use]
    pub fn load(dir: &Path, size: u64, root: Hash) -> Option<Self> {
        let tiles = Tiles { dir, size };
        let mut edge = Vec::new();
        for level in 0..=u64::BITS as u8 / TILE_LEVELS {
            let shift = u32::from(level) * u32::from(TILE_LEVELS);
            let hashes = size.checked_shr(shift).unwrap_or(0);
            if hashes == 0 {
                break;
            }
            let last = at(level, hashes / TILE_HASHES as u64, size);
            edge.push(if last.hashes == 0 { Vec::new() } else { tiles.read(last).ok()? });
        }
        let tree = Self { dir: dir.to_owned(), size, edge };
        (tree.root() == root).then_some(tree)
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        // The perfect subtrees of the tree, the smallest first.
        let mut root: Option<Hash> = None;
        for level in &self.edge {
            let mut rest = &level[..];
            while !rest.is_empty() {
                let (before, last) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                rest = before;
                root = match (root, over(last)) {
                    (Some(right), Some(left)) => Some(node_hash(left, right)),
                    (None, left) => left,
                    (right, None) => right,
                };
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// Adds a leaf, and writes the tiles that become full by it. After an error the tree is to be
    /// loaded again.
    ///
    /// # Errors
    /// [`TileError`].
    pub fn push(&mut self, leaf: Hash) -> Result<(), TileError> {
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            if self.edge.len() == level {
                self.edge.push(Vec::new());
            }
            let Some(hashes) = self.edge.get_mut(level) else { break };
            hashes.push(hash);
            if hashes.len() < TILE_HASHES {
                break;
            }
            let full = std::mem::take(hashes);
            let level = u8::try_from(level).unwrap_or(u8::MAX);
            let index = (self.size >> (u32::from(level + 1) * u32::from(TILE_LEVELS))) - 1;
            let tile = Tile { level, index, hashes: 256 };
            self.write(tile, &full)?;
            self.forget_parts(tile);
            let Some(above) = over(&full) else { break };
            hash = above;
        }
        Ok(())
    }

    /// Writes the unfinished tiles, so that the tree of this size can be read.
    ///
    /// # Errors
    /// [`TileError`].
    pub fn write_parts(&self) -> Result<(), TileError> {
        for (level, hashes) in (0..).zip(&self.edge).filter(|(_, hashes)| !hashes.is_empty()) {
            let shift = u32::from(level) * u32::from(TILE_LEVELS);
            let index = (self.size >> shift) / TILE_HASHES as u64;
            self.write(at(level, index, self.size), hashes)?;
        }
        Ok(())
    }

    fn write(&self, tile: Tile, hashes: &[Hash]) -> Result<(), TileError> {
        let path = self.dir.join(tile.path());
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        replace(&path, &bytes).map_err(|source| TileError { path, source })
    }

    /// Parts of a full tile need not be kept (c2sp.org/tlog-tiles, Partial Tiles).
    fn forget_parts(&self, tile: Tile) {
        let parts = format!("{}.p", tile.path());
        // What is left behind costs room and nothing else.
        let _left = fs::remove_dir_all(self.dir.join(parts));
    }
}

/// A tree of some size, read from its tiles. The tree may have grown since.
#[derive(Debug, Clone, Copy)]
pub struct Tiles<'a> {
    /// The directory of the log.
    pub dir: &'a Path,
    /// How many leaves the tree has.
    pub size: u64,
}

impl Tiles<'_> {
    /// The hashes of a tile. Its part is gone once it is full, so the full one is asked again.
    fn read(&self, tile: Tile) -> Result<Vec<Hash>, TileError> {
        let full = || self.read_file(tile.full(), tile.hashes);
        full().or_else(|_| self.read_file(tile, tile.hashes)).or_else(|_| full())
    }

    fn read_file(&self, tile: Tile, hashes: u16) -> Result<Vec<Hash>, TileError> {
        let path = self.dir.join(tile.path());
        let read = fs::read(&path).and_then(|bytes| {
            let whole = usize::from(tile.hashes) * HASH_BYTES == bytes.len();
            if whole { Ok(bytes) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        let bytes = read.map_err(|source| TileError { path, source })?;
        let (hashes_found, _) = bytes.as_chunks::<HASH_BYTES>();
        Ok(hashes_found.iter().take(usize::from(hashes)).map(|hash| Hash(*hash)).collect())
    }
}

impl Nodes for Tiles<'_> {
    type Error = TileError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, TileError> {
        let (tile, hashes) = place(level, index, self.size);
        // In a tree that has grown, a part of this width may never have been written.
        let read = self.read(tile)?;
        let hash = read.get(hashes).and_then(over);
        hash.ok_or_else(|| TileError {
            path: self.dir.join(tile.path()),
            source: io::ErrorKind::InvalidData.into(),
        })
    }
}

/// Puts a file in its place whole, so that whoever serves the directory sees all of it or nothing.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tree::{
        consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency, verify_inclusion,
    };

    fn leaf(number: u64) -> Hash {
        leaf_hash(&number.to_be_bytes())
    }

    #[test]
    fn a_tree_on_the_disk_is_the_tree_of_its_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::begin(dir.path()).unwrap();
        assert_eq!(tree.root(), empty_root());
        let sizes = [1, 2, 255, 256, 257, 700, 65_535, 65_536, 65_537, 66_000];
        let mut roots = Vec::new();
        for size in sizes {
            while tree.size() < size {
                tree.push(leaf(tree.size())).unwrap();
            }
            tree.write_parts().unwrap();
            let tiles = Tiles { dir: dir.path(), size };
            assert_eq!(root(&tiles, size).unwrap(), tree.root(), "of {size}");
            let loaded = Tree::load(dir.path(), size, tree.root()).unwrap();
            assert_eq!((loaded.size(), loaded.root()), (size, tree.root()));
            for index in [0, size / 2, size - 1] {
                let proof = inclusion_proof(&tiles, index, size).unwrap();
                let checked = verify_inclusion(leaf(index), index, size, tree.root(), &proof);
                assert_eq!(checked, Ok(()), "{index} of {size}");
            }
            for (old, old_root) in &roots {
                let proof = consistency_proof(&tiles, *old, size).unwrap();
                let checked = verify_consistency((*old, *old_root), (size, tree.root()), &proof);
                assert_eq!(checked, Ok(()), "{old} of {size}");
            }
            roots.push((size, tree.root()));
        }
        assert!(dir.path().join("tile/0/000").exists());
        assert!(!dir.path().join("tile/0/000.p").exists(), "parts of a full tile are removed");
        assert!(dir.path().join("tile/2/000.p/1").exists());
    }

    #[test]
    fn tiles_of_another_tree_or_damaged_ones_are_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::begin(dir.path()).unwrap();
        for number in 0..300 {
            tree.push(leaf(number)).unwrap();
        }
        tree.write_parts().unwrap();
        assert!(Tree::load(dir.path(), 300, leaf(1)).is_none());
        assert!(Tree::load(dir.path(), 301, tree.root()).is_none());
        let part = dir.path().join("tile/0/001.p/44");
        let bytes = fs::read(&part).unwrap();
        fs::write(&part, &bytes[1..]).unwrap();
        assert!(Tree::load(dir.path(), 300, tree.root()).is_none());
        fs::remove_file(&part).unwrap();
        assert!(Tree::load(dir.path(), 300, tree.root()).is_none());
        assert_eq!(Tree::begin(dir.path()).unwrap().size(), 0);
        assert!(!dir.path().join("tile").exists());
    }
}
