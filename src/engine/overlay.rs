//! What the writer has decided and the index does not have yet.

use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use jiff::civil::Date;

use crate::domain::party::PartyNumber;
use crate::domain::{Case, CaseId, IdentityHash, Quota, QuotaKey, RequestId, Sequence, Standing};
use crate::index::{Change, InboxNotice, Index, IndexError, NoteKind, Outgoing, QueueOp};
use crate::mutation::{Mutation, on};

/// Threads that read cases of the index, and the cases for which one is worth starting. What the
/// index's cache does not hold takes a core's time to unpack.
const MAX_READERS: usize = 8;
const MIN_CASES_PER_READER: usize = 256;

/// Reads the newest state: first what is not yet in the index, then the index. Bounded by the lag
/// of the index, since [`Overlay::forget`] drops what the index has.
pub(super) struct Overlay {
    index: Index,
    cases: HashMap<CaseId, (Sequence, Arc<Case>)>,
    requests: HashMap<(PartyNumber, RequestId), Sequence>,
    quotas: HashMap<QuotaKey, (Sequence, Quota)>,
    /// Who has what is granted once; none where it was taken back.
    standings: HashMap<(IdentityHash, Standing), (Sequence, Option<CaseId>)>,
    /// Notices taken from inboxes, with the acknowledgements; and those sent by other ways.
    taken: HashMap<(Sequence, PartyNumber), Sequence>,
    sent: HashMap<Outgoing, Sequence>,
    /// What each record brought, in journal order.
    pending: VecDeque<Pending>,
}

struct Pending {
    sequence: Sequence,
    case: Option<CaseId>,
    request: Option<(PartyNumber, RequestId)>,
    quotas: Vec<QuotaKey>,
    standings: Vec<(IdentityHash, Standing)>,
    /// True where a notice was taken or sent.
    is_of_notice: bool,
}

