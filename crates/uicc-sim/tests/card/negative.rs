//! Every command in every state of the card, by every kind of security domain, at every security level: the status word of
//! the field notes, and nothing changed on a refusal.
//!
//! The expectations come from `rules`, `content`, `keys` and `states`: each row is a command with the rules that refuse it, in
//! the order in which they count, each with the clause it follows. What no rule refuses is done. Nothing there looks at
//! the card.

mod actors;
mod content;
mod keys;
mod rules;
mod states;

use globalplatform::apdu::ResponseApdu;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use self::actors::{Actor, world};
use self::rules::{Cell, Kind, Row};
use crate::terminal::*;

/// All rows.
fn rows() -> Vec<Row> {
    [content::rows(), keys::rows(), states::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// A card prepared for a cell, with the session that the cell wants.
struct Bench {
    terminal: Terminal,
    session: Option<Session>,
}

impl Bench {
    fn new(world: &Terminal, cell: &Cell) -> Self {
        let mut terminal = world.copy();
        assert_eq!(terminal.select(cell.actor.aid), cell.selected());
        let session = cell
            .level
            .map(|level| terminal.authenticate(cell.actor.aid, &isd_keys(), 0x30, level));
        if cell.actor.locked {
            // Nobody selects a locked domain: it is locked from another channel while it is selected.
            assert_eq!(terminal.hex("00 70 00 00 01").data, [0x01]);
            let lock = set_status(cell.actor.aid, 0x80);
            terminal.on_channel(1, ISD).ok(&mut terminal, &lock);
            assert_eq!(terminal.hex("00 70 80 01").sw, StatusWord::OK);
        }
        Self { terminal, session }
    }

    fn send(&mut self, row: &Row) -> ResponseApdu {
        let command = (row.command)();
        match &mut self.session {
            Some(session) => session.send(&mut self.terminal, &command),
            None => self.terminal.send(&command),
        }
    }
}

/// Plays all rows in one cell; the number of expectations that were checked.
///
/// A refusal must leave the digest of the card as it was, and write nothing. To make a digest takes longer than a command,
/// so that it is looked at before every command that changes something, and at the end.
fn play(world: &Terminal, cell: &Cell, rows: &[Row]) -> usize {
    let mut bench = Bench::new(world, cell);
    let untouched = bench.terminal.card.state_digest();
    for row in rows {
        let (expected, why) = row.expected(cell);
        let is_refusal = !matches!(expected.0, 0x9000 | 0x6200..=0x63FF);
        let may_change = !is_refusal && row.leaves_traces;
        if may_change {
            let digest = bench.terminal.card.state_digest();
            assert_eq!(digest, untouched, "before {} {cell:?}", row.name);
        }
        let writes = bench.terminal.card.writes();
        let response = bench.send(row);
        assert_eq!(response.sw, expected, "{} {cell:?}: {why}", row.name);
        assert!(!is_refusal || response.data.is_empty(), "{}", row.name);
        if !may_change {
            let now = bench.terminal.card.writes();
            assert_eq!(now, writes, "{} {cell:?} wrote", row.name);
        }
        // A command that the runtime executes may end the session.
        if row.kind == Kind::Runtime || may_change {
            bench = Bench::new(world, cell);
        }
    }
    let digest = bench.terminal.card.state_digest();
    assert_eq!(digest, untouched, "after all rows {cell:?}");
    rows.len()
}

#[test]
fn a_security_domain_on_a_card_in_use() {
    let rows = rows();
    let mut checked = 0;
    for actor in Actor::all() {
        let world = world(actor, CardLifeCycle::Secured);
        let levels = SecurityLevel::ALL.into_iter().map(Some);
        for level in levels.chain([None]) {
            let cell = Cell {
                actor,
                level,
                card: CardLifeCycle::Secured,
            };
            checked += play(&world, &cell, &rows);
        }
    }
    assert!(checked >= 17_000, "{checked} cells");
}

#[test]
fn the_card_before_it_is_secured() {
    let rows = rows();
    for card in [CardLifeCycle::OpReady, CardLifeCycle::Initialized] {
        for actor in [Actor::ISD, Actor::PLAIN, Actor::MANAGER] {
            let world = world(actor, card);
            for level in [None, Some(SecurityLevel::CMac), Some(SecurityLevel::Full)] {
                play(&world, &Cell { actor, level, card }, &rows);
            }
        }
    }
}

#[test]
fn the_locked_card() {
    let rows = rows();
    let card = CardLifeCycle::CardLocked;
    let world = world(Actor::ISD, card);
    let levels = SecurityLevel::ALL.into_iter().map(Some);
    for level in levels.chain([None]) {
        let actor = Actor::ISD;
        play(&world, &Cell { actor, level, card }, &rows);
    }
    let mut bench = world.copy();
    assert_eq!(bench.select(SSD), StatusWord(0x6A81));
}

#[test]
fn the_terminated_card() {
    let rows = rows();
    let card = CardLifeCycle::Terminated;
    let actor = Actor::ISD;
    let world = world(actor, card);
    let level = None;
    play(&world, &Cell { actor, level, card }, &rows);
    let mut bench = world.copy();
    let initialize = bench.hex("80 50 30 00 08 0102030405060708 00");
    assert_eq!(initialize.sw, StatusWord(0x6985));
}
