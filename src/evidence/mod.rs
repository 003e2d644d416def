//! Evidence: what anyone can check of the journal without trusting who runs the bus.
//!
//! Every record of the journal is a leaf of a Merkle tree (RFC 6962): leaf `n` is record `n + 1`,
//! its data the 32 bytes of the record's hash ([`crate::journal::record_hash`]). The bus signs the
//! tree as it grows, in checkpoints that witnesses cosign; a record is proven by the hashes from its
//! leaf to a signed root. All texts are those of c2sp.org: tlog-tiles, tlog-checkpoint, signed-note,
//! tlog-cosignature and tlog-proof, so that others' programs verify them too.
//!
//! [`tree`], [`tile`], [`note`], [`checkpoint`] and [`proof`] are pure. [`Follower`] keeps the tree
//! up with the journal behind the [`Log`] that the services ask. [`bundle`] is a case as one file;
//! [`stamps`] are what a time-stamp authority said of checkpoints.

pub mod bundle;
pub mod checkpoint;
mod follower;
pub mod key;
mod log;
pub mod note;
pub mod proof;
pub mod stamps;
mod store;
pub mod tile;
pub mod tree;
pub mod witness;

pub use follower::Follower;
pub use log::{Log, LogError, ProofRefused, Published, signed_records, witness_key};
pub use store::TileError;
