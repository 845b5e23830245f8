"""`version` and `info` in full, and the line of an event."""

from __future__ import annotations

from fairlead.cli import formats, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Item = dict[str, Any]


def version(client: Item, server: Item | None) -> str:
    """The text of `version`."""
    lines = ["Client:"]
    lines += _pairs(
        1,
        19,
        ("Version:", client["Version"]),
        ("API version:", _api_version(client)),
        ("Python version:", client["PythonVersion"]),
        ("OS/Arch:", f"{client['Os']}/{client['Arch']}"),
        ("Context:", client["Context"]),
    )
    if server is not None:
        name = (server.get("Platform") or {}).get("Name") or ""
        lines += ["", f"Server: {name}".rstrip()]
        for component in server.get("Components") or [_engine_of(server)]:
            lines += [f" {component['Name']}:", *_component(component)]
    return "\n".join(lines) + "\n"


def _api_version(client: Item) -> str:
    used, own = client["ApiVersion"], client["DefaultAPIVersion"]
    return used if used == own else f"{used} (downgraded from {own})"


def _engine_of(server: Item) -> Item:
    """The engine as a component, for a server that lists none."""
    names = ("ApiVersion", "MinAPIVersion", "GitCommit", "Os", "Arch", "BuildTime", "Experimental")
    return {"Name": "Engine", "Version": server.get("Version", ""), "Details": {key: server.get(key) for key in names}}


def _component(component: Item) -> list[str]:
    details = component.get("Details") or {}
    if component["Name"] != "Engine":
        return _pairs(
            2, 18, ("Version:", component["Version"]), *((f"{key}:", value) for key, value in details.items())
        )
    rows: list[tuple[str, Any]] = [
        ("Version:", component["Version"]),
        ("API version:", f"{details.get('ApiVersion')} (minimum version {details.get('MinAPIVersion')})"),
        ("Go version:", details.get("GoVersion")),
        ("Git commit:", details.get("GitCommit")),
        ("Built:", details.get("BuildTime")),
        ("OS/Arch:", f"{details.get('Os')}/{details.get('Arch')}"),
        ("Experimental:", details.get("Experimental")),
    ]
    return _pairs(2, 18, *(row for row in rows if row[1]))


def _pairs(indent: int, width: int, *pairs: tuple[str, Any]) -> list[str]:
    return [" " * indent + f"{label:<{width}}{value}".rstrip() for label, value in pairs]


def info(client: Item, facts: Item) -> tuple[str, str]:
    """The text of `info`, and the warnings that go to stderr."""
    lines = [
        "Client:",
        f" Version:    {client['Version']}",
        f" Context:    {client['Context']}",
        " Debug Mode: false",
        "",
        "Server:",
        f" Containers: {facts['Containers']}",
        f"  Running: {facts['ContainersRunning']}",
        f"  Paused: {facts['ContainersPaused']}",
        f"  Stopped: {facts['ContainersStopped']}",
        f" Images: {facts['Images']}",
        f" Server Version: {facts['ServerVersion']}",
        f" Storage Driver: {facts['Driver']}",
        *(f"  {name}: {value}" for name, value in facts.get("DriverStatus") or ()),
        *_facts(facts, ("Logging Driver", "LoggingDriver"), ("Cgroup Driver", "CgroupDriver")),
        *_facts(facts, ("Cgroup Version", "CgroupVersion")),
        *_plugins(facts.get("Plugins") or {}),
        f" Swarm: {(facts.get('Swarm') or {}).get('LocalNodeState') or 'inactive'}",
        " Runtimes: " + " ".join(sorted(facts.get("Runtimes") or ())),
        *_facts(facts, ("Default Runtime", "DefaultRuntime"), ("Init Binary", "InitBinary")),
        *_security(facts.get("SecurityOptions") or ()),
        *_facts(facts, ("Kernel Version", "KernelVersion"), ("Operating System", "OperatingSystem")),
        *_facts(facts, ("OSType", "OSType"), ("Architecture", "Architecture"), ("CPUs", "NCPU")),
        f" Total Memory: {units.binary_size(facts.get('MemTotal') or 0)}",
        *_facts(facts, ("Name", "Name"), ("ID", "ID"), ("Docker Root Dir", "DockerRootDir")),
        f" Debug Mode: {_fact(facts.get('Debug'))}",
        *_labels(facts),
        f" Live Restore Enabled: {_fact(facts.get('LiveRestoreEnabled'))}",
        *_pools(facts.get("DefaultAddressPools") or ()),
        "",
    ]
    warnings = "".join(f"{warning}\n" for warning in facts.get("Warnings") or ())
    return "\n".join(lines) + "\n", warnings


