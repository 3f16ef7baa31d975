//! Names of packages that applets import.

use crate::aid::Aid;

/// AIDs of packages and their names: Java Card API 3.2; ETSI TS 102 241, annex A; 3GPP TS 31.130 and
/// TS 43.019; GlobalPlatform API.
const PACKAGES: [(&[u8], &str); 42] = [
    (b"\xA0\0\0\0\x62\0\x01", "java.lang"),
    (b"\xA0\0\0\0\x62\0\x02", "java.io"),
    (b"\xA0\0\0\0\x62\0\x03", "java.rmi"),
    (b"\xA0\0\0\0\x62\x01\x01", "javacard.framework"),
    (b"\xA0\0\0\0\x62\x01\x01\x01", "javacard.framework.service"),
    (b"\xA0\0\0\0\x62\x01\x02", "javacard.security"),
    (b"\xA0\0\0\0\x62\x02\x01", "javacardx.crypto"),
    (b"\xA0\0\0\0\x62\x02\x02", "javacardx.biometry"),
    (b"\xA0\0\0\0\x62\x02\x03", "javacardx.external"),
    (b"\xA0\0\0\0\x62\x02\x04", "javacardx.biometry1toN"),
    (b"\xA0\0\0\0\x62\x02\x05", "javacardx.security"),
    (b"\xA0\0\0\0\x62\x02\x05\x01", "javacardx.security.cert"),
    (
        b"\xA0\0\0\0\x62\x02\x05\x02",
        "javacardx.security.derivation",
    ),
    (b"\xA0\0\0\0\x62\x02\x05\x03", "javacardx.security.util"),
    (b"\xA0\0\0\0\x62\x02\x08\x01", "javacardx.framework.util"),
    (
        b"\xA0\0\0\0\x62\x02\x08\x01\x01",
        "javacardx.framework.util.intx",
    ),
    (b"\xA0\0\0\0\x62\x02\x08\x02", "javacardx.framework.math"),
    (b"\xA0\0\0\0\x62\x02\x08\x03", "javacardx.framework.tlv"),
    (b"\xA0\0\0\0\x62\x02\x08\x04", "javacardx.framework.string"),
    (b"\xA0\0\0\0\x62\x02\x08\x05", "javacardx.framework.event"),
    (b"\xA0\0\0\0\x62\x02\x08\x06", "javacardx.framework.nio"),
    (b"\xA0\0\0\0\x62\x02\x08\x07", "javacardx.framework.time"),
    (b"\xA0\0\0\0\x62\x02\x09", "javacardx.apdu"),
    (b"\xA0\0\0\0\x62\x02\x09\x01", "javacardx.apdu.util"),
    (
        b"\xA0\0\0\0\x09\0\x03\xFF\xFF\xFF\xFF\x89\x10\x71\0\x01",
        "sim.access",
    ),
    (
        b"\xA0\0\0\0\x09\0\x03\xFF\xFF\xFF\xFF\x89\x10\x71\0\x02",
        "sim.toolkit",
    ),
    (
        b"\xA0\0\0\0\x09\0\x05\xFF\xFF\xFF\xFF\x89\x11\0\0\0",
        "uicc.access",
    ),
    (
        b"\xA0\0\0\0\x09\0\x05\xFF\xFF\xFF\xFF\x89\x11\x01\0\0",
        "uicc.access.fileadministration",
    ),
    (
        b"\xA0\0\0\0\x09\0\x05\xFF\xFF\xFF\xFF\x89\x11\x02\0\0",
        "uicc.access.bertlvfile",
    ),
    (
        b"\xA0\0\0\0\x87\x10\x05\xFF\xFF\xFF\xFF\x89\x13\x30\0\0",
        "uicc.usim.geolocation",
    ),
    (
        b"\xA0\0\0\0\x09\0\x05\xFF\xFF\xFF\xFF\x89\x12\0\0\0",
        "uicc.toolkit",
    ),
    (
        b"\xA0\0\0\0\x09\0\x05\xFF\xFF\xFF\xFF\x89\x13\0\0\0",
        "uicc.system",
    ),
    (
        b"\xA0\0\0\0\x87\x10\x05\xFF\xFF\xFF\xFF\x89\x13\x10\0\0",
        "uicc.usim.access",
    ),
    (
        b"\xA0\0\0\0\x87\x10\x05\xFF\xFF\xFF\xFF\x89\x13\x20\0\0",
        "uicc.usim.toolkit",
    ),
    (b"\xA0\0\0\x01\x51\0", "org.globalplatform"),
    (b"\xA0\0\0\x01\x51\x02", "org.globalplatform.contactless"),
    (b"\xA0\0\0\x01\x51\x03", "org.globalplatform.securechannel"),
    (
        b"\xA0\0\0\x01\x51\x04",
        "org.globalplatform.securechannel.provider",
    ),
    (b"\xA0\0\0\x01\x51\x05", "org.globalplatform.privacy"),
    (b"\xA0\0\0\x01\x51\x06", "org.globalplatform.filesystem"),
    (b"\xA0\0\0\x01\x51\x07", "org.globalplatform.upgrade"),
    (b"\xA0\0\0\0\x03\0\0", "visa.openplatform"),
];

/// The name of a package that many cards have, if its AID is well known.
///
/// ```
/// use globalplatform::load_file::package_name;
///
/// let framework = "A0000000620101".parse()?;
/// assert_eq!(package_name(&framework), Some("javacard.framework"));
/// assert_eq!(package_name(&"A000000062".parse()?), None);
/// # Ok::<(), globalplatform::aid::AidError>(())
/// ```
#[must_use]
pub fn package_name(aid: &Aid) -> Option<&'static str> {
    PACKAGES
        .iter()
        .find(|(known, _)| *known == aid.as_bytes())
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_aid_of_its_own() {
        for (aid, name) in PACKAGES {
            assert_eq!(package_name(&Aid::new(aid).unwrap()), Some(name));
        }
    }

    #[test]
    fn a_longer_aid_is_another_package() {
        let name = |aid: &str| package_name(&aid.parse().unwrap());
        assert_eq!(name("A000000062010102"), None);
        assert_eq!(
            name("A0000000090005FFFFFFFF8912000000"),
            Some("uicc.toolkit")
        );
        assert_eq!(
            name("A0000000090003FFFFFFFF8910710002"),
            Some("sim.toolkit")
        );
        assert_eq!(name("A00000015100"), Some("org.globalplatform"));
    }
}
