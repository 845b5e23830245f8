"""`save` and `load`: either form, several images, every compression; what is wrong is refused and leaves nothing."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import random
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from testbed import outcome
from testbed.engine import Engine, until

pytestmark = pytest.mark.root


@pytest.fixture
def engine(module_engine: Engine) -> Iterator[Engine]:
    """No image but box, no layer but its own, before and after."""
    yield module_engine
    others = [i["Id"] for i in module_engine.json("GET", "/images/json?all=1") if "box:latest" not in (i["RepoTags"])]
    for image in others:
        module_engine.api("DELETE", f"/images/{image}?force=1")
    layers = module_engine.data_root / "overlay2"
    until(lambda: len(list(layers.glob("layer-*"))) == 1, what="no layer left but box's")


def layer(*entries: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in entries:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config(*layers: bytes) -> bytes:
    diff_ids = [f"sha256:{digest(data)}" for data in layers]
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps(document).encode()


def pack(members: dict[str, bytes | str]) -> bytes:
    """An archive; a text is a link's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def docker(names: list[str], *layers: bytes, stored: Callable[[bytes], bytes] = bytes, **more: Any) -> bytes:
    """A docker-archive of one image."""
    document = config(*layers)
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "c.json", "RepoTags": names, "Layers": paths, **more}]
    files = {path: stored(data) for path, data in zip(paths, layers, strict=True)}
    return pack({**files, "c.json": document, "manifest.json": json.dumps(manifest).encode()})


def oci(name: str, *layers: bytes, stored: Callable[[bytes], bytes] = bytes) -> bytes:
    """An OCI layout of one image."""
    document = config(*layers)
    blobs = [stored(data) for data in layers]
    manifest = json.dumps({
        "schemaVersion": 2, "config": {"digest": f"sha256:{digest(document)}", "size": len(document)},
        "layers": [{"digest": f"sha256:{digest(blob)}", "size": len(blob)} for blob in blobs],
    }).encode()  # fmt: skip
    index = {"schemaVersion": 2, "manifests": [{
        "digest": f"sha256:{digest(manifest)}", "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": name}}]}  # fmt: skip
    found = {f"blobs/sha256/{digest(data)}": data for data in (*blobs, document, manifest)}
    return pack({"oci-layout": b"{}", **found, "index.json": json.dumps(index).encode()})


def content(engine: Engine, image: str) -> dict[str, str]:
    return outcome.Archive(engine.api("GET", f"/images/{image}/get")[1]).tree()


OLD = ("1" * 64, "2" * 64)
ONE, TWO = layer(("a", "1"), ("b", "2")), layer((".wh.a", ""), ("c", "3"))


def test_layers_that_a_load_was_told_are_here_stay_until_it_has_them(engine: Engine) -> None:
    """The image that had them is removed after the load has passed them over, before it comes to its documents."""
    big = layer(("noise", random.Random(1).randbytes(6_000_000).hex()), ("a", "1"))
    engine.do("load", stdin=docker(["d:1"], big))
    archive = engine.api("GET", "/images/d:1/get")[1]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(engine.socket))
        head = f"POST /images/load HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {len(archive)}\r\n\r\n"
        client.sendall(head.encode() + archive[: 12_000_000])  # more than any buffer holds: its worker has begun
        engine.do("rmi", "d:1")
        client.sendall(archive[12_000_000 :])
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert b"Loaded image: d:1" in answer
    assert "/noise" in content(engine, "d:1")
    engine.do("rmi", "d:1")


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress], ids=lambda f: f.__module__
)
def test_archives_and_layers_in_every_compression(engine: Engine, compress: Callable[[bytes], bytes]) -> None:
    for data in (compress(docker(["d:1"], ONE, TWO)), docker(["d:1"], ONE, TWO, stored=compress),
                 oci("d:1", ONE, TWO, stored=compress)):  # fmt: skip
        assert engine.do("load", stdin=data) == "Loaded image: d:1"
        assert sorted(content(engine, "d:1")) == ["/b", "/c"]
        engine.do("rmi", "d:1")


def test_what_is_saved_loads_again_byte_for_byte(engine: Engine) -> None:
    engine.do("load", stdin=docker(["s:1", "s:2"], ONE, TWO))
    first = engine.api("GET", "/images/get?names=s:1&names=s:2&names=box")[1]
    ids = sorted((i["Id"], *i["RepoTags"]) for i in engine.json("GET", "/images/json"))
    engine.do("rmi", "s:1", "s:2")
    assert sorted(engine.do("load", stdin=first).splitlines()) == [
        f"Loaded image: {n}" for n in ("box:latest", "s:1", "s:2")
    ]
    assert sorted((i["Id"], *i["RepoTags"]) for i in engine.json("GET", "/images/json")) == ids
    assert engine.api("GET", "/images/get?names=s:1&names=s:2&names=box")[1] == first


def test_an_archive_is_both_forms_at_once(engine: Engine) -> None:
    engine.do("load", stdin=docker(["s:1"], ONE))
    data = engine.api("GET", "/images/s:1/get")[1]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}  # type: ignore[union-attr]  # regular
    engine.do("rmi", "s:1")
    del members["manifest.json"]
    assert engine.do("load", stdin=pack(dict(members))) == "Loaded image: s:1"


def test_the_same_layer_above_different_ones_and_twice_in_one_image(engine: Engine) -> None:
    again = docker(["twice:1"], ONE, TWO, ONE, layer(("d", "4")), TWO)
    both = docker(["other:1"], TWO, ONE)
    for data in (again, both):
        engine.do("load", stdin=data)
    assert sorted(content(engine, "twice:1")) == ["/b", "/c", "/d"]
    assert sorted(content(engine, "other:1")) == ["/a", "/b", "/c"]


