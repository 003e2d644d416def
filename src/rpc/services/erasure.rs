//! The erasure of a case, ordered by the operator.

use super::Bus;
use crate::engine::Erased;
use crate::rpc::Caller;
use crate::rpc::parse::order;
use crate::rpc::proto::operations::v1::{EraseCaseRequest, EraseCaseResponse};
use crate::rpc::proto::types::v1::Receipt;
use crate::rpc::show::receipt::of_order;
use crate::rpc::status::Refusal;

impl Bus {
    /// Erases the personal data of a case, and answers when its key is gone.
    pub(super) async fn erase_case(
        &self,
        request: &EraseCaseRequest,
        caller: &Caller,
    ) -> Result<EraseCaseResponse, Refusal> {
        let asked = order::erasure(request, self.asked(caller))?;
        let missing = Refusal::Fault("an order without an author");
        let ordered = asked.order.ok_or(missing)?;
        let (id, content) = (ordered.request, ordered.fingerprint);
        let span = tracing::Span::current();
        span.record("request_id", tracing::field::display(id));
        span.record("case_id", tracing::field::display(asked.case));
        let erased = self.engine.erase(asked).await.map_err(Refusal::Order)?;
        let Erased { sequence, at, hash, case } = erased;
        let receipt = of_order(id, (sequence, at, hash), content);
        let receipt = Some(Receipt { case_id: case.to_string(), ..receipt });
        Ok(EraseCaseResponse { receipt })
    }
}
