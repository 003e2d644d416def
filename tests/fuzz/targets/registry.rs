//! The party registry with its receptions and contacts, and the table of quotas.
#![no_main]

use std::path::Path;

use kopir::procedures::quotas;
use kopir::trust::registry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _refused = registry::parse(Path::new("parties.toml"), text);
    let _refused = quotas::parse(text);
});
