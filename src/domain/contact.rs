//! How a party is told outside its inbox: its people on duty by e-mail, its systems by webhook.
//!
//! A notification repeats what the inbox holds, so that somebody looks there. It carries no
//! personal data and asks for no answer; a party without a contact is told by its inbox alone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::ladder::{Channel, Rungs};
use super::party::PartyId;

/// The longest address, in bytes (RFC 5321, 4.5.3.1.3, without its angle brackets).
const MAX_ADDRESS_BYTES: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL_PART_BYTES: usize = 64;
/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// The longest address of a webhook, in bytes.
const MAX_URL_BYTES: usize = 2048;

named! {
    /// The language that a party's people read.
    Language, "a language", {
        /// Kazakh.
        Kazakh = 1 "kk",
        /// Russian.
        Russian = 2 "ru",
        /// English.
        English = 3 "en",
    }
}

/// Whom to tell, by party.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contacts {
    of: BTreeMap<PartyId, Contact>,
}

/// How one party is told. At least one of e-mail and webhook is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The addresses; each gets the same message.
    pub emails: Vec<EmailAddress>,
    /// Where its web server listens.
    pub webhook: Option<WebhookUrl>,
    /// What its people read.
    pub language: Language,
    /// The rungs of which it wants to be told beside its inbox.
    pub rungs: Rungs,
}

/// An address of e-mail: ASCII, without a display name, quotes or comments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EmailAddress(String);

/// The address of a party's web server: `https`, or plain `http` on this machine only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    /// Whether the connection is protected.
    pub secure: bool,
    /// The host, an address of IPv6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, with the leading slash.
    pub path: String,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address of e-mail.
    #[error("write an address such as duty@example.kz, in ASCII, without a name or brackets")]
    Email,
    /// Not the address of a web server.
    #[error("write an address such as https://example.kz/kopir, without user name and fragment")]
    Url,
    /// Plain HTTP to another machine.
    #[error("write https://; plain http:// is taken for this machine only, such as 127.0.0.1")]
    Insecure,
}

impl Contacts {
    /// The contacts of a registry.
    #[must_use]
    pub fn new(of: BTreeMap<PartyId, Contact>) -> Self {
        Self { of }
    }

    /// How a party is told; none for one that has its inbox only.
    #[must_use]
    pub fn get(&self, party: &PartyId) -> Option<&Contact> {
        self.of.get(party)
    }

    /// Every party that has a contact, with it.
    pub fn iter(&self) -> impl Iterator<Item = (&PartyId, &Contact)> {
        self.of.iter()
    }

    /// By which ways each party is told beside its inbox, and of which rungs.
    #[must_use]
    pub fn channels(&self) -> BTreeMap<PartyId, Vec<(Channel, Rungs)>> {
        let ways = |contact: &Contact| {
            let rungs = contact.rungs;
            contact.channels().map(|channel| (channel, rungs)).collect()
        };
        self.of.iter().map(|(party, contact)| (party.clone(), ways(contact))).collect()
    }
}

impl Contact {
    /// The channels there are, e-mail first.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + use<> {
        let email = (!self.emails.is_empty()).then_some(Channel::Email);
        let webhook = self.webhook.as_ref().map(|_| Channel::Webhook);
        email.into_iter().chain(webhook)
    }
}

impl EmailAddress {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Email)?;
        let atom = |part: &str| {
            let permitted =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
            !part.is_empty() && part.bytes().all(permitted)
        };
        let fits = text.len() <= MAX_ADDRESS_BYTES && local.len() <= MAX_LOCAL_PART_BYTES;
        if fits && local.split('.').all(atom) && is_host_name(domain) {
            return Ok(Self(text.to_owned()));
        }
        Err(AddressError::Email)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl WebhookUrl {
    /// The host and the port as a request names them.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Reads the address of a server whose answers prove themselves, so that plain `http` to any
    /// machine is taken.
    ///
    /// # Errors
    /// [`AddressError::Url`].
    pub fn of_self_proving(text: &str) -> Result<Self, AddressError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || text.len() > MAX_URL_BYTES || text.contains(['#', '\\']) {
            return Err(AddressError::Url);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Url)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(AddressError::Url),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = host_and_port(authority, if secure { 443 } else { 80 })?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, host, port, path })
    }
}

