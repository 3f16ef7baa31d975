//! Quotas and the card's memory.

use globalplatform::aid::Aid;
use globalplatform::card_data::ExtendedCardResources;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use uicc_sim::CardConfig;

use crate::credentials::{Kind, credential};
use crate::terminal::*;

const NO_MEMORY: StatusWord = StatusWord(0x6A84);

fn free(t: &mut Terminal, aid: Aid) -> u32 {
    assert_eq!(t.select(aid), StatusWord::OK);
    let response = t.data(0xFF21);
    ExtendedCardResources::decode(&response.data)
        .unwrap()
        .free_non_volatile
}

#[test]
fn a_full_card_refuses_and_stays_as_it_was() {
    let mut t = Terminal::with(CardConfig {
        memory_bytes: 2000,
        ..config()
    });
    let mut isd = t.isd();
    let before = t.card.inventory();
    isd.ok(
        &mut t,
        &install_for_load(JPKI_PACKAGE, None, None).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&jpki_data_block())),
        NO_MEMORY
    );
    assert_eq!(t.card.inventory().memory, before.memory);
    let mut announced = install_for_load(JPKI_PACKAGE, None, None);
    announced.parameters.code_size = Some(2000);
    assert_eq!(isd.sw(&mut t, &announced.to_apdu()), NO_MEMORY);
    let mut reserved = install_ssd(SSD, ssd_privileges(), None);
    reserved.parameters.non_volatile_reserved = Some(1900);
    assert_eq!(isd.sw(&mut t, &reserved.to_apdu()), NO_MEMORY);
    assert_eq!(t.card.inventory().memory, before.memory);
}

#[test]
fn a_quota_counts_load_files_keys_and_applet_data() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(
        &mut t,
        &install_ssd(SSD, ssd_privileges(), Some(4000)).to_apdu(),
    );
    let load = install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu();
    isd.ok(&mut t, &load);
    let large = data_block(JPKI_PACKAGE, &[JPKI], &[], 4000);
    assert_eq!(isd.load(&mut t, &load_file_structure(&large)), NO_MEMORY);
    isd.ok(&mut t, &load);
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&jpki_data_block())),
        StatusWord::OK
    );
    isd.ok(&mut t, &install_applet(JPKI_PACKAGE, JPKI, JPKI).to_apdu());
    let before = free(&mut t, SSD);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(
        &mut t,
        &ssd_keys().put_key(0, 0x30, &isd_keys().dek).to_apdu(),
    );
    let after = free(&mut t, SSD);
    assert_eq!(before - after, 3 * (32 + 8));
    let mut ssd = t.ssd();
    let personalised = ssd.personalise(&mut t, &credential(Kind::Rsa, [1; 16], "1234"));
    assert_eq!(personalised.sw, StatusWord::OK);
    assert!(free(&mut t, SSD) < after - 1000);
    let domain = t.card.inventory().domains[0].domains[0].clone();
    assert_eq!(domain.memory.total, Some(4000));
    assert_eq!(domain.memory.used + domain.memory.free, 4000);
}

#[test]
fn applet_data_that_do_not_fit_leave_the_old_ones() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    isd.ok(
        &mut t,
        &install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&jpki_data_block())),
        StatusWord::OK
    );
    let mut install = install_applet(JPKI_PACKAGE, JPKI, JPKI);
    install.parameters.non_volatile_quota = Some(700);
    isd.ok(&mut t, &install.to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let p256 = credential(Kind::P256, [1; 16], "1234");
    assert_eq!(ssd.personalise(&mut t, &p256).sw, StatusWord::OK);
    let before = t.card.inventory();
    let rsa = credential(Kind::Rsa, [2; 16], "1234");
    assert_eq!(ssd.personalise(&mut t, &rsa).sw, NO_MEMORY);
    assert_eq!(t.card.inventory(), before);
}

