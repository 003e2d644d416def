//! The events, as the payloads of the journal.
//!
//! A record is a byte for its kind, a byte for that kind's version, and the fields in the order
//! in which the functions below write them. In an act the body comes last, behind a byte that
//! says how it is sealed, so that encrypting bodies will need no new version of the fields.

use jiff::Timestamp;

use crate::domain::act::{Act, Body, BodyKind};
use crate::domain::event::{
    ActRecorded, Delivery, DeliveryAcknowledged, Event, HopOpened, Opening, PartyEnrolled,
    ServiceClock,
};
use crate::domain::ids::{CaseId, RequestId, Sequence};
use crate::domain::term::Due;

use super::RecordError;
use super::fields::{
    MAX_OPENED, actor_of_tag, actor_tag, read_arrived, read_calendar, read_decision,
    read_participants, read_party, read_procedure, read_region, source_of_tag, source_tag,
    write_arrived, write_decision, write_participants, write_party, write_procedure,
};
use super::wire::{Reader, Writer};

const PARTY_ENROLLED: u8 = 1;
const ACT: u8 = 2;
const ACKNOWLEDGED: u8 = 3;

/// The version of every kind that this release writes, and so far the only one there is.
const VERSION: u8 = 1;

/// A body as it was received.
const PLAIN: u8 = 0;

/// Appends an event's record to a buffer.
///
/// # Errors
/// [`RecordError::FinerThanMs`], or [`RecordError::TooMany`] for a list over its limit; the
/// buffer is then as it was.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let before = out.len();
    let mut writer = Writer::new(out);
    let written = match event {
        Event::PartyEnrolled(enrolled) => write_party_enrolled(&mut writer, enrolled),
        Event::Act(act) => write_act(&mut writer, act),
        Event::Acknowledged(acknowledged) => write_acknowledged(&mut writer, acknowledged),
    };
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// Reads an event from the whole of a record. Only the body and the ids that are texts are
/// copied.
///
/// # Errors
/// Any [`RecordError`] but [`RecordError::FinerThanMs`].
pub fn decode_event(record: &[u8]) -> Result<Event, RecordError> {
    let mut from = Reader::new(record);
    let kind = from.byte("kind")?;
    let name = match kind {
        PARTY_ENROLLED => "an enrolment",
        ACT => "an act",
        ACKNOWLEDGED => "an acknowledgement",
        other => return Err(RecordError::UnknownKind(other)),
    };
    let found = from.byte("version")?;
    if found != VERSION {
        return Err(RecordError::UnknownVersion { kind: name, found });
    }
    let event = match kind {
        PARTY_ENROLLED => Event::PartyEnrolled(read_party_enrolled(&mut from)?),
        ACT => Event::Act(Box::new(read_act(&mut from)?)),
        _ => Event::Acknowledged(read_acknowledged(&mut from)?),
    };
    from.finish()?;
    Ok(event)
}

fn write_party_enrolled(out: &mut Writer<'_>, enrolled: &PartyEnrolled) -> Result<(), RecordError> {
    let PartyEnrolled { number, party } = enrolled;
    out.bytes(&[PARTY_ENROLLED, VERSION]);
    write_party(out, *number);
    out.text("party", party.as_str())
}

fn read_party_enrolled(from: &mut Reader<'_>) -> Result<PartyEnrolled, RecordError> {
    Ok(PartyEnrolled { number: read_party(from, "number")?, party: from.text("party")? })
}

fn write_act(out: &mut Writer<'_>, act: &ActRecorded) -> Result<(), RecordError> {
    let ActRecorded {
        case: CaseId(case),
        author,
        request: RequestId(request),
        fingerprint,
        hop,
        act,
        discharged_at,
        decision,
        arrived_persons,
        opening,
        service,
        opened,
        delivery,
        body,
    } = act;
    out.bytes(&[ACT, VERSION]);
    out.bytes(case);
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    out.text("hop", hop.as_str())?;
    out.byte(act.tag());
    out.time("discharged_at", *discharged_at)?;
    write_decision(out, decision.as_ref())?;
    write_arrived(out, *arrived_persons);
    out.flag(opening.is_some());
    if let Some(opening) = opening {
        write_opening(out, opening)?;
    }
    out.flag(service.is_some());
    if let Some(service) = service {
        write_service(out, service)?;
    }
    write_opened(out, opened)?;
    out.flag(delivery.is_some());
    if let Some(delivery) = delivery {
        write_delivery(out, *delivery)?;
    }
    write_body(out, body);
    Ok(())
}

