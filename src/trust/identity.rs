//! From a peer's certificate to the party behind it.
//!
//! The handshake has proven that a trusted authority signed the certificate
//! and that the peer holds its key; what remains is whom the certificate
//! names. Only its SAN URIs under `urn:kopir:party:` count. The subject's
//! common name is free text that authorities fill in as they like, so it is
//! never looked at.

use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::party::{IDENTITY_PREFIX, IdentityUri, Parties, Party, PartyId};

/// Why a certificate stands for no party. Each is the peer's fault or a gap in
/// the registry; none passes by trying again with the same certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The bytes are not one X.509 certificate with sound extensions.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No SAN URI begins with `urn:kopir:party:`.
    #[error("the certificate has no SAN URI urn:kopir:party:<id>; have it issued with one")]
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
    /// The identities belong to different parties, so it is unclear who acts.
    #[error("the certificate stands for {first} and for {second}; it must stand for one party")]
    Ambiguous {
        /// The party of the first identity.
        first: PartyId,
        /// The party of a later one.
        second: PartyId,
    },
}

/// The party a verified end-entity certificate stands for.
///
/// Every party URN in it must be in the registry, not only one: an identity
/// unknown today may be another party's tomorrow.
///
/// # Errors
/// [`IdentityError`]; the peer is to be refused whatever the variant.
pub fn party_of<'p>(
    certificate: &CertificateDer<'_>,
    parties: &'p Parties,
) -> Result<&'p Party, IdentityError> {
    let mut found: Option<&Party> = None;
    for identity in identities(certificate)? {
        let Some(party) = parties.by_identity(&identity) else {
            return Err(IdentityError::Unknown { identity });
        };
        match found {
            Some(first) if first.id != party.id => {
                return Err(IdentityError::Ambiguous {
                    first: first.id.clone(),
                    second: party.id.clone(),
                });
            }
            Some(_) | None => found = Some(party),
        }
    }
    found.ok_or(IdentityError::Absent)
}

/// The identities a certificate names, in its order; at least one.
///
/// # Errors
/// [`IdentityError`] of the kinds that need no registry.
pub fn identities(certificate: &CertificateDer<'_>) -> Result<Vec<IdentityUri>, IdentityError> {
    let (rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| IdentityError::Unreadable)?;
    if !rest.is_empty() {
        return Err(IdentityError::Unreadable);
    }
    // An error here is a second SAN extension, which no sound certificate has.
    let names = parsed
        .subject_alternative_name()
        .map_err(|_| IdentityError::Unreadable)?
        .ok_or(IdentityError::Absent)?;
    let mut found = Vec::new();
    for name in &names.value.general_names {
        if let GeneralName::URI(uri) = name
            && uri.starts_with(IDENTITY_PREFIX)
        {
            found.push(uri.parse().map_err(|_| IdentityError::Malformed)?);
        }
    }
    if found.is_empty() {
        return Err(IdentityError::Absent);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType};

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
}
