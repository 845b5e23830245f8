"""The daemon's settings as one frozen value, shared by every layer (made by daemon/config.py from flags and file)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from fairlead.model.network import ANY_ADDRESS, PublishMode


@dataclass(frozen=True, slots=True)
class AddressPool:
    """A block of addresses from which networks get subnets of `size` prefix bits."""

    base: IPv4Network
    size: int


DEFAULT_POOLS = (
    AddressPool(IPv4Network("172.17.0.0/12", strict=False), 16),
    AddressPool(IPv4Network("192.168.0.0/16"), 20),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = "unix:///run/fairlead.sock"
    data_root: Path = Path("/var/lib/fairlead")
    exec_root: Path = Path("/run/fairlead")
    bridge: str = "fairlead0"
    bip: IPv4Interface | None = None
    """Address of the default bridge; None = 172.17.0.1/16, or the first free piece of the pools if that is taken."""
    pools: tuple[AddressPool, ...] = DEFAULT_POOLS
    icc: bool = False
    """True: any container of the default bridge reaches any other, as in Docker. False: only through links."""
    host_ip: IPv4Address = ANY_ADDRESS
    """Default host address of published ports (`--ip`)."""
    publish_mode: PublishMode = PublishMode.KERNEL
    mtu: int = 1500
    link_environment: bool = True
    stop_containers_on_exit: bool = False
    socket_group: str = "docker"
    dns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    registry_mirrors: tuple[str, ...] = ()
    """Asked before Docker Hub, in this order."""
    insecure_registries: tuple[str, ...] = ()
    """host[:port] or network: plain HTTP and unknown certificates are taken. Loopback always is one."""
    registry_timeout_s: float = 30.0
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    max_layer_bytes: int = 64 << 30
    """What one layer may unpack to."""
    certificates: tuple[Path, ...] = (Path("/etc/fairlead/certs.d"), Path("/etc/docker/certs.d"))
    """`<host[:port]>/*.crt` are authorities, `*.cert` and `*.key` a client's own, as in Docker's certs.d."""
    debug: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def instance(self) -> str:
        """Eight hex digits that tell this daemon's kernel objects from another daemon's; stable for a data root."""
        return hashlib.sha256(str(self.data_root).encode()).hexdigest()[:8]
