//! Forms: hearing.

use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn preliminary_notice(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::PreliminaryNotice,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn objection(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::Objection,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn hearing_record(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::HearingRecord,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn hearing_postponement(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::HearingPostponement,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn hearing_outcome(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::HearingOutcome,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
