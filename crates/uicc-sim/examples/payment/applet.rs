//! A payment-like applet: proximity directory, processing options with a counter and a cryptogram, records.
//!
//! It speaks as EMV payment applets do (EMV Book 1 and 3, and the Common Personalization Specification for its data
//! groups), but the cryptogram is a simple one of its own: nobody can pay with it. Everything it needs comes from
//! `uicc_sim::applet` and `globalplatform`.

use cipher::{BlockCipherEncrypt as _, KeyInit as _};
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::{DgiReader, StoreData, Structure};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tag, Writer, find};
use uicc_sim::applet::{Applet, Contents, Platform, Program, SecurityLevel};

/// The package.
pub const PACKAGE: Aid = Aid::from_slice_const(&[0xF0, 0x50, 0x41, 0x59, 0x00]);
/// The module that pays.
pub const PAYMENT: Aid = Aid::from_slice_const(&[0xF0, 0x50, 0x41, 0x59, 0x00, 0x01]);
/// The module that tells a terminal what there is to pay with.
pub const DIRECTORY: Aid = Aid::from_slice_const(&[0xF0, 0x50, 0x41, 0x59, 0x00, 0x02]);

/// "Record not found".
const RECORD_NOT_FOUND: StatusWord = StatusWord(0x6A83);
/// Personalised, as a state of the applet's own.
const PERSONALISED: u8 = 0x0F;
/// The one file with records.
const RECORD_FILE: u8 = 1;
/// Longest chain of data groups, in bytes.
const CHAIN_LIMIT: usize = 1024;

/// Program of the directory. An instance gets its entries (templates 61) as installation parameters, and the AID
/// `325041592E5359532E4444463031`.
pub struct DirectoryProgram;

/// A running directory: it only answers SELECT.
struct Directory {
    entries: Vec<u8>,
}

impl Program for DirectoryProgram {
    fn package(&self) -> Aid {
        PACKAGE
    }

    fn module(&self) -> Aid {
        DIRECTORY
    }

    fn install(&self, parameters: &[u8]) -> Result<Contents, StatusWord> {
        let mut entries = Reader::new(parameters).tlvs();
        let is_entry = |tag: Tag| tag == Tag(0x61);
        if entries.all(|entry| entry.is_ok_and(|entry| is_entry(entry.tag))) {
            Ok(Contents::new(parameters.to_vec()))
        } else {
            Err(StatusWord::WRONG_DATA)
        }
    }

    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        let entries = contents.to_vec();
        Ok(Box::new(Directory { entries }))
    }
}

impl Applet for Directory {
    fn select(&mut self) -> Result<Vec<u8>, StatusWord> {
        let mut information = Writer::new();
        information.nested(Tag(0xA5), |proprietary| {
            proprietary.tlv(Tag(0xBF0C), &self.entries);
        });
        Ok(information.into_vec())
    }
}

/// Program of the payment applet. Installation parameters are its label, up to 16 characters.
pub struct PaymentProgram;

/// What an instance keeps without power.
#[derive(Clone)]
struct Account {
    label: Vec<u8>,
    /// Application transaction counter: one higher for every cryptogram, never lower.
    counter: u16,
    key: Option<Contents>,
    /// Application interchange profile (82) and file locator (94).
    options: Vec<u8>,
    records: Vec<Vec<u8>>,
}

/// A running instance.
struct Payment {
    account: Account,
    /// Data groups of a chain whose last block has not arrived.
    chain: Contents,
}

impl Program for PaymentProgram {
    fn package(&self) -> Aid {
        PACKAGE
    }

    fn module(&self) -> Aid {
        PAYMENT
    }

    fn install(&self, parameters: &[u8]) -> Result<Contents, StatusWord> {
        if parameters.len() > 16 || !parameters.is_ascii() {
            return Err(StatusWord::WRONG_DATA);
        }
        let account = Account {
            label: parameters.to_vec(),
            counter: 0,
            key: None,
            options: Vec::new(),
            records: Vec::new(),
        };
        Ok(account.encode())
    }

    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        let account = Account::decode(contents).ok_or(StatusWord::NO_DIAGNOSIS)?;
        let chain = Contents::default();
        Ok(Box::new(Payment { account, chain }))
    }
}

impl Account {
    fn encode(&self) -> Contents {
        let mut writer = Writer::new();
        writer.tlv(Tag(0x80), &self.label);
        writer.tlv(Tag(0x81), &self.counter.to_be_bytes());
        writer.optional(Tag(0x82), self.key.as_ref());
        writer.tlv(Tag(0x83), &self.options);
        for record in &self.records {
            writer.tlv(Tag(0x84), record);
        }
        Contents::new(writer.into_vec())
    }

    fn decode(contents: &[u8]) -> Option<Self> {
        let value = |tag| find(contents, Tag(tag)).ok().flatten();
        let objects = Reader::new(contents).tlvs();
        let records = objects.filter_map(Result::ok);
        Some(Self {
            label: value(0x80)?.to_vec(),
            counter: u16::from_be_bytes(value(0x81)?.try_into().ok()?),
            key: value(0x82).map(|key| Contents::new(key.to_vec())),
            options: value(0x83)?.to_vec(),
            records: records
                .filter(|object| object.tag == Tag(0x84))
                .map(|object| object.value.to_vec())
                .collect(),
        })
    }

