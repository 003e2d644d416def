//! Authorities, signers and signatures for tests: certificates by rcgen in the profile of НУЦ РК,
//! CMS written byte by byte, so that each fault can be made on purpose. All names are made up.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod site;

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, RsaKeyPair};
use base64::Engine as _;
use der::asn1::ObjectIdentifier;
use jiff::Timestamp;
use kopir::trust::signature::authorities::{Authorities, Crl, Crls};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, RsaKeySize, SerialNumber, SigningKey as _, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

/// The extended key usages of НУЦ РК.
pub const HEAD: &[u64] = &[1, 2, 398, 3, 3, 4, 1, 2, 1];
pub const SIGNATORY: &[u64] = &[1, 2, 398, 3, 3, 4, 1, 2, 2];
pub const EMPLOYEE: &[u64] = &[1, 2, 398, 3, 3, 4, 1, 2, 5];
const ORGANISATION: &[u64] = &[1, 2, 398, 3, 3, 4, 1, 2];

/// A made-up number with a sound check digit.
pub const BIN: &str = "990140000007";

/// When the bus judges, and shortly before it, when it was signed.
pub const NOW: &str = "2023-02-20T10:00:00Z";
pub const SIGNED: &str = "2023-02-20T09:30:00Z";

pub const SHA1: &str = "1.3.14.3.2.26";
pub const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub const SHA384: &str = "2.16.840.1.101.3.4.2.2";
pub const SHA512: &str = "2.16.840.1.101.3.4.2.3";
pub const GOST_DIGEST_512: &str = "1.2.398.3.10.1.3.3";
pub const GOST_512: &str = "1.2.398.3.10.1.1.2.3.2";
pub const RSA: &str = "1.2.840.113549.1.1.1";
pub const RSA_SHA1: &str = "1.2.840.113549.1.1.5";
pub const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
pub const RSA_PSS: &str = "1.2.840.113549.1.1.10";
pub const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
const ID_DATA: &str = "1.2.840.113549.1.7.1";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An instant as rcgen takes it; the type of its times has no name of ours.
macro_rules! moment {
    ($text:expr) => {
        date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from(at($text).as_second()).unwrap())
    };
}

/// What keys are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    P256,
    P384,
    Rsa,
}

fn key(kind: Key) -> KeyPair {
    match kind {
        Key::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        Key::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        Key::Rsa => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
    }
    .unwrap()
}

/// A certification authority.
pub struct Authority {
    pub der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = moment!("2015-01-01T00:00:00Z");
    params.not_after = moment!("2045-01-01T00:00:00Z");
    params
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let (params, key) = (authority_params(name), key(Key::P384));
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// An authority under this one.
    pub fn under(&self, name: &str, serial: u8) -> Self {
        let (mut params, key) = (authority_params(name), key(Key::P256));
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// An authority by its certificate and key.
    pub fn of(der: &[u8], key: KeyPair) -> Self {
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(der.to_vec()), key).unwrap();
        Self { der: der.to_vec(), issuer }
    }

    /// Its key, to sign answers of OCSP with.
    pub fn key(&self) -> &KeyPair {
        self.issuer.key()
    }

    /// A responder of this authority, with these extended key usages, and whether nobody need ask
    /// about it (RFC 6960 §4.2.2.2.1).
    pub fn responder(
        &self,
        usages: Vec<ExtendedKeyUsagePurpose>,
        unasked: bool,
        until: &str,
    ) -> (Vec<u8>, KeyPair) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "SAMPLE RESPONDER");
        params.serial_number = Some(SerialNumber::from_slice(&[0x50, 1]));
        params.not_before = moment!("2015-01-01T00:00:00Z");
        params.not_after = moment!(until);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        if unasked {
            let oid = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
            let null = NULL.to_vec();
            params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&oid, null)];
        }
        let key = key(Key::P256);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        (der, key)
    }

    /// The certificate of a system under this authority, with the address of its responder.
    pub fn system(&self, serial: &[u8], url: Option<&str>, until: &str) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "SAMPLE SYSTEM");
        params.serial_number = Some(SerialNumber::from_slice(serial));
        params.not_before = moment!("2015-01-01T00:00:00Z");
        params.not_after = moment!(until);
        if let Some(url) = url {
            let access = [oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, url.as_bytes())].concat();
            let content = tlv(0x30, &tlv(0x30, &access));
            let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
            params.custom_extensions =
                vec![rcgen::CustomExtension::from_oid_content(&oid, content)];
        }
        params.signed_by(&key(Key::P256), &self.issuer).unwrap().der().to_vec()
    }

    pub fn signer(&self, of: &Person) -> Signer {
        let key = key(of.key);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "SAMPLE SIGNER");
        params.distinguished_name.push(DnType::OrganizationName, "SAMPLE AKIMAT");
        params.distinguished_name.push(DnType::OrganizationalUnitName, format!("BIN{}", of.bin));
        params.serial_number = Some(SerialNumber::from_slice(&[0x40, of.serial]));
        params.not_before = moment!(of.not_before);
        params.not_after = moment!(of.not_after);
        params.key_usages = of.usages.clone();
        params.extended_key_usages = [&[ORGANISATION][..], &of.roles]
            .concat()
            .into_iter()
            .map(|oid| ExtendedKeyUsagePurpose::Other(oid.to_vec()))
            .collect();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Signer { der, key, kind: of.key }
    }

    /// A certificate with a key of this kind, as `params` have it.
    pub fn issue(&self, mut params: CertificateParams, kind: Key, in_force: [&str; 2]) -> Signer {
        let key = key(kind);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "SAMPLE STAMPER");
        params.not_before = moment!(in_force[0]);
        params.not_after = moment!(in_force[1]);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Signer { der, key, kind }
    }

    /// A revocation list with these serial numbers and when they were revoked.
    pub fn list(&self, revoked: &[(Vec<u8>, &str)], this: &str, next: &str) -> Vec<u8> {
        let revoked_certs = revoked.iter().map(|(serial, when)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: moment!(when),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: moment!(this),
            next_update: moment!(next),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// One in force, with nothing revoked.
    pub fn empty_list(&self) -> Vec<u8> {
        self.list(&[], "2023-02-20T00:00:00Z", "2023-02-21T00:00:00Z")
    }
}

/// Who signs.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: Key,
    pub roles: Vec<&'static [u64]>,
    pub bin: &'static str,
    pub serial: u8,
    pub not_before: &'static str,
    pub not_after: &'static str,
    pub usages: Vec<KeyUsagePurpose>,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            key: Key::P256,
            roles: vec![HEAD],
            bin: BIN,
            serial: 1,
            not_before: "2022-06-01T00:00:00Z",
            not_after: "2023-06-01T00:00:00Z",
            usages: vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment],
        }
    }
}

