"""What of a wish this host can fulfil: Docker's checks that need to know the kernel, its defaults, its warnings.

Pure. What cannot be had at all is refused; a limit that the kernel does not know is dropped with Docker's warning, and
inspect then shows it as not given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from fairlead.engine import logoptions
from fairlead.errors import Conflict, InvalidParameter
from fairlead.model.container import HostConfig, LogConfig
from fairlead.model.host import Features
from fairlead.model.settings import Settings
from fairlead.runtime import capabilities, journal

_UNMOUNTED = "or the cgroup is not mounted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The host, as far as it decides what can be promised."""

    features: Features
    settings: Settings = field(default_factory=Settings)
    """What containers get that do not say."""
    capabilities: frozenset[str] = frozenset()
    """Those we have to give away."""
    apparmor: bool = False
    selinux: bool = False
    journal: bool = False


def look(features: Features, capabilities: frozenset[str], settings: Settings) -> Ground:
    return Ground(
        features=features,
        settings=settings,
        capabilities=capabilities,
        apparmor=Path("/sys/kernel/security/apparmor/profiles").exists(),
        selinux=Path("/sys/fs/selinux/enforce").exists(),
        journal=journal.available(),
    )


def admit(host: HostConfig, ground: Ground) -> tuple[HostConfig, list[str]]:
    """The host config as it will hold, with what the user is to be warned of."""
    _check_capabilities(host, ground.capabilities)
    _check_storage(host)
    host = replace(host, log_config=log_config(host.log_config, ground.settings))
    if host.log_config.type == "journald" and not ground.journal:
        raise InvalidParameter("failed to initialize logging driver: journald is not enabled on this host")
    host, warnings = limits(_with_defaults(host, ground), ground.features)
    warnings += _remarks(host, ground)
    return host, warnings


def log_config(given: LogConfig, settings: Settings) -> LogConfig:
    """With the daemon's driver, and its options if the driver is its."""
    options = dict(settings.log_options) if given.type in ("", settings.log_driver) else {}
    merged = LogConfig(given.type or settings.log_driver, {**options, **given.options})
    logoptions.check(merged)
    return merged


def _with_defaults(host: HostConfig, ground: Ground) -> HostConfig:
    settings = ground.settings
    host = replace(
        host,
        shm_size_bytes=host.shm_size_bytes or settings.shm_size_bytes,
        ipc_mode=host.ipc_mode or settings.ipc_mode,
        cgroupns_mode=host.cgroupns_mode or settings.cgroupns_mode,
    )
    if host.memory_bytes > 0 and host.memory_swap_bytes == 0:
        host = replace(host, memory_swap_bytes=host.memory_bytes * 2)
    if not host.cgroupns_mode:
        # v1: a namespace of its own hides nothing there, and old programs trip over it.
        host = replace(host, cgroupns_mode="private" if ground.features.cgroup_version == 2 else "host")
    if host.oom_kill_disable is None and ground.features.oom_kill_disable:
        host = replace(host, oom_kill_disable=False)
    return host


def _check_capabilities(host: HostConfig, available: frozenset[str]) -> None:
    for member, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        for name in names:
            full = capabilities.parse(name, member)
            if full != "ALL" and full not in available:
                raise InvalidParameter(
                    f"invalid {member}: capability not supported by your kernel or not available in the current "
                    f'environment: "{full}"'
                )


def _check_storage(host: HostConfig) -> None:
    for name in host.storage_options:
        if name != "size":
            raise InvalidParameter(f"unknown option {name}")
        raise InvalidParameter("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
    if host.volume_driver not in ("", "local"):
        # 400, where Docker has 404: at that, clients would pull an image.
        raise InvalidParameter(
            f'error looking up volume plugin {host.volume_driver}: plugin "{host.volume_driver}" not found'
        )


def _remarks(host: HostConfig, ground: Ground) -> Iterator[str]:
    """What is accepted without the effect that one might expect."""
    if host.network_mode == "host" and (host.port_bindings or host.publish_all_ports):
        yield "Published ports are discarded when using host network mode"
    for option in host.security_opt:
        name, value = option.replace(":", "=", 1).partition("=")[::2]
        if name == "label" and value != "disable" and not ground.selinux:
            yield f"SELinux is not enabled on this host: security option {option} has no effect."
        if name == "apparmor" and value != "unconfined" and not ground.apparmor:
            raise InvalidParameter(f"AppArmor is not enabled on this host: profile {value} cannot be applied")
    if host.log_config.options.get("compress", "").lower() in ("1", "t", "true"):
        yield "Log files that were rotated out are kept uncompressed by this engine."


def change(before: HostConfig, after: HostConfig) -> None:
    """Whether an update may change these limits, as Docker judges and says it."""
    nano, other = after.nano_cpus != before.nano_cpus, "NanoCPUs has already been set"
    if after.nano_cpus and after.cpu_period:
        what = "Nano CPUs cannot be updated as CPU Period has already been set" if nano else ""
        raise Conflict(f"Conflicting options: {what or f'CPU Period cannot be updated as {other}'}")
    if after.nano_cpus and after.cpu_quota:
        what = "Nano CPUs cannot be updated as CPU Quota has already been set" if nano else ""
        raise Conflict(f"Conflicting options: {what or f'CPU Quota cannot be updated as {other}'}")
    if 0 < after.memory_swap_bytes < after.memory_bytes:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    if before.auto_remove and after.restart_policy.name not in ("", "no"):
        raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")


def limits(host: HostConfig, features: Features) -> tuple[HostConfig, list[str]]:
    """Also for updates."""
    _check_sets(host, features)
    if (host.cpu_realtime_period or host.cpu_realtime_runtime) and not features.realtime:
        raise InvalidParameter("kernel does not support CPU real-time scheduler")
    if host.nano_cpus and not features.cpu_quota:
        raise InvalidParameter(
            f"NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler {_UNMOUNTED[:-1]}"
        )
    changes: dict[str, object] = {}
    warnings: list[str] = []
    for fields, supported, warning in _table(features):
        if not supported and any(_given(host, name) for name in fields):
            warnings.append(warning)
            changes |= {name: getattr(_NOTHING, name) for name in fields}
    if host.memory_bytes > 0 and not features.memory:
        changes["memory_swap_bytes"] = -1
    elif host.memory_bytes > 0 and host.memory_swap_bytes != -1 and not features.swap:
        warnings.append(
            f"Your kernel does not support swap limit capabilities {_UNMOUNTED} Memory limited without swap."
        )
        changes["memory_swap_bytes"] = -1
    if not features.oom_kill_disable:
        changes["oom_kill_disable"] = None
    elif host.oom_kill_disable and not host.memory_bytes:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system "
            "running out of resources."
        )
    return replace(host, **changes) if changes else host, warnings  # type: ignore[arg-type]  # names are fields


