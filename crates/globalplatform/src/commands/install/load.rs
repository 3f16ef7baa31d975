//! INSTALL [for load] (G 11.5.2.3.1), which announces a load file.

use alloc::vec::Vec;

use super::{LoadParameters, fields, parameters::Parameters as _, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError};

/// Announces a load file and says to which security domain it will belong.
///
/// ```
/// use globalplatform::commands::install::{InstallForLoad, LoadParameters};
///
/// let command = InstallForLoad {
///     load_file: "D392F0002601000000".parse()?,
///     security_domain: None,
///     hash: None,
///     parameters: LoadParameters::default(),
///     token: None,
/// };
/// let apdu = command.to_apdu();
/// assert_eq!(hex::encode_upper(apdu.encode()?), "80E602000E09D392F00026010000000000000000");
/// assert_eq!(InstallForLoad::from_apdu(&apdu)?, command);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallForLoad {
    /// AID of the load file.
    pub load_file: Aid,
    /// The security domain that gets it; `None` for the selected one.
    pub security_domain: Option<Aid>,
    /// Hash of the load file data block; needed with a token, DAP or ciphering.
    pub hash: Option<Vec<u8>>,
    /// Parameters.
    pub parameters: LoadParameters,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
}

impl InstallForLoad {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        self.to_apdu_with(purpose::LOAD, 0x00)
    }

    pub(super) fn to_apdu_with(&self, p1: u8, p2: u8) -> CommandApdu {
        let fields = [
            self.load_file.as_bytes(),
            fields::optional(&self.security_domain),
            fields::optional(&self.hash),
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(p1, p2, &fields)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        Self::from_apdu_with(apdu, purpose::LOAD, 0x00)
    }

    pub(super) fn from_apdu_with(apdu: &CommandApdu, p1: u8, p2: u8) -> Result<Self, DecodeError> {
        let [load_file, security_domain, hash, parameters, token] = fields::open(apdu, p1, p2)?;
        Ok(Self {
            load_file: load_file.aid()?,
            security_domain: security_domain.optional_aid()?,
            hash: hash.optional_bytes(),
            parameters: LoadParameters::read(parameters.reader())?,
            token: token.optional_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::load_parameters::tests::any_parameters,
        testing::{any_aid, any_bytes, apdu, assert_encodes, assert_round_trips, bytes},
    };
    use proptest::{option::of, prelude::*};

    #[test]
    fn decodes_an_example_with_everything() {
        let hex = "80E60200 23 05A000000151 05A000000152 04AABBCCDD \
            0C EF0A C6020400 C80400010000 0401020304";
        let command = InstallForLoad::from_apdu(&apdu(hex)).unwrap();
        assert_eq!(command.security_domain, Some("A000000152".parse().unwrap()));
        assert_eq!(command.hash, Some(bytes("AABBCCDD")));
        assert_eq!(command.parameters.code_size, Some(0x400));
        assert_eq!(command.parameters.non_volatile_size, Some(0x1_0000));
        assert_eq!(command.token, Some(bytes("01020304")));
        assert_encodes(&command.to_apdu(), &alloc::format!("{hex}00"));
    }

    #[test]
    fn the_field_of_a_token_may_be_missing() {
        let with = InstallForLoad::from_apdu(&apdu("80E60200 0A 05A000000151 00 00 00 00"));
        let without = InstallForLoad::from_apdu(&apdu("80E60200 09 05A000000151 00 00 00"));
        assert_eq!(with.unwrap(), without.unwrap());
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E60200", 5),
            ("80E60200 09 04A0000001 00 00 00 00", 6),
            ("80E60200 0B 05A000000151 01A0 00 00 00", 12),
            ("80E60200 0B 05A000000151 00 00 00 00 FF", 15),
            ("80E60200 0A 05A000000151 00 00 05 EF", 15),
            ("80E60200 08 05A000000151 00 00", 13),
            ("80E60200 0D 05A000000151 00 00 03 EF01C6 00", 17),
        ] {
            let error = InstallForLoad::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(load_file in any_aid(), security_domain in of(any_aid()),
            hash in of(any_bytes(1..65)), parameters in any_parameters(),
            token in of(any_bytes(1..260))) {
            let command = InstallForLoad { load_file, security_domain, hash, parameters, token };
            assert_round_trips(&command, InstallForLoad::to_apdu, InstallForLoad::from_apdu);
        }
    }
}
