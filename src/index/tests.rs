//! The index held against cases that the core's own decisions made.

mod home;
mod line;

use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::domain::Resolution;
use crate::domain::case::CaseStatus;
use crate::domain::event::Event;
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};
use crate::domain::party::PartyNumber;
use crate::domain::quota::{Quota, QuotaKey};
use crate::journal::{Entry, Journal, MemoryStore};
use crate::records::{RecordError, encode_case, samples};

use super::*;
use line::{COMMITTEE, Line, MISSION, SPARE_AKIMAT, SPARE_COMMISSION, SPARE_MISSION, Step};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Index {
    /// Every entry, to compare whole indexes.
    fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entry = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry.unwrap();
            (key.to_vec(), value.to_vec())
        };
        self.with(|db| Ok(db.iter().map(entry).collect())).unwrap()
    }
}

fn open(dir: &Path) -> Opened {
    Index::open(dir, &IndexOptions::default()).unwrap()
}

fn fresh() -> (TempDir, Index) {
    let dir = TempDir::new().unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.applied, opened.fresh), (None, Some(WhyFresh::Missing)));
    (dir, opened.index)
}

fn hop(id: &str) -> HopId {
    id.parse().unwrap()
}

/// A line with one case carried through to its end.
fn whole_line() -> (Line, CaseId) {
    let mut line = Line::new();
    let case = line.submit();
    line.wait(DAY_MS + 12_345);
    while line.step(case, Step::default()) {
        line.wait(3 * DAY_MS + 12_345);
    }
    (line, case)
}

/// Entries with the party whose they are.
type Of<T> = Vec<(PartyNumber, T)>;

/// Every place in the queues, as the cases have it: deliveries, those held, obligations.
fn expected_queues(line: &Line) -> (Of<QueuedDelivery>, Of<QueuedDelivery>, Of<Obligation>) {
    let (mut deliveries, mut held, mut obligations) = (Vec::new(), Vec::new(), Vec::new());
    for op in line.cases.values().flat_map(|case| queued(case)) {
        match op {
            QueueOp::AddDelivery { to, key, case, mark } => {
                deliveries.push((to, QueuedDelivery { key, case, mark }));
            }
            QueueOp::AddHeld { to, key, case, mark } => {
                held.push((to, QueuedDelivery { key, case, mark }));
            }
            QueueOp::AddObligation { holder, key, case, hop, mark } => {
                obligations.push((holder, Obligation { key, case, hop, mark }));
            }
            QueueOp::AddStanding { .. } | QueueOp::AddExpiry { .. } => {}
            QueueOp::RemoveDelivery { .. }
            | QueueOp::RemoveHeld { .. }
            | QueueOp::RemoveObligation { .. }
            | QueueOp::RemoveStanding { .. }
            | QueueOp::RemoveExpiry { .. }
            | QueueOp::AddSaid(_)
            | QueueOp::Swept(_)
            | QueueOp::AddNotice { .. }
            | QueueOp::TakeNotice { .. }
            | QueueOp::AddOutgoing { .. }
            | QueueOp::RemoveOutgoing { .. }
            | QueueOp::AddOutage { .. }
            | QueueOp::SetEndpoint { .. }
            | QueueOp::AddRead { .. } => panic!("a case has no such operations"),
        }
    }
    deliveries.sort_by_key(|(party, delivery)| (*party, delivery.key));
    held.sort_by_key(|(party, delivery)| (*party, delivery.key));
    obligations.sort_by_key(|(party, obligation)| (*party, obligation.key));
    (deliveries, held, obligations)
}

/// Who has what is granted once, and whose places end, as the cases have it.
fn assert_lists_are_of(index: &Index, line: &Line) {
    let mut expected = Vec::new();
    for op in line.cases.values().flat_map(|case| queued(case)) {
        match op {
            QueueOp::AddStanding { person, standing, case } => {
                assert_eq!(index.standing(person, standing).unwrap(), Some(case));
            }
            QueueOp::AddExpiry { until, case } => expected.push((until, case)),
            QueueOp::AddDelivery { .. }
            | QueueOp::AddHeld { .. }
            | QueueOp::AddObligation { .. } => {}
            QueueOp::RemoveDelivery { .. }
            | QueueOp::RemoveHeld { .. }
            | QueueOp::RemoveObligation { .. }
            | QueueOp::RemoveStanding { .. }
            | QueueOp::RemoveExpiry { .. }
            | QueueOp::AddSaid(_)
            | QueueOp::Swept(_)
            | QueueOp::AddNotice { .. }
            | QueueOp::TakeNotice { .. }
            | QueueOp::AddOutgoing { .. }
            | QueueOp::RemoveOutgoing { .. }
            | QueueOp::AddOutage { .. }
            | QueueOp::SetEndpoint { .. }
            | QueueOp::AddRead { .. } => panic!("a case has no such operations"),
        }
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, case)| case).collect();
    assert_eq!(index.expired(jiff::civil::Date::MAX, usize::MAX).unwrap(), expected);
}

