"""Thousands of random sessions: outside hosts against our card end, and our host end against them.

usage: sessions.py SESSIONS SEED, as the test `oracle` of the crate scp03 calls it.
"""

import sys

import cryptography

from draw import LEVELS, Draw
from keys_of_cards import key_derivations
from link import Link
from pygp_host import VERSION as PYGP
from pygp_host import PyGpHost
from pygp_sessions import PyGpSessions
from yubikit_host import VERSION as YUBIKIT
from yubikit_sessions import YubikitSessions


def main():
    sessions, seed = int(sys.argv[1]), int(sys.argv[2])
    link = Link()
    link.say(f"oracle: {sessions} sessions from seed {seed}")
    draw = Draw(seed)

    yubikit = YubikitSessions(link, draw)
    for number in range(sessions):
        # Two of five as yubikit publishes it, the others at all levels in turn.
        if number % 5 < 2:
            yubikit.published()
        else:
            yubikit.variant(LEVELS[number // 5 % 6])
    report(link, f"yubikit {YUBIKIT}", yubikit, draw)

    key_derivations(link, draw, sessions)
    link.say(f"oracle cryptography {cryptography.__version__} (KBKDFCMAC): {sessions} key sets")

    draw = Draw(seed + 1)
    pygp = PyGpSessions(link, draw, PyGpHost(link))
    for number in range(sessions // 2):
        pygp.session(LEVELS[number % 6])
    for number in range(sessions // 4):
        pygp.script(LEVELS[number % 6])
    report(link, f"Py-GP {PYGP}", pygp, draw)


def report(link, name, run, draw):
    """The line of one implementation. A long run must have had every short length."""
    missing = draw.uncovered()
    differences, link.differences = link.differences, 0
    if run.commands > 40_000 and missing:
        link.difference(f"{name}: {len(missing)} lengths never came, first {missing[0]}")
    levels = " ".join(f"{level:02X}" for level in sorted(run.levels))
    link.say(f"oracle {name}: {run.sessions} sessions, {run.commands} commands, levels {levels}, "
             f"{differences} differences")
    link.say(f"    every short length of data at every level and mode but {len(missing)}")


if __name__ == "__main__":
    main()
