//! Access application specific parameters (tags 81 and 82): for each file system its AID, an access
//! domain and the signature that allows it.

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    tlv::{Reader, Writer},
};

/// What an application may do in one file system: `LV AID | LV access domain | LV DAP`.
///
/// ```
/// use globalplatform::commands::install::AccessRule;
///
/// let everything = AccessRule { aid: None, domain: vec![AccessRule::FULL], dap: vec![] };
/// assert!(everything.allows_everything());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRule {
    /// The application whose file system (ADF) it is; `None` for that of the UICC.
    pub aid: Option<Aid>,
    /// Access domain: its parameter, [`FULL`](Self::FULL) or another, and the data that belong to it.
    pub domain: Vec<u8>,
    /// The signature over the access domain; mostly empty.
    pub dap: Vec<u8>,
}

impl AccessRule {
    /// Access domain parameter: full access.
    pub const FULL: u8 = 0x00;
    /// Access domain parameter: as the access technology of the UICC says, with data.
    pub const UICC_MECHANISM: u8 = 0x02;
    /// Access domain parameter: none.
    pub const NONE: u8 = 0xFF;

    /// Whether the access domain is full access.
    #[must_use]
    pub fn allows_everything(&self) -> bool {
        self.domain == [Self::FULL]
    }
}

pub(super) fn encode(rules: &[AccessRule]) -> Vec<u8> {
    let mut writer = Writer::new();
    for rule in rules {
        writer.lv(rule.aid.as_ref().map_or(&[], Aid::as_bytes));
        writer.lv(&rule.domain);
        writer.lv(&rule.dap);
    }
    writer.into_vec()
}

pub(super) fn read(mut reader: Reader<'_>) -> Result<Vec<AccessRule>, DecodeError> {
    let mut rules = Vec::new();
    while !reader.is_empty() {
        let aid = match reader.lv()? {
            [] => None,
            aid => Some(Aid::decode(aid, reader.offset() - aid.len())?),
        };
        let domain = reader.lv()?.to_vec();
        let dap = reader.lv()?.to_vec();
        rules.push(AccessRule { aid, domain, dap });
    }
    Ok(rules)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use proptest::{option::of, prelude::*};

    #[test]
    fn refuses_malformed_rules_with_offsets() {
        for (hex, offset) in [
            ("01", 1),
            ("04A0000001 0100 00", 1),
            ("00 0100 00 04A0000001 0100 00", 5),
            ("00", 1),
            ("00 0100", 3),
            ("00 0100 00 05A000000151", 10),
        ] {
            let error = read(Reader::new(&bytes(hex))).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn only_the_full_domain_allows_everything() {
        let rule = |domain: &[u8]| AccessRule {
            domain: domain.into(),
            ..AccessRule::default()
        };
        assert!(rule(&[AccessRule::FULL]).allows_everything());
        assert!(!rule(&[AccessRule::UICC_MECHANISM, 1]).allows_everything());
        assert!(!rule(&[AccessRule::NONE]).allows_everything());
        assert!(!rule(&[]).allows_everything());
        assert!(!rule(&[0, 0]).allows_everything());
    }

    pub(crate) fn any_rules() -> impl Strategy<Value = Vec<AccessRule>> {
        let rule = (of(any_aid()), any_bytes(0..4), any_bytes(0..9))
            .prop_map(|(aid, domain, dap)| AccessRule { aid, domain, dap });
        proptest::collection::vec(rule, 0..4)
    }
}
