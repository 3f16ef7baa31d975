//! Every decoder of the crate, in one table, on arbitrary and on almost valid bytes: none panics, and
//! every error points inside the input. A second test reads the sources and fails when a decoder is
//! not in the table.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the sources of this package"
)]

use std::{collections::BTreeSet, fs, path::Path};

use globalplatform::{
    aid::Aid,
    apdu::{CommandApdu, CommandRef, ResponseApdu, ResponseRef},
    capability::Capabilities,
    card_data::{
        ApplicationList, CardCertificate, CardRecognitionData, Cplc, ExtendedCardResources,
        KeyInformationTemplate, ManagerUrl, PlainValue,
    },
    commands::{
        begin_r_mac_session::BeginRMacSession,
        confirmation::ManagementResponse,
        delete::{Delete, DeleteKey, Deletion},
        end_r_mac_session::EndRMacSession,
        external_authenticate::ExternalAuthenticate,
        get_data::GetData,
        get_status::{GetStatus, GetStatusResponse},
        initialize_update::{
            InitializeUpdate, InitializeUpdateResponse, InitializeUpdateResponseRef,
        },
        install::{
            CombinedInstall, CombinedInstallEnd, Install, InstallForExtradition, InstallForInstall,
            InstallForLoad, InstallForMakeSelectable, InstallForPersonalization,
            InstallForRegistryUpdate, InstallParameters, LoadParameters, RegistryParameters,
            SecurityDomainParameters, SimToolkitParameters, UiccParameters,
        },
        load::Load,
        manage_channel::{ManageChannel, ManageChannelResponse},
        put_key::{PutKey, PutKeyResponse, SecretBlock},
        select::{Select, SelectResponse},
        set_status::SetStatus,
        store_data::{KeyDescription, StoreData},
    },
    contactless::{
        ContactlessEntry, GetContactlessStatus, RegistryVersion, SetContactlessStatus,
        SetContactlessStatusResponse,
    },
    delegated_management::{combined_token_input, token_input},
    error::DecodeError,
    key::{CurveReference, KeyUsage},
    load_file::{LoadFile, LoadFileStructure},
    privileges::Privileges,
    registry::RegistryEntry,
};
use proptest::prelude::*;

