//! Lines as programs really print them.

use super::*;

fn bytes(text: &str) -> Vec<u8> {
    ::hex::decode(text).unwrap()
}

#[test]
fn reads_the_lines_of_globalplatformpro() {
    assert_eq!(
        Line::parse("A>> T=1 (4+0008) 80500000 08 F0C86A8D6E451E9E 00"),
        Line::Command(bytes("8050000008F0C86A8D6E451E9E00"))
    );
    assert_eq!(
        Line::parse("A>> T=0 (4+0000) 00A40400 00 "),
        Line::Command(bytes("00A4040000"))
    );
    assert_eq!(
        Line::parse("A<< (0018+2) (698ms) 6F108408A000000003000000A5049F6501FF 9000"),
        Line::Response(bytes("6F108408A000000003000000A5049F6501FF9000"))
    );
    assert_eq!(
        Line::parse("A<< (0000+2) (8s378ms) 9000"),
        Line::Response(bytes("9000"))
    );
    assert_eq!(
        Line::parse("A<< (0000+2) (7ms) 9000                  // <--- Returns SW == 0x9000"),
        Line::Response(bytes("9000"))
    );
    assert_eq!(
        Line::parse("<< (12ms) 6F108408A000000003000000A5049F6501FF 9000"),
        Line::Response(bytes("6F108408A000000003000000A5049F6501FF9000"))
    );
    for comment in [
        "SCardConnect(\"SCM Microsystems Inc. SCR 355 00 00\", T=*) -> T=1, 3BFC180000813180",
        "SCardEndTransaction()",
        "[DEBUG] GlobalPlatform - Auto-detected ISD AID: A000000003000000",
        "[TRACE] GlobalPlatform -      [84] A000000151000000",
        "pro.javacard.gp.GPException: INITIALIZE UPDATE failed SW: 6E00",
        "ATR: 3B6E00004573744549442076657220312E30",
        "ENC: Ver:0 ID:0 Type:DES3 Len:16 Value:404142434445464748494A4B4C4D4E4F KCV: 8BAF47",
        "[*] ACS ACR122U PICC Interface 0",
        "# 24ms",
    ] {
        assert_eq!(Line::parse(comment), Line::Comment, "{comment}");
    }
}

#[test]
fn reads_the_lines_of_pysim() {
    assert_eq!(
        Line::parse("-> a0a4000002 7f20"),
        Line::Command(bytes("A0A40000027F20"))
    );
    assert_eq!(Line::parse("<- 9f20: "), Line::Response(bytes("9F20")));
    assert_eq!(
        Line::parse("<- 9000: 0000ffff7f20"),
        Line::Response(bytes("0000FFFF7F209000"))
    );
    assert_eq!(
        Line::parse("[apdutracer] -> 80f28002024f0000"),
        Line::Command(bytes("80F28002024F0000"))
    );
    assert_eq!(Line::parse("-- RESET"), Line::Reset);
    assert_eq!(Line::parse("SW: 9000, RESP: 000000007f20"), Line::Comment);
}

#[test]
fn reads_the_lines_of_pcscd_gpshell_and_loggers() {
    assert_eq!(
        Line::parse("00000005 [140017007589056] APDU: 00 A4 09 0C 04 AD F1 34 01"),
        Line::Command(bytes("00A4090C04ADF13401"))
    );
    assert_eq!(
        Line::parse("00023945 [140017007589056] SW: 90 00"),
        Line::Response(bytes("9000"))
    );
    assert_eq!(
        Line::parse("00000054 [139741320026936] -> 000000 65 00 00 00 00 00 0B 00 00 00 "),
        Line::Comment
    );
    assert_eq!(
        Line::parse("Wrapped command --> 84F2200208C9811B11F1264CF1"),
        Line::Command(bytes("84F2200208C9811B11F1264CF1"))
    );
    assert_eq!(
        Line::parse("Command --> 80F22002"),
        Line::Unprotected(bytes("80F22002"))
    );
    assert_eq!(Line::parse("Unwrapped response <-- 9000"), Line::Comment);
    assert_eq!(
        Line::parse("Response <-- 009000"),
        Line::Response(bytes("009000"))
    );
    assert_eq!(
        Line::parse("    [SEND]: 00C000001C"),
        Line::Command(bytes("00C000001C"))
    );
    assert_eq!(
        Line::parse("    [RESP]: 611c"),
        Line::Response(bytes("611C"))
    );
    assert_eq!(
        Line::parse("DEBUG:yubikit.core.smartcard:SEND: 00a4040000"),
        Line::Command(bytes("00A4040000"))
    );
    assert_eq!(
        Line::parse("2018-06-21 01:29:25,00 CA 7F 68 00 "),
        Line::Bytes(bytes("00CA7F6800"))
    );
    assert_eq!(Line::parse("2018-06-21 01:29:25,Reset"), Line::Reset);
}

