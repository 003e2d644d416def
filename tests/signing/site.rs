//! Authorities and revocation lists as an operator lays them down for a bus.

use std::path::PathBuf;

use kopir::rpc::proto::types::v1::SignedDocument;

use super::{Cms, Person, Pki, pem};

/// A change of the configuration.
type Setting = (&'static str, &'static str);

pub const DOCUMENT: &[u8] = "Келісім туралы шешім (үлгі). A sample decision, of nobody.".as_bytes();

/// Authorities and lists as an operator lays them down.
pub struct Site {
    dir: tempfile::TempDir,
    pub pki: Pki,
}

impl Site {
    pub fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap(), pki: Pki::new() };
        std::fs::write(site.path("roots.pem"), pem("CERTIFICATE", &site.pki.root.der)).unwrap();
        let between = pem("CERTIFICATE", &site.pki.authority.der);
        std::fs::write(site.path("between.pem"), between).unwrap();
        std::fs::create_dir(site.path("crl")).unwrap();
        site.lay("root.crl", &site.pki.root.empty_list());
        site.lay("signers.crl", &site.pki.authority.empty_list());
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a list there as it should be done.
    pub fn lay(&self, name: &str, list: &[u8]) {
        let unnamed = self.path("crl").join(format!("{name}.tmp"));
        std::fs::write(&unnamed, list).unwrap();
        std::fs::rename(unnamed, self.path("crl").join(name)).unwrap();
    }

    pub fn settings(&self, more: &[Setting]) -> Vec<Setting> {
        let quoted = |name: &str| -> &'static str {
            Box::leak(format!("{:?}", self.path(name).display().to_string()).into_boxed_str())
        };
        let mut settings = vec![
            ("signatures.anchors_file", quoted("roots.pem")),
            ("signatures.intermediates_file", quoted("between.pem")),
            ("signatures.crl_dir", quoted("crl")),
        ];
        settings.extend(more);
        settings
    }

    /// A document signed by a person of the authority.
    pub fn signed(&self, person: &Person) -> SignedDocument {
        let signer = self.pki.authority.signer(person);
        SignedDocument {
            content: DOCUMENT.into(),
            media_type: "application/pdf".to_owned(),
            signature: Cms::by(&signer).sign(DOCUMENT).into(),
        }
    }
}
