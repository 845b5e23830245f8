from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.engine import mountpoints
from fairlead.errors import InvalidParameter, NotFound
from fairlead.model.container import Config, Container, HostConfig, Mount


def nobody(ref: str) -> Container:
    raise NotFound(f"No such container: {ref}")


def collect(config: Config = Config(), host: HostConfig = HostConfig(), donor: Container | None = None) -> list[Mount]:  # noqa: B008
    return list(mountpoints.collect(config, host, (lambda ref: donor) if donor else nobody))


def test_a_host_path_and_a_volume() -> None:
    bind, volume = collect(host=HostConfig(binds=("/srv//x:/y/../z:ro,rslave", "data:/data")))
    assert (bind.type, bind.source, bind.target) == ("bind", "/srv/x", "/z")
    assert (bind.read_only, bind.propagation) == (True, "rslave")
    assert (volume.type, volume.name, volume.target, volume.anonymous) == ("volume", "data", "/data", False)


def test_the_images_volume_gets_a_name_unless_something_is_mounted_there() -> None:
    config = Config(volumes=("/a", "/b", "/c"))
    found = {m.target: m for m in collect(config, HostConfig(binds=("mine:/a",), tmpfs={"/c": ""}))}
    assert set(found) == {"/a", "/b"}
    assert found["/a"].name == "mine"
    assert len(found["/b"].name) == 64
    assert found["/b"].anonymous


def test_volumes_from_are_overridden_by_target() -> None:
    donor = Container(
        id="d" * 64, name="donor", created=datetime.now(UTC), config=Config(), host_config=HostConfig(),
        mounts=(
            Mount(type="volume", name="one", target="/one"),
            Mount(type="volume", name="two", target="/two"),
            Mount(type="tmpfs", target="/tmp"),
        ),
    )  # fmt: skip
    host = HostConfig(volumes_from=("donor:ro",), binds=("mine:/two",))
    found = {mount.target: mount for mount in collect(host=host, donor=donor)}
    assert set(found) == {"/one", "/two"}
    assert (found["/one"].name, found["/one"].read_only) == ("one", True)
    assert found["/two"].name == "mine"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("/a:/b:/c:/d", "invalid volume specification: '/a:/b:/c:/d'"),
        ("/tmp:rel", "invalid mount path: 'rel' mount path must be absolute"),
        ("/tmp:/", "destination can't be '/'"),
        ("/tmp:/x:ro,rw", "invalid mode: ro,rw"),
        ("/tmp:/x:nope", "invalid mode: nope"),
        ("bad name:/x", "includes invalid characters for a local volume name"),
        (":/x", "invalid volume specification: ':/x'"),
    ],
)
def test_specifications_that_cannot_be(spec: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        mountpoints.parse_bind(spec)
    assert text in refused.value.message


def test_two_mounts_on_one_place() -> None:
    with pytest.raises(InvalidParameter, match="Duplicate mount point: /x"):
        collect(host=HostConfig(binds=("a:/x", "b:/x")))


def test_a_mount_of_a_missing_host_path_is_refused(tmp_path: Path) -> None:
    mount = Mount(type="bind", source=str(tmp_path / "gone"), target="/x")
    with pytest.raises(InvalidParameter, match="bind source path does not exist"):
        mountpoints.check_mount(mount)
