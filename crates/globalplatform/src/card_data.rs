//! Data objects that GET DATA returns: card recognition data, key information, free memory.

mod key_information;
mod recognition;
mod resources;

pub use key_information::{KeyInformation, KeyInformationTemplate, KeyPart};
pub use recognition::{CardRecognitionData, SecureChannelProtocol};
pub use resources::ExtendedCardResources;
