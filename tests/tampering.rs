//! Any byte of any record of a journal, of a document in it, of a receipt's proof, of an exported
//! case and of a checkpoint, changed: each is named by its check. So is each of them cut at any
//! length, drawn out, or with lines that changed places.
//!
//! All of it at once takes minutes without optimisation. `cargo test` changes every byte of what is
//! small and some of the large; `KOPIR_TAMPERING=all` changes each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bus;
mod proofs;
mod signing;

use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use bus::{AKIMAT, Act, COMMITTEE, OPERATOR, samples};
use kopir::evidence::bundle::{self, Finding};
use kopir::evidence::checkpoint::Checkpoint;
use kopir::evidence::note::{Note, VerifierKey};
use kopir::evidence::proof::RecordProof;
use kopir::evidence::signed_records;
use kopir::journal::{Entry, FileJournal, FileOptions, Journal as _, Seq, verify};
use kopir::rpc::proto::types::v1::{ConsentDecision, Receipt};
use proofs::{DAMAGE, DONE, Watch, ask, data, kopir, log_key, prove, start_with};
use signing::Person;
use signing::site::Site;
use tempfile::TempDir;

/// What a bus has given away of one small case, and its journal.
struct World {
    /// Keeps the files.
    dir: TempDir,
    log: VerifierKey,
    witness: VerifierKey,
    bundle: Vec<u8>,
    receipt: Receipt,
    proof: Vec<u8>,
    checkpoint: Vec<u8>,
}

impl World {
    /// A case with a signed decision, exported with its papers, all of it cosigned.
    async fn new() -> Self {
        let (watch, site) = (Watch::new(), Site::new());
        let bus = start_with(&watch, &site.settings(&[])).await;
        let parties = bus.parties().await;
        let application = samples::application_of(2, "2023-01-30T10:00:00+05:00");
        let receipt = parties.mission.act(Act::submit(application)).await;
        let case = receipt.case_id.clone();
        parties.committee.receive().await;
        parties.committee.act(Act::forward(&case)).await;
        parties.akimat.receive().await;
        parties.akimat.act(Act::refer(&case)).await;
        parties.commission.receive().await;
        bus.clock("2023-02-20T15:00:00+05:00");
        let signed_document = Some(site.signed(&Person::default()));
        let consent = ConsentDecision { signed_document, ..samples::consent("2023-02-20", 1) };
        parties.commission.act(Act::decide_consent(&case, consent)).await;
        parties.akimat.receive().await;
        prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
        let key = log_key(&bus);
        let (exit, said) = watch.look(&bus, &key);
        assert_eq!(exit, DONE, "{said}");
        let proof = prove(&bus, AKIMAT, receipt.sequence).await.unwrap().proof.into_bytes();
        let checkpoint = ask(&bus, COMMITTEE, &["evidence", "checkpoint", "--cosigned"]).1;
        let file = watch.path("case.zip");
        let out = file.to_str().unwrap();
        let purpose = ["--purpose", "supervision"];
        let export = ["evidence", "export", &case, "--with-papers", "--out", out];
        let export = [&export[..], &purpose].concat();
        let (exit, said) = ask(&bus, AKIMAT, &export);
        assert_eq!(exit, DONE, "{said}");
        // The export itself is on record.
        prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
        let (journal, records) = (data(&bus).join("journal"), bus.sequence());
        let dir = bus.stop_keeping(|| small_copy(&journal)).await;
        assert_eq!(signed_records(dir.path()).unwrap(), Some(records));
        Self {
            dir,
            log: key.parse().unwrap(),
            witness: watch.key.clone(),
            bundle: fs::read(file).unwrap(),
            receipt,
            proof,
            checkpoint: checkpoint.into_bytes(),
        }
    }

    fn findings(&self, bundle: &[u8]) -> Vec<Finding> {
        bundle::verify(bundle, &self.log, std::slice::from_ref(&self.witness)).findings
    }

    /// What `verify-receipt` says of a proof, by the sequence and the hash of the receipt.
    fn receipt_fault(&self, proof: &[u8]) -> Option<String> {
        let proof = match RecordProof::parse(proof) {
            Ok(proof) => proof,
            Err(why) => return Some(why.to_string()),
        };
        if let Err(why) = proof.verify(&self.log, std::slice::from_ref(&self.witness)) {
            return Some(why.to_string());
        }
        let is_it = proof.sequence.0 == self.receipt.sequence
            && proof.record.0[..] == self.receipt.record_hash[..];
        (!is_it).then(|| "another receipt".to_owned())
    }