def _facts(facts: Item, *rows: tuple[str, str]) -> list[str]:
    return [f" {label}: {facts[key]}" for label, key in rows if facts.get(key) not in (None, "")]


def _fact(value: Any) -> str:
    return "true" if value else "false"


def _plugins(plugins: Item) -> list[str]:
    lines = [" Plugins:"]
    for kind in ("Volume", "Network", "Authorization", "Log"):
        if plugins.get(kind) or kind in ("Volume", "Network"):
            lines.append(f"  {kind}: {' '.join(plugins.get(kind) or ())}")
    return lines


def _security(options: Sequence[str]) -> list[str]:
    """`name=seccomp,profile=builtin` as an indented list."""
    lines = [" Security Options:"] if options else []
    for option in options:
        for pair in option.split(","):
            key, _, value = pair.partition("=")
            lines.append(f"  {value}" if key == "name" else f"   {key.capitalize()}: {value}")
    return lines


def _labels(facts: Item) -> list[str]:
    lines = [" Labels:", *(f"  {label}" for label in facts["Labels"])] if facts.get("Labels") else []
    lines.append(f" Experimental: {_fact(facts.get('ExperimentalBuild'))}")
    registries = facts.get("RegistryConfig") or {}
    insecure = [
        *(name for name, config in (registries.get("IndexConfigs") or {}).items() if not config.get("Secure")),
        *(registries.get("InsecureRegistryCIDRs") or ()),
    ]
    if insecure:
        lines += [" Insecure Registries:", *(f"  {name}" for name in insecure)]
    return lines


def _pools(pools: Sequence[Item]) -> list[str]:
    if not pools:
        return []
    return [" Default Address Pools:", *(f"   Base: {pool['Base']}, Size: {pool['Size']}" for pool in pools)]


def event(message: Item) -> str:
    """`2026-11-24T00:23:07.123456000Z container create abc (image=bb:1, name=web)`"""
    nano = message.get("timeNano") or message["time"] * 10**9
    stamp = units.rfc3339(nano // 10**9)
    when = f"{stamp[:19]}.{nano % 10**9:09d}{stamp[19:]}"
    actor = message.get("Actor") or {}
    attributes = ", ".join(f"{key}={value}" for key, value in sorted((actor.get("Attributes") or {}).items()))
    tail = f" ({attributes})" if attributes else ""
    return f"{when} {message['Type']} {message['Action']} {actor.get('ID', '')}{tail}\n"


def sorted_attributes(message: Item) -> Item:
    """An event as Go prints it: maps by their keys."""
    actor = message.get("Actor") or {}
    return {**message, "Actor": {**actor, "Attributes": dict(sorted((actor.get("Attributes") or {}).items()))}}


def event_row(message: Item) -> Item:
    """An event for a template: Docker's struct spells these fields otherwise than its JSON."""
    row = {**message, "Time": message.get("time"), "TimeNano": message.get("timeNano"), "Scope": message.get("scope")}
    return row | {
        "Status": message.get("status") or "",
        "ID": message.get("id") or "",
        "From": message.get("from") or "",
    }


def cache(records: Sequence[Item]) -> str:
    """The build cache part of `system df -v`."""
    return formats.listing(cache_kind(), records)


def cache_kind() -> formats.Kind:
    titles = {
        "ID": "CACHE ID", "Type": "CACHE TYPE", "Size": "SIZE", "Created": "CREATED", "LastUsed": "LAST USED",
        "Usage": "USAGE", "Shared": "SHARED",
    }  # fmt: skip
    fields: dict[str, Any] = {
        "ID": lambda item: str(item["ID"])[:12],
        "Type": lambda item: item.get("Type", ""),
        "Size": lambda item: units.size(item.get("Size", 0), digits=3),
        "Created": lambda item: item.get("CreatedAt", ""),
        "LastUsed": lambda item: item.get("LastUsedAt") or "",
        "Usage": lambda item: str(item.get("UsageCount", 0)),
        "Shared": lambda item: _fact(item.get("Shared")),
    }
    return formats.Kind("*formatter.buildCacheContext", fields, titles, list(titles))
