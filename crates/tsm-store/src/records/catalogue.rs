//! Packages, their load files in pieces, and services.

use globalplatform::aid::Aid;
use tsm_core::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};

use tsm_core::fleet::ServiceRequirements;

use super::field::{Field, Malformed, form};
use super::fleet::VersionTripleForm;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PackageForm {
    #[prost(bytes = "vec", required, tag = "1")]
    aid: Vec<u8>,
    #[prost(message, required, tag = "2")]
    version: VersionForm,
    #[prost(bytes = "vec", repeated, tag = "3")]
    applets: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    imports: Vec<ImportForm>,
    #[prost(bytes = "vec", required, tag = "5")]
    sha256: Vec<u8>,
    #[prost(uint32, required, tag = "6")]
    length: u32,
}

form!(Package as PackageForm { aid, version, applets, imports, sha256, length });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionForm {
    #[prost(uint32, required, tag = "1")]
    major: u32,
    #[prost(uint32, required, tag = "2")]
    minor: u32,
}

impl Field<VersionForm> for (u8, u8) {
    fn wire(&self) -> Result<VersionForm, Malformed> {
        Ok(VersionForm {
            major: self.0.wire()?,
            minor: self.1.wire()?,
        })
    }

    fn parse(form: VersionForm) -> Result<Self, Malformed> {
        Ok((Field::parse(form.major)?, Field::parse(form.minor)?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ImportForm {
    #[prost(bytes = "vec", required, tag = "1")]
    aid: Vec<u8>,
    #[prost(message, required, tag = "2")]
    version: VersionForm,
}

impl Field<ImportForm> for (Aid, (u8, u8)) {
    fn wire(&self) -> Result<ImportForm, Malformed> {
        Ok(ImportForm {
            aid: self.0.wire()?,
            version: self.1.wire()?,
        })
    }

    fn parse(form: ImportForm) -> Result<Self, Malformed> {
        Ok((Field::parse(form.aid)?, Field::parse(form.version)?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LoadFilePieceForm {
    #[prost(bytes = "vec", required, tag = "1")]
    bytes: Vec<u8>,
}

form!(LoadFilePiece as LoadFilePieceForm { bytes });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServiceDefinitionForm {
    #[prost(string, required, tag = "1")]
    name: String,
    #[prost(string, required, tag = "2")]
    provider: String,
    #[prost(bytes = "vec", required, tag = "3")]
    package: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "4")]
    module: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "5")]
    instance: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "6")]
    security_domain: Vec<u8>,
    #[prost(uint32, required, tag = "7")]
    quota: u32,
    #[prost(bytes = "vec", required, tag = "8")]
    provider_public_key: Vec<u8>,
    #[prost(message, optional, tag = "9")]
    requirements: Option<RequirementsForm>,
}

/// What cards must be; absent when nothing is demanded.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RequirementsForm {
    #[prost(message, optional, tag = "1")]
    gp_version: Option<VersionTripleForm>,
    #[prost(uint32, required, tag = "2")]
    memory_bytes: u32,
    #[prost(uint32, required, tag = "3")]
    key_bytes: u32,
    #[prost(bool, required, tag = "4")]
    casd: bool,
    #[prost(string, repeated, tag = "5")]
    certifications: Vec<String>,
}

form!(ServiceRequirements as RequirementsForm {
    gp_version,
    memory_bytes,
    key_bytes,
    casd,
    certifications,
});

impl Field<Option<RequirementsForm>> for ServiceRequirements {
    fn wire(&self) -> Result<Option<RequirementsForm>, Malformed> {
        let is_any = *self != Self::default();
        is_any.then(|| self.wire()).transpose()
    }

    fn parse(form: Option<RequirementsForm>) -> Result<Self, Malformed> {
        match form {
            Some(form) => Field::parse(form),
            None => Ok(Self::default()),
        }
    }
}

form!(ServiceDefinition as ServiceDefinitionForm {
    name,
    provider,
    package,
    module,
    instance,
    security_domain,
    quota,
    provider_public_key,
    requirements,
});
