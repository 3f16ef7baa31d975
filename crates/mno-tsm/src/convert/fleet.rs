//! Card profiles, deliveries, subscriptions and events.

use tonic::Status;
use tsm_core::audit::Party;
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::fleet::{
    CardEvent, CardEventKind, CardProfile, Eid, GpVersion, HolderAssurance, Imei, ImportBatch,
    Msisdn, RefusedRow, RowProblem, RowText, ServiceRequirements, Subscription, SubscriptionChange,
    SubscriptionState,
};
use tsm_core::identity::{BatchName, Caller, Iccid, ProfileName, Tenant};
use tsm_core::procedure::card_event::Report;
use tsm_core::procedure::import::ImportHeader;
use tsm_proto::mno;
use tsm_proto::mno::record_card_event_request::What;
use tsm_server::convert::{field, number, tenant as tenant_name, timestamp};
use tsm_server::status::{self, invalid_field};

use super::{aid, aid_out};

/// Most characters of what a client says about a row that it could not read.
const MAX_UNREADABLE: usize = 200;

/// A profile as an operator describes it; it is the operator's own unless the message says otherwise.
pub(crate) fn new_profile(
    profile: Option<mno::CardProfile>,
    own: &Tenant,
) -> Result<CardProfile, Status> {
    let profile = profile.ok_or_else(|| invalid_field("profile", "is missing"))?;
    let described = CardProfile {
        name: field("profile.name", ProfileName::new(&profile.name))?,
        issuer: match profile.issuer.as_str() {
            "" => own.clone(),
            name => tenant_name("profile.issuer", name)?,
        },
        isd_aid: aid("profile.isd_aid", &profile.isd_aid)?,
        gp_version: gp_version("profile.gp_version", &profile.gp_version)?,
        scp_i: number("profile.scp_i", profile.scp_i)?,
        key_bytes: number("profile.key_bytes", profile.key_bytes)?,
        memory_bytes: profile.memory_bytes,
        has_casd: profile.has_casd,
        certifications: profile.certifications,
    };
    described.checked().map_err(|error| status::of(&error))
}

fn gp_version(name: &str, text: &str) -> Result<GpVersion, Status> {
    GpVersion::parse(text).ok_or_else(|| invalid_field(name, "must be like 2.3 or 2.3.1"))
}

/// A profile.
pub(crate) fn profile(profile: &CardProfile) -> mno::CardProfile {
    mno::CardProfile {
        name: profile.name.to_string(),
        issuer: profile.issuer.to_string(),
        isd_aid: aid_out(&profile.isd_aid),
        gp_version: profile.gp_version.to_string(),
        scp_i: profile.scp_i.into(),
        key_bytes: profile.key_bytes.into(),
        memory_bytes: profile.memory_bytes,
        has_casd: profile.has_casd,
        certifications: profile.certifications.clone(),
    }
}

/// What a service demands of cards; absent is nothing.
pub(crate) fn new_requirements(
    requirements: Option<mno::ServiceRequirements>,
) -> Result<ServiceRequirements, Status> {
    let Some(demanded) = requirements else {
        return Ok(ServiceRequirements::default());
    };
    let gp_version = match demanded.gp_version.as_str() {
        "" => None,
        text => Some(gp_version("service.requirements.gp_version", text)?),
    };
    Ok(ServiceRequirements {
        gp_version,
        memory_bytes: demanded.memory_bytes,
        key_bytes: number("service.requirements.key_bytes", demanded.key_bytes)?,
        casd: demanded.casd,
        certifications: demanded.certifications,
    })
}

/// What a service demands of cards.
pub(crate) fn requirements(demanded: &ServiceRequirements) -> Option<mno::ServiceRequirements> {
    let version = demanded.gp_version.map(|version| version.to_string());
    (*demanded != ServiceRequirements::default()).then(|| mno::ServiceRequirements {
        gp_version: version.unwrap_or_default(),
        memory_bytes: demanded.memory_bytes,
        key_bytes: demanded.key_bytes.into(),
        casd: demanded.casd,
        certifications: demanded.certifications.clone(),
    })
}

