//! Whether a service can be put on a card.

use globalplatform::life_cycle::CardLifeCycle;
use scp03::parameters::ScpParameters;
use scp03::security_level::SecurityLevel;

use super::request::{RequestError, managed_service, require_contract};
use super::{Context, ConvergeError, audit, requirements};
use crate::card::catalogue::Package;
use crate::card::deployment::ServiceState;
use crate::card::desired::DesiredService;
use crate::card::plan;
use crate::card::uicc::Uicc;
use crate::error::{Failure, Reason};
use crate::identity::{Caller, Iccid, ServiceName};
use crate::ports::{Eligibility, MissingRequirement};
use crate::time::Timestamp;

/// Lists every requirement that the card does not meet. Reads the card when it
/// was never read (one exchange), unless it can't be read or may not be used at all;
/// writes nothing to it. An unknown card is a requirement that is not met.
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
    let definition = managed_service(context.store, caller, service).await?;
    let package = context
        .store
        .load::<Package>(&definition.package.to_string())
        .await?;
    let package = package.ok_or(RequestError::PackageUnknown)?.value;
    let Some(uicc) = context.store.load::<Uicc>(iccid.as_str()).await? else {
        let unknown = missing(Reason::CardUnknown, "no such card is registered".to_owned());
        return Ok(Eligibility {
            missing: vec![unknown],
            exchanges: 0,
        });
    };
    let uicc = uicc.value;
    let mut found = Vec::new();
    match require_contract(context.store, &definition, &uicc, context.clock.now()).await {
        Ok(()) => {}
        Err(RequestError::Contract(error)) => {
            found.push(missing(error.reason(), error.to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    if !is_qualified(uicc.scp_i) {
        let detail = format!(
            "SCP03 with i = {:02X} has no predictable level 33",
            uicc.scp_i
        );
        found.push(missing(Reason::SeProfileNotQualified, detail));
    }
    let unmet = requirements::unmet(context.store, &definition, &uicc).await?;
    found.extend(
        unmet
            .iter()
            .map(|error| missing(error.reason(), error.to_string())),
    );
    let is_usable = found.is_empty();
    let (content, exchanges) = match uicc.content {
        Some(content) => (content, 0),
        None if is_usable => {
            let report = audit(context, iccid, lease_epoch, deadline).await?;
            (report.content, report.exchanges)
        }
        None => {
            return Ok(Eligibility {
                missing: found,
                exchanges: 0,
            });
        }
    };
    if content.card_life_cycle >= CardLifeCycle::CardLocked.byte() {
        let detail = format!(
            "the card's life cycle state is {:02X}",
            content.card_life_cycle
        );
        found.push(missing(Reason::CardLocked, detail));
    }
    let wanted = DesiredService::new(&definition, &package, ServiceState::Installed);
    let obstacles = plan::obstacles(&wanted, &content);
    found.extend(
        obstacles
            .iter()
            .map(|error| missing(error.reason(), error.to_string())),
    );
    Ok(Eligibility {
        missing: found,
        exchanges,
    })
}

fn missing(reason: Reason, detail: String) -> MissingRequirement {
    MissingRequirement {
        reason: reason.to_string(),
        detail,
    }
}

/// Scripts are built ahead at level 33: the card's challenge must be
/// predictable, and its answers protected.
fn is_qualified(scp_i: u8) -> bool {
    ScpParameters::new(scp_i).is_ok_and(|parameters| {
        parameters.pseudo_random() && SecurityLevel::Full.is_offered_by(parameters)
    })
}
