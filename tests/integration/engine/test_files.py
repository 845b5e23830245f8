"""Files in and out of containers: cp, export, diff, commit, with Docker's own client and over the API."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from testbed.engine import Client, Engine, until

pytestmark = pytest.mark.root


@pytest.fixture(params=["docker", "fairlead"])
def docker(request: pytest.FixtureRequest, shared_engine: Engine) -> Client:
    """Docker's client, and ours in its place."""
    return shared_engine.client(request.param)


def tree(**files: str) -> bytes:
    """A tar; a value that ends in a slash is a directory's, one that begins with `->` a link's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid = 0o644, 1234, 1234
            if text == "/":
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif text.startswith("->"):
                info.type, info.linkname = tarfile.SYMTYPE, text[2:]
            else:
                info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()) if info.isreg() else None)
    return out.getvalue()


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [member.name for member in tar]


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def raw(engine: Engine, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(engine.socket))
    try:
        connection.request(method, path, body, {"Content-Type": "application/x-tar"} if body else {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def get(engine: Engine, name: str, path: str) -> bytes:
    status, _, data = raw(engine, "GET", f"/containers/{name}/archive?path={path}")
    assert status == 200, data
    return data


def put(engine: Engine, name: str, path: str, data: bytes, query: str = "") -> tuple[int, str]:
    status, _, answer = raw(engine, "PUT", f"/containers/{name}/archive?path={path}{query}", data)
    return status, json.loads(answer)["message"] if answer else ""


def stat(engine: Engine, name: str, path: str) -> dict[str, Any]:
    status, headers, _ = raw(engine, "HEAD", f"/containers/{name}/archive?path={path}")
    assert status == 200
    found: dict[str, Any] = json.loads(base64.b64decode(headers["X-Docker-Container-Path-Stat"]))
    return found


SCRIPT = "mkdir -p /d/sub; echo x > /d/x; ln -s x /d/ln; ln -s /d /lnk; ln -s /nowhere /broken; echo ready; sleep 60"


@pytest.fixture
def it(shared_engine: Engine, docker: Client) -> Engine:
    docker.do("run", "-d", "--name", "it", "-v", "vol:/vol", "box", "sh", "-c", f"touch /vol/f; {SCRIPT}")
    until(lambda: docker.do("logs", "it") == "ready")
    return shared_engine


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/d", ["d", "d/ln", "d/sub", "d/x"]),
        ("/d/", ["d", "d/ln", "d/sub", "d/x"]),
        ("/d/.", [".", "./ln", "./sub", "./x"]),
        ("d/../d", ["d", "d/ln", "d/sub", "d/x"]),
        ("/lnk", ["lnk"]),
        ("/lnk/", ["lnk", "lnk/ln", "lnk/sub", "lnk/x"]),
        ("/d/x", ["x"]),
        ("/vol", ["vol", "vol/f"]),
        ("/etc/hosts", ["hosts"]),
        ("/proc", ["proc"]),
    ],
)
def test_an_archive_is_named_as_dockers(it: Engine, path: str, expected: list[str]) -> None:
    assert names(get(it, "it", path)) == expected


def test_stat_tells_modes_as_go_does_and_where_links_lead(it: Engine) -> None:
    assert stat(it, "it", "/d")["mode"] == 0o755 | 1 << 31
    link = stat(it, "it", "/lnk")
    assert (link["name"], link["mode"], link["linkTarget"]) == ("lnk", 0o777 | 1 << 27, "/d")
    assert stat(it, "it", "/broken")["linkTarget"] == "/nowhere"
    assert stat(it, "it", "/d/x")["size"] == 2
    assert stat(it, "it", "/")["name"] == "/"


def test_what_is_not_there_or_no_directory_gets_dockers_words(it: Engine) -> None:
    status, _, data = raw(it, "GET", "/containers/it/archive?path=/not")
    assert (status, json.loads(data)["message"]) == (404, "Could not find the file /not in container it")
    status, _, data = raw(it, "GET", "/containers/it/archive?path=/d/x/")
    assert (status, json.loads(data)["message"]) == (500, "lstat /d/x/: not a directory")
    assert put(it, "it", "/not", tree(a="a")) == (404, "Could not find the file /not in container it")
    assert put(it, "it", "/d/x", tree(a="a")) == (400, "extraction point is not a directory")
    assert put(it, "it", "/d", b"garbage") == (500, "unexpected EOF")
    assert raw(it, "GET", "/containers/it/archive")[0] == 400


def test_files_come_in_through_links_with_their_owner_and_replace_what_was_there(it: Engine, docker: Client) -> None:
    assert put(it, "it", "/lnk", tree(x="new", deep="/")) == (200, "")
    assert docker.do("exec", "it", "sh", "-c", "cat /d/x; stat -c %u:%g /d/x") == "new1234:1234"
    assert put(it, "it", "/", tree(d="file"), "&noOverwriteDirNonDir=1") == (
        500, 'cannot overwrite directory "/d" with non-directory "/"',
    )  # fmt: skip
    assert put(it, "it", "/d", tree(x="/"), "&noOverwriteDirNonDir=true") == (
        500, 'cannot overwrite non-directory "/d/x" with directory "/d"',
    )  # fmt: skip
    assert put(it, "it", "/d", tree(sub="file now")) == (200, "")
    assert docker.do("exec", "it", "cat", "/d/sub") == "file now"


def test_an_archive_cannot_lead_out_of_its_container(it: Engine, tmp_path: Path) -> None:
    assert put(it, "it", "/d", tree(**{"../../../escape": "x"}))[0] == 500
    assert put(it, "it", "/d", tree(out=f"->{tmp_path}", **{"out/escape": "x"}))[0] in (200, 500)
    assert list(tmp_path.iterdir()) == []


def test_read_only_roots_and_volumes_stay_so_and_the_user_may_own_what_comes(
    shared_engine: Engine, docker: Client
) -> None:
    docker.do("create", "--name", "ro", "--read-only", "-v", "va:/va:ro", "-v", "vb:/vb", "-u", "7:8", "box", "true")
    assert put(shared_engine, "ro", "/", tree(a="a")) == (403, "container rootfs is marked read-only")
    assert put(shared_engine, "ro", "/va", tree(a="a")) == (403, "mounted volume is marked read-only")
    assert put(shared_engine, "ro", "/vb", tree(a="a"), "&copyUIDGID=1") == (200, "")
    with tarfile.open(fileobj=io.BytesIO(get(shared_engine, "ro", "/vb/a"))) as tar:
        member = tar.getmembers()[0]
    assert (member.uid, member.gid) == (7, 8)


def test_cp_works_on_a_container_that_never_ran_and_on_one_that_ended(docker: Client, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("for it")
    docker.do("create", "--name", "still", "-v", "vol:/vol", "box", "cat", "/vol/f", "/etc/f")
    docker.do("cp", str(tmp_path / "f"), "still:/vol/")
    docker.do("cp", str(tmp_path / "f"), "still:/etc/f")
    assert docker.do("start", "-a", "still") == "for itfor it"
    docker.do("cp", "still:/vol/f", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "for it"


def test_a_copy_goes_on_over_the_end_of_its_container(it: Engine, docker: Client) -> None:
    """The tree stays mounted as long as somebody reads it, and no longer (the fixture looks)."""
    docker.do("exec", "it", "sh", "-c", "head -c 30000000 /dev/zero > /big")
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(it.socket))
    connection.request("GET", "/containers/it/archive?path=/big")
    response = connection.getresponse()
    first = response.read(100_000)
    docker.do("kill", "it")
    docker.do("start", "it")
    docker.do("kill", "it")
    data = first + response.read()
    connection.close()
    assert len(content(data, "big")) == 30_000_000


def test_a_client_that_leaves_in_the_middle_costs_nothing(it: Engine, docker: Client) -> None:
    docker.do("exec", "it", "sh", "-c", "head -c 30000000 /dev/zero > /big")
    docker.do("cp", "it:/etc/hostname", "-")  # the process that workers come from is there
    folder = Path(f"/proc/{it.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(it.socket))
            client.sendall(b"GET /containers/it/archive?path=/big HTTP/1.1\r\nHost: d\r\n\r\n")
            assert client.recv(1000)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(it.socket))
            client.sendall(b"PUT /containers/it/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 99999\r\n\r\n")
            client.sendall(tree(a="a")[:700])
    until(lambda: not [worker for pid in children(it.pid) for worker in children(pid)], what="workers end")
    until(lambda: len(list(folder.iterdir())) <= before, what="descriptors are closed")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_swapped_links_lead_nowhere(shared_engine: Engine, docker: Client, tmp_path: Path) -> None:
    """A process inside swaps a directory for a link to the host's directory as fast as it can, while files are copied
    out and in by the same path."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("BYTES OF THE HOST")
    swap = (
        f"mkdir -p /a/dir /x; echo inside > /a/dir/secret; ln -s {outside} /x/link; cd /a; echo ready; "
        "while true; do mv dir kept; mv /x/link dir; mv dir /x/link; mv kept dir; done"
    )
    docker.do("run", "-d", "--name", "it", "box", "sh", "-c", swap)
    until(lambda: docker.do("logs", "it") == "ready")
    kinds = set()
    for turn in range(60):
        if turn >= 8 and 200 in kinds:
            break
        status, _, data = raw(shared_engine, "GET", "/containers/it/archive?path=/a/dir/secret")
        kinds.add(status)
        assert b"BYTES OF" not in data
        assert status in (200, 404, 500)
        try:
            whole = raw(shared_engine, "GET", "/containers/it/archive?path=/a")[2]
        except http.client.IncompleteRead as cut:  # what was being read has gone: the answer ends there
            whole = cut.partial
        assert b"BYTES OF" not in whole
        put(shared_engine, "it", "/a/dir", tree(**{f"new{turn}": "from the client", "secret": "inside"}))
    assert 200 in kinds
    assert [(p.name, p.read_text()) for p in outside.iterdir()] == [("secret", "BYTES OF THE HOST")]