impl Overlay {
    pub(super) fn new(index: Index) -> Self {
        Self {
            index,
            cases: HashMap::new(),
            requests: HashMap::new(),
            quotas: HashMap::new(),
            standings: HashMap::new(),
            taken: HashMap::new(),
            sent: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// The index alone, for what is asked only while it has everything.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// A notice in a party's inbox; none where it was never put there. It can be asked for only
    /// once the index has brought it to the party.
    pub(super) fn notice(
        &self,
        notice: Sequence,
        party: PartyNumber,
    ) -> Result<Option<InboxNotice>, IndexError> {
        let found = self.index.notice(notice, party)?;
        let taken = self.taken.get(&(notice, party)).copied();
        Ok(found.map(|found| InboxNotice { taken: found.taken.or(taken), ..found }))
    }

    /// Whether a notice is still to be sent beside the inbox.
    pub(super) fn is_outgoing(&self, outgoing: Outgoing) -> Result<bool, IndexError> {
        Ok(!self.sent.contains_key(&outgoing) && self.index.is_outgoing(outgoing)?)
    }

    pub(super) fn case(&self, id: CaseId) -> Result<Option<Arc<Case>>, IndexError> {
        match self.cases.get(&id).filter(|_| !on(Mutation::ForgetOverlay)) {
            Some((_, case)) => Ok(Some(Arc::clone(case))),
            None => Ok(self.index.case(id)?.map(Arc::new)),
        }
    }

    /// Cases in the order in which they are named, many of them by several threads.
    pub(super) fn cases(&self, ids: &[CaseId]) -> Result<Vec<Option<Arc<Case>>>, IndexError> {
        let read =
            |ids: &[CaseId]| ids.iter().map(|id| self.case(*id)).collect::<Result<Vec<_>, _>>();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let readers = cores.min(MAX_READERS).min(ids.len() / MIN_CASES_PER_READER);
        if readers < 2 {
            return read(ids);
        }
        thread::scope(|scope| {
            let shares = ids.chunks(ids.len().div_ceil(readers));
            let readers: Vec<_> = shares.map(|ids| scope.spawn(move || read(ids))).collect();
            let mut cases = Vec::with_capacity(ids.len());
            for reader in readers {
                cases.extend(reader.join().unwrap_or(Err(IndexError::Panicked))?);
            }
            Ok(cases)
        })
    }

    pub(super) fn request(
        &self,
        party: PartyNumber,
        request: RequestId,
    ) -> Result<Option<Sequence>, IndexError> {
        match self.requests.get(&(party, request)).filter(|_| !on(Mutation::ForgetOverlay)) {
            Some(sequence) => Ok(Some(*sequence)),
            None => self.index.request(party, request),
        }
    }

    pub(super) fn quota(&self, key: QuotaKey) -> Result<Quota, IndexError> {
        match self.quotas.get(&key) {
            Some((_, quota)) => Ok(*quota),
            None => self.index.quota(key),
        }
    }

    pub(super) fn standing(
        &self,
        person: IdentityHash,
        standing: Standing,
    ) -> Result<Option<CaseId>, IndexError> {
        match self.standings.get(&(person, standing)) {
            Some((_, case)) => Ok(*case),
            None => self.index.standing(person, standing),
        }
    }

    /// The cases whose held places ended before a day; some may have been freed since.
    pub(super) fn expired(&self, today: Date, limit: usize) -> Result<Vec<CaseId>, IndexError> {
        let mut cases = self.index.expired(today, limit)?;
        for (id, (_, case)) in &self.cases {
            let held = case.holding.filter(|holding| !holding.taken);
            let until = held.and_then(|holding| holding.until);
            if until.is_some_and(|until| until < today) && !cases.contains(id) {
                cases.push(*id);
            }
        }
        Ok(cases)
    }

    /// Cases of the index, which must have everything.
    pub(super) fn page(
        &self,
        after: Option<CaseId>,
        limit: usize,
    ) -> Result<Vec<Case>, IndexError> {
        self.index.cases(after, limit)
    }

    /// Takes in what a decided record changes.
    ///
    /// # Errors
    /// An [`IndexError`] when a quota cannot be read; nothing was taken in then.
    pub(super) fn take(&mut self, change: &Change) -> Result<(), IndexError> {
        let sequence = change.applied.sequence;
        let mut quotas: Vec<(QuotaKey, Quota)> = Vec::new();
        for op in &change.quota {
            let at = quotas.iter().position(|(key, _)| *key == op.key());
            let before = match at.and_then(|at| quotas.get(at)) {
                Some((_, quota)) => *quota,
                None => self.quota(op.key())?,
            };
            match at.and_then(|at| quotas.get_mut(at)) {
                Some((_, quota)) => *quota = op.of(before),
                None => quotas.push((op.key(), op.of(before))),
            }
        }
        if let Some(case) = &change.case {
            self.cases.insert(case.id, (sequence, Arc::clone(case)));
        }
        if let Some(request) = change.request {
            self.requests.insert(request, sequence);
        }
        for (key, quota) in quotas.iter().copied() {
            self.quotas.insert(key, (sequence, quota));
        }
        let standings = self.take_queue(&change.queue, sequence);
        let case = change.case.as_ref().map(|case| case.id);
        let quotas = quotas.into_iter().map(|(key, _)| key).collect();
        self.pending.push_back(Pending {
            sequence,
            case,
            request: change.request,
            quotas,
            standings,
            is_of_notice: matches!(
                change.note,
                Some(NoteKind::NoticeAcknowledged | NoteKind::NoticeSent)
            ),
        });
        Ok(())
    }

    /// Takes in what of a record's lists is read before the index has it; whose standings changed.
    fn take_queue(
        &mut self,
        queue: &[QueueOp],
        sequence: Sequence,
    ) -> Vec<(IdentityHash, Standing)> {
        let mut standings = Vec::new();
        for op in queue {
            let (key, case) = match op {
                QueueOp::AddStanding { person, standing, case } => {
                    ((*person, *standing), Some(*case))
                }
                QueueOp::RemoveStanding { person, standing, case: _ } => {
                    ((*person, *standing), None)
                }
                QueueOp::AddDelivery { .. }
                | QueueOp::RemoveDelivery { .. }
                | QueueOp::AddHeld { .. }
                | QueueOp::RemoveHeld { .. }
                | QueueOp::AddObligation { .. }
                | QueueOp::RemoveObligation { .. }
                | QueueOp::AddExpiry { .. }
                | QueueOp::RemoveExpiry { .. }
                | QueueOp::AddSaid(_)
                | QueueOp::Swept(_)
                | QueueOp::AddNotice { .. }
                | QueueOp::AddOutgoing { .. }
                | QueueOp::AddOutage { .. }
                | QueueOp::SetEndpoint { .. }
                | QueueOp::AddRead { .. } => continue,
                QueueOp::TakeNotice { notice, party, by, .. } => {
                    self.taken.insert((*notice, *party), *by);
                    continue;
                }
                QueueOp::RemoveOutgoing { notice, party, channel } => {
                    let (notice, party, channel) = (*notice, *party, *channel);
                    self.sent.insert(Outgoing { notice, party, channel }, sequence);
                    continue;
                }
            };
            self.standings.insert(key, (sequence, case));
            standings.push(key);
        }
        standings
    }

    /// Drops what the index has, up to and including `indexed`.
    pub(super) fn forget(&mut self, indexed: Sequence) {
        let mut had_notice = false;
        while self.pending.front().is_some_and(|next| next.sequence <= indexed)
            && let Some(pending) = self.pending.pop_front()
        {
            had_notice |= pending.is_of_notice;
            if let Some(request) = pending.request {
                self.requests.remove(&request);
            }
            for key in pending.quotas {
                if self.quotas.get(&key).is_some_and(|(newest, _)| *newest == pending.sequence) {
                    self.quotas.remove(&key);
                }
            }
            for key in pending.standings {
                if self.standings.get(&key).is_some_and(|(newest, _)| *newest == pending.sequence) {
                    self.standings.remove(&key);
                }
            }
            let newest = |id: &CaseId| {
                self.cases.get(id).is_some_and(|(sequence, _)| *sequence == pending.sequence)
            };
            if let Some(id) = pending.case.filter(newest) {
                self.cases.remove(&id);
            }
        }
        // Once for all of them: each walk is over everything that is left.
        if had_notice {
            self.taken.retain(|_, by| *by > indexed);
            self.sent.retain(|_, by| *by > indexed);
        }
    }

    /// Forgets everything; right only while the index has all that was accepted.
    pub(super) fn clear(&mut self) {
        self.cases.clear();
        self.requests.clear();
        self.quotas.clear();
        self.standings.clear();
        self.taken.clear();
        self.sent.clear();
        self.pending.clear();
    }
}
