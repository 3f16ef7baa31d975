//! One session: with keys it is followed by the card end, without them by its level.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::{manage_channel, select};
use globalplatform::status_word::StatusWord;
use scp03::{CardSession, DekKey, Mode, ScpParameters, SecurityLevel};

use super::Opened;
use crate::pairing::Pair;
use crate::tree::{Node, count, hex};

pub(super) const INS_GET_RESPONSE: u8 = 0xC0;
const INS_BEGIN_R_MAC_SESSION: u8 = 0x7A;
const INS_END_R_MAC_SESSION: u8 = 0x78;

/// What the keys give.
#[derive(Debug)]
pub(super) struct Known {
    pub card: CardSession,
    pub host_cryptogram: Vec<u8>,
    pub dek: DekKey,
}

#[derive(Debug)]
pub(super) struct Session {
    mode: Mode,
    /// What the card offers.
    parameters: Option<ScpParameters>,
    known: Option<Known>,
    /// Level of commands, and level of responses now; nothing before EXTERNAL AUTHENTICATE.
    levels: Option<(SecurityLevel, SecurityLevel)>,
    /// Why nothing is checked any more.
    lost: Option<String>,
}

impl Session {
    /// A session whose keys are not known.
    pub(super) fn closed(mode: Mode) -> Self {
        Self {
            mode,
            parameters: None,
            known: None,
            levels: None,
            lost: None,
        }
    }

    pub(super) fn known(mode: Mode, parameters: Option<ScpParameters>, known: Known) -> Self {
        Self {
            parameters,
            known: Some(known),
            ..Self::closed(mode)
        }
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.levels.is_some()
    }

    pub(super) fn authenticated_at(&mut self, level: SecurityLevel) {
        self.levels = Some((level, level));
    }

    pub(super) fn dek(&self) -> Option<&DekKey> {
        self.known.as_ref().map(|known| &known.dek)
    }

    /// Checks host cryptogram and C-MAC. `accepted` tells what the card thought of them.
    pub(super) fn check_authentication(
        &mut self,
        command: &CommandApdu,
        level: Option<SecurityLevel>,
        accepted: bool,
    ) -> Vec<Node> {
        let Some(known) = &mut self.known else {
            return Vec::new();
        };
        let mut about = Vec::new();
        if let (Some(level), Some(parameters)) = (level, self.parameters)
            && !level.is_offered_by(parameters)
        {
            let text = format!("not offered by the card (i = {:02X})", parameters.byte());
            about.push(Node::note("security level", text));
        }
        let cryptogram = command.data.get(..self.mode.length());
        let is_right = cryptogram == Some(known.host_cryptogram.as_slice());
        about.push(if is_right {
            Node::right("host cryptogram", "right")
        } else {
            Node::wrong("host cryptogram", "wrong")
        });
        let verdict = known.card.external_authenticate(command).sw;
        about.push(match verdict {
            StatusWord::SECURITY_STATUS => Node::wrong("C-MAC", "wrong"),
            StatusWord::WRONG_LENGTH => Node::wrong("C-MAC", "not there: wrong length"),
            _ => Node::right("C-MAC", "right"),
        });
        if !verdict.is_success() && accepted {
            self.lost = Some("the card accepted what should have been refused".to_owned());
        }
        about
    }

    /// What is remarkable about a command without protection.
    pub(super) fn unprotected(&self, command: &CommandApdu) -> Option<Node> {
        let (level, _) = self.levels?;
        let is_free = matches!(
            command.ins,
            select::INS | manage_channel::INS | INS_GET_RESPONSE
        );
        (level.c_mac() && !is_free).then(|| {
            let text = "although the session demands a C-MAC";
            Node::note("sent without protection", text)
        })
    }

    /// Takes the protection off.
    pub(super) fn open(&mut self, pair: &Pair) -> Opened {
        let Some((level, _)) = self.levels else {
            return closed(pair, "no session is open");
        };
        if let Some(lost) = &self.lost {
            return closed(pair, lost);
        }
        let opened = match &mut self.known {
            Some(known) => match known.card.unwrap(&pair.command) {
                Ok(plain) => Self::open_known(known, level, plain, pair, self.mode),
                Err(_) => self.refuse(pair),
            },
            None => self.open_unknown(level, pair),
        };
        if opened.about_response.iter().any(Node::is_wrong) {
            self.lost = Some(format!("the session was lost in line {}", line_of(pair)));
        }
        self.follow_level(pair);
        opened
    }

    fn refuse(&mut self, pair: &Pair) -> Opened {
        let refused = pair
            .response
            .as_ref()
            .is_some_and(|r| !r.sw.is_ok_or_warning());
        let text = if refused {
            "wrong (the card refused it as well): altered, or a command is missing before it"
        } else {
            "wrong, or the data cannot be decrypted: altered, a command missing before it, or \
             not the right ENC key"
        };
        self.lost = Some(format!(
            "the session was lost in line {}",
            pair.command_line
        ));
        Opened {
            command: None,
            response: pair.response.clone().filter(|r| r.data.is_empty()),
            about_command: vec![Node::wrong("C-MAC", text)],
            about_response: Vec::new(),
        }
    }

