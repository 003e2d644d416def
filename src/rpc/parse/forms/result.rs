//! Forms: result.

use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn notification(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::Notification,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn result_publication(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ResultPublication,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn kandas_certificate(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::KandasCertificate,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn certificate_reissue(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::CertificateReissue,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn arrival_record(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ArrivalRecord,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}

/// Checks it.
pub fn service_result(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ServiceResult,
    _asked: Asked<'_>,
) -> Option<ActFacts> {
    None
}
