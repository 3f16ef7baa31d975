//! The card as the world meets it: contacts, reset, state file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apdu_trace::Keyring;
use globalplatform::apdu::ResponseApdu;
use zeroize::Zeroizing;

use crate::applet::Program;
use crate::applet::programs::Programs;
use crate::config::{CardConfig, ConfigError, fields};
use crate::faults::Tear;
use crate::file_system::{NotProactive, ShortMessage};
use crate::inventory::Inventory;
use crate::operating_system::OperatingSystem;
use crate::random::Generator;
use crate::secrets::{SecretObserver, Shortened};
use crate::state::{Durability, StateError};
use crate::storage::Storage;
use crate::trace::Trace;

/// A simulated UICC.
///
/// It does no input or output but to its state file and its trace. Everything it changes for good is in the state file
/// before the answer to the command leaves it.
pub struct Uicc {
    system: OperatingSystem,
    trace: Option<Trace>,
    last_duration: Duration,
}

impl core::fmt::Debug for Uicc {
    /// Nothing of what it holds.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Uicc")
            .field("iccid", &Shortened(self.iccid()))
            .field("writes", &self.writes())
            .finish_non_exhaustive()
    }
}

impl Uicc {
    /// A new card, switched on. It lives in memory until [`Uicc::persist_to`].
    ///
    /// # Errors
    /// [`ConfigError`] for a description that is no card.
    pub fn new(config: CardConfig) -> Result<Self, ConfigError> {
        Self::with_programs(config, [])
    }

    /// A new card that has the code of more modules: those in its profile's `preinstalled` run from the beginning.
    ///
    /// # Errors
    /// As [`Uicc::new`], and when a program refuses to be installed without parameters.
    pub fn with_programs(
        config: CardConfig,
        programs: impl IntoIterator<Item = Arc<dyn Program>>,
    ) -> Result<Self, ConfigError> {
        let mut all = Programs::default();
        programs.into_iter().for_each(|program| all.add(program));
        let storage = Storage::new(config.chip(&all)?);
        Ok(Self::start_with(storage, all))
    }

