//! What a token signs (G C.4): `P1 | P2 | Lc | data` of the command as it is without the token and,
//! in INSTALL, without the token's length.

use alloc::vec::Vec;

use super::Signer;
use crate::{
    apdu::CommandApdu,
    commands::{
        delete::{self, Delete},
        install::{
            self, CombinedInstallEnd, InstallForExtradition, InstallForInstall, InstallForLoad,
            InstallForMakeSelectable, InstallForRegistryUpdate,
        },
    },
    error::DecodeError,
    tlv::{Tag, Writer},
};

const DELETE_TOKEN: Tag = Tag(0x9E);
/// P1 of INSTALL: for load, and the first of the combined commands with P2 01.
const LOAD: u8 = 0x02;
const COMBINED: u8 = 0x0E;
const COMBINED_BEGIN: u8 = 0x01;

/// A command taken apart: what its token signs, and the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCommand {
    /// The input of the signature.
    pub input: Vec<u8>,
    /// The token, if the command carries one.
    pub token: Option<Vec<u8>>,
}

/// Takes an INSTALL or DELETE apart, byte for byte as it was sent.
///
/// A card uses this on the command it received, a host on one that has no token yet. The length is
/// one byte, or `00 hi lo` above 255.
///
/// # Errors
/// [`DecodeError`] with the offset in the encoded command: another instruction, fields that are cut
/// off or too many.
///
/// ```
/// use globalplatform::{apdu::CommandApdu, delegated_management::token_input};
///
/// let delete = CommandApdu::decode(&hex::decode("80E4008009 4F05A000000151 9E00".replace(' ', ""))?)?;
/// let signed = token_input(&delete)?;
/// assert_eq!(hex::encode_upper(signed.input), "0080074F05A000000151");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn token_input(command: &CommandApdu) -> Result<SignedCommand, DecodeError> {
    let (length, token) = match command.ins {
        install::INS => install_token(command)?,
        delete::INS => delete_token(command)?,
        found => {
            return Err(DecodeError::WrongInstruction {
                offset: 1,
                expected: install::INS,
                found,
            });
        }
    };
    let data = command.data.get(..length).unwrap_or(&command.data);
    Ok(SignedCommand {
        input: input(command, data),
        token: token.filter(|token| !token.is_empty()).map(<[u8]>::to_vec),
    })
}

fn input(command: &CommandApdu, data: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.bytes(&[command.p1, command.p2]);
    match u8::try_from(data.len()) {
        Ok(length) => writer.u8(length),
        Err(_) => {
            writer.u8(0);
            writer.u16(u16::try_from(data.len()).unwrap_or(u16::MAX));
        }
    }
    writer.bytes(data);
    writer.into_vec()
}

/// Where the token's length begins, and the token: the fifth or sixth field.
fn install_token(command: &CommandApdu) -> Result<(usize, Option<&[u8]>), DecodeError> {
    let before = match (command.p1, command.p2) {
        (LOAD, _) | (COMBINED, COMBINED_BEGIN) => 4,
        _ => 5,
    };
    let mut reader = command.reader();
    for _ in 0..before {
        reader.lv()?;
    }
    let length = command.data.len() - reader.remaining().len();
    if reader.is_empty() {
        return Ok((length, None));
    }
    let token = reader.lv()?;
    reader.finish()?;
    Ok((length, Some(token)))
}

/// Where tag 9E begins, and its value.
fn delete_token(command: &CommandApdu) -> Result<(usize, Option<&[u8]>), DecodeError> {
    let mut reader = command.reader();
    while !reader.is_empty() {
        let length = command.data.len() - reader.remaining().len();
        let object = reader.tlv()?;
        if object.tag == DELETE_TOKEN {
            reader.finish()?;
            return Ok((length, Some(object.value)));
        }
    }
    Ok((command.data.len(), None))
}

/// What the token of the combined INSTALL signs (G Table C-10): the first command, then the last one.
///
/// # Errors
/// As [`token_input`].
pub fn combined_token_input(
    begin: &CommandApdu,
    end: &CommandApdu,
) -> Result<SignedCommand, DecodeError> {
    let mut signed = token_input(begin)?;
    let last = token_input(end)?;
    signed.input.extend_from_slice(&last.input);
    signed.token = last.token;
    Ok(signed)
}

/// A command that can carry a token.
pub trait SignableCommand {
    /// The command.
    fn command(&self) -> CommandApdu;

