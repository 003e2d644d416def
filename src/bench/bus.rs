//! The bus as a process: started, waited for, asked, ended.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};

use super::BenchError;
use super::process::{self, Usage};
use super::site::{HOST, MIGRATION_BODY, OPERATOR, Site};
use crate::rpc::client::{self, BusChannel};
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{
    GetStatusRequest, GetStatusResponse, SetSandboxTimeRequest,
};
use crate::rpc::proto::procedures::v1::ListProceduresRequest;
use crate::rpc::proto::procedures::v1::procedure_service_client::ProcedureServiceClient;
use crate::trust::tls;

/// A rebuild of the index of some million records is waited for.
const START_TIMEOUT: Duration = Duration::from_secs(300);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(300);
/// How exactly starts and stops are timed.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// How exactly catching up is timed. Each look makes the bus count its queues.
const STATUS_INTERVAL: Duration = Duration::from_millis(20);

/// A connection that is being made; needs nothing more of the bench.
pub(super) type Dial = Pin<Box<dyn Future<Output = Result<BusChannel, BenchError>> + Send>>;

/// A bus that runs.
#[derive(Debug)]
pub(super) struct Bus<'s> {
    process: Process<'s>,
    address: SocketAddr,
    operator: OperationsServiceClient<BusChannel>,
}

/// The process, ended by its id when it is dropped.
#[derive(Debug)]
struct Process<'s> {
    child: Child,
    site: &'s Site,
}

impl<'s> Bus<'s> {
    /// Starts a bus and waits until it answers its first call; tells how long that took from the
    /// start of the process.
    pub(super) async fn start(site: &'s Site) -> Result<(Self, Duration), BenchError> {
        let address = free_address()
            .map_err(|why| BenchError::Process { binary: site.binary().to_owned(), why })?;
        let begun = Instant::now();
        let mut process = Process::spawn(site, address)?;
        let channel = process.first_answer(address, begun + START_TIMEOUT).await?;
        let took = begun.elapsed();
        Ok((Self { process, address, operator: OperationsServiceClient::new(channel) }, took))
    }

    /// Ends the bus as its operator would, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), BenchError> {
        let process = &mut self.process;
        let asked = kill_process(Pid::from_child(&process.child), Signal::TERM);
        asked.map_err(|why| process.unmanageable(why.into()))?;
        let begun = Instant::now();
        while !process.has_ended()? {
            if begun.elapsed() > STOP_TIMEOUT {
                return Err(process.too_slow("stop", STOP_TIMEOUT));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// A connection as a party.
    pub(super) async fn connect(&self, party: &str) -> Result<BusChannel, BenchError> {
        self.dial(party)?.await
    }

    /// The same, to be made by a task of its own.
    pub(super) fn dial(&self, party: &str) -> Result<Dial, BenchError> {
        let tls = tls::client_config(&self.process.site.tls_files(party)?)?;
        let address = self.address;
        Ok(Box::pin(async move { Ok(client::connect(address, HOST, tls).await?) }))
    }

    /// Connections as a party.
    pub(super) async fn connections(
        &self,
        party: &str,
        count: usize,
    ) -> Result<Vec<BusChannel>, BenchError> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(self.connect(party).await?);
        }
        Ok(channels)
    }

    /// What the process has used since it started.
    pub(super) fn usage(&self) -> Result<Usage, BenchError> {
        process::usage(self.process.child.id())
    }

    /// Begins the most resident memory of the process anew.
    pub(super) fn forget_peak(&self) -> Result<(), BenchError> {
        process::forget_peak(self.process.child.id())
    }

    /// Deliveries that wait, over all parties.
    pub(super) async fn queued(&self) -> Result<u64, BenchError> {
        let parties = self.status().await?.parties;
        Ok(parties.iter().map(|load| load.queued_deliveries).sum())
    }

    /// How many records the index is behind the journal.
    pub(super) async fn lag_records(&self) -> Result<u64, BenchError> {
        self.status().await.map(|status| status.index_lag_records)
    }

    /// Open hops that the migration body must act on.
    pub(super) async fn open_hops(&self) -> Result<u64, BenchError> {
        let parties = self.status().await?.parties;
        let load = parties.iter().find(|load| load.party_id == MIGRATION_BODY);
        Ok(load.map_or(0, |load| load.open_obligations))
    }

