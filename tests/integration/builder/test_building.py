"""How builds behave: the cache, stages at once, contexts of every kind, and what is left when one is cut off."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import leftovers
from testbed.engine import Client, Engine, Result, until
from testbed.registry import serve

pytestmark = pytest.mark.root


@pytest.fixture
def engine(module_engine: Engine) -> Iterator[Engine]:
    before = leftovers.snapshot(module_engine)
    yield module_engine
    module_engine.clear()  # the container of a step that failed stays, as Docker's does
    until(lambda: not leftovers.difference(before, leftovers.snapshot(module_engine)), what="nothing left behind")
    assert [path.name for path in (module_engine.data_root / "overlay2").glob("build-*")] == []


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., str]:
    """Writes a context; its path."""

    def write(dockerfile: str, **files: str) -> str:
        (tmp_path / "Dockerfile").write_text(textwrap.dedent(dockerfile).lstrip())
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return str(tmp_path)

    return write


def cached(text: str) -> list[bool]:
    """Of each step but FROM: whether it came from the cache."""
    steps = re.split(r"^Step \d+/\d+ : ", text, flags=re.MULTILINE)[1:]
    return [" ---> Using cache" in step for step in steps if not step.startswith("FROM")]


STEPS = """
    FROM box
    ENV A=1
    COPY a b /x/
    RUN cat /x/a
    CMD x
