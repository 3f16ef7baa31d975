//! What a receipt signs (G C.5): the confirmation data, then what was done.

use alloc::vec::Vec;

use super::Verifier;
use crate::{
    aid::Aid,
    apdu::CommandApdu,
    commands::{
        confirmation::Confirmation,
        delete::Delete,
        install::{InstallForExtradition, InstallForRegistryUpdate},
    },
    error::DecodeError,
    privileges::Privileges,
    tlv::Writer,
};

/// What a receipt confirms.
///
/// ```
/// use globalplatform::{commands::delete::Delete, delegated_management::ReceiptSubject};
///
/// let subject = ReceiptSubject::of_delete(&Delete::new("A000000151".parse()?, false));
/// assert_eq!(subject.encode(), [5, 0xA0, 0, 0, 1, 0x51]);
/// # Ok::<(), globalplatform::aid::AidError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptSubject {
    /// A load file was loaded (G Table C-11): `LV load file | LV security domain`.
    Load {
        /// The load file.
        load_file: Aid,
        /// The security domain that has it.
        security_domain: Aid,
    },
    /// An application was installed or made selectable (Table C-12): `LV load file | LV instance`.
    Install {
        /// The load file.
        load_file: Aid,
        /// The application.
        instance: Aid,
    },
    /// Something was extradited (Table C-13): `LV old domain | LV AID | LV new domain`.
    Extradition {
        /// The security domain that had it.
        old_domain: Aid,
        /// The application or load file.
        aid: Aid,
        /// The security domain that has it now.
        new_domain: Aid,
    },
    /// The registry was updated (Table C-14): `LV old domain | LV AID | LV new domain |
    /// LV privileges | LV parameters`, each of which may be empty.
    RegistryUpdate {
        /// The security domain that had the application, with an extradition.
        old_domain: Option<Aid>,
        /// The application.
        aid: Option<Aid>,
        /// The security domain that has it now, with an extradition.
        new_domain: Option<Aid>,
        /// The privileges that were set, as they were sent: none, one or three bytes.
        privileges: Vec<u8>,
        /// The parameters of the command, as they were sent.
        parameters: Vec<u8>,
    },
    /// Something was deleted (Table C-15): `LV AID`.
    Delete {
        /// The application or load file; with a load file and its applications the former alone.
        aid: Aid,
    },
    /// The combined process has ended (Table C-16): `LV load file | LV instance | LV domain`.
    Combined {
        /// The load file.
        load_file: Aid,
        /// The application.
        instance: Aid,
        /// The security domain that has both.
        security_domain: Aid,
    },
}

impl ReceiptSubject {
    /// What the receipt of a DELETE confirms.
    #[must_use]
    pub const fn of_delete(command: &Delete) -> Self {
        Self::Delete { aid: command.aid }
    }

    /// What the receipt of an extradition from the selected domain, `old_domain`, confirms.
    #[must_use]
    pub const fn of_extradition(command: &InstallForExtradition, old_domain: Aid) -> Self {
        Self::Extradition {
            old_domain,
            aid: command.aid,
            new_domain: command.security_domain,
        }
    }

    /// What the receipt of a registry update confirms; the selected domain, `old_domain`, is in it
    /// only when the update is an extradition.
    #[must_use]
    pub fn of_registry_update(command: &InstallForRegistryUpdate, old_domain: Aid) -> Self {
        let privileges = command.privileges.map(Privileges::to_bytes);
        Self::RegistryUpdate {
            old_domain: command.security_domain.map(|_| old_domain),
            aid: command.aid,
            new_domain: command.security_domain,
            privileges: privileges.map_or_else(Vec::new, |bytes| bytes.to_vec()),
            parameters: command.parameters.encode(),
        }
    }

    /// What the receipt of a registry update confirms when another encoder wrote the command: every field as it was sent.
    /// `old_domain` is there only when the update is an extradition.
    ///
    /// # Errors
    /// [`DecodeError`] for what is no INSTALL \[for registry update\].
    pub fn of_registry_update_apdu(
        apdu: &CommandApdu,
        old_domain: Option<Aid>,
    ) -> Result<Self, DecodeError> {
        let command = InstallForRegistryUpdate::from_apdu(apdu)?;
        let mut fields = apdu.reader();
        let (_new, _empty, _aid) = (fields.lv()?, fields.lv()?, fields.lv()?);
        Ok(Self::RegistryUpdate {
            old_domain,
            aid: command.aid,
            new_domain: command.security_domain,
            privileges: fields.lv()?.to_vec(),
            parameters: fields.lv()?.to_vec(),
        })
    }

