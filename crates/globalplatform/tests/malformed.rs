//! Every decoder against valid bytes that were damaged: it must not panic, must point inside the
//! input, and what it still accepts must survive another round trip.

#![expect(
    clippy::unwrap_used,
    reason = "the examples are constants of this file"
)]

use std::fmt::Debug;

use globalplatform::{
    apdu::{CommandApdu, ResponseApdu},
    capability::Capabilities,
    card_data::{CardRecognitionData, ExtendedCardResources, KeyInformationTemplate},
    commands::{
        confirmation::ManagementResponse,
        delete::{Delete, DeleteKey, Deletion},
        external_authenticate::ExternalAuthenticate,
        get_data::GetData,
        get_status::{GetStatus, GetStatusResponse},
        initialize_update::{InitializeUpdate, InitializeUpdateResponse},
        install::Install,
        load::Load,
        manage_channel::{ManageChannel, ManageChannelResponse},
        put_key::{PutKey, PutKeyResponse},
        select::{Select, SelectResponse},
        set_status::SetStatus,
        store_data::{DgiReader, StoreData},
    },
    error::DecodeError,
    load_file::{LoadFile, LoadFileStructure},
    tlv::Reader,
};
use proptest::{
    prelude::*,
    sample::{Index, select},
};

const COMMANDS: [&str; 24] = [
    "00A4040009D392F000260100000000",
    "00A4040E05A000000151",
    "80CA00E000",
    "00CB2F00025C0000",
    "80F240020D4F05A0000001515C044F9F70CC00",
    "80F0408005A000000151",
    "80F0807F",
    "80E6020023 05A000000151 05A000000152 04AABBCCDD 0CEF0AC6020400C80400010000 0401020304",
    "80E60C002C 08A00000015141434C 09A00000015141434C01 0AA00000015141434C0101 03808000 \
     08C900EF04C8020100 00",
    "80E608000E 00 00 05A000000151 03000000 00 00 00",
    "80E620000B 00 00 05A000000151 00 00 00",
    "80E6100010 05A000000151 00 05A000000152 00 00 00",
    "80E6400010 05A000000151 00 00 00 05EF03D90102 00 00",
    "80E8800702010200",
    "80E4008020 4F05A000000151 B611 420101 45020202 5F200103 9304AABBCCDD 9E0401020304",
    "80E4000006D00101D2013000",
    "80D8008118 32 8811 10EDE0467D7F49DA696743FBF630469542 03A55AF3 00",
    "80D8000148 74 B041 040000000000000000000000000000000000000000000000000000000000000000 \
     0000000000000000000000000000000000000000000000000000000000000000 F00100 00 00",
    "80E28803079F030431323334",
    "80503000080001020304050607 00",
    "8482330010AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB",
    "0070000001",
    "00708002",
    "80CA00660000000000",
];

const RESPONSES: [&str; 12] = [
    "6F1984 08A000000003000000 A50D 9F6E06479120813B00 9F6501FF",
    "E3164F07A00000015153509F70020700C50180EA038001FF",
    "E3244F05A0000001519F700101CE0201008405A0000001518405A000000152CC05A000000151",
    "00000000000000000000300370 0101010101010101 0202020202020202 000009",
    "32A55AF3C23D93CCC67F",
    "1004AABBCCDD0200070401020301 02AAAA",
    "02",
    "6630732E06072A864886FC6B01600B06092A864886FC6B020202630906072A864886FC6B03\
     640B06092A864886FC6B040370",
    "671CA00A8001038102706082010781 03FFFE8082031E0600830401020304",
    "E020C00401308810C00402308810C0060174B041F000C00A0130FF88001001380100",
    "FF211081020002820400016DB483040000086A",
    "9F0102AABB9F02FF00030102039F0706112233445566",
];

/// A package of format 2.1 inside C4.
const LOAD_FILE: &str = "C474 010013 DECAFFED 0102 04 0001 09 D392F0002601000000 \
    02001F 0013 001F 000E 000B 0002 0000 0001 000A 0004 0000 0000 0000 0000 0000 01 01 00 \
    04000B 01 0001 07 A0000000620101 0300 0E 01 0A D392F000260100000001 0000 \
    070001 00 08000A 00000000000000000000 050002 0000 090004 00000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    hex::decode(digits).unwrap()
}

/// What can happen to bytes on the way.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Replace(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Self::Remove(at) => _ = bytes.remove(at.index(bytes.len())),
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let byte = || {
        prop_oneof![
            any::<u8>(),
            Just(0x80),
            Just(0xFF),
            Just(0x00),
            0x81u8..0x85
        ]
    };
    let one = prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => any::<Index>().prop_map(Damage::Remove),
        1 => any::<Index>().prop_map(Damage::Cut),
    ];
    proptest::collection::vec(one, 0..4)
}

/// Decodes, and decodes again what the decoded value is encoded as.
fn check<T: Debug + PartialEq, E: Clone>(
    input: &E,
    length: usize,
    decode: impl Fn(&E) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> E,
) {
    match decode(input) {
        Ok(value) => assert_eq!(decode(&encode(&value)).as_ref(), Ok(&value)),
        Err(error) => assert!(error.offset() <= length, "{error} in {length} bytes"),
    }
}

