//! Status words (ISO/IEC 7816-4, 5.6; G Tables 11-10 and following).

use core::fmt;

/// The last two bytes of every response.
///
/// ```
/// use globalplatform::status_word::StatusWord;
///
/// assert_eq!(StatusWord::NOT_FOUND.to_string(), "6A82 (application or file not found)");
/// assert_eq!(StatusWord(0x63C2).tries_left(), Some(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// MANAGE CHANNEL: the channel was closed already.
    pub const WARN_CHANNEL_CLOSED: Self = Self(0x6200);
    /// SELECT: the card is CARD_LOCKED, the application is selected all the same.
    pub const CARD_LOCKED: Self = Self(0x6283);
    /// EXTERNAL AUTHENTICATE: the host cryptogram is wrong.
    pub const AUTH_FAILED: Self = Self(0x6300);
    /// GET STATUS: more entries can be asked for.
    pub const MORE_DATA: Self = Self(0x6310);
    /// Contactless SET STATUS: the operation failed for some applications (Amendment C 3.11.4.3).
    pub const SOME_FAILED: Self = Self(0x6320);
    /// Contactless SET STATUS: an activation would conflict with others.
    pub const ACTIVATION_CONFLICT: Self = Self(0x6330);
    /// Failed, without diagnosis.
    pub const NO_DIAGNOSIS: Self = Self(0x6400);
    /// LOAD on Java Card: an imported package is missing.
    pub const IMPORT_MISSING: Self = Self(0x6438);
    /// The non-volatile memory failed.
    pub const MEMORY_FAILURE: Self = Self(0x6581);
    /// Wrong length of the data field.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The logical channel is not supported or not open.
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    /// Secure messaging is not supported.
    pub const SM_NOT_SUPPORTED: Self = Self(0x6882);
    /// Command chaining: the last command of the chain was expected.
    pub const LAST_COMMAND_EXPECTED: Self = Self(0x6883);
    /// Command chaining is not supported.
    pub const CHAINING_NOT_SUPPORTED: Self = Self(0x6884);
    /// The security status is not satisfied: no right, wrong MAC, level too low.
    pub const SECURITY_STATUS: Self = Self(0x6982);
    /// The PIN is blocked.
    pub const PIN_BLOCKED: Self = Self(0x6983);
    /// The state of the card or the sequence of commands does not allow this.
    pub const CONDITIONS: Self = Self(0x6985);
    /// No elementary file is selected.
    pub const NO_CURRENT_EF: Self = Self(0x6986);
    /// The data field is wrong.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// The function is not supported, or the card is locked.
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6A81);
    /// Application or file not found.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Not enough memory.
    pub const NO_MEMORY: Self = Self(0x6A84);
    /// P1 or P2 is wrong.
    pub const WRONG_P1P2: Self = Self(0x6A86);
    /// Referenced data (key, registry entry, data object) not found.
    pub const REFERENCED_DATA_NOT_FOUND: Self = Self(0x6A88);
    /// The offset lies outside the file.
    pub const OFFSET_OUTSIDE: Self = Self(0x6B00);
    /// The instruction is not supported.
    pub const INS_NOT_SUPPORTED: Self = Self(0x6D00);
    /// The class is not supported.
    pub const CLA_NOT_SUPPORTED: Self = Self(0x6E00);

    /// The algorithm is not supported; an old form of [`WRONG_DATA`](Self::WRONG_DATA) in PUT KEY.
    pub const OLD_WRONG_DATA: Self = Self(0x9484);
    /// The key check value is wrong; an old form of [`SECURITY_STATUS`](Self::SECURITY_STATUS) in PUT
    /// KEY.
    pub const OLD_WRONG_CHECK_VALUE: Self = Self(0x9485);

    /// Whether this is 9000.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0x9000
    }

    /// Whether this is a warning: 62xx or 63xx.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self.sw1(), 0x62 | 0x63)
    }

    /// Whether this is 9000 or a warning: the command was processed, and the response carries an
    /// R-MAC where one is due (D 6.2.5).
    #[must_use]
    pub const fn is_ok_or_warning(self) -> bool {
        self.is_success() || self.is_warning()
    }

    /// The tries that a PIN has left (63Cx).
    #[must_use]
    pub const fn tries_left(self) -> Option<u8> {
        if self.0 & 0xFFF0 == 0x63C0 {
            Some(self.sw2() & 0x0F)
        } else {
            None
        }
    }

    /// 63Cx: verification failed, `tries` (at most 15) left.
    #[must_use]
    pub const fn with_tries_left(tries: u8) -> Self {
        let tries = if tries > 15 { 15 } else { tries };
        Self(0x63C0 | tries as u16)
    }

    /// How many bytes GET RESPONSE can fetch (61xx); 256 stands for that many or more.
    #[must_use]
    pub const fn bytes_remaining(self) -> Option<u16> {
        self.count_after(0x61)
    }

    /// The Le with which to repeat the command (6Cxx).
    #[must_use]
    pub const fn correct_le(self) -> Option<u16> {
        self.count_after(0x6C)
    }

    /// The first byte.
    #[must_use]
    pub const fn sw1(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// The second byte.
    #[must_use]
    pub const fn sw2(self) -> u8 {
        self.0 as u8
    }

    /// Both bytes, as sent.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// What the status word says, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            0x9000 => "done",
            0x6100..=0x61FF => "done, response continues",
            0x6200 => "logical channel already closed",
            0x6283 => "card locked",
            0x6300 => "host cryptogram wrong",
            0x6310 => "more data available",
            0x6320 => "failed for some applications",
            0x6330 => "activation conflict",
            0x63C0 => "verification failed, no tries left",
            0x63C1..=0x63CF => "verification failed, tries left",
            0x6400 => "no diagnosis",
            0x6438 => "imported package missing",
            0x6581 => "memory failure",
            0x6700 => "wrong length",
            0x6881 => "logical channel not supported",
            0x6882 => "secure messaging not supported",
            0x6883 => "last command of the chain expected",
            0x6884 => "command chaining not supported",
            0x6982 | 0x9485 => "security status not satisfied",
            0x6983 => "PIN blocked",
            0x6985 => "conditions of use not satisfied",
            0x6986 => "no current elementary file",
            0x6A80 | 0x9484 => "wrong data",
            0x6A81 => "function not supported",
            0x6A82 => "application or file not found",
            0x6A84 => "not enough memory",
            0x6A86 => "wrong P1 or P2",
            0x6A88 => "referenced data not found",
            0x6B00 => "offset outside the file",
            0x6C00..=0x6CFF => "repeat with another expected length",
            0x6D00 => "instruction not supported",
            0x6E00 => "class not supported",
            0x6201..=0x63FF => "warning",
            0x6401..=0x64FF => "execution error",
            0x6500..=0x65FF => "execution error, memory changed",
            0x6600..=0x66FF => "security issue",
            0x6701..=0x6FFF => "checking error",
            _ => "unknown status",
        }
    }

    /// What the status word says as the answer to the command with this instruction, where the
    /// command's own table says more than [`meaning`](Self::meaning) (G 11.2 to 11.11, D 7.1).
    ///
    /// ```
    /// use globalplatform::status_word::StatusWord;
    ///
    /// assert_eq!(StatusWord(0x6982).meaning_after(0xD8), "wrong key check value, or no right");
    /// assert_eq!(StatusWord(0x6982).meaning_after(0xE6), "security status not satisfied");
    /// ```
    #[must_use]
    pub const fn meaning_after(self, ins: u8) -> &'static str {
        match (ins, self.0) {
            (0x82, 0x6300) => "host cryptogram wrong",
            (0x2A, 0x6300) => "certificate not verified",
            (_, 0x6300) => "no specific diagnosis",
            (0xF0, 0x6320) => "failed for some applications",
            (0xF0, 0x6330) => "activation conflict",
            (0xE4 | 0xE6 | 0xD8, 0x6985) => "referenced by others, in use, or a chain was broken",
            (0xE4 | 0xE6 | 0xD8, 0x6A86) => "wrong P1 or P2, or no more chaining",
            (0xD8, 0x6982) => "wrong key check value, or no right",
            (0xD8 | 0x82, 0x9484) => "algorithm not supported",
            (0xD8, 0x9485) => "wrong key check value",
            (0xE2, 0x6A86) => "response data available: case 4 needed, or wrong block number",
            (0xA4, 0x6A81) => "function not supported, or card locked",
            (0x70, 0x6A81) => "function not supported, or card locked",
            (0xF2, 0x6310) => "more entries available",
            (0x50, 0x6A88) => "key set not found",
            (0x50, 0x6985) => "sequence counter exhausted",
            _ => self.meaning(),
        }
    }

    const fn count_after(self, sw1: u8) -> Option<u16> {
        match (self.sw1() == sw1, self.sw2()) {
            (false, _) => None,
            (true, 0) => Some(256),
            (true, count) => Some(count as u16),
        }
    }
}