fn read_act(from: &mut Reader<'_>) -> Result<ActRecorded, RecordError> {
    Ok(ActRecorded {
        case: CaseId(from.array("case")?),
        author: read_party(from, "author")?,
        request: RequestId(from.array("request")?),
        fingerprint: from.array("fingerprint")?,
        hop: from.text("hop")?,
        act: from.tag("act", Act::from_tag)?,
        discharged_at: from.time("discharged_at")?,
        decision: read_decision(from)?,
        arrived_persons: read_arrived(from)?,
        opening: from.option("opening", read_opening)?,
        service: from.option("service", read_service)?,
        opened: read_opened(from)?,
        delivery: from.option("delivery", read_delivery)?,
        body: read_body(from)?,
    })
}

fn write_acknowledged(
    out: &mut Writer<'_>,
    acknowledged: &DeliveryAcknowledged,
) -> Result<(), RecordError> {
    let DeliveryAcknowledged { case: CaseId(case), delivery: Sequence(delivery), by, opened } =
        acknowledged;
    out.bytes(&[ACKNOWLEDGED, VERSION]);
    out.bytes(case);
    out.number(*delivery);
    write_party(out, *by);
    write_opened(out, opened)
}

fn read_acknowledged(from: &mut Reader<'_>) -> Result<DeliveryAcknowledged, RecordError> {
    Ok(DeliveryAcknowledged {
        case: CaseId(from.array("case")?),
        delivery: Sequence(from.number("delivery")?),
        by: read_party(from, "by")?,
        opened: read_opened(from)?,
    })
}

fn write_opening(out: &mut Writer<'_>, opening: &Opening) -> Result<(), RecordError> {
    let Opening { procedure, region, persons, filed_at, recorded_with, clock, participants } =
        opening;
    write_procedure(out, procedure)?;
    out.byte(region.number());
    out.number(u64::from(*persons));
    out.time("filed_at", *filed_at)?;
    out.flag(recorded_with.is_some());
    if let Some(hop) = recorded_with {
        out.text("recorded_with", hop.as_str())?;
    }
    write_hop_opened(out, clock)?;
    write_participants(out, participants)
}

fn read_opening(from: &mut Reader<'_>) -> Result<Opening, RecordError> {
    Ok(Opening {
        procedure: read_procedure(from)?,
        region: read_region(from)?,
        persons: from.small("persons")?,
        filed_at: from.time("filed_at")?,
        recorded_with: from.option("recorded_with", |from| from.text("recorded_with"))?,
        clock: read_hop_opened(from)?,
        participants: read_participants(from)?,
    })
}

fn write_service(out: &mut Writer<'_>, service: &ServiceClock) -> Result<(), RecordError> {
    let ServiceClock { opened_at, due, informative } = service;
    out.time("service.opened_at", *opened_at)?;
    write_due(out, due)?;
    out.flag(*informative);
    Ok(())
}

fn read_service(from: &mut Reader<'_>) -> Result<ServiceClock, RecordError> {
    Ok(ServiceClock {
        opened_at: from.time("service.opened_at")?,
        due: read_due(from)?,
        informative: from.flag("service.informative")?,
    })
}

fn write_opened(out: &mut Writer<'_>, opened: &[HopOpened]) -> Result<(), RecordError> {
    out.count("opened", opened.len(), MAX_OPENED)?;
    opened.iter().try_for_each(|hop| write_hop_opened(out, hop))
}

fn read_opened(from: &mut Reader<'_>) -> Result<Vec<HopOpened>, RecordError> {
    from.list("opened", MAX_OPENED, read_hop_opened)
}

fn write_hop_opened(out: &mut Writer<'_>, opened: &HopOpened) -> Result<(), RecordError> {
    let HopOpened { hop, act, from, holder, opened_at, due, source } = opened;
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
    Ok(())
}

