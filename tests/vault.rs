//! What is personal is sealed before the journal: after whole cases nothing of a person is found on
//! the disk or in what the bus says; whoever erases a case destroys what opens it and nothing else;
//! and a vault or master key that is not the right one refuses the start by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use kopir::config::Config;
use kopir::domain::confidential::SlotNumber;
use kopir::domain::{CaseId, Confidential, Event};
use kopir::journal::{Entry, FileJournal, FileOptions, Journal as _, Seq};
use kopir::records::{decode_event, encode_event};
use kopir::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use kopir::rpc::proto::inbox::v1::{DeliveryRejection, RejectDeliveryRequest};
use kopir::rpc::proto::types::v1::{HeldReason, Receipt};
use kopir::vault::{FileVault, Vault as _, inspect, open_event};
use prost::Message as _;

use process::act::{Act, Answer, read};
use process::answers::cases;
use process::crowd::Crowd;
use process::ledger::Ledger;
use process::load::{acknowledge, fetch, forward, send, submission};
use process::seed::Seed;
use process::{Bus, COMMITTEE, Ground, MISSIONS, OPERATOR, Settings, journal, papers};

/// Exit codes of the program.
const USAGE: i32 = 2;
const DAMAGE: i32 = 3;
const REFUSED: i32 = 4;

/// What a receiver says of a delivery that it rejects.
const DETAIL: &str = "Үлгіев Сынақ: the diploma is of another person";

/// What tells the persons of these tests: names, a birth date in writing and in the papers' own
/// encoding, addresses, and what is said of them.
fn traces() -> BTreeMap<String, Vec<u8>> {
    let mut traces = BTreeMap::new();
    let words = [
        "Үлгіев",
        "Сынақ",
        "Лауазым",
        "Synthetic street",
        "Synthetic avenue",
        "1975-03-22",
        "22.03.1975",
        "Synthetic reason",
        "diploma is of another",
    ];
    for word in words {
        let utf16: Vec<u16> = word.encode_utf16().collect();
        traces.insert(format!("{word} in UTF-8"), word.as_bytes().to_vec());
        let little = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        traces.insert(format!("{word} in UTF-16 LE"), little);
        let big = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        traces.insert(format!("{word} in UTF-16 BE"), big);
    }
    let person = papers::application("KZ-55", 1).applicant.unwrap();
    traces.insert("the encoded name".to_owned(), person.name.unwrap().encode_to_vec());
    traces.insert("the encoded birth date".to_owned(), person.birth_date.unwrap().encode_to_vec());
    traces
}

fn occurs(bytes: &[u8], trace: &[u8]) -> bool {
    memchr::memmem::find(bytes, trace).is_some()
}

/// The traces that are in some bytes.
fn found<'t>(bytes: &[u8], traces: &'t BTreeMap<String, Vec<u8>>) -> Vec<&'t str> {
    let found = traces.iter().filter(|(_, trace)| occurs(bytes, trace));
    found.map(|(name, _)| name.as_str()).collect()
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

/// Holds every file of a ground, logs among them, to have no trace of a person.
fn nothing_is_left(ground: &Ground) -> usize {
    let traces = traces();
    let all = files(&ground.path("."));
    for file in &all {
        let left = found(&fs::read(file).unwrap(), &traces);
        assert!(left.is_empty(), "{}: {left:?}", file.display());
    }
    all.len()
}

fn kopir(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kopir")).args(args).output().unwrap()
}

/// Runs a command against a bus as a party.
fn ask(ground: &Ground, bus: &Bus, party: &str, args: &[&str]) -> Output {
    let (address, certs) = (bus.address().to_string(), ground.path("certs"));
    let to = ["--bus", &address, "--certs", certs.to_str().unwrap(), "--as", party];
    kopir(&[args, &to].concat())
}

