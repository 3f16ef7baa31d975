//! What hosts written by others send, command by command: GlobalPlatformPro without Le where it leaves it out, pySim with its
//! tag list, both at every level they open, with every key length, challenge length and key version.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::registry::RegistryEntry;
use globalplatform::status_word::StatusWord;
use scp03::put_key::KeyBlockForm;
use scp03::{Host, Mode, SecurityLevel, StaticKeys};
use uicc_sim::CardConfig;
use uicc_sim::config::IsdKeySet;

use crate::terminal::*;

/// A card as a host finds it.
#[derive(Debug, Clone, Copy)]
struct Card {
    key_bytes: usize,
    version: u8,
    i: u8,
}

impl Card {
    fn keys(self, first: u8) -> StaticKeys {
        let key = |n: u8| vec![first + n; self.key_bytes];
        StaticKeys::from_bytes(&key(0), &key(1), &key(2)).unwrap()
    }

    const fn mode(self) -> Mode {
        if self.i & 0x01 == 0 {
            Mode::S8
        } else {
            Mode::S16
        }
    }

    fn insert(self) -> Terminal {
        Terminal::with(CardConfig {
            isd_key_sets: vec![IsdKeySet {
                version: self.version,
                keys: self.keys(0x40),
            }],
            scp_i: self.i,
            ..config()
        })
    }

    /// SELECT of the default application, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE.
    fn open(
        self,
        t: &mut Terminal,
        keys: &StaticKeys,
        version: u8,
        level: SecurityLevel,
    ) -> Session {
        let fci = t.hex("00 A4 04 00 00");
        assert_eq!(fci.sw, StatusWord::OK);
        let challenge = [t.host_challenge(), t.host_challenge()].concat();
        let challenge = &challenge[..self.mode().length()];
        let host = Host::start(keys, version, self.mode(), challenge).unwrap();
        let answer = t.send(&host.command());
        let host = host.receive(&answer, level, Some(ISD.as_bytes())).unwrap();
        let answer = t.send(&host.command());
        Session::of(host.receive(&answer).unwrap())
    }
}

/// A plain command in hexadecimal digits, as the host builds it before it wraps it.
fn plain(command: &str) -> CommandApdu {
    let bytes = hex::decode(command.replace(' ', "")).unwrap();
    CommandApdu::decode(&bytes).unwrap()
}

fn send(t: &mut Terminal, session: &mut Session, command: &str) -> ResponseApdu {
    session.send(t, &plain(command))
}

fn ok(t: &mut Terminal, session: &mut Session, command: &str) -> Vec<u8> {
    let response = send(t, session, command);
    assert_eq!(response.sw, StatusWord::OK, "{command}");
    response.data
}

fn lv(bytes: &[u8]) -> String {
    format!("{:02X}{}", bytes.len(), hex::encode_upper(bytes))
}

fn command(header: &str, data: &str, le: &str) -> String {
    format!("{header}{:02X}{data}{le}", data.len() / 2)
}

/// `gp -l`: the four parts of the registry.
fn list(t: &mut Terminal, gp: &mut Session) -> Vec<RegistryEntry> {
    let mut entries = Vec::new();
    for p1 in [0x80u8, 0x40, 0x20, 0x10] {
        let response = send(t, gp, &format!("80F2{p1:02X}02024F0000"));
        assert!(matches!(response.sw.0, 0x9000 | 0x6A88), "{p1:02X}");
        entries.extend(RegistryEntry::decode_list(&response.data).unwrap());
    }
    entries
}

/// `gp --install`, `--lock-applet`, `--unlock-applet`, `--domain`, `--move`, `--store-data`, `--delete`.
fn manage(t: &mut Terminal, gp: &mut Session) {
    let (package, module) = (lv(PACKAGE.as_bytes()), lv(MODULE.as_bytes()));
    let isd = lv(ISD.as_bytes());
    let announce = command("80E60200", &format!("{package}{isd}000000"), "");
    ok(t, gp, &announce);
    let file = load_file_structure(&foreign());
    let blocks: Vec<&[u8]> = file.chunks(200).collect();
    for (number, block) in blocks.iter().enumerate() {
        let p1 = if number + 1 == blocks.len() {
            0x80
        } else {
            0x00
        };
        let header = format!("80E8{p1:02X}{number:02X}");
        ok(t, gp, &command(&header, &hex::encode(block), ""));
    }
    let install = format!("{package}{module}{module}010002C90000");
    assert_eq!(ok(t, gp, &command("80E60C00", &install, "")), [0x00]);
    let entries = list(t, gp);
    let applet = entries.iter().find(|entry| entry.aid == MODULE).unwrap();
    assert_eq!(applet.life_cycle, 0x07);
    let aid = hex::encode(MODULE.as_bytes());
    ok(t, gp, &command("80F04080", &aid, ""));
    ok(t, gp, &command("80F04000", &aid, ""));
    let domain: Aid = "A00000015153504101".parse().unwrap();
    let new = format!(
        "{}{}{}0180 02C90000",
        lv(DOMAIN_PACKAGE.as_bytes()),
        lv(DOMAIN_MODULE.as_bytes()),
        lv(domain.as_bytes())
    );
    ok(t, gp, &command("80E60C00", &new.replace(' ', ""), ""));
    let entry = list(t, gp)
        .into_iter()
        .find(|entry| entry.aid == domain)
        .unwrap();
    assert_eq!(entry.privileges.unwrap().to_bytes(), [0x80, 0x80, 0x00]);
    let away = format!("{}00{module}000000", lv(domain.as_bytes()));
    let refused = send(t, gp, &command("80E61000", &away, ""));
    assert_eq!(
        refused.sw,
        StatusWord(0x6985),
        "the domain is not PERSONALIZED"
    );
    ok(t, gp, "80E290000442028981 00");
    ok(t, gp, &command("80E40080", &format!("4F{package}"), ""));
    ok(
        t,
        gp,
        &command("80E40000", &format!("4F{}", lv(domain.as_bytes())), ""),
    );
    assert!(!list(t, gp).iter().any(|entry| entry.aid == domain));
}

