//! Letters by SMTP (RFC 5321), to the one mail server of the installation.
//!
//! Each letter has a connection of its own: there are few of them, and none waits behind another
//! whose server hangs. A repeat carries the same Message-ID, so a reader's mail program and the
//! servers on the way can tell it. Of what the server says only its codes are kept.

use std::error::Error as _;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use super::failure::{Failure, MailCode, SetupError, cut};
use super::letter::Letter;
use crate::domain::Sequence;
use crate::domain::contact::EmailAddress;
use crate::domain::party::PartyId;
use crate::trust::secret::Secret;
use crate::trust::tls::Outgoing;

/// How long a server may take to say goodbye. The letter is with it by then.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The mail server, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpOptions {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Whom the letters are from.
    pub from: EmailAddress,
    /// The name to log in with, where the server asks for one.
    pub username: Option<String>,
    /// The longest a letter may take.
    pub timeout: Duration,
}

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// By STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// From its first byte (RFC 8314).
    Implicit,
    /// Not at all; to this machine only.
    None,
}

/// Sends letters.
#[derive(Clone)]
pub struct Mailer {
    options: SmtpOptions,
    from: Address,
    hello: ClientId,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
}

impl Mailer {
    /// Sets the sending up. Nothing is sent, and no server need be there.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        options: SmtpOptions,
        password: Option<&Secret>,
        authorities: Option<&Outgoing>,
    ) -> Result<Self, SetupError> {
        let setup = |why: SmtpError| SetupError::Mail(cut(&why.to_string()));
        let tls = match (options.tls, authorities) {
            (SmtpTls::None, _) => None,
            (SmtpTls::StartTls | SmtpTls::Implicit, None) => {
                return Err(SetupError::NoAuthorities);
            }
            (SmtpTls::StartTls | SmtpTls::Implicit, Some(authorities)) => {
                let mut builder = TlsParameters::builder(options.host.clone())
                    .certificate_store(CertificateStore::None);
                for der in authorities.authorities() {
                    let authority = Certificate::from_der(der.to_owned()).map_err(setup)?;
                    builder = builder.add_root_certificate(authority);
                }
                Some(builder.build_rustls().map_err(setup)?)
            }
        };
        let credentials =
            options.username.as_ref().zip(password).map(|(name, password)| {
                Credentials::new(name.clone(), password.reveal().to_owned())
            });
        let from = address(&options.from).map_err(|why| SetupError::Mail(why.to_string()))?;
        let hello = ClientId::Domain(options.from.domain().to_owned());
        Ok(Self { from, hello, tls, credentials, options })
    }

    /// Brings a letter to the mail server, for the addresses of `rest`, or for all where none are
    /// given. One that the server refuses for good is logged, since no attempt will mend it; those
    /// that it refuses temporarily (4yz, RFC 5321 §4.2.1) come back in [`Failure::Partly`], if it took
    /// the letter for others.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(
        &self,
        to: &[EmailAddress],
        rest: &[EmailAddress],
        letter: &Letter,
        id: &MessageId,
        sent_at: Timestamp,
    ) -> Result<(), Failure> {
        let named = to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let wanted = named.iter().zip(to);
        let wanted: Vec<_> =
            wanted.filter(|(_, to)| rest.is_empty() || rest.contains(to)).collect();
        let bytes = self.message(&named, letter, id, sent_at)?;
        let limit = self.options.timeout;
        let exchange = timeout(limit, self.exchange(&wanted, &bytes)).await;
        let (mut connection, later) = exchange.map_err(|_| Failure::Timeout(limit))??;
        // Whether the farewell arrives changes nothing.
        let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
        match later.first() {
            None => Ok(()),
            Some((_, why)) => Err(Failure::Partly {
                code: code(why),
                rest: later.iter().map(|(address, _)| (*address).clone()).collect(),
            }),
        }
    }

    fn message(
        &self,
        to: &[Address],
        letter: &Letter,
        id: &MessageId,
        sent_at: Timestamp,
    ) -> Result<Vec<u8>, Failure> {
        let seconds = u64::try_from(sent_at.as_second()).unwrap_or_default();
        let mut builder = Message::builder()
            .from(Mailbox::new(None, self.from.clone()))
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(id.0.clone()))
            .subject(&letter.subject)
            .header(ContentType::TEXT_PLAIN);
        for address in to {
            builder = builder.to(Mailbox::new(None, address.clone()));
        }
        let text = letter.text.replace('\n', "\r\n");
        let unwritable = |why: lettre::error::Error| Failure::Unwritable(why.to_string());
        let mut message = builder.body(text).map_err(unwritable)?;
        // No out-of-office answer is to come back (RFC 3834, 5).
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message.formatted())
    }

    /// One session up to the server's word that it has the letter, with the addresses that it
    /// refuses temporarily.
    async fn exchange<'a>(
        &self,
        to: &[(&Address, &'a EmailAddress)],
        message: &[u8],
    ) -> Result<(AsyncSmtpConnection, Vec<Refusal<'a>>), Failure> {
        let Self { options, from, hello, tls, credentials } = self;
        let (implicit, starttls) = match options.tls {
            SmtpTls::Implicit => (tls.clone(), None),
            SmtpTls::StartTls => (None, tls.clone()),
            SmtpTls::None => (None, None),
        };
        let server = (options.host.as_str(), options.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, None, hello, implicit, None);
        let mut connection = connecting.await.map_err(failed)?;
        if let Some(tls) = starttls {
            connection.starttls(tls, hello).await.map_err(failed)?;
        }
        if let Some(credentials) = credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(failed)?;
        }
        let mail = Mail::new(Some(from.clone()), Vec::new());
        connection.command(mail).await.map_err(failed)?;
        let mut refusals = Vec::new();
        for (address, of) in to {
            match connection.command(Rcpt::new((*address).clone(), Vec::new())).await {
                Ok(_) => {}
                Err(why) if why.status().is_some() => refusals.push((*of, why)),
                Err(why) => return Err(failed(why)),
            }
        }
        if refusals.len() == to.len() {
            return Err(all_refused(&refusals));
        }
        connection.command(Data).await.map_err(failed)?;
        connection.message(message).await.map_err(failed)?;
        let (lost, later): (Vec<_>, Vec<_>) =
            refusals.into_iter().partition(|(_, why)| why.is_permanent());
        for (_, why) in &lost {
            let code = code(why);
            tracing::warn!(%code, "the mail server refuses one of the addresses of a letter");
        }
        Ok((connection, later))
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("options", &self.options).finish_non_exhaustive()
    }
}

