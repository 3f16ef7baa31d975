//! Instructions of the Java Card virtual machine (JCVM 3.1, chapters 7 and 8), as far as one must
//! know them to walk through byte code: how long they are, where they go, what they refer to.

use alloc::vec::Vec;

use super::constant_pool::Constant;
use crate::{error::DecodeError, tlv::Reader};

/// An instruction in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The operation code.
    pub opcode: u8,
    /// Bytes of the instruction, operands included.
    pub length: usize,
    /// Its index into the constant pool, if it has one.
    pub reference: Option<Reference>,
    /// Where it may jump to, counted from its own first byte.
    pub jumps: Vec<i32>,
    /// Whether the next instruction may follow it.
    pub falls_through: bool,
}

/// An operand that is an index into the constant pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Where it lies, counted from the first byte of the instruction.
    pub position: usize,
    /// Whether it has two bytes and not one.
    pub is_long: bool,
    /// The index.
    pub index: u16,
    /// What the constant must be.
    pub target: Target,
}

/// What an instruction may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A class or interface.
    Class,
    /// A field of an object.
    InstanceField,
    /// A static field.
    StaticField,
    /// A method looked up in the object's class.
    VirtualMethod,
    /// A static method or constructor.
    StaticMethod,
    /// A constructor, private method or method of a superclass.
    SpecialMethod,
}

impl Target {
    /// Whether the constant is what the instruction needs.
    #[must_use]
    pub const fn accepts(self, constant: &Constant) -> bool {
        matches!(
            (self, constant),
            (Self::Class, Constant::Class(_))
                | (Self::InstanceField, Constant::InstanceField(_))
                | (
                    Self::StaticField,
                    Constant::StaticField(_)
                        | Constant::ExternalStatic {
                            is_method: false,
                            ..
                        }
                )
                | (Self::VirtualMethod, Constant::VirtualMethod(_))
                | (
                    Self::StaticMethod | Self::SpecialMethod,
                    Constant::StaticMethod(_)
                        | Constant::ExternalStatic {
                            is_method: true,
                            ..
                        }
                )
                | (Self::SpecialMethod, Constant::SuperMethod(_))
        )
    }
}

/// The operands of an instruction.
enum Form {
    /// This many bytes that need no attention.
    Plain(usize),
    /// An index of one byte.
    Short(Target),
    /// Some bytes, an index of two bytes, some bytes.
    Long(usize, Target, usize),
    /// `checkcast` and `instanceof`: a type, and an index if it is one of classes.
    TypeCheck,
    /// A distance of one or two bytes.
    Branch(bool),
    /// A table of distances: whether it has keys, bytes of a key.
    Switch(bool, usize),
}

/// Operands by operation code; `None` for codes without meaning and those reserved for the virtual
/// machine (FE, FF).
const fn form(opcode: u8) -> Option<Form> {
    Some(match opcode {
        0x00..=0x0F | 0x18..=0x27 | 0x2B..=0x3E | 0x41..=0x58 | 0x5B..=0x5F => Form::Plain(0),
        0x77..=0x7A | 0x92 | 0x93 => Form::Plain(0),
        0x10 | 0x12 | 0x15..=0x17 | 0x28..=0x2A | 0x3F | 0x40 | 0x72 | 0x90 => Form::Plain(1),
        0x11 | 0x13 | 0x59 | 0x5A => Form::Plain(2),
        0x96 | 0x97 => Form::Plain(3),
        0x14 => Form::Plain(4),
        0x60..=0x70 => Form::Branch(false),
        0x71 | 0x98..=0xA8 => Form::Branch(true),
        0x73 => Form::Switch(false, 2),
        0x74 => Form::Switch(false, 4),
        0x75 => Form::Switch(true, 2),
        0x76 => Form::Switch(true, 4),
        0x7B..=0x82 => Form::Long(0, Target::StaticField, 0),
        0x83..=0x8A | 0xAD..=0xB0 | 0xB5..=0xB8 => Form::Short(Target::InstanceField),
        0xA9..=0xAC | 0xB1..=0xB4 => Form::Long(0, Target::InstanceField, 0),
        0x8B => Form::Long(0, Target::VirtualMethod, 0),
        0x8C => Form::Long(0, Target::SpecialMethod, 0),
        0x8D => Form::Long(0, Target::StaticMethod, 0),
        0x8E => Form::Long(1, Target::Class, 1),
        0x8F | 0x91 => Form::Long(0, Target::Class, 0),
        0x94 | 0x95 => Form::TypeCheck,
        _ => return None,
    })
}

