//! INITIALIZE UPDATE of SCP03 (D 7.1.1), which opens a secure channel.

use alloc::vec::Vec;

use super::header::{self, Origin};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::{DecodeError, EncodeError},
    tlv::Reader,
};

/// Instruction byte.
pub const INS: u8 = 0x50;

/// The number of SCP03 in the key information.
const SCP03: u8 = 0x03;
/// `i` bit: S16 mode, that is challenges and cryptograms of 16 bytes.
const S16: u8 = 0x01;
/// `i` bit: pseudo-random card challenge, that is a sequence counter in the response.
const PSEUDO_RANDOM: u8 = 0x10;

/// Starts a secure channel session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitializeUpdate {
    /// Version of the key set; 00 for the card's default.
    pub key_version: u8,
    /// Key identifier; 00 in practice.
    pub key_id: u8,
    /// 8 bytes (S8) or 16 (S16).
    pub host_challenge: Vec<u8>,
}

impl InitializeUpdate {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        CommandApdu::new(0x80, INS, self.key_version, self.key_id)
            .with_data(self.host_challenge.clone())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; the challenge must have 8 or 16 bytes.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        if !matches!(apdu.data.len(), 8 | 16) {
            return Err(DecodeError::InvalidLength {
                offset: apdu.data_offset(),
            });
        }
        Ok(Self {
            key_version: apdu.p1,
            key_id: apdu.p2,
            host_challenge: apdu.data.clone(),
        })
    }
}

/// The card's part of the authentication (D Table 7-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitializeUpdateResponse {
    /// Key diversification data.
    pub kdd: [u8; 10],
    /// Version of the key set in use.
    pub key_version: u8,
    /// SCP03 options ("i").
    pub i: u8,
    /// 8 bytes (S8) or 16 (S16).
    pub card_challenge: Vec<u8>,
    /// As long as the challenge.
    pub card_cryptogram: Vec<u8>,
    /// The counter of the key set, when the challenge is pseudo-random.
    pub sequence_counter: Option<[u8; 3]>,
}

impl InitializeUpdateResponse {
    /// The data field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let view = self.view();
        let information = view.information();
        [
            &view.kdd[..],
            &information,
            view.card_challenge,
            view.card_cryptogram,
            view.counter(),
        ]
        .concat()
    }

    /// Decodes the data field; `i` says which of the four forms it must have.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the data field; a protocol other than SCP03 is an invalid
    /// value.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        InitializeUpdateResponseRef::decode(data).map(|response| response.to_owned())
    }

    /// The same, borrowed.
    #[must_use]
    pub fn view(&self) -> InitializeUpdateResponseRef<'_> {
        InitializeUpdateResponseRef {
            kdd: self.kdd,
            key_version: self.key_version,
            i: self.i,
            card_challenge: &self.card_challenge,
            card_cryptogram: &self.card_cryptogram,
            sequence_counter: self.sequence_counter,
        }
    }
}

/// An [`InitializeUpdateResponse`] whose bytes lie elsewhere.
///
/// ```
/// use globalplatform::commands::initialize_update::InitializeUpdateResponseRef;
///
/// let mut data = [0x11; 29];
/// data[10..13].copy_from_slice(&[0x30, 0x03, 0x60]);
/// let response = InitializeUpdateResponseRef::decode(&data)?;
/// assert_eq!(response.card_challenge, [0x11; 8]);
/// let mut out = [0; 29];
/// assert_eq!(response.encode_into(&mut out)?, 29);
/// assert_eq!(out, data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitializeUpdateResponseRef<'a> {
    /// Key diversification data.
    pub kdd: [u8; 10],
    /// Version of the key set in use.
    pub key_version: u8,
    /// SCP03 options ("i").
    pub i: u8,
    /// 8 bytes (S8) or 16 (S16).
    pub card_challenge: &'a [u8],
    /// As long as the challenge.
    pub card_cryptogram: &'a [u8],
    /// The counter of the key set, when the challenge is pseudo-random.
    pub sequence_counter: Option<[u8; 3]>,
}

