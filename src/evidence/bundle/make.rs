//! How a bundle is made.

use jiff::Timestamp;

use super::clocks::{Told, Untold};
use super::collect::{CollectError, collect};
use super::container::{self, ContainerError};
use super::manifest::{FileMark, Manifest};
use super::papers::{self, Papers};
use super::report::report;
use super::signed;
use super::stamp;
use super::{CHECKPOINT, CLOCKS, MANIFEST, REPORT, SIGNATURES, proof_file, record_file};
use crate::domain::{CaseId, Sequence};
use crate::evidence::log::{Log, ProofRefused};
use crate::journal::{Record, hashed_bytes};
use crate::procedures::labels::Labels;

/// What a bundle is made of, beside the records.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// The case.
    pub case: CaseId,
    /// When, by the clock of the bus.
    pub at: Timestamp,
    /// The release of the bus.
    pub release: &'a str,
    /// The words of the report.
    pub labels: &'a Labels,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A proof is not to be had.
    #[error(transparent)]
    Proof(#[from] ProofRefused),
    /// More than a bundle holds.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The records do not make a case.
    #[error(transparent)]
    Untold(#[from] Untold),
    /// The records cannot be had.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

/// The records of a case, for [`make`]. It reads the whole journal.
///
/// # Errors
/// [`BundleError::Collect`].
pub fn records_of(log: &Log, case: CaseId) -> Result<Vec<Record>, BundleError> {
    Ok(collect(log.reader(), case)?)
}

/// The bundle of a case, whose records are in the order of the journal; with papers where they are
/// given.
///
/// # Errors
/// [`BundleError`]; [`ProofRefused::Pending`] also for a case that there is not.
pub fn make(
    log: &Log,
    made: &Made<'_>,
    records: &[Record],
    papers: Option<Papers>,
) -> Result<Vec<u8>, BundleError> {
    let Made { case, at, release, labels } = made;
    let told = Told::of(*case, records)?;
    let last = records.last().ok_or(ProofRefused::Pending)?;
    let by = log.covering(Sequence(last.seq.0))?;
    let mut files = vec![(CHECKPOINT.to_owned(), by.note.to_string().into_bytes())];
    for record in records {
        let proof = log.prove(Sequence(record.seq.0), record.hash.0, &by)?;
        files.push((record_file(record.seq.0), hashed_bytes(record)));
        files.push((proof_file(record.seq.0), proof.text().into_bytes()));
    }
    files.push((CLOCKS.to_owned(), told.csv().into_bytes()));
    files.extend(signed::csv(&told).map(|table| (SIGNATURES.to_owned(), table.into_bytes())));
    files.extend(stamp::files(log, records, &by)?);
    let mut manifest = Manifest {
        origin: log.origin().to_owned(),
        case: *case,
        made_at: *at,
        release: (*release).to_owned(),
        files: Vec::new(),
    };
    let page = report(&told, records, &by, &manifest, labels, papers.as_ref());
    files.push((REPORT.to_owned(), page.into_bytes()));
    files.extend(papers.into_iter().flat_map(papers::files));
    manifest.files = files.iter().map(|(name, content)| FileMark::of(name, content)).collect();
    let signed = log.sign_note(manifest.text()).to_string();
    files.insert(0, (MANIFEST.to_owned(), signed.into_bytes()));
    Ok(container::write(&files)?)
}
