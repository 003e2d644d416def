//! Signatures on documents, judged by the library alone: what is sound is valid with its facts, and
//! each way in which one is none has a reason of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

#[path = "signatures/openssl.rs"]
mod openssl;
#[path = "signatures/sidecar.rs"]
mod sidecar;
mod signing;

use kopir::domain::signature::{
    DigestAlgorithm, Doubt, Flaw, KeyRole, ProvenBy, RevocationSource, SignatureScheme,
    SignatureVerdict,
};
use kopir::trust::signature::again::{Again, NotAgain, again};
use kopir::trust::signature::authorities::{Authorities, Crls};
use kopir::trust::signature::evidence::Kind;
use kopir::trust::signature::{
    MAX_CONTENT_BYTES, MAX_SIGNATURE_BYTES, Signed, Wanted, sha256, verify,
};
use proptest::prelude::*;
use rcgen::KeyUsagePurpose;
use signing::{
    Authority, BIN, Cms, EMPLOYEE, GOST_512, GOST_DIGEST_512, HEAD, Key, NOW, Person, Pki, RSA,
    SHA1, SHA256, SHA384, SHA512, SIGNATORY, at, tlv,
};

const DOCUMENT: &[u8] = "Шешім № 1 (үлгі). A sample decision, of nobody.".as_bytes();

fn judge(pki: &Pki, crls: &Crls, signature: &[u8]) -> Result<SignatureVerdict, Flaw> {
    judge_at(pki, crls, signature, NOW)
}

fn judge_at(pki: &Pki, crls: &Crls, cms: &[u8], now: &str) -> Result<SignatureVerdict, Flaw> {
    let wanted = Wanted { roles: vec![KeyRole::Head], schemes: Vec::new() };
    let signed = Signed { content: DOCUMENT, signature: cms };
    verify(signed, &wanted, &pki.authorities(), crls, at(now)).map(|judged| judged.verdict)
}

