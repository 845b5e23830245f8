"""Networks: ls, create, rm, inspect, connect, disconnect, reload, prune."""

from __future__ import annotations

import sys

from fairlead.cli import client, inspection, userconfig
from fairlead.cli.commands import prune as prunes
from fairlead.cli.flags import Options, Verb, boolean, items, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client


def list_networks(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import networks

    options = parse(LIST, argv)
    fmt = options["format"] or ("" if options["quiet"] else userconfig.text("networksFormat"))
    found = api.get("/networks", filters=client.filters(options["filter"]))
    sys.stdout.write(networks.show(found, fmt, quiet=options["quiet"], no_trunc=options["no-trunc"]))
    return 0


def create(api: Client, argv: list[str]) -> int:
    options = parse(CREATE, argv)
    body: dict[str, Any] = {
        "Name": options.args[0],
        "Driver": options["driver"],
        "Options": client.mapping(options["opt"]),
        "IPAM": {
            "Driver": options["ipam-driver"],
            "Options": client.mapping(options["ipam-opt"]),
            "Config": _subnets(options),
        },
        "Internal": options["internal"],
        "Attachable": options["attachable"],
        "Ingress": options["ingress"],
        "ConfigOnly": options["config-only"],
        "Scope": options["scope"],
        "ConfigFrom": {"Network": options["config-from"]} if options["config-from"] else None,
        "Labels": client.mapping(options["label"]),
    }
    if options.given("ipv4"):
        body["EnableIPv4"] = options["ipv4"]
    if options.given("ipv6"):
        body["EnableIPv6"] = options["ipv6"]
    answer = api.post("/networks/create", body)
    if answer.get("Warning"):
        sys.stderr.write(f"WARNING: {answer['Warning']}\n")
    sys.stdout.write(f"{answer['Id']}\n")
    return 0


def _subnets(options: Options) -> list[dict[str, Any]]:
    """One entry for each --subnet; ranges, gateways and reserved addresses go to the subnet they lie in."""
    import ipaddress

    found: list[dict[str, Any]] = [{"Subnet": entry} for entry in options["subnet"]]

    def parsed(entry: str) -> Any:
        try:
            return ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return None  # the daemon says what is wrong with it

    def of(entry: str, what: str) -> dict[str, Any]:
        inside = parsed(entry)
        for config in found:
            subnet = parsed(config["Subnet"])
            if None not in (inside, subnet) and inside.version == subnet.version and inside.subnet_of(subnet):
                return config
        raise client.Refused(f"no matching subnet for {what} {entry}")

    if not found and (options["ip-range"] or options["gateway"] or options["aux-address"]):
        raise client.Refused("every ip-range or gateway must have a corresponding subnet")
    for entry in options["ip-range"]:
        _once(of(entry, "range"), "IPRange", entry)
    for entry in options["gateway"]:
        _once(of(entry, "gateway"), "Gateway", entry)
    for entry in options["aux-address"]:
        name, _, address = entry.partition("=")
        of(address, "aux-address").setdefault("AuxiliaryAddresses", {})[name] = address
    return found


def _once(config: dict[str, Any], key: str, value: str) -> None:
    if key in config:
        what = {"IPRange": "range", "Gateway": "gateway"}[key]
        raise client.Refused(f"cannot configure multiple {what}s ({value}, {config[key]}) on the same subnet")
    config[key] = value


def remove(api: Client, argv: list[str]) -> int:
    options = parse(REMOVE, argv)
    failed = False
    for name in options.args:
        try:
            api.delete(f"/networks/{name}")
        except client.ApiError as error:
            if options["force"] and error.status == 404:
                continue
            sys.stderr.write(f"Error response from daemon: {error}\n")
            failed = True
            continue
        sys.stdout.write(f"{name}\n")
    if failed:
        sys.stderr.write("exit status 1\n")
    return 1 if failed else 0


def inspect(api: Client, argv: list[str]) -> int:
    options = parse(INSPECT, argv)
    return inspection.run(api, "network", options.args, options["format"])


def connect(api: Client, argv: list[str]) -> int:
    options = parse(CONNECT, argv)
    network, container = options.args
    addresses = {
        "IPv4Address": options["ip"],
        "IPv6Address": options["ip6"],
        "LinkLocalIPs": options["link-local-ip"],
    }
    endpoint = {
        "IPAMConfig": {key: value for key, value in addresses.items() if value},
        "Links": options["link"],
        "Aliases": options["alias"],
        "DriverOpts": client.mapping(options["driver-opt"]),
        "GwPriority": options["gw-priority"],
    }
    api.post(f"/networks/{network}/connect", {"Container": container, "EndpointConfig": endpoint})
    return 0


def disconnect(api: Client, argv: list[str]) -> int:
    options = parse(DISCONNECT, argv)
    network, container = options.args
    api.post(f"/networks/{network}/disconnect", {"Container": container, "Force": options["force"]})
    return 0


def prune(api: Client, argv: list[str]) -> int:
    options = parse(PRUNE, argv)
    warning = "WARNING! This will remove all custom networks not used by at least one container."
    if options["force"] or prunes.confirm(warning):
        prunes.networks(api, client.filters(options["filter"]))
    return 0


def reload(api: Client, argv: list[str]) -> int:
    options = parse(RELOAD, argv)
    paths = [f"/fairlead/v1/networks/{name}/reload" for name in options.args] or ["/fairlead/v1/networks/reload"]
    for path in paths:
        for name in api.post(path)["Networks"]:
            sys.stdout.write(f"{name}\n")
    return 0


LIST = Verb(
    "network ls [OPTIONS]", "List networks", (0, 0),
    items("filter", "f", word="filter", check="condition", help='Provide filter values (e.g. "driver=bridge")'),
    text("format", help="Format output using a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'"),
    boolean("no-trunc", help="Do not truncate the output"),
    boolean("quiet", "q", help="Only display network IDs"),
)  # fmt: skip
CREATE = Verb(
    "network create [OPTIONS] NETWORK", "Create a network", (1, 1),
    boolean("attachable", help="Enable manual container attachment"),
    items("aux-address", word="map", help="Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    text("config-from", help="The network from which to copy the configuration"),
    boolean("config-only", help="Create a configuration only network"),
    text("driver", "d", default="bridge", help="Driver to manage the Network"),
    items("gateway", word="strings", help="IPv4 or IPv6 Gateway for the master subnet"),
    boolean("ingress", help="Create swarm routing-mesh network"),
    boolean("internal", help="Restrict external access to the network"),
    items("ip-range", word="strings", help="Allocate container ip from a sub-range"),
    text("ipam-driver", default="default", help="IP Address Management Driver"),
    items("ipam-opt", word="map", help="Set IPAM driver specific options"),
    boolean("ipv4", default=True, help="Enable or disable IPv4 address assignment"),
    boolean("ipv6", help="Enable or disable IPv6 address assignment"),
    items("label", help="Set metadata on a network"),
    items("opt", "o", word="map", help="Set driver specific options"),
    text("scope", help="Control the network's scope"),
    items("subnet", word="strings", help="Subnet in CIDR format that represents a network segment"),
)  # fmt: skip
REMOVE = Verb(
    "network rm NETWORK [NETWORK...]", "Remove one or more networks", (1, None),
    boolean("force", "f", help="Do not error if the network does not exist"),
)  # fmt: skip
INSPECT = Verb(
    "network inspect [OPTIONS] NETWORK [NETWORK...]", "Display detailed information on one or more networks",
    (1, None), text("format", "f", help="Format output using a Go template or 'json'"),
    boolean("verbose", "v", help="Verbose output for diagnostics"),
)  # fmt: skip
CONNECT = Verb(
    "network connect [OPTIONS] NETWORK CONTAINER", "Connect a container to a network", (2, 2),
    items("alias", word="strings", help="Add network-scoped alias for the container"),
    items("driver-opt", word="strings", help="driver options for the network"),
    number("gw-priority", help="Highest gw-priority provides the default gateway"),
    text("ip", help='IPv4 address (e.g., "172.30.100.104")'),
    text("ip6", help='IPv6 address (e.g., "2001:db8::33")'),
    items("link", help="Add link to another container"),
    items("link-local-ip", word="strings", help="Add a link-local address for the container"),
)  # fmt: skip
DISCONNECT = Verb(
    "network disconnect [OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network", (2, 2),
    boolean("force", "f", help="Force the container to disconnect from a network"),
)  # fmt: skip
RELOAD = Verb(
    "network reload [NETWORK...]",
    "Put back the rules, bridges and devices of networks, as they are meant to be", (0, None),
)  # fmt: skip
PRUNE = Verb(
    "network prune [OPTIONS]", "Remove all unused networks", (0, 0),
    items("filter", word="filter", check="condition", help='Provide filter values (e.g. "until=<timestamp>")'),
    boolean("force", "f", help="Do not prompt for confirmation"),
)  # fmt: skip
