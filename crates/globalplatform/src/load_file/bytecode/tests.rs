//! Tests of instructions against a table written down separately.

use super::*;
use crate::{
    commands::testing::{any_bytes, bytes},
    load_file::{ClassRef, Member, MethodPosition},
};
use proptest::prelude::*;

fn read(hex: &str) -> Result<Instruction, DecodeError> {
    Instruction::read(&mut Reader::with_base(&bytes(hex), 7))
}

/// How many bytes each instruction has (JCVM 3.1, 7.5), row by row of sixteen codes; 0 for those
/// that have no fixed length.
const LENGTHS: [&str; 9] = [
    "1111111111111111",
    "2323522211111111",
    "1111111122211111",
    "1111111111111112",
    "2111111111111111",
    "1111111113311111",
    "2222222222222222",
    "2320000111133333",
    "3332222222233353",
];

fn lengths() -> Vec<u8> {
    let mut lengths: Vec<u8> = LENGTHS.concat().bytes().map(|b| b - b'0').collect();
    // newarray, anewarray, arraylength, athrow, checkcast, instanceof, sinc_w, iinc_w
    lengths.extend([2, 3, 1, 1, 4, 4, 4, 4]);
    // wide branches
    lengths.extend([3; 0xA9 - 0x98]);
    // getfield_w, getfield_this, putfield_w, putfield_this
    lengths.extend([3, 3, 3, 3, 2, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 2]);
    lengths
}

#[test]
fn knows_the_length_of_every_instruction() {
    let lengths = lengths();
    assert_eq!(lengths.len(), 0xB9);
    for opcode in 0..=0xFFu8 {
        let mut code = alloc::vec![opcode];
        code.extend([0; 4]);
        let read = Instruction::read(&mut Reader::with_base(&code, 7));
        match lengths.get(usize::from(opcode)) {
            None => assert_eq!(
                read,
                Err(DecodeError::InvalidValue {
                    offset: 7,
                    field: "instruction"
                })
            ),
            Some(0) => {}
            Some(&length) => {
                let instruction = read.unwrap();
                assert_eq!(instruction.length, usize::from(length), "{opcode:02X}");
                assert_eq!(instruction.opcode, opcode);
                let cut = Instruction::read(&mut Reader::new(&code[..usize::from(length) - 1]));
                assert!(cut.is_err(), "{opcode:02X}");
            }
        }
    }
}

#[test]
fn knows_where_each_instruction_goes() {
    for opcode in 0..0xB9u8 {
        let mut code = alloc::vec![opcode];
        code.extend([0xFF, 0xFE, 0, 1, 0, 1, 0, 0]);
        let Ok(instruction) = Instruction::read(&mut Reader::new(&code)) else {
            continue;
        };
        let ends = [0x70, 0x72, 0x77, 0x78, 0x79, 0x7A, 0x93, 0xA8].contains(&opcode)
            || (0x73..=0x76).contains(&opcode);
        assert_eq!(instruction.falls_through, !ends, "{opcode:02X}");
        let jump = match opcode {
            0x60..=0x70 => Some(-1),
            0x71 | 0x98..=0xA8 => Some(-2),
            _ => None,
        };
        if !(0x73..=0x76).contains(&opcode) {
            assert_eq!(instruction.jumps, Vec::from_iter(jump), "{opcode:02X}");
        }
    }
}

#[test]
fn reads_the_four_switches() {
    for (hex, length, jumps) in [
        ("73 0010 FFA4 FFA5 0009 8000", 11, &[16, 9, -32768][..]),
        ("73 0010 0003 0003 7FFF", 9, &[16, 32767]),
        ("74 0010 FFFFFFFF 00000000 0009 000A", 15, &[16, 9, 10]),
        ("75 FFF0 0002 0001 0004 0002 0005", 13, &[-16, 4, 5]),
        ("75 FFF0 0000", 5, &[-16]),
        ("76 0010 0001 00000001 0004", 11, &[16, 4]),
    ] {
        let switch = read(hex).unwrap();
        assert_eq!((switch.length, &switch.jumps[..]), (length, jumps), "{hex}");
        assert!(!switch.falls_through);
    }
    let range = DecodeError::InvalidValue {
        offset: 10,
        field: "range of a switch",
    };
    assert_eq!(read("73 0010 0002 0001"), Err(range));
    assert_eq!(read("74 0010 00000000 FFFFFFFF"), Err(range));
    let cut = DecodeError::Truncated {
        offset: 14,
        needed: 2,
    };
    assert_eq!(read("73 0010 8000 7FFF"), Err(cut));
}

