//! The constant pool: what it refers to must exist.

use alloc::format;

use super::{
    super::{ClassRef, ComponentKind, Constant, ConstantPool},
    Findings,
    package::{Package, Wanted},
};

const KIND: ComponentKind = ComponentKind::ConstantPool;
/// The bit of package-visible methods' tokens, which other packages cannot know.
const PACKAGE_VISIBLE: u8 = 0x80;

pub(super) fn check(package: &Package<'_>, findings: &mut Findings) {
    for (index, constant) in package
        .pool
        .iter()
        .flat_map(|pool| &pool.constants)
        .enumerate()
    {
        let offset = constant_offset(package, index);
        let fault = match *constant {
            Constant::Class(class) => package.class_fault(class, Wanted::Any),
            Constant::ExternalStatic { class, .. } => package.class_fault(class, Wanted::Any),
            Constant::InstanceField(member) => package.class_fault(member.class, Wanted::Class),
            Constant::VirtualMethod(member) => match member.class {
                ClassRef::External { .. } if member.token & PACKAGE_VISIBLE != 0 => {
                    Some(format!("method {:02X} of another package", member.token))
                }
                class => package.class_fault(class, Wanted::Class),
            },
            Constant::SuperMethod(member) => match member.class {
                ClassRef::External { .. } => Some("super call from another package".into()),
                class => package.class_fault(class, Wanted::Class),
            },
            Constant::StaticField(field) => static_field_fault(package, field),
            // Checked together with all other methods.
            Constant::StaticMethod(_) => None,
        };
        if let Some(fault) = fault {
            findings.error(KIND, offset, format!("constant {index}: {fault}"));
        }
    }
}

/// Where a constant lies in the component.
pub(super) fn constant_offset(package: &Package<'_>, index: usize) -> usize {
    package.base(KIND) + ConstantPool::FIRST_ENTRY + index * ConstantPool::ENTRY_SIZE
}

/// What is wrong with the offset of a static field, if anything.
pub(super) fn static_field_fault(
    package: &Package<'_>,
    field: u16,
) -> Option<alloc::string::String> {
    let size = package.statics.as_ref()?.image_size;
    (field >= size).then(|| format!("static field at {field}, but static fields have {size} bytes"))
}
