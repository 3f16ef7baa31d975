//! Delegated management: tokens verified, receipts made, both by keys of every kind.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::confirmation::{Confirmation, ManagementResponse};
use globalplatform::commands::control_reference::ControlReference;
use globalplatform::commands::delete::Delete;
use globalplatform::commands::install::{
    InstallForExtradition, InstallForMakeSelectable, InstallForRegistryUpdate, RegistryParameters,
};
use globalplatform::commands::put_key::{PutKey, PutKeyField};
use globalplatform::delegated_management::{
    KeyKind, ReceiptSubject, SignableCommand, SignatureScheme, Signer, sign,
};
use globalplatform::key::{CurveReference, KeyType};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use p256::ecdsa::signature::Signer as _;
use scp03::content_management_mac::{ReceiptKey, TokenKey};
use scp03::put_key::{KeyBlockForm, key_field};
use scp03::{AesKey, SecurityLevel};
use sha2::{Digest, Sha256, Sha384};

use crate::terminal::*;

const SECURITY: StatusWord = StatusWord(0x6982);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

/// PUT KEY of one key as an addition.
pub fn put_key(version: u8, key: PutKeyField) -> CommandApdu {
    PutKey {
        replaces: 0x00,
        new_version: version,
        first_id: 0x01,
        keys: vec![key],
        multiple: false,
    }
    .to_apdu()
}

/// An AES key as PUT KEY carries it, all of one byte.
pub fn aes_field(byte: u8, length: usize) -> PutKeyField {
    let key = AesKey::from_bytes(&vec![byte; length]).unwrap();
    key_field(&key, &isd_keys().dek, KeyBlockForm::AmendmentD, None).unwrap()
}

fn token_key() -> TokenKey {
    TokenKey::from_bytes(&[0x70; 16]).unwrap()
}

fn receipt_key() -> ReceiptKey {
    ReceiptKey::from_bytes(&[0x71; 16]).unwrap()
}

/// A card with token and receipt keys in the ISD, its numbers, and an SSD with Delegated Management.
fn delegated() -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    isd.ok(&mut t, &put_key(0x71, aes_field(0x71, 16)));
    let numbers = [0x42, 0x02, 0xAA, 0xBB, 0x45, 0x01, 0xCC];
    isd.ok(
        &mut t,
        &CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(numbers),
    );
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    isd.ok(
        &mut t,
        &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
    );
    t
}

fn ssd(t: &mut Terminal) -> Session {
    t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full)
}

fn signed<C: SignableCommand>(mut command: C) -> CommandApdu {
    sign(&mut command, &token_key()).unwrap();
    command.command()
}

fn confirmation(data: &[u8]) -> Confirmation {
    let response = ManagementResponse::decode(data).unwrap();
    response.confirmation.unwrap()
}

/// The receipt is one of the ISD over this, with this number.
fn expect_receipt(data: &[u8], counter: u16, subject: &ReceiptSubject) {
    let confirmation = confirmation(data);
    assert_eq!(confirmation.counter, counter);
    assert_eq!(confirmation.unique_data, [0xAA, 0xBB, 0xCC]);
    assert!(
        subject.is_confirmed_by(&confirmation, &receipt_key()),
        "{subject:?}"
    );
}

fn load(t: &mut Terminal, ssd: &mut Session) -> Vec<u8> {
    let hash = Sha256::digest(foreign()).to_vec();
    let announce = install_for_load(PACKAGE, None, Some(hash));
    assert_eq!(
        ssd.ok(t, &signed(announce)),
        [0x00],
        "the receipt comes with the last block"
    );
    let structure = load_file_structure(&foreign());
    let blocks = globalplatform::commands::load::load_blocks(&structure, 200).unwrap();
    let mut data = Vec::new();
    for block in blocks {
        data = ssd.ok(t, &block.to_apdu());
    }
    data
}

