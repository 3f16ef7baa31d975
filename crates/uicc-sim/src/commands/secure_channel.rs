//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE (Amendment D 7.1.1, 7.1.2).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::error::DecodeError;
use globalplatform::status_word::StatusWord;
use scp03::card::next_sequence_counter;
use scp03::{CardChallenge, CardSession, ScpParameters};

use super::SelectedDomain;
use crate::channel::{Session, Work};
use crate::operating_system::refusal;

impl SelectedDomain<'_> {
    /// Ends any session and starts a new one with the domain's keys, or with those of the nearest domain above that has
    /// some. The sequence counter moves even when nothing comes of it.
    pub(crate) fn initialize_update(
        &mut self,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        self.channel.session = None;
        self.instances.end_personalisation(self.channel);
        self.channel.work = Work::default();
        self.channel.joiner.reset();
        if command.is_secured() {
            return Err(StatusWord::SM_NOT_SUPPORTED);
        }
        let initialize = InitializeUpdate::from_apdu(command).map_err(|error| match error {
            DecodeError::InvalidLength { .. } => StatusWord::WRONG_LENGTH,
            error => refusal(error),
        })?;
        let (session, response) = self.start_session(&initialize)?;
        // Without its counter there is no session.
        self.storage.commit()?;
        self.show_session_keys(&session);
        let scp = session.scp.on_channel(command.logical_channel());
        self.channel.session = Some(Session { scp, ..session });
        Ok(response)
    }

    fn start_session(
        &mut self,
        command: &InitializeUpdate,
    ) -> Result<(Session, ResponseApdu), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        if command.key_id != 0x00 {
            return Err(not_found);
        }
        let selected = self.channel.selected;
        let domain = self.storage.domain(&selected).ok_or(not_found)?;
        let parameters = ScpParameters::new(domain.scp_i).map_err(|_| StatusWord::NO_DIAGNOSIS)?;
        if command.host_challenge.len() != parameters.mode().length() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let holder = self.storage.key_holder(selected).ok_or(not_found)?;
        let set = self.storage.key_set(&holder, command.key_version);
        let set = set.ok_or(not_found)?;
        let (version, keys) = (set.version, set.keys.clone());
        let challenge = if parameters.pseudo_random() {
            let counter = next_sequence_counter(set.counter)?;
            let set = self.storage.write().domain_mut(&holder);
            let set = set.and_then(|d| d.key_set_mut(version)).ok_or(not_found)?;
            set.counter = counter;
            let aid = selected.as_bytes();
            CardChallenge::PseudoRandom { counter, aid }
        } else {
            CardChallenge::Random(self.storage.write().random.next())
        };
        let (kdd, host) = (self.storage.kdd, &command.host_challenge);
        let (scp, response) =
            CardSession::initialize_update(&keys, parameters, version, kdd, challenge, host)?;
        let dek = keys.dek;
        Ok((Session { scp, dek }, response))
    }

    fn show_session_keys(&mut self, session: &Session) {
        let (enc, mac, rmac) = session.scp.danger_session_keys();
        self.secrets.show("session-enc", enc.danger_bytes());
        self.secrets.show("session-mac", mac.danger_bytes());
        self.secrets.show("session-rmac", rmac.danger_bytes());
    }

    /// Opens the session, or ends the attempt.
    pub(crate) fn external_authenticate(
        &mut self,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        let Some(mut session) = self.channel.session.take() else {
            return Err(StatusWord::CONDITIONS);
        };
        // In a session it counts for that, whatever level it asks for: aborted.
        if !session.scp.is_authenticated() && !self.storage.behaviour.allows_level(command.p1) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let response = session.scp.external_authenticate(command);
        if session.scp.is_authenticated() || session.scp.is_aborted() {
            self.channel.session = Some(session);
        }
        Ok(response)
    }
}
