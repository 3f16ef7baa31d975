"""yubikit administers the card in a PC/SC reader, as its users do.

usage: pcsc.py READER TRANSPORT, as the test `readers` calls it; READER counts from 0, TRANSPORT is what
yubikit must take the card for: usb (extended APDUs) or nfc (short ones in pieces). The card is new and
of the default keys. Everything that a published function of yubikit does is done by that function.
"""

import sys

from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core import TRANSPORT, Tlv
from yubikit.core.smartcard import ApduError, ApplicationNotAvailableError, SmartCardProtocol
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

ISD = bytes.fromhex("A000000151000000")
ALIAS = bytes.fromhex("A000000003000000")
SSD = bytes.fromhex("D276000085535344")
PACKAGE = bytes.fromhex("A0000001515350")
MODULE = bytes.fromhex("A000000151535041")
NOBODY = bytes.fromhex("F0000000000000")
TEST_KEY = bytes(range(0x40, 0x50))
TEST_KEYS = StaticKeys(TEST_KEY, TEST_KEY, TEST_KEY)
NEW_KEYS = StaticKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
KEY_VERSION = 0x30
GET_STATUS = (0x80, 0xF2, 0x80, 0x02, b"\x4F\x00")


class Recording(ScardSmartCardConnection):
    """The reader, with the commands that went through it."""

    def __init__(self, connection):
        super().__init__(connection)
        self.sent = []

    def send_and_receive(self, apdu):
        self.sent.append(apdu)
        return super().send_and_receive(apdu)


def check(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got!r}, expected {expected!r}")


def refused(what, sw, action, *arguments, **named):
    try:
        action(*arguments, **named)
    except ApduError as error:
        check(what, f"{error.sw:04X}", f"{sw:04X}")
    else:
        raise SystemExit(f"{what}: nothing refused, expected {sw:04X}")


def session(card, aid, keys, version):
    """Selects a domain and opens level 33, the only one that yubikit opens."""
    opened = SecurityDomainSession(card)
    if aid != ISD:
        opened.protocol.select(aid)
    opened.authenticate(Scp03KeyParams(KeyRef(0x01, version), keys))
    return opened


def lv(value):
    return bytes([len(value)]) + value


def install_domain(isd):
    fields = (PACKAGE, MODULE, SSD, b"\x80\x00\x00", b"\xC9\x00", b"")
    answer = isd.protocol.send_apdu(0x80, 0xE6, 0x0C, 0x00, b"".join(map(lv, fields)))
    check("INSTALL", answer, b"\x00")


def registry(isd):
    """AIDs of applications and domains, and of the ISD."""
    found = []
    for p1 in (0x80, 0x40):
        try:
            entries = isd.protocol.send_apdu(0x80, 0xF2, p1, 0x02, b"\x4F\x00")
        except ApduError as error:
            check("nothing found", error.sw, 0x6A88)
            continue
        for entry in Tlv.parse_list(entries):
            fields = Tlv.parse_dict(entry.value)
            found.append(fields[0x4F])
    return found


def opens_and_reads(card, version):
    isd = session(card, ISD, TEST_KEYS, version)
    check("registry", registry(isd), [ISD])
    keys = Tlv.parse_list(Tlv.unpack(0xE0, isd.protocol.send_apdu(0x80, 0xCA, 0x00, 0xE0)))
    check("keys", [bytes(key.value[:2]).hex() for key in keys], ["0130", "0230", "0330"])


def stores_long_data(card, version):
    isd = session(card, ISD, TEST_KEYS, version)
    isd.store_data(bytes(600))
    value = bytes(i & 0xFF for i in range(600))
    isd.store_data(Tlv(0x42, value))
    check("stored data", isd.get_data(0x42), value)


