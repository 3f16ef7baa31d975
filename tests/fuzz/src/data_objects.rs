//! Data objects, responses and load files: the input is the encoded object.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, CommandRef, ResponseApdu, ResponseRef};
use globalplatform::capability::Capabilities;
use globalplatform::card_data::{
    ApplicationList, CardCertificate, CardRecognitionData, Cplc, ExtendedCardResources,
    KeyInformationTemplate, ManagerUrl, PlainValue,
};
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::get_status::GetStatusResponse;
use globalplatform::commands::initialize_update::InitializeUpdateResponse;
use globalplatform::commands::install::{
    InstallParameters, LoadParameters, RegistryParameters, SecurityDomainParameters,
    SimToolkitParameters, UiccParameters,
};
use globalplatform::commands::manage_channel::ManageChannelResponse;
use globalplatform::commands::put_key::{PutKeyResponse, SecretBlock};
use globalplatform::commands::select::SelectResponse;
use globalplatform::commands::store_data::{Dgi, DgiReader, KeyDescription};
use globalplatform::contactless::{
    ContactlessEntry, RegistryVersion, SetContactlessStatusResponse,
};
use globalplatform::key::{CurveReference, KeyUsage};
use globalplatform::life_cycle::{
    ApplicationLifeCycle, CardLifeCycle, LoadFileLifeCycle, SecurityDomainLifeCycle,
};
use globalplatform::load_file::LoadFileStructure;
use globalplatform::privileges::Privileges;
use globalplatform::registry::RegistryEntry;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Writer, find};

use crate::oracle;

macro_rules! data_objects {
    ($($name:ident: $object:ident,)*) => {$(
        #[doc = concat!("[`", stringify!($object), "`].")]
        pub fn $name(data: &[u8]) {
            oracle::data_object(data, $object::decode, |value| value.encode().to_vec());
        }
    )*};
}

data_objects! {
    response_apdu_object: ResponseApdu,
    capabilities: Capabilities,
    recognition_data: CardRecognitionData,
    card_resources: ExtendedCardResources,
    confirmation: ManagementResponse,
    select_response: SelectResponse,
    get_status_response: GetStatusResponse,
    initialize_update_response: InitializeUpdateResponse,
    put_key_response: PutKeyResponse,
    manage_channel_response: ManageChannelResponse,
    load_file_structure: LoadFileStructure,
    install_parameters: InstallParameters,
    load_parameters: LoadParameters,
    registry_parameters: RegistryParameters,
    domain_parameters: SecurityDomainParameters,
    application_list: ApplicationList,
    certificate: CardCertificate,
    production_data: Cplc,
    manager_url: ManagerUrl,
    contactless_version: RegistryVersion,
    contactless_failures: SetContactlessStatusResponse,
}

/// [`PlainValue::decode`] of a short tag; [`ManagerUrl`] is one of a long tag.
pub fn plain_value(data: &[u8]) {
    type Counter = PlainValue<0xC1>;
    oracle::data_object(data, Counter::decode, Counter::encode);
    if let Ok(value) = PlainValue::<0xC1>::decode(data) {
        assert_eq!(
            value.number().is_some(),
            (1..=4).contains(&value.value.len())
        );
    }
}

/// [`UiccParameters`] and [`SimToolkitParameters`].
pub fn uicc_parameters(data: &[u8]) {
    oracle::data_object(data, UiccParameters::decode, |value| {
        value.encode().unwrap()
    });
    oracle::data_object(data, SimToolkitParameters::decode, |value| {
        value.encode().unwrap()
    });
}

/// [`ContactlessEntry`], a list of them.
pub fn contactless_registry(data: &[u8]) {
    oracle::data_object(data, ContactlessEntry::decode_list, |entries| {
        entries.iter().flat_map(ContactlessEntry::encode).collect()
    });
}

/// [`KeyDescription`], a list of them.
pub fn key_descriptions(data: &[u8]) {
    oracle::data_object(data, KeyDescription::decode_list, |keys| {
        KeyDescription::encode_list(keys)
    });
}

