"""Where archives end. (What they may hold is tried in integration, as root.)"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from fairlead.images.worker import unpack
from fairlead.images.worker.source import Source


def _archive(*sizes: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(str(number))
            info.size = size
            tar.addfile(info, io.BytesIO(b"x" * size))
    return data.getvalue()


def _read(data: bytes, path: Path) -> list[int]:
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        source = Source(fd, limit=1 << 20)
        found = []
        for info in unpack.entries(source):
            got = io.BytesIO()
            source.copy(info.size, got.write)
            found.append(len(got.getvalue()))
        return found
    finally:
        os.close(fd)


@pytest.mark.parametrize("end", [1024 + 19, 1024 + 20, 1024 + 511, 1536, 2048, 2560])
def test_an_archive_may_stop_behind_its_last_file(tmp_path: Path, end: int) -> None:
    whole = _archive(10, 19)  # headers at 0 and 1024, contents at 512 and 1536
    assert _read(whole[: end + 512], tmp_path / "tar") == [10, 19]


@pytest.mark.parametrize("end", [1024 + 100, 1536, 1536 + 18])
def test_an_archive_may_not_stop_within_a_file_or_a_header(tmp_path: Path, end: int) -> None:
    with pytest.raises((unpack.Refused, tarfile.ReadError, EOFError)):
        _read(_archive(10, 19)[:end], tmp_path / "tar")
