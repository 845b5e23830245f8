"""Docker's own client at a terminal: what appears, what is typed, the window's size, and how one leaves."""

from __future__ import annotations

import pytest

from testbed.engine import Client, Engine, until
from testbed.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.clients]

TOLD = "trap 'echo told; exit 5' TERM; echo up; while :; do sleep 0.05; done"
SIZES = "trap 'stty size' WINCH; echo up; while :; do sleep 0.05; done"


def running(cli: Client, name: str = "it") -> bool:
    return cli.do("inspect", "-f", "{{.State.Running}}", name) == "true"


def pulled(terminal: Terminal, rows: int, columns: int) -> bool:
    """Whether the process was told. (Docker's client begins to show output before it listens for changes.)"""
    terminal.resize(rows, columns)
    try:
        terminal.expect(f"{rows} {columns}\r\n", 1)
    except AssertionError:
        return False
    return True


def test_a_shell_echoes_runs_and_ends_with_its_code(cli: Client) -> None:
    with cli.terminal("run", "-it", "--rm", "-h", "named", "box", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo $TERM $HOSTNAME; tty\n")
        terminal.expect("xterm named\r\n/dev/pts/0\r\n")
        terminal.type("exit 9\n")
        assert terminal.wait() == 9
    assert cli.do("ps", "-aq") == ""


@pytest.mark.parametrize("words", [("run", "-it", "--name", "it", "box"), ("exec", "-it", "it")], ids=["run", "exec"])
def test_the_window_has_its_size_and_keeps_it_while_it_changes(cli: Client, words: tuple[str, ...]) -> None:
    if words[0] == "exec":
        cli.do("run", "-d", "--name", "it", "box", "sleep", "60")
    with cli.terminal(*words, "sh", "-c", f"stty size; {SIZES}") as terminal:
        terminal.expect("40 120\r\n")
        terminal.expect("up")
        for rows, columns in ((30, 90), (50, 200)):
            until(lambda rows=rows, columns=columns: pulled(terminal, rows, columns), timeout_s=20)


def test_the_keys_of_detaching_leave_it_running_and_attach_comes_back(cli: Client) -> None:
    with cli.terminal("run", "-it", "--name", "it", "box", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("a=kept\n\x10\x11")
        assert terminal.wait() == 0
    assert running(cli)
    with cli.terminal("attach", "it") as terminal:
        terminal.type("echo $a; exit 4\n")
        terminal.expect("kept\r\n")
        assert terminal.wait() == 4


def test_keys_of_ones_own_and_a_beginning_of_them_that_goes_on_otherwise(cli: Client) -> None:
    with cli.terminal("run", "-it", "--detach-keys", "ctrl-a,x", "--name", "it", "box", "cat") as terminal:
        terminal.type("\x10\x11 are no keys now\n")
        terminal.expect("are no keys now\r\n")
        terminal.type("\x01no\n")
        terminal.expect("no\r\n")
        terminal.type("\x01x")
        assert terminal.wait() == 0
    assert running(cli)
    with cli.terminal("attach", "--detach-keys", "q", "it") as terminal:
        terminal.type("q")
        assert terminal.wait() == 1
        assert "read escape sequence" in terminal.seen
    assert running(cli)


def test_exec_is_left_by_the_same_keys_and_goes_on(cli: Client) -> None:
    cli.do("run", "-d", "--name", "it", "box", "sleep", "60")
    with cli.terminal("exec", "-it", "it", "sh", "-c", "echo up; while :; do sleep 1; done") as terminal:
        terminal.expect("up")
        terminal.type("\x10\x11")
        terminal.wait()
    assert "echo up" in cli.do("top", "it")


def test_wrong_keys_are_refused(cli: Client) -> None:
    cli.do("run", "-dit", "--name", "it", "box", "cat")
    refused = cli.attempt("exec", "--detach-keys", "ctrl-nosuch", "it", "true")
    assert refused.code == 1
    assert "Error response from daemon: Invalid escape keys (ctrl-nosuch) provided" in refused.err


def test_start_with_ai_and_attach_to_the_stopped(cli: Client) -> None:
    cli.do("create", "-it", "--name", "it", "box", "sh", "-c", "read line; echo got $line; exit 3")
    refused = cli.attempt("attach", "it")
    assert (refused.code, "cannot attach to a stopped container, start it first" in refused.err) == (1, True)
    with cli.terminal("start", "-ai", "it") as terminal:
        terminal.type("hello\n")
        terminal.expect("got hello\r\n")
        assert terminal.wait() == 3


def test_ctrl_c_and_the_end_of_input(cli: Client) -> None:
    with cli.terminal("run", "-it", "--rm", "box", "sh", "-c", "trap 'exit 7' INT; echo up; while :; do :; done") as it:
        it.expect("up")
        it.type("\x03")
        assert it.wait() == 7
    with cli.terminal("run", "-it", "--rm", "box", "cat") as terminal:
        terminal.type("line\n")
        terminal.expect("line\r\nline\r\n")
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_a_terminal_is_refused_where_there_is_none(cli: Client) -> None:
    refused = cli.attempt("run", "-it", "--rm", "box", "true", stdin="")
    assert refused.code == 1
    assert "the input device is not a TTY" in refused.err


def test_signals_reach_the_process_through_the_client(cli: Client) -> None:
    identifier = cli.do("run", "-d", "--name", "it", "box", "sh", "-c", TOLD)
    attached = ("-f", f"container={identifier}", "-f", "event=attach")
    until(lambda: cli.do("logs", "it") == "up")
    with cli.terminal("attach", "--no-stdin", "it") as terminal:
        until(lambda: cli.do("events", "--since", "1m", "--until", "0s", *attached), timeout_s=10)
        terminal.process.terminate()
        terminal.expect("told")
        assert terminal.wait() == 5


def test_a_detached_exec_may_have_a_terminal(cli: Client) -> None:
    cli.do("run", "-d", "--name", "it", "box", "sleep", "60")
    cli.do("exec", "-dt", "it", "sh", "-c", "tty > /tty; seq 100000; echo done >> /tty; sleep 60")
    assert until(lambda: cli.do("exec", "it", "cat", "/tty")).split()[0] == "/dev/pts/0"
    until(lambda: "done" in cli.do("exec", "it", "cat", "/tty"), timeout_s=10)
    refused = cli.attempt("exec", "-dt", "it", "nosuch")
    assert (refused.code, "executable file not found" in refused.text) == (1, True), refused


def test_the_window_of_what_has_ended_cannot_change(cli: Client, shared_engine: Engine) -> None:
    cli.do("run", "-d", "--name", "it", "box", "sleep", "60")
    made = shared_engine.json("POST", "/containers/it/exec", {"Cmd": ["true"], "Tty": True})["Id"]
    shared_engine.json("POST", f"/exec/{made}/start", {"Detach": True, "Tty": True})
    until(lambda: not shared_engine.json("GET", f"/exec/{made}/json")["Running"])
    assert shared_engine.api("POST", f"/exec/{made}/resize?h=24&w=80")[0] == 409
    cli.do("stop", "-t", "0", "it")
    assert shared_engine.api("POST", "/containers/it/resize?h=24&w=80")[0] == 409
