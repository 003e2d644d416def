//! What personal data are read for, and whose reads are asked for.

use super::fault::{Faults, Path};
use super::query::page_items;
use super::rule::{self, Lines};
use crate::domain::CaseId;
use crate::domain::reading::{MAX_REFERENCE_CHARS, ReadPurpose};
use crate::rpc::proto::cases::v1::ListDataReadsRequest;
use crate::rpc::proto::evidence::v1::ExportCaseWithPapersRequest;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::status::Refusal;

/// A purpose, as it was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedPurpose {
    /// What kind.
    pub purpose: ReadPurpose,
    /// The number of what stands behind it.
    pub reference: Option<String>,
}

/// Reads a purpose; none where it is not sound.
pub(super) fn purpose(
    faults: &mut Faults,
    at: &Path<'_>,
    message: &types::ReadPurpose,
) -> Option<StatedPurpose> {
    let types::ReadPurpose { kind, reference } = message;
    let stated = types::ReadPurposeKind::try_from(*kind).ok().and_then(kind_of);
    let purpose = rule::stated(faults, &at.field("kind"), stated)?;
    let least = usize::from(purpose.needs_reference());
    let at = at.field("reference");
    rule::text(faults, &at, reference, least..=MAX_REFERENCE_CHARS, Lines::One);
    let reference = (!reference.is_empty()).then(|| reference.clone());
    Some(StatedPurpose { purpose, reference })
}

/// What an export with papers is for, which has to be stated.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn of_export(request: &ExportCaseWithPapersRequest) -> Result<StatedPurpose, Refusal> {
    let ExportCaseWithPapersRequest { case_id: _, purpose } = request;
    let mut faults = Faults::new();
    let (root, none) = (Path::Root, types::ReadPurpose::default());
    let stated =
        self::purpose(&mut faults, &root.field("purpose"), purpose.as_ref().unwrap_or(&none));
    Ok(faults.judge(stated)?)
}

/// Which page of the reads of which case. Text that cannot be a case's id is answered like the id of
/// no case.
///
/// # Errors
/// [`Refusal::CaseNotVisible`], [`Refusal::Invalid`].
pub fn reads(request: &ListDataReadsRequest) -> Result<(CaseId, usize, &str), Refusal> {
    let ListDataReadsRequest { case_id, page_size, page_token } = request;
    let case = case_id.parse().map_err(|_| Refusal::CaseNotVisible)?;
    let mut faults = Faults::new();
    let page_items = page_items(&mut faults, *page_size);
    Ok((case, faults.judge(page_items)?, page_token))
}

fn kind_of(kind: types::ReadPurposeKind) -> Option<ReadPurpose> {
    match kind {
        types::ReadPurposeKind::Unspecified => None,
        types::ReadPurposeKind::Delivery => Some(ReadPurpose::Delivery),
        types::ReadPurposeKind::Supervision => Some(ReadPurpose::Supervision),
        types::ReadPurposeKind::Complaint => Some(ReadPurpose::Complaint),
        types::ReadPurposeKind::CourtOrder => Some(ReadPurpose::CourtOrder),
        types::ReadPurposeKind::SubjectRequest => Some(ReadPurpose::SubjectRequest),
    }
}
