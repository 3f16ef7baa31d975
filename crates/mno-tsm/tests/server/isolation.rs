//! Isolation: random trees of tenants, every role of every tenant, every method with everybody's
//! objects. No answer shows, and no call changes, what is not the caller's.
//!
//! What a caller may see is worked out here once more, from the tree alone. `ISOLATION_TREES` says
//! how many trees are tried.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tsm_core::identity::Role;
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_proto::mno::card_profile_service_client::CardProfileServiceClient;
use tsm_proto::mno::catalogue_service_client::CatalogueServiceClient;
use tsm_proto::mno::find_uicc_request::By;
use tsm_proto::mno::import_service_client::ImportServiceClient;
use tsm_proto::mno::ledger_service_client::LedgerServiceClient;
use tsm_proto::mno::record_card_event_request::What;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::subscription_service_client::SubscriptionServiceClient;
use tsm_proto::mno::tenant_service_client::TenantServiceClient;
use tsm_proto::mno::uicc_service_client::UiccServiceClient;
use tsm_proto::mno::{self, ManagementMode, TenantKind};

use crate::catalogue;
use crate::deliveries;
use crate::world::{World, card};

/// A tenant below the carrier, by what it is and what it is below (an index, wrapped).
#[derive(Clone, Debug)]
struct Plan {
    kind: TenantKind,
    below: usize,
    cards: usize,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let kind = prop::sample::select(vec![
        TenantKind::FullMvno,
        TenantKind::HostedMvno,
        TenantKind::ServiceProvider,
    ]);
    let plan = (kind, any::<usize>(), 0..3_usize).prop_map(|(kind, below, cards)| Plan {
        kind,
        below,
        cards,
    });
    prop::collection::vec(plan, 2..6)
}

/// A tenant with what belongs to it.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    kind: TenantKind,
    parent: Option<String>,
    cards: Vec<String>,
}

struct Landscape {
    world: World,
    members: Vec<Member>,
}

impl Landscape {
    /// The carrier, its guest and its provider of [`World`], and what is planned.
    async fn grow(plans: &[Plan]) -> Self {
        let world = World::new().await;
        catalogue::fill(&world).await;
        let member = |name: &str, kind, parent: Option<&str>| Member {
            name: name.to_owned(),
            kind,
            parent: parent.map(str::to_owned),
            cards: Vec::new(),
        };
        let mut members = vec![
            member("carrier", TenantKind::Carrier, None),
            member("mvno", TenantKind::HostedMvno, Some("carrier")),
            member("jlis", TenantKind::ServiceProvider, Some("carrier")),
        ];
        for (index, plan) in plans.iter().enumerate() {
            let issuers: Vec<_> = members
                .iter()
                .filter(|m| matches!(m.kind, TenantKind::Carrier | TenantKind::FullMvno))
                .collect();
            let parent = match plan.kind {
                TenantKind::HostedMvno => issuers[plan.below % issuers.len()].name.clone(),
                _ => "carrier".to_owned(),
            };
            let name = format!("tenant-{index}");
            let mut admin = world.tenants("carrier", Role::Admin).await;
            let request = mno::RegisterTenantRequest {
                name: name.clone(),
                kind: plan.kind.into(),
                parent: parent.clone(),
                display_name: format!("display of {name}"),
            };
            admin.register_tenant(request).await.unwrap();
            members.push(member(&name, plan.kind, Some(&parent)));
        }
        let mut landscape = Self { world, members };
        for issuer in landscape.named(&[TenantKind::Carrier, TenantKind::FullMvno]) {
            deliveries::describe(&landscape.world, &issuer, deliveries::profile())
                .await
                .unwrap();
        }
        landscape.give_cards(plans).await;
        landscape.agree().await;
        landscape
    }

    async fn give_cards(&mut self, plans: &[Plan]) {
        for index in 0..self.members.len() {
            let member = self.members[index].clone();
            let Some(issuer) = self.issuer(&member.name) else {
                continue;
            };
            let count = index
                .checked_sub(3)
                .map_or(1, |planned| plans[planned].cards);
            let mut operator = self.world.uiccs(&issuer, Role::Operator).await;
            for number in 0..count {
                let iccid = format!("8981{index:07}{number:08}");
                let request = mno::RegisterUiccRequest {
                    iccid: iccid.clone(),
                    tenant: member.name.clone(),
                    ..card()
                };
                operator.register_uicc(request).await.unwrap();
                deliveries::subscribe(&self.world, &issuer, &iccid, &number_of(&iccid)).await;
                self.members[index].cards.push(iccid);
            }
        }
    }

    /// Whether an issuer has contracts with all providers, or with none.
    fn has_contracts(issuer: &str) -> bool {
        issuer.ends_with(['0', '2', '4', 'r'])
    }

