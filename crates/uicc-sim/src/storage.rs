//! The card's non-volatile memory with its state file: reading is free, a change is noticed and written.

use std::ops::Deref;
use std::path::Path;

use globalplatform::status_word::StatusWord;

use crate::chip::Chip;
use crate::state::{Durability, StateError, StateFile};

/// The non-volatile state and whether the file still says the same.
#[derive(Debug)]
pub(crate) struct Storage {
    chip: Chip,
    file: Option<StateFile>,
    changed: bool,
    failed: bool,
}

impl Deref for Storage {
    type Target = Chip;

    fn deref(&self) -> &Chip {
        &self.chip
    }
}

impl Storage {
    /// A state that is kept in memory only.
    pub(crate) const fn new(chip: Chip) -> Self {
        Self {
            chip,
            file: None,
            changed: false,
            failed: false,
        }
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

    /// Brings the file up to date, if anything changed.
    ///
    /// # Errors
    /// 6581 when the file cannot be written, now or earlier: the memory is worn out until the next reset, which takes
    /// what the file says.
    pub(crate) fn commit(&mut self) -> Result<(), StatusWord> {
        if self.failed {
            return Err(StatusWord::MEMORY_FAILURE);
        }
        if !self.changed {
            return Ok(());
        }
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
        Ok(())
    }

    /// After power was lost: what did not reach the file has not happened.
    pub(crate) fn recover(&mut self) {
        if !self.failed {
            return;
        }
        if let Some(Ok(chip)) = self.file.as_ref().map(StateFile::read) {
            self.chip = chip;
            self.changed = false;
            self.failed = false;
        }
    }
}