/// The flaw of a signature that is spoilt in one way.
fn flaw_of(spoil: impl FnOnce(&mut Cms<'_>)) -> Flaw {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let mut cms = Cms::by(&signer);
    spoil(&mut cms);
    judge(&pki, &pki.lists(), &cms.sign(DOCUMENT)).unwrap_err()
}

fn flaw_of_person(change: impl FnOnce(&mut Person)) -> Flaw {
    let pki = Pki::new();
    let mut person = Person::default();
    change(&mut person);
    let signer = pki.authority.signer(&person);
    judge(&pki, &pki.lists(), &Cms::by(&signer).sign(DOCUMENT)).unwrap_err()
}

#[test]
fn a_sound_signature_is_valid_with_its_facts_and_its_evidence() {
    let pki = Pki::new();
    let person = Person { roles: vec![HEAD, SIGNATORY], ..Person::default() };
    let signer = pki.authority.signer(&person);
    let found = judge(&pki, &pki.lists(), &Cms::by(&signer).sign(DOCUMENT)).unwrap();
    assert_eq!((found.doubt, found.proven_by), (None, ProvenBy::Bus));
    assert_eq!(found.document, sha256(DOCUMENT));
    assert_eq!(found.certificate, sha256(&signer.der));
    assert_eq!(found.roles, [KeyRole::Head, KeyRole::Signatory]);
    assert_eq!(found.organisation, Some(BIN.parse().unwrap()));
    assert_eq!(found.signed_at, at(signing::SIGNED));
    assert_eq!(found.checked_at, at(NOW));
    assert_eq!(found.scheme, SignatureScheme::EcdsaP256);
    assert_eq!(found.digest, DigestAlgorithm::Sha256);
    assert_eq!(found.chain, [sha256(&pki.authority.der), sha256(&pki.root.der)]);
    assert_eq!(found.revocation.len(), 2);
    assert!(found.revocation.iter().all(|each| each.source == RevocationSource::Crl));
    assert!(
        found.revocation.iter().any(|each| each.next_update == Some(at("2023-02-21T00:00:00Z")))
    );
}

#[test]
fn every_scheme_is_proven() {
    let pki = Pki::new();
    for (key, digest, algorithm, pss_salt, scheme) in [
        (Key::P256, SHA256, None, None, SignatureScheme::EcdsaP256),
        (Key::P384, SHA384, None, None, SignatureScheme::EcdsaP384),
        (Key::Rsa, SHA256, None, None, SignatureScheme::RsaPkcs1),
        // Without a digest of its own, as openssl names it.
        (Key::Rsa, SHA256, Some(RSA), None, SignatureScheme::RsaPkcs1),
        (Key::Rsa, SHA256, None, Some(32), SignatureScheme::RsaPss),
    ] {
        let signer = pki.authority.signer(&Person { key, ..Person::default() });
        let cms = Cms { digest, algorithm, pss_salt, ..Cms::by(&signer) };
        let found = judge(&pki, &pki.lists(), &cms.sign(DOCUMENT)).unwrap();
        assert_eq!((found.doubt, found.scheme), (None, scheme));
    }
}

#[test]
fn the_authority_between_may_come_with_the_signature_or_from_the_configuration() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let cms = Cms::by(&signer);
    let whole = Cms {
        certificates: vec![signer.der.clone(), pki.authority.der.clone(), pki.root.der.clone()],
        ..Cms::by(&signer)
    };
    let root = || vec![pki.root.der.clone().into()];
    let bare = Authorities::new(root(), Vec::new());
    let judge = |authorities: &Authorities, cms: &Cms<'_>| {
        let signature = cms.sign(DOCUMENT);
        let signed = Signed { content: DOCUMENT, signature: &signature };
        let judged = verify(signed, &Wanted::default(), authorities, &pki.lists(), at(NOW));
        judged.map(|judged| (judged.verdict.doubt, judged.certificates.len(), judged.lists.len()))
    };
    assert_eq!(judge(&bare, &cms), Err(Flaw::UnknownAuthority));
    assert_eq!(judge(&bare, &whole), Ok((None, 2, 2)));
    assert_eq!(judge(&pki.authorities(), &cms), Ok((None, 2, 2)));
    // Nobody is believed: the signature holds, and who is behind it is not known.
    let nobody = (Some(Doubt::NoAuthorities), 0, 0);
    assert_eq!(judge(&Authorities::default(), &whole), Ok(nobody));
}

#[test]
fn what_is_no_signature_in_der_is_told_apart() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let sound = Cms::by(&signer).sign(DOCUMENT);
    let flaw = |bytes: &[u8]| judge(&pki, &pki.lists(), bytes).unwrap_err();
    assert_eq!(flaw(b""), Flaw::Malformed);
    assert_eq!(flaw(b"-----BEGIN CMS-----"), Flaw::Malformed);
    assert_eq!(flaw(&sound[..sound.len() - 1]), Flaw::Malformed);
    assert_eq!(flaw(&[&sound[..], &[0]].concat()), Flaw::Malformed);
    assert_eq!(flaw(&signer.der), Flaw::Malformed);
    // The outermost value again, with an indefinite length and its end.
    let header = sound.iter().position(|byte| *byte == 6).unwrap();
    let indefinite = [&[0x30, 0x80], &sound[header..], &[0, 0]].concat();
    assert_eq!(flaw(&indefinite), Flaw::IndefiniteLength);
    // A length that is written longer than it need be.
    let long = [&[0x30, 0x84, 0, 0], &sound[2..]].concat();
    assert_eq!(flaw(&long), Flaw::Malformed);
    // Values within values without end.
    let deep = (0..200).fold(Vec::new(), |within: Vec<u8>, _| tlv(0x30, &within));
    assert_eq!(flaw(&deep), Flaw::Malformed);
}

#[test]
fn too_large_is_told_before_anything_is_read() {
    let pki = Pki::new();
    let large = vec![0x30; MAX_SIGNATURE_BYTES + 1];
    assert_eq!(judge(&pki, &pki.lists(), &large), Err(Flaw::TooLarge));
    let content = vec![0; MAX_CONTENT_BYTES + 1];
    let signed = Signed { content: &content, signature: b"" };
    let judged = verify(signed, &Wanted::default(), &pki.authorities(), &pki.lists(), at(NOW));
    assert_eq!(judged.unwrap_err(), Flaw::TooLarge);
}

