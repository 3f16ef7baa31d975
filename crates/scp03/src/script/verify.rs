//! Judging the answers to a script, in the order in which trust grows: card cryptogram, then R-MAC
//! after R-MAC.

use alloc::vec::Vec;

use globalplatform::apdu::ResponseApdu;
use globalplatform::status_word::StatusWord;

use super::{Pending, Prediction, ScriptError, Verified};
use crate::channel::Channel;
use crate::cryptogram::{card_cryptogram, pseudo_random_card_challenge};
use crate::host::HostError;
use crate::initialize_update::Answer;
use crate::keys::SessionKeys;
use crate::levels::Level;

impl<L: Level> Pending<L> {
    pub(super) fn verify(mut self, responses: &[ResponseApdu]) -> Result<Verified<L>, ScriptError> {
        let received = responses.len();
        if received > self.sent {
            return Err(ScriptError::TooManyResponses {
                received,
                sent: self.sent,
            });
        }
        let answers = match &self.prediction {
            Some(prediction) => prediction.verify_opening(responses)?,
            None => responses,
        };

        let first = received - answers.len();
        let mut opened = Vec::with_capacity(answers.len());
        for (i, (answer, outstanding)) in answers.iter().zip(&self.outstanding).enumerate() {
            let mut clear = answer.clone();
            let length = self
                .session
                .open_response(&mut clear.data, clear.sw, outstanding)
                .ok_or(ScriptError::ResponseForged { index: first + i })?;
            clear.data.truncate(length);
            opened.push(clear);
        }

        if received < self.sent {
            let stopped = opened
                .last()
                .is_some_and(|last| !last.sw.is_ok_or_warning());
            if !stopped {
                return Err(ScriptError::Truncated { received });
            }
            return Ok(Verified {
                responses: opened,
                channel: None,
            });
        }
        let mut channel = Channel::new(self.session);
        channel.set_growth(self.growth);
        Ok(Verified {
            responses: opened,
            channel: Some(channel),
        })
    }
}

impl Prediction {
    /// Judges the answers to INITIALIZE UPDATE and EXTERNAL AUTHENTICATE; gives those that follow.
    fn verify_opening<'r>(
        &self,
        responses: &'r [ResponseApdu],
    ) -> Result<&'r [ResponseApdu], ScriptError> {
        let received = responses.len();
        let Some((initialize_update, rest)) = responses.split_first() else {
            return Err(ScriptError::Truncated { received });
        };
        let answer =
            self.question
                .answer(initialize_update.view())
                .map_err(|error| match error {
                    HostError::Refused { sw } => ScriptError::Refused { index: 0, sw },
                    other => ScriptError::Opening(other),
                })?;
        self.verify_answer(&answer)?;

        let Some((external_authenticate, rest)) = rest.split_first() else {
            return Err(ScriptError::Truncated { received });
        };
        match external_authenticate.sw {
            StatusWord::OK => Ok(rest),
            sw => Err(ScriptError::Refused { index: 1, sw }),
        }
    }

    fn verify_answer(&self, answer: &Answer) -> Result<(), ScriptError> {
        if answer.parameters != self.parameters {
            return Err(ScriptError::Opening(HostError::OtherParameters {
                expected: self.parameters.byte(),
                reported: answer.parameters.byte(),
            }));
        }
        let Some(counter) = answer.counter.filter(|counter| *counter != self.counter) else {
            let is_genuine = self.card_challenge.is(answer.card_challenge.as_bytes())
                && self.card_cryptogram.is(answer.cryptogram.as_bytes());
            return if is_genuine {
                Ok(())
            } else {
                Err(ScriptError::NotGenuine)
            };
        };
        self.verify_other_counter(counter, answer)?;
        let [a, b, c] = counter;
        Err(ScriptError::CounterMoved {
            counter: u32::from_be_bytes([0, a, b, c]),
        })
    }

    /// The card used another value of the counter: believe that only if it proves to know the keys
    /// under that value.
    fn verify_other_counter(&self, counter: [u8; 3], answer: &Answer) -> Result<(), ScriptError> {
        let mode = self.parameters.mode();
        let host = self.question.host_challenge.as_bytes();
        let challenge = pseudo_random_card_challenge(&self.keys.enc, counter, &self.aid, mode);
        let session_keys = SessionKeys::derive(&self.keys, host, challenge.as_bytes());
        let cryptogram = card_cryptogram(&session_keys.mac, mode, host, challenge.as_bytes());
        if challenge.is(answer.card_challenge.as_bytes())
            && cryptogram.is(answer.cryptogram.as_bytes())
        {
            Ok(())
        } else {
            Err(ScriptError::NotGenuine)
        }
    }
}
