//! Data objects that GET DATA returns (G 11.3, H.2): what the card is, its keys, its applications, its
//! memory, its production, its certificate.

mod applications;
mod certificate;
mod cplc;
mod key_information;
mod recognition;
mod resources;
mod value;

pub use applications::ApplicationList;
pub use certificate::CardCertificate;
pub use cplc::{Cplc, CplcDate};
pub use key_information::{KeyInformation, KeyInformationTemplate, KeyPart};
pub use recognition::{CardRecognitionData, SecureChannelProtocol};
pub use resources::ExtendedCardResources;
pub use value::{
    ConfirmationCounter, CurrentSecurityLevel, ImageNumber, ManagerUrl, PlainValue, ProviderNumber,
    SequenceCounter,
};
