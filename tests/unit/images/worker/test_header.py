"""Our quick reading of headers against tarfile's, on what tar writers write and on anything else."""

from __future__ import annotations

import tarfile

from hypothesis import given
from hypothesis import strategies as st

from fairlead.images.worker import header
from fairlead.images.worker.header import Header

FIELDS = ("name", "mode", "uid", "gid", "size", "mtime", "chksum", "type", "linkname", "devmajor", "devminor")
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=150)
KINDS = st.sampled_from([b"0", b"\0", b"1", b"2", b"3", b"5", b"6", b"7", b"x", b"g", b"L", b"S"])


def read(kind: type[tarfile.TarInfo], data: bytes) -> object:
    try:
        found = kind.frombuf(data, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        return type(error)
    return [getattr(found, field) for field in FIELDS]


@given(NAMES, NAMES, KINDS, st.integers(0, 1 << 40), st.integers(0, 0o7777), st.integers(-5, 1 << 33))
def test_what_is_written_is_read_as_tarfile_reads_it(
    name: str, link: str, kind: bytes, size: int, mode: int, mtime: int
) -> None:
    info = tarfile.TarInfo(name)
    info.linkname, info.type, info.size, info.mode, info.mtime = link, kind, size, mode, mtime
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        data = info.tobuf(form, "utf-8", "surrogateescape")
        for at in range(0, len(data), tarfile.BLOCKSIZE):
            block = data[at : at + tarfile.BLOCKSIZE]
            assert read(Header, block) == read(tarfile.TarInfo, block)


@given(st.integers(0, 511), st.integers(0, 255), st.booleans())
def test_a_changed_byte_is_judged_as_tarfile_judges_it(at: int, value: int, mended: bool) -> None:
    info = tarfile.TarInfo("d/name")
    info.size, info.mode = 1234, 0o644
    data = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    data[at] = value
    if mended:
        total = sum(data) - sum(data[148:156]) + 256
        data[148:156] = b"%06o\0 " % total
    assert read(Header, bytes(data)) == read(tarfile.TarInfo, bytes(data))


def test_what_python_itself_writes_is_read_quickly() -> None:
    block = tarfile.TarInfo("usr/share/doc").tobuf(tarfile.PAX_FORMAT)
    assert Header._plain(block, "utf-8", "surrogateescape") is not None


@given(
    NAMES, NAMES, KINDS, st.integers(0, 1 << 40), st.integers(0, 1 << 16), st.integers(-5, 1 << 34),
    st.integers(0, 1 << 22), st.dictionaries(st.just("SCHILY.xattr.user.a"), st.just("b")),
)  # fmt: skip
def test_what_is_rendered_is_what_tarfile_renders(
    name: str, link: str, kind: bytes, size: int, mode: int, mtime: int, owner: int, attributes: dict[str, str]
) -> None:
    for text in (name, name.encode("ascii", "replace").decode()):
        info = tarfile.TarInfo(text)
        info.linkname, info.type, info.size, info.mode, info.mtime = link, kind, size, mode, mtime
        info.uid, info.gid, info.pax_headers = owner, owner // 3, dict(attributes)
        plain = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        info.pax_headers = dict(attributes)
        assert header.render(info) == plain
