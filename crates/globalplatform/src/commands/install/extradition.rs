//! INSTALL [for extradition] (G 11.5.2.3.4).

use alloc::vec::Vec;

use super::{RegistryParameters, fields, parameters::Parameters as _, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError};

/// Associates an application or load file with another security domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallForExtradition {
    /// The security domain that gets it.
    pub security_domain: Aid,
    /// The application or load file.
    pub aid: Aid,
    /// Parameters.
    pub parameters: RegistryParameters,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
}

impl InstallForExtradition {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let fields = [
            self.security_domain.as_bytes(),
            &[],
            self.aid.as_bytes(),
            &[],
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(purpose::EXTRADITION, 0x00, &fields)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let [security_domain, empty, aid, also_empty, parameters, token] =
            fields::open(apdu, purpose::EXTRADITION, 0x00)?;
        empty.empty()?;
        also_empty.empty()?;
        Ok(Self {
            security_domain: security_domain.aid()?,
            aid: aid.aid()?,
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
        // The token input of kaoh/globalplatform, with an empty token.
        let command = InstallForExtradition {
            security_domain: "D4D4D4D4D4010101".parse().unwrap(),
            aid: "D0D1D2D3D4D50101".parse().unwrap(),
            parameters: RegistryParameters::default(),
            token: None,
        };
        assert_encodes(
            &command.to_apdu(),
            "80E61000 16 08D4D4D4D4D4010101 00 08D0D1D2D3D4D50101 00 00 00 00",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E60200", 2),
            ("80E61000 01 00", 6),
            ("80E61000 11 05A000000151 01AA 05A000000152 00 00 00", 12),
            ("80E61000 11 05A000000151 00 05A000000152 01AA 00 00", 19),
            ("80E61000 0C 05A000000151 00 01AA 00 00 00", 13),
            ("80E61000 0C 01AA 00 05A000000151 00 00 00", 6),
            ("80E61000 0F 05A000000151 00 05A000000152 00 01EF", 20),
            ("80E61001", 3),
            ("80E61000 0E 05A000000151 00 05A000000152 00", 19),
        ] {
            let error = InstallForExtradition::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(security_domain in any_aid(), aid in any_aid(),
            parameters in any_parameters(), token in of(any_bytes(1..200))) {
            let command = InstallForExtradition { security_domain, aid, parameters, token };
            assert_round_trips(
                &command, InstallForExtradition::to_apdu, InstallForExtradition::from_apdu);
        }
    }
}
