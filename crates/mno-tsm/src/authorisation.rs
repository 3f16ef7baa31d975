//! Who may call what, and whose objects it reaches: one function, deny by default.
//!
//! | Method | admin | operator | approver | auditor | support | service provider | device |
//! |---|---|---|---|---|---|---|---|
//! | change tenants | issuers | | | | | | |
//! | change contracts | issuers | | | | | | |
//! | read tenants, contracts | all | all | all | all | all | all | |
//! | `RegisterUicc` | | issuers | | | | | |
//! | change card profiles, import cards | | issuers | | | | | |
//! | read card profiles | | operators | operators | operators | operators | | |
//! | read imports | | issuers | | issuers | | | |
//! | record card events | | operators | | | | | |
//! | read subscriptions, card events | | operators | | operators | operators | | |
//! | `GetUicc`, `FindUicc`, `ListUiccs` | | operators | | operators | operators | | |
//! | `AuditUicc` | | operators | | | | | |
//! | change catalogue | | carrier | | | | | |
//! | read catalogue | | carrier | carrier | carrier | | | |
//! | `CheckEligibility`, changes of a service | | | | | | all | |
//! | read deployments | | operators | | operators | operators | all | |
//! | leases and relay | | | | | | all | |
//! | `Attach` | | | | | | | operators |
//! | read audit log, receipts | | all | | all | all | all | |
//! | read ledger | all | all | | all | | all | |
//!
//! *Issuers* are the carrier and full MVNOs, *operators* everyone with subscribers, *carrier* the
//! carrier alone. What is reached:
//!
//! - cards and what is on them: those of the own subscribers; for an issuer also those of the
//!   MVNOs that it hosts, for these are its SIMs. The cards of a full MVNO are its own affair.
//! - services and their deployments, for a service provider: its own.
//! - steps in the audit log and receipts: those of the tenants above; who has no subscribers, its own.
//! - ledger: the accounts to which the caller's tenant is a party.
//! - tenants: itself, and for an issuer those below it. Contracts: where the caller's tenant is
//!   one of the two parties.
//!
//! A tenant that is suspended, stands below one that is, or is not registered, may nothing.
//! Every refusal is recorded in the audit log.

use std::collections::BTreeSet;

use tsm_core::error::Reason;
use tsm_core::identity::{Caller, Role, Tenant};
use tsm_core::tenancy::{Tenancy, TenantKind};

/// Every method of this server, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `TenantService.RegisterTenant` and `SuspendTenant`, `ResumeTenant`
    ChangeTenants,
    /// `TenantService.PutContract`
    ChangeContracts,
    /// `TenantService.GetTenant`, `ListTenants` and `ListContracts`
    ReadTenants,
    /// `UiccService.RegisterUicc`
    RegisterUicc,
    /// `CardProfileService.PutCardProfile`
    ChangeProfiles,
    /// `CardProfileService.GetCardProfile` and `ListCardProfiles`
    ReadProfiles,
    /// `ImportService.ImportCards`
    ImportCards,
    /// `ImportService.GetImport`, `ListImports` and `ListRefusedRows`
    ReadImports,
    /// `SubscriptionService.RecordCardEvent`
    ChangeSubscriptions,
    /// `SubscriptionService.GetSubscription` and `ListCardEvents`
    ReadSubscriptions,
    /// `UiccService.GetUicc`, `FindUicc` and `ListUiccs`
    ReadUiccs,
    /// `UiccService.AuditUicc`
    AuditUicc,
    /// `CatalogueService.RegisterPackage` and `RegisterService`
    ChangeCatalogue,
    /// `CatalogueService.ListPackages` and `ListServices`
    ReadCatalogue,
    /// `ServiceManagement.CheckEligibility`
    CheckEligibility,
    /// `ServiceManagement.DeployService` to `TerminateService`
    ChangeService,
    /// `ServiceManagement.GetDeployment` and `ListDeployments`
    ReadDeployments,
    /// `CardChannel`
    UseChannel,
    /// `CardGateway.Attach`
    Attach,
    /// `AuditService`, without `GetSigningKey`, which everybody may call
    ReadAudit,
    /// `LedgerService`
    ReadLedger,
}

/// Which kinds of tenants a line of the table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Carrier,
    Issuers,
    Operators,
    Providers,
    All,
}

