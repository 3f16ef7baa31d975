//! Whether a service can be put on a card.

use super::{Context, ConvergeError};
use crate::identity::{Caller, Iccid, ServiceName};
use crate::ports::Eligibility;
use crate::time::Timestamp;

/// Lists every requirement that the card does not meet. Reads the card when it
/// was never read (one exchange); writes nothing to it. An unknown card is a
/// requirement that is not met.
///
/// # Errors
/// [`ConvergeError`] when the caller may not ask, or the card had to be read and was not.
pub async fn check_eligibility(
    context: &Context<'_>,
    caller: &Caller,
    iccid: &Iccid,
    service: &ServiceName,
    lease_epoch: u64,
    deadline: Timestamp,
) -> Result<Eligibility, ConvergeError> {
    let _ = (context, caller, iccid, service, lease_epoch, deadline);
    Err(ConvergeError::Unsettled)
}