#[test]
fn an_inner_quota_cannot_exceed_the_outer_one() {
    let mut t = Terminal::new();
    let inner: Aid = "F0010203AA".parse().unwrap();
    let mut isd = t.isd();
    let privileges = ssd_privileges() | Privileges::AUTHORIZED_MANAGEMENT;
    isd.ok(&mut t, &install_ssd(SSD, privileges, Some(3000)).to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(
        &mut t,
        &install_ssd(inner, ssd_privileges(), Some(10_000)).to_apdu(),
    );
    let below = free(&mut t, inner);
    assert_eq!(below, free(&mut t, SSD));
    assert!(below < 3000);
}

#[test]
fn reserved_memory_is_taken_at_once_and_kept_for_its_owner() {
    let mut t = Terminal::with(CardConfig {
        memory_bytes: 8000,
        ..config()
    });
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, ssd_privileges(), Some(5000));
    install.parameters.non_volatile_reserved = Some(4000);
    let before = t.card.inventory().memory.free;
    isd.ok(&mut t, &install.to_apdu());
    assert_eq!(before - t.card.inventory().memory.free, 4512);
    assert_eq!(free(&mut t, SSD), 5000);
    let mut isd = t.isd();
    isd.ok(
        &mut t,
        &install_for_load(JPKI_PACKAGE, Some(SSD), None).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&jpki_data_block())),
        StatusWord::OK
    );
    assert_eq!(before - t.card.inventory().memory.free, 4512);
    let mut more = install_ssd("F0010203AA".parse().unwrap(), ssd_privileges(), Some(10));
    more.parameters.non_volatile_reserved = Some(20);
    assert_eq!(
        isd.sw(&mut t, &more.to_apdu()),
        StatusWord(0x6A80),
        "more than its quota"
    );
}

#[test]
fn a_load_needs_the_memory_for_code_and_for_data() {
    let mut t = Terminal::new();
    let free = free(&mut t, ISD);
    let mut isd = t.isd();
    // 64 bytes for the load file's entry.
    for (code, data, sw) in [
        (Some(free - 64), None, StatusWord::OK),
        (None, Some(free - 63), NO_MEMORY),
        (Some(free - 74), Some(10), StatusWord::OK),
        (Some(free - 74), Some(11), NO_MEMORY),
        (Some(u32::MAX), Some(u32::MAX), NO_MEMORY),
    ] {
        let mut load = install_for_load(PACKAGE, None, None);
        load.parameters.code_size = code;
        load.parameters.non_volatile_size = data;
        let sent = isd.sw(&mut t, &load.to_apdu());
        assert_eq!(sent, sw, "{code:?} {data:?}");
    }
}

#[test]
fn a_domain_beyond_its_quota_hinders_nobody_else() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let small = install_ssd(SSD, ssd_privileges(), Some(600));
    isd.ok(&mut t, &small.to_apdu());
    for (package, domain) in [(PACKAGE, ISD), (JPKI_PACKAGE, SSD)] {
        let load = install_for_load(package, Some(domain), None);
        isd.ok(&mut t, &load.to_apdu());
        let file = load_file_structure(&data_block(package, &[MODULE], &[], 20));
        assert_eq!(isd.load(&mut t, &file), StatusWord::OK);
    }
    // A quota that is smaller than what is there, as no command makes it.
    let mut t = t.in_state(CardLifeCycle::Secured, |state| state.set_quota(SSD, 10));
    let mut isd = t.isd();
    let install = |package, instance| install_applet(package, MODULE, instance).to_apdu();
    isd.ok(&mut t, &install(PACKAGE, INSTANCE));
    let more = install(JPKI_PACKAGE, JPKI);
    assert_eq!(isd.sw(&mut t, &more), NO_MEMORY);
    isd.ok(&mut t, &delete(JPKI_PACKAGE, false));
}

