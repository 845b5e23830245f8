"""Inspect and list entries: everything that clients and templates reach for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface

import pytest

from fairlead.api.schema import container as schema
from fairlead.api.schema import times
from fairlead.api.schema.summaries import Summaries
from fairlead.engine import logoptions
from fairlead.model.container import (
    Config,
    Container,
    Endpoint,
    HostConfig,
    LogConfig,
    Mount,
    Port,
    PublishedPort,
    State,
    Status,
)
from fairlead.model.request import ContainerView, Health

NEWEST = (1, 50)
STARTED = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
NOW = STARTED + timedelta(seconds=130)
ENDPOINT = Endpoint(
    id="e" * 64,
    network_id="b" * 64,
    network_name="bridge",
    mac_address="02:42:ac:11:00:05",
    address=IPv4Interface("172.17.0.5/16"),
    gateway=IPv4Address("172.17.0.1"),
)
CONTAINER = Container(
    id="a" * 64,
    name="web",
    created=STARTED,
    image="training/webapp",
    image_id="sha256:" + "1" * 64,
    path="python",
    args=("app.py", "two words"),
    config=Config(image="training/webapp", hostname="a" * 12, exposed_ports=frozenset({Port(5000), Port(5432)})),
    host_config=HostConfig(links=("db",), tmpfs={"/t": ""}),
    endpoints=(ENDPOINT,),
    mounts=(
        Mount(type="volume", target="/v", name="vol", source="/data/vol/_data"),
        Mount(type="bind", target="/b", source="/host", read_only=True, options="ro"),
        Mount(type="tmpfs", target="/t"),
    ),
    state=State(status=Status.RUNNING, pid=77, started_at=STARTED),
)
VIEW = ContainerView(
    container=CONTAINER,
    names=("/web", "/x/web"),
    links=("/db:/web/db",),
    hosts_path="/d/hosts",
    published=(
        PublishedPort(Port(5000), "::", 49155),
        PublishedPort(Port(5000), "0.0.0.0", 49155),
    ),
)


def _with_state(**changes: object) -> ContainerView:
    state = replace(CONTAINER.state, **changes)  # type: ignore[arg-type]  # members are checked by the cases
    return replace(VIEW, container=replace(CONTAINER, state=state), published=())


def test_inspect_of_a_running_container() -> None:
    value = json.loads(json.dumps(schema.render_inspect(VIEW, NEWEST)))
    assert value["Name"] == "/web"
    assert value["HostConfig"]["Links"] == ["/db:/web/db"]
    assert value["HostsPath"] == "/d/hosts"
    assert value["State"]["StartedAt"] == "2026-01-02T03:04:05.6789Z"
    assert value["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    settings = value["NetworkSettings"]
    assert settings["Ports"] == {
        "5000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49155"}, {"HostIp": "::", "HostPort": "49155"}],
        "5432/tcp": None,
    }
    assert (settings["IPAddress"], settings["IPPrefixLen"], settings["Gateway"]) == ("172.17.0.5", 16, "172.17.0.1")
    assert settings["Networks"]["bridge"]["IPAddress"] == "172.17.0.5"
    assert value["Mounts"] == [
        {"Type": "volume", "Name": "vol", "Source": "/data/vol/_data", "Destination": "/v", "Driver": "local",
         "Mode": "", "RW": True, "Propagation": ""},
        {"Type": "bind", "Source": "/host", "Destination": "/b", "Mode": "ro", "RW": False, "Propagation": "rprivate"},
    ]  # fmt: skip


def test_inspect_of_a_stopped_container_tells_no_address_and_no_ports() -> None:
    value = schema.render_inspect(_with_state(status=Status.EXITED, exit_code=3, finished_at=NOW), NEWEST)
    assert value["NetworkSettings"]["Ports"] == {}
    assert value["NetworkSettings"]["IPAddress"] == ""
    assert value["NetworkSettings"]["Networks"]["bridge"]["NetworkID"] == "b" * 64
    assert (value["State"]["ExitCode"], value["State"]["Pid"], value["State"]["Running"]) == (3, 0, False)


def test_members_that_docker_tells_as_null_are_null() -> None:
    value = schema.render_inspect(replace(VIEW, links=()), NEWEST)
    assert value["HostConfig"]["Links"] is None
    assert value["Config"]["Cmd"] is None
    assert value["Config"]["Entrypoint"] is None
    assert value["ExecIDs"] is None
    assert value["HostConfig"]["PortBindings"] == {}


def test_short_id_and_hostname_were_aliases_until_1_45() -> None:
    endpoint = replace(ENDPOINT, network_name="mine")
    view = replace(VIEW, container=replace(CONTAINER, endpoints=(endpoint,)))
    old = schema.render_inspect(view, (1, 44))["NetworkSettings"]["Networks"]["mine"]
    new = schema.render_inspect(view, (1, 45))["NetworkSettings"]["Networks"]["mine"]
    assert old["Aliases"] == ["a" * 12]
    assert new["Aliases"] is None
    assert new["DNSNames"] == ["web", "a" * 12]


def test_list_entry() -> None:
    value = schema.render_summary(VIEW, NEWEST, NOW)
    assert value["Names"] == ["/web", "/x/web"]
    assert value["Command"] == "python app.py 'two words'"
    assert value["Ports"] == [
        {"IP": "0.0.0.0", "PrivatePort": 5000, "PublicPort": 49155, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 5000, "PublicPort": 49155, "Type": "tcp"},
        {"PrivatePort": 5432, "Type": "tcp"},
    ]
    assert (value["State"], value["Status"]) == ("running", "Up 2 minutes")


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (_with_state(status=Status.CREATED, started_at=None), "Created"),
        (_with_state(status=Status.PAUSED), "Up 2 minutes (Paused)"),
        (_with_state(status=Status.RESTARTING, exit_code=1, finished_at=STARTED), "Restarting (1) 2 minutes ago"),
        (_with_state(status=Status.EXITED, exit_code=137, finished_at=NOW), "Exited (137) Less than a second ago"),
        (_with_state(status=Status.DEAD), "Dead"),
        (_with_state(status=Status.REMOVING), "Removal In Progress"),
        (replace(VIEW, health=Health("starting")), "Up 2 minutes (health: starting)"),
        (replace(VIEW, health=Health("healthy")), "Up 2 minutes (healthy)"),
    ],
)
def test_status_column(view: ContainerView, text: str) -> None:
    assert schema.status_text(view, NOW) == text


def test_kept_list_entries_follow_every_change() -> None:
    summaries = Summaries()

    def listed(view: ContainerView) -> dict[str, object]:
        entry: dict[str, object] = json.loads(summaries.render([view], NEWEST))[0]
        return entry

    first = listed(VIEW)
    again = listed(VIEW)
    assert first == again == schema.render_summary(VIEW, NEWEST, schema.now())
    assert listed(replace(VIEW, names=("/new",)))["Names"] == ["/new"]
    assert listed(replace(VIEW, published=()))["Ports"] == [
        {"PrivatePort": 5000, "Type": "tcp"},
        {"PrivatePort": 5432, "Type": "tcp"},
    ]
    assert listed(_with_state(status=Status.PAUSED))["State"] == "paused"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (3 * 365 * 86400, "3 years"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert times.duration(seconds) == text


def test_times_are_read_in_both_forms() -> None:
    assert times.parse("1700000000.5") == datetime.fromtimestamp(1700000000.5, UTC)
    assert times.parse("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert times.parse("") is None
    assert times.parse("0") is None


def test_update_changes_what_is_given_and_checks_the_sum() -> None:
    current = HostConfig(memory_bytes=2**26, cpu_shares=5)
    assert schema.parse_update({"Memory": 2**27}, current) == replace(current, memory_bytes=2**27)


def test_update_takes_away_a_limit_of_processes() -> None:
    current = HostConfig(pids_limit=5, memory_bytes=2**26)
    for body, limit in (({"PidsLimit": -1}, 0), ({"PidsLimit": 0}, 0), ({"PidsLimit": None}, 5), ({"PidsLimit": 7}, 7)):
        assert schema.parse_update(body, current) == replace(current, pids_limit=limit)


def test_update_of_swap_alone_is_of_the_memory_that_was() -> None:
    current = HostConfig(memory_bytes=2**26, memory_swap_bytes=2**27)
    assert schema.parse_update({"MemorySwap": -1}, current).memory_swap_bytes == -1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": "a,zz", "env": "A"}, "A=b,a=1"),
        ({"env-regex": "^A"}, "A=b"),
        ({"tag": "{{.Name}}/{{ .ImageName }}-{{.ID}}"}, "tag=web%2Ftraining%2Fwebapp-aaaaaaaaaaaa"),
    ],
)
def test_details_of_log_lines(options: dict[str, str], told: str) -> None:
    config = replace(CONTAINER.config, labels={"a": "1"}, env=("A=b", "C"))
    host = replace(CONTAINER.host_config, log_config=LogConfig(type="json-file", options=options))
    assert logoptions.details(replace(CONTAINER, config=config, host_config=host)) == told


def test_texts_of_containers_that_are_gone_are_not_kept() -> None:
    summaries = Summaries()
    crowd = [replace(VIEW, container=replace(CONTAINER, id=f"{number:064x}")) for number in range(1000)]
    summaries.render(crowd, NEWEST)
    for _ in range(20):
        summaries.render(crowd[:10], NEWEST)
    assert summaries.size == 10


def test_a_short_list_between_long_ones_costs_nothing() -> None:
    summaries = Summaries()
    crowd = [replace(VIEW, container=replace(CONTAINER, id=f"{number:064x}")) for number in range(100)]
    for _ in range(40):
        summaries.render(crowd, NEWEST)
        summaries.render(crowd[:1], NEWEST)
    assert summaries.rendered == 100