impl FromStr for WebhookUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Self::of_self_proving(text)?;
        if !url.secure && !is_loopback(&url.host) {
            return Err(AddressError::Insecure);
        }
        Ok(url)
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Whether a host is this machine by what it is written as; no name is looked up.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether a text is the name of a host or an IPv4 address: labels of letters, digits and hyphens.
#[must_use]
pub fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= MAX_HOST_BYTES && text.split('.').all(label)
}

fn host_and_port(authority: &str, default: u16) -> Result<(String, u16), AddressError> {
    let port = |text: &str| match text.parse() {
        Ok(0) | Err(_) => Err(AddressError::Url),
        Ok(port) => Ok(port),
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(AddressError::Url)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| AddressError::Url)?;
        let port = match rest.strip_prefix(':') {
            Some(text) => port(text)?,
            None if rest.is_empty() => default,
            None => return Err(AddressError::Url),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, text)) => (host, port(text)?),
        None => (authority, default),
    };
    if is_host_name(host) { Ok((host.to_owned(), port)) } else { Err(AddressError::Url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_permitted_form_read_back() {
        for text in ["duty@example.kz", "a.b+c@mail.gov.kz", "o'neil@xn--80ak6aa92e.kz", "a@b"] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().to_string(), text);
        }
        let address: EmailAddress = "duty@mail.example.kz".parse().unwrap();
        assert_eq!(address.domain(), "mail.example.kz");
    }

    #[test]
    fn addresses_that_could_smuggle_something_in_are_refused() {
        let long = format!("{}@example.kz", "a".repeat(65));
        for text in [
            "",
            "duty",
            "@example.kz",
            "duty@",
            "duty@@example.kz",
            "a..b@example.kz",
            ".a@example.kz",
            "Duty <duty@example.kz>",
            "duty@example.kz\r\nBcc: other@example.kz",
            "duty @example.kz",
            "\"d\"@example.kz",
            "дежурный@example.kz",
            "duty@пример.kz",
            "duty@example..kz",
            "duty@-example.kz",
            "a@example.kz,b@example.kz",
            &long,
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(AddressError::Email), "{text:?}");
        }
    }

    #[test]
    fn a_webhook_is_https_or_on_this_machine() {
        for (text, shown) in [
            ("https://example.kz", "https://example.kz:443/"),
            ("https://example.kz:8443/kopir?a=b", "https://example.kz:8443/kopir?a=b"),
            ("https://example.kz?a", "https://example.kz:443/?a"),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
            ("http://localhost/x", "http://localhost:80/x"),
            ("http://[::1]:9000/", "http://[::1]:9000/"),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse(), Ok(url));
        }
        for text in ["http://example.kz/", "http://10.0.0.1/", "http://127.0.0.1.example.kz/"] {
            assert_eq!(text.parse::<WebhookUrl>(), Err(AddressError::Insecure), "{text}");
        }
        for text in [
            "",
            "example.kz",
            "ftp://example.kz",
            "HTTPS://example.kz",
            "https://",
            "https:///path",
            "https://user:secret@example.kz/",
            "https://example.kz/#part",
            "https://example.kz:0/",
            "https://example.kz:99999/",
            "https://exa mple.kz/",
            "https://example.kz/\r\nX: y",
            "https://[::1/",
            "https://[::1]x/",
            "https://пример.kz/",
        ] {
            assert_eq!(text.parse::<WebhookUrl>(), Err(AddressError::Url), "{text:?}");
        }
    }
}
