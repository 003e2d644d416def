//! The core's specification: scripts of what parties ask, each with its expected transcript.
//!
//! A file of `tests/data/transcripts` is one scenario. Its unindented lines are the script; the
//! indented lines under each are what the core answered. The runner plays the script against the
//! real procedures and the real calendar and compares the whole file; `KOPIR_BLESS=1` rewrites it,
//! to be read against the law before it is kept. A line of a script is one of
//!
//! ```text
//! # why this scenario is here
//! law consent-validity 365                     before the first `at`: the validity of a consent
//! registry akimat-kz-55 acts-for commission-kz-55                      likewise: an extra right
//! at 2021-09-06 10:00 [ZONE]                   sets the clock; Asia/Almaty unless told
//! > PARTY ACT CASE [consent|inclusion|refusal] [key=value …]           asks for an act
//! > PARTY acknowledge CASE #N                  acknowledges the delivery of act N
//! given PARTY …                                the same, accepted and not shown
//! show CASE                                    every hop with its clock, as of now
//! inbox PARTY                                  what is on its way to the party, earliest due first
//! probe CASE                     every party tries every act and receipt; nothing is recorded
//! ```
//!
//! The keys: `procedure`, `region`, `persons`, `filed`, `consent` (the date named at arrival), `on`
//! (the date of a decision), `grounds`, `handed-over`. Times are civil times of the author's zone.
//! Each `until` is the first instant that is too late, in UTC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as written"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use jiff::Timestamp;
use jiff::civil::DateTime;
use kopir::domain::calendar::Calendar;
use kopir::domain::party::{IdentityUri, Names, Parties, Party, PartyNumber, Role, bundled_zone};
use kopir::domain::term::{CalendarDays, Due, Source, Term};
use kopir::domain::{
    Act, ActFacts, ActRecorded, Actor, Body, BodyKind, Case, CaseAct, CaseId, CaseStatus, Command,
    Context, Decision, DeliveryAcknowledged, HopOpened, HopRun, HopState, Outcome, Procedures,
    Rejection, RequestId, Roster, Sequence, Submission,
};
use kopir::procedures;

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

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/transcripts");

