//! What is in the files (TS 102 221 clause 13, 3GPP TS 31.102 clause 4, TS 24.008 for numbers).

use globalplatform::tlv::{Tag, Writer};

use super::USIM_AID;
use super::usim::Subscriber;

/// Length of a record of EF.SMS.
const SMS_RECORD_BYTES: usize = 176;
/// Length of a record of EF.DIR.
const DIRECTORY_RECORD_BYTES: usize = 38;
/// EF.UMPC: 60 mA, no time-out asked for.
pub(super) const POWER: [u8; 5] = [0x3C, 0x03, 0x00, 0x00, 0x00];
/// Services of the USIM that EF.UST says are there (3GPP TS 31.102 4.2.8): messages, their parameters, provider name,
/// number, data download by SMS-PP, display of provider networks.
const SERVICES: [u8; 6] = [10, 12, 19, 21, 28, 51];
/// Bytes of a telephone number in BCD.
const NUMBER_BYTES: usize = 10;

/// Digits, two to a byte, the first in the low half; filled up with F to `bytes`.
pub(super) fn number(digits: &str, bytes: usize) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit & 0x0F)
        .collect();
    let mut coded = swapped(&digits);
    coded.resize(bytes, 0xFF);
    coded
}

fn swapped(digits: &[u8]) -> Vec<u8> {
    let pair = |pair: &[u8]| match *pair {
        [low, high] => high << 4 | low,
        [low] => 0xF0 | low,
        _ => 0xFF,
    };
    digits.chunks(2).map(pair).collect()
}

/// A file or record of this length, filled up with FF.
fn filled(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length, 0xFF);
    bytes
}

/// EF.DIR: the template of the USIM.
pub(super) fn application() -> Vec<u8> {
    let mut record = Writer::new();
    record.nested(Tag(0x61), |template| {
        template.tlv(Tag(0x4F), USIM_AID.as_bytes());
        template.tlv(Tag(0x50), b"USIM");
    });
    filled(record.into_vec(), DIRECTORY_RECORD_BYTES)
}

/// EF.PL and EF.LI: Japanese, then English.
pub(super) fn languages() -> Vec<u8> {
    b"jaen".to_vec()
}

/// EF.IMSI: length, then the digits behind a parity nibble (3GPP TS 31.102 4.2.2).
pub(super) fn imsi(subscriber: &Subscriber) -> Vec<u8> {
    let digits = subscriber.imsi.bytes().map(|digit| digit & 0x0F);
    let parity = if subscriber.imsi.len() % 2 == 1 { 9 } else { 1 };
    let nibbles: Vec<u8> = std::iter::once(parity).chain(digits).collect();
    let coded = swapped(&nibbles);
    let length = u8::try_from(coded.len()).unwrap_or(8);
    filled([&[length][..], &coded].concat(), 9)
}

/// The home network in three bytes (3GPP TS 24.008 10.5.1.13).
pub(super) fn network(subscriber: &Subscriber) -> [u8; 3] {
    let digit = |index: usize| {
        let digit = subscriber.imsi.as_bytes().get(index);
        digit.map_or(0x0F, |digit| digit & 0x0F)
    };
    let third = if subscriber.network_digits == 3 {
        digit(5)
    } else {
        0x0F
    };
    [
        digit(1) << 4 | digit(0),
        third << 4 | digit(2),
        digit(4) << 4 | digit(3),
    ]
}

/// EF.AD: normal operation, length of the network code.
pub(super) fn admin_data(subscriber: &Subscriber) -> Vec<u8> {
    vec![0x00, 0x00, 0x00, subscriber.network_digits]
}

/// EF.ACC: the class that the last digit of the IMSI gives (3GPP TS 22.011).
pub(super) fn access_class(subscriber: &Subscriber) -> Vec<u8> {
    let last = subscriber.imsi.bytes().last().map_or(0, |b| b & 0x0F);
    (1_u16 << last).to_be_bytes().to_vec()
}

