//! A record of the journal, and a case of the index.
#![no_main]

use kopir::records::{decode_case, decode_event, encode_case, encode_event};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode_event(bytes) {
        // What was read is written so that it reads the same, whatever version it had.
        let mut again = Vec::new();
        encode_event(&event, &mut again).expect("what was read can be written");
        assert_eq!(decode_event(&again).as_ref(), Ok(&event));
    }
    if let Ok(case) = decode_case(bytes) {
        let mut again = Vec::new();
        encode_case(&case, &mut again).expect("what was read can be written");
        assert_eq!(decode_case(&again).as_ref(), Ok(&case));
    }
});
