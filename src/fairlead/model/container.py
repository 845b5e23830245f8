"""A container as asked for (Config, HostConfig), as it is (State, Endpoint) and as stored (Container).

Values only. Field meanings are those of Docker's Engine API; the CamelCase lives in api/schema. Times are
aware UTC datetimes, durations are nanoseconds where Docker's are (`_ns`), sizes are bytes. What a container may have a
thousand of is a NamedTuple: made, hashed and compared in C, which takes a fifth of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from typing import NamedTuple


class Status(StrEnum):
    """The one state of a container; Docker's booleans are computed from it (api/schema)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    @property
    def running(self) -> bool:
        """Docker's `Running`: paused and restarting containers count."""
        return self in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


class Port(NamedTuple):
    """A container port, `80/tcp`. Ordered by number, then protocol (the guide's order: tcp before udp)."""

    number: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


class PortBinding(NamedTuple):
    """A wish: where on the host a port is to be bound. Host port: '' (any), '8080', or '8000-8010' (one of)."""

    host_ip: str = ""
    host_port: str = ""


class PublishedPort(NamedTuple):
    """A binding that holds: `host_ip:host_port` on the host answers for `port` of the container.

    `host_port` 0: nothing is bound; whoever has a route asks the container by its own address (routed networks).
    `forwarded`: the daemon carries the bytes, so that the host's own INPUT rules decide; otherwise the kernel does.
    """

    port: Port
    host_ip: str
    host_port: int
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a recipient: resolved to a source at create, re-armed by the source's name later. One without an id
    waits for a container of the name (on user-defined networks)."""

    source_id: str
    source_name: str
    """Without the leading slash."""
    alias: str
    network: str = "bridge"
    """Name of the network it is a link on."""


class ReadOnlyBelow(StrEnum):
    """Whether a read-only bind makes the mounts below it read-only too."""

    IF_POSSIBLE = "if-possible"
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A mount of the container. `source` is a host path (bind) or empty; `name` a volume's name."""

    type: str
    target: str
    source: str = ""
    name: str = ""
    read_only: bool = False
    propagation: str = ""
    recursive: bool = True
    """A bind takes the mounts below its source along."""
    read_only_below: ReadOnlyBelow = ReadOnlyBelow.IF_POSSIBLE
    create_source: bool = False
    subpath: str = ""
    """Of a volume: the directory below it that is mounted."""
    copy_up: bool = True
    anonymous: bool = False
    driver: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Driver, its options and labels: of a volume that is made with the container."""
    consistency: str = ""
    size_bytes: int = 0
    mode: int | None = None
    options: str = ""
    """Raw options of a tmpfs (`--tmpfs /x:size=1m,...`) or the mode string of a bind (`z`, `ro`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthConfig:
    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    name: str = "no"
    maximum_retry_count: int = 0


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Device:
    host_path: str
    container_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class DeviceRate:
    """A block device and its limit: bytes or operations a second, or a weight."""

    path: str
    rate: int


@dataclass(frozen=True, slots=True)
class LogConfig:
    type: str = "json-file"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the image and the user say about the process (Docker's `Config`). None = not given."""

    image: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] = ()
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    exposed_ports: frozenset[Port] = frozenset()
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    network_disabled: bool = False
    mac_address: str = ""
    on_build: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    shell: tuple[str, ...] = ()
    health: HealthConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """What the host is to give the container (Docker's `HostConfig`)."""

    binds: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    volumes_from: tuple[str, ...] = ()
    container_id_file: str = ""
    network_mode: str = "bridge"
    """bridge, host, none, container:<id>, or a network's name; `default` was replaced on the way in."""
    port_bindings: Mapping[Port, tuple[PortBinding, ...]] = field(default_factory=dict)
    publish_all_ports: bool = False
    links: tuple[str, ...] = ()
    """As the client wrote them (`db:webdb`, `/db:/web/db`)."""
    extra_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    log_config: LogConfig = LogConfig()
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    read_only_rootfs: bool = False
    group_add: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    shm_size_bytes: int = 64 * 1024 * 1024
    init: bool | None = None
    runtime: str = "runc"
    ipc_mode: str = "private"
    pid_mode: str = ""
    uts_mode: str = ""
    userns_mode: str = ""
    cgroupns_mode: str = ""
    cgroup_parent: str = ""
    memory_bytes: int = 0
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0
    memory_swappiness: int | None = None
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    blkio_weight: int = 0
    blkio_weights: tuple[DeviceRate, ...] = ()
    blkio_read_bps: tuple[DeviceRate, ...] = ()
    blkio_write_bps: tuple[DeviceRate, ...] = ()
    blkio_read_iops: tuple[DeviceRate, ...] = ()
    blkio_write_iops: tuple[DeviceRate, ...] = ()
    pids_limit: int = 0
    """0: unlimited."""
    kernel_memory_tcp_bytes: int = 0
    oom_kill_disable: bool | None = None
    oom_score_adj: int = 0
    masked_paths: tuple[str, ...] | None = None
    readonly_paths: tuple[str, ...] | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    console_size: tuple[int, int] = (0, 0)
    volume_driver: str = ""
    storage_options: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRequest:
    """What a user asked of one network attachment (Docker's `EndpointSettings`, input half)."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    link_local_ips: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gw_priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A sandbox's attachment to one network. Kernel names derive from `id` (`veth` + first 7 digits)."""

    id: str
    network_id: str
    network_name: str
    mac_address: str = ""
    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    address6: IPv6Interface | None = None
    gateway6: IPv6Address | None = None
    interface: str = ""
    """Its name in the container; '' in records older than this field: eth and its position."""
    request: EndpointRequest = EndpointRequest()

    @property
    def link_local(self) -> list[IPv4Interface | IPv6Interface]:
        """Addresses of the user's choice beside its own, of no network."""
        return [ip_interface(f"{text}/{64 if ':' in text else 16}") for text in self.request.link_local_ips]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    status: Status = Status.CREATED
    pid: int = 0
    monitor_pid: int = 0
    """conmon's process id; its start time guards against reuse of the number."""
    monitor_start_ticks: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restart_count: int = 0
    stopped_by_user: bool = False
    """Set by stop and kill: the restart policy stays quiet (`unless-stopped`, `always` until the daemon restarts)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The stored record of one container; everything else can be derived from it."""

    id: str
    name: str
    """Without the leading slash."""
    generated_name: bool = False
    created: datetime
    image: str = ""
    """As the user wrote it (Config.Image)."""
    image_id: str = ""
    path: str = ""
    args: tuple[str, ...] = ()
    config: Config
    host_config: HostConfig
    links: tuple[Link, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    """One per network joined; kept (with its leased address) while stopped."""
    published: tuple[PublishedPort, ...] = ()
    remembered: tuple[PublishedPort, ...] = ()
    """While it does not run: the host ports that were chosen for it, to be had again."""
    mounts: tuple[Mount, ...] = ()
    """Resolved mount points: every `source` is a host path, every volume has a name."""
    state: State = State()