    /// Sets the clock of a sandbox; what falls due by that is durable then.
    pub(super) async fn set_time(&self, time: Timestamp) -> Result<(), BenchError> {
        let time = prost_types::Timestamp { seconds: time.as_second(), nanos: 0 };
        let request = SetSandboxTimeRequest { time: Some(time) };
        let set = self.operator.clone().set_sandbox_time(request).await;
        set.map(drop).map_err(BenchError::call("SetSandboxTime"))
    }

    /// Waits until the index has everything; tells how long that took.
    pub(super) async fn catch_up(&self) -> Result<Duration, BenchError> {
        let begun = Instant::now();
        while self.lag_records().await? > 0 {
            if begun.elapsed() > CATCH_UP_TIMEOUT {
                return Err(self.too_slow("bring its index up to date", CATCH_UP_TIMEOUT));
            }
            tokio::time::sleep(STATUS_INTERVAL).await;
        }
        Ok(begun.elapsed())
    }

    /// The error of something that was waited for in vain.
    pub(super) fn too_slow(&self, what: &'static str, waited: Duration) -> BenchError {
        self.process.too_slow(what, waited)
    }

    async fn status(&self) -> Result<GetStatusResponse, BenchError> {
        let status = self.operator.clone().get_status(GetStatusRequest {}).await;
        Ok(status.map_err(BenchError::call("GetStatus"))?.into_inner())
    }
}

impl<'s> Process<'s> {
    fn spawn(site: &'s Site, address: SocketAddr) -> Result<Self, BenchError> {
        let configuration = site.configure(address)?;
        let child = Command::new(site.binary())
            .arg("serve")
            .arg("--config")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(site.begin_log()?)
            // A group of its own: Ctrl-C ends the bench, which then ends the bus.
            .process_group(0)
            .spawn()
            .map_err(|why| BenchError::Process { binary: site.binary().to_owned(), why })?;
        Ok(Self { child, site })
    }

    /// Connects again and again until a call is answered; gives back the connection. The call is
    /// one that costs nothing, whatever the bus holds.
    async fn first_answer(
        &mut self,
        address: SocketAddr,
        until: Instant,
    ) -> Result<BusChannel, BenchError> {
        let tls = tls::client_config(&self.site.tls_files(OPERATOR)?)?;
        loop {
            // While nobody listens the connection is refused at once.
            if let Ok(channel) = client::connect(address, HOST, tls.clone()).await {
                let mut procedures = ProcedureServiceClient::new(channel.clone());
                if procedures.list_procedures(ListProceduresRequest {}).await.is_ok() {
                    return Ok(channel);
                }
            }
            if self.has_ended()? {
                return Err(BenchError::Ended { log: self.site.end_of_log() });
            }
            if Instant::now() > until {
                return Err(self.too_slow("answer", START_TIMEOUT));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn has_ended(&mut self) -> Result<bool, BenchError> {
        let ended = self.child.try_wait().map_err(|why| self.unmanageable(why))?;
        Ok(ended.is_some())
    }

    fn unmanageable(&self, why: io::Error) -> BenchError {
        BenchError::Process { binary: self.site.binary().to_owned(), why }
    }

    fn too_slow(&self, what: &'static str, waited: Duration) -> BenchError {
        BenchError::TooSlow { what, waited, log: self.site.end_of_log() }
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        // After a proper stop there is nothing left to end, and both calls say so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on. Someone else could take it before the bus does; the bus
/// would then say so and end, and so would the bench.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::bench::Options;

    #[tokio::test]
    async fn a_bus_that_ends_by_itself_is_told_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            binary: "/bin/false".into(),
            dir: dir.path().to_owned(),
            parts: Vec::new(),
            acts: 1,
            longest: Duration::from_secs(1),
            hops: 1,
            connections: 1,
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365),
        };
        let site = Site::make(&options).unwrap();
        let ended = Bus::start(&site).await.map(|_| ());
        assert!(matches!(ended, Err(BenchError::Ended { .. })), "{ended:?}");
    }
}
