//! Where in the message of an act stands what the core speaks of. The core knows one kind of
//! decision, one instant of filing and one region; the contracts have a form for each act.

use crate::domain::Act;

/// The field of the core by which a refusal that states no ground is named.
pub const GROUNDS: &str = "decision.refusal.grounds";

/// The field of the core by which a refusal for the signature is named.
pub const SIGNED_DOCUMENT: &str = "decision.signed_document";

/// The acts whose messages call a field otherwise than the core does: the act, the field of the
/// core, the field of the contract. Where a message has several for the same, as the outcomes of a
/// decision have, it is the one that holds them all.
const NAMES: &[(Act, &str, &str)] = &[
    (Act::SubmitApplication, "region", "application.region"),
    (Act::SubmitApplication, "departure_region", "application.departure_region"),
    (Act::RegisterComplaint, "region", "complaint.region"),
    (Act::RegisterComplaint, "application.filed_time", "complaint.registered_time"),
    (Act::RegisterChange, "region", "change"),
    (Act::RegisterChange, "application.filed_time", "change.approved_date"),
    (Act::SendProposal, "region", "proposal"),
    (Act::SendProposal, "application.filed_time", "proposal.proposal_date"),
    (Act::PublishSettlementList, "region", "list"),
    (Act::PublishSettlementList, "application.filed_time", "list.list_date"),
    (Act::RecordConsentDecision, "decision.person_count", "decision.consent.person_count"),
    (Act::RecordInclusionDecision, "decision.person_count", "decision.inclusion.person_count"),
    (Act::RecordDecision, "decision.person_count", "decision"),
    (Act::RecordDecision, "decision.months", "decision.extension.months"),
    (Act::RecordDecision, GROUNDS, "decision.refusal.refusal.grounds"),
    (Act::RecordRecommendation, "decision.decision_date", "recommendation.issued_date"),
    (Act::RecordRecommendation, "decision.person_count", "recommendation.person_count"),
    (Act::RecordRecommendation, "decision", "recommendation.outcome"),
    (Act::RecordRecommendation, GROUNDS, "recommendation.refusal.grounds"),
    (Act::RecordHearingOutcome, "decision.decision_date", "outcome.decided_date"),
    (Act::RecordHearingOutcome, "decision.person_count", "outcome.outcome"),
    (Act::RecordHearingOutcome, "decision", "outcome.outcome"),
    (Act::RecordHearingOutcome, GROUNDS, "outcome.refusal.grounds"),
    (Act::AnswerComplaint, "decision.decision_date", "answer.answer_date"),
    (Act::AnswerComplaint, "decision", "answer.outcome"),
    (Act::RecordServiceResult, "decision.decision_date", "result.result_date"),
    (Act::RecordServiceResult, "decision", "result.outcome"),
    (Act::RefuseToAccept, GROUNDS, "refusal_receipt.grounds"),
    (Act::RecordHearingOutcome, SIGNED_DOCUMENT, "outcome.signed_document"),
    (Act::SendDecision, SIGNED_DOCUMENT, "signed_document"),
    (Act::RefuseToAccept, SIGNED_DOCUMENT, "refusal_receipt.signed_document"),
    (Act::CertifyCopies, SIGNED_DOCUMENT, "copies.signed_document"),
    (Act::PublishResult, SIGNED_DOCUMENT, "publication.signed_document"),
];

/// The field of the contract for a field of the core in the message of this act; the same where
/// the message has it under that name.
pub fn in_contract(act: Option<Act>, field: &'static str) -> &'static str {
    let named = NAMES.iter().find(|(of, core, _)| Some(*of) == act && *core == field);
    named.map_or(field, |(_, _, contract)| contract)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost::Message as _;
    use prost_types::{DescriptorProto, FileDescriptorSet};

    use super::*;
    use crate::rpc::proto::FILE_DESCRIPTOR_SET;

    type Messages = BTreeMap<String, DescriptorProto>;

    /// Whether the path of fields that begins in this message leads somewhere.
    fn leads(messages: &Messages, message: &DescriptorProto, path: &str) -> bool {
        let (first, rest) = path.split_once('.').map_or((path, ""), |(first, rest)| (first, rest));
        let Some(field) = message.field.iter().find(|field| field.name() == first) else {
            return false;
        };
        let next = messages.get(field.type_name());
        rest.is_empty() || next.is_some_and(|next| leads(messages, next, rest))
    }

    #[test]
    fn every_name_is_a_field_of_a_request() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let named = set.file.iter().flat_map(|file| {
            let name = |one: &DescriptorProto| format!(".{}.{}", file.package(), one.name());
            file.message_type.iter().map(move |one| (name(one), one.clone()))
        });
        let messages: Messages = named.collect();
        let requests = || messages.iter().filter(|(name, _)| name.ends_with("Request"));
        for (act, core, contract) in NAMES {
            let found = requests().any(|(_, request)| leads(&messages, request, contract));
            assert!(found, "{act} {core}: no request has {contract}");
        }
    }

    #[test]
    fn what_has_no_other_name_keeps_its_own() {
        let field = "notice.hearing_time";
        assert_eq!(in_contract(Some(Act::GivePreliminaryNotice), field), field);
        assert_eq!(in_contract(None, "region"), "region");
        assert_eq!(in_contract(Some(Act::RegisterComplaint), "region"), "complaint.region");
    }
}
