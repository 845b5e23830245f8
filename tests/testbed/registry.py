"""Registries on a fake host's loopback: Debian's docker-registry, with TLS, passwords, or behind a token server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from testbed.host import Host

USER, PASSWORD = "captain", "open sesame"
_HTPASSWD = "captain:$2y$04$WfYvJqmsd8YDbFE2/pKPTOwqbnGNscLHo2AW1C6.wQ014NmbJkfgK"


class Registry:
    """One docker-registry process. `tls`: (certificate, key), `clients`: the authority of its clients; `token`: realm
    of the token server."""

    def __init__(
        self, host: Host, root: Path, port: int, *, tls: tuple[Path, Path] | None = None, basic: bool = False,
        token: tuple[str, Path] | None = None, address: str = "127.0.0.1", clients: Path | None = None,
    ) -> None:  # fmt: skip
        self.address = f"{address}:{port}"
        self.storage = root / f"registry-{port}"
        self.storage.mkdir(parents=True, exist_ok=True)
        config = self.storage / "config.json"
        settings = _config(self.storage, self.address, tls, basic, token)
        if clients:
            settings["http"]["tls"]["clientcas"] = [str(clients)]
        config.write_text(json.dumps(settings))
        log = (self.storage / "log").open("wb")
        self._process = host.here.popen(
            "setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", str(config),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        deadline = time.monotonic() + 15
        while not host.here.connects(address, port):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError((self.storage / "log").read_text()[-2000:])
            time.sleep(0.02)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _config(
    storage: Path, address: str, tls: tuple[Path, Path] | None, basic: bool, token: tuple[str, Path] | None
) -> dict[str, Any]:
    http: dict[str, object] = {"addr": address, "secret": "only for tests"}
    if tls:
        http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": http,
    }
    if basic:
        passwords = storage / "htpasswd"
        passwords.write_text(_HTPASSWD + "\n")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(passwords)}}
    if token:
        config["auth"] = {
            "token": {"realm": token[0], "service": "tests", "issuer": "tests", "rootcertbundle": str(token[1])}
        }
    return config


def certificate(directory: Path, name: str = "127.0.0.1", *, rsa: bool = False) -> tuple[Path, Path]:
    """A self-signed certificate for an address, and its key."""
    directory.mkdir(parents=True, exist_ok=True)
    crt, key = directory / "server.crt", directory / "server.key"
    kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=IP:{name}", "-keyout", str(key), "-out", str(crt)],
        check=True, capture_output=True,
    )  # fmt: skip
    return crt, key


@contextlib.contextmanager
def serve(host: Host, script: str, *arguments: str, log: Path | None = None) -> Iterator[str]:
    """A server of tests/testbed on the host's loopback, in a process of its own: its address. What it says after
    that goes to the file `log`."""
    argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(Path(__file__).parent / script), *arguments]
    path = log or Path("/dev/null")
    with path.open("wb") as out, host.here.popen(*argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip()
            if log:
                process.kill()
                out.write(process.stdout.read())
        finally:
            process.kill()
