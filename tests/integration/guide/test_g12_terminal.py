"""G12: a shell on a terminal in a linked container, with a way out and names. (apt-get itself plays in `make demo`.)"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from testbed import host
from testbed.guide import Guide

pytestmark = pytest.mark.root

# Answers every question with 198.51.100.2: another machine's name server.
NAME_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.51.100.2", 53))
print("up", flush=True)
while True:
    q, peer = s.recvfrom(4096)
    end = q.index(0, 12) + 5
    a = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes((198, 51, 100, 2))
    four = q[end - 4:end - 2] == b"\\0\\1"
    head = q[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if four else b"\\0\\0") + bytes(4)
    s.sendto(head + q[12:end] + (a if four else b""), peer)
"""


@pytest.fixture
def names_outside(guide: Guide) -> Iterator[None]:
    """Another machine that serves names and a page, and a host that asks it."""
    resolver = guide.engine.root / "resolv.conf"
    resolver.write_text(f"nameserver {host.FAR_ADDRESS}\n")
    (guide.engine.root / "outside").mkdir(exist_ok=True)
    (guide.engine.root / "outside" / "index.html").write_text("outside\n")
    guide.here.run("mount", "--bind", str(resolver), "/etc/resolv.conf")
    python = [sys.executable, "-I", "-S", "-u", "-c", NAME_SERVER]
    pages = ["busybox", "httpd", "-f", "-p", "80", "-h", str(guide.engine.root / "outside")]
    with (
        subprocess.Popen([*guide.far.entry, *python], stdout=subprocess.PIPE) as server,
        subprocess.Popen([*guide.far.entry, *pages]) as web,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        yield
        server.kill()
        web.kill()
    guide.here.run("umount", "/etc/resolv.conf")


def test_a_shell_on_a_terminal_pings_the_link_and_reaches_the_world(guide: Guide, names_outside: None) -> None:
    guide.run_db()
    words = ("run", "-t", "-i", "--rm", "--name", "shell", "--link", "db:webdb", "training/webapp", "/bin/sh")
    with guide.client.terminal(*words) as terminal:
        terminal.expect("# ")
        terminal.type("tty; stty size\n")
        terminal.expect("/dev/pts/0")
        terminal.expect("40 120")
        terminal.type("ping -c 1 webdb\n")
        terminal.expect("1 packets received")
        terminal.type("wget -q -O - http://somewhere.example/\n")
        terminal.expect("outside\r\n")
        terminal.type("exit 3\n")
        assert terminal.wait() == 3
    assert guide.lines("ps", "-aq", "--filter", "name=shell") == []


def test_exec_gives_a_terminal_too_and_its_exit_code(guide: Guide) -> None:
    guide.run_web()
    with guide.client.terminal("exec", "-it", "web", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo $((6*7)); exit 5\n")
        terminal.expect("42")
        assert terminal.wait() == 5


def test_detach_keys_leave_the_container_running(guide: Guide) -> None:
    with guide.client.terminal("run", "-it", "--name", "shell", "box", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("\x10\x11")
        assert terminal.wait() == 0
    assert guide.do("inspect", "-f", "{{ .State.Running }}", "shell") == "true"
    with guide.client.terminal("attach", "shell") as terminal:
        terminal.type("echo back; exit\n")
        terminal.expect("back\r\n")
        assert terminal.wait() == 0


def test_ctrl_c_reaches_the_process(guide: Guide) -> None:
    script = "trap 'exit 7' INT; echo up; while :; do sleep 0.1; done"
    with guide.client.terminal("run", "-it", "--rm", "box", "sh", "-c", script) as terminal:
        terminal.expect("up")
        terminal.type("\x03")
        assert terminal.wait() == 7
