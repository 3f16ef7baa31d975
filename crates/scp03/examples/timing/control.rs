//! Checks that do tell where the error is. The comparison of counts must see it, or it sees nothing.

use std::hint::black_box;

use crate::calls::Calls;
use crate::forge::Result;

pub fn all(calls: &mut Calls) -> Result<()> {
    let genuine = [0x5A_u8; 8];
    for position in 0..genuine.len() {
        let mut forged = genuine;
        forged[position] ^= 0x01;
        let (genuine, forged) = (black_box(genuine), black_box(forged));
        calls.call("control, comparison byte by byte", position as u32, || {
            (0..8).all(|i| black_box(genuine[i]) == black_box(forged[i]))
        });
    }
    for position in 0..16 {
        let mut padded = [0_u8; 16];
        padded[position] = 0x81;
        let padded = black_box(padded);
        calls.call("control, search for the marker", position as u32, || {
            padded.iter().rposition(|byte| black_box(*byte) != 0x00)
        });
    }
    Ok(())
}
