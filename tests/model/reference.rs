//! The reference: what the bus must hold after each thing asked of it, kept as plain lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::ladder::Notice;
use super::law::{
    self, COMMITTEE, Deed, MISSIONS, Next, Seat, WHO, Who, acts_for, akimat_and_commission, rule_of,
};

/// A case, by the party and the request that opened it.
pub type Name = (Who, u64);

/// Something that a party asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Submit { by: Who, request: u64, region: u8, persons: u16, filed_ms: i64 },
    Do { by: Who, request: u64, case: Name, deed: Deed, facts: Facts },
    Acknowledge { by: Who, case: Name, delivery: u64 },
    TakeNotice { by: Who, notice: u64 },
}

/// What a later act states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    None,
    Decision { outcome: Outcome, day: Date, persons: u16, grounds: u8 },
    HandedOver { at_ms: i64 },
    Arrival { region: u8, consent_day: Date, persons: u16, filed_ms: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Consent,
    Inclusion,
    Refusal,
}

/// What the bus must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Recorded under this number.
    Accepted(u64),
    /// Recorded before, under this number.
    Repeated(u64),
    /// Refused for one of these.
    Refused(BTreeSet<Fault>),
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    NotVisible,
    WrongRole,
    /// Out of order, with the hops that are open: hop, with whom, whether a receipt is awaited.
    OutOfOrder(Vec<(u8, Who, bool)>),
    NoSuchDelivery,
    Reused,
    NoRegion,
    NoGrounds,
    UnfitGrounds,
    UnfitOutcome,
    Field(&'static str),
}

/// Where a hop stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Open,
    OnItsWay { act: u64, to: Who },
    Done { act: u64, received: Option<(u64, Who)> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub hop: u8,
    pub holder: Who,
    pub opened_by: u64,
    pub opened_ms: i64,
    /// The last day of the term and the first instant that is too late.
    pub due: Option<(Date, i64)>,
    /// When the act was done in law, once it is.
    pub acted_ms: i64,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub mission: Who,
    pub region: u8,
    pub persons: u16,
    pub consent: Option<(Outcome, Date, u16)>,
    pub arrived: Option<u16>,
    pub inclusion: Option<(Outcome, Date, u16)>,
    /// The ends of the clocks of the whole service, before entry and after arrival.
    pub service: Vec<(Date, i64)>,
    /// Hops 2 to 12, in the order of their opening.
    pub steps: Vec<Step>,
}

impl Case {
    fn new(mission: Who, region: u8, persons: u16) -> Self {
        let (consent, arrived, inclusion) = (None, None, None);
        let (service, steps) = (vec![], vec![]);
        Self { mission, region, persons, consent, arrived, inclusion, service, steps }
    }

    pub fn seat(&self, seat: Seat) -> Option<Who> {
        let (akimat, commission) = akimat_and_commission(self.region)?;
        match seat {
            Seat::Mission => Some(self.mission),
            Seat::Committee => Some(COMMITTEE),
            Seat::Akimat => Some(akimat),
            Seat::Commission => Some(commission),
            Seat::Applicant => None,
        }
    }

    /// Whether a party's system sees the case.
    pub fn is_seen_by(&self, by: Who) -> bool {
        let seats = [Seat::Mission, Seat::Committee, Seat::Akimat, Seat::Commission];
        seats.into_iter().filter_map(|seat| self.seat(seat)).any(|who| acts_for(by, who))
    }

    fn open_steps(&self) -> Vec<(u8, Who, bool)> {
        let open = self.steps.iter().filter_map(|step| match step.phase {
            Phase::Open => Some((step.hop, step.holder, false)),
            Phase::OnItsWay { to, .. } => Some((step.hop, to, true)),
            Phase::Done { .. } => None,
        });
        open.collect()
    }

    fn open(&mut self, hop: u8, opened_by: u64, opened_ms: i64) {
        let rule = rule_of(hop);
        // The applicant has no system: the receiver's records the act.
        let holder = self.seat(rule.from).or(self.seat(rule.to)).expect("a party at one end");
        let due = law::last_day(rule.term, law::day_of(holder, opened_ms));
        let due = due.map(|day| (day, law::end_of(holder, day)));
        let (acted_ms, phase) = (0, Phase::Open);
        self.steps.push(Step { hop, holder, opened_by, opened_ms, due, acted_ms, phase });
    }

