//! The records of held deliveries, without the two bytes of kind and version.

use crate::domain::confidential::Confidential;
use crate::domain::held::{DeliveryHeld, HeldReason, HeldResolved, Resolution};
use crate::domain::ids::{CaseId, RequestId, Sequence};

use super::RecordError;
use super::fields::{read_party, write_party};
use super::pieces::{read_confidential, write_confidential};
use super::wire::{Reader, Writer};

/// The version in which words were recorded as they were.
const FIRST: u8 = 1;

const RELEASED: u8 = 1;
const REDIRECTED: u8 = 2;
const WITHDRAWN: u8 = 3;

pub(super) fn write_held(out: &mut Writer<'_>, held: &DeliveryHeld) -> Result<(), RecordError> {
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
        write_confidential(out, "held.detail", detail)?;
    }
    out.flag(by.is_some());
    if let Some(by) = by {
        write_party(out, *by);
    }
    Ok(())
}

pub(super) fn read_held(from: &mut Reader<'_>, version: u8) -> Result<DeliveryHeld, RecordError> {
    Ok(DeliveryHeld {
        case: CaseId(from.array("case")?),
        delivery: Sequence(from.number("delivery")?),
        party: read_party(from, "party")?,
        reason: from.tag("held.reason", HeldReason::from_tag)?,
        detail: from.option("held.detail", |from| read_words(from, "held.detail", version))?,
        by: from.option("held.by", |from| read_party(from, "held.by"))?,
    })
}

pub(super) fn write_resolved(
    out: &mut Writer<'_>,
    resolved: &HeldResolved,
) -> Result<(), RecordError> {
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
    out.flag(note.is_some());
    note.as_ref().map_or(Ok(()), |note| write_confidential(out, "note", note))
}

pub(super) fn read_resolved(
    from: &mut Reader<'_>,
    version: u8,
) -> Result<HeldResolved, RecordError> {
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
        note: match version {
            FIRST => Some(read_words(from, "note", version)?).filter(|note| !is_empty(note)),
            _ => from.option("note", |from| read_words(from, "note", version))?,
        },
    })
}

/// Somebody's words: a text in records of the first version, since then as personal data.
fn read_words(
    from: &mut Reader<'_>,
    field: &'static str,
    version: u8,
) -> Result<Confidential, RecordError> {
    match version {
        FIRST => from.long_text(field).map(|text| Confidential::plain(text.into_bytes())),
        _ => read_confidential(from),
    }
}

fn is_empty(content: &Confidential) -> bool {
    content.bytes().is_some_and(<[u8]>::is_empty)
}
