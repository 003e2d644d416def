//! From the request of each legal act to its command.

use aws_lc_rs::digest;
use jiff::civil::Date;
use prost::Message;

use super::Asked;
use super::fault::{Faults, Path};
use super::{application, decision, dispatch, rule};
use crate::domain::{
    Act, ActFacts, Basis, Body, BodyKind, CaseAct, CaseId, Command, ProcedureKey, RequestId,
    Submission, edition_on,
};
use crate::engine::case_id;
use crate::rpc::proto::akimat::v1::{
    HandOverInclusionDecisionRequest, ReferToCommissionRequest, RegisterArrivalRequest,
    SendConsentDecisionRequest,
};
use crate::rpc::proto::commission::v1::{
    RecordConsentDecisionRequest, RecordInclusionDecisionRequest,
};
use crate::rpc::proto::migration::v1::{ForwardApplicationRequest, ForwardDecisionRequest};
use crate::rpc::proto::mission::v1::{
    HandOverDecisionRequest, SubmitApplicationRequest, SubmitApplicationsRequest,
};
use crate::rpc::proto::types::v1::{Application, Dispatch, HandOver};
use crate::rpc::status::Refusal;

/// The request of an act, whichever it is.
pub trait ActRequest {
    /// The command it asks for.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault found, [`Refusal::CaseNotVisible`] for text that names
    /// no case.
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal>;
}

impl ActRequest for SubmitApplicationRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, application } = self;
        submit(request_id, application.as_ref(), asked)
    }
}

/// An item of the bulk stream is the same act: sent again alone, it gets the same receipt.
impl ActRequest for SubmitApplicationsRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, application } = self;
        submit(request_id, application.as_ref(), asked)
    }
}

impl ActRequest for HandOverDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, hand_over } = self;
        let act = Act::HandOverDecision;
        handed_over(Continuation { act, request_id, case_id, asked }, hand_over.as_ref())
    }
}

impl ActRequest for ForwardApplicationRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, dispatch } = self;
        let act = Act::ForwardApplication;
        passed_on(Continuation { act, request_id, case_id, asked }, dispatch.as_ref())
    }
}

impl ActRequest for ForwardDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, dispatch } = self;
        let act = Act::ForwardDecision;
        passed_on(Continuation { act, request_id, case_id, asked }, dispatch.as_ref())
    }
}

impl ActRequest for ReferToCommissionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, dispatch } = self;
        let act = Act::ReferToCommission;
        passed_on(Continuation { act, request_id, case_id, asked }, dispatch.as_ref())
    }
}

impl ActRequest for SendConsentDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, dispatch } = self;
        let act = Act::SendConsentDecision;
        passed_on(Continuation { act, request_id, case_id, asked }, dispatch.as_ref())
    }
}

impl ActRequest for RegisterArrivalRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, application } = self;
        let act = Act::RegisterArrival;
        let of = Continuation { act, request_id, case_id, asked };
        of.command(
            BodyKind::ArrivalApplication,
            application.as_ref(),
            "application",
            |faults, at, it| {
                let facts = application::arrival(faults, at, it, asked)?;
                let application::ArrivalFacts { region, consented_on, persons, filed_at } = facts;
                Some(ActFacts::Arrival { region, consented_on, persons, filed_at })
            },
        )
    }
}

impl ActRequest for HandOverInclusionDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, hand_over } = self;
        let act = Act::HandOverInclusionDecision;
        handed_over(Continuation { act, request_id, case_id, asked }, hand_over.as_ref())
    }
}

impl ActRequest for RecordConsentDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, decision } = self;
        let act = Act::RecordConsentDecision;
        let of = Continuation { act, request_id, case_id, asked };
        of.command(BodyKind::ConsentDecision, decision.as_ref(), "decision", |faults, at, it| {
            decision::consent(faults, at, it).map(ActFacts::Decision)
        })
    }
}

impl ActRequest for RecordInclusionDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, decision } = self;
        let act = Act::RecordInclusionDecision;
        let of = Continuation { act, request_id, case_id, asked };
        of.command(BodyKind::InclusionDecision, decision.as_ref(), "decision", |faults, at, it| {
            decision::inclusion(faults, at, it).map(ActFacts::Decision)
        })
    }
}

/// What every act in a case that is open already has in common.
struct Continuation<'a> {
    act: Act,
    request_id: &'a str,
    case_id: &'a str,
    asked: Asked<'a>,
}

