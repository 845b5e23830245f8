"""Headers of a tar (POSIX pax), by hand: importing tarfile costs a build more than sending its context."""

from __future__ import annotations

FILE, HARD_LINK, LINK, CHARACTER, BLOCK, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
_FIELD = 100
_OCTAL_LIMIT = 1 << 33
_OWNER_LIMIT = 1 << 21


def render(
    name: str, *, kind: bytes = FILE, mode: int = 0o644, size: int = 0, mtime: int = 0, link: str = "",
    device: tuple[int, int] = (0, 0), owner: tuple[int, int] = (0, 0),
) -> bytes:  # fmt: skip
    """The header of one member, with records before it for what its fields do not hold. `owner`: user and group."""
    records = b""
    for key, text in (("path", name), ("linkpath", link)):
        if len(raw := _encode(text)) > _FIELD or not raw.isascii():
            records += _record(key, raw)
    for key, number in zip(("uid", "gid"), owner, strict=True):
        if number >= _OWNER_LIMIT:
            records += _record(key, str(number).encode())
    if size >= _OCTAL_LIMIT:
        records += _record("size", str(size).encode())
    before = b""
    if records:
        padding = bytes(-len(records) % BLOCK_BYTES)
        before = _header(b"././@PaxHeader", b"x", 0o644, len(records), 0, b"", (0, 0), (0, 0)) + records + padding
    size_field = size if size < _OCTAL_LIMIT else 0
    return before + _header(_encode(name), kind, mode, size_field, max(mtime, 0), _encode(link), device, owner)


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK_BYTES)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _record(key: str, value: bytes) -> bytes:
    """`<length> key=value\\n`, where the length counts itself."""
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return str(length).encode() + body


def _header(
    name: bytes, kind: bytes, mode: int, size: int, mtime: int, link: bytes, device: tuple[int, int],
    owner: tuple[int, int],
) -> bytes:  # fmt: skip
    fields = [
        name[:_FIELD].ljust(_FIELD, b"\0"),
        b"%07o\0" % mode,
        *(b"%07o\0" % (number if number < _OWNER_LIMIT else 0) for number in owner),
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,
        kind,
        link[:_FIELD].ljust(_FIELD, b"\0"),
        b"ustar\x0000",
        bytes(64),
        b"%07o\0" % device[0],
        b"%07o\0" % device[1],
    ]
    block = b"".join(fields).ljust(BLOCK_BYTES, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
