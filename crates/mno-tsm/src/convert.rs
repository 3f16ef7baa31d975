//! Records of the domain as messages of `proto/tsm/mno/v1`, and requests as
//! records. Conversions in refuse what is missing or malformed.

pub(crate) mod fleet;
pub(crate) mod ledger;
pub(crate) mod tenancy;

use globalplatform::aid::Aid;
use tonic::Status;
use tsm_core::card::catalogue::{Package, ServiceDefinition};
use tsm_core::card::content::{CardContent, ContentEntry, EntryKind};
use tsm_core::card::deployment::{Deployment, KeySetup, ServiceState};
use tsm_core::card::uicc::{IssuerKeys, Uicc};
use tsm_core::identity::Tenant;
use tsm_core::ports::{Eligibility, MissingRequirement};
use tsm_proto::mno;
use tsm_proto::mno::registry_entry::Kind;
use tsm_proto::types;
use tsm_server::convert::{field, iccid, number, service_name, tenant, timestamp};
use tsm_server::status::invalid_field;

/// Length of an uncompressed P-256 point.
const POINT: usize = 65;

fn aid(name: &str, bytes: &[u8]) -> Result<Aid, Status> {
    field(name, Aid::new(bytes))
}

fn aid_out(aid: &Aid) -> bytes::Bytes {
    aid.as_bytes().to_vec().into()
}

/// A card as its maker delivered it, and the last sequence counter it spent.
pub(crate) fn delivered_uicc(
    request: &mno::RegisterUiccRequest,
    issuer: &Tenant,
) -> Result<(Uicc, u32), Status> {
    let kdd = request.key_diversification_data.as_ref();
    let key_version: u8 = number("key_version", request.key_version)?;
    if !(0x01..=0x7F).contains(&key_version) {
        return Err(invalid_field("key_version", "must be 1 to 127"));
    }
    if request.sequence_counter > 0x00FF_FFFF {
        return Err(invalid_field("sequence_counter", "has three bytes"));
    }
    let uicc = Uicc {
        iccid: iccid(&request.iccid)?,
        tenant: match request.tenant.as_str() {
            "" => issuer.clone(),
            name => tenant("tenant", name)?,
        },
        issuer: issuer.clone(),
        isd_aid: aid("isd_aid", &request.isd_aid)?,
        isd_key_version: key_version,
        scp_i: number("scp_i", request.scp_i)?,
        keys: IssuerKeys::Diversified(
            kdd.try_into()
                .map_err(|_| invalid_field("key_diversification_data", "must have 10 bytes"))?,
        ),
        memory_bytes: request.memory_bytes,
        profile: None,
        eid: None,
        content: None,
    };
    Ok((uicc, request.sequence_counter))
}

/// A card for an operator.
pub(crate) fn uicc(uicc: &Uicc, attached: bool, in_doubt: bool) -> mno::Uicc {
    let (profile, eid) = fleet::delivered(uicc);
    mno::Uicc {
        profile,
        eid,
        iccid: uicc.iccid.to_string(),
        tenant: uicc.tenant.to_string(),
        isd_aid: aid_out(&uicc.isd_aid),
        memory_bytes: uicc.memory_bytes,
        attached,
        content: uicc.content.as_ref().map(content),
        in_doubt,
    }
}

fn content(content: &CardContent) -> mno::CardContent {
    mno::CardContent {
        read_at: Some(timestamp(content.read_at)),
        card_life_cycle: content.card_life_cycle.into(),
        free_memory_bytes: content.free_memory,
        entries: content.entries.iter().map(entry).collect(),
    }
}

fn entry(entry: &ContentEntry) -> mno::RegistryEntry {
    let kind = match entry.kind {
        EntryKind::SecurityDomain => Kind::SecurityDomain,
        EntryKind::LoadFile => Kind::LoadFile,
        EntryKind::Applet => Kind::Applet,
        _ => Kind::Unspecified,
    };
    let optional = |aid: &Option<Aid>| aid.as_ref().map(aid_out).unwrap_or_default();
    mno::RegistryEntry {
        kind: kind.into(),
        aid: aid_out(&entry.aid),
        life_cycle: entry.life_cycle.into(),
        privileges: entry
            .privileges
            .map(|p| p.to_bytes().to_vec().into())
            .unwrap_or_default(),
        load_file_aid: optional(&entry.load_file),
        security_domain_aid: optional(&entry.security_domain),
    }
}

