//! The core's specification: scripts of what parties ask, each with its expected transcript.
//!
//! A file of `tests/data/transcripts` is one scenario. Its unindented lines are the script; the
//! indented lines under each are what the core answered. The runner plays the script against the
//! real procedures and the real calendar and compares the whole file; `KOPIR_BLESS=1` rewrites it,
//! to be read against the law before it is kept. A line of a script is one of
//!
//! ```text
//! # why this scenario is here
//! law consent-validity 365                     before the first `at`: the validity of a consent
//! registry akimat-kz-55 acts-for commission-kz-55                      likewise: an extra right
//! at 2021-09-06 10:00 [ZONE]                   sets the clock; Asia/Almaty unless told
//! > PARTY ACT CASE [consent|inclusion|refusal] [key=value …]           asks for an act
//! > PARTY acknowledge CASE #N                  acknowledges the delivery of act N
//! given PARTY …                                the same, accepted and not shown
//! show CASE                                    every hop with its clock, as of now
//! inbox PARTY                                  what is on its way to the party, earliest due first
//! probe CASE                     every party tries every act and receipt; nothing is recorded
//! ```
//!
//! The keys: `procedure`, `region`, `persons`, `filed`, `consent` (the date named at arrival), `on`
//! (the date of a decision), `grounds`, `handed-over`. Times are civil times of the author's zone.
//! Each `until` is the first instant that is too late, in UTC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as written"
)]

#[path = "transcripts/asks.rs"]
mod asks;
#[path = "transcripts/book.rs"]
mod book;
#[path = "transcripts/probe.rs"]
mod probe;
#[path = "transcripts/registry.rs"]
mod registry;
#[path = "transcripts/stage.rs"]
mod stage;
#[path = "transcripts/tell.rs"]
mod tell;
#[path = "transcripts/words.rs"]
mod words;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use kopir::domain::term::Term;
use kopir::procedures;

use stage::Stage;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/transcripts");

#[test]
fn every_script_ends_in_its_transcript() {
    let files = scripts(Path::new(DIRECTORY));
    assert!(files.len() >= 30, "only {} transcripts in {DIRECTORY}", files.len());
    let mut wrong = String::new();
    for file in &files {
        let expected = fs::read_to_string(file).unwrap();
        let name = file.strip_prefix(DIRECTORY).unwrap().display();
        let actual = play(&expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        if actual != expected {
            write!(wrong, "\n{name}\n{}", difference(&expected, &actual)).unwrap();
            if is_blessing() {
                fs::write(file, actual).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "transcripts differ (KOPIR_BLESS=1 rewrites them):\n{wrong}");
}

/// Whatever the core can refuse for has been seen being refused. The names of [`variant`] that are
/// left out are the engine's and the edge's, not the core's.
#[test]
fn every_reason_to_refuse_and_every_hop_has_a_transcript() {
    let files = scripts(Path::new(DIRECTORY));
    let all: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for name in [
        "CaseNotVisible",
        "DeliveryUnknown",
        "OutOfOrder",
        "RegionUnknown",
        "ProcedureUnknown",
        "ConsentExpired",
        "GroundsRequired",
        "GroundsNotAllowed",
        "OutcomeNotAllowed",
        "Field",
        "Term",
    ] {
        assert!(all.contains(&format!("\n  rejected {name}")), "no transcript of {name}");
    }
    for procedure in procedures::load().unwrap().values() {
        for hop in procedure.hops() {
            assert!(
                all.contains(&format!(" {} in term", hop.id)) || hop.term == Term::None,
                "{}",
                hop.id
            );
            assert!(
                all.contains(&format!(" {} LATE", hop.id)) || hop.term == Term::None,
                "{}",
                hop.id
            );
        }
    }
}

fn scripts(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "blessing is asked for on the command line")]
fn is_blessing() -> bool {
    env::var("KOPIR_BLESS").is_ok_and(|value| value == "1")
}

/// Plays a script; its expected lines are dropped and written anew.
fn play(script: &str) -> Result<String, String> {
    let mut stage = Stage::new();
    let mut transcript = String::new();
    for (at, line) in script.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        let answers = stage.line(line).map_err(|problem| format!("line {}: {problem}", at + 1))?;
        transcript.push_str(line);
        transcript.push('\n');
        for answer in answers {
            writeln!(transcript, "  {answer}").unwrap();
        }
    }
    Ok(transcript)
}

/// The lines that differ, by their longest common subsequence, each group after its line number.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut shown) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            writeln!(shown, "{:4} -{}", i + 1, old[i]).unwrap();
            i += 1;
        } else {
            writeln!(shown, "     +{}", new[j]).unwrap();
            j += 1;
        }
    }
    shown
}
