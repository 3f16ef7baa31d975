//! Protection of commands (Amendment D 6.2.4 and 6.2.6).
//!
//! The data field is padded and encrypted, then the C-MAC is computed over `chaining value | CLA'
//! INS P1 P2 Lc' | data'` and appended; the whole of it is the next chaining value. Lc' is written
//! as it will be sent, with one byte or with three.

use alloc::vec::Vec;

use globalplatform::apdu::{CommandApdu, MAX_EXTENDED_DATA, MAX_SHORT_DATA};
use subtle::ConstantTimeEq as _;

use super::{Outstanding, Session, WrapError};
use crate::block::Message;
use crate::class::Class;
use crate::padding::{pad, unpadded_length};

impl Session {
    /// Protects a command as the level says. On an error the session is unchanged.
    pub(crate) fn protect_command(
        &mut self,
        command: &CommandApdu,
        extended_length: bool,
    ) -> Result<(CommandApdu, Outstanding), WrapError> {
        let class = self.class_for(command)?;
        if !self.opened_at().c_mac() {
            let plain = CommandApdu {
                cla: class.byte(),
                ..command.clone()
            };
            return Ok((plain, self.outstanding(command)));
        }
        let encrypted = self.opened_at().c_decryption() && !command.data.is_empty();
        let extended = self.form_for(command, encrypted, extended_length)?;

        let mut data = Vec::with_capacity(command.data.len() + 32);
        data.extend_from_slice(&command.data);
        if encrypted {
            pad(&mut data);
        }
        self.counter = self.counter.saturating_add(1);
        let counter_block = encrypted.then_some(u128::from(self.counter));
        let class = class.secured(true);
        let mut wrapped = CommandApdu {
            cla: class.byte(),
            data,
            extended,
            ..*command
        };
        self.append_c_mac(class, &mut wrapped, counter_block);
        Ok((wrapped, self.outstanding(command)))
    }

    /// Appends the C-MAC to a command whose data is already as it must be, but for encryption.
    pub(crate) fn append_c_mac(
        &mut self,
        class: Class,
        command: &mut CommandApdu,
        counter_block: Option<u128>,
    ) {
        let lc = command.data.len() + self.mode().length();
        let (header, header_length) = mac_header(class, command, lc);
        self.chaining = self.ciphers.seal_command(
            counter_block,
            Message {
                first: self.chaining,
                header: header.get(..header_length).unwrap_or(&header),
                data: &mut command.data,
                trailer: &[],
            },
        );
        command
            .data
            .extend(self.chaining.iter().take(self.mode().length()));
    }

    /// Checks and removes the C-MAC of a command; nothing when it is absent or wrong.
    pub(crate) fn strip_c_mac(&mut self, class: Class, command: &CommandApdu) -> Option<Vec<u8>> {
        let data_length = command.data.len().checked_sub(self.mode().length())?;
        let (data, mac) = command.data.split_at_checked(data_length)?;
        let mut data = data.to_vec();
        let (header, header_length) = mac_header(class, command, command.data.len());
        let chaining = self.ciphers.seal_command(
            None,
            Message {
                first: self.chaining,
                header: header.get(..header_length).unwrap_or(&header),
                data: &mut data,
                trailer: &[],
            },
        );
        let expected = chaining.get(..mac.len())?;
        if !bool::from(expected.ct_eq(mac)) {
            return None;
        }
        self.chaining = chaining;
        Some(data)
    }

    /// Undoes [`Session::protect_command`]; nothing when the command is not protected as the level
    /// demands. After that the session must not be used again.
    pub(crate) fn open_command(&mut self, command: &CommandApdu) -> Option<CommandApdu> {
        let class = Class::parse(command.cla)?;
        if !self.opened_at().c_mac() {
            return (!class.is_secured).then(|| command.clone());
        }
        if !class.is_secured || class.channel != self.channel {
            return None;
        }
        let mut data = self.strip_c_mac(class, command)?;
        self.counter = self.counter.saturating_add(1);
        // An empty field is not encrypted by the specification, but some hosts encrypt it to one
        // block.
        if self.opened_at().c_decryption() && !data.is_empty() {
            self.ciphers.decrypt(u128::from(self.counter), &mut data)?;
            data.truncate(unpadded_length(&data)?);
        }
        let extended = command.extended;
        Some(CommandApdu {
            cla: class.secured(false).byte(),
            data,
            extended,
            ..*command
        })
    }

    /// The class of a plain command, moved to the channel of the session.
    fn class_for(&self, command: &CommandApdu) -> Result<Class, WrapError> {
        let cla = command.cla;
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

    /// Whether the protected command must be an extended one.
    fn form_for(
        &self,
        command: &CommandApdu,
        encrypted: bool,
        extended_length: bool,
    ) -> Result<bool, WrapError> {
        let clear = command.data.len();
        let data = if encrypted {
            clear / 16 * 16 + 16
        } else {
            clear
        };
        let length = data + self.mode().length();
        let may_be_extended = command.extended || extended_length;
        let limit = if may_be_extended {
            MAX_EXTENDED_DATA
        } else {
            MAX_SHORT_DATA
        };
        if length > limit {
            return Err(WrapError::TooLong { length, limit });
        }
        Ok(command.extended || length > MAX_SHORT_DATA)
    }
}

/// `CLA' INS P1 P2 Lc'` and its length: 5 bytes, or 7 with an extended Lc.
fn mac_header(class: Class, command: &CommandApdu, lc: usize) -> ([u8; 7], usize) {
    let CommandApdu { ins, p1, p2, .. } = *command;
    let [high, low] = (lc as u16).to_be_bytes();
    if command.extended {
        ([class.mac_byte(), ins, p1, p2, 0x00, high, low], 7)
    } else {
        ([class.mac_byte(), ins, p1, p2, low, 0x00, 0x00], 5)
    }
}
