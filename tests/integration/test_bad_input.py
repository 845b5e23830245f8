"""Wrong invocations: Docker's message and status, Docker's exit code, and nothing left."""

from __future__ import annotations

import io
import json
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.engine import Engine

pytestmark = pytest.mark.root

NAME_RULE = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"

# id, words after `fairlead`, exit code, what the message says
COMMANDS: list[tuple[str, list[str], int, str]] = [
    ("unknown flag", ["run", "--foo", "box"], 125, "unknown flag: --foo"),
    ("unknown short flag", ["run", "-z", "box"], 125, "unknown shorthand flag: 'z' in -z"),
    ("no image", ["run"], 1, "requires at least 1 argument"),
    ("unknown command", ["fly"], 1, "unknown command"),
    ("unknown image", ["run", "nosuch:1"], 125, "nosuch"),
    ("bad image name", ["run", "BOX"], 125, "repository name (library/BOX) must be lowercase"),
    ("port too high", ["run", "-p", "70000", "box"], 125, "invalid containerPort: 70000"),
    ("host port too high", ["run", "-p", "70000:80", "box"], 125, "invalid hostPort: 70000"),
    ("port of letters", ["run", "-p", "abc", "box"], 125, "invalid containerPort: abc"),
    (
        "range mismatch",
        ["run", "-p", "8000-9000:80-81", "box"],
        125,
        "invalid ranges specified for container and host Ports",
    ),
    ("reversed range", ["run", "-p", "9090-9089:80", "box"], 125, "invalid hostPort: 9090-9089"),
    ("bad protocol", ["run", "-p", "80:80/foo", "box"], 125, "invalid proto: foo"),
    ("host name for an address", ["run", "-p", "localhost:80:80", "box"], 125, "invalid IP address: localhost"),
    ("bad expose", ["run", "--expose", "80000", "box"], 125, "invalid range format for --expose: 80000"),
    ("bad name", ["run", "--name", "a b", "box", "true"], 125, f"Invalid container name (a b), {NAME_RULE}"),
    ("name too short", ["run", "--name", "a", "box", "true"], 125, f"Invalid container name (a), {NAME_RULE}"),
    ("taken name", ["run", "--name", "taken", "box", "true"], 125, 'The container name "/taken" is already in use'),
    ("link of three parts", ["run", "--link", "a:b:c", "box"], 125, "bad format for links: a:b:c"),
    ("link to nobody", ["run", "--link", "nobody", "box", "true"], 125, "could not get container for nobody"),
    ("env-file missing", ["run", "--env-file", "/nosuch/file", "box"], 125, "/nosuch/file"),
    ("no such command", ["run", "--rm", "box", "nosuchcommand"], 127, "executable file not found in $PATH"),
    ("no such path", ["run", "--rm", "box", "/no/such"], 127, "no such file or directory"),
    ("a directory for a command", ["run", "--rm", "box", "/etc"], 126, "permission denied|is a directory"),
    ("unknown user", ["run", "--rm", "-u", "nobodyhere", "box", "true"], 125, "unable to find user nobodyhere"),
    ("missing network", ["run", "--rm", "--network", "nosuch", "box", "true"], 125, "network nosuch not found"),
    ("bad memory", ["run", "--memory", "lots", "box"], 125, "invalid size: 'lots'"),
    ("bad restart policy", ["run", "--restart", "maybe", "box"], 125, "invalid restart policy"),
    ("rm with restart", ["run", "--rm", "--restart", "always", "box"], 125, "onflicting options: "),
    ("bad volume", ["run", "-v", "/a:/b:/c:/d", "box"], 125, "invalid volume specification|invalid spec"),
    (
        "relative mount",
        ["run", "-v", "/tmp:rel", "box", "true"],
        125,
        "invalid mount path: 'rel' mount path must be absolute",
    ),
    ("bad add-host", ["run", "--add-host", "here", "box"], 125, 'bad format for add-host: "here"'),
    ("bad signal", ["kill", "-s", "NOPE", "taken"], 1, "nvalid signal: NOPE"),
    ("inspect nobody", ["inspect", "nobody"], 1, "o such object: nobody"),
    ("start nobody", ["start", "nobody"], 1, "No such container: nobody"),
    ("exec in a stopped one", ["exec", "taken", "true"], 1, "is not running"),
    ("logs of nobody", ["logs", "nobody"], 1, "No such container: nobody"),
    ("kill a stopped one", ["kill", "taken"], 1, "is not running"),
    ("rename to a taken name", ["rename", "other", "taken"], 1, 'The container name "/taken" is already in use'),
    ("bad template", ["inspect", "-f", "{{ .Name", "taken"], 64, "emplate parsing error"),
    ("rmi of nothing", ["rmi", "nosuch:1"], 1, "No such image: nosuch:1"),
    ("tag of nothing", ["tag", "nosuch:1", "x:1"], 1, "No such image: nosuch:1"),
    (
        "build of nothing",
        ["build", "/nosuch/context"],
        1,
        'unable to prepare context: path "/nosuch/context" not found',
    ),
]


