"""Yubico's `yubikit` as host.

`init_scp` of yubikit always opens level 33 with AES-128 and eight-byte challenges. The other levels,
key lengths and S16 use yubikit's own classes with as little as possible put in their place: `Variant`
leaves steps out, `LongMac` takes the whole MAC.
"""

import struct
from importlib.metadata import version
from unittest import mock

from yubikit.core import TRANSPORT, BadResponseError, Version
from yubikit.core.smartcard import (
    ApduError,
    ScpProcessor,
    SmartCardConnection,
    SmartCardProtocol,
)
from yubikit.core.smartcard.scp import (
    KeyRef,
    Scp03KeyParams,
    ScpState,
    SessionKeys,
    StaticKeys,
    _calculate_mac,
    _init_cipher,
)
from yubikit.securitydomain import SecurityDomainSession

import kdf
from draw import has_c_decryption, has_r_encryption, has_r_mac
from link import data

VERSION = version("yubikey-manager")


class Contacts(SmartCardConnection):
    """The card in the test process as a card of yubikit."""

    def __init__(self, link, transport=TRANSPORT.NFC):
        self._link = link
        self._transport = transport
        self.answer = (b"", 0x9000)
        self.plain = b""
        self.state = ""
        self.sent = []
        self.received = []
        # Changes what goes over the contacts, if set.
        self.tamper_command = None
        self.tamper_response = None

    @property
    def transport(self):
        return self._transport

    def close(self):
        pass

    def send_and_receive(self, apdu):
        if self.tamper_command:
            apdu = self.tamper_command(apdu)
        answer, sw = self.answer
        response, plain, self.state = self._link.request(
            "transmit", apdu, answer, sw.to_bytes(2, "big"))
        response = data(response)
        if self.tamper_response:
            response = self.tamper_response(response)
        if plain != "-":
            self.plain = data(plain)
        self.sent.append(apdu)
        self.received.append(response)
        return response[:-2], int.from_bytes(response[-2:], "big")

    def begin(self, answer):
        """Forgets what crossed the contacts before."""
        self.answer = answer
        self.plain, self.sent, self.received = b"", [], []

    def commands(self):
        """What was sent, without GET RESPONSE."""
        return [apdu for apdu in self.sent if apdu[:2] != b"\x00\xc0"]

    def response(self):
        """The whole response to the last command."""
        last = len(self.commands()) - 1
        parts = self.received[last:]
        return b"".join(part[:-2] for part in parts) + parts[-1][-2:]


class Variant(ScpState):
    """yubikit's state at another level than 33."""

    level = 0x33

    def encrypt(self, data):
        if not (has_c_decryption(self.level) and data):
            # Amendment D 6.2.6: an empty field is not encrypted, but every command is counted.
            self._enc_counter += 1
            return data
        return super().encrypt(data)

    def unmac(self, data, sw):
        return super().unmac(data, sw) if has_r_mac(self.level) else data

    def decrypt(self, encrypted):
        return super().decrypt(encrypted) if has_r_encryption(self.level) else encrypted


class LongState(Variant):
    """The same with MACs of sixteen bytes."""

    def mac(self, data):
        self._mac_chain = _calculate_mac(self._keys.key_smac, self._mac_chain, data)[0]
        return self._mac_chain

    def unmac(self, data, sw):
        if not has_r_mac(self.level):
            return data
        message, mac = data[:-16], data[-16:]
        whole = message + struct.pack("!H", sw)
        if _calculate_mac(self._keys.key_srmac, self._mac_chain, whole)[0] != mac:
            raise BadResponseError("Wrong MAC")
        return message


class LongMac(ScpProcessor):
    """yubikit's processor for S16: the length it counts with is 16 instead of 8."""

    def send_apdu(self, cla, ins, p1, p2, data, le, encrypt=True):
        cla |= 0x04
        if encrypt:
            data = self.state.encrypt(data)
        long = len(data) + 16 > 255
        formatter = self.extended_formatter if long else self.formatter
        header = formatter.format_apdu(cla, ins, p1, p2, data + bytes(16), 0)[:-16]
        response, sw = self.delegate.send_apdu(
            cla, ins, p1, p2, data + self.state.mac(header), le)
        if response:
            response = self.state.unmac(response, sw)
            if response:
                response = self.state.decrypt(response)
        return response, sw


