//! Revocation lists of the development authority.

use std::time::Duration;

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateAuthority, IssueError, Validity, make};

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
    let at = |time: jiff::Timestamp| {
        let seconds = time.as_second().unsigned_abs();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let (this_update, next_update) = (at(validity.not_before), at(validity.not_after));
    let revoked_certs = revoked.iter().map(|certificate| {
        let unreadable = |_| make(rcgen::Error::CouldNotParseCertificate);
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(unreadable)?;
        Ok::<_, IssueError>(RevokedCertParams {
            serial_number: SerialNumber::from_slice(parsed.raw_serial()),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        })
    });
    let list = CertificateRevocationListParams {
        this_update,
        next_update,
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked_certs.collect::<Result<_, _>>()?,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&ca.issuer).map_err(make)?;
    list.pem().map_err(make)
}
