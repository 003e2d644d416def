//! What a party does about deliveries that it cannot take, and about those that are held.

use kopir::rpc::proto::inbox::v1::held_service_client::HeldServiceClient;
use kopir::rpc::proto::inbox::v1::open_inbox_request::Message as Saying;
use kopir::rpc::proto::inbox::v1::{
    DeliveryRejection, HeldDelivery, ListHeldRequest, ListHeldResponse, OpenInboxRequest,
    RedirectDeliveryRequest, RejectDeliveryRequest, RejectionConfirmation, ReleaseDeliveryRequest,
    WithdrawDeliveryRequest,
};
use kopir::rpc::proto::types::v1::{HeldReason, Receipt};
use tonic::Status;
use tonic::transport::Channel;

use super::act::new_id;
use super::{Party, within};

/// A rejection.
pub fn rejection(delivery_id: &str, reason: HeldReason, detail: &str) -> DeliveryRejection {
    DeliveryRejection {
        delivery_id: delivery_id.to_owned(),
        reason: reason.into(),
        detail: detail.to_owned(),
    }
}

/// The same as a message on the inbox stream.
pub fn saying(rejection: DeliveryRejection) -> OpenInboxRequest {
    OpenInboxRequest { message: Some(Saying::Rejection(rejection)) }
}

/// A release under a new request id.
pub fn release(delivery_id: &str) -> ReleaseDeliveryRequest {
    ReleaseDeliveryRequest {
        request_id: new_id(),
        delivery_id: delivery_id.to_owned(),
        party_id: String::new(),
        note: String::new(),
    }
}

/// A redirection under a new request id.
pub fn redirect(delivery_id: &str, to: &str) -> RedirectDeliveryRequest {
    RedirectDeliveryRequest {
        request_id: new_id(),
        delivery_id: delivery_id.to_owned(),
        party_id: String::new(),
        to_party_id: to.to_owned(),
        note: "SAMPLE: the region was wrong".to_owned(),
    }
}

/// A withdrawal under a new request id.
pub fn withdraw(delivery_id: &str) -> WithdrawDeliveryRequest {
    WithdrawDeliveryRequest {
        request_id: new_id(),
        delivery_id: delivery_id.to_owned(),
        party_id: String::new(),
        note: "SAMPLE: sent by mistake".to_owned(),
    }
}

impl Party {
    pub fn held(&self) -> HeldServiceClient<Channel> {
        HeldServiceClient::new(self.channel.clone())
    }

    /// Rejects a delivery by a unary call.
    pub async fn reject(
        &self,
        rejection: DeliveryRejection,
    ) -> Result<RejectionConfirmation, Status> {
        let request = RejectDeliveryRequest { rejection: Some(rejection) };
        let answer = within(self.inbox().reject_delivery(request)).await?;
        Ok(answer.into_inner().confirmation.unwrap())
    }

    /// One page of what is held.
    pub async fn held_page(&self, request: ListHeldRequest) -> Result<ListHeldResponse, Status> {
        Ok(within(self.held().list_held(request)).await?.into_inner())
    }

    /// Everything held that the party sees.
    pub async fn held_deliveries(&self) -> Vec<HeldDelivery> {
        let page = self.held_page(ListHeldRequest::default()).await.unwrap();
        assert!(page.next_page_token.is_empty());
        page.deliveries
    }

    pub async fn release(&self, request: ReleaseDeliveryRequest) -> Result<Receipt, Status> {
        let answer = within(self.held().release_delivery(request)).await?;
        Ok(answer.into_inner().receipt.unwrap())
    }

    pub async fn redirect(&self, request: RedirectDeliveryRequest) -> Result<Receipt, Status> {
        let answer = within(self.held().redirect_delivery(request)).await?;
        Ok(answer.into_inner().receipt.unwrap())
    }

    pub async fn withdraw(&self, request: WithdrawDeliveryRequest) -> Result<Receipt, Status> {
        let answer = within(self.held().withdraw_delivery(request)).await?;
        Ok(answer.into_inner().receipt.unwrap())
    }
}
