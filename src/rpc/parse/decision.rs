//! The two decisions of a commission, and refusals with their grounds.

use jiff::civil::Date;

use super::fault::{Faults, Path};
use super::rule::{self, Lines};
use super::signature;
use crate::domain::{Decision, Ground, Outcome};
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::{
    Consent, ConsentDecision, Inclusion, InclusionDecision, Refusal, RefusalGround,
    consent_decision, inclusion_decision,
};
use crate::rpc::reason::Reason;

/// Checks a decision on consent (002-EN A1 ¶¶14-15).
pub fn consent(faults: &mut Faults, at: &Path<'_>, value: &ConsentDecision) -> Option<Decision> {
    let ConsentDecision { decision_number, decision_date, outcome, signed_document } = value;
    signature::document(faults, &at.field("signed_document"), signed_document);
    let decided_on = header(faults, at, decision_number, decision_date.as_ref());
    match outcome {
        Some(consent_decision::Outcome::Consent(Consent { person_count })) => {
            let at = at.field("consent");
            positive(faults, &at, Outcome::Consent, decided_on, *person_count)
        }
        Some(consent_decision::Outcome::Refusal(refused)) => {
            refusal(faults, &at.field("refusal"), decided_on, refused)
        }
        None => undecided(faults, at, "consent"),
    }
}

/// Checks a decision on inclusion (002-EN A1 ¶22, ¶8).
pub fn inclusion(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &InclusionDecision,
) -> Option<Decision> {
    let InclusionDecision { decision_number, decision_date, outcome, signed_document } = value;
    signature::document(faults, &at.field("signed_document"), signed_document);
    let decided_on = header(faults, at, decision_number, decision_date.as_ref());
    match outcome {
        Some(inclusion_decision::Outcome::Inclusion(Inclusion { person_count })) => {
            let at = at.field("inclusion");
            positive(faults, &at, Outcome::Inclusion, decided_on, *person_count)
        }
        Some(inclusion_decision::Outcome::Refusal(refused)) => {
            refusal(faults, &at.field("refusal"), decided_on, refused)
        }
        None => undecided(faults, at, "inclusion"),
    }
}

/// Number and date. That the date is neither in the future nor before the step was opened is
/// judged against the case.
fn header(
    faults: &mut Faults,
    at: &Path<'_>,
    number: &str,
    date: Option<&DateMessage>,
) -> Option<Date> {
    rule::text(faults, &at.field("decision_number"), number, 1..=64, Lines::One);
    rule::any_date(faults, &at.field("decision_date"), date)
}

fn positive(
    faults: &mut Faults,
    at: &Path<'_>,
    outcome: Outcome,
    decided_on: Option<Date>,
    person_count: i32,
) -> Option<Decision> {
    let persons = rule::persons(faults, &at.field("person_count"), person_count)?;
    Some(Decision { outcome, decided_on: decided_on?, persons, grounds: Vec::new(), months: 0 })
}

fn refusal(
    faults: &mut Faults,
    at: &Path<'_>,
    decided_on: Option<Date>,
    value: &Refusal,
) -> Option<Decision> {
    let Refusal { grounds: stated, reasons } = value;
    let at_grounds = at.field("grounds");
    if stated.is_empty() {
        let rule = format_args!(
            "a refusal states at least one ground (002-EN A1 ¶15; 002-KK App. 2 row 9; 004 App. 2 row 9)"
        );
        faults.add(&at_grounds, Reason::GroundsRequired, rule);
    }
    let mut grounds = Vec::with_capacity(2);
    for (place, number) in stated.iter().enumerate() {
        let at = at_grounds.item(place);
        match ground(*number) {
            Some(ground) if grounds.contains(&ground) => {
                faults.field(&at, format_args!("is stated twice"));
                break;
            }
            Some(ground) => grounds.push(ground),
            None => {
                let rule = format_args!("is no ground of the law");
                faults.add(&at, Reason::GroundsRequired, rule);
                break;
            }
        }
    }
    let at = at.field("reasons");
    if reasons.is_empty() {
        let rule = format_args!("a refusal gives its reasons in words: 1 to 4000 characters");
        faults.add(&at, Reason::GroundsRequired, rule);
    } else {
        rule::text(faults, &at, reasons, 1..=4000, Lines::Many);
    }
    Some(Decision {
        outcome: Outcome::Refusal,
        decided_on: decided_on?,
        persons: 0,
        grounds,
        months: 0,
    })
}

fn ground(number: i32) -> Option<Ground> {
    match RefusalGround::try_from(number) {
        Ok(RefusalGround::UnreliableData) => Some(Ground::UnreliableData),
        Ok(RefusalGround::NoRegionalQuota) => Some(Ground::NoRegionalQuota),
        // Grounds of other editions, and of refusing to accept: not of ¶¶8, 15.
        Ok(
            RefusalGround::Unspecified
            | RefusalGround::ConditionsNotMet
            | RefusalGround::CompromisingInformation
            | RefusalGround::NoDataConsent
            | RefusalGround::UnitRefused
            | RefusalGround::AlreadyIncluded
            | RefusalGround::PublicServicesLaw
            | RefusalGround::IncompletePackage
            | RefusalGround::ExpiredDocuments,
        )
        | Err(_) => None,
    }
}

fn undecided(faults: &mut Faults, at: &Path<'_>, positive: &'static str) -> Option<Decision> {
    let at = at.field(positive);
    faults.field(&at, format_args!("either this or refusal is required"));
    None
}
