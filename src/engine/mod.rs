//! The engine: one writer decides, makes durable and answers; a follower keeps the index.
//!
//! [`Engine`] is a cheap handle. Behind it the writer thread owns the journal's tail and drains
//! what is waiting into one group: decide each, write once, sync once, answer all. The follower
//! thread folds the accepted records into the index, off the path of the answers; until it has,
//! the writer sees them in its overlay. The engine knows nothing of gRPC, TLS or delivery streams.

pub mod alive;
mod answer;
mod case_id;
mod chain;
pub mod clock;
mod erase;
mod follower;
mod group;
mod held;
pub mod keeper;
mod ledger;
mod notices;
mod overlay;
pub mod queues;
mod reads;
mod registry;
mod repeat;
pub mod retention;
mod room;
mod sealing;
pub mod slots;
pub mod stalls;
mod start;
mod stepped;
mod sweep;
mod timetable;
mod upkeep;
pub mod vitals;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};

use crate::domain::calendar::Calendar;
use crate::domain::ladder::{Impediment, NoticeSent};
use crate::domain::party::PartyNumber;
use crate::domain::{
    ActRecorded, Case, CaseId, Command, DataRead, DeliveryAcknowledged, EraseCase, Event,
    Procedures, Quota, QuotaKey, Rejection, RequestId, Roster, Sequence, SetEndpoint, SetQuota,
    WhenUnset,
};
use crate::index::{Index, IndexError, QueueOp};
use crate::journal::{JournalError, JournalReader, Seq};
use crate::records::{RecordError, decode_event};
use crate::vault::{Disclosed, Vault, VaultError, disclose, open_event};

use vitals::Vitals;

pub use case_id::case_id;
pub use chain::Chain;
pub use clock::{Clock, timestamp};
pub use erase::Erased;
pub use held::HeldTaken;
pub use registry::{NewRegistry, RegistryChange, RegistryError, RegistryTaken, Rosters};
pub use start::{Assembled, Parts, StartError, Started, assemble, start};
pub use stepped::Stepped;

/// Bounds of the engine, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Commands that may wait for the writer; a further one is told to come back. Acknowledgements
    /// take at most half of it and wait for their turn outside, so that the parties that come back
    /// after an outage leave room for acts and are not refused themselves.
    pub max_waiting_commands: usize,
    /// Commands in one group, which is one write and one sync.
    pub max_group_commands: usize,
    /// Accepted records that the index may lag behind; at the bound the writer waits for it.
    pub max_index_lag_records: usize,
    /// Free bytes on the journal's disk below which new applications are refused, while what
    /// closes a clock is still taken.
    pub reserve_disk_bytes: u64,
    /// Deliveries that may wait for one party; a new application that would go to a party at the
    /// bound is refused, while what closes a clock is still taken.
    pub max_queued_deliveries_per_party: u64,
}

/// What the engine decides by.
#[derive(Debug, Clone)]
pub struct Law {
    /// The procedures.
    pub procedures: Arc<Procedures>,
    /// What a quota means that nobody has set.
    pub when_unset: WhenUnset,
    /// The working days; an amendment puts another calendar here.
    calendar: Arc<RwLock<Arc<Calendar>>>,
}

impl Law {
    /// The law as it is when the bus starts.
    pub fn new(procedures: Arc<Procedures>, calendar: Calendar, when_unset: WhenUnset) -> Self {
        let calendar = Arc::new(RwLock::new(Arc::new(calendar)));
        Self { procedures, when_unset, calendar }
    }

    /// The calendar of working days, as amended last.
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.calendar.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn amend(&self, calendar: Calendar) {
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(calendar);
    }
}

/// Why a command has no receipt.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The caller's to mend.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Too much is waiting; repeating later helps.
    #[error("the bus has too much waiting")]
    Overloaded,
    /// The disk has no room for the act; repeating helps once there is.
    #[error("the disk of the bus is full")]
    DiskFull,
    /// The bus has no memory for an act that opens a clock; repeating helps once it has.
    #[error("the bus is short of memory")]
    MemoryShort,
    /// As much waits for the receiver as may; repeating helps once it has taken something.
    #[error("too much waits for the receiver")]
    QueueFull,
    /// The bus is stopping, and whether the act was accepted is unknown: the sender repeats it.
    #[error("the bus is stopping")]
    Stopped,
    /// A fault of the bus. Logged where it arose.
    #[error("a fault of the bus: {0}")]
    Fault(&'static str),
    /// Another item of the same list was refused, so this one is not taken either.
    #[error("another item of the list was refused")]
    ListRefused,
}

