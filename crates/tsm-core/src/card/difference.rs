//! What changed on a card between two readings: exactly that, nothing else. A pure function.

use core::fmt;

use globalplatform::aid::Aid;
use globalplatform::life_cycle::{
    ApplicationLifeCycle, CardLifeCycle, LoadFileLifeCycle, SecurityDomainLifeCycle,
};

use crate::card::content::{CardContent, ContentEntry, EntryKind};
use crate::time::Timestamp;

/// An entry of the registry by kind and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    /// Its kind; none for the card itself, which is its issuer domain.
    pub kind: Option<EntryKind>,
    /// Its AID.
    pub aid: Aid,
}

impl From<&ContentEntry> for EntryName {
    fn from(entry: &ContentEntry) -> Self {
        Self {
            kind: Some(entry.kind),
            aid: entry.aid,
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => "card",
            Some(EntryKind::SecurityDomain) => "security domain",
            Some(EntryKind::LoadFile) => "load file",
            Some(EntryKind::Applet) => "applet",
        };
        write!(f, "{kind} {}", self.aid)
    }
}

/// In what an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// It was not there before.
    Appeared,
    /// It is not there any more.
    Vanished,
    /// Its life cycle state.
    LifeCycle,
    /// Its privileges.
    Privileges,
    /// The security domain that it belongs to.
    Domain,
    /// The key sets of the domain.
    Keys,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what.
    pub kind: DifferenceKind,
    /// Of which entry.
    pub entry: EntryName,
    /// What the earlier reading showed; empty for what appeared.
    pub before: String,
    /// What the later reading shows; empty for what vanished.
    pub after: String,
}

/// A difference and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When the later reading was made.
    pub at: Timestamp,
    /// The difference.
    pub difference: Difference,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entry,
            before,
            after,
            ..
        } = self;
        match self.kind {
            DifferenceKind::Appeared => write!(f, "{entry} appeared: {after}"),
            DifferenceKind::Vanished => write!(f, "{entry} vanished: it was {before}"),
            DifferenceKind::LifeCycle => write!(f, "{entry} was {before} and is {after}"),
            DifferenceKind::Privileges => {
                write!(f, "{entry} had privileges {before} and has {after}")
            }
            DifferenceKind::Domain => write!(f, "{entry} moved from {before} to {after}"),
            DifferenceKind::Keys => write!(f, "{entry} had key sets {before} and has {after}"),
        }
    }
}

/// What differs between two readings of the card whose issuer domain is `issuer`;
/// the card first, then entries as the later reading has them, then what vanished.
/// Free memory follows from the rest and is left out, as are keys that only one of
/// the readings knows.
#[must_use]
pub fn differences(issuer: Aid, before: &CardContent, after: &CardContent) -> Vec<Difference> {
    let card = EntryName {
        kind: None,
        aid: issuer,
    };
    let mut found = Vec::new();
    let states = [before, after].map(|content| life_cycle(None, content.card_life_cycle));
    found.extend(unequal(DifferenceKind::LifeCycle, card, states));
    found.extend(keys(card, before, after));
    for entry in &after.entries {
        let name = EntryName::from(entry);
        match before.find(entry.kind, &entry.aid) {
            Some(earlier) if earlier.load_file == entry.load_file => {
                found.extend(changes(name, earlier, entry));
                found.extend(keys(name, before, after));
            }
            Some(earlier) => {
                found.push(gone(earlier));
                found.push(new(entry));
            }
            None => found.push(new(entry)),
        }
    }
    let is_gone = |entry: &&ContentEntry| after.find(entry.kind, &entry.aid).is_none();
    found.extend(before.entries.iter().filter(is_gone).map(gone));
    found
}

