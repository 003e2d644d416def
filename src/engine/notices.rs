//! Notices taken from the inboxes, and sent by other ways.

use tokio::sync::oneshot;

use super::answer::{Later, Repeat, Reply, index_fault};
use super::group::Group;
use super::writer::Writer;
use super::{EngineError, Noted, timestamp};
use crate::domain::ladder::{NoticeAcknowledged, NoticeSent};
use crate::domain::party::PartyNumber;
use crate::domain::{Event, Rejection, Sequence};
use crate::index::{InboxNotice, IndexError, Outgoing};

impl Writer {
    /// Takes a notice from the inbox of a party, or of one that it acts for.
    pub(super) fn take_notice(
        &mut self,
        (notice, by): (Sequence, PartyNumber),
        reply: oneshot::Sender<Result<Noted, EngineError>>,
        now_ms: i64,
        group: &mut Group,
    ) {
        match self.inbox_with(notice, by).map_err(index_fault) {
            Err(error) => group.later.push(Later::Noted(Err(error), reply)),
            Ok(None) => {
                let unknown = Rejection::DeliveryUnknown(notice).into();
                group.later.push(Later::Noted(Err(unknown), reply));
            }
            Ok(Some((_, InboxNotice { taken: Some(sequence), .. }))) => {
                let repeat = Repeat { sequence, fingerprint: None };
                group.later.push(Later::Noted(Ok(repeat), reply));
            }
            Ok(Some((by, InboxNotice { order_ms, taken: None }))) => {
                let order = timestamp(order_ms);
                let taken = NoticeAcknowledged { notice, by, order };
                self.take(Event::NoticeAcknowledged(taken), now_ms, group, Reply::Noted(reply));
            }
        }
    }

    /// Notes that a notice was sent; a second time changes nothing.
    pub(super) fn notice_sent(
        &mut self,
        sent: NoticeSent,
        reply: oneshot::Sender<Result<Noted, EngineError>>,
        now_ms: i64,
        group: &mut Group,
    ) {
        let NoticeSent { notice, party, channel, outcome: _ } = sent;
        match self.overlay.is_outgoing(Outgoing { notice, party, channel }).map_err(index_fault) {
            Err(error) => group.later.push(Later::Noted(Err(error), reply)),
            Ok(true) => {
                self.take(Event::NoticeSent(sent), now_ms, group, Reply::Noted(reply));
            }
            Ok(false) => {
                let unknown = Rejection::DeliveryUnknown(notice).into();
                group.later.push(Later::Noted(Err(unknown), reply));
            }
        }
    }

    pub(super) fn repeated_note(&self, repeat: &Repeat) -> Result<Noted, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::NoticeAcknowledged(NoticeAcknowledged { by: party, .. }) = recorded.event else {
            return Err(EngineError::Fault("a receipt leads to no acknowledgement"));
        };
        Ok(Noted { party, sequence: repeat.sequence, at: recorded.at, hash: recorded.hash })
    }

    /// The inbox from which a system takes a notice: its party's own, where it is a repeat once that
    /// is taken; without one, that of a party for which it acts. Two of those are told apart by
    /// nothing here, so that a further one is taken only when it is asked for by its own number.
    fn inbox_with(
        &self,
        notice: Sequence,
        by: PartyNumber,
    ) -> Result<Option<(PartyNumber, InboxNotice)>, IndexError> {
        if let Some(own) = self.overlay.notice(notice, by)? {
            return Ok(Some((by, own)));
        }
        let acts_for = self.roster.party(by).map(|party| &party.acts_for[..]).unwrap_or_default();
        let mut waiting = None;
        for party in acts_for.iter().filter_map(|id| self.roster.number(id)) {
            let Some(inbox) = self.overlay.notice(notice, party)? else { continue };
            if inbox.taken.is_some() {
                return Ok(Some((party, inbox)));
            }
            waiting = waiting.or(Some((party, inbox)));
        }
        Ok(waiting)
    }
}