def test_the_summary_counts_the_tar(it: Engine, docker: Client, tmp_path: Path) -> None:
    (tmp_path / "three").write_text("abc")
    said = docker.attempt("cp", "--quiet=false", str(tmp_path / "three"), "it:/three").err
    assert said.splitlines()[-1].endswith("Successfully copied 2.05kB to it:/three")
    assert docker.attempt("cp", "it:/three", str(tmp_path / "back")).text == "", "no terminal, no summary"
    assert (tmp_path / "back").read_text() == "abc"


def test_a_terminal_shows_what_is_copied_both_ways(it: Engine, tmp_path: Path) -> None:
    (tmp_path / "three").write_text("abc")
    for words, label in (
        ((str(tmp_path / "three"), "it:/three"), "Copying to container  "),
        (("it:/three", str(tmp_path / "back")), "Copying from container  "),
    ):
        with it.client("fairlead").terminal("cp", *words) as terminal:
            assert terminal.wait() == 0
            assert label in terminal.seen
            assert f"\x1b[KSuccessfully copied 2.05kB to {words[1]}" in terminal.seen


def test_diff_tells_what_was_added_changed_and_deleted(docker: Client) -> None:
    docker.do("run", "--name", "it", "-v", "vol:/vol", "box", "sh", "-c",
              "echo a > /new; mkdir /dir; touch /dir/f; rm /bin/yes; echo >> /etc/passwd; chmod 700 /tmp; "
              "chmod 600 /etc/group; chmod 644 /etc/group; touch /vol/f")  # fmt: skip
    assert docker.do("diff", "it").splitlines() == [
        "C /bin", "D /bin/yes", "A /dir", "A /dir/f", "C /etc", "C /etc/passwd", "A /new", "C /tmp", "A /vol",
    ]  # fmt: skip


