//! Signed and ciphered load files.

use globalplatform::aid::Aid;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::install::{InstallForExtradition, RegistryParameters};
use globalplatform::commands::put_key::PutKeyField;
use globalplatform::load_file::{DapBlock, LoadFileStructure};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::content_management_mac::DapKey;
use scp03::{DekKey, SecurityLevel};
use sha2::{Digest, Sha256};

use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

const SECURITY: StatusWord = StatusWord(0x6982);
const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const NOT_FOUND: StatusWord = StatusWord(0x6A88);

fn hash() -> Vec<u8> {
    Sha256::digest(foreign()).to_vec()
}

fn signed_by(signer: Aid, key: &[u8]) -> DapBlock {
    let key = DapKey::from_bytes(key).unwrap();
    DapBlock::sign(signer, &hash(), &key).unwrap()
}

fn structure(blocks: &[DapBlock]) -> Vec<u8> {
    LoadFileStructure {
        dap_blocks: blocks.to_vec(),
        ..LoadFileStructure::new(foreign())
    }
    .encode()
}

/// Loads the foreign package into a domain as the ISD.
fn load(t: &mut Terminal, to: Aid, hash: Option<Vec<u8>>, structure: &[u8]) -> StatusWord {
    let mut isd = t.isd();
    let announce = install_for_load(PACKAGE, Some(to), hash);
    isd.ok(t, &announce.to_apdu());
    let sw = isd.load(t, structure);
    if sw.is_success() {
        isd.ok(t, &delete(PACKAGE, false));
    }
    sw
}

/// An SSD that verifies signatures with an AES key in version 73.
fn verifier(privileges: Privileges, aid: Aid) -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::DAP_VERIFICATION | privileges;
    isd.ok(&mut t, &install_ssd(aid, privileges, None).to_apdu());
    isd.ok(
        &mut t,
        &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
    );
    let mut ssd = t.open(aid, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(&mut t, &put_key(0x73, aes_field(0x73, 16)));
    t
}

#[test]
fn a_domain_with_dap_verification_takes_signed_load_files_only() {
    let mut t = verifier(Privileges::NONE, SSD);
    let good = signed_by(SSD, &[0x73; 16]);
    let bad = signed_by(SSD, &[0x74; 16]);
    let load =
        |t: &mut Terminal, to, hash, blocks: &[DapBlock]| load(t, to, hash, &structure(blocks));
    assert_eq!(
        load(&mut t, SSD, Some(hash()), &[]),
        SECURITY,
        "no signature"
    );
    assert_eq!(
        load(&mut t, SSD, Some(hash()), std::slice::from_ref(&bad)),
        SECURITY
    );
    assert_eq!(
        load(&mut t, SSD, None, std::slice::from_ref(&good)),
        WRONG_DATA,
        "no hash"
    );
    assert_eq!(
        load(&mut t, SSD, Some(hash()), std::slice::from_ref(&good)),
        StatusWord::OK
    );
    assert_eq!(
        load(&mut t, OTHER_SSD, None, &[]),
        StatusWord::OK,
        "not its load file"
    );
    assert_eq!(
        load(&mut t, OTHER_SSD, Some(hash()), &[bad]),
        SECURITY,
        "but what is signed"
    );
    assert_eq!(
        load(&mut t, OTHER_SSD, Some(hash()), &[good]),
        StatusWord::OK
    );
    let stranger = signed_by(OTHER_SSD, &[0x73; 16]);
    assert_eq!(
        load(&mut t, OTHER_SSD, Some(hash()), &[stranger]),
        SECURITY,
        "it verifies nothing"
    );
    let nobody = signed_by(INSTANCE, &[0x73; 16]);
    assert_eq!(load(&mut t, OTHER_SSD, Some(hash()), &[nobody]), NOT_FOUND);
    let other = Some(vec![0x5A; 32]);
    let good = signed_by(SSD, &[0x73; 16]);
    assert_eq!(
        load(&mut t, SSD, other, &[good]),
        SECURITY,
        "the signature of another hash"
    );
}

#[test]
fn mandated_dap_binds_every_load_on_the_card() {
    let mut t = verifier(Privileges::MANDATED_DAP, SSD);
    let good = structure(&[signed_by(SSD, &[0x73; 16])]);
    for to in [ISD, SSD, OTHER_SSD] {
        assert_eq!(load(&mut t, to, None, &structure(&[])), SECURITY, "{to}");
        assert_eq!(
            load(&mut t, to, Some(hash()), &good),
            StatusWord::OK,
            "{to}"
        );
    }
    let mut isd = t.isd();
    isd.ok(&mut t, &set_status(SSD, 0x80));
    assert_eq!(
        load(&mut t, ISD, None, &structure(&[])),
        StatusWord::OK,
        "not PERSONALIZED"
    );
}

