//! The events, as the payloads of the journal.
//!
//! A record is a byte for its kind, a byte for that kind's version, and the fields in the order
//! in which the functions below write them. In an act the body comes last, behind a byte that
//! says how it is sealed.

mod opening;

use crate::domain::act::Act;
use crate::domain::event::{
    ActRecorded, CalendarAmended, CalendarSettled, ClockMoved, ClocksMoved, DeliveryAcknowledged,
    Event, HoldingChange, HoldingExpired, PartyEnrolled, QuotaSet,
};
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};

use super::RecordError;
use super::endpoint;
use super::erasure;
use super::fields::{
    MAX_DELIVERIES, MAX_HOPS, MAX_MOVED, read_arrived, read_calendar, read_decision, read_holding,
    read_party, read_quota_key, write_arrived, write_decision, write_holding, write_party,
    write_quota_key,
};
use super::held::{read_held, read_resolved, write_held, write_resolved};

use super::notice;
use super::pieces::{
    read_body, read_delivery, read_due, read_first_delivery, read_opened, read_service, write_body,
    write_delivery, write_due, write_opened, write_service,
};
use super::reading;
use super::registry;
use super::signature::{read_verdict, write_verdict};
use super::wire::{Reader, Writer};
use opening::{read_opening, write_opening};

const PARTY_ENROLLED: u8 = 1;
const ACT: u8 = 2;
const ACKNOWLEDGED: u8 = 3;
const QUOTA_SET: u8 = 4;
const HOLDING_EXPIRED: u8 = 5;
const CALENDAR_AMENDED: u8 = 6;
const CLOCKS_MOVED: u8 = 7;
const CALENDAR_SETTLED: u8 = 8;
const NOTICE: u8 = 9;
const NOTICE_ACKNOWLEDGED: u8 = 10;
const NOTICE_SENT: u8 = 11;
const BUS_OUTAGE: u8 = 12;
const DELIVERY_HELD: u8 = 14;
const HELD_RESOLVED: u8 = 15;
const ENDPOINT_SET: u8 = 16;
const REGISTRY_CHANGED: u8 = 17;
const DATA_READ: u8 = 18;
const CASE_ERASED: u8 = 19;

