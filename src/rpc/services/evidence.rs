//! What is proven of the journal. Whether a record may be proven to somebody is judged by the case
//! that it is about; checkpoints are everybody's.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::cases::is_visible;
use super::{Bus, Service};
use crate::domain::confidential::Papers;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::{Case, CaseId, Event, ReadContent, Rejection, Sequence};
use crate::engine::{EngineError, ReadError};
use crate::evidence::bundle::{Made, make, records_of};
use crate::evidence::note::Signature;
use crate::evidence::proof::RecordProof;
use crate::evidence::stamps::Stamped;
use crate::evidence::tree::Hash;
use crate::index::case_of;
use crate::rpc::Caller;
use crate::rpc::access::{EXPORT_CASE_WITH_PAPERS, GET_RECEIPT_PROOF, Relation};
use crate::rpc::parse::fault::Faults;
use crate::rpc::parse::reading::{self, StatedPurpose};
use crate::rpc::proto::evidence::v1::evidence_service_server::EvidenceService;
use crate::rpc::proto::evidence::v1::{
    AddCosignatureRequest, AddCosignatureResponse, ExportCaseRequest, ExportCaseResponse,
    ExportCaseWithPapersRequest, ExportCaseWithPapersResponse, GetCheckpointRequest,
    GetCheckpointResponse, GetConsistencyProofRequest, GetConsistencyProofResponse,
    GetReceiptProofRequest, GetReceiptProofResponse,
};
use crate::rpc::reason::Reason;
use crate::rpc::show::{digest, time};
use crate::rpc::status::Refusal;

/// Bytes of a bundle that travel in one message.
const CHUNK_BYTES: usize = 64 * 1024;

type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl EvidenceService for Service {
    type ExportCaseStream = Chunks<ExportCaseResponse>;
    type ExportCaseWithPapersStream = Chunks<ExportCaseWithPapersResponse>;

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let GetCheckpointRequest {} = request.get_ref();
        let newest = bus.log.newest().map_err(|refused| bus.refuse(&refused.into()))?;
        let cosigned = bus.log.cosigned().map(|published| published.note.to_string());
        let stamped = bus.log.stamps().last();
        let (text, token, at) = stamped.map_or_else(Default::default, |stamped| {
            let Stamped { size: _, checkpoint, token, at } = stamped;
            // It is the text of a note, so nothing of it is lost.
            let text = String::from_utf8_lossy(&checkpoint).into_owned();
            (text, Bytes::from(token), Some(time(at)))
        });
        Ok(Response::new(GetCheckpointResponse {
            checkpoint: newest.note.to_string(),
            cosigned_checkpoint: cosigned.unwrap_or_default(),
            stamped_checkpoint: text,
            time_stamp_token: token,
            time_stamp_time: at,
        }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        let bus = Arc::clone(&self.0);
        bus.caller(&request)?;
        let GetConsistencyProofRequest { old_tree_size, new_tree_size } = *request.get_ref();
        // It reads some tiles.
        let log = Arc::clone(&bus.log);
        let proven =
            tokio::task::spawn_blocking(move || log.consistency(old_tree_size, new_tree_size));
        let proven = proven.await.map_err(|_| Refusal::Fault("proving panicked"));
        let hashes = proven.and_then(|proven| proven.map_err(Refusal::Unproven));
        let hashes = hashes.map_err(|refusal| bus.refuse(&refusal))?;
        Ok(Response::new(GetConsistencyProofResponse { hashes: shown(&hashes) }))
    }

    async fn get_receipt_proof(
        &self,
        request: Request<GetReceiptProofRequest>,
    ) -> Result<Response<GetReceiptProofResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        let GetReceiptProofRequest { sequence } = *request.get_ref();
        let proven = tokio::task::spawn_blocking(move || bus.receipt_proof(sequence, &caller));
        let proven = proven.await.unwrap_or(Err(Refusal::Fault("proving panicked")));
        let proof = proven.map_err(|refusal| self.0.refuse(&refusal))?;
        let text = proof.text();
        let RecordProof { record, sequence, hashes, checkpoint } = proof;
        Ok(Response::new(GetReceiptProofResponse {
            record_hash: digest(&record.0),
            leaf_index: sequence.0.saturating_sub(1),
            hashes: shown(&hashes),
            checkpoint: checkpoint.to_string(),
            proof: text,
        }))
    }

    async fn add_cosignature(
        &self,
        request: Request<AddCosignatureRequest>,
    ) -> Result<Response<AddCosignatureResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let added = bus.add_cosignature(request.get_ref());
        added.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn export_case(
        &self,
        request: Request<ExportCaseRequest>,
    ) -> Result<Response<Self::ExportCaseStream>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        let case = bus.known_case(&request.get_ref().case_id).await;
        let case = case.map_err(|refusal| bus.refuse(&refusal))?;
        let pieces = bus.export(case, &caller, None)?;
        Ok(Response::new(Box::pin(pieces.map(|piece| Ok(ExportCaseResponse { chunk: piece? })))))
    }

    async fn export_case_with_papers(
        &self,
        request: Request<ExportCaseWithPapersRequest>,
    ) -> Result<Response<Self::ExportCaseWithPapersStream>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        let case = bus.known_case(&request.get_ref().case_id).await;
        let visible = |case: &Case| is_visible(bus.view(), case, &caller, EXPORT_CASE_WITH_PAPERS);
        let case = case.and_then(|case| match visible(&case) {
            true => Ok(case),
            false => Err(Refusal::CaseNotVisible),
        });
        let case = case.map_err(|refusal| bus.refuse(&refusal))?;
        let stated = reading::of_export(request.get_ref());
        let stated = stated.map_err(|refusal| bus.refuse(&refusal))?;
        let pieces = bus.export(case, &caller, Some(stated))?;
        let pieces = pieces.map(|piece| Ok(ExportCaseWithPapersResponse { chunk: piece? }));
        Ok(Response::new(Box::pin(pieces)))
    }
}

