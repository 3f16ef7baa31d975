//! INSTALL [for install] and [for install and make selectable] (G 11.5.2.3.2).

use alloc::vec::Vec;

use super::{InstallParameters, fields, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError, privileges::Privileges};

/// Makes an application or security domain from a module of a load file.
///
/// ```
/// use globalplatform::{
///     commands::install::{InstallForInstall, InstallParameters},
///     privileges::Privileges,
/// };
///
/// let command = InstallForInstall {
///     load_file: "A0000001515350".parse()?,
///     module: "A000000151535041".parse()?,
///     instance: "D392F00026535344000001".parse()?,
///     privileges: Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH,
///     parameters: InstallParameters {
///         applet: vec![0x81, 0x02, 0x03, 0x70],
///         non_volatile_quota: Some(65_536),
///         ..InstallParameters::default()
///     },
///     token: None,
///     make_selectable: true,
/// };
/// let apdu = command.to_apdu();
/// assert_eq!(apdu.p1, 0x0C);
/// assert_eq!(InstallForInstall::from_apdu(&apdu)?, command);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallForInstall {
    /// The load file.
    pub load_file: Aid,
    /// The module inside it (the applet's class).
    pub module: Aid,
    /// The AID that the new application gets.
    pub instance: Aid,
    /// Its privileges; written with three bytes.
    pub privileges: Privileges,
    /// Parameters.
    pub parameters: InstallParameters,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
    /// Whether it becomes SELECTABLE at once.
    pub make_selectable: bool,
}

impl InstallForInstall {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let p1 = if self.make_selectable {
            purpose::INSTALL_AND_MAKE_SELECTABLE
        } else {
            purpose::INSTALL
        };
        let fields = [
            self.load_file.as_bytes(),
            self.module.as_bytes(),
            self.instance.as_bytes(),
            &self.privileges.to_bytes(),
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(p1, 0x00, &fields)
    }

    /// Decodes the command; privileges may have one byte or three.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let make_selectable = apdu.p1 == purpose::INSTALL_AND_MAKE_SELECTABLE;
        let p1 = if make_selectable {
            apdu.p1
        } else {
            purpose::INSTALL
        };
        let [load_file, module, instance, privileges, parameters, token] =
            fields::open(apdu, p1, 0x00)?;
        Ok(Self {
            load_file: load_file.aid()?,
            module: module.aid()?,
            instance: instance.aid()?,
            privileges: privileges.privileges()?,
            parameters: InstallParameters::read_complete(parameters.reader())?,
            token: token.optional_bytes(),
            make_selectable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::install_parameters::tests::any_parameters,
        testing::{any_aid, any_bytes, apdu, assert_round_trips},
    };
    use alloc::string::ToString;
    use proptest::{option::of, prelude::*};

    #[test]
    fn decodes_an_example_with_one_byte_of_privileges() {
        // The token input `token-install` of the project's SCP03 vectors, with an empty token.
        let hex = "80E60C00 2A 08A00000015141434C 09A00000015141434C01 \
            0AA00000015141434C0101 0100 08 C900EF04C8020100 00";
        let command = InstallForInstall::from_apdu(&apdu(hex)).unwrap();
        assert!(command.make_selectable);
        assert_eq!(command.instance.to_string(), "A00000015141434C0101");
        assert!(command.privileges.is_empty());
        assert_eq!(command.parameters.non_volatile_quota, Some(256));
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E60200", 2),
            ("80E60C01", 3),
            ("80E60400 06 05A000000151", 11),
            ("80E60400 12 05A000000151 05A000000151 05A000000151", 23),
            ("80E60400 13 00 05A000000151 05A000000151 0100 02C900 00", 6),
            (
                "80E60400 13 05A000000151 00 05A000000151 0100 02C900 00",
                12,
            ),
            (
                "80E60400 13 05A000000151 05A000000151 00 0100 02C900 00",
                18,
            ),
            (
                "80E60400 17 05A000000151 05A000000151 05A000000151 028000 00 00",
                24,
            ),
            (
                "80E60400 16 05A000000151 05A000000151 05A000000151 0100 00 00",
                26,
            ),
            (
                "80E60400 19 05A000000151 05A000000151 05A000000151 0100 02C900 00 00",
                29,
            ),
        ] {
            let error = InstallForInstall::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(load_file in any_aid(), module in any_aid(), instance in any_aid(),
            privileges: [u8; 3], parameters in any_parameters(), token in of(any_bytes(1..200)),
            make_selectable: bool) {
            let command = InstallForInstall {
                load_file, module, instance, privileges: Privileges(privileges), parameters, token,
                make_selectable,
            };
            assert_round_trips(&command, InstallForInstall::to_apdu, InstallForInstall::from_apdu);
        }
    }
}
