//! From a peer's certificate to the party behind it.
//!
//! The handshake has proven that a trusted authority signed the certificate
//! and that the peer holds its key; what remains is whom the certificate
//! names: by its SAN URIs under `urn:kopir:party:`, by its own hash, where the
//! registry lists it, or by the BIN that the national certification centre
//! (НУЦ РК) puts into the subject. The subject's common name is free text that
//! authorities fill in as they like, so it is never looked at.

use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::OID_X509_SERIALNUMBER;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::party::{
    Bin, CertificateHash, IDENTITY_PREFIX, IdentityUri, Parties, Party, PartyId,
};

/// The SAN URI of the bus's own certificate, by which a party's endpoint tells the bus from
/// whoever else holds a certificate of the same authority.
pub const BUS_IDENTITY: &str = "urn:kopir:bus";

/// Why a certificate stands for no party. Each is the peer's fault or a gap in
/// the registry; none passes by trying again with the same certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The bytes are not one X.509 certificate with sound extensions.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// Nothing in it names a party.
    #[error(
        "the certificate has no SAN URI urn:kopir:party:<id>, no BIN, and is not listed by its hash; \
         have it issued with one, or listed"
    )]
    Absent,
    /// A SAN URI begins so and does not go on as a party name.
    #[error("a SAN URI of the certificate begins urn:kopir:party: and names no possible party")]
    Malformed,
    /// The registry gives the identity to nobody.
    #[error(
        "no party of the registry has the identity {identity}; add it or use another certificate"
    )]
    Unknown {
        /// The identity.
        identity: IdentityUri,
    },
    /// The registry gives the BIN to nobody.
    #[error("no party of the registry has the BIN {bin}; add it or use another certificate")]
    UnknownBin {
        /// The number.
        bin: Bin,
    },
    /// It lacks an extended key usage that it needs to have.
    #[error("the certificate lacks the extended key usage {usage}; have it issued for systems")]
    Usage {
        /// The usage.
        usage: Usage,
    },
    /// The registry lists the party's certificates, and not this one.
    #[error(
        "the registry lists the certificates of {party}, and this is none of them; list its SHA-256 there"
    )]
    NotListed {
        /// The party that it names.
        party: PartyId,
    },
    /// The identities belong to different parties, so it is unclear who acts.
    #[error("the certificate stands for {first} and for {second}; it must stand for one party")]
    Ambiguous {
        /// The party of the first identity.
        first: PartyId,
        /// The party of a later one.
        second: PartyId,
    },
}

/// By what a certificate may stand for a party, beside the registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The extended key usages that a certificate must have which names its party by a BIN alone.
    /// The national certification centre writes the BIN of an organisation into the certificates of
    /// all its employees, and marks those of its systems with 1.2.398.3.3.4.1.2.6.
    pub bin_usages: Vec<Usage>,
}

/// The object identifier of an extended key usage, `1.2.398.3.3.4.1.2.6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage(String);

impl Usage {
    /// The usage of the clients of TLS (RFC 5280 §4.2.1.12).
    pub const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
    /// The usage by which the national certification centre marks information systems.
    pub const INFORMATION_SYSTEM: &str = "1.2.398.3.3.4.1.2.6";

    /// Reads one; none where it is no object identifier.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let arcs: Vec<&str> = text.split('.').collect();
        let is_arc = |arc: &&str| {
            (1..=10).contains(&arc.len())
                && arc.bytes().all(|c| c.is_ascii_digit())
                && (*arc == "0" || !arc.starts_with('0'))
        };
        let sound = (3..=20).contains(&arcs.len()) && arcs.iter().all(is_arc);
        (sound && matches!(arcs[0], "0" | "1" | "2")).then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The party a verified end-entity certificate stands for, with the default profile.
///
/// # Errors
/// As [`Profile::party_of`].
pub fn party_of<'p>(
    certificate: &CertificateDer<'_>,
    parties: &'p Parties,
) -> Result<&'p Party, IdentityError> {
    Profile::default().party_of(certificate, parties)
}