impl Who {
    const fn includes(self, kind: TenantKind) -> bool {
        match self {
            Self::Carrier => matches!(kind, TenantKind::Carrier),
            Self::Issuers => kind.issues_cards(),
            Self::Operators => kind.has_subscribers(),
            Self::Providers => matches!(kind, TenantKind::ServiceProvider),
            Self::All => true,
        }
    }
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::ChangeTenants,
        Self::ChangeContracts,
        Self::ReadTenants,
        Self::RegisterUicc,
        Self::ChangeProfiles,
        Self::ReadProfiles,
        Self::ImportCards,
        Self::ReadImports,
        Self::ChangeSubscriptions,
        Self::ReadSubscriptions,
        Self::ReadUiccs,
        Self::AuditUicc,
        Self::ChangeCatalogue,
        Self::ReadCatalogue,
        Self::CheckEligibility,
        Self::ChangeService,
        Self::ReadDeployments,
        Self::UseChannel,
        Self::Attach,
        Self::ReadAudit,
        Self::ReadLedger,
    ];

    /// As the audit log names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangeTenants => "change tenants",
            Self::ChangeContracts => "change contracts",
            Self::ReadTenants => "read tenants",
            Self::RegisterUicc => "register card",
            Self::ChangeProfiles => "change card profiles",
            Self::ReadProfiles => "read card profiles",
            Self::ImportCards => "import cards",
            Self::ReadImports => "read imports",
            Self::ChangeSubscriptions => "record card event",
            Self::ReadSubscriptions => "read subscriptions",
            Self::ReadUiccs => "read cards",
            Self::AuditUicc => "audit card",
            Self::ChangeCatalogue => "change catalogue",
            Self::ReadCatalogue => "read catalogue",
            Self::CheckEligibility => "check eligibility",
            Self::ChangeService => "change service",
            Self::ReadDeployments => "read deployments",
            Self::UseChannel => "use card channel",
            Self::Attach => "attach card",
            Self::ReadAudit => "read audit log",
            Self::ReadLedger => "read ledger",
        }
    }

    /// The line of the table.
    const fn line(self) -> &'static [(Role, Who)] {
        use Role::{Admin, Approver, Auditor, Device, Operator, ServiceProvider, Support};
        match self {
            Self::ChangeTenants | Self::ChangeContracts => &[(Admin, Who::Issuers)],
            Self::ReadTenants => &[
                (Admin, Who::All),
                (Operator, Who::All),
                (Approver, Who::All),
                (Auditor, Who::All),
                (Support, Who::All),
                (ServiceProvider, Who::Providers),
            ],
            Self::RegisterUicc | Self::ChangeProfiles | Self::ImportCards => {
                &[(Operator, Who::Issuers)]
            }
            Self::ReadImports => &[(Operator, Who::Issuers), (Auditor, Who::Issuers)],
            Self::ChangeSubscriptions => &[(Operator, Who::Operators)],
            Self::ReadProfiles => &[
                (Operator, Who::Operators),
                (Approver, Who::Operators),
                (Auditor, Who::Operators),
                (Support, Who::Operators),
            ],
            Self::ReadUiccs | Self::ReadSubscriptions => &[
                (Operator, Who::Operators),
                (Auditor, Who::Operators),
                (Support, Who::Operators),
            ],
            Self::AuditUicc => &[(Operator, Who::Operators)],
            Self::ChangeCatalogue => &[(Operator, Who::Carrier)],
            Self::ReadCatalogue => &[
                (Operator, Who::Carrier),
                (Approver, Who::Carrier),
                (Auditor, Who::Carrier),
            ],
            Self::CheckEligibility | Self::ChangeService | Self::UseChannel => {
                &[(ServiceProvider, Who::Providers)]
            }
            Self::ReadDeployments => &[
                (Operator, Who::Operators),
                (Auditor, Who::Operators),
                (Support, Who::Operators),
                (ServiceProvider, Who::Providers),
            ],
            Self::Attach => &[(Device, Who::Operators)],
            Self::ReadAudit => &[
                (Operator, Who::All),
                (Auditor, Who::All),
                (Support, Who::All),
                (ServiceProvider, Who::Providers),
            ],
            Self::ReadLedger => &[
                (Admin, Who::All),
                (Operator, Who::All),
                (Auditor, Who::All),
                (ServiceProvider, Who::Providers),
            ],
        }
    }
}

/// Whose objects a caller reaches with a method that it may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The caller has services on the cards of others.
    pub is_provider: bool,
    tenants: BTreeSet<Tenant>,
}

impl Reach {
    /// Whether an object that belongs to `owner` is within reach.
    #[must_use]
    pub fn covers(&self, owner: &Tenant) -> bool {
        self.tenants.contains(owner)
    }

    /// Whose objects are within reach.
    #[must_use]
    pub fn into_tenants(self) -> BTreeSet<Tenant> {
        self.tenants
    }

