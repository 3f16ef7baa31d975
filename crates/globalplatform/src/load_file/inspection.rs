//! Inspection of a whole package: every component is read, and what components say about each other
//! is compared (JCVM 3.1, chapter 6). The result is a [`CapReport`] in words.
//!
//! An inspection is no verification: it checks sizes, offsets, references and the boundaries of
//! instructions, not types on the operand stack.

mod code;
mod constants;
mod descriptors;
mod exports;
mod identity;
mod links;
mod package;
mod report;
mod starts;
mod types;

use alloc::vec::Vec;

pub(crate) use report::Findings;
pub use report::{CapReport, ComponentSummary, Finding, MemoryForecast, Severity};

use super::{Component, ComponentKind};
use crate::{error::DecodeError, tlv::Reader};
use package::Package;
use starts::Starts;

/// More components there cannot be: each has a tag of its own.
const MAX_COMPONENTS: usize = 256;

/// Inspects the components of a load file data block, which some call an IJC file.
///
/// # Errors
/// [`DecodeError`] when it is no sequence of at most 256 components that begins with a Header.
/// Everything else that is wrong is a [`Finding`].
///
/// ```
/// use globalplatform::load_file::inspect_data_block;
///
/// let header = [1, 0, 15, 0xDE, 0xCA, 0xFF, 0xED, 1, 2, 4, 0, 1, 5, 0xA0, 0, 0, 1, 0x51];
/// let report = inspect_data_block(&header)?;
/// assert!(report.has_errors());
/// assert!(report.to_string().contains("error: Method: component is missing"));
/// assert!(inspect_data_block(b"PK").is_err());
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
pub fn inspect_data_block(data_block: &[u8]) -> Result<CapReport, DecodeError> {
    let components = Component::read_all(Reader::new(data_block))?;
    if let Some(surplus) = components.get(MAX_COMPONENTS) {
        return Err(DecodeError::InvalidValue {
            offset: surplus.offset(),
            field: "repeated component",
        });
    }
    Ok(inspect(
        &components,
        data_block.to_vec(),
        Findings::default(),
    ))
}

/// Inspects components that were read one by one; what is wrong with those that could not be read is
/// already among the findings.
pub(crate) fn inspect(
    components: &[Component<'_>],
    data_block: Vec<u8>,
    mut findings: Findings,
) -> CapReport {
    let package = Package::read(components, &mut findings);
    identity::check(&package, &mut findings);
    types::check(&package, &mut findings);
    constants::check(&package, &mut findings);
    let starts = Starts::collect(&package, &mut findings);
    let walk = code::walk(&package, &starts, &mut findings);
    links::check(&package, &walk, &mut findings);
    exports::check(&package, &mut findings);
    descriptors::check(&package, &starts, &mut findings);
    let memory = memory(&package, data_block.len(), &walk);
    package.into_report(components, data_block, memory, findings)
}

fn memory(package: &Package<'_>, data_block: usize, walk: &code::Walk) -> MemoryForecast {
    let kept = [
        ComponentKind::Applet,
        ComponentKind::Class,
        ComponentKind::Method,
        ComponentKind::Export,
    ];
    let statics = package.statics.as_ref();
    MemoryForecast {
        load_file_data_block: data_block,
        linked_code: kept.iter().map(|kind| package.size(*kind)).sum(),
        static_image: statics.map_or(0, |fields| fields.image_size.into()),
        static_arrays: statics.map_or(0, |fields| fields.array_bytes()),
        largest_frame: walk.largest_frame,
    }
}

#[cfg(test)]
pub(crate) mod tests;
