//! The cases, as the values of the index.
//!
//! An index may hold a million cases and rewrites one at each of its steps, so the record is
//! compact: most of a case repeats what stands just before it. A hop is opened at the instant at
//! which the one before was received and in the same journal record, hop ids share their
//! beginning, and due instants are midnights. Times and places are therefore differences to the
//! last one written, hop ids leave out what they share with the last, and calendar versions stand
//! in one list. A case of the twelve hops of a procedure takes about 400 bytes.
//!
//! The index is derived, so a changed encoding only takes a new version of the index.

mod copies;
mod papers;

use crate::domain::act::{Act, Basis, Outcome};
use crate::domain::calendar::CalendarVersion;
use crate::domain::case::{Case, HopRun, HopState, Moment, Receipt};
use crate::domain::event::ServiceClock;
use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::party::PartyNumber;
use crate::domain::region::Region;
use crate::domain::term::{Due, Source};
use jiff::Timestamp;

use super::RecordError;
use super::fields::{
    MAX_DELIVERIES, MAX_HOPS, MAX_SERVICE_CLOCKS, actor_of_tag, actor_tag, read_applicant,
    read_arrived, read_calendar, read_concerns, read_decision, read_holding, read_or_none,
    read_participants, read_party, read_procedure, read_region, role_of_tag, role_tag,
    write_applicant, write_arrived, write_concerns, write_decision, write_holding,
    write_participants, write_party, write_procedure,
};
use super::wire::{Reader, Writer, date_of, days_of, time_of, unzigzag, whole_ms, zigzag};
use copies::{read_copy, read_mark, write_copy, write_mark};
use papers::{read_papers, write_papers};

/// The version of the record that this release writes and reads.
const VERSION: u8 = 3;

/// Every clock could have been counted on a calendar of its own.
const MAX_CALENDARS: usize = MAX_HOPS + MAX_SERVICE_CLOCKS;

/// The most deliveries of one case beside those of its hops: one broadcast, or the stages.
pub const MAX_COPIES: usize = MAX_DELIVERIES + MAX_HOPS;

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;
/// The offsets of time zones are multiples of it.
const MS_PER_QUARTER: i64 = 15 * 60 * 1000;

// The byte that opens a hop: its state in the lowest two bits, then what is there and how it is.
const STATE: u8 = 0b11;
const OPEN: u8 = 0;
const CARRIED: u8 = 1;
const DONE: u8 = 2;
const DONE_RECEIVED: u8 = 3;
const HAS_DUE: u8 = 1 << 2;
const ESTIMATED: u8 = 1 << 3;
const ASSUMED: u8 = 1 << 4;
/// The delivery's place is the due instant, as it is wherever there is one.
const ORDER_IS_DUE: u8 = 1 << 5;
const INFORMATIVE: u8 = 1 << 6;
/// What is otherwise than usual in the state: an open hop ended undone, one on its way is held, a
/// done one was withdrawn. Services have no such flag, nor hops the other.
const ENDED: u8 = 1 << 6;
const HELD: u8 = ENDED;
const WITHDRAWN: u8 = ENDED;
const BRANCH: u8 = 1 << 7;
const HOP_FLAGS: u8 = u8::MAX;

