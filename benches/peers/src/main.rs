//! What else a system could publish to, measured as the bus is: each message durable before the
//! next one of its slot is sent.
//!
//! `kopir-peers jetstream|rabbitmq ADDRESS` prints one JSON line a measurement; `kopir-peers
//! compare PEERS BUS` reads such lines, and the bus's own from `kopir bench --json`, and prints
//! the medians with their ratios. `peers.sh` calls both.

mod compare;
mod jetstream;
mod load;
mod rabbitmq;

use std::process::ExitCode;

/// One-kibibyte messages, as the bus's bench sends them.
pub const MESSAGE_BYTES: usize = 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["jetstream", address] => jetstream::run(address).await,
        ["rabbitmq", address] => rabbitmq::run(address).await,
        ["compare", peers, bus] => compare::run(peers, bus),
        _ => Err("usage: kopir-peers jetstream|rabbitmq ADDRESS, or compare PEERS BUS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kopir-peers: {failure}");
            ExitCode::FAILURE
        }
    }
}