#[test]
fn the_hash_must_suit_the_key() {
    let mut t = verifier(Privileges::NONE, SSD);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let old = DeleteKey {
        id: Some(1),
        version: Some(0x73),
    };
    ssd.ok(&mut t, &old.to_apdu());
    let signed = structure(&[signed_by(SSD, &[0x73; 32])]);
    assert_eq!(load(&mut t, SSD, Some(hash()), &signed), SECURITY, "no key");
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(&mut t, &put_key(0x11, aes_field(0x73, 32)));
    assert_eq!(
        load(&mut t, SSD, Some(hash()), &signed),
        WRONG_DATA,
        "SHA-256 with AES-256"
    );
    let hash = sha2::Sha512::digest(foreign()).to_vec();
    let key = DapKey::from_bytes(&[0x73; 32]).unwrap();
    let block = DapBlock::sign(SSD, &hash, &key).unwrap();
    assert_eq!(
        load(&mut t, SSD, Some(hash), &structure(&[block])),
        StatusWord::OK
    );
}

/// Made by OpenSSL 3.0.22 over the hash of the foreign package; see `rsa_keys_verify_load_files`.
const MODULUS: &str = include_str!("dap/rsa1024.modulus");
const SIGNATURE: &str = include_str!("dap/rsa1024.signature");
const MODULUS_2048: &str = include_str!("dap/rsa2048.modulus");
const SIGNATURE_2048: &str = include_str!("dap/rsa2048.signature");

#[test]
fn rsa_keys_verify_load_files() {
    for (modulus, signature) in [(MODULUS, SIGNATURE), (MODULUS_2048, SIGNATURE_2048)] {
        let mut t = verifier(Privileges::NONE, SSD);
        let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
        let old = DeleteKey {
            id: Some(1),
            version: Some(0x73),
        };
        ssd.ok(&mut t, &old.to_apdu());
        let modulus = hex::decode(modulus.trim()).unwrap();
        let key = PutKeyField::rsa_public(modulus, [1, 0, 1]);
        ssd.ok(&mut t, &put_key(0x73, key).with_extended_length());
        let mut block = DapBlock {
            security_domain: SSD,
            signature: hex::decode(signature.trim()).unwrap(),
        };
        let signed = structure(std::slice::from_ref(&block));
        assert_eq!(load(&mut t, SSD, Some(hash()), &signed), StatusWord::OK);
        block.signature[5] ^= 1;
        let signed = structure(std::slice::from_ref(&block));
        assert_eq!(load(&mut t, SSD, Some(hash()), &signed), SECURITY);
        block.signature.pop();
        assert_eq!(
            load(&mut t, SSD, Some(hash()), &structure(&[block])),
            SECURITY
        );
    }
}

#[test]
fn a_load_file_is_never_extradited_to_a_verifier() {
    let mut t = verifier(Privileges::NONE, SSD);
    let mut isd = t.isd();
    isd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    assert_eq!(isd.load(&mut t, &structure(&[])), StatusWord::OK);
    isd.ok(&mut t, &install_applet(PACKAGE, MODULE, INSTANCE).to_apdu());
    let extradite = |aid| InstallForExtradition {
        security_domain: SSD,
        aid,
        parameters: RegistryParameters::default(),
        token: None,
    };
    assert_eq!(isd.sw(&mut t, &extradite(PACKAGE).to_apdu()), CONDITIONS);
    isd.ok(&mut t, &extradite(INSTANCE).to_apdu());
}

fn ciphered(vector: Option<[u8; 16]>, padding: &[u8]) -> Vec<u8> {
    let mut block = foreign();
    block.push(0x80);
    block.resize(block.len().next_multiple_of(16), 0);
    block.extend_from_slice(padding);
    for (byte, vector) in block.iter_mut().zip(vector.unwrap_or_default()) {
        *byte ^= vector;
    }
    DekKey::from_bytes(&[0x75; 16])
        .unwrap()
        .encrypt(&mut block)
        .unwrap();
    LoadFileStructure {
        dap_blocks: Vec::new(),
        data_block: block,
        ciphered: true,
        initial_vector: vector.map(Vec::from),
    }
    .encode()
}

#[test]
fn a_ciphered_load_file_is_deciphered_by_its_domain() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::CIPHERED_LOAD_FILE;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    assert_eq!(
        load(&mut t, SSD, Some(hash()), &ciphered(None, &[])),
        SECURITY,
        "no key"
    );
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(&mut t, &put_key(0x75, aes_field(0x75, 16)));
    for vector in [None, Some([0xD3; 16])] {
        assert_eq!(
            load(&mut t, SSD, Some(hash()), &ciphered(vector, &[])),
            StatusWord::OK
        );
    }
    let plain = load_file_structure(&foreign());
    assert_eq!(
        load(&mut t, SSD, Some(hash()), &plain),
        CONDITIONS,
        "it wants a cipher"
    );
    assert_eq!(
        load(&mut t, SSD, None, &ciphered(None, &[])),
        WRONG_DATA,
        "no hash"
    );
    assert_eq!(
        load(&mut t, ISD, Some(hash()), &ciphered(None, &[])),
        CONDITIONS,
        "no cipher here"
    );
    let padded = ciphered(None, &[0; 16]);
    assert_eq!(
        load(&mut t, SSD, Some(hash()), &padded),
        SECURITY,
        "too much padding"
    );
}
