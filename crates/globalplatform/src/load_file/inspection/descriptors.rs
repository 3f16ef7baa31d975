//! Descriptor and Debug against what they describe.

use alloc::{collections::BTreeMap, format};

use super::{
    super::{
        ClassDescriptor, ClassRef, ComponentKind, Constant, Descriptor, FieldDescriptor,
        Instruction, MethodDescriptor, MethodPosition,
    },
    Findings,
    constants::static_field_fault,
    package::{Package, Wanted},
    starts::Starts,
    types::{check_types, is_type},
};
use crate::tlv::Reader;

const KIND: ComponentKind = ComponentKind::Descriptor;
/// The type of constants that are classes.
const NO_TYPE: u16 = 0xFFFF;

pub(super) fn check(package: &Package<'_>, starts: &Starts, findings: &mut Findings) {
    if let Some(descriptor) = &package.descriptor {
        check_types(package, KIND, &descriptor.types, findings);
        check_constants(package, descriptor, findings);
        check_classes(package, descriptor, findings);
        check_ranges(package, descriptor, starts, findings);
    }
    check_debug(package, findings);
}

fn check_constants(package: &Package<'_>, descriptor: &Descriptor, findings: &mut Findings) {
    let Some(pool) = &package.pool else {
        return;
    };
    let at = descriptor.types_offset;
    let (types, constants) = (descriptor.constant_types.len(), pool.constants.len());
    if types != constants {
        let message = format!("types of {types} constants, there are {constants}");
        return findings.error(KIND, at, message);
    }
    let pairs = pool.constants.iter().zip(&descriptor.constant_types);
    for (index, (constant, kind)) in pairs.enumerate() {
        let fits = match constant {
            Constant::Class(_) => *kind == NO_TYPE,
            _ => is_type(descriptor, *kind),
        };
        if !fits {
            let message = format!("constant {index} has no valid type");
            findings.error(KIND, at + 2 + 2 * index, message);
        }
    }
}

fn check_classes(package: &Package<'_>, descriptor: &Descriptor, findings: &mut Findings) {
    let mut described = BTreeMap::new();
    for class in descriptor.classes() {
        let wanted = if class.is_interface {
            Wanted::Interface
        } else {
            Wanted::Class
        };
        match class.this_class {
            ClassRef::External { .. } => {
                findings.error(KIND, class.offset, "class of another package is described");
            }
            ClassRef::Internal(offset) => {
                if let Some(fault) = package.class_fault(class.this_class, wanted) {
                    findings.error(KIND, class.offset, format!("described class: {fault}"));
                }
                if described.insert(usize::from(offset), ()).is_some() {
                    findings.error(KIND, class.offset, "class is described twice");
                }
            }
        }
        check_members(package, descriptor, class, findings);
    }
    for info in package.classes.iter().flat_map(|classes| &classes.types) {
        if !described.contains_key(&info.offset) {
            let at = package.base(ComponentKind::Class) + info.offset;
            findings.error(ComponentKind::Class, at, "class is not described");
        }
    }
}

fn check_members(
    package: &Package<'_>,
    descriptor: &Descriptor,
    class: &ClassDescriptor,
    findings: &mut Findings,
) {
    for interface in &class.interfaces {
        if let Some(fault) = package.class_fault(*interface, Wanted::Interface) {
            findings.error(KIND, class.offset, format!("described interface: {fault}"));
        }
    }
    for field in &class.fields {
        check_field(package, class, field, findings);
        if !is_type(descriptor, field.kind) {
            findings.error(KIND, field.offset, "field has no valid type");
        }
    }
    for method in &class.methods {
        if descriptor.type_at(method.kind).is_none() {
            findings.error(KIND, method.offset, "method has no valid type");
        }
        if let Some(fault) = handlers_fault(package, method) {
            findings.error(KIND, method.offset, fault);
        }
    }
}

fn check_field(
    package: &Package<'_>,
    class: &ClassDescriptor,
    field: &FieldDescriptor,
    findings: &mut Findings,
) {
    let [first, second, third] = field.location;
    if field.is_static {
        let offset = u16::from_be_bytes([second, third]);
        if let Some(fault) = static_field_fault(package, offset) {
            findings.error(KIND, field.offset, format!("described field: {fault}"));
        }
    } else if ClassRef::from_bytes([first, second]) != class.this_class {
        findings.error(KIND, field.offset, "field belongs to another class");
    }
}

fn handlers_fault(package: &Package<'_>, method: &MethodDescriptor) -> Option<&'static str> {
    let block = package.methods.as_ref()?.block(method.position.block)?;
    let last = usize::from(method.first_handler) + usize::from(method.handler_count);
    (method.handler_count > 0 && last > block.handlers.len())
        .then_some("method has exception handlers that do not exist")
}

/// Methods lie one behind the other, and each is a sequence of instructions.
fn check_ranges(
    package: &Package<'_>,
    descriptor: &Descriptor,
    starts: &Starts,
    findings: &mut Findings,
) {
    let classes = descriptor.classes().filter(|class| !class.is_interface);
    let mut described: BTreeMap<MethodPosition, &MethodDescriptor> = BTreeMap::new();
    for method in classes.flat_map(|class| &class.methods) {
        if described.insert(method.position, method).is_some() {
            findings.error(KIND, method.offset, "method is described twice");
        }
    }
    let base = package.base(ComponentKind::Method);
    let blocks = package.methods.iter().flat_map(|table| &table.blocks);
    for (number, block) in (0u8..).zip(blocks) {
        let mut expected = block.code_start();
        let in_block = starts.0.iter().filter(|(at, _)| at.block == number);
        for (position, header) in in_block {
            let start = usize::from(position.offset);
            let at = base + block.start + start;
            let Some(method) = described.get(position) else {
                findings.error(ComponentKind::Method, at, "method is not described");
                continue;
            };
            if start != expected {
                let message =
                    format!("method begins here, the one before ends at 0x{expected:04X}");
                findings.error(ComponentKind::Method, at, message);
            }
            let begin = start + header.length;
            expected = begin + usize::from(method.code_size);
            match block.info.get(begin..expected) {
                Some(code) if is_code(code) => {}
                Some(_) => {
                    let message = "described method does not end with an instruction";
                    findings.error(KIND, method.offset, message);
                }
                None => {
                    let message = "described method is longer than Method";
                    findings.error(KIND, method.offset, message);
                }
            }
        }
        if expected < block.info.len() {
            let at = base + block.start + expected;
            findings.error(ComponentKind::Method, at, "bytes of no described method");
        }
    }
}

/// Whether the bytes are instructions up to the last one.
fn is_code(code: &[u8]) -> bool {
    let mut reader = Reader::new(code);
    while !reader.is_empty() {
        if Instruction::read(&mut reader).is_err() {
            return false;
        }
    }
    true
}

/// Debug is never loaded: what is wrong with it is no more than a warning.
fn check_debug(package: &Package<'_>, findings: &mut Findings) {
    for class in package.debug.iter().flat_map(|debug| &debug.classes) {
        let location = ClassRef::from_bytes(class.location.to_be_bytes());
        if let Some(fault) = package.class_fault(location, Wanted::Any) {
            let message = format!("class {}: {fault}", class.name);
            findings.warning(ComponentKind::Debug, 0, message);
        }
    }
}
