//! The JPKI applet: a credential that proves who somebody is, and room for one that signs documents.
//!
//! For the phone it looks like the application that OpenSC's `jpki` driver expects: elementary files for certificates
//! (000A, 0001), those of their issuers (000B, 0002), PINs (0018, 001B) and keys (0017, 001A), VERIFY, READ BINARY and
//! PSO: COMPUTE DIGITAL SIGNATURE. For the service provider it is written through its security domain by data groups (module `personalise`): a pending slot takes a
//! new credential and proves its key before it replaces the live one, so that a bad write never costs the old one.

mod contents;
mod files;
mod key;
mod personalise;
mod pin;
mod purpose;
mod slots;
mod status;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::{Encryption, StoreData, Structure};
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::contents::Contents;
use self::files::File;
use self::key::PrivateKey;
use self::purpose::Purpose;
use self::slots::Slots;
use super::{Applet, Platform, Program};
use crate::inventory::{CredentialInventory, JpkiInventory};

/// AID of the package.
pub const PACKAGE: Aid =
    Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00]);
/// AID of the module, and by convention of its one instance.
pub const MODULE: Aid =
    Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01]);

/// Bytes that a chain of STORE DATA may bring: two of the longest certificates, a key, and what belongs to them.
const CHAIN_LIMIT: usize = 10_240;
/// Volatile memory of an instance: the chain is collected in it.
const VOLATILE_BYTES: u32 = 1024;

/// The applet's program.
pub struct JpkiProgram;

/// A running instance.
struct Jpki {
    contents: Contents,
    selected: Option<File>,
    verified: Vec<Purpose>,
    chain: Zeroizing<Vec<u8>>,
}

impl Program for JpkiProgram {
    fn package(&self) -> Aid {
        PACKAGE
    }

    fn module(&self) -> Aid {
        MODULE
    }

    fn volatile_bytes(&self) -> u32 {
        VOLATILE_BYTES
    }

    fn install(&self, _parameters: &[u8]) -> Result<Zeroizing<Vec<u8>>, StatusWord> {
        Ok(Contents::default().encode())
    }

    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        Ok(Box::new(Jpki {
            contents: Contents::decode(contents).map_err(|_| StatusWord::NO_DIAGNOSIS)?,
            selected: None,
            verified: Vec::new(),
            chain: Zeroizing::default(),
        }))
    }
}

impl Applet for Jpki {
    fn select(&mut self) -> Result<Vec<u8>, StatusWord> {
        self.deselect();
        Ok(Vec::new())
    }

