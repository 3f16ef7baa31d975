//! What a row of the table is, and the rules that many rows share.

use globalplatform::apdu::CommandApdu;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use super::actors::Actor;

pub const SECURITY: StatusWord = StatusWord(0x6982);
pub const CONDITIONS: StatusWord = StatusWord(0x6985);
pub const WRONG_DATA: StatusWord = StatusWord(0x6A80);
pub const FUNCTION: StatusWord = StatusWord(0x6A81);
pub const NO_APPLICATION: StatusWord = StatusWord(0x6A82);
pub const WRONG_P1P2: StatusWord = StatusWord(0x6A86);
pub const NOT_FOUND: StatusWord = StatusWord(0x6A88);

/// Under what circumstances a row is played.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub actor: Actor,
    /// None: no session.
    pub level: Option<SecurityLevel>,
    pub card: CardLifeCycle,
}

impl Cell {
    pub const fn is_isd(&self) -> bool {
        self.actor.is_isd
    }

    pub fn holds(&self, privilege: Privileges) -> bool {
        self.actor.privileges.contains(privilege)
    }

    /// What selecting the actor answers.
    pub const fn selected(&self) -> StatusWord {
        match self.card {
            CardLifeCycle::CardLocked => StatusWord(0x6283),
            CardLifeCycle::Terminated => FUNCTION,
            _ => StatusWord::OK,
        }
    }
}

/// When a rule refuses.
pub type When = fn(&Cell) -> bool;

/// A rule: the clause, when it refuses, and how.
pub type Rule = (&'static str, When, StatusWord);

/// What a command needs before its own rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anybody may send it: GET DATA.
    Open,
    /// It belongs to the runtime: SELECT and MANAGE CHANNEL, which know no secure messaging.
    Runtime,
    /// It needs a session.
    Session,
    /// It needs a session and changes content, which a locked card does not.
    Content,
}

/// One command.
pub struct Row {
    pub name: &'static str,
    pub kind: Kind,
    pub command: fn() -> CommandApdu,
    /// Rules of its own, in order.
    pub rules: Vec<Rule>,
    /// Success changes the card or the session, so that other rows must not see it.
    pub leaves_traces: bool,
}

impl Row {
    pub fn new(
        name: &'static str,
        kind: Kind,
        command: fn() -> CommandApdu,
        rules: &[&[Rule]],
    ) -> Self {
        Self {
            name,
            kind,
            command,
            rules: rules.concat(),
            leaves_traces: kind == Kind::Content,
        }
    }

    /// The same row, whose success leaves traces although the kind says nothing about that.
    pub const fn with_traces(mut self) -> Self {
        self.leaves_traces = true;
        self
    }

    /// The status word that the notes demand, and why.
    pub fn expected(&self, cell: &Cell) -> (StatusWord, &'static str) {
        let general = general(self.kind);
        let mut rules = general.iter().chain(&self.rules);
        let refusing = rules.find(|(_, when, _)| when(cell));
        refusing.map_or((StatusWord::OK, "nothing refuses it"), |(why, _, sw)| {
            (*sw, *why)
        })
    }
}

/// Notes 5, Life cycles; G Tables 11-1 and 11-2.
fn general(kind: Kind) -> Vec<Rule> {
    let terminated: When = |cell| cell.card == CardLifeCycle::Terminated;
    let locked: When = |cell| cell.card == CardLifeCycle::CardLocked;
    let no_session: When = |cell| cell.level.is_none();
    let protected: When = |cell| cell.level.is_some_and(SecurityLevel::c_mac);
    let dead = ("TERMINATED: GET DATA only", terminated, CONDITIONS);
    let refusing: When = |cell| cell.actor.locked;
    let refusing = ("5.3.2.4: LOCKED rejects all commands", refusing, CONDITIONS);
    let session = ("Table 11-2: AUTHENTICATED", no_session, SECURITY);
    let content = ("CARD_LOCKED: no content change", locked, CONDITIONS);
    let secured = ("no secure messaging here", protected, StatusWord(0x6882));
    match kind {
        Kind::Open => vec![refusing],
        Kind::Runtime => vec![("TERMINATED", terminated, FUNCTION), secured],
        Kind::Session => vec![dead, refusing, session],
        Kind::Content => vec![dead, refusing, session, content],
    }
}

fn is_raw(cell: &Cell) -> bool {
    !cell.is_isd() && !cell.actor.personalized
}

fn has_no_management(cell: &Cell) -> bool {
    let manages = Privileges::AUTHORIZED_MANAGEMENT | Privileges::DELEGATED_MANAGEMENT;
    !cell.actor.privileges.intersects(manages)
}

fn is_delegated(cell: &Cell) -> bool {
    cell.holds(Privileges::DELEGATED_MANAGEMENT)
}

/// Nothing was taken away.
pub const TAKEN: Rule = (
    "9.4.2: a registry update took the function",
    |cell| cell.actor.restricted,
    CONDITIONS,
);

/// Who may manage content at all.
pub const MANAGES: &[Rule] = &[
    TAKEN,
    (
        "9.3.5: a domain that manages is PERSONALIZED",
        is_raw,
        CONDITIONS,
    ),
    (
        "Table 6-1: Authorized or Delegated Management",
        has_no_management,
        SECURITY,
    ),
];

/// And without a token.
pub const WITHOUT_TOKEN: &[Rule] = &[(
    "C.4: Delegated Management needs a token",
    is_delegated,
    SECURITY,
)];

/// The object is the issuer's: nobody below reaches it.
pub const ISSUERS_OWN: &[Rule] = &[("5: not below this domain", |cell| !cell.is_isd(), SECURITY)];