def test_mount_points_are_made_where_they_are_seen_with_dockers_mode(docker: Client) -> None:
    docker.do("run", "--name", "it", "-v", "vol:/new/deep", "-v", "within:/new/deep/in", "--tmpfs", "/t", "-v",
              "other:/t/in", "box", "true")  # fmt: skip
    assert docker.do("diff", "it").splitlines() == ["A /new", "A /new/deep", "A /t"]
    docker.do("commit", "it", "points:1")
    said = docker.do("run", "--rm", "points:1", "stat", "-c", "%a %n", "/new", "/new/deep")
    assert said.splitlines() == ["755 /new", "755 /new/deep"]
    docker.do("rmi", "points:1")


def test_what_the_engine_mounts_over_is_in_a_layer_of_its_own(docker: Client, tmp_path: Path) -> None:
    """In no `diff` and in no image; in `export` and `cp`, as Docker has it."""
    docker.do("create", "--name", "it", "box", "sh", "-c", "readlink /etc/mtab; rm /etc/mtab; echo > /etc/new")
    docker.do("export", "-o", str(tmp_path / "tar"), "it")
    with tarfile.open(tmp_path / "tar") as archive:
        found = {member.name: (oct(member.mode), member.linkname) for member in archive}
    assert found["etc/mtab"] == ("0o777", "/proc/mounts")
    files = (".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf")
    assert {found[name] for name in (*files, "dev/pts", "dev/shm", "proc", "sys")} == {("0o755", "")}
    assert docker.do("diff", "it") == ""
    assert docker.do("start", "-a", "it") == "/proc/mounts"
    assert docker.do("diff", "it").splitlines() == ["C /etc", "D /etc/mtab", "A /etc/new"]
    docker.do("commit", "it", "layered:1")
    both = docker.do("run", "--rm", "layered:1", "ls", "-a", "/etc/mtab", "/etc/new")
    assert both.split() == ["/etc/mtab", "/etc/new"]
    docker.do("rmi", "layered:1")


