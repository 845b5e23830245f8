"""The store itself: what it keeps, in how many layers, and what is left of a daemon that was killed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable

import pytest

from integration.images.stage import disk, import_image, noise
from testbed.engine import Engine, until
from testbed.registry import serve

pytestmark = pytest.mark.root


def archive(layers: list[bytes], name: str) -> bytes:
    """A docker-archive of an image with these layers."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in layers]},
        }
    ).encode()
    members = {f"{number}.tar": data for number, data in enumerate(layers)}
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": list(members)}]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in {**members, "config.json": config, "manifest.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def layer(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_image_of_127_layers_comes_and_runs(shared_engine: Engine) -> None:
    """Their directories' names are longer than the page that mount(2) takes. (Not compressed, of OCI's types.)"""
    with serve(shared_engine.host, "lyingregistry.py") as address:
        shared_engine.do("pull", f"{address}/deep")
        script = "for file in /layers/*; do echo $file; done"
        said = shared_engine.do("run", "--rm", f"{address}/deep", "/bin/sh", "-c", script)
        assert len(said.splitlines()) == 126
        shared_engine.do("rmi", f"{address}/deep")


def test_layers_are_shared_counted_once_and_deleted_with_the_last_image(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine(images=False)
    base, one, two = layer({"base": noise(300_000)}), layer({"one": noise(10_000)}), layer({"two": noise(20_000)})
    engine.do("load", stdin=archive([base, one], "first:1"))
    engine.do("load", stdin=archive([base, two], "second:1"))
    assert len([entry for entry in disk(engine) if "layer-" in entry]) == 3
    assert engine.json("GET", "/system/df")["LayersSize"] == 330_000

    removed = engine.do("rmi", "first:1").splitlines()
    assert [line.split(":")[0] for line in removed] == ["Untagged", "Deleted", "Deleted"]
    assert engine.json("GET", "/system/df")["LayersSize"] == 320_000
    engine.do("tag", "second:1", "second:2")
    freed = engine.json("POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D")
    assert freed["SpaceReclaimed"] == 320_000
    assert disk(engine) == []


def test_prune_spares_what_containers_use_and_says_what_it_freed(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    import_image(engine, "old", {"file": noise(50_000)})
    import_image(engine, "old", {"file": noise(60_000)})
    engine.do("run", "-d", "--name", "user", "box", "sleep", "60")
    assert "Total reclaimed space: 50kB" in engine.do("image", "prune", "-f")
    assert "old" in engine.do("images")
    engine.do("image", "prune", "-af")
    assert engine.do("images", "--format", "{{.Repository}}") == "box"


def test_what_a_build_made_is_told_of_as_docker_tells_it(new_engine: Callable[..., Engine]) -> None:
    """The figures are those of a real dockerd for the same build."""
    engine = new_engine(images=False)
    import_image(engine, "base", {"file": noise(50_000)})
    for number, name in enumerate(("far.test/app:1", "app:1")):
        engine.do("build", "-q", "-t", name, "-", stdin=f"FROM base\nLABEL number={number}\nCMD x\n")
    engine.do("tag", "far.test/app:1", "base:2")
    rows = engine.json("GET", "/images/far.test/app:1/history")
    assert [(row["Id"] != "<missing>", row["Size"]) for row in rows] == [(True, 0), (True, 0), (True, 50_000)]
    assert [row["Tags"] for row in rows] == [["base:2", "far.test/app:1"], None, ["base:latest"]]
    found = engine.json("GET", "/images/base:2/json")
    assert found["Metadata"]["LastTagTime"] > engine.json("GET", "/images/app:1/json")["Created"]
    assert found["GraphDriver"]["Data"]["UpperDir"].startswith(str(engine.data_root))

    assert {row["SharedSize"] for row in engine.json("GET", "/images/json")} == {-1}
    assert {row["SharedSize"] for row in engine.json("GET", "/images/json?shared-size=1")} == {50_000}
    usage = engine.json("GET", "/system/df")
    assert usage["LayersSize"] == 50_000
    assert {(row["Size"], row["SharedSize"], row["Containers"]) for row in usage["Images"]} == {(50_000, 50_000, 0)}

    engine.json("POST", "/containers/create?name=user", {"Image": "app:1", "Cmd": ["x"]})
    everything = "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D"
    freed = engine.json("POST", everything)
    untagged = {row["Untagged"] for row in freed["ImagesDeleted"] if "Untagged" in row}
    assert untagged == {"base:2", "far.test/app:1", "base:latest"}
    assert freed["SpaceReclaimed"] == 0
    assert [row["RepoTags"] for row in engine.json("GET", "/images/json")] == [["app:1"]]
    engine.do("rm", "user")
    assert engine.json("POST", everything)["SpaceReclaimed"] == 50_000
    assert disk(engine) == []


def test_leftovers_of_a_killed_daemon_are_swept(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine()
    engine.do("run", "-d", "--name", "keeper", "box", "sleep", "60")
    before = disk(engine)
    engine.kill()
    overlay = engine.data_root / "overlay2"
    for name in ("layer-0123", "load-abc", "tmp"):
        (overlay / name / "diff" / "deep").mkdir(parents=True)
    (engine.data_root / "blobs" / "sha256" / ".x.new").touch()
    engine.start()
    assert disk(engine) == before
    assert engine.do("exec", "keeper", "ls", "/.dockerenv") == "/.dockerenv"
    assert engine.do("run", "--rm", "box", "echo", "still") == "still"


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (["File", "file", "FILE"], 3),
        (["caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"], 2),
        (["a" * 255, "a" * 254 + "b"], 2),
        (["new\nline", "tab\there", " space"], 3),
    ],
    ids=["case", "encoding", "length", "controls"],
)
def test_names_that_differ_stay_different(shared_engine: Engine, names: list[str], seen: int) -> None:
    shared_engine.do("load", stdin=archive([layer({name: name.encode() for name in names})], "names:1"))
    found = [path / "diff" for path in (shared_engine.data_root / "overlay2").glob("layer-*")]
    trees = [{entry.name: entry.read_bytes() for entry in tree.iterdir() if entry.is_file()} for tree in found]
    assert {name: name.encode() for name in names} in trees
    assert len(names) == seen
    shared_engine.do("rmi", "names:1")


def test_directories_within_directories_without_end_hold_nothing_up(shared_engine: Engine) -> None:
    """Paths longer than the kernel takes at once, and deeper than a walk may go: made with `cd`, whoever likes to."""
    engine, long = shared_engine, "d" * 200
    script = (
        f"dig() {{ cd $1; i=0; while [ $i -lt 30 ]; do mkdir {long}; cd {long}; i=$((i+1)); done; echo 4567 > f; "
        "cd $1; i=0; while [ $i -lt 1200 ]; do mkdir a; cd a; i=$((i+1)); done; echo 12 > f; }; dig /; dig /v"
    )
    engine.do("run", "--name", "deep", "-v", "deepest:/v", "box", "sh", "-c", script)
    container = engine.inspect("deep")["Id"]
    assert engine.json("GET", "/containers/deep/json?size=1")["SizeRw"] == 8
    assert [row["SizeRw"] for row in engine.json("GET", "/system/df")["Containers"]] == [8]
    assert [row["UsageData"]["Size"] for row in engine.json("GET", "/system/df")["Volumes"]] == [8]
    engine.do("rm", "deep")
    engine.do("volume", "rm", "deepest")
    until(lambda: container not in str(list((engine.data_root / "overlay2").iterdir())), what="it is gone")
    assert not (engine.data_root / "volumes" / "deepest").exists()