    /// The card in a state file, switched on; it is kept there from now on, and survives a power cut of the machine.
    ///
    /// # Errors
    /// [`StateError`] when the file cannot be read or is not a card.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        Self::open_with(path, Durability::default())
    }

    /// As [`Uicc::open`], with a choice of what the state outlives.
    ///
    /// # Errors
    /// As [`Uicc::open`].
    pub fn open_with(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StateError> {
        Storage::open(path.as_ref(), durability).map(Self::start)
    }

    fn start(storage: Storage) -> Self {
        Self::start_with(storage, Programs::default())
    }

    fn start_with(storage: Storage, programs: Programs) -> Self {
        Self {
            system: OperatingSystem::start(storage, programs),
            trace: None,
            last_duration: Duration::ZERO,
        }
    }

    /// Writes the card to a state file now, and after every command that changes it.
    ///
    /// # Errors
    /// [`StateError`] when the file cannot be written.
    pub fn persist_to(&mut self, path: impl AsRef<Path>) -> Result<(), StateError> {
        self.persist_with(path, Durability::default())
    }

    /// As [`Uicc::persist_to`], with a choice of what the state outlives.
    ///
    /// # Errors
    /// As [`Uicc::persist_to`].
    pub fn persist_with(
        &mut self,
        path: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<(), StateError> {
        self.system.storage.keep_in(path.as_ref(), durability)
    }

    /// A second card with everything that this one holds, in memory. With a number of its own it also gets challenges of
    /// its own, made of the first card's seed and the number, unless a seed is given. Keys, counters and key
    /// diversification data stay what they are.
    ///
    /// # Errors
    /// [`ConfigError`] for something that is no number of a card.
    pub fn fork(&self, iccid: Option<&str>, seed: Option<[u8; 32]>) -> Result<Self, ConfigError> {
        let mut chip = self.system.storage.clone();
        if let Some(iccid) = iccid {
            fields::iccid(iccid)?;
            chip.iccid = iccid.into();
        }
        match (seed, iccid) {
            (Some(seed), _) => chip.random = Generator::new(seed),
            (None, Some(iccid)) => chip.random = chip.random.fork(iccid),
            (None, None) => {}
        }
        let programs = self.system.instances.programs.clone();
        Ok(Self::start_with(Storage::new(chip), programs))
    }

    /// Gives the card the code of one more module, in the place of what it had for this module. The card is reset.
    ///
    /// Instances of the module that exist already (in a state file) run it too; those that were installed while the
    /// card did not have the code have an inert instance's contents, which the program may refuse.
    pub fn add_program(&mut self, program: impl Program + 'static) {
        self.system.instances.programs.add(Arc::new(program));
        self.reset();
    }

    /// Logs what crosses the contacts from now on.
    pub fn trace_to(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The key sets that the card holds now, for a [`Trace`] that opens its secure channels.
    #[must_use]
    pub fn danger_keyring(&self) -> Keyring {
        let mut keyring = Keyring::new();
        let chip = &self.system.storage;
        let domains = chip
            .applications
            .iter()
            .filter_map(|a| Some((a.aid, a.domain()?)));
        for (aid, domain) in domains {
            for set in &domain.key_sets {
                let origin = format!("key set {:02X} of {aid}", set.version);
                let hex = |bytes| Zeroizing::new(hex::encode(bytes));
                let [enc, mac, dek] = [
                    hex(set.keys.enc.danger_bytes()),
                    hex(set.keys.mac.danger_bytes()),
                    hex(set.keys.dek.danger_bytes()),
                ];
                // Keys that the card holds are keys.
                let _ = keyring.add_set(&origin, &enc, &mac, &dek);
            }
        }
        keyring
    }

    /// Calls `observer` with every secret that the card holds now or comes to hold: `key-set-enc`, `key-set-mac`,
    /// `key-set-dek`, `key` (any other of a security domain), `session-enc`, `session-mac`, `session-rmac`, `rsa-prime`,
    /// `rsa-private-exponent`, `ec-scalar`. For checkers only; a secret may be shown more than once.
    pub fn observe_secrets(&mut self, observer: SecretObserver) {
        self.system.secrets.observe(observer);
        self.system.show_secrets();
    }

    /// Executes one command: the bytes of a command APDU in, the bytes of a response APDU out. Never panics. A card that
    /// has lost power ([`Uicc::tear`]) answers nothing at all.
    pub fn transmit(&mut self, command: &[u8]) -> Vec<u8> {
        if self.system.storage.is_dark() {
            return Vec::new();
        }
        if let Some(trace) = &mut self.trace {
            trace.command(command);
        }
        let writes = self.writes();
        let mut response = self.system.execute(command);
        // What the answer says must be true after a loss of power right behind it.
        if let Err(failure) = self.system.storage.commit() {
            response = ResponseApdu::status(failure);
        }
        if self.system.storage.is_dark() {
            self.note("power lost");
            return Vec::new();
        }
        let response = response.encode();
        let writes = self.writes().saturating_sub(writes);
        let bytes = command.len().saturating_add(response.len());
        self.last_duration = self.system.storage.behaviour.latency.of(bytes, writes);
        if let Some(trace) = &mut self.trace {
            trace.response(&response);
        }
        response
    }

    /// Remarks on what happens to the card, in its trace.
    pub(crate) fn note(&mut self, text: &str) {
        if let Some(trace) = &mut self.trace {
            trace.note(text);
        }
    }

    /// Takes the short messages that the phone handed to the card since the last call or reset (ENVELOPE (SMS-PP
    /// DOWNLOAD)); at most the newest 16 wait.
    pub fn short_messages(&mut self) -> Vec<ShortMessage> {
        self.system.toolkit.take_messages()
    }

    /// Puts a proactive command (ETSI TS 102 223, tag D0) into the queue: once the phone has sent its TERMINAL PROFILE,
    /// successful commands for master file and USIM answer `91xx` until it was fetched. A reset empties the queue.
    ///
    /// ```
    /// # let mut card = uicc_sim::Uicc::new(uicc_sim::CardConfig::parse("")?)?;
    /// // MORE TIME
    /// card.issue_proactive_command(&[0xD0, 0x09, 0x81, 0x03, 0x01, 0x02, 0x00, 0x82, 0x02, 0x81, 0x82])?;
    /// card.transmit(&[0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00]);
    /// assert_eq!(card.transmit(&[0x80, 0x10, 0x00, 0x00, 0x01, 0xFF]), [0x91, 0x0B]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotProactive`] for bytes that are no such command.
    pub fn issue_proactive_command(&mut self, command: &[u8]) -> Result<(), NotProactive> {
        self.system.toolkit.issue(command)
    }

    /// Takes what the phone answered to proactive commands (TERMINAL RESPONSE), oldest first.
    pub fn terminal_responses(&mut self) -> Vec<Vec<u8>> {
        self.system.toolkit.take_responses()
    }

    /// What the phone said it can do (TERMINAL PROFILE) since the last reset.
    #[must_use]
    pub fn terminal_profile(&self) -> Option<&[u8]> {
        self.system.toolkit.profile()
    }

    /// Power off and on, or a reset: selections, sessions, verified PINs and unfinished work are gone.
    pub fn reset(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.reset();
        }
        self.system.power_cycle();
    }

    /// Plans a loss of power at a write of the non-volatile memory, in place of one planned before. The card then answers
    /// nothing until [`Uicc::reset`], and comes back with what was written until then. Until it is reset nothing new can be
    /// planned.
    pub fn tear(&mut self, tear: Tear) {
        self.system.storage.plan(tear);
    }

    /// Whether power is gone ([`Uicc::tear`]).
    #[must_use]
    pub fn has_lost_power(&self) -> bool {
        self.system.storage.is_dark()
    }

    /// How many times the non-volatile memory was written since the card was made.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.system.storage.writes
    }

    /// How long the last command takes on a card like this ([`crate::behaviour::Latency`]). [`Uicc::transmit`] itself
    /// does not wait; readers and phones do.
    #[must_use]
    pub const fn last_duration(&self) -> Duration {
        self.last_duration
    }

    /// A digest of everything that the card keeps, without what moves by itself: the position of the generator and the
    /// sequence counters of key sets. A command that is refused leaves it as it was.
    #[must_use]
    pub fn state_digest(&self) -> [u8; 32] {
        self.system.storage.digest()
    }

    /// Power off. The next command finds a card just switched on.
    pub fn power_off(&mut self) {
        self.reset();
    }

    /// The number printed on the card.
    #[must_use]
    pub fn iccid(&self) -> &str {
        &self.system.storage.iccid
    }

    /// Answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        &self.system.storage.atr
    }

    /// The registry as people want to see it.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        Inventory::of(&self.system.storage)
    }
}
