//! Stage `activate`: the server's copy of the private key goes, the applet becomes selectable.

use crate::audit::Party;
use crate::card::deployment::ServiceState;
use crate::jpki::application::ApplicationEvent;
use crate::jpki::credential::{Credential, CredentialEvent, CredentialState, SealedPrivateKey};
use crate::jpki::domain_session::DomainSession;
use crate::jpki::private_key;
use crate::ports::{Batch, Versioned};

use super::deploy::not_converged;
use super::write::Slot;
use super::{Done, ProvisionError, Run};

impl Run<'_> {
    /// The card has proved and holds the key: nobody else shall.
    pub(super) async fn activate(&mut self) -> Result<(), ProvisionError> {
        let started = self.provider.now();
        let credential = self.credential_in(CredentialState::Issued).await?;
        let Versioned { version, value } = self.destroy_private_key(credential).await?;
        let mut credential = value;
        let mut exchanges = 0;
        if !self.pin_on_card {
            exchanges = self.put_pin(&credential).await?;
        }
        let change = self.ask("activate", ServiceState::Active).await?;
        let deployment = &change.deployment;
        if !(deployment.desired == ServiceState::Active && deployment.converged()) {
            return Err(not_converged(deployment));
        }
        credential.apply(CredentialEvent::Activated)?;
        let batch = Batch::new().update(credential.id.clone(), version, credential);
        let batch = self.holding_person(batch).await?;
        let exchanges = change.exchanges.saturating_add(exchanges);
        let done = Done {
            name: "activate",
            party: Party::Carrier,
            exchanges,
            started,
        };
        self.end_stage(batch, ApplicationEvent::Activated, done)
            .await
    }

    async fn destroy_private_key(
        &self,
        credential: Versioned<Credential>,
    ) -> Result<Versioned<Credential>, ProvisionError> {
        let Versioned { version, mut value } = credential;
        let store = self.provider.store;
        let Some(sealed) = private_key::destroy(store, self.provider.vault, &value.id).await?
        else {
            return Ok(Versioned { version, value });
        };
        value.private_key_destroyed = true;
        let batch = Batch::new()
            .remove::<SealedPrivateKey>(value.id.clone(), sealed.version)
            .update(value.id.clone(), version, value.clone());
        store.commit(batch).await?;
        Ok(Versioned {
            version: version.saturating_add(1),
            value,
        })
    }

    /// An earlier run wrote the credential with the PIN that it was given; this run's counts.
    async fn put_pin(&mut self, credential: &Credential) -> Result<u32, ProvisionError> {
        let slot = Slot::of(credential)?;
        let mut card = DomainSession::open(self.provider, &credential.iccid).await?;
        let status = match card.commands() {
            Ok(commands) => {
                card.status_after("the PIN", commands.reset_pin(self.pin))
                    .await
            }
            Err(error) => Err(error),
        };
        let exchanges = card.exchanges();
        card.close().await;
        if !slot.is_live(&status?) {
            return Err(ProvisionError::Diverged);
        }
        self.pin_on_card = true;
        Ok(exchanges)
    }
}
