//! The Contactless Registry Service as a program: the registry behind it is the card's own, so that the card executes its
//! commands itself ([`crate::contactless`]).

use globalplatform::aid::Aid;
use globalplatform::contactless::{CRS, CRS_LOAD_FILE};
use globalplatform::status_word::StatusWord;

use super::{Applet, Contents, Program};

/// Stands for the module of the service.
pub(crate) struct CrsProgram;

/// An instance; it is never asked anything.
struct Service;

impl Program for CrsProgram {
    fn package(&self) -> Aid {
        CRS_LOAD_FILE
    }

    fn module(&self) -> Aid {
        CRS
    }

    fn install(&self, _parameters: &[u8]) -> Result<Contents, StatusWord> {
        Ok(Contents::default())
    }

    fn start(&self, _contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        Ok(Box::new(Service))
    }
}

impl Applet for Service {}
