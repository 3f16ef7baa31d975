//! Names of instructions: GlobalPlatform, ISO 7816-4/-8, ETSI TS 102 221 (UICC).

/// The name of a command; the class tells whose instruction it is.
pub(crate) const fn name(cla: u8, ins: u8) -> Option<&'static str> {
    Some(match (cla & 0x80 != 0, ins) {
        (true, 0x10) => "TERMINAL PROFILE",
        (true, 0x12) => "FETCH",
        (true, 0x14) => "TERMINAL RESPONSE",
        (true, 0xC2) => "ENVELOPE",
        (true, 0x50) => "INITIALIZE UPDATE",
        (true, 0x76) => "SUSPEND UICC",
        (true, 0x78) => "END R-MAC SESSION",
        (true, 0x7A) => "BEGIN R-MAC SESSION",
        (true, 0xAA) => "TERMINAL CAPABILITY",
        (true, 0xD8) => "PUT KEY",
        (true, 0xE2) => "STORE DATA",
        (true, 0xE4) => "DELETE",
        (true, 0xE6) => "INSTALL",
        (true, 0xE8) => "LOAD",
        (true, 0xF0) => "SET STATUS",
        (true, 0xF2) => "GET STATUS",
        (_, 0x82) => "EXTERNAL AUTHENTICATE",
        (false, 0xE0) => "CREATE FILE",
        (false, 0xE2) => "APPEND RECORD",
        (false, 0xE4) => "DELETE FILE",
        (false, 0xF2) => "STATUS",
        (_, 0x04) => "DEACTIVATE FILE",
        (_, 0x0E) => "ERASE BINARY",
        (_, 0x20 | 0x21) => "VERIFY",
        (_, 0x22) => "MANAGE SECURITY ENVIRONMENT",
        (_, 0x24) => "CHANGE REFERENCE DATA",
        (_, 0x26) => "DISABLE VERIFICATION",
        (_, 0x28) => "ENABLE VERIFICATION",
        (_, 0x2A) => "PERFORM SECURITY OPERATION",
        (_, 0x2C) => "RESET RETRY COUNTER",
        (_, 0x32) => "INCREASE",
        (_, 0x44) => "ACTIVATE FILE",
        (_, 0x46 | 0x47) => "GENERATE ASYMMETRIC KEY PAIR",
        (_, 0x70) => "MANAGE CHANNEL",
        (_, 0x73) => "MANAGE SECURE CHANNEL",
        (_, 0x75) => "TRANSACT DATA",
        (_, 0x84) => "GET CHALLENGE",
        (_, 0x86 | 0x87) => "GENERAL AUTHENTICATE",
        (_, 0x88 | 0x89) => "INTERNAL AUTHENTICATE",
        (_, 0xA2) => "SEARCH RECORD",
        (_, 0xA4) => "SELECT",
        (_, 0xB0 | 0xB1) => "READ BINARY",
        (_, 0xB2) => "READ RECORD",
        (_, 0xC0) => "GET RESPONSE",
        (_, 0xCA | 0xCB) => "GET DATA",
        (_, 0xD0 | 0xD1) => "WRITE BINARY",
        (_, 0xD2) => "WRITE RECORD",
        (_, 0xD6 | 0xD7) => "UPDATE BINARY",
        (_, 0xDA | 0xDB) => "PUT DATA",
        (_, 0xDC) => "UPDATE RECORD",
        _ => return None,
    })
}

/// PINs and the like are in the data of this command.
pub(crate) const fn carries_a_secret(ins: u8) -> bool {
    matches!(ins, 0x20 | 0x21 | 0x24 | 0x26 | 0x28 | 0x2C)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_tells_whose_instruction_it_is() {
        assert_eq!(name(0x80, 0xF2), Some("GET STATUS"));
        assert_eq!(name(0x84, 0xF2), Some("GET STATUS"));
        assert_eq!(name(0x00, 0xF2), Some("STATUS"));
        assert_eq!(name(0x80, 0xE2), Some("STORE DATA"));
        assert_eq!(name(0x00, 0xE2), Some("APPEND RECORD"));
        assert_eq!(name(0x00, 0xFE), None);
    }

    #[test]
    fn commands_with_pins_are_known() {
        const WITH_PIN: [&str; 5] = [
            "VERIFY",
            "CHANGE REFERENCE DATA",
            "DISABLE VERIFICATION",
            "ENABLE VERIFICATION",
            "RESET RETRY COUNTER",
        ];
        for ins in 0..=0xFF {
            let known = name(0x00, ins).is_some_and(|name| WITH_PIN.contains(&name));
            assert_eq!(carries_a_secret(ins), known, "{ins:02X}");
        }
    }
}
