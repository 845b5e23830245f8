"""A registry that lies: a clear error within the time-out, nothing kept, and the daemon none the worse."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.images.stage import content, disk
from testbed.engine import Engine
from testbed.host import Host
from testbed.registry import serve

pytestmark = pytest.mark.root

LIES = {
    "wrong-digest": "filesystem layer verification failed for digest sha256:",
    "wrong-last-byte": "filesystem layer verification failed for digest sha256:",
    "short": "should have",
    "short-without-length": "unexpected EOF",
    "long": "should have",
    "understated": "should have",
    "overstated": "should have",
    "html": "invalid character '<' looking for beginning of value",
    "html-as-json": "invalid character '<' looking for beginning of value",
    "config-is-html": "invalid image configuration",
    "loop": "stopped after 10 redirects",
    "down": "registry redirects to ftp://127.0.0.1/blob, which is refused",
    "always-500": "received unexpected HTTP status: 500 Internal Server Error",
    "drip": "registry sends less than 1024 bytes per second",
    "silent": "timeout awaiting response headers",
    "wrong-type": "unsupported manifest media type and no default available: text/plain",
    "index-type": "mediaType in manifest should be",
    "huge-manifest": "the registry's answer is longer than 4194304 bytes",
    "missing": "blob unknown: blob unknown to registry",
    "wrong-range": "asked for what follows byte",
    "foreign": "is to be fetched from elsewhere",
    "odd-digest": "manifest names no digest that we check",
    "too-many-layers": "max depth exceeded",
    "more-diff-ids": "layers from manifest don't match image configuration",
    "other-diff-id": "is not the one that the image's configuration names",
    "bomb": "archive unpacks to more than 33554432 bytes",
    "not-a-tar": "not a tar archive",
    "climbing": "is outside of the archive's root",
    "device": "is device 0:0",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    flags = ("--registry-timeout", "1", "--max-download-attempts", "2", "--max-layer-size", "32m")
    with Engine(Host(), *flags) as made:
        yield made.start()


@pytest.fixture(scope="module")
def liar(engine: Engine) -> Iterator[str]:
    with serve(engine.host, "lyingregistry.py") as address:
        yield address


@pytest.mark.parametrize("lie", LIES)
def test_lie_is_refused_and_nothing_of_it_kept(engine: Engine, liar: str, lie: str) -> None:
    before = disk(engine)
    begun = time.monotonic()
    program = "docker" if lie == "html" else "fairlead"
    result = engine.client(program).attempt("pull", f"{liar}/{lie}", timeout_s=20)
    assert LIES[lie] in result.text
    assert result.code == 1
    assert time.monotonic() - begun < 10
    assert disk(engine) == before
    assert engine.json("GET", "/images/json?all=1") == []
    assert not Path("/escaped").exists()


@pytest.mark.parametrize("passing", ["once-500", "once-429", "no-range", "zstd", "honest"])
def test_what_passes_is_waited_for(engine: Engine, liar: str, passing: str) -> None:
    engine.do("pull", f"{liar}/{passing}")
    assert len(content(engine, f"{liar}/{passing}", "file")) == 400_000
    engine.do("rmi", f"{liar}/{passing}")
    assert disk(engine) == []


def test_index_gives_the_platform_that_was_asked_for(engine: Engine, liar: str) -> None:
    missing = engine.cli("pull", "--platform", "linux/riscv64", f"{liar}/index")
    assert "no matching manifest for linux/riscv64 in the manifest list entries" in missing.text
    engine.do("pull", "--platform", "linux/arm/v7", f"{liar}/index")
    found = engine.json("GET", f"/images/{liar}/index/json")
    assert len(found["RepoDigests"]) == 1
    looked = engine.json("GET", f"/distribution/{liar}/index/json")
    assert found["RepoDigests"][0].endswith(looked["Descriptor"]["digest"])  # the index's, as Docker keeps it
    assert [p["architecture"] for p in looked["Platforms"]] == ["s390x", "arm"]
    engine.do("rmi", f"{liar}/index")


def test_event_loop_answers_while_a_bomb_goes_off(engine: Engine, liar: str) -> None:
    client = engine.client("fairlead")
    with subprocess.Popen([*client.argv, "pull", f"{liar}/bomb"], env=client.env, stderr=subprocess.DEVNULL) as process:
        slowest = 0.0
        while process.poll() is None:
            begun = time.monotonic()
            assert engine.api("GET", "/_ping")[0] == 200
            slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 0.25  # 20 ms on a quiet machine; this one may have others on it
