//! The keys of `[notify]`: how parties are told outside their inboxes, and what must be at hand for
//! that before the bus starts.

use std::path::PathBuf;
use std::time::Duration;

use super::Config;
use super::error::{ConfigError, NotifyFault};
use super::file::{Reader, count, number, seconds};
use super::raw::{RawNotify, RawSmtp};
use crate::domain::contact::{is_host_name, is_loopback};
use crate::domain::party::Parties;
use crate::notify::{Caller, Mailer, NotifyOptions, Policy, SetupError, SmtpOptions, SmtpTls};
use crate::trust::registry::{self, ContactBook};
use crate::trust::secret::Secret;
use crate::trust::tls::Outgoing;

/// How parties are told outside their inboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Bounds.
    pub options: NotifyOptions,
    /// The authorities of the mail server and of the parties' web servers; none for those that the
    /// machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The mail server; none where no letters are sent.
    pub smtp: Option<Smtp>,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Where it is and how it is spoken to.
    pub options: SmtpOptions,
    /// The file of the password, where it asks for one.
    pub password_file: Option<PathBuf>,
}

/// What the notifications need, read from the files that configuration and registry name.
#[derive(Debug)]
pub struct Notifications {
    /// Whom to tell, and the keys of the webhooks.
    pub book: ContactBook,
    /// Sends letters.
    pub mailer: Option<Mailer>,
    /// Calls web servers.
    pub caller: Caller,
}

impl Reader<'_> {
    pub(super) fn notify(&self, raw: RawNotify) -> Result<Notify, ConfigError> {
        let RawNotify {
            give_up_after_hours,
            backoff_min_seconds,
            backoff_max_seconds,
            max_in_flight,
            webhook_timeout_seconds,
            ca_file,
            smtp,
        } = raw;
        let give_up = number("notify.give_up_after_hours", 48, 1, 720);
        let least = number("notify.backoff_min_seconds", 5, 1, 3_600);
        let most = number("notify.backoff_max_seconds", 900, 1, 86_400);
        let in_flight = number("notify.max_in_flight", 16, 2, 256);
        let timeout = number("notify.webhook_timeout_seconds", 10, 1, 120);
        let give_up = self.number(give_up_after_hours, give_up)?;
        let (least, most) =
            (self.number(backoff_min_seconds, least)?, self.number(backoff_max_seconds, most)?);
        if most < least {
            return Err(ConfigError::TooSmall {
                file: self.file.to_owned(),
                key: "notify.backoff_max_seconds",
                found: most.into(),
                because: "the first wait is notify.backoff_min_seconds",
                least: least.into(),
            });
        }
        let ca_example = "ca_file = \"../certs/outside.pem\"";
        let ca_file = ca_file.map(|path| self.path("notify.ca_file", Some(path), ca_example));
        let options = NotifyOptions {
            policy: Policy {
                backoff_min: seconds(least),
                backoff_max: seconds(most),
                give_up_after: Duration::from_secs(u64::from(give_up) * 3_600),
            },
            max_in_flight: count(self.number(max_in_flight, in_flight)?),
            webhook_timeout: seconds(self.number(webhook_timeout_seconds, timeout)?),
        };
        let smtp = smtp.map(|smtp| self.smtp(smtp)).transpose()?;
        Ok(Notify { options, ca_file: ca_file.transpose()?, smtp })
    }

    fn smtp(&self, raw: RawSmtp) -> Result<Smtp, ConfigError> {
        let RawSmtp { host, port, tls, from, username, password_file, timeout_seconds } = raw;
        let (host_key, example) = ("notify.smtp.host", "host = \"mail.example.kz\"");
        let host = host.ok_or_else(|| self.missing(host_key, example))?;
        if !is_host_name(&host) && host.parse::<std::net::IpAddr>().is_err() {
            return Err(self.value(host_key, &host, "a host name or an address", example));
        }
        let (tls_key, example) = ("notify.smtp.tls", "tls = \"starttls\"");
        let (tls, usual_port) = match tls.as_deref() {
            None | Some("starttls") => (SmtpTls::StartTls, 587),
            Some("implicit") => (SmtpTls::Implicit, 465),
            Some("none") if is_loopback(&host) => (SmtpTls::None, 25),
            Some("none") => {
                let wanted =
                    "possible to another machine, where letters and password could be read";
                return Err(self.value(tls_key, "none", wanted, example));
            }
            Some(other) => {
                return Err(self.value(tls_key, other, "starttls, implicit or none", example));
            }
        };
        let port = self.number(port, number("notify.smtp.port", usual_port, 1, 65_535))?;
        let (from_key, example) = ("notify.smtp.from", "from = \"kopir@example.kz\"");
        let from = from.ok_or_else(|| self.missing(from_key, example))?;
        let from = from
            .parse()
            .map_err(|_| self.value(from_key, &from, "an address of e-mail", example))?;
        let password_key = "notify.smtp.password_file";
        let example = "password_file = \"smtp.password\"";
        let password_file = match (&username, password_file) {
            (None, None) => None,
            (Some(_), file) => Some(self.path(password_key, file, example)?),
            (None, Some(_)) => {
                return Err(self.missing("notify.smtp.username", "username = \"kopir\""));
            }
        };
        let timeout = number("notify.smtp.timeout_seconds", 30, 1, 300);
        let timeout = seconds(self.number(timeout_seconds, timeout)?);
        // The range ends where the type does.
        let port = u16::try_from(port).unwrap_or(u16::MAX);
        let options = SmtpOptions { host, port, tls, from, username, timeout };
        Ok(Smtp { options, password_file })
    }
}

