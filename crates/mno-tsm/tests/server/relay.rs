//! The relay, and what a provider may ask for a card.

use tonic::transport::Channel;
use tsm_core::identity::Role;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::{
    AcquireLeaseRequest, ChangeServiceRequest, CheckEligibilityRequest, ExchangeRequest,
    GetDeploymentRequest, ReleaseLeaseRequest,
};
use tsm_proto::types::ScriptCommand;

use crate::cap::aid;
use crate::catalogue::{DOMAIN, fill};
use crate::phone::Phone;
use crate::world::{ICCID, World, reason};

const INITIALIZE: &[u8] = &[0x80, 0x50, 0x30, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00];

async fn services(world: &World, tenant: &str) -> ServiceManagementClient<Channel> {
    ServiceManagementClient::new(world.channel(tenant, Role::ServiceProvider).await)
}

async fn channel(world: &World, tenant: &str) -> CardChannelClient<Channel> {
    CardChannelClient::new(world.channel(tenant, Role::ServiceProvider).await)
}

fn change(request_id: &str) -> ChangeServiceRequest {
    ChangeServiceRequest {
        request_id: request_id.to_owned(),
        iccid: ICCID.to_owned(),
        service: "jpki".to_owned(),
    }
}

fn select(aid: &[u8]) -> Vec<u8> {
    let mut apdu = vec![0x00, 0xA4, 0x04, 0x00, u8::try_from(aid.len()).unwrap()];
    apdu.extend(aid);
    apdu.push(0x00);
    apdu
}

fn exchange(lease_epoch: u64, apdus: &[&[u8]]) -> ExchangeRequest {
    let command = |apdu: &&[u8]| ScriptCommand {
        apdu: apdu.to_vec().into(),
        accepted_status_words: Vec::new(),
    };
    ExchangeRequest {
        iccid: ICCID.to_owned(),
        service: "jpki".to_owned(),
        lease_epoch,
        commands: apdus.iter().map(command).collect(),
    }
}

fn lease(holder: &str) -> AcquireLeaseRequest {
    AcquireLeaseRequest {
        iccid: ICCID.to_owned(),
        holder: holder.to_owned(),
        duration_s: 30,
    }
}

