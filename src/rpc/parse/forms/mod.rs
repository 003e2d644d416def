//! From the forms of `kopir.forms.v1` to what the core needs of them.
//!
//! One checking function for each form: it takes the form apart whole, holds every field against
//! the rule that its comment in the contract gives, and collects the faults. What comes back is
//! the little that the core looks at; the form itself travels as bytes. What a rule needs from the
//! case (its edition, its persons, what was decided) is judged where the case is.

mod application;
mod complaint;
mod decision;
mod hearing;
mod intake;
mod paper;
mod query;
mod refusal;
mod regulation;
mod result;

pub use application::{
    extension_application, in_migrant_application, in_migrant_application_in, kandas_application,
    kandas_application_in, one_application, status_application,
};
pub use complaint::{
    complaint, complaint_answer, complaint_extension, court_appeal, extension_notice,
};
pub use decision::{
    commission_quota_decision, extension_decision, list_entry, quota_decision, recommendation,
    status_decision,
};
pub use hearing::{
    hearing_outcome, hearing_postponement, hearing_record, objection, preliminary_notice,
};
pub use intake::{
    acceptance_notice, acceptance_receipt, acceptance_status, certified_copies, refusal_receipt,
    registration_entry,
};
pub use query::{digital_documents_answer, digital_documents_query, state_answer, state_query};
pub use regulation::{change_notice, proposal, settlement_list};
pub use result::{
    arrival_record, certificate_reissue, kandas_certificate, notification, result_publication,
    service_result,
};

use jiff::Timestamp;

use super::Asked;
use crate::domain::region::Region;
use crate::domain::{Basis, CaseId, Edition, IdentityHash, ProcedureId, ProcedureKey, edition_on};

/// What the core needs of a form that opens a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningFacts {
    /// The procedure, in the editions that do not give the basis one of its own.
    pub procedure: &'static str,
    /// The procedure that some editions have for this basis alone: the self-arrived in-migrant's
    /// is one of 2021, and a basis of the ordinary one in 2024.
    pub own_procedure: Option<&'static str>,
    /// On what basis.
    pub basis: Basis,
    /// The region of residence or reception; where a matter has none, that of the capital, where
    /// the authorised body sits.
    pub region: Region,
    /// The region of departure of an in-migrant, where the form names one.
    pub departure: Option<Region>,
    /// Applicant and family, in persons; zero where nobody applies.
    pub persons: u16,
    /// The applicant by a keyed hash, where one applies.
    pub applicant: Option<IdentityHash>,
    /// The case that this one is about.
    pub concerns: Option<CaseId>,
    /// When it was filed. That it is not in the future is judged where the bus takes the act.
    pub filed_at: Timestamp,
}

impl OpeningFacts {
    /// Procedure and edition of the case: in the edition asked for, or else in the one in force on
    /// the day of filing. None when there is no such edition.
    #[must_use]
    pub fn key(&self, asked: Asked<'_>, edition: Option<&Edition>) -> Option<ProcedureKey> {
        let procedure: ProcedureId = self.procedure.parse().ok()?;
        let own: Option<ProcedureId> = self.own_procedure.and_then(|own| own.parse().ok());
        let edition = match edition {
            Some(edition) => edition.clone(),
            None => {
                let found = edition_on(asked.procedures, &procedure, asked.law_day(self.filed_at))?;
                found.key().edition.clone()
            }
        };
        let keys = own.into_iter().chain([procedure]);
        let mut keys = keys.map(|procedure| ProcedureKey { procedure, edition: edition.clone() });
        keys.find(|key| asked.procedures.contains_key(key))
    }
}
