"""Events in Docker's JSON, with the flat members that old clients read."""

from __future__ import annotations

from typing import Any

from fairlead.model.event import Event

_FLAT_TYPES = ("container", "image")


def render(event: Event) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if event.type in _FLAT_TYPES:
        value = {"status": event.action, "id": event.actor_id}
        if event.type == "container":
            value["from"] = event.attributes.get("image", "")
    return value | {
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.actor_id, "Attributes": dict(event.attributes)},
        "scope": "local",
        "time": event.time_ns // 10**9,
        "timeNano": event.time_ns,
    }
