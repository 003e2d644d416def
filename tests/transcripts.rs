//! The core's specification: scripts of what parties ask, each with its expected transcript.
//!
//! A file of `tests/data/transcripts` is one scenario. Its unindented lines are the script; the
//! indented lines under each are what the core answered. The runner plays the script against the
//! real procedures and the real calendar and compares the whole file; `KOPIR_BLESS=1` rewrites it,
//! to be read against the law before it is kept. A line of a script is one of
//!
//! ```text
//! # why this scenario is here
//!
//!     before the first `at`:
//! law consent-validity 365                     the validity of a consent
//! law unset-quota refuse                       a quota that nobody set admits nobody
//! law strict-from                              the day of the event counts where the text says "from"
//! law published kandas/2024 2024-06-10         the publication of an edition
//! registry full                                parties of every role, in several regions
//! registry without PARTY
//! registry akimat-kz-55 acts-for commission-kz-55                      an extra right
//!
//! at 2021-09-06 10:00 [ZONE]                   sets the clock; Asia/Almaty unless told
//! > PARTY ACT CASE [OUTCOME] [key=value …]     asks for an act
//! > PARTY acknowledge CASE [#N]                acknowledges the delivery of act N, or all there are
//! > PARTY reject CASE #N REASON                rejects a delivery, which is then held
//! > PARTY release CASE #N [with=PARTY]         resolves one that is held (with PARTY, of several)
//! > PARTY redirect CASE #N to=PARTY [with=PARTY]
//! > PARTY withdraw CASE #N [with=PARTY]
//! hold PARTY CASE #N                           the bus holds what the party fails to take
//! > PARTY set-quota CATEGORY REGION YEAR N     sets a quota
//! given PARTY …                                the same, accepted and not shown
//! amend VERSION DAY=off|holiday|working|usual …     puts an amended calendar in force
//! expire CASE                                  looks whether its consent has run out
//! show CASE                                    every hop with its clock, as of now
//! show quota CATEGORY REGION YEAR
//! inbox PARTY                                  what is on its way to the party, earliest due first
//! probe CASE                     every party tries every act and receipt; nothing is recorded
//! ```
//!
//! The keys of an act that opens a case: `procedure` (kandas-mission/2021 unless told), `basis`,
//! `region`, `departure`, `persons`, `applicant` (any word: the same one is the same person),
//! `concerns`, `filed` (now unless told). Of a decision, a recommendation or an answer: `on` (today
//! unless told), `persons`, `months`, `grounds`, which a refusal to accept has too. Of what happens
//! outside the bus: `handed-over`, `happened`; of a hearing `hearing`, and `until` when it moves. Of
//! an arrival: `region`, `persons`, `filed`, `consent` (the date it names). Times are civil times of
//! the author's zone. Each `until` is the first instant that is too late, in UTC; "possible" is a
//! branch, which nobody owes, and its due day is the end of a window. What becomes of a quota is told
//! where the script sets it.
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
#[path = "transcripts/held.rs"]
mod held;
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
    assert!(files.len() >= 190, "only {} transcripts in {DIRECTORY}", files.len());
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
fn every_reason_to_refuse_has_a_transcript() {
    let all = everything();
    for name in [
        "CaseNotVisible",
        "DeliveryUnknown",
        "NotHeld",
        "HeldNotYours",
        "DeliveryNeeded",
        "OutOfOrder",
        "RegionUnknown",
        "ProcedureUnknown",
        "EditionNotInForce",
        "PartyMissing",
        "ChannelNotAllowed",
        "ActNotOfEdition",
        "QuotaExhausted",
        "QuotaNotSet",
        "QuotaAvailable",
        "QuotaBelowTaken",
        "EarlierIncluded",
        "SecondExtension",
        "ConsentExpired",
        "GroundsRequired",
        "GroundsNotAllowed",
        "OutcomeNotAllowed",
        "Field",
        "Term",
    ] {
        assert!(all.contains(&format!("\n  rejected {name}")), "no transcript of {name}");
    }
}

/// Every hop and step of every procedure has been played; one with a term both in it and after it.
#[test]
fn every_hop_has_a_transcript() {
    let all = everything();
    let has = |id: &str, words: &str| {
        all.contains(&format!(" {id} {words}")) || all.contains(&format!(" {id} too, {words}"))
    };
    let mut missing = Vec::new();
    for procedure in procedures::load().unwrap().values() {
        for hop in procedure.hops() {
            let id = hop.id.to_string();
            let after = if hop.branch.is_some() { "after its window" } else { "LATE" };
            let played = hop.carried_by_bus && has(&id, "in order")
                || match hop.term {
                    Term::None => has(&id, "without a term"),
                    Term::WorkingDays(_)
                    | Term::CalendarDays(_)
                    | Term::SameDay
                    | Term::SameWorkingDay
                    | Term::MonthEnd
                    | Term::BeforeServiceEnd(_) => has(&id, "in term") && has(&id, after),
                };
            if !played {
                missing.push(id);
            }
        }
    }
    assert!(missing.is_empty(), "hops that no transcript plays: {missing:?}");
}

/// Every ground of every edition has been the ground of a refusal.
#[test]
fn every_ground_has_a_transcript() {
    let files = scripts(Path::new(DIRECTORY));
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut missing = Vec::new();
    for procedure in procedures::load().unwrap().values() {
        let key = procedure.key();
        let of_it = |text: &&String| {
            let default = key.to_string() == "kandas-mission/2021" && !text.contains("procedure=");
            default || text.contains(&format!("procedure={key}"))
        };
        let states = |text: &String, start: &str, ground: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines.windows(2).any(|pair| {
                let accepted = !pair[1].starts_with("  rejected");
                let words = pair[0].split([' ', ',', '=']);
                accepted && pair[0].contains(start) && words.into_iter().any(|word| word == ground)
            })
        };
        let mut look = |ground: &str, start: &str| {
            if !texts.iter().filter(of_it).any(|text| states(text, start, ground)) {
                missing.push(format!("{key} {ground}"));
            }
        };
        for listed in procedure.grounds() {
            look(listed.ground.name(), "  decided refusal");
        }
        for listed in procedure.acceptance_grounds() {
            look(listed.ground.name(), " refuse-to-accept ");
        }
    }
    assert!(missing.is_empty(), "grounds that no transcript states: {missing:?}");
}

fn everything() -> String {
    let files = scripts(Path::new(DIRECTORY));
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
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