/// An address, and why the server refuses it.
type Refusal<'a> = (&'a EmailAddress, SmtpError);

/// The name of a letter, the same in each attempt (RFC 5322, 3.6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// The name of the letter that brings a notice to a party.
    #[must_use]
    pub fn of(notice: Sequence, party: &PartyId, from: &EmailAddress) -> Self {
        Self(format!("<notice-{notice}.{party}@{}>", from.domain()))
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mailer {
    /// Whom the letters are from.
    #[must_use]
    pub fn from(&self) -> &EmailAddress {
        &self.options.from
    }
}

fn address(address: &EmailAddress) -> Result<Address, Failure> {
    let parsed = address.as_str().parse();
    parsed.map_err(|why: lettre::address::AddressError| Failure::Unwritable(why.to_string()))
}

fn failed(why: SmtpError) -> Failure {
    if why.status().is_some() {
        return Failure::MailServer(code(&why));
    }
    // What the parser could not read are the server's words.
    let is_unread = why.is_response();
    let said =
        if is_unread { "an answer that is not SMTP".to_owned() } else { cut(&why.to_string()) };
    Failure::Connection(said)
}

fn code(why: &SmtpError) -> MailCode {
    let code = why.status().map(|code| code.to_string()).unwrap_or_default();
    MailCode::new(&code, &why.source().map(ToString::to_string).unwrap_or_default())
}

/// No address was taken: for good only if the server says so of each.
fn all_refused(refusals: &[Refusal<'_>]) -> Failure {
    let is_later = |(_, why): &&Refusal<'_>| !why.is_permanent();
    let later = refusals.iter().find(is_later).map(|(_, why)| Failure::MailServer(code(why)));
    let first = refusals.first().map(|(_, why)| Failure::Addresses(code(why)));
    later.or(first).unwrap_or(Failure::NoContact)
}
