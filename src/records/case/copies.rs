//! The deliveries of a case beside those of its hops, and the marks of deliveries that are held.

use crate::domain::case::CopyRun;
use crate::domain::held::{Held, HeldReason};
use crate::domain::ids::Sequence;
use crate::records::RecordError;
use crate::records::fields::{read_party, write_party};
use crate::records::wire::{Reader, Writer};

use super::{
    Last, read_flags, read_hop_id, read_moment, read_sequence, read_time, write_hop_id,
    write_moment, write_sequence, write_time,
};

pub(super) fn write_copy(
    out: &mut Writer<'_>,
    copy: &CopyRun,
    last: &mut Last,
) -> Result<(), RecordError> {
    let CopyRun { delivery: Sequence(delivery), hop, to, order, stage, held, received } = copy;
    let (is_received, is_held) = (u8::from(received.is_some()), u8::from(held.is_some()));
    out.byte(u8::from(*stage) | is_received << 1 | is_held << 2);
    write_sequence(out, *delivery, last);
    write_hop_id(out, *hop, last);
    write_party(out, *to);
    write_time(out, "copy.order", *order, last)?;
    held.map_or(Ok(()), |held| write_mark(out, held, last))?;
    received.map_or(Ok(()), |received| write_moment(out, received, last))
}

pub(super) fn read_copy(from: &mut Reader<'_>, last: &mut Last) -> Result<CopyRun, RecordError> {
    let flags = read_flags(from, "copy.flags", 0b111)?;
    let delivery = read_sequence(from, "copy.delivery", last)?;
    let hop = read_hop_id(from, last)?;
    let to = read_party(from, "copy.to")?;
    let order = read_time(from, "copy.order", last)?;
    let held = if flags & 0b100 == 0 { None } else { Some(read_mark(from, last)?) };
    let received =
        if flags & 0b10 == 0 { None } else { Some(read_moment(from, "copy.received", last)?) };
    Ok(CopyRun { delivery, hop, to, order, stage: flags & 1 != 0, held, received })
}

pub(super) fn write_mark(
    out: &mut Writer<'_>,
    held: Held,
    last: &mut Last,
) -> Result<(), RecordError> {
    let Held { reason, since } = held;
    out.byte(reason.tag());
    write_moment(out, since, last)
}

pub(super) fn read_mark(from: &mut Reader<'_>, last: &mut Last) -> Result<Held, RecordError> {
    let reason = from.tag("held.reason", HeldReason::from_tag)?;
    Ok(Held { reason, since: read_moment(from, "held.since", last)? })
}
