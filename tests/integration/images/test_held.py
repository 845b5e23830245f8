"""What is on its way in or out is whole though its image is removed meanwhile; nothing of it is left afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.images.stage import content, disk, import_image, noise
from testbed.engine import Engine, until
from testbed.host import Host
from testbed.registry import Registry, serve

pytestmark = pytest.mark.root
SIZE = 24_000_000
"""More than pipes and sockets hold of a stream that nobody reads."""


@dataclass(frozen=True)
class Stage:
    engine: Engine
    registry: Registry

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        client = self.engine.client("fairlead")
        return subprocess.Popen(
            [*client.argv, *words], env=client.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )


@pytest.fixture(scope="module")
def _stage() -> Iterator[Stage]:
    host = Host()
    with Engine(host) as engine, Registry(host, engine.root, 5000) as registry:
        yield Stage(engine.start(), registry)


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    before = disk(_stage.engine)
    yield _stage
    until(lambda: disk(_stage.engine) == before, what="the store is as before")


@contextmanager
def gate(stage: Stage, beginning: str, folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """The registry's address behind a gate, and its two FIFOs."""
    asked, allowed = folder / "asked", folder / "allowed"
    for fifo in (asked, allowed):
        os.mkfifo(fifo)
    port = stage.registry.address.rpartition(":")[2]
    with serve(stage.engine.host, "gatedproxy.py", port, beginning, str(asked), str(allowed)) as address:
        yield address, asked, allowed


@pytest.mark.parametrize("beginning", ["GET /v2/ ", "PATCH ", "PUT /v2/sent/manifests"])
def test_push_goes_to_its_end_though_its_image_is_removed(stage: Stage, beginning: str, tmp_path: Path) -> None:
    """Before anything is sent, amid the layers, and before the manifest."""
    engine, data = stage.engine, noise(200_000, seed=len(beginning))
    with gate(stage, beginning, tmp_path) as (address, asked, allowed):
        name = f"{address}/sent"
        import_image(engine, name, {"file": data})
        with stage.begin("push", name) as push:
            asked.read_text()
            engine.do("rmi", "-f", name)
            assert engine.do("images", "-aq") == ""
            allowed.write_text("go on")
            said = push.communicate(timeout=30)[0].decode()
        assert push.returncode == 0, said
        assert "latest: digest: sha256:" in said
        until(lambda: disk(engine) == [], what="the layer goes with the push")
        engine.do("pull", f"{stage.registry.address}/sent")
        assert content(engine, f"{stage.registry.address}/sent", "file") == data
        engine.do("rmi", f"{stage.registry.address}/sent")


def test_push_of_all_tags_holds_those_whose_turn_has_not_come(stage: Stage, tmp_path: Path) -> None:
    engine = stage.engine
    with gate(stage, "PATCH ", tmp_path) as (address, asked, allowed):
        for tag in ("a", "b"):
            import_image(engine, f"{address}/tags:{tag}", {"file": noise(50_000, seed=ord(tag))})
        with stage.begin("push", "-a", f"{address}/tags") as push:
            asked.read_text()
            engine.do("rmi", "-f", f"{address}/tags:a", f"{address}/tags:b")
            allowed.write_text("go on")
            said = push.communicate(timeout=30)[0].decode()
        assert push.returncode == 0, said
    engine.do("pull", f"{stage.registry.address}/tags:b")
    assert content(engine, f"{stage.registry.address}/tags:b", "file") == noise(50_000, seed=ord("b"))
    engine.do("rmi", f"{stage.registry.address}/tags:b")


def test_pull_keeps_a_layer_that_it_found_here_though_its_image_is_removed(stage: Stage, tmp_path: Path) -> None:
    """The lower layer is of another image, and would have to be fetched again."""
    engine, registry = stage.engine, stage.registry.address
    import_image(engine, "lower", {"lower": noise(100_000)})
    engine.do("build", "-q", "-t", f"{registry}/two", "-", stdin="FROM lower\nLABEL a=b\nCOPY <<end /upper\nup\nend\n")
    engine.do("push", f"{registry}/two")
    engine.do("rmi", f"{registry}/two")
    with gate(stage, f"GET /v2/two/blobs/{_smallest_layer(stage, 'two')}", tmp_path) as (address, asked, allowed):
        with stage.begin("pull", f"{address}/two") as pull:
            asked.read_text()
            engine.do("rmi", "-f", "lower")
            allowed.write_text("go on")
            said = pull.communicate(timeout=30)[0].decode()
        assert pull.returncode == 0, said
        assert "Already exists" in said
        engine.do("create", "--name", "two", f"{address}/two", "/x")
        assert b"up\n" in _bytes(stage, "cp", "two:/upper", "-")
        assert noise(100_000) in _bytes(stage, "cp", "two:/lower", "-")
        engine.do("rm", "two")
        engine.do("rmi", f"{address}/two")


def _smallest_layer(stage: Stage, repository: str) -> str:
    """Digest, as the registry keeps it."""
    root = stage.registry.storage / "docker/registry/v2"
    manifests = [path.name for path in (root / "repositories" / repository / "_manifests/revisions/sha256").iterdir()]
    (manifest,) = [json.loads((root / "blobs/sha256" / name[:2] / name / "data").read_text()) for name in manifests]
    return str(min(manifest["layers"], key=lambda layer: layer["size"])["digest"])


