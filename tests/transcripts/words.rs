//! The words of a transcript: how rejections, clocks and decisions are written down.

use jiff::Timestamp;
use kopir::domain::term::{Due, Source};
use kopir::domain::{Decision, HopRun, Rejection};

/// The stable name of a rejection, with the facts it carries beside the open hops.
pub fn variant(rejection: &Rejection) -> String {
    match rejection {
        Rejection::CaseNotVisible => "CaseNotVisible".to_owned(),
        Rejection::DeliveryUnknown(delivery) => format!("DeliveryUnknown #{delivery}"),
        Rejection::OutOfOrder { act: _, open } if open.is_empty() => {
            "OutOfOrder, nothing is open".to_owned()
        }
        Rejection::OutOfOrder { .. } => "OutOfOrder".to_owned(),
        Rejection::RequestReused(_) => "RequestReused".to_owned(),
        Rejection::RegionUnknown(region) => format!("RegionUnknown {region}"),
        Rejection::ProcedureUnknown(key) => format!("ProcedureUnknown {key}"),
        Rejection::ConsentExpired { decided_on, valid_until } => {
            format!("ConsentExpired, of {decided_on}, valid until {valid_until}")
        }
        Rejection::GroundsRequired => "GroundsRequired".to_owned(),
        Rejection::GroundsNotAllowed(rule) => format!("GroundsNotAllowed: {rule}"),
        Rejection::OutcomeNotAllowed(act) => format!("OutcomeNotAllowed {act}"),
        Rejection::Field { field, rule } => format!("Field {field} {rule}"),
        Rejection::Term(error) => format!("Term: {error}"),
        Rejection::Id(_) => "Id".to_owned(),
        Rejection::RoleNotAllowed(act) => format!("RoleNotAllowed {act}"),
    }
}

/// Whether a hop's act came in its term, or where its clock stands.
pub fn in_term(run: &HopRun, now: Timestamp) -> String {
    let Some(due) = &run.due else { return "without a term".to_owned() };
    let kept = match (run.is_late(now), run.acted()) {
        (true, _) => "LATE",
        (false, Some(_)) => "in term",
        (false, None) => "running",
    };
    format!("{kept}, due {}, {}", due.date, source(run.source))
}

pub fn term(due: Option<&Due>, from: Source) -> String {
    match due {
        None => "no term".to_owned(),
        Some(due) => format!("{}, {}", until(due), source(from)),
    }
}

pub fn until(due: &Due) -> String {
    let estimated = if due.estimated { ", estimated" } else { "" };
    format!("due {} until {}{estimated}", due.date, utc(due.instant))
}

pub fn source(source: Source) -> &'static str {
    match source {
        Source::Statutory => "statutory",
        Source::Assumed => "assumed",
    }
}

pub fn decided(decision: &Decision) -> String {
    let Decision { outcome, decided_on, persons: covered, grounds } = decision;
    let grounds: String = grounds.iter().map(|ground| format!(", {ground}")).collect();
    format!("decided {outcome} on {decided_on} for {}{grounds}", persons(*covered))
}

pub fn persons(count: u16) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} person{plural}")
}

pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

pub fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