fn check_command(command: &CommandApdu) {
    let length = command.data_offset() + command.data.len();
    macro_rules! check_all {
        ($($command:ident),*) => {
            $(check(command, length, $command::from_apdu, $command::to_apdu);)*
        };
    }
    check_all!(
        Select, GetData, GetStatus, SetStatus, Install, Load, Delete, DeleteKey, PutKey
    );
    check_all!(
        StoreData,
        InitializeUpdate,
        ExternalAuthenticate,
        ManageChannel
    );
    let _ = Deletion::from_apdu(command);
}

fn check_response(data: &Vec<u8>) {
    macro_rules! check_all {
        ($($response:ident),*) => {
            $(check(data, data.len(), |data| $response::decode(data), |value| value.encode().to_vec());)*
        };
    }
    check_all!(
        SelectResponse,
        GetStatusResponse,
        InitializeUpdateResponse,
        PutKeyResponse
    );
    check_all!(
        ManagementResponse,
        ManageChannelResponse,
        CardRecognitionData,
        Capabilities
    );
    check_all!(ExtendedCardResources, LoadFileStructure, ResponseApdu);
    for dgi in DgiReader::new(data) {
        dgi.map_or_else(|error| assert!(error.offset() <= data.len()), |_| ());
    }
    for tlv in Reader::new(data).tlvs() {
        tlv.map_or_else(|error| assert!(error.offset() <= data.len()), |_| ());
    }
    // A length that the basic format cannot tell comes back as 0, so that only decoding counts.
    if let Err(error) = KeyInformationTemplate::decode(data) {
        assert!(error.offset() <= data.len());
    }
}

#[test]
fn the_examples_are_valid() {
    for hex in COMMANDS.iter().take(COMMANDS.len() - 1) {
        let command = CommandApdu::decode(&bytes(hex)).unwrap();
        let any = [
            Select::from_apdu(&command).is_ok(),
            GetData::from_apdu(&command).is_ok(),
            GetStatus::from_apdu(&command).is_ok(),
            SetStatus::from_apdu(&command).is_ok(),
            Install::from_apdu(&command).is_ok(),
            Load::from_apdu(&command).is_ok(),
            Deletion::from_apdu(&command).is_ok(),
            PutKey::from_apdu(&command).is_ok(),
            StoreData::from_apdu(&command).is_ok(),
            InitializeUpdate::from_apdu(&command).is_ok(),
            ExternalAuthenticate::from_apdu(&command).is_ok(),
            ManageChannel::from_apdu(&command).is_ok(),
        ];
        assert_eq!(any.iter().filter(|ok| **ok).count(), 1, "{hex}");
    }
    for hex in RESPONSES {
        let data = bytes(hex);
        let any = [
            SelectResponse::decode(&data).is_ok(),
            GetStatusResponse::decode(&data).is_ok(),
            InitializeUpdateResponse::decode(&data).is_ok(),
            PutKeyResponse::decode(&data).is_ok_and(|response| response.check_values.len() == 3),
            ManagementResponse::decode(&data).is_ok(),
            ManageChannelResponse::decode(&data).is_ok(),
            CardRecognitionData::decode(&data).is_ok(),
            Capabilities::decode(&data).is_ok(),
            KeyInformationTemplate::decode(&data).is_ok(),
            ExtendedCardResources::decode(&data).is_ok(),
            DgiReader::new(&data).all(|dgi| dgi.is_ok_and(|dgi| dgi.tag >= 0x9F01)),
        ];
        assert!(any.contains(&true), "{hex}");
    }
    let structure = LoadFileStructure::decode(&bytes(LOAD_FILE)).unwrap();
    let file = LoadFile::from_data_block(&structure.data_block).unwrap();
    assert_eq!(file.load_file_structure(), bytes(LOAD_FILE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_commands(hex in select(&COMMANDS[..]), damage in damage()) {
        let mut apdu = bytes(hex);
        damage.iter().for_each(|damage| damage.apply(&mut apdu));
        match CommandApdu::decode(&apdu) {
            Ok(command) => check_command(&command),
            Err(error) => prop_assert!(error.offset() <= apdu.len()),
        }
    }

    #[test]
    fn damaged_command_data(hex in select(&COMMANDS[..]), damage in damage(), extended: bool) {
        let mut command = CommandApdu::decode(&bytes(hex)).unwrap_or_else(|_| {
            CommandApdu::new(0x80, 0xE6, 0x0C, 0x00)
        });
        damage.iter().for_each(|damage| damage.apply(&mut command.data));
        command.extended = extended;
        check_command(&command);
    }

    #[test]
    fn damaged_responses(hex in select(&RESPONSES[..]), damage in damage()) {
        let mut data = bytes(hex);
        damage.iter().for_each(|damage| damage.apply(&mut data));
        check_response(&data);
    }

    #[test]
    fn damaged_load_files(damage in damage()) {
        let mut structure = bytes(LOAD_FILE);
        damage.iter().for_each(|damage| damage.apply(&mut structure));
        check_response(&structure);
        let mut data_block = bytes(LOAD_FILE).split_off(2);
        damage.iter().for_each(|damage| damage.apply(&mut data_block));
        match LoadFile::from_data_block(&data_block) {
            Ok(file) => prop_assert_eq!(file.data_block, data_block),
            Err(error) => prop_assert!(error.offset() <= data_block.len()),
        }
    }

    #[test]
    fn random_bytes(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_response(&data);
        if let Ok(command) = CommandApdu::decode(&data) {
            check_command(&command);
        }
        let _ = LoadFile::from_data_block(&data);
    }
}
