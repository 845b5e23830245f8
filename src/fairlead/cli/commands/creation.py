"""What `run` and `create` were told → the body of POST /containers/create (rules and messages: docker/cli opts).

Members that would say what is so anyway are left out.
"""

from __future__ import annotations

from fairlead.cli.client import Misuse, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.flags import Options

# flag → member of HostConfig that takes its value as it is
_HOST = (
    ("publish-all", "PublishAllPorts"), ("privileged", "Privileged"), ("read-only", "ReadonlyRootfs"),
    ("rm", "AutoRemove"), ("init", "Init"), ("link", "Links"), ("add-host", "ExtraHosts"), ("dns", "Dns"),
    ("dns-option", "DnsOptions"), ("dns-search", "DnsSearch"), ("volumes-from", "VolumesFrom"),
    ("cap-add", "CapAdd"), ("cap-drop", "CapDrop"), ("group-add", "GroupAdd"), ("cidfile", "ContainerIDFile"),
    ("ipc", "IpcMode"), ("pid", "PidMode"), ("uts", "UTSMode"), ("userns", "UsernsMode"),
    ("cgroupns", "CgroupnsMode"), ("cgroup-parent", "CgroupParent"), ("runtime", "Runtime"),
    ("volume-driver", "VolumeDriver"), ("isolation", "Isolation"), ("shm-size", "ShmSize"), ("memory", "Memory"),
    ("memory-reservation", "MemoryReservation"), ("memory-swap", "MemorySwap"),
    ("memory-swappiness", "MemorySwappiness"), ("kernel-memory", "KernelMemory"), ("cpus", "NanoCpus"),
    ("cpu-shares", "CpuShares"), ("cpu-period", "CpuPeriod"), ("cpu-quota", "CpuQuota"),
    ("cpu-rt-period", "CpuRealtimePeriod"), ("cpu-rt-runtime", "CpuRealtimeRuntime"), ("cpuset-cpus", "CpusetCpus"),
    ("cpuset-mems", "CpusetMems"), ("blkio-weight", "BlkioWeight"), ("pids-limit", "PidsLimit"),
    ("oom-kill-disable", "OomKillDisable"), ("gpus", "DeviceRequests"), ("oom-score-adj", "OomScoreAdj"),
    ("ulimit", "Ulimits"),
    ("device-cgroup-rule", "DeviceCgroupRules"), ("mount", "Mounts"), ("blkio-weight-device", "BlkioWeightDevice"),
    ("device-read-bps", "BlkioDeviceReadBps"), ("device-write-bps", "BlkioDeviceWriteBps"),
    ("device-read-iops", "BlkioDeviceReadIOps"), ("device-write-iops", "BlkioDeviceWriteIOps"),
)  # fmt: skip
_CONFIG = (
    ("hostname", "Hostname"), ("domainname", "Domainname"), ("user", "User"), ("workdir", "WorkingDir"),
    ("stop-signal", "StopSignal"), ("stop-timeout", "StopTimeout"), ("tty", "Tty"), ("interactive", "OpenStdin"),
)  # fmt: skip
_WINDOWS = ("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops")
_MODES = (
    ("pid", "PID", ("host",)), ("uts", "UTS", ("host",)), ("userns", "USER", ("host",)),
    ("cgroupns", "CGROUP", ("host", "private")),
)  # fmt: skip
_PREDEFINED = ("default", "bridge", "host", "none")
_HEALTH = (
    ("health-interval", "Interval"), ("health-timeout", "Timeout"), ("health-start-period", "StartPeriod"),
    ("health-start-interval", "StartInterval"), ("health-retries", "Retries"),
)  # fmt: skip


def body(options: Options, *, detached: bool) -> dict[str, Any]:
    """The whole request; the first argument is the image, the rest the command. Misuse where it cannot be."""
    for flag in _WINDOWS:
        if options.given(flag):
            raise Refused(f'"--{flag}" is only supported on a Docker daemon running on windows, but the Docker daemon '
                          "is running on linux", bare=True)  # fmt: skip
    for flag, kind, known in _MODES:
        mode = options[flag]
        if mode and mode not in known and not (flag == "pid" and mode.startswith("container:")):
            raise Misuse(f"--{flag}: invalid {kind} mode")
    host = _host_config(options)
    config: dict[str, Any] = {member: options[flag] for flag, member in _CONFIG if options.given(flag)}
    config["Image"] = options.args[0]
    config |= _streams(options, detached=detached)
    if len(options.args) > 1:
        config["Cmd"] = options.args[1:]
    if options.given("entrypoint"):
        config["Entrypoint"] = [options["entrypoint"]]
    if options.given("env") or options.given("env-file"):
        config["Env"] = environment(options)
    if options.given("label") or options.given("label-file"):
        config["Labels"] = _labels(options)
    if options.given("publish") or options.given("expose"):
        _ports(options, config, host)
    if options.given("volume"):
        _volumes(options["volume"], config, host)
    health = _health(options)
    if health is not None:
        config["Healthcheck"] = health
    _networks(options, config, host)
    return {**config, "HostConfig": host}