"""


def test_the_cache_goes_by_contents_not_by_times(engine: Engine, context: Callable[..., str]) -> None:
    path = context(STEPS, a="1", b="2")
    assert not any(cached(engine.do("build", path)))
    os.utime(Path(path, "a"), (1, 1))
    assert all(cached(engine.do("build", path)))
    context(STEPS, a="changed", b="2")
    assert cached(engine.do("build", path)) == [True, False, False, False]
    assert not any(cached(engine.do("build", "--no-cache", path)))
    Path(path, "a").chmod(0o700)
    assert cached(engine.do("build", path)) == [True, False, False, False]


def test_a_proxy_is_not_part_of_the_cache_but_another_argument_is(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nARG A\nRUN echo $A $HTTP_PROXY\n")
    engine.do("build", "--build-arg", "A=proxied", "--build-arg", "HTTP_PROXY=one", path)
    again = engine.do("build", "--build-arg", "A=proxied", "--build-arg", "HTTP_PROXY=two", path)
    assert cached(again) == [True, True]
    assert cached(engine.do("build", "--build-arg", "A=other", path)) == [True, False]


def test_cache_from_an_image_that_came_from_elsewhere(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nENV C=from\nRUN echo once > /x\nRUN echo two > /y\nCMD z\n")
    engine.do("build", "-t", "origin:1", path)
    archive = f"{engine.root}/origin.tar"
    engine.do("save", "-o", archive, "origin:1")
    engine.do("rmi", "-f", "origin:1")
    engine.do("load", "-i", archive)
    assert all(cached(engine.do("build", "--cache-from", "origin:1", path)))
    engine.do("rmi", "-f", "origin:1")


def test_stages_that_do_not_need_each_other_run_at_the_same_time(engine: Engine, context: Callable[..., str]) -> None:
    meet = "RUN --mount=type=cache,target=/c touch /c/{0}; i=0; until [ -e /c/{1} ]; do usleep 20000; i=$((i+1)); " \
           "[ $i -lt 500 ] || exit 1; done; echo {0} > /{0}"  # fmt: skip
    path = context(
        f"FROM box AS a\n{meet.format('one', 'two')}\nFROM box AS b\n{meet.format('two', 'one')}\n"
        "FROM scratch\nCOPY --from=a /one /\nCOPY --from=b /two /\n"
    )
    said = engine.do("build", path)
    assert [int(n) for n in re.findall(r"^Step (\d+)/", said, re.MULTILINE)] == list(range(1, 8))


def test_a_cache_that_is_locked_has_one_user_at_a_time(engine: Engine, context: Callable[..., str]) -> None:
    step = "RUN --mount=type=cache,id=lock,target=/c,sharing=locked mkdir /c/held && usleep 300000 && rmdir /c/held"
    path = context(f"FROM box AS a\n{step}; touch /a\nFROM box AS b\n{step}; touch /b\nFROM scratch\n"
                   "COPY --from=a /a /\nCOPY --from=b /b /\n")  # fmt: skip
    said = engine.cli("build", "--no-cache", path)
    assert said.code == 0, said.text
    assert "File exists" not in said.text


def test_no_link_of_a_context_leads_out_of_it(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM scratch\nCOPY out/hostname /x\n")
    Path(path, "out").symlink_to("../" * 20 + "etc")
    refused = engine.cli("build", path)
    assert refused.code == 1
    assert "COPY failed: file not found in build context" in refused.err
    context("FROM scratch\nCOPY abs /x\n")
    Path(path, "abs").symlink_to("/etc/hostname")
    assert "COPY failed: file not found in build context" in engine.cli("build", path).err


def test_a_build_that_is_cut_off_stops_and_leaves_nothing(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nRUN echo begun; sleep 1000\n")
    client = engine.client("fairlead")
    # A test run in the background of a shell inherits that Ctrl-C is ignored.
    heeds = ["env", "--default-signal=INT"]
    with subprocess.Popen([*heeds, *client.argv, "build", path], env=client.env, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        while running.stdout.readline() != b"begun\n":
            pass
        assert engine.do("ps", "-q")
        running.send_signal(signal.SIGINT)
    until(lambda: not engine.do("ps", "-aq"), what="the step's container is gone")
    until(lambda: not list((engine.data_root / "overlay2").glob("build-*")), what="the context is gone")


def test_nothing_takes_away_what_a_running_build_stands_on(
    engine: Engine, context: Callable[..., str], tmp_path: Path
) -> None:
    """Pruned, and removed by id, between two steps: while ADD waits for its server."""
    asked, allowed = tmp_path / "asked", tmp_path / "allowed"
    os.mkfifo(asked)
    os.mkfifo(allowed)
    (tmp_path / "context").mkdir()
    with serve(engine.host, "gatedserver.py", str(asked), str(allowed)) as address:
        dockerfile = f"FROM box\nRUN echo stands > /made\nENV A=b\nADD http://{address}/file /\n"
        (tmp_path / "context" / "Dockerfile").write_text(dockerfile)
        client = engine.client("fairlead")
        argv = [*client.argv, "build", "-t", "standing", str(tmp_path / "context")]
        with subprocess.Popen(argv, env=client.env, stdout=subprocess.PIPE, text=True) as build:
            asked.read_text()
            top = engine.json("GET", "/images/json?all=1")[0]["Id"]
            engine.do("image", "prune", "-f")
            assert "is being used by a running build" in engine.cli("rmi", "-f", top).text
            allowed.write_text("go on")
            said = build.communicate(timeout=60)[0]
        assert build.returncode == 0, said
    assert engine.do("run", "--rm", "standing", "sh", "-c", "cat /made /file; echo $A") == "stands\nlet throughb"
    engine.do("rmi", "standing")
    assert top not in [image["Id"] for image in engine.json("GET", "/images/json?all=1")]


def test_intermediate_containers_stay_when_asked_to(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nRUN echo kept > /kept\nRUN cat /kept; exit 7\n")
    failed = engine.cli("build", "--rm=false", path)
    assert failed.code == 7
    assert "returned a non-zero code: 7" in failed.err
    left = engine.do("ps", "-aq").split()
    assert len(left) == 2
    engine.do("rm", *left)
    assert engine.cli("build", "--force-rm", "--no-cache", path).code == 7
    assert engine.do("ps", "-aq") == ""


def test_quiet_prints_the_id_alone_and_everything_if_it_fails(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nRUN echo talk\n")
    iid = Path(path, "iid")
    said = engine.do("build", "-q", "--iidfile", str(iid), path)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", said)
    assert iid.read_text() == said
    context("FROM box\nRUN echo reason; false\n")
    failed = engine.cli("build", "-q", path)
    assert (failed.code, failed.out) == (1, "")
    assert "reason" in failed.err


def test_a_dockerfile_from_stdin_with_and_without_context(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM nosuch\n", f="file")
    engine.do("build", "-f", "-", "-t", "in:1", path, stdin="FROM box\nCOPY f /f\n")
    assert engine.do("run", "--rm", "in:1", "cat", "/f") == "file"
    docker = run_docker(engine.client("docker"), "-q", "-f", "-", path, stdin="FROM box\nCOPY f /g\n")
    assert docker.code == 0, docker.err  # its tar ends without padding
    engine.do("build", "-t", "in:2", "-", stdin="FROM box\nRUN echo two > /f\n")
    assert engine.do("run", "--rm", "in:2", "cat", "/f") == "two"


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_a_context_as_a_tar_from_stdin(engine: Engine, compression: str) -> None:
    data = io.BytesIO()
    with tarfile.open(None, f"w:{compression}", data) as tar:  # type: ignore[call-overload]  # any of the four
        for name, text in (("d/My", "FROM box\nCOPY f /f\n"), ("f", "data")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    engine.do("build", "-f", "d/My", "-t", "tar:1", "-", stdin=data.getvalue())
    assert engine.do("run", "--rm", "tar:1", "cat", "/f") == "data"


@pytest.fixture
def web(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that http://127.0.0.1:8123/ shows, on the fake host."""
    root = tmp_path_factory.mktemp("web")
    server = engine.host.here.popen(
        "python3", "-m", "http.server", "8123", "--bind", "127.0.0.1", "-d", str(root), stderr=subprocess.DEVNULL
    )
    until(lambda: engine.host.here.connects("127.0.0.1", 8123), what="the web server")
    yield root
    server.kill()
    server.wait()


