//! The state machine of a credential (jpki-mission.md, section 5), with what the card still owes.
//!
//! | State | Event | Next state | Duty of the card |
//! |---|---|---|---|
//! | `Pending` | `Issued` | `Issued` | none |
//! | `Issued` | `Activated` | `Active` | none |
//! | `Active`; `Suspended` with duty `Unlock` | `Suspend` | `Suspended` | `Lock` |
//! | `Suspended` | `Resume` | `Suspended` | `Unlock` |
//! | `Pending`, `Issued`, `Active`, `Suspended` | `Revoke` | `Revoked` | `Wipe`; none if never sent |
//! | `Pending`, `Issued`, `Active`, `Suspended` | `Expire` | `Expired` | `Wipe`; none if never sent |
//! | `Expired` | `Delete` | `Expired` | `Remove` |
//! | all others | `Delete` | `Revoked` | `Remove` |
//! | `Suspended` with duty `Unlock` | `CardFollowed` | `Active` | none |
//! | any with another duty | `CardFollowed` | the same | none |
//!
//! The server goes first: a suspended or revoked credential is not accepted from the moment of the
//! commit, whatever the card does. Only a resumption waits for the card. `Revoked` and `Expired` are
//! final; in them, and whenever there is a duty, the provider's server acts next, as soon as the
//! card can be reached.

use super::{CardDuty, Credential, CredentialState};
use crate::jpki::wrong_state::WrongState;

/// What can happen to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialEvent {
    /// Its certificate was signed.
    Issued {
        /// DER of the certificate.
        certificate: Vec<u8>,
    },
    /// The card was read back with it live and the applet selectable.
    Activated,
    /// Not to be accepted for now.
    Suspend,
    /// To be accepted again, once the card is unlocked.
    Resume,
    /// Never to be accepted again.
    Revoke {
        /// Its key may be on the card.
        sent_to_card: bool,
    },
    /// Revoked, and everything goes from the card.
    Delete,
    /// Its last moment is over.
    Expire {
        /// Its key may be on the card.
        sent_to_card: bool,
    },
    /// The card was read back and has done its duty.
    CardFollowed,
}

impl CredentialEvent {
    /// Its name, for errors and the audit log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "issued",
            Self::Activated => "activated",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke { .. } => "revoke",
            Self::Delete => "delete",
            Self::Expire { .. } => "expire",
            Self::CardFollowed => "card-followed",
        }
    }
}