impl Person {
    pub fn serial_bytes(&self) -> Vec<u8> {
        vec![0x40, self.serial]
    }
}

/// A certificate with its key.
pub struct Signer {
    pub der: Vec<u8>,
    pub key: KeyPair,
    kind: Key,
}

/// A root, an authority under it and their lists.
pub struct Pki {
    pub root: Authority,
    pub authority: Authority,
}

impl Pki {
    pub fn new() -> Self {
        let root = Authority::root("SAMPLE ROOT");
        let authority = root.under("SAMPLE AUTHORITY", 7);
        Self { root, authority }
    }

    pub fn authorities(&self) -> Authorities {
        let cert = |der: &[u8]| CertificateDer::from(der.to_vec());
        Authorities::new(vec![cert(&self.root.der)], vec![cert(&self.authority.der)])
    }

    /// Nothing revoked.
    pub fn lists(&self) -> Crls {
        self.lists_with(&self.authority.empty_list())
    }

    /// A list of the signers' authority, beside the root's.
    pub fn lists_with(&self, list: &[u8]) -> Crls {
        Crls::new([Crl::parse(&self.root.empty_list()).unwrap(), Crl::parse(list).unwrap()])
    }
}

/// A signature in the making. Each field is what a sound one has, until a test spoils it.
pub struct Cms<'a> {
    pub signer: &'a Signer,
    pub digest: &'static str,
    /// The signature algorithm; that of the key where there is none.
    pub algorithm: Option<&'static str>,
    pub signed_at: Option<&'static str>,
    /// The document is within.
    pub attached: bool,
    pub with_attributes: bool,
    pub with_digest_attribute: bool,
    /// The attribute of the time stands twice.
    pub time_twice: bool,
    pub content_type: &'static str,
    pub certificates: Vec<Vec<u8>>,
    /// Signers beside the first one.
    pub more: Vec<&'a Signer>,
    pub without_signers: bool,
    /// PSS instead of PKCS#1, with a salt of so many bytes.
    pub pss_salt: Option<u8>,
    pub unsigned: Vec<u8>,
    /// Answers of responders within the signature (RFC 5940).
    pub answers: Vec<Vec<u8>>,
}