/// A package of the catalogue.
pub(crate) fn package(package: &Package) -> mno::Package {
    let (major, minor) = package.version;
    mno::Package {
        aid: aid_out(&package.aid),
        version_major: major.into(),
        version_minor: minor.into(),
        applet_aids: package.applets.iter().map(aid_out).collect(),
        load_file_sha256: package.sha256.to_vec().into(),
        load_file_bytes: package.length,
        imports: package
            .imports
            .iter()
            .map(|(aid, (major, minor))| mno::ImportedPackage {
                aid: aid_out(aid),
                version_major: (*major).into(),
                version_minor: (*minor).into(),
            })
            .collect(),
    }
}

/// A service as an operator defines it.
pub(crate) fn service_definition(
    service: Option<mno::Service>,
) -> Result<ServiceDefinition, Status> {
    let service = service.ok_or_else(|| invalid_field("service", "is missing"))?;
    let key = service.provider_public_key;
    if key.len() != POINT || key.first() != Some(&0x04) {
        let problem = "must be an uncompressed P-256 point of 65 bytes";
        return Err(invalid_field("service.provider_public_key", problem));
    }
    let definition = ServiceDefinition {
        name: service_name(&service.name)?,
        provider: tenant("service.provider", &service.provider)?,
        package: aid("service.package_aid", &service.package_aid)?,
        module: aid("service.module_aid", &service.module_aid)?,
        instance: aid("service.instance_aid", &service.instance_aid)?,
        security_domain: aid("service.security_domain_aid", &service.security_domain_aid)?,
        quota: service.quota_bytes,
        provider_public_key: key.into(),
        requirements: fleet::new_requirements(service.requirements)?,
    };
    if definition.security_domain == definition.instance
        || definition.security_domain == definition.package
    {
        let problem = "must differ from the AIDs of package and instance";
        return Err(invalid_field("service.security_domain_aid", problem));
    }
    Ok(definition)
}

/// A service of the catalogue.
pub(crate) fn service(service: &ServiceDefinition) -> mno::Service {
    mno::Service {
        name: service.name.to_string(),
        provider: service.provider.to_string(),
        package_aid: aid_out(&service.package),
        module_aid: aid_out(&service.module),
        instance_aid: aid_out(&service.instance),
        security_domain_aid: aid_out(&service.security_domain),
        quota_bytes: service.quota,
        provider_public_key: service.provider_public_key.clone().into(),
        requirements: fleet::requirements(&service.requirements),
    }
}

/// The answer to an eligibility check.
pub(crate) fn eligibility(eligibility: Eligibility) -> mno::CheckEligibilityResponse {
    let missing = |requirement: MissingRequirement| mno::MissingRequirement {
        reason: requirement.reason,
        detail: requirement.detail,
    };
    mno::CheckEligibilityResponse {
        eligible: eligibility.missing.is_empty(),
        missing: eligibility.missing.into_iter().map(missing).collect(),
        exchanges: eligibility.exchanges,
    }
}

fn state(state: ServiceState) -> mno::ServiceState {
    match state {
        ServiceState::Absent => mno::ServiceState::Absent,
        ServiceState::Installed => mno::ServiceState::Installed,
        ServiceState::Active => mno::ServiceState::Active,
        ServiceState::Suspended => mno::ServiceState::Suspended,
        _ => mno::ServiceState::Unspecified,
    }
}

