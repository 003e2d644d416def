//! What a time-stamp authority answers (RFC 3161), with an authority that nobody is below.
#![no_main]

use kopir::trust::signature::authorities::Authorities;
use kopir::trust::signature::timestamp::{Nonce, Question, read, token, verify, verify_answer};
use libfuzzer_sys::fuzz_target;

const CHECKPOINT: &[u8] = b"SAMPLE CHECKPOINT";

fuzz_target!(|answer: &[u8]| {
    let nobody = Authorities::new(Vec::new(), Vec::new());
    let question = Question::new(CHECKPOINT, None, Nonce::new(7));
    // Without an authority nothing is ever proven.
    assert!(verify_answer(answer, &question, CHECKPOINT, &nobody).is_err());
    assert!(verify(answer, CHECKPOINT, &nobody).is_err());
    // The seed is sound but for its authority, so that reading gets far.
    let within = token(answer).unwrap_or(answer);
    if let Ok(stamp) = read(within, CHECKPOINT) {
        assert!(read(within, b"OTHER").is_err(), "{stamp:?} stamps everything");
    }
});