/// An item of a list that was refused, with the reason; none of the list was taken.
#[derive(Debug, Clone)]
pub struct ItemRefused {
    /// Its place in the list, from zero.
    pub item: usize,
    /// Why.
    pub error: EngineError,
}

/// A quota, set.
#[derive(Debug, Clone)]
pub struct QuotaTaken {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
    /// Which quota.
    pub key: QuotaKey,
    /// Where it stands now.
    pub quota: Quota,
}

/// An endpoint, registered or taken back.
#[derive(Debug, Clone, Copy)]
pub struct EndpointTaken {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
}

/// A calendar that the operator puts in the place of the one in force.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// Who amends it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
    /// The amended calendar.
    pub calendar: Calendar,
    /// The same as text, in the format of calendar files.
    pub text: String,
    /// Why.
    pub reason: String,
}

/// A calendar, amended.
#[derive(Debug, Clone, Copy)]
pub struct Amended {
    /// The place of the amendment in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
    /// Cases with open clocks that end otherwise now.
    pub cases: u64,
    /// Those clocks.
    pub clocks: u64,
}

/// An accepted act.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
    /// The act, as recorded.
    pub event: Arc<ActRecorded>,
    /// The case, as of now.
    pub case: Arc<Case>,
    /// True when this is the receipt of an earlier identical request.
    pub repeated: bool,
}

/// An accepted acknowledgement.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was accepted: in law, the receipt.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
    /// The acknowledgement, as recorded.
    pub event: DeliveryAcknowledged,
    /// The case, as of now.
    pub case: Arc<Case>,
}

/// A record that somebody asked for, beside those of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// Whose notice it is of.
    pub party: PartyNumber,
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of the record.
    pub hash: [u8; 32],
}

/// A delivery that will not reach its receiver in time, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// The receiver.
    pub party: PartyNumber,
    /// The case.
    pub case: CaseId,
    /// The act on its way.
    pub delivery: Sequence,
    /// Why.
    pub impediment: Impediment,
}

/// An act read back from the journal.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of its record.
    pub hash: [u8; 32],
    /// What was recorded.
    pub event: Event,
}

/// A record that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal is damaged or unreadable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The record is of a kind or version that this build does not know.
    #[error("record {0}: {1}")]
    Record(Sequence, RecordError),
    /// There is no such record.
    #[error("the journal has no record {0}")]
    Missing(Sequence),
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What is sealed in the record cannot be opened.
    #[error("record {0}: {1}")]
    Vault(Sequence, VaultError),
}

/// How far the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last durable record.
    pub sequence: Sequence,
    /// The last record that the index has.
    pub indexed: Sequence,
}

/// Told of every change of the queues, once the index has it.
pub trait QueueObserver: Send + Sync {
    /// The queue operations of a batch, in journal order.
    fn queues_changed(&self, operations: &[QueueOp]);
}

