"""Images made by buildah, podman and skopeo read right here, and ours there: trees, owners, times, attributes,
configurations."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import oddtree
from testbed.engine import Engine
from testbed.host import Host
from testbed.peers import Peers
from testbed.registry import Registry

pytestmark = [pytest.mark.root, pytest.mark.soak]

CONFIG = (
    "--env=EMPTY=", "--env=QUOTED=a \"b\" 'c' $d \\e",
    "--cmd=/bin/sh -c \"echo a  b\"", '--entrypoint=["/entry", "a b"]',
    "--label=plain=x", "--label=odd.label=a=b \u00e9 \"q\"", "--user=1000:daemon", "--workingdir=/plain/dir",
    "--volume=/plain", "--volume=/data", "--port=80", "--port=53/udp", "--port=9000/sctp", "--stop-signal=SIGUSR1",
    "--author=A. U. Thor <a@example.org>", "--created-by=made by hand", "--comment=a comment", "--history-comment=seen",
)  # fmt: skip

PODMAN = """FROM {base}
USER 0
ARG who=me
ENV WHO=$who LATER="two words"
LABEL x=y
EXPOSE 8080 8081/udp
VOLUME ["/logs"]
ONBUILD RUN echo child
SHELL ["/bin/sh", "-eu", "-c"]
HEALTHCHECK --interval=7s --timeout=3s --start-period=2s --retries=4 CMD ["true"]
STOPSIGNAL 9
WORKDIR relative
COPY --chown=77:88 Dockerfile copied
CMD ["one", "two words"]
"""


class Stage:
    """An engine, a registry, and the others, all on one fake host."""

    def __init__(self, engine: Engine, stack: contextlib.ExitStack) -> None:
        self.engine = engine
        self.peers = Peers(engine.host, engine.root / "peers")
        self.registry = stack.enter_context(Registry(engine.host, engine.root, 5000)).address
        for number, format in enumerate(("docker", "oci")):
            self._build(format, number)

    def _build(self, format: str, number: int) -> None:
        """`odd-FORMAT`: two layers and a configuration of buildah's, and on top what podman builds."""
        peers = self.peers
        name = peers.do("buildah", "from", "scratch")
        for step in ("make", "change"):
            self.odd(step, Path(peers.do("buildah", "mount", name)))
            if step == "change":
                peers.do("buildah", "config", *CONFIG, name)
                if format == "docker":
                    peers.do("buildah", "config", "--healthcheck=CMD-SHELL true", "--shell=/bin/sh -x", name)
            peers.do("buildah", "commit", "-q", f"--format={format}", name, f"{step}-{format}")
            peers.do("buildah", "rm", name)
            name = peers.do("buildah", "from", "--pull-never", f"{step}-{format}")
        peers.do("buildah", "rm", name)
        context = peers.root / f"context-{format}"
        context.mkdir()
        (context / "Dockerfile").write_text(PODMAN.format(base=f"localhost/change-{format}"))
        peers.do("podman", "build", "-q", f"--format={format}", "--layers=false", "-t", f"odd-{format}", str(context))

    def odd(self, step: str, tree: Path) -> str:
        return self.engine.host.here.run(sys.executable, "-IS", oddtree.__file__, step, str(tree))

    def scan(self, tree: Path) -> dict[str, Any]:
        return {entry["name"]: entry for entry in json.loads(self.odd("scan", tree))}

    def theirs(self, image: str) -> dict[str, Any]:
        """The tree of an image as podman mounts it."""
        tree = Path(self.peers.do("podman", "image", "mount", image))
        try:
            return self.scan(tree)
        finally:
            self.peers.do("podman", "image", "umount", image)

    def ours(self, image: str) -> dict[str, Any]:
        """The tree of an image as a container of it would see it."""
        layers = self.engine.json("GET", f"/images/{image}/json")["GraphDriver"]["Data"]
        lower = [layers["UpperDir"], *filter(None, layers.get("LowerDir", "").split(":"))]
        target, here = self.engine.root / "seen", self.engine.host.here
        target.mkdir(exist_ok=True)
        here.run("mount", "-t", "overlay", "-o", f"ro,lowerdir={':'.join([*lower, str(target)])}", "none", str(target))
        try:
            return self.scan(target)
        finally:
            here.run("umount", str(target))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(Engine(Host()))
        engine.start()
        engine.do("image", "bootstrap", "box", "--busybox")
        yield Stage(engine, stack)


