from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairlead.cli import client, outputs


def test_device_is_no_place_for_an_archive() -> None:
    with pytest.raises(client.Refused) as caught:
        outputs.check("/dev/null", "failed to save image: ")
    assert str(caught.value) == (
        'failed to save image: invalid output path: "/dev/null" must be a directory or a regular file: got a device'
    )


def test_link_to_a_device_or_a_pipe_is_none_either(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name, what in (("link", "a device"), ("pipe", "an irregular file")):
        with pytest.raises(client.Refused, match=f"got {what}"):
            outputs.check(str(tmp_path / name), "")


def test_files_old_and_new_are_taken(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    for name in ("old", "new"):
        outputs.check(str(tmp_path / name), "")
