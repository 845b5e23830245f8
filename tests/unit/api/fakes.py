"""An engine without kernel for the API's tests: containers are records, their process is a small script in memory.

A container's command decides what its process does: `cat` copies stdin to stdout, `echo words…` prints and ends,
`fail N` ends with N, `sleep` stays until it is stopped or killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from fairlead import ids
from fairlead.errors import Conflict, InvalidParameter, NotFound, NotModified
from fairlead.model.container import (
    Config,
    Container,
    Endpoint,
    EndpointRequest,
    HostConfig,
    Port,
    PublishedPort,
    State,
    Status,
)
from fairlead.model.event import Event
from fairlead.model.host import Facts, Program
from fairlead.model.image import HistoryEntry, Image
from fairlead.model.network import Network
from fairlead.model.request import (
    AttachRequest,
    BootstrapRequest,
    BuildRequest,
    CommitRequest,
    ContainerView,
    CreateRequest,
    CreateResult,
    DiskUsage,
    ExecRequest,
    ExecView,
    ExitResult,
    ImportRequest,
    LogBatch,
    LogRequest,
    NetworkRequest,
    PortChange,
    RegistryLogin,
    VolumeRequest,
    WaitCondition,
)
from fairlead.model.stats import Sample
from fairlead.model.volume import Volume

Filters = Mapping[str, Sequence[str]]
EPOCH = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
BRIDGE = Network(
    id="b" * 64,
    name="bridge",
    created=EPOCH,
    subnet=IPv4Network("172.17.0.0/16"),
    gateway=IPv4Address("172.17.0.1"),
    predefined=True,
)
IMAGE = Image(
    id="sha256:" + "1" * 64,
    created=EPOCH,
    config=Config(cmd=("sh",), env=("PATH=/bin",), labels={"a": "b"}),
    size_bytes=1024,
    references=("busybox:latest",),
    diff_ids=("sha256:" + "2" * 64,),
    history=(HistoryEntry(created=EPOCH, created_by="ADD rootfs"),),
)


class FakeStdio:
    """Both ends of a process's stdio."""

    def __init__(self, *, tty: bool) -> None:
        self.tty = tty
        self.output: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(maxsize=8)
        self.input: asyncio.Queue[bytes] = asyncio.Queue(maxsize=8)
        self.closed = asyncio.Event()

    async def read(self) -> tuple[int, bytes] | None:
        return await self.output.get()

    async def write(self, data: bytes) -> None:
        await self.input.put(data)

    async def write_eof(self) -> None:
        await self.input.put(b"")

    async def close(self) -> None:
        self.closed.set()