_NOTHING = HostConfig()


def _given(host: HostConfig, name: str) -> bool:
    value = getattr(host, name)
    return value is not False and value != getattr(_NOTHING, name)


def _table(features: Features) -> Iterable[tuple[tuple[str, ...], bool, str]]:
    """(members, whether the kernel has it, what is said when it has not)."""
    kernel = "Your kernel does not support"
    return (
        (("memory_bytes",), features.memory,
         f"{kernel} memory limit capabilities {_UNMOUNTED} Limitation discarded."),
        (("memory_swappiness",), features.swappiness,
         f"{kernel} memory swappiness capabilities {_UNMOUNTED} Memory swappiness discarded."),
        (("memory_reservation_bytes",), features.memory_reservation,
         f"{kernel} memory soft limit capabilities {_UNMOUNTED} Limitation discarded."),
        (("kernel_memory_tcp_bytes",), features.kernel_memory_tcp,
         f"{kernel} kernel memory TCP limit capabilities {_UNMOUNTED} Limitation discarded."),
        (("oom_kill_disable",), features.oom_kill_disable,
         f"{kernel} OomKillDisable. OomKillDisable discarded."),
        (("pids_limit",), features.pids,
         f"{kernel} PIDs limit capabilities {_UNMOUNTED} PIDs limit discarded."),
        (("cpu_shares",), features.cpu_shares,
         f"{kernel} CPU shares {_UNMOUNTED} Shares discarded."),
        (("cpu_period", "cpu_quota"), features.cpu_quota,
         f"{kernel} CPU CFS scheduler. CPU period/quota discarded."),
        (("cpuset_cpus", "cpuset_mems"), features.cpuset,
         f"{kernel} cpuset {_UNMOUNTED} Cpuset discarded."),
        (("blkio_weight",), features.block_io_weight,
         f"{kernel} Block I/O weight {_UNMOUNTED} Weight discarded."),
        (("blkio_weights",), features.block_io_weight,
         f"{kernel} Block I/O weight_device {_UNMOUNTED} Weight-device discarded."),
        (("blkio_read_bps",), features.block_io_rates,
         f"{kernel} BPS Block I/O read limit {_UNMOUNTED} Block I/O BPS read limit discarded."),
        (("blkio_write_bps",), features.block_io_rates,
         f"{kernel} BPS Block I/O write limit {_UNMOUNTED} Block I/O BPS write limit discarded."),
        (("blkio_read_iops",), features.block_io_rates,
         f"{kernel} IOPS Block read limit {_UNMOUNTED} Block I/O IOPS read limit discarded."),
        (("blkio_write_iops",), features.block_io_rates,
         f"{kernel} IOPS Block write limit {_UNMOUNTED} Block I/O IOPS write limit discarded."),
    )  # fmt: skip


def _check_sets(host: HostConfig, features: Features) -> None:
    for what, wanted, there in (
        ("CPUs", host.cpuset_cpus, features.cpus),
        ("memory nodes", host.cpuset_mems, features.memory_nodes),
    ):
        if wanted and features.cpuset and not members(wanted) <= members(there):
            raise InvalidParameter(f"Requested {what} are not available - requested {wanted}, available: {there}")


def members(text: str) -> set[int]:
    """The numbers of a valid list, `0-2,7` (cpuset(7))."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        found.update(range(int(first), int(last if dash else first) + 1))
    return found
