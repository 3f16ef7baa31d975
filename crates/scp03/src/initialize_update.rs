//! The answer to INITIALIZE UPDATE, and what both kinds of host do with it (Amendment D 6.2.2,
//! 7.1.1).

use globalplatform::apdu::{CommandFrame, CommandRef, MAX_SHORT_LE, ResponseRef};
use globalplatform::commands::initialize_update::InitializeUpdateResponseRef;
use globalplatform::commands::{external_authenticate, initialize_update};
use globalplatform::status_word::StatusWord;

use crate::block::{Context, Derivation, Input};
use crate::channel::{Session, copy};
use crate::class::Class;
use crate::cryptogram::Challenge;
use crate::host::HostError;
use crate::kdf::Constant;
use crate::keys::{EncKey, KeyError, MacKey, SEnc, SessionKeys};
use crate::parameters::{Mode, ScpParameters};
use crate::protected::Protected;
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
    pub(crate) fn command(&self) -> CommandRef<'_> {
        let cla = on_channel(0x80, self.channel);
        CommandRef {
            data: self.host_challenge.as_bytes(),
            le: Some(MAX_SHORT_LE),
            ..CommandRef::new(cla, initialize_update::INS, self.key_version, 0x00)
        }
    }

    /// Reads what the card has answered. Nothing of it is proven yet.
    pub(crate) fn answer(&self, response: ResponseRef<'_>) -> Result<Answer, HostError> {
        if response.sw != StatusWord::OK {
            return Err(HostError::Refused { sw: response.sw });
        }
        let decoded =
            InitializeUpdateResponseRef::decode(response.data).map_err(HostError::Malformed)?;
        let parameters = ScpParameters::new(decoded.i).map_err(HostError::InvalidParameters)?;
        let card_challenge = Challenge::from_bytes(decoded.card_challenge);
        let cryptogram = Challenge::from_bytes(decoded.card_cryptogram);
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

impl Answer {
    /// As the card sends it.
    pub(crate) fn view(&self) -> InitializeUpdateResponseRef<'_> {
        InitializeUpdateResponseRef {
            kdd: self.kdd,
            key_version: self.key_version,
            i: self.parameters.byte(),
            card_challenge: self.card_challenge.as_bytes(),
            card_cryptogram: self.cryptogram.as_bytes(),
            sequence_counter: self.counter,
        }
    }
}

/// What two challenges and the static keys make, as the host sees it.
pub(crate) struct Opening {
    /// Already past EXTERNAL AUTHENTICATE.
    pub(crate) session: Session,
    pub(crate) external_authenticate: ExternalAuthenticate,
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
        (enc, mac): (&EncKey, &MacKey),
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
        let s_enc = SEnc::derive(
            enc,
            challenge.map(|(context, challenge)| {
                Constant::CardChallenge.derivation(context, challenge.as_mut_bytes())
            }),
            Input::Context(&context),
        );
        let session_keys = SessionKeys::with_macs(s_enc, mac, &context);

        let (mut card_cryptogram, mut host_cryptogram) =
            (Challenge::blank(mode), Challenge::blank(mode));
        let header = ExternalAuthenticate::mac_header(level, mode);
        let mut chaining = [0; 16];
        let mut session = Session::new(
            session_keys,
            mode,
            &mut [
                Constant::CardCryptogram.derivation(&context, card_cryptogram.as_mut_bytes()),
                Constant::HostCryptogram.derivation(&context, host_cryptogram.as_mut_bytes()),
                Derivation {
                    constant: None,
                    input: Input::Followed(&header),
                    output: &mut chaining,
                },
            ],
        )?;
        session.open(level, question.channel);
        session.resume(chaining, 0);
        let external_authenticate =
            ExternalAuthenticate::new(question.channel, level, &host_cryptogram, &chaining);
        Ok(Self {
            session,
            external_authenticate,
            card_cryptogram,
            card_challenge: expected,
        })
    }
}

/// EXTERNAL AUTHENTICATE (D 7.1.2) as it is sent: `CLA 82 level 00 Lc cryptogram C-MAC`.
pub(crate) struct ExternalAuthenticate {
    bytes: [u8; 5 + 2 * 16],
    frame: CommandFrame,
}

impl ExternalAuthenticate {
    fn new(channel: u8, level: SecurityLevel, cryptogram: &Challenge, mac: &[u8; 16]) -> Self {
        let [_, ins, p1, p2, lc] = Self::mac_header(level, cryptogram.mode());
        let cla = on_channel(0x84, channel);
        let length = cryptogram.mode().length();
        let mut bytes = [0; 5 + 2 * 16];
        copy(&[cla, ins, p1, p2, lc], &mut bytes);
        copy(cryptogram.as_bytes(), bytes.get_mut(5..).unwrap_or(&mut []));
        let room = bytes.get_mut(5 + length..5 + 2 * length);
        copy(mac.get(..length).unwrap_or(&[]), room.unwrap_or(&mut []));
        let frame = CommandFrame {
            header: [cla, ins, p1, p2],
            data_length: 2 * length,
            le: None,
            extended: false,
        };
        Self { bytes, frame }
    }

    /// The header as the C-MAC sees it: on logical channel 0 (D 6.2.4).
    const fn mac_header(level: SecurityLevel, mode: Mode) -> [u8; 5] {
        let lc = 2 * mode.length() as u8;
        [0x84, external_authenticate::INS, level.byte(), 0x00, lc]
    }

    pub(crate) fn view(&self) -> Protected<'_> {
        Protected::new(&self.bytes, 5 + self.frame.data_length, &self.frame)
    }
}

/// The class byte of one of our own commands on a logical channel that was checked before.
fn on_channel(cla: u8, channel: u8) -> u8 {
    Class::parse(cla).map_or(cla, |class| class.on_channel(channel).byte())
}