impl Profile {
    /// The party a verified end-entity certificate stands for.
    ///
    /// Every party URN in it must be in the registry, not only one: an identity unknown today may
    /// be another party's tomorrow. Whatever else names a party, its hash or a BIN, must name the
    /// same one.
    ///
    /// # Errors
    /// [`IdentityError`]; the peer is to be refused whatever the variant.
    pub fn party_of<'p>(
        &self,
        certificate: &CertificateDer<'_>,
        parties: &'p Parties,
    ) -> Result<&'p Party, IdentityError> {
        let parsed = parse(certificate)?;
        let mut found: Option<&Party> = None;
        for identity in urns(&parsed)? {
            let party = parties.by_identity(&identity);
            found = one(found, Some(party.ok_or(IdentityError::Unknown { identity })?))?;
        }
        let hash = hash(certificate);
        found = one(found, parties.by_certificate(&hash))?;
        let is_named = found.is_some();
        let bins = bins(&parsed);
        for bin in &bins {
            found = one(found, parties.by_bin(bin))?;
        }
        let party = match (found, bins.first()) {
            (Some(party), _) => party,
            (None, Some(bin)) => return Err(IdentityError::UnknownBin { bin: *bin }),
            (None, None) => return Err(IdentityError::Absent),
        };
        if !is_named {
            check_usages(&parsed, &self.bin_usages)?;
        }
        if !party.certificates.is_empty() && !party.certificates.contains(&hash) {
            return Err(IdentityError::NotListed { party: party.id.clone() });
        }
        Ok(party)
    }
}

/// Whether a certificate has all of these extended key usages.
///
/// # Errors
/// [`IdentityError::Usage`] with the first that it lacks, or [`IdentityError::Unreadable`].
pub fn check_usages(
    certificate: &X509Certificate<'_>,
    wanted: &[Usage],
) -> Result<(), IdentityError> {
    let found = certificate.extended_key_usage().map_err(|_| IdentityError::Unreadable)?;
    let found = found.map(|extension| extension.value);
    let has = |usage: &Usage| {
        found.is_some_and(|found| match usage.0.as_str() {
            "1.3.6.1.5.5.7.3.1" => found.server_auth,
            Usage::CLIENT => found.client_auth,
            "1.3.6.1.5.5.7.3.3" => found.code_signing,
            "1.3.6.1.5.5.7.3.4" => found.email_protection,
            "1.3.6.1.5.5.7.3.8" => found.time_stamping,
            "1.3.6.1.5.5.7.3.9" => found.ocsp_signing,
            other => found.other.iter().any(|oid| oid.to_id_string() == other),
        })
    };
    match wanted.iter().find(|usage| !has(usage)) {
        Some(usage) => Err(IdentityError::Usage { usage: usage.clone() }),
        None => Ok(()),
    }
}

/// The identities a certificate names by URN, in its order; at least one.
///
/// # Errors
/// [`IdentityError`] of the kinds that need no registry.
pub fn identities(certificate: &CertificateDer<'_>) -> Result<Vec<IdentityUri>, IdentityError> {
    let found = urns(&parse(certificate)?)?;
    if found.is_empty() {
        return Err(IdentityError::Absent);
    }
    Ok(found)
}

/// Whether a certificate is the bus's own, by its SAN URI [`BUS_IDENTITY`]; `None` where it names
/// neither the bus nor a party, as those do that were issued before the bus had a name.
///
/// # Errors
/// [`IdentityError::Unreadable`], [`IdentityError::Malformed`].
pub fn is_bus(certificate: &CertificateDer<'_>) -> Result<Option<bool>, IdentityError> {
    let parsed = parse(certificate)?;
    let names_bus = uris(&parsed)?.contains(&BUS_IDENTITY);
    let names_party = !urns(&parsed)?.is_empty();
    Ok(match (names_bus, names_party) {
        (true, false) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    })
}