impl Credential {
    /// Makes one transition of the table above.
    ///
    /// # Errors
    /// [`WrongState`] for every other pair of state and event; nothing was changed then.
    pub fn apply(&mut self, event: CredentialEvent) -> Result<(), WrongState> {
        use CredentialEvent as Event;
        use CredentialState as State;

        let refusal = WrongState {
            what: "credential",
            state: self.state.as_str(),
            event: event.name(),
        };
        let wipe = |sent| if sent { CardDuty::Wipe } else { CardDuty::None };
        (self.state, self.duty) = match (self.state, self.duty, event) {
            (State::Pending, duty, Event::Issued { certificate }) => {
                self.certificate = certificate;
                (State::Issued, duty)
            }
            (State::Issued, _, Event::Activated) => (State::Active, CardDuty::None),
            (State::Active, _, Event::Suspend)
            | (State::Suspended, CardDuty::Unlock, Event::Suspend) => {
                (State::Suspended, CardDuty::Lock)
            }
            (State::Suspended, _, Event::Resume) => (State::Suspended, CardDuty::Unlock),
            (state, _, Event::Revoke { sent_to_card }) if !state.is_final() => {
                (State::Revoked, wipe(sent_to_card))
            }
            (state, _, Event::Expire { sent_to_card }) if !state.is_final() => {
                (State::Expired, wipe(sent_to_card))
            }
            (State::Expired, _, Event::Delete) => (State::Expired, CardDuty::Remove),
            (_, _, Event::Delete) => (State::Revoked, CardDuty::Remove),
            (_, CardDuty::None, Event::CardFollowed) => return Err(refusal),
            (State::Suspended, CardDuty::Unlock, Event::CardFollowed) => {
                (State::Active, CardDuty::None)
            }
            (state, _, Event::CardFollowed) => (state, CardDuty::None),
            _ => return Err(refusal),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Iccid, ServiceName};
    use crate::jpki::credential::KeyAlgorithm;
    use crate::time::Timestamp;

    const STATES: [CredentialState; 6] = [
        CredentialState::Pending,
        CredentialState::Issued,
        CredentialState::Active,
        CredentialState::Suspended,
        CredentialState::Revoked,
        CredentialState::Expired,
    ];
    const DUTIES: [CardDuty; 5] = [
        CardDuty::None,
        CardDuty::Lock,
        CardDuty::Unlock,
        CardDuty::Wipe,
        CardDuty::Remove,
    ];

    fn events() -> Vec<CredentialEvent> {
        vec![
            CredentialEvent::Issued {
                certificate: vec![0x30],
            },
            CredentialEvent::Activated,
            CredentialEvent::Suspend,
            CredentialEvent::Resume,
            CredentialEvent::Revoke { sent_to_card: true },
            CredentialEvent::Revoke {
                sent_to_card: false,
            },
            CredentialEvent::Delete,
            CredentialEvent::Expire { sent_to_card: true },
            CredentialEvent::Expire {
                sent_to_card: false,
            },
            CredentialEvent::CardFollowed,
        ]
    }

    fn credential(state: CredentialState, duty: CardDuty) -> Credential {
        Credential {
            id: "00".to_owned(),
            application: "a".to_owned(),
            person: "p".to_owned(),
            iccid: Iccid::new("8981000000000000001").unwrap(),
            service: ServiceName::new("jpki").unwrap(),
            algorithm: KeyAlgorithm::P256,
            state,
            serial: vec![1],
            public_key: Vec::new(),
            certificate: Vec::new(),
            not_before: Timestamp(0),
            not_after: Timestamp(1),
            duty,
            private_key_destroyed: false,
        }
    }

    fn after(
        state: CredentialState,
        duty: CardDuty,
        event: CredentialEvent,
    ) -> Option<(CredentialState, CardDuty)> {
        let before = credential(state, duty);
        let mut credential = before.clone();
        match credential.apply(event) {
            Ok(()) => Some((credential.state, credential.duty)),
            Err(_) => {
                assert_eq!(credential, before, "a refused event changes nothing");
                None
            }
        }
    }

    #[test]
    fn follows_the_table() {
        use CardDuty::{Lock, None as Nothing, Remove, Unlock, Wipe};
        use CredentialState::{Active, Expired, Issued, Pending, Revoked, Suspended};

        let issued = || CredentialEvent::Issued {
            certificate: vec![0x30],
        };
        let revoke = |sent_to_card| CredentialEvent::Revoke { sent_to_card };
        let expire = |sent_to_card| CredentialEvent::Expire { sent_to_card };
        for (state, duty, event, expected) in [
            (Pending, Nothing, issued(), Some((Issued, Nothing))),
            (
                Issued,
                Nothing,
                CredentialEvent::Activated,
                Some((Active, Nothing)),
            ),
            (
                Active,
                Nothing,
                CredentialEvent::Suspend,
                Some((Suspended, Lock)),
            ),
            (Suspended, Nothing, CredentialEvent::Suspend, None),
            (Suspended, Lock, CredentialEvent::Suspend, None),
            (
                Suspended,
                Unlock,
                CredentialEvent::Suspend,
                Some((Suspended, Lock)),
            ),
            (
                Suspended,
                Lock,
                CredentialEvent::CardFollowed,
                Some((Suspended, Nothing)),
            ),
            (
                Suspended,
                Nothing,
                CredentialEvent::Resume,
                Some((Suspended, Unlock)),
            ),
            (
                Suspended,
                Lock,
                CredentialEvent::Resume,
                Some((Suspended, Unlock)),
            ),
            (
                Suspended,
                Unlock,
                CredentialEvent::CardFollowed,
                Some((Active, Nothing)),
            ),
            (Active, Nothing, CredentialEvent::Resume, None),
            (Active, Nothing, CredentialEvent::CardFollowed, None),
            (Active, Nothing, revoke(true), Some((Revoked, Wipe))),
            (Suspended, Lock, revoke(true), Some((Revoked, Wipe))),
            (Pending, Nothing, revoke(false), Some((Revoked, Nothing))),
            (
                Revoked,
                Wipe,
                CredentialEvent::CardFollowed,
                Some((Revoked, Nothing)),
            ),
            (Revoked, Nothing, revoke(true), None),
            (Revoked, Nothing, CredentialEvent::Resume, None),
            (Revoked, Nothing, CredentialEvent::Activated, None),
            (
                Revoked,
                Wipe,
                CredentialEvent::Delete,
                Some((Revoked, Remove)),
            ),
            (
                Expired,
                Nothing,
                CredentialEvent::Delete,
                Some((Expired, Remove)),
            ),
            (Expired, Nothing, revoke(true), None),
            (Issued, Nothing, expire(true), Some((Expired, Wipe))),
            (
                Active,
                Nothing,
                CredentialEvent::Delete,
                Some((Revoked, Remove)),
            ),
            (
                Revoked,
                Remove,
                CredentialEvent::CardFollowed,
                Some((Revoked, Nothing)),
            ),
        ] {
            assert_eq!(
                after(state, duty, event.clone()),
                expected,
                "{state:?} {duty:?} {event:?}"
            );
        }
    }

    #[test]
    fn nothing_leaves_the_final_states() {
        for state in [CredentialState::Revoked, CredentialState::Expired] {
            for duty in DUTIES {
                for event in events() {
                    if let Some((next, _)) = after(state, duty, event) {
                        assert_eq!(next, state);
                    }
                }
            }
        }
    }

    #[test]
    fn becomes_active_only_after_the_card_was_read() {
        for state in STATES {
            for duty in DUTIES {
                for event in events() {
                    let reads = matches!(
                        event,
                        CredentialEvent::Activated | CredentialEvent::CardFollowed
                    );
                    let next = after(state, duty, event);
                    if next.is_some_and(|(next, _)| next == CredentialState::Active) {
                        assert!(reads && !state.is_final(), "{state:?} {duty:?}");
                    }
                }
            }
        }
    }
}
