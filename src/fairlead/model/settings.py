"""The daemon's settings as one frozen value, shared by every layer (made by daemon/config.py from flags and file)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Network
from pathlib import Path

from fairlead.model.container import Ulimit
from fairlead.model.network import ANY_ADDRESS, PublishMode


@dataclass(frozen=True, slots=True)
class AddressPool:
    """A block of addresses from which networks get subnets of `size` prefix bits."""

    base: IPv4Network | IPv6Network
    size: int


# 5,248 networks, the first 896 of them where Docker's are too. 172.17.0.0/16 is the default bridge's.
DEFAULT_POOLS = (
    AddressPool(IPv4Network("172.18.0.0/15"), 22),
    AddressPool(IPv4Network("172.20.0.0/14"), 22),
    AddressPool(IPv4Network("172.24.0.0/13"), 22),
    AddressPool(IPv4Network("192.168.0.0/16"), 24),
    AddressPool(IPv4Network("10.192.0.0/10"), 22),
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
    """Of both families. Without one of IPv6, networks get theirs from a unique local block of this daemon."""
    ipv6: bool = False
    """The default bridge has IPv6 too."""
    fixed_cidr: IPv4Network | None = None
    """The part of the default bridge's subnet that containers get addresses of; None = all of it."""
    fixed_cidr_v6: IPv6Network | None = None
    """Its IPv6 subnet; None = one from the pools."""
    icc: bool = False
    """True: any container of the default bridge reaches any other, as in Docker. False: only through links."""
    host_ip: IPv4Address = ANY_ADDRESS
    """Default host address of published ports (`--ip`)."""
    allow_direct_routing: bool = False
    """Published ports are reached by the containers' own addresses too, by whoever has a route."""
    host_names: bool = False
    """The host's own programs find containers as `<name>.fairlead`: a block in its hosts file."""
    hosts_file: Path = Path("/etc/hosts")
    publish_mode: PublishMode = PublishMode.KERNEL
    mtu: int = 1500
    link_environment: bool = True
    stop_containers_on_exit: bool = False
    shutdown_timeout_s: int = 15
    """Within which they have to; less than 0 = without end."""
    socket_group: str = "docker"
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    log_driver: str = "json-file"
    log_options: tuple[tuple[str, str], ...] = ()
    default_ulimits: tuple[Ulimit, ...] = ()
    shm_size_bytes: int = 64 << 20
    init: bool = False
    ipc_mode: str = "private"
    cgroupns_mode: str = ""
    """Of containers that say nothing themselves, as all since `dns`. '' = private on cgroups v2, else host."""
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

    @property
    def pools4(self) -> tuple[AddressPool, ...]:
        return tuple(pool for pool in self.pools if pool.base.version == 4) or DEFAULT_POOLS

    @property
    def pools6(self) -> tuple[AddressPool, ...]:
        """fd00::/8 and forty digits of our own (RFC 4193): 65,536 networks that nobody else is likely to have."""
        given = tuple(pool for pool in self.pools if pool.base.version == 6)
        prefix = b"\xfd" + hashlib.sha256(f"ula {self.data_root}".encode()).digest()[:5]
        return given or (AddressPool(IPv6Network((prefix.ljust(16, b"\0"), 48)), 64),)

    @property
    def instance(self) -> str:
        """Eight hex digits that tell this daemon's kernel objects from another daemon's; stable for a data root."""
        return hashlib.sha256(str(self.data_root).encode()).hexdigest()[:8]