/// How a delivery begins.
pub(crate) fn import_header(
    header: mno::ImportHeader,
    caller: &Caller,
    party: Party,
) -> Result<ImportHeader, Status> {
    let sha256 = header.file_sha256.as_ref().try_into();
    Ok(ImportHeader {
        issuer: caller.tenant.clone(),
        name: field("header.name", BatchName::new(&header.name))?,
        file_sha256: sha256
            .map_err(|_| invalid_field("header.file_sha256", "must have 32 bytes"))?,
        transport_key: Some(header.transport_key).filter(|name| !name.is_empty()),
        caller: caller.clone(),
        party,
    })
}

/// A row, or why the client could not read it.
pub(crate) fn row(row: mno::CardRow) -> Result<RowText, RowProblem> {
    if !row.unreadable.is_empty() {
        let plain = row.unreadable.chars().filter(|c| !c.is_control());
        let detail: String = plain.take(MAX_UNREADABLE).collect();
        return Err(RowProblem::new("", Reason::InvalidArgument, detail));
    }
    Ok(RowText {
        iccid: row.iccid,
        eid: row.eid,
        profile: row.profile,
        key_version: row.key_version,
        kdd: row.kdd,
        enc_key: row.enc_key,
        mac_key: row.mac_key,
        dek_key: row.dek_key,
        memory_bytes: row.memory_bytes,
        sequence_counter: row.sequence_counter,
        tenant: row.tenant,
        msisdn: row.msisdn,
    })
}

/// How far a delivery is.
pub(crate) fn import(batch: &ImportBatch) -> mno::Import {
    mno::Import {
        name: batch.name.to_string(),
        issuer: batch.issuer.to_string(),
        file_sha256: batch.file_sha256.to_vec().into(),
        transport_key: batch.transport_key.clone().unwrap_or_default(),
        next_row: batch.next_row,
        accepted: batch.counts.accepted,
        present: batch.counts.present,
        refused: batch.counts.refused,
        done: batch.is_done,
        started_at: Some(timestamp(batch.started_at)),
        updated_at: Some(timestamp(batch.updated_at)),
    }
}

/// A refused row.
pub(crate) fn refused_row(row: &RefusedRow) -> mno::RefusedRow {
    mno::RefusedRow {
        row: row.row,
        column: row.column.clone(),
        reason: row.reason.clone(),
        detail: row.detail.clone(),
        iccid: row.iccid.as_ref().map(Iccid::to_string).unwrap_or_default(),
    }
}

fn assurance(value: i32) -> Result<HolderAssurance, Status> {
    match mno::HolderAssurance::try_from(value) {
        Ok(mno::HolderAssurance::Unverified) => Ok(HolderAssurance::Unverified),
        Ok(mno::HolderAssurance::Remote) => Ok(HolderAssurance::Remote),
        Ok(mno::HolderAssurance::FaceToFace) => Ok(HolderAssurance::FaceToFace),
        Ok(mno::HolderAssurance::Unspecified) | Err(_) => Err(invalid_field(
            "assurance",
            "must be UNVERIFIED, REMOTE or FACE_TO_FACE",
        )),
    }
}

fn msisdn(text: &str) -> Result<Msisdn, Status> {
    field("msisdn", Msisdn::parse(text))
}

fn device(text: &str) -> Result<Imei, Status> {
    field("device", Imei::new(text))
}

/// What happened to a card.
pub(crate) fn report(what: Option<What>) -> Result<Report, Status> {
    let what = what.ok_or_else(|| invalid_field("what", "is missing"))?;
    Ok(match what {
        What::Start(start) => Report::Start {
            msisdn: msisdn(&start.msisdn)?,
            assurance: match start.assurance {
                0 => HolderAssurance::Unverified,
                value => assurance(value)?,
            },
            device: match start.device.as_str() {
                "" => None,
                text => Some(device(text)?),
            },
        },
        What::State(value) => Report::Change(SubscriptionChange::State(
            match mno::SubscriptionState::try_from(value) {
                Ok(mno::SubscriptionState::Active) => SubscriptionState::Active,
                Ok(mno::SubscriptionState::Suspended) => SubscriptionState::Suspended,
                Ok(mno::SubscriptionState::Ended) => SubscriptionState::Ended,
                Ok(mno::SubscriptionState::Unspecified) | Err(_) => {
                    let problem = "must be ACTIVE, SUSPENDED or ENDED";
                    return Err(invalid_field("state", problem));
                }
            },
        )),
        What::Msisdn(text) => Report::Change(SubscriptionChange::Number(msisdn(&text)?)),
        What::Device(text) => Report::Change(SubscriptionChange::Device(device(&text)?)),
        What::Assurance(value) => Report::Change(SubscriptionChange::Assurance(assurance(value)?)),
        What::Tenant(text) => Report::Tenant(tenant_name("tenant", &text)?),
        What::NewIccid(text) => Report::Move(field("new_iccid", Iccid::new(&text))?),
    })
}