enum Request {
    Act(Command, oneshot::Sender<Result<Accepted, EngineError>>),
    List(Vec<(Command, oneshot::Sender<Result<Accepted, EngineError>>)>),
    Acknowledge(Acknowledgement, oneshot::Sender<Result<Confirmed, EngineError>>),
    SetQuota(SetQuota, oneshot::Sender<Result<QuotaTaken, EngineError>>),
    SetEndpoint(SetEndpoint, oneshot::Sender<Result<EndpointTaken, EngineError>>),
    Amend(Box<Amendment>, oneshot::Sender<Result<Amended, EngineError>>),
    ChangeRegistry(Box<NewRegistry>, registry::RegistryReply),
    Held(Box<held::HeldRequest>, held::HeldReply),
    Erase(Box<EraseCase>, erase::EraseReply),
    Read(Vec<DataRead>, reads::ReadReply),
    /// A notice taken from an inbox.
    TakeNotice((Sequence, PartyNumber), oneshot::Sender<Result<Noted, EngineError>>),
    /// A notice sent beside the inbox.
    Sent(NoticeSent, oneshot::Sender<Result<Noted, EngineError>>),
    /// Terms that will not hold.
    Warn(Vec<Warning>),
    /// Say what has fallen due.
    Sweep(Option<oneshot::Sender<Result<(), EngineError>>>),
    /// Take nothing more.
    Stop,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledgement {
    case: CaseId,
    delivery: Sequence,
    by: PartyNumber,
}

/// Where writer and follower stand, shared with the handles.
#[derive(Debug, Default)]
struct Watermarks {
    durable: AtomicU64,
    indexed: AtomicU64,
    failed: AtomicBool,
}

/// The handle of the engine.
#[derive(Clone)]
pub struct Engine {
    requests: mpsc::Sender<Request>,
    /// Acknowledgements that may be asked and not answered. Who asks bounds how many wait for it:
    /// a stream has its window, a party its calls.
    acknowledging: Arc<Semaphore>,
    marks: Arc<Watermarks>,
    indexed: watch::Receiver<u64>,
    reader: Arc<dyn JournalReader>,
    vault: Arc<dyn Vault>,
    index: Index,
    rosters: Rosters,
    law: Law,
    clock: Clock,
    vitals: Arc<Vitals>,
}

impl Engine {
    /// Asks for an act and waits for its durable receipt.
    ///
    /// # Errors
    /// An [`EngineError`]; only after [`EngineError::Stopped`] and [`EngineError::Fault`] is it
    /// unknown whether the act was accepted, and a repeat under the same request id tells.
    pub async fn act(&self, command: Command) -> Result<Accepted, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Act(command, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Acknowledges a delivery and waits until that is durable. A repeat gets the original answer.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn acknowledge(
        &self,
        case: CaseId,
        delivery: Sequence,
        by: PartyNumber,
    ) -> Result<Confirmed, EngineError> {
        // Given back with the answer.
        let _turn = self.turn_to_acknowledge().await?;
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Acknowledge(Acknowledgement { case, delivery, by }, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Asks for the acts of a list, all of them or none, and waits for their receipts in order. An
    /// item that was accepted before, alone or in the same list, gets its original receipt.
    ///
    /// # Errors
    /// The [`ItemRefused`] that made the list fail.
    pub async fn list(&self, commands: Vec<Command>) -> Result<Vec<Accepted>, ItemRefused> {
        let mut asked = Vec::with_capacity(commands.len());
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let (reply, answer) = oneshot::channel();
            asked.push((command, reply));
            answers.push(answer);
        }
        self.ask(Request::List(asked)).map_err(|error| ItemRefused { item: 0, error })?;
        let mut accepted = Vec::with_capacity(answers.len());
        let mut refused: Option<ItemRefused> = None;
        for (item, answer) in answers.into_iter().enumerate() {
            match answer.await.unwrap_or(Err(EngineError::Stopped)) {
                Ok(one) => accepted.push(one),
                Err(EngineError::ListRefused) => {}
                Err(error) => refused = refused.or(Some(ItemRefused { item, error })),
            }
        }
        match refused {
            None => Ok(accepted),
            Some(refused) => Err(refused),
        }
    }

    /// Sets a quota and waits until that is durable. A repeat gets the original receipt.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn set_quota(&self, asked: SetQuota) -> Result<QuotaTaken, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::SetQuota(asked, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Registers an endpoint or takes it back, and waits until that is durable. A repeat gets the
    /// original receipt.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn set_endpoint(&self, asked: SetEndpoint) -> Result<EndpointTaken, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::SetEndpoint(asked, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Amends the calendar, counts every open clock again, and answers when all of that is durable.
    /// A repeat gets the original receipt, with nothing moved.
    ///
    /// # Errors
    /// As for [`Engine::act`]. Where the disk became full between the amendment and the last clock,
    /// the amendment stands; nothing is taken then until all are counted, and a repeat is answered.
    pub async fn amend_calendar(&self, amendment: Amendment) -> Result<Amended, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Amend(Box::new(amendment), reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Acknowledges a notice in the inbox of a party, or where it has none, of one that it acts for,
    /// and waits until that is durable. A repeat gets the original answer, and takes no other's.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn acknowledge_notice(
        &self,
        notice: Sequence,
        by: PartyNumber,
    ) -> Result<Noted, EngineError> {
        let _turn = self.turn_to_acknowledge().await?;
        let (reply, answer) = oneshot::channel();
        self.ask(Request::TakeNotice((notice, by), reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Records that a notice was sent beside the inbox, or given up.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn notice_sent(&self, sent: NoticeSent) -> Result<Noted, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Sent(sent, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Lets the writer look at its clock. It does at every turn; this is for when there is nothing
    /// else to do. What has fallen due is said by it, and costs nothing when nothing has.
    pub fn tick(&self) {
        // A full queue means that the writer takes its next turn at once in any case.
        let _ = self.ask(Request::Sweep(None));
    }

    /// Waits until everything that has fallen due is said and durable.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::Stopped`]; otherwise why it cannot be said now.
    pub async fn sweep(&self) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Sweep(Some(reply)))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }

    /// Warns of terms that will not hold; of each once for its due instant.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::Stopped`].
    pub fn warn(&self, warnings: Vec<Warning>) -> Result<(), EngineError> {
        self.ask(Request::Warn(warnings))
    }

    /// Waits until the index has everything that was durable when this was called, so that a
    /// reader sees its own writes.
    pub async fn caught_up(&self) {
        let durable = self.marks.durable.load(Ordering::Acquire);
        let mut indexed = self.indexed.clone();
        // An error means that the follower has stopped; the reader then sees what there is.
        let _ = indexed.wait_for(|indexed| *indexed >= durable).await;
    }

    /// Reads a record back and opens what is sealed in it; what was erased says so. The fingerprint
    /// of a sealed act stays as it is recorded, keyed.
    ///
    /// # Errors
    /// A [`ReadError`] if it is missing, damaged or of another build, or does not open.
    pub fn recorded(&self, sequence: Sequence) -> Result<Recorded, ReadError> {
        let mut recorded = self.as_recorded(sequence)?;
        open_event(&*self.vault, &mut recorded.event)
            .map_err(|error| ReadError::Vault(sequence, error))?;
        Ok(recorded)
    }

    /// Opens what is sealed in a record for somebody who is to be able to hold it against the record
    /// without a key. None where nothing is sealed, and where it was erased.
    ///
    /// # Errors
    /// [`ReadError::Vault`] if it does not open.
    pub fn disclose(
        &self,
        sequence: Sequence,
        event: &mut Event,
    ) -> Result<Option<Disclosed>, ReadError> {
        disclose(&*self.vault, event).map_err(|error| ReadError::Vault(sequence, error))
    }

    /// Reads a record back as it stands in the journal, with what is sealed in it sealed.
    ///
    /// # Errors
    /// A [`ReadError`] if it is missing, damaged or of another build.
    pub fn as_recorded(&self, sequence: Sequence) -> Result<Recorded, ReadError> {
        read_back(&*self.reader, sequence)
    }

    /// The index, for reading.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The parties with their numbers, as of now.
    pub fn roster(&self) -> &Arc<Roster> {
        self.rosters.last()
    }

    /// Ends the engine: what waits is answered, everything later is told that the bus is stopping.
    pub async fn close(&self) {
        // An error means that the writer has ended already.
        let _ = self.requests.send(Request::Stop).await;
    }

    /// The procedures and the calendar.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// The bus's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What tells whether the bus does its work.
    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    /// How far writer and index are.
    pub fn progress(&self) -> Progress {
        Progress {
            sequence: Sequence(self.marks.durable.load(Ordering::Acquire)),
            indexed: Sequence(self.marks.indexed.load(Ordering::Acquire)),
        }
    }

    /// Ends the engine because its index hangs, or has shown damage; the next start builds it anew.
    pub fn give_up_index(&self) {
        self.index.doubt();
        self.marks.failed.store(true, Ordering::Release);
    }

    /// False once a failed write, sync or index has ended the engine for good.
    pub fn is_alive(&self) -> bool {
        !self.marks.failed.load(Ordering::Acquire) && !self.requests.is_closed()
    }

    /// Waits until an acknowledgement may be asked; first come, first served.
    async fn turn_to_acknowledge(&self) -> Result<SemaphorePermit<'_>, EngineError> {
        self.acknowledging.acquire().await.map_err(|_| EngineError::Stopped)
    }

    fn ask(&self, request: Request) -> Result<(), EngineError> {
        self.requests.try_send(request).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => EngineError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => EngineError::Stopped,
        })
    }
}

fn read_back(reader: &dyn JournalReader, sequence: Sequence) -> Result<Recorded, ReadError> {
    let record = reader.read(Seq(sequence.0))?.ok_or(ReadError::Missing(sequence))?;
    let event =
        decode_event(&record.payload).map_err(|error| ReadError::Record(sequence, error))?;
    Ok(Recorded { at: timestamp(record.time_ms), hash: record.hash.0, event })
}