fn erase(ground: &Ground, bus: &Bus, case: &str, more: &[&str]) -> Output {
    let args = ["case", "erase", case, "--reason", "lawful-request", "--reference", "No. 17"];
    ask(ground, bus, OPERATOR, &[&args[..], more].concat())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// What the journal says, as whoever has vault and master key can read it: what each record of a
/// case carries, by case.
fn read_with_keys(ground: &Ground) -> BTreeMap<CaseId, Vec<Confidential>> {
    let config = Config::read(&ground.path("kopir.toml")).unwrap();
    let mut last: Option<SlotNumber> = None;
    let mut events = Vec::new();
    records(ground, |event| {
        if let Event::Act(act) = &event {
            last = last.max(act.body.content.sealed().map(|sealed| sealed.slot));
        }
        events.push(event);
    });
    let vault = FileVault::open(&config.vault, last).unwrap();
    let mut read: BTreeMap<CaseId, Vec<Confidential>> = BTreeMap::new();
    for mut event in events {
        open_event(&vault, &mut event).unwrap();
        if let Event::Act(act) = event {
            read.entry(act.case).or_default().push(act.body.content);
        }
    }
    read
}

fn records(ground: &Ground, mut visit: impl FnMut(Event)) {
    let journal = FileJournal::open(&ground.journal(), FileOptions::default(), None, &mut |_| {});
    let (journal, _) = journal.unwrap();
    let visited = journal.reader().scan(Seq::FIRST, &mut |record| {
        visit(decode_event(&record.payload).unwrap());
        ControlFlow::Continue(())
    });
    visited.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_whole_cases_nothing_of_a_person_is_on_the_disk_or_in_the_log() {
    let mut crowd = Crowd::new(Ground::new(), Seed::of_this_run("vault"), Settings::default());
    let log = crowd.ground.path("bus.log");
    crowd.put_around(move |command| loud(&command, &log));
    let bus = Bus::start(&mut crowd.serve());
    crowd.open_doors(&bus);
    crowd.wait_for_load(40).await;
    crowd.finish_on(bus).await;
    let ground = &*crowd.ground;

    // What was looked for was there: in what the parties sent.
    let receipts = crowd.ledger.receipts();
    let sent: Vec<u8> = receipts.values().flat_map(|entry| content(&entry.act)).collect();
    let traces = traces();
    for trace in ["Үлгіев in UTF-8", "Synthetic street in UTF-8", "the encoded birth date"] {
        assert!(occurs(&sent, &traces[trace]), "{trace}");
    }
    assert!(fs::metadata(ground.path("bus.log")).unwrap().len() > 10_000, "the bus was loud");
    assert!(nothing_is_left(ground) > 10);

    let bus = Bus::start(&mut crowd.serve());
    for args in [&["status"][..], &["case", "list"], &["held", "list"], &["inbox", COMMITTEE]] {
        for json in [&[][..], &["--json"]] {
            let output = ask(ground, &bus, OPERATOR, &[args, json].concat());
            let left = found(&[&output.stdout[..], &output.stderr].concat(), &traces);
            assert!(output.status.success() && left.is_empty(), "{args:?}: {}", told(&output));
        }
    }

    // One case in three is erased, by the command.
    let all: BTreeSet<String> =
        receipts.values().map(|entry| entry.receipt.case_id.clone()).collect();
    let gone: Vec<&String> = all.iter().step_by(3).collect();
    for case in &gone {
        let output = erase(ground, &bus, case, &[]);
        assert!(output.status.success(), "{}", told(&output));
    }
    assert!(bus.stop().success());
    nothing_is_left(ground);
    let opened = read_with_keys(ground);
    assert_eq!(opened.len(), all.len());
    for (case, contents) in &opened {
        let is_gone = gone.contains(&&case.to_string());
        for content in contents {
            match content {
                Confidential::Erased { .. } => assert!(is_gone, "{case}"),
                Confidential::Plain(_) => assert!(!is_gone, "{case}"),
                Confidential::Sealed(_) => panic!("{case}: not opened"),
            }
        }
        let bytes: Vec<u8> =
            contents.iter().filter_map(Confidential::bytes).flatten().copied().collect();
        assert_eq!(found(&bytes, &traces).is_empty(), is_gone, "{case}");
    }
    let output = kopir(&["journal", "verify", ground.data().to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
    let erased = format!("{} erased", gone.len());
    assert!(told(&output).contains(&erased), "{}", told(&output));
}

/// The act's content, as it was sent.
fn content(act: &Act) -> Vec<u8> {
    match act {
        Act::Submit(request) => request.encode_to_vec(),
        Act::ForwardApplication(request) => request.encode_to_vec(),
        Act::Refer(request) => request.encode_to_vec(),
        Act::DecideConsent(request) => request.encode_to_vec(),
        Act::SendConsent(request) => request.encode_to_vec(),
        Act::ForwardDecision(request) => request.encode_to_vec(),
        Act::HandOver(request) => request.encode_to_vec(),
        Act::Arrive(request) => request.encode_to_vec(),
        Act::DecideInclusion(request) => request.encode_to_vec(),
        Act::HandOverInclusion(request) => request.encode_to_vec(),
    }
}

/// The same command with everything that it has to say in a file too.
fn loud(command: &Command, log: &Path) -> Command {
    let config = command.get_args().last().unwrap();
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace("filter = \"warn\"", "filter = \"trace\"")).unwrap();
    let mut loud = Command::new("bash");
    loud.args(["-c", "exec \"$@\" 2> >(tee -a \"$0\" >&2)"]).arg(log);
    loud.arg(command.get_program()).args(command.get_args());
    loud
}

/// A case from its application to the acknowledgement that opens the next obligation.
struct Begun {
    ground: Ground,
    ledger: Ledger,
    seed: Seed,
    act: Act,
    case: String,
}

async fn begin(ground: Ground, bus: &Bus) -> Begun {
    let (ledger, mut seed) = (Ledger::new(), Seed::of_this_run("vault"));
    let act = submission(&mut seed);
    let mission = ground.client(bus, MISSIONS[0]).await;
    send(&mission, &ledger, MISSIONS[0], &act).await.unwrap();
    let case = receipt_of(&ledger, &act).case_id;
    Begun { ground, ledger, seed, act, case }
}

fn receipt_of(ledger: &Ledger, act: &Act) -> Receipt {
    ledger.receipts()[act.request_id()].receipt.clone()
}

async fn refusal(channel: tonic::transport::Channel, act: &Act) -> Answer {
    read(&act.send(channel).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_case_answers_repeats_and_takes_nothing_more() {
    let mut crowd = Crowd::new(Ground::new(), Seed::of_this_run("erase"), Settings::default());
    let bus = Bus::start(&mut crowd.serve());
    crowd.open_doors(&bus);
    crowd.wait_for_load(40).await;
    crowd.finish_on(bus).await;
    let (ground, ledger) = (&*crowd.ground, &crowd.ledger);
    let bus = Bus::start(&mut crowd.serve());
    let submitted = |entry: &&process::ledger::Receipted| matches!(entry.act, Act::Submit(_));
    let entry = ledger.receipts().values().find(submitted).unwrap().clone();
    let case = entry.receipt.case_id.clone();
    let id = "11111111-2222-4333-8444-555555555555";
    let first = erase(ground, &bus, &case, &["--request-id", id, "--json"]);
    assert!(first.status.success(), "{}", told(&first));
    let again = erase(ground, &bus, &case, &["--request-id", id, "--json"]);
    assert_eq!((first.stdout, again.status.code()), (again.stdout, Some(0)), "the same receipt");
    let other = erase(ground, &bus, &case, &[]);
    assert!(told(&other).contains("were erased"), "{}", told(&other));
    assert_eq!(other.status.code(), Some(REFUSED));

    // The chain is whole, a repeat gets its receipt, other content under its id does not.
    let party = ground.client(&bus, &entry.party).await;
    let repeat = entry.act.send(party.clone()).await.unwrap();
    assert_eq!(repeat, entry.receipt, "the original receipt, with the hash of its content");
    let reused = Answer::Refused("REQUEST_ID_REUSED".into());
    assert_eq!(refusal(party, &entry.act.forged()).await, reused);

    let operator = ground.client(&bus, OPERATOR).await;
    let shown = cases(operator, vec![case.clone()]).await.remove(0);
    assert!(shown.summary.unwrap().erased_time.is_some());
    assert!(!shown.hops.is_empty(), "the case stays");
    let shown = ask(ground, &bus, OPERATOR, &["case", "show", &case]);
    assert!(told(&shown).contains("· erased "), "{}", told(&shown));

    // A crash between the record and the key: the next start destroys it.
    let slots = ground.data().join("vault/slots");
    let before = fs::read(&slots).unwrap();
    let second =
        ledger.receipts().values().find(|other| other.receipt.case_id != case).unwrap().clone();
    let output = erase(ground, &bus, &second.receipt.case_id, &[]);
    assert!(output.status.success(), "{}", told(&output));
    bus.kill();
    let erased = || inspect(&ground.data().join("vault")).unwrap().unwrap().erased;
    assert_eq!(erased(), 2);
    fs::write(&slots, &before).unwrap();
    assert_eq!(erased(), 1);
    does_not_fit(ground, &["is still there", "erased its case; start the bus"]);
    let bus = Bus::start(&mut crowd.serve());
    assert_eq!(erased(), 2, "as of an old backup of the vault too");
    let output = kopir(&["journal", "verify", ground.data().to_str().unwrap()]);
    assert!(output.status.success(), "beside a running bus: {}", told(&output));
    assert!(bus.stop().success());
    // The index is derived, what was erased among it.
    fs::remove_dir_all(ground.index()).unwrap();
    let bus = Bus::start(&mut crowd.serve());
    let operator = ground.client(&bus, OPERATOR).await;
    let shown = cases(operator, vec![case]).await.remove(0);
    assert!(shown.summary.unwrap().erased_time.is_some());
    assert!(bus.stop().success());

    // Keys that somebody destroyed, or lost, without a record.
    let sound = fs::read(&slots).unwrap();
    let named = inspect(&ground.data().join("vault")).unwrap().unwrap().destroyed;
    let live = (2..).map(SlotNumber).find(|slot| !named.contains(slot)).unwrap();
    let config = Config::read(&ground.path("kopir.toml")).unwrap();
    let vault = FileVault::open(&config.vault, None).unwrap();
    vault.erase(live, "2023-01-01T00:00:00Z".parse().unwrap()).unwrap();
    drop(vault);
    does_not_fit(ground, &[&format!("key {live} was destroyed"), "no record erased its case"]);
    fs::write(&slots, &sound[..256]).unwrap();
    does_not_fit(ground, &["key 2, which record", "is not in the vault"]);
    fs::write(&slots, &sound).unwrap();
    assert!(kopir(&["journal", "verify", ground.data().to_str().unwrap()]).status.success());
}

/// The check of the journal finds a vault that is not its own.
fn does_not_fit(ground: &Ground, words: &[&str]) {
    let output = kopir(&["journal", "verify", ground.data().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(DAMAGE), "{}", told(&output));
    for word in words {
        assert!(told(&output).contains(word), "{word}: {}", told(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_somebody_needs_is_not_erased_and_what_is_said_of_a_delivery_is_sealed() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let Begun { ground, ledger, mut seed, case, .. } = begin(ground, &bus).await;
    let on_its_way = erase(&ground, &bus, &case, &[]);
    assert!(told(&on_its_way).contains("1 acts on their way"), "{}", told(&on_its_way));
    let committee = ground.client(&bus, COMMITTEE).await;
    let delivery = fetch(&committee, 1).await.remove(0);
    assert!(delivery.application.is_some() && delivery.erased_time.is_none());
    let rejection = DeliveryRejection {
        delivery_id: delivery.delivery_id.clone(),
        reason: HeldReason::Incomplete.into(),
        detail: DETAIL.into(),
    };
    let request = RejectDeliveryRequest { rejection: Some(rejection) };
    InboxServiceClient::new(committee.clone()).reject_delivery(request).await.unwrap();
    let held = ask(&ground, &bus, COMMITTEE, &["held", "list", "--json"]);
    assert!(told(&held).contains(DETAIL), "{}", told(&held));
    let note = "the family Үлгіев has sent it";
    let id = &delivery.delivery_id;
    let released = ask(&ground, &bus, COMMITTEE, &["held", "release", id, "--note", note]);
    assert!(released.status.success(), "{}", told(&released));
    // A notice that it was held comes too.
    let mut deliveries = fetch(&committee, 10).await.into_iter();
    let delivery = deliveries.find(|one| one.application.is_some()).unwrap();
    acknowledge(&committee, &ledger, COMMITTEE, &delivery).await.unwrap();
    let owed = erase(&ground, &bus, &case, &[]);
    assert!(told(&owed).contains("1 open obligations"), "{}", told(&owed));
    assert_eq!(owed.status.code(), Some(REFUSED));
    send(&committee, &ledger, COMMITTEE, &forward(&mut seed, &delivery, "Synthetic"))
        .await
        .unwrap();

    for (party, args, code, why) in [
        (OPERATOR, ["not-a-case", "No. 17"], USAGE, "case id"),
        (OPERATOR, ["0193a0de-77aa-8bbb-8ccc-0123456789ab", "No. 17"], REFUSED, "no case"),
        (OPERATOR, [&case, ""], USAGE, "--reference"),
        (COMMITTEE, [&case, "No. 17"], REFUSED, "not for the role"),
    ] {
        let args = ["case", "erase", args[0], "--reason", "retention-rule", "--reference", args[1]];
        let output = ask(&ground, &bus, party, &args);
        assert!(told(&output).contains(why), "{args:?}: {}", told(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
    assert!(bus.stop().success());
    nothing_is_left(&ground);
}

/// The journal of a release that did not seal: its records with everything opened, and the plain
/// fingerprints that its receipts have told.
fn unseal_the_journal(ground: &Ground, ledger: &Ledger) {
    let receipts = ledger.receipts();
    let config = Config::read(&ground.path("kopir.toml")).unwrap();
    let vault = FileVault::open(&config.vault, None).unwrap();
    let open =
        |dir: &Path| FileJournal::open(dir, FileOptions::default(), None, &mut |_| {}).unwrap().0;
    let (old, new) = (open(&ground.journal()), ground.path("unsealed"));
    let mut written = open(&new);
    let visited = old.reader().scan(Seq::FIRST, &mut |record| {
        let mut event = decode_event(&record.payload).unwrap();
        open_event(&vault, &mut event).unwrap();
        if let Event::Act(act) = &mut event {
            let told = &receipts[&act.request.to_string()].receipt.content_sha256;
            assert_ne!(&act.fingerprint[..], &told[..], "the recorded one is keyed");
            act.fingerprint = told[..].try_into().unwrap();
        }
        let mut payload = Vec::new();
        encode_event(&event, &mut payload).unwrap();
        let entry = Entry { time_ms: record.time_ms, payload: &payload };
        written.append(&[entry]).unwrap();
        ControlFlow::Continue(())
    });
    visited.unwrap();
    drop((old, written, vault));
    fs::remove_dir_all(ground.data()).unwrap();
    fs::create_dir(ground.data()).unwrap();
    fs::rename(new, ground.journal()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_not_sealed_is_read_and_what_comes_is_sealed() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let Begun { ground, ledger, mut seed, act, case } = begin(ground, &bus).await;
    assert!(bus.stop().success());
    unseal_the_journal(&ground, &ledger);
    let names: Vec<u8> =
        files(&ground.journal()).iter().flat_map(|file| fs::read(file).unwrap()).collect();
    assert!(!found(&names, &traces()).is_empty(), "the old journal has names in it");

    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let mission = ground.client(&bus, MISSIONS[0]).await;
    let again = act.send(mission.clone()).await.unwrap();
    let before = receipt_of(&ledger, &act);
    assert_eq!(again.content_sha256, before.content_sha256);
    assert_eq!((again.sequence, &again.case_id), (before.sequence, &case));
    let reused = Answer::Refused("REQUEST_ID_REUSED".into());
    assert_eq!(refusal(mission, &act.forged()).await, reused);
    let committee = ground.client(&bus, COMMITTEE).await;
    let delivery = fetch(&committee, 1).await.remove(0);
    assert!(delivery.application.is_some(), "the old papers are delivered");
    let later = Ledger::new();
    acknowledge(&committee, &later, COMMITTEE, &delivery).await.unwrap();
    let next = forward(&mut seed, &delivery, "Synthetic");
    send(&committee, &later, COMMITTEE, &next).await.unwrap();
    let same = next.send(committee.clone()).await.unwrap();
    assert_eq!(same, receipt_of(&later, &next));
    let output = erase(&ground, &bus, &case, &[]);
    assert!(told(&output).contains("did not seal"), "{}", told(&output));
    assert!(bus.stop().success());
    let mut kinds = Vec::new();
    records(&ground, |event| {
        if let Event::Act(act) = event {
            kinds.push(act.body.content.sealed().is_some());
        }
    });
    assert_eq!(kinds, [false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_or_master_key_that_is_not_the_right_one_refuses_the_start() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let Begun { ground, .. } = begin(ground, &bus).await;
    assert!(bus.stop().success());
    let (master, vault) = (ground.data().join("vault-master.key"), ground.data().join("vault"));
    let (key, slots) = (fs::read(&master).unwrap(), fs::read(vault.join("slots")).unwrap());
    let refused = |what: &str, code: i32, words: &[&str]| {
        let refused = Bus::try_start(&mut ground.serve(&Settings::default()));
        let refused = refused.err().unwrap_or_else(|| panic!("{what}: the bus started"));
        assert_eq!(refused.status.code(), Some(code), "{what}: {}", refused.log);
        for word in words {
            assert!(refused.log.contains(word), "{what}: {word}: {}", refused.log);
        }
    };
    fs::write(&master, [7; 32]).unwrap();
    refused("another master key", USAGE, &["vault/slots", "vault.master_key"]);
    fs::write(&master, &key).unwrap();
    fs::set_permissions(&master, fs::Permissions::from_mode(0o644)).unwrap();
    refused("an open master key", USAGE, &["vault-master.key", "chmod 600"]);
    fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&master).unwrap();
    refused("no master key", USAGE, &["vault-master.key", "restore"]);
    assert!(!master.exists(), "none is made for a vault that has keys");
    fs::write(&master, &key[..31]).unwrap();
    fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
    refused("half a master key", USAGE, &["vault-master.key", "32 bytes"]);
    fs::write(&master, &key).unwrap();
    fs::remove_dir_all(&vault).unwrap();
    refused("no vault", USAGE, &["vault/slots", "restore"]);
    fs::create_dir_all(&vault).unwrap();
    fs::write(vault.join("slots"), &slots[..256]).unwrap();
    refused("an older vault", USAGE, &["vault/slots", "as new as the journal"]);
    let mut damaged = slots.clone();
    damaged[150] ^= 1;
    fs::write(vault.join("slots"), &damaged).unwrap();
    refused("a damaged vault", DAMAGE, &["vault/slots", "key 1", "byte 128"]);
    let output = kopir(&["journal", "verify", ground.data().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(DAMAGE), "{}", told(&output));
    assert!(told(&output).contains("key 1"), "{}", told(&output));
    fs::write(vault.join("slots"), &slots).unwrap();
    assert!(Bus::start(&mut ground.serve(&Settings::default())).stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_key_costs_its_case_and_nobody_else() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let Begun { ground, ledger, mut seed, case, .. } = begin(ground, &bus).await;
    let mission = ground.client(&bus, MISSIONS[0]).await;
    send(&mission, &ledger, MISSIONS[0], &submission(&mut seed)).await.unwrap();
    assert!(bus.stop().success());
    let slots = ground.data().join("vault/slots");
    let mut damaged = fs::read(&slots).unwrap();
    // The key of the first case is in the third place, behind the header and that of the fingerprints.
    damaged[2 * 128 + 60] ^= 1;
    fs::write(&slots, damaged).unwrap();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let committee = ground.client(&bus, COMMITTEE).await;
    let deliveries = fetch(&committee, 10).await;
    assert_eq!(deliveries.len(), 1, "the other case is delivered");
    assert_ne!(deliveries[0].case_id, case);
    // What the process has written is read by another thread of the test.
    let said = || bus.log().contains("key 2 at byte 256 is damaged");
    for _ in 0..300 {
        if said() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(said(), "{}", bus.log());
    assert!(bus.stop().success());
    journal::agrees(&ground.journal(), &ledger, false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_leaves_the_journal_alone_and_the_old_master_key_opens_nothing_more() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let Begun { ground, ledger, act, .. } = begin(ground, &bus).await;
    let config = ground.path("kopir.toml");
    let rotate = || kopir(&["vault", "rotate", "--config", config.to_str().unwrap(), "--json"]);
    let busy = rotate();
    assert_eq!(busy.status.code(), Some(USAGE), "{}", told(&busy));
    assert!(told(&busy).contains("another process"), "{}", told(&busy));
    assert!(bus.stop().success());
    let before: Vec<Vec<u8>> =
        files(&ground.journal()).iter().map(|file| fs::read(file).unwrap()).collect();
    let text = fs::read_to_string(&config).unwrap();
    let both =
        "[vault]\nmaster_key = \"new.key\"\nprevious_master_key = \"data/vault-master.key\"\n";
    fs::write(&config, format!("{text}{both}")).unwrap();
    let rotated = rotate();
    assert!(rotated.status.success(), "{}", told(&rotated));
    let after: Vec<Vec<u8>> =
        files(&ground.journal()).iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(before == after, "the journal is not touched");

    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        command.arg("serve").arg("--config").arg(&config);
        command
    };
    fs::remove_file(ground.data().join("vault-master.key")).unwrap();
    fs::write(&config, format!("{text}[vault]\nmaster_key = \"new.key\"\n")).unwrap();
    let bus = Bus::start(&mut serve());
    let committee = ground.client(&bus, COMMITTEE).await;
    assert!(fetch(&committee, 1).await[0].application.is_some());
    let mission = ground.client(&bus, MISSIONS[0]).await;
    assert_eq!(act.send(mission).await.unwrap(), receipt_of(&ledger, &act));
    assert!(bus.stop().success());

    // The same key as a credential of systemd, which shows bits of the group.
    let credentials = ground.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::copy(ground.path("new.key"), credentials.join("kopir-vault")).unwrap();
    fs::set_permissions(credentials.join("kopir-vault"), fs::Permissions::from_mode(0o440))
        .unwrap();
    fs::write(&config, format!("{text}[vault]\nmaster_key = \"credential:kopir-vault\"\n"))
        .unwrap();
    let refused = Bus::try_start(&mut serve()).err().unwrap();
    assert_eq!(refused.status.code(), Some(USAGE), "{}", refused.log);
    assert!(refused.log.contains("LoadCredential=kopir-vault"), "{}", refused.log);
    let bus = Bus::start(serve().env("CREDENTIALS_DIRECTORY", &credentials));
    assert!(bus.stop().success());
}