#[test]
fn reads_every_arrow() {
    for (command, response) in [
        ("> ", "< "),
        (">> ", "<< "),
        ("-> ", "<- "),
        ("=> ", "<= "),
        ("--> ", "<-- "),
        ("==> ", "<== "),
        ("C-APDU: ", "R-APDU: "),
        ("C-APDU ", "R-APDU "),
        ("CAPDU: ", "RAPDU:"),
        ("TX: ", "RX: "),
    ] {
        assert_eq!(
            Line::parse(&format!("{command}00 A4 04 00")),
            Line::Command(bytes("00A40400")),
            "{command}"
        );
        assert_eq!(
            Line::parse(&format!("{response}90:00")),
            Line::Response(bytes("9000")),
            "{response}"
        );
    }
    assert_eq!(
        Line::parse("00A4040000 -> 6A82"),
        Line::Both(bytes("00A4040000"), bytes("6A82"))
    );
}

#[test]
fn reads_our_own_log_and_plain_hex() {
    assert_eq!(
        Line::parse("> 80CA006600"),
        Line::Command(bytes("80CA006600"))
    );
    assert_eq!(Line::parse("# reset"), Line::Reset);
    assert_eq!(Line::parse("# the reset was late"), Line::Comment);
    assert_eq!(
        Line::parse("80ca006600\r"),
        Line::Bytes(bytes("80CA006600"))
    );
    assert_eq!(Line::parse(" \t"), Line::Blank);
}

#[test]
fn reports_wrong_hex_with_its_reason() {
    assert_eq!(
        Line::parse("80CA00660"),
        Line::Malformed("odd number of hex digits (9)".to_owned())
    );
    assert_eq!(
        Line::parse("Command --> 80CA00660"),
        Line::Malformed("odd number of hex digits (9)".to_owned())
    );
    assert_eq!(
        Line::parse("A<< (0018+2) (1ms) 6F10840XA0000000 9000"),
        Line::Malformed("'X' is no hex digit".to_owned())
    );
}

#[test]
fn reads_the_dumps_of_opensc() {
    let header = "P:9244; T:10324 [opensc-tool] reader-pcsc.c:285:pcsc_transmit:";
    assert_eq!(Line::parse(header), Line::Comment);
    assert_eq!(
        Line::parse("Outgoing APDU (17 bytes):"),
        Line::Dump {
            is_command: true,
            length: 17
        }
    );
    assert_eq!(
        Line::parse("Incoming APDU data [    2 bytes] ====================================="),
        Line::Dump {
            is_command: false,
            length: 2
        }
    );
    assert_eq!(
        dump_line(
            "00 A4 04 00 0B E8 2B 06 01 04 01 81 C3 1F 02 01 ......+.........",
            17
        ),
        Some(bytes("00A404000BE82B0601040181C31F0201"))
    );
    assert_eq!(dump_line("00                  .", 1), Some(vec![0]));
    assert_eq!(dump_line("6A 82 j.", 2), Some(bytes("6A82")));
    // The text column may look like another byte.
    assert_eq!(dump_line("41 42 AB", 2), Some(bytes("4142")));
    assert_eq!(dump_line("======", 2), None);
}

