//! INSTALL [for personalization] (G 11.5.2.3.6).

use super::{fields, purpose};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError};

/// Sends the STORE DATA commands that follow to an application of the selected security domain.
///
/// ```
/// use globalplatform::commands::install::InstallForPersonalization;
///
/// let command = InstallForPersonalization { instance: "A000000151".parse()? };
/// let apdu = command.to_apdu().encode()?;
/// assert_eq!(hex::encode_upper(apdu), "80E620000B000005A00000015100000000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallForPersonalization {
    /// The application.
    pub instance: Aid,
}

impl InstallForPersonalization {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let fields = [&[][..], &[], self.instance.as_bytes(), &[], &[], &[]];
        fields::command(purpose::PERSONALIZATION, 0x00, &fields)
    }

    /// Decodes the command; every field but the AID must be empty.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let [first, second, instance, others @ ..] =
            fields::open::<6>(apdu, purpose::PERSONALIZATION, 0x00)?;
        first.empty()?;
        second.empty()?;
        let instance = instance.aid()?;
        others.iter().try_for_each(fields::Field::empty)?;
        Ok(Self { instance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, apdu, assert_round_trips};
    use proptest::prelude::*;

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80E60200", 2),
            ("80E62000", 5),
            ("80E62000 0C 01AA 00 05A000000151 00 00 00", 6),
            ("80E62000 06 00 00 00 00 00 00", 8),
            ("80E62000 0C 00 00 05A000000151 0100 00 00", 14),
            ("80E62000 0C 00 00 05A000000151 00 0100 00", 15),
            ("80E62000 0C 00 00 05A000000151 00 00 0100", 16),
            ("80E62000 0C 00 01AA 05A000000151 00 00 00", 7),
            ("80E62000 09 00 00 05A000000151 00", 14),
            ("80E62000 0C 00 00 05A000000151 00 00 00 00", 16),
        ] {
            let error = InstallForPersonalization::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(instance in any_aid()) {
            assert_round_trips(
                &InstallForPersonalization { instance },
                InstallForPersonalization::to_apdu,
                InstallForPersonalization::from_apdu,
            );
        }
    }
}
