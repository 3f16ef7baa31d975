//! Fuzz targets for everything in `globalplatform`, `scp03` and `apdu-trace` that takes bytes from
//! outside.
//!
//! Each target is a plain function from bytes to nothing that panics when its oracle is violated.
//! `cargo test` replays the committed corpora through all of them with the stable toolchain;
//! `cargo fuzz run --fuzz-dir tests/fuzz --features libfuzzer TARGET` looks for more, and
//! `tests/long/fuzz.sh` runs the whole campaign.
//!
//! [`TARGETS`] is the one list: a test compares it with the binaries in `targets/`, with the folders
//! of `corpus/`, and with the decoders that the sources of both crates offer.
#![forbid(unsafe_code)]

pub mod card_machine;
pub mod commands;
pub mod data_objects;
pub mod ends;
pub mod host_machine;
pub mod input;
pub mod key_transport;
pub mod load_files;
pub mod opening;
mod oracle;
pub mod script_machine;
pub mod traces;

/// How much a target costs, and so how often a campaign runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A decoder: 10 million executions.
    Small,
    /// A state machine or a whole archive: 1 million executions.
    Machine,
}

/// One fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the binary and of the corpus.
    pub name: &'static str,
    /// How often a campaign runs it.
    pub size: Size,
    /// Runs it on one input.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($size:ident $module:ident: $($name:ident)*;)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$($(Target {
            name: stringify!($name),
            size: Size::$size,
            run: $module::$name,
        },)*)*];
    };
}

targets! {
    Small data_objects:
        aid aid_text tlv lengths command_apdu response_apdu privileges life_cycles status_word
        registry capabilities recognition_data key_information card_resources confirmation
        select_response get_status_response initialize_update_response put_key_response
        manage_channel_response dgi load_file_structure
        install_parameters load_parameters registry_parameters domain_parameters
        application_list certificate production_data manager_url plain_value uicc_parameters
        contactless_version contactless_failures contactless_registry key_descriptions
        key_attributes secret_block;
    Small load_files:
        header directory import_list applet_list class_table constant_pool static_fields
        static_resources exports reference_locations method_table instructions type_descriptors
        descriptor debug_info components load_file;
    Small commands:
        select get_data get_status set_status install install_for_install install_for_load
        install_for_make_selectable install_for_extradition install_for_registry_update
        install_for_personalization load delete delete_key deletion put_key store_data
        initialize_update external_authenticate manage_channel begin_r_mac end_r_mac
        combined_install combined_install_end get_contactless_status set_contactless_status token;
    Small key_transport:
        put_key_set store_data_keys key_agreement_template key_agreement_response;
    Small opening:
        parameters challenge_answer;
    Machine load_files: inspection cap cap_files;
    Machine card_machine: card_machine;
    Machine host_machine: host_machine;
    Machine script_machine: script_machine;
    Machine traces: trace_line trace trace_session;
}
