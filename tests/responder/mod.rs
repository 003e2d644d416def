//! A responder (OCSP, RFC 6960) for tests: answers written byte by byte, so that each fault can be
//! made on purpose, and a small web server that gives them.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, SigningKey as _};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::signing::{Authority, oid, tlv};

const SHA_1: &str = "1.3.14.3.2.26";
const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const NULL: &[u8] = &[5, 0];

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Good,
    Revoked(Timestamp),
    Unknown,
}

/// An answer in the making. Each field is what a sound one has, until a test spoils it.
pub struct Maker<'a> {
    pub issuer: &'a [u8],
    pub serial: Vec<u8>,
    /// Who signs, and whose certificate names it.
    pub key: &'a KeyPair,
    pub named: &'a [u8],
    pub by_key: bool,
    pub certificates: Vec<Vec<u8>>,
    pub said: Said,
    pub produced: Timestamp,
    pub this: Timestamp,
    pub next: Option<Timestamp>,
    pub sha256: bool,
    pub twice: bool,
    pub critical: bool,
    /// What stands in the place of the certificate's issuer.
    pub other_issuer: Option<&'a [u8]>,
}

impl<'a> Maker<'a> {
    /// A sound answer about a certificate, signed by its authority.
    pub fn of(authority: &'a Authority, serial: &[u8], now: Timestamp) -> Self {
        Self {
            issuer: &authority.der,
            serial: serial.to_vec(),
            key: authority.key(),
            named: &authority.der,
            by_key: false,
            certificates: Vec::new(),
            said: Said::Good,
            produced: now,
            this: now,
            next: Some(now + SignedDuration::from_hours(1)),
            sha256: false,
            twice: false,
            critical: false,
            other_issuer: None,
        }
    }

    fn single(&self) -> Vec<u8> {
        let certificate = self.other_issuer.unwrap_or(self.issuer);
        let (_, issuer) = X509Certificate::from_der(certificate).unwrap();
        let (name, of) =
            if self.sha256 { (SHA_256, &SHA256) } else { (SHA_1, &SHA1_FOR_LEGACY_USE_ONLY) };
        let hash = |bytes: &[u8]| tlv(0x04, digest(of, bytes).as_ref());
        let id = [
            algorithm(name),
            hash(issuer.subject().as_raw()),
            hash(&issuer.public_key().subject_public_key.data),
            tlv(0x02, &self.serial),
        ];
        let said = match self.said {
            Said::Good => tlv(0x80, &[]),
            Said::Revoked(at) => tlv(0xa1, &time(at)),
            Said::Unknown => tlv(0x82, &[]),
        };
        let next = self.next.map(|next| tlv(0xa0, &time(next))).unwrap_or_default();
        tlv(0x30, &[tlv(0x30, &id.concat()), said, time(self.this), next].concat())
    }

    pub fn make(&self) -> Vec<u8> {
        let (_, named) = X509Certificate::from_der(self.named).unwrap();
        let named = if self.by_key {
            let key = &named.public_key().subject_public_key.data;
            tlv(0xa2, &tlv(0x04, digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref()))
        } else {
            tlv(0xa1, named.subject().as_raw())
        };
        let mut singles = self.single();
        if self.twice {
            singles.extend(self.single());
        }
        let extension = [oid("1.3.6.1.5.5.7.48.1.2"), vec![1, 1, 0xff], tlv(0x04, NULL)].concat();
        let extensions =
            if self.critical { tlv(0xa1, &tlv(0x30, &tlv(0x30, &extension))) } else { Vec::new() };
        let data = [named, time(self.produced), tlv(0x30, &singles), extensions].concat();
        let data = tlv(0x30, &data);
        let scheme = if self.key.algorithm() == &rcgen::PKCS_ECDSA_P384_SHA384 {
            "1.2.840.10045.4.3.3"
        } else {
            "1.2.840.10045.4.3.2"
        };
        let signature = tlv(0x03, &[&[0][..], &self.key.sign(&data).unwrap()].concat());
        let certificates = if self.certificates.is_empty() {
            Vec::new()
        } else {
            tlv(0xa0, &tlv(0x30, &self.certificates.concat()))
        };
        let basic = [data, tlv(0x30, &oid(scheme)), signature, certificates].concat();
        wrapped(&tlv(0x30, &basic))
    }
}

fn algorithm(name: &str) -> Vec<u8> {
    tlv(0x30, &[oid(name), NULL.to_vec()].concat())
}

fn time(at: Timestamp) -> Vec<u8> {
    tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
}

