//! Commands for the JPKI applet, to be played inside the provider's secure channel.
//!
//! Each piece of work is INSTALL [for personalization] and one chain of STORE DATA with data
//! groups (GlobalPlatform 2.3.1, 11.5.2.3.6 and 11.11); the last block of a chain ends the
//! personalisation session, so every chain opens its own. The data groups are those of the applet
//! (docs/jpki-applet.md): 9F01 start, 8121/8122/8137 key, 9F02 certificate, 9F03 PIN, 9F04 prove, 9F05
//! commit, 9F06 wipe, 9F07 status, 9F08 new PIN, 9F09 issuer's certificate.

use globalplatform::aid::Aid;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::store_data::{Dgi, Encryption, Structure, store_data_blocks};
use globalplatform::error::EncodeError;
use scp03::parameters::Mode;
use scp03::security_level::SecurityLevel;
use zeroize::{Zeroize, Zeroizing};

use crate::card_session::LegCommand;
use crate::jpki::credential::KeyAlgorithm;
use crate::jpki::credential_id::CredentialId;
use crate::jpki::pin::Pin;
use crate::ports::PrivateKeyParts;

const START: u16 = 0x9F01;
const PRIME_P: u16 = 0x8121;
const PRIME_Q: u16 = 0x8122;
const SCALAR: u16 = 0x8137;
const CERTIFICATE: u16 = 0x9F02;
const PIN: u16 = 0x9F03;
const PROVE: u16 = 0x9F04;
const COMMIT: u16 = 0x9F05;
const WIPE: u16 = 0x9F06;
const STATUS: u16 = 0x9F07;
const RESET_PIN: u16 = 0x9F08;
const ISSUER: u16 = 0x9F09;

/// What the pending key signs before the credential id and the challenge.
const PROOF_LABEL: &[u8] = b"JPKI-POP-1";

/// A credential as the card gets it.
pub struct NewCredential<'a> {
    /// Its name.
    pub id: CredentialId,
    /// Algorithm of its key.
    pub algorithm: KeyAlgorithm,
    /// Its private key.
    pub private_key: &'a PrivateKeyParts,
    /// DER of its certificate.
    pub certificate: &'a [u8],
    /// DER of the certificate under which that was signed.
    pub issuer: &'a [u8],
    /// Its PIN.
    pub pin: &'a Pin,
}

/// What the pending key has to sign to prove that the card holds it.
#[must_use]
pub fn proof_message(id: &CredentialId, challenge: &[u8; 32]) -> Vec<u8> {
    [PROOF_LABEL, &id.0, challenge].concat()
}

/// Commands for one session, in order; key and PIN in them are wiped when they are dropped.
pub struct AppletCommands {
    instance: Aid,
    mode: Mode,
    commands: Vec<LegCommand>,
    too_long: Option<EncodeError>,
}

impl AppletCommands {
    /// No commands yet for the applet `instance`, in sessions of this mode.
    #[must_use]
    pub fn new(instance: Aid, mode: Mode) -> Self {
        Self {
            instance,
            mode,
            commands: Vec::new(),
            too_long: None,
        }
    }

    /// Puts a whole credential into the pending slot, and its issuer's certificate beside it.
    #[must_use]
    pub fn write(self, credential: &NewCredential<'_>) -> Self {
        let mut start = [0; 17];
        let (id, algorithm) = start.split_at_mut(16);
        id.copy_from_slice(&credential.id.0);
        algorithm.fill(code(credential.algorithm));

        let mut groups = vec![(START, start.as_slice())];
        match credential.private_key {
            PrivateKeyParts::Rsa { p, q } => groups.extend([(PRIME_P, &p[..]), (PRIME_Q, &q[..])]),
            PrivateKeyParts::Ec { scalar } => groups.push((SCALAR, scalar)),
        }
        groups.push((CERTIFICATE, credential.certificate));
        groups.push((PIN, credential.pin.danger_digits()));
        groups.push((ISSUER, credential.issuer));
        self.chain(&groups, false)
    }

    /// Lets the pending key sign [`proof_message`]; the answer is the signature.
    #[must_use]
    pub fn prove(self, challenge: &[u8; 32]) -> Self {
        self.chain(&[(PROVE, challenge)], true)
    }

