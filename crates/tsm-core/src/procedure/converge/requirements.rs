//! What a service demands of a card, compared with the card's product.

use crate::card::catalogue::ServiceDefinition;
use crate::card::uicc::Uicc;
use crate::fleet::{CardProfile, UnmetRequirement};
use crate::ports::{Store, StoreError};

/// Everything that the service demands and the card does not have.
pub(super) async fn unmet(
    store: &dyn Store,
    definition: &ServiceDefinition,
    uicc: &Uicc,
) -> Result<Vec<UnmetRequirement>, StoreError> {
    let profile = match &uicc.profile {
        Some(name) => {
            let id = CardProfile::id(&uicc.issuer, name);
            store.load::<CardProfile>(&id).await?
        }
        None => None,
    };
    let profile = profile.as_ref().map(|found| &found.value);
    Ok(definition.requirements.unmet(profile, uicc.memory_bytes))
}
