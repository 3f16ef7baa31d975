"""yubikit administers simulated cards.

usage: simulator.py CARDS SEED, as the test `oracle` of the crate uicc-sim calls it.
"""

import random
import sys

from yubikit.core import TRANSPORT, Tlv
from yubikit.core.smartcard import (
    ApduError,
    ApplicationNotAvailableError,
    SmartCardConnection,
    SmartCardProtocol,
)
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

from link import Link, data
from yubikit_host import VERSION

ISD = bytes.fromhex("A000000151000000")
SSD = bytes.fromhex("D392F00026535344000001")
DOMAIN_PACKAGE = bytes.fromhex("A0000001515350")
DOMAIN_MODULE = bytes.fromhex("A000000151535041")
# Data objects that a host may write on the ISD and read again.
WRITABLE = (0x42, 0x45)


class Reader(SmartCardConnection):
    """The simulated card in the test process."""

    def __init__(self, link, transport):
        self._link = link
        self._transport = transport
        self.sent = []

    @property
    def transport(self):
        return self._transport

    def close(self):
        pass

    def send_and_receive(self, apdu):
        self.sent.append(apdu)
        response = data(self._link.request("transmit", apdu)[0])
        return response[:-2], int.from_bytes(response[-2:], "big")


class Card:
    """One card and what the operator knows of it."""

    def __init__(self, link, rng):
        self.link, self.rng = link, rng
        self.version = rng.randint(0x01, 0x7F)
        self.keys = self.new_keys()
        i = rng.choice([0x60, 0x70])
        link.request("card", *self.keys, self.version, i, rng.randbytes(32))
        # USB makes yubikit send extended APDUs, NFC short ones in pieces.
        self.reader = Reader(link, rng.choice([TRANSPORT.USB, TRANSPORT.NFC]))

    def new_keys(self):
        return StaticKeys(*(self.rng.randbytes(16) for _ in range(3)))

    def session(self, aid, keys, version):
        """Selects a security domain and opens a session with it."""
        session = SecurityDomainSession(self.reader)
        if aid != ISD:
            session.protocol.select(aid)
        session.authenticate(Scp03KeyParams(KeyRef(0x01, version), keys))
        self.link.count("sessions with the simulator")
        return session

    def isd(self):
        """Half of the time the card chooses the key set: it has only one."""
        return self.session(ISD, self.keys, self.rng.choice([0, self.version]))

    def refused(self, sw, action, *arguments, **named):
        """The action fails with this status word and nothing else."""
        try:
            action(*arguments, **named)
        except ApduError as error:
            self.link.same("refusal", error.sw, sw)
        else:
            self.link.difference(f"nothing refused, {sw:04X} expected")
        self.link.count("refusals")


def stores_and_reads(card, session):
    """Data of any length goes in by STORE DATA and comes out by GET DATA, both protected."""
    for tag in WRITABLE:
        value = card.rng.randbytes(card.rng.choice([1, 16, 127, 128, 255, 256, 600, 1500]))
        session.store_data(Tlv(tag, value))
        card.link.same("stored data", session.get_data(tag), value)
        card.link.count("data objects stored and read")


def key_versions(session):
    """Versions in the key information, by yubikit's own reading of it."""
    return {key.kvn for key in session.get_key_information()}


def rotates_keys(card, session):
    """A second key set, a session with it, the first one deleted."""
    link, old = card.link, (card.keys, card.version)
    new, version = card.new_keys(), card.version % 0x7F + 1
    session.put_key(KeyRef(0x01, version), new)
    link.same("key versions", key_versions(session), {card.version, version})
    session = card.session(ISD, new, version)
    session.delete_key(kvn=card.version)
    link.same("key versions", key_versions(session), {version})
    card.refused(0x6985, session.delete_key, kvn=version, delete_last=True)
    refused_session(card, old[0], old[1])
    replaced = card.new_keys()
    session = card.session(ISD, new, version)
    session.put_key(KeyRef(0x01, version), replaced, version)
    refused_session(card, new, version)
    card.keys, card.version = replaced, version
    link.count("key sets put", 2)


def refused_session(card, keys, version):
    """yubikit says that these are not the keys of the card."""
    try:
        card.session(ISD, keys, version)
        card.link.difference("a session with the wrong keys")
    except ValueError:
        card.link.count("sessions with the wrong keys refused")


def installs_domain(card):
    """A supplementary domain opens with its parent's keys until it has its own."""
    session = card.isd()
    fields = (DOMAIN_PACKAGE, DOMAIN_MODULE, SSD, b"\x80\x00\x00", b"\xC9\x00", b"")
    install = b"".join(bytes([len(field)]) + field for field in fields)
    session.protocol.send_apdu(0x80, 0xE6, 0x0C, 0x00, install)
    own, version = card.new_keys(), card.rng.randint(0x30, 0x3F)
    session = card.session(SSD, card.keys, 0)
    session.put_key(KeyRef(0x01, version), own)
    session = card.session(SSD, own, version)
    card.link.same("key versions of the domain", key_versions(session), {version})
    card.link.count("security domains installed")


def goes_on_after_refusals(card):
    """An ordinary error leaves the session going; a fault of the channel ends it."""
    session = card.isd()
    protocol = session.protocol
    unknown = Tlv(0x4F, card.rng.randbytes(9))
    card.refused(0x6A88, protocol.send_apdu, 0x80, 0xE4, 0, 0, unknown)
    entry = protocol.send_apdu(0x80, 0xF2, 0x80, 0x02, b"\x4F\x00")
    card.link.same("AID in GET STATUS", entry[4 : 4 + entry[3]], ISD)
    last = card.reader.sent[-1]
    changed = bytearray(last)
    changed[card.rng.randrange(len(last) - 9, len(last))] ^= 1 << card.rng.randrange(8)
    fault = card.rng.choice([last, bytes(changed)])
    card.link.same("after a fault", card.reader.send_and_receive(fault), (b"", 0x6982))
    card.refused(0x6982, protocol.send_apdu, 0x80, 0xF2, 0x80, 0x02, b"\x4F\x00")
    try:
        SmartCardProtocol(card.reader).select(card.rng.randbytes(8))
        card.link.difference("an application that is not there was selected")
    except ApplicationNotAvailableError:
        pass


def administer(card):
    """Everything above on one card."""
    session = card.isd()
    # The first object says that this is a GlobalPlatform card.
    recognition = session.get_card_recognition_data()
    card.link.same("recognition data", recognition[:9].hex(), "06072a864886fc6b01")
    stores_and_reads(card, session)
    rotates_keys(card, session)
    card.link.request("reset")
    installs_domain(card)
    goes_on_after_refusals(card)
    for _ in range(3):
        stores_and_reads(card, card.isd())
    card.link.count("cards administered")


def main():
    cards, seed = int(sys.argv[1]), int(sys.argv[2])
    link = Link()
    rng = random.Random(seed)
    for _ in range(cards):
        administer(Card(link, rng))
    link.say(f"oracle yubikit {VERSION} with the simulator: {cards} cards, "
             f"{link.differences} differences")


if __name__ == "__main__":
    main()
