//! Reading a list of the registry to its end (G 11.4.2.2, 11.4.3.2): 6310 asks for the next page.

use alloc::vec::Vec;

use super::GetStatus;
use crate::{error::DecodeError, registry::RegistryEntry, status_word::StatusWord};

/// Collects the pages of a list, as [`command`](Self::command) asks for them one after the other.
///
/// Real cards cut a page in the middle of an entry, so that the pages are joined before they are
/// decoded.
///
/// ```
/// use globalplatform::{
///     commands::get_status::{GetStatus, RegistryReading, Scope},
///     status_word::StatusWord,
/// };
///
/// let mut reading = RegistryReading::new(GetStatus::all(Scope::Applications));
/// assert_eq!(reading.command().to_apdu().p2, 0x02);
/// let first = [0xE3, 11, 0x4F, 5, 0xA0, 0, 0, 1, 0x51];
/// assert!(reading.take(StatusWord::MORE_DATA, &first)?);
/// assert_eq!(reading.command().to_apdu().p2, 0x03);
/// assert!(!reading.take(StatusWord::OK, &[0x9F, 0x70, 1, 7])?);
/// assert_eq!(reading.finish()?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegistryReading {
    command: GetStatus,
    data: Vec<u8>,
    pages: usize,
}

/// A list could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryReadingError {
    /// The card refused a page.
    #[error("the card refused: {0}")]
    Refused(StatusWord),
    /// The card says for ever that there is more.
    #[error("more than {limit} pages")]
    Endless {
        /// How many pages are read.
        limit: usize,
    },
}

impl RegistryReading {
    /// How many pages are read at most.
    pub const MAX_PAGES: usize = 256;

    /// Begins with the first page of what `command` asks for.
    #[must_use]
    pub fn new(command: GetStatus) -> Self {
        Self {
            command: GetStatus {
                next: false,
                ..command
            },
            data: Vec::new(),
            pages: 0,
        }
    }

    /// The command for the next page.
    #[must_use]
    pub const fn command(&self) -> &GetStatus {
        &self.command
    }

    /// Takes a response; whether the next page must be asked for. "Nothing found" (6A88) is the end of
    /// the list.
    ///
    /// # Errors
    /// [`RegistryReadingError`]; what was read so far stays.
    pub fn take(&mut self, sw: StatusWord, data: &[u8]) -> Result<bool, RegistryReadingError> {
        let more = match sw {
            StatusWord::OK => false,
            StatusWord::MORE_DATA => true,
            StatusWord::REFERENCED_DATA_NOT_FOUND => return Ok(false),
            sw => return Err(RegistryReadingError::Refused(sw)),
        };
        self.data.extend_from_slice(data);
        self.pages += 1;
        self.command.next = true;
        if more && self.pages >= Self::MAX_PAGES {
            return Err(RegistryReadingError::Endless {
                limit: Self::MAX_PAGES,
            });
        }
        Ok(more)
    }

    /// The entries of all pages.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the joined pages.
    pub fn finish(&self) -> Result<Vec<RegistryEntry>, DecodeError> {
        RegistryEntry::decode_list(&self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{get_status::Scope, testing::bytes};
    use alloc::string::ToString;

    fn reading() -> RegistryReading {
        RegistryReading::new(GetStatus {
            next: true,
            ..GetStatus::all(Scope::LoadFiles)
        })
    }

    #[test]
    fn joins_pages_that_are_cut_inside_an_entry() {
        let mut reading = reading();
        assert!(!reading.command().next);
        let first = bytes("E30B4F05A0000001519F700101 E30B4F05A0000001");
        assert_eq!(reading.take(StatusWord::MORE_DATA, &first), Ok(true));
        assert!(reading.command().next);
        assert_eq!(
            reading.finish(),
            Err(DecodeError::Truncated {
                offset: 21,
                needed: 5
            })
        );
        assert_eq!(
            reading.take(StatusWord::OK, &bytes("529F700101")),
            Ok(false)
        );
        let aids: Vec<_> = reading
            .finish()
            .unwrap()
            .iter()
            .map(|entry| entry.aid.to_string())
            .collect();
        assert_eq!(aids, ["A000000151", "A000000152"]);
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        let mut reading = reading();
        let nothing = StatusWord::REFERENCED_DATA_NOT_FOUND;
        assert_eq!(reading.take(nothing, &[1]), Ok(false));
        assert_eq!(reading.finish(), Ok(Vec::new()));
    }

    #[test]
    fn other_status_words_are_refusals() {
        for sw in [StatusWord::SECURITY_STATUS, StatusWord(0x6300)] {
            let mut reading = reading();
            let error = reading.take(sw, &[1]).unwrap_err();
            assert_eq!(error, RegistryReadingError::Refused(sw));
            assert!(!reading.command().next);
            assert_eq!(reading.finish(), Ok(Vec::new()));
        }
    }

    #[test]
    fn does_not_read_for_ever() {
        let mut reading = reading();
        for _ in 1..RegistryReading::MAX_PAGES {
            assert_eq!(reading.take(StatusWord::MORE_DATA, &[]), Ok(true));
        }
        let mut longest = reading.clone();
        assert_eq!(longest.take(StatusWord::OK, &[]), Ok(false));
        let error = reading.take(StatusWord::MORE_DATA, &[]).unwrap_err();
        assert_eq!(error.to_string(), "more than 256 pages");
    }
}