def _streams(options: Options, *, detached: bool) -> dict[str, Any]:
    if detached:
        return {"AttachStdin": False, "AttachStdout": False, "AttachStderr": False}
    named = options["attach"]
    stdin = options["interactive"] or "stdin" in named
    streams: dict[str, Any] = {
        "AttachStdin": stdin,
        "AttachStdout": not named or "stdout" in named,
        "AttachStderr": not named or "stderr" in named,
    }
    if stdin and options["interactive"]:
        streams["StdinOnce"] = True
    return streams


def _host_config(options: Options) -> dict[str, Any]:
    host: dict[str, Any] = {member: options[flag] for flag, member in _HOST if options.given(flag)}
    if options.given("restart"):
        host["RestartPolicy"] = restart_policy(options["restart"])
        if options["rm"] and host["RestartPolicy"]["Name"] not in ("", "no"):
            raise Misuse("conflicting options: cannot specify both --restart and --rm")
    for flag, member in (("sysctl", "Sysctls"), ("annotation", "Annotations")):
        if options.given(flag):
            host[member] = _pairs(options[flag])
    if options.given("tmpfs"):
        host["Tmpfs"] = dict(value.partition(":")[::2] for value in options["tmpfs"])
    if options.given("log-driver") or options.given("log-opt"):
        if options["log-driver"] == "none" and options["log-opt"]:
            raise Misuse("invalid logging opts for driver none")
        host["LogConfig"] = {"Type": options["log-driver"], "Config": _pairs(options["log-opt"])}
    if options.given("storage-opt"):
        if not all("=" in value for value in options["storage-opt"]):
            raise Misuse("invalid storage option")
        host["StorageOpt"] = _pairs(options["storage-opt"])
    if options.given("security-opt"):
        _security(options["security-opt"], host)
    if options.given("device"):
        host["Devices"] = [_device(value) for value in options["device"]]
    return host


def _pairs(values: list[str]) -> dict[str, str]:
    return dict(value.partition("=")[::2] for value in values)