impl Instruction {
    /// Reads the instruction that comes next.
    ///
    /// # Errors
    /// [`DecodeError`] for an operation code without meaning, or when the operands are cut off.
    ///
    /// ```
    /// use globalplatform::{load_file::Instruction, tlv::Reader};
    ///
    /// let code = [0x60, 0x03, 0x7A, 0x7A]; // ifeq +3, return, return
    /// let branch = Instruction::read(&mut Reader::new(&code))?;
    /// assert_eq!((branch.length, branch.jumps), (2, vec![3]));
    /// assert!(Instruction::read(&mut Reader::new(&[0xFE])).is_err());
    /// # Ok::<(), globalplatform::error::DecodeError>(())
    /// ```
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let opcode = reader.u8()?;
        let form = form(opcode).ok_or(DecodeError::InvalidValue {
            offset,
            field: "instruction",
        })?;
        let mut jumps = Vec::new();
        let mut reference = None;
        match form {
            Form::Plain(length) => {
                reader.take(length)?;
            }
            Form::Short(target) => {
                let index = reader.u8()?.into();
                reference = Some(Reference {
                    position: 1,
                    is_long: false,
                    index,
                    target,
                });
            }
            Form::Long(before, target, behind) => {
                reader.take(before)?;
                reference = Some(Reference::read_long(reader, 1 + before, target)?);
                reader.take(behind)?;
            }
            Form::TypeCheck => {
                // Types 10 to 13 are arrays of primitive elements and have no class.
                let primitive = matches!(reader.u8()?, 10..=13);
                let class = Reference::read_long(reader, 2, Target::Class)?;
                reference = (!primitive).then_some(class);
            }
            Form::Branch(wide) => jumps.push(if wide {
                i16::from_be_bytes(reader.array()?).into()
            } else {
                i8::from_be_bytes(reader.array()?).into()
            }),
            Form::Switch(keys, width) => read_switch(reader, keys, width, &mut jumps)?,
        }
        Ok(Self {
            opcode,
            length: reader.offset() - offset,
            reference,
            jumps,
            falls_through: !matches!(opcode, 0x70 | 0x72..=0x7A | 0x93 | 0xA8),
        })
    }

    /// Whether it needs the 32-bit integer type, which not every card has.
    #[must_use]
    pub const fn uses_int(&self) -> bool {
        matches!(
            self.opcode,
            0x09..=0x0F
                | 0x12..=0x14
                | 0x17
                | 0x20..=0x23
                | 0x27
                | 0x2A
                | 0x33..=0x36
                | 0x3A
                | 0x42
                | 0x44
                | 0x46
                | 0x48
                | 0x4A
                | 0x4C
                | 0x4E
                | 0x50
                | 0x52
                | 0x54
                | 0x56
                | 0x58
                | 0x5A
                | 0x5C..=0x5F
                | 0x74
                | 0x76
                | 0x79
                | 0x7E
                | 0x82
                | 0x86
                | 0x8A
                | 0x97
                | 0xAC
                | 0xB0
                | 0xB4
                | 0xB8
        )
    }
}

impl Reference {
    fn read_long(
        reader: &mut Reader<'_>,
        position: usize,
        target: Target,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            position,
            is_long: true,
            index: reader.u16()?,
            target,
        })
    }
}

/// Default distance, then a count and pairs of key and distance, or the lowest and highest key and a
/// distance for each.
fn read_switch(
    reader: &mut Reader<'_>,
    keys: bool,
    width: usize,
    jumps: &mut Vec<i32>,
) -> Result<(), DecodeError> {
    let mut distance = |reader: &mut Reader<'_>| -> Result<(), DecodeError> {
        jumps.push(i16::from_be_bytes(reader.array()?).into());
        Ok(())
    };
    distance(reader)?;
    if keys {
        let count = reader.u16()?;
        for _ in 0..count {
            reader.take(width)?;
            distance(reader)?;
        }
        return Ok(());
    }
    let offset = reader.offset();
    let low = read_key(reader, width)?;
    let high = read_key(reader, width)?;
    if high < low {
        return Err(DecodeError::InvalidValue {
            offset,
            field: "range of a switch",
        });
    }
    for _ in low..=high {
        distance(reader)?;
    }
    Ok(())
}

/// A signed number of two or four bytes.
fn read_key(reader: &mut Reader<'_>, width: usize) -> Result<i64, DecodeError> {
    Ok(if width == 2 {
        i16::from_be_bytes(reader.array()?).into()
    } else {
        i32::from_be_bytes(reader.array()?).into()
    })
}

#[cfg(test)]
mod tests;