/// Appends a case's record to a buffer.
///
/// # Errors
/// [`RecordError::FinerThanMs`], or [`RecordError::TooMany`] for a list over its limit; the
/// buffer is then as it was.
pub fn encode_case(case: &Case, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let before = out.len();
    let written = write_case(&mut Writer::new(out), case);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// Reads a case from the whole of a record.
///
/// # Errors
/// Any [`RecordError`] but [`RecordError::FinerThanMs`].
pub fn decode_case(record: &[u8]) -> Result<Case, RecordError> {
    let mut from = Reader::new(record);
    let found = from.byte("version")?;
    if found != VERSION {
        return Err(RecordError::UnknownVersion { kind: "a case", found });
    }
    let case = read_case(&mut from)?;
    from.finish()?;
    Ok(case)
}

/// What has been written or read last, from which the next values differ little.
#[derive(Default)]
struct Last {
    unix_ms: i64,
    sequence: u64,
    hop: Option<HopId>,
    /// The versions of the calendars, each once, in the order of their first use.
    calendars: Vec<CalendarVersion>,
}

fn write_case(out: &mut Writer<'_>, case: &Case) -> Result<(), RecordError> {
    let Case {
        id: CaseId(id),
        procedure,
        region,
        departure,
        channel,
        basis,
        persons,
        applicant,
        concerns,
        participants,
        consent,
        arrived_persons,
        decision,
        last_outcome,
        hearing_at,
        holding,
        service,
        hops,
        copies,
        papers,
        updated_at,
    } = case;
    let mut last = Last { calendars: calendars(service, hops), ..Last::default() };
    out.byte(VERSION);
    out.bytes(id);
    write_procedure(out, procedure)?;
    out.byte(region.number());
    // Zero is no region and no outcome, so one byte says whether there is one and which.
    out.byte(departure.map_or(0, Region::number));
    out.byte(role_tag(*channel));
    out.byte(basis.tag());
    out.number(u64::from(*persons));
    write_applicant(out, *applicant);
    write_concerns(out, *concerns);
    write_participants(out, participants)?;
    write_decision(out, consent.as_ref())?;
    write_arrived(out, *arrived_persons);
    write_decision(out, decision.as_ref())?;
    out.byte(last_outcome.map_or(0, Outcome::tag));
    write_holding(out, holding.as_ref())?;
    write_time(out, "updated_at", *updated_at, &mut last)?;
    out.flag(hearing_at.is_some());
    if let Some(hearing_at) = hearing_at {
        write_time(out, "hearing_at", *hearing_at, &mut last)?;
    }
    out.count("calendars", last.calendars.len(), MAX_CALENDARS)?;
    for version in &last.calendars {
        out.text("calendar", version.as_str())?;
    }
    out.count("service", service.len(), MAX_SERVICE_CLOCKS)?;
    for clock in service {
        write_service(out, clock, &mut last)?;
    }
    out.count("hops", hops.len(), MAX_HOPS)?;
    hops.iter().try_for_each(|hop| write_hop(out, hop, &mut last))?;
    out.count("copies", copies.len(), MAX_COPIES)?;
    copies.iter().try_for_each(|copy| write_copy(out, copy, &mut last))?;
    write_papers(out, *papers, &mut last)
}

fn read_case(from: &mut Reader<'_>) -> Result<Case, RecordError> {
    let id = CaseId(from.array("case")?);
    let procedure = read_procedure(from)?;
    let region = read_region(from)?;
    let departure = read_or_none(from, "departure", Region::from_number)?;
    let channel = from.tag("channel", role_of_tag)?;
    let basis = from.tag("basis", Basis::from_tag)?;
    let persons = from.small("persons")?;
    let applicant = read_applicant(from)?;
    let concerns = read_concerns(from)?;
    let participants = read_participants(from)?;
    let consent = read_decision(from, VERSION)?;
    let arrived_persons = read_arrived(from)?;
    let decision = read_decision(from, VERSION)?;
    let last_outcome = read_or_none(from, "last_outcome", Outcome::from_tag)?;
    let holding = read_holding(from)?;
    let mut last = Last::default();
    let updated_at = read_time(from, "updated_at", &mut last)?;
    let hearing_at = from.option("hearing_at", |from| read_time(from, "hearing_at", &mut last))?;
    last.calendars = from.list("calendars", MAX_CALENDARS, read_calendar)?;
    let last = &mut last;
    let service = from.list("service", MAX_SERVICE_CLOCKS, |from| read_service(from, last))?;
    let hops = from.list("hops", MAX_HOPS, |from| read_hop(from, last))?;
    let copies = from.list("copies", MAX_COPIES, |from| read_copy(from, last))?;
    let papers = read_papers(from, last)?;
    Ok(Case {
        id,
        procedure,
        region,
        departure,
        channel,
        basis,
        persons,
        applicant,
        concerns,
        participants,
        consent,
        arrived_persons,
        decision,
        last_outcome,
        hearing_at,
        holding,
        service,
        hops,
        copies,
        papers,
        updated_at,
    })
}

fn calendars(service: &[ServiceClock], hops: &[HopRun]) -> Vec<CalendarVersion> {
    let of_service = service.iter().map(|clock| &clock.due);
    let of_hops = hops.iter().filter_map(|hop| hop.due.as_ref());
    let mut versions: Vec<CalendarVersion> = Vec::new();
    for due in of_service.chain(of_hops) {
        if !versions.contains(&due.calendar) {
            versions.push(due.calendar.clone());
        }
    }
    versions
}

fn write_service(
    out: &mut Writer<'_>,
    clock: &ServiceClock,
    last: &mut Last,
) -> Result<(), RecordError> {
    let ServiceClock { opened_at, due, informative } = clock;
    let bit = |flag: bool, bit: u8| if flag { bit } else { 0 };
    out.byte(bit(*informative, INFORMATIVE) | bit(due.estimated, ESTIMATED));
    write_time(out, "service.opened_at", *opened_at, last)?;
    write_due(out, due, last)
}

fn read_service(from: &mut Reader<'_>, last: &mut Last) -> Result<ServiceClock, RecordError> {
    let flags = read_flags(from, "service.flags", INFORMATIVE | ESTIMATED)?;
    Ok(ServiceClock {
        opened_at: read_time(from, "service.opened_at", last)?,
        due: read_due(from, flags, last)?,
        informative: flags & INFORMATIVE != 0,
    })
}

fn write_hop(out: &mut Writer<'_>, run: &HopRun, last: &mut Last) -> Result<(), RecordError> {
    let HopRun {
        hop,
        act,
        from,
        holder,
        opened_by: Sequence(opened_by),
        opened_at,
        due,
        source,
        branch,
        state,
    } = run;
    let branch = if *branch { BRANCH } else { 0 };
    out.byte(hop_flags(due.as_ref(), *source, state) | branch);
    write_hop_id(out, *hop, last);
    out.byte(act.tag());
    out.byte(actor_tag(*from));
    write_party(out, *holder);
    write_sequence(out, *opened_by, last);
    write_time(out, "opened_at", *opened_at, last)?;
    if let Some(due) = due {
        write_due(out, due, last)?;
    }
    match state {
        HopState::Open => Ok(()),
        HopState::Ended { ended } => write_moment(out, *ended, last),
        HopState::Carried { acted, to, order, held } => {
            write_moment(out, *acted, last)?;
            write_party(out, *to);
            match due {
                Some(due) if due.instant == *order => {}
                Some(_) | None => write_time(out, "order", *order, last)?,
            }
            held.map_or(Ok(()), |held| write_mark(out, held, last))
        }
        HopState::Withdrawn { acted, withdrawn } => {
            write_moment(out, *acted, last)?;
            write_moment(out, *withdrawn, last)
        }
        HopState::Done { acted, received } => {
            write_moment(out, *acted, last)?;
            match received {
                None => Ok(()),
                Some(Receipt { by, moment }) => {
                    write_party(out, *by);
                    write_moment(out, *moment, last)
                }
            }
        }
    }
}

fn read_hop(from: &mut Reader<'_>, last: &mut Last) -> Result<HopRun, RecordError> {
    let flags = read_flags(from, "hop.flags", HOP_FLAGS)?;
    let hop = read_hop_id(from, last)?;
    let act = from.tag("hop.act", Act::from_tag)?;
    let actor = from.tag("hop.from", actor_of_tag)?;
    let holder = read_party(from, "holder")?;
    let opened_by = read_sequence(from, "opened_by", last)?;
    let opened_at = read_time(from, "opened_at", last)?;
    let due = if flags & HAS_DUE == 0 { None } else { Some(read_due(from, flags, last)?) };
    let state = match flags & STATE {
        OPEN if flags & ENDED == 0 => HopState::Open,
        OPEN => HopState::Ended { ended: read_moment(from, "ended", last)? },
        CARRIED => {
            let acted = read_moment(from, "acted", last)?;
            let to: PartyNumber = read_party(from, "to")?;
            let order = match &due {
                Some(due) if flags & ORDER_IS_DUE != 0 => due.instant,
                Some(_) | None => read_time(from, "order", last)?,
            };
            let held = if flags & HELD == 0 { None } else { Some(read_mark(from, last)?) };
            HopState::Carried { acted, to, order, held }
        }
        DONE if flags & WITHDRAWN != 0 => HopState::Withdrawn {
            acted: read_moment(from, "acted", last)?,
            withdrawn: read_moment(from, "withdrawn", last)?,
        },
        DONE => HopState::Done { acted: read_moment(from, "acted", last)?, received: None },
        _ => {
            let acted = read_moment(from, "acted", last)?;
            let by = read_party(from, "received.by")?;
            let moment = read_moment(from, "received", last)?;
            HopState::Done { acted, received: Some(Receipt { by, moment }) }
        }
    };
    let source = if flags & ASSUMED == 0 { Source::Statutory } else { Source::Assumed };
    let branch = flags & BRANCH != 0;
    let from = actor;
    Ok(HopRun { hop, act, from, holder, opened_by, opened_at, due, source, branch, state })
}

fn hop_flags(due: Option<&Due>, source: Source, state: &HopState) -> u8 {
    let state = match state {
        HopState::Open => OPEN,
        HopState::Ended { .. } => OPEN | ENDED,
        HopState::Carried { order, held, .. } => {
            let is_due = due.is_some_and(|due| due.instant == *order);
            let held = if held.is_some() { HELD } else { 0 };
            CARRIED | held | if is_due { ORDER_IS_DUE } else { 0 }
        }
        HopState::Withdrawn { .. } => DONE | WITHDRAWN,
        HopState::Done { received: None, .. } => DONE,
        HopState::Done { received: Some(_), .. } => DONE_RECEIVED,
    };
    let due = match due {
        None => 0,
        Some(due) if due.estimated => HAS_DUE | ESTIMATED,
        Some(_) => HAS_DUE,
    };
    let source = match source {
        Source::Statutory => 0,
        Source::Assumed => ASSUMED,
    };
    state | due | source
}

fn read_flags(from: &mut Reader<'_>, field: &'static str, known: u8) -> Result<u8, RecordError> {
    from.tag(field, |flags| (flags & !known == 0).then_some(flags))
}

/// One byte for the length that is shared with the last id and the length of the rest, then the
/// rest. Both lengths are at most twelve.
fn write_hop_id(out: &mut Writer<'_>, hop: HopId, last: &mut Last) {
    let text = hop.as_str().as_bytes();
    let before = last.hop.replace(hop);
    let before = before.as_ref().map_or(&[][..], |hop| hop.as_str().as_bytes());
    let shared = text.iter().zip(before).take_while(|(one, other)| one == other).count();
    out.byte((shared << 4 | (text.len() - shared)) as u8);
    out.bytes(&text[shared..]);
}

fn read_hop_id(from: &mut Reader<'_>, last: &mut Last) -> Result<HopId, RecordError> {
    let bad = RecordError::Text { field: "hop" };
    let lengths = from.byte("hop")?;
    let before = last.hop.as_ref().map_or("", HopId::as_str);
    let shared = before.get(..usize::from(lengths >> 4)).ok_or(bad.clone())?;
    let rest = from.bytes("hop", usize::from(lengths & 0x0f))?;
    let rest = std::str::from_utf8(rest).map_err(|_| bad.clone())?;
    let hop = [shared, rest].concat().parse().map_err(|_| bad)?;
    last.hop = Some(hop);
    Ok(hop)
}

/// The date as days after the day of the time written last, which is that of the opening; the
/// instant as its distance from that date's midnight in UTC; the calendar by its place.
fn write_due(out: &mut Writer<'_>, due: &Due, last: &Last) -> Result<(), RecordError> {
    let Due { date, instant, calendar, estimated: _in_the_flags } = due;
    let days = i64::from(days_of(*date));
    out.signed(days - last.unix_ms.div_euclid(MS_PER_DAY));
    let from_midnight_ms = whole_ms("due.instant", *instant)? - days * MS_PER_DAY;
    // A due instant is a midnight of some zone, so it nearly always lies whole quarters of an
    // hour away and fits two bytes; the lowest bit says whether it does.
    if from_midnight_ms % MS_PER_QUARTER == 0 {
        out.number(zigzag(from_midnight_ms / MS_PER_QUARTER) << 1);
    } else {
        out.number(zigzag(from_midnight_ms) << 1 | 1);
    }
    let place = last.calendars.iter().position(|version| version == calendar);
    out.number(place.unwrap_or(MAX_CALENDARS) as u64);
    Ok(())
}

fn read_due(from: &mut Reader<'_>, flags: u8, last: &Last) -> Result<Due, RecordError> {
    let beyond = |field| RecordError::Number { field };
    let days = from.signed("due.date")?;
    let days = days.checked_add(last.unix_ms.div_euclid(MS_PER_DAY)).ok_or(beyond("due.date"))?;
    let date = date_of("due.date", days)?;
    let distance = from.number("due.instant")?;
    let unit_ms = if distance & 1 == 0 { MS_PER_QUARTER } else { 1 };
    let from_midnight_ms = unzigzag(distance >> 1).checked_mul(unit_ms);
    let unix_ms = from_midnight_ms.and_then(|ms| ms.checked_add(days * MS_PER_DAY));
    let instant = time_of("due.instant", unix_ms.ok_or(beyond("due.instant"))?)?;
    let place: usize = from.small("due.calendar")?;
    let calendar = last.calendars.get(place).ok_or(beyond("due.calendar"))?.clone();
    Ok(Due { date, instant, calendar, estimated: flags & ESTIMATED != 0 })
}

fn write_moment(out: &mut Writer<'_>, moment: Moment, last: &mut Last) -> Result<(), RecordError> {
    let Moment { sequence: Sequence(sequence), at } = moment;
    write_sequence(out, sequence, last);
    write_time(out, "moment", at, last)
}

fn read_moment(
    from: &mut Reader<'_>,
    field: &'static str,
    last: &mut Last,
) -> Result<Moment, RecordError> {
    Ok(Moment { sequence: read_sequence(from, field, last)?, at: read_time(from, field, last)? })
}

// Differences wrap around, so that every pair of values has one; what is read is checked after
// the sum has been taken.

fn write_sequence(out: &mut Writer<'_>, sequence: u64, last: &mut Last) {
    out.signed(sequence.wrapping_sub(last.sequence).cast_signed());
    last.sequence = sequence;
}

fn read_sequence(
    from: &mut Reader<'_>,
    field: &'static str,
    last: &mut Last,
) -> Result<Sequence, RecordError> {
    last.sequence = last.sequence.wrapping_add(from.signed(field)?.cast_unsigned());
    Ok(Sequence(last.sequence))
}

fn write_time(
    out: &mut Writer<'_>,
    field: &'static str,
    at: Timestamp,
    last: &mut Last,
) -> Result<(), RecordError> {
    let unix_ms = whole_ms(field, at)?;
    out.signed(unix_ms.wrapping_sub(last.unix_ms));
    last.unix_ms = unix_ms;
    Ok(())
}

fn read_time(
    from: &mut Reader<'_>,
    field: &'static str,
    last: &mut Last,
) -> Result<Timestamp, RecordError> {
    let unix_ms = last.unix_ms.wrapping_add(from.signed(field)?);
    last.unix_ms = unix_ms;
    time_of(field, unix_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::Event;
    use crate::records::samples;

    fn encoded(case: &Case) -> Vec<u8> {
        let mut out = Vec::new();
        encode_case(case, &mut out).unwrap();
        out
    }

    fn fresh() -> Case {
        let Event::Act(act) = samples::opening_act() else { unreachable!() };
        Case::open(&act, Sequence(70_000), samples::march(5_000)).unwrap()
    }

    /// A case in which every hop was acted in and received, each some days after the last, in a
    /// journal that is not this case's alone.
    fn of_twelve_hops() -> Case {
        let mut case = fresh();
        let sample = case.hops[1].clone();
        let mut at = samples::march(86_412_345);
        let mut sequence = 9_000_000;
        let mut next = || {
            sequence += 137_001;
            at = at.checked_add(jiff::SignedDuration::from_millis(300_123_457)).unwrap();
            Moment { sequence: Sequence(sequence), at }
        };
        let mut opened = next();
        for number in 3..=12 {
            let mut run = sample.clone();
            run.hop = samples::hop(&format!("K21B-{number:02}"));
            run.opened_by = opened.sequence;
            run.opened_at = opened.at;
            let acted = next();
            opened = next();
            let received = Some(Receipt { by: PartyNumber(17), moment: opened });
            run.state = HopState::Done { acted, received };
            case.hops.push(run);
        }
        case.service.push(case.service[0].clone());
        case
    }

    #[test]
    fn a_case_is_as_small_as_a_million_of_them_require() {
        let fresh = encoded(&fresh()).len();
        let full = encoded(&of_twelve_hops()).len();
        assert!(fresh <= 145, "a case with its first act done takes {fresh} bytes");
        assert!(full <= 470, "a case of twelve hops takes {full} bytes");
    }

    #[test]
    fn every_truncation_and_every_byte_too_many_is_refused() {
        let whole = encoded(&of_twelve_hops());
        assert_eq!(decode_case(&whole), Ok(of_twelve_hops()));
        for end in 0..whole.len() {
            let read = decode_case(&whole[..end]);
            assert!(matches!(read, Err(RecordError::Truncated { .. })), "{end}: {read:?}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(decode_case(&longer), Err(RecordError::Trailing { bytes: 1 }));
    }

    #[test]
    fn another_version_is_refused() {
        let mut record = encoded(&fresh());
        record[0] = 1;
        let refusal = RecordError::UnknownVersion { kind: "a case", found: 1 };
        assert_eq!(decode_case(&record), Err(refusal));
    }

    #[test]
    fn a_time_finer_than_a_millisecond_is_refused_and_leaves_the_buffer_alone() {
        let mut case = fresh();
        case.updated_at = Timestamp::from_nanosecond(1).unwrap();
        let mut out = vec![7];
        let refusal = RecordError::FinerThanMs { field: "updated_at" };
        assert_eq!(encode_case(&case, &mut out), Err(refusal));
        assert_eq!(out, [7]);
    }

    #[test]
    fn a_case_over_its_limit_of_hops_is_refused() {
        let mut case = fresh();
        case.hops = vec![case.hops[0].clone(); MAX_HOPS + 1];
        let refusal =
            RecordError::TooMany { field: "hops", found: MAX_HOPS as u64 + 1, limit: MAX_HOPS };
        assert_eq!(encode_case(&case, &mut Vec::new()), Err(refusal));
    }

    proptest! {
        #[test]
        fn a_case_reads_back_as_it_was_written(case in samples::any_case()) {
            let record = encoded(&case);
            prop_assert!(record.len() < 16 * 1024, "{} bytes", record.len());
            prop_assert_eq!(decode_case(&record), Ok(case));
        }

        #[test]
        fn bytes_that_are_no_case_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = decode_case(&[&[VERSION], &bytes[..]].concat());
            prop_assert!(read.is_err() || read.is_ok_and(|case| encode_case(&case, &mut Vec::new()).is_ok()));
        }

        #[test]
        fn a_spoilt_case_never_panics(at in 0..400_usize, to: u8) {
            let mut record = encoded(&of_twelve_hops());
            let place = at % record.len();
            record[place] = to;
            if let Ok(case) = decode_case(&record) {
                prop_assert!(encode_case(&case, &mut Vec::new()).is_ok());
            }
        }
    }
}
