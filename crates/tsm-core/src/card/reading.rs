//! Reading a card's registry and free memory: GET STATUS and GET DATA FF21
//! (GlobalPlatform 2.3.1, 11.3 and 11.4; ETSI TS 102 226, 8.2.1.7.2).
//!
//! All commands are sent ahead, so the number of GET STATUS for the next entries is a guess; a
//! superfluous one is refused by the card, which is no harm.

use globalplatform::aid::Aid;
use globalplatform::apdu::ResponseApdu;
use globalplatform::card_data::{ExtendedCardResources, KeyInformationTemplate};
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::get_status::{GetStatus, GetStatusResponse, Scope};
use globalplatform::privileges::Privileges;
use globalplatform::registry::{self, RegistryEntry};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::Tag;

use crate::card::content::{CardContent, ContentEntry, EntryKind, KeySets};
use crate::card::desired::Desired;
use crate::card_session::LegCommand;
use crate::time::Timestamp;

/// Clear bytes of one answer at level 33.
const PAGE_BYTES: usize = 239;
/// More pages than this no card needs.
const MOST_PAGES: usize = 64;

/// The commands of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// GET STATUS commands for applications and security domains.
    application_pages: usize,
    /// GET STATUS commands for load files.
    load_file_pages: usize,
}

/// What the answers to a reading say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The whole registry.
    Complete(CardContent),
    /// The registry is longer than was asked for: ask with this.
    Longer(Inquiry),
}

/// Why the answers to a reading say nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadingError {
    /// The card refused a command of the reading.
    #[error("the card refused to be read: {0}")]
    Refused(StatusWord),
    /// The registry cannot be understood, or contradicts itself.
    #[error("the registry is malformed: {0}")]
    Malformed(String),
}

impl Inquiry {
    /// Enough for a card that was never read, as cards usually are.
    #[must_use]
    pub const fn first() -> Self {
        Self {
            application_pages: 2,
            load_file_pages: 4,
        }
    }

    /// Enough for what was read before and everything of ours on top.
    #[must_use]
    pub fn expecting(content: &CardContent, desired: &Desired) -> Self {
        let lengths = |files: bool| {
            let known = content.entries.iter();
            known
                .filter(move |entry| (entry.kind == EntryKind::LoadFile) == files)
                .map(length)
        };
        let per_service = |names: usize| desired.services.len().saturating_mul(names);
        let applications = lengths(false).chain(core::iter::repeat_n(65, per_service(2)));
        let load_files = lengths(true).chain(core::iter::repeat_n(45, per_service(1)));
        Self {
            application_pages: pages(applications),
            load_file_pages: pages(load_files),
        }
    }

    /// How many commands it has.
    #[must_use]
    pub const fn length(&self) -> usize {
        1 + self.application_pages + self.load_file_pages + 2
    }

    /// The commands, for a session with the issuer's domain.
    #[must_use]
    pub fn commands(&self) -> Vec<LegCommand> {
        let issuer = GetStatus::all(Scope::IssuerSecurityDomain);
        let mut commands = vec![LegCommand::new(issuer.to_apdu())];
        for (scope, pages, tags) in [
            (
                Scope::Applications,
                self.application_pages,
                APPLICATION_TAGS,
            ),
            (Scope::LoadFiles, self.load_file_pages, LOAD_FILE_TAGS),
        ] {
            for page in 0..pages {
                let next = page > 0;
                let status = GetStatus {
                    next,
                    tag_list: tags.to_vec(),
                    ..GetStatus::all(scope)
                };
                let accepted = if next { AFTER_LAST } else { NOTHING_FOUND };
                let command = LegCommand::new(status.to_apdu());
                commands.push(
                    command
                        .accepting(&[StatusWord::MORE_DATA])
                        .accepting(accepted),
                );
            }
        }
        let keys = LegCommand::new(GetData::new(GetData::KEY_INFORMATION).to_apdu());
        commands.push(keys.accepting(NOTHING_FOUND));
        commands.push(LegCommand::new(
            GetData::new(GetData::CARD_RESOURCES).to_apdu(),
        ));
        commands
    }

