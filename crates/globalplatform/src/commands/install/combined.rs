//! The two commands of INSTALL [for load, install and make selectable] (G 11.5.2.2, Tables 11-42 and
//! 11-43): one before the LOAD commands (P2 01), one after them (P2 03).

use alloc::vec::Vec;

use super::{InstallForLoad, InstallParameters, fields, purpose};
use crate::{
    aid::Aid,
    apdu::CommandApdu,
    commands::header::{self, INVALID_P2, Origin},
    error::DecodeError,
    privileges::Privileges,
};

/// P2: the beginning of the combined process.
const BEGIN: u8 = 0x01;
/// P2: its end.
const END: u8 = 0x03;

/// One of the two commands of the combined process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CombinedInstall {
    /// The first command, with the data of INSTALL [for load]. It carries no token: that of the last
    /// command covers both.
    Begin(InstallForLoad),
    /// The last command.
    End(CombinedInstallEnd),
}

/// What the last command of the combined process says: INSTALL [for install] with load file and
/// module optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombinedInstallEnd {
    /// The load file; if it is said, that of the first command.
    pub load_file: Option<Aid>,
    /// The module inside it, as far as the runtime environment needs one.
    pub module: Option<Aid>,
    /// The AID that the new application gets.
    pub instance: Aid,
    /// Its privileges; written with three bytes.
    pub privileges: Privileges,
    /// Parameters.
    pub parameters: InstallParameters,
    /// The token of Delegated Management, over both commands.
    pub token: Option<Vec<u8>>,
}

impl CombinedInstall {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        match self {
            Self::Begin(load) => load.to_apdu_with(purpose::COMBINED, BEGIN),
            Self::End(end) => end.to_apdu(),
        }
    }

    /// Decodes the command; P2 tells which of the two it is.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, super::INS)?;
        header::expect_p1(apdu, purpose::COMBINED)?;
        match apdu.p2 {
            BEGIN => {
                InstallForLoad::from_apdu_with(apdu, purpose::COMBINED, BEGIN).map(Self::Begin)
            }
            END => CombinedInstallEnd::from_apdu(apdu).map(Self::End),
            _ => Err(INVALID_P2),
        }
    }
}

impl CombinedInstallEnd {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let fields = [
            fields::optional(&self.load_file),
            fields::optional(&self.module),
            self.instance.as_bytes(),
            &self.privileges.to_bytes(),
            &self.parameters.encode(),
            fields::optional(&self.token),
        ];
        fields::command(purpose::COMBINED, END, &fields)
    }

    /// Decodes the command; privileges may have one byte or three.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let [load_file, module, instance, privileges, parameters, token] =
            fields::open(apdu, purpose::COMBINED, END)?;
        Ok(Self {
            load_file: load_file.optional_aid()?,
            module: module.optional_aid()?,
            instance: instance.aid()?,
            privileges: privileges.privileges()?,
            parameters: InstallParameters::read_complete(parameters.reader())?,
            token: token.optional_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        install::{
            LoadParameters, install_parameters::tests::any_parameters as any_install_parameters,
            load_parameters::tests::any_parameters as any_load_parameters,
        },
        testing::{any_aid, any_bytes, apdu, assert_encodes, assert_round_trips},
    };
    use proptest::{option::of, prelude::*};

    fn aid(text: &str) -> Aid {
        text.parse().unwrap()
    }

    #[test]
    fn encodes_both_commands() {
        let begin = CombinedInstall::Begin(InstallForLoad {
            load_file: aid("A000000151"),
            security_domain: Some(aid("A000000152")),
            hash: None,
            parameters: LoadParameters::default(),
            token: None,
        });
        assert_encodes(
            &begin.to_apdu(),
            "80E60E01 0F 05A000000151 05A000000152 00 00 00 00",
        );
        let end = CombinedInstall::End(CombinedInstallEnd {
            load_file: None,
            module: Some(aid("A000000153")),
            instance: aid("A000000154"),
            privileges: Privileges::CARD_RESET,
            parameters: InstallParameters::default(),
            token: Some([0xAA].into()),
        });
        assert_encodes(
            &end.to_apdu(),
            "80E60E03 16 00 05A000000153 05A000000154 03040000 02C900 01AA 00",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00E60E01", 0),
            ("80E40E01", 1),
            ("80E60C01", 2),
            ("80E60E00", 3),
            ("80E60E02", 3),
            ("80E60E01 05 00 00 00 00 00", 6),
            ("80E60E03 0C 01A0 00 05A000000151 00 00 00", 6),
            ("80E60E03 0C 00 01A0 05A000000151 00 00 00", 7),
            ("80E60E03 06 00 00 00 00 00 00", 8),
            ("80E60E03 0B 00 00 05A000000151 00 00 00", 14),
            ("80E60E03 0C 00 00 05A000000151 0100 00 00", 16),
        ] {
            let error = CombinedInstall::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
        let other = CombinedInstallEnd::from_apdu(&apdu("80E60E01"));
        assert_eq!(other, Err(INVALID_P2));
    }

    proptest! {
        #[test]
        fn the_first_command_round_trips(load_file in any_aid(), security_domain in of(any_aid()),
            hash in of(any_bytes(1..65)), parameters in any_load_parameters()) {
            let command = CombinedInstall::Begin(InstallForLoad {
                load_file, security_domain, hash, parameters, token: None });
            assert_round_trips(&command, CombinedInstall::to_apdu, CombinedInstall::from_apdu);
        }

        #[test]
        fn the_last_command_round_trips(load_file in of(any_aid()), module in of(any_aid()),
            instance in any_aid(), privileges: [u8; 3], parameters in any_install_parameters(),
            token in of(any_bytes(1..200))) {
            let command = CombinedInstall::End(CombinedInstallEnd {
                load_file, module, instance, privileges: Privileges(privileges), parameters, token });
            assert_round_trips(&command, CombinedInstall::to_apdu, CombinedInstall::from_apdu);
        }
    }
}
