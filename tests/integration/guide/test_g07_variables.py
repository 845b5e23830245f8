"""G7 to G10: what the consumer finds in its environment."""

from __future__ import annotations

import pytest

from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_name_is_the_link_name(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:webdb")
    assert guide.environment("web")["WEBDB_NAME"] == "/web/webdb"


def test_four_ports_give_sixteen_lines(guide: Guide) -> None:
    guide.run_db("db", "--expose", "80", "--expose", "443", "--expose", "53/udp")
    guide.run_web("--link", "db:db")
    address = guide.engine.address("db")
    found = {name: value for name, value in guide.environment("web").items() if name.startswith("DB_PORT_")}
    expected = {}
    for port, protocol in ((80, "tcp"), (443, "tcp"), (5432, "tcp"), (53, "udp")):
        prefix = f"DB_PORT_{port}_{protocol.upper()}"
        expected[prefix] = f"{protocol}://{address}:{port}"
        expected |= {f"{prefix}_ADDR": address, f"{prefix}_PORT": str(port), f"{prefix}_PROTO": protocol}
    assert found == expected
    assert len(found) == 16


def test_aliases_become_upper_case_with_underscores(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:my-data-base")
    assert "MY_DATA_BASE_PORT_5432_TCP_ADDR" in guide.environment("web")


@pytest.mark.parametrize(
    ("exposed", "first"),
    [
        (["53/udp", "80/tcp"], "udp {}:53"),
        (["53/udp", "53/tcp"], "tcp {}:53"),
        (["9000", "8000"], "tcp {}:5432"),
    ],
    ids=["lowest number though udp", "tcp where both", "lowest of three"],
)
def test_port_is_the_exposed_port_with_the_lowest_number(guide: Guide, exposed: list[str], first: str) -> None:
    guide.run_db("db", *(word for port in exposed for word in ("--expose", port)))
    guide.run_web("--link", "db:db")
    protocol, _, rest = first.format(guide.engine.address("db")).partition(" ")
    assert guide.environment("web")["DB_PORT"] == f"{protocol}://{rest}"


def test_a_range_adds_start_and_end(guide: Guide) -> None:
    guide.run_db("db", "--expose", "7000-7003")
    guide.run_web("--link", "db:db")
    address = guide.engine.address("db")
    found = guide.environment("web")
    assert found["DB_PORT_7000_TCP_START"] == f"tcp://{address}:7000"
    assert found["DB_PORT_7000_TCP_END"] == f"tcp://{address}:7003"
    assert (found["DB_PORT_7000_TCP_PORT_START"], found["DB_PORT_7000_TCP_PORT_END"]) == ("7000", "7003")


def test_the_sources_own_variables_come_along_but_home_and_path(guide: Guide) -> None:
    env_file = guide.engine.root / "variables"
    env_file.write_text("# a comment\nFROM_FILE=of the file\n")
    guide.run_db("db", "-e", "EMPTY=", "--env", "SUM=1=1", "--env-file", str(env_file))
    guide.run_web("--link", "db:db")
    found = {name: value for name, value in guide.environment("web").items() if name.startswith("DB_ENV_")}
    assert found == {
        "DB_ENV_PG_VERSION": "9.3",
        "DB_ENV_PGDATA": "/var/lib/postgresql",
        "DB_ENV_EMPTY": "",
        "DB_ENV_SUM": "1=1",
        "DB_ENV_FROM_FILE": "of the file",
    }


def test_the_consumers_own_variables_win(guide: Guide) -> None:
    guide.run_db()
    guide.run_web("--link", "db:db", "-e", "DB_PORT=mine", "-e", "DB_ENV_PG_VERSION=10")
    found = guide.environment("web")
    assert (found["DB_PORT"], found["DB_ENV_PG_VERSION"]) == ("mine", "10")


def test_env_prints_the_guides_block(guide: Guide) -> None:
    guide.run_db()
    printed = guide.lines("run", "--rm", "--name", "web2", "--link", "db:db", "training/webapp", "env")
    address = guide.engine.address("db")
    block = [line for line in printed if line.startswith(("DB_NAME", "DB_PORT"))]
    assert sorted(block) == sorted(
        [
            "DB_NAME=/web2/db",
            f"DB_PORT=tcp://{address}:5432",
            f"DB_PORT_5432_TCP=tcp://{address}:5432",
            "DB_PORT_5432_TCP_PROTO=tcp",
            "DB_PORT_5432_TCP_PORT=5432",
            f"DB_PORT_5432_TCP_ADDR={address}",
        ]
    )
