"""What the host routes, as spans of addresses: read once, then kept by the kernel's own notices.

The notices wait in the socket until somebody asks, so that a container's start pays nothing for them; should they
have overflowed it by then, everything is read anew.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from fairlead.network import netlink
from fairlead.network.netlink import Route
from fairlead.network.pools import Spans


class HostRoutes:
    """Unicast routes of the host, both families, without default routes and the host's own addresses."""

    def __init__(self, dump: netlink.Netlink) -> None:
        self._dump = dump
        self._notices = netlink.Netlink.of_routes()
        self._spans: dict[int, Spans] = {socket.AF_INET: Spans(32), socket.AF_INET6: Spans(128)}
        self._known: set[Route] = set()
        self._read()

    def close(self) -> None:
        self._notices.close()

    def now(self, family: int) -> Spans:
        try:
            for added, route in self._notices.route_notices():
                self._note(route, added=added)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._notices.close()
            self._notices = netlink.Netlink.of_routes()
            self._read()
        return self._spans[family]

    def _read(self) -> None:
        for spans in self._spans.values():
            spans.clear()
        self._known.clear()
        for family in self._spans:
            self._take(self._dump.routes(family))

    def _take(self, routes: Iterable[Route]) -> None:
        for route in routes:
            self._note(route, added=True)

    def _note(self, route: Route, *, added: bool) -> None:
        if (route in self._known) == added:
            return
        spans = self._spans[socket.AF_INET if route.target.version == 4 else socket.AF_INET6]
        if added:
            self._known.add(route)
            spans.add(route.target)
        else:
            self._known.discard(route)
            spans.discard(route.target)
