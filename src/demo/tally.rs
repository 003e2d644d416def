//! Counting from the bus's own answers: what stands here was asked of `CaseService`, never taken
//! from what the parties meant to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future::try_join_all;

use super::DemoError;
use super::family::Pilot;
use super::law::Law;
use super::line::Line;
use crate::rpc::proto::cases::v1 as contract;
use crate::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use crate::rpc::proto::procedures::v1::Hop;
use crate::rpc::proto::types::v1::{Term, TermSource, TermUnit};

/// Cases of one page, and cases asked for at once.
const PAGE: usize = 100;

/// Families and persons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Families, each one application.
    pub families: usize,
    /// Persons, applicants counted.
    pub persons: usize,
}

/// What the bus counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Applications submitted.
    pub submitted: Count,
    /// Consents given; the persons are those whom the consents cover.
    pub approved: Count,
    /// Applications refused before entry; all persons of them.
    pub refused: Count,
    /// Families included after arrival.
    pub included: Count,
    /// Cases in which nothing is owed any more.
    pub closed: usize,
}

/// How one hop went, over all cases.
#[derive(Debug, Clone)]
pub(super) struct HopUse {
    /// The hop as the bus describes it.
    pub(super) hop: Hop,
    /// Acts done.
    pub(super) done: usize,
    /// Acts still owed.
    pub(super) open: usize,
    /// Days used of the term by each act, ascending; empty where there is no term.
    pub(super) used_days: Vec<i32>,
    /// Acts that missed their term.
    pub(super) late: usize,
}

/// The cases and what they add up to.
#[derive(Debug)]
pub(super) struct Tally {
    /// The cases, by id.
    pub(super) cases: Vec<contract::Case>,
    /// Families and persons.
    pub(super) totals: Totals,
    /// The hops in the order of the procedure.
    pub(super) hops: Vec<HopUse>,
    /// Acts in the cases. A filing at the mission is recorded with the act that sends it on and
    /// counts once with it.
    pub(super) acts: usize,
}

impl Tally {
    /// Case and hop of every act that missed its term.
    pub(super) fn late(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cases.iter().flat_map(|case| {
            let case_id = case.summary.as_ref().map_or("", |summary| &summary.case_id);
            let late = case.hops.iter().filter(|hop| hop.late);
            late.filter_map(move |hop| Some((case_id, hop.clock.as_ref()?.hop.as_str())))
        })
    }
}

impl Totals {
    /// What a pilot must come to, with every consented family included in the end.
    pub(super) fn expected(pilot: Pilot) -> Self {
        let Pilot { families, persons, approved_families, approved_persons } = pilot;
        let approved = Count { families: approved_families, persons: approved_persons };
        Self {
            submitted: Count { families, persons },
            approved,
            refused: Count {
                families: families - approved_families,
                persons: persons - approved_persons,
            },
            included: approved,
            closed: families,
        }
    }

    fn add(&mut self, case: &contract::CaseSummary) {
        let positive = contract::CaseOutcome::Positive;
        self.submitted.add(case.person_count);
        if case.consent_outcome() == positive {
            self.approved.add(case.consented_person_count);
        }
        if case.consent_outcome() == contract::CaseOutcome::Refused {
            self.refused.add(case.person_count);
        }
        if case.inclusion_outcome() == positive {
            self.included.add(case.included_person_count);
        }
        self.closed += usize::from(case.state() == contract::CaseState::Closed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { families, persons } = self;
        write!(f, "{families} families with {persons} persons")
    }
}

impl Count {
    fn add(&mut self, persons: i32) {
        self.families += 1;
        self.persons += usize::try_from(persons).unwrap_or(0);
    }
}

/// Asks for the list of cases, page by page, and adds it up.
pub(super) async fn totals(line: &Line) -> Result<Totals, DemoError> {
    let mut totals = Totals::default();
    for case in list(line).await? {
        totals.add(&case);
    }
    Ok(totals)
}

/// Asks for every case with its timeline, and adds them up.
pub(super) async fn tally(line: &Line, law: &Law) -> Result<Tally, DemoError> {
    let ids: Vec<_> = list(line).await?.into_iter().map(|case| case.case_id).collect();
    let mut cases = Vec::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        let asked = page.iter().map(|case_id| async move {
            let mut stub = CaseServiceClient::new(line.channel());
            let request = contract::GetCaseRequest { case_id: case_id.clone() };
            let answer = line.ask("a case", stub.get_case(request)).await?.into_inner();
            answer.case.ok_or_else(|| line.lacks("the case"))
        });
        cases.extend(try_join_all(asked).await?);
    }
    cases.sort_by_cached_key(|case| case.summary.as_ref().map(|summary| summary.case_id.clone()));
    let mut totals = Totals::default();
    for case in &cases {
        totals.add(case.summary.as_ref().ok_or_else(|| line.lacks("the summary"))?);
    }
    let acts: BTreeSet<_> = cases
        .iter()
        .flat_map(|case| &case.hops)
        .map(|hop| hop.sequence)
        .filter(|&at| at > 0)
        .collect();
    Ok(Tally { hops: uses(&cases, law), acts: acts.len(), totals, cases })
}