impl Config {
    /// Reads what the notifications need: the contacts of the registry, the secrets, and the
    /// authorities of the servers that are spoken to.
    pub(super) fn notifications(&self, parties: &Parties) -> Result<Notifications, ConfigError> {
        let refused = |key, why| ConfigError::Notify { file: self.file.clone(), key, why };
        let Notify { options, ca_file, smtp } = &self.notify;
        let book = registry::contacts(&self.registry_file, parties)
            .map_err(|why| ConfigError::Registry { file: self.file.clone(), why: Box::new(why) })?;
        let by_mail = book.contacts.iter().find(|(_, contact)| !contact.emails.is_empty());
        if let (None, Some((party, _))) = (smtp, by_mail) {
            return Err(refused("notify.smtp", NotifyFault::NoMailServer(party.clone())));
        }
        let is_secure = |tls| match tls {
            SmtpTls::StartTls | SmtpTls::Implicit => true,
            SmtpTls::None => false,
        };
        let webhooks = book.contacts.iter().filter_map(|(_, contact)| contact.webhook.as_ref());
        let needs_tls = webhooks.into_iter().any(|webhook| webhook.secure)
            || smtp.as_ref().is_some_and(|smtp| is_secure(smtp.options.tls));
        let authorities = needs_tls
            .then(|| Outgoing::new(ca_file.as_deref()))
            .transpose()
            .map_err(|why| refused("notify.ca_file", NotifyFault::Authorities(Box::new(why))))?;
        let mailer = smtp.as_ref().map(|Smtp { options, password_file }| {
            let password = password_file.as_deref().map(Secret::read).transpose();
            let password = password.map_err(|why| {
                refused("notify.smtp.password_file", NotifyFault::Secret(Box::new(why)))
            })?;
            let mailer = Mailer::new(options.clone(), password.as_ref(), authorities.as_ref());
            mailer.map_err(|why: SetupError| refused("notify.smtp", NotifyFault::Setup(why)))
        });
        let mailer = mailer.transpose()?;
        let caller = Caller { authorities, timeout: options.webhook_timeout };
        Ok(Notifications { book, mailer, caller })
    }
}
