//! The stage on which a script is played: the core with real law and calendar, its cases and its
//! ledger folded as the index folds them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use kopir::domain::calendar::{
    Calendar, CalendarBuilder, CalendarVersion, Certainty, DayName, ListedDay, ListedKind,
};
use kopir::domain::party::{Party, PartyNumber, bundled_zone};
use kopir::domain::procedure::Procedure;
use kopir::domain::term::CalendarDays;
use kopir::domain::{
    Act, ActRecorded, Body, BodyKind, Case, CaseAct, Command, Context, DeliveryAcknowledged,
    HeldBy, HeldReason, HoldingChange, Procedures, QuotaKey, RequestId, Roster, Sequence, SetQuota,
    Signature, WhenUnset,
};
use kopir::procedures;

use crate::asks::{Args, case_id};
use crate::book::Book;
use crate::registry::{enrolled, parties};
use crate::words::{holding, quota, said};

/// The core with its surroundings, as far as the script has come.
pub struct Stage {
    parties: Vec<Party>,
    pub(crate) roster: Roster,
    calendar: Calendar,
    pub(crate) procedures: Procedures,
    when_unset: WhenUnset,
    pub(crate) now: Option<Timestamp>,
    pub(crate) cases: BTreeMap<String, Case>,
    pub(crate) book: Book,
    /// The number of the last record.
    pub(crate) last: u64,
}

pub type Answers = Result<Vec<String>, String>;

impl Stage {
    pub fn new() -> Self {
        let parties = parties(false);
        Self {
            roster: enrolled(&parties),
            parties,
            calendar: procedures::calendar::kazakhstan().unwrap(),
            procedures: procedures::load().unwrap(),
            when_unset: WhenUnset::Admit,
            now: None,
            cases: BTreeMap::new(),
            book: Book::default(),
            last: 0,
        }
    }

