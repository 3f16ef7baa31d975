//! The instance of a module whose code this card cannot run: it exists, and does nothing.
//!
//! It is selected and answers 6D00 to every command. It takes any personalisation, so that one written for the real
//! applet can be rehearsed: the blocks of a chain count against the memory once the last one has arrived, and nobody
//! ever sees them again. It has no answer to give.

use globalplatform::aid::Aid;
use globalplatform::apdu::ResponseApdu;
use globalplatform::commands::store_data::StoreData;
use globalplatform::status_word::StatusWord;

use super::{Applet, Contents, Platform, Program, SecurityLevel};

/// Longest chain of blocks, in bytes: a card collects them somewhere.
const CHAIN_LIMIT: usize = 65_535;

/// Stands for every unknown module.
pub struct InertProgram;

struct Inert {
    /// Installation parameters and everything that personalisation brought.
    contents: Contents,
    /// What the unfinished chain brought.
    chain: Contents,
}

impl Program for InertProgram {
    /// The empty package of this program: `A0000000620001` (java.lang), which no applet is in.
    fn package(&self) -> Aid {
        Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x00, 0x01])
    }

    fn module(&self) -> Aid {
        self.package()
    }

    fn install(&self, parameters: &[u8]) -> Result<Contents, StatusWord> {
        Ok(Contents::new(parameters.to_vec()))
    }

    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
        Ok(Box::new(Inert {
            contents: Contents::new(contents.to_vec()),
            chain: Contents::default(),
        }))
    }
}

impl Applet for Inert {
    fn personalise(
        &mut self,
        block: &StoreData,
        _level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        if self.chain.len() + block.data.len() > CHAIN_LIMIT {
            self.abandon_personalisation();
            return Err(StatusWord::NO_MEMORY);
        }
        self.chain.extend_from_slice(&block.data);
        if !block.last {
            return Ok(ResponseApdu::ok());
        }
        let chain = core::mem::take(&mut self.chain);
        let next = Contents::new([self.contents.as_slice(), &chain].concat());
        platform.save(&next)?;
        self.contents = next;
        Ok(ResponseApdu::ok())
    }

    fn abandon_personalisation(&mut self) {
        self.chain = Contents::default();
    }

    fn uninstall(&mut self) {
        self.contents = Contents::default();
        self.chain = Contents::default();
    }
}