/// A service on a card. The hand-over is for the provider alone.
pub(crate) fn deployment(
    deployment: &Deployment,
    definition: &ServiceDefinition,
    scp_i: u8,
    exchanges: u32,
    for_provider: bool,
) -> mno::Deployment {
    let handover = deployment.handover.as_ref().filter(|_| for_provider);
    let key_setup = match deployment.key_setup {
        KeySetup::CarrierTrusted => types::KeySetup::CarrierTrusted,
        _ => types::KeySetup::Unspecified,
    };
    mno::Deployment {
        iccid: deployment.iccid.to_string(),
        service: deployment.service.to_string(),
        desired: state(deployment.desired).into(),
        observed: deployment
            .observed
            .map_or(mno::ServiceState::Unspecified, state)
            .into(),
        converged: deployment.converged(),
        problem: deployment.problem.clone().unwrap_or_default(),
        handover: handover.map(|handover| mno::KeyHandover {
            key_version: handover.key_version.into(),
            encapsulated_key: handover.encapsulated_key.clone().into(),
            ciphertext: handover.ciphertext.clone().into(),
        }),
        key_setup: key_setup.into(),
        exchanges,
        updated_at: Some(timestamp(deployment.updated_at)),
        security_domain_aid: aid_out(&definition.security_domain),
        instance_aid: aid_out(&definition.instance),
        scp_i: scp_i.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> mno::RegisterUiccRequest {
        mno::RegisterUiccRequest {
            iccid: "8981100000000000001".to_owned(),
            isd_aid: vec![0xA0, 0, 0, 1, 0x51, 0, 0, 0].into(),
            key_version: 0x30,
            scp_i: 0x70,
            key_diversification_data: vec![7; 10].into(),
            sequence_counter: 3,
            memory_bytes: 65_536,
            tenant: String::new(),
        }
    }

    fn carrier() -> Tenant {
        Tenant::new("carrier").unwrap()
    }

    #[test]
    fn a_card_belongs_to_the_carrier_unless_said_otherwise() {
        let (uicc, counter) = delivered_uicc(&request(), &carrier()).unwrap();
        assert_eq!((uicc.tenant, counter), (carrier(), 3));
        let hosted = mno::RegisterUiccRequest {
            tenant: "mvno".to_owned(),
            ..request()
        };
        let (uicc, _) = delivered_uicc(&hosted, &carrier()).unwrap();
        assert_eq!(uicc.tenant.as_str(), "mvno");
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let wrong = [
            (
                "iccid",
                mno::RegisterUiccRequest {
                    iccid: "1".to_owned(),
                    ..request()
                },
            ),
            (
                "isd_aid",
                mno::RegisterUiccRequest {
                    isd_aid: vec![1].into(),
                    ..request()
                },
            ),
            (
                "key_version",
                mno::RegisterUiccRequest {
                    key_version: 0x80,
                    ..request()
                },
            ),
            (
                "scp_i",
                mno::RegisterUiccRequest {
                    scp_i: 0x170,
                    ..request()
                },
            ),
            (
                "key_diversification_data",
                mno::RegisterUiccRequest {
                    key_diversification_data: vec![7; 9].into(),
                    ..request()
                },
            ),
            (
                "sequence_counter",
                mno::RegisterUiccRequest {
                    sequence_counter: 1 << 24,
                    ..request()
                },
            ),
        ];
        for (name, request) in wrong {
            let status = delivered_uicc(&request, &carrier()).unwrap_err();
            assert!(
                status.message().starts_with(name),
                "{name}: {}",
                status.message()
            );
        }
    }

    fn service_message() -> mno::Service {
        mno::Service {
            name: "jpki".to_owned(),
            provider: "jlis".to_owned(),
            package_aid: vec![1; 9].into(),
            module_aid: vec![2; 10].into(),
            instance_aid: vec![2; 10].into(),
            security_domain_aid: vec![3; 11].into(),
            quota_bytes: 20_000,
            provider_public_key: [&[0x04][..], &[9; 64]].concat().into(),
            requirements: Some(mno::ServiceRequirements {
                gp_version: "2.3".to_owned(),
                casd: true,
                ..Default::default()
            }),
        }
    }

    #[test]
    fn services_come_back() {
        let definition = service_definition(Some(service_message())).unwrap();
        assert_eq!(service(&definition), service_message());
    }

    #[test]
    fn refuses_a_service_without_a_key_or_with_one_name_for_two_things() {
        assert!(service_definition(None).is_err());
        let keyless = mno::Service {
            provider_public_key: vec![4; 64].into(),
            ..service_message()
        };
        assert!(service_definition(Some(keyless)).is_err());
        let same = mno::Service {
            security_domain_aid: vec![2; 10].into(),
            ..service_message()
        };
        assert!(service_definition(Some(same)).is_err());
    }

    #[test]
    fn the_handover_is_for_the_provider_alone() {
        let definition = service_definition(Some(service_message())).unwrap();
        let record = Deployment {
            iccid: iccid("8981100000000000001").unwrap(),
            service: definition.name.clone(),
            provider: definition.provider.clone(),
            desired: ServiceState::Installed,
            is_stale: false,
            observed: Some(ServiceState::Installed),
            problem: None,
            handover: Some(tsm_core::card::deployment::KeyHandover {
                key_version: 0x30,
                encapsulated_key: vec![4; 65],
                ciphertext: vec![5; 64],
            }),
            key_setup: KeySetup::CarrierTrusted,
            updated_at: tsm_core::time::Timestamp(1),
        };
        assert!(
            deployment(&record, &definition, 0x70, 2, true)
                .handover
                .is_some()
        );
        let shown = deployment(&record, &definition, 0x70, 2, false);
        assert!(shown.handover.is_none());
        assert!(shown.converged);
    }
}
