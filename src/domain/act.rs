//! Acts: what a party does in a case, who does it, and what it carries.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::confidential::Confidential;
use super::party::Role;

/// A name that is none of a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {kind}")]
pub struct UnknownName {
    /// What was given.
    pub text: String,
    /// What was expected, in words.
    pub kind: &'static str,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$vdoc:meta])* $variant:ident = $tag:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value, in the order of the law.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name in data files, logs and tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The stable number in journal records; never reused.
            pub const fn tag(self) -> u8 {
                match self { $(Self::$variant => $tag,)* }
            }

            /// The value of a journal record's number.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag { $($tag => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::act::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    other => Err($crate::domain::act::UnknownName {
                        text: other.to_owned(),
                        kind: $kind,
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// One legal act; each is one method of one role's service.
    Act, "an act", {
        /// The mission takes an application in and submits it (002-EN A1 ¶¶10-11).
        SubmitApplication = 1 "submit-application",
        /// The authorised body sends the application to the akimat (¶12).
        ForwardApplication = 2 "forward-application",
        /// The akimat refers the case to its commission (¶13, ¶21).
        ReferToCommission = 3 "refer-to-commission",
        /// The commission consents to inclusion or refuses (¶14).
        RecordConsentDecision = 4 "record-consent-decision",
        /// The akimat sends that decision to the authorised body (¶16).
        SendConsentDecision = 5 "send-consent-decision",
        /// The authorised body forwards the decision to the mission (¶17).
        ForwardDecision = 6 "forward-decision",
        /// The mission hands the decision over to the applicant (¶18).
        HandOverDecision = 7 "hand-over-decision",
        /// The akimat takes in the application after arrival (¶¶19-20).
        RegisterArrival = 8 "register-arrival",
        /// The commission decides on inclusion (¶22).
        RecordInclusionDecision = 9 "record-inclusion-decision",
        /// The akimat hands the inclusion decision over to the applicant (¶23).
        HandOverInclusionDecision = 10 "hand-over-inclusion-decision",
        /// A party asks the state's information systems through the e-government gateway
        /// (002-KK ¶¶5, 16).
        QueryStateSystems = 11 "query-state-systems",
        /// The gateway answers (002-EN A1 ¶4; 002-KK ¶¶5, 16; 004 App. 2 row 8).
        AnswerQuery = 12 "answer-query",
        /// A party asks the digital documents service, with the holder's consent (002-KK App. 2
        /// row 8).
        QueryDigitalDocuments = 13 "query-digital-documents",
        /// The digital documents service answers.
        AnswerDigitalDocuments = 14 "answer-digital-documents",
        /// The akimat registers the application, with its number (002-EN A1 ¶5; 002-KK ¶¶9, 18).
        RegisterApplication = 15 "register-application",
        /// The intake confirms that a whole package was accepted (002-KK ¶¶6, 7, 15).
        ConfirmAcceptance = 16 "confirm-acceptance",
        /// The intake refuses an incomplete or expired package (002-EN A1 ¶5; 002-KK ¶¶6, 8, 17).
        RefuseToAccept = 17 "refuse-to-accept",
        /// The State Corporation checks the package and certifies its copies (002-KK ¶6).
        CertifyCopies = 18 "certify-copies",
        /// A list of cases goes on to the next party (002-EN A2 ¶6; 002-KK ¶15).
        SendList = 19 "send-list",
        /// A commission recommends (002-EN A2 ¶8; 002-KK ¶¶11, 20; 004 ¶9).
        RecordRecommendation = 20 "record-recommendation",
        /// The performer tells the applicant of a preliminary refusal, with the hearing's time and
        /// place (002-EN A1 ¶8; 002-KK ¶¶12, 21; 004 ¶9-1).
        GivePreliminaryNotice = 21 "give-preliminary-notice",
        /// The applicant's objection is recorded (002-EN A1 ¶8; 002-KK ¶¶12, 21).
        RecordObjection = 22 "record-objection",
        /// The hearing was held, or the applicant missed it (004 ¶9-1).
        RecordHearing = 23 "record-hearing",
        /// The hearing moves to the end of valid reasons for absence (004 ¶9-1).
        PostponeHearing = 24 "postpone-hearing",
        /// What the hearing led to (002-EN A1 ¶8; 002-KK ¶¶12, 21; 004 ¶9-1).
        RecordHearingOutcome = 25 "record-hearing-outcome",
        /// The akimat decides (002-EN A2 ¶10; 002-KK ¶¶13, 22; 004 App. 2, ¶19).
        RecordDecision = 26 "record-decision",
        /// The akimat sends a decision or its copy to another party (002-EN A1 ¶9, A2 ¶11;
        /// 002-KK ¶13; 004 ¶¶10, 22).
        SendDecision = 27 "send-decision",
        /// The result appears in the applicant's personal account (002-KK ¶13; 004 App. 2 row 5).
        PublishResult = 28 "publish-result",
        /// The kandas certificate is issued (004 App. 2 row 5).
        IssueCertificate = 29 "issue-certificate",
        /// The State Corporation issues the certificate again from its system (004 App. 2 row 5).
        ReissueCertificate = 30 "reissue-certificate",
        /// Stage data to the monitoring system (002-EN A1 ¶6).
        ReportStage = 31 "report-stage",
        /// The applicant is told how the application goes on (002-EN A2 ¶5; 004 ¶22).
        NotifyApplicant = 32 "notify-applicant",
        /// A complaint is registered (002-EN A1 ¶24; 002-KK ¶¶23, 26).
        RegisterComplaint = 33 "register-complaint",
        /// The complaint is answered (002-EN A1 ¶24; 002-KK ¶¶24-25).
        AnswerComplaint = 34 "answer-complaint",
        /// The term of a complaint is extended (002-EN A1 ¶25; 002-KK ¶27).
        ExtendComplaint = 35 "extend-complaint",
        /// The complainant is told of the extension (002-EN A1 ¶25; 002-KK ¶27).
        NotifyExtension = 36 "notify-extension",
        /// The applicant has gone to court (002-EN A1 ¶26; 002-KK ¶28).
        RecordCourtAppeal = 37 "record-court-appeal",
        /// The authorised body registers a change of the requirements (002-KK ¶29).
        RegisterChange = 38 "register-change",
        /// The authorised body tells everybody of the change (002-KK ¶29).
        NotifyChange = 39 "notify-change",
        /// Astana's department proposes (003 ¶4).
        SendProposal = 40 "send-proposal",
        /// Astana's department publishes its list of settlements (003 ¶5).
        PublishSettlementList = 41 "publish-settlement-list",
        /// The applicant has arrived; the status takes effect (004 ¶10(2)).
        RecordArrival = 42 "record-arrival",
        /// One service of a composite application is rendered (002-EN A1 ¶9).
        RecordServiceResult = 43 "record-service-result",
    }
}

