//! The card's non-volatile memory with its state file: reading is free, a change is noticed and written.

use std::ops::Deref;
use std::path::Path;

use globalplatform::status_word::StatusWord;

use crate::chip::Chip;
use crate::faults::Tear;
use crate::state::{Durability, StateError, StateFile};

/// The non-volatile state and whether the file still says the same.
#[derive(Debug)]
pub(crate) struct Storage {
    chip: Chip,
    file: Option<StateFile>,
    changed: bool,
    failed: bool,
    tear: Option<PlannedTear>,
    /// The contents of a memory that is worn out: no write changes them any more.
    last: Option<Box<Chip>>,
}

/// A planned loss of power, and what the card is to find after it.
#[derive(Debug)]
struct PlannedTear {
    tear: Tear,
    written: Box<Chip>,
    happened: bool,
}

/// The state at some moment between two writes of the memory.
pub(crate) struct Mark {
    chip: Chip,
    changed: bool,
}

impl Mark {
    /// The contents at that moment.
    pub(crate) const fn chip(&self) -> &Chip {
        &self.chip
    }
}

impl Deref for Storage {
    type Target = Chip;

    fn deref(&self) -> &Chip {
        &self.chip
    }
}

impl Storage {
    /// A state that is kept in memory only.
    pub(crate) fn new(chip: Chip) -> Self {
        let mut storage = Self {
            chip,
            file: None,
            changed: false,
            failed: false,
            tear: None,
            last: None,
        };
        storage.keep_last();
        storage
    }

    /// The state in a file, kept there from now on.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StateError> {
        let file = StateFile::at(path, durability);
        let mut storage = Self::new(file.read()?);
        storage.file = Some(file);
        Ok(storage)
    }

    /// Keeps the state in this file from now on, and writes it at once.
    pub(crate) fn keep_in(
        &mut self,
        path: &Path,
        durability: Durability,
    ) -> Result<(), StateError> {
        let file = StateFile::at(path, durability);
        file.write(&self.chip)?;
        self.file = Some(file);
        self.changed = false;
        Ok(())
    }

    /// The state, to be changed.
    pub(crate) const fn write(&mut self) -> &mut Chip {
        self.changed = true;
        &mut self.chip
    }

    /// What is there now, to go back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            chip: self.chip.clone(),
            changed: self.changed,
        }
    }

    /// Goes back: what was changed since was not.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.chip = mark.chip;
        self.changed = mark.changed;
    }

    /// Brings the file up to date, if anything changed.
    ///
    /// # Errors
    /// 6581 when the memory is worn out, and nothing has changed; also when the file cannot be written, now or earlier:
    /// then until the next reset, which takes what the file says.
    pub(crate) fn commit(&mut self) -> Result<(), StatusWord> {
        if self.failed {
            return Err(StatusWord::MEMORY_FAILURE);
        }
        if !self.changed {
            return Ok(());
        }
        if let Some(last) = &self.last {
            self.chip = Chip::clone(last);
            self.changed = false;
            return Err(StatusWord::MEMORY_FAILURE);
        }
        self.chip.writes = self.chip.writes.saturating_add(1);
        self.tear_at(Tear::BeforeWrite(self.chip.writes))?;
        if let Some(file) = &self.file
            && let Err(error) = file.write(&self.chip)
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "card state not written"
            );
            self.failed = true;
            return Err(StatusWord::MEMORY_FAILURE);
        }
        self.changed = false;
        self.keep_last();
        if let Some(planned) = &mut self.tear {
            *planned.written = self.chip.clone();
        }
        self.tear_at(Tear::AfterWrite(self.chip.writes))
    }

    /// Remembers what the last write that the memory endures has left there.
    fn keep_last(&mut self) {
        let endured = self.behaviour.endurance_writes;
        if endured.is_some_and(|writes| self.writes >= writes) {
            self.last = Some(Box::new(self.chip.clone()));
        }
    }

    /// Plans a loss of power; what is written now is what the card has then. Without power there is none to lose.
    pub(crate) fn plan(&mut self, tear: Tear) {
        if self.is_dark() {
            return;
        }
        let later = |writes: u64| self.chip.writes.saturating_add(writes.max(1));
        let tear = match tear {
            Tear::BeforeWrite(n) => Tear::BeforeWrite(later(n)),
            Tear::AfterWrite(n) => Tear::AfterWrite(later(n)),
        };
        self.tear = Some(PlannedTear {
            tear,
            written: Box::new(self.chip.clone()),
            happened: false,
        });
    }

    /// Whether power is gone.
    pub(crate) fn is_dark(&self) -> bool {
        self.tear.as_ref().is_some_and(|planned| planned.happened)
    }

    fn tear_at(&mut self, moment: Tear) -> Result<(), StatusWord> {
        match &mut self.tear {
            Some(planned) if planned.tear == moment => {
                planned.happened = true;
                self.failed = true;
                Err(StatusWord::MEMORY_FAILURE)
            }
            _ => Ok(()),
        }
    }

    /// After power was lost: what did not reach the file has not happened.
    pub(crate) fn recover(&mut self) {
        if !self.failed {
            return;
        }
        let torn = self.tear.take_if(|planned| planned.happened);
        let found = match (&self.file, torn) {
            (Some(file), _) => file.read().ok(),
            (None, Some(planned)) => Some(*planned.written),
            (None, None) => None,
        };
        if let Some(chip) = found {
            self.chip = chip;
            self.changed = false;
            self.failed = false;
        }
    }
}