@dataclass
class Process:
    container: Container
    exited: asyncio.Future[int]
    removed: asyncio.Future[int]
    attached: list[FakeStdio] = field(default_factory=list)
    log: list[bytes] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class FakeContainers:
    def __init__(self) -> None:
        self.all: dict[str, Process] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.slow = 0.0

    def add(self, name: str, cmd: Sequence[str] = ("sleep",), **changes: Any) -> Process:
        config = changes.pop("config", Config(image="busybox", hostname="h", cmd=tuple(cmd)))
        container = Container(
            id=changes.pop("id", ids.new_id()),
            name=name,
            created=EPOCH,
            image=config.image,
            image_id=IMAGE.id,
            path=cmd[0],
            args=tuple(cmd[1:]),
            config=config,
            host_config=changes.pop("host_config", HostConfig()),
            **changes,
        )
        loop = asyncio.get_running_loop()
        process = Process(container, loop.create_future(), loop.create_future())
        self.all[container.id] = process
        return process

    def find(self, ref: str) -> Process:
        if not ref:
            raise InvalidParameter('invalid name or ID supplied: ""')
        for process in self.all.values():
            links = [f"{process.container.name}", *(self._link_names(process))]
            if ref.removeprefix("/") in links or process.container.id.startswith(ref):
                return process
        raise NotFound(f"No such container: {ref}")

    def _link_names(self, source: Process) -> list[str]:
        return [
            f"{other.container.name}/{link.partition(':')[2] or link}"
            for other in self.all.values()
            for link in other.container.host_config.links
            if link.partition(":")[0] == source.container.name
        ]

    def view(self, process: Process) -> ContainerView:
        container = process.container
        links = tuple(
            f"/{link.partition(':')[0]}:/{container.name}/{link.partition(':')[2] or link}"
            for link in container.host_config.links
        )
        published = tuple(
            PublishedPort(port, "0.0.0.0", int(wish.host_port or 32768))
            for port, wishes in container.host_config.port_bindings.items()
            for wish in wishes
        )
        return ContainerView(
            container=container,
            names=tuple(sorted("/" + name for name in [container.name, *self._link_names(process)])),
            links=links,
            hosts_path=f"/data/{container.id}/hosts",
            published=published if container.state.status.running else (),
            graph={"MergedDir": "/data/merged"},
        )

    async def create(self, request: CreateRequest) -> CreateResult:
        self.calls.append(("create", request))
        await asyncio.sleep(self.slow)
        name = request.name or f"nervous_{len(self.all)}"
        if request.config.image not in ("busybox", "busybox:latest", IMAGE.id):
            raise NotFound(f"No such image: {request.config.image}:latest")
        for process in self.all.values():
            if process.container.name == name:
                raise Conflict(
                    f'Conflict. The container name "/{name}" is already in use by container '
                    f'"{process.container.id}". You have to remove (or rename) that container to be able to reuse '
                    "that name."
                )
        endpoint = Endpoint(
            id=ids.new_id(),
            network_id=BRIDGE.id,
            network_name="bridge",
            mac_address="02:42:ac:11:00:02",
            address=IPv4Interface("172.17.0.2/16"),
            gateway=BRIDGE.gateway,
        )
        process = self.add(
            name,
            request.config.cmd or ("sh",),
            config=request.config,
            host_config=request.host_config,
            endpoints=(endpoint,),
        )
        return CreateResult(process.container.id)

    async def start(self, ref: str) -> None:
        process = self.find(ref)
        await asyncio.sleep(self.slow)
        self.calls.append(("start", process.container.name))
        if process.container.state.status.running:
            raise NotModified("already started")
        self._set(process, status=Status.RUNNING, pid=4242, started_at=datetime.now(UTC))
        process.task = asyncio.create_task(self._run(process))

    async def _run(self, process: Process) -> None:
        verb, *words = [process.container.path, *process.container.args]
        code = 0
        if verb == "echo":
            await self._print(process, 1, " ".join(words).encode() + b"\n")
        elif verb == "cat" and process.attached:
            while data := await process.attached[0].input.get():
                await self._print(process, 1, data)
        elif verb == "fail":
            code = int(words[0])
        elif verb == "sleep":
            code = await process.exited
        await self._exit(process, code)

    async def _print(self, process: Process, stream: int, data: bytes) -> None:
        process.log.append(data)
        for stdio in process.attached:
            await stdio.output.put((stream, data))

    async def _exit(self, process: Process, code: int) -> None:
        self._set(process, status=Status.EXITED, exit_code=code, finished_at=datetime.now(UTC))
        for stdio in process.attached:
            await stdio.output.put(None)
        if not process.exited.done():
            process.exited.set_result(code)
        if process.container.host_config.auto_remove:
            self._drop(process)

    def _drop(self, process: Process) -> None:
        self.all.pop(process.container.id, None)
        if not process.removed.done():
            process.removed.set_result(process.container.state.exit_code)

    def _set(self, process: Process, **changes: Any) -> None:
        state: State = replace(process.container.state, **changes)
        process.container = replace(process.container, state=state)

    async def kill(self, ref: str, signal: str) -> None:
        process = self.find(ref)
        self.calls.append(("kill", process.container.name, signal))
        if not process.container.state.status.running:
            raise Conflict(f"cannot kill container: {ref}: container {process.container.id} is not running")
        if not process.exited.done():
            process.exited.set_result(137)

    async def stop(self, ref: str, *, timeout_s: int | None, signal: str | None) -> None:
        process = self.find(ref)
        self.calls.append(("stop", process.container.name, timeout_s, signal))
        if not process.container.state.status.running:
            raise NotModified("already stopped")
        await self.kill(ref, "SIGTERM")
        if process.task is not None:
            await process.task

    async def restart(self, ref: str, *, timeout_s: int | None, signal: str | None) -> None:
        self.calls.append(("restart", ref, timeout_s, signal))

    async def pause(self, ref: str) -> None:
        self._set(self.find(ref), status=Status.PAUSED)

    async def unpause(self, ref: str) -> None:
        self._set(self.find(ref), status=Status.RUNNING)

    async def rename(self, ref: str, new: str) -> None:
        process = self.find(ref)
        process.container = replace(process.container, name=new)

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        process = self.find(ref)
        self.calls.append(("remove", ref, force, volumes, link))
        if link:
            return
        if process.container.state.status.running and not force:
            raise Conflict(
                f'cannot remove container "{ref}": container is running: '
                "stop the container before removing or force remove"
            )
        if process.task is not None:
            process.task.cancel()
        self._drop(process)

    def wait(self, ref: str, condition: WaitCondition) -> Awaitable[ExitResult]:
        process = self.find(ref)
        self.calls.append(("wait", process.container.name, condition))
        future = process.removed if condition is WaitCondition.REMOVED else process.exited
        if condition is WaitCondition.NOT_RUNNING and not process.container.state.status.running:
            future = asyncio.get_running_loop().create_future()
            future.set_result(process.container.state.exit_code)

        async def result() -> ExitResult:
            return ExitResult(await asyncio.shield(future))

        return result()

    async def list(self, *, all: bool, limit: int | None, size: bool, filters: Filters) -> Sequence[ContainerView]:
        self.calls.append(("list", all, limit, size, dict(filters)))
        return [self.view(p) for p in self.all.values() if all or limit or p.container.state.status.running]

    async def inspect(self, ref: str, *, size: bool = False) -> ContainerView:
        return self.view(self.find(ref))

    async def top(self, ref: str, ps_args: str) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        return ["PID", "CMD"], [["1", self.find(ref).container.path]]

    async def resize(self, ref: str, height: int, width: int) -> None:
        self.calls.append(("resize", ref, height, width))

    async def attach(self, ref: str, request: AttachRequest) -> FakeStdio:
        process = self.find(ref)
        if process.container.state.status is Status.PAUSED:
            raise Conflict(f"container {ref} is paused, unpause the container before attach")
        stdio = FakeStdio(tty=process.container.config.tty)
        process.attached.append(stdio)
        return stdio

    async def logs(self, ref: str, request: LogRequest) -> AsyncIterator[LogBatch]:
        process = self.find(ref)
        for data in process.log:
            yield [(1, b"2026-01-02T03:04:05.678900000", data)]
        if request.follow and process.container.state.status.running:
            await asyncio.shield(process.exited)

    async def tty(self, ref: str) -> bool:
        return self.find(ref).container.config.tty

    async def publish(self, ref: str, change: PortChange) -> ContainerView:
        self.calls.append(("publish", change))
        return await self.inspect(ref)

    async def update(self, ref: str, host_config: HostConfig) -> Sequence[str]:
        self.calls.append(("update", host_config))
        return ()

    async def prune(self, filters: Filters) -> tuple[Sequence[str], int]:
        return [], 0


