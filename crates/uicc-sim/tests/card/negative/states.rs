//! GET STATUS, SET STATUS, the secure channel's own commands, and those of the runtime.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::begin_r_mac_session;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use super::actors::OWN_INSTANCE;
use super::rules::{
    CONDITIONS, Cell, FUNCTION, Kind, NO_APPLICATION, NOT_FOUND, Row, Rule, SECURITY, WRONG_DATA,
    WRONG_P1P2,
};
use crate::terminal::*;

const fn always(why: &'static str, sw: StatusWord) -> Rule {
    (why, |_| true, sw)
}

fn status(p1: u8, p2: u8, criteria: &[u8]) -> CommandApdu {
    let mut data = vec![0x4F, criteria.len() as u8];
    data.extend_from_slice(criteria);
    CommandApdu::new(0x80, 0xF2, p1, p2)
        .with_data(data)
        .with_le(256)
}

fn card(state: u8) -> CommandApdu {
    CommandApdu::new(0x80, 0xF0, 0x80, state)
}

fn is_locked(cell: &Cell) -> bool {
    cell.card == CardLifeCycle::CardLocked
}

pub fn rows() -> Vec<Row> {
    let session = |name, command, rules: &[&[Rule]]| Row::new(name, Kind::Session, command, rules);
    let sees: &[Rule] = &[(
        "5: the ISD or Global Registry",
        |cell| !cell.is_isd() && !cell.holds(Privileges::GLOBAL_REGISTRY),
        SECURITY,
    )];
    let mut rows = vec![
        session("GET STATUS of the ISD", || status(0x80, 0x02, &[]), &[sees]),
        session(
            "GET STATUS of applications",
            || status(0x40, 0x02, &[]),
            &[],
        ),
        session("GET STATUS of load files", || status(0x20, 0x02, &[]), &[]),
        session(
            "GET STATUS of modules, obsolete form",
            || status(0x10, 0x00, &[]),
            &[],
        ),
        session(
            "GET STATUS of nothing",
            || status(0x40, 0x02, &[0xF9]),
            &[&[always("nothing found", NOT_FOUND)]],
        ),
        session(
            "GET STATUS, next of nothing",
            || status(0x40, 0x03, &[]),
            &[&[always("5: without a first", CONDITIONS)]],
        ),
        session(
            "GET STATUS of P1 00",
            || status(0x00, 0x02, &[]),
            &[&[always("Table 11-33", WRONG_P1P2)]],
        ),
        session(
            "an instruction nobody knows",
            || CommandApdu::new(0x80, 0xFA, 0x00, 0x00),
            &[],
        ),
    ];
    if let Some(unknown) = rows.last_mut() {
        // It is unknown whether there is a session or not.
        unknown.kind = Kind::Open;
        unknown.rules = vec![
            (
                "TERMINATED: GET DATA only",
                |cell| cell.card == CardLifeCycle::Terminated,
                CONDITIONS,
            ),
            always("11.1.3", StatusWord(0x6D00)),
        ];
    }
    rows.extend(changes());
    rows.extend(channel());
    rows
}