/// The SHA-256 of a certificate.
#[must_use]
pub fn hash(certificate: &CertificateDer<'_>) -> CertificateHash {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    CertificateHash(hash)
}

/// The certificate, if the bytes are one and nothing else.
pub(super) fn parse<'c>(
    certificate: &'c CertificateDer<'_>,
) -> Result<X509Certificate<'c>, IdentityError> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) | Err(_) => Err(IdentityError::Unreadable),
    }
}

fn uris<'c>(parsed: &'c X509Certificate<'_>) -> Result<Vec<&'c str>, IdentityError> {
    // An error here is a second SAN extension, which no sound certificate has.
    let names = parsed.subject_alternative_name().map_err(|_| IdentityError::Unreadable)?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    Ok(names
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .collect())
}

fn urns(parsed: &X509Certificate<'_>) -> Result<Vec<IdentityUri>, IdentityError> {
    let uris = uris(parsed)?.into_iter().filter(|uri| uri.starts_with(IDENTITY_PREFIX));
    uris.map(|uri| uri.parse().map_err(|_| IdentityError::Malformed)).collect()
}

/// The BINs of the subject: an organisational unit or a serial number that is `BIN` and twelve
/// digits. What only looks like one names nobody.
fn bins(parsed: &X509Certificate<'_>) -> Vec<Bin> {
    let subject = parsed.subject();
    let units = subject.iter_organizational_unit();
    let serials = subject.iter_by_oid(&OID_X509_SERIALNUMBER);
    let texts = units.chain(serials).filter_map(|value| value.as_str().ok());
    texts.filter_map(|text| text.strip_prefix("BIN")?.parse().ok()).collect()
}