    async fn agree(&self) {
        for issuer in self.named(&[TenantKind::Carrier, TenantKind::FullMvno]) {
            if !Self::has_contracts(&issuer) {
                continue;
            }
            let mut admin = self.world.tenants(&issuer, Role::Admin).await;
            for provider in self.named(&[TenantKind::ServiceProvider]) {
                let contract = mno::Contract {
                    provider,
                    modes: vec![ManagementMode::Simple.into()],
                    ..Default::default()
                };
                let contract = Some(contract);
                let request = mno::PutContractRequest { contract };
                admin.put_contract(request).await.unwrap();
            }
        }
    }

    fn named(&self, kinds: &[TenantKind]) -> Vec<String> {
        let found = self.members.iter().filter(|m| kinds.contains(&m.kind));
        found.map(|m| m.name.clone()).collect()
    }

    fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|m| m.name == name).unwrap()
    }

    fn issuer(&self, name: &str) -> Option<String> {
        let member = self.member(name);
        match member.kind {
            TenantKind::Carrier | TenantKind::FullMvno => Some(member.name.clone()),
            TenantKind::HostedMvno => self.issuer(member.parent.as_ref().unwrap()),
            _ => None,
        }
    }

    fn is_below(&self, name: &str, above: &str) -> bool {
        let parent = self.member(name).parent.as_deref();
        name == above || parent.is_some_and(|parent| self.is_below(parent, above))
    }

    /// Words that must not stand in an answer to somebody of `caller`.
    fn foreign(&self, caller: &str) -> BTreeSet<String> {
        let mut foreign = BTreeSet::new();
        for member in &self.members {
            let sees_cards = member.name == caller
                || (self.issuer(&member.name).as_deref() == Some(caller)
                    && member.kind == TenantKind::HostedMvno);
            // It may ask about these, one by one.
            let has_service_there = caller == "jlis"
                && self
                    .issuer(&member.name)
                    .is_some_and(|issuer| Self::has_contracts(&issuer));
            if !sees_cards && !has_service_there {
                foreign.extend(member.cards.iter().cloned());
            }
            if !sees_cards {
                foreign.extend(member.cards.iter().map(|iccid| number_of(iccid)));
            }
            let is_party = matches!(member.kind, TenantKind::ServiceProvider)
                || matches!(self.member(caller).kind, TenantKind::ServiceProvider);
            if self.is_below(&member.name, caller) {
                continue;
            }
            foreign.insert(format!("display of {}", member.name));
            // Whom one stands below, and with whom one has a contract, one knows.
            if !self.is_below(caller, &member.name) && !is_party {
                foreign.insert(format!("\"{}\"", member.name));
            }
        }
        foreign
    }

    /// Everything that issuers see, by what it is and whose it is.
    async fn snapshot(&self) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        for issuer in self.named(&[TenantKind::Carrier, TenantKind::FullMvno]) {
            let mut uiccs = self.world.uiccs(&issuer, Role::Operator).await;
            let listed = uiccs
                .list_uiccs(mno::ListUiccsRequest::default())
                .await
                .unwrap();
            for uicc in listed.into_inner().uiccs {
                seen.insert(format!("card {}", uicc.iccid), format!("{uicc:?}"));
            }
            let mut tenants = self.world.tenants(&issuer, Role::Admin).await;
            let listed = tenants
                .list_tenants(mno::ListTenantsRequest::default())
                .await
                .unwrap();
            for tenant in listed.into_inner().tenants {
                seen.insert(format!("tenant {}", tenant.name), format!("{tenant:?}"));
            }
            let listed = tenants.list_contracts(mno::ListContractsRequest::default());
            for contract in listed.await.unwrap().into_inner().contracts {
                let name = format!("contract {} {}", contract.provider, contract.issuer);
                seen.insert(name, format!("{contract:?}"));
            }
        }
        seen
    }
}

/// The number of the subscription on a card.
fn number_of(iccid: &str) -> String {
    // No part of any ICCID.
    format!("77{}5{}", &iccid[8..11], &iccid[15..19])
}

/// What came of a call: as text, whichever way it ended.
fn text<T: std::fmt::Debug>(result: Result<tonic::Response<T>, Status>) -> (bool, String) {
    match result {
        Ok(response) => (true, format!("{:?}", response.into_inner())),
        Err(status) => {
            assert_ne!(status.code(), Code::Internal, "{status:?}");
            assert_ne!(status.code(), Code::Unknown, "{status:?}");
            (false, status.message().to_owned())
        }
    }
}

