"""Lists against docker 28.2.2's own output for the same answers of the API."""

from __future__ import annotations

import pytest

from fairlead.cli import tables, template, units
from fairlead.cli.listings import containers, images, networks


def port(private: int, public: int = 0, ip: str = "", kind: str = "tcp") -> dict[str, object]:
    entry: dict[str, object] = {"PrivatePort": private, "Type": kind}
    return entry | ({"IP": ip, "PublicPort": public} if ip else {})


def row(names: list[str], ports: list[dict[str, object]] | None = None, **more: object) -> dict[str, object]:
    return {
        "Id": "6e5cdeb2d300" + "a" * 52, "Names": names, "Image": "training/webapp", "ImageID": "sha256:" + "b" * 64,
        "Command": "python app.py", "Created": 1, "Ports": ports or [], "Labels": {}, "State": "running",
        "Status": "Up 2 minutes", "Mounts": [], "NetworkSettings": {"Networks": {"bridge": {}}}, **more,
    }  # fmt: skip


PORTS = [
    ([port(5432)], "5432/tcp"),
    ([port(5000, 49155, "0.0.0.0"), port(5000, 49155, "::")], "0.0.0.0:49155->5000/tcp, [::]:49155->5000/tcp"),
    (
        [
            port(80, 80, "0.0.0.0"), port(80, 80, "::"), port(81, 81, "0.0.0.0"), port(81, 81, "::"), port(90),
            port(91), port(53, kind="udp"), port(9998, 8887, "1.2.3.4", "udp"),
        ],
        "53/udp, 0.0.0.0:80-81->80-81/tcp, [::]:80-81->80-81/tcp, 90-91/tcp, 1.2.3.4:8887->9998/udp",
    ),
    ([port(7002, 7002, "1.2.3.4"), port(7000, 7000, "1.2.3.4"), port(7001, 7001, "1.2.3.4")],
     "1.2.3.4:7000-7002->7000-7002/tcp"),
    ([], ""),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "shown"), PORTS)
def test_ports(entries: list[dict[str, object]], shown: str) -> None:
    assert containers.ports(entries) == shown


def test_ps_shows_own_names_and_all_of_them_untruncated() -> None:
    items = [row(["/db", "/web/db"], [port(5432)]), row(["/alpha/x", "/zeta"])]
    table = containers.show(items, "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}")
    assert table == (
        'CONTAINER ID   IMAGE             COMMAND           STATUS         PORTS      NAMES\n'
        '6e5cdeb2d300   training/webapp   "python app.py"   Up 2 minutes   5432/tcp   db\n'
        '6e5cdeb2d300   training/webapp   "python app.py"   Up 2 minutes              zeta\n'
    )  # fmt: skip
    assert containers.show(items, "{{.Names}}", no_trunc=True) == "db,web/db\nalpha/x,zeta\n"
    assert containers.show(items, quiet=True) == "6e5cdeb2d300\n6e5cdeb2d300\n"
    with pytest.raises(template.TemplateError, match=r"^failed to parse template: template: :1: unclosed action$"):
        containers.show(items, "{{.ID")


def test_the_quick_table_equals_the_general_one() -> None:
    cells = [["CONTAINER ID", "A", "NAMES"], ["6e5c", "ré" * 9, "db"], ["", "x", ""]]
    assert tables.rows(cells) == tables.align("".join("\t".join(cell) + "\n" for cell in cells))


def test_an_image_has_a_row_for_each_name() -> None:
    item = {"Id": "sha256:" + "2" * 64, "Created": 1, "Size": 55555, "RepoTags": ["q:1", "localhost:5000/r:2"],
            "RepoDigests": ["q@sha256:99"]}  # fmt: skip
    assert images.show([item], "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}") == (
        "q 1 222222222222 55.6kB\nlocalhost:5000/r 2 222222222222 55.6kB\n"
    )
    assert images.show([item], "{{.Repository}} {{.Digest}}") == "q sha256:99\nlocalhost:5000/r <none>\n"
    assert images.show([item | {"RepoTags": None, "RepoDigests": []}], "{{.Repository}}:{{.Tag}}") == "<none>:<none>\n"


def test_networks_sort_as_people_count() -> None:
    items = [{"Name": name, "Id": "1" * 64, "Driver": "bridge", "Scope": "local"} for name in ("app10", "app2")]
    assert networks.show(items, "{{.Name}}") == "app2\napp10\n"
    assert networks.created("2026-11-23T10:00:00.123456Z") == "2026-11-23 10:00:00.123456 +0000 UTC"


DURATIONS = [
    (0.4, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (130, "2 minutes"),
    (3600, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"), (86400 * 3, "3 days"), (86400 * 14, "2 weeks"),
    (86400 * 60, "2 months"), (86400 * 400, "13 months"), (86400 * 900, "2 years"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_sizes() -> None:
    assert [units.size(n, digits=3) for n in (0, 999, 1000, 55555, 1048576, 123456789)] == [
        "0B", "999B", "1kB", "55.6kB", "1.05MB", "123MB",
    ]  # fmt: skip
    assert units.binary_size(25000000000) == "23.28GiB"
    assert [units.parse_size(text) for text in ("5", "64k", "1.5g", "2MB", "2MiB")] == [
        5, 65536, 1610612736, 2097152, 2097152,
    ]  # fmt: skip
    for bad in ("", "x", "-1", "5q", "1.2.3"):
        with pytest.raises(ValueError, match="invalid size"):
            units.parse_size(bad)
