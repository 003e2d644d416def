//! A bus comes back as it was: with its index, without it, with a damaged one; after a full disk;
//! and it does not come back on a journal that is not whole.
//!
//! `KOPIR_RESTART_CASES` says how many cases are open at the restarts (1500).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use kopir::rpc::proto::inbox::v1::{Delivery, open_inbox_response};
use tonic_types::StatusExt as _;

use process::act::{Act, Answer, read, reason};
use process::answers::{Answers, inbox_of, open_inbox};
use process::ledger::Ledger;
use process::load::{acknowledge, fetch, forward, send, submission, submit_in_bulk};
use process::seed::Seed;
use process::{
    Bus, COMMITTEE, Clients, Ground, MISSIONS, Refused, Settings, environment, journal, skip,
};

/// Segments small enough for a journal of several.
const SMALL_SEGMENTS: Settings =
    Settings { segment_mib: 1, journal_reserve_mib: 1, engine_reserve_mib: 2, ..Settings::DEFAULT };
/// What the disk of the full-disk test holds, in MiB.
const DISK_MIB: u64 = 16;
/// What others have put on it and will take away again, in MiB.
const BALLAST_MIB: u64 = 6;
const MIB: u64 = 1 << 20;
/// Exit codes of the bus.
const FAILED: i32 = 1;
const DAMAGE: i32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_the_same_after_a_restart_with_or_without_the_index() {
    let (ground, mut seed) = (Ground::new(), Seed::of_this_run("restart"));
    let ledger = Ledger::new();
    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    let wanted = environment("KOPIR_RESTART_CASES").map_or(1500, |text| text.parse().unwrap());
    fill(&ground, &bus, &ledger, &mut seed, wanted).await;
    let before = Answers::of(&mut Clients::new(&ground, &bus)).await;
    println!("restart: {} cases, {} open hops", before.cases.len(), before.open());
    assert!(before.open() > 0 && before.queued() > 0, "there is work in inboxes and on desks");
    bus.kill();

    for what in ["index as the crash left it", "index deleted", "index damaged"] {
        match what {
            "index deleted" => fs::remove_dir_all(ground.index()).unwrap(),
            "index damaged" => overwrite_files(&ground.index().join("data"), &mut seed),
            _ => {}
        }
        let begun = Instant::now();
        let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
        println!("restart: {what}: up after {} ms", begun.elapsed().as_millis());
        let after = Answers::of(&mut Clients::new(&ground, &bus)).await;
        before.assert_same(&after, what);
        assert!(bus.stop().success(), "{what}");
    }
    journal::agrees(&ground.journal(), &ledger, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_lease_when_the_bus_died_is_delivered_again_under_the_same_ids() {
    let (ground, mut seed) = (Ground::new(), Seed::of_this_run("lease"));
    let ledger = Ledger::new();
    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    let acts: Vec<Act> = (0..40).map(|_| submission(&mut seed)).collect();
    let mission = ground.client(&bus, MISSIONS[0]).await;
    assert!(submit_in_bulk(&mission, &ledger, MISSIONS[0], &acts).await.is_empty());
    let committee = ground.client(&bus, COMMITTEE).await;
    let all = inbox_of(committee.clone(), 40).await;
    let leased = fetch(&committee, 10).await;
    let ids = |deliveries: &[Delivery]| -> Vec<String> {
        deliveries.iter().map(|delivery| delivery.delivery_id.clone()).collect()
    };
    assert_eq!(ids(&leased), ids(&all)[..10], "a stream that has ended holds nothing");
    assert!(leased.iter().all(|delivery| delivery.attempt == 2), "the second time for each");
    assert_eq!(ids(&inbox_of(committee.clone(), 30).await), ids(&all)[10..], "a lease holds");
    let taken = acknowledge(&committee, &ledger, COMMITTEE, &leased[3]).await.unwrap();
    bus.kill();

    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    let committee = ground.client(&bus, COMMITTEE).await;
    let mut expected = all.clone();
    expected.remove(3);
    assert_eq!(inbox_of(committee.clone(), 39).await, expected, "all but the one acknowledged");
    let again = acknowledge(&committee, &ledger, COMMITTEE, &leased[3]).await.unwrap();
    assert_eq!(again, taken, "an acknowledgement again brings the original confirmation");
    assert!(bus.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_open_streams_and_says_so() {
    let (ground, mut seed) = (Ground::new(), Seed::of_this_run("stop"));
    let ledger = Ledger::new();
    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    let mission = ground.client(&bus, MISSIONS[0]).await;
    send(&mission, &ledger, MISSIONS[0], &submission(&mut seed)).await.unwrap();
    let (_said, mut inbox) = open_inbox(ground.client(&bus, COMMITTEE).await, 16).await;
    let first = inbox.message().await.unwrap().and_then(|message| message.message);
    assert!(matches!(first, Some(open_inbox_response::Message::Delivery(_))), "{first:?}");

    let stopping = tokio::task::spawn_blocking(move || bus.stop_and_tell());
    let end = inbox.message().await.expect_err("the stream does not just end");
    assert_eq!(reason(&end).as_deref(), Some("BUS_STOPPING"), "{end:?}");
    let (status, log) = stopping.await.unwrap();
    assert!(status.success(), "{status}:\n{log}");
    assert!(!log.contains("did not end in time"), "nobody had to be cut off:\n{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_not_whole_is_refused_with_its_place() {
    let (ground, mut seed) = (Ground::new(), Seed::of_this_run("damage"));
    let ledger = Ledger::new();
    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    let mission = ground.client(&bus, MISSIONS[0]).await;
    while segments(&ground).len() < 4 {
        let acts: Vec<Act> = (0..128).map(|_| submission(&mut seed)).collect();
        assert!(submit_in_bulk(&mission, &ledger, MISSIONS[0], &acts).await.is_empty());
    }
    assert!(bus.stop().success());
    let segments = segments(&ground);
    let early = &segments[usize::try_from(seed.below(2)).unwrap()];
    let whole = fs::read(early).unwrap();

    let bit = seed.below(MIB / 2 * 8);
    let (byte, mask) = (bit / 8, 1 << (bit % 8));
    let mut flipped = whole.clone();
    flipped[usize::try_from(byte).unwrap()] ^= mask;
    let cut = whole[..usize::try_from(MIB / 2 + seed.below(1000)).unwrap()].to_vec();
    for (what, bytes) in [("bit flipped", &flipped), ("cut short", &cut)] {
        fs::write(early, bytes).unwrap();
        let refused = refused(Bus::try_start(&mut ground.serve(&SMALL_SEGMENTS)), what);
        assert!(refused.log.contains(early.to_str().unwrap()), "{what}: {}", refused.log);
        assert_exit(&refused, DAMAGE, what);
        assert_eq!(&fs::read(early).unwrap(), bytes, "{what}: evidence is left alone");
        println!("damage: {what}: {}: {}", refused.status, last_line(&refused.log));
    }

    let hidden = ground.path("hidden");
    fs::rename(early, &hidden).unwrap();
    let missing = refused(Bus::try_start(&mut ground.serve(&SMALL_SEGMENTS)), "missing");
    assert_exit(&missing, DAMAGE, "missing");
    println!("damage: missing: {}: {}", missing.status, last_line(&missing.log));
    fs::rename(&hidden, early).unwrap();

    fs::write(early, &whole).unwrap();
    let bus = Bus::start(&mut ground.serve(&SMALL_SEGMENTS));
    assert!(bus.stop().success(), "with its bytes back it starts again");
    journal::agrees(&ground.journal(), &ledger, true);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_refused_by_name() {
    let ground = Ground::new();
    let file = ground.path("file");
    fs::write(&file, "not a directory").unwrap();
    let below_a_file = Settings { data_dir: Some(file.join("data")), ..SMALL_SEGMENTS };
    let refused_there = refused(Bus::try_start(&mut ground.serve(&below_a_file)), "below a file");
    assert!(refused_there.log.contains(file.to_str().unwrap()), "{}", refused_there.log);
    assert_exit(&refused_there, FAILED, "below a file");
    println!("unwritable: {}: {}", refused_there.status, last_line(&refused_there.log));

    let closed = ground.path("closed");
    fs::create_dir(&closed).unwrap();
    set_mode(&closed, 0o555);
    let settings = Settings { data_dir: Some(closed.join("data")), ..SMALL_SEGMENTS };
    let plain = ground.serve(&settings);
    let mut command = if rustix::process::geteuid().is_root() {
        // In a user namespace without a mapping even root may do only what the mode says.
        if let Some(why) = obstacle(&["-U"]) {
            return skip("a_data_directory_that_cannot_be_written_is_refused_by_name", &why);
        }
        let mut command = Command::new("unshare");
        command.args(["-U", "--"]).arg(plain.get_program()).args(plain.get_args());
        command
    } else {
        plain
    };
    let refused = refused(Bus::try_start(&mut command), "no right to write");
    assert!(refused.log.contains(closed.to_str().unwrap()), "{}", refused.log);
    assert_exit(&refused, FAILED, "no right to write");
    println!("unwritable: {}: {}", refused.status, last_line(&refused.log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_applications_loses_nothing_and_passes() {
    if let Some(why) = obstacle(&["-U", "-r", "-m"]) {
        return skip("a_full_disk_refuses_new_applications_loses_nothing_and_passes", &why);
    }
    let mut full = FullDisk::start().await;
    let refused = full.submit_until_full().await;
    let deliveries = full.acknowledge_everything().await;
    let waiting = full.forward_until_really_full(deliveries).await;
    full.is_up();
    full.free_space();
    full.go_on(refused, waiting).await;
    full.nothing_was_lost().await;
}

/// A bus on a small disk of its own, seen through its process.
struct FullDisk {
    ground: Ground,
    ledger: Ledger,
    seed: Seed,
    bus: Bus,
    /// The directory on the small disk, as this process reaches it.
    disk: PathBuf,
}

impl FullDisk {
    async fn start() -> Self {
        let (ground, seed) = (Ground::new(), Seed::of_this_run("full disk"));
        let data = ground.data();
        fs::create_dir(&data).unwrap();
        let settings =
            Settings { data_dir: Some(data.join("bus")), engine_reserve_mib: 4, ..SMALL_SEGMENTS };
        let serve = ground.serve(&settings);
        let mut command = Command::new("unshare");
        let mount = format!("mount -t tmpfs -o size={DISK_MIB}m kopir \"$0\" && exec \"$@\"");
        command.args(["-U", "-r", "-m", "--", "bash", "-c", &mount]).arg(&data);
        command.arg(serve.get_program()).args(serve.get_args());
        let bus = Bus::start(&mut command);
        let inside = data.strip_prefix("/").unwrap();
        let disk = Path::new("/proc").join(bus.id().to_string()).join("root").join(inside);
        fs::write(disk.join("ballast"), vec![0; usize::try_from(BALLAST_MIB * MIB).unwrap()])
            .unwrap();
        let ledger = Ledger::new();
        Self { ground, ledger, seed, bus, disk }
    }

    /// New applications are refused before the disk is full to the brim. Gives back the refused.
    async fn submit_until_full(&mut self) -> Vec<Act> {
        let mission = self.ground.client(&self.bus, MISSIONS[0]).await;
        loop {
            let acts: Vec<Act> = (0..64).map(|_| submission(&mut self.seed)).collect();
            let refused = submit_in_bulk(&mission, &self.ledger, MISSIONS[0], &acts).await;
            for (_, status) in &refused {
                self.assert_disk_full(status);
            }
            if refused.len() == acts.len() {
                let alone = send(&mission, &self.ledger, MISSIONS[0], &acts[0]).await;
                self.assert_disk_full(&alone.expect_err("the disk is still full"));
                println!(
                    "full disk: {} applications were taken, then refused with {} KiB free",
                    self.ledger.progress().borrow().entries,
                    self.free_kib()
                );
                return acts;
            }
        }
    }

    /// What opens or closes a clock is still taken.
    async fn acknowledge_everything(&mut self) -> Vec<Delivery> {
        let committee = self.ground.client(&self.bus, COMMITTEE).await;
        let mut all = Vec::new();
        loop {
            let deliveries = fetch(&committee, 100).await;
            if deliveries.is_empty() {
                println!("full disk: {} acknowledgements taken", all.len());
                return all;
            }
            for delivery in &deliveries {
                let taken = acknowledge(&committee, &self.ledger, COMMITTEE, delivery).await;
                taken.unwrap_or_else(|status| self.bus.fail(&format!("{status:?}")));
            }
            all.extend(deliveries);
        }
    }

    /// Others fill what is left, but for what the index needs; the last segment is used up. Gives
    /// back what had no room.
    async fn forward_until_really_full(&mut self, deliveries: Vec<Delivery>) -> Vec<Act> {
        let room = self.free_kib().saturating_sub(1200);
        let more = usize::try_from(room * 1024).unwrap();
        fs::write(self.disk.join("more ballast"), vec![0; more]).unwrap();
        let committee = self.ground.client(&self.bus, COMMITTEE).await;
        let note = "Ұ".repeat(1000);
        let (mut taken, mut waiting) = (0, Vec::new());
        for delivery in deliveries {
            let act = forward(&mut self.seed, &delivery, &note);
            match send(&committee, &self.ledger, COMMITTEE, &act).await {
                Ok(()) => taken += 1,
                Err(status) => {
                    self.assert_disk_full(&status);
                    waiting.push(act);
                }
            }
            if waiting.len() == 20 {
                break;
            }
        }
        println!("full disk: {taken} forwarded into the last segment, {} refused", waiting.len());
        assert!(taken > 0 && waiting.len() == 20, "the end of the segment was met");
        waiting
    }

    /// The bus is up, full disk or not.
    fn is_up(&mut self) {
        let ended = self.bus.has_ended();
        assert_eq!(ended, None, "a full disk ends no bus:\n{}", self.bus.log());
    }

    fn free_space(&self) {
        for ballast in ["ballast", "more ballast"] {
            fs::remove_file(self.disk.join(ballast)).unwrap();
        }
    }

    /// With space again, the same requests are taken under the same ids.
    async fn go_on(&mut self, refused: Vec<Act>, waiting: Vec<Act>) {
        let committee = self.ground.client(&self.bus, COMMITTEE).await;
        for act in &waiting {
            let sent = send(&committee, &self.ledger, COMMITTEE, act).await;
            sent.unwrap_or_else(|status| self.bus.fail(&format!("{status:?}")));
        }
        let mission = self.ground.client(&self.bus, MISSIONS[0]).await;
        let still = submit_in_bulk(&mission, &self.ledger, MISSIONS[0], &refused).await;
        assert!(still.is_empty(), "{still:?}");
    }

    /// A copy of the small disk holds everything, and a bus on it answers as this one did.
    async fn nothing_was_lost(mut self) {
        let before = Answers::of(&mut Clients::new(&self.ground, &self.bus)).await;
        assert_eq!(self.bus.has_ended(), None);
        let copy = self.ground.path("copy");
        for dir in ["journal", "vault"] {
            copy_files(&self.disk.join("bus").join(dir), &copy.join(dir));
        }
        let master = "vault-master.key";
        fs::copy(self.disk.join("bus").join(master), copy.join(master)).unwrap();
        assert!(self.bus.stop().success(), "it stops like any bus");
        journal::agrees(&copy.join("journal"), &self.ledger, true);
        let settings = Settings { data_dir: Some(copy), ..SMALL_SEGMENTS };
        let bus = Bus::start(&mut self.ground.serve(&settings));
        let after = Answers::of(&mut Clients::new(&self.ground, &bus)).await;
        before.assert_same(&after, "a bus on a copy of the journal");
        assert!(bus.stop().success());
    }

    fn assert_disk_full(&self, status: &tonic::Status) {
        assert_eq!(read(status), Answer::Later("DISK_FULL".into()), "{status:?}");
        assert_eq!(status.code(), tonic::Code::Unavailable);
        let retry = status.get_error_details();
        let retry = retry.retry_info().and_then(|info| info.retry_delay);
        assert!(retry.is_some_and(|delay| !delay.is_zero()), "it says how long to wait");
    }

    fn free_kib(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.disk).unwrap();
        stat.f_bavail * stat.f_frsize / 1024
    }
}

/// Cases at the first three desks: some unread, some taken, some forwarded.
async fn fill(ground: &Ground, bus: &Bus, ledger: &Ledger, seed: &mut Seed, cases: usize) {
    for mission in MISSIONS {
        let acts: Vec<Act> = (0..cases / MISSIONS.len()).map(|_| submission(seed)).collect();
        let channel = ground.client(bus, mission).await;
        assert!(submit_in_bulk(&channel, ledger, mission, &acts).await.is_empty());
    }
    let committee = ground.client(bus, COMMITTEE).await;
    for _ in 0..cases / 200 {
        for (number, delivery) in fetch(&committee, 100).await.iter().enumerate() {
            acknowledge(&committee, ledger, COMMITTEE, delivery).await.unwrap();
            if number.is_multiple_of(2) {
                let act = forward(seed, delivery, "Synthetic note");
                send(&committee, ledger, COMMITTEE, &act).await.unwrap();
            }
        }
    }
}

fn refused(outcome: Result<Bus, Refused>, what: &str) -> Refused {
    match outcome {
        Ok(bus) => bus.fail(&format!("{what}: it must not start")),
        Err(refused) => refused,
    }
}

/// It ended with this exit code, which stands in the help, where whoever reads a supervisor's log
/// looks for it.
fn assert_exit(refused: &Refused, code: i32, what: &str) {
    assert_eq!(refused.status.code(), Some(code), "{what}: {}", refused.log);
    let help = Command::new(env!("CARGO_BIN_EXE_kopir")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let documented = help.lines().any(|line| {
        let mut words = line.trim_start().splitn(2, char::is_whitespace);
        words.next() == Some(&code.to_string()) && words.next().is_some()
    });
    assert!(documented, "{what}: exit code {code} is not in the help:\n{help}");
}

fn last_line(log: &str) -> &str {
    log.lines().last().unwrap_or_default()
}

/// Why this kind of namespace cannot be made here; none when it can.
fn obstacle(options: &[&str]) -> Option<String> {
    let trial = Command::new("unshare").args(options).args(["--", "true"]).output();
    match trial {
        Err(error) => Some(format!("unshare does not run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
        Ok(_) => None,
    }
}

/// The segments of the journal, the earliest first.
fn segments(ground: &Ground) -> Vec<PathBuf> {
    let entries = fs::read_dir(ground.journal()).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "kjl")).collect();
    segments.sort();
    segments
}

/// Random bytes over the beginning and the middle of every file.
fn overwrite_files(dir: &Path, seed: &mut Seed) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            overwrite_files(&path, seed);
            continue;
        }
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        for at in [0, file.metadata().unwrap().len() / 2] {
            file.write_all_at(&seed.bytes(256), at).unwrap();
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