/// The ledger is the sum of the cases' places.
fn assert_ledger_is_of(index: &Index, line: &Line) {
    let mut expected: BTreeMap<QuotaKey, Quota> = BTreeMap::new();
    for holding in line.cases.values().filter_map(|case| case.holding) {
        let quota = expected.entry(holding.key).or_default();
        *quota = quota.after(holding.made().change, u32::from(holding.persons));
    }
    let found = index
        .quotas()
        .unwrap()
        .into_iter()
        .map(|(key, quota)| (key, Quota { limit: None, ..quota }));
    let used: Vec<_> = found.filter(|(_, quota)| quota.used() > 0).collect();
    assert_eq!(used, expected.into_iter().collect::<Vec<_>>());
}

fn assert_index_is_of(index: &Index, line: &Line) {
    let cases: Vec<_> = line.cases.values().map(|case| (**case).clone()).collect();
    assert_eq!(index.cases(None, usize::MAX).unwrap(), cases);
    assert_eq!(index.enrolments().unwrap(), line.enrolled());
    assert_eq!(index.applied(), line.changes.last().map(|change| change.applied));
    for change in &line.changes {
        if let Some((party, request)) = change.request {
            assert_eq!(index.request(party, request).unwrap(), Some(change.applied.sequence));
        }
    }
    let parties = (1..=7).map(PartyNumber);
    let (deliveries, held, obligations) = expected_queues(line);
    let found = parties.clone().flat_map(|party| {
        let found = index.deliveries(party, None, usize::MAX).unwrap();
        found.into_iter().map(move |delivery| (party, delivery))
    });
    assert_eq!(found.collect::<Vec<_>>(), deliveries);
    assert_eq!(index.held_with_all(None, usize::MAX).unwrap(), held);
    let found = parties.clone().flat_map(|party| {
        let found = index.held(party, None, usize::MAX).unwrap();
        found.into_iter().map(move |delivery| (party, delivery))
    });
    assert_eq!(found.collect::<Vec<_>>(), held);
    let found = parties.flat_map(|party| {
        let found = index.obligations(party, None, usize::MAX).unwrap();
        found.into_iter().map(move |obligation| (party, obligation))
    });
    assert_eq!(found.collect::<Vec<_>>(), obligations);
    assert_lists_are_of(index, line);
    assert_ledger_is_of(index, line);
}

#[test]
fn a_case_goes_through_the_queues_and_leaves_them_empty() {
    let (_dir, index) = fresh();
    let mut line = Line::new();
    let case = line.submit();
    index.apply(&line.changes).unwrap();
    let deliveries = index.deliveries(COMMITTEE, None, 10).unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!((deliveries[0].case, deliveries[0].key.sequence), (case, line.last()));
    assert!(index.obligations(COMMITTEE, None, 10).unwrap().is_empty());

    let mut applied = line.changes.len();
    line.step(case, Step::default());
    index.apply(&line.changes[applied..]).unwrap();
    assert!(index.deliveries(COMMITTEE, None, 10).unwrap().is_empty());
    let obligations = index.obligations(COMMITTEE, None, 10).unwrap();
    assert_eq!(obligations.len(), 1);
    let due = line.cases[&case].hops.last().unwrap().due.clone().unwrap();
    assert_eq!(obligations[0].hop, hop("K21B-03"));
    assert_eq!(obligations[0].key.due_ms, due.instant.as_millisecond());
    assert_eq!(obligations[0].key.opened_by, line.last());

    applied = line.changes.len();
    while line.step(case, Step::default()) {
        index.apply(&line.changes[applied..]).unwrap();
        applied = line.changes.len();
        assert_index_is_of(&index, &line);
    }
    assert_eq!(index.case(case).unwrap().unwrap().status(), CaseStatus::Closed);
    assert!(index.counts().unwrap().is_empty());
    assert_eq!(index.case(CaseId([1; 16])).unwrap(), None);
    assert_eq!(index.request(MISSION, RequestId([1; 16])).unwrap(), None);
}

