"""What is wrong with a create body on its face: Docker's checks and words, before anything is touched."""

from __future__ import annotations

import ipaddress
import os
import re
import signal

from fairlead.errors import InvalidParameter
from fairlead.model.container import Config, HealthConfig, HostConfig
from fairlead.model.request import CreateRequest

MIB = 1024 * 1024
_MIN_MEMORY = 6 * MIB
_MILLISECOND_NS = 1_000_000
_RUNTIMES = ("", "runc", "crun", "io.containerd.runc.v2")
_LOG_DRIVERS = ("", "json-file", "local", "none")
_RESTART_NAMES = ("no", "always", "on-failure", "unless-stopped")
_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\Z")
_CPU_LIST = re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*\Z")


def check(request: CreateRequest) -> None:
    config, host = request.config, request.host_config
    _check_config(config)
    _check_network_mode(config, host)
    _check_modes(host)
    check_restart_policy(host)
    check_resources(host)
    _check_names(host)
    for endpoint in request.endpoints.values():
        _check_mac(endpoint.mac_address)


def _fail(message: str) -> None:
    raise InvalidParameter(message)


def _check_config(config: Config) -> None:
    if config.working_dir and not config.working_dir.startswith("/"):
        _fail(f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path")
    if config.stop_signal and not is_signal(config.stop_signal):
        _fail(f"invalid signal: {config.stop_signal}")
    for entry in config.env:
        if not entry.partition("=")[0]:
            _fail(f"invalid environment variable: {entry}")
        if "\0" in entry:
            _fail(f"invalid environment variable: {entry!r} contains nul byte")
    for path in config.volumes:
        if not path.startswith("/"):
            _fail(
                f"invalid volume specification: '{path}': invalid mount config for type \"volume\": "
                f"invalid mount path: '{path}' mount path must be absolute"
            )
    if config.health is not None:
        _check_health(config.health)
    _check_mac(config.mac_address)


def is_signal(text: str) -> bool:
    """`9`, `KILL`, `SIGKILL`, `SIGRTMIN+3`."""
    if text.isascii() and text.isdigit():
        return 0 < int(text) <= 64
    name = text.upper().removeprefix("SIG")
    base, _, offset = name.partition("+") if "+" in name else name.partition("-")
    if base in ("RTMIN", "RTMAX"):
        return not offset or (offset.isdigit() and int(offset) <= 30)
    return "SIG" + name in signal.Signals.__members__


def _check_health(health: HealthConfig) -> None:
    spans = {
        "interval": health.interval_ns,
        "timeout": health.timeout_ns,
        "start period": health.start_period_ns,
        "start interval": health.start_interval_ns,
    }
    for name, value in spans.items():
        if value and value < _MILLISECOND_NS:
            _fail(f"{name} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        _fail("retries in Healthcheck cannot be negative")


def _check_mac(address: str) -> None:
    if address and not _MAC.match(address):
        _fail(f"invalid MAC address: address {address}: invalid MAC address")


def _check_network_mode(config: Config, host: HostConfig) -> None:
    kind, colon, donor = host.network_mode.partition(":")
    if kind == "container":
        if not colon or not donor:
            _fail("invalid network mode: invalid container format container:<name|id>")
        _check_container_mode(config, host)
    if host.uts_mode == "host" and config.hostname:
        _fail("conflicting options: hostname and the UTS mode")
    if host.network_mode == "host" and host.links:
        _fail(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )


def _check_container_mode(config: Config, host: HostConfig) -> None:
    if config.hostname:
        _fail("conflicting options: hostname and the network mode")
    if host.links:
        _fail(
            "conflicting options: container type network can't be used with links. "
            "This would result in undefined behavior"
        )
    if host.dns:
        _fail("conflicting options: dns and the network mode")
    if host.extra_hosts:
        _fail("conflicting options: custom host-to-IP mapping and the network mode")
    if host.port_bindings or host.publish_all_ports:
        _fail("conflicting options: port publishing and the container type network mode")
    if config.exposed_ports:
        _fail("conflicting options: port exposing and the container type network mode")


def _check_modes(host: HostConfig) -> None:
    if not _mode_is(host.ipc_mode, "", "none", "private", "shareable", "host"):
        _fail(f"invalid IPC mode: {host.ipc_mode}")
    if not _mode_is(host.pid_mode, "", "host"):
        _fail(f"invalid PID mode: {host.pid_mode}")
    if host.uts_mode not in ("", "host"):
        _fail(f"invalid UTS mode: {host.uts_mode}")
    if host.userns_mode not in ("", "host"):
        _fail(f"invalid userns mode: {host.userns_mode}")
    if host.cgroupns_mode not in ("", "private", "host"):
        _fail(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    if host.runtime not in _RUNTIMES:
        _fail(f"unknown or invalid runtime name: {host.runtime}")
    if host.log_config.type not in _LOG_DRIVERS:
        _fail(f"logger: no log driver named '{host.log_config.type}' is registered")
    isolation = str(host.raw.get("Isolation", ""))
    if isolation not in ("", "default"):
        _fail(f"invalid isolation '{isolation}' on linux")


def _mode_is(mode: str, *allowed: str) -> bool:
    return mode in allowed or (mode.startswith("container:") and len(mode) > len("container:"))


def check_restart_policy(host: HostConfig) -> None:
    policy = host.restart_policy
    if policy.name not in _RESTART_NAMES:
        _fail(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.name == "on-failure":
        if policy.maximum_retry_count < 0:
            _fail("invalid restart policy: maximum retry count cannot be negative")
    elif policy.maximum_retry_count:
        negative = " and cannot be negative" if policy.maximum_retry_count < 0 else ""
        _fail(f"invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}")
    if host.auto_remove and policy.name != "no":
        _fail("can't create 'AutoRemove' container with restart policy")


def check_resources(host: HostConfig) -> None:
    _check_memory(host)
    _check_cpu(host)
    if host.shm_size_bytes < 0:
        _fail("SHM size can not be less than 0")
    if not -1000 <= host.oom_score_adj <= 1000:
        _fail(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.blkio_weight and not 10 <= host.blkio_weight <= 1000:
        _fail("Range of blkio weight is from 10 to 1000")


def _check_memory(host: HostConfig) -> None:
    memory, swap, reservation = host.memory_bytes, host.memory_swap_bytes, host.memory_reservation_bytes
    if memory and memory < _MIN_MEMORY:
        _fail("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        _fail("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0:
        _fail("You should always set the Memory limit when using Memoryswap limit, see usage")
    if host.memory_swappiness is not None and not 0 <= host.memory_swappiness <= 100:
        _fail(f"Invalid value: {host.memory_swappiness}, valid memory swappiness range is 0-100")
    if reservation and reservation < _MIN_MEMORY:
        _fail("Minimum memory reservation allowed is 6MB")
    if memory > 0 and reservation > memory:
        _fail("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(host: HostConfig) -> None:
    cpus = os.cpu_count() or 1
    if host.nano_cpus and host.cpu_period:
        _fail("Conflicting options: Nano CPUs and CPU Period cannot both be set.")
    if host.nano_cpus and host.cpu_quota:
        _fail("Conflicting options: Nano CPUs and CPU Quota cannot both be set.")
    if not 0 <= host.nano_cpus <= cpus * 10**9:
        _fail(f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if host.cpu_shares < 0:
        _fail(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")
    if host.cpu_period and not 1000 <= host.cpu_period <= 1_000_000:
        _fail("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.cpu_quota < 1000:
        _fail("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _check_cpu_set(host.cpuset_cpus, cpus)
    if host.cpuset_mems and not _CPU_LIST.match(host.cpuset_mems):
        _fail(f"Invalid value {host.cpuset_mems} for cpuset mems")


def _check_cpu_set(text: str, cpus: int) -> None:
    if not text:
        return
    if not _CPU_LIST.match(text):
        _fail(f"Invalid value {text} for cpuset cpus")
    if max(int(number) for number in re.findall(r"[0-9]+", text)) >= cpus:
        available = f"0-{cpus - 1}" if cpus > 1 else "0"
        _fail(f"Requested CPUs are not available - requested {text}, available: {available}")


def _check_names(host: HostConfig) -> None:
    for entry in host.extra_hosts:
        check_extra_host(entry)
    for link in host.links:
        check_link(link)
    for address in host.dns:
        if not _is_address(address):
            _fail(f"invalid IP address in DNS configuration: {address}")


def check_extra_host(entry: str) -> None:
    host, colon, address = entry.partition(":")
    if not colon or not host:
        _fail(f'bad format for add-host: "{entry}"')
    if address != "host-gateway" and not _is_address(address):
        _fail(f'invalid IP address in add-host: "{address}"')


def check_link(text: str) -> None:
    """`name`, `name:alias`, and the `/name:/recipient/alias` that inspect prints."""
    if not text:
        _fail("empty string specified for links")
    parts = text.split(":")
    if len(parts) > 2:
        _fail(f"bad format for links: {text}")
    alias = parts[-1].rpartition("/")[2]
    name = parts[0].removeprefix("/")
    if not name or not alias or ".." in parts[-1].split("/") or any(letter.isspace() for letter in text):
        _fail(f"bad format for links: {text}")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
