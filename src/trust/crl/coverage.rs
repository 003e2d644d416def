//! Which certificates of its authority a list is about: all, or those that its issuing distribution
//! point names (RFC 5280 §5.2.5).

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::revocation_list::CertificateRevocationList;

/// What a list covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    point: Option<Point>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Point {
    users_only: bool,
    authorities_only: bool,
    /// None where it names no distribution point, and so is about the certificates of all.
    names: Option<Vec<String>>,
}

impl Coverage {
    /// What a list says of itself.
    #[must_use]
    pub fn of(list: &CertificateRevocationList<'_>) -> Self {
        let point = list.extensions().iter().find_map(|extension| {
            let ParsedExtension::IssuingDistributionPoint(point) = extension.parsed_extension()
            else {
                return None;
            };
            Some(Point {
                users_only: point.only_contains_user_certs,
                authorities_only: point.only_contains_ca_certs,
                names: point.distribution_point.as_ref().map(names),
            })
        });
        Self { point }
    }

    /// Whether it is about this certificate of its authority. A part is, if the certificate names
    /// it as its distribution point, or either names none (RFC 5280 §6.3.3 (b) (2)).
    #[must_use]
    pub fn includes(&self, certificate: &X509Certificate<'_>) -> bool {
        let Some(point) = &self.point else { return true };
        let other_kind =
            if certificate.is_ca() { point.users_only } else { point.authorities_only };
        if other_kind {
            return false;
        }
        let Some(covered) = &point.names else { return true };
        let mut named = certificate.iter_extensions().filter_map(|extension| {
            let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension()
            else {
                return None;
            };
            let whole =
                points.iter().filter(|one| one.crl_issuer.is_none() && one.reasons.is_none());
            Some(whole.filter_map(|one| one.distribution_point.as_ref()).flat_map(names).collect())
        });
        named.next().is_none_or(|of: Vec<String>| of.iter().any(|name| covered.contains(name)))
    }
}

fn names(of: &DistributionPointName<'_>) -> Vec<String> {
    let DistributionPointName::FullName(names) = of else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| {
        let GeneralName::URI(uri) = name else { return None };
        Some((*uri).to_owned())
    };
    names.iter().filter_map(uri).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CrlDistributionPoint, KeyPair};
    use x509_parser::prelude::FromDer;

    use super::*;

    #[test]
    fn a_part_that_names_no_point_is_about_the_certificates_of_all() {
        let mut params = CertificateParams::default();
        let uris = vec!["http://crl.example/1.crl".to_owned()];
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: uris.clone() }];
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(made.der()).unwrap();
        let covers = |names, authorities_only: bool| {
            let point = Point { users_only: !authorities_only, authorities_only, names };
            Coverage { point: Some(point) }.includes(&certificate)
        };
        assert!(covers(None, false) && covers(Some(uris), false));
        assert!(!covers(None, true));
        assert!(!covers(Some(vec!["http://crl.example/2.crl".to_owned()]), false));
        assert!(!covers(Some(Vec::new()), false));
    }
}
