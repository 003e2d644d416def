//! A time-stamp authority on this machine: `openssl ts -reply` behind a web server of hyper, which
//! can be told to fail in each way.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::signing::{Authority, Signer, pem};

/// Makes an answer of a question.
pub type Maker = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What it answers.
#[derive(Clone)]
pub enum Mode {
    /// As it must.
    Sound,
    /// Never.
    Hang,
    /// With these bytes.
    Bytes(Vec<u8>),
    /// With this status.
    Status(u16),
    /// With a token over other bytes.
    OtherImprint,
    /// With a token for another question over the same bytes.
    OtherNonce,
    /// That it does not take the digest.
    Rejection,
    /// With so many bytes of what it must.
    Cut(usize),
    /// With a certificate that has ended.
    Expired,
    /// With what this makes of the question.
    Made(Maker),
}

/// The files of an authority for openssl.
pub struct Openssl {
    dir: PathBuf,
}

impl Openssl {
    pub fn new(dir: &Path, root: &Authority, signer: &Signer, expired: &Signer) -> Self {
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
        write("root.pem", &pem("CERTIFICATE", &root.der));
        for (name, signer) in [("signer", signer), ("expired", expired)] {
            write(&format!("{name}.pem"), &pem("CERTIFICATE", &signer.der));
            write(&format!("{name}.key"), &signer.key.serialize_pem());
        }
        write("serial", "0001\n");
        for (name, digests) in [("sound", "sha256, sha384"), ("strict", "sha512")] {
            let text = format!(
                "[tsa]\ndefault_tsa = one\n[one]\nserial = {}\nsigner_digest = sha256\n\
                 default_policy = {}\ndigests = {digests}\naccuracy = secs:1\n\
                 ess_cert_id_chain = no\ness_cert_id_alg = sha256\n",
                dir.join("serial").display(),
                super::token::POLICY,
            );
            write(&format!("{name}.cnf"), &text);
        }
        Self { dir: dir.to_owned() }
    }

    /// The file of its authority.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root.pem")
    }

    /// Answers a question.
    pub fn reply(&self, question: &[u8], config: &str, signer: &str) -> Vec<u8> {
        let path = |name: &str| self.dir.join(name);
        fs::write(path("query"), question).unwrap();
        run(Command::new("openssl")
            .args(["ts", "-reply", "-section", "one", "-config"])
            .arg(path(&format!("{config}.cnf")))
            .arg("-queryfile")
            .arg(path("query"))
            .arg("-signer")
            .arg(path(&format!("{signer}.pem")))
            .arg("-inkey")
            .arg(path(&format!("{signer}.key")))
            .arg("-out")
            .arg(path("reply")));
        fs::read(path("reply")).unwrap()
    }

    /// A question of openssl's own over a SHA-256, with a nonce of its own.
    pub fn question(&self, imprint: &[u8]) -> Vec<u8> {
        let hex: String = imprint.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.dir.join("own-query");
        run(Command::new("openssl")
            .args(["ts", "-query", "-sha256", "-cert", "-digest", &hex, "-out"])
            .arg(&path));
        fs::read(path).unwrap()
    }
}

/// Runs a command that must succeed; what it said.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The digest within a question: the one OCTET STRING of 32 bytes.
fn imprint(question: &[u8]) -> &[u8] {
    let at = question.windows(2).position(|bytes| bytes == [0x04, 0x20]).unwrap();
    &question[at + 2..at + 34]
}

/// The web server. It is there until it is dropped.
pub struct Tsa {
    pub address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    task: tokio::task::JoinHandle<()>,
}

impl Tsa {
    pub async fn start(openssl: Openssl, mode: Mode, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (openssl, mode) = (Arc::new(Mutex::new(openssl)), Arc::new(Mutex::new(mode)));
        let answers = Arc::clone(&mode);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (openssl, answers, tls) =
                    (Arc::clone(&openssl), Arc::clone(&answers), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        answer(request, Arc::clone(&openssl), answers.lock().unwrap().clone())
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    // A bus that gives up closes the connection, which is an error here.
                    let _ended = match tls {
                        None => server.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                            Ok(stream) => {
                                server.serve_connection(TokioIo::new(stream), service).await
                            }
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        Self { address, mode, task }
    }

    /// Answers so from now on.
    pub fn answer(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }
}

impl Drop for Tsa {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    openssl: Arc<Mutex<Openssl>>,
    mode: Mode,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_query = request.headers()["content-type"] == "application/timestamp-query";
    assert!(is_query && request.method() == "POST", "{request:?}");
    let question = request.into_body().collect().await.unwrap().to_bytes();
    let status = if let Mode::Status(status) = mode { status } else { 200 };
    let body = if let Mode::Hang = mode {
        std::future::pending().await
    } else {
        // One after the other: openssl counts its serial numbers in a file.
        tokio::task::spawn_blocking(move || body(&openssl.lock().unwrap(), &question, mode))
            .await
            .unwrap()
    };
    let answer =
        Response::builder().status(status).header("content-type", "application/timestamp-reply");
    Ok(answer.body(Full::new(Bytes::from(body))).unwrap())
}

fn body(openssl: &Openssl, question: &[u8], mode: Mode) -> Vec<u8> {
    match mode {
        Mode::Sound => openssl.reply(question, "sound", "signer"),
        Mode::Rejection => openssl.reply(question, "strict", "signer"),
        Mode::Expired => openssl.reply(question, "sound", "expired"),
        Mode::OtherImprint => openssl.reply(&openssl.question(&[7; 32]), "sound", "signer"),
        Mode::OtherNonce => openssl.reply(&openssl.question(imprint(question)), "sound", "signer"),
        Mode::Cut(bytes) => {
            let mut whole = openssl.reply(question, "sound", "signer");
            whole.truncate(bytes);
            whole
        }
        Mode::Bytes(bytes) => bytes,
        Mode::Made(make) => make(question),
        Mode::Status(_) | Mode::Hang => Vec::new(),
    }
}
