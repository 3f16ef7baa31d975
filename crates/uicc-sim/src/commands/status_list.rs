//! The entries of the registry that one GET STATUS found, given out in pieces.

use std::collections::VecDeque;

use globalplatform::commands::get_status::GetStatus;

/// What is left to give.
#[derive(Debug)]
pub(crate) struct StatusList {
    command: GetStatus,
    entries: VecDeque<Vec<u8>>,
}

impl StatusList {
    /// All entries, encoded, that `command` found.
    pub(crate) fn new(command: GetStatus, entries: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            command: GetStatus {
                next: false,
                ..command
            },
            entries: entries.into_iter().collect(),
        }
    }

    /// Whether `command` asks for the continuation of this list.
    pub(crate) fn continues(&self, command: &GetStatus) -> bool {
        let first = GetStatus {
            next: false,
            ..command.clone()
        };
        self.command == first
    }

    /// Whether everything was given out.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// As many whole entries as fit `limit` bytes, but at least one.
    pub(crate) fn page(&mut self, limit: usize) -> Vec<u8> {
        let mut page = self.entries.pop_front().unwrap_or_default();
        while let Some(entry) = self.entries.pop_front_if(|e| page.len() + e.len() <= limit) {
            page.extend_from_slice(&entry);
        }
        page
    }
}
