//! A certificate authority for development, demonstrations and tests.
//!
//! A real installation gets its certificates from the authority its parties
//! trust. This one exists so that nothing, not even a test, ever runs without
//! mutual TLS. Times are handed in, which is also how an expired certificate
//! is made on purpose.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::identity::BUS_IDENTITY;
use super::pem::{self, PemError, Wanted};
use crate::domain::party::{IdentityUri, PartyId};

/// A DNS name or an IP address by which clients reach the bus.
pub use rustls::pki_types::ServerName;

mod crl;

pub use crl::{RevocationList, issue_crl};

/// File stems of the layout that no party may take.
const RESERVED: [&str; 2] = ["ca", "bus"];

/// The span in which a certificate holds, to the second, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From 1970 on.
    not_before: Timestamp,
    /// Not before `not_before`.
    not_after: Timestamp,
}

/// A certificate authority that can issue.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// `certificate` as a PEM file holds it.
    pem: Vec<u8>,
}

/// A certificate and its private key, in memory.
pub struct Issued {
    certificate: Certificate,
    key: KeyPair,
}

/// Where certificates lie: `ca.pem`, `ca.key`, `bus.pem`, `bus.key` and, for
/// each party, `<id>.pem` and `<id>.key`, all in one directory.
#[derive(Debug, Clone)]
pub struct CertificateDir {
    root: PathBuf,
}

/// Why a certificate was not made, stored or loaded.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The span is empty or begins before 1970.
    #[error(
        "a certificate must hold from 1970 or later and end after it begins, not {not_before} to {not_after}"
    )]
    Validity {
        /// Its begin.
        not_before: Timestamp,
        /// Its end.
        not_after: Timestamp,
    },
    /// An authority's name is empty, overlong or unprintable.
    #[error("the name of a certificate authority has 1 to 64 printable characters")]
    AuthorityName,
    /// A server certificate for no name would be accepted by no client.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoServerName,
    /// A server name of a kind certificates do not carry.
    #[error("a server is named by a DNS name or an IP address")]
    ServerName,
    /// The layout uses this name for something else.
    #[error("no party can be called {party} where certificates are stored; the name is taken")]
    ReservedName {
        /// The party.
        party: PartyId,
    },
    /// Making a key or a signature failed.
    #[error("the certificate could not be made: {why}")]
    Make {
        /// What the library said.
        why: rcgen::Error,
    },
    /// A file or directory could not be written. What exists is never
    /// overwritten: a key replaced is a key lost.
    #[error("{}: cannot be written: {why}; choose a directory without it", file.display())]
    Write {
        /// The file or directory.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A file of the authority could not be read.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate that another authority issued cannot be taken back by this one.
    #[error("the certificate of {subject} is of another authority, which alone can take it back")]
    OtherAuthority {
        /// Whose it is.
        subject: String,
    },
    /// The revocation list in place cannot be read, so that there is no next one.
    #[error("{}: is no revocation list with a number, in PEM; restore it, or remove it to begin anew", file.display())]
    List {
        /// The file.
        file: PathBuf,
    },
    /// The certificate is no authority's.
    #[error("{}: is not the certificate of a certificate authority", file.display())]
    NotAuthority {
        /// The file.
        file: PathBuf,
    },
    /// The key cannot be used.
    #[error("{}: is not a private key this program can sign with: {why}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What the library said.
        why: rcgen::Error,
    },
    /// Key and certificate do not belong together.
    #[error("{}: is not the key of {}; restore the pair", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

impl Validity {
    /// A span from `not_before` to `not_after`.
    ///
    /// # Errors
    /// [`IssueError::Validity`] if it is empty or begins before 1970.
    pub fn new(not_before: Timestamp, not_after: Timestamp) -> Result<Self, IssueError> {
        if not_before < Timestamp::UNIX_EPOCH || not_after <= not_before {
            return Err(IssueError::Validity { not_before, not_after });
        }
        Ok(Self { not_before, not_after })
    }

