//! The demonstration on a small pilot: everything is real, only the families are fewer.

use std::path::Path;

use indicatif::ProgressBar;
use kopir::demo::{Count, Demo, DemoError, Pilot, Report};

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
