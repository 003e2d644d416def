//! The writer: the one thread that owns the journal's tail.
//!
//! Each turn takes what is waiting, decides it in order, appends the events as one group and only
//! then answers, rejections included: a rejection may rest on an act of the same group, so it is
//! no more certain than that act is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use super::answer::{Answer, Later, Repeat, Reply, index_fault};
use super::erase::concerned_by;
use super::follower::Backlog;
use super::group::{Group, Taken};
use super::ledger::LedgerView;
use super::overlay::Overlay;
use super::stalls::Stalls;
use super::sweep::Resumed;
use super::timetable::Timetable;
use super::upkeep::Unsettled;
use super::vitals::Vitals;
use super::{
    Accepted, Acknowledgement, Clock, EngineError, EngineOptions, Law, Request, Rosters,
    Watermarks, case_id, timestamp,
};
use crate::domain::calendar::Calendar;
use crate::domain::ladder::{Ladder, Outage};
use crate::domain::{
    self, ActRecorded, Case, CaseAct, CaseId, Command, Context, DeliveryAcknowledged, Event,
    Roster, Sequence,
};
use crate::index::{Applied, IndexError, case_of, fold};
use crate::journal::{Journal, JournalError};
use crate::mutation::{Mutation, on};
use crate::records::encode_event;
use crate::vault::Vault;

/// Everything the writer thread owns.
pub(super) struct Writer {
    pub(super) journal: Box<dyn Journal>,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) overlay: Overlay,
    pub(super) backlog: Arc<Backlog>,
    pub(super) marks: Arc<Watermarks>,
    pub(super) roster: Arc<Roster>,
    /// Where the others read it.
    pub(super) rosters: Rosters,
    pub(super) law: Law,
    pub(super) clock: Clock,
    pub(super) options: EngineOptions,
    /// Where free space is looked up; none for a journal in memory.
    pub(super) disk: Option<PathBuf>,
    /// True once the engine was told to end.
    pub(super) stopping: bool,
    /// The hour, since 1970, in which expired places were looked for last.
    pub(super) expiries_of_hour: i64,
    /// The amendment whose clocks are not all counted again. Until they are, nothing is taken.
    pub(super) unsettled: Option<Unsettled>,
    /// The rungs and whom they tell.
    pub(super) ladder: Arc<Ladder>,
    /// The next rung of every running clock.
    pub(super) timetable: Timetable,
    /// When the bus was away, in order.
    pub(super) outages: Vec<Outage>,
    /// When an outage began that could not be recorded, in Unix milliseconds.
    pub(super) unrecorded_outage_ms: Option<i64>,
    /// The time of the journal's last record before this start, in Unix milliseconds; none in an
    /// empty journal.
    pub(super) ended_ms: Option<i64>,
    /// The last sign of life before this start, in Unix milliseconds, if there was one.
    pub(super) last_alive_ms: Option<i64>,
    /// When the last turn was.
    pub(super) stalls: Stalls,
    /// Where the ladder stood at the start, until it has caught up.
    pub(super) resumed: Option<Resumed>,
    /// What tells whether the bus does its work.
    pub(super) vitals: Arc<Vitals>,
    /// The cases that complaints taken since the start are about, with the last of them.
    pub(super) concerned: BTreeMap<CaseId, Sequence>,
}

