//! Who has no right gets nothing, changes nothing, and is written down.

use globalplatform::aid::Aid;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::uicc_service_client::UiccServiceClient;
use tsm_proto::mno::{
    AcquireLeaseRequest, AuditUiccRequest, ChangeServiceRequest, CheckEligibilityRequest,
    ExchangeRequest, GetDeploymentRequest, GetUiccRequest, ListDeploymentsRequest,
    ListUiccsRequest, RegisterTenantRequest, RegisterUiccRequest, TenantKind,
};
use tsm_proto::sp::application_service_client::ApplicationServiceClient;
use tsm_proto::sp::credential_service_client::CredentialServiceClient;
use tsm_proto::sp::{
    ChangeCredentialRequest, GetApplicationRequest, GetCredentialRequest, ListApplicationsRequest,
    ListCredentialsRequest, ProvisionCredentialRequest,
};
use tsm_proto::types::ScriptCommand;
use tsm_tests::agreement::ensure_active;
use tsm_tests::audit::{self, carrier_entries, provider_entries};
use tsm_tests::calls::{new_request_id, refused};
use tsm_tests::holder::Holder;
use tsm_tests::world::World;

/// Calls every method that changes a service, or reads it, as `identity`; every reason of refusal.
async fn try_services(
    world: &World,
    identity: &str,
    holder: &Holder,
) -> anyhow::Result<Vec<String>> {
    let channel = world.mno_as(identity)?;
    let mut services = ServiceManagementClient::new(channel.clone());
    let mut cards = CardChannelClient::new(channel);
    let (iccid, service) = (holder.iccid().to_owned(), "jpki".to_owned());
    let change = || ChangeServiceRequest {
        request_id: new_request_id(),
        iccid: iccid.clone(),
        service: service.clone(),
    };
    let eligibility = CheckEligibilityRequest {
        iccid: iccid.clone(),
        service: service.clone(),
    };
    let deployment = GetDeploymentRequest {
        iccid: iccid.clone(),
        service: service.clone(),
    };
    let lease = AcquireLeaseRequest {
        iccid: iccid.clone(),
        holder: "worker".to_owned(),
        duration_s: 60,
    };
    let exchange = ExchangeRequest {
        iccid: iccid.clone(),
        service: service.clone(),
        lease_epoch: 1,
        commands: vec![select(&tsm::dev::layout::JPKI_DOMAIN)],
    };
    Ok(vec![
        refused(services.check_eligibility(eligibility).await)?,
        refused(services.deploy_service(change()).await)?,
        refused(services.activate_service(change()).await)?,
        refused(services.suspend_service(change()).await)?,
        refused(services.resume_service(change()).await)?,
        refused(services.terminate_service(change()).await)?,
        refused(services.get_deployment(deployment).await)?,
        refused(cards.acquire_lease(lease).await)?,
        refused(cards.exchange(exchange).await)?,
    ])
}

fn select(aid: &Aid) -> ScriptCommand {
    let mut apdu = vec![0x00, 0xA4, 0x04, 0x00, aid.as_bytes().len() as u8];
    apdu.extend_from_slice(aid.as_bytes());
    apdu.push(0x00);
    plain(&apdu)
}

fn plain(apdu: &[u8]) -> ScriptCommand {
    ScriptCommand {
        apdu: apdu.to_vec().into(),
        accepted_status_words: Vec::new(),
    }
}

