//! From the request of each legal act to its command.
//!
//! What the requests of a kind have in common is here; `table` says of each request which act it
//! is and what it carries, a line each, and `list` reads those that are many acts in one.

mod list;
mod table;

use aws_lc_rs::digest;
use prost::Message;

use super::fault::{Faults, Path};
use super::forms::OpeningFacts;
use super::{Asked, application, dispatch, person, rule, signature};
use crate::domain::{
    Act, ActFacts, Basis, Body, BodyKind, CaseAct, CaseId, Command, Edition, ProcedureId,
    ProcedureKey, RequestId, Signature, Submission, edition_on,
};
use crate::engine::case_id;
use crate::rpc::proto::forms::v1::{Form, form};
use crate::rpc::proto::types::v1::{
    Application, ArrivalApplication, Dispatch, ElectronicSignature, HandOver, SignedDocument,
};
use crate::rpc::status::Refusal;

pub use list::{List, ListRequest};

/// The request of an act, whichever it is.
pub trait ActRequest {
    /// The command it asks for.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault found, [`Refusal::CaseNotVisible`] for text that names
    /// no case, [`Refusal::ProcedureUnknown`] or [`Refusal::NoEdition`] where a case is to be
    /// opened in an edition that is none or does not apply.
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal>;

    /// The signed document that goes with the act, where it may have one. The command says nothing
    /// of it yet: a signature is judged apart, and without holding anybody up.
    fn signed_document(&self) -> Option<&SignedDocument> {
        None
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
        check: impl FnOnce(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<ActFacts>,
    ) -> Result<Command, Refusal> {
        let (case, request, facts) = self.read(content, name, check)?;
        let bytes = content.map(Message::encode_to_vec).unwrap_or_default();
        Ok(self.finish(case, request, facts, (kind, bytes)))
    }

    /// The same for a form, which is recorded as the one that it is of all forms.
    fn form<M: Clone + Into<form::Form>>(
        &self,
        content: Option<&M>,
        name: &'static str,
        check: impl FnOnce(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<ActFacts>,
    ) -> Result<Command, Refusal> {
        let (case, request, facts) = self.read(content, name, check)?;
        let bytes = content.map(|content| form_bytes(content.clone(), None)).unwrap_or_default();
        Ok(self.finish(case, request, facts, (BodyKind::Form, bytes)))
    }

    fn read<M>(
        &self,
        content: Option<&M>,
        name: &'static str,
        check: impl FnOnce(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<ActFacts>,
    ) -> Result<(CaseId, RequestId, ActFacts), Refusal> {
        let case = named_case(self.case_id)?;
        let mut faults = Faults::new();
        let root = Path::Root;
        let request = rule::request_id(&mut faults, &root.field("request_id"), self.request_id);
        let facts = required(&mut faults, &root.field(name), content, self.asked, check);
        let (request, facts) = faults.judge(request.zip(facts))?;
        Ok((case, request, facts))
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
            fingerprint: fingerprint(self.act, case, &[&bytes]),
            case,
            act: CaseAct::Continue(self.act, facts),
            body: Body::new(kind, bytes),
            signature: Signature::Absent,
        }
    }
}

/// What makes a commission's decision the akimat's when it is sent.
#[derive(Clone, Copy, Default)]
struct Signed<'a> {
    head_signature: Option<&'a ElectronicSignature>,
    signed_document: Option<&'a SignedDocument>,
}

/// An act that passes something on, with or without a cover, and with or without the signature
/// that makes a commission's decision the akimat's.
fn passed_on(
    of: &Continuation<'_>,
    cover: Option<&Dispatch>,
    signed: Signed<'_>,
) -> Result<Command, Refusal> {
    let Signed { head_signature, signed_document } = signed;
    let case = named_case(of.case_id)?;
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), of.request_id);
    if let Some(cover) = cover {
        dispatch::dispatch(&mut faults, &root.field("dispatch"), cover, of.asked);
    }
    if let Some(signature) = head_signature {
        person::signature(&mut faults, &root.field("head_signature"), signature);
    }
    let signed_document = signed_document.cloned();
    signature::document(&mut faults, &root.field("signed_document"), &signed_document);
    let request = faults.judge(request)?;
    let body = if head_signature.is_some() || signed_document.is_some() {
        let (cover, head_signature) = (cover.cloned(), head_signature.cloned());
        let signed = Form { form: None, cover, head_signature, signed_document };
        (BodyKind::Form, signed.encode_to_vec())
    } else {
        // No cover is an empty document; a cover is never empty, since its number is required.
        (BodyKind::Dispatch, cover.map(Message::encode_to_vec).unwrap_or_default())
    };
    Ok(of.finish(case, request, ActFacts::Dispatch, body))
}

fn handed_over(of: &Continuation<'_>, content: Option<&HandOver>) -> Result<Command, Refusal> {
    of.command(BodyKind::HandOver, content, "hand_over", |faults, at, it, _| {
        let handed_over_at = dispatch::hand_over(faults, at, it)?;
        Some(ActFacts::Happened { field: "hand_over.handed_over_time", at: handed_over_at })
    })
}

fn arrived(
    of: &Continuation<'_>,
    content: Option<&ArrivalApplication>,
) -> Result<Command, Refusal> {
    of.command(BodyKind::ArrivalApplication, content, "application", |faults, at, it, asked| {
        let facts = application::arrival(faults, at, it, asked)?;
        let application::ArrivalFacts { region, consented_on, persons, filed_at } = facts;
        Some(ActFacts::Arrival { region, consented_on, persons, filed_at })
    })
}