def test_add_of_a_url(engine: Engine, context: Callable[..., str], web: Path) -> None:
    (web / "file.tar").write_bytes(b"hello")
    os.utime(web / "file.tar", (1_500_000_000, 1_500_000_000))
    path = context("FROM box\nADD http://127.0.0.1:8123/file.tar /d/\nADD http://127.0.0.1:8123/file.tar /plain\n")
    engine.do("build", "-t", "url:1", path)
    told = engine.do("run", "--rm", "url:1", "stat", "-c", "%a %Y %s", "/d/file.tar", "/plain")
    assert told.splitlines() == ["600 1500000000 5"] * 2
    assert cached(engine.do("build", path)) == [True, True]
    (web / "file.tar").write_bytes(b"other")
    assert cached(engine.do("build", path)) == [False, False]
    missing = context("FROM box\nADD http://127.0.0.1:8123/nosuch /d/\n")
    assert "ADD failed: failed to GET http://127.0.0.1:8123/nosuch with status 404" in engine.cli("build", missing).err


def test_an_image_is_imported_from_a_url_for_the_platform_that_is_named(engine: Engine, web: Path) -> None:
    engine.do("create", "--name", "rooted", "box", "true")
    engine.do("export", "-o", str(web / "root.tar"), "rooted")
    url = "http://127.0.0.1:8123/root.tar"
    for client in ("fairlead", "docker"):
        said = engine.client(client).do("import", "--change", "CMD echo imported", url, "from-url")
        assert said.splitlines()[0] == f"Downloading from {url}"
        assert engine.do("run", "--rm", "from-url") == "imported"
    assert engine.do("history", "--format", "{{.Comment}}", "from-url") == f"Imported from {url}"
    engine.do("import", "--platform", "linux/arm64", url, "foreign")
    assert engine.do("image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", "foreign") == "linux/arm64"
    gone = engine.cli("import", "http://127.0.0.1:8123/nosuch", "x")
    assert (gone.code, "with status 404" in gone.err) == (1, True)
    assert not list((engine.data_root / "overlay2").glob("build-*"))


def test_add_checks_the_digest_that_is_asked_for(engine: Engine, context: Callable[..., str], web: Path) -> None:
    (web / "f").write_bytes(b"hello")
    good = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    engine.do("build", context(f"FROM box\nADD --checksum=sha256:{good} http://127.0.0.1:8123/f /f\n"))
    wrong = context(f"FROM box\nADD --checksum=sha256:{'0' * 64} http://127.0.0.1:8123/f /f\n")
    assert f"digest mismatch for http://127.0.0.1:8123/f: sha256:{good}" in engine.cli("build", wrong).err


def test_a_context_that_lies_at_a_url(engine: Engine, web: Path) -> None:
    (web / "Dockerfile").write_text("FROM box\nRUN echo remote > /f\n")
    with tarfile.open(web / "context.tar.gz", "w:gz") as tar:
        tar.add(web / "Dockerfile", "Dockerfile")
    for name in ("context.tar.gz", "Dockerfile"):
        status, said = engine.api("POST", f"/build?remote=http://127.0.0.1:8123/{name}&t=remote:1")
        assert status == 200
        assert b"Successfully tagged remote:1" in said, said
    status, said = engine.api("POST", "/build?remote=https://example.com/x.git")
    assert (status, b"git build contexts are not supported" in said) == (400, True)


