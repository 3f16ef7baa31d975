//! The entries of the registry that one GET STATUS found, given out in pieces.

use std::collections::VecDeque;

use globalplatform::commands::get_status::GetStatus;

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// E3 data objects (P2 b2 set).
    Tlv,
    /// `LV AID | state | privileges`, the obsolete form of Card Specification 2.1.1.
    Obsolete,
}

/// What is left to give.
#[derive(Debug)]
pub(crate) struct StatusList {
    command: GetStatus,
    form: Form,
    entries: VecDeque<Vec<u8>>,
}

impl StatusList {
    /// All entries, encoded, that `command` found.
    pub(crate) fn new(
        command: GetStatus,
        form: Form,
        entries: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        Self {
            command: GetStatus {
                next: false,
                ..command
            },
            form,
            entries: entries.into_iter().collect(),
        }
    }

    /// Whether `command` asks for the continuation of this list.
    pub(crate) fn continues(&self, command: &GetStatus, form: Form) -> bool {
        let first = GetStatus {
            next: false,
            ..command.clone()
        };
        self.form == form && self.command == first
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

#[cfg(test)]
mod tests {
    use super::*;
    use globalplatform::commands::get_status::Scope;

    #[test]
    fn gives_whole_entries_up_to_the_limit_and_never_none() {
        let command = GetStatus::all(Scope::Applications);
        let entries = [
            vec![1; 100],
            vec![2; 100],
            vec![3; 39],
            vec![4; 300],
            vec![5; 1],
        ];
        let mut list = StatusList::new(command, Form::Tlv, entries);
        let sizes: Vec<usize> =
            std::iter::from_fn(|| (!list.is_empty()).then(|| list.page(239).len())).collect();
        assert_eq!(sizes, [239, 300, 1]);
    }

    #[test]
    fn continues_only_the_same_question() {
        let command = GetStatus::all(Scope::Applications);
        let list = StatusList::new(command.clone(), Form::Tlv, [vec![1]]);
        let next = GetStatus {
            next: true,
            ..command
        };
        assert!(list.continues(&next, Form::Tlv));
        assert!(!list.continues(&next, Form::Obsolete));
        let other = GetStatus {
            scope: Scope::LoadFiles,
            ..next.clone()
        };
        assert!(!list.continues(&other, Form::Tlv));
        let other = GetStatus {
            criteria: vec![0xA0],
            ..next
        };
        assert!(!list.continues(&other, Form::Tlv));
    }
}
