//! Forms: decision.

use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn list_entry(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ListEntry,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn recommendation(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::Recommendation,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn quota_decision(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::QuotaDecision,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn commission_quota_decision(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::QuotaDecision,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn status_decision(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::StatusDecision,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn extension_decision(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ExtensionDecision,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
