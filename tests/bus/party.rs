//! One party's system: a connection with the stubs of every service on it.

use std::net::SocketAddr;
use std::sync::Arc;

use kopir::rpc::client::{ConnectError, connect};
use kopir::rpc::proto::akimat::v1::akimat_service_client::AkimatServiceClient;
use kopir::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use kopir::rpc::proto::cases::v1::{Case, GetCaseRequest, ListCasesRequest, ListCasesResponse};
use kopir::rpc::proto::commission::v1::commission_service_client::CommissionServiceClient;
use kopir::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use kopir::rpc::proto::inbox::v1::{
    AcknowledgeDeliveryRequest, Delivery, DeliveryConfirmation, FetchDeliveriesRequest,
    ListObligationsRequest, Obligation,
};
use kopir::rpc::proto::migration::v1::migration_body_service_client::MigrationBodyServiceClient;
use kopir::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use kopir::rpc::proto::operations::v1::GetStatusRequest;
use kopir::rpc::proto::operations::v1::GetStatusResponse;
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use kopir::rpc::proto::procedures::v1::procedure_service_client::ProcedureServiceClient;
use kopir::rpc::proto::types::v1::{Application, Receipt};
use rustls::ClientConfig;
use tonic::Status;
use tonic::transport::Channel;

use super::{Act, Inbox, SERVER_NAME, within};

/// A connected system.
#[derive(Clone)]
pub struct Party {
    /// Whose it is.
    pub id: &'static str,
    /// The connection below the stubs.
    pub channel: Channel,
}

impl Party {
    /// Connects with these TLS settings.
    pub async fn connect(
        id: &'static str,
        address: SocketAddr,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, ConnectError> {
        let channel = within(connect(address, SERVER_NAME, tls)).await?;
        Ok(Self { id, channel })
    }

    pub fn mission(&self) -> ForeignMissionServiceClient<Channel> {
        ForeignMissionServiceClient::new(self.channel.clone())
    }

    pub fn migration(&self) -> MigrationBodyServiceClient<Channel> {
        MigrationBodyServiceClient::new(self.channel.clone())
    }

    pub fn akimat(&self) -> AkimatServiceClient<Channel> {
        AkimatServiceClient::new(self.channel.clone())
    }

    pub fn commission(&self) -> CommissionServiceClient<Channel> {
        CommissionServiceClient::new(self.channel.clone())
    }

    pub fn inbox(&self) -> InboxServiceClient<Channel> {
        InboxServiceClient::new(self.channel.clone())
    }

    pub fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    pub fn procedures(&self) -> ProcedureServiceClient<Channel> {
        ProcedureServiceClient::new(self.channel.clone())
    }

    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel.clone())
    }

    /// Sends an act; the receipt or the refusal.
    pub async fn send(&self, act: &Act) -> Result<Receipt, Status> {
        within(act.send(self)).await
    }

    /// Sends an act that must be taken.
    #[track_caller]
    pub fn act(&self, act: Act) -> impl Future<Output = Receipt> {
        let (party, place) = (self.clone(), std::panic::Location::caller());
        async move {
            match party.send(&act).await {
                Ok(receipt) => receipt,
                Err(refused) => panic!("{} refused {act:?} at {place}: {refused:?}", party.id),
            }
        }
    }

    /// Submits an application under a new request id.
    #[track_caller]
    pub fn submit(&self, application: Application) -> impl Future<Output = Receipt> {
        self.act(Act::submit(application))
    }

    /// Reads a case.
    pub async fn case(&self, case_id: &str) -> Result<Case, Status> {
        let request = GetCaseRequest { case_id: case_id.to_owned() };
        let answer = within(self.cases().get_case(request)).await?;
        Ok(answer.into_inner().case.unwrap())
    }

    /// One page of cases.
    pub async fn list(&self, request: ListCasesRequest) -> Result<ListCasesResponse, Status> {
        Ok(within(self.cases().list_cases(request)).await?.into_inner())
    }

    /// All obligations, page by page.
    pub async fn obligations(&self) -> Vec<Obligation> {
        let mut all = Vec::new();
        let mut request = ListObligationsRequest::default();
        loop {
            let answer = within(self.inbox().list_obligations(request.clone())).await.unwrap();
            let page = answer.into_inner();
            all.extend(page.obligations);
            if page.next_page_token.is_empty() {
                return all;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Opens the inbox as a stream.
    pub async fn open_inbox(&self, window: i32) -> Inbox {
        Inbox::open(self, window, "").await.unwrap()
    }

    /// Leases deliveries as a client that polls.
    pub async fn fetch(&self, max_deliveries: i32) -> Vec<Delivery> {
        let request =
            FetchDeliveriesRequest { max_deliveries, lease_seconds: 3600, party_id: String::new() };
        let answer = within(self.inbox().fetch_deliveries(request)).await.unwrap();
        answer.into_inner().deliveries
    }

    /// Acknowledges a delivery.
    pub async fn acknowledge(&self, delivery_id: &str) -> Result<DeliveryConfirmation, Status> {
        let request = AcknowledgeDeliveryRequest { delivery_id: delivery_id.to_owned() };
        let answer = within(self.inbox().acknowledge_delivery(request)).await?;
        Ok(answer.into_inner().confirmation.unwrap())
    }

    /// Takes the next act and acknowledges it, with the notices that come before it.
    #[track_caller]
    pub fn receive(&self) -> impl Future<Output = (Delivery, DeliveryConfirmation)> {
        let (party, place) = (self.clone(), std::panic::Location::caller());
        async move {
            loop {
                let delivery = party.fetch(1).await.pop();
                let Some(delivery) = delivery else {
                    panic!("{} has no delivery at {place}", party.id)
                };
                let confirmation = party.acknowledge(&delivery.delivery_id).await.unwrap();
                if delivery.notice.is_none() {
                    return (delivery, confirmation);
                }
            }
        }
    }

    /// Waits until the index has, and delivery knows, what was accepted before: a listing does.
    pub async fn caught_up(&self) {
        self.list(ListCasesRequest { page_size: 1, ..Default::default() }).await.unwrap();
    }

    /// The state of the bus, its index caught up.
    pub async fn status(&self) -> GetStatusResponse {
        self.caught_up().await;
        within(self.operations().get_status(GetStatusRequest {})).await.unwrap().into_inner()
    }
}
