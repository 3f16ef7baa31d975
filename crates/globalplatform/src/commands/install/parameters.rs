//! What the parameter fields of all INSTALL commands share (G 11.5.2.3.7, Tables 11-48 to 11-52):
//! system specific parameters in EF, whose token it is in B6, and whatever else there is.

use alloc::vec::Vec;

use crate::{
    commands::control_reference::{self, ControlReference},
    error::DecodeError,
    tlv::{DataObject, Once, Reader, Tag, Tlv, Writer},
};

/// System specific parameters.
const SYSTEM: Tag = Tag(0xEF);
/// Implicit selection parameter.
const IMPLICIT_SELECTION: Tag = Tag(0xCF);
/// Global service parameters.
const SERVICE: Tag = Tag(0xCB);

/// What parameters keep that has no field of its own.
pub(super) type Shared<'a> = (
    &'a mut Vec<DataObject>,
    &'a mut Option<ControlReference>,
    &'a mut Vec<DataObject>,
);

/// A kind of parameters.
pub(super) trait Parameters: Default {
    /// Other objects in EF, the content of B6, and other objects beside EF and B6.
    fn shared(&mut self) -> Shared<'_>;

    /// Takes a data object of EF, or says that it is unknown.
    fn take_system(&mut self, tlv: &Tlv<'_>) -> Result<bool, DecodeError>;

    /// Takes a data object beside EF and B6, or says that it is unknown.
    fn take(&mut self, _tlv: &Tlv<'_>) -> Result<bool, DecodeError> {
        Ok(false)
    }

    /// Reads the field.
    fn read(reader: Reader<'_>) -> Result<Self, DecodeError> {
        let mut parameters = Self::default();
        let mut once = Once::default();
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                SYSTEM => parameters.read_system(tlv.reader())?,
                control_reference::TAG => {
                    *parameters.shared().1 = Some(ControlReference::read(&tlv)?);
                }
                tag => {
                    if !parameters.take(&tlv)? {
                        parameters.shared().2.push(DataObject::new(tag, tlv.value));
                        continue;
                    }
                }
            }
            once.note(&tlv)?;
        }
        Ok(parameters)
    }

    /// Reads the content of EF.
    fn read_system(&mut self, reader: Reader<'_>) -> Result<(), DecodeError> {
        let mut once = Once::default();
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            if !self.take_system(&tlv)? {
                self.shared().0.push(DataObject::new(tlv.tag, tlv.value));
            } else if tlv.tag != IMPLICIT_SELECTION {
                once.note(&tlv)?;
            }
        }
        Ok(())
    }
}

/// Writes EF with what `system` writes and the other objects, unless it is empty.
pub(super) fn write_system(
    writer: &mut Writer,
    other: &[DataObject],
    system: impl FnOnce(&mut Writer),
) {
    writer.nested_if_any(SYSTEM, |inner| {
        system(inner);
        inner.objects(other);
    });
}

/// Writes B6, if there is one, and the other objects, with which every field ends.
pub(super) fn write_rest(
    writer: &mut Writer,
    reference: Option<&ControlReference>,
    other: &[DataObject],
) {
    if let Some(reference) = reference {
        reference.write(writer);
    }
    writer.objects(other);
}

/// Writes what applications and registry updates share: service and implicit selection.
pub(super) fn write_registration(
    writer: &mut Writer,
    service: Option<&Vec<u8>>,
    implicit_selection: &[u8],
) {
    writer.optional(SERVICE, service);
    for parameter in implicit_selection {
        writer.tlv(IMPLICIT_SELECTION, &[*parameter]);
    }
}

/// Reads what [`write_registration`] writes, or says that it is something else.
pub(super) fn take_registration(
    tlv: &Tlv<'_>,
    service: &mut Option<Vec<u8>>,
    implicit_selection: &mut Vec<u8>,
) -> Result<bool, DecodeError> {
    match tlv.tag {
        SERVICE => *service = Some(tlv.value.to_vec()),
        IMPLICIT_SELECTION => {
            let [parameter] = tlv.array()?;
            implicit_selection.push(parameter);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::testing::any_bytes;
    use proptest::prelude::*;

    pub(crate) fn any_object() -> impl Strategy<Value = DataObject> {
        (0x91u32..0x9F, any_bytes(0..9)).prop_map(|(tag, value)| DataObject::new(Tag(tag), value))
    }
}
