//! What a security domain does with a command: secure channel first, then one file for each command.

pub(crate) mod authority;
pub(crate) mod contactless;
pub(crate) mod dap;
mod data_objects;
pub(crate) mod delegation;
pub(crate) mod delete;
pub(crate) mod get_data;
pub(crate) mod get_status;
pub(crate) mod install;
mod key_agreement;
mod key_material;
pub(crate) mod load;
pub(crate) mod manage_channel;
mod own_data;
pub(crate) mod put_key;
pub(crate) mod secure_channel;
pub(crate) mod select;
pub(crate) mod set_status;
pub(crate) mod status_list;
pub(crate) mod store_data;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::{
    delete as delete_command, external_authenticate, get_data as get_data_command,
    get_status as get_status_command, initialize_update, install as install_command,
    load as load_command, manage_channel as manage_channel_command, put_key as put_key_command,
    select as select_command, set_status as set_status_command, store_data as store_data_command,
};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::status_word::StatusWord;
use scp03::{DekKey, SecurityLevel};

use crate::channel::{Channel, GET_RESPONSE, Session, Work};
use crate::instances::Instances;
use crate::operating_system::Elsewhere;
use crate::secrets::Secrets;
use crate::storage::Storage;

/// BEGIN R-MAC SESSION (D 7.1.3).
const BEGIN_R_MAC: u8 = 0x7A;
/// END R-MAC SESSION (D 7.1.4).
const END_R_MAC: u8 = 0x78;

/// A block of padding and a MAC of 8 bytes: a MAC alone is never so long.
const ENCRYPTED_NOTHING: usize = 24;

/// The security domain that is selected on a channel, before secure messaging was looked at.
pub(crate) struct SelectedDomain<'a> {
    pub(crate) storage: &'a mut Storage,
    pub(crate) secrets: &'a mut Secrets,
    pub(crate) instances: &'a mut Instances,
    pub(crate) channel: &'a mut Channel,
    pub(crate) elsewhere: Elsewhere,
}

/// A security domain that executes one command whose protection was checked and removed.
pub(crate) struct Domain<'a> {
    /// The domain.
    pub(crate) aid: Aid,
    /// Level of the session; none without an authenticated session.
    pub(crate) level: Option<SecurityLevel>,
    /// Longest response data that fit a short APDU after protection.
    pub(crate) max_response_data: usize,
    /// The static data encryption key of the session's key set.
    pub(crate) dek: Option<&'a DekKey>,
    pub(crate) storage: &'a mut Storage,
    pub(crate) secrets: &'a mut Secrets,
    pub(crate) instances: &'a mut Instances,
    pub(crate) work: &'a mut Work,
    pub(crate) elsewhere: &'a Elsewhere,
}

