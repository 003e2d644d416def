//! The papers of the tours. Each is written from the case's own file, the script and the clock, so
//! that one set of made-up people serves every procedure.

mod application;
mod decision;
mod hearing;
mod intake;
mod notice;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::people::Family;
use super::script::{Chapter, Script, Step};
use crate::demo::papers as common;
use crate::domain::party::{Party, Role};
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1 as types;

/// What the parties remember of a case, beside what the bus keeps.
#[derive(Debug, Clone, Default)]
pub(super) struct CaseFile {
    /// The case, once its first receipt named it.
    pub(super) case_id: String,
    /// The number under which it goes.
    pub(super) number: String,
    /// The day it was filed.
    pub(super) filed_on: Option<Date>,
    /// Number and date of the last decision.
    pub(super) decided: Option<(String, Date)>,
    /// When the hearing is to be.
    pub(super) hearing_at: Option<Timestamp>,
}

/// Who writes, of which case, when, and what the script says of it.
pub(super) struct Papers<'a> {
    /// The script.
    pub(super) script: &'a Script,
    /// The chapter.
    pub(super) chapter: &'a Chapter,
    /// The step.
    pub(super) step: &'a Step,
    /// Who writes.
    pub(super) author: &'a Party,
    /// Whose case it is.
    pub(super) family: &'a Family,
    /// The case.
    pub(super) file: &'a CaseFile,
    /// The bus's clock.
    pub(super) now: Timestamp,
    /// The zone of the author.
    pub(super) zone: &'a TimeZone,
    /// The instant to which the step looks ahead, such as a hearing.
    pub(super) ahead: Timestamp,
}

impl Papers<'_> {
    /// The case as later acts name it.
    pub(super) fn case_id(&self) -> String {
        self.file.case_id.clone()
    }

    /// Number and date of a decision that this step records.
    pub(super) fn decided(&self) -> (String, Date) {
        (self.number("Ш"), self.today())
    }

    /// The cover of an outgoing letter.
    pub(super) fn cover(&self) -> types::Dispatch {
        types::Dispatch {
            outgoing_number: self.number("Х"),
            outgoing_date: Some(self.day()),
            note: String::new(),
        }
    }

    /// The signature of the head.
    pub(super) fn signature(&self) -> types::ElectronicSignature {
        types::ElectronicSignature {
            signer: Some(self.official("head of the body")),
            signed_time: Some(self.time()),
            signature: bytes::Bytes::from_static(b"a made-up signature"),
        }
    }

    /// The record that a decision was handed over.
    pub(super) fn hand_over(&self) -> types::HandOver {
        types::HandOver {
            handed_over_time: Some(self.time()),
            manner: types::HandOverManner::InPerson.into(),
            recipient: types::HandOverRecipient::Applicant.into(),
            representative_name: None,
            representative_authority: String::new(),
            handed_over_by: Some(self.official("specialist")),
            head_signature: None,
        }
    }

    /// The same where the akimat signs what it hands over.
    pub(super) fn signed_hand_over(&self) -> types::HandOver {
        types::HandOver { head_signature: Some(self.signature()), ..self.hand_over() }
    }

    fn today(&self) -> Date {
        self.zone.to_datetime(self.now).date()
    }

    fn day(&self) -> DateMessage {
        common::date(self.today())
    }

    fn time(&self) -> prost_types::Timestamp {
        common::timestamp(self.now)
    }

    fn number(&self, kind: &str) -> String {
        format!("{}/{kind}-{}", self.file.number, self.now.as_second() % 1_000_000 / 60)
    }

    fn region(&self) -> String {
        self.chapter.region.clone().unwrap_or_else(|| self.script.region.clone())
    }

    fn edition_is(&self, edition: &str) -> bool {
        self.script.edition == edition
    }

    fn is_portal(&self) -> bool {
        matches!(self.author.role, Role::MigrationPortal | Role::EgovPortal | Role::MobileApp)
    }

    fn acceptor(&self) -> Option<types::Official> {
        (!self.is_portal()).then(|| self.official("specialist"))
    }

    fn official(&self, position: &str) -> types::Official {
        common::official(crate::demo::words::Script::Kazakh, position)
    }

    fn provider(&self) -> String {
        format!("Sample: the akimat of {}", self.region())
    }

    fn refuses(&self) -> bool {
        self.step.outcome.as_deref() == Some("refusal")
    }

    fn outcome(&self) -> types::Outcome {
        let name = self.step.outcome.as_deref().unwrap_or_default();
        types::Outcome::from_str_name(&in_contract("OUTCOME", name)).unwrap_or_default()
    }

    fn grounds(&self) -> Vec<i32> {
        let ground = |name: &String| {
            let name = in_contract("REFUSAL_GROUND", name);
            types::RefusalGround::from_str_name(&name).unwrap_or_default().into()
        };
        self.step.grounds.iter().map(ground).collect()
    }

    fn refusal(&self) -> types::Refusal {
        let reasons = format!("Made-up reasons: {}.", self.step.grounds.join(", "));
        types::Refusal { grounds: self.grounds(), reasons }
    }

    fn document(&self, kind: types::DocumentKind, title: &str) -> types::Document {
        common::document(kind, &format!("{title} {}", self.file.number), &self.file.number)
    }
}

/// A name of the law's data as the contracts write it.
pub(super) fn in_contract(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", name.replace('-', "_").to_uppercase())
}
