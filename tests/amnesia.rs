//! The power goes under load, again and again, on a disk that keeps nothing but what was synced.
//!
//! The bus stores on a file system of this test (FUSE) that forgets unsynced bytes and names when
//! its power is cut: none of them, all, the earliest, or any of them by sectors. The power goes at
//! random moments, and at chosen ones: at a write or a sync of the journal, while a segment gets
//! its name, while the bus starts. Then the process is killed, and another starts on what is left,
//! under another boot id of the kernel, as after a real power cut. No receipt may be lost.
//!
//! `KOPIR_POWER_CUTS` says how often (3), `KOPIR_SEED` repeats the choices of a run. It needs
//! `/dev/fuse` and the right to mount.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

#[path = "amnesia/disk.rs"]
mod disk;
#[path = "amnesia/mount.rs"]
mod mount;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use disk::{Forgotten, SECTOR};
use mount::{Amnesia, Calls, Trap};
use process::crowd::Crowd;
use process::load::{send, submission};
use process::seed::Seed;
use process::{Bus, Ground, MISSIONS, Settings, environment, journal, skip};

/// At most so many receipts and confirmations before the power goes or a trap is set.
const MOST_ENTRIES: u64 = 300;
/// One start in so many has its power cut.
const CUT_EARLY: u64 = 6;
/// After one cut in so many the bus is not killed but must end by itself.
const ENDS_BY_ITSELF: u64 = 4;
/// At one cut in so many the whole journal is laid beside the ledger.
const WHOLE_CHECK: u64 = 10;
/// How long a trap may take to spring under load.
const PATIENCE: Duration = Duration::from_secs(60);
/// A disk whose syncs lie is found out within so many cuts, at the second at the latest unless the
/// bus has written nothing since it started.
const LIES_FOUND_WITHIN: u32 = 8;

/// The parties, and their bus on the forgetful disk.
struct Run {
    // Unmounted before its directory goes, so it stands before the crowd.
    disk: Amnesia,
    crowd: Crowd,
    boot_id: PathBuf,
    cuts: Cuts,
    /// How many calls of the last start that was not cut off changed something.
    changes_of_a_start: u64,
}

/// What is left on the disk of what was not synced.
#[derive(Clone, Copy)]
enum Left {
    Anything,
    OnlySynced,
}