fn changes(name: EntryName, before: &ContentEntry, after: &ContentEntry) -> Vec<Difference> {
    let both = [before, after];
    let states = both.map(|entry| life_cycle(Some(entry.kind), entry.life_cycle));
    let privileges = both.map(|entry| {
        let bytes = entry.privileges.map(|found| found.to_bytes());
        bytes.map_or_else(|| "unknown".to_owned(), hex::encode_upper)
    });
    let domains = both.map(|entry| named(entry.security_domain));
    [
        unequal(DifferenceKind::LifeCycle, name, states),
        unequal(DifferenceKind::Privileges, name, privileges),
        unequal(DifferenceKind::Domain, name, domains),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn keys(name: EntryName, before: &CardContent, after: &CardContent) -> Option<Difference> {
    let of = |content: &CardContent| {
        let keys = content.key_versions(&name.aid)?;
        Some(version_list(&keys.versions))
    };
    unequal(DifferenceKind::Keys, name, [of(before)?, of(after)?])
}

fn unequal(
    kind: DifferenceKind,
    entry: EntryName,
    [before, after]: [String; 2],
) -> Option<Difference> {
    (before != after).then_some(Difference {
        kind,
        entry,
        before,
        after,
    })
}

fn new(entry: &ContentEntry) -> Difference {
    Difference {
        kind: DifferenceKind::Appeared,
        entry: entry.into(),
        before: String::new(),
        after: described(entry),
    }
}

fn gone(entry: &ContentEntry) -> Difference {
    Difference {
        kind: DifferenceKind::Vanished,
        entry: entry.into(),
        before: described(entry),
        after: String::new(),
    }
}

fn described(entry: &ContentEntry) -> String {
    let state = life_cycle(Some(entry.kind), entry.life_cycle);
    format!("{state} in domain {}", named(entry.security_domain))
}

fn named(aid: Option<Aid>) -> String {
    aid.map_or_else(|| "unknown".to_owned(), |aid| aid.to_string())
}

/// Key version numbers as people read them: `30, 73`.
#[must_use]
pub fn version_list(versions: &[u8]) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    let versions: Vec<_> = versions.iter().map(|v| format!("{v:02X}")).collect();
    versions.join(", ")
}

/// A life cycle state in the words of GlobalPlatform (2.3.1, Tables 11-3 to 11-6),
/// as hexadecimal when it has none.
#[must_use]
pub fn life_cycle(kind: Option<EntryKind>, byte: u8) -> String {
    let word = match kind {
        None => CardLifeCycle::try_from(byte).map(|state| state.to_string()),
        Some(EntryKind::LoadFile) => LoadFileLifeCycle::try_from(byte).map(|s| s.to_string()),
        Some(EntryKind::Applet) => ApplicationLifeCycle::try_from(byte).map(|s| s.to_string()),
        Some(EntryKind::SecurityDomain) => {
            SecurityDomainLifeCycle::try_from(byte).map(|state| state.to_string())
        }
    };
    word.unwrap_or_else(|_| format!("{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use globalplatform::privileges::Privileges;
    use proptest::prelude::*;

    use super::*;
    use crate::card::content::KeySets;
    use crate::card::model::{ISD, Model};

    fn aid(last: u8) -> Aid {
        Aid::from_slice_const(&[0xD3, 0x92, 0, 0, 0, last])
    }

    fn card() -> Model {
        let mut model = Model::new(50_000);
        model.install_domain(aid(1)).unwrap();
        model.personalize(&aid(1)).unwrap();
        model.load(aid(2), aid(1), 1_000).unwrap();
        model.install_applet(aid(3), aid(2)).unwrap();
        model
    }

    fn words(before: &CardContent, after: &CardContent) -> Vec<String> {
        let found = differences(ISD, before, after);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_what_appeared_and_what_vanished_and_nothing_else() {
        let (before, mut model) = (card().content(), card());
        model.delete(&aid(3)).unwrap();
        model.install_applet(aid(4), aid(2)).unwrap();
        assert_eq!(
            words(&before, &model.content()),
            [
                "applet D39200000004 appeared: INSTALLED in domain D39200000001",
                "applet D39200000003 vanished: it was INSTALLED in domain D39200000001",
            ]
        );
        assert_eq!(words(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn names_changed_states_privileges_and_domains() {
        let before = card().content();
        let mut after = before.clone();
        after.card_life_cycle = 0x7F;
        let applet = after.entries.iter_mut().find(|e| e.aid == aid(3)).unwrap();
        applet.life_cycle = 0x83;
        applet.privileges = Some(Privileges::CARD_LOCK);
        applet.security_domain = Some(ISD);
        assert_eq!(
            words(&before, &after),
            [
                "card A000000151000000 was SECURED and is CARD_LOCKED",
                "applet D39200000003 was INSTALLED and is LOCKED",
                "applet D39200000003 had privileges 000000 and has 100000",
                "applet D39200000003 moved from D39200000001 to A000000151000000",
            ]
        );
    }

    #[test]
    fn names_changed_key_sets_when_both_readings_know_them() {
        let keys = |domain, versions: &[u8]| KeySets {
            domain,
            versions: versions.to_vec(),
            is_proven: true,
        };
        let mut before = card().content();
        let mut after = before.clone();
        before.keys = vec![keys(ISD, &[0x30])];
        after.keys = vec![keys(ISD, &[0x30, 0x31]), keys(aid(1), &[0x30])];
        let expected = "card A000000151000000 had key sets 30 and has 30, 31";
        assert_eq!(words(&before, &after), [expected]);
    }

    proptest! {
        #[test]
        fn the_way_back_shows_as_many_differences(kept in proptest::collection::vec(any::<bool>(), 4)) {
            let before = card().content();
            let mut after = before.clone();
            let mut keep = kept.iter();
            after.entries.retain(|_| *keep.next().unwrap());
            let gone = before.entries.len() - after.entries.len();
            prop_assert_eq!(differences(ISD, &before, &after).len(), gone);
            prop_assert_eq!(differences(ISD, &after, &before).len(), gone);
        }
    }
}
