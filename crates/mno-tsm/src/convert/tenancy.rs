//! Tenants and contracts.

use tonic::Status;
use tsm_core::identity::{ServiceName, Tenant};
use tsm_core::tenancy::{Contract, ManagementMode, TenantKind, TenantRecord};
use tsm_core::time::Timestamp;
use tsm_proto::mno;
use tsm_server::convert::{field, moment, tenant as tenant_name, timestamp};
use tsm_server::status::invalid_field;

/// Most bytes of a name for people.
const MAX_DISPLAY_NAME: usize = 200;
/// Most services that a contract names.
const MAX_SERVICES: usize = 32;

/// The tenant that shall be registered; it stands below `own` unless the request says otherwise.
pub(crate) fn new_tenant(
    request: mno::RegisterTenantRequest,
    own: &Tenant,
    now: Timestamp,
) -> Result<TenantRecord, Status> {
    let name = tenant_name("name", &request.name)?;
    let kind = match request.kind() {
        mno::TenantKind::FullMvno => TenantKind::FullMvno,
        mno::TenantKind::HostedMvno => TenantKind::HostedMvno,
        mno::TenantKind::ServiceProvider => TenantKind::ServiceProvider,
        mno::TenantKind::Carrier | mno::TenantKind::Unspecified => {
            let problem = "must be FULL_MVNO, HOSTED_MVNO or SERVICE_PROVIDER";
            return Err(invalid_field("kind", problem));
        }
    };
    let parent = match request.parent.as_str() {
        "" => own.clone(),
        parent => tenant_name("parent", parent)?,
    };
    let display_name = match request.display_name.trim() {
        "" => name.to_string(),
        text if text.len() > MAX_DISPLAY_NAME || text.chars().any(char::is_control) => {
            let problem = "must be at most 200 bytes without control characters";
            return Err(invalid_field("display_name", problem));
        }
        text => text.to_owned(),
    };
    Ok(TenantRecord {
        name,
        kind,
        parent: Some(parent),
        display_name,
        is_suspended: false,
        registered_at: now,
    })
}

/// A tenant.
pub(crate) fn tenant(record: &TenantRecord) -> mno::Tenant {
    let kind = match record.kind {
        TenantKind::Carrier => mno::TenantKind::Carrier,
        TenantKind::FullMvno => mno::TenantKind::FullMvno,
        TenantKind::HostedMvno => mno::TenantKind::HostedMvno,
        TenantKind::ServiceProvider => mno::TenantKind::ServiceProvider,
        _ => mno::TenantKind::Unspecified,
    };
    mno::Tenant {
        name: record.name.to_string(),
        kind: kind.into(),
        parent: record
            .parent
            .as_ref()
            .map(Tenant::to_string)
            .unwrap_or_default(),
        display_name: record.display_name.clone(),
        suspended: record.is_suspended,
        registered_at: Some(timestamp(record.registered_at)),
    }
}

/// A contract; its issuer is `own` unless the request says otherwise, and it begins `now` then.
pub(crate) fn new_contract(
    request: Option<mno::Contract>,
    own: &Tenant,
    now: Timestamp,
) -> Result<Contract, Status> {
    let request = request.ok_or_else(|| invalid_field("contract", "is missing"))?;
    if request.services.len() > MAX_SERVICES {
        return Err(invalid_field(
            "contract.services",
            "has more than 32 services",
        ));
    }
    let mut services = Vec::with_capacity(request.services.len());
    for name in &request.services {
        services.push(field("contract.services", ServiceName::new(name))?);
    }
    services.sort();
    services.dedup();
    let mut modes: Vec<_> = request.modes().map(mode).collect::<Result<_, _>>()?;
    modes.sort();
    modes.dedup();
    if modes.is_empty() {
        return Err(invalid_field(
            "contract.modes",
            "must name at least one mode",
        ));
    }
    let valid_from = match request.valid_from {
        None => now,
        from => moment("contract.valid_from", from)?,
    };
    let valid_until = match request.valid_until {
        None => None,
        until => Some(moment("contract.valid_until", until)?),
    };
    if valid_until.is_some_and(|until| until <= valid_from) {
        let problem = "must be after valid_from";
        return Err(invalid_field("contract.valid_until", problem));
    }
    Ok(Contract {
        provider: tenant_name("contract.provider", &request.provider)?,
        issuer: match request.issuer.as_str() {
            "" => own.clone(),
            issuer => tenant_name("contract.issuer", issuer)?,
        },
        services,
        modes,
        valid_from,
        valid_until,
    })
}

fn mode(mode: mno::ManagementMode) -> Result<ManagementMode, Status> {
    match mode {
        mno::ManagementMode::Simple => Ok(ManagementMode::Simple),
        mno::ManagementMode::Delegated => Ok(ManagementMode::Delegated),
        mno::ManagementMode::Authorised => Ok(ManagementMode::Authorised),
        mno::ManagementMode::Unspecified => {
            let problem = "must be SIMPLE, DELEGATED or AUTHORISED";
            Err(invalid_field("contract.modes", problem))
        }
    }
}

/// A contract, without its prices.
pub(crate) fn contract(contract: &Contract) -> mno::Contract {
    let mode = |mode: &ManagementMode| match mode {
        ManagementMode::Simple => mno::ManagementMode::Simple,
        ManagementMode::Delegated => mno::ManagementMode::Delegated,
        ManagementMode::Authorised => mno::ManagementMode::Authorised,
        _ => mno::ManagementMode::Unspecified,
    };
    mno::Contract {
        provider: contract.provider.to_string(),
        issuer: contract.issuer.to_string(),
        services: contract
            .services
            .iter()
            .map(ServiceName::to_string)
            .collect(),
        modes: contract.modes.iter().map(|m| mode(m).into()).collect(),
        valid_from: Some(timestamp(contract.valid_from)),
        valid_until: contract.valid_until.map(timestamp),
        prices: None,
    }
}

/// What the audit log says of a contract.
pub(crate) fn summary(contract: &Contract) -> String {
    let services: Vec<_> = contract.services.iter().map(ServiceName::as_str).collect();
    let modes: Vec<_> = contract.modes.iter().map(|mode| mode.as_str()).collect();
    let services = if services.is_empty() {
        "all services".to_owned()
    } else {
        services.join(", ")
    };
    let until = contract
        .valid_until
        .map_or_else(String::new, |until| format!(" until {}", until.0));
    format!(
        "agree on {services}, {}, from {}{until}",
        modes.join(", "),
        contract.valid_from.0
    )
}
