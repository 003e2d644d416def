//! The identity in a client certificate, DER.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use kopir::domain::party::Parties;
use kopir::trust::{identity, registry};
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::CertificateDer;

fuzz_target!(|der: &[u8]| {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    let parties = PARTIES.get_or_init(|| {
        let text = include_str!("../../../deploy/parties.toml");
        registry::parse(Path::new("parties.toml"), text).expect("the sample registry is sound")
    });
    let certificate = CertificateDer::from(der);
    let named = identity::identities(&certificate);
    if identity::party_of(&certificate, parties).is_ok() {
        assert!(named.is_ok_and(|uris| !uris.is_empty()), "a party without a name");
    }
});