impl<'a> InitializeUpdateResponseRef<'a> {
    /// Decodes the data field as [`InitializeUpdateResponse::decode`] does, without copying it.
    ///
    /// # Errors
    /// As there.
    pub fn decode(data: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let kdd = reader.array()?;
        let key_version = reader.u8()?;
        let offset = reader.offset();
        if reader.u8()? != SCP03 {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "secure channel protocol",
            });
        }
        let i = reader.u8()?;
        let size = if i & S16 == 0 { 8 } else { 16 };
        let card_challenge = reader.take(size)?;
        let card_cryptogram = reader.take(size)?;
        let sequence_counter = if i & PSEUDO_RANDOM == 0 {
            None
        } else {
            Some(reader.array()?)
        };
        reader.finish()?;
        Ok(Self {
            kdd,
            key_version,
            i,
            card_challenge,
            card_cryptogram,
            sequence_counter,
        })
    }

    /// Writes the data field to the beginning of `out`; gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`].
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let information = self.information();
        let parts = [
            &self.kdd[..],
            &information,
            self.card_challenge,
            self.card_cryptogram,
            self.counter(),
        ];
        let needed = parts.iter().map(|part| part.len()).sum();
        let available = out.len();
        let mut room = out
            .get_mut(..needed)
            .ok_or(EncodeError::BufferTooSmall { needed, available })?;
        for part in parts {
            if let Some(begin) = room.split_off_mut(..part.len()) {
                begin.copy_from_slice(part);
            }
        }
        Ok(needed)
    }

    /// Version of the key set, protocol and its options.
    const fn information(&self) -> [u8; 3] {
        [self.key_version, SCP03, self.i]
    }

    fn counter(&self) -> &[u8] {
        self.sequence_counter.as_ref().map_or(&[], |c| &c[..])
    }

    /// The same with bytes of its own.
    #[must_use]
    pub fn to_owned(&self) -> InitializeUpdateResponse {
        InitializeUpdateResponse {
            kdd: self.kdd,
            key_version: self.key_version,
            i: self.i,
            card_challenge: self.card_challenge.to_vec(),
            card_cryptogram: self.card_cryptogram.to_vec(),
            sequence_counter: self.sequence_counter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips, bytes,
    };
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn encodes_an_example() {
        let command = InitializeUpdate {
            key_version: 0x30,
            key_id: 0,
            host_challenge: bytes("0001020304050607"),
        };
        assert_encodes(&command.to_apdu(), "80503000 08 0001020304050607 00");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("0050000008000000000000000000", 0),
            ("8082000008000000000000000000", 1),
            ("8050000000", 5),
            ("805000000700000000000000", 5),
        ] {
            let error = InitializeUpdate::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    fn response(i: u8) -> InitializeUpdateResponse {
        let size = if i & S16 == 0 { 8 } else { 16 };
        InitializeUpdateResponse {
            kdd: [7; 10],
            key_version: 0x30,
            i,
            card_challenge: vec![1; size],
            card_cryptogram: vec![2; size],
            sequence_counter: (i & PSEUDO_RANDOM != 0).then_some([0, 0, 9]),
        }
    }

    #[test]
    fn the_four_forms_have_their_lengths() {
        for (i, length) in [(0x60, 29), (0x70, 32), (0x61, 45), (0x71, 48)] {
            assert_eq!(response(i).encode().len(), length);
        }
    }

    #[test]
    fn writes_into_a_buffer_that_is_large_enough() {
        for i in [0x60, 0x70, 0x61, 0x71] {
            let response = response(i);
            let expected = response.encode();
            let needed = expected.len();
            let mut out = [0xEE; 50];
            assert_eq!(response.view().encode_into(&mut out), Ok(needed));
            assert_eq!(out[..needed], expected);
            assert!(out[needed..].iter().all(|byte| *byte == 0xEE));
            let available = needed - 1;
            assert_eq!(
                response.view().encode_into(&mut out[..available]),
                Err(EncodeError::BufferTooSmall { needed, available })
            );
            let decoded = InitializeUpdateResponseRef::decode(&expected).unwrap();
            assert_eq!(decoded, response.view());
            assert_eq!(decoded.to_owned(), response);
        }
    }

    #[test]
    fn refuses_malformed_responses_with_offsets() {
        let good = response(0x70).encode();
        let with = |index: usize, byte| {
            let mut bad = good.clone();
            bad[index] = byte;
            InitializeUpdateResponse::decode(&bad).unwrap_err()
        };
        assert_eq!(with(11, 0x02).offset(), 11);
        assert_eq!(with(12, 0x60), DecodeError::TrailingBytes { offset: 29 });
        assert_eq!(
            with(12, 0x71),
            DecodeError::Truncated {
                offset: 32,
                needed: 13
            }
        );
        assert_eq!(
            InitializeUpdateResponse::decode(&good[..29]),
            Err(DecodeError::Truncated {
                offset: 29,
                needed: 3
            })
        );
    }

    proptest! {
        #[test]
        fn round_trips(key_version: u8, key_id: u8,
            host_challenge in prop_oneof![any_bytes(8), any_bytes(16)]) {
            let command = InitializeUpdate { key_version, key_id, host_challenge };
            assert_round_trips(&command, InitializeUpdate::to_apdu, InitializeUpdate::from_apdu);
        }

        #[test]
        fn response_round_trips(i: u8) {
            let response = response(i);
            prop_assert_eq!(InitializeUpdateResponse::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS), data in any_bytes(0..60)) {
            assert_no_panic(&apdu, InitializeUpdate::from_apdu);
            if let Err(error) = InitializeUpdateResponse::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
