//! Services on cards.

use tsm_core::card::deployment::{Deployment, KeyHandover, KeySetup, ServiceState};

use super::field::{codes, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DeploymentForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(string, required, tag = "2")]
    service: String,
    #[prost(string, required, tag = "3")]
    provider: String,
    #[prost(uint32, required, tag = "4")]
    desired: u32,
    #[prost(uint32, optional, tag = "5")]
    observed: Option<u32>,
    #[prost(string, optional, tag = "6")]
    problem: Option<String>,
    #[prost(message, optional, tag = "7")]
    handover: Option<KeyHandoverForm>,
    #[prost(uint32, required, tag = "8")]
    key_setup: u32,
    #[prost(int64, required, tag = "9")]
    updated_at: i64,
    #[prost(bool, required, tag = "10")]
    is_stale: bool,
}

form!(Deployment as DeploymentForm {
    iccid,
    service,
    provider,
    desired,
    observed,
    problem,
    handover,
    key_setup,
    updated_at,
    is_stale,
});

codes!(ServiceState { Absent = 1, Installed = 2, Active = 3, Suspended = 4 });
codes!(KeySetup { CarrierTrusted = 1 });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct KeyHandoverForm {
    #[prost(uint32, required, tag = "1")]
    key_version: u32,
    #[prost(bytes = "vec", required, tag = "2")]
    encapsulated_key: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "3")]
    ciphertext: Vec<u8>,
}

form!(KeyHandover as KeyHandoverForm { key_version, encapsulated_key, ciphertext });