    fn process(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.is_secured() {
            return Err(StatusWord::SM_NOT_SUPPORTED);
        }
        match (command.is_proprietary(), command.ins) {
            (false, 0xA4) => {
                let file = File::select(command, &self.contents)?;
                self.selected = Some(file);
                Ok(self.describe(file, command.p2))
            }
            (false, 0xB0) => self.read(command),
            (false, 0x20) => self.verify(command, platform),
            (false, 0x24) => self.change_pin(command, platform),
            (_, 0x2A) => self.sign(command),
            (_, 0xCA) => self.data(command),
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    fn deselect(&mut self) {
        self.selected = None;
        self.verified.clear();
    }

    fn personalise(
        &mut self,
        block: &StoreData,
        level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        let outcome = self.take_block(block, level, platform);
        if block.last || outcome.is_err() {
            self.abandon_personalisation();
        }
        outcome
    }

    fn abandon_personalisation(&mut self) {
        self.chain = Zeroizing::default();
    }

    fn uninstall(&mut self) {
        self.deselect();
        self.abandon_personalisation();
        self.contents = Contents::default();
    }

    fn show_secrets(&self, show: &mut dyn FnMut(&'static str, &[u8])) {
        for slots in self.contents.all() {
            show_slots(slots, show);
        }
    }
}

fn show_slots(slots: &Slots, show: &mut dyn FnMut(&'static str, &[u8])) {
    let live = slots.live.as_ref().map(|live| &live.key);
    let pending = slots.pending.as_ref().and_then(|p| p.key.as_ref());
    for key in live.into_iter().chain(pending) {
        show_key(key, show);
    }
    if let Some(pending) = &slots.pending {
        for prime in [&pending.half.0, &pending.half.1].into_iter().flatten() {
            show("rsa-prime", prime.as_slice());
        }
    }
}

fn show_key(key: &PrivateKey, show: &mut dyn FnMut(&'static str, &[u8])) {
    let kind = match key {
        PrivateKey::Rsa(_) => "rsa-prime",
        PrivateKey::P256(_) | PrivateKey::P384(_) => "ec-scalar",
    };
    for part in key.danger_parts() {
        show(kind, &part);
    }
    for exponent in key.danger_exponents() {
        show("rsa-private-exponent", &exponent);
    }
}

impl Jpki {
    fn current_file(&self) -> Result<File, StatusWord> {
        self.selected.ok_or(StatusWord::NO_CURRENT_EF)
    }

    fn demand_pin(&self, purpose: Purpose) -> Result<(), StatusWord> {
        if self.verified.contains(&purpose) {
            Ok(())
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// What SELECT says about a file: nothing (P2 0C), or its control parameters or information.
    fn describe(&self, file: File, p2: u8) -> ResponseApdu {
        let template = match p2 {
            0x0C => return ResponseApdu::ok(),
            0x04 => files::CONTROL_PARAMETERS,
            0x08 => files::MANAGEMENT_DATA,
            _ => files::CONTROL_INFORMATION,
        };
        let is_readable = file
            .read_protection()
            .is_none_or(|purpose| self.verified.contains(&purpose));
        ResponseApdu::with_data(file.description(template, &self.contents, is_readable))
    }

    /// READ BINARY of the selected file.
    fn read(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let file = self.current_file()?;
        if let Some(purpose) = file.read_protection() {
            self.demand_pin(purpose)?;
        }
        file.read(command, &self.contents)
    }

    /// `00 20 00 80 [Lc PIN]`: without data it only says how many tries are left.
    fn verify(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if (command.p1, command.p2) != (0x00, 0x80) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let File::Pin(purpose) = self.current_file()? else {
            return Err(StatusWord::NO_CURRENT_EF);
        };
        if command.data.is_empty() {
            return Err(pin::tries_left(&self.contents, purpose));
        }
        self.verified.retain(|verified| *verified != purpose);
        pin::verify(&mut self.contents, purpose, &command.data, platform)?;
        self.verified.push(purpose);
        Ok(ResponseApdu::ok())
    }

    /// `00 24 01 80 Lc new PIN`, after VERIFY.
    fn change_pin(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if (command.p1, command.p2) != (0x01, 0x80) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let File::Pin(purpose) = self.current_file()? else {
            return Err(StatusWord::NO_CURRENT_EF);
        };
        self.demand_pin(purpose)?;
        pin::replace(&mut self.contents, purpose, &command.data, platform)?;
        Ok(ResponseApdu::ok())
    }

    /// `80 2A 00 80 Lc data Le`: a signature with the live key over what is given.
    fn sign(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if (command.p1, command.p2) != (0x00, 0x80) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let File::Key(purpose) = self.current_file()? else {
            return Err(StatusWord::NO_CURRENT_EF);
        };
        let live = self.contents.of(purpose).live.as_ref();
        let live = live.ok_or(StatusWord::NO_CURRENT_EF)?;
        self.demand_pin(purpose)?;
        Ok(ResponseApdu::with_data(
            live.key.sign_as_given(&command.data)?,
        ))
    }

    /// GET DATA 00E1 and 00E2: the status objects, their values only for the ISO class.
    fn data(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let purpose = match (command.p1, command.p2) {
            (0x00, 0xE1) => Purpose::Authentication,
            (0x00, 0xE2) => Purpose::Signature,
            _ => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
        };
        let slots = self.contents.of(purpose);
        Ok(ResponseApdu::with_data(if command.is_proprietary() {
            status::status_object(slots)
        } else {
            status::status(slots)
        }))
    }

    fn take_block(
        &mut self,
        block: &StoreData,
        level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if level != SecurityLevel::Full {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if block.structure != Structure::Dgi || block.encryption == Encryption::Encrypted {
            return Err(StatusWord::WRONG_P1P2);
        }
        if self.chain.len() + block.data.len() > CHAIN_LIMIT {
            return Err(StatusWord::NO_MEMORY);
        }
        self.chain.extend_from_slice(&block.data);
        if !block.last {
            return Ok(ResponseApdu::ok());
        }
        let mut next = self.contents.clone();
        let answer = personalise::apply(&mut next, &self.chain, block.case4)?;
        self.adopt(next, platform)?;
        Ok(ResponseApdu::with_data(answer))
    }

    /// Makes these the contents of the instance, on the card first.
    fn adopt(&mut self, next: Contents, platform: &mut dyn Platform) -> Result<(), StatusWord> {
        let contents = next.encode();
        if contents.ct_eq(&self.contents.encode()).into() {
            return Ok(());
        }
        platform.save(&contents)?;
        self.contents = next;
        // What the phone selected and verified may not exist any more.
        self.deselect();
        if platform.is_observed() {
            self.show_secrets(&mut |kind, secret| platform.show_secret(kind, secret));
        }
        Ok(())
    }
}

/// The state of an instance with these contents, for people.
pub(crate) fn inventory(contents: &[u8]) -> Option<JpkiInventory> {
    let contents = Contents::decode(contents).ok()?;
    let signature = contents.of(Purpose::Signature);
    let is_there =
        signature.live.is_some() || signature.pending.is_some() || signature.issuer.is_some();
    Some(JpkiInventory {
        authentication: credential(contents.of(Purpose::Authentication)),
        signature: is_there.then(|| credential(signature)),
    })
}

fn credential(slots: &Slots) -> CredentialInventory {
    let (live, pending) = (slots.live.as_ref(), slots.pending.as_ref());
    let sha256 = |certificate: &Vec<u8>| hex::encode_upper(Sha256::digest(certificate));
    CredentialInventory {
        live: live.is_some(),
        credential_id: live.map(|live| hex::encode_upper(live.id)),
        algorithm: live.map(|live| live.key.algorithm().name()),
        certificate_sha256: live.map(|live| sha256(&live.certificate)),
        issuer_sha256: slots.issuer.as_ref().map(sha256),
        pin_tries_left: slots.tries_left(),
        pending: slots.progress(),
        pending_credential_id: pending.map(|pending| hex::encode_upper(pending.id)),
    }
}
