//! Revocation lists of the development authority.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::{CertificateAuthority, CertificateDir, IssueError, Validity, make, unwritten};

/// A list of the development authority: what a next one goes on from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevocationList {
    /// Its number; the first one has 1.
    pub number: u64,
    /// The serial numbers that it revokes, and since when.
    pub revoked: Vec<(Vec<u8>, Timestamp)>,
}

/// Issues the list, in PEM, of the certificates that the authority takes back. A later list has a
/// higher number; the next one is to come at the end of the span.
///
/// # Errors
/// [`IssueError::Make`], also for a certificate that cannot be read.
pub fn issue_crl(
    ca: &CertificateAuthority,
    revoked: &[CertificateDer<'_>],
    number: u64,
    validity: Validity,
) -> Result<String, IssueError> {
    let mut list = RevocationList { number, revoked: Vec::new() };
    for certificate in revoked {
        list.revoked.push((serial_of(ca, certificate)?, validity.not_before));
    }
    list.issue(ca, validity)
}

/// The serial number of a certificate that this authority has issued.
fn serial_of(
    ca: &CertificateAuthority,
    certificate: &CertificateDer<'_>,
) -> Result<Vec<u8>, IssueError> {
    let unreadable = |_| make(rcgen::Error::CouldNotParseCertificate);
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(unreadable)?;
    let (_, authority) = X509Certificate::from_der(ca.certificate()).map_err(unreadable)?;
    if parsed.issuer().as_raw() != authority.subject().as_raw() {
        return Err(IssueError::OtherAuthority { subject: parsed.subject().to_string() });
    }
    Ok(parsed.raw_serial().to_vec())
}

impl RevocationList {
    /// Takes a certificate back as of an instant; false where it was taken back before.
    ///
    /// # Errors
    /// [`IssueError::OtherAuthority`] for one that this authority has not issued, or
    /// [`IssueError::Make`].
    pub fn revoke(
        &mut self,
        ca: &CertificateAuthority,
        certificate: &CertificateDer<'_>,
        at: Timestamp,
    ) -> Result<bool, IssueError> {
        let serial = serial_of(ca, certificate)?;
        let is_new = self.revoked.iter().all(|(known, _)| *known != serial);
        if is_new {
            self.revoked.push((serial, at));
        }
        Ok(is_new)
    }

    fn issue(&self, ca: &CertificateAuthority, validity: Validity) -> Result<String, IssueError> {
        let at = |time: Timestamp| {
            let seconds = time.as_second().unsigned_abs();
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
        };
        let revoked = self.revoked.iter().map(|(serial, since)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: at(*since),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: at(validity.not_before),
            next_update: at(validity.not_after),
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&ca.issuer).map_err(make)?;
        list.pem().map_err(make)
    }

    fn parse(pem: &[u8]) -> Option<Self> {
        let der = CertificateRevocationListDer::from_pem_slice(pem).ok()?;
        let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
        let number = list.crl_number()?.to_bytes_be();
        let number = number.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
        let mut wide = [0; 8];
        wide.get_mut(8_usize.checked_sub(number.len())?..)?.copy_from_slice(&number);
        let revoked = list.iter_revoked_certificates().map(|one| {
            let at = Timestamp::from_second(one.revocation_date.timestamp()).ok()?;
            Some((one.raw_serial().to_vec(), at))
        });
        Some(Self { number: u64::from_be_bytes(wide), revoked: revoked.collect::<Option<_>>()? })
    }
}

impl CertificateDir {
    /// The list in place; an empty one without number where there is none.
    ///
    /// # Errors
    /// [`IssueError::List`] for a file that is none of this authority's.
    pub fn load_crl(&self) -> Result<RevocationList, IssueError> {
        let file = self.crl();
        match fs::read(&file) {
            Ok(pem) => RevocationList::parse(&pem).ok_or(IssueError::List { file }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(RevocationList::default()),
            Err(_) => Err(IssueError::List { file }),
        }
    }

    /// Issues a list with the next number and puts it in the place of the one before, by a rename,
    /// so that a bus that watches it finds either or.
    ///
    /// # Errors
    /// [`IssueError::Make`] or [`IssueError::Write`].
    pub fn replace_crl(
        &self,
        ca: &CertificateAuthority,
        list: &mut RevocationList,
        validity: Validity,
    ) -> Result<(), IssueError> {
        list.number = list.number.saturating_add(1);
        let pem = list.issue(ca, validity)?;
        let file = self.crl();
        let new = file.with_extension("crl.tmp");
        replace(&new, &file, pem.as_bytes()).map_err(|why| unwritten(&file, why))
    }
}

fn replace(new: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut open = File::create(new)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    fs::rename(new, file)
}