/// All of a report, for the digest of a request.
pub(crate) fn report_words(report: &Report) -> String {
    match report {
        Report::Start {
            msisdn,
            assurance,
            device,
        } => {
            let device = device.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("start {msisdn} {} {device}", assurance.as_str())
        }
        Report::Change(SubscriptionChange::State(state)) => format!("state {}", state.as_str()),
        Report::Change(SubscriptionChange::Number(number)) => format!("number {number}"),
        Report::Change(SubscriptionChange::Device(device)) => format!("device {device}"),
        Report::Change(SubscriptionChange::Assurance(assurance)) => {
            format!("assurance {}", assurance.as_str())
        }
        Report::Tenant(tenant) => format!("tenant {tenant}"),
        Report::Move(new) => format!("move {new}"),
        other => format!("{other:?}"),
    }
}

/// The subscription on a card of `tenant`.
pub(crate) fn subscription(subscription: &Subscription, tenant: &Tenant) -> mno::Subscription {
    mno::Subscription {
        iccid: subscription.iccid.to_string(),
        msisdn: subscription.msisdn.to_string(),
        tenant: tenant.to_string(),
        assurance: match subscription.assurance {
            HolderAssurance::Unverified => mno::HolderAssurance::Unverified,
            HolderAssurance::Remote => mno::HolderAssurance::Remote,
            HolderAssurance::FaceToFace => mno::HolderAssurance::FaceToFace,
            _ => mno::HolderAssurance::Unspecified,
        }
        .into(),
        device: subscription
            .device
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        state: match subscription.state {
            SubscriptionState::Active => mno::SubscriptionState::Active,
            SubscriptionState::Suspended => mno::SubscriptionState::Suspended,
            SubscriptionState::Ended => mno::SubscriptionState::Ended,
            _ => mno::SubscriptionState::Unspecified,
        }
        .into(),
        since: Some(timestamp(subscription.since)),
    }
}

/// An event.
pub(crate) fn event(event: &CardEvent) -> mno::CardEvent {
    use mno::CardEventKind as Kind;
    mno::CardEvent {
        iccid: event.iccid.to_string(),
        sequence: event.sequence,
        kind: match event.kind {
            CardEventKind::SubscriptionStart => Kind::SubscriptionStart,
            CardEventKind::SubscriptionState => Kind::SubscriptionState,
            CardEventKind::NumberChange => Kind::NumberChange,
            CardEventKind::SeRenewal => Kind::SeRenewal,
            CardEventKind::DeviceChange => Kind::DeviceChange,
            CardEventKind::HolderAssurance => Kind::HolderAssurance,
            CardEventKind::TenantChange => Kind::TenantChange,
            CardEventKind::Lost => Kind::Lost,
            CardEventKind::Stolen => Kind::Stolen,
            CardEventKind::Recovered => Kind::Recovered,
            _ => Kind::Unspecified,
        }
        .into(),
        at: Some(timestamp(event.at)),
        actor: event.actor.clone(),
        old_value: event.old.clone(),
        new_value: event.new.clone(),
    }
}

/// By what a card is looked for.
pub(crate) enum Wanted {
    Iccid(String),
    Msisdn(Msisdn),
    Eid(Eid),
}

/// By what a card is looked for.
pub(crate) fn wanted(request: mno::FindUiccRequest) -> Result<Wanted, Status> {
    use mno::find_uicc_request::By;
    Ok(match request.by {
        Some(By::Iccid(text)) => Wanted::Iccid(text),
        Some(By::Msisdn(text)) => Wanted::Msisdn(msisdn(&text)?),
        Some(By::Eid(text)) => Wanted::Eid(field("eid", Eid::new(&text))?),
        None => return Err(invalid_field("by", "is missing")),
    })
}

/// Facts of a card that its message has besides.
pub(crate) fn delivered(uicc: &Uicc) -> (String, String) {
    let profile = uicc.profile.as_ref().map(ToString::to_string);
    let eid = uicc.eid.as_ref().map(ToString::to_string);
    (profile.unwrap_or_default(), eid.unwrap_or_default())
}