fn changes() -> Vec<Row> {
    let session = |name, command, rules: &[&[Rule]]| {
        Row::new(name, Kind::Session, command, rules).with_traces()
    };
    let content = |name, command, rules: &[&[Rule]]| Row::new(name, Kind::Content, command, rules);
    let reaches: &[Rule] = &[(
        "5: the associated domain or Global Lock",
        |cell| !cell.is_isd() && !cell.holds(Privileges::GLOBAL_LOCK),
        SECURITY,
    )];
    vec![
        session(
            "SET STATUS of the card to CARD_LOCKED",
            || card(0x7F),
            &[&[
                (
                    "6.6: Card Lock",
                    |cell| !cell.holds(Privileges::CARD_LOCK),
                    SECURITY,
                ),
                (
                    "Figure 5-1: from SECURED",
                    |cell| cell.card != CardLifeCycle::Secured,
                    CONDITIONS,
                ),
            ]],
        ),
        session(
            "SET STATUS of the card to TERMINATED",
            || card(0xFF),
            &[&[(
                "6.6: Card Terminate",
                |cell| !cell.holds(Privileges::CARD_TERMINATE),
                SECURITY,
            )]],
        ),
        session(
            "SET STATUS of the card to SECURED",
            || card(0x0F),
            &[&[
                ("6.6: the issuer", |cell| !cell.is_isd(), SECURITY),
                (
                    "Figure 5-1: from INITIALIZED or CARD_LOCKED",
                    |cell| {
                        !matches!(
                            cell.card,
                            CardLifeCycle::Initialized | CardLifeCycle::CardLocked
                        )
                    },
                    CONDITIONS,
                ),
            ]],
        ),
        session(
            "SET STATUS of the card to OP_READY",
            || card(0x01),
            &[&[
                ("6.6: the issuer", |cell| !cell.is_isd(), SECURITY),
                always("Figure 5-1: never back", CONDITIONS),
            ]],
        ),
        session(
            "SET STATUS of the card to nothing",
            || card(0x03),
            &[&[always("Table 11-6", WRONG_DATA)]],
        ),
        content(
            "SET STATUS, lock its own",
            || set_status(OWN_INSTANCE, 0x80),
            &[],
        ),
        content(
            "SET STATUS, lock the issuer's",
            || set_status(INSTANCE, 0x80),
            &[reaches],
        ),
        content(
            "SET STATUS, unlock what is not locked",
            || set_status(OWN_INSTANCE, 0x00),
            &[&[always("5: the present state", CONDITIONS)]],
        ),
        content(
            "SET STATUS of the issuer's domain",
            || set_status(ISD, 0x80),
            &[&[
                (
                    "5: another one's",
                    |cell| !cell.is_isd() && !cell.holds(Privileges::GLOBAL_LOCK),
                    SECURITY,
                ),
                always("its state is the card's", CONDITIONS),
            ]],
        ),
        content(
            "SET STATUS of nothing",
            || set_status("F00C0C0C0C".parse().unwrap(), 0x80),
            &[&[always("11.10", NOT_FOUND)]],
        ),
        content(
            "SET STATUS of another domain and below",
            || CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(OTHER_SSD.as_bytes()),
            &[reaches],
        ),
        content(
            "SET STATUS of no domain and below",
            || CommandApdu::new(0x80, 0xF0, 0x60, 0x80).with_data(INSTANCE.as_bytes()),
            &[&[always("11.10: an SD", NOT_FOUND)]],
        ),
        content(
            "SET STATUS of P1 20",
            || CommandApdu::new(0x80, 0xF0, 0x20, 0x80).with_data(INSTANCE.as_bytes()),
            &[&[always("Table 11-85", WRONG_P1P2)]],
        ),
        content(
            "SET STATUS of the SSD to PERSONALIZED",
            || set_status(SSD, 0x0F),
            &[&[
                ("5: only b8 counts for others", Cell::is_isd, CONDITIONS),
                ("5: never twice", |cell| cell.actor.personalized, CONDITIONS),
            ]],
        ),
    ]
}

fn channel() -> Vec<Row> {
    let begin: fn() -> CommandApdu =
        || CommandApdu::new(0x80, begin_r_mac_session::INS, 0x10, 0x01);
    let runtime = |name, command, rules: &[Rule]| Row::new(name, Kind::Runtime, command, &[rules]);
    let has_r_mac: fn(&Cell) -> bool = |cell| {
        cell.level
            .is_some_and(|level| level.r_mac() || !level.c_mac())
    };
    vec![
        Row::new(
            "BEGIN R-MAC SESSION",
            Kind::Session,
            begin,
            &[&[("D 7.1.3: C-MAC, and no R-MAC yet", has_r_mac, CONDITIONS)]],
        )
        .with_traces(),
        Row::new(
            "END R-MAC SESSION",
            Kind::Session,
            || CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256),
            &[&[always("D 7.1.4: none has begun", CONDITIONS)]],
        ),
        runtime(
            "MANAGE CHANNEL, open",
            || CommandApdu::new(0x00, 0x70, 0x00, 0x00).with_le(1),
            &[("5: a locked card", is_locked, FUNCTION)],
        )
        .with_traces(),
        runtime(
            "MANAGE CHANNEL, close the basic one",
            || CommandApdu::new(0x00, 0x70, 0x80, 0x00),
            &[always("11.7", FUNCTION)],
        ),
        runtime(
            "SELECT of an applet that is not there",
            || CommandApdu::new(0x00, 0xA4, 0x04, 0x00).with_data([0xF9; 6]),
            &[
                ("5: a locked card", is_locked, FUNCTION),
                always("11.9", NO_APPLICATION),
            ],
        ),
        runtime(
            "SELECT of an applet",
            || CommandApdu::new(0x00, 0xA4, 0x04, 0x00).with_data(INSTANCE.as_bytes()),
            &[("5: a locked card", is_locked, FUNCTION)],
        )
        .with_traces(),
    ]
}

/// BEGIN R-MAC SESSION raises a level that has a MAC of commands only.
#[test]
fn the_levels_are_those_of_amendment_d() {
    let raises = |level: SecurityLevel| level.c_mac() && !level.r_mac();
    let raised: Vec<u8> = SecurityLevel::ALL
        .into_iter()
        .filter(|l| raises(*l))
        .map(SecurityLevel::byte)
        .collect();
    assert_eq!(raised, [0x01, 0x03]);
}