#[test]
fn a_held_delivery_leaves_its_queue_keeps_its_clock_and_comes_back_to_its_place() {
    let (_dir, index) = fresh();
    let mut line = Line::new();
    let case = line.submit();
    let waiting = queued(&line.cases[&case]);
    assert!(line.hold(case, false) && !line.hold(case, false));
    index.apply(&line.changes).unwrap();
    assert_index_is_of(&index, &line);
    assert!(index.deliveries(COMMITTEE, None, 9).unwrap().is_empty());
    let held = index.held(COMMITTEE, None, 9).unwrap();
    assert_eq!((held.len(), held[0].case), (1, case));
    assert!(held[0].mark.is_some(), "its clock runs on");
    assert_eq!(index.counts().unwrap()[&COMMITTEE].held, 1);
    assert_eq!(index.held_with_all(None, 9).unwrap(), [(COMMITTEE, held[0])]);
    let applied = line.changes.len();
    assert!(line.resolve(case, Resolution::Released));
    index.apply(&line.changes[applied..]).unwrap();
    assert_eq!(queued(&line.cases[&case]), waiting);
    assert_index_is_of(&index, &line);
    assert_audited(&index);
}

/// Whether it was in its queue or held when its receiver took it.
#[test]
fn a_delivery_that_leaves_is_taken_only_where_its_receiver_acknowledged_it() {
    let (mut line, _) = whole_line();
    let case = line.submit();
    line.hold(case, false);
    line.resolve(case, Resolution::Released);
    line.hold(case, false);
    line.step(case, Step::default());
    let (mut taken_count, mut others) = (0, 0);
    for change in &line.changes {
        let Some(case) = &change.case else { continue };
        for op in &change.queue {
            let (QueueOp::RemoveDelivery { to, key, taken }
            | QueueOp::RemoveHeld { to, key, taken }) = op
            else {
                continue;
            };
            let receipt = case.receipts(key.sequence).find(|receipt| receipt.by == *to);
            assert_eq!(*taken, receipt.map(|receipt| receipt.moment.sequence));
            taken_count += u32::from(taken.is_some());
            others += u32::from(taken.is_none());
        }
    }
    assert_eq!((taken_count > 5, others), (true, 3));
}

#[test]
fn an_arrival_is_nobodys_obligation_until_the_applicant_comes() {
    let mut line = Line::new();
    let case = line.submit();
    while line.cases[&case].status() != CaseStatus::AwaitingApplicant {
        assert!(line.step(case, Step::default()));
    }
    // Nothing but the places that the consent holds until its last day.
    let queued = queued(&line.cases[&case]);
    assert!(matches!(queued[..], [QueueOp::AddExpiry { .. }]), "{queued:?}");
}

#[test]
fn the_case_of_a_whole_line_takes_at_most_420_bytes() {
    let (line, case) = whole_line();
    assert_eq!(line.cases[&case].hops.len(), 12);
    let mut record = Vec::new();
    encode_case(&line.cases[&case], &mut record).unwrap();
    assert!(record.len() <= 420, "{} bytes", record.len());
}

#[test]
fn a_rebuild_equals_what_was_applied_on_the_way() {
    let (mut line, _) = whole_line();
    let second = line.submit();
    line.step(second, Step::default());
    let (_kept, on_the_way) = fresh();
    for change in &line.changes {
        on_the_way.apply(std::slice::from_ref(change)).unwrap();
    }
    let (_dir, rebuilt) = fresh();
    let mut told = Vec::new();
    let reader = line.reader();
    let applied =
        rebuild(&rebuilt, &*reader, line.last(), &mut |done, of| told.push((done, of))).unwrap();
    assert_eq!(applied, on_the_way.applied());
    assert_eq!(told, [(line.last().0, line.last().0)]);
    assert_eq!(rebuilt.dump(), on_the_way.dump());
    assert_index_is_of(&rebuilt, &line);
}

