use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use scp03::keys::StaticKeys;

use super::*;
use crate::OsEntropy;

fn vault() -> (tempfile::TempDir, EmbeddedVault) {
    let dir = tempfile::tempdir().unwrap();
    let vault = EmbeddedVault::create(dir.path(), Arc::new(OsEntropy)).unwrap();
    (dir, vault)
}

fn reopen(vault: EmbeddedVault) -> EmbeddedVault {
    let directory = vault.directory.clone();
    drop(vault);
    EmbeddedVault::open(&directory, Arc::new(OsEntropy)).unwrap()
}

fn context() -> SealContext {
    SealContext {
        table: "credential",
        row: "c0ffee".into(),
        column: "private_key",
    }
}

fn bytes(keys: &StaticKeys) -> Vec<u8> {
    [
        keys.enc.danger_bytes(),
        keys.mac.danger_bytes(),
        keys.dek.danger_bytes(),
    ]
    .concat()
}

#[test]
fn refuses_a_root_key_that_others_may_read() {
    let (dir, vault) = vault();
    drop(vault);
    let path = dir.path().join("root.key");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let opened = EmbeddedVault::open(dir.path(), Arc::new(OsEntropy));
        assert!(matches!(opened, Err(VaultError::Storage(text)) if text.contains("600")));
    }
}

#[test]
fn no_file_of_a_vault_is_open_to_others() {
    let (dir, vault) = vault();
    vault.put_secret("ca-key", b"secret").unwrap();
    vault.new_slot().unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
}

#[test]
fn is_made_once_and_opened_only_when_it_was_made() {
    let (dir, vault) = vault();
    drop(vault);
    assert!(EmbeddedVault::create(dir.path(), Arc::new(OsEntropy)).is_err());
    let empty = tempfile::tempdir().unwrap();
    assert!(EmbeddedVault::open(empty.path(), Arc::new(OsEntropy)).is_err());
    fs::write(dir.path().join("root.key"), [1; 31]).unwrap();
    assert!(EmbeddedVault::open(dir.path(), Arc::new(OsEntropy)).is_err());
}

#[test]
fn an_empty_vault_says_which_key_it_lacks() {
    let (_dir, vault) = vault();
    let missing = |name: &str| Some(VaultError::NoKey(name.to_owned()));
    assert_eq!(vault.issuer_keys("isd", &[0; 10]).err(), missing("isd"));
    assert_eq!(vault.domain_keys("8981", 1).err(), missing("domain-master"));
    assert_eq!(vault.hpke_public_key().err(), missing("hpke"));
    assert_eq!(vault.pseudonym("person").err(), missing("pseudonym"));
    assert_eq!(vault.secret("ca-key").err(), missing("ca-key"));
    assert_eq!(vault.secret("../root").err(), missing("../root"));
    assert!(vault.put_secret("../root", b"x").is_err());
}

#[test]
fn keys_stay_the_same_over_reopening() {
    let (_dir, vault) = vault();
    vault.import_master_key("isd", &[9; 16]).unwrap();
    vault.ensure_domain_master().unwrap();
    vault.ensure_pseudonym_key().unwrap();
    let public = vault.ensure_hpke_key().unwrap();
    vault.put_secret("ca-key", b"pkcs8").unwrap();
    let observe = |vault: &EmbeddedVault| {
        (
            vault.issuer_keys("isd", &[1; 10]).unwrap(),
            vault.domain_keys("8981", 1).unwrap(),
            vault.pseudonym("person").unwrap(),
            vault.hpke_public_key().unwrap(),
            vault.secret("ca-key").unwrap(),
        )
    };
    let before = observe(&vault);
    assert_eq!(before.3, public);
    let vault = reopen(vault);
    vault.ensure_domain_master().unwrap();
    vault.ensure_pseudonym_key().unwrap();
    vault.ensure_hpke_key().unwrap();
    vault.import_master_key("isd", &[9; 16]).unwrap();
    assert!(observe(&vault) == before);
}

