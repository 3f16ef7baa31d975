//! Tenants and their contracts.

use tsm_core::tenancy::{Contract, ManagementMode, TenantKind, TenantRecord};

use super::field::{codes, form};

codes!(TenantKind {
    Carrier = 1,
    FullMvno = 2,
    HostedMvno = 3,
    ServiceProvider = 4,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TenantForm {
    #[prost(string, required, tag = "1")]
    name: String,
    #[prost(uint32, required, tag = "2")]
    kind: u32,
    #[prost(string, optional, tag = "3")]
    parent: Option<String>,
    #[prost(string, required, tag = "4")]
    display_name: String,
    #[prost(bool, required, tag = "5")]
    is_suspended: bool,
    #[prost(int64, required, tag = "6")]
    registered_at: i64,
}

form!(TenantRecord as TenantForm {
    name,
    kind,
    parent,
    display_name,
    is_suspended,
    registered_at,
});

codes!(ManagementMode {
    Simple = 1,
    Delegated = 2,
    Authorised = 3,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContractForm {
    #[prost(string, required, tag = "1")]
    provider: String,
    #[prost(string, required, tag = "2")]
    issuer: String,
    #[prost(string, repeated, tag = "3")]
    services: Vec<String>,
    #[prost(uint32, repeated, tag = "4")]
    modes: Vec<u32>,
    #[prost(int64, required, tag = "5")]
    valid_from: i64,
    #[prost(int64, optional, tag = "6")]
    valid_until: Option<i64>,
}

form!(Contract as ContractForm {
    provider,
    issuer,
    services,
    modes,
    valid_from,
    valid_until,
});