/// What an act states that the core looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// Nothing; its document is enough.
    Nothing,
    /// An outcome, with its day, persons and grounds.
    Decision,
    /// When something happened outside the bus.
    Instant,
    /// The application after arrival.
    Arrival,
    /// The grounds of a refusal to accept.
    Grounds,
    /// When the hearing is to be.
    Hearing,
    /// Until when the hearing moves.
    Postponement,
}

impl Act {
    /// What the act states.
    pub const fn states(self) -> States {
        match self {
            Self::RecordConsentDecision
            | Self::RecordInclusionDecision
            | Self::RecordRecommendation
            | Self::RecordHearingOutcome
            | Self::RecordDecision
            | Self::AnswerComplaint
            | Self::RecordServiceResult => States::Decision,
            Self::HandOverDecision
            | Self::HandOverInclusionDecision
            | Self::RecordObjection
            | Self::RecordHearing
            | Self::NotifyApplicant
            | Self::ExtendComplaint
            | Self::RecordCourtAppeal
            | Self::RecordArrival => States::Instant,
            Self::RegisterArrival => States::Arrival,
            Self::RefuseToAccept => States::Grounds,
            Self::GivePreliminaryNotice => States::Hearing,
            Self::PostponeHearing => States::Postponement,
            Self::SubmitApplication
            | Self::ForwardApplication
            | Self::ReferToCommission
            | Self::SendConsentDecision
            | Self::ForwardDecision
            | Self::QueryStateSystems
            | Self::AnswerQuery
            | Self::QueryDigitalDocuments
            | Self::AnswerDigitalDocuments
            | Self::RegisterApplication
            | Self::ConfirmAcceptance
            | Self::CertifyCopies
            | Self::SendList
            | Self::SendDecision
            | Self::PublishResult
            | Self::IssueCertificate
            | Self::ReissueCertificate
            | Self::ReportStage
            | Self::RegisterComplaint
            | Self::NotifyExtension
            | Self::RegisterChange
            | Self::NotifyChange
            | Self::SendProposal
            | Self::PublishSettlementList => States::Nothing,
        }
    }
}

named! {
    /// What was decided, recommended or answered.
    Outcome, "an outcome", {
        /// Consent to inclusion, before entry. It does not include the person yet.
        Consent = 1 "consent",
        /// Inclusion in the regional quota.
        Inclusion = 2 "inclusion",
        /// Refusal, with its grounds.
        Refusal = 3 "refusal",
        /// Assignment of the kandas status (004 ¶10).
        Assignment = 4 "assignment",
        /// Extension of the kandas status, once and for at most six months (004 ¶19).
        Extension = 5 "extension",
        /// The complaint was found justified.
        Satisfied = 6 "satisfied",
        /// The complaint was not.
        Dismissed = 7 "dismissed",
        /// A service of a composite application was rendered.
        Completed = 8 "completed",
    }
}

