"""Options of networks and endpoints, and what becomes of containers whose network has changed or gone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from testbed.engine import Engine
from testbed.inside import Inside, serve

pytestmark = pytest.mark.root

SLEEP = ("box", "sleep", "1000")
ICC = "com.docker.network.bridge.enable_icc"
SYSCTLS = "com.docker.network.endpoint.sysctls"


@pytest.fixture(scope="module")
def town(new_module_engine: Callable[..., Engine]) -> Engine:
    return new_module_engine("--ipv6")


def said(engine: Engine, *words: str) -> str:
    return engine.cli(*words).err.removeprefix("fairlead: ").removeprefix("Error response from daemon: ").strip()


def names(engine: Engine, *filters: str) -> list[str]:
    words = [word for text in filters for word in ("--filter", text)]
    return sorted(engine.do("network", "ls", "--format", "{{.Name}}", *words).split())


def test_link_local_addresses_carry_bytes(clean: Engine) -> None:
    """On an open network, of both families; also when they come with `network connect`. The guard knows them."""
    clean.do("network", "create", "lan")
    mine = ("--link-local-ip", "169.254.3.4", "--link-local-ip", "fe80::3:4")
    clean.do("run", "-d", "--name", "aa", "--network", "lan", *mine, *SLEEP)
    clean.do("run", "-d", "--name", "bb", *SLEEP)
    clean.do("network", "connect", "--link-local-ip", "169.254.3.5", "--link-local-ip", "fe80::3:5", "lan", "bb")
    given = clean.inspect("bb")["NetworkSettings"]["Networks"]["lan"]["IPAMConfig"]
    assert given == {"LinkLocalIPs": ["169.254.3.5", "fe80::3:5"]}
    with serve(Inside(clean, "aa"), "aa", 80):
        assert Inside(clean, "bb").talk("169.254.3.4", 80) == "aa 169.254.3.5"
        assert str(Inside(clean, "bb").talk("fe80::3:4%eth1", 80)).startswith("aa fe80::")
    clean.do("create", "--name", "cc", "box")
    refused = said(clean, "network", "connect", "--link-local-ip", "10.1.1.1", "bridge", "aa")
    assert refused == "invalid link local IP address: 10.1.1.1"
    refused = said(clean, "network", "connect", "--link-local-ip", "x", "lan", "cc")
    assert refused == "invalid endpoint settings:\ninvalid link-local IP address: x"


def test_sysctls_and_the_name_of_an_interface(clean: Engine) -> None:
    clean.do("network", "create", "-o", "com.docker.network.container_iface_prefix=net", "lan")
    wish = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.rp_filter=2"
    attached = f'name=lan,"driver-opt={SYSCTLS}={wish}",driver-opt=com.docker.network.endpoint.ifname=wan'
    clean.do("run", "-d", "--name", "aa", "--network", attached, *SLEEP)
    clean.do("network", "disconnect", "lan", "aa")
    clean.do("network", "connect", "--driver-opt", f"{SYSCTLS}=net.ipv4.conf.IFNAME.log_martians=1", "lan", "aa")
    assert Inside(clean, "aa").run("cat", "/proc/sys/net/ipv4/conf/net0/log_martians").strip() == "1"
    clean.do("restart", "-t", "0", "aa")
    clean.do("run", "-d", "--name", "bb", "--network", attached, *SLEEP)
    read = Inside(clean, "bb").run("sh", "-c", "cd /proc/sys/net/ipv4/conf/wan && cat log_martians rp_filter")
    assert read.split() == ["1", "2"]
    for wrong, why in (
        ("net.ipv4.conf.IFNAME.x", "name=value"), ("kernel.a.b.IFNAME.c=1", "net.X.Y.IFNAME.Z"),
        ("net.ipv4.conf.IFNAME./../../x=1", "net.X.Y.IFNAME.Z"),
    ):  # fmt: skip
        run = said(clean, "run", "--rm", "--network", f'name=lan,"driver-opt={SYSCTLS}={wrong}"', "box", "true")
        assert f"expected sysctl '{wrong}' to have format {why}" in run


def test_the_way_out_is_another_machine(clean: Engine) -> None:
    """DefaultGatewayIPv4 among the auxiliary addresses; the bridge itself need not have an address at all."""
    bridge = "com.docker.network.bridge."
    inhibited = ("-o", f"{bridge}inhibit_ipv4=true", "-o", f"{bridge}name=br-lan")
    aux = ("--aux-address", "DefaultGatewayIPv4=10.5.0.99")
    clean.do("network", "create", "--subnet", "10.5.0.0/24", *aux, *inhibited, "lan")
    clean.do("run", "-d", "--name", "router", "--network", "lan", *SLEEP)
    clean.do("run", "-d", "--name", "aa", "--network", "lan", *SLEEP)
    assert clean.inspect("aa")["NetworkSettings"]["Networks"]["lan"]["Gateway"] == "10.5.0.99"
    assert Inside(clean, "aa").ip("route", "show", "default").split()[:3] == ["default", "via", "10.5.0.99"]
    clean.kill()
    clean.start()
    clean.do("network", "reload")
    assert json.loads(clean.host.here.ip("-json", "-4", "address", "show", "dev", "br-lan")) == []
    with serve(Inside(clean, "aa"), "aa", 80):
        assert Inside(clean, "router").talk(clean.address("aa", "lan"), 80) == f"aa {clean.address('router', 'lan')}"
    refused = said(clean, "network", "create", "-o", f"{bridge}inhibit_ipv4=maybe", "other")
    assert refused == (
        f"failed to parse {bridge}inhibit_ipv4 value: maybe "
        '(strconv.ParseBool: parsing "maybe": invalid syntax)'
    )


def test_a_network_of_ipv6_alone(clean: Engine) -> None:
    """Its members have no IPv4 at all, find each other and the host by name, and publish."""
    clean.do("network", "create", "--ipv4=false", "--ipv6", "six")
    assert [entry["Subnet"][:2] for entry in clean.json("GET", "/networks/six")["IPAM"]["Config"]] == ["fd"]
    clean.do("run", "-d", "--name", "aa", "--network", "six", "-p", "8080:80", *SLEEP)
    clean.do("run", "-d", "--name", "bb", "--network", "six", *SLEEP)
    assert Inside(clean, "bb").ip("-4", "address", "show", "dev", "eth0") == ""
    own = {name: clean.inspect(name)["NetworkSettings"]["Networks"]["six"] for name in ("aa", "bb")}
    found = clean.do("exec", "bb", "nslookup", "-type=aaaa", "aa")
    assert own["aa"]["GlobalIPv6Address"] in found
    assert own["bb"]["IPv6Gateway"] in clean.do("exec", "bb", "nslookup", "-type=aaaa", "host.docker.internal")
    with serve(Inside(clean, "aa"), "aa", 80):
        assert Inside(clean, "bb").talk(own["aa"]["GlobalIPv6Address"], 80) == f"aa {own['bb']['GlobalIPv6Address']}"
        assert str(clean.host.here.talk("::1", 8080)).startswith("aa")
    assert said(clean, "network", "create", "--ipv4=false", "none6") == "IPv4 or IPv6 must be enabled"


def test_configuration_networks(clean: Engine) -> None:
    clean.do("network", "create", "--config-only", "--subnet", "10.33.0.0/24", "--label", "x=y", "conf")
    clean.do("network", "create", "--config-only", "--subnet", "10.33.0.0/24", "twin")
    clean.do("network", "create", "--config-from", "conf", "real")
    clean.kill()
    clean.start()
    real = clean.json("GET", "/networks/real")
    assert (real["ConfigFrom"], real["Labels"]) == ({"Network": "conf"}, {"x": "y"})
    assert real["IPAM"]["Config"] == [{"Subnet": "10.33.0.0/24", "Gateway": "10.33.0.1"}]
    conf = clean.json("GET", "/networks/conf")
    assert (conf["ConfigOnly"], conf["Driver"], conf["IPAM"]["Config"]) == (True, "null", [{"Subnet": "10.33.0.0/24"}])
    clean.do("run", "--rm", "--network", "real", "box", "true")
    refused = said(clean, "run", "--rm", "--network", "conf", "box", "true")
    assert "cannot create endpoint on configuration-only network" in refused
    assert said(clean, "network", "rm", "conf") == (
        'error while removing network: configuration network "conf" is in use\nexit status 1'
    )
    clean.do("network", "prune", "-f")
    assert names(clean, "type=custom") == ["conf", "twin"]
    clean.do("network", "rm", "conf", "twin")


def test_networks_are_filtered_by_patterns(clean: Engine) -> None:
    assert names(clean, "name=b.*e") == names(clean, "name=^br") == ["bridge"]
    assert names(clean, "name=[") == []


def test_a_network_that_went_while_its_container_was_stopped(clean: Engine) -> None:
    """Prune leaves it; removed and made again under its name it is joined again, with an address of its own now."""
    clean.do("network", "create", "--subnet", "10.5.0.0/24", "lan")
    clean.do("run", "-d", "--name", "aa", "--network", "lan", *SLEEP)
    clean.do("stop", "-t", "0", "aa")
    clean.do("network", "prune", "-f")
    clean.do("network", "rm", "lan")
    assert said(clean, "start", "aa").startswith("network lan not found")
    clean.do("network", "create", "--subnet", "10.6.0.0/24", "lan")
    clean.do("start", "aa")
    assert clean.address("aa", "lan").startswith("10.6.0.")
    clean.do("stop", "-t", "0", "aa")
    clean.do("network", "rm", "lan")
    clean.do("network", "disconnect", "lan", "aa")
    clean.do("start", "aa")
    assert clean.inspect("aa")["NetworkSettings"]["Networks"] == {}


def test_who_is_not_there_cannot_be_disconnected(clean: Engine) -> None:
    assert said(clean, "network", "disconnect", "nosuch", "nobody") == "No such container: nobody"
    assert said(clean, "network", "disconnect", "-f", "bridge", "nobody") == "endpoint nobody not found"
    assert said(clean, "network", "connect", "nosuch", "nobody") == "No such container: nobody"
    for words, text in (
        (("--scope", "swarm"), "cannot create a swarm scoped network when swarm is not active"),
        (("--ingress",), "Ingress network can only be global scope network"),
        (("-d", "overlay"), "This node is not a swarm manager."),
    ):
        assert said(clean, "network", "create", *words, "other").startswith(text)