impl From<[u8; 2]> for StatusWord {
    fn from(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.meaning())
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn constants_have_their_meanings() {
        for (sw, number, meaning) in [
            (
                StatusWord::SOME_FAILED,
                0x6320,
                "failed for some applications",
            ),
            (
                StatusWord::ACTIVATION_CONFLICT,
                0x6330,
                "activation conflict",
            ),
            (
                StatusWord::IMPORT_MISSING,
                0x6438,
                "imported package missing",
            ),
            (StatusWord::OLD_WRONG_DATA, 0x9484, "wrong data"),
            (
                StatusWord::OLD_WRONG_CHECK_VALUE,
                0x9485,
                "security status not satisfied",
            ),
        ] {
            assert_eq!((sw.0, sw.meaning()), (number, meaning));
        }
    }

    #[test]
    fn some_commands_have_meanings_of_their_own() {
        for (ins, sw, meaning) in [
            (0x82, 0x6300, "host cryptogram wrong"),
            (0x2A, 0x6300, "certificate not verified"),
            (0xE6, 0x6300, "no specific diagnosis"),
            (0xF0, 0x6320, "failed for some applications"),
            (0xF0, 0x6330, "activation conflict"),
            (
                0xE4,
                0x6985,
                "referenced by others, in use, or a chain was broken",
            ),
            (
                0xE6,
                0x6985,
                "referenced by others, in use, or a chain was broken",
            ),
            (
                0xD8,
                0x6985,
                "referenced by others, in use, or a chain was broken",
            ),
            (0xF0, 0x6320, "failed for some applications"),
            (0xF0, 0x6330, "activation conflict"),
            (0xF2, 0x6330, StatusWord(0x6330).meaning()),
            (0xE4, 0x6A86, "wrong P1 or P2, or no more chaining"),
            (0xE8, 0x6A86, "wrong P1 or P2"),
            (0xD8, 0x6982, "wrong key check value, or no right"),
            (0xD8, 0x9484, "algorithm not supported"),
            (0x82, 0x9484, "algorithm not supported"),
            (0xD8, 0x9485, "wrong key check value"),
            (
                0xE2,
                0x6A86,
                "response data available: case 4 needed, or wrong block number",
            ),
            (0xA4, 0x6A81, "function not supported, or card locked"),
            (0x70, 0x6A81, "function not supported, or card locked"),
            (0xE6, 0x6A81, "function not supported"),
            (0xF2, 0x6310, "more entries available"),
            (0x50, 0x6A88, "key set not found"),
            (0x50, 0x6985, "sequence counter exhausted"),
            (0xCA, 0x6A88, "referenced data not found"),
        ] {
            assert_eq!(
                StatusWord(sw).meaning_after(ins),
                meaning,
                "{ins:02X} {sw:04X}"
            );
        }
    }

