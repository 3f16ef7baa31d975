"""Py-GP manages the content of the card in a PC/SC reader.

usage: pcsc_pygp.py READER CAP, as the test `readers` calls it; READER counts from 0, CAP is a CAP file. The
card is new and of the default keys. Py-GP's own PC/SC binding is for Windows: pyscard takes its place.
"""

import sys

from smartcard.System import readers

from pygp_host import ANY_STATUS_WORD, check, connection, gp
from pygp.error import create_no_error_status
from pygp.loadfile import Loadfile

ISD = "A000000151000000"
SSD = "D276000085535344"
DOMAIN_PACKAGE, DOMAIN_MODULE = "A0000001515350", "A000000151535041"
TEST_KEY = "404142434445464748494A4B4C4D4E4F"
NEW_KEYS = ["11" * 16, "22" * 16, "33" * 16]
LEVELS = (0x00, 0x01, 0x03, 0x11, 0x13)
# Py-GP reads no answers with an R-MAC as lists: it leaves the MAC in.
PLAIN_ANSWERS = (0x00, 0x01, 0x03)


class Reader:
    """What Py-GP sends goes to pyscard, GET RESPONSE included."""

    def __init__(self, number):
        self._card = readers()[number].createConnection()
        self._card.connect()
        self.commands = 0
        connection.card_context = self
        connection.create_card_info_dict("", "", connection.SCARD_PROTOCOL_T1, None)
        connection.connection_module.send_apdu_T1 = self._transmit

    def _transmit(self, _card, apdu):
        self.commands += 1
        data, sw1, sw2 = self._card.transmit(list(apdu))
        return create_no_error_status(0), data + [sw1, sw2]


def expect(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got!r}, expected {expected!r}")


def refused(what, sw, action, *arguments):
    status = action(*arguments)
    if isinstance(status, tuple):
        status = status[0]
    if status["errorStatus"] == 0:
        raise SystemExit(f"{what}: not refused")
    expect(what, gp.last_status().upper(), sw)


def session(level, aid=None, keys=(TEST_KEY,) * 3, version="30"):
    status, _ = gp.select_application(aid) if aid else gp.select_issuerSecurityDomain(0)
    check(status)
    status, cryptogram = gp.initialize_update(version, None, *keys, None, None)
    check(status)
    check(gp.external_authenticate(level, cryptogram))


def registry(element):
    """AID and life cycle of what GET STATUS lists; none when it finds nothing."""
    status, entries = gp.get_status(element)
    if gp.last_status().upper() == "6A88":
        return {}
    check(status)
    return {entry["aid"].upper(): entry["lifecycle"].upper() for entry in entries}


def manage_content(level, cap):
    """A package comes, its applet is installed, locked, unlocked and deleted with it."""
    package, module = Loadfile(cap).get_aid().upper(), Loadfile(cap).get_applet_aid()[0].upper()
    session(level)
    lists = level in PLAIN_ANSWERS
    check(gp.install_load(package, ISD))
    check(gp.load_blocks(cap, 200))
    check(gp.install_install(True, package, module, module))
    if lists:
        expect("ISD", registry("80"), {ISD: "0F"})
        expect("applet", registry("40"), {module: "07"})
        expect("packages", registry("10")[package], "01")
    check(gp.set_status("40", "80", module))
    if lists:
        expect("locked applet", registry("40"), {module: "87"})
    check(gp.set_status("40", "07", module))
    refused("package in use", "6985", gp.delete_application, package, None)
    check(gp.delete_package(package, None))
    if lists:
        expect("nothing", registry("40"), {})
    refused("nothing to delete", "6A88", gp.delete_application, package, None)


def manage_domain(level):
    """A domain comes, gets keys of its own, and goes."""
    session(level)
    check(gp.install_install(True, DOMAIN_PACKAGE, DOMAIN_MODULE, SSD, "80"))
    session(level, SSD)
    keys = [(None, None, "AES", key) for key in NEW_KEYS]
    check(gp.put_scp_key("31", keys, False))
    session(level, SSD, NEW_KEYS, "31")
    check(gp.select_application(SSD)[0])
    refused("keys of the parent", "6A88",
            lambda: gp.initialize_update("30", None, *(TEST_KEY,) * 3, None, None))
    session(level)
    check(gp.delete_application(SSD, None))


def store_and_read(level):
    session(level)
    check(gp.store_data("420431323334"))
    if level in PLAIN_ANSWERS:
        status, _ = gp.send_APDU("80CA004200", exsw=ANY_STATUS_WORD)
        check(status)
        expect("data object", gp.last_response().upper(), "420431323334")


def main():
    reader, cap = Reader(int(sys.argv[1])), sys.argv[2]
    for level in LEVELS:
        manage_content(level, cap)
        manage_domain(level)
        store_and_read(level)
    print(f"{reader.commands} commands at {len(LEVELS)} levels")


if __name__ == "__main__":
    main()
