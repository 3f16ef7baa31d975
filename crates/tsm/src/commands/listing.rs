//! `tsm list`: every page of a list, one line an entry.

use anyhow::Context as _;
use comfy_table::{Table, presets};
use serde::Serialize;
use tsm_proto::mno::{
    ListCardProfilesRequest, ListContractsRequest, ListDeploymentsRequest, ListImportsRequest,
    ListPackagesRequest, ListServicesRequest, ListTenantsRequest, ListUiccsRequest,
};
use tsm_proto::sp::{ListApplicationsRequest, ListCredentialsRequest};

use crate::cli::Listed;
use crate::client::Servers;
use crate::commands::application::{ApplicationView, short};
use crate::commands::credential::CredentialView;
use crate::commands::profile::ProfileView;
use crate::commands::tenant::{ContractView, TenantView};
use crate::output::Output;

/// Entries asked for at once.
const PAGE: u32 = 200;

/// A table for people that is a list of objects for programs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Listing {
    #[serde(skip)]
    header: Vec<&'static str>,
    entries: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl Listing {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, values: Vec<String>) {
        let named = self.header.iter().map(|name| (*name).to_owned());
        self.entries
            .push(named.zip(values.into_iter().map(Into::into)).collect());
    }

    /// Prints it.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn print(&self, output: Output) -> anyhow::Result<()> {
        output.print(self, Self::table)
    }

    fn table(&self) -> String {
        if self.entries.is_empty() {
            return "nothing yet".to_owned();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(&self.header);
        for entry in &self.entries {
            table.add_row(self.header.iter().map(|name| {
                entry
                    .get(*name)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .to_owned()
            }));
        }
        table.to_string()
    }
}

