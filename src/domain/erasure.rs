//! The erasure of a case's personal data: an act of its own, after which the key of the case is
//! destroyed. What the case did, its terms and its numbers stay.

use jiff::Timestamp;

use super::confidential::SlotNumber;
use super::ids::{CaseId, RequestId, Sequence};
use super::party::PartyNumber;

/// The longest reference of an erasure, in characters.
pub const MAX_REFERENCE_CHARS: usize = 200;

named! {
    /// Why a case's personal data are erased.
    ErasureReason, "a reason to erase", {
        /// The time for which they are kept is over.
        RetentionRule = 1 "retention-rule",
        /// Somebody who may has asked for it.
        LawfulRequest = 2 "lawful-request",
    }
}

/// The personal data of a case, erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseErased {
    /// The case.
    pub case: CaseId,
    /// Where the key was that is destroyed once this is durable.
    pub slot: SlotNumber,
    /// Why.
    pub reason: ErasureReason,
    /// The number of the request, or the rule; never personal data.
    pub reference: String,
    /// Who ordered it; none where the bus keeps a rule of its configuration.
    pub order: Option<ErasureOrder>,
}

/// The order of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureOrder {
    /// Who gave it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
}

/// An erasure that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseCase {
    /// Who asks; none where the bus keeps a rule of its configuration.
    pub order: Option<ErasureOrder>,
    /// The case.
    pub case: CaseId,
    /// Why.
    pub reason: ErasureReason,
    /// The number of the request, or the rule.
    pub reference: String,
    /// How the case was seen, for the bus's own rule: it holds for a closed case in which nothing has
    /// happened since, and which no complaint since then is about.
    pub seen: Option<Seen>,
}

/// A case as it was seen to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When something happened in it last.
    pub closed_at: Timestamp,
    /// The journal's last record when it was looked at.
    pub looked_at: Sequence,
}
