//! The command line as a script sees it: the binary is run, and its answer, its messages and its
//! exit code are compared with the tables in `data/cli`.

use std::error::Error;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kopir::domain::event::{Event, PartyEnrolled};
use kopir::domain::party::PartyNumber;
use kopir::index::{Index, IndexOptions};
use kopir::journal::{Entry, FileJournal, FileOptions, Journal};
use kopir::records::encode_event;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Runs the binary in the root of the package.
fn kopir(args: &[&str]) -> Outcome<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).stdin(Stdio::null());
    Ok(command.output()?)
}

/// Runs the binary and expects this exit code; returns standard output and standard error.
fn answer(args: &[&str], exit: i32) -> Outcome<(String, String)> {
    let Output { status, stdout, stderr } = kopir(args)?;
    let (stdout, stderr) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
    assert_eq!(status.code(), Some(exit), "{args:?}\n{stdout}{stderr}");
    Ok((stdout, stderr))
}

fn data(name: &str) -> Outcome<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli").join(name);
    fs::read_to_string(&file).map_err(|why| format!("{}: {why}", file.display()).into())
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| "the path is not UTF-8".into())
}

/// The table in the README counts what is carried.
#[test]
fn the_readme_lists_the_procedures_as_they_are() -> Outcome {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme)?;
    let (out, _) = answer(&["procedure", "list", "--json"], 0)?;
    let list: Vec<Value> = serde_json::from_str(&out)?;
    for procedure in &list {
        let name = procedure["procedure"].as_str().ok_or("a name")?;
        let edition = procedure["edition"].as_str().ok_or("an edition")?;
        let count = |key: &str| match procedure[key].as_u64() {
            Some(0) | None => "-".to_owned(),
            Some(count) => count.to_string(),
        };
        let row =
            format!("| `{name}` | {edition} | {} | {} |", count("hop_count"), count("step_count"));
        assert!(readme.contains(&row), "the README has no row {row}");
    }
    Ok(())
}

/// The table in the README tells whom each rung tells.
#[test]
fn the_readme_tells_whom_each_rung_tells() -> Outcome {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme)?;
    let (out, _) = answer(&["ladder", "show", "--json"], 0)?;
    let rungs: Vec<Value> = serde_json::from_str(&out)?;
    assert_eq!(rungs.len(), 8);
    for rung in &rungs {
        let name = rung["rung"].as_str().ok_or("a name")?;
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.ok_or_else(|| format!("the README has no row of {name}"))?;
        let cells: Vec<_> = row.split('|').skip(3).take(4).map(str::trim).collect();
        let told = rung["told"].as_array().ok_or("a list")?;
        let parties = ["duty-holder", "supervisor", "sender", "quality body"];
        for (party, cell) in parties.into_iter().zip(cells) {
            assert_eq!(!cell.is_empty(), told.contains(&party.into()), "{name}, {party}");
        }
    }
    Ok(())
}

/// The picture in the README is what its command draws.
#[test]
fn the_readme_shows_the_flow_as_it_is() -> Outcome {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme)?;
    let (_, block) = readme.split_once("```mermaid\n").ok_or("the README has no mermaid block")?;
    let (block, _) = block.split_once("```\n").ok_or("the block has no end")?;
    let command = "kopir procedure show kandas --edition 2024 --diagram --channel migration-portal";
    assert!(readme.contains(command), "the README names another command");
    let args: Vec<_> = command.split(' ').skip(1).collect();
    let (out, _) = answer(&args, 0)?;
    assert_eq!(block, out);
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    command: Vec<CommandLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandLine {
    name: String,
    args: Vec<String>,
    exit: i32,
    stdout: Option<String>,
    json: Option<String>,
    #[serde(default)]
    stderr: Vec<String>,
}

