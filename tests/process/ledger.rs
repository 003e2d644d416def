//! The external ledger: what the parties of a test hold in their hands, entered the moment it
//! arrives. Whatever is in it the bus has promised; the bus never sees it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kopir::rpc::proto::inbox::v1::{Delivery, DeliveryConfirmation};
use kopir::rpc::proto::types::v1::Receipt;
use tokio::sync::watch;

use super::act::Act;

/// The hops in the order of the law, each with the acknowledgement of its delivery where it has
/// one. The first act of the bus is K21B-02, which carries K21B-01 with it.
const LAW: [(&str, bool); 11] = [
    ("K21B-02", true),
    ("K21B-03", true),
    ("K21B-04", true),
    ("K21B-05", true),
    ("K21B-06", true),
    ("K21B-07", true),
    ("K21B-08", false),
    ("K21B-09", false),
    ("K21B-10", true),
    ("K21B-11", true),
    ("K21B-12", false),
];
/// After a refusal the case ends here.
const REFUSED_AFTER: &str = "K21B-08";
/// How many remarks are kept for a failure's message.
const KEPT_REMARKS: usize = 20;

/// A receipt in the hands of the party that acted.
#[derive(Clone)]
pub struct Receipted {
    pub party: String,
    pub act: Act,
    pub receipt: Receipt,
}

/// A confirmation in the hands of the party that acknowledged.
#[derive(Clone)]
pub struct Confirmed {
    pub party: String,
    /// Empty for a notice.
    pub hop: String,
    /// The hash of the record that was delivered.
    pub delivered_hash: Vec<u8>,
    pub confirmation: DeliveryConfirmation,
}

/// How much the parties have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Receipts and confirmations.
    pub entries: u64,
    /// Cases that a mission has begun to submit.
    pub begun: u64,
    /// Cases in which nothing is owed any more.
    pub closed: u64,
    /// Answers that repeated what the ledger had already.
    pub repeated: u64,
}

