//! How single values are written: one trait, and a macro for structs of them.

use core::fmt;

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use tsm_core::fleet::{Eid, Imei, Msisdn};
use tsm_core::identity::{BatchName, Iccid, ProfileName, ServiceName, Tenant};
use tsm_core::ports::SlotId;
use tsm_core::time::Timestamp;

/// The part of a record that can't be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}", self.0)
    }
}

/// A value of the domain that is written as `W`.
pub(super) trait Field<W>: Sized {
    /// As written.
    fn wire(&self) -> Result<W, Malformed>;

    /// Refuses what no value is written as.
    fn parse(wire: W) -> Result<Self, Malformed>;
}

/// A struct of the domain and its message, field by field.
macro_rules! form {
    ($domain:ty as $form:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::records::field::Field<$form> for $domain {
            fn wire(&self) -> Result<$form, $crate::records::field::Malformed> {
                Ok($form {
                    $($field: $crate::records::field::Field::wire(&self.$field)?),+
                })
            }

            fn parse(form: $form) -> Result<Self, $crate::records::field::Malformed> {
                Ok(Self {
                    $($field: $crate::records::field::Field::parse(form.$field)?),+
                })
            }
        }
    };
}
pub(super) use form;

/// An enum of the domain and the numbers that stand for its variants. Numbers
/// are never reused; 0 is none.
macro_rules! codes {
    ($domain:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $crate::records::field::Coded for $domain {
            const CODES: &'static [(Self, u32)] = &[$((Self::$variant, $code)),+];
            const NAME: &'static str = stringify!($domain);
        }

        impl $crate::records::field::Field<u32> for $domain {
            fn wire(&self) -> Result<u32, $crate::records::field::Malformed> {
                $crate::records::field::Coded::code(self)
            }

            fn parse(code: u32) -> Result<Self, $crate::records::field::Malformed> {
                $crate::records::field::Coded::from_code(code)
            }
        }
    };
}
pub(super) use codes;

/// An enum with a number for each variant.
pub(super) trait Coded: Copy + PartialEq + 'static {
    /// Variants and their numbers.
    const CODES: &'static [(Self, u32)];
    /// For errors.
    const NAME: &'static str;

    /// Number of this variant.
    fn code(&self) -> Result<u32, Malformed> {
        let found = Self::CODES.iter().find(|(variant, _)| variant == self);
        found.map(|(_, code)| *code).ok_or(Malformed(Self::NAME))
    }

    /// Variant of a number.
    fn from_code(code: u32) -> Result<Self, Malformed> {
        let found = Self::CODES.iter().find(|(_, known)| *known == code);
        found
            .map(|(variant, _)| *variant)
            .ok_or(Malformed(Self::NAME))
    }
}

/// Values that are written as themselves.
macro_rules! plain {
    ($($type:ty),+) => {
        $(impl Field<$type> for $type {
            fn wire(&self) -> Result<$type, Malformed> {
                Ok(self.clone())
            }

            fn parse(wire: $type) -> Result<Self, Malformed> {
                Ok(wire)
            }
        })+
    };
}
plain!(u32, u64, bool, String, Vec<u8>);

/// Names that are written as text and checked when read.
macro_rules! names {
    ($($type:ident),+) => {
        $(impl Field<String> for $type {
            fn wire(&self) -> Result<String, Malformed> {
                Ok(self.as_str().to_owned())
            }

            fn parse(text: String) -> Result<Self, Malformed> {
                Self::new(&text).map_err(|_| Malformed(stringify!($type)))
            }
        })+
    };
}
names!(
    Iccid,
    ServiceName,
    Tenant,
    ProfileName,
    BatchName,
    Eid,
    Imei,
    Msisdn
);

impl Field<u32> for u8 {
    fn wire(&self) -> Result<u32, Malformed> {
        Ok((*self).into())
    }

    fn parse(wire: u32) -> Result<Self, Malformed> {
        wire.try_into().map_err(|_| Malformed("byte"))
    }
}

impl Field<i64> for Timestamp {
    fn wire(&self) -> Result<i64, Malformed> {
        Ok(self.0)
    }

    fn parse(wire: i64) -> Result<Self, Malformed> {
        Ok(Self(wire))
    }
}

impl Field<u64> for SlotId {
    fn wire(&self) -> Result<u64, Malformed> {
        Ok(self.0)
    }

    fn parse(wire: u64) -> Result<Self, Malformed> {
        Ok(Self(wire))
    }
}

impl<const N: usize> Field<Vec<u8>> for [u8; N] {
    fn wire(&self) -> Result<Vec<u8>, Malformed> {
        Ok(self.to_vec())
    }

    fn parse(wire: Vec<u8>) -> Result<Self, Malformed> {
        wire.try_into().map_err(|_| Malformed("length"))
    }
}

impl Field<Vec<u8>> for Aid {
    fn wire(&self) -> Result<Vec<u8>, Malformed> {
        Ok(self.as_bytes().to_vec())
    }

    fn parse(wire: Vec<u8>) -> Result<Self, Malformed> {
        Self::new(&wire).map_err(|_| Malformed("AID"))
    }
}

impl Field<Vec<u8>> for Privileges {
    fn wire(&self) -> Result<Vec<u8>, Malformed> {
        Ok(self.to_bytes().to_vec())
    }

    fn parse(wire: Vec<u8>) -> Result<Self, Malformed> {
        <[u8; 3]>::parse(wire).map(Self)
    }
}

impl<W, T: Field<W>> Field<Option<W>> for Option<T> {
    fn wire(&self) -> Result<Option<W>, Malformed> {
        self.as_ref().map(T::wire).transpose()
    }

    fn parse(wire: Option<W>) -> Result<Self, Malformed> {
        wire.map(T::parse).transpose()
    }
}

impl<W, T: Field<W>> Field<Vec<W>> for Vec<T> {
    fn wire(&self) -> Result<Vec<W>, Malformed> {
        self.iter().map(T::wire).collect()
    }

    fn parse(wire: Vec<W>) -> Result<Self, Malformed> {
        wire.into_iter().map(T::parse).collect()
    }
}
