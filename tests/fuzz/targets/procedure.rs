//! A procedure file: the law as data.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _refused = kopir::procedures::parse("fuzz.toml", text);
});
