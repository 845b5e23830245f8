"""Images: how long `load` takes of a Debian system's 15,000 files, a build of twenty steps that are all known, and
whether the daemon still answers meanwhile. The archive is made of this host's own /usr."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import socket
import statistics
import tarfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import disk
from commands import Results, note
from engines import Engine

BIG = "big:1"
FILES, BYTES = 15_000, 400_000_000
STEPS = 20
_ROOTS = ("/usr/share", "/usr/lib", "/usr/bin", "/usr/sbin")
_LARGE = 200_000
_TURNS = 5


def archive(cache: Path) -> Path:
    """A docker-archive of one layer; kept between runs."""
    path = cache / "big.tar"
    if path.exists():
        return path
    layer = cache / "layer.part"
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in _names():
            info = tar.gettarinfo(name, name[1:])
            info.mtime = int(info.mtime)
            if info.islnk():
                info.type, info.size = tarfile.REGTYPE, os.lstat(name).st_size
            if info.isreg():
                with Path(name).open("rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
    _wrap(layer, path)
    layer.unlink()
    return path


def _names() -> list[str]:
    """Many small files first, then large ones up to the size; with the directories they lie in."""
    sizes = {}
    for root in _ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                file = Path(folder, name)
                sizes[str(file)] = 0 if file.is_symlink() else file.lstat().st_size
    small = sorted(name for name, size in sizes.items() if size <= _LARGE)[: FILES - 300]
    chosen, total = list(small), sum(sizes[name] for name in small)
    for name in sorted(name for name, size in sizes.items() if size > _LARGE):
        if total < BYTES and len(chosen) < FILES:
            chosen.append(name)
            total += sizes[name]
    folders = {str(folder) for name in chosen for folder in Path(name).parents if folder != Path("/")}
    return sorted(folders | set(chosen))


def _wrap(layer: Path, path: Path) -> None:
    with layer.open("rb") as file:
        diff_id = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "history": [{"created_by": "bench"}],
    }).encode()  # fmt: skip
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [BIG], "Layers": ["l/layer.tar"]}]).encode()
    part = path.with_suffix(".part")
    with tarfile.open(part, "w") as tar:
        for member, data in ((name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("l/layer.tar")
        info.size = layer.stat().st_size
        with layer.open("rb") as file:
            tar.addfile(info, file)
    part.rename(path)


def measure(engines: Sequence[Engine], cache: Path, rounds: int, results: Results) -> None:
    able = [engine for engine in engines if engine.links]
    tar = archive(cache)
    turns = max(rounds, _TURNS)
    for turn in range(turns):
        for engine in in_turn(able, turn):
            _load(engine, tar, results)
            note(f"load {turn + 1}/{turns} {engine.name}: {results['load'][engine.name][-1]:.0f} ms")
    for engine in able:
        context = engine.root / "build-context"
        _context(context)
        engine.run("build", "-t", "steps:1", str(context), timeout_s=300)
    for turn in range(rounds * 4):
        for engine in in_turn(able, turn):
            context = engine.root / "build-context"
            _note(results, "build, 20 steps from the cache", engine, engine.time_ms("build", str(context)))


def in_turn(engines: Sequence[Engine], turn: int) -> Sequence[Engine]:
    """Who was last is first now: neither always finds what the other left."""
    return engines if turn % 2 == 0 else engines[::-1]


def _note(results: Results, case: str, engine: Engine, value: float) -> None:
    results.setdefault(case, {}).setdefault(engine.name, []).append(value)


def _load(engine: Engine, tar: Path, results: Results) -> None:
    """Once, then again when it is known; the daemon is asked for a sign of life all the time."""
    disk.settle()
    pings = Pings(engine)
    begin = time.monotonic()
    engine.run("load", "-i", str(tar), timeout_s=300)
    _note(results, "load", engine, (time.monotonic() - begin) * 1e3)
    _note(results, "_ping during load, slowest of a hundred (p99)", engine, pings.end())
    _note(results, "peak memory of the daemon after load, MB", engine, _peak_mb(engine))
    engine.run("rmi", BIG, timeout_s=120)
    settle(engine)


def settle(engine: Engine) -> None:
    """Waits for what an engine removes after its answer, so that nobody else pays for it."""
    while list(engine.root.glob("data/overlay2/gone-*")):
        time.sleep(0.05)


def _peak_mb(engine: Engine) -> float:
    """Of the largest process of its own: the daemon."""
    peaks = []
    for pid, line in engine.own_processes():
        if "daemon" in line or "dockerd" in line:
            status = Path(f"/proc/{pid}/status").read_text()
            peaks += [int(row.split()[1]) / 1e3 for row in status.splitlines() if row.startswith("VmHWM")]
    return max(peaks, default=0.0)


class Pings:
    """Asks `/_ping` every 20 ms until told to end."""

    def __init__(self, engine: Engine) -> None:
        self._path = f"{engine.root}/s"
        self._times: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            begin = time.monotonic()
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self._path)
            connection.request("GET", "/_ping")
            connection.getresponse().read()
            connection.close()
            self._times.append((time.monotonic() - begin) * 1e3)

    def end(self) -> float:
        self._ended.set()
        self._thread.join()
        return statistics.quantiles(self._times, n=100)[98] if len(self._times) > 2 else 0.0


def _context(path: Path) -> None:
    path.mkdir()
    steps = ["FROM bb:1"]
    for number in range(STEPS - 1):
        (path / f"f{number}").write_text(f"{number}\n" * 1000)
        steps.append((f"COPY f{number} /d/", f"ENV E{number}={number}", f"RUN echo {number} > /r{number}")[number % 3])
    (path / "Dockerfile").write_text("\n".join(steps) + "\n")
