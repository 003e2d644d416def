//! A detached CMS (RFC 5652) over a document, with an authority that nobody is below.
#![no_main]

use jiff::Timestamp;
use kopir::trust::signature::authorities::{Authorities, Crls};
use kopir::trust::signature::{Signed, Wanted, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|signature: &[u8]| {
    let signed = Signed { content: b"SAMPLE DECISION", signature };
    let authorities = Authorities::new(Vec::new(), Vec::new());
    let now: Timestamp = "2026-03-02T06:00:00Z".parse().expect("a sound time");
    let judged = verify(signed, &Wanted::default(), &authorities, &Crls::new([]), now);
    // Without an authority nothing can be valid.
    assert!(judged.is_err() || judged.is_ok_and(|judged| judged.certificates.is_empty()));
});
