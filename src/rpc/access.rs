//! Who may call what: a table of methods and roles. What it does not name is refused.
//!
//! Only the method is judged here. Whether a case or an inbox is the caller's is judged where it is
//! looked up, and the answer to a stranger is the same as for one that does not exist.

use crate::domain::party::Role;

/// The roles in which a system may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// One bit for each role, at its place in [`Role::ALL`].
    roles: u32,
}

impl Access {
    /// A party's own role.
    pub fn of(role: Role) -> Self {
        Self { roles: bit(role) }
    }

    /// With another role besides, that of a party acted for.
    #[must_use]
    pub fn and(self, role: Role) -> Self {
        Self { roles: self.roles | bit(role) }
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.roles & bit(*role) != 0)
    }

    /// Whether one of the roles watches over all parties: it may see what any of them has waiting
    /// and owes, though not the papers.
    pub fn watches(self) -> bool {
        self.roles().any(|role| WATCHERS.contains(&role))
    }

    /// Whether one of the roles may call the method.
    pub fn allows(self, method_path: &str) -> bool {
        self.roles().any(|role| allowed(role, method_path))
    }
}

fn bit(role: Role) -> u32 {
    1 << role as u8
}

const MISSION: &[Role] = &[Role::ForeignMission];
const MIGRATION_BODY: &[Role] = &[Role::MigrationBody];
const AKIMAT: &[Role] = &[Role::Akimat];
const COMMISSION: &[Role] = &[Role::Commission];
const EMPLOYMENT_COMMISSION: &[Role] = &[Role::EmploymentCommission];
const STATE_CORPORATION: &[Role] = &[Role::StateCorporation];
const EMPLOYMENT_CENTRE: &[Role] = &[Role::EmploymentCentre];
const CAREER_CENTRE: &[Role] = &[Role::CareerCentre];
const PORTALS: &[Role] = &[Role::MigrationPortal, Role::EgovPortal, Role::MobileApp];
const EGOV_GATEWAY: &[Role] = &[Role::EgovGateway];
const DIGITAL_DOCUMENTS: &[Role] = &[Role::DigitalDocuments];
const QUALITY_BODY: &[Role] = &[Role::QualityBody];
const OPERATOR: &[Role] = &[Role::Operator];
const WATCHERS: &[Role] = &[Role::MigrationBody, Role::Operator];
/// Those to whom an act can be sent. The operator takes no part; adaptation centres and front
/// offices read, and nothing is ever sent to them.
const RECEIVERS: &[Role] = &[
    Role::ForeignMission,
    Role::MigrationBody,
    Role::Akimat,
    Role::Commission,
    Role::EmploymentCommission,
    Role::StateCorporation,
    Role::EmploymentCentre,
    Role::CareerCentre,
    Role::LabourMobilityCentre,
    Role::MigrationPortal,
    Role::EgovPortal,
    Role::MobileApp,
    Role::AisKandas,
    Role::AisLabourMarket,
    Role::EgovGateway,
    Role::DigitalDocuments,
    Role::MonitoringSystem,
    Role::LabourExchange,
    Role::RuralAkimat,
    Role::QualityBody,
    Role::ContactCentre,
];
/// Everybody but adaptation centres and front offices, who ask for the state of a case alone.
const CASE_READERS: &[Role] = &[
    Role::ForeignMission,
    Role::MigrationBody,
    Role::Akimat,
    Role::Commission,
    Role::Operator,
    Role::EmploymentCommission,
    Role::StateCorporation,
    Role::EmploymentCentre,
    Role::CareerCentre,
    Role::LabourMobilityCentre,
    Role::MigrationPortal,
    Role::EgovPortal,
    Role::MobileApp,
    Role::AisKandas,
    Role::AisLabourMarket,
    Role::EgovGateway,
    Role::DigitalDocuments,
    Role::MonitoringSystem,
    Role::LabourExchange,
    Role::RuralAkimat,
    Role::QualityBody,
    Role::ContactCentre,
];
/// Those to whom an act can be sent, and the operator: the same as those who read cases.
const RECEIVERS_AND_OPERATOR: &[Role] = CASE_READERS;
const EVERYBODY: &[Role] = &Role::ALL;