#[test]
fn each_command_line_answers_as_its_table_says() -> Outcome {
    let Commands { command } = toml::from_str(&data("commands.toml")?)?;
    assert!(command.len() >= 25);
    for CommandLine { name, args, exit, stdout, json, stderr } in command {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let (out, told) = answer(&args, exit)?;
        match (stdout, json) {
            (Some(file), _) => assert_eq!(out, data(&file)?, "{name}"),
            (None, Some(file)) => {
                let (found, expected): (Value, Value) =
                    (serde_json::from_str(&out)?, serde_json::from_str(&data(&file)?)?);
                assert_eq!(found, expected, "{name}");
            }
            (None, None) => assert_eq!(out, "", "{name}"),
        }
        for part in &stderr {
            assert!(told.contains(part.as_str()), "{name}: {told}");
        }
        assert_eq!(told.is_empty(), stderr.is_empty(), "{name}: {told}");
    }
    Ok(())
}

/// The vectors of the law's own sequence, and what the command adds: a date for an instant, the
/// zone, a holiday, an estimated day.
#[test]
fn deadlines_are_those_of_the_vectors() -> Outcome {
    let table = data("deadlines.csv")?;
    let mut rows = table.lines();
    assert_eq!(
        rows.next(),
        Some("hop,from,zone,due_date,due_time,source,skipped,estimated"),
        "the columns of the table have changed"
    );
    let mut checked = 0;
    for row in rows {
        let fields: Vec<_> = row.split(',').collect();
        let &[hop, from, zone, date, time, source, skipped, estimated] = fields.as_slice() else {
            return Err(format!("{} fields in {row}", fields.len()).into());
        };
        let mut args = vec!["deadline", "--procedure", "kandas-mission", "--edition", "2021"];
        args.extend(["--hop", hop, "--from", from, "--json"]);
        if !zone.is_empty() {
            args.extend(["--zone", zone]);
        }
        let (out, _) = answer(&args, 0)?;
        let found: Value = serde_json::from_str(&out)?;
        assert_eq!(found["due_date"], date, "{row}");
        assert_eq!(found["due_time"], time, "{row}");
        assert_eq!(found["source"], source, "{row}");
        assert_eq!(found["calendar"], "kz-2026.1", "{row}");
        assert_eq!(found["estimated"], estimated.parse::<bool>()?, "{row}");
        let days = found["skipped"].as_array().ok_or("skipped is a list")?;
        let days: Vec<_> = days.iter().filter_map(|day| day["date"].as_str()).collect();
        assert_eq!(days.join(" "), skipped, "{row}");
        checked += 1;
    }
    assert_eq!(checked, 14);
    Ok(())
}

#[test]
fn an_imported_calendar_is_kept_and_never_overwritten() -> Outcome {
    let dir = TempDir::new()?;
    let path = dir.path().join("kz-2027.2.csv");
    let args = [
        "calendar",
        "import",
        "tests/data/cli/calendar/moves-2027.ics",
        "--version",
        "kz-2027.2",
        "-o",
        text(&path)?,
    ];
    let (out, told) = answer(&args, 0)?;
    assert!(out.is_empty() && told.ends_with("kz-2027.2.csv\n"), "{out}{told}");
    let written = fs::read_to_string(&path)?;
    let (shown, _) = answer(&["calendar", "show", "--year", "2027", "--file", text(&path)?], 0)?;
    assert!(shown.contains("calendar kz-2027.2") && shown.contains("17*"), "{shown}");
    let (_, told) = answer(&args, 1)?;
    assert!(told.contains("is there already and is kept"), "{told}");
    assert_eq!(fs::read_to_string(&path)?, written);
    Ok(())
}

/// A directory with the samples and the certificates that they ask for.
struct Installation {
    root: TempDir,
}

impl Installation {
    fn new() -> Outcome<Self> {
        let root = TempDir::new()?;
        let deploy = root.path().join("deploy");
        fs::create_dir(&deploy)?;
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        for sample in ["kopir.toml", "parties.toml"] {
            fs::copy(samples.join(sample), deploy.join(sample))?;
        }
        let installation = Self { root };
        installation.certs_dev(0)?;
        Ok(installation)
    }

