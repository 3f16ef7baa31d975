//! Protection of responses (Amendment D 6.2.5 and 6.2.7).
//!
//! Only 9000 and the warnings 62xx and 63xx carry an R-MAC, over `chaining value | data' | SW`; the
//! chaining value is the C-MAC of the command being answered. Every other status word comes alone.
//! Data is encrypted first, with the command's counter and the highest bit of the counter block
//! set.

use globalplatform::status_word::StatusWord;

use super::session::Outstanding;
use super::{Session, copy};
use crate::block::Message;
use crate::cryptogram::begins_with;
use crate::padding::{padded_length, write_padding};

/// The first byte of the counter block of a response is 80.
const RESPONSE: u128 = 0x80 << 120;

/// How a response will look once it is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponsePlan {
    /// Length of the plain data that go out: all of them, or none with an error.
    pub(crate) clear: usize,
    /// Length of the data field without R-MAC.
    sealed: usize,
    /// Length of the data field.
    pub(crate) field: usize,
    has_mac: bool,
    encrypted: bool,
}

impl Session {
    /// How a response with `length` bytes of data will look.
    pub(crate) fn plan_response(&self, length: usize, sw: StatusWord) -> ResponsePlan {
        let level = self.level();
        let has_mac = level.r_mac() && sw.is_ok_or_warning();
        let clear = if level.r_mac() && !has_mac { 0 } else { length };
        let encrypted = has_mac && level.r_encryption() && clear != 0;
        let sealed = if encrypted {
            padded_length(clear)
        } else {
            clear
        };
        let mac = if has_mac { self.mode().length() } else { 0 };
        ResponsePlan {
            clear,
            sealed,
            field: sealed.saturating_add(mac),
            has_mac,
            encrypted,
        }
    }

    /// Protects the response to the command opened last in its data field, which has the length of
    /// the plan and begins with the plain data.
    pub(crate) fn seal_response(&self, plan: &ResponsePlan, sw: StatusWord, field: &mut [u8]) {
        if !plan.has_mac {
            return;
        }
        let (data, mac) = field.split_at_mut(plan.sealed.min(field.len()));
        if plan.encrypted {
            write_padding(data, plan.clear);
        }
        let counter_block = plan.encrypted.then(|| RESPONSE + u128::from(self.counter));
        let whole = self.r_mac(self.chaining, counter_block, data, sw);
        copy(whole.get(..mac.len()).unwrap_or(&[]), mac);
    }

    fn r_mac(
        &self,
        chaining: [u8; 16],
        counter_block: Option<u128>,
        data: &mut [u8],
        sw: StatusWord,
    ) -> [u8; 16] {
        let message = Message {
            first: chaining,
            header: &[],
            data,
            trailer: &sw.to_bytes(),
        };
        self.ciphers.seal_response(counter_block, message)
    }

    /// Undoes [`Session::seal_response`]: the length of the plain data, which begin where the
    /// protected ones began, or nothing when the response is not protected as the level demands.
    /// After that the session must not be used again.
    pub(crate) fn open_response(
        &mut self,
        field: &mut [u8],
        sw: StatusWord,
        answered: &Outstanding,
    ) -> Option<usize> {
        if self.has_lost_level() {
            return None;
        }
        let length = if self.level().r_mac() {
            self.open_protected_response(field, sw, answered)?
        } else {
            field.len()
        };
        self.settle(answered, sw);
        Some(length)
    }

    fn open_protected_response(
        &self,
        field: &mut [u8],
        sw: StatusWord,
        answered: &Outstanding,
    ) -> Option<usize> {
        if !sw.is_ok_or_warning() {
            return field.is_empty().then_some(0);
        }
        let length = field.len().checked_sub(self.mode().length())?;
        let (data, mac) = field.split_at_mut_checked(length)?;
        let expected = self.r_mac(answered.chaining, None, data, sw);
        if !begins_with(&expected, mac) {
            return None;
        }
        if self.level().r_encryption() && length != 0 {
            return self.decrypt(RESPONSE + u128::from(answered.counter), data);
        }
        Some(length)
    }
}
