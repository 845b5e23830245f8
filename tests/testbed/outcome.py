"""What a build came to, in a form that two engines can be compared by: what it said, the configuration and history it
left, and the tree, as far as it differs from the base image's."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from testbed.dockerfiles import STAMP, Case
from testbed.engine import Client

CONFIG = (
    "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "OnBuild",
    "Shell", "Healthcheck",
)  # fmt: skip
Tree = dict[str, str]
Api = Callable[[str, str], tuple[int, bytes]]

_HIDDEN = re.compile(r" ---> (Running in|Removed intermediate container) |Removing intermediate|Sending build")
_RED = re.compile(r"\x1b\[\d*m")


def said(text: str) -> list[str]:
    """The lines of a build without what names things of the moment."""
    lines = [re.sub(r"\b[0-9a-f]{12}\b", "ID", _RED.sub("", line)).rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not _HIDDEN.search(line)]


def error(text: str) -> str:
    """The last line of what a client says about a failure."""
    lines = [line for line in text.strip().splitlines() if line]
    return re.sub(r"^(Error response from daemon|ERROR): ", "", lines[-1]) if lines else ""


def config(inspected: Mapping[str, Any]) -> dict[str, Any]:
    found = inspected["Config"]
    return {name: found[name] for name in CONFIG if found.get(name) not in (None, "", [], {})}


def history(document: Mapping[str, Any], base: int) -> list[str]:
    """Who made the layers above the base's. Hashes are each engine's own."""
    texts = [entry.get("created_by", "") for entry in document["history"][base:]]
    texts = [re.sub(r"(file|dir|multi):[0-9a-f]{64}", r"\1:SUM", text) for text in texts]
    # Docker has since put the start interval into this form.
    return [re.sub(r"(HEALTHCHECK &\{\[.*?\]).*", r"\1", text) for text in texts]


def of(case: Case, client: Client, api: Api, context: Path) -> dict[str, Any]:
    """Builds the case by a client, and looks at what came of it through the API."""
    case.write(context)
    flags = ("--no-cache", "-t", "golden:1", *case.arguments(context))
    done = client.attempt("build", *flags, str(context), env=case.environment)
    told: dict[str, Any] = {"proof": case.proof, "code": done.code}
    if case.proof == "classic":
        told["said"] = said(done.out)
    if done.code:
        return {**told, "error": error(done.err)}
    base, made = (Archive(_get(api, f"/images/{name}/get")) for name in ("box", "golden:1"))
    own = made.layers[:1] == base.layers[:1]
    told["config"] = config(json.loads(_get(api, "/images/golden:1/json")))
    if case.proof == "classic":
        told["history"] = history(made.document, len(base.document["history"]) if own else 0)
    told["tree"] = difference(made.tree(), base.tree()) if own else made.tree()
    return told


def _get(api: Api, path: str) -> bytes:
    status, data = api("GET", path)
    assert status == 200, data
    return data


class Archive:
    """A `docker save` archive of one image."""

    def __init__(self, data: bytes) -> None:
        self._tar = tarfile.open(fileobj=io.BytesIO(data))  # noqa: SIM115  # lives as long as we do
        (manifest,) = json.loads(self._read("manifest.json"))
        self.document: dict[str, Any] = json.loads(self._read(manifest["Config"]))
        self._names: list[str] = manifest["Layers"]
        self.layers: list[str] = self.document["rootfs"]["diff_ids"]

    def _read(self, name: str) -> bytes:
        file = self._tar.extractfile(name)
        assert file is not None
        return file.read()

    def tree(self) -> Tree:
        """All paths of the image, each described."""
        tree: Tree = {}
        for name in self._names:
            _apply(tree, self._read(name))
        return tree


def _apply(tree: Tree, layer: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = tar.getmembers()
        for member in members:
            path = Path("/", member.name)
            if path.name == ".wh..wh..opq":
                _drop(tree, f"{path.parent}/")
            elif path.name.startswith(".wh."):
                hidden = str(path.with_name(path.name.removeprefix(".wh.")))
                _drop(tree, f"{hidden}/")
                tree.pop(hidden, None)
        first: dict[str, str] = {}
        for member in members:
            path = Path("/", member.name)
            if path.name.startswith(".wh.") or str(path) == "/":
                continue
            if not member.isdir():
                _drop(tree, f"{path}/")
            tree[str(path)] = _describe(tar, member, first)


def _drop(tree: Tree, prefix: str) -> None:
    for path in [path for path in tree if path.startswith(prefix)]:
        del tree[path]


def _describe(tar: tarfile.TarFile, member: tarfile.TarInfo, first: dict[str, str]) -> str:
    if member.islnk():
        return f"same as {min(member.name, member.linkname)}"
    head = f"{member.mode & 0o7777:04o} {member.uid}:{member.gid}"
    if member.isdir():
        return f"directory {head}"
    if member.issym():
        return f"link {member.uid}:{member.gid} -> {member.linkname}"
    if not member.isreg():
        return f"special {member.type.decode()} {head}"
    file = tar.extractfile(member)
    assert file is not None
    data = file.read()
    shown = repr(data.decode(errors="replace")) if len(data) < 80 else hashlib.sha256(data).hexdigest()[:16]
    return f"file {head} {shown}{' of then' if int(member.mtime) == STAMP else ''}"


def difference(tree: Tree, base: Tree) -> Tree:
    changed = {path: what for path, what in tree.items() if base.get(path) != what}
    return dict(sorted({**changed, **{path: "gone" for path in base if path not in tree}}.items()))