type Outcome = Result<(), DecodeError>;
type OnBytes = (&'static str, fn(&[u8]) -> Outcome);
type OnCommand = (&'static str, fn(&CommandApdu) -> Outcome);

macro_rules! on_bytes {
    ($($type:ident::$decode:ident),* $(,)?) => {
        &[$((
            concat!(stringify!($type), "::", stringify!($decode)),
            |data| $type::$decode(data).map(|_| ()),
        )),*]
    };
}

macro_rules! on_commands {
    ($($type:ident),* $(,)?) => {
        &[$((
            concat!(stringify!($type), "::from_apdu"),
            |command| $type::from_apdu(command).map(|_| ()),
        )),*]
    };
}

const DECODERS: &[OnBytes] = on_bytes![
    ApplicationList::decode,
    Capabilities::decode,
    CardCertificate::decode,
    CardRecognitionData::decode,
    CommandApdu::decode,
    CommandRef::decode,
    ContactlessEntry::decode_list,
    Cplc::decode,
    CurveReference::decode,
    ExtendedCardResources::decode,
    GetStatusResponse::decode,
    InitializeUpdateResponse::decode,
    InitializeUpdateResponseRef::decode,
    InstallParameters::decode,
    KeyDescription::decode_list,
    KeyInformationTemplate::decode,
    KeyUsage::decode,
    LoadFile::from_data_block,
    LoadFileStructure::decode,
    LoadParameters::decode,
    ManageChannelResponse::decode,
    ManagementResponse::decode,
    Privileges::from_bytes,
    PutKeyResponse::decode,
    RegistryEntry::decode_list,
    RegistryParameters::decode,
    RegistryVersion::decode,
    ResponseApdu::decode,
    ResponseRef::decode,
    SecurityDomainParameters::decode,
    SelectResponse::decode,
    SetContactlessStatusResponse::decode,
    SimToolkitParameters::decode,
    UiccParameters::decode,
];

/// Decoders with another signature.
const OTHER_DECODERS: &[OnBytes] = &[
    ("Aid::decode", |data| Aid::decode(data, 0).map(|_| ())),
    ("PlainValue::decode", |data| {
        PlainValue::<0xC1>::decode(data)?;
        ManagerUrl::decode(data).map(|_| ())
    }),
    ("SecretBlock::decode", |data| {
        SecretBlock::decode(data, SecretBlock::DES_BLOCK)?;
        SecretBlock::decode(data, SecretBlock::AES_BLOCK).map(|_| ())
    }),
];

const COMMANDS: &[OnCommand] = on_commands![
    BeginRMacSession,
    CombinedInstall,
    CombinedInstallEnd,
    Delete,
    DeleteKey,
    Deletion,
    EndRMacSession,
    ExternalAuthenticate,
    GetContactlessStatus,
    GetData,
    GetStatus,
    InitializeUpdate,
    Install,
    InstallForExtradition,
    InstallForInstall,
    InstallForLoad,
    InstallForMakeSelectable,
    InstallForPersonalization,
    InstallForRegistryUpdate,
    Load,
    ManageChannel,
    PutKey,
    Select,
    SetContactlessStatus,
    SetStatus,
    StoreData,
];

/// Command decoders that are functions.
const FUNCTIONS: &[OnCommand] = &[
    ("token_input", |command| token_input(command).map(|_| ())),
    ("combined_token_input", |command| {
        combined_token_input(command, command).map(|_| ())
    }),
];

/// The names of all public functions that decode, as the sources spell them: `Type::function`.
fn decoders_in(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            decoders_in(&path, found);
        } else {
            decoders_of(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

fn decoders_of(source: &str, found: &mut BTreeSet<String>) {
    let identifier = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut owner = String::new();
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("impl") {
            let rest = match rest.strip_prefix('<') {
                Some(generic) => generic.split_once('>').map_or("", |(_, rest)| rest),
                None => rest,
            };
            owner = identifier(rest.trim_start());
        }
        let public = line.trim_start().strip_prefix("pub ");
        let function = public
            .map(|rest| rest.trim_start_matches("const "))
            .and_then(|rest| rest.strip_prefix("fn "))
            .map(identifier);
        match function.as_deref() {
            Some(name @ ("token_input" | "combined_token_input")) => {
                found.insert(name.to_owned());
            }
            Some(name)
                if name.starts_with("decode")
                    || ["from_apdu", "from_data_block"].contains(&name)
                    || name == "from_bytes" && owner == "Privileges" =>
            {
                found.insert(format!("{owner}::{name}"));
            }
            _ => {}
        }
    }
}

#[test]
fn the_table_names_every_decoder() {
    let mut found = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    decoders_in(&sources, &mut found);
    let on_bytes = DECODERS.iter().chain(OTHER_DECODERS);
    let on_commands = COMMANDS.iter().chain(FUNCTIONS);
    let table: BTreeSet<String> = on_bytes
        .map(|(name, _)| *name)
        .chain(on_commands.map(|(name, _)| *name))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = found.difference(&table).collect();
    let gone: Vec<_> = table.difference(&found).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in the table: {missing:?}; not in the sources: {gone:?}"
    );
}

fn run_on_bytes(data: &[u8]) {
    for (name, decode) in DECODERS.iter().chain(OTHER_DECODERS) {
        if let Err(error) = decode(data)
            && error.offset() > data.len()
        {
            panic!("{name}: {error} in {} bytes", data.len());
        }
    }
}

fn run_on_command(command: &CommandApdu) {
    let length = command.data_offset() + command.data.len();
    for (name, decode) in COMMANDS.iter().chain(FUNCTIONS) {
        if let Err(error) = decode(command)
            && error.offset() > length
        {
            panic!("{name}: {error} in {length} bytes");
        }
    }
}

/// Bytes with many short lengths, tags of this crate and templates in them.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let tags = [
        0x42, 0x45, 0x4F, 0x5C, 0x5F, 0x61, 0x66, 0x67, 0x6F, 0x73, 0x7F, 0x80, 0x81, 0x82, 0x84,
        0x9F, 0xA0, 0xA5, 0xB6, 0xB9, 0xC0, 0xC4, 0xC9, 0xCF, 0xE0, 0xE3, 0xEA, 0xEF, 0xFF, 0x21,
        0x70,
    ];
    let byte = prop_oneof![
        3 => 0u8..0x12,
        3 => proptest::sample::select(tags.to_vec()),
        1 => any::<u8>(),
    ];
    proptest::collection::vec(byte, 0..60)
}

const INSTRUCTIONS: [u8; 16] = [
    0x50, 0x70, 0x78, 0x7A, 0x82, 0xA4, 0xCA, 0xCB, 0xD8, 0xE2, 0xE4, 0xE6, 0xE8, 0xF0, 0xF2, 0x00,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_decoder_panics(data in plausible(), noise in proptest::collection::vec(any::<u8>(), 0..80)) {
        run_on_bytes(&data);
        run_on_bytes(&noise);
    }

    #[test]
    fn no_command_decoder_panics(data in plausible(), ins in proptest::sample::select(&INSTRUCTIONS[..]),
        cla in prop_oneof![Just(0x00u8), Just(0x80), Just(0x84)],
        parameters in (0u8..=8, prop_oneof![0u8..4, any::<u8>()]), extended: bool) {
        let p1 = if parameters.0 == 8 { 0x0E } else { 1 << parameters.0 };
        let mut command = CommandApdu::new(cla, ins, p1, parameters.1).with_data(data);
        command.extended = extended;
        run_on_command(&command);
    }
}
