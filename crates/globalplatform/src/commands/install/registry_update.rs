//! INSTALL [for registry update] (G 11.5.2.3.5).

use alloc::vec::Vec;

use super::{RegistryParameters, fields, parameters::Parameters as _, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError, privileges::Privileges};

/// Changes an entry of the registry, all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallForRegistryUpdate {
    /// The security domain that gets the application; `None` leaves the association.
    pub security_domain: Option<Aid>,
    /// The application; `None` with restrictions for the whole card.
    pub aid: Option<Aid>,
    /// Its privileges from now on; `None` leaves them.
    pub privileges: Option<Privileges>,
    /// Parameters.
    pub parameters: RegistryParameters,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
}

impl InstallForRegistryUpdate {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let privileges = self.privileges.map(Privileges::to_bytes);
        let fields = [
            fields::optional(&self.security_domain),
            &[],
            fields::optional(&self.aid),
            fields::optional(&privileges),
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(purpose::REGISTRY_UPDATE, 0x00, &fields)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let [security_domain, empty, aid, privileges, parameters, token] =
            fields::open(apdu, purpose::REGISTRY_UPDATE, 0x00)?;
        empty.empty()?;
        Ok(Self {
            security_domain: security_domain.optional_aid()?,
            aid: aid.optional_aid()?,
            privileges: privileges.optional_privileges()?,
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
    fn encodes_a_restriction_of_the_whole_card() {
        let command = InstallForRegistryUpdate {
            parameters: RegistryParameters {
                restrictions: Some(0x02),
                ..RegistryParameters::default()
            },
            ..InstallForRegistryUpdate::default()
        };
        assert_encodes(
            &command.to_apdu(),
            "80E64000 0B 00 00 00 00 05 EF03D90102 00 00",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E61000", 2),
            ("80E64000 01 00", 6),
            ("80E64000 0A 04A0000001 00 00 00 00 00", 6),
            ("80E64000 0A 00 00 04A0000001 00 00 00", 8),
            ("80E64000 07 00 01AA 00 00 00 00", 7),
            ("80E64000 08 00 00 00 020000 00 00", 9),
            ("80E64000 04 00 00 00 00", 9),
        ] {
            let error = InstallForRegistryUpdate::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(security_domain in of(any_aid()), aid in of(any_aid()),
            privileges: Option<[u8; 3]>, parameters in any_parameters(),
            token in of(any_bytes(1..200))) {
            let command = InstallForRegistryUpdate {
                security_domain, aid, privileges: privileges.map(Privileges), parameters, token };
            assert_round_trips(
                &command, InstallForRegistryUpdate::to_apdu, InstallForRegistryUpdate::from_apdu);
        }
    }
}
