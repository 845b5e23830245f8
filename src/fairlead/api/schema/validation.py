"""What is wrong with a create body on its face: Docker's checks and words, before anything is touched.

Limits are judged in limits.py, what is mounted where in engine/mountpoints.py, and what only this host can tell in
engine/admission.py.
"""

from __future__ import annotations

import ipaddress
import re
import signal

from fairlead.api import gojson
from fairlead.api.schema import limits
from fairlead.engine import logoptions
from fairlead.errors import InvalidParameter
from fairlead.model.container import Config, HealthConfig, HostConfig
from fairlead.model.network import MODE_LABEL, PublishMode
from fairlead.model.request import CreateRequest

_MILLISECOND_NS = 1_000_000
_RUNTIMES = ("runc", "crun", "io.containerd.runc.v2")
_SWITCHES = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
_RESTART_NAMES = ("no", "always", "on-failure", "unless-stopped")
_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\Z")
_DEVICE_RULE = re.compile(r"[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}\Z")
_SYSCTLS = (
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname", "kernel.hostname",
)  # fmt: skip
"""Those of a container's own namespaces, besides all of net. and fs.mqueue."""


def check(request: CreateRequest) -> None:
    config, host = request.config, request.host_config
    _check_config(config)
    _check_network_mode(config, host)
    _check_modes(host)
    check_restart_policy(host)
    limits.check(host)
    logoptions.check(host.log_config)
    check_security(host)
    _check_devices(host)
    _check_sysctls(host)
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
    _check_publish_modes(config)
    if config.health is not None:
        _check_health(config.health)
    _check_mac(config.mac_address)


def _check_publish_modes(config: Config) -> None:
    for name, value in config.labels.items():
        if name.startswith(MODE_LABEL) and value not in PublishMode.__members__.values():
            _fail(f'invalid publish mode "{value}" in label {name}: use kernel or forward')


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
        "Interval": health.interval_ns,
        "Timeout": health.timeout_ns,
        "StartPeriod": health.start_period_ns,
        "StartInterval": health.start_interval_ns,
    }
    for name, value in spans.items():
        if value and value < _MILLISECOND_NS:
            _fail(f"{name} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        _fail("Retries in Healthcheck cannot be negative")
    if health.test and health.test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        _fail(f'Unknown healthcheck type "{health.test[0]}" (expected "CMD")')


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
    if host.isolation.lower() not in ("", "default"):
        _fail(f"invalid isolation '{host.isolation}' on linux")
    if "" in host.annotations:
        _fail("invalid Annotations: the empty string is not permitted as an annotation key")


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


def check_security(host: HostConfig) -> None:
    for option in host.security_opt:
        if option in ("no-new-privileges", "disable"):
            continue
        name, separator, value = option.partition("=")
        if not separator:
            name, separator, value = option.partition(":")
        if not separator:
            _fail(f'invalid --security-opt 1: "{option}"')
        match name:
            case "label" | "apparmor":
                pass
            case "no-new-privileges" if value.lower() in _SWITCHES:
                pass
            case "seccomp":
                _check_profile(value)
            case _:
                _fail(f'invalid --security-opt 2: "{option}"')


def _check_profile(text: str) -> None:
    """Docker's client sends the profile itself."""
    if text in ("unconfined", "builtin"):
        return
    try:
        profile = gojson.loads(text)
    except ValueError as error:
        raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
    if not isinstance(profile, dict):
        _fail("Decoding seccomp profile failed: it is no object")
    if not profile.get("defaultAction") and not profile.get("syscalls"):
        return  # none
    if not isinstance(profile.get("defaultAction"), str):
        _fail("Decoding seccomp profile failed: it has no defaultAction")
    if profile.get("architectures") and profile.get("archMap"):
        _fail("both 'architectures' and 'archMap' are specified in the seccomp profile, "
              "use either 'architectures' or 'archMap'")  # fmt: skip
    for rule in profile.get("syscalls") or ():
        if isinstance(rule, dict) and rule.get("name") and rule.get("names"):
            _fail("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")


def _check_devices(host: HostConfig) -> None:
    for device in host.devices:
        if not device.host_path:
            _fail('error gathering device information while adding custom device "": no such file or directory')
        if not re.fullmatch("[rwm]{1,3}", device.permissions):
            _fail(f"invalid device mode: {device.permissions}")
        if not device.container_path.startswith("/"):
            _fail(f"{device.container_path} is not an absolute path")
    for rule in host.device_cgroup_rules:
        if not _DEVICE_RULE.match(rule):
            _fail(f"invalid device cgroup rule format: '{rule}'")


def _check_sysctls(host: HostConfig) -> None:
    for name in host.sysctls:
        if name.startswith("net."):
            if host.network_mode == "host":
                _fail(f'sysctl "{name}" not allowed in host network namespace')
        elif name not in _SYSCTLS and not name.startswith("fs.mqueue."):
            _fail(f"sysctl '{name}' is not allowed")
        elif host.ipc_mode == "host" and name not in ("kernel.domainname", "kernel.hostname"):
            _fail(f'sysctl "{name}" not allowed in host ipc namespace')


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
