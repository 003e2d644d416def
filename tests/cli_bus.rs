//! The commands that call a running bus, as the authorised body and the operator use them: the
//! binary serves, and the binary asks.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A bus in sandbox mode with the sample registry, in a process of its own.
struct Bus {
    dir: TempDir,
    process: Child,
    address: String,
    /// What it told of its start.
    said: String,
    /// Kept open, so that the bus can go on telling; it tells little.
    log: BufReader<ChildStderr>,
}

impl Bus {
    fn start() -> Outcome<Self> {
        Self::start_with("", "")
    }

    /// The same with something else in the configuration.
    fn start_with(from: &str, to: &str) -> Outcome<Self> {
        Self::serve(ground(from, to)?, "deploy/sandbox.toml")
    }

    /// Asks it to look at its files.
    fn hang_up(&self) -> Outcome {
        let process = i32::try_from(self.process.id())?;
        let process = rustix::process::Pid::from_raw(process).ok_or("a process")?;
        Ok(rustix::process::kill_process(process, rustix::process::Signal::HUP)?)
    }

    /// Starts a bus with a configuration below a directory, which lives as long as the bus.
    fn serve(dir: TempDir, config: &str) -> Outcome<Self> {
        let mut process = kopir(dir.path())
            .args(["serve", "--config", config])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = BufReader::new(process.stderr.take().ok_or("no standard error")?);
        let mut bus = Self { dir, process, address: String::new(), said: String::new(), log };
        while bus.address.is_empty() {
            let before = bus.said.len();
            if bus.log.read_line(&mut bus.said)? == 0 {
                return Err(bus.said.clone().into());
            }
            if let Some(address) = bus.said[before..].trim().strip_prefix("kopir listens on ") {
                bus.address = address.to_owned();
            }
        }
        Ok(bus)
    }

    /// Runs a command against the bus as a party and expects this exit code.
    fn ask(&self, party: &str, args: &[&str], exit: i32) -> Outcome<(String, String)> {
        let mut command = kopir(self.dir.path());
        command.args(args).args(["--bus", &self.address, "--certs", "certs", "--as", party]);
        let Output { status, stdout, stderr } = command.output()?;
        let (out, told) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
        assert_eq!(status.code(), Some(exit), "{args:?}\n{out}{told}");
        Ok((out, told))
    }

    fn json(&self, party: &str, args: &[&str]) -> Outcome<Value> {
        let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
        Ok(serde_json::from_str(&self.ask(party, &args, 0)?.0)?)
    }
}

/// The sample configuration and registry, with development certificates.
fn ground(from: &str, to: &str) -> Outcome<TempDir> {
    let dir = TempDir::new()?;
    let deploy = dir.path().join("deploy");
    fs::create_dir(&deploy)?;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    fs::copy(samples.join("parties.toml"), deploy.join("parties.toml"))?;
    let config = fs::read_to_string(samples.join("sandbox.toml"))?;
    let config = config.replace("127.0.0.1:7443", "127.0.0.1:0").replacen(from, to, 1);
    fs::write(deploy.join("sandbox.toml"), config)?;
    let made = kopir(dir.path())
        .args(["certs", "dev", "--dir", "certs", "--registry", "deploy/parties.toml"])
        .output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into());
    }
    Ok(dir)
}

