//! Packages and services.

use tonic::transport::Channel;
use tsm_core::identity::Role;
use tsm_proto::mno::catalogue_service_client::CatalogueServiceClient;
use tsm_proto::mno::{
    ListPackagesRequest, ListServicesRequest, RegisterPackageRequest, RegisterServiceRequest,
    Service,
};
use tsm_store::{EmbeddedVault, OsEntropy};

use crate::cap::{MODULE, PACKAGE, aid, cap};
use crate::world::{World, reason};

pub const DOMAIN: &str = "D392F00026535344000001";

pub async fn catalogue(world: &World) -> CatalogueServiceClient<Channel> {
    CatalogueServiceClient::new(world.channel("carrier", Role::Operator).await)
}

fn package(request_id: &str, version: (u8, u8)) -> RegisterPackageRequest {
    RegisterPackageRequest {
        request_id: request_id.to_owned(),
        cap_file: cap(version).into(),
    }
}

/// A service of the tenant `jlis`; its key is that of a vault made for it.
pub fn service(world: &World, request_id: &str) -> RegisterServiceRequest {
    let path = world.path("provider-vault");
    let entropy = std::sync::Arc::new(OsEntropy);
    let vault = match EmbeddedVault::open(&path, entropy.clone()) {
        Ok(vault) => vault,
        Err(_) => EmbeddedVault::create(&path, entropy).unwrap(),
    };
    let bytes = |text: &str| aid(text).as_bytes().to_vec().into();
    RegisterServiceRequest {
        request_id: request_id.to_owned(),
        service: Some(Service {
            name: "jpki".to_owned(),
            provider: "jlis".to_owned(),
            package_aid: bytes(PACKAGE),
            module_aid: bytes(MODULE),
            instance_aid: bytes(MODULE),
            security_domain_aid: bytes(DOMAIN),
            quota_bytes: 20_000,
            provider_public_key: vault.ensure_hpke_key().unwrap().into(),
            requirements: None,
        }),
    }
}

/// The catalogue with package and service.
pub async fn fill(world: &World) {
    let mut catalogue = catalogue(world).await;
    catalogue
        .register_package(package("fill-package", (1, 0)))
        .await
        .unwrap();
    catalogue
        .register_service(service(world, "fill-service"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn admits_a_package_once() {
    let world = World::new().await;
    let mut catalogue = catalogue(&world).await;
    let first = catalogue
        .register_package(package("1", (1, 0)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.aid.as_ref(), aid(PACKAGE).as_bytes());
    assert!(first.load_file_bytes > 7_000);
    assert_eq!(first.imports.len(), 1);
    for id in ["1", "2"] {
        let again = catalogue
            .register_package(package(id, (1, 0)))
            .await
            .unwrap();
        assert_eq!(again.into_inner(), first);
    }
    let reused = catalogue.register_package(package("1", (1, 1))).await;
    assert_eq!(reason(reused), "REQUEST_ID_REUSED");
    let other = catalogue.register_package(package("3", (1, 1))).await;
    assert_eq!(reason(other), "ALREADY_EXISTS");
    let listed = catalogue
        .list_packages(ListPackagesRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.into_inner().packages, [first]);
    assert_eq!(world.audited("package/").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_is_no_cap_file() {
    let world = World::new().await;
    let mut catalogue = catalogue(&world).await;
    for bytes in [Vec::new(), b"PK".to_vec(), vec![0; (2 << 20) + 1]] {
        let request = RegisterPackageRequest {
            request_id: "1".to_owned(),
            cap_file: bytes.into(),
        };
        assert_eq!(
            reason(catalogue.register_package(request).await),
            "INVALID_ARGUMENT"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defines_a_service_of_an_admitted_package() {
    let world = World::new().await;
    let mut catalogue = catalogue(&world).await;
    let request = service(&world, "s1");
    assert_eq!(
        reason(catalogue.register_service(request.clone()).await),
        "PACKAGE_UNKNOWN"
    );
    catalogue
        .register_package(package("p1", (1, 0)))
        .await
        .unwrap();
    let defined = catalogue
        .register_service(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(Some(&defined), request.service.as_ref());
    catalogue.register_service(request.clone()).await.unwrap();

    let mut other = request.clone();
    other.service.as_mut().unwrap().quota_bytes = 30_000;
    assert_eq!(
        reason(catalogue.register_service(other.clone()).await),
        "REQUEST_ID_REUSED"
    );
    other.request_id = "s2".to_owned();
    assert_eq!(
        reason(catalogue.register_service(other.clone()).await),
        "ALREADY_EXISTS"
    );
    let listed = catalogue
        .list_services(ListServicesRequest::default())
        .await
        .unwrap();
    assert_eq!(
        listed.into_inner().services,
        [request.service.clone().unwrap()]
    );

    let mut foreign_module = other.clone();
    foreign_module.request_id = "s3".to_owned();
    foreign_module.service.as_mut().unwrap().module_aid = vec![9; 8].into();
    assert_eq!(
        reason(catalogue.register_service(foreign_module).await),
        "INVALID_ARGUMENT"
    );
    let mut no_point = other;
    no_point.request_id = "s4".to_owned();
    let not_on_the_curve = [&[4][..], &[1; 64]].concat();
    no_point.service.as_mut().unwrap().provider_public_key = not_on_the_curve.into();
    assert_eq!(
        reason(catalogue.register_service(no_point).await),
        "INVALID_ARGUMENT"
    );
}
