"""Container, image and network ids, and the short form people type. (Names: engine/names.py.)"""

from __future__ import annotations

import re
import secrets

SHORT_LENGTH = 12
_HEX = re.compile(r"[0-9a-f]{1,64}\Z")


def new_id() -> str:
    """A random 64-digit hex id. Its short form is never all digits: as a hostname that would be a number."""
    while True:
        value = secrets.token_hex(32)
        if not value[:SHORT_LENGTH].isdigit():
            return value


def short(full_id: str) -> str:
    """The first 12 digits, without an algorithm prefix."""
    return full_id.removeprefix("sha256:")[:SHORT_LENGTH]


def is_prefix(text: str) -> bool:
    """Whether `text` could be an abbreviated id."""
    return _HEX.match(text) is not None