/// [`CurveReference`] and [`KeyUsage`].
pub fn key_attributes(data: &[u8]) {
    oracle::data_object(data, CurveReference::decode, |curve| curve.to_bytes());
    oracle::data_object(data, KeyUsage::decode, |usage| usage.to_bytes());
}

/// [`SecretBlock`] of both ciphers.
pub fn secret_block(data: &[u8]) {
    for cipher in [SecretBlock::AES_BLOCK, SecretBlock::DES_BLOCK] {
        match SecretBlock::decode(data, cipher) {
            Ok(block) => {
                assert!(block.cipher_text.len().is_multiple_of(cipher));
                let encoded = block.encode().unwrap();
                assert_eq!(SecretBlock::decode(&encoded, cipher), Ok(block));
            }
            Err(error) => oracle::points_inside(error, data.len()),
        }
    }
}

/// [`Aid`] from bytes, anywhere in a larger structure.
pub fn aid(data: &[u8]) {
    match Aid::decode(data, 7) {
        Ok(aid) => {
            assert!((5..=16).contains(&data.len()));
            assert_eq!(aid.as_bytes(), data);
            assert_eq!(aid.to_string().parse::<Aid>().as_ref(), Ok(&aid));
            assert_eq!(Aid::new(data).as_ref(), Ok(&aid));
        }
        Err(error) => {
            assert!(!(5..=16).contains(&data.len()));
            assert!(error.offset() >= 7);
            assert!(Aid::new(data).is_err());
        }
    }
}

/// [`Aid`] from what people type.
pub fn aid_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(aid) = text.parse::<Aid>() {
        assert_eq!(aid.to_string().parse(), Ok(aid));
    }
}

/// [`Reader::tlvs`], going into constructed objects; what is read is written to the same value.
pub fn tlv(data: &[u8]) {
    read_tlvs(Reader::new(data), data.len(), 0);
}

fn read_tlvs(reader: Reader<'_>, end: usize, depth: u8) {
    let mut last = reader.offset();
    for tlv in reader.tlvs() {
        let tlv = match tlv {
            Ok(tlv) => tlv,
            Err(error) => return oracle::points_inside(error, end),
        };
        assert!(tlv.value_offset >= last + 2 && tlv.value_offset + tlv.value.len() <= end);
        last = tlv.value_offset + tlv.value.len();
        let mut writer = Writer::new();
        writer.tlv(tlv.tag, tlv.value);
        let written = writer.into_vec();
        assert_eq!(find(&written, tlv.tag), Ok(Some(tlv.value)));
        if depth < 8 {
            read_tlvs(tlv.reader(), last, depth + 1);
        }
    }
}

/// Every way in which [`Reader`] reads lengths, one after the other.
pub fn lengths(data: &[u8]) {
    let mut reader = Reader::new(data);
    while !reader.is_empty() {
        let before = reader.offset();
        let rest = reader.clone();
        let strict = rest.clone().length();
        let lenient = rest.clone().lenient_length();
        match (strict, lenient) {
            (Ok(strict), Ok(lenient)) => assert_eq!(strict, lenient),
            (Err(_), Ok(lenient)) => assert_eq!(lenient, 0x80),
            (Ok(strict), Err(_)) => panic!("{strict} is no lenient length"),
            (Err(error), Err(_)) => oracle::points_inside(error, data.len()),
        }
        match reader.lv() {
            Ok(value) => {
                let mut writer = Writer::new();
                writer.lv(value);
                let written = writer.into_vec();
                assert_eq!(Reader::new(&written).lv(), Ok(value));
                assert!(reader.offset() > before);
            }
            Err(error) => return oracle::points_inside(error, data.len()),
        }
    }
}

