"""What values arguments and flags may have: words that are always the same, files, and names that the daemon tells."""

from __future__ import annotations

from fairlead.cli import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fairlead.cli.flags import Flag, Verb

_PATIENCE_S = 2.0

ARGUMENTS = {
    "run:run": ("image", ""), "run:create": ("image", ""), "life:start": ("stopped",),
    "life:stop": ("running",), "life:restart": ("container",), "life:kill": ("running",), "life:pause": ("running",),
    "life:unpause": ("paused",), "life:remove": ("container",), "life:rename": ("container", ""),
    "publish:add": ("container", ""),
    "publish:remove": ("container", ""), "life:wait": ("container",),
    "life:prune": (), "look:list_containers": ("container",), "look:inspect": ("object",),
    "look:inspect_containers": ("container",), "look:port": ("container", ""), "look:top": ("running", ""),
    "look:diff": ("container",), "look:list_links": (), "life:unlink": ("linked",), "stream:logs": ("container",),
    "stream:execute": ("running", ""), "stream:attach": ("running",), "image:list_images": ("image",),
    "image:tag": ("image", "image"), "image:remove": ("image",), "image:history": ("image",),
    "image:inspect": ("image",), "image:prune": (), "image:bootstrap": ("",), "archives:load": (),
    "archives:save": ("image",), "archives:import_image": ("file", ""), "build:build": ("directory",),
    "build:prune": (), "registry:pull": ("image",), "registry:push": ("image",), "registry:login": ("",),
    "registry:logout": ("",), "registry:search": ("",), "files:copy": ("place",), "files:export": ("container",),
    "files:commit": ("container", "image"), "resources:stats": ("running",), "resources:update": ("container",),
    "system:version": (), "system:info": (), "system:events": (), "system:df": (), "system:prune": (),
    "system:dial": (),
    "network:list_networks": (), "network:create": ("",), "network:remove": ("network",),
    "network:inspect": ("network",), "network:connect": ("network", "container"),
    "network:disconnect": ("network", "container"), "network:prune": (), "network:reload": ("network",),
    "volume:list_volumes": (),
    "volume:create": ("",), "volume:remove": ("volume",), "volume:inspect": ("volume",), "volume:prune": (),
    "completion:script": ("bash zsh fish",),
}  # fmt: skip
"""Function of a verb → the kind of each argument; the last one's repeats. Several words are themselves the choice."""

_PLATFORMS = "linux/amd64 linux/arm64 linux/arm/v7 linux/386"
FLAGS = {
    "add-host": "", "attach": "stdin stdout stderr", "cap-add": "capability", "cap-drop": "capability",
    "cgroupns": "host private", "cidfile": "file", "config": "directory", "device": "file", "env-file": "file",
    "file": "file", "filter": "filter", "format": "json table", "host": "unix://", "iidfile": "file", "input": "file",
    "ipc": "none private shareable host container:", "label-file": "file", "link": "link",
    "log-driver": "json-file local none", "log-level": "debug info warn error fatal", "mode": "kernel forward",
    "mount": "type=bind, type=volume, type=tmpfs,", "network": "mode", "output": "file", "pid": "host container:",
    "platform": _PLATFORMS, "pull": "always missing never", "restart": "no always on-failure unless-stopped",
    "runtime": "crun runc", "security-opt": "no-new-privileges seccomp= systempaths=unconfined", "signal": "signal",
    "stop-signal": "signal", "tail": "all", "type": "container image network volume", "userns": "host", "uts": "host",
    "volume": "mountable", "volumes-from": "container",
}  # fmt: skip
"""Flag → kind of its value, of whatever verb."""
_FLAGS_OF = {("network:create", "driver"): "bridge", ("volume:create", "driver"): "local"}

FILTERS = {
    "look:list_containers":
        "ancestor before exited expose health id is-task label name network publish since status volume",
    "image:list_images": "before dangling label reference since until",
    "network:list_networks": "dangling driver id label name scope type",
    "volume:list_volumes": "dangling driver label name",
    "system:events": "container daemon event image label network type volume",
    "registry:search": "is-official stars", "life:prune": "label until", "image:prune": "dangling label until",
    "network:prune": "label until", "volume:prune": "all label", "system:prune": "label until", "build:prune": "until",
}  # fmt: skip
_FILTER_VALUES = {
    "ancestor": "image", "before": "container", "since": "container", "container": "container",
    "dangling": "true false", "health": "starting healthy unhealthy none", "image": "image",
    "is-official": "true false", "network": "network", "scope": "local", "volume": "volume",
    "status": "created restarting running removing paused exited dead",
    "type": "container daemon image network volume",
}  # fmt: skip
_SIGNALS = ("HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH")
_CAPABILITIES = (
    "ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER "
    "KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP "
    "SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO "
    "SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
)


class Found:
    """Words with what they are, and whether the shell is to offer `files` or `dirs` as well."""

    __slots__ = ("files", "words")

    def __init__(self, words: dict[str, str], files: str) -> None:
        self.words = words
        self.files = files