impl Drop for Bus {
    fn drop(&mut self) {
        // What it leaves behind is temporary, so it need not stop in order.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn kopir(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

const BODY: &str = "migration-committee";

const SET: [&str; 12] = [
    "quota",
    "set",
    "--region",
    "KZ-55",
    "--year",
    "2026",
    "--category",
    "kandas",
    "--persons",
    "970",
    "--basis",
    "Order No. 1 of 2026-01-15",
];

#[test]
fn a_sandbox_starts_without_warning_of_certificates_that_are_valid_today() -> Outcome {
    let bus = Bus::start()?;
    assert!(bus.said.contains("sandbox"), "{}", bus.said);
    assert!(!bus.said.contains("certificate"), "{}", bus.said);
    Ok(())
}

#[test]
fn the_state_of_a_bus_is_shown_to_those_who_run_it() -> Outcome {
    let bus = Bus::start()?;
    let status = bus.json(BODY, &["status"])?;
    assert_eq!((&status["serving"], &status["sandbox"]), (&true.into(), &true.into()));
    assert_eq!(status["issues"], Value::Array(Vec::new()));
    assert_eq!(status["machine_clock"]["state"], "level");
    assert_eq!(status["journal_disk"]["level"], "ample");
    assert_eq!(status["oldest_slack_seconds"], Value::Null);
    let parties = status["parties"].as_array().ok_or("a list")?;
    assert!(parties.iter().all(|party| party["queued_deliveries"] == 0));
    let (shown, _) = bus.ask("operator", &["status"], 0)?;
    for words in ["serving, ready", "machine's clock", "MiB free", "migration-committee"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    bus.ask("mission-uz", &["status"], 4)?;
    Ok(())
}

/// Waits until what is shown as JSON is as wanted.
#[expect(clippy::disallowed_methods, reason = "another process is asked again, a while later")]
fn until(bus: &Bus, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
    let begun = Instant::now();
    loop {
        let shown = bus.json("operator", args)?;
        if wanted(&shown) {
            return Ok(shown);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{shown}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_sighup_puts_a_registry_in_force_and_one_with_a_mistake_leaves_the_old_one() -> Outcome {
    // By the clock alone this bus would look once an hour.
    let bus = Bus::start_with("[tls]\n", "[tls]\nreload_seconds = 3600\n")?;
    let history = ["registry", "history"];
    // The first look at the files is the start's.
    let first = until(&bus, &history, |all| all.as_array().is_some_and(|all| all.len() == 1))?;
    assert!(first[0]["added"].as_array().is_some_and(|added| added.len() > 20), "{first}");
    assert!(first[0]["changed"].as_array().is_some_and(Vec::is_empty), "{first}");
    let file = bus.dir.path().join("deploy/parties.toml");
    let good = fs::read_to_string(&file)?;
    let changed = good.replacen("zone = \"Asia/Tashkent\"", "zone = \"Asia/Samarkand\"", 1);
    assert_ne!(changed, good);
    replace(&file, &changed)?;
    bus.hang_up()?;
    let all = until(&bus, &history, |all| all.as_array().is_some_and(|all| all.len() == 2))?;
    assert_eq!(all[0]["changed"], serde_json::json!(["mission-uz"]));
    assert_ne!(all[0]["registry_sha256"], first[0]["registry_sha256"]);
    let (shown, _) = bus.ask("migration-committee", &history, 0)?;
    for words in ["SHA-256", "removed", "mission-uz", " parties "] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.find("mission-uz") < shown.rfind("parties"), "the newest first: {shown}");
    let (_, told) = bus.ask("mission-uz", &history, 4)?;
    assert!(told.contains("ROLE_NOT_ALLOWED"), "{told}");
    let (shown, _) = bus.ask("operator", &["status"], 0)?;
    for words in ["certificate until", "registry since"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("refused file"), "{shown}");

    // A mistake changes nothing, and is told until it is mended.
    replace(
        &file,
        &changed.replacen("zone = \"Asia/Samarkand\"", "zone = \"Asia/Samarkandd\"", 1),
    )?;
    bus.hang_up()?;
    let refused = |status: &Value| {
        status["trust"]["refused_files"].as_array().is_some_and(|files| files.len() == 1)
    };
    let status = until(&bus, &["status"], refused)?;
    let of = &status["trust"]["refused_files"][0];
    assert_eq!(of["key"], "registry_file");
    let problem = of["problem"].as_str().ok_or("a problem")?;
    for words in ["parties.toml", "mission-uz", "key zone"] {
        assert!(problem.contains(words), "{words}: {problem}");
    }
    let (shown, _) = bus.ask("operator", &["status"], 0)?;
    assert!(shown.contains("refused file") && shown.contains("serving"), "{shown}");
    assert_eq!(bus.json("operator", &history)?, all, "the one before is in force");
    replace(&file, &changed)?;
    bus.hang_up()?;
    until(&bus, &["status"], |status| status["trust"]["refused_files"] == serde_json::json!([]))?;
    assert_eq!(bus.json("operator", &history)?, all);
    Ok(())
}

#[test]
fn a_registry_with_a_mistake_refuses_the_start_with_file_key_and_remedy() -> Outcome {
    let dir = ground("", "")?;
    let file = dir.path().join("deploy/parties.toml");
    let good = fs::read_to_string(&file)?;
    let party = "id = \"mission-uz\"\nrole = \"foreign-mission\"\n";
    assert!(good.contains(party));
    for (with, words) in [
        (
            party.replace("foreign-mission", "foreign"),
            &["mission-uz", "role", "foreign-mission"][..],
        ),
        (party.to_owned() + "zzone = \"Asia/Tashkent\"\n", &["zzone", "see deploy/parties.toml"]),
        (party.replace("mission-uz", "Mission"), &["id", "a-z"]),
        (party.to_owned() + "acts_for = [\"nobody-here\"]\n", &["mission-uz", "nobody-here"]),
    ] {
        fs::write(&file, good.replacen(party, &with, 1))?;
        let mut serve = kopir(dir.path());
        let Output { status, stderr, .. } =
            serve.args(["serve", "--config", "deploy/sandbox.toml"]).output()?;
        let told = String::from_utf8(stderr)?;
        assert_eq!(status.code(), Some(2), "{told}");
        for word in words.iter().chain(&["parties.toml"]) {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(!dir.path().join("sandbox-data/journal").exists(), "nothing was begun");
    }
    Ok(())
}

/// Puts a file in place as a whole.
fn replace(file: &Path, text: &str) -> Outcome {
    let aside = file.with_extension("aside");
    fs::write(&aside, text)?;
    Ok(fs::rename(aside, file)?)
}

#[test]
fn quotas_are_set_by_the_authorised_body_and_shown_to_everybody() -> Outcome {
    let bus = Bus::start()?;
    assert_eq!(bus.json("operator", &["quota", "list"])?, Value::Array(Vec::new()));
    let (_, told) = bus.ask("operator", &SET, 4)?;
    assert!(told.contains("ROLE_NOT_ALLOWED"), "{told}");
    let set = bus.json(BODY, &SET)?;
    assert_eq!((&set["set"], &set["free"], &set["taken"]), (&970.into(), &970.into(), &0.into()));
    let (out, _) = bus.ask("operator", &["quota", "list", "--region", "KZ-55"], 0)?;
    assert!(out.contains(" 970 ") && out.ends_with("\n1 quota\n"), "{out}");
    assert!(out.contains("Order No. 1 of 2026-01-15"), "{out}");
    Ok(())
}

#[test]
fn a_file_of_quotas_is_loaded_once_however_often_it_is_sent() -> Outcome {
    let bus = Bus::start()?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/quotas.csv");
    let file = file.to_str().ok_or("the path is not UTF-8")?;
    let load = ["quota", "load", file, "--basis", "Orders of the years"];
    let (out, _) = bus.ask(BODY, &load, 0)?;
    assert!(out.ends_with("\n23 quotas of kz-2026.1 are set\n"), "{out}");
    // What is set by hand afterwards is not undone by a repeat, which is the act of before.
    bus.ask(BODY, &SET, 0)?;
    bus.ask(BODY, &load, 0)?;
    let list = ["quota", "list", "--year", "2026", "--category", "kandas"];
    let listed = bus.json("akimat-kz-55", &list)?;
    let listed = listed.as_array().ok_or("a list")?;
    assert_eq!(listed.len(), 8);
    let pavlodar = listed.iter().find(|quota| quota["region"] == "KZ-55").ok_or("no KZ-55")?;
    assert_eq!(pavlodar["set"], 970);
    // In another version the file is another act.
    let text = fs::read_to_string(file)?.replacen("kz-2026.1", "kz-2026.2", 1);
    let anew = bus.dir.path().join("anew.csv");
    fs::write(&anew, text)?;
    let anew = anew.to_str().ok_or("the path is not UTF-8")?;
    bus.ask(BODY, &["quota", "load", anew, "--basis", "Orders of the years"], 0)?;
    let listed = bus.json(BODY, &["quota", "list", "--region", "KZ-55", "--year", "2026"])?;
    assert_eq!(listed[0]["set"], 977);
    Ok(())
}

#[test]
fn an_amended_calendar_is_put_in_force_once() -> Outcome {
    let bus = Bus::start()?;
    let events =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli/calendar/moves-2027.ics");
    let made = kopir(bus.dir.path())
        .args(["calendar", "import"])
        .arg(events)
        .args(["--version", "kz-2027.2", "-o", "amended.csv"])
        .output()?;
    assert!(made.status.success());
    let amend = ["calendar", "amend", "--file", "amended.csv", "--reason", "Resolution No. 1"];
    let amended = bus.json("operator", &amend)?;
    assert_eq!(amended["previous_calendar"], "kz-2026.1");
    assert_eq!(amended["calendar"], "kz-2027.2");
    assert_eq!(amended["moved_clocks"], 0);
    // The answer to a repeat is the answer of before; as an act of its own it is refused.
    let id = amended["request_id"].as_str().ok_or("a request id")?;
    let repeat: Vec<_> = amend.into_iter().chain(["--request-id", id]).collect();
    let (out, _) = bus.ask("operator", &repeat, 0)?;
    assert!(out.starts_with("the calendar in force is kz-2027.2"), "{out}");
    let (_, told) = bus.ask("operator", &amend, 4)?;
    assert!(told.contains("kz-2027.2 already"), "{told}");
    Ok(())
}

#[test]
fn an_endpoint_is_set_by_its_party_and_watched_by_the_operator() -> Outcome {
    let bus = Bus::start()?;
    let akimat = "akimat-kz-55";
    let show = ["inbox", "endpoint", "show", akimat];
    assert_eq!(bus.ask("operator", &show, 0)?.0, "no endpoint is registered\n");
    let url = "https://127.0.0.1:1";
    let (out, told) = bus.ask(akimat, &["inbox", "endpoint", "set", url], 0)?;
    assert_eq!(out, format!("deliveries go to {url}\n"));
    assert!(told.starts_with("request id "), "{told}");
    let shown = bus.json("operator", &show)?;
    assert_eq!((&shown["url"], &shown["state"]), (&url.into(), &"closed".into()));
    let (_, told) = bus.ask("operator", &["inbox", "endpoint", "set", url], 4)?;
    assert!(told.contains("ROLE_NOT_ALLOWED"), "{told}");
    let (_, told) = bus.ask(akimat, &["inbox", "endpoint", "set", "http://127.0.0.1:1"], 2)?;
    assert!(told.contains("must begin with https://"), "{told}");
    bus.ask(akimat, &["inbox", "endpoint", "remove"], 0)?;
    assert_eq!(bus.json("operator", &show)?, Value::Null);
    // The listing itself goes on as before.
    assert!(bus.ask("operator", &["inbox", akimat], 0)?.0.contains("deliveries waiting"));
    Ok(())
}

/// The chapter of the silent akimat leaves a case with two breaches, and one act that is owed; then
/// the bus is started again after that one has run out, too.
#[test]
fn what_was_said_of_terms_is_shown_in_words() -> Outcome {
    let dir = TempDir::new()?;
    let played =
        kopir(dir.path()).args(["demo", "--chapter", "silence", "--keep", "kept"]).output()?;
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stdout));
    let file = dir.path().join("kept/kopir.toml");
    let config = fs::read_to_string(&file)?;
    let later = config.replace("2023-04-03T03:00:00Z", "2023-05-03T03:00:00Z");
    assert_ne!(config, later, "the chapter begins at another time");
    fs::write(&file, later)?;
    std::os::unix::fs::symlink("kept/certs", dir.path().join("certs"))?;
    let bus = Bus::serve(dir, "kept/kopir.toml")?;
    let cases = bus.json("operator", &["case", "list"])?;
    let case = cases[0]["case"].as_str().ok_or("a case")?;
    let (out, _) = bus.ask("operator", &["case", "show", case], 0)?;
    let told = "akimat-kz-55, migration-committee, commission-kz-55, quality-body";
    for (at, hop, what, held) in [
        ("2023-04-13T18:00:00Z", "K21B-06", "breach: the term has run out", "party 3 d 9 h"),
        (
            "2023-04-19T18:00:00Z",
            "K21B-05",
            "breach: the term has run out",
            "party 5 d 5 h, receiver 9 d 9 h",
        ),
        (
            "2023-04-21T05:00:00Z",
            "K21B-05",
            "taken in 2 working days late",
            "party 5 d 5 h, receiver 10 d 20 h",
        ),
        ("2023-04-21T05:30:00Z", "K21B-06", "done 6 working days late", "party 10 d 20 h"),
    ] {
        let row = |line: &&str| [at, hop, what, held, told].iter().all(|part| line.contains(part));
        assert!(out.lines().any(|line| row(&line)), "{at} {hop}:\n{out}");
    }
    let shown = bus.json("operator", &["case", "show", case])?;
    assert_eq!(shown["hops"][4]["rungs"][1]["words"], "will not hold: unreachable");
    assert_eq!(shown["hops"][4]["rungs"].as_array().map(Vec::len), Some(8));
    // The committee has not sent the decision on since: due on 28 April, a holiday on 1 May.
    let (out, _) = bus.ask("operator", &["inbox", BODY], 0)?;
    assert!(out.contains("\nnotices among them: 6\n"), "{out}");
    for what in ["the middle day of the term", "due today", "breach: the term", "overdue by 2 "] {
        assert!(out.contains(what), "{what}:\n{out}");
    }
    // Above the committee there is the body that controls quality; it hears the same from the eve on.
    let waiting = bus.json("operator", &["inbox", "quality-body"])?;
    let waiting = waiting["deliveries"].as_array().ok_or("a list")?;
    let rungs: Vec<_> = waiting.iter().filter_map(|one| one["says"][0]["rung"].as_str()).collect();
    assert_eq!(rungs, ["day-before", "due-morning", "due", "overdue", "overdue"]);
    Ok(())
}
