//! Packages that were admitted, and the services made of them.

use globalplatform::aid::Aid;

use crate::fleet::ServiceRequirements;
use crate::identity::{ServiceName, Tenant};

/// An admitted applet package. Record id: its AID in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Package AID, also the load file AID.
    pub aid: Aid,
    /// Major and minor version.
    pub version: (u8, u8),
    /// Modules that can be installed.
    pub applets: Vec<Aid>,
    /// Packages it needs, with versions.
    pub imports: Vec<(Aid, (u8, u8))>,
    /// SHA-256 of the load file data block; names the pieces.
    pub sha256: [u8; 32],
    /// Length of the load file data block in bytes.
    pub length: u32,
}

/// A part of a load file data block: at most [`LoadFilePiece::SIZE`] bytes.
/// Record id: hash in hex, slash, index in five digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFilePiece {
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl LoadFilePiece {
    /// Bytes of a piece; small enough for one record of the store.
    pub const SIZE: usize = 3_072;

    /// Record id of the piece `index` of the load file with this hash.
    #[must_use]
    pub fn id(sha256: &[u8; 32], index: usize) -> String {
        format!("{}/{index:05}", hex::encode(sha256))
    }
}

/// A service of a provider. Record id: its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDefinition {
    /// Its name.
    pub name: ServiceName,
    /// Tenant that manages it.
    pub provider: Tenant,
    /// Package of the applet.
    pub package: Aid,
    /// Module to install.
    pub module: Aid,
    /// Name of the instance.
    pub instance: Aid,
    /// Name of the provider's security domain.
    pub security_domain: Aid,
    /// Memory quota of the security domain, in bytes.
    pub quota: u32,
    /// What cards must be for it.
    pub requirements: ServiceRequirements,
    /// HPKE public key of the provider (uncompressed P-256 point).
    pub provider_public_key: Vec<u8>,
}