def restart_policy(value: str) -> dict[str, Any]:
    name, colon, count = value.partition(":")
    if colon and not name:
        raise Misuse("invalid restart policy format: no policy provided before colon")
    if count and not count.lstrip("-").isdecimal():
        raise Misuse("invalid restart policy format: maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _security(values: list[str], host: dict[str, Any]) -> None:
    kept = []
    for value in values:
        name, separator, what = value.partition("=")
        if not separator and name != "no-new-privileges":
            name, separator, what = value.partition(":")
            if not separator:
                raise Misuse(f'Invalid --security-opt: "{value}"')
        if value == "systempaths=unconfined":
            host["MaskedPaths"], host["ReadonlyPaths"] = [], []
        elif name == "seccomp" and what not in ("unconfined", "builtin"):
            kept.append(f"seccomp={_profile(what)}")
        else:
            kept.append(value)
    host["SecurityOpt"] = kept


def _profile(path: str) -> str:
    from fairlead.cli import jsontext

    try:
        with open(path, "rb") as file:
            return jsontext.dumps(jsontext.loads(file.read()))
    except OSError as error:
        raise Misuse(f"opening seccomp profile ({path}) failed: open {path}: {_reason(error)}") from None
    except ValueError as error:
        raise Misuse(f"compacting json for seccomp profile ({path}) failed: {error}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _device(value: str) -> dict[str, str]:
    """`/dev/a`, `/dev/a:/dev/b`, `/dev/a:rw`, `/dev/a:/dev/b:rw`"""
    parts = value.split(":")
    if len(parts) > 3:
        raise Misuse(f"bad format for path: {value}")
    if not parts[0]:
        raise Misuse(f"invalid device specification: {value}")
    inside, access = parts[0], "rwm"
    for part in parts[1:]:
        if part and set(part) <= set("rwm") and len(part) <= 3:
            access = part
        elif part.startswith("/") and inside == parts[0]:
            inside = part
        else:
            raise Misuse(f"invalid device specification: {value}")
    return {"PathOnHost": parts[0], "PathInContainer": inside, "CgroupPermissions": access}


def _ports(options: Options, config: dict[str, Any], host: dict[str, Any]) -> None:
    from fairlead.cli.commands import portspec

    try:
        exposed, bindings = portspec.publish(options["publish"])
        exposed |= portspec.expose(options["expose"])
    except ValueError as error:
        raise Misuse(str(error)) from None
    config["ExposedPorts"] = exposed
    if bindings:
        host["PortBindings"] = bindings


def _volumes(values: list[str], config: dict[str, Any], host: dict[str, Any]) -> None:
    """Anonymous volumes and binds; a path relative to here is made absolute here."""
    for value in values:
        parts = value.split(":")
        if not value:
            raise Misuse("invalid empty volume spec")
        if len(parts) > 1 and not all(parts) and value != "::":
            raise Misuse(f"invalid spec: {value}: empty section between colons")
        if len(parts) == 1:
            config.setdefault("Volumes", {})[value] = {}
            continue
        if parts[0].startswith((".", "~")):
            import os

            parts[0] = os.path.abspath(os.path.expanduser(parts[0]))
        host.setdefault("Binds", []).append(":".join(parts))


def environment(options: Options) -> list[str]:
    """Files first, then `-e`."""
    if not options["env-file"]:
        return list(options["env"])
    import os

    found = []
    for path in options["env-file"]:
        for name, line in _lines(path):
            if "=" in line:
                found.append(line)
            elif name in os.environ:
                found.append(f"{name}={os.environ[name]}")
    return [*found, *options["env"]]


def _labels(options: Options) -> dict[str, str]:
    lines = [line for path in options["label-file"] for _, line in _lines(path)]
    return _pairs([*lines, *options["label"]])


def _lines(path: str) -> list[tuple[str, str]]:
    """(name, line) for each `name=value` or `name` of a file; `#` opens a comment."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except IsADirectoryError:
        raise Misuse(f"invalid env file ({path}): read {path}: is a directory") from None
    except OSError as error:
        raise Misuse(f"open {path}: {_reason(error)}") from None
    found = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.rstrip(b"\r").decode().lstrip()
        except UnicodeDecodeError:
            raise Misuse(f"invalid env file ({path}): invalid utf8 bytes at line {number}: {_go(raw)}") from None
        if not line or line[0] == "#":
            continue
        name = line.partition("=")[0]
        if any(letter in name for letter in " \t"):
            raise Misuse(f"invalid env file ({path}): variable '{name}' contains whitespaces")
        if not name:
            raise Misuse(f"invalid env file ({path}): no variable name on line '{line}'")
        found.append((name, line))
    return found


def _go(data: bytes) -> str:
    """Bytes as Go prints them."""
    return f"[{' '.join(map(str, data))}]"


def _health(options: Options) -> dict[str, Any] | None:
    given = [flag for flag in ("health-cmd", *(flag for flag, _ in _HEALTH)) if options.given(flag)]
    if options["no-healthcheck"]:
        if given:
            raise Misuse("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    if not given:
        return None
    check: dict[str, Any] = {"Test": ["CMD-SHELL", options["health-cmd"]]} if options["health-cmd"] else {}
    for flag, member in _HEALTH:
        if options.given(flag):
            if options[flag] < 0:
                raise Misuse(f"--{flag} cannot be negative")
            check[member] = options[flag]
    return check


def _networks(options: Options, config: dict[str, Any], host: dict[str, Any]) -> None:
    wanted: list[dict[str, Any]] = options["network"] or [{"Target": "default"}]
    if not all(network["Target"] for network in wanted):
        raise Misuse("no name set for network")
    host["NetworkMode"] = wanted[0]["Target"]
    _shorthands(options, wanted[0])
    if options.given("mac-address") and not _is_mac(options["mac-address"]):
        raise Misuse(f"{options['mac-address']} is not a valid mac address")
    if len(wanted) == 1 and len(wanted[0]) == 1:
        return
    if len(wanted) > 1 and not all(_is_user_defined(network["Target"]) for network in wanted):
        raise Misuse("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
    endpoints: dict[str, Any] = {}
    for network in wanted:
        name = network["Target"]
        if name in endpoints:
            raise Misuse(f'network "{name}" is specified multiple times')
        endpoints[name] = {member: value for member, value in network.items() if member != "Target"}
    config["NetworkingConfig"] = {"EndpointsConfig": endpoints}


def _is_user_defined(mode: str) -> bool:
    return mode not in _PREDEFINED and not mode.startswith("container:")


def _shorthands(options: Options, network: dict[str, Any]) -> None:
    """`--ip`, `--network-alias` and their like speak of the first network."""
    ipam = network.get("IPAMConfig", {})
    for flag, where, member, what in (
        ("ip", ipam, "IPv4Address", "IPv4 address"), ("ip6", ipam, "IPv6Address", "IPv6 address"),
        ("link-local-ip", ipam, "LinkLocalIPs", "link-local IP addresses"),
        ("network-alias", network, "Aliases", "network-alias"), ("mac-address", network, "MacAddress", "MAC address"),
    ):  # fmt: skip
        if options.given(flag):
            if member in where:
                raise Misuse(f"conflicting options: cannot specify both --{flag} and per-network {what}")
            where[member] = options[flag]
    if ipam:
        network["IPAMConfig"] = ipam
    if options.given("link") and _is_user_defined(network["Target"]):
        network["Links"] = options["link"]


def _is_mac(text: str) -> bool:
    parts = text.replace("-", ":").split(":")
    return len(parts) == 6 and all(len(part) == 2 and not set(part.lower()) - set("0123456789abcdef") for part in parts)
