"""The flags of `run` and `create` → the body of POST /containers/create. Messages: docker/cli opts."""

from __future__ import annotations

import os

from fairlead.cli.commands import portspec
from fairlead.cli import flags
from fairlead.cli.flags import boolean, items, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.flags import Options

FLAGS = (
    items("add-host", help="Add a custom host-to-IP mapping (host:ip)"),
    items("annotation"),
    items("attach", "a", help="Attach to STDIN, STDOUT or STDERR"),
    number("blkio-weight"),
    items("cap-add", help="Add Linux capabilities"),
    items("cap-drop", help="Drop Linux capabilities"),
    text("cgroup-parent"),
    text("cgroupns"),
    text("cidfile", help="Write the container ID to the file"),
    number("cpu-period"),
    number("cpu-quota"),
    number("cpu-shares", "c"),
    text("cpus", help="Number of CPUs"),
    text("cpuset-cpus"),
    text("cpuset-mems"),
    text("detach-keys", help="Override the key sequence for detaching a container"),
    items("device", help="Add a host device to the container"),
    items("device-cgroup-rule"),
    items("dns", help="Set custom DNS servers"),
    items("dns-option", help="Set DNS options"),
    items("dns-search", help="Set custom DNS search domains"),
    text("domainname", help="Container NIS domain name"),
    text("entrypoint", help="Overwrite the default ENTRYPOINT of the image"),
    items("env", "e", help="Set environment variables"),
    items("env-file", help="Read in a file of environment variables"),
    items("expose", help="Expose a port or a range of ports"),
    items("group-add", help="Add additional groups to join"),
    text("health-cmd"),
    text("health-interval"),
    number("health-retries"),
    text("health-start-interval"),
    text("health-start-period"),
    text("health-timeout"),
    text("hostname", "h", help="Container host name"),
    boolean("init", help="Run an init inside the container that forwards signals and reaps processes"),
    boolean("interactive", "i", help="Keep STDIN open even if not attached"),
    text("ip"),
    text("ip6"),
    text("ipc"),
    items("label", "l", help="Set meta data on a container"),
    items("label-file", help="Read in a line delimited file of labels"),
    items("link", help="Add link to another container"),
    text("log-driver", help="Logging driver for the container"),
    items("log-opt", help="Log driver options"),
    text("mac-address"),
    text("memory", "m", help="Memory limit"),
    text("memory-reservation"),
    text("memory-swap"),
    number("memory-swappiness"),
    items("mount", help="Attach a filesystem mount to the container"),
    text("name", help="Assign a name to the container"),
    items("network", help="Connect a container to a network"),
    items("net"),
    items("network-alias", help="Add network-scoped alias for the container"),
    items("net-alias"),
    boolean("no-healthcheck"),
    boolean("oom-kill-disable"),
    number("oom-score-adj"),
    text("pid", help="PID namespace to use"),
    number("pids-limit", help="Tune container pids limit (set -1 for unlimited)"),
    text("platform"),
    boolean("privileged", help="Give extended privileges to this container"),
    items("publish", "p", help="Publish a container's port(s) to the host"),
    boolean("publish-all", "P", help="Publish all exposed ports to random ports"),
    text("pull", help="Pull image before running (always, missing, never)"),
    boolean("quiet", "q", help="Suppress the pull output"),
    boolean("read-only", help="Mount the container's root filesystem as read only"),
    text("restart", help="Restart policy to apply when a container exits"),
    boolean("rm", help="Remove the container and its anonymous volumes when it exits"),
    text("runtime"),
    items("security-opt", help="Security options"),
    text("shm-size", help="Size of /dev/shm"),
    text("stop-signal", help="Signal to stop the container"),
    number("stop-timeout", help="Timeout (in seconds) to stop a container"),
    items("sysctl", help="Sysctl options"),
    items("tmpfs", help="Mount a tmpfs directory"),
    boolean("tty", "t", help="Allocate a pseudo-TTY"),
    items("ulimit", help="Ulimit options"),
    text("user", "u", help="Username or UID (format: <name|uid>[:<group|gid>])"),
    text("userns"),
    text("uts"),
    items("volume", "v", help="Bind mount a volume"),
    items("volumes-from", help="Mount volumes from the specified container(s)"),
    text("workdir", "w", help="Working directory inside the container"),
)
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECOND = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def size(amount: str) -> int:
    """`512m`, `1gb`, `-1` → bytes."""
    if not amount or amount == "-1":
        return -1 if amount else 0
    number_ = amount.lower().removesuffix("ib").removesuffix("b") or amount
    unit = number_[-1:] if number_[-1:] in _UNITS else ""
    try:
        value = float(number_[: len(number_) - len(unit)])
    except ValueError:
        raise flags.UsageError(None, f"invalid size: '{amount}'") from None
    return int(value * _UNITS[unit or "b"])