/// Every method, as somebody of `caller`, about `card` and `tenant`.
async fn call_everything(
    world: &World,
    (caller, role): (&str, Role),
    iccid: &str,
    tenant: &str,
) -> Vec<(&'static str, bool, String)> {
    let channel = world.channel(caller, role).await;
    let mut uiccs = UiccServiceClient::new(channel.clone());
    let mut tenants = TenantServiceClient::new(channel.clone());
    let mut catalogue = CatalogueServiceClient::new(channel.clone());
    let mut services = ServiceManagementClient::new(channel.clone());
    let mut relay = CardChannelClient::new(channel.clone());
    let mut audit = AuditServiceClient::new(channel.clone());
    let mut ledger = LedgerServiceClient::new(channel.clone());
    let mut profiles = CardProfileServiceClient::new(channel.clone());
    let mut imports = ImportServiceClient::new(channel.clone());
    let mut subscriptions = SubscriptionServiceClient::new(channel);
    let change = || mno::ChangeServiceRequest {
        request_id: format!("{caller}-{}-{iccid}", role.as_str()),
        iccid: iccid.to_owned(),
        service: "jpki".to_owned(),
    };
    let iccid = || iccid.to_owned();
    let name = || tenant.to_owned();
    let jpki = || "jpki".to_owned();
    let mut calls = Vec::new();
    macro_rules! call {
        ($($client:ident.$method:ident($request:expr);)+) => {
            $({
                let (ok, text) = text($client.$method($request).await);
                calls.push((stringify!($method), ok, text));
            })+
        };
    }
    call! {
        uiccs.get_uicc(mno::GetUiccRequest { iccid: iccid() });
        uiccs.list_uiccs(mno::ListUiccsRequest::default());
        uiccs.audit_uicc(mno::AuditUiccRequest { iccid: iccid() });
        uiccs.register_uicc(mno::RegisterUiccRequest {
            iccid: iccid(), memory_bytes: 1, tenant: name(), ..card()
        });
        tenants.get_tenant(mno::GetTenantRequest { name: name() });
        tenants.list_tenants(mno::ListTenantsRequest::default());
        tenants.list_contracts(mno::ListContractsRequest::default());
        catalogue.list_packages(mno::ListPackagesRequest::default());
        catalogue.list_services(mno::ListServicesRequest::default());
        services.check_eligibility(mno::CheckEligibilityRequest { iccid: iccid(), service: jpki() });
        services.get_deployment(mno::GetDeploymentRequest { iccid: iccid(), service: jpki() });
        services.list_deployments(mno::ListDeploymentsRequest::default());
        services.suspend_service(change());
        services.terminate_service(change());
        relay.acquire_lease(mno::AcquireLeaseRequest {
            iccid: iccid(), holder: "x".to_owned(), duration_s: 1,
        });
        relay.release_lease(mno::ReleaseLeaseRequest { iccid: iccid(), epoch: 1 });
        relay.exchange(mno::ExchangeRequest {
            iccid: iccid(), service: jpki(), lease_epoch: 1, commands: Vec::new(),
        });
    }
    call! {
        uiccs.find_uicc(mno::FindUiccRequest { by: Some(By::Msisdn(number_of(&iccid()))) });
        profiles.get_card_profile(mno::GetCardProfileRequest { name: name() });
        profiles.list_card_profiles(mno::ListCardProfilesRequest::default());
        imports.get_import(mno::GetImportRequest { name: name() });
        imports.list_imports(mno::ListImportsRequest::default());
        imports.list_refused_rows(mno::ListRefusedRowsRequest {
            name: name(), ..Default::default()
        });
        subscriptions.get_subscription(mno::GetSubscriptionRequest { iccid: iccid() });
        subscriptions.list_card_events(mno::ListCardEventsRequest {
            iccid: iccid(), ..Default::default()
        });
        subscriptions.record_card_event(mno::RecordCardEventRequest {
            request_id: format!("{caller}-{}-e{}", role.as_str(), iccid()), iccid: iccid(),
            what: Some(What::Device("356938035643809".to_owned())),
        });
        subscriptions.record_card_event(mno::RecordCardEventRequest {
            request_id: format!("{caller}-{}-t{}", role.as_str(), iccid()), iccid: iccid(),
            what: Some(What::Tenant("nobody".to_owned())),
        });
    }
    // Somebody else's card in a delivery of one's own.
    let row = deliveries::row(&iccid());
    let batch = {
        let iccid = iccid();
        format!("own-{}-{}-{}", role.as_str(), &iccid[8..11], &iccid[15..])
    };
    let delivered = deliveries::deliver(&mut imports, &batch, vec![row]).await;
    let ok = delivered.is_ok();
    calls.push((
        "import_cards",
        ok,
        format!("{:?}", delivered.map_err(|s| s.message().to_owned())),
    ));
    call! {
        ledger.get_settlement(mno::GetSettlementRequest {
            month: "2026-11".to_owned(), party: String::new(),
        });
        ledger.get_settlement(mno::GetSettlementRequest {
            month: "2026-11".to_owned(), party: name(),
        });
        ledger.list_ledger_lines(mno::ListLedgerLinesRequest::default());
    }
    // The carrier also reads of what was refused, whatever it was about.
    if caller != "carrier" {
        call! {
            audit.list_audit_entries(mno::ListAuditEntriesRequest::default());
            audit.list_audit_entries(mno::ListAuditEntriesRequest {
                subject: "card/".to_owned(), ..Default::default()
            });
            audit.list_receipts(mno::ListReceiptsRequest::default());
            audit.get_receipt(mno::GetReceiptRequest {
                id: format!("card/{}/000000000001", iccid()),
            });
        }
        let (ok, text) = exported(&mut audit).await;
        calls.push(("export_audit", ok, text));
    }
    calls
}

