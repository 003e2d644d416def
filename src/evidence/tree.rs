//! The Merkle tree of RFC 6962 and RFC 9162 §2.1, over SHA-256: hashes, roots, proofs.
//!
//! Nothing here reads anything: whoever makes proofs hands in the [`Nodes`] of a tree, whoever
//! checks them needs the two roots alone.

use aws_lc_rs::digest;

/// The most hashes that a proof in a tree of less than 2^64 leaves has.
pub const MAX_PROOF_HASHES: usize = 64;

/// A hash of the tree: of a leaf, an inner node or the whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The hash of a leaf: SHA-256 over a zero byte and its data (RFC 9162 §2.1.1).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

/// The hash of an inner node: SHA-256 over a byte of one and the hashes below (RFC 9162 §2.1.1).
#[must_use]
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    sha256(&[&[1], &left.0, &right.0])
}

/// The root of a tree without leaves: SHA-256 over nothing (RFC 9162 §2.1.1).
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// SHA-256 over the pieces, one after the other.
pub(super) fn sha256(pieces: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Hash(hash)
}

/// The hashes of the perfect subtrees of a tree.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The hash over the `2^level` leaves from `index * 2^level` on, all of which the tree has.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// Those of the nodes.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { span_hash(nodes, 0, size) }
}

