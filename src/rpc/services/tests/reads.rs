//! Reads of personal data that cannot be recorded.

use super::*;
use crate::rpc::proto::inbox::v1::held_service_server::HeldService;

const BODY: &str = "committee";
const AKIMAT: &str = "akimat-kz-55";
const WORDS: &str = "SAMPLE: page 2 is of somebody else";

async fn held(
    house: &House,
    stated: Option<types::ReadPurpose>,
) -> Result<inbox::ListHeldResponse, Status> {
    let message = inbox::ListHeldRequest { purpose: stated, ..Default::default() };
    Ok(house.service.list_held(house.from(BODY, message)).await?.into_inner())
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_told() {
    let house = House::open();
    let case = house.submit(1).await.unwrap().case_id;
    house.receive(BODY, "").await;
    house.forward(BODY, &case).await.unwrap();
    let waiting = house.fetch(AKIMAT, "").await.unwrap();
    let rejection = inbox::DeliveryRejection {
        delivery_id: waiting[0].delivery_id.clone(),
        reason: types::HeldReason::Other.into(),
        detail: WORDS.to_owned(),
    };
    let message = inbox::RejectDeliveryRequest { rejection: Some(rejection) };
    house.service.reject_delivery(house.from(AKIMAT, message)).await.unwrap();
    let kind = types::ReadPurposeKind::Delivery.into();
    let stated = Some(types::ReadPurpose { kind, reference: String::new() });
    let told = held(&house, stated.clone()).await.unwrap();
    assert_eq!(told.deliveries[0].detail, WORDS);

    house.store.set_full(true);
    let before = house.service.0.engine.progress().sequence;
    let refusal = held(&house, stated.clone()).await.unwrap_err();
    assert_eq!((reason(&refusal).as_str(), refusal.code()), ("DISK_FULL", Code::Unavailable));
    // The rest of it needs no record.
    let rest = held(&house, None).await.unwrap();
    assert_eq!((rest.deliveries[0].detail.as_str(), rest.deliveries[0].has_detail), ("", true));
    house.store.set_full(false);
    assert_eq!(house.service.0.engine.progress().sequence, before);
    assert_eq!(held(&house, stated).await.unwrap(), told);
    assert_eq!(house.service.0.engine.progress().sequence.0, before.0 + 1);
}
