//! The stage on which a script is played: the core with real law and calendar, its cases folded as
//! the index folds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use kopir::domain::calendar::Calendar;
use kopir::domain::party::{IdentityUri, Names, Parties, Party, PartyNumber, Role, bundled_zone};
use kopir::domain::term::CalendarDays;
use kopir::domain::{
    Act, ActFacts, ActRecorded, Actor, Body, BodyKind, Case, CaseAct, CaseId, CaseStatus, Command,
    Context, Decision, DeliveryAcknowledged, HopOpened, HopState, Outcome, Procedures, Rejection,
    RequestId, Roster, Sequence, Submission,
};
use kopir::procedures;

use crate::words::{decided, in_term, persons, said, term, until, utc, variant};

/// The parties of every scenario, in the order in which they are enrolled.
#[rustfmt::skip]
const PARTIES: &[(&str, Role, Option<&str>, &str)] = &[
    ("migration-committee", Role::MigrationBody, None, "Asia/Almaty"),
    ("mission-uz", Role::ForeignMission, None, "Asia/Tashkent"),
    ("mission-cn", Role::ForeignMission, None, "Asia/Shanghai"),
    ("mission-mn", Role::ForeignMission, None, "Asia/Ulaanbaatar"),
    ("mission-ru", Role::ForeignMission, None, "Europe/Moscow"),
    ("akimat-kz-55", Role::Akimat, Some("KZ-55"), "Asia/Almaty"),
    ("commission-kz-55", Role::Commission, Some("KZ-55"), "Asia/Almaty"),
    ("akimat-kz-10", Role::Akimat, Some("KZ-10"), "Asia/Almaty"),
    ("commission-kz-10", Role::Commission, Some("KZ-10"), "Asia/Almaty"),
    ("akimat-kz-23", Role::Akimat, Some("KZ-23"), "Asia/Atyrau"),
    ("commission-kz-23", Role::Commission, Some("KZ-23"), "Asia/Atyrau"),
    // A region whose commission is not registered yet.
    ("akimat-kz-47", Role::Akimat, Some("KZ-47"), "Asia/Aqtau"),
];

const KEYS: &[&str] =
    &["procedure", "region", "persons", "filed", "consent", "on", "grounds", "handed-over"];

/// The core with its surroundings, as far as the script has come.
pub struct Stage {
    parties: Vec<Party>,
    roster: Roster,
    calendar: Calendar,
    procedures: Procedures,
    now: Option<Timestamp>,
    cases: BTreeMap<String, Case>,
    /// The number of the last record.
    last: u64,
}

type Answers = Result<Vec<String>, String>;

impl Stage {
    pub fn new() -> Self {
        let parties: Vec<Party> = PARTIES.iter().copied().map(party).collect();
        Self {
            roster: enrolled(&parties),
            parties,
            calendar: procedures::calendar::kazakhstan().unwrap(),
            procedures: procedures::load().unwrap(),
            now: None,
            cases: BTreeMap::new(),
            last: 0,
        }
    }

