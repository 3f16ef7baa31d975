//! What a status word means after a certain command, and what usually causes it.

use globalplatform::status_word::StatusWord;

/// The meaning, by the command where the same number means different things.
pub(crate) fn meaning(ins: u8, sw: StatusWord) -> String {
    if let Some(tries) = sw.tries_left() {
        return match tries {
            0 => "verification failed, no tries left".to_owned(),
            1 => "verification failed, 1 try left".to_owned(),
            n => format!("verification failed, {n} tries left"),
        };
    }
    match (ins, sw.0) {
        (0xA4, 0x6283) => "selected, but the card (or file) is locked".to_owned(),
        (0x82, 0x6300) => "host cryptogram wrong".to_owned(),
        (_, 0x6300) => "verification failed".to_owned(),
        (_, 0x6F00..=0x6FFF) => "no precise diagnosis".to_owned(),
        (_, 0x9100..=0x91FF) => format!("done, a proactive command of {} bytes waits", length(sw)),
        (_, 0x9F00..=0x9FFF) => format!("done, {} bytes of response wait", length(sw)),
        (_, 0x6100..=0x61FF) => format!("done, {} bytes of response wait", length(sw)),
        (_, 0x6C00..=0x6CFF) => format!("wrong Le, {} bytes are there", length(sw)),
        _ => sw.meaning().to_owned(),
    }
}

fn length(sw: StatusWord) -> u16 {
    match sw.sw2() {
        0 => 256,
        n => n.into(),
    }
}

/// What usually causes a status word after a command.
pub(crate) const fn hint(ins: u8, sw: StatusWord) -> Option<&'static str> {
    Some(match (ins, sw.0) {
        (0x50, 0x6A88) => "the card has no complete key set with this version",
        (0x50, 0x6985) => "the sequence counter has run out, or the card is locked",
        (0x50, 0x6700) => "the challenge is not as long as the card's mode wants it (8 or 16)",
        (0x50, 0x6982 | 0x6983) => "the card blocks authentication after too many failures",
        (0x82, 0x6300) => "the keys are not those of the card",
        (0x82, 0x6982) => "the C-MAC is wrong",
        (0x82, 0x6985) => "there was no INITIALIZE UPDATE right before",
        (0xA4, 0x6A82 | 0x6A87) => "not on the card, not selectable yet, or locked",
        (0xA4, 0x6999 | 0x6985) => "the application refused to be selected",
        (0xA4, 0x6A81) => "the card is locked",
        (0xF2, 0x6A88) => "nothing of this kind below this security domain",
        (0xF2, 0x6985) => "next occurrence without a first one",
        (0xF2, 0x6A86) => "the card does not know this scope or format",
        (0xE6, 0x6A80) => "parameters, privileges, or an AID that is in use already",
        (0xE6, 0x6A88) => "load file, module or security domain not found",
        (0xE6, 0x6985) => "the AID is in use, or the security domain is not PERSONALIZED",
        (0xE6, 0x6A84) => "no room, or the memory quota is used up",
        (0xE6 | 0xE8, 0x6438) => "an imported package is not on the card, or too old",
        (0xE6, 0x6F00) => "the applet's install method threw an exception",
        (0xE8, 0x6985) => "LOAD without INSTALL [for load], or a block out of order",
        (0xE8, 0x6A86) => "the block number is out of order",
        (0xE8, 0x6A80) => "the card refuses the load file: format, version, or hash",
        (0xE8, 0x6A84) => "no room for the load file",
        (0xE4, 0x6985) => "still used: imported, selected, or a domain with content",
        (0xE4, 0x6A88 | 0x6A82) => "no such object on the card",
        (0xD8, 0x6982 | 0x9485) => "the key check value does not match (wrong DEK?)",
        (0xD8, 0x6A80 | 0x9484) => "wrong format, or type and length of the old key differ",
        (0xD8, 0x6A88) => "the version that shall be replaced does not exist",
        (0xD8, 0x6A84) => "no room for another key set",
        (0xE2, 0x6A88) => "the data object is not known, or may not be written",
        (0xE2, 0x6A80) => "the card or applet refuses the data",
        (0xE2, 0x6985) => "INSTALL [for personalization] missing, or a block out of order",
        (0xF0, 0x6985) => "not from this state to that one",
        (0xF0, 0x6A80) => "no such state",
        (0xCA | 0xCB, 0x6A88) => "the card does not have this data object",
        (0x70, 0x6A81 | 0x6881) => "no further logical channel",
        (0x70, 0x6200) => "the channel was closed already",
        (0x7A, 0x6985) => "the session has this level already, no C-MAC, or no encryption",
        (0x20 | 0x24 | 0x2C, 0x6983) => "the PIN is blocked",
        (0x20 | 0x24, 0x6984) => "the PIN is not usable, for example not initialised",
        (0xB0 | 0xB2 | 0xD6 | 0xDC, 0x6986) => "no file is selected",
        (0xB0 | 0xD6, 0x6B00) => "the offset lies behind the end of the file",
        (0x2A, 0x6A80) => "the input has the wrong form or length",
        (_, 0x6982) => "not authenticated, or the secure session has ended",
        (_, 0x6985) => "not in this state",
        (_, 0x6881) => "the card does not have this logical channel",
        (_, 0x6882) => "the card does not expect secure messaging here",
        (_, 0x6700) => "the length of the data does not suit the command",
        (_, 0x6A86) => "P1 or P2 is not what the card expects",
        (_, 0x6D00) => "the selected application does not know this instruction",
        (_, 0x6E00) => "the selected application does not know this class",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_means_different_things() {
        for (ins, sw, words) in [
            (0xA4, 0x6283, "selected, but the card (or file) is locked"),
            (0x80, 0x6283, "card locked"),
            (0x82, 0x6300, "host cryptogram wrong"),
            (0x20, 0x6300, "verification failed"),
            (0x20, 0x63C2, "verification failed, 2 tries left"),
            (0x20, 0x63C1, "verification failed, 1 try left"),
            (0x20, 0x63C0, "verification failed, no tries left"),
            (0xCA, 0x6C00, "wrong Le, 256 bytes are there"),
            (0xCA, 0x6110, "done, 16 bytes of response wait"),
            (0xC2, 0x9110, "done, a proactive command of 16 bytes waits"),
            (0xCA, 0x9000, "done"),
            (0xCA, 0x6A88, "referenced data not found"),
        ] {
            assert_eq!(meaning(ins, StatusWord(sw)), words);
        }
    }

    #[test]
    fn hints_depend_on_the_command() {
        let hint = |ins, sw| hint(ins, StatusWord(sw));
        assert_eq!(
            hint(0x82, 0x6300),
            Some("the keys are not those of the card")
        );
        assert_ne!(hint(0xD8, 0x6982), hint(0xE6, 0x6982));
        assert_eq!(hint(0xCA, 0x9000), None);
    }
}
