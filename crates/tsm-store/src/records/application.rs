//! Citizens' applications and what keeps them unique.

use tsm_core::jpki::application::{
    Application, ApplicationState, CardGuard, PersonGuard, RequestOutcome, SpentNonce, Stage,
};

use super::field::{codes, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ApplicationForm {
    #[prost(string, required, tag = "1")]
    id: String,
    #[prost(string, required, tag = "2")]
    person: String,
    #[prost(string, required, tag = "3")]
    iccid: String,
    #[prost(string, required, tag = "4")]
    service: String,
    #[prost(uint32, required, tag = "5")]
    state: u32,
    #[prost(string, optional, tag = "6")]
    refusal: Option<String>,
    #[prost(string, optional, tag = "7")]
    credential: Option<String>,
    #[prost(uint32, optional, tag = "8")]
    key_setup: Option<u32>,
    #[prost(bytes = "vec", required, tag = "9")]
    consent_sha256: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "10")]
    cms_sha256: Vec<u8>,
    #[prost(int64, required, tag = "11")]
    created_at: i64,
    #[prost(message, repeated, tag = "12")]
    stages: Vec<StageForm>,
}

form!(Application as ApplicationForm {
    id,
    person,
    iccid,
    service,
    state,
    refusal,
    credential,
    key_setup,
    consent_sha256,
    cms_sha256,
    created_at,
    stages,
});

codes!(ApplicationState {
    Approved = 1,
    SeEligible = 2,
    AppletInstalled = 3,
    KeyIssued = 4,
    Writing = 5,
    Written = 6,
    Active = 7,
    Refused = 8,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StageForm {
    #[prost(string, required, tag = "1")]
    name: String,
    #[prost(uint32, required, tag = "2")]
    exchanges: u32,
    #[prost(uint64, required, tag = "3")]
    micros: u64,
}

form!(Stage as StageForm { name, exchanges, micros });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PersonGuardForm {
    #[prost(string, required, tag = "1")]
    application: String,
}

form!(PersonGuard as PersonGuardForm { application });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardGuardForm {
    #[prost(string, required, tag = "1")]
    application: String,
}

form!(CardGuard as CardGuardForm { application });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SpentNonceForm {
    #[prost(string, required, tag = "1")]
    application: String,
}

form!(SpentNonce as SpentNonceForm { application });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RequestOutcomeForm {
    #[prost(bytes = "vec", required, tag = "1")]
    body_sha256: Vec<u8>,
    #[prost(string, required, tag = "2")]
    subject: String,
}

form!(RequestOutcome as RequestOutcomeForm { body_sha256, subject });