/// The first version of each kind, and the only one of those that have never changed.
const FIRST: u8 = 1;
/// Acknowledgements of this release, and acts of the one before: branches, joint hops, several
/// deliveries, places. Of held deliveries: the words of whoever speaks of one are sealed.
const SECOND: u8 = 2;
/// Acts of this release: what was found of the signature on the document.
const THIRD: u8 = 3;

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
        Event::QuotaSet(set) => write_quota_set(&mut writer, set),
        Event::HoldingExpired(expired) => write_expired(&mut writer, expired),
        Event::CalendarAmended(amended) => write_amended(&mut writer, amended),
        Event::ClocksMoved(moved) => write_moved(&mut writer, moved),
        Event::CalendarSettled(CalendarSettled { amendment: Sequence(amendment) }) => {
            writer.bytes(&[CALENDAR_SETTLED, FIRST]);
            writer.number(*amendment);
            Ok(())
        }
        Event::Notice(each) => {
            writer.bytes(&[NOTICE, FIRST]);
            notice::write_notice(&mut writer, each)
        }
        Event::NoticeAcknowledged(taken) => {
            writer.bytes(&[NOTICE_ACKNOWLEDGED, FIRST]);
            notice::write_taken(&mut writer, taken)
        }
        Event::NoticeSent(sent) => {
            writer.bytes(&[NOTICE_SENT, FIRST]);
            notice::write_sent(&mut writer, sent);
            Ok(())
        }
        Event::BusOutage(outage) => {
            writer.bytes(&[BUS_OUTAGE, FIRST]);
            notice::write_outage(&mut writer, outage)
        }
        Event::DeliveryHeld(held) => {
            writer.bytes(&[DELIVERY_HELD, SECOND]);
            write_held(&mut writer, held)
        }
        Event::HeldResolved(resolved) => {
            writer.bytes(&[HELD_RESOLVED, SECOND]);
            write_resolved(&mut writer, resolved)
        }
        Event::EndpointSet(set) => {
            writer.bytes(&[ENDPOINT_SET, FIRST]);
            endpoint::write_set(&mut writer, set)
        }
        Event::CaseErased(erased) => {
            writer.bytes(&[CASE_ERASED, FIRST]);
            erasure::write_erased(&mut writer, erased);
            Ok(())
        }
        Event::RegistryChanged(changed) => {
            writer.bytes(&[REGISTRY_CHANGED, FIRST]);
            registry::write_changed(&mut writer, changed)
        }
        Event::DataRead(read) => {
            writer.bytes(&[DATA_READ, FIRST]);
            reading::write_read(&mut writer, read);
            Ok(())
        }
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
    let (name, newest) = match kind {
        PARTY_ENROLLED => ("an enrolment", FIRST),
        ACT => ("an act", THIRD),
        ACKNOWLEDGED => ("an acknowledgement", SECOND),
        QUOTA_SET => ("a quota", FIRST),
        HOLDING_EXPIRED => ("an expiry", FIRST),
        CALENDAR_AMENDED => ("an amendment of the calendar", FIRST),
        CLOCKS_MOVED => ("clocks counted again", FIRST),
        CALENDAR_SETTLED => ("the end of an amendment", FIRST),
        NOTICE => ("a notice", FIRST),
        NOTICE_ACKNOWLEDGED => ("an acknowledgement of a notice", FIRST),
        NOTICE_SENT => ("the sending of a notice", FIRST),
        BUS_OUTAGE => ("an outage of the bus", FIRST),
        DELIVERY_HELD => ("a held delivery", SECOND),
        HELD_RESOLVED => ("the resolution of a held delivery", SECOND),
        ENDPOINT_SET => ("an endpoint", FIRST),
        CASE_ERASED => ("an erasure", FIRST),
        REGISTRY_CHANGED => ("a change of the registry", FIRST),
        DATA_READ => ("a read of personal data", FIRST),
        other => return Err(RecordError::UnknownKind(other)),
    };
    let found = from.byte("version")?;
    if !(FIRST..=newest).contains(&found) {
        return Err(RecordError::UnknownVersion { kind: name, found });
    }
    let event = match kind {
        PARTY_ENROLLED => Event::PartyEnrolled(read_party_enrolled(&mut from)?),
        ACT => Event::Act(Box::new(read_act(&mut from, found)?)),
        ACKNOWLEDGED => Event::Acknowledged(read_acknowledged(&mut from, found)?),
        QUOTA_SET => Event::QuotaSet(read_quota_set(&mut from)?),
        HOLDING_EXPIRED => Event::HoldingExpired(read_expired(&mut from)?),
        CALENDAR_AMENDED => Event::CalendarAmended(Box::new(read_amended(&mut from)?)),
        CLOCKS_MOVED => Event::ClocksMoved(read_moved(&mut from)?),
        NOTICE => Event::Notice(Box::new(notice::read_notice(&mut from)?)),
        NOTICE_ACKNOWLEDGED => Event::NoticeAcknowledged(notice::read_taken(&mut from)?),
        NOTICE_SENT => Event::NoticeSent(notice::read_sent(&mut from)?),
        BUS_OUTAGE => Event::BusOutage(notice::read_outage(&mut from)?),
        DELIVERY_HELD => Event::DeliveryHeld(read_held(&mut from, found)?),
        HELD_RESOLVED => Event::HeldResolved(read_resolved(&mut from, found)?),
        ENDPOINT_SET => Event::EndpointSet(endpoint::read_set(&mut from)?),
        CASE_ERASED => Event::CaseErased(erasure::read_erased(&mut from)?),
        REGISTRY_CHANGED => Event::RegistryChanged(Box::new(registry::read_changed(&mut from)?)),
        DATA_READ => Event::DataRead(Box::new(reading::read_read(&mut from)?)),
        _ => Event::CalendarSettled(CalendarSettled {
            amendment: Sequence(from.number("amendment")?),
        }),
    };
    from.finish()?;
    Ok(event)
}

