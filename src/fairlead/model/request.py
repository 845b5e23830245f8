"""What a client asks of the engine, parsed and valid: the values that api/ hands to engine/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fairlead.model.container import (
    Config,
    Container,
    EndpointRequest,
    HostConfig,
    Port,
    PortBinding,
    PublishedPort,
)
from fairlead.model.image import Image
from fairlead.model.network import PublishMode
from fairlead.model.volume import Volume


class WaitCondition(StrEnum):
    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """POST /containers/create. `name` None = generate one."""

    name: str | None
    config: Config
    host_config: HostConfig
    endpoints: Mapping[str, EndpointRequest] = field(default_factory=dict)
    """By network name or id; `default` has become `bridge`."""
    platform: str = ""
    remarks: tuple[str, ...] = ()
    """What the user is to be warned of, whatever comes of it."""


@dataclass(frozen=True, slots=True)
class CreateResult:
    id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExitResult:
    """What a waiter gets."""

    status_code: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """One health check: exit code −1 if it took too long or could not be run."""

    start: datetime
    end: datetime
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    status: str = "starting"
    failures: int = 0
    """In a row."""
    log: tuple[Probe, ...] = ()
    """The last few, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """A container with what is known only while looking: for inspect and lists."""

    container: Container
    names: tuple[str, ...]
    """All names with leading slash, link names included, sorted bytewise (`/db`, `/web/db`)."""
    links: tuple[str, ...]
    """`/db:/web/db`, from the sources' present names."""
    image: str = ""
    """What its image is called now; for lists."""
    hosts_path: str = ""
    hostname_path: str = ""
    resolv_conf_path: str = ""
    log_path: str = ""
    published: tuple[PublishedPort, ...] = ()
    """Empty while stopped."""
    exec_ids: tuple[str, ...] = ()
    health: Health | None = None
    """None = nobody checks."""
    size_rw_bytes: int | None = None
    size_root_bytes: int | None = None
    graph: Mapping[str, str] = field(default_factory=dict)
    """overlay2 directories: LowerDir, UpperDir, WorkDir, MergedDir."""


@dataclass(frozen=True, slots=True)
class ImageUsage:
    image: Image
    shared_bytes: int
    """Of its layers, those that other images have too."""
    containers: int


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    volume: Volume
    size_bytes: int
    references: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage:
    """What takes how much; None = not asked for."""

    layers_bytes: int = 0
    images: tuple[ImageUsage, ...] | None = None
    containers: tuple[ContainerView, ...] | None = None
    volumes: tuple[VolumeUsage, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortChange:
    """Bindings that a container is to have, and to lose; in `remove` an empty host part means any."""

    add: Mapping[Port, tuple[PortBinding, ...]] = field(default_factory=dict)
    remove: Mapping[Port, tuple[PortBinding, ...]] = field(default_factory=dict)
    mode: PublishMode | None = None
    """Who carries the bytes of the added ones; None = as the daemon does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    stream: bool = False
    logs: bool = False
    detach_keys: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    since: datetime | None = None
    until: datetime | None = None
    tail: int | None = None
    """None = all."""


LogLine = tuple[int, bytes, bytes]
"""1 stdout or 2 stderr; the time to the nanosecond, UTC, as RFC 3339 without zone; the text with its line feed, unless
the line was cut. A plain tuple: a log has millions."""

LogBatch = Sequence[LogLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    cmd: tuple[str, ...]
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    detach_keys: str | None = None
    env: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    privileged: bool = False
    console_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecView:
    id: str
    container_id: str
    request: ExecRequest
    running: bool
    exit_code: int | None
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    """POST /commit. `config` None = the container's own."""

    container: str
    repo: str = ""
    tag: str = ""
    author: str = ""
    comment: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True
    config: Config | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLogin:
    """Docker's AuthConfig: who the user is to a registry."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """POST /build (classic builder)."""

    dockerfile: str = "Dockerfile"
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    pull: bool = False
    remove: bool = True
    force_remove: bool = False
    quiet: bool = False
    host_config: HostConfig = field(default_factory=HostConfig)
    """What RUN steps may use: network, hosts, limits."""
    cache_from: tuple[str, ...] = ()
    platform: str = ""
    remote: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    logins: Mapping[str, RegistryLogin] = field(default_factory=dict)
    """By registry, for the images that it builds on."""
    squash: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """`source` is a URL, or `-` for the body."""

    source: str
    repository: str = ""
    tag: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapRequest:
    """Our own verb: a base image from the distribution's archive, or from the static busybox."""

    name: str
    suite: str = ""
    include: tuple[str, ...] = ()
    variant: str = "minbase"
    busybox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetRequest:
    """One entry of a network's IPAM configuration, as texts: the engine parses and checks them."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest:
    """POST /networks/create."""

    name: str
    driver: str = "bridge"
    scope: str = ""
    config_only: bool = False
    config_from: str = ""
    ingress: bool = False
    subnets: tuple[SubnetRequest, ...] = ()
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    ipv4: bool = True
    ipv6: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRequest:
    """POST /volumes/create. An empty name asks for an anonymous volume."""

    name: str = ""
    driver: str = "local"
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
