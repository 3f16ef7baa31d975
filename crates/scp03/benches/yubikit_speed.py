"""What wrapping a command and unwrapping its response costs in yubikit, for the table of speed.rs.

usage: yubikit_speed.py LENGTH

Prints nanoseconds for wrapping a command with LENGTH bytes of data and for unwrapping a response
with as many, at level 33: the fastest of many rounds. Works as
yubikit.core.smartcard.ScpProcessor.send_apdu does, without any card or link.
Needs only `cryptography` and yubikey-manager (`pip install --no-deps yubikey-manager`).
"""

import struct
import sys
import time

from yubikit.core.smartcard.scp import ScpState, SessionKeys

ROUNDS, TIMES = 60, 20


def fastest(work, prepare=lambda: None):
    best = float("inf")
    for _ in range(ROUNDS):
        given = prepare()
        begin = time.perf_counter_ns()
        for _ in range(TIMES):
            work(given)
        best = min(best, (time.perf_counter_ns() - begin) / TIMES)
    return best


def main():
    length = int(sys.argv[1])
    data, keys = b"\x5a" * length, SessionKeys(b"\x01" * 16, b"\x02" * 16, b"\x03" * 16)
    state = ScpState(keys)

    def wrap(_):
        encrypted = state.encrypt(data)
        header = struct.pack("!BBBBB", 0x84, 0xE2, 0x90, 0x00, len(encrypted) + 8)
        return header + encrypted + state.mac(header + encrypted)

    # A response protected by the same code: the card's keys are in the places of the host's.
    card = ScpState(SessionKeys(keys.key_senc, keys.key_srmac, keys.key_srmac))
    host = ScpState(keys, enc_counter=2)
    from yubikit.core.smartcard import scp

    cipher = scp._init_cipher(keys.key_senc, 1, True).encryptor()
    padded = data + b"\x80" + bytes(15 - length % 16)
    encrypted = cipher.update(padded) + cipher.finalize()
    response = encrypted + card.mac(encrypted + b"\x90\x00")

    def unwrap(_):
        if host.decrypt(host.unmac(response, 0x9000)) != data:
            raise SystemExit("yubikit opens the response to something else")

    print(fastest(wrap), fastest(unwrap))


main()