    /// What verified answers to these commands say; `responses` are theirs and
    /// nobody else's.
    ///
    /// # Errors
    /// [`ReadingError`].
    pub fn read(
        &self,
        responses: &[ResponseApdu],
        read_at: Timestamp,
    ) -> Result<Reading, ReadingError> {
        let refused = responses
            .last()
            .map_or(StatusWord::NO_DIAGNOSIS, |last| last.sw);
        let [issuer, lists @ .., keys, resources] = responses else {
            return Err(ReadingError::Refused(refused));
        };
        if responses.len() != self.length() || !resources.sw.is_success() {
            return Err(ReadingError::Refused(refused));
        }
        let (applications, load_files) = lists.split_at(self.application_pages);
        let (applications, load_files) = (List::read(applications)?, List::read(load_files)?);

        if applications.is_longer || load_files.is_longer {
            return self.longer(&applications, &load_files);
        }
        let issuer = decode(issuer)?;
        let issuer = issuer
            .first()
            .ok_or_else(|| ReadingError::Malformed("no issuer domain".to_owned()))?;
        let resources = ExtendedCardResources::decode(&resources.data)
            .map_err(|error| ReadingError::Malformed(error.to_string()))?;
        if applications.is_unproven && resources.applications > 0 {
            let found = resources.applications;
            let problem = format!("no applications listed, but {found} counted");
            return Err(ReadingError::Malformed(problem));
        }
        // Every application was made from a load file, be it one that the card came with.
        if load_files.is_unproven
            && (resources.applications > 0 || !applications.entries.is_empty())
        {
            let problem = "no load files listed, but there are applications".to_owned();
            return Err(ReadingError::Malformed(problem));
        }
        let applications = applications.entries.into_iter().map(application);
        let load_files = load_files
            .entries
            .into_iter()
            .map(|entry| content_entry(EntryKind::LoadFile, entry));
        Ok(Reading::Complete(CardContent {
            read_at,
            card_life_cycle: issuer.life_cycle,
            free_memory: resources.free_non_volatile,
            entries: applications.chain(load_files).collect(),
            keys: key_sets(issuer.aid, keys, true)?.into_iter().collect(),
        }))
    }

    fn longer(&self, applications: &List, load_files: &List) -> Result<Reading, ReadingError> {
        let more = |pages: usize, list: &List| if list.is_longer { 2 * pages + 1 } else { pages };
        let next = Self {
            application_pages: more(self.application_pages, applications),
            load_file_pages: more(self.load_file_pages, load_files),
        };
        if next.length() > MOST_PAGES {
            return Err(ReadingError::Malformed(
                "the registry does not end".to_owned(),
            ));
        }
        Ok(Reading::Longer(next))
    }
}

/// What a domain answered to the question for its keys; nothing when it does not say.
///
/// # Errors
/// [`ReadingError::Malformed`].
pub fn key_sets(
    domain: Aid,
    answer: &ResponseApdu,
    is_proven: bool,
) -> Result<Option<KeySets>, ReadingError> {
    if answer.sw != StatusWord::OK {
        return Ok(None);
    }
    let template = KeyInformationTemplate::decode(&answer.data)
        .map_err(|error| ReadingError::Malformed(error.to_string()))?;
    let mut versions: Vec<u8> = template.keys.iter().map(|key| key.version).collect();
    versions.sort_unstable();
    versions.dedup();
    Ok(Some(KeySets {
        domain,
        versions,
        is_proven,
    }))
}

const APPLICATION_TAGS: &[Tag] = &[
    registry::AID,
    registry::LIFE_CYCLE,
    registry::PRIVILEGES,
    registry::LOAD_FILE,
    registry::SECURITY_DOMAIN,
];
const LOAD_FILE_TAGS: &[Tag] = &[
    registry::AID,
    registry::LIFE_CYCLE,
    registry::SECURITY_DOMAIN,
];
/// What a card may answer when nothing is found.
const NOTHING_FOUND: &[StatusWord] = &[StatusWord::REFERENCED_DATA_NOT_FOUND];
/// What a card may answer to [next] when there is no next.
const AFTER_LAST: &[StatusWord] = &[
    StatusWord::REFERENCED_DATA_NOT_FOUND,
    StatusWord::CONDITIONS,
    StatusWord::WRONG_P1P2,
    StatusWord::WRONG_DATA,
];

/// One list of the registry.
struct List {
    entries: Vec<RegistryEntry>,
    /// The last page was not the last.
    is_longer: bool,
    /// "Nothing found" is a bare status word, which anybody could have made up.
    is_unproven: bool,
}

impl List {
    fn read(pages: &[ResponseApdu]) -> Result<Self, ReadingError> {
        let mut list = Self {
            entries: Vec::new(),
            is_longer: true,
            is_unproven: false,
        };
        for (index, page) in pages.iter().enumerate() {
            match page.sw {
                StatusWord::OK | StatusWord::MORE_DATA if list.is_longer => {
                    list.entries.extend(decode(page)?);
                    list.is_longer = page.sw == StatusWord::MORE_DATA;
                }
                StatusWord::REFERENCED_DATA_NOT_FOUND if index == 0 => {
                    list.is_longer = false;
                    list.is_unproven = true;
                }
                // Asked for more than there was.
                _ if !list.is_longer && !page.sw.is_ok_or_warning() => {}
                sw => {
                    return Err(ReadingError::Malformed(format!(
                        "a list broke off with {sw}"
                    )));
                }
            }
        }
        Ok(list)
    }
}

