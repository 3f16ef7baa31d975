//! What happened to a card and its subscription: an append-only list for each card.

use crate::identity::Iccid;
use crate::ports::{Batch, Store, StoreError};
use crate::time::Timestamp;

/// Kinds of events. What each of them means for the services on the card is decided elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CardEventKind {
    /// A subscription began; the new value is its number.
    SubscriptionStart,
    /// It was suspended, resumed or ended.
    SubscriptionState,
    /// It has another number.
    NumberChange,
    /// It moved to another card (SIM swap); the values are the ICCIDs.
    SeRenewal,
    /// The card is in another device; the values are IMEIs.
    DeviceChange,
    /// The holder was checked in another way.
    HolderAssurance,
    /// The subscriber is another tenant's; the values are the tenants.
    TenantChange,
    /// The holder does not find it.
    Lost,
    /// Somebody took it.
    Stolen,
    /// The holder has it again.
    Recovered,
}

impl CardEventKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SubscriptionStart,
        Self::SubscriptionState,
        Self::NumberChange,
        Self::SeRenewal,
        Self::DeviceChange,
        Self::HolderAssurance,
        Self::TenantChange,
        Self::Lost,
        Self::Stolen,
        Self::Recovered,
    ];

    /// As commands and the audit log name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubscriptionStart => "subscription-start",
            Self::SubscriptionState => "subscription-state",
            Self::NumberChange => "number-change",
            Self::SeRenewal => "se-renewal",
            Self::DeviceChange => "device-change",
            Self::HolderAssurance => "holder-assurance",
            Self::TenantChange => "tenant-change",
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Recovered => "recovered",
        }
    }
}

/// One event. Record id: [`CardEvent::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEvent {
    /// The card.
    pub iccid: Iccid,
    /// 1 for the first event of a card; [`append`] sets it.
    pub sequence: u64,
    /// What happened.
    pub kind: CardEventKind,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who reported it: tenant and role.
    pub actor: String,
    /// How it was before; empty when there was nothing.
    pub old: String,
    /// How it is since.
    pub new: String,
}

impl CardEvent {
    /// Record id: ICCID, slash, sequence in 12 digits.
    #[must_use]
    pub fn id(iccid: &Iccid, sequence: u64) -> String {
        format!("{iccid}/{sequence:012}")
    }
}

/// How many events a card has. Record id: the ICCID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardEventCount {
    /// Sequence of the newest.
    pub events: u64,
}

/// Adds `event` to the list of its card, to be committed with `batch`; a batch may get one event
/// for a card. Returns the event with its sequence.
///
/// The commit fails with [`StoreError::Conflict`] when another event was added meanwhile.
///
/// # Errors
/// [`StoreError`] when the list cannot be read.
pub async fn append(
    store: &dyn Store,
    batch: Batch,
    mut event: CardEvent,
) -> Result<(Batch, CardEvent), StoreError> {
    let card = event.iccid.as_str().to_owned();
    let found = store.load::<CardEventCount>(&card).await?;
    let (version, events) = found.map_or((0, 0), |found| (found.version, found.value.events));
    event.sequence = events.saturating_add(1);
    let count = CardEventCount {
        events: event.sequence,
    };
    let id = CardEvent::id(&event.iccid, event.sequence);
    let batch = batch.update(card, version, count).insert(id, event.clone());
    Ok((batch, event))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::TestStore;

    fn event(card: u8, new: &str) -> CardEvent {
        CardEvent {
            iccid: Iccid::new(&format!("898110000000000000{card}")).unwrap(),
            sequence: 0,
            kind: CardEventKind::NumberChange,
            at: Timestamp(5),
            actor: "carrier/operator".to_owned(),
            old: String::new(),
            new: new.to_owned(),
        }
    }

    #[test]
    fn events_of_a_card_are_counted_and_stay() {
        let store = TestStore::default();
        for (card, new, sequence) in [(1, "a", 1), (1, "b", 2), (2, "c", 1), (1, "d", 3)] {
            let appended = block_on(append(&store, Batch::new(), event(card, new)));
            let (batch, event) = appended.unwrap();
            assert_eq!(event.sequence, sequence);
            block_on(store.commit(batch)).unwrap();
        }
        let store: &dyn Store = &store;
        let first = CardEvent::id(&event(1, "").iccid, 1);
        let first = block_on(store.load::<CardEvent>(&first)).unwrap().unwrap();
        assert_eq!((first.version, first.value.new.as_str()), (1, "a"));
    }

    #[test]
    fn of_two_events_at_once_one_is_appended() {
        let store = TestStore::default();
        let [one, two] = ["a", "b"].map(|new| {
            block_on(append(&store, Batch::new(), event(1, new)))
                .unwrap()
                .0
        });
        block_on(store.commit(one)).unwrap();
        let lost = block_on(store.commit(two));
        assert!(matches!(lost, Err(StoreError::Conflict(_))));
    }
}