def test_diff_of_a_directory_made_anew_names_what_is_gone_from_it(docker: Client) -> None:
    docker.do("run", "--name", "base", "box", "sh", "-c", "mkdir -p /o/deep; touch /o/a /o/b /o/deep/c")
    docker.do("commit", "base", "opaque:1")
    docker.do("run", "--name", "it", "opaque:1", "sh", "-c", "rm -r /o; mkdir /o; echo b > /o/b")
    assert docker.do("diff", "it").splitlines() == ["C /o", "D /o/a", "C /o/b", "D /o/deep"]


def test_a_created_container_has_no_changes(shared_engine: Engine, docker: Client) -> None:
    docker.do("create", "--name", "it", "box", "true")
    assert shared_engine.json("GET", "/containers/it/changes") is None


def test_commit_makes_an_image_of_what_changed(shared_engine: Engine, docker: Client) -> None:
    docker.do("run", "--name", "it", "-e", "A=b", "-v", "vol:/vol", "box", "sh", "-c",
              "echo kept > /f; ln /f /g; rm /bin/yes; touch /vol/not")  # fmt: skip
    out = docker.do("commit", "-a", "me", "-m", "why", "-c", 'CMD ["cat", "/f", "/g"]', "-c", "ENV C=d", "it", "made:1")
    image = shared_engine.json("GET", "/images/made:1/json")
    assert out == image["Id"]
    assert (image["Author"], image["Comment"]) == ("me", "why")
    assert {"A=b", "C=d"} <= set(image["Config"]["Env"])
    assert docker.do("run", "--rm", "made:1") == "kept\nkept"
    look = "ls /vol; test -e /bin/yes || echo no; stat -c %h /f"
    assert docker.do("run", "--rm", "made:1", "sh", "-c", look) == "no\n2"
    assert docker.do("run", "--name", "same", "made:1", "true") == ""
    assert docker.do("diff", "same") == ""
    with tarfile.open(fileobj=io.BytesIO(raw(shared_engine, "GET", "/images/made:1/get")[2])) as archive:
        layers = [m for m in archive if (m.isfile() and m.name.startswith("blobs")) or m.name.endswith("layer.tar")]
        texts = [archive.extractfile(m).read() for m in layers]  # type: ignore[union-attr]
    assert not any(b"etc/hosts" in text and b"./" not in text and b"bin/.wh.yes" in text for text in texts)
    docker.do("rmi", "-f", "made:1")


def test_events_tell_where_images_come_from_and_go_to(shared_engine: Engine, docker: Client, tmp_path: Path) -> None:
    since, archive = time.time(), str(tmp_path / "image.tar")
    docker.do("create", "--name", "it", "box", "true")
    made = docker.do("commit", "it", "told:1")
    docker.do("save", "-o", archive, "told:1")
    docker.do("load", "-i", archive)
    docker.do("rmi", "told:1")
    path = f'/events?since={since:.9f}&until={time.time():.9f}&filters={{"type":["image"]}}'
    events = [json.loads(line) for line in raw(shared_engine, "GET", path)[2].splitlines()]
    assert [(event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"]["name"]) for event in events] == [
        ("tag", made, "told:1"), ("save", made, made), ("load", made, made), ("untag", made, made),
        ("delete", made, made)]  # fmt: skip


def test_commit_pauses_meanwhile_and_tells_so(shared_engine: Engine, docker: Client) -> None:
    busy = docker.do("run", "-d", "--name", "busy", "box", "sh", "-c", "while true; do echo x >> /f; done")
    docker.do("commit", "busy", "made:2")
    assert shared_engine.inspect("busy")["State"]["Status"] == "running"
    docker.do("commit", "--pause=false", "busy", "made:3")
    told = raw(shared_engine, "GET", f'/events?since=1&until={time.time():.9f}&filters={{"container":["{busy}"]}}')[2]
    actions = [json.loads(line)["Action"] for line in told.splitlines()]
    assert [a for a in actions if a in ("pause", "unpause", "commit")] == ["pause", "unpause", "commit", "commit"]
    assert docker.attempt("commit", "busy", "Bad").text.strip().endswith("must be lowercase")
    docker.do("rmi", "made:2", "made:3")


def test_export_is_the_whole_tree_without_volumes_and_can_be_imported(docker: Client, tmp_path: Path) -> None:
    docker.do("run", "--name", "it", "-v", "vol:/vol", "box", "sh", "-c", "echo kept > /f; touch /vol/not")
    docker.do("export", "-o", str(tmp_path / "e.tar"), "it")
    found = names((tmp_path / "e.tar").read_bytes())
    assert {"f", "bin/sh", "vol"} <= set(found)
    assert "vol/not" not in found
    docker.do("import", str(tmp_path / "e.tar"), "again:1")
    assert docker.do("run", "--rm", "again:1", "cat", "/f") == "kept"
    docker.do("rmi", "again:1")
