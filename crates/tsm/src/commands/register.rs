//! `tsm dev register DIR`: tells the running servers what a folder of
//! `tsm dev init` holds: package, service, its provider with a contract, cards. Repeating it changes nothing.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tsm_proto::mno::{
    Contract, ManagementMode, PutContractRequest, RegisterPackageRequest, RegisterServiceRequest,
    RegisterTenantRequest, Service, TenantKind,
};

use crate::client::Servers;
use crate::commands::application::new_request_id;
use crate::commands::card::CardDescription;
use crate::output::Output;

/// A service as a file describes it (`service.toml`); byte strings are hex.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceDescription {
    /// Its name.
    pub name: String,
    /// Tenant that manages it.
    pub provider: String,
    /// Package of the applet.
    pub package_aid: String,
    /// Module to install.
    pub module_aid: String,
    /// Instance.
    pub instance_aid: String,
    /// Security domain of the provider.
    pub security_domain_aid: String,
    /// Memory quota of the domain.
    pub quota_bytes: u32,
    /// HPKE public key of the provider.
    pub provider_public_key: String,
}

/// What was registered.
#[derive(Debug, Serialize)]
pub struct Registered {
    package: String,
    service: String,
    cards: usize,
}

/// Package, service and every card of the folder.
///
/// # Errors
/// When a file is missing or wrong, or the server refuses.
pub async fn register(servers: &Servers, folder: &Path) -> anyhow::Result<Registered> {
    let mut catalogue = servers.catalogue()?;
    let cap_file = crate::dev::layout::cap_file(folder);
    let cap = std::fs::read(&cap_file).with_context(|| {
        format!(
            "cannot read {}; was it made by `tsm dev init`?",
            cap_file.display()
        )
    })?;
    let package = catalogue
        .register_package(RegisterPackageRequest {
            request_id: new_request_id(),
            cap_file: cap.into(),
        })
        .await?
        .into_inner();

    let service_file = crate::dev::layout::service_file(folder);
    let text = std::fs::read_to_string(&service_file)
        .with_context(|| format!("cannot read {}", service_file.display()))?;
    let service: ServiceDescription = toml::from_str(&text)
        .with_context(|| format!("{} is no service description", service_file.display()))?;
    let request = RegisterServiceRequest {
        request_id: new_request_id(),
        service: Some(service.to_message()?),
    };
    catalogue.register_service(request).await?;

    let mut tenants = servers.tenants()?;
    tenants
        .register_tenant(RegisterTenantRequest {
            name: service.provider.clone(),
            kind: TenantKind::ServiceProvider.into(),
            ..RegisterTenantRequest::default()
        })
        .await?;
    let contract = Contract {
        provider: service.provider.clone(),
        modes: vec![ManagementMode::Simple.into()],
        valid_from: Some(prost_types::Timestamp::default()),
        ..Contract::default()
    };
    tenants
        .put_contract(PutContractRequest {
            contract: Some(contract),
        })
        .await?;

    let mut uiccs = servers.uiccs()?;
    let descriptions = crate::dev::layout::card_files(folder)?;
    for file in &descriptions {
        uiccs
            .register_uicc(CardDescription::load(file)?.to_request()?)
            .await?;
    }
    Ok(Registered {
        package: hex::encode_upper(&package.aid),
        service: service.name,
        cards: descriptions.len(),
    })
}

impl ServiceDescription {
    fn to_message(&self) -> anyhow::Result<Service> {
        let hex = |name: &str, value: &str| -> anyhow::Result<_> {
            Ok(hex::decode(value)
                .with_context(|| format!("{name} is not hexadecimal"))?
                .into())
        };
        Ok(Service {
            name: self.name.clone(),
            provider: self.provider.clone(),
            package_aid: hex("package_aid", &self.package_aid)?,
            module_aid: hex("module_aid", &self.module_aid)?,
            instance_aid: hex("instance_aid", &self.instance_aid)?,
            security_domain_aid: hex("security_domain_aid", &self.security_domain_aid)?,
            quota_bytes: self.quota_bytes,
            provider_public_key: hex("provider_public_key", &self.provider_public_key)?,
            requirements: None,
        })
    }
}

impl Registered {
    /// Prints it.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(&self, output: Output) -> anyhow::Result<()> {
        output.print(self, |done| {
            format!(
                "package {}, service {} and {} card(s) are registered",
                done.package, done.service, done.cards
            )
        })
    }
}
