//! OCSP (RFC 6960): an authority is asked whether one certificate is revoked.
//!
//! An answer counts if it is signed by the authority that issued the certificate, or by one that it
//! appointed for answers, is about this very certificate, and is in its time. Everything else, from
//! a responder that hangs to an answer about another serial number, leaves the certificate
//! undetermined, which the configuration judges.
//!
//! [`answer`] is pure: bytes, a [`Subject`] and a time go in. [`Answers`] holds what was answered,
//! in memory and in a file, and asks anew before an answer's time ends; [`fetch`] is its one call to
//! the outside. Whoever judges looks only at what is at hand; only a handshake or a signature of
//! which nothing is known waits, for the time of one call at most.
//!
//! The crate `x509-ocsp` is not used. It stands on an older `der` and `x509-cert`, which would be in
//! the program twice, and gives back what was signed only by writing it again; what is verified here
//! are the bytes that came.

pub mod answer;
pub mod fetch;
pub mod file;
mod shelf;
mod subject;
mod url;

pub use shelf::{Answers, OcspOptions, OcspState};
pub use subject::{Key, Subject, subjects};
pub use url::{ResponderUrl, UrlError};
