//! From every way a call can fail to the `google.rpc.Status` that the contract promises.
//!
//! [`status`] is the only place where an error becomes a status, and it is exhaustive: a new
//! variant anywhere below does not build until it has its reason here. What is told never contains
//! a value from a message, since any of them may be personal data.

use std::time::Duration;

use prost::Message;
use tonic::Code;
use tonic_types::{
    ErrorDetails, FieldViolation, PreconditionViolation, Status as RpcStatus, StatusExt,
};

use super::fields::{GROUNDS, SIGNED_DOCUMENT, in_contract};
use super::parse::fault::Faults;
use super::reason::Reason;
use super::withdrawn::Withdrawn;
use crate::domain::ids::IdError;
use crate::domain::party::Role;
use crate::domain::rejection::GROUND_OF_ANOTHER_EDITION;
use crate::domain::signature::SignatureRefusal;
use crate::domain::term::TermError;
use crate::domain::{Act, CaseId, OpenHop, Rejection, Roster};
use crate::engine::{EngineError, ReadError};
use crate::evidence::ProofRefused;
use crate::evidence::bundle::BundleError;
use crate::index::IndexError;
use crate::trust::identity::IdentityError;

/// The domain of every reason, in `ErrorInfo.domain`.
pub const DOMAIN: &str = "kopir";

/// When to come back to a bus that has too much waiting: its queue drains in milliseconds.
const AFTER_OVERLOAD: Duration = Duration::from_millis(250);

/// When to come back to a bus without disk space: somebody has to make room.
const AFTER_DISK_FULL: Duration = Duration::from_secs(30);

/// When to come back to a bus that is short of memory: what it has under way ends in seconds.
const AFTER_MEMORY_SHORT: Duration = Duration::from_secs(5);

/// When to come back for a receiver with a full queue: its system has to take something first.
const AFTER_QUEUE_FULL: Duration = Duration::from_secs(30);

/// When to come back for a checkpoint.
const AFTER_CHECKPOINT: Duration = Duration::from_secs(2);

/// When to come back to a bus that is stopping: it is probably being restarted.
const AFTER_STOP: Duration = Duration::from_secs(5);