/// What every form that opens a case has in common.
struct OpeningRequest<'a> {
    act: Act,
    /// What the service is called in the law as data. Two services may take the same form.
    service: &'static str,
    request_id: &'a str,
    /// The edition under which it is filed; empty for the one in force.
    edition: &'a str,
    asked: Asked<'a>,
}

impl OpeningRequest<'_> {
    /// The command that opens the case. `check` reads the form, `check_in` holds it against the
    /// edition of the case, which the form itself may decide.
    fn command<M: Clone + Into<form::Form>>(
        &self,
        content: Option<&M>,
        name: &'static str,
        check: impl FnOnce(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<OpeningFacts>,
        check_in: impl FnOnce(&mut Faults, &Path<'_>, &M, &ProcedureKey),
    ) -> Result<Command, Refusal> {
        let Self { act, service, request_id, edition, asked } = *self;
        let mut faults = Faults::new();
        let root = Path::Root;
        let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
        let facts = required(&mut faults, &root.field(name), content, asked, check);
        let procedure = facts.as_ref().map(|facts| self.procedure(facts));
        if let (Some(content), Some(Ok(key))) = (content, &procedure) {
            check_in(&mut faults, &root.field(name), content, key);
        }
        let (request, facts) = faults.judge(request.zip(facts))?;
        let procedure = procedure.unwrap_or(Err(Refusal::ProcedureUnknown))?;
        let case = case_id(asked.caller.id.as_str(), request);
        let bytes = content.map(|content| form_bytes(content.clone(), None)).unwrap_or_default();
        let fingerprint =
            fingerprint(act, case, &[service.as_bytes(), &[0], edition.as_bytes(), &[0], &bytes]);
        let OpeningFacts {
            procedure: _,
            own_procedure: _,
            basis,
            region,
            departure,
            persons,
            applicant,
            concerns,
            filed_at,
        } = facts;
        let submission = Submission {
            procedure,
            act,
            basis,
            region,
            departure,
            persons,
            applicant,
            concerns,
            filed_at,
        };
        Ok(Command {
            author: asked.caller.party,
            request,
            fingerprint,
            case,
            act: CaseAct::Submit(submission),
            body: Body::new(BodyKind::Form, bytes),
            signature: Signature::Absent,
        })
    }

    /// The edition asked for, or else the one that applies on the day of filing.
    fn procedure(&self, facts: &OpeningFacts) -> Result<ProcedureKey, Refusal> {
        let asked = self.asked;
        if !self.edition.is_empty() {
            let edition: Option<Edition> = self.edition.parse().ok();
            let key = edition.and_then(|edition| facts.key(asked, Some(&edition)));
            return key.ok_or(Refusal::ProcedureUnknown);
        }
        let key = edition(asked, facts.procedure, facts.filed_at)?;
        facts.key(asked, Some(&key.edition)).ok_or(Refusal::ProcedureUnknown)
    }
}

/// An application through a mission before entry, which has a message of its own.
fn submit(
    request_id: &str,
    application: Option<&Application>,
    asked: Asked<'_>,
) -> Result<Command, Refusal> {
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
    let at = root.field("application");
    let facts = required(&mut faults, &at, application, asked, application::application);
    let (request, facts) = faults.judge(request.zip(facts))?;
    let application::ApplicationFacts { region, persons, filed_at, applicant } = facts;
    let case = case_id(asked.caller.id.as_str(), request);
    let bytes = application.map(Message::encode_to_vec).unwrap_or_default();
    let procedure = edition(asked, "kandas-mission", filed_at)?;
    Ok(Command {
        author: asked.caller.party,
        request,
        fingerprint: fingerprint(Act::SubmitApplication, case, &[&bytes]),
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
        body: Body::new(BodyKind::Application, bytes),
        signature: Signature::Absent,
    })
}

/// Checks content that must be there.
fn required<'a, M, F>(
    faults: &mut Faults,
    at: &Path<'_>,
    content: Option<&M>,
    asked: Asked<'a>,
    check: impl FnOnce(&mut Faults, &Path<'_>, &M, Asked<'a>) -> Option<F>,
) -> Option<F> {
    match content {
        Some(content) => check(faults, at, content, asked),
        None => {
            faults.field(at, format_args!("is required"));
            None
        }
    }
}

/// The edition of a procedure that applies to an application filed at this instant.
fn edition(
    asked: Asked<'_>,
    procedure: &str,
    filed_at: jiff::Timestamp,
) -> Result<ProcedureKey, Refusal> {
    let procedure: ProcedureId = procedure.parse().map_err(|_| Refusal::ProcedureUnknown)?;
    let found = edition_on(asked.procedures, &procedure, asked.law_day(filed_at));
    found.map(|found| found.key().clone()).ok_or(Refusal::NoEdition)
}

/// Text that cannot be a case's id is answered like the id of no case, so that the two cannot be
/// told apart.
fn named_case(text: &str) -> Result<CaseId, Refusal> {
    text.parse().map_err(|_| Refusal::CaseNotVisible)
}

/// A form as it is recorded and travels.
fn form_bytes(content: impl Into<form::Form>, cover: Option<Dispatch>) -> Vec<u8> {
    let form = Some(content.into());
    Form { form, cover, head_signature: None, signed_document: None }.encode_to_vec()
}

/// By what a repeat is told from another act under the same id: the act, the case and the content
/// in the one encoding that the bus records, so that field order on the wire does not matter.
fn fingerprint(act: Act, case: CaseId, content: &[&[u8]]) -> [u8; 32] {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(b"kopir act v1\0");
    hashed.update(act.name().as_bytes());
    hashed.update(&[0]);
    hashed.update(&case.0);
    for part in content {
        hashed.update(part);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hashed.finish().as_ref());
    fingerprint
}