async fn list(line: &Line) -> Result<Vec<contract::CaseSummary>, DemoError> {
    let mut cases = Vec::new();
    let page_size = i32::try_from(PAGE).unwrap_or(0);
    let mut request = contract::ListCasesRequest { page_size, ..Default::default() };
    loop {
        let mut stub = CaseServiceClient::new(line.channel());
        let page = line.ask("the cases", stub.list_cases(request.clone())).await?.into_inner();
        cases.extend(page.cases);
        if page.next_page_token.is_empty() {
            return Ok(cases);
        }
        request.page_token = page.next_page_token;
    }
}

fn uses(cases: &[contract::Case], law: &Law) -> Vec<HopUse> {
    let unused =
        |hop: &Hop| HopUse { hop: hop.clone(), done: 0, open: 0, used_days: Vec::new(), late: 0 };
    let mut uses: BTreeMap<_, _> =
        law.hops.iter().map(|(name, hop)| (name.as_str(), unused(hop))).collect();
    for hop in cases.iter().flat_map(|case| &case.hops) {
        let name = hop.clock.as_ref().map_or("", |clock| clock.hop.as_str());
        let Some(count) = uses.get_mut(name) else { continue };
        match hop.acted_time {
            Some(_) => count.done += 1,
            None => count.open += 1,
        }
        count.used_days.extend(hop.used_days);
        count.late += usize::from(hop.late);
    }
    let mut uses: Vec<_> = uses.into_values().collect();
    for hop in &mut uses {
        hop.used_days.sort_unstable();
    }
    uses
}

impl HopUse {
    /// The term in words, such as `5 working days`.
    pub(super) fn term(&self) -> String {
        term_words(self.hop.term.as_ref())
    }

    /// Whether the term is the law's own.
    pub(super) fn is_assumed(&self) -> bool {
        self.hop.source() == TermSource::Assumed
    }

    /// The day up to which half of the acts were done; the lower of two middle ones.
    pub(super) fn median_days(&self) -> Option<i32> {
        self.used_days.get(self.used_days.len().checked_sub(1)? / 2).copied()
    }

    /// The most days that an act took.
    pub(super) fn worst_days(&self) -> Option<i32> {
        self.used_days.last().copied()
    }
}

/// A term in words.
pub(super) fn term_words(term: Option<&Term>) -> String {
    let Some(term) = term else { return "no term".to_owned() };
    let days = if term.n == 1 { "day" } else { "days" };
    match term.unit() {
        TermUnit::WorkingDays => format!("{} working {days}", term.n),
        TermUnit::CalendarDays => format!("{} calendar {days}", term.n),
        TermUnit::SameDay => "the same day".to_owned(),
        TermUnit::SameWorkingDay => "the same working day".to_owned(),
        TermUnit::MonthEnd => "the end of the next month".to_owned(),
        TermUnit::DaysBeforeServiceDue => format!("{} {days} before the end", term.n),
        TermUnit::None | TermUnit::Unspecified => "no term".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(days: &[i32]) -> HopUse {
        let hop = Hop::default();
        HopUse { hop, done: days.len(), open: 0, used_days: days.to_vec(), late: 0 }
    }

    #[test]
    fn the_median_is_a_day_that_occurred() {
        assert_eq!(used(&[1, 2, 9]).median_days(), Some(2));
        assert_eq!(used(&[1, 2, 3, 9]).median_days(), Some(2));
        assert_eq!(used(&[]).median_days(), None);
    }

    #[test]
    fn totals_count_what_each_case_says() {
        let case = |consent: contract::CaseOutcome, inclusion: contract::CaseOutcome| {
            contract::CaseSummary {
                person_count: 4,
                consented_person_count: 3,
                included_person_count: 2,
                consent_outcome: consent.into(),
                inclusion_outcome: inclusion.into(),
                ..Default::default()
            }
        };
        use contract::CaseOutcome::{Positive, Refused, Unspecified};
        let mut totals = Totals::default();
        totals.add(&case(Unspecified, Unspecified));
        totals.add(&case(Positive, Unspecified));
        totals.add(&case(Positive, Positive));
        totals.add(&case(Refused, Unspecified));
        let count = |families, persons| Count { families, persons };
        let expected = Totals {
            submitted: count(4, 16),
            approved: count(2, 6),
            refused: count(1, 4),
            included: count(1, 2),
            closed: 0,
        };
        assert_eq!(totals, expected);
    }
}