named! {
    /// A ground of refusal, common to the editions; each edition has its own codes for those it
    /// knows.
    Ground, "a ground of refusal", {
        /// Unreliable data in the submitted documents.
        UnreliableData = 1 "unreliable-data",
        /// No regional quota in the unit named in the application.
        NoRegionalQuota = 2 "no-regional-quota",
        /// The conditions of the Law are not met (002-KK App. 2 row 9; 004 App. 2 row 9).
        ConditionsNotMet = 3 "conditions-not-met",
        /// Compromising information on offences, terrorist or extremist organisations.
        CompromisingInformation = 4 "compromising-information",
        /// No consent to access to restricted personal data.
        NoDataConsent = 5 "no-data-consent",
        /// The person refuses the unit offered for settlement.
        UnitRefused = 6 "unit-refused",
        /// The applicant was included in the quota before.
        AlreadyIncluded = 7 "already-included",
        /// A ground of article 19-1 of the Law on public services (004 App. 2 row 9).
        PublicServicesLaw = 8 "public-services-law",
        /// Refusal to accept: the package is incomplete.
        IncompletePackage = 9 "incomplete-package",
        /// Refusal to accept: documents have expired.
        ExpiredDocuments = 10 "expired-documents",
    }
}

named! {
    /// What kind of document an act's body is; its bytes are opaque to the core.
    BodyKind, "a kind of document", {
        /// The application of Appendix 1.
        Application = 1 "application",
        /// The covering letter of an act that passes something on.
        Dispatch = 2 "dispatch",
        /// The commission's decision on consent.
        ConsentDecision = 3 "consent-decision",
        /// The record that a decision was handed over.
        HandOver = 4 "hand-over",
        /// The application after arrival.
        ArrivalApplication = 5 "arrival-application",
        /// The commission's decision on inclusion.
        InclusionDecision = 6 "inclusion-decision",
        /// A form of one of the appendices, as its message in the contracts says.
        Form = 7 "form",
    }
}

named! {
    /// On what basis a case is opened, where one procedure has several entries.
    Basis, "a basis of a case", {
        /// The procedure's usual one.
        Ordinary = 1 "ordinary",
        /// In the region of reception already, for at most six months (002-EN A2 ¶14; 002-KK ¶14).
        SelfArrived = 2 "self-arrived",
        /// A graduate of a state programme, within six months (002-EN A2 ¶14; 002-KK ¶14).
        Graduate = 3 "graduate",
        /// A complaint about the service provider (002-KK ¶23).
        ProviderAct = 4 "provider-act",
        /// A complaint about the local executive body (002-KK ¶26).
        AkimatAct = 5 "akimat-act",
        /// A proposal on the territory for settlement (003 ¶4).
        SettlementTerritory = 6 "settlement-territory",
        /// A proposal on the quota for foreign labour (003 ¶4).
        ForeignLabourQuota = 7 "foreign-labour-quota",
        /// A proposal on the regional quotas (003 ¶4).
        RegionalQuota = 8 "regional-quota",
        /// A proposal on the quota for labour immigrants (003 ¶4).
        LabourImmigrantQuota = 9 "labour-immigrant-quota",
        /// The list of settlements (003 ¶5).
        SettlementList = 10 "settlement-list",
    }
}

/// Who sends or receives a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// Whoever applies, with the family; not a party to the bus.
    Applicant,
    /// Nobody: the act stays with the party that does it.
    Internal,
    /// The party that took the application in and gives the applicant the answer.
    Channel,
    /// The akimat of the region of departure; [`Role::Akimat`] alone is that of reception.
    DepartureAkimat,
    /// A party to the bus, in this role.
    Role(Role),
}

impl Actor {
    /// The name in data files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applicant => "applicant",
            Self::Internal => "internal",
            Self::Channel => "channel",
            Self::DepartureAkimat => "departure-akimat",
            Self::Role(role) => role.as_str(),
        }
    }

    /// The role of the party that stands there; none where the case or nobody decides it.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Applicant | Self::Internal | Self::Channel => None,
            Self::DepartureAkimat => Some(Role::Akimat),
            Self::Role(role) => Some(role),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Actor {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let named = [Self::Applicant, Self::Internal, Self::Channel, Self::DepartureAkimat];
        if let Some(actor) = named.into_iter().find(|actor| actor.name() == text) {
            return Ok(actor);
        }
        let unknown = |_| UnknownName { text: text.to_owned(), kind: "an actor or role" };
        text.parse().map(Self::Role).map_err(unknown)
    }
}

/// The document of an act: exact bytes, kept as received, never looked into by the core.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// What the bytes are.
    pub kind: BodyKind,
    /// The exact bytes; personal data, so never shown or logged.
    pub content: Confidential,
}

impl Body {
    /// A document as it was received.
    pub fn new(kind: BodyKind, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { kind, content: Confidential::plain(bytes) }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}, {:?})", self.kind, self.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_read_back() {
        for act in Act::ALL {
            assert_eq!(act.name().parse::<Act>(), Ok(*act));
            assert_eq!(Act::from_tag(act.tag()), Some(*act));
        }
        assert_eq!(Act::from_tag(0), None);
        assert!("forward".parse::<Act>().is_err());
    }

    #[test]
    fn a_body_never_shows_its_bytes() {
        let body = Body::new(BodyKind::Application, *b"SAMPLE SURNAME");
        assert_eq!(format!("{body:?}"), "Body(application, 14 bytes)");
    }
}
