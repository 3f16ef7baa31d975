//! What GlobalPlatform card bytes mean: APDUs, TLV, commands, data objects, life cycles, load files.
//!
//! The crate follows the GlobalPlatform Card Specification 2.3.1 (`G` in the comments, followed by
//! the clause or table), Amendment D 1.1.1 for SCP03 (`D`), Amendment C 1.3 for contactless services
//! (`C`), and ISO/IEC 7816-4 for APDUs and BER-TLV. It knows bytes only: no I/O, no clock, no keys,
//! no randomness. Both ends use it: a host encodes commands and decodes responses, a card does the
//! reverse, so every type has both directions.
//!
//! Every decoder takes untrusted bytes, never panics, and reports what is wrong together with the
//! offset of the offending byte ([`error::DecodeError`]).
//!
//! ```
//! use globalplatform::{aid::Aid, apdu::CommandApdu, commands::select::Select};
//!
//! let isd: Aid = "A000000151000000".parse()?;
//! let apdu = Select::by_aid(isd).to_apdu().encode()?;
//! assert_eq!(hex::encode_upper(&apdu), "00A4040008A00000015100000000");
//!
//! let err = CommandApdu::decode(&apdu[..9]).unwrap_err();
//! assert_eq!(err.offset(), 9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Commands
//!
//! | Command | INS | Types | Clause |
//! |---|---|---|---|
//! | SELECT | A4 | [`Select`](commands::select::Select), [`SelectResponse`](commands::select::SelectResponse) | G 11.9 |
//! | GET DATA | CA, CB | [`GetData`](commands::get_data::GetData), answers in [`card_data`] and [`capability`] | G 11.3 |
//! | GET STATUS | F2 | [`GetStatus`](commands::get_status::GetStatus), [`RegistryReading`](commands::get_status::RegistryReading), [`RegistryEntry`](registry::RegistryEntry) | G 11.4 |
//! | SET STATUS | F0 | [`SetStatus`](commands::set_status::SetStatus), states in [`life_cycle`] | G 11.10 |
//! | INSTALL | E6 | [`Install`](commands::install::Install) and one type for each of its seven purposes | G 11.5 |
//! | LOAD | E8 | [`Load`](commands::load::Load), [`LoadFileStructure`](load_file::LoadFileStructure) | G 11.6 |
//! | DELETE | E4 | [`Delete`](commands::delete::Delete), [`DeleteKey`](commands::delete::DeleteKey) | G 11.2 |
//! | PUT KEY | D8 | [`PutKey`](commands::put_key::PutKey), [`SecretBlock`](commands::put_key::SecretBlock) | G 11.8, D 7.2 |
//! | STORE DATA | E2 | [`StoreData`](commands::store_data::StoreData), [`Dgi`](commands::store_data::Dgi), [`KeyDescription`](commands::store_data::KeyDescription) | G 11.11 |
//! | MANAGE CHANNEL | 70 | [`ManageChannel`](commands::manage_channel::ManageChannel) | G 11.7 |
//! | INITIALIZE UPDATE | 50 | [`InitializeUpdate`](commands::initialize_update::InitializeUpdate) | D 7.1.1 |
//! | EXTERNAL AUTHENTICATE | 82 | [`ExternalAuthenticate`](commands::external_authenticate::ExternalAuthenticate) | D 7.1.2 |
//! | BEGIN R-MAC SESSION | 7A | [`BeginRMacSession`](commands::begin_r_mac_session::BeginRMacSession) | D 7.1.3 |
//! | END R-MAC SESSION | 78 | [`EndRMacSession`](commands::end_r_mac_session::EndRMacSession) | D 7.1.4 |
//! | contactless GET and SET STATUS | F2, F0 | [`contactless`] | C 3.11 |
//! | several commands as one | | [`chaining`](commands::chaining) | G 11.1.5.1 |
//!
//! INSTALL, LOAD and DELETE answer with a
//! [`ManagementResponse`](commands::confirmation::ManagementResponse). What tokens, receipts and DAP
//! blocks sign is in [`delegated_management`].
//!
//! # Data objects
//!
//! | Tag | Type | Clause |
//! |---|---|---|
//! | 42, 45, C1, C2, D3, 5F50 | [`PlainValue`](card_data::PlainValue) | G 11.3.2.1 |
//! | 66 | [`CardRecognitionData`](card_data::CardRecognitionData) | G H.2 |
//! | 67 | [`Capabilities`](capability::Capabilities) | G H.4 |
//! | E0 | [`KeyInformationTemplate`](card_data::KeyInformationTemplate) | G 11.3.3.1.1 |
//! | E3 | [`RegistryEntry`](registry::RegistryEntry) | G 11.4.3.1 |
//! | 2F00 | [`ApplicationList`](card_data::ApplicationList) | G 11.3.3.1.3 |
//! | FF21 | [`ExtendedCardResources`](card_data::ExtendedCardResources) | ETSI TS 102 226, 8.2.1.7 |
//! | 9F7F | [`Cplc`](card_data::Cplc) | EMV CPS |
//! | 7F21 | [`CardCertificate`](card_data::CardCertificate) | GSMA SGP.02, Amendment F |
//! | C9 of a security domain | [`SecurityDomainParameters`](commands::install::SecurityDomainParameters) | UICC Configuration 4.3.2 |
//! | EA, CA | [`UiccParameters`](commands::install::UiccParameters), [`SimToolkitParameters`](commands::install::SimToolkitParameters) | ETSI TS 102 226, 8.2.1.3.2 |
//! | B6 | [`ControlReference`](commands::control_reference::ControlReference) | G Table 11-48 |
//! | 61 of the contactless registry, A5 | [`ContactlessEntry`](contactless::ContactlessEntry), [`RegistryVersion`](contactless::RegistryVersion) | C 3.11 |
//!
//! The feature `cap` (on by default) adds the `cap` module and needs `std`; everything else is
//! `no_std` with `alloc`.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "cap", test))]
extern crate std;

pub mod aid;
pub mod apdu;
#[cfg(feature = "cap")]
pub mod cap;
pub mod capability;
pub mod card_data;
pub mod commands;
pub mod contactless;
pub mod delegated_management;
pub mod error;
pub mod key;
pub mod life_cycle;
pub mod load_file;
pub mod privileges;
pub mod registry;
pub mod status_word;
pub mod tlv;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