    fn write(self, params: &mut CertificateParams) {
        // The largest timestamp is in the year 9999, as is the largest date of
        // a certificate, so the sums cannot overflow.
        let at = |time: Timestamp| {
            let seconds = time.as_second().unsigned_abs();
            date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
        };
        params.not_before = at(self.not_before);
        params.not_after = at(self.not_after);
    }
}

/// Makes a self-signed authority. It may sign end certificates and no further
/// authority.
///
/// # Errors
/// [`IssueError::AuthorityName`] or [`IssueError::Make`].
pub fn issue_ca(name: &str, validity: Validity) -> Result<CertificateAuthority, IssueError> {
    let chars = name.chars().count();
    if name.trim().is_empty() || chars > 64 || name.chars().any(char::is_control) {
        return Err(IssueError::AuthorityName);
    }
    let mut params = params(name, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = new_key()?;
    let certificate = params.self_signed(&key).map_err(make)?;
    Ok(CertificateAuthority {
        issuer: Issuer::new(params, key),
        pem: certificate.pem().into_bytes(),
        certificate: certificate.into(),
    })
}

/// Issues the bus's certificate for the names clients reach it by. It says that it is the bus's, and
/// also serves to connect to the parties' endpoints.
///
/// # Errors
/// [`IssueError::NoServerName`], [`IssueError::ServerName`] or
/// [`IssueError::Make`].
pub fn issue_server(
    ca: &CertificateAuthority,
    names: &[ServerName<'_>],
    validity: Validity,
) -> Result<Issued, IssueError> {
    if names.is_empty() {
        return Err(IssueError::NoServerName);
    }
    let mut params = params("kopir", validity);
    params.extended_key_usages = both_sides();
    for name in names {
        params.subject_alt_names.push(match name {
            ServerName::DnsName(name) => SanType::DnsName(name.as_ref().try_into().map_err(make)?),
            ServerName::IpAddress(address) => SanType::IpAddress(IpAddr::from(*address)),
            _ => return Err(IssueError::ServerName),
        });
    }
    params.subject_alt_names.push(SanType::URI(BUS_IDENTITY.try_into().map_err(make)?));
    issue(ca, params)
}

/// Issues a party's certificate, good for connecting to the bus as that party, and for an endpoint
/// of the party that the bus connects to. It is for no name of a host, so no client that looks for
/// one takes it for a server.
///
/// # Errors
/// [`IssueError::Make`].
pub fn issue_party(
    ca: &CertificateAuthority,
    party: &PartyId,
    validity: Validity,
) -> Result<Issued, IssueError> {
    let mut params = params(party.as_str(), validity);
    params.extended_key_usages = both_sides();
    let identity = IdentityUri::of(party).to_string();
    let identity = identity.try_into().map_err(make)?;
    params.subject_alt_names = vec![SanType::URI(identity)];
    issue(ca, params)
}

/// Both the bus and a party connect, and are connected to.
fn both_sides() -> Vec<ExtendedKeyUsagePurpose> {
    vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
}

impl CertificateAuthority {
    /// The authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

impl Issued {
    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// The certificate as a PEM file holds it, and its key.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }
}

impl fmt::Debug for CertificateAuthority {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

impl CertificateDir {
    /// The layout under `root`; nothing is touched.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the directory, and those above it, for the owner alone. One that
    /// exists is left as it is.
    ///
    /// # Errors
    /// [`IssueError::Write`].
    pub fn create(&self) -> Result<(), IssueError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.root).map_err(|why| unwritten(&self.root, why))
    }

    /// Where the authority's certificate is: what both sides trust.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    /// Where the authority's key is.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.root.join("ca.key")
    }

    /// Where the authority's revocation list is.
    #[must_use]
    pub fn crl(&self) -> PathBuf {
        self.root.join("ca.crl")
    }

    /// Where the bus's certificate is.
    #[must_use]
    pub fn bus_certificate(&self) -> PathBuf {
        self.root.join("bus.pem")
    }

    /// Where the bus's key is.
    #[must_use]
    pub fn bus_key(&self) -> PathBuf {
        self.root.join("bus.key")
    }

    /// Where a party's certificate is.
    #[must_use]
    pub fn party_certificate(&self, party: &PartyId) -> PathBuf {
        self.root.join(format!("{party}.pem"))
    }

    /// Where a party's key is.
    #[must_use]
    pub fn party_key(&self, party: &PartyId) -> PathBuf {
        self.root.join(format!("{party}.key"))
    }

    /// Stores the authority.
    ///
    /// # Errors
    /// [`IssueError::Write`], also if either file exists.
    pub fn save_ca(&self, ca: &CertificateAuthority) -> Result<(), IssueError> {
        let key = ca.issuer.key();
        save(&self.ca_certificate(), &ca.pem, &self.ca_key(), key)
    }

    /// Stores the bus's certificate and key.
    ///
    /// # Errors
    /// [`IssueError::Write`], also if either file exists.
    pub fn save_bus(&self, issued: &Issued) -> Result<(), IssueError> {
        let Issued { certificate, key } = issued;
        let pem = certificate.pem();
        save(&self.bus_certificate(), pem.as_bytes(), &self.bus_key(), key)
    }

    /// Stores a party's certificate and key.
    ///
    /// # Errors
    /// [`IssueError::ReservedName`], or [`IssueError::Write`], also if either
    /// file exists.
    pub fn save_party(&self, party: &PartyId, issued: &Issued) -> Result<(), IssueError> {
        if RESERVED.contains(&party.as_str()) {
            return Err(IssueError::ReservedName { party: party.clone() });
        }
        let Issued { certificate, key } = issued;
        let pem = certificate.pem();
        let key_file = self.party_key(party);
        save(&self.party_certificate(party), pem.as_bytes(), &key_file, key)
    }

    /// Loads the authority to issue more.
    ///
    /// # Errors
    /// [`IssueError::Pem`], [`IssueError::NotAuthority`], [`IssueError::Key`]
    /// or [`IssueError::KeyMismatch`].
    pub fn load_ca(&self) -> Result<CertificateAuthority, IssueError> {
        let (file, key_file) = (self.ca_certificate(), self.ca_key());
        let certificate = pem::certificates(&file)?.swap_remove(0);
        let pem = fs::read(&file).map_err(|why| PemError::Read {
            file: file.clone(),
            wanted: Wanted::Certificates,
            why,
        })?;
        let key = KeyPair::try_from(&pem::private_key(&key_file)?)
            .map_err(|why| IssueError::Key { file: key_file.clone(), why })?;
        let Ok((_, parsed)) = X509Certificate::from_der(&certificate) else {
            return Err(IssueError::NotAuthority { file });
        };
        if !parsed.is_ca() {
            return Err(IssueError::NotAuthority { file });
        }
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(IssueError::KeyMismatch { certificate: file, key: key_file });
        }
        let Ok(issuer) = Issuer::from_ca_cert_der(&certificate, key) else {
            return Err(IssueError::NotAuthority { file });
        };
        Ok(CertificateAuthority { issuer, certificate, pem })
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    validity.write(&mut params);
    params
}

fn issue(ca: &CertificateAuthority, mut params: CertificateParams) -> Result<Issued, IssueError> {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = new_key()?;
    let certificate = params.signed_by(&key, &ca.issuer).map_err(make)?;
    Ok(Issued { certificate, key })
}

fn new_key() -> Result<KeyPair, IssueError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(make)
}

