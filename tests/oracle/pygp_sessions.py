"""Sessions with Py-GP as host, and the scripts that it builds ahead."""

from dataclasses import replace

from draw import clear_answer, encode, has_c_decryption, has_r_mac
from link import data
from pygp_host import PyGpError
from replay import Exchange, Replay, Transcript

OPENING_SW = b"\x90\x00"


class PyGpSessions:
    """Counts what it runs."""

    def __init__(self, link, draw, host):
        self._link = link
        self._draw = draw
        self._host = host
        self._replay = Replay(link, "Py-GP")
        self.sessions, self.commands, self.levels = 0, 0, set()

    def session(self, level):
        rng, link, host = self._draw.rng, self._link, self._host
        channel = rng.randrange(4)
        setup = self._draw.setup(level, rng.choice([16, 24, 32]), channel=channel)
        setup.insert(link)
        host.answer = (b"", 0x9000)
        cryptogram = host.initialize_update(setup)
        initialize_update, challenge = host.sent, host.response
        host.external_authenticate(level, cryptogram)
        link.same("state after the opening", host.state, "open")
        link.same("answer to EXTERNAL AUTHENTICATE", host.response, OPENING_SW)
        transcript = Transcript(
            initialize_update, challenge, host.sent, host.response, host.session_keys)
        self.sessions += 1
        self.levels.add(level)
        link.count("Py-GP sessions")
        link.count(f"Py-GP sessions AES-{8 * len(setup.enc)}")
        link.count(f"Py-GP sessions on logical channel {channel}")
        for _ in range(rng.randint(3, 12)):
            self._exchange(setup, transcript)
        if has_r_mac(level) and rng.random() < 0.3:
            self._changed_response(setup)
        elif len(setup.enc) != 24 and rng.random() < 0.3:
            self._put_key(setup)
        self._replay.session(setup, transcript, without_le=False)

    def _command(self, setup):
        """A command and whether it has data."""
        rng = self._draw.rng
        cla, *rest = self._draw.header()
        clear = self._draw.command_data(setup.level, setup.mode, 0)
        return (cla, *rest), clear, rng.choice([None, 256, rng.randint(1, 256)])

    def _exchange(self, setup, transcript):
        link, host, level = self._link, self._host, setup.level
        header, clear, le = self._command(setup)
        answer, sw = self._draw.answer(level, setup.mode, 0)
        if level == 0x33 and not answer:
            answer = b"\x00"  # see pygp_host
        host.answer = (answer, sw)
        plain = encode(header, clear, le, False)
        opened, opened_sw = host.send(plain)
        visible, visible_sw = clear_answer(level, answer, sw)
        if level in (0x11, 0x13) and opened:
            opened = opened[:-8]  # see pygp_host
        on_channel = bytes([plain[0] | setup.channel]) + plain[1:]
        what = f"Py-GP level {level:02X}"
        link.same(f"{what} command that arrived", host.plain, on_channel)
        link.same(f"{what} answer that arrived", (opened, opened_sw), (visible, visible_sw))
        self.commands += 1
        link.count("Py-GP commands")
        encrypted_empty = has_c_decryption(level) and not clear
        transcript.exchanges.append(Exchange(
            plain, [host.sent], host.response, visible + visible_sw.to_bytes(2, "big"),
            resume=host.resume if encrypted_empty else None))

    def _changed_response(self, setup):
        """One bit of the response: Py-GP must refuse it."""
        rng, host = self._draw.rng, self._host

        def flip(response):
            changed = bytearray(response)
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            return bytes(changed)

        host.answer = (rng.randbytes(rng.randint(1, 200)), 0x9000)
        host.tamper_response = flip
        try:
            host.send(bytes(self._draw.header()))
            self._link.difference(f"level {setup.level:02X}: Py-GP took a changed response")
        except PyGpError:
            self._link.count("Py-GP changed responses refused")
        finally:
            host.tamper_response = None

    def _put_key(self, setup):
        """Py-GP's PUT KEY of a whole set; the next session needs the new keys."""
        rng, host, link = self._draw.rng, self._host, self._link
        new = [rng.randbytes(len(setup.enc)) for _ in range(3)]
        version, replaces = rng.randint(0x01, 0x7F), rng.random() < 0.5
        host.put_key_set(version, new, replaces)
        theirs = bytes([host.plain[0] & 0xFC]) + host.plain[1:]
        ours = data(link.request(
            "put-key", *setup.keys, *new, version if replaces else 0, version, "standard")[0])
        # Ours asks for the answer by Le; Py-GP leaves that out.
        link.same("PUT KEY", ours, theirs + b"\0")
        again = replace(setup, enc=new[0], mac=new[1], dek=new[2], version=version)
        cryptogram = host.initialize_update(again)
        host.external_authenticate(setup.level, cryptogram)
        link.same("state with new keys", host.state, "open")
        link.count("Py-GP key sets put")

    def script(self, level):
        """A session whose commands are all built before the card has answered."""
        rng, link = self._draw.rng, self._link
        setup = self._draw.setup(level, rng.choice([16, 24, 32]))
        setup.i |= 0x10
        while len(f"{setup.counter + 1:02X}") % 2:  # see pygp_host
            setup.counter = rng.randint(0, 0xFFFFFC)
        commands = []
        for _ in range(rng.randint(0, 20)):
            header, clear, le = self._command(setup)
            commands.append(encode(header, clear or b"\x00", le, False))
        theirs = self._host.script(setup, level, commands)
        ours = link.request(
            "script", *setup.keys, setup.version, setup.i, setup.aid, setup.counter + 1, level,
            setup.host_challenge, *commands)
        link.same(f"script at level {level:02X}", [data(apdu) for apdu in ours], theirs)
        link.count("Py-GP scripts")
        link.count("Py-GP commands in scripts", len(commands))