/// pySim's forms of the same questions.
fn ask_as_pysim(t: &mut Terminal, session: &mut Session) {
    for subset in ["80", "20"] {
        let response = send(t, session, &format!("80F2{subset}02094F005C054F9F70C5CC00"));
        assert_eq!(response.sw, StatusWord::OK);
        assert!(
            !RegistryEntry::decode_list(&response.data)
                .unwrap()
                .is_empty()
        );
    }
    let keys = ok(t, session, "80CA00E000");
    assert_eq!(keys[0], 0xE0);
    let refused = send(t, session, "80E40000044F02AABB00");
    assert_eq!(refused.sw, StatusWord(0x6A80), "no AID");
}

#[test]
fn every_kind_of_card_at_every_level() {
    for key_bytes in [16, 24, 32] {
        for (version, i) in [
            (0x30, 0x70),
            (0x01, 0x71),
            (0x7F, 0x60),
            (0xFF, 0x61),
            (0x3F, 0x00),
            (0x20, 0x11),
        ] {
            let card = Card {
                key_bytes,
                version,
                i,
            };
            for level in SecurityLevel::ALL {
                let parameters = scp03::ScpParameters::new(i).unwrap();
                if !level.is_offered_by(parameters) {
                    continue;
                }
                let mut t = card.insert();
                let mut session = card.open(&mut t, &card.keys(0x40), version, level);
                manage(&mut t, &mut session);
                ask_as_pysim(&mut t, &mut session);
            }
        }
    }
}

/// A domain has its own challenge length, whatever the issuer's is, and uses the issuer's keys until it has some.
#[test]
fn a_domain_speaks_as_it_was_installed_to() {
    for (isd, ssd) in [(0x70, 0x71), (0x71, 0x70), (0x70, 0x61), (0x60, 0x00)] {
        let (isd, ssd) = [isd, ssd]
            .map(|i| Card {
                key_bytes: 16,
                version: 0x30,
                i,
            })
            .into();
        let mut t = isd.insert();
        let keys = isd.keys(0x40);
        let mut session = isd.open(&mut t, &keys, 0x30, SecurityLevel::CMac);
        let mut install = install_ssd(SSD, ssd_privileges(), None);
        install.parameters.applet[3] = ssd.i;
        session.ok(&mut t, &install.to_apdu());
        t.select(SSD);
        let told = t.data(0x0066).data;
        assert_eq!(told.last(), Some(&ssd.i));
        let wrong = if ssd.mode() == Mode::S8 { 16 } else { 8 };
        let initialize = CommandApdu::new(0x80, 0x50, 0x30, 0x00).with_data(vec![1; wrong]);
        assert_eq!(t.send(&initialize).sw, StatusWord(0x6700));
        let challenge = vec![2; ssd.mode().length()];
        let host = Host::start(&keys, 0x30, ssd.mode(), &challenge).unwrap();
        let answer = t.send(&host.command());
        let aid = (ssd.i & 0x10 != 0).then_some(SSD);
        let aid = aid.as_ref().map(Aid::as_bytes);
        let host = host.receive(&answer, SecurityLevel::CMac, aid).unwrap();
        let answer = t.send(&host.command());
        let mut session = Session::of(host.receive(&answer).unwrap());
        assert!(!session.ok(&mut t, &plain("80F24002024F0000")).is_empty());
    }
}