    /// Makes the pending credential live. Repeating it is harmless.
    #[must_use]
    pub fn commit(self, id: &CredentialId) -> Self {
        self.chain(&[(COMMIT, &id.0)], false)
    }

    /// Wipes the live credential if it is this one. Repeating it is harmless.
    #[must_use]
    pub fn wipe(self, id: &CredentialId) -> Self {
        self.chain(&[(WIPE, &id.0)], false)
    }

    /// Throws away what is in the pending slot, by starting one that is never filled.
    #[must_use]
    pub fn discard_pending(self) -> Self {
        let mut blank = [0; 17];
        if let Some(algorithm) = blank.last_mut() {
            *algorithm = code(KeyAlgorithm::P256);
        }
        self.chain(&[(START, &blank)], false)
    }

    /// Gives the live credential another PIN, with all tries.
    #[must_use]
    pub fn reset_pin(self, pin: &Pin) -> Self {
        self.chain(&[(RESET_PIN, pin.danger_digits())], false)
    }

    /// Asks for the status object, which is the answer.
    #[must_use]
    pub fn status(self) -> Self {
        self.chain(&[(STATUS, &[])], true)
    }

    /// Hands the commands out; wiping them is then up to the caller.
    ///
    /// # Errors
    /// [`EncodeError`] when a certificate was too long for a chain.
    pub(crate) fn danger_take(mut self) -> Result<Vec<LegCommand>, EncodeError> {
        match self.too_long {
            Some(error) => Err(error),
            None => Ok(core::mem::take(&mut self.commands)),
        }
    }

    /// Appends one chain; `has_answer` when its last block brings something back.
    fn chain(mut self, groups: &[(u16, &[u8])], has_answer: bool) -> Self {
        if let Err(error) = self.try_chain(groups, has_answer) {
            self.too_long.get_or_insert(error);
        }
        self
    }

    fn try_chain(&mut self, groups: &[(u16, &[u8])], has_answer: bool) -> Result<(), EncodeError> {
        // Reserved beforehand, so that growing leaves no copies behind.
        let length = groups.iter().map(|(_, data)| data.len() + 5).sum();
        let mut payload = Zeroizing::new(Vec::with_capacity(length));
        for (tag, data) in groups {
            let mut group = Dgi::new(*tag, *data);
            let encoded = group.encode_into(&mut payload);
            group.data.zeroize();
            encoded?;
        }
        let level = SecurityLevel::Full;
        let blocks = store_data_blocks(
            &payload,
            level.max_command_data(self.mode),
            Encryption::None,
            Structure::Dgi,
            has_answer,
        )?;
        let install = InstallForPersonalization {
            instance: self.instance,
        };
        self.commands.push(LegCommand::new(install.to_apdu()));
        for mut block in blocks {
            // Always short: an answer that does not fit comes in pieces (61xx), which the phone
            // joins; not every card takes extended length.
            self.commands.push(LegCommand::new(block.to_apdu()));
            block.data.zeroize();
        }
        Ok(())
    }
}

impl Drop for AppletCommands {
    fn drop(&mut self) {
        wipe(&mut self.commands);
    }
}

impl core::fmt::Debug for AppletCommands {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "AppletCommands({} for {})",
            self.commands.len(),
            self.instance
        )
    }
}

/// Overwrites the data of commands.
pub(crate) fn wipe(commands: &mut [LegCommand]) {
    for command in commands {
        command.apdu.data.zeroize();
    }
}

/// As the applet names algorithms.
const fn code(algorithm: KeyAlgorithm) -> u8 {
    match algorithm {
        KeyAlgorithm::Rsa2048 => 0x01,
        KeyAlgorithm::P256 => 0x02,
        KeyAlgorithm::P384 => 0x03,
    }
}

#[cfg(test)]
mod tests {
    use globalplatform::commands::store_data::{DgiReader, StoreData};
    use proptest::prelude::*;

    use super::*;

