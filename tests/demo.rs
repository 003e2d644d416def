//! The demonstration on a small pilot, in which everything is real and only the families are fewer,
//! and the tour of every procedure.

use std::path::Path;

use indicatif::ProgressBar;
use kopir::demo::{Count, Demo, DemoError, Pilot, Report, Silence, Told, Tour, TourReport};

const SMALL: Pilot =
    Pilot { families: 18, persons: 58, approved_families: 8, approved_persons: 27 };

async fn play(directory: &Path, seed: u64) -> Result<Report, DemoError> {
    let demo = Demo { seed, pilot: SMALL, directory: directory.to_owned() };
    demo.run(&ProgressBar::hidden()).await
}

/// The part of a report that depends on the seed alone. What follows tells how fast the machine was,
/// and the hash of the journal's head, which covers the order of acts sent at the same instant.
fn history(report: &Report) -> &str {
    report.text.split("\nReplay: ").next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_counts_what_the_families_are() {
    let home = tempfile::tempdir().unwrap();
    let report = play(&home.path().join("pilot"), 7).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new(), "{}", report.text);
    assert_eq!(report.totals.submitted, Count { families: 18, persons: 58 });
    assert_eq!(report.totals.approved, Count { families: 8, persons: 27 });
    assert_eq!(report.totals.refused, Count { families: 10, persons: 31 });
    assert_eq!(report.totals.included, report.totals.approved);
    assert_eq!(report.totals.closed, 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_has_the_same_history() {
    let home = tempfile::tempdir().unwrap();
    let first = play(&home.path().join("first"), 11).await.unwrap();
    let second = play(&home.path().join("second"), 11).await.unwrap();
    let other = play(&home.path().join("other"), 12).await.unwrap();
    assert_eq!(history(&first), history(&second));
    assert_ne!(history(&first), history(&other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_fits_a_terminal_of_a_hundred_columns() {
    let home = tempfile::tempdir().unwrap();
    let report = play(&home.path().join("pilot"), 3).await.unwrap();
    for line in report.text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_exists_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let refused = play(home.path(), 1).await;
    assert!(matches!(refused, Err(DemoError::Files { path, .. }) if path == home.path()));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// What was said of a hop: the time where the akimat sits, the rung, how many working days, to how
/// many parties.
fn said(all: &[Told], hop: &str) -> Vec<String> {
    let of_hop = all.iter().filter(|told| told.hop == hop);
    let line = |told: &Told| {
        let at = told.at.strftime("%d %H:%M");
        let rung = told.rung.trim_start_matches("RUNG_").to_lowercase();
        format!("{at} {rung} {} to {}", told.days, told.to.len())
    };
    of_hop.map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_silent_akimat_passes_unnoticed() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("silence");
    let report = Silence { directory }.run().await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new(), "{}", report.text);
    let not_taken = [
        "12 09:00 half 0 to 1",
        "15 07:00 infeasible 0 to 3",
        "18 09:00 day_before 0 to 2",
        "19 09:00 due_morning 0 to 2",
        "20 00:00 due 0 to 4",
        "20 09:00 overdue 1 to 3",
        "21 09:00 overdue 2 to 3",
        "21 11:00 late_discharge 2 to 4",
    ];
    assert_eq!(said(&report.said, "K21B-05"), not_taken);
    let not_sent = [
        "12 09:00 day_before 0 to 2",
        "13 09:00 due_morning 0 to 2",
        "14 00:00 due 0 to 4",
        "14 09:00 overdue 1 to 3",
        "17 09:00 overdue 2 to 3",
        "18 09:00 overdue 3 to 3",
        "19 09:00 overdue 4 to 3",
        "20 09:00 overdue 5 to 3",
        "21 09:00 overdue 6 to 3",
        "21 11:30 late_discharge 6 to 4",
    ];
    assert_eq!(said(&report.said, "K21B-06"), not_sent);
    let breach = report.said.iter().find(|told| told.rung == "RUNG_DUE").unwrap();
    let told = ["akimat-kz-55", "migration-committee", "commission-kz-55", "quality-body"];
    assert_eq!(breach.to, told);
    for line in report.text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

async fn tour(
    home: &Path,
    procedure: &str,
    edition: Option<&str>,
) -> Result<TourReport, DemoError> {
    let (procedure, edition) = (procedure.to_owned(), edition.map(str::to_owned));
    let tour = Tour { procedure, edition, directory: home.join("tours") };
    tour.run(&ProgressBar::hidden()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_procedure_is_played_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let report = tour(home.path(), "all", None).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new(), "{}", report.text);
    let law = kopir::procedures::load().unwrap();
    assert_eq!(report.tours, law.len());
    for key in law.keys() {
        let directory = format!("tours/{}-{}", key.procedure, key.edition);
        assert!(home.path().join(directory).is_dir(), "no tour of {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tour_tells_clocks_refusals_and_margins_in_a_hundred_columns() {
    let home = tempfile::tempdir().unwrap();
    let report = tour(home.path(), "kandas", Some("2024")).await.unwrap();
    for told in [
        "opens K24-10 refer to commission, akimat: due Wed 12 Mar 2025 (6 working days, 002-KK ¶10)",
        "ends K24-10, due Wed 12 Mar 2025, in time",
        "the bus refuses: QUOTA_EXHAUSTED: ",
        "Quota KZ-27 2025 at the end: 30 set, 0 reserved, 28 taken, 2 free.",
    ] {
        let text = report.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(told), "{told}: {}", report.text);
    }
    for line in report.text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[tokio::test]
async fn a_tour_that_does_not_exist_is_told_with_those_that_do() {
    let home = tempfile::tempdir().unwrap();
    let refused = tour(home.path(), "kandas", Some("1999")).await;
    let Err(DemoError::NoTour { asked, known }) = refused else { panic!("{refused:?}") };
    assert_eq!(asked, "kandas, edition 1999");
    assert!(known.contains("kandas-2024"), "{known}");
}