    /// The service takes fourteen working days, read where it is given.
    fn start_service(&mut self, filed_ms: i64) {
        let akimat = self.seat(Seat::Akimat).expect("a case has an akimat");
        let day = law::last_day(law::SERVICE, law::day_of(akimat, filed_ms));
        self.service.extend(day.map(|day| (day, law::end_of(akimat, day))));
    }

    /// The act of the step `at`, with all that follows from it.
    fn act(&mut self, at: usize, record: u64, counts_from_ms: i64) {
        let rule = rule_of(self.steps[at].hop);
        let from_applicant = rule.from == Seat::Applicant;
        self.steps[at].phase = match self.seat(rule.to).filter(|_| !from_applicant) {
            Some(to) => Phase::OnItsWay { act: record, to },
            None => Phase::Done { act: record, received: None },
        };
        let consented = self.consent.is_some_and(|(outcome, _, _)| outcome == Outcome::Consent);
        match rule.next {
            Next::OnAct(hop) => self.open(hop, record, counts_from_ms),
            Next::OnConsent(hop) if consented => self.open(hop, record, counts_from_ms),
            Next::OnConsent(_) | Next::OnReceipt(_) | Next::Nothing => {}
        }
    }
}

/// The reference state.
#[derive(Debug, Clone)]
pub struct Reference {
    pub now_ms: i64,
    pub cases: BTreeMap<Name, Case>,
    /// Every accepted request, with what was asked and the number of its record.
    pub accepted: BTreeMap<(Who, u64), (Ask, u64)>,
    /// Every request ever made.
    pub tried: BTreeSet<(Who, u64)>,
    /// The number of the last record; the parties' enrolments come first.
    pub last: u64,
    /// What the last asks must be answered, in their order.
    pub answers: Vec<Answer>,
    /// What was said of running terms, by record.
    pub notices: BTreeMap<u64, Notice>,
}

impl Reference {
    pub fn new(now_ms: i64) -> Self {
        Self {
            now_ms,
            cases: BTreeMap::new(),
            accepted: BTreeMap::new(),
            tried: BTreeSet::new(),
            last: WHO.len() as u64,
            answers: Vec::new(),
            notices: BTreeMap::new(),
        }
    }