def duration(given: str) -> int:
    """`1m30s` → nanoseconds (Go's time.ParseDuration)."""
    total, digits, unit = 0.0, "", ""
    for letter in f"{given}\0":
        if letter.isdigit() or letter in ".\0":
            if unit:
                if unit not in _SECOND or not digits:
                    raise flags.UsageError(None, f'time: invalid duration "{given}"')
                total += float(digits) * _SECOND[unit]
                digits = unit = ""
            digits += letter
        else:
            unit += letter
    if given and digits.strip("\0") not in ("", "0"):
        raise flags.UsageError(None, f'time: missing unit in duration "{given}"')
    return int(total)


def body(given: Options) -> dict[str, Any]:
    """The whole request. The first argument is the image, the rest the command."""
    image, command = given.args[0], given.args[1:]
    exposed, bindings = portspec.publish(given["publish"])
    exposed.update(portspec.expose(given["expose"]))
    volumes, binds = _volumes(given["volume"])
    detached = given.given("detach") and bool(given["detach"])
    tty, stdin = bool(given["tty"]), bool(given["interactive"])
    streams = [name.lower() for name in given["attach"]]
    attached = not detached
    config: dict[str, Any] = {
        "Hostname": given["hostname"],
        "Domainname": given["domainname"],
        "User": given["user"],
        "AttachStdin": attached and (("stdin" in streams) if streams else stdin),
        "AttachStdout": attached and ("stdout" in streams if streams else True),
        "AttachStderr": attached and ("stderr" in streams if streams else True),
        "ExposedPorts": exposed,
        "Tty": tty,
        "OpenStdin": stdin,
        "StdinOnce": stdin and attached,
        "Env": environment(given["env-file"], given["env"]),
        "Cmd": command or None,
        "Image": image,
        "Volumes": volumes,
        "WorkingDir": given["workdir"],
        "Entrypoint": None,
        "Labels": _labels(given["label-file"], given["label"]),
        "HostConfig": _host_config(given, binds, bindings),
        "NetworkingConfig": _networking(given),
    }
    if given.given("entrypoint"):
        config["Entrypoint"] = [given["entrypoint"]]
    if given["stop-signal"]:
        config["StopSignal"] = given["stop-signal"]
    if given.given("stop-timeout"):
        config["StopTimeout"] = given["stop-timeout"]
    if given["mac-address"]:
        config["MacAddress"] = given["mac-address"]
    if health := _health(given):
        config["Healthcheck"] = health
    return config


