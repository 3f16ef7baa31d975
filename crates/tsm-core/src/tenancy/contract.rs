//! What a service provider may do on the cards of an issuer.

use crate::error::{Failure, Reason};
use crate::identity::{ServiceName, Tenant};
use crate::time::Timestamp;

/// Who manages the content of a provider's security domain (GlobalPlatform System Messaging; G 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ManagementMode {
    /// The issuer's server loads, installs and deletes.
    Simple,
    /// The provider does it itself, each step with a token of the issuer.
    Delegated,
    /// The provider does it itself, inside its own domain and quota.
    Authorised,
}

impl ManagementMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Delegated, Self::Authorised];

    /// As commands and the audit log name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Delegated => "delegated",
            Self::Authorised => "authorised",
        }
    }
}

/// An agreement between a service provider and an issuer of cards. Record id: [`Contract::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The service provider.
    pub provider: Tenant,
    /// The issuer of the cards: the carrier or a full MVNO.
    pub issuer: Tenant,
    /// The services it is about; empty means all services of the provider.
    pub services: Vec<ServiceName>,
    /// The modes of content management that are allowed; at least one.
    pub modes: Vec<ManagementMode>,
    /// From when on.
    pub valid_from: Timestamp,
    /// Until when, not included; none means until it is changed.
    pub valid_until: Option<Timestamp>,
}

/// Why a contract does not allow something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// There is none between the two.
    #[error("the provider has no contract with the issuer of the card")]
    None,
    /// It begins later.
    #[error("the contract with the issuer of the card has not begun")]
    NotYet,
    /// It has ended.
    #[error("the contract with the issuer of the card has ended")]
    Over,
    /// It is about other services.
    #[error("the contract with the issuer of the card does not name the service")]
    OtherServices,
    /// The mode is not agreed.
    #[error("the contract with the issuer of the card does not allow {} content management", .0.as_str())]
    Mode(ManagementMode),
}

impl Failure for ContractError {
    fn reason(&self) -> Reason {
        Reason::NoContract
    }
}

impl Contract {
    /// Record id: provider, slash, issuer.
    #[must_use]
    pub fn id(provider: &Tenant, issuer: &Tenant) -> String {
        format!("{provider}/{issuer}")
    }

    /// Whether `service` may be managed in `mode` at `now`.
    ///
    /// # Errors
    /// [`ContractError`], which says what is missing.
    pub fn check(
        &self,
        service: &ServiceName,
        mode: ManagementMode,
        now: Timestamp,
    ) -> Result<(), ContractError> {
        if now < self.valid_from {
            return Err(ContractError::NotYet);
        }
        if self.valid_until.is_some_and(|end| now >= end) {
            return Err(ContractError::Over);
        }
        if !self.services.is_empty() && !self.services.contains(service) {
            return Err(ContractError::OtherServices);
        }
        if !self.modes.contains(&mode) {
            return Err(ContractError::Mode(mode));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        Contract {
            provider: Tenant::new("j-lis").unwrap(),
            issuer: Tenant::new("carrier").unwrap(),
            services: vec![ServiceName::new("jpki").unwrap()],
            modes: vec![ManagementMode::Simple],
            valid_from: Timestamp(100),
            valid_until: Some(Timestamp(200)),
        }
    }

    fn check(contract: &Contract, service: &str, now: i64) -> Result<(), ContractError> {
        let service = ServiceName::new(service).unwrap();
        contract.check(&service, ManagementMode::Simple, Timestamp(now))
    }

    #[test]
    fn allows_what_it_names_while_it_is_valid() {
        let contract = contract();
        assert_eq!(check(&contract, "jpki", 99), Err(ContractError::NotYet));
        assert_eq!(check(&contract, "jpki", 100), Ok(()));
        assert_eq!(check(&contract, "jpki", 199), Ok(()));
        assert_eq!(check(&contract, "jpki", 200), Err(ContractError::Over));
        assert_eq!(
            check(&contract, "transit", 150),
            Err(ContractError::OtherServices)
        );
    }

    #[test]
    fn without_services_and_end_it_is_about_all_for_ever() {
        let contract = Contract {
            services: Vec::new(),
            valid_until: None,
            ..contract()
        };
        assert_eq!(check(&contract, "transit", i64::MAX), Ok(()));
    }

    #[test]
    fn allows_only_the_modes_that_are_agreed() {
        let jpki = ServiceName::new("jpki").unwrap();
        for mode in [ManagementMode::Delegated, ManagementMode::Authorised] {
            let checked = contract().check(&jpki, mode, Timestamp(150));
            assert_eq!(checked, Err(ContractError::Mode(mode)));
            let text = checked.unwrap_err().to_string();
            assert!(text.contains(mode.as_str()), "{text}");
        }
    }
}
