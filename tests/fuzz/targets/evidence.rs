//! What is checked offline: notes, checkpoints, proofs of receipts and exported cases.
#![no_main]

use std::sync::OnceLock;

use kopir::evidence::bundle;
use kopir::evidence::checkpoint::Checkpoint;
use kopir::evidence::note::{KeyKind, Note, Signer, VerifierKey};
use kopir::evidence::proof::RecordProof;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static KEY: OnceLock<VerifierKey> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let signer = Signer::new("bus.example", KeyKind::Log, &[7; 32]).expect("a sound name");
        signer.verifier().clone()
    });
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes, "a note has one form");
        // Nobody has the key, so nothing is believed.
        assert!(Checkpoint::open(&note, key).is_err());
    }
    if let Ok(proof) = RecordProof::parse(bytes) {
        assert!(proof.verify(key, &[]).is_err());
    }
    assert!(!bundle::verify(bytes, key, &[]).findings.is_empty());
});