/// What was done to the disk.
#[derive(Debug, Default)]
struct Cuts {
    under_load: u32,
    while_starting: u32,
    ended_by_itself: u32,
    forgotten_sectors: usize,
    surviving_sectors: usize,
    forgotten_names: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_receipt_is_lost_when_the_power_goes() {
    if let Some(why) = obstacle() {
        return skip("no_receipt_is_lost_when_the_power_goes", &why);
    }
    let wanted = environment("KOPIR_POWER_CUTS").map_or(3, |text| text.parse().unwrap());
    let begun = Instant::now();
    let mut run = Run::new(Seed::of_this_run("amnesia"));
    while run.cuts.under_load + run.cuts.while_starting < wanted {
        let bus = run.start().await;
        run.cut_under_load(bus).await;
        if run.cuts.under_load == 1 || run.crowd.seed.once_in(WHOLE_CHECK) {
            let lost = run.lost().expect("the journal is whole");
            assert!(lost.is_empty(), "{} broken promises:\n{}", lost.len(), lost.join("\n"));
        }
    }
    run.crowd.close_intake();
    run.crowd.index_is_derived().await;
    let Run { disk, crowd, cuts, .. } = run;
    let ledger = std::sync::Arc::clone(&crowd.ledger);
    let report = crowd.finish().await;
    drop(disk);
    println!(
        "amnesia: {cuts:?} in {:.1} s; {} receipts and {} confirmations checked against {} records \
         in {} segments",
        begun.elapsed().as_secs_f64(),
        ledger.receipts().len(),
        ledger.confirmations().len(),
        report.records,
        report.segments,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_very_first_receipt_rests_on_synced_names_and_bytes() {
    if let Some(why) = obstacle() {
        return skip("the_very_first_receipt_rests_on_synced_names_and_bytes", &why);
    }
    let mut run = Run::new(Seed::of_this_run("first receipt"));
    let bus = Bus::start(&mut run.crowd.serve());
    let mission = run.crowd.ground.client(&bus, MISSIONS[0]).await;
    let act = submission(&mut run.crowd.seed);
    send(&mission, &run.crowd.ledger, MISSIONS[0], &act).await.unwrap();
    let key = fs::read(run.applicant_key()).unwrap();
    run.disk.cut_power();
    bus.kill();
    run.disk.restore_power(None);
    assert_eq!(run.lost().expect("the journal is whole"), <[String; 0]>::default());
    assert_eq!(fs::read(run.applicant_key()).unwrap(), key, "applicants are told again");
}

#[test]
fn a_first_start_cut_off_anywhere_is_followed_by_one_that_succeeds() {
    if let Some(why) = obstacle() {
        return skip("a_first_start_cut_off_anywhere_is_followed_by_one_that_succeeds", &why);
    }
    let wanted = environment("KOPIR_POWER_CUTS").map_or(6, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let mut run = Run::new(Seed::of_this_run("first start"));
    let data = run.crowd.journal().parent().unwrap().to_owned();
    let mut changes = 0;
    loop {
        assert!(run.start_in_peace().stop().success());
        if run.cuts.while_starting == wanted {
            break;
        }
        fs::remove_dir_all(&data).unwrap();
        fs::File::open(data.parent().unwrap()).unwrap().sync_all().unwrap();
        // Of the first start, which is the longest; the others went on with what was left.
        changes = changes.max(run.changes_of_a_start);
        run.changes_of_a_start = changes;
        run.start_that_may_be_cut();
    }
    println!("first start: {changes} calls change something; {:?}", run.cuts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_sync_of_the_journal_receipts_are_found_lost() {
    if let Some(why) = obstacle() {
        return skip("without_the_sync_of_the_journal_receipts_are_found_lost", &why);
    }
    let mut run = Run::new(Seed::of_this_run("lying disk"));
    run.disk.let_data_syncs_lie();
    for cut in 1..=LIES_FOUND_WITHIN {
        let bus = Bus::start(&mut run.crowd.serve());
        run.crowd.open_doors(&bus);
        run.end_under_load(bus).await;
        run.restore_power(if cut.is_multiple_of(2) { Left::OnlySynced } else { Left::Anything });
        match run.lost() {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => {
                let promises = run.crowd.ledger.progress().borrow().entries;
                println!("lying disk: cut {cut}: {} of {promises} promises broken", lost.len());
                println!("lying disk: one of them: {}", lost[0]);
                return;
            }
            Err(error) => {
                println!("lying disk: cut {cut}: the journal itself is found damaged: {error}");
                run = Run::new(run.crowd.seed.fork());
                run.disk.let_data_syncs_lie();
            }
        }
    }
    panic!("{LIES_FOUND_WITHIN} power cuts without syncs broke no promise: the check is blind");
}

impl Run {
    fn new(seed: Seed) -> Self {
        let ground = Ground::new();
        let (root, boot_id) = (ground.path("disk"), ground.path("boot_id"));
        fs::create_dir(&root).unwrap();
        let disk = Amnesia::mount(&root).unwrap();
        let small = Settings { segment_mib: 1, engine_reserve_mib: 2, ..Settings::default() };
        let settings = Settings { data_dir: Some(root.join("bus")), ..small };
        let mut crowd = Crowd::new(ground, seed, settings);
        fs::write(&boot_id, crowd.seed.uuid() + "\n").unwrap();
        let told = boot_id.clone();
        crowd.put_around(move |serve| in_boot(&told, &serve));
        Self { disk, crowd, boot_id, cuts: Cuts::default(), changes_of_a_start: 1 }
    }

    /// Starts the bus on what the last one left, though the power may go meanwhile; asks again for
    /// receipts, and lets the parties in.
    async fn start(&mut self) -> Bus {
        while self.crowd.seed.once_in(CUT_EARLY) {
            self.start_that_may_be_cut();
        }
        let bus = self.start_in_peace();
        self.crowd.ask_again(&bus).await;
        self.crowd.open_doors(&bus);
        bus
    }

    fn start_in_peace(&mut self) -> Bus {
        let before = self.disk.changes();
        let bus = Bus::start(&mut self.crowd.serve());
        self.changes_of_a_start = self.disk.changes() - before;
        bus
    }

    /// Starts the bus while the power is to go at one of the next calls, and ends it.
    fn start_that_may_be_cut(&mut self) {
        let seed = &mut self.crowd.seed;
        let (place, carried_out) = (seed.below(self.changes_of_a_start), seed.once_in(2));
        self.disk.set_trap(Trap { calls: Calls::Any, place, carried_out });
        match Bus::try_start(&mut self.crowd.serve()) {
            Ok(bus) => bus.kill(),
            Err(refused) => assert_ne!(refused.status.code(), Some(0), "{}", refused.log),
        }
        self.cuts.while_starting += u32::from(!*self.disk.power().borrow());
        self.restore_power(Left::Anything);
    }

    /// Cuts the power while the parties work, ends the bus, and gives the power back.
    async fn cut_under_load(&mut self, bus: Bus) {
        self.end_under_load(bus).await;
        self.restore_power(Left::Anything);
    }

    async fn end_under_load(&mut self, bus: Bus) {
        self.crowd.wait_for_load(MOST_ENTRIES).await;
        self.cut_power().await;
        self.crowd.shut_doors();
        if self.crowd.seed.once_in(ENDS_BY_ITSELF) {
            let (status, log) = bus.end_and_tell();
            assert!(!status.success(), "a bus without a disk fails:\n{log}");
            self.cuts.ended_by_itself += 1;
        } else {
            bus.kill();
        }
        self.cuts.under_load += 1;
    }

    /// Cuts the power, at once or at one of the next calls.
    async fn cut_power(&mut self) {
        let seed = &mut self.crowd.seed;
        let (calls, within) = match seed.below(16) {
            0..4 => return self.disk.cut_power(),
            4..8 => (Calls::JournalWrite, 32),
            8..12 => (Calls::JournalSync, 32),
            12 => (Calls::JournalName, 4),
            _ => (Calls::Any, 400),
        };
        let trap = Trap { calls, place: seed.below(within), carried_out: seed.once_in(2) };
        self.disk.set_trap(trap);
        let mut power = self.disk.power();
        let gone = tokio::time::timeout(PATIENCE, power.wait_for(|on| !*on)).await;
        gone.unwrap_or_else(|_| panic!("{trap:?} does not spring")).expect("the disk is there");
    }

    /// Gives the power back.
    fn restore_power(&mut self, left: Left) {
        let seed = match left {
            Left::Anything => Some(&mut self.crowd.seed),
            Left::OnlySynced => None,
        };
        let Forgotten { pieces, survived, names } = self.disk.restore_power(seed);
        self.cuts.forgotten_sectors += pieces;
        self.cuts.surviving_sectors += survived;
        self.cuts.forgotten_names += names;
        fs::write(&self.boot_id, self.crowd.seed.uuid() + "\n").unwrap();
    }

    fn applicant_key(&self) -> PathBuf {
        self.crowd.journal().with_file_name("applicants.key")
    }

    /// Lays a copy of what is left of the journal beside the ledger.
    fn lost(&self) -> Result<Vec<String>, kopir::journal::JournalError> {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(self.crowd.journal()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        journal::lost(copy.path(), &self.crowd.ledger)
    }
}

/// The same command in a mount namespace where the kernel seems to have booted with this id.
fn in_boot(boot_id: &Path, serve: &Command) -> Command {
    let mut command = Command::new("unshare");
    let bind = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
    command.args(["-m", "--", "sh", "-c", bind]).arg(boot_id);
    command.arg(serve.get_program()).args(serve.get_args());
    command
}

/// Why no such disk can be mounted here; none when it can.
fn obstacle() -> Option<String> {
    if !Path::new("/dev/fuse").exists() {
        return Some("there is no /dev/fuse".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("only root may mount a file system and a boot id".into());
    }
    let dir = tempfile::tempdir().unwrap();
    if let Err(error) = Amnesia::mount(dir.path()) {
        return Some(format!("a file system cannot be mounted: {error}"));
    }
    let boot_id = dir.path().join("boot_id");
    fs::write(&boot_id, "trial\n").unwrap();
    match in_boot(&boot_id, &Command::new("true")).output() {
        Err(error) => Some(format!("unshare does not run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
        Ok(_) => None,
    }
}

/// The disk itself: only a test of a test, but all rests on it.
#[test]
fn the_disk_forgets_what_was_not_synced_and_nothing_else() {
    use disk::{Disk, ROOT};
    let mut fates = [0; 3];
    for number in 0..200 {
        let mut seed = Seed::from(number);
        let mut disk = Disk::new();
        let synced = disk.create(ROOT, "synced".as_ref(), 0o600).unwrap();
        disk.write(synced, 0, &[1; 3 * SECTOR]).unwrap();
        disk.sync_file(synced).unwrap();
        disk.sync_dir(ROOT).unwrap();
        disk.write(synced, SECTOR / 2, &[2; 2 * SECTOR]).unwrap();
        let nameless = disk.create(ROOT, "nameless".as_ref(), 0o600).unwrap();
        disk.write(nameless, 0, &[3; 10]).unwrap();
        disk.sync_file(nameless).unwrap();

        disk.lose_power(Some(&mut seed));
        let bytes = &disk.file(synced).unwrap().bytes;
        assert_eq!(bytes.len(), 3 * SECTOR, "a synced length stays");
        assert_eq!(bytes[..SECTOR / 2], [1; SECTOR / 2], "what was synced stays");
        assert_eq!(bytes[5 * SECTOR / 2..], [1; SECTOR / 2], "what was synced stays");
        let second = &bytes[SECTOR..2 * SECTOR];
        assert!(second == [1; SECTOR] || second == [2; SECTOR], "a sector is old or new");
        let news = bytes.iter().filter(|byte| **byte == 2).count();
        fates[if news == 0 {
            0
        } else if news == 2 * SECTOR {
            1
        } else {
            2
        }] += 1;
        match disk.lookup(ROOT, "nameless".as_ref()) {
            Ok(node) => {
                assert_eq!(disk.file(node).unwrap().bytes, [3; 10], "its bytes were synced")
            }
            Err(refusal) => assert_eq!(refusal, disk::Refusal::Missing),
        }
    }
    assert!(fates.iter().all(|count| *count > 10), "lost, kept and torn: {fates:?}");
}
