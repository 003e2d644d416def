//! What a party keeps of a case: only what it wrote itself or read in a delivery. From it the
//! commission decides.

use jiff::Timestamp;
use jiff::civil::Date;

use super::family::Family;
use super::papers::{self, ArrivalPapers};
use crate::domain::party::PartyId;
use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::proto::types::v1::consent_decision::Outcome as ConsentOutcome;
use crate::rpc::proto::types::v1::inclusion_decision::Outcome as InclusionOutcome;

/// A party's papers of one case.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The number of the family's file.
    pub(super) file: String,
    /// The code of the region.
    pub(super) region: String,
    /// The mission, where this party received the application from it.
    pub(super) mission: Option<PartyId>,
    application: Option<types::Application>,
    consent: Option<types::ConsentDecision>,
    arrived: Option<i32>,
}

impl Folder {
    /// The folder of the mission that accepted the application.
    pub(super) fn of(family: &Family) -> Self {
        Self {
            file: family.file.clone(),
            region: family.region.code().to_owned(),
            mission: Some(family.mission.clone()),
            application: Some(papers::application(family)),
            consent: None,
            arrived: None,
        }
    }

    /// Files a delivery.
    pub(super) fn add(&mut self, delivery: Delivery) {
        let act = delivery.act();
        self.region = delivery.region;
        if let Some(application) = delivery.application {
            papers::file_of(&application).unwrap_or_default().clone_into(&mut self.file);
            self.application = Some(application);
        }
        if act == types::Act::SubmitApplication {
            self.mission = delivery.sender_party_id.parse().ok();
        }
        self.consent = delivery.consent_decision.or(self.consent.take());
        self.arrived = delivery.arrival_application.map(|a| a.person_count).or(self.arrived);
    }

    /// The commission's decision before entry: consent where the papers agree and the quota, whose
    /// last place went to the filing of `last_place`, still has one. None without an application.
    pub(super) fn decide_consent(
        &self,
        number: String,
        on: Date,
        last_place: Option<Timestamp>,
    ) -> Option<types::ConsentDecision> {
        let application = self.application.as_ref()?;
        let filed_at = application.filed_time.as_ref().and_then(papers::instant)?;
        let mut grounds = Vec::new();
        if papers::doubtful(application) {
            grounds.push(types::RefusalGround::UnreliableData);
        }
        if last_place.is_none_or(|last| filed_at > last) {
            grounds.push(types::RefusalGround::NoRegionalQuota);
        }
        let outcome = if grounds.is_empty() {
            let person_count = papers::persons(application);
            ConsentOutcome::Consent(types::Consent { person_count })
        } else {
            ConsentOutcome::Refusal(papers::refusal(&grounds))
        };
        Some(types::ConsentDecision {
            decision_number: number,
            decision_date: Some(papers::date(on)),
            outcome: Some(outcome),
            signed_document: None,
        })
    }

    /// The commission's decision after arrival: whoever has come with a consent is included. None
    /// without an arrival.
    pub(super) fn decide_inclusion(
        &self,
        number: String,
        on: Date,
    ) -> Option<types::InclusionDecision> {
        let inclusion = types::Inclusion { person_count: self.arrived? };
        Some(types::InclusionDecision {
            decision_number: number,
            decision_date: Some(papers::date(on)),
            outcome: Some(InclusionOutcome::Inclusion(inclusion)),
            signed_document: None,
        })
    }

    /// The grounds of the refusal that was delivered. None without one.
    pub(super) fn grounds(&self) -> Option<Vec<types::RefusalGround>> {
        match self.consent.as_ref()?.outcome.as_ref()? {
            ConsentOutcome::Consent(_) => None,
            ConsentOutcome::Refusal(refusal) => Some(refusal.grounds().collect()),
        }
    }

    /// What the family takes along that was handed its consent. None without a consent.
    pub(super) fn departure(&self) -> Option<ArrivalPapers> {
        let consent = self.consent.clone()?;
        let Some(ConsentOutcome::Consent(granted)) = &consent.outcome else { return None };
        Some(ArrivalPapers {
            file: self.file.clone(),
            region: self.region.clone(),
            persons: granted.person_count,
            consent,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::demo::family::{Kin, Member};
    use crate::demo::words::Script;
    use crate::domain::region::Region;
    use crate::rpc::proto::types::v1::RefusalGround::{NoRegionalQuota, UnreliableData};

    const FILED: &str = "2023-01-20T05:00:00Z";

    fn folder(papers_agree: bool) -> Folder {
        let member = |place, kin| Member {
            given_name: Script::Kazakh.given_name(place),
            born_on: date(1980, 1, 1),
            kin,
        };
        Folder::of(&Family {
            file: "ҮЛГІ-0001".to_owned(),
            script: Script::Kazakh,
            surname: Script::Kazakh.surname(0, 1),
            mission: "mission-mn".parse().unwrap(),
            country: "MN",
            region: Region::from_number(55).unwrap(),
            filed_at: FILED.parse().unwrap(),
            filed_on: date(2023, 1, 20),
            members: vec![member(1, Kin::Applicant), member(2, Kin::Spouse)],
            papers_agree,
        })
    }

    /// Persons consented to, or the grounds of the refusal.
    fn decided(papers_agree: bool, last_place: Option<&str>) -> Result<i32, Vec<i32>> {
        let last_place = last_place.map(|at| at.parse().unwrap());
        let on = date(2023, 2, 10);
        let decision = folder(papers_agree).decide_consent("KZ-55/1".to_owned(), on, last_place);
        match decision.unwrap().outcome.unwrap() {
            ConsentOutcome::Consent(consent) => Ok(consent.person_count),
            ConsentOutcome::Refusal(refusal) => {
                assert_eq!(refusal.reasons.lines().count(), refusal.grounds.len());
                Err(refusal.grounds)
            }
        }
    }

    #[test]
    fn the_family_that_takes_the_last_place_gets_its_consent() {
        assert_eq!(decided(true, Some(FILED)), Ok(2));
    }

    #[test]
    fn whoever_filed_after_the_last_place_is_refused_for_want_of_quota() {
        let grounds = vec![i32::from(NoRegionalQuota)];
        assert_eq!(decided(true, Some("2023-01-20T04:59:00Z")), Err(grounds.clone()));
        assert_eq!(decided(true, None), Err(grounds), "a region without a quota has no place");
    }

    #[test]
    fn papers_that_do_not_agree_are_refused_for_that() {
        assert_eq!(decided(false, Some(FILED)), Err(vec![i32::from(UnreliableData)]));
        let both = vec![i32::from(UnreliableData), i32::from(NoRegionalQuota)];
        assert_eq!(decided(false, None), Err(both));
    }

    #[test]
    fn nobody_leaves_without_a_consent() {
        let mut folder = folder(true);
        assert!(folder.departure().is_none());
        folder.consent = folder.decide_consent("1".to_owned(), date(2023, 2, 10), None);
        assert!(folder.departure().is_none(), "a refusal is no consent");
        assert_eq!(folder.grounds(), Some(vec![NoRegionalQuota]));
        let last_place = FILED.parse().ok();
        folder.consent = folder.decide_consent("2".to_owned(), date(2023, 2, 10), last_place);
        assert_eq!(folder.departure().map(|papers| papers.persons), Some(2));
        assert_eq!(folder.grounds(), None);
    }
}
