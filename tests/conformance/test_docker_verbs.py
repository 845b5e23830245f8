"""Docker's own client: cp, stats, events, df, the verbs of networks and volumes, and the messages scripts match."""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path

import pytest

from testbed.engine import Client, Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]

ERROR = "Error response from daemon: "


def refused(cli: Client, *words: str, code: int = 1) -> str:
    result = cli.attempt(*words)
    assert result.code == code, result
    return result.err.strip()


@pytest.fixture
def it(cli: Client) -> str:
    """A container of that name, with a small tree in it."""
    script = "mkdir -p /tree/sub; echo one > /tree/one; echo two > /tree/sub/two; ln -s sub/two /tree/link; sleep 60"
    cli.do("run", "-d", "--name", "it", "box", "sh", "-c", script)
    until(lambda: cli.attempt("exec", "it", "test", "-L", "/tree/link").code == 0)
    return "it"


def tree(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


# --- cp -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "there", "expected"),
    [
        ("/tree", "", ["tree", "tree/link", "tree/one", "tree/sub", "tree/sub/two"]),
        ("/tree", "new", ["new", "new/link", "new/one", "new/sub", "new/sub/two"]),
        ("/tree/.", "", ["link", "one", "sub", "sub/two"]),
        ("/tree/one", "", ["one"]),
        ("/tree/one", "renamed", ["renamed"]),
        ("tree/sub/", "", ["sub", "sub/two"]),
    ],
)
def test_cp_out(cli: Client, it: str, tmp_path: Path, source: str, there: str, expected: list[str]) -> None:
    cli.do("cp", f"{it}:{source}", f"{tmp_path}/{there}")
    assert tree(tmp_path) == expected


@pytest.mark.parametrize(
    ("source", "there", "expected"),
    [
        ("tree", "/tree", "/tree/tree/one"),
        ("tree", "/fresh", "/fresh/one"),
        ("tree/.", "/tree", "/tree/mine"),
        ("tree/one", "/tree/", "/tree/one"),
        ("tree/one", "/tree/renamed", "/tree/renamed"),
        ("tree/one", "/tree/link", "/tree/sub/two"),
    ],
)
def test_cp_in(cli: Client, it: str, tmp_path: Path, source: str, there: str, expected: str) -> None:
    (tmp_path / "tree").mkdir()
    for name in ("one", "mine"):
        (tmp_path / "tree" / name).write_text("from the host\n")
    cli.do("cp", f"{tmp_path}/{source}", f"{it}:{there}")
    assert cli.do("exec", it, "cat", expected) == "from the host"


def test_cp_follows_a_link_only_when_told(cli: Client, it: str, tmp_path: Path) -> None:
    cli.do("cp", f"{it}:/tree/link", str(tmp_path / "kept"))
    cli.do("cp", "-L", f"{it}:/tree/link", str(tmp_path / "followed"))
    assert (tmp_path / "kept").is_symlink()
    assert (tmp_path / "followed").read_text() == "two\n"