REFUSALS = [
    ("FROM box\nINSTALL x\n", (), "dockerfile parse error on line 2: unknown instruction: INSTALL"),
    ("FROM box\nCOPY --boo=1 a /b\n", (), "dockerfile parse error on line 2: unknown flag: --boo"),
    ("FROM box\nADD git@github.com:a/b.git /x\n", (), "ADD failed: git sources are not supported"),
    ("FROM box\nCOPY http://x/y /x\n", (), "COPY failed: source can't be a URL for COPY"),
    ("FROM box\nRUN --mount=type=foo,target=/x true\n", (), 'unsupported mount type "foo"'),
    ("FROM box\nRUN --network=foo true\n", (), 'unsupported network mode "foo"'),
    ("FROM box\nRUN --security=insecure true\n", (), "security.insecure is not allowed"),
    ("FROM box\nRUN --mount=type=secret,id=x,required true\n", (), "secret x: not found"),
    ("FROM box\nUSER ${X?is needed}\n", (), "X: is needed"),
    ("FROM box\nCOPY --chmod=rwx Dockerfile /x\n", (), "invalid chmod parameter: 'rwx'"),
    ("FROM box\nEXPOSE 99999\n", (), "invalid containerPort: 99999"),
    ("FROM box\nSTOPSIGNAL FOO\n", (), "invalid signal: FOO"),
    ("FROM box\n", ("--squash",), '"--squash" is only supported on a Docker daemon with experimental features'),
    ("FROM box\n", ("--isolation", "hyperv"), 'Unsupported isolation: "hyperv"'),
    ("FROM box\n", ("--security-opt", "bogus"), 'invalid --security-opt'),
    ("FROM box\nCOPY [z-a]* /x/\n", (), "COPY failed: no source files were specified"),
    ("FROM box\nCOPY a[ /x/\n", (), "COPY failed: no source files were specified"),
    ("FROM box\nCOPY --exclude=[z-a] . /x/\n", (), "failed to copy files: syntax error in pattern"),
    ("FROM --platform=linux/s390x box\n", (), "lookup registry-1.docker.io"),
    ("FROM --platform=a/b/c/d box\n", (), "failed to parse platform a/b/c/d"),
    ("FROM box\n", ("--platform", "lin ux"), '"lin ux" is an invalid OS component of "lin ux": OSAndVersion specifier'),
    ("FROM box\n", ("-m", "1m"), "Minimum memory limit allowed is 6MB"),
    ("FROM box\n", ("--target", "x"), "failed to reach build target x in Dockerfile"),
    ("FROM box\n", ("-f", "nosuch"), "unable to prepare context: unable to evaluate symlinks in Dockerfile path"),
]


@pytest.mark.parametrize(("dockerfile", "flags", "complaint"), REFUSALS)
def test_refusals(
    engine: Engine, context: Callable[..., str], dockerfile: str, flags: tuple[str, ...], complaint: str
) -> None:
    path = context(dockerfile)
    flags = tuple(f"{path}/{flag}" if flag == "nosuch" else flag for flag in flags)
    refused = engine.cli("build", *flags, path)
    assert refused.code == 1
    assert complaint in refused.err


def test_caches_are_pruned(engine: Engine, context: Callable[..., str]) -> None:
    step = "RUN --mount=type=cache,target=/pruned dd if=/dev/zero of=/pruned/x bs=1M count=2"
    engine.do("build", context(f"FROM box\n{step}\n"))
    answer = engine.json("POST", "/build/prune")
    assert answer["CachesDeleted"]
    assert answer["SpaceReclaimed"] >= 2 << 20
    assert engine.json("POST", "/build/prune") == {"CachesDeleted": None, "SpaceReclaimed": 0}


def run_docker(client: Client, *words: str, stdin: str = "") -> Result:
    with contextlib.suppress(FileNotFoundError):
        return client.attempt("build", *words, stdin=stdin)
    raise AssertionError("no docker client")


def test_dockers_client_shows_the_classic_stream(engine: Engine, context: Callable[..., str]) -> None:
    path = context("FROM box\nRUN echo out && echo err >&2\nCMD x\n")
    said = run_docker(engine.client("docker"), "--no-cache", "-t", "stream:1", path)
    lines = [re.sub(r"\b[0-9a-f]{12}\b", "ID", line) for line in said.out.splitlines() if line]
    assert lines[1:4] == ["Step 1/3 : FROM box", " ---> ID", "Step 2/3 : RUN echo out && echo err >&2"]
    assert " ---> Running in ID" in lines
    assert "\x1b[91merr" in said.out
    assert lines[-2:] == ["Successfully built ID", "Successfully tagged stream:1"]
    failed = run_docker(engine.client("docker"), "-q", context("FROM box\nRUN exit 9\n"))
    assert (failed.code, failed.out) == (9, "")
    assert "The command '/bin/sh -c exit 9' returned a non-zero code: 9" in failed.err
