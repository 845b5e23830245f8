"""Build arguments of one stage: what ARG declared, what the user gave, what is predefined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead.images.worker.registry.documents import Platform

PREDEFINED = frozenset(
    name
    for base in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (base, base.lower())
)
"""Usable without ARG; neither history nor cache knows them, unless an ARG names them."""


def of_platforms(target: Platform, build: Platform) -> dict[str, str]:
    """What BuildKit predefines beside the ARGs before the first FROM; a stage that wants one declares it."""
    out: dict[str, str] = {}
    for what, platform in (("TARGET", target), ("BUILD", build)):
        out |= {f"{what}PLATFORM": str(platform), f"{what}OS": platform.os, f"{what}ARCH": platform.architecture,
                f"{what}VARIANT": platform.variant}  # fmt: skip
    return out


def global_value(name: str, default: str | None, given: Mapping[str, str | None]) -> str | None:
    """Of an ARG before the first FROM."""
    value = given.get(name)
    return value if value is not None else default


@dataclass
class Arguments:
    """`given` by the user, `globals` of the ARGs before the first FROM."""

    given: Mapping[str, str | None]
    globals: Mapping[str, str]
    _declared: dict[str, str | None] = field(default_factory=dict)

    def declare(self, name: str, default: str | None) -> None:
        self._declared[name] = default

    def values(self) -> dict[str, str]:
        """All that have a value."""
        found = {name: self._value(name) for name in (*self._declared, *sorted(PREDEFINED))}
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, name: str) -> str | None:
        given = self.given.get(name)
        if given is not None:
            return given
        if name not in self._declared:
            return None
        default = self._declared[name]
        return default if default is not None else self.globals.get(name)

    def environment(self, env: Mapping[str, str]) -> list[str]:
        """`NAME=value` for a RUN; the image's own variables win."""
        return [f"{name}={value}" for name, value in sorted(self.values().items()) if name not in env]

    def remembered(self, environment: list[str]) -> list[str]:
        """Those of them that history and cache know."""
        return [text for text in environment if (name := text.partition("=")[0]) in self._declared
                or name not in PREDEFINED]  # fmt: skip
