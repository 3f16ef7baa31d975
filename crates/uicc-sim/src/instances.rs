//! The applet instances that run, and what the card offers them.

use std::collections::BTreeMap;

use globalplatform::aid::Aid;
use globalplatform::status_word::StatusWord;
use zeroize::Zeroizing;

use crate::applet::programs::Programs;
use crate::applet::{Applet, Platform};
use crate::channel::Channel;
use crate::chip::{Application, Chip, Content, Image};
use crate::memory::size;
use crate::secrets::Secrets;
use crate::storage::Storage;

/// Running instances; each is started when it is first needed after power-on.
pub(crate) struct Instances {
    running: BTreeMap<Aid, Box<dyn Applet>>,
    /// The code that can run.
    pub(crate) programs: Programs,
}

impl Instances {
    /// No instances yet, of these programs.
    pub(crate) const fn with(programs: Programs) -> Self {
        Self {
            running: BTreeMap::new(),
            programs,
        }
    }

    /// Power was lost: what was only running is gone.
    pub(crate) fn power_off(&mut self) {
        self.running.clear();
    }

    /// The instance with this AID, if it is one that can run.
    pub(crate) fn running(&mut self, chip: &Chip, aid: &Aid) -> Option<&mut Box<dyn Applet>> {
        let instance = self.take(chip, aid)?;
        Some(self.running.entry(*aid).or_insert(instance))
    }

    /// The instance with this AID, out of the set; it has to be put back.
    pub(crate) fn take(&mut self, chip: &Chip, aid: &Aid) -> Option<Box<dyn Applet>> {
        if let Some(instance) = self.running.remove(aid) {
            return Some(instance);
        }
        let application = chip.application(aid)?;
        let Content::Applet(Image(contents)) = &application.content else {
            return None;
        };
        let program = self
            .programs
            .of(&application.load_file?, &application.module?);
        program.start(contents).ok()
    }

    /// Puts an instance back.
    pub(crate) fn put_back(&mut self, aid: Aid, instance: Box<dyn Applet>) {
        self.running.insert(aid, instance);
    }

    /// Ends an instance that was deleted.
    pub(crate) fn remove(&mut self, aid: &Aid) {
        if let Some(mut instance) = self.running.remove(aid) {
            instance.uninstall();
        }
    }

    /// Ends what a channel has with instances: the selection, and a personalisation under way.
    pub(crate) fn leave(&mut self, channel: &mut Channel) {
        if let Some(instance) = self.running.get_mut(&channel.selected) {
            instance.deselect();
        }
        self.end_personalisation(channel);
    }

    /// Ends the personalisation that goes on over a channel.
    pub(crate) fn end_personalisation(&mut self, channel: &mut Channel) {
        if let Some(personalising) = channel.work.personalising.take() {
            self.abandon_personalisation(&personalising.target);
        }
    }

    /// Makes an instance forget an unfinished chain of STORE DATA.
    pub(crate) fn abandon_personalisation(&mut self, aid: &Aid) {
        if let Some(instance) = self.running.get_mut(aid) {
            instance.abandon_personalisation();
        }
    }
}

impl core::fmt::Debug for Instances {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.running.keys()).finish()
    }
}

/// The card as one instance sees it.
pub(crate) struct CardPlatform<'a> {
    pub(crate) aid: Aid,
    pub(crate) storage: &'a mut Storage,
    pub(crate) secrets: &'a mut Secrets,
}

impl Platform for CardPlatform<'_> {
    fn save(&mut self, contents: &[u8]) -> Result<(), StatusWord> {
        let application = self.storage.application(&self.aid);
        let application = application.ok_or(StatusWord::CONDITIONS)?;
        let growth = size(contents.len()).saturating_sub(self.storage.memory_used(application));
        if growth > self.storage.memory_available(&self.aid) {
            return Err(StatusWord::NO_MEMORY);
        }
        if let Some(application) = self.storage.write().application_mut(&self.aid) {
            application.content = Content::Applet(Image(Zeroizing::new(contents.to_vec())));
        }
        self.storage.commit()
    }

    fn aid(&self) -> Aid {
        self.aid
    }

    fn life_cycle(&self) -> u8 {
        let application = self.storage.application(&self.aid);
        application.map_or(0, |application| application.life_cycle)
    }

    fn set_life_cycle(&mut self, state: u8) -> Result<(), StatusWord> {
        if state & Application::LOCKED != 0
            || state & Application::SELECTABLE != Application::SELECTABLE
        {
            return Err(StatusWord::WRONG_DATA);
        }
        let application = self.storage.application(&self.aid);
        if !application.is_some_and(Application::is_selectable) {
            return Err(StatusWord::CONDITIONS);
        }
        if let Some(application) = self.storage.write().application_mut(&self.aid) {
            application.life_cycle = state;
        }
        self.storage.commit()
    }

    fn random(&mut self, buffer: &mut [u8]) {
        self.storage.write().random.fill(buffer);
    }

    fn is_observed(&self) -> bool {
        self.secrets.is_observed()
    }

    fn show_secret(&mut self, kind: &'static str, secret: &[u8]) {
        self.secrets.show(kind, secret);
    }
}
