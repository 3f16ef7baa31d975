//! The key derivation function of SCP03 (Amendment D 4.1.5; NIST SP 800-108 in counter mode with
//! AES-CMAC).
//!
//! Block i is `AES-CMAC(key, 00*11 | constant | 00 | L(2) | i(1) | context)`, where L is the length
//! of the whole
//! *output* in bits. Blocks are joined and cut to L bits.

use crate::block::{self, Context, Derivation, Input};
use crate::keys::{AesKey, KeyError};

/// Derivation constants (Amendment D, table 4-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Constant {
    CardCryptogram = 0x00,
    HostCryptogram = 0x01,
    CardChallenge = 0x02,
    SEnc = 0x04,
    SMac = 0x06,
    SRmac = 0x07,
}

/// The longest output: 255 blocks, as the block counter is one byte.
const MAX_OUTPUT: usize = 255 * 16;

/// Derives `output.len()` bytes.
///
/// # Errors
/// More than 4080 bytes are asked for.
pub fn derive(
    key: &AesKey,
    constant: u8,
    context: &[u8],
    output: &mut [u8],
) -> Result<(), KeyError> {
    if output.len() > MAX_OUTPUT {
        return Err(KeyError::OutputTooLong {
            length: output.len(),
        });
    }
    let context = &Context::new([context, &[]]);
    let derivation = Derivation {
        constant: Some(constant),
        input: Input::Context(context),
        output,
    };
    block::derive(&key.0, &mut [derivation]);
    Ok(())
}

impl Constant {
    /// One derivation with this constant.
    pub(crate) fn derivation<'a>(
        self,
        context: &'a Context,
        output: &'a mut [u8],
    ) -> Derivation<'a> {
        self.derivation_from(Input::Context(context), output)
    }

    /// The same, from an input that may depend on the derivation before.
    pub(crate) fn derivation_from<'a>(
        self,
        input: Input<'a>,
        output: &'a mut [u8],
    ) -> Derivation<'a> {
        Derivation {
            constant: Some(self as u8),
            input,
            output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_asked_for_enters_the_derivation() {
        let key = AesKey::from_bytes(&[0x40; 16]).unwrap();
        let (mut short, mut long) = ([0; 8], [0; 16]);
        derive(&key, 0, &[1; 16], &mut short).unwrap();
        derive(&key, 0, &[1; 16], &mut long).unwrap();
        assert_ne!(short, long[..8]);
    }

    #[test]
    fn refuses_more_output_than_the_block_counter_can_number() {
        let key = AesKey::from_bytes(&[0x40; 16]).unwrap();
        let mut output = alloc::vec![0; MAX_OUTPUT + 1];
        assert_eq!(
            derive(&key, 0, &[], &mut output),
            Err(KeyError::OutputTooLong { length: 4081 })
        );
        assert_eq!(derive(&key, 0, &[], &mut output[..MAX_OUTPUT]), Ok(()));
    }
}