impl<'a> Cms<'a> {
    pub fn by(signer: &'a Signer) -> Self {
        Self {
            signer,
            digest: SHA256,
            algorithm: None,
            signed_at: Some(SIGNED),
            attached: false,
            with_attributes: true,
            with_digest_attribute: true,
            time_twice: false,
            content_type: ID_DATA,
            certificates: vec![signer.der.clone()],
            more: Vec::new(),
            without_signers: false,
            pss_salt: None,
            unsigned: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub fn sign(&self, content: &[u8]) -> Vec<u8> {
        let mut infos = Vec::new();
        if !self.without_signers {
            for signer in [self.signer].into_iter().chain(self.more.iter().copied()) {
                infos.push(self.info(signer, content));
            }
        }
        infos.sort();
        let within = if self.attached { tlv(0xa0, &tlv(0x04, content)) } else { Vec::new() };
        let mut certificates = self.certificates.clone();
        certificates.sort();
        // Revocation data that are no lists came with version 5 (RFC 5652 §5.1).
        let version = if self.answers.is_empty() { 1 } else { 5 };
        let data = [
            vec![2, 1, version],
            tlv(0x31, &algorithm(self.digest, NULL)),
            tlv(0x30, &[oid(ID_DATA), within].concat()),
            tlv(0xa0, &certificates.concat()),
            self.revocations(),
            tlv(0x31, &infos.concat()),
        ];
        let data = tlv(0x30, &data.concat());
        tlv(0x30, &[oid("1.2.840.113549.1.7.2"), tlv(0xa0, &data)].concat())
    }

    fn revocations(&self) -> Vec<u8> {
        let answers = self.answers.iter();
        let answers =
            answers.map(|der| tlv(0xa1, &[oid("1.3.6.1.5.5.7.16.2"), der.clone()].concat()));
        let answers: Vec<_> = answers.collect();
        if answers.is_empty() { Vec::new() } else { tlv(0xa1, &answers.concat()) }
    }

    fn info(&self, signer: &Signer, content: &[u8]) -> Vec<u8> {
        let attributes = self.attributes(content);
        let signed = if self.with_attributes { tlv(0x31, &attributes) } else { content.to_vec() };
        let (named, parameters) = self.named(signer);
        let signature = self.raw(signer, &signed);
        let parts = [
            vec![2, 1, 1],
            issuer_and_serial(&signer.der),
            algorithm(self.digest, NULL),
            if self.with_attributes { tlv(0xa0, &attributes) } else { Vec::new() },
            algorithm(named, &parameters),
            tlv(0x04, &signature),
            self.unsigned.clone(),
        ];
        tlv(0x30, &parts.concat())
    }

    fn attributes(&self, content: &[u8]) -> Vec<u8> {
        let attribute = |name, value: Vec<u8>| tlv(0x30, &[oid(name), tlv(0x31, &value)].concat());
        let mut all = vec![attribute(CONTENT_TYPE, oid(self.content_type))];
        if self.with_digest_attribute {
            all.push(attribute(MESSAGE_DIGEST, tlv(0x04, &digest(self.digest, content))));
        }
        if let Some(when) = self.signed_at {
            let text = at(when).strftime("%y%m%d%H%M%SZ").to_string();
            let time = attribute(SIGNING_TIME, tlv(0x17, text.as_bytes()));
            all.extend(std::iter::repeat_n(time, if self.time_twice { 2 } else { 1 }));
        }
        all.sort();
        all.concat()
    }

    fn named(&self, signer: &Signer) -> (&'static str, Vec<u8>) {
        if let Some(salt) = self.pss_salt {
            let hash = algorithm(self.digest, NULL);
            let mask = tlv(0x30, &[oid("1.2.840.113549.1.1.8"), hash.clone()].concat());
            let salt = tlv(0xa2, &tlv(0x02, &[salt]));
            return (RSA_PSS, tlv(0x30, &[tlv(0xa0, &hash), tlv(0xa1, &mask), salt].concat()));
        }
        let of_key = match signer.kind {
            Key::P256 => ECDSA_SHA256,
            Key::P384 => ECDSA_SHA384,
            Key::Rsa => RSA_SHA256,
        };
        let named = self.algorithm.unwrap_or(of_key);
        let is_rsa = named.starts_with("1.2.840.113549.1.1.");
        (named, if is_rsa { NULL.to_vec() } else { Vec::new() })
    }

    fn raw(&self, signer: &Signer, signed: &[u8]) -> Vec<u8> {
        if self.pss_salt.is_none() {
            return signer.key.sign(signed).unwrap();
        }
        let key = RsaKeyPair::from_pkcs8(&signer.key.serialize_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&lc::RSA_PSS_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    }
}

pub const NULL: &[u8] = &[5, 0];

/// The digest by its identifier. SHA-1 is what it says, so that nothing but its name is at fault.
pub fn digest(name: &str, content: &[u8]) -> Vec<u8> {
    use streebog::Digest as _;
    let of = |algorithm| aws_lc_rs::digest::digest(algorithm, content).as_ref().to_vec();
    match name {
        SHA1 => of(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY),
        SHA256 => of(&aws_lc_rs::digest::SHA256),
        SHA384 => of(&aws_lc_rs::digest::SHA384),
        SHA512 => of(&aws_lc_rs::digest::SHA512),
        GOST_DIGEST_512 => streebog::Streebog512::digest(content).to_vec(),
        other => panic!("no digest {other}"),
    }
}

pub fn algorithm(name: &str, parameters: &[u8]) -> Vec<u8> {
    tlv(0x30, &[oid(name), parameters.to_vec()].concat())
}

pub fn issuer_and_serial(der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::FromDer;
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).unwrap();
    let serial = tlv(0x02, certificate.raw_serial());
    tlv(0x30, &[certificate.issuer().as_raw().to_vec(), serial].concat())
}

pub fn oid(text: &str) -> Vec<u8> {
    tlv(0x06, ObjectIdentifier::new_unwrap(text).as_bytes())
}

/// A value of DER.
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap());
    } else {
        let bytes: Vec<u8> =
            length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(bytes.len()).unwrap());
        out.extend(bytes);
    }
    out.extend(value);
    out
}

/// A certificate or a list as a PEM section.
pub fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {kind}-----\n");
    for line in text.as_bytes().chunks(64) {
        writeln!(out, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    writeln!(out, "-----END {kind}-----").unwrap();
    out
}