/// A BasicOCSPResponse as an OCSPResponse.
pub fn wrapped(basic: &[u8]) -> Vec<u8> {
    let bytes = [oid("1.3.6.1.5.5.7.48.1.1"), tlv(0x04, basic)].concat();
    tlv(0x30, &[vec![0x0a, 1, 0], tlv(0xa0, &tlv(0x30, &bytes))].concat())
}

/// An OCSPResponse without an answer.
pub fn refusal(status: u8) -> Vec<u8> {
    tlv(0x30, &[0x0a, 1, status])
}

/// How a responder behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// It answers so, of now.
    Says(Said),
    /// These serial numbers are revoked, and all others good.
    Revokes(Vec<Vec<u8>>),
    /// It answers what it answered before, byte for byte.
    Replays(Vec<u8>),
    /// It answers about another serial number.
    OtherSerial,
    /// Its answer's time is over.
    Stale,
    /// Another key than the authority's signs.
    Forged,
    TryLater,
    Garbage,
    Oversized,
    Status(u16),
    Redirect,
    /// It takes the question and says nothing.
    Hangs,
    Closes,
}

/// A responder at work, until it is dropped.
pub struct Responder {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Responder {
    pub async fn start(authority: Authority, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, asked) = (Arc::new(Mutex::new(manner)), Arc::new(Mutex::new(Vec::new())));
        let (authority, told, heard) =
            (Arc::new(authority), Arc::clone(&manner), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = told.lock().unwrap().clone();
                let (authority, heard) = (Arc::clone(&authority), Arc::clone(&heard));
                tokio::spawn(async move { serve(stream, &authority, &manner, &heard).await });
            }
        });
        Self { address, manner, asked, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/ocsp", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// The questions so far.
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The serial number that a question is about.
fn serial_of(question: &[u8]) -> Vec<u8> {
    // OCSPRequest, TBSRequest, requestList, Request, CertID: five sequences with short lengths.
    let id = &question[10..];
    let mut at = 0;
    for _ in 0..3 {
        at += 2 + usize::from(id[at + 1]);
    }
    id[at + 2..at + 2 + usize::from(id[at + 1])].to_vec()
}

async fn serve(
    mut stream: TcpStream,
    authority: &Authority,
    manner: &Manner,
    asked: &Mutex<Vec<Vec<u8>>>,
) -> Option<()> {
    let mut got = Vec::new();
    let question = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        got.extend_from_slice(&part[..read]);
        let head = got.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(head) = head else { continue };
        let text = String::from_utf8_lossy(&got[..head]).to_lowercase();
        assert!(text.starts_with("post /ocsp ") && text.contains("application/ocsp-request"));
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        let length: usize = length.trim().parse().ok()?;
        if got.len() >= head + 4 + length {
            break got[head + 4..].to_vec();
        }
    };
    asked.lock().unwrap().push(question.clone());
    let (serial, now) = (serial_of(&question), now());
    let sound = Maker::of(authority, &serial, now);
    let (mut status, mut head) = (200, String::new());
    let body = match manner {
        Manner::Says(said) => Maker { said: *said, ..sound }.make(),
        Manner::Revokes(serials) if serials.contains(&serial) => {
            let said = Said::Revoked(now - SignedDuration::from_hours(1));
            Maker { said, ..sound }.make()
        }
        Manner::Revokes(_) => sound.make(),
        Manner::Replays(answer) => answer.clone(),
        Manner::OtherSerial => Maker { serial: vec![0x2a, 0x2a], ..sound }.make(),
        Manner::Stale => {
            let (this, next) =
                (now - SignedDuration::from_hours(3), now - SignedDuration::from_hours(2));
            Maker { produced: this, this, next: Some(next), ..sound }.make()
        }
        Manner::Forged => {
            let other = Authority::root("SAMPLE OTHER");
            Maker { key: other.key(), ..sound }.make()
        }
        Manner::TryLater => refusal(3),
        Manner::Garbage => b"<html>It works!</html>".to_vec(),
        Manner::Oversized => vec![0x30; 1024 * 1024],
        Manner::Status(other) => {
            status = *other;
            Vec::new()
        }
        Manner::Redirect => {
            (status, head) =
                (302, format!("location: http://{}/ocsp\r\n", stream.local_addr().ok()?));
            Vec::new()
        }
        Manner::Hangs => std::future::pending().await,
        Manner::Closes => return None,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/ocsp-response\r\n{head}content-length: \
         {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()?;
    stream.shutdown().await.ok()
}

/// The present time, by which certificates of connections are judged.
pub fn now() -> Timestamp {
    kopir::engine::Clock::System.now()
}

/// A certificate as it stands in a file.
pub fn der(bytes: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(bytes.to_vec())
}
