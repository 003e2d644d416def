//! The journal of a stopped bus, read record by record and laid beside the ledger.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use kopir::domain::event::Event;
use kopir::domain::{CaseId, RequestId};
use kopir::journal::{
    FileJournal, FileOptions, Journal as _, JournalError, RecordHash, Seq, VerifyReport,
    record_hash, verify,
};
use kopir::records::decode_event;

use super::breaches::Said;
use super::ledger::{Confirmed, Ledger, Receipted};

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
    /// None for a notice, which is of many.
    case: Option<CaseId>,
}

/// Everything the journal holds.
struct Found {
    report: VerifyReport,
    /// By request id; the ids of these tests are random, so no two parties share one.
    acts: HashMap<RequestId, FoundAct>,
    /// By the hash of what was delivered, and to whom: a notice goes to several.
    acknowledgements: HashMap<([u8; 32], String), FoundAcknowledgement>,
    /// What was said of terms.
    said: Said,
}

/// Checks that the chain is whole and holds what the ledger holds: each once, at the place and
/// with the hash that the bus has told. Where `complete`, it holds nothing else.
pub fn agrees(dir: &Path, ledger: &Ledger, complete: bool) -> VerifyReport {
    let report = verify(dir).unwrap_or_else(|error| panic!("the journal is damaged: {error}"));
    assert_eq!(report.torn_bytes, 0, "a stopped bus leaves nothing unfinished");
    let found = read(dir).unwrap_or_else(|error| panic!("the journal cannot be read: {error}"));
    let (receipts, confirmations) = (ledger.receipts(), ledger.confirmations());
    let broken = broken_promises(&found, &receipts, &confirmations);
    assert!(broken.is_empty(), "{} broken promises:\n{}", broken.len(), broken.join("\n"));
    if complete {
        assert_eq!(found.acts.len(), receipts.len(), "acts that nobody has a receipt for");
        let taken = found.acknowledgements.len();
        assert_eq!(taken, confirmations.len(), "acknowledgements that nobody has");
        found.said.agree(&receipts, &confirmations);
        println!("journal: {} terms ran out, each has its breach", found.said.breaches());
    }
    found.report
}

/// What the ledger holds and a journal does not that nobody has opened since its bus died: of each
/// such receipt and confirmation, what is wrong. Cuts off what was left unfinished.
///
/// # Errors
/// A journal that is not whole.
pub fn lost(dir: &Path, ledger: &Ledger) -> Result<Vec<String>, JournalError> {
    let found = read(dir)?;
    Ok(broken_promises(&found, &ledger.receipts(), &ledger.confirmations()))
}

fn broken_promises(
    found: &Found,
    receipts: &HashMap<String, Receipted>,
    confirmations: &HashMap<(String, String), Confirmed>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for (request, entry) in receipts {
        let receipt = &entry.receipt;
        let id: RequestId = request.parse().expect("a UUID");
        let Some(act) = found.acts.get(&id) else {
            broken.push(format!("acknowledged act {request} is lost: {receipt:?}"));
            continue;
        };
        let is = (act.sequence, &act.hash[..], act.case.to_string(), &act.hop, &act.author);
        let told = (
            receipt.sequence,
            &receipt.record_hash[..],
            receipt.case_id.clone(),
            &receipt.hop,
            &entry.party,
        );
        if is != told {
            broken.push(format!("act {request} is {is:?}, and its receipt said {told:?}"));
        }
    }
    for ((_, delivery), entry) in confirmations {
        let confirmation = &entry.confirmation;
        let delivered: [u8; 32] = entry.delivered_hash.as_slice().try_into().expect("32 bytes");
        let key = (delivered, entry.party.clone());
        let Some(taken) = found.acknowledgements.get(&key) else {
            broken.push(format!("acknowledgement of {delivery} is lost: {confirmation:?}"));
            continue;
        };
        let case = taken.case.map_or_else(String::new, |case| case.to_string());
        let is = (taken.sequence, &taken.hash[..], case);
        let (sequence, hash) = (confirmation.sequence, &confirmation.record_hash[..]);
        let told = (sequence, hash, confirmation.case_id.clone());
        if is != told {
            broken.push(format!("delivery {delivery} is {is:?}, and was confirmed as {told:?}"));
        }
    }
    broken
}

/// Reads the whole journal, and checks the chain once more with nothing but the published rule of
/// the hash.
fn read(dir: &Path) -> Result<Found, JournalError> {
    let (journal, opening) = FileJournal::open(dir, FileOptions::default(), None, &mut |_| {})?;
    let report = verify(dir)?;
    assert_eq!((opening.records, report.torn_bytes), (report.records, 0));

    let (acts, acknowledgements) = (HashMap::new(), HashMap::new());
    let mut found = Found { report, acts, acknowledgements, said: Said::default() };
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
        found.said.record(record.time_ms);
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
                let key = (hashes[&taken.delivery.0], parties[&taken.by].clone());
                let case = Some(taken.case);
                let taken_at = FoundAcknowledgement { sequence, hash: hash.0, case };
                let before = found.acknowledgements.insert(key, taken_at);
                assert!(before.is_none(), "delivery {} is acknowledged twice", taken.delivery);
            }
            Event::NoticeAcknowledged(taken) => {
                let key = (hashes[&taken.notice.0], parties[&taken.by].clone());
                let taken_at = FoundAcknowledgement { sequence, hash: hash.0, case: None };
                let before = found.acknowledgements.insert(key, taken_at);
                assert!(before.is_none(), "notice {} is acknowledged twice", taken.notice);
            }
            Event::Notice(notice) => found.said.notice(&notice),
            Event::BusOutage(_) | Event::RegistryChanged(_) => {}
            other @ (Event::QuotaSet(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::NoticeSent(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)) => panic!("nobody asked for {other:?}"),
        }
        ControlFlow::Continue(())
    });
    visited?;
    assert_eq!(next.0 - 1, found.report.records, "every record was read");
    Ok(found)
}
