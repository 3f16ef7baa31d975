//! Padding method 2 of ISO/IEC 9797-1, as Amendment D 4.1.4 uses it: `80`, then zeros to a whole
//! block.

use alloc::vec::Vec;

/// Length of `clear` bytes with their padding: at least one byte is added.
pub(crate) const fn padded_length(clear: usize) -> usize {
    (clear / 16).saturating_add(1).saturating_mul(16)
}

/// Writes the padding behind the first `clear` bytes of a field of the padded length.
pub(crate) fn write_padding(field: &mut [u8], clear: usize) {
    if let Some((marker, zeros)) = field.get_mut(clear..).and_then(<[u8]>::split_first_mut) {
        *marker = 0x80;
        zeros.fill(0x00);
    }
}

/// Pads to a multiple of 16 bytes; a whole block is added to data that fills its last one.
pub(crate) fn pad(data: &mut Vec<u8>) {
    let clear = data.len();
    data.resize(padded_length(clear), 0x00);
    write_padding(data, clear);
}

/// The highest bit of every byte.
const MARKERS: u128 = u128::from_ne_bytes([0x80; 16]);

/// Length of `padded` without its padding, or nothing when the padding is not the one and only
/// valid form: a whole number of blocks with the `80` in the last of them.
///
/// Where the padding begins, and what is wrong with it, shows neither in time nor in a branch: in
/// the last block as a number, the lowest bit that is set must be the highest one of its byte.
pub(crate) fn unpadded_length(padded: &[u8]) -> Option<usize> {
    if !padded.len().is_multiple_of(16) {
        return None;
    }
    let last = u128::from_be_bytes(*padded.last_chunk()?);
    let lowest = last & last.wrapping_neg();
    let zeros_behind = lowest.wrapping_sub(1).count_ones() as usize / 8;
    let marker = padded.len().wrapping_sub(1 + zeros_behind);
    (lowest & MARKERS != 0).then_some(marker)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn undoes_itself_for_every_length() {
        for length in 0..50 {
            let mut data = vec![0x00; length];
            pad(&mut data);
            assert_eq!(data.len(), padded_length(length));
            assert!(data.len() > length && data.len() <= length + 16);
            assert_eq!(unpadded_length(&data), Some(length));
        }
    }

    #[test]
    fn overwrites_what_was_in_the_field() {
        let mut field = [0xEE; 16];
        write_padding(&mut field, 14);
        assert_eq!(field[13..], [0xEE, 0x80, 0x00]);
    }

    #[test]
    fn refuses_everything_but_the_one_valid_form() {
        let mut marker_too_early = vec![0x00; 32];
        marker_too_early[15] = 0x80;
        let mut wrong_marker = vec![0x00; 16];
        wrong_marker[15] = 0x11;
        let mut odd_length = vec![0x00; 15];
        odd_length[14] = 0x80;
        for bad in [
            marker_too_early,
            wrong_marker,
            odd_length,
            vec![0x00; 16],
            vec![],
        ] {
            assert_eq!(unpadded_length(&bad), None);
        }
    }

    #[test]
    fn only_80_followed_by_zeros_counts_at_every_position() {
        for position in 0..16 {
            for before in [0x00, 0x01, 0x80, 0xFF] {
                for byte in 0x01..=0xFF {
                    let mut data = [before; 32];
                    data[16 + position] = byte;
                    data[17 + position..].fill(0x00);
                    let expected = (byte == 0x80).then_some(16 + position);
                    assert_eq!(unpadded_length(&data), expected, "{byte:02X} at {position}");
                    assert_eq!(
                        unpadded_length(&data[16..]),
                        expected.map(|length| length - 16)
                    );
                }
            }
        }
    }

    #[test]
    fn zeros_alone_are_no_padding_whatever_stands_before() {
        let mut data = [0x00; 48];
        data[31] = 0x80;
        assert_eq!(unpadded_length(&data), None);
        assert_eq!(unpadded_length(&data[..32]), Some(31));
    }
}
