//! Who may call what: one function, deny by default.
//!
//! | Method | citizen's app | operator | verifier | auditor |
//! |---|---|---|---|---|
//! | `SubmitApplication`, `ProvisionCredential`, `CancelApplication` | all | all | | |
//! | `GetApplication`, `GetCredential`, changes of a credential | by id | all | | |
//! | `ListApplications`, `ListCredentials` | | all | | |
//! | `CheckCertificate` | | | any tenant | |
//! | `GetReadiness` | | all | | |
//! | `ListAuditEntries`, `AuditService` | | all | | all |
//!
//! Citizen, operator and auditor must be of the provider's own tenant: the
//! citizen's app reaches this server through the provider's front end, which
//! has authenticated the person. A relying party may be anybody's.

use tsm_core::error::Reason;
use tsm_core::identity::{Caller, Role, Tenant};

/// Every method of this server, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `ApplicationService.SubmitApplication`
    Apply,
    /// `ApplicationService.ProvisionCredential`
    Provision,
    /// `ApplicationService.CancelApplication`
    Cancel,
    /// `ApplicationService.GetApplication`
    ReadApplication,
    /// `ApplicationService.ListApplications`
    ListApplications,
    /// `CredentialService.GetCredential`
    ReadCredential,
    /// `CredentialService.ListCredentials`
    ListCredentials,
    /// `CredentialService.SuspendCredential` to `DeleteCredential`
    ChangeCredential,
    /// `VerificationService.CheckCertificate`
    CheckCertificate,
    /// `OperationsService.GetReadiness`
    ReadReadiness,
    /// `OperationsService.ListAuditEntries`, and `AuditService` without `GetSigningKey`
    ReadAudit,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Apply,
        Self::Provision,
        Self::Cancel,
        Self::ReadApplication,
        Self::ListApplications,
        Self::ReadCredential,
        Self::ListCredentials,
        Self::ChangeCredential,
        Self::CheckCertificate,
        Self::ReadReadiness,
        Self::ReadAudit,
    ];

    /// As the audit log names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Provision => "provision",
            Self::Cancel => "cancel",
            Self::ReadApplication => "read application",
            Self::ListApplications => "list applications",
            Self::ReadCredential => "read credential",
            Self::ListCredentials => "list credentials",
            Self::ChangeCredential => "change credential",
            Self::CheckCertificate => "check certificate",
            Self::ReadReadiness => "read readiness",
            Self::ReadAudit => "read audit log",
        }
    }
}

/// Whether `caller` may call `method`: the table of this module.
///
/// # Errors
/// [`Reason::PermissionDenied`] when no tenant may with this role,
/// [`Reason::TenantForbidden`] when the provider's own may, but not this tenant.
pub fn authorise(provider: &Tenant, caller: &Caller, method: Method) -> Result<(), Reason> {
    use Method::{
        Apply, Cancel, ChangeCredential, CheckCertificate, ListApplications, ListCredentials,
        Provision, ReadApplication, ReadAudit, ReadCredential, ReadReadiness,
    };
    match (caller.role, method) {
        (Role::Verifier, CheckCertificate) => Ok(()),
        (
            Role::Citizen | Role::Operator,
            Apply | Provision | Cancel | ReadApplication | ReadCredential | ChangeCredential,
        )
        | (Role::Operator, ListApplications | ListCredentials | ReadReadiness | ReadAudit)
        | (Role::Auditor, ReadAudit) => {
            if caller.tenant == *provider {
                Ok(())
            } else {
                Err(Reason::TenantForbidden)
            }
        }
        _ => Err(Reason::PermissionDenied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 6] = [
        Role::Operator,
        Role::ServiceProvider,
        Role::Device,
        Role::Citizen,
        Role::Verifier,
        Role::Auditor,
    ];

    fn ask(tenant: &str, role: Role, method: Method) -> Result<(), Reason> {
        let caller = Caller::machine(Tenant::new(tenant).unwrap(), role);
        authorise(&Tenant::new("j-lis").unwrap(), &caller, method)
    }

    /// Everything that is allowed; the table of the module, once more.
    fn allowed(tenant: &str, role: Role) -> Vec<Method> {
        use Method::*;
        match (tenant, role) {
            ("j-lis", Role::Citizen) => {
                vec![
                    Apply,
                    Provision,
                    Cancel,
                    ReadApplication,
                    ReadCredential,
                    ChangeCredential,
                ]
            }
            ("j-lis", Role::Operator) => vec![
                Apply,
                Provision,
                Cancel,
                ReadApplication,
                ListApplications,
                ReadCredential,
                ListCredentials,
                ChangeCredential,
                ReadReadiness,
                ReadAudit,
            ],
            ("j-lis", Role::Auditor) => vec![ReadAudit],
            (_, Role::Verifier) => vec![CheckCertificate],
            _ => Vec::new(),
        }
    }

    #[test]
    fn allows_what_the_table_says_and_nothing_else() {
        for tenant in ["j-lis", "carrier", "stranger"] {
            for role in ROLES {
                let allowed = allowed(tenant, role);
                for method in Method::ALL {
                    assert_eq!(
                        ask(tenant, role, method).is_ok(),
                        allowed.contains(&method),
                        "{tenant}/{} {method:?}",
                        role.as_str()
                    );
                }
            }
        }
    }

    #[test]
    fn tells_a_wrong_tenant_from_a_wrong_role() {
        let wrong_tenant = ask("carrier", Role::Operator, Method::ReadAudit);
        assert_eq!(wrong_tenant, Err(Reason::TenantForbidden));
        let wrong_role = ask("j-lis", Role::Device, Method::Apply);
        assert_eq!(wrong_role, Err(Reason::PermissionDenied));
    }
}
