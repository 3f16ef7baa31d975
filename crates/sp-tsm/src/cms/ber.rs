//! BER to DER, as far as CMS programs differ (X.690, section 8): indefinite
//! lengths and octet strings in pieces, which `openssl cms -stream` writes.
//! Values are copied as they are, so that hashes over them stay the same.

use super::refusal::Refusal;

/// Nesting that no honest message reaches.
const MAX_DEPTH: usize = 32;
const CONSTRUCTED: u8 = 0x20;
const OCTET_STRING: u8 = 0x04;
const END_OF_CONTENTS: u8 = 0x00;

const BROKEN: Refusal = Refusal::Malformed("broken encoding");

/// Copies one element with definite, minimal lengths.
///
/// # Errors
/// [`Refusal::Malformed`] when it is no single BER element.
pub fn to_der(ber: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut reader = Reader { rest: ber };
    let mut out = Vec::with_capacity(ber.len());
    reader.element(&mut out, 0)?;
    if !reader.rest.is_empty() {
        return Err(Refusal::Malformed("bytes behind the end of the message"));
    }
    Ok(out)
}

struct Reader<'a> {
    rest: &'a [u8],
}

enum Length {
    Definite(usize),
    Indefinite,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(BROKEN)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        self.take(1)?.first().copied().ok_or(BROKEN)
    }

    fn length(&mut self) -> Result<Length, Refusal> {
        let first = self.byte()?;
        match first {
            0x00..=0x7F => Ok(Length::Definite(usize::from(first))),
            0x80 => Ok(Length::Indefinite),
            0x81..=0x84 => {
                let bytes = self.take(usize::from(first & 0x7F))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |sum, b| (sum << 8) | usize::from(*b));
                Ok(Length::Definite(length))
            }
            _ => Err(BROKEN),
        }
    }

    /// Copies the next element to `out`.
    fn element(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Refusal> {
        let tag = self.byte()?;
        // Tags above 30 do not occur in CMS; 00 only ends contents.
        if depth >= MAX_DEPTH || tag & 0x1F == 0x1F || tag == END_OF_CONTENTS {
            return Err(BROKEN);
        }
        let mut value = Vec::new();
        if tag & CONSTRUCTED == 0 {
            let Length::Definite(length) = self.length()? else {
                return Err(BROKEN);
            };
            return write(out, tag, self.take(length)?);
        }
        let in_pieces = tag == OCTET_STRING | CONSTRUCTED;
        self.contents(&mut value, in_pieces, depth)?;
        let tag = if in_pieces { OCTET_STRING } else { tag };
        write(out, tag, &value)
    }

    /// Copies what a constructed element holds; of pieces only their values.
    fn contents(
        &mut self,
        out: &mut Vec<u8>,
        in_pieces: bool,
        depth: usize,
    ) -> Result<(), Refusal> {
        match self.length()? {
            Length::Definite(length) => {
                let mut inner = Reader {
                    rest: self.take(length)?,
                };
                while !inner.rest.is_empty() {
                    inner.child(out, in_pieces, depth)?;
                }
            }
            Length::Indefinite => {
                while self.rest.first() != Some(&END_OF_CONTENTS) {
                    self.child(out, in_pieces, depth)?;
                }
                if self.take(2)? != [0, 0] {
                    return Err(BROKEN);
                }
            }
        }
        Ok(())
    }

    fn child(&mut self, out: &mut Vec<u8>, in_pieces: bool, depth: usize) -> Result<(), Refusal> {
        if !in_pieces {
            return self.element(out, depth + 1);
        }
        if self.byte()? != OCTET_STRING {
            return Err(BROKEN);
        }
        let Length::Definite(length) = self.length()? else {
            return Err(BROKEN);
        };
        out.extend_from_slice(self.take(length)?);
        Ok(())
    }
}

fn write(out: &mut Vec<u8>, tag: u8, value: &[u8]) -> Result<(), Refusal> {
    let length = u32::try_from(value.len()).map_err(|_| BROKEN)?;
    out.push(tag);
    match length {
        0..=0x7F => out.extend(length.to_be_bytes().iter().skip(3)),
        _ => {
            let used = 4 - (length.leading_zeros() / 8) as usize;
            out.push(0x80 | u8::try_from(used).map_err(|_| BROKEN)?);
            out.extend(length.to_be_bytes().iter().skip(4 - used));
        }
    }
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn copies_der_as_it_is() {
        let long = [&[0x30, 0x81, 0x84, 0x04, 0x81, 0x81][..], &[7; 0x81]].concat();
        assert_eq!(to_der(&long).expect("DER"), long);
    }

    #[test]
    fn closes_indefinite_lengths_and_joins_pieces() {
        let ber = [
            0x30, 0x80, 0x24, 0x80, 4, 1, b'a', 4, 2, b'b', b'c', 0, 0, 0, 0,
        ];
        assert_eq!(
            to_der(&ber).expect("BER"),
            [0x30, 5, 4, 3, b'a', b'b', b'c']
        );
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        for ber in [
            &[][..],
            &[0x30],
            &[0x30, 2, 5],
            &[5, 0, 5],
            &[0x04, 0x80, 0, 0],
            &[0x30, 0x80],
        ] {
            assert!(to_der(ber).is_err(), "{ber:02X?}");
        }
    }

    #[test]
    fn refuses_deep_nesting() {
        assert!(to_der(&[0x30, 0x80].repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics_and_never_grows_much(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(der) = to_der(&bytes) {
                prop_assert!(der.len() <= bytes.len() + 4);
                prop_assert_eq!(to_der(&der).expect("DER stays DER"), der);
            }
        }
    }
}