#[test]
fn implicit_selection_takes_memory_too() {
    let mut t = Terminal::new();
    let used = t.card.inventory().memory.used;
    // 512 bytes for the domain, two for the parameters.
    for (bytes, sw) in [(513, NO_MEMORY), (514, StatusWord::OK)] {
        t = t.in_state(CardLifeCycle::Secured, |state| {
            state.set_memory(used + bytes);
        });
        let mut install = install_ssd(SSD, ssd_privileges(), None);
        install.parameters.implicit_selection = vec![0x81, 0x41];
        let mut isd = t.isd();
        let before = t.card.writes();
        assert_eq!(isd.sw(&mut t, &install.to_apdu()), sw);
        assert_eq!(t.card.writes() - before, u64::from(sw.is_success()));
    }
}

#[test]
fn volatile_memory_runs_out_too() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut isd = t.isd();
    let mut sw = StatusWord::OK;
    for n in 0..20 {
        let instance = Aid::new(&[0xF0, 0x01, 0x02, 0x03, n]).unwrap();
        sw = isd.sw(
            &mut t,
            &install_applet(JPKI_PACKAGE, JPKI, instance).to_apdu(),
        );
        if !sw.is_success() {
            break;
        }
    }
    assert_eq!(sw, NO_MEMORY);
    let mut small = install_applet(JPKI_PACKAGE, JPKI, "F001020399".parse().unwrap());
    small.parameters.volatile_quota = Some(10);
    assert_eq!(isd.sw(&mut t, &small.to_apdu()), NO_MEMORY);
}

#[test]
fn volatile_memory_has_quotas_and_reservations_of_domains() {
    let mut t = Terminal::new();
    let volatile = |t: &mut Terminal, aid| {
        t.select(aid);
        let resources = ExtendedCardResources::decode(&t.data(0xFF21).data);
        resources.unwrap().free_volatile
    };
    let free = volatile(&mut t, ISD);
    let mut reserving = install_ssd(OTHER_SSD, ssd_privileges(), None);
    reserving.parameters.volatile_reserved = Some(1000);
    let mut isd = t.isd();
    isd.ok(&mut t, &reserving.to_apdu());
    assert_eq!(volatile(&mut t, ISD), free - 1000);
    assert_eq!(
        volatile(&mut t, OTHER_SSD),
        free,
        "its own reservation is its own"
    );
    isd = t.isd();
    let mut limited = install_ssd(SSD, ssd_privileges(), None);
    limited.parameters.volatile_quota = Some(150);
    isd.ok(&mut t, &limited.to_apdu());
    assert_eq!(volatile(&mut t, SSD), 150);
    isd = t.isd();
    isd.ok(
        &mut t,
        &install_for_load(PACKAGE, Some(SSD), None).to_apdu(),
    );
    assert_eq!(
        isd.load(&mut t, &load_file_structure(&foreign())),
        StatusWord::OK
    );
    let instance = |n| Aid::new(&[0xF0, 0x01, 0x02, 0x03, n]).unwrap();
    for (n, sw) in [(1, StatusWord::OK), (2, StatusWord::OK), (3, NO_MEMORY)] {
        let install = install_applet(PACKAGE, MODULE, instance(n));
        assert_eq!(isd.sw(&mut t, &install.to_apdu()), sw, "{n}");
    }
    assert_eq!(volatile(&mut t, SSD), 150 - 2 * 64);
    assert_eq!(volatile(&mut t, ISD), free - 1000 - 2 * 64);
    isd = t.isd();
    let mut much = install_ssd("F0010203AA".parse().unwrap(), ssd_privileges(), None);
    much.parameters.volatile_reserved = Some(10_000);
    assert_eq!(isd.sw(&mut t, &much.to_apdu()), NO_MEMORY);
}

#[test]
fn stored_data_objects_count() {
    let mut t = Terminal::new();
    let before = free(&mut t, ISD);
    let mut isd = t.isd();
    let data = [vec![0x42, 0x64], vec![7; 100]].concat();
    let store = globalplatform::apdu::CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(data);
    isd.ok(&mut t, &store);
    assert_eq!(before - free(&mut t, ISD), 104);
    assert_eq!(
        t.data(0x0042).data,
        [vec![0x42, 0x64], vec![7; 100]].concat()
    );
    assert_eq!(t.hex("00 CA 00 42 00").data, vec![7; 100]);
}
