//! What is held because its receiver fails on it and takes others, and what is not.

use std::collections::VecDeque;

use super::*;

impl Desk {
    /// A system that works through what it gets in order, acknowledges each, and dies on those of
    /// `poison`; what it had acknowledged before.
    pub(super) fn crash(&mut self, window: usize, poison: &[u64]) -> Vec<u64> {
        let stream = self.dispatch.open(PARTY, window);
        let mut taken = Vec::new();
        let mut buffer: VecDeque<Leased> = VecDeque::new();
        loop {
            buffer.extend(std::iter::from_fn(|| now(&stream)));
            let Some(next) = buffer.pop_front() else { return taken };
            if poison.contains(&next.sequence.0) {
                return taken;
            }
            self.acknowledge(PARTY, next);
            taken.push(next.sequence.0);
        }
    }

    pub(super) fn untaken(&self) -> Vec<u64> {
        let untaken = self.dispatch.untaken();
        assert!(untaken.iter().all(|one| one.party == PARTY));
        untaken.iter().map(|one| one.sequence.0).collect()
    }
}

#[test]
fn one_poisonous_delivery_is_to_be_held_and_does_not_stop_the_others() {
    for window in [1, 3, 100] {
        let mut desk = Desk::new(100, 100);
        for order_ms in 0..10 {
            desk.add(PARTY, order_ms);
        }
        // It dies on the third, over and over.
        assert_eq!(desk.crash(window, &[3]), [1, 2]);
        for _ in 1..MAX_FAILED {
            assert!(desk.crash(window, &[3]).is_empty());
            assert!(desk.untaken().is_empty());
        }
        // Set aside: others go before it, and when one of them is taken it has its last try.
        let mut others = desk.crash(window, &[3]);
        assert_eq!((others[0], desk.untaken()), (4, vec![3]), "a window of {window}");
        // Until it has left the queue nobody gets it.
        others.extend(desk.crash(window, &[3]));
        assert_eq!(others, [4, 5, 6, 7, 8, 9, 10]);
        assert!(desk.fetch(10).is_empty());
        let key = QueueKey { order_ms: 2, sequence: Sequence(3) };
        let to = PARTY;
        desk.record(vec![
            QueueOp::RemoveDelivery { to, key, taken: None },
            QueueOp::AddHeld { to, key, case: case_of(key.sequence), mark: None },
        ]);
        assert!(desk.untaken().is_empty());
        // Released, it begins anew.
        let case = case_of(key.sequence);
        desk.record(vec![
            QueueOp::RemoveHeld { to, key, taken: None },
            QueueOp::AddDelivery { to, key, case, mark: None },
        ]);
        assert_eq!(desk.fetch(10)[0].attempt, 1);
    }
}

#[test]
fn several_poisonous_deliveries_in_a_row_are_found_one_by_one() {
    let mut desk = Desk::new(100, 100);
    for order_ms in 0..6 {
        desk.add(PARTY, order_ms);
    }
    let poison = [1, 2, 4];
    let mut taken = Vec::new();
    let mut held = Vec::new();
    for _ in 0..200 {
        taken.extend(desk.crash(100, &poison));
        for sequence in desk.untaken() {
            held.push(sequence);
            let key = QueueKey { order_ms: sequence as i64 - 1, sequence: Sequence(sequence) };
            desk.record(vec![QueueOp::RemoveDelivery { to: PARTY, key, taken: None }]);
        }
        if held.len() == poison.len() {
            break;
        }
        // Something comes now and then, as in any inbox.
        desk.add(PARTY, 1_000);
    }
    held.sort_unstable();
    assert_eq!(held, poison);
    assert!(taken.contains(&3) && taken.contains(&5) && taken.contains(&6));
}

#[test]
fn a_party_that_takes_nothing_for_a_month_has_nothing_held_and_then_gets_all_in_order() {
    let mut desk = Desk::new(16, 100);
    for order_ms in 0..40 {
        desk.add(PARTY, order_ms);
    }
    // It opens its inbox every minute, reads what comes and acknowledges nothing.
    for minute in 0..30 * 24 * 60 {
        let stream = desk.dispatch.open(PARTY, 10);
        assert_eq!(all_now(&stream).len(), 10, "in minute {minute}");
        drop(stream);
        assert!(desk.untaken().is_empty());
    }
    let all = desk.crash(1, &[]);
    assert_eq!(all.len(), 40);
    assert!(desk.untaken().is_empty());
    // But for those that happened to be set aside, which come as soon as one is taken.
    let late = all.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(late <= 1, "{all:?}");
}