impl Continuation<'_> {
    /// The command of an act whose content must be there.
    fn command<M: Message>(
        &self,
        kind: BodyKind,
        content: Option<&M>,
        name: &'static str,
        check: impl FnOnce(&mut Faults, &Path<'_>, &M) -> Option<ActFacts>,
    ) -> Result<Command, Refusal> {
        let case = named_case(self.case_id)?;
        let mut faults = Faults::new();
        let root = Path::Root;
        let request = rule::request_id(&mut faults, &root.field("request_id"), self.request_id);
        let at = root.field(name);
        let facts = match content {
            Some(content) => check(&mut faults, &at, content),
            None => {
                faults.field(&at, format_args!("is required"));
                None
            }
        };
        let (request, facts) = faults.judge(request.zip(facts))?;
        let bytes = content.map(Message::encode_to_vec).unwrap_or_default();
        Ok(self.finish(case, request, facts, (kind, bytes)))
    }

    fn finish(
        &self,
        case: CaseId,
        request: RequestId,
        facts: ActFacts,
        (kind, bytes): (BodyKind, Vec<u8>),
    ) -> Command {
        Command {
            author: self.asked.caller.party,
            request,
            fingerprint: fingerprint(self.act, case, &bytes),
            case,
            act: CaseAct::Continue(self.act, facts),
            body: Body { kind, bytes: bytes.into() },
        }
    }
}

/// An act that passes something on, with or without a cover.
fn passed_on(of: Continuation<'_>, cover: Option<&Dispatch>) -> Result<Command, Refusal> {
    let case = named_case(of.case_id)?;
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), of.request_id);
    if let Some(cover) = cover {
        dispatch::dispatch(&mut faults, &root.field("dispatch"), cover, of.asked);
    }
    let request = faults.judge(request)?;
    // No cover is an empty document; a cover is never empty, since its number is required.
    let bytes = cover.map(Message::encode_to_vec).unwrap_or_default();
    Ok(of.finish(case, request, ActFacts::Dispatch, (BodyKind::Dispatch, bytes)))
}

fn handed_over(of: Continuation<'_>, content: Option<&HandOver>) -> Result<Command, Refusal> {
    of.command(BodyKind::HandOver, content, "hand_over", |faults, at, it| {
        let handed_over_at = dispatch::hand_over(faults, at, it)?;
        Some(ActFacts::Happened { field: "hand_over.handed_over_time", at: handed_over_at })
    })
}

fn submit(
    request_id: &str,
    application: Option<&Application>,
    asked: Asked<'_>,
) -> Result<Command, Refusal> {
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
    let at = root.field("application");
    let facts = match application {
        Some(application) => application::application(&mut faults, &at, application, asked),
        None => {
            faults.field(&at, format_args!("is required"));
            None
        }
    };
    let (request, facts) = faults.judge(request.zip(facts))?;
    let application::ApplicationFacts { region, persons, filed_at, applicant } = facts;
    let case = case_id(asked.caller.id.as_str(), request);
    let bytes = application.map(Message::encode_to_vec).unwrap_or_default();
    let procedure = edition(asked, "kandas-mission", asked.day(filed_at))?;
    Ok(Command {
        author: asked.caller.party,
        request,
        fingerprint: fingerprint(Act::SubmitApplication, case, &bytes),
        case,
        act: CaseAct::Submit(Submission {
            procedure,
            act: Act::SubmitApplication,
            basis: Basis::Ordinary,
            region,
            departure: None,
            persons,
            applicant: Some(applicant),
            concerns: None,
            filed_at,
        }),
        body: Body { kind: BodyKind::Application, bytes: bytes.into() },
    })
}

/// The edition of a procedure that applies to an application of this day.
fn edition(asked: Asked<'_>, procedure: &str, filed_on: Date) -> Result<ProcedureKey, Refusal> {
    let found = procedure
        .parse()
        .ok()
        .and_then(|procedure| edition_on(asked.procedures, &procedure, filed_on));
    found.map(|found| found.key().clone()).ok_or(Refusal::NoEdition)
}

/// Text that cannot be a case's id is answered like the id of no case, so that the two cannot be
/// told apart.
fn named_case(text: &str) -> Result<CaseId, Refusal> {
    text.parse().map_err(|_| Refusal::CaseNotVisible)
}

/// By what a repeat is told from another act under the same id: the act, the case and the content
/// in the one encoding that the bus records, so that field order on the wire does not matter.
fn fingerprint(act: Act, case: CaseId, content: &[u8]) -> [u8; 32] {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(b"kopir act v1\0");
    hashed.update(act.name().as_bytes());
    hashed.update(&[0]);
    hashed.update(&case.0);
    hashed.update(content);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hashed.finish().as_ref());
    fingerprint
}