/// The ledger.
pub struct Ledger {
    entries: Mutex<Entries>,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Entries {
    /// By request id.
    receipts: HashMap<String, Receipted>,
    /// Request ids in the order of arrival, to choose from.
    order: Vec<String>,
    /// By party and delivery id: a notice goes to several under one.
    confirmations: HashMap<(String, String), Confirmed>,
    remarks: VecDeque<String>,
}

impl Ledger {
    pub fn new() -> Self {
        Self { entries: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }

    /// How far everyone is, and a way to be told.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// A mission begins a case.
    pub fn begin(&self) {
        self.progress.send_modify(|progress| progress.begun += 1);
    }

    /// A party sees that nothing is owed in a case any more.
    pub fn close(&self) {
        self.progress.send_modify(|progress| progress.closed += 1);
    }

    /// Enters a receipt. The same request may bring it again, but never another one.
    pub fn receipt(&self, party: &str, act: &Act, receipt: &Receipt) {
        assert_eq!(receipt.request_id, act.request_id(), "a receipt names its request");
        assert_eq!(receipt.record_hash.len(), 32, "a receipt carries the hash of its record");
        let mut entries = self.entries();
        if let Some(before) = entries.receipts.get(act.request_id()) {
            assert_eq!(&before.receipt, receipt, "a repeated request gets the original receipt");
            self.progress.send_modify(|progress| progress.repeated += 1);
            return;
        }
        let entry = Receipted { party: party.into(), act: act.clone(), receipt: receipt.clone() };
        entries.order.push(act.request_id().to_owned());
        entries.receipts.insert(act.request_id().to_owned(), entry);
        self.progress.send_modify(|progress| progress.entries += 1);
    }

    /// Enters a confirmation, with the same promise.
    pub fn confirmation(
        &self,
        party: &str,
        delivery: &Delivery,
        confirmation: &DeliveryConfirmation,
    ) {
        assert_eq!(confirmation.delivery_id, delivery.delivery_id, "it names its delivery");
        assert_eq!(confirmation.case_id, delivery.case_id, "it names the case");
        let key = (party.to_owned(), delivery.delivery_id.clone());
        let mut entries = self.entries();
        if let Some(before) = entries.confirmations.get(&key) {
            let same = &before.confirmation;
            assert_eq!(same, confirmation, "a repeated acknowledgement gets the original answer");
            self.progress.send_modify(|progress| progress.repeated += 1);
            return;
        }
        let entry = Confirmed {
            party: party.into(),
            hop: delivery.hop.clone(),
            delivered_hash: delivery.record_hash.to_vec(),
            confirmation: confirmation.clone(),
        };
        entries.confirmations.insert(key, entry);
        self.progress.send_modify(|progress| progress.entries += 1);
    }

    /// Keeps a remark for the message of a failure.
    pub fn remark(&self, text: String) {
        let remarks = &mut self.entries().remarks;
        remarks.truncate(KEPT_REMARKS - 1);
        remarks.push_front(text);
    }

    /// The last remarks, the newest first.
    pub fn remarks(&self) -> String {
        self.entries().remarks.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// The receipts of these places in the order of arrival, each taken modulo their number.
    pub fn some(&self, places: &[u64]) -> Vec<Receipted> {
        let entries = self.entries();
        let count = entries.order.len() as u64;
        let chosen = places.iter().filter(|_| count > 0).map(|place| {
            let place = usize::try_from(place % count).expect("a place in memory");
            entries.receipts[&entries.order[place]].clone()
        });
        chosen.collect()
    }

    /// The receipts that arrived last, at most so many.
    pub fn latest(&self, most: usize) -> Vec<Receipted> {
        let entries = self.entries();
        let latest = entries.order.iter().rev().take(most);
        latest.map(|request| entries.receipts[request].clone()).collect()
    }

    /// The latest second that the bus has put on a receipt, of Unix time; 0 without receipts.
    pub fn latest_second(&self) -> i64 {
        let entries = self.entries();
        let told = entries.receipts.values().filter_map(|entry| entry.receipt.accepted_time);
        told.map(|time| time.seconds).max().unwrap_or(0)
    }

    /// Every receipt, by request id.
    pub fn receipts(&self) -> HashMap<String, Receipted> {
        self.entries().receipts.clone()
    }

    /// Every confirmation, by party and delivery id.
    pub fn confirmations(&self) -> HashMap<(String, String), Confirmed> {
        self.entries().confirmations.clone()
    }

    /// Each case's hops with the places that the receipts name, after the order of the law is
    /// found in them: each hop at most once, nothing left out, places increasing. Where `complete`,
    /// every case has come to an end.
    pub fn cases_in_order(&self, complete: bool) -> BTreeMap<String, Vec<(String, u64)>> {
        let entries = self.entries();
        let mut cases: BTreeMap<String, HashMap<(String, bool), u64>> = BTreeMap::new();
        for Receipted { receipt, .. } in entries.receipts.values() {
            let places = cases.entry(receipt.case_id.clone()).or_default();
            let before = places.insert((receipt.hop.clone(), false), receipt.sequence);
            assert_eq!(before, None, "{}: {} is done twice", receipt.case_id, receipt.hop);
        }
        let of_acts = entries.confirmations.values().filter(|taken| !taken.hop.is_empty());
        for Confirmed { hop, confirmation, .. } in of_acts {
            let places = cases.entry(confirmation.case_id.clone()).or_default();
            let before = places.insert((hop.clone(), true), confirmation.sequence);
            assert_eq!(before, None, "{}: {hop} is received twice", confirmation.case_id);
        }
        let ordered = cases.into_iter().map(|(case, places)| {
            let hops = in_order(&case, places, complete);
            (case, hops)
        });
        ordered.collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hops of one case in the order of the law.
fn in_order(
    case: &str,
    mut places: HashMap<(String, bool), u64>,
    complete: bool,
) -> Vec<(String, u64)> {
    let steps = LAW.iter().flat_map(|(hop, delivered)| {
        let receipt = Some(((*hop).to_owned(), false));
        let acknowledgement = delivered.then(|| ((*hop).to_owned(), true));
        receipt.into_iter().chain(acknowledgement)
    });
    let mut last = 0;
    let mut hops = Vec::new();
    // What the parties hold may have one gap: the answer that a crash took away.
    let mut ended = None;
    for step in steps {
        let Some(sequence) = places.remove(&step) else {
            ended = ended.or(Some(step));
            continue;
        };
        if complete {
            assert_eq!(ended, None, "{case}: {step:?} without what comes before");
        }
        assert!(sequence > last, "{case}: {step:?} at {sequence} is not after {last}");
        last = sequence;
        if !step.1 {
            hops.push((step.0, sequence));
        }
    }
    assert!(places.is_empty(), "{case}: hops that the law does not know: {places:?}");
    if complete {
        let end = hops.last().map(|(hop, _)| hop.as_str());
        assert!(ended.is_none() || end == Some(REFUSED_AFTER), "{case} stopped before {ended:?}");
    }
    hops
}
