//! Counting what goes to a card for a provider, for the usage ledger.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tsm_core::card::uicc::Uicc;
use tsm_core::identity::{Iccid, ServiceName, Tenant};
use tsm_core::ledger::Account;
use tsm_core::ledger::messages::{self, Traffic};
use tsm_core::ports::{CardLink, LinkError, Script, Store, StoreError};
use tsm_core::time::Timestamp;

use crate::state::State;

/// A link that counts.
pub(crate) struct MeteredLink<'a> {
    inner: &'a dyn CardLink,
    exchanges: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> MeteredLink<'a> {
    pub(crate) fn new(inner: &'a dyn CardLink) -> Self {
        Self {
            inner,
            exchanges: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// What was counted.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            exchanges: self.exchanges.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn add(&self, bytes: usize) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[async_trait]
impl CardLink for MeteredLink<'_> {
    async fn exchange(
        &self,
        iccid: &Iccid,
        lease_epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        let sent: usize = script
            .commands
            .iter()
            .map(|command| command.apdu.len())
            .sum();
        let answer = self
            .inner
            .exchange(iccid, lease_epoch, script, deadline)
            .await;
        match &answer {
            Ok(responses) => self.add(sent + responses.iter().map(Vec::len).sum::<usize>()),
            Err(error) if error.may_have_run() => self.add(sent),
            Err(_) => {}
        }
        answer
    }

    fn is_own(&self) -> bool {
        self.inner.is_own()
    }
}

/// Puts traffic on the account of a provider and the issuer of the card. What can't be stored is
/// lost to the ledger, and told to the log: the work on the card is done.
pub(crate) async fn charge(
    state: &State,
    provider: &Tenant,
    iccid: &Iccid,
    service: &ServiceName,
    traffic: Traffic,
) {
    let charged = try_charge(state, provider, iccid, service, traffic).await;
    if let Err(error) = charged {
        tracing::error!(?iccid, %service, %error, "messages are missing in the usage ledger");
    }
}

async fn try_charge(
    state: &State,
    provider: &Tenant,
    iccid: &Iccid,
    service: &ServiceName,
    traffic: Traffic,
) -> Result<(), StoreError> {
    if traffic == Traffic::default() {
        return Ok(());
    }
    let store: &dyn Store = state.store.as_ref();
    let Some(uicc) = store.load::<Uicc>(iccid.as_str()).await? else {
        return Ok(());
    };
    let account = Account {
        payer: provider.clone(),
        payee: uicc.value.issuer,
    };
    let names = (&account, iccid, service);
    messages::count(store, names, traffic, state.clock.now()).await
}

#[cfg(test)]
mod tests {
    use tsm_core::ports::ScriptCommand;

    use super::*;

    struct Answers(Result<Vec<Vec<u8>>, LinkError>);

    #[async_trait]
    impl CardLink for Answers {
        async fn exchange(
            &self,
            _: &Iccid,
            _: u64,
            _: Script,
            _: Timestamp,
        ) -> Result<Vec<Vec<u8>>, LinkError> {
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn counts_what_was_sent_and_nothing_else() {
        for (answer, exchanges, bytes) in [
            (Ok(vec![vec![0; 3], vec![0; 4]]), 1, 17),
            (Ok(Vec::new()), 1, 10),
            (Err(LinkError::InDoubt), 1, 10),
            (Err(LinkError::NotAttached), 0, 0),
            (Err(LinkError::StaleLease), 0, 0),
        ] {
            let inner = Answers(answer.clone());
            let link = MeteredLink::new(&inner);
            let command = |bytes| ScriptCommand {
                apdu: vec![0; bytes],
                accepted: Vec::new(),
            };
            let script = Script {
                commands: vec![command(4), command(6)],
            };
            let iccid = Iccid::new("8981100000000000017").unwrap();
            let answered = link.exchange(&iccid, 1, script, Timestamp(0)).await;
            assert_eq!(answered, answer);
            assert_eq!(link.traffic(), Traffic { exchanges, bytes });
        }
    }
}
