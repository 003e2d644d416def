//! The calendar of working days: read, and amended by the operator.

use super::Bus;
use crate::engine::Amended;
use crate::procedures::calendar;
use crate::rpc::Caller;
use crate::rpc::parse::order;
use crate::rpc::proto::operations::v1::{
    AmendCalendarRequest, AmendCalendarResponse, GetCalendarResponse,
};
use crate::rpc::show::date;
use crate::rpc::show::receipt::of_order;
use crate::rpc::status::Refusal;

impl Bus {
    /// Puts another calendar in force, once every open clock is counted on it.
    pub(super) async fn amend_calendar(
        &self,
        request: &AmendCalendarRequest,
        caller: &Caller,
    ) -> Result<AmendCalendarResponse, Refusal> {
        let amendment = order::amendment(request, self.asked(caller))?;
        let (request, content) = (amendment.request, amendment.fingerprint);
        tracing::Span::current().record("request_id", tracing::field::display(request));
        let version = amendment.calendar.version().to_string();
        let _alone = self.amending.lock().await;
        self.engine.caught_up().await;
        let in_force = self.engine.law().calendar();
        // What was taken before is in force already, so that a repeat could not follow it.
        let is_repeat = self.engine.index().request(caller.party, request)?.is_some();
        if !is_repeat {
            order::follows(&in_force, &amendment.calendar)?;
        }
        let amended = self.engine.amend_calendar(amendment).await.map_err(Refusal::Order)?;
        let Amended { sequence, at, hash, cases: _, clocks } = amended;
        let before = if is_repeat { String::new() } else { in_force.version().to_string() };
        Ok(AmendCalendarResponse {
            receipt: Some(of_order(request, (sequence, at, hash), content)),
            previous_version: before,
            calendar_version: version,
            moved_clock_count: clocks,
        })
    }

    /// The calendar in force.
    pub(super) fn calendar(&self) -> Result<GetCalendarResponse, Refusal> {
        let calendar = self.engine.law().calendar();
        let text = calendar::write(&calendar);
        Ok(GetCalendarResponse {
            calendar_version: calendar.version().to_string(),
            first_date: Some(date(calendar.first())),
            last_date: Some(date(calendar.last())),
            calendar: text.map_err(|_| Refusal::Fault("the calendar cannot be written"))?,
        })
    }
}