    /// Plays one line; what it answers is told in lines.
    pub fn line(&mut self, line: &str) -> Answers {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => Ok(vec![]),
            [first, ..] if first.starts_with('#') => Ok(vec![]),
            ["law", "consent-validity", days] if self.now.is_none() => {
                let days = CalendarDays(days.parse().map_err(said)?);
                let known = std::mem::take(&mut self.procedures).into_iter();
                let with = |(key, law): (_, kopir::domain::procedure::Procedure)| {
                    (key, law.with_consent_validity(Some(days)))
                };
                self.procedures = known.map(with).collect();
                Ok(vec![])
            }
            ["registry", actor, "acts-for", subject] if self.now.is_none() => {
                let party = self.parties.iter_mut().find(|party| party.id.as_str() == actor);
                let subject = subject.parse().map_err(said)?;
                party.ok_or("no such party")?.acts_for.push(subject);
                self.roster = enrolled(&self.parties);
                Ok(vec![])
            }
            ["at", date, time] => self.set_clock(date, time, "Asia/Almaty"),
            ["at", date, time, zone] => self.set_clock(date, time, zone),
            [">", party, act, case, ref rest @ ..] => self.ask(party, act, case, rest),
            ["given", party, act, case, ref rest @ ..] => {
                let answers = self.ask(party, act, case, rest)?;
                match answers.first() {
                    Some(first) if first.starts_with("accepted") => Ok(vec![]),
                    _ => Err(format!("a given act was not accepted: {answers:?}")),
                }
            }
            ["show", case] => Ok(self.show(self.case(case)?)),
            ["inbox", party] => self.inbox(self.number(party)?),
            ["probe", case] => self.probe(case),
            _ => Err(format!("'{line}' is no line of a script")),
        }
    }

    fn set_clock(&mut self, date: &str, time: &str, zone: &str) -> Answers {
        let civil: DateTime = format!("{date}T{time}").parse().map_err(said)?;
        let zone = bundled_zone(zone).map_err(said)?;
        let now = zone.to_timestamp(civil).map_err(said)?;
        if self.now.is_some_and(|before| before > now) {
            return Err("the clock only moves forward".to_owned());
        }
        self.now = Some(now);
        Ok(vec![])
    }

    fn ask(&mut self, party: &str, act: &str, name: &str, rest: &[&str]) -> Answers {
        let by = self.number(party)?;
        if let ("acknowledge", [delivery]) = (act, rest) {
            let number = delivery.strip_prefix('#').ok_or("a delivery is written #N")?;
            return self.acknowledge(by, name, Sequence(number.parse().map_err(said)?));
        }
        let act: Act = act.parse().map_err(said)?;
        let args = Args::new(rest)?;
        let command = self.command(by, name, self.parse_act(by, act, &args)?);
        match kopir::domain::decide(self.cases.get(name), &command, self.context()?) {
            Ok(event) => self.accepted(name, &event),
            Err(rejection) => Ok(self.rejected(&rejection)),
        }
    }

    fn parse_act(&self, by: PartyNumber, act: Act, args: &Args<'_>) -> Result<CaseAct, String> {
        let instant = |text: &str| self.instant(by, text);
        if act == Act::SubmitApplication {
            let key = args.get("procedure").unwrap_or("kandas-mission/2021");
            let (procedure, edition) = key.split_once('/').ok_or("procedure=NAME/EDITION")?;
            let procedure = kopir::domain::ProcedureKey {
                procedure: procedure.parse().map_err(said)?,
                edition: edition.parse().map_err(said)?,
            };
            let (region, persons) = (args.read("region")?, args.read("persons")?);
            let filed_at = instant(args.need("filed")?)?;
            return Ok(CaseAct::Submit(Submission { procedure, region, persons, filed_at }));
        }
        let facts = if let Some(outcome) = args.outcome {
            let grounds = args.get("grounds").into_iter().flat_map(|list| list.split(','));
            ActFacts::Decision(Decision {
                outcome,
                decided_on: args.read("on")?,
                persons: args.read("persons")?,
                grounds: grounds.map(str::parse).collect::<Result<_, _>>().map_err(said)?,
            })
        } else if let Some(at) = args.get("handed-over") {
            ActFacts::HandOver { handed_over_at: instant(at)? }
        } else if let Some(filed) = args.get("filed") {
            ActFacts::Arrival {
                region: args.read("region")?,
                consented_on: args.read("consent")?,
                persons: args.read("persons")?,
                filed_at: instant(filed)?,
            }
        } else {
            ActFacts::Dispatch
        };
        Ok(CaseAct::Continue(act, facts))
    }

    fn command(&self, author: PartyNumber, name: &str, act: CaseAct) -> Command {
        let mut case = [0; 16];
        let bytes = name.as_bytes();
        case[..bytes.len()].copy_from_slice(bytes);
        let mut request = [1; 16];
        request[..8].copy_from_slice(&self.last.to_be_bytes());
        let (case, request) = (CaseId(case), RequestId(request));
        let body = Body { kind: BodyKind::Dispatch, bytes: Arc::from([]) };
        Command { author, request, fingerprint: [0; 32], case, act, body }
    }

    /// Folds an act and tells what it says, what it opened and where the case stands after it.
    fn accepted(&mut self, name: &str, event: &ActRecorded) -> Answers {
        self.last += 1;
        let (sequence, now) = (Sequence(self.last), self.now.ok_or("no time is set")?);
        match self.cases.get_mut(name) {
            Some(case) => case.apply_act(event, sequence, now),
            None => {
                let case = Case::open(event, sequence, now).ok_or("a first act opens no case")?;
                self.cases.insert(name.to_owned(), case);
            }
        }
        let case = self.case(name)?;
        let run = case.hops.iter().find(|run| run.hop == event.hop);
        let run = run.ok_or("the discharged hop is not in the case")?;
        let mut answers = vec![format!("accepted #{sequence}: {} {}", run.hop, in_term(run, now))];
        if event.discharged_at != now {
            answers.push(format!("happened {}", utc(event.discharged_at)));
        }
        if let Some(beside) = event.opening.as_ref().and_then(|opening| opening.recorded_with) {
            answers.push(format!("records {beside} beside it"));
        }
        answers.extend(event.decision.as_ref().map(decided));
        if let Some(clock) = &event.service {
            let weight = if clock.informative { "informs" } else { "binds" };
            let from = utc(clock.opened_at);
            answers.push(format!("service clock from {from}, {}, {weight}", until(&clock.due)));
        }
        answers.extend(event.opened.iter().map(|opened| self.opened(opened)));
        if let Some(delivery) = event.delivery {
            let to = self.name(delivery.to);
            answers.push(format!("delivered to {to} in order {}", utc(delivery.order)));
        }
        answers.push(self.standing(name, case));
        Ok(answers)
    }

    fn acknowledge(&mut self, by: PartyNumber, name: &str, delivery: Sequence) -> Answers {
        let context = self.context()?;
        let asked = kopir::domain::acknowledge(self.cases.get(name), delivery, by, context);
        let event: DeliveryAcknowledged = match asked {
            Ok(event) => event,
            Err(rejection) => return Ok(self.rejected(&rejection)),
        };
        self.last += 1;
        let (sequence, now) = (Sequence(self.last), context_time(self.now)?);
        let case = self.cases.get_mut(name).ok_or("an acknowledgement without a case")?;
        case.apply_acknowledged(&event, sequence, now);
        let case = self.case(name)?;
        let run = case.delivered(delivery).ok_or("an acknowledged delivery is in no case")?;
        let by = self.name(event.by);
        let mut answers = vec![format!("accepted #{sequence}: {} received by {by}", run.hop)];
        answers.extend(event.opened.iter().map(|opened| self.opened(opened)));
        answers.push(self.standing(name, case));
        Ok(answers)
    }

    fn rejected(&self, rejection: &Rejection) -> Vec<String> {
        let mut answers = vec![format!("rejected {}", variant(rejection))];
        if let Rejection::OutOfOrder { open, .. } = rejection {
            let tell = |open: &kopir::domain::OpenHop| {
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
        let HopOpened { hop, act, from, holder, opened_at, due, source } = opened;
        let holder = self.name(*holder);
        let whose = match from {
            Actor::Applicant => format!("the applicant, recorded by {holder}"),
            Actor::Role(_) => holder.to_owned(),
        };
        let term = term(due.as_ref(), *source);
        format!("opened {hop} {act} for {whose}, from {}, {term}", utc(*opened_at))
    }

    /// Where a case stands: every hop that is not done.
    fn standing(&self, name: &str, case: &Case) -> String {
        let status = match case.status() {
            CaseStatus::InProgress => "in progress",
            CaseStatus::AwaitingApplicant => "awaiting the applicant",
            CaseStatus::Closed => "closed",
        };
        let hops = case.hops.iter().filter_map(|run| match &run.state {
            HopState::Open if run.is_obligation() => {
                Some(format!("{} of {}", run.hop, self.name(run.holder)))
            }
            HopState::Open => Some(format!("{} of the applicant", run.hop)),
            HopState::Carried { to, .. } => {
                Some(format!("{} on its way to {}", run.hop, self.name(*to)))
            }
            HopState::Done { .. } => None,
        });
        let hops: Vec<String> = hops.collect();
        let colon = if hops.is_empty() { "" } else { ": " };
        format!("case {name} {status}{colon}{}", hops.join(", "))
    }

    fn show(&self, case: &Case) -> Vec<String> {
        let now = self.now.unwrap_or_default();
        let mut answers =
            vec![format!("{} {} for {}", case.procedure, case.region, persons(case.persons))];
        for (role, party) in &case.participants {
            answers.push(format!("{role} {}", self.name(*party)));
        }
        answers.extend(case.consent.as_ref().map(decided));
        answers.extend(case.inclusion.as_ref().map(decided));
        for clock in &case.service {
            answers.push(format!("service clock {}", until(&clock.due)));
        }
        for run in &case.hops {
            let state = match (run.acted(), run.received()) {
                (None, _) => "open".to_owned(),
                (Some(acted), None) => format!("#{}", acted.sequence),
                (Some(acted), Some(receipt)) => {
                    format!("#{}, received #{}", acted.sequence, receipt.moment.sequence)
                }
            };
            let opened = utc(run.opened_at);
            answers.push(format!("{} {} from {opened}, {state}", run.hop, in_term(run, now)));
        }
        answers
    }

    fn inbox(&self, party: PartyNumber) -> Answers {
        let mut queue = Vec::new();
        for (name, case) in &self.cases {
            for run in &case.hops {
                if let HopState::Carried { acted, to, order } = &run.state
                    && *to == party
                {
                    queue.push((*order, acted.sequence, name, run.hop));
                }
            }
        }
        queue.sort();
        let tell = |(order, sequence, name, hop): &(_, _, _, _)| {
            format!("{} #{sequence} {hop} of case {name}", utc(*order))
        };
        Ok(queue.iter().map(tell).collect())
    }

    /// Every party tries every act with facts that would fit it, and every delivery is looked for
    /// in every inbox. Tells who may do what and how the rest is refused. Only the parties of the
    /// case try to submit into it: a submission of another names a case of its own.
    fn probe(&self, name: &str) -> Answers {
        let case = self.case(name)?;
        let mut may = Vec::new();
        let mut refused: BTreeMap<Vec<String>, BTreeMap<&str, usize>> = BTreeMap::new();
        for (party, _, _, _) in PARTIES {
            let by = self.number(party)?;
            let takes_part = case.participants.iter().any(|(_, each)| *each == by);
            for act in Act::ALL {
                if *act == Act::SubmitApplication && !takes_part {
                    continue;
                }
                let command = self.command(by, name, self.fitting(by, *act, case));
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

    fn fitting(&self, by: PartyNumber, act: Act, case: &Case) -> CaseAct {
        let now = self.now.unwrap_or_default();
        let today = self.roster.zone(by).to_datetime(now).date();
        let decision = |outcome| {
            ActFacts::Decision(Decision { outcome, decided_on: today, persons: 1, grounds: vec![] })
        };
        let facts = match act {
            Act::SubmitApplication => {
                let (procedure, region) = (case.procedure.clone(), case.region);
                return CaseAct::Submit(Submission {
                    procedure,
                    region,
                    persons: 1,
                    filed_at: now,
                });
            }
            Act::ForwardApplication
            | Act::ReferToCommission
            | Act::SendConsentDecision
            | Act::ForwardDecision => ActFacts::Dispatch,
            Act::RecordConsentDecision => decision(Outcome::Consent),
            Act::RecordInclusionDecision => decision(Outcome::Inclusion),
            Act::HandOverDecision | Act::HandOverInclusionDecision => {
                ActFacts::HandOver { handed_over_at: now }
            }
            Act::RegisterArrival => ActFacts::Arrival {
                region: case.region,
                consented_on: case.consent.as_ref().map_or(today, |consent| consent.decided_on),
                persons: 1,
                filed_at: now,
            },
        };
        CaseAct::Continue(act, facts)
    }

    fn context(&self) -> Result<Context<'_>, String> {
        let now = context_time(self.now)?;
        let Self { calendar, roster, procedures, .. } = self;
        Ok(Context { now, calendar, roster, procedures })
    }

    fn case(&self, name: &str) -> Result<&Case, String> {
        self.cases.get(name).ok_or_else(|| format!("there is no case {name}"))
    }

    fn number(&self, party: &str) -> Result<PartyNumber, String> {
        let number = self.roster.number(&party.parse().map_err(said)?);
        number.ok_or_else(|| format!("there is no party {party}"))
    }

    fn name(&self, party: PartyNumber) -> &str {
        self.roster.id(party).map_or("nobody", |id| id.as_str())
    }

    fn instant(&self, by: PartyNumber, text: &str) -> Result<Timestamp, String> {
        let civil: DateTime = text.parse().map_err(said)?;
        self.roster.zone(by).to_timestamp(civil).map_err(said)
    }
}

/// What follows the case in a line of the script.
struct Args<'a> {
    outcome: Option<Outcome>,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Args<'a> {
    fn new(words: &[&'a str]) -> Result<Self, String> {
        let mut args = Self { outcome: None, values: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if KEYS.contains(&key) => drop(args.values.insert(key, value)),
                Some((key, _)) => return Err(format!("{key} is not a key")),
                None => args.outcome = Some(word.parse().map_err(said)?),
            }
        }
        Ok(args)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied()
    }

    fn need(&self, key: &str) -> Result<&'a str, String> {
        self.get(key).ok_or_else(|| format!("{key} is missing"))
    }

    fn read<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<T, String> {
        self.need(key)?.parse().map_err(said)
    }
}

fn party((id, role, region, zone): (&str, Role, Option<&str>, &str)) -> Party {
    let id: kopir::domain::party::PartyId = id.parse().unwrap();
    let names = Names { kk: id.to_string(), ru: id.to_string(), en: id.to_string() };
    Party {
        identities: vec![IdentityUri::of(&id)],
        id,
        role,
        region: region.map(|code| code.parse().unwrap()),
        names,
        zone: bundled_zone(zone).unwrap(),
        supervisor: None,
        acts_for: vec![],
    }
}

fn enrolled(parties: &[Party]) -> Roster {
    let parties = Parties::new(parties.to_vec()).unwrap();
    let mut roster = Roster::new(parties, []);
    for enrolment in roster.missing() {
        roster.enrol(enrolment);
    }
    roster
}

fn context_time(now: Option<Timestamp>) -> Result<Timestamp, String> {
    now.ok_or_else(|| "no time is set".to_owned())
}
