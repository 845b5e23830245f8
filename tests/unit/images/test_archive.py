from __future__ import annotations

import hashlib
import json
from typing import Any

from fairlead.images import archive
from fairlead.images.archive import Saved

BASE, TOP = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def saved(*names: str, layers: tuple[tuple[str, int], ...] = ((BASE, 10), (TOP, 20))) -> Saved:
    config = b'{"os":"linux"}'
    return Saved(config, f"sha256:{hashlib.sha256(config).hexdigest()}", layers, names)


def texts(*images: Saved) -> dict[str, Any]:
    found = {member["name"]: json.loads(member["text"]) for member in archive.members(images)}
    return {name: value for name, value in found.items() if not name.startswith("blobs/")}


def test_repositories_name_the_topmost_layer_of_each_tag() -> None:
    found = texts(saved("box:1", "reg.test:5000/team/box:2", "box:3"))
    assert found["repositories"] == {"box": {"1": "2" * 64, "3": "2" * 64}, "reg.test:5000/team/box": {"2": "2" * 64}}


def test_names_are_short_for_docker_and_whole_in_the_index() -> None:
    found = texts(saved("box:1"))
    assert found["manifest.json"][0]["RepoTags"] == ["box:1"]
    (row,) = found["index.json"]["manifests"]
    assert row["annotations"] == {
        "io.containerd.image.name": "docker.io/library/box:1", "org.opencontainers.image.ref.name": "1",
    }  # fmt: skip


def test_image_without_name_or_layer_is_in_no_repository() -> None:
    assert "repositories" not in texts(saved())
    assert "repositories" not in texts(saved("empty:1", layers=()))
    (row,) = texts(saved())["index.json"]["manifests"]
    assert "annotations" not in row


def test_the_same_images_are_the_same_documents() -> None:
    assert archive.members([saved("a:1", "b:1")]) == archive.members([saved("a:1", "b:1")])
