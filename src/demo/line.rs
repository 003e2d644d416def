//! A party's line to the bus: one connection over mutual TLS, and patience with an end.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::DemoError;
use super::stage::Stage;
use crate::domain::party::PartyId;
use crate::rpc::client::{BusChannel, CallError};

/// How long a party waits for an answer. Far above what a healthy bus takes, so that a loaded
/// machine passes, and short enough for a defect to show.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// One party's connection.
#[derive(Debug, Clone)]
pub(super) struct Line {
    party: PartyId,
    channel: BusChannel,
}

impl Line {
    /// Connects as `party`, with its own certificate.
    pub(super) async fn connect(stage: &Stage, party: &PartyId) -> Result<Self, DemoError> {
        Ok(Self { party: party.clone(), channel: stage.connect(party).await? })
    }

    /// Whose line it is.
    pub(super) fn party(&self) -> &PartyId {
        &self.party
    }

    /// The connection, for a stub; calls share it.
    pub(super) fn channel(&self) -> BusChannel {
        self.channel.clone()
    }

    /// Waits for the answer to a call.
    pub(super) async fn ask<A, E: Into<CallError>>(
        &self,
        what: &str,
        call: impl Future<Output = Result<A, E>>,
    ) -> Result<A, DemoError> {
        let answer = self.wait(what, call).await?;
        answer.map_err(|why| self.refused(what, why.into()))
    }

    /// Waits for anything that the bus owes this party.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        event: impl Future<Output = T>,
    ) -> Result<T, DemoError> {
        let silent = |_| DemoError::Silent {
            party: self.party.clone(),
            what: what.to_owned(),
            seconds: PATIENCE.as_secs(),
        };
        timeout(PATIENCE, event).await.map_err(silent)
    }

    /// The bus refused `what`.
    pub(super) fn refused(&self, what: &str, why: impl ToString) -> DemoError {
        let (what, why) = (what.to_owned(), why.to_string());
        DemoError::Refused { party: self.party.clone(), what, why }
    }

    /// An answer lacks `what`.
    pub(super) fn lacks(&self, what: &str) -> DemoError {
        DemoError::Answer { party: self.party.clone(), what: what.to_owned() }
    }
}
