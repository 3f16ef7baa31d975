//! What provider, operator and card must agree on.

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use tsm::dev::layout::JPKI_INSTANCE;
use tsm_proto::mno::{GetUiccRequest, ServiceState};
use tsm_proto::sp::check_certificate_response::Status as CertificateStatus;
use tsm_proto::sp::{Credential, CredentialState, ListCredentialsRequest};
use uicc_sim::inventory::CredentialInventory;

use crate::contacts::Contacts;
use crate::holder::Holder;
use crate::world::World;

/// A provisioning that something interrupts, as `plan` has it: the citizen calls again and ends ACTIVE, with one
/// credential.
///
/// # Errors
/// What goes wrong, or does not.
pub async fn ensure_active_after(
    world: &World,
    index: usize,
    plan: impl FnOnce(&mut Contacts),
) -> anyhow::Result<()> {
    let mut holder = world.holder(index).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    plan(&mut holder.contacts());
    let first = holder.provision_once(&application.id, |_| ()).await;
    ensure!(first.is_err(), "nothing was interrupted");
    let credential = holder.provision(&application.id).await?;
    ensure_active(&holder, &credential).await?;
    let all = credentials_of(&holder).await?;
    ensure!(all.len() == 1, "a credential was made twice");
    Ok(())
}

/// Everybody agrees that `credential` is active, and it is the only live one of the card.
///
/// # Errors
/// Whatever they do not agree on.
pub async fn ensure_active(holder: &Holder, credential: &Credential) -> anyhow::Result<()> {
    ensure_agreed(holder, credential).await?;
    let live: Vec<_> = credentials_of(holder)
        .await?
        .into_iter()
        .filter(|known| known.state() == CredentialState::Active)
        .collect();
    ensure!(live.len() == 1, "{} live credentials", live.len());
    Ok(())
}

/// Everybody agrees that `credential` is active: the provider, the operator, the card with exactly this credential, and
/// a relying party.
///
/// # Errors
/// Whatever they do not agree on.
pub async fn ensure_agreed(holder: &Holder, credential: &Credential) -> anyhow::Result<()> {
    let known = holder.credential(&credential.id).await?;
    ensure!(known == *credential, "the server has it otherwise");
    ensure!(known.state() == CredentialState::Active, "not active");
    ensure!(known.card_agrees, "the card was not read back");
    ensure!(known.private_key_destroyed, "the key was not destroyed");

    let applet = jpki(holder)?;
    ensure!(applet.live, "the card holds nothing live");
    ensure!(
        applet.credential_id.as_deref().map(str::to_lowercase)
            == Some(credential.id.replace('-', "").to_lowercase()),
        "the card holds {:?}, the server {}",
        applet.credential_id,
        credential.id
    );
    let digest = hex::encode_upper(Sha256::digest(&known.certificate_der));
    ensure!(
        applet.certificate_sha256 == Some(digest),
        "another certificate is on the card"
    );
    ensure!(applet.pending == "none", "something is pending");
    let inventory = holder.inventory();
    let life_cycle = inventory
        .applet(&JPKI_INSTANCE)
        .map(|applet| applet.life_cycle.clone());
    ensure!(
        life_cycle.as_deref() == Some("SELECTABLE"),
        "the applet is {life_cycle:?}"
    );

    let deployment = holder.deployment().await?;
    ensure!(
        deployment.converged && deployment.observed() == ServiceState::Active,
        "the operator has {deployment:?}"
    );
    let mut uiccs = holder.clients.uiccs.clone();
    let request = GetUiccRequest {
        iccid: holder.iccid().to_owned(),
    };
    let uicc = uiccs.get_uicc(request).await?.into_inner();
    ensure!(!uicc.in_doubt, "the operator still doubts");

    let status = holder.check(&known.certificate_der).await?;
    ensure!(status == CertificateStatus::Good, "it is {status:?}");
    holder.log_in()
}

/// All credentials that ever were for the holder's card.
///
/// # Errors
/// When the server does not list them.
pub async fn credentials_of(holder: &Holder) -> anyhow::Result<Vec<Credential>> {
    let mut client = holder.clients.all_credentials.clone();
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListCredentialsRequest {
            page_size: 200,
            page_token,
        };
        let page = client.list_credentials(request).await?.into_inner();
        found.extend(
            page.credentials
                .into_iter()
                .filter(|known| known.iccid == holder.iccid()),
        );
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// What the JPKI applet on the card says about the credential that proves who somebody is.
///
/// # Errors
/// When there is none.
pub fn jpki(holder: &Holder) -> anyhow::Result<CredentialInventory> {
    let inventory = holder.inventory();
    let applet = inventory
        .applet(&JPKI_INSTANCE)
        .context("the applet is not on the card")?;
    let jpki = applet.jpki.clone().context("it is no JPKI applet")?;
    Ok(jpki.authentication)
}
