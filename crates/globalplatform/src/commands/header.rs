//! What all commands check in their header.

use crate::{apdu::CommandApdu, error::DecodeError};

/// Who defined a command, which the class byte tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// ISO/IEC 7816-4: class 00.
    Iso,
    /// GlobalPlatform: class 80.
    GlobalPlatform,
    /// Either.
    Any,
}

/// Checks class and instruction.
pub(crate) fn expect(apdu: &CommandApdu, origin: Origin, ins: u8) -> Result<(), DecodeError> {
    expect_class(apdu, origin)?;
    if apdu.ins == ins {
        Ok(())
    } else {
        Err(DecodeError::WrongInstruction {
            offset: 1,
            expected: ins,
            found: apdu.ins,
        })
    }
}

/// Checks the class: origin, no chaining, none of the values 20 to 3F that are reserved.
pub(crate) fn expect_class(apdu: &CommandApdu, origin: Origin) -> Result<(), DecodeError> {
    let origin_fits = match origin {
        Origin::Iso => !apdu.is_proprietary(),
        Origin::GlobalPlatform => apdu.is_proprietary(),
        Origin::Any => true,
    };
    let reserved = apdu.cla & 0x60 == 0x20;
    if origin_fits && !reserved && !apdu.is_chained() {
        Ok(())
    } else {
        Err(DecodeError::WrongClass {
            offset: 0,
            found: apdu.cla,
        })
    }
}

/// P1 has a value that the command does not have.
pub(crate) const INVALID_P1: DecodeError = DecodeError::InvalidValue {
    offset: 2,
    field: "P1",
};

/// P2 has a value that the command does not have.
pub(crate) const INVALID_P2: DecodeError = DecodeError::InvalidValue {
    offset: 3,
    field: "P2",
};

/// Checks that P1 has the only value that the command has.
pub(crate) fn expect_p1(apdu: &CommandApdu, p1: u8) -> Result<(), DecodeError> {
    if apdu.p1 == p1 {
        Ok(())
    } else {
        Err(INVALID_P1)
    }
}

/// Checks that P2 has the only value that the command has.
pub(crate) fn expect_p2(apdu: &CommandApdu, p2: u8) -> Result<(), DecodeError> {
    if apdu.p2 == p2 {
        Ok(())
    } else {
        Err(INVALID_P2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_secure_messaging_and_channels_but_no_chaining() {
        for (cla, iso, gp) in [
            (0x00, true, false),
            (0x07, true, false),
            (0x4F, true, false),
            (0x60, true, false),
            (0x80, false, true),
            (0x84, false, true),
            (0xEF, false, true),
            (0x10, false, false),
            (0x90, false, false),
            (0x20, false, false),
            (0xA0, false, false),
            (0xFF, false, false),
        ] {
            let apdu = CommandApdu::new(cla, 0xE6, 0, 0);
            let wrong = Err(DecodeError::WrongClass {
                offset: 0,
                found: cla,
            });
            for (origin, fits) in [
                (Origin::Iso, iso),
                (Origin::GlobalPlatform, gp),
                (Origin::Any, iso || gp),
            ] {
                let expected = if fits { Ok(()) } else { wrong };
                assert_eq!(
                    expect(&apdu, origin, 0xE6),
                    expected,
                    "{cla:02X} {origin:?}"
                );
            }
        }
    }

    #[test]
    fn names_both_instructions() {
        let error = expect(&CommandApdu::new(0x80, 0xE4, 0, 0), Origin::Any, 0xE6).unwrap_err();
        assert_eq!(
            error,
            DecodeError::WrongInstruction {
                offset: 1,
                expected: 0xE6,
                found: 0xE4
            }
        );
    }
}
