//! Protection of responses (Amendment D 6.2.5 and 6.2.7).
//!
//! Only 9000 and the warnings 62xx and 63xx carry an R-MAC, over `chaining value | data' | SW`; the
//! chaining value is the C-MAC of the command being answered. Every other status word comes alone.
//! Data is encrypted first, with the command's counter and the highest bit of the counter block
//! set.

use globalplatform::apdu::ResponseApdu;
use globalplatform::status_word::StatusWord;
use subtle::ConstantTimeEq as _;

use super::{Outstanding, Session};
use crate::block::Message;
use crate::padding::{pad, unpadded_length};

/// The first byte of the counter block of a response is 80.
const RESPONSE: u128 = 0x80 << 120;

impl Session {
    /// Protects the response to the command opened last.
    pub(crate) fn protect_response(&mut self, mut response: ResponseApdu) -> ResponseApdu {
        if !self.level().r_mac() {
            return response;
        }
        if !response.sw.is_ok_or_warning() {
            return ResponseApdu::status(response.sw);
        }
        let encrypted = self.level().r_encryption() && !response.data.is_empty();
        if encrypted {
            pad(&mut response.data);
        }
        let counter_block = encrypted.then_some(RESPONSE | u128::from(self.counter));
        let mac = self.ciphers.seal_response(
            counter_block,
            Message {
                first: self.chaining,
                header: &[],
                data: &mut response.data,
                trailer: &response.sw.to_bytes(),
            },
        );
        response.data.extend(mac.iter().take(self.mode().length()));
        response
    }

    /// Undoes [`Session::protect_response`]; nothing when the response is not protected as the
    /// level demands. After that the session must not be used again.
    pub(crate) fn open_response(
        &mut self,
        response: &ResponseApdu,
        answered: &Outstanding,
    ) -> Option<ResponseApdu> {
        let clear = if self.level().r_mac() {
            self.open_protected_response(response, answered)?
        } else {
            response.clone()
        };
        if clear.sw == StatusWord::OK {
            self.settle(answered);
        }
        Some(clear)
    }

    fn open_protected_response(
        &self,
        response: &ResponseApdu,
        answered: &Outstanding,
    ) -> Option<ResponseApdu> {
        let sw = response.sw;
        if !sw.is_ok_or_warning() {
            return response.data.is_empty().then(|| ResponseApdu::status(sw));
        }
        let data_length = response.data.len().checked_sub(self.mode().length())?;
        let (data, mac) = response.data.split_at_checked(data_length)?;
        let mut data = data.to_vec();
        let expected = self.ciphers.seal_response(
            None,
            Message {
                first: answered.chaining,
                header: &[],
                data: &mut data,
                trailer: &sw.to_bytes(),
            },
        );
        if !bool::from(expected.get(..mac.len())?.ct_eq(mac)) {
            return None;
        }
        if self.level().r_encryption() && !data.is_empty() {
            self.ciphers
                .decrypt(RESPONSE | u128::from(answered.counter), &mut data)?;
            data.truncate(unpadded_length(&data)?);
        }
        Some(ResponseApdu { data, sw })
    }
}
