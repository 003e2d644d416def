//! The pieces of which acts and acknowledgements are made: the hops that they open with their
//! clocks, the deliveries, the document.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::act::{Act, Body, BodyKind};
use crate::domain::confidential::{Confidential, Sealed, SlotNumber};
use crate::domain::event::{Delivery, DeliveryKind, HopOpened, ServiceClock};
use crate::domain::ids::HopId;
use crate::domain::term::Due;

use super::RecordError;
use super::fields::{
    MAX_OPENED, actor_of_tag, actor_tag, read_calendar, read_party, source_of_tag, source_tag,
    write_party,
};
use super::wire::{Reader, Writer};

/// The version of a record that knows no branches.
const FIRST: u8 = 1;

/// As it was received.
const PLAIN: u8 = 0;
/// By AES-256-GCM under the key of the case.
const SEALED: u8 = 1;

pub(super) fn write_service(
    out: &mut Writer<'_>,
    service: &ServiceClock,
) -> Result<(), RecordError> {
    let ServiceClock { opened_at, due, informative } = service;
    out.time("service.opened_at", *opened_at)?;
    write_due(out, due)?;
    out.flag(*informative);
    Ok(())
}

pub(super) fn read_service(from: &mut Reader<'_>) -> Result<ServiceClock, RecordError> {
    Ok(ServiceClock {
        opened_at: from.time("service.opened_at")?,
        due: read_due(from)?,
        informative: from.flag("service.informative")?,
    })
}

pub(super) fn write_opened(out: &mut Writer<'_>, opened: &[HopOpened]) -> Result<(), RecordError> {
    out.count("opened", opened.len(), MAX_OPENED)?;
    opened.iter().try_for_each(|hop| write_hop_opened(out, hop))
}

pub(super) fn read_opened(
    from: &mut Reader<'_>,
    version: u8,
) -> Result<Vec<HopOpened>, RecordError> {
    from.list("opened", MAX_OPENED, |from| read_hop_opened(from, version))
}

pub(super) fn write_hop_opened(
    out: &mut Writer<'_>,
    opened: &HopOpened,
) -> Result<(), RecordError> {
    let HopOpened { hop, act, from, holder, opened_at, due, source, branch } = opened;
    out.text("opened.hop", hop.as_str())?;
    out.byte(act.tag());
    out.byte(actor_tag(*from));
    write_party(out, *holder);
    out.time("opened_at", *opened_at)?;
    out.flag(due.is_some());
    if let Some(due) = due {
        write_due(out, due)?;
    }
    out.byte(source_tag(*source));
    out.flag(*branch);
    Ok(())
}

pub(super) fn read_hop_opened(
    from: &mut Reader<'_>,
    version: u8,
) -> Result<HopOpened, RecordError> {
    Ok(HopOpened {
        hop: from.text("opened.hop")?,
        act: from.tag("opened.act", Act::from_tag)?,
        from: from.tag("opened.from", actor_of_tag)?,
        holder: read_party(from, "holder")?,
        opened_at: from.time("opened_at")?,
        due: from.option("due", read_due)?,
        source: from.tag("source", source_of_tag)?,
        branch: version != FIRST && from.flag("branch")?,
    })
}

pub(super) fn write_due(out: &mut Writer<'_>, due: &Due) -> Result<(), RecordError> {
    let Due { date, instant, calendar, estimated } = due;
    out.date(*date);
    out.time("due.instant", *instant)?;
    out.text("due.calendar", calendar.as_str())?;
    out.flag(*estimated);
    Ok(())
}

pub(super) fn read_due(from: &mut Reader<'_>) -> Result<Due, RecordError> {
    Ok(Due {
        date: from.date("due.date")?,
        instant: from.time("due.instant")?,
        calendar: read_calendar(from)?,
        estimated: from.flag("due.estimated")?,
    })
}

pub(super) fn write_delivery(out: &mut Writer<'_>, delivery: Delivery) -> Result<(), RecordError> {
    let Delivery { hop, to, order, kind } = delivery;
    out.text("delivery.hop", hop.as_str())?;
    write_party(out, to);
    out.time("delivery.order", order)?;
    out.byte(kind.tag());
    Ok(())
}

pub(super) fn read_delivery(from: &mut Reader<'_>) -> Result<Delivery, RecordError> {
    Ok(Delivery {
        hop: from.text("delivery.hop")?,
        to: read_party(from, "delivery.to")?,
        order: from.time("delivery.order")?,
        kind: from.tag("delivery.kind", DeliveryKind::from_tag)?,
    })
}

pub(super) fn read_first_delivery(
    from: &mut Reader<'_>,
    hop: HopId,
) -> Result<Delivery, RecordError> {
    let to = read_party(from, "delivery.to")?;
    let order: Timestamp = from.time("delivery.order")?;
    Ok(Delivery { hop, to, order, kind: DeliveryKind::Hop })
}

pub(super) fn write_body(out: &mut Writer<'_>, body: &Body) -> Result<(), RecordError> {
    let Body { kind, content } = body;
    out.byte(kind.tag());
    write_confidential(out, "body", content)
}

pub(super) fn read_body(from: &mut Reader<'_>) -> Result<Body, RecordError> {
    let kind = from.tag("body.kind", BodyKind::from_tag)?;
    Ok(Body { kind, content: read_confidential(from)? })
}

/// Personal data, behind a byte that says how they are sealed.
pub(super) fn write_confidential(
    out: &mut Writer<'_>,
    field: &'static str,
    content: &Confidential,
) -> Result<(), RecordError> {
    let bytes = match content {
        Confidential::Plain(bytes) => {
            out.byte(PLAIN);
            bytes
        }
        Confidential::Sealed(Sealed { slot: SlotNumber(slot), nonce, commitment, bytes }) => {
            out.byte(SEALED);
            out.number(*slot);
            out.bytes(nonce);
            out.bytes(commitment);
            bytes
        }
        Confidential::Erased { .. } => return Err(RecordError::Erased { field }),
    };
    out.number(bytes.len() as u64);
    out.bytes(bytes);
    Ok(())
}

pub(super) fn read_confidential(from: &mut Reader<'_>) -> Result<Confidential, RecordError> {
    Ok(match from.byte("sealing")? {
        PLAIN => Confidential::Plain(read_content(from)?),
        SEALED => Confidential::Sealed(Sealed {
            slot: SlotNumber(from.number("sealed.slot")?),
            nonce: from.array("sealed.nonce")?,
            commitment: from.array("sealed.commitment")?,
            bytes: read_content(from)?,
        }),
        other => return Err(RecordError::UnknownSealing(other)),
    })
}

fn read_content(from: &mut Reader<'_>) -> Result<Arc<[u8]>, RecordError> {
    let length = from.small("content.length")?;
    Ok(from.bytes("content", length)?.into())
}
