//! The bundle of a case: one file from which anyone can check, offline and years later, what stood
//! in the journal of it.
//!
//! It is a ZIP archive of stored files with, in this order:
//!
//! | file | holds |
//! |---|---|
//! | `manifest` | a note, signed by the bus: the case, and size and SHA-256 of each other file |
//! | `checkpoint` | the checkpoint of the tree that has the records, with its cosignatures |
//! | `records/N` | the bytes of record N that its hash is over, so that `sha256sum` shows the hash |
//! | `proofs/N.tlog-proof` | the proof that record N is in that tree |
//! | `clocks.csv` | every term of the case: when it began, ended and was due |
//! | `signatures.csv` | what was found of each signature, where something was signed |
//! | `stamp/checkpoint` | a checkpoint that a time-stamp authority stamped, where there is one |
//! | `stamp/token.tst` | its token over exactly those bytes (RFC 3161), in DER |
//! | `stamp/consistency` | the proof that one of the two checkpoints continues the other |
//! | `report.html` | all of it for people, in Kazakh, Russian and English |
//!
//! and, only where it was made with papers, those that its reader has sent or received:
//!
//! | file | holds |
//! |---|---|
//! | `papers/N.content`, `.salt` | what is sealed in record N, with the salt of its commitment |
//! | `papers/N.document`, `.p7s` | the signed document in it, with its signature |
//! | `signatures/SHA256.cer`, `.crl`, `.ocsp` | what the verdicts on these signatures rest on |
//!
//! A file that a later release adds stands in the manifest like the others, and this release says
//! that it does not look into it.

mod clocks;
mod collect;
mod container;
mod make;
mod manifest;
mod papers;
mod report;
mod signed;
mod stamp;
mod verify;

pub use clocks::Untold;
pub use collect::{CollectError, MAX_RECORDS};
pub use container::{ContainerError, MAX_BUNDLE_BYTES};
pub use make::{BundleError, Made, make, records_of};
pub use manifest::BUNDLE_VERSION;
pub use papers::{Opened, Papers, SignedPaper};
pub use verify::{Finding, Verdict, verify, verify_with};

/// The name of the manifest.
const MANIFEST: &str = "manifest";
/// The name of the checkpoint.
const CHECKPOINT: &str = "checkpoint";
/// The name of the table of clocks.
const CLOCKS: &str = "clocks.csv";
/// The name of the table of signatures.
const SIGNATURES: &str = "signatures.csv";
/// The name of the report.
const REPORT: &str = "report.html";

/// The files of a bundle with their places in it, nothing of which is checked.
#[must_use]
pub fn files(bundle: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let (stored, _) = container::read(bundle);
    stored.into_iter().map(|file| (file.name, file.content)).collect()
}

/// The name of the checkpoint that was time-stamped.
const STAMPED_CHECKPOINT: &str = "stamp/checkpoint";
/// The name of its token.
const STAMP_TOKEN: &str = "stamp/token.tst";
/// The name of the proof between it and the checkpoint of the bundle.
const STAMP_CONSISTENCY: &str = "stamp/consistency";

fn record_file(sequence: u64) -> String {
    format!("records/{sequence:012}")
}

fn proof_file(sequence: u64) -> String {
    format!("proofs/{sequence:012}.tlog-proof")
}