#[test]
fn the_form_of_rfc_5652_is_kept() {
    assert_eq!(flaw_of(|cms| cms.attached = true), Flaw::NotDetached);
    assert_eq!(flaw_of(|cms| cms.without_signers = true), Flaw::NoSigner);
    assert_eq!(flaw_of(|cms| cms.certificates.clear()), Flaw::NoCertificate);
    assert_eq!(flaw_of(|cms| cms.with_attributes = false), Flaw::AttributeMissing);
    assert_eq!(flaw_of(|cms| cms.with_digest_attribute = false), Flaw::AttributeMissing);
    assert_eq!(flaw_of(|cms| cms.signed_at = None), Flaw::NoSigningTime);
    assert_eq!(flaw_of(|cms| cms.time_twice = true), Flaw::AttributeRepeated);
    let signed_data = "1.2.840.113549.1.7.2";
    assert_eq!(flaw_of(|cms| cms.content_type = signed_data), Flaw::ContentTypeDiffers);
}

#[test]
fn several_signers_are_one_too_many() {
    let pki = Pki::new();
    let first = pki.authority.signer(&Person::default());
    let second = pki.authority.signer(&Person { serial: 2, ..Person::default() });
    let cms = Cms { more: vec![&second], ..Cms::by(&first) };
    let judged = judge(&pki, &pki.lists(), &cms.sign(DOCUMENT));
    assert_eq!(judged, Err(Flaw::SeveralSigners));
}

#[test]
fn other_bytes_and_other_keys_are_told_apart() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let of_other_bytes = Cms::by(&signer).sign(b"another document");
    assert_eq!(judge(&pki, &pki.lists(), &of_other_bytes), Err(Flaw::OtherDocument));
    // Another key behind the same name: whose certificate it is, did not sign.
    let mut impostor = pki.authority.signer(&Person::default());
    impostor.der = signer.der.clone();
    let forged = Cms::by(&impostor).sign(DOCUMENT);
    assert_eq!(judge(&pki, &pki.lists(), &forged), Err(Flaw::Forged));
}

#[test]
fn weak_and_strange_algorithms_are_refused() {
    assert_eq!(flaw_of(|cms| cms.digest = SHA1), Flaw::WeakDigest);
    assert_eq!(flaw_of(|cms| cms.algorithm = Some(signing::RSA_SHA1)), Flaw::WeakDigest);
    // The digest of the signature algorithm is not that of the signer.
    assert_eq!(flaw_of(|cms| cms.digest = SHA512), Flaw::Algorithm);
    assert_eq!(flaw_of(|cms| cms.algorithm = Some("1.2.3.4")), Flaw::Algorithm);
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person { key: Key::Rsa, ..Person::default() });
    let salted = Cms { pss_salt: Some(20), ..Cms::by(&signer) }.sign(DOCUMENT);
    assert_eq!(judge(&pki, &pki.lists(), &salted), Err(Flaw::Algorithm));
}

#[test]
fn only_configured_schemes_are_taken() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let signed = Signed { content: DOCUMENT, signature: &signature };
    let judge = |schemes: &[SignatureScheme]| {
        let wanted = Wanted { roles: Vec::new(), schemes: schemes.to_vec() };
        verify(signed, &wanted, &pki.authorities(), &pki.lists(), at(NOW)).map(|_| ())
    };
    assert_eq!(judge(&[SignatureScheme::EcdsaP256]), Ok(()));
    // Of the curve that is taken no such key made it.
    assert_eq!(judge(&[SignatureScheme::EcdsaP384]), Err(Flaw::Forged));
    assert_eq!(judge(&[SignatureScheme::RsaPss]), Err(Flaw::Algorithm));
}

