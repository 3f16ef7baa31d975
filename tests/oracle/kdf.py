"""The key derivation of SCP03 as pyca's `cryptography` computes SP 800-108 in counter mode.

The caller only says how the fields of Amendment D 4.1.5 lie; block counter, CMAC and truncation are
the library's.
"""

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

CARD_CRYPTOGRAM, HOST_CRYPTOGRAM, CARD_CHALLENGE = 0x00, 0x01, 0x02
S_ENC, S_MAC, S_RMAC = 0x04, 0x06, 0x07


def derive(key, constant, context, length):
    """`length` bytes: label of 12 bytes | 00 | L | counter | context."""
    before = bytes(11) + bytes([constant, 0]) + (8 * length).to_bytes(2, "big")
    return KBKDFCMAC(
        algorithm=algorithms.AES,
        mode=Mode.CounterMode,
        length=length,
        rlen=1,
        llen=None,
        location=CounterLocation.MiddleFixed,
        label=None,
        context=None,
        fixed=before + context,
        break_location=len(before),
    ).derive(key)


def session_keys(enc, mac, context):
    """S-ENC, S-MAC and S-RMAC."""
    return (
        derive(enc, S_ENC, context, len(enc)),
        derive(mac, S_MAC, context, len(mac)),
        derive(mac, S_RMAC, context, len(mac)),
    )


def card_challenge(enc, counter, aid, length):
    """The pseudo-random card challenge."""
    return derive(enc, CARD_CHALLENGE, counter.to_bytes(3, "big") + aid, length)


def diversified(master, kdd):
    """ENC, MAC and DEK of one card by KDF3."""
    return [
        KBKDFCMAC(
            algorithm=algorithms.AES,
            mode=Mode.CounterMode,
            length=len(master),
            rlen=1,
            llen=None,
            location=CounterLocation.BeforeFixed,
            label=None,
            context=None,
            fixed=bytes([0, 0, 0, role, 0]) + kdd,
        ).derive(master)
        for role in (1, 2, 3)
    ]