fn both(command: &str, response: &str) -> Line {
    Line::Both(bytes(command), bytes(response))
}

#[test]
fn reads_the_lines_of_scriptor_pyscard_and_yubikit() {
    for (line, expected) in [
        ("< 6A 88 : Referenced data not found.", "6A88"),
        ("< 6F 00 90 00 : Normal processing.", "6F009000"),
        ("<  [] 9F 1A", "9F1A"),
        ("<  00 12 90 0", "00129000"),
        (
            "TRAFFIC 20:59:48.001 [ykman.pcsc:80] RECV: 0507 SW=9000",
            "05079000",
        ),
        ("DEBUG:yubikit.core.smartcard:RECV:  SW=6a82", "6A82"),
        ("SW=6A88", "6A88"),
        ("SW 6A88", "6A88"),
        ("Received (SW1=0x6a, SW2=0x88)", "6A88"),
        ("Nov 23 03:00:00 host app[12]: APDU response: 6A 88", "6A88"),
        (
            "May 14 18:41:50 host pcscd[336623]: 00004951 SW: 61 11 90 00 ",
            "61119000",
        ),
        ("+CGLA: 1,16,\"BF2003009000\"", "BF2003009000"),
        ("<<< 6A88", "6A88"),
        ("RES: 6A88", "6A88"),
    ] {
        assert_eq!(Line::parse(line), Line::Response(bytes(expected)), "{line}");
    }
    for line in [
        "AT+CGLA=1,10,\"80CA006600\"",
        ">>> 80CA006600",
        "Command: 80CA006600",
        "REQ: 80 CA 00 66 00",
        "03:00:01.123 > 80CA006600",
        "Nov 23 03:00:00 host app[12]: APDU command: 80 CA 00 66 00",
    ] {
        assert_eq!(
            Line::parse(line),
            Line::Command(bytes("80CA006600")),
            "{line}"
        );
    }
    assert_eq!(
        Line::parse("Received (SW1=0x90, SW2=0x00):"),
        Line::DumpAfter([0x90, 0x00])
    );
}

#[test]
fn reads_a_command_and_its_response_in_columns() {
    for line in [
        "80CA006600 6A88",
        "80CA006600;6A88",
        "80ca006600, 6a88",
        "80CA006600 | 6A88",
        "80CA006600\t6A88",
    ] {
        assert_eq!(Line::parse(line), both("80CA006600", "6A88"), "{line}");
    }
    // The parts of one command, as some programs group them.
    assert_eq!(Line::parse("00A40400 00"), Line::Bytes(bytes("00A4040000")));
    assert_eq!(Line::parse("80CA006602 6A87"), both("80CA006602", "6A87"));
    assert_eq!(
        Line::parse("80E2000002 6A87 00"),
        Line::Bytes(bytes("80E20000026A8700"))
    );
    assert_eq!(
        Line::parse("80E2000002 1122"),
        Line::Bytes(bytes("80E20000021122"))
    );
}

#[test]
fn reads_named_fields() {
    assert_eq!(
        Line::parse("CLA: 00, INS: a4, P1: 04, P2: 00, Lc: 02, a0, 01, Le: 00, SW1: 6a, SW2: 82"),
        both("00A4040002A001", "6A82")
    );
    assert_eq!(
        Line::parse("CLA: 80, INS: ca, P1: 00, P2: 66, Lc: 00, Le: 02, 11, 22, SW1: 90, SW2: 00"),
        both("80CA0066", "11229000")
    );
    assert_eq!(
        Line::parse("[TX] CLA: 81, INS: E2, P1: 91, P2: 00, Lc: 03, Data: BF2000"),
        Line::Command(bytes("81E2910003BF2000"))
    );
    for line in [
        "CLA: 80",
        "CLA: 80, INS: x",
        "CLA: 80, INS: ca, P1: 0, P2: 0",
        "CLA: 80, Z: 00",
    ] {
        assert_eq!(Line::parse(line), Line::Comment, "{line}");
    }
}