macro_rules! pages {
    ($client:expr, $method:ident, $request:ident, $field:ident, |$entry:ident| $push:expr) => {{
        let mut client = $client;
        let mut page_token = String::new();
        loop {
            let page = client
                .$method($request {
                    page_size: PAGE,
                    page_token,
                })
                .await
                .context("cannot list")?
                .into_inner();
            for $entry in page.$field {
                $push;
            }
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
    }};
}

/// `tsm list WHAT`.
///
/// # Errors
/// When a server does not answer or refuses.
pub async fn list(servers: &Servers, what: Listed, output: Output) -> anyhow::Result<()> {
    let listing = match what {
        Listed::Applications | Listed::Credentials => provider_list(servers, what).await?,
        _ => carrier_list(servers, what).await?,
    };
    output.print(&listing, Listing::table)
}

async fn provider_list(servers: &Servers, what: Listed) -> anyhow::Result<Listing> {
    if what == Listed::Applications {
        let mut listing = Listing::new(&[
            "application",
            "iccid",
            "service",
            "state",
            "refusal",
            "credential",
        ]);
        pages!(
            servers.all_applications()?,
            list_applications,
            ListApplicationsRequest,
            applications,
            |a| {
                let view = ApplicationView::from(a);
                listing.push(vec![
                    view.application,
                    view.iccid,
                    view.service,
                    view.state.to_owned(),
                    view.refusal,
                    view.credential,
                ]);
            }
        );
        return Ok(listing);
    }
    let mut listing = Listing::new(&["credential", "iccid", "state", "card", "valid until"]);
    pages!(
        servers.all_credentials()?,
        list_credentials,
        ListCredentialsRequest,
        credentials,
        |c| {
            let view = CredentialView::from(c);
            let card = if view.card_agrees { "agrees" } else { "behind" };
            listing.push(vec![
                view.credential,
                view.iccid,
                view.state.to_owned(),
                card.to_owned(),
                view.not_after,
            ]);
        }
    );
    Ok(listing)
}

async fn carrier_list(servers: &Servers, what: Listed) -> anyhow::Result<Listing> {
    Ok(match what {
        Listed::Deployments => {
            let mut listing = Listing::new(&[
                "iccid",
                "service",
                "desired",
                "observed",
                "converged",
                "problem",
            ]);
            pages!(
                servers.deployments()?,
                list_deployments,
                ListDeploymentsRequest,
                deployments,
                |d| {
                    listing.push(vec![
                        d.iccid.clone(),
                        d.service.clone(),
                        short(d.desired().as_str_name(), "SERVICE_STATE_").to_owned(),
                        short(d.observed().as_str_name(), "SERVICE_STATE_").to_owned(),
                        d.converged.to_string(),
                        d.problem,
                    ]);
                }
            );
            listing
        }
        Listed::Profiles => {
            let header = [
                "profile",
                "GlobalPlatform",
                "i",
                "keys",
                "memory",
                "CASD",
                "certifications",
            ];
            let mut listing = Listing::new(&header);
            pages!(
                servers.profiles()?,
                list_card_profiles,
                ListCardProfilesRequest,
                profiles,
                |p| {
                    let view = ProfileView::from(p);
                    listing.push(vec![
                        view.name,
                        view.gp_version,
                        view.scp_i,
                        format!("AES-{}", view.key_bytes.saturating_mul(8)),
                        crate::output::bytes(u64::from(view.memory_bytes)),
                        view.casd.to_string(),
                        view.certifications.join(", "),
                    ]);
                }
            );
            listing
        }
        Listed::Imports => {
            let header = ["import", "rows", "new", "were there", "refused", "complete"];
            let mut listing = Listing::new(&header);
            pages!(
                servers.imports()?,
                list_imports,
                ListImportsRequest,
                imports,
                |i| {
                    listing.push(vec![
                        i.name,
                        i.next_row.saturating_sub(1).to_string(),
                        i.accepted.to_string(),
                        i.present.to_string(),
                        i.refused.to_string(),
                        i.done.to_string(),
                    ]);
                }
            );
            listing
        }
        Listed::Packages => {
            let mut listing = Listing::new(&["package", "version", "load file", "sha256"]);
            pages!(
                servers.catalogue()?,
                list_packages,
                ListPackagesRequest,
                packages,
                |p| {
                    listing.push(vec![
                        hex::encode_upper(&p.aid),
                        format!("{}.{}", p.version_major, p.version_minor),
                        crate::output::bytes(u64::from(p.load_file_bytes)),
                        hex::encode(&p.load_file_sha256),
                    ]);
                }
            );
            listing
        }
        Listed::Services => {
            let mut listing = Listing::new(&[
                "service", "provider", "package", "instance", "domain", "quota",
            ]);
            pages!(
                servers.catalogue()?,
                list_services,
                ListServicesRequest,
                services,
                |s| {
                    listing.push(vec![
                        s.name,
                        s.provider,
                        hex::encode_upper(&s.package_aid),
                        hex::encode_upper(&s.instance_aid),
                        hex::encode_upper(&s.security_domain_aid),
                        crate::output::bytes(u64::from(s.quota_bytes)),
                    ]);
                }
            );
            listing
        }
        Listed::Tenants => {
            let mut listing = Listing::new(&["tenant", "kind", "below", "name", "suspended"]);
            pages!(
                servers.tenants()?,
                list_tenants,
                ListTenantsRequest,
                tenants,
                |t| {
                    let view = TenantView::from(t);
                    listing.push(vec![
                        view.name,
                        view.kind.to_owned(),
                        view.parent,
                        view.display_name,
                        view.suspended.to_string(),
                    ]);
                }
            );
            listing
        }
        Listed::Contracts => {
            let header = ["provider", "issuer", "services", "modes", "from", "until"];
            let mut listing = Listing::new(&header);
            pages!(
                servers.tenants()?,
                list_contracts,
                ListContractsRequest,
                contracts,
                |c| {
                    let view = ContractView::from(c);
                    listing.push(vec![
                        view.provider,
                        view.issuer,
                        view.services.join(" "),
                        view.modes.join(" "),
                        view.valid_from,
                        view.valid_until.unwrap_or_default(),
                    ]);
                }
            );
            listing
        }
        _ => {
            let mut listing = Listing::new(&["iccid", "tenant", "memory", "attached", "in doubt"]);
            pages!(servers.uiccs()?, list_uiccs, ListUiccsRequest, uiccs, |u| {
                listing.push(vec![
                    u.iccid,
                    u.tenant,
                    crate::output::bytes(u64::from(u.memory_bytes)),
                    u.attached.to_string(),
                    u.in_doubt.to_string(),
                ]);
            });
            listing
        }
    })
}
