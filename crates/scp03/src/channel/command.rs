//! Protection of commands (Amendment D 6.2.4 and 6.2.6).
//!
//! The data field is padded and encrypted, then the C-MAC is computed over `chaining value | CLA'
//! INS P1 P2 Lc' | data'` and appended; the whole of it is the next chaining value. Lc' is written
//! as it will be sent, with one byte or with three.
//!
//! Everything happens in the data field of the command that is sent or was received; a [`Plan`] says
//! beforehand how long that will be, so that nothing changes when there is no room for it.

use globalplatform::apdu::{CommandFrame, CommandRef, MAX_SHORT_DATA};

use super::session::{Effect, Outstanding};
use super::{Session, WrapError, copy};
use crate::block::Message;
use crate::class::Class;
use crate::cryptogram::begins_with;
use crate::padding::{padded_length, unpadded_length, write_padding};

/// How a command will look once it is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    class: Class,
    /// Length of the plain data field.
    clear: usize,
    /// Length of the data field without C-MAC.
    sealed: usize,
    has_mac: bool,
    encrypted: bool,
    /// The protected command; its data field holds `sealed` bytes and the C-MAC.
    pub(crate) frame: CommandFrame,
    /// Length of the whole protected command.
    pub(crate) length: usize,
    effect: Option<Effect>,
}

/// How far a command may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It stays as it is, short or extended.
    None,
    /// A short command becomes an extended one when it has to.
    Extended,
}

/// A command that was opened in its data field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Class of the plain command.
    pub(crate) cla: u8,
    /// Length of the plain data, which begin where the protected ones began.
    pub(crate) length: usize,
}

impl Session {
    /// How `command` will look once it is protected as the level says.
    pub(crate) fn plan(&self, command: CommandRef<'_>, growth: Growth) -> Result<Plan, WrapError> {
        let class = self.class_for(command.cla)?;
        let effect = Effect::of(class, &command);
        if self.breaks_promise(effect) {
            return Err(WrapError::LowersLevel);
        }
        let level = self.opened_at();
        let clear = command.data.len();
        let has_mac = level.c_mac();
        let encrypted = level.c_decryption() && clear != 0;
        let sealed = if encrypted {
            padded_length(clear)
        } else {
            clear
        };
        let mac = if has_mac { self.mode().length() } else { 0 };
        let data_length = sealed.saturating_add(mac);
        let outgrows = growth == Growth::Extended && data_length > MAX_SHORT_DATA;
        let class = class.secured(has_mac);
        let frame = CommandFrame {
            header: [class.byte(), command.ins, command.p1, command.p2],
            data_length,
            le: command.le,
            extended: command.extended || outgrows,
        };
        Ok(Plan {
            class,
            clear,
            sealed,
            has_mac,
            encrypted,
            frame,
            length: frame.encoded_length()?,
            effect,
        })
    }

    /// Protects a command in its data field, which has the length of the plan and begins with the
    /// plain data.
    pub(crate) fn seal_field(&mut self, plan: &Plan, field: &mut [u8]) -> Outstanding {
        if plan.has_mac {
            self.counter = self.counter.saturating_add(1);
            let (data, mac) = field.split_at_mut(plan.sealed.min(field.len()));
            if plan.encrypted {
                write_padding(data, plan.clear);
            }
            let counter_block = plan.encrypted.then_some(u128::from(self.counter));
            self.chaining = self.c_mac(plan.class, &plan.frame, counter_block, data);
            copy(self.chaining.get(..mac.len()).unwrap_or(&[]), mac);
        }
        self.outstanding(plan.effect)
    }

    /// The whole C-MAC of a command whose data field holds `data` and the MAC.
    fn c_mac(
        &self,
        class: Class,
        frame: &CommandFrame,
        counter_block: Option<u128>,
        data: &mut [u8],
    ) -> [u8; 16] {
        let [_, ins, p1, p2] = frame.header;
        let [high, low] = (frame.data_length as u16).to_be_bytes();
        let mac_class = class.mac_byte();
        let (short, extended);
        let header: &[u8] = if frame.extended {
            extended = [mac_class, ins, p1, p2, 0x00, high, low];
            &extended
        } else {
            short = [mac_class, ins, p1, p2, low];
            &short
        };
        let first = self.chaining;
        let message = Message {
            first,
            header,
            data,
            trailer: &[],
        };
        self.ciphers.seal_command(counter_block, message)
    }

