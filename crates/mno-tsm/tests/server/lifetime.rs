//! Starting, ending, and starting again on the same store.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tsm_core::identity::Role;
use tsm_proto::mno::GetUiccRequest;

use crate::world::{ICCID, World};

async fn knows_the_card(world: &World) -> bool {
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    uiccs
        .get_uicc(GetUiccRequest {
            iccid: ICCID.to_owned(),
        })
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn lets_go_of_its_store_however_it_ends() {
    let mut world = World::new().await;
    world.register_card().await;
    let connection = world.uiccs("carrier", Role::Operator).await;
    world.take_server().shutdown().await.unwrap();
    world.restart().await;
    assert!(knows_the_card(&world).await);
    world.take_server().kill().await;
    world.restart().await;
    assert!(knows_the_card(&world).await);
    // Dropped while a client is connected, as in a crash.
    let _open = world.uiccs("carrier", Role::Operator).await;
    world.restart().await;
    assert!(knows_the_card(&world).await);
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_that_it_is_healthy() {
    let world = World::new().await;
    let mut health = HealthClient::new(world.channel("carrier", Role::Device).await);
    for service in ["", "tsm.mno.v1.UiccService", "tsm.card.v1.CardGateway"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_what_keeps_it_from_starting() {
    let world = World::new().await;
    let mut config = world.config();
    config.vault.issuer_master = "other".to_owned();
    config.store.path = world.path("other-store");
    let error = format!("{:#}", mno_tsm::service::start(config).await.unwrap_err());
    assert!(error.contains("vault"), "{error}");
    let mut config = world.config();
    config.vault.path = world.path("no-vault");
    config.store.path = world.path("other-store");
    let error = format!("{:#}", mno_tsm::service::start(config).await.unwrap_err());
    assert!(error.contains("no-vault"), "{error}");
    for (tenant, problem) in [
        ("The Carrier", "a-z, 0-9"),
        ("somebody-else", "the store is that of the carrier carrier"),
    ] {
        let mut config = world.config();
        config.tenant = tenant.to_owned();
        config.store.path = world.path("other-store");
        let error = format!("{:#}", mno_tsm::service::start(config).await.unwrap_err());
        assert!(error.contains(problem), "{error}");
    }
}
