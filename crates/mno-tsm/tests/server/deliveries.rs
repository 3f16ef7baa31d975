//! Deliveries of cards, card profiles, and what services demand of cards.

use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::transport::Channel;
use tsm_core::identity::Role;
use tsm_proto::mno;
use tsm_proto::mno::card_profile_service_client::CardProfileServiceClient;
use tsm_proto::mno::import_cards_request::Step;
use tsm_proto::mno::import_service_client::ImportServiceClient;
use tsm_proto::mno::record_card_event_request::What;
use tsm_proto::mno::subscription_service_client::SubscriptionServiceClient;
use tsm_store::{EmbeddedVault, OsEntropy};

use crate::catalogue;
use crate::world::{ISD, World, reason};

/// RFC 3394, 4.1: a key under the transport key 00 01 … 0F.
const WRAPPED: &str = "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5";

pub fn profile() -> mno::CardProfile {
    mno::CardProfile {
        name: "p".to_owned(),
        isd_aid: ISD.to_vec().into(),
        gp_version: "2.3.1".to_owned(),
        scp_i: 0x70,
        key_bytes: 16,
        memory_bytes: 65_536,
        certifications: vec!["CC EAL4+".to_owned()],
        ..Default::default()
    }
}

/// A row of a card with a diversified key.
pub fn row(iccid: &str) -> mno::CardRow {
    mno::CardRow {
        iccid: iccid.to_owned(),
        profile: "p".to_owned(),
        key_version: "48".to_owned(),
        kdd: "07".repeat(10),
        ..Default::default()
    }
}

fn iccid(card: usize) -> String {
    format!("898110000001{card:07}")
}

/// A subscription on a card, started by an operator of `tenant`.
pub async fn subscribe(world: &World, tenant: &str, iccid: &str, msisdn: &str) {
    let channel = world.channel(tenant, Role::Operator).await;
    let start = mno::SubscriptionStart {
        msisdn: msisdn.to_owned(),
        ..Default::default()
    };
    let request = mno::RecordCardEventRequest {
        request_id: format!("start-{iccid}"),
        iccid: iccid.to_owned(),
        what: Some(What::Start(start)),
    };
    let mut subscriptions = SubscriptionServiceClient::new(channel);
    subscriptions.record_card_event(request).await.unwrap();
}

fn header(name: &str) -> Step {
    Step::Header(mno::ImportHeader {
        name: name.to_owned(),
        file_sha256: vec![0; 32].into(),
        transport_key: String::new(),
    })
}

/// Sends these messages; returns the last answer.
async fn send(
    imports: &mut ImportServiceClient<Channel>,
    steps: Vec<Step>,
) -> Result<mno::Import, Status> {
    let steps = steps
        .into_iter()
        .map(|step| mno::ImportCardsRequest { step: Some(step) });
    let answers = imports.import_cards(tokio_stream::iter(steps)).await?;
    let mut answers = answers.into_inner();
    let mut last = None;
    while let Some(answer) = answers.next().await {
        last = Some(answer?);
    }
    Ok(last.unwrap())
}

/// A whole delivery.
pub async fn deliver(
    imports: &mut ImportServiceClient<Channel>,
    name: &str,
    rows: Vec<mno::CardRow>,
) -> Result<mno::Import, Status> {
    let count = rows.len() as u64;
    let rows = mno::ImportRows { first_row: 1, rows };
    let end = mno::ImportEnd { rows: count };
    send(
        imports,
        vec![header(name), Step::Rows(rows), Step::End(end)],
    )
    .await
}

async fn imports(world: &World, tenant: &str, role: Role) -> ImportServiceClient<Channel> {
    ImportServiceClient::new(world.channel(tenant, role).await)
}

async fn profiles(world: &World, tenant: &str) -> CardProfileServiceClient<Channel> {
    CardProfileServiceClient::new(world.channel(tenant, Role::Operator).await)
}