/// EF.UST: one bit for each service.
pub(super) fn services() -> [u8; 8] {
    let mut table = [0; 8];
    for service in SERVICES {
        let bit = service - 1;
        if let Some(byte) = table.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
    table
}

/// EF.SPN: display condition, name in the alphabet of GSM, or in UCS2 when it has other characters.
pub(super) fn name(subscriber: &Subscriber) -> Vec<u8> {
    let mut file = vec![0x01];
    file.extend(coded_name(&subscriber.name).into_iter().take(LONGEST_NAME));
    filled(file, 1 + LONGEST_NAME)
}

/// Bytes of a name in EF.SPN.
pub(super) const LONGEST_NAME: usize = 16;

/// A name as EF.SPN has it, however long.
pub(super) fn coded_name(name: &str) -> Vec<u8> {
    if name.bytes().all(is_plain) {
        name.as_bytes().to_vec()
    } else {
        let ucs2 = name.encode_utf16().flat_map(u16::to_be_bytes);
        std::iter::once(0x80).chain(ucs2).collect()
    }
}

/// Characters that have the same code in the alphabet of GSM and in ASCII (3GPP TS 23.038 6.2.1).
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' '..=b'#' | b'%'..=b'?')
}

/// A telephone number as short messages and phone books have it: length, type of number, BCD.
fn address(digits: Option<&str>) -> Vec<u8> {
    let Some(digits) = digits else {
        return vec![0xFF; 2 + NUMBER_BYTES];
    };
    let is_international = digits.starts_with('+');
    let kind = if is_international { 0x91 } else { 0x81 };
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let length = u8::try_from(count.div_ceil(2)).unwrap_or(0xFE);
    let mut address = vec![length.saturating_add(1), kind];
    address.extend(number(digits, NUMBER_BYTES));
    address
}

/// EF.MSISDN: 16 bytes of name, number, no capabilities, no extension.
pub(super) fn msisdn(subscriber: &Subscriber) -> Vec<u8> {
    let mut record = vec![0xFF; 16];
    record.extend(address(subscriber.msisdn.as_deref()));
    record.extend([0xFF; 2]);
    record
}

/// EF.SMSP: 12 bytes of name, which parameters are there, destination, service centre, protocol, coding, validity.
pub(super) fn message_parameters(subscriber: &Subscriber) -> Vec<u8> {
    let centre = subscriber.service_centre.as_deref();
    let mut record = vec![0xFF; 12];
    record.push(if centre.is_some() { 0xFD } else { 0xFF });
    record.extend([0xFF; 12]);
    record.extend(address(centre));
    record.extend([0xFF; 3]);
    record
}

/// EF.SMS: records that are free.
pub(super) fn empty_messages(count: usize) -> Vec<Vec<u8>> {
    vec![filled(vec![0x00], SMS_RECORD_BYTES); count]
}

/// EF.ECC: 112 everywhere, and Japan's 110, 118 and 119; category 00.
pub(super) fn emergency_numbers() -> Vec<Vec<u8>> {
    let record = |digits: &str| [number(digits, 3), vec![0x00]].concat();
    ["112", "110", "118", "119"].map(record).to_vec()
}

