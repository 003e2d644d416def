//! Who is answered what: the replies of a group, given after its sync.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::held::{HeldReply, HeldTaken};
use super::reads::ReadReply;
use super::{
    Accepted, Amended, Confirmed, EndpointTaken, EngineError, Noted, QuotaTaken, Request, timestamp,
};
use crate::domain::party::PartyNumber;
use crate::domain::{
    ActRecorded, Case, DeliveryAcknowledged, Event, Quota, QuotaKey, QuotaSet, RequestId, Sequence,
};
use crate::index::{Applied, IndexError};

/// Whom to answer with a record, once it is durable.
pub(super) enum Answer {
    /// Nobody asked for the record.
    Nobody,
    Held(Arc<Case>, HeldReply),
    Quota(QuotaSet, Quota, oneshot::Sender<Result<QuotaTaken, EngineError>>),
    Act(Arc<ActRecorded>, Arc<Case>, oneshot::Sender<Result<Accepted, EngineError>>),
    Acknowledged(DeliveryAcknowledged, Arc<Case>, oneshot::Sender<Result<Confirmed, EngineError>>),
    Noted(PartyNumber, oneshot::Sender<Result<Noted, EngineError>>),
    Endpoint(oneshot::Sender<Result<EndpointTaken, EngineError>>),
}

/// What is answered after the sync without a record of its own.
pub(super) enum Later {
    Held(Result<Repeat, EngineError>, HeldReply),
    Quota(Result<Repeat, EngineError>, oneshot::Sender<Result<QuotaTaken, EngineError>>),
    Amended(Result<Repeat, EngineError>, oneshot::Sender<Result<Amended, EngineError>>),
    Act(Result<Repeat, EngineError>, oneshot::Sender<Result<Accepted, EngineError>>),
    Acknowledged(Result<Repeat, EngineError>, oneshot::Sender<Result<Confirmed, EngineError>>),
    Noted(Result<Repeat, EngineError>, oneshot::Sender<Result<Noted, EngineError>>),
    /// What fell due has been said.
    Swept(oneshot::Sender<Result<(), EngineError>>),
    Endpoint(Result<Repeat, EngineError>, oneshot::Sender<Result<EndpointTaken, EngineError>>),
    /// Reads of personal data, recorded in the group.
    Read(Result<(), EngineError>, ReadReply),
}

/// A request that was accepted before.
pub(super) struct Repeat {
    pub(super) sequence: Sequence,
    /// What is asked now, to be compared; none for an acknowledgement, whose id says it all.
    pub(super) fingerprint: Option<(RequestId, [u8; 32])>,
}

/// Whom to answer.
pub(super) enum Reply {
    Nobody,
    Held(HeldReply),
    Quota(oneshot::Sender<Result<QuotaTaken, EngineError>>),
    Act(oneshot::Sender<Result<Accepted, EngineError>>),
    Acknowledged(oneshot::Sender<Result<Confirmed, EngineError>>),
    Noted(oneshot::Sender<Result<Noted, EngineError>>),
    Endpoint(oneshot::Sender<Result<EndpointTaken, EngineError>>),
}

impl Reply {
    pub(super) fn refuse(self, error: EngineError) {
        // As in `answer_later`: a caller that has gone away is not an error.
        match self {
            Self::Nobody => {}
            Self::Held(reply) => drop(reply.send(Err(error))),
            Self::Quota(reply) => drop(reply.send(Err(error))),
            Self::Act(reply) => drop(reply.send(Err(error))),
            Self::Acknowledged(reply) => drop(reply.send(Err(error))),
            Self::Noted(reply) => drop(reply.send(Err(error))),
            Self::Endpoint(reply) => drop(reply.send(Err(error))),
        }
    }
}