    #[test]
    fn every_class_of_status_words_has_a_meaning() {
        for (sw, meaning) in [
            (0x60FF, "unknown status"),
            (0x6100, "done, response continues"),
            (0x61FF, "done, response continues"),
            (0x6200, "logical channel already closed"),
            (0x6201, "warning"),
            (0x6283, "card locked"),
            (0x62FF, "warning"),
            (0x6300, "host cryptogram wrong"),
            (0x6310, "more data available"),
            (0x63BF, "warning"),
            (0x63C0, "verification failed, no tries left"),
            (0x63C1, "verification failed, tries left"),
            (0x63CF, "verification failed, tries left"),
            (0x63D0, "warning"),
            (0x63FF, "warning"),
            (0x6400, "no diagnosis"),
            (0x6401, "execution error"),
            (0x64FF, "execution error"),
            (0x6500, "execution error, memory changed"),
            (0x6581, "memory failure"),
            (0x65FF, "execution error, memory changed"),
            (0x6600, "security issue"),
            (0x66FF, "security issue"),
            (0x6700, "wrong length"),
            (0x6701, "checking error"),
            (0x6881, "logical channel not supported"),
            (0x6882, "secure messaging not supported"),
            (0x6883, "last command of the chain expected"),
            (0x6884, "command chaining not supported"),
            (0x6982, "security status not satisfied"),
            (0x6983, "PIN blocked"),
            (0x6985, "conditions of use not satisfied"),
            (0x6986, "no current elementary file"),
            (0x6A80, "wrong data"),
            (0x6A81, "function not supported"),
            (0x6A82, "application or file not found"),
            (0x6A84, "not enough memory"),
            (0x6A86, "wrong P1 or P2"),
            (0x6A88, "referenced data not found"),
            (0x6B00, "offset outside the file"),
            (0x6C00, "repeat with another expected length"),
            (0x6CFF, "repeat with another expected length"),
            (0x6D00, "instruction not supported"),
            (0x6E00, "class not supported"),
            (0x6F00, "checking error"),
            (0x6FFF, "checking error"),
            (0x7000, "unknown status"),
            (0x9000, "done"),
        ] {
            assert_eq!(StatusWord(sw).meaning(), meaning, "{sw:04X}");
        }
    }