/// The inclusion proof of a leaf in the tree of the first `size` leaves, from the leaf's sibling
/// up (RFC 9162 §2.1.3.1). `index` is less than `size`.
///
/// # Errors
/// Those of the nodes.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    // The span that holds the leaf narrows from the whole tree to the leaf itself.
    let (mut from, mut until) = (0, size);
    while until.saturating_sub(from) > 1 {
        let middle = from + split(until - from);
        if index < middle {
            proof.push(span_hash(nodes, middle, until)?);
            until = middle;
        } else {
            proof.push(span_hash(nodes, from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `old` leaves is the beginning of the one of the first
/// `size` (RFC 9162 §2.1.4.1). Empty where `old` is nothing or the whole. `old` is at most `size`.
///
/// # Errors
/// Those of the nodes.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    let (mut from, mut until) = (0, size);
    while until > old {
        let middle = from + split(until - from);
        if old <= middle {
            proof.push(span_hash(nodes, middle, until)?);
            until = middle;
        } else {
            proof.push(span_hash(nodes, from, middle)?);
            from = middle;
        }
    }
    // The old tree as a whole is known to whoever checks; a part of it is not.
    if from > 0 {
        proof.push(span_hash(nodes, from, until)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf, or the older tree, lies outside the newer one.
    #[error("it is about something outside the tree")]
    Outside,
    /// Another number of hashes than such a proof has.
    #[error("it has {found} hashes, which is not the number of such a proof")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// The hashes lead to another older root.
    #[error("its hashes do not lead to the root of the older tree")]
    OldRoot,
    /// The hashes lead to another root.
    #[error("its hashes do not lead to the root of the tree")]
    Root,
}

/// Checks an inclusion proof (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofError`], except [`ProofError::OldRoot`].
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let length = ProofError::Length { found: proof.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(*sibling, hash);
            // Where the node has no sibling on its level, it is one of a higher one.
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        (_, _) => Err(length),
    }
}

/// Checks that a tree of `old` leaves is the beginning of one of `size` (RFC 9162 §2.1.4.2).
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(
    (old, old_root): (u64, Hash),
    (size, root): (u64, Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    let length = ProofError::Length { found: proof.len() };
    if old > size {
        return Err(ProofError::Outside);
    }
    if old == 0 || old == size {
        let expected = if old == 0 { empty_root() } else { root };
        return match (proof.is_empty(), old_root == expected) {
            (false, _) => Err(length),
            (true, false) => Err(ProofError::OldRoot),
            (true, true) => Ok(()),
        };
    }
    // A perfect older tree stands for itself in the proof.
    let (mut hashes, own) = (proof.iter().copied(), old.is_power_of_two());
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let first = if own { Some(old_root) } else { hashes.next() };
    let (mut old_hash, mut hash) = first.map(|first| (first, first)).ok_or(length)?;
    for sibling in hashes {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, old_hash);
            hash = node_hash(sibling, hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, old_hash == old_root, hash == root) {
        (0, true, true) => Ok(()),
        (0, false, _) => Err(ProofError::OldRoot),
        (0, true, false) => Err(ProofError::Root),
        (_, _, _) => Err(length),
    }
}

/// Where a span of `count` leaves is divided: at the largest power of two below `count`, which is
/// two or more.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The hash over the leaves `from` up to `until`, a span that [`split`] leads to, so that its
/// perfect parts lie at their own places.
fn span_hash<N: Nodes>(nodes: &N, from: u64, until: u64) -> Result<Hash, N::Error> {
    let count = until - from;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(u8::try_from(level).unwrap_or(u8::MAX), from >> level);
    }
    let middle = from + split(count);
    Ok(node_hash(span_hash(nodes, from, middle)?, span_hash(nodes, middle, until)?))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// The tree by its definition (RFC 6962 §2.1), from all its leaves.
    struct Naive(Vec<Hash>);

    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            several => {
                let (left, right) = several.split_at(several.len().next_power_of_two() / 2);
                node_hash(definition(left), definition(right))
            }
        }
    }

    impl Nodes for Naive {
        type Error = Infallible;
        fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
            let from = usize::try_from(index << level).unwrap();
            Ok(definition(&self.0[from..from + (1 << level)]))
        }
    }

    fn tree(size: usize) -> Naive {
        Naive((0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect())
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    /// The roots of the test of Certificate Transparency's own implementations, which every
    /// implementation of RFC 6962 is held to.
    #[test]
    fn the_reference_leaves_have_the_reference_roots() {
        let leaves: Vec<Hash> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|data| leaf_hash(&hex(data)))
        .collect();
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, expected) in roots.iter().enumerate() {
            let Ok(root) = root(&Naive(leaves.clone()), size as u64);
            assert_eq!(root.0.to_vec(), hex(expected), "of {size}");
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_nothing_else_is() {
        for size in 1..70_u64 {
            let tree = tree(usize::try_from(size).unwrap());
            let Ok(root) = root(&tree, size);
            for index in 0..size {
                let Ok(proof) = inclusion_proof(&tree, index, size);
                let leaf = tree.0[usize::try_from(index).unwrap()];
                assert_eq!(verify_inclusion(leaf, index, size, root, &proof), Ok(()));
                for other in (0..size + 2).filter(|other| *other != index) {
                    assert!(verify_inclusion(leaf, other, size, root, &proof).is_err());
                }
                let mut longer = proof.clone();
                longer.push(leaf);
                assert!(verify_inclusion(leaf, index, size, root, &longer).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_inclusion(leaf, index, size, root, shorter).is_err());
                }
            }
        }
    }

    #[test]
    fn every_beginning_of_every_small_tree_is_proven() {
        for size in 0..70_u64 {
            let tree = tree(usize::try_from(size).unwrap());
            let Ok(whole) = root(&tree, size);
            for old in 0..=size {
                let Ok(old_root) = root(&tree, old);
                let Ok(proof) = consistency_proof(&tree, old, size);
                let checked = verify_consistency((old, old_root), (size, whole), &proof);
                assert_eq!(checked, Ok(()), "{old} of {size}");
                assert!(verify_consistency((size + 1, old_root), (size, whole), &proof).is_err());
                let other = leaf_hash(b"another history");
                assert!(verify_consistency((old, other), (size, whole), &proof).is_err());
                if 0 < old {
                    assert!(verify_consistency((old, old_root), (size, other), &proof).is_err());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_hash_or_size_breaks_a_proof(
            size in 2..600_u64, place in any::<u64>(), bit in 0..256_usize, hash in any::<usize>(),
        ) {
            let tree = tree(usize::try_from(size).unwrap());
            let index = place % size;
            let Ok(whole) = root(&tree, size);
            let leaf = tree.0[usize::try_from(index).unwrap()];
            let Ok(mut proof) = inclusion_proof(&tree, index, size);
            prop_assert_eq!(verify_inclusion(leaf, index, size, whole, &proof), Ok(()));
            let hash = hash % proof.len();
            proof[hash].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verify_inclusion(leaf, index, size, whole, &proof), Err(ProofError::Root));

            let old = 1 + place % (size - 1);
            let Ok(old_root) = root(&tree, old);
            let Ok(mut proof) = consistency_proof(&tree, old, size);
            let checked = verify_consistency((old, old_root), (size, whole), &proof);
            prop_assert_eq!(checked, Ok(()));
            let hash = hash % proof.len();
            proof[hash].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency((old, old_root), (size, whole), &proof).is_err());
        }
    }
}
