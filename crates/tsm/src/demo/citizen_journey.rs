//! One citizen: apply, provision, log in.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use globalplatform::aid::Aid;
use tsm_proto::sp::check_certificate_response::Status as CertificateStatus;
use tsm_proto::sp::{
    CheckCertificateRequest, CredentialState, ProvisionCredentialRequest, SubmitApplicationRequest,
};
use uicc_sim::Uicc;

use super::files::OutputFolder;
use super::population::Person;
use crate::client::Servers;
use crate::commands::application::{StageView, new_request_id, stage_line};
use crate::dev::citizen::{ApplicationContent, Citizen};
use crate::login::{Login, sign_on_card, verify_login};
use crate::output::Paint;

/// What all citizens share.
pub struct World {
    /// Both servers.
    pub servers: Servers,
    /// The JPKI applet.
    pub applet: Aid,
    /// Certificate of the certification authority, DER.
    pub authority: Vec<u8>,
    /// Where results go.
    pub files: OutputFolder,
    /// Print every step (one citizen only).
    pub show_steps: bool,
}

/// A citizen, with a signing certificate and a card.
pub struct Journey {
    /// Who.
    pub person: Person,
    /// Signs the application.
    pub citizen: Citizen,
    /// The card in the phone.
    pub card: Arc<Mutex<Uicc>>,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// The card.
    pub iccid: String,
    /// The PIN.
    pub pin: String,
    /// State of the credential.
    pub state: String,
    /// Finished stages.
    pub stages: Vec<StageView>,
    /// Why it is not ACTIVE.
    pub failure: Option<String>,
}

impl Journey {
    /// From the signed application to an accepted login.
    pub async fn run(self, world: &World) -> Outcome {
        let mut stages = Vec::new();
        let result = self.steps(world, &mut stages).await;
        let (state, failure) = match result {
            Ok(()) => ("ACTIVE".to_owned(), None),
            Err(error) => ("FAILED".to_owned(), Some(crate::failure::explain(&error))),
        };
        Outcome {
            iccid: self.person.iccid,
            pin: self.person.pin,
            state,
            stages,
            failure,
        }
    }

    async fn steps(&self, world: &World, stages: &mut Vec<StageView>) -> anyhow::Result<()> {
        let mut done = |stage: StageView| {
            if world.show_steps {
                eprintln!("{} {}", Paint::stderr().good("✓"), stage_line(&stage));
            }
            stages.push(stage);
        };
        let started = Instant::now();
        let application = self
            .apply(world)
            .await
            .context("the application was not accepted")?;
        done(local_stage("application", started));
        self.provision(world, &application, &mut done).await?;
        let started = Instant::now();
        self.log_in(world)
            .await
            .context("the login was not accepted")?;
        done(local_stage("login", started));
        Ok(())
    }

    async fn apply(&self, world: &World) -> anyhow::Result<String> {
        let content = ApplicationContent::now(&self.person.iccid, self.person.nonce.clone());
        let request = SubmitApplicationRequest {
            request_id: new_request_id(),
            cms: self.citizen.sign(&content)?.into(),
        };
        let application = world
            .servers
            .applications()?
            .submit_application(request)
            .await?;
        Ok(application.into_inner().id)
    }

    async fn provision(
        &self,
        world: &World,
        application: &str,
        done: &mut impl FnMut(StageView),
    ) -> anyhow::Result<()> {
        let request = ProvisionCredentialRequest {
            application_id: application.to_owned(),
            pin: self.person.pin.clone(),
        };
        let mut progress = world
            .servers
            .applications()?
            .provision_credential(request)
            .await?
            .into_inner();
        let mut credential = None;
        while let Some(message) = progress.message().await? {
            if let Some(stage) = message.stage {
                done(stage.into());
            }
            credential = message.credential.or(credential);
        }
        let credential = credential.context("the server ended without a credential")?;
        ensure!(
            credential.state() == CredentialState::Active,
            "the credential is not ACTIVE"
        );
        ensure!(credential.card_agrees, "the card was not read back");
        ensure!(
            credential.private_key_destroyed,
            "the server still has the private key"
        );
        Ok(())
    }

    /// The phone's app signs on the card; the relying party checks.
    async fn log_in(&self, world: &World) -> anyhow::Result<()> {
        let mut challenge = [0; 32];
        getrandom::fill(&mut challenge).context("no random challenge")?;
        let login = self.sign(world, &challenge)?;
        verify_login(&world.authority, &challenge, &login)?;
        let status = world
            .servers
            .verification()?
            .check_certificate(CheckCertificateRequest {
                certificate_der: login.certificate.clone().into(),
            })
            .await?
            .into_inner()
            .status();
        ensure!(
            status == CertificateStatus::Good,
            "the certificate is not good: {status:?}"
        );
        world
            .files
            .write_login(&self.person.iccid, &challenge, &login)
    }

    fn sign(&self, world: &World, challenge: &[u8]) -> anyhow::Result<Login> {
        let mut card = self
            .card
            .lock()
            .map_err(|_| anyhow::anyhow!("the card is broken"))?;
        card.reset();
        sign_on_card(
            |command| card.transmit(command),
            &world.applet,
            self.person.pin.as_bytes(),
            challenge,
        )
    }
}

fn local_stage(name: &str, started: Instant) -> StageView {
    StageView {
        name: name.to_owned(),
        exchanges: 0,
        ms: started.elapsed().as_secs_f64() * 1_000.0,
    }
}