    fn checkpoint_fault(&self, bytes: &[u8]) -> Option<String> {
        let note = match Note::parse(bytes) {
            Ok(note) => note,
            Err(why) => return Some(why.to_string()),
        };
        let opened = Checkpoint::open(&note, &self.log).err().map(|why| why.to_string());
        opened.or_else(|| self.witness.verify(&note).err().map(|why| why.to_string()))
    }
}

/// Does something for each of many, on all cores.
fn each(places: &[usize], check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(*place);
                }
            });
        }
    });
}

/// The places of a piece that are changed: all of them where that is asked for, or so many.
#[expect(clippy::disallowed_methods, reason = "a test has no configuration file")]
fn places(range: Range<usize>, at_most: usize) -> Vec<usize> {
    let all = std::env::var("KOPIR_TAMPERING").is_ok_and(|how| how == "all");
    let step = if all { 1 } else { range.len().div_ceil(at_most).max(1) };
    range.step_by(step).collect()
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1 << (at % 8);
    changed
}

/// Each pair of neighbouring lines in the place of the other, where they are not the same.
fn swapped(text: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let pairs = (1..lines.len()).filter(|at| lines[at - 1] != lines[*at]);
    pairs
        .map(|at| {
            let mut lines = lines.clone();
            lines.swap(at - 1, at);
            lines.concat()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_is_named_with_the_part_at_fault() {
    let world = World::new().await;
    assert_eq!(world.findings(&world.bundle), []);
    bundle_bytes(&world);
    bundle_pieces(&world);
    small_texts(&world);
    journal_bytes(&world);
}

/// Every byte of a bundle: named by the file that it belongs to, or by its place.
fn bundle_bytes(world: &World) {
    let bytes = &world.bundle;
    let files = bundle::files(bytes);
    let begin = Instant::now();
    let owner = |at: usize| {
        files.iter().find(|(_, place)| at < place.end).map_or("directory", |(name, _)| name)
    };
    let mut all = Vec::new();
    let mut from = 0;
    for (_, place) in &files {
        all.extend(places(from..place.start, 12));
        all.extend(places(place.clone(), 24));
        from = place.end;
    }
    all.extend(places(from..bytes.len(), 400));
    each(&all, |at| {
        let findings = world.findings(&flipped(bytes, at));
        let tells = |finding: &Finding| {
            finding.place.contains(owner(at))
                || finding.bytes.as_ref().is_some_and(|bytes| bytes.contains(&at))
        };
        assert!(findings.iter().any(tells), "byte {at} of {}: {findings:?}", owner(at));
    });
    println!("{} bytes of a bundle of {} in {:?}", all.len(), bytes.len(), begin.elapsed());
}

/// A bundle cut at any length, drawn out, and with files that changed places.
fn bundle_pieces(world: &World) {
    let bytes = &world.bundle;
    each(&places(0..bytes.len(), 300), |length| {
        let findings = world.findings(&bytes[..length]);
        assert_ne!(findings, [], "cut to {length}");
    });
    for more in [&b"\0"[..], b"\n", b"PK\x01\x02", &bytes[bytes.len() - 22..], bytes] {
        let findings = world.findings(&[bytes, more].concat());
        assert_ne!(findings, [], "drawn out by {}", more.len());
    }
    // The lines of each text in it, in the place where it stands.
    for (name, place) in bundle::files(bytes) {
        let is_text = ["manifest", "checkpoint", ".csv", ".html", ".tlog-proof"];
        if !is_text.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let swapped = swapped(&bytes[place.clone()]);
        let some = places(0..swapped.len(), 40);
        each(&some, |at| {
            let mut changed = bytes.clone();
            changed[place.clone()].copy_from_slice(&swapped[at]);
            let findings = world.findings(&changed);
            let tells = |finding: &Finding| finding.place.contains(&name);
            assert!(findings.iter().any(tells), "{name}, line {at}: {findings:?}");
        });
    }
}

/// Every byte and line of a receipt's proof and of a checkpoint, and both at any length.
fn small_texts(world: &World) {
    type Fault<'a> = &'a (dyn Fn(&[u8]) -> Option<String> + Sync);
    let texts: [(&str, &[u8], Fault<'_>); 2] = [
        ("receipt", &world.proof, &|bytes| world.receipt_fault(bytes)),
        ("checkpoint", &world.checkpoint, &|bytes| world.checkpoint_fault(bytes)),
    ];
    for (name, text, fault) in texts {
        assert_eq!(fault(text), None, "{name}");
        each(&(0..text.len()).collect::<Vec<_>>(), |at| {
            for bit in 0..8 {
                let mut changed = text.to_vec();
                changed[at] ^= 1 << bit;
                assert!(fault(&changed).is_some(), "{name}: bit {bit} of byte {at}");
            }
            assert!(fault(&text[..at]).is_some(), "{name}: cut to {at}");
        });
        for more in [&b"\n"[..], b"\0", b" ", b"more\n", text] {
            let longer = [text, more].concat();
            assert!(fault(&longer).is_some(), "{name}: drawn out by {}", more.len());
        }
        for (at, changed) in swapped(text).iter().enumerate() {
            // Of two signatures either may come first.
            let signatures = changed.windows(3).filter(|piece| *piece == "\u{2014}".as_bytes());
            let is_order = signatures.count() > 1 && at + 1 == swapped(text).len();
            assert_eq!(fault(changed).is_some(), !is_order, "{name}: line {at}");
        }
    }
}

/// The records of a journal in small segments, each in a group of its own, with what the bus has
/// signed beside it.
fn small_copy(journal: &Path) -> TempDir {
    let small = FileOptions { segment_bytes: 4096, ..FileOptions::default() };
    let small = FileOptions { max_record_bytes: 3072, reserve_bytes: 0, ..small };
    let open = |dir: &Path, options| FileJournal::open(dir, options, None, &mut |_| {}).unwrap().0;
    let dir = tempfile::tempdir().unwrap();
    let (old, mut new) =
        (open(journal, FileOptions::default()), open(&dir.path().join("journal"), small));
    fs::copy(journal.with_file_name("log.signed"), dir.path().join("log.signed")).unwrap();
    let visited = old.reader().scan(Seq::FIRST, &mut |record| {
        let entry = Entry { time_ms: record.time_ms, payload: &record.payload };
        assert_eq!(new.append(&[entry]).unwrap().last().unwrap().hash, record.hash);
        ControlFlow::Continue(())
    });
    visited.unwrap();
    dir
}

/// Every byte of every record of a journal: refused with the segment, or, in the very last group,
/// which looks like one that a crash has cut, by what the bus has signed.
fn journal_bytes(world: &World) {
    let journal = world.dir.path().join("journal");
    let report = verify(&journal).unwrap();
    let mut segments: Vec<_> = fs::read_dir(&journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "kjl"))
        .collect();
    segments.sort();
    assert!(report.records > 10 && segments.len() > 1, "{report:?}");
    let begin = Instant::now();
    let (mut changed, cut) = (0, AtomicUsize::new(0));
    for (number, path) in segments.iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let is_last = number + 1 == segments.len();
        let all = places(0..used, 1500);
        changed += all.len();
        each(&all, |at| {
            let copy = tempfile::tempdir().unwrap();
            for other in &segments {
                let to = copy.path().join(other.file_name().unwrap());
                match other == path {
                    true => fs::write(to, flipped(&bytes, at)).unwrap(),
                    false => drop(fs::copy(other, to).unwrap()),
                }
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            match verify(copy.path()) {
                Err(why) => assert!(why.to_string().contains(name), "byte {at} of {name}: {why}"),
                Ok(found) => {
                    let signed = signed_records(world.dir.path()).unwrap().unwrap();
                    assert!(is_last && found.records < signed, "byte {at} of {name}: {found:?}");
                    cut.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    assert!(cut.into_inner() > 0);
    println!("{changed} bytes of a journal of {} in {:?}", report.bytes, begin.elapsed());
    told_by_the_command(world, segments.last().unwrap());
}

/// The command names the last record too.
fn told_by_the_command(world: &World, segment: &Path) {
    let records = verify(segment.parent().unwrap()).unwrap().records;
    let dir = world.dir.path().to_str().unwrap();
    let (exit, said) = kopir(&["journal", "verify", dir]);
    assert_eq!(exit, DONE, "{said}");
    let bytes = fs::read(segment).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(segment, flipped(&bytes, last)).unwrap();
    let (exit, said) = kopir(&["journal", "verify", dir]);
    let told = said.contains(&format!("damaged at record {records}: the bus has signed {records}"));
    assert_eq!((exit, told), (DAMAGE, true), "{said}");
    let (exit, said) = kopir(&["journal", "verify", dir, "--json"]);
    assert_eq!((exit, said.contains(&format!("\"seq\": {records}"))), (DAMAGE, true), "{said}");
    fs::write(segment, bytes).unwrap();
    fs::write(world.dir.path().join("log.signed"), "nothing").unwrap();
    let (exit, said) = kopir(&["journal", "verify", dir]);
    assert_eq!((exit, said.contains("log.signed")), (DAMAGE, true), "{said}");
}
