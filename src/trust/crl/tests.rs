//! Lists of real authorities, as files.

use std::fs;

use super::*;
use crate::trust::issue::{
    CertificateAuthority, Issued, Validity, issue_ca, issue_crl, issue_party,
};

fn span(begin: &str, end: &str) -> Validity {
    Validity::new(begin.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn decade() -> Validity {
    span("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
}

fn day(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

struct Shelf {
    dir: tempfile::TempDir,
    ca: CertificateAuthority,
    party: Issued,
    other: Issued,
}

fn shelf() -> Shelf {
    let ca = issue_ca("Development", decade()).unwrap();
    let party = issue_party(&ca, &"mission-uz".parse().unwrap(), decade()).unwrap();
    let other = issue_party(&ca, &"mission-tm".parse().unwrap(), decade()).unwrap();
    Shelf { dir: tempfile::tempdir().unwrap(), ca, party, other }
}

impl Shelf {
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    }

    fn list(&self, revoked: &[&Issued], number: u64, from: &str, until: &str) -> String {
        let revoked: Vec<_> = revoked.iter().map(|one| one.certificate().clone()).collect();
        let validity = Validity::new(day(from), day(until)).unwrap();
        issue_crl(&self.ca, &revoked, number, validity).unwrap()
    }

    fn read(&self, bytes: impl AsRef<[u8]>) -> Result<Vec<Crl>, CrlError> {
        read(&self.file("some.crl", bytes), &[self.ca.certificate().clone()])
    }

    fn standing(&self, crls: &Crls, of: &Issued, policy: Revocation, now: &str) -> Standing {
        let (_, parsed) = X509Certificate::from_der(of.certificate()).unwrap();
        crls.standing(&parsed, policy, day(now))
    }
}

const STRICT: Revocation = Revocation::Strict { grace: Duration::from_secs(48 * 3600) };

#[test]
fn a_list_revokes_by_serial_number_and_for_ever() {
    let shelf = shelf();
    let list = shelf.list(&[&shelf.party], 1, "2025-01-01", "2025-02-01");
    let crls = Crls::default().after(shelf.read(list).unwrap()).unwrap();
    for policy in [Revocation::Soft, STRICT] {
        assert_eq!(shelf.standing(&crls, &shelf.party, policy, "2025-01-15"), Standing::Revoked);
        assert_eq!(shelf.standing(&crls, &shelf.party, policy, "2029-01-15"), Standing::Revoked);
        assert_eq!(shelf.standing(&crls, &shelf.other, policy, "2025-01-15"), Standing::Good);
    }
    let off = shelf.standing(&crls, &shelf.party, Revocation::Off, "2025-01-15");
    assert_eq!(off, Standing::Good, "no lists are kept");
}

#[test]
fn an_overdue_list_leaves_the_others_undetermined_and_the_policy_says_for_how_long() {
    let shelf = shelf();
    let list = shelf.list(&[], 1, "2025-01-01", "2025-02-01");
    let crls = Crls::default().after(shelf.read(list).unwrap()).unwrap();
    let overdue = Unknown::Overdue { since: day("2025-02-01") };
    let standing = |policy, now| shelf.standing(&crls, &shelf.other, policy, now);
    assert_eq!(standing(STRICT, "2025-02-01"), Standing::Good);
    assert_eq!(standing(STRICT, "2025-02-03"), Standing::Undetermined(overdue.clone()));
    assert_eq!(standing(STRICT, "2025-02-04"), Standing::Lapsed(overdue.clone()));
    assert_eq!(standing(Revocation::Soft, "2029-01-01"), Standing::Undetermined(overdue));
    let worth = |policy, now| crls.states(policy, day(now))[0].worth;
    assert_eq!(worth(STRICT, "2025-02-02"), Worth::Overdue);
    assert_eq!(worth(STRICT, "2025-02-04"), Worth::Lapsed);
    assert_eq!(worth(Revocation::Soft, "2025-02-04"), Worth::Overdue);
}

#[test]
fn a_certificate_of_an_authority_without_a_list_is_undetermined() {
    let shelf = shelf();
    let none = Crls::default();
    let unknown = Unknown::NoList;
    let standing = |policy| shelf.standing(&none, &shelf.party, policy, "2025-01-01");
    assert_eq!(standing(Revocation::Soft), Standing::Undetermined(unknown.clone()));
    assert_eq!(standing(STRICT), Standing::Lapsed(unknown));
}

#[test]
fn a_list_older_than_the_last_is_refused_by_number_and_by_time() {
    let shelf = shelf();
    let read = |number, from| shelf.read(shelf.list(&[], number, from, "2026-01-01")).unwrap();
    let in_force = Crls::default().after(read(5, "2025-03-01")).unwrap();
    for (number, from) in [(4, "2025-04-01"), (6, "2025-02-01"), (5, "2025-02-28")] {
        let refusal = in_force.after(read(number, from)).unwrap_err();
        assert!(
            matches!(&refusal, CrlError::Older { in_force, .. } if *in_force == day("2025-03-01"))
        );
        assert!(refusal.to_string().contains("some.crl"), "{refusal}");
    }
    // The same again, a newer one, and a number of more bytes.
    for (number, from) in [(5, "2025-03-01"), (6, "2025-03-02"), (256, "2025-03-02")] {
        assert!(in_force.after(read(number, from)).is_ok(), "{number}");
    }
    let much = in_force.after(read(256, "2025-03-02")).unwrap();
    assert!(much.after(read(255, "2025-03-03")).is_err());
}

#[test]
fn a_list_older_than_the_last_is_refused_after_a_restart_too() {
    let shelf = shelf();
    let read = |number, from| shelf.read(shelf.list(&[], number, from, "2026-01-01")).unwrap();
    let kept = shelf.dir.path().join("last");
    let in_force = Crls::default().after(read(5, "2025-03-01")).unwrap();
    in_force.last().write(&kept).unwrap();
    let again = Crls::remembering(LastLists::read(&kept).unwrap());
    for (number, from) in [(4, "2025-04-01"), (6, "2025-02-01")] {
        let refusal = again.after(read(number, from)).unwrap_err();
        assert!(matches!(refusal, CrlError::Older { .. }), "{refusal}");
    }
    assert!(again.after(read(5, "2025-03-01")).is_ok(), "the very same");
    assert!(again.after(read(6, "2025-03-02")).is_ok());
    // A list that was taken away is remembered too.
    let without = again.after(Vec::new()).unwrap();
    assert!(without.after(read(4, "2025-04-01")).is_err());
}

#[test]
fn only_a_trusted_authority_s_signature_counts() {
    let shelf = shelf();
    // Another key under the very same name.
    let forged = issue_ca("Development", decade()).unwrap();
    let list = issue_crl(&forged, &[], 1, decade()).unwrap();
    let refusal = shelf.read(&list).unwrap_err();
    assert!(matches!(refusal, CrlError::Unsigned { .. }), "{refusal}");
    let stranger = issue_ca("Somebody", decade()).unwrap();
    let list = issue_crl(&stranger, &[], 1, decade()).unwrap();
    let refusal = shelf.read(&list).unwrap_err();
    assert!(refusal.to_string().contains("CN=Somebody"), "{refusal}");
}

#[test]
fn every_changed_byte_of_a_list_is_refused() {
    let shelf = shelf();
    let list = shelf.list(&[&shelf.party], 1, "2025-01-01", "2025-02-01");
    let der = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).unwrap();
    assert_eq!(shelf.read(&der).unwrap().len(), 1, "DER is read too");
    for at in 0..der.len() {
        let mut spoilt = der.to_vec();
        spoilt[at] ^= 1;
        assert!(shelf.read(&spoilt).is_err(), "byte {at}");
    }
    for end in 0..der.len() {
        assert!(shelf.read(&der[..end]).is_err(), "cut at {end}");
    }
    assert!(shelf.read([&der[..], &[0]].concat()).is_err());
}

#[test]
fn files_that_hold_no_list_are_refused_by_path() {
    let shelf = shelf();
    let certificate = shelf.party.pem().0;
    for bytes in ["", "some words", certificate.as_str()] {
        let refusal = shelf.read(bytes).unwrap_err();
        assert!(matches!(refusal, CrlError::NotCrl { .. }), "{refusal}");
        assert!(refusal.to_string().contains("some.crl"), "{refusal}");
    }
    let missing = shelf.dir.path().join("none.crl");
    assert!(matches!(read(&missing, &[]), Err(CrlError::Read { .. })));
}

#[test]
fn a_file_may_hold_the_lists_of_several_authorities() {
    let shelf = shelf();
    let second = issue_ca("Second", decade()).unwrap();
    let mut both = shelf.list(&[&shelf.party], 1, "2025-01-01", "2025-02-01");
    both += &issue_crl(&second, &[], 1, decade()).unwrap();
    let file = shelf.file("both.crl", both);
    let authorities = [shelf.ca.certificate().clone(), second.certificate().clone()];
    let crls = Crls::default().after(read(&file, &authorities).unwrap()).unwrap();
    assert_eq!(crls.states(STRICT, day("2025-01-02")).len(), 2);
}
