"""Dockerfiles of every feature. `proof` says who was asked for the right result: Docker's classic builder, BuildKit (as
dockerd 20.10 has it), or, where that is too old, Docker's reference alone."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

DOCKERFILES = Path(__file__).parents[1] / "golden" / "dockerfiles"
STAMP = 1_500_000_000
"""When all files of contexts were last changed."""


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class File:
    content: str | bytes = ""
    mode: int = 0o644


def archive(compression: str = "") -> bytes:
    """A tar with a directory, a file of a user's, a link."""
    out = io.BytesIO()
    with tarfile.open(None, f"w:{compression}", out) as tar:  # type: ignore[call-overload]  # any of the four
        for name, kind in (("in", tarfile.DIRTYPE), ("in/file", tarfile.REGTYPE), ("in/link", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.uid, info.gid, info.mode = kind, STAMP, 7, 8, 0o750
            info.linkname = "file" if kind == tarfile.SYMTYPE else ""
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"data") if info.size else None)
    return out.getvalue()


@dataclass(frozen=True)
class Case:
    """The Dockerfile lies in tests/golden/dockerfiles by its name."""

    name: str
    files: Mapping[str, str | File | Link] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    proof: Literal["classic", "buildkit", "reference"] = "classic"

    @property
    def environment(self) -> dict[str, str]:
        """Which builder Docker's client is to ask."""
        return {"DOCKER_BUILDKIT": "0" if self.proof == "classic" else "1"}

    def arguments(self, context: Path) -> list[str]:
        """The flags, with files of the context where they lie."""
        placed = [flag.replace("src=", f"src={context}/") for flag in self.flags]
        pairs = zip(["", *placed], placed, strict=False)
        return [f"{context}/{flag}" if before == "-f" else flag for before, flag in pairs]

    def write(self, context: Path) -> None:
        context.mkdir(parents=True)
        (context / "Dockerfile").write_bytes((DOCKERFILES / f"{self.name}.Dockerfile").read_bytes())
        for name, given in self.files.items():
            path = context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(given, Link):
                path.symlink_to(given.target)
            elif name.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                made = File(given) if isinstance(given, str) else given
                path.write_bytes(made.content if isinstance(made.content, bytes) else made.content.encode())
                path.chmod(made.mode)
        for folder, _, names in os.walk(context, topdown=False):
            for name in names:
                os.utime(f"{folder}/{name}", (STAMP, STAMP), follow_symlinks=False)
            os.utime(folder, (STAMP, STAMP))


TREE: Mapping[str, str | File | Link] = {
    "a.txt": "a", "b.txt": "b", "c.md": "c", "run.sh": File("#!/bin/sh\necho ran\n", 0o755),
    "d/one": "1", "d/two": File("2", 0o600), "d/deep/three": "3", "d/link": Link("one"), "d/.hidden": "h",
    "away": Link("d"), "to-a": Link("a.txt"),
}  # fmt: skip

IGNORED: Mapping[str, str | File | Link] = {
    **TREE, "README.md": "r", "not.md": "n", "d/README.md": "r", "d/deep/x.md": "x", "temp1": "t", "d/temp2": "t",
    "d/deep/temp3": "t", "e/keep.txt": "k", "e/f/keep.txt": "k", "e/f/g": "g", "with space": "s", "#hash": "h",
    "build/out": "o", "e/build/out": "o", "[x]": "x", "exact": "e", "deep/exact": "e",
}  # fmt: skip
PATTERNS = (
    "\ufeff# comment\n\n  */temp*  \n**/*.md\n!d/README.md\n/exact\nbuild/\ne/**/g\n"
    "!e/f/g\nwith space\n?.txt\n!a.txt\n./c.md\n\\[x\\]\nd/../run.sh\n"
)


