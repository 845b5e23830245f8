"""Compressed streams: every kind we take, whole, cut, damaged, in several members; with zlib-ng and without."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from fairlead.images.worker import inflate, zlibs

TEXT = os.urandom(50_000) + bytes(300_000)
KINDS = {
    "gzip": gzip.compress(TEXT),
    "bzip2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(TEXT),
}


def _pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.fixture(params=["the best", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    zlibs.best.cache_clear()
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "zlib_ng", None)
    assert (zlibs.best().__name__ == "zlib") is (request.param == "zlib")
    yield
    zlibs.best.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 5, 1000, 1 << 20])
def test_it_becomes_what_it_was(kind: str, size: int) -> None:
    name, chunks = inflate.opened(_pieces(KINDS[kind], size))
    assert (name, b"".join(chunks)) == (kind, TEXT)


@pytest.mark.usefixtures("library")
def test_members_one_after_the_other_and_padding_are_one_stream() -> None:
    _, chunks = inflate.opened(_pieces(KINDS["gzip"] + gzip.compress(b"more") + bytes(512)))
    assert b"".join(chunks) == TEXT + b"more"


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_cut_is_not_taken_for_whole(kind: str) -> None:
    _, chunks = inflate.opened(_pieces(KINDS[kind][:-9]))
    with pytest.raises((EOFError, inflate.Damaged)):
        b"".join(chunks)


@pytest.mark.usefixtures("library")
def test_damage_is_told_as_such() -> None:
    damaged = bytearray(KINDS["gzip"])
    damaged[-6] ^= 1  # its checksum
    with pytest.raises(inflate.Damaged, match="incorrect data check"):
        b"".join(inflate.opened(_pieces(bytes(damaged)))[1])


@pytest.mark.parametrize("kind", ["zstd", "xz", "bzip2"])
def test_damage_of_other_kinds_too(kind: str) -> None:
    damaged = bytearray(KINDS[kind])
    damaged[20:40] = bytes(20)
    with pytest.raises(inflate.Damaged):
        b"".join(inflate.opened(_pieces(bytes(damaged)))[1])


@pytest.mark.parametrize("kind", [*KINDS, ""])
def test_carried_from_pipe_to_pipe_it_is_summed(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(KINDS.get(kind, TEXT))
    with (tmp_path / "in").open("rb") as source, tempfile.TemporaryFile() as target:
        answer = inflate.carry(source.fileno(), target.fileno())
        target.seek(0)
        assert target.read() == TEXT
    assert answer == {"compression": kind, "diff_id": f"sha256:{hashlib.sha256(TEXT).hexdigest()}"}


def test_a_reader_that_left_ends_it() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with tempfile.TemporaryFile() as source:
        source.write(KINDS["gzip"])
        source.seek(0)
        assert inflate.carry(source.fileno(), writer) == {"left": True}
    os.close(writer)
