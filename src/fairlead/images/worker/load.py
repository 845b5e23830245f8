"""Takes an image archive in while it arrives: layers are unpacked as they pass, documents handed back. Nothing of it is
stored twice.

What a layer is shows in its first bytes; which images they make up is for the caller to find out from the documents.
The root of this process moves from one layer's tree to the next, so each is as confined as a layer that comes alone.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from typing import Any

from fairlead.images.worker import recipe, unpack
from fairlead.images.worker.source import CHUNK, Source

_MAX_DOCUMENT = 8 << 20
_MAX_DOCUMENTS = 64 << 20
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0")


class Archive(Source):
    """The whole archive: nobody asks for its digests."""

    def _raw(self) -> Iterator[bytes]:
        while data := os.read(self._fd, CHUNK):
            yield data

    def _fill(self) -> bool:
        data = next(self._chunks, b"")
        self._received += len(data)
        self._buffer, self._start = data, 0
        return bool(data)

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay where they are."""
        while len(self._buffer) - self._start < size:
            before = self._buffer[self._start :]
            if not self._fill():
                self._buffer, self._start = before, 0
                break
            self._buffer = before + self._buffer
        return self._buffer[self._start : self._start + size]

    def piece(self, size: int) -> bytes:
        """Some bytes, `size` at the most."""
        if self._start == len(self._buffer) and not self._fill():
            return b""
        data = self._buffer[self._start : self._start + size]
        self._start += len(data)
        self._position += len(data)
        return data


class Member(Source):
    """One file of the archive, as a stream of its own."""

    def __init__(self, archive: Archive, size: int, *, limit: int, writer: recipe.Writer) -> None:
        self._archive = archive
        self._left = size
        super().__init__(-1, limit=limit, record=writer.raw)

    def _raw(self) -> Iterator[bytes]:
        while self._left:
            data = self._archive.piece(min(self._left, CHUNK))
            if not data:
                raise EOFError("unexpected end of archive")
            self._left -= len(data)
            yield data


class Loader:
    """`root` is the directory of layers, `prefix` begins the names of what is made there."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._root = os.open(arguments["root"], os.O_RDONLY | os.O_DIRECTORY)
        self._prefix = arguments["prefix"]
        self._known = frozenset(arguments["known"])
        self._limit = arguments["limit"]
        self._archive = Archive(0, limit=self._limit)
        self._documents: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._layers: dict[str, dict[str, Any]] = {}
        self._size = 0

    def run(self) -> dict[str, Any]:
        os.umask(0)
        try:
            for info in unpack.entries(self._archive):
                self._entry(info)
        except tarfile.ReadError as error:
            raise unpack.Refused(f"not a tar archive: {error}") from error
        while self._archive.piece(CHUNK):
            pass
        return {"documents": self._documents, "links": self._links, "layers": self._layers}

    def _entry(self, info: tarfile.TarInfo) -> None:
        name = unpack.clean(info.name)
        if info.issym():
            self._links[name] = os.path.normpath(f"{os.path.dirname(name)}/{info.linkname}".lstrip("/"))
        elif info.islnk():
            self._links[name] = unpack.clean(info.linkname)
        elif info.isreg() and info.sparse is None:
            self._file(name, info.size)

    def _file(self, name: str, size: int) -> None:
        digest = os.path.basename(name)
        if not _is_layer(self._archive.peek(min(size, tarfile.BLOCKSIZE))):
            self._document(name, size)
        elif digest in self._known and name.startswith("blobs/sha256/"):
            self._layers[name] = self._pass(digest, size)
        else:
            self._layers[name] = self._layer(size)

    def _document(self, name: str, size: int) -> None:
        """Kept as it is, one character a byte. What is too large is no document."""
        data = b""
        while size > len(data) and (piece := self._archive.piece(min(size - len(data), CHUNK))):
            data += piece
            if size > _MAX_DOCUMENT:
                size, data = size - len(data), b""
        self._size += len(data)
        if self._size > _MAX_DOCUMENTS:
            raise unpack.Refused("invalid archive: its documents are too large")
        self._documents[name] = data.decode("latin-1")

    def _pass(self, expected: str, size: int) -> dict[str, Any]:
        """A layer that is here already: only looked through."""
        digest, left = hashlib.sha256(), size
        while left:
            data = self._archive.piece(min(left, CHUNK))
            if not data:
                raise EOFError("unexpected end of archive")
            digest.update(data)
            left -= len(data)
        if digest.hexdigest() != expected:
            raise unpack.Refused(f"invalid archive: blob sha256:{expected} is sha256:{digest.hexdigest()}")
        return {"directory": "", "diff_id": f"sha256:{expected}"}

    def _layer(self, size: int) -> dict[str, Any]:
        directory = f"{self._prefix}{len(self._layers)}"
        os.mkdir(directory, 0o710, dir_fd=self._root)
        os.mkdir(f"{directory}/diff", 0o755, dir_fd=self._root)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        writer = recipe.Writer(os.open(f"{directory}/recipe", flags, 0o600, dir_fd=self._root))
        tree = os.open(f"{directory}/diff", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._root)
        try:
            os.fchdir(tree)
            os.chroot(".")
        finally:
            os.close(tree)
        member = Member(self._archive, size, limit=self._limit, writer=writer)
        unpacker = unpack.Unpacker(member, writer)
        unpacker.run()
        writer.close()
        return {
            "directory": directory,
            "diff_id": member.diff_id,
            "digest": "sha256:" + member.outer.hexdigest(),
            "compression": member.compression,
            "tar_size": member.size,
            "size": unpacker.size,
        }


def _is_layer(head: bytes) -> bool:
    """A tar (also an empty one), or something compressed; documents are text."""
    if head.startswith(_COMPRESSED):
        return True
    if len(head) < tarfile.BLOCKSIZE or head[:1] in (b"{", b"["):
        return False
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in typeshed
        return True
    except tarfile.HeaderError:
        return False
    return True


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    return Loader(arguments).run()


