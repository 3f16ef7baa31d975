"""The line to the test that serves us; `link.rs` is the other end and describes it."""

import os
import sys


class Refused(Exception):
    """The other end answered with an error."""


class Link:
    """Requests out on what was standard output, replies in on standard input."""

    def __init__(self):
        # Whatever a library prints must not end up on the line.
        self._requests = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._replies = sys.stdin
        self.differences = 0

    def _ask(self, line):
        self._requests.write(line + "\n")
        self._requests.flush()
        reply = self._replies.readline().rstrip("\n")
        kind, _, rest = reply.partition(" ")
        if kind == "ok":
            return rest
        raise Refused(rest or "the line is closed")

    def request(self, *words):
        """Sends words (bytes become hex) and gives the words of the reply."""
        return self._ask(" ".join(map(word, words))).split()

    def say(self, text):
        """Prints a line of the report."""
        self._ask(f"say {text}")

    def count(self, name, number=1):
        """Adds to a total."""
        self._ask(f"count {number} {name}")

    def difference(self, text):
        """Reports a disagreement."""
        self.differences += 1
        self._ask(f"difference {text}")

    def same(self, what, ours, theirs):
        """Reports a disagreement unless both are equal."""
        if ours != theirs:
            self.difference(f"{what}: ours {shown(ours)}, theirs {shown(theirs)}")
            return False
        return True


def word(value):
    """A word of the line for a string, a number or bytes."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex() or "-"
    return str(value)


def data(text):
    """The bytes of a word."""
    return b"" if text == "-" else bytes.fromhex(text)


def shown(value):
    """A value in a message."""
    return value.hex() if isinstance(value, bytes) else repr(value)
