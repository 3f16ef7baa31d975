//! The refusal of a transition that the state tables don't have.

/// The state does not allow the event; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in state {state} does not take the event {event}")]
pub struct WrongState {
    /// `application` or `credential`.
    pub what: &'static str,
    /// The present state.
    pub state: &'static str,
    /// What was to happen.
    pub event: &'static str,
}
