//! What a decision does to the places of its case in the quota.
//!
//! A consent holds places, an inclusion takes them, a refusal frees them. The whole family counts.
//! A quota is checked again at the inclusion: what the consent held is given up for it, so
//! that nobody needs two places.

use jiff::Span;
use jiff::civil::Date;

use super::Context;
use crate::domain::act::{Act, Ground, Outcome};
use crate::domain::case::Case;
use crate::domain::event::{Decision, HoldingChange};
use crate::domain::procedure::Procedure;
use crate::domain::quota::{Holding, Quota, QuotaKey, Standing, WhenUnset};
use crate::domain::rejection::Rejection;

/// The change of the case's places that a decision brings, if any.
///
/// # Errors
/// A [`Rejection`] when the quota has no room, when the ground "no regional quota" is not true, or
/// when the applicant had before what is granted once.
pub(super) fn change(
    case: &Case,
    procedure: &Procedure,
    act: Act,
    decision: Option<&Decision>,
    context: Context<'_>,
) -> Result<Option<HoldingChange>, Rejection> {
    let Some(decision) = decision else {
        return Ok(None);
    };
    check_once(case, procedure, decision, context)?;
    let Some(category) = procedure.category() else {
        return Ok(None);
    };
    let key = QuotaKey { region: case.region, year: decision.decided_on.year(), category };
    let quota = without(case.holding, key, context.ledger.quota(key));
    if decision.grounds.contains(&Ground::NoRegionalQuota) {
        check_ground(case, key, quota)?;
    }
    if act == Act::RecordRecommendation {
        return Ok(None);
    }
    let after = match decision.outcome {
        Outcome::Consent => {
            let until = valid_until(procedure, decision.decided_on);
            Some(Holding { key, persons: decision.persons, taken: false, until })
        }
        Outcome::Inclusion => {
            Some(Holding { key, persons: decision.persons, taken: true, until: None })
        }
        Outcome::Refusal => None,
        Outcome::Assignment
        | Outcome::Extension
        | Outcome::Satisfied
        | Outcome::Dismissed
        | Outcome::Completed => return Ok(None),
    };
    if let Some(holding) = after {
        check_room(holding, quota, context)?;
    }
    let before = case.holding;
    Ok((before != after).then_some(HoldingChange { before, after }))
}

/// The quota as if the case held nothing of it.
fn without(holding: Option<Holding>, key: QuotaKey, quota: Quota) -> Quota {
    match holding.filter(|holding| holding.key == key) {
        Some(own) => quota.after(own.undone().change, u32::from(own.persons)),
        None => quota,
    }
}

fn check_room(holding: Holding, quota: Quota, context: Context<'_>) -> Result<(), Rejection> {
    let Holding { key, persons, .. } = holding;
    match (quota.free(), context.when_unset) {
        (Some(free), _) if free < u32::from(persons) => {
            Err(Rejection::QuotaExhausted { key, free, persons })
        }
        (None, WhenUnset::Refuse) => Err(Rejection::QuotaNotSet(key)),
        (Some(_), _) | (None, WhenUnset::Admit) => Ok(()),
    }
}

/// The ground "no regional quota" is true while the whole family does not fit. Without a limit
/// there is no quota, so the ground stands.
fn check_ground(case: &Case, key: QuotaKey, quota: Quota) -> Result<(), Rejection> {
    let consented = case.consent.as_ref().map(|consent| consent.persons);
    let persons = case.arrived_persons.or(consented.filter(|persons| *persons > 0));
    let persons = persons.unwrap_or(case.persons);
    match quota.free() {
        Some(free) if free >= u32::from(persons) => {
            Err(Rejection::QuotaAvailable { key, free, persons })
        }
        Some(_) | None => Ok(()),
    }
}

/// What the edition grants once is not granted to a person who has it from another case.
fn check_once(
    case: &Case,
    procedure: &Procedure,
    decision: &Decision,
    context: Context<'_>,
) -> Result<(), Rejection> {
    let (Some(citation), Some(person)) = (procedure.once(), case.applicant) else {
        return Ok(());
    };
    let standing = match (decision.outcome, procedure.category()) {
        (Outcome::Extension, _) => Standing::StatusExtended,
        (Outcome::Inclusion, Some(category)) => category.standing(),
        (
            Outcome::Consent
            | Outcome::Inclusion
            | Outcome::Refusal
            | Outcome::Assignment
            | Outcome::Satisfied
            | Outcome::Dismissed
            | Outcome::Completed,
            _,
        ) => return Ok(()),
    };
    let earlier = context.ledger.earlier(person, standing).filter(|earlier| *earlier != case.id);
    if earlier.is_none() {
        return Ok(());
    }
    let citation = citation.to_owned();
    Err(match standing {
        Standing::StatusExtended => Rejection::SecondExtension { citation },
        Standing::KandasIncluded | Standing::InMigrantIncluded => {
            Rejection::EarlierIncluded { citation }
        }
    })
}

fn valid_until(procedure: &Procedure, decided_on: Date) -> Option<Date> {
    let days = i64::from(procedure.consent_validity()?.0);
    Some(decided_on.checked_add(Span::new().days(days)).unwrap_or(Date::MAX))
}