def _host_config(given: Options, binds: list[str], bindings: dict[str, Any]) -> dict[str, Any]:
    networks = given["network"] + given["net"]
    host: dict[str, Any] = {
        "Binds": binds or None,
        "ContainerIDFile": given["cidfile"],
        "NetworkMode": networks[0] if networks else "default",
        "PortBindings": bindings,
        "PublishAllPorts": given["publish-all"],
        "Links": [_link(link) for link in given["link"]] or None,
        "ExtraHosts": [_extra_host(value) for value in given["add-host"]] or None,
        "Dns": given["dns"],
        "DnsOptions": given["dns-option"],
        "DnsSearch": given["dns-search"],
        "RestartPolicy": _restart(given),
        "AutoRemove": given["rm"],
        "VolumesFrom": given["volumes-from"] or None,
        "CapAdd": given["cap-add"] or None,
        "CapDrop": given["cap-drop"] or None,
        "GroupAdd": given["group-add"] or None,
        "Privileged": given["privileged"],
        "ReadonlyRootfs": given["read-only"],
        "SecurityOpt": [_security(option) for option in given["security-opt"]] or None,
        "Tmpfs": dict(value.partition(":")[::2] for value in given["tmpfs"]),
        "Sysctls": dict(value.partition("=")[::2] for value in given["sysctl"]),
        "ConsoleSize": [0, 0],
        "Annotations": dict(value.partition("=")[::2] for value in given["annotation"]),
        "LogConfig": {"Type": given["log-driver"], "Config": dict(v.partition("=")[::2] for v in given["log-opt"])},
        "Ulimits": [_ulimit(value) for value in given["ulimit"]] or None,
        "Devices": [_device(value) for value in given["device"]],
        "DeviceCgroupRules": given["device-cgroup-rule"] or None,
        "Mounts": [_mount(value) for value in given["mount"]],
    }
    for flag, field in (
        ("ipc", "IpcMode"), ("pid", "PidMode"), ("uts", "UTSMode"), ("userns", "UsernsMode"), ("runtime", "Runtime"),
        ("cgroupns", "CgroupnsMode"), ("cgroup-parent", "CgroupParent"), ("cpuset-cpus", "CpusetCpus"),
        ("cpuset-mems", "CpusetMems"), ("cpu-shares", "CpuShares"), ("cpu-period", "CpuPeriod"),
        ("cpu-quota", "CpuQuota"), ("oom-score-adj", "OomScoreAdj"), ("oom-kill-disable", "OomKillDisable"),
        ("blkio-weight", "BlkioWeight"), ("pids-limit", "PidsLimit"),
    ):  # fmt: skip
        if given.given(flag):
            host[field] = given[flag]
    for flag, field in (
        ("memory", "Memory"), ("memory-reservation", "MemoryReservation"), ("memory-swap", "MemorySwap"),
        ("shm-size", "ShmSize"),
    ):  # fmt: skip
        if given.given(flag):
            host[field] = size(given[flag])
    host["MemorySwappiness"] = given["memory-swappiness"] if given.given("memory-swappiness") else -1
    if given["cpus"]:
        host["NanoCpus"] = _cpus(given["cpus"])
    if given.given("init"):
        host["Init"] = given["init"]
    return host


def _cpus(value: str) -> int:
    try:
        return int(float(value) * 10**9)
    except ValueError:
        raise flags.UsageError(None, f'invalid argument "{value}" for "--cpus" flag: failed to parse {value} as a rational number'
                         ) from None  # fmt: skip


def _restart(given: Options) -> dict[str, Any]:
    value = given["restart"] or "no"
    name, colon, count = value.partition(":")
    if colon and not count.lstrip("-").isdigit():
        raise flags.UsageError(None, "invalid restart policy format: maximum retry count must be an integer")
    if given["rm"] and name != "no":
        raise flags.UsageError(None, "conflicting options: cannot specify both --restart and --rm")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _link(value: str) -> str:
    if not value:
        raise flags.UsageError(None, "empty string specified for links")
    if len(value.split(":")) > 2:
        raise flags.UsageError(None, f'invalid argument "{value}" for "--link" flag: bad format for links: {value}')
    return value if ":" in value else f"{value}:{value}"


def _extra_host(value: str) -> str:
    equals, colon = value.find("="), value.find(":")
    if equals > 0 and (colon < 0 or equals < colon):
        value = value.replace("=", ":", 1)
    host, colon_, address = value.partition(":")
    if not colon_ or not host:
        raise flags.UsageError(
            None, f'invalid argument "{value}" for "--add-host" flag: bad format for add-host: "{value}"'
        )
    return f"{host}:{address.removeprefix('[').removesuffix(']')}"


def _security(option: str) -> str:
    name, separator, value = option.partition("=")
    if name == "seccomp" and separator and value not in ("unconfined", "builtin"):
        try:
            with open(value, encoding="utf-8") as file:
                return f"seccomp={file.read()}"
        except OSError as error:
            raise flags.UsageError(None, f"opening seccomp profile ({value}) failed: open {value}: {(error.strerror or '').lower()}"
                             ) from None  # fmt: skip
    return option


def _ulimit(value: str) -> dict[str, Any]:
    name, equals, value = value.partition("=")
    soft, _, hard = value.partition(":")
    if not equals or not soft.lstrip("-").isdigit():
        raise flags.UsageError(
            None, f'invalid argument "{value}" for "--ulimit" flag: invalid ulimit argument: {value}'
        )
    return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}


def _device(value: str) -> dict[str, str]:
    parts = value.split(":")
    inside = parts[1] if len(parts) > 1 and parts[1].startswith("/") else parts[0]
    access = parts[-1] if len(parts) > 1 and not parts[-1].startswith("/") else "rwm"
    return {"PathOnHost": parts[0], "PathInContainer": inside, "CgroupPermissions": access}