def test_links_between_members_as_old_dockers_wrote_them(engine: Engine) -> None:
    document = config(ONE, ONE)
    manifest = [{"Config": "c.json", "RepoTags": ["l:1"], "Layers": ["x/layer.tar", "y/layer.tar"]}]
    data = pack({"x/layer.tar": ONE, "y/layer.tar": "../x/layer.tar", "c.json": document,
                 "manifest.json": json.dumps(manifest).encode()})  # fmt: skip
    assert engine.do("load", stdin=data) == "Loaded image: l:1"
    assert sorted(content(engine, "l:1")) == ["/a", "/b"]


def test_an_archive_of_before_docker_1_10(engine: Engine) -> None:
    """What comes of it is what dockerd 20.10 makes of the same."""
    lower = {"id": OLD[0], "created": "2014-01-01T00:00:00Z", "container_config": {"Cmd": ["/bin/sh", "-c", "ADD x"]},
             "docker_version": "1.9.0", "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}}  # fmt: skip
    upper = lower | {"id": OLD[1], "parent": OLD[0], "author": "me", "comment": "hm", "config": {"Env": ["A=b"]}}
    data = pack({
        f"{OLD[0]}/VERSION": b"1.0", f"{OLD[0]}/json": json.dumps(lower).encode(), f"{OLD[0]}/layer.tar": ONE,
        f"{OLD[1]}/VERSION": b"1.0", f"{OLD[1]}/json": json.dumps(upper).encode(), f"{OLD[1]}/layer.tar": TWO,
        "repositories": json.dumps({"old": {"1": OLD[1], "base": OLD[0]}}).encode(),
    })  # fmt: skip
    assert sorted(engine.do("load", stdin=data).splitlines()) == ["Loaded image: old:1", "Loaded image: old:base"]
    assert (sorted(content(engine, "old:1")), sorted(content(engine, "old:base"))) == (["/b", "/c"], ["/a", "/b"])
    found = engine.json("GET", "/v1.44/images/old:1/json")
    assert (found["Author"], found["Comment"], found["DockerVersion"]) == ("me", "hm", "1.9.0")
    assert (found["Config"]["Env"], found["ContainerConfig"]["Cmd"][-1]) == (["A=b"], "ADD x")
    rows = engine.json("GET", "/images/old:1/history")
    assert [(row["CreatedBy"], row["Size"], row["Comment"]) for row in rows] == [
        ("/bin/sh -c ADD x", 1, "hm"), ("/bin/sh -c ADD x", 2, "")]  # fmt: skip


def test_an_image_without_a_name_and_one_without_layers(engine: Engine) -> None:
    assert engine.do("load", stdin=docker([], ONE)) == f"Loaded image ID: sha256:{digest(config(ONE))}"
    assert engine.do("load", stdin=docker(["none:1"])) == "Loaded image: none:1"


def climbing() -> bytes:
    return layer(("../../out", "x"))


REFUSED = {
    "no archive": (b"hello " * 200, "not a tar archive"),
    "no image in it": (pack({"x": b"y"}), "does not contain a manifest.json or an index.json"),
    "a layer that is missing": (pack({
        "c.json": config(ONE),
        "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["r:1"], "Layers": ["gone"]}]).encode(),
    }), "invalid archive: open gone"),
    "a layer that is another": (docker(["r:1"], ONE, stored=lambda _: TWO), "invalid diffID for layer 0"),
    "too few layers": (docker(["r:1"], ONE, Layers=[]), "invalid manifest, layers length mismatch: expected 0, got 1"),
    "a name that is none": (docker(["R R"], ONE), "invalid reference format"),
    "a layer that climbs out": (docker(["r:1"], climbing()), "outside of the archive's root"),
    "cut off": (docker(["r:1"], ONE, layer(("x", "y" * 100_000)))[:60_000], "unexpected end of archive"),
    "a manifest that is no JSON": (pack({"manifest.json": b"{"}), "invalid archive: manifest.json"),
    "a manifest of the wrong kind": (pack({"manifest.json": b"[1]"}), "invalid archive: manifest.json"),
    "a configuration that is none": (
        pack({"c": b"[]", "manifest.json": json.dumps([{"Config": "c", "Layers": []}]).encode()}),
        "invalid image configuration"),
    "a configuration without layers": (
        pack({"c": b"{}", "manifest.json": json.dumps([{"Config": "c", "Layers": []}]).encode()}),
        "invalid image JSON, no RootFS key"),
    "an old archive whose layers go in a circle": (
        pack({f"{OLD[0]}/json": json.dumps({"parent": OLD[0]}).encode(), f"{OLD[0]}/layer.tar": ONE,
              "repositories": json.dumps({"r": {"1": OLD[0]}}).encode()}), "too many below it"),
    "an old archive that points elsewhere": (
        pack({"repositories": json.dumps({"r": {"1": "../../etc"}}).encode()}), "image id '../../etc'"),
    "an old archive without names": (pack({"repositories": b"[]"}), "invalid archive: repositories"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_and_leaves_nothing(engine: Engine, name: str) -> None:
    data, complaint = REFUSED[name]
    refused = engine.cli("load", stdin=data)
    assert refused.code == 1
    assert complaint in refused.err
    assert "r:1" not in engine.do("images")


def test_a_load_that_is_cut_off_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    import socket

    data = docker(["cut:1"], layer(("big", "x" * 3_000_000)))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(engine.socket))
        sock.sendall(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data))
        sock.sendall(data[:2_000_000])
    assert engine.do("load", stdin=docker(["after:1"], ONE)) == "Loaded image: after:1"
    engine.do("rmi", "after:1")
