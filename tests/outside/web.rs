//! A party's web server.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Stream;

/// What it answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// 307 to this address.
    Redirect(String),
    /// Never.
    Nothing,
    /// Bytes that are no HTTP.
    Garbage,
    /// More headers than anybody needs.
    HugeHead,
    /// Success, and then a body that does not end.
    EndlessBody,
    /// Closes the connection without a word.
    Close,
}

/// A call as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A web server that keeps what it gets. It is there until it is dropped.
pub struct WebServer {
    pub address: SocketAddr,
    script: Arc<Mutex<(VecDeque<Answer>, Answer)>>,
    calls: watch::Receiver<Vec<Call>>,
    task: tokio::task::JoinHandle<()>,
}

impl WebServer {
    /// Answers by the script, and then always with `after`.
    pub async fn start(
        script: impl IntoIterator<Item = Answer>,
        after: Answer,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, script, after, tls)
    }

    pub fn on(
        listener: TcpListener,
        script: impl IntoIterator<Item = Answer>,
        after: Answer,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new((script.into_iter().collect(), after)));
        let (arrived, calls) = watch::channel(Vec::new());
        let (arrived, answers) = (Arc::new(arrived), Arc::clone(&script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (arrived, answers) = (Arc::clone(&arrived), Arc::clone(&answers));
                let tls = tls.clone();
                tokio::spawn(async move { serve(stream, tls, arrived, answers).await });
            }
        });
        Self { address, script, calls, task }
    }

    /// What it has got, once it is so much.
    pub async fn calls(&self, count: usize) -> Vec<Call> {
        let mut calls = self.calls.clone();
        let wait = calls.wait_for(|calls| calls.len() >= count);
        let wait = tokio::time::timeout(Duration::from_secs(30), wait).await;
        wait.unwrap_or_else(|_| panic!("{} of {count} calls", self.calls.borrow().len()))
            .unwrap()
            .clone()
    }

    pub fn count(&self) -> usize {
        self.calls.borrow().len()
    }

    /// Answers so from now on.
    pub fn answer(&self, after: Answer) {
        *self.script.lock().unwrap() = (VecDeque::new(), after);
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    arrived: Arc<watch::Sender<Vec<Call>>>,
    script: Arc<Mutex<(VecDeque<Answer>, Answer)>>,
) -> Option<()> {
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(config) => Box::new(TlsAcceptor::from(config).accept(stream).await.ok()?),
    };
    let mut stream = BufReader::new(stream);
    let call = read(&mut stream).await?;
    let answer = {
        let mut script = script.lock().unwrap();
        let after = script.1.clone();
        script.0.pop_front().unwrap_or(after)
    };
    arrived.send_modify(|calls| calls.push(call));
    let stream = stream.get_mut();
    let text = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n"),
        Answer::Redirect(to) => {
            format!("HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Nothing => return std::future::pending().await,
        Answer::Garbage => "\u{1}\u{2}\u{3} no such protocol\r\n\r\n".to_owned(),
        Answer::HugeHead => format!("HTTP/1.1 200 x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)),
        Answer::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(&[b'x'; 1 << 14]).await.ok()?;
            }
        }
        Answer::Close => return None,
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

async fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Call> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Call { path, headers, body })
}

impl Call {
    /// Checks the signature as docs/webhooks.md tells a receiver to.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let (id, time) = (&self.headers["webhook-id"], &self.headers["webhook-timestamp"]);
        let content = [format!("{id}.{time}.").as_bytes(), &self.body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signatures = self.headers["webhook-signature"].split(' ');
        let mut ours = signatures.filter_map(|each| each.strip_prefix("v1,"));
        ours.any(|each| hmac::verify(&key, &content, &BASE64.decode(each).unwrap()).is_ok())
    }

    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
