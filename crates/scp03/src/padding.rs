//! Padding method 2 of ISO/IEC 9797-1, as Amendment D 4.1.4 uses it: `80`, then zeros to a whole
//! block.

use alloc::vec::Vec;

/// Pads to a multiple of 16 bytes; a whole block is added to data that fills its last one.
pub(crate) fn pad(data: &mut Vec<u8>) {
    data.push(0x80);
    data.resize(data.len().next_multiple_of(16), 0x00);
}

/// Length of `padded` without its padding, or nothing when the padding is not the one and only
/// valid form: a whole number of blocks with the `80` in the last of them.
pub(crate) fn unpadded_length(padded: &[u8]) -> Option<usize> {
    if padded.is_empty() || !padded.len().is_multiple_of(16) {
        return None;
    }
    let marker = padded.iter().rposition(|&byte| byte != 0x00)?;
    let is_in_last_block = marker >= padded.len() - 16;
    (padded.get(marker) == Some(&0x80) && is_in_last_block).then_some(marker)
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
            assert_eq!(unpadded_length(&data), Some(length));
        }
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
}
