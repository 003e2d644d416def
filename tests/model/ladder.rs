//! The ladder as a reader of the rules writes it down: what is said of a running term, when and to
//! whom, without a line of the code under test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use jiff::civil::Date;

use super::law::{self, COMMITTEE, Seat, Term, Who, rule_of};
use super::reference::{Case, Name, Phase, Reference, Step};

const HOUR_MS: i64 = 3_600_000;

/// What the bus must have said in one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub planned_ms: i64,
    pub words: BTreeSet<Word>,
    /// Who has taken it from the inbox, with the record of that.
    pub taken: BTreeMap<Who, u64>,
    /// When it was recorded.
    pub said_ms: i64,
}

/// One rung of one clock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    pub case: Name,
    pub hop: u8,
    pub rung: &'static str,
    /// Working days overdue or late.
    pub days: u16,
    /// What was sent is to be taken.
    pub to_take: bool,
    pub to: BTreeSet<Who>,
}

impl Notice {
    pub fn told(&self) -> BTreeSet<Who> {
        self.words.iter().flat_map(|word| word.to.iter().copied()).collect()
    }
}

/// A running term: who must act or take what was sent.
struct Running<'a> {
    step: &'a Step,
    duty: Who,
    due_ms: i64,
    to_take: bool,
}

fn running(step: &Step) -> Option<Running<'_>> {
    let (_, due_ms) = step.due?;
    let (duty, to_take) = match step.phase {
        _ if rule_of(step.hop).from == Seat::Applicant => return None,
        Phase::Open => (step.holder, false),
        Phase::OnItsWay { to, .. } => (to, true),
        Phase::Done { .. } => return None,
    };
    Some(Running { step, duty, due_ms, to_take })
}

impl Running<'_> {
    /// The last day on which the party has a morning left.
    fn last_day(&self) -> Date {
        let day = law::day_of(self.duty, self.due_ms - 1);
        if morning(self.duty, day) < self.due_ms { day } else { before(day) }
    }

    /// What is said after `from_ms`, up to and at `to_ms`.
    fn rungs(&self, from_ms: i64, to_ms: i64) -> Vec<(i64, &'static str, u16)> {
        let (opened, last) = (law::day_of(self.duty, self.step.opened_ms), self.last_day());
        let half = Term::Working(u32::from(working_between(opened, last).div_ceil(2)));
        let half = law::last_day(half, opened);
        let mut eve = before(last);
        while !law::is_working(eve) {
            eve = before(eve);
        }
        let mut said = vec![(self.due_ms, "due", 0)];
        let mut day = opened.min(last) - Span::new().days(7);
        while morning(self.duty, day) <= to_ms {
            let rung = if day == last {
                Some(("due-morning", 0))
            } else if day == eve {
                Some(("day-before", 0))
            } else if Some(day) == half && day > opened && day < eve {
                Some(("half", 0))
            } else if day > last && law::is_working(day) {
                Some(("overdue", working_between(last, day)))
            } else {
                None
            };
            said.extend(rung.map(|(rung, days)| (morning(self.duty, day), rung, days)));
            day += Span::new().days(1);
        }
        said.retain(|(at, ..)| *at > from_ms && *at <= to_ms);
        said
    }

    /// Whoever is told of a rung: of half a term the party alone, of its last days also the
    /// committee, which is above everybody, and of its end the sender too.
    fn to(&self, case: &Case, rung: &str) -> BTreeSet<Who> {
        let above = (rung != "half").then_some(COMMITTEE);
        let of_end = ["due", "overdue", "late-discharge"].contains(&rung);
        let sender = if self.to_take { Some(self.step.holder) } else { case.opener(self.step) };
        [self.duty].into_iter().chain(above).chain(sender.filter(|_| of_end)).collect()
    }

    fn word(&self, (name, case): (Name, &Case), rung: &'static str, days: u16) -> Word {
        let (hop, to_take) = (self.step.hop, self.to_take);
        Word { case: name, hop, rung, days, to_take, to: self.to(case, rung) }
    }
}

impl Case {
    /// Whose act or receipt opened a step.
    fn opener(&self, step: &Step) -> Option<Who> {
        let opened = |other: &&Step| match other.phase {
            Phase::Open => false,
            Phase::OnItsWay { act, .. } => act == step.opened_by,
            Phase::Done { act, received } => {
                act == step.opened_by || received.is_some_and(|(by, _)| by == step.opened_by)
            }
        };
        self.steps.iter().find(opened).map(|other| other.holder)
    }
}

impl Reference {
    /// Time passes: everything that falls due is said, each instant in a record of its own.
    pub fn pass(&mut self, to_ms: i64) {
        let mut due: BTreeMap<i64, BTreeSet<Word>> = BTreeMap::new();
        for (name, case) in &self.cases {
            for running in case.steps.iter().filter_map(running) {
                for (at, rung, days) in running.rungs(self.now_ms, to_ms) {
                    due.entry(at).or_default().insert(running.word((*name, case), rung, days));
                }
            }
        }
        self.now_ms = to_ms;
        due.into_iter().for_each(|(at, words)| self.say(at, words));
    }

    /// What a change of a case means: terms that began when they had run out already, and those
    /// that had run out and have come to their end.
    pub fn follow(&mut self, name: Name, before: Option<&Case>) {
        let Some(case) = self.cases.get(&name) else { return };
        let mut words = BTreeSet::new();
        for (at, step) in case.steps.iter().enumerate() {
            let old = before.and_then(|before| before.steps.get(at));
            let was = old.and_then(running);
            if let Some(new) = running(step)
                && was.is_none()
                && new.due_ms <= self.now_ms
            {
                words.insert(new.word((name, case), "due", 0));
            }
            let Some(was) = was.filter(|was| was.due_ms <= self.now_ms) else { continue };
            // When it was done in law; for a delivery, when it was taken.
            let done_ms = match (&was.step.phase, &step.phase) {
                (Phase::Open, Phase::OnItsWay { .. } | Phase::Done { .. }) => step.acted_ms,
                (Phase::OnItsWay { .. }, Phase::Done { .. }) if step.acted_ms < was.due_ms => {
                    self.now_ms
                }
                (Phase::Open | Phase::OnItsWay { .. } | Phase::Done { .. }, _) => continue,
            };
            let days = working_between(was.last_day(), law::day_of(was.duty, done_ms));
            words.insert(was.word((name, case), "late-discharge", days));
        }
        if !words.is_empty() {
            self.say(self.now_ms, words);
        }
    }

    fn say(&mut self, planned_ms: i64, words: BTreeSet<Word>) {
        self.last += 1;
        let (taken, said_ms) = (BTreeMap::new(), self.now_ms);
        self.notices.insert(self.last, Notice { planned_ms, words, taken, said_ms });
    }

    /// Who has a notice in the inbox.
    pub fn notices_to(&self, who: Who) -> Vec<(i64, u64)> {
        let waits =
            |notice: &&Notice| notice.told().contains(&who) && !notice.taken.contains_key(&who);
        let waiting = self.notices.iter().filter(|(_, notice)| waits(notice));
        waiting.map(|(record, notice)| (notice.said_ms, *record)).collect()
    }
}

fn morning(who: Who, day: Date) -> i64 {
    law::start_of(who, day) + 9 * HOUR_MS
}

fn before(day: Date) -> Date {
    day - Span::new().days(1)
}

/// Working days after one day, up to and with another.
fn working_between(after: Date, through: Date) -> u16 {
    let mut days = 0;
    let mut day = after;
    while day < through {
        day += Span::new().days(1);
        days += u16::from(law::is_working(day));
    }
    days
}
