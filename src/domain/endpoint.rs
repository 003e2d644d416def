//! Where a party's own system takes deliveries from the bus.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest url, in bytes.
pub const MAX_URL_BYTES: usize = 200;

const SCHEME: &str = "https://";

/// The longest host name (RFC 1035), in bytes.
const MAX_HOST_BYTES: usize = 253;

/// The url of an endpoint: `https://`, a host in lower case and a port, and nothing else. One
/// endpoint is written in one way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    text: String,
    /// Where the host ends and the colon before the port stands.
    colon: usize,
    port: u16,
}

/// Why a text is no url of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Empty or overlong.
    #[error("must be a url of 1 to {MAX_URL_BYTES} bytes")]
    Length,
    /// Another scheme than https, or none.
    #[error("must begin with https://")]
    Scheme,
    /// A user, a path, a query or a fragment.
    #[error("must have a host and a port only: no user, path, query or fragment")]
    Parts,
    /// No port, or none that can be connected to.
    #[error("must end with the port, 1 to 65535, for example https://agency.example.kz:8443")]
    Port,
    /// No DNS name in lower case and no IP address.
    #[error("must name a host by its DNS name in lower case or by its IP address")]
    Host,
}

impl EndpointUrl {
    /// The url.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The DNS name or the IP address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let host = self.text.get(SCHEME.len()..self.colon).unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for EndpointUrl {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if !(1..=MAX_URL_BYTES).contains(&text.len()) {
            return Err(EndpointError::Length);
        }
        let authority = text.strip_prefix(SCHEME).ok_or(EndpointError::Scheme)?;
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(EndpointError::Parts);
        }
        let (host, port) = authority.rsplit_once(':').ok_or(EndpointError::Port)?;
        let digits = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|_| digits && !port.starts_with('0'));
        let port = number.ok_or(EndpointError::Port)?;
        if !is_host(host) {
            return Err(EndpointError::Host);
        }
        Ok(Self { text: text.to_owned(), colon: SCHEME.len() + host.len(), port })
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // What ends in a number is an address or nothing, as in the URL standard.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.len() <= MAX_HOST_BYTES && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_told_apart() {
        for (text, host, port) in [
            ("https://agency.example.kz:8443", "agency.example.kz", 8443),
            ("https://localhost:1", "localhost", 1),
            ("https://10.0.0.7:65535", "10.0.0.7", 65535),
            ("https://[::1]:443", "::1", 443),
            ("https://a-1.xn--80ao21a:443", "a-1.xn--80ao21a", 443),
        ] {
            let url: EndpointUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port(), url.as_str()), (host, port, text));
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_by_its_first_fault() {
        use EndpointError::{Host, Length, Parts, Port, Scheme};
        let long = format!("https://{}:8443", "a".repeat(MAX_URL_BYTES));
        let label = format!("https://{}:8443", "a".repeat(64));
        for (text, fault) in [
            ("", Length),
            (&long, Length),
            ("http://agency.example.kz:80", Scheme),
            ("HTTPS://agency.example.kz:443", Scheme),
            ("agency.example.kz:443", Scheme),
            ("https://user@agency.example.kz:443", Parts),
            ("https://agency.example.kz:443/", Parts),
            ("https://agency.example.kz:443/deliver", Parts),
            ("https://agency.example.kz:443?a=b", Parts),
            ("https://agency.example.kz:443#a", Parts),
            ("https://agency.example.kz", Port),
            ("https://agency.example.kz:", Port),
            ("https://agency.example.kz:0", Port),
            ("https://agency.example.kz:0443", Port),
            ("https://agency.example.kz:65536", Port),
            ("https://agency.example.kz:+443", Port),
            ("https://Agency.example.kz:443", Host),
            ("https://agency..kz:443", Host),
            ("https://-agency.kz:443", Host),
            ("https://agency .kz:443", Host),
            ("https://ақпарат.kz:443", Host),
            ("https://10.0.0.256:443", Host),
            ("https://1:443", Host),
            ("https://[::g]:443", Host),
            ("https://::1:443", Host),
            ("https://:443", Host),
            (&label, Host),
        ] {
            assert_eq!(text.parse::<EndpointUrl>(), Err(fault), "{text}");
        }
    }
}