fn read_hop_opened(from: &mut Reader<'_>) -> Result<HopOpened, RecordError> {
    Ok(HopOpened {
        hop: from.text("opened.hop")?,
        act: from.tag("opened.act", Act::from_tag)?,
        from: from.tag("opened.from", actor_of_tag)?,
        holder: read_party(from, "holder")?,
        opened_at: from.time("opened_at")?,
        due: from.option("due", read_due)?,
        source: from.tag("source", source_of_tag)?,
    })
}

fn write_due(out: &mut Writer<'_>, due: &Due) -> Result<(), RecordError> {
    let Due { date, instant, calendar, estimated } = due;
    out.date(*date);
    out.time("due.instant", *instant)?;
    out.text("due.calendar", calendar.as_str())?;
    out.flag(*estimated);
    Ok(())
}

fn read_due(from: &mut Reader<'_>) -> Result<Due, RecordError> {
    Ok(Due {
        date: from.date("due.date")?,
        instant: from.time("due.instant")?,
        calendar: read_calendar(from)?,
        estimated: from.flag("due.estimated")?,
    })
}

fn write_delivery(out: &mut Writer<'_>, delivery: Delivery) -> Result<(), RecordError> {
    let Delivery { to, order } = delivery;
    write_party(out, to);
    out.time("delivery.order", order)
}

fn read_delivery(from: &mut Reader<'_>) -> Result<Delivery, RecordError> {
    let to = read_party(from, "delivery.to")?;
    let order: Timestamp = from.time("delivery.order")?;
    Ok(Delivery { to, order })
}

fn write_body(out: &mut Writer<'_>, body: &Body) {
    let Body { kind, bytes } = body;
    out.byte(kind.tag());
    out.byte(PLAIN);
    out.number(bytes.len() as u64);
    out.bytes(bytes);
}

