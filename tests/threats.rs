//! The threat model is held to the suites: each threat names tests, and every test it names exists.

use std::fs;
use std::io;
use std::path::Path;

#[test]
fn every_threat_is_shown_by_tests_that_exist() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests"] {
        read_into(&root.join(folder), &mut code)?;
    }
    let text = fs::read_to_string(root.join("docs/threats.md"))?;
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat"));
    // Tables of another kind have no third column of names.
    let threats: Vec<_> = rows.filter(|row| row.ends_with("` |")).collect();
    assert!(threats.len() > 15, "the table of threats was found");
    let mut missing = Vec::new();
    for row in threats {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let names: Vec<_> = shown_by.split(", ").map(|name| name.trim_matches('`')).collect();
        let is_test = |name: &str| code.contains(&format!("fn {name}("));
        missing.extend(names.into_iter().filter(|name| !is_test(name)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "no such test: {}", missing.join(", "));
    Ok(())
}

#[test]
fn no_threat_stands_without_a_test() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/threats.md"))?;
    let mut in_threats = false;
    for line in text.lines() {
        if line.starts_with('|') {
            in_threats |= line.starts_with("| threat |");
            let is_row = in_threats && !line.starts_with("| threat |") && !line.starts_with("|---");
            assert!(!is_row || line.ends_with("` |"), "shown by nothing: {line}");
        } else {
            in_threats = false;
        }
    }
    Ok(())
}

fn read_into(folder: &Path, code: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_into(&path, code)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
