//! What the writer does besides acts and acknowledgements: quotas, endpoints, the expiry of held
//! places, and amendments of the calendar with the clocks they move.

use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use super::answer::{Later, Repeat, Reply, index_fault};
use super::group::{Group, Taken};
use super::writer::Writer;
use super::{Amended, Amendment, EndpointTaken, EngineError, QuotaTaken, timestamp};
use crate::domain::{
    self, CalendarAmended, CalendarSettled, Case, CaseId, EndpointSet, Event, Rejection, Sequence,
    SetEndpoint, SetQuota,
};
use crate::journal::JournalError;

/// Cases read in one page while clocks are counted again.
const PAGE_CASES: usize = 256;

/// Expired holdings looked at in one turn; the rest waits for the next.
const PAGE_EXPIRED: usize = 1024;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// An amendment of which clocks are left to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsettled {
    /// Its record.
    pub(super) amendment: Sequence,
    /// The last case that is known to be counted.
    pub(super) after: Option<CaseId>,
}

impl Writer {
    pub(super) fn set_quota(
        &mut self,
        asked: SetQuota,
        reply: oneshot::Sender<Result<QuotaTaken, EngineError>>,
        now_ms: i64,
        group: &mut Group,
    ) {
        match self.overlay.request(asked.author, asked.request).map_err(index_fault) {
            Err(error) => group.later.push(Later::Quota(Err(error), reply)),
            Ok(Some(sequence)) => {
                let fingerprint = Some((asked.request, asked.fingerprint));
                group.later.push(Later::Quota(Ok(Repeat { sequence, fingerprint }), reply));
            }
            Ok(None) => {
                let (calendar, ledger) = (self.law.calendar(), self.ledger());
                let decided = domain::set_quota(&asked, self.context(now_ms, &calendar, &ledger));
                let decided = ledger.check().and(decided.map_err(EngineError::from));
                match decided {
                    Err(error) => group.later.push(Later::Quota(Err(error), reply)),
                    Ok(set) => {
                        self.take(Event::QuotaSet(set), now_ms, group, Reply::Quota(reply));
                    }
                }
            }
        }
    }

