//! What parties say beside the acts of cases: deliveries that their systems cannot read or die of,
//! what becomes of those that are held, and endpoints.

use std::sync::Arc;

use super::happening::{Happening, Waking};
use super::system::{Call, System};
use super::talk::{Ask, Order, Who};
use super::world::{DAY_US, HOUR_US, MINUTE_US, World};
use crate::dispatch::Leased;
use crate::domain::ladder::NO_CASE;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, RequestId, Resolution, ResolveHeld, Sequence, SetEndpoint};

/// So many deliveries in a thousand are rejected.
const REJECTED_PER_MILLE: u64 = 8;
/// How often a system dies of the same delivery before somebody mends it.
const MAX_DEATHS: u32 = 12;
/// Of what is held, so many in a thousand are to be taken back. That may be refused, because
/// somebody's obligation rests on it; then it is released.
const WITHDRAWN_PER_MILLE: u64 = 300;
/// A rejection that was not answered is repeated as an act is after so many attempts.
const REJECTION_TRIES: u32 = 3;
/// Of so many times that somebody looks after an endpoint, one takes it back.
const TAKEN_BACK_PER_MILLE: u64 = 300;

impl World<'_> {
    /// Whether a system dies of a delivery. Of a redelivery too, until somebody has looked at it.
    pub(super) fn is_poison(&self, leased: Leased) -> bool {
        let mixed = leased.sequence.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let is_poison = mixed % 1000 < self.poison_per_mille && leased.case != NO_CASE;
        is_poison && !self.clear && leased.attempt <= MAX_DEATHS
    }

    /// Whether a system rejects a delivery.
    pub(super) fn is_unreadable(&mut self, leased: Leased) -> bool {
        leased.case != NO_CASE && !self.clear && self.chance.hits(REJECTED_PER_MILLE)
    }

    pub(super) fn rejects(&mut self, who: Who, case: CaseId, delivery: Sequence) {
        let ask = Ask::Reject(case, delivery);
        self.calls(who, Call::Rejection(case, delivery), ask);
    }

    pub(super) fn rejects_later(&mut self, who: Who, case: CaseId, delivery: Sequence) {
        let delay_us = System::backoff_us(REJECTION_TRIES, &mut self.chance);
        self.after(delay_us, Happening::Wakes(who, Waking::Reject(case, delivery)));
    }

    /// A delivery is held: the authorised body looks at it in its own time.
    pub(super) fn is_held(&mut self, case: CaseId, delivery: Sequence, party: PartyNumber) {
        self.counts.held += 1;
        let delay_us = self.chance.within(MINUTE_US..=20 * HOUR_US);
        let what = Waking::Resolve(case, delivery, party);
        self.after(delay_us, Happening::Wakes(self.place.body(), what));
    }

    /// The authorised body decides on a held delivery.
    pub(super) fn resolves(&mut self, who: Who, case: CaseId, held: Sequence, party: PartyNumber) {
        if !self.clear && self.chance.hits(WITHDRAWN_PER_MILLE) {
            self.resolves_as(who, Resolution::Withdrawn, (case, held, party));
            // Where that is refused, it goes on its way again a day later.
            self.after(DAY_US, Happening::Wakes(who, Waking::Resolve(case, held, party)));
        } else {
            self.resolves_as(who, Resolution::Released, (case, held, party));
        }
    }

    fn resolves_as(
        &mut self,
        who: Who,
        resolution: Resolution,
        (case, delivery, party): (CaseId, Sequence, PartyNumber),
    ) {
        let asked = ResolveHeld {
            author: self.systems[who].number,
            request: RequestId(self.chance.bytes()),
            fingerprint: [7; 32],
            case,
            delivery,
            party: Some(party),
            resolution,
            note: String::new(),
        };
        self.orders(who, Order::Resolve(asked));
    }

    /// A party registers an endpoint, or takes it back. Nobody calls it: a world has no sockets.
    pub(super) fn registers(&mut self, who: Who) {
        let number = self.systems[who].number;
        let url = format!("https://agency-{}.example.kz:8443", number.0).parse().ok();
        let asked = SetEndpoint {
            author: number,
            request: RequestId(self.chance.bytes()),
            fingerprint: [8; 32],
            party: number,
            url: url.filter(|_| !self.chance.hits(TAKEN_BACK_PER_MILLE)),
        };
        self.orders(who, Order::Endpoint(asked));
    }

    fn orders(&mut self, who: Who, order: Order) {
        let request = order.request();
        self.systems[who].orders.insert(request, Arc::new(order));
        self.sends(who, request);
    }
}
