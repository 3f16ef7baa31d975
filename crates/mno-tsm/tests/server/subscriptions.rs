//! Subscriptions on cards, and the events of cards.

use tonic::transport::Channel;
use tsm_core::identity::Role;
use tsm_proto::mno;
use tsm_proto::mno::CardEventKind as Kind;
use tsm_proto::mno::record_card_event_request::What;
use tsm_proto::mno::subscription_service_client::SubscriptionServiceClient;

use crate::world::{ICCID, World, card, reason};

const NEW: &str = "8981100000000000002";

async fn client(world: &World, tenant: &str, role: Role) -> SubscriptionServiceClient<Channel> {
    SubscriptionServiceClient::new(world.channel(tenant, role).await)
}

fn request(id: &str, iccid: &str, what: What) -> mno::RecordCardEventRequest {
    mno::RecordCardEventRequest {
        request_id: id.to_owned(),
        iccid: iccid.to_owned(),
        what: Some(what),
    }
}

fn start(msisdn: &str) -> What {
    What::Start(mno::SubscriptionStart {
        msisdn: msisdn.to_owned(),
        assurance: mno::HolderAssurance::FaceToFace.into(),
        device: "356938035643809".to_owned(),
    })
}

async fn world() -> World {
    let world = World::new().await;
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    for iccid in [ICCID, NEW] {
        let card = mno::RegisterUiccRequest {
            iccid: iccid.to_owned(),
            ..card()
        };
        uiccs.register_uicc(card).await.unwrap();
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_of_a_subscription_is_in_the_events_of_its_cards() {
    let world = world().await;
    let mut operator = client(&world, "carrier", Role::Operator).await;
    let suspended = mno::SubscriptionState::Suspended.into();
    let active = mno::SubscriptionState::Active.into();
    for (id, what) in [
        ("1", start("+819011111111")),
        ("2", What::State(suspended)),
        ("3", What::State(active)),
        ("4", What::Msisdn("819022222222".to_owned())),
        ("5", What::Device("356938035643810".to_owned())),
        ("6", What::Assurance(mno::HolderAssurance::Remote.into())),
        ("7", What::NewIccid(NEW.to_owned())),
    ] {
        operator
            .record_card_event(request(id, ICCID, what))
            .await
            .unwrap();
    }
    let events = async |iccid: &str| {
        let request = mno::ListCardEventsRequest {
            iccid: iccid.to_owned(),
            ..Default::default()
        };
        let mut auditor = client(&world, "carrier", Role::Auditor).await;
        let listed = auditor.list_card_events(request).await.unwrap();
        let events = listed.into_inner().events.into_iter();
        events
            .map(|event| (event.kind(), event.old_value, event.new_value))
            .collect::<Vec<_>>()
    };
    let event = |kind, old: &str, new: &str| (kind, old.to_owned(), new.to_owned());
    let expected = [
        event(Kind::SubscriptionStart, "", "819011111111"),
        event(Kind::SubscriptionState, "active", "suspended"),
        event(Kind::SubscriptionState, "suspended", "active"),
        event(Kind::NumberChange, "819011111111", "819022222222"),
        event(Kind::DeviceChange, "356938035643809", "356938035643810"),
        event(Kind::HolderAssurance, "face-to-face", "remote"),
        event(Kind::SeRenewal, ICCID, NEW),
    ];
    assert_eq!(events(ICCID).await, expected);
    assert_eq!(events(NEW).await, [event(Kind::SeRenewal, ICCID, NEW)]);
    let mut uiccs = world.uiccs("carrier", Role::Support).await;
    let by = mno::find_uicc_request::By::Msisdn("819022222222".to_owned());
    let found = uiccs.find_uicc(mno::FindUiccRequest { by: Some(by) }).await;
    assert_eq!(found.unwrap().into_inner().iccid, NEW);
    let get = mno::GetSubscriptionRequest {
        iccid: NEW.to_owned(),
    };
    let moved = operator.get_subscription(get).await.unwrap().into_inner();
    assert_eq!(moved.state(), mno::SubscriptionState::Active);
    assert_eq!(
        (moved.tenant.as_str(), moved.device.as_str()),
        ("carrier", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_records_one_event() {
    let world = world().await;
    let mut operator = client(&world, "carrier", Role::Operator).await;
    let first = operator
        .record_card_event(request("1", ICCID, start("819011111111")))
        .await
        .unwrap()
        .into_inner();
    let again = operator
        .record_card_event(request("1", ICCID, start("+819011111111")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((first.sequence, &first), (1, &again));
    for (id, iccid, what, expected) in [
        ("1", ICCID, start("819033333333"), "REQUEST_ID_REUSED"),
        ("1", NEW, start("819011111111"), "REQUEST_ID_REUSED"),
        ("2", NEW, start("819011111111"), "NUMBER_IN_USE"),
        ("3", ICCID, start("819044444444"), "WRONG_STATE"),
        (
            "4",
            NEW,
            What::Msisdn("819055555555".to_owned()),
            "SUBSCRIPTION_UNKNOWN",
        ),
        (
            "5",
            ICCID,
            What::Msisdn("09011111111".to_owned()),
            "INVALID_ARGUMENT",
        ),
        ("6", ICCID, What::Device("1".to_owned()), "INVALID_ARGUMENT"),
        ("7", ICCID, What::State(0), "INVALID_ARGUMENT"),
        ("", ICCID, start("819011111111"), "INVALID_ARGUMENT"),
        (
            "8",
            "8981100000000000009",
            start("819066666666"),
            "CARD_UNKNOWN",
        ),
    ] {
        let refused = operator.record_card_event(request(id, iccid, what)).await;
        assert_eq!(reason(refused), expected, "{id}");
    }
    let list = mno::ListCardEventsRequest {
        iccid: ICCID.to_owned(),
        ..Default::default()
    };
    let events = operator.list_card_events(list).await.unwrap().into_inner();
    assert_eq!(events.events, [first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_goes_to_another_tenant_by_its_issuer_only() {
    let world = world().await;
    let mut hosted = client(&world, "mvno", Role::Operator).await;
    let take = || What::Tenant("mvno".to_owned());
    let refused = hosted.record_card_event(request("1", ICCID, take())).await;
    assert_eq!(reason(refused), "TENANT_FORBIDDEN");
    let mut operator = client(&world, "carrier", Role::Operator).await;
    let foreign = What::Tenant("jlis".to_owned());
    let refused = operator
        .record_card_event(request("1", ICCID, foreign))
        .await;
    assert_eq!(reason(refused), "TENANT_FORBIDDEN");
    operator
        .record_card_event(request("2", ICCID, take()))
        .await
        .unwrap();
    for (tenant, expected) in [("mvno", vec![ICCID]), ("carrier", vec![NEW, ICCID])] {
        let mut uiccs = world.uiccs(tenant, Role::Operator).await;
        let listed = uiccs.list_uiccs(mno::ListUiccsRequest::default()).await;
        let listed = listed.unwrap().into_inner().uiccs;
        let iccids: Vec<_> = listed.iter().map(|uicc| uicc.iccid.as_str()).collect();
        assert_eq!(iccids, expected, "{tenant}");
    }
    hosted
        .record_card_event(request("3", ICCID, start("819011111111")))
        .await
        .unwrap();
    let support = client(&world, "mvno", Role::Support).await;
    let mut support = support;
    let refused = support
        .record_card_event(request("4", ICCID, start("819011111111")))
        .await;
    assert_eq!(reason(refused), "PERMISSION_DENIED");
}

/// A list goes on over the boundary between two tenants, one card at a time.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_cards_cross_from_tenant_to_tenant() {
    let world = world().await;
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    for last in ["0", "3"] {
        let card = mno::RegisterUiccRequest {
            iccid: format!("898110000000000000{last}"),
            tenant: "mvno".to_owned(),
            ..card()
        };
        uiccs.register_uicc(card).await.unwrap();
    }
    for size in 1..=5 {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = mno::ListUiccsRequest {
                page_size: size,
                page_token,
            };
            let page = uiccs.list_uiccs(request).await.unwrap().into_inner();
            assert!(page.uiccs.len() <= size as usize && !page.uiccs.is_empty());
            found.extend(
                page.uiccs
                    .into_iter()
                    .map(|uicc| uicc.iccid[18..].to_owned()),
            );
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, ["1", "2", "0", "3"], "{size}");
    }
}