#[test]
fn a_rebuild_continues_where_the_index_stands() {
    let (line, _) = whole_line();
    let (_dir, index) = fresh();
    let (first, _) = line.changes.split_at(9);
    index.apply(first).unwrap();
    let mut told = Vec::new();
    let rest = line.last().0 - 9;
    rebuild(&index, &*line.reader(), line.last(), &mut |done, of| told.push((done, of))).unwrap();
    assert_eq!(told, [(rest, rest)]);
    assert_index_is_of(&index, &line);
    let again = rebuild(&index, &*line.reader(), line.last(), &mut |_, _| panic!("nothing to do"));
    assert_eq!(again.unwrap(), index.applied());
}

#[test]
fn a_rebuild_over_several_batches_tells_each_and_folds_across_them() {
    let mut line = Line::new();
    while line.changes.len() < 2 * BATCH_RECORDS + 100 {
        let case = line.submit();
        for _ in 0..7 {
            line.step(case, Step::default());
        }
        line.wait(1_000);
    }
    let (_dir, index) = fresh();
    let mut told = Vec::new();
    rebuild(&index, &*line.reader(), line.last(), &mut |done, of| told.push((done, of))).unwrap();
    let (batch, all) = (BATCH_RECORDS as u64, line.last().0);
    assert_eq!(told, [(batch, all), (2 * batch, all), (all, all)]);
    assert_index_is_of(&index, &line);
}

#[test]
fn a_rebuild_refuses_another_journal_a_short_one_and_an_unreadable_record() {
    let (line, _) = whole_line();
    let (_dir, index) = fresh();
    let other = Line::new();
    index.apply(&other.changes[..2]).unwrap();
    let short = rebuild(&index, &*other.reader(), Sequence(9), &mut |_, _| {});
    assert!(matches!(short, Err(RebuildError::Short { upto: Sequence(9) })), "{short:?}");
    let mut foreign = other.changes[2].clone();
    foreign.applied.hash = [9; 32];
    let (_dir, index) = fresh();
    index.apply(&other.changes[..2]).unwrap();
    index.apply(&[foreign]).unwrap();
    let diverged = rebuild(&index, &*line.reader(), line.last(), &mut |_, _| {});
    let at = Sequence(4);
    assert!(
        matches!(diverged, Err(RebuildError::Diverged { sequence }) if sequence == at),
        "{diverged:?}"
    );

    let mut journal = MemoryStore::new().open(1 << 20).unwrap();
    journal.append(&[Entry { time_ms: 0, payload: b"\xc8" }]).unwrap();
    let (_dir, index) = fresh();
    let unreadable = rebuild(&index, &*journal.reader(), Sequence(1), &mut |_, _| {});
    let source = RecordError::UnknownKind(200);
    let sequence = Sequence(1);
    assert_eq!(
        unreadable.unwrap_err().to_string(),
        RebuildError::Record { sequence, source }.to_string()
    );
    assert_eq!(index.applied(), None);
}

#[test]
fn a_batch_writes_a_case_once_and_leaves_no_trace_of_what_came_and_went() {
    let (line, case) = whole_line();
    let (_dir, index) = fresh();
    index.apply(&line.changes).unwrap();
    let kinds = |kind| index.dump().iter().filter(|(key, _)| key[0] == kind).count();
    assert_eq!(kinds(keys::CASE), 1);
    assert_eq!((kinds(keys::DELIVERY), kinds(keys::OBLIGATION)), (0, 0));
    assert_eq!(index.case(case).unwrap().as_ref(), Some(&*line.cases[&case]));
}

#[test]
fn changes_out_of_order_are_refused_and_change_nothing() {
    let (line, _) = whole_line();
    let (_dir, index) = fresh();
    index.apply(&line.changes[..3]).unwrap();
    let before = index.dump();
    let refused = |changes: &[Change], next, given| {
        let refusal = index.apply(changes);
        let (expected, found) = (Sequence(next), Sequence(given));
        assert!(
            matches!(refusal, Err(IndexError::OutOfOrder { expected: e, found: f })
                if e == expected && f == found),
            "{refusal:?}"
        );
        assert_eq!(index.dump(), before);
    };
    refused(&line.changes[4..5], 4, 5);
    refused(&line.changes[2..4], 4, 3);
    refused(&[line.changes[3].clone(), line.changes[5].clone()], 5, 6);
    index.apply(&[]).unwrap();
    assert_eq!(index.dump(), before);
}