#[test]
fn the_signers_certificate_must_be_one_for_this() {
    assert_eq!(flaw_of_person(|person| person.roles = vec![EMPLOYEE]), Flaw::WrongRole);
    assert_eq!(flaw_of_person(|person| person.roles.clear()), Flaw::WrongRole);
    // The key for logging in.
    let login = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    assert_eq!(flaw_of_person(|person| person.usages = login), Flaw::NotForSigning);
    assert_eq!(flaw_of_person(|person| person.usages.clear()), Flaw::NotForSigning);
    let ended = |person: &mut Person| person.not_after = "2023-02-20T09:00:00Z";
    assert_eq!(flaw_of_person(ended), Flaw::Expired);
    let early = |person: &mut Person| person.not_before = "2023-02-20T09:45:00Z";
    assert_eq!(flaw_of_person(early), Flaw::NotYetValid);
}

#[test]
fn the_stated_time_is_not_ahead_of_the_bus() {
    let with = |time: &'static str| {
        let pki = Pki::new();
        let signer = pki.authority.signer(&Person::default());
        let cms = Cms { signed_at: Some(time), ..Cms::by(&signer) };
        judge(&pki, &pki.lists(), &cms.sign(DOCUMENT)).map(|found| found.doubt)
    };
    assert_eq!(with("2023-02-20T10:05:00Z"), Ok(None));
    assert_eq!(with("2023-02-20T10:05:01Z"), Err(Flaw::InTheFuture));
}

#[test]
fn an_authority_that_is_not_configured_is_nobody() {
    let (pki, other) = (Pki::new(), Authority::root("SAMPLE OTHER ROOT"));
    let signer = other.signer(&Person::default());
    let cms = Cms { certificates: vec![signer.der.clone(), other.der.clone()], ..Cms::by(&signer) };
    assert_eq!(judge(&pki, &pki.lists(), &cms.sign(DOCUMENT)), Err(Flaw::UnknownAuthority));
    // Nor is one that only has the name of a known one.
    let namesake = Authority::root("SAMPLE AUTHORITY");
    let signer = namesake.signer(&Person::default());
    let judged = judge(&pki, &pki.lists(), &Cms::by(&signer).sign(DOCUMENT));
    assert_eq!(judged, Err(Flaw::UnknownAuthority));
}

#[test]
fn revocation_counts_from_its_time() {
    let pki = Pki::new();
    let person = Person::default();
    let signer = pki.authority.signer(&person);
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let with = |revoked: &[(Vec<u8>, &str)]| {
        let list = pki.authority.list(revoked, "2023-02-20T09:50:00Z", "2023-02-21T00:00:00Z");
        judge(&pki, &pki.lists_with(&list), &signature).map(|found| found.doubt)
    };
    let of_signer = |when| vec![(person.serial_bytes(), when)];
    assert_eq!(with(&of_signer("2023-02-20T09:30:00Z")), Err(Flaw::Revoked));
    assert_eq!(with(&of_signer("2023-01-01T00:00:00Z")), Err(Flaw::Revoked));
    // The time of signing is the signer's own word, and nothing proves it.
    assert_eq!(with(&of_signer("2023-02-20T09:30:01Z")), Ok(Some(Doubt::RevokedSince)));
    assert_eq!(with(&[(vec![0x55], "2023-01-01T00:00:00Z")]), Ok(None));
    // The authority itself was revoked.
    let of_authority = pki.root.list(
        &[(vec![7], "2023-01-01T00:00:00Z")],
        "2023-02-20T00:00:00Z",
        "2023-03-20T00:00:00Z",
    );
    let crls = Crls::new(
        [&of_authority[..], &pki.authority.empty_list()]
            .map(|der| kopir::trust::signature::authorities::Crl::parse(der).unwrap()),
    );
    assert_eq!(judge(&pki, &crls, &signature), Err(Flaw::Revoked));
}

#[test]
fn without_a_fresh_list_a_signature_is_undetermined_and_never_invalid() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let doubt = |crls: &Crls| judge(&pki, crls, &signature).map(|found| found.doubt);
    assert_eq!(doubt(&Crls::default()), Ok(Some(Doubt::RevocationUnknown)));
    let root_only = Crls::new([parsed(&pki.root.empty_list())]);
    assert_eq!(doubt(&root_only), Ok(Some(Doubt::RevocationUnknown)));
    let old = pki.authority.list(&[], "2023-02-18T00:00:00Z", "2023-02-19T00:00:00Z");
    assert_eq!(doubt(&pki.lists_with(&old)), Ok(Some(Doubt::RevocationStale)));
    // A list under the authority's name that it did not sign.
    let namesake = Authority::root("SAMPLE AUTHORITY").empty_list();
    assert_eq!(doubt(&pki.lists_with(&namesake)), Ok(Some(Doubt::RevocationUnknown)));
}