@pytest.mark.parametrize(
    ("words", "code", "message"), [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS]
)
def test_a_wrong_command_gets_dockers_answer(shared_engine: Engine, words: list[str], code: int, message: str) -> None:
    shared_engine.do("create", "--name", "taken", "box", "true")
    shared_engine.do("create", "--name", "other", "box", "true")
    result = shared_engine.cli(*words, timeout_s=20)
    assert any(text in result.err for text in message.split("|")), result
    assert result.code == code, result
    assert set(shared_engine.do("ps", "-a", "--format", "{{.Names}}").split()) == {"taken", "other"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/containers/create", b'{"Image": ', 400, ""),
        ("POST", "/containers/create", b"", 400, ""),
        ("POST", "/containers/create", b'{"Image":"box","Cmd":["true"]} more', 400, "unexpected content after JSON"),
        ("POST", "/containers/create", b'{"Image":"nosuch"}', 404, "No such image: nosuch:latest"),
        (
            "POST",
            "/containers/create",
            b'{"Image":"box","Cmd":["true"],"ExposedPorts":{"aa80/tcp":{}}}',
            400,
            "invalid port specification",
        ),
        ("POST", "/containers/create?name=-bad", b'{"Image":"box","Cmd":["true"]}', 400, NAME_RULE),
        ("GET", "/no/such/page", b"", 404, "page not found"),
        ("GET", "/v9.99/containers/json", b"", 400, "client version 9.99 is too new"),
        ("GET", "/v1.0/containers/json", b"", 400, "client version 1.0 is too old"),
        ("GET", "/containers/json?filters=%7Bbroken", b"", 400, ""),
        ("POST", "/containers/nobody/start", b"", 404, "No such container: nobody"),
    ],
)
def test_a_wrong_request_gets_dockers_status_and_a_message(
    shared_engine: Engine, method: str, path: str, body: bytes, status: int, message: str
) -> None:
    answer = _raw(shared_engine, _request(method, path, body))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode(), answer
    assert message in json.loads(_unchunk(head, rest))["message"]
    assert shared_engine.do("ps", "-aq") == ""


def test_a_request_that_is_no_http_ends_the_connection_alone(shared_engine: Engine) -> None:
    assert b"400" in _raw(shared_engine, b"nonsense\r\n\r\n").partition(b"\r\n")[0]
    assert shared_engine.do("ps", "-aq") == ""


def test_an_oversized_header_is_refused(shared_engine: Engine) -> None:
    answer = _raw(shared_engine, b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 2_000_000 + b"\r\n\r\n")
    assert answer.split()[1] in (b"400", b"431")
    assert shared_engine.do("ps", "-aq") == ""


def test_a_body_cut_off_creates_nothing(shared_engine: Engine) -> None:
    request = _request("POST", "/containers/create", b'{"Image":"box"}').replace(
        b"Content-Length: 15", b"Content-Length: 99"
    )
    _raw(shared_engine, request, half_close=True)
    assert shared_engine.do("ps", "-aq") == ""


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ESCAPES: dict[str, Callable[[str], bytes]] = {
    "dots": lambda out: _tar((tarfile.TarInfo(f"../../../../../../../../{out}/pwned"), b"x")),
    "absolute": lambda out: _tar((tarfile.TarInfo(f"{out}/pwned"), b"x")),
    "absolute link": lambda out: _tar((_link("way", out), b""), (tarfile.TarInfo("way/pwned"), b"x")),
    "dotted link": lambda out: _tar(
        (_link("way", f"../../../../../../../..{out}"), b""), (tarfile.TarInfo("way/pwned"), b"x")
    ),
    "hard link": lambda out: _tar(
        (_link("way", f"{out}/secret", tarfile.LNKTYPE), b""), (tarfile.TarInfo("way"), b"x")
    ),
}


@pytest.mark.parametrize("kind", ESCAPES)
def test_an_archive_writes_nowhere_but_into_its_image(shared_engine: Engine, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_text("kept")
    archive = tmp_path / "bad.tar"
    archive.write_bytes(ESCAPES[kind](str(tmp_path)))
    result = shared_engine.cli("import", str(archive), "evil:1")
    if result.code == 0:  # contained instead of refused: it may not get out when the image is unpacked either
        shared_engine.cli("run", "--rm", "evil:1", "/nothing")
        shared_engine.do("rmi", "-f", "evil:1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "secret"]
    assert (tmp_path / "secret").read_text() == "kept"


def test_a_load_of_garbage_is_refused(shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"\x00\xff" * 5000)
    result = shared_engine.cli("load", "-i", str(tmp_path / "garbage"))
    assert result.code == 1
    assert result.err


def _request(method: str, path: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def _raw(engine: Engine, data: bytes, *, half_close: bool = False) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(engine.socket))
        answer = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            # The server answers and closes before it has read all: what came is the answer.
            pass
        return answer


def _unchunk(head: bytes, body: bytes) -> bytes:
    if b"chunked" not in head.lower():
        return body
    out = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        out, body = out + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return out