#[test]
fn a_lease_that_runs_out_counts_as_a_stream_that_closes() {
    let mut desk = Desk::new(100, 100);
    for order_ms in 0..3 {
        desk.add(PARTY, order_ms);
    }
    for attempt in 1..=MAX_FAILED {
        let leased = desk.fetch(2);
        assert_eq!((sequences(&leased), leased[0].attempt), (vec![1, 2], attempt));
        desk.dispatch.expire(Instant::now() + HOUR + HOUR);
    }
    // The first of each lease was to blame, and is set aside.
    let leased = desk.fetch(2);
    assert_eq!(sequences(&leased), [2, 3]);
    desk.acknowledge(PARTY, leased[0]);
    desk.acknowledge(PARTY, leased[1]);
    assert_eq!(sequences(&desk.fetch(2)), [1]);
    desk.dispatch.expire(Instant::now() + HOUR + HOUR);
    assert_eq!(desk.untaken(), [1]);
    // A late acknowledgement takes it out all the same.
    let (case, sequence) = (case_of(Sequence(1)), Sequence(1));
    desk.acknowledge(PARTY, Leased { case, sequence, order_ms: 0, attempt: 1 });
    assert!(desk.untaken().is_empty());
}

/// A notice, for instance. It is tried when there is nothing else, and never asked for again.
#[test]
fn what_cannot_be_held_goes_last() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    desk.add(PARTY, 1);
    for _ in 0..MAX_FAILED {
        desk.crash(10, &[1]);
    }
    assert_eq!(desk.crash(10, &[1]), [2]);
    desk.crash(10, &[1]);
    let untaken = desk.dispatch.untaken();
    assert_eq!(untaken.len(), 1);
    desk.dispatch.pardon(untaken[0]);
    assert!(desk.untaken().is_empty());
    for order_ms in 2..2 + i64::from(3 * MAX_FAILED) {
        let next = desk.add(PARTY, order_ms);
        assert_eq!(desk.crash(1, &[1]), [next], "it goes before the one that cannot be held");
        assert!(desk.untaken().is_empty());
    }
    assert_eq!(sequences(&desk.fetch(10)), [1]);
}

/// Its companions are with other systems of the party, and all of them are taken before it has
/// failed as often as is allowed.
#[test]
fn a_poisonous_delivery_that_is_alone_in_the_end_is_to_be_held() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    for _ in 0..MAX_FAILED / 2 {
        let poison = desk.dispatch.open(PARTY, 1);
        assert_eq!(now(&poison).unwrap().sequence.0, 1);
        drop(poison);
    }
    let (poison, other) = (desk.dispatch.open(PARTY, 1), desk.dispatch.open(PARTY, 1));
    assert_eq!(now(&poison).unwrap().sequence.0, 1);
    desk.add(PARTY, 1);
    let taken = now(&other).unwrap();
    desk.acknowledge(PARTY, taken);
    drop((poison, other));
    // One more than is allowed: the last try.
    for _ in MAX_FAILED / 2 + 1..=MAX_FAILED {
        assert!(desk.untaken().is_empty());
        assert!(desk.crash(1, &[1]).is_empty());
    }
    assert_eq!(desk.untaken(), [1]);
}

#[test]
fn a_delivery_alone_in_the_queue_of_a_party_that_takes_nothing_is_not_held() {
    let mut desk = Desk::new(16, 100);
    desk.add(PARTY, 0);
    for _ in 0..30 * 24 * 60 {
        assert!(desk.crash(10, &[1]).is_empty());
        assert!(desk.untaken().is_empty());
    }
    assert_eq!(desk.crash(10, &[]), [1]);
}

/// As its systems go down one after the other, one still takes what it has after another has failed.
/// Then they are down for a month, behind connections that stand.
#[test]
fn an_outage_that_begins_while_others_are_taken_has_nothing_held() {
    for beside in [0, 1, 20] {
        let mut desk = Desk::new(16, 100);
        for order_ms in 0..5 {
            desk.add(PARTY, order_ms);
        }
        let streams: Vec<_> = (0..4).map(|_| desk.dispatch.open(PARTY, 1)).collect();
        let held: Vec<_> = streams.iter().map(|stream| now(stream).unwrap()).collect();
        for (stream, next) in streams.into_iter().zip(held.iter().skip(1)) {
            drop(stream);
            if next.sequence.0 % 2 == 0 {
                desk.acknowledge(PARTY, *next);
            }
        }
        for order_ms in 10..10 + beside {
            desk.add(PARTY, order_ms);
        }
        for _ in 0..1_000 {
            let streams: Vec<_> = (0..2).map(|_| desk.dispatch.open(PARTY, 2)).collect();
            for stream in &streams {
                all_now(stream);
            }
            drop(streams);
            assert!(desk.untaken().is_empty(), "with {beside} beside it");
        }
        assert_eq!(desk.crash(1, &[]).len() as i64, 3 + beside);
    }
}
