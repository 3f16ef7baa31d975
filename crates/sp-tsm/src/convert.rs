//! Records of the domain as messages of `proto/tsm/sp/v1`.

use tsm_core::card::deployment::KeySetup;
use tsm_core::jpki::application::{self, ApplicationState};
use tsm_core::jpki::credential::{self, CardDuty, CredentialState};
use tsm_proto::{sp, types};
use tsm_server::convert::timestamp;

/// An application. The person's pseudonym stays here.
pub(crate) fn application(application: &application::Application) -> sp::Application {
    let key_setup = match application.key_setup {
        Some(KeySetup::CarrierTrusted) => types::KeySetup::CarrierTrusted,
        _ => types::KeySetup::Unspecified,
    };
    sp::Application {
        id: application.id.clone(),
        iccid: application.iccid.to_string(),
        service: application.service.to_string(),
        state: application_state(application.state).into(),
        refusal: application.refusal.clone().unwrap_or_default(),
        credential_id: application.credential.clone().unwrap_or_default(),
        stages: application.stages.iter().map(stage).collect(),
        created_at: Some(timestamp(application.created_at)),
        key_setup: key_setup.into(),
    }
}

fn application_state(state: ApplicationState) -> sp::ApplicationState {
    match state {
        ApplicationState::Approved => sp::ApplicationState::Approved,
        ApplicationState::SeEligible => sp::ApplicationState::SeEligible,
        ApplicationState::AppletInstalled => sp::ApplicationState::AppletInstalled,
        ApplicationState::KeyIssued => sp::ApplicationState::KeyIssued,
        ApplicationState::Writing => sp::ApplicationState::Writing,
        ApplicationState::Written => sp::ApplicationState::Written,
        ApplicationState::Active => sp::ApplicationState::Active,
        ApplicationState::Refused => sp::ApplicationState::Refused,
        _ => sp::ApplicationState::Unspecified,
    }
}

/// A finished stage.
pub(crate) fn stage(stage: &application::Stage) -> sp::Stage {
    sp::Stage {
        name: stage.name.clone(),
        exchanges: stage.exchanges,
        ms: stage.micros as f64 / 1_000.0,
    }
}

/// A credential, with the certificate under which it was issued.
pub(crate) fn credential(credential: &credential::Credential, issuer: &[u8]) -> sp::Credential {
    sp::Credential {
        id: credential.id.clone(),
        iccid: credential.iccid.to_string(),
        state: credential_state(credential.state).into(),
        certificate_der: credential.certificate.clone().into(),
        issuer_certificate_der: issuer.to_vec().into(),
        card_agrees: card_agrees(credential),
        not_after: Some(timestamp(credential.not_after)),
        private_key_destroyed: credential.private_key_destroyed,
    }
}

/// Before it is active, a credential was never read back.
fn card_agrees(credential: &credential::Credential) -> bool {
    let read_back = !matches!(
        credential.state,
        CredentialState::Pending | CredentialState::Issued
    );
    read_back && credential.duty == CardDuty::None
}

fn credential_state(state: CredentialState) -> sp::CredentialState {
    match state {
        CredentialState::Pending => sp::CredentialState::Pending,
        CredentialState::Issued => sp::CredentialState::Issued,
        CredentialState::Active => sp::CredentialState::Active,
        CredentialState::Suspended => sp::CredentialState::Suspended,
        CredentialState::Revoked => sp::CredentialState::Revoked,
        CredentialState::Expired => sp::CredentialState::Expired,
        _ => sp::CredentialState::Unspecified,
    }
}
