//! The records of held deliveries, without the two bytes of kind and version.

use crate::domain::held::{DeliveryHeld, HeldReason, HeldResolved, Resolution};
use crate::domain::ids::{CaseId, RequestId, Sequence};

use super::RecordError;
use super::fields::{read_party, write_party};
use super::wire::{Reader, Writer};

const RELEASED: u8 = 1;
const REDIRECTED: u8 = 2;
const WITHDRAWN: u8 = 3;

pub(super) fn write_held(out: &mut Writer<'_>, held: &DeliveryHeld) {
    let DeliveryHeld {
        case: CaseId(case),
        delivery: Sequence(delivery),
        party,
        reason,
        detail,
        by,
    } = held;
    out.bytes(case);
    out.number(*delivery);
    write_party(out, *party);
    out.byte(reason.tag());
    out.flag(detail.is_some());
    if let Some(detail) = detail {
        out.long_text(detail);
    }
    out.flag(by.is_some());
    if let Some(by) = by {
        write_party(out, *by);
    }
}

pub(super) fn read_held(from: &mut Reader<'_>) -> Result<DeliveryHeld, RecordError> {
    Ok(DeliveryHeld {
        case: CaseId(from.array("case")?),
        delivery: Sequence(from.number("delivery")?),
        party: read_party(from, "party")?,
        reason: from.tag("held.reason", HeldReason::from_tag)?,
        detail: from.option("held.detail", |from| from.long_text("held.detail"))?,
        by: from.option("held.by", |from| read_party(from, "held.by"))?,
    })
}

pub(super) fn write_resolved(out: &mut Writer<'_>, resolved: &HeldResolved) {
    let HeldResolved {
        case: CaseId(case),
        delivery: Sequence(delivery),
        party,
        resolution,
        author,
        request: RequestId(request),
        fingerprint,
        note,
    } = resolved;
    out.bytes(case);
    out.number(*delivery);
    write_party(out, *party);
    match resolution {
        Resolution::Released => out.byte(RELEASED),
        Resolution::Redirected { to } => {
            out.byte(REDIRECTED);
            write_party(out, *to);
        }
        Resolution::Withdrawn => out.byte(WITHDRAWN),
    }
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    out.long_text(note);
}

pub(super) fn read_resolved(from: &mut Reader<'_>) -> Result<HeldResolved, RecordError> {
    Ok(HeldResolved {
        case: CaseId(from.array("case")?),
        delivery: Sequence(from.number("delivery")?),
        party: read_party(from, "party")?,
        resolution: match from.byte("resolution")? {
            RELEASED => Resolution::Released,
            REDIRECTED => Resolution::Redirected { to: read_party(from, "resolution.to")? },
            WITHDRAWN => Resolution::Withdrawn,
            tag => return Err(RecordError::UnknownTag { field: "resolution", tag }),
        },
        author: read_party(from, "author")?,
        request: RequestId(from.array("request")?),
        fingerprint: from.array("fingerprint")?,
        note: from.long_text("note")?,
    })
}
