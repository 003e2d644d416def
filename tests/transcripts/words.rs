//! The words of a transcript: how rejections, clocks and decisions are written down.

use jiff::Timestamp;
use kopir::domain::term::{Due, Source};
use kopir::domain::{ClockMoved, Decision, Holding, HopRun, HopState, Quota, QuotaKey, Rejection};

/// The stable name of a rejection, with the facts it carries beside the open hops.
pub fn variant(rejection: &Rejection) -> String {
    match rejection {
        Rejection::CaseNotVisible => "CaseNotVisible".to_owned(),
        Rejection::DeliveryUnknown(delivery) => format!("DeliveryUnknown #{delivery}"),
        Rejection::NotHeld(delivery) => format!("NotHeld #{delivery}"),
        Rejection::HeldNotYours(delivery) => format!("HeldNotYours #{delivery}"),
        Rejection::DeliveryNeeded { .. } => format!("DeliveryNeeded: {rejection}"),
        Rejection::CaseErased { .. } => format!("CaseErased: {rejection}"),
        Rejection::CaseNotSettled { .. } => format!("CaseNotSettled: {rejection}"),
        Rejection::CaseNotSealed => "CaseNotSealed".to_owned(),
        Rejection::OutOfOrder { act: _, open } if open.is_empty() => {
            "OutOfOrder, nothing is open".to_owned()
        }
        Rejection::OutOfOrder { .. } => "OutOfOrder".to_owned(),
        Rejection::RequestReused(_) => "RequestReused".to_owned(),
        Rejection::RegionUnknown(region) => format!("RegionUnknown {region}"),
        Rejection::ProcedureUnknown(key) => format!("ProcedureUnknown {key}"),
        Rejection::EditionNotInForce { .. } => format!("EditionNotInForce: {rejection}"),
        Rejection::PartyMissing { .. } => format!("PartyMissing: {rejection}"),
        Rejection::ChannelNotAllowed { .. } => format!("ChannelNotAllowed: {rejection}"),
        Rejection::ActNotOfEdition { .. } => format!("ActNotOfEdition: {rejection}"),
        Rejection::QuotaExhausted { .. } => format!("QuotaExhausted: {rejection}"),
        Rejection::QuotaNotSet(_) => format!("QuotaNotSet: {rejection}"),
        Rejection::QuotaAvailable { .. } => format!("QuotaAvailable: {rejection}"),
        Rejection::QuotaBelowTaken { .. } => format!("QuotaBelowTaken: {rejection}"),
        Rejection::EarlierIncluded { .. } => format!("EarlierIncluded: {rejection}"),
        Rejection::SecondExtension { .. } => format!("SecondExtension: {rejection}"),
        Rejection::ConsentExpired { decided_on, valid_until } => {
            format!("ConsentExpired, of {decided_on}, valid until {valid_until}")
        }
        Rejection::GroundsRequired => "GroundsRequired".to_owned(),
        Rejection::GroundsNotAllowed(rule) => format!("GroundsNotAllowed: {rule}"),
        Rejection::OutcomeNotAllowed(act) => format!("OutcomeNotAllowed {act}"),
        Rejection::Field { field, rule } => format!("Field {field} {rule}"),
        Rejection::Signature(why) => format!("Signature: {why}"),
        Rejection::Term(error) => format!("Term: {error}"),
        Rejection::Id(_) => "Id".to_owned(),
        Rejection::RoleNotAllowed(act) => format!("RoleNotAllowed {act}"),
    }
}

/// Whether a hop's act came in its term, or where its clock stands.
pub fn in_term(run: &HopRun, now: Timestamp) -> String {
    let Some(due) = &run.due else { return "without a term".to_owned() };
    let kept = match (run.is_late(now), run.acted(), run.branch) {
        (true, None, false) | (true, Some(_), false) => "LATE",
        (true, _, true) => "after its window",
        (false, Some(_), _) => "in term",
        (false, None, _) if matches!(run.state, HopState::Ended { .. }) => "ended",
        (false, None, true) if now >= due.instant => "past its window",
        (false, None, _) => "running",
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
    let Decision { outcome, decided_on, persons: covered, grounds, months } = decision;
    let grounds: String = grounds.iter().map(|ground| format!(", {ground}")).collect();
    let months = if *months == 0 { String::new() } else { format!(", by {months} months") };
    format!("decided {outcome} on {decided_on} for {}{months}{grounds}", persons(*covered))
}

pub fn holding(holding: &Holding) -> String {
    let Holding { key, persons: held, taken, until } = holding;
    let what = if *taken { "takes" } else { "holds" };
    let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
    format!("{what} {} of {}{until}", persons(*held), quota_key(key))
}

pub fn quota_key(key: &QuotaKey) -> String {
    format!("{} {} {}", key.category, key.region, key.year)
}

pub fn quota(key: &QuotaKey, quota: Quota) -> String {
    let Quota { limit, reserved, taken } = quota;
    let limit = limit.map_or("not set".to_owned(), |limit| limit.to_string());
    let free = quota.free().map(|free| format!(", {free} free")).unwrap_or_default();
    format!("quota {}: {limit}, {reserved} held, {taken} taken{free}", quota_key(key))
}

pub fn moved(moved: &ClockMoved) -> String {
    let ClockMoved { hop, opened_at: _, old, new } = moved;
    let what = hop.map_or("service clock".to_owned(), |hop| hop.to_string());
    format!("{what}: {} until now, {}", until(old), until(new))
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
