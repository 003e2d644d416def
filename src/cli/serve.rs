//! `kopir serve`: the bus.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::{Exit, Failure, note};
use super::vault::{self, credentials};
use crate::app::App;
use crate::config::{Config, ConfigError, Log, LogFormat};
use crate::engine::Clock;
use crate::engine::alive::ClockRefused;
use crate::index::IndexError;
use crate::journal::{Fault, JournalError};
use crate::vault::VaultError;

/// How long a bus that has failed may take to come down, its calls' time to end among it.
const FAILED_GRACE: Duration = Duration::from_secs(10);

/// Runs the bus
///
/// Opens the journal and verifies it, brings the index up to it, and listens. Stops on SIGTERM or
/// SIGINT, after the calls in progress. What was acknowledged is durable however it ends.
///
/// Certificate, key, authorities, revocation lists and the party registry are read again when their
/// files change, and at SIGHUP; what cannot be used changes nothing and is told in `kopir status`.
///
/// Example:
///
///   kopir certs dev --dir certs --registry deploy/parties.toml
///   kopir serve --config deploy/kopir.toml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ServeArgs {
    /// The configuration; deploy/kopir.toml explains every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take the machine's clock for right at this start, however far it is from the last sign of
    /// life
    #[arg(long)]
    accept_clock: bool,
}

pub(super) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let mut config = Config::read(&args.config).map_err(Failure::usage)?;
    config.clock.accept = args.accept_clock;
    config.vault.credentials = credentials();
    start_log(&config.log);
    let clock = match &config.sandbox {
        Some(sandbox) => {
            note("sandbox: the clock stands still until it is set; never use this for real cases");
            Clock::sandbox(sandbox.start)
        }
        None => Clock::steady(config.clock.steady),
    };
    let runtime = Runtime::new().context("the runtime").map_err(Failure::failed)?;
    let app = runtime.block_on(serve(config, clock))?;
    stop(runtime, app).map_err(Failure::failed)
}

/// Serves until it is to stop, or has failed.
async fn serve(config: Config, clock: Clock) -> Result<App, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::failed)?;
    let app = App::start(config, clock).await.map_err(refused)?;
    note(format_args!("kopir listens on {}", app.address()));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(()) = hangup.recv() => app.reload(),
            () = app.failed() => break,
        }
    }
    Ok(app)
}

/// Brings the bus down. One whose engine has failed may hang in its store for ever; what it
/// acknowledged is durable, so that it is left behind then.
fn stop(runtime: Runtime, app: App) -> anyhow::Result<()> {
    let is_alive = app.engine().is_alive();
    let (done, stopped) = channel();
    runtime.spawn(async move { done.send(app.stop().await) });
    let outcome = if is_alive {
        stopped.recv().map_err(anyhow::Error::from)
    } else {
        stopped.recv_timeout(FAILED_GRACE).map_err(anyhow::Error::from)
    };
    runtime.shutdown_background();
    outcome.context("the bus did not come down; it is left as it is")?
}

/// The exit code of a start that failed: what is wrong with the configuration, damage, the rest.
fn refused(error: anyhow::Error) -> Failure {
    let journal_fault = error.downcast_ref::<JournalError>().map(JournalError::fault);
    let exit = match journal_fault {
        Some(Fault::Fatal) => Exit::Damage,
        Some(Fault::Operator) if is_damage(&error) => Exit::Damage,
        _ if error.is::<VaultError>() => vault::exit(&error),
        _ if error.is::<ConfigError>() || error.is::<ClockRefused>() => Exit::Usage,
        _ if matches!(error.downcast_ref(), Some(IndexError::Foreign { .. })) => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn is_damage(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<JournalError>(),
        Some(
            JournalError::Damaged { .. }
                | JournalError::Shorter { .. }
                | JournalError::Diverged { .. }
                | JournalError::SegmentSize { .. }
        )
    )
}

/// Sends the log to standard error. A second start in one process, as in tests, keeps the first.
fn start_log(log: &Log) {
    let registry = tracing_subscriber::registry().with(log.filter.clone());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    if started.is_err() {
        note("the log was started before; it stays as it is");
    }
}