#[test]
fn deliveries_leave_by_due_instant_then_by_journal_order_in_pages() {
    let (_dir, index) = fresh();
    let add = |sequence: u64, to: u32, order_ms: i64| {
        let key = QueueKey { order_ms, sequence: Sequence(sequence) };
        let case = CaseId([sequence as u8; 16]);
        let queue = vec![QueueOp::AddDelivery { to: PartyNumber(to), key, case, mark: None }];
        let applied = Applied { sequence: Sequence(sequence), hash: [0; 32] };
        let (quota, note) = (Vec::new(), None);
        Change { applied, request: None, case: None, queue, enrolment: None, quota, note }
    };
    let changes = [
        add(1, 7, 500),
        add(2, 7, -4),
        add(3, 7, 500),
        add(4, 8, 1),
        add(5, 7, i64::MIN),
        add(6, 6, 9),
    ];
    index.apply(&changes).unwrap();
    let mut after = None;
    let mut order = Vec::new();
    loop {
        let page = index.deliveries(PartyNumber(7), after, 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        assert!(page.len() <= 2);
        order.extend(page.iter().map(|delivery| delivery.key.sequence.0));
        assert!(page.iter().all(|one| one.case.0[0] == one.key.sequence.0 as u8));
    }
    assert_eq!(order, [5, 2, 1, 3]);
    let counts = index.counts().unwrap();
    let of = |party| counts[&PartyNumber(party)].deliveries;
    assert_eq!((of(6), of(7), of(8)), (1, 4, 1));
}

#[test]
fn obligations_without_a_term_come_last_and_one_record_may_open_several() {
    let (_dir, index) = fresh();
    let mut line = Line::new();
    let case = line.submit();
    let mut run = line.cases[&case].hops[1].clone();
    run.state = crate::domain::HopState::Open;
    let mut several = (*line.cases[&case]).clone();
    several.hops.clear();
    for (id, due) in [("A", None), ("B", run.due.clone()), ("C", run.due.clone())] {
        let hop = hop(id);
        several.hops.push(crate::domain::HopRun { hop, due, ..run.clone() });
    }
    let mut change = line.changes[0].clone();
    change.queue = queued(&several);
    index.apply(&[change]).unwrap();
    let found = index.obligations(run.holder, None, 9).unwrap();
    assert_eq!(found.iter().map(|one| one.hop.as_str()).collect::<Vec<_>>(), ["B", "C", "A"]);
    assert_eq!(found[2].key.due_ms, ObligationKey::NO_TERM_MS);
    let rest = index.obligations(run.holder, Some(found[0].key), 1).unwrap();
    assert_eq!(rest, &found[1..2]);
}

#[test]
fn cases_are_told_in_pages() {
    let (_dir, index) = fresh();
    let mut line = Line::new();
    for _ in 0..7 {
        line.submit();
    }
    index.apply(&line.changes).unwrap();
    let mut after = None;
    let mut ids = Vec::new();
    loop {
        let page = index.cases(after, 3).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        ids.extend(page.iter().map(|case| case.id));
    }
    assert_eq!(ids, line.cases.keys().copied().collect::<Vec<_>>());
}

#[test]
fn the_reads_of_a_case_are_told_newest_first_and_leave_the_case_as_it_was() {
    let (mut line, case) = whole_line();
    let other = line.submit();
    let before = line.cases.clone();
    let mut at = Vec::new();
    for of in [case, other, case, case] {
        line.read(of);
        at.push(line.last());
    }
    assert_eq!(line.cases, before);
    let (_dir, index) = fresh();
    index.apply(&line.changes).unwrap();
    assert_eq!(index.reads(case, None, 10).unwrap(), [at[3], at[2], at[0]]);
    assert_eq!(index.reads(case, None, 2).unwrap(), [at[3], at[2]]);
    assert_eq!(index.reads(case, Some(at[2]), 10).unwrap(), [at[0]]);
    assert_eq!(index.reads(other, None, 10).unwrap(), [at[1]]);
    assert_eq!(index.reads(CaseId([1; 16]), None, 10).unwrap(), []);
    assert_audited(&index);
}

#[test]
fn a_record_that_does_not_follow_is_a_named_error() {
    let (line, case) = whole_line();
    let applied = Applied { sequence: Sequence(70), hash: [0; 32] };
    let at = samples::march(0);
    let refused =
        |before: Option<&Case>, event: &Event| fold(before, event, applied, at).unwrap_err();
    let closed = &*line.cases[&case];
    let sequence = applied.sequence;
    let sample = CaseId([0xc1; 16]);
    let Event::Act(opening) = samples::opening_act() else { unreachable!() };
    let opened = Case::open(&opening, Sequence(9), at).unwrap();
    let unknown = FoldError::UnknownCase { sequence, case: sample };
    assert_eq!(refused(None, &samples::refusal_act()), unknown);
    assert_eq!(refused(None, &samples::acknowledgement()), unknown);
    let exists = FoldError::CaseExists { sequence, case: sample };
    assert_eq!(refused(Some(&opened), &samples::opening_act()), exists);
    let other = FoldError::OtherCase { sequence, named: sample, given: case };
    assert_eq!(refused(Some(closed), &samples::refusal_act()), other);
    let hop = hop("K21B-05");
    let not_open = FoldError::HopNotOpen { sequence, case: sample, hop };
    assert_eq!(refused(Some(&opened), &samples::refusal_act()), not_open);
    let delivery = Sequence(70_000);
    let not_on_its_way = FoldError::NotOnItsWay { sequence, case: sample, delivery };
    assert_eq!(refused(Some(&opened), &samples::acknowledgement()), not_on_its_way);
}

#[test]
fn a_closed_index_refuses_for_every_clone() {
    let (_dir, index) = fresh();
    let other = index.clone();
    index.close().unwrap();
    index.close().unwrap();
    let line = Line::new();
    assert!(matches!(other.case(CaseId([1; 16])), Err(IndexError::Closed)));
    assert!(matches!(other.apply(&line.changes), Err(IndexError::Closed)));
    assert!(matches!(other.flush(), Err(IndexError::Closed)));
    assert_eq!(other.applied(), None);
}

/// What happens to a case, by a number: mostly the next thing that is outstanding.
fn happen(line: &mut Line, case: CaseId, what: u8, step: Step) {
    let spare = |to| Resolution::Redirected { to };
    let _done = match what {
        0..=2 => line.hold(case, step.newest),
        3 => line.resolve(case, Resolution::Released),
        4 => line.resolve(case, Resolution::Withdrawn),
        5 => line.resolve(case, spare(SPARE_AKIMAT)),
        6 => line.resolve(case, spare(SPARE_COMMISSION)),
        7 => line.resolve(case, spare(SPARE_MISSION)),
        8 => line.read(case),
        _ => line.step(case, step),
    };
}

/// The entries fit together, as an opening after a crash finds out.
fn assert_audited(index: &Index) {
    let mut audit = audit::Audit::default();
    for (key, value) in index.dump() {
        audit.entry(&key, &value).unwrap();
    }
    assert_eq!(audit.finish().unwrap(), index.applied());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens in whichever order, cut into whichever batches, leaves the index that
    /// single steps leave, and that is the index of the cases.
    #[test]
    fn batches_of_any_size_equal_single_steps(
        moves in prop::collection::vec(
            (0..6_usize, 0..16_u8, any::<(bool, bool)>(), 0..DAY_MS),
            1..120,
        ),
        sizes in prop::collection::vec(1..20_usize, 1..10),
    ) {
        let mut line = Line::new();
        let mut cases = Vec::new();
        for (which, what, (newest, refuse), wait) in moves {
            line.wait(wait);
            match cases.get(which) {
                Some(case) => happen(&mut line, *case, what, Step { newest, refuse }),
                None => cases.push(line.submit()),
            }
        }
        let (_one, single) = fresh();
        for change in &line.changes {
            single.apply(std::slice::from_ref(change)).unwrap();
        }
        let (_two, batched) = fresh();
        let mut rest = &line.changes[..];
        for size in sizes.iter().cycle() {
            let (batch, after) = rest.split_at((*size).min(rest.len()));
            batched.apply(batch).unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(single.dump(), batched.dump());
        assert_index_is_of(&batched, &line);
        assert_audited(&batched);
    }
}