/// Whether a record is of a kind that names every case it is about, each by the sixteen bytes of its
/// id, so that one without them need not be read to know that it is about others. False for a kind
/// that this release does not know.
#[must_use]
pub fn names_its_cases(record: &[u8]) -> bool {
    const KINDS: [u8; 9] = [
        ACT,
        ACKNOWLEDGED,
        HOLDING_EXPIRED,
        CLOCKS_MOVED,
        NOTICE,
        DELIVERY_HELD,
        HELD_RESOLVED,
        DATA_READ,
        CASE_ERASED,
    ];
    record.first().is_some_and(|kind| KINDS.contains(kind))
}

fn write_party_enrolled(out: &mut Writer<'_>, enrolled: &PartyEnrolled) -> Result<(), RecordError> {
    let PartyEnrolled { number, party } = enrolled;
    out.bytes(&[PARTY_ENROLLED, FIRST]);
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
        hearing_at,
        opening,
        service,
        opened,
        also,
        closed,
        deliveries,
        holding,
        signature,
        body,
    } = act;
    out.bytes(&[ACT, THIRD]);
    out.bytes(case);
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    out.text("hop", hop.as_str())?;
    out.byte(act.tag());
    out.time("discharged_at", *discharged_at)?;
    write_decision(out, decision.as_ref())?;
    write_arrived(out, *arrived_persons);
    out.flag(hearing_at.is_some());
    if let Some(hearing_at) = hearing_at {
        out.time("hearing_at", *hearing_at)?;
    }
    out.flag(opening.is_some());
    if let Some(opening) = opening {
        write_opening(out, opening)?;
    }
    out.flag(service.is_some());
    if let Some(service) = service {
        write_service(out, service)?;
    }
    write_opened(out, opened)?;
    write_hops(out, "also", also)?;
    write_hops(out, "closed", closed)?;
    out.count("deliveries", deliveries.len(), MAX_DELIVERIES)?;
    for delivery in deliveries {
        write_delivery(out, *delivery)?;
    }
    out.flag(holding.is_some());
    if let Some(HoldingChange { before, after }) = holding {
        write_holding(out, before.as_ref())?;
        write_holding(out, after.as_ref())?;
    }
    write_verdict(out, signature.as_deref())?;
    write_body(out, body)
}

/// An act of this release or an earlier one. The second knew no signatures; the first knew one
/// delivery of the hop itself, and neither branches nor joint hops nor places.
fn read_act(from: &mut Reader<'_>, version: u8) -> Result<ActRecorded, RecordError> {
    let first = version == FIRST;
    let case = CaseId(from.array("case")?);
    let author = read_party(from, "author")?;
    let request = RequestId(from.array("request")?);
    let fingerprint = from.array("fingerprint")?;
    let hop: HopId = from.text("hop")?;
    Ok(ActRecorded {
        case,
        author,
        request,
        fingerprint,
        hop,
        act: from.tag("act", Act::from_tag)?,
        discharged_at: from.time("discharged_at")?,
        decision: read_decision(from, version)?,
        arrived_persons: read_arrived(from)?,
        hearing_at: if first {
            None
        } else {
            from.option("hearing_at", |from| from.time("hearing_at"))?
        },
        opening: from.option("opening", |from| read_opening(from, version))?,
        service: from.option("service", read_service)?,
        opened: read_opened(from, version)?,
        also: if first { Vec::new() } else { read_hops(from, "also")? },
        closed: if first { Vec::new() } else { read_hops(from, "closed")? },
        deliveries: if first {
            from.option("delivery", |from| read_first_delivery(from, hop))?.into_iter().collect()
        } else {
            from.list("deliveries", MAX_DELIVERIES, read_delivery)?
        },
        holding: if first { None } else { from.option("holding", read_change)? },
        signature: if version < THIRD { None } else { read_verdict(from)? },
        body: read_body(from)?,
    })
}

fn read_change(from: &mut Reader<'_>) -> Result<HoldingChange, RecordError> {
    Ok(HoldingChange { before: read_holding(from)?, after: read_holding(from)? })
}

fn write_hops(
    out: &mut Writer<'_>,
    field: &'static str,
    hops: &[HopId],
) -> Result<(), RecordError> {
    out.count(field, hops.len(), MAX_HOPS)?;
    hops.iter().try_for_each(|hop| out.text(field, hop.as_str()))
}

fn read_hops(from: &mut Reader<'_>, field: &'static str) -> Result<Vec<HopId>, RecordError> {
    from.list(field, MAX_HOPS, |from| from.text(field))
}

