//! Random histories of one inbox against a queue told in the simplest way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What may happen to one party's inbox.
#[derive(Debug, Clone)]
enum Step {
    Add { order_ms: i64 },
    Open { window: usize },
    Take { stream: usize },
    Settle { at: usize },
    Close { stream: usize },
    Fetch { max: usize },
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_i64).prop_map(|order_ms| Step::Add { order_ms }),
        1 => (1..4_usize).prop_map(|window| Step::Open { window }),
        4 => any::<usize>().prop_map(|stream| Step::Take { stream }),
        3 => any::<usize>().prop_map(|at| Step::Settle { at }),
        1 => any::<usize>().prop_map(|stream| Step::Close { stream }),
        1 => (1..4_usize).prop_map(|max| Step::Fetch { max }),
        1 => Just(Step::Expire),
    ]
}

/// A queue told in the simplest way: what waits, and who holds what.
#[derive(Default)]
struct Model {
    waiting: BTreeSet<(i64, u64)>,
    streams: Vec<Opened>,
    leased: BTreeSet<(i64, u64)>,
}

struct Opened {
    stream: InboxStream,
    window: usize,
    held: BTreeSet<(i64, u64)>,
}

impl Model {
    /// What must leave next, if a holder with room asks.
    fn first_free(&self) -> Option<(i64, u64)> {
        let held = |key: &&(i64, u64)| {
            self.leased.contains(key) || self.streams.iter().any(|open| open.held.contains(key))
        };
        self.waiting.iter().find(|key| !held(key)).copied()
    }

    fn run(&mut self, desk: &mut Desk, step: Step) {
        let key = |leased: Leased| (leased.order_ms, leased.sequence.0);
        match step {
            Step::Add { order_ms } => {
                let sequence = desk.add(PARTY, order_ms);
                self.waiting.insert((order_ms, sequence));
            }
            Step::Open { window } => {
                let stream = desk.dispatch.open(PARTY, window);
                self.streams.push(Opened { stream, window, held: BTreeSet::new() });
            }
            Step::Take { stream } => {
                let free = self.first_free();
                let count = self.streams.len().max(1);
                let Some(Opened { stream, window, held }) = self.streams.get_mut(stream % count)
                else {
                    return;
                };
                let expected = free.filter(|_| held.len() < *window);
                assert_eq!(now(stream).map(key), expected);
                held.extend(expected);
            }
            Step::Settle { at } => {
                let all: Vec<_> = self.waiting.iter().copied().collect();
                let Some(&(order_ms, sequence)) = all.get(at % all.len().max(1)) else { return };
                let (case, sequence) = (case_of(Sequence(sequence)), Sequence(sequence));
                desk.acknowledge(PARTY, Leased { case, sequence, order_ms, attempt: 1 });
                self.forget((order_ms, sequence.0));
            }
            Step::Close { stream } => {
                if !self.streams.is_empty() {
                    let at = stream % self.streams.len();
                    self.streams.swap_remove(at);
                }
            }
            Step::Fetch { max } => {
                for leased in desk.fetch(max) {
                    assert_eq!(Some(key(leased)), self.first_free());
                    self.leased.insert(key(leased));
                }
            }
            Step::Expire => {
                desk.dispatch.expire(Instant::now() + HOUR + HOUR);
                self.leased.clear();
            }
        }
        let held: usize = self.streams.iter().map(|open| open.held.len()).sum();
        assert_eq!(desk.dispatch.leased_count(PARTY), held + self.leased.len());
    }

    fn forget(&mut self, key: (i64, u64)) {
        self.waiting.remove(&key);
        self.leased.remove(&key);
        for open in &mut self.streams {
            open.held.remove(&key);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However streams, leases and acknowledgements interleave, what leaves next is the earliest
    /// delivery that nobody holds, and at the end everything has left.
    #[test]
    fn the_earliest_free_delivery_leaves_next(
        max_ready in 1..5_usize,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut desk = Desk::new(max_ready, 1000);
        let mut model = Model::default();
        for step in steps {
            model.run(&mut desk, step);
        }
        model.streams.clear();
        model.leased.clear();
        desk.dispatch.expire(Instant::now() + HOUR + HOUR);
        let rest = all_now(&desk.dispatch.open(PARTY, 1000));
        let expected: Vec<_> = model.waiting.iter().map(|(_, sequence)| *sequence).collect();
        prop_assert_eq!(rest, expected);
    }
}
