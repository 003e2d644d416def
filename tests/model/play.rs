//! What is asked of the bus: mostly what the law expects next, and beside it everything that goes
//! wrong between systems: the wrong party, the wrong time, the wrong facts, twice, and at once.

use jiff::Span;
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::law::{
    self, Deed, FIRST_DAY, LAST_DAY, LATER_DEEDS, MISSIONS, REGIONS, Seat, WHO, Who, rule_of,
};
use super::reference::{Ask, Case, Facts, Name, Outcome, Phase, Reference, Step};

const HOUR_MS: i64 = 3_600_000;
const MAX_CASES: usize = 5;

/// A step of the play.
#[derive(Debug, Clone)]
pub enum Turn {
    /// The clock moves to this time.
    Clock(i64),
    /// These are asked, one right after the other, without waiting for answers in between.
    Asks(Vec<Ask>),
}

/// The play with its reference.
pub struct Play;

impl ReferenceStateMachine for Play {
    type State = Reference;
    type Transition = Turn;

    fn init_state() -> BoxedStrategy<Reference> {
        // Ten in the morning of the first day in Almaty.
        Just(Reference::new(law::start_of(law::COMMITTEE, FIRST_DAY) + 10 * HOUR_MS)).boxed()
    }

    fn transitions(state: &Reference) -> BoxedStrategy<Turn> {
        let (now_ms, state) = (state.now_ms, state.clone());
        let last_ms = law::start_of(law::COMMITTEE, LAST_DAY);
        let hours = prop_oneof![4 => 1..24_i64, 3 => 24..80_i64, 1 => 80..400_i64];
        let clock =
            hours.prop_map(move |hours| Turn::Clock((now_ms + hours * HOUR_MS).min(last_ms)));
        let count = prop_oneof![3 => Just(1_usize), 1 => 2..5_usize];
        let asks =
            count.prop_flat_map(|count| prop::collection::vec((0..100_u8, any::<u64>()), count));
        let asks = asks.prop_map(move |dice| {
            let mut asks: Vec<Ask> = Vec::new();
            for (kind, seed) in dice {
                let mut dice = Dice(seed);
                // Sometimes a sender repeats itself before it can have an answer.
                let again = if dice.below(5) == 0 { asks.last().cloned() } else { None };
                asks.push(match again {
                    Some(ask) if dice.below(3) > 0 => ask,
                    Some(ask) => altered(ask),
                    None => dice.ask(&state, kind),
                });
            }
            Turn::Asks(asks)
        });
        prop_oneof![1 => clock, 4 => asks].boxed()
    }

    fn apply(mut state: Reference, turn: &Turn) -> Reference {
        state.answers.clear();
        match turn {
            // Shrinking may have removed a later clock's predecessor, never turned it back.
            Turn::Clock(to_ms) => state.pass(state.now_ms.max(*to_ms)),
            Turn::Asks(asks) => asks.iter().for_each(|ask| state.ask(ask)),
        }
        state
    }
}

