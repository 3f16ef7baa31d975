//! Cards of the fleet, and who may see them.

use tonic::Code;
use tsm_core::identity::Role;
use tsm_proto::mno::{
    AuditUiccRequest, GetUiccRequest, ListAuditEntriesRequest, ListUiccsRequest,
    RegisterUiccRequest, audit_service_client::AuditServiceClient,
};

use crate::world::{ICCID, World, card, reason};

fn get() -> GetUiccRequest {
    GetUiccRequest {
        iccid: ICCID.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_twice_changes_nothing() {
    let world = World::new().await;
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    let first = uiccs.register_uicc(card()).await.unwrap().into_inner();
    let again = uiccs.register_uicc(card()).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert!(!first.attached && first.content.is_none() && !first.in_doubt);
    let other = RegisterUiccRequest {
        memory_bytes: 1,
        ..card()
    };
    assert_eq!(reason(uiccs.register_uicc(other).await), "ALREADY_EXISTS");
    let foreign = RegisterUiccRequest {
        iccid: "8981100000000000002".into(),
        tenant: "x".into(),
        ..card()
    };
    assert_eq!(
        reason(uiccs.register_uicc(foreign).await),
        "INVALID_ARGUMENT"
    );
    assert_eq!(world.audited("card/").await, ["registered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_strangers_and_records_it() {
    let world = World::new().await;
    world.register_card().await;
    for (tenant, role, expected) in [
        ("jlis", Role::Operator, "TENANT_FORBIDDEN"),
        ("mvno", Role::Operator, "TENANT_FORBIDDEN"),
        ("carrier", Role::Device, "PERMISSION_DENIED"),
    ] {
        let mut uiccs = world.uiccs(tenant, role).await;
        let refused = uiccs.register_uicc(card()).await;
        assert_eq!(refused.as_ref().unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(reason(refused), expected);
        let audited = world.audited(&format!("tenant/{tenant}")).await;
        assert_eq!(audited.last().map(String::as_str), Some(expected));
    }
    let channel = world.channel("carrier", Role::Device).await;
    let request = ListAuditEntriesRequest::default();
    let listed = AuditServiceClient::new(channel)
        .list_audit_entries(request)
        .await;
    assert_eq!(reason(listed), "PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_tenant_sees_its_own_cards_only() {
    let world = World::new().await;
    world.register_card().await;
    let own = "8981100000000000002";
    let hosted = RegisterUiccRequest {
        iccid: own.into(),
        tenant: "mvno".into(),
        ..card()
    };
    world
        .uiccs("carrier", Role::Operator)
        .await
        .register_uicc(hosted)
        .await
        .unwrap();
    let mut uiccs = world.uiccs("mvno", Role::Operator).await;
    assert_eq!(reason(uiccs.get_uicc(get()).await), "TENANT_FORBIDDEN");
    let listed = uiccs
        .list_uiccs(ListUiccsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let iccids: Vec<_> = listed
        .uiccs
        .iter()
        .map(|uicc| uicc.iccid.as_str())
        .collect();
    assert_eq!(iccids, [own]);
    assert_eq!(world.audited("tenant/mvno").await, ["TENANT_FORBIDDEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_cards_page_by_page() {
    let world = World::new().await;
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    let iccids: Vec<String> = (0..5).map(|n| format!("898110000000000010{n}")).collect();
    for iccid in &iccids {
        uiccs
            .register_uicc(RegisterUiccRequest {
                iccid: iccid.clone(),
                ..card()
            })
            .await
            .unwrap();
    }
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListUiccsRequest {
            page_size: 2,
            page_token,
        };
        let page = uiccs.list_uiccs(request).await.unwrap().into_inner();
        assert!(page.uiccs.len() <= 2);
        found.extend(page.uiccs.into_iter().map(|uicc| uicc.iccid));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, iccids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_not_there_can_not_be_read() {
    let world = World::new().await;
    let mut uiccs = world.uiccs("carrier", Role::Operator).await;
    assert_eq!(reason(uiccs.get_uicc(get()).await), "CARD_UNKNOWN");
    world.register_card().await;
    let audited = uiccs
        .audit_uicc(AuditUiccRequest {
            iccid: ICCID.to_owned(),
        })
        .await;
    assert_eq!(audited.as_ref().unwrap_err().code(), Code::Unavailable);
    assert_eq!(reason(audited), "CARD_UNREACHABLE");
}