fn decode(page: &ResponseApdu) -> Result<Vec<RegistryEntry>, ReadingError> {
    let decoded = GetStatusResponse::decode(&page.data);
    decoded
        .map(|response| response.entries)
        .map_err(|e| ReadingError::Malformed(e.to_string()))
}

fn application(entry: RegistryEntry) -> ContentEntry {
    let is_domain = entry
        .privileges
        .is_some_and(|found| found.contains(Privileges::SECURITY_DOMAIN));
    let kind = if is_domain {
        EntryKind::SecurityDomain
    } else {
        EntryKind::Applet
    };
    content_entry(kind, entry)
}

fn content_entry(kind: EntryKind, entry: RegistryEntry) -> ContentEntry {
    ContentEntry {
        kind,
        aid: entry.aid,
        life_cycle: entry.life_cycle,
        privileges: entry.privileges,
        load_file: entry.load_file,
        security_domain: entry.security_domain,
    }
}

/// Bytes that an entry takes in an answer to GET STATUS.
fn length(entry: &ContentEntry) -> usize {
    let aid = |aid: Option<Aid>| aid.map_or(0, |aid| 2 + aid.as_bytes().len());
    let privileges = if entry.privileges.is_some() { 5 } else { 0 };
    let fixed = 2 + 4 + 2 + entry.aid.as_bytes().len();
    fixed + privileges + aid(entry.load_file) + aid(entry.security_domain)
}

/// How many answers the entries fill.
fn pages(lengths: impl Iterator<Item = usize>) -> usize {
    let mut pages = 1;
    let mut filled = 0;
    for length in lengths {
        if filled + length > PAGE_BYTES {
            pages += 1;
            filled = 0;
        }
        filled += length;
    }
    pages
}

#[cfg(test)]
mod tests {
    use globalplatform::card_data::KeyInformation;
    use proptest::prelude::*;

    use super::*;

    const INQUIRY: Inquiry = Inquiry {
        application_pages: 2,
        load_file_pages: 1,
    };

