//! The person behind a signing certificate: attribute `serialNumber` (2.5.4.5)
//! of its subject (X.520, section 6.2.9).

use const_oid::ObjectIdentifier;
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::DirectoryString;
use zeroize::Zeroizing;

use super::refusal::Refusal;

const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
/// Upper bound `ub-serial-number` of X.520.
const MAX_CHARACTERS: usize = 64;

/// Identifier of a person. `Debug` shows nothing of it.
pub struct PersonIdentifier(Zeroizing<String>);

impl PersonIdentifier {
    /// The one `serialNumber` of the subject.
    ///
    /// # Errors
    /// [`Refusal::Person`] when there is none, more than one, or one that is empty.
    pub fn of(certificate: &Certificate) -> Result<Self, Refusal> {
        let subject = certificate.tbs_certificate().subject();
        let mut found = subject
            .iter()
            .filter(|attribute| attribute.oid == SERIAL_NUMBER);
        let (Some(attribute), None) = (found.next(), found.next()) else {
            return Err(Refusal::Person(
                "the subject must have exactly one serialNumber",
            ));
        };
        let text: DirectoryString = der::Encode::to_der(&attribute.value)
            .and_then(|value| der::Decode::from_der(&value))
            .map_err(|_| Refusal::Person("the serialNumber is no text"))?;
        let text = Zeroizing::new(text.value().into_owned());
        let length = text.chars().count();
        if length == 0 || length > MAX_CHARACTERS || text.chars().any(char::is_control) {
            return Err(Refusal::Person(
                "the serialNumber must be 1 to 64 characters",
            ));
        }
        Ok(Self(text))
    }

    /// The identifier, to make its pseudonym of.
    #[must_use]
    pub fn danger_text(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for PersonIdentifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PersonIdentifier(…)")
    }
}