#[test]
fn an_older_list_never_replaces_a_newer_one() {
    let pki = Pki::new();
    let person = Person::default();
    let signer = pki.authority.signer(&person);
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let revoked = [(person.serial_bytes(), "2023-02-01T00:00:00Z")];
    let newer = pki.authority.list(&revoked, "2023-02-20T08:00:00Z", "2023-02-22T00:00:00Z");
    let older = pki.authority.list(&[], "2023-02-19T08:00:00Z", "2023-02-22T00:00:00Z");
    for lists in [[&newer, &older], [&older, &newer]] {
        let lists = lists.map(|der| parsed(der)).into_iter();
        let crls = Crls::new(lists.chain([parsed(&pki.root.empty_list())]));
        assert_eq!(crls.len(), 2);
        assert_eq!(judge(&pki, &crls, &signature), Err(Flaw::Revoked));
    }
}

#[test]
fn what_ended_between_signing_and_receipt_is_undetermined() {
    let pki = Pki::new();
    let person = Person { not_after: "2023-02-20T09:45:00Z", ..Person::default() };
    let signer = pki.authority.signer(&person);
    let judged = judge(&pki, &pki.lists(), &Cms::by(&signer).sign(DOCUMENT));
    assert_eq!(judged.map(|found| found.doubt), Ok(Some(Doubt::ExpiredSince)));
}

#[test]
fn the_verdict_is_found_again_years_later_with_what_was_kept() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let first = judge(&pki, &pki.lists(), &signature).unwrap();
    // With the lists of that day, as of then; and as of today it is no longer known.
    assert_eq!(judge_at(&pki, &pki.lists(), &signature, NOW).unwrap().doubt, first.doubt);
    let today = judge_at(&pki, &pki.lists(), &signature, "2033-01-01T00:00:00Z").unwrap();
    assert_eq!(today.doubt, Some(Doubt::ExpiredSince));
}