class FakeExecs:
    def __init__(self) -> None:
        self.request: ExecRequest | None = None
        self.stdio = FakeStdio(tty=False)
        self.failure: Exception | None = None

    async def create(self, ref: str, request: ExecRequest) -> str:
        self.request = request
        return "e" * 64

    async def start(
        self, exec_id: str, *, detach: bool, tty: bool, console_size: tuple[int, int] | None
    ) -> FakeStdio | None:
        if self.failure is not None:
            raise self.failure
        await self.stdio.output.put((2, b"from exec\n"))
        await self.stdio.output.put(None)
        return None if detach else self.stdio

    async def inspect(self, exec_id: str) -> ExecView:
        if self.request is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return ExecView(id=exec_id, container_id="c" * 64, request=self.request, running=False, exit_code=7, pid=0)

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        pass


class FakeImages:
    def __init__(self) -> None:
        self.received = b""
        self.fail_first: Exception | None = None
        self.fail_later: Exception | None = None

    def get(self, ref: str, *, platform: str = "") -> Image:
        if ref in ("busybox", "busybox:latest", IMAGE.id):
            return IMAGE
        raise NotFound(f"No such image: {ref}")

    def list(self, *, all: bool, filters: Filters) -> Sequence[Image]:
        return [IMAGE]

    def line(self, ref: str) -> Sequence[Image]:
        return [IMAGE]

    def graph(self, ref: str) -> Mapping[str, str]:
        return {"UpperDir": "/layers/1/diff"}

    def shared_sizes(self) -> Mapping[str, int]:
        return {IMAGE.id: 7}

    def layer_sizes(self, ref: str) -> Sequence[int]:
        return [1024]

    def tag(self, ref: str, repo: str, tag: str) -> None:
        self.get(ref)

    async def remove(self, ref: str, *, force: bool, noprune: bool, users: Sequence[Any]) -> Sequence[tuple[str, str]]:
        return [("Untagged", "busybox:latest"), ("Deleted", IMAGE.id)]

    async def _progress(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        if self.fail_first is not None:
            raise self.fail_first
        async for chunk in chunks:
            self.received += chunk
        yield {"status": f"read {len(self.received)}"}
        if self.fail_later is not None:
            raise self.fail_later
        yield {"stream": "Loaded image: busybox:latest\n"}

    def load(self, chunks: AsyncIterator[bytes], *, quiet: bool, platform: str = "") -> AsyncIterator[dict[str, Any]]:
        return self._progress(chunks)

    def import_(self, request: ImportRequest, body: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        return self._progress(body)

    async def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        for name in names:
            self.get(name)
        yield b"tar"
        if self.fail_later is not None:
            raise self.fail_later

    async def pull(
        self, name: str, tag: str, *, platform: str = "", login: RegistryLogin | None = None, every: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        raise NotFound(f"pull access denied for {name}, repository does not exist or may require 'docker login'")
        yield {}

    async def push(self, name: str, tag: str, login: RegistryLogin) -> AsyncIterator[dict[str, Any]]:
        yield {"status": f"{name}:{tag} for {login.username}"}

    async def prune(self, filters: Filters, users: Sequence[Any]) -> tuple[Sequence[tuple[str, str]], int]:
        return [], 0


class FakeRegistries:
    async def login(self, login: RegistryLogin) -> tuple[str, str]:
        return "Login Succeeded", ""

    async def distribution(self, name: str, login: RegistryLogin) -> Mapping[str, Any]:
        raise NotFound(f"manifest for {name} not found")

    async def search(
        self, term: str, limit: int, filters: Filters, login: RegistryLogin
    ) -> Sequence[Mapping[str, Any]]:
        return []


class FakeBuilder:
    def __init__(self) -> None:
        self.request: BuildRequest | None = None
        self.size = 0

    async def prune(self, filters: Filters, *, keep_bytes: int) -> tuple[list[str], int]:
        return [], 0

    async def build(self, request: BuildRequest, body: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        self.request = request
        async for chunk in body:
            self.size += len(chunk)
        yield {"stream": "Step 1/1 : FROM busybox\n"}
        yield {"aux": {"ID": IMAGE.id}}
        yield {"stream": "Successfully built 111111111111\n"}


class FakeBootstrap:
    async def run(self, request: BootstrapRequest) -> AsyncIterator[dict[str, Any]]:
        yield {"status": f"made {request.name}"}


@dataclass(frozen=True)
class FakeNetworkView:
    network: Network
    endpoints: Mapping[str, Any] = field(default_factory=dict)


class FakeHealer:
    async def reload(self, ref: str | None) -> Sequence[str]:
        return [ref] if ref else ["bridge", "mine"]


class FakeNetworks:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def list(self, filters: Filters) -> Sequence[FakeNetworkView]:
        return [FakeNetworkView(BRIDGE)]

    async def inspect(self, ref: str) -> FakeNetworkView:
        if ref != "bridge":
            raise NotFound(f"network {ref} not found")
        return FakeNetworkView(BRIDGE)

    async def create(self, request: NetworkRequest) -> tuple[str, str]:
        self.calls.append(("create", request))
        return "n" * 64, ""

    async def remove(self, ref: str) -> None:
        self.calls.append(("remove", ref))

    async def connect(self, ref: str, container: str, request: EndpointRequest) -> None:
        self.calls.append(("connect", ref, container, request))

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        self.calls.append(("disconnect", ref, container, force))

    async def prune(self, filters: Filters) -> Sequence[str]:
        return []


class FakeVolumes:
    volume = Volume(name="v", created=EPOCH, mountpoint="/data/v/_data")

    async def list(self, filters: Filters) -> Sequence[Volume]:
        return [self.volume]

    async def create(self, request: VolumeRequest) -> Volume:
        return replace(self.volume, name=request.name or "anonymous")

    async def inspect(self, name: str) -> Volume:
        if name != "v":
            raise NotFound(f"get {name}: no such volume")
        return self.volume

    async def remove(self, name: str, *, force: bool) -> None:
        await self.inspect(name)

    async def prune(self, filters: Filters) -> tuple[Sequence[str], int]:
        return [], 0


class FakeSystem:
    async def facts(self) -> Facts:
        return Facts(containers=3)

    async def programs(self) -> tuple[Program, ...]:
        return ()

    async def df(self, kinds: Collection[str]) -> DiskUsage:
        return DiskUsage(images=(), containers=(), volumes=())


class FakeEvents:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        self.left = asyncio.Event()

    async def subscribe(
        self, *, since: datetime | None, until: datetime | None, filters: Filters
    ) -> AsyncIterator[Event]:
        try:
            while True:
                yield await self.queue.get()
        finally:
            self.left.set()


class FakeCopier:
    async def stat(self, ref: str, path: str) -> Mapping[str, Any]:
        return {"name": "x", "size": 1, "mode": 0o644, "mtime": "2026-01-01T00:00:00Z", "linkTarget": ""}

    async def archive(self, ref: str, path: str) -> tuple[Mapping[str, Any], AsyncIterator[bytes]]:
        return await self.stat(ref, path), await self.export(ref)

    async def extract(
        self, ref: str, path: str, chunks: AsyncIterator[bytes], *, careful: bool, copy_owner: bool
    ) -> None:
        async for _ in chunks:
            pass

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        async def tar() -> AsyncIterator[bytes]:
            yield bytes(1024)

        return tar()


class FakeChanges:
    async def of(self, ref: str) -> Sequence[tuple[int, str]]:
        return [(1, "/new")]


class FakeCommitter:
    async def commit(self, request: CommitRequest) -> str:
        return "sha256:" + "0" * 64


@dataclass(frozen=True)
class FakeReading:
    container: Container
    now: Sample | None = None
    before: Sample | None = None


_NOBODY = Container(id="0" * 64, name="x", created=datetime.now(UTC), config=Config(), host_config=HostConfig())


class FakeStats:
    async def once(self, ref: str, *, primed: bool) -> FakeReading:
        return FakeReading(_NOBODY)

    async def stream(self, ref: str) -> AsyncIterator[FakeReading]:
        yield FakeReading(_NOBODY)


class FakeEngine:
    def __init__(self) -> None:
        self.containers = FakeContainers()
        self.execs = FakeExecs()
        self.copier = FakeCopier()
        self.changes = FakeChanges()
        self.committer = FakeCommitter()
        self.stats = FakeStats()
        self.images = FakeImages()
        self.registries = FakeRegistries()
        self.builder = FakeBuilder()
        self.bootstrap = FakeBootstrap()
        self.networks = FakeNetworks()
        self.healer = FakeHealer()
        self.volumes = FakeVolumes()
        self.system = FakeSystem()
        self.events = FakeEvents()


def publish(port: str, host_port: int) -> PublishedPort:
    number, _, protocol = port.partition("/")
    return PublishedPort(Port(int(number), protocol or "tcp"), "0.0.0.0", host_port)
