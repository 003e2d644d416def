//! The closed catalogue of reasons: why a call is refused, and what helps.
//!
//! A reason is a promise to integrators. It stands in the `ErrorInfo` of every refusal, programs
//! branch on it, so its name never changes and never takes on another meaning. `docs/reasons.md` is
//! the catalogue for people; a test writes it (`KOPIR_BLESS=1`) and keeps it equal to this one.

use std::fmt;

use tonic::Code;

macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $code:ident, $meaning:literal, $remedy:literal;)*) => {
        /// Why a call is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, the caller's faults first and the bus's last.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, as it stands in `ErrorInfo.reason`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The gRPC code that goes with it.
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)* }
            }

            /// What happened, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What the caller can do, in one line.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

catalogue! {
    /// The connection stands for nobody.
    CertificateUnknownParty, "CERTIFICATE_UNKNOWN_PARTY", Unauthenticated,
        "the certificate names no registered party",
        "have the certificate issued with the identity that the registry gives your party";
    /// The party lost its place while it was connected.
    IdentityWithdrawn, "IDENTITY_WITHDRAWN", Unauthenticated,
        "the certificate is accepted no more, or its party is registered no more",
        "connect with a certificate that is neither revoked nor expired, or ask the operator";
    /// What the caller may do is another.
    RightsChanged, "RIGHTS_CHANGED", Unavailable,
        "the registry changed what the caller may do, and its streams ended",
        "connect again and go on; nothing that was acknowledged is lost";
    /// The method belongs to other roles.
    RoleNotAllowed, "ROLE_NOT_ALLOWED", PermissionDenied,
        "the method is not for the caller's role",
        "call the service of your own role";
    /// Another party's inbox, without leave of the registry.
    PartyNotAllowed, "PARTY_NOT_ALLOWED", PermissionDenied,
        "the caller does not act for that party",
        "leave party_id empty, or have the registry let your party act for the other";
    /// No such case, or none of the caller's.
    CaseNotVisible, "CASE_NOT_VISIBLE", PermissionDenied,
        "no such case, or the caller has no part in it",
        "check the case_id against the first receipt of the case";
    /// The id of the act is none.
    RequestIdInvalid, "REQUEST_ID_INVALID", InvalidArgument,
        "request_id is not a UUID",
        "mint one random UUID for each act and repeat it until its receipt has come";
    /// One id for two acts.
    RequestIdReused, "REQUEST_ID_REUSED", AlreadyExists,
        "the same id came earlier with other content",
        "mint a new request_id for a new act; repeat an act unchanged";
    /// A rule of the message.
    FieldInvalid, "FIELD_INVALID", InvalidArgument,
        "a field breaks a rule; BadRequest says which",
        "mend the fields named and send the act again";
    /// A region that cannot be served.
    RegionUnknown, "REGION_UNKNOWN", InvalidArgument,
        "not a region of Kazakhstan, or no akimat there",
        "give the ISO 3166-2 code of a region with a registered akimat and commission";
    /// More persons than one application may hold.
    FamilyTooLarge, "FAMILY_TOO_LARGE", InvalidArgument,
        "more than 30 persons in one application",
        "divide the family into applications of at most 30 persons";
    /// A refusal that says nothing.
    GroundsRequired, "GROUNDS_REQUIRED", InvalidArgument,
        "a refusal without grounds or reasons",
        "state at least one ground of the law, and the reasons in words";
    /// One case, two lines.
    ListRepeatsCase, "LIST_REPEATS_CASE", InvalidArgument,
        "the list names a case twice",
        "name each case once in a list";
    /// A token of another listing, or none of the bus's.
    PageTokenInvalid, "PAGE_TOKEN_INVALID", InvalidArgument,
        "the token is not from this listing",
        "send next_page_token as it came, with the same other fields, or begin anew without";
    /// The act is not what the law expects now.
    ActOutOfOrder, "ACT_OUT_OF_ORDER", FailedPrecondition,
        "the hop is not open; details name the open ones",
        "do what is open for your party first, or wait for the party that is named";
    /// A law that is not yet, or no longer, the law.
    EditionNotInForce, "EDITION_NOT_IN_FORCE", FailedPrecondition,
        "no such edition is in force on the day of filing",
        "leave edition empty or check filed_time; the operator configures the days of publication";
    /// An act, form or ground of another edition.
    ActNotOfEdition, "ACT_NOT_OF_EDITION", FailedPrecondition,
        "the edition of the case has no such act, form or ground",
        "take acts and grounds from GetProcedure for the edition of the case";
    /// A way in that the edition does not have.
    ChannelNotAllowed, "CHANNEL_NOT_ALLOWED", FailedPrecondition,
        "the edition does not let this party take the application in",
        "have the application filed with a party that the edition names";
    /// A procedure without one of its parties.
    PartyMissing, "PARTY_MISSING", FailedPrecondition,
        "the procedure needs a party that is not registered",
        "the operator registers the party that is named";
    /// A complaint at the wrong door.
    WrongComplaintLevel, "WRONG_COMPLAINT_LEVEL", FailedPrecondition,
        "this body does not consider such a complaint",
        "file it with the body against which it is, or with the quality body";
    /// More persons than places.
    QuotaExhausted, "QUOTA_EXHAUSTED", FailedPrecondition,
        "the quota has fewer places free than the decision takes",
        "refuse for want of quota, or wait until the quota is raised or places are released";
    /// No number to draw on.
    QuotaNotSet, "QUOTA_NOT_SET", FailedPrecondition,
        "no quota is set for this region, year and category",
        "the migration body sets the quota first";
    /// A want that is none.
    QuotaAvailable, "QUOTA_AVAILABLE", FailedPrecondition,
        "places are free, so the want of quota is no ground",
        "state another ground, or decide in favour";
    /// A quota that would break what was promised.
    QuotaBelowTaken, "QUOTA_BELOW_TAKEN", FailedPrecondition,
        "the quota would be less than is reserved and taken",
        "set at least the persons that are reserved and taken";
    /// The same applicant again.
    EarlierIncluded, "EARLIER_INCLUDED", FailedPrecondition,
        "the applicant was included in the quota before",
        "the quota is granted once; check the applicant's identity document";
    /// What the law gives once.
    SecondExtension, "SECOND_EXTENSION", FailedPrecondition,
        "the status was extended before",
        "none: the law lets the status be extended once";
    /// The consent has run out.
    ConsentExpired, "CONSENT_EXPIRED", FailedPrecondition,
        "the consent is no longer valid",
        "the family applies anew, before entry";
    /// A term that the calendar of working days does not cover.
    OutsideCalendar, "OUTSIDE_CALENDAR", FailedPrecondition,
        "a term leaves the calendar; check the times",
        "check the times in the message; if they are right, the operator installs a newer calendar";
    /// A resolution by somebody else.
    HeldNotYours, "HELD_NOT_YOURS", PermissionDenied,
        "the held delivery is not the caller's to resolve so",
        "have its sender resolve it, or the migration body; its receiver may release it";
    /// Papers that nobody can read any more.
    CaseErased, "CASE_ERASED", FailedPrecondition,
        "the personal data of the case were erased",
        "file anew; what was erased cannot be brought back";
    /// Papers that somebody still needs.
    CaseNotSettled, "CASE_NOT_SETTLED", FailedPrecondition,
        "somebody has to act on what is to be erased",
        "wait until what is open is done and what is on its way is acknowledged or withdrawn";
    /// Papers that no key erases.
    CaseNotSealed, "CASE_NOT_SEALED", FailedPrecondition,
        "the case was recorded before records were sealed",
        "no key erases it, and the migration body alone exports it, with papers; decide with the operator what becomes of the old journal files";
    /// Nothing to resolve.
    DeliveryNotHeld, "DELIVERY_NOT_HELD", FailedPrecondition,
        "the delivery is not held",
        "look into ListHeld; what is not held reaches its receiver by itself";
    /// A withdrawal that would leave somebody without papers.
    DeliveryNeeded, "DELIVERY_NEEDED", FailedPrecondition,
        "its receiver has to act on it, so it is not withdrawn",
        "release the delivery, or have the migration body redirect it";
    /// An act without the signed document that it needs.
    SignatureRequired, "SIGNATURE_REQUIRED", FailedPrecondition,
        "the act needs a signed document",
        "send the document with its detached signature in signed_document";
    /// A signature that is none.
    SignatureInvalid, "SIGNATURE_INVALID", InvalidArgument,
        "the signature is none; BadRequest says why",
        "mend what BadRequest names; most flaws need the document signed anew";
    /// A signature that could be neither proven nor refuted.
    SignatureUndetermined, "SIGNATURE_UNDETERMINED", FailedPrecondition,
        "the signature could not be determined; BadRequest says why",
        "repeat later with the same request_id, or do what BadRequest names";
    /// A sandbox's method on a real bus.
    SandboxOnly, "SANDBOX_ONLY", FailedPrecondition,
        "the bus does not run in sandbox mode",
        "call it on a sandbox; the time of a real bus cannot be set";
    /// The journal is not the one that was signed.
    LogContradicted, "LOG_CONTRADICTED", FailedPrecondition,
        "the journal does not contain what the bus has signed, so nothing is signed any more",
        "keep your receipts and checkpoints and tell the operator; the log of the bus says what is missing";
    /// No such delivery in the inbox.
    DeliveryUnknown, "DELIVERY_UNKNOWN", NotFound,
        "no such delivery in the caller's inbox",
        "send the delivery_id exactly as the delivery carried it";
    /// No such procedure.
    ProcedureUnknown, "PROCEDURE_UNKNOWN", NotFound,
        "no such procedure or edition",
        "take procedure and edition from ListProcedures";
    /// No such hop.
    HopUnknown, "HOP_UNKNOWN", NotFound,
        "the edition has no such hop",
        "take the hop from GetProcedure";
    /// A message over the limit.
    MessageTooLarge, "MESSAGE_TOO_LARGE", ResourceExhausted,
        "the request exceeds 256 KiB; do not repeat it",
        "send documents by their fingerprints only, not their content";
    /// A stream that stood still.
    StreamIdle, "STREAM_IDLE", Aborted,
        "the stream stood still too long; open another",
        "open a stream when there is something to send, and read and acknowledge what comes";
    /// A call that took too long.
    DeadlineExceeded, "DEADLINE_EXCEEDED", DeadlineExceeded,
        "the call was not answered in time; repeat with the same id",
        "send the whole request at once, allow more time, and repeat with the same request_id";
    /// Too many requests of one party.
    RateLimited, "RATE_LIMITED", ResourceExhausted,
        "too many requests; wait as RetryInfo says",
        "wait as RetryInfo says, or use the bulk stream";
    /// Too much work of all parties.
    Overloaded, "OVERLOADED", Unavailable,
        "the bus is full; wait as RetryInfo says",
        "wait as RetryInfo says and repeat with the same request_id";
    /// No room for the act.
    DiskFull, "DISK_FULL", Unavailable,
        "the journal cannot grow; repeat later, same id",
        "repeat later with the same request_id; the operator has to make room";
    /// No memory for what opens a clock.
    MemoryShort, "MEMORY_SHORT", Unavailable,
        "the bus is short of memory; repeat later, same id",
        "wait as RetryInfo says and repeat with the same request_id; acts in cases are still taken";
    /// No room with the receiver for what opens a clock.
    QueueFull, "QUEUE_FULL", Unavailable,
        "too much waits for the receiver; repeat later",
        "repeat later with the same request_id; the receiver has to take what waits for it";
    /// A checkpoint that is yet to come.
    CheckpointPending, "CHECKPOINT_PENDING", Unavailable,
        "no checkpoint covers the record yet; repeat later",
        "wait as RetryInfo says and ask again; a checkpoint is signed every few seconds";
    /// The bus is going down.
    BusStopping, "BUS_STOPPING", Unavailable,
        "the bus is stopping; repeat with the same id",
        "repeat with the same request_id: whether the act was taken is then told";
    /// A fault that is not the caller's.
    InternalFault, "INTERNAL_FAULT", Internal,
        "a fault of the bus; repeat with the same id",
        "repeat with the same request_id; if it comes again, tell the operator the time";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every line of every contract, with the file it stands in.
    fn contract_lines(directory: &Path, into: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                contract_lines(&path, into);
                continue;
            }
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            into.extend(text.lines().map(|line| (file.clone(), line.to_owned())));
        }
    }

    fn lines() -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/kopir");
        contract_lines(&root, &mut lines);
        lines
    }

    /// The rows `REASON  CODE  meaning` of the tables in the services' comments.
    fn rows() -> Vec<(String, String, String)> {
        let row = |line: &str| {
            let mut words = line.strip_prefix("//   ")?.split_whitespace();
            let (name, code) = (words.next()?, words.next()?);
            let upper = |word: &str| {
                word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            };
            (upper(name) && upper(code)).then(|| {
                let meaning = words.collect::<Vec<_>>().join(" ");
                (name.to_owned(), code.to_owned(), meaning)
            })
        };
        lines().iter().filter_map(|(_, line)| row(line)).collect()
    }

    fn code_name(code: Code) -> String {
        // The Debug form of a code is its name in camel case.
        let mut name = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }

    #[test]
    fn contracts_and_catalogue_have_the_same_reasons_with_the_same_codes() {
        let catalogue: BTreeMap<String, String> =
            Reason::ALL.iter().map(|r| (r.name().to_owned(), code_name(r.code()))).collect();
        let documented: BTreeMap<String, String> =
            rows().into_iter().map(|(name, code, _)| (name, code)).collect();
        assert_eq!(documented, catalogue);
        for (name, code, _) in rows() {
            assert_eq!(catalogue.get(&name), Some(&code), "{name}");
        }
    }

    /// A contract without request ids says "repeat" where another says "repeat with the same id".
    #[test]
    fn contracts_state_each_meaning_as_the_catalogue_does() {
        let catalogue: BTreeMap<&str, &str> =
            Reason::ALL.iter().map(|reason| (reason.name(), reason.meaning())).collect();
        for (name, _, meaning) in rows() {
            let full = catalogue[name.as_str()];
            assert!(full.starts_with(&meaning), "{name}: {meaning:?} is not {full:?}");
        }
    }

    #[test]
    fn no_contract_names_a_reason_that_is_not_in_the_catalogue() {
        let known: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        // Values of the contracts' own enums, codes and words in capitals that are no reasons.
        let codes: BTreeSet<String> =
            Reason::ALL.iter().map(|reason| code_name(reason.code())).collect();
        let lines = lines();
        let values: Vec<&str> = lines
            .iter()
            .filter_map(|(_, line)| line.strip_prefix("  ")?.split_once(" = "))
            .map(|(name, _)| name)
            .collect();
        let is_value = |word: &str| {
            let ends = |value: &&str| value.strip_suffix(word).is_some_and(|v| v.ends_with('_'));
            values.contains(&word) || values.iter().any(ends)
        };
        for (file, line) in &lines {
            let Some((_, comment)) = line.split_once("//") else { continue };
            let words = comment.split(|c: char| !c.is_ascii_uppercase() && c != '_');
            for word in words.filter(|word| word.trim_matches('_').contains('_')) {
                let explained = known.contains(word)
                    || values.contains(&word)
                    || codes.contains(word)
                    || is_value(word)
                    || word == "OPEN_HOP";
                assert!(explained, "{file}: {word} is no reason of the catalogue");
            }
        }
    }

    /// The catalogue as integrators read it.
    fn page() -> String {
        let mut page = "\
# Reasons

Why a call is refused, and what helps. Each refusal is a `google.rpc.Status` whose `ErrorInfo` has
the domain `kopir` and one of these reasons. A reason never changes its name nor its meaning: branch
on it, and not on the text. The codes are those of gRPC.

| reason | code | meaning | remedy |
|---|---|---|---|
"
        .to_owned();
        for reason in Reason::ALL {
            let (meaning, remedy) = (reason.meaning(), reason.remedy());
            page += &format!(
                "| `{reason}` | `{}` | {meaning} | {remedy} |\n",
                code_name(reason.code())
            );
        }
        page
    }

    #[expect(clippy::disallowed_methods, reason = "blessing is asked for on the command line")]
    fn is_blessing() -> bool {
        std::env::var("KOPIR_BLESS").is_ok_and(|value| value == "1")
    }

    #[test]
    fn the_page_of_reasons_is_the_catalogue() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
        let page = page();
        assert!(Reason::ALL.iter().all(|reason| {
            let row = [reason.name(), reason.meaning(), reason.remedy()];
            row.iter().all(|text| !text.contains(['|', '\n']))
        }));
        if is_blessing() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &page).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(kept, page, "docs/reasons.md differs; KOPIR_BLESS=1 rewrites it");
    }

    #[test]
    fn names_are_distinct_and_as_error_info_asks() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let name = reason.name();
            assert!(name.len() <= 63 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
            assert!(!reason.meaning().is_empty() && !reason.remedy().is_empty(), "{name}");
        }
    }
}
