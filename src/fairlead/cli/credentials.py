"""A user's credentials for registries, where docker's client keeps them: `config.json`, or the helper that it names.

Helpers are programs `docker-credential-<name>` with the verbs get, store and erase (docker-credential-helpers).
"""

from __future__ import annotations

import binascii
import os

from fairlead.cli import jsontext, userconfig
from fairlead.cli.client import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Auth = dict[str, str]

HUB_INDEX = "https://index.docker.io/v1/"
_TOKEN = "<token>"
_NOT_FOUND = "credentials not found in native keychain"


def key(domain: str) -> str:
    """The name under which a registry's credentials are kept."""
    return HUB_INDEX if domain in ("", "docker.io", "index.docker.io", "registry-1.docker.io") else domain


def header(domain: str) -> dict[str, str]:
    """The header that tells the daemon who we are to a registry."""
    name = key(domain)
    auth = {**(get(name) or {}), "serveraddress": name}
    return {"X-Registry-Auth": _url_safe(auth if len(auth) > 1 else {})}


def headers_of_build() -> dict[str, str]:
    """The header with all credentials, for the images that a build takes."""
    return {"X-Registry-Config": _url_safe(every())}


def _url_safe(value: dict[str, Any]) -> str:
    encoded = binascii.b2a_base64(jsontext.dumps(value).encode(), newline=False).decode()
    return encoded.replace("+", "-").replace("/", "_")


def get(name: str) -> Auth | None:
    """As AuthConfig's fields; None if there are none."""
    config = userconfig.read()
    helper = _helper(config, name)
    if helper:
        return _from_helper(helper, name)
    for stored, entry in (config.get("auths") or {}).items():
        if name in (stored, _host(stored)) and isinstance(entry, dict):
            return _entry(entry)
    return None


def every() -> dict[str, Auth]:
    """Of all registries: what a build may need."""
    config = userconfig.read()
    names = [*(config.get("auths") or {}), *(config.get("credHelpers") or {})]
    found = {name: get(name) for name in names}
    return {name: {**auth, "serveraddress": name} for name, auth in found.items() if auth}


def store(name: str, auth: Auth) -> str:
    """Keeps them; returns where if that is a file that anybody could read who is us."""
    config = userconfig.read()
    helper = _helper(config, name)
    if helper:
        token = auth.get("identitytoken")
        entry = {
            "ServerURL": name,
            "Username": _TOKEN if token else auth["username"],
            "Secret": token or auth["password"],
        }
        _run(helper, "store", jsontext.dumps(entry))
        config.setdefault("auths", {})[name] = {}
        _write(config)
        return ""
    if auth.get("identitytoken"):
        entry = {"auth": _encode(f"{auth['username']}:"), "identitytoken": auth["identitytoken"]}
    else:
        entry = {"auth": _encode(f"{auth['username']}:{auth['password']}")}
    config.setdefault("auths", {})[name] = entry
    _write(config)
    return userconfig.path()


def erase(name: str) -> None:
    """Forgets them; none is fine."""
    config = userconfig.read()
    helper = _helper(config, name)
    if helper:
        _run(helper, "erase", name)
    auths = config.get("auths") or {}
    for stored in [stored for stored in auths if name in (stored, _host(stored))]:
        del auths[stored]
    if os.path.exists(userconfig.path()):
        _write(config)


def _host(stored: str) -> str:
    """Old entries are URLs."""
    return stored.partition("://")[2].partition("/")[0] if "://" in stored else stored.partition("/")[0]


def _entry(entry: dict[str, Any]) -> Auth | None:
    auth = {
        name: str(entry[name]) for name in ("username", "password", "identitytoken", "registrytoken") if entry.get(name)
    }
    if entry.get("auth"):
        try:
            username, colon, password = binascii.a2b_base64(entry["auth"]).decode().partition(":")
        except ValueError:
            raise Refused(f"{userconfig.path()}: invalid auth configuration file") from None
        if not colon:
            raise Refused(f"{userconfig.path()}: invalid auth configuration file")
        auth.update({"username": username, "password": password.strip("\0")})
        if auth.get("identitytoken"):
            del auth["password"]
    return auth or None


def _encode(text: str) -> str:
    return binascii.b2a_base64(text.encode(), newline=False).decode()


def _write(config: dict[str, Any]) -> None:
    """Old or new, whole; for the user alone."""
    import json

    os.makedirs(userconfig.directory(), mode=0o700, exist_ok=True)
    target = os.path.realpath(userconfig.path())
    part = f"{target}.{os.getpid()}.part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(config, file, indent="\t")
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise


def _helper(config: dict[str, Any], name: str) -> str:
    helpers = config.get("credHelpers") or {}
    return str(helpers.get(name) or helpers.get(_host(name)) or config.get("credsStore") or "")


def _from_helper(helper: str, name: str) -> Auth | None:
    answer = _run(helper, "get", name, missing=True)
    if not answer:
        return None
    found = jsontext.loads(answer)
    username, secret = str(found.get("Username") or ""), str(found.get("Secret") or "")
    if username == _TOKEN:
        return {"identitytoken": secret}
    return {"username": username, "password": secret} if username else None


_DOING = {"get": "getting", "store": "storing", "erase": "erasing"}


def _run(helper: str, verb: str, text: str, *, missing: bool = False) -> str:
    """What the helper says; with `missing`, nothing where it knows nothing."""
    program = f"docker-credential-{helper}"
    if "/" in helper:
        raise Refused(f"invalid name of a credential helper: {helper}")
    in_r, in_w = os.pipe()
    out_r, out_w = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, in_r, 0), (os.POSIX_SPAWN_DUP2, out_w, 1)]
    try:
        pid = os.posix_spawnp(program, [program, verb], dict(os.environ), file_actions=actions)
    except OSError as error:
        raise Refused(
            f'error getting credentials - err: exec: "{program}": {(error.strerror or "").lower()}, out: ``'
        ) from None
    finally:
        os.close(in_r)
        os.close(out_w)
    try:
        with open(in_w, "w", encoding="utf-8") as file:
            file.write(text)
    except BrokenPipeError:
        pass  # it need not read what it has no use for
    with open(out_r, encoding="utf-8") as file:
        said = file.read().strip()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code and missing and _NOT_FOUND in said:
        return ""
    if code:
        raise Refused(f"error {_DOING[verb]} credentials - err: exit status {code}, out: `{said}`")
    return said
