//! Commands: what a party asks, parsed and bounded at the edge.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::{Act, Body};
use super::event::Decision;
use super::ids::{CaseId, ProcedureKey, RequestId};
use super::party::PartyNumber;
use super::region::Region;

/// An act that a party asks the bus to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The party whose system asks.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
    /// The case, derived from author and request when the act opens one.
    pub case: CaseId,
    /// What is asked.
    pub act: CaseAct,
    /// The document, exact bytes.
    pub body: Body,
}

/// What is asked: the first act of a case, or a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseAct {
    /// Opens a case.
    Submit(Submission),
    /// Continues one.
    Continue(Act, ActFacts),
}

/// The facts of an application that the core needs; the persons' data stay in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Procedure and edition.
    pub procedure: ProcedureKey,
    /// The intended region of residence.
    pub region: Region,
    /// Applicant and family, in persons.
    pub persons: u16,
    /// When the applicant filed.
    pub filed_at: Timestamp,
}

/// The facts of a later act that the core needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActFacts {
    /// The act passes something on and has no facts of its own.
    Dispatch,
    /// A decision.
    Decision(Decision),
    /// A handover to the applicant.
    HandOver {
        /// When it was handed over.
        handed_over_at: Timestamp,
    },
    /// The application after arrival.
    Arrival {
        /// The region it names.
        region: Region,
        /// The day of the consent it names.
        consented_on: Date,
        /// The persons who have arrived.
        persons: u16,
        /// When it was filed.
        filed_at: Timestamp,
    },
}
