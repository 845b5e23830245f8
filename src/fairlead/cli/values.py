"""What docker's clients take as the value of a flag, and what they make of it. ValueError carries docker's words
(docker/cli opts, go-units, Go's strconv and time). flags.py finds these functions by name."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_ULIMITS = ("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
            "rttime", "sigpending", "stack")  # fmt: skip
_SYSCTLS = ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
            "kernel.shmmni", "kernel.shm_rmid_forced")  # fmt: skip


def size(value: str) -> int:
    """`512m`, `1.5 GiB` → bytes."""
    at = max((position for position, letter in enumerate(value) if letter in "0123456789. "), default=-1)
    if at < 0:
        raise ValueError(f"invalid size: '{value}'")
    number, suffix = value[: at + 1].rstrip(" "), value[at + 1 :].lower()
    try:
        amount = float(number)
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{number}": invalid syntax') from None
    if amount < 0:
        raise ValueError(f"invalid size: '{value}'")
    if suffix in ("", "b"):
        return int(amount)
    if suffix[0] not in _SUFFIXES or suffix[1:] not in ("", "b", "ib"):
        raise ValueError(f"invalid suffix: '{suffix}'")
    return int(amount * _SUFFIXES[suffix[0]])


def swap(value: str) -> int:
    return -1 if value == "-1" else size(value)


def cpus(value: str) -> int:
    """`1.5` → nanoseconds per second."""
    digits, _, fraction = value.partition(".")
    if not (digits + fraction).isdecimal():
        raise ValueError(f"failed to parse {value} as a rational number")
    if fraction[9:].strip("0"):
        raise ValueError("value is too precise")
    return int(digits or "0") * 10**9 + int(fraction[:9].ljust(9, "0"))


def duration(value: str) -> int:
    """`1m30s` → nanoseconds (Go's time.ParseDuration)."""
    rest = value[1:] if value[:1] in ("-", "+") else value
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f'time: invalid duration "{value}"')
    total = 0.0
    while rest:
        digits = _leading(rest, lambda letter: letter in "0123456789.")
        unit = _leading(rest[len(digits) :], lambda letter: letter not in "0123456789.")
        if not digits.replace(".", "", 1).isdecimal():
            raise ValueError(f'time: invalid duration "{value}"')
        if not unit:
            raise ValueError(f'time: missing unit in duration "{value}"')
        nanoseconds = _NANOSECONDS.get("us" if unit in ("\u00b5s", "\u03bcs") else unit)
        if nanoseconds is None:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{value}"')
        total += float(digits) * nanoseconds
        rest = rest[len(digits) + len(unit) :]
    return -int(total) if value[0] == "-" else int(total)


def _leading(text: str, wanted: Callable[[str], bool]) -> str:
    end = 0
    while end < len(text) and wanted(text[end]):
        end += 1
    return text[:end]


def weight(value: str) -> int:
    from fairlead.cli.flags import integer

    return integer(value, low=0, high=(1 << 16) - 1, name="ParseUint")


def unsigned(value: str) -> int:
    from fairlead.cli.flags import integer

    return integer(value, low=0, high=(1 << 64) - 1, name="ParseUint")


def device_weight(value: str) -> dict[str, Any]:
    path, _, amount = value.rpartition(":")
    if not path.startswith("/dev/") or not amount.isdecimal() or not (amount == "0" or 10 <= int(amount) <= 1000):
        raise ValueError(f"invalid weight for device: {value}")
    return {"Path": path, "Weight": int(amount)}