    /// Takes one data group.
    fn take(&mut self, tag: u16, data: &[u8]) -> Result<(), StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        match tag {
            // Records come in the order of their numbers.
            0x0101..=0x01FF if data.first() == Some(&0x70) => {
                let index = usize::from(tag & 0xFF) - 1;
                if index == self.records.len() {
                    self.records.push(Vec::new());
                }
                let record = self.records.get_mut(index).ok_or(wrong)?;
                *record = data.to_vec();
            }
            0x8000 if data.len() == 16 => self.key = Some(Contents::new(data.to_vec())),
            0x9104 if find(data, Tag(0x82)).is_ok_and(|profile| profile.is_some()) => {
                self.options = data.to_vec();
            }
            _ => return Err(wrong),
        }
        Ok(())
    }

    const fn is_personalised(&self) -> bool {
        self.key.is_some() && !self.options.is_empty()
    }
}

impl Applet for Payment {
    fn select(&mut self) -> Result<Vec<u8>, StatusWord> {
        let mut information = Writer::new();
        information.nested(Tag(0xA5), |proprietary| {
            proprietary.tlv(Tag(0x50), &self.account.label);
            // PDOL: four bytes of the terminal's unpredictable number.
            proprietary.tlv(Tag(0x9F38), &[0x9F, 0x37, 0x04]);
        });
        Ok(information.into_vec())
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
            (true, 0xA8) => self.processing_options(command, platform),
            (false, 0xB2) => self.read_record(command),
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
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
        self.chain = Contents::default();
    }

    fn uninstall(&mut self) {
        self.abandon_personalisation();
        self.account.key = None;
    }

    fn show_secrets(&self, show: &mut dyn FnMut(&'static str, &[u8])) {
        if let Some(key) = &self.account.key {
            show("payment-key", key);
        }
    }
}

impl Payment {
    /// `80 A8 00 00 06 83 04 unpredictable number`: profile, locator, counter and cryptogram.
    fn processing_options(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let [0x83, 0x04, unpredictable @ ..] = command.data.as_slice() else {
            return Err(StatusWord::WRONG_DATA);
        };
        let unpredictable: [u8; 4] = unpredictable
            .try_into()
            .map_err(|_| StatusWord::WRONG_DATA)?;
        let key = self.account.key.clone().ok_or(StatusWord::CONDITIONS)?;
        // A counter at its end is the end of the applet. It is written before it is used: whatever happens next, no
        // number serves twice.
        let mut next = self.account.clone();
        next.counter = next.counter.checked_add(1).ok_or(StatusWord::CONDITIONS)?;
        platform.save(&next.encode())?;
        self.account = next;
        let counter = self.account.counter;
        let mut answer = Writer::new();
        answer.nested(Tag(0x77), |template| {
            template.bytes(&self.account.options);
            template.tlv(Tag(0x9F36), &counter.to_be_bytes());
            let cryptogram = cryptogram(&key, unpredictable, counter);
            template.tlv(Tag(0x9F26), &cryptogram.unwrap_or_default());
        });
        Ok(ResponseApdu::with_data(answer.into_vec()))
    }

    /// `00 B2 number 0C`.
    fn read_record(&self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        if command.p2 & 0x07 != 0x04 {
            return Err(StatusWord::WRONG_P1P2);
        }
        if command.p2 >> 3 != RECORD_FILE {
            return Err(StatusWord::NOT_FOUND);
        }
        let index = command.p1.checked_sub(1).ok_or(RECORD_NOT_FOUND)?;
        let record = self.account.records.get(usize::from(index));
        let record = record.ok_or(RECORD_NOT_FOUND)?;
        Ok(ResponseApdu::with_data(record.clone()))
    }

    /// Data groups take effect together, when the last block has arrived.
    fn take_block(
        &mut self,
        block: &StoreData,
        level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if !level.c_decryption() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if block.structure != Structure::Dgi {
            return Err(StatusWord::WRONG_P1P2);
        }
        if self.chain.len() + block.data.len() > CHAIN_LIMIT {
            return Err(StatusWord::NO_MEMORY);
        }
        self.chain.extend_from_slice(&block.data);
        if !block.last {
            return Ok(ResponseApdu::ok());
        }
        let mut next = self.account.clone();
        for group in DgiReader::new(&self.chain) {
            let group = group.map_err(|_| StatusWord::WRONG_DATA)?;
            next.take(group.tag, group.data)?;
        }
        platform.save(&next.encode())?;
        self.account = next;
        if let Some(key) = &self.account.key {
            platform.show_secret("payment-key", key);
        }
        if self.account.is_personalised() && platform.life_cycle() == 0x07 {
            platform.set_life_cycle(PERSONALISED)?;
        }
        Ok(ResponseApdu::ok())
    }
}

/// The first half of one AES block over unpredictable number, counter and zeros.
pub fn cryptogram(key: &[u8], unpredictable: [u8; 4], counter: u16) -> Option<[u8; 8]> {
    let mut block = [0; 16];
    let input = [&unpredictable[..], &counter.to_be_bytes()].concat();
    block.get_mut(..input.len())?.copy_from_slice(&input);
    let mut block = block.into();
    aes::Aes128::new_from_slice(key)
        .ok()?
        .encrypt_block(&mut block);
    block.first_chunk().copied()
}
