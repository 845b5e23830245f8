"""Base images for a machine that reaches no registry: from the distribution's archive, or from a static busybox."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlead.engine.images import Images
from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.images import reference
from fairlead.linux import process
from fairlead.model.container import Config
from fairlead.model.image import HistoryEntry
from fairlead.model.request import BootstrapRequest

Progress = AsyncIterator[Mapping[str, Any]]
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")
_PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
_PASSWD += "daemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
_GROUP = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"


class Bootstrap:
    def __init__(self, images: Images) -> None:
        self._images = images

    async def run(self, request: BootstrapRequest) -> Progress:
        """Makes the image, telling what happens."""
        name = str(reference.parse(request.name).tagged())
        maker = self._busybox if request.busybox else self._debian
        async for row in maker(request, name):
            yield row

    async def _busybox(self, request: BootstrapRequest, name: str) -> Progress:
        program = next((path for path in _BUSYBOX if os.access(path, os.X_OK)), None)
        if program is None:
            raise SystemFailure("busybox not found: install the package busybox-static")
        yield {"status": f"Taking {program}"}
        applets = (await process.run([program, "--list"])).stdout.decode().split()
        config = Config(env=(_PATH,), cmd=("sh",))
        async for row in self._store(name, _one(busybox_tar(Path(program).read_bytes(), applets)), config, "busybox"):
            yield row

    async def _debian(self, request: BootstrapRequest, name: str) -> Progress:
        suite = request.suite or host_suite()
        if shutil.which("mmdebstrap", path=process.PATH) is None:
            raise SystemFailure("mmdebstrap not found: install the package mmdebstrap")
        yield {"status": f"Bootstrapping {suite} with mmdebstrap from the archive of this host"}
        with tempfile.TemporaryDirectory(dir=self._images.layers.root) as folder:
            target = Path(folder) / "root.tar"
            await process.run(mmdebstrap(suite, request, target), env={**process.ENVIRONMENT, **_proxies()})
            yield {"status": f"Packed {target.stat().st_size >> 20} MB"}
            config = Config(env=(_PATH,), cmd=("bash",))
            async for row in self._store(name, _read(target), config, f"mmdebstrap {suite}"):
                yield row

    async def _store(self, name: str, chunks: AsyncIterator[bytes], config: Config, made_by: str) -> Progress:
        layer = await self._images.layers.unpack(chunks=chunks)
        entry = HistoryEntry(created=datetime.now(UTC), created_by=f"fairlead image bootstrap ({made_by})")
        image = await self._images.put(self._images.child(None, config, entry, layer.diff_id), layer)
        self._images.name(image.id, name)
        yield {"status": f"Made {name}", "id": image.id}
        yield {"aux": {"ID": image.id}}


def mmdebstrap(suite: str, request: BootstrapRequest, target: Path) -> list[str]:
    """The command: this host's own apt sources and settings, so that it works behind whatever mirror is set here."""
    argv = ["mmdebstrap", "--mode=root", f"--variant={request.variant}", "--format=tar"]
    for package in request.include:
        if not package.replace("-", "").replace(".", "").replace("+", "").replace(":", "").isalnum():
            raise InvalidParameter(f"invalid package name: {package}")
    if request.include:
        argv.append(f"--include={','.join(request.include)}")
    confs = sorted(Path("/etc/apt/apt.conf.d").glob("*"))
    for conf in confs:
        text = conf.read_text(errors="replace") if conf.is_file() else ""
        if "Proxy" in text or "proxy" in text or "CaInfo" in text or "Verify" in text:
            argv += [f"--aptopt={conf}", f"--customize-hook=copy-in {conf} /etc/apt/apt.conf.d/"]
    argv += [suite, str(target)]
    sources = host_sources(suite)
    return [*argv, *(str(path) for path in sources)]


def host_sources(suite: str) -> list[Path]:
    """The host's own source lists, if they are of that suite."""
    found = [*Path("/etc/apt/sources.list.d").glob("*.sources"), *Path("/etc/apt/sources.list.d").glob("*.list")]
    main = Path("/etc/apt/sources.list")
    candidates = [main, *found] if main.is_file() else found
    return [path for path in sorted(candidates) if suite in path.read_text(errors="replace")]


def host_suite() -> str:
    """VERSION_CODENAME of the host (os-release(5))."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise InvalidParameter("this host's suite is unknown: give one with --suite")


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy")}


def busybox_tar(program: bytes, applets: list[str]) -> bytes:
    """A root file system of about a megabyte: the program, a link for each applet, passwd, group."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var", "var/www"):
            info = tarfile.TarInfo(folder)
            info.type = tarfile.DIRTYPE
            info.mode = {"tmp": 0o1777, "root": 0o700}.get(folder, 0o755)
            tar.addfile(info)
        _file(tar, "bin/busybox", program, 0o755)
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                # Docker sets the mode again for each name.
                link.type, link.linkname, link.mode = tarfile.LNKTYPE, "bin/busybox", 0o755
                tar.addfile(link)
        _file(tar, "etc/passwd", _PASSWD.encode(), 0o644)
        _file(tar, "etc/group", _GROUP.encode(), 0o644)
    return out.getvalue()


def _file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(1 << 18):
            yield data
            await asyncio.sleep(0)
