//! Forms: application.

use super::OpeningFacts;
use crate::domain::ProcedureKey;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn kandas_application(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::KandasApplication,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn one_application(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::KandasApplication,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn in_migrant_application(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::InMigrantApplication,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn status_application(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::StatusApplication,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn extension_application(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ExtensionApplication,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Holds it against the edition under which the case is opened.
pub fn kandas_application_in(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::KandasApplication,
    _key: &ProcedureKey,
) {
}

/// Holds it against the edition under which the case is opened.
pub fn in_migrant_application_in(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::InMigrantApplication,
    _key: &ProcedureKey,
) {
}
