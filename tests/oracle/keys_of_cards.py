"""Keys of cards derived from a master key, and key check values."""

from yubikit.securitydomain import _DEFAULT_KCV_IV, _encrypt_cbc

import kdf
from link import data


def key_derivations(link, draw, number):
    """KDF3 against pyca's KBKDFCMAC, check values against yubikit's."""
    for _ in range(number):
        master = draw.rng.randbytes(draw.rng.choice([16, 24, 32]))
        kdd = draw.rng.randbytes(10)
        theirs = kdf.diversified(master, kdd)
        link.same("KDF3", [data(key) for key in link.request("diversify", master, kdd)], theirs)
        for key in theirs:
            check_value = data(link.request("key-value", key)[0])
            link.same("check value", check_value, _encrypt_cbc(key, _DEFAULT_KCV_IV)[:3])
        link.count("KBKDFCMAC key sets")
