//! The commands of `kopir evidence` and `kopir witness` against a bus of the tests, and without one.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use kopir::evidence::key;
use kopir::evidence::note::{KeyKind, VerifierKey};
use kopir::rpc::client::CallError;
use kopir::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use kopir::rpc::proto::evidence::v1::{GetReceiptProofRequest, GetReceiptProofResponse};
use tempfile::TempDir;
use tonic::Status;

use super::bus::{Bus, COMMITTEE, PATIENCE, SERVER_NAME, Setting};

pub const DONE: i32 = 0;
pub const USAGE: i32 = 2;
pub const DAMAGE: i32 = 3;
pub const REFUSED: i32 = 4;

/// A witness's files, and the key that the bus knows it by.
pub struct Watch {
    pub dir: TempDir,
    pub key: VerifierKey,
}

impl Watch {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let signer =
            key::make(&dir.path().join("witness.key"), "witness.example", KeyKind::Witness);
        Self { key: signer.unwrap().verifier().clone(), dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Looks at a bus once.
    pub fn look(&self, bus: &Bus, log: &str) -> (i32, String) {
        let (key, state) = (self.path("witness.key"), self.path("state"));
        let (key, state) = (key.to_str().unwrap(), state.to_str().unwrap());
        let args =
            ["witness", "run", "--key", key, "--witness-name", "witness.example", "--state", state];
        ask(bus, COMMITTEE, &[&args[..], &["--log", log, "--once"]].concat())
    }
}

/// A bus that signs every second, and knows a witness.
pub async fn start(watch: &Watch) -> Bus {
    start_with(watch, &[]).await
}

/// The same with further settings.
pub async fn start_with(watch: &Watch, settings: &[Setting]) -> Bus {
    let witnesses: &'static str = Box::leak(format!("[\"{}\"]", watch.key).into_boxed_str());
    let own = [("evidence.checkpoint_seconds", "1"), ("evidence.witnesses", witnesses)];
    Bus::with(&[&own, settings].concat()).await
}

/// The data directory of a bus.
pub fn data(bus: &Bus) -> PathBuf {
    bus.certs().parent().unwrap().join("data")
}

pub fn log_key(bus: &Bus) -> String {
    let path = data(bus).join("log.key");
    key::open(&path, "localhost/kopir", KeyKind::Log).unwrap().verifier().to_string()
}

/// Runs a command against a bus as a party; its exit code and everything it said.
pub fn ask(bus: &Bus, party: &str, args: &[&str]) -> (i32, String) {
    let (address, certs) = (bus.address().to_string(), bus.certs());
    let at = ["--bus", &address, "--name", SERVER_NAME, "--certs", certs.to_str().unwrap()];
    kopir(&[args, &at[..], &["--as", party]].concat())
}

pub fn kopir(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    let Output { status, stdout, stderr } =
        command.args(args).stdin(Stdio::null()).output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Proves a record as a party, as soon as a checkpoint covers it.
pub async fn prove(
    bus: &Bus,
    party: &'static str,
    sequence: u64,
) -> Result<GetReceiptProofResponse, Status> {
    let mut client = EvidenceServiceClient::new(bus.party(party).await.channel);
    let begun = tokio::time::Instant::now();
    loop {
        match client.get_receipt_proof(GetReceiptProofRequest { sequence }).await {
            Err(status)
                if reason(&status) == "CHECKPOINT_PENDING" && begun.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answered => return answered.map(tonic::Response::into_inner),
        }
    }
}

/// The stable reason of a refusal.
pub fn reason(status: &Status) -> String {
    CallError::from(status.clone()).reason()
}

pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