    pub(super) fn repeated_quota(&self, repeat: &Repeat) -> Result<QuotaTaken, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::QuotaSet(set) = recorded.event else {
            return Err(reused(repeat));
        };
        check_fingerprint(repeat, set.fingerprint)?;
        let quota = self.overlay.quota(set.key).map_err(index_fault)?;
        let (sequence, at, hash) = (repeat.sequence, recorded.at, recorded.hash);
        Ok(QuotaTaken { sequence, at, hash, key: set.key, quota })
    }

    pub(super) fn set_endpoint(
        &mut self,
        asked: SetEndpoint,
        reply: oneshot::Sender<Result<EndpointTaken, EngineError>>,
        now_ms: i64,
        group: &mut Group,
    ) {
        let SetEndpoint { author, request, fingerprint, party, url } = asked;
        match self.overlay.request(author, request).map_err(index_fault) {
            Err(error) => group.later.push(Later::Endpoint(Err(error), reply)),
            Ok(Some(sequence)) => {
                let fingerprint = Some((request, fingerprint));
                group.later.push(Later::Endpoint(Ok(Repeat { sequence, fingerprint }), reply));
            }
            Ok(None) => {
                let set = EndpointSet { party, url, author, request, fingerprint };
                self.take(Event::EndpointSet(set), now_ms, group, Reply::Endpoint(reply));
            }
        }
    }

    pub(super) fn repeated_endpoint(&self, repeat: &Repeat) -> Result<EndpointTaken, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::EndpointSet(set) = recorded.event else {
            return Err(reused(repeat));
        };
        check_fingerprint(repeat, set.fingerprint)?;
        Ok(EndpointTaken { sequence: repeat.sequence, at: recorded.at, hash: recorded.hash })
    }

    /// Frees the places whose consents have expired. Looked for once an hour, because a day
    /// begins at another hour in another zone.
    pub(super) fn expire(&mut self, now_ms: i64, group: &mut Group) {
        let hour = now_ms.div_euclid(HOUR_MS);
        if hour == self.expiries_of_hour {
            return;
        }
        // East of every region of the country the day has begun earlier than in any of them.
        let today = timestamp(now_ms + 24 * HOUR_MS).to_zoned(TimeZone::UTC).date();
        let mut is_idle = true;
        let cases = match self.overlay.expired(today, PAGE_EXPIRED) {
            Ok(cases) => cases,
            Err(error) => {
                tracing::warn!(%error, "expired places could not be looked for");
                return;
            }
        };
        let is_last = cases.len() < PAGE_EXPIRED;
        for id in cases {
            let Ok(Some(case)) = self.overlay.case(id) else { continue };
            let (calendar, ledger) = (self.law.calendar(), self.ledger());
            let expired = domain::expire(&case, self.context(now_ms, &calendar, &ledger));
            if let Some(expired) = expired {
                self.take(Event::HoldingExpired(expired), now_ms, group, Reply::Nobody);
                is_idle = false;
            }
        }
        // A page of which nothing has ended yet would be read at every turn until its day is over.
        if is_last || is_idle {
            self.expiries_of_hour = hour;
        }
    }

    /// Puts another calendar in force, counts every open clock on it, and answers then. What was
    /// decided before in this turn is written first.
    pub(super) fn amend(
        &mut self,
        amendment: Amendment,
        reply: oneshot::Sender<Result<Amended, EngineError>>,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Taken, JournalError> {
        let Amendment { author, request, fingerprint, calendar, text, reason } = amendment;
        match self.overlay.request(author, request).map_err(index_fault) {
            Ok(None) => {}
            Ok(Some(sequence)) => {
                let fingerprint = Some((request, fingerprint));
                group.later.push(Later::Amended(Ok(Repeat { sequence, fingerprint }), reply));
                return Ok(Ok(()));
            }
            Err(error) => {
                group.later.push(Later::Amended(Err(error), reply));
                return Ok(Ok(()));
            }
        }
        let version = calendar.version().clone();
        let amended = CalendarAmended { version, text, reason, author, request, fingerprint };
        self.flush(now_ms, group)?;
        let sequence = self.next_sequence(group);
        let noted = self.note(Event::CalendarAmended(Box::new(amended)), now_ms, group);
        if let Err(error) = noted.and(self.commit(now_ms, group)?) {
            drop(reply.send(Err(error)));
            return Ok(Ok(()));
        }
        self.law.amend(calendar);
        self.unsettled = Some(Unsettled { amendment: sequence, after: None });
        let counted = self.recount(sequence, now_ms, group)?;
        let taken = counted.clone().map(|_| ());
        let answer = counted.and_then(|(cases, clocks)| {
            let recorded = self.read_back(sequence)?;
            Ok(Amended { sequence, at: recorded.at, hash: recorded.hash, cases, clocks })
        });
        drop(reply.send(answer));
        Ok(taken)
    }

    pub(super) fn repeated_amendment(&self, repeat: &Repeat) -> Result<Amended, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::CalendarAmended(amended) = recorded.event else {
            return Err(reused(repeat));
        };
        check_fingerprint(repeat, amended.fingerprint)?;
        let (sequence, at, hash) = (repeat.sequence, recorded.at, recorded.hash);
        Ok(Amended { sequence, at, hash, cases: 0, clocks: 0 })
    }

    /// Finishes an amendment during which the bus went down, or the disk became full, before
    /// anything else is taken or said.
    ///
    /// That is done as of the journal's last record, which is of the amendment itself: what falls
    /// due later is planned on the amended calendar, as if nothing had come between, and an outage
    /// that is not recorded yet is not hidden by a later record.
    pub(super) fn settle(&mut self, group: &mut Group) -> Result<Taken, JournalError> {
        let Some(Unsettled { amendment, .. }) = self.unsettled else { return Ok(Ok(())) };
        let at_ms = self.journal.tail().last_time_ms.unwrap_or_else(|| self.now_ms());
        Ok(self.recount(amendment, at_ms, group)?.map(|_| ()))
    }

    /// Counts every open clock on the calendar in force, page by page, and notes the end of it:
    /// the cases and clocks that moved. What was refused is left for [`Self::settle`].
    fn recount(
        &mut self,
        amendment: Sequence,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Result<(u64, u64), EngineError>, JournalError> {
        // The pages are read from the index, so that it must have everything first.
        if !self.backlog.wait_until_empty() {
            return Ok(Err(EngineError::Stopped));
        }
        let (mut cases, mut clocks) = (0, 0);
        let mut after = self.unsettled.and_then(|unsettled| unsettled.after);
        // The first records are written at once: a disk that is still full is met early.
        let mut is_first = true;
        loop {
            let page = match self.overlay.page(after, PAGE_CASES) {
                Ok(page) => page,
                Err(error) => {
                    self.fail();
                    return Ok(Err(index_fault(error)));
                }
            };
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            match self.recount_page(&page, amendment, now_ms, group) {
                Ok(moved) => (cases, clocks) = (cases + moved.0, clocks + moved.1),
                Err(error) => {
                    self.fail();
                    return Ok(Err(error));
                }
            }
            if group.is_full() || (is_first && group.len() > 0) {
                is_first = false;
                if let Err(error) = self.commit(now_ms, group)? {
                    return Ok(Err(error));
                }
            }
            if group.len() == 0 {
                self.unsettled = Some(Unsettled { amendment, after });
            }
        }
        let settled = Event::CalendarSettled(CalendarSettled { amendment });
        let noted = self.note(settled, now_ms, group);
        if let Err(error) = noted.and(self.commit(now_ms, group)?) {
            return Ok(Err(error));
        }
        self.unsettled = None;
        // Where the rungs lie depends on the working days of every clock.
        if !self.backlog.wait_until_empty() {
            return Ok(Err(EngineError::Stopped));
        }
        if let Err(error) = self.replan(now_ms) {
            // Without them no term would be spoken of any more.
            self.fail();
            return Ok(Err(index_fault(error)));
        }
        tracing::info!(cases, clocks, "open clocks were counted again on the amended calendar");
        Ok(Ok((cases, clocks)))
    }

    /// Counts the open clocks of some cases, and how many moved.
    fn recount_page(
        &mut self,
        page: &[Case],
        amendment: Sequence,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<(u64, u64), EngineError> {
        let calendar = self.law.calendar();
        let (mut cases, mut clocks) = (0, 0);
        for case in page {
            let ledger = self.ledger();
            let moved = domain::recount(case, amendment, self.context(now_ms, &calendar, &ledger));
            let Some(moved) = moved else { continue };
            (cases, clocks) = (cases + 1, clocks + moved.moved.len() as u64);
            self.note(Event::ClocksMoved(moved), now_ms, group)?;
        }
        Ok((cases, clocks))
    }
}

pub(super) fn reused(repeat: &Repeat) -> EngineError {
    match repeat.fingerprint {
        Some((request, _)) => Rejection::RequestReused(request).into(),
        None => EngineError::Fault("a repeat without a request"),
    }
}

pub(super) fn check_fingerprint(repeat: &Repeat, recorded: [u8; 32]) -> Result<(), EngineError> {
    match repeat.fingerprint {
        Some((_, asked)) if asked != recorded => Err(reused(repeat)),
        Some(_) | None => Ok(()),
    }
}
