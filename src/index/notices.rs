//! What the index knows of the ladder: what was said, what waits to be sent, when the bus was away.

use jiff::Timestamp;

use super::{
    ClockMark, InboxNotice, Index, IndexError, Outgoing, QueueKey, QueueOp, Said, keys, storage,
    unreadable, values,
};
use crate::domain::ids::{CaseId, Sequence};
use crate::domain::ladder::{NO_CASE, Notice, Outage};
use crate::domain::party::PartyNumber;

/// Clocks read from the queues in one page.
const PAGE_CLOCKS: usize = 4_096;

impl Index {
    /// What was said of the clocks of a case, by place, due instant and party.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn said(&self, case: CaseId) -> Result<Vec<Said>, IndexError> {
        self.with(|db| {
            let entries = db.scan_prefix(keys::said_in(case)).keys();
            let read = |key: Result<sled::IVec, sled::Error>| {
                let key = key.map_err(storage("read what was said"))?;
                keys::parse_said(&key).ok_or(unreadable("a rung"))
            };
            entries.map(read).collect()
        })
    }

    /// Up to which instant, in Unix milliseconds, every planned rung has been said; those planned
    /// at the instant itself may have been said in part.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn swept(&self) -> Result<Option<i64>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::SWEPT).map_err(storage("read the ladder's mark"))?;
            let read = |value: sled::IVec| {
                let bytes = value.as_ref().try_into().map_err(|_| unreadable("the ladder's mark"));
                bytes.map(i64::from_le_bytes)
            };
            value.map(read).transpose()
        })
    }

    /// Visits every running clock: the party that must act or take the delivery, the case, the
    /// mark, and whether it is a delivery, be it in its queue or held. One pass over each list.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn clocks(
        &self,
        visit: &mut dyn FnMut(PartyNumber, CaseId, ClockMark, bool),
    ) -> Result<(), IndexError> {
        let delivery = |key: &[u8], value: &[u8]| {
            let (party, _) = keys::parse_delivery(key)?;
            Some((party, values::read_delivery(value)?))
        };
        self.marks((keys::DELIVERY, "a delivery"), delivery, &mut |party, case, mark| {
            visit(party, case, mark, true);
        })?;
        // Out of its queue, while its term runs on.
        let held = |key: &[u8], value: &[u8]| {
            let (party, _) = keys::parse_held(key)?;
            Some((party, values::read_delivery(value)?))
        };
        self.marks((keys::HELD, "a held delivery"), held, &mut |party, case, mark| {
            visit(party, case, mark, true);
        })?;
        let obligation = |key: &[u8], value: &[u8]| {
            let (party, _) = keys::parse_obligation(key)?;
            let (case, _, mark) = values::read_obligation(value)?;
            Some((party, (case, mark)))
        };
        self.marks((keys::OBLIGATION, "an obligation"), obligation, &mut |party, case, mark| {
            visit(party, case, mark, false);
        })
    }

    /// Visits what has a clock in a list, page by page.
    fn marks(
        &self,
        (kind, what): (u8, &'static str),
        read: impl Fn(&[u8], &[u8]) -> Option<(PartyNumber, (CaseId, Option<ClockMark>))>,
        visit: &mut dyn FnMut(PartyNumber, CaseId, ClockMark),
    ) -> Result<(), IndexError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let range = keys::all_of(kind, after.as_deref());
            let page = self.page(range, PAGE_CLOCKS, what, |key, value| {
                Some((key.to_vec(), read(key, value)?))
            })?;
            for (_, (party, (case, mark))) in &page {
                if let Some(mark) = mark {
                    visit(*party, *case, *mark);
                }
            }
            let Some((last, _)) = page.into_iter().next_back() else { return Ok(()) };
            after = Some(last);
        }
    }

    /// A notice in a party's inbox; none where it was never put there.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn notice(
        &self,
        notice: Sequence,
        party: PartyNumber,
    ) -> Result<Option<InboxNotice>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::notice(notice, party)).map_err(storage("read a notice"))?;
            let read = |value: sled::IVec| {
                let (order_ms, taken) =
                    values::read_notice(&value).ok_or(unreadable("a notice"))?;
                Ok(InboxNotice { order_ms, taken })
            };
            value.map(read).transpose()
        })
    }

    /// Whether a notice is still to be sent beside the inbox.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn is_outgoing(&self, outgoing: Outgoing) -> Result<bool, IndexError> {
        self.with(|db| db.contains_key(keys::outgoing(outgoing)).map_err(storage("read a notice")))
    }

    /// The notices that are to be sent beside the inboxes, the earliest first, from the first
    /// beyond `after`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn outgoing(
        &self,
        after: Option<Outgoing>,
        limit: usize,
    ) -> Result<Vec<Outgoing>, IndexError> {
        let after = after.map(keys::outgoing);
        let range = keys::all_of(keys::OUTGOING, after.as_ref().map(|key| &key[..]));
        self.page(range, limit, "an outgoing notice", |key, _| keys::parse_outgoing(key))
    }

    /// The times in which the bus was away, in their order.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn outages(&self) -> Result<Vec<Outage>, IndexError> {
        self.page(keys::all_of(keys::OUTAGE, None), usize::MAX, "an outage", |key, value| {
            let sequence = keys::parse_outage(key)?;
            let (from, until) = values::read_span(value)?;
            let from = Timestamp::from_millisecond(from).ok()?;
            Some(Outage { sequence, from, until: Timestamp::from_millisecond(until).ok()? })
        })
    }
}

/// What a notice puts into the inboxes and on its other ways, and what is known to have been said.
pub(super) fn told(notice: &Notice, sequence: Sequence, at: Timestamp) -> Vec<QueueOp> {
    let order_ms = at.as_millisecond();
    let key = QueueKey { order_ms, sequence };
    let inboxes = notice.parties().into_iter().flat_map(|party| {
        let delivery = QueueOp::AddDelivery { to: party, key, case: NO_CASE, mark: None };
        [delivery, QueueOp::AddNotice { notice: sequence, party, order_ms }]
    });
    let outgoing = notice.channels.iter();
    let outgoing = outgoing
        .map(|(party, channel)| (sequence, *party, *channel))
        .map(|(notice, party, channel)| QueueOp::AddOutgoing { notice, party, channel });
    let said = notice.fired.iter().map(|fired| {
        QueueOp::AddSaid(Said {
            case: fired.case,
            place: fired.place,
            rung: fired.rung,
            days: fired.days,
            duty: fired.duty,
            due_ms: fired.due_at.as_millisecond(),
            notice: sequence,
        })
    });
    let swept = QueueOp::Swept(notice.planned_at.as_millisecond());
    inboxes.chain(outgoing).chain(said).chain([swept]).collect()
}
