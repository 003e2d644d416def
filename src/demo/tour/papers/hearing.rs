//! The hearing before a refusal.

use super::{Papers, common};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1::DocumentKind;

const PLACE: &str = "Sample building, room 1";

impl Papers<'_> {
    /// The notice of a preliminary refusal.
    pub(crate) fn preliminary_notice(&self) -> forms::PreliminaryNotice {
        forms::PreliminaryNotice {
            notice_number: self.number("Х"),
            sent_time: Some(self.time()),
            refusal: Some(self.refusal()),
            hearing_time: Some(common::timestamp(self.ahead)),
            hearing_place: PLACE.to_owned(),
            channels: vec![forms::NoticeChannel::Sms.into()],
            performer: Some(self.official("performer")),
        }
    }

    /// The applicant's objection.
    pub(crate) fn objection(&self) -> forms::Objection {
        forms::Objection {
            received_time: Some(self.time()),
            text: "The data agree; here is the paper that shows it.".to_owned(),
            documents: vec![self.document(DocumentKind::Other, "Paper")],
            manner: forms::FilingManner::Paper.into(),
            received_by: Some(self.official("specialist")),
        }
    }

    /// The record of the hearing.
    pub(crate) fn hearing(&self) -> forms::HearingRecord {
        let set = self.file.hearing_at.filter(|at| *at <= self.now).unwrap_or(self.now);
        let attendance = if self.step.missed {
            forms::HearingAttendance::NotAttended
        } else {
            forms::HearingAttendance::Attended
        };
        forms::HearingRecord {
            held_time: Some(common::timestamp(set)),
            attendance: attendance.into(),
            record: "Made-up record.".to_owned(),
            recorded_by: Some(self.official("performer")),
        }
    }

    /// The hearing moves.
    pub(crate) fn postponement(&self) -> forms::HearingPostponement {
        let until = self.zone.to_datetime(self.ahead).date();
        forms::HearingPostponement {
            received_time: Some(self.time()),
            reasons: "A made-up illness.".to_owned(),
            documents: vec![self.document(DocumentKind::AbsenceReason, "Certificate")],
            until_date: Some(common::date(until)),
            hearing_time: Some(common::timestamp(self.ahead)),
            hearing_place: PLACE.to_owned(),
            received_by: Some(self.official("specialist")),
        }
    }

    /// What came of it.
    pub(crate) fn hearing_outcome(&self) -> forms::HearingOutcome {
        let (document_number, decided_on) = self.decided();
        forms::HearingOutcome {
            document_number,
            decided_date: Some(common::date(decided_on)),
            outcome: self.outcome().into(),
            refusal: self.refuses().then(|| self.refusal()),
            head_signature: self.edition_is("2025").then(|| self.signature()),
            signed_document: None,
        }
    }
}
