//! Letters by SMTP (RFC 5321), to the one mail server of the installation.
//!
//! Each letter has a connection of its own: there are few of them, and none waits behind another
//! whose server hangs. A repeat carries the same Message-ID, so a reader's mail program and the
//! servers on the way can tell it.

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

use super::failure::{Failure, SetupError, cut};
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

    /// Brings a letter to the mail server. It has arrived once the server took it for at least one
    /// of the addresses; one that it refuses is logged, since no attempt will mend it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(
        &self,
        to: &[EmailAddress],
        letter: &Letter,
        id: &MessageId,
        sent_at: Timestamp,
    ) -> Result<(), Failure> {
        let recipients = to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let bytes = self.message(&recipients, letter, id, sent_at)?;
        let limit = self.options.timeout;
        let exchange = timeout(limit, self.exchange(&recipients, &bytes)).await;
        let mut connection = exchange.map_err(|_| Failure::Timeout(limit))??;
        // Whether the farewell arrives changes nothing.
        let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
        Ok(())
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

    /// One session up to the server's word that it has the letter.
    async fn exchange(
        &self,
        to: &[Address],
        message: &[u8],
    ) -> Result<AsyncSmtpConnection, Failure> {
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
        for address in to {
            match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(why) if why.status().is_some() => refusals.push(why),
                Err(why) => return Err(failed(why)),
            }
        }
        if refusals.len() == to.len() {
            return Err(all_refused(refusals));
        }
        for why in &refusals {
            let why = cut(&why.to_string());
            tracing::warn!(%why, "the mail server refuses one of the addresses of a letter");
        }
        connection.command(Data).await.map_err(failed)?;
        connection.message(message).await.map_err(failed)?;
        Ok(connection)
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("options", &self.options).finish_non_exhaustive()
    }
}

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
    let said = cut(&why.to_string());
    match why.status() {
        Some(code) => Failure::MailServer { code: code.to_string(), said },
        None => Failure::Connection(said),
    }
}

/// No address was taken: for good only if the server says so of each.
fn all_refused(refusals: Vec<SmtpError>) -> Failure {
    let is_final = refusals.iter().all(SmtpError::is_permanent);
    let first = refusals.into_iter().next();
    let code = first.as_ref().and_then(SmtpError::status).map(|code| code.to_string());
    let code = code.unwrap_or_default();
    let said = cut(&first.map(|why| why.to_string()).unwrap_or_default());
    if is_final { Failure::Addresses { code, said } } else { Failure::MailServer { code, said } }
}
