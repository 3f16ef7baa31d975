//! What the issuer knows of the subscription on a card.
//!
//! ```text
//! start ─► Active ⇄ Suspended
//!             └───────┴─► Ended ─► (start again, with a number that is free)
//! ```

use super::event::CardEventKind;
use super::numbers::{Imei, Msisdn};
use crate::error::{Failure, Reason};
use crate::identity::Iccid;
use crate::time::Timestamp;

/// How it was checked who the holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HolderAssurance {
    /// Not checked.
    Unverified,
    /// From afar, with documents or an electronic signature.
    Remote,
    /// Face to face.
    FaceToFace,
}

impl HolderAssurance {
    /// As commands and events name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Remote => "remote",
            Self::FaceToFace => "face-to-face",
        }
    }
}

/// State of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// In use.
    Active,
    /// Held, for example because a bill was not paid.
    Suspended,
    /// Over; the number is free.
    Ended,
}

impl SubscriptionState {
    /// As commands and events name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

/// The subscription on a card. Record id: the ICCID. Whose subscription it is says the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The card.
    pub iccid: Iccid,
    /// Its number.
    pub msisdn: Msisdn,
    /// How it was checked who the holder is.
    pub assurance: HolderAssurance,
    /// The device in which the card was last reported.
    pub device: Option<Imei>,
    /// Its state.
    pub state: SubscriptionState,
    /// Since when it is in this state.
    pub since: Timestamp,
}

/// What can change of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionChange {
    /// Suspended, resumed, ended.
    State(SubscriptionState),
    /// Another number.
    Number(Msisdn),
    /// The card is in another device.
    Device(Imei),
    /// The holder was checked in another way.
    Assurance(HolderAssurance),
}

/// Why a subscription can not change so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// It is over.
    #[error("the subscription has ended")]
    Ended,
    /// It is not over.
    #[error("the card has a subscription that has not ended")]
    Running,
}

impl Failure for SubscriptionError {
    fn reason(&self) -> Reason {
        Reason::WrongState
    }
}

impl Subscription {
    /// The subscription after a change, and what the event says: kind, before, after. `None` when
    /// it is so already.
    ///
    /// # Errors
    /// [`SubscriptionError::Ended`].
    pub fn change(
        &self,
        change: &SubscriptionChange,
        now: Timestamp,
    ) -> Result<Option<(Self, CardEventKind, String, String)>, SubscriptionError> {
        if self.state == SubscriptionState::Ended {
            let is_so = *change == SubscriptionChange::State(SubscriptionState::Ended);
            return if is_so {
                Ok(None)
            } else {
                Err(SubscriptionError::Ended)
            };
        }
        let mut after = self.clone();
        let (kind, old, new) = match change {
            SubscriptionChange::State(state) => {
                after.state = *state;
                after.since = now;
                (
                    CardEventKind::SubscriptionState,
                    self.state.as_str().to_owned(),
                    state.as_str().to_owned(),
                )
            }
            SubscriptionChange::Number(number) => {
                after.msisdn = number.clone();
                (
                    CardEventKind::NumberChange,
                    self.msisdn.to_string(),
                    number.to_string(),
                )
            }
            SubscriptionChange::Device(device) => {
                after.device = Some(device.clone());
                let old = self.device.as_ref().map(ToString::to_string);
                (
                    CardEventKind::DeviceChange,
                    old.unwrap_or_default(),
                    device.to_string(),
                )
            }
            SubscriptionChange::Assurance(assurance) => {
                after.assurance = *assurance;
                (
                    CardEventKind::HolderAssurance,
                    self.assurance.as_str().to_owned(),
                    assurance.as_str().to_owned(),
                )
            }
        };
        Ok((old != new).then_some((after, kind, old, new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> Subscription {
        Subscription {
            iccid: Iccid::new("8981100000000000001").unwrap(),
            msisdn: Msisdn::parse("819012345678").unwrap(),
            assurance: HolderAssurance::Unverified,
            device: None,
            state: SubscriptionState::Active,
            since: Timestamp(1),
        }
    }

    #[test]
    fn each_change_makes_its_event() {
        use SubscriptionChange as Change;
        let number = Msisdn::parse("819099999999").unwrap();
        let device = Imei::new("356938035643809").unwrap();
        for (change, kind, old, new) in [
            (
                Change::State(SubscriptionState::Suspended),
                CardEventKind::SubscriptionState,
                "active",
                "suspended",
            ),
            (
                Change::Number(number),
                CardEventKind::NumberChange,
                "819012345678",
                "819099999999",
            ),
            (
                Change::Device(device),
                CardEventKind::DeviceChange,
                "",
                "356938035643809",
            ),
            (
                Change::Assurance(HolderAssurance::FaceToFace),
                CardEventKind::HolderAssurance,
                "unverified",
                "face-to-face",
            ),
        ] {
            let (after, made, was, is) = active().change(&change, Timestamp(9)).unwrap().unwrap();
            assert_eq!((made, was.as_str(), is.as_str()), (kind, old, new));
            assert_eq!(after.change(&change, Timestamp(10)), Ok(None));
        }
    }

    #[test]
    fn only_a_new_state_has_a_new_moment() {
        let suspended = SubscriptionChange::State(SubscriptionState::Suspended);
        let (after, ..) = active().change(&suspended, Timestamp(9)).unwrap().unwrap();
        assert_eq!(
            (after.state, after.since),
            (SubscriptionState::Suspended, Timestamp(9))
        );
        let checked = SubscriptionChange::Assurance(HolderAssurance::Remote);
        let (after, ..) = active().change(&checked, Timestamp(9)).unwrap().unwrap();
        assert_eq!(after.since, Timestamp(1));
    }

    #[test]
    fn nothing_changes_after_the_end() {
        let ended = Subscription {
            state: SubscriptionState::Ended,
            ..active()
        };
        let resumed = SubscriptionChange::State(SubscriptionState::Active);
        assert_eq!(
            ended.change(&resumed, Timestamp(9)),
            Err(SubscriptionError::Ended)
        );
        let again = SubscriptionChange::State(SubscriptionState::Ended);
        assert_eq!(ended.change(&again, Timestamp(9)), Ok(None));
    }
}
