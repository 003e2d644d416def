//! What the parties' systems were told of running terms, in the notices beside the acts.

use std::collections::BTreeSet;

use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::proto::types::v1::{Rung, RungNotice};

/// What was heard, by one party or by several.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// Notices taken, one for each party that was told.
    pub(super) notices: usize,
    /// Their records; several parties are told by one.
    records: BTreeSet<u64>,
    /// What they said, each once, however many heard it.
    said: BTreeSet<Said>,
}

/// One rung of one hop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    case_id: String,
    hop: String,
    rung: Rung,
    working_days: i32,
    carried: bool,
    sequence: u64,
}

impl Heard {
    /// Takes note of a party's mail.
    pub(super) fn add(&mut self, notices: &[Delivery]) {
        self.notices += notices.len();
        for rung in notices.iter().filter_map(|delivery| delivery.notice.as_ref()) {
            self.said.extend(rung.rungs.iter().map(Said::of));
            self.records.extend(rung.rungs.iter().map(|rung| rung.sequence));
        }
    }

    /// Both together.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.notices += other.notices;
        self.records.extend(&other.records);
        self.said.extend(other.said.iter().cloned());
        self
    }

    /// In how many records it was said.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// How much was said, each rung of each hop once.
    pub(super) fn said_count(&self) -> usize {
        self.said.len()
    }

    /// How often a rung was said.
    pub(super) fn count(&self, rung: Rung) -> usize {
        self.said.iter().filter(|said| said.rung == rung).count()
    }

    /// Terms that ran out when the act was done and its receiver had not taken it in.
    pub(super) fn untaken(&self) -> usize {
        self.said.iter().filter(|said| said.rung == Rung::Due && said.carried).count()
    }

    /// Of these hops of cases, those of which somebody heard that the term has run out.
    pub(super) fn breaches<'c>(&self, hops: impl Iterator<Item = (&'c str, &'c str)>) -> usize {
        let due = self.said.iter().filter(|said| said.rung == Rung::Due);
        let due: BTreeSet<_> = due.map(|said| (said.case_id.as_str(), said.hop.as_str())).collect();
        hops.filter(|hop| due.contains(hop)).count()
    }
}

impl Said {
    fn of(notice: &RungNotice) -> Self {
        Self {
            case_id: notice.case_id.clone(),
            hop: notice.hop.clone(),
            rung: notice.rung(),
            working_days: notice.working_days,
            carried: notice.carried,
            sequence: notice.sequence,
        }
    }
}
