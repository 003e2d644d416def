//! The table itself: every method, what it is about, and who may call it in which relation to that.

use super::{Grant, Relation, Row, Sight, Subject};
use crate::domain::ReadContent;
use crate::domain::party::Role;

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
/// Who may have to prove to a court what the papers of a case say.
const PROVERS: &[Role] = &[Role::MigrationBody, Role::Akimat];
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
const EVERYBODY: &[Role] = &Role::ALL;
/// Offices that tell the people of their region where a case stands.
const REGIONAL_READERS: &[Role] = &[Role::AdaptationCentre, Role::FrontOffice];
/// Who may know of every case where it stands.
const ALL_CASE_READERS: &[Role] = &[Role::ContactCentre, Role::Operator];

const ANY: &[Relation] = &Relation::ALL;
const ITS_OWN: &[Relation] = &[Relation::Own, Relation::ActsFor];
const PART: &[Relation] = &[Relation::Part];
const OWN_REGION: &[Relation] = &[Relation::OwnRegion];
const CONCERNED: &[Relation] = &[Relation::Own, Relation::ActsFor, Relation::Part];

/// What a party owes.
pub const LIST_OBLIGATIONS: &str = "/kopir.inbox.v1.InboxService/ListObligations";
/// Where a party's deliveries are brought.
pub const GET_ENDPOINT: &str = "/kopir.inbox.v1.InboxService/GetEndpoint";
/// What is held with a party.
pub const LIST_HELD: &str = "/kopir.inbox.v1.HeldService/ListHeld";
/// What waits in an inbox, without its papers.
pub const LIST_INBOX: &str = "/kopir.operations.v1.OperationsService/ListInbox";
/// A case.
pub const GET_CASE: &str = "/kopir.cases.v1.CaseService/GetCase";
/// Who has read personal data of a case.
pub const LIST_DATA_READS: &str = "/kopir.cases.v1.CaseService/ListDataReads";
/// The cases that the caller may see.
pub const LIST_CASES: &str = "/kopir.cases.v1.CaseService/ListCases";
/// Where a case stands.
pub const GET_CASE_STATUS: &str = "/kopir.cases.v1.CaseService/GetCaseStatus";
/// The proof that a record is in the journal.
pub const GET_RECEIPT_PROOF: &str = "/kopir.evidence.v1.EvidenceService/GetReceiptProof";

/// Everything that the journal has of a case, with the papers that were given to the caller.
pub const EXPORT_CASE_WITH_PAPERS: &str = "/kopir.evidence.v1.EvidenceService/ExportCaseWithPapers";

macro_rules! row {
    ($path:expr, $subject:ident, $($roles:ident: $relations:ident),+) => {
        Row {
            path: $path,
            subject: Subject::$subject,
            grants: &[$(Grant { roles: $roles, relations: $relations }),+],
        }
    };
}

/// Everything personal that is told beside the papers of deliveries. What is not here is told to
/// nobody.
pub const SIGHTS: &[Sight] = &[
    Sight {
        path: LIST_HELD,
        content: ReadContent::HeldWords,
        // The receiver wrote them.
        own: Grant { roles: RECEIVERS, relations: ITS_OWN },
        // The authorised body resolves what others cannot. The operator keeps the bus, and reads nothing.
        for_purpose: Grant { roles: MIGRATION_BODY, relations: ANY },
    },
    Sight {
        path: EXPORT_CASE_WITH_PAPERS,
        content: ReadContent::CaseExport,
        own: Grant { roles: &[], relations: &[] },
        // Papers that they had been given before.
        for_purpose: Grant { roles: PROVERS, relations: PART },
    },
];

