//! The state machine of an application (jpki-mission.md, section 4).
//!
//! | State | Event | Next state |
//! |---|---|---|
//! | `Approved` | `Eligible` | `SeEligible` |
//! | `SeEligible` | `Deployed` | `AppletInstalled` |
//! | `AppletInstalled`, no credential | `KeySetAside` | `AppletInstalled`, credential named |
//! | `AppletInstalled`, credential named | `Issued` | `KeyIssued` |
//! | `KeyIssued`, `Writing` | `WriteBegun` | `Writing` |
//! | `Writing` | `ReadBack` | `Written` |
//! | `Written` | `Activated` | `Active` |
//! | all but `Active` and `Refused` | `Refused` | `Refused` |
//!
//! `Active` and `Refused` are final. In every other state the provider's server acts next, when the
//! citizen's app calls to provision; until then nothing happens by itself.

use super::{Application, ApplicationState};
use crate::card::deployment::KeySetup;
use crate::jpki::wrong_state::WrongState;

/// What can happen to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplicationEvent {
    /// The operator found the card fit for the service.
    Eligible,
    /// The card was read back with domain and applet, and the first keys were handed over.
    Deployed {
        /// How those keys were made.
        key_setup: KeySetup,
    },
    /// A key pair and a serial number were set aside; nothing is signed yet.
    KeySetAside {
        /// Id of the new credential.
        credential: String,
    },
    /// The certificate was signed and stored.
    Issued,
    /// Personalisation is about to be sent.
    WriteBegun,
    /// The card was read back with the credential live.
    ReadBack,
    /// The applet was read back selectable.
    Activated,
    /// It ends without a credential.
    Refused {
        /// Stable reason.
        reason: String,
    },
}

impl ApplicationEvent {
    /// Its name, for errors and the audit log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Eligible => "eligible",
            Self::Deployed { .. } => "deployed",
            Self::KeySetAside { .. } => "key-set-aside",
            Self::Issued => "issued",
            Self::WriteBegun => "write-begun",
            Self::ReadBack => "read-back",
            Self::Activated => "activated",
            Self::Refused { .. } => "refused",
        }
    }
}

impl Application {
    /// Makes one transition of the table above.
    ///
    /// # Errors
    /// [`WrongState`] for every other pair of state and event; nothing was changed then.
    pub fn apply(&mut self, event: ApplicationEvent) -> Result<(), WrongState> {
        use ApplicationEvent as Event;
        use ApplicationState as State;

        let refusal = WrongState {
            what: "application",
            state: self.state.as_str(),
            event: event.name(),
        };
        self.state = match (self.state, event) {
            (State::Approved, Event::Eligible) => State::SeEligible,
            (State::SeEligible, Event::Deployed { key_setup }) => {
                self.key_setup = Some(key_setup);
                State::AppletInstalled
            }
            (State::AppletInstalled, Event::KeySetAside { credential })
                if self.credential.is_none() =>
            {
                self.credential = Some(credential);
                State::AppletInstalled
            }
            (State::AppletInstalled, Event::Issued) if self.credential.is_some() => {
                State::KeyIssued
            }
            (State::KeyIssued | State::Writing, Event::WriteBegun) => State::Writing,
            (State::Writing, Event::ReadBack) => State::Written,
            (State::Written, Event::Activated) => State::Active,
            (state, Event::Refused { reason }) if !state.is_final() => {
                self.refusal = Some(reason);
                State::Refused
            }
            _ => return Err(refusal),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Iccid, ServiceName};
    use crate::time::Timestamp;

    const STATES: [ApplicationState; 8] = [
        ApplicationState::Approved,
        ApplicationState::SeEligible,
        ApplicationState::AppletInstalled,
        ApplicationState::KeyIssued,
        ApplicationState::Writing,
        ApplicationState::Written,
        ApplicationState::Active,
        ApplicationState::Refused,
    ];

    fn events() -> Vec<ApplicationEvent> {
        vec![
            ApplicationEvent::Eligible,
            ApplicationEvent::Deployed {
                key_setup: KeySetup::CarrierTrusted,
            },
            ApplicationEvent::KeySetAside {
                credential: "c".to_owned(),
            },
            ApplicationEvent::Issued,
            ApplicationEvent::WriteBegun,
            ApplicationEvent::ReadBack,
            ApplicationEvent::Activated,
            ApplicationEvent::Refused {
                reason: "R".to_owned(),
            },
        ]
    }

    fn application(state: ApplicationState, credential: Option<&str>) -> Application {
        Application {
            id: "a".to_owned(),
            person: "p".to_owned(),
            iccid: Iccid::new("8981000000000000001").unwrap(),
            service: ServiceName::new("jpki").unwrap(),
            state,
            refusal: None,
            credential: credential.map(str::to_owned),
            key_setup: None,
            consent_sha256: [0; 32],
            cms_sha256: [0; 32],
            created_at: Timestamp(0),
            stages: Vec::new(),
        }
    }

    #[test]
    fn runs_from_approved_to_active() {
        let mut application = application(ApplicationState::Approved, None);
        for event in events().into_iter().take(7) {
            application.apply(event).unwrap();
        }
        assert_eq!(application.state, ApplicationState::Active);
        assert_eq!(application.credential.as_deref(), Some("c"));
        assert_eq!(application.key_setup, Some(KeySetup::CarrierTrusted));
    }

    #[test]
    fn takes_exactly_the_transitions_of_the_table() {
        let mut taken = Vec::new();
        for (index, state) in STATES.into_iter().enumerate() {
            for (number, event) in events().into_iter().enumerate() {
                for credential in [None, Some("c")] {
                    let before = application(state, credential);
                    let mut after = before.clone();
                    match after.apply(event.clone()) {
                        Ok(()) => taken.push((index, number, credential.is_some())),
                        Err(refused) => {
                            assert_eq!(refused.state, state.as_str());
                            assert_eq!(after, before, "a refused event changes nothing");
                        }
                    }
                }
            }
        }
        let mut expected = Vec::new();
        let both = |list: &mut Vec<_>, state, event| {
            list.extend([(state, event, false), (state, event, true)]);
        };
        for (state, event) in [(0, 0), (1, 1), (3, 4), (4, 4), (4, 5), (5, 6)] {
            both(&mut expected, state, event);
        }
        expected.extend([(2, 2, false), (2, 3, true)]);
        for state in 0..6 {
            both(&mut expected, state, 7);
        }
        taken.sort_unstable();
        expected.sort_unstable();
        assert_eq!(taken, expected);
    }

    #[test]
    fn a_refusal_keeps_its_reason() {
        let mut application = application(ApplicationState::Approved, None);
        application
            .apply(ApplicationEvent::Refused {
                reason: "X".to_owned(),
            })
            .unwrap();
        assert_eq!(application.refusal.as_deref(), Some("X"));
        assert!(application.apply(ApplicationEvent::Eligible).is_err());
    }
}