#[test]
fn every_script_ends_in_its_transcript() {
    let files = scripts(Path::new(DIRECTORY));
    assert!(files.len() >= 30, "only {} transcripts in {DIRECTORY}", files.len());
    let mut wrong = String::new();
    for file in &files {
        let expected = fs::read_to_string(file).unwrap();
        let name = file.strip_prefix(DIRECTORY).unwrap().display();
        let actual = play(&expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        if actual != expected {
            write!(wrong, "\n{name}\n{}", difference(&expected, &actual)).unwrap();
            if is_blessing() {
                fs::write(file, actual).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "transcripts differ (KOPIR_BLESS=1 rewrites them):\n{wrong}");
}

/// Whatever the core can refuse for has been seen being refused. The names of [`variant`] that are
/// left out are the engine's and the edge's, not the core's.
#[test]
fn every_reason_to_refuse_and_every_hop_has_a_transcript() {
    let files = scripts(Path::new(DIRECTORY));
    let all: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for name in [
        "CaseNotVisible",
        "DeliveryUnknown",
        "OutOfOrder",
        "RegionUnknown",
        "ProcedureUnknown",
        "ConsentExpired",
        "GroundsRequired",
        "GroundsNotAllowed",
        "OutcomeNotAllowed",
        "Field",
        "Term",
    ] {
        assert!(all.contains(&format!("\n  rejected {name}")), "no transcript of {name}");
    }
    for procedure in procedures::load().unwrap().values() {
        for hop in procedure.hops() {
            assert!(all.contains(&format!(" {} in term", hop.id)) || hop.term == Term::None, "{}", hop.id);
            assert!(all.contains(&format!(" {} LATE", hop.id)) || hop.term == Term::None, "{}", hop.id);
        }
    }
}

fn scripts(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "blessing is asked for on the command line")]
fn is_blessing() -> bool {
    env::var("KOPIR_BLESS").is_ok_and(|value| value == "1")
}

/// Plays a script; its expected lines are dropped and written anew.
fn play(script: &str) -> Result<String, String> {
    let mut stage = Stage::new();
    let mut transcript = String::new();
    for (at, line) in script.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        let answers =
            stage.line(line).map_err(|problem| format!("line {}: {problem}", at + 1))?;
        transcript.push_str(line);
        transcript.push('\n');
        for answer in answers {
            writeln!(transcript, "  {answer}").unwrap();
        }
    }
    Ok(transcript)
}

/// The core with its surroundings, as far as the script has come.
struct Stage {
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
    fn new() -> Self {
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

    fn line(&mut self, line: &str) -> Answers {
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
                let due = open.due_at.map_or("no term".to_owned(), |due| format!("until {}", utc(due)));
                let holder = self.name(open.holder);
                format!("open {} {} of {} with {holder}, {due}{waits}", open.hop, open.act, open.from)
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
            HopState::Carried { to, .. } => Some(format!("{} on its way to {}", run.hop, self.name(*to))),
            HopState::Done { .. } => None,
        });
        let hops: Vec<String> = hops.collect();
        let colon = if hops.is_empty() { "" } else { ": " };
        format!("case {name} {status}{colon}{}", hops.join(", "))
    }

    fn show(&self, case: &Case) -> Vec<String> {
        let now = self.now.unwrap_or_default();
        let mut answers = vec![format!("{} {} for {}", case.procedure, case.region, persons(case.persons))];
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
                return CaseAct::Submit(Submission { procedure, region, persons: 1, filed_at: now });
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

/// The stable name of a rejection, with the facts it carries beside the open hops.
fn variant(rejection: &Rejection) -> String {
    match rejection {
        Rejection::CaseNotVisible => "CaseNotVisible".to_owned(),
        Rejection::DeliveryUnknown(delivery) => format!("DeliveryUnknown #{delivery}"),
        Rejection::OutOfOrder { act: _, open } if open.is_empty() => "OutOfOrder, nothing is open".to_owned(),
        Rejection::OutOfOrder { .. } => "OutOfOrder".to_owned(),
        Rejection::RequestReused(_) => "RequestReused".to_owned(),
        Rejection::RegionUnknown(region) => format!("RegionUnknown {region}"),
        Rejection::ProcedureUnknown(key) => format!("ProcedureUnknown {key}"),
        Rejection::ConsentExpired { decided_on, valid_until } => {
            format!("ConsentExpired, of {decided_on}, valid until {valid_until}")
        }
        Rejection::GroundsRequired => "GroundsRequired".to_owned(),
        Rejection::GroundsNotAllowed(rule) => format!("GroundsNotAllowed: {rule}"),
        Rejection::OutcomeNotAllowed(act) => format!("OutcomeNotAllowed {act}"),
        Rejection::Field { field, rule } => format!("Field {field} {rule}"),
        Rejection::Term(error) => format!("Term: {error}"),
        Rejection::Id(_) => "Id".to_owned(),
    }
}

/// Whether a hop's act came in its term, or where its clock stands.
fn in_term(run: &HopRun, now: Timestamp) -> String {
    let Some(due) = &run.due else { return "without a term".to_owned() };
    let kept = match (run.is_late(now), run.acted()) {
        (true, _) => "LATE",
        (false, Some(_)) => "in term",
        (false, None) => "running",
    };
    format!("{kept}, due {}, {}", due.date, source(run.source))
}

fn term(due: Option<&Due>, from: Source) -> String {
    match due {
        None => "no term".to_owned(),
        Some(due) => format!("{}, {}", until(due), source(from)),
    }
}

fn until(due: &Due) -> String {
    let estimated = if due.estimated { ", estimated" } else { "" };
    format!("due {} until {}{estimated}", due.date, utc(due.instant))
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Statutory => "statutory",
        Source::Assumed => "assumed",
    }
}

fn decided(decision: &Decision) -> String {
    let Decision { outcome, decided_on, persons: covered, grounds } = decision;
    let grounds: String = grounds.iter().map(|ground| format!(", {ground}")).collect();
    format!("decided {outcome} on {decided_on} for {}{grounds}", persons(*covered))
}

fn persons(count: u16) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} person{plural}")
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

fn context_time(now: Option<Timestamp>) -> Result<Timestamp, String> {
    now.ok_or_else(|| "no time is set".to_owned())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The lines that differ, by their longest common subsequence, each group after its line number.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut shown) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            writeln!(shown, "{:4} -{}", i + 1, old[i]).unwrap();
            i += 1;
        } else {
            writeln!(shown, "     +{}", new[j]).unwrap();
            j += 1;
        }
    }
    shown
}
