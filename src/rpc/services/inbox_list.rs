//! An inbox as its party's people see it, and those who watch over the parties: what waits, without
//! its papers.

use super::Bus;
use crate::domain::ladder::NO_CASE;
use crate::domain::{Event, Sequence};
use crate::index::QueueKey;
use crate::rpc::Caller;
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::query::{self, DeliveryId, PartyPage};
use crate::rpc::proto::operations::v1::{ListInboxRequest, ListInboxResponse};
use crate::rpc::show::delivery::queued;
use crate::rpc::show::notice;
use crate::rpc::status::Refusal;

impl Bus {
    /// A page of an inbox. No paper is opened and no lease taken.
    pub(super) fn list_inbox(
        &self,
        request: &ListInboxRequest,
        caller: &Caller,
    ) -> Result<ListInboxResponse, Refusal> {
        let asked = query::inbox(request, caller, self.engine.roster())?;
        let PartyPage { party, page_items, page_token } = asked;
        let listing = Listing { name: "inbox", party, filter: &[] };
        let after = listing.place(page_token)?.map(|place| key(&place)).transpose()?;
        let index = self.engine.index();
        let waiting = index.deliveries(party, after, page_items)?;
        let next_page_token = match waiting.last() {
            Some(last) if waiting.len() == page_items => listing.token(&place(last.key)),
            Some(_) | None => String::new(),
        };
        let mut deliveries = Vec::with_capacity(waiting.len());
        for one in waiting {
            let sequence = one.key.sequence;
            if one.case == NO_CASE {
                let id = DeliveryId { sequence, case: one.case };
                let leased = self.dispatch.is_leased(party, sequence);
                let recorded = self.engine.recorded(sequence)?;
                let Event::Notice(said) = &recorded.event else {
                    return Err(Refusal::Fault("a queue names a notice that is none"));
                };
                let said = (said.as_ref(), &recorded);
                deliveries.push(notice::queued(self.view(), party, said, id, leased));
                continue;
            }
            // What was acknowledged or held since the page was read waits no more.
            if let Some(case) = index.case(one.case)?
                && let Some(run) = case.carrying(sequence, party)
                && case.held(sequence, party).is_none()
            {
                let id = DeliveryId { sequence, case: one.case };
                let leased = self.dispatch.is_leased(party, sequence);
                deliveries.push(queued(self.view(), &case, run, id, leased));
            }
        }
        Ok(ListInboxResponse { deliveries, next_page_token })
    }
}

/// A delivery's place in the bytes of a page token.
pub(super) fn place(key: QueueKey) -> [u8; 16] {
    let QueueKey { order_ms, sequence } = key;
    let mut place = [0; 16];
    place[..8].copy_from_slice(&order_ms.to_be_bytes());
    place[8..].copy_from_slice(&sequence.0.to_be_bytes());
    place
}

pub(super) fn key(place: &[u8]) -> Result<QueueKey, Refusal> {
    let read = || {
        let (order_ms, sequence) = place.split_first_chunk()?;
        let sequence = Sequence(u64::from_be_bytes(sequence.try_into().ok()?));
        Some(QueueKey { order_ms: i64::from_be_bytes(*order_ms), sequence })
    };
    read().ok_or(Refusal::PageTokenInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_delivery_reads_back() {
        for order_ms in [i64::MIN, -1, 0, 1_700_000_000_123, i64::MAX] {
            let one = QueueKey { order_ms, sequence: Sequence(u64::MAX - 1) };
            assert_eq!(key(&place(one)).unwrap(), one);
        }
        for wrong in [&[][..], &[0; 7], &[0; 15], &[0; 17]] {
            assert!(matches!(key(wrong), Err(Refusal::PageTokenInvalid)));
        }
    }
}
