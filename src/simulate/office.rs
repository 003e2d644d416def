//! What a party's people do with a case: which of the steps that are theirs they take, when, and
//! what their acts state.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::chance::Chance;
use super::place::Place;
use crate::domain::act::States;
use crate::domain::party::PartyNumber;
use crate::domain::procedure::Procedure;
use crate::domain::{
    Act, ActFacts, Actor, Body, BodyKind, Case, CaseAct, CaseId, Command, Decision, Ground, HopRun,
    HopState, IdentityHash, Outcome, RequestId, Signature, Submission,
};
use crate::engine::timestamp;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Of the steps that are a right and no duty, so many in a thousand are taken.
const BRANCHES_PER_MILLE: u64 = 200;
/// The largest document; some span several sectors of the disk, most do not.
const MAX_BODY_BYTES: u64 = 3000;

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clerk<'a> {
    pub(super) place: &'a Place,
    pub(super) number: PartyNumber,
    pub(super) zone: &'a TimeZone,
    /// How many in a thousand of its acts come after the term.
    pub(super) late_per_mille: u64,
    /// What its clock shows, Unix milliseconds.
    pub(super) now_ms: u64,
}

impl Clerk<'_> {
    /// In how many milliseconds a step is to be taken; none if it is left.
    pub(super) fn when(&self, run: &HopRun, chance: &mut Chance) -> Option<u64> {
        if run.branch && !chance.hits(BRANCHES_PER_MILLE) {
            return None;
        }
        let due_ms = run.due.as_ref().map(|due| due.instant.as_millisecond());
        let due_ms = due_ms.and_then(|due_ms| u64::try_from(due_ms).ok());
        let Some(left_ms) = due_ms.map(|due_ms| due_ms.saturating_sub(self.now_ms)) else {
            return Some(chance.within(MINUTE_MS..=2 * DAY_MS));
        };
        if chance.hits(self.late_per_mille) && !run.branch {
            return Some(left_ms + chance.below(6 * DAY_MS));
        }
        // Mostly early, since cases are to come to an end within the weeks of a simulation.
        let share = if chance.hits(750) { left_ms / 6 } else { left_ms };
        Some(chance.within(MINUTE_MS..=share.max(2 * MINUTE_MS)))
    }

    /// The act that takes a step.
    pub(super) fn act(&self, case: &Case, run: &HopRun, chance: &mut Chance) -> Option<Command> {
        let law = self.place.law(&case.procedure)?;
        let now = timestamp(i64::try_from(self.now_ms).ok()?);
        let facts = self.facts(law, case, run, now, chance);
        let act = CaseAct::Continue(run.act, facts);
        Some(self.command(case.id, RequestId(chance.bytes()), act, body(run.act, chance)))
    }

    /// The act that opens a case.
    pub(super) fn submission(
        &self,
        sender: &str,
        asked: Submission,
        chance: &mut Chance,
    ) -> Command {
        let request = RequestId(chance.bytes());
        let case = crate::engine::case_id(sender, request);
        let body = body(asked.act, chance);
        self.command(case, request, CaseAct::Submit(asked), body)
    }

    fn command(&self, case: CaseId, request: RequestId, act: CaseAct, body: Body) -> Command {
        let mut fingerprint = [0; 32];
        let said = format!("{act:?}{body:?}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, said.as_bytes());
        fingerprint.copy_from_slice(digest.as_ref());
        Command {
            author: self.number,
            request,
            fingerprint,
            case,
            act,
            body,
            signature: Signature::Absent,
        }
    }

    fn facts(
        &self,
        law: &Procedure,
        case: &Case,
        run: &HopRun,
        now: Timestamp,
        chance: &mut Chance,
    ) -> ActFacts {
        let earlier = timestamp(now.as_millisecond() - 1000).max(run.opened_at);
        match run.act.states() {
            States::Nothing => ActFacts::Dispatch,
            States::Decision => ActFacts::Decision(self.decision(law, case, run.act, now, chance)),
            States::Instant => ActFacts::Happened { field: "happened_time", at: earlier },
            States::Arrival => {
                let consent = case.consent.as_ref();
                ActFacts::Arrival {
                    region: case.region,
                    consented_on: consent
                        .map_or_else(|| self.zone.to_datetime(now).date(), |it| it.decided_on),
                    persons: consent.map_or(case.persons, |it| it.persons),
                    filed_at: earlier,
                }
            }
            States::Grounds => ActFacts::NotAccepted { grounds: vec![Ground::IncompletePackage] },
            States::Hearing => {
                ActFacts::Hearing { at: timestamp(now.as_millisecond() + 5 * DAY_MS as i64) }
            }
            States::Postponement => {
                ActFacts::Postponed { until: timestamp(now.as_millisecond() + 9 * DAY_MS as i64) }
            }
        }
    }

    fn decision(
        &self,
        law: &Procedure,
        case: &Case,
        act: Act,
        now: Timestamp,
        chance: &mut Chance,
    ) -> Decision {
        let ground = law.grounds().iter().map(|listed| listed.ground);
        let ground = ground.clone().find(|ground| *ground == Ground::UnreliableData);
        let refuses = ground.is_some() && chance.hits(150);
        let of_its_own = [
            (Act::RecordConsentDecision, Outcome::Consent),
            (Act::RecordServiceResult, Outcome::Completed),
            (Act::AnswerComplaint, Outcome::Satisfied),
        ];
        let of_its_own = of_its_own.iter().find(|(of, _)| *of == act).map(|(_, outcome)| *outcome);
        let positive = of_its_own.or(law.grants()).unwrap_or(Outcome::Inclusion);
        let covered = case.consent.as_ref().map_or(case.persons, |consent| consent.persons);
        let persons = case.arrived_persons.unwrap_or(covered);
        let outcome = if refuses { Outcome::Refusal } else { positive };
        Decision {
            outcome,
            decided_on: self.zone.to_datetime(now).date(),
            persons: if refuses { 0 } else { persons },
            grounds: ground.filter(|_| refuses).into_iter().collect(),
            months: if outcome == Outcome::Extension { 3 } else { 0 },
        }
    }
}

/// The steps of a case that a party may take now, by their places.
pub(super) fn open_to(case: &Case, party: PartyNumber) -> impl Iterator<Item = (usize, &HopRun)> {
    let is_its = move |(_, run): &(usize, &HopRun)| {
        run.state == HopState::Open && run.holder == party && run.from != Actor::Internal
    };
    case.hops.iter().enumerate().filter(is_its)
}

/// A person who exists in no other world.
pub(super) fn person(chance: &mut Chance) -> IdentityHash {
    IdentityHash(chance.bytes())
}

fn body(act: Act, chance: &mut Chance) -> Body {
    let length = if chance.hits(200) { chance.below(MAX_BODY_BYTES) } else { chance.below(300) };
    let byte = act.tag();
    let bytes: Vec<u8> = (0..length).map(|_| byte).collect();
    Body::new(BodyKind::Dispatch, bytes)
}
