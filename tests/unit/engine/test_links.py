"""The examples of the guide and of Docker's own tests."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from fairlead.engine import links
from fairlead.errors import InvalidParameter
from fairlead.model.container import Port

ADDRESS = "172.17.0.5"


def environment(name: str, *ports: str, env: tuple[str, ...] = ()) -> dict[str, str]:
    exposed = [Port(int(number), protocol or "tcp") for number, _, protocol in (p.partition("/") for p in ports)]
    lines = links.environment(name, ADDRESS, env, exposed)
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines), "no variable twice"
    return found


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("db", ("db", "db")),
        ("db:webdb", ("db", "webdb")),
        ("/db:/web/webdb", ("db", "webdb")),
        ("db:/mysql", ("db", "mysql")),
        ("db:a/b", ("db", "a/b")),
    ],
)
def test_forms_of_a_link(text: str, parsed: tuple[str, str]) -> None:
    assert links.parse(text) == parsed


@pytest.mark.parametrize("text", ["", "a:b:c", "db:", ":x", "db:../x", "db:a b", "db:a//b", "/:x"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="links"):
        links.parse(text)


def test_the_guides_block() -> None:
    assert environment("/web2/db", "5432") == {
        "DB_NAME": "/web2/db",
        "DB_PORT": "tcp://172.17.0.5:5432",
        "DB_PORT_5432_TCP": "tcp://172.17.0.5:5432",
        "DB_PORT_5432_TCP_PROTO": "tcp",
        "DB_PORT_5432_TCP_PORT": "5432",
        "DB_PORT_5432_TCP_ADDR": "172.17.0.5",
    }


def test_four_ports_give_sixteen_variables_and_the_first_one() -> None:
    found = environment("/web/db", "80", "443", "5432", "53/udp")
    assert len([name for name in found if name.startswith("DB_PORT_")]) == 16
    assert found["DB_PORT"] == "udp://172.17.0.5:53"


@pytest.mark.parametrize(
    ("ports", "first"),
    [
        (("8080", "80"), "tcp://172.17.0.5:80"),
        (("53/udp", "80"), "udp://172.17.0.5:53"),
        (("53/udp", "53"), "tcp://172.17.0.5:53"),
        (("53/udp", "53/sctp"), "sctp://172.17.0.5:53"),
    ],
    ids=["lowest", "lowest though udp", "tcp on a tie", "alphabet without tcp"],
)
def test_port_is_the_lowest_number(ports: tuple[str, ...], first: str) -> None:
    assert environment("/web/db", *ports)["DB_PORT"] == first


def test_a_source_without_ports_has_no_port_variables() -> None:
    assert environment("/web/db") == {"DB_NAME": "/web/db"}


def test_ranges_of_dockers_own_example() -> None:
    found = environment("/db/docker", "6300/udp", "6379", "6380", "6381", "6382/udp")
    assert {name: value for name, value in found.items() if "START" in name or "END" in name} == {
        "DOCKER_PORT_6379_TCP_START": "tcp://172.17.0.5:6379",
        "DOCKER_PORT_6379_TCP_PORT_START": "6379",
        "DOCKER_PORT_6379_TCP_END": "tcp://172.17.0.5:6381",
        "DOCKER_PORT_6379_TCP_PORT_END": "6381",
    }


def test_a_range_may_have_two_ports_and_tcp_between_udp_does_not_break_it() -> None:
    found = environment("/web/db", "53/udp", "54", "54/udp")
    assert found["DB_PORT_53_UDP_PORT_END"] == "54"
    assert "DB_PORT_54_TCP_START" not in found


def test_the_prefix_is_the_alias_in_capitals_with_underscores_for_dashes() -> None:
    found = environment("/web/my-data.base", "80")
    assert found["MY_DATA.BASE_NAME"] == "/web/my-data.base"
    assert found["MY_DATA.BASE_PORT"] == "tcp://172.17.0.5:80"


def test_the_sources_variables_come_along_but_home_and_path() -> None:
    env = ("PASSWORD=gordon", "e1=", "e3=v3=v3", "HOME=/root", "PATH=/bin", "NOTHING")
    found = environment("/web/db", env=env)
    assert found == {
        "DB_NAME": "/web/db",
        "DB_ENV_PASSWORD": "gordon",
        "DB_ENV_e1": "",
        "DB_ENV_e3": "v3=v3",
    }


def test_a_source_of_ipv6_alone_stands_in_brackets() -> None:
    found = links.environment("/web/db", IPv6Address("fd00::2"), (), [Port(80)])
    assert "DB_PORT=tcp://[fd00::2]:80" in found
    assert "DB_PORT_80_TCP_ADDR=fd00::2" in found