def _mount(value: str) -> dict[str, Any]:
    """`type=bind,source=/a,target=/b,readonly`."""
    values: dict[str, str] = {}
    for item in value.split(","):
        name, _, value = item.partition("=")
        values[name.strip().lower()] = value or "true"
    kind = values.get("type", "volume")
    target = values.get("target") or values.get("destination") or values.get("dst") or ""
    if not target:
        raise flags.UsageError(None, f'invalid argument "{value}" for "--mount" flag: target is required')
    mount: dict[str, Any] = {"Type": kind, "Source": values.get("source") or values.get("src") or "", "Target": target,
                             "ReadOnly": (values.get("readonly") or values.get("ro") or "false") in ("true", "1")}  # fmt: skip
    if "bind-propagation" in values:
        mount["BindOptions"] = {"Propagation": values["bind-propagation"]}
    if "tmpfs-size" in values or "tmpfs-mode" in values:
        mount["TmpfsOptions"] = {"SizeBytes": size(values.get("tmpfs-size", "0")),
                                 "Mode": int(values.get("tmpfs-mode", "1777"), 8)}  # fmt: skip
    return mount


def _volumes(values: list[str]) -> tuple[dict[str, Any], list[str]]:
    """(anonymous volumes, binds). A relative or home path of this machine is made absolute here."""
    anonymous: dict[str, Any] = {}
    binds: list[str] = []
    for value in values:
        source, colon, rest = value.partition(":")
        if not colon:
            anonymous[value] = {}
        elif source.startswith((".", "~")) and "/" in f"{source}/":
            binds.append(f"{os.path.abspath(os.path.expanduser(source))}:{rest}")
        else:
            binds.append(value)
    return anonymous, binds


def environment(env_files: list[str], values: list[str]) -> list[str]:
    """Files first, then `-e`; a name without `=` takes the value from here, if it has one here."""
    out: list[str] = []
    for path in env_files:
        out += [line for line in map(_resolved, _lines(path, variables=True)) if line]
    return out + [line for line in map(_resolved, values) if line]


def _resolved(entry: str) -> str:
    name, equals, _ = entry.partition("=")
    if not name:
        raise flags.UsageError(
            None, f'invalid argument "{entry}" for "-e, --env" flag: invalid environment variable: {entry}'
        )
    if equals:
        return entry
    return f"{name}={os.environ[name]}" if name in os.environ else ""


def _lines(path: str, *, variables: bool) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise flags.UsageError(None, f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise flags.UsageError(None, f"env file {path} contains invalid utf8 bytes at line 1") from None
    out = []
    for line in text.splitlines():
        line = line.lstrip()
        if line and not line.startswith("#"):
            name = line.partition("=")[0]
            if variables and (name != name.strip() or " " in name):
                raise flags.UsageError(None, f"invalid env file ({path}): variable '{name}' contains whitespaces")
            out.append(line)
    return out


def _labels(paths: list[str], values: list[str]) -> dict[str, str]:
    entries = [line for path in paths for line in _lines(path, variables=False)] + values
    return dict(entry.partition("=")[::2] for entry in entries)


def _networking(given: Options) -> dict[str, Any]:
    networks = given["network"] + given["net"]
    aliases = given["network-alias"] + given["net-alias"]
    if not networks:
        networks = ["default"]
    endpoints: dict[str, Any] = {}
    for position, name in enumerate(networks):
        if name.startswith("container:"):
            continue
        settings: dict[str, Any] = {}
        if position == 0:
            if given["ip"] or given["ip6"]:
                settings["IPAMConfig"] = {"IPv4Address": given["ip"], "IPv6Address": given["ip6"]}
            if aliases:
                settings["Aliases"] = aliases
            if given["link"] and name not in ("default", "bridge", "host", "none"):
                settings["Links"] = [_link(link) for link in given["link"]]
        endpoints[name] = settings
    return {"EndpointsConfig": endpoints}


def _health(given: Options) -> dict[str, Any] | None:
    if given["no-healthcheck"]:
        return {"Test": ["NONE"]}
    out: dict[str, Any] = {}
    if given["health-cmd"]:
        out["Test"] = ["CMD-SHELL", given["health-cmd"]]
    for flag, field in (("health-interval", "Interval"), ("health-timeout", "Timeout"),
                        ("health-start-period", "StartPeriod"), ("health-start-interval", "StartInterval")):  # fmt: skip
        if given[flag]:
            out[field] = duration(given[flag])
    if given["health-retries"]:
        out["Retries"] = given["health-retries"]
    return out or None