def difference(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Of two trees; the root itself is in no layer of these images, so everybody's is as he makes roots."""
    names = sorted({*expected, *found} - {"."})
    return [f"{name!r}: {expected.get(name)} | {found.get(name)}"
            for name in names if expected.get(name) != found.get(name)]  # fmt: skip


SKOPEO = ("skopeo", "copy", "-q", "--dest-tls-verify=false", "containers-storage:{image}")
FORMS = {
    "docker-archive": (*SKOPEO, "docker-archive:{file}:{name}"),
    "oci-archive": (*SKOPEO, "oci-archive:{file}:{name}"),
    "oci-archive-zstd": (*SKOPEO, "--dest-compress-format=zstd", "oci-archive:{file}:{name}"),
    "oci-layout": (*SKOPEO, "oci:{file}:{name}"),
    "oci-layout-plain": ("podman", "save", "-q", "--format=oci-dir", "--uncompressed", "-o", "{file}", "{image}"),
    "registry": (*SKOPEO, "docker://{registry}/{name}"),
    "registry-zstd": (*SKOPEO, "--dest-compress-format=zstd", "--format=oci", "docker://{registry}/zstd/{name}"),
}  # fmt: skip


def take(stage: Stage, form: str, image: str) -> tuple[str, str]:
    """Has an image of theirs go to a place of that form, and the engine take it from there: the place, and its name."""
    file, name = stage.engine.root / f"{form}-{image.rpartition('/')[2]}", f"other/{form}:1"
    words = {"image": image, "file": file, "name": name, "registry": stage.registry}
    argv = [word.format(**words) for word in FORMS[form]]
    stage.peers.do(*argv)
    if argv[-1].startswith("docker:"):
        name = argv[-1].removeprefix("docker://")
        stage.engine.do("pull", name)
        return argv[-1], name
    place = argv[-1]
    if argv[0] == "podman":
        place, name = f"oci:{file}", f"{image}:latest"
    if file.is_dir():
        stage.peers.layout(file, file.with_suffix(".tar"))
        file = file.with_suffix(".tar")
    stage.engine.do("load", "-i", str(file))
    return place, name


@pytest.mark.parametrize("format", ["docker", "oci"])
@pytest.mark.parametrize("form", FORMS)
def test_image_of_others_is_the_same_here(stage: Stage, form: str, format: str) -> None:
    image = f"localhost/odd-{format}"
    place, name = take(stage, form, image)
    found = stage.engine.json("GET", f"/images/{name}/json")
    assert difference(stage.theirs(image), stage.ours(name)) == []
    raw = stage.peers.config(place)  # OCI's form leaves out some of Docker's members
    assert found["Id"] == "sha256:" + hashlib.sha256(raw.encode()).hexdigest()
    check_config(json.loads(raw), found)
    stage.engine.do("rmi", name)


@pytest.mark.parametrize("form", ["registry-zstd", "oci-layout-plain"])
def test_image_of_others_keeps_its_digest_on_its_way_through(stage: Stage, form: str) -> None:
    source, name = take(stage, form, "localhost/change-oci")
    digest = stage.peers.do("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", source)
    place = f"{stage.registry}/through/{form}:1"
    stage.engine.do("tag", name, place)
    assert f"digest: {digest}" in stage.engine.do("push", place)
    stage.engine.do("rmi", name, place)


def check_config(document: Any, found: Any) -> None:
    """What a configuration document says, the engine's inspect says."""
    assert found["RootFS"]["Layers"] == document["rootfs"]["diff_ids"]
    assert found["Author"] == document["author"]
    assert found["Created"][:19] == document["created"][:19]
    said = {key: value for key, value in document["config"].items() if value and key not in ("Hostname", "Image")}
    said["ExposedPorts"] = {port if "/" in port else f"{port}/tcp": {} for port in said["ExposedPorts"]}
    assert {key: found["Config"].get(key) for key in said} == said


def test_several_images_of_podman_come_in_one_archive(stage: Stage) -> None:
    file, images = stage.engine.root / "several.tar", ["localhost/make-docker", "localhost/odd-docker"]
    stage.peers.do("podman", "save", "-q", "-m", "-o", str(file), *images)
    assert sorted(stage.engine.do("load", "-i", str(file)).splitlines()) == [
        "Loaded image: localhost/make-docker:latest",
        "Loaded image: localhost/odd-docker:latest",
    ]
    for image in images:
        assert difference(stage.theirs(image), stage.ours(image)) == []
        stage.engine.do("rmi", image)


@pytest.mark.parametrize("format", ["gnu", "pax", "pax-sparse"])
def test_tree_in_a_tar_of_gnus_is_the_same_here(stage: Stage, format: str) -> None:
    tree, file = stage.engine.root / format, stage.engine.root / f"{format}.tar"
    tree.mkdir()
    stage.odd("make", tree)
    os.utime(tree / "plain" / "big", ns=(0, 1_234_567_890_123_456_789))
    flags = {"gnu": ["--format=gnu"], "pax": ["--xattrs", "--xattrs-include=*"], "pax-sparse": ["--sparse", "--xattrs"]}
    stage.peers.do("tar", "-C", str(tree), "--format=pax", *flags[format], "-cf", str(file), ".")
    stage.engine.do("import", str(file), f"gnu:{format}")
    expected, found = stage.scan(tree), stage.ours(f"gnu:{format}")
    if format != "pax":
        for entry in (*expected.values(), *found.values()):
            entry["xattrs"] = {}
            entry["mtime"] //= 1_000_000_000 if format == "gnu" else 1
    assert difference(expected, found) == []
    assert found["."]["mode"] == expected["."]["mode"]


OURS = """FROM odd:2
ENV EMPTY= QUOTED="a \\"b\\" 'c'"
LABEL x=y "odd.label"="a=b é"
EXPOSE 80 53/udp
VOLUME ["/logs", "/odd"]
ONBUILD RUN echo child
SHELL ["/bin/sh", "-eu", "-c"]
HEALTHCHECK --interval=7s --timeout=3s --start-period=2s --retries=4 CMD ["true"]
STOPSIGNAL SIGUSR1
WORKDIR /workshop/dir
RUN chmod 1777 .
USER 77:88
RUN echo text > made
USER 0
COPY --chown=5:6 --chmod=4711 Dockerfile /copied
MAINTAINER A. U. Thor
ENTRYPOINT ["/entry", "a b"]
CMD one "two words"
"""


@pytest.fixture(scope="module")
def ours(stage: Stage) -> str:
    """An image of ours: two committed layers over another image, and what a build puts on top; pushed, and saved."""
    engine, truth = stage.engine, stage.engine.root / "truth"
    truth.mkdir()
    image = "box"
    for number, step in enumerate(("make", "change"), 1):
        engine.do("run", "-d", "--name", "maker", image, "sleep", "60")
        engine.do("exec", "maker", "mkdir", "-p", "/odd")
        stage.odd(step, Path(f"/proc/{engine.inspect('maker')['State']['Pid']}/root/odd"))
        stage.odd(step, truth)
        image = f"odd:{number}"
        engine.do("commit", "maker", image)
        engine.do("rm", "-f", "maker")
    context = engine.root / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(OURS)
    name = f"{stage.registry}/ours/odd:1"
    engine.do("build", "-q", "-t", name, str(context))
    engine.do("push", name)
    engine.do("save", "-o", str(engine.root / "ours.tar"), name)
    return name


def test_what_a_container_wrote_is_in_the_image_as_it_was(stage: Stage, ours: str) -> None:
    truth = stage.scan(stage.engine.root / "truth")
    seen = {f".{name.removeprefix('./odd')}": {**entry, "name": f".{name.removeprefix('./odd')}"}
            for name, entry in stage.ours(ours).items() if name.startswith("./odd/")}  # fmt: skip
    for entry in seen.values():
        if "same as" in entry:
            entry["same as"] = entry["same as"].replace("./odd", ".", 1)
    assert difference(truth, seen) == []


THEIR_WAYS = {
    "skopeo-docker-archive": ("skopeo", "copy", "-q", "docker-archive:{file}:{name}", "containers-storage:{name}"),
    "skopeo-oci-archive": ("skopeo", "copy", "-q", "oci-archive:{file}", "containers-storage:{name}"),
    "skopeo-registry": (
        "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://{name}", "containers-storage:{name}"
    ),
    "podman-load": ("podman", "load", "-q", "-i", "{file}"),
    "podman-pull": ("podman", "pull", "-q", "--tls-verify=false", "{name}"),
    "buildah-pull": ("buildah", "pull", "-q", "--tls-verify=false", "{name}"),
}  # fmt: skip


@pytest.mark.parametrize("way", THEIR_WAYS)
def test_image_of_ours_is_the_same_there(stage: Stage, ours: str, way: str) -> None:
    file, peers = stage.engine.root / "ours.tar", stage.peers
    peers.do(*(word.format(file=file, name=ours) for word in THEIR_WAYS[way]))
    assert difference(stage.ours(ours), stage.theirs(ours)) == []
    mine = stage.engine.json("GET", f"/images/{ours}/json")
    found = json.loads(peers.do("podman", "image", "inspect", ours))[0]
    assert f"sha256:{found['Id']}" == mine["Id"]
    assert found["RootFS"] == {**mine["RootFS"], "Type": "layers"}
    assert found["Author"] == "A. U. Thor"
    assert len(found["History"]) == len(stage.engine.json("GET", f"/images/{ours}/history"))
    said = {key: value for key, value in found["Config"].items() if value}
    assert {key: mine["Config"].get(key) for key in said} == said
    assert {"Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "Volumes", "WorkingDir"} <= {*said}
    peers.do("podman", "rmi", "-f", ours)
