//! What runs on the card: takes command APDUs apart, keeps the logical channels, and hands each command to whoever is
//! selected (G 6.1 calls it OPEN together with the runtime environment).

use std::collections::BTreeMap;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, MAX_EXTENDED_LE, MAX_SHORT_LE, ResponseApdu};
use globalplatform::commands::{get_data, manage_channel, select};
use globalplatform::error::DecodeError;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::status_word::StatusWord;

use crate::applet::programs::Programs;
use crate::channel::Channel;
use crate::chip::Content;
use crate::commands;
use crate::commands::contactless::ContactlessService;
use crate::file_system::View;
use crate::file_system::toolkit::Toolkit;
use crate::instances::Instances;
use crate::secrets::Secrets;
use crate::storage::Storage;

/// The running card.
pub(crate) struct OperatingSystem {
    pub(crate) storage: Storage,
    pub(crate) secrets: Secrets,
    pub(crate) instances: Instances,
    pub(crate) channels: BTreeMap<u8, Channel>,
    pub(crate) toolkit: Toolkit,
    pub(crate) contactless: ContactlessService,
}

/// What happens on the other logical channels, as far as it forbids something on this one.
#[derive(Default)]
pub(crate) struct Elsewhere {
    /// Selected applications.
    pub(crate) selected: Vec<Aid>,
    /// Applets that are being personalised.
    pub(crate) personalised: Vec<Aid>,
}

/// The status word for a command that cannot be decoded.
pub(crate) fn refusal(error: DecodeError) -> StatusWord {
    match error {
        DecodeError::WrongClass { .. } => StatusWord::CLA_NOT_SUPPORTED,
        DecodeError::WrongInstruction { .. } => StatusWord::INS_NOT_SUPPORTED,
        error if matches!(error.offset(), 2 | 3) => StatusWord::WRONG_P1P2,
        _ => StatusWord::WRONG_DATA,
    }
}

impl OperatingSystem {
    /// Switches the card on.
    pub(crate) fn start(storage: Storage, programs: Programs) -> Self {
        let mut system = Self {
            storage,
            secrets: Secrets::default(),
            instances: Instances::with(programs),
            channels: BTreeMap::new(),
            toolkit: Toolkit::default(),
            contactless: ContactlessService::default(),
        };
        system.power_cycle();
        system
    }

    /// Forgets everything volatile and opens the basic channel.
    pub(crate) fn power_cycle(&mut self) {
        self.instances.power_off();
        self.channels.clear();
        self.toolkit = Toolkit::default();
        self.contactless = ContactlessService::default();
        self.storage.recover();
        self.begin_anew(0);
    }

    /// Selects on a channel what is implicitly selectable on it; where that refuses, the issuer security domain, so that
    /// there is always something.
    pub(crate) fn begin_anew(&mut self, number: u8) {
        let channel = self.implicit_channel(number).ok();
        let isd = || self.storage.isd().map(|isd| Channel::new(isd.aid));
        let Some(channel) = channel.or_else(isd) else {
            return;
        };
        if let Some(mut before) = self.channels.insert(number, channel) {
            self.instances.leave(&mut before);
        }
    }

    /// Opens a logical channel by a command on channel `from`: what is selected on a supplementary channel is selected on
    /// the new one too, and from the basic channel what is implicitly selectable there (G 6.4.2.2, 6.4.3.2).
    ///
    /// # Errors
    /// 6985 when that application cannot be selected on one channel more; the channel stays closed.
    pub(crate) fn open_channel(&mut self, number: u8, from: u8) -> Result<(), StatusWord> {
        let channel = match self.channels.get(&from) {
            Some(origin) if from != 0 => match origin.files.clone() {
                Some(view) => Channel::with_files(view),
                None => self.channel_with(number, origin.selected)?,
            },
            _ => self.implicit_channel(number)?,
        };
        self.channels.insert(number, channel);
        Ok(())
    }

    /// A channel with what is implicitly selectable on it. The master file stands for the issuer security domain on a
    /// card that has it selected after a reset.
    fn implicit_channel(&mut self, number: u8) -> Result<Channel, StatusWord> {
        let default = self.storage.implicitly_selected(number);
        let default = default.ok_or(StatusWord::CONDITIONS)?.aid;
        let has_files_first = self.storage.usim.selected_at_reset && !self.storage.is_closed();
        if has_files_first && self.storage.is_isd(&default) {
            return Ok(Channel::with_files(View::new()));
        }
        self.channel_with(number, default)
    }

