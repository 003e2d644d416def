//! The layout of a tree in tiles, as c2sp.org/tlog-tiles has it: 256 hashes side by side, eight
//! levels of the tree to a level of tiles.

use super::tree::{Hash, node_hash};

/// Hashes of a full tile.
pub const TILE_HASHES: usize = 256;
/// Levels of the tree that a level of tiles spans.
pub const TILE_LEVELS: u8 = 8;

/// One tile of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Its level among the tiles, from the leaves' on.
    pub level: u8,
    /// Its place within the level.
    pub index: u64,
    /// How many hashes it has: 1 to 256.
    pub hashes: u16,
}

impl Tile {
    /// Its path below the directory of the log: `tile/0/x001/234`, and `.p/112` behind it for one
    /// of 112 hashes.
    #[must_use]
    pub fn path(self) -> String {
        let Self { level, index, hashes } = self;
        let mut number = format!("{:03}", index % 1000);
        let mut rest = index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let part =
            if usize::from(hashes) < TILE_HASHES { format!(".p/{hashes}") } else { String::new() };
        format!("tile/{level}/{number}{part}")
    }

    /// The tile with 256 hashes at this place.
    #[must_use]
    pub fn full(self) -> Self {
        Self { hashes: 256, ..self }
    }
}

/// The tile in which a node of the tree stands, in a tree of `size` leaves, and the hashes of it
/// over which the node stands.
#[must_use]
pub fn place(level: u8, index: u64, size: u64) -> (Tile, std::ops::Range<usize>) {
    let (tile_level, depth) = (level / TILE_LEVELS, level % TILE_LEVELS);
    let first = index << depth;
    let tile = first / TILE_HASHES as u64;
    let from = usize::try_from(first % TILE_HASHES as u64).unwrap_or(0);
    (at(tile_level, tile, size), from..from + (1 << depth))
}

/// The tile at a place in a tree of `size` leaves, with as many hashes as it has there.
#[must_use]
pub fn at(level: u8, index: u64, size: u64) -> Tile {
    let hashes = size >> (u32::from(level) * u32::from(TILE_LEVELS));
    let hashes = hashes.saturating_sub(index * TILE_HASHES as u64).min(TILE_HASHES as u64);
    Tile { level, index, hashes: u16::try_from(hashes).unwrap_or(0) }
}

/// The hash over hashes side by side, as many as a power of two.
#[must_use]
pub fn over(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [] => None,
        [one] => Some(*one),
        several => {
            let (left, right) = several.split_at(several.len() / 2);
            Some(node_hash(over(left)?, over(right)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_paths_of_the_specification() {
        let path = |level, index, hashes| Tile { level, index, hashes }.path();
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(1, 0, 17), "tile/1/000.p/17");
        assert_eq!(path(0, 999, 256), "tile/0/999");
        assert_eq!(path(0, 1000, 1), "tile/0/x001/000.p/1");
    }

    #[test]
    fn a_tree_of_seventy_thousand_is_tiled_as_the_specification_says() {
        assert_eq!(at(0, 272, 70_000).hashes, 256);
        assert_eq!(at(0, 273, 70_000).hashes, 112);
        assert_eq!(at(1, 0, 70_000).hashes, 256);
        assert_eq!(at(1, 1, 70_000).hashes, 17);
        assert_eq!(at(2, 0, 70_000).hashes, 1);
        assert_eq!(at(1, 0, 256).hashes, 1);
    }

    #[test]
    fn a_node_stands_over_its_leaves() {
        assert_eq!(place(0, 300, 1000), (Tile { level: 0, index: 1, hashes: 256 }, 44..45));
        assert_eq!(place(7, 3, 1000), (Tile { level: 0, index: 1, hashes: 256 }, 128..256));
        assert_eq!(place(9, 0, 1000), (Tile { level: 1, index: 0, hashes: 3 }, 0..2));
    }
}
