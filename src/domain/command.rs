//! Commands: what a party asks, parsed and bounded at the edge.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::{Act, Basis, Body, Ground};
use super::endpoint::EndpointUrl;
use super::event::Decision;
use super::ids::{CaseId, ProcedureKey, RequestId};
use super::party::PartyNumber;
use super::quota::{IdentityHash, QuotaKey};
use super::region::Region;
use super::signature::Signature;

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
    /// What was found of the signature on it, where the act may have one.
    pub signature: Signature,
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
    /// The act by which the party opens the case.
    pub act: Act,
    /// On what basis.
    pub basis: Basis,
    /// The region of residence or reception.
    pub region: Region,
    /// The region of departure of an in-migrant.
    pub departure: Option<Region>,
    /// Applicant and family, in persons; zero where nobody applies.
    pub persons: u16,
    /// The applicant by a keyed hash, where one applies.
    pub applicant: Option<IdentityHash>,
    /// The case that this one is about.
    pub concerns: Option<CaseId>,
    /// When the applicant filed.
    pub filed_at: Timestamp,
}

/// The facts of a later act that the core needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActFacts {
    /// The act has no facts that the core looks at.
    Dispatch,
    /// A decision, a recommendation or an answer.
    Decision(Decision),
    /// Something that happened outside the bus: a handover, an objection, an arrival.
    Happened {
        /// The field that states it.
        field: &'static str,
        /// When.
        at: Timestamp,
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
    /// A refusal to accept.
    NotAccepted {
        /// Why: an incomplete package, expired documents, or both.
        grounds: Vec<Ground>,
    },
    /// The notice of a preliminary refusal.
    Hearing {
        /// When the hearing is to be.
        at: Timestamp,
    },
    /// The hearing moves.
    Postponed {
        /// The end of the reasons for absence, when the hearing is to be.
        until: Timestamp,
    },
}

/// A quota that the authorised body sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetQuota {
    /// Who sets it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
    /// Which quota.
    pub key: QuotaKey,
    /// The limit in persons.
    pub persons: u32,
    /// The order that sets it.
    pub basis: String,
}

/// An endpoint that a party registers, or takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEndpoint {
    /// Who asks.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
    /// Whose deliveries go there.
    pub party: PartyNumber,
    /// Where; none takes the endpoint back.
    pub url: Option<EndpointUrl>,
}
