//! Stages `personalise` and `commit`: the credential goes into the pending slot, proves itself, becomes
//! live, and is read back.

use sha2::{Digest, Sha256};

use crate::audit::Party;
use crate::jpki::application::{ApplicationEvent, ApplicationState};
use crate::jpki::card_status::CardStatus;
use crate::jpki::credential::{Credential, CredentialState, SealedPrivateKey};
use crate::jpki::credential_id::CredentialId;
use crate::jpki::domain_session::DomainSession;
use crate::jpki::personalisation::{AppletCommands, NewCredential, proof_message};
use crate::jpki::private_key;
use crate::ports::Batch;

use super::{Done, ProvisionError, Run};

impl Run<'_> {
    /// Writes the credential under one lease. A run that finds `Writing` reads the card first.
    pub(super) async fn write(&mut self) -> Result<(), ProvisionError> {
        let credential = self.credential_in(CredentialState::Issued).await?.value;
        let mut card = DomainSession::open(self.provider, &credential.iccid).await?;
        let written = self.write_under_lease(&mut card, &credential).await;
        card.close().await;
        written
    }

    async fn write_under_lease(
        &mut self,
        card: &mut DomainSession<'_>,
        credential: &Credential,
    ) -> Result<(), ProvisionError> {
        let slot = Slot::of(credential)?;
        let mut started = self.provider.now();
        let mut counted = 0;
        let mut is_live = false;
        let mut is_pending = false;
        if self.application.value.state == ApplicationState::Writing {
            let status = card.status_after("the status", card.commands()?).await?;
            is_live = slot.is_live(&status);
            is_pending = status.can_prove(&slot.id);
        } else {
            self.advance(Batch::new(), ApplicationEvent::WriteBegun)
                .await?;
        }
        if !is_live {
            let proved = match self.prove(card, credential, &slot, is_pending).await {
                // What an earlier run left there is not what it should be: write it anew.
                Err(ProvisionError::ProofFailed) if is_pending => {
                    self.prove(card, credential, &slot, false).await
                }
                proved => proved,
            };
            proved?;
            let done = Done {
                name: "personalise",
                party: Party::Jlis,
                exchanges: card.exchanges(),
                started,
            };
            counted = card.exchanges();
            started = self.provider.now();
            self.end_stage(Batch::new(), ApplicationEvent::WriteBegun, done)
                .await?;
            let commands = card.commands()?.commit(&slot.id);
            let status = card.status_after("the commit", commands).await?;
            is_live = slot.is_live(&status);
        }
        if !is_live {
            return Err(ProvisionError::Diverged);
        }
        let exchanges = card.exchanges().saturating_sub(counted);
        let done = Done {
            name: "commit",
            party: Party::Jlis,
            exchanges,
            started,
        };
        self.end_stage(Batch::new(), ApplicationEvent::ReadBack, done)
            .await
    }

    /// Has the pending key sign a fresh challenge; puts the credential there first, unless it is.
    async fn prove(
        &mut self,
        card: &mut DomainSession<'_>,
        credential: &Credential,
        slot: &Slot,
        is_pending: bool,
    ) -> Result<(), ProvisionError> {
        let mut challenge = [0; 32];
        self.provider.entropy.fill(&mut challenge)?;
        let mut commands = card.commands()?;
        if !is_pending {
            commands = self.write_commands(commands, credential, slot).await?;
        }
        let commands = commands.prove(&challenge);
        let signature = card.play("the personalisation", commands).await?.data;
        self.pin_on_card = !is_pending;
        let message = proof_message(&slot.id, &challenge);
        let genuine = self.provider.key_pairs.verify(
            credential.algorithm,
            &credential.public_key,
            &message,
            &signature,
        );
        if genuine {
            Ok(())
        } else {
            Err(ProvisionError::ProofFailed)
        }
    }

    async fn write_commands(
        &self,
        commands: AppletCommands,
        credential: &Credential,
        slot: &Slot,
    ) -> Result<AppletCommands, ProvisionError> {
        let sealed = self
            .provider
            .store
            .load::<SealedPrivateKey>(&credential.id)
            .await?;
        let sealed = sealed.ok_or(ProvisionError::NoCredential)?;
        let private_key = private_key::open(self.provider.vault, credential, &sealed.value)?;
        Ok(commands.write(&NewCredential {
            id: slot.id,
            algorithm: credential.algorithm,
            private_key: &private_key,
            certificate: &credential.certificate,
            issuer: &self.provider.authority.issuer_certificate(),
            pin: self.pin,
        }))
    }
}

/// A credential as the applet's status object names it.
pub(super) struct Slot {
    pub(super) id: CredentialId,
    certificate_sha256: [u8; 32],
}

impl Slot {
    pub(super) fn of(credential: &Credential) -> Result<Self, ProvisionError> {
        Ok(Self {
            id: CredentialId::parse(&credential.id).ok_or(ProvisionError::NoCredential)?,
            certificate_sha256: Sha256::digest(&credential.certificate).into(),
        })
    }

    pub(super) fn is_live(&self, status: &CardStatus) -> bool {
        status.is_live(&self.id, &self.certificate_sha256)
    }
}
