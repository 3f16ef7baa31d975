//! The phones of a demo: each holds a simulated card and dials the gateway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uicc_sim::phone::{PhoneConfig, SharedCard, attach};
use uicc_sim::{Durability, Trace, Uicc};

use super::population::Person;
use super::secrets::SecretList;
use crate::client::Servers;
use crate::dev::layout::Layout;

/// All phones, attached until [`stop`](Self::stop).
pub struct Phones {
    cards: BTreeMap<String, Arc<Mutex<Uicc>>>,
    running: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Phones {
    /// Puts every person's card into a phone that dials the gateway.
    ///
    /// # Errors
    /// When a card's file can't be opened.
    pub fn start(
        layout: &Layout,
        servers: &Servers,
        people: &[Person],
        secrets: Option<&SecretList>,
    ) -> anyhow::Result<Self> {
        let config = servers.config();
        let gateway = config.device.endpoint(&config.mno_address)?;
        let mut phones = Self {
            cards: BTreeMap::new(),
            running: JoinSet::new(),
            shutdown: CancellationToken::new(),
        };
        for person in people {
            let state = layout.card_state(&person.iccid);
            let log = state.with_file_name("apdu.log");
            // The demo measures servers: its cards need not wait for the disk.
            let mut card = Uicc::open_with(&state, Durability::Kill)
                .with_context(|| format!("cannot open {}", state.display()))?;
            card.trace_to(
                Trace::append_to(&log).with_context(|| format!("cannot open {}", log.display()))?,
            );
            if let Some(secrets) = secrets {
                card.observe_secrets(secrets.observer());
            }
            let card = Arc::new(Mutex::new(card));
            let shared: SharedCard = card.clone();
            let phone = PhoneConfig::new(gateway.clone());
            let shutdown = phones.shutdown.clone();
            phones
                .running
                .spawn(async move { attach(phone, shared, shutdown.cancelled()).await });
            phones.cards.insert(person.iccid.clone(), card);
        }
        Ok(phones)
    }

    /// The card with this number.
    ///
    /// # Errors
    /// When no phone holds it.
    pub fn card(&self, iccid: &str) -> anyhow::Result<Arc<Mutex<Uicc>>> {
        self.cards
            .get(iccid)
            .cloned()
            .with_context(|| format!("no phone holds {iccid}"))
    }

    /// Switches all phones off.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.running.join_next().await.is_some() {}
    }
}
