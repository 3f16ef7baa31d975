//! `tsm card …` and `tsm show card`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use globalplatform::aid::Aid;
use serde::{Deserialize, Serialize};
use tsm_proto::mno::find_uicc_request::By;
use tsm_proto::mno::registry_entry::Kind;
use tsm_proto::mno::{
    AuditUiccRequest, FindUiccRequest, GetUiccRequest, RegisterUiccRequest, Uicc as FleetCard,
};
use uicc_sim::Uicc;

use crate::cli::FindArgs;
use crate::client::Servers;
use crate::commands::application::read_pin;
use crate::dev::layout::JPKI_INSTANCE;
use crate::login::sign_on_card;
use crate::output::{Output, bytes};

/// A card as its maker describes it (`card.toml`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardDescription {
    /// 19 or 20 digits.
    pub iccid: String,
    /// Issuer security domain, hex.
    pub isd_aid: String,
    /// Key version number of the issuer keys.
    pub key_version: u8,
    /// The `i` parameter of SCP03.
    pub scp_i: u8,
    /// Key diversification data, ten bytes, hex.
    pub key_diversification_data: String,
    /// Last sequence counter that the maker spent.
    pub sequence_counter: u32,
    /// Memory for applications.
    pub memory_bytes: u32,
}

impl CardDescription {
    /// As the operator's server takes it.
    ///
    /// # Errors
    /// When a hex value is wrong.
    pub fn to_request(&self) -> anyhow::Result<RegisterUiccRequest> {
        let hex = |name: &str, value: &str| {
            hex::decode(value).with_context(|| format!("{name} is not hexadecimal"))
        };
        Ok(RegisterUiccRequest {
            iccid: self.iccid.clone(),
            isd_aid: hex("isd_aid", &self.isd_aid)?.into(),
            key_version: u32::from(self.key_version),
            scp_i: u32::from(self.scp_i),
            key_diversification_data: hex(
                "key_diversification_data",
                &self.key_diversification_data,
            )?
            .into(),
            sequence_counter: self.sequence_counter,
            memory_bytes: self.memory_bytes,
            tenant: String::new(),
        })
    }

    /// Reads `card.toml`.
    ///
    /// # Errors
    /// When it can't be read or has wrong keys.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no card description", path.display()))
    }
}

#[derive(Debug, Serialize)]
struct CardView {
    iccid: String,
    tenant: String,
    attached: bool,
    in_doubt: bool,
    memory_bytes: u32,
    profile: String,
    eid: String,
    free_memory_bytes: Option<u32>,
    entries: Vec<EntryView>,
}

#[derive(Debug, Serialize)]
struct EntryView {
    kind: &'static str,
    aid: String,
    life_cycle: String,
}

impl From<FleetCard> for CardView {
    fn from(card: FleetCard) -> Self {
        let content = card.content.as_ref();
        let entries = content
            .map(|content| content.entries.as_slice())
            .unwrap_or_default();
        Self {
            free_memory_bytes: content.map(|content| content.free_memory_bytes),
            entries: entries
                .iter()
                .map(|entry| EntryView {
                    kind: match entry.kind() {
                        Kind::IssuerDomain => "issuer domain",
                        Kind::SecurityDomain => "security domain",
                        Kind::LoadFile => "load file",
                        Kind::Applet => "applet",
                        Kind::Unspecified => "entry",
                    },
                    aid: hex::encode_upper(&entry.aid),
                    life_cycle: format!("{:02X}", entry.life_cycle),
                })
                .collect(),
            profile: card.profile,
            eid: card.eid,
            iccid: card.iccid,
            tenant: card.tenant,
            attached: card.attached,
            in_doubt: card.in_doubt,
            memory_bytes: card.memory_bytes,
        }
    }
}

impl CardView {
    fn text(&self) -> String {
        let phone = if self.attached {
            "attached"
        } else {
            "not reachable now"
        };
        let mut text = format!(
            "card {}\n  tenant  {}\n  phone   {phone}\n  memory  {}",
            self.iccid,
            self.tenant,
            bytes(u64::from(self.memory_bytes))
        );
        match self.free_memory_bytes {
            Some(free) => {
                let _ = writeln!(
                    text,
                    ", {} free when it was last read",
                    bytes(u64::from(free))
                );
            }
            None => text.push_str("; never read\n"),
        }
        for (name, value) in [("profile", &self.profile), ("EID", &self.eid)] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:<7} {value}");
            }
        }
        if self.in_doubt {
            text.push_str("  a script was sent whose outcome is not known yet\n");
        }
        for entry in &self.entries {
            let _ = writeln!(
                text,
                "  {:<16} {} {}",
                entry.kind, entry.aid, entry.life_cycle
            );
        }
        text
    }
}

/// `tsm card register FILE`.
///
/// # Errors
/// When the file or the server refuses.
pub async fn register(servers: &Servers, file: &Path, output: Output) -> anyhow::Result<()> {
    let request = CardDescription::load(file)?.to_request()?;
    let card = servers.uiccs()?.register_uicc(request).await?.into_inner();
    output.print(&CardView::from(card), CardView::text)
}

/// `tsm show card ICCID`.
///
/// # Errors
/// When the server does not know it.
pub async fn show(servers: &Servers, iccid: &str, output: Output) -> anyhow::Result<()> {
    let request = GetUiccRequest {
        iccid: iccid.to_owned(),
    };
    let card = servers.uiccs()?.get_uicc(request).await?.into_inner();
    output.print(&CardView::from(card), CardView::text)
}

/// `tsm card audit ICCID`.
///
/// # Errors
/// When the card can't be reached.
pub async fn audit(servers: &Servers, iccid: &str, output: Output) -> anyhow::Result<()> {
    let request = AuditUiccRequest {
        iccid: iccid.to_owned(),
    };
    let card = servers.uiccs()?.audit_uicc(request).await?.into_inner();
    output.print(&CardView::from(card), CardView::text)
}

/// `tsm card find`.
///
/// # Errors
/// When the server does not answer, or there is no such card.
pub async fn find(servers: &Servers, args: FindArgs, output: Output) -> anyhow::Result<()> {
    let FindArgs { msisdn, eid, iccid } = args;
    let by = msisdn
        .map(By::Msisdn)
        .or(eid.map(By::Eid))
        .or(iccid.map(By::Iccid));
    let found = servers.uiccs()?.find_uicc(FindUiccRequest { by }).await?;
    output.print(&CardView::from(found.into_inner()), CardView::text)
}

/// `tsm card sign`: what the phone's app does for a login.
///
/// # Errors
/// When the card refuses, a wrong PIN among the reasons.
pub fn sign(state: &Path, pin_file: &Path, challenge: &Path, out: &Path) -> anyhow::Result<()> {
    let pin = read_pin(pin_file)?;
    let challenge =
        std::fs::read(challenge).with_context(|| format!("cannot read {}", challenge.display()))?;
    let _lock = uicc_sim::state::StateLock::take(state)?;
    let mut card = Uicc::open(state).with_context(|| format!("cannot open {}", state.display()))?;
    let applet: Aid = JPKI_INSTANCE;
    let login = sign_on_card(
        |command| card.transmit(command),
        &applet,
        pin.as_bytes(),
        &challenge,
    )?;
    std::fs::write(out, &login.signature).with_context(|| format!("cannot write {}", out.display()))
}