    /// The fields, as they follow the confirmation data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let mut fields = |fields: &[&[u8]]| fields.iter().for_each(|field| writer.lv(field));
        match self {
            Self::Load {
                load_file,
                security_domain,
            } => fields(&[load_file.as_ref(), security_domain.as_ref()]),
            Self::Install {
                load_file,
                instance,
            } => fields(&[load_file.as_ref(), instance.as_ref()]),
            Self::Extradition {
                old_domain,
                aid,
                new_domain,
            } => fields(&[old_domain.as_ref(), aid.as_ref(), new_domain.as_ref()]),
            Self::RegistryUpdate {
                old_domain,
                aid,
                new_domain,
                privileges,
                parameters,
            } => {
                let aid_or_empty =
                    |aid: &'_ Option<Aid>| aid.map_or_else(Vec::new, |aid| aid.as_ref().to_vec());
                fields(&[
                    &aid_or_empty(old_domain),
                    &aid_or_empty(aid),
                    &aid_or_empty(new_domain),
                    privileges,
                    parameters,
                ]);
            }
            Self::Delete { aid } => fields(&[aid.as_ref()]),
            Self::Combined {
                load_file,
                instance,
                security_domain,
            } => fields(&[
                load_file.as_ref(),
                instance.as_ref(),
                security_domain.as_ref(),
            ]),
        }
        writer.into_vec()
    }

    /// What the receipt signs: confirmation data, then [`encode`](Self::encode).
    #[must_use]
    pub fn receipt_input(&self, confirmation: &Confirmation) -> Vec<u8> {
        let mut input = confirmation.confirmation_data();
        input.extend_from_slice(&self.encode());
        input
    }

    /// Whether the receipt in the response is genuine and confirms this.
    #[must_use]
    pub fn is_confirmed_by(&self, confirmation: &Confirmation, key: &impl Verifier) -> bool {
        key.verify(&self.receipt_input(confirmation), &confirmation.receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::{install::RegistryParameters, testing::bytes},
        delegated_management::SignatureScheme,
    };

    fn aid(text: &str) -> Aid {
        text.parse().unwrap()
    }

    fn confirmation() -> Confirmation {
        Confirmation {
            counter: 1,
            unique_data: bytes("4812340000ABCDEF0102"),
            ..Confirmation::default()
        }
    }

    #[test]
    fn signs_what_the_vectors_say() {
        // `receipt-load`, `receipt-extradition` and `receipt-delete` of the project's vectors.
        let load = ReceiptSubject::Load {
            load_file: aid("A00000015141434C"),
            security_domain: aid("A000000151000000"),
        };
        assert_eq!(
            load.receipt_input(&confirmation()),
            bytes("0200010A4812340000ABCDEF010208A00000015141434C08A000000151000000")
        );
        let extradition = InstallForExtradition {
            security_domain: aid("A0000001510000000A"),
            aid: aid("A00000015141434C0101"),
            parameters: RegistryParameters::default(),
            token: None,
        };
        let subject = ReceiptSubject::of_extradition(&extradition, aid("A000000151000000"));
        let hex = "0200010A4812340000ABCDEF0102 08A000000151000000 0AA00000015141434C0101 \
            09A0000001510000000A";
        assert_eq!(subject.receipt_input(&confirmation()), bytes(hex));
        let delete = Delete::new(aid("A00000015141434C0101"), true);
        assert_eq!(
            ReceiptSubject::of_delete(&delete).receipt_input(&confirmation()),
            bytes("0200010A4812340000ABCDEF01020AA00000015141434C0101")
        );
    }

    #[test]
    fn signs_the_other_subjects() {
        let (a, b, c) = (aid("A000000151"), aid("A000000152"), aid("A000000153"));
        let install = ReceiptSubject::Install {
            load_file: a,
            instance: b,
        };
        assert_eq!(install.encode(), bytes("05A000000151 05A000000152"));
        let combined = ReceiptSubject::Combined {
            load_file: a,
            instance: b,
            security_domain: c,
        };
        assert_eq!(
            combined.encode(),
            bytes("05A000000151 05A000000152 05A000000153")
        );
        let update = InstallForRegistryUpdate {
            security_domain: Some(c),
            aid: Some(b),
            privileges: Some(Privileges::CARD_RESET),
            parameters: RegistryParameters {
                restrictions: Some(1),
                ..RegistryParameters::default()
            },
            token: None,
        };
        assert_eq!(
            ReceiptSubject::of_registry_update(&update, a).encode(),
            bytes("05A000000151 05A000000152 05A000000153 03040000 05EF03D90101")
        );
        assert_eq!(
            ReceiptSubject::of_registry_update_apdu(&update.to_apdu(), Some(a)),
            Ok(ReceiptSubject::of_registry_update(&update, a))
        );
        // One byte of privileges, parameters in an order of their own.
        let sent = bytes("00 00 05A000000152 0104 0A B603420101 EF03CF0141 00");
        let sent = CommandApdu::new(0x80, 0xE6, 0x40, 0x00).with_data(sent);
        assert_eq!(
            ReceiptSubject::of_registry_update_apdu(&sent, None)
                .unwrap()
                .encode(),
            bytes("00 05A000000152 00 0104 0A B603420101 EF03CF0141")
        );
        let other = CommandApdu::new(0x80, 0xE6, 0x10, 0x00);
        assert!(ReceiptSubject::of_registry_update_apdu(&other, None).is_err());
        let without = InstallForRegistryUpdate::default();
        assert_eq!(
            ReceiptSubject::of_registry_update(&without, a).encode(),
            bytes("0000000000")
        );
    }

    /// Takes the two first bytes of the input, four times, for the signature.
    struct Toy;

    impl Verifier for Toy {
        fn scheme(&self) -> SignatureScheme {
            SignatureScheme::DesMac
        }

        fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool {
            input[..2].repeat(4) == signature
        }
    }

    #[test]
    fn checks_a_receipt() {
        let subject = ReceiptSubject::of_delete(&Delete::new(aid("A000000151"), false));
        let mut confirmation = confirmation();
        assert!(!subject.is_confirmed_by(&confirmation, &Toy));
        confirmation.receipt = bytes("0200020002000200");
        assert!(subject.is_confirmed_by(&confirmation, &Toy));
        confirmation.receipt.push(0);
        assert!(!subject.is_confirmed_by(&confirmation, &Toy));
    }
}
