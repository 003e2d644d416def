//! What a refusal says, and that it says nothing about a person.

use kopir::rpc::proto::types::v1::Receipt;
use kopir::rpc::reason::Reason;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::samples;

/// A refusal, taken apart.
#[derive(Debug)]
pub struct Refused {
    /// The gRPC code.
    pub code: Code,
    /// The sentence for people.
    pub message: String,
    /// Everything else.
    pub details: ErrorDetails,
}

/// Takes a refusal apart. Whatever was asked, it must name a reason of the catalogue with its code
/// and its remedy, and must not repeat what a family or an official wrote.
#[track_caller]
pub fn refused(status: &Status) -> Refused {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "kopir", "{status:?}");
    let known = Reason::ALL.iter().find(|known| known.name() == info.reason);
    let known = known.unwrap_or_else(|| panic!("{} is not in the catalogue", info.reason));
    assert_eq!(status.code(), known.code(), "{status:?}");
    assert_eq!(info.metadata.get("remedy").map(String::as_str), Some(known.remedy()));
    assert!(!status.message().is_empty(), "{status:?}");
    assert_no_personal_data(status);
    Refused { code: status.code(), message: status.message().to_owned(), details }
}

/// The refusal of one item within a stream, which carries it as a message.
#[track_caller]
pub fn refused_item(status: &tonic_types::pb::Status) -> Refused {
    let details = status.encode_to_vec().into();
    refused(&Status::with_details(Code::from(status.code), &status.message, details))
}

/// The refusal of an act.
#[track_caller]
pub fn refused_act(answer: Result<Receipt, Status>) -> Refused {
    match answer {
        Ok(receipt) => panic!("taken: {receipt:?}"),
        Err(status) => refused(&status),
    }
}

#[track_caller]
fn assert_no_personal_data(status: &Status) {
    let metadata = format!("{:?}", status.metadata());
    for personal in [samples::SURNAME, samples::GIVEN_NAME, samples::STREET] {
        let in_details = find(status.details(), personal.as_bytes());
        let in_text = status.message().contains(personal) || metadata.contains(personal);
        assert!(!in_details && !in_text, "{personal} stands in {status:?}");
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

impl Refused {
    /// The stable reason.
    pub fn reason(&self) -> &str {
        &self.details.error_info().unwrap().reason
    }

    /// Asserts code and reason.
    #[track_caller]
    pub fn is(self, code: Code, reason: &str) -> Self {
        assert_eq!((self.code, self.reason()), (code, reason), "{self:?}");
        self
    }

    /// Asserts that exactly this field is at fault.
    #[track_caller]
    pub fn field(self, path: &str) -> Self {
        assert_eq!(self.fields(), [path], "{self:?}");
        self
    }

    /// Asserts that no field is named.
    #[track_caller]
    pub fn no_field(self) -> Self {
        assert!(self.fields().is_empty(), "{self:?}");
        self
    }

    /// The paths of the fields at fault.
    pub fn fields(&self) -> Vec<&str> {
        let violations = self.details.bad_request().map(|bad| &bad.field_violations);
        violations.into_iter().flatten().map(|violation| violation.field.as_str()).collect()
    }

    /// Asserts that the words of the refusal hold these: the remedy, or a part of it.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        let violations = self.details.bad_request().map(|bad| &bad.field_violations);
        let described = violations.into_iter().flatten().map(|violation| &violation.description);
        let said = described.chain([&self.message]).any(|text| text.contains(words));
        assert!(said, "'{words}' is not in {self:?}");
        self
    }

    /// Asserts that exactly these hops are open, and that the words name the party that each waits
    /// for.
    #[track_caller]
    pub fn open_hops(self, case_id: &str, expected: &[(&str, &str)]) -> Self {
        let violations = self.details.precondition_failure().map(|failure| &failure.violations);
        let open: Vec<_> = violations.into_iter().flatten().collect();
        assert_eq!(open.len(), expected.len(), "{self:?}");
        for (found, (hop, party)) in open.iter().zip(expected) {
            assert_eq!(found.r#type, "OPEN_HOP", "{self:?}");
            assert_eq!(found.subject, format!("{case_id}/{hop}"), "{self:?}");
            assert!(found.description.contains(party), "{party} is not in {self:?}");
        }
        self
    }

    /// Asserts that it says how long to wait.
    #[track_caller]
    pub fn wait(self) -> Self {
        let delay = self.details.retry_info().and_then(|info| info.retry_delay);
        assert!(delay.is_some_and(|delay| !delay.is_zero()), "{self:?}");
        self
    }
}