/// The whole export, as text.
async fn exported(audit: &mut AuditServiceClient<Channel>) -> (bool, String) {
    let mut parts = match audit.export_audit(mno::ExportAuditRequest {}).await {
        Ok(parts) => parts.into_inner(),
        Err(status) => return text::<()>(Err(status)),
    };
    let mut content = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        content.extend_from_slice(&part.content);
    }
    (true, String::from_utf8(content).unwrap())
}

/// What changes tenants and contracts, about a tenant that is not the caller's.
async fn change_tenants(
    world: &World,
    (caller, role): (&str, Role),
    tenant: &str,
) -> Vec<(&'static str, bool)> {
    let mut tenants = world.tenants(caller, role).await;
    let named = || mno::ChangeTenantRequest {
        name: tenant.to_owned(),
    };
    let register = mno::RegisterTenantRequest {
        name: "intruder".to_owned(),
        kind: TenantKind::HostedMvno.into(),
        parent: tenant.to_owned(),
        display_name: String::new(),
    };
    let contract = mno::Contract {
        provider: "jlis".to_owned(),
        issuer: tenant.to_owned(),
        modes: vec![ManagementMode::Authorised.into()],
        ..Default::default()
    };
    let contract = Some(contract);
    let put = mno::PutContractRequest { contract };
    vec![
        (
            "suspend_tenant",
            tenants.suspend_tenant(named()).await.is_ok(),
        ),
        (
            "resume_tenant",
            tenants.resume_tenant(named()).await.is_ok(),
        ),
        (
            "register_tenant",
            tenants.register_tenant(register).await.is_ok(),
        ),
        ("put_contract", tenants.put_contract(put).await.is_ok()),
    ]
}

async fn try_everything(plans: &[Plan]) {
    let landscape = Landscape::grow(plans).await;
    let before = landscape.snapshot().await;
    let cards: Vec<_> = landscape
        .members
        .iter()
        .flat_map(|m| m.cards.clone())
        .collect();
    let mut allowed = 0;
    for caller in &landscape.members {
        let foreign = landscape.foreign(&caller.name);
        for role in Role::ALL {
            let who = (caller.name.as_str(), role);
            for (index, iccid) in cards.iter().enumerate() {
                let about = &landscape.members[index % landscape.members.len()].name;
                for (method, ok, text) in call_everything(&landscape.world, who, iccid, about).await
                {
                    allowed += usize::from(ok);
                    // A kind of party has the name of a tenant here.
                    let text = ["party: \"mvno\"", "\"party\":\"mvno\""]
                        .iter()
                        .fold(text, |text, party| text.replace(party, ""));
                    // What the caller itself asked about may be named in a refusal.
                    let asked = [iccid.clone(), format!("\"{about}\"")];
                    let shown = foreign.iter().filter(|word| ok || !asked.contains(word));
                    for word in shown {
                        assert!(
                            !text.contains(word.as_str()),
                            "{who:?} {method}: {word}: {text}"
                        );
                    }
                }
            }
            for other in &landscape.members {
                if !landscape.is_below(&other.name, &caller.name) {
                    for (method, ok) in change_tenants(&landscape.world, who, &other.name).await {
                        assert!(!ok, "{who:?} {method} {}", other.name);
                    }
                }
            }
        }
    }
    assert!(allowed > cards.len(), "somebody may do something");
    assert_eq!(landscape.snapshot().await, before);
}

#[test]
fn nobody_sees_or_changes_what_is_not_his() {
    let trees = std::env::var("ISOLATION_TREES").map_or(1, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: trees,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&plans(), |plans| {
            runtime.block_on(try_everything(&plans));
            Ok(())
        })
        .unwrap();
}
