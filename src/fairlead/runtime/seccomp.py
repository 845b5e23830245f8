"""The seccomp filter: the distribution's profile (containers-common, Docker's own rules) as OCI JSON, and the
compiled program that crun leaves behind, kept so that no later start compiles it again (13 ms of 23).

crun takes the ready program from the annotation `run.oci.seccomp_bpf_data`, base64 (crun(1), experimental:
the profile stays in the spec as well, so a crun that ignores the annotation is merely slower).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import files

PROFILE = Path("/usr/share/containers/seccomp.json")
ANNOTATION = "run.oci.seccomp_bpf_data"
_ARCHITECTURES = {
    "x86_64": ("amd64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
    "aarch64": ("arm64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
}

_CARRIED = ("defaultErrnoRet", "flags", "listenerPath", "listenerMetadata")


def _applies(rule: dict[str, Any], capabilities: frozenset[str], architecture: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if any(cap not in capabilities for cap in includes.get("caps", ())):
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if any(cap in capabilities for cap in excludes.get("caps", ())):
        return False
    if architecture in excludes.get("arches", ()):
        return False
    return not includes.get("minKernel") or _kernel() >= _version(includes["minKernel"])


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)


def _kernel() -> tuple[int, int]:
    return _version(os.uname().release)


def resolve(profile: dict[str, Any], capabilities: Iterable[str]) -> dict[str, Any]:
    """The profile's rules that hold for these capabilities here, as OCI `linux.seccomp`."""
    caps = frozenset(capabilities)
    architecture, architectures = _ARCHITECTURES.get(os.uname().machine, ("", []))
    out: dict[str, Any] = {"defaultAction": profile["defaultAction"], "syscalls": []}
    if "archMap" not in profile:
        architectures = profile.get("architectures") or []
    out |= {name: profile[name] for name in _CARRIED if profile.get(name) is not None}
    if architectures:
        out["architectures"] = architectures
    for rule in profile.get("syscalls") or ():
        if not _applies(rule, caps, architecture):
            continue
        entry: dict[str, Any] = {"names": rule.get("names") or [rule["name"]], "action": rule["action"]}
        if rule.get("errnoRet") is not None:
            entry["errnoRet"] = rule["errnoRet"]
        if rule.get("args"):
            entry["args"] = rule["args"]
        out["syscalls"].append(entry)
    return out


def is_empty(text: str) -> bool:
    """Neither default nor rules: Docker takes it for no filter at all."""
    profile = json.loads(text)
    return isinstance(profile, dict) and not profile.get("defaultAction") and not profile.get("syscalls")


def _distributed() -> str:
    try:
        return PROFILE.read_text()
    except OSError as error:
        # Never without a filter unless somebody asks for it.
        raise SystemFailure(f"seccomp profile {PROFILE}: {error.strerror}: run `fairlead doctor`") from error


class Filters:
    """Resolved filters and their compiled form, one per (profile, capability set), cached below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._resolved: dict[tuple[str, frozenset[str]], tuple[str, dict[str, Any]]] = {}
        self._compiled: dict[str, str] = {}
        self._default: str | None = None

    def filter(self, capabilities: Iterable[str], profile: str = "") -> tuple[str, dict[str, Any]]:
        """(key, OCI seccomp object). `profile` is JSON text; empty = the default one."""
        if not profile:
            if self._default is None:
                self._default = _distributed()
            profile = self._default
        caps = frozenset(capabilities)
        if (profile, caps) not in self._resolved:
            try:
                rules = resolve(json.loads(profile), caps)
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
            key = hashlib.sha256((json.dumps(rules) + os.uname().release).encode()).hexdigest()[:32]
            self._resolved[profile, caps] = key, rules
        return self._resolved[profile, caps]

    def compiled(self, key: str) -> str | None:
        """The ready program, base64, or None if no container with this filter was created yet."""
        if key not in self._compiled:
            try:
                self._compiled[key] = base64.b64encode((self._directory / f"{key}.bpf").read_bytes()).decode()
            except FileNotFoundError:
                return None
        return self._compiled[key]

    def learn(self, key: str, state: Path) -> None:
        """Keeps the program that crun compiled for the container whose state directory is `state`."""
        try:
            program = (state / "seccomp.bpf").read_bytes()
        except FileNotFoundError:
            return
        if program and len(program) % 8 == 0:
            self._directory.mkdir(parents=True, exist_ok=True)
            files.write_atomic(self._directory / f"{key}.bpf", program, mode=0o600)