#[test]
fn every_command_is_done_with_its_token_and_confirmed_by_a_receipt() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    let receipt = load(&mut t, &mut ssd);
    let subject = ReceiptSubject::Load {
        load_file: PACKAGE,
        security_domain: SSD,
    };
    expect_receipt(&receipt, 0, &subject);

    let mut install = install_applet(PACKAGE, MODULE, INSTANCE);
    install.make_selectable = false;
    let receipt = ssd.ok(&mut t, &signed(install));
    let subject = ReceiptSubject::Install {
        load_file: PACKAGE,
        instance: INSTANCE,
    };
    expect_receipt(&receipt, 1, &subject);
    let receipt = ssd.ok(&mut t, &signed(InstallForMakeSelectable::new(INSTANCE)));
    expect_receipt(&receipt, 2, &subject);

    let update = InstallForRegistryUpdate {
        aid: Some(INSTANCE),
        parameters: RegistryParameters {
            implicit_selection: vec![0x41],
            ..RegistryParameters::default()
        },
        ..InstallForRegistryUpdate::default()
    };
    let receipt = ssd.ok(&mut t, &signed(update.clone()));
    let subject = ReceiptSubject::of_registry_update(&update, SSD);
    expect_receipt(&receipt, 3, &subject);

    let extradite = InstallForExtradition {
        security_domain: OTHER_SSD,
        aid: INSTANCE,
        parameters: RegistryParameters::default(),
        token: None,
    };
    let receipt = ssd.ok(&mut t, &signed(extradite.clone()));
    expect_receipt(
        &receipt,
        4,
        &ReceiptSubject::of_extradition(&extradite, SSD),
    );

    let delete = Delete::new(PACKAGE, false);
    assert_eq!(
        ssd.sw(&mut t, &signed(delete.clone())),
        CONDITIONS,
        "it has an instance"
    );
    let mut isd = t.isd();
    isd.ok(&mut t, &crate::terminal::delete(INSTANCE, false));
    let mut ssd = self::ssd(&mut t);
    let receipt = ssd.ok(&mut t, &signed(delete.clone()));
    expect_receipt(&receipt, 5, &ReceiptSubject::of_delete(&delete));
    t.select(ISD);
    assert_eq!(t.data(0x00C2).data, [0xC2, 0x02, 0x00, 0x06]);
    t.select(SSD);
    assert_eq!(t.data(0x00C2).sw, StatusWord(0x6A88));
}

#[test]
fn a_token_is_demanded_verified_and_bound_to_its_command() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    let hash = Sha256::digest(foreign()).to_vec();
    let announce = install_for_load(PACKAGE, None, Some(hash));
    assert_eq!(ssd.sw(&mut t, &announce.to_apdu()), SECURITY, "no token");
    let mut other = announce.clone();
    sign(&mut other, &token_key()).unwrap();
    other.hash = Some(vec![0; 32]);
    assert_eq!(ssd.sw(&mut t, &other.to_apdu()), SECURITY, "another hash");
    let mut wrong = announce.clone();
    wrong.token = Some(vec![0; 16]);
    assert_eq!(ssd.sw(&mut t, &wrong.to_apdu()), SECURITY);
    wrong.token = Some(vec![0; 15]);
    assert_eq!(ssd.sw(&mut t, &wrong.to_apdu()), SECURITY);
    let unhashed = install_for_load(PACKAGE, None, None);
    assert_eq!(
        ssd.sw(&mut t, &signed(unhashed)),
        WRONG_DATA,
        "a token needs a hash"
    );
    let weak = install_for_load(PACKAGE, None, Some(vec![0; 20]));
    assert_eq!(
        ssd.sw(&mut t, &signed(weak)),
        WRONG_DATA,
        "SHA-1 with AES-128"
    );
    let mut isd = t.isd();
    assert_eq!(
        isd.sw(&mut t, &signed(announce)),
        WRONG_DATA,
        "no token is due"
    );
    t.select(ISD);
    assert_eq!(t.data(0x00C2).data, [0xC2, 0x02, 0x00, 0x00]);
}

#[test]
fn a_token_with_an_identifier_is_good_once() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    load(&mut t, &mut ssd);
    let install = |identifier: &[u8], provider: &[u8]| {
        let mut install = install_applet(PACKAGE, MODULE, INSTANCE);
        install.parameters.control_reference = Some(ControlReference {
            provider: Some(provider.to_vec()),
            image_number: Some(vec![0xCC]),
            token_identifier: Some(identifier.to_vec()),
            ..ControlReference::default()
        });
        signed(install)
    };
    let foreign = install(&[1], &[0xAA]);
    assert_eq!(
        ssd.sw(&mut t, &foreign),
        WRONG_DATA,
        "a token for another card"
    );
    let first = ssd.ok(&mut t, &install(&[1], &[0xAA, 0xBB]));
    assert_eq!(confirmation(&first).token_identifier, Some(vec![1]));
    let gone = |number: u8| {
        let mut delete = Delete::new(INSTANCE, false);
        delete.control_reference = Some(ControlReference {
            token_identifier: Some(vec![number]),
            ..ControlReference::default()
        });
        signed(delete)
    };
    assert_eq!(
        ssd.sw(&mut t, &gone(1)),
        CONDITIONS,
        "used for the installation"
    );
    ssd.ok(&mut t, &gone(2));
    assert_eq!(ssd.sw(&mut t, &install(&[1], &[0xAA, 0xBB])), CONDITIONS);
    ssd.ok(&mut t, &install(&[3], &[0xAA, 0xBB]));
    let refused = install(&[4], &[0xAA, 0xBB]);
    assert_eq!(ssd.sw(&mut t, &refused), CONDITIONS, "the AID is taken");
    ssd.ok(&mut t, &gone(4));
}

