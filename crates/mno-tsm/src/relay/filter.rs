//! What a provider may send to the card through the carrier.
//!
//! A script passes when it is made of secure channel sessions with the
//! provider's own security domain and nothing else:
//!
//! | Command | CLA INS P1 P2 | when |
//! |---|---|---|
//! | SELECT of exactly that domain | 00 A4 04 00 | first, and at any time later |
//! | INITIALIZE UPDATE | 80 50 | after SELECT |
//! | EXTERNAL AUTHENTICATE | 84 82 | right after INITIALIZE UPDATE |
//! | any other with secure messaging, but those that leave the session | 84 | after EXTERNAL AUTHENTICATE |
//!
//! All on the basic logical channel. SELECT may be answered by 9000 or 6283
//! (card locked) only: a script that went on after a failed SELECT would talk to
//! whatever was selected before.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::{external_authenticate, initialize_update, manage_channel, select};
use globalplatform::status_word::StatusWord;
use tsm_core::ports::Script;

/// Most commands of a script.
pub const MAX_COMMANDS: usize = 5_000;
/// Most bytes of all commands of a script.
pub const MAX_BYTES: usize = 1 << 20;

const CLA_ISO: u8 = 0x00;
const CLA_GLOBALPLATFORM: u8 = 0x80;
const CLA_SECURED: u8 = 0x84;

/// Why a script does not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// Too many commands or bytes.
    #[error("the script is too large")]
    TooLarge,
    /// A command is no command APDU.
    #[error("command {index} is no command APDU")]
    Malformed {
        /// Which command, from 0.
        index: usize,
    },
    /// SELECT of something else, or in another form.
    #[error("command {index} selects something else than the provider's own security domain")]
    Select {
        /// Which command, from 0.
        index: usize,
    },
    /// The script would go on after SELECT failed.
    #[error("command {index} accepts a failed SELECT")]
    Accepted {
        /// Which command, from 0.
        index: usize,
    },
    /// Not part of a secure channel session, or out of order.
    #[error("command {index} is not part of a secure channel session with the provider's domain")]
    OutsideSession {
        /// Which command, from 0.
        index: usize,
    },
}

/// Commands that would select something else, or begin another session, on a
/// card that takes them inside a secure channel: SELECT, MANAGE CHANNEL,
/// INITIALIZE UPDATE, EXTERNAL AUTHENTICATE.
const LEAVES_THE_SESSION: [u8; 4] = [
    select::INS,
    manage_channel::INS,
    initialize_update::INS,
    external_authenticate::INS,
];

/// Where a script stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    Selected,
    Challenged,
    Open,
}

