//! What the writer has decided and the index does not have yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::party::PartyNumber;
use crate::domain::{Case, CaseId, RequestId, Sequence};
use crate::index::{Change, Index, IndexError};

/// Reads the newest state: first what is not yet in the index, then the index. Bounded by the lag
/// of the index, since [`Overlay::forget`] drops what the index has.
pub(super) struct Overlay {
    index: Index,
    cases: HashMap<CaseId, (Sequence, Arc<Case>)>,
    requests: HashMap<(PartyNumber, RequestId), Sequence>,
    /// What each record brought, in journal order.
    pending: VecDeque<Pending>,
}

struct Pending {
    sequence: Sequence,
    case: Option<CaseId>,
    request: Option<(PartyNumber, RequestId)>,
}

impl Overlay {
    pub(super) fn new(index: Index) -> Self {
        Self { index, cases: HashMap::new(), requests: HashMap::new(), pending: VecDeque::new() }
    }

    pub(super) fn case(&self, id: CaseId) -> Result<Option<Arc<Case>>, IndexError> {
        match self.cases.get(&id) {
            Some((_, case)) => Ok(Some(Arc::clone(case))),
            None => Ok(self.index.case(id)?.map(Arc::new)),
        }
    }

    pub(super) fn request(
        &self,
        party: PartyNumber,
        request: RequestId,
    ) -> Result<Option<Sequence>, IndexError> {
        match self.requests.get(&(party, request)) {
            Some(sequence) => Ok(Some(*sequence)),
            None => self.index.request(party, request),
        }
    }

    /// Takes in what a decided record changes.
    pub(super) fn take(&mut self, change: &Change) {
        let sequence = change.applied.sequence;
        if let Some(case) = &change.case {
            self.cases.insert(case.id, (sequence, Arc::clone(case)));
        }
        if let Some(request) = change.request {
            self.requests.insert(request, sequence);
        }
        let case = change.case.as_ref().map(|case| case.id);
        self.pending.push_back(Pending { sequence, case, request: change.request });
    }

    /// Drops what the index has, up to and including `indexed`.
    pub(super) fn forget(&mut self, indexed: Sequence) {
        while self.pending.front().is_some_and(|next| next.sequence <= indexed)
            && let Some(pending) = self.pending.pop_front()
        {
            if let Some(request) = pending.request {
                self.requests.remove(&request);
            }
            let newest = |id: &CaseId| {
                self.cases.get(id).is_some_and(|(sequence, _)| *sequence == pending.sequence)
            };
            if let Some(id) = pending.case.filter(newest) {
                self.cases.remove(&id);
            }
        }
    }

    /// Forgets everything; right only while the index has all that was accepted.
    pub(super) fn clear(&mut self) {
        self.cases.clear();
        self.requests.clear();
        self.pending.clear();
    }
}
