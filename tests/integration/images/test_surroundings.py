"""Pulls on hosts that are not as they should be: a disk that is full, a proxy in between."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from integration.images.stage import SNAPSHOTS_OWN, noise
from testbed.engine import Engine, until
from testbed.host import ADDRESS, SECOND_ADDRESS, Host
from testbed.registry import Registry, serve

pytestmark = pytest.mark.root


def test_proxy_of_the_environment_is_gone_through_but_not_to_where_it_is_excluded(tmp_path: Path) -> None:
    with Engine(Host(), "--insecure-registry", ADDRESS, "--insecure-registry", SECOND_ADDRESS) as engine:
        log = tmp_path / "log"
        with serve(engine.host, "httpproxy.py", log=log) as proxy:
            engine.environment |= {"HTTP_PROXY": f"http://{proxy}", "HTTPS_PROXY": proxy, "NO_PROXY": SECOND_ADDRESS}
            engine.start()
            engine.do("image", "bootstrap", "box", "--busybox")
            for address in (ADDRESS, SECOND_ADDRESS):
                with Registry(engine.host, engine.root, 5000, address=address):
                    engine.do("tag", "box", f"{address}:5000/box")
                    engine.do("push", f"{address}:5000/box")
                    engine.do("rmi", f"{address}:5000/box")
                    engine.do("pull", f"{address}:5000/box")
    requests = log.read_text()
    assert f"GET http://{ADDRESS}:5000/v2/box/manifests/latest" in requests
    assert SECOND_ADDRESS not in requests


def test_disk_that_is_full_is_told_and_nothing_kept(tmp_path: Path) -> None:
    with Engine(Host()) as engine, Registry(engine.host, tmp_path, 5000) as registry:
        engine.data_root.mkdir()
        engine.host.here.run("mount", "-t", "tmpfs", "-o", "size=20m", "small", str(engine.data_root))
        engine.start()
        root = Path(f"/proc/{engine.pid}/root{engine.data_root}")  # as it is there
        name, data = f"{registry.address}/big", noise(6_000_000)
        engine.do("import", "-", name, stdin=tar_of(data))
        engine.do("push", name)
        archive = engine.api("GET", f"/images/{name}/get")[1]
        engine.do("rmi", name)
        until(lambda: kept(root) == [], what="it is gone")
        (root / "filler").write_bytes(bytes(15 << 20))
        for words, stdin in ((("pull", name), b""), (("load",), archive), (("import", "-", "x"), tar_of(data))):
            failed = engine.cli(*words, stdin=stdin)
            assert (failed.code, "no space left on device" in failed.err.lower()) == (1, True), failed
            until(lambda: kept(root) == [], what="nothing is kept")
        assert engine.json("GET", "/images/json?all=1") == []
        (root / "filler").unlink()
        engine.do("pull", name)
        assert len(kept(root)) == 2
        engine.do("rmi", name)


def tar_of(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def kept(root: Path) -> list[str]:
    layers = [path.name for path in (root / "overlay2").iterdir() if path.name not in SNAPSHOTS_OWN]
    return layers + [path.name for path in (root / "blobs" / "sha256").iterdir()]
