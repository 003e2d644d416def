//! A revocation list (RFC 5280 §5), DER or PEM, of an authority that is not trusted, and the file
//! that says which lists were accepted last.
#![no_main]

use std::fs;

use kopir::trust::crl;
use kopir::trust::crl::last::LastLists;
use kopir::trust::signature::authorities::Crl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Crl::parse(bytes);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("list");
    fs::write(&file, bytes).expect("it is written");
    assert!(crl::read(&file, &[]).is_err(), "a list that nobody signed");
    if let Ok(last) = LastLists::read(&file) {
        let again = dir.path().join("again");
        last.write(&again).expect("it is written");
        assert_eq!(LastLists::read(&again).expect("it is read"), last);
    }
});
