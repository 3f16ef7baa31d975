"""Sessions with yubikit as host."""

from dataclasses import replace

from yubikit.core import BadResponseError
from yubikit.core.smartcard.scp import KeyRef, StaticKeys

import kdf
from draw import (
    RESERVED_INS,
    clear_answer,
    encode,
    has_c_mac,
    has_r_mac,
    max_command_data,
)
from link import data
from replay import Exchange, Replay, Transcript
from yubikit_host import YubikitHost, protected_response

# yubikit keeps whole extended APDUs within 3,062 bytes.
LONGEST_COMMAND = 3000
LONGEST_RESPONSE = 3000
# What BEGIN R-MAC SESSION can add to a level.
RAISING = {0x01: (0x10,), 0x03: (0x10, 0x30), 0x13: (0x30,)}


class YubikitSessions:
    """Counts what it runs."""

    def __init__(self, link, draw):
        self._link = link
        self._draw = draw
        self._replay = Replay(link, "yubikit")
        self.sessions, self.commands, self.levels = 0, 0, set()

    def published(self):
        """A session exactly as yubikit's users open it."""
        setup = self._draw.setup(0x33)
        host = self._host()
        self._begin(setup, host)
        host.open_as_published(setup)
        transcript = self._opened(setup, host)
        self._exchanges(setup, host, transcript)
        reopened = None
        if self._draw.rng.random() < 0.2:
            reopened = self._put_key(setup, host, transcript)
        self._fault(setup, host)
        self._replay.session(setup, transcript, without_le=True)
        if reopened:
            self._reopened(reopened)

    def variant(self, level):
        """Any level, key length and mode."""
        rng = self._draw.rng
        key_length, mode = rng.choice([16, 16, 24, 32]), rng.choice([8, 8, 16])
        setup = self._draw.setup(level, key_length, mode)
        host = self._host()
        self._begin(setup, host)
        by_yubikit = key_length == 16 and mode == 8
        processor = host.open(setup, by_yubikit)
        transcript = self._opened(setup, host, processor)
        self._link.count(f"yubikit sessions AES-{8 * key_length} S{mode}")
        if not by_yubikit:
            self._link.count("yubikit sessions with keys from KBKDFCMAC")
        self._exchanges(setup, host, transcript)
        raised = [response for response in RAISING.get(level, ())
                  if setup.i & 0x20 and (response == 0x10 or setup.i & 0x40)]
        if raised and rng.random() < 0.5:
            self._raised(setup, host, transcript, rng.choice(raised))
        self._fault(setup, host)
        self._replay.session(setup, transcript, without_le=True)

    def _raised(self, setup, host, transcript, response):
        """BEGIN R-MAC SESSION, commands, END R-MAC SESSION, commands. yubikit has no such commands,
        but its state protects what follows at the new level."""
        self._control(setup, host, transcript, (0x80, 0x7A, response, 0x01))
        raised = replace(setup, level=setup.level | response)
        host.state.level = raised.level
        self._exchanges(raised, host, transcript)
        self._control(raised, host, transcript, (0x80, 0x78, 0x00, 0x03))
        host.state.level = setup.level
        self._exchanges(setup, host, transcript)
        self._link.count(f"yubikit levels raised from {setup.level:02X} to {raised.level:02X}")

    def _control(self, setup, host, transcript, header):
        host.contacts.begin((b"", 0x9000))
        received = host.send(header, b"", 0)
        self._settle(setup, host, transcript, (header, b"", 0), received)

    def _host(self):
        return YubikitHost(self._link, self._draw.rng.choice(["short", "short", "later", "extended"]))

    def _begin(self, setup, host):
        setup.insert(self._link)
        host.contacts.begin((b"", 0x9000))
        if self._draw.rng.random() < 0.05:
            self._refused_opening(setup)

    def _refused_opening(self, setup):
        """A host with another MAC key sees that the card is not its card."""
        stranger = YubikitHost(self._link, "short")
        mac = bytearray(setup.mac)
        mac[self._draw.rng.randrange(16)] ^= 1 << self._draw.rng.randrange(8)
        other = replace(setup, mac=bytes(mac))
        try:
            if setup.mode == 8 and len(mac) == 16:
                stranger.open_as_published(other)
            else:
                stranger.open(other, False)
            self._link.difference("a host with another key has opened a session")
        except (ValueError, BadResponseError):
            self._link.count("yubikit hosts with another key refused")
        if setup.pseudo_random:
            setup.counter += 1

    def _opened(self, setup, host, processor=None):
        """Checks the opening and begins the transcript."""
        link, contacts = self._link, host.contacts
        state = processor.state if processor else host.state
        initialize_update, external_authenticate = contacts.commands()
        challenge, authenticated = contacts.received
        link.same("state after the opening", contacts.state, "open")
        link.same("answer to EXTERNAL AUTHENTICATE", authenticated, b"\x90\x00")
        mode = setup.mode
        if setup.pseudo_random:
            link.same("sequence counter", challenge[-5:-2], (setup.counter + 1).to_bytes(3, "big"))
            theirs = kdf.card_challenge(setup.enc, setup.counter + 1, setup.aid, mode)
        else:
            theirs = setup.card_random
        link.same("card challenge", challenge[13 : 13 + mode], theirs)
        self.sessions += 1
        self.levels.add(setup.level)
        link.count("yubikit sessions")
        link.count(f"yubikit sessions at level {setup.level:02X}")
        transcript = Transcript(
            initialize_update, challenge, external_authenticate, authenticated,
            tuple(state._keys)[:3], host.form == "extended", state._mac_chain)
        if host.form == "later":
            host.extend()
        return transcript

    def _exchanges(self, setup, host, transcript):
        for _ in range(self._draw.rng.randint(3, 12)):
            self._exchange(setup, host, transcript)

    def _exchange(self, setup, host, transcript):
        draw, rng = self._draw, self._draw.rng
        header = draw.header()
        clear = draw.command_data(setup.level, setup.mode, LONGEST_COMMAND)
        extended = host.form == "extended"
        le = rng.choice([0, 0, rng.randint(1, 65535 if extended else 255)])
        answer = draw.answer(setup.level, setup.mode, LONGEST_RESPONSE)
        host.contacts.begin(answer)
        received = host.send(header, clear, le)
        self._settle(setup, host, transcript, (header, clear, le), received)

    def _settle(self, setup, host, transcript, command, received):
        """Both plain texts and our card end's bytes; the exchange goes into the transcript."""
        link, contacts, level = self._link, host.contacts, setup.level
        header, clear, le = command
        answer = contacts.answer
        what = f"yubikit level {level:02X}"
        extended = host.form == "extended"
        pieces = len(contacts.commands()) > 1
        if not has_c_mac(level) and not clear and not le and not extended:
            le = 256  # yubikit's short form of a plain command without anything
        arrived = encode(header, clear, le or None, extended or pieces)
        link.same(f"{what} command that arrived", contacts.plain, arrived)
        link.same(f"{what} answer that arrived", received, clear_answer(level, *answer))
        response = contacts.response()
        if has_c_mac(level):
            theirs = protected_response(host.state, level, setup.mode, *answer)
            link.same(f"{what} response bytes", response, theirs)
        self.commands += 1
        link.count("yubikit commands")
        # Ours is asked in the short form where there is one, and outgrows it by itself.
        fits = len(clear) <= 255 and not extended
        plain = encode(header, clear, le or None, extended or not fits)
        encrypted_empty = host.encrypts_empty and not clear
        sw = received[1].to_bytes(2, "big")
        transcript.exchanges.append(Exchange(
            plain, contacts.commands(), response, received[0] + sw, extended,
            host.resume if encrypted_empty else None))

    def _put_key(self, setup, host, transcript):
        """yubikit's PUT KEY; the next session needs the new keys."""
        rng, contacts = self._draw.rng, host.contacts
        new = StaticKeys(*(rng.randbytes(16) for _ in range(3)))
        version = rng.randint(0x01, 0x7F)
        replaces = rng.choice([0, setup.version])
        contacts.begin((b"", 0x9000))
        host.security_domain().put_key(KeyRef(0x01, version), new, replaces)
        form = "raw"
        ours = data(self._link.request("put-key", *setup.keys, *new, replaces, version, form)[0])
        plain = contacts.plain
        extended = host.form == "extended"
        # Ours asks for the answer by Le; yubikit leaves that out.
        theirs = encode(plain[:4], plain[7 if extended else 5 :], 256, False)
        self._link.same("PUT KEY", ours, theirs)
        self._link.count("yubikit key sets put")
        check_values = data(self._link.request("key-value", new.key_enc)[0])
        clear = bytes([version]) + check_values
        for key in new[1:]:
            clear += data(self._link.request("key-value", key)[0])
        transcript.exchanges.append(Exchange(
            plain, contacts.commands(), contacts.response(), clear + b"\x90\x00", extended))
        counter = setup.counter + setup.pseudo_random
        return replace(setup, enc=new[0], mac=new[1], dek=new[2], version=version, counter=counter)

    def _reopened(self, setup):
        host = YubikitHost(self._link, "short")
        host.contacts.begin((b"", 0x9000))
        host.open_as_published(setup)
        transcript = self._opened(setup, host)
        self._exchanges(setup, host, transcript)
        self._replay.session(setup, transcript, without_le=True)
        self._link.count("yubikit sessions with keys that yubikit has put")

    def _fault(self, setup, host):
        """The end of the session: something on the contacts is not as it was sent."""
        if not has_c_mac(setup.level):
            return
        faults = [self._changed_command, self._replayed_command, self._plain_command]
        if has_r_mac(setup.level):
            faults += [self._changed_response, self._changed_response]
        self._draw.rng.choice(faults)(setup, host)

    def _short_command(self, setup):
        limit = max_command_data(setup.level, setup.mode)
        return self._draw.header(), self._draw.rng.randbytes(self._draw.rng.randint(0, limit))

    def _changed_response(self, setup, host):
        """One bit of the response: yubikit must refuse it."""
        rng, contacts = self._draw.rng, host.contacts

        def flip(response):
            changed = bytearray(response)
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            return bytes(changed)

        header, clear = self._short_command(setup)
        contacts.begin((rng.randbytes(rng.randint(0, 200)), 0x9000))
        contacts.tamper_response = flip
        try:
            host.send(header, clear, 0)
            self._link.difference(f"level {setup.level:02X}: yubikit took a changed response")
        except BadResponseError:
            self._link.count("yubikit changed responses refused")

    def _changed_command(self, setup, host):
        """One bit of the command: our card end must refuse it and everything afterwards."""
        extended = host.form == "extended"

        def flip(apdu):
            changed = bytearray(apdu)
            while True:
                at = self._draw.rng.randrange(len(apdu))
                bit = 1 << self._draw.rng.randrange(8)
                of_lc = 4 <= at < (7 if extended else 5)
                chaining = at == 0 and bit == 0x10
                other = at == 1 and apdu[1] ^ bit in RESERVED_INS
                # What these bits say is settled before secure messaging.
                if not (of_lc or chaining or other):
                    changed[at] ^= bit
                    return bytes(changed)

        header, clear = self._short_command(setup)
        self._refused(setup, host, flip, header, clear)
        self._link.count("yubikit changed commands refused")

    def _replayed_command(self, setup, host):
        last = host.contacts.commands()[-1]
        header, clear = self._short_command(setup)
        if last[0] & 0x10 or len(host.contacts.commands()) > 1:
            return
        self._refused(setup, host, lambda _: last, header, clear)
        self._link.count("yubikit repeated commands refused")

    def _plain_command(self, setup, host):
        header, clear = self._short_command(setup)
        plain = encode(header, clear, None, host.form == "extended")
        self._refused(setup, host, lambda _: plain, header, clear)
        self._link.count("yubikit plain commands refused")

    def _refused(self, setup, host, change, header, clear):
        contacts = host.contacts
        for tamper in (change, None):
            contacts.begin((b"\x55" * 20, 0x9000))
            contacts.tamper_command = tamper
            outcome = host.send(header, clear, 0)
            what = f"level {setup.level:02X} after a fault"
            self._link.same(f"{what}: answer", outcome, (b"", 0x6982))
            self._link.same(f"{what}: command", contacts.plain, b"")
            self._link.same(f"{what}: state", contacts.state, "aborted")

