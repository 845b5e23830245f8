"""The three files of a container's /etc that the engine writes: hosts, hostname, resolv.conf.

They lie in the container's own directory and are bind-mounted: what changes while it runs is changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fairlead.engine import links
from fairlead.model.container import Container, Mount
from fairlead.model.settings import Settings
from fairlead.network import hosts, resolvconf
from fairlead.network.dns import redirect

_HOST_FILE = Path("/etc/hosts")


class EtcFiles:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = settings.data_root / "containers"
        self._ipv6 = Path("/proc/net/if_inet6").exists()
        self._stamp: tuple[int, ...] = ()
        self._host = resolvconf.Parsed()

    def directory(self, container_id: str) -> Path:
        return self._root / container_id

    def path(self, container: Container, name: str) -> Path:
        """The container's file, or that of the container whose network it shares."""
        mode = container.host_config.network_mode
        owner = mode.partition(":")[2] if mode.startswith("container:") else container.id
        return self._root / owner / name

    def mounts(self, container: Container) -> list[Mount]:
        taken = {mount.target for mount in container.mounts}
        read_only = container.host_config.read_only_rootfs
        return [
            Mount(type="bind", source=str(self.path(container, name)), target=f"/etc/{name}", read_only=read_only)
            for name in ("resolv.conf", "hostname", "hosts")
            if f"/etc/{name}" not in taken
        ]

    def write(self, container: Container, lines: Iterable[hosts.LinkLine]) -> None:
        """All three, anew, for a start."""
        mode = container.host_config.network_mode
        if mode.startswith("container:"):
            return
        directory = self.directory(container.id)
        config = container.config
        _write(directory / "hostname", f"{config.hostname}\n")
        _write(directory / "hosts", self._hosts(container, lines))
        _write(directory / "resolv.conf", self._resolver(container))

    def _hosts(self, container: Container, lines: Iterable[hosts.LinkLine]) -> str:
        host = container.host_config
        extra = self.extra_hosts(container)
        if host.network_mode == "host" and not extra and _HOST_FILE.exists():
            return _HOST_FILE.read_text(errors="surrogateescape")  # byte for byte, whatever they mean
        return hosts.render(extra=extra, links=lines, own=self._own(container), ipv6=self._ipv6)

    def _own(self, container: Container) -> list[tuple[str, str]]:
        """(address, names), network by network, IPv4 before IPv6."""
        names = hosts.own_names(container.config.hostname, container.config.domainname)
        found = (a for end in container.endpoints for a in (end.address, end.address6) if a is not None)
        return [(str(address.ip), names) for address in found if self._ipv6 or address.version == 4]

    def extra_hosts(self, container: Container) -> list[tuple[str, str]]:
        """(address, name) of each --add-host."""
        gateway = next((str(end.gateway) for end in container.endpoints if end.gateway is not None), "")
        found = []
        for entry in container.host_config.extra_hosts:
            name, _, address = entry.partition(":")
            found.append((gateway if address == "host-gateway" else address, name))
        return [(address, name) for address, name in found if address]

    def _resolver(self, container: Container) -> str:
        given = container.host_config
        return resolvconf.render(
            self.host_resolver(),
            server=redirect.ADDRESS if self._own(container) else "",
            dns=given.dns or self._settings.dns,
            search=given.dns_search or self._settings.dns_search,
            options=given.dns_options or self._settings.dns_options,
        )

    def host_resolver(self) -> resolvconf.Parsed:
        """The host's resolver file, read again when it has changed."""
        stamp = resolvconf.stamp()
        if stamp != self._stamp:
            self._stamp, self._host = stamp, resolvconf.parse(resolvconf.host_text())
        return self._host

    # --- while it runs ----------------------------------------------------------------------------------------

    def follow(self, before: Container, after: Container) -> None:
        """It joined a network or left one: own lines come and go, and with the first address our resolver comes."""
        old, new = self._own(before), self._own(after)

        def change(text: str) -> str:
            for line in old:
                text = text if line in new else hosts.drop_own(text, *line)
            for line in new:
                text = text if line in old else hosts.put_own(text, *line)
            return text

        hosts.rewrite(self.directory(after.id) / "hosts", change)
        if new and not old:
            hosts.rewrite(self.directory(after.id) / "resolv.conf", lambda _: self._resolver(after))

    def put_links(self, recipient: Container, lines: Sequence[hosts.LinkLine]) -> None:
        def change(text: str) -> str:
            for line in lines:
                text = hosts.put_link(text, line)
            return text

        hosts.rewrite(self.directory(recipient.id) / "hosts", change)

    def drop_links(self, recipient: Container, aliases: Sequence[str]) -> None:
        def change(text: str) -> str:
            for alias in aliases:
                text = hosts.drop_link(text, links.hosts_alias(alias))
            return text

        hosts.rewrite(self.directory(recipient.id) / "hosts", change)


def _write(path: Path, text: str) -> None:
    path.write_text(text, errors="surrogateescape")
