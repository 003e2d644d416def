//! The records of one case, found by reading the journal from its beginning.
//!
//! The index has no list of them: it would cost every act an entry more, for what is asked of few
//! cases. The journal is read at the speed of the disk or of SHA-256, some gigabytes a second.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::domain::event::{ActRecorded, Event};
use crate::domain::held::Resolution;
use crate::domain::ladder::Notice;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, Sequence};
use crate::index::case_of;
use crate::journal::{JournalError, JournalReader, Record, Seq};
use crate::records::{RecordError, decode_event, names_its_cases};

/// The most records of one case; the longest cases known have some hundred.
pub const MAX_RECORDS: usize = 20_000;

/// Why the records of a case cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record that this build does not know.
    #[error("record {0}: {1}")]
    Record(Seq, RecordError),
    /// A record names one that is not there.
    #[error("a record of the case names record {0}, which is not there")]
    Missing(Seq),
    /// More records than a bundle holds.
    #[error("the case has more than {MAX_RECORDS} records")]
    TooMany,
}

/// Every record that is about a case, in the order of the journal: its acts, receipts and holdings,
/// the notices of its terms with what became of them, and what these rest on: outages, amendments
/// of the calendar, the enrolments of its parties. Empty for a case that there is not.
///
/// # Errors
/// [`CollectError`].
pub fn collect(reader: &dyn JournalReader, case: CaseId) -> Result<Vec<Record>, CollectError> {
    let mut found = Found { case, ..Found::default() };
    let mut failed = None;
    reader.scan(Seq::FIRST, &mut |record| match found.look_at(record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let Found { mut records, parties, enrolled, mut rests_on, .. } = found;
    if !records.is_empty() {
        rests_on.extend(parties.iter().filter_map(|party| enrolled.get(party)));
    }
    for seq in rests_on {
        records.push(reader.read(seq)?.ok_or(CollectError::Missing(seq))?);
    }
    records.sort_by_key(|record| record.seq);
    records.dedup_by_key(|record| record.seq);
    Ok(records)
}

struct Found {
    case: CaseId,
    records: Vec<Record>,
    notices: BTreeSet<Sequence>,
    /// Everyone whom a record of the case names.
    parties: BTreeSet<PartyNumber>,
    enrolled: BTreeMap<PartyNumber, Seq>,
    /// Records of no case, which those of the case name.
    rests_on: BTreeSet<Seq>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            case: CaseId([0; 16]),
            records: Vec::new(),
            notices: BTreeSet::new(),
            parties: BTreeSet::new(),
            enrolled: BTreeMap::new(),
            rests_on: BTreeSet::new(),
        }
    }
}

impl Found {
    fn look_at(&mut self, record: Record) -> Result<(), CollectError> {
        let mentions = || record.payload.windows(16).any(|bytes| bytes == self.case.0);
        if names_its_cases(&record.payload) && !mentions() {
            return Ok(());
        }
        let event = decode_event(&record.payload);
        let event = event.map_err(|error| CollectError::Record(record.seq, error))?;
        if let Event::PartyEnrolled(enrolled) = &event {
            self.enrolled.insert(enrolled.number, record.seq);
        }
        if !self.belongs(&event, Sequence(record.seq.0)) {
            return Ok(());
        }
        if self.records.len() == MAX_RECORDS {
            return Err(CollectError::TooMany);
        }
        self.rests_on.extend(rests_on(&event));
        self.parties.extend(parties(&event, self.case));
        self.records.push(record);
        Ok(())
    }

    fn belongs(&mut self, event: &Event, sequence: Sequence) -> bool {
        match event {
            Event::Notice(notice) => {
                let about_it = notice.fired.iter().any(|fired| fired.case == self.case);
                about_it && self.notices.insert(sequence)
            }
            Event::NoticeAcknowledged(taken) => self.notices.contains(&taken.notice),
            Event::NoticeSent(sent) => self.notices.contains(&sent.notice),
            Event::PartyEnrolled(_)
            | Event::Act(_)
            | Event::Acknowledged(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::BusOutage(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => case_of(event) == Some(self.case),
        }
    }
}

/// Records of no case by which a record of the case is understood.
fn rests_on(event: &Event) -> Option<Seq> {
    match event {
        Event::ClocksMoved(moved) => Some(Seq(moved.amendment.0)),
        Event::Notice(notice) => notice.outage.map(|outage| Seq(outage.0)),
        Event::PartyEnrolled(_)
        | Event::Act(_)
        | Event::Acknowledged(_)
        | Event::QuotaSet(_)
        | Event::HoldingExpired(_)
        | Event::CalendarAmended(_)
        | Event::CalendarSettled(_)
        | Event::NoticeAcknowledged(_)
        | Event::NoticeSent(_)
        | Event::BusOutage(_)
        | Event::DeliveryHeld(_)
        | Event::HeldResolved(_)
        | Event::EndpointSet(_)
        | Event::CaseErased(_)
        | Event::DataRead(_)
        | Event::RegistryChanged(_) => None,
    }
}

/// The parties that a record of the case names.
fn parties(event: &Event, case: CaseId) -> Vec<PartyNumber> {
    match event {
        Event::Act(act) => of_act(act),
        Event::Acknowledged(taken) => {
            [taken.by].into_iter().chain(taken.opened.iter().map(|opened| opened.holder)).collect()
        }
        Event::Notice(notice) => of_notice(notice, case),
        Event::NoticeAcknowledged(taken) => vec![taken.by],
        Event::NoticeSent(sent) => vec![sent.party],
        Event::DeliveryHeld(held) => [Some(held.party), held.by].into_iter().flatten().collect(),
        Event::HeldResolved(resolved) => {
            let to = match resolved.resolution {
                Resolution::Redirected { to } => Some(to),
                Resolution::Released | Resolution::Withdrawn => None,
            };
            [Some(resolved.party), Some(resolved.author), to].into_iter().flatten().collect()
        }
        Event::CaseErased(erased) => erased.order.iter().map(|order| order.author).collect(),
        Event::DataRead(read) => vec![read.reader],
        Event::PartyEnrolled(_)
        | Event::QuotaSet(_)
        | Event::HoldingExpired(_)
        | Event::CalendarAmended(_)
        | Event::ClocksMoved(_)
        | Event::CalendarSettled(_)
        | Event::BusOutage(_)
        | Event::EndpointSet(_)
        | Event::RegistryChanged(_) => Vec::new(),
    }
}

fn of_act(act: &ActRecorded) -> Vec<PartyNumber> {
    let opening = act.opening.iter().flat_map(|opening| {
        let participants = opening.participants.iter().map(|(_, number)| *number);
        participants.chain([opening.clock.holder])
    });
    let opened = act.opened.iter().map(|opened| opened.holder);
    let deliveries = act.deliveries.iter().map(|delivery| delivery.to);
    [act.author].into_iter().chain(opening).chain(opened).chain(deliveries).collect()
}

fn of_notice(notice: &Notice, case: CaseId) -> Vec<PartyNumber> {
    let fired = notice.fired.iter().filter(|fired| fired.case == case);
    fired.flat_map(|fired| fired.to.iter().copied().chain([fired.duty])).collect()
}
