//! Whom the bus believes, and why.
//!
//! A peer is believed because a configured authority signed its certificate
//! ([`tls`]), the certificate names an identity ([`identity`]) and the party
//! registry maps that identity to a party ([`registry`]). A gap anywhere in
//! that chain is a refusal. [`issue`] makes certificates for development and
//! tests; [`pem`] is the one place that reads keys and certificates from disk,
//! and [`secret`] the one that reads passwords and the keys of webhooks.

pub mod applicants;
pub mod crl;
pub mod identity;
pub mod issue;
pub mod live;
pub mod ocsp;
pub mod pem;
mod proof;
pub mod registry;
pub mod secret;
pub mod signature;
mod standing;
pub mod tls;
pub mod watch;
