//! GET DATA (G 11.3): what anybody may read of a security domain.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_data::GetData;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, Writer};

use super::Domain;
use crate::chip::Chip;
use crate::operating_system::refusal;
use crate::security_domain::{KeySet, SecurityDomain};

/// Tag list that asks for all applications.
const ALL_APPLICATIONS: &[u8] = &[0x5C, 0x00];
/// Type of AES keys in the key information template.
const AES: u8 = 0x88;

impl Domain<'_> {
    /// The whole data object, or for the ISO class its value alone.
    pub(crate) fn get_data(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let get = GetData::from_apdu(command).map_err(refusal)?;
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(&self.aid).ok_or(not_found)?;
        let value = self.value(domain, &get).ok_or(not_found)?;
        if get.iso {
            return Ok(ResponseApdu::with_data(value));
        }
        let mut object = Writer::new();
        object.tlv(Tag(get.tag.into()), &value);
        Ok(ResponseApdu::with_data(object.into_vec()))
    }

    fn value(&self, domain: &SecurityDomain, get: &GetData) -> Option<Vec<u8>> {
        if let Some(stored) = domain.data(get.tag) {
            return Some(stored.to_vec());
        }
        match get.tag {
            GetData::CARD_RECOGNITION => Some(recognition_data(domain)),
            GetData::KEY_INFORMATION => key_information(domain),
            GetData::SEQUENCE_COUNTER => sequence_counter(domain),
            GetData::CARD_RESOURCES => Some(self.resources()),
            GetData::APPLICATIONS if get.data == ALL_APPLICATIONS && self.is_isd() => {
                Some(applications(self.storage))
            }
            _ => None,
        }
    }
}

impl Domain<'_> {
    /// FF21: number of applications, and what may be used of each memory. In a supplementary domain the free memory is
    /// what its quota leaves.
    fn resources(&self) -> Vec<u8> {
        let applications = self.storage.applications.len().saturating_sub(1);
        let mut value = Writer::new();
        value.tlv(
            Tag(0x81),
            &u16::try_from(applications)
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        value.tlv(
            Tag(0x82),
            &self.storage.memory_available(&self.aid).to_be_bytes(),
        );
        value.tlv(Tag(0x83), &self.storage.volatile_free().to_be_bytes());
        value.into_vec()
    }
}
/// The value of tag 66: which GlobalPlatform, which secure channel (G H.2).
pub(crate) fn recognition_data(domain: &SecurityDomain) -> Vec<u8> {
    const GLOBAL_PLATFORM: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];
    let oid = |arcs: &[u8]| {
        let mut writer = Writer::new();
        writer.tlv(Tag(0x06), &[&GLOBAL_PLATFORM[..], arcs].concat());
        writer.into_vec()
    };
    let mut value = Writer::new();
    value.nested(Tag(0x73), |data| {
        data.bytes(&oid(&[0x01]));
        data.tlv(Tag(0x60), &oid(&[0x02, 0x02, 0x03, 0x01]));
        data.tlv(Tag(0x63), &oid(&[0x03]));
        data.tlv(Tag(0x64), &oid(&[0x04, 0x03, domain.scp_i]));
    });
    value.into_vec()
}
fn key_information(domain: &SecurityDomain) -> Option<Vec<u8>> {
    let mut value = Writer::new();
    for set in &domain.key_sets {
        for id in 1..=3 {
            let length = u8::try_from(set.key_length()).ok()?;
            value.tlv(Tag(0xC0), &[id, set.version, AES, length]);
        }
    }
    Some(value.into_vec()).filter(|value| !value.is_empty())
}
fn sequence_counter(domain: &SecurityDomain) -> Option<Vec<u8>> {
    let set: &KeySet = domain.key_set(0)?;
    let [_, counter @ ..] = set.counter.to_be_bytes();
    scp03::ScpParameters::new(domain.scp_i)
        .is_ok_and(scp03::ScpParameters::pseudo_random)
        .then(|| counter.to_vec())
}
fn applications(chip: &Chip) -> Vec<u8> {
    let mut value = Writer::new();
    for application in chip.applications.iter().filter(|a| chip.may_be_selected(a)) {
        value.nested(Tag(0x61), |entry| {
            entry.tlv(Tag(0x4F), application.aid.as_bytes())
        });
    }
    value.into_vec()
}
