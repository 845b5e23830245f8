"""kill -9 of the daemon at seventy random moments of pull, push, load, build, commit, rmi and prune: what is listed
then runs, the bytes add up, and nothing lies on disk that is not listed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.engine import Engine, until
from testbed.host import Host
from testbed.registry import Registry

pytestmark = [pytest.mark.root, pytest.mark.soak]
ROUNDS = 10
"""Of each."""
SEED = 20261125


def noise_layer(path: str, seed: int, size: int = 4_000_000, files: int = 200) -> bytes:
    out, source = io.BytesIO(), random.Random(seed)
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(files):
            data = source.randbytes(size // files)
            info = tarfile.TarInfo(f"{path}/{number}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Stage:
    def __init__(self, engine: Engine, registry: Registry) -> None:
        self.engine = engine
        self.remote = f"{registry.address}/victim"
        self.archive = engine.root / "victim.tar"
        self.context = engine.root / "context"
        self.commits = 0

    def prepare(self) -> None:
        """A victim of five layers over `box`: in the registry, as an archive, and as a Dockerfile."""
        engine = self.engine
        engine.do("image", "bootstrap", "box", "--busybox")
        self.context.mkdir()
        for number in range(3):
            (self.context / f"layer{number}.tar").write_bytes(noise_layer(f"data/{number}", number))
        lines = ["FROM box", *(f"ADD layer{number}.tar /" for number in range(3)), "RUN echo made > /made", "ENV A=b"]
        (self.context / "Dockerfile").write_text("\n".join(lines))
        engine.do("build", "-t", self.remote, str(self.context))
        engine.do("push", self.remote)
        engine.do("save", "-o", str(self.archive), self.remote)
        self.empty()

    def empty(self) -> None:
        """Only `box` is left."""
        self.engine.do("image", "prune", "-f")
        for name in self.engine.do("images", "-aq").split():
            self.engine.cli("rmi", "-f", name)
        if "box" not in self.engine.do("images"):
            self.engine.do("image", "bootstrap", "box", "--busybox")

    def actions(self) -> dict[str, tuple[Callable[[], object], list[str]]]:
        """Of each victim: what has to be there, and what is killed."""
        write = "for n in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/urandom > /own$n; done"

        def load() -> None:
            self.engine.do("load", "-i", str(self.archive))

        def container() -> None:
            """Of an image that is deleted under it every other time."""
            self.engine.cli("rm", "-f", "written")
            self.empty()
            load()
            self.engine.do("run", "--name", "written", self.remote, "/bin/sh", "-c", write)
            self.commits += 1
            if self.commits % 2:
                self.engine.do("rmi", "-f", self.remote)

        return {
            "pull": (self.empty, ["pull", self.remote]),
            "push": (load, ["push", self.remote]),
            "commit": (container, ["commit", "written", "committed"]),
            "load": (self.empty, ["load", "-i", str(self.archive)]),
            "build": (self.empty, ["build", "--no-cache", "-t", "built", str(self.context)]),
            "rmi": (load, ["rmi", "-f", self.remote]),
            "prune": (load, ["image", "prune", "-af"]),
        }


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    host = Host()
    with Engine(host) as engine, Registry(host, engine.root, 5000) as registry:
        engine.start()
        made = Stage(engine, registry)
        made.prepare()
        yield made


@pytest.mark.parametrize("name", ["pull", "push", "load", "build", "commit", "rmi", "prune"])
def test_store_is_whole_after_a_kill(stage: Stage, name: str) -> None:
    source = random.Random(f"{SEED} {name}")
    ready, words = stage.actions()[name]
    ready()
    begun = time.monotonic()
    stage.engine.do(*words)
    whole_s = time.monotonic() - begun
    for number in range(ROUNDS):
        ready()
        client = stage.engine.client("fairlead")
        process = subprocess.Popen(
            [*client.argv, *words], env=client.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        moment_s = source.uniform(0.02, whole_s * 1.1)
        time.sleep(moment_s)  # the moment is what is tried: no event stands for it
        stage.engine.kill()
        process.wait(60)
        stage.engine.start()
        wrong = check(stage.engine)
        assert not wrong, f"{name} killed after {moment_s:.3f} s of {whole_s:.3f} s (round {number}): {wrong}"


def check(engine: Engine) -> list[str]:
    """What is not as it should be.

    A RUN step whose daemon was killed is a container that `ps -a` lists, as in Docker: it is removed here like any
    other, and its directory has to go with it.
    """
    left = engine.do("ps", "-aq", "--no-trunc").split()
    if left:
        engine.do("rm", "-f", *left)
        until(lambda: not list((engine.data_root / "overlay2").glob("gone-*")), timeout_s=30, what="removal ends")
    images = [engine.json("GET", f"/images/{item['Id']}/json") for item in engine.json("GET", "/images/json?all=1")]
    overlay, blobs = engine.data_root / "overlay2", engine.data_root / "blobs" / "sha256"
    layers = sorted(path for path in overlay.iterdir() if path.name not in ("empty", "init"))
    chains = {chain for image in images for chain in chain_ids(image["RootFS"].get("Layers") or [])}
    wrong = [f"{path.name} is no layer" for path in layers if not path.name.startswith("layer-")]
    if len(layers) != len(chains):
        wrong.append(f"{len(layers)} directories for {len(chains)} layers")
    listed = {image["Id"].removeprefix("sha256:") for image in images}
    wrong += [f"blob {path.name} is nobody's" for path in blobs.iterdir() if path.name not in listed]
    wrong += [f"blob {name} is missing" for name in listed if not (blobs / name).exists()]
    told, found = engine.json("GET", "/system/df")["LayersSize"], sum(size(path / "diff") for path in layers)
    if told != found:
        wrong.append(f"df says {told}, the disk has {found}")
    for image in images:
        said = engine.cli("run", "--rm", image["Id"], "/bin/sh", "-c", "echo runs")
        if said.out != "runs\n":
            wrong.append(f"{image['RepoTags']} does not run: {said.text}")
    wrong += [f"{pid} is left" for pid in engine.processes()]
    return wrong


def chain_ids(diff_ids: list[str]) -> list[str]:
    out: list[str] = []
    for diff_id in diff_ids:
        joint = f"{out[-1]} {diff_id}" if out else ""
        out.append(f"sha256:{hashlib.sha256(joint.encode()).hexdigest()}" if out else diff_id)
    return out


def size(tree: Path) -> int:
    """Bytes of the regular files, a file of several names once."""
    seen: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(f"{folder}/{name}")
                if status.st_mode & 0o170000 == 0o100000:
                    seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())
