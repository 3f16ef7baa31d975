//! GET DATA (G 11.3): what anybody may read of a security domain.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::capability::{Capabilities, ProtocolCapability};
use globalplatform::card_data::{
    CardRecognitionData, ExtendedCardResources, KeyInformationTemplate, SecureChannelProtocol,
};
use globalplatform::commands::get_data::GetData;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tag, Writer};

use super::Domain;
use super::install::SUPPORTED_PRIVILEGES;
use crate::operating_system::refusal;
use crate::security_domain::{SecurityDomain, StoredKey};

/// Tag list that asks for all applications.
const ALL_APPLICATIONS: &[u8] = &[0x5C, 0x00];
/// GlobalPlatform 2.3.1 as recognition data write it.
const VERSION: [u32; 3] = [2, 3, 1];
/// SCP03.
const SCP03: u8 = 0x03;
/// AES-128, -192 and -256 in the capability information.
const ALL_KEY_SIZES: u8 = 0x07;
/// The host is the security domain's provider, in the current security level.
const AUTHENTICATED: u8 = 0x80;
/// All hashes from SHA-1 to SHA-512 in the capability information.
const HASHES: [u8; 4] = [0x01, 0x02, 0x03, 0x04];
/// AES of every length, with an initial vector (G Table H-8).
const CIPHERS: u8 = 0x8E;
/// RSA, AES-CMAC of every length, ECDSA with 256 and 384 bits (G Table H-9).
const SIGNATURES: u8 = 0xFB;
/// The same without RSA.
const RECEIPTS: u8 = 0xF8;
/// P-256 and P-384.
const CURVES: [u8; 2] = [0x00, 0x01];
/// Privileges that only security domains can have.
const OF_DOMAINS: Privileges = Privileges::SECURITY_DOMAIN
    .union(Privileges::DAP_VERIFICATION)
    .union(Privileges::MANDATED_DAP)
    .union(Privileges::DELEGATED_MANAGEMENT)
    .union(Privileges::TRUSTED_PATH)
    .union(Privileges::AUTHORIZED_MANAGEMENT)
    .union(Privileges::TOKEN_VERIFICATION)
    .union(Privileges::RECEIPT_GENERATION)
    .union(Privileges::CIPHERED_LOAD_FILE);

impl Domain<'_> {
    /// The whole data object, or for the ISO class its value alone.
    pub(crate) fn get_data(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let get = GetData::from_apdu(command).map_err(refusal)?;
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(&self.aid).ok_or(not_found)?;
        let object = self.object(domain, &get).ok_or(not_found)?;
        if !get.iso || get.tag == GetData::APPLICATIONS {
            return Ok(ResponseApdu::with_data(object));
        }
        let value = Reader::new(&object).tlv().map_err(|_| not_found)?.value;
        Ok(ResponseApdu::with_data(value))
    }

    fn object(&self, domain: &SecurityDomain, get: &GetData) -> Option<Vec<u8>> {
        if let Some(stored) = domain.data(get.tag) {
            return Some(object(get.tag, stored));
        }
        match get.tag {
            GetData::CARD_RECOGNITION => Some(recognition_data(domain).encode()),
            GetData::CPLC if self.is_isd() && !self.storage.cplc.is_empty() => {
                Some(object(get.tag, &self.storage.cplc))
            }
            GetData::CAPABILITIES if self.is_isd() => Some(capabilities(domain).encode()),
            GetData::KEY_INFORMATION => key_information(domain),
            GetData::KEY_DIVERSIFICATION => Some(object(get.tag, &self.storage.kdd)),
            GetData::SEQUENCE_COUNTER => sequence_counter(domain),
            GetData::CARD_RESOURCES => Some(self.resources().encode()),
            GetData::APPLICATIONS if get.data == ALL_APPLICATIONS => Some(self.applications()),
            GetData::SECURITY_LEVEL => Some(object(get.tag, &[self.current_level()])),
            GetData::CONFIRMATION_COUNTER if self.holds(Privileges::RECEIPT_GENERATION) => {
                Some(object(get.tag, &domain.confirmation_counter.to_be_bytes()))
            }
            _ => None,
        }
    }

    /// AUTHENTICATED and the level of the session, 00 without one (G Table 10-1).
    fn current_level(&self) -> u8 {
        self.level
            .map_or(0x00, |level| AUTHENTICATED | level.byte())
    }

    /// One `61{4F AID}` for everything that can be selected: the domain and what is below it, or with Global Registry
    /// every application on the card.
    fn applications(&self) -> Vec<u8> {
        let sees_all = self.is_isd() || self.holds(Privileges::GLOBAL_REGISTRY);
        let mut entries = Writer::new();
        let applications = self.storage.applications.iter();
        for application in applications.filter(|a| self.storage.may_be_selected(a)) {
            if sees_all || self.storage.is_within(application.aid, &self.aid) {
                entries.nested(Tag(0x61), |entry| {
                    entry.tlv(Tag(0x4F), application.aid.as_bytes());
                });
            }
        }
        entries.into_vec()
    }

    /// In a supplementary domain the free memory is what its quota leaves.
    fn resources(&self) -> ExtendedCardResources {
        let applications = self.storage.applications.len().saturating_sub(1);
        ExtendedCardResources {
            applications: u32::try_from(applications).unwrap_or(u32::MAX),
            free_non_volatile: self.storage.memory_available(&self.aid),
            free_volatile: self.storage.volatile_available(&self.aid),
        }
    }
}

fn object(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut object = Writer::new();
    object.tlv(Tag(tag.into()), value);
    object.into_vec()
}

/// Which GlobalPlatform, which secure channel (G H.2).
pub(crate) fn recognition_data(domain: &SecurityDomain) -> CardRecognitionData {
    CardRecognitionData {
        version: VERSION.to_vec(),
        protocols: vec![SecureChannelProtocol {
            number: SCP03.into(),
            i: domain.scp_i.into(),
        }],
        has_identification_scheme: true,
        other: Vec::new(),
    }
}

/// What this card can do (G H.4).
fn capabilities(domain: &SecurityDomain) -> Capabilities {
    Capabilities {
        protocols: vec![ProtocolCapability {
            number: SCP03,
            options: vec![domain.scp_i],
            aes_key_sizes: Some(ALL_KEY_SIZES),
            other: Vec::new(),
        }],
        domain_privileges: Some(SUPPORTED_PRIVILEGES),
        application_privileges: Some(SUPPORTED_PRIVILEGES.without(OF_DOMAINS)),
        hashes: Some(HASHES.to_vec()),
        load_file_ciphers: Some(vec![CIPHERS]),
        token_suites: Some(vec![SIGNATURES]),
        receipt_suites: Some(vec![RECEIPTS]),
        dap_suites: Some(vec![SIGNATURES]),
        curves: Some(CURVES.to_vec()),
        ..Capabilities::default()
    }
}

/// The domain's own keys; none for a domain that uses those above.
fn key_information(domain: &SecurityDomain) -> Option<Vec<u8>> {
    let keys = domain.keys();
    let keys = keys.iter().map(StoredKey::information).collect();
    let template = KeyInformationTemplate { keys };
    (!template.keys.is_empty()).then(|| template.encode())
}

/// The counter of the default key version, unless challenges are random and there is none.
fn sequence_counter(domain: &SecurityDomain) -> Option<Vec<u8>> {
    let [_, counter @ ..] = domain.key_set(0)?.counter.to_be_bytes();
    scp03::ScpParameters::new(domain.scp_i)
        .is_ok_and(scp03::ScpParameters::pseudo_random)
        .then(|| object(GetData::SEQUENCE_COUNTER, &counter))
}
