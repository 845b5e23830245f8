"""The layer between image and container."""

from __future__ import annotations

import stat
from pathlib import Path

from fairlead.images.initlayer import InitLayers

_WHOLE = {
    ".dockerenv": "0755 file", "dev": "0755 dir", "dev/console": "0755 file", "dev/pts": "0755 dir",
    "dev/shm": "0755 dir", "etc": "0755 dir", "etc/hostname": "0755 file", "etc/hosts": "0755 file",
    "etc/mtab": "-> /proc/mounts", "etc/resolv.conf": "0755 file", "proc": "0755 dir", "sys": "0755 dir",
}  # fmt: skip


def _seen(tree: Path) -> dict[str, str]:
    found = {}
    for path in tree.rglob("*"):
        status = path.lstat()
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        text = f"{mode} dir" if path.is_dir() else f"{mode} file"
        found[str(path.relative_to(tree))] = f"-> {path.readlink()}" if path.is_symlink() else text
    return found


def _layer(root: Path, name: str) -> Path:
    tree = root / name
    (tree / "etc").mkdir(parents=True)
    return tree


def test_without_an_image_there_is_everything(tmp_path: Path) -> None:
    assert _seen(InitLayers(tmp_path).above(())) == _WHOLE


def test_directories_of_the_image_keep_their_mode(tmp_path: Path) -> None:
    top, below = _layer(tmp_path, "top"), _layer(tmp_path, "below")
    (below / "etc").chmod(0o700)
    (top / "etc").chmod(0o750)
    (below / "dev").mkdir(mode=0o711)
    (below / "proc").mkdir(mode=0o555)
    seen = _seen(InitLayers(tmp_path).above((str(top), str(below))))
    assert (seen["etc"], seen["dev"], "proc" in seen) == ("0750 dir", "0711 dir", False)


def test_what_is_no_directory_in_the_image_is_covered_and_a_directory_stays(tmp_path: Path) -> None:
    layer = _layer(tmp_path, "layer")
    (layer / "etc/hosts").mkdir()
    (layer / "etc/hostname").write_text("image")
    (layer / "etc/mtab").write_text("image")
    (layer / "sys").symlink_to("elsewhere")
    seen = _seen(InitLayers(tmp_path).above((str(layer),)))
    assert seen == {name: text for name, text in _WHOLE.items() if name != "etc/hosts"}


def test_images_that_are_alike_share_one(tmp_path: Path) -> None:
    layers = [_layer(tmp_path, name) for name in ("one", "two", "three")]
    (layers[2] / "etc").chmod(0o711)
    between = InitLayers(tmp_path)
    first, second, third = (between.above((str(layer),)) for layer in layers)
    assert first == second != third
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "three", "init"}
