//! Forms: query.

use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn state_query(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::StateQuery,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn state_answer(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::StateAnswer,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn digital_documents_query(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::DigitalDocumentsQuery,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn digital_documents_answer(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::DigitalDocumentsAnswer,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
