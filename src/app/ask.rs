//! The task that asks responders (OCSP) about certificates.

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Asking;
use crate::engine::{Clock, Engine};

/// Asks until the bus stops: about parties by the machine's clock, by which certificates of
/// connections are judged, and about signers by that of the bus.
pub(super) fn start(asking: Asking, engine: &Engine, stop: &watch::Sender<bool>) -> JoinHandle<()> {
    let (clock, mut stopping) = (engine.clock().clone(), stop.subscribe());
    tokio::spawn(async move {
        let Asking { parties, signers } = asking;
        let of_parties = async {
            match parties {
                Some(answers) => answers.run(|| Clock::System.now()).await,
                None => std::future::pending().await,
            }
        };
        let of_signers = async {
            match signers {
                Some(answers) => answers.run(|| clock.now()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = of_parties => {}
            () = of_signers => {}
        }
    })
}
