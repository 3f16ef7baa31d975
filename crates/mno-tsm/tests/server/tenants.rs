//! Tenants, and the contracts between them.

use tonic::Status;
use tsm_core::identity::Role;
use tsm_proto::mno::{
    ChangeTenantRequest, CheckEligibilityRequest, Contract, GetTenantRequest, ListContractsRequest,
    ListTenantsRequest, ListUiccsRequest, ManagementMode, PutContractRequest,
    RegisterTenantRequest, Tenant, TenantKind, service_management_client::ServiceManagementClient,
};

use crate::catalogue;
use crate::world::{ICCID, World, card, reason};

fn tenant(name: &str, kind: TenantKind, parent: &str) -> RegisterTenantRequest {
    RegisterTenantRequest {
        name: name.to_owned(),
        kind: kind.into(),
        parent: parent.to_owned(),
        display_name: String::new(),
    }
}

fn named(name: &str) -> ChangeTenantRequest {
    let name = name.to_owned();
    ChangeTenantRequest { name }
}

async fn register(world: &World, by: &str, new: RegisterTenantRequest) -> Result<Tenant, Status> {
    let mut tenants = world.tenants(by, Role::Admin).await;
    let registered = tenants.register_tenant(new).await?;
    Ok(registered.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_grows_below_those_who_register_it() {
    let mut world = World::new().await;
    let full = tenant("full", TenantKind::FullMvno, "");
    let first = register(&world, "carrier", full.clone()).await.unwrap();
    assert_eq!(
        (first.parent.as_str(), first.kind()),
        ("carrier", TenantKind::FullMvno)
    );
    assert_eq!(register(&world, "carrier", full).await.unwrap(), first);
    let guest = tenant("guest", TenantKind::HostedMvno, "");
    let guest = register(&world, "full", guest).await.unwrap();
    assert_eq!(guest.parent, "full");
    for (by, new, expected) in [
        (
            "full",
            tenant("x", TenantKind::HostedMvno, "carrier"),
            "TENANT_FORBIDDEN",
        ),
        (
            "full",
            tenant("x", TenantKind::ServiceProvider, ""),
            "INVALID_ARGUMENT",
        ),
        (
            "carrier",
            tenant("full", TenantKind::HostedMvno, ""),
            "ALREADY_EXISTS",
        ),
        (
            "carrier",
            tenant("x", TenantKind::Carrier, ""),
            "INVALID_ARGUMENT",
        ),
        (
            "carrier",
            tenant("X Y", TenantKind::FullMvno, ""),
            "INVALID_ARGUMENT",
        ),
        (
            "mvno",
            tenant("x", TenantKind::HostedMvno, ""),
            "TENANT_FORBIDDEN",
        ),
    ] {
        assert_eq!(
            reason(register(&world, by, new.clone()).await),
            expected,
            "{new:?}"
        );
    }
    world.restart().await;
    let mut tenants = world.tenants("full", Role::Support).await;
    let listed = tenants
        .list_tenants(ListTenantsRequest::default())
        .await
        .unwrap();
    let names = listed.into_inner().tenants.into_iter().map(|t| t.name);
    assert_eq!(names.collect::<Vec<_>>(), ["full", "guest"]);
    let foreign = GetTenantRequest {
        name: "carrier".to_owned(),
    };
    assert_eq!(
        reason(tenants.get_tenant(foreign).await),
        "TENANT_FORBIDDEN"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_may_nothing_until_it_is_resumed() {
    let mut world = World::new().await;
    let mut admin = world.tenants("carrier", Role::Admin).await;
    for _ in 0..2 {
        let suspended = admin.suspend_tenant(named("mvno")).await.unwrap();
        assert!(suspended.into_inner().suspended);
    }
    for restart in [false, true] {
        if restart {
            world.restart().await;
        }
        let mut uiccs = world.uiccs("mvno", Role::Operator).await;
        let listed = uiccs.list_uiccs(ListUiccsRequest::default()).await;
        assert_eq!(reason(listed), "TENANT_SUSPENDED");
    }
    let mut admin = world.tenants("carrier", Role::Admin).await;
    admin.resume_tenant(named("mvno")).await.unwrap();
    let mut uiccs = world.uiccs("mvno", Role::Operator).await;
    uiccs.list_uiccs(ListUiccsRequest::default()).await.unwrap();
    assert_eq!(
        reason(admin.suspend_tenant(named("carrier")).await),
        "INVALID_ARGUMENT"
    );
    assert_eq!(
        reason(admin.suspend_tenant(named("nobody")).await),
        "TENANT_FORBIDDEN"
    );
    let audited = world.audited("tenant/mvno").await;
    assert_eq!(
        audited,
        ["stored", "TENANT_SUSPENDED", "TENANT_SUSPENDED", "stored"]
    );
}

fn contract(services: &[&str], modes: &[ManagementMode]) -> PutContractRequest {
    PutContractRequest {
        contract: Some(Contract {
            provider: "jlis".to_owned(),
            issuer: String::new(),
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            modes: modes.iter().map(|mode| (*mode).into()).collect(),
            valid_from: None,
            valid_until: None,
            prices: None,
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_contract_a_provider_reaches_no_card() {
    let world = World::new().await;
    catalogue::fill(&world).await;
    world.register_card().await;
    let mut admin = world.tenants("carrier", Role::Admin).await;
    let channel = world.channel("jlis", Role::ServiceProvider).await;
    let mut services = ServiceManagementClient::new(channel);
    let asked = CheckEligibilityRequest {
        iccid: ICCID.to_owned(),
        service: "jpki".to_owned(),
    };
    for (services_of_contract, modes) in [
        (["other"].as_slice(), [ManagementMode::Simple]),
        (&["jpki"], [ManagementMode::Delegated]),
    ] {
        let contract = contract(services_of_contract, &modes);
        admin.put_contract(contract).await.unwrap();
        let checked = services
            .check_eligibility(asked.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(!checked.eligible);
        let reasons: Vec<_> = checked.missing.iter().map(|m| m.reason.as_str()).collect();
        assert_eq!(reasons, ["NO_CONTRACT"]);
    }
    let simple = [ManagementMode::Simple];
    admin
        .put_contract(contract(&["jpki"], &simple))
        .await
        .unwrap();
    let checked = services.check_eligibility(asked).await;
    assert_eq!(reason(checked), "CARD_UNREACHABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_are_agreed_by_the_issuer_and_seen_by_both() {
    let world = World::new().await;
    register(&world, "carrier", tenant("full", TenantKind::FullMvno, ""))
        .await
        .unwrap();
    let mut admin = world.tenants("carrier", Role::Admin).await;
    let simple = [ManagementMode::Simple];
    let change = |edit: fn(&mut Contract)| {
        let mut request = contract(&[], &simple);
        edit(request.contract.as_mut().unwrap());
        request
    };
    for (request, expected) in [
        (PutContractRequest { contract: None }, "INVALID_ARGUMENT"),
        (contract(&[], &[]), "INVALID_ARGUMENT"),
        (contract(&["No Service"], &simple), "INVALID_ARGUMENT"),
        (
            change(|c| c.provider = "mvno".to_owned()),
            "INVALID_ARGUMENT",
        ),
        (
            change(|c| c.provider = "nobody".to_owned()),
            "INVALID_ARGUMENT",
        ),
        (change(|c| c.issuer = "full".to_owned()), "TENANT_FORBIDDEN"),
        (change(|c| c.issuer = "mvno".to_owned()), "TENANT_FORBIDDEN"),
        (
            change(|c| {
                c.valid_until = Some(prost_types::Timestamp {
                    seconds: 1,
                    nanos: 0,
                });
            }),
            "INVALID_ARGUMENT",
        ),
    ] {
        let refused = admin.put_contract(request.clone()).await;
        assert_eq!(reason(refused), expected, "{request:?}");
    }
    let mut full = world.tenants("full", Role::Admin).await;
    full.put_contract(contract(&["jpki"], &simple))
        .await
        .unwrap();
    for (tenant, role, issuers) in [
        ("full", Role::Auditor, ["full"].as_slice()),
        ("carrier", Role::Auditor, &["carrier"]),
        ("jlis", Role::ServiceProvider, &["carrier", "full"]),
        ("mvno", Role::Auditor, &[]),
    ] {
        let mut tenants = world.tenants(tenant, role).await;
        let listed = tenants
            .list_contracts(ListContractsRequest::default())
            .await
            .unwrap();
        let listed = listed.into_inner().contracts.into_iter().map(|c| c.issuer);
        assert_eq!(listed.collect::<Vec<_>>(), issuers, "{tenant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_says_nothing_and_is_good_for_its_reader_only() {
    let world = World::new().await;
    let mut operator = world.uiccs("carrier", Role::Operator).await;
    for last in ["1", "2", "3"] {
        let mut card = card();
        card.iccid = format!("898110000000000000{last}");
        operator.register_uicc(card).await.unwrap();
    }
    let page = |page_token: &str| ListUiccsRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
    };
    let first = operator.list_uiccs(page("")).await.unwrap().into_inner();
    let token = first.next_page_token;
    let plain = hex::encode("8981100000000000001");
    assert!(!token.is_empty() && !token.contains(&plain) && !token.contains("89811"));
    operator.list_uiccs(page(&token)).await.unwrap();
    let mut other = world.uiccs("mvno", Role::Operator).await;
    assert_eq!(
        reason(other.list_uiccs(page(&token)).await),
        "INVALID_ARGUMENT"
    );
    for wrong in ["x", "00", "8981100000000000001"] {
        let refused = operator.list_uiccs(page(wrong)).await;
        assert_eq!(reason(refused), "INVALID_ARGUMENT");
    }
}
