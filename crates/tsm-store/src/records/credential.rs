//! Credentials, sealed keys, and the provider's domain on a card.

use tsm_core::jpki::credential::{
    CardDuty, Credential, CredentialState, KeyAlgorithm, OpenDuty, SealedPrivateKey, SerialIndex,
};
use tsm_core::jpki::domain::{InitialKeys, ProviderDomain};

use super::field::{codes, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CredentialForm {
    #[prost(string, required, tag = "1")]
    id: String,
    #[prost(string, required, tag = "2")]
    application: String,
    #[prost(string, required, tag = "3")]
    person: String,
    #[prost(string, required, tag = "4")]
    iccid: String,
    #[prost(string, required, tag = "5")]
    service: String,
    #[prost(uint32, required, tag = "6")]
    algorithm: u32,
    #[prost(uint32, required, tag = "7")]
    state: u32,
    #[prost(bytes = "vec", required, tag = "8")]
    serial: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "9")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "10")]
    certificate: Vec<u8>,
    #[prost(int64, required, tag = "11")]
    not_before: i64,
    #[prost(int64, required, tag = "12")]
    not_after: i64,
    #[prost(uint32, required, tag = "13")]
    duty: u32,
    #[prost(bool, required, tag = "14")]
    private_key_destroyed: bool,
}

form!(Credential as CredentialForm {
    id,
    application,
    person,
    iccid,
    service,
    algorithm,
    state,
    serial,
    public_key,
    certificate,
    not_before,
    not_after,
    duty,
    private_key_destroyed,
});

codes!(KeyAlgorithm { Rsa2048 = 1, P256 = 2, P384 = 3 });
codes!(CredentialState {
    Pending = 1,
    Issued = 2,
    Active = 3,
    Suspended = 4,
    Revoked = 5,
    Expired = 6,
});
codes!(CardDuty { None = 1, Lock = 2, Unlock = 3, Wipe = 4, Remove = 5 });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SealedPrivateKeyForm {
    #[prost(uint64, required, tag = "1")]
    slot: u64,
    #[prost(bytes = "vec", required, tag = "2")]
    ciphertext: Vec<u8>,
}

form!(SealedPrivateKey as SealedPrivateKeyForm { slot, ciphertext });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OpenDutyForm {
    #[prost(string, required, tag = "1")]
    request_id: String,
    #[prost(uint32, required, tag = "2")]
    attempts: u32,
    #[prost(int64, required, tag = "3")]
    due_at: i64,
    #[prost(int64, required, tag = "4")]
    claimed_until: i64,
}

form!(OpenDuty as OpenDutyForm { request_id, attempts, due_at, claimed_until });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SerialIndexForm {
    #[prost(string, required, tag = "1")]
    credential: String,
}

form!(SerialIndex as SerialIndexForm { credential });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProviderDomainForm {
    #[prost(string, required, tag = "1")]
    iccid: String,
    #[prost(bytes = "vec", required, tag = "2")]
    aid: Vec<u8>,
    #[prost(uint32, required, tag = "3")]
    scp_i: u32,
    #[prost(bytes = "vec", required, tag = "4")]
    instance: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "5")]
    handover_sha256: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    initial: Option<InitialKeysForm>,
    #[prost(uint32, required, tag = "7")]
    generation: u32,
}

form!(ProviderDomain as ProviderDomainForm {
    iccid,
    aid,
    scp_i,
    instance,
    handover_sha256,
    initial,
    generation,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InitialKeysForm {
    #[prost(uint32, required, tag = "1")]
    key_version: u32,
    #[prost(bytes = "vec", required, tag = "2")]
    sealed: Vec<u8>,
}

form!(InitialKeys as InitialKeysForm { key_version, sealed });
