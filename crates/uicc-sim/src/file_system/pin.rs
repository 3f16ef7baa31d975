//! PIN commands (TS 102 221 11.1.9 to 11.1.13). PIN 1 is there and disabled, so that a phone asks nobody for it; it stays
//! so. There is no other PIN.

use globalplatform::apdu::CommandApdu;
use globalplatform::status_word::StatusWord;

/// Key reference of PIN 1.
const PIN1: u8 = 0x01;
/// Tries of a PIN.
const TRIES: u8 = 3;
/// Tries of a PUK.
const UNBLOCKING_TRIES: u8 = 10;
/// "Referenced data invalidated": the PIN is disabled.
const DISABLED: StatusWord = StatusWord(0x6984);

/// The answer to VERIFY (20), CHANGE (24), DISABLE (26), ENABLE (28) and UNBLOCK (2C), none of which succeeds. The empty
/// forms of VERIFY and UNBLOCK ask for tries.
pub(super) fn answer(command: &CommandApdu) -> StatusWord {
    if command.p1 != 0x00 {
        return StatusWord::WRONG_P1P2;
    }
    if command.p2 != PIN1 {
        return StatusWord::REFERENCED_DATA_NOT_FOUND;
    }
    match (command.ins, command.data.is_empty()) {
        (0x20, true) => StatusWord::with_tries_left(TRIES),
        (0x2C, true) => StatusWord::with_tries_left(UNBLOCKING_TRIES),
        (0x28, _) => StatusWord::CONDITIONS,
        _ => DISABLED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_1_is_disabled_and_the_only_one() {
        let of = |ins, p1, p2, data: &[u8]| {
            answer(&CommandApdu::new(0x00, ins, p1, p2).with_data(data)).0
        };
        assert_eq!(of(0x20, 0, 1, &[]), 0x63C3);
        assert_eq!(of(0x20, 0, 1, b"1234\xFF\xFF\xFF\xFF"), 0x6984);
        assert_eq!(of(0x24, 0, 1, &[0; 16]), 0x6984);
        assert_eq!(of(0x26, 0, 1, &[0; 8]), 0x6984);
        assert_eq!(of(0x28, 0, 1, &[0; 8]), 0x6985);
        assert_eq!(of(0x2C, 0, 1, &[]), 0x63CA);
        assert_eq!(of(0x2C, 0, 1, &[0; 16]), 0x6984);
        assert_eq!(of(0x20, 0, 0x0A, &[]), 0x6A88);
        assert_eq!(of(0x20, 1, 1, &[]), 0x6A86);
    }
}
