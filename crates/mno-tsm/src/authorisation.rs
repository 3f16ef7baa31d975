//! Who may call what: one function, deny by default.
//!
//! | Method | carrier's operator | hosted operator | service provider | device | carrier's auditor |
//! |---|---|---|---|---|---|
//! | `RegisterUicc`, catalogue | all | | | | |
//! | `GetUicc`, `ListUiccs`, `AuditUicc` | all | own cards | | | |
//! | `CheckEligibility`, changes of a service | | | own services | | |
//! | `GetDeployment`, `ListDeployments` | all | | own services | | |
//! | leases and relay | | | own services | | |
//! | `Attach` | | | | own cards; the carrier's: all | |
//! | `ListAuditEntries` | all | | | | all |
//!
//! Every refusal is recorded in the audit log.

use std::collections::BTreeSet;

use tsm_core::error::Reason;
use tsm_core::identity::{Caller, Role, Tenant};

/// Every method of this server, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `UiccService.RegisterUicc`
    RegisterUicc,
    /// `UiccService.GetUicc` and `ListUiccs`
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
    /// `AuditService.ListAuditEntries`
    ReadAudit,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::RegisterUicc,
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
    ];

    /// As the audit log names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterUicc => "register card",
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
        }
    }
}

/// How far a caller reaches with a method that it may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every object.
    All,
    /// Objects of the caller's own tenant.
    Own,
}

impl Reach {
    /// Whether an object that belongs to `owner` is within reach.
    #[must_use]
    pub fn covers(self, caller: &Caller, owner: &Tenant) -> bool {
        match self {
            Self::All => true,
            Self::Own => caller.tenant == *owner,
        }
    }
}

/// The tenants of this server.
#[derive(Clone, Debug)]
pub struct Policy {
    carrier: Tenant,
    hosted: BTreeSet<Tenant>,
}

impl Policy {
    /// The carrier and the tenants that it hosts.
    #[must_use]
    pub fn new(carrier: Tenant, hosted: impl IntoIterator<Item = Tenant>) -> Self {
        Self {
            carrier,
            hosted: hosted.into_iter().collect(),
        }
    }

    /// The carrier itself.
    #[must_use]
    pub fn carrier(&self) -> &Tenant {
        &self.carrier
    }

    /// Whether cards may belong to `tenant`.
    #[must_use]
    pub fn may_own_cards(&self, tenant: &Tenant) -> bool {
        *tenant == self.carrier || self.hosted.contains(tenant)
    }

    /// Whether, and how far, `caller` may call `method`: the table of this module.
    ///
    /// # Errors
    /// [`Reason::PermissionDenied`] when no tenant may with this role,
    /// [`Reason::TenantForbidden`] when others may, but not this tenant.
    pub fn authorise(&self, caller: &Caller, method: Method) -> Result<Reach, Reason> {
        use Method::{
            Attach, AuditUicc, ChangeCatalogue, ChangeService, CheckEligibility, ReadAudit,
            ReadCatalogue, ReadDeployments, ReadUiccs, RegisterUicc, UseChannel,
        };
        let carrier = caller.tenant == self.carrier;
        let hosted = self.hosted.contains(&caller.tenant);
        match (caller.role, method) {
            (Role::Operator, ReadUiccs | AuditUicc) | (Role::Device, Attach) if carrier => {
                Ok(Reach::All)
            }
            (Role::Operator, ReadUiccs | AuditUicc) | (Role::Device, Attach) if hosted => {
                Ok(Reach::Own)
            }
            (
                Role::Operator,
                RegisterUicc | ChangeCatalogue | ReadCatalogue | ReadDeployments | ReadAudit,
            )
            | (Role::Auditor, ReadAudit)
                if carrier =>
            {
                Ok(Reach::All)
            }
            (
                Role::ServiceProvider,
                CheckEligibility | ChangeService | ReadDeployments | UseChannel,
            ) => Ok(Reach::Own),
            (
                Role::Operator,
                RegisterUicc | ReadUiccs | AuditUicc | ChangeCatalogue | ReadCatalogue
                | ReadDeployments | ReadAudit,
            )
            | (Role::Device, Attach)
            | (Role::Auditor, ReadAudit) => Err(Reason::TenantForbidden),
            _ => Err(Reason::PermissionDenied),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).unwrap()
    }

    fn policy() -> Policy {
        Policy::new(tenant("carrier"), [tenant("mvno")])
    }

    fn caller(name: &str, role: Role) -> Caller {
        Caller {
            tenant: tenant(name),
            role,
        }
    }

    const ROLES: [Role; 6] = [
        Role::Operator,
        Role::ServiceProvider,
        Role::Device,
        Role::Citizen,
        Role::Verifier,
        Role::Auditor,
    ];

    /// Everything that is allowed; the table of the module, once more.
    fn allowed(name: &str, role: Role) -> Vec<(Method, Reach)> {
        use Method::*;
        match (name, role) {
            ("carrier", Role::Operator) => [
                RegisterUicc,
                ReadUiccs,
                AuditUicc,
                ChangeCatalogue,
                ReadCatalogue,
                ReadDeployments,
                ReadAudit,
            ]
            .map(|method| (method, Reach::All))
            .to_vec(),
            ("mvno", Role::Operator) => vec![(ReadUiccs, Reach::Own), (AuditUicc, Reach::Own)],
            (_, Role::ServiceProvider) => {
                [CheckEligibility, ChangeService, ReadDeployments, UseChannel]
                    .map(|method| (method, Reach::Own))
                    .to_vec()
            }
            ("carrier", Role::Device) => vec![(Attach, Reach::All)],
            ("mvno", Role::Device) => vec![(Attach, Reach::Own)],
            ("carrier", Role::Auditor) => vec![(ReadAudit, Reach::All)],
            _ => Vec::new(),
        }
    }

    #[test]
    fn allows_what_the_table_says_and_nothing_else() {
        for name in ["carrier", "mvno", "jlis", "stranger"] {
            for role in ROLES {
                let allowed = allowed(name, role);
                for method in Method::ALL {
                    let expected = allowed.iter().find(|(found, _)| *found == method);
                    let found = policy().authorise(&caller(name, role), method);
                    assert_eq!(
                        found.ok(),
                        expected.map(|(_, reach)| *reach),
                        "{name}/{} {method:?}",
                        role.as_str()
                    );
                }
            }
        }
    }

    #[test]
    fn tells_a_wrong_tenant_from_a_wrong_role() {
        let wrong_tenant =
            policy().authorise(&caller("jlis", Role::Operator), Method::RegisterUicc);
        assert_eq!(wrong_tenant, Err(Reason::TenantForbidden));
        let wrong_role = policy().authorise(&caller("carrier", Role::Device), Method::RegisterUicc);
        assert_eq!(wrong_role, Err(Reason::PermissionDenied));
    }

    #[test]
    fn own_reach_ends_at_the_tenant() {
        let mvno = caller("mvno", Role::Operator);
        assert!(Reach::Own.covers(&mvno, &tenant("mvno")));
        assert!(!Reach::Own.covers(&mvno, &tenant("carrier")));
        assert!(Reach::All.covers(&mvno, &tenant("carrier")));
    }
}
