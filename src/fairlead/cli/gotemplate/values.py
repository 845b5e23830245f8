"""JSON values as Go's template package sees Docker's typed ones: which objects are maps and which structs, what a null
or an omitted field is, what is true, how things print."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class NoValue:
    """What Go prints as <no value>."""


NO_VALUE = NoValue()

# Zero values of maps by field name: what `index` gives for a missing key.
MAPS: dict[str, Any] = {
    "Annotations": "", "AuxiliaryAddresses": "", "Attributes": "", "BuildArgs": "", "Config": "", "Containers": None,
    "DriverOpts": "", "EndpointsConfig": None, "ExposedPorts": NO_VALUE, "Indices": None, "Labels": "", "LogOpts": "",
    "Networks": None, "Options": "", "PortBindings": NO_VALUE, "Ports": NO_VALUE, "Runtimes": None, "Status": "",
    "Storage": "",
    "StorageOpt": "", "Sysctls": "", "Tmpfs": "", "Volumes": {}, "Data": "", "Details": "", "IndexConfigs": None,
    "ImageSets": None, "NodeGenericResources": None,
}  # fmt: skip
_STRUCTS_OF_SAME_NAME = frozenset(("Config",))
"""Names that are a map in one place (LogConfig.Config, IPAM) and a struct in another: the keys decide."""
LISTS = frozenset((
    "Aliases", "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "Names",
    "BlkioDeviceWriteIOps", "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DNSNames", "DeviceCgroupRules",
    "DeviceRequests", "Devices", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts",
    "GroupAdd", "Layers", "Links", "LinkLocalIPs", "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests",
    "RepoTags", "SecondaryIPAddresses", "SecondaryIPv6Addresses", "SecurityOpt", "SecurityOptions", "Shell", "Ulimits",
    "VolumesFrom", "Warnings", "ConsoleSize", "Test", "Log",
))  # fmt: skip
# Fields Docker's structs have although its JSON leaves them out when empty.
OMITTED: dict[str, Any] = {
    "Annotations": {}, "ArgsEscaped": False, "GraphDriver": None, "Health": None, "Healthcheck": None, "Init": None,
    "MacAddress": "", "Mounts": [], "NetworkDisabled": False, "OnBuild": [], "Shell": [], "SizeRootFs": None,
    "SizeRw": None, "StopSignal": "", "StopTimeout": None, "StorageOpt": {}, "Sysctls": {}, "Tmpfs": {},
    "UsageData": None, "Options": {}, "ImageManifestDescriptor": None, "Platform": "", "Variant": "", "OsVersion": "",
    "Status": {}, "AuxiliaryAddresses": {}, "Subnet": "", "IPRange": "", "Gateway": "", "Capabilities": [],
}  # fmt: skip


# Go's name of a field where its JSON name is spelt otherwise.
SPELLINGS = {
    "ID": "Id", "DNS": "Dns", "DNSOptions": "DnsOptions", "DNSSearch": "DnsSearch", "HTTPProxy": "HttpProxy",
    "HTTPSProxy": "HttpsProxy", "APIVersion": "ApiVersion",
}  # fmt: skip


class GoMap(dict):  # type: ignore[type-arg]
    """An object known to be a map; `zero` is what a missing key gives."""

    __slots__ = ("null", "zero")

    def __init__(self, items: dict[str, Any], zero: Any = None, *, null: bool = False) -> None:
        super().__init__(items)
        self.zero = zero
        if zero is NO_VALUE:
            self.update({key: NilList() for key, item in items.items() if item is None})
        self.null = null


class NilList(list):  # type: ignore[type-arg]
    """A null that stands for a list: prints and counts as an empty one, is null in JSON."""


class Context(dict):  # type: ignore[type-arg]
    """The row of a formatter: its fields are all there are, and `go_type` names it in errors."""

    def __init__(self, go_type: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.go_type = go_type


def typed(name: str, value: Any) -> Any:
    """The value of the field `name`, given the kind the name implies."""
    if value is None:
        if name in LISTS:
            return NilList()
        if name in MAPS and name not in _STRUCTS_OF_SAME_NAME:
            return GoMap({}, MAPS[name], null=True)
    elif type(value) is dict and name in MAPS and not (name in _STRUCTS_OF_SAME_NAME and is_struct(value)):
        return GoMap(value, MAPS[name])
    return value


def is_struct(value: Any) -> bool:
    """Whether an object is a struct: no name says map and all its keys look like exported fields."""
    return (
        type(value) is dict
        and bool(value)
        and all("A" <= key[:1] <= "Z" and key.replace("_", "").isalnum() for key in value)
    )


def truth(value: Any) -> bool:
    """Go's truth: zero, empty and nil are false."""
    if isinstance(value, NoValue):
        return False
    return bool(value)


def go_type(value: Any) -> str:
    """A Go type name for error texts."""
    if isinstance(value, Context):
        return value.go_type
    if isinstance(value, bool):
        return "bool"
    for kind, name in ((str, "string"), (int, "int"), (float, "float64"), (list, "[]interface {}")):
        if isinstance(value, kind):
            return name
    return "map[string]interface {}" if isinstance(value, dict) else "interface {}"


def show(value: Any, *, plus: bool = False) -> str:
    """Go's %v (with `plus`, %+v)."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return show_float(value)
    if isinstance(value, list | tuple):
        return "[" + " ".join(show(item, plus=plus) for item in value) + "]"
    if isinstance(value, dict):
        return _show_object(value, plus=plus)
    if isinstance(value, NoValue):
        return "<no value>"
    return str(value)


def _show_object(value: dict[str, Any], *, plus: bool) -> str:
    if is_struct(value):
        pairs: Iterable[tuple[str, str]] = ((key, show(typed(key, item), plus=plus)) for key, item in value.items())
        return "{" + " ".join(f"{key}:{text}" if plus else text for key, text in pairs) + "}"
    if not value and not isinstance(value, GoMap):
        return "{}"
    return "map[" + " ".join(f"{key}:{show(value[key], plus=plus)}" for key in sorted(value)) + "]"


def show_float(value: float) -> str:
    """Go's %v of a float64: the shortest digits, an exponent from 1e21."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    text = repr(value)
    if "e" not in text and text.endswith(".0"):
        return text[:-2]
    if "e+" in text and abs(value) < 1e21:
        return str(int(value))
    return text
