//! MANAGE CHANNEL (G 11.7; ISO/IEC 7816-4, 11.1.2).

use super::header::{self, INVALID_P1, INVALID_P2, Origin};
use crate::{apdu::CommandApdu, error::DecodeError};

/// Instruction byte.
pub const INS: u8 = 0x70;

const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x80;
/// Logical channels are numbered 0 to 19; 0 is always open.
const LAST_CHANNEL: u8 = 19;

/// Opens or closes a logical channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManageChannel {
    /// Opens a channel that the card chooses; the response is [`ManageChannelResponse`].
    Open,
    /// Opens this channel (1 to 19); no data come back.
    OpenNumbered(u8),
    /// Closes this channel (1 to 19), or with 0 the one on which the command comes.
    Close(u8),
}

impl ManageChannel {
    /// The command.
    #[must_use]
    pub const fn to_apdu(&self) -> CommandApdu {
        match *self {
            Self::Open => CommandApdu::new(0x00, INS, OPEN, 0).with_le(1),
            Self::OpenNumbered(channel) => CommandApdu::new(0x00, INS, OPEN, channel),
            Self::Close(channel) => CommandApdu::new(0x00, INS, CLOSE, channel),
        }
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::Iso, INS)?;
        if apdu.p2 > LAST_CHANNEL {
            return Err(INVALID_P2);
        }
        if !apdu.data.is_empty() {
            return Err(DecodeError::TrailingBytes {
                offset: apdu.data_offset(),
            });
        }
        match (apdu.p1, apdu.p2) {
            (OPEN, 0) => Ok(Self::Open),
            (OPEN, channel) => Ok(Self::OpenNumbered(channel)),
            (CLOSE, channel) => Ok(Self::Close(channel)),
            _ => Err(INVALID_P1),
        }
    }
}

/// The number of the channel that the card opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ManageChannelResponse {
    /// 1 to 19.
    pub channel: u8,
}

impl ManageChannelResponse {
    /// The data field.
    #[must_use]
    pub const fn encode(&self) -> [u8; 1] {
        [self.channel]
    }

    /// Decodes the data field.
    ///
    /// # Errors
    /// [`DecodeError`] unless it is one byte from 1 to 19.
    pub const fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        match *data {
            [channel @ 1..=LAST_CHANNEL] => Ok(Self { channel }),
            [_] => Err(DecodeError::InvalidValue {
                offset: 0,
                field: "channel",
            }),
            [] => Err(DecodeError::Truncated {
                offset: 0,
                needed: 1,
            }),
            [_, ..] => Err(DecodeError::TrailingBytes { offset: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, apdu, assert_encodes, assert_no_panic, assert_round_trips,
    };
    use proptest::prelude::*;

    #[test]
    fn encodes_examples() {
        assert_encodes(&ManageChannel::Open.to_apdu(), "0070000001");
        assert_encodes(&ManageChannel::Close(2).to_apdu(), "00708002");
        assert_encodes(&ManageChannel::OpenNumbered(3).to_apdu(), "00700003");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80700000", 0),
            ("00720000", 1),
            ("00704000", 2),
            ("00708014", 3),
            ("0070800101FF", 5),
        ] {
            let error = ManageChannel::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn decodes_one_channel_number() {
        let response = ManageChannelResponse { channel: 19 };
        assert_eq!(
            ManageChannelResponse::decode(&response.encode()),
            Ok(response)
        );
        for (data, offset) in [(&[][..], 0), (&[0], 0), (&[20], 0), (&[1, 1], 1)] {
            let error = ManageChannelResponse::decode(data).unwrap_err();
            assert_eq!(error.offset(), offset);
        }
    }

    proptest! {
        #[test]
        fn round_trips(command in prop_oneof![
            Just(ManageChannel::Open),
            (1u8..20).prop_map(ManageChannel::OpenNumbered),
            (0u8..20).prop_map(ManageChannel::Close)]) {
            assert_round_trips(&command, ManageChannel::to_apdu, ManageChannel::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, ManageChannel::from_apdu);
        }
    }
}
