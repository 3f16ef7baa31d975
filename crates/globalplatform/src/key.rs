//! What a card says about a key beside the key itself: type, usage, access, version and curve
//! (G 11.1.8 to 11.1.10 and B.4.2).
//!
//! Commands and data objects keep these as plain bytes, for a card may use values that no table
//! knows. The types here give the bytes their names.

mod curve;
mod usage;

pub use curve::CurveReference;
pub use usage::{KeyAccess, KeyUsage};

use core::fmt;

/// The type of a key or of a component of a key (G Table 11-16).
///
/// ```
/// use globalplatform::key::KeyType;
///
/// assert_eq!(KeyType::AES.name(), "AES");
/// assert!(KeyType::AES.is_encrypted() && !KeyType::EC_PUBLIC.is_encrypted());
/// assert_eq!(KeyType(0x99).to_string(), "99 (reserved)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyType(pub u8);

impl KeyType {
    /// DES, mode implicitly known.
    pub const DES: Self = Self(0x80);
    /// Pre-shared key for TLS.
    pub const TLS_PSK: Self = Self(0x85);
    /// AES of 16, 24 or 32 bytes.
    pub const AES: Self = Self(0x88);
    /// HMAC-SHA1, its length implicitly known.
    pub const HMAC_SHA1: Self = Self(0x90);
    /// HMAC-SHA1 of 160 bits.
    pub const HMAC_SHA1_160: Self = Self(0x91);
    /// Public exponent e of an RSA key.
    pub const RSA_PUBLIC_EXPONENT: Self = Self(0xA0);
    /// Modulus N of an RSA public key.
    pub const RSA_MODULUS: Self = Self(0xA1);
    /// Modulus N of an RSA private key, encrypted.
    pub const RSA_PRIVATE_MODULUS: Self = Self(0xA2);
    /// Private exponent d.
    pub const RSA_PRIVATE_EXPONENT: Self = Self(0xA3);
    /// Prime factor p.
    pub const RSA_P: Self = Self(0xA4);
    /// Prime factor q.
    pub const RSA_Q: Self = Self(0xA5);
    /// q⁻¹ mod p.
    pub const RSA_PQ: Self = Self(0xA6);
    /// d mod (p−1).
    pub const RSA_DP1: Self = Self(0xA7);
    /// d mod (q−1).
    pub const RSA_DQ1: Self = Self(0xA8);
    /// Point of an EC public key, `04 x y`.
    pub const EC_PUBLIC: Self = Self(0xB0);
    /// EC private key.
    pub const EC_PRIVATE: Self = Self(0xB1);
    /// Field parameter P of a curve.
    pub const EC_P: Self = Self(0xB2);
    /// First coefficient A.
    pub const EC_A: Self = Self(0xB3);
    /// Second coefficient B.
    pub const EC_B: Self = Self(0xB4);
    /// Generator G.
    pub const EC_G: Self = Self(0xB5);
    /// Order N of the generator.
    pub const EC_N: Self = Self(0xB6);
    /// Cofactor k.
    pub const EC_K: Self = Self(0xB7);
    /// Reference to curve parameters ([`CurveReference`]).
    pub const EC_CURVE_REFERENCE: Self = Self(0xF0);
    /// Introduces a type of two bytes in the extended formats.
    pub const EXTENDED: Self = Self(0xFF);

    /// Whether a component of this type travels encrypted under the DEK (G 11.8.2.3.2).
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self.0, 0x80..=0x9F | 0xA2..=0xA8 | 0xB1)
    }

    /// What the type is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x00..=0x7F => "private use",
            0x80 => "DES",
            0x85 => "TLS pre-shared key",
            0x88 => "AES",
            0x90 => "HMAC-SHA1",
            0x91 => "HMAC-SHA1-160",
            0xA0 => "RSA public exponent",
            0xA1 => "RSA modulus",
            0xA2 => "RSA private modulus",
            0xA3 => "RSA private exponent",
            0xA4 => "RSA prime p",
            0xA5 => "RSA prime q",
            0xA6 => "RSA q^-1 mod p",
            0xA7 => "RSA d mod (p-1)",
            0xA8 => "RSA d mod (q-1)",
            0xB0 => "EC public key",
            0xB1 => "EC private key",
            0xB2 => "EC field parameter P",
            0xB3 => "EC coefficient A",
            0xB4 => "EC coefficient B",
            0xB5 => "EC generator G",
            0xB6 => "EC order N",
            0xB7 => "EC cofactor k",
            0xF0 => "EC curve reference",
            0xFF => "extended format",
            _ => "reserved",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} ({})", self.0, self.name())
    }
}