    /// Plays one line; what it answers is told in lines.
    pub fn line(&mut self, line: &str) -> Answers {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => Ok(vec![]),
            [first, ..] if first.starts_with('#') => Ok(vec![]),
            ["law", ref rest @ ..] if self.now.is_none() => self.law(rest),
            ["registry", ref rest @ ..] if self.now.is_none() => self.registry(rest),
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
            ["hold", party, case, delivery] => {
                let by = HeldBy::Bus(self.number(party)?);
                self.hold(by, case, delivery, HeldReason::Unacknowledged.name())
            }
            ["amend", version, ref days @ ..] => self.amend(version, days),
            ["expire", case] => self.expire(case),
            ["show", "quota", category, region, year] => {
                let key = quota_key(category, region, year)?;
                Ok(vec![quota(&key, kopir::domain::Ledger::quota(&self.book, key))])
            }
            ["show", case] => Ok(self.show(self.case(case)?)),
            ["inbox", party] => self.inbox(self.number(party)?),
            ["probe", case] => self.probe(case),
            _ => Err(format!("'{line}' is no line of a script")),
        }
    }

    /// What configuration says of the law.
    fn law(&mut self, words: &[&str]) -> Answers {
        let change: Box<dyn Fn(Procedure) -> Procedure> =
            match *words {
                ["unset-quota", "refuse"] => {
                    self.when_unset = WhenUnset::Refuse;
                    return Ok(vec![]);
                }
                ["consent-validity", days] => {
                    let days = CalendarDays(days.parse().map_err(said)?);
                    Box::new(move |law| law.with_consent_validity(Some(days)))
                }
                ["strict-from"] => Box::new(|law| {
                    let mut counting = law.counting();
                    counting.strict_from = true;
                    law.with_counting(counting)
                }),
                ["published", key, day] => {
                    let (key, day): (String, Date) = (key.to_owned(), day.parse().map_err(said)?);
                    Box::new(move |law| {
                        if law.key().to_string() == key { law.with_publication(day) } else { law }
                    })
                }
                _ => return Err(format!("law {words:?} is not known")),
            };
        let known = std::mem::take(&mut self.procedures).into_iter();
        self.procedures = known.map(|(key, law)| (key, change(law))).collect();
        Ok(vec![])
    }

    fn registry(&mut self, words: &[&str]) -> Answers {
        match *words {
            ["full"] => self.parties = parties(true),
            [actor, "acts-for", subject] => {
                let party = self.parties.iter_mut().find(|party| party.id.as_str() == actor);
                let subject = subject.parse().map_err(said)?;
                party.ok_or("no such party")?.acts_for.push(subject);
            }
            ["without", party] => self.parties.retain(|each| each.id.as_str() != party),
            _ => return Err(format!("registry {words:?} is not known")),
        }
        self.roster = enrolled(&self.parties);
        Ok(vec![])
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
        match (act, rest) {
            ("acknowledge", []) => {
                let mut answers = Vec::new();
                for delivery in self.on_its_way(by, name)? {
                    answers.extend(self.acknowledge(by, name, delivery)?);
                }
                if answers.is_empty() {
                    answers.push(format!("nothing is on its way to {party}"));
                }
                return Ok(answers);
            }
            ("acknowledge", [delivery]) => {
                let number = delivery.strip_prefix('#').ok_or("a delivery is written #N")?;
                return self.acknowledge(by, name, Sequence(number.parse().map_err(said)?));
            }
            ("reject", [delivery, reason]) => {
                return self.hold(HeldBy::Receiver(by), name, delivery, reason);
            }
            ("release" | "redirect" | "withdraw", rest) => {
                return self.resolve(by, act, name, rest);
            }
            ("set-quota", [region, year, persons]) => {
                return self.set_quota(by, quota_key(name, region, year)?, persons);
            }
            _ => {}
        }
        let act: Act = act.parse().map_err(said)?;
        let args = Args::new(rest)?;
        let command = self.command(by, name, self.parse_act(by, act, &args)?);
        match kopir::domain::decide(self.cases.get(name), &command, self.context()?) {
            Ok(event) => self.accepted(name, &event),
            Err(rejection) => Ok(self.rejected(&rejection)),
        }
    }

    pub fn command(&self, author: PartyNumber, name: &str, act: CaseAct) -> Command {
        let body = Body::new(BodyKind::Dispatch, []);
        let request = self.request();
        Command {
            author,
            request,
            fingerprint: [0; 32],
            case: case_id(name),
            act,
            body,
            signature: Signature::Absent,
        }
    }

    pub fn request(&self) -> RequestId {
        let mut request = [1; 16];
        request[..8].copy_from_slice(&self.last.to_be_bytes());
        RequestId(request)
    }

    /// Folds an act and tells what it says, what it opened and where the case stands after it.
    fn accepted(&mut self, name: &str, event: &ActRecorded) -> Answers {
        self.last += 1;
        let (sequence, now) = (Sequence(self.last), self.time()?);
        match self.cases.get_mut(name) {
            Some(case) => case.apply_act(event, sequence, now),
            None => {
                let case = Case::open(event, sequence, now).ok_or("a first act opens no case")?;
                self.cases.insert(name.to_owned(), case);
            }
        }
        if let Some(change) = event.holding {
            self.book.change(change);
        }
        self.keep_book(name)?;
        self.tell_act(name, event, sequence)
    }

    fn keep_book(&mut self, name: &str) -> Result<(), String> {
        let case = self.cases.get(name).ok_or("there is no such case")?;
        self.book.stands(case);
        self.book.audit(self.cases.values())
    }

    /// The acts that a party was sent and has not acknowledged, oldest first.
    fn on_its_way(&self, by: PartyNumber, name: &str) -> Result<Vec<Sequence>, String> {
        let case = self.case(name)?;
        let all = (1..=self.last).map(Sequence);
        Ok(all.filter(|each| case.awaited(*each).any(|to| to == by)).collect())
    }

    fn acknowledge(&mut self, by: PartyNumber, name: &str, delivery: Sequence) -> Answers {
        let context = self.context()?;
        let asked = kopir::domain::acknowledge(self.cases.get(name), delivery, by, context);
        let event: DeliveryAcknowledged = match asked {
            Ok(event) => event,
            Err(rejection) => return Ok(self.rejected(&rejection)),
        };
        self.last += 1;
        let (sequence, now) = (Sequence(self.last), self.time()?);
        let case = self.cases.get_mut(name).ok_or("an acknowledgement without a case")?;
        case.apply_acknowledged(&event, sequence, now);
        self.tell_receipt(name, &event, sequence)
    }

    fn set_quota(&mut self, author: PartyNumber, key: QuotaKey, persons: &str) -> Answers {
        let asked = SetQuota {
            author,
            request: self.request(),
            fingerprint: [0; 32],
            key,
            persons: persons.parse().map_err(said)?,
            basis: "order".to_owned(),
        };
        match kopir::domain::set_quota(&asked, self.context()?) {
            Ok(set) => {
                self.last += 1;
                self.book.set(set.key, set.persons);
                let now = kopir::domain::Ledger::quota(&self.book, key);
                Ok(vec![format!("accepted #{}: {}", self.last, quota(&key, now))])
            }
            Err(rejection) => Ok(self.rejected(&rejection)),
        }
    }

    fn expire(&mut self, name: &str) -> Answers {
        let Some(expired) = kopir::domain::expire(self.case(name)?, self.context()?) else {
            return Ok(vec!["nothing has expired".to_owned()]);
        };
        self.last += 1;
        let now = self.time()?;
        self.cases.get_mut(name).ok_or("there is no such case")?.apply_expiry(now);
        self.book.change(HoldingChange { before: Some(expired.holding), after: None });
        self.keep_book(name)?;
        let key = expired.holding.key;
        let free = kopir::domain::Ledger::quota(&self.book, key);
        Ok(vec![
            format!("recorded #{}: case {name} no longer {}", self.last, holding(&expired.holding)),
            quota(&key, free),
        ])
    }

    /// Puts an amended calendar in force and counts the open clocks again.
    fn amend(&mut self, version: &str, days: &[&str]) -> Answers {
        let after = amended(&self.calendar, version, days)?;
        let changes = match self.calendar.amended_by(&after) {
            Ok(changes) => changes.len(),
            Err(why) => return Ok(vec![format!("rejected: {why}")]),
        };
        self.calendar = after;
        self.last += 1;
        let amendment = Sequence(self.last);
        let mut answers = vec![format!("accepted #{amendment}: {changes} days change")];
        let names: Vec<String> = self.cases.keys().cloned().collect();
        for name in names {
            let moved = kopir::domain::recount(self.case(&name)?, amendment, self.context()?);
            let Some(moved) = moved else { continue };
            self.last += 1;
            answers.push(format!("recorded #{}: clocks of case {name} move", self.last));
            answers.extend(moved.moved.iter().map(crate::words::moved));
            let now = self.time()?;
            self.cases.get_mut(&name).ok_or("there is no such case")?.apply_moved(&moved, now);
        }
        Ok(answers)
    }

    pub fn context(&self) -> Result<Context<'_>, String> {
        let Self { calendar, roster, procedures, when_unset, book, .. } = self;
        let when_unset = *when_unset;
        Ok(Context { now: self.time()?, calendar, roster, procedures, ledger: book, when_unset })
    }

    pub fn time(&self) -> Result<Timestamp, String> {
        self.now.ok_or_else(|| "no time is set".to_owned())
    }

    pub fn today(&self, by: PartyNumber) -> Result<Date, String> {
        Ok(self.roster.zone(by).to_datetime(self.time()?).date())
    }

    pub fn case(&self, name: &str) -> Result<&Case, String> {
        self.cases.get(name).ok_or_else(|| format!("there is no case {name}"))
    }

    pub fn number(&self, party: &str) -> Result<PartyNumber, String> {
        let number = self.roster.number(&party.parse().map_err(said)?);
        number.ok_or_else(|| format!("there is no party {party}"))
    }

    pub fn name(&self, party: PartyNumber) -> &str {
        self.roster.id(party).map_or("nobody", |id| id.as_str())
    }

    pub fn instant(&self, by: PartyNumber, text: &str) -> Result<Timestamp, String> {
        let civil: DateTime = text.parse().map_err(said)?;
        self.roster.zone(by).to_timestamp(civil).map_err(said)
    }
}

