//! Papers between bodies that concern no single applicant: change notices, proposals of Astana, the
//! list of settlements. Each opens a case in which nobody applies.

use jiff::civil::Date;

use super::OpeningFacts;
use super::paper;
use crate::domain::Basis;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::parse::rule::{self, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{
    ChangeDirection, ForeignLabourProposal, LabourImmigrantProposal, ProposalPeriod, QuotaChange,
    RegionalQuotaProposal, Settlement, TerritoryProposal, proposal as proposed,
};
use crate::rpc::proto::types::v1::QuotaCategory;

/// The most persons by which a quota is to change.
const MAX_CHANGE: i32 = 1_000_000;

/// The years for which quotas are proposed.
const YEARS: (i32, i32) = (2016, 2100);

/// The most settlements of one list.
const MAX_SETTLEMENTS: usize = 2000;

/// Checks a change of the requirements (002-KK ¶29). The notice counts from the day of approval
///
pub fn change_notice(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ChangeNotice,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::ChangeNotice {
        act_title,
        act_number,
        approved_date,
        effective_date,
        description,
        documents,
    } = value;
    paper::wording(faults, &at.field("act_title"), act_title);
    paper::number(faults, &at.field("act_number"), act_number);
    let approved = paper::day(faults, &at.field("approved_date"), approved_date.as_ref(), asked);
    if effective_date.is_some() {
        paper::day_ahead(faults, &at.field("effective_date"), effective_date.as_ref());
    }
    paper::prose(faults, &at.field("description"), description);
    paper::documents(faults, &at.field("documents"), documents, 0);
    nobody_applies("change-notice", Basis::Ordinary, approved?, asked)
}

/// Checks a proposal of Astana (003 ¶4).
pub fn proposal(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::Proposal,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::Proposal { proposal_number, proposal_date, reasons, subject, signed_by } = value;
    paper::number(faults, &at.field("proposal_number"), proposal_number);
    let on = paper::day(faults, &at.field("proposal_date"), proposal_date.as_ref(), asked);
    paper::prose(faults, &at.field("reasons"), reasons);
    person::official(faults, &at.field("signed_by"), signed_by);
    let basis = match subject {
        Some(proposed::Subject::Territory(TerritoryProposal { assign: _ })) => {
            Basis::SettlementTerritory
        }
        Some(proposed::Subject::ForeignLabour(labour)) => {
            foreign_labour(faults, &at.field("foreign_labour"), labour);
            Basis::ForeignLabourQuota
        }
        Some(proposed::Subject::RegionalQuota(RegionalQuotaProposal { category, change })) => {
            let at = at.field("regional_quota");
            paper::stated::<QuotaCategory>(faults, &at.field("category"), *category);
            quota_change(faults, &at.field("change"), change);
            Basis::RegionalQuota
        }
        Some(proposed::Subject::LabourImmigrants(LabourImmigrantProposal { change })) => {
            quota_change(faults, &at.field("labour_immigrants").field("change"), change);
            Basis::LabourImmigrantQuota
        }
        None => {
            let rule = "this, foreign_labour, regional_quota or labour_immigrants is required";
            faults.field(&at.field("territory"), format_args!("{rule}"));
            return None;
        }
    };
    nobody_applies("astana-migration", basis, on?, asked)
}

fn foreign_labour(faults: &mut Faults, at: &Path<'_>, value: &ForeignLabourProposal) {
    let ForeignLabourProposal { change, compatriot_count } = value;
    let persons = quota_change(faults, &at.field("change"), change);
    let most = persons.unwrap_or(MAX_CHANGE);
    paper::count(faults, &at.field("compatriot_count"), *compatriot_count, 0..=most);
}

/// By how much and for which time; the persons.
fn quota_change(faults: &mut Faults, at: &Path<'_>, value: &Option<QuotaChange>) -> Option<i32> {
    let QuotaChange { direction, person_count, period, first_year, last_year } =
        rule::required(faults, at, value)?;
    paper::stated::<ChangeDirection>(faults, &at.field("direction"), *direction);
    let persons = paper::count(faults, &at.field("person_count"), *person_count, 1..=MAX_CHANGE);
    let period = paper::stated::<ProposalPeriod>(faults, &at.field("period"), *period);
    let (first, last) = YEARS;
    let begins = paper::count(faults, &at.field("first_year"), *first_year, first..=last);
    let ends = at.field("last_year");
    let until = paper::count(faults, &ends, *last_year, first..=last);
    let Some(((begins, until), period)) = begins.zip(until).zip(period) else {
        return persons;
    };
    match period {
        ProposalPeriod::ComingYear if until != begins => {
            faults.field(&ends, format_args!("must be first_year: the coming year is one"));
        }
        ProposalPeriod::MediumTerm if until <= begins => {
            faults.field(&ends, format_args!("must lie after first_year for a medium term"));
        }
        ProposalPeriod::Unspecified | ProposalPeriod::ComingYear | ProposalPeriod::MediumTerm => {}
    }
    persons
}

/// Checks the list of settlements (003 ¶5; A-22).
pub fn settlement_list(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::SettlementList,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::SettlementList { list_number, list_date, settlements, documents } = value;
    paper::number(faults, &at.field("list_number"), list_number);
    let on = paper::day(faults, &at.field("list_date"), list_date.as_ref(), asked);
    let listed = at.field("settlements");
    if paper::length(faults, &listed, settlements, 1..=MAX_SETTLEMENTS) {
        for (place, Settlement { name, region, note }) in settlements.iter().enumerate() {
            let at = listed.item(place);
            rule::text(faults, &at.field("name"), name, 1..=200, Lines::One);
            rule::region(faults, &at.field("region"), region);
            rule::text(faults, &at.field("note"), note, 0..=1000, Lines::Many);
        }
    }
    paper::documents(faults, &at.field("documents"), documents, 0);
    nobody_applies("astana-migration", Basis::SettlementList, on?, asked)
}

/// A case of the day on which a paper was signed. It belongs to the capital: the authorised body
/// sits there, and Astana's own rules are the only ones of a region.
fn nobody_applies(
    procedure: &'static str,
    basis: Basis,
    on: Date,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    Some(OpeningFacts {
        procedure,
        own_procedure: None,
        basis,
        region: paper::capital()?,
        departure: None,
        persons: 0,
        applicant: None,
        concerns: None,
        filed_at: paper::end_of(on, asked),
    })
}