/// EF.SPDI: the home network.
pub(super) fn display_networks(network: [u8; 3]) -> Vec<u8> {
    let mut file = Writer::new();
    file.nested(Tag(0xA3), |list| list.tlv(Tag(0x80), &network));
    filled(file.into_vec(), 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(imsi: &str, network_digits: u8) -> Subscriber {
        Subscriber {
            imsi: imsi.into(),
            network_digits,
            name: "Carrier A".into(),
            msisdn: Some("+818012345678".into()),
            service_centre: None,
        }
    }

    #[test]
    fn digits_are_swapped_and_filled_up() {
        assert_eq!(
            hex::encode_upper(number("8981100000000000018", 10)),
            "981801000000000010F8"
        );
        assert_eq!(hex::encode_upper(number("12", 1)), "21");
        assert_eq!(hex::encode_upper(number("", 2)), "FFFF");
    }

    #[test]
    fn an_imsi_has_a_parity_nibble() {
        let of = |digits| hex::encode_upper(imsi(&subscriber(digits, 2)));
        assert_eq!(of("440101234567890"), "084904012143658709");
        assert_eq!(of("44010123456789"), "0841040121436587F9");
        assert_eq!(of("440101"), "04410401F1FFFFFFFF");
    }

    #[test]
    fn a_network_has_two_or_three_digits() {
        assert_eq!(
            network(&subscriber("440101234567890", 2)),
            [0x44, 0xF0, 0x01]
        );
        assert_eq!(
            network(&subscriber("310260123456789", 3)),
            [0x13, 0x00, 0x62]
        );
        assert_eq!(admin_data(&subscriber("310260123456789", 3)), [0, 0, 0, 3]);
    }

    #[test]
    fn the_access_class_is_that_of_the_last_digit() {
        assert_eq!(
            access_class(&subscriber("440101234567890", 2)),
            [0x00, 0x01]
        );
        assert_eq!(
            access_class(&subscriber("440101234567899", 2)),
            [0x02, 0x00]
        );
    }

    #[test]
    fn every_service_has_its_bit() {
        assert_eq!(hex::encode_upper(services()), "000A140800000400");
    }

    #[test]
    fn names_are_in_the_alphabet_of_gsm_or_in_ucs2() {
        let of = |text: &str| {
            let mut subscriber = subscriber("440101234567890", 2);
            subscriber.name = text.into();
            hex::encode_upper(name(&subscriber))
        };
        assert_eq!(
            of("Carrier A"),
            format!("01{}{}", hex::encode_upper("Carrier A"), "FF".repeat(7))
        );
        assert_eq!(of("電話"), format!("018096FB8A71{}", "FF".repeat(11)));
        assert_eq!(
            of("a@b").get(2..4),
            Some("80"),
            "the at sign has another code"
        );
        assert_eq!(of("a$b").get(2..4), Some("80"));
        assert_eq!(of("0123456789ABCDEFGH").len(), 34, "cut");
        assert_eq!(of("日本日本日本日本").len(), 34, "cut");
    }

    #[test]
    fn numbers_have_a_length_and_a_type() {
        assert_eq!(
            hex::encode_upper(msisdn(&subscriber("440101234567890", 2))),
            format!("{}0791180821436587{}", "FF".repeat(16), "FF".repeat(6))
        );
    }

    #[test]
    fn a_missing_number_is_all_ones() {
        assert_eq!(address(None), [0xFF; 12]);
        assert_eq!(
            address(Some("090")),
            [3, 0x81, 0x90, 0xF0, 255, 255, 255, 255, 255, 255, 255, 255]
        );
        let parameters = message_parameters(&subscriber("440101234567890", 2));
        assert_eq!(parameters, [0xFF; 40]);
        let mut with_centre = subscriber("440101234567890", 2);
        with_centre.service_centre = Some("+819012".into());
        let parameters = message_parameters(&with_centre);
        assert_eq!(parameters[12], 0xFD);
        assert_eq!(parameters[25..31], [4, 0x91, 0x18, 0x09, 0x21, 0xFF]);
    }

    #[test]
    fn the_directory_names_the_usim() {
        let record = hex::encode_upper(application());
        assert_eq!(
            record,
            format!(
                "61184F10A0000000871002FF81FFFF89000001005004{}{}",
                "5553494D",
                "FF".repeat(12)
            )
        );
    }

    #[test]
    fn lists_have_their_forms() {
        assert_eq!(
            hex::encode_upper(emergency_numbers().concat()),
            "11F2FF0011F0FF0011F8FF0011F9FF00"
        );
        assert_eq!(
            hex::encode_upper(display_networks([0x44, 0xF0, 0x01])),
            format!("A305800344F001{}", "FF".repeat(9))
        );
        let messages = empty_messages(2);
        assert_eq!(messages.len(), 2);
        assert_eq!(
            (messages[1].len(), messages[1][0], messages[1][175]),
            (176, 0x00, 0xFF)
        );
    }
}