#[test]
fn a_master_key_is_never_replaced_and_a_secret_is() {
    let (_dir, vault) = vault();
    vault.import_master_key("isd", &[9; 32]).unwrap();
    assert!(vault.import_master_key("isd", &[8; 32]).is_err());
    assert!(vault.import_master_key("other", &[8; 17]).is_err());
    vault.put_secret("ca-key", b"old").unwrap();
    vault.put_secret("ca-key", b"new").unwrap();
    assert_eq!(vault.secret("ca-key").unwrap().as_slice(), b"new");
}

#[test]
fn issuer_keys_are_those_of_kdf3() {
    let (_dir, vault) = vault();
    vault.import_master_key("isd", &[0x42; 16]).unwrap();
    let master = MasterKey::from_bytes(&[0x42; 16]).unwrap();
    let kdd = *b"0123456789";
    assert_eq!(
        vault.issuer_keys("isd", &kdd).unwrap(),
        StaticKeys::kdf3(&master, &kdd)
    );
}

#[test]
fn every_card_and_generation_has_its_own_domain_keys() {
    let (_dir, vault) = vault();
    vault.ensure_domain_master().unwrap();
    let mut seen = BTreeSet::new();
    for iccid in ["8981000000000000001", "8981000000000000002"] {
        for generation in 1..=3 {
            let keys = bytes(&vault.domain_keys(iccid, generation).unwrap());
            assert_eq!(keys.len(), 48);
            seen.extend(keys.chunks(16).map(<[u8]>::to_vec));
        }
    }
    assert_eq!(seen.len(), 18);
}

#[test]
fn a_sealed_value_opens_only_in_its_place_and_vault() {
    let (_dir, vault) = vault();
    let sealed = vault.seal(&context(), b"value").unwrap();
    let other = SealContext {
        row: "decaf".into(),
        ..context()
    };
    assert_eq!(vault.unseal(&other, &sealed), Err(VaultError::Unseal));
    let vault = reopen(vault);
    assert_eq!(
        vault.unseal(&context(), &sealed).unwrap().as_slice(),
        b"value"
    );
    let (_other_dir, stranger) = self::vault();
    assert_eq!(
        stranger.unseal(&context(), &sealed),
        Err(VaultError::Unseal)
    );
}

#[test]
fn a_destroyed_slot_opens_nothing_any_more() {
    let (_dir, vault) = vault();
    let slot = vault.new_slot().unwrap();
    let sealed = vault.seal_in_slot(slot, &context(), b"prime").unwrap();
    assert_eq!(vault.unseal(&context(), &sealed), Err(VaultError::Unseal));
    let vault = reopen(vault);
    let opened = vault.unseal_in_slot(slot, &context(), &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"prime");
    let elsewhere = SealContext {
        column: "other",
        ..context()
    };
    assert_eq!(
        vault.unseal_in_slot(slot, &elsewhere, &sealed),
        Err(VaultError::Unseal)
    );

    vault.destroy_slot(slot).unwrap();
    vault.destroy_slot(slot).unwrap();
    assert_eq!(
        vault.unseal_in_slot(slot, &context(), &sealed),
        Err(VaultError::EmptySlot)
    );
    assert_eq!(
        vault.seal_in_slot(slot, &context(), b"x"),
        Err(VaultError::EmptySlot)
    );
    let next = vault.new_slot().unwrap();
    assert_ne!(next, slot);
    assert_eq!(
        vault.unseal_in_slot(slot, &context(), &sealed),
        Err(VaultError::EmptySlot)
    );
    assert_eq!(
        vault.unseal_in_slot(next, &context(), &sealed),
        Err(VaultError::Unseal)
    );
}

#[test]
fn slots_are_shared_by_threads() {
    let (_dir, vault) = vault();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let vault = &vault;
            scope.spawn(move || {
                let seal = |n: u8| {
                    let slot = vault.new_slot().unwrap();
                    let sealed = vault.seal_in_slot(slot, &context(), &[thread, n]);
                    (slot, sealed.unwrap())
                };
                let kept: Vec<_> = (0..20).map(seal).collect();
                for n in 0..20 {
                    let (slot, _) = seal(n);
                    vault.destroy_slot(slot).unwrap();
                    vault.destroy_slot(slot).unwrap();
                }
                for (n, (slot, sealed)) in (0..).zip(kept) {
                    let opened = vault.unseal_in_slot(slot, &context(), &sealed).unwrap();
                    assert_eq!(opened.as_slice(), [thread, n]);
                }
            });
        }
    });
}