fn quota_key(category: &str, region: &str, year: &str) -> Result<QuotaKey, String> {
    Ok(QuotaKey {
        category: category.parse().map_err(said)?,
        region: region.parse().map_err(said)?,
        year: year.parse().map_err(said)?,
    })
}

/// The calendar with days listed otherwise: `2024-09-16=off`, `2024-09-21=working`, or `=usual`.
fn amended(before: &Calendar, version: &str, days: &[&str]) -> Result<Calendar, String> {
    let mut listed: BTreeMap<Date, ListedDay> =
        before.listed().iter().map(|day| (day.date, day.clone())).collect();
    for day in days {
        let (date, kind) = day.split_once('=').ok_or("a day is written DATE=KIND")?;
        let date: Date = date.parse().map_err(said)?;
        let kind = match kind {
            "off" => ListedKind::MovedOff,
            "holiday" => ListedKind::Holiday,
            "working" => ListedKind::WorkingWeekend,
            "usual" => {
                listed.remove(&date);
                continue;
            }
            other => return Err(format!("{other} is no kind of a day")),
        };
        let name = DayName { en: "Amended".into(), kk: "Өзгертілді".into() };
        listed.insert(date, ListedDay { date, kind, certainty: Certainty::Fixed, name });
    }
    let version = CalendarVersion::parse(version).map_err(said)?;
    let mut builder = CalendarBuilder::new(version, before.first(), before.last()).map_err(said)?;
    for day in listed.into_values() {
        builder.list(day).map_err(said)?;
    }
    Ok(builder.build())
}
