//! `tsm profile …`.

use anyhow::Context as _;
use serde::Serialize;
use tsm_proto::mno;

use crate::cli::ProfileCommand;
use crate::client::Servers;
use crate::output::{Output, bytes};

/// As it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileView {
    pub(crate) name: String,
    issuer: String,
    isd_aid: String,
    pub(crate) gp_version: String,
    pub(crate) scp_i: String,
    pub(crate) key_bytes: u32,
    pub(crate) memory_bytes: u32,
    pub(crate) casd: bool,
    pub(crate) certifications: Vec<String>,
}

impl From<mno::CardProfile> for ProfileView {
    fn from(profile: mno::CardProfile) -> Self {
        Self {
            name: profile.name,
            issuer: profile.issuer,
            isd_aid: hex::encode_upper(&profile.isd_aid),
            gp_version: profile.gp_version,
            scp_i: format!("{:02X}", profile.scp_i),
            key_bytes: profile.key_bytes,
            memory_bytes: profile.memory_bytes,
            casd: profile.has_casd,
            certifications: profile.certifications,
        }
    }
}

impl ProfileView {
    fn text(&self) -> String {
        let casd = if self.casd { "a CASD" } else { "no CASD" };
        let certified = match self.certifications.as_slice() {
            [] => "not certified".to_owned(),
            some => format!("certified {}", some.join(", ")),
        };
        format!(
            "{} of {}: GlobalPlatform {}, SCP03 i = {}, issuer domain {} with AES-{} keys, {}, {casd}, {certified}",
            self.name,
            self.issuer,
            self.gp_version,
            self.scp_i,
            self.isd_aid,
            self.key_bytes.saturating_mul(8),
            bytes(u64::from(self.memory_bytes)),
        )
    }
}

/// `tsm profile …`.
///
/// # Errors
/// When the server does not answer or refuses.
pub async fn profile(
    servers: &Servers,
    command: ProfileCommand,
    output: Output,
) -> anyhow::Result<()> {
    let mut profiles = servers.profiles()?;
    let found = match command {
        ProfileCommand::Put(args) => {
            let isd_aid = hex::decode(&args.isd_aid).context("--isd-aid is not hexadecimal")?;
            let profile = mno::CardProfile {
                name: args.name,
                issuer: String::new(),
                isd_aid: isd_aid.into(),
                gp_version: args.gp_version,
                scp_i: args.scp_i.into(),
                key_bytes: args.key_bytes.into(),
                memory_bytes: args.memory,
                has_casd: args.casd,
                certifications: args.certification,
            };
            let request = mno::PutCardProfileRequest {
                profile: Some(profile),
            };
            profiles.put_card_profile(request).await?
        }
        ProfileCommand::Show { name } => {
            let request = mno::GetCardProfileRequest { name };
            profiles.get_card_profile(request).await?
        }
    };
    output.print(&ProfileView::from(found.into_inner()), ProfileView::text)
}
