"""Binds, volumes and tmpfs as the kernel sees them, with the errors of those that cannot be."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration.config.harness import create, output, refusal, running, sections, start_refusal
from testbed.engine import Engine

pytestmark = pytest.mark.root


@pytest.fixture
def tree(shared_engine: Engine) -> Path:
    """A directory of the host."""
    path = shared_engine.root / "tree"
    path.mkdir(exist_ok=True)
    (path / "file").write_text("host\n")
    return path


def test_binds_of_both_forms(shared_engine: Engine, tree: Path) -> None:
    host = {
        "Binds": [f"{tree}:/short", f"{tree}:/shortro:ro", f"{tree}/file:/one:ro"],
        "Mounts": [{"Type": "bind", "Source": str(tree), "Target": "/long"},
                   {"Type": "bind", "Source": str(tree), "Target": "/longro", "ReadOnly": True}],
    }  # fmt: skip
    script = "cat /short/file /one; echo one > /long/new; for p in /shortro/x /longro/x; do touch $p || " \
             "echo refused; done; echo two > /one || echo refused"  # fmt: skip
    assert output(shared_engine, script, host).count("refused") == 3
    assert (tree / "new").read_text() == "one\n"
    with running(shared_engine, host) as container:
        shown = {mount["Destination"]: mount for mount in shared_engine.inspect(container)["Mounts"]}
    assert shown["/shortro"] == {"Type": "bind", "Source": str(tree), "Destination": "/shortro", "Mode": "ro",
                                 "RW": False, "Propagation": "rprivate"}  # fmt: skip
    assert (shown["/long"]["RW"], shown["/long"]["Mode"]) == (True, "")


def test_a_bind_that_is_not_there_is_made_or_refused(shared_engine: Engine, tree: Path) -> None:
    output(shared_engine, "true", {"Binds": [f"{tree}/made:/x"]})
    assert (tree / "made").is_dir()
    mount = {"Type": "bind", "Source": f"{tree}/gone", "Target": "/x"}
    assert refusal(shared_engine, {"Mounts": [mount]}) == (
        400, f'invalid mount config for type "bind": bind source path does not exist: {tree}/gone')  # fmt: skip
    output(shared_engine, "true", {"Mounts": [{**mount, "BindOptions": {"CreateMountpoint": True}}]})
    assert (tree / "gone").is_dir()


@pytest.fixture
def below(shared_engine: Engine, tree: Path) -> Iterator[Path]:
    """A tmpfs of the host below the tree."""
    (tree / "below").mkdir(exist_ok=True)
    shared_engine.host.here.run("mount", "-t", "tmpfs", "below", str(tree / "below"))
    yield tree
    shared_engine.host.here.run("umount", str(tree / "below"))


def test_mounts_below_a_bind(shared_engine: Engine, below: Path) -> None:
    bind = {"Type": "bind", "Source": str(below)}
    host = {"Mounts": [
        {**bind, "Target": "/all", "ReadOnly": True},
        {**bind, "Target": "/top", "ReadOnly": True, "BindOptions": {"ReadOnlyNonRecursive": True}},
        {**bind, "Target": "/alone", "BindOptions": {"NonRecursive": True}},
    ]}  # fmt: skip
    script = "for d in all top; do for p in /$d/x /$d/below/x; do touch $p 2>/dev/null && echo $p; done; done; " \
             "echo == mounts; grep -c ' /alone/below ' /proc/mounts"  # fmt: skip
    text = output(shared_engine, script, host)
    assert text.partition("==")[0].split() == ["/top/below/x"]
    assert sections(text)["mounts"] == "0"


@pytest.fixture
def shared_tree(shared_engine: Engine, tree: Path) -> Iterator[Path]:
    here = shared_engine.host.here
    here.run("mount", "--bind", str(tree), str(tree))
    here.run("mount", "--make-shared", str(tree))
    (tree / "sub").mkdir(exist_ok=True)
    yield tree
    here.run("umount", "-R", str(tree))


def test_mounts_travel_where_they_may(shared_engine: Engine, shared_tree: Path) -> None:
    host = {"Binds": [f"{shared_tree}:/s:slave", f"{shared_tree}:/p"]}
    with running(shared_engine, host) as container:
        shared_engine.host.here.run("mount", "-t", "tmpfs", "later", str(shared_tree / "sub"))
        table = shared_engine.do("exec", container, "cat", "/proc/mounts")
        assert ("/s/sub " in table, "/p/sub " in table) == (True, False)
        shared_engine.host.here.run("umount", str(shared_tree / "sub"))
        assert "/s/sub " not in shared_engine.do("exec", container, "cat", "/proc/mounts")


def test_a_container_mounts_for_the_host(shared_engine: Engine, shared_tree: Path) -> None:
    host = {"Binds": [f"{shared_tree}:/s:shared"], "CapAdd": ["SYS_ADMIN"], "SecurityOpt": ["seccomp=unconfined"]}
    with running(shared_engine, host) as container:
        shared_engine.do("exec", container, "mount", "-t", "tmpfs", "inner", "/s/sub")
        table = shared_engine.host.here.run("cat", "/proc/self/mounts")
        assert f"inner {shared_tree}/sub tmpfs" in table
        shared_engine.do("exec", container, "umount", "/s/sub")


def test_a_mount_cannot_travel_from_a_private_one(shared_engine: Engine, tree: Path) -> None:
    container = create(shared_engine, "true", {"Binds": [f"{tree}:/s:rshared"]})
    _, text = start_refusal(shared_engine, container)
    assert text.startswith(f"path {tree} is mounted on ")
    assert text.endswith("but it is not a shared mount")


def test_named_volumes_are_filled_once_and_stay(shared_engine: Engine) -> None:
    bound = {"Binds": ["data:/bin"]}
    assert output(shared_engine, "ls /bin/busybox; echo kept > /bin/new", bound) == "/bin/busybox"
    assert output(shared_engine, "cat /bin/new", bound) == "kept"
    assert (shared_engine.data_root / "volumes/data/_data/new").read_text() == "kept\n"
    script = "ls -A /var | wc -l"
    mounts = [{"Type": "volume", "Source": "bare", "Target": "/var", "VolumeOptions": {"NoCopy": True}}]
    assert output(shared_engine, script, {"Mounts": mounts}) == "0"
    assert output(shared_engine, script, {"Binds": ["bare2:/var:nocopy"]}) == "0"


def test_labels_of_a_volume_made_with_its_container(shared_engine: Engine) -> None:
    options = {"Labels": {"a": "b"}, "DriverConfig": {"Name": "local"}}
    mount = {"Type": "volume", "Source": "labelled", "Target": "/x", "VolumeOptions": options}
    container = create(shared_engine, "true", {"Mounts": [mount]})
    assert shared_engine.json("GET", "/volumes/labelled")["Labels"] == {"a": "b"}
    assert shared_engine.inspect(container)["HostConfig"]["Mounts"] == [mount]


def test_a_directory_of_a_volume(shared_engine: Engine) -> None:
    script = "mkdir -p /v/a/b; echo deep > /v/a/b/f; ln -s / /v/out; ln -s a /v/in"
    output(shared_engine, script, {"Binds": ["deep:/v"]})

    def mount(subpath: str) -> dict[str, Any]:
        return {"Type": "volume", "Source": "deep", "Target": "/d", "VolumeOptions": {"Subpath": subpath}}

    assert output(shared_engine, "cat /d/f", {"Mounts": [mount("a/b")]}) == "deep"
    assert output(shared_engine, "cat /d/b/f; echo more > /d/new", {"Mounts": [mount("in")]}) == "deep"
    assert output(shared_engine, "cat /d/f", {"Mounts": [mount("a/b/f") | {"Target": "/d/f"}]}) == "deep"
    # A link to / leads to the volume's root, not to the host's.
    assert output(shared_engine, "ls /d | sort | head -1", {"Mounts": [mount("out")]}) == "a"
    status, text = start_refusal(shared_engine, create(shared_engine, "true", {"Mounts": [mount("nope")]}))
    assert status == 400
    assert "nope" in text
    assert refusal(shared_engine, {"Mounts": [mount("../x")]}) == (
        400, 'invalid mount config for type "volume": subpath must be a relative path within the volume')  # fmt: skip
    assert "Subpath" not in json.dumps(shared_engine.json("GET", "/containers/json?all=1"))


def test_volumes_whose_data_lie_elsewhere(shared_engine: Engine, tree: Path) -> None:
    def make(name: str, **options: str) -> None:
        shared_engine.json("POST", "/volumes/create", {"Name": name, "DriverOpts": options})

    make("memory", type="tmpfs", device="tmpfs", o="size=1m,nosuid,mode=711")
    make("elsewhere", type="none", device=str(tree), o="bind")
    data = {name: shared_engine.data_root / f"volumes/{name}/_data" for name in ("memory", "elsewhere")}
    with running(shared_engine, {"Binds": ["memory:/m", "elsewhere:/e"]}) as container:
        table = shared_engine.do("exec", container, "cat", "/proc/mounts")
        (row,) = [line for line in table.splitlines() if " /m " in line]
        assert "nosuid" in row
        assert "size=1024k,mode=711" in row
        shared_engine.do("exec", container, "sh", "-c", "echo seen > /e/by-host; echo x > /m/x")
        # Another that comes and goes does not take it away from the first.
        assert output(shared_engine, "cat /m/x", {"Binds": ["memory:/m"]}) == "x"
        assert shared_engine.do("exec", container, "cat", "/m/x") == "x"
    assert (tree / "by-host").read_text() == "seen\n"
    points = shared_engine.host.here.run("cat", "/proc/self/mounts")
    assert not any(str(path) in points for path in data.values())
    assert shared_engine.json("GET", "/volumes/elsewhere")["Options"] == {
        "type": "none", "device": str(tree), "o": "bind"}  # fmt: skip
    shared_engine.json("DELETE", "/volumes/elsewhere")
    assert (tree / "by-host").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"color": "red"}, 'create bad: invalid option: "color"'),
        ({"type": "tmpfs"}, 'create bad: missing required option: "device"'),
        ({"o": "ro", "device": "x"}, 'create bad: missing required option: "type"'),
        ({"size": "10G"}, "create bad: quota size requested but no quota support"),
    ],
)
def test_options_no_volume_can_have(shared_engine: Engine, options: dict[str, str], text: str) -> None:
    status, answer = shared_engine.api("POST", "/volumes/create", {"Name": "bad", "DriverOpts": options})
    assert (status, json.loads(answer)["message"]) == (400, text)


def test_a_volume_that_cannot_be_mounted_fails_the_start(shared_engine: Engine) -> None:
    options = {"DriverConfig": {"Options": {"type": "nonsense", "device": "x", "o": "ro"}}, "NoCopy": True}
    mount = {"Type": "volume", "Source": "broken", "Target": "/x", "VolumeOptions": options}
    status, text = start_refusal(shared_engine, create(shared_engine, "true", {"Mounts": [mount]}))
    assert status == 500
    assert text.startswith("error while mounting volume '")
    assert text.endswith("flags: 0x1, data: : no such device")


def test_it_is_told_who_takes_and_leaves_a_volume(shared_engine: Engine) -> None:
    before = time.time()
    output(shared_engine, "true", {"Binds": ["told:/t:ro"]})
    query = f"since={before:.6f}&until={time.time():.6f}&filters=" + quote('{"type":["volume"]}')
    events = [json.loads(line) for line in shared_engine.api("GET", f"/events?{query}")[1].splitlines()]
    assert [event["Action"] for event in events] == ["create", "mount", "unmount"]
    attributes = events[1]["Actor"]["Attributes"]
    assert (attributes["destination"], attributes["read/write"], attributes["driver"]) == ("/t", "false", "local")


def test_volumes_of_another_container(shared_engine: Engine, tree: Path) -> None:
    with running(shared_engine, {"Binds": [f"{tree}:/tree", "vol:/vol:ro"]}, Volumes={"/anon": {}}) as donor:
        shared_engine.do("exec", donor, "sh", "-c", "echo a > /anon/f")
        text = output(shared_engine, "cat /anon/f /tree/file; touch /vol/x || echo refused", {"VolumesFrom": [donor]})
        assert text.split()[:2] == ["a", "host"]
        assert text.endswith("refused")
        script = "touch /tree/x || echo refused"
        assert output(shared_engine, script, {"VolumesFrom": [f"{donor}:ro"]}).endswith("refused")
        assert shared_engine.do("exec", donor, "cat", "/anon/f") == "a"  # nobody's end took it away
    assert refusal(shared_engine, {"VolumesFrom": ["no-one"]}) == (400, "No such container: no-one")
    assert refusal(shared_engine, {"VolumesFrom": [""]})[0] == 400


def test_tmpfs_of_both_forms(shared_engine: Engine) -> None:
    host = {
        "Tmpfs": {"/a": "size=1m,exec,mode=711"},
        "Mounts": [{"Type": "tmpfs", "Target": "/b", "TmpfsOptions": {"SizeBytes": 2 << 20, "Mode": 0o700}},
                   {"Type": "tmpfs", "Target": "/b/c", "ReadOnly": True}],
    }  # fmt: skip
    container = create(shared_engine, "cat /proc/mounts", host)
    shared_engine.json("POST", f"/containers/{container}/start")
    shared_engine.json("POST", f"/containers/{container}/wait")
    table = {line.split()[1]: line.split()[3].split(",") for line in shared_engine.do("logs", container).splitlines()}
    assert {"size=1024k", "mode=711", "nosuid", "nodev"} <= set(table["/a"])
    assert "noexec" not in table["/a"]
    assert {"size=2048k", "mode=700", "noexec"} <= set(table["/b"])
    assert "ro" in table["/b/c"]
    shown = shared_engine.inspect(container)
    assert shown["HostConfig"]["Tmpfs"] == host["Tmpfs"]
    assert [mount["Destination"] for mount in shown["Mounts"] if mount["Type"] == "tmpfs"] == ["/b", "/b/c"]
    assert refusal(shared_engine, {"Tmpfs": {"/a": "nonsense"}}) == (400, 'invalid tmpfs option ["nonsense"]')


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({"Binds": ["/tmp:/"]}, "invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": "
                                "invalid specification: destination can't be '/'"),
        ({"Binds": ["/tmp:rel"]}, "invalid volume specification: '/tmp:rel': invalid mount config for type \"bind\": "
                                  "invalid mount path: 'rel' mount path must be absolute"),
        ({"Binds": ["/tmp:ro"]}, "invalid volume specification: '/tmp:ro'"),
        ({"Binds": ["/tmp:/x:nope"]}, "invalid mode: nope"),
        ({"Binds": ["a:/x", "b:/x/"]}, "Duplicate mount point: /x"),
        ({"Binds": ["a:/x"], "Tmpfs": {"/x": ""}}, "Duplicate mount point: /x"),
        ({"Mounts": [{"Type": "volume", "Target": ""}]},
         'invalid mount config for type "volume": field Target must not be empty'),
        ({"Mounts": [{"Type": "bind", "Target": "/x"}]},
         'invalid mount config for type "bind": field Source must not be empty'),
        ({"Mounts": [{"Type": "bind", "Source": "/", "Target": "/x", "BindOptions": {"Propagation": "odd"}}]},
         'invalid mount config for type "bind": invalid propagation mode: odd'),
        ({"Mounts": [{"Type": "volume", "Target": "/x", "ReadOnly": True}]},
         'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes'),
        ({"Mounts": [{"Type": "cluster", "Source": "x", "Target": "/x"}]},
         'invalid mount config for type "cluster": mount type unknown'),
        ({"Mounts": [{"Type": "volume", "Source": "a b", "Target": "/x"}]},
         'create a b: "a b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are '
         "allowed. If you intended to pass a host directory, use absolute path"),
    ],
)  # fmt: skip
def test_what_cannot_be_mounted(shared_engine: Engine, host: dict[str, Any], text: str) -> None:
    assert refusal(shared_engine, host) == (400, text)
    assert shared_engine.json("GET", "/volumes")["Volumes"] == []