/// `gp --lock`: new keys, by both forms of the key block, then the new keys open the card and the old ones are gone.
#[test]
fn keys_are_changed_on_every_kind_of_card() {
    for key_bytes in [16, 24, 32] {
        for (version, i) in [(0x30, 0x70), (0x01, 0x71), (0xFF, 0x70)] {
            for form in [KeyBlockForm::AmendmentD, KeyBlockForm::Raw] {
                let card = Card {
                    key_bytes,
                    version,
                    i,
                };
                let (old, new) = (card.keys(0x40), card.keys(0x50));
                let replaces = if version == 0xFF { 0x00 } else { version };
                let next = if version == 0xFF { 0x01 } else { version };
                let Ok(put) = new.put_key_as(form, replaces, next, &old.dek) else {
                    assert_eq!(key_bytes, 24, "AES-192 does not fill whole blocks");
                    continue;
                };
                let mut t = card.insert();
                let mut gp = card.open(&mut t, &old, version, SecurityLevel::CMac);
                let apdu = CommandApdu {
                    le: None,
                    ..put.to_apdu()
                };
                let answer = gp.ok(&mut t, &apdu);
                assert_eq!(answer, [&[next][..], &new.check_values().concat()].concat());
                let mut gp = card.open(&mut t, &new, next, SecurityLevel::Full);
                assert_eq!(list(&mut t, &mut gp).len(), 3);
                t.select(ISD);
                let information = t.data(0x00E0).data;
                assert_eq!(information.len(), 2 + 3 * 6);
                assert_eq!(information[5], next);
            }
        }
    }
}

/// `gp --put-key` with an RSA key of 1024 bits: the length 128 as one byte 80, no check value.
#[test]
fn lengths_of_128_may_have_one_byte() {
    let card = Card {
        key_bytes: 16,
        version: 0x30,
        i: 0x70,
    };
    let mut t = card.insert();
    let mut gp = card.open(&mut t, &card.keys(0x40), 0x30, SecurityLevel::CMac);
    let key = format!("73A180{}A00301000100", "C1".repeat(128));
    assert_eq!(ok(&mut t, &mut gp, &command("80D80001", &key, "")), [0x73]);
    let information = ok(&mut t, &mut gp, "80CA00E000");
    assert_eq!(&information[20..], hex::decode("C0060173A180A003").unwrap());
}

/// `gp --lock-card`, `--unlock-card`, and what is left of the card in between.
#[test]
fn the_card_is_locked_and_unlocked() {
    let card = Card {
        key_bytes: 16,
        version: 0x30,
        i: 0x70,
    };
    let mut t = card.insert();
    let keys = card.keys(0x40);
    let mut gp = card.open(&mut t, &keys, 0x30, SecurityLevel::CMac);
    assert!(ok(&mut t, &mut gp, "80F0807F").is_empty());
    let fci = t.hex("00 A4 04 00 00");
    assert_eq!((fci.sw, fci.data[0]), (StatusWord(0x6283), 0x6F));
    let mut gp = t.authenticate(ISD, &keys, 0x30, SecurityLevel::CMac);
    assert_eq!(list(&mut t, &mut gp)[0].life_cycle, 0x7F);
    assert!(ok(&mut t, &mut gp, "80F0800F").is_empty());
    let mut gp = card.open(&mut t, &keys, 0x30, SecurityLevel::CMac);
    assert_eq!(list(&mut t, &mut gp)[0].life_cycle, 0x0F);
}

/// Py-GP gives a domain the installation parameters that it gives every applet.
#[test]
fn zeros_as_parameters_of_a_domain_mean_nothing() {
    let card = Card {
        key_bytes: 16,
        version: 0x30,
        i: 0x70,
    };
    let mut t = card.insert();
    let mut gp = card.open(&mut t, &card.keys(0x40), 0x30, SecurityLevel::CMac);
    let install = |parameters: &str| {
        let fields = [DOMAIN_PACKAGE, DOMAIN_MODULE, OTHER_SSD];
        let aids: String = fields.iter().map(|aid| lv(aid.as_bytes())).collect();
        command(
            "80E60C00",
            &format!("{aids}0180 07C903{parameters}EF0000").replace(' ', ""),
            "",
        )
    };
    let refused = send(&mut t, &mut gp, &install("000001"));
    assert_eq!(refused.sw, StatusWord(0x6A80));
    assert_eq!(ok(&mut t, &mut gp, &install("000000")), [0x00]);
}

#[test]
fn production_data_are_told_by_the_issuers_domain_alone() {
    use globalplatform::card_data::Cplc;
    let mut t = Terminal::new();
    deploy(&mut t);
    t.select(ISD);
    let object = t.data(0x9F7F).data;
    let cplc = Cplc::decode(&object).unwrap();
    assert_eq!(cplc.ic_serial_number, 0x0000_0018, "digits of the ICCID");
    assert_eq!(
        (cplc.ic_fabricator, cplc.operating_system),
        (0x5453, 0x5543)
    );
    assert_eq!(t.hex("00 CA 9F 7F 00").data, object[3..], "the value alone");
    t.select(SSD);
    assert_eq!(t.data(0x9F7F).sw, StatusWord(0x6A88));
    let none = CardConfig {
        cplc: None,
        ..config()
    };
    assert_eq!(Terminal::with(none).data(0x9F7F).sw, StatusWord(0x6A88));
}

#[test]
fn installs_without_the_field_of_a_token() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, ssd_privileges(), None).to_apdu();
    // GlobalPlatformPro ends the data with the parameters.
    assert_eq!(install.data.pop(), Some(0x00));
    isd.ok(&mut t, &install);
    t.select(SSD);
    assert_eq!(
        t.data(0x00CF).data,
        [&[0xCF, 0x0A][..], &[0x0A; 10]].concat()
    );
}
