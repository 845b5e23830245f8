"""Pulls from a registry on loopback, one for each engine in its own namespace: the first, of a Debian system's 15,000
files, unpacked; the second, when all of it is here; and how long `rmi` of it takes."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import disk
import imagework
import shell
from commands import Results, note
from engines import DOCKER, SMALL, Engine

PORT = 5000
BIG, LITTLE = f"127.0.0.1:{PORT}/big:1", f"127.0.0.1:{PORT}/bb:1"
PULL, AGAIN, REMOVE = "pull of 15,000 files", "second pull", "rmi of 15,000 files"
ASKED = "second pull, without a client's start"
BY_DOCKER = "second pull, by docker's client"
PUSH = "push of 15,000 files"
_TURNS = 5
"""At least: a disk has moods."""


def measure(engines: Sequence[Engine], cache: Path, rounds: int, results: Results) -> None:
    able = [engine for engine in engines if engine.links]
    if not able or shutil.which("docker-registry") is None:
        return
    tar = imagework.archive(cache)
    for engine in able:
        _serve(engine)
    first = able[0]
    first.run("load", "-i", str(tar), timeout_s=300)
    for name in (imagework.BIG, SMALL):
        first.run("tag", name, f"127.0.0.1:{PORT}/{name}")
        _push(first, f"127.0.0.1:{PORT}/{name}")
    first.run("rmi", BIG, imagework.BIG, LITTLE, timeout_s=120)
    turns = max(rounds, _TURNS)
    for turn in range(turns):
        for engine in imagework.in_turn(able, turn):
            disk.settle()
            _note(results, PULL, engine, engine.time_ms("pull", BIG))
            _note(results, REMOVE, engine, engine.time_ms("rmi", BIG))
            imagework.settle(engine)
            note(f"pull {turn + 1}/{turns} {engine.name}: {results[PULL][engine.name][-1]:.0f} ms")
    for engine in able:
        _pushes(engine, tar, results)
    for engine in able:
        engine.run("pull", LITTLE)
    for turn in range(turns * 4):
        for engine in imagework.in_turn(able, turn):
            _note(results, AGAIN, engine, engine.time_ms("pull", LITTLE))
            _note(results, BY_DOCKER, engine, shell.time_ms(*by_docker(engine), "pull", LITTLE, env=engine.env))
            _note(results, ASKED, engine, _asked_ms(engine))


def by_docker(engine: Engine) -> list[str]:
    """Docker's client, whose start both pay for."""
    return [DOCKER, "-H", f"unix://{engine.root}/s"]


def _pushes(engine: Engine, tar: Path, results: Results) -> None:
    """Once, from an image that came in an archive, to a repository that has nothing of it, of a registry under a name
    by which nothing was pulled: dockerd would mount the layer from where it once had it, and send none of it."""
    name = f"localhost:{PORT}/{engine.name}/big:1"
    engine.run("load", "-i", str(tar), timeout_s=300)
    engine.run("tag", imagework.BIG, name)
    disk.settle()
    _note(results, PUSH, engine, engine.time_ms("push", name))
    engine.run("rmi", name, imagework.BIG, timeout_s=120)
    imagework.settle(engine)


def _note(results: Results, case: str, engine: Engine, value: float) -> None:
    results.setdefault(case, {}).setdefault(engine.name, []).append(value)


def _asked_ms(engine: Engine) -> float:
    """The engine's own part of it: the request, to the end of its progress."""
    name, _, tag = LITTLE.rpartition(":")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(f"{engine.root}/s")
    begin = time.monotonic()
    connection.request("POST", f"/images/create?fromImage={name}&tag={tag}", headers={"Content-Length": "0"})
    said = connection.getresponse().read()
    taken = (time.monotonic() - begin) * 1e3
    connection.close()
    if b"Image is up to date" not in said:
        raise shell.Failed(f"{engine.name}: {said!r}")
    return taken


def _serve(engine: Engine) -> None:
    """All of them over one directory: what one engine pushed the others pull."""
    home = engine.root.parent / "registry"
    home.mkdir(exist_ok=True)
    config = home / f"{engine.netns}.json"
    config.write_text(json.dumps({
        "version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(home)}},
        "http": {"addr": f"127.0.0.1:{PORT}", "secret": "of the bench"},
    }))  # fmt: skip
    engine.spawn(*engine.enter, "docker-registry", "serve", str(config))


def _push(engine: Engine, name: str) -> None:
    """Once the registry answers."""
    deadline = time.monotonic() + 15
    while True:
        try:
            engine.run("push", name, timeout_s=300)
            return
        except shell.Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
