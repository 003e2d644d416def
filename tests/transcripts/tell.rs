//! How the stage tells what happened and where a case stands.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kopir::domain::case::CopyRun;
use kopir::domain::party::PartyNumber;
use kopir::domain::{
    Act, ActRecorded, Actor, Case, CaseStatus, Delivery, DeliveryAcknowledged, DeliveryKind,
    HoldingChange, HopOpened, HopRun, HopState, OpenHop, Rejection, Sequence,
};

use crate::stage::{Answers, Stage};
use crate::words::{decided, holding, in_term, persons, quota, term, until, utc, variant};

impl Stage {
    pub fn tell_act(&self, name: &str, event: &ActRecorded, sequence: Sequence) -> Answers {
        let (case, now) = (self.case(name)?, self.time()?);
        let last = |hop| case.hops.iter().rfind(|run| run.hop == hop && run.acted().is_some());
        let run = last(event.hop).ok_or("the discharged hop is not in the case")?;
        let mut answers = vec![format!("accepted #{sequence}: {} {}", run.hop, in_term(run, now))];
        if event.discharged_at != now {
            answers.push(format!("happened {}", utc(event.discharged_at)));
        }
        if let Some(beside) = event.opening.as_ref().and_then(|opening| opening.recorded_with) {
            answers.push(format!("records {beside} beside it"));
        }
        for hop in &event.also {
            let run = last(*hop).ok_or("a hop done with another is not in the case")?;
            answers.push(format!("does {} too, {}", run.hop, in_term(run, now)));
        }
        if let Some(decision) = &event.decision {
            let told = decided(decision);
            let recommends = event.act == Act::RecordRecommendation;
            answers.push(if recommends { told.replace("decided", "recommends") } else { told });
        }
        if let Some(at) = event.hearing_at {
            answers.push(format!("hearing at {}", utc(at)));
        }
        answers.extend(event.holding.map(|change| self.places(change)).unwrap_or_default());
        if let Some(clock) = &event.service {
            let weight = if clock.informative { "informs" } else { "binds" };
            let from = utc(clock.opened_at);
            answers.push(format!("service clock from {from}, {}, {weight}", until(&clock.due)));
        }
        answers.extend(event.closed.iter().map(|hop| format!("ended {hop}")));
        let opened = event.opened.iter().filter(|opened| !event.also.contains(&opened.hop));
        answers.extend(opened.map(|opened| self.opened(opened)));
        answers.extend(event.deliveries.iter().map(|delivery| self.delivery(delivery)));
        // One act may carry several hops to one party, which gets it once.
        answers.dedup();
        answers.push(self.standing(name, case));
        Ok(answers)
    }

    pub fn tell_receipt(
        &self,
        name: &str,
        event: &DeliveryAcknowledged,
        sequence: Sequence,
    ) -> Answers {
        let case = self.case(name)?;
        let by = self.name(event.by);
        let mut of = case.hops.iter().filter(|run| {
            let received = run.received().is_some_and(|receipt| receipt.by == event.by);
            received && run.acted().is_some_and(|acted| acted.sequence == event.delivery)
        });
        let what = match of.next() {
            Some(run) => run.hop.to_string(),
            None => format!("copy of #{}", event.delivery),
        };
        let mut answers = vec![format!("accepted #{sequence}: {what} received by {by}")];
        answers.extend(event.opened.iter().map(|opened| self.opened(opened)));
        answers.push(self.standing(name, case));
        Ok(answers)
    }

    /// What an act does to the quotas, in scenarios that set them.
    fn places(&self, change: HoldingChange) -> Vec<String> {
        let HoldingChange { before, after } = change;
        let keys: BTreeSet<_> = before.iter().chain(&after).map(|each| each.key).collect();
        let mut answers = Vec::new();
        for key in keys.into_iter().filter(|key| self.book.is_set(*key)) {
            if let Some(before) = before.filter(|each| each.key == key) {
                answers.push(format!("no longer {}", holding(&before)));
            }
            answers.extend(after.filter(|each| each.key == key).as_ref().map(holding));
            answers.push(quota(&key, kopir::domain::Ledger::quota(&self.book, key)));
        }
        answers
    }

    pub fn rejected(&self, rejection: &Rejection) -> Vec<String> {
        let mut answers = vec![format!("rejected {}", variant(rejection))];
        if let Rejection::OutOfOrder { open, .. } = rejection {
            let tell = |open: &OpenHop| {
                let waits = if open.awaiting_receipt { ", awaiting its receipt" } else { "" };
                let due =
                    open.due_at.map_or("no term".to_owned(), |due| format!("until {}", utc(due)));
                let holder = self.name(open.holder);
                format!(
                    "open {} {} of {} with {holder}, {due}{waits}",
                    open.hop, open.act, open.from
                )
            };
            answers.extend(open.iter().map(tell));
        }
        answers
    }

    fn opened(&self, opened: &HopOpened) -> String {
        let HopOpened { hop, act, from, holder, opened_at, due, source, branch } = opened;
        let holder = self.name(*holder);
        let whose = match from {
            Actor::Applicant => format!("the applicant, recorded by {holder}"),
            Actor::Internal | Actor::Channel | Actor::DepartureAkimat | Actor::Role(_) => {
                holder.to_owned()
            }
        };
        let term = term(due.as_ref(), *source);
        let opened = if *branch { "possible" } else { "opened" };
        format!("{opened} {hop} {act} for {whose}, from {}, {term}", utc(*opened_at))
    }

