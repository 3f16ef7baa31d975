//! The port between the card and the code in it.
//!
//! A real card runs byte code. This one has Rust implementations, bound to the AIDs of the package and the module they
//! stand for: once a load file with these AIDs is on the card, an instance of the module runs the implementation.
//! Modules of any other package give [`inert`] instances that can be installed, selected, locked, personalised and
//! deleted. [`crate::Uicc::add_program`] gives a card one more program; `docs/applets.md` shows how to write one.
//!
//! ```
//! use globalplatform::aid::Aid;
//! use globalplatform::apdu::{CommandApdu, ResponseApdu};
//! use globalplatform::status_word::StatusWord;
//! use uicc_sim::applet::{Applet, Contents, Platform, Program};
//!
//! /// Counts how often it was asked, for ever.
//! struct Counter(u8);
//!
//! struct CounterProgram;
//!
//! impl Program for CounterProgram {
//!     fn package(&self) -> Aid {
//!         Aid::from_slice_const(&[0xF0, 0x00, 0x00, 0x00, 0x01])
//!     }
//!     fn module(&self) -> Aid {
//!         Aid::from_slice_const(&[0xF0, 0x00, 0x00, 0x00, 0x01, 0x01])
//!     }
//!     fn install(&self, _parameters: &[u8]) -> Result<Contents, StatusWord> {
//!         Ok(Contents::new(vec![0]))
//!     }
//!     fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord> {
//!         let count = contents.first().ok_or(StatusWord::NO_DIAGNOSIS)?;
//!         Ok(Box::new(Counter(*count)))
//!     }
//! }
//!
//! impl Applet for Counter {
//!     fn process(
//!         &mut self,
//!         command: &CommandApdu,
//!         platform: &mut dyn Platform,
//!     ) -> Result<ResponseApdu, StatusWord> {
//!         if command.ins != 0x10 {
//!             return Err(StatusWord::INS_NOT_SUPPORTED);
//!         }
//!         let count = self.0.wrapping_add(1);
//!         platform.save(&[count])?;
//!         self.0 = count;
//!         Ok(ResponseApdu::with_data([count]))
//!     }
//! }
//!
//! let profile = "iccid = '8981100000000000018'";
//! let mut card = uicc_sim::Uicc::new(uicc_sim::CardConfig::parse(profile)?)?;
//! card.add_program(CounterProgram);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod crs;
pub mod inert;
pub mod jpki;
pub(crate) mod programs;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::StoreData;
use globalplatform::status_word::StatusWord;
pub use scp03::SecurityLevel;
use zeroize::Zeroizing;

use crate::memory::VOLATILE_INSTANCE_BYTES;

/// Non-volatile contents of an instance, wiped when dropped. Only its program knows what they mean.
pub type Contents = Zeroizing<Vec<u8>>;

/// The implementation of one module. It is stateless: what differs between instances is in their contents.
pub trait Program: Send + Sync {
    /// The package that has to be loaded first.
    fn package(&self) -> Aid;

    /// The module within the package.
    fn module(&self) -> Aid;

    /// Volatile memory of one instance, in bytes.
    fn volatile_bytes(&self) -> u32 {
        VOLATILE_INSTANCE_BYTES
    }

    /// INSTALL [for install]: the first contents of a new instance. `parameters` is the value of tag C9, which may be
    /// empty. The instance exists once the card has found room for its contents.
    ///
    /// # Errors
    /// The status word for parameters that it does not accept, usually [`StatusWord::WRONG_DATA`]; nothing is installed.
    fn install(&self, parameters: &[u8]) -> Result<Contents, StatusWord>;

    /// A running instance with these contents, as after power-on. The card calls it when the instance is needed for the
    /// first time since power-on.
    ///
    /// # Errors
    /// [`StatusWord::NO_DIAGNOSIS`] for contents that no instance of this program wrote.
    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord>;
}

/// A running instance. It keeps its volatile state itself and its non-volatile contents through [`Platform::save`].
///
/// Only [`Applet::process`] has no default: an applet that needs nothing else is a few lines long. Whatever the phone or
/// the host sends may be wrong; an applet answers with a status word and never panics.
pub trait Applet: Send {
    /// The instance was selected, maybe while it was selected already. Returns what SELECT answers inside the FCI
    /// template (6F), after the AID (84).
    ///
    /// # Errors
    /// The status word with which it refuses; the application selected before stays selected.
    fn select(&mut self) -> Result<Vec<u8>, StatusWord> {
        Ok(Vec::new())
    }

    /// A command for the selected instance (anything but SELECT by name, MANAGE CHANNEL and GET RESPONSE). Chained
    /// commands arrive joined, and answers that are too long leave in pieces.
    ///
    /// # Errors
    /// The status word, without data. An applet without commands of its own knows none (6D00).
    fn process(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        let _ = (command, platform);
        Err(StatusWord::INS_NOT_SUPPORTED)
    }

    /// Another application was selected or the channel closed: what belongs to the selection goes. After a loss of power
    /// the card starts the instance anew instead.
    fn deselect(&mut self) {}

    /// One STORE DATA for the instance, unwrapped by its security domain, with the level that protected it. Blocks arrive
    /// in the order of their numbers, and nothing after an error until the host starts anew.
    ///
    /// # Errors
    /// The status word, without data; what the chain brought so far is forgotten. Without personalisation 6985.
    fn personalise(
        &mut self,
        block: &StoreData,
        level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord> {
        let _ = (block, level, platform);
        Err(StatusWord::CONDITIONS)
    }

    /// A chain of STORE DATA ended before its last block: what it brought so far is forgotten.
    fn abandon_personalisation(&mut self) {}

    /// The instance is being deleted; secrets in volatile memory go.
    fn uninstall(&mut self) {}

    /// Shows every secret in the contents to a checker.
    fn show_secrets(&self, show: &mut dyn FnMut(&'static str, &[u8])) {
        let _ = show;
    }
}

/// What the card offers a running instance.
pub trait Platform {
    /// Replaces the instance's non-volatile contents: when this returns they survive a loss of power.
    ///
    /// # Errors
    /// [`StatusWord::NO_MEMORY`] when quota or card do not allow the growth, [`StatusWord::MEMORY_FAILURE`] when they
    /// cannot be written; nothing has changed then.
    fn save(&mut self, contents: &[u8]) -> Result<(), StatusWord>;

    /// The AID of the instance.
    fn aid(&self) -> Aid;

    /// The life cycle byte of the instance (G Table 11-4): 07 SELECTABLE, or a state of its own from 0F to 7F.
    fn life_cycle(&self) -> u8;

    /// Puts the instance into a state of its own: 07 to 7F with the three lowest bits set (G 5.3.1.3).
    ///
    /// # Errors
    /// [`StatusWord::WRONG_DATA`] for a byte that is no such state, [`StatusWord::CONDITIONS`] before the instance is
    /// SELECTABLE, [`StatusWord::MEMORY_FAILURE`].
    fn set_life_cycle(&mut self, state: u8) -> Result<(), StatusWord>;

    /// Fills a buffer from the card's generator: equal for equal cards and commands, and used once for all that.
    fn random(&mut self, buffer: &mut [u8]);

    /// Whether a checker wants to see the secrets of this card; working one out for nobody is worth nothing.
    fn is_observed(&self) -> bool;

    /// Shows a secret that the card now holds to a checker, if one observes this card.
    fn show_secret(&mut self, kind: &'static str, secret: &[u8]);
}