/// For what a key version is reserved on a UICC (GlobalPlatform UICC Configuration), where it is.
///
/// ```
/// assert_eq!(globalplatform::key::version_use(0x30), Some("SCP03"));
/// assert_eq!(globalplatform::key::version_use(0x50), None);
/// ```
#[must_use]
pub const fn version_use(version: u8) -> Option<&'static str> {
    Some(match version {
        0x01..=0x0F => "SCP80",
        0x11 => "DAP of ETSI TS 102 226",
        0x20..=0x2F => "SCP02",
        0x30..=0x3F => "SCP03",
        0x40..=0x4F => "SCP81",
        0x70 => "token",
        0x71 => "receipt",
        0x73 => "DAP",
        0x74 => "controlling authority",
        0x75 => "ciphered load file",
        0xFF => "initial keys",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    #[test]
    fn every_constant_has_its_byte_and_its_name() {
        for (key_type, text) in [
            (KeyType(0x7F), "7F (private use)"),
            (KeyType::DES, "80 (DES)"),
            (KeyType::TLS_PSK, "85 (TLS pre-shared key)"),
            (KeyType::AES, "88 (AES)"),
            (KeyType::HMAC_SHA1, "90 (HMAC-SHA1)"),
            (KeyType::HMAC_SHA1_160, "91 (HMAC-SHA1-160)"),
            (KeyType::RSA_PUBLIC_EXPONENT, "A0 (RSA public exponent)"),
            (KeyType::RSA_MODULUS, "A1 (RSA modulus)"),
            (KeyType::RSA_PRIVATE_MODULUS, "A2 (RSA private modulus)"),
            (KeyType::RSA_PRIVATE_EXPONENT, "A3 (RSA private exponent)"),
            (KeyType::RSA_P, "A4 (RSA prime p)"),
            (KeyType::RSA_Q, "A5 (RSA prime q)"),
            (KeyType::RSA_PQ, "A6 (RSA q^-1 mod p)"),
            (KeyType::RSA_DP1, "A7 (RSA d mod (p-1))"),
            (KeyType::RSA_DQ1, "A8 (RSA d mod (q-1))"),
            (KeyType::EC_PUBLIC, "B0 (EC public key)"),
            (KeyType::EC_PRIVATE, "B1 (EC private key)"),
            (KeyType::EC_P, "B2 (EC field parameter P)"),
            (KeyType::EC_A, "B3 (EC coefficient A)"),
            (KeyType::EC_B, "B4 (EC coefficient B)"),
            (KeyType::EC_G, "B5 (EC generator G)"),
            (KeyType::EC_N, "B6 (EC order N)"),
            (KeyType::EC_K, "B7 (EC cofactor k)"),
            (KeyType::EC_CURVE_REFERENCE, "F0 (EC curve reference)"),
            (KeyType::EXTENDED, "FF (extended format)"),
            (KeyType(0xB8), "B8 (reserved)"),
        ] {
            assert_eq!(key_type.to_string(), text);
        }
    }

    #[test]
    fn public_components_are_not_encrypted() {
        let clear: Vec<u8> = (0x80..=0xFF)
            .filter(|byte| KeyType(*byte).name() != "reserved")
            .filter(|byte| !KeyType(*byte).is_encrypted())
            .collect();
        assert_eq!(
            clear,
            [
                0xA0, 0xA1, 0xB0, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xF0, 0xFF
            ]
        );
    }

    #[test]
    fn knows_the_reserved_versions() {
        let reserved = |name| {
            (0..=255)
                .filter(|version| version_use(*version) == Some(name))
                .collect::<Vec<u8>>()
        };
        assert_eq!(reserved("SCP80"), (0x01..=0x0F).collect::<Vec<_>>());
        assert_eq!(reserved("SCP02"), (0x20..=0x2F).collect::<Vec<_>>());
        assert_eq!(reserved("SCP03"), (0x30..=0x3F).collect::<Vec<_>>());
        assert_eq!(reserved("SCP81"), (0x40..=0x4F).collect::<Vec<_>>());
        assert_eq!(reserved("DAP of ETSI TS 102 226"), [0x11]);
        assert_eq!(reserved("token"), [0x70]);
        assert_eq!(reserved("receipt"), [0x71]);
        assert_eq!(reserved("DAP"), [0x73]);
        assert_eq!(reserved("controlling authority"), [0x74]);
        assert_eq!(reserved("ciphered load file"), [0x75]);
        assert_eq!(reserved("initial keys"), [0xFF]);
        assert_eq!(version_use(0x00), None);
        assert_eq!(version_use(0x10), None);
        assert_eq!(version_use(0x72), None);
    }
}
