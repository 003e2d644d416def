//! How a command reaches a running bus: with a party's certificate, as any other client.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use tokio::runtime::Runtime;

use super::output::{Exit, Failure};
use crate::domain::party::PartyId;
use crate::rpc::client::{BusChannel, CallError, connect};
use crate::trust::issue::CertificateDir;
use crate::trust::tls::{TlsFiles, client_config};

/// The bus, and as whom to call it.
#[derive(Debug, Args)]
pub(super) struct BusArgs {
    /// Address of the bus
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7443")]
    bus: SocketAddr,
    /// Name that the certificate of the bus must carry
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    name: String,
    /// Directory with ca.pem, and PARTY.pem and PARTY.key of the calling party
    #[arg(long, value_name = "DIR", default_value = "certs")]
    certs: PathBuf,
    /// Party to call as
    #[arg(long = "as", value_name = "PARTY", default_value = "operator")]
    party: String,
}

impl BusArgs {
    /// Connects, and runs `call` on the connection.
    pub(super) fn call<T>(
        &self,
        call: impl AsyncFnOnce(BusChannel) -> Result<T, CallError>,
    ) -> Result<T, Failure> {
        let party: PartyId = self
            .party
            .parse()
            .map_err(|why| Failure::usage(anyhow!("--as {}: {why}", self.party)))?;
        let certs = CertificateDir::new(&self.certs);
        let files = TlsFiles {
            certificate: certs.party_certificate(&party),
            key: certs.party_key(&party),
            ca: certs.ca_certificate(),
        };
        let tls = client_config(&files).map_err(Failure::usage)?;
        let runtime = Runtime::new().map_err(Failure::failed)?;
        runtime.block_on(async {
            let channel = connect(self.bus, &self.name, tls).await;
            let channel = channel.map_err(|why| Failure::new(Exit::Refused, why))?;
            call(channel).await.map_err(|why| Failure::new(Exit::Refused, why))
        })
    }
}
