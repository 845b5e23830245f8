"""What our headers say, read by Python's own tarfile."""

from __future__ import annotations

import io
import tarfile

import pytest

from fairlead.cli import tarheader

NAMES = ["a", "d/" + "x" * 90, "y" * 101, "d/" * 60 + "deep", "ünï", "sp ace", "z" * 300, "n\nl", "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_length_and_bytes(name: str) -> None:
    data = tarheader.render(name, mode=0o4755, size=3, mtime=7) + b"abc" + tarheader.padding(3) + tarheader.END
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.mode, member.size, member.mtime, member.uid) == (name, 0o4755, 3, 7, 0)


def test_links_devices_and_sizes_beyond_eight_gigabytes() -> None:
    data = (
        tarheader.render("l", kind=tarheader.LINK, link="t" * 150)
        + tarheader.render("c", kind=tarheader.CHARACTER, device=(1, 3))
        + tarheader.render("f", size=9 << 33)
    )
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        link, device, large = tar.next(), tar.next(), tar.next()
    assert link is not None
    assert device is not None
    assert large is not None
    assert (link.linkname, link.issym()) == ("t" * 150, True)
    assert (device.devmajor, device.devminor, device.ischr()) == (1, 3, True)
    assert large.size == 9 << 33