/// Whether `script` may go to the card for a provider whose domain is `domain`.
///
/// # Errors
/// [`Forbidden`], which names the first command that may not pass.
pub fn check(script: &Script, domain: &Aid) -> Result<(), Forbidden> {
    let bytes: usize = script
        .commands
        .iter()
        .map(|command| command.apdu.len())
        .sum();
    if script.commands.len() > MAX_COMMANDS || bytes > MAX_BYTES {
        return Err(Forbidden::TooLarge);
    }
    let mut stage = Stage::Nothing;
    for (index, command) in script.commands.iter().enumerate() {
        let apdu =
            CommandApdu::decode(&command.apdu).map_err(|_| Forbidden::Malformed { index })?;
        stage = match (stage, apdu.cla, apdu.ins) {
            (_, CLA_ISO, select::INS) => {
                if (apdu.p1, apdu.p2) != (0x04, 0x00) || apdu.data != domain.as_bytes() {
                    return Err(Forbidden::Select { index });
                }
                let harmless =
                    |word: &StatusWord| [StatusWord::OK, StatusWord::CARD_LOCKED].contains(word);
                if !command.accepted.iter().all(harmless) {
                    return Err(Forbidden::Accepted { index });
                }
                Stage::Selected
            }
            (
                Stage::Selected | Stage::Challenged | Stage::Open,
                CLA_GLOBALPLATFORM,
                initialize_update::INS,
            ) => Stage::Challenged,
            (Stage::Challenged, CLA_SECURED, external_authenticate::INS) => Stage::Open,
            (Stage::Open, CLA_SECURED, ins) if !LEAVES_THE_SESSION.contains(&ins) => Stage::Open,
            _ => return Err(Forbidden::OutsideSession { index }),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tsm_core::ports::ScriptCommand;

    use super::*;

    const SELECT: &[u8] = &[
        0x00, 0xA4, 0x04, 0x00, 0x05, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x00,
    ];
    const INITIALIZE: &[u8] = &[0x80, 0x50, 0x30, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00];
    const AUTHENTICATE: &[u8] = &[0x84, 0x82, 0x33, 0x00, 0x02, 1, 2];
    const SECURED: &[u8] = &[0x84, 0xE2, 0x90, 0x00, 0x02, 1, 2];
    const PLAIN: &[u8] = &[0x80, 0xE2, 0x90, 0x00, 0x02, 1, 2];

    fn domain() -> Aid {
        Aid::new(&[0xD3, 0x92, 0xF0, 0x00, 0x26]).unwrap()
    }

    fn script(apdus: &[&[u8]]) -> Script {
        let command = |apdu: &&[u8]| ScriptCommand {
            apdu: apdu.to_vec(),
            accepted: Vec::new(),
        };
        Script {
            commands: apdus.iter().map(command).collect(),
        }
    }

    fn checked(apdus: &[&[u8]]) -> Result<(), Forbidden> {
        check(&script(apdus), &domain())
    }

    #[test]
    fn lets_sessions_with_the_own_domain_pass() {
        checked(&[SELECT, INITIALIZE, AUTHENTICATE, SECURED, SECURED]).unwrap();
        checked(&[
            SELECT,
            INITIALIZE,
            INITIALIZE,
            INITIALIZE,
            AUTHENTICATE,
            SECURED,
        ])
        .unwrap();
        checked(&[
            SELECT,
            INITIALIZE,
            AUTHENTICATE,
            SECURED,
            SELECT,
            INITIALIZE,
            AUTHENTICATE,
            SECURED,
        ])
        .unwrap();
    }

    #[test]
    fn refuses_to_select_anything_else() {
        let other = [
            0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00,
        ];
        let partial = [0x00, 0xA4, 0x04, 0x00, 0x04, 0xD3, 0x92, 0xF0, 0x00, 0x00];
        let issuer = [0x00, 0xA4, 0x04, 0x00, 0x00];
        let next = [
            0x00, 0xA4, 0x04, 0x02, 0x05, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x00,
        ];
        let file = [0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00];
        for apdu in [&other[..], &partial, &issuer, &next, &file] {
            assert_eq!(
                checked(&[apdu]),
                Err(Forbidden::Select { index: 0 }),
                "{apdu:02X?}"
            );
        }
        let channel = [
            0x01, 0xA4, 0x04, 0x00, 0x05, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x00,
        ];
        assert!(checked(&[&channel]).is_err());
    }

    #[test]
    fn refuses_what_is_outside_a_session() {
        for (apdus, index) in [
            (&[INITIALIZE][..], 0),
            (&[SECURED][..], 0),
            (&[SELECT, SECURED][..], 1),
            (&[SELECT, AUTHENTICATE][..], 1),
            (&[SELECT, INITIALIZE, SECURED][..], 2),
            (&[SELECT, INITIALIZE, AUTHENTICATE, PLAIN][..], 3),
            (&[SELECT, INITIALIZE, AUTHENTICATE, AUTHENTICATE][..], 3),
            (
                &[SELECT, INITIALIZE, AUTHENTICATE, SECURED, SELECT, SECURED][..],
                5,
            ),
            (&[SELECT, PLAIN][..], 1),
        ] {
            assert_eq!(checked(apdus), Err(Forbidden::OutsideSession { index }));
        }
    }

    #[test]
    fn refuses_to_go_on_after_a_failed_select() {
        let mut script = script(&[SELECT, INITIALIZE]);
        script.commands[0].accepted = vec![StatusWord::OK, StatusWord::CARD_LOCKED];
        check(&script, &domain()).unwrap();
        script.commands[0].accepted.push(StatusWord::NOT_FOUND);
        assert_eq!(
            check(&script, &domain()),
            Err(Forbidden::Accepted { index: 0 })
        );
    }

    #[test]
    fn bounds_scripts() {
        assert_eq!(
            checked(&vec![SELECT; MAX_COMMANDS + 1]),
            Err(Forbidden::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(apdus in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
            let apdus: Vec<&[u8]> = apdus.iter().map(Vec::as_slice).collect();
            let _ = checked(&apdus);
        }

        #[test]
        fn nothing_unsecured_follows_but_the_three(
            cla: u8,
            ins: u8,
            data in prop::collection::vec(any::<u8>(), 1..20),
        ) {
            let mut apdu = vec![cla, ins, 0x04, 0x00, u8::try_from(data.len()).unwrap()];
            apdu.extend(&data);
            let passed = checked(&[SELECT, INITIALIZE, AUTHENTICATE, &apdu]).is_ok();
            let own_select = (cla, ins) == (0x00, 0xA4) && data == domain().as_bytes();
            let secured = cla == 0x84 && ![0x50, 0x70, 0x82, 0xA4].contains(&ins);
            prop_assert_eq!(passed, own_select || secured || (cla, ins) == (0x80, 0x50));
        }
    }
}