    fn certs_dev(&self, exit: i32) -> Outcome<(String, String)> {
        let (certs, registry) = (self.path("certs"), self.path("deploy/parties.toml"));
        answer(&["certs", "dev", "--dir", text(&certs)?, "--registry", text(&registry)?], exit)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn check(&self, exit: i32) -> Outcome<(String, String)> {
        answer(&["config", "check", text(&self.path("deploy/kopir.toml"))?], exit)
    }
}

#[test]
fn the_samples_and_certs_dev_make_a_bus_that_could_start() -> Outcome {
    let installation = Installation::new()?;
    let (out, said) = installation.check(0)?;
    assert!(out.contains("kopir.toml is in order\n  listen     127.0.0.1:7443\n"), "{out}");
    assert!(
        out.contains("\n  procedures appeal/2021, appeal/2024, astana-migration/2024, "),
        "{out}"
    );
    let editions = "of each procedure the newest; no day of publication is configured";
    let quotas = "one that nobody has set admits nobody";
    let told =
        format!("\n  editions   {editions}\n  quotas     {quotas}\n  calendar   kz-2026.1\n");
    assert!(out.ends_with(&told), "{out}");
    assert_eq!(said, "");
    Ok(())
}

#[test]
fn configured_publications_and_the_keeping_of_quotas_are_told() -> Outcome {
    let installation = Installation::new()?;
    let file = installation.path("deploy/kopir.toml");
    let sample = fs::read_to_string(&file)?.replace("\"refuse\"", "\"admit\"");
    let dates = "\n[procedures.publication_dates]\n\"kandas/2024\" = \"2024-06-13\"\n";
    fs::write(&file, sample + dates)?;
    let (out, said) = installation.check(0)?;
    let editions = "kandas/2024 from 2024-06-24; of the other procedures the newest";
    let quotas = "one that nobody has set is no limit";
    assert!(out.contains(&format!("editions   {editions}\n  quotas     {quotas}\n")), "{out}");
    assert!(said.starts_with("warning: kandas/2021 never applies: another edition"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    name: String,
    replace: String,
    by: String,
    told: Vec<String>,
}

#[test]
fn each_mistake_in_a_configuration_names_file_key_and_remedy() -> Outcome {
    let installation = Installation::new()?;
    let file = installation.path("deploy/kopir.toml");
    let sample = fs::read_to_string(&file)?;
    let Mistakes { mistake } = toml::from_str(&data("config-mistakes.toml")?)?;
    assert!(mistake.len() >= 25);
    for Mistake { name, replace, by, told } in mistake {
        // The place in a line of its own or a value, not one in the comments above the version.
        let (head, body) = sample.split_at(sample.find("\nversion").ok_or("no version")?);
        let mistaken = format!("{head}{}", body.replacen(&replace, &by, 1));
        assert_ne!(mistaken, sample, "{name}");
        fs::write(&file, mistaken)?;
        let (out, said) = installation.check(2)?;
        assert_eq!(out, "", "{name}");
        assert!(said.starts_with(&format!("error: {}:", file.display())), "{name}: {said}");
        for part in &told {
            assert!(said.contains(part.as_str()), "{name}: {said}");
        }
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
    }
    Ok(())
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_with_its_path() -> Outcome {
    let installation = Installation::new()?;
    let file = installation.path("deploy/kopir.toml");
    fs::write(&file, [0xff; 16])?;
    let (_, said) = installation.check(2)?;
    assert!(said.contains("it is not UTF-8; check the path and its permissions"), "{said}");
    fs::write(&file, " ".repeat(64 * 1024 + 1))?;
    let (_, said) = installation.check(2)?;
    assert!(said.contains("at most 65536 bytes; is this the right file?"), "{said}");
    fs::remove_file(&file)?;
    let (_, said) = installation.check(2)?;
    let told = format!("error: {}: cannot read the configuration: No such file", file.display());
    assert!(said.starts_with(&told), "{said}");
    assert!(said.contains("; check the path and its permissions"), "{said}");
    Ok(())
}

#[test]
fn a_key_that_others_can_read_is_refused_until_its_mode_is_mended() -> Outcome {
    let installation = Installation::new()?;
    let key = installation.path("certs/bus.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644))?;
    let (_, said) = installation.check(2)?;
    assert!(said.contains("deploy/kopir.toml: key tls.key_file: "), "{said}");
    assert!(said.contains("mode 644 lets others than the owner at the private key"), "{said}");
    assert!(said.contains("; run `chmod 600 "), "{said}");
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    installation.check(0)?;
    Ok(())
}

#[test]
fn sandbox_mode_is_never_entered_in_silence() -> Outcome {
    let installation = Installation::new()?;
    let file = installation.path("deploy/kopir.toml");
    let sample = fs::read_to_string(&file)?;
    fs::write(&file, sample + "[sandbox]\nstart_time = \"2023-01-09T09:00:00+06:00\"\n")?;
    let (_, said) = installation.check(0)?;
    let told =
        "warning: sandbox mode, the clock starts at 2023-01-09T03:00:00Z; not for real cases\n";
    assert_eq!(said, told);
    Ok(())
}

#[test]
fn a_registry_with_a_fault_is_refused_before_any_certificate_is_made() -> Outcome {
    let installation = Installation::new()?;
    fs::remove_dir_all(installation.path("certs"))?;
    let registry = installation.path("deploy/parties.toml");
    fs::write(&registry, fs::read_to_string(&registry)?.replacen("KZ-55", "KZ-99", 1))?;
    let (out, said) = installation.certs_dev(2)?;
    assert_eq!(out, "");
    assert!(said.contains("parties.toml: party ") && said.contains("key region: "), "{said}");
    assert!(!installation.path("certs").exists());
    Ok(())
}

#[test]
fn certificates_are_made_once_and_never_overwritten() -> Outcome {
    let installation = Installation::new()?;
    let certs = installation.path("certs");
    let pem = certs.join("mission-uz.pem");
    let before = fs::read(&pem)?;
    // A second time nothing is missing, and nothing changes.
    let (out, said) = installation.certs_dev(0)?;
    assert_eq!(out, "");
    assert!(said.contains("pairs were there and are kept"), "{said}");
    // What is missing is made, and only that.
    fs::remove_file(certs.join("bus.pem"))?;
    fs::remove_file(certs.join("bus.key"))?;
    let (out, _) = installation.certs_dev(0)?;
    let (pem_line, key_line) = out.split_once('\n').ok_or("two lines")?;
    assert!(pem_line.ends_with("certs/bus.pem: the bus, as its clients see it"), "{out}");
    assert!(key_line.ends_with("certs/bus.key: its key; only the bus reads it\n"), "{out}");
    // Each part alone refuses what is there, with the file.
    let dir = text(&certs)?;
    for args in [
        vec!["certs", "ca", "--dir", dir],
        vec!["certs", "bus", "--dir", dir, "--host", "localhost"],
        vec!["certs", "party", "--dir", dir, "mission-uz"],
    ] {
        let (out, said) = answer(&args, 1)?;
        assert_eq!(out, "");
        assert!(said.contains(".pem: cannot be written: File exists"), "{said}");
    }
    assert_eq!(fs::read(&pem)?, before);
    Ok(())
}

#[test]
fn certificates_can_be_made_one_by_one() -> Outcome {
    let root = TempDir::new()?;
    let certs = root.path().join("new/certs");
    let dir = text(&certs)?;
    answer(&["certs", "ca", "--dir", dir, "--name", "Test CA", "--days", "2"], 0)?;
    answer(&["certs", "bus", "--dir", dir, "--host", "bus.test", "10.0.0.1", "--days", "1"], 0)?;
    let (out, _) = answer(&["certs", "party", "--dir", dir, "mission-uz", "akimat-kz-55"], 0)?;
    assert_eq!(out.lines().count(), 4, "{out}");
    let mode = |name: &str| -> Outcome<u32> {
        Ok(fs::metadata(certs.join(name))?.permissions().mode() & 0o777)
    };
    for key in ["ca.key", "bus.key", "mission-uz.key", "akimat-kz-55.key"] {
        assert_eq!(mode(key)?, 0o600, "{key}");
    }
    assert_eq!(mode("ca.pem")?, 0o644);
    Ok(())
}

#[test]
fn revocation_lists_follow_each_other_and_go_on_revoking() -> Outcome {
    use kopir::trust::{crl, pem};
    let root = TempDir::new()?;
    let certs = root.path().join("certs");
    let dir = text(&certs)?;
    answer(&["certs", "ca", "--dir", dir], 0)?;
    answer(&["certs", "party", "--dir", dir, "mission-uz", "mission-mn"], 0)?;
    let authorities = pem::certificates(&certs.join("ca.pem"))?;
    let file = certs.join("ca.crl");
    let mut before = crl::Crls::default();
    let old = certs.join("mission-mn.pem");
    let lists: [(&[&str], &str); 4] = [
        (&[], "list 1, certificates revoked: 0"),
        (&["--party", "mission-uz", "--days", "30"], "list 2, certificates revoked: 1"),
        (&["--certificate", text(&old)?], "list 3, certificates revoked: 2"),
        (&["--party", "mission-uz"], "list 4, certificates revoked: 2"),
    ];
    for (more, told) in lists {
        let (out, said) = answer(&[&["certs", "crl", "--dir", dir], more].concat(), 0)?;
        assert!(out.trim_end().ends_with(told), "{out}");
        assert_eq!(said.contains("was taken back before"), told.starts_with("list 4"), "{said}");
        // As the bus takes it: proven, and newer than the last.
        before = before.after(crl::read(&file, &authorities)?)?;
    }
    let foreign = root.path().join("other");
    answer(&["certs", "ca", "--dir", text(&foreign.join("b"))?, "--name", "Other"], 0)?;
    answer(&["certs", "party", "--dir", text(&foreign.join("b"))?, "mission-uz"], 0)?;
    let other = foreign.join("b/mission-uz.pem");
    let args = ["certs", "crl", "--dir", dir, "--certificate", text(&other)?];
    let (_, said) = answer(&args, 2)?;
    assert!(said.contains("is of another authority"), "{said}");
    let (_, said) = answer(&["certs", "crl", "--dir", dir, "--party", "nobody"], 2)?;
    assert!(said.contains("nobody.pem"), "{said}");
    fs::write(&file, "no list")?;
    let (_, said) = answer(&["certs", "crl", "--dir", dir], 2)?;
    assert!(said.contains("ca.crl: is no revocation list with a number"), "{said}");
    assert_eq!(fs::read(&file)?, b"no list");
    Ok(())
}

#[test]
fn a_reader_that_has_seen_enough_stops_no_work() -> Outcome {
    let root = TempDir::new()?;
    let certs = root.path().join("certs");
    let mut child = Command::new(env!("CARGO_BIN_EXE_kopir"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["certs", "dev", "--dir", text(&certs)?, "--registry", "deploy/parties.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().ok_or("no standard error")?.read_to_string(&mut told)?;
    assert_eq!(child.wait()?.code(), Some(0), "{told}");
    assert_eq!(told, "");
    // The last party of the registry by name.
    assert!(certs.join("operator.key").exists());
    Ok(())
}

/// Appends the enrolment of parties to a journal, a record each.
fn enrol(journal: &mut FileJournal, parties: &[&str]) -> Outcome {
    for party in parties {
        let next = journal.tail().next_seq.0;
        let number = PartyNumber(u32::try_from(next)?);
        let event = Event::PartyEnrolled(PartyEnrolled { number, party: party.parse()? });
        let mut payload = Vec::new();
        encode_event(&event, &mut payload)?;
        journal.append(&[Entry { time_ms: 1_630_900_800_000, payload: &payload }])?;
    }
    Ok(())
}

fn open_journal(data: &Path) -> Outcome<FileJournal> {
    let options = FileOptions { segment_bytes: 2 << 20, ..FileOptions::default() };
    Ok(FileJournal::open(&data.join("journal"), options, None, &mut |_| {})?.0)
}

/// The parties that the index of a data directory knows.
fn enrolled(data: &Path) -> Outcome<Vec<String>> {
    let opened = Index::open(&data.join("index"), &IndexOptions::default())?;
    assert_eq!(opened.fresh, None);
    let parties = opened.index.enrolments()?;
    opened.index.close()?;
    Ok(parties.iter().map(|enrolment| enrolment.party.to_string()).collect())
}

#[test]
fn damage_in_a_journal_ends_with_its_own_exit_code_and_place() -> Outcome {
    let data = TempDir::new()?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz", "mission-cn"])?;
    drop(journal);
    let dir = text(data.path())?;
    // The data directory will do, too.
    let (out, _) = answer(&["journal", "verify", dir], 0)?;
    assert!(out.starts_with("whole: 2 records, "), "{out}");
    let segment = data.path().join("journal/00000000000000000001.kjl");
    let file = OpenOptions::new().read(true).write(true).open(&segment)?;
    let mut byte = [0];
    // Within the first record, behind the header of the segment.
    file.read_exact_at(&mut byte, 100)?;
    file.write_all_at(&[byte[0] ^ 1], 100)?;
    let (out, said) = answer(&["journal", "verify", dir, "--json"], 3)?;
    let found: Value = serde_json::from_str(&out)?;
    assert_eq!(found["status"], "damaged");
    assert_eq!(found["file"], text(&segment)?);
    assert_eq!(found["seq"], 1);
    assert!(found["offset"].as_u64().is_some_and(|offset| (1..=100).contains(&offset)), "{out}");
    assert!(said.starts_with("error: the journal is damaged in "), "{said}");
    assert!(said.contains("restore the file from a copy"), "{said}");
    let (out, _) = answer(&["journal", "verify", dir], 3)?;
    assert!(out.starts_with("damaged: ") && out.contains(" record 1\n"), "{out}");
    // An index is not built from it.
    let (_, said) = answer(&["index", "rebuild", dir], 3)?;
    assert!(said.starts_with("error: the journal is damaged in "), "{said}");
    Ok(())
}

#[test]
fn an_index_is_rebuilt_from_nothing_and_over_another() -> Outcome {
    let data = TempDir::new()?;
    let dir = text(data.path())?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz", "mission-cn"])?;
    drop(journal);
    for parties in [&["mission-kz"][..], &[]] {
        let (out, said) = answer(&["index", "rebuild", dir], 0)?;
        assert!(out.ends_with(": rebuilt from 2 records\n"), "{out}");
        assert_eq!(said, "");
        assert_eq!(enrolled(data.path())?, ["mission-uz", "mission-cn"]);
        // What the index holds by itself does not survive.
        fs::write(data.path().join("index/data/stray"), parties.concat())?;
    }
    let (out, _) = answer(&["index", "rebuild", dir], 0)?;
    assert!(out.ends_with(": rebuilt from 2 records\n"), "{out}");
    assert!(!data.path().join("index/data/stray").exists());
    Ok(())
}

#[test]
fn an_index_is_not_rebuilt_under_a_running_bus() -> Outcome {
    let data = TempDir::new()?;
    let dir = text(data.path())?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz"])?;
    let (_, said) = answer(&["index", "rebuild", dir], 1)?;
    assert!(said.contains("is in use by another process; stop that one"), "{said}");
    drop(journal);
    answer(&["index", "rebuild", dir], 0)?;
    let opened = Index::open(&data.path().join("index"), &IndexOptions::default())?;
    let (_, said) = answer(&["index", "rebuild", dir], 1)?;
    assert!(said.contains("is in use by another process; stop that one"), "{said}");
    opened.index.close()?;
    Ok(())
}

#[test]
fn an_index_that_knows_more_than_the_journal_is_kept_as_evidence() -> Outcome {
    let data = TempDir::new()?;
    let dir = text(data.path())?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz", "mission-cn"])?;
    drop(journal);
    answer(&["index", "rebuild", dir], 0)?;
    // The journal is lost, and a younger one takes its place.
    fs::remove_dir_all(data.path().join("journal"))?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz"])?;
    drop(journal);
    let (_, said) = answer(&["index", "rebuild", dir], 3)?;
    assert!(said.contains("but record 2 had been acknowledged"), "{said}");
    let opened = Index::open(&data.path().join("index"), &IndexOptions::default())?;
    assert_eq!(opened.applied.map(|applied| applied.sequence.0), Some(2));
    opened.index.close()?;
    Ok(())
}

#[test]
fn a_directory_that_is_no_index_is_never_emptied() -> Outcome {
    let data = TempDir::new()?;
    let mut journal = open_journal(data.path())?;
    enrol(&mut journal, &["mission-uz"])?;
    drop(journal);
    let precious = data.path().join("index/letters.txt");
    fs::create_dir(data.path().join("index"))?;
    fs::write(&precious, "kept")?;
    let (_, said) = answer(&["index", "rebuild", text(data.path())?], 2)?;
    assert!(said.contains("no index of this program; nothing in it was touched"), "{said}");
    assert_eq!(fs::read(&precious)?, b"kept");
    Ok(())
}
