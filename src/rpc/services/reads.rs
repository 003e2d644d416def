//! Reads of personal data: recorded before they are answered, and told to those who watch over them.

use super::Bus;
use crate::domain::{CaseId, DataRead, Event, ReadContent, Sequence};
use crate::rpc::Caller;
use crate::rpc::parse::page::Listing;
use crate::rpc::parse::reading::{self, StatedPurpose};
use crate::rpc::proto::cases::v1::{ListDataReadsRequest, ListDataReadsResponse};
use crate::rpc::proto::types::v1 as types;
use crate::rpc::show;
use crate::rpc::status::Refusal;

impl Bus {
    /// Makes durable that a caller reads personal data of some cases. Only then may they be answered.
    pub(super) async fn record_reads(
        &self,
        caller: &Caller,
        cases: impl IntoIterator<Item = CaseId>,
        content: ReadContent,
        stated: &StatedPurpose,
    ) -> Result<(), Refusal> {
        let StatedPurpose { purpose, reference } = stated;
        let read = |case| DataRead {
            case,
            reader: caller.party,
            certificate: caller.certificate,
            content,
            purpose: *purpose,
            reference: reference.clone(),
        };
        let reads: Vec<_> = cases.into_iter().map(read).collect();
        if reads.is_empty() {
            return Ok(());
        }
        let (party, cases) = (caller.id.as_str(), reads.len());
        self.engine.record_reads(reads).await.map_err(Refusal::Order)?;
        tracing::info!(party, cases, %content, %purpose, "personal data are read");
        Ok(())
    }

    /// A page of the reads of a case.
    pub(super) fn data_reads(
        &self,
        request: &ListDataReadsRequest,
        caller: &Caller,
    ) -> Result<ListDataReadsResponse, Refusal> {
        let (case, page_items, page_token) = reading::reads(request)?;
        let index = self.engine.index();
        index.case(case)?.ok_or(Refusal::CaseNotVisible)?;
        let listing = Listing { name: "reads", party: caller.party, filter: &case.0 };
        let before = listing.place(page_token)?.map(|place| sequence(&place)).transpose()?;
        let found = index.reads(case, before, page_items)?;
        let next_page_token = match found.last() {
            Some(last) if found.len() == page_items => listing.token(&last.0.to_be_bytes()),
            Some(_) | None => String::new(),
        };
        let reads = found.into_iter().map(|at| self.data_read(at)).collect::<Result<_, _>>()?;
        Ok(ListDataReadsResponse { reads, next_page_token })
    }

    fn data_read(&self, at: Sequence) -> Result<types::DataRead, Refusal> {
        let recorded = self.engine.as_recorded(at)?;
        let Event::DataRead(read) = &recorded.event else {
            return Err(Refusal::Fault("the reads of a case name another record"));
        };
        Ok(show::reading::data_read(self.view(), at, &recorded, read))
    }
}

fn sequence(place: &[u8]) -> Result<Sequence, Refusal> {
    let place = place.try_into().map_err(|_| Refusal::PageTokenInvalid)?;
    Ok(Sequence(u64::from_be_bytes(place)))
}
