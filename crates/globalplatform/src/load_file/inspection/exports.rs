//! The Export component: exported classes and static fields must exist. Methods are checked with
//! all others.

use alloc::format;

use super::{
    super::{ClassRef, ComponentKind, TypeInfo},
    Findings,
    constants::static_field_fault,
    package::{Package, Wanted},
};

const KIND: ComponentKind = ComponentKind::Export;
/// Bytes of an exported class in front of its static fields.
const CLASS_HEAD: usize = 4;

pub(super) fn check(package: &Package<'_>, findings: &mut Findings) {
    let Some(exports) = &package.exports else {
        return;
    };
    let has_applets = package.find(ComponentKind::Applet).is_some();
    let classes = || exports.packages.iter().flat_map(|package| &package.classes);
    if classes().next().is_none() {
        findings.warning(KIND, package.base(KIND), "nothing is exported");
    }
    for class in classes() {
        if class.class & 0x8000 != 0 {
            findings.error(KIND, class.offset, "class of another package is exported");
            continue;
        }
        if let Some(fault) = package.class_fault(ClassRef::Internal(class.class), Wanted::Any) {
            findings.error(KIND, class.offset, format!("exported class: {fault}"));
        }
        let found = package
            .classes
            .as_ref()
            .and_then(|classes| classes.at(class.class));
        if found.is_some_and(TypeInfo::is_interface)
            && !(class.fields.is_empty() && class.methods.is_empty())
        {
            findings.error(KIND, class.offset, "exported interface has static members");
        }
        let is_shared = |info: &TypeInfo| info.is_interface() && info.is_shareable;
        if has_applets && found.is_some_and(|info| !is_shared(info)) {
            let message = "package with applets exports more than shareable interfaces";
            findings.warning(KIND, class.offset, message);
        }
        for (index, field) in class.fields.iter().enumerate() {
            if let Some(fault) = static_field_fault(package, *field) {
                let at = class.offset + CLASS_HEAD + 2 * index;
                findings.error(KIND, at, format!("exported field: {fault}"));
            }
        }
    }
}
