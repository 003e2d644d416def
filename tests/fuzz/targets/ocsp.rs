//! The answer of a responder (RFC 6960), about a certificate of an authority whose key nobody has.
#![no_main]

use jiff::Timestamp;
use kopir::trust::ocsp::Subject;
use kopir::trust::ocsp::answer::Answer;
use libfuzzer_sys::fuzz_target;

/// The head of a SubjectPublicKeyInfo of P-256, before its point.
const P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

fuzz_target!(|der: &[u8]| {
    let now: Timestamp = "2026-03-02T06:00:00Z".parse().expect("a sound time");
    let subject = Subject {
        issuer: vec![0x30, 0x00],
        issuer_key: [&P256[..], &[0x2a; 64]].concat(),
        serial: vec![0x11],
        until: now,
        urls: Vec::new(),
    };
    assert!(Answer::read(der, &subject, now).is_err(), "an answer that nobody signed");
    assert!(subject.request().len() < 256);
});
