//! Outcomes, and the grounds and reasons of refusals.

use crate::domain::{Ground, Outcome};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::rule::{self, Lines};
use crate::rpc::proto::types::v1::{Outcome as OutcomeMessage, Refusal, RefusalGround};
use crate::rpc::reason::Reason;

/// What a refusal is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The service.
    Service,
    /// Taking the application in.
    Acceptance,
}

/// A refusal that must be there: its grounds, and that it gives reasons.
pub(super) fn required(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Option<Refusal>,
) -> Option<Vec<Ground>> {
    let Some(Refusal { grounds: stated, reasons }) = value else {
        let rule = format_args!("is required: a refusal states its grounds and reasons");
        faults.add(at, Reason::GroundsRequired, rule);
        return None;
    };
    let stated = grounds(faults, &at.field("grounds"), stated, Refused::Service);
    let at = at.field("reasons");
    if reasons.is_empty() {
        let rule = format_args!("a refusal gives its reasons in words: 1 to 4000 characters");
        faults.add(&at, Reason::GroundsRequired, rule);
    } else {
        rule::text(faults, &at, reasons, 1..=4000, Lines::Many);
    }
    stated
}

/// A refusal that goes with the outcome of that name and with no other.
pub(super) fn beside(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Option<Refusal>,
    outcome: Option<Outcome>,
) -> Option<Vec<Ground>> {
    match outcome {
        Some(Outcome::Refusal) => required(faults, at, value),
        Some(
            Outcome::Consent
            | Outcome::Inclusion
            | Outcome::Assignment
            | Outcome::Extension
            | Outcome::Satisfied
            | Outcome::Dismissed
            | Outcome::Completed,
        ) => {
            if value.is_some() {
                faults.field(at, format_args!("must be empty unless outcome is REFUSAL"));
            }
            Some(Vec::new())
        }
        // Told at the outcome already.
        None => None,
    }
}

/// The grounds of a refusal: at least one, each once. Which of them an edition knows is judged
/// against the case.
pub(super) fn grounds(
    faults: &mut Faults,
    at: &Path<'_>,
    numbers: &[i32],
    of: Refused,
) -> Option<Vec<Ground>> {
    if numbers.is_empty() {
        let rule = format_args!(
            "a refusal states at least one ground (002-EN A1 ¶15; 002-KK App. 2 row 9; 004 App. 2 row 9)"
        );
        faults.add(at, Reason::GroundsRequired, rule);
        return None;
    }
    let mut grounds = Vec::with_capacity(2);
    for (place, number) in numbers.iter().enumerate() {
        let at = at.item(place);
        let known = ground(*number).filter(|(_, refused)| *refused == of);
        let rule = match (known, of) {
            (Some((ground, _)), _) if !grounds.contains(&ground) => {
                grounds.push(ground);
                continue;
            }
            (Some(_), _) => "is stated twice",
            (None, Refused::Service) => "is no ground for refusing the service",
            (None, Refused::Acceptance) => "is neither INCOMPLETE_PACKAGE nor EXPIRED_DOCUMENTS",
        };
        // One such fault says enough; the list has no length of its own.
        faults.add(&at, Reason::GroundsRequired, format_args!("{rule}"));
        return None;
    }
    Some(grounds)
}

fn ground(number: i32) -> Option<(Ground, Refused)> {
    use Refused::{Acceptance, Service};
    let ground = match RefusalGround::try_from(number).ok()? {
        RefusalGround::Unspecified => return None,
        RefusalGround::UnreliableData => (Ground::UnreliableData, Service),
        RefusalGround::NoRegionalQuota => (Ground::NoRegionalQuota, Service),
        RefusalGround::ConditionsNotMet => (Ground::ConditionsNotMet, Service),
        RefusalGround::CompromisingInformation => (Ground::CompromisingInformation, Service),
        RefusalGround::NoDataConsent => (Ground::NoDataConsent, Service),
        RefusalGround::UnitRefused => (Ground::UnitRefused, Service),
        RefusalGround::AlreadyIncluded => (Ground::AlreadyIncluded, Service),
        RefusalGround::PublicServicesLaw => (Ground::PublicServicesLaw, Service),
        RefusalGround::IncompletePackage => (Ground::IncompletePackage, Acceptance),
        RefusalGround::ExpiredDocuments => (Ground::ExpiredDocuments, Acceptance),
    };
    Some(ground)
}

/// An outcome that must be stated and be one of those that the form allows.
pub(super) fn outcome(
    faults: &mut Faults,
    at: &Path<'_>,
    number: i32,
    allowed: &[Outcome],
    names: &'static str,
) -> Option<Outcome> {
    let outcome = outcome_of(number).filter(|outcome| allowed.contains(outcome));
    if outcome.is_none() {
        faults.field(at, format_args!("must be {names}"));
    }
    outcome
}

fn outcome_of(number: i32) -> Option<Outcome> {
    match OutcomeMessage::try_from(number).ok()? {
        OutcomeMessage::Unspecified => None,
        OutcomeMessage::Consent => Some(Outcome::Consent),
        OutcomeMessage::Inclusion => Some(Outcome::Inclusion),
        OutcomeMessage::Refusal => Some(Outcome::Refusal),
        OutcomeMessage::Assignment => Some(Outcome::Assignment),
        OutcomeMessage::Extension => Some(Outcome::Extension),
        OutcomeMessage::Satisfied => Some(Outcome::Satisfied),
        OutcomeMessage::Dismissed => Some(Outcome::Dismissed),
        OutcomeMessage::Completed => Some(Outcome::Completed),
    }
}