impl SelectedDomain<'_> {
    /// Executes a command as it came over the contacts.
    pub(crate) fn process(mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if command.is_proprietary() {
            match command.ins {
                initialize_update::INS => return self.initialize_update(command),
                external_authenticate::INS => return self.external_authenticate(command),
                _ => {}
            }
        }
        if self.storage.life_cycle == CardLifeCycle::Terminated.byte() {
            // Whoever opened one, on this channel or another, it ended with the card.
            self.channel.session = None;
        }
        // Secure messaging covers the whole of a chain of commands (G 11.1.5.1): what has none is no part of one.
        let is_joined = self.channel.joiner.is_waiting();
        let joined = if self.channel.demands_protection() && !command.is_secured() {
            self.channel.joiner.reset();
            Ok(Some(command.clone()))
        } else {
            self.channel.joiner.take(command.clone())
        };
        let Some(command) = &joined.map_err(|error| error.status_word())? else {
            return Ok(ResponseApdu::ok());
        };
        let Some(mut session) = self.channel.session.take() else {
            return self.without_session(command);
        };
        if session.scp.is_aborted() {
            self.channel.session = Some(session);
            return self.without_session(command);
        }
        if !session.scp.is_authenticated() {
            // EXTERNAL AUTHENTICATE has to follow INITIALIZE UPDATE directly.
            return self.without_session(command);
        }
        let response = self.within_session(&mut session, command, is_joined);
        self.channel.session = Some(session);
        response
    }

    /// What needs no session: GET DATA. Everything else, and everything that claims protection, is refused.
    fn without_session(mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if command.is_secured() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        self.domain(None).execute(command)
    }

    fn within_session(
        &mut self,
        session: &mut Session,
        command: &CommandApdu,
        is_joined: bool,
    ) -> Result<ResponseApdu, StatusWord> {
        let plain = if is_joined {
            session.scp.unwrap_joined(command)?
        } else {
            session.scp.unwrap(command)?
        };
        let is_encrypted_nothing = plain.data.is_empty() && command.data.len() >= ENCRYPTED_NOTHING;
        if is_encrypted_nothing && !self.storage.behaviour.encrypted_empty_data {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let response = match plain.ins {
            BEGIN_R_MAC if plain.is_proprietary() => session.scp.begin_r_mac(&plain),
            END_R_MAC if plain.is_proprietary() => session.scp.end_r_mac(&plain),
            _ => {
                let outcome = self.domain(Some(session)).execute(&plain);
                let renamed = self.channel.work.renamed.take();
                // Only what was written has happened.
                let written = self.storage.commit();
                if let (Ok(()), Some(renamed)) = (written, renamed) {
                    self.channel.selected = renamed;
                }
                let outcome = outcome.and_then(|response| written.map(|()| response));
                outcome.unwrap_or_else(ResponseApdu::status)
            }
        };
        Ok(session.scp.wrap(response))
    }

    fn domain<'a>(&'a mut self, session: Option<&'a Session>) -> Domain<'a> {
        let level = session.map(|session| session.scp.level());
        let unprotected = SecurityLevel::Authenticated;
        Domain {
            aid: self.channel.selected,
            level,
            max_response_data: level
                .unwrap_or(unprotected)
                .max_response_data(scp03::Mode::S16),
            dek: session.map(|session| &session.dek),
            storage: &mut *self.storage,
            secrets: &mut *self.secrets,
            instances: &mut *self.instances,
            work: &mut self.channel.work,
            elsewhere: &self.elsewhere,
        }
    }
}

impl Domain<'_> {
    /// Executes a plain command.
    fn execute(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if !load::belongs_to_load(command) {
            // The blocks of a load file follow one another; anything in between ends the load (G 9.3.5).
            self.work.loading = None;
        }
        if matches!(
            command.ins,
            get_data_command::INS | get_data_command::INS_WITH_DATA
        ) {
            return self.get_data(command);
        }
        // One class for what follows, whichever the host chose: inside a session 04 and 84 mean the same.
        let is_iso = !command.is_proprietary();
        let command = &CommandApdu {
            cla: command.cla | 0x80,
            ..command.clone()
        };
        match command.ins {
            get_status_command::INS
            | set_status_command::INS
            | install_command::INS
            | load_command::INS
            | delete_command::INS
            | put_key_command::INS
            | store_data_command::INS => self.demand_session()?,
            BEGIN_R_MAC | END_R_MAC if self.level.is_none() => {
                return Err(StatusWord::SECURITY_STATUS);
            }
            // Belong to the runtime, which knows no secure messaging.
            select_command::INS | manage_channel_command::INS | GET_RESPONSE if is_iso => {
                return Err(StatusWord::SM_NOT_SUPPORTED);
            }
            _ => return Err(StatusWord::INS_NOT_SUPPORTED),
        }
        match command.ins {
            get_status_command::INS => self.get_status(command),
            set_status_command::INS => self.set_status(command),
            _ if self.storage.life_cycle == CardLifeCycle::CardLocked.byte() => {
                Err(StatusWord::CONDITIONS)
            }
            install_command::INS => self.install(command),
            load_command::INS => self.load(command),
            delete_command::INS => self.delete(command),
            put_key_command::INS => self.put_key(command),
            _ => self.store_data(command),
        }
    }

    /// Everything but GET DATA needs an authenticated session (G Table 11-2).
    fn demand_session(&self) -> Result<(), StatusWord> {
        match self.level {
            Some(_) => Ok(()),
            None => Err(StatusWord::SECURITY_STATUS),
        }
    }
}