    const INSTANCE: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 1]);
    const ID: CredentialId = CredentialId([0xA5; 16]);

    fn commands() -> AppletCommands {
        AppletCommands::new(INSTANCE, Mode::S8)
    }

    type Groups = Vec<(u16, Vec<u8>)>;

    /// The groups of each chain, and whether it wants an answer.
    fn chains(commands: AppletCommands) -> Vec<(Groups, bool)> {
        let mut chains = Vec::new();
        let mut payload = Vec::new();
        let mut block_number = 0;
        for command in commands.danger_take().unwrap() {
            assert!(command.accepted.is_empty());
            if let Ok(install) = InstallForPersonalization::from_apdu(&command.apdu) {
                assert_eq!(install.instance, INSTANCE);
                block_number = 0;
                continue;
            }
            let block = StoreData::from_apdu(&command.apdu).unwrap();
            assert_eq!(block.block_number, block_number);
            assert_eq!(block.structure, Structure::Dgi);
            assert!(block.data.len() <= 239);
            block_number += 1;
            payload.extend_from_slice(&block.data);
            if block.last {
                let groups = DgiReader::new(&payload).map(|group| group.unwrap());
                let groups = groups
                    .map(|group| (group.tag, group.data.to_vec()))
                    .collect();
                chains.push((groups, block.case4));
                payload.clear();
            }
        }
        assert!(payload.is_empty(), "a chain without last block");
        chains
    }

    #[test]
    fn writes_an_rsa_credential_and_asks_for_a_proof() {
        let private_key = PrivateKeyParts::Rsa {
            p: vec![0xC1; 128],
            q: vec![0xC2; 128],
        };
        let certificate = vec![0x30; 1_000];
        let pin = Pin::new("0420").unwrap();
        let credential = NewCredential {
            id: ID,
            algorithm: KeyAlgorithm::Rsa2048,
            private_key: &private_key,
            certificate: &certificate,
            issuer: &[0x31; 700],
            pin: &pin,
        };
        let commands = commands().write(&credential);
        let commands = commands.prove(&[9; 32]);
        let is_short = |command: &LegCommand| !command.apdu.extended;
        assert!(commands.commands.iter().all(is_short));

        let start = [&[0xA5; 16][..], &[0x01]].concat();
        let expected = vec![
            (START, start),
            (PRIME_P, vec![0xC1; 128]),
            (PRIME_Q, vec![0xC2; 128]),
            (CERTIFICATE, certificate.clone()),
            (PIN, b"0420".to_vec()),
            (ISSUER, vec![0x31; 700]),
        ];
        let proof = vec![(PROVE, vec![9; 32])];
        assert_eq!(chains(commands), [(expected, false), (proof, true)]);
    }

    #[test]
    fn every_command_is_short() {
        let commands = commands().commit(&ID).status();
        assert!(
            commands
                .commands
                .iter()
                .all(|command| !command.apdu.extended)
        );
        let expected = [
            (vec![(COMMIT, ID.0.to_vec())], false),
            (vec![(STATUS, vec![])], true),
        ];
        assert_eq!(chains(commands), expected);
    }

    #[test]
    fn the_proof_names_credential_and_challenge() {
        let message = proof_message(&ID, &[7; 32]);
        assert_eq!(message, [b"JPKI-POP-1", &[0xA5; 16][..], &[7; 32]].concat());
    }

    #[test]
    fn shows_neither_key_nor_pin() {
        let pin = Pin::new("7391").unwrap();
        let shown = format!("{:?}", commands().reset_pin(&pin));
        assert_eq!(shown, "AppletCommands(2 for D392F0002601)");
    }

    #[test]
    fn refuses_a_certificate_that_no_chain_takes() {
        let private_key = PrivateKeyParts::Ec {
            scalar: vec![1; 32],
        };
        let credential = NewCredential {
            id: ID,
            algorithm: KeyAlgorithm::P256,
            private_key: &private_key,
            certificate: &vec![0; 70_000],
            issuer: &[],
            pin: &Pin::new("0000").unwrap(),
        };
        assert!(
            commands()
                .write(&credential)
                .status()
                .danger_take()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn every_certificate_arrives_whole(
            certificate in proptest::collection::vec(any::<u8>(), 0..5_000),
            scalar in proptest::collection::vec(any::<u8>(), 48)) {
            let private_key = PrivateKeyParts::Ec { scalar: scalar.clone() };
            let credential = NewCredential {
                id: ID,
                algorithm: KeyAlgorithm::P384,
                private_key: &private_key,
                certificate: &certificate,
                issuer: &[],
                pin: &Pin::new("0000").unwrap(),
            };
            let chains = chains(commands().write(&credential));
            prop_assert_eq!(&chains[0].0[1], &(SCALAR, scalar));
            prop_assert_eq!(&chains[0].0[2], &(CERTIFICATE, certificate));
        }
    }
}