/// One party for all that names one.
fn one<'p>(
    first: Option<&'p Party>,
    then: Option<&'p Party>,
) -> Result<Option<&'p Party>, IdentityError> {
    match (first, then) {
        (Some(first), Some(second)) if first.id != second.id => {
            Err(IdentityError::Ambiguous { first: first.id.clone(), second: second.id.clone() })
        }
        (first, then) => Ok(first.or(then)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{
        CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
    };

    use super::*;
    use crate::trust::registry;

    fn parties() -> Parties {
        let text = r#"
            version = 1
            [[party]]
            id = "committee"
            role = "migration-body"
            zone = "Asia/Almaty"
            names = { kk = "Комитет", ru = "Комитет", en = "Committee" }
            [[party]]
            id = "mission-uz"
            role = "foreign-mission"
            zone = "Asia/Tashkent"
            names = { kk = "Елшілік", ru = "Посольство", en = "Embassy" }
            identities = ["urn:kopir:party:mission-uz", "urn:kopir:party:mission-uz-two"]
            bin = "990140000007"
        "#;
        registry::parse(Path::new("parties.toml"), text).unwrap()
    }

    fn certificate(uris: &[&str]) -> CertificateDer<'static> {
        certificate_with(|params| {
            params.subject_alt_names =
                uris.iter().map(|&uri| SanType::URI(uri.try_into().unwrap())).collect();
        })
    }

    fn certificate_with(fill: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "urn:kopir:party:committee");
        fill(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn found(uris: &[&str]) -> Result<String, IdentityError> {
        let parties = parties();
        party_of(&certificate(uris), &parties).map(|party| party.id.to_string())
    }

    #[test]
    fn party_urns_lead_to_their_party() {
        assert_eq!(found(&["urn:kopir:party:mission-uz"]).unwrap(), "mission-uz");
        assert_eq!(found(&["urn:kopir:party:mission-uz-two"]).unwrap(), "mission-uz");
        let both = ["urn:kopir:party:mission-uz", "urn:kopir:party:mission-uz-two"];
        assert_eq!(found(&both).unwrap(), "mission-uz");
        let beside = ["https://example.org/x", "urn:kopir:party:committee"];
        assert_eq!(found(&beside).unwrap(), "committee");
    }

    #[test]
    fn a_certificate_without_party_urn_stands_for_nobody() {
        assert_eq!(found(&[]), Err(IdentityError::Absent));
        for uri in
            ["https://example.org", "urn:kopir:system:mission-uz", "URN:KOPIR:PARTY:committee"]
        {
            assert_eq!(found(&[uri]), Err(IdentityError::Absent), "{uri}");
        }
    }

    #[test]
    fn the_common_name_and_other_name_forms_do_not_count() {
        let by_dns = certificate_with(|params| {
            params.subject_alt_names =
                vec![SanType::DnsName("urn:kopir:party:committee".try_into().unwrap())];
        });
        assert_eq!(party_of(&by_dns, &parties()), Err(IdentityError::Absent));
    }

    #[test]
    fn unclear_identities_are_refused() {
        assert_eq!(
            found(&["urn:kopir:party:mission-uz", "urn:kopir:party:committee"]),
            Err(IdentityError::Ambiguous {
                first: "mission-uz".parse().unwrap(),
                second: "committee".parse().unwrap(),
            })
        );
        let identity: IdentityUri = "urn:kopir:party:mission-xx".parse().unwrap();
        let unknown = Err(IdentityError::Unknown { identity });
        assert_eq!(found(&["urn:kopir:party:mission-xx"]), unknown);
        assert_eq!(found(&["urn:kopir:party:committee", "urn:kopir:party:mission-xx"]), unknown);
        for uri in ["urn:kopir:party:", "urn:kopir:party:Committee", "urn:kopir:party:committee\n"]
        {
            assert_eq!(found(&[uri]), Err(IdentityError::Malformed), "{uri:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let parties = parties();
        let sound = certificate(&["urn:kopir:party:committee"]);
        let trailed = [sound.as_ref(), &[0]].concat();
        let cut = &sound[..sound.len() - 1];
        for bytes in [&[][..], b"certificate", cut, &trailed] {
            let der = CertificateDer::from(bytes);
            assert_eq!(party_of(&der, &parties), Err(IdentityError::Unreadable));
        }
    }

    /// Two SAN extensions would let two readers see two parties.
    #[test]
    fn a_second_san_extension_is_refused() {
        let uri = b"urn:kopir:party:committee";
        let length = u8::try_from(uri.len()).unwrap();
        let content = [&[0x30, length + 2, 0x86, length], &uri[..]].concat();
        let doubled = certificate_with(|params| {
            params.subject_alt_names =
                vec![SanType::URI("urn:kopir:party:mission-uz".try_into().unwrap())];
            params.custom_extensions =
                vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], content)];
        });
        assert_eq!(party_of(&doubled, &parties()), Err(IdentityError::Unreadable));
    }

    const SYSTEM: [u64; 9] = [1, 2, 398, 3, 3, 4, 1, 2, 6];

    fn of_centre(subject: &[(DnType, &str)], usages: &[&[u64]]) -> CertificateDer<'static> {
        certificate_with(|params| {
            for (kind, value) in subject {
                params.distinguished_name.push(kind.clone(), *value);
            }
            params.extended_key_usages =
                usages.iter().map(|oid| ExtendedKeyUsagePurpose::Other(oid.to_vec())).collect();
        })
    }

    fn serial_number() -> DnType {
        DnType::CustomDnType(vec![2, 5, 4, 5])
    }

    #[test]
    fn a_certificate_of_the_national_centre_is_known_by_its_bin() {
        let profile =
            Profile { bin_usages: vec![Usage::parse(Usage::INFORMATION_SYSTEM).unwrap()] };
        let parties = parties();
        let found = |subject: &[(DnType, &str)], usages: &[&[u64]]| {
            let certificate = of_centre(subject, usages);
            profile.party_of(&certificate, &parties).map(|party| party.id.to_string())
        };
        let unit = || DnType::OrganizationalUnitName;
        for kind in [unit(), serial_number()] {
            let of = found(&[(kind, "BIN990140000007")], &[&SYSTEM]);
            assert_eq!(of.unwrap(), "mission-uz");
        }
        // An employee of the same organisation has its BIN too, and is no system of it.
        let employee = found(&[(unit(), "BIN990140000007")], &[&[1, 2, 398, 3, 3, 4, 1, 2, 5]]);
        assert!(matches!(employee, Err(IdentityError::Usage { .. })), "{employee:?}");
        assert!(matches!(
            found(&[(unit(), "BIN990140000007")], &[]),
            Err(IdentityError::Usage { .. })
        ));
        let unknown = found(&[(unit(), "BIN010240000008")], &[&SYSTEM]);
        let bin = "010240000008".parse().unwrap();
        assert_eq!(unknown, Err(IdentityError::UnknownBin { bin }));
        // Without the letters, mistyped, or a person's number, it names nobody.
        for text in ["990140000007", "BIN990140000008", "IIN990140000007", "BIN 990140000007"] {
            let none = found(&[(unit(), text)], &[&SYSTEM]);
            assert_eq!(none, Err(IdentityError::Absent), "{text}");
        }
    }

    #[test]
    fn a_bin_and_a_urn_of_two_parties_are_refused_by_name() {
        let certificate = certificate_with(|params| {
            params.distinguished_name.push(DnType::OrganizationalUnitName, "BIN990140000007");
            params.subject_alt_names =
                vec![SanType::URI("urn:kopir:party:committee".try_into().unwrap())];
        });
        let refusal = party_of(&certificate, &parties()).unwrap_err();
        assert!(matches!(refusal, IdentityError::Ambiguous { .. }), "{refusal}");
        let told = refusal.to_string();
        assert!(told.contains("committee") && told.contains("mission-uz"), "{told}");
    }

    #[test]
    fn a_party_that_lists_its_certificates_is_known_by_those_alone() {
        let (old, new) = (certificate(&[]), certificate(&["urn:kopir:party:mission-uz"]));
        let late = certificate(&["urn:kopir:party:mission-uz"]);
        let listed = |hashes: &[CertificateHash]| {
            let hashes: Vec<_> = hashes.iter().map(|hash| format!("\"{hash}\"")).collect();
            let text = format!(
                r#"
                version = 1
                [[party]]
                id = "committee"
                role = "migration-body"
                zone = "Asia/Almaty"
                names = {{ kk = "Комитет", ru = "Комитет", en = "Committee" }}
                [[party]]
                id = "mission-uz"
                role = "foreign-mission"
                zone = "Asia/Tashkent"
                names = {{ kk = "Елшілік", ru = "Посольство", en = "Embassy" }}
                certificates = [{}]
                "#,
                hashes.join(", ")
            );
            registry::parse(Path::new("parties.toml"), &text).unwrap()
        };
        let both = listed(&[hash(&old), hash(&new)]);
        for certificate in [&old, &new] {
            assert_eq!(party_of(certificate, &both).unwrap().id.as_str(), "mission-uz");
        }
        let refusal = party_of(&late, &both).unwrap_err();
        assert!(refusal.to_string().contains("none of them"), "{refusal}");
        // After the overlap the old one is nobody's.
        let one = listed(&[hash(&new)]);
        assert_eq!(party_of(&old, &one), Err(IdentityError::Absent));
        assert!(party_of(&new, &one).is_ok());
    }

    #[test]
    fn usages_are_object_identifiers() {
        for text in [Usage::CLIENT, Usage::INFORMATION_SYSTEM, "0.9.2342", "2.5.29.37.0"] {
            assert_eq!(Usage::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1", "1.2", "3.1.2", "1.2.x", "1..2", "1.2.03", "client-auth", "1.2.3."] {
            assert_eq!(Usage::parse(text), None, "{text}");
        }
    }
}
