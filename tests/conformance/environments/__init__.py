"""Virtual environments of clients that cannot live in ours, made once below build/ from the lists beside this file.

`python -m conformance.environments` makes them all, while other tests run.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

LISTS = Path(__file__).resolve().parent
PLACE = LISTS.parent.parent.parent / "build" / "clients"
NAMES = ("compose", "ansible", "testcontainers")
ANSIBLE = "12.3.0"
COLLECTIONS = ("community/docker/", "community/library_inventory_filtering_v1/")


def make(name: str) -> Path:
    """The environment's bin directory. `name` is a list beside this file; a changed list makes it anew."""
    with alone(PLACE, name):
        return _make(name)


@contextlib.contextmanager
def alone(place: Path, name: str) -> Iterator[None]:
    """One process at a time makes a thing: the others find it made."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(name: str) -> Path:
    place, wanted = PLACE / name, (LISTS / f"{name}.txt").read_text() + sys.version
    stamp = place / "made-from"
    if stamp.exists() and stamp.read_text() == wanted:
        return place / "bin"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    constraints = {"PIP_CONSTRAINT": str(LISTS / "constraints.txt")} if name == "compose" else {}
    _pip(place, "install", "-r", str(LISTS / f"{name}.txt"), env=constraints)
    if name == "compose":
        _pip(place, "install", "setuptools<66", env={})  # docker-compose asks for pkg_resources at run time
    if name == "ansible":
        _collections(place)
    stamp.write_text(wanted)
    return place / "bin"


def _pip(place: Path, *words: str, env: dict[str, str]) -> None:
    pip = [str(place / "bin" / "pip"), words[0], "-q", "--disable-pip-version-check", *words[1:]]
    argv = ["env", *(f"{key}={value}" for key, value in env.items()), *pip]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"pip {' '.join(words)}:\n{done.stdout}{done.stderr}")


def _collections(place: Path) -> None:
    """community.docker comes with the package `ansible` alone, which holds a hundred collections: takes ours."""
    _pip(place, "download", "--no-deps", "-d", str(place / "wheel"), f"ansible=={ANSIBLE}", env={})
    site = next((place / "lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(next((place / "wheel").glob("*.whl"))) as wheel:
        names = [f"ansible_collections/{name}" for name in COLLECTIONS]
        wheel.extractall(site, [entry for entry in wheel.namelist() if entry.startswith(tuple(names))])
    shutil.rmtree(place / "wheel")
