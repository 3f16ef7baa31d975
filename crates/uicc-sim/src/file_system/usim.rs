//! Who the subscriber is: what a profile says in its table `[usim]`, and what is made up when it says nothing.

use serde::{Deserialize, Serialize};

use super::contents::{LONGEST_NAME, coded_name};
use crate::secrets::Shortened;

/// The subscription of a card. Everything may be left out.
///
/// ```
/// let usim = uicc_sim::Usim {
///     imsi: Some("440101234567890".into()),
///     name: Some("Carrier A".into()),
///     ..Default::default()
/// };
/// usim.check()?;
/// # Ok::<(), uicc_sim::UsimError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usim {
    /// 6 to 15 digits. By default one of the test network 001-01, made of the card's number.
    pub imsi: Option<String>,
    /// Digits of the network code (MNC) in the IMSI: 2 or 3, by default 2.
    pub mnc_digits: Option<u8>,
    /// Name of the provider, 1 to 16 characters, or 1 to 7 when not all are in the alphabet of GSM. By default `uicc-sim`.
    pub name: Option<String>,
    /// The subscriber's number, up to 20 digits, with a `+` before an international one. By default there is none.
    pub msisdn: Option<String>,
    /// Number of the short message service centre, in the same form. By default there is none.
    pub service_centre: Option<String>,
    /// After a reset the master file is selected, as on a card in a phone, and not the issuer security domain. An
    /// application with the privilege Card Reset comes first in either case.
    pub selected_at_reset: bool,
}

impl core::fmt::Debug for Usim {
    /// Subscriber and numbers shortened.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Usim")
            .field("imsi", &self.imsi.as_deref().map(Shortened))
            .field("mnc_digits", &self.mnc_digits)
            .field("name", &self.name)
            .field("msisdn", &self.msisdn.as_deref().map(Shortened))
            .field("service_centre", &self.service_centre)
            .field("selected_at_reset", &self.selected_at_reset)
            .finish()
    }
}

/// Why a [`Usim`] cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsimError {
    /// The IMSI.
    #[error("imsi needs 6 to 15 decimal digits")]
    Imsi,
    /// The length of the network code.
    #[error("mnc_digits is 2 or 3")]
    NetworkDigits,
    /// The provider's name.
    #[error("name needs 1 to 16 characters, or 1 to 7 when not all are in the alphabet of GSM")]
    Name,
    /// The subscriber's number.
    #[error("msisdn needs 1 to 20 decimal digits, maybe behind a +")]
    Msisdn,
    /// The number of the service centre.
    #[error("service_centre needs 1 to 20 decimal digits, maybe behind a +")]
    ServiceCentre,
}

impl Usim {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`UsimError`] for the first field that cannot be.
    pub fn check(&self) -> Result<(), UsimError> {
        let given =
            |field: &Option<String>, good: fn(&str) -> bool| field.as_deref().is_none_or(good);
        let imsi = |text: &str| is_digits(text) && (6..=15).contains(&text.len());
        let name = |text: &str| (1..=LONGEST_NAME).contains(&coded_name(text).len());
        if !given(&self.imsi, imsi) {
            return Err(UsimError::Imsi);
        }
        if !matches!(self.mnc_digits, None | Some(2 | 3)) {
            return Err(UsimError::NetworkDigits);
        }
        if !given(&self.name, name) {
            return Err(UsimError::Name);
        }
        if !given(&self.msisdn, is_number) {
            return Err(UsimError::Msisdn);
        }
        if !given(&self.service_centre, is_number) {
            return Err(UsimError::ServiceCentre);
        }
        Ok(())
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    is_digits(digits) && (1..=20).contains(&digits.len())
}

/// A subscription with everything decided.
#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) imsi: String,
    pub(super) network_digits: u8,
    pub(super) name: String,
    pub(super) msisdn: Option<String>,
    pub(super) service_centre: Option<String>,
}

/// The network for tests (ITU-T E.212 Annex E).
const TEST_NETWORK: &str = "00101";
/// Digits of a subscriber in an IMSI of the test network.
const SUBSCRIBER_DIGITS: usize = 10;

impl Subscriber {
    /// The subscriber of a card with this number.
    pub(super) fn of(usim: &Usim, iccid: &str) -> Self {
        Self {
            imsi: usim.imsi.clone().unwrap_or_else(|| test_imsi(iccid)),
            network_digits: usim.mnc_digits.unwrap_or(2),
            name: usim.name.clone().unwrap_or_else(|| "uicc-sim".into()),
            msisdn: usim.msisdn.clone(),
            service_centre: usim.service_centre.clone(),
        }
    }
}

/// An IMSI of the test network with the last digits of the card's number, without its check digit.
fn test_imsi(iccid: &str) -> String {
    let mut digits = iccid.chars();
    digits.next_back();
    let number: Vec<char> = digits.rev().take(SUBSCRIBER_DIGITS).collect();
    TEST_NETWORK
        .chars()
        .chain(number.into_iter().rev())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_without_subscription_has_one_of_the_test_network() {
        let subscriber = Subscriber::of(&Usim::default(), "8981100000123456789");
        assert_eq!(subscriber.imsi, "001010012345678");
        assert_eq!(
            (subscriber.network_digits, subscriber.name.as_str()),
            (2, "uicc-sim")
        );
        assert_eq!((subscriber.msisdn, subscriber.service_centre), (None, None));
    }

    #[test]
    fn says_which_field_cannot_be() {
        let text = |text: &str| Some(text.to_owned());
        let usim = Usim::default;
        for (usim, result) in [
            (usim(), Ok(())),
            (
                Usim {
                    imsi: text("440101"),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    imsi: text("440101234567890"),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    imsi: text("44010"),
                    ..usim()
                },
                Err(UsimError::Imsi),
            ),
            (
                Usim {
                    imsi: text("4401012345678901"),
                    ..usim()
                },
                Err(UsimError::Imsi),
            ),
            (
                Usim {
                    imsi: text("44010123456789x"),
                    ..usim()
                },
                Err(UsimError::Imsi),
            ),
            (
                Usim {
                    mnc_digits: Some(3),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    mnc_digits: Some(1),
                    ..usim()
                },
                Err(UsimError::NetworkDigits),
            ),
            (
                Usim {
                    mnc_digits: Some(4),
                    ..usim()
                },
                Err(UsimError::NetworkDigits),
            ),
            (
                Usim {
                    name: text("0123456789ABCDEF"),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    name: text(""),
                    ..usim()
                },
                Err(UsimError::Name),
            ),
            (
                Usim {
                    name: text("0123456789ABCDEFG"),
                    ..usim()
                },
                Err(UsimError::Name),
            ),
            (
                Usim {
                    msisdn: text("+81901234"),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    msisdn: text("12345678901234567890"),
                    ..usim()
                },
                Ok(()),
            ),
            (
                Usim {
                    msisdn: text("+"),
                    ..usim()
                },
                Err(UsimError::Msisdn),
            ),
            (
                Usim {
                    msisdn: text("123456789012345678901"),
                    ..usim()
                },
                Err(UsimError::Msisdn),
            ),
            (
                Usim {
                    service_centre: text("x"),
                    ..usim()
                },
                Err(UsimError::ServiceCentre),
            ),
        ] {
            assert_eq!(usim.check(), result, "{usim:?}");
        }
    }
}