fn read_body(from: &mut Reader<'_>) -> Result<Body, RecordError> {
    let kind = from.tag("body.kind", BodyKind::from_tag)?;
    let sealing = from.byte("body.sealing")?;
    if sealing != PLAIN {
        return Err(RecordError::UnknownSealing(sealing));
    }
    let length = from.small("body.length")?;
    let bytes = from.bytes("body", length)?;
    Ok(Body { kind, bytes: bytes.into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::party::PartyNumber;
    use crate::records::samples;

    type Sample = fn() -> Event;

    /// The records of version 1, as the first release wrote them. They are never edited: a
    /// change that needs to is a change of the version.
    const GOLDEN: [(&str, Sample, &str); 4] = [
        (
            "party-enrolled",
            samples::enrolment,
            include_str!("../../tests/data/records/v1-party-enrolled.hex"),
        ),
        (
            "act-opening",
            samples::opening_act,
            include_str!("../../tests/data/records/v1-act-opening.hex"),
        ),
        (
            "act-refusal",
            samples::refusal_act,
            include_str!("../../tests/data/records/v1-act-refusal.hex"),
        ),
        (
            "acknowledged",
            samples::acknowledgement,
            include_str!("../../tests/data/records/v1-acknowledged.hex"),
        ),
    ];

    fn encoded(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        encode_event(event, &mut out).unwrap();
        out
    }

    fn from_hex(text: &str) -> Vec<u8> {
        let digits: Vec<_> = text.chars().filter(char::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[char]| pair.iter().fold(0, |byte, d| byte << 4 | d.to_digit(16).unwrap());
        digits.chunks(2).map(|pair| byte(pair) as u8).collect()
    }

    fn to_hex(bytes: &[u8]) -> String {
        let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        bytes.chunks(32).map(|bytes| line(bytes) + "\n").collect()
    }

    #[test]
    fn the_records_of_version_1_stay_as_they_were_written() {
        for (name, event, golden) in GOLDEN {
            let event = event();
            assert_eq!(decode_event(&from_hex(golden)).as_ref(), Ok(&event), "{name}");
            assert_eq!(to_hex(&encoded(&event)), golden, "{name}");
        }
    }

    #[test]
    fn every_truncation_and_every_byte_too_many_is_refused() {
        for (name, event, _) in GOLDEN {
            let whole = encoded(&event());
            for end in 0..whole.len() {
                let read = decode_event(&whole[..end]);
                assert!(
                    matches!(read, Err(RecordError::Truncated { .. })),
                    "{name} {end}: {read:?}"
                );
            }
            let longer = [&whole[..], &[0]].concat();
            assert_eq!(decode_event(&longer), Err(RecordError::Trailing { bytes: 1 }), "{name}");
        }
    }

    #[test]
    fn unknown_kinds_versions_and_tags_are_refused_by_name() {
        let with = |event: Event, at: usize, byte: u8| {
            let mut record = encoded(&event);
            record[at] = byte;
            decode_event(&record).unwrap_err()
        };
        assert_eq!(with(samples::enrolment(), 0, 0), RecordError::UnknownKind(0));
        assert_eq!(with(samples::enrolment(), 0, 4), RecordError::UnknownKind(4));
        assert_eq!(
            with(samples::acknowledgement(), 1, 2),
            RecordError::UnknownVersion { kind: "an acknowledgement", found: 2 }
        );
        let record = encoded(&samples::refusal_act());
        let hop = record.windows(7).position(|bytes| bytes == b"K21B-05").unwrap();
        let tag = |field, tag| RecordError::UnknownTag { field, tag };
        assert_eq!(with(samples::refusal_act(), hop + 7, 99), tag("act", 99));
        assert_eq!(with(samples::refusal_act(), hop + 16, 2), tag("decision", 2));
        assert_eq!(with(samples::refusal_act(), hop + 17, 0), tag("outcome", 0));
        assert_eq!(with(samples::refusal_act(), hop, 0xff), RecordError::Text { field: "hop" });
        let body = record.windows(6).position(|bytes| bytes == b"SAMPLE").unwrap();
        assert_eq!(with(samples::refusal_act(), body - 2, 1), RecordError::UnknownSealing(1));
        assert_eq!(with(samples::refusal_act(), body - 3, 77), tag("body.kind", 77));
    }

    #[test]
    fn a_time_finer_than_a_millisecond_is_refused_and_leaves_the_buffer_alone() {
        let Event::Act(mut act) = samples::opening_act() else { unreachable!() };
        let finer = Timestamp::from_nanosecond(1_772_305_200_000_000_001).unwrap();
        act.delivery = Some(Delivery { to: PartyNumber(1), order: finer });
        let mut out = vec![7];
        let refusal = RecordError::FinerThanMs { field: "delivery.order" };
        assert_eq!(encode_event(&Event::Act(act), &mut out), Err(refusal));
        assert_eq!(out, [7]);
    }

    #[test]
    fn a_list_over_its_limit_is_refused() {
        let Event::Act(mut act) = samples::refusal_act() else { unreachable!() };
        act.opened = vec![act.opened[0].clone(); MAX_OPENED + 1];
        let refusal = RecordError::TooMany {
            field: "opened",
            found: MAX_OPENED as u64 + 1,
            limit: MAX_OPENED,
        };
        assert_eq!(encode_event(&Event::Act(act), &mut Vec::new()), Err(refusal));
    }

    proptest! {
        #[test]
        fn an_event_reads_back_as_it_was_written(event in samples::any_event()) {
            prop_assert_eq!(decode_event(&encoded(&event)), Ok(event));
        }

        #[test]
        fn bytes_that_are_no_event_never_panic(
            kind in 0..5_u8,
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let record = [&[kind, VERSION], &bytes[..]].concat();
            if let Ok(event) = decode_event(&record) {
                prop_assert_eq!(encoded(&event), record);
            }
        }

        #[test]
        fn a_spoilt_event_is_refused_or_reads_as_exactly_its_bytes(
            event in samples::any_event(),
            at: prop::sample::Index,
            to: u8,
        ) {
            let mut record = encoded(&event);
            let place = at.index(record.len());
            record[place] = to;
            if let Ok(event) = decode_event(&record) {
                prop_assert_eq!(encoded(&event), record);
            }
        }
    }
}
