//! `tsm tenant …` and `tsm contract …`.

use anyhow::Context as _;
use serde::Serialize;
use tsm_proto::mno;

use crate::cli::{ContractCommand, Mode, TenantCommand, TenantKind};
use crate::client::Servers;
use crate::output::Output;

/// As it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct TenantView {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) parent: String,
    pub(crate) display_name: String,
    pub(crate) suspended: bool,
}

impl From<mno::Tenant> for TenantView {
    fn from(tenant: mno::Tenant) -> Self {
        Self {
            kind: match tenant.kind() {
                mno::TenantKind::Carrier => "carrier",
                mno::TenantKind::FullMvno => "full-mvno",
                mno::TenantKind::HostedMvno => "hosted-mvno",
                mno::TenantKind::ServiceProvider => "service-provider",
                mno::TenantKind::Unspecified => "unknown",
            },
            name: tenant.name,
            parent: tenant.parent,
            display_name: tenant.display_name,
            suspended: tenant.suspended,
        }
    }
}

impl TenantView {
    fn text(&self) -> String {
        let below = match self.parent.as_str() {
            "" => String::new(),
            parent => format!(", below {parent}"),
        };
        let suspended = if self.suspended { ", SUSPENDED" } else { "" };
        let Self {
            name,
            kind,
            display_name,
            ..
        } = self;
        format!("{name} ({display_name}): {kind}{below}{suspended}")
    }
}

/// `tsm tenant …`.
///
/// # Errors
/// When the server does not answer or refuses.
pub async fn tenant(
    servers: &Servers,
    command: TenantCommand,
    output: Output,
) -> anyhow::Result<()> {
    let mut tenants = servers.tenants()?;
    let found = match command {
        TenantCommand::Register(args) => {
            let kind = match args.kind {
                TenantKind::FullMvno => mno::TenantKind::FullMvno,
                TenantKind::HostedMvno => mno::TenantKind::HostedMvno,
                TenantKind::ServiceProvider => mno::TenantKind::ServiceProvider,
            };
            let request = mno::RegisterTenantRequest {
                name: args.name,
                kind: kind.into(),
                parent: args.parent.unwrap_or_default(),
                display_name: args.display_name.unwrap_or_default(),
            };
            tenants.register_tenant(request).await?
        }
        TenantCommand::Suspend { name } => {
            tenants
                .suspend_tenant(mno::ChangeTenantRequest { name })
                .await?
        }
        TenantCommand::Resume { name } => {
            tenants
                .resume_tenant(mno::ChangeTenantRequest { name })
                .await?
        }
        TenantCommand::Show { name } => tenants.get_tenant(mno::GetTenantRequest { name }).await?,
    };
    output.print(&TenantView::from(found.into_inner()), TenantView::text)
}

/// As it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ContractView {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) services: Vec<String>,
    pub(crate) modes: Vec<String>,
    pub(crate) valid_from: String,
    pub(crate) valid_until: Option<String>,
    pub(crate) prices: Option<PricesView>,
}

/// As they are shown.
#[derive(Debug, Serialize)]
pub(crate) struct PricesView {
    pub(crate) per_megabyte_day: u64,
    pub(crate) per_installation: u64,
    pub(crate) per_message: u64,
}

impl From<mno::Contract> for ContractView {
    fn from(contract: mno::Contract) -> Self {
        Self {
            modes: contract.modes().map(mode_name).collect(),
            provider: contract.provider,
            issuer: contract.issuer,
            services: contract.services,
            valid_from: contract.valid_from.map(moment).unwrap_or_default(),
            valid_until: contract.valid_until.map(moment),
            prices: contract.prices.map(|prices| PricesView {
                per_megabyte_day: prices.per_megabyte_day,
                per_installation: prices.per_installation,
                per_message: prices.per_message,
            }),
        }
    }
}

/// A mode as the command line has it.
#[must_use]
pub fn mode_name(mode: mno::ManagementMode) -> String {
    let name = mode.as_str_name().trim_start_matches("MANAGEMENT_MODE_");
    name.to_ascii_lowercase()
}

impl ContractView {
    fn text(&self) -> String {
        let services = match self.services.as_slice() {
            [] => "all services".to_owned(),
            some => some.join(", "),
        };
        let until = self.valid_until.as_ref();
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        let prices = self.prices.as_ref().map_or_else(String::new, |prices| {
            format!(
                "; {} per megabyte-day, {} per installation, {} per message",
                prices.per_megabyte_day, prices.per_installation, prices.per_message
            )
        });
        format!(
            "{} on the cards of {}: {services}; {} content management; from {}{until}{prices}",
            self.provider,
            self.issuer,
            self.modes.join(", "),
            self.valid_from,
        )
    }
}

/// `tsm contract …`.
///
/// # Errors
/// When the server does not answer or refuses.
pub async fn contract(
    servers: &Servers,
    command: ContractCommand,
    output: Output,
) -> anyhow::Result<()> {
    let ContractCommand::Put(args) = command;
    let modes = args.mode.iter().map(|mode| match mode {
        Mode::Simple => mno::ManagementMode::Simple,
        Mode::Delegated => mno::ManagementMode::Delegated,
        Mode::Authorised => mno::ManagementMode::Authorised,
    });
    let given = [
        args.per_megabyte_day,
        args.per_installation,
        args.per_message,
    ];
    let prices = given.iter().any(Option::is_some).then(|| mno::Prices {
        per_megabyte_day: args.per_megabyte_day.unwrap_or_default(),
        per_installation: args.per_installation.unwrap_or_default(),
        per_message: args.per_message.unwrap_or_default(),
    });
    let at = |text: &Option<String>| text.as_deref().map(parse_moment).transpose();
    let contract = mno::Contract {
        provider: args.provider,
        issuer: args.issuer.unwrap_or_default(),
        services: args.service,
        modes: modes.map(Into::into).collect(),
        valid_from: at(&args.from)?,
        valid_until: at(&args.until)?,
        prices,
    };
    let request = mno::PutContractRequest {
        contract: Some(contract),
    };
    let agreed = servers.tenants()?.put_contract(request).await?;
    output.print(&ContractView::from(agreed.into_inner()), ContractView::text)
}

/// `2026-11-24T09:00:00Z` as the wire has it.
fn parse_moment(text: &str) -> anyhow::Result<prost_types::Timestamp> {
    let at: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("{text:?} is no moment; write it like 2026-11-24T09:00:00Z"))?;
    Ok(prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    })
}

/// A moment of the wire, to the second, in UTC.
pub(crate) fn moment(at: prost_types::Timestamp) -> String {
    jiff::Timestamp::from_second(at.seconds).map_or_else(|_| "?".to_owned(), |at| at.to_string())
}
