//! The record of an erasure, without the two bytes of kind and version.

use crate::domain::confidential::SlotNumber;
use crate::domain::erasure::{CaseErased, ErasureOrder, ErasureReason};
use crate::domain::ids::{CaseId, RequestId};

use super::RecordError;
use super::fields::{read_party, write_party};
use super::wire::{Reader, Writer};

pub(super) fn write_erased(out: &mut Writer<'_>, erased: &CaseErased) {
    let CaseErased { case: CaseId(case), slot: SlotNumber(slot), reason, reference, order } =
        erased;
    out.bytes(case);
    out.number(*slot);
    out.byte(reason.tag());
    out.long_text(reference);
    out.flag(order.is_some());
    if let Some(ErasureOrder { author, request: RequestId(request), fingerprint }) = order {
        write_party(out, *author);
        out.bytes(request);
        out.bytes(fingerprint);
    }
}

pub(super) fn read_erased(from: &mut Reader<'_>) -> Result<CaseErased, RecordError> {
    Ok(CaseErased {
        case: CaseId(from.array("case")?),
        slot: SlotNumber(from.number("slot")?),
        reason: from.tag("erasure.reason", ErasureReason::from_tag)?,
        reference: from.long_text("erasure.reference")?,
        order: from.option("erasure.order", |from| {
            Ok(ErasureOrder {
                author: read_party(from, "author")?,
                request: RequestId(from.array("request")?),
                fingerprint: from.array("fingerprint")?,
            })
        })?,
    })
}