/// Why a call is refused, before it is told.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The connection stands for no party.
    #[error("the connection stands for no registered party")]
    Unidentified,
    /// Another party's inbox.
    #[error("the caller does not act for that party")]
    PartyNotAllowed,
    /// No such case for the caller.
    #[error("no case with this id is visible to your party")]
    CaseNotVisible,
    /// No such delivery for the caller.
    #[error("no such delivery is in your inbox")]
    DeliveryUnknown,
    /// A page token of another listing.
    #[error("the page token is not from this listing")]
    PageTokenInvalid,
    /// No such procedure or edition.
    #[error("there is no such procedure or edition")]
    ProcedureUnknown,
    /// No edition of the procedure applies on the day of filing.
    #[error("no edition of the procedure applies on the day of filing")]
    NoEdition,
    /// The edition has no such hop.
    #[error("the edition has no such hop")]
    HopUnknown,
    /// The bus is no sandbox.
    #[error("the bus does not run in sandbox mode")]
    SandboxOnly,
    /// The message breaks rules.
    #[error("the message breaks {} rule(s)", .0.violations().len() + .0.omitted())]
    Invalid(Faults),
    /// The message is over the limit.
    #[error("the message is larger than the bus takes")]
    MessageTooLarge,
    /// The message is not one of the method's.
    #[error("the bytes are not a message of this method")]
    MessageUnreadable,
    /// The bus is going down.
    #[error("the bus is stopping")]
    Stopping,
    /// The stream stood still.
    #[error("the stream stood still for more than {} s", .0.as_secs())]
    StreamIdle(Duration),
    /// The engine did not take an act.
    #[error("{act}: {error}")]
    Act {
        /// The act.
        act: Act,
        /// The case that it named or would have opened.
        case: CaseId,
        /// Why.
        error: EngineError,
    },
    /// An item of a list was refused, and the list with it.
    #[error("entries[{item}]: {refusal}")]
    Item {
        /// Its place in the list, from zero.
        item: usize,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// The engine did not take an acknowledgement.
    #[error("acknowledgement: {0}")]
    Acknowledgement(EngineError),
    /// The engine did not take an act outside all cases: a quota, a calendar.
    #[error("{0}")]
    Order(EngineError),
    /// A record could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log does not prove it.
    #[error(transparent)]
    Unproven(#[from] ProofRefused),
    /// No bundle can be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// What is recorded does not fit the contract: a broken invariant.
    #[error("{0}")]
    Fault(&'static str),
}

impl From<Faults> for Refusal {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}

/// The status of a refusal. The roster gives the names of the parties that an act out of order has
/// to wait for.
pub fn status(refusal: &Refusal, roster: &Roster) -> tonic::Status {
    match refusal {
        Refusal::Unidentified => plain(Reason::CertificateUnknownParty, refusal),
        Refusal::PartyNotAllowed => plain(Reason::PartyNotAllowed, refusal),
        Refusal::CaseNotVisible => plain(Reason::CaseNotVisible, refusal),
        Refusal::DeliveryUnknown => plain(Reason::DeliveryUnknown, refusal),
        Refusal::PageTokenInvalid => plain(Reason::PageTokenInvalid, refusal),
        Refusal::ProcedureUnknown => plain(Reason::ProcedureUnknown, refusal),
        Refusal::HopUnknown => plain(Reason::HopUnknown, refusal),
        Refusal::NoEdition => plain(Reason::EditionNotInForce, refusal),
        Refusal::SandboxOnly => plain(Reason::SandboxOnly, refusal),
        Refusal::Invalid(faults) => invalid(faults),
        Refusal::MessageTooLarge => plain(Reason::MessageTooLarge, refusal),
        Refusal::MessageUnreadable => plain(Reason::FieldInvalid, refusal),
        Refusal::Stopping => later(Reason::BusStopping, AFTER_STOP),
        Refusal::StreamIdle(_) => plain(Reason::StreamIdle, refusal),
        Refusal::Act { act, case, error } => engine(error, Some((*act, *case)), roster),
        Refusal::Item { item, refusal } => of_item(*item, &status(refusal, roster)),
        Refusal::Acknowledgement(error) | Refusal::Order(error) => engine(error, None, roster),
        Refusal::Read(error) => {
            tracing::error!(%error, "a record could not be read back");
            fault()
        }
        Refusal::Index(error) => {
            tracing::error!(%error, "the index could not be read");
            fault()
        }
        Refusal::Unproven(refused) | Refusal::Bundle(BundleError::Proof(refused)) => {
            unproven(*refused)
        }
        Refusal::Bundle(error) => {
            tracing::error!(%error, "a bundle could not be made");
            fault()
        }
        Refusal::Fault(what) => {
            tracing::error!(what, "what is recorded does not fit the contract");
            fault()
        }
    }
}

/// The same as a message, for an item of a stream that goes on.
pub fn item_status(refusal: &Refusal, roster: &Roster) -> RpcStatus {
    let status = status(refusal, roster);
    // The details are the encoded message itself, made above.
    RpcStatus::decode(status.details()).unwrap_or_else(|_| RpcStatus {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// What the transport says of a message that never reached its method, in the contract's words; a
/// status that has its details already, or is none of these, stays as it is.
pub fn of_transport(status: tonic::Status, roster: &Roster) -> tonic::Status {
    if !status.details().is_empty() {
        return status;
    }
    match status.code() {
        // So tonic calls a message over the configured size.
        Code::OutOfRange => self::status(&Refusal::MessageTooLarge, roster),
        // So tonic calls bytes that do not decode, and text that is not UTF-8.
        Code::Internal => self::status(&Refusal::MessageUnreadable, roster),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => status,
    }
}

/// For a connection that stands for nobody, which the layers before should not have let through.
pub fn no_caller() -> tonic::Status {
    plain(Reason::CertificateUnknownParty, &Reason::CertificateUnknownParty.meaning())
}

/// For a certificate that names no party of the registry, with what is wrong with it.
pub fn unknown_party(error: &IdentityError) -> tonic::Status {
    plain(Reason::CertificateUnknownParty, error)
}

/// For a connection whose party lost its place while it was open.
pub fn withdrawn(why: &Withdrawn) -> tonic::Status {
    match why {
        Withdrawn::Certificate(_) | Withdrawn::Party(_) => plain(Reason::IdentityWithdrawn, why),
        Withdrawn::Rights => plain(Reason::RightsChanged, why),
    }
}

/// For a method that is not the role's, and for a path that is no method.
pub fn role_not_allowed(role: Role) -> tonic::Status {
    plain(Reason::RoleNotAllowed, &format_args!("the method is not for the role {role}"))
}

/// For a caller over its share, with the time after which there is room again.
pub fn rate_limited(retry_after: Duration) -> tonic::Status {
    later(Reason::RateLimited, retry_after)
}

/// For a call that was not answered in time.
pub fn deadline_exceeded() -> tonic::Status {
    plain(Reason::DeadlineExceeded, &Reason::DeadlineExceeded.meaning())
}

/// For a bus over its limits, with the time after which to come back.
pub fn overloaded(retry_after: Duration) -> tonic::Status {
    later(Reason::Overloaded, retry_after)
}

/// For a message over the limit.
pub fn message_too_large(max_bytes: usize) -> tonic::Status {
    let told = format_args!("the message exceeds {max_bytes} bytes; do not repeat it");
    plain(Reason::MessageTooLarge, &told)
}

fn engine(error: &EngineError, act: Option<(Act, CaseId)>, roster: &Roster) -> tonic::Status {
    match error {
        EngineError::Rejected(rejection) => rejected(rejection, act, roster),
        EngineError::Overloaded => later(Reason::Overloaded, AFTER_OVERLOAD),
        EngineError::DiskFull => later(Reason::DiskFull, AFTER_DISK_FULL),
        EngineError::MemoryShort => later(Reason::MemoryShort, AFTER_MEMORY_SHORT),
        EngineError::QueueFull => later(Reason::QueueFull, AFTER_QUEUE_FULL),
        EngineError::Stopped => later(Reason::BusStopping, AFTER_STOP),
        // Logged where it arose.
        EngineError::Fault(_) | EngineError::ListRefused => fault(),
    }
}

fn rejected(rejection: &Rejection, act: Option<(Act, CaseId)>, roster: &Roster) -> tonic::Status {
    let of = act.map(|(act, _)| act);
    let violates = |reason, field: &'static str, rule: &str| {
        invalid(&Faults::one(in_contract(of, field), reason, rule))
    };
    match rejection {
        Rejection::RoleNotAllowed(_) => plain(Reason::RoleNotAllowed, rejection),
        Rejection::CaseNotVisible => plain(Reason::CaseNotVisible, rejection),
        Rejection::DeliveryUnknown(_) => plain(Reason::DeliveryUnknown, rejection),
        Rejection::CaseErased { .. } => plain(Reason::CaseErased, rejection),
        Rejection::CaseNotSettled { .. } => plain(Reason::CaseNotSettled, rejection),
        Rejection::CaseNotSealed => plain(Reason::CaseNotSealed, rejection),
        Rejection::NotHeld(_) => plain(Reason::DeliveryNotHeld, rejection),
        Rejection::HeldNotYours(_) => plain(Reason::HeldNotYours, rejection),
        Rejection::DeliveryNeeded { .. } => plain(Reason::DeliveryNeeded, rejection),
        Rejection::OutOfOrder { act: _, open } => out_of_order(rejection, act, open, roster),
        Rejection::RequestReused(_) => plain(Reason::RequestIdReused, rejection),
        Rejection::RegionUnknown(_) => {
            let rule = "no akimat with a commission is registered for this region";
            violates(Reason::RegionUnknown, "region", rule)
        }
        // A caller names no procedure in an act: the bus lacks the edition of a case or its intake.
        Rejection::ProcedureUnknown(procedure) => {
            tracing::error!(%procedure, "a case needs a procedure that this bus does not have");
            fault()
        }
        Rejection::EditionNotInForce { .. } => plain(Reason::EditionNotInForce, rejection),
        Rejection::PartyMissing { .. } => plain(Reason::PartyMissing, rejection),
        Rejection::ChannelNotAllowed { act: Act::RegisterComplaint, .. } => {
            plain(Reason::WrongComplaintLevel, rejection)
        }
        Rejection::ChannelNotAllowed { .. } => plain(Reason::ChannelNotAllowed, rejection),
        Rejection::ActNotOfEdition { .. } => plain(Reason::ActNotOfEdition, rejection),
        Rejection::QuotaExhausted { .. } => plain(Reason::QuotaExhausted, rejection),
        Rejection::QuotaNotSet(_) => plain(Reason::QuotaNotSet, rejection),
        Rejection::QuotaAvailable { .. } => plain(Reason::QuotaAvailable, rejection),
        Rejection::QuotaBelowTaken { .. } => plain(Reason::QuotaBelowTaken, rejection),
        Rejection::EarlierIncluded { .. } => plain(Reason::EarlierIncluded, rejection),
        Rejection::SecondExtension { .. } => plain(Reason::SecondExtension, rejection),
        Rejection::ConsentExpired { .. } => consent_expired(rejection, act),
        Rejection::GroundsRequired => {
            let rule = "a refusal states at least one ground (002-EN A1 ¶15; 002-KK App. 2 row 9; 004 App. 2 row 9)";
            violates(Reason::GroundsRequired, GROUNDS, rule)
        }
        Rejection::GroundsNotAllowed(rule) if *rule == GROUND_OF_ANOTHER_EDITION => {
            violates(Reason::ActNotOfEdition, GROUNDS, rule)
        }
        Rejection::GroundsNotAllowed(rule) => violates(Reason::FieldInvalid, GROUNDS, rule),
        Rejection::OutcomeNotAllowed(_) => {
            let rule = "this act cannot have the outcome stated";
            violates(Reason::FieldInvalid, "decision", rule)
        }
        Rejection::Field { field, rule } => violates(Reason::FieldInvalid, field, rule),
        Rejection::Signature(why) => {
            violates(of_signature(*why), SIGNED_DOCUMENT, &why.to_string())
        }
        Rejection::Term(TermError::Calendar(_) | TermError::BeyondTime { .. }) => {
            plain(Reason::OutsideCalendar, rejection)
        }
        Rejection::Term(
            error @ (TermError::CountMismatch { .. }
            | TermError::ServiceDueMissing
            | TermError::ZoneUnknown { .. }),
        ) => {
            tracing::error!(%error, "a term of the procedure cannot be counted");
            fault()
        }
        Rejection::Id(error) => of_id(error),
    }
}

fn unproven(refused: ProofRefused) -> tonic::Status {
    let violates = |field| invalid(&Faults::one(field, Reason::FieldInvalid, &refused.to_string()));
    match refused {
        ProofRefused::Pending => later(Reason::CheckpointPending, AFTER_CHECKPOINT),
        ProofRefused::Contradicted => plain(Reason::LogContradicted, &refused),
        ProofRefused::Outside => violates("new_tree_size"),
        ProofRefused::NotRecent => violates("tree_size"),
        ProofRefused::Cosignature => violates("cosignature"),
    }
}

fn of_id(error: &IdError) -> tonic::Status {
    let violates = |field, reason, rule: &str| invalid(&Faults::one(field, reason, rule));
    match error {
        IdError::NotUuid | IdError::Nil => {
            violates("request_id", Reason::RequestIdInvalid, "is not a UUID that names an act")
        }
        IdError::Name { kind, .. } => {
            violates("", Reason::FieldInvalid, &format!("a {kind} in the message is none"))
        }
    }
}

fn of_signature(why: SignatureRefusal) -> Reason {
    match why {
        SignatureRefusal::Required => Reason::SignatureRequired,
        SignatureRefusal::Invalid(_) => Reason::SignatureInvalid,
        SignatureRefusal::Undetermined(_) => Reason::SignatureUndetermined,
    }
}

fn consent_expired(told: &Rejection, act: Option<(Act, CaseId)>) -> tonic::Status {
    let subject = act.map(|(_, case)| case.to_string()).unwrap_or_default();
    let mut details = details(Reason::ConsentExpired);
    details.add_precondition_failure_violation("CONSENT_VALIDITY", subject, told.to_string());
    finish(Reason::ConsentExpired, told, details)
}

fn out_of_order(
    told: &Rejection,
    act: Option<(Act, CaseId)>,
    open: &[OpenHop],
    roster: &Roster,
) -> tonic::Status {
    let case = act.map(|(_, case)| case.to_string()).unwrap_or_default();
    let violations: Vec<_> = open
        .iter()
        .map(|hop| {
            let subject = format!("{case}/{}", hop.hop);
            PreconditionViolation::new("OPEN_HOP", subject, open_hop(hop, roster))
        })
        .collect();
    let mut details = details(Reason::ActOutOfOrder);
    details.set_precondition_failure(violations);
    finish(Reason::ActOutOfOrder, told, details)
}

/// The same status for a list, with the place of the item in every field that it names, or by
/// itself where it names none.
fn of_item(item: usize, status: &tonic::Status) -> tonic::Status {
    let refused = [Code::InvalidArgument, Code::FailedPrecondition, Code::PermissionDenied];
    if !refused.contains(&status.code()) {
        // Nothing is wrong with the item: the bus is full, or the id was used before.
        return status.clone();
    }
    let mut details = status.get_error_details();
    let mut violations = Vec::new();
    for mut violation in details.bad_request().iter().flat_map(|bad| &bad.field_violations).cloned()
    {
        violation.field = format!("entries[{item}].{}", violation.field);
        violations.push(violation);
    }
    if violations.is_empty() {
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        violations.push(FieldViolation {
            field: format!("entries[{item}]"),
            description: status.message().to_owned(),
            reason,
            localized_message: None,
        });
    }
    details.set_bad_request(violations);
    let message = format!("entries[{item}]: {}", status.message());
    tonic::Status::with_error_details(status.code(), message, details)
}

/// Which act is open, for whom and until when.
fn open_hop(open: &OpenHop, roster: &Roster) -> String {
    let OpenHop { hop: _, act, from: _, holder, due_at, awaiting_receipt } = open;
    let role = roster.party(*holder).map_or("party", |party| party.role.as_str());
    let id = roster.id(*holder).map_or("unknown", |id| id.as_str());
    let due = due_at.map_or_else(|| "no due time".to_owned(), |due| format!("due {due}"));
    if *awaiting_receipt {
        format!("{act} is on its way: {role} {id} has to acknowledge the delivery; {due}")
    } else {
        format!("{act} is open to {role} {id}; {due}")
    }
}

fn invalid(faults: &Faults) -> tonic::Status {
    let reason = faults.reason();
    let mut details = details(reason);
    let told = faults.violations().iter().map(|fault| FieldViolation {
        field: fault.field.clone(),
        description: fault.rule.clone(),
        reason: fault.reason.name().to_owned(),
        localized_message: None,
    });
    details.set_bad_request(told.collect::<Vec<_>>());
    let message = match (faults.violations(), faults.omitted()) {
        ([one], 0) => format!("{}: {}", one.field, one.rule),
        (several, 0) => format!("{} fields break a rule; BadRequest says which", several.len()),
        (several, more) => format!(
            "{} fields break a rule; BadRequest says which, and {more} more after them",
            several.len()
        ),
    };
    tonic::Status::with_error_details(reason.code(), message, details)
}

/// A refusal that needs no more than its reason.
fn plain(reason: Reason, told: &impl ToString) -> tonic::Status {
    finish(reason, told, details(reason))
}

/// A refusal that waiting helps.
fn later(reason: Reason, wait: Duration) -> tonic::Status {
    let mut details = details(reason);
    details.set_retry_info(Some(wait));
    finish(reason, &reason.meaning(), details)
}

/// A fault of the bus. What it is stands in the log and is nobody else's business.
fn fault() -> tonic::Status {
    plain(Reason::InternalFault, &Reason::InternalFault.meaning())
}

fn finish(reason: Reason, told: &impl ToString, details: ErrorDetails) -> tonic::Status {
    tonic::Status::with_error_details(reason.code(), told.to_string(), details)
}

fn details(reason: Reason) -> ErrorDetails {
    let remedy = [("remedy".to_owned(), reason.remedy().to_owned())];
    ErrorDetails::with_error_info(reason.name(), DOMAIN, remedy)
}