class YubikitHost:
    """One session after another over the same contacts."""

    def __init__(self, link, form):
        self.form = form
        # As published it encrypts an empty data field to one block.
        self.encrypts_empty = False
        usb = form != "short"
        self.contacts = Contacts(link, TRANSPORT.USB if usb else TRANSPORT.NFC)
        self.protocol = SmartCardProtocol(self.contacts)
        if form == "extended":
            self.extend()

    def extend(self):
        """From here on every command is extended; an open session goes on."""
        session = self.protocol._processor
        self.protocol.configure(Version(5, 3, 0))
        if isinstance(session, LongMac):
            # `configure` puts its own class around the state.
            now = self.protocol._processor
            self.protocol._processor = LongMac(now.delegate, now.formatter, now.state)
        self.form = "extended"

    @property
    def state(self):
        return self.protocol._processor.state

    @property
    def chaining(self):
        return self.state._mac_chain

    @property
    def resume(self):
        """Chaining value and number of the last command."""
        return self.state._mac_chain, self.state._enc_counter - 1

    @property
    def session_keys(self):
        return tuple(self.state._keys)[:3]

    def open_as_published(self, setup):
        """`init_scp` as it is."""
        keys = Scp03KeyParams(KeyRef(0x01, setup.version), StaticKeys(*setup.keys))
        with mock.patch("os.urandom", lambda length: setup.host_challenge[:length]):
            self.protocol.init_scp(keys)
        self.encrypts_empty = True

    def open(self, setup, keys_by_yubikit):
        """The same steps for any level, key length and mode; gives the level's processor. Session
        keys and cryptograms come from yubikit where it can, else from pyca's KBKDFCMAC."""
        protocol, mode = self.protocol, setup.mode
        protocol._processor, formatter = protocol._build_base_processor()
        kind = Variant if mode == 8 else LongState
        if keys_by_yubikit:
            keys = Scp03KeyParams(KeyRef(0x01, setup.version), StaticKeys(*setup.keys))
            state, cryptogram = kind.scp03_init(
                protocol.send_apdu, keys, host_challenge=setup.host_challenge)
        else:
            response = protocol.send_apdu(0x80, 0x50, setup.version, 0x00, setup.host_challenge)
            challenge = response[13 : 13 + mode]
            context = setup.host_challenge + challenge
            keys = kdf.session_keys(setup.enc, setup.mac, context)
            if kdf.derive(keys[1], kdf.CARD_CRYPTOGRAM, context, mode) != (
                    response[13 + mode : 13 + 2 * mode]):
                raise BadResponseError("Wrong card cryptogram")
            cryptogram = kdf.derive(keys[1], kdf.HOST_CRYPTOGRAM, context, mode)
            state = kind(SessionKeys(*keys, setup.dek))
        state.level = setup.level
        processor = (ScpProcessor if mode == 8 else LongMac)(
            protocol._processor, formatter, state)
        _, sw = processor.send_apdu(0x84, 0x82, setup.level, 0, cryptogram, 0, encrypt=False)
        if sw != 0x9000:
            raise ApduError(b"", sw)
        if setup.level & 0x01:
            protocol._processor = processor
        return processor

    def send(self, header, data, le):
        """Data and status word, clear."""
        try:
            return self.protocol.send_apdu(*header, data, le), 0x9000
        except ApduError as error:
            return error.data, error.sw

    def security_domain(self):
        """yubikit's own commands, on this session."""
        session = SecurityDomainSession.__new__(SecurityDomainSession)
        session.protocol = self.protocol
        return session


def protected_response(state, level, mode, data, sw):
    """What a card must answer to the last command, from yubikit's functions."""
    if not has_r_mac(level):
        return data + sw.to_bytes(2, "big")
    if sw != 0x9000 and sw >> 8 not in (0x62, 0x63):
        return sw.to_bytes(2, "big")
    if data and has_r_encryption(level):
        padded = data + b"\x80" + bytes(15 - len(data) % 16)
        cipher = _init_cipher(state._keys.key_senc, state._enc_counter - 1, True).encryptor()
        data = cipher.update(padded) + cipher.finalize()
    end = sw.to_bytes(2, "big")
    mac = _calculate_mac(state._keys.key_srmac, state._mac_chain, data + end)[0][:mode]
    return data + mac + end
