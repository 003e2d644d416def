//! Acts: what a party does in a case, who does it, and what it carries.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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

        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    other => Err(UnknownName { text: other.to_owned(), kind: $kind }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    }
}

named! {
    /// What a commission decided.
    Outcome, "an outcome", {
        /// Consent to inclusion, before entry. It does not include the person yet.
        Consent = 1 "consent",
        /// Inclusion in the regional quota.
        Inclusion = 2 "inclusion",
        /// Refusal, with its grounds.
        Refusal = 3 "refusal",
    }
}

named! {
    /// A ground of refusal (002-EN A1 ¶¶8, 15).
    Ground, "a ground of refusal", {
        /// Unreliable data in the submitted documents.
        UnreliableData = 1 "unreliable-data",
        /// No regional quota in the unit named in the application.
        NoRegionalQuota = 2 "no-regional-quota",
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
    }
}

/// Who sends or receives a hop: the applicant, who is not a party to the bus, or a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The ethnic Kazakh who applies, with the family.
    Applicant,
    /// A party to the bus, in this role.
    Role(Role),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applicant => f.pad("applicant"),
            Self::Role(role) => f.pad(role.as_str()),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == "applicant" {
            return Ok(Self::Applicant);
        }
        let unknown = |_| UnknownName { text: text.to_owned(), kind: "a role" };
        text.parse().map(Self::Role).map_err(unknown)
    }
}

/// The document of an act: exact bytes, kept as received, never looked into by the core.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// What the bytes are.
    pub kind: BodyKind,
    /// The exact bytes; personal data, so never shown or logged.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}, {} bytes)", self.kind, self.bytes.len())
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
        let body = Body { kind: BodyKind::Application, bytes: Arc::from(*b"SAMPLE SURNAME") };
        assert_eq!(format!("{body:?}"), "Body(application, 14 bytes)");
    }
}
