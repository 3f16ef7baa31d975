//! Classes and interfaces: their relations and the sizes of their tables.

use alloc::format;

use super::{
    super::{ClassInfo, ClassRef, ComponentKind, Descriptor, TypeDescriptor, TypeInfo, TypeKind},
    Findings,
    package::{Package, Wanted},
};
use crate::tlv::Reader;

const KIND: ComponentKind = ComponentKind::Class;
/// The token that stands for no reference among the fields.
const NO_TOKEN: u8 = 0xFF;
/// Where the signature pool begins in the information of the component.
const SIGNATURE_POOL: usize = 2;

pub(super) fn check(package: &Package<'_>, findings: &mut Findings) {
    let Some(classes) = &package.classes else {
        return;
    };
    let base = package.base(KIND);
    for info in &classes.types {
        match &info.kind {
            TypeKind::Interface { superinterfaces } => {
                let message = |fault| format!("superinterface: {fault}");
                for interface in superinterfaces {
                    if let Some(fault) = package.class_fault(*interface, Wanted::Interface) {
                        findings.error(KIND, base + info.offset, message(fault));
                    }
                }
            }
            TypeKind::Class(class) => {
                check_class(package, info, class, findings);
            }
        }
    }
    let pool = Reader::with_base(&classes.signature_pool, base + SIGNATURE_POOL);
    match TypeDescriptor::read_all(&mut pool.clone()) {
        Ok(types) => check_types(package, KIND, &types, findings),
        Err(error) => findings.malformed(KIND, error),
    }
}

fn check_class(package: &Package<'_>, info: &TypeInfo, class: &ClassInfo, findings: &mut Findings) {
    let at = package.base(KIND) + info.offset;
    match class.superclass {
        None => findings.warning(KIND, at, "class has no superclass"),
        Some(superclass) => {
            if let Some(fault) = package.class_fault(superclass, Wanted::Class) {
                findings.error(KIND, at, format!("superclass: {fault}"));
            } else if let ClassRef::Internal(offset) = superclass
                && usize::from(offset) >= info.offset
            {
                findings.error(KIND, at, "superclass does not come before its subclass");
            }
        }
    }
    if (class.first_reference == NO_TOKEN) != (class.reference_count == 0) {
        findings.warning(KIND, at, "first reference and count of references disagree");
    }
    if class.reference_count > class.instance_size {
        findings.error(KIND, at, "more references than fields");
    }
    let tokens = usize::from(class.public_base) + class.public_methods.len();
    for implemented in &class.interfaces {
        if let Some(fault) = package.class_fault(implemented.interface, Wanted::Interface) {
            findings.error(KIND, at, format!("implemented interface: {fault}"));
        }
        let beyond = |token: &&u8| usize::from(**token) >= tokens;
        if let Some(token) = implemented.methods.iter().find(beyond) {
            let message =
                format!("implements a method of an interface by method {token}, it has {tokens}");
            findings.error(KIND, at, message);
        }
    }
    for interface in &class.remote_interfaces {
        if let Some(fault) = package.class_fault(*interface, Wanted::Interface) {
            findings.error(KIND, at, format!("remote interface: {fault}"));
        }
    }
}

/// Classes that types name must exist.
pub(super) fn check_types(
    package: &Package<'_>,
    component: ComponentKind,
    types: &[TypeDescriptor],
    findings: &mut Findings,
) {
    for descriptor in types {
        for class in &descriptor.classes {
            if let Some(fault) = package.class_fault(*class, Wanted::Any) {
                let message = format!("type: {fault}");
                findings.error(component, descriptor.offset, message);
            }
        }
    }
}

/// A type of the Descriptor: a primitive one (80xx), or one of its table.
pub(super) fn is_type(descriptor: &Descriptor, kind: u16) -> bool {
    matches!(kind, 0x8002..=0x8005) || descriptor.type_at(kind).is_some()
}
