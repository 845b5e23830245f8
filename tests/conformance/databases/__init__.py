"""PostgreSQL and Redis as testcontainers expects them: the distribution's packages in one base image, packed once below
build/, and two small images on top that heed what the official ones heed."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from conformance import environments
from fairlead.engine.bootstrap import host_suite, mmdebstrap
from fairlead.model.request import BootstrapRequest
from testbed.engine import Engine

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent.parent.parent / "build" / "images"
PACKAGES = ("postgresql", "redis-server")
NAMES = ("postgres", "redis")

# What a server never opens, half of the size: texts, the compiler behind `jit`, and the cluster that the package makes.
LEFT_OUT = (
    "/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/i18n/*", "/usr/lib/*/libLLVM*",
    "/usr/lib/*/libz3*", "/usr/lib/postgresql/*/lib/bitcode/*",
)  # fmt: skip
NO_CLUSTER = 'rm -rf "$1"/var/lib/postgresql/*/main "$1"/etc/postgresql/*/main'


def base() -> Path:
    """The root file system as a tar, made by this machine's apt."""
    target = PLACE / f"databases-{host_suite()}.tar"
    with environments.alone(PLACE, "databases"):
        if not target.exists():
            _pack(target)
    return target


def _pack(target: Path) -> None:
    made = target.with_suffix(".part")
    request = BootstrapRequest(name="databases", include=PACKAGES, variant="essential")
    program, *rest = mmdebstrap(host_suite(), request, made)
    smaller = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    argv = [program, *smaller, f"--customize-hook={NO_CLUSTER}", *rest]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stderr[-2000:]}"
    made.rename(target)


@contextlib.contextmanager
def images(engine: Engine) -> Iterator[None]:
    """`postgres` and `redis` as long as the context lasts."""
    docker = engine.client("docker")
    docker.do("import", str(base()), "databases", timeout_s=120)
    for name in NAMES:
        docker.do("build", "-q", "-t", name, str(HERE / name), timeout_s=120)
    yield
    docker.do("rmi", *NAMES, "databases")