#[test]
fn a_hand_over_opens_in_the_vault_it_was_made_for() {
    let ((_one, provider), (_other, stranger)) = (vault(), vault());
    let key = provider.ensure_hpke_key().unwrap();
    stranger.ensure_hpke_key().unwrap();
    let (encapsulated, ciphertext) = stranger.hpke_seal(&key, b"info", b"keys").unwrap();
    let opened = provider
        .hpke_open(b"info", &encapsulated, &ciphertext)
        .unwrap();
    assert_eq!(opened.as_slice(), b"keys");
    assert!(
        stranger
            .hpke_open(b"info", &encapsulated, &ciphertext)
            .is_err()
    );
    assert!(stranger.hpke_seal(&key[..64], b"info", b"keys").is_err());
}

#[test]
fn an_entry_does_not_open_under_another_name() {
    let (dir, vault) = vault();
    vault.put_secret("one", b"first").unwrap();
    vault.put_secret("two", b"second").unwrap();
    let file = |name: &str| dir.path().join(format!("secret-{name}.sealed"));
    fs::copy(file("one"), file("two")).unwrap();
    assert_eq!(vault.secret("two"), Err(VaultError::Unseal));
    fs::copy(file("one"), dir.path().join("master-one.sealed")).unwrap();
    assert_eq!(
        vault.issuer_keys("one", &[0; 10]).err(),
        Some(VaultError::Unseal)
    );
}

#[test]
fn secrets_lie_sealed_in_the_directory() {
    let (dir, vault) = vault();
    let master = [0xB7; 32];
    vault.import_master_key("isd", &master).unwrap();
    vault
        .put_secret("ca-key", b"-- a private key of the authority --")
        .unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| window == &master[..16]));
        assert!(!bytes.windows(13).any(|window| window == b"a private key"));
    }
}

#[test]
fn the_pseudonym_is_hmac_sha_256_in_hex() {
    let (_dir, vault) = vault();
    // RFC 4231, test case 2, padded to the length of our keys, which HMAC does as well.
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    vault
        .entries
        .insert(&OsEntropy, &Entry::pseudonym(), &key)
        .unwrap();
    assert_eq!(
        vault.pseudonym("what do ya want for nothing?").unwrap(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
}

#[test]
fn debug_output_shows_no_secret() {
    let (dir, vault) = vault();
    vault.import_master_key("isd", &[0xA7; 16]).unwrap();
    let root = fs::read(dir.path().join("root.key")).unwrap();
    let shown = format!("{vault:?}");
    assert_eq!(shown, format!("EmbeddedVault({:?})", dir.path()));
    let entries = format!("{:?}", vault.entries);
    assert!(entries.contains("SivKey(AES-256)") && !entries.contains("167"));
    assert!(!shown.contains(&hex::encode(root)));
}

#[test]
fn refuses_to_work_without_random_bytes() {
    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), tsm_core::ports::EntropyError> {
            Err(tsm_core::ports::EntropyError)
        }
    }
    let (dir, vault) = vault();
    drop(vault);
    let vault = EmbeddedVault::open(dir.path(), Arc::new(Dry)).unwrap();
    assert!(matches!(
        vault.seal(&context(), b"x"),
        Err(VaultError::Storage(_))
    ));
    assert!(matches!(vault.new_slot(), Err(VaultError::Storage(_))));
    assert!(matches!(
        vault.put_secret("a", b"x"),
        Err(VaultError::Storage(_))
    ));
    let fresh = tempfile::tempdir().unwrap();
    assert!(EmbeddedVault::create(fresh.path(), Arc::new(Dry)).is_err());
}