    /// Checks the C-MAC at the end of a data field; the length without it, or nothing when it is
    /// absent or wrong.
    pub(crate) fn check_c_mac(
        &mut self,
        class: Class,
        frame: &CommandFrame,
        field: &mut [u8],
    ) -> Option<usize> {
        // What no APDU can hold has not come over the contacts, and has no Lc' that tells its length.
        frame.encoded_length().ok()?;
        let length = field.len().checked_sub(self.mode().length())?;
        let (data, mac) = field.split_at_mut_checked(length)?;
        let chaining = self.c_mac(class, frame, None, data);
        if !begins_with(&chaining, mac) {
            return None;
        }
        self.chaining = chaining;
        Some(length)
    }

    /// Whether the C-MAC at the end of this data field is right for this frame. Nothing changes.
    pub(crate) fn has_c_mac(&self, frame: &CommandFrame, field: &mut [u8]) -> bool {
        let [cla, ..] = frame.header;
        let begin = field.len().checked_sub(self.mode().length());
        let parts = begin.and_then(|begin| field.split_at_mut_checked(begin));
        parts
            .zip(Class::parse(cla))
            .is_some_and(|((data, mac), class)| {
                begins_with(&self.c_mac(class, frame, None, data), mac)
            })
    }

    /// Undoes [`Session::seal_field`]; nothing when the command is not protected as the level
    /// demands. After that the session must not be used again.
    pub(crate) fn open_field(&mut self, frame: &CommandFrame, field: &mut [u8]) -> Option<Opened> {
        let [cla, ..] = frame.header;
        let class = Class::parse(cla)?;
        if !self.opened_at().c_mac() {
            let length = field.len();
            return (!class.is_secured).then_some(Opened { cla, length });
        }
        if !class.is_secured || class.channel != self.channel {
            return None;
        }
        let mut length = self.check_c_mac(class, frame, field)?;
        self.counter = self.counter.saturating_add(1);
        // An empty field is not encrypted by the specification, but some hosts encrypt it to one
        // block.
        if self.opened_at().c_decryption() && length != 0 {
            let data = field.get_mut(..length)?;
            length = self.decrypt(u128::from(self.counter), data)?;
        }
        let cla = class.secured(false).byte();
        Some(Opened { cla, length })
    }

    /// Decrypts in place and finds the length without padding; wipes what has no valid padding.
    pub(super) fn decrypt(&self, counter_block: u128, data: &mut [u8]) -> Option<usize> {
        self.ciphers.decrypt(counter_block, data)?;
        let length = unpadded_length(data);
        if length.is_none() {
            data.fill(0x00);
        }
        length
    }

    /// The class of a plain command, moved to the channel of the session.
    fn class_for(&self, cla: u8) -> Result<Class, WrapError> {
        let class = Class::parse(cla).ok_or(WrapError::UnsupportedClass { cla })?;
        if class.is_secured {
            return Err(WrapError::AlreadySecured);
        }
        if class.channel != 0 && class.channel != self.channel {
            return Err(WrapError::OtherChannel {
                command: class.channel,
                session: self.channel,
            });
        }
        Ok(class.on_channel(self.channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SessionKeys;
    use crate::parameters::Mode;
    use crate::security_level::SecurityLevel;

    #[test]
    fn a_length_that_no_apdu_has_is_refused_whatever_its_mac() {
        let lengths = [
            (255, false, true),
            (256, false, false),
            (65_535, true, true),
            (65_536, true, false),
        ];
        for (data_length, extended, is_taken) in lengths {
            let keys = SessionKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
            let mut session = Session::new(keys, Mode::S8, &mut []).unwrap();
            session.open(SecurityLevel::CMac, 0);
            let frame = CommandFrame {
                header: [0x84, 0xE2, 0x00, 0x00],
                data_length,
                le: None,
                extended,
            };
            let mut field = alloc::vec![7; data_length];
            let class = Class::parse(0x84).unwrap();
            let (data, mac) = field.split_at_mut(data_length - 8);
            mac.copy_from_slice(&session.c_mac(class, &frame, None, data)[..8]);
            let opened = session.open_field(&frame, &mut field);
            assert_eq!(opened.is_some(), is_taken, "{data_length}");
        }
    }
}
