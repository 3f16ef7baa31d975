//! `CardProfileService`: what cards of one product can do.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::error::Reason;
use tsm_core::fleet::CardProfile;
use tsm_core::identity::{ProfileName, Tenant};
use tsm_core::ports::{Batch, StoreError};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::card_profile_service_server::CardProfileService;
use tsm_server::convert::field;
use tsm_server::status;

use crate::authorisation::Method;
use crate::convert::fleet as convert;
use crate::rpc;
use crate::state::{Admitted, State};

pub(crate) struct CardProfileRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl CardProfileService for CardProfileRpc {
    async fn put_card_profile(
        &self,
        request: Request<mno::PutCardProfileRequest>,
    ) -> Result<Response<mno::CardProfile>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeProfiles).await?;
        let own = &admitted.caller.tenant;
        let profile = convert::new_profile(request.into_inner().profile, own)?;
        if profile.issuer != *own {
            let object = format!("card-profile/{}/{}", profile.issuer, profile.name);
            return Err(self
                .0
                .deny(
                    &admitted.caller,
                    admitted.method,
                    Reason::TenantForbidden,
                    &object,
                )
                .await);
        }
        let stored = rpc::decide(|| put(&self.0, &admitted, &profile)).await?;
        Ok(Response::new(convert::profile(&stored)))
    }

    async fn get_card_profile(
        &self,
        request: Request<mno::GetCardProfileRequest>,
    ) -> Result<Response<mno::CardProfile>, Status> {
        let admitted = self.0.admit(&request, Method::ReadProfiles).await?;
        let name = field("name", ProfileName::new(&request.get_ref().name))?;
        let issuer = issuer_of(&self.0, &admitted);
        let id = CardProfile::id(&issuer, &name);
        let found = self.0.store.load::<CardProfile>(&id).await;
        let found = found.map_err(|error| status::of(&error))?;
        let found = found.ok_or_else(|| {
            status::refusal(
                Reason::CardProfileUnknown,
                "no such card profile is described",
            )
        })?;
        Ok(Response::new(convert::profile(&found.value)))
    }

    async fn list_card_profiles(
        &self,
        request: Request<mno::ListCardProfilesRequest>,
    ) -> Result<Response<mno::ListCardProfilesResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadProfiles).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let prefix = format!("{}/", issuer_of(&self.0, &admitted));
        let part = (Table::CardProfile, prefix.as_str());
        let (profiles, next_page_token) = self
            .0
            .page_of(&admitted, part, at, |record| match record {
                Record::CardProfile(profile) => Some(convert::profile(&profile)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListCardProfilesResponse {
            profiles,
            next_page_token,
        }))
    }
}

/// Whose SIMs the caller's subscribers use.
fn issuer_of(state: &State, admitted: &Admitted) -> Tenant {
    let own = &admitted.caller.tenant;
    let tenancy = state.tenants.now();
    tenancy.issuer_of(own).unwrap_or(own).clone()
}

/// Stores a profile, or its new certifications.
async fn put(
    state: &State,
    admitted: &Admitted,
    profile: &CardProfile,
) -> Result<Result<CardProfile, Status>, StoreError> {
    let store = state.store.as_ref();
    let id = CardProfile::id(&profile.issuer, &profile.name);
    let found = store.load::<CardProfile>(&id).await?;
    let mut outcome = "described";
    if let Some(found) = &found {
        if let Err(error) = profile.follows(&found.value) {
            return Ok(Err(status::of(&error)));
        }
        if found.value == *profile {
            return Ok(Ok(profile.clone()));
        }
        outcome = "certified";
    }
    let certifications = profile.certifications.join(", ");
    let party = Party::issuer(&profile.issuer, &state.carrier);
    let subject = format!("card-profile/{id}");
    let step = Step::by(&admitted.caller, subject, state.clock.now(), party)
        .answered_by(&profile.issuer)
        .says(
            format!("describe cards, certified: {certifications}"),
            outcome,
        );
    let version = found.map_or(0, |found| found.version);
    let batch = Batch::new().update(id, version, profile.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(profile.clone()))
}