/// Every method. What is not here is nobody's.
pub const TABLE: &[Row] = &[
    row!("/kopir.mission.v1.ForeignMissionService/SubmitApplication", Opening, MISSION: ANY),
    row!("/kopir.mission.v1.ForeignMissionService/SubmitApplications", Opening, MISSION: ANY),
    row!("/kopir.mission.v1.ForeignMissionService/HandOverDecision", Case, MISSION: PART),
    row!("/kopir.mission.v1.ForeignMissionService/SubmitStatusApplication", Opening, MISSION: ANY),
    row!("/kopir.mission.v1.ForeignMissionService/ForwardApplication", Case, MISSION: PART),
    row!("/kopir.migration.v1.MigrationBodyService/ForwardApplication", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/ForwardDecision", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/RegisterComplaint", Opening, MIGRATION_BODY: ANY),
    row!("/kopir.migration.v1.MigrationBodyService/AnswerComplaint", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/ExtendComplaint", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/NotifyExtension", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/RecordCourtAppeal", Case, MIGRATION_BODY: PART),
    row!("/kopir.migration.v1.MigrationBodyService/RegisterChange", Opening, MIGRATION_BODY: ANY),
    row!("/kopir.migration.v1.MigrationBodyService/NotifyChange", Case, MIGRATION_BODY: PART),
    row!("/kopir.akimat.v1.AkimatService/ReferToCommission", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/SendConsentDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RegisterArrival", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/HandOverInclusionDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/SubmitKandasApplication", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/SubmitOneApplication", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/SubmitInMigrantApplication", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/SubmitExtensionApplication", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/RegisterApplication", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/ConfirmAcceptance", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RefuseToAccept", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/QueryStateSystems", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/QueryDigitalDocuments", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/ReferListToCommission", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/SendList", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/GivePreliminaryNotice", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordObjection", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordHearing", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/PostponeHearing", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordHearingOutcome", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordQuotaDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordStatusDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordExtensionDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/SendDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/ForwardDecision", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/PublishResult", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/IssueCertificate", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordArrival", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/NotifyApplicant", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordServiceResult", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RegisterComplaint", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/AnswerComplaint", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/ExtendComplaint", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/NotifyExtension", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/RecordCourtAppeal", Case, AKIMAT: PART),
    row!("/kopir.akimat.v1.AkimatService/SendProposal", Opening, AKIMAT: ANY),
    row!("/kopir.akimat.v1.AkimatService/PublishSettlementList", Opening, AKIMAT: ANY),
    row!("/kopir.commission.v1.CommissionService/RecordConsentDecision", Case, COMMISSION: PART),
    row!("/kopir.commission.v1.CommissionService/RecordInclusionDecision", Case, COMMISSION: PART),
    row!("/kopir.commission.v1.CommissionService/RecordQuotaDecision", Case, COMMISSION: PART),
    row!("/kopir.commission.v1.CommissionService/RecordRecommendation", Case, COMMISSION: PART),
    row!("/kopir.commission.v1.CommissionService/RecordRecommendations", Case, COMMISSION: PART),
    row!("/kopir.employment_commission.v1.EmploymentCommissionService/RecordRecommendation", Case, EMPLOYMENT_COMMISSION: PART),
    row!("/kopir.employment_commission.v1.EmploymentCommissionService/RecordRecommendations", Case, EMPLOYMENT_COMMISSION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/SubmitKandasApplication", Opening, STATE_CORPORATION: ANY),
    row!("/kopir.statecorp.v1.StateCorporationService/SubmitOneApplication", Opening, STATE_CORPORATION: ANY),
    row!("/kopir.statecorp.v1.StateCorporationService/SubmitInMigrantApplication", Opening, STATE_CORPORATION: ANY),
    row!("/kopir.statecorp.v1.StateCorporationService/SubmitStatusApplication", Opening, STATE_CORPORATION: ANY),
    row!("/kopir.statecorp.v1.StateCorporationService/SubmitExtensionApplication", Opening, STATE_CORPORATION: ANY),
    row!("/kopir.statecorp.v1.StateCorporationService/RegisterArrival", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/QueryStateSystems", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/QueryDigitalDocuments", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/CertifyCopies", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/ConfirmAcceptance", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/RefuseToAccept", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/ForwardApplication", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/HandOverDecision", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/NotifyApplicant", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/ReissueCertificate", Case, STATE_CORPORATION: PART),
    row!("/kopir.statecorp.v1.StateCorporationService/RecordServiceResult", Case, STATE_CORPORATION: PART),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/SubmitInMigrantApplication", Opening, EMPLOYMENT_CENTRE: ANY),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/SubmitKandasApplication", Opening, EMPLOYMENT_CENTRE: ANY),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/QueryStateSystems", Case, EMPLOYMENT_CENTRE: PART),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/RefuseToAccept", Case, EMPLOYMENT_CENTRE: PART),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/ForwardApplication", Case, EMPLOYMENT_CENTRE: PART),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/NotifyApplicant", Case, EMPLOYMENT_CENTRE: PART),
    row!("/kopir.employment_centre.v1.EmploymentCentreService/HandOverDecision", Case, EMPLOYMENT_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/SubmitInMigrantApplication", Opening, CAREER_CENTRE: ANY),
    row!("/kopir.career_centre.v1.CareerCentreService/QueryStateSystems", Case, CAREER_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/QueryDigitalDocuments", Case, CAREER_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/ConfirmAcceptance", Case, CAREER_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/RefuseToAccept", Case, CAREER_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/SendList", Case, CAREER_CENTRE: PART),
    row!("/kopir.career_centre.v1.CareerCentreService/HandOverDecision", Case, CAREER_CENTRE: PART),
    row!("/kopir.portal.v1.PortalService/SubmitKandasApplication", Opening, PORTALS: ANY),
    row!("/kopir.portal.v1.PortalService/SubmitInMigrantApplication", Opening, PORTALS: ANY),
    row!("/kopir.portal.v1.PortalService/SubmitStatusApplication", Opening, PORTALS: ANY),
    row!("/kopir.portal.v1.PortalService/ForwardApplication", Case, PORTALS: PART),
    row!("/kopir.portal.v1.PortalService/ConfirmAcceptance", Case, PORTALS: PART),
    row!("/kopir.portal.v1.PortalService/PublishResult", Case, PORTALS: PART),
    row!("/kopir.gateway.v1.DigitalDocumentsService/AnswerDigitalDocuments", Case, DIGITAL_DOCUMENTS: PART),
    row!("/kopir.gateway.v1.EgovGatewayService/AnswerStateQuery", Case, EGOV_GATEWAY: PART),
    row!("/kopir.quality.v1.QualityBodyService/RegisterComplaint", Opening, QUALITY_BODY: ANY),
    row!("/kopir.quality.v1.QualityBodyService/AnswerComplaint", Case, QUALITY_BODY: PART),
    row!("/kopir.quality.v1.QualityBodyService/ExtendComplaint", Case, QUALITY_BODY: PART),
    row!("/kopir.quality.v1.QualityBodyService/NotifyExtension", Case, QUALITY_BODY: PART),
    row!("/kopir.quality.v1.QualityBodyService/RecordCourtAppeal", Case, QUALITY_BODY: PART),
    row!("/kopir.quotas.v1.QuotaService/SetQuota", Nothing, MIGRATION_BODY: ANY),
    row!("/kopir.quotas.v1.QuotaService/GetQuota", Nothing, EVERYBODY: ANY),
    row!("/kopir.quotas.v1.QuotaService/ListQuotas", Nothing, EVERYBODY: ANY),
    row!("/kopir.inbox.v1.InboxService/OpenInbox", Party, RECEIVERS: ITS_OWN),
    row!("/kopir.inbox.v1.InboxService/FetchDeliveries", Party, RECEIVERS: ITS_OWN),
    row!("/kopir.inbox.v1.InboxService/AcknowledgeDelivery", Delivery, RECEIVERS: ITS_OWN),
    row!("/kopir.inbox.v1.InboxService/RejectDelivery", Delivery, RECEIVERS: ITS_OWN),
    row!(LIST_OBLIGATIONS, Party, EVERYBODY: ITS_OWN, WATCHERS: ANY),
    row!(LIST_HELD, Party, RECEIVERS: ITS_OWN, WATCHERS: ANY),
    row!("/kopir.inbox.v1.HeldService/ReleaseDelivery", Delivery, RECEIVERS: CONCERNED, MIGRATION_BODY: ANY),
    row!("/kopir.inbox.v1.HeldService/RedirectDelivery", Delivery, MIGRATION_BODY: ANY),
    row!("/kopir.inbox.v1.HeldService/WithdrawDelivery", Delivery, RECEIVERS: CONCERNED, MIGRATION_BODY: ANY),
    row!("/kopir.inbox.v1.InboxService/RegisterEndpoint", Party, RECEIVERS: ITS_OWN),
    row!("/kopir.inbox.v1.InboxService/UnregisterEndpoint", Party, RECEIVERS: ITS_OWN),
    row!(GET_ENDPOINT, Party, RECEIVERS: ITS_OWN, WATCHERS: ANY),
    row!(GET_CASE, Case, RECEIVERS: PART, OPERATOR: ANY),
    row!(LIST_CASES, Case, RECEIVERS: PART, OPERATOR: ANY),
    row!(LIST_DATA_READS, Case, WATCHERS: ANY),
    row!(GET_CASE_STATUS, Case, EVERYBODY: PART, REGIONAL_READERS: OWN_REGION, ALL_CASE_READERS: ANY),
    row!("/kopir.procedures.v1.ProcedureService/ListProcedures", Nothing, EVERYBODY: ANY),
    row!("/kopir.procedures.v1.ProcedureService/GetProcedure", Nothing, EVERYBODY: ANY),
    row!("/kopir.procedures.v1.ProcedureService/ComputeDueTime", Nothing, EVERYBODY: ANY),
    row!("/kopir.operations.v1.OperationsService/GetStatus", Nothing, WATCHERS: ANY),
    row!(LIST_INBOX, Party, RECEIVERS: ITS_OWN, WATCHERS: ANY),
    row!("/kopir.operations.v1.OperationsService/SetSandboxTime", Nothing, OPERATOR: ANY),
    row!("/kopir.operations.v1.OperationsService/AmendCalendar", Nothing, OPERATOR: ANY),
    row!("/kopir.operations.v1.OperationsService/EraseCase", Case, OPERATOR: ANY),
    row!("/kopir.operations.v1.OperationsService/GetCalendar", Nothing, WATCHERS: ANY),
    row!("/kopir.operations.v1.OperationsService/ListRegistryChanges", Nothing, WATCHERS: ANY),
    row!("/kopir.evidence.v1.EvidenceService/GetCheckpoint", Nothing, EVERYBODY: ANY),
    row!("/kopir.evidence.v1.EvidenceService/GetConsistencyProof", Nothing, EVERYBODY: ANY),
    row!(GET_RECEIPT_PROOF, Case, RECEIVERS: PART, OPERATOR: ANY),
    row!("/kopir.evidence.v1.EvidenceService/AddCosignature", Nothing, WATCHERS: ANY),
    row!("/kopir.evidence.v1.EvidenceService/ExportCase", Case, WATCHERS: ANY),
    row!(EXPORT_CASE_WITH_PAPERS, Case, PROVERS: PART),
    row!("/grpc.health.v1.Health/Check", Nothing, EVERYBODY: ANY),
    row!("/grpc.health.v1.Health/Watch", Nothing, EVERYBODY: ANY),
    row!("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Nothing, EVERYBODY: ANY),
    row!("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Nothing, EVERYBODY: ANY),
];
