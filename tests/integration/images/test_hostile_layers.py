"""Layers that mean harm or come from odd programs: refused in words and without a trace, or unpacked as Docker does.
Whatever is taken can be made again byte for byte."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import lzma
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from integration.images.stage import disk
from testbed.engine import Engine
from testbed.host import Host

pytestmark = pytest.mark.root

Pax = dict[str, str]
MIB = 1 << 20


def entry(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", pax: Pax | None = None,
    numbers: dict[str, int] | None = None, form: int = tarfile.PAX_FORMAT,
) -> bytes:  # fmt: skip
    """The bytes of one entry."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(data), 0o755
    info.pax_headers = pax or {}
    for field, value in (numbers or {}).items():
        setattr(info, field, value)
    if form == PLAIN:
        return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


def header(name: str, kind: bytes, claimed: int) -> bytes:
    """A header that claims a size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, claimed
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def pax(records: Pax, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """An extended header as it stands, whatever is in it."""
    body = b""
    for key, value in records.items():
        text = f" {key}={value}\n".encode("utf-8", "surrogateescape")
        size = len(text) + len(str(len(text) + len(str(len(text)))))
        body += str(size).encode() + text
    return header("PaxHeaders/x", kind, len(body)) + body + bytes(-len(body) % 512)


def device(major: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.devmajor = tarfile.BLKTYPE, major
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def folder(name: str) -> bytes:
    return entry(name, kind=tarfile.DIRTYPE)


def symlink(name: str, target: str) -> bytes:
    return entry(name, kind=tarfile.SYMTYPE, link=target)


def hard_link(name: str, target: str) -> bytes:
    return entry(name, kind=tarfile.LNKTYPE, link=target)


END = bytes(1024)
PLAIN = tarfile.USTAR_FORMAT
XZ = {"id": lzma.FILTER_LZMA2, "dict_size": 300 * MIB, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3, "nice_len": 16}
SPARSE_1 = {
    "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": "5000000",
}  # fmt: skip

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "an extended header of 4 GiB": (lambda: header("x", tarfile.XHDTYPE, 4 << 30) + bytes(MIB), "are longer than"),
    "a long name of 4 GiB": (lambda: header("x", tarfile.GNUTYPE_LONGNAME, 4 << 30) + bytes(MIB), "are longer than"),
    "ten thousand extended headers": (lambda: pax({"a": "b"}) * 10_000 + entry("f") + END, "damaged"),
    "a negative size": (lambda: header("x", tarfile.REGTYPE, -512) + END, "damaged"),
    "a negative size in words": (lambda: pax({"size": "-1024"}) + entry("x") + END, "damaged"),
    "a negative extended header": (lambda: header("x", tarfile.XHDTYPE, -512) + entry("x") + END, "damaged"),
    "an owner beyond numbers": (lambda: pax({"uid": "99999999999"}) + entry("x") + END, "impossible size or owner"),
    "a device beyond numbers": (lambda: device(1 << 40) + END, "'x'"),
    "a map of holes without end": (
        lambda: pax(SPARSE_1) + entry("s", b"9999999\n" + b"0\n" * (3 * MIB), form=PLAIN) + END, "are longer than"),
    "a map of holes that is none": (lambda: pax(SPARSE_1) + entry("s", b"x" * 512, form=PLAIN) + END, "damaged"),
    "a component of 300 bytes": (lambda: entry("d/" + "n" * 300) + END, "File name too long"),
    "a path of 5,000 bytes": (lambda: entry("/".join(["d" * 200] * 25)) + END, "File name too long"),
    "a name with a zero": (lambda: pax({"path": "a\0b"}) + entry("x") + END, "is not a name"),
    "a link target with a zero": (lambda: pax({"linkpath": "a\0b"}) + symlink("x", "y") + END, "'x'"),
    "a hard link that climbs": (lambda: hard_link("x", "../../../etc/passwd") + END, "is outside of"),
    "a hard link to what is not there": (lambda: hard_link("x", "y") + entry("y") + END, "No such file"),
    "a hard link to a directory": (lambda: folder("d") + hard_link("x", "d") + END, "hard link to a directory"),
    "a hard link to a deletion": (lambda: entry(".wh.y") + hard_link("x", "y") + END, "which is deleted"),
    "a file for the root": (lambda: entry("./") + entry("d/..", b"x") + END, "would replace the root"),
    "a file below a file's link": (lambda: entry("f") + symlink("l", "f") + entry("l/x") + END, "below 'l'"),
    "a link in a circle": (lambda: symlink("a", "b") + symlink("b", "a") + entry("a/x") + END, "below 'a'"),
    "gzip with rubbish behind": (lambda: gzip.compress(entry("x") + END) + b"rubbish", "incorrect header check"),
    "gzip that is cut off": (lambda: gzip.compress(entry("x", os.urandom(9000)) + END)[:-9], "unexpected end"),
    "zstd that is cut off": (lambda: zstandard.compress(entry("x", os.urandom(9000)) + END)[:-9], "unexpected end"),
    "zstd with a window of 2 GiB": (lambda: b"\x28\xb5\x2f\xfd\0\xa8" + bytes([0x21, 0, 0]) + b"tar!", "Zstd"),
    "xz with a window of 300 MiB": (lambda: lzma.compress(entry("x") + END, filters=[XZ]), "Memory usage limit"),
    "xz that is damaged": (lambda: lzma.compress(entry("x") + END)[:40] + bytes(90), "LZMAError"),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(Host()) as made:
        yield made.start()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason_and_nothing_kept(engine: Engine, name: str) -> None:
    make, complaint = REFUSED[name]
    before = disk(engine)
    data = make()
    result = engine.cli("import", "-", "hostile", stdin=data)
    assert complaint in result.err
    assert result.code == 1
    assert disk(engine) == before


def layer_of(engine: Engine, data: bytes) -> Path:
    """The tree that a layer became; it can be made again byte for byte."""
    for old in (engine.data_root / "overlay2").glob("layer-*"):
        assert engine.do("rmi", "odd"), old
    engine.do("import", "-", "odd", stdin=data)
    with tarfile.open(fileobj=io.BytesIO(engine.api("GET", "/images/odd/get")[1])) as saved:
        name = f"blobs/sha256/{hashlib.sha256(plain(data)).hexdigest()}"
        assert saved.extractfile(name).read() == plain(data)  # type: ignore[union-attr]  # a file
    [found] = (engine.data_root / "overlay2").glob("layer-*")
    return found / "diff"


def plain(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5"):
        return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return data


def test_names_of_every_kind_stay_as_they_are(engine: Engine) -> None:
    names = [b"new\nline", b"tab\t", b"\xff\xfe", "é".encode(), "e\u0301".encode(), b"A", b"a", b"-rf", b"*", b"\x7f"]
    data = b"".join(entry(os.fsdecode(name), name) for name in names) + END
    tree = os.fsencode(layer_of(engine, data))
    with os.scandir(tree) as found:
        assert sorted(file.name for file in found) == sorted(names)
    assert all(Path(os.fsdecode(tree + b"/" + name)).read_bytes() == name for name in names)


def test_the_last_of_entries_of_one_name_wins_by_whatever_way_it_is_named(engine: Engine) -> None:
    data = (
        folder("d") + entry("d/f", b"first") + entry("d/f", b"second, longer") + symlink("s", "d")
        + entry("s/f", b"third, by a link") + entry("d/g", b"old") + entry("x/../s/./g", b"new")
        + entry("was-file", b"x") + folder("was-file") + entry("was-file/in", b"in")
        + folder("was-folder") + entry("was-folder/in", b"gone") + entry("was-folder", b"file")
        + entry("linked", b"one") + hard_link("other", "linked") + entry("linked", b"two") + END
    )  # fmt: skip
    tree = layer_of(engine, data)
    found = {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    assert found == {
        "d/f": b"third, by a link", "d/g": b"new", "was-file/in": b"in", "was-folder": b"file", "linked": b"two",
        "other": b"one",
    }  # fmt: skip


def test_links_lead_nowhere_but_inside(engine: Engine, tmp_path: Path) -> None:
    data = (
        symlink("out", str(tmp_path)) + folder("tmp") + symlink("up", "../../../../tmp") + entry("up/inside", b"x")
        + symlink("swap", "tmp") + entry("swap/one", b"1") + symlink("swap", "/") + entry("swap/two", b"2") + END
    )  # fmt: skip
    tree = layer_of(engine, data)
    assert (tree / "tmp" / "inside").read_bytes() == b"x"
    assert ((tree / "tmp" / "one").read_bytes(), (tree / "two").read_bytes()) == (b"1", b"2")
    assert not list(tmp_path.iterdir())
    assert "below 'out'" in engine.cli("import", "-", "bad", stdin=symlink("out", str(tmp_path)) + entry("out/x")).err


def test_whiteouts_mean_names_below_and_nothing_else(engine: Engine) -> None:
    data = (
        entry(".wh...") + entry(".wh..") + entry(".wh.") + entry(".wh..wh.plnk") + entry("d/.wh.gone")
        + folder("real") + symlink("link", "real") + entry("link/.wh..wh..opq") + entry("kept", b"x")
        + entry(".wh.kept") + entry(".wh.again") + entry("again", b"back") + END
    )  # fmt: skip
    tree = layer_of(engine, data)
    assert sorted(path.name for path in tree.iterdir()) == ["again", "d", "kept", "link", "real"]
    gone = (tree / "d" / "gone").lstat()
    assert (stat.S_ISCHR(gone.st_mode), gone.st_rdev) == (True, 0)
    assert os.getxattr(tree / "real", "trusted.overlay.opaque") == b"y"
    assert ((tree / "kept").read_bytes(), (tree / "again").read_bytes()) == (b"x", b"back")


def test_what_a_file_is_besides_its_content(engine: Engine) -> None:
    capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".decode("utf-8", "surrogateescape")
    marks = {"SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.note": "hi",
             "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.redirect": "/etc",
             "SCHILY.xattr.bad\0name": "x", "SCHILY.xattr.": "x"}  # fmt: skip
    big = (1 << 31) + 5
    data = (
        pax(marks) + entry("marked", b"x", numbers={"mode": 0o6755, "uid": 7}) + pax({"uid": str(big), "gid": str(big)})
        + entry("owned") + pax({"mtime": "-1.5"}) + entry("old") + pax({"mtime": "9000000000.25"}) + entry("new")
        + pax({"mtime": "1" + "0" * 30}) + entry("never") + pax({"mtime": "nan"}) + entry("nan")
        + pax(marks) + folder("folder") + entry("null", kind=tarfile.CHRTYPE, numbers={"devmajor": 1, "devminor": 3})
        + pax({"path": "renamed", "uid": "5"}, tarfile.XGLTYPE) + entry("global") + END
    )  # fmt: skip
    tree = layer_of(engine, data)
    marked = (tree / "marked").stat()
    assert (stat.S_IMODE(marked.st_mode), marked.st_uid) == (0o6755, 7)
    assert os.listxattr(tree / "marked") == ["security.capability", "user.note"]
    assert os.listxattr(tree / "folder") == ["security.capability", "user.note"]
    assert ((tree / "owned").stat().st_uid, (tree / "owned").stat().st_gid) == (big, big)
    times = [(tree / name).stat().st_mtime_ns for name in ("old", "new", "never", "nan")]
    assert times == [-1_500_000_000, 9_000_000_000_250_000_000, 0, 0]
    assert (tree / "null").stat().st_rdev == os.makedev(1, 3)
    assert (tree / "global").stat().st_uid == 0  # a global header means nothing, as for Docker


def test_holes_stay_holes_in_each_of_tars_forms(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "holes"
    with file.open("wb") as out:
        for at in range(0, 40 * MIB, 2 * MIB):
            out.seek(at)
            out.write(b"data" * 1024)
    for form in ("--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1",
                 "--format=pax --sparse-version=1.0"):  # fmt: skip
        command = ["tar", "-C", str(tmp_path), "-cS", *form.split(), "holes"]
        found = layer_of(engine, subprocess.run(command, check=True, capture_output=True).stdout) / "holes"
        assert found.stat().st_blocks < 4096
        assert found.read_bytes() == file.read_bytes()


def test_members_frames_and_what_is_behind_the_end(engine: Engine) -> None:
    whole = entry("one", os.urandom(70_000)) + entry("two", b"2") + END
    behind = whole + entry("after-the-end", b"x") + os.urandom(5000)
    skipped = b"\x50\x2a\x4d\x18" + (100).to_bytes(4, "little") + bytes(100)
    for data in (
        behind,
        gzip.compress(whole[:30_000]) + gzip.compress(whole[30_000:]) + bytes(512),
        zstandard.compress(whole[:30_000]) + zstandard.compress(whole[30_000:]),
        zstandard.compress(whole) + skipped,
    ):
        assert sorted(path.name for path in layer_of(engine, data).iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    "compress", [functools.partial(lzma.compress, preset=0), zstandard.compress], ids=["xz", "zstd"]
)
def test_a_bomb_takes_no_memory(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Measured in a process of its own that does what the worker does with the stream: 32 KiB of zstd at once may be
    1 GiB, of xz 200 MiB."""
    size = 300 * MIB if compress is zstandard.compress else 70 * MIB
    (tmp_path / "bomb").write_bytes(compress(header("x", tarfile.REGTYPE, size) + bytes(size)))
    program = (
        "import os, sys, resource\nfrom fairlead.images.worker.source import Source, TooLarge\n"
        "source = Source(os.open(sys.argv[1], os.O_RDONLY), limit=1 << 40)\nsource.read(512)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nsource.copy(60 << 20, lambda piece: len(piece))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    taken = subprocess.run([sys.executable, "-c", program, str(tmp_path / "bomb")], check=True, capture_output=True)
    assert int(taken.stdout) < (150 << 10 if compress is zstandard.compress else 50 << 10)
