//! The journal of a stopped bus, read record by record and laid beside the ledger.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use kopir::domain::event::Event;
use kopir::domain::{CaseId, RequestId};
use kopir::journal::{
    FileJournal, FileOptions, Journal as _, RecordHash, Seq, VerifyReport, record_hash, verify,
};
use kopir::records::decode_event;

use super::ledger::Ledger;

/// An act as it stands in the journal.
struct FoundAct {
    sequence: u64,
    hash: [u8; 32],
    case: CaseId,
    hop: String,
    author: String,
}

/// An acknowledgement as it stands in the journal.
struct FoundAcknowledgement {
    sequence: u64,
    hash: [u8; 32],
    case: CaseId,
    by: String,
}

/// Everything the journal holds.
struct Found {
    report: VerifyReport,
    /// By request id; the ids of these tests are random, so no two parties share one.
    acts: HashMap<RequestId, FoundAct>,
    /// By the hash of the act that was delivered.
    acknowledgements: HashMap<[u8; 32], FoundAcknowledgement>,
}

/// Checks that the chain is whole and holds what the ledger holds: each once, at the place and
/// with the hash that the bus has told. Where `complete`, it holds nothing else.
pub fn agrees(dir: &Path, ledger: &Ledger, complete: bool) -> VerifyReport {
    let found = read(dir);
    let receipts = ledger.receipts();
    for (request, entry) in &receipts {
        let receipt = &entry.receipt;
        let id: RequestId = request.parse().expect("a UUID");
        let act = found.acts.get(&id);
        let act = act.unwrap_or_else(|| panic!("acknowledged act {request} is lost: {receipt:?}"));
        assert_eq!(act.sequence, receipt.sequence, "place of {request}");
        assert_eq!(act.hash, receipt.record_hash[..], "hash of {request}");
        assert_eq!(act.case.to_string(), receipt.case_id, "case of {request}");
        assert_eq!(act.hop, receipt.hop, "hop of {request}");
        assert_eq!(act.author, entry.party, "author of {request}");
    }
    let confirmations = ledger.confirmations();
    for (delivery, entry) in &confirmations {
        let confirmation = &entry.confirmation;
        let delivered: [u8; 32] = entry.delivered_hash.as_slice().try_into().expect("32 bytes");
        let taken = found.acknowledgements.get(&delivered);
        let taken = taken
            .unwrap_or_else(|| panic!("acknowledgement of {delivery} is lost: {confirmation:?}"));
        assert_eq!(taken.sequence, confirmation.sequence, "place of {delivery}");
        assert_eq!(taken.hash, confirmation.record_hash[..], "hash of {delivery}");
        assert_eq!(taken.case.to_string(), confirmation.case_id, "case of {delivery}");
        assert_eq!(taken.by, entry.party, "receiver of {delivery}");
    }
    if complete {
        assert_eq!(found.acts.len(), receipts.len(), "acts that nobody has a receipt for");
        let taken = found.acknowledgements.len();
        assert_eq!(taken, confirmations.len(), "acknowledgements that nobody has");
    }
    found.report
}

/// Reads the whole journal, and checks the chain once more with nothing but the published rule of
/// the hash.
fn read(dir: &Path) -> Found {
    let report = verify(dir).unwrap_or_else(|error| panic!("the journal is damaged: {error}"));
    assert_eq!(report.torn_bytes, 0, "a stopped bus leaves nothing unfinished");
    let (journal, opening) = FileJournal::open(dir, FileOptions::default(), None, &mut |_| {})
        .unwrap_or_else(|error| panic!("the journal does not open: {error}"));
    assert_eq!((opening.records, opening.cut_bytes), (report.records, 0));

    let mut found = Found { report, acts: HashMap::new(), acknowledgements: HashMap::new() };
    let mut parties = HashMap::new();
    let mut hashes = HashMap::new();
    let (mut next, mut last, mut last_ms) = (Seq::FIRST, RecordHash::GENESIS, i64::MIN);
    let visited = journal.reader().scan(Seq::FIRST, &mut |record| {
        assert_eq!((record.seq, record.previous), (next, last), "the chain has no gap");
        assert!(record.time_ms >= last_ms, "record {} runs backwards", record.seq);
        let hash = record_hash(record.previous, record.seq, record.time_ms, &record.payload);
        assert_eq!(hash, record.hash, "hash of record {}", record.seq);
        (next, last, last_ms) = (record.seq.next(), record.hash, record.time_ms);
        let sequence = record.seq.0;
        hashes.insert(sequence, hash.0);
        match decode_event(&record.payload).expect("a record of this release") {
            Event::PartyEnrolled(enrolled) => {
                let before = parties.insert(enrolled.number, enrolled.party.to_string());
                assert_eq!(before, None, "party {:?} is enrolled twice", enrolled.number);
            }
            Event::Act(act) => {
                let found_act = FoundAct {
                    sequence,
                    hash: hash.0,
                    case: act.case,
                    hop: act.hop.to_string(),
                    author: parties[&act.author].clone(),
                };
                let before = found.acts.insert(act.request, found_act);
                assert!(before.is_none(), "request {} is recorded twice", act.request);
            }
            Event::Acknowledged(taken) => {
                let by = parties[&taken.by].clone();
                let delivered = hashes[&taken.delivery.0];
                let taken_at =
                    FoundAcknowledgement { sequence, hash: hash.0, case: taken.case, by };
                let before = found.acknowledgements.insert(delivered, taken_at);
                assert!(before.is_none(), "delivery {} is acknowledged twice", taken.delivery);
            }
            // What the bus says by itself; the ladder's own tests look into it.
            Event::Notice(_) | Event::BusOutage(_) => {}
            other @ (Event::QuotaSet(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)) => panic!("nobody asked for {other:?}"),
        }
        ControlFlow::Continue(())
    });
    visited.unwrap_or_else(|error| panic!("the journal cannot be read: {error}"));
    assert_eq!(next.0 - 1, found.report.records, "every record was read");
    found
}