#[test]
fn a_recorded_verdict_is_found_again_from_what_was_kept_or_not_at_all() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let signature = Cms::by(&signer).sign(DOCUMENT);
    let signed = Signed { content: DOCUMENT, signature: &signature };
    let (root_list, list) = (pki.root.empty_list(), pki.authority.empty_list());
    let crls = Crls::new([parsed(&root_list), parsed(&list)]);
    let judged = |authorities: &Authorities, signed| {
        let judged = verify(signed, &Wanted::default(), authorities, &crls, at(NOW));
        judged.unwrap().verdict
    };
    let recorded = judged(&pki.authorities(), signed);
    let files = [&pki.root.der[..], &pki.authority.der, &root_list, &list];
    let kept = |_, hash: &[u8; 32]| {
        files.iter().find(|file| sha256(file) == *hash).map(|file| file.to_vec())
    };
    assert_eq!(again(signed, &recorded, &kept), Ok(Again::Verdict));
    // Evidence that is missing, or is another, is named.
    let without = |gone: usize| {
        move |_: Kind, hash: &[u8; 32]| {
            (sha256(files[gone]) != *hash).then(|| kept(Kind::List, hash)).flatten()
        }
    };
    for (gone, kind) in [(0, Kind::Certificate), (1, Kind::Certificate), (2, Kind::List)] {
        let missing = NotAgain::Evidence(kind, sha256(files[gone]));
        assert_eq!(again(signed, &recorded, &without(gone)), Err(missing));
    }
    let other = |_: Kind, _: &[u8; 32]| Some(b"something".to_vec());
    assert!(matches!(again(signed, &recorded, &other), Err(NotAgain::Evidence(..))));
    // So is another document, signature or verdict.
    let elsewhere = Signed { content: b"another document", ..signed };
    assert_eq!(again(elsewhere, &recorded, &kept), Err(NotAgain::Document));
    let second = Cms { signed_at: Some("2023-02-20T09:31:00Z"), ..Cms::by(&signer) };
    let second = second.sign(DOCUMENT);
    let resigned = Signed { signature: &second, ..signed };
    assert_eq!(again(resigned, &recorded, &kept), Err(NotAgain::Verdict));
    let mut forged = signature.clone();
    *forged.last_mut().unwrap() ^= 1;
    let forged = Signed { signature: &forged, ..signed };
    assert_eq!(again(forged, &recorded, &kept), Err(NotAgain::Flaw(Flaw::Forged)));
    for changed in [
        SignatureVerdict { doubt: Some(Doubt::RevocationStale), ..recorded.clone() },
        SignatureVerdict { certificate: [7; 32], ..recorded.clone() },
        SignatureVerdict { organisation: None, ..recorded.clone() },
    ] {
        assert_eq!(again(signed, &changed, &kept), Err(NotAgain::Verdict));
    }
    // Without authorities, or what was kept of them, the signature itself is left.
    let nobody = judged(&Authorities::default(), signed);
    let none = |_: Kind, _: &[u8; 32]| None;
    assert_eq!(again(signed, &nobody, &none), Ok(Again::Signature));
    let unkept = SignatureVerdict { doubt: Some(Doubt::EvidenceNotKept), ..recorded.clone() };
    assert_eq!(again(signed, &unkept, &none), Ok(Again::Signature));
    assert_eq!(again(forged, &nobody, &none), Err(NotAgain::Flaw(Flaw::Forged)));
    // Of a GOST signature, what it states.
    let gost = Cms { digest: GOST_DIGEST_512, algorithm: Some(GOST_512), ..Cms::by(&signer) };
    let gost = gost.sign(DOCUMENT);
    let gost = Signed { content: DOCUMENT, signature: &gost };
    let stated = judged(&pki.authorities(), gost);
    assert_eq!(again(gost, &stated, &none), Ok(Again::Statement));
    let proven = SignatureVerdict { doubt: None, proven_by: ProvenBy::Sidecar, ..stated };
    assert_eq!(again(gost, &proven, &none), Ok(Again::Statement));
    assert_eq!(again(signed, &proven, &none), Err(NotAgain::Verdict));
}

#[test]
fn gost_without_a_verifier_is_undetermined_and_bound_to_its_document() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let gost = || Cms { digest: GOST_DIGEST_512, algorithm: Some(GOST_512), ..Cms::by(&signer) };
    let found = judge(&pki, &pki.lists(), &gost().sign(DOCUMENT)).unwrap();
    assert_eq!((found.doubt, found.proven_by), (Some(Doubt::NoVerifier), ProvenBy::Nobody));
    assert_eq!((found.scheme, found.digest), (SignatureScheme::Gost512, DigestAlgorithm::Gost512));
    let other = judge(&pki, &pki.lists(), &gost().sign(b"another document"));
    assert_eq!(other, Err(Flaw::OtherDocument));
    // The digest of one standard under the signature of the other.
    let mixed = Cms { digest: SHA256, ..gost() };
    assert_eq!(judge(&pki, &pki.lists(), &mixed.sign(DOCUMENT)), Err(Flaw::Algorithm));
}

fn parsed(der: &[u8]) -> kopir::trust::signature::authorities::Crl {
    kopir::trust::signature::authorities::Crl::parse(der).unwrap()
}