    fn open_known(
        known: &mut Known,
        level: SecurityLevel,
        plain: CommandApdu,
        pair: &Pair,
        mode: Mode,
    ) -> Opened {
        let encrypted = level.c_decryption() && pair.command.data.len() > mode.length();
        let text = if encrypted {
            "right, data decrypted"
        } else {
            "right"
        };
        let about_command = vec![Node::right("C-MAC", text)];
        let Some(response) = &pair.response else {
            return Opened {
                command: Some(plain),
                about_command,
                ..Opened::default()
            };
        };
        let level = known.card.level();
        if response.sw.is_success() {
            match plain.ins {
                INS_BEGIN_R_MAC_SESSION => drop(known.card.begin_r_mac(&plain)),
                INS_END_R_MAC_SESSION => drop(known.card.end_r_mac(&plain)),
                _ => {}
            }
        }
        let clear = known.card.danger_follow_response(response);
        let about_response = match &clear {
            None => vec![Node::wrong("R-MAC", why_wrong(response, mode))],
            Some(_) if !level.r_mac() || !response.sw.is_ok_or_warning() => Vec::new(),
            Some(clear) if level.r_encryption() && !clear.data.is_empty() => {
                vec![Node::right("R-MAC", "right, data decrypted")]
            }
            Some(_) => vec![Node::right("R-MAC", "right")],
        };
        Opened {
            command: Some(plain),
            response: clear,
            about_command,
            about_response,
        }
    }

    /// Splits off what is a MAC; what is encrypted stays closed.
    fn open_unknown(&self, level: SecurityLevel, pair: &Pair) -> Opened {
        let length = self.mode.length();
        let mut opened = Opened::default();
        let command = &pair.command;
        match command
            .data
            .split_at_checked(command.data.len().wrapping_sub(length))
        {
            None => opened.about_command = vec![Node::note("C-MAC", "not there")],
            Some((data, mac)) => {
                opened.about_command =
                    vec![Node::note("C-MAC", format!("{}, not checked", hex(mac)))];
                if level.c_decryption() && !data.is_empty() {
                    let text = format!("{}, no keys", count(data.len()));
                    opened
                        .about_command
                        .push(Node::note("encrypted data", text));
                } else {
                    opened.command = Some(CommandApdu {
                        cla: without_protection(command.cla),
                        data: data.to_vec(),
                        ..command.clone()
                    });
                }
            }
        }
        if let Some(response) = &pair.response {
            self.open_unknown_response(response, &mut opened);
        }
        opened
    }

    fn open_unknown_response(&self, response: &ResponseApdu, opened: &mut Opened) {
        let level = self
            .levels
            .map_or(SecurityLevel::Authenticated, |(_, now)| now);
        if !level.r_mac() || !response.sw.is_ok_or_warning() {
            opened.response = Some(response.clone());
            return;
        }
        let end = response.data.len().wrapping_sub(self.mode.length());
        let Some((data, mac)) = response.data.split_at_checked(end) else {
            opened.about_response = vec![Node::note("R-MAC", "not there")];
            return;
        };
        opened.about_response = vec![Node::note("R-MAC", format!("{}, not checked", hex(mac)))];
        if level.r_encryption() && !data.is_empty() {
            let text = format!("{}, no keys", count(data.len()));
            opened
                .about_response
                .push(Node::note("encrypted data", text));
        } else {
            opened.response = Some(ResponseApdu {
                data: data.to_vec(),
                sw: response.sw,
            });
        }
    }

    /// BEGIN and END R-MAC SESSION, seen from outside.
    fn follow_level(&mut self, pair: &Pair) {
        let is_done = pair.response.as_ref().is_some_and(|r| r.sw.is_success());
        let Some((commands, responses)) = self.levels.filter(|_| is_done) else {
            return;
        };
        let responses = match pair.command.ins {
            INS_BEGIN_R_MAC_SESSION => {
                SecurityLevel::try_from(commands.byte() | pair.command.p1).unwrap_or(responses)
            }
            INS_END_R_MAC_SESSION => commands,
            _ => responses,
        };
        self.levels = Some((commands, responses));
    }
}

fn line_of(pair: &Pair) -> usize {
    pair.response_line.unwrap_or(pair.command_line)
}

fn why_wrong(response: &ResponseApdu, mode: Mode) -> &'static str {
    if !response.sw.is_ok_or_warning() {
        "wrong: an error status word comes without data"
    } else if response.data.len() < mode.length() {
        "not there, although the session demands one"
    } else {
        "wrong: altered, or not the answer to this command"
    }
}

fn closed(pair: &Pair, why: &str) -> Opened {
    Opened {
        command: None,
        response: pair.response.clone().filter(|r| r.data.is_empty()),
        about_command: vec![Node::note("protected", format!("not opened: {why}"))],
        about_response: Vec::new(),
    }
}

/// The class byte of the plain command (G 11.1.4).
const fn without_protection(cla: u8) -> u8 {
    if cla & 0x40 == 0 {
        cla & !0x0C
    } else {
        cla & !0x20
    }
}
