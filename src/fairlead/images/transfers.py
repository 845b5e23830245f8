"""The daemon's side of images/worker/registry/: one process that talks to registries, a session for each pull or push.

Here only short JSON lines come by; the bytes of images never do.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import fairlead
from fairlead.errors import SystemFailure
from fairlead.images import workers
from fairlead.images.endpoints import Endpoint
from fairlead.linux import process
from fairlead.model.request import RegistryLogin
from fairlead.model.settings import Settings

_PROGRAM = (
    "import sys; source, *sites = sys.argv.pop(1).split(':'); sys.path.insert(0, source); sys.path += sites; "
    "from fairlead.images.worker.registry.transfer import main; main()"
)
_LIBRARIES = (*workers.LIBRARIES, "urllib3")
_IDLE_S = 600
_KEPT_S = 60
_MOST_KEPT = 4
_ENVIRONMENT = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
Message = dict[str, Any]
Tell = Callable[[Message], None]


class Refusal(Exception):
    """What the registry did not give. `kind` as in images/worker/registry/failure.py."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Gone(Exception):
    """The process ended before it took the session: it had been idle for long."""


class Transfers:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.downloads = asyncio.Semaphore(settings.max_concurrent_downloads)
        self.uploads = asyncio.Semaphore(settings.max_concurrent_uploads)
        self._control: socket.socket | None = None
        self._child: process.Child | None = None
        self._kept: dict[str, tuple[Session, asyncio.TimerHandle]] = {}

    @asynccontextmanager
    async def session(
        self, endpoints: Sequence[Endpoint], repository: str, login: RegistryLogin, scopes: Sequence[str],
        *, keep: bool = False,
    ) -> AsyncIterator[Session]:  # fmt: skip
        """When it is left, every process of it has ended. `keep`: after success the session itself stays for a while,
        for the next who wants the same as the same user; it knows which endpoint answers, and has its token."""
        setup = {
            "endpoints": [endpoint.plain() for endpoint in endpoints],
            "repository": repository,
            "credentials": {
                "username": login.username, "password": login.password, "identity_token": login.identity_token,
                "registry_token": login.registry_token,
            },
            "scopes": list(scopes),
            "timeout_s": self.settings.registry_timeout_s,
            "attempts": self.settings.max_download_attempts,
            "agent": f"fairlead/{fairlead.__version__}",
        }  # fmt: skip
        key = json.dumps(setup, sort_keys=True)
        session = await self._resumed(key) or await self._begun(setup)
        try:
            yield session
        except BaseException:
            await session.close()
            raise
        if keep and key not in self._kept:
            self._keep(key, session)
        else:
            await session.close()

    def _keep(self, key: str, session: Session) -> None:
        if len(self._kept) == _MOST_KEPT:
            self._let_go(next(iter(self._kept)))
        self._kept[key] = session, asyncio.get_running_loop().call_later(_KEPT_S, self._let_go, key)

    def _let_go(self, key: str) -> None:
        session, timer = self._kept.pop(key)
        timer.cancel()
        session.hang_up()

    async def _resumed(self, key: str) -> Session | None:
        session, timer = self._kept.pop(key, (None, None))
        if session is None or timer is None:
            return None
        timer.cancel()
        try:
            await session.ask("again")
        except (SystemFailure, _Gone):
            await session.close()
            return None
        except BaseException:
            await session.close()
            raise
        return session

    async def _begun(self, setup: Mapping[str, Any]) -> Session:
        for _ in range(2):
            session = self._open()
            try:
                await session.ask("begin", **setup)
            except _Gone:
                await session.close()
                self.close()
                continue
            except BaseException:
                await session.close()
                raise
            return session
        raise SystemFailure("the process for transfers ends at once")

    def _open(self) -> Session:
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            for _ in range(2):
                if self._control is None:
                    self._start()
                assert self._control is not None
                try:
                    socket.send_fds(self._control, [b"s"], [theirs.fileno(), writer])
                    break
                except OSError:
                    self.close()
        finally:
            theirs.close()
            os.close(writer)
        return Session(ours, reader)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        paths = ":".join(dict.fromkeys((workers.SOURCE, *workers.sites(_LIBRARIES))))
        proxies = {name: os.environ[name] for key in _ENVIRONMENT for name in (key, key.lower()) if name in os.environ}
        try:
            self._child = process.spawn(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, paths, str(_IDLE_S)],
                env={**process.ENVIRONMENT, **proxies},
                fds={2: 2, 3: theirs.fileno()},
            )
        finally:
            theirs.close()
        self._control = ours

    def close(self) -> None:
        """Ends the process; sessions end by themselves, the kept ones now."""
        for key in list(self._kept):
            self._let_go(key)
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._child is not None:
            child, self._child = self._child, None
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.pidfd)


class Session:
    """Asks, and hears what becomes of it: `ask` for short questions, one at a time; `job` for layers, many."""

    def __init__(self, link: socket.socket, life: int) -> None:
        self._link = link
        self._link.setblocking(False)
        self._life = life
        self._sending = asyncio.Lock()
        self._waiting: dict[int, tuple[asyncio.Future[Message], Tell | None]] = {}
        self._next = 1
        self._rest = bytearray()
        self._heard = False
        asyncio.get_running_loop().add_reader(link.fileno(), self._readable)

    async def ask(self, do: str, **arguments: Any) -> Message:
        """The answer. Raises Refusal."""
        return await self.job(do, None, **arguments)

    async def job(self, do: str, tell: Tell | None, **arguments: Any) -> Message:
        """The answer; `tell` gets what is said before it. Raises Refusal."""
        number, self._next = self._next, self._next + 1
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (answer, tell)
        line = json.dumps({"do": do, "job": number, **arguments}).encode() + b"\n"
        try:
            async with self._sending:
                try:
                    await asyncio.get_running_loop().sock_sendall(self._link, line)
                except OSError:
                    self._lost()
            return await answer
        finally:
            self._waiting.pop(number, None)

    def _readable(self) -> None:
        try:
            data = self._link.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._link.fileno())
            self._lost()
            return
        self._heard = True
        self._rest += data
        if b"\n" not in data:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            self._message(json.loads(line))

    def _message(self, message: Message) -> None:
        answer, tell = self._waiting.get(message["job"], (None, None))
        if answer is None or answer.done():
            return
        if "done" in message:
            answer.set_result(message["done"])
        elif "failed" in message:
            answer.set_exception(Refusal(message["failed"], message["kind"]))
        elif tell is not None:
            tell(message)

    def _lost(self) -> None:
        error: Exception = SystemFailure("the process of this transfer was killed") if self._heard else _Gone()
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)

    async def close(self) -> None:
        """Returns when the last process of this session has ended: its end of the pipe of life is closed then."""
        self._close_link()
        await asyncio.shield(process.read_all(self._life))

    def hang_up(self) -> None:
        """It ends; for one that does nothing, which nobody has to wait for."""
        self._close_link()
        os.close(self._life)

    def _close_link(self) -> None:
        asyncio.get_running_loop().remove_reader(self._link.fileno())
        self._link.close()
