//! Queries to the state's information systems and to the digital documents service, and what they
//! answer.

use super::paper::{self, Line};
use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::application::MAX_PERSONS;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{
    DigitalDocumentsConsent, DigitalDocumentsOfHolder, Recipient, StateAddressFact,
    StateAnswerPerson, StateQuerySubject,
};
use crate::rpc::proto::types::v1::DocumentKind;

/// The most persons asked about: those of one application.
const MOST_PERSONS: usize = MAX_PERSONS as usize;

/// The most documents of one person that an answer gives.
const MOST_DOCUMENTS: usize = 10;

/// Checks a query to the state's information systems (002-EN A1 ¶4, A2 ¶4; 002-KK ¶¶5, 16).
pub fn state_query(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::StateQuery,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::StateQuery { subjects, persons, locality, asked_by } = value;
    let subjects: Vec<StateQuerySubject> =
        paper::each_once(faults, &at.field("subjects"), subjects, 1..=3);
    people(faults, &at.field("persons"), persons, asked);
    let identity_only = subjects == [StateQuerySubject::Identity];
    let at_locality = at.field("locality");
    if !identity_only {
        paper::wording(faults, &at_locality, locality);
    } else if !locality.is_empty() {
        faults.field(&at_locality, format_args!("must be empty when only IDENTITY is asked"));
    }
    person::official(faults, &at.field("asked_by"), asked_by);
    Some(ActFacts::Dispatch)
}

/// Checks the answer of the gateway.
pub fn state_answer(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::StateAnswer,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::StateAnswer { answered_time, answer_number, persons } = value;
    paper::time(faults, &at.field("answered_time"), answered_time.as_ref(), asked);
    paper::number(faults, &at.field("answer_number"), answer_number);
    let at = at.field("persons");
    if paper::length(faults, &at, persons, 1..=MOST_PERSONS) {
        for (place, one) in persons.iter().enumerate() {
            answer_on(faults, &at.item(place), one, asked);
        }
    }
    Some(ActFacts::Dispatch)
}

fn answer_on(faults: &mut Faults, at: &Path<'_>, value: &StateAnswerPerson, asked: Asked<'_>) {
    let StateAnswerPerson { name, residence_registration, owned_dwelling, identity_documents } =
        value;
    person::name(faults, &at.field("name"), name);
    let facts =
        [("residence_registration", residence_registration), ("owned_dwelling", owned_dwelling)];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            registered(faults, &at.field(name), fact, asked);
        }
    }
    let at = at.field("identity_documents");
    paper::documents_up_to(faults, &at, identity_documents, 0..=MOST_DOCUMENTS);
}

/// Whether something is registered; where and since when only if it is.
fn registered(faults: &mut Faults, at: &Path<'_>, value: &StateAddressFact, asked: Asked<'_>) {
    let StateAddressFact { confirmed, address, since_date } = value;
    let (home, since) = (at.field("address"), at.field("since_date"));
    if *confirmed {
        paper::address(faults, &home, address, Line::Optional);
        if since_date.is_some() {
            paper::past_day(faults, &since, since_date.as_ref(), paper::today(asked));
        }
        return;
    }
    for (at, is_there) in [(home, address.is_some()), (since, since_date.is_some())] {
        if is_there {
            faults.field(&at, format_args!("must be empty when it is not confirmed"));
        }
    }
}

/// Checks a query to the digital documents service (002-KK App. 2 row 8).
pub fn digital_documents_query(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::DigitalDocumentsQuery,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::DigitalDocumentsQuery { holders, kinds, asked_by } = value;
    people(faults, &at.field("holders"), holders, asked);
    paper::each_once::<DocumentKind>(faults, &at.field("kinds"), kinds, 1..=10);
    person::official(faults, &at.field("asked_by"), asked_by);
    Some(ActFacts::Dispatch)
}

/// Checks the answer of the digital documents service.
pub fn digital_documents_answer(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::DigitalDocumentsAnswer,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::DigitalDocumentsAnswer { answered_time, holders } = value;
    paper::time(faults, &at.field("answered_time"), answered_time.as_ref(), asked);
    let at = at.field("holders");
    if paper::length(faults, &at, holders, 1..=MOST_PERSONS) {
        for (place, holder) in holders.iter().enumerate() {
            documents_of(faults, &at.item(place), holder, asked);
        }
    }
    Some(ActFacts::Dispatch)
}

/// The documents of one holder: none without consent.
fn documents_of(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &DigitalDocumentsOfHolder,
    asked: Asked<'_>,
) {
    let DigitalDocumentsOfHolder { name, consent, consented_time, documents } = value;
    person::name(faults, &at.field("name"), name);
    let at_consent = at.field("consent");
    paper::stated_if_any::<DigitalDocumentsConsent>(faults, &at_consent, *consent);
    let (when, given) = (at.field("consented_time"), at.field("documents"));
    if *consent != 0 {
        paper::time(faults, &when, consented_time.as_ref(), asked);
        paper::documents_up_to(faults, &given, documents, 0..=MOST_DOCUMENTS);
        return;
    }
    for (at, is_there) in [(when, consented_time.is_some()), (given, !documents.is_empty())] {
        if is_there {
            faults.field(&at, format_args!("must be empty: the holder has not consented"));
        }
    }
}

/// The persons asked about. Address and kinship help to tell them apart and are not asked for.
fn people(faults: &mut Faults, at: &Path<'_>, persons: &[Recipient], asked: Asked<'_>) {
    if paper::length(faults, at, persons, 1..=MOST_PERSONS) {
        let today = paper::today(asked).day;
        for (place, one) in persons.iter().enumerate() {
            paper::recipient(faults, &at.item(place), one, today, (Line::Optional, Line::Absent));
        }
    }
}
