//! A journal whose segments hold other bytes than were written: golden ones with patches, cut
//! short, or anything at all in the place of the last.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use kopir::journal::{VerifyReport, verify};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 2] = ["00000000000000000001.kjl", "00000000000000000004.kjl"];
const FIRST: &[u8] = include_bytes!("../../data/journal/v1/00000000000000000001.kjl");
const SECOND: &[u8] = include_bytes!("../../data/journal/v1/00000000000000000004.kjl");

fuzz_target!(|bytes: &[u8]| {
    static WRITTEN: OnceLock<VerifyReport> = OnceLock::new();
    let written = WRITTEN.get_or_init(|| read(FIRST, SECOND).expect("the golden one is sound"));
    let Some((&mode, rest)) = bytes.split_first() else { return };
    let (mut first, mut second) = (FIRST.to_vec(), SECOND.to_vec());
    match mode {
        0 => second = rest.to_vec(),
        1 => second.truncate(rest.iter().fold(0, |sum, byte| sum + usize::from(*byte))),
        // Patches: two bytes of the place, one of what changes there.
        _ => {
            let segment = if mode % 2 == 0 { &mut first } else { &mut second };
            for patch in rest.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % segment.len();
                segment[at] ^= patch[2];
            }
        }
    }
    // What passes is what was written, whole or without its last groups.
    if let Some(report) = read(&first, &second) {
        assert!(report.records <= written.records);
        assert_eq!(report.records == written.records, report.last_hash == written.last_hash);
    }
});

fn read(first: &[u8], second: &[u8]) -> Option<VerifyReport> {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.expect("room for a small file");
    for (name, bytes) in NAMES.iter().zip([first, second]) {
        fs::write(dir.path().join(name), bytes).expect("room for a small file");
    }
    verify(dir.path()).ok()
}
