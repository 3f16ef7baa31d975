//! The same seed and the same commands give the same card.

use anyhow::ensure;
use tempfile::TempDir;
use tsm_tests::contacts::{Contacts, Event};
use uicc_sim::{CardConfig, Uicc};

/// What one card has heard and answered, and what became of it.
pub struct Repetition {
    config: CardConfig,
    events: Vec<Event>,
    state: Vec<u8>,
    /// The card goes on writing to its file.
    _folder: TempDir,
}

impl Repetition {
    /// Takes the record of a card that `config` describes, and its state.
    pub fn of(config: CardConfig, contacts: &mut Contacts) -> anyhow::Result<Self> {
        let (state, folder) = state_of(contacts.card())?;
        Ok(Self {
            config,
            events: contacts.take_record(),
            state,
            _folder: folder,
        })
    }

    /// Has a new card hear the same; gives the number of commands.
    pub fn check(self) -> anyhow::Result<usize> {
        let iccid = self.config.iccid.clone();
        let mut card = Uicc::new(self.config)?;
        let mut commands = 0;
        for event in self.events {
            match event {
                Event::Reset => card.reset(),
                Event::Exchange { command, response } => {
                    commands += 1;
                    let again = card.transmit(&command);
                    ensure!(
                        again == response,
                        "{iccid}: command {commands} is answered otherwise"
                    );
                }
            }
        }
        ensure!(
            state_of(&mut card)?.0 == self.state,
            "{iccid}: the card has become another"
        );
        Ok(commands)
    }
}

/// The bytes of the state file, and the folder that it is in.
fn state_of(card: &mut Uicc) -> anyhow::Result<(Vec<u8>, TempDir)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("card.state");
    card.persist_to(&file)?;
    Ok((std::fs::read(&file)?, folder))
}