    fn delivery(&self, delivery: &Delivery) -> String {
        let Delivery { hop, to, order, kind } = delivery;
        let (to, order) = (self.name(*to), utc(*order));
        match kind {
            DeliveryKind::Hop => format!("delivered to {to} in order {order}"),
            DeliveryKind::Copy => format!("copied to {to} by {hop} in order {order}"),
            DeliveryKind::Stage => format!("stage to {to} by {hop} in order {order}"),
        }
    }

    /// Where a case stands: every hop that is not done.
    pub fn standing(&self, name: &str, case: &Case) -> String {
        let status = match case.status() {
            CaseStatus::InProgress => "in progress",
            CaseStatus::AwaitingApplicant => "awaiting the applicant",
            CaseStatus::Closed => "closed",
        };
        let hops = case.hops.iter().filter_map(|run| match &run.state {
            HopState::Open if run.branch => Some(format!("{} possible", run.hop)),
            HopState::Open if run.is_obligation() => {
                Some(format!("{} of {}", run.hop, self.name(run.holder)))
            }
            HopState::Open => Some(format!("{} of the applicant", run.hop)),
            HopState::Carried { to, held, .. } => {
                let where_to = if held.is_some() { "held with" } else { "on its way to" };
                Some(format!("{} {where_to} {}", run.hop, self.name(*to)))
            }
            HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. } => None,
        });
        let hops: Vec<String> = hops.collect();
        let colon = if hops.is_empty() { "" } else { ": " };
        format!("case {name} {status}{colon}{}", hops.join(", "))
    }

    pub fn show(&self, case: &Case) -> Vec<String> {
        let now = self.now.unwrap_or_default();
        let from = case.departure.map(|region| format!(" from {region}")).unwrap_or_default();
        let head = format!("{} {}{from}", case.procedure, case.region);
        let mut answers = vec![format!("{head} for {}", persons(case.persons))];
        for (role, party) in &case.participants {
            let stands = |(other, same): &(Actor, PartyNumber)| other != role && same == party;
            if *role == Actor::Channel && case.participants.iter().any(stands) {
                continue;
            }
            answers.push(format!("{role} {}", self.name(*party)));
        }
        answers.extend(case.consent.as_ref().map(decided));
        answers.extend(case.decision.as_ref().map(decided));
        let held = case.holding.filter(|held| self.book.is_set(held.key));
        answers.extend(held.as_ref().map(holding));
        for clock in &case.service {
            answers.push(format!("service clock {}", until(&clock.due)));
        }
        answers.extend(case.hops.iter().map(|run| shown(run, now)));
        for copy in &case.copies {
            let to = self.name(copy.to);
            let what = if copy.stage { "stage" } else { "copy" };
            let state = match (copy.received, copy.held) {
                (Some(received), _) => format!("received #{}", received.sequence),
                (None, Some(held)) => format!("held #{}", held.since.sequence),
                (None, None) => "on its way".to_owned(),
            };
            answers.push(format!("{what} of #{} to {to}, {state}", copy.delivery));
        }
        answers
    }

    pub fn inbox(&self, party: PartyNumber) -> Answers {
        let mut queue = Vec::new();
        for (name, case) in &self.cases {
            for run in &case.hops {
                if let HopState::Carried { acted, to, order, held: None } = &run.state
                    && *to == party
                {
                    queue.push((*order, acted.sequence, name, run.hop));
                }
            }
            let open = |copy: &&CopyRun| {
                copy.to == party && copy.received.is_none() && copy.held.is_none()
            };
            let copies = case.copies.iter().filter(open);
            queue.extend(copies.map(|copy| (copy.order, copy.delivery, name, copy.hop)));
        }
        queue.sort();
        let tell = |(order, sequence, name, hop): &(_, _, _, _)| {
            format!("{} #{sequence} {hop} of case {name}", utc(*order))
        };
        Ok(queue.iter().map(tell).collect())
    }
}

fn shown(run: &HopRun, now: Timestamp) -> String {
    let state = match (&run.state, run.acted(), run.received()) {
        (HopState::Ended { ended }, _, _) => format!("ended #{}", ended.sequence),
        (_, None, _) => "open".to_owned(),
        (HopState::Withdrawn { acted, withdrawn }, _, _) => {
            format!("#{}, withdrawn #{}", acted.sequence, withdrawn.sequence)
        }
        (HopState::Carried { acted, held: Some(held), .. }, _, _) => {
            format!("#{}, held #{}, {}", acted.sequence, held.since.sequence, held.reason)
        }
        (_, Some(acted), None) => format!("#{}", acted.sequence),
        (_, Some(acted), Some(receipt)) => {
            format!("#{}, received #{}", acted.sequence, receipt.moment.sequence)
        }
    };
    let possible = if run.branch { ", a branch" } else { "" };
    format!("{} {} from {}{possible}, {state}", run.hop, in_term(run, now), utc(run.opened_at))
}
