//! Forms: intake.

use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn registration_entry(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::RegistrationEntry,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn acceptance_receipt(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::AcceptanceReceipt,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn acceptance_notice(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::AcceptanceNotice,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn acceptance_status(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::AcceptanceStatus,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn refusal_receipt(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::RefusalReceipt,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn certified_copies(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::CertifiedCopies,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
