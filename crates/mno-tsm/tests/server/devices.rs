//! Phones that attach, come back, and pretend.

use tsm_core::identity::Role;
use tsm_proto::card::gateway_message::Message as ToDevice;
use tsm_proto::mno::GetUiccRequest;

use crate::phone::{Phone, proof};
use crate::world::{ICCID, MASTER, World, reason};

async fn is_attached(world: &World) -> bool {
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    let request = GetUiccRequest {
        iccid: ICCID.to_owned(),
    };
    uiccs.get_uicc(request).await.unwrap().into_inner().attached
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_phone_has_the_card_until_it_goes() {
    let world = World::new().await;
    world.register_card().await;
    let phone = Phone::attach(&world, ICCID).await;
    assert!(is_attached(&world).await);
    drop(phone);
    while is_attached(&world).await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_away_unknown_cards_and_other_tenants() {
    let world = World::new().await;
    world.register_card().await;
    let mut phone = Phone::dial(&world, "carrier", "8981100000000000009").await;
    assert_eq!(reason(phone.next().await), "CARD_UNKNOWN");
    let mut phone = Phone::dial(&world, "mvno", ICCID).await;
    assert_eq!(reason(phone.next().await), "TENANT_FORBIDDEN");
    let mut phone = Phone::dial(&world, "carrier", "not a card").await;
    assert_eq!(reason(phone.next().await), "INVALID_ARGUMENT");
    assert_eq!(world.audited("tenant/mvno").await, ["TENANT_FORBIDDEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_phone_takes_over_only_with_the_card() {
    let world = World::new().await;
    world.register_card().await;
    let mut first = Phone::attach(&world, ICCID).await;

    let mut pretender = Phone::attach(&world, ICCID).await;
    pretender.prove(&[0xEE; 16], 1).await;
    assert_eq!(reason(pretender.next().await), "CARD_BUSY");
    let mut silent = Phone::attach(&world, ICCID).await;
    let script = silent.script().await;
    silent.answer(&script, &[vec![0x6A, 0x82]]).await;
    assert_eq!(reason(silent.next().await), "CARD_BUSY");

    let mut genuine = Phone::attach(&world, ICCID).await;
    genuine.prove_genuine(1).await;
    assert_eq!(reason(first.next().await), "CARD_BUSY");
    assert!(is_attached(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_challenge_proves_nothing() {
    let world = World::new().await;
    world.register_card().await;
    let _first = Phone::attach(&world, ICCID).await;
    let mut genuine = Phone::attach(&world, ICCID).await;
    let recorded = proof(&genuine.script().await, &MASTER, 1);
    let mut pretender = Phone::attach(&world, ICCID).await;
    let question = pretender.script().await;
    pretender.answer(&question, &recorded).await;
    assert_eq!(reason(pretender.next().await), "CARD_BUSY");
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_are_told_that_the_server_stops() {
    let mut world = World::new().await;
    world.register_card().await;
    let mut phone = Phone::attach(&world, ICCID).await;
    world.take_server().shutdown().await.unwrap();
    match phone.next().await {
        Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable),
        Ok(Some(ToDevice::Script(_) | ToDevice::Attached(_))) => panic!("a message"),
        Ok(None) => {}
    }
}
