"""Links while containers come and go, over a kernel that only remembers what was granted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface

import pytest

from fairlead.engine.linking import Linker
from fairlead.engine.registry import Registry
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.model.container import Config, Container, Endpoint, HostConfig, Port, State, Status
from fairlead.model.network import Grant, Network
from fairlead.network.hosts import LinkLine
from fairlead.store.containers import ContainerStore
from fairlead.store.database import Database

NETWORK = Network(id="n", name="bridge", created=datetime.now(UTC), icc=False)


class FakeKernel:
    """Grants as the kernel holds them: twice in is an error of ours, so is out without in."""

    def __init__(self) -> None:
        self.granted: set[Grant] = set()

    def grant(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            assert grant not in self.granted
            self.granted.add(grant)

    def revoke(self, grants: Iterable[Grant], *, cut: bool = False) -> None:
        for grant in grants:
            self.granted.remove(grant)

    def ports(self) -> list[tuple[str, str, int]]:
        return sorted((str(g.consumer), str(g.source), g.port) for g in self.granted if g.port)


class FakeEtc:
    """Hosts files as alias → address, by recipient."""

    def __init__(self) -> None:
        self.hosts: dict[str, dict[str, str]] = {}

    def put_links(self, recipient: Container, lines: Iterable[LinkLine]) -> None:
        self.hosts.setdefault(recipient.name, {}).update({line.alias: line.address for line in lines})

    def drop_links(self, recipient: Container, aliases: Iterable[str]) -> None:
        for alias in aliases:
            self.hosts.get(recipient.name, {}).pop(alias, None)


class FakeTopology:
    def by_id(self, network_id: str) -> Network:
        return NETWORK


class Stage:
    def __init__(self, database: Database) -> None:
        self.registry = Registry(ContainerStore(database))
        self.kernel, self.etc = FakeKernel(), FakeEtc()
        self.linker = Linker(
            self.registry, FakeTopology(), self.kernel, self.etc, environment=True  # type: ignore[arg-type]  # fakes
        )
        self._next = 1

    def create(self, name: str, *links: str, ports: tuple[int, ...] = (), mode: str = "bridge") -> Container:
        self._next += 1
        host = HostConfig(links=links, network_mode=mode)
        endpoints = (Endpoint(id="", network_id="n", network_name=mode),)
        container = Container(
            id=f"{self._next:064x}", name=name, created=datetime.now(UTC), host_config=host,
            config=Config(exposed_ports=frozenset(Port(p) for p in ports)),
            links=self.linker.resolve(host, endpoints), endpoints=endpoints,
        )  # fmt: skip
        self.registry.add(container)
        return container

    def start(self, name: str, address: str = "") -> Container:
        container = self.registry.get(name)
        address = address or f"172.17.0.{int(container.id, 16)}"
        end = replace(container.endpoints[0], id="e", address=IPv4Interface(f"{address}/16"))
        container = replace(container, endpoints=(end,))
        self.linker.sources(container)
        self.registry.note(container)
        self.linker.arm(container)
        return self.registry.save(replace(container, state=State(status=Status.RUNNING)))

    def stop(self, name: str) -> None:
        container = self.registry.get(name)
        self.linker.disarm(container)
        self.registry.save(replace(container, state=State(status=Status.EXITED)))

    def remove(self, name: str) -> None:
        self.stop(name)
        container = self.registry.get(name)
        self.linker.source_removed(container)
        self.registry.remove(container)


@pytest.fixture
def stage(database: Database) -> Stage:
    made = Stage(database)
    made.create("db", ports=(5432,))
    made.start("db", "172.17.0.5")
    return made


def test_a_started_recipient_may_reach_its_source(stage: Stage) -> None:
    stage.create("web", "db:webdb")
    web = stage.start("web", "172.17.0.7")
    assert stage.kernel.ports() == [("172.17.0.7", "172.17.0.5", 5432)]
    assert [line.address for line in stage.linker.lines(web)] == ["172.17.0.5"]
    assert "WEBDB_PORT=tcp://172.17.0.5:5432" in stage.linker.variables(web)


def test_a_source_that_exposes_nothing_may_still_be_pinged(stage: Stage) -> None:
    stage.create("mute")
    stage.start("mute", "172.17.0.6")
    stage.create("web", "mute")
    stage.start("web", "172.17.0.7")
    assert stage.kernel.granted == {Grant(IPv4Address("172.17.0.7"), IPv4Address("172.17.0.6"), "tcp", 0)}


def test_two_aliases_are_one_grant_and_it_goes_with_the_last(stage: Stage) -> None:
    stage.create("web", "db:one", "db:two")
    web = stage.start("web", "172.17.0.7")
    assert len(stage.kernel.ports()) == 1
    stage.linker.unlink(web, web.links[0])
    assert len(stage.kernel.ports()) == 1
    web = stage.registry.get("web")
    stage.linker.unlink(web, web.links[0])
    assert stage.kernel.granted == set()
    assert stage.registry.get("web").links == ()


def test_a_source_back_with_another_address_is_found_there(stage: Stage) -> None:
    stage.create("web", "db")
    stage.start("web", "172.17.0.7")
    stage.stop("db")
    assert stage.kernel.granted == set()
    stage.start("db", "172.17.0.9")
    assert stage.kernel.ports() == [("172.17.0.7", "172.17.0.9", 5432)]
    assert stage.etc.hosts["web"] == {"db": "172.17.0.9"}


def test_a_link_follows_the_name_to_a_new_container(stage: Stage) -> None:
    stage.create("web", "db")
    stage.start("web", "172.17.0.7")
    stage.etc.hosts["web"] = {"db": "172.17.0.5"}
    stage.remove("db")
    assert stage.etc.hosts["web"] == {}
    stage.create("db", ports=(6379,))
    stage.start("db", "172.17.0.8")
    assert stage.kernel.ports() == [("172.17.0.7", "172.17.0.8", 6379)]
    assert stage.etc.hosts["web"] == {"db": "172.17.0.8"}


def test_what_ended_is_granted_nothing_whatever_happens_later(stage: Stage) -> None:
    stage.create("web", "db")
    stage.start("web", "172.17.0.7")
    stage.stop("web")
    stage.stop("db")
    stage.start("db")
    assert stage.kernel.granted == set()


def test_a_new_daemon_grants_the_same_again(stage: Stage) -> None:
    stage.create("web", "db")
    stage.start("web", "172.17.0.7")
    again = Linker(
        stage.registry, FakeTopology(), FakeKernel(), stage.etc, environment=True  # type: ignore[arg-type]  # fakes
    )
    assert set(again.rearm(stage.registry)) == stage.kernel.granted


def test_a_stopped_source_refuses_the_start(stage: Stage) -> None:
    stage.create("web", "db:webdb")
    stage.stop("db")
    with pytest.raises(SystemFailure) as refused:
        stage.start("web")
    assert refused.value.message == "Cannot link to a non running container: /db AS /web/webdb"
    stage.remove("db")
    with pytest.raises(SystemFailure, match="Cannot link to a non running container: /db AS /web/webdb"):
        stage.start("web")


def test_links_that_cannot_be(stage: Stage) -> None:
    with pytest.raises(InvalidParameter) as refused:
        stage.create("web", "nobody:x")
    assert refused.value.message == "could not get container for nobody: No such container: nobody"
    stage.create("hostly", mode="host")
    with pytest.raises(InvalidParameter, match="host type networking can't be used with links"):
        stage.create("web", "hostly")


def test_a_link_through_a_shared_network_leads_to_its_owner(stage: Stage) -> None:
    db = stage.registry.get("db")
    stage.create("side", mode=f"container:{db.id}")
    web = stage.create("web", "side:x")
    assert web.links[0].source_id == db.id


def test_the_first_of_two_sources_has_the_alias(stage: Stage) -> None:
    stage.create("other")
    web = stage.create("web", "db:x", "other:x", "db:x")
    assert [(link.source_name, link.alias) for link in web.links] == [("db", "x")]


def test_on_a_network_of_the_user_a_link_waits_for_its_source_and_both_ways_are_open(stage: Stage) -> None:
    stage.create("ping", "pong:other", mode="mine", ports=(1,))
    assert stage.start("ping", "10.0.0.1").links[0].source_id == ""
    stage.create("pong", "ping:other", mode="mine", ports=(2,))
    assert stage.kernel.ports() == []
    stage.start("pong", "10.0.0.2")
    assert stage.kernel.ports() == [("10.0.0.1", "10.0.0.2", 2), ("10.0.0.2", "10.0.0.1", 1)]
    assert stage.linker.lines(stage.registry.get("ping")) == [], "names are the resolver's there"
    assert "OTHER_PORT=tcp://10.0.0.2:2" in stage.linker.variables(stage.registry.get("ping"))
    stage.remove("pong")
    assert stage.kernel.ports() == []
    stage.create("pong", mode="mine", ports=(3,))
    stage.start("pong", "10.0.0.2")
    assert stage.kernel.ports() == [("10.0.0.1", "10.0.0.2", 3)]


def test_links_are_counted_on_the_network_they_are_on(stage: Stage) -> None:
    stage.create("web", "db:db", mode="mine")
    stage.start("web", "10.0.0.1")
    assert stage.kernel.ports() == [], "db is not on that network"


def test_without_a_network_a_link_is_shown_and_does_nothing(stage: Stage) -> None:
    alone = stage.create("alone", "db:x", mode="none")
    assert stage.registry.names(stage.registry.get("db")) == ("/alone/x", "/db")
    assert stage.linker.variables(alone) == []
    assert stage.linker.lines(alone) == []