    pub fn ask(&mut self, ask: &Ask) {
        let answer = match self.answer(ask) {
            Ok(answer) => answer,
            Err(faults) => Answer::Refused(faults),
        };
        self.answers.push(answer);
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of question")]
    fn answer(&mut self, ask: &Ask) -> Result<Answer, BTreeSet<Fault>> {
        match ask {
            Ask::Submit { by, request, region, persons, filed_ms } => {
                if let Some(repeat) = self.known(*by, *request, ask) {
                    return repeat;
                }
                let mut faults = BTreeSet::new();
                if !MISSIONS.contains(by) {
                    faults.insert(Fault::WrongRole);
                }
                if akimat_and_commission(*region).is_none() {
                    faults.insert(Fault::NoRegion);
                }
                if *filed_ms > self.now_ms {
                    faults.insert(Fault::Field("application.filed_time"));
                }
                if !faults.is_empty() {
                    return Err(faults);
                }
                let (mission, region, persons) = (*by, *region, *persons);
                let mut case = Case::new(mission, region, persons);
                case.start_service(*filed_ms);
                self.last += 1;
                case.open(2, self.last, *filed_ms);
                case.act(0, self.last, self.now_ms);
                case.steps[0].acted_ms = self.now_ms;
                let record = self.last;
                self.cases.insert((*by, *request), case);
                self.accepted.insert((*by, *request), (ask.clone(), record));
                self.follow((*by, *request), None);
                Ok(Answer::Accepted(record))
            }
            Ask::Do { by, request, case, deed, facts } => {
                if let Some(repeat) = self.known(*by, *request, ask) {
                    return repeat;
                }
                let record = self.last + 1;
                let hidden = || BTreeSet::from([Fault::NotVisible]);
                let name = *case;
                let before = self.cases.get(case).cloned();
                let case = self.cases.get_mut(case).filter(|case| case.is_seen_by(*by));
                let case = case.ok_or_else(hidden)?;
                let expected = |step: &Step| {
                    let is_open = step.phase == Phase::Open && rule_of(step.hop).deed == *deed;
                    is_open && acts_for(*by, step.holder)
                };
                let at = case.steps.iter().position(expected);
                let at =
                    at.ok_or_else(|| BTreeSet::from([Fault::OutOfOrder(case.open_steps())]))?;
                let (faults, counts_from_ms) = judge(case, &case.steps[at], facts, self.now_ms);
                if !faults.is_empty() {
                    return Err(faults);
                }
                if let Facts::Decision { outcome, day, persons, .. } = facts {
                    let decision = Some((*outcome, *day, *persons));
                    let before_entry = *deed == Deed::DecideConsent;
                    *(if before_entry { &mut case.consent } else { &mut case.inclusion }) =
                        decision;
                }
                if let Facts::Arrival { persons, .. } = facts {
                    case.arrived = Some(*persons);
                    case.start_service(counts_from_ms);
                }
                case.act(at, record, counts_from_ms);
                // A handover counts when it happened, every other act when the bus has it.
                case.steps[at].acted_ms = match facts {
                    Facts::HandedOver { at_ms } => *at_ms,
                    Facts::None | Facts::Decision { .. } | Facts::Arrival { .. } => self.now_ms,
                };
                self.last = record;
                self.accepted.insert((*by, *request), (ask.clone(), record));
                self.follow(name, before.as_ref());
                Ok(Answer::Accepted(record))
            }
            Ask::Acknowledge { by, case, delivery } => self.acknowledge(*by, *case, *delivery),
            Ask::TakeNotice { by, notice } => self.take_notice(*by, *notice),
        }
    }

    fn acknowledge(
        &mut self,
        by: Who,
        case: Name,
        delivery: u64,
    ) -> Result<Answer, BTreeSet<Fault>> {
        let unknown = || BTreeSet::from([Fault::NoSuchDelivery]);
        let (name, before) = (case, self.cases.get(&case).cloned());
        let case = self.cases.get_mut(&case).ok_or_else(unknown)?;
        let mut opens = None;
        for step in &mut case.steps {
            match step.phase {
                Phase::OnItsWay { act, to } if act == delivery && acts_for(by, to) => {
                    step.phase = Phase::Done { act, received: Some((self.last + 1, to)) };
                    opens = Some(rule_of(step.hop).next);
                }
                Phase::Done { act, received: Some((record, to)) }
                    if act == delivery && acts_for(by, to) =>
                {
                    return Ok(Answer::Repeated(record));
                }
                Phase::Open | Phase::OnItsWay { .. } | Phase::Done { .. } => {}
            }
        }
        let next = opens.ok_or_else(unknown)?;
        self.last += 1;
        if let Next::OnReceipt(hop) = next {
            case.open(hop, self.last, self.now_ms);
        }
        let record = self.last;
        self.follow(name, before.as_ref());
        Ok(Answer::Accepted(record))
    }

    /// A system takes its party's notice; without one, that of the first for whom it acts. Asked
    /// again, it takes no other.
    fn take_notice(&mut self, by: Who, notice: u64) -> Result<Answer, BTreeSet<Fault>> {
        let unknown = || BTreeSet::from([Fault::NoSuchDelivery]);
        let found = self.notices.get_mut(&notice).ok_or_else(unknown)?;
        let told = found.told();
        let others = (0..WHO.len()).filter(|who| *who != by && acts_for(by, *who));
        let may: Vec<Who> =
            [by].into_iter().chain(others).filter(|who| told.contains(who)).collect();
        let of_others = || may.iter().find(|who| found.taken.contains_key(who)).or(may.first());
        let who = may.iter().find(|who| **who == by).or_else(of_others);
        let who = *who.ok_or_else(unknown)?;
        if let Some(record) = found.taken.get(&who) {
            return Ok(Answer::Repeated(*record));
        }
        self.last += 1;
        found.taken.insert(who, self.last);
        Ok(Answer::Accepted(self.last))
    }

    /// The answer to a request that was accepted before.
    fn known(
        &mut self,
        by: Who,
        request: u64,
        ask: &Ask,
    ) -> Option<Result<Answer, BTreeSet<Fault>>> {
        self.tried.insert((by, request));
        let (first, record) = self.accepted.get(&(by, request))?;
        let same = first == ask;
        Some(if same {
            Ok(Answer::Repeated(*record))
        } else {
            Err(BTreeSet::from([Fault::Reused]))
        })
    }

    /// What a party has to do: due instant, record that opened it, case, hop; no term last.
    pub fn obligations(&self, who: Who) -> Vec<(i64, u64, Name, u8)> {
        let steps = self
            .cases
            .iter()
            .flat_map(|(name, case)| case.steps.iter().map(move |step| (name, step)));
        let own = steps.filter(|(_, step)| {
            let applicants = rule_of(step.hop).from == Seat::Applicant;
            step.phase == Phase::Open && step.holder == who && !applicants
        });
        let place = |(name, step): (&Name, &Step)| {
            (step.due.map_or(i64::MAX, |(_, ms)| ms), step.opened_by, *name, step.hop)
        };
        let mut own: Vec<_> = own.map(place).collect();
        own.sort_unstable();
        own
    }

    /// What is on its way to a party: place in due order, record, and the case, where it is not a
    /// notice.
    pub fn deliveries(&self, who: Who) -> Vec<(i64, u64, Option<Name>)> {
        let notices = self.notices_to(who).into_iter();
        let mut queue: Vec<_> = notices.map(|(order, record)| (order, record, None)).collect();
        for (name, case) in &self.cases {
            for step in &case.steps {
                match (&step.phase, step.due) {
                    (Phase::OnItsWay { act, to }, Some((_, due_ms))) if *to == who => {
                        queue.push((due_ms, *act, Some(*name)));
                    }
                    _ => {}
                }
            }
        }
        queue.sort_unstable();
        queue
    }
}

/// The faults of an act's facts, and the instant from which what it opens is counted.
fn judge(case: &Case, step: &Step, facts: &Facts, now_ms: i64) -> (BTreeSet<Fault>, i64) {
    let mut faults = BTreeSet::new();
    let mut happened = |at_ms: i64, field| {
        if at_ms > now_ms || at_ms < step.opened_ms {
            faults.insert(Fault::Field(field));
        }
        at_ms
    };
    match facts {
        Facts::None => (faults, now_ms),
        Facts::HandedOver { at_ms } => {
            let from = happened(*at_ms, "hand_over.handed_over_time");
            (faults, from)
        }
        Facts::Arrival { region, consent_day, persons, filed_ms } => {
            let from = happened(*filed_ms, "application.filed_time");
            let (_, given_on, covered) = case.consent.expect("an arrival follows a consent");
            if *region != case.region {
                faults.insert(Fault::Field("application.region"));
            }
            if *consent_day != given_on {
                faults.insert(Fault::Field("application.consent_decision_date"));
            }
            if *persons > covered || *persons == 0 {
                faults.insert(Fault::Field("application.person_count"));
            }
            (faults, from)
        }
        Facts::Decision { outcome, day, persons, grounds } => {
            let positive = if step.hop == 5 { Outcome::Consent } else { Outcome::Inclusion };
            let refused = *outcome == Outcome::Refusal;
            let covered = case.consent.map_or(case.persons, |(_, _, covered)| covered);
            let limit = case.arrived.unwrap_or(covered);
            let (first, today) =
                (law::day_of(step.holder, step.opened_ms), law::day_of(step.holder, now_ms));
            if !refused && *outcome != positive {
                faults.insert(Fault::UnfitOutcome);
            }
            if refused && *grounds == 0 {
                faults.insert(Fault::NoGrounds);
            }
            if !refused && *grounds > 0 {
                faults.insert(Fault::UnfitGrounds);
            }
            let unfit = if refused { *persons > 0 } else { *persons > limit || *persons == 0 };
            if unfit {
                faults.insert(Fault::Field("decision.person_count"));
            }
            if *day > today || *day < first {
                faults.insert(Fault::Field("decision.decision_date"));
            }
            // A decision of today counts from now, an earlier one from its day, though never from
            // before the step was open.
            let from = if *day == today { now_ms } else { law::start_of(step.holder, *day) };
            (faults, from.max(step.opened_ms).min(now_ms))
        }
    }
}