    #[test]
    fn prints_number_and_meaning() {
        assert_eq!(
            StatusWord::NOT_FOUND.to_string(),
            "6A82 (application or file not found)"
        );
        assert_eq!(format!("{:?}", StatusWord::OK), "9000");
    }

    #[test]
    fn counts_tries_only_in_63cx() {
        assert_eq!(StatusWord(0x63C0).tries_left(), Some(0));
        assert_eq!(StatusWord(0x63CF).tries_left(), Some(15));
        assert_eq!(StatusWord(0x6310).tries_left(), None);
        assert_eq!(StatusWord::OK.tries_left(), None);
        assert_eq!(StatusWord::with_tries_left(3), StatusWord(0x63C3));
        assert_eq!(StatusWord::with_tries_left(99), StatusWord(0x63CF));
    }

    #[test]
    fn tells_warnings_from_errors() {
        for (sw, ok, warning) in [
            (0x9000, true, false),
            (0x6283, false, true),
            (0x6310, false, true),
            (0x63C2, false, true),
            (0x6400, false, false),
            (0x6110, false, false),
            (0x6982, false, false),
        ] {
            let sw = StatusWord(sw);
            assert_eq!((sw.is_success(), sw.is_warning()), (ok, warning), "{sw}");
            assert_eq!(sw.is_ok_or_warning(), ok || warning, "{sw}");
        }
    }

    #[test]
    fn reads_counts_of_61xx_and_6cxx() {
        assert_eq!(StatusWord(0x6100).bytes_remaining(), Some(256));
        assert_eq!(StatusWord(0x6C10).correct_le(), Some(16));
        assert_eq!(StatusWord(0x61FF).bytes_remaining(), Some(255));
        assert_eq!(StatusWord(0x6C00).correct_le(), Some(256));
        assert_eq!(StatusWord(0x6C10).bytes_remaining(), None);
        assert_eq!(StatusWord(0x6110).correct_le(), None);
        assert_eq!(StatusWord::OK.correct_le(), None);
        assert_eq!(StatusWord::from([0x6A, 0x82]).to_bytes(), [0x6A, 0x82]);
    }
}
