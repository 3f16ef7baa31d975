//! How bytes, AIDs and keys look in the state file: upper-case hexadecimal strings.

use core::fmt;

use globalplatform::aid::Aid;
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use zeroize::Zeroizing;

/// Reads a string and hands it to a parser.
fn text<'de, D, T, F>(deserializer: D, what: &'static str, parse: F) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    F: Fn(&str) -> Option<T>,
{
    struct Text<F>(&'static str, F);
    impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Text<F> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
            (self.1)(value)
                .ok_or_else(|| E::invalid_value(de::Unexpected::Other("another string"), &self))
        }
    }
    deserializer.deserialize_str(Text(what, parse))
}

/// Any number of bytes.
pub(crate) mod hex_bytes {
    use super::*;
    pub(crate) fn serialize<S: Serializer, B: AsRef<[u8]>>(
        bytes: &B,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode_upper(bytes)))
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>, B: From<Vec<u8>>>(
        deserializer: D,
    ) -> Result<B, D::Error> {
        text(deserializer, "hexadecimal bytes", |s| {
            hex::decode(s).ok().map(B::from)
        })
    }
}

/// A fixed number of bytes.
pub(crate) mod hex_array {
    use super::*;
    pub(crate) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode_upper(bytes)))
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        text(deserializer, "hexadecimal bytes of the right number", |s| {
            <[u8; N]>::try_from(hex::decode(s).ok()?).ok()
        })
    }
}

/// One AID.
pub(crate) mod aid {
    use super::*;
    pub(crate) fn serialize<S: Serializer>(aid: &Aid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(aid)
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Aid, D::Error> {
        text(deserializer, "an AID", |s| s.parse().ok())
    }
}

/// An AID or the empty string.
pub(crate) mod optional_aid {
    use super::*;
    pub(crate) fn serialize<S: Serializer>(
        aid: &Option<Aid>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match aid {
            Some(aid) => serializer.collect_str(aid),
            None => serializer.serialize_str(""),
        }
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Aid>, D::Error> {
        text(deserializer, "an AID or nothing", |s| match s {
            "" => Some(None),
            s => s.parse().ok().map(Some),
        })
    }
}

/// Several AIDs: one string, separated by blanks.
pub(crate) mod aids {
    use super::*;
    pub(crate) fn serialize<S: Serializer>(aids: &[Aid], serializer: S) -> Result<S::Ok, S::Error> {
        let words: Vec<String> = aids.iter().map(Aid::to_string).collect();
        serializer.serialize_str(&words.join(" "))
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Aid>, D::Error> {
        text(deserializer, "AIDs separated by blanks", |s| {
            s.split_whitespace().map(|word| word.parse().ok()).collect()
        })
    }
}

/// Privileges: three bytes.
pub(crate) mod privileges {
    use super::*;
    use globalplatform::privileges::Privileges;
    pub(crate) fn serialize<S: Serializer>(
        privileges: &Privileges,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        hex_array::serialize(&privileges.to_bytes(), serializer)
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Privileges, D::Error> {
        text(deserializer, "three bytes of privileges", |s| {
            Privileges::from_bytes(&hex::decode(s).ok()?).ok()
        })
    }
}

/// The three keys of a key set: ENC, MAC, DEK in a row.
pub(crate) mod static_keys {
    use super::*;
    use scp03::StaticKeys;
    pub(crate) fn serialize<S: Serializer>(
        keys: &StaticKeys,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let joined = Zeroizing::new(
            [
                keys.enc.danger_bytes(),
                keys.mac.danger_bytes(),
                keys.dek.danger_bytes(),
            ]
            .concat(),
        );
        serializer.serialize_str(&Zeroizing::new(hex::encode_upper(&*joined)))
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<StaticKeys, D::Error> {
        text(deserializer, "three AES keys of one length", |s| {
            let joined = Zeroizing::new(hex::decode(s).ok()?);
            let (enc, rest) = joined.split_at_checked(joined.len() / 3)?;
            let (mac, dek) = rest.split_at_checked(joined.len() / 3)?;
            StaticKeys::from_bytes(enc, mac, dek).ok()
        })
    }
}
