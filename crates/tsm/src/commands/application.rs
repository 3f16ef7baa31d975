//! `tsm apply`, `tsm provision`, `tsm show application`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tsm_proto::sp::{
    Application, CancelApplicationRequest, GetApplicationRequest, ProvisionCredentialRequest,
    SubmitApplicationRequest,
};

use crate::cli::{ApplyArgs, ProvisionArgs};
use crate::client::Servers;
use crate::commands::credential::CredentialView;
use crate::output::{Output, Paint};

/// Longest accepted file with a signed application, in bytes.
const CMS_LIMIT: u64 = 64 * 1024;

/// An application, as it is printed.
#[derive(Debug, Serialize)]
pub struct ApplicationView {
    /// Its id.
    pub application: String,
    /// The card.
    pub iccid: String,
    /// The service.
    pub service: String,
    /// Where it stands.
    pub state: &'static str,
    /// Reason of a refusal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub refusal: String,
    /// Its credential, once there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// Finished stages.
    pub stages: Vec<StageView>,
}

/// A finished stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// Script exchanges with the phone.
    pub exchanges: u32,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

impl From<tsm_proto::sp::Stage> for StageView {
    fn from(stage: tsm_proto::sp::Stage) -> Self {
        Self {
            name: stage.name,
            exchanges: stage.exchanges,
            ms: stage.ms,
        }
    }
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        Self {
            state: short(application.state().as_str_name(), "APPLICATION_STATE_"),
            application: application.id,
            iccid: application.iccid,
            service: application.service,
            refusal: application.refusal,
            credential: application.credential_id,
            stages: application
                .stages
                .into_iter()
                .map(StageView::from)
                .collect(),
        }
    }
}

/// The name of an enum value without its prefix.
pub(crate) fn short(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

impl ApplicationView {
    fn text(&self) -> String {
        let mut text = format!(
            "application {}\n  card       {}\n  service    {}\n  state      {}\n",
            self.application, self.iccid, self.service, self.state
        );
        for (name, value) in [("refusal", &self.refusal), ("credential", &self.credential)] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:10} {value}");
            }
        }
        for stage in &self.stages {
            let _ = writeln!(text, "  {}", stage_line(stage));
        }
        text
    }
}

/// One line about a stage.
pub(crate) fn stage_line(stage: &StageView) -> String {
    let exchanges = match stage.exchanges {
        0 => "no exchange".to_owned(),
        1 => "1 exchange".to_owned(),
        n => format!("{n} exchanges"),
    };
    format!("{:<12} {exchanges:<12} {:>8.1} ms", stage.name, stage.ms)
}

/// `tsm apply`: a new request every time.
///
/// # Errors
/// When the file can't be read, or the server refuses the application.
pub async fn apply(servers: &Servers, args: &ApplyArgs, output: Output) -> anyhow::Result<()> {
    let length = std::fs::metadata(&args.cms)
        .with_context(|| format!("cannot read {}", args.cms.display()))?
        .len();
    ensure!(
        length <= CMS_LIMIT,
        "{} has {length} bytes, a signed application at most {CMS_LIMIT}",
        args.cms.display()
    );
    let cms =
        std::fs::read(&args.cms).with_context(|| format!("cannot read {}", args.cms.display()))?;
    let application = servers
        .applications()?
        .submit_application(SubmitApplicationRequest {
            request_id: new_request_id(),
            cms: cms.into(),
        })
        .await?
        .into_inner();
    output.print(&ApplicationView::from(application), |view| {
        format!(
            "{}\nNext: tsm provision {} --pin-file FILE",
            view.text(),
            view.application
        )
    })
}

/// `tsm provision`: goes on where the application stands.
///
/// # Errors
/// When the PIN is not four digits, or a stage fails.
pub async fn provision(
    servers: &Servers,
    args: &ProvisionArgs,
    output: Output,
) -> anyhow::Result<()> {
    let pin = read_pin(&args.pin_file)?;
    let mut progress = servers
        .applications()?
        .provision_credential(ProvisionCredentialRequest {
            application_id: args.application.clone(),
            pin: pin.as_str().to_owned(),
        })
        .await?
        .into_inner();
    let mut credential = None;
    let paint = Paint::stderr();
    while let Some(message) = progress.message().await? {
        if let Some(stage) = message.stage {
            eprintln!("{} {}", paint.good("✓"), stage_line(&stage.into()));
        }
        credential = message.credential.or(credential);
    }
    let credential = credential.context(
        "the server ended without a credential; repeat the command to go on where it stopped",
    )?;
    output.print(&CredentialView::from(credential), CredentialView::text)
}

/// `tsm cancel`.
///
/// # Errors
/// When the application has a credential already.
pub async fn cancel(servers: &Servers, id: &str, output: Output) -> anyhow::Result<()> {
    let application = servers
        .applications()?
        .cancel_application(CancelApplicationRequest { id: id.to_owned() })
        .await?
        .into_inner();
    output.print(&ApplicationView::from(application), ApplicationView::text)
}

/// `tsm show application`.
///
/// # Errors
/// When the server does not know it.
pub async fn show(servers: &Servers, id: &str, output: Output) -> anyhow::Result<()> {
    let application = servers
        .applications()?
        .get_application(GetApplicationRequest { id: id.to_owned() })
        .await?
        .into_inner();
    output.print(&ApplicationView::from(application), ApplicationView::text)
}

/// A request id that was never used.
#[must_use]
pub fn new_request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Four digits from a file, or from standard input for `-`.
///
/// # Errors
/// When the file can't be read or holds anything else.
pub fn read_pin(path: &Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(64)
            .read_to_string(&mut text)
            .context("cannot read the PIN")?;
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(64).read_to_string(&mut text))
            .with_context(|| format!("cannot read the PIN from {}", path.display()))?;
    }
    let pin = zeroize::Zeroizing::new(text.trim().to_owned());
    ensure!(
        pin.len() == 4 && pin.bytes().all(|b| b.is_ascii_digit()),
        "a PIN has four digits"
    );
    Ok(pin)
}