@pytest.mark.parametrize("removal", [["rmi", "-f", "saved"], ["image", "prune", "-af"]], ids=["rmi", "prune"])
def test_save_is_whole_though_its_image_is_removed(stage: Stage, removal: list[str]) -> None:
    engine = stage.engine
    import_image(engine, "saved", {"file": noise(SIZE), "later": b"later"})
    with stage.begin("save", "saved") as save:
        assert save.stdout is not None
        head = save.stdout.read(512)
        engine.do(*removal)
        assert engine.do("images", "-aq") == ""
        archive = head + save.stdout.read()
        assert save.wait(30) == 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (entry,) = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        for name in (entry["Config"], *entry["Layers"]):
            found = tar.extractfile(name)
            assert found is not None
            assert hashlib.sha256(found.read()).hexdigest() == name.rpartition("/")[2]


def test_image_deleted_under_its_containers_stays_below_them_until_the_last_is_gone(stage: Stage) -> None:
    engine = stage.engine
    engine.do("image", "bootstrap", "box", "--busybox")
    engine.do("build", "-q", "-t", "base", "-", stdin="FROM box\nRUN echo below > /file\nCMD sleep 100\n")
    for name in ("one", "two"):
        engine.do("create", "--name", name, "base")
    engine.do("rmi", "-f", "base")
    engine.do("rmi", "-f", "box")
    assert engine.do("images", "-aq") == ""
    engine.do("start", "one")
    assert engine.do("exec", "one", "cat", "/file") == "below"
    assert engine.do("cp", "two:/file", "-")
    engine.do("rm", "-f", "one")
    engine.stop()
    engine.start()
    engine.do("start", "two")
    assert engine.do("exec", "two", "cat", "/file") == "below"

    engine.do("exec", "two", "sh", "-c", "echo own > /own")
    engine.do("commit", "two", "kept")
    engine.do("rm", "-f", "two")
    assert engine.do("run", "--rm", "kept", "cat", "/file", "/own") == "below\nown"
    engine.do("rmi", "kept")


def test_image_that_comes_again_while_containers_stand_upon_it_is_one_image(stage: Stage, tmp_path: Path) -> None:
    engine, archive = stage.engine, str(tmp_path / "a.tar")
    import_image(engine, "again", {"file": noise(100_000)})
    engine.do("save", "-o", archive, "again")
    engine.do("create", "--name", "holder", "again", "/file")
    engine.do("rmi", "-f", "again")
    layers = [name for name in disk(engine) if "layer-" in name]
    engine.do("load", "-i", archive)
    assert [name for name in disk(engine) if "layer-" in name] == layers
    engine.do("rm", "holder")
    assert content(engine, "again", "file") == noise(100_000)
    engine.do("rmi", "again")


def test_creation_stands_though_its_image_is_removed_before_its_end(stage: Stage) -> None:
    """While what lies in the image goes to a volume."""
    engine = stage.engine
    files = {f"data/{number}": b"x" * number for number in range(600)}
    import_image(engine, "wide", files)
    with stage.begin("create", "--name", "wide", "-v", "/data", "wide", "/x") as create:
        overlay = engine.data_root / "overlay2"
        until(lambda: [path for path in overlay.iterdir() if len(path.name) == 64], what="the creation begins")
        assert engine.api("DELETE", "/images/wide?force=1")[0] == 200
        said = create.communicate(timeout=30)[0].decode()
    assert create.returncode == 0, said
    with tarfile.open(fileobj=io.BytesIO(_bytes(stage, "cp", "wide:/data", "-"))) as tar:
        assert {member.name: member.size for member in tar if member.isfile()} == {
            name: len(data) for name, data in files.items()
        }
    engine.do("rm", "-v", "wide")


@pytest.mark.parametrize("words", [["export", "big"], ["cp", "big:/in", "-"]], ids=["export", "cp"])
def test_export_and_cp_are_whole_though_container_and_image_are_removed(stage: Stage, words: list[str]) -> None:
    engine = stage.engine
    import_image(engine, "big", {"in/file": noise(SIZE), "in/later": b"later"})
    engine.do("create", "--name", "big", "big", "/file")
    with stage.begin(*words) as reading:
        assert reading.stdout is not None
        head = reading.stdout.read(512)
        engine.do("rm", "-f", "big")
        engine.do("rmi", "-f", "big")
        archive = head + reading.stdout.read()
        assert reading.wait(30) == 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {name: tar.extractfile(f"in/{name}") for name in ("file", "later")}
        assert {name: file and file.read() for name, file in found.items()} == {"file": noise(SIZE), "later": b"later"}


def test_commit_is_whole_though_container_and_image_are_removed(stage: Stage) -> None:
    engine = stage.engine
    import_image(engine, "base", {"low": b"low"})
    engine.do("create", "--name", "written", "base", "/low")
    engine.do("cp", "-", "written:/", stdin=_tar({str(number): noise(600_000, number) for number in range(40)}))
    before = disk(engine)
    with stage.begin("commit", "written", "committed") as commit:
        until(lambda: len(disk(engine)) > len(before), what="the layer begins")
        engine.do("rm", "-f", "written")
        engine.do("rmi", "-f", "base")
        said = commit.communicate(timeout=30)[0].decode()
    assert commit.returncode == 0, said
    engine.do("create", "--name", "reader", "committed", "/x")
    with tarfile.open(fileobj=io.BytesIO(_bytes(stage, "export", "reader"))) as tar:
        sizes = {member.name: member.size for member in tar if member.isfile() and member.size}
    assert sizes == {"low": 3, **{str(number): 600_000 for number in range(40)}}
    engine.do("rm", "reader")
    engine.do("rmi", "committed")


def _bytes(stage: Stage, *words: str) -> bytes:
    with stage.begin(*words) as process:
        out = process.communicate(timeout=30)[0]
    assert process.returncode == 0, out[-500:]
    return out


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
