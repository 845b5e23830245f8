"""Switches below /proc/sys/net of the host: forwarding, and those of our bridges, which go with them.

Forwarding is the host's: what this daemon turned on is noted in a file until the next boot, and turned off again when
the daemon tears everything down. IPv6 forwarding would make the host deaf to router advertisements, by which it may
have its own default route; interfaces that listened go on listening.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from fairlead.errors import SystemFailure

_NET = Path("/proc/sys/net")
_SWITCHES = {4: _NET / "ipv4/ip_forward", 6: _NET / "ipv6/conf/all/forwarding"}
_CONF6 = _NET / "ipv6/conf"
_LISTENS, _LISTENS_THOUGH_ROUTER = "1", "2"


class Forwarding:
    """Which families the host forwards because of us."""

    def __init__(self, exec_root: Path, own_prefix: str) -> None:
        self._own_prefix = own_prefix
        self._marks = {4: exec_root / "forwarding", 6: exec_root / "forwarding6"}

    def turn_on(self, version: int) -> bool:
        """True if it was off, so that others must not profit from it."""
        switch = _SWITCHES[version]
        try:
            if switch.read_text().strip() == "1":
                return False
            listening = [n for n in _listening() if not n.startswith(self._own_prefix)] if version == 6 else []
            for name in listening:
                (_CONF6 / name / "accept_ra").write_text(_LISTENS_THOUGH_ROUTER)
            self._marks[version].write_text("\n".join(listening))
            switch.write_text("1")
        except OSError as error:
            raise SystemFailure(f"turn on IPv{version} forwarding: {error.strerror}") from error
        return True

    def ours(self) -> list[int]:
        return [version for version, mark in self._marks.items() if mark.exists()]

    def restore(self) -> None:
        for version in self.ours():
            _SWITCHES[version].write_text("0")
            for name in self._marks[version].read_text().splitlines():
                path = _CONF6 / name / "accept_ra"
                if path.exists():
                    path.write_text(_LISTENS)
            self._marks[version].unlink()


def _listening() -> Iterator[str]:
    for directory in _CONF6.iterdir():
        named = directory.name not in ("all", "default", "lo")
        if named and (directory / "accept_ra").read_text().strip() == _LISTENS:
            yield directory.name


def tune_bridge(name: str, *, ipv6: bool, deaf: Collection[int] = ()) -> None:
    """127.0.0.1 may be translated into it; no container tells the host where its routers are.

    In the families of `deaf` the host hears nothing from it: what comes from it comes from nowhere, and there is no
    link-local address. Not even for a moment: what is made while the switch is over may come to stay.
    """
    wanted = {_NET / "ipv4/conf" / name / "route_localnet": "1", _NET / "ipv4/conf" / name / "send_redirects": "0"}
    if ipv6:
        wanted |= {_CONF6 / name / switch: "0" for switch in ("disable_ipv6", "accept_redirects", "accept_dad")}
    if ipv6 or _CONF6.exists():
        wanted[_CONF6 / name / "accept_ra"] = "0"
    if 4 in deaf:
        wanted[_NET / "ipv4/conf" / name / "rp_filter"] = "1"
    if 6 in deaf:
        wanted[_CONF6 / name / "disable_ipv6"] = "1"
    for path, value in wanted.items():
        try:
            path.write_text(value)
        except OSError as error:
            raise SystemFailure(f"set {path}: {error.strerror}") from error
