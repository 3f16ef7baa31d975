//! The contacts of a card under test: they count the commands and can keep them, and at a planned one the card or the
//! whole phone vanishes.

use tokio_util::sync::CancellationToken;
use uicc_sim::faults::{Fault, Faulty};
use uicc_sim::{CardContacts, NoAnswer, Uicc};

/// What vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The card; the phone stays attached and says so.
    Card,
    /// The phone with the card in it; nobody says anything.
    Phone,
}

/// When it vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The card does not get the command.
    Before,
    /// The card executes the command, its answer is lost.
    After,
}

/// What a card meets at its contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was reset.
    Reset,
    /// It got a command and answered.
    Exchange {
        /// The command.
        command: Vec<u8>,
        /// The answer.
        response: Vec<u8>,
    },
}

/// A card in a phone.
#[derive(Debug)]
pub struct Contacts {
    card: Faulty<Uicc>,
    commands: u64,
    phone_ends: Option<(u64, When)>,
    power: CancellationToken,
    record: Option<Vec<Event>>,
}

impl Contacts {
    /// A card that is not in a phone yet.
    #[must_use]
    pub fn new(card: Uicc) -> Self {
        Self {
            card: Faulty::new(card),
            commands: 0,
            phone_ends: None,
            power: CancellationToken::new(),
            record: None,
        }
    }

    /// Keeps from now on what the phone has the card do; planned faults are not in it.
    pub fn record(&mut self) {
        self.record = Some(Vec::new());
    }

    /// What was kept; nothing is kept any more.
    pub fn take_record(&mut self) -> Vec<Event> {
        self.record.take().unwrap_or_default()
    }

    fn keep(&mut self, event: Event) {
        if let Some(record) = &mut self.record {
            record.push(event);
        }
    }

    fn reset_card(&mut self) {
        self.card.reset();
        self.keep(Event::Reset);
    }

    /// Switches a phone on; the token is cancelled when the phone goes off.
    pub fn switch_on(&mut self) -> CancellationToken {
        self.power.cancel();
        self.power = CancellationToken::new();
        self.reset_card();
        self.power.clone()
    }

    /// Switches the phone off.
    pub fn switch_off(&mut self) {
        self.power.cancel();
        self.reset_card();
    }

    /// Whether a phone with the card is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.power.is_cancelled()
    }

    /// Plans the end of card or phone at the n-th command from now; 1 is the next.
    pub fn plan(&mut self, n: u64, what: What, when: When) {
        match (what, when) {
            (What::Card, When::Before) => self.card.plan(n, Fault::DisappearBefore),
            (What::Card, When::After) => self.card.plan(n, Fault::DisappearAfter),
            (What::Phone, when) => self.phone_ends = Some((self.commands + n, when)),
        }
    }

    /// Plans any other fault at the n-th command from now.
    pub fn plan_fault(&mut self, n: u64, fault: Fault) {
        self.card.plan(n, fault);
    }

    /// Commands that the phone has sent so far.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// The card itself.
    pub fn card(&mut self) -> &mut Uicc {
        self.card.card()
    }
}

impl CardContacts for Contacts {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        if self.power.is_cancelled() {
            return Err(NoAnswer::CardGone);
        }
        self.commands += 1;
        if let Some((at, when)) = self.phone_ends
            && at == self.commands
        {
            self.phone_ends = None;
            if when == When::After {
                self.card.transmit(command)?;
            }
            self.switch_off();
            return Err(NoAnswer::CardGone);
        }
        let response = self.card.transmit(command)?;
        self.keep(Event::Exchange {
            command: command.to_vec(),
            response: response.clone(),
        });
        Ok(response)
    }

    fn reset(&mut self) {
        self.reset_card();
    }

    fn iccid(&self) -> String {
        self.card.iccid()
    }

    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }
}
