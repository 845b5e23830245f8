"""Detach keys: the key sequence by which a client leaves without ending the process (`ctrl-p,ctrl-q`). Pure."""

from __future__ import annotations

from fairlead.errors import InvalidParameter

_NAMED = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse(text: str, kind: str = "escape") -> bytes:
    """`ctrl-p,ctrl-q`, `a`, `ctrl-@` → the bytes a terminal sends. Docker calls wrong ones by a `kind`."""
    out = bytearray()
    for key in text.split(","):
        if len(key) == 1:
            out += key.encode()
            continue
        letter = key[5:].lower() if key.startswith("ctrl-") else ""
        if len(letter) == 1 and letter in _NAMED:
            out.append(_NAMED[letter])
        elif len(letter) == 1 and "a" <= letter <= "z":
            out.append(ord(letter) - 96)
        else:
            raise InvalidParameter(f"Invalid {kind} keys ({text}) provided")
    return bytes(out)


class Detector:
    """Looks for the sequence in what a client types; holds back a beginning of it until it is sure."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(bytes to pass on, whether the client wants to leave)."""
        if not self._keys:
            return data, False
        out = bytearray()
        for number in data:
            byte = bytes([number])
            if self._keys.startswith(self._held + byte):
                self._held += byte
                if self._held == self._keys:
                    self._held = b""
                    return bytes(out), True
                continue
            out += self._held + byte
            self._held = b""
        return bytes(out), False
