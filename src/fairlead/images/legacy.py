"""Archives of Docker before 1.10: `repositories`, and a directory for each layer with `json` and `layer.tar`.

Their images become what Docker makes of them (moby, image/v1): the newest layer's `json`, with `rootfs` and `history`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from fairlead.errors import InvalidParameter
from fairlead.images.archive import Archived, Contents

_ID = re.compile(r"[0-9a-f]{64}\Z")
_GONE = ("id", "parent", "Size", "parent_id", "layer_id", "throwaway")
_MAX_LAYERS = 127


def read(contents: Contents) -> list[Archived]:
    """The images that `repositories` names."""
    names: dict[str, list[str]] = {}
    try:
        for name, tags in contents.json("repositories").items():
            for tag, layer_id in tags.items():
                names.setdefault(str(layer_id), []).append(f"{name}:{tag}")
    except AttributeError as error:
        raise InvalidParameter(f"invalid archive: repositories: {error}") from error
    return [_image(contents, layer_id, tuple(named)) for layer_id, named in names.items()]


def _image(contents: Contents, layer_id: str, names: tuple[str, ...]) -> Archived:
    line = _line(contents, layer_id)
    layers = tuple(f"{each}/layer.tar" for each, _ in line)
    document = {key: value for key, value in line[-1][1].items() if key not in _GONE}
    document["rootfs"] = {"type": "layers", "diff_ids": [contents.layer(name)[1].diff_id for name in layers]}
    document["history"] = [_history(raw) for _, raw in line]
    return Archived(json.dumps(document, separators=(",", ":"), sort_keys=True).encode(), layers, names)


def _line(contents: Contents, layer_id: str) -> list[tuple[str, Mapping[str, Any]]]:
    """From the lowest layer up."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    while layer_id:
        if not _ID.match(layer_id) or len(found) == _MAX_LAYERS:
            raise InvalidParameter(f"invalid archive: image id {layer_id!r}, or too many below it")
        raw = contents.json(f"{layer_id}/json")
        if not isinstance(raw, dict):
            raise InvalidParameter(f"invalid archive: {layer_id}/json: not an object")
        found.append((layer_id, raw))
        layer_id = str(raw.get("parent") or "")
    if not found:
        raise InvalidParameter("invalid archive: repositories name an image without id")
    return found[::-1]


def _history(raw: Mapping[str, Any]) -> dict[str, Any]:
    made = raw.get("container_config")
    command = made.get("Cmd") if isinstance(made, dict) else None
    entry = {
        "created": raw.get("created"),
        "author": raw.get("author"),
        "created_by": " ".join(map(str, command)) if isinstance(command, list) else "",
        "comment": raw.get("comment"),
    }
    return {key: value for key, value in entry.items() if value}