    fn channel_with(&mut self, number: u8, selected: Aid) -> Result<Channel, StatusWord> {
        if self.storage.domain(&selected).is_none() {
            self.select_applet(number, &selected)?;
        }
        Ok(Channel::new(selected))
    }

    /// Asks an applet to be selected on a channel; gives what it answers. An instance runs on one channel at a time.
    ///
    /// # Errors
    /// 6985 while it runs on another one, 6400 when it does not start, and with what it refuses.
    pub(crate) fn select_applet(&mut self, number: u8, aid: &Aid) -> Result<Vec<u8>, StatusWord> {
        if self.elsewhere(number).selected.contains(aid) {
            return Err(StatusWord::CONDITIONS);
        }
        let instance = self.instances.running(&self.storage, aid);
        instance.ok_or(StatusWord::NO_DIAGNOSIS)?.select()
    }

    /// Closes a logical channel and everything on it.
    pub(crate) fn close_channel(&mut self, number: u8) -> bool {
        let Some(mut channel) = self.channels.remove(&number) else {
            return false;
        };
        self.instances.leave(&mut channel);
        true
    }

    /// Shows every secret on the card to the observer.
    pub(crate) fn show_secrets(&mut self) {
        for application in &self.storage.applications {
            match &application.content {
                Content::Domain(domain) => self.secrets.show_domain(domain),
                Content::Applet(_) => {
                    if let Some(instance) = self.instances.running(&self.storage, &application.aid)
                    {
                        instance.show_secrets(&mut |kind, secret| self.secrets.show(kind, secret));
                    }
                }
            }
        }
    }

    /// Executes the bytes of a command.
    pub(crate) fn execute(&mut self, bytes: &[u8]) -> ResponseApdu {
        let Ok(command) = CommandApdu::decode(bytes) else {
            return ResponseApdu::status(StatusWord::WRONG_LENGTH);
        };
        if command.extended && !self.storage.behaviour.extended_length {
            return ResponseApdu::status(StatusWord::WRONG_LENGTH);
        }
        // 20 to 3F and A0 to BF are reserved, FF is no class.
        if command.cla & 0x60 == 0x20 || command.cla == 0xFF {
            return ResponseApdu::status(StatusWord::CLA_NOT_SUPPORTED);
        }
        self.execute_on_channel(command)
            .unwrap_or_else(ResponseApdu::status)
    }

    fn execute_on_channel(&mut self, command: CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let number = command.logical_channel();
        let longest = if command.extended {
            MAX_EXTENDED_LE
        } else {
            MAX_SHORT_LE
        };
        let wanted = command.le.unwrap_or(longest);
        let channel = self.channels.get_mut(&number);
        let channel = channel.ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        if channel.takes_get_response(&command) {
            return channel.next_piece(wanted);
        }
        channel.drop_unsent();
        let Some(command) = channel.join(command)? else {
            return Ok(ResponseApdu::ok());
        };
        let response = self.dispatch(number, command)?;
        match self.channels.get_mut(&number) {
            Some(channel) => Ok(channel.cut(response, wanted)),
            None => Ok(response),
        }
    }

    /// Whether a security domain is selected on a channel: on a terminated card only it answers (G 5.1.1.5).
    fn is_domain_selected(&self, number: u8) -> bool {
        let selected = self.channels.get(&number).map(|channel| channel.selected);
        selected.is_some_and(|aid| self.storage.domain(&aid).is_some())
    }

    /// Hands a whole command to the runtime, the selected security domain or the selected applet.
    fn dispatch(&mut self, number: u8, command: CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let is_iso = !command.is_proprietary();
        let is_selection = is_iso && command.ins == select::INS && command.p1 == 0x04;
        if is_selection && number != 0 && self.storage.is_closed() {
            self.close_channel(number);
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
        }
        let is_terminated = self.storage.life_cycle == CardLifeCycle::Terminated.byte();
        if is_terminated && !(command.ins == get_data::INS && self.is_domain_selected(number)) {
            // SELECT and MANAGE CHANNEL have a status word for it (G 11.7.3.2, 11.9.3.2).
            let is_function = is_iso && matches!(command.ins, select::INS | manage_channel::INS);
            return Err(if is_function {
                StatusWord::FUNCTION_NOT_SUPPORTED
            } else {
                StatusWord::CONDITIONS
            });
        }
        let has_session = |c: &Channel| c.session.is_some() && self.storage.may_answer(&c.selected);
        if command.is_secured() && self.channels.get(&number).is_some_and(has_session) {
            // It counts for the session, whatever it is.
            return self.process(number, &command);
        }
        match command.ins {
            manage_channel::INS if is_iso => commands::manage_channel::execute(self, &command),
            // Selection by file identifier is the selected applet's business, but for the master file.
            _ if is_selection => self.select_by_name(number, &command),
            _ => self.process(number, &command),
        }
    }