/// [`CommandApdu`] and [`CommandRef`], which agree; whatever decodes is encoded to the same bytes.
pub fn command_apdu(data: &[u8]) {
    let borrowed = CommandRef::decode(data);
    match CommandApdu::decode(data) {
        Ok(command) => {
            assert_eq!(command.encode().as_deref(), Ok(data));
            let mut out = vec![0xA5; data.len() + 3];
            assert_eq!(command.encode_into(&mut out), Ok(data.len()));
            assert_eq!(&out[..data.len()], data);
            assert_eq!(out[data.len()..], [0xA5; 3]);
            let mut short = vec![0; data.len() - 1];
            assert!(command.encode_into(&mut short).is_err());
            assert_eq!(borrowed.map(|borrowed| borrowed.to_owned()), Ok(command));
        }
        Err(error) => {
            oracle::points_inside(error, data.len());
            assert_eq!(borrowed.map(|_| ()), Err(error));
        }
    }
}

/// [`ResponseApdu`] and [`ResponseRef`], which agree.
pub fn response_apdu(data: &[u8]) {
    response_apdu_object(data);
    let owned = ResponseApdu::decode(data);
    assert_eq!(owned.is_ok(), data.len() >= 2);
    let borrowed = ResponseRef::decode(data).map(|borrowed| borrowed.to_owned());
    assert_eq!(borrowed, owned);
    if let Ok(response) = owned {
        assert_eq!(response.encode(), data);
    }
}

/// [`Privileges`] with their names and rules.
pub fn privileges(data: &[u8]) {
    match Privileges::from_bytes(data) {
        Ok(privileges) => {
            assert!(matches!(data.len(), 1 | 3));
            assert_eq!(
                Privileges::from_bytes(&privileges.to_bytes()),
                Ok(privileges)
            );
            let names = privileges.names().count();
            assert!(names <= 24);
            let _ = privileges.check();
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// Every kind of life cycle byte.
pub fn life_cycles(data: &[u8]) {
    for &byte in data {
        let back = [
            CardLifeCycle::try_from(byte).map(CardLifeCycle::byte),
            LoadFileLifeCycle::try_from(byte).map(LoadFileLifeCycle::byte),
            ApplicationLifeCycle::try_from(byte).map(ApplicationLifeCycle::byte),
            SecurityDomainLifeCycle::try_from(byte).map(SecurityDomainLifeCycle::byte),
        ];
        assert!(back.into_iter().flatten().all(|back| back == byte));
    }
}

/// [`StatusWord`], its text and what it says.
pub fn status_word(data: &[u8]) {
    for word in data.chunks_exact(2) {
        let word = [word[0], word[1]];
        let sw = StatusWord::from(word);
        assert_eq!(sw.to_bytes(), word);
        assert!(sw.to_string().starts_with(&format!("{:04X}", sw.0)));
        assert!(sw.tries_left().is_none_or(|tries| tries <= 15));
        assert!(!(sw.is_success() && sw.is_warning()));
    }
}

/// [`RegistryEntry`] lists.
pub fn registry(data: &[u8]) {
    let encode =
        |entries: &Vec<RegistryEntry>| entries.iter().flat_map(RegistryEntry::encode).collect();
    oracle::data_object(data, RegistryEntry::decode_list, encode);
}

/// [`KeyInformationTemplate`]. A length that the short form cannot tell comes back as another one,
/// so that only the second round is a fixed point.
pub fn key_information(data: &[u8]) {
    match KeyInformationTemplate::decode(data) {
        Ok(first) => {
            let second = KeyInformationTemplate::decode(&first.encode()).ok();
            let second = second.as_ref().map(KeyInformationTemplate::encode);
            assert_eq!(second, Some(first.encode()));
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// [`DgiReader`] and [`Dgi`].
pub fn dgi(data: &[u8]) {
    for dgi in DgiReader::new(data) {
        match dgi {
            Ok(dgi) => {
                let written = Dgi::new(dgi.tag, dgi.data).encode();
                let written = written.unwrap_or_default();
                let again: Vec<_> = DgiReader::new(&written).flatten().collect();
                assert_eq!(again.len(), 1);
                assert_eq!((again[0].tag, again[0].data), (dgi.tag, dgi.data));
                assert_eq!(&data[dgi.data_offset..][..dgi.data.len()], dgi.data);
            }
            Err(error) => oracle::points_inside(error, data.len()),
        }
    }
}
