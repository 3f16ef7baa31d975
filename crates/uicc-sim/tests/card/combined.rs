//! INSTALL [for load, install and make selectable]: all of it with the last command.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::{CombinedInstall, CombinedInstallEnd, InstallParameters};
use globalplatform::delegated_management::{ReceiptSubject, combined_token_input};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use scp03::content_management_mac::{ReceiptKey, TokenKey};
use sha2::{Digest, Sha256};

use crate::delegation::{aes_field, put_key};
use crate::terminal::*;

const CONDITIONS: StatusWord = StatusWord(0x6985);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const SECURITY: StatusWord = StatusWord(0x6982);

fn begin() -> CommandApdu {
    let hash = Sha256::digest(foreign()).to_vec();
    CombinedInstall::Begin(install_for_load(PACKAGE, None, Some(hash))).to_apdu()
}

fn end() -> CombinedInstallEnd {
    CombinedInstallEnd {
        load_file: None,
        module: None,
        instance: INSTANCE,
        privileges: Privileges::NONE,
        parameters: InstallParameters::for_applet([]),
        token: None,
    }
}

/// The state without what the generator and counters do.
fn registry(t: &Terminal) -> (usize, usize) {
    let isd = t.card.inventory().domains.remove(0);
    (isd.load_files.len(), isd.applets.len())
}

#[test]
fn load_file_and_instance_come_with_the_last_command() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let empty = registry(&t);
    isd.ok(&mut t, &begin());
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    assert_eq!(registry(&t), empty);
    assert_eq!(isd.ok(&mut t, &end().to_apdu()), [0x00]);
    assert_eq!(registry(&t), (empty.0 + 1, 1));
    assert_eq!(t.select(INSTANCE), StatusWord::OK);
}

#[test]
fn a_domain_out_of_reach_is_refused_before_anything_comes() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let manager = ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, manager, None).to_apdu());
    let other = install_ssd(OTHER_SSD, ssd_privileges(), None);
    isd.ok(&mut t, &other.to_apdu());
    let into = |domain| {
        let load = install_for_load(PACKAGE, Some(domain), None);
        CombinedInstall::Begin(load).to_apdu()
    };
    isd.ok(&mut t, &into(OTHER_SSD));
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(ssd.sw(&mut t, &into(OTHER_SSD)), SECURITY);
    assert_eq!(
        ssd.load(&mut t, &load_file_structure(&foreign())),
        CONDITIONS
    );
    ssd.ok(&mut t, &into(SSD));
}

#[test]
fn nothing_stays_of_a_process_that_fails_or_is_left() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let structure = load_file_structure(&foreign());
    let empty = registry(&t);
    assert_eq!(
        isd.sw(&mut t, &end().to_apdu()),
        CONDITIONS,
        "nothing announced"
    );
    isd.ok(&mut t, &begin());
    assert_eq!(
        isd.sw(&mut t, &end().to_apdu()),
        CONDITIONS,
        "no block has come"
    );
    let wrong = [
        CombinedInstallEnd {
            load_file: Some(MODULE),
            ..end()
        },
        CombinedInstallEnd {
            token: Some(vec![0; 16]),
            ..end()
        },
        CombinedInstallEnd {
            privileges: Privileges::TRUSTED_PATH,
            ..end()
        },
    ];
    for end in wrong {
        isd.ok(&mut t, &begin());
        assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
        assert_eq!(isd.sw(&mut t, &end.to_apdu()), WRONG_DATA, "{end:?}");
        assert_eq!(registry(&t), empty);
    }
    let unknown = CombinedInstallEnd {
        module: Some(PACKAGE),
        ..end()
    };
    isd.ok(&mut t, &begin());
    assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
    let before = (t.card.state_digest(), t.card.writes());
    assert_eq!(isd.sw(&mut t, &unknown.to_apdu()), StatusWord(0x6A88));
    assert_eq!((t.card.state_digest(), t.card.writes()), before);
    assert_eq!(
        isd.sw(&mut t, &end().to_apdu()),
        CONDITIONS,
        "an error ends it"
    );
    isd.ok(&mut t, &begin());
    assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
    isd.sw(&mut t, &delete(INSTANCE, false));
    assert_eq!(
        isd.sw(&mut t, &end().to_apdu()),
        CONDITIONS,
        "so does another command"
    );
    isd.ok(&mut t, &begin());
    assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
    assert_eq!(isd.load(&mut t, &structure), CONDITIONS, "no more blocks");
    isd.ok(&mut t, &install_for_load(PACKAGE, None, None).to_apdu());
    assert_eq!(isd.load(&mut t, &structure), StatusWord::OK);
    assert_eq!(
        isd.sw(&mut t, &end().to_apdu()),
        CONDITIONS,
        "that was an ordinary load"
    );
}

#[test]
fn one_token_covers_both_commands() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    isd.ok(&mut t, &put_key(0x71, aes_field(0x71, 32)));
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let structure = load_file_structure(&foreign());
    let key = TokenKey::from_bytes(&[0x70; 16]).unwrap();
    let signed = |end: CombinedInstallEnd| {
        let input = combined_token_input(&begin(), &end.to_apdu())
            .unwrap()
            .input;
        CombinedInstallEnd {
            token: Some(key.token(&input).to_vec()),
            ..end
        }
    };
    let mut attempt = |end: &CombinedInstallEnd| {
        ssd.ok(&mut t, &begin());
        assert_eq!(ssd.load(&mut t, &structure), StatusWord::OK);
        ssd.send(&mut t, &end.to_apdu())
    };
    assert_eq!(attempt(&end()).sw, SECURITY);
    let changed = CombinedInstallEnd {
        instance: OTHER_SSD,
        ..signed(end())
    };
    assert_eq!(attempt(&changed).sw, SECURITY);
    let response = attempt(&signed(end()));
    assert_eq!(response.sw, StatusWord::OK);
    let receipt = ManagementResponse::decode(&response.data)
        .unwrap()
        .confirmation
        .unwrap();
    let subject = ReceiptSubject::Combined {
        load_file: PACKAGE,
        instance: INSTANCE,
        security_domain: SSD,
    };
    let key = ReceiptKey::from_bytes(&[0x71; 32]).unwrap();
    assert!(subject.is_confirmed_by(&receipt, &key));
}

#[test]
fn the_token_of_the_end_wants_a_strong_hash_at_the_beginning() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put_key(0x70, aes_field(0x70, 16)));
    let privileges = ssd_privileges() | Privileges::DELEGATED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, None).to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let key = TokenKey::from_bytes(&[0x70; 16]).unwrap();
    let sha1 = globalplatform::delegated_management::HashAlgorithm::Sha1.digest(&foreign());
    for (hash, sw) in [
        (None, WRONG_DATA),
        (Some(sha1), WRONG_DATA),
        (Some(Sha256::digest(foreign()).to_vec()), StatusWord::OK),
    ] {
        let begin = CombinedInstall::Begin(install_for_load(PACKAGE, None, hash)).to_apdu();
        let input = combined_token_input(&begin, &end().to_apdu())
            .unwrap()
            .input;
        let end = CombinedInstallEnd {
            token: Some(key.token(&input).to_vec()),
            ..end()
        };
        ssd.ok(&mut t, &begin);
        assert_eq!(
            ssd.load(&mut t, &load_file_structure(&foreign())),
            StatusWord::OK
        );
        assert_eq!(ssd.sw(&mut t, &end.to_apdu()), sw);
    }
}