    /// Its token.
    fn token(&self) -> Option<&[u8]>;

    /// Puts a token in, or takes it out.
    fn set_token(&mut self, token: Option<Vec<u8>>);

    /// What the token signs.
    fn token_input(&self) -> Vec<u8> {
        // What our own encoders write can be taken apart.
        token_input(&self.command()).map_or_else(|_| Vec::new(), |signed| signed.input)
    }
}

macro_rules! signable {
    ($($command:ident),*) => {
        $(impl SignableCommand for $command {
            fn command(&self) -> CommandApdu {
                self.to_apdu()
            }

            fn token(&self) -> Option<&[u8]> {
                self.token.as_deref()
            }

            fn set_token(&mut self, token: Option<Vec<u8>>) {
                self.token = token;
            }
        })*
    };
}

signable!(
    InstallForLoad,
    InstallForInstall,
    InstallForMakeSelectable,
    InstallForExtradition,
    InstallForRegistryUpdate,
    CombinedInstallEnd,
    Delete
);

/// Signs a command: computes its token and puts it in. (For the combined INSTALL use
/// [`combined_token_input`], since its token covers two commands.)
///
/// # Errors
/// What the signer says.
pub fn sign<C: SignableCommand, S: Signer>(command: &mut C, signer: &S) -> Result<(), S::Error> {
    let token = signer.sign(&command.token_input())?;
    command.set_token(Some(token));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::{
            install::{CombinedInstall, InstallParameters, LoadParameters, RegistryParameters},
            testing::{any_apdu, apdu, bytes},
        },
        delegated_management::SignatureScheme,
        privileges::Privileges,
    };
    use proptest::prelude::*;

    fn aid(text: &str) -> crate::aid::Aid {
        text.parse().unwrap()
    }

    fn expect(command: &mut impl SignableCommand, hex: &str) {
        assert_eq!(command.token(), None);
        assert_eq!(
            hex::encode_upper(command.token_input()),
            hex.replace(' ', "")
        );
        command.set_token(Some([0xAB; 130].into()));
        assert_eq!(
            hex::encode_upper(command.token_input()),
            hex.replace(' ', "")
        );
        let signed = token_input(&command.command()).unwrap();
        assert_eq!(signed.token.as_deref(), Some(&[0xAB; 130][..]));
        assert_eq!(command.token(), signed.token.as_deref());
    }

    #[test]
    fn signs_what_the_tables_say() {
        // `token-install`, `token-extradition` and `token-delete` of the project's SCP03 vectors.
        let mut install = InstallForInstall {
            load_file: aid("A00000015141434C"),
            module: aid("A00000015141434C01"),
            instance: aid("A00000015141434C0101"),
            privileges: Privileges::NONE,
            parameters: InstallParameters {
                non_volatile_quota: Some(256),
                ..InstallParameters::default()
            },
            token: None,
            make_selectable: true,
        };
        // Ours are three bytes of privileges, the vector has one.
        expect(
            &mut install,
            "0C00 2B 08A00000015141434C 09A00000015141434C01 0AA00000015141434C0101 \
             03000000 08C900EF04C8020100",
        );
        let raw = apdu(
            "80E60C00 2A 08A00000015141434C 09A00000015141434C01 0AA00000015141434C0101 \
             0100 08C900EF04C8020100 00",
        );
        assert_eq!(
            token_input(&raw).unwrap(),
            SignedCommand {
                input: bytes(
                    "0C002908A00000015141434C09A00000015141434C010AA00000015141434C0101010008\
                     C900EF04C8020100"
                ),
                token: None,
            }
        );
        let mut extradition = InstallForExtradition {
            security_domain: aid("A000000151000000"),
            aid: aid("A00000015141434C0101"),
            parameters: RegistryParameters::default(),
            token: None,
        };
        let hex = "10001708A000000151000000000AA00000015141434C01010000";
        expect(&mut extradition, hex);
        let mut delete = Delete::new(aid("A00000015141434C0101"), false);
        expect(&mut delete, "00000C4F0AA00000015141434C0101");
        // The examples of kaoh/globalplatform.
        extradition = InstallForExtradition {
            security_domain: aid("D4D4D4D4D4010101"),
            aid: aid("D0D1D2D3D4D50101"),
            token: None,
            ..extradition
        };
        let hex = "10 00 15 08 D4D4D4D4D4010101 00 08 D0D1D2D3D4D50101 00 00";
        expect(&mut extradition, hex);
    }

    #[test]
    fn signs_the_other_commands() {
        let mut load = InstallForLoad {
            load_file: aid("A000000151"),
            security_domain: None,
            hash: Some([7; 32].into()),
            parameters: LoadParameters::default(),
            token: None,
        };
        let hash = "07".repeat(32);
        let expected = alloc::format!("020029 05A000000151 00 20{hash} 00");
        expect(&mut load, &expected);
        let mut selectable = InstallForMakeSelectable::new(aid("A000000151"));
        expect(&mut selectable, "08000D 00 00 05A000000151 03000000 00");
        let mut update = InstallForRegistryUpdate::default();
        expect(&mut update, "400005 0000000000");
        let delete = apdu("80E40080 12 4F05A000000151 B603420107 9E0455667788 00");
        let signed = token_input(&delete).unwrap();
        assert_eq!(signed.input, bytes("0080 0C 4F05A000000151 B603420107"));
        assert_eq!(signed.token, Some(bytes("55667788")));
    }

    #[test]
    fn lengths_above_255_have_three_bytes() {
        let with = |length: usize| InstallForInstall {
            load_file: aid("A000000151"),
            module: aid("A000000152"),
            instance: aid("A000000153"),
            privileges: Privileges::NONE,
            parameters: InstallParameters::for_applet(alloc::vec![1; length]),
            token: None,
            make_selectable: false,
        };
        // Three AIDs and privileges: 22; C9 81 xx and its length field 81 xx: 5.
        let short = with(255 - 22 - 5).token_input();
        assert_eq!((short[2], short.len()), (0xFF, 3 + 255));
        let long = with(256 - 22 - 5).token_input();
        assert_eq!((&long[2..5], long.len()), (&[0, 1, 0][..], 5 + 256));
    }

    #[test]
    fn the_combined_token_covers_both_commands() {
        let begin = CombinedInstall::Begin(InstallForLoad {
            load_file: aid("A000000151"),
            security_domain: None,
            hash: None,
            parameters: LoadParameters::default(),
            token: None,
        });
        let end = CombinedInstallEnd {
            load_file: None,
            module: None,
            instance: aid("A000000152"),
            privileges: Privileges::NONE,
            parameters: InstallParameters::default(),
            token: Some([9, 9].into()),
        };
        let signed = combined_token_input(&begin.to_apdu(), &end.to_apdu()).unwrap();
        let expected = "0E0109 05A000000151 000000 0E030F 00 00 05A000000152 03000000 02C900";
        assert_eq!(signed.input, bytes(expected));
        assert_eq!(signed.token, Some([9, 9].into()));
    }

    #[test]
    fn the_field_of_a_token_may_be_missing() {
        for hex in ["80E60200 04 00000000", "80E60200 05 0000000000"] {
            let signed = token_input(&apdu(hex)).unwrap();
            assert_eq!(
                (signed.input, signed.token),
                (bytes("0200 04 00000000"), None)
            );
        }
    }

    #[test]
    fn refuses_what_carries_no_token_with_offsets() {
        for (hex, offset) in [
            ("80E80000", 1),
            ("80E60200", 5),
            ("80E60200 03 000000", 8),
            ("80E60200 06 000000000000", 10),
            ("80E60E01 06 000000000000", 10),
            ("80E60E03 04 00000000", 9),
            ("80E60C00 07 00000000000000", 11),
            ("80E40000 01 4F", 6),
            ("80E40000 05 9E00 9E0100", 7),
        ] {
            let error = token_input(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn a_refusal_to_sign_leaves_the_command_as_it_was() {
        struct Refusing;
        impl Signer for Refusing {
            type Error = u8;
            fn scheme(&self) -> SignatureScheme {
                SignatureScheme::AesCmac
            }
            fn sign(&self, _input: &[u8]) -> Result<Vec<u8>, u8> {
                Err(7)
            }
        }
        let mut delete = Delete::new(aid("A000000151"), false);
        assert_eq!(Refusing.scheme(), SignatureScheme::AesCmac);
        assert_eq!(sign(&mut delete, &Refusing), Err(7));
        assert_eq!(delete.token(), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(install in any_apdu(install::INS), delete in any_apdu(delete::INS)) {
            for command in [&install, &delete] {
                if let Err(error) = token_input(command) {
                    prop_assert!(error.offset() <= command.data_offset() + command.data.len());
                }
            }
        }
    }
}
