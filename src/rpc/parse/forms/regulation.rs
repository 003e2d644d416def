//! Forms: regulation.

use super::OpeningFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::proto::forms::v1 as forms;

/// Checks it.
pub fn change_notice(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::ChangeNotice,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn proposal(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::Proposal,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}

/// Checks it.
pub fn settlement_list(
    _faults: &mut Faults,
    _at: &Path<'_>,
    _value: &forms::SettlementList,
    _asked: Asked<'_>,
) -> Option<OpeningFacts> {
    None
}
