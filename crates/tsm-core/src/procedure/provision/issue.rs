//! Stage `issue`: key pair and certificate. What must not be lost is stored before the authority signs.

use crate::audit::Party;
use crate::jpki::application::ApplicationEvent;
use crate::jpki::credential::{
    CardDuty, Credential, CredentialEvent, CredentialState, SealedPrivateKey, SerialIndex,
};
use crate::jpki::credential_id::CredentialId;
use crate::jpki::private_key;
use crate::ports::{
    Batch, CertificateRequest, Entropy, EntropyError, KeyPair, StoreError, Versioned,
};

use super::{Done, ProvisionError, Run};

impl Run<'_> {
    /// Sets a key pair aside, unless an earlier run has, and has its certificate signed.
    pub(super) async fn issue(&mut self) -> Result<(), ProvisionError> {
        let started = self.provider.now();
        if self.application.value.credential.is_none() {
            self.set_key_aside().await?;
        }
        let Versioned { version, value } = self.credential_in(CredentialState::Pending).await?;
        let mut credential = value;
        let request = CertificateRequest {
            public_key: credential.public_key.clone(),
            serial: credential.serial.clone(),
            // Random, and new with every credential: relying parties cannot link two of them.
            common_name: credential.id.clone(),
            not_before: credential.not_before,
            not_after: credential.not_after,
        };
        let certificate = self.provider.authority.issue(&request).await?;
        credential.apply(CredentialEvent::Issued { certificate })?;
        let batch = Batch::new().update(credential.id.clone(), version, credential);
        let done = Done {
            name: "issue",
            party: Party::Jlis,
            exchanges: 0,
            started,
        };
        self.end_stage(batch, ApplicationEvent::Issued, done).await
    }

    /// Stores a key pair, sealed under a slot of its own, and the serial number of its certificate.
    async fn set_key_aside(&mut self) -> Result<(), ProvisionError> {
        let pair = self
            .provider
            .key_pairs
            .take(self.provider.policy.algorithm)
            .await?;
        let id = CredentialId::random(self.provider.entropy)?.to_string();
        let credential = self.pending_credential(&id, &pair)?;
        let batch = self.holding_person(Batch::new()).await?;
        let sealed = private_key::seal(self.provider.vault, &id, &pair.private)?;
        let slot = sealed.slot;
        let batch = batch
            .insert(
                hex::encode(&credential.serial),
                SerialIndex {
                    credential: id.clone(),
                },
            )
            .insert::<SealedPrivateKey>(id.clone(), sealed)
            .insert(id.clone(), credential);
        let stored = self
            .advance(batch, ApplicationEvent::KeySetAside { credential: id })
            .await;
        if let Err(ProvisionError::Store(StoreError::Conflict(_) | StoreError::TooLarge { .. })) =
            stored
        {
            // Surely not stored: nothing names the slot.
            self.provider.vault.destroy_slot(slot)?;
        }
        stored
    }

    fn pending_credential(&self, id: &str, pair: &KeyPair) -> Result<Credential, EntropyError> {
        let application = &self.application.value;
        let not_before = self.provider.now();
        Ok(Credential {
            id: id.to_owned(),
            application: application.id.clone(),
            person: application.person.clone(),
            iccid: application.iccid.clone(),
            service: application.service.clone(),
            algorithm: pair.algorithm,
            state: CredentialState::Pending,
            serial: serial_number(self.provider.entropy)?.to_vec(),
            public_key: pair.public_key.clone(),
            certificate: Vec::new(),
            not_before,
            not_after: not_before.after(self.provider.policy.validity),
            duty: CardDuty::None,
            private_key_destroyed: false,
        })
    }
}

/// Sixteen bytes, of which 126 bits are random: positive, and never shorter (RFC 5280, 4.1.2.2).
fn serial_number(entropy: &dyn Entropy) -> Result<[u8; 16], EntropyError> {
    let mut serial = [0; 16];
    entropy.fill(&mut serial)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x3F | 0x40;
    Ok(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn serial_numbers_are_positive_and_of_one_length() {
        for byte in [0x00, 0x7F, 0x80, 0xFF] {
            let serial = serial_number(&Fixed(byte)).unwrap();
            assert!((0x40..0x80).contains(&serial[0]));
        }
    }
}
