//! A mail server.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Stream;

/// How a mail server behaves.
#[derive(Clone, Default)]
pub struct Manners {
    /// Offers STARTTLS, or speaks TLS from the first byte.
    pub tls: Option<(Arc<ServerConfig>, bool)>,
    /// Asks for this name and password.
    pub login: Option<(String, String)>,
    /// Answers these addresses with these codes.
    pub refused: BTreeMap<String, u16>,
    /// Takes connections and says nothing.
    pub is_mute: bool,
    /// Breaks the connection off once it has a whole letter, without an answer.
    pub breaks_off: bool,
}

/// A letter as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
    pub login: Option<String>,
    pub is_protected: bool,
}

/// A mail server that keeps what it gets. It is there until it is dropped.
pub struct MailServer {
    pub address: SocketAddr,
    manners: Arc<Mutex<Manners>>,
    letters: watch::Receiver<Vec<Letter>>,
    task: tokio::task::JoinHandle<()>,
}

impl MailServer {
    pub async fn start(manners: Manners) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), manners).await
    }

    pub async fn start_at(address: SocketAddr, manners: Manners) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, letters) = watch::channel(Vec::new());
        let (arrived, manners) = (Arc::new(arrived), Arc::new(Mutex::new(manners)));
        let current = Arc::clone(&manners);
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let manners = current.lock().unwrap().clone();
                let arrived = Arc::clone(&arrived);
                // A client that hangs up is its own affair.
                tokio::spawn(async move { serve(stream, peer.ip(), manners, arrived).await });
            }
        });
        Self { address, manners, letters, task }
    }

    /// What it has got, once it is so much.
    pub async fn letters(&self, count: usize) -> Vec<Letter> {
        self.until(|letters| letters.len() >= count).await
    }

    /// What it has got, once that is as it should be.
    pub async fn until(&self, is_met: impl Fn(&[Letter]) -> bool) -> Vec<Letter> {
        let mut letters = self.letters.clone();
        let wait = letters.wait_for(|letters| is_met(letters));
        let wait = tokio::time::timeout(std::time::Duration::from_secs(30), wait).await;
        wait.unwrap_or_else(|_| panic!("{} letters", self.letters.borrow().len())).unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.letters.borrow().len()
    }

    /// Lets it behave otherwise from its next connection on.
    pub fn behave(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    manners: Manners,
    arrived: Arc<watch::Sender<Vec<Letter>>>,
) -> Option<()> {
    if manners.is_mute {
        return std::future::pending().await;
    }
    let mut builder = SessionBuilder::new("mail.example");
    let mut stream: Box<dyn Stream> = Box::new(stream);
    let mut is_protected = false;
    if let Some((config, is_implicit)) = &manners.tls {
        if *is_implicit {
            stream = Box::new(TlsAcceptor::from(Arc::clone(config)).accept(stream).await.ok()?);
            is_protected = true;
        } else {
            builder.enable_start_tls();
        }
    }
    if manners.login.is_some() {
        builder.enable_auth(AuthMechanism::Plain);
        if is_protected {
            // The state machine knows of STARTTLS only.
            builder.insecure_enable_plaintext_auth();
        }
    }
    let tls = manners.tls.clone();
    let breaks_off = manners.breaks_off;
    let keeper = Keeper { manners, letter: Letter { is_protected, ..Letter::default() }, arrived };
    let mut session = builder.build(peer, keeper);
    say(&mut *stream, &session.greeting()).await?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let answer = session.process(&line);
        if breaks_off && line == b".\r\n" {
            return None;
        }
        match answer.action {
            Action::NoReply => {}
            Action::Reply => say(lines.get_mut(), &answer).await?,
            Action::Close => return say(lines.get_mut(), &answer).await,
            Action::UpgradeTls => {
                let (config, _) = tls.as_ref()?;
                say(lines.get_mut(), &answer).await?;
                let acceptor = TlsAcceptor::from(Arc::clone(config));
                let protected = acceptor.accept(lines.into_inner()).await.ok()?;
                lines = BufReader::new(Box::new(protected));
                protect(&mut session);
            }
        }
    }
}

async fn say(stream: &mut (dyn Stream + '_), answer: &Response) -> Option<()> {
    stream.write_all(&answer.buffer().ok()?).await.ok()
}

fn protect(session: &mut Session<Keeper>) {
    session.tls_active();
}

/// What the state machine asks and tells.
struct Keeper {
    manners: Manners,
    letter: Letter,
    arrived: Arc<watch::Sender<Vec<Letter>>>,
}

impl Handler for Keeper {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        from.clone_into(&mut self.letter.from);
        (self.letter.to, self.letter.data) = (Vec::new(), String::new());
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        match self.manners.refused.get(to) {
            Some(code) => Response::custom(*code, format!("5.1.1 <{to}>: not here")),
            None => {
                self.letter.to.push(to.to_owned());
                response::OK
            }
        }
    }

    fn data(&mut self, buf: &[u8]) -> std::io::Result<()> {
        self.letter.data.push_str(std::str::from_utf8(buf).map_err(std::io::Error::other)?);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.arrived.send_modify(|letters| letters.push(self.letter.clone()));
        response::OK
    }

    fn auth_plain(&mut self, _author: &str, name: &str, password: &str) -> Response {
        let wanted = self.manners.login.as_ref();
        if wanted.is_some_and(|wanted| wanted.0 == name && wanted.1 == password) {
            (self.letter.login, self.letter.is_protected) = (Some(name.to_owned()), true);
            return response::AUTH_OK;
        }
        response::INVALID_CREDENTIALS
    }
}

impl Letter {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.data.split_once("\r\n\r\n")?;
        let unfolded = head.replace("\r\n ", " ");
        let line = unfolded.split("\r\n").find_map(|line| line.strip_prefix(name))?;
        Some(line.strip_prefix(": ")?.to_owned())
    }

    /// The subject, decoded (RFC 2047).
    pub fn subject(&self) -> String {
        let mut decoded = Vec::new();
        for word in self.header("Subject").unwrap().split(' ') {
            let inner = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
            match inner {
                Some(inner) => decoded.extend(BASE64.decode(inner).unwrap()),
                None => decoded.extend([b" ", word.as_bytes()].concat()),
            }
        }
        String::from_utf8(decoded).unwrap().trim().to_owned()
    }

    /// The text, decoded.
    pub fn text(&self) -> String {
        let (_, body) = self.data.split_once("\r\n\r\n").unwrap();
        let bytes = match self.header("Content-Transfer-Encoding").unwrap().as_str() {
            "base64" => BASE64.decode(body.replace("\r\n", "")).unwrap(),
            "quoted-printable" => unquoted(body),
            "7bit" => body.as_bytes().to_vec(),
            other => panic!("{other}"),
        };
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }
}

fn unquoted(body: &str) -> Vec<u8> {
    let joined = body.replace("=\r\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    bytes
}