class Asked:
    """Where completion is asked for: daemon, verb, and its arguments so far."""

    __slots__ = ("args", "host", "target", "verb")

    def __init__(self, host: str, target: str, verb: Verb, args: list[str]) -> None:
        self.host = host
        self.target = target
        self.verb = verb
        self.args = args


class _Hasty(client.Client):
    """A daemon that does not answer at once tells nothing; none is started."""

    def connect(self) -> Any:
        sock = super().connect()
        sock.settimeout(_PATIENCE_S)
        return sock


def argument(asked: Asked) -> Found:
    """For the last of the arguments."""
    kinds = ARGUMENTS[asked.target]
    at = len(asked.args) - 1
    if not kinds or (at >= len(kinds) and asked.verb.count[1] is not None and kinds != ("place",)):
        return Found({}, "none")
    found = _of(asked, kinds[min(at, len(kinds) - 1)])
    return Found({word: about for word, about in found.words.items() if word not in asked.args[:-1]}, found.files)


def value(asked: Asked, flag: Flag) -> Found:
    return _of(asked, _FLAGS_OF.get((asked.target, flag.name), FLAGS.get(flag.target, FLAGS.get(flag.name, ""))))


def _of(asked: Asked, kind: str) -> Found:
    if kind in ("file", "directory", ""):
        return Found({}, {"file": "files", "directory": "dirs"}.get(kind, "none"))
    make = _KINDS.get(kind)
    if make is None:
        return Found(dict.fromkeys(kind.split(), ""), "none")
    try:
        return make(asked)
    except (client.ApiError, client.Refused, OSError, ValueError):
        return Found({}, "none")


def _get(asked: Asked, path: str, **query: Any) -> Any:
    from fairlead.cli import main

    return _Hasty(main.host([asked.host])).get(path, **query)


def _containers(asked: Asked, *states: str) -> dict[str, str]:
    rows = _get(asked, "/containers/json", all=True, filters={"status": list(states)} if states else {})
    return {
        name[1:]: f"{row['Image']}, {row['Status']}" for row in rows for name in row["Names"] if "/" not in name[1:]
    }


def _images(asked: Asked) -> dict[str, str]:
    return {name: row["Id"][7:19] for row in _get(asked, "/images/json") for name in row["RepoTags"] or ()}


def _networks(asked: Asked) -> dict[str, str]:
    return {row["Name"]: row["Driver"] for row in _get(asked, "/networks")}


def _volumes(asked: Asked) -> dict[str, str]:
    return {row["Name"]: row["Driver"] for row in _get(asked, "/volumes")["Volumes"] or ()}


def _objects(asked: Asked) -> dict[str, str]:
    return {**_volumes(asked), **_networks(asked), **_images(asked), **_containers(asked)}


def _links(asked: Asked) -> dict[str, str]:
    from fairlead.cli import main

    rows = _Hasty(main.host([asked.host])).call("GET", "/fairlead/v1/links", versioned=False)
    return {f"{row['Recipient']}/{row['Alias']}": row["Source"] for row in rows}


def _place(asked: Asked) -> Found:
    """Of `cp`: here, or in a container."""
    return Found({f"{name}:": about for name, about in _containers(asked).items()}, "files")


def _mountable(asked: Asked) -> Found:
    if asked.args[-1][:1] in ("/", ".", "~"):
        return Found({}, "dirs")
    return Found({f"{name}:": about for name, about in _volumes(asked).items()}, "dirs")


def _filter(asked: Asked) -> Found:
    name, equals, _ = asked.args[-1].partition("=")
    if not equals:
        names = FILTERS.get(asked.target, "").split()
        return Found({f"{known}=": "" for known in names}, "none")
    found = _of(asked, _FILTER_VALUES.get(name, ""))
    return Found({f"{name}={word}": about for word, about in found.words.items()}, "none")


def _words(make: Callable[[Asked], dict[str, str]]) -> Callable[[Asked], Found]:
    return lambda asked: Found(make(asked), "none")


_KINDS: dict[str, Callable[[Asked], Found]] = {
    "container": _words(_containers),
    "running": _words(lambda asked: _containers(asked, "running", "paused")),
    "paused": _words(lambda asked: _containers(asked, "paused")),
    "stopped": _words(lambda asked: _containers(asked, "created", "exited", "dead")),
    "image": _words(_images),
    "network": _words(_networks),
    "mode": _words(lambda asked: {**_networks(asked), "container:": ""}),
    "volume": _words(_volumes),
    "object": _words(_objects),
    "link": _words(lambda asked: {f"{name}:": about for name, about in _containers(asked).items()}),
    "linked": _words(_links),
    "place": _place,
    "mountable": _mountable,
    "filter": _filter,
    "signal": _words(lambda _asked: dict.fromkeys((name for sign in _SIGNALS for name in (sign, f"SIG{sign}")), "")),
    "capability": _words(lambda _asked: dict.fromkeys(_CAPABILITIES.split(), "")),
}
