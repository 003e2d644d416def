//! The shape of the source: who may depend on whom, and what may live where. The table is the map
//! of ARCHITECTURE.md; a new edge is a decision to be written there first.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Each module with the modules it may name. Everything else is refused.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("mutation", &[]),
    ("journal", &["mutation"]),
    ("procedures", &["domain"]),
    ("trust", &["domain"]),
    ("vault", &["domain"]),
    ("records", &["domain"]),
    ("index", &["domain", "journal", "records"]),
    ("engine", &["domain", "journal", "records", "index", "vault", "mutation"]),
    // It folds the records of a case again, to hold what is said of its clocks against them, and
    // holds papers and signatures against what the records commit to; time-stamps are signatures.
    ("evidence", &["domain", "procedures", "journal", "records", "index", "trust", "vault"]),
    ("dispatch", &["domain", "index", "engine", "mutation"]),
    ("notify", &["domain", "procedures", "trust", "index", "engine"]),
    ("rpc", &["domain", "procedures", "trust", "index", "evidence", "engine", "dispatch"]),
    (
        "config",
        &[
            "domain",
            "procedures",
            "journal",
            "index",
            "evidence",
            "engine",
            "dispatch",
            "notify",
            "rpc",
            "trust",
            "vault",
        ],
    ),
    (
        "app",
        &[
            "domain",
            "procedures",
            "journal",
            "index",
            "evidence",
            "engine",
            "dispatch",
            "notify",
            "rpc",
            "trust",
            "vault",
            "config",
        ],
    ),
    ("demo", &["domain", "procedures", "journal", "engine", "rpc", "trust", "config", "app"]),
    ("simulate", &["domain", "procedures", "journal", "index", "engine", "dispatch", "vault"]),
    // Its part without a bus drives the engine on the real stores.
    (
        "bench",
        &[
            "domain",
            "procedures",
            "records",
            "journal",
            "index",
            "evidence",
            "dispatch",
            "engine",
            "rpc",
            "trust",
            "vault",
            "config",
            "app",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "procedures",
            "journal",
            "index",
            "evidence",
            "engine",
            "rpc",
            "trust",
            "vault",
            "config",
            "app",
            "demo",
            "bench",
            "simulate",
        ],
    ),
    ("main", &["cli"]),
];

/// Names that may occur in some modules only, with the reason.
const AT_HOME: &[(&str, &[&str], &str)] = &[
    ("sled::", &["index"], "the index alone knows its store"),
    ("tonic::", &["rpc"], "gRPC stops at the edge"),
    ("prost::", &["rpc"], "generated messages stop at the edge"),
    ("rustls::", &["trust", "rpc"], "TLS is set up in one place"),
    ("lettre::", &["notify"], "letters are sent in one place"),
    (
        "hyper::",
        &["notify", "trust"],
        "web servers are called for notices, GOST signatures, time-stamps and revocations",
    ),
    (
        "serde",
        &["procedures", "trust", "config", "notify", "cli", "demo"],
        "files and calls are written and read at the edge, domain types are not serialised",
    ),
    ("anyhow", &["cli", "app"], "errors are closed enums below"),
    ("SystemTime", &["engine"], "the clock is read in one place"),
    ("std::env", &["cli"], "the environment is read by the command line only"),
];

#[test]
fn dependencies_point_downwards_only() -> io::Result<()> {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, path, code) in sources()? {
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!("{}: module '{module}' is not on the map", path.display()));
            continue;
        };
        for named in named_modules(&code) {
            if named != module
                && allowed.contains_key(named.as_str())
                && !may.contains(&named.as_str())
            {
                wrong.push(format!("{}: {module} must not know {named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_name_stays_at_home() -> io::Result<()> {
    let mut wrong = Vec::new();
    for (module, path, code) in sources()? {
        for (name, homes, reason) in AT_HOME {
            if occurs(&code, name) && !homes.contains(&module.as_str()) {
                wrong.push(format!("{}: {name} belongs to {homes:?}: {reason}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn files_stay_readable() -> io::Result<()> {
    let long = sources()?.into_iter().filter_map(|(_, path, code)| {
        let lines = code.lines().count();
        (lines > 450).then(|| format!("{}: {lines} lines before its tests", path.display()))
    });
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
    Ok(())
}

/// Every source file with its top-level module and its code without tests and comments.
fn sources() -> io::Result<Vec<(String, PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inner = path.strip_prefix(&root).map_err(io::Error::other)?.to_owned();
                let first = inner.components().next().map(|first| first.as_os_str());
                let module = first.unwrap_or_default().to_string_lossy();
                let module = module.trim_end_matches(".rs").to_owned();
                let is_test =
                    inner.to_string_lossy().contains("tests") || inner.ends_with("contract.rs");
                if module != "lib" && !is_test {
                    let text = fs::read_to_string(&path)?;
                    found.push((module, inner, without_tests(&text)));
                }
            }
        }
    }
    assert!(found.len() > 20, "the sources were found");
    Ok(found)
}

/// The code up to its test module, without comments.
fn without_tests(text: &str) -> String {
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]\nmod tests"));
    let mut kept = Vec::new();
    let mut lines = code.peekable();
    while let Some(line) = lines.next() {
        let opens_tests = line.starts_with("#[cfg(test)]")
            && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if opens_tests {
            break;
        }
        if !line.trim_start().starts_with("//") {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// The modules named after `crate::`, also in a braced list.
fn named_modules(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => named.extend(top_level_names(list)),
            None => named.push(leading_name(rest)),
        }
    }
    named
}

fn top_level_names(list: &str) -> Vec<String> {
    let mut depth = 1;
    let mut item = String::new();
    let mut names = Vec::new();
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(leading_name(&std::mem::take(&mut item))),
            _ => item.push(character),
        }
        if depth == 0 {
            names.push(leading_name(&item));
            break;
        }
    }
    names
}

fn leading_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Whether a name occurs as a path of its own, not as the tail of a longer one.
fn occurs(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    })
}
