"""Our host end repeats a session that an outside host has held with our card end.

From the same keys, challenges and plain commands it must send the same bytes, and read the same
answers out of the same responses.
"""

from dataclasses import dataclass, field

from draw import encode, has_c_decryption
from link import Refused


@dataclass
class Exchange:
    """One command of an open session."""

    plain: bytes
    sent: list
    response: bytes
    clear: bytes
    extended: bool = False
    # What the outside host remembers afterwards: chaining value and number of the command. Only
    # where it differs from us in a known way.
    resume: tuple | None = None


@dataclass
class Transcript:
    """One session."""

    initialize_update: bytes
    challenge: bytes
    external_authenticate: bytes
    authenticated: bytes
    session_keys: tuple
    opened_extended: bool = False
    chaining: bytes = b""
    exchanges: list = field(default_factory=list)


def joined(pieces):
    """The command that a host has cut into short ones, in extended form."""
    if len(pieces) == 1:
        return pieces[0]
    last = pieces[-1]
    body, le = b"", None
    for piece in pieces:
        length = piece[4]
        body += piece[5 : 5 + length]
        le = piece[5 + length] if len(piece) > 5 + length else None
    return encode(last[:4], body, le, True)


class Replay:
    """Compares one transcript after the other."""

    def __init__(self, link, name):
        self._link = link
        self._name = name
        self._resumed = False

    def _host(self, *words):
        try:
            reply = self._link.request("host", *words)
        except Refused as refusal:
            return f"refused: {refusal}"
        return bytes.fromhex(reply[0]) if reply and reply[0] != "-" else b""

    def session(self, setup, transcript, without_le):
        """`without_le`: the outside host leaves Le out of INITIALIZE UPDATE; ours never does."""
        link, what = self._link, f"{self._name} level {setup.level:02X}"
        ours = self._host("start", *setup.keys, setup.mode, setup.version,
                          setup.host_challenge, setup.channel)
        if transcript.opened_extended:
            # Ours opens with short commands only: it joins the session after its opening.
            link.count(f"{self._name} sessions opened by extended APDUs")
            self._resume(setup, transcript, transcript.chaining, 0)
        else:
            theirs = transcript.initialize_update + (b"\0" if without_le else b"")
            link.same(f"{what} INITIALIZE UPDATE", ours, theirs)
            ours = self._host("receive", transcript.challenge, setup.level, setup.aid)
            link.same(f"{what} EXTERNAL AUTHENTICATE", ours, transcript.external_authenticate)
            link.same(f"{what} opening", self._host("accept", transcript.authenticated), b"")
            link.count(f"{self._name} openings compared")
        self._host("extended")
        self._resumed = transcript.opened_extended
        for exchange in transcript.exchanges:
            self._exchange(setup, transcript, exchange, what)

    def _wrap(self, exchange):
        return self._host("wrap", exchange.plain, "extended" if exchange.extended else "short")

    def _resume(self, setup, transcript, chaining, counter):
        self._host("resume", *transcript.session_keys, setup.mode, setup.level, chaining, counter)

    def _exchange(self, setup, transcript, exchange, what):
        link = self._link
        ours, theirs = self._wrap(exchange), joined(exchange.sent)
        if self._resumed:
            # A session taken up in the middle is on channel 0, and the MAC leaves the channel out.
            theirs = bytes([theirs[0] - setup.channel]) + theirs[1:]
        if exchange.resume is not None:
            # A known difference: they have encrypted an empty data field (Amendment D 6.2.6 does
            # not). Ours is one block shorter, with the same header; the card end has taken theirs.
            alike = ours[:4] == theirs[:4] and len(ours) + 16 == len(theirs)
            if not (has_c_decryption(setup.level) and alike):
                link.difference(f"{what} empty field: ours {ours.hex()}, theirs {theirs.hex()}")
            link.count(f"{self._name} empty data fields encrypted (known difference)")
            self._resume(setup, transcript, *exchange.resume)
            self._host("extended")
            self._resumed = True
            return
        link.same(f"{what} command", ours, theirs)
        link.same(f"{what} response", self._host("unwrap", exchange.response), exchange.clear)
        link.count(f"{self._name} commands compared")
        if len(exchange.sent) > 1:
            link.count(f"{self._name} commands sent in pieces")