fn write_acknowledged(
    out: &mut Writer<'_>,
    acknowledged: &DeliveryAcknowledged,
) -> Result<(), RecordError> {
    let DeliveryAcknowledged { case: CaseId(case), delivery: Sequence(delivery), by, opened } =
        acknowledged;
    out.bytes(&[ACKNOWLEDGED, SECOND]);
    out.bytes(case);
    out.number(*delivery);
    write_party(out, *by);
    write_opened(out, opened)
}

fn read_acknowledged(
    from: &mut Reader<'_>,
    version: u8,
) -> Result<DeliveryAcknowledged, RecordError> {
    Ok(DeliveryAcknowledged {
        case: CaseId(from.array("case")?),
        delivery: Sequence(from.number("delivery")?),
        by: read_party(from, "by")?,
        opened: read_opened(from, version)?,
    })
}

fn write_quota_set(out: &mut Writer<'_>, set: &QuotaSet) -> Result<(), RecordError> {
    let QuotaSet { key, persons, author, request: RequestId(request), fingerprint, basis } = set;
    out.bytes(&[QUOTA_SET, FIRST]);
    write_quota_key(out, *key);
    out.number(u64::from(*persons));
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    out.long_text(basis);
    Ok(())
}

fn read_quota_set(from: &mut Reader<'_>) -> Result<QuotaSet, RecordError> {
    Ok(QuotaSet {
        key: read_quota_key(from)?,
        persons: from.small("persons")?,
        author: read_party(from, "author")?,
        request: RequestId(from.array("request")?),
        fingerprint: from.array("fingerprint")?,
        basis: from.long_text("basis")?,
    })
}

fn write_expired(out: &mut Writer<'_>, expired: &HoldingExpired) -> Result<(), RecordError> {
    let HoldingExpired { case: CaseId(case), holding } = expired;
    out.bytes(&[HOLDING_EXPIRED, FIRST]);
    out.bytes(case);
    write_holding(out, Some(holding))
}

fn read_expired(from: &mut Reader<'_>) -> Result<HoldingExpired, RecordError> {
    let case = CaseId(from.array("case")?);
    let holding = read_holding(from)?.ok_or(RecordError::Text { field: "holding" })?;
    Ok(HoldingExpired { case, holding })
}

fn write_amended(out: &mut Writer<'_>, amended: &CalendarAmended) -> Result<(), RecordError> {
    let CalendarAmended { version, text, reason, author, request: RequestId(request), fingerprint } =
        amended;
    out.bytes(&[CALENDAR_AMENDED, FIRST]);
    out.text("version", version.as_str())?;
    out.long_text(text);
    out.long_text(reason);
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    Ok(())
}

fn read_amended(from: &mut Reader<'_>) -> Result<CalendarAmended, RecordError> {
    Ok(CalendarAmended {
        version: read_calendar(from)?,
        text: from.long_text("text")?,
        reason: from.long_text("reason")?,
        author: read_party(from, "author")?,
        request: RequestId(from.array("request")?),
        fingerprint: from.array("fingerprint")?,
    })
}

fn write_moved(out: &mut Writer<'_>, moved: &ClocksMoved) -> Result<(), RecordError> {
    let ClocksMoved { case: CaseId(case), amendment: Sequence(amendment), moved } = moved;
    out.bytes(&[CLOCKS_MOVED, FIRST]);
    out.bytes(case);
    out.number(*amendment);
    out.count("moved", moved.len(), MAX_MOVED)?;
    for ClockMoved { hop, opened_at, old, new } in moved {
        out.flag(hop.is_some());
        if let Some(hop) = hop {
            out.text("moved.hop", hop.as_str())?;
        }
        out.time("moved.opened_at", *opened_at)?;
        write_due(out, old)?;
        write_due(out, new)?;
    }
    Ok(())
}

