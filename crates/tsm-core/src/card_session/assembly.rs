//! Putting the legs into one script.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::commands::select::Select;
use globalplatform::status_word::StatusWord;
use scp03::parameters::{Mode, ScpParameters};
use scp03::script::{ScriptBuilder, ScriptVerifier};
use scp03::security_level::SecurityLevel;

use super::counters::Counters;
use super::{Leg, SessionError};
use crate::ports::{Entropy, Script, ScriptCommand};

/// What is needed to judge the answers to a script.
pub(super) struct Assembly {
    pub(super) legs: Vec<AssembledLeg>,
}

/// One leg of it.
pub(super) struct AssembledLeg {
    /// Bare INITIALIZE UPDATEs before the session.
    pub(super) spent: usize,
    /// Commands of the session: INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, wrapped ones.
    pub(super) commands: usize,
    /// Counter value of the session.
    pub(super) counter: u32,
    /// Judges the session.
    pub(super) verifier: ScriptVerifier,
}

impl Assembly {
    /// Builds the script with the legs from `first` on; before the first one,
    /// `spend` values of its counter are spent.
    pub(super) fn build(
        legs: &[Leg],
        first: usize,
        spend: u32,
        counters: &mut Counters,
        entropy: &dyn Entropy,
    ) -> Result<(Script, Self), SessionError> {
        let mut script = Script::default();
        let mut assembled = Vec::with_capacity(legs.len());
        for (index, leg) in legs.iter().enumerate().skip(first) {
            let spend = if index == first { spend } else { 0 };
            let counter = counters.take(index, leg)?;
            assembled.push(add(&mut script, index, leg, spend, counter, entropy)?);
        }
        Ok((script, Self { legs: assembled }))
    }
}

fn add(
    script: &mut Script,
    index: usize,
    leg: &Leg,
    spend: u32,
    counter: u32,
    entropy: &dyn Entropy,
) -> Result<AssembledLeg, SessionError> {
    let unbuildable = |detail: String| SessionError::Unbuildable { leg: index, detail };
    let parameters =
        ScpParameters::new(leg.scp_i).map_err(|error| unbuildable(error.to_string()))?;
    let encode = |command: &CommandApdu| {
        let encoded = command.encode();
        encoded.map_err(|error| unbuildable(error.to_string()))
    };
    let mut push = |apdu: Vec<u8>, accepted: &[StatusWord]| {
        let accepted = core::iter::once(StatusWord::OK)
            .chain(accepted.iter().copied())
            .collect();
        script.commands.push(ScriptCommand { apdu, accepted });
    };

    push(
        encode(&Select::by_aid(leg.select).to_apdu())?,
        &[StatusWord::CARD_LOCKED],
    );
    for _ in 0..spend {
        let host_challenge = host_challenge(parameters.mode(), entropy)?;
        let key_version = leg.key_version;
        let spent = InitializeUpdate {
            key_version,
            key_id: 0x00,
            host_challenge,
        };
        push(encode(&spent.to_apdu())?, &[]);
    }
    let mut builder = ScriptBuilder::start(
        &leg.keys,
        leg.key_version,
        parameters,
        leg.select.as_bytes(),
        counter,
        SecurityLevel::Full,
        &host_challenge(parameters.mode(), entropy)?,
    )
    .map_err(|error| unbuildable(error.to_string()))?;
    builder
        .push_all(leg.commands.iter().map(|command| &command.apdu))
        .map_err(|error| unbuildable(error.to_string()))?;
    let (commands, verifier) = builder.finish();
    // INITIALIZE UPDATE and EXTERNAL AUTHENTICATE come before the leg's own commands.
    let accepted = core::iter::repeat_n(&[][..], 2).chain(
        leg.commands
            .iter()
            .map(|command| command.accepted.as_slice()),
    );
    for (command, accepted) in commands.iter().zip(accepted) {
        push(command.as_bytes().to_vec(), accepted);
    }
    let spent = usize::try_from(spend).unwrap_or(usize::MAX);
    Ok(AssembledLeg {
        spent,
        commands: commands.len(),
        counter,
        verifier,
    })
}

/// A fresh host challenge.
pub(super) fn host_challenge(mode: Mode, entropy: &dyn Entropy) -> Result<Vec<u8>, SessionError> {
    let mut challenge = vec![0; mode.length()];
    entropy.fill(&mut challenge)?;
    Ok(challenge)
}