impl Bus {
    fn receipt_proof(&self, sequence: u64, caller: &Caller) -> Result<RecordProof, Refusal> {
        let sequence = Sequence(sequence);
        let recorded = match self.engine.recorded(sequence) {
            Ok(recorded) => recorded,
            Err(ReadError::Missing(_)) => return Err(Refusal::CaseNotVisible),
            Err(error) => return Err(error.into()),
        };
        if !self.may_have_proven(&recorded.event, caller)? {
            return Err(Refusal::CaseNotVisible);
        }
        let by = self.log.covering(sequence)?;
        Ok(self.log.prove(sequence, recorded.hash, &by)?)
    }

    /// Whether a record concerns the caller.
    fn may_have_proven(&self, event: &Event, caller: &Caller) -> Result<bool, Refusal> {
        if caller.access.reaches(GET_RECEIPT_PROOF, Relation::Stranger) {
            return Ok(true);
        }
        if let Some(id) = case_of(event) {
            let case = self.engine.index().case(id)?;
            let visible = |case| is_visible(self.view(), &case, caller, GET_RECEIPT_PROOF);
            return Ok(case.is_some_and(visible));
        }
        let Event::Notice(notice) = event else { return Ok(false) };
        Ok(notice.parties().iter().any(|told| self.roster().may_act_for(caller.party, *told)))
    }

    fn add_cosignature(
        &self,
        request: &AddCosignatureRequest,
    ) -> Result<AddCosignatureResponse, Refusal> {
        let AddCosignatureRequest { tree_size, cosignature } = request;
        let signature = Signature::parse(cosignature).ok_or_else(|| {
            let rule = "is not the line of a signature as a note has it";
            Refusal::Invalid(Faults::one("cosignature", Reason::FieldInvalid, rule))
        })?;
        let published = self.log.cosign(*tree_size, &signature)?;
        Ok(AddCosignatureResponse { checkpoint: published.note.to_string() })
    }