impl Request {
    /// Tells whoever asked that nothing was done.
    pub(super) fn refuse(self, error: &EngineError) {
        match self {
            Self::Act(_, reply) => Reply::Act(reply).refuse(error.clone()),
            Self::List(items) => {
                items.into_iter().for_each(|(_, reply)| Reply::Act(reply).refuse(error.clone()));
            }
            Self::Acknowledge(_, reply) => Reply::Acknowledged(reply).refuse(error.clone()),
            Self::SetQuota(_, reply) => Reply::Quota(reply).refuse(error.clone()),
            Self::Amend(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::ChangeRegistry(_, reply) => drop(reply.send(Err(error.clone().into()))),
            Self::Held(_, reply) => Reply::Held(reply).refuse(error.clone()),
            Self::Erase(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Read(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::TakeNotice(_, reply) | Self::Sent(_, reply) => {
                Reply::Noted(reply).refuse(error.clone());
            }
            Self::SetEndpoint(_, reply) => Reply::Endpoint(reply).refuse(error.clone()),
            Self::Sweep(Some(reply)) => drop(reply.send(Err(error.clone()))),
            Self::Sweep(None) | Self::Warn(_) | Self::Stop => {}
        }
    }
}

impl Answer {
    /// What is answered to whoever asked for an event; the reply, if it waits for one of another
    /// kind.
    pub(super) fn of(
        event: Event,
        case: Option<Arc<Case>>,
        reply: Reply,
        quota: impl FnOnce(QuotaKey) -> Quota,
    ) -> Result<Self, Reply> {
        Ok(match (event, case, reply) {
            (Event::Act(event), Some(case), Reply::Act(reply)) => {
                Self::Act(Arc::from(event), case, reply)
            }
            (Event::Acknowledged(event), Some(case), Reply::Acknowledged(reply)) => {
                Self::Acknowledged(event, case, reply)
            }
            (Event::QuotaSet(event), None, Reply::Quota(reply)) => {
                let now = quota(event.key);
                Self::Quota(event, now, reply)
            }
            (Event::NoticeAcknowledged(taken), None, Reply::Noted(reply)) => {
                Self::Noted(taken.by, reply)
            }
            (Event::NoticeSent(sent), None, Reply::Noted(reply)) => Self::Noted(sent.party, reply),
            (Event::DeliveryHeld(_) | Event::HeldResolved(_), Some(case), Reply::Held(reply)) => {
                Self::Held(case, reply)
            }
            (Event::EndpointSet(_), None, Reply::Endpoint(reply)) => Self::Endpoint(reply),
            (_, _, Reply::Nobody) => Self::Nobody,
            // Each kind of request is decided to its own kind of event, just above.
            (_, _, reply) => return Err(reply),
        })
    }

    pub(super) fn give(self, applied: Applied, now_ms: i64) {
        let Applied { sequence, hash } = applied;
        let at = timestamp(now_ms);
        match self {
            Self::Nobody => {}
            Self::Held(case, reply) => {
                drop(reply.send(Ok(HeldTaken { sequence, at, hash, case })));
            }
            Self::Quota(QuotaSet { key, .. }, quota, reply) => {
                drop(reply.send(Ok(QuotaTaken { sequence, at, hash, key, quota })));
            }
            Self::Act(event, case, reply) => {
                let accepted = Accepted { sequence, at, hash, event, case, repeated: false };
                drop(reply.send(Ok(accepted)));
            }
            Self::Acknowledged(event, case, reply) => {
                drop(reply.send(Ok(Confirmed { sequence, at, hash, event, case })));
            }
            Self::Noted(party, reply) => {
                drop(reply.send(Ok(Noted { party, sequence, at, hash })));
            }
            Self::Endpoint(reply) => drop(reply.send(Ok(EndpointTaken { sequence, at, hash }))),
        }
    }

    pub(super) fn refuse(self, error: &EngineError) {
        match self {
            Self::Nobody => {}
            Self::Held(_, reply) => Reply::Held(reply).refuse(error.clone()),
            Self::Quota(_, _, reply) => Reply::Quota(reply).refuse(error.clone()),
            Self::Act(_, _, reply) => Reply::Act(reply).refuse(error.clone()),
            Self::Acknowledged(_, _, reply) => Reply::Acknowledged(reply).refuse(error.clone()),
            Self::Noted(_, reply) => Reply::Noted(reply).refuse(error.clone()),
            Self::Endpoint(reply) => Reply::Endpoint(reply).refuse(error.clone()),
        }
    }
}

impl Later {
    /// The record that the answer repeats, if it repeats one.
    pub(super) fn repeats(&self) -> Option<Sequence> {
        match self {
            Self::Act(Ok(repeat), _)
            | Self::Acknowledged(Ok(repeat), _)
            | Self::Quota(Ok(repeat), _)
            | Self::Noted(Ok(repeat), _)
            | Self::Held(Ok(repeat), _)
            | Self::Endpoint(Ok(repeat), _)
            | Self::Amended(Ok(repeat), _) => Some(repeat.sequence),
            Self::Act(Err(_), _)
            | Self::Acknowledged(Err(_), _)
            | Self::Quota(Err(_), _)
            | Self::Held(Err(_), _)
            | Self::Noted(Err(_), _)
            | Self::Endpoint(Err(_), _)
            | Self::Amended(Err(_), _)
            | Self::Read(..)
            | Self::Swept(_) => None,
        }
    }

    pub(super) fn refuse(self, error: &EngineError) {
        match self {
            Self::Held(_, reply) => Reply::Held(reply).refuse(error.clone()),
            Self::Quota(_, reply) => Reply::Quota(reply).refuse(error.clone()),
            Self::Amended(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Act(_, reply) => Reply::Act(reply).refuse(error.clone()),
            Self::Acknowledged(_, reply) => Reply::Acknowledged(reply).refuse(error.clone()),
            Self::Noted(_, reply) => Reply::Noted(reply).refuse(error.clone()),
            Self::Swept(reply) | Self::Read(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Endpoint(_, reply) => Reply::Endpoint(reply).refuse(error.clone()),
        }
    }
}

pub(super) fn index_fault(error: IndexError) -> EngineError {
    tracing::error!(%error, "the index cannot be read");
    EngineError::Fault("the index cannot be read")
}