fn registration(world: &World, index: usize) -> anyhow::Result<RegisterUiccRequest> {
    let card = world.card(index)?;
    Ok(RegisterUiccRequest {
        iccid: card.iccid,
        isd_aid: card.isd_aid.as_bytes().to_vec().into(),
        key_version: card.isd_key_sets[0].version.into(),
        scp_i: card.scp_i.into(),
        key_diversification_data: card.kdd.to_vec().into(),
        sequence_counter: 0,
        memory_bytes: card.memory_bytes,
        tenant: String::new(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_or_role_changes_nothing_at_the_operator() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let before = (holder.commands(), holder.inventory());

    for (identity, expected) in [
        ("tsm://other/service-provider", "TENANT_FORBIDDEN"),
        ("tsm://mvno/operator", "PERMISSION_DENIED"),
        ("tsm://carrier/device", "PERMISSION_DENIED"),
        ("tsm://j-lis/citizen", "PERMISSION_DENIED"),
        ("tsm://j-lis/auditor", "PERMISSION_DENIED"),
        ("tsm://relying-party/verifier", "PERMISSION_DENIED"),
    ] {
        let mut reasons = try_services(&world, identity, &holder).await?;
        // Who may read deployments of its own, is told that it is the tenant.
        if ["tsm://mvno/operator", "tsm://j-lis/auditor"].contains(&identity) {
            assert_eq!(reasons.remove(6), "TENANT_FORBIDDEN", "{identity}");
        }
        for (call, reason) in reasons.iter().enumerate() {
            assert_eq!(reason, expected, "{identity}, call {call}");
        }
        let actor = identity.trim_start_matches("tsm://");
        let denials: Vec<_> = carrier_entries(&world.clients)
            .await?
            .into_iter()
            .filter(|entry| entry.actor == actor && entry.outcome.ends_with(expected))
            .collect();
        assert_eq!(denials.len(), reasons.len(), "{identity}: {denials:?}");
    }
    // A stranger may ask nothing; another provider sees no deployments at all.
    let mut other = ServiceManagementClient::new(world.mno_as("tsm://other/service-provider")?);
    let seen = other.list_deployments(ListDeploymentsRequest::default());
    assert_eq!(refused(seen.await)?, "TENANT_FORBIDDEN");
    let provider = RegisterTenantRequest {
        name: "other".to_owned(),
        kind: TenantKind::ServiceProvider.into(),
        ..RegisterTenantRequest::default()
    };
    let mut tenants = world.clients.servers.tenants()?;
    tenants.register_tenant(provider).await?;
    let seen = other.list_deployments(ListDeploymentsRequest::default());
    assert!(seen.await?.into_inner().deployments.is_empty());

    assert_eq!((holder.commands(), holder.inventory()), before);
    ensure_active(&holder, &credential).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hosted_operator_reaches_its_own_cards_only() -> anyhow::Result<()> {
    let world = World::start().await?;
    let carriers = world.holder(0).await?;
    let hosted = world.holder_of(1, world.card(1)?, "mvno").await?;
    let mut fleet = UiccServiceClient::new(world.mno_as("tsm://mvno/operator")?);
    let get = |holder: &Holder| GetUiccRequest {
        iccid: holder.iccid().to_owned(),
    };
    let read = |holder: &Holder| AuditUiccRequest {
        iccid: holder.iccid().to_owned(),
    };
    hosted.wait_attached(true).await?;
    fleet.get_uicc(get(&hosted)).await?;
    fleet.audit_uicc(read(&hosted)).await?;
    assert_eq!(
        refused(fleet.get_uicc(get(&carriers)).await)?,
        "TENANT_FORBIDDEN"
    );
    assert_eq!(
        refused(fleet.audit_uicc(read(&carriers)).await)?,
        "TENANT_FORBIDDEN"
    );
    let list = fleet.list_uiccs(ListUiccsRequest::default()).await?;
    let list: Vec<_> = list
        .into_inner()
        .uiccs
        .into_iter()
        .map(|uicc| uicc.iccid)
        .collect();
    assert_eq!(list, [hosted.iccid()]);
    let register = fleet.register_uicc(registration(&world, 2)?).await;
    assert_eq!(refused(register)?, "TENANT_FORBIDDEN");
    assert_eq!(carriers.commands(), 0);
    let mut own = world.clients.uiccs.clone();
    let unknown = own
        .get_uicc(GetUiccRequest {
            iccid: world.card(2)?.iccid,
        })
        .await;
    assert_eq!(refused(unknown)?, "CARD_UNKNOWN");
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_or_role_changes_nothing_at_the_provider() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let applicant = world.holder(1).await?;
    let open = applicant.apply().await?;

    for (identity, expected) in [
        ("tsm://other/citizen", "TENANT_FORBIDDEN"),
        ("tsm://other/operator", "TENANT_FORBIDDEN"),
        ("tsm://carrier/operator", "TENANT_FORBIDDEN"),
        ("tsm://carrier/device", "PERMISSION_DENIED"),
        ("tsm://j-lis/verifier", "PERMISSION_DENIED"),
        ("tsm://j-lis/auditor", "PERMISSION_DENIED"),
    ] {
        let channel = world.sp_as(identity)?;
        let mut applications = ApplicationServiceClient::new(channel.clone());
        let mut credentials = CredentialServiceClient::new(channel);
        let change = || ChangeCredentialRequest {
            request_id: new_request_id(),
            id: credential.id.clone(),
        };
        let provision = ProvisionCredentialRequest {
            application_id: open.id.clone(),
            pin: "4711".to_owned(),
        };
        let get = GetCredentialRequest {
            id: credential.id.clone(),
        };
        let reasons = [
            refused(
                applications
                    .submit_application(world.holder(2).await?.sign()?)
                    .await,
            )?,
            refused(applications.provision_credential(provision).await)?,
            refused(
                applications
                    .get_application(GetApplicationRequest {
                        id: open.id.clone(),
                    })
                    .await,
            )?,
            refused(credentials.get_credential(get).await)?,
            refused(credentials.suspend_credential(change()).await)?,
            refused(credentials.resume_credential(change()).await)?,
            refused(credentials.revoke_credential(change()).await)?,
            refused(credentials.delete_credential(change()).await)?,
        ];
        for (call, reason) in reasons.iter().enumerate() {
            assert_eq!(reason, expected, "{identity}, call {call}");
        }
        let actor = identity.trim_start_matches("tsm://");
        let denials = provider_entries(&world.clients)
            .await?
            .into_iter()
            .filter(|entry| entry.actor == actor && entry.outcome == expected)
            .count();
        assert_eq!(denials, reasons.len(), "{identity}");
    }
    // The citizen's app itself sees what it knows by id, and no lists.
    let lists = [
        refused(
            world
                .clients
                .applications
                .clone()
                .list_applications(ListApplicationsRequest::default())
                .await,
        )?,
        refused(
            world
                .clients
                .credentials
                .clone()
                .list_credentials(ListCredentialsRequest::default())
                .await,
        )?,
    ];
    assert_eq!(lists, ["PERMISSION_DENIED"; 2]);
    ensure_active(&holder, &credential).await?;
    assert_eq!(applicant.application(&open.id).await?, open);
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_plays_nothing_but_sessions_with_the_own_domain() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    let before = (holder.commands(), holder.inventory());
    let mut cards = CardChannelClient::new(world.mno_as("tsm://j-lis/service-provider")?);
    let lease = AcquireLeaseRequest {
        iccid: holder.iccid().to_owned(),
        holder: "curious".to_owned(),
        duration_s: 60,
    };
    let epoch = cards.acquire_lease(lease).await?.into_inner().epoch;

    let domain = tsm::dev::layout::JPKI_DOMAIN;
    let initialize = plain(&[0x80, 0x50, 0x31, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00]);
    let scripts = [
        vec![select(&uicc_sim::config::DEFAULT_ISD)],
        vec![select(&tsm::dev::layout::JPKI_INSTANCE)],
        vec![plain(&[0x00, 0xA4, 0x04, 0x00, 0x00])],
        vec![
            select(&domain),
            plain(&[0x80, 0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00]),
        ],
        vec![
            select(&domain),
            initialize.clone(),
            plain(&[0x80, 0xE6, 0x10, 0x00, 0x00]),
        ],
        vec![
            select(&domain),
            initialize,
            select(&uicc_sim::config::DEFAULT_ISD),
        ],
        vec![plain(&[0x84, 0xF2, 0x80, 0x02, 0x00])],
        vec![plain(&[0x01, 0xA4, 0x04, 0x00, 0x00])],
    ];
    let count = scripts.len();
    for (number, commands) in scripts.into_iter().enumerate() {
        let request = ExchangeRequest {
            iccid: holder.iccid().to_owned(),
            service: "jpki".to_owned(),
            lease_epoch: epoch,
            commands,
        };
        let answer = refused(cards.exchange(request).await)?;
        assert_eq!(answer, "RELAY_FORBIDDEN", "script {number}");
    }
    // An epoch that is not the newest one plays nothing either.
    let request = ExchangeRequest {
        iccid: holder.iccid().to_owned(),
        service: "jpki".to_owned(),
        lease_epoch: epoch + 1,
        commands: vec![select(&domain)],
    };
    assert_eq!(refused(cards.exchange(request).await)?, "CARD_BUSY");
    let denials = carrier_entries(&world.clients)
        .await?
        .into_iter()
        .filter(|entry| entry.outcome == "RELAY_FORBIDDEN")
        .count();
    assert_eq!(denials, count);
    assert_eq!((holder.commands(), holder.inventory()), before);
    let release = tsm_proto::mno::ReleaseLeaseRequest {
        iccid: holder.iccid().to_owned(),
        epoch,
    };
    cards.release_lease(release).await?;
    ensure_active(&holder, &credential).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}