    /// A case that there is, whoever asks.
    async fn known_case(&self, id: &str) -> Result<Case, Refusal> {
        let id: CaseId = id.parse().map_err(|_| Refusal::CaseNotVisible)?;
        tracing::Span::current().record("case_id", tracing::field::display(id));
        self.engine.caught_up().await;
        self.engine.index().case(id)?.ok_or(Refusal::CaseNotVisible)
    }

    /// The bundle of a case in pieces, with the papers of the caller where it has stated what for.
    /// That is on record before the first piece leaves, and not without a bundle.
    fn export(
        self: Arc<Self>,
        case: Case,
        caller: &Caller,
        stated: Option<StatedPurpose>,
    ) -> Result<impl Stream<Item = Result<Bytes, Status>> + Send + use<>, Status> {
        self.may_leave(&case, caller, stated.is_some()).map_err(|refusal| self.refuse(&refusal))?;
        let turn = Arc::clone(&self.exporting).try_acquire_owned();
        let turn = turn.map_err(|_| self.refuse(&Refusal::Order(EngineError::Overloaded)))?;
        let party = self.roster().id(caller.party).map(|id| id.as_str());
        tracing::info!(case = %case.id, party, papers = stated.is_some(), "a case is exported");
        let (caller, id) = (caller.clone(), case.id);
        let reader = stated.as_ref().map(|_| caller.party);
        // The answer begins at once, since the reading may take longer than a call may.
        let bundle = async move {
            let maker = Arc::clone(&self);
            let made = tokio::task::spawn_blocking(move || {
                // One at a time, also where nobody waits for it any more.
                let _turn = turn;
                maker.bundle(&case, reader)
            });
            let made = made.await.unwrap_or(Err(Refusal::Fault("making a bundle panicked")));
            let bundle = made.map_err(|refusal| self.refuse(&refusal))?;
            if let Some(stated) = &stated {
                let content = ReadContent::CaseExport;
                let recorded = self.record_reads(&caller, [id], content, stated).await;
                recorded.map_err(|refusal| self.refuse(&refusal))?;
            }
            Ok(bundle)
        };
        Ok(stream::once(bundle).flat_map(|bundle| stream::iter(pieces(bundle))))
    }

    /// What was recorded before records were sealed stands in a bundle for whoever has it, so such a
    /// case is given to the migration body alone, and for a purpose.
    fn may_leave(&self, case: &Case, caller: &Caller, is_stated: bool) -> Result<(), Refusal> {
        let is_migration_body = caller.role == Role::MigrationBody;
        match case.papers {
            Papers::Plain(_) if !(is_stated && is_migration_body) => {
                Err(Refusal::Order(Rejection::CaseNotSealed.into()))
            }
            Papers::Plain(_) | Papers::Sealed(_) | Papers::Erased { .. } => Ok(()),
        }
    }

    fn bundle(&self, case: &Case, reader: Option<PartyNumber>) -> Result<Vec<u8>, Refusal> {
        let records = records_of(&self.log, case.id)?;
        let sequences = records.iter().map(|record| Sequence(record.seq.0));
        let papers = reader.map(|reader| self.open_papers(case, reader, sequences)).transpose()?;
        let made = Made {
            case: case.id,
            at: self.engine.clock().now(),
            release: env!("CARGO_PKG_VERSION"),
            labels: &self.labels,
        };
        Ok(make(&self.log, &made, &records, papers)?)
    }
}

fn shown(hashes: &[Hash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| digest(&hash.0)).collect()
}

/// A bundle in pieces.
fn pieces(bundle: Result<Vec<u8>, Status>) -> Vec<Result<Bytes, Status>> {
    let mut rest = match bundle {
        Ok(bundle) => Bytes::from(bundle),
        Err(status) => return vec![Err(status)],
    };
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        pieces.push(Ok(rest.split_to(rest.len().min(CHUNK_BYTES))));
    }
    pieces
}
