//! A citizen with a card in a phone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;
use tonic::Status;
use tsm::demo::Person;
use tsm::dev::citizen::{ApplicationContent, Citizen};
use tsm::dev::layout::JPKI_INSTANCE;
use tsm::login::{sign_on_card, verify_login};
use tsm_proto::mno::{GetDeploymentRequest, GetUiccRequest};
use tsm_proto::sp::{
    Application, ChangeCredentialRequest, CheckCertificateRequest, Credential,
    GetApplicationRequest, GetCredentialRequest, ProvisionCredentialRequest,
    SubmitApplicationRequest, check_certificate_response,
};
use uicc_sim::phone::{PhoneConfig, SharedCard, attach};
use uicc_sim::{Inventory, Uicc};

use crate::calls::{Clients, may_pass, new_request_id, reason};
use crate::contacts::Contacts;

/// How long anything that must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A citizen, the card, and the phone it is in.
pub struct Holder {
    /// Who.
    pub person: Person,
    citizen: Arc<Citizen>,
    /// Clients of both servers.
    pub clients: Clients,
    contacts: Arc<Mutex<Contacts>>,
    authority: Vec<u8>,
}

impl core::fmt::Debug for Holder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Holder({})", self.person.iccid)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.contacts().switch_off();
    }
}

impl Holder {
    pub(crate) fn new(
        person: Person,
        citizen: Citizen,
        clients: Clients,
        card: Uicc,
        authority: Vec<u8>,
    ) -> Self {
        Self {
            person,
            citizen: Arc::new(citizen),
            clients,
            contacts: Arc::new(Mutex::new(Contacts::new(card))),
            authority,
        }
    }

