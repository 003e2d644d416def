//! Reads of personal data outside the ordinary way of a delivery to its receiver: who read what of a
//! case, and what for. A read is recorded before anything of it is answered.

use super::case::Case;
use super::ids::CaseId;
use super::party::{CertificateHash, PartyNumber};
use super::rejection::Rejection;

/// The longest reference of a read, in characters.
pub const MAX_REFERENCE_CHARS: usize = 200;

named! {
    /// What of a case is read.
    ReadContent, "what is read", {
        /// The words in which a receiver rejected a delivery.
        HeldWords = 1 "held-words",
        /// The papers that had been given to the reader, with everything else that the journal has
        /// of the case.
        CaseExport = 2 "case-export",
    }
}

named! {
    /// What it is read for.
    ReadPurpose, "a purpose of a read", {
        /// To resolve a delivery that its receiver does not take.
        Delivery = 1 "delivery",
        /// To supervise how the case is dealt with.
        Supervision = 2 "supervision",
        /// To examine a complaint.
        Complaint = 3 "complaint",
        /// A court or an investigating body has asked for it.
        CourtOrder = 4 "court-order",
        /// The person whose data they are has asked for them.
        SubjectRequest = 5 "subject-request",
    }
}

impl ReadPurpose {
    /// Whether a paper stands behind it, whose number is to be stated.
    pub const fn needs_reference(self) -> bool {
        match self {
            Self::Delivery | Self::Supervision => false,
            Self::Complaint | Self::CourtOrder | Self::SubjectRequest => true,
        }
    }
}

/// Personal data of a case, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRead {
    /// The case.
    pub case: CaseId,
    /// The party whose system asked.
    pub reader: PartyNumber,
    /// The certificate by which that system was known.
    pub certificate: CertificateHash,
    /// What was read.
    pub content: ReadContent,
    /// What for.
    pub purpose: ReadPurpose,
    /// The number of the order, complaint or request; never personal data.
    pub reference: Option<String>,
}

/// Whether a read can be recorded: the case is there.
///
/// # Errors
/// [`Rejection::CaseNotVisible`].
pub fn read(case: Option<&Case>) -> Result<(), Rejection> {
    case.map(|_| ()).ok_or(Rejection::CaseNotVisible)
}
