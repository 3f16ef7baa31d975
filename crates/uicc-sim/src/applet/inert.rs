//! The instance of a module whose code this card cannot run: it exists, and does nothing.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::StoreData;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use zeroize::Zeroizing;

use super::{Applet, Platform, Program};
use crate::memory::VOLATILE_INSTANCE_BYTES;

/// Stands for every unknown module.
pub struct InertProgram;

struct Inert;

impl Program for InertProgram {
    /// The empty package of this program: `A0000000620001` (java.lang), which no applet is in.
    fn package(&self) -> Aid {
        Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x00, 0x01])
    }

    fn module(&self) -> Aid {
        self.package()
    }

    fn volatile_bytes(&self) -> u32 {
        VOLATILE_INSTANCE_BYTES
    }

    fn install(&self, parameters: &[u8]) -> Result<Zeroizing<Vec<u8>>, StatusWord> {
        Ok(Zeroizing::new(parameters.to_vec()))
    }

    fn start(&self, _contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        Ok(Box::new(Inert))
    }
}

impl Applet for Inert {
    fn select(&mut self) -> Result<Vec<u8>, StatusWord> {
        Ok(Vec::new())
    }

    fn process(
        &mut self,
        _command: &CommandApdu,
        _platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        Err(StatusWord::INS_NOT_SUPPORTED)
    }

    fn deselect(&mut self) {}

    fn personalise(
        &mut self,
        _block: &StoreData,
        _level: SecurityLevel,
        _platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        Err(StatusWord::CONDITIONS)
    }

    fn abandon_personalisation(&mut self) {}

    fn uninstall(&mut self) {}

    fn show_secrets(&self, _show: &mut dyn FnMut(&'static str, &[u8])) {}
}