/// Every method with the roles that may call it.
pub const TABLE: &[(&str, &[Role])] = &[
    ("/kopir.mission.v1.ForeignMissionService/SubmitApplication", MISSION),
    ("/kopir.mission.v1.ForeignMissionService/SubmitApplications", MISSION),
    ("/kopir.mission.v1.ForeignMissionService/HandOverDecision", MISSION),
    ("/kopir.mission.v1.ForeignMissionService/SubmitStatusApplication", MISSION),
    ("/kopir.mission.v1.ForeignMissionService/ForwardApplication", MISSION),
    ("/kopir.migration.v1.MigrationBodyService/ForwardApplication", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/ForwardDecision", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/RegisterComplaint", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/AnswerComplaint", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/ExtendComplaint", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/NotifyExtension", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/RecordCourtAppeal", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/RegisterChange", MIGRATION_BODY),
    ("/kopir.migration.v1.MigrationBodyService/NotifyChange", MIGRATION_BODY),
    ("/kopir.akimat.v1.AkimatService/ReferToCommission", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SendConsentDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RegisterArrival", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/HandOverInclusionDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SubmitKandasApplication", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SubmitOneApplication", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SubmitInMigrantApplication", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SubmitExtensionApplication", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RegisterApplication", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/ConfirmAcceptance", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RefuseToAccept", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/QueryStateSystems", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/QueryDigitalDocuments", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/ReferListToCommission", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SendList", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/GivePreliminaryNotice", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordObjection", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordHearing", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/PostponeHearing", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordHearingOutcome", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordQuotaDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordStatusDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordExtensionDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SendDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/ForwardDecision", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/PublishResult", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/IssueCertificate", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordArrival", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/NotifyApplicant", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordServiceResult", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RegisterComplaint", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/AnswerComplaint", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/ExtendComplaint", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/NotifyExtension", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/RecordCourtAppeal", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/SendProposal", AKIMAT),
    ("/kopir.akimat.v1.AkimatService/PublishSettlementList", AKIMAT),
    ("/kopir.commission.v1.CommissionService/RecordConsentDecision", COMMISSION),
    ("/kopir.commission.v1.CommissionService/RecordInclusionDecision", COMMISSION),
    ("/kopir.commission.v1.CommissionService/RecordQuotaDecision", COMMISSION),
    ("/kopir.commission.v1.CommissionService/RecordRecommendation", COMMISSION),
    ("/kopir.commission.v1.CommissionService/RecordRecommendations", COMMISSION),
    (
        "/kopir.employment_commission.v1.EmploymentCommissionService/RecordRecommendation",
        EMPLOYMENT_COMMISSION,
    ),
    (
        "/kopir.employment_commission.v1.EmploymentCommissionService/RecordRecommendations",
        EMPLOYMENT_COMMISSION,
    ),
    ("/kopir.statecorp.v1.StateCorporationService/SubmitKandasApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/SubmitOneApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/SubmitInMigrantApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/SubmitStatusApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/SubmitExtensionApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/RegisterArrival", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/QueryStateSystems", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/QueryDigitalDocuments", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/CertifyCopies", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/ConfirmAcceptance", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/RefuseToAccept", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/ForwardApplication", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/HandOverDecision", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/NotifyApplicant", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/ReissueCertificate", STATE_CORPORATION),
    ("/kopir.statecorp.v1.StateCorporationService/RecordServiceResult", STATE_CORPORATION),
    (
        "/kopir.employment_centre.v1.EmploymentCentreService/SubmitInMigrantApplication",
        EMPLOYMENT_CENTRE,
    ),
    (
        "/kopir.employment_centre.v1.EmploymentCentreService/SubmitKandasApplication",
        EMPLOYMENT_CENTRE,
    ),
    ("/kopir.employment_centre.v1.EmploymentCentreService/QueryStateSystems", EMPLOYMENT_CENTRE),
    ("/kopir.employment_centre.v1.EmploymentCentreService/RefuseToAccept", EMPLOYMENT_CENTRE),
    ("/kopir.employment_centre.v1.EmploymentCentreService/ForwardApplication", EMPLOYMENT_CENTRE),
    ("/kopir.employment_centre.v1.EmploymentCentreService/NotifyApplicant", EMPLOYMENT_CENTRE),
    ("/kopir.employment_centre.v1.EmploymentCentreService/HandOverDecision", EMPLOYMENT_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/SubmitInMigrantApplication", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/QueryStateSystems", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/QueryDigitalDocuments", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/ConfirmAcceptance", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/RefuseToAccept", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/SendList", CAREER_CENTRE),
    ("/kopir.career_centre.v1.CareerCentreService/HandOverDecision", CAREER_CENTRE),
    ("/kopir.portal.v1.PortalService/SubmitKandasApplication", PORTALS),
    ("/kopir.portal.v1.PortalService/SubmitInMigrantApplication", PORTALS),
    ("/kopir.portal.v1.PortalService/SubmitStatusApplication", PORTALS),
    ("/kopir.portal.v1.PortalService/ForwardApplication", PORTALS),
    ("/kopir.portal.v1.PortalService/ConfirmAcceptance", PORTALS),
    ("/kopir.portal.v1.PortalService/PublishResult", PORTALS),
    ("/kopir.gateway.v1.DigitalDocumentsService/AnswerDigitalDocuments", DIGITAL_DOCUMENTS),
    ("/kopir.gateway.v1.EgovGatewayService/AnswerStateQuery", EGOV_GATEWAY),
    ("/kopir.quality.v1.QualityBodyService/RegisterComplaint", QUALITY_BODY),
    ("/kopir.quality.v1.QualityBodyService/AnswerComplaint", QUALITY_BODY),
    ("/kopir.quality.v1.QualityBodyService/ExtendComplaint", QUALITY_BODY),
    ("/kopir.quality.v1.QualityBodyService/NotifyExtension", QUALITY_BODY),
    ("/kopir.quality.v1.QualityBodyService/RecordCourtAppeal", QUALITY_BODY),
    ("/kopir.quotas.v1.QuotaService/SetQuota", MIGRATION_BODY),
    ("/kopir.quotas.v1.QuotaService/GetQuota", EVERYBODY),
    ("/kopir.quotas.v1.QuotaService/ListQuotas", EVERYBODY),
    ("/kopir.inbox.v1.InboxService/OpenInbox", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/FetchDeliveries", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/AcknowledgeDelivery", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/RejectDelivery", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/ListObligations", EVERYBODY),
    ("/kopir.inbox.v1.HeldService/ListHeld", CASE_READERS),
    ("/kopir.inbox.v1.HeldService/ReleaseDelivery", RECEIVERS),
    ("/kopir.inbox.v1.HeldService/RedirectDelivery", MIGRATION_BODY),
    ("/kopir.inbox.v1.HeldService/WithdrawDelivery", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/RegisterEndpoint", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/UnregisterEndpoint", RECEIVERS),
    ("/kopir.inbox.v1.InboxService/GetEndpoint", RECEIVERS_AND_OPERATOR),
    ("/kopir.cases.v1.CaseService/GetCase", CASE_READERS),
    ("/kopir.cases.v1.CaseService/ListCases", CASE_READERS),
    ("/kopir.cases.v1.CaseService/GetCaseStatus", EVERYBODY),
    ("/kopir.procedures.v1.ProcedureService/ListProcedures", EVERYBODY),
    ("/kopir.procedures.v1.ProcedureService/GetProcedure", EVERYBODY),
    ("/kopir.procedures.v1.ProcedureService/ComputeDueTime", EVERYBODY),
    ("/kopir.operations.v1.OperationsService/GetStatus", WATCHERS),
    ("/kopir.operations.v1.OperationsService/ListInbox", RECEIVERS_AND_OPERATOR),
    ("/kopir.operations.v1.OperationsService/SetSandboxTime", OPERATOR),
    ("/kopir.operations.v1.OperationsService/AmendCalendar", OPERATOR),
    ("/kopir.operations.v1.OperationsService/EraseCase", OPERATOR),
    ("/kopir.operations.v1.OperationsService/GetCalendar", WATCHERS),
    ("/kopir.evidence.v1.EvidenceService/GetCheckpoint", EVERYBODY),
    ("/kopir.evidence.v1.EvidenceService/GetConsistencyProof", EVERYBODY),
    ("/kopir.evidence.v1.EvidenceService/GetReceiptProof", CASE_READERS),
    ("/kopir.evidence.v1.EvidenceService/AddCosignature", WATCHERS),
    ("/kopir.evidence.v1.EvidenceService/ExportCase", WATCHERS),
    ("/grpc.health.v1.Health/Check", EVERYBODY),
    ("/grpc.health.v1.Health/Watch", EVERYBODY),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERYBODY),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", EVERYBODY),
];

/// Whether `role` may call the method of this path, for example
/// `/kopir.inbox.v1.InboxService/OpenInbox`. A path that the table does not name is nobody's.
pub fn allowed(role: Role, method_path: &str) -> bool {
    let row = TABLE.iter().find(|(path, _)| *path == method_path);
    row.is_some_and(|(_, roles)| roles.contains(&role))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::rpc::proto::FILE_DESCRIPTOR_SET;

    fn methods(descriptors: &[u8]) -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let mut methods = BTreeSet::new();
        for file in set.file {
            for service in &file.service {
                for method in &service.method {
                    methods.insert(format!(
                        "/{}.{}/{}",
                        file.package(),
                        service.name(),
                        method.name()
                    ));
                }
            }
        }
        methods
    }

    #[test]
    fn every_method_that_is_served_has_a_row_and_no_row_is_for_nothing() {
        let served: BTreeSet<String> = [
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]
        .into_iter()
        .flat_map(methods)
        // The parties serve it, and the bus calls.
        .filter(|path| !path.starts_with("/kopir.agency."))
        .collect();
        let rows: BTreeSet<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(rows, served);
        assert_eq!(rows.len(), TABLE.len(), "a method has two rows");
    }

    #[test]
    fn each_legal_act_is_open_to_one_role_only_or_to_the_portals() {
        let open = ["inbox", "cases", "procedures", "operations", "quotas", "evidence"];
        let is_act = |path: &str| {
            path.starts_with("/kopir.")
                && !open.iter().any(|area| path.starts_with(&format!("/kopir.{area}.")))
        };
        for (path, roles) in TABLE.iter().filter(|(path, _)| is_act(path)) {
            let portals = path.starts_with("/kopir.portal.");
            assert_eq!(roles.len(), if portals { 3 } else { 1 }, "{path}");
            assert_ne!(roles, &[Role::Operator], "{path}");
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_refused_to_everybody() {
        for path in [
            "",
            "/",
            "/kopir.inbox.v1.InboxService/",
            "/kopir.inbox.v1.InboxService/openinbox",
            "/kopir.inbox.v1.InboxService/OpenInbox/",
            "kopir.inbox.v1.InboxService/OpenInbox",
            "/grpc.channelz.v1.Channelz/GetServers",
        ] {
            assert!(Role::ALL.into_iter().all(|role| !allowed(role, path)), "{path:?}");
        }
    }

    #[test]
    fn an_akimat_that_acts_for_its_commission_may_decide_and_no_other() {
        let decide = "/kopir.commission.v1.CommissionService/RecordConsentDecision";
        let akimat = Access::of(Role::Akimat);
        assert!(!akimat.allows(decide));
        assert!(akimat.and(Role::Commission).allows(decide));
        assert!(
            !akimat
                .and(Role::Commission)
                .allows("/kopir.operations.v1.OperationsService/GetStatus")
        );
    }

    #[test]
    fn the_parties_are_watched_by_operator_and_migration_body_alone() {
        for role in Role::ALL {
            let watches = matches!(role, Role::Operator | Role::MigrationBody);
            assert_eq!(Access::of(role).watches(), watches, "{role:?}");
            let get_status = "/kopir.operations.v1.OperationsService/GetStatus";
            assert_eq!(allowed(role, get_status), watches, "{role:?}");
            // Whoever has an inbox sees its own.
            let list_inbox = "/kopir.operations.v1.OperationsService/ListInbox";
            let open_inbox = "/kopir.inbox.v1.InboxService/OpenInbox";
            assert_eq!(allowed(role, list_inbox), watches || allowed(role, open_inbox), "{role:?}");
        }
    }

    #[test]
    fn the_operator_reads_and_takes_no_part() {
        let operator = Access::of(Role::Operator);
        assert!(operator.allows("/kopir.cases.v1.CaseService/ListCases"));
        assert!(operator.allows("/kopir.operations.v1.OperationsService/SetSandboxTime"));
        assert!(operator.allows("/kopir.operations.v1.OperationsService/ListInbox"));
        assert!(!operator.allows("/kopir.inbox.v1.InboxService/OpenInbox"));
        assert!(!operator.allows("/kopir.inbox.v1.InboxService/FetchDeliveries"));
        assert!(
            !Access::of(Role::MigrationBody)
                .allows("/kopir.operations.v1.OperationsService/SetSandboxTime")
        );
    }
}