    /// The card's contacts, to look at the card and to plan faults.
    pub fn contacts(&self) -> MutexGuard<'_, Contacts> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the card holds.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        self.contacts().card().inventory()
    }

    /// Commands that the card's contacts have seen so far.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.contacts().commands()
    }

    /// Number of the card.
    #[must_use]
    pub fn iccid(&self) -> &str {
        &self.person.iccid
    }

    /// Switches the phone on; it dials the gateway.
    ///
    /// # Errors
    /// When its certificate is not usable.
    pub fn attach(&mut self) -> anyhow::Result<()> {
        let config = self.clients.servers.config();
        let mut phone = PhoneConfig::new(config.device.endpoint(&config.mno_address)?);
        phone.first_pause = Duration::from_millis(20);
        phone.longest_pause = Duration::from_millis(100);
        let card: SharedCard = self.contacts.clone();
        let power = self.contacts().switch_on();
        tokio::spawn(async move { attach(phone, card, power.cancelled()).await });
        Ok(())
    }

    /// Switches the phone off, and waits until the gateway has noticed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn detach(&mut self) -> anyhow::Result<()> {
        self.contacts().switch_off();
        self.wait_attached(false).await
    }

    /// Waits until the gateway says that the card is attached, or that it is not.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn wait_attached(&self, attached: bool) -> anyhow::Result<()> {
        let mut uiccs = self.clients.uiccs.clone();
        let request = GetUiccRequest {
            iccid: self.person.iccid.clone(),
        };
        let end = Instant::now() + PATIENCE;
        while uiccs
            .get_uicc(request.clone())
            .await
            .map_or(true, |card| card.into_inner().attached != attached)
        {
            if Instant::now() > end {
                bail!("{} does not become attached={attached}", self.iccid());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// A freshly signed application for a card.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn sign_for(&self, iccid: &str) -> anyhow::Result<SubmitApplicationRequest> {
        let nonce = uuid::Uuid::now_v7().simple().to_string();
        let content = ApplicationContent::now(iccid, nonce);
        Ok(SubmitApplicationRequest {
            request_id: new_request_id(),
            cms: self.citizen.sign(&content)?.into(),
        })
    }

    /// A freshly signed application for the own card.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn sign(&self) -> anyhow::Result<SubmitApplicationRequest> {
        self.sign_for(self.iccid())
    }

    /// Submits an application.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn submit(&self, request: SubmitApplicationRequest) -> Result<Application, Status> {
        let mut applications = self.clients.applications.clone();
        Ok(applications.submit_application(request).await?.into_inner())
    }

    /// Signs and submits an application for the own card.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self) -> anyhow::Result<Application> {
        Ok(self.submit(self.sign()?).await?)
    }

    /// One call that works the application up, to its end; `stage` hears of every stage.
    ///
    /// # Errors
    /// As the server ends it.
    pub async fn provision_once(
        &self,
        application: &str,
        mut stage: impl FnMut(&str),
    ) -> Result<Credential, Status> {
        let mut applications = self.clients.applications.clone();
        let request = ProvisionCredentialRequest {
            application_id: application.to_owned(),
            pin: self.person.pin.clone(),
        };
        let mut progress = applications
            .provision_credential(request)
            .await?
            .into_inner();
        let mut credential = None;
        while let Some(message) = progress.message().await? {
            if let Some(ended) = message.stage {
                stage(&ended.name);
            }
            credential = message.credential.or(credential);
        }
        credential.ok_or_else(|| Status::unavailable("the stream ended early"))
    }

    /// Provisions as a citizen's app does: again, while what failed may pass by itself. A phone that went off is
    /// switched on again.
    ///
    /// # Errors
    /// What can't pass by itself, or when it takes longer than `patience`.
    pub async fn provision_within(
        &mut self,
        application: &str,
        patience: Duration,
    ) -> anyhow::Result<Credential> {
        let end = Instant::now() + patience;
        loop {
            let status = match self.provision_once(application, |_| ()).await {
                Ok(credential) => return Ok(credential),
                Err(status) => status,
            };
            if !may_pass(&status) || Instant::now() > end {
                let reason = reason(&status);
                return Err(anyhow::Error::new(status)
                    .context(format!("{} is not provisioned: {reason}", self.iccid())));
            }
            if !self.contacts().is_on() {
                self.attach()?;
                // The servers may be down, then the app finds out by trying.
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// As [`provision_within`](Self::provision_within) with the usual patience.
    ///
    /// # Errors
    /// As there.
    pub async fn provision(&mut self, application: &str) -> anyhow::Result<Credential> {
        self.provision_within(application, PATIENCE).await
    }

    /// Applies and provisions.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn become_active(&mut self) -> anyhow::Result<Credential> {
        let application = self.apply().await?;
        self.wait_attached(true).await?;
        self.provision(&application.id).await
    }

    /// The application as the server has it.
    ///
    /// # Errors
    /// When it has none.
    pub async fn application(&self, id: &str) -> anyhow::Result<Application> {
        let mut applications = self.clients.applications.clone();
        let request = GetApplicationRequest { id: id.to_owned() };
        Ok(applications.get_application(request).await?.into_inner())
    }

    /// The credential as the server has it.
    ///
    /// # Errors
    /// When it has none.
    pub async fn credential(&self, id: &str) -> anyhow::Result<Credential> {
        let mut credentials = self.clients.credentials.clone();
        let request = GetCredentialRequest { id: id.to_owned() };
        Ok(credentials.get_credential(request).await?.into_inner())
    }

    /// Waits until the card is known to agree with the server.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn wait_until_card_agrees(&self, id: &str) -> anyhow::Result<Credential> {
        let end = Instant::now() + PATIENCE;
        loop {
            let credential = self.credential(id).await?;
            if credential.card_agrees {
                return Ok(credential);
            }
            if Instant::now() > end {
                bail!("the card of {} does not follow", self.iccid());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Changes a credential.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn change(&self, change: Change, id: &str) -> Result<Credential, Status> {
        self.change_as(&new_request_id(), change, id).await
    }

    /// Changes a credential under this request id.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn change_as(
        &self,
        request_id: &str,
        change: Change,
        id: &str,
    ) -> Result<Credential, Status> {
        let mut credentials = self.clients.credentials.clone();
        let request = ChangeCredentialRequest {
            request_id: request_id.to_owned(),
            id: id.to_owned(),
        };
        let changed = match change {
            Change::Suspend => credentials.suspend_credential(request).await,
            Change::Resume => credentials.resume_credential(request).await,
            Change::Revoke => credentials.revoke_credential(request).await,
            Change::Delete => credentials.delete_credential(request).await,
        };
        Ok(changed?.into_inner())
    }

    /// What a relying party learns about a certificate.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn check(
        &self,
        certificate: &[u8],
    ) -> anyhow::Result<check_certificate_response::Status> {
        let mut verification = self.clients.verification.clone();
        let request = CheckCertificateRequest {
            certificate_der: certificate.to_vec().into(),
        };
        let answer = verification.check_certificate(request).await?;
        Ok(answer.into_inner().status())
    }

    /// The operator's record of the service on the card.
    ///
    /// # Errors
    /// When there is none.
    pub async fn deployment(&self) -> anyhow::Result<tsm_proto::mno::Deployment> {
        let mut deployments = self.clients.deployments.clone();
        let request = GetDeploymentRequest {
            iccid: self.person.iccid.clone(),
            service: "jpki".to_owned(),
        };
        Ok(deployments.get_deployment(request).await?.into_inner())
    }

    /// Signs a challenge with a PIN at the card itself, and has a relying party verify chain and signature.
    ///
    /// # Errors
    /// When card or relying party refuse.
    pub fn log_in_with(&self, pin: &str) -> anyhow::Result<()> {
        let challenge = uuid::Uuid::now_v7();
        let login = {
            let mut contacts = self.contacts();
            let card = contacts.card();
            card.reset();
            let login = sign_on_card(
                |command| card.transmit(command),
                &JPKI_INSTANCE,
                pin.as_bytes(),
                challenge.as_bytes(),
            );
            card.reset();
            login?
        };
        verify_login(&self.authority, challenge.as_bytes(), &login)
            .context("the relying party refused")
    }

    /// Logs in with the own PIN.
    ///
    /// # Errors
    /// As [`log_in_with`](Self::log_in_with).
    pub fn log_in(&self) -> anyhow::Result<()> {
        self.log_in_with(&self.person.pin)
    }
}

/// Changes of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not to be accepted for now.
    Suspend,
    /// To be accepted again.
    Resume,
    /// Never to be accepted again.
    Revoke,
    /// Revoked, and everything off the card.
    Delete,
}
