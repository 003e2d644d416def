//! Complaints and what follows them.

use super::OpeningFacts;
use super::paper::{self, Line};
use super::refusal;
use crate::domain::party::Role;
use crate::domain::region::Region;
use crate::domain::{ActFacts, Basis, Decision, Outcome};
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::parse::rule::{self, Bound, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{ComplaintBasis, FilingManner};
use crate::rpc::proto::types::v1::PartyRole;
use crate::rpc::reason::Reason;

/// Checks a complaint as it is registered (002-EN A1 ¶24, A2 ¶16; 002-KK ¶¶23, 26).
pub fn complaint(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::Complaint,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::Complaint {
        registration_number,
        registered_time,
        manner,
        complainant,
        contact_details,
        against,
        basis,
        region,
        about_case_id,
        decision_number,
        text,
        documents,
        registered_by,
    } = value;
    paper::number(faults, &at.field("registration_number"), registration_number);
    let registered =
        paper::time(faults, &at.field("registered_time"), registered_time.as_ref(), asked);
    paper::stated::<FilingManner>(faults, &at.field("manner"), *manner);
    let day = registered.map_or(paper::today(asked).day, |registered| asked.day(registered));
    paper::applicant(faults, &at.field("complainant"), complainant, day, Line::Optional);
    paper::wording(faults, &at.field("contact_details"), contact_details);
    let against = complained_of(faults, &at.field("against"), *against, asked);
    let basis = rests_on(faults, &at.field("basis"), *basis);
    let region = region_of(faults, &at.field("region"), region, against);
    let concerns = paper::named_case(faults, &at.field("about_case_id"), about_case_id);
    rule::text(faults, &at.field("decision_number"), decision_number, 0..=64, Lines::One);
    paper::prose(faults, &at.field("text"), text);
    paper::documents(faults, &at.field("documents"), documents, 0);
    person::official(faults, &at.field("registered_by"), registered_by);
    Some(OpeningFacts {
        procedure: "appeal",
        own_procedure: None,
        basis: basis?,
        region: region?,
        departure: None,
        persons: 1,
        // Nothing is granted to a complainant, so nobody needs to be told again.
        applicant: None,
        concerns,
        filed_at: registered?,
    })
}

/// Whose decision, action or inaction it is. A body considers complaints about itself; those about
/// either the quality body does (002-EN A1 ¶24; 002-KK ¶25).
fn complained_of(
    faults: &mut Faults,
    at: &Path<'_>,
    number: i32,
    asked: Asked<'_>,
) -> Option<Role> {
    let against = if number == PartyRole::Akimat as i32 {
        Role::Akimat
    } else if number == PartyRole::MigrationBody as i32 {
        Role::MigrationBody
    } else {
        faults.field(at, format_args!("must be AKIMAT or MIGRATION_BODY"));
        return None;
    };
    let here = asked.caller.role;
    let only_own = [Role::Akimat, Role::MigrationBody].contains(&here);
    if only_own && here != against {
        let rule = format_args!("is another body; file it there, or with the quality body");
        faults.add(at, Reason::WrongComplaintLevel, rule);
        return None;
    }
    Some(against)
}

fn rests_on(faults: &mut Faults, at: &Path<'_>, number: i32) -> Option<Basis> {
    match paper::stated(faults, at, number)? {
        ComplaintBasis::Unspecified => None,
        ComplaintBasis::Ordinary => Some(Basis::Ordinary),
        ComplaintBasis::ProviderAct => Some(Basis::ProviderAct),
        ComplaintBasis::AkimatAct => Some(Basis::AkimatAct),
    }
}

/// The region of the body; the authorised body has none and sits in the capital.
fn region_of(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &str,
    against: Option<Role>,
) -> Option<Region> {
    if against? != Role::MigrationBody {
        return rule::region(faults, at, value);
    }
    if !value.is_empty() {
        faults.field(at, format_args!("must be empty when against is MIGRATION_BODY"));
        return None;
    }
    paper::capital()
}

/// Checks the answer to a complaint (002-EN A1 ¶24; 002-KK ¶¶24-25).
pub fn complaint_answer(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ComplaintAnswer,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ComplaintAnswer { answer_number, answer_date, outcome, reasons, signed_by } = value;
    paper::number(faults, &at.field("answer_number"), answer_number);
    let on = paper::day(faults, &at.field("answer_date"), answer_date.as_ref(), asked);
    let outcome = refusal::outcome(
        faults,
        &at.field("outcome"),
        *outcome,
        &[Outcome::Satisfied, Outcome::Dismissed],
        "SATISFIED or DISMISSED",
    );
    paper::prose(faults, &at.field("reasons"), reasons);
    person::official(faults, &at.field("signed_by"), signed_by);
    Some(ActFacts::Decision(Decision {
        outcome: outcome?,
        decided_on: on?,
        persons: 0,
        grounds: Vec::new(),
        months: 0,
    }))
}

/// Checks the extension of a complaint's term (002-EN A1 ¶25; 002-KK ¶27). The texts set it no
/// length.
pub fn complaint_extension(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ComplaintExtension,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ComplaintExtension { extended_time, until_date, reason, extended_by } = value;
    let extended = paper::time(faults, &at.field("extended_time"), extended_time.as_ref(), asked);
    let today = paper::today(asked).day;
    let first = Bound { day: today.tomorrow().unwrap_or(today), name: "tomorrow" };
    let until = at.field("until_date");
    rule::date(faults, &until, until_date.as_ref(), first, paper::ANY_DAY.1);
    paper::prose(faults, &at.field("reason"), reason);
    person::official(faults, &at.field("extended_by"), extended_by);
    Some(ActFacts::Happened { field: "extension.extended_time", at: extended? })
}

/// Checks the notice of that extension (002-EN A1 ¶25, A2 ¶17; 002-KK ¶27).
pub fn extension_notice(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ExtensionNotice,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ExtensionNotice { notice_number, sent_time, manner, reasons, sent_by } = value;
    paper::number(faults, &at.field("notice_number"), notice_number);
    paper::time(faults, &at.field("sent_time"), sent_time.as_ref(), asked);
    paper::stated::<FilingManner>(faults, &at.field("manner"), *manner);
    paper::prose(faults, &at.field("reasons"), reasons);
    person::official(faults, &at.field("sent_by"), sent_by);
    Some(ActFacts::Dispatch)
}

/// Checks the record of an appeal to the court (002-EN A1 ¶26, A2 ¶18; 002-KK ¶28).
pub fn court_appeal(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::CourtAppeal,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::CourtAppeal { court_name, court_case_number, filed_date, subject, position } = value;
    paper::wording(faults, &at.field("court_name"), court_name);
    let number = at.field("court_case_number");
    rule::text(faults, &number, court_case_number, 0..=64, Lines::One);
    let filed = paper::day(faults, &at.field("filed_date"), filed_date.as_ref(), asked);
    rule::text(faults, &at.field("subject"), subject, 1..=1000, Lines::Many);
    paper::documents_up_to(faults, &at.field("position"), position, 0..=1);
    Some(ActFacts::Happened { field: "appeal.filed_date", at: paper::end_of(filed?, asked) })
}
