"""What is stored comes back the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network

from fairlead.model.container import (
    Config,
    Container,
    Endpoint,
    HostConfig,
    Link,
    Mount,
    Port,
    PortBinding,
    PublishedPort,
    State,
    Status,
)
from fairlead.model.network import Lease, Network, Segment
from fairlead.model.volume import Volume
from fairlead.store import codec
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database
from fairlead.store.networks import NetworkStore
from fairlead.store.volumes import VolumeStore

NOW = datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
WEB = Container(
    id="a" * 64,
    name="web",
    created=NOW,
    path="sh",
    args=("-c", 'echo "config":{},"host_config":{}'),
    config=Config(env=("A=b",), exposed_ports=frozenset({Port(80), Port(53, "udp")}), labels={"x": "y"}),
    host_config=HostConfig(port_bindings={Port(80): (PortBinding("", "8080"),)}, links=("db:db",)),
    links=(Link("b" * 64, "db", "db"),),
    endpoints=(
        Endpoint(id="e", network_id="n", network_name="bridge", address=IPv4Interface("172.17.0.2/16")),
    ),
    published=(PublishedPort(Port(80), "::", 8080), PublishedPort(Port(53, "udp"), "127.0.0.1", 5353, forwarded=True)),
    mounts=(Mount(type="volume", name="data", target="/data"),),
    state=State(status=Status.RUNNING, pid=7, started_at=NOW),
)


def test_a_container_comes_back_and_follows_changes(database: Database) -> None:
    store = ContainerStore(database)
    store.save(WEB)
    assert ContainerStore(database).load() == [WEB]
    ended = replace(WEB, state=State(status=Status.EXITED, exit_code=3), config=replace(WEB.config, tty=True))
    store.save(ended)
    assert ContainerStore(database).load() == [ended]
    store.delete(WEB.id)
    assert ContainerStore(database).load() == []


def test_published_ports_of_an_older_record_are_read() -> None:
    old = '{"port":"53/udp","host_ip":"::","host_port":5353,"forwarded":true}'
    assert codec.loads(PublishedPort, old) == PublishedPort(Port(53, "udp"), "::", 5353, forwarded=True)


def test_a_network_of_several_subnets_of_both_families_comes_back(database: Database) -> None:
    more = (
        Segment(IPv4Network("10.1.0.0/24"), IPv4Network("10.1.0.128/25"), IPv4Address("10.1.0.1")),
        Segment(IPv6Network("fd00:1::/64"), None, IPv6Address("fd00:1::1")),
    )
    store = NetworkStore(database)
    store.save(network := Network(id="n", name="n", created=NOW, subnet=IPv4Network("10.0.0.0/24"), more=more))
    assert store.load() == [network]


def test_a_lease_takes_the_address_from_whoever_had_it_kept(database: Database) -> None:
    store = NetworkStore(database)
    address = IPv4Address("172.17.0.2")
    store.save_lease(Lease("n", "db", address, held=True))
    store.keep_lease("n", "db")
    assert store.leases("n") == [Lease("n", "db", address, held=False)]
    store.save_lease(Lease("n", "web", address, held=True))
    assert store.leases("n") == [Lease("n", "web", address, held=True)]


def test_kept_leases_come_in_the_order_in_which_they_were_let_go(database: Database) -> None:
    store = NetworkStore(database)
    for number, name in enumerate(("a", "b", "c"), 2):
        store.save_lease(Lease("n", name, IPv4Address(f"172.17.0.{number}"), held=True))
    for name in ("c", "a"):
        store.keep_lease("n", name)
    assert [lease.name for lease in store.leases("n") if not lease.held] == ["c", "a"]


def test_a_network_goes_with_its_leases(database: Database) -> None:
    store = NetworkStore(database)
    network = Network(id="n", name="mine", created=NOW, subnet=IPv4Network("10.0.0.0/24"))
    store.save(network)
    store.save_lease(Lease("n", "web", IPv4Address("10.0.0.2"), held=True))
    assert store.load() == [network]
    store.delete("n")
    assert (store.load(), store.leases("n")) == ([], [])


def test_volumes_and_who_uses_them(database: Database) -> None:
    store = VolumeStore(database)
    volume = Volume(name="data", created=NOW, mountpoint="/x", labels={"a": "b"})
    store.save(volume)
    store.use(["data"], "c1")
    store.use(["data"], "c1")
    assert store.load() == [volume]
    assert store.users() == [("data", "c1")]
    store.release("c1")
    assert store.users() == []