def gives_a_domain_keys(card, version):
    isd = session(card, ISD, TEST_KEYS, version)
    install_domain(isd)
    check("registry", registry(isd), [ISD, SSD])
    domain = session(card, SSD, TEST_KEYS, version)
    domain.put_key(KeyRef(0x01, 0x31), NEW_KEYS)
    for own in (0x31, 0):
        domain = session(card, SSD, NEW_KEYS, own)
    refuses_keys(card, SSD, TEST_KEYS, 0)
    domain = session(card, SSD, NEW_KEYS, 0x31)
    domain.delete_key(kvn=0x31, delete_last=True)
    session(card, SSD, TEST_KEYS, version)
    isd = session(card, ISD, TEST_KEYS, version)
    isd.protocol.send_apdu(0x80, 0xE4, 0x00, 0x00, Tlv(0x4F, SSD))
    check("registry", registry(isd), [ISD])


def manages_its_own_keys(card, version):
    isd = session(card, ISD, TEST_KEYS, version)
    isd.put_key(KeyRef(0x01, 0x32), NEW_KEYS)
    isd = session(card, ISD, NEW_KEYS, 0x32)
    isd.put_key(KeyRef(0x01, 0x33), TEST_KEYS, 0x32)
    isd = session(card, ISD, TEST_KEYS, 0x33)
    refuses_keys(card, ISD, NEW_KEYS, 0x32)
    isd = session(card, ISD, TEST_KEYS, version)
    isd.delete_key(kvn=0x33)
    refuses_keys(card, ISD, TEST_KEYS, 0x33)


def refuses_keys(card, aid, keys, version):
    try:
        session(card, aid, keys, version)
    except ValueError:
        return
    raise SystemExit(f"keys of version {version:02X} were taken")


def refuses_and_goes_on(card, version):
    isd = session(card, ISD, TEST_KEYS, version)
    refused("DELETE", 0x6A88, isd.protocol.send_apdu, 0x80, 0xE4, 0, 0, Tlv(0x4F, NOBODY))
    check("registry", registry(isd), [ISD])
    refuses_keys(card, ISD, NEW_KEYS, version)
    refuses_keys(card, ISD, TEST_KEYS, 0x7F)
    isd = session(card, ISD, TEST_KEYS, version)
    try:
        SmartCardProtocol(card).select(NOBODY)
    except ApplicationNotAvailableError:
        # Selection failed: the session of the domain is still there.
        check("registry", registry(isd), [ISD])
        return
    raise SystemExit("an application that is not there was selected")


def ends_at_a_fault(card, version):
    def changed(apdu):
        return apdu[:-1] + bytes([apdu[-1] ^ 0x01])

    for fault in (changed, lambda apdu: apdu):
        isd = session(card, ISD, TEST_KEYS, version)
        isd.protocol.send_apdu(*GET_STATUS)
        check("fault", card.send_and_receive(fault(card.sent[-1])), (b"", 0x6982))
        refused("after a fault", 0x6982, isd.protocol.send_apdu, *GET_STATUS)


def knows_its_alias(card, version):
    protocol = SmartCardProtocol(card)
    fci = Tlv.parse_dict(Tlv.unpack(0x6F, protocol.select(ALIAS)))
    check("AID of the alias", fci[0x84], ISD)
    protocol.init_scp(Scp03KeyParams(KeyRef(0x01, version), TEST_KEYS))
    protocol.send_apdu(*GET_STATUS)


def main():
    reader, transport = int(sys.argv[1]), sys.argv[2]
    connection = readers()[reader].createConnection()
    card = Recording(connection)
    expected = {"usb": TRANSPORT.USB, "nfc": TRANSPORT.NFC}[transport]
    check("transport", card.transport, expected)
    for version in (KEY_VERSION, 0):
        for does in (opens_and_reads, stores_long_data, gives_a_domain_keys, manages_its_own_keys,
                     refuses_and_goes_on, ends_at_a_fault, knows_its_alias):
            does(card, version)
    print(f"{len(card.sent)} commands, {max(map(len, card.sent))} bytes the longest")
    card.close()


if __name__ == "__main__":
    main()
