//! The requests of an agent: what it sends for each task.

use jiff::Timestamp;
use uuid::Builder;

use super::{Agent, Task, Work};
use crate::demo::DemoError;
use crate::demo::chance::Chance;
use crate::demo::papers;
use crate::demo::request::Request;
use crate::rpc::proto::types::v1::Act;

impl Agent {
    /// The request of a task, with an id that is minted once.
    pub(super) fn request(&mut self, now: Timestamp, task: &Task) -> Result<Request, DemoError> {
        let subject = format!("request {} {}", task.file, task.hop);
        let mut chance = Chance::about(self.seed, &subject);
        let bits = u128::from(chance.next()) << 64 | u128::from(chance.next());
        let id = Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string();
        match &task.work {
            Work::Submit(family) => Ok(Request::submit(id, papers::application(family))),
            Work::Register(arrival) => {
                let papers = papers::arrival(&arrival.papers, now, self.office.day(now));
                Ok(Request::register(id, arrival.case_id.clone(), papers))
            }
            Work::Owed { case_id } => self.owed(now, task, id, case_id.clone()),
        }
    }

    fn owed(
        &mut self,
        now: Timestamp,
        task: &Task,
        id: String,
        case_id: String,
    ) -> Result<Request, DemoError> {
        let (act, today) = (self.law.act(&task.hop), self.office.day(now));
        let decides = act == Act::RecordConsentDecision || act == Act::RecordInclusionDecision;
        self.decisions += usize::from(decides);
        let folder = self.folder(&case_id)?;
        let number = format!("{}/{}", folder.region, self.decisions);
        let lacks = || self.line.lacks("the papers to decide on");
        let cover = papers::cover(&task.file, &task.hop, today);
        let request = match act {
            Act::ForwardApplication => Request::forward_application(id, case_id, cover),
            Act::ReferToCommission => Request::refer(id, case_id, cover),
            Act::SendConsentDecision => Request::send_consent(id, case_id, cover),
            Act::ForwardDecision => Request::forward_decision(id, case_id, cover),
            Act::HandOverDecision => {
                Request::hand_over(id, case_id, papers::hand_over(now, "consular officer"))
            }
            Act::HandOverInclusionDecision => {
                let record = papers::hand_over(now, "specialist of the akimat");
                Request::hand_over_inclusion(id, case_id, record)
            }
            Act::RecordConsentDecision => {
                let decision = folder.decide_consent(number, today, self.last_place);
                Request::consent(id, case_id, decision.ok_or_else(lacks)?)
            }
            Act::RecordInclusionDecision => {
                let decision = folder.decide_inclusion(number, today);
                Request::inclusion(id, case_id, decision.ok_or_else(lacks)?)
            }
            // The applicant's acts come to the counter and are never owed by a clock.
            Act::Unspecified
            | Act::FileApplication
            | Act::SubmitApplication
            | Act::RegisterArrival
            // The acts of the procedures that the demonstration does not play.
            | Act::QueryStateSystems
            | Act::AnswerQuery
            | Act::QueryDigitalDocuments
            | Act::AnswerDigitalDocuments
            | Act::RegisterApplication
            | Act::ConfirmAcceptance
            | Act::RefuseToAccept
            | Act::CertifyCopies
            | Act::SendList
            | Act::RecordRecommendation
            | Act::GivePreliminaryNotice
            | Act::RecordObjection
            | Act::RecordHearing
            | Act::PostponeHearing
            | Act::RecordHearingOutcome
            | Act::RecordDecision
            | Act::SendDecision
            | Act::PublishResult
            | Act::IssueCertificate
            | Act::ReissueCertificate
            | Act::ReportStage
            | Act::NotifyApplicant
            | Act::RegisterComplaint
            | Act::AnswerComplaint
            | Act::ExtendComplaint
            | Act::NotifyExtension
            | Act::RecordCourtAppeal
            | Act::RegisterChange
            | Act::NotifyChange
            | Act::SendProposal
            | Act::PublishSettlementList
            | Act::RecordArrival
            | Act::RecordServiceResult => {
                return Err(self.line.lacks(&format!("an act for {} at this party", task.hop)));
            }
        };
        Ok(request)
    }
}