def device_bytes(value: str) -> dict[str, Any]:
    path, _, amount = value.rpartition(":")
    try:
        return {"Path": _device_path(path), "Rate": size(amount)}
    except ValueError:
        raise ValueError(
            f"invalid rate for device: {value}. The correct format is <device-path>:<number>[<unit>]. "
            "Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        ) from None


def device_operations(value: str) -> dict[str, Any]:
    path, _, amount = value.rpartition(":")
    if not path.startswith("/dev/") or not amount.isdecimal():
        raise ValueError(
            f"invalid rate for device: {value}. The correct format is <device-path>:<number>. "
            "Number must be a positive integer"
        )
    return {"Path": path, "Rate": int(amount)}


def _device_path(path: str) -> str:
    if not path.startswith("/dev/"):
        raise ValueError(path)
    return path


def environment(value: str) -> str:
    """A name without `=` takes the value it has here; the daemon unsets it where it has none."""
    name, equals, _ = value.partition("=")
    if not name:
        raise ValueError(f"invalid environment variable: {value}")
    if equals:
        return value
    import os

    return f"{name}={os.environ[name]}" if name in os.environ else name


def label(value: str) -> str:
    if not value.partition("=")[0]:
        raise ValueError(f"invalid label '{value}': empty name")
    return value


def link(value: str) -> str:
    if not value:
        raise ValueError("empty string specified for links")
    if value.count(":") > 1:
        raise ValueError(f"bad format for links: {value}")
    return value


def extra_host(value: str) -> str:
    """`name:address` or `name=address`, the address in brackets if one likes."""
    host, separator, where = value.partition("=")
    if not separator:
        host, separator, where = value.partition(":")
    if not separator or not host or ":" in host:
        raise ValueError(f'bad format for add-host: "{value}"')
    if where == "host-gateway":
        return f"{host}:{where}"
    if where[:1] == "[" and where[-1:] == "]":
        where = where[1:-1]
    if not is_address(where):
        raise ValueError(f'invalid IP address in add-host: "{where}"')
    return f"{host}:{where}"


def address(value: str) -> str:
    if not is_address(value.strip()):
        raise ValueError(f"IP address is not correctly formatted: {value}")
    return value.strip()


def is_address(text: str) -> bool:
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def domain(value: str) -> str:
    if value.strip() == ".":
        return "."
    for part in value.strip().removesuffix(".").split("."):
        if not part.replace("-", "a").isalnum() or not part.isascii() or part[0] == "-" or part[-1] == "-":
            raise ValueError(f"{value} is not a valid domain")
    return value.strip()


def stream(value: str) -> str:
    if value.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return value.lower()


def condition(value: str) -> str:
    """One `--filter`."""
    if "=" not in value:
        raise ValueError("bad format of filter (expected name=value)")
    return value


def sysctl(value: str) -> str:
    name, equals, _ = value.partition("=")
    if not equals or (name not in _SYSCTLS and not name.startswith(("net.", "fs.mqueue."))):
        raise ValueError(f"sysctl '{value}' is not allowed")
    return value


def ulimit(value: str) -> dict[str, Any]:
    from fairlead.cli.flags import integer

    name, equals, limits = value.partition("=")
    if not equals:
        raise ValueError(f"invalid ulimit argument: {value}")
    if name not in _ULIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    parts = limits.split(":")
    if len(parts) > 2:
        raise ValueError(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
    soft = integer(parts[0])
    hard = integer(parts[1]) if len(parts) == 2 else soft
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return {"Name": name, "Soft": soft, "Hard": hard}


def device_rule(value: str) -> str:
    kind, _, rest = value.partition(" ")
    numbers, _, access = rest.partition(" ")
    major, colon, minor = numbers.partition(":")
    fits = kind in ("a", "b", "c") and colon and access and set(access) <= set("rwm") and len(access) <= 3
    if not fits or not all(part == "*" or part.isdecimal() for part in (major, minor)):
        raise ValueError(f"invalid device cgroup format '{value}'")
    return value


def gpus(value: str) -> dict[str, Any]:
    """`all`, `2`, `device=0`, `"device=0,1",capabilities=utility`: a device request."""
    made: dict[str, Any] = {}
    for field in _split(value):
        key, equals, text = field.partition("=")
        name = key if equals else "count"
        if name in made or key in made:
            raise ValueError(f"gpu request key '{key}' can be specified only once")
        if name == "count":
            made[name] = _gpu_count(text if equals else key)
        elif name in ("device", "capabilities"):
            made[name] = text.split(",")
        elif name == "options":
            made[name] = dict(option.partition("=")[::2] for option in _split(text))
        elif name == "driver":
            made[name] = text
        else:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
    return {
        "Driver": made.get("driver", ""), "Count": made.get("count", 0 if "device" in made else 1),
        "DeviceIDs": made.get("device"), "Capabilities": [[*made.get("capabilities", ()), "gpu"]],
        "Options": made.get("options", {}),
    }  # fmt: skip


def _gpu_count(text: str) -> int:
    if text == "all":
        return -1
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'invalid count ({text}): value must be either "all" or an integer: invalid syntax') from None


def _split(value: str) -> list[str]:
    """At commas; a field in double quotes may hold some."""
    fields = [""]
    quoted = False
    for letter in value:
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            fields.append("")
        else:
            fields[-1] += letter
    return fields


def _fields(value: str) -> list[tuple[str, str | None]]:
    """`a=b,c` → pairs."""
    pairs = [field.partition("=") for field in _split(value)]
    return [(name.strip().lower(), text if equals else None) for name, equals, text in pairs]


def _truth(name: str, value: str) -> bool:
    if value.lower() in ("1", "t", "true"):
        return True
    if value.lower() in ("0", "f", "false"):
        return False
    raise ValueError(f"invalid value for {name}: {value}")


_MOUNT_TEXTS = {
    "type": ("Type",), "source": ("Source",), "src": ("Source",), "target": ("Target",), "dst": ("Target",),
    "destination": ("Target",), "consistency": ("Consistency",), "bind-propagation": ("BindOptions", "Propagation"),
    "volume-driver": ("VolumeOptions", "DriverConfig", "Name"), "volume-subpath": ("VolumeOptions", "Subpath"),
}  # fmt: skip
_MOUNT_FLAGS = {
    "readonly": ("ReadOnly",), "ro": ("ReadOnly",), "volume-nocopy": ("VolumeOptions", "NoCopy"),
    "bind-nonrecursive": ("BindOptions", "NonRecursive"),
}  # fmt: skip
_MOUNT_PAIRS = {
    "volume-label": ("VolumeOptions", "Labels"),
    "volume-opt": ("VolumeOptions", "DriverConfig", "Options"),
}


def mount(value: str) -> dict[str, Any]:
    """`type=bind,source=/a,target=/b,readonly`"""
    made: dict[str, Any] = {"Type": "volume"}
    for name, text in _fields(value):
        _mount_field(made, name, text)
    if not made["Type"]:
        raise ValueError("type is required")
    if not made.get("Target"):
        raise ValueError("target is required")
    for option, kind in (("BindOptions", "bind"), ("VolumeOptions", "volume"), ("TmpfsOptions", "tmpfs")):
        if option in made and made["Type"] != kind:
            raise ValueError(f"cannot mix '{kind}-*' options with mount type '{made['Type']}'")
    if made["Type"] == "bind" and made.get("Source", "").startswith("."):
        import os

        made["Source"] = os.path.abspath(made["Source"])
    return made


def _mount_field(made: dict[str, Any], name: str, text: str | None) -> None:
    if name in _MOUNT_FLAGS:
        _put(made, _MOUNT_FLAGS[name], True if text is None else _truth(name, text))
    elif text is None:
        raise ValueError(f"invalid field '{name}' must be a key=value pair")
    elif name in _MOUNT_TEXTS:
        _put(made, _MOUNT_TEXTS[name], text.lower() if name == "type" else text)
    elif name in _MOUNT_PAIRS:
        key, _, kept = text.partition("=")
        _put(made, (*_MOUNT_PAIRS[name], key), kept)
    elif name == "tmpfs-size":
        _put(made, ("TmpfsOptions", "SizeBytes"), _mount_number(name, text, size))
    elif name == "tmpfs-mode":
        _put(made, ("TmpfsOptions", "Mode"), _mount_number(name, text, lambda mode: int(mode, 8)))
    else:
        raise ValueError(f"unexpected key '{name}' in '{name}={text}'")


def _mount_number(name: str, text: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(text)
    except ValueError:
        raise ValueError(f"invalid value for {name}: {text}") from None


def _put(made: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        made = made.setdefault(name, {})
    made[path[-1]] = value


def network(value: str) -> dict[str, Any]:
    """`name`, or `name=n,alias=a,ip=…`: one entry of EndpointsConfig, and under "Target" its name."""
    if "=" not in value:
        return {"Target": value}
    made: dict[str, Any] = {"Target": ""}
    for name, text in _fields(value):
        if text is None:
            raise ValueError(f"invalid field {name}")
        if name == "name":
            made["Target"] = text
        elif name == "alias":
            made.setdefault("Aliases", []).append(text)
        elif name in ("ip", "ip6"):
            _put(made, ("IPAMConfig", "IPv4Address" if name == "ip" else "IPv6Address"), text)
        elif name == "link-local-ip":
            made.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(text)
        elif name == "mac-address":
            made["MacAddress"] = text
        elif name == "driver-opt":
            key, equals, option = text.partition("=")
            if not equals:
                raise ValueError("invalid key value pair format in driver options")
            _put(made, ("DriverOpts", key.strip().lower()), option.strip())
        elif name == "gw-priority":
            made["GwPriority"] = _mount_number(name, text, int)
        else:
            raise ValueError(f"invalid field key {name}")
    return made