    fn aid(last: u8) -> Aid {
        Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, last])
    }

    fn page(entries: &[RegistryEntry]) -> Vec<u8> {
        entries.iter().flat_map(RegistryEntry::encode).collect()
    }

    fn issuer() -> ResponseApdu {
        ResponseApdu::with_data(page(&[RegistryEntry::new(aid(0), 0x0F)]))
    }

    fn resources(applications: u32) -> ResponseApdu {
        let resources = ExtendedCardResources {
            applications,
            free_non_volatile: 5_000,
            free_volatile: 10,
        };
        ResponseApdu::with_data(resources.encode())
    }

    fn bare(sw: StatusWord) -> ResponseApdu {
        ResponseApdu::status(sw)
    }

    fn more(entries: &[RegistryEntry]) -> ResponseApdu {
        ResponseApdu {
            data: page(entries),
            sw: StatusWord::MORE_DATA,
        }
    }

    fn file() -> ResponseApdu {
        ResponseApdu::with_data(page(&[RegistryEntry::new(aid(9), 0x01)]))
    }

    /// The answers with those for the keys in their place.
    fn read(responses: &[ResponseApdu]) -> Result<Reading, ReadingError> {
        let mut responses = responses.to_vec();
        let place = responses.len().saturating_sub(1);
        responses.insert(place, keys(&[0x30]));
        INQUIRY.read(&responses, Timestamp(1))
    }

    fn keys(versions: &[u8]) -> ResponseApdu {
        let keys = versions
            .iter()
            .flat_map(|version| (1..=3).map(|id| KeyInformation::new(id, *version, 0x88, 16)));
        let template = KeyInformationTemplate {
            keys: keys.collect(),
        };
        ResponseApdu::with_data(template.encode())
    }

    #[test]
    fn names_the_key_sets_of_the_issuer_once_each() {
        let found = key_sets(aid(0), &keys(&[0x73, 0x30, 0x73]), true);
        let expected = KeySets {
            domain: aid(0),
            versions: vec![0x30, 0x73],
            is_proven: true,
        };
        assert_eq!(found, Ok(Some(expected)));
        let nothing = bare(StatusWord::REFERENCED_DATA_NOT_FOUND);
        assert_eq!(key_sets(aid(0), &nothing, true), Ok(None));
        let nonsense = ResponseApdu::with_data(vec![0xE0]);
        assert!(key_sets(aid(0), &nonsense, true).is_err());
    }

    #[test]
    fn joins_the_pages_of_a_list() {
        let domain = RegistryEntry {
            privileges: Some(Privileges::SECURITY_DOMAIN),
            ..RegistryEntry::new(aid(1), 0x0F)
        };
        let applet = ResponseApdu::with_data(page(&[RegistryEntry::new(aid(2), 0x03)]));
        let reading = read(&[issuer(), more(&[domain]), applet, file(), resources(2)]).unwrap();
        let Reading::Complete(content) = reading else {
            panic!("{reading:?}")
        };
        let kinds: Vec<_> = content.entries.iter().map(|entry| entry.kind).collect();
        let expected = [
            EntryKind::SecurityDomain,
            EntryKind::Applet,
            EntryKind::LoadFile,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(
            (content.card_life_cycle, content.free_memory),
            (0x0F, 5_000)
        );
    }

    #[test]
    fn asks_for_more_when_the_list_goes_on() {
        let entry = RegistryEntry::new(aid(2), 0x03);
        let first = more(core::slice::from_ref(&entry));
        let second = first.clone();
        let reading = read(&[issuer(), first, second, file(), resources(2)]).unwrap();
        let expected = Inquiry {
            application_pages: 5,
            load_file_pages: 1,
        };
        assert_eq!(reading, Reading::Longer(expected));
    }

    #[test]
    fn an_empty_list_is_believed_when_the_count_says_so() {
        let nothing = bare(StatusWord::REFERENCED_DATA_NOT_FOUND);
        let after = bare(StatusWord::CONDITIONS);
        let empty = [
            issuer(),
            nothing.clone(),
            after.clone(),
            file(),
            resources(0),
        ];
        assert!(matches!(read(&empty), Ok(Reading::Complete(_))));
        let lie = [issuer(), nothing, after, file(), resources(1)];
        assert!(matches!(read(&lie), Err(ReadingError::Malformed(_))));
    }

    #[test]
    fn an_empty_list_of_load_files_is_not_believed_while_there_are_applications() {
        let nothing = bare(StatusWord::REFERENCED_DATA_NOT_FOUND);
        let after = bare(StatusWord::CONDITIONS);
        let applet = RegistryEntry {
            load_file: Some(aid(9)),
            ..RegistryEntry::new(aid(2), 0x03)
        };
        let listed = ResponseApdu::with_data(page(&[applet]));
        for (applications, counted) in [(listed.clone(), 1), (listed, 0), (nothing.clone(), 1)] {
            let lie = [
                issuer(),
                applications,
                after.clone(),
                nothing.clone(),
                resources(counted),
            ];
            assert!(matches!(read(&lie), Err(ReadingError::Malformed(_))));
        }
        let empty = [issuer(), nothing.clone(), after, nothing, resources(0)];
        assert!(matches!(read(&empty), Ok(Reading::Complete(_))));
    }

    #[test]
    fn a_list_that_breaks_off_is_not_believed() {
        let entry = RegistryEntry::new(aid(2), 0x03);
        let broken = [
            issuer(),
            more(&[entry]),
            bare(StatusWord::REFERENCED_DATA_NOT_FOUND),
            file(),
            resources(1),
        ];
        assert!(matches!(read(&broken), Err(ReadingError::Malformed(_))));
    }

    #[test]
    fn names_what_the_card_refused() {
        let refused = read(&[issuer(), bare(StatusWord::SECURITY_STATUS)]);
        assert_eq!(
            refused,
            Err(ReadingError::Refused(StatusWord::SECURITY_STATUS))
        );
        assert!(read(&[]).is_err());
    }

    #[test]
    fn a_registry_without_end_is_given_up() {
        let inquiry = Inquiry {
            application_pages: 40,
            load_file_pages: 1,
        };
        let mut responses = vec![issuer()];
        let entry = RegistryEntry::new(aid(2), 0x03);
        responses.extend(core::iter::repeat_n(more(&[entry]), 40));
        responses.extend([file(), resources(1)]);
        assert!(inquiry.read(&responses, Timestamp(1)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics_whatever_the_card_says(
            answers in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..40), any::<u16>()),
                0..8,
            ),
        ) {
            let responses: Vec<_> = answers
                .into_iter()
                .map(|(data, sw)| ResponseApdu { data, sw: StatusWord(sw) })
                .collect();
            let _ = read(&responses);
        }
    }
}