#[test]
fn used_tokens_and_counters_are_in_the_state_file_and_keys_are_shown_to_checkers_only() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    load(&mut t, &mut ssd);
    let mut install = install_applet(PACKAGE, MODULE, INSTANCE);
    install.parameters.control_reference = Some(ControlReference {
        token_identifier: Some(vec![7, 7]),
        ..ControlReference::default()
    });
    let install = signed(install);
    ssd.ok(&mut t, &install);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    t.card.persist_to(&path).unwrap();
    let digest = t.card.state_digest();
    let mut t = Terminal::of(uicc_sim::Uicc::open(&path).unwrap());
    assert_eq!(t.card.state_digest(), digest);
    t.select(ISD);
    assert_eq!(t.data(0x00C2).data, [0xC2, 0x02, 0x00, 0x02]);
    let seen = t.observe();
    let has = |kind: &'static str, byte: u8| seen.lock().unwrap().contains(&(kind, vec![byte; 16]));
    assert!(has("key", 0x70) && has("key", 0x71) && has("key-set-dek", 0x33));
    assert!(!has("key", 0x73));
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x73, aes_field(0x73, 16)));
    assert!(has("key", 0x73));
    isd.ok(&mut t, &crate::terminal::delete(INSTANCE, false));
    let mut ssd = self::ssd(&mut t);
    assert_eq!(ssd.sw(&mut t, &install), CONDITIONS, "the token is used up");
}

#[test]
fn a_token_that_cannot_be_remembered_is_refused() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    load(&mut t, &mut ssd);
    let used = t.card.inventory().memory.used;
    let mut t = t.in_state(CardLifeCycle::Secured, |state| state.set_memory(used + 30));
    let mut ssd = self::ssd(&mut t);
    let mut gone = Delete::new(PACKAGE, false);
    gone.control_reference = Some(ControlReference {
        token_identifier: Some(vec![9; 60]),
        ..ControlReference::default()
    });
    assert_eq!(ssd.sw(&mut t, &signed(gone.clone())), StatusWord(0x6A84));
    gone.control_reference = Some(ControlReference {
        token_identifier: Some(vec![9; 20]),
        ..ControlReference::default()
    });
    ssd.ok(&mut t, &signed(gone));
}

#[test]
fn the_confirmation_counter_ends() {
    let mut t = delegated();
    let mut ssd = ssd(&mut t);
    load(&mut t, &mut ssd);
    let mut t = t.in_state(CardLifeCycle::Secured, |state| {
        state.set_in_isd("confirmation_counter", 0x7FFF);
    });
    let mut ssd = self::ssd(&mut t);
    let install = install_applet(PACKAGE, MODULE, INSTANCE);
    let last = ssd.ok(&mut t, &signed(install));
    assert_eq!(confirmation(&last).counter, 0x7FFF);
    let before = t.card.state_digest();
    let delete = signed(Delete::new(INSTANCE, false));
    assert_eq!(ssd.sw(&mut t, &delete), CONDITIONS);
    assert_eq!(t.card.state_digest(), before);
}

#[test]
fn without_a_receipt_key_there_is_no_receipt() {
    let mut t = delegated();
    let mut isd = t.isd();
    let gone = globalplatform::commands::delete::DeleteKey {
        id: Some(1),
        version: Some(0x71),
    };
    isd.ok(&mut t, &gone.to_apdu());
    let mut ssd = ssd(&mut t);
    assert_eq!(load(&mut t, &mut ssd), [0x00]);
}