fn read_moved(from: &mut Reader<'_>) -> Result<ClocksMoved, RecordError> {
    Ok(ClocksMoved {
        case: CaseId(from.array("case")?),
        amendment: Sequence(from.number("amendment")?),
        moved: from.list("moved", MAX_MOVED, |from| {
            Ok(ClockMoved {
                hop: from.option("moved.hop", |from| from.text("moved.hop"))?,
                opened_at: from.time("moved.opened_at")?,
                old: read_due(from)?,
                new: read_due(from)?,
            })
        })?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::records::MAX_OPENED;
    use crate::records::samples;

    type Sample = fn() -> Event;

    /// The newest version of every kind of record. They are never edited: a change that needs to
    /// is a change of the version.
    const GOLDEN: [(&str, Sample, &str); 24] = [
        (
            "party-enrolled",
            samples::enrolment,
            include_str!("../../tests/data/records/v1-party-enrolled.hex"),
        ),
        (
            "act-opening",
            samples::departure_act,
            include_str!("../../tests/data/records/v3-act-opening.hex"),
        ),
        (
            "act-inclusion",
            samples::inclusion_act,
            include_str!("../../tests/data/records/v3-act-inclusion.hex"),
        ),
        (
            "act-signed",
            samples::signed_act,
            include_str!("../../tests/data/records/v3-act-signed.hex"),
        ),
        (
            "act-signed-ocsp",
            samples::act_signed_by_one_asked_about,
            include_str!("../../tests/data/records/v3-act-signed-ocsp.hex"),
        ),
        (
            "act-sealed",
            samples::sealed_act,
            include_str!("../../tests/data/records/v3-act-sealed.hex"),
        ),
        (
            "acknowledged",
            samples::receipt_of_a_branch,
            include_str!("../../tests/data/records/v2-acknowledged.hex"),
        ),
        (
            "quota-set",
            samples::quota_set,
            include_str!("../../tests/data/records/v1-quota-set.hex"),
        ),
        (
            "holding-expired",
            samples::holding_expired,
            include_str!("../../tests/data/records/v1-holding-expired.hex"),
        ),
        (
            "calendar-amended",
            samples::calendar_amended,
            include_str!("../../tests/data/records/v1-calendar-amended.hex"),
        ),
        (
            "clocks-moved",
            samples::clocks_moved,
            include_str!("../../tests/data/records/v1-clocks-moved.hex"),
        ),
        (
            "calendar-settled",
            samples::calendar_settled,
            include_str!("../../tests/data/records/v1-calendar-settled.hex"),
        ),
        ("notice", samples::notice, include_str!("../../tests/data/records/v1-notice.hex")),
        (
            "notice-acknowledged",
            samples::notice_acknowledged,
            include_str!("../../tests/data/records/v1-notice-acknowledged.hex"),
        ),
        (
            "notice-sent",
            samples::notice_sent,
            include_str!("../../tests/data/records/v1-notice-sent.hex"),
        ),
        (
            "bus-outage",
            samples::bus_outage,
            include_str!("../../tests/data/records/v1-bus-outage.hex"),
        ),
        (
            "delivery-held",
            samples::delivery_held_sealed,
            include_str!("../../tests/data/records/v2-delivery-held.hex"),
        ),
        (
            "held-redirected",
            samples::held_redirected_sealed,
            include_str!("../../tests/data/records/v2-held-redirected.hex"),
        ),
        (
            "held-withdrawn",
            samples::held_withdrawn,
            include_str!("../../tests/data/records/v2-held-withdrawn.hex"),
        ),
        (
            "case-erased",
            samples::case_erased,
            include_str!("../../tests/data/records/v1-case-erased.hex"),
        ),
        (
            "case-erased-by-rule",
            samples::case_erased_by_rule,
            include_str!("../../tests/data/records/v1-case-erased-by-rule.hex"),
        ),
        (
            "endpoint-set",
            samples::endpoint_set,
            include_str!("../../tests/data/records/v1-endpoint-set.hex"),
        ),
        (
            "registry-changed",
            samples::registry_changed,
            include_str!("../../tests/data/records/v1-registry-changed.hex"),
        ),
        (
            "data-read",
            samples::data_read,
            include_str!("../../tests/data/records/v1-data-read.hex"),
        ),
    ];

    /// The records that earlier releases wrote and this one reads.
    const EARLIER: [(&str, Sample, &str); 9] = [
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
        (
            "delivery-held",
            samples::delivery_held,
            include_str!("../../tests/data/records/v1-delivery-held.hex"),
        ),
        (
            "held-redirected",
            samples::held_redirected,
            include_str!("../../tests/data/records/v1-held-redirected.hex"),
        ),
        (
            "held-withdrawn",
            samples::held_withdrawn,
            include_str!("../../tests/data/records/v1-held-withdrawn.hex"),
        ),
        (
            "act-opening of the second version",
            samples::departure_act,
            include_str!("../../tests/data/records/v2-act-opening.hex"),
        ),
        (
            "act-inclusion of the second version",
            samples::inclusion_act,
            include_str!("../../tests/data/records/v2-act-inclusion.hex"),
        ),
        (
            "act-sealed of the second version",
            samples::sealed_act,
            include_str!("../../tests/data/records/v2-act-sealed.hex"),
        ),
    ];

    fn encoded(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        encode_event(event, &mut out).unwrap();
        out
    }

    /// Whether a record has the version in which this release writes its kind.
    fn is_of_this_release(record: &[u8]) -> bool {
        !matches!(
            record,
            [ACT | ACKNOWLEDGED | DELIVERY_HELD | HELD_RESOLVED, FIRST, ..] | [ACT, SECOND, ..]
        )
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
    fn the_records_stay_as_they_were_written() {
        for (name, event, golden) in GOLDEN {
            let event = event();
            assert_eq!(to_hex(&encoded(&event)), golden, "{name}");
            assert_eq!(decode_event(&from_hex(golden)).as_ref(), Ok(&event), "{name}");
        }
    }

    #[test]
    fn the_records_of_earlier_releases_are_read() {
        for (name, event, golden) in EARLIER {
            let event = event();
            assert_eq!(decode_event(&from_hex(golden)).as_ref(), Ok(&event), "{name}");
            assert_ne!(to_hex(&encoded(&event)), golden, "{name}: written as this release does");
        }
    }

    #[test]
    fn every_truncation_and_every_byte_too_many_is_refused() {
        for (name, _, golden) in GOLDEN.into_iter().chain(EARLIER) {
            let whole = from_hex(golden);
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
        assert_eq!(with(samples::enrolment(), 0, 200), RecordError::UnknownKind(200));
        assert_eq!(
            with(samples::bus_outage(), 1, 2),
            RecordError::UnknownVersion { kind: "an outage of the bus", found: 2 }
        );
        assert_eq!(
            with(samples::acknowledgement(), 1, 3),
            RecordError::UnknownVersion { kind: "an acknowledgement", found: 3 }
        );
        assert_eq!(
            with(samples::quota_set(), 1, 2),
            RecordError::UnknownVersion { kind: "a quota", found: 2 }
        );
        let record = encoded(&samples::refusal_act());
        let hop = record.windows(7).position(|bytes| bytes == b"K21B-05").unwrap();
        let tag = |field, tag| RecordError::UnknownTag { field, tag };
        assert_eq!(with(samples::refusal_act(), hop + 7, 99), tag("act", 99));
        assert_eq!(with(samples::refusal_act(), hop + 16, 2), tag("decision", 2));
        assert_eq!(with(samples::refusal_act(), hop + 17, 0), tag("outcome", 0));
        assert_eq!(with(samples::refusal_act(), hop, 0xff), RecordError::Text { field: "hop" });
        let body = record.windows(6).position(|bytes| bytes == b"SAMPLE").unwrap();
        assert_eq!(with(samples::refusal_act(), body - 2, 2), RecordError::UnknownSealing(2));
        assert_eq!(with(samples::refusal_act(), body - 3, 77), tag("body.kind", 77));
    }

    #[test]
    fn a_time_finer_than_a_millisecond_is_refused_and_leaves_the_buffer_alone() {
        let Event::Act(mut act) = samples::opening_act() else { unreachable!() };
        let finer = Timestamp::from_nanosecond(1_772_305_200_000_000_001).unwrap();
        act.deliveries[0].order = finer;
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
            kind in 0..22_u8,
            version in 0..5_u8,
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let record = [&[kind, version], &bytes[..]].concat();
            if let Ok(event) = decode_event(&record) && is_of_this_release(&record) {
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
            if let Ok(event) = decode_event(&record) && is_of_this_release(&record) {
                prop_assert_eq!(encoded(&event), record);
            }
        }
    }
}