pub async fn describe(
    world: &World,
    issuer: &str,
    profile: mno::CardProfile,
) -> Result<mno::CardProfile, Status> {
    let request = mno::PutCardProfileRequest {
        profile: Some(profile),
    };
    let put = profiles(world, issuer)
        .await
        .put_card_profile(request)
        .await;
    put.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_makes_cards_and_tells_the_rest() {
    let world = World::new().await;
    describe(&world, "carrier", profile()).await.unwrap();
    let key: Vec<u8> = (0..16).collect();
    EmbeddedVault::add_transport_key(&world.path("vault"), &OsEntropy, "carrier", "maker", &key)
        .unwrap();
    let wrapped = mno::CardRow {
        kdd: String::new(),
        enc_key: WRAPPED.to_owned(),
        mac_key: WRAPPED.to_owned(),
        dek_key: WRAPPED.to_owned(),
        eid: "8".repeat(32),
        tenant: "mvno".to_owned(),
        msisdn: "+819012345678".to_owned(),
        ..row(&iccid(2))
    };
    let other_key = mno::CardRow {
        enc_key: WRAPPED.replace("1FA6", "1FA7"),
        iccid: iccid(3),
        eid: String::new(),
        msisdn: String::new(),
        ..wrapped.clone()
    };
    let unreadable = mno::CardRow {
        unreadable: "has 3 columns".to_owned(),
        ..Default::default()
    };
    let foreign = mno::CardRow {
        tenant: "jlis".to_owned(),
        ..row(&iccid(4))
    };
    let rows = vec![row(&iccid(1)), wrapped, other_key, unreadable, foreign];
    let mut operator = imports(&world, "carrier", Role::Operator).await;
    let Step::Header(header) = header("a") else {
        unreachable!()
    };
    let header = mno::ImportHeader {
        transport_key: "maker".to_owned(),
        ..header
    };
    let steps = vec![
        Step::Header(header),
        Step::Rows(mno::ImportRows { first_row: 1, rows }),
        Step::End(mno::ImportEnd { rows: 5 }),
    ];
    let import = send(&mut operator, steps).await.unwrap();
    let counts = (import.accepted, import.present, import.refused, import.done);
    assert_eq!(counts, (2, 0, 3, true));
    let request = mno::ListRefusedRowsRequest {
        name: "a".to_owned(),
        ..Default::default()
    };
    let refused = operator
        .list_refused_rows(request)
        .await
        .unwrap()
        .into_inner();
    let told: Vec<_> = refused
        .rows
        .iter()
        .map(|row| (row.row, row.column.as_str(), row.reason.as_str()))
        .collect();
    let expected = [
        (3, "enc_key", "KEYS_UNUSABLE"),
        (4, "", "INVALID_ARGUMENT"),
        (5, "tenant", "TENANT_FORBIDDEN"),
    ];
    assert_eq!(told, expected);
    // The holder of the card finds it, by every number.
    use mno::find_uicc_request::By;
    let mut mvno = world.uiccs("mvno", Role::Support).await;
    for by in [
        By::Iccid(iccid(2)),
        By::Msisdn("819012345678".to_owned()),
        By::Eid("8".repeat(32)),
    ] {
        let found = mvno
            .find_uicc(mno::FindUiccRequest { by: Some(by) })
            .await
            .unwrap();
        let found = found.into_inner();
        assert_eq!((found.iccid, found.profile), (iccid(2), "p".to_owned()));
    }
    let by = Some(By::Iccid(iccid(1)));
    let foreign = mvno.find_uicc(mno::FindUiccRequest { by }).await;
    assert_eq!(reason(foreign), "TENANT_FORBIDDEN");
    let by = Some(By::Msisdn("819000000000".to_owned()));
    let nobody = mvno.find_uicc(mno::FindUiccRequest { by }).await;
    assert_eq!(reason(nobody), "CARD_UNKNOWN");
    assert_eq!(
        world.audited("import/carrier/a").await,
        [
            "begun",
            "5 rows: 2 cards are new, 0 were there, 3 rows are refused"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_broke_off_goes_on_after_a_restart() {
    let mut world = World::new().await;
    describe(&world, "carrier", profile()).await.unwrap();
    let rows: Vec<_> = (0..2_500).map(|card| row(&iccid(card))).collect();
    let chunk = |from: usize, to: usize| {
        Step::Rows(mno::ImportRows {
            first_row: from as u64 + 1,
            rows: rows[from..to].to_vec(),
        })
    };
    let mut operator = imports(&world, "carrier", Role::Operator).await;
    let begun = send(&mut operator, vec![header("a"), chunk(0, 1_000)])
        .await
        .unwrap();
    assert_eq!((begun.next_row, begun.done), (1_001, false));
    world.restart().await;
    let mut operator = imports(&world, "carrier", Role::Operator).await;
    let found = send(&mut operator, vec![header("a")]).await.unwrap();
    assert_eq!(found.next_row, 1_001);
    let end = Step::End(mno::ImportEnd { rows: 2_500 });
    let rest = vec![header("a"), chunk(500, 1_500), chunk(1_500, 2_500), end];
    let done = send(&mut operator, rest.clone()).await.unwrap();
    assert_eq!((done.accepted, done.present, done.done), (2_500, 0, true));
    assert_eq!(send(&mut operator, rest).await.unwrap(), done);
    // The same cards under another name are there already.
    let again = deliver(&mut operator, "b", rows[..1_000].to_vec())
        .await
        .unwrap();
    assert_eq!((again.accepted, again.present), (0, 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_together_is_refused() {
    let world = World::new().await;
    describe(&world, "carrier", profile()).await.unwrap();
    let mut operator = imports(&world, "carrier", Role::Operator).await;
    deliver(&mut operator, "a", vec![row(&iccid(1))])
        .await
        .unwrap();
    let Step::Header(plain) = header("a") else {
        unreachable!()
    };
    let other_file = mno::ImportHeader {
        file_sha256: vec![1; 32].into(),
        ..plain.clone()
    };
    let no_key = mno::ImportHeader {
        name: "b".to_owned(),
        transport_key: "maker".to_owned(),
        ..plain.clone()
    };
    let rows = |first_row| {
        let rows = vec![row(&iccid(2))];
        Step::Rows(mno::ImportRows { first_row, rows })
    };
    for (steps, expected) in [
        (vec![Step::Header(other_file)], "REQUEST_ID_REUSED"),
        (vec![Step::Header(no_key)], "INVALID_ARGUMENT"),
        (vec![rows(1)], "INVALID_ARGUMENT"),
        (vec![header("c"), rows(2)], "INVALID_ARGUMENT"),
        (vec![header("a"), rows(2)], "INVALID_ARGUMENT"),
        (vec![header("c"), header("c")], "INVALID_ARGUMENT"),
        (
            vec![header("c"), Step::End(mno::ImportEnd { rows: 1 })],
            "INVALID_ARGUMENT",
        ),
    ] {
        let refused = send(&mut operator, steps.clone()).await;
        assert_eq!(reason(refused), expected, "{steps:?}");
    }
    for (tenant, role, expected) in [
        ("mvno", Role::Operator, "TENANT_FORBIDDEN"),
        ("jlis", Role::Operator, "TENANT_FORBIDDEN"),
        ("carrier", Role::Auditor, "PERMISSION_DENIED"),
    ] {
        let mut other = imports(&world, tenant, role).await;
        let refused = deliver(&mut other, "x", vec![row(&iccid(9))]).await;
        assert_eq!(reason(refused), expected);
    }
    let request = mno::GetImportRequest {
        name: "x".to_owned(),
    };
    assert_eq!(reason(operator.get_import(request).await), "IMPORT_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_profile_changes_nothing_but_its_certificates() {
    let world = World::new().await;
    let first = describe(&world, "carrier", profile()).await.unwrap();
    assert_eq!(first.issuer, "carrier");
    assert_eq!(describe(&world, "carrier", profile()).await.unwrap(), first);
    let certified = mno::CardProfile {
        certifications: vec!["CC EAL5+".to_owned(), "CC EAL4+".to_owned()],
        ..profile()
    };
    let changed = describe(&world, "carrier", certified).await.unwrap();
    assert_eq!(changed.certifications, ["CC EAL4+", "CC EAL5+"]);
    for (wrong, expected) in [
        (
            mno::CardProfile {
                memory_bytes: 1,
                ..profile()
            },
            "ALREADY_EXISTS",
        ),
        (
            mno::CardProfile {
                key_bytes: 17,
                ..profile()
            },
            "INVALID_ARGUMENT",
        ),
        (
            mno::CardProfile {
                gp_version: "2".to_owned(),
                ..profile()
            },
            "INVALID_ARGUMENT",
        ),
        (
            mno::CardProfile {
                issuer: "mvno".to_owned(),
                ..profile()
            },
            "TENANT_FORBIDDEN",
        ),
    ] {
        assert_eq!(reason(describe(&world, "carrier", wrong).await), expected);
    }
    // A hosted MVNO reads those of its issuer.
    let request = mno::ListCardProfilesRequest::default();
    let listed = profiles(&world, "mvno")
        .await
        .list_card_profiles(request)
        .await;
    assert_eq!(listed.unwrap().into_inner().profiles, [changed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eligibility_lists_everything_that_the_card_lacks() {
    let world = World::new().await;
    catalogue::fill(&world).await;
    describe(&world, "carrier", profile()).await.unwrap();
    let mut operator = imports(&world, "carrier", Role::Operator).await;
    deliver(&mut operator, "a", vec![row(&iccid(1))])
        .await
        .unwrap();
    let mut request = catalogue::service(&world, "demanding");
    let service = request.service.as_mut().unwrap();
    service.name = "demanding".to_owned();
    service.requirements = Some(mno::ServiceRequirements {
        gp_version: "2.3.2".to_owned(),
        memory_bytes: 65_537,
        key_bytes: 32,
        casd: true,
        certifications: vec!["CC EAL5+".to_owned()],
    });
    let channel = world.channel("carrier", Role::Operator).await;
    let mut catalogue = mno::catalogue_service_client::CatalogueServiceClient::new(channel);
    let defined = catalogue.register_service(request.clone()).await.unwrap();
    assert_eq!(
        defined.into_inner().requirements,
        request.service.unwrap().requirements
    );
    let channel = world.channel("jlis", Role::ServiceProvider).await;
    let mut services = mno::service_management_client::ServiceManagementClient::new(channel);
    let check = mno::CheckEligibilityRequest {
        iccid: iccid(1),
        service: "demanding".to_owned(),
    };
    // The card is in no phone: nothing of this needs it.
    let checked = services
        .check_eligibility(check)
        .await
        .unwrap()
        .into_inner();
    assert!(!checked.eligible);
    let missing: Vec<_> = checked.missing.iter().map(|m| m.reason.as_str()).collect();
    let unqualified = "SE_PROFILE_NOT_QUALIFIED";
    let expected = [
        "INSUFFICIENT_SE_MEMORY",
        unqualified,
        unqualified,
        unqualified,
        unqualified,
    ];
    assert_eq!(missing, expected, "{checked:?}");
}
