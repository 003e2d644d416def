//! Forms: complaint.

use super::OpeningFacts;
use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn complaint(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::Complaint,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn complaint_answer(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ComplaintAnswer,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn complaint_extension(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ComplaintExtension,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn extension_notice(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ExtensionNotice,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn court_appeal(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::CourtAppeal,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
