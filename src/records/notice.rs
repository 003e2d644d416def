//! The records of the ladder.

use crate::domain::act::Act;
use crate::domain::ids::{CaseId, ProcedureKey, Sequence};
use crate::domain::ladder::{
    Attribution, BusOutage, Channel, Clause, Fired, Impediment, MAX_FIRED, Notice,
    NoticeAcknowledged, NoticeSent, Rung, Sent,
};

use super::RecordError;
use super::fields::{read_party, source_of_tag, source_tag, write_party};
use super::wire::{Reader, Writer};

/// The most parties that one rung tells, and that one notice reaches by other ways.
pub(super) const MAX_TOLD: usize = 16;
const MAX_CHANNELS: usize = MAX_FIRED * MAX_TOLD;

pub(super) fn write_notice(out: &mut Writer<'_>, notice: &Notice) -> Result<(), RecordError> {
    let Notice { planned_at, outage, fired, channels } = notice;
    out.time("planned_at", *planned_at)?;
    out.number(outage.map_or(0, |outage| outage.0));
    out.count("fired", fired.len(), MAX_FIRED)?;
    fired.iter().try_for_each(|fired| write_fired(out, fired))?;
    out.count("channels", channels.len(), MAX_CHANNELS)?;
    for (party, channel) in channels {
        write_party(out, *party);
        out.byte(channel.tag());
    }
    Ok(())
}

pub(super) fn read_notice(from: &mut Reader<'_>) -> Result<Notice, RecordError> {
    Ok(Notice {
        planned_at: from.time("planned_at")?,
        outage: match from.number("outage")? {
            0 => None,
            outage => Some(Sequence(outage)),
        },
        fired: from.list("fired", MAX_FIRED, read_fired)?,
        channels: from.list("channels", MAX_CHANNELS, |from| {
            Ok((read_party(from, "channel.party")?, from.tag("channel", Channel::from_tag)?))
        })?,
    })
}

fn write_fired(out: &mut Writer<'_>, fired: &Fired) -> Result<(), RecordError> {
    let Fired {
        case: CaseId(case),
        place,
        hop,
        act,
        rung,
        days,
        impediment,
        opened_at,
        due_at,
        source,
        carried,
        duty,
        attribution,
        clause,
        to,
    } = fired;
    out.bytes(case);
    out.byte(*place);
    out.text("hop", hop.as_str())?;
    out.byte(act.tag());
    out.byte(rung.tag());
    out.number(u64::from(*days));
    out.byte(impediment.map_or(0, Impediment::tag));
    out.time("opened_at", *opened_at)?;
    out.time("due_at", *due_at)?;
    out.byte(source_tag(*source));
    out.flag(*carried);
    write_party(out, *duty);
    out.flag(attribution.is_some());
    if let Some(Attribution { with_party_ms, in_bus_ms, awaiting_ms }) = attribution {
        for ms in [with_party_ms, in_bus_ms, awaiting_ms] {
            out.number(*ms);
        }
    }
    out.flag(clause.is_some());
    if let Some(Clause { procedure: ProcedureKey { procedure, edition }, citation }) = clause {
        out.text("clause.procedure", procedure.as_str())?;
        out.text("clause.edition", edition.as_str())?;
        out.long_text(citation);
    }
    out.count("to", to.len(), MAX_TOLD)?;
    to.iter().for_each(|party| write_party(out, *party));
    Ok(())
}

fn read_fired(from: &mut Reader<'_>) -> Result<Fired, RecordError> {
    let impediment =
        |tag: u8| if tag == 0 { Some(None) } else { Impediment::from_tag(tag).map(Some) };
    Ok(Fired {
        case: CaseId(from.array("case")?),
        place: from.byte("place")?,
        hop: from.text("hop")?,
        act: from.tag("act", Act::from_tag)?,
        rung: from.tag("rung", Rung::from_tag)?,
        days: from.small("days")?,
        impediment: from.tag("impediment", impediment)?,
        opened_at: from.time("opened_at")?,
        due_at: from.time("due_at")?,
        source: from.tag("source", source_of_tag)?,
        carried: from.flag("carried")?,
        duty: read_party(from, "duty")?,
        attribution: from.option("attribution", |from| {
            Ok(Attribution {
                with_party_ms: from.number("with_party")?,
                in_bus_ms: from.number("in_bus")?,
                awaiting_ms: from.number("awaiting")?,
            })
        })?,
        clause: from.option("clause", |from| {
            let procedure = from.text("clause.procedure")?;
            let edition = from.text("clause.edition")?;
            let citation = from.long_text("clause.citation")?;
            Ok(Clause { procedure: ProcedureKey { procedure, edition }, citation })
        })?,
        to: from.list("to", MAX_TOLD, |from| read_party(from, "to"))?,
    })
}

pub(super) fn write_taken(
    out: &mut Writer<'_>,
    taken: &NoticeAcknowledged,
) -> Result<(), RecordError> {
    let NoticeAcknowledged { notice: Sequence(notice), by, order } = taken;
    out.number(*notice);
    write_party(out, *by);
    out.time("order", *order)
}

pub(super) fn read_taken(from: &mut Reader<'_>) -> Result<NoticeAcknowledged, RecordError> {
    Ok(NoticeAcknowledged {
        notice: Sequence(from.number("notice")?),
        by: read_party(from, "by")?,
        order: from.time("order")?,
    })
}

pub(super) fn write_sent(out: &mut Writer<'_>, sent: &NoticeSent) {
    let NoticeSent { notice: Sequence(notice), party, channel, outcome } = sent;
    out.number(*notice);
    write_party(out, *party);
    out.bytes(&[channel.tag(), outcome.tag()]);
}

pub(super) fn read_sent(from: &mut Reader<'_>) -> Result<NoticeSent, RecordError> {
    Ok(NoticeSent {
        notice: Sequence(from.number("notice")?),
        party: read_party(from, "party")?,
        channel: from.tag("channel", Channel::from_tag)?,
        outcome: from.tag("outcome", Sent::from_tag)?,
    })
}

pub(super) fn write_outage(out: &mut Writer<'_>, outage: &BusOutage) -> Result<(), RecordError> {
    out.time("from", outage.from)?;
    out.time("until", outage.until)
}

pub(super) fn read_outage(from: &mut Reader<'_>) -> Result<BusOutage, RecordError> {
    Ok(BusOutage { from: from.time("from")?, until: from.time("until")? })
}