    /// The tenants within reach.
    #[must_use]
    pub const fn tenants(&self) -> &BTreeSet<Tenant> {
        &self.tenants
    }
}

/// Whether `caller` may call `method`, and whose objects it reaches: the table of this module.
///
/// # Errors
/// [`Reason::PermissionDenied`] when no tenant may with this role, [`Reason::TenantForbidden`]
/// when others may, but not this tenant, [`Reason::TenantSuspended`] when it might otherwise.
pub fn authorise(tenancy: &Tenancy, caller: &Caller, method: Method) -> Result<Reach, Reason> {
    let line = method.line().iter();
    let Some((_, who)) = line.clone().find(|(role, _)| *role == caller.role) else {
        return Err(Reason::PermissionDenied);
    };
    let Some(tenant) = tenancy.find(&caller.tenant) else {
        return Err(Reason::TenantForbidden);
    };
    if !who.includes(tenant.kind) {
        return Err(Reason::TenantForbidden);
    }
    if !tenancy.is_active(&tenant.name) {
        return Err(Reason::TenantSuspended);
    }
    let tenants = match method {
        Method::ChangeTenants | Method::ReadTenants => tenancy.below(&tenant.name),
        Method::ChangeContracts | Method::ReadLedger => BTreeSet::from([tenant.name.clone()]),
        _ => tenancy.on_cards_of(&tenant.name),
    };
    Ok(Reach {
        is_provider: tenant.kind == TenantKind::ServiceProvider,
        tenants,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsm_core::tenancy::TenantRecord;
    use tsm_core::time::Timestamp;

    fn name(text: &str) -> Tenant {
        Tenant::new(text).unwrap()
    }

    fn tenancy(suspended: &[&str]) -> Tenancy {
        use TenantKind::{Carrier, FullMvno, HostedMvno, ServiceProvider};
        let tenant = |text: &str, kind, parent: Option<&str>| TenantRecord {
            name: name(text),
            kind,
            parent: parent.map(name),
            display_name: text.to_owned(),
            is_suspended: suspended.contains(&text),
            registered_at: Timestamp(0),
        };
        let mut tenancy = Tenancy::new(tenant("carrier", Carrier, None)).unwrap();
        for (text, kind, parent) in [
            ("full", FullMvno, "carrier"),
            ("hosted", HostedMvno, "carrier"),
            ("guest", HostedMvno, "full"),
            ("j-lis", ServiceProvider, "carrier"),
        ] {
            tenancy.insert(tenant(text, kind, Some(parent))).unwrap();
        }
        tenancy
    }

    fn caller(text: &str, role: Role) -> Caller {
        Caller::machine(name(text), role)
    }

    /// Everything that is allowed; the table of the module, once more, by caller.
    fn allowed(text: &str, role: Role) -> Vec<Method> {
        use Method::*;
        let mut allowed = match (text, role) {
            ("carrier" | "full", Role::Admin) => vec![ChangeTenants, ChangeContracts],
            ("carrier", Role::Operator) => vec![
                RegisterUicc,
                ChangeProfiles,
                ReadProfiles,
                ImportCards,
                ReadImports,
                ChangeSubscriptions,
                ReadSubscriptions,
                ReadUiccs,
                AuditUicc,
                ChangeCatalogue,
                ReadCatalogue,
                ReadDeployments,
            ],
            ("full", Role::Operator) => vec![
                RegisterUicc,
                ChangeProfiles,
                ReadProfiles,
                ImportCards,
                ReadImports,
                ChangeSubscriptions,
                ReadSubscriptions,
                ReadUiccs,
                AuditUicc,
                ReadDeployments,
            ],
            ("hosted" | "guest", Role::Operator) => vec![
                ReadProfiles,
                ChangeSubscriptions,
                ReadSubscriptions,
                ReadUiccs,
                AuditUicc,
                ReadDeployments,
            ],
            ("carrier", Role::Approver) => vec![ReadCatalogue, ReadProfiles],
            ("full" | "hosted" | "guest", Role::Approver) => vec![ReadProfiles],
            ("carrier", Role::Auditor) => vec![
                ReadUiccs,
                ReadProfiles,
                ReadImports,
                ReadSubscriptions,
                ReadDeployments,
                ReadCatalogue,
            ],
            ("full", Role::Auditor) => vec![
                ReadUiccs,
                ReadProfiles,
                ReadImports,
                ReadSubscriptions,
                ReadDeployments,
            ],
            ("hosted" | "guest", Role::Auditor) => {
                vec![ReadUiccs, ReadProfiles, ReadSubscriptions, ReadDeployments]
            }
            ("carrier" | "full" | "hosted" | "guest", Role::Support) => {
                vec![ReadUiccs, ReadProfiles, ReadSubscriptions, ReadDeployments]
            }
            ("carrier" | "full" | "hosted" | "guest", Role::Device) => vec![Attach],
            ("j-lis", Role::ServiceProvider) => {
                vec![
                    CheckEligibility,
                    ChangeService,
                    ReadDeployments,
                    UseChannel,
                    ReadTenants,
                    ReadAudit,
                    ReadLedger,
                ]
            }
            _ => Vec::new(),
        };
        let is_person = matches!(
            role,
            Role::Admin | Role::Operator | Role::Approver | Role::Auditor | Role::Support
        );
        if is_person && text != "stranger" {
            allowed.push(ReadTenants);
            if matches!(role, Role::Operator | Role::Auditor | Role::Support) {
                allowed.push(ReadAudit);
            }
            if matches!(role, Role::Operator | Role::Auditor | Role::Admin) {
                allowed.push(ReadLedger);
            }
        }
        allowed
    }

    #[test]
    fn allows_what_the_table_says_and_nothing_else() {
        for text in ["carrier", "full", "hosted", "guest", "j-lis", "stranger"] {
            for role in Role::ALL {
                let allowed = allowed(text, role);
                for method in Method::ALL {
                    let found = authorise(&tenancy(&[]), &caller(text, role), method);
                    let context = format!("{text}/{} {method:?}: {found:?}", role.as_str());
                    assert_eq!(found.is_ok(), allowed.contains(&method), "{context}");
                }
            }
        }
    }

    #[test]
    fn tells_a_wrong_tenant_from_a_wrong_role() {
        let refused =
            |text, role, method| authorise(&tenancy(&[]), &caller(text, role), method).unwrap_err();
        for (text, role, reason) in [
            ("j-lis", Role::Operator, Reason::TenantForbidden),
            ("stranger", Role::Operator, Reason::TenantForbidden),
            ("hosted", Role::Operator, Reason::TenantForbidden),
            ("carrier", Role::Device, Reason::PermissionDenied),
        ] {
            assert_eq!(refused(text, role, Method::RegisterUicc), reason, "{text}");
        }
    }

    #[test]
    fn a_suspended_tenant_and_those_below_it_may_nothing() {
        for (text, method) in [("full", Method::RegisterUicc), ("guest", Method::ReadUiccs)] {
            let found = authorise(&tenancy(&["full"]), &caller(text, Role::Operator), method);
            assert_eq!(found, Err(Reason::TenantSuspended));
        }
        let carrier = caller("carrier", Role::Operator);
        assert!(authorise(&tenancy(&["full"]), &carrier, Method::ReadUiccs).is_ok());
    }

    #[test]
    fn cards_are_reached_by_their_holder_and_their_issuer() {
        for (text, reached) in [
            ("carrier", ["carrier", "hosted"].as_slice()),
            ("full", &["full", "guest"]),
            ("hosted", &["hosted"]),
            ("guest", &["guest"]),
        ] {
            let operator = caller(text, Role::Operator);
            let reach = authorise(&tenancy(&[]), &operator, Method::ReadUiccs).unwrap();
            for owner in ["carrier", "full", "hosted", "guest", "j-lis"] {
                let covers = reach.covers(&name(owner));
                assert_eq!(covers, reached.contains(&owner), "{text} {owner}");
            }
        }
    }

    #[test]
    fn a_provider_reaches_what_is_its_own() {
        let provider = caller("j-lis", Role::ServiceProvider);
        let reach = authorise(&tenancy(&[]), &provider, Method::ReadDeployments).unwrap();
        assert!(reach.is_provider);
        assert!(reach.covers(&name("j-lis")) && !reach.covers(&name("carrier")));
    }

    #[test]
    fn tenants_are_reached_from_above() {
        let reach =
            |text, method| authorise(&tenancy(&[]), &caller(text, Role::Admin), method).unwrap();
        let carrier = reach("carrier", Method::ChangeTenants);
        assert!(
            ["carrier", "full", "guest", "j-lis"]
                .iter()
                .all(|t| carrier.covers(&name(t)))
        );
        let full = reach("full", Method::ChangeTenants);
        assert!(full.covers(&name("guest")) && !full.covers(&name("hosted")));
        assert!(!full.covers(&name("carrier")));
        let contracts = reach("carrier", Method::ChangeContracts);
        assert!(contracts.covers(&name("carrier")) && !contracts.covers(&name("full")));
    }
}