impl Writer {
    /// Runs until every handle is gone or the journal has failed.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(self.options.max_group_commands);
        let mut group = Group::default();
        while !self.stopping && !self.marks.failed.load(Ordering::Acquire) {
            waiting.clear();
            if requests.blocking_recv_many(&mut waiting, self.options.max_group_commands) == 0 {
                break;
            }
            self.vitals.turn(true);
            let turned = self.turn(&mut waiting, &mut group);
            self.vitals.turn(false);
            self.vitals.outage_waits(self.unrecorded_outage_ms.is_some());
            if let Err(reason) = turned {
                tracing::error!(%reason, "the writer stops; restart the bus after the cause is mended");
                self.marks.failed.store(true, Ordering::Release);
                break;
            }
        }
        self.backlog.close();
    }

    /// Decides, appends and answers what is waiting, in as many groups as its bytes need.
    pub(super) fn turn(
        &mut self,
        waiting: &mut Vec<Request>,
        group: &mut Group,
    ) -> Result<(), JournalError> {
        let indexed = Sequence(self.marks.indexed.load(Ordering::Acquire));
        self.overlay.forget(indexed);
        let shortage = self.shortage();
        let now_ms = self.now_ms();
        let mut refused = self.come_up_to(now_ms, group)?.err();
        if refused.is_none() {
            self.expire(now_ms, group);
        }
        for request in waiting.drain(..) {
            if let Some(reason) = &refused {
                // What comes first cannot be recorded, so nothing that comes after it may be.
                self.stopping |= matches!(request, Request::Stop);
                request.refuse(reason);
                continue;
            }
            match request {
                Request::Warn(warnings) => {
                    self.flush(now_ms, group)?;
                    self.warn(&warnings, now_ms, group);
                }
                Request::Amend(amendment, reply) => {
                    refused = self.amend(*amendment, reply, now_ms, group)?.err();
                }
                Request::Erase(asked, reply) => self.erase(&asked, reply, now_ms, group)?,
                Request::ChangeRegistry(new, reply) => {
                    self.change_registry(*new, reply, now_ms, group)?;
                }
                Request::List(items) => {
                    // What an item repeats is read back while the list is decided.
                    self.flush(now_ms, group)?;
                    self.decide_list(items, now_ms, group);
                }
                request @ (Request::Act(..)
                | Request::Acknowledge(..)
                | Request::SetQuota(..)
                | Request::Held(..)
                | Request::TakeNotice(..)
                | Request::Sent(..)
                | Request::Sweep(_)
                | Request::Read(..)
                | Request::SetEndpoint(..)
                | Request::Stop) => self.decide(request, now_ms, shortage.as_ref(), group),
            }
            if group.is_full() {
                self.flush(now_ms, group)?;
            }
        }
        self.flush(now_ms, group)?;
        Ok(())
    }

    /// The clock, held back to the journal's last time when the machine's clock was set back.
    pub(super) fn now_ms(&self) -> i64 {
        let last = self.journal.tail().last_time_ms;
        self.clock.now_ms().max(last.unwrap_or(i64::MIN))
    }

    fn decide(
        &mut self,
        request: Request,
        now_ms: i64,
        shortage: Option<&EngineError>,
        group: &mut Group,
    ) {
        match request {
            Request::Stop => self.stopping = true,
            // Taken by the turn itself, since they commit on their own.
            Request::Amend(_, reply) => drop(reply),
            Request::ChangeRegistry(_, reply) => drop(reply),
            Request::List(items) => drop(items),
            Request::Erase(_, reply) => drop(reply),
            Request::Read(reads, reply) => self.read(reads, reply, now_ms, group),
            Request::Held(asked, reply) => self.held(*asked, reply, now_ms, group),
            Request::Warn(_) => {}
            // The turn has swept already; whoever asked is told once that is durable.
            Request::Sweep(reply) => group.later.extend(reply.map(Later::Swept)),
            Request::TakeNotice(taken, reply) => self.take_notice(taken, reply, now_ms, group),
            Request::Sent(sent, reply) => self.notice_sent(sent, reply, now_ms, group),
            Request::SetQuota(asked, reply) => self.set_quota(asked, reply, now_ms, group),
            Request::SetEndpoint(asked, reply) => self.set_endpoint(asked, reply, now_ms, group),
            Request::Act(command, reply) => match self.decide_act(&command, now_ms) {
                Ok(Outcome::Fresh(event)) => match self.no_room_for(&event, shortage, now_ms) {
                    Some(error) => group.later.push(Later::Act(Err(error), reply)),
                    None => self.take(Event::Act(event), now_ms, group, Reply::Act(reply)),
                },
                Ok(Outcome::Repeat(repeat)) => group.later.push(Later::Act(Ok(repeat), reply)),
                Err(error) => group.later.push(Later::Act(Err(error), reply)),
            },
            Request::Acknowledge(asked, reply) => {
                match self.decide_acknowledgement(asked, now_ms) {
                    Ok(Outcome::Fresh(event)) => {
                        self.take(
                            Event::Acknowledged(event),
                            now_ms,
                            group,
                            Reply::Acknowledged(reply),
                        );
                    }
                    Ok(Outcome::Repeat(repeat)) => {
                        group.later.push(Later::Acknowledged(Ok(repeat), reply))
                    }
                    Err(error) => group.later.push(Later::Acknowledged(Err(error), reply)),
                }
            }
        }
    }

    /// Decides every item before any is taken. The acts of a list are of different cases and move
    /// no quota, so none rests on another.
    fn decide_list(
        &mut self,
        items: Vec<(Command, oneshot::Sender<Result<Accepted, EngineError>>)>,
        now_ms: i64,
        group: &mut Group,
    ) {
        let decide = |command| match self.decide_act(command, now_ms)? {
            // Told now: other content under the item's id must keep the whole list out.
            Outcome::Repeat(repeat) => self.repeated_act(&repeat).map(|_| Outcome::Repeat(repeat)),
            fresh @ Outcome::Fresh(_) => Ok(fresh),
        };
        let decided: Vec<_> = items.iter().map(|(command, _)| decide(command)).collect();
        let is_refused = decided.iter().any(Result::is_err);
        for ((_, reply), outcome) in items.into_iter().zip(decided) {
            match outcome {
                Err(error) => group.later.push(Later::Act(Err(error), reply)),
                Ok(_) if is_refused => {
                    group.later.push(Later::Act(Err(EngineError::ListRefused), reply));
                }
                Ok(Outcome::Repeat(repeat)) => group.later.push(Later::Act(Ok(repeat), reply)),
                Ok(Outcome::Fresh(event)) => {
                    self.take(Event::Act(event), now_ms, group, Reply::Act(reply));
                }
            }
        }
    }

    fn decide_act(
        &self,
        command: &Command,
        now_ms: i64,
    ) -> Result<Outcome<Box<ActRecorded>>, EngineError> {
        if let Some(sequence) = self.known(command)? {
            let fingerprint = Some((command.request, command.fingerprint));
            return Ok(Outcome::Repeat(Repeat { sequence, fingerprint }));
        }
        let case = match &command.act {
            CaseAct::Submit(_) => None,
            CaseAct::Continue(..) => self.overlay.case(command.case).map_err(index_fault)?,
        };
        let calendar = self.law.calendar();
        let ledger = self.ledger();
        let event =
            domain::decide(case.as_deref(), command, self.context(now_ms, &calendar, &ledger));
        ledger.check()?;
        Ok(Outcome::Fresh(Box::new(event?)))
    }

    /// The act that was accepted under this request before. A later act has an entry of its own;
    /// an opening one is found by the id of its case, which is derived from the request.
    fn known(&self, command: &Command) -> Result<Option<Sequence>, EngineError> {
        let Command { author, request, .. } = *command;
        let sender =
            self.roster.id(author).ok_or(EngineError::Fault("an author without a name"))?;
        let opens = case_id(sender.as_str(), request);
        if matches!(command.act, CaseAct::Submit(_)) && command.case != opens {
            return Err(EngineError::Fault("a case id that is not derived from its request"));
        }
        let opened = self.overlay.case(opens).map_err(index_fault)?;
        if on(Mutation::AnswerAnew) {
            return Ok(None);
        }
        match opened.and_then(|case| case.opened_by()) {
            Some(sequence) => Ok(Some(sequence)),
            None => self.overlay.request(author, request).map_err(index_fault),
        }
    }

    fn decide_acknowledgement(
        &self,
        asked: Acknowledgement,
        now_ms: i64,
    ) -> Result<Outcome<DeliveryAcknowledged>, EngineError> {
        let Acknowledgement { case, delivery, by } = asked;
        let case = self.overlay.case(case).map_err(index_fault)?;
        let is_for = |party| self.roster.may_act_for(by, party);
        let mut awaited = case.iter().flat_map(|case| case.awaited(delivery));
        // One act may go to several for whom one system acts; it takes it for each of them.
        if !awaited.any(is_for) {
            let mut receipts = case.iter().flat_map(|case| case.receipts(delivery));
            if let Some(receipt) = receipts.find(|receipt| is_for(receipt.by)) {
                let sequence = receipt.moment.sequence;
                return Ok(Outcome::Repeat(Repeat { sequence, fingerprint: None }));
            }
        }
        drop(awaited);
        let (calendar, ledger) = (self.law.calendar(), self.ledger());
        let context = self.context(now_ms, &calendar, &ledger);
        let event = domain::acknowledge(case.as_deref(), delivery, by, context)?;
        Ok(Outcome::Fresh(event))
    }

    pub(super) fn context<'a>(
        &'a self,
        now_ms: i64,
        calendar: &'a Calendar,
        ledger: &'a LedgerView<'a>,
    ) -> Context<'a> {
        Context {
            now: timestamp(now_ms),
            calendar,
            roster: &self.roster,
            procedures: &self.law.procedures,
            ledger,
            when_unset: self.law.when_unset,
        }
    }

    pub(super) fn ledger(&self) -> LedgerView<'_> {
        LedgerView::new(&self.overlay)
    }

    /// Adds a decided event to the group and to the overlay.
    pub(super) fn take(&mut self, mut event: Event, now_ms: i64, group: &mut Group, reply: Reply) {
        let case_before = match self.case_before(&event).map_err(index_fault) {
            Ok(case_before) => case_before,
            Err(error) => return reply.refuse(error),
        };
        // Sealed while it is folded and written; whoever asked is told of it as it was.
        let unsealed = match self.seal(&mut event, case_before.as_deref()) {
            Ok(unsealed) => unsealed,
            Err(error) => return reply.refuse(error),
        };
        let applied = Applied { sequence: self.next_sequence(group), hash: [0; 32] };
        if let Some(concerned) = concerned_by(&event) {
            self.concerned.insert(concerned, applied.sequence);
        }
        let change = match fold(case_before.as_deref(), &event, applied, timestamp(now_ms)) {
            Ok(change) => change,
            Err(error) => {
                tracing::error!(%error, "a decided event does not fold");
                return reply.refuse(EngineError::Fault("a decided event does not fold"));
            }
        };
        let before = group.bytes.len();
        if let Err(error) = encode_event(&event, &mut group.bytes) {
            tracing::error!(%error, "a decided event cannot be encoded");
            return reply.refuse(EngineError::Fault("a decided event cannot be encoded"));
        }
        if let Err(error) = self.overlay.take(&change) {
            group.bytes.truncate(before);
            return reply.refuse(index_fault(error));
        }
        if let Some(unsealed) = unsealed {
            unsealed.restore(&mut event);
        }
        let quota = |key| self.overlay.quota(key).unwrap_or_default();
        let answer = match Answer::of(event, change.case.clone(), reply, quota) {
            Ok(answer) => answer,
            Err(reply) => return reply.refuse(EngineError::Fault("an event of another kind")),
        };
        let case_after = change.case.clone();
        self.vitals.queues.take(&change.queue);
        group.push(change, answer);
        if let Some(after) = case_after {
            self.follow(case_before.as_deref(), &after, now_ms, group);
        }
    }

    /// Adds a record that nobody asked for. One that does not fold is a broken invariant, which
    /// whoever rests on the record must not pass over.
    pub(super) fn note(&mut self, event: Event, now_ms: i64, group: &mut Group) -> Taken {
        let next = self.next_sequence(group);
        self.take(event, now_ms, group, Reply::Nobody);
        if self.next_sequence(group) > next {
            Ok(())
        } else {
            Err(EngineError::Fault("a record of the bus itself was not taken"))
        }
    }

    /// The case that an event continues; none for one that opens a case, or is of none.
    fn case_before(&self, event: &Event) -> Result<Option<Arc<Case>>, IndexError> {
        match event {
            Event::Act(act) if act.opening.is_some() => Ok(None),
            Event::Act(act) => self.overlay.case(act.case),
            Event::Acknowledged(_)
            | Event::PartyEnrolled(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::Notice(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => match case_of(event) {
                Some(case) => self.overlay.case(case),
                None => Ok(None),
            },
        }
    }
}

/// What a request is decided to be.
pub(super) enum Outcome<T> {
    Fresh(T),
    Repeat(Repeat),
}

impl<T> Outcome<T> {
    pub(super) fn map<U>(self, into: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Fresh(event) => Outcome::Fresh(into(event)),
            Self::Repeat(repeat) => Outcome::Repeat(repeat),
        }
    }
}
