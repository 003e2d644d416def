//! A read of personal data.

use crate::domain::event::Event;
use crate::domain::ids::CaseId;
use crate::domain::party::{CertificateHash, PartyNumber};
use crate::domain::reading::{DataRead, ReadContent, ReadPurpose};

/// The words of a rejection, read for a court.
pub fn data_read() -> Event {
    Event::DataRead(Box::new(DataRead {
        case: CaseId([0xc2; 16]),
        reader: PartyNumber(1),
        certificate: CertificateHash([0xce; 32]),
        content: ReadContent::HeldWords,
        purpose: ReadPurpose::CourtOrder,
        reference: Some("SAMPLE No. 4-17".to_owned()),
    }))
}
