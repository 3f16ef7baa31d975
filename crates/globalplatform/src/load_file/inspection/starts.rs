//! Where methods begin: everything that names a method must agree that there is one.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};

use super::{
    super::{ComponentKind, Constant, MethodHeader, MethodPosition, TypeKind},
    Findings,
    constants::constant_offset,
    package::Package,
};

/// Bytes of a class in front of its tables of methods.
const CLASS_HEAD: usize = 10;
/// Cells of the parameters of an install method: array, offset, length.
const INSTALL_PARAMETERS: u8 = 3;

/// The methods that something names, by where they begin.
#[derive(Default)]
pub(super) struct Starts(pub BTreeMap<MethodPosition, MethodHeader>);

impl Starts {
    pub fn collect(package: &Package<'_>, findings: &mut Findings) -> Self {
        let mut starts = Self::default();
        starts.applets(package, findings);
        starts.constants(package, findings);
        starts.classes(package, findings);
        starts.exports(package, findings);
        starts.descriptors(package, findings);
        starts
    }

    /// Notes that a method begins there; `Err` says why there is none. `Ok(None)` when the methods
    /// could not be read at all.
    fn claim(
        &mut self,
        package: &Package<'_>,
        position: MethodPosition,
    ) -> Result<Option<MethodHeader>, String> {
        let Some(methods) = &package.methods else {
            return Ok(None);
        };
        let MethodPosition { block, offset } = position;
        let Some(found) = methods.block(block) else {
            return Err(format!("method block {block} does not exist"));
        };
        match found.header(offset.into()) {
            Ok(header) => {
                self.0.insert(position, header);
                Ok(Some(header))
            }
            Err(_) => Err(format!("no method begins at 0x{offset:04X} of Method")),
        }
    }

    fn applets(&mut self, package: &Package<'_>, findings: &mut Findings) {
        let kind = ComponentKind::Applet;
        for (offset, applet) in package.applet_offsets() {
            let position = MethodPosition {
                block: applet.install_method_block,
                offset: applet.install_method_offset,
            };
            let at = offset + 1 + applet.aid.as_bytes().len();
            let fault = match self.claim(package, position) {
                Err(fault) => fault,
                Ok(Some(header)) if header.is_abstract => "it is abstract".into(),
                Ok(Some(header)) if header.parameters != INSTALL_PARAMETERS => format!(
                    "it takes {} parameter cells and not {INSTALL_PARAMETERS}",
                    header.parameters
                ),
                Ok(_) => continue,
            };
            findings.error(kind, at, format!("install method: {fault}"));
        }
    }

    fn constants(&mut self, package: &Package<'_>, findings: &mut Findings) {
        let constants = package.pool.iter().flat_map(|pool| &pool.constants);
        for (index, constant) in constants.enumerate() {
            if let Constant::StaticMethod(position) = constant
                && let Err(fault) = self.claim(package, *position)
            {
                let message = format!("constant {index}: {fault}");
                let at = constant_offset(package, index);
                findings.error(ComponentKind::ConstantPool, at, message);
            }
        }
    }

    fn classes(&mut self, package: &Package<'_>, findings: &mut Findings) {
        let kind = ComponentKind::Class;
        for info in package.classes.iter().flat_map(|classes| &classes.types) {
            let TypeKind::Class(class) = &info.kind else {
                continue;
            };
            let first = package.base(kind) + info.offset + CLASS_HEAD;
            let methods = class.public_methods.iter().chain(&class.package_methods);
            for (index, method) in methods.enumerate() {
                if let Some(position) = method
                    && let Err(fault) = self.claim(package, *position)
                {
                    let at = first + index * package.position_size();
                    findings.error(kind, at, format!("virtual method: {fault}"));
                }
            }
        }
    }

    fn exports(&mut self, package: &Package<'_>, findings: &mut Findings) {
        let kind = ComponentKind::Export;
        let packages = package.exports.iter().flat_map(|exports| &exports.packages);
        for class in packages.flat_map(|package| &package.classes) {
            let first = class.offset + 4 + 2 * class.fields.len();
            for (index, position) in class.methods.iter().enumerate() {
                if let Err(fault) = self.claim(package, *position) {
                    let at = first + index * package.position_size();
                    findings.error(kind, at, format!("exported method: {fault}"));
                }
            }
        }
    }

    /// Methods of classes; those of interfaces are nowhere in the Method component.
    fn descriptors(&mut self, package: &Package<'_>, findings: &mut Findings) {
        let kind = ComponentKind::Descriptor;
        let classes = package
            .descriptor
            .iter()
            .flat_map(|descriptor| descriptor.classes())
            .filter(|class| !class.is_interface);
        for method in classes.flat_map(|class| &class.methods) {
            let fault = match self.claim(package, method.position) {
                Err(fault) => fault,
                Ok(Some(header)) if header.is_abstract != method.is_abstract => {
                    "it is not abstract in both Method and Descriptor".to_string()
                }
                Ok(_) => continue,
            };
            findings.error(kind, method.offset, format!("described method: {fault}"));
        }
    }
}
