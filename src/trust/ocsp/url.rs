//! Where a responder is.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// The longest address that is taken, in bytes.
const MAX_BYTES: usize = 512;

/// The address of a responder: plain HTTP, since an answer is signed and a question is no secret
/// (RFC 6960 §A.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderUrl {
    /// Its host, an address of IPv6 without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path and the query.
    pub path: String,
}

/// What is no address of a responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an address such as http://ocsp.example.kz/, plain HTTP, without user name and fragment"
)]
pub struct UrlError;

impl ResponderUrl {
    /// The host with its port, as a request names it.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for ResponderUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES || text.contains('#') {
            return Err(UrlError);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError)?;
        let authority = uri.authority().ok_or(UrlError)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(UrlError);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.is_empty() { "/" } else { path };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

impl fmt::Display for ResponderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_http_and_nothing_else() {
        for (text, told) in [
            ("http://ocsp.example.kz", "http://ocsp.example.kz:80/"),
            ("http://127.0.0.1:8080/ocsp?a=b", "http://127.0.0.1:8080/ocsp?a=b"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
        ] {
            assert_eq!(text.parse::<ResponderUrl>().unwrap().to_string(), told);
        }
        for text in [
            "",
            "/ocsp",
            "ocsp.example.kz",
            "https://ocsp.example.kz/",
            "ldap://ocsp.example.kz/",
            "file:///etc/passwd",
            "http://user@ocsp.example.kz/",
            "http://ocsp.example.kz/#a",
            "http://",
        ] {
            assert_eq!(text.parse::<ResponderUrl>(), Err(UrlError), "{text}");
        }
        let long = format!("http://example.kz/{}", "a".repeat(MAX_BYTES));
        assert_eq!(long.parse::<ResponderUrl>(), Err(UrlError));
    }
}