#[test]
fn finds_references_to_the_constant_pool() {
    let short = |target| (1, false, 0x01, target);
    let long = |target| (1, true, 0x0102, target);
    for opcode in 0..0xB9u8 {
        if (0x73..=0x76).contains(&opcode) {
            continue;
        }
        let code = [opcode, 1, 2, 3, 4];
        let instruction = Instruction::read(&mut Reader::new(&code)).unwrap();
        let expected = match opcode {
            0x7B..=0x82 => Some(long(Target::StaticField)),
            0x83..=0x8A | 0xAD..=0xB0 | 0xB5..=0xB8 => Some(short(Target::InstanceField)),
            0xA9..=0xAC | 0xB1..=0xB4 => Some(long(Target::InstanceField)),
            0x8B => Some(long(Target::VirtualMethod)),
            0x8C => Some(long(Target::SpecialMethod)),
            0x8D => Some(long(Target::StaticMethod)),
            0x8F | 0x91 => Some(long(Target::Class)),
            0x8E | 0x94 | 0x95 => Some((2, true, 0x0203, Target::Class)),
            _ => None,
        };
        let found = instruction
            .reference
            .map(|r| (r.position, r.is_long, r.index, r.target));
        assert_eq!(found, expected, "{opcode:02X}");
    }
    for (element, has_class) in [(0, true), (9, true), (10, false), (13, false), (14, true)] {
        let code = alloc::format!("94 {element:02X} 0000");
        assert_eq!(read(&code).unwrap().reference.is_some(), has_class);
    }
}

#[test]
fn knows_which_instructions_need_integers() {
    // Mnemonics with an i for the type, from the table of JCVM 3.1, 8.2.
    let integers = bytes(
        "09 0A 0B 0C 0D 0E 0F 12 13 14 17 20 21 22 23 27 2A 33 34 35 36 3A 42 44 46 48 4A 4C 4E 50 \
         52 54 56 58 5A 5C 5D 5E 5F 74 76 79 7E 82 86 8A 97 AC B0 B4 B8",
    );
    for opcode in 0..0xB9u8 {
        let mut code = alloc::vec![opcode];
        code.extend([0; 24]);
        let instruction = Instruction::read(&mut Reader::new(&code)).unwrap();
        assert_eq!(
            instruction.uses_int(),
            integers.contains(&opcode),
            "{opcode:02X}"
        );
    }
}

#[test]
fn tells_which_constants_suit_an_instruction() {
    let class = ClassRef::Internal(0);
    let member = Member { class, token: 0 };
    let external = |is_method| Constant::ExternalStatic {
        is_method,
        class,
        token: 0,
    };
    let constants = [
        Constant::Class(class),
        Constant::InstanceField(member),
        Constant::VirtualMethod(member),
        Constant::SuperMethod(member),
        Constant::StaticField(0),
        Constant::StaticMethod(MethodPosition {
            block: 0,
            offset: 0,
        }),
        external(false),
        external(true),
    ];
    for (target, accepted) in [
        (Target::Class, &[0][..]),
        (Target::InstanceField, &[1]),
        (Target::VirtualMethod, &[2]),
        (Target::SpecialMethod, &[3, 5, 7]),
        (Target::StaticField, &[4, 6]),
        (Target::StaticMethod, &[5, 7]),
    ] {
        for (index, constant) in constants.iter().enumerate() {
            let expected = accepted.contains(&index);
            assert_eq!(
                target.accepts(constant),
                expected,
                "{target:?} {constant:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(data in any_bytes(0..40)) {
        if let Err(error) = Instruction::read(&mut Reader::new(&data)) {
            prop_assert!(error.offset() <= data.len());
        }
    }
}
