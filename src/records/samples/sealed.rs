//! Records with something sealed in them, and the erasure of what is.

use std::sync::Arc;

use super::{delivery_held, held_redirected, inclusion_act};
use crate::domain::confidential::{Confidential, Sealed, SlotNumber};
use crate::domain::erasure::{CaseErased, ErasureOrder, ErasureReason};
use crate::domain::event::Event;
use crate::domain::held::{DeliveryHeld, HeldResolved};
use crate::domain::ids::{CaseId, RequestId};
use crate::domain::party::PartyNumber;

/// Something sealed with the key of a case.
pub fn sealed(slot: u64) -> Confidential {
    Confidential::Sealed(Sealed {
        slot: SlotNumber(slot),
        nonce: [0x61; 12],
        commitment: [0x62; 32],
        bytes: Arc::from(*b"SAMPLE CIPHERTEXT, NOT A PERSON"),
    })
}

/// An act whose document is sealed.
pub fn sealed_act() -> Event {
    let Event::Act(mut act) = inclusion_act() else { unreachable!() };
    act.body.content = sealed(300);
    Event::Act(act)
}

/// A case, erased at somebody's order.
pub fn case_erased() -> Event {
    Event::CaseErased(CaseErased {
        case: CaseId([0xc2; 16]),
        slot: SlotNumber(300),
        reason: ErasureReason::LawfulRequest,
        reference: "SAMPLE No. 17".to_owned(),
        order: Some(ErasureOrder {
            author: PartyNumber(1),
            request: RequestId([0x55; 16]),
            fingerprint: [0xf8; 32],
        }),
    })
}

/// The same by a rule of the bus.
pub fn case_erased_by_rule() -> Event {
    let Event::CaseErased(erased) = case_erased() else { unreachable!() };
    let reason = ErasureReason::RetentionRule;
    Event::CaseErased(CaseErased { reason, order: None, ..erased })
}

/// A delivery that its receiver's system rejected, with everything that is said of it; as this
/// release records it.
pub fn delivery_held_sealed() -> Event {
    let Event::DeliveryHeld(held) = delivery_held() else { unreachable!() };
    Event::DeliveryHeld(DeliveryHeld { detail: Some(sealed(7)), ..held })
}

/// A held delivery, sent to another party; as this release records it.
pub fn held_redirected_sealed() -> Event {
    let Event::HeldResolved(resolved) = held_redirected() else { unreachable!() };
    Event::HeldResolved(HeldResolved { note: Some(sealed(7)), ..resolved })
}