fn make(why: rcgen::Error) -> IssueError {
    IssueError::Make { why }
}

fn unwritten(file: &Path, why: io::Error) -> IssueError {
    IssueError::Write { file: file.to_owned(), why }
}

/// Writes a pair. Both files are made before either is filled, so a name
/// already taken leaves no half of a pair behind.
fn save(
    certificate_file: &Path,
    certificate: &[u8],
    key_file: &Path,
    key: &KeyPair,
) -> Result<(), IssueError> {
    let mut certificate_out =
        create(certificate_file, 0o644).map_err(|why| unwritten(certificate_file, why))?;
    // With its mode from the first moment: no instant in which others read it.
    let mut key_out = create(key_file, 0o600).map_err(|why| {
        // Best effort: the file is ours and still empty, and the error that
        // matters is the one already in hand.
        let _ = fs::remove_file(certificate_file);
        unwritten(key_file, why)
    })?;
    key_out.write_all(key.serialize_pem().as_bytes()).map_err(|why| unwritten(key_file, why))?;
    certificate_out.write_all(certificate).map_err(|why| unwritten(certificate_file, why))
}

fn create(file: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::trust::identity;

    fn validity(begin: &str, end: &str) -> Result<Validity, IssueError> {
        Validity::new(begin.parse().unwrap(), end.parse().unwrap())
    }

    fn decade() -> Validity {
        validity("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z").unwrap()
    }

    fn mission() -> PartyId {
        "mission-uz".parse().unwrap()
    }

    struct Dir {
        _temporary: tempfile::TempDir,
        layout: CertificateDir,
    }

    fn dir() -> Dir {
        let temporary = tempfile::tempdir().unwrap();
        let layout = CertificateDir::new(temporary.path().join("a/certs"));
        layout.create().unwrap();
        Dir { _temporary: temporary, layout }
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn certificates_say_whose_they_are_for_what_and_how_long() {
        let ca = issue_ca("Development", decade()).unwrap();
        let span = validity("2023-04-05T06:07:08Z", "2051-01-01T00:00:00Z").unwrap();
        let issued = issue_party(&ca, &mission(), span).unwrap();
        let (_, parsed) = X509Certificate::from_der(issued.certificate()).unwrap();
        assert_eq!(parsed.validity().not_before.timestamp(), span.not_before.as_second());
        assert_eq!(parsed.validity().not_after.timestamp(), span.not_after.as_second());
        assert!(!parsed.is_ca());
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && usage.server_auth);
        assert!(parsed.key_usage().unwrap().unwrap().value.digital_signature());
        let identities = identity::identities(issued.certificate()).unwrap();
        assert_eq!(identities, [IdentityUri::of(&mission())]);

        let names = ["localhost".try_into().unwrap(), "127.0.0.1".try_into().unwrap()];
        let server = issue_server(&ca, &names, decade()).unwrap();
        let (_, parsed) = X509Certificate::from_der(server.certificate()).unwrap();
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && usage.server_auth);
        let named = parsed.subject_alternative_name().unwrap().unwrap().value;
        assert_eq!(named.general_names.len(), 3);
        assert_eq!(identity::is_bus(server.certificate()), Ok(Some(true)));
        assert_eq!(identity::is_bus(issued.certificate()), Ok(Some(false)));
        assert_eq!(identity::is_bus(ca.certificate()), Ok(None));
        assert!(identity::identities(server.certificate()).is_err());

        let (_, parsed) = X509Certificate::from_der(ca.certificate()).unwrap();
        assert!(parsed.is_ca());
    }

    #[test]
    fn stored_keys_are_for_their_owner_alone() {
        let Dir { layout, _temporary } = dir();
        let ca = issue_ca("Development", decade()).unwrap();
        let issued = issue_party(&ca, &mission(), decade()).unwrap();
        layout.save_ca(&ca).unwrap();
        layout.save_bus(&issued).unwrap();
        layout.save_party(&mission(), &issued).unwrap();
        for key in [layout.ca_key(), layout.bus_key(), layout.party_key(&mission())] {
            assert_eq!(mode(&key), 0o600, "{}", key.display());
            assert!(pem::private_key(&key).is_ok());
        }
        let stored = pem::certificates(&layout.party_certificate(&mission())).unwrap();
        assert_eq!(&stored, &[issued.certificate().clone()]);
        assert_eq!(mode(&layout.root), 0o700);
    }

    #[test]
    fn nothing_that_exists_is_overwritten_and_no_half_pair_is_left() {
        let Dir { layout, _temporary } = dir();
        let ca = issue_ca("Development", decade()).unwrap();
        fs::write(layout.ca_key(), "precious").unwrap();
        let error = layout.save_ca(&ca).unwrap_err();
        assert!(error.to_string().contains("ca.key"), "{error}");
        assert!(!layout.ca_certificate().exists());
        assert_eq!(fs::read_to_string(layout.ca_key()).unwrap(), "precious");

        fs::remove_file(layout.ca_key()).unwrap();
        layout.save_ca(&ca).unwrap();
        let before = fs::read(layout.ca_key()).unwrap();
        assert!(matches!(layout.save_ca(&ca), Err(IssueError::Write { .. })));
        assert_eq!(fs::read(layout.ca_key()).unwrap(), before);
    }

    #[test]
    fn a_loaded_authority_issues_under_the_same_certificate() {
        let Dir { layout, _temporary } = dir();
        let ca = issue_ca("Development Қазақстан", decade()).unwrap();
        layout.save_ca(&ca).unwrap();
        let loaded = layout.load_ca().unwrap();
        assert_eq!(loaded.certificate(), ca.certificate());
        let issued = issue_party(&loaded, &mission(), decade()).unwrap();
        let (_, authority) = X509Certificate::from_der(ca.certificate()).unwrap();
        let (_, parsed) = X509Certificate::from_der(issued.certificate()).unwrap();
        assert_eq!(parsed.issuer(), authority.subject());
        assert!(parsed.verify_signature(Some(authority.public_key())).is_ok());

        let copy = dir();
        copy.layout.save_ca(&loaded).unwrap();
        let bytes = |layout: &CertificateDir| fs::read(layout.ca_certificate()).unwrap();
        assert_eq!(bytes(&copy.layout), bytes(&layout));
    }

    #[test]
    fn an_unfit_authority_is_not_loaded() {
        let ca = issue_ca("Development", decade()).unwrap();
        let other = issue_ca("Another", decade()).unwrap();
        let issued = issue_party(&ca, &mission(), decade()).unwrap();

        let Dir { layout, _temporary } = dir();
        layout.save_ca(&ca).unwrap();
        fs::remove_file(layout.ca_certificate()).unwrap();
        assert!(matches!(layout.load_ca(), Err(IssueError::Pem(PemError::Read { .. }))));
        fs::write(layout.ca_certificate(), &other.pem).unwrap();
        assert!(matches!(layout.load_ca(), Err(IssueError::KeyMismatch { .. })));
        fs::write(layout.ca_certificate(), issued.certificate.pem()).unwrap();
        assert!(matches!(layout.load_ca(), Err(IssueError::NotAuthority { .. })));
        fs::write(layout.ca_certificate(), &ca.pem).unwrap();
        assert!(layout.load_ca().is_ok());
        fs::set_permissions(layout.ca_key(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(layout.load_ca(), Err(IssueError::Pem(PemError::Exposed { .. }))));
        fs::set_permissions(layout.ca_key(), fs::Permissions::from_mode(0o600)).unwrap();
        let junk = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        fs::write(layout.ca_key(), junk).unwrap();
        assert!(matches!(layout.load_ca(), Err(IssueError::Key { .. })));
    }

    #[test]
    fn impossible_requests_are_refused() {
        for (begin, end) in [
            ("2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "2030-01-01T00:00:00Z"),
        ] {
            assert!(matches!(validity(begin, end), Err(IssueError::Validity { .. })));
        }
        let longest = Validity::new(Timestamp::UNIX_EPOCH, Timestamp::MAX).unwrap();
        assert!(issue_ca("For ever", longest).is_ok());
        for name in ["", "   ", "two\nlines", &"x".repeat(65)] {
            assert!(matches!(issue_ca(name, decade()), Err(IssueError::AuthorityName)));
        }
        let ca = issue_ca("Development", decade()).unwrap();
        assert!(matches!(issue_server(&ca, &[], decade()), Err(IssueError::NoServerName)));
        let Dir { layout, _temporary } = dir();
        let bus: PartyId = "bus".parse().unwrap();
        let issued = issue_party(&ca, &bus, decade()).unwrap();
        assert!(matches!(layout.save_party(&bus, &issued), Err(IssueError::ReservedName { .. })));
    }
}
