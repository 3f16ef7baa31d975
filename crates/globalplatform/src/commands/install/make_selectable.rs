//! INSTALL [for make selectable] (G 11.5.2.3.3).

use alloc::vec::Vec;

use super::{RegistryParameters, fields, parameters::Parameters as _, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError, privileges::Privileges};

/// Makes an installed application SELECTABLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallForMakeSelectable {
    /// The application.
    pub instance: Aid,
    /// Only Card Reset counts; written with three bytes.
    pub privileges: Privileges,
    /// Parameters.
    pub parameters: RegistryParameters,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
}

impl InstallForMakeSelectable {
    /// Makes this application selectable and changes nothing else.
    #[must_use]
    pub fn new(instance: Aid) -> Self {
        Self {
            instance,
            privileges: Privileges::NONE,
            parameters: RegistryParameters::default(),
            token: None,
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let fields = [
            &[],
            &[],
            self.instance.as_bytes(),
            &self.privileges.to_bytes(),
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(purpose::MAKE_SELECTABLE, 0x00, &fields)
    }

    /// Decodes the command. Some hosts repeat the load file and module here; they are ignored.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let [_load_file, _module, instance, privileges, parameters, token] =
            fields::open(apdu, purpose::MAKE_SELECTABLE, 0x00)?;
        Ok(Self {
            instance: instance.aid()?,
            privileges: privileges.privileges()?,
            parameters: RegistryParameters::read(parameters.reader())?,
            token: token.optional_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::registry_parameters::tests::any_parameters,
        testing::{any_aid, any_bytes, apdu, assert_encodes, assert_round_trips},
    };
    use proptest::{option::of, prelude::*};

    #[test]
    fn encodes_an_example() {
        let aid = "A000000151".parse().unwrap();
        assert_encodes(
            &InstallForMakeSelectable::new(aid).to_apdu(),
            "80E60800 0E 00 00 05A000000151 03000000 00 00 00",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E60400", 2),
            ("80E60800 02 0000", 7),
            ("80E60800 0B 0000 05A000000151 00 00 00", 14),
            ("80E60800 0D 0000 05A000000151 0100 00 00 00", 17),
        ] {
            let error = InstallForMakeSelectable::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(instance in any_aid(), privileges: [u8; 3], parameters in any_parameters(),
            token in of(any_bytes(1..200))) {
            let command = InstallForMakeSelectable {
                instance, privileges: Privileges(privileges), parameters, token };
            assert_round_trips(
                &command, InstallForMakeSelectable::to_apdu, InstallForMakeSelectable::from_apdu);
        }
    }
}