CASES = (
    Case("cmd-shell"),
    Case("cmd-exec"),
    Case("cmd-empty"),
    Case("cmd-last-counts"),
    Case("entrypoint-drops-cmd-of-base"),
    Case("entrypoint-keeps-own-cmd"),
    Case("env-forms"),
    Case("env-expansion"),
    Case("env-in-run"),
    Case("env-reaches-everything", TREE),
    Case("arg-default-and-given", flags=("--build-arg", "B=two", "--build-arg", "C=three")),
    Case("arg-before-from"),
    Case("arg-in-from-given", flags=("--build-arg", "BASE=box")),
    Case("arg-does-not-cross-stages"),
    Case("arg-loses-to-env", flags=("--build-arg", "X=given")),
    Case("arg-expands-arg"),
    Case("arg-proxy-is-predefined", flags=("--build-arg", "HTTP_PROXY=http://p:1", "--build-arg", "no_proxy=x")),
    Case("arg-unused-is-told", flags=("--build-arg", "nope=1", "--build-arg", "also=2")),
    Case("label-forms"),
    Case("label-flags", flags=("--label", "a=2", "--label", "z=$A")),
    Case("expose"),
    Case("volume-forms"),
    Case("volume-forgets-what-run-wrote"),
    Case("user-and-workdir"),
    Case("workdir-makes-directories", TREE),
    Case("stopsignal"),
    Case("shell"),
    Case("healthcheck-shell"),
    Case("healthcheck-exec-and-none"),
    Case("maintainer"),
    Case("onbuild", TREE),
    Case("run-exec-form"),
    Case("run-continued"),
    Case("run-changes-and-deletes"),
    Case("run-special-files"),
    Case("run-sees-both-streams"),
    Case("run-fails"),
    Case("run-exec-fails"),
    Case("copy-file", TREE),
    Case("copy-directory", TREE),
    Case("copy-everything", TREE),
    Case("copy-wildcard", TREE),
    Case("copy-several", TREE),
    Case("copy-json-form", {"a b": "x"}),
    Case("copy-follows-links", TREE),
    Case("copy-onto-links", TREE),
    Case("copy-merges", TREE),
    Case("copy-chown", TREE),
    Case("copy-chown-of-a-user-without-group", TREE),
    Case("copy-chown-of-nobody-known", TREE),
    Case("copy-from-stage"),
    Case("copy-from-image"),
    Case("copy-missing"),
    Case("copy-missing-wildcard"),
    Case("copy-several-needs-slash", TREE),
    Case("copy-outside"),
    Case("copy-missing-in-stage"),
    Case(
        "add-archives",
        {
            "plain.tar": File(archive()),
            "z.tar.gz": File(archive("gz")),
            "z.tar.bz2": File(archive("bz2")),
            "z.tar.xz": File(archive("xz")),
        },
    ),
    Case(
        "add-what-only-looks-like-an-archive",
        {"a.tar": "no tar", "b.tar.gz": File(b"\x1f\x8b\x08rubbish"), "z.tar": File(archive())},
    ),
    Case("dockerignore", {**TREE, ".dockerignore": "# none\n*.md\nd/*\n!d/one\n**/.hid*\n"}),
    Case("dockerignore-hides-itself", {"x": "1", ".dockerignore": "Dockerfile\n.docker*\n"}),
    Case("multi-stage-target", flags=("--target", "b")),
    Case("target-unknown", flags=("--target", "nope")),
    Case("from-scratch", TREE),
    Case("stage-name-shadows-image"),
    Case("escape-directive"),
    Case("lower-case-and-comments"),
    Case("add-host-and-network", flags=("--add-host", "far:10.9.8.7", "--network", "none")),
    Case("dockerfile-elsewhere", {"sub/My.file": "FROM box\nCMD right\n"}, flags=("-f", "sub/My.file")),
    Case("platform-arguments", proof="buildkit"),
    Case("copy-chmod", TREE, proof="buildkit"),
    Case("mount-bind", TREE, proof="buildkit"),
    Case("mount-cache-and-tmpfs", proof="buildkit"),
    Case("mount-secret", {"s.txt": "hidden\n"}, flags=("--secret", "id=s,src=s.txt"), proof="buildkit"),
    Case("crlf", TREE),
    Case("byte-order-mark"),
    Case("unicode", {"d\u00e4tei \u6587.txt": "x"}),
    Case("onbuild-chain"),
    Case("arg-scope", flags=("--build-arg", "H=given", "--build-arg", "L=given too")),
    Case("arg-everywhere", {"v1.txt": "1", "v2.txt": "2"}, flags=("--build-arg", "V=v2")),
    Case("env-escapes"),
    Case("env-old-form"),
    Case("copy-from-index"),
    Case("copy-from-whole-stage", TREE),
    Case("copy-wildcard-directories", {**TREE, "e/one": "other", "dd.txt": "dd"}),
    Case("dockerignore-patterns", {**IGNORED, ".dockerignore": PATTERNS}),
    Case("dockerignore-all-but", {**IGNORED, ".dockerignore": "*\n!d\nd/deep\n!d/deep/three\n!*.md\nnot.md\n"}),
    Case("copy-trailing-slashes", TREE),
    Case("copy-chown-names", TREE),
    Case("copy-chown-of-no-group", TREE),
    Case("volume-then-everything", TREE),
    Case("workdir-relative", TREE),
    Case("healthcheck-odd"),
    Case("healthcheck-inherits"),
    Case("shell-changes-everything"),
    Case("continuations"),
    Case("json-forms", TREE),
    Case("expose-forms"),
    Case("label-odd"),
    Case("copy-from-keeps-everything"),
    Case("stage-names"),
    Case("directives"),
    Case(
        "add-archives-by-content",
        {"image.bin": File(archive("xz")), "named.tar": File(archive()), "z.tar.gz": File(archive("gz")), "a.txt": "a"},
    ),
    Case("run-leaves-nothing-of-ours"),
    Case("user-forms"),
    Case("cmd-after-entrypoint-of-base"),
    Case("copy-directory-onto-file", TREE, proof="reference"),
    Case("heredoc-forms", proof="reference"),
    Case("args-of-one-line", flags=("--build-arg", "B=given"), proof="reference"),
    Case("copy-parents-and-exclude", TREE, proof="reference"),
    Case("run-network", proof="reference"),
    Case("heredoc-run", proof="reference"),
    Case("heredoc-copy", proof="reference"),
    Case("copy-link", TREE, proof="reference"),
    Case("copy-chmod-symbolic", TREE, proof="reference"),
    Case(
        "mount-secret-variable", {"s.txt": "hidden"}, flags=("--secret", "id=s,src=s.txt"), proof="reference",
    ),
    Case("mount-ssh", proof="reference"),
    Case("copy-parents", TREE, proof="reference"),
    Case("copy-exclude", TREE, proof="reference"),
    Case("expansion-of-today", proof="reference"),
    Case("stages-nobody-needs-are-skipped", proof="reference"),
)