    /// The registry first; the USIM is found by what nothing there is called.
    fn select_by_name(
        &mut self,
        number: u8,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if !View::is_usim(&command.data) {
            return commands::select::execute(self, number, command);
        }
        // Whether a phone begins or ends its session with the USIM makes no difference here (TS 102 221, 11.1.1.2).
        let registered = &CommandApdu {
            p2: command.p2 & !0x40,
            ..command.clone()
        };
        match commands::select::execute(self, number, registered) {
            Err(StatusWord::NOT_FOUND) => {
                let mut view = self.view(number).unwrap_or_else(View::new);
                let mut response = view.select_usim(&self.storage, command)?;
                response.sw = self.toolkit.success();
                self.show_files(number, view);
                Ok(response)
            }
            answer => answer,
        }
    }

    /// SELECT of a file while something else is selected: the channel leaves that, if there is such a file.
    fn select_file(
        &mut self,
        number: u8,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if self.is_locked() {
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
        }
        let mut view = View::new();
        let response = view.execute(&self.storage, &mut self.toolkit, command)?;
        self.show_files(number, view);
        Ok(response)
    }

    fn view(&self, number: u8) -> Option<View> {
        self.channels.get(&number)?.files.clone()
    }

    fn show_files(&mut self, number: u8, view: View) {
        let channel = Channel::with_files(view);
        if let Some(mut before) = self.channels.insert(number, channel) {
            self.instances.leave(&mut before);
        }
    }

    fn is_locked(&self) -> bool {
        self.storage.life_cycle == CardLifeCycle::CardLocked.byte()
    }

    fn process(&mut self, number: u8, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let elsewhere = self.elsewhere(number);
        let channel = self.channels.get_mut(&number);
        let channel = channel.ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        if let Some(view) = &mut channel.files {
            if self.storage.life_cycle == CardLifeCycle::CardLocked.byte() {
                return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
            }
            return view.execute(&self.storage, &mut self.toolkit, command);
        }
        if View::is_master_file_selection(command) {
            return self.select_file(number, command);
        }
        let selected = channel.selected;
        if !self.storage.may_answer(&selected) {
            return Err(StatusWord::CONDITIONS);
        }
        let application = self.storage.application(&selected);
        let application = application.ok_or(StatusWord::CONDITIONS)?;
        if application.domain().is_some() {
            if View::is_file_selection(command) {
                return self.select_file(number, command);
            }
            // Nothing without protection passes a session that asks for it.
            if !channel.demands_protection() && self.toolkit.expects(command) {
                return self.toolkit.answer(command);
            }
            return commands::SelectedDomain {
                storage: &mut self.storage,
                secrets: &mut self.secrets,
                instances: &mut self.instances,
                channel,
                elsewhere,
            }
            .process(command);
        }
        if application.is_crs() {
            return self.contactless.process(&mut self.storage, command);
        }
        let instance = self.instances.take(&self.storage, &selected);
        let mut instance = instance.ok_or(StatusWord::NO_DIAGNOSIS)?;
        let mut platform = crate::instances::CardPlatform {
            aid: selected,
            storage: &mut self.storage,
            secrets: &mut self.secrets,
        };
        let response = instance.process(command, &mut platform);
        self.instances.put_back(selected, instance);
        response
    }

    /// What the channels but this one are doing.
    pub(crate) fn elsewhere(&self, number: u8) -> Elsewhere {
        let others = || self.channels.iter().filter(|(n, _)| **n != number);
        Elsewhere {
            selected: others().map(|(_, c)| c.selected).collect(),
            personalised: others()
                .filter_map(|(_, c)| c.work.personalising.as_ref().map(|p| p.target))
                .collect(),
        }
    }

    /// The lowest channel that is not open.
    pub(crate) fn free_channel(&self) -> Option<u8> {
        let channels = self.storage.behaviour.logical_channels;
        (1..channels).find(|number| !self.channels.contains_key(number))
    }
}
