"""What a session is made of, drawn from one seeded generator."""

from dataclasses import dataclass

LEVELS = (0x00, 0x01, 0x03, 0x11, 0x13, 0x33)
AID = bytes.fromhex("A000000151000000")
# INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, PUT KEY, BEGIN and END R-MAC SESSION, GET RESPONSE: the
# card around the card end acts on them itself.
RESERVED_INS = (0x50, 0x82, 0xD8, 0x7A, 0x78, 0xC0)
ERRORS = (0x6400, 0x6581, 0x6700, 0x6982, 0x6985, 0x6A80, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6D00)


def has_c_mac(level):
    return level & 0x01 != 0


def has_c_decryption(level):
    return level & 0x02 != 0


def has_r_mac(level):
    return level & 0x10 != 0


def has_r_encryption(level):
    return level & 0x20 != 0


def offering(rng, level, mode):
    """An `i` that offers the level."""
    responses = [0x00, 0x20, 0x60]
    if has_r_mac(level):
        responses.remove(0x00)
    if has_r_encryption(level):
        responses.remove(0x20)
    return rng.choice(responses) | rng.choice([0x00, 0x10]) | (mode == 16)


def max_command_data(level, mode):
    """The most clear bytes of a short command."""
    if not has_c_mac(level):
        return 255
    room = 255 - mode
    return room // 16 * 16 - 1 if has_c_decryption(level) else room


def max_response_data(level, mode):
    """The most clear bytes of a short response."""
    if not has_r_mac(level):
        return 256
    room = 256 - mode
    return room // 16 * 16 - 1 if has_r_encryption(level) else room


@dataclass
class Setup:
    """Everything both ends know before INITIALIZE UPDATE."""

    enc: bytes
    mac: bytes
    dek: bytes
    mode: int
    level: int
    i: int
    version: int
    kdd: bytes
    aid: bytes
    host_challenge: bytes
    card_random: bytes
    counter: int
    channel: int = 0

    @property
    def keys(self):
        return self.enc, self.mac, self.dek

    @property
    def pseudo_random(self):
        return self.i & 0x10 != 0

    def insert(self, link):
        """Puts a card with these keys into the reader."""
        challenge = self.counter.to_bytes(3, "big") if self.pseudo_random else self.card_random
        link.request("card", *self.keys, self.i, self.version, self.kdd, challenge, self.aid)


class Draw:
    """The generator, and the lengths that have had their turn."""

    def __init__(self, seed):
        import random

        self.rng = random.Random(seed)
        self._turn = {}
        self.command_lengths = {}
        self.response_lengths = {}

    def setup(self, level, key_length=16, mode=8, channel=0):
        rng = self.rng
        return Setup(
            *(rng.randbytes(key_length) for _ in range(3)),
            mode=mode,
            level=level,
            i=offering(rng, level, mode),
            version=rng.randint(0x01, 0x7F),
            kdd=rng.randbytes(10),
            aid=AID if rng.random() < 0.5 else rng.randbytes(rng.randint(5, 16)),
            host_challenge=rng.randbytes(mode),
            card_random=rng.randbytes(mode),
            # Three sessions may follow before the counter has run out.
            counter=rng.choice([0, 1, 0xFFFFFC, rng.randint(0, 0xFFFFFC)]),
            channel=channel,
        )

    def header(self):
        rng = self.rng
        ins = rng.choice([n for n in range(256) if n not in RESERVED_INS])
        return rng.choice([0x80, 0x80, 0x00]), ins, rng.randrange(256), rng.randrange(256)

    def length(self, kind, limit):
        """Half of the time the next length of this kind in turn, so that every one comes."""
        if self.rng.random() < 0.5:
            return self.rng.randint(0, limit)
        turn = self._turn.get(kind, 0)
        self._turn[kind] = turn + 1
        return turn % (limit + 1)

    def command_data(self, level, mode, longest):
        """Mostly what fits a short command, now and then up to `longest` bytes."""
        limit = max_command_data(level, mode)
        if longest > limit and self.rng.random() < 0.15:
            length = self.rng.randint(limit + 1, longest)
        else:
            length = self.length(("command", level, mode), limit)
            self.command_lengths.setdefault((level, mode), set()).add(length)
        return self.rng.randbytes(length)

    def answer(self, level, mode, longest):
        """Data and status word for the application to answer."""
        rng = self.rng
        limit = max_response_data(level, mode)
        if longest > limit and rng.random() < 0.15:
            length = rng.randint(limit + 1, longest)
        else:
            length = self.length(("response", level, mode), limit)
            self.response_lengths.setdefault((level, mode), set()).add(length)
        kind = rng.random()
        if kind < 0.7:
            sw = 0x9000
        elif kind < 0.85:
            sw = rng.choice([0x6200, 0x6300]) | rng.randrange(256)
        else:
            sw = rng.choice(ERRORS)
        return rng.randbytes(length), sw

    def uncovered(self):
        """Short lengths that no command or response had, by level and mode."""
        missing = []
        for (level, mode), lengths in self.command_lengths.items():
            missing += [("command", level, mode, n)
                        for n in range(max_command_data(level, mode) + 1) if n not in lengths]
        for (level, mode), lengths in self.response_lengths.items():
            missing += [("response", level, mode, n)
                        for n in range(max_response_data(level, mode) + 1) if n not in lengths]
        return missing


def clear_answer(level, data, sw):
    """What the host gets to see: at R-MAC levels an error comes alone."""
    if has_r_mac(level) and sw != 0x9000 and sw >> 8 not in (0x62, 0x63):
        return b"", sw
    return data, sw


def encode(header, data, le, extended):
    """A command APDU; `le` nothing leaves it out."""
    apdu = bytes(header)
    if data:
        apdu += (b"\0" + len(data).to_bytes(2, "big")) if extended else bytes([len(data)])
        apdu += data
    if le is not None:
        if extended:
            apdu += (b"" if data else b"\0") + (le % 65536).to_bytes(2, "big")
        else:
            apdu += bytes([le % 256])
    return apdu
