//! EF.ARR: who may do what with a file (TS 102 221 9.2.7, ISO/IEC 7816-4 clause 9.3.3).

/// The record of EF.ARR that a file refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Everybody reads, nobody writes.
    Always,
    /// Who knows PIN 1 reads (on this card it is disabled, so everybody does); nobody writes.
    Pin,
}

impl Rule {
    /// Number of the record.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Always => 1,
            Self::Pin => 2,
        }
    }
}

/// Length of a record.
const RECORD_BYTES: usize = 24;
/// Access mode: READ.
const READ: [u8; 3] = [0x80, 0x01, 0x01];
/// Access mode: UPDATE, DEACTIVATE, ACTIVATE, DELETE.
const WRITE: [u8; 3] = [0x80, 0x01, 0x5A];
/// Condition: none.
const ALWAYS: [u8; 2] = [0x90, 0x00];
/// Condition: cannot be met.
const NEVER: [u8; 2] = [0x97, 0x00];
/// Condition: PIN with key reference 01.
const PIN1: [u8; 8] = [0xA4, 0x06, 0x83, 0x01, 0x01, 0x95, 0x01, 0x08];

/// The records, in the order of [`Rule::number`].
pub(super) fn records() -> Vec<Vec<u8>> {
    let rules = [
        [&READ[..], &ALWAYS, &WRITE, &NEVER].concat(),
        [&READ[..], &PIN1, &WRITE, &NEVER].concat(),
    ];
    let padded = rules.into_iter().map(|mut rule| {
        rule.resize(RECORD_BYTES, 0xFF);
        rule
    });
    padded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_record() {
        let records = records();
        let of = |rule: Rule| hex::encode(&records[usize::from(rule.number()) - 1]);
        let fill = "ff".repeat(14);
        assert_eq!(of(Rule::Always), format!("800101900080015a9700{fill}"));
        assert_eq!(
            of(Rule::Pin),
            "800101a40683010195010880015a9700ffffffffffffffff"
        );
    }
}
