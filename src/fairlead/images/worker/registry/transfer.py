"""The process that talks to registries: waits for sessions, and forks one child for each (so what is slow to import is
imported once), in which one pull or push is done.

The daemon passes a socket; on it come commands, one JSON object a line, and go events. When the daemon's end closes,
for whatever reason, the session and all its children end at once.
"""

from __future__ import annotations

import base64
import encodings.idna  # noqa: F401  # every look-up needs it, and would import it in every session
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from fairlead.images.worker import children, entry
from fairlead.images.worker.registry import failure, http, layer, resolve, upload
from fairlead.images.worker.registry.auth import Credentials
from fairlead.images.worker.registry.download import Patience
from fairlead.images.worker.registry.failure import Failure
from fairlead.images.worker.registry.http import Remote

CONTROL_FD = 3
Message = dict[str, Any]


def main() -> None:
    """Until the daemon is gone, or nothing was asked for `idle` seconds."""
    entry.preload()
    http.authorities()
    control = socket.socket(fileno=CONTROL_FD)
    control.settimeout(float(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # sessions need no reaping
    gc.freeze()
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(control, 1, 2)
        except TimeoutError:
            return
        if not data:
            return
        children.fork(lambda fd=fds[0]: _session(control, fd))  # type: ignore[misc]
        for fd in fds:  # the second is the pipe of life: who holds it lives (transfers.py)
            os.close(fd)


def _session(control: socket.socket, fd: int) -> None:
    control.close()
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    Session(socket.socket(fileno=fd)).run()


class Session:
    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._selector = selectors.DefaultSelector()
        self._remote: Remote | None = None
        self._known: list[Remote] = []
        """Where an earlier pull of this session was answered: to be asked first."""
        self._setup: Message = {}
        self._running: dict[int, int] = {}
        """pidfd → job"""

    def run(self) -> None:
        self._selector.register(self._link, selectors.EVENT_READ)
        rest = b""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._link:
                    self._ended(key.fd, key.data)
                    continue
                data = self._link.recv(1 << 16)
                if not data:
                    os.killpg(0, signal.SIGKILL)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._command(json.loads(line))

    def say(self, message: Mapping[str, Any]) -> None:
        """One line. Children write short ones (PIPE_BUF does for stream sockets too: one send, one skb)."""
        self._link.sendall(json.dumps(message).encode() + b"\n")

    def _command(self, command: Message) -> None:
        commands: Mapping[str, Callable[[Message], Message | None]] = {
            "begin": self._begin, "resolve": self._resolve, "config": self._config, "tags": self._tags,
            "check": self._check, "layer": self._layer, "upload": self._upload, "manifest": self._manifest,
            "search": self._search, "look": self._look, "again": self._again,
        }  # fmt: skip
        try:
            answer = commands[command["do"]](command)
        except Failure as error:
            answer = {"failed": str(error), "kind": error.kind}
        except Exception as error:  # noqa: BLE001  # the daemon has to hear of it
            answer = {"failed": f"{type(error).__name__}: {error}", "kind": failure.SYSTEM}
        if answer is not None:
            self.say({"job": command.get("job", 0), **answer})

    # -- commands ----------------------------------------------------------------------------------

    def _begin(self, command: Message) -> Message:
        """Where, as whom, and how patiently."""
        self._setup = command
        return {"done": {}}

    def _again(self, _: Message) -> Message:
        """For another pull of the same: nobody knows whether the connections still stand."""
        if self._remote is not None:
            self._remote.afresh()
            self._known, self._remote = [self._remote], None
        return {"done": {}}

    def _remotes(self) -> list[Remote]:
        return [
            Remote(
                endpoint,
                self._setup["repository"],
                Credentials(**(self._setup["credentials"] if not endpoint.get("mirror") else {})),
                scopes=self._setup["scopes"],
                timeout_s=self._setup["timeout_s"],
                agent=self._setup["agent"],
            )
            for endpoint in self._setup["endpoints"]
        ]

    def _first(self, work: Callable[[Remote], Message]) -> Message:
        """At the first endpoint that answers: what was known before, and a mirror, give way to the next if they fail in
        any way."""
        if self._remote is not None:
            return work(self._remote)
        reasons: list[Failure] = []
        for remote in (*self._known, *self._remotes()):
            try:
                answer = work(remote)
            except Failure as error:
                reasons.append(error)
                if error.kind == failure.UNREACHABLE or remote.mirror or remote in self._known:
                    continue
                raise
            self._remote = remote
            return answer
        raise reasons[-1]

    @property
    def _patience(self) -> Patience:
        return Patience(self._setup["attempts"], self._setup["timeout_s"])

    def _resolve(self, command: Message) -> Message:
        found = self._first(
            lambda remote: resolve.manifest(remote, command["reference"], command["platform"], self._patience)
        )
        return {"done": found}

    def _look(self, command: Message) -> Message:
        return {"done": self._first(lambda remote: resolve.look(remote, command["reference"], self._patience)[0])}

    def _config(self, command: Message) -> Message:
        assert self._remote is not None
        data = resolve.document(self._remote, command["digest"], command["size"], self._patience)
        return {"done": {"data": base64.b64encode(data).decode()}}

    def _tags(self, command: Message) -> Message:
        return {"done": self._first(lambda remote: {"tags": resolve.tags(remote)})}

    def _check(self, command: Message) -> Message:
        return {"done": self._first(resolve.check)}

    def _search(self, command: Message) -> Message:
        return {"done": self._first(lambda remote: resolve.search(remote, command["term"], command["limit"]))}

    def _manifest(self, command: Message) -> Message:
        return {"done": self._first(lambda remote: upload.manifest(remote, command, self._patience))}

    def _layer(self, command: Message) -> None:
        assert self._remote is not None
        remote = self._remote
        self._start(command, lambda: layer.run(remote, command, self._patience, self.say))

    def _upload(self, command: Message) -> Message | None:
        if self._remote is None:
            self._first(resolve.check)
        remote = self._remote
        assert remote is not None
        self._start(command, lambda: upload.run(remote, command, self._patience, self.say))
        return None

    # -- children ----------------------------------------------------------------------------------

    def _start(self, command: Message, work: Callable[[], Message]) -> None:
        job = command["job"]

        def child() -> None:
            self._selector.close()
            if self._remote is not None:
                self._remote.afresh()
            try:
                answer: Message = {"done": work()}
            except Failure as error:
                answer = {"failed": str(error)[:2000], "kind": error.kind}
            except Exception as error:  # noqa: BLE001  # the daemon has to hear of it
                answer = {"failed": f"{type(error).__name__}: {error}"[:2000], "kind": failure.SYSTEM}
            self.say({"job": job, **answer})

        pid = children.fork(child)
        pidfd = os.pidfd_open(pid)
        self._running[pidfd] = pid
        self._selector.register(pidfd, selectors.EVENT_READ, job)

    def _ended(self, pidfd: int, job: int) -> None:
        """A child that ended without an answer is answered for; after an answer the daemon does not listen."""
        self._selector.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(self._running.pop(pidfd), 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self.say({"job": job, "failed": f"transfer ended with {code}", "kind": failure.SYSTEM})