#[test]
fn the_nearest_domain_above_with_the_privilege_verifies() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x70, aes_field(0x10, 16)));
    let verifier =
        ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT | Privileges::TOKEN_VERIFICATION;
    isd.ok(&mut t, &install_ssd(OTHER_SSD, verifier, None).to_apdu());
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    let extradite = InstallForExtradition {
        security_domain: OTHER_SSD,
        aid: SSD,
        parameters: RegistryParameters::default(),
        token: None,
    };
    isd.ok(&mut t, &extradite.to_apdu());
    let hash = Sha256::digest(foreign()).to_vec();
    let announce = install_for_load(PACKAGE, None, Some(hash));
    let mut ssd = ssd(&mut t);
    let command = signed(announce);
    assert_eq!(
        ssd.sw(&mut t, &command),
        SECURITY,
        "the verifier has no key yet"
    );
    let mut verifier = t.open(OTHER_SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    verifier.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    let mut ssd = self::ssd(&mut t);
    ssd.ok(&mut t, &command);
}

/// A P-256 or P-384 key pair.
enum Ec {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

impl Ec {
    fn public(&self) -> PutKeyField {
        match self {
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                PutKeyField::ec_public(point.as_bytes(), CurveReference::P256)
            }
            Self::P384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                PutKeyField::ec_public(point.as_bytes(), CurveReference::P384)
            }
        }
    }
}

impl Signer for Ec {
    type Error = std::convert::Infallible;

    fn scheme(&self) -> SignatureScheme {
        let bits = match self {
            Self::P256(_) => 256,
            Self::P384(_) => 384,
        };
        SignatureScheme::for_key(KeyKind::Ec { bits }).unwrap()
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Ok(match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
        })
    }
}

/// Bytes, encrypted under the ISD's DEK, with the clear length in front.
fn encrypted(bytes: &[u8]) -> Vec<u8> {
    let mut block = bytes.to_vec();
    block.resize(bytes.len().next_multiple_of(16), 0);
    isd_keys().dek.encrypt(&mut block).unwrap();
    [&[bytes.len() as u8][..], &block].concat()
}

#[test]
fn elliptic_curve_keys_sign_tokens_and_receipts() {
    let p256 = Ec::P256(p256::ecdsa::SigningKey::from_slice(&[0x42; 32]).unwrap());
    let p384 = Ec::P384(p384::ecdsa::SigningKey::from_slice(&[0x42; 48]).unwrap());
    for (key, scalar, curve) in [
        (p256, vec![0x42; 32], CurveReference::P256),
        (p384, vec![0x42; 48], CurveReference::P384),
    ] {
        let mut t = Terminal::new();
        let mut isd = t.isd();
        isd.ok(&mut t, &put_key(0x70, key.public()));
        let mut private = PutKeyField::new(KeyType::EC_PRIVATE.0, encrypted(&scalar), []);
        private.components = PutKeyField::ec_public([4; 65], curve).components;
        isd.ok(&mut t, &put_key(0x71, private));
        let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
        isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
        let mut ssd = ssd(&mut t);
        let hash = Sha384::digest(foreign()).to_vec();
        let mut announce = install_for_load(PACKAGE, None, Some(hash));
        sign(&mut announce, &key).unwrap();
        ssd.ok(&mut t, &announce.to_apdu());
        assert_eq!(
            ssd.load(&mut t, &load_file_structure(&foreign())),
            StatusWord::OK
        );
        let mut delete = Delete::new(PACKAGE, false);
        delete.token = announce.token.clone();
        assert_eq!(
            ssd.sw(&mut t, &delete.to_apdu()),
            SECURITY,
            "the token of the load"
        );
        sign(&mut delete, &key).unwrap();
        let receipt = confirmation(&ssd.ok(&mut t, &delete.to_apdu()));
        let input = ReceiptSubject::of_delete(&delete).receipt_input(&receipt);
        assert_eq!(Ok(receipt.receipt), key.sign(&input));
        assert_eq!(receipt.counter, 1);
    }
}

#[test]
fn an_ssd_that_is_not_personalized_or_outside_cannot_delegate() {
    let mut t = delegated();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    let raw: Aid = "F001020305".parse().unwrap();
    let mut install = install_ssd(raw, privileges, None);
    install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    isd.ok(&mut t, &install.to_apdu());
    let mut session = t.open(raw, &isd_keys(), 0x30, SecurityLevel::Full);
    let hash = Sha256::digest(foreign()).to_vec();
    let announce = signed(install_for_load(PACKAGE, None, Some(hash)));
    assert_eq!(session.sw(&mut t, &announce), CONDITIONS, "SELECTABLE only");
    let mut ssd = ssd(&mut t);
    let outside = signed(Delete::new(OTHER_SSD, false));
    assert_eq!(ssd.sw(&mut t, &outside), SECURITY, "somebody else's");
}
