//! Tokens and answers of a time-stamp authority, written byte by byte, so that each fault can be
//! made on purpose.

use super::signing::{
    Authority, ECDSA_SHA256, Key, NULL, SHA256, Signer, algorithm, digest, issuer_and_serial, oid,
    tlv,
};
use rcgen::{CertificateParams, CustomExtension, SerialNumber};
use x509_parser::prelude::FromDer as _;

pub const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
pub const POLICY: &str = "1.2.398.3.3.99.1";
pub const STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub const SERVER: &str = "1.3.6.1.5.5.7.3.1";
pub const EVER: [&str; 2] = ["2015-01-01T00:00:00Z", "2045-01-01T00:00:00Z"];

/// A certificate for these purposes; none says nothing of them.
pub fn stamper(
    by: &Authority,
    key: Key,
    purposes: &[&str],
    critical: bool,
    in_force: [&str; 2],
) -> Signer {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&[0x51]));
    if !purposes.is_empty() {
        let usages: Vec<_> = purposes.iter().flat_map(|each| oid(each)).collect();
        let mut usages = CustomExtension::from_oid_content(&[2, 5, 29, 37], tlv(0x30, &usages));
        usages.set_criticality(critical);
        params.custom_extensions.push(usages);
    }
    by.issue(params, key, in_force)
}

/// One that may stamp.
pub fn sound(by: &Authority) -> Signer {
    stamper(by, Key::P256, &[STAMPING], true, EVER)
}

/// A token in the making. Each field is what a sound one has, until a test spoils it.
pub struct Token<'a> {
    pub signer: &'a Signer,
    pub imprint_by: &'static str,
    pub imprint: Vec<u8>,
    pub policy: &'static str,
    pub at: &'static str,
    /// The bytes of its INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// What stands at the end of the TSTInfo.
    pub more: Vec<u8>,
    pub content_type: &'static str,
    pub detached: bool,
    /// The certificate that the attributes name; none is named where there is none.
    pub named: Option<Vec<u8>>,
    /// The certificate whose issuer and serial number they name beside the hash.
    pub named_issuer: Option<Vec<u8>>,
    pub digest: &'static str,
    pub certificates: Vec<Vec<u8>>,
}

impl<'a> Token<'a> {
    pub fn over(content: &[u8], signer: &'a Signer) -> Self {
        Self {
            signer,
            imprint_by: SHA256,
            imprint: digest(SHA256, content),
            policy: POLICY,
            at: "20230220100000Z",
            nonce: Some(vec![0x77]),
            more: Vec::new(),
            content_type: TST_INFO,
            detached: false,
            named: Some(signer.der.clone()),
            named_issuer: Some(signer.der.clone()),
            digest: SHA256,
            certificates: vec![signer.der.clone()],
        }
    }

    pub fn info(&self) -> Vec<u8> {
        let imprint = [algorithm(self.imprint_by, NULL), tlv(0x04, &self.imprint)].concat();
        let parts = [
            vec![2, 1, 1],
            oid(self.policy),
            tlv(0x30, &imprint),
            tlv(0x02, &[0x2a]),
            tlv(0x18, self.at.as_bytes()),
            // Exact to a second, and in order.
            tlv(0x30, &[2, 1, 1]),
            vec![1, 1, 0xff],
            self.nonce.iter().flat_map(|nonce| tlv(0x02, nonce)).collect(),
            self.more.clone(),
        ];
        tlv(0x30, &parts.concat())
    }

    pub fn token(&self) -> Vec<u8> {
        let info = self.info();
        let attributes = self.attributes(&info);
        let signature = {
            use rcgen::SigningKey as _;
            self.signer.key.sign(&tlv(0x31, &attributes)).unwrap()
        };
        let signer = [
            vec![2, 1, 1],
            issuer_and_serial(&self.signer.der),
            algorithm(self.digest, NULL),
            tlv(0xa0, &attributes),
            algorithm(ECDSA_SHA256, &[]),
            tlv(0x04, &signature),
        ];
        let within = if self.detached { Vec::new() } else { tlv(0xa0, &tlv(0x04, &info)) };
        let data = [
            vec![2, 1, 3],
            tlv(0x31, &algorithm(self.digest, NULL)),
            tlv(0x30, &[oid(self.content_type), within].concat()),
            tlv(0xa0, &self.certificates.concat()),
            tlv(0x31, &tlv(0x30, &signer.concat())),
        ];
        let data = tlv(0x30, &data.concat());
        tlv(0x30, &[oid("1.2.840.113549.1.7.2"), tlv(0xa0, &data)].concat())
    }

    pub fn answer(&self) -> Vec<u8> {
        answer(0, &self.token())
    }

    fn attributes(&self, info: &[u8]) -> Vec<u8> {
        let attribute = |name, value: Vec<u8>| tlv(0x30, &[oid(name), tlv(0x31, &value)].concat());
        let mut all = vec![
            attribute("1.2.840.113549.1.9.3", oid(self.content_type)),
            attribute("1.2.840.113549.1.9.4", tlv(0x04, &digest(self.digest, info))),
        ];
        if let Some(named) = &self.named {
            let issuer = self.named_issuer.as_ref().map(|der| issuer_serial(der));
            let named = [tlv(0x04, &digest(SHA256, named)), issuer.unwrap_or_default()].concat();
            let certs = tlv(0x30, &tlv(0x30, &named));
            all.push(attribute("1.2.840.113549.1.9.16.2.47", tlv(0x30, &certs)));
        }
        all.sort();
        all.concat()
    }
}

/// An IssuerSerial (RFC 5035 §4).
fn issuer_serial(der: &[u8]) -> Vec<u8> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).unwrap();
    let names = tlv(0x30, &tlv(0xa4, certificate.issuer().as_raw()));
    tlv(0x30, &[names, tlv(0x02, certificate.raw_serial())].concat())
}

/// An answer of this status with a token.
pub fn answer(status: u8, token: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(0x30, &[2, 1, status]), token.to_vec()].concat())
}

/// A refusal with the bit of a failure.
pub fn refusal(status: u8, failure: u8) -> Vec<u8> {
    let mut bits = vec![0; usize::from(failure / 8) + 1];
    *bits.last_mut().unwrap() = 0x80 >> (failure % 8);
    let unused = 7 - failure % 8;
    let bits = tlv(0x03, &[vec![unused], bits].concat());
    tlv(0x30, &tlv(0x30, &[vec![2, 1, status], bits].concat()))
}
