//! The answer to INITIALIZE UPDATE, and what both kinds of host do with it (Amendment D 6.2.2,
//! 7.1.1).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::initialize_update::{InitializeUpdate, InitializeUpdateResponse};
use globalplatform::status_word::StatusWord;

use crate::block::Context;
use crate::channel::{Session, copy};
use crate::class::Class;
use crate::cryptogram::Challenge;
use crate::host::HostError;
use crate::kdf::Constant;
use crate::keys::{KeyError, SessionKeys, StaticKeys};
use crate::parameters::ScpParameters;
use crate::protected::ProtectedApdu;
use crate::security_level::SecurityLevel;

/// The highest value of the sequence counter: three bytes.
pub(crate) const MAX_SEQUENCE_COUNTER: u32 = 0xFF_FFFF;

/// The counter as the card sends it; nothing when it has run out.
pub(crate) fn counter_bytes(counter: u32) -> Option<[u8; 3]> {
    match counter.to_be_bytes() {
        [0, a, b, c] => Some([a, b, c]),
        _ => None,
    }
}

/// What was asked by INITIALIZE UPDATE.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) key_version: u8,
    pub(crate) host_challenge: Challenge,
    pub(crate) channel: u8,
}

impl Question {
    pub(crate) fn command(&self) -> CommandApdu {
        let plain = InitializeUpdate {
            key_version: self.key_version,
            key_id: 0x00,
            host_challenge: self.host_challenge.as_bytes().to_vec(),
        }
        .to_apdu();
        on_channel(plain, self.channel)
    }

    /// Reads what the card has answered. Nothing of it is proven yet.
    pub(crate) fn answer(&self, response: &ResponseApdu) -> Result<Answer, HostError> {
        if response.sw != StatusWord::OK {
            return Err(HostError::Refused { sw: response.sw });
        }
        let decoded =
            InitializeUpdateResponse::decode(&response.data).map_err(HostError::Malformed)?;
        let parameters = ScpParameters::new(decoded.i).map_err(HostError::InvalidParameters)?;
        let card_challenge = Challenge::from_bytes(&decoded.card_challenge);
        let cryptogram = Challenge::from_bytes(&decoded.card_cryptogram);
        let (Some(card_challenge), Some(cryptogram)) = (card_challenge, cryptogram) else {
            return Err(HostError::OtherMode);
        };
        let mode = self.host_challenge.mode();
        if [parameters.mode(), card_challenge.mode(), cryptogram.mode()] != [mode; 3]
            || parameters.pseudo_random() != decoded.sequence_counter.is_some()
        {
            return Err(HostError::OtherMode);
        }
        if self.key_version != 0 && decoded.key_version != self.key_version {
            return Err(HostError::OtherKeyVersion {
                asked: self.key_version,
                answered: decoded.key_version,
            });
        }
        Ok(Answer {
            kdd: decoded.kdd,
            key_version: decoded.key_version,
            parameters,
            card_challenge,
            cryptogram,
            counter: decoded.sequence_counter,
        })
    }
}

/// What the card has answered.
pub(crate) struct Answer {
    pub(crate) kdd: [u8; 10],
    pub(crate) key_version: u8,
    pub(crate) parameters: ScpParameters,
    pub(crate) card_challenge: Challenge,
    pub(crate) cryptogram: Challenge,
    pub(crate) counter: Option<[u8; 3]>,
}

/// What two challenges and the static keys make, as the host sees it.
pub(crate) struct Opening {
    /// Already past EXTERNAL AUTHENTICATE.
    pub(crate) session: Session,
    pub(crate) external_authenticate: ProtectedApdu,
    /// What a genuine card answers.
    pub(crate) card_cryptogram: Challenge,
    /// What a genuine card chooses, if that is computed.
    pub(crate) card_challenge: Option<Challenge>,
}

/// What a pseudo-random card challenge is computed from (D 6.2.2.1).
pub(crate) struct ChallengeSource<'a> {
    pub(crate) counter: [u8; 3],
    pub(crate) aid: &'a [u8],
}

impl Opening {
    /// With a `source`, computes the card's challenge as well.
    pub(crate) fn new(
        keys: &StaticKeys,
        question: &Question,
        card_challenge: &Challenge,
        level: SecurityLevel,
        source: Option<ChallengeSource<'_>>,
    ) -> Result<Self, KeyError> {
        let mode = question.host_challenge.mode();
        let (host, card) = (
            question.host_challenge.as_bytes(),
            card_challenge.as_bytes(),
        );
        let context = Context::new([host, card]);
        let mut expected = source.as_ref().map(|_| Challenge::blank(mode));
        let counter_context = source.map(|source| Context::new([&source.counter, source.aid]));
        let challenge = counter_context.as_ref().zip(expected.as_mut());
        let session_keys = SessionKeys::derive_in(
            keys,
            &context,
            challenge.map(|(context, challenge)| {
                Constant::CardChallenge.derivation(context, challenge.as_mut_bytes())
            }),
        );

        let (mut card_cryptogram, mut host_cryptogram) =
            (Challenge::blank(mode), Challenge::blank(mode));
        let mut session = Session::new(
            session_keys,
            mode,
            &mut [
                Constant::CardCryptogram.derivation(&context, card_cryptogram.as_mut_bytes()),
                Constant::HostCryptogram.derivation(&context, host_cryptogram.as_mut_bytes()),
            ],
        )?;
        let mut external_authenticate = on_channel(
            CommandApdu::new(0x84, 0x82, level.byte(), 0x00),
            question.channel,
        );
        let mut field = alloc::vec![0; 2 * mode.length()];
        copy(host_cryptogram.as_bytes(), &mut field);
        external_authenticate.data = field;
        session.seal_authentication(&mut external_authenticate);
        session.open(level, question.channel);
        Ok(Self {
            session,
            external_authenticate: ProtectedApdu(external_authenticate),
            card_cryptogram,
            card_challenge: expected,
        })
    }
}

/// Puts one of our own commands on a logical channel that was checked before.
pub(crate) fn on_channel(mut command: CommandApdu, channel: u8) -> CommandApdu {
    if let Some(class) = Class::parse(command.cla) {
        command.cla = class.on_channel(channel).byte();
    }
    command
}
