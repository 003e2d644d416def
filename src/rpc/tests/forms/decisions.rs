//! Lists, recommendations and decisions.

use super::samples::*;
use super::*;
use crate::domain::{Ground, Outcome};
use crate::rpc::parse::forms;
use crate::rpc::proto::forms::v1::*;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::tests::samples::day;

#[test]
fn every_rule_of_lists_and_recommendations_is_held() {
    hold(
        forms::list_entry,
        &list_entry(),
        &["list_number", "list_date", "person_count"],
        &[
            (|f| f.person_count = 31, "person_count: must be 1 to 30"),
            (|f| f.able_bodied_count = 3, "able_bodied_count: must be 0 to 2"),
            (|f| f.family_members = vec![relative(); 30], "family_members: has more than 29"),
            (|f| f.family_members[0].residence = home(), "family_members[0].residence: must be"),
            (|f| f.qualifications = vec![long(1); 31], "qualifications: has more than 30"),
            (|f| f.qualifications[0] = long(201), "qualifications[0]: has more than 200"),
        ],
    );
    hold(
        forms::recommendation,
        &recommendation(),
        &["outcome", "issued_date", "minutes"],
        &[
            (|f| f.outcome = types::Outcome::Consent.into(), "outcome: must be INCLUSION, ASSIG"),
            (|f| f.person_count = 0, "person_count: must be 1 to 30"),
            (|f| f.refusal = Some(refusal()), "refusal: must be empty unless outcome is REFUSAL"),
            (|f| f.reasons = long(4001), "reasons: has more than 4000"),
            (|f| f.minutes.as_mut().unwrap().minutes_number.clear(), "minutes.minutes_number: is"),
            (
                |f| f.outcome = types::Outcome::Assignment.into(),
                "minutes.video_reference: is required",
            ),
            (
                |f| {
                    f.outcome = types::Outcome::Refusal.into();
                    f.person_count = 0;
                },
                "GROUNDS_REQUIRED refusal: is required",
            ),
            (
                |f| {
                    f.outcome = types::Outcome::Refusal.into();
                    f.refusal = Some(refusal());
                },
                "person_count: must be 0",
            ),
        ],
    );
    let got = facts(forms::recommendation, Role::Commission, &recommendation());
    assert_eq!(got, decided(Outcome::Inclusion, 2, &[], 0));
}

/// The decisions differ in what they grant and share their refusal.
#[test]
fn every_rule_of_decisions_is_held() {
    fn included(form: &mut QuotaDecision) -> &mut QuotaInclusion {
        let Some(quota_decision::Outcome::Inclusion(inclusion)) = &mut form.outcome else {
            panic!("the sample decides otherwise")
        };
        inclusion
    }
    fn refused(form: &mut QuotaDecision) -> &mut ServiceRefusal {
        let Some(quota_decision::Outcome::Refusal(refused)) = &mut form.outcome else {
            panic!("the sample decides otherwise")
        };
        refused
    }
    hold(
        forms::quota_decision,
        &quota_decision(),
        &["decision_number", "decision_date", "provider_name", "commission_name", "inclusion"],
        &[
            (|f| f.commission_name = long(301), "commission_name: has more than 300"),
            (|f| f.head_signature = None, "head_signature: is required"),
            (|f| included(f).person_count = 3, "inclusion.person_count: must be one more"),
            (|f| included(f).person_count = 0, "inclusion.person_count: must be 1 to 30"),
            (
                |f| included(f).applicant.as_mut().unwrap().residence = None,
                "inclusion.applicant.residence: is required",
            ),
        ],
    );
    let mut refusing = quota_decision();
    refusing.head_signature = None;
    refusing.outcome = Some(quota_decision::Outcome::Refusal(service_refusal()));
    hold(
        forms::commission_quota_decision,
        &refusing,
        &["decision_number", "decision_date", "provider_name", "commission_name", "inclusion"],
        &[
            (|f| f.head_signature = Some(signature()), "head_signature: must be empty"),
            (|f| refused(f).application_number.clear(), "refusal.application_number: is required"),
            (|f| refused(f).application_type = long(201), "refusal.application_type: has more"),
            (|f| refused(f).execution_date = day(2021, 9, 2), "refusal.execution_date: lies bef"),
            (|f| refused(f).recipients.clear(), "refusal.recipients: is required"),
            (|f| refused(f).recipients = vec![recipient(); 31], "refusal.recipients: has more"),
            (|f| refused(f).recipients[0].residence = home(), "refusal.recipients[0].residence: m"),
            (|f| refused(f).recipients[1].kinship.clear(), "refusal.recipients[1].kinship: is req"),
            (|f| refused(f).refusal = None, "GROUNDS_REQUIRED refusal.refusal: is required"),
            (
                |f| refused(f).refusal.as_mut().unwrap().grounds[0] = 9,
                "GROUNDS_REQUIRED refusal.refusal.grounds[0]: is no ground for refusing the serv",
            ),
            (
                |f| refused(f).refusal.as_mut().unwrap().reasons.clear(),
                "GROUNDS_REQUIRED refusal.refusal.reasons: a refusal gives its reasons",
            ),
        ],
    );
    let got = facts(forms::quota_decision, Role::Akimat, &quota_decision());
    assert_eq!(got, decided(Outcome::Inclusion, 2, &[], 0));
    let got = facts(forms::commission_quota_decision, Role::Commission, &refusing);
    assert_eq!(got, decided(Outcome::Refusal, 0, &[Ground::UnreliableData], 0));
}

#[test]
fn every_rule_of_decisions_on_the_status_is_held() {
    fn assigned(form: &mut StatusDecision) -> &mut StatusAssignment {
        let Some(status_decision::Outcome::Assignment(assignment)) = &mut form.outcome else {
            panic!("the sample decides otherwise")
        };
        assignment
    }
    hold(
        forms::status_decision,
        &status_decision(),
        &["decision_number", "decision_date", "provider_name", "head_signature", "assignment"],
        &[
            (|f| f.decision_date = day(2021, 9, 7), "decision_date: lies after today"),
            (|f| assigned(f).settlement_region.clear(), "REGION_UNKNOWN assignment.settlement_reg"),
            (|f| assigned(f).person_count = 31, "assignment.person_count: must be 1 to 30"),
            (
                |f| assigned(f).attachment_titles = vec![long(1); 51],
                "assignment.attachment_titles: has more than 50",
            ),
        ],
    );
    fn extended(form: &mut ExtensionDecision) -> &mut StatusExtension {
        let Some(extension_decision::Outcome::Extension(extension)) = &mut form.outcome else {
            panic!("the sample decides otherwise")
        };
        extension
    }
    hold(
        forms::extension_decision,
        &extension_decision(),
        &["decision_number", "decision_date", "provider_name", "head_signature", "extension"],
        &[
            (|f| extended(f).months = 7, "extension.months: must be 1 to 6"),
            (|f| extended(f).until_date = day(2021, 9, 5), "extension.until_date: lies before dec"),
        ],
    );
    let got = facts(forms::status_decision, Role::Akimat, &status_decision());
    assert_eq!(got, decided(Outcome::Assignment, 2, &[], 0));
    let got = facts(forms::extension_decision, Role::Akimat, &extension_decision());
    assert_eq!(got, decided(Outcome::Extension, 1, &[], 6));
}