def test_cp_through_pipes_is_a_tar(cli: Client, it: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("piped")
        info.size, info.mode, info.uid = 3, 0o640, 12
        archive.addfile(info, io.BytesIO(b"hi\n"))
    cli.do("cp", "-a", "-", f"{it}:/tree", stdin=buffer.getvalue())
    assert cli.do("exec", it, "stat", "-c", "%a %u %s", "/tree/piped") == "640 12 3"
    assert cli.do("cp", f"{it}:/tree/one", "-").startswith("one\0")


def test_cp_keeps_mode_and_time_and_owns_as_root(cli: Client, it: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o750)
    cli.do("cp", str(tmp_path / "file"), f"{it}:/file")
    modified = int((tmp_path / "file").stat().st_mtime)
    assert cli.do("exec", it, "stat", "-c", "%a %u:%g %Y", "/file") == f"750 0:0 {modified}"


def test_cp_says_what_is_wrong(cli: Client, it: str, tmp_path: Path) -> None:
    assert refused(cli, "cp", f"{it}:/nosuch", str(tmp_path)) == (
        f"{ERROR}Could not find the file /nosuch in container {it}"
    )
    assert "No such container: nobody" in refused(cli, "cp", "nobody:/x", str(tmp_path))
    (tmp_path / "dir").mkdir()
    assert "cannot copy directory" in refused(cli, "cp", str(tmp_path / "dir"), f"{it}:/tree/one")
    gone = f"Could not find the file /nosuch in container {it}"
    assert gone in refused(cli, "cp", str(tmp_path / "dir"), f"{it}:/nosuch/there/")
    cli.do("run", "-d", "--read-only", "--name", "fixed", "box", "sleep", "60")
    (tmp_path / "file").write_text("x")
    assert "read-only" in refused(cli, "cp", str(tmp_path / "file"), "fixed:/file")


# --- stats, events, df ----------------------------------------------------------------------------------------------


def test_stats_without_stream(cli: Client, it: str) -> None:
    cli.do("create", "--name", "still", "box", "true")
    form = "{{.Name}} {{.PIDs}} {{.MemUsage}} {{.CPUPerc}} {{.NetIO}}"
    one = cli.do("stats", "--no-stream", "--format", form, it).split()
    assert one[0] == it
    assert int(one[1]) >= 1
    assert [part[-1] for part in (one[2], one[4], one[5])] == ["B", "B", "%"]
    everyone = [json.loads(line) for line in cli.do("stats", "--no-stream", "-a", "--format", "json").splitlines()]
    assert {entry["Name"] for entry in everyone} == {it, "still"}
    assert "No such container: nobody" in refused(cli, "stats", "--no-stream", "nobody")


def test_events_by_filter_and_format(cli: Client) -> None:
    since = f"{time.time():.3f}"
    cli.do("network", "create", "n1", "--label", "of=test")
    cli.do("volume", "create", "v1")
    cli.do("run", "--rm", "--name", "brief", "--label", "of=test", "--network", "n1", "-v", "v1:/v", "box", "true")
    span = ["events", "--since", since, "--until", f"{time.time() + 1:.3f}"]
    form = ["--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}"]
    networks = cli.do(*span, "-f", "type=network", *form).splitlines()
    assert networks == [f"network {action} n1" for action in ("create", "connect", "disconnect")]
    volumes = cli.do(*span, "-f", "type=volume", "--format", "{{.Action}} {{.Actor.ID}}").splitlines()
    assert volumes == ["create v1", "mount v1", "unmount v1"]
    assert len(cli.do(*span, "-f", "label=of=test", "-f", "event=die", *form).splitlines()) == 1
    told = [json.loads(line) for line in cli.do(*span, "-f", "container=brief", "--format", "json").splitlines()]
    assert [entry["Action"] for entry in told] == ["create", "attach", "start", "die", "destroy"]
    assert next(entry for entry in told if entry["Action"] == "die")["Actor"]["Attributes"]["exitCode"] == "0"


def test_system_df_counts_and_lists(cli: Client, it: str) -> None:
    cli.do("create", "--name", "still", "-v", "kept:/v", "box", "true")
    said = cli.do("system", "df", "--format", "{{.Type}}: {{.TotalCount}} {{.Active}}")
    rows = dict(line.split(": ") for line in said.splitlines())
    assert rows["Containers"] == "2 1"
    assert rows["Local Volumes"] == "1 1"
    long = cli.do("system", "df", "-v")
    assert {"still", "it", "kept"} <= set(long.split())
    assert json.loads(cli.do("system", "df", "--format", "json").splitlines()[0])["Type"] == "Images"


# --- networks -------------------------------------------------------------------------------------------------------


def test_network_verbs(cli: Client, it: str) -> None:
    made = cli.do("network", "create", "--subnet", "10.66.0.0/24", "--gateway", "10.66.0.254", "--ip-range",
                  "10.66.0.128/25", "--aux-address", "router=10.66.0.129", "--label", "a=b", "n1")  # fmt: skip
    shown = json.loads(cli.do("network", "inspect", "n1"))[0]
    assert (shown["Id"], shown["Labels"], shown["Driver"], shown["Scope"]) == (made, {"a": "b"}, "bridge", "local")
    assert shown["IPAM"]["Config"][0] == {
        "Subnet": "10.66.0.0/24", "Gateway": "10.66.0.254", "IPRange": "10.66.0.128/25",
        "AuxiliaryAddresses": {"router": "10.66.0.129"},
    }  # fmt: skip
    cli.do("network", "connect", "--alias", "other", "n1", it)
    end = json.loads(cli.do("inspect", it))[0]["NetworkSettings"]["Networks"]["n1"]
    assert end["IPAddress"] == "10.66.0.128"
    assert "10.66.0.128" in cli.do("exec", it, "ip", "-4", "addr", "show")
    cli.do("network", "connect", "--ip", "10.66.0.7", "n1", cli.do("create", "--name", "second", "box", "sleep", "60"))
    cli.do("start", "second")
    assert "2 packets received" in cli.do("exec", "second", "ping", "-c", "2", "-i", "0.2", "other")
    cli.do("network", "disconnect", "n1", it)
    assert "10.66.0.128" not in cli.do("exec", it, "ip", "-4", "addr", "show")
    assert cli.do("network", "ls", "--filter", "label=a=b", "--format", "{{.Name}} {{.Driver}} {{.Scope}}") == (
        "n1 bridge local"
    )


def test_network_refusals(cli: Client, it: str) -> None:
    cli.do("network", "create", "--subnet", "10.66.0.0/24", "n1")
    assert refused(cli, "network", "create", "n1") == f"{ERROR}network with name n1 already exists"
    assert "overlap" in refused(cli, "network", "create", "--subnet", "10.66.0.0/25", "n2")
    assert refused(cli, "network", "inspect", "nosuch").endswith("network nosuch not found")
    assert "bridge is a pre-defined network and cannot be removed" in refused(cli, "network", "rm", "bridge")
    cli.do("network", "connect", "n1", it)
    assert f'network n1 has active endpoints (name:"{it}"' in refused(cli, "network", "rm", "n1")
    assert "already exists in network n1" in refused(cli, "network", "connect", "n1", it)
    assert "No such container: nobody" in refused(cli, "network", "connect", "n1", "nobody")
    cli.do("network", "disconnect", "-f", "n1", it)
    assert "is not connected to network n1" in refused(cli, "network", "disconnect", "n1", it)
    said = cli.attempt("network", "rm", "nosuch", "n1")
    assert (said.code, said.out) == (1, "n1\n")
    assert "network nosuch not found" in said.err


def test_network_prune(cli: Client) -> None:
    cli.do("network", "create", "idle")
    cli.do("network", "create", "used")
    cli.do("run", "-d", "--network", "used", "box", "sleep", "60")
    assert cli.do("network", "prune", "-f") == "Deleted Networks:\nidle"


# --- volumes --------------------------------------------------------------------------------------------------------


def test_volume_verbs(cli: Client, shared_engine: Engine) -> None:
    assert cli.do("volume", "create", "--label", "a=b", "v1") == "v1"
    assert cli.do("volume", "create", "v1") == "v1"
    shown = json.loads(cli.do("volume", "inspect", "v1"))[0]
    assert (shown["Driver"], shown["Labels"], shown["Scope"]) == ("local", {"a": "b"}, "local")
    assert shown["Mountpoint"] == str(shared_engine.data_root / "volumes" / "v1" / "_data")
    assert len(cli.do("volume", "create")) == 64
    assert cli.do("volume", "ls", "-q", "--filter", "label=a") == "v1"
    cli.do("run", "--name", "it", "-v", "v1:/v", "box", "true")
    assert f"{ERROR}remove v1: volume is in use - [" in refused(cli, "volume", "rm", "v1")
    cli.do("rm", "it")
    assert cli.do("volume", "rm", "v1") == "v1"


def test_volume_refusals(cli: Client) -> None:
    assert refused(cli, "volume", "inspect", "nosuch") == f"{ERROR}get nosuch: no such volume"
    assert refused(cli, "volume", "rm", "nosuch") == f"{ERROR}get nosuch: no such volume"
    assert cli.do("volume", "rm", "-f", "nosuch") == "nosuch"
    assert "includes invalid characters for a local volume name" in refused(cli, "volume", "create", "a/b")
    assert 'plugin "nosuch" not found' in refused(cli, "volume", "create", "-d", "nosuch", "v1")


def test_volume_prune_spares_named_ones_unless_all(cli: Client) -> None:
    cli.do("volume", "create", "named")
    anonymous = cli.do("volume", "create")
    said = cli.do("volume", "prune", "-f")
    assert anonymous in said
    assert "named" not in said.split()
    assert "named" in cli.do("volume", "prune", "-af").split()
