//! The port between the card and the code in it.
//!
//! A real card runs byte code. This one has Rust implementations, bound to the AIDs of the package and the module they
//! stand for: once a load file with these AIDs is on the card, an instance of the module runs the implementation.
//! Modules of any other package give inert instances that can be installed, selected, locked and deleted.

pub mod inert;
pub mod jpki;

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::store_data::StoreData;
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use zeroize::Zeroizing;

/// The implementation of one module.
pub trait Program: Sync {
    /// The package that has to be loaded first.
    fn package(&self) -> Aid;

    /// The module within the package.
    fn module(&self) -> Aid;

    /// Volatile memory of one instance, in bytes.
    fn volatile_bytes(&self) -> u32;

    /// The first contents of a new instance.
    ///
    /// # Errors
    /// The status word for installation parameters (the value of tag C9) that it does not accept.
    fn install(&self, parameters: &[u8]) -> Result<Zeroizing<Vec<u8>>, StatusWord>;

    /// A running instance with these contents, as after power-on.
    ///
    /// # Errors
    /// [`StatusWord::NO_DIAGNOSIS`] for contents that no instance of this program wrote.
    fn start(&self, contents: &[u8]) -> Result<Box<dyn Applet>, StatusWord>;
}

/// A running instance. It keeps its volatile state itself and its non-volatile contents through [`Platform::save`].
pub trait Applet: Send {
    /// The instance was selected. Returns what SELECT answers inside the FCI template, after tag 84.
    ///
    /// # Errors
    /// The status word with which it refuses; the application selected before stays selected.
    fn select(&mut self) -> Result<Vec<u8>, StatusWord>;

    /// A command for the selected instance (anything but SELECT by name and MANAGE CHANNEL).
    ///
    /// # Errors
    /// The status word, without data.
    fn process(
        &mut self,
        command: &CommandApdu,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord>;

    /// Another application was selected, the channel closed, or power lost: volatile state goes.
    fn deselect(&mut self);

    /// One STORE DATA for the instance, unwrapped by its security domain, with the level that protected it.
    ///
    /// # Errors
    /// The status word, without data; what the chain brought so far is forgotten.
    fn personalise(
        &mut self,
        block: &StoreData,
        level: SecurityLevel,
        platform: &mut dyn Platform,
    ) -> Result<ResponseApdu, StatusWord>;

    /// A chain of STORE DATA ended before its last block: what it brought so far is forgotten.
    fn abandon_personalisation(&mut self);

    /// The instance is being deleted; secrets in volatile memory go.
    fn uninstall(&mut self);

    /// Shows every secret in the contents to a checker.
    fn show_secrets(&self, show: &mut dyn FnMut(&'static str, &[u8]));
}

/// What the card offers a running instance.
pub trait Platform {
    /// Replaces the instance's non-volatile contents: when this returns they survive a loss of power.
    ///
    /// # Errors
    /// [`StatusWord::NO_MEMORY`] when quota or card do not allow the growth, [`StatusWord::MEMORY_FAILURE`] when they
    /// cannot be written; nothing has changed then.
    fn save(&mut self, contents: &[u8]) -> Result<(), StatusWord>;

    /// Whether a checker wants to see the secrets of this card; working one out for nobody is worth nothing.
    fn is_observed(&self) -> bool;

    /// Shows a secret that the card now holds to a checker, if one observes this card.
    fn show_secret(&mut self, kind: &'static str, secret: &[u8]);
}

/// Every program this card has.
const PROGRAMS: [&dyn Program; 1] = [&jpki::JpkiProgram];

/// The program for a module of a package; the inert one for all that are unknown.
pub(crate) fn program(package: &Aid, module: &Aid) -> &'static dyn Program {
    PROGRAMS
        .into_iter()
        .find(|p| p.package() == *package && p.module() == *module)
        .unwrap_or(&inert::InertProgram)
}
