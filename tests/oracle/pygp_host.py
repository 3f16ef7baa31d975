"""Py-GP as host.

Py-GP is written for Windows and an older `cryptography`: its PC/SC binding and one decorator are
replaced before it is loaded. Nothing of its secure channel is touched. Its limits: S8 and short APDUs
only; logical channels 0 to 3; it encrypts an empty data field to one block as yubikit does; it cannot
read an answer without data at level 33; at levels 11 and 13 it verifies the R-MAC and leaves it in the
data; it counts up only to sequence counters that have an even number of hexadecimal digits.
"""

import sys
import types
import warnings
from importlib.metadata import version
from unittest import mock

import cryptography.utils

from link import data

warnings.simplefilter("ignore")
if not hasattr(cryptography.utils, "register_interface"):
    cryptography.utils.register_interface = lambda interface: lambda kind: kind
for missing in ("pygp.connection.pcsc.scard", "pygp.connection.pcscconnection"):
    sys.modules[missing] = types.ModuleType(missing)

import pygp.connection.connection as connection  # noqa: E402
from pygp.error import create_no_error_status  # noqa: E402

# The package hides its folder `gp` behind a name of its own.
gp = sys.modules["pygp.gp.gp_functions"]

VERSION = version("Py-GP")
ANY_STATUS_WORD = "XXXX"


class PyGpError(Exception):
    """Py-GP gives up."""


class PyGpHost:
    """One session after another with the card in the test process."""

    def __init__(self, link):
        self._link = link
        self.answer = (b"", 0x9000)
        self.plain, self.state = b"", ""
        self.sent, self.response = b"", b""
        self.tamper_response = None
        connection.card_context = self
        connection.create_card_info_dict("", "", connection.SCARD_PROTOCOL_T1, None)
        connection.connection_module.send_apdu_T1 = self._transmit

    def _transmit(self, _card, apdu):
        self.sent = bytes(apdu)
        answer, sw = self.answer
        response, plain, self.state = self._link.request(
            "transmit", self.sent, answer, sw.to_bytes(2, "big"))
        self.response = data(response)
        if self.tamper_response:
            self.response = self.tamper_response(self.response)
        self.plain = data(plain)
        return create_no_error_status(0), list(self.response)

    def _select(self, setup):
        """The state that Py-GP has after SELECT."""
        gp.securityInfo = [{}, {}, {}, {}, setup.channel]
        gp.securityInfo[setup.channel] = {
            "channelStatus": "ON",
            "securityLevel": 0x00,
            "selectedAID": setup.aid.hex().upper(),
        }

    @property
    def _info(self):
        return gp.securityInfo[gp.securityInfo[4]]

    @property
    def resume(self):
        """Chaining value and number of the last command."""
        return bytes.fromhex(self._info["lastC_MAC"]), self._info["icv_counter"] - 1

    @property
    def session_keys(self):
        names = ("encryptionSessionKey", "C_MACSessionKey", "R_MACSessionKey")
        return tuple(bytes.fromhex(self._info[name]) for name in names)

    def initialize_update(self, setup, counter=None):
        """Gives the host cryptogram. With a counter it is the last one seen, and the card's
        challenge is predicted."""
        if counter is None:
            self._select(setup)
        version_word = f"{setup.version:02X}"
        keys = [key.hex().upper() for key in setup.keys]
        more = () if counter is None else (f"{counter:06X}",)
        with mock.patch("os.urandom", lambda length: setup.host_challenge[:length]):
            status, cryptogram = gp.initialize_update(
                version_word, None, *keys, "03", f"{setup.i:02X}", *more)
        check(status)
        return cryptogram

    def external_authenticate(self, level, cryptogram):
        check(gp.external_authenticate(level, cryptogram))

    def send(self, apdu):
        """Data and status word as Py-GP has opened them."""
        status, _ = gp.send_APDU(apdu.hex().upper(), exsw=ANY_STATUS_WORD)
        check(status)
        return bytes.fromhex(gp.last_response()), int(gp.last_status(), 16)

    def put_key_set(self, new_version, keys, replaces):
        """Py-GP's own PUT KEY of a whole set."""
        listed = [(None, None, "AES", key.hex().upper()) for key in keys]
        check(gp.put_scp_key(f"{new_version:02X}", listed, replaces))

    def script(self, setup, level, commands):
        """Every APDU of a session built ahead."""
        gp.set_payload_mode(True)
        try:
            self._select(setup)
            cryptogram = self.initialize_update(setup, setup.counter)
            self.external_authenticate(level, cryptogram)
            for command in commands:
                gp.send_APDU(command.hex().upper())
            return [bytes.fromhex(apdu) for apdu in gp.get_payload_list()]
        finally:
            gp.set_payload_mode(False)


def check(status):
    """Py-GP returns its errors."""
    if status["errorStatus"] != 0:
        raise PyGpError(f"{status['errorCode']}: {status['errorMessage']}")