/// A seed that is asked for small numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).expect("below a usize")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())) }
    }

    fn ask(&mut self, state: &Reference, kind: u8) -> Ask {
        let right = self.right(state).unwrap_or_else(|| self.submit(state));
        let other = match kind {
            0..48 => None,
            48..56 => Some(self.submit(state)),
            56..63 => Some(self.by_another(right.clone())),
            63..70 => self.any_deed(state),
            70..79 => Some(self.with_wrong_facts(state)),
            79..86 => self.repeat(state, false),
            86..91 => self.repeat(state, true),
            91..93 => self.any_receipt(state),
            93..96 => self.any_notice(state),
            96..98 => Some(self.bad_submission(state)),
            _ => Some(self.in_no_case(state)),
        };
        other.unwrap_or(right)
    }

    /// Something the law expects now: an open step's act, or the receipt of what is on its way.
    fn right(&mut self, state: &Reference) -> Option<Ask> {
        let pending = state.cases.iter().flat_map(|(name, case)| {
            let pending = |step: &&Step| !matches!(step.phase, Phase::Done { .. });
            case.steps.iter().filter(pending).map(move |step| (*name, case, step))
        });
        let pending: Vec<(Name, &Case, &Step)> = pending.collect();
        let (name, case, step) = self.pick(&pending).copied()?;
        Some(match step.phase {
            Phase::OnItsWay { act, to } => {
                Ask::Acknowledge { by: self.system_of(to), case: name, delivery: act }
            }
            Phase::Open | Phase::Done { .. } => {
                let (deed, by) = (rule_of(step.hop).deed, self.system_of(step.holder));
                let facts = self.facts(state, case, step, deed);
                Ask::Do { by, request: self.roll(), case: name, deed, facts }
            }
        })
    }

    /// Whose system acts for a party: its own, or sometimes the one that may.
    fn system_of(&mut self, who: Who) -> Who {
        let may: Vec<Who> = (0..WHO.len()).filter(|actor| law::acts_for(*actor, who)).collect();
        self.pick(&may).copied().unwrap_or(who)
    }

    /// Facts that fit the step, now or at some time since it was opened.
    fn facts(&mut self, state: &Reference, case: &Case, step: &Step, deed: Deed) -> Facts {
        let earlier_ms =
            state.now_ms - (state.now_ms - step.opened_ms) * (self.below(3) as i64) / 2;
        match deed {
            Deed::DecideConsent | Deed::DecideInclusion => {
                let limit = case.consent.map_or(case.persons, |(_, _, covered)| covered);
                let refused = self.below(5) == 0;
                let positive =
                    if deed == Deed::DecideConsent { Outcome::Consent } else { Outcome::Inclusion };
                let persons = 1 + u16::try_from(self.below(usize::from(limit.max(1)))).unwrap_or(0);
                Facts::Decision {
                    outcome: if refused { Outcome::Refusal } else { positive },
                    day: law::day_of(step.holder, earlier_ms),
                    persons: if refused { 0 } else { persons },
                    grounds: if refused { 1 + self.below(3) as u8 } else { 0 },
                }
            }
            Deed::HandOver | Deed::HandOverInclusion => Facts::HandedOver { at_ms: earlier_ms },
            Deed::Arrive => {
                let (_, consent_day, covered) =
                    case.consent.unwrap_or((Outcome::Consent, FIRST_DAY, 1));
                let (region, persons) = (case.region, covered);
                Facts::Arrival { region, consent_day, persons, filed_ms: earlier_ms }
            }
            Deed::Submit
            | Deed::Forward
            | Deed::Refer
            | Deed::SendDecision
            | Deed::ForwardDecision => Facts::None,
        }
    }

    fn submit(&mut self, state: &Reference) -> Ask {
        if state.cases.len() >= MAX_CASES
            && let Some(right) = self.right(state)
        {
            return right;
        }
        Ask::Submit {
            by: MISSIONS[self.below(MISSIONS.len())],
            request: self.roll(),
            region: REGIONS[self.below(2)],
            persons: 1 + self.below(6) as u16,
            filed_ms: state.now_ms - (self.below(120) as i64) * HOUR_MS,
        }
    }

    fn bad_submission(&mut self, state: &Reference) -> Ask {
        let future = self.below(2) == 0;
        Ask::Submit {
            by: MISSIONS[self.below(MISSIONS.len())],
            request: self.roll(),
            region: if future { REGIONS[0] } else { REGIONS[2 + self.below(2)] },
            persons: 1,
            filed_ms: state.now_ms + if future { HOUR_MS } else { 0 },
        }
    }

    /// The same from some party, often the wrong one.
    fn by_another(&mut self, mut ask: Ask) -> Ask {
        let another = self.below(WHO.len());
        match &mut ask {
            Ask::Submit { by, .. }
            | Ask::Do { by, .. }
            | Ask::Acknowledge { by, .. }
            | Ask::TakeNotice { by, .. } => *by = another,
        }
        ask
    }

    /// Any party tries any act in any case.
    fn any_deed(&mut self, state: &Reference) -> Option<Ask> {
        let cases: Vec<(&Name, &Case)> = state.cases.iter().collect();
        let (name, case) = self.pick(&cases).copied()?;
        let deed = LATER_DEEDS[self.below(LATER_DEEDS.len())];
        let seats = [Seat::Mission, Seat::Committee, Seat::Akimat, Seat::Commission];
        let by = case.seat(seats[self.below(4)]).filter(|_| self.below(4) > 0);
        let by = by.unwrap_or_else(|| self.below(WHO.len()));
        let facts = self.facts(state, case, case.steps.last()?, deed);
        Some(Ask::Do { by, request: self.roll(), case: *name, deed, facts })
    }

    fn in_no_case(&mut self, state: &Reference) -> Ask {
        let (by, request, case) = (self.below(WHO.len()), self.roll(), (1, self.roll()));
        if self.below(2) == 0 {
            let delivery = self.roll() % (state.last + 3);
            return Ask::Acknowledge { by, case, delivery };
        }
        Ask::Do { by, request, case, deed: Deed::Forward, facts: Facts::None }
    }

    /// A receipt of anything, from anybody: again, too early, or another's.
    fn any_receipt(&mut self, state: &Reference) -> Option<Ask> {
        let cases: Vec<&Name> = state.cases.keys().collect();
        let case = **self.pick(&cases)?;
        let acted = state.cases[&case].steps.iter().filter_map(|step| match step.phase {
            Phase::Open => None,
            Phase::OnItsWay { act, to } | Phase::Done { act, received: Some((_, to)) } => {
                Some((act, to))
            }
            Phase::Done { act, received: None } => Some((act, step.holder)),
        });
        let acted: Vec<(u64, Who)> = acted.collect();
        let (delivery, to) = self.pick(&acted).copied()?;
        let by = if self.below(2) == 0 { self.below(WHO.len()) } else { to };
        let case = if self.below(6) == 0 { **self.pick(&cases)? } else { case };
        Some(Ask::Acknowledge { by, case, delivery })
    }

    /// Somebody takes a notice, mostly one that waits for it; sometimes what is none.
    fn any_notice(&mut self, state: &Reference) -> Option<Ask> {
        let by = self.below(WHO.len());
        let waiting = state.notices_to(by);
        let all: Vec<u64> = state.notices.keys().copied().collect();
        let notice = match self.below(4) {
            0 => self.roll() % (state.last + 3),
            1 => *self.pick(&all)?,
            _ => self.pick(&waiting)?.1,
        };
        Some(Ask::TakeNotice { by, notice })
    }

    /// An accepted request once more, or its id with another content.
    fn repeat(&mut self, state: &Reference, with_other_content: bool) -> Option<Ask> {
        let known: Vec<&(Ask, u64)> = state.accepted.values().collect();
        let ask = self.pick(&known)?.0.clone();
        Some(if with_other_content { altered(ask) } else { ask })
    }

    /// What the law expects, with one of its facts wrong; of an act that states something, if one
    /// of a few is such.
    fn with_wrong_facts(&mut self, state: &Reference) -> Ask {
        let some: Vec<Ask> = (0..6).filter_map(|_| self.right(state)).collect();
        let states = |ask: &&Ask| matches!(ask, Ask::Do { facts, .. } if *facts != Facts::None);
        let stating = some.iter().find(states).or(some.first()).cloned();
        let mut ask = stating.unwrap_or_else(|| self.submit(state));
        let Ask::Do { facts, by, case, .. } = &mut ask else { return ask };
        let case = &state.cases[case];
        let limit = case.consent.map_or(case.persons, |(_, _, covered)| covered);
        let (tomorrow, long_ago) = (state.now_ms + 30 * HOUR_MS, state.now_ms - 10_000 * HOUR_MS);
        let at_ms = if self.below(2) == 0 { tomorrow } else { long_ago };
        match facts {
            Facts::None => *by = self.below(WHO.len()),
            Facts::HandedOver { at_ms: when } => *when = at_ms,
            Facts::Arrival { region, consent_day, persons, filed_ms } => match self.below(4) {
                0 => *region = 33 - *region,
                1 => *consent_day -= Span::new().days(1),
                2 => *persons += 1,
                _ => *filed_ms = at_ms,
            },
            Facts::Decision { outcome, day, persons, grounds } => match self.below(6) {
                0 => *day = law::day_of(*by, at_ms),
                1 | 5 => *persons = limit + 1,
                2 if *outcome != Outcome::Refusal => *persons = 0,
                2 | 3 => *grounds = u8::from(*grounds == 0),
                _ => {
                    *outcome = match outcome {
                        Outcome::Consent => Outcome::Inclusion,
                        Outcome::Inclusion | Outcome::Refusal => Outcome::Consent,
                    };
                }
            },
        }
        ask
    }
}

/// The same request id with another content. An acknowledgement has no content of its own.
fn altered(mut ask: Ask) -> Ask {
    match &mut ask {
        Ask::Submit { persons, .. } => *persons += 1,
        Ask::Do { case, deed: Deed::Forward, .. } => case.1 ^= 1,
        Ask::Do { deed, facts, .. } => (*deed, *facts) = (Deed::Forward, Facts::None),
        Ask::Acknowledge { .. } | Ask::TakeNotice { .. } => {}
    }
    ask
}