/// A world where the service shall be on the card, and a phone that refuses all.
async fn deployed() -> (World, Phone) {
    let world = World::new().await;
    world.register_card().await;
    fill(&world).await;
    let mut phone = Phone::attach(&world, ICCID).await;
    let mut services = services(&world, "jlis").await;
    let refusing = async {
        let script = phone.script().await;
        phone.answer(&script, &[vec![0x6A, 0x82]]).await;
    };
    let (deployed, ()) = tokio::join!(services.deploy_service(change("deploy")), refusing);
    assert_eq!(reason(deployed), "CARD_REFUSED");
    (world, phone)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deployed_on_a_card_that_is_not_there() {
    let world = World::new().await;
    world.register_card().await;
    fill(&world).await;
    let mut services = services(&world, "jlis").await;
    let check = CheckEligibilityRequest {
        iccid: ICCID.into(),
        service: "jpki".into(),
    };
    assert_eq!(
        reason(services.check_eligibility(check).await),
        "CARD_UNREACHABLE"
    );
    assert_eq!(
        reason(services.deploy_service(change("1")).await),
        "CARD_UNREACHABLE"
    );
    let get = GetDeploymentRequest {
        iccid: ICCID.into(),
        service: "jpki".into(),
    };
    assert_eq!(
        reason(services.get_deployment(get).await),
        "DEPLOYMENT_UNKNOWN"
    );
    assert_eq!(
        reason(services.resume_service(change("2")).await),
        "WRONG_STATE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_has_no_say() {
    let (world, _phone) = deployed().await;
    let mut services = services(&world, "other").await;
    assert_eq!(
        reason(services.deploy_service(change("1")).await),
        "TENANT_FORBIDDEN"
    );
    assert_eq!(
        reason(services.terminate_service(change("2")).await),
        "TENANT_FORBIDDEN"
    );
    let get = GetDeploymentRequest {
        iccid: ICCID.into(),
        service: "jpki".into(),
    };
    assert_eq!(
        reason(services.get_deployment(get).await),
        "TENANT_FORBIDDEN"
    );
    let mut channel = channel(&world, "other").await;
    assert_eq!(
        reason(channel.acquire_lease(lease("w")).await),
        "TENANT_FORBIDDEN"
    );
    let select = select(aid(DOMAIN).as_bytes());
    assert_eq!(
        reason(channel.exchange(exchange(1, &[&select])).await),
        "TENANT_FORBIDDEN"
    );
    assert_eq!(world.audited("tenant/other").await, ["TENANT_FORBIDDEN"; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_sessions_with_the_own_domain_and_nothing_else() {
    let (world, mut phone) = deployed().await;
    let mut channel = channel(&world, "jlis").await;
    let epoch = channel
        .acquire_lease(lease("w1"))
        .await
        .unwrap()
        .into_inner()
        .epoch;
    assert_eq!(
        reason(channel.acquire_lease(lease("w2")).await),
        "CARD_BUSY"
    );

    let own = select(aid(DOMAIN).as_bytes());
    let issuer = select(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]);
    for apdus in [
        &[&issuer[..]][..],
        &[INITIALIZE],
        &[&own, &[0x80, 0xE2, 0x90, 0x00]],
    ] {
        let refused = channel.exchange(exchange(epoch, apdus)).await;
        assert_eq!(reason(refused), "RELAY_FORBIDDEN");
    }
    let stale = channel
        .exchange(exchange(epoch + 1, &[&own, INITIALIZE]))
        .await;
    assert_eq!(reason(stale), "CARD_BUSY");

    let playing = async {
        let script = phone.script().await;
        phone
            .answer(&script, &[vec![0x90, 0x00], vec![0x6A, 0x88]])
            .await;
    };
    let relaying = channel.exchange(exchange(epoch, &[&own, INITIALIZE]));
    let (relayed, ()) = tokio::join!(relaying, playing);
    let relayed = relayed.unwrap().into_inner();
    assert!(!relayed.in_doubt);
    assert_eq!(relayed.responses, [&[0x90, 0x00][..], &[0x6A, 0x88]]);

    let log = std::fs::read_to_string(world.path("relay.log")).unwrap();
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|l| l.1)
        .collect();
    assert_eq!(
        lines,
        [
            format!("{ICCID} > {}", hex::encode_upper(&own)),
            format!("{ICCID} < 9000"),
            format!("{ICCID} > {}", hex::encode_upper(INITIALIZE)),
            format!("{ICCID} < 6A88"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_goes_in_mid_script_leaves_doubt() {
    let (world, mut phone) = deployed().await;
    let mut channel = channel(&world, "jlis").await;
    let epoch = channel
        .acquire_lease(lease("w1"))
        .await
        .unwrap()
        .into_inner()
        .epoch;
    let own = select(aid(DOMAIN).as_bytes());
    let relaying = channel.exchange(exchange(epoch, &[&own, INITIALIZE]));
    let (relayed, ()) = tokio::join!(relaying, async {
        phone.script().await;
        drop(phone);
    });
    assert!(relayed.unwrap().into_inner().in_doubt);
    let gone = channel.exchange(exchange(epoch, &[&own, INITIALIZE])).await;
    assert_eq!(reason(gone), "CARD_UNREACHABLE");
    let release = ReleaseLeaseRequest {
        iccid: ICCID.into(),
        epoch,
    };
    channel.release_lease(release).await.unwrap();
    let next = channel
        .acquire_lease(lease("w2"))
        .await
        .unwrap()
        .into_inner()
        .epoch;
    assert!(next > epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn terminating_holds_although_the_card_is_away() {
    let (world, phone) = deployed().await;
    drop(phone);
    let mut services = services(&world, "jlis").await;
    let deployment = services
        .terminate_service(change("t"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(deployment.desired(), tsm_proto::mno::ServiceState::Absent);
    assert!(!deployment.converged);
    assert_eq!(deployment.exchanges, 0);
}
