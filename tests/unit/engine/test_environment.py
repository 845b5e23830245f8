from __future__ import annotations

from fairlead.engine import environment


def assemble(*own: str, links: tuple[str, ...] = (), tty: bool = False) -> list[str]:
    return environment.assemble(hostname="web", tty=tty, link_variables=links, own=own)


def test_defaults_come_first_then_links_then_ones_own() -> None:
    assert assemble("A=1", links=("DB_NAME=/web/db",), tty=True) == [
        environment.DEFAULT_PATH,
        "HOSTNAME=web",
        "TERM=xterm",
        "DB_NAME=/web/db",
        "A=1",
    ]


def test_ones_own_replaces_in_place() -> None:
    assert assemble("DB_PORT=mine", "PATH=/bin", links=("DB_PORT=theirs", "DB_NAME=/web/db")) == [
        "PATH=/bin",
        "HOSTNAME=web",
        "DB_PORT=mine",
        "DB_NAME=/web/db",
    ]


def test_an_entry_without_equals_takes_the_name_away() -> None:
    assert "HOSTNAME=web" not in assemble("HOSTNAME")


def test_the_image_fills_in_what_the_user_did_not_give() -> None:
    assert environment.with_defaults(("A=user",), ("A=image", "B=image")) == ("A=user", "B=image")


def test_home_is_the_users_unless_there_is_one() -> None:
    assert environment.with_home(["A=1"], "/root") == ["A=1", "HOME=/root"]
    assert environment.with_home(["HOME=", "A=1"], "/") == ["A=1", "HOME=/"]
    assert environment.with_home(["HOME=/own", "A=1"], "/root") == ["HOME=/own", "A=1"]