/// Every byte of document and signature counts: with any of them changed, nothing is valid. What is
/// not signed is the certificates that stand beside the path and the unsigned attributes; there are
/// none here.
#[test]
fn no_flipped_byte_of_document_or_signature_is_ever_valid() {
    let pki = Pki::new();
    let (authorities, crls) = (pki.authorities(), pki.lists());
    for key in [Key::P256, Key::Rsa] {
        let signer = pki.authority.signer(&Person { key, ..Person::default() });
        let signature = Cms::by(&signer).sign(DOCUMENT);
        let is_valid = |content: &[u8], signature: &[u8]| {
            let signed = Signed { content, signature };
            let judged = verify(signed, &Wanted::default(), &authorities, &crls, at(NOW));
            judged.is_ok_and(|judged| judged.verdict.doubt.is_none())
        };
        assert!(is_valid(DOCUMENT, &signature));
        for place in 0..signature.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut spoilt = signature.clone();
                spoilt[place] ^= bit;
                assert!(!is_valid(DOCUMENT, &spoilt), "{key:?} byte {place} bit {bit:#x}");
            }
        }
        for place in 0..DOCUMENT.len() {
            let mut spoilt = DOCUMENT.to_vec();
            spoilt[place] ^= 1;
            assert!(!is_valid(&spoilt, &signature), "document byte {place}");
        }
    }
}

/// What stands beside what is signed may change, and the verdict with it does not.
#[test]
fn what_is_not_signed_is_not_looked_at() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    // An unsigned attribute, such as a time-stamp, and a certificate of nobody in the path.
    let attribute = tlv(0x30, &[signing::oid("1.2.3.4"), tlv(0x31, &tlv(0x04, b"x"))].concat());
    let stranger = Authority::root("SAMPLE STRANGER");
    let cms = Cms {
        unsigned: tlv(0xa1, &attribute),
        certificates: vec![signer.der.clone(), stranger.der.clone()],
        ..Cms::by(&signer)
    };
    let found = judge(&pki, &pki.lists(), &cms.sign(DOCUMENT)).unwrap();
    assert_eq!(found.doubt, None);
    assert_eq!(found.chain, [sha256(&pki.authority.der), sha256(&pki.root.der)]);
}

proptest! {
    /// Whatever comes is judged, in bounded time and without a panic.
    #[test]
    fn arbitrary_bytes_are_no_signature(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let signed = Signed { content: DOCUMENT, signature: &bytes };
        let nobody = Authorities::default();
        let judged = verify(signed, &Wanted::default(), &nobody, &Crls::default(), at(NOW));
        prop_assert!(judged.is_err());
    }

    /// The same for what almost is one: pieces of a sound signature cut out, doubled and changed.
    #[test]
    fn spoilt_signatures_never_panic_and_are_never_valid(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let (pki, sound) = sound();
        let mut bytes = sound.clone();
        for (place, byte, how) in cuts {
            let place = place.index(bytes.len().max(1));
            match how {
                0 => bytes.truncate(place),
                1 => bytes.insert(place.min(bytes.len()), byte),
                2 if place < bytes.len() => bytes[place] = byte,
                _ => { let tail = bytes[place.min(bytes.len())..].to_vec(); bytes.extend(tail.into_iter().take(64)); }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let judged = judge(pki, &pki.lists(), &bytes);
        prop_assert!(bytes == *sound || judged.is_err());
    }
}

/// One sound signature, made once.
fn sound() -> &'static (Pki, Vec<u8>) {
    static SOUND: std::sync::OnceLock<(Pki, Vec<u8>)> = std::sync::OnceLock::new();
    SOUND.get_or_init(|| {
        let pki = Pki::new();
        let signer = pki.authority.signer(&Person::default());
        let signature = Cms::by(&signer).sign(DOCUMENT);
        (pki, signature)
    })
}

/// Nested values are walked once: the time for the largest signature is bounded whatever is in it.
#[test]
fn the_largest_nonsense_is_judged_quickly() {
    let shallow: Vec<u8> =
        (0..MAX_SIGNATURE_BYTES / 4).flat_map(|_| [0x30, 0x02, 0x05, 0x00]).collect();
    let nested = (0..40).fold([0x05, 0x00].repeat(20_000), |within, _| tlv(0x30, &within));
    for bytes in [shallow, nested, vec![0x30; MAX_SIGNATURE_BYTES]] {
        let bytes = &bytes[..bytes.len().min(MAX_SIGNATURE_BYTES)];
        let started = std::time::Instant::now();
        let signed = Signed { content: DOCUMENT, signature: bytes };
        let nobody = Authorities::default();
        assert!(verify(signed, &Wanted::default(), &nobody, &Crls::default(), at(NOW)).is_err());
        assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
    }
}
