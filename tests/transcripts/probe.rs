//! Everybody tries everything: who may do what at a step of a case.

use std::collections::BTreeMap;

use kopir::domain::act::States;
use kopir::domain::party::PartyNumber;
use kopir::domain::{
    Act, ActFacts, Basis, Case, CaseAct, Decision, Outcome, Rejection, Sequence, Submission,
};

use crate::asks::opens;
use crate::registry::PARTIES;
use crate::stage::{Answers, Stage};

impl Stage {
    /// Every party tries every act of the procedure with facts that would fit it, and every
    /// delivery is looked for in every inbox. Tells who may do what and how the rest is refused.
    /// Only the parties of the case try to submit into it: a submission of another names a case of
    /// its own.
    pub fn probe(&self, name: &str) -> Answers {
        let case = self.case(name)?;
        let law = self.procedures.get(&case.procedure).ok_or("no such procedure")?;
        let of_law = |act: &&Act| law.hops().iter().any(|hop| hop.act == **act);
        let mut may = Vec::new();
        let mut refused: BTreeMap<Vec<String>, BTreeMap<&str, usize>> = BTreeMap::new();
        for (party, _, _, _) in PARTIES {
            let by = self.number(party)?;
            let takes_part = case.participants.iter().any(|(_, each)| *each == by);
            for act in Act::ALL.iter().filter(of_law) {
                if opens(*act) && !takes_part {
                    continue;
                }
                let command = self.command(by, name, self.fitting(by, *act, case)?);
                match kopir::domain::decide(Some(case), &command, self.context()?) {
                    Ok(event) => may.push(format!("{party} may {act} ({})", event.hop)),
                    Err(rejection) => {
                        let reason = self.rejected(&rejection);
                        *refused.entry(reason).or_default().entry(party).or_default() += 1;
                    }
                }
            }
            for number in 1..=self.last {
                let delivery = Sequence(number);
                match kopir::domain::acknowledge(Some(case), delivery, by, self.context()?) {
                    Ok(_) => may.push(format!("{party} may acknowledge #{number}")),
                    Err(Rejection::DeliveryUnknown(named)) if named == delivery => {}
                    Err(rejection) => return Err(format!("{rejection:?} to an acknowledgement")),
                }
            }
        }
        for (reason, parties) in refused {
            let parties = parties.iter().map(|(party, acts)| format!("{party} ({acts})"));
            may.push(format!("{} to {}", reason[0], parties.collect::<Vec<_>>().join(", ")));
            may.extend(reason[1..].iter().cloned());
        }
        Ok(may)
    }

    fn fitting(&self, by: PartyNumber, act: Act, case: &Case) -> Result<CaseAct, String> {
        let now = self.time()?;
        let today = self.today(by)?;
        if opens(act) {
            return Ok(CaseAct::Submit(Submission {
                procedure: case.procedure.clone(),
                act,
                basis: Basis::Ordinary,
                region: case.region,
                departure: None,
                persons: 1,
                applicant: None,
                concerns: None,
                filed_at: now,
            }));
        }
        let facts = match act.states() {
            States::Nothing => ActFacts::Dispatch,
            States::Decision => {
                let consents = act == Act::RecordConsentDecision;
                let outcome = if consents { Outcome::Consent } else { Outcome::Inclusion };
                let (persons, grounds, months) = (1, vec![], 0);
                ActFacts::Decision(Decision {
                    outcome,
                    decided_on: today,
                    persons,
                    grounds,
                    months,
                })
            }
            States::Instant => ActFacts::Happened { field: "happened_time", at: now },
            States::Arrival => ActFacts::Arrival {
                region: case.region,
                consented_on: case.consent.as_ref().map_or(today, |consent| consent.decided_on),
                persons: 1,
                filed_at: now,
            },
            States::Grounds | States::Hearing | States::Postponement => {
                return Err(format!("{act} is not tried by probes"));
            }
        };
        Ok(CaseAct::Continue(act, facts))
    }
}
