"""`run --use-api-socket`: the daemon's socket in the container, and with it the user's credentials for registries."""

from __future__ import annotations

from fairlead.cli import client, credentials, jsontext, tarheader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client

_SOCKET = "/var/run/docker.sock"
_CONFIG = "run/secrets/docker/config.json"


def prepare(api: Client, body: dict[str, Any]) -> bytes:
    """Adds the socket to what is asked for; returns the configuration that is to be put into the container, if any.
    A DOCKER_CONFIG of the user's own is left alone."""
    path = api.host.removeprefix("unix://")
    if path == api.host:
        raise client.Refused("flag --use-api-socket can't be used with a daemon that listens on no unix socket")
    mount = {"Type": "bind", "Source": path, "Target": _SOCKET, "BindOptions": {}}
    body["HostConfig"].setdefault("Mounts", []).append(mount)
    environment = body.setdefault("Env", [])
    if any(entry.startswith("DOCKER_CONFIG=") for entry in environment):
        return b""
    known = credentials.every()
    if not known:
        return b""
    environment.append(f"DOCKER_CONFIG=/{_CONFIG.rpartition('/')[0]}")
    return jsontext.dumps({"auths": known}).encode()


def put(api: Client, identifier: str, config: bytes) -> None:
    """The configuration, readable by the container's root alone."""
    chunks = [
        tarheader.render(_CONFIG, size=len(config), mtime=0, mode=0o600), config, tarheader.padding(len(config)),
        tarheader.END,
    ]  # fmt: skip
    api.call("PUT", f"/containers/{identifier}/archive", iter(chunks), content_type="application/x-tar", path="/")
